"""A teacher small enough for tests: patches of 16×16 pixels, each a few numbers, averaged to `grid7`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from PIL import Image

from image_retrieval.training.drawn import drawn

CHANNELS = 6


def write_teacher(file: Path, seed: int = 3) -> Path:
    """Writes the teacher's ONNX file: outputs `grid7`, averaged from the map `patches`, and `mean`."""
    kernel = np.random.default_rng(seed).normal(0, 0.1, (CHANNELS, 3, 16, 16)).astype(np.float32)
    sixteen = {"kernel_shape": [16, 16], "strides": [16, 16]}
    nodes = [
        onnx.helper.make_node("Conv", ["x", "kernel"], ["patches"], **sixteen),
        onnx.helper.make_node("AveragePool", ["patches"], ["grid7"], kernel_shape=[2, 2], strides=[2, 2]),
        onnx.helper.make_node("GlobalAveragePool", ["x"], ["mean"]),
    ]

    def float_tensor(name: str, *shape: str | int) -> onnx.ValueInfoProto:
        return onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape)

    outputs = [float_tensor("grid7", "n", CHANNELS, 7, 7), float_tensor("mean", "n", 3, 1, 1)]
    numbers = [onnx.numpy_helper.from_array(kernel, "kernel")]
    graph = onnx.helper.make_graph(nodes, "tiny", [float_tensor("x", "n", 3, "h", "w")], outputs, numbers)
    opset = [onnx.helper.make_opsetid("", 15)]
    file.write_bytes(onnx.helper.make_model(graph, opset_imports=opset, ir_version=8).SerializeToString())
    return file


def write_photos(folder: Path, count: int = 6) -> Path:
    """Writes a folder of drawn pictures as photographs."""
    folder.mkdir(parents=True)
    for number in range(count):
        drawn(np.random.default_rng(number)).save(folder / f"photo-{number}.jpg")
    return folder


def plain(colour: str = "white", width: int = 40, height: int = 60) -> Image.Image:
    """A picture of one colour."""
    return Image.new("RGB", (width, height), colour)

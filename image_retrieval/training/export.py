"""Writes the student as ONNX with weights in half precision, and reads it back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from candidates.artifacts import atomic
from image_retrieval.training.onnx_package import onnx_package

if TYPE_CHECKING:
    from torch import nn

OPSET = 15

OUTPUT = "grid7"
"""The name of the fingerprint's output."""


@dataclass
class _Graph:
    """A network that is being written.

    Attributes:
        onnx: The package `onnx`.
        nodes: The operations, in order.
        numbers: The weights.
    """

    onnx: Any
    nodes: list[Any] = field(default_factory=list)
    numbers: list[Any] = field(default_factory=list)

    def add(self, kind: str, entries: list[str], out: str = "", **options: Any) -> str:
        """Adds a node and returns the name of its output."""
        name = out or f"t{len(self.nodes)}"
        self.nodes.append(self.onnx.helper.make_node(kind, entries, [name], **options))
        return name

    def constant(self, name: str, values: NDArray[np.floating]) -> str:
        """Adds weights as float16, with a node that converts them to float32 when the network is loaded."""
        self.numbers.append(self.onnx.numpy_helper.from_array(values.astype(np.float16), name))
        return self.add("Cast", [name], f"{name}.wide", to=self.onnx.TensorProto.FLOAT)

    def convolution(self, entry: str, layer: Any, name: str) -> str:
        """Adds a convolution with its normalisation folded in."""
        from image_retrieval.training.network import folded

        kernel, bias = folded(layer)
        inner = layer.convolution
        weights = [self.constant(f"{name}.kernel", kernel.numpy()), self.constant(f"{name}.bias", bias.numpy())]
        pads, strides = list(inner.padding) * 2, list(inner.stride)
        return self.add("Conv", [entry, *weights], pads=pads, strides=strides, kernel_shape=list(inner.kernel_size))


def write_onnx(network: nn.Sequential, side: int, file: Path, grid: int = 7) -> None:
    """Writes a body as an ONNX file: pictures `x` (n, 3, side, side) to `grid7` (n, channels, 7, 7).

    Args:
        network: The trained body.
        side: Width and height of its input.
        file: The file, which is written atomically.
        grid: Rows and columns of the averaged map.
    """
    onnx = onnx_package()
    graph = _Graph(onnx)
    maps = "x"
    channels = 3
    for at, layer in enumerate(network):
        maps = _layer(graph, maps, layer, f"layer{at}")
        channels = _channels(layer, channels)
    window = side // 8 // grid
    graph.add("AveragePool", [maps], OUTPUT, kernel_shape=[window, window], strides=[window, window])
    entry = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ["n", 3, side, side])
    out = onnx.helper.make_tensor_value_info(OUTPUT, onnx.TensorProto.FLOAT, ["n", channels, grid, grid])
    whole = onnx.helper.make_graph(graph.nodes, "own", [entry], [out], graph.numbers)
    opset = [onnx.helper.make_opsetid("", OPSET)]
    model = onnx.helper.make_model(whole, opset_imports=opset, producer_name="variant-candidates", ir_version=8)
    onnx.checker.check_model(model)
    with atomic(file) as temporary:
        temporary.write_bytes(model.SerializeToString(deterministic=True))


def _channels(layer: Any, channels: int) -> int:
    """The number of output channels of a layer; a residual block keeps its number of input channels."""
    return channels if hasattr(layer, "widen") else int(layer.around.convolution.out_channels)


def _layer(graph: _Graph, entry: str, layer: Any, name: str) -> str:
    if not hasattr(layer, "widen"):
        return graph.add("Relu", [graph.convolution(entry, layer.around, f"{name}.around")])
    maps = graph.add("Relu", [graph.convolution(entry, layer.narrow, f"{name}.narrow")])
    maps = graph.add("Relu", [graph.convolution(maps, layer.around, f"{name}.around")])
    maps = graph.convolution(maps, layer.widen, f"{name}.widen")
    return graph.add("Relu", [graph.add("Add", [entry, maps])])


def read_onnx(file: Path) -> nn.Sequential:
    """Reads a body that `write_onnx` wrote, to train it further.

    Its normalisations were folded into the convolutions, so the ones created here initially have no effect.
    """
    import torch

    from image_retrieval.training.network import Convolution, body

    onnx = onnx_package()
    initializers = onnx.load(str(file)).graph.initializer
    numbers = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in initializers}
    network = body(shape_of(numbers))
    for name, layer in _convolutions(network):
        assert isinstance(layer, Convolution)
        kernel, bias = (torch.from_numpy(numbers[f"{name}.{part}"].astype(np.float32)) for part in ("kernel", "bias"))
        with torch.no_grad():
            layer.convolution.weight.copy_(kernel)
            layer.norm.bias.copy_(bias)
            # So that the variance and the epsilon added to it sum to one.
            assert layer.norm.running_var is not None
            layer.norm.running_var.fill_(1 - layer.norm.eps)
    return network


def _convolutions(network: nn.Sequential) -> Iterator[tuple[str, Any]]:
    """The convolutions with their names in the file."""
    for at, layer in enumerate(network):
        parts = ("narrow", "around", "widen") if hasattr(layer, "widen") else ("around",)
        yield from ((f"layer{at}.{part}", getattr(layer, part)) for part in parts)


def shape_of(numbers: dict[str, NDArray[Any]]) -> Any:
    """The shape of the network with these weights."""
    from image_retrieval.training.network import Shape

    layers = len({name.split(".")[0] for name in numbers})
    residual = [f"layer{at}.narrow.kernel" in numbers for at in range(layers)]
    halvings = [at for at, is_residual in enumerate(residual) if not is_residual]

    def width(at: int, part: str) -> int:
        return int(numbers[f"layer{at}.{part}.kernel"].shape[0])

    last = halvings[2]
    return Shape(
        width(0, "around"),
        (width(1, "around"), width(2, "narrow")),
        (width(last, "around"), width(last + 1, "narrow")),
        (last - 2, len(residual) - last - 1),
    )

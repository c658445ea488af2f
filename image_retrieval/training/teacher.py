"""The teacher: a middle map of a pretrained network, before it is averaged to a coarse grid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from candidates.errors import ModelMissing, SettingsError
from image_retrieval.encoders.batches import each, network_input
from image_retrieval.encoders.weights import digest_file, weights_file

if TYPE_CHECKING:
    from PIL.Image import Image

OUTPUT = "grid7"
"""The output whose map, before averaging, is used."""

_SIDE = 224


@dataclass(frozen=True, eq=False)
class Teacher:
    """A network cut at a middle map.

    Attributes:
        name: The file's name, the output and the file's digest.
        shape: Channels, rows and columns of the map.
        side: Width and height of its input.
        session: onnxruntime's session, on one thread.
        threads: Pictures processed in parallel.
    """

    name: str
    shape: tuple[int, int, int]
    side: int
    session: Any = field(repr=False)
    threads: int = 1

    @classmethod
    def open(cls, file: Path, threads: int, output: str = OUTPUT) -> Teacher:
        """Opens an image network and cuts it before the averaging that produces `output`.

        If the output is not an average, it is used as it is.

        Raises:
            ModelMissing: There is no such file, or it is not an ONNX network.
            SettingsError: The network has no such output, or the output is not a map.
        """
        import onnxruntime

        weights_file(file, "Name the teacher's ONNX file with --teacher")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        content = cut_before_averaging(file, output)
        session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        entry = session.get_inputs()[0]
        side = entry.shape[2] if isinstance(entry.shape[2], int) else _SIDE
        shape = session.run(None, {entry.name: np.zeros((1, 3, side, side), np.float32)})[0].shape
        if len(shape) != 4 or shape[2] < 2:
            raise SettingsError(
                f"{file.name}: {output!r} is not a map, its shape is {shape}", f"Use an output such as {OUTPUT}"
            )
        return cls(f"{file.name}#{output}:{digest_file(file)}", tuple(shape[1:]), side, session, threads)

    def maps(self, batch: Sequence[Image]) -> NDArray[np.float16]:
        """The maps of pictures, float16 (len(batch), channels, rows, columns)."""
        entry = self.session.get_inputs()[0].name

        def map_of(image: Image) -> NDArray[np.float16]:
            pixels = network_input([image], self.side, self.side)
            maps: NDArray[np.float32] = self.session.run(None, {entry: pixels})[0]
            half: NDArray[np.float16] = maps[0].astype(np.float16)
            return half

        return np.stack(each(map_of, batch, self.threads))


def cut_before_averaging(file: Path, output: str) -> bytes:
    """The network as bytes, with one output: the map whose average is `output`."""
    from image_retrieval.training.onnx_package import onnx_package

    onnx = onnx_package()
    try:
        model = onnx.load(str(file))
    except Exception as error:  # protobuf's errors derive from Exception alone.
        raise ModelMissing(f"{file} is not an ONNX network ({error})", "Name the teacher's ONNX file") from error
    names = [node.name for node in model.graph.output]
    if output not in names:
        raise SettingsError(f"{file.name} has no output {output!r}", f"Use one of {', '.join(names)}")
    maker = next((node for node in model.graph.node if output in node.output), None)
    taken = maker.input[0] if maker is not None and maker.op_type == "AveragePool" else output
    entry = onnx.helper.make_tensor_value_info(taken, onnx.TensorProto.FLOAT, None)
    del model.graph.output[:]
    model.graph.output.append(entry)
    content: bytes = model.SerializeToString()
    return content

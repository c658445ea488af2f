"""The teacher: a middle map of a network trained by others, before it is averaged to a coarse grid."""

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
"""The output before whose averaging the map is taken."""

_SIDE = 224


@dataclass(frozen=True, eq=False)
class Teacher:
    """A network cut at a middle map.

    Attributes:
        name: Its file's name and digest, and what is taken of it.
        shape: Channels, rows and columns of the map.
        side: Width and height of its input.
        session: onnxruntime's session, on one thread.
        threads: Pictures that run at once.
    """

    name: str
    shape: tuple[int, int, int]
    side: int
    session: Any = field(repr=False)
    threads: int = 1

    @classmethod
    def open(cls, file: Path, threads: int, output: str = OUTPUT) -> Teacher:
        """Opens a network of pictures and cuts it before the averaging that makes `output`.

        An output that nothing averages is taken as it is.

        Raises:
            ModelMissing: There is no such file, or it is no ONNX network.
            SettingsError: It has no such output, or what is taken is no map.
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
            raise SettingsError(f"{file.name}: {output!r} is no map, its shape is {shape}", f"Name one as {OUTPUT}")
        return cls(f"{file.name}#{output}:{digest_file(file)}", tuple(shape[1:]), side, session, threads)

    def maps(self, batch: Sequence[Image]) -> NDArray[np.float16]:
        """The maps of pictures, float16 (len(batch), channels, rows, columns)."""
        entry = self.session.get_inputs()[0].name

        def one(image: Image) -> NDArray[np.float16]:
            found: NDArray[np.float32] = self.session.run(None, {entry: network_input([image], self.side, self.side)})[
                0
            ]
            half: NDArray[np.float16] = found[0].astype(np.float16)
            return half

        return np.stack(each(one, batch, self.threads))


def cut_before_averaging(file: Path, output: str) -> bytes:
    """The network as bytes, with one output: what was averaged to make `output`."""
    from image_retrieval.training.onnx_package import onnx_package

    onnx = onnx_package()
    try:
        model = onnx.load(str(file))
    except Exception as error:  # protobuf's errors derive from Exception alone.
        raise ModelMissing(f"{file} is no ONNX network ({error})", "Name the teacher's ONNX file") from error
    names = [one.name for one in model.graph.output]
    if output not in names:
        raise SettingsError(f"{file.name} has no output {output!r}", f"Take one of {', '.join(names)}")
    maker = next((node for node in model.graph.node if output in node.output), None)
    taken = maker.input[0] if maker is not None and maker.op_type == "AveragePool" else output
    entry = onnx.helper.make_tensor_value_info(taken, onnx.TensorProto.FLOAT, None)
    del model.graph.output[:]
    model.graph.output.append(entry)
    content: bytes = model.SerializeToString()
    return content

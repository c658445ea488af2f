"""Any ONNX network and any of its outputs, by onnxruntime."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from candidates.errors import ModelMissing, SettingsError
from candidates.vectors import normalised
from image_retrieval.encoders.batches import each, network_input
from image_retrieval.encoders.grid import Grid, flattened, split_grid
from image_retrieval.encoders.weights import digest_file, weights_file

if TYPE_CHECKING:
    from PIL.Image import Image

_SIDE = 224
_TYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16}


@dataclass(frozen=True, eq=False)
class OnnxEncoder:
    """One output of an ONNX network, flattened, or averaged to a grid first.

    Pictures go in as the network's one input: NCHW, RGB, on a white box of the network's own size (224×224
    where it leaves that open), bicubic, scaled by ImageNet's mean and deviation.

    Attributes:
        version: File name, output, digest of the file, and how pictures go in.
        dimensions: Length of the flattened output.
        size: Width and height of the input.
        output: Name of the output taken.
        grid: Places to which the output is averaged; None: it is taken as it is.
        session: onnxruntime's session, on one thread.
        threads: Pictures that run at once.
    """

    version: str
    dimensions: int
    size: tuple[int, int]
    output: str
    grid: Grid | None
    session: Any = field(repr=False)
    threads: int = 1

    @classmethod
    def open(cls, file: Path, output: str, threads: int) -> OnnxEncoder:
        """Opens a network.

        Args:
            file: The network.
            output: Name of its output, as `grid7`; with `@7x7` (width, height) it is averaged to so many places.
            threads: Pictures that run at once.

        Raises:
            ModelMissing: There is no such file, or it is no ONNX network.
            SettingsError: The network has no such output (those it has are listed), its output is no map that a
                grid fits, or it takes no pictures.
        """
        session = _session(file)
        output, grid = split_grid(output)
        names = [one.name for one in session.get_outputs()]
        if output not in names:
            raise SettingsError(f"{file.name} has no output {output!r}", f"Write onnx:FILE#{' or #'.join(names)}")
        width, height = _input_size(file, session)
        taken = f"{output}@{grid}" if grid else output
        version = f"onnx:{file.name}#{taken}:{digest_file(file)}:{width}x{height}:white:imagenet:1"
        encoder = cls(version, 0, (width, height), output, grid, session, threads)
        # Shapes may be left open, so the length of the output is known by trying.
        blank = np.zeros((1, 3, height, width), np.float32)
        return replace(encoder, dimensions=encoder._forward(blank).shape[1])

    def encode(self, batch: Sequence[Image]) -> NDArray[np.float32]:
        """Encodes pictures: float32 (len(batch), dimensions), rows at length one."""
        if not batch:
            return np.zeros((0, self.dimensions), np.float32)
        # One picture at a time stays within the processor's cache: a third of the time that 32 together take.
        step = self._entry_batch or 1
        slices = [batch[start : start + step] for start in range(0, len(batch), step)]
        rows = each(lambda some: self._forward(network_input(some, *self.size)), slices, self.threads)
        return normalised(np.concatenate(rows))

    @property
    def _entry_batch(self) -> int:
        """The number of pictures that the network was fixed to when exported; 0 where it is open."""
        size = self.session.get_inputs()[0].shape[0]
        return size if isinstance(size, int) else 0

    def _forward(self, pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        entry = self.session.get_inputs()[0]
        blanks = np.zeros((max(0, self._entry_batch - len(pixels)), *pixels.shape[1:]), np.float32)
        filled = np.concatenate([pixels, blanks]).astype(_TYPES[entry.type], copy=False)
        values: NDArray[np.floating] = self.session.run([self.output], {entry.name: filled})[0]
        return flattened(values[: len(pixels)], self.grid, f"the output {self.output!r}")


def _session(file: Path) -> Any:
    import onnxruntime

    fix = "Give the file as onnx:FILE#OUTPUT, or use the model `hog`, which needs none"
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    path = weights_file(file, fix)
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's own errors derive from Exception alone.
        raise ModelMissing(f"{path} is no ONNX network that can be run ({error})", fix) from error


def _input_size(file: Path, session: Any) -> tuple[int, int]:
    entries = session.get_inputs()
    shape = entries[0].shape
    if len(entries) != 1 or len(shape) != 4 or shape[1] != 3 or entries[0].type not in _TYPES:
        raise SettingsError(
            f"{file.name} takes {[(one.shape, one.type) for one in entries]}, not pictures (n, 3, height, width)",
            "Use a network with one RGB picture input of float numbers",
        )
    height, width = (one if isinstance(one, int) else _SIDE for one in shape[2:])
    return width, height

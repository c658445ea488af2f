"""Encodes pictures with any output of any ONNX network, run by onnxruntime."""

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

    Pictures are the network's only input: NCHW, RGB, in a white box of the network's own size (224×224 if it accepts
    any), bicubic, normalised with ImageNet's mean and deviation.

    Attributes:
        version: File name, output, digest of the file, and how pictures are prepared.
        dimensions: Length of the flattened output.
        size: Width and height of the input.
        output: Name of the output.
        grid: Grid to which the output is averaged, or None.
        session: onnxruntime's session, on one thread.
        threads: Pictures encoded in parallel.
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
            output: Name of its output, such as `grid7`; with `@7x7` (width, height) it is averaged to a grid.
            threads: Pictures encoded in parallel.

        Raises:
            ModelMissing: There is no such file, or it is not an ONNX network.
            SettingsError: The network has no such output (its outputs are listed), the output is not a map that can be
                averaged to a grid, or the input is not pictures.
        """
        session = _session(file)
        output, grid = split_grid(output)
        names = [node.name for node in session.get_outputs()]
        if output not in names:
            raise SettingsError(f"{file.name} has no output {output!r}", f"Write onnx:FILE#{' or #'.join(names)}")
        width, height = _input_size(file, session)
        taken = f"{output}@{grid}" if grid else output
        version = f"onnx:{file.name}#{taken}:{digest_file(file)}:{width}x{height}:white:imagenet:1"
        encoder = cls(version, 0, (width, height), output, grid, session, threads)
        # The network may leave shapes open, so the length of the output is found by running it once.
        blank = np.zeros((1, 3, height, width), np.float32)
        return replace(encoder, dimensions=encoder._forward(blank).shape[1])

    def encode(self, batch: Sequence[Image]) -> NDArray[np.float32]:
        """Encodes pictures: float32 (len(batch), dimensions), rows of unit length."""
        if not batch:
            return np.zeros((0, self.dimensions), np.float32)
        # One picture at a time fits into the processor's cache, which is faster (docs/notes-on-choices.md).
        step = self._entry_batch or 1
        slices = [batch[start : start + step] for start in range(0, len(batch), step)]
        rows = each(lambda pictures: self._forward(network_input(pictures, *self.size)), slices, self.threads)
        return normalised(np.concatenate(rows))

    @property
    def _entry_batch(self) -> int:
        """The batch size that the network was exported with; 0 if it accepts any."""
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

    fix = "Name an existing file as onnx:FILE#OUTPUT, or use the model `own`, which is part of the package"
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    path = weights_file(file, fix)
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's own errors derive from Exception alone.
        raise ModelMissing(f"{path} is not an ONNX network that can be run ({error})", fix) from error


def _input_size(file: Path, session: Any) -> tuple[int, int]:
    entries = session.get_inputs()
    shape = entries[0].shape
    if len(entries) != 1 or len(shape) != 4 or shape[1] != 3 or entries[0].type not in _TYPES:
        raise SettingsError(
            f"{file.name} takes {[(entry.shape, entry.type) for entry in entries]}, not pictures (n, 3, height, width)",
            "Use a network with one input, RGB pictures of floats",
        )
    height, width = (length if isinstance(length, int) else _SIDE for length in shape[2:])
    return width, height

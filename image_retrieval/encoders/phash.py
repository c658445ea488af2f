"""The perceptual hash: the signs of a picture's 64 lowest frequencies, for nearly identical pictures.

C. Zauner, "Implementation and Benchmarking of Perceptual Image Hash Functions", diploma thesis, Upper Austria
University of Applied Sciences, 2010.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from candidates.vectors import normalised
from image_retrieval.encoders.batches import each

if TYPE_CHECKING:
    from PIL.Image import Image

_SIDE = 32
_FREQUENCIES = 8


@dataclass(frozen=True)
class PhashEncoder:
    """64 bits as ±1: whether each of the lowest frequencies of the grey 32×32 picture is above their median.

    The cosine of two rows is 1 − 2h / 64, where h is the Hamming distance of the hashes. A picture of one colour has no
    frequencies to compare; its row is zero.

    Attributes:
        threads: Pictures encoded in parallel.
    """

    threads: int = 1

    version: ClassVar[str] = "phash:32:8x8:median:1"
    size: ClassVar[tuple[int, int]] = (_SIDE, _SIDE)
    dimensions: ClassVar[int] = _FREQUENCIES**2

    def encode(self, batch: Sequence[Image]) -> NDArray[np.float32]:
        """Encodes pictures: float32 (len(batch), 64), rows of unit length (or zero)."""
        from scipy.fft import dctn

        if not batch:
            return np.zeros((0, self.dimensions), np.float32)
        pixels = np.stack(each(_shrunk, batch, self.threads)).astype(np.float64)
        lowest = dctn(pixels, axes=(1, 2), norm="ortho")[:, :_FREQUENCIES, :_FREQUENCIES].reshape(len(batch), -1)
        signs = np.where(lowest > np.median(lowest, axis=1, keepdims=True), 1, -1)
        # The first frequency is the mean brightness; a picture of one colour has no other.
        signs[np.abs(lowest[:, 1:]).max(axis=1) < 1e-6] = 0
        return normalised(signs)


def _shrunk(image: Image) -> NDArray[np.uint8]:
    from PIL.Image import Resampling

    grey = image.convert("L").resize((_SIDE, _SIDE), Resampling.BICUBIC, reducing_gap=3.0)
    return np.asarray(grey)

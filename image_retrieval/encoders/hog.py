"""Histograms of oriented gradients: the shape of a garment, without any weights.

N. Dalal and B. Triggs, "Histograms of Oriented Gradients for Human Detection", CVPR 2005.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from candidates.vectors import normalised
from image_retrieval.encoders.batches import each
from image_retrieval.encoders.foreground import SUBJECT, subject_of
from image_retrieval.pictures import padded

if TYPE_CHECKING:
    from PIL.Image import Image


@dataclass(frozen=True)
class HogEncoder:
    """HOG of the grey picture in a white box of 128×192 pixels.

    Cells of 16×16 pixels, 9 orientations, overlapping blocks of 2×2 cells, L2-Hys. Gradients are taken of the square
    roots of grey values, so that a dark garment's folds count as much as a light one's. A picture of one colour has no
    gradients; its row is zero.

    Attributes:
        threads: Pictures encoded in parallel.
    """

    threads: int = 1

    version: ClassVar[str] = "hog:128x192:grey:cell16:block2:orientations9:sqrt:l2hys:1"
    size: ClassVar[tuple[int, int]] = (128, 192)
    dimensions: ClassVar[int] = (192 // 16 - 1) * (128 // 16 - 1) * 2 * 2 * 9

    def encode(self, batch: Sequence[Image]) -> NDArray[np.float32]:
        """Encodes pictures: float32 (len(batch), 2772), rows of unit length (or zero)."""
        return _rows(each(_hog, batch, self.threads))


@dataclass(frozen=True)
class HogCropEncoder:
    """HOG of the subject's bounding box, so that the garment's position in the picture does not matter.

    Attributes:
        threads: Pictures encoded in parallel.
    """

    threads: int = 1

    version: ClassVar[str] = f"hog-crop:{SUBJECT}:{HogEncoder.version}"
    size: ClassVar[tuple[int, int]] = HogEncoder.size
    dimensions: ClassVar[int] = HogEncoder.dimensions

    def encode(self, batch: Sequence[Image]) -> NDArray[np.float32]:
        """Encodes pictures: float32 (len(batch), 2772), rows of unit length (or zero)."""
        return _rows(each(lambda image: _hog(image.crop(subject_of(image).box)), batch, self.threads))


def _rows(histograms: list[NDArray[np.float32]]) -> NDArray[np.float32]:
    return normalised(np.stack(histograms)) if histograms else np.zeros((0, HogEncoder.dimensions), np.float32)


def _hog(image: Image) -> NDArray[np.float32]:
    from skimage.feature import hog

    grey = np.sqrt(padded(image.convert("L"), *HogEncoder.size).astype(np.float32) / 255)
    row: NDArray[np.float32] = hog(
        grey, orientations=9, pixels_per_cell=(16, 16), cells_per_block=(2, 2), block_norm="L2-Hys"
    )
    return row

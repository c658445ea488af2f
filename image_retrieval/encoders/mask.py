"""The foreground mask: a garment's outline, without anything on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from candidates.vectors import normalised
from image_retrieval.encoders.batches import each
from image_retrieval.encoders.foreground import SUBJECT, subject_of

if TYPE_CHECKING:
    from PIL.Image import Image

_WIDTH, _HEIGHT = 24, 36


@dataclass(frozen=True)
class MaskEncoder:
    """The share of foreground at 24×36 places of the picture, fitted into a box with the aspect ratio 2:3.

    A picture without foreground has a row of zeros.

    Attributes:
        threads: Pictures encoded in parallel.
    """

    threads: int = 1

    version: ClassVar[str] = f"mask:{_WIDTH}x{_HEIGHT}:{SUBJECT}:1"
    size: ClassVar[tuple[int, int]] = (96, 144)
    dimensions: ClassVar[int] = _WIDTH * _HEIGHT

    def encode(self, batch: Sequence[Image]) -> NDArray[np.float32]:
        """Encodes pictures: float32 (len(batch), 864), rows of unit length (or zero)."""
        rows = each(_mask, batch, self.threads)
        return normalised(np.stack(rows)) if rows else np.zeros((0, self.dimensions), np.float32)


def _mask(image: Image) -> NDArray[np.float32]:
    width, height = MaskEncoder.size
    mask = subject_of(image).mask
    rows, columns = mask.shape
    boxed = np.zeros((height, width), np.float32)
    top, left = (height - rows) // 2, (width - columns) // 2
    boxed[top : top + rows, left : left + columns] = mask
    shares: NDArray[np.float32] = boxed.reshape(_HEIGHT, height // _HEIGHT, _WIDTH, width // _WIDTH).mean(axis=(1, 3))
    return shares.ravel()

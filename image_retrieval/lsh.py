"""Random-projection LSH: vectors to packed binary codes whose Hamming distance estimates the angle.

M. S. Charikar, "Similarity Estimation Techniques from Rounding Algorithms", STOC 2002: a random hyperplane separates
two vectors with probability angle / π, so the share of differing bits estimates the angle between them.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from candidates.errors import VersionMismatch

_TILE = 2**22
"""Projections held at once (16 MiB of float32)."""


@dataclass(frozen=True, eq=False)
class Hyperplanes:
    """Seeded random hyperplanes through the origin.

    Attributes:
        dimensions: d, the length of the input vectors.
        bits: Number of hyperplanes, a multiple of 8.
        seed: The same seed gives the same planes in every process.
        normals: float32 (d, bits), standard normal.
    """

    dimensions: int
    bits: int
    seed: int
    normals: NDArray[np.float32] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Draws the planes."""
        # RandomState's stream is guaranteed never to change; that of numpy's newer generators may.
        drawn = np.random.RandomState(self.seed).standard_normal((self.dimensions, self.bits))
        object.__setattr__(self, "normals", drawn.astype(np.float32))

    @property
    def version(self) -> str:
        """Identifies the planes; codes of two versions are never mixed."""
        return f"lsh-{self.bits}-of-{self.dimensions}-seed{self.seed}"

    def codes(self, vectors: NDArray[np.floating]) -> NDArray[np.uint8]:
        """Hashes vectors, (n, d), to packed codes, uint8 (n, bits / 8).

        Bit j is set if the vector is on the positive side of plane j. Bits are packed in order, the first one highest:
        bit j is bit 7 − j mod 8 of byte j // 8.

        Raises:
            VersionMismatch: The vectors are of another length.
        """
        if vectors.shape[1] != self.dimensions:
            raise VersionMismatch(
                f"the vectors have {vectors.shape[1]} dimensions, the hyperplanes are for {self.dimensions}",
                "Encode with the same model and base",
            )
        codes = np.empty((len(vectors), self.bits // 8), np.uint8)
        step = max(1, _TILE // max(self.bits, self.dimensions))
        for start in range(0, len(vectors), step):
            tile = np.asarray(vectors[start : start + step], np.float32)
            codes[start : start + step] = np.packbits(tile @ self.normals > 0, axis=1)
        return codes

"""Stacked random rotations: binary codes whose bits within one rotation look in directions at right angles.

Jégou, Furon, Fuchs, *Anti-sparse coding for approximate nearest neighbor search*, ICASSP 2012, and Gong et al.,
*Iterative Quantization*, TPAMI 2013, take a random rotation in place of independent hyperplanes: no two of its
directions measure the same thing twice, so that as many bits say more. It pays where vectors are short and all
their directions count, as behind a whitening projection.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from image_retrieval.lsh import Hyperplanes


@dataclass(frozen=True, eq=False)
class Rotations(Hyperplanes):
    """Seeded random hyperplanes that are at right angles to each other, d at a time.

    The normals are the columns of ⌈bits / d⌉ random rotations beside each other, of the last one as many as bits
    are left; where there are fewer bits than dimensions, they are that many columns of one. Each bit by itself is
    distributed as one of `Hyperplanes`, so the share of differing bits estimates the angle, with less scatter.

    Attributes:
        normals: float32 (d, bits), columns of length one.
    """

    def __post_init__(self) -> None:
        """Draws the rotations."""
        random = np.random.RandomState(self.seed)
        widths = [min(self.dimensions, self.bits - start) for start in range(0, self.bits, self.dimensions)]
        drawn = [_orthonormal(random, self.dimensions, width) for width in widths]
        object.__setattr__(self, "normals", np.concatenate(drawn, axis=1).astype(np.float32))

    @property
    def version(self) -> str:
        """Names the rotations: codes of two versions never mix."""
        return f"rotations-{self.bits}-of-{self.dimensions}-seed{self.seed}"


def _orthonormal(random: np.random.RandomState, dimensions: int, width: int) -> NDArray[np.float64]:
    """The first `width` columns of a random rotation, every rotation equally likely.

    Mezzadri, *How to generate random matrices from the classical compact groups*, Notices of the AMS 54, 2007: the
    signs of a QR decomposition are the library's choice, and uniform only once R's diagonal is made positive.
    """
    directions, triangle = np.linalg.qr(random.standard_normal((dimensions, width)))
    return directions * np.where(np.diagonal(triangle) < 0, -1.0, 1.0)


CODES: dict[str, type[Hyperplanes]] = {"hyperplanes": Hyperplanes, "rotations": Rotations}
"""The kinds of codes by name."""

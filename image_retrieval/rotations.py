"""Stacked random rotations: binary codes whose bits, within one rotation, come from orthogonal directions.

H. Jégou, T. Furon and J.-J. Fuchs, "Anti-sparse coding for approximate nearest neighbor search", ICASSP 2012, and
Y. Gong, S. Lazebnik, A. Gordo and F. Perronnin, "Iterative Quantization: A Procrustean Approach to Learning Binary
Codes for Large-Scale Image Retrieval", IEEE TPAMI 35(12), 2013, use a random rotation instead of independent
hyperplanes. No two of its directions measure the same thing, so the same number of bits carries more information. It
helps most if vectors are short and all their directions matter, as after a whitening projection.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from image_retrieval.lsh import Hyperplanes


@dataclass(frozen=True, eq=False)
class Rotations(Hyperplanes):
    """Seeded random hyperplanes that are orthogonal to each other, d at a time.

    The normals are the columns of ⌈bits / d⌉ random rotations, of which the last one contributes as many columns as are
    still needed. Each single bit has the same distribution as a bit of `Hyperplanes`, so the share of differing bits
    estimates the angle too, with less variance.

    Attributes:
        normals: float32 (d, bits), columns of unit length.
    """

    def __post_init__(self) -> None:
        """Draws the rotations."""
        random = np.random.RandomState(self.seed)
        widths = [min(self.dimensions, self.bits - start) for start in range(0, self.bits, self.dimensions)]
        drawn = [_orthonormal(random, self.dimensions, width) for width in widths]
        object.__setattr__(self, "normals", np.concatenate(drawn, axis=1).astype(np.float32))

    @property
    def version(self) -> str:
        """Identifies the rotations; codes of two versions are never mixed."""
        return f"rotations-{self.bits}-of-{self.dimensions}-seed{self.seed}"


def _orthonormal(random: np.random.RandomState, dimensions: int, width: int) -> NDArray[np.float64]:
    """The first `width` columns of a uniformly distributed random rotation.

    F. Mezzadri, "How to Generate Random Matrices from the Classical Compact Groups", Notices of the AMS 54(5), 2007:
    the signs of a QR decomposition depend on the library, and the result is only uniform if R's diagonal is made
    positive.
    """
    directions, triangle = np.linalg.qr(random.standard_normal((dimensions, width)))
    return directions * np.where(np.diagonal(triangle) < 0, -1.0, 1.0)


CODES: dict[str, type[Hyperplanes]] = {"hyperplanes": Hyperplanes, "rotations": Rotations}
"""The kinds of codes by name."""

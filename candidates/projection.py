"""`Projection`: an affine map into a space where variants are close; a replaceable head on stored vectors."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from candidates.artifacts import atomic
from candidates.errors import ModelMissing, VariantsError, VersionMismatch
from candidates.vectors import Vectors, normalised

_BLOCK = 2**22
"""Input numbers held as float32 at once (16 MiB)."""


@dataclass(frozen=True, eq=False)
class Projection:
    """Subtracts a mean, multiplies by a matrix, and scales each row to unit length.

    An all-zero row means that there is nothing (no picture, no text); it stays zero.

    Attributes:
        matrix: float32 (D, d).
        mean: float32 (D,).
        made_for: The version of the vectors that it maps: their encoder and base.
    """

    matrix: NDArray[np.float32]
    mean: NDArray[np.float32]
    made_for: str

    def __post_init__(self) -> None:
        """Checks shapes, types and values; only a bug, or a file that was edited, fails here."""
        if self.matrix.ndim != 2 or self.mean.shape != self.matrix.shape[:1]:
            raise ModelMissing(f"a projection with a {self.matrix.shape} matrix can't have a {self.mean.shape} mean")
        if self.matrix.dtype != np.float32 or self.mean.dtype != np.float32:
            raise ModelMissing(f"a projection must be float32, not {self.matrix.dtype} and {self.mean.dtype}")
        if not (np.isfinite(self.matrix).all() and np.isfinite(self.mean).all()):
            raise ModelMissing("a projection contains numbers that are not finite")

    @property
    def width(self) -> int:
        """D, the length of the input vectors."""
        return int(self.matrix.shape[0])

    @property
    def dimensions(self) -> int:
        """d, the length of the output vectors."""
        return int(self.matrix.shape[1])

    @cached_property
    def version(self) -> str:
        """A name derived from the numbers and from `made_for`; usable in a file name."""
        sha = hashlib.sha256(f"{self.matrix.shape} {self.made_for}".encode())
        for numbers in (self.matrix, self.mean):
            sha.update(np.ascontiguousarray(numbers, "<f4").tobytes())
        return f"head-{self.dimensions}-of-{self.width}-{sha.hexdigest()[:16]}"

    def apply(self, vectors: Vectors) -> Vectors:
        """Maps vectors block by block, so that a memory-mapped file is never read into memory as a whole.

        Returns:
            Vectors of unit length (zero rows stay zero), in the input's type (float16 or float32).

        Raises:
            VersionMismatch: The vectors were made by another version than this projection was learned for.
            VariantsError: A vector contains a number that is not finite.
        """
        if vectors.version != self.made_for or vectors.dimensions != self.width:
            raise VersionMismatch(
                f"this projection was learned for vectors of {self.made_for!r} ({self.width} dimensions), "
                f"not of {vectors.version!r} ({vectors.dimensions})",
                "Encode with the same model and base, or learn the projection again",
            )
        mapped = np.empty((len(vectors), self.dimensions), vectors.values.dtype)
        for rows in _blocks(len(vectors), self.width):
            block = np.asarray(vectors.values[rows], np.float32)
            _refuse_non_finite(block, vectors, rows.start)
            mapped[rows] = self.map_block(block)
        return Vectors(vectors.axis, mapped, self.version)

    def map_block(self, block: NDArray[np.floating]) -> NDArray[np.float32]:
        """Maps plain rows, (n, D) to float32 (n, d), without checking their version."""
        rows = np.asarray(block, np.float32)
        mapped = normalised((rows - self.mean) @ self.matrix)
        mapped[~rows.any(axis=1)] = 0
        return mapped

    def save(self, path: Path) -> None:
        """Writes the projection atomically as an `.npz` file of plain arrays and JSON."""
        about = json.dumps({"made_for": self.made_for, "version": self.version}, sort_keys=True)
        with atomic(path) as temporary, temporary.open("wb") as file:
            np.savez(file, matrix=self.matrix, mean=self.mean, about=np.frombuffer(about.encode(), np.uint8))

    @classmethod
    def open(cls, path: Path) -> Projection:
        """Reads a projection; raises `ModelMissing` if the file is missing, truncated or changed."""
        fix = "Learn it again, or download the model again"
        try:
            with np.load(path, allow_pickle=False) as stored:
                about = json.loads(stored["about"].tobytes())
                projection = cls(stored["matrix"], stored["mean"], str(about["made_for"]))
                version = about["version"]
        except Exception as error:  # zipfile, zlib, json and numpy raise many kinds of errors for a damaged file.
            reason = " ".join(str(error).split())
            raise ModelMissing(f"{path}: the projection can't be read ({reason})", fix) from error
        if projection.version != version:
            raise ModelMissing(f"{path}: the contents have changed since they were saved", fix)
        return projection


def _blocks(rows: int, width: int) -> Iterator[slice]:
    height = max(1, _BLOCK // max(1, width))
    return (slice(start, min(start + height, rows)) for start in range(0, rows, height))


def _refuse_non_finite(block: NDArray[np.float32], vectors: Vectors, start: int) -> None:
    finite = np.isfinite(block).all(axis=1)
    if not finite.all():
        name = vectors.axis[start + int(np.flatnonzero(~finite)[0])]
        raise VariantsError(f"the vector of {name!r} has a number that is not finite", "Encode this product again")

"""The frozen, label-free base: an encoder's long vectors shortened once, their cosines kept."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from candidates.artifacts import atomic
from candidates.errors import RunFolderError, VersionMismatch


@dataclass(frozen=True, eq=False)
class Base:
    """A linear map onto the directions in which a sample's vectors are longest.

    No mean is subtracted: cosines of the shortened vectors are those of the whole ones, as nearly as so few
    dimensions allow, and a learned head may still centre them.

    Attributes:
        width: D, the length of the vectors taken.
        matrix: float32 (D, d) with orthonormal columns; None keeps vectors as they are.
    """

    width: int
    matrix: NDArray[np.float32] | None = None

    @classmethod
    def fit(cls, sample: NDArray[np.float32], dimensions: int, seed: int) -> Base:
        """Takes the leading right singular vectors of a sample, found by randomised iteration.

        Halko, Martinsson and Tropp, *Finding Structure with Randomness*, SIAM Review 2011.

        Args:
            sample: float32 (n, D).
            dimensions: d; 0 keeps all. All are kept too where D or n is no greater: n pictures say nothing
                about directions in which they do not lie, but the catalogue's next pictures may.
            seed: Seed of the iteration's start.
        """
        rows, width = sample.shape
        if dimensions == 0 or min(rows, width) <= dimensions:
            return cls(width)
        from sklearn.utils.extmath import randomized_svd

        # One iteration, steadied by LU, comes within .001 of the energy that the exact vectors hold.
        _, _, directions = randomized_svd(
            np.asarray(sample, np.float32),
            dimensions,
            n_oversamples=32,
            n_iter=1,
            power_iteration_normalizer="LU",
            random_state=seed,
        )
        return cls(width, np.ascontiguousarray(_signed(directions).T, np.float32))

    @property
    def dimensions(self) -> int:
        """d, the length of the vectors given back."""
        return self.width if self.matrix is None else int(self.matrix.shape[1])

    @cached_property
    def version(self) -> str:
        """Names the map by its content; fit for a file's name."""
        if self.matrix is None:
            return f"whole-{self.width}"
        return f"svd-{self.dimensions}-of-{self.width}-{_digest(self.matrix)}"

    def apply(self, vectors: NDArray[np.float32]) -> NDArray[np.float16]:
        """Shortens vectors, (n, D) to float16 (n, d); rows of zeros stay zero.

        Raises:
            VersionMismatch: The vectors are of another length.
        """
        if vectors.shape[1] != self.width:
            raise VersionMismatch(
                f"vectors of {vectors.shape[1]} dimensions met a base for {self.width}", "Encode with the same model"
            )
        shortened = vectors if self.matrix is None else np.asarray(vectors, np.float32) @ self.matrix
        return shortened.astype(np.float16)

    def save(self, path: Path) -> None:
        """Writes the base as an `.npz` file without pickled objects."""
        matrix = np.zeros((self.width, 0), np.float32) if self.matrix is None else self.matrix
        with atomic(path) as temporary, temporary.open("wb") as file:
            np.savez(file, matrix=matrix, version=np.array(self.version))

    @classmethod
    def open(cls, path: Path) -> Base:
        """Reads a base; raises `RunFolderError` where the file is missing, cut short or changed."""
        fix = "Delete it and run again: it is computed anew"
        try:
            with np.load(path, allow_pickle=False) as stored:
                matrix, version = stored["matrix"], str(stored["version"])
        except Exception as error:  # zipfile, zlib and numpy raise many kinds over a damaged file.
            raise RunFolderError(f"{path}: no readable base ({error})", fix) from error
        base = cls(matrix.shape[0], matrix if matrix.shape[1] else None)
        if base.version != version:
            raise RunFolderError(f"{path}: its numbers are not those it was saved with", fix)
        return base


def _signed(directions: NDArray[np.float32]) -> NDArray[np.float32]:
    # A singular vector and its opposite serve alike; the greatest entry decides, so that builds agree.
    greatest = np.take_along_axis(directions, np.abs(directions).argmax(axis=1)[:, None], axis=1)
    return directions * np.where(greatest < 0, -1, 1).astype(np.float32)


def _digest(matrix: NDArray[np.float32]) -> str:
    return hashlib.sha256(matrix.tobytes()).hexdigest()[:12]

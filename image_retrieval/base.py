"""The frozen, label-free base: reduces an encoder's long vectors once, and nearly preserves their cosines."""

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
    """A linear map onto the leading singular directions of a sample's vectors.

    No mean is subtracted, so the cosines of the reduced vectors approximate those of the whole ones as well as the
    number of dimensions allows; a learned head can still centre them.

    Attributes:
        width: D, the length of the input vectors.
        matrix: float32 (D, d) with orthonormal columns; None keeps vectors as they are.
    """

    width: int
    matrix: NDArray[np.float32] | None = None

    @classmethod
    def fit(cls, sample: NDArray[np.float32], dimensions: int, seed: int) -> Base:
        """Computes the leading right singular vectors of a sample by randomised iteration.

        N. Halko, P. G. Martinsson and J. A. Tropp, "Finding Structure with Randomness: Probabilistic Algorithms for
        Constructing Approximate Matrix Decompositions", SIAM Review 53(2), 2011.

        Args:
            sample: float32 (n, D).
            dimensions: d; 0 keeps all. All are also kept if D or n is not greater than d, because n pictures tell
                nothing about the directions outside their span, which later pictures may need.
            seed: Seed of the iteration's start.
        """
        rows, width = sample.shape
        if dimensions == 0 or min(rows, width) <= dimensions:
            return cls(width)
        from sklearn.utils.extmath import randomized_svd

        # One iteration, stabilised by LU, comes close to the exact vectors (docs/notes-on-choices.md).
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
        """d, the length of the output vectors."""
        return self.width if self.matrix is None else int(self.matrix.shape[1])

    @cached_property
    def version(self) -> str:
        """A name derived from the matrix; usable in a file name."""
        if self.matrix is None:
            return f"whole-{self.width}"
        return f"svd-{self.dimensions}-of-{self.width}-{_digest(self.matrix)}"

    def apply(self, vectors: NDArray[np.float32]) -> NDArray[np.float16]:
        """Reduces vectors, (n, D) to float16 (n, d); zero rows stay zero.

        Raises:
            VersionMismatch: The vectors are of another length.
        """
        if vectors.shape[1] != self.width:
            raise VersionMismatch(
                f"the vectors have {vectors.shape[1]} dimensions, the base is for {self.width}",
                "Encode with the base's model",
            )
        reduced = vectors if self.matrix is None else np.asarray(vectors, np.float32) @ self.matrix
        return reduced.astype(np.float16)

    def save(self, path: Path) -> None:
        """Writes the base atomically as an `.npz` file without pickled objects."""
        matrix = np.zeros((self.width, 0), np.float32) if self.matrix is None else self.matrix
        with atomic(path) as temporary, temporary.open("wb") as file:
            np.savez(file, matrix=matrix, version=np.array(self.version))

    @classmethod
    def open(cls, path: Path) -> Base:
        """Reads a base; raises `RunFolderError` if the file is missing, truncated or changed."""
        fix = "Delete it and run again; it will be computed again"
        try:
            with np.load(path, allow_pickle=False) as stored:
                matrix, version = stored["matrix"], str(stored["version"])
        except Exception as error:  # zipfile, zlib and numpy raise many kinds of errors for a damaged file.
            raise RunFolderError(f"{path}: the base can't be read ({error})", fix) from error
        base = cls(matrix.shape[0], matrix if matrix.shape[1] else None)
        if base.version != version:
            raise RunFolderError(f"{path}: the contents have changed since they were saved", fix)
        return base


def _signed(directions: NDArray[np.float32]) -> NDArray[np.float32]:
    # The sign of a singular vector is arbitrary; the entry of greatest magnitude decides, so that builds agree.
    greatest = np.take_along_axis(directions, np.abs(directions).argmax(axis=1)[:, None], axis=1)
    return directions * np.where(greatest < 0, -1, 1).astype(np.float32)


def _digest(matrix: NDArray[np.float32]) -> str:
    return hashlib.sha256(matrix.tobytes()).hexdigest()[:12]

"""`Vectors`: the rows of an axis as numbers, stamped with what made them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from candidates.artifacts import write_batch
from candidates.axis import Axis
from candidates.errors import RunFolderError, VersionMismatch


@dataclass(frozen=True, eq=False)
class Vectors:
    """One vector for each row of an axis.

    Attributes:
        axis: What the n rows stand for.
        values: (n, d), float16 or float32.
        version: What made them: encoder, its weights, its options. Vectors of two versions never mix.
    """

    axis: Axis
    values: NDArray[np.floating]
    version: str

    def __post_init__(self) -> None:
        """Checks that there is one vector for each row, of an admitted type."""
        if self.values.ndim != 2 or len(self.values) != len(self.axis):
            raise VersionMismatch(f"{self.values.shape} vectors can't stand for {len(self.axis)} rows")
        if self.values.dtype not in (np.float16, np.float32):
            raise VersionMismatch(f"vectors must be float16 or float32, not {self.values.dtype}")

    def __len__(self) -> int:
        return len(self.axis)

    @property
    def dimensions(self) -> int:
        """d, the length of each vector."""
        return int(self.values.shape[1])

    def take(self, rows: NDArray[np.integer]) -> Vectors:
        """The vectors of some of the rows, in the order given."""
        return Vectors(self.axis.take(rows), self.values[rows], self.version)

    def unit(self) -> NDArray[np.float32]:
        """The vectors at length one, float32 (n, d); rows of zeros stay zero."""
        return normalised(self.values)

    def require_version(self, version: str) -> None:
        """Raises `VersionMismatch` unless these vectors were made by `version`."""
        if self.version != version:
            raise VersionMismatch(
                f"vectors made by {self.version!r} met an index of {version!r}",
                "Encode with the same model, or rebuild",
            )

    def save(self, path: Path) -> None:
        """Writes the vectors as one Arrow file that can be mapped into memory."""
        flat = pa.array(np.ascontiguousarray(self.values).reshape(-1))
        column = pa.FixedSizeListArray.from_arrays(flat, self.dimensions)
        batch = pa.record_batch([column], names=["vector"]).replace_schema_metadata(
            {"version": self.version, "axis": self.axis.digest}
        )
        write_batch(path, batch)

    @classmethod
    def open(cls, path: Path, axis: Axis) -> Vectors:
        """Maps vectors into memory; raises `RunFolderError` where they were made for another axis."""
        try:
            batch = pa.ipc.open_file(pa.memory_map(str(path))).get_batch(0)
            batch.validate()
            stamped = {key.decode(): value.decode() for key, value in (batch.schema.metadata or {}).items()}
            made_for, version, column = stamped["axis"], stamped["version"], batch.column("vector")
        except (OSError, ValueError, LookupError) as error:
            raise RunFolderError(f"{path}: no readable vectors ({error})", "Run the encoding step first") from error
        if made_for != axis.digest:
            raise RunFolderError(f"{path}: made for other rows than these", "Run the encoding step again")
        values = column.values.to_numpy().reshape(-1, column.type.list_size)
        return cls(axis, values, version)


def normalised(values: NDArray[np.floating]) -> NDArray[np.float32]:
    """Rows at length one, float32; rows of zeros stay zero instead of turning into NaN."""
    rows = np.asarray(values, np.float32)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.divide(rows, lengths, out=np.zeros_like(rows), where=lengths > 0)

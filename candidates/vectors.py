"""`Vectors`: one vector for each row of an axis, with the version of what made them."""

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
        axis: The ids of the n rows.
        values: (n, d), float16 or float32.
        version: What made them: the encoder, its weights and its options. Vectors of two versions are never mixed.
    """

    axis: Axis
    values: NDArray[np.floating]
    version: str

    def __post_init__(self) -> None:
        """Checks that there is one float16 or float32 vector for each row."""
        if self.values.ndim != 2 or len(self.values) != len(self.axis):
            raise VersionMismatch(f"vectors of shape {self.values.shape} don't fit {len(self.axis)} rows")
        if self.values.dtype not in (np.float16, np.float32):
            raise VersionMismatch(f"vectors must be float16 or float32, not {self.values.dtype}")

    def __len__(self) -> int:
        return len(self.axis)

    @property
    def dimensions(self) -> int:
        """d, the length of each vector."""
        return int(self.values.shape[1])

    def take(self, rows: NDArray[np.integer]) -> Vectors:
        """The vectors of these rows, in the order of `rows`."""
        return Vectors(self.axis.take(rows), self.values[rows], self.version)

    def unit(self) -> NDArray[np.float32]:
        """The vectors scaled to unit length, float32 (n, d); zero rows stay zero."""
        return normalised(self.values)

    def require_version(self, version: str) -> None:
        """Raises `VersionMismatch` unless these vectors are of `version`."""
        if self.version != version:
            raise VersionMismatch(
                f"the vectors are of version {self.version!r}, the index of {version!r}",
                "Encode with the index's model, or rebuild the index",
            )

    def save(self, path: Path) -> None:
        """Writes the vectors as one Arrow file that can be memory-mapped."""
        flat = pa.array(np.ascontiguousarray(self.values).reshape(-1))
        column = pa.FixedSizeListArray.from_arrays(flat, self.dimensions)
        batch = pa.record_batch([column], names=["vector"]).replace_schema_metadata(
            {"version": self.version, "axis": self.axis.digest}
        )
        write_batch(path, batch)

    @classmethod
    def open(cls, path: Path, axis: Axis) -> Vectors:
        """Memory-maps vectors; raises `RunFolderError` if the file can't be read or belongs to another axis."""
        try:
            batch = pa.ipc.open_file(pa.memory_map(str(path))).get_batch(0)
            batch.validate()
            stamped = {key.decode(): value.decode() for key, value in (batch.schema.metadata or {}).items()}
            axis_digest, version, column = stamped["axis"], stamped["version"], batch.column("vector")
        except (OSError, ValueError, LookupError) as error:
            raise RunFolderError(
                f"{path}: the vectors can't be read ({error})", "Run the encoding step first"
            ) from error
        if axis_digest != axis.digest:
            raise RunFolderError(f"{path}: these vectors belong to other rows", "Run the encoding step again")
        values = column.values.to_numpy().reshape(-1, column.type.list_size)
        return cls(axis, values, version)


def normalised(values: NDArray[np.floating]) -> NDArray[np.float32]:
    """Rows scaled to unit length, float32; zero rows stay zero instead of turning into NaN."""
    rows = np.asarray(values, np.float32)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.divide(rows, lengths, out=np.zeros_like(rows), where=lengths > 0)

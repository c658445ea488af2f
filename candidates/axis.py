"""`Axis`: an ordered list of ids, which names the rows of vectors and the two sides of a run."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from candidates.errors import AxisMismatch, UnknownId


@dataclass(frozen=True, eq=False)
class Axis:
    """Ids in order; inside the system a product is its row number on an axis.

    Two axes are equal when their digests are. The digest covers only the ids, so a run still matches its
    catalogue after a price has changed.

    Attributes:
        ids: `large_string` array of n distinct ids.
    """

    ids: pa.LargeStringArray

    @classmethod
    def of(cls, ids: Iterable[str] | pa.Array | pa.ChunkedArray) -> Axis:
        """Builds an axis from `ids`; raises `AxisMismatch` if an id occurs twice."""
        array = ids if isinstance(ids, (pa.Array, pa.ChunkedArray)) else pa.array(list(ids), pa.large_string())
        if isinstance(array, pa.ChunkedArray):
            array = array.combine_chunks()
        array = array.cast(pa.large_string())
        if len(pc.unique(array)) != len(array):
            counted = pc.value_counts(array)
            repeated = counted.filter(pc.greater(counted.field("counts"), 1))[0]["values"].as_py()
            raise AxisMismatch(f"the id {repeated!r} occurs more than once", "Give every product an id of its own")
        return cls(array)

    @cached_property
    def digest(self) -> str:
        """The digest of the ids in their order (their lengths first, so that no two lists of ids collide)."""
        lengths = pc.binary_length(self.ids).to_numpy(zero_copy_only=False).astype("<i8")
        sha = hashlib.sha256(lengths.tobytes())
        if len(self.ids):
            sha.update(pc.binary_join(pa.array([self.ids.to_pylist()]), "")[0].as_buffer())
        return sha.hexdigest()[:32]

    def __len__(self) -> int:
        return len(self.ids)

    def __iter__(self) -> Iterator[str]:
        return iter(self.ids.to_pylist())

    def __getitem__(self, row: int) -> str:
        return str(self.ids[int(row)].as_py())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Axis) and (self is other or self.digest == other.digest)

    def __hash__(self) -> int:
        return hash(self.digest)

    @cached_property
    def rows(self) -> NDArray[np.int32]:
        """All row numbers, `arange(n)`."""
        return np.arange(len(self), dtype=np.int32)

    def row_of(self, identifier: str) -> int:
        """The row of one id; raises `UnknownId`."""
        row = pc.index(self.ids, pa.scalar(identifier, pa.large_string())).as_py()
        if row < 0:
            raise UnknownId(
                f"no product has the id {identifier!r}", "products.parquet lists all ids, refused.csv what was refused"
            )
        return int(row)

    def rows_of(self, identifiers: Iterable[str] | pa.Array) -> NDArray[np.int32]:
        """The rows of many ids, int32 (m,); −1 for ids that are not on the axis."""
        wanted = identifiers if isinstance(identifiers, pa.Array) else pa.array(list(identifiers), pa.large_string())
        found = pc.index_in(wanted.cast(pa.large_string()), value_set=self.ids)
        return pc.fill_null(found, -1).to_numpy(zero_copy_only=False).astype(np.int32)

    def take(self, rows: NDArray[np.integer]) -> Axis:
        """The axis of these rows, in the order of `rows`."""
        return Axis.of(self.ids.take(pa.array(rows)))

    def require(self, other: Axis, what: str) -> None:
        """Raises `AxisMismatch` unless `other` is the same axis."""
        if self != other:
            raise AxisMismatch(
                f"{what}: expected {len(self):,} ids with the digest {self.digest[:8]}, "
                f"got {len(other):,} with {other.digest[:8]}",
                "Make both from the same catalogue",
            )

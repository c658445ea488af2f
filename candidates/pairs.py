"""`PairTable`: undirected pairs of products with numeric columns, as arrays."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from candidates.artifacts import write_parquet
from candidates.axis import Axis
from candidates.errors import AxisMismatch, RunFolderError, SchemaError
from candidates.run import Run

_ID = pa.dictionary(pa.int32(), pa.string())
_SIDES = ("left_id", "right_id")
_AXIS = b"items"
_FIX = "Build the pairs again from this catalogue's candidates"


@dataclass(frozen=True, eq=False)
class PairTable:
    """Pairs of products; each pair occurs once, even if each product is in the other's list.

    Attributes:
        items: The products, n of them.
        left: int32 (m,): the lower row of each pair.
        right: int32 (m,): the higher row. Pairs ascend by left, then by right.
        columns: By name, float32 (m,) each; NaN where a column has no value for a pair.
    """

    items: Axis
    left: NDArray[np.int32]
    right: NDArray[np.int32]
    columns: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Checks order and lengths; only a bug, or a file that was edited, fails here."""
        m, n = len(self.left), len(self.items)
        if self.left.dtype != np.int32 or self.right.dtype != np.int32 or self.right.shape != (m,):
            raise SchemaError("the two sides of a pair table must be int32 arrays of equal length", _FIX)
        if m and (self.left.min() < 0 or self.right.max() >= n or (self.left >= self.right).any()):
            raise SchemaError(f"pairs must be rows among {n:,} products, the lower row first", _FIX)
        if (np.diff(self.keys) <= 0).any():
            raise SchemaError("pairs must be sorted and distinct", _FIX)
        for name, values in self.columns.items():
            if values.shape != (m,) or values.dtype != np.float32:
                raise SchemaError(f"column {name!r} must hold {m:,} float32 numbers, one for each pair", _FIX)

    @classmethod
    def of(cls, items: Axis, first: NDArray[np.integer], second: NDArray[np.integer]) -> PairTable:
        """The distinct pairs of two arrays of rows.

        Args:
            items: The products.
            first: (p,) rows. Pairs may repeat, in any order and direction; pairs of a product with itself are dropped.
            second: (p,) rows.
        """
        return cls._of_keys(items, _keys(first, second, len(items)))

    @classmethod
    def of_candidates(cls, candidates: Run) -> PairTable:
        """The pairs in which at least one product has the other in its list.

        Each list entry takes 8 bytes while the pairs are sorted.

        Args:
            candidates: Lists whose queries are some or all of the items.

        Raises:
            AxisMismatch: A query is not among the items.
        """
        rows = candidates.items.rows
        if candidates.queries != candidates.items:
            rows = candidates.items.rows_of(candidates.queries.ids)
            if (rows < 0).any():
                stranger = candidates.queries[int(np.flatnonzero(rows < 0)[0])]
                raise AxisMismatch(
                    f"candidates {candidates.name!r}: the query {stranger!r} is not a product of the catalogue",
                    "Build pairs only from candidates whose queries are products",
                )
        keys = np.empty(int(candidates.counts.sum()), np.int64)
        reached = 0
        for part in candidates.parts:
            low, high = int(part.offsets[0]), int(part.offsets[-1])
            part_keys = _keys(rows[part.query_rows], part.rows[low:high], len(candidates.items))
            keys[reached : reached + len(part_keys)] = part_keys
            reached += len(part_keys)
        return cls._of_keys(candidates.items, keys[:reached])

    @classmethod
    def _of_keys(cls, items: Axis, keys: NDArray[np.int64]) -> PairTable:
        """The pairs with these keys; sorts `keys` in place."""
        keys.sort()
        keys = keys[np.diff(keys, prepend=-1) > 0]
        n = max(1, len(items))
        return cls(items, (keys // n).astype(np.int32), (keys % n).astype(np.int32))

    def __len__(self) -> int:
        return len(self.left)

    @cached_property
    def keys(self) -> NDArray[np.int64]:
        """`left * n + right` of each pair, ascending, int64 (m,)."""
        return self.left.astype(np.int64) * len(self.items) + self.right

    @cached_property
    def offsets(self) -> NDArray[np.int64]:
        """Where the pairs begin in which each product is the left one, int64 (n + 1,)."""
        return np.concatenate([[0], np.cumsum(np.bincount(self.left, minlength=len(self.items)))]).astype(np.int64)

    def find(self, first: NDArray[np.integer], second: NDArray[np.integer]) -> NDArray[np.int64]:
        """The positions of pairs of rows, in either direction, int64 (p,); −1 for pairs that are not in the table."""
        low, high = np.minimum(first, second).astype(np.int64), np.maximum(first, second)
        wanted = low * len(self.items) + high
        if not len(self):
            return np.full(len(wanted), -1, np.int64)
        place = np.minimum(np.searchsorted(self.keys, wanted), len(self) - 1)
        return np.where(self.keys[place] == wanted, place, -1).astype(np.int64)

    def matrix(self, names: Sequence[str] | None = None) -> NDArray[np.float32]:
        """Some columns (by default all) as a float32 (m, c) matrix; raises `SchemaError` if a column is missing."""
        wanted = list(self.columns) if names is None else list(names)
        missing = [name for name in wanted if name not in self.columns]
        if missing:
            raise SchemaError(
                f"the pairs lack the column {', '.join(missing)}", "Compute the features of these pairs first"
            )
        matrix = np.empty((len(self), len(wanted)), np.float32)
        for place, name in enumerate(wanted):
            matrix[:, place] = self.columns[name]
        return matrix

    def with_columns(self, columns: Mapping[str, NDArray[np.float32]]) -> PairTable:
        """The table with further columns; a column with an existing name replaces it."""
        return replace(self, columns={**self.columns, **columns})

    def take(self, places: NDArray[np.integer] | NDArray[np.bool_] | slice) -> PairTable:
        """Some of the pairs: ascending positions, a mask, or a slice."""
        columns = {name: values[places] for name, values in self.columns.items()}
        return PairTable(self.items, self.left[places], self.right[places], columns)

    def blocks(self, size: int) -> Iterator[PairTable]:
        """The table in blocks of `size` pairs, which share the table's memory."""
        for start in range(0, len(self), size):
            yield self.take(slice(start, start + size))

    def save(self, path: Path) -> None:
        """Writes the table as Parquet, atomically: `left_id`, `right_id` and the columns."""
        ids = self.items.ids.cast(pa.string())
        sides = [pa.DictionaryArray.from_arrays(pa.array(rows), ids) for rows in (self.left, self.right)]
        table = pa.table([*sides, *map(pa.array, self.columns.values())], names=[*_SIDES, *self.columns])
        write_parquet(path, table.replace_schema_metadata({_AXIS: self.items.digest.encode()}))

    @classmethod
    def open(cls, path: Path, items: Axis) -> PairTable:
        """Reads a table from a file, or from the consecutive `part-*.parquet` files of a folder.

        Raises:
            AxisMismatch: The pairs belong to other products.
            RunFolderError: There is no readable table.
            SchemaError: An id column is missing, or the pairs are not in order.
        """
        paths = sorted(path.glob("part-*.parquet")) if path.is_dir() else [path]
        if not paths:
            raise RunFolderError(f"{path}: contains no pairs", "Run the step that writes them first")
        parts = [_read(part_path, items) for part_path in paths]
        names = parts[0].columns
        for part, part_path in zip(parts, paths, strict=True):
            if list(part.columns) != list(names):
                raise SchemaError(f"{part_path} has other columns than {paths[0].name}", _FIX)
        if len(parts) == 1:
            return parts[0]
        columns = {name: np.concatenate([part.columns[name] for part in parts]) for name in names}
        left, right = (np.concatenate([getattr(part, side) for part in parts]) for side in ("left", "right"))
        return cls(items, left, right, columns)


def _keys(first: NDArray[np.integer], second: NDArray[np.integer], n: int) -> NDArray[np.int64]:
    distinct = first != second
    first, second = first[distinct], second[distinct]
    keys = np.minimum(first, second).astype(np.int64)
    keys *= n
    keys += np.maximum(first, second)
    return keys


def _read(path: Path, items: Axis) -> PairTable:
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowException) as error:
        reason = " ".join(str(error).split())
        raise RunFolderError(f"{path}: the pairs can't be read ({reason})", "Run the step that writes them") from error
    missing = [name for name in _SIDES if name not in table.column_names]
    if missing:
        raise SchemaError(f"{path} lacks the column {', '.join(missing)}", _FIX)
    stored_digest = (table.schema.metadata or {}).get(_AXIS, b"").decode()
    if stored_digest and stored_digest != items.digest:
        raise AxisMismatch(f"{path}: these pairs belong to another catalogue", _FIX)
    left, right = (_rows(table[name], items, path) for name in _SIDES)
    names = [name for name in table.column_names if name not in _SIDES]
    not_numeric = [name for name in names if not _is_number(table.schema.field(name).type)]
    if not_numeric:
        raise SchemaError(
            f"{path}: the column {', '.join(not_numeric)} does not contain numbers", "Remove it from the file"
        )
    columns: dict[str, Any] = {name: np.asarray(table[name].to_numpy(), np.float32) for name in names}
    return PairTable(items, left, right, columns)


def _is_number(kind: pa.DataType) -> bool:
    return pa.types.is_integer(kind) or pa.types.is_floating(kind)


def _rows(column: pa.ChunkedArray, items: Axis, path: Path) -> NDArray[np.int32]:
    if not len(column):
        return np.zeros(0, np.int32)
    encoded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    encoded = encoded.unify_dictionaries().combine_chunks()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.chunk(0)
    known = items.rows_of(encoded.dictionary)
    rows: NDArray[np.int32] = known[encoded.indices.to_numpy()]
    if (rows < 0).any():
        stranger = column[int(np.flatnonzero(rows < 0)[0])].as_py()
        raise AxisMismatch(f"{path}: the id {stranger!r} is not a product of the catalogue", _FIX)
    return rows

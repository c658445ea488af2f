"""`Run`: one method's ranked lists, as flat arrays in parts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Self, TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from candidates.artifacts import write_batch
from candidates.axis import Axis
from candidates.errors import AxisMismatch, RunFolderError


class ScoredItem(NamedTuple):
    """One entry of a ranked list, for a reader or a test."""

    query_id: str
    item_id: str
    rank: int
    score: float


@dataclass(frozen=True, eq=False)
class Part:
    """The lists of the queries `start` up to (not including) `stop`, in compressed-sparse-row form.

    Attributes:
        start: Row of the first query on the query axis.
        offsets: int64 (q + 1,): the list of query `start + i` is `offsets[i]:offsets[i + 1]`.
        rows: int32 (m,): rows on the item axis, best first.
        scores: float32 (m,): greater is better.
    """

    start: int
    offsets: NDArray[np.int64]
    rows: NDArray[np.int32]
    scores: NDArray[np.float32]

    dtypes: ClassVar[Mapping[str, type]] = {"rows": np.int32, "scores": np.float32}

    @property
    def stop(self) -> int:
        """The row after the last query, on the query axis."""
        return self.start + len(self.offsets) - 1

    @property
    def counts(self) -> NDArray[np.int64]:
        """The length of each list, int64 (q,)."""
        return np.diff(self.offsets)

    @property
    def query_rows(self) -> NDArray[np.int32]:
        """The row of each entry's query, int32 (m,)."""
        return np.repeat(np.arange(self.start, self.stop, dtype=np.int32), self.counts)

    @property
    def ranks(self) -> NDArray[np.int32]:
        """The rank of each entry, from 1, int32 (m,)."""
        starts = np.repeat(self.offsets[:-1] - self.offsets[0], self.counts)
        return (np.arange(len(self.rows), dtype=np.int64) - starts + 1).astype(np.int32)

    @classmethod
    def columns(cls) -> tuple[str, ...]:
        """The names of the per-entry arrays."""
        return tuple(cls.dtypes)

    def keep(self, mask: NDArray[np.bool_]) -> Self:
        """The part with only the entries where `mask` is true, in the same order."""
        kept = np.concatenate([[0], np.cumsum(mask, dtype=np.int64)])
        return type(self)(
            start=self.start,
            offsets=kept[self.offsets - self.offsets[0]],
            **{name: getattr(self, name)[mask] for name in self.columns()},
        )

    def take(self, lists: NDArray[np.integer]) -> Self:
        """The lists at these positions within the part, in the order of `lists`, as a part that starts at 0."""
        counts = self.counts[lists]
        offsets = np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])
        source = np.repeat(self.offsets[:-1][lists] - offsets[:-1], counts) + np.arange(offsets[-1])
        return type(self)(start=0, offsets=offsets, **{name: getattr(self, name)[source] for name in self.columns()})

    def save(self, folder: Path, queries: Axis, items: Axis) -> Path:
        """Writes the part as one Arrow file that can be memory-mapped; returns its path."""
        offsets = pa.array(self.offsets)
        arrays = [pa.LargeListArray.from_arrays(offsets, pa.array(getattr(self, name))) for name in self.columns()]
        batch = pa.record_batch(arrays, names=list(self.columns())).replace_schema_metadata(
            {"start": str(self.start), "queries": queries.digest, "items": items.digest}
        )
        path = folder / f"part-{self.start:09d}-{self.stop:09d}.arrow"
        write_batch(path, batch)
        return path

    @classmethod
    def open(cls, path: Path, queries: Axis, items: Axis) -> Self:
        """Memory-maps a part.

        Raises:
            RunFolderError: The file can't be read.
            AxisMismatch: The part belongs to other queries or items.
        """
        try:
            batch = pa.ipc.open_file(pa.memory_map(str(path))).get_batch(0)
            batch.validate()
            stamped = {key.decode(): value.decode() for key, value in (batch.schema.metadata or {}).items()}
            start, axes = int(stamped["start"]), (stamped["queries"], stamped["items"])
            lists = {name: batch.column(name) for name in cls.columns()}
        except (OSError, ValueError, LookupError) as error:
            raise RunFolderError(f"{path}: the lists can't be read ({error})", "Delete it and run again") from error
        if axes != (queries.digest, items.digest):
            raise AxisMismatch(f"{path}: these lists belong to another catalogue", "Run the retrieval again")
        offsets = next(iter(lists.values())).offsets.to_numpy()
        values: dict[str, Any] = {name: column.values.to_numpy() for name, column in lists.items()}
        return cls(start=start, offsets=offsets, **values)


@dataclass(frozen=True, eq=False)
class Run:
    """One method's ranked lists: for each query, the items it found, best first.

    Queries and items have separate axes, because an uploaded picture or a rule can be a query too.

    Attributes:
        name: The method's name, as curves and reports show it.
        queries: Axis of the q queries.
        items: Axis of the items.
        parts: Consecutive parts that cover all queries.
    """

    name: str
    queries: Axis
    items: Axis
    parts: tuple[Part, ...]

    part_type: ClassVar[type[Part]] = Part

    def __post_init__(self) -> None:
        """Checks that the parts follow each other and cover the query axis."""
        reached = 0
        for part in self.parts:
            if part.start != reached:
                raise RunFolderError(f"run {self.name!r}: the lists of queries {reached}–{part.start} are missing")
            reached = part.stop
        if reached != len(self.queries):
            raise RunFolderError(f"run {self.name!r}: has lists for {reached} of {len(self.queries)} queries")

    @classmethod
    def of(
        cls,
        name: str,
        queries: Axis,
        items: Axis,
        offsets: NDArray[np.int64],
        rows: NDArray[np.int32],
        scores: NDArray[np.float32],
    ) -> Run:
        """Builds a run with one part from flat arrays."""
        return Run(name, queries, items, (Part(0, offsets, rows, scores),))

    @classmethod
    def from_matrix(
        cls, name: str, queries: Axis, items: Axis, rows: NDArray[np.integer], scores: NDArray[np.floating]
    ) -> Run:
        """Builds a run from (q, k) arrays; entries with row −1 are left out, so lists may be shorter than k."""
        present = rows >= 0
        offsets = np.concatenate([[0], np.cumsum(present.sum(axis=1), dtype=np.int64)])
        return cls.of(name, queries, items, offsets, rows[present].astype(np.int32), scores[present].astype(np.float32))

    def __len__(self) -> int:
        return len(self.queries)

    @property
    def counts(self) -> NDArray[np.int64]:
        """The length of each query's list, int64 (q,)."""
        return np.concatenate([part.counts for part in self.parts]) if self.parts else np.zeros(0, np.int64)

    def ranked(self, query_row: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """The item rows and scores of one query, best first."""
        for part in self.parts:
            if part.start <= query_row < part.stop:
                low, high = part.offsets[query_row - part.start : query_row - part.start + 2]
                return part.rows[low:high], part.scores[low:high]
        raise IndexError(query_row)

    def entries(self, query_id: str) -> list[ScoredItem]:
        """The ranked list of one query as plain tuples."""
        rows, scores = self.ranked(self.queries.row_of(query_id))
        return [
            ScoredItem(query_id, self.items[int(row)], rank, float(score))
            for rank, (row, score) in enumerate(zip(rows, scores, strict=True), start=1)
        ]

    def whole(self) -> Part:
        """All lists as one part (a copy if there are several parts)."""
        return self.parts[0] if len(self.parts) == 1 else joined(self.part_type, self.parts)

    def top(self, k: int) -> Self:
        """The run with every list cut after its first k items."""
        return self.replace_parts(tuple(part.keep(part.ranks <= k) for part in self.parts))

    def excluding(self, own: NDArray[np.integer]) -> Self:
        """The run without item `own[q]` in the list of query q (a product is not its own neighbour)."""
        return self.replace_parts(tuple(part.keep(part.rows != own[part.query_rows]) for part in self.parts))

    def matrix(self, k: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """The first k entries of every list as (q, k) arrays: int32 rows, padded with −1, and float32 scores (NaN)."""
        rows = np.full((len(self), k), -1, np.int32)
        scores = np.full((len(self), k), np.nan, np.float32)
        for part in self.parts:
            ranks = part.ranks
            within = ranks <= k
            place = (part.query_rows[within], ranks[within] - 1)
            rows[place] = part.rows[within]
            scores[place] = part.scores[within]
        return rows, scores

    def take(self, query_rows: NDArray[np.integer]) -> Self:
        """The run of these queries, in the order of `query_rows`."""
        return type(self)(self.name, self.queries.take(query_rows), self.items, (self.whole().take(query_rows),))

    def replace_parts(self, parts: tuple[Part, ...]) -> Self:
        """A run over the same axes with other lists."""
        return type(self)(self.name, self.queries, self.items, parts)

    def save(self, folder: Path) -> None:
        """Writes every part into `folder`."""
        for part in self.parts:
            part.save(folder, self.queries, self.items)

    @classmethod
    def open(cls, name: str, folder: Path, queries: Axis, items: Axis) -> Self:
        """Memory-maps the parts in `folder`.

        Raises:
            RunFolderError: A part is missing or can't be read.
            AxisMismatch: A part belongs to other queries or items.
        """
        paths = sorted(folder.glob("part-*.arrow"))
        if not paths:
            raise RunFolderError(f"{folder}: contains no lists", "Run the retrieval step first")
        return cls(name, queries, items, tuple(cls.part_type.open(path, queries, items) for path in paths))


AnyRun = TypeVar("AnyRun", bound=Run)


def joined(part_type: type[Part], parts: Sequence[Part]) -> Part:
    """The lists of several parts in order, as one part that starts at 0."""
    counts = np.concatenate([np.zeros(0, np.int64), *(part.counts for part in parts)])
    arrays: dict[str, Any] = {
        name: np.concatenate([np.zeros(0, dtype), *(getattr(part, name) for part in parts)]).astype(dtype)
        for name, dtype in part_type.dtypes.items()
    }
    return part_type(start=0, offsets=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64), **arrays)


def stacked(runs: Sequence[AnyRun]) -> AnyRun:
    """Concatenates runs of several sets of queries over the same items; raises `AxisMismatch` if the items differ."""
    first = runs[0]
    if len(runs) == 1:
        return first
    for run in runs:
        first.items.require(run.items, f"runs {run.name!r} to be stacked")
    queries = Axis.of(name for run in runs for name in run.queries.ids.to_pylist())
    return type(first)(first.name, queries, first.items, (joined(first.part_type, [run.whole() for run in runs]),))


def same_lists(left: Run, right: Run) -> bool:
    """Whether two runs have the same entries and scores in the same order, over the same axes."""
    if left.queries != right.queries or left.items != right.items:
        return False
    left_part, right_part = left.whole(), right.whole()
    names = [field.name for field in fields(left_part) if field.name != "start"]
    return all(
        np.array_equal(getattr(left_part, name), getattr(right_part, name), equal_nan=name.endswith("score"))
        for name in names
    )

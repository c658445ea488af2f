"""What each further candidate buys: recall against candidates per product, for every strategy.

The retrievers are asked once, deep; every point of every curve is counted from those lists.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from candidates.errors import AxisMismatch
from candidates.provenance import CandidatePart, Candidates
from candidates.qrels import VARIANT, Qrels
from candidates.run import Run
from candidates.schema import require
from eval.bootstrap import intervals
from eval.metrics import by_group, judged, product_rows

Grid = NDArray[np.int32]


@dataclass(frozen=True)
class OperatingPoint:
    """One strategy at one setting: what it costs and what it finds.

    Attributes:
        strategy: Its name.
        n: Text neighbours, where the strategy has that setting.
        k: Image neighbours: of each seed for the hop, of the query for the others.
        budget: Where its list was cut.
        candidates_per_product: Mean size of the candidate set.
        share: That, as a share of the catalogue.
        recall: Mean over queries of known variants found over known variants.
        low: 2.5 % point of its interval, groups resampled.
        high: 97.5 % point.
        recall_by_group: Mean over groups instead of queries.
        queries: How many queries were measured.
    """

    strategy: str
    n: int | None
    k: int | None
    budget: int | None
    candidates_per_product: float
    share: float
    recall: float
    low: float
    high: float
    recall_by_group: float
    queries: int


@dataclass(frozen=True)
class Setting:
    """The parameters of one column of a sweep; None where the strategy has no such parameter."""

    n: int | None = None
    k: int | None = None
    budget: int | None = None


@dataclass(frozen=True, eq=False)
class Sweep:
    """One strategy over a grid of settings.

    Attributes:
        strategy: Its name.
        settings: One a column.
        counts: int32 (q, g): candidates of each query at each setting.
        hits: int32 (q, g): known variants among them.
    """

    strategy: str
    settings: tuple[Setting, ...]
    counts: Grid
    hits: Grid


@dataclass(frozen=True, eq=False)
class Measured:
    """The queries of a measurement.

    Attributes:
        rows: int32 (q,): products with at least one known variant.
        qrels: What is known.
    """

    rows: NDArray[np.int32]
    qrels: Qrels

    @property
    def known(self) -> NDArray[np.int64]:
        """How many variants of each query are known, int64 (q,)."""
        return np.diff(self.qrels.variants(self.rows)[0])

    @property
    def groups(self) -> NDArray[np.int32]:
        """The group of each query, int32 (q,)."""
        return self.qrels.groups[self.rows]

    def require(self, run: Run) -> None:
        """Raises `AxisMismatch` unless the queries of `run` are these, in this order, over the same products."""
        self.qrels.items.require(run.items, f"the run {run.name!r} and what is known")
        if not np.array_equal(product_rows(run), self.rows):
            raise AxisMismatch(
                f"the run {run.name!r}: its queries are not those that are measured", "Take them from it first"
            )


def sweep_list(strategy: str, run: Run, queries: Measured, depths: Sequence[int], parameter: str) -> Sweep:
    """One ranked list, cut at each depth; `parameter` says which setting the depth is (`n`, `k`, `budget`).

    A depth that no list reaches becomes that of the longest: behind it the curve would only repeat itself.
    """
    queries.require(run)
    lists = judged(run, queries.qrels)
    grid = _reached(depths, lists.part.counts)
    owners, ranks = lists.part.query_rows[lists.relevant], lists.part.ranks[lists.relevant]
    counts = np.minimum(lists.part.counts[:, None], grid).astype(np.int32)
    hits = _cumulated(owners, np.searchsorted(grid, ranks), counts.shape)
    return Sweep(strategy, tuple(Setting(**{parameter: int(depth)}) for depth in grid), counts, hits)


def sweep_union(pooled: Candidates, queries: Measured, depths: Sequence[tuple[int, int]]) -> Sweep:
    """The first N of the text list with the first M of the image list, for each pair (N, M).

    Args:
        pooled: Both lists of every query, with the rank in either.
        queries: The queries, in the run's order.
        depths: Pairs (N, M), cut to the longest lists.
    """
    queries.require(pooled)
    longest_text, longest_image = (
        max((int(getattr(part, rank).max(initial=0)) for part in pooled.parts), default=0)
        for rank in ("text_rank", "image_rank")
    )
    pairs = sorted({(min(n, longest_text), min(m, longest_image)) for n, m in depths} - {(0, 0)})
    counts, hits = (np.zeros((len(pooled), len(pairs)), np.int32) for _ in range(2))
    for part in pooled.parts:
        assert isinstance(part, CandidatePart)
        owners, here = part.query_rows - part.start, slice(part.start, part.stop)
        relevant = queries.qrels.judge(queries.rows[here][owners], part.rows) == VARIANT
        for column, (n, m) in enumerate(pairs):
            inside = ((part.text_rank > 0) & (part.text_rank <= n)) | ((part.image_rank > 0) & (part.image_rank <= m))
            counts[here, column] = np.bincount(owners[inside], minlength=len(part.counts))
            hits[here, column] = np.bincount(owners[inside & relevant], minlength=len(part.counts))
    return Sweep("union", tuple(Setting(n=n, k=m) for n, m in pairs), counts, hits)


def sweep_hop(
    text: Run,
    image_lists: NDArray[np.int32] | Sequence[NDArray[np.int32]],
    queries: Measured,
    depths: Sequence[int],
    k: int,
    view_of: NDArray[np.integer] | None = None,
) -> Sweep:
    """The paper's suggestion of suggestions at one K, for every N at once.

    Args:
        text: Text lists of the queries, as deep as the greatest N.
        image_lists: int32 (n, ≥ k): image neighbours of every product, −1 behind a short list; several such where
            queries are looked up in spaces of their own.
        queries: The queries, in the run's order.
        depths: The values of N, cut to the longest text list.
        k: Image neighbours of the query and of each text neighbour; 0 is text alone.
        view_of: int (q,): by which of the image lists each query is measured; None where there is but one.
    """
    queries.require(text)
    grid = _reached(depths, text.counts)
    counts, hits = (np.zeros((len(text), len(grid)), np.int32) for _ in range(2))
    every = [image_lists] if isinstance(image_lists, np.ndarray) else list(image_lists)
    views = np.zeros(len(text), np.int64) if view_of is None else view_of
    for number, lists in enumerate(every):
        mine = np.flatnonzero(views == number)
        counts[mine], hits[mine] = _walked(text.take(mine), lists, queries.rows[mine], queries.qrels, grid, k)
    return Sweep("hop", tuple(Setting(n=int(n), k=k) for n in grid), counts, hits)


def _walked(
    text: Run, image_lists: NDArray[np.int32], rows: NDArray[np.int32], qrels: Qrels, grid: NDArray[np.int64], k: int
) -> tuple[Grid, Grid]:
    from eval.kernels import walk_hops

    assert k <= image_lists.shape[1], f"image lists of {image_lists.shape[1]} can't give {k} neighbours"
    part = text.whole()
    counts, hits = (np.zeros((len(text), len(grid)), np.int32) for _ in range(2))
    offsets, variants = qrels.variants(rows)
    walk_hops(
        rows, part.offsets, part.rows, np.ascontiguousarray(image_lists[:, :k]), offsets, variants, grid, counts, hits
    )
    return counts, hits


def _reached(depths: Sequence[int], lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """The depths, ascending, cut to the longest list; none where all lists are empty."""
    cut = np.unique(np.minimum(np.array(depths, np.int64), lengths.max(initial=0)))
    return cut[cut > 0]


def _cumulated(owners: NDArray[np.integer], columns: NDArray[np.integer], shape: tuple[int, ...]) -> Grid:
    """For each query and column how many of its entries belong to that column or one before it."""
    queries, width = shape
    flat = np.bincount(owners * np.int64(width + 1) + columns, minlength=queries * (width + 1))
    return flat.reshape(queries, width + 1)[:, :width].cumsum(axis=1).astype(np.int32)


def points(
    sweeps: Sequence[Sweep], queries: Measured, *, max_share: float = 1.0, resamples: int = 1000, seed: int = 7
) -> list[OperatingPoint]:
    """The operating points of all sweeps with their intervals.

    Args:
        sweeps: What was counted, over the same queries.
        queries: These queries.
        max_share: Points whose candidate sets are larger, in the mean, than this share of the catalogue are left out.
        resamples: Resamples of groups behind the intervals; every point sees the same ones.
        seed: Their seed.
    """
    if not sweeps or not len(queries.rows):
        return []
    known, size = queries.known, len(queries.qrels.items)
    values = np.concatenate([sweep.hits for sweep in sweeps], axis=1) / known[:, None]
    spans = intervals(values, queries.groups, resamples=resamples, seed=seed)
    sizes = np.concatenate([sweep.counts for sweep in sweeps], axis=1).mean(axis=0)
    named = [(sweep.strategy, setting) for sweep in sweeps for setting in sweep.settings]
    return [
        OperatingPoint(
            strategy=name,
            **asdict(setting),
            candidates_per_product=float(cost),
            share=float(cost) / size,
            recall=span.mean,
            low=span.low,
            high=span.high,
            recall_by_group=by_group(value, queries.groups),
            queries=len(known),
        )
        for (name, setting), span, cost, value in zip(named, spans, sizes, values.T, strict=True)
        if cost <= max_share * size
    ]


def pareto(made: Sequence[OperatingPoint]) -> list[OperatingPoint]:
    """The points that no other beats: at their cost nothing finds more. Cheapest first."""
    frontier: list[OperatingPoint] = []
    for point in sorted(made, key=lambda one: (one.candidates_per_product, -one.recall)):
        if not frontier or point.recall > frontier[-1].recall:
            frontier.append(point)
    return frontier


def find(made: Sequence[OperatingPoint], strategy: str, **parameters: int) -> OperatingPoint | None:
    """The point of a strategy at given parameters, None where the sweep has none."""
    wanted = {"strategy": strategy, **parameters}
    return next((one for one in made if all(getattr(one, k) == v for k, v in wanted.items())), None)


_TYPES = {"str": pa.string(), "int": pa.int64(), "int | None": pa.int64(), "float": pa.float64()}

SCHEMA = pa.schema([(field.name, _TYPES[str(field.type)]) for field in fields(OperatingPoint)])
"""`curves.parquet`: one row an operating point, the columns of `OperatingPoint`."""


def to_table(made: Sequence[OperatingPoint]) -> pa.Table:
    """The points as the table that `curves.parquet` holds."""
    return pa.Table.from_pylist([asdict(point) for point in made], schema=SCHEMA)


def from_table(table: pa.Table) -> list[OperatingPoint]:
    """The points of `curves.parquet`; raises `SchemaError` where a column is missing."""
    return [OperatingPoint(**row) for row in require(table, SCHEMA, "curves.parquet").to_pylist()]

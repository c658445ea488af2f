"""Recall against candidates per product, for every strategy at every setting of a grid.

The retrievers are queried once, deep; every point of every curve is counted from those lists.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from candidates.errors import AxisMismatch
from candidates.provenance import CandidatePart, Candidates
from candidates.qrels import VARIANT, Qrels
from candidates.run import Part, Run
from candidates.schema import require
from eval.bootstrap import intervals
from eval.metrics import by_group, judged, product_rows

Grid = NDArray[np.int32]


@dataclass(frozen=True)
class OperatingPoint:
    """One strategy at one setting: its candidates per product and its recall.

    Attributes:
        strategy: Its name.
        n: Text neighbours, where the strategy has that setting.
        k: Image neighbours: of each seed for the hop, of the query for the others.
        budget: Maximum length of its lists, where they are cut.
        candidates_per_product: Mean size of the candidate set.
        share: The same as a share of the catalogue.
        recall: Known variants found over known variants, the mean over queries.
        low: 2.5% point of its bootstrap interval, groups resampled.
        high: 97.5% point.
        recall_by_group: The mean over groups instead of queries.
        queries: Number of queries.
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
class QuerySet:
    """The queries that recall is measured on, with the truth about them.

    Attributes:
        rows: int32 (q,): products with at least one known variant.
        qrels: The known variants.
    """

    rows: NDArray[np.int32]
    qrels: Qrels

    @property
    def known(self) -> NDArray[np.int64]:
        """Number of known variants of each query, int64 (q,)."""
        return np.diff(self.qrels.variants(self.rows)[0])

    @property
    def groups(self) -> NDArray[np.int32]:
        """The group of each query, int32 (q,)."""
        return self.qrels.groups[self.rows]

    def require(self, run: Run) -> None:
        """Raises `AxisMismatch` unless the queries of `run` are these, in this order, over the same products."""
        self.qrels.items.require(run.items, f"the run {run.name!r} and the known variants")
        if not np.array_equal(product_rows(run), self.rows):
            raise AxisMismatch(
                f"the run {run.name!r}: its queries are not those that are measured",
                "Take the lists of the measured queries from it first",
            )


def sweep_list(strategy: str, run: Run, queries: QuerySet, depths: Sequence[int], parameter: str) -> Sweep:
    """One ranked list, cut at each depth; `parameter` names the setting that the depth is (`n`, `k`, `budget`).

    Depths beyond the longest list are cut to its length: the curve would only repeat its last point.
    """
    queries.require(run)
    lists = judged(run, queries.qrels)
    grid = _reached(depths, lists.part.counts)
    owners, ranks = lists.part.query_rows[lists.relevant], lists.part.ranks[lists.relevant]
    counts = np.minimum(lists.part.counts[:, None], grid).astype(np.int32)
    hits = _cumulated(owners, np.searchsorted(grid, ranks), counts.shape)
    return Sweep(strategy, tuple(Setting(**{parameter: int(depth)}) for depth in grid), counts, hits)


def sweep_union(pooled: Candidates, queries: QuerySet, depths: Sequence[tuple[int, int]]) -> Sweep:
    """The first N of the text list with the first M of the image list, for each pair (N, M).

    Args:
        pooled: Both lists of every query, with the rank in each.
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


def sweep_walk(
    strategy: str,
    seeds: Run,
    walks: Iterable[tuple[Part, NDArray[np.int32]]],
    queries: QuerySet,
    depths: Sequence[int],
    k: int,
) -> Sweep:
    """Candidates that enter step by step, counted after each step of a grid: settings N with one K.

    Only counts are kept, so memory is bounded by the largest block.

    Args:
        strategy: Its name.
        seeds: The lists whose s-th entry is step s; depths are cut to the longest of them.
        walks: Blocks of consecutive queries, in the order of `queries`: candidates, and int32 (m,) the step at which
            each of them entered, from 0 and never falling along a list.
        queries: The queries, in the order of the runs.
        depths: The steps N after which candidates are counted.
        k: The strategy's K, as the settings show it.

    Raises:
        AxisMismatch: The queries of `seeds` are not those measured.
    """
    queries.require(seeds)
    grid = _reached(depths, seeds.counts)
    offsets, variants = queries.qrels.variants(queries.rows)
    counts, hits = (np.zeros((len(seeds), len(grid)), np.int32) for _ in range(2))
    wanted = np.zeros(len(seeds.items), bool)
    start = 0
    for part, steps in walks:
        stop = start + len(part.counts)
        known = offsets[start : stop + 1] - offsets[start], variants[offsets[start] : offsets[stop]]
        counts[start:stop], hits[start:stop] = _prefixes(part, steps, known, wanted, grid)
        start = stop
    assert start == len(seeds), f"walks of {start} of {len(seeds)} queries"
    return Sweep(strategy, tuple(Setting(n=int(n), k=k) for n in grid), counts, hits)


def _prefixes(
    part: Part,
    steps: NDArray[np.int32],
    known: tuple[NDArray[np.int64], NDArray[np.int32]],
    wanted: NDArray[np.bool_],
    grid: NDArray[np.int64],
) -> tuple[NDArray[np.int64], Grid]:
    """For each query of a block and each step of the grid the candidates up to it, and the known variants among them.

    Args:
        part: The candidates.
        steps: int32 (m,): the step of each.
        known: Offsets and rows of each query's known variants.
        wanted: bool (n,): scratch, all False before and after.
        grid: int64 (g,): the steps after which candidates are counted.
    """
    offsets, items = part.offsets - part.offsets[0], len(wanted)
    # Steps never fall along a list, so query and step together are sorted, and a prefix ends where its key would go.
    width = int(max(steps.max(initial=0), grid.max(initial=0))) + 1
    firsts = np.arange(len(part.counts), dtype=np.int64) * width
    ends = np.searchsorted(np.repeat(firsts, part.counts) + steps, firsts[:, None] + grid, "right")
    # Few candidates are a variant of any query of the block; only these are compared with their own query's variants.
    wanted[known[1]] = True
    possible = np.flatnonzero(wanted[part.rows])
    wanted[known[1]] = False
    owners = np.searchsorted(offsets, possible, "right") - 1
    pairs = np.repeat(np.arange(len(part.counts)), np.diff(known[0])) * items + known[1]
    relevant = np.isin(owners * items + part.rows[possible], pairs)
    columns = np.searchsorted(grid, steps[possible[relevant]])
    return ends - offsets[:-1, None], _cumulated(owners[relevant], columns, ends.shape)


def _reached(depths: Sequence[int], lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """The depths, ascending, cut to the longest list; none if all lists are empty."""
    cut = np.unique(np.minimum(np.array(depths, np.int64), lengths.max(initial=0)))
    return cut[cut > 0]


def _cumulated(owners: NDArray[np.integer], columns: NDArray[np.integer], shape: tuple[int, ...]) -> Grid:
    """For each query and column the number of its entries in that column or an earlier one."""
    queries, width = shape
    flat = np.bincount(owners * np.int64(width + 1) + columns, minlength=queries * (width + 1))
    return flat.reshape(queries, width + 1)[:, :width].cumsum(axis=1).astype(np.int32)


def points(
    sweeps: Sequence[Sweep], queries: QuerySet, *, max_share: float = 1.0, resamples: int = 1000, seed: int = 7
) -> list[OperatingPoint]:
    """The operating points of all sweeps with their intervals.

    Args:
        sweeps: Sweeps over the same queries.
        queries: These queries.
        max_share: Points whose mean number of candidates exceeds this share of the catalogue are left out.
        resamples: Bootstrap resamples of groups, the same for every point.
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


def pareto(points: Sequence[OperatingPoint]) -> list[OperatingPoint]:
    """The points on the Pareto frontier, those with the fewest candidates first."""
    frontier: list[OperatingPoint] = []
    for point in sorted(points, key=lambda point: (point.candidates_per_product, -point.recall)):
        if not frontier or point.recall > frontier[-1].recall:
            frontier.append(point)
    return frontier


def find(points: Sequence[OperatingPoint], strategy: str, **parameters: int) -> OperatingPoint | None:
    """The point of a strategy at these parameters, None if there is none."""
    wanted = {"strategy": strategy, **parameters}
    return next((point for point in points if all(getattr(point, k) == v for k, v in wanted.items())), None)


_TYPES = {"str": pa.string(), "int": pa.int64(), "int | None": pa.int64(), "float": pa.float64()}

SCHEMA = pa.schema([(field.name, _TYPES[str(field.type)]) for field in fields(OperatingPoint)])
"""Schema of `curves.parquet`: one row per operating point, the columns of `OperatingPoint`."""


def to_table(points: Sequence[OperatingPoint]) -> pa.Table:
    """The points as the table that `curves.parquet` holds."""
    return pa.Table.from_pylist([asdict(point) for point in points], schema=SCHEMA)


def from_table(table: pa.Table) -> list[OperatingPoint]:
    """The points of `curves.parquet`; raises `SchemaError` if a column is missing."""
    return [OperatingPoint(**row) for row in require(table, SCHEMA, "curves.parquet").to_pylist()]

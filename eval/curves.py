"""What each further candidate buys: recall against candidates per product, for every strategy.

The retrievers are asked once, deep; every point of every curve is counted from those lists.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from candidates.provenance import CandidatePart, Candidates
from candidates.qrels import VARIANT, Qrels
from candidates.run import Run
from eval.bootstrap import intervals
from eval.metrics import by_group, judged

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


def sweep_list(strategy: str, run: Run, queries: Measured, depths: Sequence[int], parameter: str) -> Sweep:
    """One ranked list, cut at each depth; `parameter` says which setting the depth is (`n`, `k`, `budget`)."""
    lists = judged(run, queries.qrels)
    found = np.flatnonzero(lists.relevant)
    owners, ranks = lists.part.query_rows[found], lists.part.ranks[found]
    size = len(run)
    counts = np.stack([np.minimum(lists.part.counts, depth) for depth in depths], axis=1)
    hits = np.stack([np.bincount(owners[ranks <= depth], minlength=size) for depth in depths], axis=1)
    settings = tuple(Setting(**{parameter: int(depth)}) for depth in depths)
    return Sweep(strategy, settings, counts.astype(np.int32), hits.astype(np.int32))


def sweep_union(pooled: Candidates, queries: Measured, depths: Sequence[tuple[int, int]]) -> Sweep:
    """The first N of the text list with the first M of the image list, for each pair (N, M).

    Args:
        pooled: Both lists of every query, with the rank in either.
        queries: The queries, in the run's order.
        depths: Pairs (N, M).
    """
    counts = np.zeros((len(pooled), len(depths)), np.int32)
    hits = np.zeros_like(counts)
    for part in pooled.parts:
        assert isinstance(part, CandidatePart)
        owners = part.query_rows
        relevant = queries.qrels.judge(queries.rows[owners], part.rows) == VARIANT
        for column, (n, m) in enumerate(depths):
            inside = ((part.text_rank > 0) & (part.text_rank <= n)) | ((part.image_rank > 0) & (part.image_rank <= m))
            counts[:, column] += np.bincount(owners[inside], minlength=len(pooled)).astype(np.int32)
            hits[:, column] += np.bincount(owners[inside & relevant], minlength=len(pooled)).astype(np.int32)
    settings = tuple(Setting(n=int(n), k=int(m)) for n, m in depths)
    return Sweep("union", settings, counts, hits)


def sweep_hop(text: Run, image_lists: NDArray[np.int32], queries: Measured, depths: Sequence[int], k: int) -> Sweep:
    """The paper's suggestion of suggestions at one K, for every N at once.

    Args:
        text: Text lists of the queries, as deep as the greatest N.
        image_lists: int32 (n, ≥ k): image neighbours of every product, −1 behind a short list.
        queries: The queries, in the run's order.
        depths: The values of N.
        k: Image neighbours of the query and of each text neighbour; 0 is text alone.
    """
    from eval.kernels import walk_hops

    part = text.whole()
    grid = np.array(sorted(depths), np.int64)
    counts, hits = (np.zeros((len(text), len(grid)), np.int32) for _ in range(2))
    offsets, variants = queries.qrels.variants(queries.rows)
    seeds = np.ascontiguousarray(image_lists[:, :k])
    walk_hops(queries.rows, part.offsets, part.rows, seeds, offsets, variants, grid, counts, hits)
    return Sweep("hop", tuple(Setting(n=int(n), k=k) for n in grid), counts, hits)


def points(
    sweeps: Sequence[Sweep], queries: Measured, *, max_share: float = 1.0, resamples: int = 1000, seed: int = 7
) -> list[OperatingPoint]:
    """The operating points of all sweeps with their intervals; those beyond `max_share` are left out."""
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
    """The points of `curves.parquet`."""
    return [OperatingPoint(**row) for row in table.select(SCHEMA.names).to_pylist()]

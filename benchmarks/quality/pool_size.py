"""Recall against the size of the pool: the same queries among an eighth, a quarter, a half and all of a catalogue."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.quality.ground import Ground
from benchmarks.speed.page import Table
from candidates.collapse import Owners
from candidates.exact import ExactIndex
from candidates.qrels import Qrels
from candidates.vectors import Vectors
from eval.curves import QuerySet, Sweep, sweep_list, sweep_walk
from eval.metrics import group_numbers
from fusion.merge.hop import walks
from service.neighbours.kinds import ImageLookup, TextLookup
from service.pipeline.run import run
from service.runs.job import Job

EIGHTHS = 8

POOLS = (1, 2, 4, 8)
"""Sizes of pools, in eighths of the catalogue."""

DEPTH = 100
"""Candidates of the single lists, where their number is fixed."""


@dataclass(frozen=True)
class Pooled:
    """One strategy at one size of pool.

    Attributes:
        strategy: The strategy.
        fixed: What stays the same from pool to pool: the `number` of candidates, or their `share` of the pool.
        eighths: Size of the pools, in eighths of the catalogue.
        setting: The strategy's depths.
        candidates_per_product: Mean size of the candidate set.
        recall: Mean over all queries of the catalogue, each asked in one pool.
        low: Recall in the pool where it is least.
        high: Recall in the pool where it is greatest.
    """

    strategy: str
    fixed: str
    eighths: int
    setting: str
    candidates_per_product: float
    recall: float
    low: float
    high: float


@dataclass(frozen=True, eq=False)
class Pool:
    """Some whole groups of the catalogue as a catalogue of their own, searched exactly.

    Attributes:
        queries: The products measured.
        text: Neighbours by text.
        image: Neighbours by image.
    """

    queries: QuerySet
    text: TextLookup
    image: ImageLookup

    @classmethod
    def of(cls, job: Job, rows: NDArray[np.int32]) -> Pool:
        """The pool of some products, rows ascending, with the vectors of a finished run."""
        axis = job.catalogue.axis.take(rows)
        text = Vectors(axis, Vectors.open(job.folder.text / "vectors.arrow", job.catalogue.axis).values[rows], "text")
        pictures, owners = job.pictures.axis, job.pictures.owners
        place = np.full(len(job.catalogue), -1, np.int32)
        place[rows] = np.arange(len(rows), dtype=np.int32)
        inside = np.flatnonzero(place[owners.rows] >= 0)
        image = Vectors.open(job.folder.image / "vectors.arrow", pictures).take(inside)
        qrels = Qrels(axis, job.truth("evaluation").groups[rows], job.truth("evaluation").scopes[rows])
        return cls(
            QuerySet(qrels.queries(), qrels),
            TextLookup(text, ExactIndex(text)),
            ImageLookup(image, ExactIndex(image), Owners(axis, place[owners.rows[inside]])),
        )


def measure(ground: Ground, depth: int = DEPTH) -> tuple[Pooled, ...]:
    """Measures on the run of `ground`, which is made first where it is not there."""
    job = Job.of(ground.run) if ground.run.exists() else run(ground.feed, ground.run, ground.settings)
    eighths = drawn_eighths(job.truth("evaluation").groups, job.settings.run.seed)
    made: list[Pooled] = []
    for size in POOLS:
        pools = [Pool.of(job, rows) for rows in _unions(eighths, size)]
        swept = [_sweeps(job, pool, depth, size) for pool in pools]
        made += [_pooled(kind, size, pools, [sweeps[kind] for sweeps in swept]) for kind in swept[0]]
    return tuple(made)


def drawn_eighths(groups: NDArray[np.int32], seed: int) -> NDArray[np.int64]:
    """Parts products into eighths at random, no group parted: int64 (n,), 0 … 7."""
    units = group_numbers(groups)
    sizes = np.bincount(units)
    order = np.random.default_rng(seed).permutation(len(sizes))
    begins = np.cumsum(sizes[order]) - sizes[order]
    eighth = np.empty(len(sizes), np.int64)
    eighth[order] = begins * EIGHTHS // len(groups)
    return eighth[units]


def _unions(eighths: NDArray[np.int64], size: int) -> Iterator[NDArray[np.int32]]:
    """Rows of the pools of one size; together they hold every product once."""
    for start in range(0, EIGHTHS, size):
        yield np.flatnonzero((eighths >= start) & (eighths < start + size)).astype(np.int32)


Kind = tuple[str, str]
"""A strategy, and what is fixed."""


def _sweeps(job: Job, pool: Pool, depth: int, size: int) -> dict[Kind, Sweep]:
    """Every strategy at both of its settings, a sweep of one setting each."""
    merge, rows = job.settings.merge, pool.queries.rows
    longest = max(depth, merge.n)
    text, image = pool.text.neighbours(rows, longest), pool.image.neighbours(rows, longest)
    hops = pool.image.neighbours(pool.queries.qrels.items.rows, max(1, merge.k))
    made: dict[Kind, Sweep] = {}
    for fixed in ("number", "share"):
        scale = size / EIGHTHS if fixed == "share" else 1
        at, n = max(1, round(scale * depth)), max(1, round(scale * merge.n))
        made["text", fixed] = sweep_list("text", text, pool.queries, [at], "n")
        made["image", fixed] = sweep_list("image", image, pool.queries, [at], "k")
        made["hop", fixed] = sweep_walk("hop", text, walks(text, hops, n, merge.k), pool.queries, [n], merge.k)
    return made


def _pooled(kind: Kind, size: int, pools: Sequence[Pool], sweeps: Sequence[Sweep]) -> Pooled:
    recalls = [sweep.hits[:, 0] / pool.queries.known for sweep, pool in zip(sweeps, pools, strict=True)]
    means = [float(values.mean()) for values in recalls if len(values)]
    setting = sweeps[0].settings[0]
    depths = {"N": setting.n, "K": setting.k}
    return Pooled(
        *kind,
        size,
        ", ".join(f"{name} = {depth}" for name, depth in depths.items() if depth is not None),
        float(np.concatenate([sweep.counts[:, 0] for sweep in sweeps]).mean()),
        float(np.concatenate(recalls).mean()),
        min(means),
        max(means),
    )


def table(found: Sequence[Pooled], feed: Path) -> Table:
    """The figures as a page shows them."""
    rows = tuple(
        (
            f"{one.strategy}, fixed {one.fixed}",
            str(Fraction(one.eighths, EIGHTHS)),
            one.setting,
            f"{one.candidates_per_product:.0f}",
            f"{one.recall:.3f}" if one.low == one.high else f"{one.recall:.3f} ({one.low:.3f}–{one.high:.3f})",
        )
        for one in sorted(found, key=lambda one: (one.fixed, one.strategy, one.eighths))
    )
    notes = (
        f"`{feed.name}`, vectors of the default settings, searched exactly. The catalogue is parted at random into "
        "eighths, whole groups kept together; pools are made of them, so every query is asked once at each size and "
        "only what surrounds it changes. In brackets the pools with the least and the greatest recall.",
        f"Fixed number: the same depths at every size ({DEPTH} for single lists; the hop's default N and K). Fixed "
        "share: depths (the hop's N) grow with the pool.",
    )
    return Table(
        "Recall against the size of the pool",
        ("strategy", "pool", "setting", "candidates per product", "recall"),
        rows,
        notes,
    )

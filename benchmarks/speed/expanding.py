"""The hop at N = 500, K = 4 over 100,000 made-up products, beside the same work in plain Python."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.speed.made_up import made_lists, products, random_lists
from benchmarks.speed.page import Table
from benchmarks.speed.timing import Spread, cores, interleaved
from candidates.provenance import CandidatePart, Candidates
from candidates.run import Part, Run
from fusion.merge.hop import expand
from fusion.merge.lists import QueryLists
from service.files.candidate_files import write_part
from service.runs.footprint import footprint

Found = dict[int, list[Any]]
"""Candidate → [text rank, text score, image rank, image score, via], in the order of the walk."""

Ranked = list[tuple[int, float]]
"""Neighbours and their scores, best first."""

KERNEL, KERNELS, DICTS, SETS = "expand, one thread", "expand, all cores", "Python dicts", "Python sets, ids alone"

_SAID = {
    KERNEL: "candidates with provenance",
    KERNELS: "candidates with provenance",
    DICTS: "the same candidates with the same provenance",
    SETS: "which products are candidates, nothing else",
}


@dataclass(frozen=True)
class Way:
    """One way to expand.

    Attributes:
        name: Its name.
        microseconds: A query.
        against_dicts: How many times faster than the dicts, round by round.
        against_sets: How many times faster than the sets.
    """

    name: str
    microseconds: Spread
    against_dicts: Spread
    against_sets: Spread


@dataclass(frozen=True)
class Expanding:
    """What the hop cost.

    Attributes:
        products: Products, all of them queries.
        depths: N and K.
        candidates_per_product: Mean length of the lists made.
        met: Products met on a walk, those that come again counted.
        ways: The kernel and its references.
        resident_mib: Memory of the process with all lists loaded, before.
        peak_mib: Its greatest memory while all parts were expanded, one at a time.
        part: Queries in a part.
        writing: Microseconds a query of writing Parquet.
        bytes_per_candidate: Of the Parquet file.
    """

    products: int
    depths: tuple[int, int]
    candidates_per_product: float
    met: float
    ways: tuple[Way, ...]
    resident_mib: float
    peak_mib: float
    part: int
    writing: Spread
    bytes_per_candidate: float


@dataclass(frozen=True, eq=False)
class Work:
    """Some queries: all as a run for `expand`, the first of them as Python's own lists for the references.

    Attributes:
        run: Text lists of all queries.
        own: Rows of the queries that the references do.
        text: Their text lists.
    """

    run: Run
    own: list[int]
    text: list[Ranked]

    @classmethod
    def of(cls, text: Run, rows: NDArray[np.int32], n: int, sample: int) -> Work:
        """The queries of some rows; the references do `sample` of them, at most."""
        run = text.take(rows)
        return cls(run, rows[:sample].tolist(), as_python(run.take(np.arange(min(sample, len(rows)))).whole(), n))


def as_python(part: Part, depth: int) -> list[Ranked]:
    """The first `depth` of every list as Python's own numbers, which its loops handle fastest."""
    rows, scores, ends = part.rows.tolist(), part.scores.tolist(), part.offsets.tolist()
    spans = ((low, min(low + depth, high)) for low, high in pairwise(ends))
    return [list(zip(rows[low:high], scores[low:high], strict=True)) for low, high in spans]


def walk(own: int, text: Ranked, image: Sequence[Ranked]) -> Found:
    """The reference that does the same work: each candidate once, and how it came."""
    found: Found = {}
    nan = float("nan")
    for seed_rank, (seed, score) in enumerate([(own, nan), *text]):
        if seed_rank:
            entry = found.get(seed)
            if entry is None:
                found[seed] = [seed_rank, score, 0, nan, -1]
            else:
                entry[0], entry[1] = seed_rank, score
        for image_rank, (row, image_score) in enumerate(image[seed], start=1):
            if row == own:
                continue
            entry = found.get(row)
            if entry is None:
                found[row] = [0, nan, image_rank, image_score, seed]
            elif entry[4] < 0:
                entry[2], entry[3], entry[4] = image_rank, image_score, seed
    return found


def bare(own: int, text: Sequence[int], image: Sequence[Sequence[int]]) -> set[int]:
    """The reference that does less: the set of candidates."""
    found = set(text)
    found.update(image[own])
    for seed in text:
        found.update(image[seed])
    found.discard(own)
    return found


def measure(count: int = 100_000, n: int = 500, k: int = 4, parts: int = 10, sample: int = 300) -> Expanding:
    """Expands every product in parts, one a round; in each round the references do `sample` queries of the part."""
    check_random_lists()
    lists = made_lists(count, n, k)
    works = [Work.of(lists.text, rows, n, sample) for rows in np.array_split(lists.text.items.rows, parts)]
    resident, peak = _memory(works, lists.image, n, k)
    image = as_python(lists.image.whole(), k)
    seconds = _seconds(works, lists.image, image, n, k)
    made = expand(works[0].run, lists.image, n, k, threads=cores())
    check(made, works[0], image)
    writing, size = _writing(made)
    return Expanding(
        products=count,
        depths=(n, k),
        candidates_per_product=float(made.counts.mean()),
        met=float(n + (n + 1) * k),
        ways=tuple(
            Way(name, Spread.of(1e6 * own), Spread.of(seconds[DICTS] / own), Spread.of(seconds[SETS] / own))
            for name, own in seconds.items()
        ),
        resident_mib=resident,
        peak_mib=peak,
        part=len(works[0].run),
        writing=writing,
        bytes_per_candidate=size / int(made.counts.sum()),
    )


def _seconds(works: Sequence[Work], image: Run, ranked: Sequence[Ranked], n: int, k: int) -> dict[str, NDArray[Any]]:
    """Seconds a query of each way in each round, one round a part."""
    ids = [[row for row, _ in one] for one in ranked]
    texts = [[[row for row, _ in one] for one in work.text] for work in works]
    tasks = {
        KERNEL: lambda turn: expand(works[turn].run, image, n, k),
        KERNELS: lambda turn: expand(works[turn].run, image, n, k, threads=cores()),
        DICTS: lambda turn: [
            walk(own, text, ranked) for own, text in zip(works[turn].own, works[turn].text, strict=True)
        ],
        SETS: lambda turn: [bare(own, text, ids) for own, text in zip(works[turn].own, texts[turn], strict=True)],
    }
    queries = {name: np.array([len(work.run) for work in works]) for name in (KERNEL, KERNELS)}
    queries |= {name: np.array([len(work.own) for work in works]) for name in (DICTS, SETS)}
    return {name: spent / queries[name] for name, spent in interleaved(tasks, len(works)).items()}


def _memory(works: Sequence[Work], image: Run, n: int, k: int) -> tuple[float, float]:
    """Resident memory before, and peak while all parts are expanded, each dropped before the next; MiB."""
    with footprint() as before:
        pass
    with footprint() as during:
        for work in works:
            expand(work.run, image, n, k, threads=cores())
    return before.peak_mib, during.peak_mib


def _writing(made: Candidates, times: int = 3) -> tuple[Spread, int]:
    """Microseconds a query of writing candidates as Parquet, synced to disk, and the file's size in bytes."""
    spent = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "part.parquet"
        for _ in range(times):
            began = time.perf_counter()
            write_part(path, made, 0, made.items, "made up")
            spent.append(1e6 * (time.perf_counter() - began) / len(made))
        return Spread.of(spent), path.stat().st_size


def check(made: Candidates, work: Work, image: Sequence[Ranked]) -> None:
    """Stops where candidates are not, column for column, those of the references."""
    part = made.take(np.arange(len(work.own))).whole()
    assert isinstance(part, CandidatePart)
    walked = [walk(own, text, image) for own, text in zip(work.own, work.text, strict=True)]
    names = ("text_rank", "text_score", "image_rank", "image_score", "via")
    expected = np.array([[row, *how] for found in walked for row, how in found.items()]).reshape(-1, 1 + len(names))
    assert part.counts.tolist() == [len(found) for found in walked], "lists of other lengths than the reference's"
    for column, name in enumerate(("rows", *names)):
        values = getattr(part, name).astype(np.float64)
        assert np.array_equal(values, expected[:, column], equal_nan=True), f"{name} differs from the reference's"
    ids = [[row for row, _ in one] for one in image]
    for found, own, text in zip(walked, work.own, work.text, strict=True):
        assert set(found) == bare(own, [row for row, _ in text], ids), "the references disagree"


def check_random_lists(catalogues: int = 60) -> None:
    """Compares `expand` with the references on small random lists: short, empty, deeper than N, of several threads."""
    rng = np.random.default_rng(7)
    for turn in range(catalogues):
        count, n, k = int(rng.integers(2, 40)), int(rng.integers(0, 12)), int(rng.integers(0, 5))
        axis = products(count)
        lists = QueryLists(random_lists("text", axis, 15, rng), random_lists("image", axis, 6, rng))
        made = expand(lists.text, lists.image, n, k, threads=1 + turn % 3)
        check(made, Work.of(lists.text, axis.rows, n, count), as_python(lists.image.whole(), k))


def table(found: Expanding) -> Table:
    """The figures as a page shows them."""
    (n, k), kernel = found.depths, {way.name: way for way in found.ways}
    goal = kernel[KERNEL].against_dicts.median
    rows = tuple(
        (f"{way.name}: {_SAID[way.name]}", str(way.microseconds), str(way.against_dicts), str(way.against_sets))
        for way in found.ways
    )
    notes = (
        f"N = {n}, K = {k} over {found.products:,} made-up products: {found.candidates_per_product:,.0f} candidates "
        f"each, of {found.met:,.0f} met on the walk. Median (least–greatest) of {found.products // found.part} rounds, "
        "the four ways taken in turns; a round of `expand` is a part of the catalogue, one of plain Python a few "
        "hundred of its queries.",
        "`expand` equals both references, column for column, on the first part's sample and on small random lists.",
        f"Goal: 40 × against the reference that does the same work; measured {goal:.0f} × on one thread, "
        f"{kernel[KERNELS].against_dicts.median:.0f} × on all cores.",
        f"Peak memory: {found.peak_mib:,.0f} MiB, of which {found.resident_mib:,.0f} MiB were there before (the "
        f"process and all lists); the rest is one part of {found.part:,} products and its working memory.",
        f"Writing Parquet, apart: {found.writing} µs a query, {found.bytes_per_candidate:.1f} bytes a candidate.",
    )
    return Table("Expanding the hop", ("way", "µs a query", "× dicts", "× sets"), rows, notes)

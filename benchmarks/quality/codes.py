"""Binary codes: how fast they are searched, and what they lose against the vectors they were made of.

Speed is a section of `python -m benchmarks`: faiss as the image index asks it, beside numpy and beside what memory
can deliver. Loss is `python -m benchmarks.quality.codes`, after Table 2 of the paper: codes of each kind and length, by
themselves and rescored, in spaces learned without the queries' own groups. It exits with 1 where 512 bits,
rescored, lose more than they may.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.quality.learning import add_catalogue_words, catalogue_job
from benchmarks.speed.made_up import made_codes, products
from benchmarks.speed.page import Table, circumstances, markdown_page
from benchmarks.speed.timing import Seconds, Spread, cores, interleaved
from candidates.artifacts import write_text
from candidates.axis import Axis
from candidates.collapse import Owners
from candidates.contracts import Index
from candidates.errors import VariantsError
from candidates.exact import ExactIndex
from candidates.filters import Filter
from candidates.qrels import Qrels
from candidates.run import Run
from candidates.settings import LearnSettings
from candidates.vectors import Vectors, normalised
from eval.bootstrap import Interval, difference, intervals
from eval.metrics import Judged, Values, approximate_recall, judged, mean_precision, r_precision, recall
from eval.slices import index_recall

# What the image index asks of faiss, without the rescoring that stands around it.
from image_retrieval.hamming import FLAT_BELOW, HammingIndex, _cells, _nearest_codes
from image_retrieval.rotations import CODES
from service.learning.heads import learn_head, split_groups
from service.learning.held_out import FOLDS
from service.neighbours.kinds import ImageLookup
from service.runs.footprint import footprint
from service.runs.job import Job
from service.runs.progress import track

Codes = NDArray[np.uint8]

DEPTH = 200
"""Codes asked for, as many as the image index rescores by default."""

_STREAMED = 2**29
"""Bytes read at once, at least, to see how fast memory is."""

AT = 100
"""Depth at which IVF is compared with flat."""


@dataclass(frozen=True)
class Scanning:
    """One way to find near codes.

    Attributes:
        codes: Among how many.
        name: The way.
        threads: Threads used.
        batch: Queries asked at once.
        per_second: Queries answered a second.
        against_numpy: How many times faster than numpy, round by round.
        of_stream: Bytes of codes compared a second over the bytes that as many threads read from memory, round
            by round; None for a way that does not compare every code.
    """

    codes: int
    name: str
    threads: int
    batch: int
    per_second: Spread
    against_numpy: Spread
    of_stream: Spread | None


@dataclass(frozen=True)
class Codebook:
    """Every way over the same codes.

    Attributes:
        codes: How many, of 512 bits each.
        cells: IVF's cells, and how many of them a search visits.
        parting: Seconds to part the codes into cells.
        index_recall: IVF's index recall@100 against flat.
        streams: GB a second that one thread, and all, read of these codes.
        ways: The figures of each way.
    """

    codes: int
    cells: tuple[int, int]
    parting: float
    index_recall: float
    streams: tuple[Spread, Spread]
    ways: tuple[Scanning, ...]


@dataclass(frozen=True)
class Way:
    """A way to find near codes, to be measured.

    Attributes:
        name: Its name.
        threads: Threads it uses.
        batch: Queries it is asked at once.
        search: Finds the positions of the nearest codes of each query.
        flat: Whether it compares every code.
    """

    name: str
    threads: int
    batch: int
    search: Callable[[Codes], object]
    flat: bool = True


def measure(counts: Sequence[int] = (100_000, 1_500_000), batch: int = 64, rounds: int = 5) -> tuple[Codebook, ...]:
    """Measures every way at each number of codes."""
    return tuple(_codebook(made_codes(count, 512), batch, rounds) for count in counts)


def _codebook(codes: Codes, batch: int, rounds: int) -> Codebook:
    rng = np.random.default_rng(7)
    queries = [codes[rng.integers(0, len(codes), batch)] for _ in range(rounds)]
    with footprint() as used:
        cells = _cells(codes, 7, cores())
    ways = _ways(codes, cells, batch)
    tasks: dict[Any, Callable[[int], object]] = {
        way: partial(lambda way, turn: way.search(queries[turn][: way.batch]), way) for way in ways
    }
    with ThreadPoolExecutor(cores()) as pool:
        readers = {threads: Stream(codes, pool, threads) for threads in {1, cores()}}
        spent = interleaved(tasks | readers, rounds)
    streams = {threads: one.passes * codes.nbytes / spent[threads] for threads, one in readers.items()}
    return Codebook(
        len(codes),
        (cells.nlist, cells.nprobe),
        used.seconds,
        ivf_recall(queries[0], codes, cells),
        (Spread.of(streams[1] / 1e9), Spread.of(streams[cores()] / 1e9)),
        tuple(_scanning(way, codes, spent[way] / way.batch, spent[ways[0]] / ways[0].batch, streams) for way in ways),
    )


def _ways(codes: Codes, cells: Any, batch: int) -> list[Way]:
    """All ways, numpy first."""

    def by_faiss(threads: int, lists: Any) -> Callable[[Codes], object]:
        def search(queries: Codes) -> object:
            import faiss

            faiss.omp_set_num_threads(threads)
            return _nearest_codes(queries, codes, lists, min(DEPTH, len(codes)))

        return search

    return [
        Way("numpy, bitwise_count", 1, min(4, batch), partial(by_numpy, codes)),
        Way("faiss flat", 1, 1, by_faiss(1, None)),
        Way("faiss flat", 1, batch, by_faiss(1, None)),
        Way("faiss flat", cores(), batch, by_faiss(cores(), None)),
        Way("faiss IVF", 1, batch, by_faiss(1, cells), flat=False),
        Way("faiss IVF", cores(), batch, by_faiss(cores(), cells), flat=False),
    ]


def by_numpy(codes: Codes, queries: Codes) -> NDArray[np.intp]:
    """Positions of the nearest codes of each query, int64 (q, DEPTH), in numpy's own operations."""
    words, depth = codes.view(np.uint64), min(DEPTH, len(codes))
    found = np.empty((len(queries), depth), np.intp)
    for at, query in enumerate(queries.view(np.uint64)):
        distances = np.bitwise_count(words ^ query).sum(axis=1, dtype=np.uint16)
        nearest = np.argpartition(distances, depth - 1)[:depth]
        found[at] = nearest[np.argsort(distances[nearest], kind="stable")]
    return found


@dataclass(frozen=True, eq=False)
class Stream:
    """Reads all codes, each thread a piece of its own, and does with them the least there is: a sum.

    Attributes:
        codes: What is read.
        pool: The threads.
        threads: How many.
    """

    codes: Codes
    pool: ThreadPoolExecutor
    threads: int

    @property
    def passes(self) -> int:
        """How often the codes are read at a call, so that starting threads takes no part of the time that counts."""
        return max(1, _STREAMED // self.codes.nbytes)

    def __call__(self, turn: int) -> int:
        """Reads the codes `passes` times."""
        pieces = np.array_split(self.codes.reshape(-1).view(np.uint64), self.threads)
        return sum(self.pool.map(lambda piece: sum(int(piece.sum()) for _ in range(self.passes)), pieces))


def ivf_recall(queries: Codes, codes: Codes, cells: Any) -> float:
    """IVF's index recall@100: how many of its first codes are as near as flat's first ones.

    Distances are whole numbers, so many codes share the last one, and any of these will do.
    """
    depth = min(AT, len(codes))
    truth, found = (_nearest_codes(queries, codes, lists, depth) for lists in (None, cells))
    words, asked = codes.view(np.uint64), queries.view(np.uint64)[:, None]
    near, far = (np.bitwise_count(words[rows] ^ asked).sum(axis=2, dtype=np.int32) for rows in (found, truth))
    return float((near <= far.max(axis=1, keepdims=True)).mean())


def _scanning(way: Way, codes: Codes, a_query: Seconds, by_numpy: Seconds, streams: dict[int, Seconds]) -> Scanning:
    compared = codes.nbytes / a_query
    return Scanning(
        len(codes),
        way.name,
        way.threads,
        way.batch,
        Spread.of(1 / a_query),
        Spread.of(by_numpy / a_query),
        Spread.of(compared / streams[way.threads]) if way.flat else None,
    )


def table(found: Sequence[Codebook]) -> Table:
    """The figures as a page shows them."""
    rows = tuple(
        (
            f"{way.codes:,} codes: {way.name}",
            str(way.threads),
            str(way.batch),
            str(way.per_second),
            str(way.against_numpy),
            str(way.of_stream or ""),
        )
        for book in found
        for way in book.ways
    )
    notes = [
        f"Made-up clustered codes of 512 bits, the {DEPTH} nearest asked for, queries taken from the codes. Median "
        "(least–greatest) of rounds in which all ways were taken in turns.",
        "× stream: bytes of codes compared a second, over the bytes that as many threads read from memory by summing "
        "the same array in the same round. Above 1 a batch shares what was read: codes are compared block by block.",
    ]
    notes += [
        f"{book.codes:,} codes ({64 * book.codes / 1e6:.0f} MB): memory stream {book.streams[0]} GB/s on one thread, "
        f"{book.streams[1]} GB/s on all; IVF visits {book.cells[1]:,} of {book.cells[0]:,} cells, made in "
        f"{book.parting:.1f} s, index recall@{AT} {book.index_recall:.4f} against flat."
        for book in found
    ]
    columns = ("codes and way", "threads", "batch", "queries/s", "× numpy", "× stream")
    return Table("Image codes: faiss against numpy and against memory", columns, rows, tuple(notes))


BITS = (256, 512, 1024)
"""Lengths of codes whose loss is measured."""

SEEDS = (1, 2, 3, 4, 5)
"""Draws of hyperplanes and rotations: one draw may be lucky."""

SHORTLIST = 200
"""Codes rescored, at least; four times as many as are asked for, if that is more."""

MEASURES: dict[str, tuple[int, Callable[[Judged], Values]]] = {
    "MAP@1": (10, lambda lists: mean_precision(lists, 1)),
    "MAP@5": (10, lambda lists: mean_precision(lists, 5)),
    "MAP@10": (10, lambda lists: mean_precision(lists, 10)),
    "R-precision": (100, r_precision),
    "recall@10": (10, lambda lists: recall(lists, 10)),
    "recall@100": (100, lambda lists: recall(lists, 100)),
    "recall@400": (400, lambda lists: recall(lists, 400)),
    "recall@1000": (1000, approximate_recall),
}
"""The paper's measures (section 4.1; its MAP is the mean of precisions) and recall: the depth of the list that is
asked for, since rescoring goes by it, and what is measured of it."""

MOST_LOST = 0.002
"""Recall that codes of `BOUND_BITS`, rescored, may lose against float, at `BOUND_AT`, by their worst draw."""

BOUND_BITS = 512
BOUND_AT = ("recall@10", "recall@100")

LARGE_DEPTHS = (10, 100, 400)
"""Depths of the lists among very many codes."""

SHORTLISTS = (SHORTLIST, 400, 800, 1600)
"""Numbers of codes rescored, at least, that are tried among very many codes."""

_LARGE_QUERIES = 1000
"""Queries among very many codes, at least."""

_RESAMPLES = 1000


@dataclass(frozen=True, eq=False)
class CodesAlone:
    """The lists of an index that does not rescore: the order is that of codes (see `contracts.Index`).

    Many codes stand equally far from a query. Which of them come first is drawn, so that the order of the feed, in
    which variants may stand together, decides nothing.

    Attributes:
        coded: The index whose codes these are.
    """

    coded: HammingIndex

    @property
    def items(self) -> Axis:
        return self.coded.items

    @property
    def version(self) -> str:
        return self.coded.version

    @cached_property
    def _order(self) -> NDArray[np.int64]:
        return np.random.default_rng(self.coded.planes.seed).permutation(len(self.coded.codes))

    @cached_property
    def _codes(self) -> Codes:
        return np.ascontiguousarray(self.coded.codes[self._order])

    def search(self, vectors: Vectors, k: int, where: Filter | None = None) -> Run:
        import faiss

        assert where is None
        vectors.require_version(self.version)
        queries = self.coded.planes.codes(vectors.values)
        apart, found = faiss.knn_hamming(queries, self._codes, min(k, len(self._codes)))
        rows = self.coded.rows[self._order[found]]
        rows[~vectors.values.any(axis=1)] = -1
        # The cosine that so many differing bits speak of.
        return Run.from_matrix("codes", vectors.axis, self.items, rows, np.cos(np.pi * apart / self.coded.planes.bits))


@dataclass(frozen=True, eq=False)
class Space:
    """Vectors of a whole catalogue's pictures, and the queries that may be measured on them.

    Attributes:
        vectors: In a space that none of the queries' groups had a part in.
        rows: The queries' rows among the products.
    """

    vectors: Vectors
    rows: NDArray[np.int32]


@dataclass(frozen=True)
class Coding:
    """One way to search by codes.

    Attributes:
        kind: A key of `rotations.CODES`.
        bits: Length of a code.
        rescored: Whether the first codes are put in order by float vectors.
    """

    kind: str
    bits: int
    rescored: bool

    def __str__(self) -> str:
        return f"{self.kind}, {self.bits:,} bits" + (", rescored" if self.rescored else "")


@dataclass(frozen=True)
class Loss:
    """What codes lose against float by one measure; negative where they lose.

    Attributes:
        mean: Mean over draws and queries, with its 95% interval over groups, paired.
        worst: Of the draw that loses most.
    """

    mean: Interval
    worst: float


@dataclass(frozen=True, eq=False)
class Losses:
    """Every measure of every query, by float vectors and by each way to search by codes.

    Attributes:
        groups: int32 (q,): group of each query.
        exact: float64 (q, measures), by exact search of the float vectors.
        coded: float64 (draws, q, measures) of each way.
    """

    groups: NDArray[np.int32]
    exact: Values
    coded: dict[Coding, Values]

    def loss(self, way: Coding, measure: str, resamples: int = _RESAMPLES) -> Loss:
        """What one way loses by one measure."""
        place = list(MEASURES).index(measure)
        ours, theirs = self.coded[way][:, :, place], self.exact[:, place]
        worst = float((ours.mean(axis=1) - theirs.mean()).min())
        return Loss(difference(ours.mean(axis=0), theirs, self.groups, resamples=resamples), worst)

    def bound_losses(self) -> list[tuple[Coding, str, float]]:
        """Way, measure and worst loss of everything that the bound is about."""
        ways = [way for way in self.coded if way.bits == BOUND_BITS and way.rescored]
        return [(way, measure, self.loss(way, measure, 1).worst) for way in ways for measure in BOUND_AT]

    @property
    def holds(self) -> bool:
        """Whether codes of the bound's length were measured, and lose no more than they may."""
        found = self.bound_losses()
        return bool(found) and all(lost >= -MOST_LOST for _, _, lost in found)


def learned_spaces(job: Job, dimensions: int = LearnSettings().dimensions, folds: int = FOLDS) -> Iterator[Space]:
    """Spaces of the pictures, each learned without one fold of the groups, whose products are its queries."""
    axis, owners = job.pictures.axis, job.pictures.owners
    image = Vectors.open(job.folder.image / "vectors.arrow", axis)
    groups, queries = job.truth("evaluation").groups, job.truth("evaluation").queries()
    fold_of = split_groups(groups, folds, job.settings.run.seed)
    for fold in track(range(folds), "codes of spaces that the queries' groups had no part in"):
        hidden = np.where(fold_of == fold, -1, groups)[owners.rows]
        head = learn_head(
            image.values, hidden, made_for=image.version, dimensions=dimensions, seed=job.settings.run.seed
        )
        yield Space(head.projection.apply(image), queries[fold_of[queries] == fold])


def losses(
    spaces: Iterable[Space],
    owners: Owners,
    qrels: Qrels,
    *,
    bits: Sequence[int] = BITS,
    seeds: Sequence[int] = SEEDS,
    shortlist: int = SHORTLIST,
    threads: int = 1,
) -> Losses:
    """Measures float and every way to search by codes on the queries of each space.

    Args:
        spaces: The spaces and their queries.
        owners: Which product each picture belongs to.
        qrels: What is known.
        bits: Lengths of codes.
        seeds: Draws of the codes.
        shortlist: Codes rescored, at least.
        threads: Threads of faiss.
    """
    exact: list[Values] = []
    coded: dict[Coding, list[Values]] = {}
    groups = []
    for space in spaces:
        groups.append(qrels.groups[space.rows])
        exact.append(_measured(ExactIndex(space.vectors), space, owners, qrels))
        for kind, length in product(CODES, bits):
            drawn: dict[bool, list[Values]] = {False: [], True: []}
            for seed in seeds:
                index = HammingIndex.build(space.vectors, length, seed, shortlist, threads=threads, kind=kind)
                drawn[False].append(_measured(CodesAlone(index), space, owners, qrels))
                drawn[True].append(_measured(index, space, owners, qrels))
            for rescored, values in drawn.items():
                coded.setdefault(Coding(kind, length, rescored), []).append(np.stack(values))
    joined = {way: np.concatenate(values, axis=1) for way, values in coded.items()}
    return Losses(np.concatenate(groups), np.concatenate(exact), joined)


def _measured(index: Index, space: Space, owners: Owners, qrels: Qrels) -> Values:
    """Every measure of every query, float64 (q, measures)."""
    lookup = ImageLookup(space.vectors, index, owners)
    depths = {depth for depth, _ in MEASURES.values()}
    lists = {depth: judged(lookup.neighbours(space.rows, depth), qrels) for depth in depths}
    return np.stack([measure(lists[depth]) for depth, measure in MEASURES.values()], axis=1)


@dataclass(frozen=True)
class Large:
    """One way to search among very many codes, at each depth of `LARGE_DEPTHS`.

    Attributes:
        way: Kind and length of the codes; rescored.
        shortlist: Codes rescored, at least; four times as many as are asked for, if that is more.
        cells: Cells that are visited and cells in all; None where every code is compared.
        draws: Draws of the codes that the figures are means of.
        index_recalls: How much of exact search's lists is found.
        losses: Recall of variants by codes less that by float.
        milliseconds: Of one core for a query.
    """

    way: Coding
    shortlist: int
    cells: tuple[int, int] | None
    draws: int
    index_recalls: tuple[float, ...]
    losses: tuple[Interval, ...]
    milliseconds: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class Many:
    """A catalogue too large for rescoring to reach most of it, and what exact search finds there.

    Attributes:
        vectors: One of each product.
        qrels: Their groups.
        rows: Queries.
        exact: Exact lists of each depth.
        recalls: float64 (q, depths): recall of these.
    """

    vectors: Vectors
    qrels: Qrels
    rows: NDArray[np.int32]
    exact: dict[int, Run]
    recalls: Values

    @classmethod
    def made(cls, count: int, dimensions: int) -> Many:
        """A made-up one."""
        vectors, qrels = made_space(count, dimensions)
        rows = _whole_groups(qrels, _LARGE_QUERIES)
        exact = {k: _lists(ExactIndex(vectors), vectors, rows, k) for k in LARGE_DEPTHS}
        recalls = [recall(judged(lists, qrels), k) for k, lists in exact.items()]
        return cls(vectors, qrels, rows, exact, np.stack(recalls, axis=1))

    def asked(self, index: HammingIndex) -> tuple[Values, Values, Values]:
        """Recall of every query at each depth, index recall, and milliseconds of one core a query."""
        recalls, index_recalls, spent = [], [], []
        index.search(self.vectors.take(self.rows[:1]), 1)  # what is made ready once takes no part of the time
        for k, truth in self.exact.items():
            began = time.process_time()
            found = _lists(index, self.vectors, self.rows, k)
            spent.append(1000 * (time.process_time() - began) / len(self.rows))
            recalls.append(recall(judged(found, self.qrels), k))
            index_recalls.append(index_recall(found, truth, k))
        return np.stack(recalls, axis=1), np.array(index_recalls), np.array(spent)

    def large(self, way: Coding, indexes: Iterable[HammingIndex]) -> Large:
        """The figures of one way, means over draws of its codes."""
        tried, shortlist, cells = [], 0, None
        for index in indexes:
            tried.append(self.asked(index))
            shortlist = index.shortlist
            cells = (index.cells.nprobe, index.cells.nlist) if index.cells else None
        recalls, found, spent = (np.mean([one[part] for one in tried], axis=0) for part in range(3))
        lost = intervals(recalls - self.recalls, self.qrels.groups[self.rows], resamples=_RESAMPLES)
        return Large(way, shortlist, cells, len(tried), tuple(found.tolist()), tuple(lost), tuple(spent.tolist()))


def _lists(index: Index, vectors: Vectors, rows: NDArray[np.int32], k: int) -> Run:
    return index.search(vectors.take(rows), k + 1).excluding(rows).top(k)


def large(
    count: int = 300_000,
    dimensions: int = LearnSettings().dimensions,
    *,
    bits: Sequence[int] = BITS,
    seeds: Sequence[int] = SEEDS[:2],
    shortlists: Sequence[int] = SHORTLISTS,
    flat_below: int = FLAT_BELOW,
) -> list[Large]:
    """Measures codes of a made-up catalogue, on one thread; longer shortlists and cells at one length of codes."""
    many, found = Many.made(count, dimensions), []
    for kind, length in product(CODES, bits):
        way = Coding(kind, length, True)
        for shortlist in shortlists if length == BOUND_BITS else (SHORTLIST,):
            build = partial(HammingIndex.build, many.vectors, length, shortlist=shortlist, kind=kind)
            found.append(many.large(way, (build(seed=seed, flat_below=count) for seed in seeds)))
            if length == BOUND_BITS and shortlist == SHORTLIST:
                found.append(many.large(way, [build(seed=seeds[0], flat_below=flat_below)]))
    return found


def made_space(count: int, dimensions: int, seed: int = 7) -> tuple[Vectors, Qrels]:
    """Made-up vectors as they lie in a learned space, and their groups.

    About four variants stand around a model, about 250 models around a family, ten families around a kind; how far a
    variant stands from its model is drawn for each, so that some are lost among strangers, as on real photographs.
    """
    rng = np.random.default_rng(seed)
    values, of_each = np.zeros((1, dimensions), np.float32), np.zeros(count, np.int64)
    for size, spread in ((max(1, count // 10_000), 0.7), (max(1, count // 1000), 0.5), (max(2, count // 4), 0.4)):
        of_each = rng.integers(0, len(values), size)
        values = values[of_each] + spread * rng.standard_normal((size, dimensions), np.float32)
    groups = rng.integers(0, len(values), count).astype(np.int32)
    apart = rng.uniform(0.2, 0.8, (count, 1)).astype(np.float32)
    values = values[groups] + apart * rng.standard_normal((count, dimensions), np.float32)
    values = normalised(values - values.mean(axis=0)).astype(np.float16)  # a learned head takes the mean off too
    axis = products(count)
    return Vectors(axis, values, "made up"), Qrels(axis, groups, np.zeros(count, np.int32))


def _whole_groups(qrels: Qrels, least: int) -> NDArray[np.int32]:
    """Queries: all members of the first groups that have at least so many together."""
    queries = qrels.queries()
    sizes = np.cumsum(np.bincount(qrels.groups[queries]))
    last = min(int(np.searchsorted(sizes, least)), len(sizes) - 1)
    return queries[qrels.groups[queries] <= last]


def quality_table(found: Losses) -> Table:
    """The paper's Table 2 on this catalogue."""
    rows = [("float, exact", *(f"{value:.4f}" for value in found.exact.mean(axis=0)))]
    rows += [
        (str(way), *(f"{value:.4f}" for value in values.mean(axis=(0, 1))))
        for way, values in sorted(found.coded.items(), key=lambda one: one[0].rescored)
    ]
    draws = len(next(iter(found.coded.values())))
    notes = (
        f"{len(found.groups):,} queries, each in a space learned without its group ({FOLDS} folds of groups), among "
        f"the whole catalogue; means over {draws} draws of the codes. MAP is the paper's, the mean of precisions.",
        f"Rescored: the first {SHORTLIST} codes, or four times as many as are asked for, are put in order by the float "
        "vectors. R-precision is taken from lists of 100, each recall from a list of its own length.",
    )
    return Table("Lists by float vectors and by codes", ("lists", *MEASURES), tuple(rows), notes)


LOST_AT = ("recall@10", "recall@100", "recall@400")
"""Measures whose losses are shown with intervals."""


def loss_table(found: Losses) -> Table:
    """What each way loses, with intervals."""
    rows = []
    for way in sorted(found.coded, key=lambda one: one.rescored):
        lost = [found.loss(way, measure) for measure in LOST_AT]
        rows.append((str(way), *(cell for one in lost for cell in (_spanned(one.mean), f"{one.worst:+.4f}"))))
    worst = min((lost for _, _, lost in found.bound_losses()), default=float("nan"))
    notes = (
        "Codes less float, paired query by query; in brackets the 95% interval over groups of the mean over draws. "
        "Worst: the draw that loses most.",
        f"Goal: {BOUND_BITS} bits, rescored, lose at most {MOST_LOST} of {' and '.join(BOUND_AT)}; their worst draw "
        f"of either kind: {worst:+.4f}.",
    )
    columns = ("codes", *(cell for measure in LOST_AT for cell in (measure, "worst")))
    return Table("What codes lose against float", columns, tuple(rows), notes)


def large_table(found: Sequence[Large], count: int) -> Table:
    """What codes lose among very many."""
    rows = []
    for one in found:
        cells = f", {one.cells[0]:,} of {one.cells[1]:,} cells" if one.cells else ""
        figures = zip(one.index_recalls, one.losses, one.milliseconds, strict=True)
        cells_of_a_row = (cell for a, b, c in figures for cell in (f"{a:.4f}", _spanned(b), f"{c:.1f}"))
        rows.append((f"{one.way.kind}, {one.way.bits:,} bits{cells}", f"{one.shortlist:,}", *cells_of_a_row))
    notes = (
        f"{count:,} made-up vectors that lie in dense families; means over {max(one.draws for one in found)} draws of "
        "the codes, with cells one. Shortlist: codes rescored, at least; four times k if that is more.",
        "Index recall: how much of exact search's list of this length is found. Loss: recall of variants by codes less "
        "that by float, with its 95% interval. ms: of one core, a query.",
    )
    columns = ("codes", "shortlist", *(cell for k in LARGE_DEPTHS for cell in (f"index recall@{k}", "loss", "ms")))
    return Table(f"Rescoring among {count:,} codes", columns, tuple(rows), notes)


def _spanned(span: Interval) -> str:
    return f"{span.mean:+.4f} ({span.low:+.4f} to {span.high:+.4f})"


def main() -> None:
    """Reads the words of the command line, measures, prints, and exits with 1 where codes lose too much."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_catalogue_words(parser)
    parser.add_argument("--dimensions", type=int, default=LearnSettings().dimensions, help="of the learned spaces")
    parser.add_argument("--draws", type=int, default=len(SEEDS), help="draws of the codes")
    parser.add_argument("--large", type=int, default=300_000, help="made-up vectors of a large catalogue; 0: none")
    words = parser.parse_args()
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    with tempfile.TemporaryDirectory() as folder:
        try:
            job = catalogue_job(words, Path(folder))
            owners = job.pictures.owners
            spaces = learned_spaces(job, words.dimensions)
            seeds = range(1, words.draws + 1)
            found = losses(spaces, owners, job.truth("evaluation"), seeds=seeds, threads=job.threads)
        except VariantsError as error:
            sys.exit(str(error))
    tables = [quality_table(found), loss_table(found)]
    if words.large:
        tables.append(large_table(large(words.large, words.dimensions), words.large))
    print(*circumstances(), "", *(table.text() for table in tables), sep="\n")
    if words.write:
        write_text(words.write, markdown_page("Codes", circumstances(), tables))
    sys.exit(0 if found.holds else 1)


if __name__ == "__main__":
    main()

"""Search among binary codes: faiss as the image index asks it, beside numpy and beside what memory can deliver."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.made_up import made_codes
from benchmarks.page import Table
from benchmarks.timing import Seconds, Spread, cores, interleaved

# What the image index asks of faiss, without the rescoring that stands around it.
from image_retrieval.hamming import _nearest_codes, _parted
from service.footprint import footprint

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
        cells = _parted(codes, 7, cores())
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

"""What `benchmarks.elastic.scale` measures, as tables beside the paper's and beside the goals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from benchmarks.elastic.images import AT, BITS, CONDITIONS, K
from benchmarks.speed.page import Table
from benchmarks.speed.timing import Spread, cores, significant

SHORTLIST = 1000
"""Codes rescored, and candidates that a graph keeps in view."""

CLIENTS = 8

TOGETHER = 25
"""Queries of one `_msearch`."""

PAPER = (
    ("paper: VGG16", "1,500,000", "4,892", "6,117", "5,600", "5.560"),
    ("paper: VGG16 with 512 subcodes", "1,500,000", "4,112", "4,827", "4,481", "4.449"),
    ("paper: VGG16 with 256 subcodes", "1,500,000", "1,568", "1,862", "1,631", "1.112"),
)
"""Rows of the paper's Table 3."""

PAPER_QUERIES = 3600

LOADED_A_SECOND, LOADER_MIB, GROWTH_MIB, SERVER_RATIO, GRAPH_RATIO = 30_000, 500, 50, 1.2, 5.0

GRAPH_RECALL = (0.98, 0.95)

NOISE = 1.05
"""Two equal ways measured in turns differ by as much."""


@dataclass(frozen=True)
class Loading:
    """What it took to fill one index.

    Attributes:
        images: How many.
        seconds: Until all were stored and found by searches.
        refused: Images that were not stored.
        server: Seconds that the server's threads spent on writing them.
        alone: Documents a second made by this process while nothing is sent.
        merging: Seconds to merge the index to one segment.
        bytes: Of the merged index, an image.
        over: MiB of this process's memory over what it held before, the most in each quarter of the load.
    """

    images: int
    seconds: float
    refused: int
    server: float
    alone: float
    over: tuple[float, ...]
    merging: float = 0.0
    bytes: float = 0.0


class Asked(NamedTuple):
    """A way to search, and how: what figures are kept by."""

    way: str
    size: int
    condition: str = "none"
    together: bool = False


@dataclass(frozen=True)
class Looked:
    """What one way took under one condition.

    Attributes:
        milliseconds: Of each query asked one at a time; none where they were not.
        took: Of these what the server says it took, in milliseconds; none for the embedded index.
        per_second: Queries answered a second by 8 clients, or by the embedded index on all cores; a part each.
        recalls: At each depth of `AT`, against float vectors.
    """

    milliseconds: tuple[float, ...] = ()
    took: tuple[int, ...] = ()
    per_second: tuple[float, ...] = ()
    recalls: tuple[float, ...] = ()

    @property
    def mean(self) -> float:
        """Mean milliseconds of one at a time."""
        return float(np.mean(self.milliseconds))

    def at(self, percent: float) -> float:
        """A percentile of the milliseconds."""
        return float(np.percentile(self.milliseconds, percent))


FLAT, GRAPH, MSEARCH, CODES_ALONE = f"{BITS} bits, flat", f"{BITS} bits, hnsw", "by _msearch", "not rescored"

EMBEDDED, CELLS = "embedded, flat", "embedded, IVF"


@dataclass(frozen=True)
class Served:
    """The server's own time for flat searches, and whether they are exact.

    Attributes:
        ours: Milliseconds of the library's searches, the mean of each round.
        plain: Of queries written by hand.
        exact: Lists whose distances are those of comparing every code, at every rank.
        lists: How many were compared.
    """

    ours: tuple[float, ...]
    plain: tuple[float, ...]
    exact: int
    lists: int

    @property
    def ratio(self) -> Spread:
        """Ours over the plain query's, round by round."""
        return Spread.of(np.array(self.ours) / np.array(self.plain))


@dataclass(frozen=True, eq=False)
class ElasticTimings:
    """All figures.

    Attributes:
        loadings: Of each index, by name of its search and size.
        looked: Of each way under each condition.
        served: The server's own time at the greatest size.
        sizes: Of the indices searched flat.
        dear: Of the others.
        queries: How many were asked.
    """

    loadings: dict[tuple[str, int], Loading]
    looked: dict[Asked, Looked]
    served: Served
    sizes: tuple[int, ...]
    dear: tuple[int, ...]
    queries: int


def tables(found: ElasticTimings) -> list[Table]:
    """The figures as a page shows them."""
    return [loading_table(found), look_up_table(found), table_3(found), figure_3(found), goal_table(found)]


def loading_table(found: ElasticTimings) -> Table:
    """What loading costs."""
    rows = []
    for (name, size), one in found.loadings.items():
        rate = one.images / one.seconds
        flat = found.loadings[FLAT, size]
        rows.append(
            (
                f"{name}, {size:,} images",
                f"{rate:,.0f}",
                f"{rate * flat.seconds / flat.images:.2f}",
                f"{one.alone:,.0f}",
                f"{one.server:,.1f}",
                f"{one.merging:,.1f}",
                f"{one.bytes:,.0f}",
                f"{max(one.over):,.0f}",
            )
        )
    notes = (
        "From images to documents that searches find, all of it in one process beside the server on the same "
        f"{cores()} cores. Making alone: documents a second where none is sent. Server: seconds of its writing "
        "threads; a graph is built while segments are flushed and merged, which these seconds don't count.",
        "Bytes: of the index on disk, merged to one segment, over images. MiB: greatest memory of this process, mapped "
        f"files apart, over what it held before; by quarters of the greatest load {_quarters(found)}. "
        f"Refused: {sum(one.refused for one in found.loadings.values())} images.",
    )
    columns = ("index", "images/s", "× flat", "making alone, /s", "server, s", "merge, s", "bytes an image", "MiB")
    return Table("Loading", columns, tuple(rows), notes)


def _quarters(found: ElasticTimings) -> str:
    return ", ".join(f"{mib:,.0f}" for mib in found.loadings[FLAT, found.sizes[-1]].over)


def look_up_table(found: ElasticTimings) -> Table:
    """What look-ups cost, and what they find."""
    rows = []
    chosen = [asked for asked in found.looked if found.looked[asked].per_second]
    for asked in sorted(chosen, key=lambda asked: asked.size):
        one = found.looked[asked]
        embedded = found.looked[Asked(EMBEDDED, asked.size, asked.condition)]
        ratio = Spread.of(np.array(one.per_second) / np.array(embedded.per_second))
        rows.append(
            (
                f"{asked.way}, {asked.size:,} images",
                asked.condition,
                *_alone(one),
                str(Spread.of(one.per_second)),
                str(ratio),
                *(f"{recall:.3f}" for recall in one.recalls),
            )
        )
    notes = (
        f"{found.queries} queries for {K} images each, none of them in the index, all from groups of one category; "
        f"asked of `ElasticIndex`, which orders the first {SHORTLIST:,} codes by float vectors. A graph keeps as many "
        f"candidates in view. {CODES_ALONE.capitalize()}: {K} codes in Hamming order.",
        "One client: a query at a time, from vector to list; server: what it says it took (median). 8 clients: threads "
        f"of one process, which also parses answers; `_msearch` has {TOGETHER} queries in a request; for the embedded "
        "index a batch on all cores. Median (least–greatest) of parts of the queries taken in turns; × embedded: over "
        "the embedded flat index, part by part.",
        "The category admits a tenth of the images and most true neighbours, the text a twentieth and few of them. "
        "Recall: against exact cosine among the images admitted.",
    )
    columns = (
        "way",
        "filter",
        "p50, ms",
        "p95, ms",
        "server, ms",
        "queries/s, 1 client",
        f"queries/s, {CLIENTS} clients",
        "× embedded",
        *(f"recall@{at}" for at in AT),
    )
    return Table("Look-ups", columns, tuple(rows), notes)


def _alone(one: Looked) -> tuple[str, ...]:
    """Cells on queries asked one at a time."""
    if not one.milliseconds:
        return ("",) * 4
    served = f"{np.median(one.took):.0f}" if one.took else ""
    return f"{one.at(50):.1f}", f"{one.at(95):.1f}", served, significant(1000 / one.mean)


def table_3(found: ElasticTimings) -> Table:
    """The paper's Table 3."""
    rows: list[tuple[str, ...]] = []
    for asked, one in found.looked.items():
        if (asked.way, asked.size) not in found.loadings or asked.condition != "none" or not one.per_second:
            continue
        times = (f"{value:,.1f}" for value in (min(one.milliseconds), max(one.milliseconds), one.mean))
        hours = PAPER_QUERIES / float(np.median(one.per_second)) / 3600
        rows.append((asked.way, f"{asked.size:,}", *times, f"{hours:.3f}"))
    notes = (
        f"Ours: {found.queries} queries, {K} images each, one at a time; total time: of the paper's "
        f"{PAPER_QUERIES:,} query images, by {CLIENTS} clients. The paper's rows are its own, from another machine and "
        "other pictures, whose subcodes are parts of an embedding: they show the form, and the order of magnitude.",
    )
    columns = ("Embedding type", "images", "min time (ms)", "max time (ms)", "mean time (ms)", "total time (hrs)")
    return Table("The paper's Table 3: query times for different codes", columns, (*rows, *PAPER), notes)


def figure_3(found: ElasticTimings) -> Table:
    """The paper's Figure 3, as figures."""
    rows = []
    for name, size in found.loadings:
        if name.startswith(f"{BITS} bits"):
            times = [found.looked[Asked(name, size, condition)].mean for condition in CONDITIONS]
            ratios = (f"{time / times[0]:.2f}" for time in times[1:])
            rows.append((f"{name}, {size:,} images", *(f"{time:.1f}" for time in times), *ratios))
    notes = ("Mean milliseconds of a query asked alone, rescored. Filters stand within the search.",)
    columns = ("index size", "no filter", "category filter", "text filter", "category ×", "text ×")
    return Table("The paper's Figure 3: query times by index size and filter", columns, tuple(rows), notes)


@dataclass(frozen=True)
class Goal:
    """A goal: what is wanted, what was measured, whether it holds."""

    wanted: str
    measured: str
    holds: bool


def goals(found: ElasticTimings) -> list[Goal]:
    """The goals that the project set itself, beside what was measured."""
    served, size = found.served, found.sizes[-1]
    flat = found.loadings[FLAT, size]
    rate, over = flat.images / flat.seconds, max(flat.over)
    ours, plain = Spread.of(served.ours), Spread.of(served.plain)
    return [
        Goal("flat: exact at every rank", f"{served.exact} of {served.lists} lists", served.exact == served.lists),
        Goal(
            f"flat: server's time ≤ {SERVER_RATIO} × a plain query's",
            f"{served.ratio} × at {size:,} images: {ours} ms, {plain} ms",
            served.ratio.median <= SERVER_RATIO,
        ),
        *_graph_goals(found),
        *_filter_goals(found),
        Goal(f"flat: loading ≥ {LOADED_A_SECOND:,} images/s", f"{rate:,.0f} at {size:,}", rate >= LOADED_A_SECOND),
        Goal(f"loader: < {LOADER_MIB} MiB over before", f"{over:,.0f} MiB at {size:,} images", over < LOADER_MIB),
        Goal(
            f"loader: flat, last quarter ≤ first + {GROWTH_MIB} MiB",
            f"{_quarters(found)} MiB by quarters",
            flat.over[-1] <= flat.over[0] + GROWTH_MIB,
        ),
    ]


def _graph_goals(found: ElasticTimings) -> list[Goal]:
    size = found.dear[-1]
    graph, flat = (found.looked[Asked(name, size)] for name in (GRAPH, FLAT))
    ratio = Spread.of(np.array(graph.per_second) / np.array(flat.per_second))
    served = float(np.mean(flat.took) / np.mean(graph.took))
    wanted = " / ".join(f"{recall:.2f}" for recall in GRAPH_RECALL)
    enough = all(got >= least for got, least in zip(graph.recalls, GRAPH_RECALL, strict=True))
    measured = " / ".join(f"{recall:.3f}" for recall in graph.recalls)
    return [
        Goal(f"hnsw, rescored: recall@10 / @100 ≥ {wanted}", f"{measured} at {size:,} images", enough),
        Goal(
            f"hnsw, rescored: ≥ {GRAPH_RATIO:g} × flat's throughput",
            f"{ratio} × at {size:,} images, {CLIENTS} clients; by the server's own time {significant(served)} ×",
            ratio.median >= GRAPH_RATIO,
        ),
    ]


def _filter_goals(found: ElasticTimings) -> list[Goal]:
    made = []
    for name in dict.fromkeys(name for name, _ in found.loadings if name.startswith(f"{BITS} bits")):
        size = max(size for other, size in found.loadings if other == name)
        plain, *filtered = (found.looked[Asked(name, size, condition)] for condition in CONDITIONS)
        ratios = [one.at(50) / plain.at(50) for one in filtered]
        served = [float(np.mean(one.took) / np.mean(plain.took)) for one in filtered]
        measured = " and ".join(
            f"{condition} {ratio:.2f} × (server {of_server:.2f} ×)"
            for condition, ratio, of_server in zip(list(CONDITIONS)[1:], ratios, served, strict=True)
        )
        holds = max(ratios) <= NOISE
        made.append(Goal(f"{name}: filtered ≤ {NOISE} × unfiltered (p50)", f"{measured} at {size:,} images", holds))
    return made


def goal_table(found: ElasticTimings) -> Table:
    """The goals, and whether they hold."""
    rows = tuple((goal.wanted, goal.measured, "yes" if goal.holds else "NO") for goal in goals(found))
    notes = (
        "Server's time: what answers say they took, means of parts of the queries in turns. The plain query asks for "
        f"{SHORTLIST:,} nearest codes and of each its key alone, as the library should.",
    )
    return Table("Goals", ("goal", "measured", "holds"), rows, notes)

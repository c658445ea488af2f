"""Images on a real Elasticsearch: what loading and look-ups cost, what they miss, beside the embedded index.

`python -m benchmarks.elastic.scale` starts a node of its own, fills indices of made-up images and prints: loading,
look-ups by each way to search with and without a filter, the paper's Table 3 and Figure 3, the server's own time
beside that of a query written by hand, and the goals. Ways take turns, a part of the queries each, so that whatever
else the machine does falls on all of them alike. Subcodes and a graph take ten to thirty times as long to load, so
without `--full` they get fewer images, and flat search is measured at that size too.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice, product
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from benchmarks.elastic.figures import (
    CELLS,
    CLIENTS,
    CODES_ALONE,
    EMBEDDED,
    MSEARCH,
    SHORTLIST,
    TOGETHER,
    Asked,
    ElasticTimings,
    Loading,
    Looked,
    Served,
    tables,
)
from benchmarks.elastic.images import AT, BITS, CONDITIONS, DIMENSIONS, SHORT_BITS, K, Made, make_images
from benchmarks.speed.page import circumstances, markdown_page
from benchmarks.speed.timing import cores, interleaved
from candidates.artifacts import write_text
from candidates.axis import Axis
from candidates.contracts import Index
from candidates.errors import VariantsError
from candidates.filters import Filter
from candidates.run import Part, Run, joined
from candidates.vectors import Vectors, normalised
from eval.slices import index_recall
from image_retrieval.elastic.documents import documents_of
from image_retrieval.elastic.load import load
from image_retrieval.elastic.mapping import Layout, Search
from image_retrieval.elastic.nearest import CodeSearch, Effort, Hits
from image_retrieval.elastic.search import ElasticIndex, _stacked
from image_retrieval.elastic.slices import Window
from image_retrieval.hamming import HammingIndex, best_first
from image_retrieval.rotations import Rotations
from service.neighbours.elastic_connection import ElasticConnection

if TYPE_CHECKING:
    from elasticsearch import Elasticsearch

ROUNDS = 5
"""Parts of the queries, taken in turns."""

SIZES = (100_000, 300_000, 1_000_000)
"""At which the paper's Figure 3 is repeated."""

SUBSET = 300_000

SETTLE = 45.0
"""Seconds between the last write and the merge; merged at once an index would keep what copies might still need."""

NAME = "benchmark-of-images"

_ALONE = 20_000


@dataclass(eq=False)
class Filled:
    """An index on the cluster.

    Attributes:
        search: By what it is searched.
        made: The images in it.
        planes: What coded them.
        window: Where it stands.
        loading: What it took.
    """

    search: Search
    made: Made
    planes: Rotations
    window: Window
    loading: Loading

    @property
    def name(self) -> str:
        """The search in words."""
        subcodes = f", {self.planes.bits // 16} subcodes" if self.search == "subcodes" else ""
        return f"{self.planes.bits} bits, {self.search if not subcodes else ''}".rstrip(", ") + subcodes

    def index(self, *, rescored: bool = True) -> ElasticIndex:
        """The index as the pipeline asks it, or by codes alone."""
        effort = Effort(visited=SHORTLIST if rescored else K, clients=CLIENTS)
        vectors = self.made.vectors
        if rescored:
            return ElasticIndex(self.window, self.planes, vectors.axis, vectors, SHORTLIST, self.made.select, effort)
        return ElasticIndex(self.window, self.planes, vectors.axis, None, select=self.made.select, effort=effort)


class _Watch:
    """Watches this process's memory while a load goes on, and has the index refreshed once, half way.

    Without that a small index is one segment from the start: there is nothing to merge, and what Elasticsearch keeps
    for copies of a shard stays in it.
    """

    def __init__(self, window: Window, images: int) -> None:
        self.window, self.images, self.done = window, images, 0
        self.before = _own_mib()
        self.quarters = [0.0] * 4

    def track(self, count: int) -> None:
        """Told of each piece that is stored."""
        half = self.images / 2
        if self.done < half <= self.done + count:
            self.window.refresh()
        self.done += count
        quarter = min(3, 4 * self.done // (self.images + 1))
        self.quarters[quarter] = max(self.quarters[quarter], _own_mib() - self.before)


def _own_mib() -> float:
    """Resident memory of this process without mapped files, whose pages the system takes and gives as it likes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon")) / 1024


def fill(client: Elasticsearch, made: Made, search: Search, bits: int) -> Filled:
    """Loads images into an index of their own."""
    planes = Rotations(DIMENSIONS, bits, 1)
    layout = Layout(bits, made.vectors.version, planes.version, search, replicas=0)
    window = Window(client, f"{NAME}-{len(made)}", layout)
    window.drop()
    codes = planes.codes(made.vectors.values)
    alone = min(_ALONE, len(made))
    began = time.perf_counter()
    for _ in documents_of(islice(made.images(codes), alone), layout):
        pass
    alone_rate = alone / (time.perf_counter() - began)
    watch = _Watch(window, len(made))
    began = time.perf_counter()
    loaded = load(window, documents_of(made.images(codes), layout), track=watch.track)
    seconds = time.perf_counter() - began
    written = _stats(window, "indexing")["index_time_in_millis"] / 1000
    refused = len(made) - loaded.stored
    loading = Loading(len(made), seconds, refused, written, alone_rate, tuple(watch.quarters))
    return Filled(search, made, planes, window, loading)


def merge(standing: Sequence[Filled], settle: float) -> None:
    """Merges each index to one segment, as a closed slice is, and measures it."""
    for one in standing:
        one.window.flush()
    time.sleep(settle)
    for one in standing:
        one.window.flush()
        began = time.perf_counter()
        one.window.merge()
        seconds = time.perf_counter() - began
        one.window.flush()
        size = _stats(one.window, "store")["size_in_bytes"]
        one.loading = replace(one.loading, merging=seconds, bytes=size / one.loading.images)


def _stats(window: Window, metric: str) -> dict[str, Any]:
    answer = window.ask("statistics", lambda client: client.indices.stats(index=window.alias, metric=metric))
    found: dict[str, Any] = answer["_all"]["primaries"][metric]
    return found


@dataclass(frozen=True, eq=False)
class Timed:
    """A client that keeps what the answers of searches say they took: the server's own time, knn search included.

    The server's statistics would not do: they leave out the phase in which a knn search happens.

    Attributes:
        client: The client.
        took: Milliseconds of each search.
    """

    client: Elasticsearch
    took: list[int]

    def options(self, **words: Any) -> Timed:
        """The client with other options."""
        return Timed(self.client.options(**words), self.took)

    def search(self, **words: Any) -> Any:
        """Searches, and asks for the time as well as for what was asked for."""
        if "filter_path" in words:
            words["filter_path"] += ",took"
        answer = self.client.search(**words)
        # Where the index is missing there is an answer without a time.
        self.took.extend([int(answer["took"])] if "took" in answer else [])
        return answer

    def __getattr__(self, name: str) -> Any:
        """Everything else is the client's."""
        return getattr(self.client, name)


def _taken(took: list[int]) -> list[int]:
    """What was kept since it was last asked for."""
    kept = took[:]
    took.clear()
    return kept


@dataclass(frozen=True, eq=False)
class MultiSearch:
    """Flat search by `_msearch`, else as `ElasticIndex` does it."""

    index: ElasticIndex

    @property
    def items(self) -> Axis:
        """What the index finds."""
        return self.index.items

    @property
    def version(self) -> str:
        """What the vectors were made by."""
        return self.index.version

    def search(self, vectors: Vectors, k: int, where: Filter | None = None) -> Run:
        """The k nearest images of each vector (see `candidates.contracts.Index`)."""
        index, queries = self.index, normalised(vectors.values)
        codes = index.planes.codes(queries)
        clauses, admitted = index._conditions(where)
        bodies = [index._codes._query(code, SHORTLIST, clauses) for code in codes]
        found = (index._known(hits, admitted) for hits in self._hits(bodies))
        everyone = np.arange(len(queries))
        rows, _ = _stacked(found, everyone, len(queries), SHORTLIST, index.planes.bits)
        assert index._embedded is not None
        best, scores = best_first(rows, index._embedded.cosines(queries, rows), min(k, SHORTLIST))
        return Run.from_matrix("msearch", vectors.axis, index.items, best, scores)

    def _hits(self, bodies: Sequence[Mapping[str, Any]]) -> Iterator[Hits]:
        window, bits = self.index.window, self.index.planes.bits
        for start in range(0, len(bodies), TOGETHER):
            lines: list[Mapping[str, Any]] = []
            for body in bodies[start : start + TOGETHER]:
                lines += [{"index": window.alias}, _plain(body)]
            answer = window.ask("searching", partial(_msearch, lines))
            for one in answer["responses"]:
                hits = one["hits"]["hits"]
                keys = np.array([hit["fields"]["key"][0] for hit in hits], np.int64)
                scores = np.array([hit["_score"] for hit in hits])
                yield Hits(keys, np.rint((1 - scores) * bits).astype(np.int32))


def _plain(knn: Mapping[str, Any]) -> dict[str, Any]:
    """A search as one would write it by hand: the nearest codes, and of each its key alone."""
    shown = {"_source": False, "stored_fields": "_none_", "docvalue_fields": ["key"], "track_total_hits": False}
    return {"knn": dict(knn), "size": SHORTLIST, **shown}


def _msearch(lines: list[Mapping[str, Any]], client: Elasticsearch) -> Any:
    shown = "responses.hits.hits._score,responses.hits.hits.fields.key"
    return client.msearch(searches=lines, max_concurrent_searches=CLIENTS, filter_path=shown)


@dataclass(frozen=True, eq=False)
class Way:
    """A way to search, to be measured.

    Attributes:
        name: Its name.
        index: The index.
        made: The images in it.
        conditions: Those that it is asked under.
        alone: Whether queries are asked one at a time.
        together: Whether they are also asked many at a time.
    """

    name: str
    index: Index
    made: Made
    conditions: tuple[str, ...] = tuple(CONDITIONS)
    alone: bool = True
    together: bool = True


def look_up(ways: Sequence[Way], queries: Vectors, rounds: int, took: list[int]) -> dict[Asked, Looked]:
    """Asks each way all queries, a part of them in turns; `took` is what a `Timed` client keeps."""
    parts = [queries.take(rows) for rows in np.array_split(queries.axis.rows, rounds)]
    single = [[part.take(part.axis.rows[row : row + 1]) for row in range(len(part))] for part in parts]
    tasks: dict[Asked, Callable[[int], Any]] = {}
    for way in ways:
        for name in way.conditions:
            asked, where = Asked(way.name, len(way.made), name), CONDITIONS[name]
            if way.alone:
                tasks[asked] = partial(_one_at_a_time, way.index, single, where, took)
            if way.together:
                tasks[asked._replace(together=True)] = partial(_many, way.index, parts, where)
    kept: dict[Hashable, list[Any]] = {asked: [] for asked in tasks}
    spent = interleaved(tasks, rounds, keep=lambda asked, made: kept[asked].append(made))
    made_of = {len(way.made): way.made for way in ways}
    sizes = np.array([len(part) for part in parts])
    found = {}
    for asked in dict.fromkeys(asked._replace(together=False) for asked in tasks):
        both = asked._replace(together=True)
        laps = kept.get(asked, ())
        looked = Looked(
            tuple(1000 * second for seconds, _ in laps for second in seconds),
            tuple(one for _, kept_took in laps for one in kept_took),
        )
        if both in tasks:
            truth = made_of[asked.size].truth[asked.condition]
            run = Run("joined", truth.queries, truth.items, (joined(Part, kept[both]),))
            recalls = tuple(index_recall(run, truth, at) for at in AT)
            looked = replace(looked, per_second=tuple((sizes / spent[both]).tolist()), recalls=recalls)
        found[asked] = looked
    return found


def _one_at_a_time(
    index: Index, single: list[list[Vectors]], where: Filter | None, took: list[int], turn: int
) -> tuple[list[float], list[int]]:
    seconds = []
    took.clear()
    for query in single[turn]:
        began = time.perf_counter()
        index.search(query, K, where)
        seconds.append(time.perf_counter() - began)
    return seconds, _taken(took)


def _many(index: Index, parts: list[Vectors], where: Filter | None, turn: int) -> Part:
    return index.search(parts[turn], K, where).whole()


def ways_of(standing: Sequence[Filled], shown: Sequence[int]) -> list[Way]:
    """All ways, beside the embedded index; those of the sizes shown are also asked many at a time."""
    ways = []
    for one in standing:
        whole = len(one.made) in shown
        conditions = tuple(CONDITIONS) if one.planes.bits == BITS else ("none",)
        index = one.index()
        ways.append(Way(one.name, index, one.made, conditions, together=whole))
        if whole and one.planes.bits == BITS:
            ways.append(Way(f"{one.name}, {CODES_ALONE}", one.index(rescored=False), one.made, ("none",)))
        if whole and one.search == "flat":
            ways.append(Way(f"{one.name}, {MSEARCH}", MultiSearch(index), one.made, alone=False))
            ways += _embedded(one.made)
    return ways


def _embedded(made: Made) -> list[Way]:
    cells = HammingIndex.build(
        made.vectors, BITS, 1, SHORTLIST, made.select, threads=cores(), flat_below=0, kind="rotations"
    )
    flat = replace(cells, cells=None)
    # Under a condition the embedded index compares all codes that are admitted, with cells or without.
    return [Way(EMBEDDED, flat, made), Way(CELLS, cells, made, ("none",))]


def serve(flat: Filled, queries: Vectors, rounds: int, took: list[int]) -> Served:
    """Asks the library and by hand, in turns; `took` is what a `Timed` client keeps."""
    codes = flat.planes.codes(queries.values)
    parts = np.array_split(codes, rounds)
    depth = min(SHORTLIST, len(flat.made))
    searches = CodeSearch(flat.window)
    spent: dict[str, list[float]] = {"ours": [], "plain": []}
    found: list[Hits] = []

    def ask(search: Callable[[NDArray[np.uint8]], Any], turn: int) -> tuple[float, list[Any]]:
        took.clear()
        answers = [search(code) for code in parts[turn]]
        return float(np.mean(_taken(took))), answers

    def keep(name: str, made: tuple[float, list[Any]]) -> None:
        spent[name].append(made[0])
        if name == "ours":
            found.extend(made[1])

    tasks = {
        "ours": partial(ask, lambda code: searches.nearest(code, depth)),
        "plain": partial(ask, partial(_by_hand, flat.window)),
    }
    interleaved(tasks, rounds, keep=keep)
    items = flat.planes.codes(flat.made.vectors.values)
    exact = sum(map(np.array_equal, _distances(codes, items, depth), (hits.distances for hits in found)))
    return Served(tuple(spent["ours"]), tuple(spent["plain"]), exact, len(codes))


def _by_hand(window: Window, code: NDArray[np.uint8]) -> Any:
    """Asks for the nearest codes as one would by hand."""
    vector = code.tobytes().hex()
    knn = {"field": "code", "query_vector": vector, "k": SHORTLIST, "num_candidates": SHORTLIST}
    return window.client.search(index=window.alias, body=_plain(knn))


def _distances(queries: NDArray[np.uint8], codes: NDArray[np.uint8], depth: int) -> Iterator[NDArray[np.int32]]:
    """Distances of the nearest codes, ascending, by comparing every code of each query."""
    words = codes.view(np.uint64)
    for query in queries.view(np.uint64):
        distances = np.bitwise_count(words ^ query).sum(axis=1, dtype=np.int32)
        yield np.sort(np.partition(distances, depth - 1)[:depth])


@dataclass(frozen=True)
class Scale:
    """How much is measured.

    Attributes:
        sizes: Images of the indices, ascending.
        subset: Images of an index with subcodes or a graph, at most.
        queries: How many.
        rounds: Parts of them, taken in turns.
        settle: Seconds before indices are merged.
    """

    sizes: tuple[int, ...] = SIZES
    subset: int = SUBSET
    queries: int = 200
    rounds: int = ROUNDS
    settle: float = SETTLE

    @property
    def dear(self) -> tuple[int, ...]:
        """Sizes of indices with subcodes or a graph."""
        return tuple(size for size in self.sizes if size <= self.subset) or (self.subset,)

    @property
    def steps(self) -> tuple[int, ...]:
        """All sizes."""
        return tuple(sorted({*self.sizes, *self.dear}))


def measure(url: str, folder: Path, scale: Scale, said: Callable[[str], object] = lambda _: None) -> ElasticTimings:
    """Fills indices on the node at `url`, searches them and deletes them.

    Args:
        url: The node's address.
        folder: Where vectors are kept meanwhile.
        scale: How much is measured.
        said: Told what comes next.
    """
    said("making images")
    made = make_images(folder, scale.steps, scale.queries)
    took: list[int] = []
    with ElasticConnection((url,)).client() as real, _indices(_timed(real, took), made, scale, said) as standing:
        said("exact neighbours, and the embedded index")
        shown = sorted({scale.steps[-1], scale.dear[-1]})
        for one in standing:
            if one.search == "flat" and len(one.made) in shown:
                _ = one.made.truth
        ways = ways_of(standing, shown)
        said("look-ups")
        looked = look_up(ways, made.queries, scale.rounds, took)
        said("the server's own time")
        greatest = next(one for one in standing if one.search == "flat" and len(one.made) == len(made))
        served = serve(greatest, made.queries, scale.rounds, took)
        loadings = {(one.name, len(one.made)): one.loading for one in standing}
    return ElasticTimings(loadings, looked, served, scale.steps, scale.dear, scale.queries)


def _timed(client: Elasticsearch, took: list[int]) -> Elasticsearch:
    return cast("Elasticsearch", Timed(client, took))


@contextmanager
def _indices(client: Elasticsearch, made: Made, scale: Scale, said: Callable[[str], object]) -> Iterator[list[Filled]]:
    """All indices, filled and merged; gone afterwards."""
    views = {size: made.first(size) for size in scale.steps}
    wanted: list[tuple[Search, int, int]] = [("flat", size, BITS) for size in scale.steps]
    dear: tuple[Search, ...] = ("subcodes", "hnsw")
    wanted += [(search, size, BITS) for search, size in product(dear, scale.dear)]
    wanted.append(("subcodes", scale.dear[-1], SHORT_BITS))
    standing: list[Filled] = []
    try:
        for search, size, bits in wanted:
            said(f"loading {size:,} images: {search}, {bits} bits")
            standing.append(fill(client, views[size], search, bits))
        said("merging")
        merge(standing, scale.settle)
        yield standing
    finally:
        for search, size, bits in wanted:
            planes = Rotations(DIMENSIONS, bits, 1)
            Window(client, f"{NAME}-{size}", Layout(bits, made.vectors.version, planes.version, search)).drop()


def main() -> None:
    """Reads the words of the command line, starts a node, measures, prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--codes", type=int, default=SIZES[-1], help="images of the greatest index")
    parser.add_argument("--sizes", default=",".join(map(str, SIZES)), help="index sizes, with commas between them")
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--subset", type=int, default=SUBSET, help="images with subcodes or a graph, at most")
    parser.add_argument("--full", action="store_true", help="all images with subcodes and a graph too")
    parser.add_argument("--settle", type=float, default=SETTLE, help="seconds between the last write and merging")
    parser.add_argument("--heap", default="2g", help="of the node")
    parser.add_argument("--write", type=Path, metavar="PAGE.md", help="also write the tables as a Markdown page")
    words = parser.parse_args()
    given = {int(size) for size in words.sizes.split(",") if int(size) <= words.codes}
    sizes = tuple(sorted({*given, words.codes}))
    subset = words.codes if words.full else min(words.subset, words.codes)
    from devtools.elastic_node.cluster import start

    said = (*circumstances(), f"Elasticsearch: one node of its own, heap {words.heap}, one shard an index, no copies.")
    print(*said, "", sep="\n", flush=True)
    began = time.perf_counter()
    try:
        with tempfile.TemporaryDirectory() as folder, start(Path(folder) / "node", heap=words.heap) as cluster:
            scale = Scale(sizes, subset, words.queries, min(ROUNDS, words.queries), words.settle)
            tell = partial(_tell, began)
            made = tables(measure(cluster.url, Path(folder), scale, tell))
    except VariantsError as error:
        sys.exit(str(error))
    print("", *(table.text() for table in made), f"({time.perf_counter() - began:.0f} s)", sep="\n")
    if words.write:
        write_text(words.write, markdown_page("Images on Elasticsearch", said, made))


def _tell(began: float, what: str) -> None:
    print(f"{time.perf_counter() - began:6.0f} s  {what}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()

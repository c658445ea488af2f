"""Pairs a second of the features of pairs, room by room and all together, and of features and classifier in one.

`python -m benchmarks.speed.pair_features` takes titles, descriptions and columns from a feed where one is given or
the real one is there, else made-up ones; vectors, lists and descriptors of pictures are made up in either case, since
the time does not depend on what they say.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier

from benchmarks.quality.ground import REAL_FEED
from benchmarks.speed.made_up import made_lists, made_vectors
from benchmarks.speed.page import Table, circumstances
from benchmarks.speed.timing import Spread, cores, interleaved
from candidates.catalogue import Catalogue
from candidates.collapse import Owners
from candidates.pairs import PairTable
from candidates.product import Product
from candidates.qrels import NOT_A_VARIANT, VARIANT
from candidates.run import Run
from candidates.settings import Settings
from fusion.merge.lists import QueryLists
from fusion.pairs.calibration import Calibration, Thresholds
from fusion.pairs.classifier import PairModel
from fusion.pairs.collective import NAMES
from fusion.pairs.feature_context import Looks, PairContext, Space
from fusion.pairs.feature_pictures import WIDTH
from fusion.pairs.table import FEATURES, with_features
from fusion.pairs.trees import Bins, Trees
from intake.feeds import read_feed
from text_retrieval.tfidf import TfidfIndex

_DIMENSIONS = 192
"""Of learned spaces."""

_DEPTH = 120
"""Of the lists that are fused: a little more than the features read."""

ALL, SCORED = "all rooms", "all rooms and both stages of the classifier"

WANTED = 50_000
"""Pairs a second that features and classifier together should reach on two cores."""

_TREES, _LEAVES = 250, 31
"""As many as a classifier has at most."""


@dataclass(frozen=True)
class Speed:
    """How fast the features of one room are.

    Attributes:
        room: Which; `ALL` for the whole table, `SCORED` for that and the classifier.
        features: How many columns.
        per_second: Pairs a second.
    """

    room: str
    features: int
    per_second: Spread


@dataclass(frozen=True)
class Speeds:
    """What was measured.

    Attributes:
        products: Products of the catalogue.
        pairs: Pairs whose features were computed.
        prepared: Seconds for what is made once a catalogue: weights of words, numbers of attributes.
        rooms: Each room by itself, then all.
    """

    products: int
    pairs: int
    prepared: float
    rooms: tuple[Speed, ...]


def measure(
    products: int = 5858, candidates: int = 100, feed: Path | None = None, rounds: int = 5, most: int = 1_000_000
) -> Speeds:
    """Measures every room by itself and all together, in turns.

    Args:
        products: How many; at most those of the feed, where there is one.
        candidates: Candidates of each product.
        feed: Where texts and columns come from; None makes them up.
        rounds: How often.
        most: Pairs at most, the first ones.
    """
    catalogue = made_catalogue(products) if feed is None else read_feed(feed, Settings().feed).catalogue
    catalogue = Catalogue(catalogue.table.slice(0, products))
    context = made_context(catalogue, cores())
    pairs = PairTable.of_candidates(context.fused.top(candidates)).take(slice(0, most))
    began = time.perf_counter()
    with_features(context, pairs.take(slice(0, 1)))
    prepared = time.perf_counter() - began
    rooms = {room: [one.name for one in FEATURES.values() if one.room == room] for room in _rooms()}
    rooms[ALL] = list(FEATURES)
    tasks = {room: lambda _, names=names: with_features(context, pairs, names) for room, names in rooms.items()}
    model = made_model(with_features(context, pairs.take(slice(0, 40_000))))

    def scored(_: int) -> object:
        table = with_features(context, pairs)
        return model.score(table.matrix(), list(table.columns), table.left, table.right, len(catalogue), cores())

    seconds = interleaved(tasks | {SCORED: scored}, rounds)
    counts = {room: len(names) for room, names in rooms.items()} | {SCORED: len(model.all_names)}
    speeds = (Speed(room, count, Spread.of(len(pairs) / seconds[room])) for room, count in counts.items())
    return Speeds(len(catalogue), len(pairs), prepared, tuple(speeds))


def _rooms() -> Sequence[str]:
    return list(dict.fromkeys(one.room for one in FEATURES.values()))


def made_catalogue(count: int, seed: int = 7) -> Catalogue:
    """Products with titles of about 6 and descriptions of about 30 words, some words far more frequent than others."""
    rng = np.random.default_rng(seed)
    letters = np.array(list("abcdefghijklmnopqrstuvwxyz"))
    words = np.array(["".join(rng.choice(letters, length)) for length in rng.integers(2, 10, 8000)])

    def said(length: int) -> str:
        return " ".join(words[np.minimum(rng.zipf(1.3, length) - 1, len(words) - 1)])

    def product(number: int) -> Product:
        attributes = {
            name: str(words[rng.integers(0, 40)]) for name in ("color", "size", "pattern") if rng.random() < 0.6
        }
        return Product(
            id=f"p{number:07d}",
            title=said(int(rng.integers(3, 10))),
            description=said(int(rng.integers(20, 45))) if rng.random() < 0.7 else "",
            brand=str(words[rng.integers(0, 30)]),
            product_type=" > ".join(words[rng.integers(0, 20, 3)]),
            price=f"{rng.uniform(5, 90):.2f} EUR",
            attributes=attributes,
        )

    return Catalogue.of(product(number) for number in range(count))


def made_context(catalogue: Catalogue, threads: int, seed: int = 7) -> PairContext:
    """Spaces, lists and descriptors for products that are there; neighbours are those of `made_lists`."""
    axis, count = catalogue.axis, len(catalogue)
    lists = made_lists(count, _DEPTH, _DEPTH, seed)
    text, image, lexical = (_over(run, catalogue) for run in (lists.text, lists.image, lists.text))
    texts = [
        f"{one} {other}" for one, other in zip(catalogue.column("title"), catalogue.column("description"), strict=True)
    ]
    spaces = {
        "text": Space.of(made_vectors(count, _DIMENSIONS, seed).values, text),
        "image": Space.of(made_vectors(count, _DIMENSIONS, seed + 1).values, image),
        "lexical": Space.of(TfidfIndex.build(texts, axis).weights, lexical),
    }
    fused = QueryLists(text, image, lexical, fusing=Settings().fused, threads=threads).fuse(_DEPTH)
    return PairContext(catalogue, spaces, fused, Looks(_looks(count, seed), Owners(axis, axis.rows)), threads)


def made_model(table: PairTable, seed: int = 7) -> PairModel:
    """A classifier of full size, grown on some pairs; what it tells is of no matter here, the time is the same."""
    matrix = table.matrix()
    random = np.random.default_rng(seed)
    right = np.nan_to_num(matrix).sum(axis=1) + random.normal(0, 1, len(matrix)) > 0
    right = right if 0 < right.sum() < len(right) else random.random(len(right)) < 0.5
    around = random.random((len(matrix), len(NAMES)), np.float32)
    first, second = (_grown(one, right, seed) for one in (matrix, np.concatenate([matrix, around], axis=1)))
    some, judged = random.random(100), np.where(random.random(100) < 0.5, VARIANT, NOT_A_VARIANT).astype(np.int8)
    straight = Calibration("platt", np.zeros(0), np.array([1.0, 1.0, 0.0]))
    return PairModel(tuple(table.columns), first, second, straight, Thresholds.measured(some, judged))


def _grown(matrix: NDArray[np.float32], right: NDArray[np.bool_], seed: int) -> Trees:
    bins = Bins.of(matrix)
    options = {"max_iter": _TREES, "max_leaf_nodes": _LEAVES, "max_features": 0.25, "early_stopping": False}
    model = HistGradientBoostingClassifier(**options, random_state=seed)
    return Trees.of(model.fit(bins.codes(matrix), right), bins)


def _over(run: Run, catalogue: Catalogue) -> Run:
    """The lists over the axis of a catalogue."""
    return Run(run.name, catalogue.axis, catalogue.axis, run.parts)


def _looks(count: int, seed: int) -> NDArray[np.float32]:
    return np.random.default_rng(seed).random((count, WIDTH), np.float32)


def table(found: Speeds) -> Table:
    """The figures as a page shows them."""
    rows = tuple((one.room, str(one.features), str(one.per_second)) for one in found.rooms)
    notes = (
        f"{found.pairs:,} pairs of {found.products:,} products. A room by itself computes what it shares with others "
        "too. Median (least–greatest) of rounds in which all were taken in turns.",
        f"Before the first pair, once a catalogue: {found.prepared:.1f} s.",
        f"Wanted of features and classifier together: {WANTED:,}; the classifier has {_TREES} trees of {_LEAVES} "
        "leaves in either stage.",
    )
    return Table("Features of pairs", ("room", "features", "pairs/s"), rows, notes)


def main() -> None:
    """Reads the words of the command line, measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--products", type=int, default=5858, help="how many (default: 5858)")
    parser.add_argument("--candidates", type=int, default=100, help="candidates of each product (default: 100)")
    parser.add_argument("--rounds", type=int, default=5, help="how often everything is measured (default: 5)")
    parser.add_argument("--feed", type=Path, help="a feed of your own (default: the real one, or made-up products)")
    parser.add_argument("--made-up", action="store_true", help="made-up products, even where the real feed is there")
    parser.add_argument("--shared", type=Path, default=Path("../shared"), help="folder of real catalogues")
    words = parser.parse_args()
    real = words.shared / REAL_FEED
    feed = words.feed or (real if real.is_file() and not words.made_up else None)
    print(*circumstances(), "", sep="\n", flush=True)
    print(table(measure(words.products, words.candidates, feed, words.rounds)).text())


if __name__ == "__main__":
    main()

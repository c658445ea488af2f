"""Memory of the loader while many images stream through it: into an Elasticsearch, compared, and filled in.

`python -m benchmarks.elastic.memory --images 1000000` starts a node of its own, or takes the one that
ELASTICSEARCH_URL names, where it makes and deletes an index. The images are made as they are asked for, so what is
measured is what the loader holds. A process keeps what it once had: each piece of work is measured from the peak
back to what was resident just before it, and the greatest of them counts.
"""

from __future__ import annotations

import argparse
import gc
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np

from benchmarks.speed.page import Table, circumstances
from candidates.product import Refusal
from image_retrieval.elastic.check import check, repair
from image_retrieval.elastic.documents import Document, Image, documents_of
from image_retrieval.elastic.load import load
from image_retrieval.elastic.mapping import Layout
from image_retrieval.elastic.slices import Window
from service.neighbours.elastic_connection import connect
from service.runs.footprint import footprint

BITS = 512
DAY = date(2026, 7, 15)
MOST_MIB = 500.0
"""What the loader may take over what was there before, however many images there are."""

_BLOCK = 4096
_WORDS = ("summer", "dress", "blue", "cotton", "long", "sleeve", "printed", "linen", "wide", "belt", "striped", "soft")


@dataclass(frozen=True)
class Piece:
    """One piece of work.

    Attributes:
        name: What was done.
        seconds: What it took.
        over_mib: The process's peak over what was resident before it.
        stored: Documents that it stored.
    """

    name: str
    seconds: float
    over_mib: float
    stored: int


def made_images(count: int) -> Iterator[Image]:
    """Images with codes at random and the words of a product, a block in memory at a time."""
    rng = np.random.default_rng(0)
    for start in range(0, count, _BLOCK):
        codes = rng.integers(0, 256, (min(_BLOCK, count - start), BITS // 8), np.uint8)
        titles = rng.choice(_WORDS, (len(codes), 6))
        for place, (code, words) in enumerate(zip(codes, titles.tolist(), strict=True)):
            number = start + place
            yield Image(
                f"image-{number}",
                f"product-{number // 3}",
                number % 3,
                code.tobytes(),
                DAY,
                "clothing > dresses",
                f"brand {number % 500}",
                f"seller {number % 20}",
                " ".join(words),
                " ".join(words[::-1]) * 5,
                (("color", words[0]),),
            )


WORKS = ("load", "check", "repair")
"""Load images, compare them all, and have a repair bring all of them back after they were deleted."""


def measure(url: str, images: int, works: Sequence[str] = WORKS) -> tuple[Piece, ...]:
    """Does some of `WORKS`, one after the other."""
    connection, client = connect({"ELASTICSEARCH_URL": url} if url else os.environ)
    with client, connection.plain_errors():
        window = Window(client, "memory", Layout(BITS, "made", "random", replicas=0))

        def documents() -> Iterator[Document | Refusal]:
            return documents_of(made_images(images), window.layout)

        def loaded() -> int:
            window.drop()
            return load(window, documents(), threads=4).stored

        def compared() -> int:
            assert check(window, documents).complete
            return 0

        def filled_in() -> int:
            window.drop()
            window.ensure(DAY)
            return repair(window, documents, threads=4).loaded.stored

        # What is imported, and what threads and connections take once, is the baseline's.
        load(window, documents_of(made_images(100), window.layout), threads=4)
        try:
            deeds = dict(zip(WORKS, (loaded, compared, filled_in), strict=True))
            return tuple(_watched(name, deeds[name]) for name in WORKS if name in works)
        finally:
            window.drop()


def _watched(name: str, work: Callable[[], int]) -> Piece:
    gc.collect()
    before = _resident_mib()
    with footprint() as used:
        stored = work()
    return Piece(name, used.seconds, used.peak_mib - before, stored)


def _resident_mib() -> float:
    with footprint() as now:
        pass
    return now.peak_mib


@contextmanager
def a_node(url: str) -> Iterator[str]:
    """The address given or named by the environment, or that of a node that lives as long as the block."""
    if url or os.environ.get("ELASTICSEARCH_URL"):
        yield url
        return
    from devtools.elastic_node.cluster import start

    with tempfile.TemporaryDirectory() as folder, start(Path(folder), heap="2g") as cluster:
        yield cluster.url


def table(pieces: tuple[Piece, ...], images: int) -> Table:
    """The figures as a page shows them."""
    rows = tuple(
        (piece.name, f"{piece.seconds:.0f}", f"{piece.stored / piece.seconds:,.0f}", f"{piece.over_mib:.0f}")
        for piece in pieces
    )
    return Table(
        f"Memory of the loader, {images:,} images of {BITS} bits",
        ("work", "seconds", "images stored a second", "MiB over what was there before"),
        rows,
        (f"Goal: below {MOST_MIB:.0f} MiB.",),
    )


def main() -> None:
    """Measures, prints, and ends with status 1 where the goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=1_000_000)
    parser.add_argument("--url", default="", help="the node to use (default: ELASTICSEARCH_URL, or one of its own)")
    parser.add_argument("--works", nargs="+", choices=WORKS, default=WORKS, help="only these (default: all)")
    words = parser.parse_args()
    with a_node(words.url) as url:
        pieces = measure(url, words.images, words.works)
    print(*circumstances(), "", table(pieces, words.images).text(), sep="\n")
    if max(piece.over_mib for piece in pieces) >= MOST_MIB:
        raise SystemExit(1)


if __name__ == "__main__":
    main()

"""Average linkage of a made-up million products with 100 candidates each, and beside SciPy's where that is possible.

`python -m benchmarks.speed.linkage --products 1000000 --candidates 100`. A pair is a candidate of both its products,
so that is 50 million undirected pairs.

SciPy's linkage holds all pairs, n² / 2 of them, so the two meet on a few thousand products, where their groups must
be the same.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.speed.page import Table, circumstances
from benchmarks.speed.timing import Spread, interleaved, significant
from fusion.groups.linkage import THRESHOLD, Grouping, average_linkage
from service.runs.footprint import footprint

I32 = NDArray[np.int32]

NEAR = 8
"""Of the candidates of a made-up product so many on either side stand for its like: its own group's and others'."""

BOUND_GIB = 16.0
"""Memory that a million products with 100 candidates each must fit in."""


@dataclass(frozen=True, eq=False)
class MadeUp:
    """Made-up pairs with probabilities.

    Attributes:
        products: Products.
        left: One row of each pair, int32 (m,).
        right: The other row.
        probability: float32 (m,).
    """

    products: int
    left: I32
    right: I32
    probability: NDArray[np.float32]


@dataclass(frozen=True)
class Linked:
    """What one linkage took.

    Attributes:
        what: What was linked.
        pairs: Pairs in all.
        strong: Pairs that reach the threshold.
        groups: Groups made.
        largest: Products of the largest.
        seconds: Wall-clock time.
        processor: Seconds of processor time, which do not depend on what else the machine does.
        peak_mib: Greatest memory of the process meanwhile, the pairs included.
        pairs_mib: Memory of the pairs.
    """

    what: str
    pairs: int
    strong: int
    groups: int
    largest: int
    seconds: float
    processor: float
    peak_mib: float
    pairs_mib: float


@dataclass(frozen=True)
class Linkage:
    """All that was measured.

    Attributes:
        products: Products of the great catalogues.
        candidates: Candidates of each.
        linked: Linkages of the great catalogues.
        small: Products where SciPy was measured too.
        ours: Seconds there.
        scipy: SciPy's seconds.
    """

    products: int
    candidates: int
    linked: tuple[Linked, ...]
    small: int
    ours: Spread
    scipy: Spread


def made_up(products: int, candidates: int, *, mistaken: float = 0.0, seed: int = 7) -> MadeUp:
    """Pairs as a classifier sees them, in random rows: most hardly probable, groups of one to about ten products.

    Products stand on a ring in groups. Each is a candidate of its nearest on the ring and of others at distances
    drawn once; pairs of one group are mostly probable, near pairs of two groups sometimes, far pairs hardly ever.

    Args:
        products: Products.
        candidates: Candidates of each product, an even number.
        mistaken: Share of the far pairs that are as probable as those of a group: enough of these join nearly all
            products to one component, which is the worst case for memory and time.
        seed: Seed of everything drawn.
    """
    rng = np.random.default_rng(seed)
    half = candidates // 2
    near = min(NEAR, half)
    steps = [*range(1, near + 1), *(near + 1 + rng.permutation(products // 2 - near - 1)[: half - near]).tolist()]
    ends = np.cumsum(1 + rng.geometric(0.35, products).clip(0, 10))
    group = np.searchsorted(ends, np.arange(products), "right").astype(np.int32)
    rows = rng.permutation(products).astype(np.int32)
    size = products * len(steps)
    made = MadeUp(products, np.empty(size, np.int32), np.empty(size, np.int32), np.empty(size, np.float32))
    for at, step in enumerate(steps):
        part = slice(at * products, (at + 1) * products)
        made.left[part], made.right[part] = rows, np.roll(rows, -step)
        same = group == np.roll(group, -step)
        chance = rng.beta(0.4, 4.0, products) if step <= near else rng.random(products) ** 40
        probable = same | (rng.random(products) < mistaken) if step > near else same
        made.probability[part] = np.where(probable, rng.beta(3.0, 1.5, products), chance)
    return made


def link(what: str, made: MadeUp) -> Linked:
    """Measures one linkage."""
    began = time.process_time()
    with footprint() as used:
        grouping = average_linkage(made.products, made.left, made.right, made.probability)
    processor = time.process_time() - began
    sizes = np.bincount(grouping.groups[grouping.groups >= 0], minlength=1)
    return Linked(
        what=what,
        pairs=len(made.left),
        strong=int((made.probability >= THRESHOLD).sum()),
        groups=len(grouping),
        largest=int(sizes.max()),
        seconds=used.seconds,
        processor=processor,
        peak_mib=used.peak_mib,
        pairs_mib=sum(one.nbytes for one in (made.left, made.right, made.probability)) / 2**20,
    )


def measure(products: int = 1_000_000, candidates: int = 100, small: int = 4000, rounds: int = 3) -> Linkage:
    """Links two great catalogues, and a small one beside SciPy."""
    made = made_up(small, min(candidates, small // 4), mistaken=0.02)
    distances = _distances(made)
    results: dict[str, Any] = {}
    tasks = {
        "ours": lambda _: average_linkage(made.products, made.left, made.right, made.probability),
        "scipy": lambda _: _by_scipy(distances),
    }
    seconds = interleaved(tasks, rounds, keep=results.__setitem__)
    check(results["ours"], results["scipy"])
    linked = (
        link("as a classifier sees them", made_up(products, candidates)),
        link("many mistakes, one component", made_up(products, candidates, mistaken=0.05)),
    )
    ours, scipy = Spread.of(seconds["ours"]), Spread.of(seconds["scipy"])
    return Linkage(products, candidates, linked, small, ours, scipy)


def _distances(made: MadeUp) -> NDArray[np.float64]:
    from scipy.spatial.distance import squareform

    matrix = np.ones((made.products, made.products))
    matrix[made.left, made.right] = matrix[made.right, made.left] = 1.0 - made.probability
    np.fill_diagonal(matrix, 0)
    return squareform(matrix, checks=False)


def _by_scipy(distances: NDArray[np.float64]) -> NDArray[np.int32]:
    from scipy.cluster.hierarchy import fcluster, linkage

    return fcluster(linkage(distances, "average"), 1 - THRESHOLD, "distance")


def check(ours: Grouping, theirs: NDArray[np.int32]) -> None:
    """Stops where the two do not make the same groups."""
    sizes = np.bincount(theirs)
    alone = sizes[theirs] == 1
    assert np.array_equal(ours.groups < 0, alone), "other products alone than with SciPy"
    pairs = np.unique(np.stack([ours.groups[~alone], theirs[~alone]]), axis=1)
    assert pairs.shape[1] == len(ours) == len(np.unique(pairs[1])), "other groups than with SciPy"


def table(found: Linkage) -> Table:
    """The figures as a page shows them."""
    rows = tuple(
        (
            f"{found.products:,} products, {one.what}",
            f"{one.pairs / 1e6:,.1f}",
            f"{one.strong / 1e6:,.1f}",
            f"{one.groups:,}",
            str(one.largest),
            significant(one.seconds),
            significant(one.processor),
            f"{one.peak_mib / 1024:.1f}",
        )
        for one in found.linked
    )
    peak = max(one.peak_mib for one in found.linked) / 1024
    ratio = found.scipy.median / found.ours.median
    notes = (
        f"Each product has {found.candidates} candidates. Seconds: `average_linkage` on one thread, checks included; "
        f"GiB: greatest memory of the process, of which the pairs themselves are "
        f"{found.linked[0].pairs_mib / 1024:.1f}.",
        "Many mistakes: a twentieth of the far pairs is as probable as those of a group, which joins nearly all "
        "products to one component.",
        f"Bound: {BOUND_GIB:.0f} GiB; measured {peak:.1f} GiB.",
        f"Beside SciPy's linkage over all pairs of {found.small:,} products, with the same groups: {found.ours} s "
        f"against {found.scipy} s, {ratio:.0f} × (median, least–greatest).",
    )
    columns = ("average linkage", "million pairs", "at the threshold", "groups", "largest", "s", "processor s", "GiB")
    return Table("Linkage", columns, rows, notes)


def main() -> None:
    """Reads the words of the command line, measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--products", type=int, default=1_000_000)
    parser.add_argument("--candidates", type=int, default=100, help="candidates of each product, an even number")
    words = parser.parse_args()
    print(*circumstances(), "", sep="\n", flush=True)
    print(table(measure(words.products, words.candidates)).text())


if __name__ == "__main__":
    main()

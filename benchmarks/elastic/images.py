"""Made-up images that cluster like products, and the conditions that they may be filtered by."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.speed.made_up import products
from candidates.axis import Axis
from candidates.exact import ExactIndex
from candidates.filters import Filter
from candidates.run import Run
from candidates.vectors import Vectors, normalised
from image_retrieval.elastic.documents import Image

DIMENSIONS, BITS, SHORT_BITS = 128, 512, 256

AT = (10, 100)
"""Depths of recall; a look-up asks for as many as the deeper."""

K = AT[-1]

_CATEGORIES = tuple(f"shelf-{number}" for number in range(10))

_WORDS = tuple(f"colour{number:02d}" for number in range(20))

_CHUNK = 2**16

_DAY = date(2026, 1, 15)

CONDITIONS: dict[str, Filter | None] = {
    "none": None,
    "category": Filter(category=_CATEGORIES[0]),
    "text": Filter(text=_WORDS[0]),
}
"""What a look-up may be confined to: about a tenth of the images, about a twentieth."""


@dataclass(frozen=True, eq=False)
class Made:
    """Made-up images.

    Attributes:
        vectors: Theirs, mapped from disk.
        groups: int32 (n,): the group of near neighbours that each belongs to.
        categories: int8 (n,).
        words: int8 (n,): a word of each one's title.
        queries: Vectors of further members of groups of the first category.
    """

    vectors: Vectors
    groups: NDArray[np.int32]
    categories: NDArray[np.int8]
    words: NDArray[np.int8]
    queries: Vectors

    def __len__(self) -> int:
        return len(self.vectors)

    def first(self, size: int) -> Made:
        """The first images only."""
        if size == len(self):
            return self
        vectors = Vectors(Axis(self.vectors.axis.ids.slice(0, size)), self.vectors.values[:size], self.vectors.version)
        return Made(vectors, self.groups[:size], self.categories[:size], self.words[:size], self.queries)

    def select(self, where: Filter) -> NDArray[np.bool_]:
        """Which images meet one of `CONDITIONS`."""
        if where.category:
            return np.equal(self.categories, _CATEGORIES.index(where.category))
        return np.equal(self.words, _WORDS.index(where.text))

    @cached_property
    def truth(self) -> dict[str, Run]:
        """The nearest images of each query by exact cosine, under each condition."""
        exact = ExactIndex(self.vectors, self.select)
        return {name: exact.search(self.queries, K, where) for name, where in CONDITIONS.items()}

    def images(self, codes: NDArray[np.uint8]) -> Iterator[Image]:
        """The images as the loader takes them, one at a time."""
        for row, image in enumerate(self.vectors.axis.ids):
            group, name = int(self.groups[row]), image.as_py()
            word, size = _WORDS[self.words[row]], str(row % 7)
            title = f"Article {group} by maker {group % 2000}, {word}, size {size}, for everyday use"
            yield Image(
                name,
                name,
                0,
                codes[row].tobytes(),
                _DAY,
                f"goods > {_CATEGORIES[self.categories[row]]}",
                f"maker {group % 2000}",
                f"seller {group % 500}",
                title,
                attributes=(("colour", word), ("size", size)),
            )


def make_images(folder: Path, steps: Sequence[int], queries: int, seed: int = 7) -> Made:
    """Draws images that cluster like products: groups of 1 to 12, families of about 100, kinds of about 2,000.

    Cosines are about 0.6 to 0.95 within a group, 0.4 within a family, 0.25 within a kind and 0 among strangers. The
    first so many images of each step hold whole families, in any order. Categories are drawn by family, words by group.

    Args:
        folder: Where the vectors are written.
        steps: Sizes of indices, ascending; the last is the number of images.
        queries: How many to draw; all from the first step.
        seed: Seed of it all.
    """
    rng = np.random.default_rng(seed)
    count = steps[-1]
    groups = np.repeat(np.arange(count, dtype=np.int32), rng.integers(1, 13, count))[:count]
    families = np.sort(rng.integers(0, max(1, count // 100), groups[-1] + 1))
    kinds = np.sort(rng.integers(0, max(1, count // 2000), families[-1] + 1))
    kind_at, family_at, group_at = (_drawn(rng, int(of[-1]) + 1) for of in (kinds, families, groups))
    centres = 0.25**0.5 * kind_at[kinds][families] + 0.15**0.5 * family_at[families] + 0.45**0.5 * group_at
    shelf = rng.permutation(families[-1] + 1) % len(_CATEGORIES)
    # The first family is of the first category, so that there is something to ask for however few images there are.
    categories = ((shelf[families] - shelf[families[0]]) % len(_CATEGORIES)).astype(np.int8)
    words = rng.integers(0, len(_WORDS), len(families)).astype(np.int8)
    asked = np.unique(groups[: steps[0]])
    asked = rng.choice(asked[categories[asked] == 0], queries)
    for low, high in pairwise([0, *steps]):
        rng.shuffle(groups[low:high])
    values = np.lib.format.open_memmap(folder / "vectors.npy", "w+", np.float32, (count, DIMENSIONS))
    for start in range(0, count, _CHUNK):
        values[start : start + _CHUNK] = _members(rng, centres[groups[start : start + _CHUNK]])
    values.flush()
    mapped = np.load(folder / "vectors.npy", mmap_mode="r")
    wanted = Vectors(Axis.of(f"query-{row}" for row in range(queries)), _members(rng, centres[asked]), "made up")
    return Made(Vectors(products(count), mapped, "made up"), groups, categories[groups], words[groups], wanted)


def _drawn(rng: np.random.Generator, count: int) -> NDArray[np.float32]:
    return rng.standard_normal((count, DIMENSIONS), np.float32)


def _members(rng: np.random.Generator, centres: NDArray[np.floating]) -> NDArray[np.float32]:
    """One member around each centre, some nearer than others."""
    apart = rng.uniform(0.02, 0.3, (len(centres), 1)).astype(np.float32) ** 0.5
    return normalised(centres.astype(np.float32) + apart * _drawn(rng, len(centres)))

"""`python -m benchmarks.quality.varying --feed FEED.tsv`: is the varying attribute right where its column was removed?

The colour column, then the pattern column, is taken from a random part of the products, or from all products of one
seller after another. What is then told of the members of the feed's own groups is compared with what was removed.
Filler words are found in the data: words that are in more than half of one seller's titles. Because the feed's own
fillers are no colours, two are planted: one seller's titles all end in a colour, all of another's begin with
its name, which has a colour in it.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from benchmarks.speed.page import Table
from candidates.catalogue import Catalogue
from candidates.settings import FeedSettings
from fusion.groups.varying import SOURCES, AttributeValues, attribute_values, what_varies
from fusion.groups.vocabulary import columns_of, describers, words_of
from intake.feeds import read_feed
from service.runs.footprint import footprint

ATTRIBUTES = ("color", "pattern")
"""Columns that are removed, in this order."""

FILLER_SHARE = 0.5
"""A word in a greater share of one seller's titles is the seller's filler."""


@dataclass
class Tally:
    """What was told of products whose column had been removed.

    Attributes:
        asked: Products.
        told: How many got a value, by source.
        right: In how many of them it is the column's, by source.
        fillers: How many got a value made of their seller's filler words alone that the column does not have.
        sellers: How many got a value that is part of their seller's name and that the column does not have.
    """

    asked: int = 0
    told: Counter[str] = field(default_factory=Counter)
    right: Counter[str] = field(default_factory=Counter)
    fillers: int = 0
    sellers: int = 0

    def add(
        self, catalogue: Catalogue, told: AttributeValues, truth: Sequence[str], removed: NDArray[np.int64]
    ) -> None:
        """Counts one experiment."""
        fillers, names = filler_words(catalogue), own_names(catalogue)
        for product in removed.tolist():
            self.asked += 1
            if told.codes[product] < 0:
                continue
            value, source = told.values[told.codes[product]], SOURCES[told.sources[product]]
            right = words_of(value) == words_of(truth[product])
            self.told[source] += 1
            self.right[source] += right
            self.fillers += not right and set(words_of(value)) <= fillers[product]
            self.sellers += not right and set(words_of(value)) <= names[product]

    def row(self, name: str) -> tuple[str, ...]:
        """Cells for the table."""
        shares = [f"{self.told[one] / max(self.asked, 1):.1%}" for one in SOURCES[1:]]
        rights = [_share(self.right[one], self.told[one]) for one in SOURCES[1:]]
        told, right = sum(self.told.values()), sum(self.right.values())
        silent = f"{1 - told / max(self.asked, 1):.1%}"
        cells = (f"{self.asked:,}", shares[0], rights[0], shares[1], rights[1], _share(right, told), silent)
        return (name, *cells, f"{self.sellers:,}", f"{self.fillers:,}")


_COLUMNS = (
    *("column removed", "products", "by words", "right", "by picture", "right", "right of all told", "nothing said"),
    *("seller named", "filler named"),
)


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.3f}" if whole else "–"


def filler_words(catalogue: Catalogue) -> list[frozenset[str]]:
    """The filler words of each product's seller."""
    sellers = describers(catalogue).tolist()
    titles = [frozenset(words_of(title)) for title in catalogue.column("title")]
    size, times = Counter(sellers), {seller: Counter[str]() for seller in set(sellers)}
    for seller, words in zip(sellers, titles, strict=True):
        times[seller].update(words)
    fillers = {
        seller: frozenset(word for word, often in counted.items() if often > FILLER_SHARE * size[seller])
        for seller, counted in times.items()
    }
    return [fillers[seller] for seller in sellers]


def own_names(catalogue: Catalogue) -> list[frozenset[str]]:
    """The words of each product's seller and brand."""
    pairs = zip(catalogue.column("seller"), catalogue.column("brand"), strict=True)
    return [frozenset(words_of(f"{seller} {brand}")) for seller, brand in pairs]


def without_column(catalogue: Catalogue, attribute: str, removed: NDArray[np.int64]) -> Catalogue:
    """The catalogue with one attribute taken from some products."""
    gone = set(removed.tolist())
    attributes = [
        [(name, value) for name, value in own.items() if name != attribute or row not in gone]
        for row, own in enumerate(catalogue.attributes)
    ]
    return _replaced(catalogue, "attributes", attributes)


def _replaced(catalogue: Catalogue, column: str, values: Sequence[object]) -> Catalogue:
    table = catalogue.table
    at = table.column_names.index(column)
    return Catalogue(table.set_column(at, column, pa.array(values, table.schema.field(column).type)))


def with_planted(catalogue: Catalogue, filler: str, name: str) -> Catalogue:
    """One seller's titles all end in a colour; all of another's begin with its name, which has a colour in it."""
    sellers = describers(catalogue)
    first, second = np.argsort(-np.bincount(sellers[sellers >= 0]))[:2].tolist()
    titles = catalogue.column("title")
    column = "seller" if any(catalogue.column("seller")) else "brand"
    owners = catalogue.column(column)
    for row, seller in enumerate(sellers.tolist()):
        if seller == first:
            titles[row] += f" {filler} edition"
        elif seller == second:
            titles[row] = f"{name} Lane {titles[row]}"
            owners[row] = f"{name} Lane"
    return _replaced(_replaced(catalogue, "title", titles), column, owners)


@dataclass(frozen=True, eq=False)
class Experiment:
    """What the experiments stand on.

    Attributes:
        catalogue: The feed.
        groups: Its own groups.
        lab: Mean CIELAB of each product's picture.
        share: Part of the products whose column is removed at random.
        draws: How often.
    """

    catalogue: Catalogue
    groups: NDArray[np.int32]
    lab: NDArray[np.float64] | None
    share: float
    draws: int

    def truth(self, attribute: str) -> list[str]:
        """The column before anything is removed."""
        return [own.get(attribute, "") for own in self.catalogue.attributes]

    def members(self) -> NDArray[np.bool_]:
        """Which products have a group of two or more."""
        sizes = np.bincount(self.groups[self.groups >= 0], minlength=1)
        return (self.groups >= 0) & (sizes[np.maximum(self.groups, 0)] > 1)

    def randomly(self, catalogue: Catalogue, attribute: str) -> Tally:
        """Removes the column for a random part of the products."""
        held = np.array([bool(value) for value in self.truth(attribute)], bool)
        tally = Tally()
        for seed in range(self.draws):
            drawn = np.random.default_rng(seed).random(len(held)) < self.share
            self._count(tally, catalogue, attribute, np.flatnonzero(held & drawn))
        return tally

    def by_seller(self, attribute: str) -> Tally:
        """Removes the whole column of one seller after another."""
        held = np.array([bool(value) for value in self.truth(attribute)], bool)
        sellers, tally = describers(self.catalogue), Tally()
        for seller in np.unique(sellers[sellers >= 0]).tolist():
            self._count(tally, self.catalogue, attribute, np.flatnonzero(held & (sellers == seller)))
        return tally

    def _count(self, tally: Tally, catalogue: Catalogue, attribute: str, removed: NDArray[np.int64]) -> None:
        cut = without_column(catalogue, attribute, removed)
        told = next((one for one in attribute_values(cut, self.groups, self.lab) if one.attribute == attribute), None)
        if told is not None:
            tally.add(cut, told, self.truth(attribute), removed[self.members()[removed]])


def accuracy(experiment: Experiment) -> Table:
    """What is told of products whose column was removed, beside what the column had."""
    rows = []
    for attribute in ATTRIBUTES:
        if any(experiment.truth(attribute)):
            part = f"{attribute}, {experiment.share:.0%} of the products × {experiment.draws}"
            rows.append(experiment.randomly(experiment.catalogue, attribute).row(part))
            rows.append(experiment.by_seller(attribute).row(f"{attribute}, each seller's whole column"))
    columns = columns_of(experiment.catalogue)
    if "color" in columns:
        filler, name = _plain_values(columns["color"].values, columns["color"].codes)
        planted = with_planted(experiment.catalogue, filler, name)
        rows.append(experiment.randomly(planted, "color").row(f"color, {filler!r} and {name!r} planted"))
    notes = (
        "Right: the value named is the one in the column that was removed. Members of the feed's own groups alone are "
        "asked; the meaning of words is learned from the products that still have the column.",
        f"Seller or filler named: values that the column does not have and that are words of the product's seller, or "
        f"are in more than {FILLER_SHARE:.0%} of the seller's titles. Both must be 0.",
    )
    return Table("What is told where the column was removed", _COLUMNS, tuple(rows), notes)


def _plain_values(values: Sequence[str], codes: NDArray[np.int32]) -> tuple[str, str]:
    """Two values of one word, the third and fourth most frequent."""
    times = np.bincount(codes[codes >= 0], minlength=len(values))
    plain = [values[at] for at in np.argsort(-times).tolist() if len(words_of(values[at])) == 1]
    return (*plain[2:4], *plain, *values)[0], (*plain[2:4], *plain, *values)[1]


def whole(experiment: Experiment) -> Table:
    """What varies in the feed's own groups as the feed stands, and what it costs."""
    with footprint() as used:
        varying = what_varies(experiment.catalogue, experiment.groups, experiment.lab)
    groups = len(np.unique(experiment.groups[experiment.members()]))
    counted = Counter(one.attribute for all_of in varying.values() for one in all_of)
    rows = [(attribute, f"{times:,}", f"{times / max(groups, 1):.1%}") for attribute, times in counted.most_common()]
    rows.append(("nothing", f"{groups - len(varying):,}", f"{1 - len(varying) / max(groups, 1):.1%}"))
    told = {words for one in _values(varying) if (words := " ".join(words_of(one)))}
    named = told & {" ".join(words_of(name)) for name in _sellers(experiment.catalogue)}
    notes = (
        f"{groups:,} groups of {len(experiment.catalogue):,} products in {used.seconds:.1f} s.",
        f"Sellers' names among the values: {len(named)}.",
    )
    return Table("What varies in the feed's groups", ("attribute", "groups", "share"), tuple(rows), notes)


def _values(varying: dict[int, tuple]) -> Iterator[str]:
    return (value for all_of in varying.values() for one in all_of for value in one.values)


def _sellers(catalogue: Catalogue) -> set[str]:
    return {*catalogue.column("seller"), *catalogue.column("brand")} - {""}


def picture_colours(catalogue: Catalogue, folder: Path) -> NDArray[np.float64]:
    """Mean CIELAB of each product's first picture without its ground; NaN where it can't be had."""
    from PIL import Image
    from skimage.color import rgb2lab

    from image_retrieval.encoders.foreground import subject_of

    lab = np.full((len(catalogue), 3), np.nan)
    for row, pictures in enumerate(catalogue.table["pictures"].to_pylist()):
        try:
            with Image.open(folder / pictures[0]) as file:
                image = file.convert("RGB")
        except (OSError, IndexError, TypeError):
            continue
        mask = subject_of(image).mask
        if mask.any():
            small = np.asarray(image.resize(mask.shape[::-1], Image.Resampling.BOX))
            lab[row] = rgb2lab(small[mask][None] / 255.0)[0].mean(axis=0)
    return lab


def main() -> None:
    """Reads the words of the command line, measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--feed", type=Path, required=True)
    parser.add_argument("--seller-column", default="", help="column that names the seller (default: the brand)")
    parser.add_argument("--share", type=float, default=0.3, help="part of the products that lose the column")
    parser.add_argument("--draws", type=int, default=3, help="random parts")
    parser.add_argument("--no-pictures", action="store_true", help="without the pictures' colours")
    words = parser.parse_args()
    feed = read_feed(words.feed, FeedSettings(seller_column=words.seller_column, groups_are_global=True))
    lab = None if words.no_pictures else picture_colours(feed.catalogue, feed.pictures)
    experiment = Experiment(feed.catalogue, feed.catalogue.codes("group"), lab, words.share, words.draws)
    for table in (accuracy, whole):
        print(table(experiment).text(), flush=True)


if __name__ == "__main__":
    main()

"""`draw_catalogue`: a small catalogue to try everything on, drawn and written from a seed."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from random import Random

from demo_catalogue.assortment import draw_groups, draw_singles
from demo_catalogue.defects import Defects, spoil
from demo_catalogue.rows import Row, write_rows

COLUMNS = (
    "id", "title", "description", "brand", "product_type", "color", "size", "pattern", "material", "price", "link",
    "gtin", "mpn", "seller", "image_link", "additional_image_link", "item_group_id",
)  # fmt: skip
"""The feed's columns, Google Merchant's names and the seller's."""

_FEWEST_SINGLES = 6  # some of them are spoiled on purpose


@dataclass(frozen=True)
class DemoCatalogue:
    """A catalogue drawn for a first try.

    Attributes:
        feed: The feed's file; pictures lie in `images` beside it.
        rows: Rows of the feed, the unusable ones among them.
        products: Distinct ids, which is what a reader should accept.
        groups: Groups of two or more variants.
        defects: What is wrong with the feed, on purpose.
    """

    feed: Path
    rows: int
    products: int
    groups: int
    defects: Defects


def draw_catalogue(folder: Path, *, seed: int = 7, groups: int = 160) -> DemoCatalogue:
    """Draws a catalogue of garments, shoes and mugs into a folder, the same one for the same seed.

    The feed has what makes finding variants hard: several sellers who write about the same model in their own
    ways, variants that differ in colour, size or pattern, look-alikes and namesakes that are no variants, and
    a few defects.

    Args:
        folder: Where `feed.tsv` and `images` go; made where it does not exist.
        seed: What everything is drawn from.
        groups: How many groups of variants; single products come on top.
    """
    rng = Random(seed)
    offered = draw_groups(rng, groups) + draw_singles(rng, max(_FEWEST_SINGLES, groups // 4))
    (folder / "images").mkdir(parents=True, exist_ok=True)
    rows = list(write_rows(offered, folder, rng))
    rng.shuffle(rows)
    defects = spoil(rows, folder, rng)
    feed = folder / "feed.tsv"
    _write(feed, rows)
    return DemoCatalogue(feed, len(rows), len({row["id"] for row in rows} - {""}), groups, defects)


def _write(path: Path, rows: list[Row]) -> None:
    """Writes the feed, tab separated."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, delimiter="\t", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)

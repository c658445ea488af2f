"""Draws the picture of found groups that the README shows: `python -m benchmarks.quality.group_picture`.

Draws the demo catalogue, removes the group ids of half of its groups from the feed, runs the pipeline on it as
`variants demo` does, and shows some of the groups that were found again among these products. Prints how many were.
Only drawn products are shown, never anybody's photographs.
"""

from __future__ import annotations

import argparse
import csv
import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from random import Random

import matplotlib
from PIL import Image, ImageDraw, ImageFont, ImageOps

from candidates.artifacts import atomic, write_json
from candidates.settings import Settings
from demo_catalogue.catalogue import draw_catalogue
from service.files.groups_file import read_groups
from service.pipeline.run import run

TARGET = Path(__file__).parents[2] / "docs" / "groups.png"
KINDS = ("Cups", "Shirts", "Flats")
"""Words of product types; one group is shown for each."""

HIDDEN = 0.5
"""Share of the known groups whose ids are removed."""

SEED = 7
COLUMNS = 5
"""Products shown of a group."""

_WIDTH, _HEIGHT, _GAP, _HEAD, _LINE, _TITLE_LINES = 200, 150, 18, 60, 22, 2
_INK, _SOFT, _RULE = "#1c2330", "#56606f", "#d9dde3"
_COLOURS = 256
"""Colours of the PNG, which keep it small."""


@dataclass(frozen=True)
class ShownProduct:
    """A product of a group.

    Attributes:
        title: As its seller wrote it.
        seller: Who sells it.
        picture: Its main picture.
        kind: Its seller's product type.
    """

    title: str
    seller: str
    picture: Path
    kind: str = ""


@dataclass(frozen=True)
class ShownGroup:
    """A group that was found.

    Attributes:
        products: All of its products.
        varies: What varies among them, as `groups.csv` has it.
    """

    products: tuple[ShownProduct, ...]
    varies: str

    @property
    def sellers(self) -> int:
        return len({product.seller for product in self.products})

    @property
    def pictures(self) -> int:
        return len({product.picture for product in self.products})

    @property
    def heading(self) -> str:
        """How large the group is."""
        sellers = "1 seller" if self.sellers == 1 else f"{self.sellers} sellers"
        return f"One group: {len(self.products)} products from {sellers}"

    def examples(self, count: int) -> list[ShownProduct]:
        """Some of the products; those with pictures of their own come first."""
        own = list({product.picture: product for product in reversed(self.products)}.values())[::-1]
        return (own + [product for product in self.products if product not in own])[:count]


def hide_groups(feed: Path) -> dict[str, str]:
    """Removes the ids of some groups from a drawn feed.

    Returns:
        The removed group id of each product that had one.
    """
    with feed.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file, delimiter="\t")
        columns, rows = list(reader.fieldnames or ()), list(reader)
    groups = sorted({row["item_group_id"] for row in rows} - {""})
    hidden = set(Random(SEED).sample(groups, int(len(groups) * HIDDEN)))
    removed = {row["id"]: row["item_group_id"] for row in rows if row["item_group_id"] in hidden}
    for row in rows:
        if row["item_group_id"] in hidden:
            row["item_group_id"] = ""
    with feed.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, delimiter="\t", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return removed


def catalogue(folder: Path) -> tuple[Path, dict[str, str]]:
    """The drawn feed without some of its groups, and the removed group ids; drawn only where it is not there yet.

    Drawing again would change the pictures' times, and a kept run would encode them again.
    """
    kept = folder / "removed.json"
    if kept.is_file():
        return folder / "catalogue" / "feed.tsv", json.loads(kept.read_text("utf-8"))
    feed = draw_catalogue(folder / "catalogue").feed
    removed = hide_groups(feed)
    write_json(kept, removed)
    return feed, removed


def found_again(groups_file: Path, removed: Mapping[str, str]) -> Iterator[tuple[list[str], str]]:
    """The groups of `groups.csv` that are exactly a removed group: its product ids, and what varies."""
    wanted: dict[str, set[str]] = {}
    for product, name in removed.items():
        wanted.setdefault(name, set()).add(product)
    for _, members in groupby(read_groups(groups_file), lambda member: member.group):
        group = list(members)
        ids = [member.product for member in group]
        if wanted.get(removed.get(ids[0], "")) == set(ids):
            yield ids, group[0].varies


def shown_groups(feed: Path, groups: Sequence[tuple[list[str], str]]) -> list[ShownGroup]:
    """Groups with titles, sellers and pictures from the feed; groups with a product without picture are left out."""
    with feed.open(encoding="utf-8", newline="") as file:
        rows = {row["id"]: row for row in csv.DictReader(file, delimiter="\t")}
    return [
        ShownGroup(tuple(_product(rows[product], feed.parent) for product in ids), varies)
        for ids, varies in groups
        if all((feed.parent / rows[product]["image_link"]).is_file() for product in ids)
    ]


def _product(row: Mapping[str, str], folder: Path) -> ShownProduct:
    return ShownProduct(row["title"], row["seller"], folder / row["image_link"], row["product_type"])


def choose(groups: Sequence[ShownGroup], kinds: Sequence[str] = KINDS) -> list[ShownGroup]:
    """For each kind the group with most sellers, then most pictures, of those whose values are all known."""
    known = [group for group in groups if "not known" not in group.varies and group.pictures > 1]
    ordered = sorted(known, key=lambda group: (-group.sellers, -group.pictures))
    chosen: list[ShownGroup] = []
    for kind in kinds:
        of_kind = (group for group in ordered if any(kind in product.kind for product in group.products))
        chosen.extend(group for group in [next(of_kind, None)] if group is not None and group not in chosen)
    return chosen


def draw_groups(groups: Sequence[ShownGroup], path: Path) -> None:
    """Draws groups into a PNG, one below the other.

    Args:
        groups: What to draw; of each the first few products with pictures of their own.
        path: Where the PNG goes.
    """
    row = _GAP + _HEAD + _HEIGHT + (_TITLE_LINES + 1) * _LINE + 2 * _GAP
    sheet = Image.new("RGB", (COLUMNS * (_WIDTH + _GAP) + _GAP, len(groups) * row), "white")
    for place, group in enumerate(groups):
        _draw_group(sheet, group, place * row)
    small = sheet.quantize(_COLOURS, kmeans=5, dither=Image.Dither.NONE)
    with atomic(path) as temporary:
        small.save(temporary, "PNG", optimize=True)


def _draw_group(sheet: Image.Image, group: ShownGroup, top: int) -> None:
    draw, heading, words = ImageDraw.Draw(sheet), _font(18, "-Bold"), _font(16)
    room = sheet.width - 2 * _GAP
    if top:
        draw.line((_GAP, top, sheet.width - _GAP, top), _RULE, 2)
    draw.text((_GAP, top + _GAP), group.heading, fill=_INK, font=heading)
    varies = _lines(f"What varies: {group.varies}", words, room, 1)
    draw.text((_GAP, top + _GAP + 28), varies[0], fill=_INK, font=words)
    for place, product in enumerate(group.examples(COLUMNS)):
        _draw_product(sheet, product, _GAP + place * (_WIDTH + _GAP), top + _GAP + _HEAD)


def _draw_product(sheet: Image.Image, product: ShownProduct, left: int, top: int) -> None:
    draw, words = ImageDraw.Draw(sheet), _font(16)
    with Image.open(product.picture) as opened:
        picture = opened.convert("RGB")
    # Filled up with the picture's own background, so that it does not look cut out.
    red, green, blue = picture.crop((0, 0, 1, 1)).tobytes()
    fitted = ImageOps.pad(picture, (_WIDTH, _HEIGHT), color=(red, green, blue))
    sheet.paste(fitted, (left, top))
    draw.rectangle((left, top, left + _WIDTH, top + _HEIGHT), outline=_RULE)
    top += _HEIGHT + 8
    for at, line in enumerate(_lines(product.title, words, _WIDTH, _TITLE_LINES)):
        draw.text((left, top + at * _LINE), line, fill=_INK, font=words)
    draw.text((left, top + _TITLE_LINES * _LINE), product.seller, fill=_SOFT, font=words)


def _font(size: int, style: str = "") -> ImageFont.FreeTypeFont:
    """DejaVu Sans as matplotlib ships it, so that the picture is the same on every machine."""
    return ImageFont.truetype(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / f"DejaVuSans{style}.ttf", size)


def _lines(text: str, font: ImageFont.FreeTypeFont, room: float, most: int) -> list[str]:
    """A text wrapped to a width; what does not fit into so many lines ends in an ellipsis."""
    lines, words = [""], text.split(" ")
    for place, word in enumerate(words):
        longer = f"{lines[-1]} {word}".strip()
        if font.getlength(longer) <= room or not lines[-1]:
            lines[-1] = longer
        elif len(lines) < most:
            lines.append(word)
        else:
            lines[-1] = f"{lines[-1]} {' '.join(words[place:])}"
            break
    return [_shortened(line, font, room) for line in lines]


def _shortened(line: str, font: ImageFont.FreeTypeFont, room: float) -> str:
    if font.getlength(line) <= room:
        return line
    while line and font.getlength(f"{line}…") > room:
        line = line[:-1]
    return f"{line.rstrip()}…"


def main() -> None:
    """Draws the catalogue, runs the pipeline, and draws the picture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", type=Path, default=TARGET, metavar="PICTURE.png", help="where the picture goes")
    parser.add_argument("--folder", type=Path, help="keep the catalogue and the run here, and reuse them")
    words = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = words.folder or Path(temporary)
        feed, removed = catalogue(folder)
        settings = Settings.read(None, merge={"budget": 25}, feed={"groups_are_global": True})
        job = run(feed, folder / "run", settings)
        found = list(found_again(job.folder.groups, removed))
        print(f"{len(set(removed.values()))} groups had their ids removed; {len(found)} were found again exactly")
        chosen = choose(shown_groups(feed, found))
        draw_groups(chosen, words.write)
    print(f"{len(chosen)} groups: {words.write}, {words.write.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()

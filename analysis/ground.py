"""What a notebook works on: a feed or the first groups of one, how it is read, and where results go."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from candidates.artifacts import write_text
from candidates.catalogue import Catalogue
from candidates.errors import FeedError, PictureError
from candidates.product import Product
from candidates.settings import FeedSettings, Settings
from intake.feeds import Feed, read_feed
from intake.feeds.locate import picture_path

ROOT = Path(__file__).parents[1]
"""The project's folder; relative paths of a notebook count from here, wherever it is opened."""

REAL_FEED = "../shared/data/hm/feed_marketplace.tsv"
"""The feed that notebooks read unless told otherwise; where it is missing, a catalogue is drawn."""

DRAWN_GROUPS = 160
"""Groups of variants in the drawn catalogue."""


@dataclass(frozen=True)
class Ground:
    """One catalogue, and where to work.

    Attributes:
        feed: The feed's file.
        out: A folder for all that is made.
        settings: How the feed is read and everything else a person may choose.
        said: Where the catalogue comes from, in a sentence.
    """

    feed: Path
    out: Path
    settings: Settings
    said: str


def placed(path: str) -> Path:
    """A path as a notebook names it: absolute, or counted from the project's folder."""
    return (ROOT / Path(path).expanduser()).resolve()


def ground_of(
    feed: str, out: str, first: int = 0, settings: str = "", sections: Mapping[str, dict[str, Any]] | None = None
) -> Ground:
    """The catalogue that a notebook's parameters mean.

    Args:
        feed: The feed. `REAL_FEED` may be missing: then a small catalogue is drawn below `out`.
        out: Where everything goes.
        first: Take the first so many groups of the feed, with all their products; 0 takes all.
        settings: A file of settings (TOML); without one, groups of `REAL_FEED` and of a drawn catalogue hold across
            sellers, which is true of both.
        sections: Settings that come before the file's; empty text says nothing.

    Raises:
        FeedError: There is no such feed.
        SettingsError: The settings hold mistakes.
    """
    named, folder = placed(feed), placed(out)
    own = {name: {key: one for key, one in said.items() if one != ""} for name, said in (sections or {}).items()}
    ours = feed == REAL_FEED
    if ours and not settings:
        own["feed"] = {"groups_are_global": True} | own.get("feed", {})
    chosen = Settings.read(placed(settings) if settings else None, **own)
    said = f"{named.name}, all of it"
    if ours and not named.is_file():
        named, said = _drawn(folder / "drawn"), "a catalogue drawn for a first try"
    if not named.is_file():
        raise FeedError(f"{named}: there is no such feed", "Name one by VARIANTS_NOTEBOOK_FEED")
    if first:
        read = read_feed(named, chosen.feed)
        named = write_first_groups(read, folder / f"first-{first}", first)
        chosen = chosen.model_copy(update={"feed": FeedSettings(groups_are_global=chosen.feed.groups_are_global)})
        said = f"the first {first:,} groups of {said.removesuffix(', all of it')}"
    return Ground(named, folder, chosen, said)


def _drawn(folder: Path) -> Path:
    """The drawn catalogue's feed; drawn once, since its groups and pictures are the same each time."""
    from demo_catalogue.catalogue import draw_catalogue

    feed = folder / "feed.tsv"
    return feed if feed.is_file() else draw_catalogue(folder, groups=DRAWN_GROUPS).feed


def write_first_groups(read: Feed, folder: Path, count: int) -> Path:
    """Writes the products of a feed's first groups as a feed of its own, their pictures beside it.

    A product without a group counts as a group by itself, so that a part has products without variants too.

    Args:
        read: The whole feed.
        folder: Where `feed.jsonl` and the pictures go.
        count: How many groups, in the order in which the feed names them.
    """
    return write_rows(read, folder, _first_rows(read.catalogue, count))


def write_rows(read: Feed, folder: Path, rows: Iterable[int]) -> Path:
    """Writes some products of a feed as a feed of its own, their pictures beside it; returns the feed."""
    lines = []
    for row in rows:
        product = read.catalogue.product(row)
        lines.append(json.dumps(_as_said(product), ensure_ascii=False))
        for name in product.pictures:
            _copy(read.pictures, name, folder)
    write_text(folder / "feed.jsonl", "\n".join(lines) + "\n")
    return folder / "feed.jsonl"


def _first_rows(catalogue: Catalogue, count: int) -> list[int]:
    # Whether groups hold across sellers or not: all products that name one of these groups come along.
    names = [group or row for row, group in enumerate(catalogue.column("group"))]
    first = set(islice(dict.fromkeys(names), count))
    return [row for row, name in enumerate(names) if name in first]


def _as_said(product: Product) -> dict[str, Any]:
    """A product's fields under our own names, as JSON Lines take them; what is empty is left out."""
    said = {name: value for name, value in asdict(product).items() if value and name != "line"}
    return said | ({"pictures": list(product.pictures)} if product.pictures else {})


def _copy(folder: Path, name: str, target: Path) -> None:
    """Copies a picture once; one that can't be found is left to the run, which refuses it and says why."""
    copied = target / name
    if ".." in copied.parts or copied.is_file():
        return
    try:
        found = picture_path(folder, name)
    except PictureError:
        return
    copied.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(found, copied)

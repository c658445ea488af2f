"""The feed that a notebook analyses (or its first groups), how it is read, and where results go."""

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
"""The project's folder; a notebook's relative paths are relative to it, wherever the notebook is opened."""

REAL_FEED = "../shared/data/hm/feed_marketplace.tsv"
"""The default feed of notebooks; if it is missing, a catalogue is drawn."""

DRAWN_GROUPS = 160
"""Number of groups in the drawn catalogue."""


@dataclass(frozen=True)
class Ground:
    """A catalogue to analyse, and a folder for results.

    Attributes:
        feed: The feed's file.
        out: Folder for all results.
        settings: The settings.
        description: Where the catalogue comes from, in words.
    """

    feed: Path
    out: Path
    settings: Settings
    description: str


def project_path(path: str) -> Path:
    """Resolves a path in a notebook, relative to the project's folder unless absolute."""
    return (ROOT / Path(path).expanduser()).resolve()


def ground_of(
    feed: str, out: str, first: int = 0, settings: str = "", sections: Mapping[str, dict[str, Any]] | None = None
) -> Ground:
    """The catalogue for a notebook's parameters.

    Args:
        feed: The feed. If it is `REAL_FEED` and missing, a small catalogue is drawn below `out`.
        out: Folder for all results.
        first: Use only the first so many groups of the feed, with all their products; 0 for all.
        settings: A settings file (TOML). Without one, groups of `REAL_FEED` and of a drawn catalogue are valid across
            sellers, which is true of both.
        sections: Settings that override the file's; empty strings are ignored.

    Raises:
        FeedError: There is no such feed.
        SettingsError: The settings are invalid.
    """
    path, folder = project_path(feed), project_path(out)
    overrides = {
        name: {key: value for key, value in section.items() if value != ""}
        for name, section in (sections or {}).items()
    }
    is_default = feed == REAL_FEED
    if is_default and not settings:
        overrides["feed"] = {"groups_are_global": True} | overrides.get("feed", {})
    chosen = Settings.read(project_path(settings) if settings else None, **overrides)
    description = f"{path.name}, all groups"
    if is_default and not path.is_file():
        path, description = _drawn(folder / "drawn"), "a catalogue drawn for a first try"
    if not path.is_file():
        raise FeedError(f"{path}: there is no such feed", "Set VARIANTS_NOTEBOOK_FEED to a feed")
    if first:
        whole_feed = read_feed(path, chosen.feed)
        path = write_first_groups(whole_feed, folder / f"first-{first}", first)
        chosen = chosen.model_copy(update={"feed": FeedSettings(groups_are_global=chosen.feed.groups_are_global)})
        description = f"the first {first:,} groups of {description.removesuffix(', all groups')}"
    return Ground(path, folder, chosen, description)


def _drawn(folder: Path) -> Path:
    """The drawn catalogue's feed; drawn once, since it is the same each time."""
    from demo_catalogue.catalogue import draw_catalogue

    feed = folder / "feed.tsv"
    return feed if feed.is_file() else draw_catalogue(folder, groups=DRAWN_GROUPS).feed


def write_first_groups(read: Feed, folder: Path, count: int) -> Path:
    """Writes the products of a feed's first groups as a separate feed, with their pictures.

    A product without a group counts as a group of one, so that the result includes products without variants.

    Args:
        read: The whole feed.
        folder: Folder for `feed.jsonl` and the pictures.
        count: Number of groups, in the order of the feed.
    """
    return write_rows(read, folder, _first_rows(read.catalogue, count))


def write_rows(read: Feed, folder: Path, rows: Iterable[int]) -> Path:
    """Writes products of a feed as a separate feed, with their pictures; returns the path of the feed."""
    lines = []
    for row in rows:
        product = read.catalogue.product(row)
        lines.append(json.dumps(_fields_of(product), ensure_ascii=False))
        for name in product.pictures:
            _copy(read.pictures, name, folder)
    write_text(folder / "feed.jsonl", "\n".join(lines) + "\n")
    return folder / "feed.jsonl"


def _first_rows(catalogue: Catalogue, count: int) -> list[int]:
    # All products with one of these group names are taken, whether or not groups are valid across sellers.
    names = [group or row for row, group in enumerate(catalogue.column("group"))]
    first = set(islice(dict.fromkeys(names), count))
    return [row for row, name in enumerate(names) if name in first]


def _fields_of(product: Product) -> dict[str, Any]:
    """A product's non-empty fields under the field names of our JSON Lines feeds."""
    fields = {name: value for name, value in asdict(product).items() if value and name != "line"}
    return fields | ({"pictures": list(product.pictures)} if product.pictures else {})


def _copy(folder: Path, name: str, target: Path) -> None:
    """Copies a picture unless it is there already; a missing one is skipped, and the run will refuse it."""
    copied = target / name
    if ".." in copied.parts or copied.is_file():
        return
    try:
        source = picture_path(folder, name)
    except PictureError:
        return
    copied.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, copied)

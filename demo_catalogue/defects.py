"""The demo's honest defects: what every real feed has, so that a newcomer sees what refusals look like."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from random import Random

from demo_catalogue.rows import Row


@dataclass(frozen=True)
class Defects:
    """How many of each defect the feed has."""

    without_id: int = 1
    duplicate_ids: int = 1
    missing_pictures: int = 2
    truncated_pictures: int = 1


def spoil(rows: list[Row], folder: Path, rng: Random) -> Defects:
    """Spoils a few rows and pictures; groups keep all their members.

    Args:
        rows: The feed's rows, changed in place.
        folder: Where the feed's pictures lie.
        rng: Chooses whom it hits.
    """
    defects = Defects()
    grouped = [row for row in rows if row["item_group_id"]]
    single = [row for row in rows if not row["item_group_id"]]
    rng.shuffle(single)
    for _ in range(defects.without_id):
        single.pop()["id"] = ""
    for _ in range(defects.duplicate_ids):
        single.pop()["id"] = rng.choice(grouped)["id"]
    for _ in range(defects.truncated_pictures):
        _truncate(folder / single.pop()["image_link"])
    for row in _easily_lost(single + grouped, rng)[: defects.missing_pictures]:
        (folder / row["image_link"]).unlink()
    return defects


def _easily_lost(rows: list[Row], rng: Random) -> list[Row]:
    """Lists products whose picture no other product shows; first those that have no second picture."""
    shown = Counter(row["image_link"] for row in rows)
    alone = [row for row in rows if shown[row["image_link"]] == 1]
    rng.shuffle(alone)
    return sorted(alone, key=lambda row: bool(row["additional_image_link"]))


def _truncate(path: Path) -> None:
    """Keeps the first half of a file, as a broken download does."""
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])

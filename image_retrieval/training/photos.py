"""The pictures that are learned from: photographs in a folder, and drawn things that are no clothes."""

from __future__ import annotations

import csv
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from candidates.errors import VariantsError
from image_retrieval.training.drawn import drawn

if TYPE_CHECKING:
    from PIL.Image import Image

TABLE = "images.csv"
"""The table of photographs: its column `image` names them, without the ending of the file."""

_ENDINGS = (".jpg", ".jpeg", ".png", ".webp")

_SIZE = (448, 448)
"""Photographs are decoded no larger than this needs."""


@dataclass(frozen=True)
class Subjects:
    """Pictures by number: photographs first, drawn ones after them.

    Attributes:
        photos: Files of the photographs, in the order of their names.
        drawings: How many are drawn.
        seed: Seed of what is drawn.
    """

    photos: Sequence[Path]
    drawings: int
    seed: int

    def __len__(self) -> int:
        return len(self.photos) + self.drawings

    def key(self, number: int) -> int:
        """A number that follows from what the picture is, and not from how many others there are."""
        name = self.photos[number].stem if number < len(self.photos) else f"drawn {number - len(self.photos)}"
        return zlib.crc32(f"{self.seed} {name}".encode())

    def picture(self, number: int) -> Image:
        """Opens a photograph, or draws.

        Raises:
            PictureError: The photograph is broken.
        """
        if number >= len(self.photos):
            return drawn(np.random.default_rng(self.key(number)))
        from image_retrieval.pictures import decode, read_picture

        path = self.photos[number]
        return decode(read_picture(path, path.name), path.name, _SIZE)


def photographs(folder: Path) -> list[Path]:
    """The photographs of a folder: those there that its `images.csv` lists, or every picture file in it.

    Raises:
        VariantsError: The folder holds none.
    """
    files = {path.stem: path for path in sorted(folder.rglob("*")) if path.suffix.lower() in _ENDINGS}
    table = folder / TABLE
    if table.is_file():
        with table.open(encoding="utf-8", newline="") as lines:
            names = sorted(row["image"] for row in csv.DictReader(lines) if row.get("image"))
        # The published table lists a few photographs that were never published.
        files = {name: files[name] for name in names if name in files}
    if not files:
        raise VariantsError(f"no photograph in {folder}", f"Name a folder of {', '.join(_ENDINGS)} files with --photos")
    return [files[name] for name in sorted(files)]

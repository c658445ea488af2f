"""The training pictures: photographs in a folder, and drawn things other than clothes."""

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
"""The table of photographs: its column `image` has their names, without file extensions."""

_ENDINGS = (".jpg", ".jpeg", ".png", ".webp")

_SIZE = (448, 448)
"""The size that photographs are decoded for."""


@dataclass(frozen=True)
class Subjects:
    """Pictures by number: first the photographs, then the drawn ones.

    Attributes:
        photos: Files of the photographs, sorted by name.
        drawings: Number of drawn pictures.
        seed: Seed of the drawings.
    """

    photos: Sequence[Path]
    drawings: int
    seed: int

    def __len__(self) -> int:
        return len(self.photos) + self.drawings

    def key(self, number: int) -> int:
        """A seed that depends only on the picture itself, not on how many others there are."""
        name = self.photos[number].stem if number < len(self.photos) else f"drawn {number - len(self.photos)}"
        return zlib.crc32(f"{self.seed} {name}".encode())

    def picture(self, number: int) -> Image:
        """Opens a photograph, or draws a picture.

        Raises:
            PictureError: The photograph can't be used.
        """
        if number >= len(self.photos):
            return drawn(np.random.default_rng(self.key(number)))
        from image_retrieval.pictures import decode, read_picture

        path = self.photos[number]
        return decode(read_picture(path, path.name), path.name, _SIZE)


def photographs(folder: Path) -> list[Path]:
    """The photographs in a folder: those that its `images.csv` lists, or without one, all picture files.

    Raises:
        VariantsError: The folder contains no photograph.
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

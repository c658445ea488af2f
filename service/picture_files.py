"""The picture files of a catalogue: which there are, their bytes, and why one can't be read."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from candidates.artifacts import digest_bytes
from candidates.catalogue import Catalogue
from candidates.errors import PictureError
from candidates.feeds.locate import picture_path
from candidates.product import Refusal


@dataclass(frozen=True)
class PictureFile:
    """One picture of one product.

    Attributes:
        id: `PRODUCT#POSITION`.
        product_row: The product's row.
        position: 0 for the main picture.
        name: As the feed names it.
        path: Where it lies; None where it can't be used.
        stamp: Size and time of change, by which a changed file is noticed without reading it.
        problem: Why it can't be used.
    """

    id: str
    product_row: int
    position: int
    name: str
    path: Path | None
    stamp: tuple[int, int] = (0, 0)
    problem: PictureError | None = None

    def refusal(self, problem: PictureError) -> Refusal:
        """The row of `refused.csv` for this picture."""
        return Refusal(self.name, self.id.rsplit("#", 1)[0], problem.what, problem.mend)


def list_pictures(catalogue: Catalogue, folder: Path) -> list[PictureFile]:
    """Every picture that the catalogue names, found or not, in the order of products."""
    named = catalogue.table["pictures"].to_pylist()
    return [
        _located(f"{product}#{position}", row, position, name, folder)
        for row, (product, names) in enumerate(zip(catalogue.axis, named, strict=True))
        for position, name in enumerate(names or ())
    ]


def _located(identifier: str, row: int, position: int, name: str, folder: Path) -> PictureFile:
    try:
        path = picture_path(folder, name)
        status = path.stat()
    except PictureError as problem:
        return PictureFile(identifier, row, position, name, None, problem=problem)
    except OSError as error:
        unreadable = PictureError(f"{name}: {error.strerror}", "Make the file readable")
        return PictureFile(identifier, row, position, name, None, problem=unreadable)
    return PictureFile(identifier, row, position, name, path, (status.st_size, status.st_mtime_ns))


def digests_of(pictures: Sequence[PictureFile], threads: int) -> list[str]:
    """The digest of each picture's bytes; files are read in parallel and not kept."""

    def digest(picture: PictureFile) -> str:
        assert picture.path is not None
        return digest_bytes(picture.path.read_bytes())

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(digest, pictures))

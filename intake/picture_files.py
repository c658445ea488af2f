"""The picture files of a catalogue: their paths, digests, and why some can't be used."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from candidates import schema
from candidates.artifacts import digest_file, write_parquet
from candidates.catalogue import Catalogue
from candidates.errors import PictureError, SchemaError
from candidates.product import Refusal
from intake.feeds.locate import picture_path


@dataclass(frozen=True)
class PictureFile:
    """One picture of one product.

    Attributes:
        id: `PRODUCT#POSITION`.
        product_row: The product's row.
        position: 0 for the main picture.
        name: Its path or URL in the feed.
        path: The file; None if it can't be used.
        stamp: Size and modification time, which reveal a changed file without reading it.
        problem: Why it can't be used, or None.
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
        return Refusal(self.name, self.id.rsplit("#", 1)[0], problem.what, problem.fix)


@dataclass(frozen=True)
class FetchedPicture:
    """The result of fetching a URL.

    Attributes:
        path: The file with its bytes; empty if there is none.
        what: Why there is none.
        fix: What the feed's owner can do about it.
    """

    path: str
    what: str = ""
    fix: str = ""


@dataclass(frozen=True)
class PicturePlaces:
    """Where the pictures of a catalogue are.

    Attributes:
        folders: For each feed, the row of its first product and the folder that its paths are relative to.
        fetched: The result of fetching each URL.
    """

    folders: tuple[tuple[int, Path], ...]
    fetched: Mapping[str, FetchedPicture] = field(default_factory=dict)

    def folder_of(self, row: int) -> Path:
        """The folder that the picture paths of a product are relative to."""
        return self.folders[bisect_right(self.folders, row, key=lambda entry: entry[0]) - 1][1]


def list_pictures(catalogue: Catalogue, places: PicturePlaces) -> list[PictureFile]:
    """All pictures in the catalogue, found or not, in the order of products."""
    named = catalogue.table["pictures"].to_pylist()
    return [
        _located(f"{product}#{position}", row, position, name, places)
        for row, (product, names) in enumerate(zip(catalogue.axis, named, strict=True))
        for position, name in enumerate(names or ())
    ]


def _located(identifier: str, row: int, position: int, name: str, places: PicturePlaces) -> PictureFile:
    try:
        path = _fetched_path(places.fetched[name]) if name in places.fetched else None
        path = path or picture_path(places.folder_of(row), name)
        status = path.stat()
    except PictureError as problem:
        return PictureFile(identifier, row, position, name, None, problem=problem)
    except OSError as error:
        unreadable = PictureError(f"{name}: {error.strerror}", "Make the file readable")
        return PictureFile(identifier, row, position, name, None, problem=unreadable)
    return PictureFile(identifier, row, position, name, path, (status.st_size, status.st_mtime_ns))


def _fetched_path(fetched: FetchedPicture) -> Path:
    if not fetched.path:
        raise PictureError(fetched.what, fetched.fix)
    return Path(fetched.path)


def write_fetched(path: Path, fetched: Mapping[str, FetchedPicture]) -> None:
    """Writes `fetched.parquet`, one row per URL."""
    rows = [{"url": url, **asdict(picture)} for url, picture in fetched.items()]
    write_parquet(path, pa.Table.from_pylist(rows, schema=schema.FETCHED))


def read_fetched(path: Path) -> dict[str, FetchedPicture]:
    """Reads `fetched.parquet`; raises `SchemaError` if a column is missing."""
    table = pq.read_table(path)
    # Earlier versions called the column `mend`.
    table = table.rename_columns(["fix" if name == "mend" else name for name in table.column_names])
    rows = schema.require(table, schema.FETCHED, str(path)).to_pylist()
    return {row.pop("url"): FetchedPicture(**row) for row in rows}


def digests_of(pictures: Sequence[PictureFile], threads: int, known: Path) -> list[str]:
    """The digest of each picture's bytes; a file is only read if it is new or has changed.

    Args:
        pictures: Pictures whose files exist.
        threads: Number of files read at once.
        known: `stamps.parquet`, with digests by path, size and modification time; rewritten if any picture is new.
    """
    stamps = read_stamps(known)
    keys = [(str(picture.path), *picture.stamp) for picture in pictures]
    new = sorted(set(keys) - stamps.keys())
    with ThreadPoolExecutor(threads) as pool:
        found = pool.map(lambda key: digest_file(Path(key[0])), new)
        stamps |= dict(zip(new, found, strict=True))
    if new:
        _write_stamps(known, {key: stamps[key] for key in keys})
    return [stamps[key] for key in keys]


Stamp = tuple[str, int, int]
"""A file's path, size in bytes and modification time in nanoseconds."""


def read_stamps(path: Path) -> dict[Stamp, str]:
    """The digests of files by their stamps; empty if the file is missing or of another version."""
    try:
        columns = schema.require(pq.read_table(path), schema.STAMPS, str(path)).to_pydict()
    except (OSError, pa.ArrowException, SchemaError):  # it only saves work; without it, files are read again
        return {}
    keys = zip(columns["path"], columns["bytes"], columns["changed"], strict=True)
    return dict(zip(keys, columns["digest"], strict=True))


def _write_stamps(path: Path, stamps: Mapping[Stamp, str]) -> None:
    rows = [dict(zip(schema.STAMPS.names, (*key, digest), strict=True)) for key, digest in stamps.items()]
    write_parquet(path, pa.Table.from_pylist(rows, schema=schema.STAMPS))

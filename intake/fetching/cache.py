"""A cache of pictures stored by content, with the latest result of each URL.

`objects/ab/abcd…` holds a picture under the digest of its bytes, so a picture with many URLs is stored once.
`index.sqlite` maps URLs to pictures. SQLite can look up URLs among a million without reading them all into memory
first, and in write-ahead mode each entry is committed separately and cheaply, and survives a kill.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import IO

from candidates.artifacts import atomic
from candidates.errors import VariantsError

_LAYOUT = 1
_FIX = "Free some disk space, or use another folder for the cache"


@dataclass(frozen=True)
class Entry:
    """The latest result of a URL: a picture or a permanent failure.

    Attributes:
        url: The URL in normal form.
        asked: When it was requested, in seconds since 1970.
        digest: Digest of the picture's bytes; empty for a failure.
        size: Size of the picture in bytes.
        source: The URL after all redirects.
        etag: The picture's `ETag`, or empty.
        modified: The picture's `Last-Modified`, or empty.
        what: What was wrong; empty for a picture.
        fix: What to do about it.
        terms: The limits that applied when it failed; with other limits it may succeed.
    """

    url: str
    asked: float
    digest: str = ""
    size: int = 0
    source: str = ""
    etag: str = ""
    modified: str = ""
    what: str = ""
    fix: str = ""
    terms: str = ""


_COLUMNS = tuple(field.name for field in fields(Entry))
_CREATE = f"CREATE TABLE IF NOT EXISTS pictures ({', '.join(_COLUMNS)}, PRIMARY KEY (url)) WITHOUT ROWID"
_FIND = f"SELECT {', '.join(_COLUMNS)} FROM pictures WHERE url = ?"
_NOTE = f"INSERT OR REPLACE INTO pictures VALUES ({', '.join('?' * len(_COLUMNS))})"


class Cache:
    """A folder of pictures and its index; several processes can share it on a local disk.

    Only the thread that opened the cache may use the index; any thread may store pictures.

    Args:
        folder: The cache's folder; created if missing.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.objects = folder / "objects"
        with self._usable():
            self.objects.mkdir(parents=True, exist_ok=True)
            self._index = sqlite3.connect(folder / "index.sqlite", timeout=60, isolation_level=None)
            self._index.execute("PRAGMA synchronous = NORMAL")
            self._index.execute("PRAGMA journal_mode = WAL")
            layout = self._index.execute("PRAGMA user_version").fetchone()[0]
            if layout == 0:
                self._index.execute(_CREATE)
                self._index.execute(f"PRAGMA user_version = {_LAYOUT}")
            elif layout != _LAYOUT:
                raise VariantsError(f"{folder}: another version wrote this cache", "Use another folder for the cache")
            self._rename_earlier_column()

    def _rename_earlier_column(self) -> None:
        """Renames the column `fix` of older caches, which have it under its former name."""
        if "mend" in {row[1] for row in self._index.execute("PRAGMA table_info(pictures)")}:
            with suppress(sqlite3.OperationalError):  # another process renamed it in between
                self._index.execute("ALTER TABLE pictures RENAME COLUMN mend TO fix")

    def close(self) -> None:
        """Closes the index."""
        self._index.close()

    @contextmanager
    def _usable(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise VariantsError(f"{self.folder}: {error.strerror or error}", _FIX) from error
        except sqlite3.DatabaseError as error:
            raise VariantsError(
                f"{self.folder / 'index.sqlite'}: {error}", "Delete this file; the pictures will be fetched again"
            ) from error

    def find(self, url: str) -> Entry | None:
        """The entry of a URL, or None if there is none, or if its picture's file is missing or has another size."""
        with self._usable():
            row = self._index.execute(_FIND, (url,)).fetchone()
        if row is None:
            return None
        entry = Entry(*row)
        return entry if entry.what or self._holds(entry.digest, entry.size) else None

    def note(self, entry: Entry) -> None:
        """Stores the result of a URL; it is committed when this returns."""
        with self._usable():
            self._index.execute(_NOTE, astuple(entry))

    def path_of(self, digest: str) -> Path:
        """The path of the picture with this digest, whether it exists or not."""
        return self.objects / digest[:2] / digest

    def keep(self, digest: str, size: int, content: IO[bytes]) -> None:
        """Stores a picture's bytes under their digest, unless they are already there; raises OSError on failure."""
        if self._holds(digest, size):
            return
        with atomic(self.path_of(digest)) as temporary, temporary.open("wb") as out:
            shutil.copyfileobj(content, out)

    def _holds(self, digest: str, size: int) -> bool:
        try:
            return self.path_of(digest).stat().st_size == size
        except OSError:
            return False

"""Pictures kept by content, and what each URL gave when it was last asked.

`objects/ab/abcd…` holds a picture under the digest of its bytes, so pictures under many URLs lie there once.
`index.sqlite` says which URL gave which. SQLite, because a million URLs are looked up without being read
into memory first; in its write-ahead mode each entry is committed alone, cheaply, and survives a kill.
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
_FIX = "Make room, or name another folder for the cache"


@dataclass(frozen=True)
class Entry:
    """What a URL gave when it was last asked: a picture or a lasting failure.

    Attributes:
        url: The URL in its normal form.
        asked: When, in seconds since 1970.
        digest: Of the picture's bytes; empty for a failure.
        size: Of the picture in bytes.
        source: The URL behind all redirects.
        etag: The picture's `ETag`, or empty.
        modified: Its `Last-Modified`, or empty.
        what: What was wrong; empty for a picture.
        fix: What to do about it.
        terms: The limits under which it failed; under others it may not.
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
    """A folder of pictures and its index. Several processes may share it, on a local disk.

    The index is for the thread that opened it; pictures may be kept from any.

    Args:
        folder: Where it lies; made where it is missing.
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
                raise VariantsError(f"{folder}: this cache was made by another version", "Name another folder for it")
            self._rename_earlier_column()

    def _rename_earlier_column(self) -> None:
        """Caches made before the column was called `fix` have it as `mend`."""
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
                f"{self.folder / 'index.sqlite'}: {error}", "Delete it; the pictures will be fetched again"
            ) from error

    def find(self, url: str) -> Entry | None:
        """What is known of a URL; a picture whose file is gone or has another size is not known."""
        with self._usable():
            row = self._index.execute(_FIND, (url,)).fetchone()
        if row is None:
            return None
        entry = Entry(*row)
        return entry if entry.what or self._holds(entry.digest, entry.size) else None

    def note(self, entry: Entry) -> None:
        """Keeps what a URL gave; kept for good when this returns."""
        with self._usable():
            self._index.execute(_NOTE, astuple(entry))

    def path_of(self, digest: str) -> Path:
        """Where the picture with this digest lies, or would lie."""
        return self.objects / digest[:2] / digest

    def keep(self, digest: str, size: int, content: IO[bytes]) -> None:
        """Keeps a picture's bytes under their digest, unless they are there; raises OSError where it can't."""
        if self._holds(digest, size):
            return
        with atomic(self.path_of(digest)) as temporary, temporary.open("wb") as out:
            shutil.copyfileobj(content, out)

    def _holds(self, digest: str, size: int) -> bool:
        try:
            return self.path_of(digest).stat().st_size == size
        except OSError:
            return False

"""Published generations at any place that fsspec can name: uploaded once, never changed, the pointer last.

An object store has no rename, so nothing there is ever half of something under a name that is read: a generation is
complete when its `contents.json` is there, which is written behind all its files, and it is in force when the pointer
`current` names it. A reader follows the pointer and finds one generation or the next.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from candidates.artifacts import atomic_folder, digest_file, write_json, write_text
from candidates.errors import AccessRefused, RunFolderError, ServerUnreachable, VariantsError

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

CONTENTS = "contents.json"
"""The list of a published generation's files with their sizes and digests; written last."""

_POINTER = "current"

Opener = Callable[[str], "tuple[AbstractFileSystem, str]"]
"""Gives the file system that answers for a URI, and the place within it."""


def open_uri(uri: str) -> tuple[AbstractFileSystem, str]:
    """What fsspec gives for a URI; `ValueError` if the URI names a connection, which only a scheduler can open."""
    if "@" in urlsplit(uri).netloc:
        raise ValueError("the name before @ is a connection, which only a scheduler knows")
    from fsspec.core import url_to_fs

    fs, root = url_to_fs(uri)
    return fs, root


@dataclass(frozen=True, eq=False)
class Place:
    """A line of generations somewhere: a folder of this machine, a bucket, whatever fsspec knows.

    Attributes:
        uri: As a person names it.
        fs: The file system that answers for it.
        root: The place within the file system.
    """

    uri: str
    fs: AbstractFileSystem
    root: str

    @classmethod
    def at(cls, uri: str, opener: Opener = open_uri) -> Place:
        """The place that a URI names.

        Args:
            uri: A path, or a URI such as `s3://bucket/folder`.
            opener: Finds the file system; a scheduler gives one that knows its connections
                (`s3://connection@bucket/folder`).

        Raises:
            VariantsError: No file system answers to the URI.
        """
        try:
            fs, root = opener(uri)
        except (ImportError, ValueError) as error:
            fix = "Name a path or a URI that fsspec knows, and install its package (s3fs for s3://)"
            raise VariantsError(f"{uri}: no place to publish to ({error})", fix) from error
        return cls(uri, fs, root.rstrip("/"))

    def line(self, name: str) -> Place:
        """A line of generations within this place; itself where the name is empty."""
        return Place(f"{self.uri.rstrip('/')}/{name}", self.fs, f"{self.root}/{name}") if name else self

    @property
    def is_local(self) -> bool:
        """Whether it is a folder of this machine."""
        from fsspec.implementations.local import LocalFileSystem

        return isinstance(self.fs, LocalFileSystem)

    @property
    def current(self) -> str | None:
        """The generation in force; None where none is."""
        content = self._read(_POINTER)
        return content.decode().strip() if content is not None else None

    def contents(self, identifier: str) -> dict[str, dict[str, Any]] | None:
        """The files of a generation with their sizes and digests; None where it is not there, whole."""
        content = self._read(f"generations/{identifier}/{CONTENTS}")
        return json.loads(content)["files"] if content is not None else None

    def upload(self, folder: Path, identifier: str) -> int:
        """Uploads a finished folder as a generation; returns how many files that took, 0 where it is there."""
        if self.contents(identifier) is not None:
            return 0
        files = _files(folder)
        listed = {name: {"bytes": path.stat().st_size, "digest": digest_file(path)} for name, path in files.items()}
        target = f"{self.root}/generations/{identifier}"
        if self.is_local:
            _copy(files, {"files": listed}, Path(target))
            return len(files)
        with self._answering():
            for name, path in files.items():
                self.fs.put_file(str(path), f"{target}/{name}")
            self.fs.pipe_file(f"{target}/{CONTENTS}", _as_json({"files": listed}))
        return len(files)

    def point_to(self, identifier: str) -> None:
        """Brings a generation into force that was uploaded; raises `RunFolderError` where it is not there."""
        if self.contents(identifier) is None:
            raise RunFolderError(f"{self.uri}: no generation {identifier!r}", "Publish it first")
        if self.is_local:
            write_text(Path(self.root) / _POINTER, identifier + "\n")
            return
        with self._answering():
            self.fs.pipe_file(f"{self.root}/{_POINTER}", f"{identifier}\n".encode())

    def fetch(self, identifier: str, target: Path) -> None:
        """Brings a generation into a new folder of this machine, each file compared with its digest.

        Raises:
            RunFolderError: It is not there, or a file is not what was uploaded.
        """
        listed = self.contents(identifier)
        if listed is None:
            raise RunFolderError(f"{self.uri}: no generation {identifier!r}", "Publish it first")
        with atomic_folder(target) as temporary, self._answering():
            for name, about in listed.items():
                (temporary / name).parent.mkdir(parents=True, exist_ok=True)
                self.fs.get_file(f"{self.root}/generations/{identifier}/{name}", str(temporary / name))
                if digest_file(temporary / name) != about["digest"]:
                    what = f"{self.uri}: {name} of {identifier} is not what was uploaded"
                    raise RunFolderError(what, "Publish the generation again under another place")

    def _read(self, name: str) -> bytes | None:
        with self._answering():
            try:
                self.fs.invalidate_cache()
                content: bytes = self.fs.cat_file(f"{self.root}/{name}")
            except FileNotFoundError:
                return None
        return content

    @contextmanager
    def _answering(self) -> Iterator[None]:
        """What goes wrong at the other end, in words: refused is the user's mistake, all else may pass."""
        try:
            yield
        except (VariantsError, MemoryError):
            raise
        except PermissionError as error:
            raise AccessRefused(f"{self.uri}: {error}", "Let the account write there, or name another place") from error
        except FileNotFoundError as error:
            raise VariantsError(f"{self.uri}: is not there ({error})", "Make the bucket or the folder first") from error
        except Exception as error:  # each file system has errors of its own
            raise ServerUnreachable(f"{self.uri}: {error}", "Try again when it answers") from error


def _as_json(value: object) -> bytes:
    return (json.dumps(value, indent=2, sort_keys=True) + "\n").encode()


def _files(folder: Path) -> dict[str, Path]:
    """All that is to be published of a folder: not the work of a run, nor what a killed writer left."""
    found = {path.relative_to(folder): path for path in sorted(folder.rglob("*")) if path.is_file()}
    kept = {name: path for name, path in found.items() if name.parts[0] != "work" and not path.name.startswith(".")}
    return {name.as_posix(): path for name, path in kept.items()}


def _copy(files: dict[str, Path], contents: object, target: Path) -> None:
    with atomic_folder(target) as temporary:
        for name, path in files.items():
            link(path, temporary / name)
        write_json(temporary / CONTENTS, contents)


def link(source: Path, target: Path) -> None:
    """Gives a file a second name, which takes no time; where that can't be, copies it.

    Every file of a run is replaced, never changed, so a second name stays what it was.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)

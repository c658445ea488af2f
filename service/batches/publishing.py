"""Publishes generations to any place that fsspec supports: uploaded once, never changed, the pointer last.

An object store has no rename, so a generation counts as complete only when its `contents.json` exists, which is written
after all its files, and it is current when the pointer `current` names it. A reader follows the pointer and finds one
generation or the next, never a partial one.
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
"""Returns the file system of a URI, and the path within it."""


def open_uri(uri: str) -> tuple[AbstractFileSystem, str]:
    """Opens a URI with fsspec; raises `ValueError` if the URI names a connection, which only a scheduler can open."""
    if "@" in urlsplit(uri).netloc:
        raise ValueError("the name before @ is a connection, which only a scheduler knows")
    from fsspec.core import url_to_fs

    fs, root = url_to_fs(uri)
    return fs, root


@dataclass(frozen=True, eq=False)
class Place:
    """A line of generations in a local folder, a bucket, or anything else that fsspec supports.

    Attributes:
        uri: The URI as the user gave it.
        fs: Its file system.
        root: The path within the file system.
    """

    uri: str
    fs: AbstractFileSystem
    root: str

    @classmethod
    def at(cls, uri: str, opener: Opener = open_uri) -> Place:
        """The place that a URI names.

        Args:
            uri: A path, or a URI such as `s3://bucket/folder`.
            opener: Opens the file system; a scheduler passes one that knows its connections
                (`s3://connection@bucket/folder`).

        Raises:
            VariantsError: No file system supports the URI.
        """
        try:
            fs, root = opener(uri)
        except (ImportError, ValueError) as error:
            fix = "Use a path or a URI that fsspec supports, and install its package (s3fs for s3://)"
            raise VariantsError(f"{uri}: no place to publish to ({error})", fix) from error
        return cls(uri, fs, root.rstrip("/"))

    def line(self, name: str) -> Place:
        """A line of generations within this place; the place itself if the name is empty."""
        return Place(f"{self.uri.rstrip('/')}/{name}", self.fs, f"{self.root}/{name}") if name else self

    @property
    def is_local(self) -> bool:
        """Whether it is a local folder."""
        from fsspec.implementations.local import LocalFileSystem

        return isinstance(self.fs, LocalFileSystem)

    @property
    def current(self) -> str | None:
        """The identifier of the current generation; None if there is none."""
        content = self._read(_POINTER)
        return content.decode().strip() if content is not None else None

    def contents(self, identifier: str) -> dict[str, dict[str, Any]] | None:
        """The files of a generation with their sizes and digests; None unless it is complete."""
        content = self._read(f"generations/{identifier}/{CONTENTS}")
        return json.loads(content)["files"] if content is not None else None

    def upload(self, folder: Path, identifier: str) -> int:
        """Uploads a finished folder as a generation; returns the number of files, 0 if it is already there."""
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
        """Makes an uploaded generation current; raises `RunFolderError` if it is not there."""
        if self.contents(identifier) is None:
            raise RunFolderError(f"{self.uri}: no generation {identifier!r}", "Publish it first")
        if self.is_local:
            write_text(Path(self.root) / _POINTER, identifier + "\n")
            return
        with self._answering():
            self.fs.pipe_file(f"{self.root}/{_POINTER}", f"{identifier}\n".encode())

    def fetch(self, identifier: str, target: Path) -> None:
        """Downloads a generation into a new local folder, and verifies each file by its digest.

        Raises:
            RunFolderError: It is not there, or a file differs from what was uploaded.
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
                    raise RunFolderError(what, "Publish the generation again to another place")

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
        """Turns errors of the file system into ours: refused access is a mistake, everything else may be temporary."""
        try:
            yield
        except (VariantsError, MemoryError):
            raise
        except PermissionError as error:
            raise AccessRefused(
                f"{self.uri}: {error}", "Give the account write access, or name another place"
            ) from error
        except FileNotFoundError as error:
            raise VariantsError(
                f"{self.uri} does not exist ({error})", "Create the bucket or the folder first"
            ) from error
        except Exception as error:  # each file system has its own errors
            raise ServerUnreachable(f"{self.uri}: {error}", "Try again when it answers") from error


def _as_json(value: object) -> bytes:
    return (json.dumps(value, indent=2, sort_keys=True) + "\n").encode()


def _files(folder: Path) -> dict[str, Path]:
    """The files of a folder to publish: neither a run's work folder, nor leftovers of a killed writer."""
    found = {path.relative_to(folder): path for path in sorted(folder.rglob("*")) if path.is_file()}
    kept = {name: path for name, path in found.items() if name.parts[0] != "work" and not path.name.startswith(".")}
    return {name.as_posix(): path for name, path in kept.items()}


def _copy(files: dict[str, Path], contents: object, target: Path) -> None:
    with atomic_folder(target) as temporary:
        for name, path in files.items():
            link(path, temporary / name)
        write_json(temporary / CONTENTS, contents)


def link(source: Path, target: Path) -> None:
    """Links a file, which takes no time, or copies it where links are not supported.

    Files of a run are replaced, never changed in place, so the content behind a link stays the same.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)

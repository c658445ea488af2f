"""Finds weights files and computes their digests, which become part of an encoder's version."""

from __future__ import annotations

import hashlib
from pathlib import Path

from candidates.errors import ModelMissing


def weights_file(path: Path, fix: str) -> Path:
    """The path of a weights file; raises `ModelMissing` if there is no such file."""
    if not path.is_file():
        raise ModelMissing(f"no model file at {path}", fix)
    return path


def sha256_of(path: Path) -> str:
    """A file's SHA-256 in hexadecimal, as `sha256sum` prints it."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest_file(path: Path) -> str:
    """The first 16 hexadecimal digits of a file's SHA-256."""
    return sha256_of(path)[:16]

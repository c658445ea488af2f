"""Atomic writing of files and folders, and digests of their contents."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """Yields a temporary path beside `path`, and renames it to `path` when the block ends without an error.

    A reader therefore sees the old file or the new one, never half of one. A killed writer leaves only a
    temporary file (its name begins with a dot), which `sweep_temporaries` removes.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.tmp")
    try:
        yield temporary
        _sync(temporary)
        os.replace(temporary, path)
        _sync(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Yields an empty folder beside `path`, and renames it to `path` when the block ends without an error.

    An existing folder is moved aside first, so for a moment between the two renames a reader finds none. A killed
    writer leaves folders whose names begin with a dot, which `sweep_temporaries` removes.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary, aside = (path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.tmp") for _ in range(2))
    temporary.mkdir()
    try:
        yield temporary
        for written in [*temporary.rglob("*"), temporary]:
            _sync(written)
        if path.exists():
            os.replace(path, aside)
        os.replace(temporary, path)
        _sync(path.parent)
        shutil.rmtree(aside, ignore_errors=True)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sweep_temporaries(folder: Path) -> int:
    """Removes the temporary files and folders that killed writers left below `folder`; returns their number."""
    left_over = list(folder.rglob(".*.tmp"))
    for path in left_over:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    return len(left_over)


def write_text(path: Path, text: str) -> None:
    """Writes `text` as UTF-8, atomically."""
    with atomic(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Writes `value` as indented JSON with sorted keys, atomically."""
    write_text(path, json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n")


def write_parquet(path: Path, table: pa.Table) -> None:
    """Writes `table` as Parquet (zstd), atomically."""
    import pyarrow.parquet as pq

    with atomic(path) as temporary:
        pq.write_table(table, temporary, compression="zstd")


def write_batch(path: Path, batch: pa.RecordBatch) -> None:
    """Writes one record batch atomically as an uncompressed Arrow file, which can be memory-mapped."""
    import pyarrow as pa

    with atomic(path) as temporary, pa.OSFile(str(temporary), "wb") as sink, pa.ipc.new_file(sink, batch.schema) as out:
        out.write_batch(batch)


def digest_bytes(content: bytes) -> str:
    """The digest of some bytes: the first 32 hexadecimal digits of their SHA-256."""
    return hashlib.sha256(content).hexdigest()[:32]


def digest_file(path: Path) -> str:
    """The digest of a file's bytes, as `digest_bytes` computes it, without reading the file into memory at once."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:32]


def digest_of(*parts: Any) -> str:
    """The digest of values that JSON can hold, in canonical form, so that equal values have equal digests."""
    canonical = json.dumps(parts, sort_keys=True, ensure_ascii=True, separators=(",", ":"), default=str)
    return digest_bytes(canonical.encode())

"""Vectors by content digest, so that nothing is encoded twice.

One mechanism serves retries, resumes after a kill, nightly feeds and a scheduler's mapped tasks: a chunk
of new vectors is one file, written atomically and named after its contents.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from candidates.artifacts import digest_of, write_batch

_DIGEST = np.dtype("S32")

Digests = NDArray[np.bytes_]


def as_digests(digests: Sequence[str]) -> Digests:
    """Hexadecimal digests as an array of 32 bytes each, `S32` (n,)."""
    return np.array(digests, _DIGEST)


@dataclass(frozen=True, eq=False)
class Shelf:
    """The stored vectors of one version of one encoder, as they are on first use.

    Ask once which contents are missing, put those, and reopen the shelf to gather.

    Attributes:
        folder: Holds one Arrow file per chunk; its name contains the version.
    """

    folder: Path

    @cached_property
    def _chunks(self) -> list[pa.RecordBatch]:
        paths = sorted(self.folder.glob("*.arrow"))
        return [pa.ipc.open_file(pa.memory_map(str(path))).get_batch(0) for path in paths]

    @cached_property
    def _digests(self) -> Digests:
        columns = [np.frombuffer(chunk["digest"].buffers()[1], _DIGEST, len(chunk)) for chunk in self._chunks]
        return np.concatenate([np.zeros(0, _DIGEST), *columns])

    @cached_property
    def _order(self) -> NDArray[np.intp]:
        return np.argsort(self._digests, kind="stable")

    def _find(self, digests: Digests) -> NDArray[np.intp]:
        if not len(self._digests):
            return np.full(len(digests), -1, np.intp)
        place = np.minimum(np.searchsorted(self._digests, digests, sorter=self._order), len(self._digests) - 1)
        held = self._order[place]
        return np.where(self._digests[held] == digests, held, -1)

    @property
    def dimensions(self) -> int | None:
        """Length of the stored vectors; None if there are none."""
        return self._chunks[0]["vector"].type.list_size if self._chunks else None

    def has(self, digests: Digests) -> NDArray[np.bool_]:
        """Which contents have a stored vector, bool (n,)."""
        return self._find(digests) >= 0

    def put(self, digests: Digests, values: NDArray[np.floating]) -> None:
        """Stores the vectors (n, d) of new contents as one chunk of float16."""
        if not len(digests):
            return
        flat = pa.array(np.ascontiguousarray(values, np.float16).reshape(-1))
        digest_bytes = pa.py_buffer(np.ascontiguousarray(digests).tobytes())
        batch = pa.record_batch(
            [
                pa.FixedSizeBinaryArray.from_buffers(pa.binary(_DIGEST.itemsize), len(digests), [None, digest_bytes]),
                pa.FixedSizeListArray.from_arrays(flat, values.shape[1]),
            ],
            names=["digest", "vector"],
        )
        write_batch(self.folder / f"{digest_of(digests.astype(str).tolist())[:16]}.arrow", batch)

    def gather(self, digests: Digests, dimensions: int) -> NDArray[np.float16]:
        """The vectors of contents that are all stored, float16 (n, d)."""
        held = self._find(digests)
        assert (held >= 0).all(), "asked for vectors that were never put on the shelf"
        values = np.empty((len(digests), dimensions), np.float16)
        starts = np.cumsum([0, *(len(chunk) for chunk in self._chunks)])
        for chunk, start, stop in zip(self._chunks, starts[:-1], starts[1:], strict=True):
            here = np.flatnonzero((held >= start) & (held < stop))
            vectors = chunk["vector"].values.to_numpy().reshape(-1, dimensions)
            values[here] = vectors[held[here] - start]
        return values


def missing_rows(
    shelf: Shelf, digests: Digests, rows: slice = slice(None), among: NDArray[np.bool_] | None = None
) -> NDArray[np.intp]:
    """Rows whose contents are not on the shelf, each content once.

    Args:
        shelf: Where vectors are kept.
        digests: Content of each row.
        rows: The range of rows to consider.
        among: bool (n,): only these rows.
    """
    wanted = np.zeros(len(digests), bool)
    wanted[np.unique(digests, return_index=True)[1]] = True
    wanted &= ~shelf.has(digests)
    if among is not None:
        wanted &= among
    start, stop, _ = rows.indices(len(digests))
    return start + np.flatnonzero(wanted[start:stop])


def chunks_of_missing(
    shelf: Shelf, digests: Digests, rows: slice, chunk: int, among: NDArray[np.bool_] | None = None
) -> Iterator[NDArray[np.intp]]:
    """Missing rows in chunks that begin at fixed rows, for encoders whose results depend on the batch.

    A chunk is encoded and stored whole, so work that was killed resumes with the same chunks and batches,
    and the vectors are identical bit for bit.

    Args:
        shelf: Where vectors are kept.
        digests: Content of each row.
        rows: The range of rows to consider.
        chunk: Rows spanned by a chunk.
        among: bool (n,): only these rows.
    """
    missing = missing_rows(shelf, digests, rows, among)
    start = rows.indices(len(digests))[0]
    for _, places in groupby(missing.tolist(), lambda row: (row - start) // chunk):
        yield np.array(list(places), np.intp)

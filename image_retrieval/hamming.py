"""The embedded image index: a Hamming shortlist of binary codes, then exact cosine of the float vectors."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from candidates.artifacts import atomic, digest_bytes, write_json
from candidates.axis import Axis
from candidates.contracts import Select
from candidates.errors import AxisMismatch, RunFolderError, VersionMismatch
from candidates.exact import selected
from candidates.filters import Filter
from candidates.run import Run
from candidates.vectors import Vectors, normalised
from image_retrieval.lsh import Hyperplanes
from image_retrieval.rotations import CODES

FLAT_BELOW = 100_000
"""Up to this many codes a search compares all of them; more are split into cells, of which a search visits some."""

_VISITED = 16
"""A search visits one in this many cells; docs/notes-on-choices.md gives the reason."""

_WHOLE = 2**26
"""Up to this many numbers (256 MiB of float32) the normalised vectors are kept in memory."""

_TILE = 2**22
"""Numbers gathered at once while rescoring (16 MiB of float32)."""

_FORMAT = 1


@dataclass(frozen=True, eq=False)
class HammingIndex:
    """Finds pictures by codes and orders them by cosine.

    A search takes the `max(shortlist, 4 k)` nearest items by Hamming distance and keeps the k best of these by exact
    cosine, so its scores are true cosines and only membership is approximate. With a filter, all codes that match the
    filter are compared, whatever their number. All-zero items have no code.

    Attributes:
        vectors: The items' vectors, (n, d); may be memory-mapped.
        planes: The planes that made the codes.
        rows: int32 (m,): rows of the items that have a code, ascending.
        codes: uint8 (m, bits / 8), in the bit order of `Hyperplanes.codes`.
        cells: faiss' inverted lists over the codes; None if all codes are compared.
        shortlist: Minimum number of codes rescored.
        select: Tells which items meet a `Filter`.
        threads: Number of faiss threads.
    """

    vectors: Vectors
    planes: Hyperplanes
    rows: NDArray[np.int32]
    codes: NDArray[np.uint8]
    cells: Any
    shortlist: int
    select: Select | None = None
    threads: int = 1

    @classmethod
    def build(
        cls,
        vectors: Vectors,
        bits: int,
        seed: int,
        shortlist: int,
        select: Select | None = None,
        threads: int = 1,
        flat_below: int = FLAT_BELOW,
        kind: str = "hyperplanes",
    ) -> HammingIndex:
        """Computes the codes and, if there are more than `flat_below`, splits them into cells.

        Args:
            vectors: The items.
            bits: Length of a code, a multiple of 8.
            seed: Seed of the hyperplanes and of the cells.
            shortlist: Minimum number of codes rescored.
            select: Tells which items meet a `Filter`; without it searches can't be filtered.
            threads: Number of faiss threads.
            flat_below: Up to this many codes, all are compared.
            kind: A key of `rotations.CODES`: `hyperplanes` or `rotations`.
        """
        planes = CODES[kind](vectors.dimensions, bits, seed)
        rows = np.flatnonzero(vectors.values.any(axis=1)).astype(np.int32)
        codes = planes.codes(vectors.values)
        codes = codes if len(rows) == len(codes) else codes[rows]
        cells = _cells(codes, seed, threads) if len(codes) > flat_below else None
        return cls(vectors, planes, rows, codes, cells, shortlist, select, threads)

    @property
    def items(self) -> Axis:
        """The items that can be found."""
        return self.vectors.axis

    @property
    def version(self) -> str:
        """The version of the vectors."""
        return self.vectors.version

    def search(self, vectors: Vectors, k: int, where: Filter | None = None) -> Run:
        """The k nearest items of each vector by cosine, among its Hamming shortlist (see `contracts.Index`)."""
        import faiss

        vectors.require_version(self.version)
        faiss.omp_set_num_threads(self.threads)
        admitted = np.flatnonzero(selected(self.select, where)[self.rows]) if where else None
        codes = self.codes if admitted is None else self.codes[admitted]
        rows = self.rows if admitted is None else self.rows[admitted]
        depth = min(max(self.shortlist, 4 * k), len(rows))
        cells = self.cells if admitted is None else None
        length = min(k, depth)
        best = np.full((len(vectors), length), -1, np.int32)
        scores = np.zeros((len(vectors), length), np.float32)
        height = max(1, _TILE // max(1, depth * (1 if self._unit is not None else vectors.dimensions)))
        for start in range(0, len(vectors) if depth else 0, height):
            tile = slice(start, start + height)
            queries = normalised(vectors.values[tile])
            found = rows[_nearest_codes(self.planes.codes(queries), codes, cells, depth)]
            found[~queries.any(axis=1)] = -1
            best[tile], scores[tile] = best_first(found, self.cosines(queries, found), length)
        return Run.from_matrix("hamming", vectors.axis, self.items, best, scores)

    @cached_property
    def _unit(self) -> NDArray[np.float32] | None:
        return self.vectors.unit() if self.vectors.values.size <= _WHOLE else None

    def cosines(self, queries: NDArray[np.float32], rows: NDArray[np.int32]) -> NDArray[np.float32]:
        """The cosine of each query with the items of its own list; −∞ for row −1.

        Equal pairs have bit-identical cosines, in any list and at any position.

        Args:
            queries: float32 (q, d), each of unit length or zero.
            rows: int32 (q, s): rows of items, −1 after the end of a list.

        Returns:
            float32 (q, s).
        """
        import faiss

        block, places = self._unit, np.maximum(rows, 0).astype(np.int64)
        if block is None:
            needed, places = np.unique(places, return_inverse=True)
            block = normalised(self.vectors.values[needed])
        scores = np.empty(rows.shape, np.float32)
        # One product per pair, all summed in the same order, so equal vectors have equal scores at any position.
        pointers = [faiss.swig_ptr(array) for array in (scores, queries, block, places)]
        faiss.fvec_inner_products_by_idx(*pointers, queries.shape[1], *rows.shape)  # type: ignore[attr-defined]
        scores[rows < 0] = -np.inf
        return scores

    def save(self, folder: Path) -> None:
        """Writes the index without the vectors; it is valid once `index.json` is written, which comes last."""
        import faiss

        parts = {"codes.npy": _as_npy(self.codes), "rows.npy": _as_npy(self.rows)}
        if self.cells is not None:
            parts["cells.faiss"] = faiss.serialize_index_binary(self.cells).tobytes()
        for name, content in parts.items():
            with atomic(folder / name) as temporary:
                temporary.write_bytes(content)
        stamp = {
            "format": _FORMAT,
            "version": self.version,
            "axis": self.items.digest,
            "planes": _description(self.planes),
            "files": {name: digest_bytes(content) for name, content in parts.items()},
        }
        write_json(folder / "index.json", stamp)

    @classmethod
    def open(
        cls, folder: Path, vectors: Vectors, shortlist: int, select: Select | None = None, threads: int = 1
    ) -> HammingIndex:
        """Opens a saved index over the vectors it was built from.

        Raises:
            VersionMismatch: The vectors are of another version.
            AxisMismatch: The vectors belong to other rows.
            RunFolderError: The index is missing, incomplete or damaged.
        """
        import faiss

        stamp = _stamp(folder)
        if stamp["version"] != vectors.version:
            raise VersionMismatch(
                f"{folder}: the index was built for {stamp['version']!r}, not {vectors.version!r}", "Rebuild the index"
            )
        if stamp["axis"] != vectors.axis.digest:
            raise AxisMismatch(f"{folder}: the index was built for other rows", "Rebuild the index")
        parts = {name: _checked(folder / name, digest) for name, digest in stamp["files"].items()}
        codes, rows = (np.load(io.BytesIO(parts[name]), allow_pickle=False) for name in ("codes.npy", "rows.npy"))
        stored = parts.get("cells.faiss")
        cells = faiss.deserialize_index_binary(np.frombuffer(stored, np.uint8)) if stored else None
        return cls(vectors, _planes(folder, stamp), rows, codes, cells, shortlist, select, threads)


def _cells(codes: NDArray[np.uint8], seed: int, threads: int) -> Any:
    """Inverted lists over codes: about 4 √m cells around centres found by k-means."""
    import faiss

    faiss.omp_set_num_threads(threads)
    count = min(round(4 * len(codes) ** 0.5), len(codes))
    cells: Any = faiss.index_binary_factory(8 * codes.shape[1], f"BIVF{count}")
    cells.cp.seed = seed + 1
    cells.cp.niter = 8
    cells.cp.min_points_per_centroid = 1
    cells.cp.max_points_per_centroid = 32
    cells.train(codes)
    cells.add(codes)
    cells.nprobe = max(1, count // _VISITED)
    return cells


def _nearest_codes(queries: NDArray[np.uint8], codes: NDArray[np.uint8], cells: Any, depth: int) -> NDArray[np.int64]:
    """Positions of the `depth` nearest codes by Hamming distance, int64 (q, depth)."""
    import faiss

    found: NDArray[np.int64]
    if cells is None:
        _, found = faiss.knn_hamming(queries, codes, depth)
        return found
    _, found = cells.search(queries, depth)
    # If the visited cells have too few codes for a list, compare all codes.
    short = np.flatnonzero(found[:, -1] < 0)
    if len(short):
        found[short] = _nearest_codes(queries[short], codes, None, depth)
    return found


def best_first(
    rows: NDArray[np.int32], scores: NDArray[np.float32], length: int
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """The first `length` of each list by falling score, equal scores by row; a score of −∞ comes last, with row −1.

    Score and row are combined into one integer, which sorts much faster than two keys.

    Args:
        rows: int32 (q, s): rows of items.
        scores: float32 (q, s): their scores.
        length: Number of entries to keep of each list, at most s.

    Returns:
        Rows and scores, each (q, length).
    """
    bits = (scores + np.float32(0)).view(np.uint32)  # Adding zero turns −0 into 0.
    # Floats as integers in falling order: flip all bits but the sign of positive floats, and none of negative ones.
    falling = np.where(bits >> 31, bits, bits ^ np.uint32(0x7FFFFFFF))
    keys = np.sort(falling.astype(np.uint64) << np.uint64(32) | rows.view(np.uint32), axis=1)[:, :length]
    falling = (keys >> np.uint64(32)).astype(np.uint32)
    bits = np.where(falling >> 31, falling, falling ^ np.uint32(0x7FFFFFFF))
    return keys.astype(np.uint32).view(np.int32), bits.view(np.float32)


def _as_npy(array: NDArray[Any]) -> bytes:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=False)
    return file.getvalue()


_FIX = "Delete the folder and run again"


def _stamp(folder: Path) -> dict[str, Any]:
    path = folder / "index.json"
    try:
        stamp: dict[str, Any] = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise RunFolderError(f"{path}: the index can't be read ({error})", _FIX) from error
    if not isinstance(stamp, dict) or stamp.get("format") != _FORMAT:
        raise RunFolderError(f"{path}: not an index of format {_FORMAT}", _FIX)
    return stamp


def _description(planes: Hyperplanes) -> dict[str, Any]:
    kind = next(name for name, planes_type in CODES.items() if type(planes) is planes_type)
    return {"kind": kind, "dimensions": planes.dimensions, "bits": planes.bits, "seed": planes.seed}


def _planes(folder: Path, stamp: dict[str, Any]) -> Hyperplanes:
    description = dict(stamp["planes"])
    kind = description.pop("kind", "hyperplanes")  # the first indexes had only one kind and name none
    if kind not in CODES:
        raise RunFolderError(f"{folder}: codes of an unknown kind {kind!r}", _FIX)
    return CODES[kind](**description)


def _checked(path: Path, digest: str) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise RunFolderError(f"{path}: {error.strerror}", _FIX) from error
    if digest_bytes(content) != digest:
        raise RunFolderError(f"{path}: the contents have changed since they were saved", _FIX)
    return content

"""An embedded index whose items can be added and removed: compares every code, so others are tested against it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from candidates.artifacts import atomic_folder, write_json, write_parquet
from candidates.axis import Axis
from candidates.catalogue import Catalogue
from candidates.contracts import Added
from candidates.errors import RunFolderError, VersionMismatch
from candidates.filters import Filter
from candidates.product import Product
from candidates.run import Run
from candidates.vectors import Vectors, normalised
from image_retrieval.lsh import Hyperplanes
from image_retrieval.rolling import THREE_MONTHS, Rolling

_TILE = 2**24
"""Bytes of differing bits computed at once (16 MiB)."""

_FORMAT = 1


@dataclass(frozen=True, eq=False)
class _State:
    """The contents of the index at one moment; a change makes a new one.

    Attributes:
        table: One picture per row: `image`, `product` (its id), `added` (the day's ordinal), `shown` (row in
            `products`).
        codes: uint8 (n, bits / 8).
        alive: bool (n,): false for a removed picture, whose row stays until the next checkpoint.
        products: The products that the pictures show, and possibly some that are no longer shown.
    """

    table: pa.Table
    codes: NDArray[np.uint8]
    alive: NDArray[np.bool_]
    products: Catalogue

    @cached_property
    def rows(self) -> NDArray[np.int64]:
        return np.flatnonzero(self.alive)

    @cached_property
    def axis(self) -> Axis:
        return Axis.of(self.table["image"].take(pa.array(self.rows)))

    def without(self, gone: NDArray[np.bool_]) -> _State:
        return replace(self, alive=self.alive & ~gone)

    def of_products(self, ids: Iterable[str]) -> NDArray[np.bool_]:
        wanted = pa.array(list(ids), pa.large_string())
        found: NDArray[np.bool_] = pc.is_in(self.table["product"], value_set=wanted).to_numpy()
        return found & self.alive

    def with_more(self, table: pa.Table, codes: NDArray[np.uint8], products: Catalogue) -> _State:
        shown = pa.array(table["shown"].to_numpy() + len(self.products), pa.int32())
        table = table.set_column(table.schema.get_field_index("shown"), "shown", shown)
        return _State(
            pa.concat_tables([self.table, table]),
            np.concatenate([self.codes, codes]),
            np.concatenate([self.alive, np.ones(len(codes), bool)]),
            Catalogue(pa.concat_tables([self.products.table, products.table])),
        )

    def compact(self) -> _State:
        """The state without the rows of removed pictures and without products that no picture shows."""
        table = self.table.take(pa.array(self.rows))
        shown, place = np.unique(table["shown"].to_numpy(), return_inverse=True)
        table = table.set_column(
            table.schema.get_field_index("shown"), "shown", pa.array(place.astype(np.int32), pa.int32())
        )
        products = Catalogue(self.products.table.take(pa.array(shown)))
        return _State(table, self.codes[self.rows], np.ones(len(table), bool), products)


_PICTURES = pa.schema(
    [("image", pa.large_string()), ("product", pa.large_string()), ("added", pa.int32()), ("shown", pa.int32())]
)


class RollingHammingIndex:
    """Implements `candidates.contracts.MutableIndex` with arrays in memory and checkpoints in a folder.

    A score is the share of equal bits. Every code is compared, and equal distances are in row order.
    """

    def __init__(
        self,
        folder: Path,
        planes: Hyperplanes,
        version: str,
        rolling: Rolling = THREE_MONTHS,
        state: _State | None = None,
    ) -> None:
        """Creates an empty index; `open` resumes from the last checkpoint.

        Args:
            folder: The folder for checkpoints.
            planes: The planes that make the codes.
            version: The version of the vectors.
            rolling: The lengths of slices and window.
            state: The initial contents; by default none.
        """
        self.folder, self.planes, self.rolling = folder, planes, rolling
        self._version = version
        codes = np.zeros((0, planes.bits // 8), np.uint8)
        self._state = state or _State(_PICTURES.empty_table(), codes, np.zeros(0, bool), Catalogue.of(()))

    @property
    def items(self) -> Axis:
        """The current pictures, in the order in which they were added."""
        return self._state.axis

    @property
    def version(self) -> str:
        """The version of the vectors."""
        return self._version

    def search(self, vectors: Vectors, k: int, where: Filter | None = None) -> Run:
        """The k nearest pictures of each vector by Hamming distance (see `candidates.contracts.Index`)."""
        vectors.require_version(self.version)
        state = self._state
        admitted = np.ones(len(state.rows), bool)
        if where:
            admitted = state.products.select(where)[state.table["shown"].to_numpy()[state.rows]]
        rows = np.flatnonzero(admitted)
        codes = state.codes[state.rows[rows]]
        depth = min(k, len(rows))
        found = np.full((len(vectors), depth), -1, np.int32)
        scores = np.zeros((len(vectors), depth), np.float32)
        height = max(1, _TILE // max(1, codes.size))
        for start in range(0, len(vectors) if depth else 0, height):
            tile = slice(start, start + height)
            queries = normalised(vectors.values[tile])
            places, distances = _nearest(self.planes.codes(queries), codes, depth)
            there = queries.any(axis=1, keepdims=True)
            found[tile] = np.where(there, rows[places], -1)
            scores[tile] = 1 - distances / self.planes.bits
        return Run.from_matrix("hamming", vectors.axis, state.axis, found, scores)

    def add(self, vectors: Vectors, products: Sequence[Product], added: date) -> Added:
        """Adds pictures (see `candidates.contracts.MutableIndex`)."""
        vectors.require_version(self.version)
        good = np.isfinite(vectors.values).all(axis=1) & vectors.values.any(axis=1)
        names = [product.id for product, there in zip(products, good, strict=True) if there]
        before = self._state.of_products(names)
        # A picture's id may have moved to another product.
        stored = vectors.axis.ids.filter(pa.array(good))
        again = pc.is_in(self._state.table["image"], value_set=stored).to_numpy() & self._state.alive
        distinct = list({product.id: product for product in products}.values())
        row_of = {product.id: row for row, product in enumerate(distinct)}
        table = pa.table(
            {
                "image": stored,
                "product": pa.array(names, pa.large_string()),
                "added": pa.array(np.full(len(names), added.toordinal(), np.int32)),
                "shown": pa.array([row_of[name] for name in names], pa.int32()),
            },
            schema=_PICTURES,
        )
        codes = self.planes.codes(vectors.values)[good]
        images = set(stored.to_pylist())
        gone = before | again
        replaced = sum(image not in images for image in self._state.table["image"].filter(pa.array(gone)).to_pylist())
        self._state = self._state.without(gone).with_more(table, codes, Catalogue.of(distinct))
        refused = Counter({"it has no code": int((~good).sum())})
        return Added(len(names), replaced, dict(+refused))

    def remove(self, products: Iterable[str]) -> int:
        """Removes products (see `candidates.contracts.MutableIndex`)."""
        return self._drop(self._state.of_products(products))

    def roll(self, today: date) -> int:
        """Removes the pictures that have left the window (see `candidates.contracts.MutableIndex`)."""
        days = self._state.table["added"].to_numpy()
        old = [
            day
            for day in np.unique(days).tolist()
            if not self.rolling.holds(self.rolling.slice_of(date.fromordinal(day)), today)
        ]
        return self._drop(np.isin(days, old) & self._state.alive)

    def _drop(self, gone: NDArray[np.bool_]) -> int:
        self._state = self._state.without(gone)
        return int(gone.sum())

    def checkpoint(self) -> None:
        """Writes the index to its folder, which is replaced as a whole; drops the rows of removed pictures."""
        state = self._state = self._state.compact()
        with atomic_folder(self.folder) as folder:
            write_parquet(folder / "pictures.parquet", state.table)
            state.products.save(folder / "products.parquet")
            np.save(folder / "codes.npy", state.codes, allow_pickle=False)
            write_json(folder / "window.json", self._stamp)

    @property
    def _stamp(self) -> dict[str, Any]:
        return {"format": _FORMAT, "version": self.version, "codes": self.planes.version}

    @classmethod
    def open(
        cls, folder: Path, planes: Hyperplanes, version: str, rolling: Rolling = THREE_MONTHS
    ) -> RollingHammingIndex:
        """Resumes from the last checkpoint in a folder.

        Raises:
            VersionMismatch: It contains codes of another version.
            RunFolderError: There is no checkpoint, or it is damaged.
        """
        import json

        import pyarrow.parquet as pq

        empty = cls(folder, planes, version, rolling)
        try:
            stamp = json.loads((folder / "window.json").read_text("utf-8"))
            table = pq.read_table(folder / "pictures.parquet").cast(_PICTURES)
            codes = np.load(folder / "codes.npy", allow_pickle=False)
        except (OSError, ValueError) as error:
            raise RunFolderError(
                f"{folder}: the window of images can't be read ({error})", "Load the images again"
            ) from error
        if stamp != empty._stamp:
            raise VersionMismatch(
                f"{folder}: contains {stamp.get('codes')!r} of {stamp.get('version')!r}, not {planes.version!r} of "
                f"{version!r}",
                "Load the images again",
            )
        if codes.shape != (len(table), planes.bits // 8):
            raise RunFolderError(f"{folder}: its codes don't fit its pictures", "Load the images again")
        state = _State(table, codes, np.ones(len(table), bool), Catalogue.open(folder / "products.parquet"))
        return cls(folder, planes, version, rolling, state)


def _nearest(
    queries: NDArray[np.uint8], codes: NDArray[np.uint8], depth: int
) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Positions and distances of the nearest codes of each query, equal distances by position, both (q, depth)."""
    differing = np.bitwise_count(queries[:, None, :] ^ codes[None, :, :])
    distances = differing.sum(axis=2, dtype=np.int32)
    places = np.argsort(distances, axis=1, kind="stable")[:, :depth]
    return places, np.take_along_axis(distances, places, axis=1)

"""`PairContext`: the catalogue, vectors, lists and picture descriptors from which features of pairs are computed.

Known groups are never read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from threading import RLock
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from candidates.catalogue import Catalogue
from candidates.collapse import Owners
from candidates.errors import AxisMismatch, SchemaError
from candidates.run import Run
from candidates.vectors import normalised
from fusion.merge.hubs import WEIGHT, correct_hubs, nearness

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

SPACES = ("text", "image", "lexical")
"""The spaces in which products are compared, each with vectors and lists."""

FUSED = "fused"
"""The list that is fused from the lists of all spaces."""

LISTS = (*SPACES, FUSED)

DEPTH = 100
"""Entries of a list that are read. The depth is fixed so that ranks mean the same however long the lists are."""

TENTH = 10
"""Rank of the neighbour whose score shows how close a product's neighbours are."""

Value = TypeVar("Value")


@dataclass(frozen=True, eq=False)
class Ranked:
    """The first entries of every product's list.

    Attributes:
        offsets: int64 (n + 1,): offsets of the lists.
        rows: int32: the first `DEPTH` entries of each list.
        scores: float32: their scores.
        tenth: float32 (n,): score of the tenth entry, or of the last of a shorter list; NaN for an empty one.
    """

    offsets: NDArray[np.int64]
    rows: NDArray[np.int32]
    scores: NDArray[np.float32]
    tenth: NDArray[np.float32]

    @classmethod
    def of(cls, run: Run) -> Ranked:
        """Takes the first `DEPTH` entries of each list of a run."""
        part = run.top(DEPTH).whole()
        low, high = part.offsets[:-1], part.offsets[1:]
        tenth = np.where(high > low, np.minimum(low + TENTH, high) - 1, len(part.scores))
        scores = np.append(part.scores, np.float32(np.nan))
        return cls(part.offsets, part.rows, part.scores, scores[tenth])


@dataclass(frozen=True, eq=False)
class Space:
    """One space in which products are compared.

    Attributes:
        values: float32 (r, d), or sparse (n, d): rows of unit length, zero where there is nothing to compare.
        lists: Every product's list, corrected for hubs.
        near: float32 (n,): mean similarity of each product to its neighbours (`fusion.merge.hubs.nearness`).
        owners: Product of each row of `values`; None if rows are products.
        hub_weight: Share of `near` that was subtracted in `lists`.
    """

    values: NDArray[np.float32] | csr_matrix
    lists: Run
    near: NDArray[np.float32]
    owners: Owners | None = None
    hub_weight: float = WEIGHT

    @classmethod
    def of(
        cls,
        values: NDArray[np.floating] | csr_matrix,
        run: Run,
        owners: Owners | None = None,
        *,
        hub_weight: float = WEIGHT,
    ) -> Space:
        """Builds a space from vectors (of any length) and every product's list by cosine.

        Args:
            values: One row per product or per picture.
            run: Every product's list, without itself, deeper than `DEPTH`: see `fusion.merge.hubs.depth_for`.
            owners: Product of each row, if rows are pictures.
            hub_weight: Share of a product's nearness to subtract.

        Raises:
            AxisMismatch: The lists are not those of all products, or vectors are missing.
        """
        near = nearness(run)
        unit = _unit(values) if _is_sparse(values) else normalised(values)
        return cls(unit, correct_hubs(run, near, weight=hub_weight), near, owners, hub_weight)

    def __post_init__(self) -> None:
        """Checks that there is a vector for each row."""
        self.lists.items.require(self.lists.queries, "lists of every product")
        rows = len(self.lists.items) if self.owners is None else len(self.owners.rows)
        if self.values.shape[0] != rows or self.near.shape != (len(self.lists.items),):
            raise AxisMismatch(f"{self.values.shape[0]:,} vectors for {rows:,} rows of {self.lists.name!r}")
        if self.owners is not None:
            self.lists.items.require(self.owners.products, f"the pictures of {self.lists.name!r}")

    @cached_property
    def places(self) -> Places:
        """The rows of each product's vectors, without zero vectors."""
        n = len(self.lists.items)
        values: Any = self.values
        nonempty: Any = np.diff(values.indptr) > 0 if _is_sparse(values) else values.any(axis=1)
        owners = np.arange(n, dtype=np.int32) if self.owners is None else self.owners.rows
        return Places.of(owners, nonempty, n)

    @cached_property
    def ranked(self) -> Ranked:
        """The first entries of the lists."""
        return Ranked.of(self.lists)


@dataclass(frozen=True, eq=False)
class Places:
    """The rows (of vectors or descriptors) of each product.

    Attributes:
        starts: int64 (n + 1,): product p has the rows `order[starts[p]:starts[p + 1]]`.
        order: int32: rows, ordered by product.
    """

    starts: NDArray[np.int64]
    order: NDArray[np.int32]

    @classmethod
    def of(cls, owners: NDArray[np.integer], used: NDArray[np.bool_], n: int) -> Places:
        """The rows that are used, by their owner among n products."""
        rows = np.flatnonzero(used)
        order = rows[np.argsort(owners[rows], kind="stable")]
        counts = np.bincount(owners[rows], minlength=n)
        return cls(np.concatenate([[0], np.cumsum(counts)]).astype(np.int64), order.astype(np.int32))

    @property
    def known(self) -> NDArray[np.bool_]:
        """Whether a product has any rows, bool (n,)."""
        return np.diff(self.starts) > 0


@dataclass(frozen=True, eq=False)
class Looks:
    """Colours and framing of each picture, by `feature_pictures.describe`.

    Attributes:
        values: float32 (r, c): one descriptor per picture; rows with NaN are ignored.
        owners: Product of each picture.
    """

    values: NDArray[np.float32]
    owners: Owners

    def __post_init__(self) -> None:
        """Checks that there is a descriptor for each picture."""
        if self.values.ndim != 2 or len(self.values) != len(self.owners.rows):
            raise AxisMismatch(f"descriptors of shape {self.values.shape} for {len(self.owners.rows):,} pictures")

    @cached_property
    def places(self) -> Places:
        """The rows of each product's descriptors."""
        complete: NDArray[np.bool_] = np.asarray(np.isfinite(self.values).all(axis=1))
        return Places.of(self.owners.rows, complete, len(self.owners.products))


@dataclass(frozen=True, eq=False)
class PairContext:
    """The inputs of pair features.

    Attributes:
        catalogue: The products; their known groups are never read.
        spaces: Spaces by name (of `SPACES`); the columns of a missing space are NaN.
        fused: Every product's fused list.
        looks: Descriptors of the pictures; None if unknown.
        threads: Number of threads.
    """

    catalogue: Catalogue
    spaces: Mapping[str, Space]
    fused: Run
    looks: Looks | None = None
    threads: int = 1
    _values: dict[Any, Any] = field(default_factory=dict, init=False, repr=False)
    _lock: Any = field(default_factory=RLock, init=False, repr=False)

    def __post_init__(self) -> None:
        """Checks that all parts are about the same products."""
        unknown = sorted(set(self.spaces) - set(SPACES))
        if unknown:
            raise SchemaError(f"no space {', '.join(unknown)}", f"There are {', '.join(SPACES)}")
        axis = self.catalogue.axis
        axis.require(self.fused.items, "the fused lists")
        axis.require(self.fused.queries, "the fused lists")
        for name, space in self.spaces.items():
            axis.require(space.lists.items, f"the space {name!r}")
        if self.looks is not None:
            axis.require(self.looks.owners.products, "the looks of pictures")

    def with_lists(self, spaces: Mapping[str, Space], fused: Run) -> PairContext:
        """The same catalogue with other vectors and lists; values cached for the catalogue are kept."""
        copy = replace(self, spaces=spaces, fused=fused)
        copy._values.update(self._values)
        return copy

    def ranked(self, name: str) -> Ranked | None:
        """The lists with a name of `LISTS`; None if there are none."""
        if name == FUSED:
            return self._fused
        return self.spaces[name].ranked if name in self.spaces else None

    @cached_property
    def _fused(self) -> Ranked:
        return Ranked.of(self.fused)

    def once(self, key: object, make: Callable[[], Value]) -> Value:
        """The result of `make`, which must depend on the catalogue only, computed the first time `key` is requested."""
        with self._lock:
            if key not in self._values:
                self._values[key] = make()
        value: Value = self._values[key]
        return value


def _is_sparse(values: object) -> bool:
    return hasattr(values, "indptr")


def _unit(values: csr_matrix) -> csr_matrix:
    """Sparse rows scaled to unit length, columns ascending, without stored zeros."""
    rows = values.tocsr(copy=True).astype(np.float32)
    rows.sum_duplicates()
    rows.eliminate_zeros()
    lengths = np.sqrt(np.asarray(rows.multiply(rows).sum(axis=1), np.float64)).ravel()
    rows.data /= np.repeat(lengths, np.diff(rows.indptr)).astype(np.float32)
    return rows

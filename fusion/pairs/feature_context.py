"""`PairContext`: what is known about the products of a catalogue when pairs of them are judged.

Everything in it is plain: a catalogue, vectors, lists, descriptors of pictures. Nobody's groups are read.
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
"""Ways of comparing two products, each with vectors and lists."""

FUSED = "fused"
"""The list that is made of the lists of all spaces."""

LISTS = (*SPACES, FUSED)

DEPTH = 100
"""Entries of a list that are read. A fixed depth: a rank then means the same whether lists were made deeper or not."""

TENTH = 10
"""How near its neighbours stand to a product is judged by the one of this rank."""

Made = TypeVar("Made")


@dataclass(frozen=True, eq=False)
class Ranked:
    """Lists of every product as the features read them.

    Attributes:
        offsets: int64 (n + 1,).
        rows: int32: the first `DEPTH` of each list.
        scores: float32 of these.
        tenth: float32 (n,): score of the tenth, or of the last in a shorter list; NaN in an empty one.
    """

    offsets: NDArray[np.int64]
    rows: NDArray[np.int32]
    scores: NDArray[np.float32]
    tenth: NDArray[np.float32]

    @classmethod
    def of(cls, run: Run) -> Ranked:
        """The beginnings of a run's lists."""
        part = run.top(DEPTH).whole()
        low, high = part.offsets[:-1], part.offsets[1:]
        tenth = np.where(high > low, np.minimum(low + TENTH, high) - 1, len(part.scores))
        scores = np.append(part.scores, np.float32(np.nan))
        return cls(part.offsets, part.rows, part.scores, scores[tenth])


@dataclass(frozen=True, eq=False)
class Space:
    """One way of comparing products.

    Attributes:
        values: Float32 (r, d), or sparse (n, d): rows at length one, zero where there is nothing to compare.
        lists: Every product's list, hubs already stepped back.
        near: Float32 (n,): how near its neighbours stand to each product (`fusion.merge.hubs.nearness`).
        owners: Which product each row of `values` belongs to; None where row and product are one.
        hub_weight: Share of the nearness that was taken off in `lists`.
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
        """Makes a space of vectors (of any length) and of every product's list by their cosine.

        Args:
            values: One row a product, or a picture.
            run: Every product's list, without itself, deeper than what is read: see `fusion.merge.hubs.depth_for`.
            owners: Which product each row belongs to, where pictures are compared.
            hub_weight: Share of a product's nearness that is taken off.

        Raises:
            AxisMismatch: The lists are not those of all products, or vectors are missing.
        """
        near = nearness(run)
        unit = _unit(values) if _is_sparse(values) else normalised(values)
        return cls(unit, correct_hubs(run, near, weight=hub_weight), near, owners, hub_weight)

    def __post_init__(self) -> None:
        """Checks that there is a vector a row."""
        self.lists.items.require(self.lists.queries, "lists of every product")
        rows = len(self.lists.items) if self.owners is None else len(self.owners.rows)
        if self.values.shape[0] != rows or self.near.shape != (len(self.lists.items),):
            raise AxisMismatch(f"{self.values.shape[0]:,} vectors can't stand for {rows:,} rows of {self.lists.name!r}")
        if self.owners is not None:
            self.lists.items.require(self.owners.products, f"the pictures of {self.lists.name!r}")

    @cached_property
    def places(self) -> Places:
        """Where each product's vectors stand; those of zeros are left out."""
        n = len(self.lists.items)
        values: Any = self.values
        there: Any = np.diff(values.indptr) > 0 if _is_sparse(values) else values.any(axis=1)
        owners = np.arange(n, dtype=np.int32) if self.owners is None else self.owners.rows
        return Places.of(owners, there, n)

    @cached_property
    def ranked(self) -> Ranked:
        """The lists as features read them."""
        return Ranked.of(self.lists)


@dataclass(frozen=True, eq=False)
class Places:
    """Which rows (of vectors, of descriptors) belong to each product.

    Attributes:
        starts: int64 (n + 1,): product p has the rows `order[starts[p]:starts[p + 1]]`.
        order: int32.
    """

    starts: NDArray[np.int64]
    order: NDArray[np.int32]

    @classmethod
    def of(cls, owners: NDArray[np.integer], there: NDArray[np.bool_], n: int) -> Places:
        """The rows for which `there` holds, by their owner among n products."""
        rows = np.flatnonzero(there)
        order = rows[np.argsort(owners[rows], kind="stable")]
        counts = np.bincount(owners[rows], minlength=n)
        return cls(np.concatenate([[0], np.cumsum(counts)]).astype(np.int64), order.astype(np.int32))

    @property
    def known(self) -> NDArray[np.bool_]:
        """Whether a product has any, bool (n,)."""
        return np.diff(self.starts) > 0


@dataclass(frozen=True, eq=False)
class Looks:
    """What each picture looks like: colours and framing, by `feature_pictures.describe`.

    Attributes:
        values: Float32 (r, c); a row with NaN says nothing.
        owners: Which product each picture belongs to.
    """

    values: NDArray[np.float32]
    owners: Owners

    def __post_init__(self) -> None:
        """Checks that there is a row a picture."""
        if self.values.ndim != 2 or len(self.values) != len(self.owners.rows):
            raise AxisMismatch(f"{self.values.shape} descriptors can't stand for {len(self.owners.rows):,} pictures")

    @cached_property
    def places(self) -> Places:
        """Where each product's descriptors stand."""
        there: NDArray[np.bool_] = np.asarray(np.isfinite(self.values).all(axis=1))
        return Places.of(self.owners.rows, there, len(self.owners.products))


@dataclass(frozen=True, eq=False)
class PairContext:
    """What the features of pairs are computed from.

    Attributes:
        catalogue: The products; their known groups are never read.
        spaces: By name, of `SPACES`; the columns of a space that is not there are NaN.
        fused: Every product's fused list.
        looks: What the pictures look like; None where that is not known.
        threads: Threads to use.
    """

    catalogue: Catalogue
    spaces: Mapping[str, Space]
    fused: Run
    looks: Looks | None = None
    threads: int = 1
    _made: dict[Any, Any] = field(default_factory=dict, init=False, repr=False)
    _lock: Any = field(default_factory=RLock, init=False, repr=False)

    def __post_init__(self) -> None:
        """Checks that everything speaks of the same products."""
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
        """The same catalogue with other vectors and lists; what was made of the catalogue is not made again."""
        other = replace(self, spaces=spaces, fused=fused)
        other._made.update(self._made)
        return other

    def ranked(self, name: str) -> Ranked | None:
        """The lists of one name of `LISTS`; None where there are none."""
        if name == FUSED:
            return self._fused
        return self.spaces[name].ranked if name in self.spaces else None

    @cached_property
    def _fused(self) -> Ranked:
        return Ranked.of(self.fused)

    def once(self, key: object, make: Callable[[], Made]) -> Made:
        """What `make` gives of the catalogue alone, made the first time `key` is asked for."""
        with self._lock:
            if key not in self._made:
                self._made[key] = make()
        made: Made = self._made[key]
        return made


def _is_sparse(values: object) -> bool:
    return hasattr(values, "indptr")


def _unit(values: csr_matrix) -> csr_matrix:
    """Sparse rows at length one, columns ascending, without stored zeros."""
    rows = values.tocsr(copy=True).astype(np.float32)
    rows.sum_duplicates()
    rows.eliminate_zeros()
    lengths = np.sqrt(np.asarray(rows.multiply(rows).sum(axis=1), np.float64)).ravel()
    rows.data /= np.repeat(lengths, np.diff(rows.indptr)).astype(np.float32)
    return rows

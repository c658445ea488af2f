"""`Qrels`: relevance judgements on pairs of products: variant, not a variant, or unjudged."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from candidates.axis import Axis
from candidates.catalogue import Catalogue

VARIANT, UNJUDGED, NOT_A_VARIANT = 1, 0, -1


class Source(IntEnum):
    """Where the judgement of a pair comes from."""

    NONE = 0
    FEED_GROUP = 1
    FILE = 2
    JUDGEMENT = 3


def _no_keys() -> NDArray[np.int64]:
    return np.zeros(0, np.int64)


def _no_values() -> NDArray[np.int8]:
    return np.zeros(0, np.int8)


@dataclass(frozen=True, eq=False)
class Qrels:
    """Three-valued truth on undirected pairs of products.

    A group is a seller's statement about their own products: two of the seller's products are variants if they are
    in one group, and not variants if they are in two. A pair from two sellers is unjudged unless the groups are
    declared global, and so is a pair in which a product has no group. Pairs judged individually, in a file or by an
    expert, override groups.

    Attributes:
        items: The products.
        groups: int32 (n,): number of the product's group, −1 without one.
        scopes: int32 (n,): whose group it is; only groups with equal scopes are compared (all 0 if groups are global).
        keys: int64 (p,), sorted: `left * n + right` with left < right, for individually judged pairs.
        values: int8 (p,): `VARIANT` or `NOT_A_VARIANT` for each key.
        sources: int8 (p,): `Source` of each key.
    """

    items: Axis
    groups: NDArray[np.int32]
    scopes: NDArray[np.int32]
    keys: NDArray[np.int64] = field(default_factory=_no_keys)
    values: NDArray[np.int8] = field(default_factory=_no_values)
    sources: NDArray[np.int8] = field(default_factory=_no_values)

    @classmethod
    def from_catalogue(cls, catalogue: Catalogue, *, groups_are_global: bool = False) -> Qrels:
        """The feed's own groups, identified by (seller, group), or by group alone if groups are global."""
        groups = catalogue.codes("group")
        scopes = np.zeros(len(catalogue), np.int32) if groups_are_global else catalogue.codes("seller")
        key = scopes.astype(np.int64) * (int(groups.max(initial=0)) + 1) + groups
        known = groups >= 0
        numbered = np.full(len(groups), -1, np.int32)
        numbered[known] = np.unique(key[known], return_inverse=True)[1]
        return cls(catalogue.axis, numbered, scopes)

    def with_pairs(self, pairs: Iterable[tuple[str, str, int]], source: Source) -> Qrels:
        """Adds individually judged pairs (two ids and a value); a later judgement of a pair replaces an earlier one."""
        merged = dict(
            zip(self.keys.tolist(), zip(self.values.tolist(), self.sources.tolist(), strict=True), strict=True)
        )
        for left, right, value in pairs:
            rows = np.array([self.items.row_of(left), self.items.row_of(right)])
            merged[int(self._key(rows[:1], rows[1:])[0])] = (value, int(source))
        keys = np.array(sorted(merged), np.int64)
        judged = np.array([merged[int(key)] for key in keys], np.int8).reshape(-1, 2)
        return replace(self, keys=keys, values=judged[:, 0], sources=judged[:, 1])

    def _key(self, left: NDArray[np.integer], right: NDArray[np.integer]) -> NDArray[np.int64]:
        low, high = np.minimum(left, right).astype(np.int64), np.maximum(left, right)
        return low * len(self.items) + high

    def _judged(
        self, left: NDArray[np.integer], right: NDArray[np.integer]
    ) -> tuple[NDArray[np.bool_], NDArray[np.intp]]:
        if not len(self.keys):
            return np.zeros(len(left), bool), np.zeros(len(left), np.intp)
        key = self._key(left, right)
        place = np.minimum(np.searchsorted(self.keys, key), len(self.keys) - 1)
        return self.keys[place] == key, place

    def judge(self, left: NDArray[np.integer], right: NDArray[np.integer]) -> NDArray[np.int8]:
        """The judgement of pairs of rows: `VARIANT`, `NOT_A_VARIANT` or `UNJUDGED`; int8 (m,).

        A pair of a product with itself is unjudged.
        """
        same = self.groups[left] == self.groups[right]
        comparable = (self.groups[left] >= 0) & (self.groups[right] >= 0) & (self.scopes[left] == self.scopes[right])
        truth = np.where(same, VARIANT, NOT_A_VARIANT) * comparable
        found, place = self._judged(left, right)
        if found.any():
            truth = np.where(found, self.values[place], truth)
        return np.where(left == right, UNJUDGED, truth).astype(np.int8)

    def source(self, left: NDArray[np.integer], right: NDArray[np.integer]) -> NDArray[np.int8]:
        """Where the judgement of each pair comes from (`Source`), int8 (m,)."""
        found, place = self._judged(left, right)
        from_groups = np.where(self.judge(left, right) != UNJUDGED, Source.FEED_GROUP, Source.NONE)
        if found.any():
            from_groups = np.where(found, self.sources[place], from_groups)
        return from_groups.astype(np.int8)

    def variants(self, query_rows: NDArray[np.integer]) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
        """All known variants of each query, in compressed-sparse-row form.

        Returns:
            int64 (q + 1) offsets and int32 rows, ascending within a query.
        """
        order = np.argsort(self.groups, kind="stable").astype(np.int32)
        ordered = self.groups[order]
        lows = np.searchsorted(ordered, self.groups[query_rows], "left")
        sizes = np.where(
            self.groups[query_rows] < 0, 0, np.searchsorted(ordered, self.groups[query_rows], "right") - lows
        )
        ends = np.cumsum(sizes)
        members = order[np.repeat(lows - (ends - sizes), sizes) + np.arange(ends[-1] if len(ends) else 0)]
        owners = np.repeat(np.arange(len(query_rows)), sizes)
        owners, members = self._with_judged_variants(query_rows, owners, members)
        keep = self.judge(query_rows[owners], members) == VARIANT
        owners, members = owners[keep], members[keep]
        counts = np.bincount(owners, minlength=len(query_rows))
        return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64), members

    def _with_judged_variants(
        self, query_rows: NDArray[np.integer], owners: NDArray[np.intp], members: NDArray[np.int32]
    ) -> tuple[NDArray[np.intp], NDArray[np.int32]]:
        accepted = self.keys[self.values == VARIANT]
        if not len(accepted):
            return owners, members
        left, right = np.divmod(accepted, len(self.items))
        heads, tails = np.concatenate([left, right]), np.concatenate([right, left])
        order = np.argsort(query_rows, kind="stable")
        lows, highs = (np.searchsorted(query_rows[order], heads, side) for side in ("left", "right"))
        queries = np.concatenate([order[low:high] for low, high in zip(lows, highs, strict=True)] or [order[:0]])
        pairs = np.stack([np.concatenate([owners, queries]), np.concatenate([members, np.repeat(tails, highs - lows)])])
        owners, members = np.unique(pairs, axis=1)
        return owners, members.astype(np.int32)

    def queries(self) -> NDArray[np.int32]:
        """Rows of the products that have at least one known variant, ascending."""
        offsets, _ = self.variants(self.items.rows)
        return np.flatnonzero(np.diff(offsets) > 0).astype(np.int32)

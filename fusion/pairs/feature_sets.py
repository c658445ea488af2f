"""Sets of words (or of other items), one per product, and their overlap."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fusion.pairs.feature import Block, Column, where


@dataclass(frozen=True, eq=False)
class Sets:
    """A set for each product.

    Attributes:
        offsets: int64 (n + 1,): offsets of the products' sets.
        members: int32: numbers of the members, ascending within a product, each once.
        rarity: float32: rarity of each possible member, above 0.
    """

    offsets: NDArray[np.int64]
    members: NDArray[np.int32]
    rarity: NDArray[np.float32]

    @classmethod
    def of(cls, sets: Sequence[Iterable[str]]) -> Sets:
        """Builds sets from each product's members, all equally rare."""
        numbers: dict[str, int] = {}
        rows = [sorted({numbers.setdefault(name, len(numbers)) for name in members}) for members in sets]
        offsets = np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype(np.int64)
        members = np.array([member for row in rows for member in row], np.int32)
        return cls(offsets, members, np.ones(max(1, len(numbers)), np.float32))

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Number of members of each product's set, int64 (n,)."""
        return np.diff(self.offsets)

    @property
    def known(self) -> NDArray[np.bool_]:
        """Whether a product's set has any members, bool (n,)."""
        return self.lengths > 0


def common(block: Block, sets: Sets) -> tuple[NDArray[np.int32], Column]:
    """Number of members that two sets share, and the rarity of the rarest shared one; int32 and float32 (m,)."""
    return block.once(("common", id(sets)), lambda: _common(block, sets))


def _common(block: Block, sets: Sets) -> tuple[NDArray[np.int32], Column]:
    from fusion.pairs import feature_kernels

    counts, rarest = np.zeros(len(block), np.int32), np.zeros(len(block), np.float32)
    slot = block.slot(len(sets.rarity), np.int32)
    sides = (block.left, block.right)
    feature_kernels.common(*sides, sets.offsets, sets.members, sets.rarity, slot, counts, rarest)
    return counts, rarest


def jaccard(block: Block, sets: Sets) -> Column:
    """Jaccard index of two sets; NaN if one of them is empty."""
    counts, lengths = common(block, sets)[0], sets.lengths
    return share(block, sets.known, counts, lengths[block.left] + lengths[block.right] - counts)


def overlap(block: Block, sets: Sets) -> Column:
    """Overlap coefficient: shared members as a share of the smaller set; NaN if one of the sets is empty."""
    lengths = sets.lengths
    return share(block, sets.known, common(block, sets)[0], np.minimum(lengths[block.left], lengths[block.right]))


def share(block: Block, known: NDArray[np.bool_], counts: NDArray[np.integer], of: NDArray[np.integer]) -> Column:
    """`counts / of`, 0 where both are 0; NaN where one of the two products is not known."""
    return where(block.both(known), np.divide(counts, of, out=np.zeros(len(block)), where=of > 0))

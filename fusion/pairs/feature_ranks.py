"""Ranks of two products in each other's lists, and the overlap of their lists.

Shared nearest neighbours: Jarvis and Patrick, "Clustering Using a Similarity Measure Based on Shared Near Neighbors",
IEEE Transactions on Computers, 1973. Here a list does not contain its own product.

Gaps to the tenth neighbour compare a score with those of other neighbours, as in local scaling (Zelnik-Manor and
Perona, "Self-tuning spectral clustering", NIPS 2004).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from fusion.pairs.feature import Block, Column, Feature, where
from fusion.pairs.feature_context import DEPTH, FUSED, LISTS, Ranked
from fusion.pairs.feature_similarity import corrected, known

SHARED = (10, 20, 50)
"""Depths at which shared entries of two lists are counted."""

_WHAT = {"text": "texts", "image": "pictures", "lexical": "spellings", FUSED: "texts and pictures together"}

_LACKING = "one of the two has nothing to compare, or there are no such lists"

Direction = Literal["best", "worst", "sum"]
_HOW: dict[Direction, str] = {
    "best": "for the better side",
    "worst": "for the worse side",
    "sum": "for both sides together",
}
_ACROSS = {"best": np.maximum, "worst": np.minimum, "sum": np.add}


def ranks(block: Block, name: str) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Rank of the right product in the left one's list, and vice versa; `DEPTH` + 1 where it is not listed."""
    return block.once(("ranks", name), lambda: _ranks(block, block.context.ranked(name)))


def _ranks(block: Block, lists: Ranked | None) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    from fusion.pairs import feature_kernels

    forward, backward = np.zeros((2, len(block)), np.int32)
    if lists is not None:
        slot = block.slot(len(block.context.catalogue), np.int32)
        sides = (block.left, block.right)
        feature_kernels.ranks(*sides, lists.offsets, lists.rows, DEPTH, slot, forward, backward)
    forward[forward == 0] = DEPTH + 1
    backward[backward == 0] = DEPTH + 1
    return forward, backward


def _listed(block: Block, name: str) -> NDArray[np.bool_]:
    """Whether both products of each pair have a list."""
    return np.ones(len(block), bool) if name == FUSED else known(block, name)


def _rank_best(block: Block, name: str) -> Column:
    return where(_listed(block, name), np.minimum(*ranks(block, name)))


def _rank_worst(block: Block, name: str) -> Column:
    return where(_listed(block, name), np.maximum(*ranks(block, name)))


def _rank_log(block: Block, name: str) -> Column:
    forward, backward = ranks(block, name)
    return where(_listed(block, name), np.log(forward.astype(np.float64) * backward) / 2)


def scores(block: Block, name: str) -> tuple[Column, Column]:
    """The score of each product in the other's list; in the fused list 0 where it is not listed."""
    if name != FUSED:
        return corrected(block, name)
    return block.once("fused scores", lambda: _fused_scores(block))


def _fused_scores(block: Block) -> tuple[Column, Column]:
    lists = block.context.ranked(FUSED)
    assert lists is not None, "there always is a fused list"
    padded = np.append(lists.scores, np.float32(0))

    def score(owner: NDArray[np.int32], rank: NDArray[np.int32]) -> Column:
        at = np.where(rank <= DEPTH, lists.offsets[owner] + rank - 1, len(lists.scores))
        return np.asarray(padded[at], np.float32)

    forward, backward = ranks(block, FUSED)
    return score(block.left, forward), score(block.right, backward)


def _fused_score(block: Block, across: Direction) -> Column:
    return np.asarray(_ACROSS[across](*scores(block, FUSED)), np.float32)


def _gap(block: Block, name: str, across: Direction) -> Column:
    """Score minus that of the list's tenth entry; `best` and `worst` ignore a side with an empty list."""
    lists = block.context.ranked(name)
    if lists is None:
        return np.full(len(block), np.nan, np.float32)
    forward, backward = scores(block, name)
    from_left, from_right = forward - lists.tenth[block.left], backward - lists.tenth[block.right]
    return np.asarray({"best": np.fmax, "worst": np.fmin, "sum": np.add}[across](from_left, from_right), np.float32)


def shared(block: Block, name: str) -> NDArray[np.int32]:
    """Number of products that two lists share among their first 10, 20 and 50, int32 (m, 3)."""
    return block.once(("shared", name), lambda: _shared(block, block.context.ranked(name)))


def _shared(block: Block, lists: Ranked | None) -> NDArray[np.int32]:
    from fusion.pairs import feature_kernels

    counts = np.zeros((len(block), len(SHARED)), np.int32)
    if lists is not None:
        slot = block.slot(len(block.context.catalogue), np.int32)
        sides = (block.left, block.right)
        feature_kernels.shared(*sides, lists.offsets, lists.rows, np.array(SHARED), slot, counts)
    return counts


def _shared_count(block: Block, name: str, place: int) -> Column:
    return where(_listed(block, name), shared(block, name)[:, place])


def _shared_share(block: Block, name: str, place: int) -> Column:
    """Jaccard index of the first entries of two lists; 0 if both are empty."""
    lists = block.context.ranked(name)
    if lists is None:
        return np.full(len(block), np.nan, np.float32)
    lengths = np.minimum(np.diff(lists.offsets), SHARED[place])
    count = shared(block, name)[:, place]
    either = lengths[block.left] + lengths[block.right] - count
    return where(_listed(block, name), np.divide(count, either, out=np.zeros(len(block)), where=either > 0))


def _of_ranks(name: str, what: str, lacking: str) -> Iterator[Feature]:
    for kind, words, of in (
        ("best", f"the better rank of one in the other's list by {what}", _rank_best),
        ("worst", f"the worse rank of one in the other's list by {what}", _rank_worst),
        ("log", f"how low they rank in each other's lists by {what}", _rank_log),
    ):
        yield Feature(f"{name}_rank_{kind}", "ranks", words, "against", lacking, partial(of, name=name))


def _of_gaps(name: str, what: str, lacking: str) -> Iterator[Feature]:
    empty = lacking or "both lists are empty; for the sum, one of them is"
    for across, how in _HOW.items():
        words = f"how far their similarity by {what} exceeds that of the tenth neighbour, {how}"
        yield Feature(
            f"{name}_above_tenth_{across}", "ranks", words, "for", empty, partial(_gap, name=name, across=across)
        )


def _of_neighbours(name: str, what: str, lacking: str) -> Iterator[Feature]:
    for place, depth in enumerate(SHARED):
        words = f"how many of their first {depth} neighbours by {what} they share"
        kinds = {"count": (words, _shared_count), "share": (f"{words}, as a share of all of these", _shared_share)}
        for kind, (description, of) in kinds.items():
            column = partial(of, name=name, place=place)
            yield Feature(f"{name}_shared_{depth}_{kind}", "ranks", description, "for", lacking, column)


def _features() -> Iterator[Feature]:
    for name in LISTS:
        what, lacking = _WHAT[name], "" if name == FUSED else _LACKING
        yield from _of_ranks(name, what, lacking)
        yield from _of_gaps(name, what, lacking)
        yield from _of_neighbours(name, what, lacking)
    for across, how in _HOW.items():
        words = f"how high they rank in each other's lists by {_WHAT[FUSED]}, {how}"
        yield Feature(f"fused_score_{across}", "ranks", words, "for", "", partial(_fused_score, across=across))


RANKS: tuple[Feature, ...] = tuple(_features())
"""The features of this room."""

"""Similarity of two products in each space, raw and corrected for hubs.

Hub correction subtracts half of a product's mean similarity to its own neighbours, so it depends on the direction. The
sum of both directions orders pairs like cross-domain similarity local scaling (Conneau, Lample, Ranzato, Denoyer,
Jégou, "Word translation without parallel data", ICLR 2018).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fusion.pairs.feature import Block, Column, Feature
from fusion.pairs.feature_context import SPACES, Space

_WHAT = {"text": "texts", "image": "pictures", "lexical": "spellings"}
_LACKING = {
    "text": "one of the two has no text, or there is no text space",
    "image": "one of the two has no picture, or there is no image space",
    "lexical": "one of the two has no text, or there is no lexical space",
}


def similarity(block: Block, space: str) -> Column:
    """Cosine; the highest over all pairs of pictures if products have several."""
    return block.once(("similarity", space), lambda: _similarity(block, block.context.spaces.get(space)))


def _similarity(block: Block, space: Space | None) -> Column:
    from fusion.pairs import feature_kernels

    out = np.full(len(block), np.nan, np.float32)
    if space is None:
        return out
    values: Any = space.values
    sides = (block.left, block.right)
    if not hasattr(values, "indptr"):
        feature_kernels.dense(*sides, space.places.starts, space.places.order, values, out)
        return out
    rows = (values.indptr.astype(np.int64), values.indices.astype(np.int32, copy=False), values.data)
    feature_kernels.sparse(*sides, *rows, block.slot(values.shape[1], np.float32), out)
    return out


def corrected(block: Block, space: str) -> tuple[Column, Column]:
    """Hub-corrected score of the right product for the left one, and vice versa, whether listed or not."""
    return block.once(("corrected", space), lambda: _corrected(block, space))


def _corrected(block: Block, space: str) -> tuple[Column, Column]:
    raw, there = similarity(block, space), block.context.spaces.get(space)
    if there is None:
        return raw, raw
    off = np.asarray(there.hub_weight * there.near, np.float32)
    return raw - off[block.right], raw - off[block.left]


def _best(block: Block, space: str) -> Column:
    return np.maximum(*corrected(block, space))


def _worst(block: Block, space: str) -> Column:
    return np.minimum(*corrected(block, space))


def _sum(block: Block, space: str) -> Column:
    return np.add(*corrected(block, space))


def _features() -> Iterator[Feature]:
    for space in SPACES:
        what, lacking = _WHAT[space], _LACKING[space]
        kinds: dict[str, tuple[str, Any]] = {
            "similarity": (f"how similar the {what} are", similarity),
            "corrected_best": (f"how similar the {what} are compared with the neighbours of one of them", _best),
            "corrected_worst": (f"how similar the {what} are compared with the neighbours of either", _worst),
            "corrected_sum": (f"how similar the {what} are compared with the neighbours of both", _sum),
        }
        for name, (words, of) in kinds.items():
            yield Feature(f"{space}_{name}", "similarity", words, "for", lacking, partial(of, space=space))


SIMILARITY: tuple[Feature, ...] = tuple(_features())
"""The features of this room."""


def known(block: Block, space: str) -> NDArray[np.bool_]:
    """Whether both products of each pair have a vector in a space."""
    return ~np.isnan(similarity(block, space))

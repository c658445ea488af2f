"""The features of pairs in one table, computed block by block.

| room | what its features compare |
|---|---|
| `similarity` | similarity in each space, raw and corrected for hubs |
| `ranks` | ranks in each other's lists, gaps to the tenth neighbour, shared neighbours |
| `words` | titles and descriptions, by words and by letters |
| `attributes` | columns that agree, differ or are absent; category, price, seller |
| `pictures` | colours and framing |

No feature uses known groups.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from candidates.errors import SchemaError
from candidates.pairs import PairTable
from fusion.pairs.feature import Block, Feature
from fusion.pairs.feature_attributes import ATTRIBUTE_FEATURES
from fusion.pairs.feature_context import PairContext
from fusion.pairs.feature_pictures import PICTURES
from fusion.pairs.feature_ranks import RANKS
from fusion.pairs.feature_similarity import SIMILARITY
from fusion.pairs.feature_words import WORDS

FEATURES: Mapping[str, Feature] = MappingProxyType(
    {feature.name: feature for feature in (*SIMILARITY, *RANKS, *WORDS, *ATTRIBUTE_FEATURES, *PICTURES)}
)
"""Every feature by name, in the order of the table's columns."""

_BLOCK = 2**15
"""Number of pairs whose features one thread computes at a time."""


def with_features(context: PairContext, pairs: PairTable, names: Sequence[str] | None = None) -> PairTable:
    """The pairs with their features.

    Args:
        context: The products and their lists.
        pairs: Pairs of these products. For a large catalogue pass some at a time (`PairTable.blocks`), because each
            pair takes four bytes per feature.
        names: Names of the features; all by default.

    Raises:
        AxisMismatch: The pairs are of other products.
        SchemaError: A name is not a feature.
    """
    context.catalogue.axis.require(pairs.items, "pairs")
    wanted = chosen(names)
    columns = {feature.name: np.empty(len(pairs), np.float32) for feature in wanted}

    def fill(start: int) -> None:
        rows = slice(start, start + _BLOCK)
        block = Block(context, pairs.left[rows], pairs.right[rows])
        for feature in wanted:
            columns[feature.name][rows] = feature.of(block)

    with ThreadPoolExecutor(context.threads) as pool:
        for _ in pool.map(fill, range(0, len(pairs), _BLOCK)):
            pass  # Iterating re-raises an error from a block.
    return pairs.with_columns(columns)


def features_of(
    context: PairContext, one: NDArray[np.integer], other: NDArray[np.integer], names: Sequence[str] | None = None
) -> NDArray[np.float32]:
    """The features of pairs of rows, in any order and direction, float32 (m, features)."""
    block, wanted = Block(context, np.asarray(one, np.int32), np.asarray(other, np.int32)), chosen(names)
    matrix = np.empty((len(block), len(wanted)), np.float32)
    for place, feature in enumerate(wanted):
        matrix[:, place] = feature.of(block)
    return matrix


def chosen(names: Sequence[str] | None) -> tuple[Feature, ...]:
    """The features with these names; raises `SchemaError` that lists unknown names."""
    if names is None:
        return tuple(FEATURES.values())
    unknown = [name for name in names if name not in FEATURES]
    if unknown:
        raise SchemaError(f"no feature {', '.join(unknown)}", "The model is from another version; train it again")
    return tuple(FEATURES[name] for name in names)

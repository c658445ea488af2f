"""The features of pairs: one table of them, and their computation in blocks.

| room | what it looks at |
|---|---|
| `similarity` | how near two products stand in each space, raw and with hubs stepped back |
| `ranks` | ranks in each other's lists, gaps to the tenth neighbour, shared neighbours |
| `words` | titles and descriptions by words and by letters |
| `attributes` | columns that agree, differ or are absent; category, price, seller |
| `pictures` | colours and framing |

Nobody's groups enter any of them.
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
    {one.name: one for one in (*SIMILARITY, *RANKS, *WORDS, *ATTRIBUTE_FEATURES, *PICTURES)}
)
"""Every feature by name, in the order of the table's columns."""

_BLOCK = 2**15
"""Pairs whose features one thread computes at once."""


def with_features(context: PairContext, pairs: PairTable, names: Sequence[str] | None = None) -> PairTable:
    """The pairs with their features.

    Args:
        context: What is known about the products.
        pairs: Pairs of these products; of a great catalogue some at a time (`PairTable.blocks`), since each pair
            takes four bytes a feature.
        names: Which features; all by default.

    Raises:
        AxisMismatch: The pairs are of other products.
        SchemaError: There is no feature of a name.
    """
    context.catalogue.axis.require(pairs.items, "pairs")
    wanted = chosen(names)
    columns = {one.name: np.empty(len(pairs), np.float32) for one in wanted}

    def fill(start: int) -> None:
        rows = slice(start, start + _BLOCK)
        block = Block(context, pairs.left[rows], pairs.right[rows])
        for one in wanted:
            columns[one.name][rows] = one.of(block)

    with ThreadPoolExecutor(context.threads) as pool:
        for _ in pool.map(fill, range(0, len(pairs), _BLOCK)):
            pass  # Raises what a block raised.
    return pairs.with_columns(columns)


def features_of(
    context: PairContext, one: NDArray[np.integer], other: NDArray[np.integer], names: Sequence[str] | None = None
) -> NDArray[np.float32]:
    """The features of some pairs of rows, in any order and direction, as a matrix, float32 (m, features)."""
    block, wanted = Block(context, np.asarray(one, np.int32), np.asarray(other, np.int32)), chosen(names)
    made = np.empty((len(block), len(wanted)), np.float32)
    for place, feature in enumerate(wanted):
        made[:, place] = feature.of(block)
    return made


def chosen(names: Sequence[str] | None) -> tuple[Feature, ...]:
    """The features of some names; raises `SchemaError` naming those that there are not."""
    if names is None:
        return tuple(FEATURES.values())
    unknown = [name for name in names if name not in FEATURES]
    if unknown:
        raise SchemaError(f"no feature {', '.join(unknown)}", "The model was made by another version; learn it again")
    return tuple(FEATURES[name] for name in names)

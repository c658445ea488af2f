"""`Feature`: one documented column of a pair table; `Block`: a set of pairs whose columns are computed together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from fusion.pairs.feature_context import PairContext

Room = Literal["similarity", "ranks", "words", "attributes", "pictures"]
"""What a feature compares."""

Speaks = Literal["for", "against", "neither"]
"""Whether a high value counts for or against two products being variants."""

Column = NDArray[np.float32]

Value = TypeVar("Value")


@dataclass(frozen=True, eq=False)
class Block:
    """Pairs of a context, computed on one thread. Intermediate results that several features need are cached.

    Attributes:
        context: The products and their lists.
        left: int32 (m,): row of one product of each pair.
        right: int32 (m,): row of the other.
    """

    context: PairContext
    left: NDArray[np.int32]
    right: NDArray[np.int32]
    _values: dict[Any, Any] = field(default_factory=dict, init=False, repr=False)

    def __len__(self) -> int:
        return len(self.left)

    def once(self, key: object, make: Callable[[], Value]) -> Value:
        """The result of `make`, computed the first time `key` is requested."""
        if key not in self._values:
            self._values[key] = make()
        value: Value = self._values[key]
        return value

    def slot(self, width: int, dtype: type) -> NDArray[Any]:
        """Zeroed working memory for a kernel."""
        return np.zeros(max(1, width), dtype)

    def both(self, known: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Whether both products of each pair are known, bool (m,)."""
        return known[self.left] & known[self.right]


@dataclass(frozen=True)
class Feature:
    """One column.

    Attributes:
        name: Name of the column.
        room: What it compares.
        words: What it measures, in words a merchandiser uses.
        speaks: Whether a high value counts for or against the pair.
        missing: What NaN means; empty if the column is never NaN.
        of: Computes the column of a block, float32 (m,). It is symmetric in the two products.
    """

    name: str
    room: Room
    words: str
    speaks: Speaks
    missing: str
    of: Callable[[Block], Column] = field(repr=False)


def where(known: NDArray[np.bool_], values: NDArray[Any]) -> Column:
    """`values` where known, else NaN, float32."""
    return np.where(known, values, np.nan).astype(np.float32)

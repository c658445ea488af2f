"""`Feature`: one documented column of a pair table; `Block`: the pairs for which columns are computed at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from fusion.pairs.feature_context import PairContext

Room = Literal["similarity", "ranks", "words", "attributes", "pictures"]
"""What a feature looks at."""

Speaks = Literal["for", "against", "neither"]
"""What a high value says about two products being variants of each other."""

Column = NDArray[np.float32]

Made = TypeVar("Made")


@dataclass(frozen=True, eq=False)
class Block:
    """Some pairs of a context, computed on one thread. What several features need is made once and kept.

    Attributes:
        context: What is known about the products.
        left: int32 (m,): the one product of each pair.
        right: int32 (m,): the other.
    """

    context: PairContext
    left: NDArray[np.int32]
    right: NDArray[np.int32]
    _made: dict[Any, Any] = field(default_factory=dict, init=False, repr=False)

    def __len__(self) -> int:
        return len(self.left)

    def once(self, key: object, make: Callable[[], Made]) -> Made:
        """What `make` gives, made the first time `key` is asked for."""
        if key not in self._made:
            self._made[key] = make()
        made: Made = self._made[key]
        return made

    def slot(self, width: int, dtype: type) -> NDArray[Any]:
        """Working memory of zeros for a kernel."""
        return np.zeros(max(1, width), dtype)

    def both(self, known: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Whether something is known of both products of each pair, bool (m,)."""
        return known[self.left] & known[self.right]


@dataclass(frozen=True)
class Feature:
    """One column.

    Attributes:
        name: Of the column.
        room: What it looks at.
        words: What it says about two products, in words a merchandiser uses.
        speaks: What a high value says.
        missing: What NaN means; empty where the column never is NaN.
        of: Computes it: float32 (m,) of a block. Symmetric: which product is the left one does not matter.
    """

    name: str
    room: Room
    words: str
    speaks: Speaks
    missing: str
    of: Callable[[Block], Column] = field(repr=False)


def where(known: NDArray[np.bool_], values: NDArray[Any]) -> Column:
    """`values` where something is known, else NaN, float32."""
    return np.where(known, values, np.nan).astype(np.float32)

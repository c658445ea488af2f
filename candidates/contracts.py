"""The contracts of encoders and indexes, as protocols."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from candidates.axis import Axis
from candidates.filters import Filter
from candidates.product import Product
from candidates.run import Run
from candidates.vectors import Vectors

Item = TypeVar("Item", contravariant=True)

Select = Callable[[Filter], NDArray[np.bool_]]
"""Tells which rows of an index meet a condition, bool (n,); supplied by whoever knows the products behind the rows."""


class Encoder(Protocol[Item]):
    """Turns items (texts, pictures) into vectors; a pure function with a version."""

    @property
    def version(self) -> str:
        """Names the model, its weights and every option that changes the numbers."""
        ...

    @property
    def dimensions(self) -> int:
        """Length of each vector."""
        ...

    def encode(self, batch: Sequence[Item]) -> NDArray[np.float32]:
        """Encodes a batch: float32 (len(batch), dimensions), rows of unit length (zeros for an empty item)."""
        ...


class Index(Protocol):
    """Finds the nearest rows of one axis.

    A static index (NMSLIB's, for example) is built by its own class method, saved under a versioned path and
    replaced as a whole; nothing here adds or removes rows. A greater score is better, and scores can be compared
    within one list. All-zero items are never found, and an all-zero query finds nothing.
    """

    @property
    def items(self) -> Axis:
        """The items that can be found."""
        ...

    @property
    def version(self) -> str:
        """The version of its vectors."""
        ...

    def search(self, vectors: Vectors, k: int, where: Filter | None = None) -> Run:
        """The k nearest items of each vector, best first; ties are in row order.

        Args:
            vectors: The queries.
            k: Maximum length of a list. A list is shorter if there are fewer items; an approximate index may
                also miss some.
            where: Only items that meet this condition.

        Raises:
            VersionMismatch: The vectors are of another version than the index.
        """
        ...


@dataclass(frozen=True)
class Added:
    """The result of adding items.

    Attributes:
        stored: Number of items stored.
        replaced: Number of earlier items removed because their product was added again.
        refused: Number of items not stored, by reason.
    """

    stored: int = 0
    replaced: int = 0
    refused: Mapping[str, int] = field(default_factory=dict)


class MutableIndex(Index, Protocol):
    """An index whose items can be added and removed: pictures of products, in a rolling time window.

    `items` is the axis of the current items, in any order. Each call below may replace it; an earlier run keeps
    the axis that it was searched over. The next search sees the effect of a call, but only `checkpoint` guarantees
    that it survives a crash.
    """

    def add(self, vectors: Vectors, products: Sequence[Product], added: date) -> Added:
        """Adds pictures; they replace all earlier pictures of the same products.

        If none of a product's new pictures can be stored, the product keeps its earlier ones.

        Args:
            vectors: One vector for each picture, over an axis of picture ids. A picture is refused if its vector
                is all zeros or holds a NaN, because no search could find it.
            products: The product that each picture shows, one for each row of `vectors`. All pictures of a product
                must be in one call.
            added: The day on which they arrived.

        Raises:
            VersionMismatch: The vectors are of another version.
        """
        ...

    def remove(self, products: Iterable[str]) -> int:
        """Removes all pictures of the products with these ids; returns the number of pictures removed."""
        ...

    def roll(self, today: date) -> int:
        """Removes the pictures that have left the window; returns their number.

        Everything added within the window stays. Older pictures may stay for a while, because whole weeks or
        months are removed at once.
        """
        ...

    def checkpoint(self) -> None:
        """Returns when all earlier calls are safe from a crash."""
        ...

"""What an encoder and an index promise, whoever writes them."""

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
"""Which rows of an index meet a condition, bool (n,); the index's maker knows the products behind its rows."""


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
        """Encodes a batch: float32 (len(batch), dimensions), rows at length one (zero for an empty item)."""
        ...


class Index(Protocol):
    """Finds the nearest rows of one axis.

    A static index (NMSLIB's, say) is built by its own class method, saved under a versioned path and
    swapped whole; nothing here adds or removes rows. Scores are greater-is-better and comparable within
    one list. Items at length zero are never found, and a query of zeros finds nothing.
    """

    @property
    def items(self) -> Axis:
        """What the index finds."""
        ...

    @property
    def version(self) -> str:
        """What its vectors were made by."""
        ...

    def search(self, vectors: Vectors, k: int, where: Filter | None = None) -> Run:
        """The k nearest items of each vector, best first; ties in the order of rows.

        Args:
            vectors: The queries; of this index's version, else `VersionMismatch` is raised.
            k: At most so many items a list; fewer come back where fewer are there, and an approximate
                index may miss some.
            where: Only items that meet this condition.
        """
        ...


@dataclass(frozen=True)
class Added:
    """What became of items that were to be added.

    Attributes:
        stored: How many an index now holds.
        replaced: How many earlier ones went, since their product came anew.
        refused: How many were not stored, by reason.
    """

    stored: int = 0
    replaced: int = 0
    refused: Mapping[str, int] = field(default_factory=dict)


class MutableIndex(Index, Protocol):
    """An index whose items come and go: pictures of products, over a rolling window of time.

    `items` is an axis of what is there now, in any order; each of the calls below may make it another one, and a
    run that was found before keeps the axis that it was found over. What a call has done the next search sees; that
    it outlives a crash is certain after `checkpoint`.
    """

    def add(self, vectors: Vectors, products: Sequence[Product], added: date) -> Added:
        """Adds pictures; a product that was there already is replaced with all its earlier pictures.

        One of whose new pictures none can be stored keeps its earlier ones.

        Args:
            vectors: One a picture, over an axis of the pictures' ids. A picture whose vector is all zeros, or holds
                what is no number, is refused: it could not be found.
            products: What each picture shows, one a row of `vectors`. All pictures of a product come in one call.
            added: The day on which they came in.

        Raises:
            VersionMismatch: The vectors are of another version.
        """
        ...

    def remove(self, products: Iterable[str]) -> int:
        """Removes all pictures of some products, by the products' ids; returns how many pictures that were."""
        ...

    def roll(self, today: date) -> int:
        """Forgets what has left the window; returns how many pictures that were.

        What was added within the window stays. What is older may stay for a while, since days go by weeks or months.
        """
        ...

    def checkpoint(self) -> None:
        """Returns once all that was done outlives a crash."""
        ...

"""What an encoder and an index promise, whoever writes them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from candidates.axis import Axis
from candidates.filters import Filter
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

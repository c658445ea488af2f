"""`Filter`: a condition on products that every index understands."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Filter:
    """A condition on products; parts left empty admit everything, parts given must all hold.

    Attributes:
        category: Text that the product's category path holds, whatever its case (`dress`).
        seller: The seller's exact name.
        text: Words that title and description together must all hold, as whole words, whatever their case.
        attributes: (name, value) pairs that must all hold, whatever the case of the value.
    """

    category: str = ""
    seller: str = ""
    text: str = ""
    attributes: tuple[tuple[str, str], ...] = ()

    @property
    def words(self) -> tuple[str, ...]:
        """The words of `text`."""
        return tuple(self.text.split())

    def __bool__(self) -> bool:
        return bool(self.category or self.seller or self.words or self.attributes)

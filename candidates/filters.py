"""`Filter`: a condition on products that every index understands."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Filter:
    """A condition on products: all fields that are set must match; an empty field matches everything.

    Attributes:
        category: Text that the product's category path contains, ignoring case (`dress`).
        seller: The seller's exact name.
        text: Words that must all occur, as whole words and ignoring case, in the title or the description.
        attributes: (name, value) pairs that must all match; the case of the value is ignored.
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

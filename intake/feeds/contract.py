"""What a feed format promises: how it is recognised and how it becomes products."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from candidates.product import Merged, Product, Refusal
from candidates.settings import FeedSettings

LONGEST_ID = 200
"""Letters of an id, at most."""

FeedRow = Product | Refusal | Merged
"""What each row of a feed becomes; none is ever lost."""


@dataclass(frozen=True)
class Format:
    """One format of feed.

    Attributes:
        label: What people call it.
        expects: What a feed of this format holds, for the error that nothing was recognised.
        recognise: Says by what the feed is recognised (`columns id, title`), or nothing where it is another's;
            may raise `FeedError` where the file is not even of its kind.
        read: Every row in feed order, as a product, as a refusal, or as merged into a product; raises
            `FeedError` where the file as a whole can't be read. Ids may still be missing or come twice: that is
            looked at for all formats alike.
        pictures: The folder that the feed's picture paths are relative to.
    """

    label: str
    expects: str
    recognise: Callable[[Path, FeedSettings], str]
    read: Callable[[Path, FeedSettings], Iterator[FeedRow]]
    pictures: Callable[[Path], Path]


def refused(line: int, identifier: str, reason: str, fix: str) -> Refusal:
    """A refused row; its id is made fit to be shown (no control characters, not endless)."""
    shown = "".join(
        letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in identifier[:LONGEST_ID]
    )
    return Refusal(f"line {line}", shown, reason, fix)

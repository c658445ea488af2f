"""The contract of a feed format: how it is recognised and how its rows become products."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from candidates.product import Merged, Product, Refusal
from candidates.settings import FeedSettings

LONGEST_ID = 200
"""Maximum length of an id, in characters."""

FeedRow = Product | Refusal | Merged
"""What a row of a feed becomes; no row is ever lost."""


@dataclass(frozen=True)
class Format:
    """One format of feed.

    Attributes:
        label: Its name in messages.
        expects: What a feed of this format contains, for the error message when no format matches.
        recognise: Returns what identifies the feed (`columns id, title`), or an empty string if it is of another
            format; may raise `FeedError` if the file can't be of this format at all.
        read: Yields every row in feed order, as a product, a refusal, or merged into a product; raises
            `FeedError` if the file as a whole can't be read. Missing and duplicate ids are checked elsewhere, for
            all formats alike.
        pictures: Returns the folder that the feed's picture paths are relative to.
    """

    label: str
    expects: str
    recognise: Callable[[Path, FeedSettings], str]
    read: Callable[[Path, FeedSettings], Iterator[FeedRow]]
    pictures: Callable[[Path], Path]


def refused(line: int, identifier: str, reason: str, fix: str) -> Refusal:
    """A refused row; its id is made printable and cut to `LONGEST_ID` characters."""
    shown = "".join(
        letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in identifier[:LONGEST_ID]
    )
    return Refusal(f"line {line}", shown, reason, fix)

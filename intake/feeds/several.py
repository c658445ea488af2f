"""Several feeds in one catalogue, each with its seller."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from candidates.catalogue import Catalogue
from candidates.errors import FeedError, SettingsError
from candidates.product import Refusal
from candidates.settings import FeedSettings
from intake.feeds import Feed, read_feed


@dataclass(frozen=True)
class FeedSource:
    """A feed's file and who offers what is in it.

    Attributes:
        path: The file.
        seller: Its seller; empty where the feed itself names one, or none is to be named.
    """

    path: Path
    seller: str = ""

    @classmethod
    def of(cls, word: str) -> FeedSource:
        """Reads `FEED` or `SELLER=FEED`; a file that is there under the whole word is meant by it."""
        seller, equals, path = word.partition("=")
        if not equals or Path(word).exists() or "/" in seller:
            return cls(Path(word))
        if not seller or not path:
            raise SettingsError(f"{word!r} names no feed", "Write FEED or SELLER=FEED")
        return cls(Path(path), seller)


def feed_sources(feed: Path | Sequence[FeedSource]) -> tuple[FeedSource, ...]:
    """One feed's path, or several feeds, as sources."""
    return (FeedSource(feed),) if isinstance(feed, Path) else tuple(feed)


@dataclass(frozen=True, eq=False)
class ReadFeed:
    """One of several feeds as it was read.

    Attributes:
        source: The file and its seller.
        first: Row of its first product in the catalogue of all feeds.
        feed: What was read.
    """

    source: FeedSource
    first: int
    feed: Feed


@dataclass(frozen=True, eq=False)
class Feeds:
    """All feeds of one run.

    Attributes:
        catalogue: The accepted products, feed by feed.
        refused: Every row that was not used, feed by feed; where there are several feeds, `where` begins with
            the feed.
        read: Each feed.
    """

    catalogue: Catalogue
    refused: tuple[Refusal, ...]
    read: tuple[ReadFeed, ...]


def read_feeds(sources: Sequence[FeedSource], settings: FeedSettings) -> Feeds:
    """Reads feeds into one catalogue.

    Args:
        sources: The feeds; a seller may have several.
        settings: How they are read, `settings.of` by seller.

    Raises:
        FeedError: One of them can't be read or used (see `read_feed`), or is named twice.
        SettingsError: `settings.of` speaks of a seller of none of them.
    """
    _check(sources, settings)
    seen: dict[str, str] = {}
    read: list[ReadFeed] = []
    first = 0
    for source, place in zip(sources, _places(sources), strict=True):
        feed = read_feed(source.path, settings.for_seller(source.seller), place, seen)
        read.append(ReadFeed(source, first, feed))
        first += len(feed.catalogue)
    catalogue = Catalogue(pa.concat_tables([one.feed.catalogue.table for one in read]))
    return Feeds(catalogue, tuple(refusal for one in read for refusal in one.feed.refused), tuple(read))


def _check(sources: Sequence[FeedSource], settings: FeedSettings) -> None:
    twice = [path for path, times in Counter(source.path.resolve() for source in sources).items() if times > 1]
    if twice:
        raise FeedError(f"{twice[0]}: is named twice", "Name every feed once")
    strangers = set(settings.of) - {source.seller for source in sources}
    if strangers:
        raise SettingsError(
            f"feed.of: no feed of the seller {', '.join(sorted(strangers))} was given", "Write SELLER=FEED"
        )


def _places(sources: Sequence[FeedSource]) -> Iterator[str]:
    """What stands before the line in refusals: nothing for a single feed, else its shortest distinct name."""
    if len(sources) == 1:
        yield ""
        return
    names = Counter(source.path.name for source in sources)
    for source in sources:
        yield f"{source.path.name if names[source.path.name] == 1 else source.path}, "

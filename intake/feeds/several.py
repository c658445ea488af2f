"""Reads several feeds, each with its seller, into one catalogue."""

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
    """A feed's file and its seller.

    Attributes:
        path: The file.
        seller: Its seller; empty if the feed itself names sellers, or there is only one.
    """

    path: Path
    seller: str = ""

    @classmethod
    def of(cls, word: str) -> FeedSource:
        """Parses `FEED` or `SELLER=FEED`; if a file has the whole word as its name, that file is the feed."""
        seller, equals, path = word.partition("=")
        if not equals or Path(word).exists() or "/" in seller:
            return cls(Path(word))
        if not seller or not path:
            raise SettingsError(f"{word!r} names no feed", "Write FEED or SELLER=FEED")
        return cls(Path(path), seller)


def feed_sources(feed: Path | Sequence[FeedSource]) -> tuple[FeedSource, ...]:
    """The sources of one feed's path or of several feeds."""
    return (FeedSource(feed),) if isinstance(feed, Path) else tuple(feed)


@dataclass(frozen=True, eq=False)
class ReadFeed:
    """One of several feeds that were read.

    Attributes:
        source: The file and its seller.
        first: Row of its first product in the catalogue of all feeds.
        feed: The feed.
    """

    source: FeedSource
    first: int
    feed: Feed


@dataclass(frozen=True, eq=False)
class Feeds:
    """All feeds of one run.

    Attributes:
        catalogue: The accepted products, feed by feed.
        refused: The rows that were not used, feed by feed; with several feeds, `where` begins with the feed's name.
        read: The feeds.
    """

    catalogue: Catalogue
    refused: tuple[Refusal, ...]
    read: tuple[ReadFeed, ...]


def read_feeds(sources: Sequence[FeedSource], settings: FeedSettings) -> Feeds:
    """Reads feeds into one catalogue.

    Args:
        sources: The feeds; a seller may have several.
        settings: How they are read; `settings.of` has the settings by seller.

    Raises:
        FeedError: A feed can't be read or used (see `read_feed`), or is named twice.
        SettingsError: `settings.of` names a seller who has no feed here.
    """
    _check(sources, settings)
    seen: dict[str, str] = {}
    read: list[ReadFeed] = []
    first = 0
    for source, place in zip(sources, _places(sources), strict=True):
        feed = read_feed(source.path, settings.for_seller(source.seller), place, seen)
        read.append(ReadFeed(source, first, feed))
        first += len(feed.catalogue)
    catalogue = Catalogue(pa.concat_tables([part.feed.catalogue.table for part in read]))
    return Feeds(catalogue, tuple(refusal for part in read for refusal in part.feed.refused), tuple(read))


def _check(sources: Sequence[FeedSource], settings: FeedSettings) -> None:
    repeated = [path for path, times in Counter(source.path.resolve() for source in sources).items() if times > 1]
    if repeated:
        raise FeedError(f"{repeated[0]}: is named twice", "Name every feed once")
    unknown = set(settings.of) - {source.seller for source in sources}
    if unknown:
        raise SettingsError(
            f"feed.of: the seller {', '.join(sorted(unknown))} has no feed", "Name the seller's feed as SELLER=FEED"
        )


def _places(sources: Sequence[FeedSource]) -> Iterator[str]:
    """The prefix of line numbers in refusals: empty for a single feed, else each feed's shortest distinct name."""
    if len(sources) == 1:
        yield ""
        return
    names = Counter(source.path.name for source in sources)
    for source in sources:
        yield f"{source.path.name if names[source.path.name] == 1 else source.path}, "

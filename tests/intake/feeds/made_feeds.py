"""Feeds made up by hand, well-formed and broken, in every format, each with what reading it must give.

What is expected follows from what docs/feeds.md says of a format, never from what a reader happens to do.

    python -m tests.intake.feeds.made_feeds FOLDER

writes all of them into a folder.
"""

from __future__ import annotations

import sys
from functools import lru_cache
from pathlib import Path

from tests.intake.feeds.made import (
    compression,
    encodings,
    google_tsv,
    google_xml,
    json_lines,
    magento,
    no_feeds,
    parquet,
    shopify,
    woocommerce,
)
from tests.intake.feeds.made.feed import MadeFeed

MAKERS = (
    google_tsv,
    no_feeds,
    encodings,
    compression,
    google_xml,
    json_lines,
    parquet,
    shopify,
    woocommerce,
    magento,
)


@lru_cache(maxsize=1)
def made_feeds() -> tuple[MadeFeed, ...]:
    """All of them; their names are distinct."""
    return tuple(feed for maker in MAKERS for feed in maker.feeds())


def write_all(folder: Path) -> list[Path]:
    """Writes every feed into a folder; returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for made in made_feeds():
        paths.append(folder / made.name)
        paths[-1].write_bytes(made.content)
    return paths


if __name__ == "__main__":
    for written in write_all(Path(sys.argv[1])):
        print(written)

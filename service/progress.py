"""Progress: a bar on a terminal, log lines elsewhere."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterable, Iterator, Sized
from typing import TypeVar

log = logging.getLogger("variants")

Item = TypeVar("Item")

_SECONDS_BETWEEN_LINES = 10.0


def track(chunks: Iterable[Item], what: str, total: int | None = None) -> Iterator[Item]:
    """Yields the chunks of a long piece of work, showing how far it is."""
    if total is None and isinstance(chunks, Sized):
        total = len(chunks)
    if sys.stderr.isatty():
        yield from _bar(chunks, what, total)
    else:
        yield from _lines(chunks, what, total)


def _bar(chunks: Iterable[Item], what: str, total: int | None) -> Iterator[Item]:
    from rich.console import Console
    from rich.progress import track as rich_track

    yield from rich_track(chunks, what, total, console=Console(stderr=True), transient=True)


def _lines(chunks: Iterable[Item], what: str, total: int | None) -> Iterator[Item]:
    spoken = time.monotonic()
    for done, chunk in enumerate(chunks):
        if time.monotonic() - spoken > _SECONDS_BETWEEN_LINES:
            spoken = time.monotonic()
            log.info("%s: %s of %s", what, done, total if total is not None else "?")
        yield chunk

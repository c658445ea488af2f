"""Progress: a bar on a terminal, log lines elsewhere."""

from __future__ import annotations

import logging
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sized
from contextlib import contextmanager
from queue import Queue
from threading import Thread
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


@contextmanager
def counted(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """Yields a function to be told of each further piece done, where the work itself is elsewhere."""
    pieces: Queue[int | None] = Queue()
    # `track` wants something to iterate over; a thread of its own turns calls into that.
    shown = Thread(target=lambda: deque(track(_one_by_one(pieces), what, total), maxlen=0), daemon=True)
    shown.start()
    try:
        yield pieces.put
    finally:
        pieces.put(None)
        shown.join()


def _one_by_one(pieces: Queue[int | None]) -> Iterator[None]:
    while (count := pieces.get()) is not None:
        for _ in range(count):
            yield

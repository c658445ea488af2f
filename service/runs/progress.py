"""Progress: a bar on a terminal, log lines elsewhere."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sized
from contextlib import contextmanager
from functools import partial
from threading import Lock
from typing import TypeVar

log = logging.getLogger("variants")

Item = TypeVar("Item")

_SECONDS_BETWEEN_LINES = 10.0


def track(chunks: Iterable[Item], what: str, total: int | None = None) -> Iterator[Item]:
    """Yields the chunks of a long task and shows how many are done.

    Args:
        chunks: The chunks of work.
        what: What is being done, such as `encoding pictures`.
        total: How many chunks there are; by default their length, if they have one.
    """
    if total is None and isinstance(chunks, Sized):
        total = len(chunks)
    if sys.stderr.isatty():
        from rich.console import Console
        from rich.progress import track as rich_track

        yield from rich_track(chunks, what, total, console=Console(stderr=True), transient=True)
    else:
        yield from _with_lines(chunks, what, total)


def _with_lines(chunks: Iterable[Item], what: str, total: int | None) -> Iterator[Item]:
    last_line = time.monotonic()
    for done, chunk in enumerate(chunks):
        if (now := time.monotonic()) - last_line > _SECONDS_BETWEEN_LINES:
            last_line = now
            log.info("%s: %s of %s", what, done, total if total is not None else "?")
        yield chunk


@contextmanager
def counted(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """Yields a function that adds to the number of items done; it can be called from any thread."""
    if not sys.stderr.isatty():
        yield _counting_lines(what, total)
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        yield partial(bar.advance, bar.add_task(what, total=total))


def _counting_lines(what: str, total: int) -> Callable[[int], None]:
    done, last_line, lock = 0, time.monotonic(), Lock()

    def advance(count: int) -> None:
        nonlocal done, last_line
        with lock:
            done += count
            if (now := time.monotonic()) - last_line > _SECONDS_BETWEEN_LINES:
                last_line = now
                log.info("%s: %s of %s", what, done, total)

    return advance

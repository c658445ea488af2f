"""Progress: a bar on a terminal, log lines elsewhere; the work itself is left alone."""

import io
import logging
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from service.runs import progress
from service.runs.progress import counted, track


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def terminal(monkeypatch):
    """Puts a terminal in the place of stderr; a call, for pytest sets stderr itself between a fixture and its test."""

    def begin():
        monkeypatch.setenv("TERM", "xterm-256color")
        monkeypatch.setattr(sys, "stderr", Terminal())
        return sys.stderr

    return begin


@pytest.fixture
def clock(monkeypatch):
    """A clock that advances four seconds at each look."""
    seconds = iter(range(0, 10_000, 4))
    monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=lambda: next(seconds)))


def lines(caplog):
    return [record.getMessage() for record in caplog.records]


@pytest.mark.usefixtures("clock")
def test_chunks_pass_unchanged_and_only_as_they_are_wanted():
    source = iter(range(5))
    tracked = track(source, "encoding")
    assert next(tracked) == 0
    assert list(source) == [1, 2, 3, 4]


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize(("chunks", "total", "shown"), [(range(9), None, 9), (iter(range(9)), None, "?"), ("ab", 7, 7)])
def test_the_total_is_counted_or_named_or_unknown(chunks, total, shown, caplog, monkeypatch):
    monkeypatch.setattr(progress, "_SECONDS_BETWEEN_LINES", 0)
    with caplog.at_level(logging.INFO):
        list(track(chunks, "encoding", total))
    assert lines(caplog)[1] == f"encoding: 1 of {shown}"


@pytest.mark.usefixtures("clock")
def test_a_line_is_logged_every_ten_seconds_and_no_more(caplog):
    with caplog.at_level(logging.INFO):
        assert list(track(range(9), "encoding")) == list(range(9))
        with counted("fetching", 9) as advance:
            for _ in range(9):
                advance(2)
    assert lines(caplog) == [
        "encoding: 2 of 9", "encoding: 5 of 9", "encoding: 8 of 9",
        "fetching: 6 of 9", "fetching: 12 of 9", "fetching: 18 of 9",
    ]  # fmt: skip


def test_pieces_are_counted_from_many_threads_without_losing_one(monkeypatch, caplog):
    monkeypatch.setattr(progress, "_SECONDS_BETWEEN_LINES", -1)
    with caplog.at_level(logging.INFO), counted("fetching", 4000) as advance, ThreadPoolExecutor(4) as threads:
        list(threads.map(advance, [1] * 4000))
    assert lines(caplog)[-1] == "fetching: 4000 of 4000"


def test_counting_needs_no_thread_away_from_a_terminal():
    before = threading.active_count()
    with counted("fetching", 3) as advance:
        advance(1)
        assert threading.active_count() == before


def test_a_terminal_shows_a_bar_and_the_log_stays_empty(terminal, caplog, monkeypatch):
    monkeypatch.setattr(progress, "_SECONDS_BETWEEN_LINES", -1)
    screen = terminal()
    with caplog.at_level(logging.INFO):
        assert list(track(range(3), "encoding")) == [0, 1, 2]
        with counted("fetching", 3) as advance:
            advance(3)
    assert "encoding" in screen.getvalue()
    assert "fetching" in screen.getvalue()
    assert "100%" in screen.getvalue()
    assert lines(caplog) == []


def test_work_that_breaks_off_ends_the_bar(terminal):
    terminal()
    before = set(threading.enumerate())
    fetching = counted("fetching", 3)
    fetching.__enter__()
    (drawing,) = set(threading.enumerate()) - before
    fetching.__exit__(OSError, OSError("the disk is full"), None)
    drawing.join(5)
    assert not drawing.is_alive()

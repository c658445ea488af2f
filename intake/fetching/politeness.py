"""Schedules requests politely: hosts take turns, each within limits, and failed requests are retried later."""

from __future__ import annotations

import heapq
import itertools
from collections import deque
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Job = TypeVar("Job")


@dataclass(eq=False)
class _Line(Generic[Job]):
    """The jobs of one host."""

    jobs: deque[Job] = field(default_factory=deque)
    active: int = 0
    not_before: float = 0.0
    listed: bool = False


@dataclass(eq=False)
class Turns(Generic[Job]):
    """Jobs in one queue per host, with the times at which they may start.

    Not thread-safe. Times are arguments, in seconds of a clock that never goes back.

    Attributes:
        per_host: Maximum running jobs of one host.
        pause: Seconds between the starts of two jobs of one host.
    """

    per_host: int
    pause: float
    _lines: dict[str, _Line[Job]] = field(default_factory=dict)
    _ready: deque[_Line[Job]] = field(default_factory=deque)
    _resting: list[tuple[float, int, _Line[Job]]] = field(default_factory=list)
    _delayed: list[tuple[float, int, str, Job]] = field(default_factory=list)
    _ticks: itertools.count[int] = field(default_factory=itertools.count)

    def add(self, host: str, job: Job) -> None:
        """Puts a job at the end of its host's queue."""
        line = self._lines.setdefault(host, _Line())
        line.jobs.append(job)
        self._list(line)

    def later(self, host: str, job: Job, due: float) -> None:
        """Puts a job before all others of its host, to start at the time `due` at the earliest."""
        heapq.heappush(self._delayed, (due, next(self._ticks), host, job))

    def hold(self, host: str, until: float) -> None:
        """Starts no job of a host before the time `until`."""
        line = self._lines[host]
        line.not_before = max(line.not_before, until)

    def take(self, now: float) -> Job | None:
        """The next job to start, or None if no job may start yet."""
        self._wake(now)
        while self._ready:
            line = self._ready.popleft()
            line.listed = False
            if not line.jobs or line.active >= self.per_host:
                continue
            if line.not_before > now:
                line.listed = True
                heapq.heappush(self._resting, (line.not_before, next(self._ticks), line))
                continue
            line.active += 1
            line.not_before = now + self.pause
            job = line.jobs.popleft()
            self._list(line)
            return job
        return None

    def finish(self, host: str) -> None:
        """Records that a job of this host has ended."""
        line = self._lines[host]
        line.active -= 1
        self._list(line)

    def drop(self, host: str) -> list[Job]:
        """Removes all waiting jobs of a host and returns them."""
        line = self._lines[host]
        jobs = [*line.jobs, *(job for _, _, owner, job in self._delayed if owner == host)]
        line.jobs.clear()
        self._delayed = [entry for entry in self._delayed if entry[2] != host]
        heapq.heapify(self._delayed)
        return jobs

    def rest(self, now: float) -> float | None:
        """Seconds until the next job's start time; None if no job is waiting for one."""
        dues = [heap[0][0] for heap in (self._delayed, self._resting) if heap]
        return max(min(dues) - now, 0.0) if dues else None

    def _list(self, line: _Line[Job]) -> None:
        if not line.listed and line.jobs and line.active < self.per_host:
            line.listed = True
            self._ready.append(line)

    def _wake(self, now: float) -> None:
        while self._delayed and self._delayed[0][0] <= now:
            _, _, host, job = heapq.heappop(self._delayed)
            line = self._lines[host]
            line.jobs.appendleft(job)
            self._list(line)
        while self._resting and self._resting[0][0] <= now:
            self._ready.append(heapq.heappop(self._resting)[2])

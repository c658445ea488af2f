"""How the workers of pytest-xdist divide the tests (`--dist loadfile`)."""

from __future__ import annotations

import fcntl
from functools import wraps
from pathlib import Path
from typing import Any

from xdist.scheduler import LoadFileScheduling
from xdist.workermanage import WorkerController

ONE_WORKER = {"/elastic/": "nodes", "/elastic_node/": "nodes", "/test_elastic_": "nodes", "tests/dags/": "airflow"}
"""Tests that share a server: one worker takes all of them, so that it is started once."""

LONGEST = ("nodes", "airflow")
"""What takes longest, files or servers: begun first, so that no worker is left alone with it in the end."""

_RANKS = {name: place for place, name in enumerate(LONGEST)}


def taken_together(nodeid: str) -> str:
    """What one worker takes as a whole: the tests of one server, or else one file, whose fixtures are made once."""
    path = nodeid.partition("::")[0]
    return next((server for place, server in ONE_WORKER.items() if place in path), path)


def rank(nodeid: str) -> int:
    """When a test's turn is, among what is taken together; all that is not named comes last."""
    return _RANKS.get(taken_together(nodeid), len(_RANKS))


class Scheduling(LoadFileScheduling):
    """xdist's `loadfile`, but that tests of one server stay together, and no test ends one worker after another."""

    def _split_scope(self, nodeid: str) -> str:
        return taken_together(nodeid)

    def remove_node(self, node: WorkerController) -> str | None:
        """Returns the test that ended its worker, by a time-out for instance.

        xdist would give it to the next worker, with the rest of its file; here it counts as done.
        """
        units = self.assigned_work[node]
        ended = next((test for unit in units.values() for test, done in unit.items() if not done), None)
        for unit in units.values():
            if ended in unit:
                unit[ended] = True
        self.assigned_work[node] = {scope: unit for scope, unit in units.items() if not all(unit.values())}
        super().remove_node(node)
        return ended

    def _reschedule(self, node: WorkerController) -> None:
        if node in self.registered_collections:  # not one that came anew and still collects
            super()._reschedule(node)

    def schedule(self) -> None:
        """Gives each worker two units if there are two: it keeps the last test it has until it knows what follows."""
        super().schedule()
        for node in self.nodes:
            self._reschedule(node)


def guard_numba_cache() -> None:
    """Lets one worker at a time read or write what Numba compiled of a module.

    Numba writes the list of a function's compiled forms first and then the form that is new, guarded by nothing: where
    two processes compile two forms of one function at the same moment, one may come under the other's name.
    """
    from numba.core.caching import IndexDataCacheFile

    for name in ("load", "save"):
        plain = getattr(IndexDataCacheFile, name)

        @wraps(plain)
        def alone(cache: Any, *given: Any, plain: Any = plain) -> Any:
            folder = Path(cache._cache_path)
            if not folder.is_dir():
                return plain(cache, *given)
            with (folder / ".numba.lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                return plain(cache, *given)

        setattr(IndexDataCacheFile, name, alone)

"""`variants run` that kills itself, as a power cut would: `python -m benchmarks.speed.killed_run PLAN variants-words…`.

PLAN is JSON: the step in which to die, and either after how many seconds or at which rename (between the
write of a file and its renaming).
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from apps.cli import main
from service.runs import run_folder
from service.runs.run_folder import Counts, Step, StepRecord


@dataclass(frozen=True)
class Plan:
    """When to die.

    Attributes:
        step: In this step.
        seconds: So long after its beginning; or
        rename: at its so-many-th rename, counted from 1.
    """

    step: str
    seconds: float | None = None
    rename: int | None = None


def die(*_: Any) -> None:
    """Ends this process at once, with nothing cleaned up."""
    os.kill(os.getpid(), signal.SIGKILL)


def arm(plan: Plan) -> None:
    """Makes the step of the plan deadly."""
    real_run, real_replace = Step.run, os.replace
    within: list[str] = []
    renames = 0

    def run(self: Step, work: Callable[[], Counts]) -> StepRecord:
        within.append(self.name)
        if self.name == plan.step and plan.seconds is not None:
            threading.Timer(plan.seconds, die).start()
        record = real_run(self, work)
        within.pop()
        return record

    def replace(source: Any, target: Any) -> None:
        nonlocal renames
        if plan.rename is not None and within[-1:] == [plan.step]:
            renames += 1
            if renames == plan.rename:
                die()
        real_replace(source, target)

    run_folder.Step.run = run  # type: ignore[method-assign]
    os.replace = replace  # type: ignore[assignment]


if __name__ == "__main__":
    arm(Plan(**json.loads(sys.argv[1])))
    sys.argv = ["variants", *sys.argv[2:]]
    main()

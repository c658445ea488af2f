"""What all tests share: the time budgets, and CI's rule that nothing may be skipped."""

from __future__ import annotations

import os
from collections import defaultdict
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# Minutes that the tests of each part may take on two cores; other parts will have lines of their own.
BUDGETS = {"main path": 4.0, "feeds": 2.0, "learning": 6.0, "precision": 3.0, "benchmarks": 1.5}

PLACES = {
    "/feeds/": "feeds",
    "/fetching/": "feeds",
    "/fuzz/": "feeds",
    "/test_real_feeds.py": "feeds",
    "/fusion/pairs/": "precision",
    "/fusion/groups/": "precision",
    "/test_precision.py": "precision",
    "/test_group_ids.py": "precision",
    "/test_precise_benchmarks.py": "precision",
    "/learning/": "learning",
    "/test_known_groups.py": "learning",
    "/test_planned.py": "learning",
    "/test_held_out.py": "learning",
    "/test_learning_benchmarks.py": "learning",
    "/notebooks/": "learning",
    "/analysis/": "learning",
    "/benchmarks/": "benchmarks",
}


def part_of(nodeid: str) -> str:
    return next((part for place, part in PLACES.items() if place in nodeid), "main path")


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real catalogues and models beside the checkout; skips where there is none."""
    folder = (ROOT / ".." / "shared").resolve()
    if not folder.is_dir():
        pytest.skip("needs the real catalogues in ../shared")
    return folder


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if report.skipped and os.environ.get("VARIANTS_NO_SKIPS") and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped where nothing may be skipped: {report.longrepr}"
    return report


def pytest_terminal_summary(terminalreporter):
    seconds: dict[str, float] = defaultdict(float)
    for reports in terminalreporter.stats.values():
        for report in reports:
            seconds[part_of(getattr(report, "nodeid", ""))] += getattr(report, "duration", 0.0)
    for part, budget in BUDGETS.items():
        if seconds[part]:
            state = "within" if seconds[part] <= 60 * budget else "OVER"
            terminalreporter.write_line(f"{part}: {seconds[part]:.0f} s, {state} its budget of {budget:g} minutes")

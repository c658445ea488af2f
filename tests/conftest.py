"""What all tests share: time budgets, how two workers divide the files, and CI's rule that nothing may be skipped."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from candidates.errors import VariantsError

# Nothing above imports NumPy, which reads these once. Two workers share two cores: a second thread each gains nothing,
# and threads that wait for one another by spinning lose a lot.
for _name, _value in {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}.items():
    os.environ.setdefault(_name, _value)

ROOT = Path(__file__).parents[1]

# Minutes that the tests of each part may take on two cores; other parts will have lines of their own.
BUDGETS = {
    "main path": 6.0,
    "feeds": 4.0,
    "learning": 8.0,
    "precision": 4.0,
    "benchmarks": 7.0,
    "elasticsearch": 7.0,
    "airflow": 10.0,
}

PLACES = {
    "/elastic/": "elasticsearch",
    "/elastic_node/": "elasticsearch",
    "/test_elastic_": "elasticsearch",
    "tests/dags/": "airflow",
    "/batches/": "airflow",
    "/benchmarks/": "benchmarks",
    "/feeds/": "feeds",
    "/fetching/": "feeds",
    "/fuzz/": "feeds",
    "/test_fetch_pictures.py": "feeds",
    "/test_real_feeds.py": "feeds",
    "/fusion/pairs/": "precision",
    "/fusion/groups/": "precision",
    "/service/pairs/": "precision",
    "/learning/": "learning",
    "/notebooks/": "learning",
    "/analysis/": "learning",
}
"""Which part a test belongs to, by its path; the first that fits."""


def part_of(nodeid: str) -> str:
    """The part of a test, which has a budget."""
    return next((part for place, part in PLACES.items() if place in nodeid), "main path")


def pytest_configure(config):
    if hasattr(config, "workerinput"):
        from tests.two_workers import guard_numba_cache

        guard_numba_cache()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Divides the tests among workers; with `-p no:xdist` nobody asks."""
    from tests.two_workers import Scheduling

    return Scheduling(config, log) if config.getvalue("dist") == "loadfile" else None


def pytest_collection_modifyitems(items):
    """What takes longest comes first; all else keeps its order."""
    from tests.two_workers import rank

    items.sort(key=lambda item: rank(item.nodeid))


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real catalogues and models beside the checkout; skips where there is none."""
    folder = (ROOT / ".." / "shared").resolve()
    if not folder.is_dir():
        pytest.skip("needs the real catalogues in ../shared")
    return folder


@pytest.fixture(scope="session")
def elasticsearch_home() -> Path:
    """What real nodes start from; fetched the first time, and a skip where Java or Maven is missing."""
    from devtools.elastic_node.home import ready_home

    try:
        return ready_home()
    except VariantsError as error:
        pytest.skip(f"needs a real Elasticsearch: {error}")


@pytest.fixture(scope="session")
def elasticsearch_url(request, tmp_path_factory) -> Iterator[str]:
    """One real Elasticsearch node for the whole session; VARIANTS_TEST_ELASTICSEARCH names another, and is written to.

    It is shared, so a test gives its indices names of their own and deletes them.
    """
    if given := os.environ.get("VARIANTS_TEST_ELASTICSEARCH"):
        yield given
        return
    from devtools.elastic_node.cluster import start

    request.getfixturevalue("elasticsearch_home")
    with start(tmp_path_factory.mktemp("elasticsearch"), hasty=True) as cluster:
        yield cluster.url


@pytest.fixture(scope="module")
def three_nodes(elasticsearch_home, tmp_path_factory):
    """A cluster of three real nodes for one module of tests, which may kill them; 10 to 30 s to start."""
    from devtools.elastic_node.cluster import start

    with start(tmp_path_factory.mktemp("three"), nodes=3, hasty=True) as cluster:
        yield cluster


@pytest.fixture(scope="session", autouse=True)
def _texts_are_encoded_once():
    from tests.remembered_texts import remember

    remember()


@pytest.fixture(scope="session")
def drawn(tmp_path_factory):
    """A small drawn catalogue; read it, never write to it."""
    from demo_catalogue.catalogue import draw_catalogue

    return draw_catalogue(tmp_path_factory.mktemp("catalogue"), groups=24)


@pytest.fixture(scope="session")
def finished(drawn, tmp_path_factory):
    """A finished run of the drawn catalogue; read it, never write to it."""
    from service.pipeline.run import run
    from tests.small_runs import small_settings

    return run(drawn.feed, tmp_path_factory.mktemp("runs") / "out", small_settings())


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

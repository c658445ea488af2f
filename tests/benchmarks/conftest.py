"""A small drawn catalogue that several benchmarks measure on."""

import pytest

from benchmarks.quality.ground import Ground
from candidates.settings import Settings


@pytest.fixture(scope="session")
def ground(tmp_path_factory):
    """A small drawn catalogue and where to work."""
    settings = Settings.read(
        None, merge={"n": 10, "k": 2}, evaluation={"bootstrap": 20}, pairs={"classify": False}, run={"threads": 1}
    )
    folder = tmp_path_factory.mktemp("bench")
    return Ground(folder, folder / "no such folder", groups=16, settings=settings)

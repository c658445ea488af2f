"""One small run with a classifier, which the tests of mistakes and pictures read."""

import pytest

from analysis.held_pairs import HeldPairs
from candidates.settings import Settings
from demo_catalogue.catalogue import draw_catalogue
from service.pipeline.run import run


@pytest.fixture(scope="session")
def held(tmp_path_factory):
    """Held-out pairs of a run that learned a classifier; read them, never write to its folder."""
    settings = Settings.read(
        None,
        feed={"groups_are_global": True},
        text={"index": "exact"},
        image={"model": "hog", "index": "exact"},
        evaluation={"bootstrap": 20, "text_depths": (5, 20), "hops": (0, 1)},
        merge={"strategy": "fused", "n": 15},
        pairs={"precision": 0.5},
        run={"chunk": 64},
    )
    drawn = draw_catalogue(tmp_path_factory.mktemp("held"), groups=50)
    return HeldPairs.of(run(drawn.feed, tmp_path_factory.mktemp("held-run") / "out", settings))

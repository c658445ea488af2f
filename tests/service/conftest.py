"""One small finished run that the service's tests read."""

import pytest

from candidates.settings import Settings
from service.demo.catalogue import draw_catalogue
from service.pipeline import run


def small_settings(**sections):
    """The paper's strategy on vectors as encoded, small and quick; what is learned has tests of its own."""
    merge = {"strategy": "hop", "n": 8, "k": 2} | sections.pop("merge", {})
    evaluation = {"bootstrap": 50} | sections.pop("evaluation", {})
    learn = {"spaces": "encoded"} | sections.pop("learn", {})
    pairs = {"classify": False} | sections.pop("pairs", {})
    return Settings.read(
        None, merge=merge, evaluation=evaluation, learn=learn, pairs=pairs, run={"chunk": 64}, **sections
    )


@pytest.fixture(scope="session")
def drawn(tmp_path_factory):
    return draw_catalogue(tmp_path_factory.mktemp("catalogue"), groups=24)


@pytest.fixture(scope="session")
def finished(drawn, tmp_path_factory):
    """A finished run; read it, never write to it."""
    return run(drawn.feed, tmp_path_factory.mktemp("runs") / "out", small_settings())

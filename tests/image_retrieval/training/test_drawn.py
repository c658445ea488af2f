"""Drawn things: the same for the same seed, of every kind, and never an empty picture."""

import numpy as np
import pytest

from image_retrieval.training import drawn as drawings
from image_retrieval.training.drawn import colour, drawn


def test_the_same_seed_draws_the_same_and_another_seed_another():
    one, again, other = (np.asarray(drawn(np.random.default_rng(seed))) for seed in (5, 5, 6))
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)


@pytest.mark.parametrize("kind", range(len(drawings._KINDS)))
def test_every_kind_shows_something_on_its_ground(kind, monkeypatch):
    monkeypatch.setattr(drawings, "_KINDS", (drawings._KINDS[kind],))
    for seed in range(12):
        pixels = np.asarray(drawn(np.random.default_rng(seed)), np.float32)
        off = np.abs(pixels - pixels[0, 0]).max(axis=2) > 40
        assert pixels.shape == (320, 320, 3)
        assert 0.002 < off.mean() < 0.9, (kind, seed)


def test_colours_are_of_all_brightnesses():
    brightest = [max(colour(np.random.default_rng(seed))) for seed in range(200)]
    assert min(brightest) < 60
    assert max(brightest) > 230

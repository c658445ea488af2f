"""Recolouring: pixel by pixel what a slow plain reference makes, and shapes left alone."""

import colorsys

import numpy as np
import pytest
import torch

from image_retrieval.training.recolour import Recolouring


def pictures(count=12, side=8, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).random((count, 3, side, side), np.float32))


def recoloured(given, seed=1, **options):
    return Recolouring(**options)(given.clone(), torch.Generator().manual_seed(seed))


NEUTRAL = {"share": 1.0, "saturation": 0.0, "gamma": 1.0, "channel": 0.0, "gain": 0.0}


def test_without_saturation_a_picture_is_its_brightness():
    given = pictures()
    grey = (given * torch.tensor([0.299, 0.587, 0.114])[None, :, None, None]).sum(1, keepdim=True)
    assert torch.allclose(recoloured(given, **NEUTRAL), grey.expand_as(given), atol=2e-3)


def test_one_pixel_becomes_what_the_same_pixel_becomes_elsewhere_in_its_picture():
    given = pictures(4)
    given[:, :, 0, 0] = given[:, :, 5, 3]
    made = recoloured(given)
    assert torch.equal(made[:, :, 0, 0], made[:, :, 5, 3])


def test_a_share_keeps_its_colours_exactly():
    given = pictures(400, 2)
    kept = (recoloured(given, share=0.7) == given).flatten(1).all(1).float().mean()
    assert 0.2 < kept < 0.4
    assert torch.equal(recoloured(given, share=0.0), given)


def test_hues_turn_all_the_way_round():
    given = torch.tensor([0.8, 0.3, 0.3])[None, :, None, None].expand(300, 3, 1, 1)
    made = recoloured(given, **NEUTRAL | {"saturation": 1.5}).flatten(1).numpy()
    hues = [colorsys.rgb_to_hsv(*pixel)[0] for pixel in made if np.ptp(pixel) > 0.05]
    assert len(np.unique(np.floor(np.array(hues) * 6))) == 6


def test_dark_and_light_change_places_in_inverted_pictures():
    given = pictures(3)
    plain = recoloured(given, **NEUTRAL)
    assert torch.allclose(recoloured(given, **NEUTRAL | {"inverted": 1.0}), 1 - plain, atol=1e-5)


@pytest.mark.parametrize("options", [{}, {"share": 1.0, "gamma": 4.0, "channel": 0.9, "gain": 0.9, "saturation": 3.0}])
def test_whatever_is_drawn_stays_between_black_and_white(options):
    edge = torch.cat([torch.zeros(8, 3, 4, 4), torch.ones(8, 3, 4, 4), pictures(16, 4)])
    made = recoloured(edge, **options)
    assert made.shape == edge.shape
    assert torch.isfinite(made).all()
    assert made.min() >= 0
    assert made.max() <= 1


def test_the_same_seed_recolours_alike_and_another_otherwise():
    given = pictures()
    assert torch.equal(recoloured(given), recoloured(given))
    assert not torch.equal(recoloured(given), recoloured(given, seed=2))

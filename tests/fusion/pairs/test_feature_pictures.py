"""What a picture looks like: drawn ones whose colours and framing are known, and differences against loops."""

import time

import numpy as np
import pytest
from skimage.color import rgb2lab

from fusion.pairs.feature_pictures import PARTS, WIDTH, describe, foreground, lab
from fusion.pairs.table import features_of
from tests.fusion.pairs.feature_worlds import all_pairs, world

WORLDS = [world(30, 1), world(25, 2, threads=3), world(1, 3), world(10, 4, looks=False)]


def drawn(colour, box, size=(120, 80), ground=(255, 255, 255)):
    """A picture of one ground with a rectangle (left, top, right, bottom) in it."""
    picture = np.full((*size, 3), ground, np.uint8)
    left, top, right, bottom = box
    picture[top:bottom, left:right] = colour
    return picture


def part(look, name):
    found = next(one for one in PARTS if one.name == name)
    return look[found.start : found.stop]


def test_colours_are_those_of_a_library():
    levels = np.random.default_rng(0).integers(0, 256, (20, 30, 3)).astype(np.uint8)
    np.testing.assert_allclose(lab(levels), rgb2lab(levels), atol=0.05)


def test_the_product_is_what_differs_from_the_border():
    look = describe(drawn((200, 0, 0), (20, 30, 60, 90)))
    np.testing.assert_allclose(
        part(look, "picture_colour"), rgb2lab(np.array([[[200, 0, 0]]], np.uint8))[0, 0], atol=0.05
    )
    np.testing.assert_allclose(part(look, "picture_spread"), 0, atol=1e-3)
    np.testing.assert_allclose(part(look, "picture_box"), [0.25, 0.25, 0.75, 0.75], atol=0.03)
    assert part(look, "picture_fill") == pytest.approx(0.25, abs=0.03)
    assert part(look, "picture_solidity") == pytest.approx(1)
    assert part(look, "picture_aspect") == pytest.approx(np.log(60 / 40), abs=0.1)


def test_the_colour_of_the_ground_does_not_matter():
    looks = [
        describe(drawn((30, 60, 120), (20, 30, 60, 90), ground=ground)) for ground in ((255,) * 3, (225, 220, 215))
    ]
    np.testing.assert_allclose(*looks, atol=1e-3)


def test_a_noisy_ground_is_no_product():
    rng = np.random.default_rng(1)
    picture = drawn((20, 20, 20), (20, 30, 60, 90)).astype(int) - rng.integers(0, 12, (120, 80, 3))
    look = describe(np.clip(picture, 0, 255).astype(np.uint8))
    np.testing.assert_allclose(part(look, "picture_box"), [0.25, 0.25, 0.75, 0.75], atol=0.05)


def test_a_picture_without_anything_in_it_is_taken_whole():
    look = describe(np.full((50, 40, 3), 7, np.uint8))
    np.testing.assert_allclose(part(look, "picture_box"), [0, 0, 1, 1])
    assert np.isfinite(look).all()
    assert foreground(lab(np.full((5, 4, 3), 7, np.uint8))).all()


def test_a_large_picture_looks_like_a_small_one():
    small = describe(drawn((200, 0, 0), (20, 30, 60, 90)))
    large = describe(np.repeat(np.repeat(drawn((200, 0, 0), (20, 30, 60, 90)), 9, axis=0), 9, axis=1))
    np.testing.assert_allclose(small, large, atol=0.05)


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (300, 1), (2, 2), (7, 1000)])
def test_odd_sizes(size):
    look = describe(np.random.default_rng(2).integers(0, 256, (*size, 3)).astype(np.uint8))
    assert look.shape == (WIDTH,)
    assert look.dtype == np.float32
    assert np.isfinite(look).all()


def test_no_pixels_say_nothing():
    assert np.isnan(describe(np.zeros((0, 4, 3), np.uint8))).all()


def test_a_picture_takes_under_two_milliseconds():
    picture = np.random.default_rng(3).integers(0, 256, (600, 400, 3)).astype(np.uint8)
    describe(picture)
    spent = []
    for _ in range(20):
        began = time.thread_time()
        describe(picture)
        spent.append(time.thread_time() - began)
    assert min(spent) < 0.002


def plain(name, one, other):
    """How far two looks are apart in one part."""
    found = next(part for part in PARTS if part.name == name)
    one, other = one[found.start : found.stop].astype(float), other[found.start : found.stop].astype(float)
    if found.kind == 0:
        return float(np.sqrt(((one - other) ** 2).sum()))
    if found.kind == 1:
        return float(np.abs(one - other).mean())
    width, height = (max(0.0, min(one[i + 2], other[i + 2]) - max(one[i], other[i])) for i in (0, 1))
    areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other))
    return 1 - width * height / (areas - width * height)


@pytest.mark.parametrize("made_of", WORLDS)
def test_differences_are_those_of_the_nearest_pair_of_pictures(made_of):
    for name in (one.name for one in PARTS):
        expected = []
        for a, b in zip(*all_pairs(made_of.n), strict=True):
            rows = [[row for row in made_of.pictures(p) if np.isfinite(made_of.looks[row]).all()] for p in (a, b)]
            apart = [plain(name, made_of.looks[i], made_of.looks[j]) for i in rows[0] for j in rows[1]]
            expected.append(min(apart) if apart and made_of.context.looks else np.nan)
        found = features_of(made_of.context, *all_pairs(made_of.n), [name])[:, 0]
        np.testing.assert_allclose(found, np.array(expected, float), rtol=1e-5, atol=1e-6, err_msg=name)

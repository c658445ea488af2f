import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from candidates.vectors import normalised
from image_retrieval.encoders.gradients import FIRST, SECOND, GradientsEncoder, Order, gathered, oriented
from image_retrieval.pictures import padded
from tests.image_retrieval.drawn import mug, shirt


def oriented_plainly(picture: np.ndarray, count: int) -> np.ndarray:
    """Gradients shared between orientations, pixel by pixel."""
    rows, columns = picture.shape
    found = np.zeros((count, rows, columns))
    for y in range(rows):
        for x in range(columns):
            across = picture[y, min(x + 1, columns - 1)] - picture[y, max(x - 1, 0)]
            down = picture[min(y + 1, rows - 1), x] - picture[max(y - 1, 0), x]
            turn = math.atan2(down, across) % math.pi / math.pi * count
            part = turn - math.floor(turn)
            found[math.floor(turn) % count, y, x] += (1 - part) * math.hypot(across, down)
            found[(math.floor(turn) + 1) % count, y, x] += part * math.hypot(across, down)
    return found


def gathered_plainly(maps: np.ndarray, order: Order) -> np.ndarray:
    """Histograms of places that overlap, place by place."""
    (count, rows, columns), (across, down) = maps.shape, order.grid
    found = np.zeros((count, down, across))
    for j in range(down):
        for i in range(across):
            near_y = [max(0.0, 1 - abs((y + 0.5) * down / rows - j - 0.5)) for y in range(rows)]
            near_x = [max(0.0, 1 - abs((x + 0.5) * across / columns - i - 0.5)) for x in range(columns)]
            near = np.outer(near_y, near_x)
            found[:, j, i] = (near * maps).sum(axis=(1, 2)) / near.sum()
            found[:, j, i] /= math.sqrt((found[:, j, i] ** 2).sum() + order.floor**2)
    row = np.sqrt(found).ravel()
    return order.weight * row / np.linalg.norm(row)


@settings(deadline=None, derandomize=True, max_examples=40)
@given(st.integers(1, 9), st.integers(1, 9), st.sampled_from([2, 4, 12]), st.integers(0, 999))
def test_gradients_are_shared_between_orientations(rows, columns, count, seed):
    random = np.random.default_rng(seed)
    maps = random.choice([random.random((2, rows, columns)), random.integers(0, 2, (2, rows, columns))])
    found = oriented(maps.astype(np.float32), count)
    assert (found.shape, found.dtype) == ((2, count, rows, columns), np.float32)
    np.testing.assert_allclose(found, [oriented_plainly(one, count) for one in maps], atol=2e-5)


@pytest.mark.parametrize("angle", [0, 15, 37, 90, 135, 179])
def test_a_ramp_has_one_orientation(angle):
    down, across = np.mgrid[0:9, 0:9]
    ramp = (across * math.cos(math.radians(angle)) + down * math.sin(math.radians(angle))) / 20
    inner = oriented(ramp[None].astype(np.float32), 12)[0, :, 1:-1, 1:-1].mean(axis=(1, 2))
    centre = angle / 15
    expected = np.zeros(12)
    expected[int(centre) % 12] += 1 - centre % 1
    expected[(int(centre) + 1) % 12] += centre % 1
    np.testing.assert_allclose(inner / inner.sum(), expected, atol=1e-5)


def test_the_arithmetic_itself_has_no_gradients():
    assert not oriented(
        np.float32(0.5) + np.random.default_rng(0).normal(0, 1e-7, (1, 8, 8)).astype(np.float32), 4
    ).any()


@pytest.mark.parametrize("grid", [(3, 2), (5, 4), (8, 12)])
def test_places_overlap_and_are_scaled_one_by_one(grid):
    maps = np.random.default_rng(4).random((3, 24, 16)).astype(np.float32) ** 4
    maps[:, :8] *= 1e-3
    order = Order(3, grid, 0.01, 0.7)
    np.testing.assert_allclose(gathered(maps, order), gathered_plainly(maps, order), atol=1e-5)


def test_a_picture_is_its_two_orders():
    grey = np.sqrt(padded(shirt(striped=True).convert("L"), 128, 192) / 255)
    weights = np.exp(-(np.arange(-3, 4) ** 2) / 2)
    framed = np.pad(grey, 3, mode="edge")
    rows = np.stack([np.convolve(row, weights / weights.sum(), "valid") for row in framed])
    smooth = np.stack([np.convolve(column, weights / weights.sum(), "valid") for column in rows.T]).T
    first = oriented_plainly(smooth, 12)
    joined = (first[0::2] + first[1::2]).reshape(6, 48, 4, 32, 4).mean(axis=(2, 4))
    second = np.concatenate([oriented_plainly(one, 4) for one in joined])
    expected = np.concatenate([gathered_plainly(first, FIRST), gathered_plainly(second, SECOND)])
    np.testing.assert_allclose(
        GradientsEncoder().encode([shirt(striped=True)])[0], normalised(expected[None])[0], atol=1e-3
    )


def test_rows_have_length_one():
    rows = GradientsEncoder().encode([shirt(), mug()])
    assert (rows.shape, rows.dtype) == ((2, GradientsEncoder.dimensions), np.float32)
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("colour", ["white", "black", "rgb(200,17,99)"])
def test_a_picture_of_one_colour_is_a_row_of_zeros(colour):
    assert not GradientsEncoder().encode([Image.new("RGB", (128, 192), colour)]).any()


def test_no_pictures_make_no_rows():
    assert GradientsEncoder().encode([]).shape == (0, GradientsEncoder.dimensions)


def test_neither_threads_nor_company_change_a_picture():
    batch = [shirt(colour=colour) for colour in ("red", "black", "olive")]
    alone = np.concatenate([GradientsEncoder(1).encode([one]) for one in batch])
    assert np.array_equal(GradientsEncoder(3).encode(batch), alone)


def test_shape_counts_more_than_colour():
    red, blue, cup = GradientsEncoder().encode([shirt(colour="firebrick"), shirt(colour="royalblue"), mug()])
    assert red @ blue > 0.95 > 0.6 > red @ cup


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (3, 300), (300, 3), (896, 1344)])
def test_every_size_of_a_picture_has_a_row(size):
    noise = np.random.default_rng(1).integers(0, 256, (size[1], size[0], 3)).astype(np.uint8)
    row = GradientsEncoder().encode([Image.fromarray(noise)])
    assert np.linalg.norm(row) == pytest.approx(1, abs=1e-5)

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from image_retrieval.encoders.foreground import subject_of


def on_ground(ground: np.ndarray, box: tuple[int, int, int, int], colour: str) -> Image.Image:
    """A block of one colour on any ground."""
    image = Image.fromarray(ground.clip(0, 255).astype(np.uint8))
    left, top, right, bottom = box
    ImageDraw.Draw(image).rectangle((left, top, right - 1, bottom - 1), fill=colour)
    return image


def ground_of(width: int, height: int, levels: tuple[int, ...] = (235, 235, 235)) -> np.ndarray:
    return np.full((height, width, 3), levels, np.float64)


def covered(image: Image.Image, box: tuple[int, int, int, int]) -> float:
    """Intersection over union of the found mask with the block that was drawn, both in small."""
    mask = subject_of(image).mask
    drawn = Image.new("L", image.size, 0)
    left, top, right, bottom = box
    ImageDraw.Draw(drawn).rectangle((left, top, right - 1, bottom - 1), fill=255)
    truth = np.asarray(drawn.resize(mask.shape[::-1], Image.Resampling.BOX)) > 127
    return float((mask & truth).sum() / (mask | truth).sum())


BOX = (60, 80, 170, 250)


@pytest.mark.parametrize("colour", ["black", "white", "firebrick", "rgb(222,228,226)"])
@pytest.mark.parametrize("levels", [(240, 240, 240), (20, 20, 20), (30, 90, 160)])
def test_a_block_is_found_on_any_ground(levels, colour):
    if levels[0] == 20 and colour == "black":
        colour = "rgb(45,20,20)"
    image = on_ground(ground_of(224, 336, levels), BOX, colour)
    assert covered(image, BOX) > 0.95
    np.testing.assert_allclose(subject_of(image).box, (57, 75, 173, 255), atol=3)


def test_uneven_light_is_no_subject():
    slope = np.linspace(-20, 20, 224)[None, :, None] + np.linspace(-15, 15, 336)[:, None, None]
    image = on_ground(ground_of(224, 336, (200, 205, 210)) + slope, BOX, "rgb(180,170,150)")
    assert covered(image, BOX) > 0.95


def test_grain_is_no_subject():
    grain = np.random.default_rng(5).normal(0, 8, (336, 224, 3))
    image = on_ground(ground_of(224, 336) + grain, BOX, "olive")
    assert covered(image, BOX) > 0.95
    assert not subject_of(Image.fromarray((ground_of(224, 336, (128,) * 3) + grain).astype(np.uint8))).mask.any()


def test_a_subject_that_covers_part_of_the_border_is_found():
    box = (40, 120, 180, 336)
    assert covered(on_ground(ground_of(224, 336), box, "navy"), box) > 0.95


def test_holes_are_filled_and_specks_left_out():
    image = on_ground(ground_of(224, 336), BOX, "navy")
    pen = ImageDraw.Draw(image)
    pen.rectangle((100, 150, 120, 180), fill=(235, 235, 235))
    pen.rectangle((10, 10, 13, 13), fill="black")
    assert covered(image, BOX) > 0.95
    np.testing.assert_allclose(subject_of(image).box, (57, 75, 173, 255), atol=3)


@pytest.mark.parametrize("colour", ["white", "black", "teal"])
def test_in_a_picture_of_one_colour_nothing_stands_out(colour):
    found = subject_of(Image.new("RGB", (50, 70), colour))
    assert not found.mask.any()
    assert found.box == (0, 0, 50, 70)


@settings(deadline=None, derandomize=True, max_examples=60)
@given(st.integers(1, 70), st.integers(1, 70), st.integers(0, 99))
def test_every_picture_has_a_box_that_can_be_cropped(width, height, seed):
    random = np.random.default_rng(seed)
    pixels = random.choice([0, 128, 250, 255], (height, width, 3), p=random.dirichlet(np.full(4, 0.3)))
    image = Image.fromarray(pixels.astype(np.uint8))
    found = subject_of(image)
    left, top, right, bottom = found.box
    assert 0 <= left < right <= width
    assert 0 <= top < bottom <= height
    assert image.crop(found.box).size == (right - left, bottom - top)
    assert found.mask.shape[0] <= 144
    assert found.mask.shape[1] <= 96


def test_the_box_follows_the_subject():
    boxes = [np.array(subject_of(on_ground(ground_of(448, 672), (x, 90, x + 100, 240), "navy")).box) for x in (50, 250)]
    np.testing.assert_allclose(boxes[1] - boxes[0], (200, 0, 200, 0), atol=5)

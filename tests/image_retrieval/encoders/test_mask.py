import numpy as np
import pytest
from PIL import Image, ImageDraw

from image_retrieval.encoders.mask import MaskEncoder
from tests.image_retrieval.drawn import mug, shirt


def test_rows_have_length_one():
    rows = MaskEncoder().encode([shirt(), mug()])
    assert (rows.shape, rows.dtype) == ((2, MaskEncoder.dimensions), np.float32)
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)


def test_a_block_fills_its_places():
    image = Image.new("RGB", (240, 360), "white")
    ImageDraw.Draw(image).rectangle((60, 100, 179, 299), fill="navy")
    mask = MaskEncoder().encode([image])[0].reshape(36, 24)
    expected = np.zeros((36, 24))
    expected[10:30, 6:18] = 1
    np.testing.assert_allclose(mask / mask.max(), expected, atol=1e-6)


@pytest.mark.parametrize("size", [(200, 100), (100, 400)])
def test_a_picture_of_other_proportions_lies_in_the_middle(size):
    image = Image.new("RGB", size, "white")
    width, height = size
    ImageDraw.Draw(image).rectangle((width * 0.25, height * 0.25, width * 0.75 - 1, height * 0.75 - 1), fill="navy")
    mask = MaskEncoder().encode([image])[0].reshape(36, 24)
    np.testing.assert_allclose(mask, mask[::-1, ::-1], atol=1e-6)
    assert mask.any()


def test_colour_and_pattern_do_not_count():
    plain, striped, cup = MaskEncoder().encode([shirt(), shirt(colour="black", striped=True), mug()])
    assert plain @ striped > 0.99 > 0.8 > plain @ cup


def test_a_picture_of_one_colour_is_a_row_of_zeros():
    assert not MaskEncoder().encode([Image.new("RGB", (128, 192), "teal")]).any()


def test_no_pictures_make_no_rows():
    assert MaskEncoder().encode([]).shape == (0, MaskEncoder.dimensions)


def test_neither_threads_nor_company_change_a_picture():
    batch = [shirt(colour=colour) for colour in ("red", "black", "olive")]
    alone = np.concatenate([MaskEncoder(1).encode([one]) for one in batch])
    assert np.array_equal(MaskEncoder(3).encode(batch), alone)

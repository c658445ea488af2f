import numpy as np
import pytest
from PIL import Image

from image_retrieval.encoders.hog import HogCropEncoder, HogEncoder
from tests.image_retrieval.drawn import mug, shirt


def test_rows_have_length_one():
    rows = HogEncoder().encode([shirt(), mug()])
    assert (rows.shape, rows.dtype) == ((2, HogEncoder.dimensions), np.float32)
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)


def test_a_picture_of_one_colour_is_a_row_of_zeros():
    rows = HogEncoder().encode([Image.new("RGB", (128, 192), "white"), shirt()])
    assert not rows[0].any()
    assert np.isfinite(rows).all()


def test_no_pictures_make_no_rows():
    assert HogEncoder().encode([]).shape == (0, HogEncoder.dimensions)


def test_the_number_of_threads_changes_nothing():
    batch = [shirt(colour=colour) for colour in ("red", "black", "olive")]
    assert np.array_equal(HogEncoder(1).encode(batch), HogEncoder(3).encode(batch))


def test_shape_counts_more_than_colour():
    red, blue, cup = HogEncoder().encode([shirt(colour="firebrick"), shirt(colour="royalblue"), mug()])
    assert red @ blue > 0.95 > 0.6 > red @ cup


def test_every_size_of_a_picture_is_nearly_the_same():
    small, large = HogEncoder().encode([shirt(224, 336), shirt(896, 1344)])
    assert small @ large > 0.97


def test_gradients_agree_with_plain_arithmetic():
    # One cell's histogram by hand: a ramp to the right has only horizontal gradients, the first orientation.
    ramp = Image.fromarray(np.tile((np.linspace(0, 1, 128) ** 2 * 255).astype(np.uint8), (192, 1)))
    row = HogEncoder().encode([ramp])[0].reshape(11, 7, 2, 2, 9)
    assert (row[..., 0] > 0.9 * row.sum(axis=-1)).all()


def test_the_crop_does_not_see_where_the_subject_lies():
    plain, moved = shirt(160, 240), Image.new("RGB", (448, 672), "white")
    moved.paste(plain, (20, 400))
    whole = HogEncoder().encode([plain, moved])
    crop = HogCropEncoder().encode([plain, moved])
    assert crop[0] @ crop[1] > 0.9 > 0.6 > whole[0] @ whole[1]


def test_the_crop_of_a_picture_of_one_colour_is_a_row_of_zeros():
    rows = HogCropEncoder(2).encode([Image.new("RGB", (128, 192), "teal"), shirt()])
    assert not rows[0].any()
    assert rows.shape == (2, HogCropEncoder.dimensions)
    assert HogCropEncoder().encode([]).shape == (0, HogCropEncoder.dimensions)


def test_golden_numbers():
    row = HogEncoder().encode([shirt(striped=True)])[0]
    assert row.sum() == pytest.approx(GOLDEN["sum"], rel=1e-3)
    assert int((row > 1e-3).sum()) == pytest.approx(GOLDEN["nonzero"], abs=8)
    np.testing.assert_allclose(row[1000:1100:9], GOLDEN["some"], atol=2e-3)
    np.testing.assert_allclose(row.reshape(77, 36).sum(axis=1)[::7], GOLDEN["blocks"], atol=5e-3)


GOLDEN = {
    "sum": 21.822,
    "nonzero": 884,
    "some": [0.0013, 0.0424, 0.0424, 0.0424, 0.0292, 0.0447, 0.0, 0.025, 0.0447, 0.0, 0.0, 0.0412],
    "blocks": [0.0, 0.127, 0.2365, 0.3719, 0.477, 0.4692, 0.3126, 0.0, 0.0, 0.0, 0.0],
}

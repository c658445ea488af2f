import numpy as np
from PIL import Image

from image_retrieval.encoders.phash import PhashEncoder
from tests.image_retrieval.drawn import mug, shirt


def bits(row: np.ndarray) -> str:
    return np.packbits(row > 0).tobytes().hex()


def plain(image: Image.Image) -> np.ndarray:
    """The hash by the sums that define it."""
    pixels = np.asarray(image.convert("L").resize((32, 32), Image.Resampling.BICUBIC, reducing_gap=3.0)).astype(float)
    waves = np.cos(np.pi * (np.arange(32)[None] + 0.5) * np.arange(8)[:, None] / 32)
    scale = np.where(np.arange(8) == 0, np.sqrt(1 / 32), np.sqrt(2 / 32))
    lowest = (waves @ pixels @ waves.T * np.outer(scale, scale)).ravel()
    return np.where(lowest > np.median(lowest), 1, -1)


def test_signs_are_those_of_plain_arithmetic():
    pictures = [shirt(), mug(), shirt(striped=True)]
    rows = PhashEncoder().encode(pictures)
    assert np.array_equal(np.sign(rows), [plain(picture) for picture in pictures])


def test_cosine_follows_hamming_distance():
    rows = PhashEncoder().encode([shirt(), mug()])
    differing = (np.sign(rows[0]) != np.sign(rows[1])).sum()
    assert differing > 8
    np.testing.assert_allclose(rows[0] @ rows[1], 1 - 2 * differing / 64, atol=1e-6)


def test_a_copy_of_another_size_is_found_again():
    rows = PhashEncoder().encode([shirt(224, 336), shirt(1000, 1500), mug()])
    assert rows[0] @ rows[1] > 0.9 > rows[0] @ rows[2]


def test_a_picture_of_one_colour_is_a_row_of_zeros():
    rows = PhashEncoder(2).encode([Image.new("RGB", (50, 60), "grey"), mug()])
    assert not rows[0].any()
    assert np.isfinite(rows).all()


def test_no_pictures_make_no_rows():
    assert PhashEncoder().encode([]).shape == (0, 64)


def test_golden_hash():
    row = PhashEncoder().encode([shirt(striped=True)])[0]
    golden = np.unpackbits(np.frombuffer(bytes.fromhex(GOLDEN), np.uint8))
    assert (golden != (row > 0)).sum() <= 2


GOLDEN = "e4ce91b19b6e6ca0"

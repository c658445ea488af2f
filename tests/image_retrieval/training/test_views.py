"""Views: the whole picture first, parts of it after, the same for the same seed."""

import numpy as np
from PIL import Image

from image_retrieval.training.views import VIEWS, views_of


def ramp(width=100, height=160):
    """A picture whose every pixel tells where it is, and none of which is white."""
    across, down = np.meshgrid(np.arange(width), np.arange(height))
    return Image.fromarray(np.stack([across, down, np.full_like(across, 9)], axis=2).astype(np.uint8))


def test_the_first_view_is_the_whole_picture_perhaps_mirrored():
    whole = np.asarray(ramp())
    seen = set()
    for seed in range(20):
        first = np.asarray(views_of(ramp(), np.random.default_rng(seed))[0])
        seen.add("as it is" if np.array_equal(first, whole) else "mirrored")
        assert np.array_equal(first, whole) or np.array_equal(first, whole[:, ::-1])
    assert seen == {"as it is", "mirrored"}


def test_parts_hold_at_least_a_half_of_each_side_and_some_stand_on_white():
    parts = [view for seed in range(40) for view in views_of(ramp(), np.random.default_rng(seed))[1:]]
    on_white = 0
    for part in parts:
        pixels = np.asarray(part)
        rows, columns = np.nonzero(pixels[:, :, 2] == 9)
        width, height = columns.max() - columns.min() + 1, rows.max() - rows.min() + 1
        # A part is stretched by at most the root of 4/3.
        assert width >= 0.5 * 100 * 0.75**0.5 - 1
        assert height >= 0.5 * 160 * 0.75**0.5 - 1
        assert len(rows) == width * height
        on_white += (pixels == 255).any()
    assert 0.15 < on_white / len(parts) < 0.35


def test_the_same_seed_gives_the_same_views():
    one, again = ([np.asarray(view) for view in views_of(ramp(), np.random.default_rng(3))] for _ in range(2))
    assert len(one) == VIEWS
    assert all(np.array_equal(left, right) for left, right in zip(one, again, strict=True))


def test_a_picture_of_one_pixel_has_views_too():
    assert all(min(view.size) >= 1 for view in views_of(Image.new("RGB", (1, 1)), np.random.default_rng(0)))

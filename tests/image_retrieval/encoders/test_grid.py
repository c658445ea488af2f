import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from candidates.errors import SettingsError
from image_retrieval.encoders.grid import Grid, flattened, split_grid


def averaged_place_by_place(maps: np.ndarray, grid: Grid) -> np.ndarray:
    """Adaptive average pooling as its definition reads, one number at a time."""
    pictures, channels, rows, columns = maps.shape
    means = np.zeros((pictures, channels, grid.height, grid.width))
    for y in range(grid.height):
        for x in range(grid.width):
            top, bottom = int(np.floor(y * rows / grid.height)), int(np.ceil((y + 1) * rows / grid.height))
            left, right = int(np.floor(x * columns / grid.width)), int(np.ceil((x + 1) * columns / grid.width))
            means[:, :, y, x] = maps[:, :, top:bottom, left:right].mean(axis=(2, 3))
    return means


@settings(deadline=None, derandomize=True, max_examples=60)
@given(st.tuples(*[st.integers(1, 15)] * 4), st.integers(0, 99))
def test_any_map_is_averaged_to_any_grid(sides, seed):
    rows, columns, width, height = sides
    maps = np.random.default_rng(seed).normal(size=(2, 3, rows, columns)).astype(np.float32)
    pooled = Grid(width, height).pool(maps, "x")
    assert pooled.dtype == np.float32
    np.testing.assert_allclose(pooled, averaged_place_by_place(maps, Grid(width, height)), atol=1e-5)


@pytest.mark.parametrize("sides", [(14, 14, 7, 7), (10, 13, 7, 4), (3, 5, 7, 2), (1, 1, 2, 3)])
def test_it_is_what_torch_does(sides):
    import torch

    rows, columns, width, height = sides
    maps = np.random.default_rng(7).normal(size=(2, 4, rows, columns)).astype(np.float32)
    expected = torch.nn.functional.adaptive_avg_pool2d(torch.from_numpy(maps), (height, width)).numpy()
    np.testing.assert_allclose(Grid(width, height).pool(maps, "x"), expected, atol=1e-6)


def test_half_precision_is_averaged_in_single():
    maps = np.full((1, 1, 64, 64), 60_000, np.float16)
    assert Grid(1, 1).pool(maps, "x").item() == pytest.approx(60_000, rel=1e-3)


@pytest.mark.parametrize("shape", [(2, 8), (2, 8, 1), (2, 8, 3, 0), (1, 2, 3, 4, 5)])
def test_what_is_no_map_is_refused(shape):
    with pytest.raises(SettingsError, match=r"emb1280 has the shape .*averaged to a 7x5 grid. Leave out @7x5"):
        Grid(7, 5).pool(np.zeros(shape, np.float32), "emb1280")


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("grid7", ("grid7", None)),
        ("grid7@7x5", ("grid7", Grid(7, 5))),
        ("a@b@12x99", ("a@b", Grid(12, 99))),
        ("@1x1", ("", Grid(1, 1))),
        ("x@07x7", ("x@07x7", None)),
        ("x@0x7", ("x@0x7", None)),
        ("x@7x100", ("x@7x100", None)),
        ("x@7", ("x@7", None)),
        ("x@7x7 ", ("x@7x7 ", None)),
    ],
)
def test_a_grid_stands_at_the_end_of_a_name(text, parts):
    assert split_grid(text) == parts


def test_width_stands_before_height():
    maps = np.arange(6, dtype=np.float32).reshape(1, 1, 2, 3)
    assert flattened(maps, Grid(1, 2), "x").tolist() == [[1, 4]]
    assert flattened(maps, Grid(3, 1), "x").tolist() == [[1.5, 2.5, 3.5]]
    assert str(Grid(3, 1)) == "3x1"


def test_without_a_grid_a_map_stays_as_it_is():
    maps = np.arange(12, dtype=np.float16).reshape(2, 1, 2, 3)
    assert flattened(maps, None, "x").tolist() == maps.reshape(2, 6).tolist()

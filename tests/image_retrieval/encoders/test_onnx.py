from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from candidates.errors import ModelMissing, SettingsError
from candidates.vectors import normalised
from image_retrieval.encoders.grid import Grid
from image_retrieval.encoders.onnx import OnnxEncoder
from image_retrieval.pictures import padded
from tests.image_retrieval.drawn import mug, shirt
from tests.image_retrieval.encoders.tiny_onnx import tiny_network

MODELS = Path(__file__).parents[3] / "../shared/models"
NETWORKS = [
    ("mobilenetv2_fp16.onnx", "emb1280", 1280),
    ("mobilenetv2_fp16.onnx", "grid7", 4704),
    ("mobilenetv2_fp16.onnx", "grid7@3x5", 96 * 3 * 5),
    ("efficientnet_b4_trunk_fp16.onnx", "mid960", 960),
]


def tiny(folder: Path, output: str = "mean", **options) -> OnnxEncoder:
    file = folder / "tiny.onnx"
    file.write_bytes(tiny_network(**options))
    return OnnxEncoder.open(file, output, 1)


def as_input(image: Image.Image, width: int, height: int) -> np.ndarray:
    """What a network must be fed, number by number."""
    pixels = padded(image, width, height) / 255
    return np.stack(
        [
            (pixels[:, :, band] - mean) / deviation
            for band, (mean, deviation) in enumerate([(0.485, 0.229), (0.456, 0.224), (0.406, 0.225)])
        ]
    )


def test_pictures_go_in_scaled_and_come_out_flat(tmp_path):
    encoder = tiny(tmp_path, "pixels")
    assert (encoder.size, encoder.dimensions) == ((6, 8), 3 * 8 * 6)
    rows = encoder.encode([shirt(), mug()])
    expected = normalised(np.stack([as_input(one, 6, 8).ravel() for one in (shirt(), mug())]))
    np.testing.assert_allclose(rows, expected, atol=1e-5)


def test_an_open_size_is_224(tmp_path):
    encoder = tiny(tmp_path, shape=("n", 3, "h", "w"))
    assert encoder.size == (224, 224)
    expected = normalised(as_input(mug(), 224, 224).mean(axis=(1, 2))[None])
    np.testing.assert_allclose(encoder.encode([mug()]), expected, atol=1e-4)


@pytest.mark.parametrize("batch", [1, 2, 3, "n"])
def test_a_fixed_batch_changes_nothing(tmp_path, batch):
    pictures = [shirt(), mug(), shirt(colour="olive")]
    rows = tiny(tmp_path, "pixels", shape=(batch, 3, 8, 6)).encode(pictures)
    expected = normalised(np.stack([as_input(one, 6, 8).ravel() for one in pictures]))
    np.testing.assert_allclose(rows, expected, atol=1e-5)


def test_half_precision_goes_in_and_comes_out(tmp_path):
    rows = tiny(tmp_path, "pixels", half=True).encode([shirt()])
    assert rows.dtype == np.float32
    np.testing.assert_allclose(rows, normalised(as_input(shirt(), 6, 8).reshape(1, -1)), atol=2e-3)


def test_no_pictures_make_no_rows(tmp_path):
    assert tiny(tmp_path).encode([]).shape == (0, 3)


def test_an_output_is_averaged_to_a_grid(tmp_path):
    encoder = tiny(tmp_path, "pixels@3x2")
    assert (encoder.dimensions, encoder.output, encoder.grid) == (3 * 2 * 3, "pixels", Grid(3, 2))
    pixels = np.stack([as_input(one, 6, 8) for one in (shirt(), mug())])
    expected = normalised(pixels.reshape(2, 3, 2, 4, 3, 2).mean(axis=(3, 5)).reshape(2, -1))
    np.testing.assert_allclose(encoder.encode([shirt(), mug()]), expected, atol=1e-5)


def test_a_grid_is_part_of_the_version(tmp_path):
    versions = {tiny(tmp_path, output).version for output in ("pixels", "pixels@3x2", "pixels@2x3")}
    assert len(versions) == 3


def test_an_output_without_places_takes_no_grid(tmp_path):
    with pytest.raises(SettingsError, match=r"'flat' has the shape \(1, 144\).*Leave out @2x2"):
        tiny(tmp_path, "flat@2x2")


def test_an_unknown_output_is_answered_with_those_there_are(tmp_path):
    with pytest.raises(SettingsError, match=r"no output 'emb'.*#pixels or #mean or #flat"):
        tiny(tmp_path, "emb")


def test_a_network_that_takes_no_pictures_is_refused(tmp_path):
    with pytest.raises(SettingsError, match="not pictures"):
        tiny(tmp_path, shape=("n", 4, 8, 6))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ModelMissing, match=r"nowhere\.onnx.*onnx:FILE#OUTPUT"):
        OnnxEncoder.open(tmp_path / "nowhere.onnx", "x", 1)


def test_a_file_that_is_no_network_is_named(tmp_path):
    (tmp_path / "feed.tsv").write_text("id\ttitle\n")
    with pytest.raises(ModelMissing, match=r"feed\.tsv is not an ONNX network"):
        OnnxEncoder.open(tmp_path / "feed.tsv", "x", 1)


def test_the_version_follows_weights_and_output_but_not_the_folder(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    version = tiny(tmp_path, "mean").version
    assert tiny(tmp_path / "elsewhere", "mean").version == version
    assert tiny(tmp_path, "pixels").version != version
    assert tiny(tmp_path, "mean", half=True).version != version


@pytest.mark.parametrize(("file", "output", "dimensions"), NETWORKS)
def test_the_shared_networks(file, output, dimensions):
    if not (MODELS / file).is_file():
        pytest.skip("the shared models are not here")
    encoder = OnnxEncoder.open(MODELS / file, output, 1)
    rows = encoder.encode([shirt(), shirt(colour="maroon"), mug()])
    assert rows.shape == (3, dimensions) == (3, encoder.dimensions)
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    assert rows[0] @ rows[1] > rows[0] @ rows[2]

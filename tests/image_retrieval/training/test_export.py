"""The written network: equal to torch within the rounding of half precision, and read back to the same."""

import numpy as np
import pytest
import torch

pytest.importorskip("onnx", reason="pip install 'variant-candidates[training]'")

from candidates.vectors import normalised
from image_retrieval.encoders.batches import network_input
from image_retrieval.encoders.onnx import OnnxEncoder
from image_retrieval.training.drawn import drawn
from image_retrieval.training.export import read_onnx, write_onnx
from image_retrieval.training.network import Shape, body, shape_in
from image_retrieval.training.prepared import SIDE

SMALL = Shape(4, (6, 4), (10, 4), (1, 2))


def network(shape=SMALL, seed=0):
    """A network whose normalisations are as those of a trained one: of any size and place."""
    torch.manual_seed(seed)
    made = body(shape)
    for module in made.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
            torch.nn.init.normal_(module.bias, 0, 0.2)
            torch.nn.init.normal_(module.running_mean, 0, 0.2)
            torch.nn.init.uniform_(module.running_var, 0.5, 2)
    return made.eval()


def pictures(count=5):
    return [drawn(np.random.default_rng(seed)) for seed in range(count)]


def by_torch(made, given):
    with torch.no_grad():
        maps = made(torch.from_numpy(network_input(given, SIDE, SIDE))).numpy()
    return normalised(maps.reshape(*maps.shape[:2], 7, 2, 7, 2).mean(axis=(3, 5)).reshape(len(given), -1))


def test_onnxruntime_gives_what_torch_gives(tmp_path):
    made = network()
    write_onnx(made, SIDE, tmp_path / "made.onnx")
    encoder = OnnxEncoder.open(tmp_path / "made.onnx", "grid7", 1)
    assert encoder.size == (SIDE, SIDE)
    assert encoder.dimensions == 10 * 49
    assert np.abs(encoder.encode(pictures()) - by_torch(made, pictures())).max() < 2e-3


@pytest.mark.parametrize("shape", [SMALL, Shape(3, (5, 2), (7, 3), (2, 1))])
def test_a_network_is_read_back_as_it_was_written(tmp_path, shape):
    made = network(shape)
    write_onnx(made, SIDE, tmp_path / "made.onnx")
    again = read_onnx(tmp_path / "made.onnx").eval()
    assert shape_in(again) == shape
    assert np.abs(by_torch(again, pictures()) - by_torch(made, pictures())).max() < 2e-3
    write_onnx(again, SIDE, tmp_path / "again.onnx")
    assert (
        np.abs(by_torch(read_onnx(tmp_path / "again.onnx").eval(), pictures()) - by_torch(again, pictures())).max()
        < 1e-5
    )


def test_the_same_network_is_written_as_the_same_bytes(tmp_path):
    for name in ("one", "two"):
        write_onnx(network(), SIDE, tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()

import urllib.error
import urllib.request

import numpy as np
import pytest

from candidates.errors import ModelMissing
from candidates.vectors import normalised
from image_retrieval.encoders.batches import network_input
from image_retrieval.encoders.torchvision import ARCHITECTURES, TorchvisionEncoder, build, headless
from tests.image_retrieval.drawn import mug, shirt


@pytest.fixture(scope="module")
def resnet(tmp_path_factory):
    """A file of seeded random weights, and the network they belong to."""
    import torch
    import torchvision

    torch.manual_seed(3)
    network = torchvision.models.resnet50().eval()
    path = tmp_path_factory.mktemp("weights") / "resnet50.pth"
    torch.save(network.state_dict(), path)
    return path, network


def test_resnet_gives_the_layer_before_its_classes(resnet):
    import torch

    path, network = resnet
    encoder = TorchvisionEncoder.open("resnet50", str(path), 1)
    rows = encoder.encode([shirt(), mug()])
    seen = []
    handle = network.avgpool.register_forward_hook(lambda module, given, pooled: seen.append(pooled.flatten(1)))
    with torch.inference_mode():
        network(torch.from_numpy(network_input([shirt(), mug()], 224, 224)))
    handle.remove()
    assert (rows.shape, rows.dtype) == ((2, 2048), np.float32)
    np.testing.assert_allclose(rows, normalised(seen[0].numpy()), atol=1e-5)


def test_the_version_follows_the_weights(resnet):
    path, _ = resnet
    encoder = TorchvisionEncoder.open("resnet50", str(path), 1)
    assert encoder.version == TorchvisionEncoder.open("resnet50", str(path), 1).version
    assert encoder.version.startswith("torchvision:resnet50:")
    assert encoder.encode([]).shape == (0, 2048)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_network_ends_before_its_classes(name):
    import torch

    kind = ARCHITECTURES[name]
    with torch.device("meta"):
        picture = torch.zeros(1, 3, kind.side, kind.side)
    assert headless(build(name), name)(picture).shape == (1, kind.dimensions)


def test_inception_turns_its_input_to_the_scale_it_was_trained_on():
    assert build("inception_v3").transform_input


@pytest.mark.parametrize("other", ["vgg16", "inception_v3"])
def test_weights_of_another_network_are_refused(resnet, other):
    with pytest.raises(ModelMissing, match=f"holds no weights of {other}"):
        TorchvisionEncoder.open(other, str(resnet[0]), 1)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ModelMissing, match=r"gone\.pth.*image\.weights"):
        TorchvisionEncoder.open("resnet50", str(tmp_path / "gone.pth"), 1)


@pytest.mark.parametrize("content", [b"", b"no weights at all", b"PK\x03\x04 half a file"])
def test_a_file_that_holds_no_weights_is_named(tmp_path, content):
    path = tmp_path / "broken.pth"
    path.write_bytes(content)
    with pytest.raises(ModelMissing, match=r"broken\.pth"):
        TorchvisionEncoder.open("resnet50", str(path), 1)


def test_a_file_that_holds_something_else_is_named(tmp_path):
    import torch

    path = tmp_path / "numbers.pth"
    torch.save([1, 2, 3], path)
    with pytest.raises(ModelMissing, match=r"numbers\.pth holds no weights of resnet50"):
        TorchvisionEncoder.open("resnet50", str(path), 1)


def test_a_hub_out_of_reach_is_said_with_the_address(tmp_path, monkeypatch):
    def unreachable(*arguments, **options):
        raise urllib.error.URLError("no route to host")

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(urllib.request, "urlopen", unreachable)
    monkeypatch.setattr("torch.hub.urlopen", unreachable)
    with pytest.raises(ModelMissing, match=r"https://.*resnet50.*image\.weights"):
        TorchvisionEncoder.open("resnet50", "", 1)

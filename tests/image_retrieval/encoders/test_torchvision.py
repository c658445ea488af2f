import urllib.error
import urllib.request

import numpy as np
import pytest

from candidates.errors import ModelMissing, SettingsError
from candidates.vectors import normalised
from image_retrieval.encoders.batches import network_input
from image_retrieval.encoders.grid import Grid
from image_retrieval.encoders.torchvision import ARCHITECTURES, TorchvisionEncoder, build, cut_at, headless
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


@pytest.fixture(scope="module")
def mobilenet(tmp_path_factory):
    """The same for a network that is quickly run."""
    import torch
    import torchvision

    torch.manual_seed(4)
    network = torchvision.models.mobilenet_v2().eval()
    path = tmp_path_factory.mktemp("weights") / "mobilenet_v2.pth"
    torch.save(network.state_dict(), path)
    return str(path), network


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


@pytest.mark.parametrize("layer", ["features.3", "features.4.conv.0", "features.4.conv.3"])
def test_a_network_is_cut_at_a_layer_and_averaged_to_a_grid(mobilenet, layer):
    import torch

    path, network = mobilenet
    encoder = TorchvisionEncoder.open(f"mobilenet_v2#{layer}@5x7", path, 2)
    seen = []
    # Cloned, since what comes next may write over it.
    handle = network.get_submodule(layer).register_forward_hook(lambda module, given, maps: seen.append(maps.clone()))
    with torch.inference_mode():
        network(torch.from_numpy(network_input([shirt(), mug()], 224, 224)))
    handle.remove()
    expected = Grid(5, 7).pool(seen[0].numpy(), "x").reshape(2, -1)
    rows = encoder.encode([shirt(), mug()])
    assert (rows.shape, encoder.layer, encoder.grid) == (expected.shape, layer, Grid(5, 7))
    assert rows.shape[1] == encoder.dimensions
    np.testing.assert_allclose(rows, normalised(expected), atol=1e-5)


def test_neither_threads_nor_company_change_a_picture(mobilenet):
    import torch

    batch = [shirt(), mug(), shirt(colour="olive")]
    before = torch.get_num_threads()
    together = TorchvisionEncoder.open("mobilenet_v2#features.2@7x7", mobilenet[0], 3).encode(batch)
    alone = TorchvisionEncoder.open("mobilenet_v2#features.2@7x7", mobilenet[0], 1)
    assert np.array_equal(together, np.concatenate([alone.encode([one]) for one in batch]))
    assert torch.get_num_threads() == before


def test_layer_and_grid_are_part_of_the_version(mobilenet):
    names = ["mobilenet_v2" + cut for cut in ("", "#features.1@7x7", "#features.1@5x7", "#features.2@7x7")]
    assert len({TorchvisionEncoder.open(name, mobilenet[0], 1).version for name in names}) == 4


def test_an_unknown_layer_is_answered_with_those_like_it(mobilenet):
    with pytest.raises(SettingsError, match=r"no layer 'feature\.3'.*features\.3"):
        TorchvisionEncoder.open("mobilenet_v2#feature.3@7x7", mobilenet[0], 1)


def test_a_layer_without_places_takes_no_grid(mobilenet):
    with pytest.raises(SettingsError, match=r"layer 'flatten' has the shape \(1, 1280\).*Leave out @7x7"):
        TorchvisionEncoder.open("mobilenet_v2#flatten@7x7", mobilenet[0], 1)


@pytest.mark.parametrize(
    ("name", "layer", "shape"),
    [
        ("mobilenet_v2", "features.13", (96, 14, 14)),
        ("efficientnet_b4", "features.5", (160, 24, 24)),
        ("vgg16", "features.22", (512, 28, 28)),
        ("inception_v3", "Mixed_6b", (768, 17, 17)),
    ],
)
def test_every_network_can_be_cut(name, layer, shape):
    import torch

    side = ARCHITECTURES[name].side
    with torch.device("meta"):
        picture = torch.zeros(1, 3, side, side)
    assert cut_at(build(name), layer)(picture)[layer].shape == (1, *shape)


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
    with pytest.raises(ModelMissing, match=f"does not contain the weights of {other}"):
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
    with pytest.raises(ModelMissing, match=r"numbers\.pth does not contain the weights of resnet50"):
        TorchvisionEncoder.open("resnet50", str(path), 1)


def test_a_hub_out_of_reach_is_said_with_the_address(tmp_path, monkeypatch):
    def unreachable(*arguments, **options):
        raise urllib.error.URLError("no route to host")

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(urllib.request, "urlopen", unreachable)
    monkeypatch.setattr("torch.hub.urlopen", unreachable)
    with pytest.raises(ModelMissing, match=r"https://.*resnet50.*image\.weights"):
        TorchvisionEncoder.open("resnet50", "", 1)

import pytest

from candidates.errors import ModelMissing, SettingsError
from candidates.settings import ImageSettings
from image_retrieval.encoders import encoder_for
from tests.image_retrieval.encoders.tiny_onnx import tiny_network


def test_the_shipped_fingerprint_is_the_default():
    encoder = encoder_for(ImageSettings(), 2)
    assert encoder.version.startswith("own:")
    assert encoder.dimensions == 160 * 7 * 7


def test_each_name_gives_its_encoder(tmp_path):
    (tmp_path / "a#b.onnx").write_bytes(tiny_network())
    for name, dimensions in (("phash", 64), ("gradients", 4608), ("hog-crop", 2772), ("mask", 864)):
        encoder = encoder_for(ImageSettings(model=name), 1)
        assert (encoder.version.partition(":")[0], encoder.dimensions) == (name, dimensions)
    assert encoder_for(ImageSettings(model=f"onnx:{tmp_path}/a#b.onnx#mean"), 1).dimensions == 3
    assert encoder_for(ImageSettings(model=f"onnx:{tmp_path}/a#b.onnx#pixels@2x5"), 1).dimensions == 3 * 10


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (
            "clip",
            "no encoder 'clip'.*own, own:FOLDER, gradients, hog, hog-crop, mask, phash, onnx:FILE#OUTPUT, "
            "torchvision:NAME; .*vgg16, ",
        ),
        ("", "no encoder ''"),
        ("hog:8", "hog takes nothing after its name"),
        ("phash:8", "phash takes nothing after its name"),
        ("onnx:model.onnx", "names no output.*onnx:FILE#OUTPUT"),
        ("onnx:", "names no output"),
        ("torchvision:vgg16#", "names no layer.*torchvision:NAME#LAYER@7x7"),
        ("torchvision:vgg16@7x7", "names no layer"),
        ("torchvision:alexnet#features.3@7x7", "no torchvision network 'alexnet'"),
        ("torchvision:alexnet", "no torchvision network 'alexnet'.*vgg16, inception_v3, resnet50, efficientnet_b4"),
    ],
)
def test_a_mistake_is_answered_with_what_there_is(model, said):
    with pytest.raises(SettingsError, match=said):
        encoder_for(ImageSettings(model=model), 1)


def test_missing_weights_are_said(tmp_path):
    with pytest.raises(ModelMissing, match="no model file"):
        encoder_for(ImageSettings(model="torchvision:vgg16", weights=str(tmp_path / "vgg16.pth")), 1)

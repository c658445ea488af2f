"""Selects the encoder named in the settings."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol, TypeAlias

from PIL.Image import Image

from candidates.contracts import Encoder
from candidates.errors import SettingsError
from candidates.settings import ImageSettings
from image_retrieval.encoders.gradients import GradientsEncoder
from image_retrieval.encoders.grid import split_grid
from image_retrieval.encoders.hog import HogCropEncoder, HogEncoder
from image_retrieval.encoders.mask import MaskEncoder
from image_retrieval.encoders.onnx import OnnxEncoder
from image_retrieval.encoders.own import own_encoder
from image_retrieval.encoders.phash import PhashEncoder
from image_retrieval.encoders.torchvision import ARCHITECTURES, TorchvisionEncoder


class ImageEncoder(Encoder[Image], Protocol):
    """An encoder of decoded pictures."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of its input; `pictures.decode` uses it to decode no larger than needed."""
        ...


Maker: TypeAlias = Callable[[str, ImageSettings, int], ImageEncoder]
"""Makes an encoder from the text after the colon, the settings and the number of threads."""


def encoder_for(settings: ImageSettings, threads: int) -> ImageEncoder:
    """The encoder that `image.model` names.

    Raises:
        SettingsError: There is no such encoder; the message lists all encoders.
        ModelMissing: Its weights are missing.
    """
    kind, _, rest = settings.model.partition(":")
    if kind not in _MAKERS:
        raise SettingsError(f"image.model: no encoder {settings.model!r}", f"Use one of: {_FORMS}")
    return _MAKERS[kind](rest, settings, threads)


def _bare(name: str, kind: Callable[[int], ImageEncoder]) -> Maker:
    """The maker of an encoder without weights, whose name takes no argument."""

    def make(rest: str, settings: ImageSettings, threads: int) -> ImageEncoder:
        if rest:
            raise SettingsError(f"image.model: {name} takes nothing after its name, not {rest!r}", f"Write {name}")
        return kind(threads)

    return make


def _onnx(rest: str, settings: ImageSettings, threads: int) -> ImageEncoder:
    file, _, output = rest.rpartition("#")
    if not file:
        raise SettingsError(f"image.model: {settings.model!r} names no output", "Write onnx:FILE#OUTPUT")
    return OnnxEncoder.open(Path(file), output, threads)


def _own(rest: str, settings: ImageSettings, threads: int) -> ImageEncoder:
    return own_encoder(rest, threads)


def _torchvision(rest: str, settings: ImageSettings, threads: int) -> ImageEncoder:
    name, _, layer = split_grid(rest)[0].partition("#")
    if name not in ARCHITECTURES:
        raise SettingsError(f"image.model: no torchvision network {name!r}", f"Use one of: {', '.join(ARCHITECTURES)}")
    if not layer and rest != name:
        raise SettingsError(f"image.model: {settings.model!r} names no layer", "Write torchvision:NAME#LAYER@7x7")
    return TorchvisionEncoder.open(rest, settings.weights, threads)


_BARE: dict[str, Callable[[int], ImageEncoder]] = {
    "gradients": GradientsEncoder,
    "hog": HogEncoder,
    "hog-crop": HogCropEncoder,
    "mask": MaskEncoder,
    "phash": PhashEncoder,
}

_MAKERS: dict[str, Maker] = {
    **{name: _bare(name, kind) for name, kind in _BARE.items()},
    "own": _own,
    "onnx": _onnx,
    "torchvision": _torchvision,
}

_FORMS = (
    f"own, own:FOLDER, {', '.join(_BARE)}, onnx:FILE#OUTPUT, torchvision:NAME; OUTPUT@7x7 and NAME#LAYER@7x7 average "
    f"a layer to a grid (NAME: {', '.join(ARCHITECTURES)})"
)

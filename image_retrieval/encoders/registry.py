"""Which encoder a setting means."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from PIL.Image import Image

from candidates.contracts import Encoder
from candidates.errors import SettingsError
from candidates.settings import ImageSettings
from image_retrieval.encoders.hog import HogEncoder
from image_retrieval.encoders.onnx import OnnxEncoder
from image_retrieval.encoders.phash import PhashEncoder
from image_retrieval.encoders.torchvision import ARCHITECTURES, TorchvisionEncoder


class ImageEncoder(Encoder[Image], Protocol):
    """An encoder of decoded pictures."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height that it sees, which `pictures.decode` takes to decode no larger than needed."""
        ...


def encoder_for(settings: ImageSettings, threads: int) -> ImageEncoder:
    """The encoder that `image.model` names.

    Raises:
        SettingsError: There is no such encoder; the message lists those there are.
        ModelMissing: Its weights are not there.
    """
    kind, _, rest = settings.model.partition(":")
    if kind not in _MAKERS:
        raise SettingsError(f"image.model: no encoder {settings.model!r}", f"There are: {', '.join(_FORMS)}")
    return _MAKERS[kind](rest, settings, threads)


def _hog(rest: str, settings: ImageSettings, threads: int) -> ImageEncoder:
    _bare("hog", rest)
    return HogEncoder(threads)


def _phash(rest: str, settings: ImageSettings, threads: int) -> ImageEncoder:
    _bare("phash", rest)
    return PhashEncoder(threads)


def _bare(name: str, rest: str) -> None:
    if rest:
        raise SettingsError(f"image.model: {name} takes nothing after its name, not {rest!r}", f"Write {name}")


def _onnx(rest: str, settings: ImageSettings, threads: int) -> ImageEncoder:
    file, _, output = rest.rpartition("#")
    if not file:
        raise SettingsError(f"image.model: {settings.model!r} names no output", "Write onnx:FILE#OUTPUT")
    return OnnxEncoder.open(Path(file), output, threads)


def _torchvision(rest: str, settings: ImageSettings, threads: int) -> ImageEncoder:
    if rest not in ARCHITECTURES:
        raise SettingsError(f"image.model: no torchvision network {rest!r}", f"There are: {', '.join(ARCHITECTURES)}")
    return TorchvisionEncoder.open(rest, settings.weights, threads)


_MAKERS: dict[str, Callable[[str, ImageSettings, int], ImageEncoder]] = {
    "hog": _hog,
    "phash": _phash,
    "onnx": _onnx,
    "torchvision": _torchvision,
}

_FORMS = ("hog", "phash", "onnx:FILE#OUTPUT", *(f"torchvision:{name}" for name in ARCHITECTURES))

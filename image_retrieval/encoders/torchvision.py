"""Encodes pictures with torchvision's ImageNet classifiers, without their last layer or up to any layer."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from candidates.errors import ModelMissing, SettingsError
from candidates.vectors import normalised
from image_retrieval.encoders.batches import network_input
from image_retrieval.encoders.grid import Grid, flattened, split_grid
from image_retrieval.encoders.weights import digest_file, weights_file

if TYPE_CHECKING:
    from PIL.Image import Image


@dataclass(frozen=True)
class Architecture:
    """The properties of one network.

    Attributes:
        side: Width and height of the input.
        dimensions: Length of the layer before the classification.
        head: The attribute with the classification layers.
        weights: torchvision's name for the weights on its hub.
        options: Arguments for building the network.
    """

    side: int
    dimensions: int
    head: str
    weights: str
    options: tuple[tuple[str, bool], ...] = ()


ARCHITECTURES = {
    "vgg16": Architecture(224, 4096, "classifier", "VGG16_Weights"),
    # Its published weights were trained with another colour normalisation, which it applies to its input itself.
    "inception_v3": Architecture(
        299, 2048, "fc", "Inception_V3_Weights", (("transform_input", True), ("init_weights", False))
    ),
    "resnet50": Architecture(224, 2048, "fc", "ResNet50_Weights"),
    "efficientnet_b4": Architecture(380, 1792, "classifier", "EfficientNet_B4_Weights"),
    "mobilenet_v2": Architecture(224, 1280, "classifier", "MobileNet_V2_Weights"),
}


@dataclass(frozen=True, eq=False)
class TorchvisionEncoder:
    """The layer before the classification (VGG16's last but one fully connected layer, otherwise the pooled features).

    Or any other layer, flattened, or averaged to a grid first. Pictures are fitted into a white square of the network's
    size, bicubic, and normalised with ImageNet's mean and deviation.

    Attributes:
        version: Network and layer, digest of its weights, and how pictures are prepared.
        dimensions: Length of the layer.
        size: Width and height of the input.
        network: The torch module up to the layer.
        layer: Name of the layer; empty: the one before the classification.
        grid: Grid to which the layer is averaged, or None.
        threads: Pictures encoded in parallel, each on one torch thread.
    """

    version: str
    dimensions: int
    size: tuple[int, int]
    network: Any = field(repr=False)
    layer: str = ""
    grid: Grid | None = None
    threads: int = 1

    @classmethod
    def open(cls, name: str, weights: str, threads: int) -> TorchvisionEncoder:
        """Opens one of `ARCHITECTURES`.

        Args:
            name: The network's name; `#LAYER` selects a layer, and `@7x7` (width, height) averages it to a grid. Layers
                have the names of torchvision's feature extraction, such as `features.13`.
            weights: File with a state dictionary; empty: torchvision's hub (its cache first, then the network).
            threads: Pictures encoded in parallel.

        Raises:
            ModelMissing: The weights are missing, can't be downloaded, or belong to another network.
            SettingsError: The network has no such layer, or the layer is not a map that can be averaged to a grid.
        """
        path, grid = split_grid(name)
        architecture, _, layer = path.partition("#")
        kind = ARCHITECTURES[architecture]
        state, stamp = _from_file(weights) if weights else _from_hub(kind)
        network = build(architecture)
        try:
            network.load_state_dict(state, assign=True)
        except (RuntimeError, AttributeError, TypeError) as error:
            # torch lists every missing key; only the first line is useful.
            reason = str(error).splitlines()[0]
            raise ModelMissing(
                f"{weights or stamp} does not contain the weights of {architecture} ({reason})",
                f"Save the state_dict of {architecture} to this file",
            ) from error
        network = cut_at(network, layer) if layer else headless(network, architecture)
        version = f"torchvision:{name}:{stamp}:{kind.side}x{kind.side}:white:imagenet:1"
        encoder = cls(version, kind.dimensions, (kind.side, kind.side), network, layer, grid, threads)
        return replace(encoder, dimensions=encoder._length()) if layer else encoder

    def encode(self, batch: Sequence[Image]) -> NDArray[np.float32]:
        """Encodes pictures: float32 (len(batch), dimensions), rows of unit length."""
        import torch

        if not batch:
            return np.zeros((0, self.dimensions), np.float32)
        # One picture at a time fits into the processor's cache, and several threads on one picture would mostly wait
        # for each other. torch's number of threads is set per thread, so other threads are not affected.
        with ThreadPoolExecutor(self.threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            rows = list(pool.map(lambda image: self._forward(network_input([image], *self.size)), batch))
        return normalised(np.concatenate(rows))

    def _length(self) -> int:
        width, height = self.size
        return int(self._forward(np.zeros((1, 3, height, width), np.float32)).shape[1])

    def _forward(self, pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        import torch

        with torch.inference_mode():
            values = self.network(torch.from_numpy(pixels))
        maps = values[self.layer] if self.layer else values
        if not isinstance(maps, torch.Tensor) or maps.ndim < 2:
            raise SettingsError(
                f"the output of the layer {self.layer!r} is not a tensor with one row per picture",
                "Name another layer of the network",
            )
        return flattened(maps.numpy(), self.grid, f"the layer {self.layer!r}")


def build(name: str) -> Any:
    """The network with its head, without memory for its weights (on torch's meta device)."""
    import torch
    import torchvision

    with torch.device("meta"):
        return getattr(torchvision.models, name)(weights=None, **dict(ARCHITECTURES[name].options)).eval()


def headless(network: Any, name: str) -> Any:
    """The network up to the layer before the classification."""
    from torch import nn

    head = getattr(network, ARCHITECTURES[name].head)
    # VGG16's head has three fully connected layers, of which only the last one is the classification.
    setattr(network, ARCHITECTURES[name].head, head[:-1] if name == "vgg16" else nn.Identity())
    return network


def cut_at(network: Any, layer: str) -> Any:
    """The network up to a layer, as a module that returns a dictionary with the layer's output.

    Raises:
        SettingsError: There is no such layer; the layers with the most similar names are listed.
    """
    from torchvision.models.feature_extraction import create_feature_extractor, get_graph_node_names

    _, nodes = get_graph_node_names(network, suppress_diff_warning=True)
    # A layer can be named by any module around it: features.13 contains features.13.conv.3.
    names = list(dict.fromkeys(name for node in nodes for name in _enclosing(node)))
    if layer not in names:
        near = get_close_matches(layer, names, 6, 0)
        raise SettingsError(
            f"image.model: the network has no layer {layer!r}", f"Use a layer such as {', '.join(near)}"
        )
    return create_feature_extractor(network, [layer], suppress_diff_warning=True)


def _enclosing(node: str) -> list[str]:
    parts = node.split(".")
    return [".".join(parts[:count]) for count in range(1, len(parts) + 1)]


def _from_file(weights: str) -> tuple[Any, str]:
    path = weights_file(Path(weights), "Set image.weights to the file of a state_dict, or leave it empty for the hub")
    import torch

    try:
        return torch.load(path, map_location="cpu", weights_only=True), digest_file(path)
    except Exception as error:  # pickle and torch raise many kinds of errors, none of which helps a user.
        raise ModelMissing(f"{path} can't be read as weights", "Save a state_dict to it with torch.save") from error


def _from_hub(kind: Architecture) -> tuple[Any, str]:
    import torchvision

    weights = getattr(torchvision.models, kind.weights).IMAGENET1K_V1
    try:
        return weights.get_state_dict(progress=False, check_hash=True), str(weights)
    except (OSError, RuntimeError) as error:
        raise ModelMissing(
            f"the weights {weights} are not on this machine and can't be downloaded ({error})",
            f"Download {weights.url} on a machine with network access, and set image.weights to the file",
        ) from error

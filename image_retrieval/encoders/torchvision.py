"""The paper's networks: torchvision's ImageNet classifiers without their last layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from candidates.errors import ModelMissing
from candidates.vectors import normalised
from image_retrieval.encoders.batches import network_input
from image_retrieval.encoders.weights import digest_file, weights_file

if TYPE_CHECKING:
    from PIL.Image import Image


@dataclass(frozen=True)
class Architecture:
    """What differs between the networks.

    Attributes:
        side: Width and height of the input.
        dimensions: Length of the layer before the classification.
        head: The attribute that holds the classification.
        weights: torchvision's name for the weights on its hub.
        options: Arguments for building it.
    """

    side: int
    dimensions: int
    head: str
    weights: str
    options: tuple[tuple[str, bool], ...] = ()


ARCHITECTURES = {
    "vgg16": Architecture(224, 4096, "classifier", "VGG16_Weights"),
    # Its published weights were trained on another scale of colours, to which it turns its input itself.
    "inception_v3": Architecture(
        299, 2048, "fc", "Inception_V3_Weights", (("transform_input", True), ("init_weights", False))
    ),
    "resnet50": Architecture(224, 2048, "fc", "ResNet50_Weights"),
    "efficientnet_b4": Architecture(380, 1792, "classifier", "EfficientNet_B4_Weights"),
}


@dataclass(frozen=True, eq=False)
class TorchvisionEncoder:
    """The layer before the classification: VGG16's last but one fully connected layer, else the pooled features.

    Pictures go in on a white square of the network's size, bicubic, scaled by ImageNet's mean and deviation.

    Attributes:
        version: Network, digest of its weights, and how pictures go in.
        dimensions: Length of the layer.
        size: Width and height of the input.
        network: The torch module, headless.
    """

    version: str
    dimensions: int
    size: tuple[int, int]
    network: Any = field(repr=False)

    @classmethod
    def open(cls, name: str, weights: str, threads: int) -> TorchvisionEncoder:
        """Opens one of `ARCHITECTURES`.

        Args:
            name: Its name.
            weights: File of a state dictionary; empty: torchvision's hub (its cache first, then the network).
            threads: Threads of torch, for the whole process.

        Raises:
            ModelMissing: The weights are not there, can't be fetched, or belong to another network.
        """
        kind = ARCHITECTURES[name]
        state, stamp = _from_file(weights) if weights else _from_hub(kind)
        network = build(name)
        try:
            network.load_state_dict(state, assign=True)
        except (RuntimeError, AttributeError, TypeError) as error:
            # torch lists every key that is missing; the first line says what was loaded where.
            reason = str(error).splitlines()[0]
            raise ModelMissing(
                f"{weights or stamp} holds no weights of {name} ({reason})", f"Save the state_dict of {name} to it"
            ) from error
        _use_threads(threads)
        version = f"torchvision:{name}:{stamp}:{kind.side}x{kind.side}:white:imagenet:1"
        return cls(version, kind.dimensions, (kind.side, kind.side), headless(network, name))

    def encode(self, batch: Sequence[Image]) -> NDArray[np.float32]:
        """Encodes pictures: float32 (len(batch), dimensions), rows at length one."""
        import torch

        if not batch:
            return np.zeros((0, self.dimensions), np.float32)
        with torch.inference_mode():
            # One picture at a time stays within the processor's cache, which takes less time than many together.
            rows = [self.network(torch.from_numpy(network_input([image], *self.size))) for image in batch]
            return normalised(torch.cat(rows).numpy())


def build(name: str) -> Any:
    """The network with its head, without memory for its weights (torch's meta device)."""
    import torch
    import torchvision

    with torch.device("meta"):
        return getattr(torchvision.models, name)(weights=None, **dict(ARCHITECTURES[name].options)).eval()


def headless(network: Any, name: str) -> Any:
    """The network up to the layer before the classification."""
    from torch import nn

    head = getattr(network, ARCHITECTURES[name].head)
    # VGG16 classifies in three fully connected layers, of which only the last one is the classification.
    setattr(network, ARCHITECTURES[name].head, head[:-1] if name == "vgg16" else nn.Identity())
    return network


def _use_threads(threads: int) -> None:
    import torch

    torch.set_num_threads(threads)


def _from_file(weights: str) -> tuple[Any, str]:
    path = weights_file(Path(weights), "Set image.weights to the file of a state_dict, or leave it empty for the hub")
    import torch

    try:
        return torch.load(path, map_location="cpu", weights_only=True), digest_file(path)
    except Exception as error:  # Pickle's and torch's readers raise many kinds; none means anything to a user.
        raise ModelMissing(f"{path} can't be read as weights", "Save a state_dict to it by torch.save") from error


def _from_hub(kind: Architecture) -> tuple[Any, str]:
    import torchvision

    weights = getattr(torchvision.models, kind.weights).IMAGENET1K_V1
    try:
        return weights.get_state_dict(progress=False, check_hash=True), str(weights)
    except (OSError, RuntimeError) as error:
        raise ModelMissing(
            f"the weights {weights} are not on this machine and can't be fetched ({error})",
            f"Fetch {weights.url} where there is a network, and set image.weights to the file",
        ) from error

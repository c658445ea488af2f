"""The student: a small convolutional network of plain convolutions and bottleneck residual blocks."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import relu

from image_retrieval.training.prepared import SIDE

CELLS = SIDE // 8
"""Rows and columns of its map, one eighth of its input's."""


@dataclass(frozen=True)
class Shape:
    """The width and depth of the network.

    Attributes:
        stem: Channels after the first halving (56×56).
        middle: Channels after the second halving (28×28), and the inner channels of its residual blocks.
        wide: Channels after the third halving (14×14), which are the fingerprint's, and the inner channels of its
            residual blocks.
        blocks: Number of residual blocks at 28×28 and at 14×14.
    """

    stem: int = 32
    middle: tuple[int, int] = (64, 32)
    wide: tuple[int, int] = (160, 80)
    blocks: tuple[int, int] = (2, 6)


class Convolution(nn.Module):
    """A convolution with batch normalisation."""

    def __init__(self, entry: int, out: int, side: int = 1, stride: int = 1) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(entry, out, side, stride, side // 2, bias=False)
        self.norm = nn.BatchNorm2d(out)

    def forward(self, maps: Tensor) -> Tensor:
        """Applies the layer."""
        normalised: Tensor = self.norm(self.convolution(maps))
        return normalised


class Residual(nn.Module):
    """A bottleneck residual block.

    K. He, X. Zhang, S. Ren and J. Sun, "Deep Residual Learning for Image Recognition", CVPR 2016.
    """

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.narrow = Convolution(width, inner)
        self.around = Convolution(inner, inner, 3)
        self.widen = Convolution(inner, width)

    def forward(self, maps: Tensor) -> Tensor:
        """Applies the layer."""
        return relu(maps + self.widen(relu(self.around(relu(self.narrow(maps))))))


class Halving(nn.Module):
    """A 3×3 convolution that halves the map's sides."""

    def __init__(self, entry: int, out: int) -> None:
        super().__init__()
        self.around = Convolution(entry, out, 3, 2)

    def forward(self, maps: Tensor) -> Tensor:
        """Applies the layer."""
        return relu(self.around(maps))


def body(shape: Shape) -> nn.Sequential:
    """The network to be shipped: pictures (n, 3, 112, 112), normalised as for ImageNet, to maps (n, c, 14, 14)."""
    (middle, narrow), (wide, inner) = shape.middle, shape.wide
    return nn.Sequential(
        Halving(3, shape.stem),
        Halving(shape.stem, middle),
        *(Residual(middle, narrow) for _ in range(shape.blocks[0])),
        Halving(middle, wide),
        *(Residual(wide, inner) for _ in range(shape.blocks[1])),
    )


def weights(network: nn.Module) -> int:
    """The number of trainable weights."""
    return sum(parameter.numel() for parameter in network.parameters())


def shape_in(network: nn.Sequential) -> Shape:
    """The shape of a body."""
    layers = list(network)
    residual = [isinstance(layer, Residual) for layer in layers]
    last = [at for at, is_residual in enumerate(residual) if not is_residual][-1]

    def width(layer: nn.Module) -> int:
        convolution: Convolution = getattr(layer, "narrow", None) or layer.around  # type: ignore[assignment]
        return convolution.convolution.out_channels

    return Shape(
        width(layers[0]),
        (width(layers[1]), width(layers[2])),
        (width(layers[last]), width(layers[last + 1])),
        (last - 2, len(layers) - last - 1),
    )


def folded(convolution: Convolution) -> tuple[Tensor, Tensor]:
    """The weights and biases of a convolution with its normalisation folded in."""
    norm = convolution.norm
    assert norm.running_mean is not None
    assert norm.running_var is not None
    scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    kernel = convolution.convolution.weight * scale[:, None, None, None]
    return kernel.detach(), (norm.bias - norm.running_mean * scale).detach()

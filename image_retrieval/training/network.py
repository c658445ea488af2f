"""The student: a small convolutional network of plain and bottleneck convolutions."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import relu

from image_retrieval.training.prepared import SIDE

CELLS = SIDE // 8
"""Rows and columns of its map, an eighth of its input's."""


@dataclass(frozen=True)
class Shape:
    """How wide and deep the network is.

    Attributes:
        stem: Channels after the first halving (56×56).
        middle: Channels after the second (28×28), and the inner ones of its residuals.
        wide: Channels after the third (14×14), and the inner ones of its residuals; the first is the fingerprint's.
        blocks: Residuals at 28×28 and at 14×14.
    """

    stem: int = 32
    middle: tuple[int, int] = (64, 32)
    wide: tuple[int, int] = (160, 80)
    blocks: tuple[int, int] = (2, 6)


class Convolution(nn.Module):
    """A convolution, normalised over the batch."""

    def __init__(self, entry: int, out: int, side: int = 1, stride: int = 1) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(entry, out, side, stride, side // 2, bias=False)
        self.norm = nn.BatchNorm2d(out)

    def forward(self, maps: Tensor) -> Tensor:
        """Applies it."""
        made: Tensor = self.norm(self.convolution(maps))
        return made


class Residual(nn.Module):
    """Narrow, look around, widen, and add to what came in (He et al., *Deep Residual Learning*, CVPR 2016)."""

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.narrow = Convolution(width, inner)
        self.around = Convolution(inner, inner, 3)
        self.widen = Convolution(inner, width)

    def forward(self, maps: Tensor) -> Tensor:
        """Applies it."""
        return relu(maps + self.widen(relu(self.around(relu(self.narrow(maps))))))


class Halving(nn.Module):
    """A 3×3 convolution that halves the map's sides."""

    def __init__(self, entry: int, out: int) -> None:
        super().__init__()
        self.around = Convolution(entry, out, 3, 2)

    def forward(self, maps: Tensor) -> Tensor:
        """Applies it."""
        return relu(self.around(maps))


def body(shape: Shape) -> nn.Sequential:
    """What is shipped: pictures (n, 3, 112, 112), scaled by ImageNet's mean and deviation, to maps (n, c, 14, 14)."""
    (middle, narrow), (wide, inner) = shape.middle, shape.wide
    return nn.Sequential(
        Halving(3, shape.stem),
        Halving(shape.stem, middle),
        *(Residual(middle, narrow) for _ in range(shape.blocks[0])),
        Halving(middle, wide),
        *(Residual(wide, inner) for _ in range(shape.blocks[1])),
    )


def weights(network: nn.Module) -> int:
    """How many numbers are learned."""
    return sum(one.numel() for one in network.parameters())


def shape_in(network: nn.Sequential) -> Shape:
    """The shape of a body."""
    layers = list(network)
    residual = [isinstance(layer, Residual) for layer in layers]
    last = [at for at, one in enumerate(residual) if not one][-1]

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
    """The weights and biases of a convolution with its settled normalisation multiplied in."""
    norm = convolution.norm
    assert norm.running_mean is not None
    assert norm.running_var is not None
    scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    kernel = convolution.convolution.weight * scale[:, None, None, None]
    return kernel.detach(), (norm.bias - norm.running_mean * scale).detach()

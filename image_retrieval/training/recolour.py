"""Recolouring, which teaches a network to ignore colour, because variants differ in it.

The student sees recoloured pictures, its teacher the original ones. What depends on colour in the teacher's map can't
be predicted from a recoloured picture, so the student does not learn it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Generator, Tensor

# Brightness and two colour axes (NTSC's YIQ): rotating the last two rotates the hue.
_TO_AXES = ((0.299, 0.587, 0.114), (0.596, -0.274, -0.322), (0.211, -0.523, 0.312))


@dataclass(frozen=True)
class Recolouring:
    """How pictures are recoloured.

    Attributes:
        share: Share of the pictures that are recoloured.
        saturation: Maximum factor of the saturation; the minimum is zero.
        gamma: Maximum exponent; the minimum is its inverse.
        channel: Red, green and blue are each scaled by a factor from 1 − `channel` to 1 + `channel`.
        gain: All three are scaled by one factor from 1 − `gain` to 1 + `gain` / 2.
        inverted: Share of the recoloured pictures in which dark and light are exchanged.
    """

    share: float = 0.85
    saturation: float = 1.5
    gamma: float = 2.4
    channel: float = 0.25
    gain: float = 0.45
    inverted: float = 0.0

    def __call__(self, pictures: Tensor, draw: Generator) -> Tensor:
        """Recolours pictures.

        Args:
            pictures: float32 (n, 3, rows, columns), 0 to 1, RGB.
            draw: The random generator.

        Returns:
            Pictures of the same shape and range.
        """
        import torch

        n = len(pictures)

        def between(low: float, high: float, width: int = 1) -> Tensor:
            return low + (high - low) * torch.rand((n, width), generator=draw)

        mixed = (self._matrices(between) @ pictures.flatten(2)).clamp_(0, 1)
        exponent = torch.exp(between(-1, 1) * torch.log(torch.tensor(self.gamma)))[:, :, None]
        mixed = mixed.clamp_(min=1e-4).pow_(exponent)
        turned = (between(0, 1) < self.inverted)[:, :, None]
        mixed = torch.where(turned, 1 - mixed, mixed)
        gains = between(1 - self.channel, 1 + self.channel, 3) * between(1 - self.gain, 1 + self.gain / 2)
        mixed = (mixed * gains[:, :, None]).clamp_(0, 1)
        recoloured = (between(0, 1) < self.share)[:, :, None, None]
        return torch.where(recoloured, mixed.view_as(pictures), pictures)

    def _matrices(self, between: Callable[[float, float], Tensor]) -> Tensor:
        """One (3, 3) matrix per picture, which rotates the hue and scales the saturation."""
        import torch

        angle, factor = between(-torch.pi, torch.pi)[:, 0], between(0, self.saturation)[:, 0]
        turn = torch.zeros(len(angle), 3, 3)
        turn[:, 0, 0] = 1
        turn[:, 1, 1] = turn[:, 2, 2] = factor * torch.cos(angle)
        turn[:, 1, 2], turn[:, 2, 1] = -factor * torch.sin(angle), factor * torch.sin(angle)
        axes = torch.tensor(_TO_AXES)
        mixed: Tensor = torch.linalg.inv(axes) @ turn @ axes
        return mixed

"""Recolouring: what makes a network look past colour, by which variants differ.

The student sees recoloured pictures, its teacher the true ones; what the teacher's map owes to colour can't be told
from such an input, and is left out of what the student learns.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Generator, Tensor

# Brightness and two axes of colour (NTSC's YIQ): turning the last two about each other turns the hue.
_TO_AXES = ((0.299, 0.587, 0.114), (0.596, -0.274, -0.322), (0.211, -0.523, 0.312))


@dataclass(frozen=True)
class Recolouring:
    """How pictures are recoloured.

    Attributes:
        share: Of the pictures; the others keep their colours.
        saturation: Greatest factor of saturation; the least is none.
        gamma: The exponent lies between its inverse and this.
        channel: Red, green and blue are scaled by one ± this.
        gain: All three are scaled by a factor between one less this and one more half of it.
        inverted: Share of the recoloured pictures whose dark and light change places.
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
            draw: Where chance comes from.

        Returns:
            The same shape and range.
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
        """One matrix (3, 3) a picture: a turn of the hue and a factor of the saturation."""
        import torch

        angle, factor = between(-torch.pi, torch.pi)[:, 0], between(0, self.saturation)[:, 0]
        turn = torch.zeros(len(angle), 3, 3)
        turn[:, 0, 0] = 1
        turn[:, 1, 1] = turn[:, 2, 2] = factor * torch.cos(angle)
        turn[:, 1, 2], turn[:, 2, 1] = -factor * torch.sin(angle), factor * torch.sin(angle)
        axes = torch.tensor(_TO_AXES)
        mixed: Tensor = torch.linalg.inv(axes) @ turn @ axes
        return mixed

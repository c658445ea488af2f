"""Views of a picture: the whole and parts of it, because shops frame the same thing differently."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from PIL.Image import Image

VIEWS = 6
"""Number of views of each picture."""

_LEAST_SIDE = 0.5
"""Minimum side of a part, as a share of the picture's."""

_ON_WHITE = 0.25
"""Share of the parts that are placed on a larger white background."""


def views_of(image: Image, draw: np.random.Generator, count: int = VIEWS) -> list[Image]:
    """The whole picture and parts of it; each is mirrored with probability one half.

    They are mirrored here and not during training: strided convolutions sample a map off-centre, so the mirrored map of
    a picture is not the map of the mirrored picture.
    """
    from PIL.Image import Transpose

    views = [image, *(_part(image, draw) for _ in range(count - 1))]
    return [view.transpose(Transpose.FLIP_LEFT_RIGHT) if draw.random() < 0.5 else view for view in views]


def _part(image: Image, draw: np.random.Generator) -> Image:
    from PIL.Image import new

    side = draw.uniform(_LEAST_SIDE, 1)
    stretch = np.sqrt(draw.uniform(0.75, 1 / 0.75))
    width = max(1, round(image.width * min(1, side * stretch)))
    height = max(1, round(image.height * min(1, side / stretch)))
    left, top = int(draw.integers(image.width - width + 1)), int(draw.integers(image.height - height + 1))
    part = image.crop((left, top, left + width, top + height))
    if draw.random() >= _ON_WHITE:
        return part
    room = draw.uniform(1.1, 1.8)
    ground = new("RGB", (round(width * room), round(height * room)), "white")
    ground.paste(part, (int(draw.integers(ground.width - width + 1)), int(draw.integers(ground.height - height + 1))))
    return ground

"""Helpers of the encoders: parallel work, and batches of pictures as arrays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

from image_retrieval.pictures import padded

if TYPE_CHECKING:
    from PIL.Image import Image

Item = TypeVar("Item")
Result = TypeVar("Result")

IMAGENET_MEAN = np.array([0.485, 0.456, 0.406], np.float32)
IMAGENET_DEVIATION = np.array([0.229, 0.224, 0.225], np.float32)


def each(function: Callable[[Item], Result], batch: Sequence[Item], threads: int) -> list[Result]:
    """Applies a function to every item of a batch, with this many threads."""
    if threads <= 1 or len(batch) <= 1:
        return [function(item) for item in batch]
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(function, batch))


def network_input(batch: Sequence[Image], width: int, height: int) -> NDArray[np.float32]:
    """Pictures as input for ImageNet networks: in a white box, normalised with ImageNet's mean and deviation.

    Returns:
        float32 (len(batch), 3, height, width), RGB.
    """
    scale = (1 / (255 * IMAGENET_DEVIATION))[:, None, None]
    shift = (IMAGENET_MEAN / IMAGENET_DEVIATION)[:, None, None]
    planes = np.empty((len(batch), 3, height, width), np.float32)
    for plane, image in zip(planes, batch, strict=True):
        np.multiply(padded(image, width, height).transpose(2, 0, 1), scale, out=plane)
        plane -= shift
    return planes

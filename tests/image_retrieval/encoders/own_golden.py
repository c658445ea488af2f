"""Pictures made of whole numbers alone, and what the shipped fingerprint gave for them when it was made.

`python -m tests.image_retrieval.encoders.own_golden` writes the file anew, which is right only where the weights are
new.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

FILE = Path(__file__).with_name("own_golden.npz")

EVERY = 7
"""Every seventh number of a vector is kept: enough to notice any change, in a small file."""


def pictures() -> list[Image.Image]:
    """Four pictures of the network's own size, so that no resampling has a part in them."""
    across, down = np.meshgrid(np.arange(112), np.arange(112))
    disc = ((across - 60) ** 2 + (down - 50) ** 2 < 1200) * 150
    stripes = (across // 9 % 2) * 120
    checks = ((across // 14 + down // 14) % 2) * 200
    ramp = across + down
    planes = [(disc, stripes, ramp), (checks, checks, disc), (ramp, 222 - ramp, stripes), (255 - disc,) * 3]
    return [Image.fromarray(np.stack(some, axis=2).astype(np.uint8)) for some in planes]


def main() -> None:
    """Writes the file."""
    import onnxruntime

    from image_retrieval.encoders.own import SHA256, own_encoder

    vectors = own_encoder("", 1).encode(pictures())[:, ::EVERY]
    np.savez_compressed(FILE, vectors=vectors.astype(np.float16), sha256=SHA256, onnxruntime=onnxruntime.__version__)


if __name__ == "__main__":
    main()

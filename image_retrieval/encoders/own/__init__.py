"""The project's own fingerprint: a small network, shipped with its weights, that looks past colour.

`CARD.md` beside this file says what it was trained on, how, and what it is not good at.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from candidates.errors import ModelMissing
from image_retrieval.encoders.onnx import OnnxEncoder
from image_retrieval.encoders.weights import sha256_of, weights_file

SHA256 = "d1af2d41ede270dd9158a9e6d2b7154e9ba1937b372091bc247cd839f3e38a94"
"""Digest of the weights that are shipped; a file of any other is refused."""

OUTPUT = "grid7"

WEIGHTS, ABOUT = "own.onnx", "own.json"
"""Files of a folder that `variants train-encoder` writes: weights, and what is known of them, their digest too."""

_FIX = "Install the package again, or use the model `gradients`, which needs no weights"


def shipped() -> Path:
    """The file of the weights that are shipped."""
    return Path(__file__).with_name(WEIGHTS)


def own_encoder(folder: str, threads: int) -> OnnxEncoder:
    """Opens the shipped weights, or those of a folder that `variants train-encoder` wrote.

    Args:
        folder: That folder; empty: the shipped ones.
        threads: Pictures that run at once.

    Raises:
        ModelMissing: The weights are not there, or are not those that they should be.
    """
    file = weights_file(Path(folder) / WEIGHTS, _trained_fix(folder)) if folder else weights_file(shipped(), _FIX)
    digest = sha256_of(file)
    wanted, fix = (_stated(Path(folder)), _trained_fix(folder)) if folder else (SHA256, _FIX)
    if digest != wanted:
        raise ModelMissing(
            f"{file} is not the file that it should be: its SHA-256 is {digest}, not {wanted}",
            fix,
        )
    encoder = OnnxEncoder.open(file, OUTPUT, threads)
    width, height = encoder.size
    return replace(encoder, version=f"own:{digest[:16]}:{width}x{height}:white:imagenet:1")


def _trained_fix(folder: str) -> str:
    return f"Train it again with `variants train-encoder FEED --out {folder}`, or use the model `own`"


def _stated(folder: Path) -> str:
    """The digest that a folder states."""
    file = folder / ABOUT
    try:
        return str(json.loads(file.read_text("utf-8"))["sha256"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelMissing(
            f"{file} does not state the digest of the weights ({error})", _trained_fix(str(folder))
        ) from error

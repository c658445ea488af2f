"""The project's own fingerprint: a small network that ignores colour, shipped with its weights.

`CARD.md` beside this file describes what it was trained on, how, and what it is not good at.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from candidates.errors import ModelMissing
from image_retrieval.encoders.onnx import OnnxEncoder
from image_retrieval.encoders.weights import sha256_of, weights_file

SHA256 = "d1af2d41ede270dd9158a9e6d2b7154e9ba1937b372091bc247cd839f3e38a94"
"""Digest of the shipped weights; any other file is refused."""

OUTPUT = "grid7"

WEIGHTS, ABOUT = "own.onnx", "own.json"
"""Files in a folder that `variants train-encoder` writes: the weights, and a description with their digest."""

_FIX = "Install the package again, or use the model `gradients`, which needs no weights"


def shipped() -> Path:
    """The file with the shipped weights."""
    return Path(__file__).with_name(WEIGHTS)


def own_encoder(folder: str, threads: int) -> OnnxEncoder:
    """Opens the shipped weights, or those of a folder that `variants train-encoder` wrote.

    Args:
        folder: That folder; empty: the shipped weights.
        threads: Pictures encoded in parallel.

    Raises:
        ModelMissing: The weights are missing, or have another digest than expected.
    """
    file = weights_file(Path(folder) / WEIGHTS, _trained_fix(folder)) if folder else weights_file(shipped(), _FIX)
    digest = sha256_of(file)
    wanted, fix = (_recorded_digest(Path(folder)), _trained_fix(folder)) if folder else (SHA256, _FIX)
    if digest != wanted:
        raise ModelMissing(
            f"{file} is damaged or not the expected file: its SHA-256 is {digest}, not {wanted}",
            fix,
        )
    encoder = OnnxEncoder.open(file, OUTPUT, threads)
    width, height = encoder.size
    return replace(encoder, version=f"own:{digest[:16]}:{width}x{height}:white:imagenet:1")


def _trained_fix(folder: str) -> str:
    return f"Train it again with `variants train-encoder FEED --out {folder}`, or use the model `own`"


def _recorded_digest(folder: Path) -> str:
    """The digest recorded in a folder."""
    file = folder / ABOUT
    try:
        return str(json.loads(file.read_text("utf-8"))["sha256"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelMissing(
            f"{file} does not have the digest of the weights ({error})", _trained_fix(str(folder))
        ) from error

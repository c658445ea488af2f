"""Vectors of texts, encoded once in a process and remembered: most small runs encode the same titles.

`SentenceEncoder` promises a text the same vector to the last bit in whatever company it comes, so remembering changes
no number; `test_sentence` checks that promise, on an encoder that remembers nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from text_retrieval.sentence import PACKAGED, SentenceEncoder

_encode, _model = SentenceEncoder.encode, SentenceEncoder.__dict__["_model"]
_vectors: dict[tuple[int, str], NDArray[np.float32]] = {}
_models: dict[str, Any] = {}


def _remembered_encode(encoder: SentenceEncoder, batch: Sequence[str]) -> NDArray[np.float32]:
    if encoder.name != PACKAGED or not batch:
        return _encode(encoder, batch)
    missing = [text for text in dict.fromkeys(batch) if (encoder.batch, text) not in _vectors]
    if missing:
        keys = [(encoder.batch, text) for text in missing]
        _vectors.update(zip(keys, _encode(encoder, missing), strict=True))
    return np.stack([_vectors[encoder.batch, text] for text in batch])


def _remembered_model(encoder: SentenceEncoder) -> Any:
    if encoder.name != PACKAGED:
        return _model.func(encoder)
    if PACKAGED not in _models:
        _models[PACKAGED] = _model.func(encoder)
    return _models[PACKAGED]


def remember() -> None:
    """From now on the packaged model is loaded once in this process, and encodes each text once."""
    SentenceEncoder.encode = _remembered_encode  # type: ignore[method-assign]
    SentenceEncoder._model = property(_remembered_model)  # type: ignore[assignment,method-assign]


@contextmanager
def nothing_remembered() -> Iterator[None]:
    """The encoder as it is."""
    changed = SentenceEncoder.encode, SentenceEncoder.__dict__["_model"]
    SentenceEncoder.encode, SentenceEncoder._model = _encode, _model  # type: ignore[method-assign]
    try:
        yield
    finally:
        SentenceEncoder.encode, SentenceEncoder._model = changed  # type: ignore[method-assign]

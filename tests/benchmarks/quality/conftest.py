"""A run whose vectors are made, which several benchmarks read."""

import numpy as np
import pytest

from candidates.settings import Settings
from candidates.vectors import normalised
from demo_catalogue.catalogue import draw_catalogue
from service.pipeline.run import encode
from text_retrieval.sentence import SentenceEncoder


@pytest.fixture(scope="session")
def encoded(tmp_path_factory):
    """A run of a small drawn catalogue whose vectors are made."""
    folder = tmp_path_factory.mktemp("learning")
    settings = Settings.read(None, image={"model": "phash"}, run={"threads": 1})
    feed = draw_catalogue(folder / "catalogue", groups=8).feed
    with pytest.MonkeyPatch.context() as patch:
        # Loading the text model takes longer than all that is tested here.
        patch.setattr(SentenceEncoder, "encode", lambda encoder, texts: normalised(letters(texts)))
        patch.setattr(SentenceEncoder, "dimensions", 26)
        with encode(feed, folder / "run", settings) as job:
            return job


def letters(texts):
    """How often each letter stands in a text."""
    return np.array([[text.count(chr(ord("a") + letter)) for letter in range(26)] for text in texts], np.float32)

"""Turns product texts into vectors; each distinct text is encoded only once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from candidates.artifacts import digest_bytes, digest_of
from candidates.contracts import Encoder
from candidates.vectors import Vectors
from service.runs.job import Job
from service.runs.progress import track
from service.runs.remaining import text_shelf
from service.runs.run_folder import Counts, Step, StepRecord
from service.runs.shelf import Digests, Shelf, as_digests, missing_rows


def encode_text(job: Job, rows: slice | None = None) -> StepRecord:
    """Encodes product texts and writes `text/vectors.arrow`.

    Args:
        job: The run.
        rows: Encodes only these products, and writes no file: the vectors are kept in the work folder, where
            the call for all products finds them.

    Raises:
        ModelMissing: The text model can't be loaded.
    """
    from text_retrieval.product_text import product_texts
    from text_retrieval.sentence import SentenceEncoder

    settings = job.settings.text
    texts = product_texts(job.catalogue, settings)
    if settings.index == "tfidf":
        return Step(job.folder, "encode_text", {"texts": digest_of(texts)}).run(lambda: {"encoder": "tfidf"})
    encoder = SentenceEncoder.open(settings, job.threads)
    digests = as_digests([digest_bytes(text.encode()) for text in texts])
    shelf_folder = text_shelf(job, encoder.version)
    target = job.folder.text / "vectors.arrow"
    axis = job.catalogue.axis
    inputs = {"texts": digest_of(digests.astype(str).tolist()), "axis": axis.digest, "encoder": encoder.version}

    def fill(within: slice) -> int:
        return _encode_missing(Shelf(shelf_folder), encoder, texts, digests, within, job.settings.run.chunk)

    def work() -> Counts:
        encoded = fill(slice(None))
        shelf = Shelf(shelf_folder)
        # Avoids loading the text model where possible, because that takes seconds.
        values = shelf.gather(digests, shelf.dimensions or encoder.dimensions)
        Vectors(axis, values, encoder.version).save(target)
        empty = sum(not text for text in texts)
        return {"encoder": encoder.version, "texts": len(texts), "encoded": encoded, "empty": empty}

    step = Step(job.folder, "encode_text", inputs, (target,))
    if rows is not None:
        return StepRecord("encode_text", step.key, {"encoded": fill(rows)})
    return step.run(work)


def _encode_missing(
    shelf: Shelf, encoder: Encoder[str], texts: Sequence[str], digests: Digests, rows: slice, chunk: int
) -> int:
    # A text's vector doesn't depend on its batch, so the missing texts are batched together.
    missing = missing_rows(shelf, digests, rows)
    for start in track(range(0, len(missing), chunk), "encoding texts"):
        batch = missing[start : start + chunk]
        shelf.put(digests[batch], encoder.encode([texts[row] for row in batch.tolist()]).astype(np.float16))
    return len(missing)

"""The vectors that look-ups search, the names of the indexes built for them, and the lists found with them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from candidates.artifacts import digest_of
from candidates.collapse import Owners
from candidates.filters import Filter
from candidates.run import Run
from candidates.vectors import Vectors
from service.runs.job import Job

if TYPE_CHECKING:
    from text_retrieval.lexical import Lexicon

Kind = Literal["text", "image", "lexical"]

TFIDF_UP_TO = 30_000
"""Up to this many products, spelling is compared by all TF-IDF weights, in quadratic time."""

_ENCODED_BY = {"text": "encode_text", "image": "encode_images"}
_RETRIEVED_BY = {"text": "retrieve_text", "image": "retrieve_images", "lexical": "retrieve_lexical"}


def text_vectors(job: Job) -> Vectors:
    """The vectors by which texts are searched, one row per product."""
    return Vectors.open(job.folder.text / _searched(job), job.catalogue.axis)


def image_vectors(job: Job) -> Vectors:
    """The vectors by which pictures are searched, one row per usable picture."""
    return Vectors.open(job.folder.image / _searched(job), job.pictures.axis)


def _searched(job: Job) -> str:
    """The file of vectors: as encoded, or in the spaces of a learned model."""
    return "vectors.arrow" if job.choices.spaces == "encoded" else "projected.arrow"


def compares_all_spellings(job: Job) -> bool:
    """Whether the catalogue is small enough to compare spelling by all weights, without vectors or an index."""
    return len(job.catalogue) <= TFIDF_UP_TO


def vectors_key(job: Job, kind: Literal["text", "image"]) -> str:
    """Digest that identifies the searched vectors: the step that encoded them and the model that projected them."""
    return digest_of(job.folder.require(_ENCODED_BY[kind]).key, job.model.version if job.model else "")


def selecting_pictures(job: Job, owners: Owners) -> Callable[[Filter], NDArray[np.bool_]]:
    """A function from a filter to a mask of the pictures whose products match it, bool (pictures,)."""
    return lambda where: job.catalogue.select(where)[owners.rows]


def text_index_folder(job: Job) -> Path:
    """Where the NMSLIB index of the text vectors belongs; its name contains a digest of its inputs."""
    options = job.settings.text.model_dump(include={"links", "build_effort"})
    return job.folder.text / f"nmslib-{digest_of(vectors_key(job, 'text'), options)[:12]}"


def image_index_folder(job: Job) -> Path:
    """Where the Hamming index of the picture codes belongs."""
    settings = job.settings.image
    options = {"codes": settings.codes, "bits": settings.bits, "seed": job.settings.run.seed}
    return job.folder.image / f"hamming-{digest_of(vectors_key(job, 'image'), options)[:12]}"


def lexical_index_folder(job: Job, vectors: Vectors) -> Path:
    """Where the NMSLIB index of the lexical vectors of a large catalogue belongs."""
    options = job.settings.text.model_dump(include={"links", "build_effort"})
    return job.folder.text / f"letters-{digest_of(vectors.version, vectors.axis.digest, options)[:12]}"


def joint_text(job: Job, lexicon: Lexicon) -> Vectors:
    """The text model's vectors joined with the lexicon's, the input of heads on texts."""
    from text_retrieval.lexical import joined, lexical_texts

    dense = Vectors.open(job.folder.text / "vectors.arrow", job.catalogue.axis)
    lexical = lexicon.encode(lexical_texts(job.catalogue, job.settings.text))
    return joined(dense, Vectors(dense.axis, lexical, lexicon.version), job.settings.learn.lexical_weight)


def fitted_lexicon(job: Job) -> Lexicon:
    """A lexicon fitted on the catalogue's texts; its columns determine which words are colours and sizes."""
    from text_retrieval.lexical import Lexicon, lexical_texts, varying_words

    texts = lexical_texts(job.catalogue, job.settings.text)
    return Lexicon.fit(texts, varying_words(job.catalogue, texts), seed=job.settings.run.seed)


def neighbours_run(job: Job, kind: Kind) -> Run:
    """The lists that the steps `retrieve_…` wrote, mapped into memory.

    Raises:
        RunFolderError: The step has not been run.
    """
    record = job.folder.require(_RETRIEVED_BY[kind])
    axis = job.catalogue.axis
    return Run.open(kind, job.folder.root / record.counts["run"], axis, axis)

"""Builds the indexes of a run. Only steps call this, so opening a run never changes it.

An index is built once for its vectors (NMSLIB's differ from build to build), in a folder whose name contains a digest
of its inputs. Building an index that exists returns at once.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np

from candidates.collapse import Owners
from candidates.errors import RunFolderError
from candidates.exact import ExactIndex
from candidates.vectors import Vectors
from service.neighbours.elastic_images import ElasticImages
from service.neighbours.kinds import ImageLookup, TextLookup
from service.neighbours.vectors import (
    compares_all_spellings,
    fitted_lexicon,
    image_index_folder,
    image_vectors,
    lexical_index_folder,
    text_index_folder,
    text_vectors,
)
from service.runs.job import Job

STAMP = "index.json"
"""Every index writes this file last; a folder without it is incomplete."""

EXACT_UP_TO = 50_000
"""Up to this many vectors, temporary spaces (such as a fold's) are searched exactly; beyond it, an index is built."""


def build_text_index(job: Job) -> None:
    """Builds the NMSLIB index of the texts, unless texts are searched without one."""
    if job.settings.text.index == "nmslib":
        _build_nmslib(job, text_vectors(job), text_index_folder(job))


def build_image_index(job: Job) -> None:
    """Builds the Hamming index of the pictures, or loads their codes into Elasticsearch."""
    from image_retrieval.hamming import HammingIndex

    settings = job.settings.image
    if settings.index == "elasticsearch":
        _load_elastic(ElasticImages.of(job))
    if settings.index != "hamming":
        return
    folder = image_index_folder(job)
    if not (folder / STAMP).is_file():
        vectors, seed = image_vectors(job), job.settings.run.seed
        index = HammingIndex.build(
            vectors, settings.bits, seed, settings.shortlist, threads=job.threads, kind=settings.codes
        )
        index.save(folder)
        drop_others(folder.parent, "hamming-*", folder)


def build_lexical_index(job: Job) -> None:
    """Writes the lexical vectors of a large catalogue and builds their index; smaller catalogues need neither."""
    if compares_all_spellings(job):
        return
    vectors = _lexical_vectors(job)
    if job.settings.text.index != "exact":
        _build_nmslib(job, vectors, lexical_index_folder(job, vectors))


def _lexical_vectors(job: Job) -> Vectors:
    """The texts projected on the leading directions of their n-gram weights; saved, because this takes a while."""
    from candidates.artifacts import digest_of
    from text_retrieval.lexical import lexical_texts

    lexicon = job.model.lexicon if job.model else fitted_lexicon(job)
    texts = lexical_texts(job.catalogue, job.settings.text)
    path = job.folder.text / f"spelling-{digest_of(lexicon.version, texts)[:12]}.arrow"
    if not path.is_file():
        Vectors(job.catalogue.axis, lexicon.encode(texts).astype(np.float16), lexicon.version).save(path)
        drop_others(path.parent, "spelling-*", path)
    return Vectors.open(path, job.catalogue.axis)


def _build_nmslib(job: Job, vectors: Vectors, folder: Path) -> None:
    from text_retrieval.hnsw import NmslibIndex

    if not (folder / STAMP).is_file():
        NmslibIndex.build(vectors, job.settings.text, job.threads, job.catalogue.select).save(folder)
        drop_others(folder.parent, f"{folder.name.rpartition('-')[0]}-*", folder)


def _load_elastic(images: ElasticImages) -> None:
    """Loads the codes, unless this run has already loaded them and the cluster still has them."""
    if images.stamp.is_file():
        try:
            images.lookup()
        except RunFolderError:  # it is another cluster, or it was emptied
            images.stamp.unlink()
    if not images.stamp.is_file():
        images.load(stamp=True)


def passing_text_lookup(job: Job, vectors: Vectors) -> TextLookup:
    """A look-up by text in temporary spaces: exact, or by an index in memory."""
    from text_retrieval.hnsw import NmslibIndex

    if job.settings.text.index == "exact" or len(vectors) <= EXACT_UP_TO:
        return TextLookup(vectors, ExactIndex(vectors))
    return TextLookup(vectors, NmslibIndex.build(vectors, job.settings.text, job.threads))


def passing_image_lookup(job: Job, vectors: Vectors, owners: Owners) -> ImageLookup:
    """A look-up by picture in temporary spaces: exact, or by an index in memory."""
    from image_retrieval.hamming import HammingIndex

    settings = job.settings.image
    if settings.index == "exact" or len(vectors) <= EXACT_UP_TO:
        return ImageLookup(vectors, ExactIndex(vectors), owners)
    index = HammingIndex.build(
        vectors, settings.bits, job.settings.run.seed, settings.shortlist, threads=job.threads, kind=settings.codes
    )
    return ImageLookup(vectors, index, owners)


def drop_others(folder: Path, pattern: str, keep: Path) -> None:
    """Deletes earlier versions (files or folders that match `pattern`) once `keep` has replaced them."""
    for path in folder.glob(pattern):
        if path != keep:
            shutil.rmtree(path) if path.is_dir() else path.unlink()

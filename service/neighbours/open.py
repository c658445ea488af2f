"""Opens the look-ups of a run. Nothing here builds, loads or deletes: a published generation stays as it is."""

from __future__ import annotations

from pathlib import Path

from candidates.errors import RunFolderError
from candidates.exact import ExactIndex
from candidates.vectors import Vectors
from service.neighbours.build import STAMP
from service.neighbours.elastic_images import ElasticImages
from service.neighbours.kinds import ByText, ImageLookup, TextLookup, TfidfLookup
from service.neighbours.vectors import (
    compares_all_spellings,
    image_index_folder,
    image_vectors,
    lexical_index_folder,
    selecting_pictures,
    text_index_folder,
    text_vectors,
)
from service.runs.job import Job


def open_text(job: Job) -> ByText:
    """The look-up by text that the settings name.

    Raises:
        RunFolderError: Its index has not been built.
    """
    from text_retrieval.product_text import product_texts

    settings, select = job.settings.text, job.catalogue.select
    if settings.index == "tfidf":
        return TfidfLookup(product_texts(job.catalogue, settings), job.catalogue.axis, select)
    vectors = text_vectors(job)
    if settings.index == "exact":
        return TextLookup(vectors, ExactIndex(vectors, select))
    return _open_nmslib(job, vectors, text_index_folder(job))


def open_image(job: Job) -> ImageLookup:
    """The look-up by picture that the settings name.

    Raises:
        RunFolderError: Its index has not been built, or nothing has been loaded into Elasticsearch.
        ServerUnreachable: Elasticsearch does not answer.
    """
    from image_retrieval.hamming import HammingIndex

    settings = job.settings.image
    if settings.index == "elasticsearch":
        return ElasticImages.of(job).lookup()
    vectors, owners = image_vectors(job), job.pictures.owners
    select = selecting_pictures(job, owners)
    if settings.index == "exact":
        return ImageLookup(vectors, ExactIndex(vectors, select), owners)
    folder = _require_index(image_index_folder(job))
    return ImageLookup(vectors, HammingIndex.open(folder, vectors, settings.shortlist, select, job.threads), owners)


def open_lexical(job: Job) -> ByText:
    """The look-up by the spelling of product texts, colours left out: the third list of the strategy `fused`.

    Up to `TFIDF_UP_TO` products, every text is compared with every other by all weights. Beyond that, the leading
    directions of these weights are searched as vectors.

    Raises:
        RunFolderError: The catalogue is larger, and its lexical vectors or their index have not been built.
    """
    from text_retrieval.lexical import lexical_texts

    if compares_all_spellings(job):
        settings = job.settings.text.model_copy(update={"leave_out": ("colour",)})
        return TfidfLookup(lexical_texts(job.catalogue, settings), job.catalogue.axis, job.catalogue.select)
    paths = sorted(job.folder.text.glob("spelling-*.arrow"))
    if not paths:
        raise _not_built(job.folder.text / "spelling-….arrow")
    vectors = Vectors.open(paths[0], job.catalogue.axis)
    if job.settings.text.index == "exact":
        return TextLookup(vectors, ExactIndex(vectors, job.catalogue.select))
    return _open_nmslib(job, vectors, lexical_index_folder(job, vectors))


def _open_nmslib(job: Job, vectors: Vectors, folder: Path) -> TextLookup:
    from text_retrieval.hnsw import NmslibIndex

    index = NmslibIndex.open(_require_index(folder), vectors, job.settings.text, job.threads, job.catalogue.select)
    return TextLookup(vectors, index)


def _require_index(folder: Path) -> Path:
    if not (folder / STAMP).is_file():
        raise _not_built(folder)
    return folder


def _not_built(place: Path) -> RunFolderError:
    return RunFolderError(f"{place}: the index has not been built", "Run `variants run` again with the same settings")

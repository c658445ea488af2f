"""Neighbours of products, by text and by image, whatever index stands behind them.

An index is built once for the vectors at hand and reused ever after (NMSLIB's differ from build to build),
under a path that carries the digest of what it was built from.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from candidates.artifacts import digest_of
from candidates.axis import Axis
from candidates.collapse import Owners, search_products
from candidates.contracts import Index
from candidates.exact import ExactIndex
from candidates.filters import Filter
from candidates.run import Run
from candidates.vectors import Vectors
from service.runs.job import Job

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

    from text_retrieval.tfidf import TfidfIndex

_STAMP = "index.json"
"""Both kinds of saved index write this file last; a folder without it is half an index."""


TFIDF_UP_TO = 30_000
"""Products among which spelling is compared weight by weight, which takes time in the square of their number."""


class Lookup(Protocol):
    """Finds the neighbours of products of the catalogue."""

    def neighbours(self, rows: NDArray[np.integer], depth: int, where: Filter | None = None) -> Run:
        """The `depth` nearest other products of some products: a run over `axis.take(rows)` and the axis."""
        ...

    def exact(self) -> Lookup | None:
        """The truth beside it: the same vectors searched exactly; None where this is exact by its nature."""
        ...


@dataclass(frozen=True, eq=False)
class TextLookup:
    """Neighbours by the vectors of product texts; row i of the vectors is product i."""

    vectors: Vectors
    index: Index

    @property
    def weights(self) -> NDArray[np.floating]:
        """What texts are compared by, a row a product."""
        return self.vectors.values

    def neighbours(self, rows: NDArray[np.integer], depth: int, where: Filter | None = None) -> Run:
        """See `Lookup`."""
        run = self.index.search(self.vectors.take(rows), depth + 1, where)
        return run.excluding(rows).top(depth)

    def exact(self) -> TextLookup:
        """See `Lookup`."""
        return TextLookup(self.vectors, ExactIndex(self.vectors))


@dataclass(frozen=True, eq=False)
class TfidfLookup:
    """Neighbours by TF-IDF of product texts, the baseline that a text model has to beat."""

    texts: Sequence[str]
    products: Axis
    select: Callable[[Filter], NDArray[np.bool_]]

    @property
    def weights(self) -> csr_matrix:
        """What texts are compared by, a row a product."""
        return self.index.weights

    def neighbours(self, rows: NDArray[np.integer], depth: int, where: Filter | None = None) -> Run:
        """See `Lookup`."""
        return self.index.neighbours(rows, depth + 1, where).excluding(rows).top(depth)

    @cached_property
    def index(self) -> TfidfIndex:
        """The weights of the texts, and their search."""
        from text_retrieval.tfidf import TfidfIndex

        return TfidfIndex.build(self.texts, self.products, select=self.select)

    def exact(self) -> None:
        """See `Lookup`."""


ByText = TextLookup | TfidfLookup
"""Looks products up by what is written about them."""


@dataclass(frozen=True, eq=False)
class ImageLookup:
    """Neighbours by pictures: products, by the score of their best pair of pictures."""

    vectors: Vectors
    index: Index
    owners: Owners

    def neighbours(self, rows: NDArray[np.integer], depth: int, where: Filter | None = None) -> Run:
        """See `Lookup`."""
        place = np.full(len(self.owners.products), -1, np.int32)
        place[rows] = np.arange(len(rows), dtype=np.int32)
        pictures = np.flatnonzero(place[self.owners.rows] >= 0)
        queries = Owners(self.owners.products.take(rows), place[self.owners.rows[pictures]])
        run = search_products(self.index, self.vectors.take(pictures), queries, self.owners, depth + 1, where)
        return run.excluding(rows).top(depth)

    def exact(self) -> ImageLookup:
        """See `Lookup`."""
        return ImageLookup(self.vectors, ExactIndex(self.vectors), self.owners)


def text_lookup(job: Job) -> ByText:
    """The text look-up of the settings; builds its index where there is none yet."""
    from text_retrieval.product_text import product_texts

    settings, select = job.settings.text, job.catalogue.select
    if settings.index == "tfidf":
        return TfidfLookup(product_texts(job.catalogue, settings), job.catalogue.axis, select)
    vectors = Vectors.open(job.folder.text / _vectors(job), job.catalogue.axis)
    if settings.index == "exact":
        return TextLookup(vectors, ExactIndex(vectors, select))
    made_of = _made_of(job, "encode_text", settings.model_dump(include={"links", "build_effort"}))
    return _by_nmslib(job, vectors, f"nmslib-{made_of}")


def _by_nmslib(job: Job, vectors: Vectors, name: str) -> TextLookup:
    """A look-up by NMSLIB, whose index lies in the folder `name`, ending in a digest, from now on."""
    from text_retrieval.hnsw import NmslibIndex

    settings, select, folder = job.settings.text, job.catalogue.select, job.folder.text / name
    if not (folder / _STAMP).is_file():
        NmslibIndex.build(vectors, settings, job.threads, select).save(folder)
        drop_others(folder.parent, f"{name.rpartition('-')[0]}-*", folder)
    return TextLookup(vectors, NmslibIndex.open(folder, vectors, settings, job.threads, select))


def image_lookup(job: Job) -> ImageLookup:
    """The image look-up of the settings; builds its index where there is none yet."""
    from image_retrieval.hamming import HammingIndex

    settings = job.settings.image
    if settings.index == "elasticsearch":
        from service.neighbours.elastic_images import elastic_lookup

        return elastic_lookup(job)
    vectors, owners = image_vectors(job), job.pictures.owners
    select = selecting_pictures(job, owners)
    if settings.index == "exact":
        return ImageLookup(vectors, ExactIndex(vectors, select), owners)
    made_of = _made_of(
        job, "encode_images", {"codes": settings.codes, "bits": settings.bits, "seed": job.settings.run.seed}
    )
    folder = job.folder.image / f"hamming-{made_of}"
    if not (folder / _STAMP).is_file():
        seed, shortlist = job.settings.run.seed, settings.shortlist
        built = HammingIndex.build(vectors, settings.bits, seed, shortlist, select, job.threads, kind=settings.codes)
        built.save(folder)
        drop_others(folder.parent, "hamming-*", folder)
    return ImageLookup(vectors, HammingIndex.open(folder, vectors, settings.shortlist, select, job.threads), owners)


def image_vectors(job: Job) -> Vectors:
    """The vectors by which pictures are searched."""
    return Vectors.open(job.folder.image / _vectors(job), job.pictures.axis)


def selecting_pictures(job: Job, owners: Owners) -> Callable[[Filter], NDArray[np.bool_]]:
    """Which pictures belong to products that meet a condition."""
    return lambda where: job.catalogue.select(where)[owners.rows]


def lexical_lookup(job: Job) -> ByText:
    """Neighbours by the spelling of product texts, colours left out: the third list of the strategy `fused`.

    Up to `TFIDF_UP_TO` products every text meets every other, weight by weight. Beyond that the leading directions
    of these weights are searched, as vectors are.
    """
    from text_retrieval.lexical import lexical_texts

    if len(job.catalogue) <= TFIDF_UP_TO:
        settings = job.settings.text.model_copy(update={"leave_out": ("colour",)})
        return TfidfLookup(lexical_texts(job.catalogue, settings), job.catalogue.axis, job.catalogue.select)
    vectors = _lexical_vectors(job)
    if job.settings.text.index == "exact":
        return TextLookup(vectors, ExactIndex(vectors, job.catalogue.select))
    options = job.settings.text.model_dump(include={"links", "build_effort"})
    return _by_nmslib(job, vectors, f"letters-{digest_of(vectors.version, vectors.axis.digest, options)[:12]}")


def _lexical_vectors(job: Job) -> Vectors:
    """The texts in the leading directions of their n-grams' weights; kept, since they take a while."""
    from service.steps.project import fitted_lexicon
    from text_retrieval.lexical import lexical_texts

    lexicon = job.model.lexicon if job.model else fitted_lexicon(job)
    texts = lexical_texts(job.catalogue, job.settings.text)
    path = job.folder.text / f"spelling-{digest_of(lexicon.version, texts)[:12]}.arrow"
    if not path.is_file():
        Vectors(job.catalogue.axis, lexicon.encode(texts).astype(np.float16), lexicon.version).save(path)
        drop_others(path.parent, "spelling-*", path)
    return Vectors.open(path, job.catalogue.axis)


def _vectors(job: Job) -> str:
    """The file of vectors that are searched: as encoded, or in the spaces of a learned model."""
    return "vectors.arrow" if job.spaces == "encoded" else "projected.arrow"


def vectors_key(job: Job, step: str) -> str:
    """Names the vectors that are searched, by the step that encoded them and by the model they went through."""
    return digest_of(job.folder.require(step).key, job.model.version if job.model else "")


def _made_of(job: Job, step: str, options: dict[str, object]) -> str:
    return digest_of(vectors_key(job, step), options)[:12]


def drop_others(folder: Path, pattern: str, keep: Path) -> None:
    """Removes earlier versions (files or folders matching `pattern`) once `keep` has taken their place."""
    for path in folder.glob(pattern):
        if path != keep:
            shutil.rmtree(path) if path.is_dir() else path.unlink()

"""`LiveElasticIndex`: a window on a cluster as an index whose items can be added and removed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date

from candidates.axis import Axis
from candidates.contracts import Added
from candidates.errors import VersionMismatch
from candidates.filters import Filter
from candidates.product import Product
from candidates.run import Run
from candidates.vectors import Vectors
from image_retrieval.elastic.check import images_in
from image_retrieval.elastic.documents import coded, document_of, image_of
from image_retrieval.elastic.load import load, remove
from image_retrieval.elastic.nearest import USUAL, Effort
from image_retrieval.elastic.search import ElasticIndex
from image_retrieval.elastic.slices import Window
from image_retrieval.lsh import Hyperplanes


class LiveElasticIndex:
    """Implements `candidates.contracts.MutableIndex` with a window on a cluster.

    The cluster has codes but no vectors, so a score is the share of equal bits. The ids of all images are read from the
    cluster when they are first needed, and again after a change.
    """

    def __init__(self, window: Window, planes: Hyperplanes, effort: Effort = USUAL) -> None:
        """Opens a window, which may be empty.

        Args:
            window: The window with the images.
            planes: The planes that code vectors.
            effort: The effort of a search.

        Raises:
            VersionMismatch: The window is for other codes.
        """
        if planes.version != window.layout.codes or planes.bits != window.layout.bits:
            raise VersionMismatch(
                f"the window is for codes of {window.layout.codes!r}, not of {planes.version!r}", "Use the same planes"
            )
        self.window, self.planes, self.effort = window, planes, effort
        self._searched: ElasticIndex | None = None

    @property
    def items(self) -> Axis:
        """The ids of the current images."""
        return self._index.items

    @property
    def version(self) -> str:
        """The version of the vectors that were coded."""
        return self.window.layout.fingerprint

    @property
    def _index(self) -> ElasticIndex:
        if self._searched is None:
            items = Axis.of(sorted(set(images_in(self.window))))
            self._searched = ElasticIndex(self.window, self.planes, items, effort=self.effort)
        return self._searched

    def search(self, vectors: Vectors, k: int, where: Filter | None = None) -> Run:
        """The k nearest pictures of each vector by Hamming distance (see `candidates.contracts.Index`)."""
        return self._index.search(vectors, k, where)

    def add(self, vectors: Vectors, products: Sequence[Product], added: date) -> Added:
        """Adds pictures (see `candidates.contracts.MutableIndex`)."""
        vectors.require_version(self.version)
        codes = coded(vectors, self.planes)
        seen: dict[str, int] = {}
        documents = []
        for row, (image, product) in enumerate(zip(vectors.axis, products, strict=True)):
            position = seen[product.id] = seen.get(product.id, -1) + 1
            code = codes.codes[row].tobytes() if codes.there[row] else None
            documents.append(document_of(image_of(image, position, code, added, product), self.window.layout))
        self._searched = None
        loaded = load(self.window, documents)
        return Added(loaded.stored, loaded.replaced, loaded.refused)

    def remove(self, products: Iterable[str]) -> int:
        """Removes products (see `candidates.contracts.MutableIndex`)."""
        self._searched = None
        return remove(self.window, products)

    def roll(self, today: date) -> int:
        """Removes the images that have left the window (see `candidates.contracts.MutableIndex`)."""
        self._searched = None
        return sum(gone.documents for gone in self.window.roll(today))

    def checkpoint(self) -> None:
        """Makes the cluster write its segments to disk; acknowledged changes were already safe in each shard's log."""
        self.window.flush()

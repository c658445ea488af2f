"""Single queries against a finished run: similar products by example, with a condition."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from candidates.axis import Axis
from candidates.collapse import Owners, search_products
from candidates.errors import PictureError, VariantsError
from candidates.filters import Filter
from candidates.run import Run
from candidates.vectors import Vectors
from service.neighbours.kinds import ImageLookup
from service.neighbours.open import open_image
from service.runs.job import Job


@dataclass(frozen=True)
class Found:
    """One product that a search found.

    Attributes:
        id: The product's id.
        rank: From 1.
        score: Cosine of its best picture with the best example.
        title: Its title.
        product_type: Its category path.
        seller: Its seller.
        picture: Path of its main picture; empty if it has none.
    """

    id: str
    rank: int
    score: float
    title: str
    product_type: str
    seller: str
    picture: str


@dataclass(frozen=True, eq=False)
class Searcher:
    """Answers single queries from one run, whose index is opened once.

    Attributes:
        job: The run.
    """

    job: Job

    @cached_property
    def images(self) -> ImageLookup:
        """The run's image look-up."""
        return open_image(self.job)

    def similar(
        self, ids: Sequence[str] = (), pictures: Sequence[Path] = (), k: int = 20, where: Filter | None = None
    ) -> list[Found]:
        """The k products most similar to one or more examples, without the examples themselves.

        Args:
            ids: Ids of products whose pictures are examples.
            pictures: Picture files that are examples.
            k: Number of products.
            where: Condition that the products must meet.

        Raises:
            UnknownId: An id is not in the catalogue.
            PictureError: A file can't be used, or a product has no usable picture.
            VariantsError: There is no example.
        """
        if not ids and not pictures:
            raise VariantsError("no example to search by", "Name a product with --id or a picture with --image")
        own = [self.job.catalogue.axis.row_of(identifier) for identifier in ids]
        examples = self._examples(own, pictures)
        queries = Owners(Axis.of(["examples"]), np.zeros(len(examples), np.int32))
        run = search_products(self.images.index, examples, queries, self.images.owners, k + len(own), where)
        return self._found(run, set(own), k)

    def _examples(self, rows: Sequence[int], pictures: Sequence[Path]) -> Vectors:
        vectors = self.images.vectors
        held = np.flatnonzero(np.isin(self.images.owners.rows, rows))
        without = set(rows) - set(self.images.owners.rows[held].tolist())
        if without:
            raise PictureError(
                f"{self.job.catalogue.axis[min(without)]!r} has no usable picture", "refused.csv says why; try another"
            )
        values = np.concatenate([vectors.values[held].astype(np.float32), self._encoded(pictures)])
        return Vectors(Axis.of(f"example {i}" for i in range(len(values))), values, vectors.version)

    def _encoded(self, pictures: Sequence[Path]) -> np.ndarray:
        from image_retrieval.base import Base
        from image_retrieval.encoders import encoder_for
        from image_retrieval.pictures import decode, read_picture

        if not pictures:
            return np.zeros((0, self.images.vectors.dimensions), np.float32)
        encoder = encoder_for(self.job.settings.image, self.job.threads)
        base = Base.open(self.job.folder.image / "base.npz")
        images = [decode(read_picture(path, str(path)), str(path), encoder.size) for path in pictures]
        vectors = base.apply(encoder.encode(images)).astype(np.float32)
        return self.job.model.image.map_block(vectors) if self.job.model else vectors

    def _found(self, run: Run, own: set[int], k: int) -> list[Found]:
        catalogue = self.job.catalogue
        rows, scores = run.ranked(0)
        others = [(int(row), float(score)) for row, score in zip(rows, scores, strict=True) if int(row) not in own]
        return [
            Found(
                product.id,
                rank,
                round(score, 4),
                product.title,
                product.product_type,
                product.seller,
                next(iter(product.pictures), ""),
            )
            for rank, (row, score) in enumerate(others[:k], start=1)
            for product in [catalogue.product(row)]
        ]

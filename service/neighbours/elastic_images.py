"""The run's pictures on Elasticsearch: loaded from the run folder, searched, checked and repaired.

The cluster never holds the only copy: its expected content can be computed from the run folder at any time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from candidates.artifacts import digest_of, write_json
from candidates.filters import Filter
from candidates.product import Refusal
from candidates.run import Run
from candidates.vectors import Vectors
from image_retrieval.elastic.check import (
    Audit,
    Checked,
    Repaired,
    check,
    repair,
    swap_after_audit,
)
from image_retrieval.elastic.documents import Coded, Document, coded, documents_of, images_of
from image_retrieval.elastic.mapping import Layout
from image_retrieval.elastic.nearest import Effort
from image_retrieval.elastic.search import ElasticIndex
from image_retrieval.elastic.slices import Standing, Window
from image_retrieval.lsh import Hyperplanes
from image_retrieval.rolling import Rolling
from image_retrieval.rotations import CODES
from service.neighbours.elastic_connection import ElasticConnection, connect
from service.neighbours.kinds import ImageLookup
from service.neighbours.vectors import image_vectors, selecting_pictures, vectors_key
from service.runs.job import Job
from service.runs.progress import counted


@dataclass(frozen=True, eq=False)
class ElasticLookup(ImageLookup):
    """Neighbours by pictures on a cluster: many searches at once, with a progress bar."""

    index: ElasticIndex

    def neighbours(self, rows: NDArray[np.integer], depth: int, where: Filter | None = None) -> Run:
        """See `Lookup`."""
        pictures = int(np.isin(self.owners.rows, rows).sum())
        with counted("looking up pictures", pictures) as track:
            tracked = ImageLookup(self.vectors, replace(self.index, track=track), self.owners)
            return tracked.neighbours(rows, depth, where)


@dataclass(frozen=True, eq=False)
class ElasticImages:
    """A run's pictures, and the window on a cluster for their codes.

    Attributes:
        job: The run.
        connection: The connection to the cluster.
        window: The indices that hold the codes.
        planes: The hyperplanes that computed them, as in the embedded index.
        vectors: The pictures' vectors.
    """

    job: Job
    connection: ElasticConnection
    window: Window
    planes: Hyperplanes
    vectors: Vectors

    @classmethod
    def of(cls, job: Job) -> ElasticImages:
        """Connects to the cluster that the environment names.

        Raises:
            SettingsError: A variable is missing or wrong.
            ServerUnreachable: It does not answer.
            AccessRefused: It does not accept the key.
        """
        connection, client = connect()
        vectors, settings, image = image_vectors(job), job.settings.elasticsearch, job.settings.image
        planes = CODES[image.codes](vectors.dimensions, image.bits, job.settings.run.seed)
        layout = Layout(
            image.bits,
            vectors.version,
            planes.version,
            settings.search,
            links=settings.links,
            build_effort=settings.build_effort,
            shards=settings.shards,
            replicas=settings.replicas,
        )
        rolling = Rolling(settings.every, settings.months)
        return cls(job, connection, Window(client, settings.name, layout, rolling), planes, vectors)

    def lookup(self) -> ImageLookup:
        """The look-up by picture on the cluster.

        Raises:
            RunFolderError: Nothing has been loaded under the index's name.
        """
        owners = self.job.pictures.owners
        settings = self.job.settings.elasticsearch
        with self._plain_errors():
            index = ElasticIndex.open(
                self.window,
                self.planes,
                self.vectors,
                self.job.settings.image.shortlist,
                selecting_pictures(self.job, owners),
                Effort(settings.matches, settings.visited, settings.clients),
            )
        return ElasticLookup(self.vectors, index, owners)

    def load(self, refused: Callable[[Refusal], object] | None = None, *, stamp: bool = False) -> Repaired:
        """Loads missing pictures into the cluster, and removes stray ones.

        The first load creates today's slice. Pictures that are there are not sent again, so a load that was killed
        resumes, and a nightly catalogue sends only new pictures. Where the index has no current version, this one
        becomes current; another version stays current until `swap`.

        Args:
            refused: Called with every picture that can't be loaded.
            stamp: Whether to note in the run folder that its pictures are loaded; steps do, so that a second call
                needs no comparison.
        """
        with self._plain_errors(), counted("loading images", len(self.vectors)) as track:
            self.window.ensure(today())
            done = repair(self.window, self.documents, threads=self.job.threads, track=track, refused=refused)
            if not self.window.in_force and not self.window.foreign():
                self.window.swap()
        if stamp:
            write_json(self.stamp, {"alias": self.window.alias, "stored": done.loaded.stored, "removed": done.removed})
        return done

    def check(self) -> Checked:
        """Compares the cluster with the run folder, image by image."""
        with self._plain_errors():
            return check(self.window, self.documents)

    def repair(self) -> Repaired:
        """Loads missing and changed pictures, and removes stray ones."""
        with self._plain_errors():
            return repair(self.window, self.documents, threads=self.job.threads)

    def roll(self, day: date | None = None) -> list[Standing]:
        """Creates a day's slice (default: today's), and drops those that have left the window; returns the latter."""
        with self._plain_errors():
            return self.window.roll(day or today())

    def swap(self) -> Audit:
        """Makes this version current once its audit has passed."""
        with self._plain_errors():
            return swap_after_audit(self.window, self.documents)

    def drop_others(self) -> list[str]:
        """Deletes the versions that are not current; returns their names."""
        with self._plain_errors():
            return self.window.drop_others()

    def documents(self) -> Iterable[Document | Refusal]:
        """The expected documents of the cluster, streamed."""
        pictures, catalogue = self.job.pictures, self.job.catalogue
        images = images_of(pictures.axis, self._coded, catalogue, pictures.owners.rows, pictures.positions, today())
        return documents_of(images, self.window.layout)

    @property
    def stamp(self) -> Path:
        """File that marks the run's pictures as loaded, so that not every look-up compares the cluster."""
        window = self.window
        digest = digest_of(vectors_key(self.job, "image"), window.layout.version, window.name)
        return self.job.folder.image / f"elastic-{digest[:12]}.json"

    @cached_property
    def _coded(self) -> Coded:
        return coded(self.vectors, self.planes)

    @contextmanager
    def _plain_errors(self) -> Iterator[None]:
        """Turns connection errors into one-line errors."""
        with self.connection.plain_errors():
            yield


def today() -> date:
    """Today in UTC, the same on every machine: the slice of new images."""
    return datetime.now(UTC).date()

"""The run's pictures on an Elasticsearch: filled from the run folder, searched, checked and fixed.

The cluster is never the only place where something is: what it should hold follows from the run folder at any time.
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
        with counted("looking pictures up", pictures) as told:
            shown = ImageLookup(self.vectors, replace(self.index, track=told), self.owners)
            return shown.neighbours(rows, depth, where)


@dataclass(frozen=True, eq=False)
class ElasticImages:
    """A run's pictures and the window on a cluster that holds, or is to hold, their codes.

    Attributes:
        job: The run.
        connection: The way to the cluster.
        window: Where the codes are.
        planes: What made them; the embedded index's own.
        vectors: The pictures' vectors.
    """

    job: Job
    connection: ElasticConnection
    window: Window
    planes: Hyperplanes
    vectors: Vectors

    @classmethod
    def of(cls, job: Job) -> ElasticImages:
        """Opens the way to the cluster that the environment names.

        Raises:
            SettingsError: The environment names none, or a variable is wrong.
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
        with self._plainly():
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
        """Brings into the cluster what is not there yet, and removes what should not be there.

        The first load creates today's slice. What is there already is not sent again, so a load that was killed
        resumes, and tonight's catalogue sends only what is new. Where the index has no current version, this one
        becomes current; another version stays current until `swap`.

        Args:
            refused: Called with every picture that can't be loaded.
            stamp: Whether to note in the run folder that its pictures are loaded; steps do, so that a second call
                need not compare.
        """
        with self._plainly(), counted("loading images", len(self.vectors)) as track:
            self.window.ensure(today())
            made = repair(self.window, self.documents, threads=self.job.threads, track=track, refused=refused)
            if not self.window.in_force and not self.window.foreign():
                self.window.swap()
        if stamp:
            write_json(self.stamp, {"alias": self.window.alias, "stored": made.loaded.stored, "removed": made.removed})
        return made

    def check(self) -> Checked:
        """Compares the cluster with the run folder, image by image."""
        with self._plainly():
            return check(self.window, self.documents)

    def repair(self) -> Repaired:
        """Loads what is missing or changed, removes what is stray."""
        with self._plainly():
            return repair(self.window, self.documents, threads=self.job.threads)

    def roll(self, day: date | None = None) -> list[Standing]:
        """Makes the slice of a day (today's) and drops those that have left the window; returns these."""
        with self._plainly():
            return self.window.roll(day or today())

    def swap(self) -> Audit:
        """Brings this version into force once its audit has passed."""
        with self._plainly():
            return swap_after_audit(self.window, self.documents)

    def drop_others(self) -> list[str]:
        """Deletes the versions that are not in force; returns their names."""
        with self._plainly():
            return self.window.drop_others()

    def documents(self) -> Iterable[Document | Refusal]:
        """What the cluster should hold, streamed."""
        pictures, catalogue = self.job.pictures, self.job.catalogue
        images = images_of(pictures.axis, self._coded, catalogue, pictures.owners.rows, pictures.positions, today())
        return documents_of(images, self.window.layout)

    @property
    def stamp(self) -> Path:
        """Stands where the run's pictures have been loaded: what is in the cluster is not compared at each look-up."""
        window = self.window
        made_of = digest_of(vectors_key(self.job, "image"), window.layout.version, window.name)
        return self.job.folder.image / f"elastic-{made_of[:12]}.json"

    @cached_property
    def _coded(self) -> Coded:
        return coded(self.vectors, self.planes)

    @contextmanager
    def _plainly(self) -> Iterator[None]:
        """What the cluster can't do is said in one line."""
        with self.connection.plain_errors():
            yield


def today() -> date:
    """The day on which images come in, in UTC: the same on every machine."""
    return datetime.now(UTC).date()

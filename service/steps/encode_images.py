"""Turns pictures into vectors: decode, encode, reduce by the frozen base; each distinct file once."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from candidates import schema
from candidates.artifacts import digest_file, digest_of, write_parquet
from candidates.axis import Axis
from candidates.errors import PictureError, SettingsError, VersionMismatch
from candidates.vectors import Vectors
from intake.picture_files import PictureFile, digests_of, list_pictures
from service.runs.job import Job
from service.runs.progress import track
from service.runs.refusals import keep_refusals
from service.runs.remaining import picture_shelves, stamps_path
from service.runs.run_folder import Counts, Step, StepRecord
from service.runs.shelf import Digests, Shelf, as_digests, chunks_of_missing

if TYPE_CHECKING:
    from PIL.Image import Image

    from image_retrieval.base import Base
    from image_retrieval.encoders.registry import ImageEncoder
    from service.runs.model import Model


def encode_images(job: Job, rows: slice | None = None) -> StepRecord:
    """Encodes the pictures and writes `image/images.parquet` and `image/vectors.arrow`.

    A missing or broken picture is refused; its product stays, with text alone.

    Args:
        job: The run.
        rows: Encodes only these rows of the list of pictures, and writes no files: the vectors are kept in the work
            folder, where the call for all pictures finds them. Needs an existing base.

    Raises:
        ModelMissing: The image model's weights are not available.
    """
    from image_retrieval.encoders import encoder_for

    encoder = encoder_for(job.settings.image, job.threads)
    if job.given_model:
        _require_same(encoder, job.given_model)
    pictures = list_pictures(job.catalogue, job.places)
    inputs = {
        "pictures": digest_of([(picture.id, picture.name, picture.stamp) for picture in pictures]),
        "axis": job.catalogue.axis.digest,
        "encoder": encoder.version,
        "base": _chosen_base(job),
        "placeholders": [job.settings.image.placeholder_things, _placed(job)],
    }
    target = job.folder.image / "vectors.arrow"
    step = Step(job.folder, "encode_images", inputs, (job.folder.images, target))
    if rows is not None:
        work = _Work(job, encoder, pictures)
        work.fill_bases(rows)
        return StepRecord("encode_images", step.key, {"encoded": work.encoded})
    return step.run(lambda: _Work(job, encoder, pictures).write())


def _placed(job: Job) -> str:
    """Digest of the inputs that decide whether a picture is a placeholder."""
    named = ("product_type", "seller", "title", *(["group"] if job.choices.learns_from_groups else []))
    return digest_of([job.catalogue.column(name) for name in named])


def _require_same(encoder: ImageEncoder, model: Model) -> None:
    if model.image.made_for != _version(encoder, model.base):
        raise VersionMismatch(
            f"image.model: pictures would be encoded by {encoder.version!r}, but the model in learn.model was learned "
            f"for {model.image.made_for!r}",
            "Name the same --image-model as when it was learned, or train the model again",
        )


def _version(encoder: ImageEncoder, base: Base) -> str:
    return f"{encoder.version} base {base.version}"


def _chosen_base(job: Job) -> list[object]:
    settings = job.settings.image
    if job.given_model:
        return [job.given_model.base.version]
    if not settings.base:
        return [settings.base_dimensions, settings.base_sample, job.settings.run.seed]
    try:
        return [digest_file(Path(settings.base))]
    except OSError as error:
        raise SettingsError(f"image.base: {settings.base}: {error.strerror}", "Name a run's image/base.npz") from error


@dataclass
class _Work:
    """Encodes the pictures of one run."""

    job: Job
    encoder: ImageEncoder
    pictures: Sequence[PictureFile]
    broken: dict[bytes, PictureError] = field(default_factory=dict)
    encoded: int = 0

    @cached_property
    def found(self) -> list[PictureFile]:
        """The pictures whose files exist."""
        return [picture for picture in self.pictures if picture.path is not None]

    @cached_property
    def digests(self) -> Digests:
        """Content of each found picture."""
        return as_digests(digests_of(self.found, self.job.threads, stamps_path(self.job)))

    def _shelf(self, kind: str) -> Shelf:
        return Shelf(picture_shelves(self.job, self.encoder.version) / kind)

    @cached_property
    def base(self) -> Base:
        """The base: from the settings, from the work folder, or computed and stored there.

        A catalogue with no more pictures than the sample size keeps its full vectors. Otherwise the base of so few
        pictures would have to be recomputed on every change, to give nightly runs the same result as one full run.
        """
        from image_retrieval.base import Base

        settings = self.job.settings.image
        if self.job.given_model:
            return self.job.given_model.base
        if settings.base:
            return Base.open(Path(settings.base))
        if (
            len(np.unique(self.digests)) <= settings.base_sample
            or not 0 < settings.base_dimensions < self.encoder.dimensions
        ):
            return Base(self.encoder.dimensions)
        wanted = digest_of(settings.base_dimensions, settings.base_sample, self.job.settings.run.seed)[:12]
        path = self._shelf("raw").folder.with_name(f"base-{wanted}.npz")
        if path.is_file():
            return Base.open(path)
        base = Base.fit(self._raw_sample(), settings.base_dimensions, self.job.settings.run.seed)
        base.save(path)
        return base

    def _reduced(self) -> Shelf:
        """The shelf of the reduced vectors."""
        return self._shelf("raw" if self.base.matrix is None else f"base-{self.base.version}")

    def _raw_sample(self) -> NDArray[np.float32]:
        """Raw vectors of a sample of distinct pictures, those with the smallest digests: random but reproducible."""
        distinct = np.unique(self.digests)[: self.job.settings.image.base_sample]
        shelf = self._shelf("raw")
        among = np.isin(self.digests, distinct)
        chunks = chunks_of_missing(shelf, self.digests, slice(None), self.job.settings.run.chunk, among)
        for rows in track(list(chunks), "encoding pictures"):
            shelf.put(*self._encode(rows))
        shelf = self._shelf("raw")
        return shelf.gather(distinct[shelf.has(distinct)], self.encoder.dimensions).astype(np.float32)

    def fill_bases(self, rows: slice) -> None:
        """Stores the reduced vectors of all pictures within `rows` on their shelf."""
        base, shelf, raw = self.base, self._reduced(), self._shelf("raw")
        for chunk in track(
            list(chunks_of_missing(shelf, self.digests, rows, self.job.settings.run.chunk)), "reducing pictures"
        ):
            held = raw.has(self.digests[chunk])
            known = self.digests[chunk[held]]
            digests, values = self._encode(chunk[~held])
            both = np.concatenate([raw.gather(known, self.encoder.dimensions), values])
            shelf.put(np.concatenate([known, digests]), base.apply(both.astype(np.float32)))

    def _encode(self, rows: NDArray[np.intp]) -> tuple[Digests, NDArray[np.float16]]:
        """Raw vectors of some found pictures, float16; pictures that can't be decoded are recorded and left out."""
        size = self.job.settings.image.batch
        kept, values = [], [np.zeros((0, self.encoder.dimensions), np.float16)]
        with ThreadPoolExecutor(self.job.threads) as pool:
            for start in range(0, len(rows), size):
                batch = rows[start : start + size]
                images = list(pool.map(self._decode, batch.tolist()))
                usable = [image for image in images if image is not None]
                self.encoded += len(usable)
                if usable:
                    values.append(self.encoder.encode(usable).astype(np.float16))
                kept.append(batch[[image is not None for image in images]])
        return self.digests[np.concatenate([np.zeros(0, np.intp), *kept])], np.concatenate(values)

    def _decode(self, row: int) -> Image | None:
        from image_retrieval.pictures import decode, read_picture

        picture = self.found[row]
        assert picture.path is not None
        try:
            return decode(read_picture(picture.path, picture.name), picture.name, self.encoder.size)
        except PictureError as problem:
            self.broken[bytes(self.digests[row])] = problem
            return None

    def write(self) -> Counts:
        """Fills the shelf, then writes the table of usable pictures, their vectors, and the refusals."""
        self.fill_bases(slice(None))
        base, folder, shelf = self.base, self.job.folder, self._reduced()
        readable = shelf.has(self.digests)
        self._note_broken(np.flatnonzero(~readable))
        placeholders = self._placeholders(readable)
        usable = readable & ~np.isin(self.digests, list(placeholders))
        rows = np.flatnonzero(usable).tolist()
        axis = Axis.of(self.found[row].id for row in rows)
        version = _version(self.encoder, base)
        Vectors(axis, shelf.gather(self.digests[usable], base.dimensions), version).save(folder.image / "vectors.arrow")
        base.save(folder.image / "base.npz")
        write_parquet(folder.images, self._table(rows))
        refused = [picture.refusal(picture.problem) for picture in self.pictures if picture.problem]
        problems = self.broken | placeholders
        refused += [self.found[r].refusal(problems[bytes(self.digests[r])]) for r in np.flatnonzero(~usable).tolist()]
        keep_refusals(folder, "encode_images", refused)
        return {
            "encoder": version,
            "pictures": len(rows),
            "distinct": len(np.unique(self.digests[usable])),
            "encoded": self.encoded,
            "refused": len(refused),
            "placeholders": len(placeholders),
        }

    def _note_broken(self, rows: NDArray[np.intp]) -> None:
        """Records why each picture is unusable; a broken file that was not decoded in this run is tried now."""
        for row in rows.tolist():
            if bytes(self.digests[row]) not in self.broken:
                self._decode(row)

    def _placeholders(self, readable: NDArray[np.bool_]) -> dict[bytes, PictureError]:
        """The contents that are placeholders, each with the evidence."""
        from image_retrieval.placeholders import Products, Thresholds, find_placeholders

        fewest, catalogue = self.job.settings.image.placeholder_things, self.job.catalogue
        if not fewest:
            return {}
        distinct, contents = np.unique(self.digests[readable], return_inverse=True)
        owners = np.array([picture.product_row for picture in self.found], np.int64)[readable]
        groups, types, sellers = map(catalogue.codes, ("group", "product_type", "seller"))
        groups = groups if self.job.choices.learns_from_groups else np.full_like(groups, -1)
        products = Products(groups, types, sellers, catalogue.column("title"))
        found = find_placeholders(contents, owners, products, Thresholds(fewest, 2 * fewest, 4 * fewest))
        fix = "Give each product a photograph of its own; placeholder_things = 0 under [image] keeps such pictures"
        return {bytes(distinct[each.content]): PictureError(f"a placeholder: {each.evidence}", fix) for each in found}

    def _table(self, rows: Sequence[int]) -> pa.Table:
        pictures = [self.found[row] for row in rows]
        columns = {
            "image_id": [picture.id for picture in pictures],
            "product_row": [picture.product_row for picture in pictures],
            "position": [picture.position for picture in pictures],
            "path": [str(picture.path) for picture in pictures],
            "digest": [digest.decode() for digest in self.digests[np.array(rows, np.intp)].tolist()],
        }
        return pa.table(columns, schema=schema.IMAGES)

"""Recall of image fingerprints, raw and in learned spaces, as float vectors and as binary codes.

A fingerprint is an encoder of pictures, named as in `image.model`. Its vectors are computed once and stored by content
and encoder version below the notebook's folder. Search is exact. Learned spaces are cross-validated by group: groups
are split into folds, and a fold's products are looked up in a space learned from the other folds, as in the evaluation
of a run.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import product
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from analysis.codes import CodeIndex, Codes
from candidates.collapse import Owners
from candidates.contracts import Index
from candidates.errors import SettingsError
from candidates.exact import ExactIndex
from candidates.qrels import Qrels
from candidates.run import Run, stacked
from candidates.settings import LearnSettings, Settings
from candidates.vectors import Vectors
from eval.bootstrap import Interval, difference, interval
from eval.metrics import (
    Judged,
    Values,
    approximate_recall,
    average_precision,
    judged,
    mean_precision,
    product_rows,
    r_precision,
    recall,
)
from image_retrieval.rotations import CODES
from service.learning.heads import Frame, frame_of, learn_head, split_groups
from service.learning.held_out import FOLDS
from service.neighbours.kinds import ImageLookup
from service.runs.job import Job
from service.runs.progress import track

if TYPE_CHECKING:
    from analysis.ground import Ground

WITHOUT_WEIGHTS = ("gradients", "hog", "hog-crop", "mask", "phash")
"""Fingerprints that need no trained weights."""

NETWORKS = {
    "MobileNetV2 emb1280": "mobilenetv2_fp16.onnx#emb1280",
    "MobileNetV2 grid7": "mobilenetv2_fp16.onnx#grid7",
    "EfficientNet-B4 head1792": "efficientnet_b4_trunk_fp16.onnx#head1792",
    "EfficientNet-B4 emb448": "efficientnet_b4_trunk_fp16.onnx#emb448",
    "EfficientNet-B4 mid960": "efficientnet_b4_trunk_fp16.onnx#mid960",
    "EfficientNet-B4 grid7": "efficientnet_b4_trunk_fp16.onnx#grid7",
}
"""Networks and their outputs, measured if the folder of models contains them."""

RAW, WHITENED, LEARNED = "raw", "whitened", "learned"
"""The encoder's own vectors; whitened, which needs no groups; learned from known groups."""

DEPTH = 1000
"""Depth of lists, as needed for the paper's approximate recall@1000."""

RESCORED = 200
"""Number of first results that are rescored by float vectors."""

BITS = (256, 512, 1024)

METRICS: dict[str, tuple[int, Callable[[Judged], Values]]] = {
    "MAP@1": (10, lambda lists: mean_precision(lists, 1)),
    "MAP@5": (10, lambda lists: mean_precision(lists, 5)),
    "MAP@10": (10, lambda lists: mean_precision(lists, 10)),
    "R-precision": (DEPTH, r_precision),
    "recall@1000": (DEPTH, approximate_recall),
    "AP@1": (10, lambda lists: average_precision(lists, 1)),
    "AP@5": (10, lambda lists: average_precision(lists, 5)),
    "AP@10": (10, lambda lists: average_precision(lists, 10)),
    "recall@10": (10, lambda lists: recall(lists, 10)),
    "recall@100": (100, lambda lists: recall(lists, 100)),
}
"""The paper's metrics by its names (section 4.1; its MAP@k is the mean of precision@1 … precision@k), then the usual
average precision and recall, each with the depth of lists that it needs."""

Rows = NDArray[np.int32]


def available_fingerprints(models: Path, names: Sequence[str] = ()) -> dict[str, str]:
    """Every fingerprint that is available here: its name → its name in `image.model`.

    Args:
        models: The folder of networks; it may be missing.
        names: Only these; empty for all. A name with a colon is used as in `image.model` (`onnx:FILE#OUTPUT@7x7`).

    Raises:
        SettingsError: A name is unknown, or none of them is available.
    """
    files = {name: models / file for name, file in NETWORKS.items()}
    networks = {name: f"onnx:{file}" for name, file in files.items() if Path(str(file).partition("#")[0]).is_file()}
    available = (
        {name: name for name in ("own", *WITHOUT_WEIGHTS)} | networks | {name: name for name in names if ":" in name}
    )
    known = {*available, *NETWORKS}
    unknown = [name for name in names if name not in known]
    chosen = {name: model for name, model in available.items() if not names or name in names}
    if unknown or not chosen:
        raise SettingsError(
            f"no fingerprint {', '.join(unknown or names)}",
            f"Choose from {', '.join(known)}; networks must be in {models}",
        )
    return chosen


@dataclass(frozen=True, eq=False)
class Pictures:
    """A catalogue's pictures with the vectors of one fingerprint.

    Attributes:
        vectors: One vector per picture.
        owners: Product of each picture.
        qrels: The known groups.
        learn: Settings of learned spaces.
        seed: Seed of folds, spaces and codes.
    """

    vectors: Vectors
    owners: Owners
    qrels: Qrels
    learn: LearnSettings
    seed: int = 7

    def scaled(self, bytes_a_picture: float) -> float:
        """Mean bytes per product for so many bytes per picture."""
        return bytes_a_picture * len(self.vectors) / max(1, len(self.owners.products))

    @cached_property
    def frame(self) -> Frame:
        """Principal components, which don't depend on groups."""
        return frame_of(self.vectors.values, seed=self.seed)

    def projected(self, groups: NDArray[np.integer]) -> Vectors:
        """The vectors in the space learned from these groups; whitened if there are none."""
        head = learn_head(
            self.vectors.values,
            groups[self.owners.rows],
            made_for=self.vectors.version,
            dimensions=self.learn.dimensions,
            seed=self.seed,
            frame=self.frame,
        )
        return head.projection.apply(self.vectors)


def pictures_of(ground: Ground, model: str) -> Pictures:
    """Encodes a catalogue's pictures, each distinct file once; vectors from earlier calls are reused.

    Args:
        ground: The catalogue.
        model: Name of the fingerprint in `image.model`.
    """
    from service.runs.run_folder import locked
    from service.steps.encode_images import encode_images
    from service.steps.fetch_pictures import fetch_pictures
    from service.steps.ingest import ingest

    image = ground.settings.image.model_copy(update={"model": model})
    folder = ground.out / "pictures"
    with locked(folder):
        job = Job.start(folder, ground.feed, ground.settings.model_copy(update={"image": image}))
        for step in (ingest, fetch_pictures, encode_images):
            step(job)
        axis, owners = job.pictures.axis, job.pictures.owners
        vectors = Vectors.open(job.folder.image / "vectors.arrow", axis)
    return Pictures(vectors, owners, job.truth("evaluation"), job.settings.learn, job.settings.run.seed)


@dataclass(frozen=True, eq=False)
class QuerySpace:
    """Vectors, and the products to look up among them.

    Attributes:
        vectors: One vector per picture.
        rows: Products whose groups were held out from the space of these vectors.
    """

    vectors: Vectors
    rows: Rows


def query_spaces(pictures: Pictures, space: str, rows: Rows) -> list[QuerySpace]:
    """The spaces in which products are looked up: a single one, or one for each fold if spaces are learned.

    Args:
        pictures: The pictures.
        space: `RAW`, `WHITENED` or `LEARNED`.
        rows: The products.
    """
    groups = pictures.qrels.groups
    if space == RAW:
        return [QuerySpace(pictures.vectors, rows)]
    if space == WHITENED:
        return [QuerySpace(pictures.projected(np.full_like(groups, -1)), rows)]
    fold_of = split_groups(groups, FOLDS, pictures.seed)
    return [
        QuerySpace(pictures.projected(np.where(fold_of == fold, -1, groups)), rows[fold_of[rows] == fold])
        for fold in np.unique(fold_of[rows])
    ]


def neighbours(
    pictures: Pictures, spaces: Sequence[QuerySpace], indexes: Sequence[Index] = (), depth: int = DEPTH
) -> Run:
    """The nearest other products of each space's products, by their best pair of pictures.

    Args:
        pictures: The pictures.
        spaces: The spaces and their products.
        indexes: An index over the vectors of each space; exact search by default.
        depth: Largest number of products in a list.
    """
    indexes = indexes or [ExactIndex(space.vectors) for space in spaces]
    return stacked(
        [
            ImageLookup(space.vectors, index, pictures.owners).neighbours(space.rows, depth)
            for space, index in zip(spaces, indexes, strict=True)
        ]
    )


@dataclass(frozen=True, eq=False)
class FingerprintRecall:
    """Recall and other metrics of one fingerprint in one space, as float vectors or as one kind of codes.

    Attributes:
        fingerprint: Name of the fingerprint.
        space: `RAW`, `WHITENED` or `LEARNED`.
        codes: Kind of binary codes; empty for float vectors.
        bits: Length of the codes; 0 for float vectors.
        rescored: Whether the first results of each list were rescored by float vectors.
        dimensions: Length of a float vector.
        bytes: Mean number of bytes to store per product.
        values: Mean of each metric over the q products with known variants.
        recalls: float64 (q,): recall@10 of each product, ordered by row.
        groups: int32 (q,): group of each product.
        span: Interval of recall@10, groups resampled.
    """

    fingerprint: str
    space: str
    codes: str
    bits: int
    rescored: bool
    dimensions: int
    bytes: float
    values: Mapping[str, float]
    recalls: Values
    groups: NDArray[np.int32]
    span: Interval

    def above(self, other: FingerprintRecall, resamples: int = 1000, seed: int = 7) -> Interval:
        """The difference in recall@10 to another measurement, paired by product, groups resampled."""
        return difference(self.recalls, other.recalls, self.groups, resamples=resamples, seed=seed)


def fingerprint_recall(run: Run, pictures: Pictures, resamples: int = 1000, **about: Any) -> FingerprintRecall:
    """Measures a run; a product without a usable picture has an empty list and counts as finding nothing."""
    by_depth = {depth: judged(run.top(depth), pictures.qrels) for depth in {depth for depth, _ in METRICS.values()}}
    by_query = {name: measure(by_depth[depth]) for name, (depth, measure) in METRICS.items()}
    rows = product_rows(run)
    order = np.argsort(rows)
    recall_at_10, groups = by_query["recall@10"][order], pictures.qrels.groups[rows[order]]
    span = interval(recall_at_10, groups, resamples=resamples, seed=pictures.seed)
    means = {name: float(np.nanmean(values)) for name, values in by_query.items()}
    return FingerprintRecall(**about, values=means, recalls=recall_at_10, groups=groups, span=span)


def queries_of(qrels: Qrels, most: int, seed: int) -> Rows:
    """The products to measure: those with known variants, or a seeded sample if there are more than `most`."""
    rows = qrels.queries()
    return rows if len(rows) <= most else np.sort(np.random.default_rng(seed).choice(rows, most, replace=False))


def compare(name: str, pictures: Pictures, settings: Settings) -> Iterator[FingerprintRecall]:
    """Measures one fingerprint in every space, and codes of every kind and length in the raw and learned spaces."""
    rows = queries_of(pictures.qrels, settings.evaluation.max_queries, pictures.seed)
    resamples = settings.evaluation.bootstrap
    for space in (RAW, WHITENED, LEARNED):
        spaces = query_spaces(pictures, space, rows)
        wide = spaces[0].vectors.dimensions
        measure = partial(
            fingerprint_recall, pictures=pictures, resamples=resamples, fingerprint=name, space=space, dimensions=wide
        )
        floats = pictures.scaled(2 * wide)
        yield measure(neighbours(pictures, spaces), codes="", bits=0, rescored=False, bytes=floats)
        for kind, bits in product(CODES, BITS) if space != WHITENED else ():
            planes = CODES[kind](wide, bits, pictures.seed)
            codes = [Codes(query_space.vectors, planes) for query_space in spaces]
            for rescored in (0, RESCORED):
                run = neighbours(pictures, spaces, [CodeIndex(code, rescored) for code in codes])
                kept = pictures.scaled(bits / 8) + (floats if rescored else 0)
                yield measure(run, codes=kind, bits=bits, rescored=bool(rescored), bytes=kept)


def compare_all(ground: Ground, models: Mapping[str, str]) -> list[FingerprintRecall]:
    """Measures every fingerprint in every space, as float vectors and as codes."""
    measurements: list[FingerprintRecall] = []
    for name, model in track(models.items(), "measuring fingerprints"):
        measurements += compare(name, pictures_of(ground, model), ground.settings)
    return measurements


def milliseconds(ground: Ground, models: Mapping[str, str], sample: int = 24, rounds: int = 3) -> dict[str, float]:
    """Processor time per picture of each fingerprint in milliseconds, on one thread, without decoding.

    The encoders take turns on the same pictures, and the median over rounds is returned. Processor time is unaffected
    by other processes.

    Args:
        ground: The catalogue.
        models: Fingerprints by name.
        sample: Number of pictures.
        rounds: Number of rounds.
    """
    from image_retrieval.encoders import encoder_for
    from image_retrieval.pictures import decode, read_picture

    names = _sample(ground, sample)
    spent: dict[str, list[float]] = {name: [] for name in models}
    encoders = {}
    for name, model in models.items():
        encoder = encoder_for(ground.settings.image.model_copy(update={"model": model}), 1)
        batch = [decode(read_picture(path, path.name), path.name, encoder.size) for path in names]
        encoder.encode(batch[:1])
        encoders[name] = partial(encoder.encode, batch)
    for _ in range(rounds):
        for name, encode in encoders.items():
            start = time.process_time()
            encode()
            spent[name].append(1000 * (time.process_time() - start) / max(1, len(names)))
    return {name: median(times) for name, times in spent.items()}


def _sample(ground: Ground, count: int) -> list[Path]:
    """Files of encoded pictures, spread over the catalogue."""
    import pyarrow.parquet as pq

    paths = pq.read_table(ground.out / "pictures" / "image" / "images.parquet")["path"].to_pylist()
    return [Path(path) for path in paths[:: max(1, len(paths) // count)][:count]]

"""Which fingerprint finds variants: every one at hand, raw and in learned spaces, whole and binarised.

A fingerprint is an encoder of pictures, by the name that `image.model` gives it. Its vectors are made once and kept by
content and encoder version below the notebook's folder. Products are then looked up exactly, and each is measured in
a space that its own group had no part in: groups are dealt into folds, and a fold's products are looked up in a space
learned from the groups of the others, as a run's own evaluation does.
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
"""Networks and their outputs, measured where the folder of models holds them."""

RAW, WHITENED, LEARNED = "raw", "whitened", "learned"
"""As the encoder makes vectors; whitened, which needs no groups; learned from the known groups."""

DEPTH = 1000
"""How deep lists are, which the paper's approximate recall@1000 asks for."""

RESCORED = 200
"""Codes at the head of a list that are put in order by float vectors, where they are."""

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
"""The paper's metrics by its names (section 4.1; its MAP@k is the mean of precision@1 … precision@k), then the field's
average precision and recall; each with the depth of lists that it looks at."""

Rows = NDArray[np.int32]


def at_hand(models: Path, names: Sequence[str] = ()) -> dict[str, str]:
    """Every fingerprint that can be made here: its name and what `image.model` calls it.

    Args:
        models: The folder of networks; need not be there.
        names: Only these; empty: all. What holds a colon is taken as `image.model` has it (`onnx:FILE#OUTPUT@7x7`).

    Raises:
        SettingsError: There is no such fingerprint, or none of them can be made here.
    """
    files = {name: models / file for name, file in NETWORKS.items()}
    networks = {name: f"onnx:{file}" for name, file in files.items() if Path(str(file).partition("#")[0]).is_file()}
    made = {name: name for name in ("own", *WITHOUT_WEIGHTS)} | networks | {name: name for name in names if ":" in name}
    known = {*made, *NETWORKS}
    unknown = [name for name in names if name not in known]
    chosen = {name: model for name, model in made.items() if not names or name in names}
    if unknown or not chosen:
        raise SettingsError(
            f"no fingerprint {', '.join(unknown or names)}", f"There are {', '.join(known)}; networks lie in {models}"
        )
    return chosen


@dataclass(frozen=True, eq=False)
class Pictures:
    """A catalogue's pictures as one fingerprint sees them.

    Attributes:
        vectors: One vector a picture.
        owners: Which product each picture belongs to.
        qrels: What is known about pairs of products.
        learn: How many dimensions a learned space has.
        seed: Seed of folds, of spaces and of codes.
    """

    vectors: Vectors
    owners: Owners
    qrels: Qrels
    learn: LearnSettings
    seed: int = 7

    def scaled(self, bytes_a_picture: float) -> float:
        """Bytes for one product of so many for a picture."""
        return bytes_a_picture * len(self.vectors) / max(1, len(self.owners.products))

    @cached_property
    def frame(self) -> Frame:
        """Principal components, in which no group has a part."""
        return frame_of(self.vectors.values, seed=self.seed)

    def projected(self, groups: NDArray[np.integer]) -> Vectors:
        """The vectors in the space that these groups teach; without any group, whitened."""
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
    """Encodes a catalogue's pictures, each distinct file once; what was encoded before is taken from there.

    Args:
        ground: The catalogue.
        model: As `image.model` names it.
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
class View:
    """Vectors, and the products that may be looked up among them.

    Attributes:
        vectors: One a picture.
        rows: Products whose groups had no part in the space of these vectors.
    """

    vectors: Vectors
    rows: Rows


def views(pictures: Pictures, space: str, rows: Rows) -> list[View]:
    """The views in which products are looked up: one, or in learned spaces one for each fold of their groups.

    Args:
        pictures: The pictures.
        space: `RAW`, `WHITENED` or `LEARNED`.
        rows: The products.
    """
    groups = pictures.qrels.groups
    if space == RAW:
        return [View(pictures.vectors, rows)]
    if space == WHITENED:
        return [View(pictures.projected(np.full_like(groups, -1)), rows)]
    fold_of = split_groups(groups, FOLDS, pictures.seed)
    return [
        View(pictures.projected(np.where(fold_of == fold, -1, groups)), rows[fold_of[rows] == fold])
        for fold in np.unique(fold_of[rows])
    ]


def looked_up(pictures: Pictures, seen: Sequence[View], indexes: Sequence[Index] = (), depth: int = DEPTH) -> Run:
    """The nearest other products of each view's products, by their best pair of pictures.

    Args:
        pictures: Whose pictures they are.
        seen: The views.
        indexes: An index over the vectors of each view; none: exact search.
        depth: How many products a list has, at most.
    """
    indexes = indexes or [ExactIndex(view.vectors) for view in seen]
    return stacked(
        [
            ImageLookup(view.vectors, index, pictures.owners).neighbours(view.rows, depth)
            for view, index in zip(seen, indexes, strict=True)
        ]
    )


@dataclass(frozen=True, eq=False)
class Measured:
    """How well one way to look pictures up finds variants.

    Attributes:
        fingerprint: Its name.
        space: `RAW`, `WHITENED` or `LEARNED`.
        codes: Kind of binary codes; empty for float vectors.
        bits: Their length, 0 for float vectors.
        rescored: Whether the head of each list was put in order by float vectors.
        dimensions: Length of a float vector.
        bytes: What has to be kept for one product, in the mean.
        values: Each metric's mean over products with known variants.
        found: recall@10 of each of them, in the order of rows.
        groups: int32 (q,): their groups.
        span: The interval of recall@10, groups resampled.
    """

    fingerprint: str
    space: str
    codes: str
    bits: int
    rescored: bool
    dimensions: int
    bytes: float
    values: Mapping[str, float]
    found: Values
    groups: NDArray[np.int32]
    span: Interval

    def above(self, other: Measured, resamples: int = 1000, seed: int = 7) -> Interval:
        """How much recall@10 is above that of another way, paired product by product, groups resampled."""
        return difference(self.found, other.found, self.groups, resamples=resamples, seed=seed)


def measured(run: Run, pictures: Pictures, resamples: int = 1000, **about: Any) -> Measured:
    """The metrics of lists; a product without a usable picture has an empty list and finds nothing."""
    by_depth = {depth: judged(run.top(depth), pictures.qrels) for depth in {depth for depth, _ in METRICS.values()}}
    by_query = {name: measure(by_depth[depth]) for name, (depth, measure) in METRICS.items()}
    rows = product_rows(run)
    order = np.argsort(rows)
    found, groups = by_query["recall@10"][order], pictures.qrels.groups[rows[order]]
    span = interval(found, groups, resamples=resamples, seed=pictures.seed)
    means = {name: float(np.nanmean(values)) for name, values in by_query.items()}
    return Measured(**about, values=means, found=found, groups=groups, span=span)


def queries_of(qrels: Qrels, most: int, seed: int) -> Rows:
    """The products that are measured: those with known variants, a seeded sample where there are many."""
    rows = qrels.queries()
    return rows if len(rows) <= most else np.sort(np.random.default_rng(seed).choice(rows, most, replace=False))


def compare(name: str, pictures: Pictures, settings: Settings) -> Iterator[Measured]:
    """One fingerprint in every space, and its codes of every kind and length in the raw and the learned one."""
    rows = queries_of(pictures.qrels, settings.evaluation.max_queries, pictures.seed)
    resamples = settings.evaluation.bootstrap
    for space in (RAW, WHITENED, LEARNED):
        seen = views(pictures, space, rows)
        wide = seen[0].vectors.dimensions
        measure = partial(
            measured, pictures=pictures, resamples=resamples, fingerprint=name, space=space, dimensions=wide
        )
        floats = pictures.scaled(2 * wide)
        yield measure(looked_up(pictures, seen), codes="", bits=0, rescored=False, bytes=floats)
        for kind, bits in product(CODES, BITS) if space != WHITENED else ():
            planes = CODES[kind](wide, bits, pictures.seed)
            codes = [Codes(view.vectors, planes) for view in seen]
            for rescored in (0, RESCORED):
                run = looked_up(pictures, seen, [CodeIndex(one, rescored) for one in codes])
                kept = pictures.scaled(bits / 8) + (floats if rescored else 0)
                yield measure(run, codes=kind, bits=bits, rescored=bool(rescored), bytes=kept)


def compare_all(ground: Ground, models: Mapping[str, str]) -> list[Measured]:
    """Every fingerprint in every space, whole and binarised."""
    made: list[Measured] = []
    for name, model in track(models.items(), "measuring fingerprints"):
        made += compare(name, pictures_of(ground, model), ground.settings)
    return made


def milliseconds(ground: Ground, models: Mapping[str, str], sample: int = 24, rounds: int = 3) -> dict[str, float]:
    """Processor time of each fingerprint for a picture, on one thread, decoding left out.

    The encoders take turns over the same pictures; the median of the rounds counts. Processor time does not run while
    other work has the processor.

    Args:
        ground: The catalogue.
        models: Fingerprints, by name.
        sample: Pictures a round.
        rounds: How often each encoder has its turn.
    """
    from image_retrieval.encoders import encoder_for
    from image_retrieval.pictures import decode, read_picture

    names = _sample(ground, sample)
    spent: dict[str, list[float]] = {name: [] for name in models}
    ready = {}
    for name, model in models.items():
        encoder = encoder_for(ground.settings.image.model_copy(update={"model": model}), 1)
        batch = [decode(read_picture(path, path.name), path.name, encoder.size) for path in names]
        encoder.encode(batch[:1])
        ready[name] = partial(encoder.encode, batch)
    for _ in range(rounds):
        for name, encode in ready.items():
            start = time.process_time()
            encode()
            spent[name].append(1000 * (time.process_time() - start) / max(1, len(names)))
    return {name: median(times) for name, times in spent.items()}


def _sample(ground: Ground, count: int) -> list[Path]:
    """Files of pictures that were encoded before, spread over the catalogue."""
    import pyarrow.parquet as pq

    paths = pq.read_table(ground.out / "pictures" / "image" / "images.parquet")["path"].to_pylist()
    return [Path(path) for path in paths[:: max(1, len(paths) // count)][:count]]

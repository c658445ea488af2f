"""Fine-tunes the fingerprint on a merchant's own pictures, and keeps the result only if it is measurably better.

A third of the known groups is held out first: none of their pictures is used for training. The student starts from the
shipped weights. As in their training, it learns to give a recoloured picture the teacher's features of the original;
known variants are also pulled together. Then products of the held-out groups are searched with both fingerprints, each
in a space learned from the other groups.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from candidates.artifacts import write_json
from candidates.errors import PictureError, VariantsError
from candidates.settings import ImageSettings, Settings
from eval.bootstrap import Interval, difference, interval
from intake.feeds.several import FeedSource
from intake.picture_files import list_pictures
from service.learning.heads import split_groups
from service.learning.picture_recall import PictureVectors, projected_recalls, recalls
from service.runs.job import Job
from service.runs.run_folder import locked
from service.steps.fetch_pictures import fetch_pictures
from service.steps.ingest import ingest

if TYPE_CHECKING:
    from image_retrieval.training.distil import Known
    from image_retrieval.training.prepared import Prepared

EPOCHS = 3.0
"""Default number of passes over all views."""

RATE = 3e-4
"""Learning rate; low, because the weights are already good."""

FEWEST = 30
"""Fewest held-out groups that can show whether a fingerprint is better."""

_ASIDE = 3
"""One in this many groups is held out."""

_BATCH = 32
"""Views per training step; each comes with a partner."""

_POOL = 20_000
"""Largest pool of products that is searched."""

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class SpaceRecall:
    """Two fingerprints on held-out groups.

    Attributes:
        space: `raw` or `projected`.
        ours: recall@10 of the shipped one.
        trained: recall@10 of the trained one.
        gain: The paired difference.
    """

    space: str
    ours: Interval
    trained: Interval
    gain: Interval


@dataclass(frozen=True)
class Trained:
    """The result of a training.

    Attributes:
        folder: Where the weights are, if they were kept: `--image-model own:FOLDER`.
        kept: Whether the gain is significant: its 95% interval lies above zero.
        figures: Raw and projected.
        groups: Number of held-out groups.
        candidate: Where the trained weights are, kept or not.
    """

    folder: Path
    kept: bool
    figures: tuple[SpaceRecall, ...]
    groups: int
    candidate: Path


@dataclass(frozen=True, eq=False)
class _Pictures:
    """Products with their first picture.

    Attributes:
        files: The first picture of each product; None without one.
        groups: int32 (n,).
        scopes: int32 (n,).
        aside: bool (n,): whether the product's group is held out.
        folds: int64 (n,): 0 for held-out groups, 1 for other groups, −1 for none.
    """

    files: tuple[Path | None, ...]
    groups: NDArray[np.int32]
    scopes: NDArray[np.int32]
    aside: NDArray[np.bool_]
    folds: Rows

    @property
    def taught(self) -> list[tuple[Path, int]]:
        """Training files, each with a product that it shows; files that a held-out product also shows are left out."""
        kept = {file for file, hidden in zip(self.files, self.aside, strict=True) if hidden}
        found: dict[Path, int] = {}
        for row, file in enumerate(self.files):
            if file is not None and file not in kept:
                found.setdefault(file, row)
        return sorted(found.items())


def train_encoder(
    feed: Path | Sequence[FeedSource],
    out: Path,
    settings: Settings,
    *,
    teacher: Path | None = None,
    epochs: float = EPOCHS,
    say: Callable[[str], None],
) -> Trained:
    """Fine-tunes a fingerprint on a feed's pictures and keeps it if it is better.

    Run again on the same folder, it resumes where it stopped.

    Args:
        feed: The feed, or several; some of its groups must be known.
        out: Folder for the weights and for intermediate results.
        settings: How the feed is read and pictures are fetched.
        teacher: An ONNX network with output `grid7`; None: our own fingerprint.
        epochs: Passes over all views.
        say: Called with each line of progress.

    Raises:
        VariantsError: Too few groups are known to measure whether it is better.
    """
    work = out / "work"
    with locked(work / "run"):
        job = Job.start(work / "run", feed, settings)
        ingest(job)
        fetch_pictures(job)
        goods = _goods(job)
        count = len(np.unique(goods.groups[goods.aside]))
        if count < FEWEST:
            known = len(np.unique(goods.groups[goods.groups >= 0]))
            raise VariantsError(
                f"{known} known groups of two or more are too few to measure whether a fingerprint is better",
                f"Use a feed with at least {FEWEST * _ASIDE} groups, or stay with the model `own`",
            )
        candidate = _learned(goods, work, teacher, epochs, settings.run.seed, job.threads, say)
        return _judged(goods, candidate, out, count, job.threads, say)


def _goods(job: Job) -> _Pictures:
    files: list[Path | None] = [None] * len(job.catalogue)
    for picture in list_pictures(job.catalogue, job.places):
        if files[picture.product_row] is None:
            files[picture.product_row] = picture.path
    names, members, sizes = np.unique(job.truth("evaluation").groups, return_inverse=True, return_counts=True)
    several = (names >= 0) & (sizes > 1)
    groups = np.where(several[members], job.truth("evaluation").groups, -1).astype(np.int32)
    folds = np.minimum(split_groups(groups, _ASIDE, job.settings.run.seed), 1)
    return _Pictures(tuple(files), groups, job.truth("evaluation").scopes, folds == 0, folds)


def _learned(
    goods: _Pictures,
    work: Path,
    teacher: Path | None,
    epochs: float,
    seed: int,
    threads: int,
    say: Callable[[str], None],
) -> Path:
    """The folder of the trained weights."""
    from image_retrieval.encoders.own import OUTPUT, shipped
    from image_retrieval.training.distil import Distillation, Plan, Student, Targets
    from image_retrieval.training.export import read_onnx, write_onnx
    from image_retrieval.training.network import shape_in
    from image_retrieval.training.photos import Subjects
    from image_retrieval.training.prepared import SIDE, prepare
    from image_retrieval.training.teacher import Teacher

    taught = goods.taught
    subjects = Subjects([file for file, _ in taught], 0, seed)
    teachers = [Teacher.open(teacher or shipped(), 1, OUTPUT)]
    prepared = prepare(subjects, teachers, work / "prepared", threads, say)
    network = read_onnx(shipped())
    shape = shape_in(network)
    plan = Plan(epochs=epochs, batch=_BATCH, rate=RATE, seed=seed, settled=True, shape=shape)
    targets = Targets.of(prepared)
    student = Student.beginning_as(network, shape, targets, itself=teacher is None)
    products = np.array([product for _, product in taught], np.int64)
    run = Distillation(plan, targets, work, student, _known(goods, prepared, products))
    if run.resume():
        say(f"resuming at step {run.done:,}")
    trained = run.run(say)
    write_onnx(trained.body, SIDE, work / "trained" / "own.onnx")
    _state(work / "trained", {})
    return work / "trained"


def _known(goods: _Pictures, prepared: Prepared, products: Rows) -> Known:
    from image_retrieval.training.distil import Known

    shown = products[prepared.subjects]
    return Known(shown, goods.groups[shown].astype(np.int64), goods.scopes[shown].astype(np.int64))


def _state(folder: Path, more: dict[str, Any]) -> None:
    """Writes the digest of a folder's weights beside them."""
    from image_retrieval.encoders.own import ABOUT, WEIGHTS
    from image_retrieval.encoders.weights import sha256_of

    write_json(folder / ABOUT, {"sha256": sha256_of(folder / WEIGHTS), **more})


def _judged(
    goods: _Pictures, candidate: Path, out: Path, groups: int, threads: int, say: Callable[[str], None]
) -> Trained:
    """Compares the trained fingerprint with ours and keeps it if the gain is significant."""
    from image_retrieval.encoders.own import ABOUT, WEIGHTS

    say(f"measuring on {groups:,} held-out groups")
    rows = _pool(goods)
    ours, trained = (_found(goods, rows, model, threads, say) for model in ("own", f"own:{candidate}"))
    asked = goods.groups[rows][_queries(goods, rows)]
    figures = tuple(
        SpaceRecall(space, interval(mine, asked), interval(new, asked), difference(new, mine, asked))
        for space, mine, new in zip(("raw", "projected"), ours, trained, strict=True)
    )
    kept = figures[-1].gain.low > 0
    measured = {"kept": kept, "groups_put_aside": groups, "figures": [asdict(figure) for figure in figures]}
    write_json(out / "measured.json", measured)
    for name in (WEIGHTS, ABOUT):  # An earlier training's weights must not remain beside this one's figures.
        (out / name).unlink(missing_ok=True)
    if kept:
        shutil.copyfile(candidate / WEIGHTS, out / WEIGHTS)
        _state(out, measured)
    return Trained(out, kept, figures, groups, candidate)


def _pool(goods: _Pictures) -> Rows:
    """The products to search: all, or a sample that prefers products in groups."""
    rows = np.arange(len(goods.groups))
    if len(rows) <= _POOL:
        return rows
    order = np.random.default_rng(7).permutation(len(rows))
    first = np.concatenate([order[goods.groups[order] >= 0], order[goods.groups[order] < 0]])
    return np.sort(first[:_POOL])


def _queries(goods: _Pictures, rows: Rows) -> Rows:
    """Products of held-out groups that have a picture and a variant, by their position in the pool."""
    seen = PictureVectors(np.array([[goods.files[row] is not None] for row in rows], np.float16), goods.groups[rows])
    return seen.queries[goods.aside[rows][seen.queries]]


def _found(
    goods: _Pictures, rows: Rows, model: str, threads: int, say: Callable[[str], None]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """recall@10 of every query, raw and projected."""
    files = {file for file in (goods.files[row] for row in rows) if file is not None}
    vectors = _encoded(sorted(files), model, threads, say)
    width = len(next(iter(vectors.values())))
    blank = np.zeros(width, np.float16)
    values = np.stack([vectors.get(goods.files[row], blank) for row in rows])
    seen, asked = PictureVectors(values, goods.groups[rows]), _queries(goods, rows)
    raw = recalls(values, seen.groups, asked, (10,))[:, 0]
    return raw, projected_recalls(seen, goods.folds[rows], asked, (10,))[:, 0]


def _encoded(
    files: Sequence[Path], model: str, threads: int, say: Callable[[str], None]
) -> dict[Path, NDArray[np.float16]]:
    """The vectors of picture files; broken files are left out."""
    from image_retrieval.encoders import encoder_for
    from image_retrieval.encoders.batches import each
    from image_retrieval.pictures import decode, read_picture

    encoder = encoder_for(ImageSettings(model=model), 1)

    def encode(file: Path) -> NDArray[np.float16] | None:
        try:
            image = decode(read_picture(file, file.name), file.name, encoder.size)
        except PictureError as error:
            say(f"left out: {error}")
            return None
        vector: NDArray[np.float16] = encoder.encode([image])[0].astype(np.float16)
        return vector

    found = zip(files, each(encode, files, threads), strict=True)
    return {file: vector for file, vector in found if vector is not None}

"""A merchant's own fingerprint: goes on from ours on his pictures, and is kept only where it is measured to be better.

A third of the known groups is put aside first: no picture of theirs is learned from. The student goes on from the
shipped weights and learns, as they did, to see a recoloured picture as its teacher sees the true one; where groups are
known variants are also pulled together. Then products of the groups put aside are looked up by both fingerprints, each
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
"""How often every view is seen, unless told otherwise."""

RATE = 3e-4
"""Rate of learning: the weights are good already."""

FEWEST = 30
"""Groups put aside: fewer can't show whether a fingerprint is better."""

_ASIDE = 3
"""One in so many groups is put aside."""

_BATCH = 32
"""Views a step, and partners of theirs as many."""

_POOL = 20_000
"""Products among which is looked, at most."""

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Measured:
    """Two fingerprints on groups that neither learned from.

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
    """What became of a training.

    Attributes:
        folder: Where the weights are, if they were kept: `--image-model own:FOLDER`.
        kept: Whether they are better for certain.
        figures: Raw and projected.
        groups: Groups put aside.
        candidate: Where the trained weights are, kept or not.
    """

    folder: Path
    kept: bool
    figures: tuple[Measured, ...]
    groups: int
    candidate: Path


@dataclass(frozen=True, eq=False)
class _Goods:
    """Products with their first picture.

    Attributes:
        files: The picture of each product, None without.
        groups: int32 (n,).
        scopes: int32 (n,).
        aside: bool (n,): whether the product's group is put aside.
        folds: int64 (n,): 0 for groups put aside, 1 for others, −1 for none.
    """

    files: tuple[Path | None, ...]
    groups: NDArray[np.int32]
    scopes: NDArray[np.int32]
    aside: NDArray[np.bool_]
    folds: Rows

    @property
    def taught(self) -> list[tuple[Path, int]]:
        """Files to learn from with a product that each shows; none that a product put aside shows too."""
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
    """Trains a fingerprint on a feed's pictures and keeps it where it is better.

    Begun again on the same folder, it goes on where it stopped.

    Args:
        feed: The feed, or several; some of its groups must be known.
        out: Folder for the weights, and for what is kept while they are made.
        settings: How the feed is read and pictures are fetched.
        teacher: An ONNX network with `grid7` to learn from; None: our own fingerprint.
        epochs: How often every view is seen.
        say: Told what goes on.

    Raises:
        VariantsError: Too few groups are known to tell whether it is better.
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
                f"{known} known groups of two or more are too few to tell whether a fingerprint is better",
                f"Give a feed with at least {FEWEST * _ASIDE} groups, or stay with the model `own`",
            )
        candidate = _learned(goods, work, teacher, epochs, settings.run.seed, job.threads, say)
        return _judged(goods, candidate, out, count, job.threads, say)


def _goods(job: Job) -> _Goods:
    files: list[Path | None] = [None] * len(job.catalogue)
    for picture in list_pictures(job.catalogue, job.places):
        if files[picture.product_row] is None:
            files[picture.product_row] = picture.path
    names, members, sizes = np.unique(job.truth("evaluation").groups, return_inverse=True, return_counts=True)
    several = (names >= 0) & (sizes > 1)
    groups = np.where(several[members], job.truth("evaluation").groups, -1).astype(np.int32)
    folds = np.minimum(split_groups(groups, _ASIDE, job.settings.run.seed), 1)
    return _Goods(tuple(files), groups, job.truth("evaluation").scopes, folds == 0, folds)


def _learned(
    goods: _Goods,
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
        say(f"going on at step {run.done:,}")
    trained = run.run(say)
    write_onnx(trained.body, SIDE, work / "trained" / "own.onnx")
    _state(work / "trained", {})
    return work / "trained"


def _known(goods: _Goods, prepared: Prepared, products: Rows) -> Known:
    from image_retrieval.training.distil import Known

    shown = products[prepared.subjects]
    return Known(shown, goods.groups[shown].astype(np.int64), goods.scopes[shown].astype(np.int64))


def _state(folder: Path, more: dict[str, Any]) -> None:
    """Writes the digest of a folder's weights beside them."""
    from image_retrieval.encoders.own import ABOUT, WEIGHTS
    from image_retrieval.encoders.weights import sha256_of

    write_json(folder / ABOUT, {"sha256": sha256_of(folder / WEIGHTS), **more})


def _judged(
    goods: _Goods, candidate: Path, out: Path, groups: int, threads: int, say: Callable[[str], None]
) -> Trained:
    """Compares the trained fingerprint with ours and keeps it where it is better for certain."""
    from image_retrieval.encoders.own import ABOUT, WEIGHTS

    say(f"measuring on {groups:,} groups that were put aside")
    rows = _pool(goods)
    ours, trained = (_found(goods, rows, model, threads, say) for model in ("own", f"own:{candidate}"))
    asked = goods.groups[rows][_queries(goods, rows)]
    figures = tuple(
        Measured(space, interval(mine, asked), interval(new, asked), difference(new, mine, asked))
        for space, mine, new in zip(("raw", "projected"), ours, trained, strict=True)
    )
    kept = figures[-1].gain.low > 0
    told = {"kept": kept, "groups_put_aside": groups, "figures": [asdict(one) for one in figures]}
    write_json(out / "measured.json", told)
    for name in (WEIGHTS, ABOUT):  # An earlier training's weights must not stand beside this one's figures.
        (out / name).unlink(missing_ok=True)
    if kept:
        shutil.copyfile(candidate / WEIGHTS, out / WEIGHTS)
        _state(out, told)
    return Trained(out, kept, figures, groups, candidate)


def _pool(goods: _Goods) -> Rows:
    """The products among which is looked: all, or whole groups and others up to a number."""
    rows = np.arange(len(goods.groups))
    if len(rows) <= _POOL:
        return rows
    order = np.random.default_rng(7).permutation(len(rows))
    first = np.concatenate([order[goods.groups[order] >= 0], order[goods.groups[order] < 0]])
    return np.sort(first[:_POOL])


def _queries(goods: _Goods, rows: Rows) -> Rows:
    """Products of groups put aside that have a picture and a variant, by their place in the pool."""
    seen = PictureVectors(np.array([[goods.files[row] is not None] for row in rows], np.float16), goods.groups[rows])
    return seen.queries[goods.aside[rows][seen.queries]]


def _found(
    goods: _Goods, rows: Rows, model: str, threads: int, say: Callable[[str], None]
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
    """The vectors of picture files; those of broken ones are left out."""
    from image_retrieval.encoders import encoder_for
    from image_retrieval.encoders.batches import each
    from image_retrieval.pictures import decode, read_picture

    encoder = encoder_for(ImageSettings(model=model), 1)

    def one(file: Path) -> NDArray[np.float16] | None:
        try:
            image = decode(read_picture(file, file.name), file.name, encoder.size)
        except PictureError as error:
            say(f"left out: {error}")
            return None
        vector: NDArray[np.float16] = encoder.encode([image])[0].astype(np.float16)
        return vector

    found = zip(files, each(one, files, threads), strict=True)
    return {file: vector for file, vector in found if vector is not None}

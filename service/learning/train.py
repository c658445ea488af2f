"""Learns a model from a catalogue's known groups, and measures it on groups that it did not see."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from candidates.collapse import Owners
from candidates.exact import ExactIndex
from candidates.run import Run
from candidates.vectors import Vectors
from eval.bootstrap import Interval, intervals
from eval.metrics import judged, recall
from fusion.merge.hubs import depth_for
from fusion.merge.strategies import Lists, fuse_lists, merge
from service.job import Job
from service.learning.heads import Head, learn_head, split_groups
from service.learning.model import Model
from service.lookups import ImageLookup, TextLookup, image_owners, lexical_lookup
from service.progress import track
from service.steps.project import fitted_lexicon, joint_text

if TYPE_CHECKING:
    from image_retrieval.base import Base

FOLDS = 5
"""Parts of the groups; each is measured with heads learned from the others."""

AT = (10, 50, 100)
"""Depths at which recall is measured."""


@dataclass(frozen=True)
class Figure:
    """Recall of one list at one depth, on groups that nothing was learned from.

    Attributes:
        list: What made the list.
        k: The depth.
        recall: Mean over queries, with its interval over groups.
    """

    list: str
    k: int
    recall: Interval


@dataclass(frozen=True, eq=False)
class Ingredients:
    """What is learned from: vectors of one catalogue and its known groups.

    Attributes:
        text: Joint text vectors of the products.
        image: Vectors of the pictures.
        owners: Which product each picture belongs to.
        groups: int32 (n,): known group of each product, −1 without.
        lexical: Lists by the letters of the texts, as deep as the fusion needs.
    """

    text: Vectors
    image: Vectors
    owners: Owners
    groups: NDArray[np.int32]
    lexical: Run


def train(job: Job, out: Path) -> tuple[Model, list[Figure]]:
    """Learns a model from a run whose vectors are made, measures it, and writes it to the folder `out`.

    Args:
        job: The run; its groups count within each seller unless they are declared global.
        out: Where the model goes.

    Returns:
        The model, learned from all groups, and the recall of its lists on groups held out: each query is ranked
        by heads that its own group had no part in. Empty where fewer than two groups are known.
    """
    lexicon = fitted_lexicon(job)
    text = joint_text(job, lexicon)
    axis, owners = image_owners(job)
    image = Vectors.open(job.folder.image / "vectors.arrow", axis)
    lexical = lexical_lookup(job).neighbours(job.catalogue.axis.rows, _depth(job))
    ingredients = Ingredients(text, image, owners, job.qrels.groups, lexical)
    figures = held_out_figures(job, ingredients)
    heads = _heads(ingredients, job.qrels.groups, job)
    about = {
        "learned": {name: head.learned.as_json() for name, head in heads.items()},
        "held_out": [asdict(one) for one in figures],
        "encoders": {"text": text.version, "image": image.version},
    }
    model = Model(heads["text"].projection, heads["image"].projection, _base(job), lexicon, about)
    model.save(out)
    return model, figures


def held_out_figures(job: Job, made_of: Ingredients, folds: int = FOLDS) -> list[Figure]:
    """Recall of the text, the image and the fused list, each query ranked without its own group's part.

    For every fold all look-ups, those of the hop's seeds too, go through heads that none of the fold's groups were
    in: a seed's list from a head that saw the query's group would make the hop look better than it is.
    """
    queries = job.qrels.queries()
    if len(np.unique(made_of.groups[queries])) < 2:
        return []
    fold_of = split_groups(made_of.groups, folds, job.settings.run.seed)
    values: dict[str, NDArray[np.float64]] = {}
    for fold in track(range(folds), "measuring on groups held out"):
        rows = queries[fold_of[queries] == fold]
        hidden = np.where(fold_of == fold, -1, made_of.groups).astype(np.int32)
        for name, run in _lists(job, made_of, _heads(made_of, hidden, job)).items():
            measured = judged(run.take(rows), job.qrels)
            table = values.setdefault(name, np.full((len(queries), len(AT)), np.nan))
            table[fold_of[queries] == fold] = np.stack([recall(measured, k) for k in AT], axis=1)
    groups = made_of.groups[queries]
    return [
        Figure(name, k, found)
        for name, table in values.items()
        for k, found in zip(AT, intervals(table, groups, resamples=job.settings.evaluation.bootstrap), strict=True)
    ]


def _depth(job: Job) -> int:
    return min(depth_for(max(AT)), max(1, len(job.catalogue) - 1))


def _heads(made_of: Ingredients, groups: NDArray[np.int32], job: Job) -> dict[str, Head]:
    options = {"dimensions": job.settings.learn.dimensions, "seed": job.settings.run.seed}
    text, image = made_of.text, made_of.image
    return {
        "text": learn_head(text.values, groups, made_for=text.version, **options),
        "image": learn_head(image.values, groups[made_of.owners.rows], made_for=image.version, **options),
    }


def _lists(job: Job, made_of: Ingredients, heads: dict[str, Head]) -> dict[str, Run]:
    """Every product's lists by these heads, exactly searched."""
    rows, depth = job.catalogue.axis.rows, _depth(job)
    text = heads["text"].projection.apply(made_of.text)
    image = heads["image"].projection.apply(made_of.image)
    by_text = TextLookup(text, ExactIndex(text)).neighbours(rows, depth)
    by_image = ImageLookup(image, ExactIndex(image), made_of.owners).neighbours(rows, depth)
    fused = fuse_lists(by_text, made_of.lexical, by_image, job.settings.fused, depth, job.threads)
    merged = job.settings.merge.model_copy(update={"strategy": "fused", "n": max(AT), "budget": max(AT)})
    lists = Lists(by_text, by_image, None, job.threads, fused, job.settings.fused)
    return {"text": by_text, "image": by_image, "fused": fused, "fused hop": merge(lists, merged)}


def _base(job: Job) -> Base:
    from image_retrieval.base import Base

    return Base.open(job.folder.image / "base.npz")

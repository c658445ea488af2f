"""Trains a model on a catalogue's known groups, cross-validates it by group, and plans with it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from candidates.qrels import Qrels
from candidates.run import Run
from eval.bootstrap import Interval, intervals
from eval.metrics import judged, recall
from service.learning.held_out import fused_lists, held_out, hopped
from service.learning.planning import planned
from service.pipeline.order import between, run_steps
from service.runs.choices import Choices
from service.runs.job import Job
from service.runs.model import Model

AT = (10, 50, 100)
"""Depths at which recall is measured."""


@dataclass(frozen=True)
class Figure:
    """Cross-validated recall of one list at one depth.

    Attributes:
        list: Name of the list.
        k: The depth.
        recall: Mean over queries, with its interval over groups.
    """

    list: str
    k: int
    recall: Interval


def train(job: Job, out: Path) -> tuple[Model, list[Figure]]:
    """Trains a model on an encoded run, evaluates it, and writes it to the folder `out`.

    Args:
        job: The run; its groups hold within each seller unless they are declared global.
        out: Folder for the model.

    Returns:
        The model, trained on all groups, and the cross-validated recall of its lists: each query is ranked by heads
        trained without its own group. Empty if fewer than two groups are known.
    """
    # A model must work with every strategy, and has its own spaces, whatever the settings say.
    merge = job.settings.merge.model_copy(update={"strategy": "planned"})
    learning = job.settings.learn.model_copy(update={"spaces": "learned", "train": True, "model": ""})
    job = Job(Choices(job.folder, job.settings.model_copy(update={"merge": merge, "learn": learning})))
    run_steps(job, (*between("learn", "plan"), *between("describe_pictures", "learn_pairs")))
    figures = held_out_figures(job)
    measured = {"held_out": [asdict(figure) for figure in figures], "plan": asdict(planned(job, 0)) if figures else {}}
    own = Model.open(job.folder.model)
    about = own.about | measured | {"precision": _precision(job)}
    model = Model(own.text, own.image, own.base, own.lexicon, about, job.pair_model)
    model.save(out)
    return model, figures


def _precision(job: Job) -> dict[str, Any]:
    """Quality of pairs and groups on held-out groups; empty if no classifier could be trained."""
    learned = job.folder.require("learn_pairs").counts["learned"]
    return dict(json.loads(job.folder.precision.read_text("utf-8"))) if learned else {}


def held_out_figures(job: Job) -> list[Figure]:
    """Cross-validated recall of the text, image and fused lists."""
    truth = job.truth("evaluation")
    if len(np.unique(truth.groups[truth.queries()])) < 2:
        return []
    queries = held_out(job).queries
    lists: dict[str, Run] = {"text": queries.text, "image": queries.image}
    if queries.fused:
        lists |= {"fused": queries.each(fused_lists), "fused hop": queries.each(hopped)}
    return [figure for name, run in lists.items() for figure in _figures(name, run, truth, job)]


def _figures(name: str, run: Run, qrels: Qrels, job: Job) -> list[Figure]:
    measured = judged(run, qrels)
    table = np.stack([recall(measured, k) for k in AT], axis=1)
    options = {"resamples": job.settings.evaluation.bootstrap, "seed": job.settings.run.seed}
    found = intervals(table, qrels.groups[held_out(job).queries.rows], **options)
    return [Figure(name, k, mean) for k, mean in zip(AT, found, strict=True)]

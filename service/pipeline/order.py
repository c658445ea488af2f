"""The steps of a run in order, for the command line, the batches and training."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from service.runs.job import Job
from service.runs.run_folder import StepRecord
from service.steps.classify import classify
from service.steps.describe import describe_pictures
from service.steps.encode_images import encode_images
from service.steps.encode_text import encode_text
from service.steps.evaluate import evaluate
from service.steps.expand import expand
from service.steps.fetch_pictures import fetch_pictures
from service.steps.group import group
from service.steps.ingest import ingest
from service.steps.learn import learn
from service.steps.learn_pairs import learn_pairs
from service.steps.plan import plan
from service.steps.project import project
from service.steps.report import report
from service.steps.retrieve import retrieve_images, retrieve_lexical, retrieve_text

STEPS: dict[str, Callable[[Job], StepRecord]] = {
    "ingest": ingest,
    "fetch_pictures": fetch_pictures,
    "encode_text": encode_text,
    "encode_images": encode_images,
    "learn": learn,
    "project": project,
    "plan": plan,
    "retrieve_text": retrieve_text,
    "retrieve_lexical": retrieve_lexical,
    "retrieve_images": retrieve_images,
    "expand": expand,
    "describe_pictures": describe_pictures,
    "learn_pairs": learn_pairs,
    "classify": classify,
    "group": group,
    "evaluate": evaluate,
    "report": report,
}
"""Every step by its name, in order."""


def between(first: str, last: str) -> tuple[str, ...]:
    """The names of the steps from one to another, both included."""
    names = list(STEPS)
    return tuple(names[names.index(first) : names.index(last) + 1])


def run_steps(job: Job, names: Iterable[str]) -> None:
    """Runs steps by name; skips those that are already done."""
    for name in names:
        STEPS[name](job)

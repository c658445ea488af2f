"""Learns the spaces in which variants lie close, from the groups that the feed itself knows."""

from __future__ import annotations

from typing import Any

from candidates.artifacts import digest_of
from service.learning.held_out import taught_heads
from service.learning.spaces import Heads, Ingredients
from service.runs.job import Job
from service.runs.model import Model
from service.runs.run_folder import Counts, Step, StepRecord
from service.steps.project import ingredients


def learn(job: Job) -> StepRecord:
    """Writes the model `model/` of the run, unless the settings name one or leave vectors as encoded.

    With `--no-train`, and where no groups are known, the spaces are whitened and nothing is learned from groups.
    """
    folder, own = job.folder, job.spaces == "learned"
    inputs = {
        "spaces": job.spaces,
        "given": job.given_model.version if job.given_model else "",
        "text": [folder.require("encode_text").key, job.settings.text.model_dump(mode="json")] if own else "",
        "images": folder.require("encode_images").key if own else "",
        "groups": digest_of(job.lessons.groups.tolist()) if own else "",
        "settings": job.settings.learn.model_dump(mode="json"),
        "seed": job.settings.run.seed,
    }

    def work() -> Counts:
        if job.given_model:
            return {"from": "model", "model": job.given_model.version, "learned": job.given_model.about["learned"]}
        if not own:
            return {"from": "nothing"}
        made = learned_model(job, ingredients(job))
        made.save(folder.model)
        return {"from": "groups" if job.teaches else "no groups", "model": made.version, **made.about}

    return Step(folder, "learn", inputs, (folder.model,) if own else ()).run(work)


def learned_model(job: Job, made_of: Ingredients, **about: Any) -> Model:
    """The model of all groups that may be learned from."""
    from image_retrieval.base import Base

    taught = taught_heads(job, made_of, job.lessons.groups)
    heads = taught.heads
    base = Base.open(job.folder.image / "base.npz")
    said = {
        "learned": _said(heads),
        "guesses": taught.guesses,
        "encoders": {"text": made_of.text.version, "image": made_of.image.version},
    }
    return Model(heads.text.projection, heads.image.projection, base, made_of.lexicon, said | about)


def _said(heads: Heads) -> dict[str, Any]:
    return {"text": heads.text.learned.as_json(), "image": heads.image.learned.as_json()}

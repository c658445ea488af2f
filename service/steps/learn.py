"""Learns spaces in which variants are close, from the feed's known groups."""

from __future__ import annotations

from candidates.artifacts import digest_of
from service.learning.taught import ingredients, learned_model
from service.runs.job import Job
from service.runs.run_folder import Counts, Step, StepRecord


def learn(job: Job) -> StepRecord:
    """Writes the model `model/` of the run, unless the settings name one or leave vectors as encoded.

    With `--no-train`, or if no groups are known, vectors are whitened and nothing is learned from groups.
    """
    folder, own = job.folder, job.choices.spaces == "learned"
    inputs = {
        "spaces": job.choices.spaces,
        "given": job.given_model.version if job.given_model else "",
        "text": [folder.require("encode_text").key, job.settings.text.model_dump(mode="json")] if own else "",
        "images": folder.require("encode_images").key if own else "",
        "groups": digest_of(job.truth("learning").groups.tolist()) if own else "",
        "settings": job.settings.learn.model_dump(mode="json"),
        "seed": job.settings.run.seed,
    }

    def work() -> Counts:
        if job.given_model:
            return {"from": "model", "model": job.given_model.version, "learned": job.given_model.about["learned"]}
        if not own:
            return {"from": "nothing"}
        model = learned_model(job, ingredients(job))
        model.save(folder.model)
        return {
            "from": "groups" if job.choices.learns_from_groups else "no groups",
            "model": model.version,
            **model.about,
        }

    return Step(folder, "learn", inputs, (folder.model,) if own else ()).run(work)

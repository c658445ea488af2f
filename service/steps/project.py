"""Projects vectors into the spaces of the model in use, in which variants are close."""

from __future__ import annotations

from candidates.vectors import Vectors
from service.neighbours.vectors import joint_text
from service.runs.job import Job
from service.runs.run_folder import Counts, Step, StepRecord


def project(job: Job) -> StepRecord:
    """Writes `text/projected.arrow` and `image/projected.arrow`, unless vectors stay as encoded.

    Raises:
        ModelMissing: The folder has no model, or it was changed.
        VersionMismatch: It was trained on vectors of other encoders.
    """
    folder, model = job.folder, job.model
    inputs = {
        "text": folder.require("encode_text").key,
        "images": folder.require("encode_images").key,
        "model": model.version if model else "",
    }
    targets = (folder.text / "projected.arrow", folder.image / "projected.arrow")

    def work() -> Counts:
        if model is None:
            return {"model": ""}
        model.text.apply(joint_text(job, model.lexicon)).save(targets[0])
        model.image.apply(Vectors.open(folder.image / "vectors.arrow", job.pictures.axis)).save(targets[1])
        return {"model": model.version, "learned": model.about.get("learned", {})}

    return Step(folder, "project", inputs, targets if model else ()).run(work)

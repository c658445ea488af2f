"""Brings vectors into the spaces of a learned model, in which variants lie close."""

from __future__ import annotations

from typing import TYPE_CHECKING

from candidates.vectors import Vectors
from service.runs.job import Job
from service.runs.run_folder import Counts, Step, StepRecord

if TYPE_CHECKING:
    from service.learning.spaces import Ingredients
    from text_retrieval.lexical import Lexicon


def project(job: Job) -> StepRecord:
    """Writes `text/projected.arrow` and `image/projected.arrow`, unless vectors stay as encoded.

    Raises:
        ModelMissing: There is no model in the folder, or it was changed.
        VersionMismatch: It was learned on vectors of other encoders.
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


def joint_text(job: Job, lexicon: Lexicon) -> Vectors:
    """The text model's vectors and the lexicon's beside them, as heads on texts take them."""
    from text_retrieval.lexical import joined, lexical_texts

    dense = Vectors.open(job.folder.text / "vectors.arrow", job.catalogue.axis)
    spelled = lexicon.encode(lexical_texts(job.catalogue, job.settings.text))
    return joined(dense, Vectors(dense.axis, spelled, lexicon.version), job.settings.learn.lexical_weight)


def ingredients(job: Job) -> Ingredients:
    """The vectors that spaces are learned from, with a lexicon of the catalogue's own."""
    from service.learning.spaces import Ingredients

    lexicon = fitted_lexicon(job)
    image = Vectors.open(job.folder.image / "vectors.arrow", job.pictures.axis)
    return Ingredients(joint_text(job, lexicon), image, job.pictures.owners, lexicon)


def fitted_lexicon(job: Job) -> Lexicon:
    """A lexicon of the catalogue's own texts; what are colours and sizes its own columns say."""
    from text_retrieval.lexical import Lexicon, lexical_texts, varying_words

    texts = lexical_texts(job.catalogue, job.settings.text)
    return Lexicon.fit(texts, varying_words(job.catalogue, texts), seed=job.settings.run.seed)

"""What a run learned from, in sentences for the report."""

from __future__ import annotations

from typing import Any

from service.runs.job import Job


def learning_in_words(job: Job, measured: dict[str, Any]) -> tuple[str, ...]:
    """What the spaces were learned from, and how recall is measured.

    Args:
        job: A run after its step `learn`.
        measured: What the step `evaluate` wrote.
    """
    counts = job.folder.require("learn").counts
    learned = counts.get("learned", {})
    groups, products = (
        max((head.get(key, 0) for head in learned.values()), default=0) for key in ("groups", "products")
    )
    scope = "are shared by all sellers" if job.settings.feed.groups_are_global else "belong to one seller each"
    folds = measured.get("folds", 0)
    if counts["from"] == "groups" and groups:
        sentences = [
            f"The spaces were learned from the {groups:,} known groups of this feed whose pictures or texts differ "
            f"({products:,} products; groups {scope}). Products that differ only as these do are close together there."
        ]
    else:
        sentences = [_FROM[counts["from"] if counts["from"] != "groups" else "no groups"].format(groups=groups)]
    sentences += _guessed(counts.get("guesses", {}))
    if folds:
        sentences.append(
            f"Recall is cross-validated by group in {folds} folds: each group is measured in spaces learned from the "
            "other folds. The candidates themselves come from spaces learned from all groups."
        )
    return tuple(sentences)


def _guessed(guesses: dict[str, Any]) -> list[str]:
    """The guesses across sellers, in a sentence; no sentence if there were none."""
    pairs = {name: guess["pairs"] for name, guess in guesses.items() if guess["pairs"]}
    if not pairs:
        return []
    named = " and ".join(
        f"{pairs[name]:,} for the {kind}" for name, kind in (("text", "texts"), ("image", "pictures")) if name in pairs
    )
    return [
        f"Each seller has its own groups here, so probable variants across sellers were learned from too ({named}): "
        "pairs that are each other's nearest neighbours by picture (for the texts) or by text (for the pictures). They "
        "are used for learning only, never for measuring."
    ]


_FROM = {
    "model": "Nothing was learned from this feed: the spaces are those of the given model (learned from {groups:,} "
    "groups of another catalogue). Known groups of this feed are used for measuring only.",
    "no groups": "Nothing was learned from groups: the vectors are whitened, which needs no groups.",
    "nothing": "Nothing was learned: the encoders' vectors are searched as they are.",
}

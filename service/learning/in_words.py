"""What a run was taught by, in sentences."""

from __future__ import annotations

from typing import Any

from service.runs.job import Job


def taught_in_words(job: Job, measured: dict[str, Any]) -> tuple[str, ...]:
    """What the spaces were learned from, and how recall is measured then.

    Args:
        job: A run whose step `learn` is done.
        measured: What the step `evaluate` wrote.
    """
    said = job.folder.require("learn").counts
    learned = said.get("learned", {})
    groups, products = (max((one.get(key, 0) for one in learned.values()), default=0) for key in ("groups", "products"))
    scope = "hold across sellers" if job.settings.feed.groups_are_global else "count within each seller"
    folds = measured.get("folds", 0)
    if said["from"] == "groups" and groups:
        sentences = [
            f"Learned from the {groups:,} known groups of this feed whose pictures or texts differ ({products:,} "
            f"products; groups {scope}): products that vary only as these do now lie close."
        ]
    else:
        sentences = [_FROM[said["from"] if said["from"] != "groups" else "no groups"].format(groups=groups)]
    sentences += _guessed(said.get("guesses", {}))
    if folds:
        sentences.append(
            f"Recall is cross-validated by group in {folds} folds. The candidates themselves use spaces learned from "
            "all groups."
        )
    return tuple(sentences)


def _guessed(guesses: dict[str, Any]) -> list[str]:
    """What was guessed across sellers, in a sentence; nothing where nothing was."""
    pairs = {name: one["pairs"] for name, one in guesses.items() if one["pairs"]}
    if not pairs:
        return []
    named = " and ".join(
        f"{pairs[name]:,} for the {kind}" for name, kind in (("text", "texts"), ("image", "pictures")) if name in pairs
    )
    return [
        f"Groups end at a seller here, so probable variants of two sellers were learned from as well ({named}): pairs "
        "that are each other's nearest in the other view. They count for learning alone, never for measuring."
    ]


_FROM = {
    "model": "Nothing was learned from this feed: the spaces are those of the given model ({groups:,} groups of "
    "another catalogue). Known groups of this feed serve to measure, and touch nothing else.",
    "no groups": "Nothing was learned from groups: the vectors are whitened, which needs none.",
    "nothing": "Nothing was learned: the vectors are searched as the encoders made them.",
}

"""The relevance judgements of pairs of products, and which of them each part of a run may use.

| purpose | known groups | judgements |
|---|---|---|
| `evaluation` | all | no |
| `judgements` | none | yes |
| `learning` | unless a model is given, learning is off, or groups are hidden | no |
| `classifier` | as for `learning` | yes |
| `suggestions` | unless learning is off or groups are hidden | yes |

So hidden groups change no result of a run, only its evaluation.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np

from candidates.catalogue import Catalogue
from candidates.qrels import Qrels
from service.files.judgements import read_judgements
from service.runs.choices import Choices

Purpose = Literal["evaluation", "judgements", "learning", "classifier", "suggestions"]


def truth_for(purpose: Purpose, catalogue: Catalogue, choices: Choices) -> Qrels:
    """The judgements of a catalogue's pairs that may be used for a purpose.

    Args:
        purpose: What they are used for.
        catalogue: The products, with the feed's groups.
        choices: Which groups and judgements may be used.

    Raises:
        VariantsError: The file of judgements can't be read.
    """
    settings = choices.settings
    usable = {
        "evaluation": True,
        "judgements": False,
        "learning": choices.learns_from_groups,
        "classifier": choices.learns_from_groups,
        "suggestions": settings.learn.train and not choices.hides_groups,
    }[purpose]
    groups = _from_groups(catalogue, settings.feed.groups_are_global) if usable else _nothing(catalogue)
    if purpose in ("evaluation", "learning") or not settings.pairs.judgements:
        return groups
    judged = read_judgements(Path(settings.pairs.judgements), _nothing(catalogue))
    return replace(groups, keys=judged.keys, values=judged.values, sources=judged.sources)


def _from_groups(catalogue: Catalogue, groups_are_global: bool) -> Qrels:
    return Qrels.from_catalogue(catalogue, groups_are_global=groups_are_global)


def _nothing(catalogue: Catalogue) -> Qrels:
    unknown = np.full(len(catalogue), -1, np.int32)
    return Qrels(catalogue.axis, unknown, np.zeros_like(unknown))

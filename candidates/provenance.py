"""`Candidates`: a run that also knows how each pair came."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from candidates.run import Part, Run

NOT_LISTED = 0
"""Rank of a candidate that the list in question does not hold (ranks start at 1)."""

NO_VIA = -1
"""`via` of a candidate that no image look-up brought."""


@dataclass(frozen=True, eq=False)
class CandidatePart(Part):
    """Candidate lists with their provenance, all arrays (m,).

    Attributes:
        text_rank: int32, rank in the query's own text list, 0 where it is not in it.
        text_score: float32, score in that list, NaN where it is not in it.
        image_rank: int32, rank in the image list of `via`, 0 where no image look-up brought it.
        image_score: float32, score in that list, NaN where there is none.
        via: int32, row of the product whose image look-up brought it (the query itself, or one of its
            text neighbours), −1 where there is none.
    """

    text_rank: NDArray[np.int32]
    text_score: NDArray[np.float32]
    image_rank: NDArray[np.int32]
    image_score: NDArray[np.float32]
    via: NDArray[np.int32]

    dtypes: ClassVar[Mapping[str, type]] = {
        **Part.dtypes,
        "text_rank": np.int32,
        "text_score": np.float32,
        "image_rank": np.int32,
        "image_score": np.float32,
        "via": np.int32,
    }


@dataclass(frozen=True, eq=False)
class Candidates(Run):
    """For each product the products that may be its variants, each with how it came.

    The order of a list is the retrieval's; `score` falls along it.
    """

    parts: tuple[CandidatePart, ...]

    part_type: ClassVar[type[Part]] = CandidatePart

"""`Candidates`: a run that also knows how each pair was found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from candidates.run import Part, Run

NOT_LISTED = 0
"""Rank of a candidate that is not in the list (ranks start at 1)."""

NO_VIA = -1
"""`via` of a candidate that no image search found."""


@dataclass(frozen=True, eq=False)
class CandidatePart(Part):
    """Candidate lists with their provenance; all arrays are (m,).

    Attributes:
        text_rank: int32, rank in the query's own text list, 0 if it is not in that list.
        text_score: float32, score in that list, NaN if it is not in that list.
        image_rank: int32, rank in the image list of `via`, 0 if no image search found it.
        image_score: float32, score in that list, NaN if no image search found it.
        via: int32, row of the product whose image search found it (the query itself, or one of its
            text neighbours), −1 if none did.
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
    """For each product, the products that may be its variants, each with its provenance.

    Lists are in retrieval order, with falling `score`.
    """

    parts: tuple[CandidatePart, ...]

    part_type: ClassVar[type[Part]] = CandidatePart

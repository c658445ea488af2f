"""Compares a new catalogue with the current one: new, changed and gone products."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from candidates.catalogue import Catalogue


@dataclass(frozen=True, eq=False)
class Changes:
    """Two catalogues compared, product by product, by the digests of their rows.

    Attributes:
        new: Rows of the later catalogue whose ids the earlier one lacks, int64.
        changed: Rows of the later catalogue whose content differs from the earlier one's, int64.
        gone: Rows of the earlier catalogue whose ids the later one lacks, int64.
        same: Number of products with equal content in both.
    """

    new: NDArray[np.int64]
    changed: NDArray[np.int64]
    gone: NDArray[np.int64]
    same: int

    @classmethod
    def between(cls, before: Catalogue, after: Catalogue) -> Changes:
        """Compares an earlier and a later catalogue."""
        ids_before, ids_after = (pd.Index(catalogue.column("id")) for catalogue in (before, after))
        place = ids_before.get_indexer(ids_after)
        digests = np.array(before.column("digest"), object)
        known = place >= 0
        alike = np.zeros(len(after), bool)
        alike[known] = digests[place[known]] == np.array(after.column("digest"), object)[known]
        gone = np.ones(len(before), bool)
        gone[place[known]] = False
        return cls(np.flatnonzero(~known), np.flatnonzero(known & ~alike), np.flatnonzero(gone), int(alike.sum()))

    @property
    def counts(self) -> dict[str, int]:
        """Numbers of new, changed, gone and equal products."""
        return {"new": len(self.new), "changed": len(self.changed), "gone": len(self.gone), "same": self.same}

    def in_words(self) -> str:
        """One line for a person."""
        return ", ".join(f"{count:,} {name}" for name, count in self.counts.items())

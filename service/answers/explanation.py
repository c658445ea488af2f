"""Why a pair is, or is not, a candidate: its rank in each list, and the hop that reaches it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from candidates.provenance import NO_VIA, NOT_LISTED, CandidatePart
from candidates.qrels import NOT_A_VARIANT, VARIANT
from candidates.run import Run
from service.files.candidate_files import read_candidates
from service.neighbours import depths
from service.neighbours.kinds import Lookup
from service.neighbours.open import open_image, open_text
from service.neighbours.vectors import neighbours_run
from service.runs.job import Job


@dataclass(frozen=True)
class Place:
    """Where one list ranks a product.

    Attributes:
        rank: From 1; None if it is not among the first `depth`.
        score: Its score; None likewise.
        depth: Depth to which the list was searched.
    """

    rank: int | None
    score: float | None
    depth: int

    def __str__(self) -> str:
        if self.rank is None:
            return f"not among the first {self.depth:,}"
        return f"rank {self.rank:,} (score {self.score:.3f})"


@dataclass(frozen=True)
class Hop:
    """The cheapest hop that reaches the product.

    Attributes:
        via: The seed whose image list contains it.
        text_rank: The seed's rank in the query's text list (0: the query itself), which is the N that is needed.
        image_rank: The product's rank in the seed's image list, which is the K that is needed.
    """

    via: str
    text_rank: int
    image_rank: int


@dataclass(frozen=True)
class Explanation:
    """One direction of a pair: `candidate` as a candidate of `query`.

    Attributes:
        query: The product whose candidates are examined.
        candidate: The product that is, or is not, among them.
        truth: By the feed's groups: `variant`, `not a variant` or `unjudged`.
        rank: Its rank among the candidates; None if it is not one.
        candidates: Number of candidates of the query.
        brought_by: The lists that it came from, in words.
        text: Its place in the query's text list.
        image: Its place in the query's image list.
        hop: The cheapest hop that reaches it within the run's lists; None if none does.
    """

    query: str
    candidate: str
    truth: str
    rank: int | None
    candidates: int
    brought_by: tuple[str, ...]
    text: Place
    image: Place
    hop: Hop | None


def explain(job: Job, query: str, candidate: str) -> Explanation:
    """Explains one direction of a pair; raises `UnknownId` for an id that is not in the catalogue."""
    return Explainer(job).explain(query, candidate)


class Explainer:
    """Explains pairs of one run; opens its indexes once."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.axis = job.catalogue.axis
        self.text: Lookup = open_text(job)
        self.image: Lookup = open_image(job)
        self.candidates = read_candidates(job.folder.candidates, self.axis)

    def explain(self, query: str, candidate: str) -> Explanation:
        """Explains one direction of a pair; raises `UnknownId` for an id that is not in the catalogue."""
        query_row, candidate_row = self.axis.row_of(query), self.axis.row_of(candidate)
        depth = depths.within(self.job, depths.EXPLAINING)
        text = self.text.neighbours(np.array([query_row]), depth)
        image = self.image.neighbours(np.array([query_row]), depth)
        part = self.candidates.take(np.array([query_row])).whole()
        assert isinstance(part, CandidatePart)
        at = np.flatnonzero(part.rows == candidate_row)
        return Explanation(
            query,
            candidate,
            self._truth(query_row, candidate_row),
            int(at[0]) + 1 if len(at) else None,
            len(part.rows),
            self._brought_by(part, int(at[0])) if len(at) else (),
            _place(text, candidate_row, depth),
            _place(image, candidate_row, depth),
            self._hop(query_row, candidate_row, text),
        )

    def _truth(self, query: int, candidate: int) -> str:
        value = int(self.job.truth("evaluation").judge(np.array([query]), np.array([candidate]))[0])
        return {VARIANT: "variant", NOT_A_VARIANT: "not a variant"}.get(value, "unjudged")

    def _brought_by(self, part: CandidatePart, at: int) -> tuple[str, ...]:
        ways = []
        if part.text_rank[at] != NOT_LISTED:
            ways.append(f"text list, rank {part.text_rank[at]} (score {part.text_score[at]:.3f})")
        if part.via[at] != NO_VIA:
            via = self.axis[part.via[at]]
            ways.append(f"image list of {via}, rank {part.image_rank[at]} (score {part.image_score[at]:.3f})")
        return tuple(ways)

    def _hop(self, query: int, candidate: int, text: Run) -> Hop | None:
        """The first seed of the hop with the product in its image list, in the lists that the run stored."""
        lists = neighbours_run(self.job, "image").whole()
        seeds = np.concatenate([[query], text.ranked(0)[0]])
        held = np.flatnonzero((lists.rows == candidate) & np.isin(lists.query_rows, seeds))
        if not len(held):
            return None
        holders = lists.query_rows[held]
        steps = np.array([int(np.flatnonzero(seeds == holder)[0]) for holder in holders])
        first = int(np.argmin(steps))
        return Hop(self.axis[holders[first]], int(steps[first]), int(lists.ranks[held[first]]))


def _place(run: Run, candidate: int, depth: int) -> Place:
    rows, scores = run.ranked(0)
    at = np.flatnonzero(rows == candidate)
    return Place(int(at[0]) + 1, float(scores[at[0]]), depth) if len(at) else Place(None, None, depth)

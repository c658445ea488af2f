"""Why a pair is, or is not, a candidate: where each list ranks it, and what would have brought it."""

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
        rank: From 1; None where it is not among the first `depth`.
        score: Its score there.
        depth: How deep the list was asked.
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
    """The cheapest way by which the hop reaches the product.

    Attributes:
        via: The seed whose image look-up holds it.
        text_rank: The seed's rank in the query's text list (0: the query itself): the N it takes.
        image_rank: The product's rank in the seed's image list: the K it takes.
    """

    via: str
    text_rank: int
    image_rank: int


@dataclass(frozen=True)
class Explanation:
    """One direction of a pair: `candidate` as a candidate of `query`.

    Attributes:
        query: The product asked for.
        candidate: The product that is, or is not, among its candidates.
        truth: What the feed's groups say: `variant`, `not a variant` or `unjudged`.
        rank: Its rank among the candidates, None where it is none of them.
        candidates: How many candidates the query has.
        brought_by: In words, what brought it.
        text: Its place in the query's text list.
        image: Its place in the query's image list.
        hop: The cheapest hop that reaches it, within the lists at hand; None where none does.
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
        """See `explain`."""
        one, other = self.axis.row_of(query), self.axis.row_of(candidate)
        depth = depths.within(self.job, depths.EXPLAINING)
        text = self.text.neighbours(np.array([one]), depth)
        image = self.image.neighbours(np.array([one]), depth)
        part = self.candidates.take(np.array([one])).whole()
        assert isinstance(part, CandidatePart)
        at = np.flatnonzero(part.rows == other)
        return Explanation(
            query,
            candidate,
            self._truth(one, other),
            int(at[0]) + 1 if len(at) else None,
            len(part.rows),
            self._brought_by(part, int(at[0])) if len(at) else (),
            _place(text, other, depth),
            _place(image, other, depth),
            self._hop(one, other, text),
        )

    def _truth(self, one: int, other: int) -> str:
        value = int(self.job.truth("evaluation").judge(np.array([one]), np.array([other]))[0])
        return {VARIANT: "variant", NOT_A_VARIANT: "not a variant"}.get(value, "unjudged")

    def _brought_by(self, part: CandidatePart, at: int) -> tuple[str, ...]:
        ways = []
        if part.text_rank[at] != NOT_LISTED:
            ways.append(f"text list, rank {part.text_rank[at]} (score {part.text_score[at]:.3f})")
        if part.via[at] != NO_VIA:
            via = self.axis[part.via[at]]
            ways.append(f"image list of {via}, rank {part.image_rank[at]} (score {part.image_score[at]:.3f})")
        return tuple(ways)

    def _hop(self, one: int, other: int, text: Run) -> Hop | None:
        """The first seed of the walk that holds the product in the image list of greatest depth at hand."""
        lists = neighbours_run(self.job, "image").whole()
        seeds = np.concatenate([[one], text.ranked(0)[0]])
        held = np.flatnonzero((lists.rows == other) & np.isin(lists.query_rows, seeds))
        if not len(held):
            return None
        holders = lists.query_rows[held]
        steps = np.array([int(np.flatnonzero(seeds == holder)[0]) for holder in holders])
        first = int(np.argmin(steps))
        return Hop(self.axis[holders[first]], int(steps[first]), int(lists.ranks[held[first]]))


def _place(run: Run, other: int, depth: int) -> Place:
    rows, scores = run.ranked(0)
    at = np.flatnonzero(rows == other)
    return Place(int(at[0]) + 1, float(scores[at[0]]), depth) if len(at) else Place(None, None, depth)

"""What following the planner loses: plans made on one half of the known groups, judged on the other.

The half that is judged had no part in the choice, nor, as all measuring is in folds, in the spaces that its own queries
are looked up in. The loss is against the setting that is best on the judged half itself, which nobody could have
known: so it is not below zero but by chance.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.speed.page import Table
from candidates.qrels import Qrels
from candidates.settings import MergeSettings, Settings
from demo_catalogue.catalogue import draw_catalogue
from eval.metrics import judged, recall
from fusion.merge.lists import FoldedLists
from service.learning.held_out import candidates_of, held_out
from service.learning.planner import every_trial, plan
from service.neighbours.depths import PLANNED_BUDGETS
from service.pipeline.run import encode
from service.runs.job import Job

MOST_LOST, MOST_OFF = 0.005, 0.03
"""Recall that a plan may lose, and how far the mean number of candidates may be off the budget."""


@dataclass(frozen=True)
class Judgement:
    """One plan at one budget, on groups that it did not see.

    Attributes:
        budget: Candidates per product wished for.
        strategy: What the plan named.
        best: What would have been best on the judged half.
        recall: Recall of the named strategy there.
        lost: Recall of the best over it.
        cost: Mean candidates per product there.
    """

    budget: int
    strategy: str
    best: str
    recall: float
    lost: float
    cost: float


def measure(job: Job, splits: int = 5, budgets: Sequence[int] = PLANNED_BUDGETS) -> list[Judgement]:
    """Plans on random halves of the known groups, and judges each plan on the other half."""
    made = []
    for split in range(splits):
        left, right = _halves(job.truth("evaluation"), job.settings.run.seed + split)
        chosen = plan(_lists(job, left), left, budgets=budgets, resamples=10)
        trials = every_trial(_lists(job, right), right, budgets)
        for budget in budgets:
            offer = chosen.offer(budget)
            values, cost = _followed(job, offer.merge(job.settings.merge), right)
            best = max(trials[budget], key=lambda one: float(one.recalls[0].mean()))
            found = float(values.mean())
            made.append(
                Judgement(budget, offer.strategy, best.strategy, found, float(best.recalls[0].mean()) - found, cost)
            )
    return made


def _halves(qrels: Qrels, seed: int) -> tuple[Qrels, Qrels]:
    names = np.unique(qrels.groups[qrels.queries()])
    taken = np.random.default_rng(seed).permutation(names)[: len(names) // 2]
    inside = np.isin(qrels.groups, taken)
    halves = (np.where(mask, qrels.groups, -1).astype(np.int32) for mask in (inside, ~inside))
    left, right = (Qrels(qrels.items, groups, qrels.scopes) for groups in halves)
    return left, right


def _lists(job: Job, qrels: Qrels) -> FoldedLists:
    lists = held_out(job).queries
    return lists.of(np.flatnonzero(np.isin(lists.rows, qrels.queries())))


def _followed(job: Job, settings: MergeSettings, qrels: Qrels) -> tuple[NDArray[np.float64], float]:
    """Recall by query, and mean candidates, of a run with these settings."""
    candidates = _lists(job, qrels).each(lambda fold: candidates_of(fold, settings))
    return recall(judged(candidates, qrels), len(qrels.items)), float(candidates.counts.mean())


def table(made: Sequence[Judgement], feed: Path) -> Table:
    """The figures as a page shows them."""
    rows = []
    for budget in sorted({one.budget for one in made}):
        mine = [one for one in made if one.budget == budget]
        lost = np.array([one.lost for one in mine])
        named = ", ".join(sorted({one.strategy for one in mine}))
        best = ", ".join(sorted({one.best for one in mine}))
        rows.append(
            (
                f"{budget:,}",
                named,
                best,
                f"{np.mean([one.recall for one in mine]):.4f}",
                f"{lost.mean():.4f}",
                f"{lost.max():.4f}",
                f"{(lost > MOST_LOST).sum()} of {len(mine)}",
                f"{max(abs(one.cost / budget - 1) for one in mine):.1%}",
            )
        )
    columns = ("budget", "named", "best", "recall", "lost", "at worst", f"over {MOST_LOST}", "cost off by at most")
    return Table(
        "What following a plan loses", columns, tuple(rows), (f"Random halves of the groups of `{feed.name}`.",)
    )


def main() -> None:
    """Prints the table; exit status 1 where a plan loses too much in the mean, or misses its budget."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--feed", type=Path, help="a feed with known groups (default: a drawn one)")
    parser.add_argument("--run", type=Path, help="folder for vectors, kept (default: a temporary one)")
    parser.add_argument("--image-model", default="gradients")
    parser.add_argument("--splits", type=int, default=5)
    words = parser.parse_args()
    settings = Settings.read(None, feed={"groups_are_global": True}, image={"model": words.image_model})
    with tempfile.TemporaryDirectory() as name:
        feed = words.feed or draw_catalogue(Path(name) / "drawn", groups=400).feed
        with encode(feed, words.run or Path(name) / "run", settings) as job:
            budgets = [one for one in PLANNED_BUDGETS if one < len(job.catalogue)]
            made = measure(job, words.splits, budgets)
    print(table(made, feed).text())
    by_budget = {budget: [one for one in made if one.budget == budget] for budget in budgets}
    wrong = [
        f"at {budget} the plan loses {lost:.4f}, its cost is off by {off:.1%}"
        for budget, mine in by_budget.items()
        for lost, off in [(np.mean([one.lost for one in mine]), max(abs(one.cost / budget - 1) for one in mine))]
        if lost > MOST_LOST or off > MOST_OFF
    ]
    if wrong:
        raise SystemExit("\n".join(wrong))


if __name__ == "__main__":
    main()

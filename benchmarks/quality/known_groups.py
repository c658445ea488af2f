"""How much the number of known groups buys: spaces learned from 0, 5, 30, 300 and all of them, on the same queries.

Smaller sets of groups are parts of greater ones. The queries are products of groups outside all of these, except that
nothing is left to ask where all groups teach: that last line is measured in folds.
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
from candidates.run import Run
from candidates.settings import Settings
from demo_catalogue.catalogue import draw_catalogue
from eval.bootstrap import Interval, difference, interval
from eval.metrics import judged, recall
from service.learning.held_out import hopped, lists_learned_from
from service.learning.spaces import Ingredients
from service.learning.taught import ingredients
from service.pipeline.run import encode
from service.runs.job import Job

NUMBERS = (0, 5, 30, 300)
"""Known groups to learn from."""

AT = (10, 50, 100)
"""Depths of recall."""

MOST_DOWN, LEAST_UP = 0.01, 0.05
"""No step may lose more recall than this; the greatest number must gain at least this over none, at the least depth."""


@dataclass(frozen=True, eq=False)
class Taught:
    """What one number of known groups gave.

    Attributes:
        number: Known groups learned from.
        values: float64 (draws, q, depths): recall of each query, for every draw of groups.
        groups: int32 (draws, q): the groups of these queries.
    """

    number: int
    values: NDArray[np.float64]
    groups: NDArray[np.int32]


def measure(job: Job, numbers: Sequence[int] = NUMBERS, draws: int = 3, queries: int = 2000) -> list[Taught]:
    """Learns from nested draws of groups and asks for products of groups outside the greatest."""
    made_of, groups = ingredients(job), job.truth("evaluation").groups
    names = np.unique(groups[job.truth("evaluation").queries()])
    found: dict[int, list[tuple[NDArray[np.float64], NDArray[np.int32]]]] = {number: [] for number in numbers}
    for draw in range(draws):
        random = np.random.default_rng(job.settings.run.seed + draw)
        order = random.permutation(names)
        queries_of_all = job.truth("evaluation").queries()
        outside = queries_of_all[~np.isin(groups[queries_of_all], order[: max(numbers)])]
        rows = np.sort(random.choice(outside, min(queries, len(outside)), replace=False))
        for number in numbers:
            run = _fused(job, made_of, order[:number], rows)
            values = np.stack([recall(judged(run, job.truth("evaluation")), k) for k in AT], axis=1)
            found[number].append((values, groups[rows]))
    return [Taught(one, *(np.stack(both) for both in zip(*pairs, strict=True))) for one, pairs in found.items()]


def _fused(job: Job, made_of: Ingredients, names: NDArray[np.int32], rows: NDArray[np.int32]) -> Run:
    groups = job.truth("evaluation").groups
    taught = np.where(np.isin(groups, names), groups, -1).astype(np.int32)
    return hopped(lists_learned_from(job, made_of, taught, rows))


def steps(found: Sequence[Taught], resamples: int = 1000) -> list[tuple[Taught, list[Interval], list[Interval]]]:
    """Each number with its recall and its gain over the number before, all draws together."""
    made = []
    for place, one in enumerate(found):
        before = found[max(0, place - 1)]
        flat, earlier = (side.values.reshape(-1, len(AT)) for side in (one, before))
        # A group drawn for several sets of queries is a unit of its own in each: queries differ, spaces too.
        groups = (one.groups + (np.arange(len(one.groups)) * (one.groups.max() + 1))[:, None]).reshape(-1)
        level = [interval(flat[:, at], groups, resamples=resamples) for at in range(len(AT))]
        gain = [difference(flat[:, at], earlier[:, at], groups, resamples=resamples) for at in range(len(AT))]
        made.append((one, level, gain))
    return made


def verdict(found: Sequence[Taught]) -> list[str]:
    """What is not as it should be."""
    means = np.array([one.values.mean(axis=(0, 1)) for one in found])
    wrong = [
        f"{found[place + 1].number} known groups find {-fall:.3f} less at {AT[at]} than {found[place].number}"
        for place, falls in enumerate(np.diff(means, axis=0))
        for at, fall in enumerate(falls)
        if fall < -MOST_DOWN
    ]
    if means[-1, 0] - means[0, 0] < LEAST_UP:
        wrong.append(
            f"{found[-1].number} known groups find only {means[-1, 0] - means[0, 0]:.3f} more at {AT[0]} than none"
        )
    return wrong


def table(found: Sequence[Taught], feed: Path) -> Table:
    """The figures as a page shows them."""
    rows = [
        (
            f"{one.number:,}",
            *(f"{span.mean:.3f} ({span.low:.3f}–{span.high:.3f})" for span in level),
            *(f"{span.mean:+.3f} ({span.low:+.3f}–{span.high:+.3f})" if one.number else "" for span in gain),
        )
        for one, level, gain in steps(found)
    ]
    columns = ("known groups", *(f"recall@{k}" for k in AT), *(f"step @{k}" for k in AT))
    asked = found[0].values.shape
    note = f"{asked[0]} draws of groups from `{feed.name}`, {asked[1]:,} queries each, of held-out groups."
    return Table("Recall by the number of known groups", columns, tuple(rows), (note, "Steps are paired, 95 %."))


def main() -> None:
    """Prints the table; exit status 1 where a step goes down or learning gains too little."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--feed", type=Path, help="a feed with known groups (default: a drawn one)")
    parser.add_argument("--run", type=Path, help="folder for vectors, kept (default: a temporary one)")
    parser.add_argument("--image-model", default="gradients")
    parser.add_argument("--numbers", type=int, nargs="+", default=list(NUMBERS))
    parser.add_argument("--draws", type=int, default=3)
    words = parser.parse_args()
    settings = Settings.read(None, feed={"groups_are_global": True}, image={"model": words.image_model})
    with tempfile.TemporaryDirectory() as name:
        feed = words.feed or draw_catalogue(Path(name) / "drawn", groups=400).feed
        with encode(feed, words.run or Path(name) / "run", settings) as job:
            found = measure(job, words.numbers, words.draws)
    print(table(found, feed).text())
    if wrong := verdict(found):
        raise SystemExit("\n".join(wrong))


if __name__ == "__main__":
    main()

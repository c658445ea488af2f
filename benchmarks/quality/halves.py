"""A model learned on one half of a catalogue's groups, used on the other half: products and groups it never saw.

`python -m benchmarks.quality.halves --feed FEED` deals the groups of a feed to two halves, writes each as a feed of
its own, learns a model from the first (`variants train`) and runs the second with it (`variants run --model …
--no-train`), in each direction with `--both`. The groups of the half that is searched serve to measure, and touch
nothing else. Half a catalogue is easier than a whole one: fewer look-alikes stand around each product.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from analysis.ground import write_rows
from benchmarks.speed.page import Table, circumstances
from candidates.catalogue import Catalogue
from candidates.settings import Settings
from intake.feeds import read_feed
from service.pairs.precision import Precision
from service.pipeline.run import encode, run
from service.pipeline.train import train


def halves(catalogue: Catalogue, seed: int) -> tuple[list[int], list[int]]:
    """Rows of two halves, no group in both; a product without a group counts as a group by itself."""
    names = [group or row for row, group in enumerate(catalogue.column("group"))]
    distinct = list(dict.fromkeys(names))
    drawn = np.random.default_rng(seed).permutation(len(distinct))[: len(distinct) // 2]
    first = {distinct[at] for at in drawn.tolist()}
    one = [row for row, name in enumerate(names) if name in first]
    return one, sorted(set(range(len(names))) - set(one))


def measure(taught: Path, searched: Path, folder: Path, settings: Settings) -> tuple[Precision, float]:
    """Learns from one feed, runs another; how right pairs and groups are there, and the recall of its candidates."""
    with encode(taught, folder / "taught", settings) as job:
        train(job, folder / "model")
    learn = settings.learn.model_copy(update={"model": str((folder / "model").resolve()), "train": False})
    made = run(searched, folder / "searched", settings.model_copy(update={"learn": learn}))
    return Precision.open(made.folder.precision), float(made.folder.require("evaluate").counts["recall"])


def table(found: Sequence[tuple[Precision, float]]) -> Table:
    """The figures, a column a direction."""
    rows = {
        "recall of the candidates": [recall for _, recall in found],
        "average precision of pairs": [one.pairs.average_precision for one, _ in found],
        "recall at precision .9": [one.pairs.recall_at[0.9] for one, _ in found],
        "recall@10, re-ranked": [one.reranked[10] for one, _ in found],
        "B-cubed": [one.groups.b_cubed for one, _ in found],
        "pair F1": [one.groups.pair_f1 for one, _ in found],
        "exactly right": [one.groups.exactly_right for one, _ in found],
        "calibration error above .05": [one.pairs.calibration_error for one, _ in found],
        "Brier skill": [one.pairs.brier_skill for one, _ in found],
    }
    names = ("first half to second", "second half to first")[: len(found)]
    cells = tuple((name, *(f"{value:.3f}" for value in values)) for name, values in rows.items())
    return Table("A model on products that it never saw", ("figure", *names), cells)


def main() -> None:
    """Splits, learns, runs, prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--feed", type=Path, required=True, help="a feed whose groups hold across sellers")
    parser.add_argument("--folder", type=Path, default=Path("bench-out/halves"), help="keeps what was encoded")
    parser.add_argument("--image-model", default="gradients")
    parser.add_argument("--seller-column", default="brand")
    parser.add_argument("--both", action="store_true", help="the other direction too")
    parser.add_argument("--seed", type=int, default=7)
    words = parser.parse_args()
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # As `variants` does, before torch is imported.
    feed = {"groups_are_global": True, "seller_column": words.seller_column}
    read = read_feed(words.feed, Settings.read(None, feed=feed).feed)
    dealt = zip("ab", halves(read.catalogue, words.seed), strict=True)
    parts = [write_rows(read, words.folder / name, rows) for name, rows in dealt]
    # Read again under our own names, with a column for the seller.
    settings = Settings.read(None, feed={"groups_are_global": True}, image={"model": words.image_model})
    print(*circumstances(), "", sep="\n", flush=True)
    ways = [parts, parts[::-1]] if words.both else [parts]
    found = [measure(*way, words.folder / f"way-{at}", settings) for at, way in enumerate(ways)]
    print(table(found).text())


if __name__ == "__main__":
    main()

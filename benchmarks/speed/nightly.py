"""Tonight's feed into a store, beside a full run of the same feed from nothing: what it costs, whether it is the same.

Yesterday's feed is the given one without the rows that will be new; tonight's lacks the rows that are gone, has
the new ones, and changed rows have another title and another product's picture. Indexes are exact, since two
builds of NMSLIB differ.
"""

from __future__ import annotations

import argparse
import random
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from candidates.settings import Settings
from demo_catalogue.catalogue import draw_catalogue
from service.files.candidate_files import read_candidates
from service.pipeline.run import run, run_into_store
from service.runs.job import Job
from service.runs.store import Store

EXACT = {"text": {"index": "exact"}, "image": {"index": "exact"}}
"""Settings under which two runs of one feed agree to the last bit."""


@dataclass(frozen=True)
class Cost:
    """What encoding took in one run.

    Attributes:
        texts: Texts that went through the text model.
        pictures: Pictures that went through the image model.
        seconds: Of both encoding steps.
    """

    texts: int
    pictures: int
    seconds: float

    @classmethod
    def of(cls, job: Job) -> Cost:
        """Reads the records of a run."""
        text, images = job.folder.require("encode_text"), job.folder.require("encode_images")
        return cls(text.counts["encoded"], images.counts["encoded"], text.seconds + images.seconds)


@dataclass(frozen=True)
class Night:
    """One night compared.

    Attributes:
        first: Yesterday's run into the store.
        delta: Tonight's run into the same store.
        full: Tonight's feed run from nothing.
        same: Share of the pairs of either candidates that both have, in the same place.
    """

    first: Cost
    delta: Cost
    full: Cost
    same: float


def feeds_of_two_nights(feed: Path, folder: Path, share: float, seed: int) -> tuple[Path, Path]:
    """Writes yesterday's and tonight's feed into `folder`, which holds the pictures (or a link to them)."""
    drawn = random.Random(seed)
    header, *rows = feed.read_text("utf-8").splitlines()
    columns = header.split("\t")
    title, picture = columns.index("title"), columns.index("image_link")
    count = max(1, round(share * len(rows)))
    touched = drawn.sample(range(len(rows)), 3 * count)
    new, gone, changed = (set(touched[start::3]) for start in range(3))

    def tonight(row: int) -> str:
        cells = rows[row].split("\t")
        if row in changed:
            cells[title] = f"{cells[title]} restyled"
            cells[picture] = rows[drawn.randrange(len(rows))].split("\t")[picture]
        return "\t".join(cells)

    before, after = folder / "yesterday.tsv", folder / "tonight.tsv"
    for path, lines in (
        (before, [rows[row] for row in range(len(rows)) if row not in new]),
        (after, [tonight(row) for row in range(len(rows)) if row not in gone]),
    ):
        path.write_text("\n".join([header, *lines]) + "\n", "utf-8")
    return before, after


def compare(feed: Path, folder: Path, share: float, seed: int, settings: Settings) -> Night:
    """Runs yesterday's and tonight's feed into one store, tonight's from nothing as well."""
    for entry in feed.parent.iterdir():
        if entry.is_dir():
            # A copy, not a link: a link out of the feed's folder is refused, as it should be.
            shutil.copytree(entry, folder / entry.name, dirs_exist_ok=True)
    before, after = feeds_of_two_nights(feed, folder, share, seed)
    store = Store(folder / "store")
    first = Cost.of(run_into_store(before, store, settings))
    delta = run_into_store(after, store, settings)
    full = run(after, folder / "full", settings)
    return Night(first, Cost.of(delta), Cost.of(full), _same(delta, full))


def _same(left: Job, right: Job) -> float:
    """Share of the ranked pairs of either that both have at the same rank."""
    placed = []
    for job in (left, right):
        lists = read_candidates(job.folder.candidates, job.catalogue.axis).whole()
        ranks = np.concatenate([np.arange(count) for count in lists.counts])
        placed.append(set(zip(lists.query_rows.tolist(), lists.rows.tolist(), ranks.tolist(), strict=True)))
    return len(placed[0] & placed[1]) / len(placed[0] | placed[1])


def main() -> None:
    """Compares one night and says whether it cost little and came out the same."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--feed", type=Path, help="a Google Merchant TSV with its pictures (default: a drawn one)")
    parser.add_argument("--share", type=float, default=0.01, help="share of rows changed, new and gone, each")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--most", type=float, default=0.05, help="the greatest share of a full run's encoding")
    words = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        feed = words.feed or draw_catalogue(Path(name) / "drawn").feed
        night = compare(feed, Path(name), words.share, words.seed, Settings.read(None, **EXACT))
    for label, cost in (("yesterday", night.first), ("tonight, delta", night.delta), ("tonight, full", night.full)):
        print(f"{label:15s} {cost.texts:7,} texts {cost.pictures:7,} pictures {cost.seconds:8.1f} s of encoding")
    shares = [
        (night.delta.texts + night.delta.pictures) / (night.full.texts + night.full.pictures),
        night.delta.seconds / night.full.seconds,
    ]
    print(f"the delta encoded {shares[0]:.2%} of what a full run does, in {shares[1]:.2%} of its encoding time")
    print(f"ranked candidate pairs that are the same in both: {night.same:.4%}")
    if shares[0] > words.most or night.same < 1:
        raise SystemExit("the delta cost more than it may, or came out otherwise than a full run")


if __name__ == "__main__":
    main()

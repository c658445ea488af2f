"""Are a run's candidates on an Elasticsearch those of the embedded index? Counts what differs, and why.

`python -m benchmarks.elastic.candidates --feed FEED` makes candidates twice from the same vectors and codes: with the
embedded index and with the cluster that `ELASTICSEARCH_URL` names (without it a node is started). Both order pictures
by Hamming distance and rescore the nearest by cosine, so they may differ only where the shortlist ends among
pictures of equal distance. Every picture that one list has and the other lacks is looked up: its distance must be that
of the shortlist's end, or one of such a distance must have pushed it out. The status is 1 where neither holds.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.speed.page import Table, circumstances
from candidates.run import Run
from candidates.settings import Settings
from image_retrieval.rotations import CODES
from service.files.candidate_files import read_candidates
from service.neighbours.open import open_image
from service.neighbours.vectors import image_vectors
from service.pipeline.order import STEPS
from service.runs.job import Job

UNTIL = "expand"
"""The last step that is made."""


@dataclass(frozen=True)
class Difference:
    """How two ways to look up differ.

    Attributes:
        pictures: Pictures asked for.
        places: Places of their lists.
        differing: Pictures that one list has and the other lacks.
        tied: How many of these are ties at the end of the shortlist, or pushed out of a list by one.
        candidates: Candidate pairs of the embedded index.
        common: How many of them both have.
    """

    pictures: int
    places: int
    differing: int
    tied: int
    candidates: int
    common: int


def measure(feed: Path, folder: Path, settings: Settings, depth: int = 100) -> Difference:
    """Makes candidates both ways and compares; the cluster is the one of the environment."""
    here = _made(feed, folder / "embedded", settings, folder / "work")
    image = settings.image.model_copy(update={"index": "elasticsearch"})
    there = _made(feed, folder / "cluster", settings.model_copy(update={"image": image}), folder / "work")
    vectors = image_vectors(here)
    ours, theirs = (open_image(job).index.search(vectors, depth) for job in (here, there))
    differing, tied = _compared(ours, theirs, here)
    pairs = [_pairs(job) for job in (here, there)]
    common = len(np.intersect1d(*pairs, assume_unique=True))
    return Difference(len(vectors), int(ours.counts.sum()), differing, tied, len(pairs[0]), common)


def _made(feed: Path, out: Path, settings: Settings, work: Path) -> Job:
    job = Job.start(out, feed, settings, work)
    for name, step in STEPS.items():
        step(job)
        if name == UNTIL:
            break
    return job


def _compared(ours: Run, theirs: Run, job: Job) -> tuple[int, int]:
    """Pictures that one list has and the other lacks, and how many of them a tie explains.

    A tie at the end of the shortlist that one index rescores and the other does not pushes the last picture of a list
    out: so without the ties, one list must be the beginning of the other.
    """
    vectors, settings = image_vectors(job), job.settings.image
    planes = CODES[settings.codes](vectors.dimensions, settings.bits, job.settings.run.seed)
    codes = planes.codes(vectors.values)
    differing = tied = 0
    for query in range(len(vectors)):
        one, other = ours.ranked(query)[0], theirs.ranked(query)[0]
        strangers = np.setxor1d(one, other)
        if len(strangers):
            distances = _distances(codes[query], codes)
            end = np.partition(distances, settings.shortlist - 1)[settings.shortlist - 1]
            ties = strangers[distances[strangers] == end]
            plain, beside = (rows[~np.isin(rows, ties)] for rows in (one, other))
            short = min(len(plain), len(beside))
            differing += len(strangers)
            tied += len(strangers) if len(ties) and np.array_equal(plain[:short], beside[:short]) else len(ties)
    return differing, tied


def _distances(code: NDArray[np.uint8], codes: NDArray[np.uint8]) -> NDArray[np.int64]:
    return np.bitwise_count(codes ^ code).sum(axis=1, dtype=np.int64)


def _pairs(job: Job) -> NDArray[np.int64]:
    made, n = read_candidates(job.folder.candidates, job.catalogue.axis), len(job.catalogue)
    rows = [part.query_rows.astype(np.int64) * n + part.rows for part in made.parts]
    return np.unique(np.concatenate(rows))


def table(found: Difference) -> Table:
    """What was found, as a page shows it."""
    rows = (
        ("pictures asked for", f"{found.pictures:,}"),
        ("places of their lists", f"{found.places:,}"),
        ("pictures in one list alone", f"{found.differing:,}"),
        ("of these, ties at the end of the shortlist, or pushed out by one", f"{found.tied:,}"),
        ("candidate pairs by the embedded index", f"{found.candidates:,}"),
        ("of these, by Elasticsearch too", f"{found.common:,}"),
    )
    return Table("Candidates by Elasticsearch beside those of the embedded index", ("", "count"), rows)


@contextmanager
def cluster(folder: Path) -> Iterator[None]:
    """The cluster of the environment; where it names none, a node of one's own for a while."""
    if os.environ.get("ELASTICSEARCH_URL"):
        yield
        return
    from devtools.elastic_node.cluster import start

    with start(folder) as node:
        os.environ["ELASTICSEARCH_URL"] = node.url
        try:
            yield
        finally:
            del os.environ["ELASTICSEARCH_URL"]


def main() -> None:
    """Measures, prints, and ends with status 1 where a picture differs that is no tie."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--feed", type=Path, required=True)
    parser.add_argument("--folder", type=Path, default=Path("bench-out/elastic-candidates"), help="keeps vectors")
    parser.add_argument("--image-model", default="gradients")
    parser.add_argument("--shortlist", type=int, default=800, help="codes rescored")
    words = parser.parse_args()
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # As `variants` does, before torch is imported.
    settings = Settings.read(
        None,
        feed={"groups_are_global": True},
        image={"model": words.image_model, "shortlist": words.shortlist},
        text={"index": "exact"},
        merge={"strategy": "fused", "n": 100},
        elasticsearch={"name": "candidates_compared", "replicas": 0},
    )
    print(*circumstances(), "", sep="\n", flush=True)
    with tempfile.TemporaryDirectory() as node, cluster(Path(node)):
        found = measure(words.feed, words.folder, settings)
    print(table(found).text())
    if found.tied < found.differing:
        raise SystemExit(f"{found.differing - found.tied} pictures differ that are no ties")


if __name__ == "__main__":
    main()

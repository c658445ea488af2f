"""`make known-figures`: the figures known of the real feed, measured again, and what approximate search loses.

Known are the recall of raw text, image, union and hop with exact search of every vector. Pictures and texts are
encoded once; then the indexes alone are changed: NMSLIB for texts, LSH codes of 512 and of 256 bits for pictures.
"""

from __future__ import annotations

import argparse
import logging
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.quality.ground import REAL_FEED
from benchmarks.speed.page import Table, circumstances, markdown_page
from candidates.artifacts import write_text
from candidates.run import Run
from candidates.settings import Settings
from eval.curves import OperatingPoint, find
from eval.slices import index_recall
from service.learning.curve import Deep, deep_lists, operating_points
from service.pipeline.order import STEPS
from service.runs.job import Job

TOLERANCE = 0.02
"""How far recall may be off; the number of candidates may be off by as large a share of itself."""

MODEL = "models/mobilenetv2_fp16.onnx#emb1280"
"""The image model, below the folder of shared data."""


@dataclass(frozen=True)
class Known:
    """A figure that is known.

    Attributes:
        name: What it is called.
        strategy: The strategy, as `eval.curves` names it.
        parameters: Its depths.
        recall: Its recall.
        candidates: Its candidates per product.
    """

    name: str
    strategy: str
    parameters: tuple[tuple[str, int], ...]
    recall: float
    candidates: int


def _text(depth: int, recall: float) -> Known:
    return Known(f"text, N = {depth}", "text", (("n", depth),), recall, depth)


def _image(depth: int, recall: float) -> Known:
    return Known(f"image, {depth:,}", "image", (("k", depth),), recall, depth)


def _hop(n: int, k: int, recall: float, candidates: int) -> Known:
    return Known(f"hop, N = {n}, K = {k}", "hop", (("n", n), ("k", k)), recall, candidates)


KNOWN = (
    _text(10, 0.251),
    _text(100, 0.513),
    _text(500, 0.755),
    _image(10, 0.351),
    _image(100, 0.644),
    _image(500, 0.864),
    _image(1000, 0.930),
    Known("union, 500 + 500", "union", (("n", 500), ("k", 500)), 0.960, 860),
    _hop(500, 1, 0.853, 785),
    _hop(500, 2, 0.898, 1017),
    _hop(500, 4, 0.937, 1380),
    _hop(100, 4, 0.790, 346),
    _hop(50, 1, 0.555, 90),
)
"""Measured by exact cosine over the whole pool, with prototypes."""

TEXTS: dict[str, tuple[str, ...]] = {
    "title and description": ("title", "description"),
    "title, description, category and colour": ("title", "description", "product_type", "color"),
}
"""Product texts measured. The figures known for text hold for the last, not for the first as they are said to."""

EXACT = "exact"

SEARCHES: dict[str, dict[str, dict[str, Any]]] = {
    EXACT: {"text": {"index": "exact"}, "image": {"index": "exact"}},
    "NMSLIB, LSH 512": {"text": {"index": "nmslib"}, "image": {"index": "hamming", "bits": 512}},
    "NMSLIB, LSH 256": {"text": {"index": "nmslib"}, "image": {"index": "hamming", "bits": 256}},
}
"""How lists are searched, exact first."""

_STEPS = ("ingest", "encode_text", "encode_images", "learn", "project", "retrieve_text", "retrieve_images")
"""The steps up to the lists."""

AT = (10, 100, 500)
"""Depths at which an index is compared with exact search."""


@dataclass(frozen=True)
class Figure:
    """A known figure beside ours.

    Attributes:
        known: What is known.
        ours: The operating point of each way to search, exact first.
    """

    known: Known
    ours: tuple[OperatingPoint, ...]

    @property
    def difference(self) -> float:
        """Recall by exact search, less the known one."""
        return self.ours[0].recall - self.known.recall

    @property
    def holds(self) -> bool:
        """Whether recall and the number of candidates are within the tolerance."""
        more = self.ours[0].candidates_per_product / self.known.candidates - 1
        return abs(self.difference) <= TOLERANCE and abs(more) <= TOLERANCE


@dataclass(frozen=True)
class Compared:
    """Index recall of one approximate index over all queries.

    Attributes:
        index: The index.
        recalls: At each depth of `AT`.
    """

    index: str
    recalls: tuple[float, ...]


def settings_for(shared: Path, fields: tuple[str, ...]) -> Settings:
    """The settings under which the figures are known, but for how lists are searched."""
    return Settings.read(
        None,
        feed={"seller_column": "brand", "groups_are_global": True},
        text={"fields": fields},
        image={"model": f"onnx:{shared / MODEL}"},
        learn={"spaces": "encoded"},
        merge={"strategy": "hop"},
        evaluation={"text_depths": (10, 50, 100, 500, 1000), "hops": (1, 2, 4), "bootstrap": 100},
    )


@dataclass(frozen=True)
class KnownFigures:
    """Everything measured with one kind of product text.

    Attributes:
        text: The text, in words.
        products: Products of the feed.
        queries: Products with a known variant, all of them measured.
        figures: The known figures and ours.
        compared: What each approximate index finds of what exact search finds.
    """

    text: str
    products: int
    queries: int
    figures: tuple[Figure, ...]
    compared: tuple[Compared, ...]


def measure(feed: Path, folder: Path, settings: Settings, text: str, known: Sequence[Known] = KNOWN) -> KnownFigures:
    """Measures every known figure with every way to search; encodes once, into `folder`."""
    points: list[list[OperatingPoint]] = []
    found: dict[str, Deep] = {}
    for name, search in SEARCHES.items():
        job = _retrieved(feed, folder, settings, search)
        found[name] = deep_lists(job)
        points.append(operating_points(job, found[name]))
    figures = tuple(Figure(one, tuple(_point(made, one) for made in points)) for one in known)
    exact, *approximate = found.values()
    compared = (
        Compared("text: NMSLIB", _recalls(approximate[0].text, exact.text)),
        *(
            Compared(f"image: {name.rpartition(', ')[2]}", _recalls(found[name].image, exact.image))
            for name in SEARCHES
            if name != EXACT
        ),
    )
    return KnownFigures(text, len(job.catalogue), len(exact.queries.rows), figures, compared)


def _retrieved(feed: Path, folder: Path, settings: Settings, search: dict[str, dict[str, Any]]) -> Job:
    """The run in `folder` up to its lists; what was encoded before is not encoded again."""
    sections = {name: getattr(settings, name).model_copy(update=changes) for name, changes in search.items()}
    job = Job.start(folder, feed, settings.model_copy(update=sections))
    for step in _STEPS:
        STEPS[step](job)
    return job


def _point(made: Sequence[OperatingPoint], known: Known) -> OperatingPoint:
    point = find(made, known.strategy, **dict(known.parameters))
    assert point is not None, f"the sweep has no point for {known.name}"
    return point


def _recalls(approximate: Run, exact: Run) -> tuple[float, ...]:
    return tuple(index_recall(approximate, exact, at) for at in AT)


def figures_table(found: KnownFigures, feed: Path) -> Table:
    """Known figures beside ours, and what approximate search loses."""
    rows = []
    for one in found.figures:
        exact, *others = one.ours
        losses = [cell for point in others for cell in (f"{point.recall:.3f}", f"{point.recall - exact.recall:+.4f}")]
        counts = (f"{one.known.candidates:,}", f"{exact.candidates_per_product:,.0f}")
        verdict = "yes" if one.holds else "NO"
        recalls = (f"{one.known.recall:.3f}", f"{exact.recall:.3f}", f"{one.difference:+.4f}")
        rows.append((one.known.name, *recalls, *counts, verdict, *losses))
    approximate = [column for name in SEARCHES if name != EXACT for column in (name, "against exact")]
    columns = ("", "known", "exact", "difference", "candidates known", "ours", "holds", *approximate)
    notes = (
        f"`{feed.name}`, {found.products:,} products, {found.queries:,} queries: recall, the mean over queries of "
        "known variants found over known variants, among all products, and the mean number of candidates. Texts are "
        f"{found.text} by MiniLM; pictures go through MobileNetV2's `emb1280` and the default base; groups are global.",
        f"A figure holds where recall is within {TOLERANCE} of the known one, and the number of candidates within "
        f"{TOLERANCE:.0%}.",
        "The columns on the right ask the approximate indexes instead, by their default settings: lists of texts come "
        "from NMSLIB, lists of pictures from LSH codes whose nearest are ordered by cosine (200 codes, or four times "
        "as many as are wanted).",
    )
    return Table(f"Known figures, raw: texts of {found.text}", columns, tuple(rows), notes)


def recall_table(found: KnownFigures) -> Table:
    """What each approximate index finds of what exact search finds."""
    rows = tuple((one.index, *(f"{recall:.4f}" for recall in one.recalls)) for one in found.compared)
    note = "Index recall over all queries: how much of exact search's first k the index finds; not recall of variants."
    return Table(f"Index recall: texts of {found.text}", ("index", *(f"@{at}" for at in AT)), rows, (note,))


def main() -> None:
    """Measures, prints, writes the page, and ends with status 1 where a figure does not hold."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, default=Path("../shared"), help="folder of real catalogues and models")
    parser.add_argument("--write", type=Path, metavar="PAGE.md", help="also write the tables as a Markdown page")
    words = parser.parse_args()
    feed = words.shared / REAL_FEED
    if not feed.is_file():
        parser.error(f"{feed}: no such file; name the folder of the real catalogue with --shared")
    logging.basicConfig(level=logging.WARNING)
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # As `variants` does, before torch is imported.
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        measured = [measure(feed, run, settings_for(words.shared, fields), text) for text, fields in TEXTS.items()]
    said = circumstances()
    tables = [table for found in measured for table in (figures_table(found, feed), recall_table(found))]
    print(*said, "", *(table.text() for table in tables), sep="\n")
    if words.write:
        write_text(words.write, markdown_page("Known figures, measured again", said, tables))
    off = [one.known.name for one in measured[-1].figures if not one.holds]
    if off:
        raise SystemExit(f"off by more than {TOLERANCE}: {'; '.join(off)}")


if __name__ == "__main__":
    main()

"""Recall on held-out groups with its interval, and the floors it must reach.

Independent check: folds, heads and look-ups are put together here and not by `service.learning.held_out`, so that a
mistake there can't hide itself; a test compares the two on a small drawn catalogue.

Whole groups are dealt to five folds. For each fold heads are learned without its groups, every product is looked up
among all products, and the fold's products are the queries. Folds and truth use the feed's groups across sellers. With
`--same-seller` the same folds are measured again with heads learned from each seller's own groups only, and with heads
that also learned from guesses across sellers (`service.learning.guesses`).

Pictures and texts are encoded once, into `--folder`; a repeat only learns and looks up. The exit status is 1 if a
figure is below its floor.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.speed.page import Table, circumstances, markdown_page
from candidates.artifacts import write_text
from candidates.axis import Axis
from candidates.collapse import Owners
from candidates.exact import ExactIndex
from candidates.projection import Projection
from candidates.qrels import Qrels
from candidates.run import Part, Run, joined
from candidates.settings import Settings
from candidates.vectors import Vectors
from eval.bootstrap import Interval, difference, intervals
from eval.metrics import by_group, judged, recall
from eval.slices import within_and_across
from fusion.merge.hubs import depth_for
from fusion.merge.lists import QueryLists
from service.learning.guesses import Guesses, GuessesByHead, guessed_pairs, pairs_of_equal_numbers
from service.learning.heads import learn_head, split_groups, with_guesses
from service.neighbours.kinds import ImageLookup, TextLookup
from service.neighbours.open import open_lexical
from service.neighbours.vectors import fitted_lexicon, joint_text
from service.pipeline.run import encode

Groups = NDArray[np.integer]
RunsByList = dict[str, Run]
"""List (`text`, `image`, `lexical`, `fused`, `MAIN`) → its run."""

FOLDS = 5
"""Folds of the groups; each is measured with heads learned from the others."""

AT = (10, 50, 100)
"""Depths at which recall is measured."""

ALL, SAME, GUESSED, OWN = "all groups", "same seller", "same seller and guesses", "… guessing about the queries too"
"""The groups that heads are learned from."""

MAIN = "fused hop"
"""The list that has floors: the strategy `fused`."""

NO_WEIGHTS = "gradients"
"""The default image model, which needs no weights."""


@dataclass(frozen=True)
class Floor:
    """The recall that heads learned from all groups must reach.

    Attributes:
        recalls: Depth → recall.
        source: Where the figures come from.
    """

    recalls: Mapping[int, float]
    source: str


_SOURCE = "prototypes reached {} on another half of this data; this half is 0.03 harder, and folds learn from less"

FLOORS: dict[str, Floor] = {
    "gradients": Floor({10: 0.72, 100: 0.945}, _SOURCE.format("0.775 / 0.969 without weights")),
    "mobilenetv2_fp16.onnx#grid7": Floor({10: 0.79, 50: 0.94, 100: 0.97}, _SOURCE.format("0.845 / 0.967 / 0.986")),
    "efficientnet_b4_trunk_fp16.onnx#grid7": Floor({10: 0.79, 50: 0.94, 100: 0.97}, "those of the smaller network"),
}
"""Floors on the marketplace feed, by the end of the image model's name."""


@dataclass(frozen=True, eq=False)
class Ground:
    """One catalogue's vectors and groups.

    Attributes:
        text: Joint text vectors of the products.
        image: Vectors of the pictures.
        owners: Which product each picture belongs to.
        lexical: Lists by TF-IDF of letters.
        whole: Truth: the groups across sellers.
        own: The groups of each seller's own products.
        sellers: int32 (n,): number of each product's seller.
        certain: Pairs of two sellers' products with the same product number (GTIN or MPN).
        settings: Settings of the pipeline.
    """

    text: Vectors
    image: Vectors
    owners: Owners
    lexical: Run
    whole: Qrels
    own: Qrels
    sellers: NDArray[np.int32]
    certain: tuple[NDArray[np.int64], NDArray[np.int64]]
    settings: Settings

    @property
    def products(self) -> Axis:
        """The products."""
        return self.text.axis

    @property
    def depth(self) -> int:
        """Depth of the lists."""
        return _depth(len(self.products))


@dataclass(frozen=True)
class JudgedGuesses:
    """One fold's guesses across sellers, and the share of them that are right.

    Attributes:
        head: The head that learns from them, `text` or `image`.
        guesses: The guesses.
        right: Share of them that are variants, by the groups across sellers.
    """

    head: str
    guesses: Guesses
    right: float


@dataclass(frozen=True, eq=False)
class HeldOutRuns:
    """All runs of one image model, each query's by heads learned without its group.

    Attributes:
        model: The image model.
        truth: The groups across sellers.
        sellers: int32 (n,): number of each product's seller.
        runs: Groups learned from → list → the run of all queries, in the same order everywhere.
        resamples: Bootstrap resamples for an interval.
        guesses: The guesses of every fold, without those about queries.
    """

    model: str
    truth: Qrels
    sellers: NDArray[np.int32]
    runs: dict[str, RunsByList]
    resamples: int
    guesses: list[JudgedGuesses] = field(default_factory=list)

    @property
    def groups(self) -> NDArray[np.int32]:
        """The group of each query."""
        run = self.runs[ALL][MAIN]
        return self.truth.groups[run.items.rows_of(run.queries.ids)]

    def values(self, learned: str, name: str) -> NDArray[np.float64]:
        """Recall of every query at every depth of `AT`, float64 (q, 3)."""
        lists = judged(self.runs[learned][name], self.truth)
        return np.stack([recall(lists, k) for k in AT], axis=1)

    def recalls(self, learned: str, name: str = MAIN) -> list[Interval]:
        """Recall at every depth of `AT`, with its interval over groups."""
        return intervals(self.values(learned, name), self.groups, resamples=self.resamples)


def settings_for(model: str, seller_column: str = "", **sections: dict[str, object]) -> Settings:
    """The default settings with an image model and a seller column."""
    return Settings.read(None, feed={"seller_column": seller_column}, image={"model": model}, **sections)


def ground(feed: Path, folder: Path, settings: Settings) -> Ground:
    """Encodes a feed into `folder`, unless it is encoded already, and reads its vectors and groups."""
    with encode(feed, folder, settings) as job:
        axis, owners = job.pictures.axis, job.pictures.owners
        catalogue = job.catalogue
        sellers = catalogue.codes("seller")
        stored = Vectors.open(job.folder.image / "vectors.arrow", axis)
        return Ground(
            text=joint_text(job, fitted_lexicon(job)),
            # In memory, because the next image model overwrites this file.
            image=Vectors(axis, np.array(stored.values), stored.version),
            owners=owners,
            lexical=open_lexical(job).neighbours(catalogue.axis.rows, _depth(len(catalogue))),
            whole=Qrels.from_catalogue(catalogue, groups_are_global=True),
            own=Qrels.from_catalogue(catalogue),
            sellers=sellers,
            certain=pairs_of_equal_numbers(catalogue, sellers),
            settings=settings,
        )


def _depth(products: int) -> int:
    return min(depth_for(max(AT)), max(1, products - 1))


def measure(on: Ground, *, same_seller: bool, say: Callable[[str], object] = lambda line: None) -> HeldOutRuns:
    """The runs of all queries, each by heads learned without its group."""
    folds = split_groups(on.whole.groups, FOLDS, on.settings.run.seed)
    queries = on.whole.queries()
    parts: dict[str, dict[str, list[Part]]] = {}
    asked: list[NDArray[np.integer]] = []
    guesses: list[JudgedGuesses] = []
    for fold in range(FOLDS):
        rows = queries[folds[queries] == fold]
        asked.append(rows)
        for learned, by_list in _situations(on, folds == fold, same_seller, guesses):
            for name, run in by_list.items():
                parts.setdefault(learned, {}).setdefault(name, []).append(_plain(run, rows))
            say(f"{on.settings.image.model}: fold {fold + 1} of {FOLDS}, {learned}")
    axis = on.products.take(np.concatenate(asked))
    runs = {
        learned: {name: Run(name, axis, on.products, (joined(Part, pieces),)) for name, pieces in by_list.items()}
        for learned, by_list in parts.items()
    }
    resamples = on.settings.evaluation.bootstrap
    return HeldOutRuns(on.settings.image.model, on.whole, on.sellers, runs, resamples, guesses)


def _plain(run: Run, rows: NDArray[np.integer]) -> Part:
    """The first entries of some queries' lists, without the columns of candidates."""
    part = run.take(rows).top(max(AT)).whole()
    return Part(0, part.offsets, part.rows, part.scores)


def _situations(
    on: Ground, hidden: NDArray[np.bool_], same_seller: bool, guesses: list[JudgedGuesses]
) -> Iterator[tuple[str, RunsByList]]:
    """Every product's lists by each kind of groups to learn from, the groups of the hidden products always left out."""
    everything = np.where(hidden, -1, on.whole.groups)
    yield ALL, _lists(on, everything, everything)
    if not same_seller:
        return
    known = np.where(hidden, -1, on.own.groups)
    alone = _lists(on, known, known)
    yield SAME, alone
    for name, leave_out in ((GUESSED, hidden), (OWN, None)):
        taught = guessed_pairs(
            alone["text"], alone["image"], known, on.sellers, leave_out=leave_out, certain=on.certain
        )
        if leave_out is not None:
            guesses += _judged(taught, on.whole)
        text, image = (with_guesses(known, pairs.left, pairs.right) for pairs in (taught.text, taught.image))
        yield name, _lists(on, text, image)


def _judged(taught: GuessesByHead, truth: Qrels) -> list[JudgedGuesses]:
    judged_guesses = []
    for head, guesses in (("text", taught.text), ("image", taught.image)):
        same = truth.groups[guesses.left] == truth.groups[guesses.right]
        judged_guesses.append(JudgedGuesses(head, guesses, float(same.mean()) if len(same) else float("nan")))
    return judged_guesses


def _lists(on: Ground, text_groups: Groups, image_groups: Groups) -> RunsByList:
    """Every product's lists by heads learned from these groups, with exact search."""
    rows = on.products.rows
    text = _head(on.text, text_groups, on.settings).apply(on.text)
    image = _head(on.image, image_groups[on.owners.rows], on.settings).apply(on.image)
    by_text = TextLookup(text, ExactIndex(text)).neighbours(rows, on.depth)
    by_image = ImageLookup(image, ExactIndex(image), on.owners).neighbours(rows, on.depth)
    lists = QueryLists(by_text, by_image, on.lexical, fusing=on.settings.fused)
    fused = lists.fuse(on.depth)
    hopped = replace(lists, fused=fused).hopped()
    return {"text": by_text, "image": by_image, "lexical": on.lexical, "fused": fused, MAIN: hopped}


def _head(vectors: Vectors, groups: Groups, settings: Settings) -> Projection:
    options = {"dimensions": settings.learn.dimensions, "seed": settings.run.seed}
    return learn_head(vectors.values, groups, made_for=vectors.version, **options).projection


def recall_table(measured: HeldOutRuns) -> Table:
    """Recall of every list, by the groups learned from."""
    rows = [
        (learned, name, *map(_cell, measured.recalls(learned, name)))
        for learned, by_list in measured.runs.items()
        for name in by_list
        if name != "lexical" or learned == ALL
    ]
    groups = len(np.unique(measured.groups))
    notes = (
        f"{len(measured.truth.items):,} products, {len(measured.groups):,} queries of {groups:,} groups; "
        f"{FOLDS} folds of groups, the whole catalogue as pool. Recall, the mean over queries, with 95% intervals by "
        "resampling groups. `lexical` learns nothing, so it is listed once.",
    )
    return Table(f"{measured.model}: recall on held-out groups", ("learned from", "list", *_at()), tuple(rows), notes)


def apart_table(measured: HeldOutRuns) -> Table:
    """Recall within and across sellers, over groups, and the paired difference to heads learned from all groups."""
    rows = []
    best = measured.values(ALL, MAIN)
    for learned, by_list in measured.runs.items():
        values = measured.values(learned, MAIN)
        rows.append((learned, "over groups", *(f"{by_group(column, measured.groups):.3f}" for column in values.T)))
        slices = [within_and_across(by_list[MAIN], measured.truth, measured.sellers, k) for k in AT]
        for by_depth in zip(*slices, strict=True):
            rows.append((learned, by_depth[0].name, *(_cell(found.recall) for found in by_depth)))
        if learned != ALL:
            gains = (
                difference(ours, theirs, measured.groups, resamples=measured.resamples)
                for ours, theirs in zip(values.T, best.T, strict=True)
            )
            rows.append((learned, "less all groups, paired", *(_cell(gain, signed=True) for gain in gains)))
    title = f"{measured.model}: {MAIN}, within and across sellers"
    return Table(title, ("learned from", "", *_at()), tuple(rows))


def guesses_table(measured: HeldOutRuns) -> Table:
    """How many pairs were guessed, the estimated share of right ones and the true share; means over folds."""
    rows = []
    for head, by in (("text", "pictures"), ("image", "texts")):
        folds = [(fold.guesses, fold.right) for fold in measured.guesses if fold.head == head]
        numbers = [(len(guesses.left), guesses.considered, guesses.precision, right) for guesses, right in folds]
        pairs, considered, precision, right = np.mean(numbers, axis=0)
        rows.append(
            (f"the {head} head, by {by}", f"{pairs:,.0f}", f"{considered:,.0f}", f"{precision:.2f}", f"{right:.2f}")
        )
    columns = ("guesses for", "pairs", "of", "right, estimated", "right")
    note = "Means over folds. The estimate is a lower bound that uses no labels of other sellers' products."
    return Table(f"{measured.model}: guesses across sellers", columns, tuple(rows), (note,))


@dataclass(frozen=True)
class Check:
    """One floor, and the figure that must reach it.

    Attributes:
        what: The image model and the depth.
        reached: The figure measured.
        floor: The floor.
        source: Where the floor comes from.
    """

    what: str
    reached: float
    floor: float
    source: str

    @property
    def holds(self) -> bool:
        """Whether the figure reaches its floor."""
        return self.reached >= self.floor


def checks(models: Sequence[HeldOutRuns], floors: Mapping[int, float]) -> list[Check]:
    """Every floor of every image model; a larger network must have higher recall than the smaller one beside it.

    Args:
        models: The runs of each image model.
        floors: Depth → recall, instead of the known floors; empty: those of `FLOORS`.
    """
    checked = []
    reached: dict[str, list[float]] = {}
    for measured in models:
        name = next((name for name in FLOORS if measured.model.endswith(name)), "")
        floor = Floor(floors, "given on the command line") if floors else FLOORS.get(name, Floor({}, ""))
        reached[name] = [interval.mean for interval in measured.recalls(ALL)]
        recalls = dict(zip(AT, reached[name], strict=True))
        checked += [
            Check(f"{measured.model} @{k}", recalls[k], least, floor.source) for k, least in floor.recalls.items()
        ]
    _, small, large = FLOORS
    if small in reached and large in reached:
        gains = np.subtract(reached[large], reached[small]).tolist()
        checked += [Check(f"{large} less {small} @{k}", gain, 0.0, "") for k, gain in zip(AT, gains, strict=True)]
    return checked


def floors_table(checked: Sequence[Check]) -> Table:
    """Floors beside figures."""
    rows = tuple(
        (check.what, f"{check.reached:.3f}", f"{check.floor:.3f}", "yes" if check.holds else "NO", check.source)
        for check in checked
    )
    return Table(f"Floors: {MAIN}, learned from {ALL}", ("", "reached", "floor", "holds", "source"), rows)


def _at() -> tuple[str, ...]:
    return tuple(f"@{k}" for k in AT)


def _cell(interval: Interval, *, signed: bool = False) -> str:
    sign = "+" if signed else ""
    return f"{interval.mean:{sign}.3f} ({interval.low:{sign}.3f} to {interval.high:{sign}.3f})"


def _floor(text: str) -> tuple[int, float]:
    """A floor as given on the command line: `100=0.97`."""
    depth, _, least = text.partition("=")
    if not depth.isdigit() or int(depth) not in AT:
        raise argparse.ArgumentTypeError(f"{text!r}: write DEPTH=RECALL, the depth one of {AT}")
    try:
        return int(depth), float(least)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r}: {least!r} is not a number") from error


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--feed", type=Path, required=True, help="a feed whose groups span sellers")
    parser.add_argument("--seller-column", default="brand", help="column that names the seller (default: brand)")
    parser.add_argument(
        "--image-model", action="append", metavar="MODEL", help=f"image model, repeatable (default: {NO_WEIGHTS})"
    )
    parser.add_argument("--same-seller", action="store_true", help="also learn from each seller's own groups")
    parser.add_argument("--folder", type=Path, default=Path("bench-out/held-out"), help="where vectors are stored")
    parser.add_argument(
        "--floor", action="append", type=_floor, metavar="K=RECALL", help="a floor instead of those known, repeatable"
    )
    parser.add_argument("--write", type=Path, metavar="PAGE.md", help="also write the tables as a Markdown page")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measures every image model and prints the tables; the exit status is 1 if a figure is below its floor."""
    options = _options(arguments)
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # As `variants` does, before torch is imported.
    described = circumstances()
    print(*described, "", sep="\n", flush=True)
    models, tables = [], []
    for model in options.image_model or [NO_WEIGHTS]:
        on = ground(options.feed, options.folder, settings_for(model, options.seller_column))
        runs = measure(on, same_seller=options.same_seller, say=lambda line: print(line, file=sys.stderr, flush=True))
        of_model = [recall_table(runs), apart_table(runs), *([guesses_table(runs)] if options.same_seller else [])]
        print("", *(table.text() for table in of_model), sep="\n", flush=True)
        models.append(runs)
        tables += of_model
    checked = checks(models, dict(options.floor or ()))
    tables.append(floors_table(checked))
    print(tables[-1].text())
    if options.write:
        write_text(options.write, markdown_page("Recall on held-out groups", described, tables))
    if missed := [check.what for check in checked if not check.holds]:
        raise SystemExit(f"below its floor: {'; '.join(missed)}")


if __name__ == "__main__":
    main()

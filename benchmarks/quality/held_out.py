"""What is found for products whose group nobody learned from: recall, its interval, and the floors it must keep.

Groups are dealt to five folds, whole. For each fold heads are learned without its groups, every product is looked up
among all products through them, and the fold's products are the queries. Folds and truth are by the feed's groups as
they hold across sellers. With `--same-seller` the same folds are measured again with heads that know each seller's
groups for himself alone, and with heads that besides learned from guesses across sellers (`service.learning.guesses`).

Pictures and texts are encoded into the folder `--folder` once; a repeat takes only as long as learning and looking up.
The status is 1 where a figure is below its floor.
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
Lists = dict[str, Run]

FOLDS = 5
"""Parts of the groups; each is measured with heads learned from the others."""

AT = (10, 50, 100)
"""Depths at which recall is measured."""

ALL, SAME, GUESSED, OWN = "all groups", "same seller", "same seller and guesses", "… guessing about the queries too"
"""What heads are learned from."""

MAIN = "fused hop"
"""The list that is compared and has floors: the strategy `fused`."""

NO_WEIGHTS = "gradients"
"""The image model where none is named: it needs no weights at all."""


@dataclass(frozen=True)
class Floor:
    """What recall must reach, learned from all groups.

    Attributes:
        recalls: Depth → recall.
        source: Where the figures are from.
    """

    recalls: Mapping[int, float]
    source: str


_SOURCE = "prototypes reached {} on another half of this data; this half is about .03 harder, and folds learn from less"

FLOORS: dict[str, Floor] = {
    "gradients": Floor({10: 0.72, 100: 0.945}, _SOURCE.format(".775 / .969 without weights")),
    "mobilenetv2_fp16.onnx#grid7": Floor({10: 0.79, 50: 0.94, 100: 0.97}, _SOURCE.format(".845 / .967 / .986")),
    "efficientnet_b4_trunk_fp16.onnx#grid7": Floor({10: 0.79, 50: 0.94, 100: 0.97}, "those of the smaller network"),
}
"""Floors on the marketplace feed, by the end of the image model's name; prototypes are those of EVALUATION, part 4."""


@dataclass(frozen=True, eq=False)
class Ground:
    """One catalogue's vectors and groups.

    Attributes:
        text: Joint text vectors of the products.
        image: Vectors of the pictures.
        owners: Which product each picture belongs to.
        lexical: Lists by the letters of the texts.
        whole: Truth: the groups as they hold across sellers.
        own: What each seller knows of his own products.
        sellers: int32 (n,): number of each product's seller.
        certain: Pairs of two sellers' products that carry the same number.
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
        """How deep lists are made."""
        return _depth(len(self.products))


@dataclass(frozen=True)
class Told:
    """One fold's guesses, and how many are right.

    Attributes:
        to: Which head was taught.
        guesses: The guesses.
        right: Share of them that are variants, by the groups that hold across sellers.
    """

    to: str
    guesses: Guesses
    right: float


@dataclass(frozen=True, eq=False)
class Measured:
    """All lists of one image model, each query's by heads that did not see its group.

    Attributes:
        model: The image model.
        truth: The groups as they hold across sellers.
        sellers: Number of each product's seller.
        lists: What was learned from → which list → the run of all queries, in the same order everywhere.
        resamples: Draws behind an interval.
        told: The guesses of every fold, without those about queries.
    """

    model: str
    truth: Qrels
    sellers: NDArray[np.int32]
    lists: dict[str, Lists]
    resamples: int
    told: list[Told] = field(default_factory=list)

    @property
    def groups(self) -> NDArray[np.int32]:
        """The group of each query."""
        run = self.lists[ALL][MAIN]
        return self.truth.groups[run.items.rows_of(run.queries.ids)]

    def values(self, learned: str, name: str) -> NDArray[np.float64]:
        """Recall of every query at every depth of `AT`, float64 (q, 3)."""
        found = judged(self.lists[learned][name], self.truth)
        return np.stack([recall(found, k) for k in AT], axis=1)

    def recalls(self, learned: str, name: str = MAIN) -> list[Interval]:
        """Recall at every depth of `AT`, with its interval over groups."""
        return intervals(self.values(learned, name), self.groups, resamples=self.resamples)


def settings_for(model: str, seller_column: str = "", **sections: dict[str, object]) -> Settings:
    """The settings of the pipeline, but for the image model and the column that names the seller."""
    return Settings.read(None, feed={"seller_column": seller_column}, image={"model": model}, **sections)


def ground(feed: Path, folder: Path, settings: Settings) -> Ground:
    """Encodes a feed into `folder`, where it is not encoded yet, and reads what is measured."""
    with encode(feed, folder, settings) as job:
        axis, owners = job.pictures.axis, job.pictures.owners
        catalogue = job.catalogue
        sellers = catalogue.codes("seller")
        stored = Vectors.open(job.folder.image / "vectors.arrow", axis)
        return Ground(
            text=joint_text(job, fitted_lexicon(job)),
            # In memory: the next image model writes this very file anew.
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


def measure(on: Ground, *, same_seller: bool, say: Callable[[str], object] = lambda told: None) -> Measured:
    """Lists of all queries, each by heads that were learned without its group."""
    folds = split_groups(on.whole.groups, FOLDS, on.settings.run.seed)
    queries = on.whole.queries()
    parts: dict[str, dict[str, list[Part]]] = {}
    asked: list[NDArray[np.integer]] = []
    told: list[Told] = []
    for fold in range(FOLDS):
        rows = queries[folds[queries] == fold]
        asked.append(rows)
        for learned, lists in _situations(on, folds == fold, same_seller, told):
            for name, run in lists.items():
                parts.setdefault(learned, {}).setdefault(name, []).append(_plain(run, rows))
            say(f"{on.settings.image.model}: fold {fold + 1} of {FOLDS}, {learned}")
    axis = on.products.take(np.concatenate(asked))
    runs = {
        learned: {name: Run(name, axis, on.products, (joined(Part, pieces),)) for name, pieces in made.items()}
        for learned, made in parts.items()
    }
    resamples = on.settings.evaluation.bootstrap
    return Measured(on.settings.image.model, on.whole, on.sellers, runs, resamples, told)


def _plain(run: Run, rows: NDArray[np.integer]) -> Part:
    """The first entries of some queries' lists, without columns that only candidates have."""
    part = run.take(rows).top(max(AT)).whole()
    return Part(0, part.offsets, part.rows, part.scores)


def _situations(
    on: Ground, hidden: NDArray[np.bool_], same_seller: bool, told: list[Told]
) -> Iterator[tuple[str, Lists]]:
    """Every product's lists for all that heads are learned from, nothing of it from the hidden products' groups."""
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
            told += _checked(taught, on.whole)
        text, image = (with_guesses(known, one.left, one.right) for one in (taught.text, taught.image))
        yield name, _lists(on, text, image)


def _checked(taught: GuessesByHead, truth: Qrels) -> list[Told]:
    made = []
    for to, guesses in (("text", taught.text), ("image", taught.image)):
        same = truth.groups[guesses.left] == truth.groups[guesses.right]
        made.append(Told(to, guesses, float(same.mean()) if len(same) else float("nan")))
    return made


def _lists(on: Ground, text_groups: Groups, image_groups: Groups) -> Lists:
    """Every product's lists by heads learned from these groups, exactly searched."""
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


def recall_table(found: Measured) -> Table:
    """Recall of every list, for all that was learned from."""
    rows = [
        (learned, name, *map(_cell, found.recalls(learned, name)))
        for learned, lists in found.lists.items()
        for name in lists
        if name != "lexical" or learned == ALL
    ]
    groups = len(np.unique(found.groups))
    notes = (
        f"{len(found.truth.items):,} products, {len(found.groups):,} queries of {groups:,} groups; "
        f"{FOLDS} folds of groups, the whole catalogue as pool. Recall, the mean over queries, with 95 % intervals by "
        "resampling groups. `lexical` learns nothing, so it stands here once.",
    )
    return Table(f"{found.model}: recall on unseen groups", ("learned from", "list", *_at()), tuple(rows), notes)


def apart_table(found: Measured) -> Table:
    """Recall within and across sellers, over groups, and the paired difference to what all groups teach."""
    rows = []
    best = found.values(ALL, MAIN)
    for learned, lists in found.lists.items():
        values = found.values(learned, MAIN)
        rows.append((learned, "over groups", *(f"{by_group(column, found.groups):.3f}" for column in values.T)))
        slices = [within_and_across(lists[MAIN], found.truth, found.sellers, k) for k in AT]
        for made in zip(*slices, strict=True):
            rows.append((learned, made[0].name, *(_cell(one.recall) for one in made)))
        if learned != ALL:
            apart = (
                difference(ours, theirs, found.groups, resamples=found.resamples)
                for ours, theirs in zip(values.T, best.T, strict=True)
            )
            rows.append((learned, "less all groups, paired", *(_cell(one, signed=True) for one in apart)))
    title = f"{found.model}: {MAIN}, within and across sellers"
    return Table(title, ("learned from", "", *_at()), tuple(rows))


def guesses_table(found: Measured) -> Table:
    """How many pairs were guessed, how many were said to be right, and how many are; the mean over folds."""
    rows = []
    for to, by in (("text", "pictures"), ("image", "texts")):
        folds = [one for one in found.told if one.to == to]
        numbers = [(len(one.guesses.left), one.guesses.considered, one.guesses.precision, one.right) for one in folds]
        pairs, considered, precision, right = np.mean(numbers, axis=0)
        rows.append(
            (f"the {to} head, by {by}", f"{pairs:,.0f}", f"{considered:,.0f}", f"{precision:.2f}", f"{right:.2f}")
        )
    columns = ("guesses for", "pairs", "of", "right, estimated", "right")
    note = "Means over folds. The estimate is a lower bound made without labels of other sellers' products."
    return Table(f"{found.model}: guesses across sellers", columns, tuple(rows), (note,))


@dataclass(frozen=True)
class Check:
    """One floor and what was reached.

    Attributes:
        what: What is compared.
        reached: What was measured.
        floor: What it must reach.
        source: Where the floor is from.
    """

    what: str
    reached: float
    floor: float
    source: str

    @property
    def holds(self) -> bool:
        """Whether it was reached."""
        return self.reached >= self.floor


def checks(found: Sequence[Measured], given: Mapping[int, float]) -> list[Check]:
    """Every floor of every image model; a larger network must find more than the smaller one beside it."""
    made = []
    reached: dict[str, list[float]] = {}
    for one in found:
        name = next((name for name in FLOORS if one.model.endswith(name)), "")
        floor = Floor(given, "given on the command line") if given else FLOORS.get(name, Floor({}, ""))
        reached[name] = [interval.mean for interval in one.recalls(ALL)]
        recalls = dict(zip(AT, reached[name], strict=True))
        made += [Check(f"{one.model} @{k}", recalls[k], least, floor.source) for k, least in floor.recalls.items()]
    _, small, large = FLOORS
    if small in reached and large in reached:
        gains = np.subtract(reached[large], reached[small])
        made += [Check(f"{large} less {small} @{k}", gain, 0.0, "") for k, gain in zip(AT, gains.tolist(), strict=True)]
    return made


def floors_table(made: Sequence[Check]) -> Table:
    """Floors beside figures."""
    rows = tuple(
        (one.what, f"{one.reached:.3f}", f"{one.floor:.3f}", "yes" if one.holds else "NO", one.source) for one in made
    )
    return Table(f"Floors: {MAIN}, learned from {ALL}", ("", "reached", "floor", "holds", "source"), rows)


def _at() -> tuple[str, ...]:
    return tuple(f"@{k}" for k in AT)


def _cell(one: Interval, *, signed: bool = False) -> str:
    sign = "+" if signed else ""
    return f"{one.mean:{sign}.3f} ({one.low:{sign}.3f} to {one.high:{sign}.3f})"


def _floor(text: str) -> tuple[int, float]:
    """A floor as it is written: `100=.97`."""
    depth, _, least = text.partition("=")
    if not depth.isdigit() or int(depth) not in AT:
        raise argparse.ArgumentTypeError(f"{text!r}: write DEPTH=RECALL, the depth one of {AT}")
    try:
        return int(depth), float(least)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r}: {least!r} is no recall") from error


def _words(given: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--feed", type=Path, required=True, help="a feed whose groups hold across sellers")
    parser.add_argument("--seller-column", default="brand", help="column that names the seller (default: brand)")
    parser.add_argument(
        "--image-model", action="append", metavar="MODEL", help=f"image model, repeatable (default: {NO_WEIGHTS})"
    )
    parser.add_argument("--same-seller", action="store_true", help="learn from each seller's own groups as well")
    parser.add_argument("--folder", type=Path, default=Path("bench-out/held-out"), help="where vectors are kept")
    parser.add_argument(
        "--floor", action="append", type=_floor, metavar="K=RECALL", help="a floor instead of those known, repeatable"
    )
    parser.add_argument("--write", type=Path, metavar="PAGE.md", help="also write the tables as a Markdown page")
    return parser.parse_args(given)


def main(given: Sequence[str] | None = None) -> None:
    """Measures every image model, prints, and ends with status 1 where a figure is below its floor."""
    words = _words(given)
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # As `variants` does, before torch is imported.
    said = circumstances()
    print(*said, "", sep="\n", flush=True)
    found, tables = [], []
    for model in words.image_model or [NO_WEIGHTS]:
        on = ground(words.feed, words.folder, settings_for(model, words.seller_column))
        one = measure(on, same_seller=words.same_seller, say=lambda told: print(told, file=sys.stderr, flush=True))
        shown = [recall_table(one), apart_table(one), *([guesses_table(one)] if words.same_seller else [])]
        print("", *(table.text() for table in shown), sep="\n", flush=True)
        found.append(one)
        tables += shown
    made = checks(found, dict(words.floor or ()))
    tables.append(floors_table(made))
    print(tables[-1].text())
    if words.write:
        write_text(words.write, markdown_page("Recall on unseen groups", said, tables))
    if missed := [one.what for one in made if not one.holds]:
        raise SystemExit(f"below its floor: {'; '.join(missed)}")


if __name__ == "__main__":
    main()

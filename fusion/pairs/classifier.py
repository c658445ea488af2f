"""The classifier of pairs: trees on a pair's features, trees that also see the pairs around it, a calibration.

Gradient-boosted trees are scikit-learn's (`HistGradientBoostingClassifier`), which is here already; LightGBM would be
a further dependency for about a hundredth of average precision. What is learned is kept as plain arrays.

**What is learned from.** Pairs known to be variants and pairs known not to be. Pairs about which nothing is known are
never negatives: nothing is learned from them, and they are scored like all others.

**Who judges whom.** Products are dealt to folds by what binds them (a known group, a pair known to be variants), so
that a group is in one fold. A classifier that two folds are held from learns from no pair with a product in either.
The first probability of every pair comes from a classifier that the folds of both its products were held from; so
the second stage learns from first probabilities such as it will meet on unknown products. For the calibration, all
of this is done once more for each fold with that fold held out of everything: the probabilities that calibrate, and
by which the model is measured, come from classifiers of both stages that had no part of the pair's groups.
"""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from candidates.artifacts import atomic_folder, digest_file, digest_of, write_json
from candidates.errors import ModelMissing, SchemaError, VariantsError
from candidates.qrels import NOT_A_VARIANT, VARIANT, Source
from fusion.pairs.calibration import Calibration, Threshold, Thresholds, calibrate, probability
from fusion.pairs.unsupervised import COLUMNS, unsupervised_score

if TYPE_CHECKING:
    from fusion.pairs.collective import PairGraph
    from fusion.pairs.trees import Bins, Trees

Matrix = NDArray[np.float32]
Values = NDArray[np.float64]
Rows = NDArray[np.int32]
Truth = NDArray[np.int8]
Mask = NDArray[np.bool_]

FOLDS = 5
"""Parts of the known groups."""

FEWEST_GROUPS = 30
"""With fewer known groups among the pairs nothing is learned: what so few show need not hold for others."""

SOURCE_WEIGHTS = {Source.NONE: 0.0, Source.FEED_GROUP: 1.0, Source.FILE: 3.0, Source.JUDGEMENT: 5.0}
"""What a pair counts for by where its truth comes from. An expert looked at the very pair, and most often at one on
which the classifier erred; two groups only imply what they say about each of their many pairs."""

_FORMAT = 1
_ARRAYS, _ABOUT = "pairs.npz", "pairs.json"
_BLOCK = 2**18
"""Pairs that go through the trees at once."""

_HARD_AT_LEAST = 2000
"""At least so many of the hardest non-variants are all learned from, however few variants are known."""


class TooLittleKnown(VariantsError):
    """There are too few known groups, or no known non-variants, to learn a classifier from."""


@dataclass(frozen=True)
class Boosting:
    """How trees are grown.

    Attributes:
        rate: Share of each tree's answer that is added.
        leaves: Leaves of a tree, at most.
        least: Pairs behind a leaf, at least.
        ridge: How strongly leaves are drawn to zero.
        features: Share of the features that a split may ask, drawn anew for each.
        most: Trees, at most; how many are kept is decided on groups held out.
        hard: So many of the hardest non-variants for each variant are all learned from, of the others a sample.
    """

    rate: float = 0.08
    leaves: int = 31
    least: int = 20
    ridge: float = 10.0
    features: float = 0.25
    most: int = 250
    hard: float = 2.0


def source_weights(sources: NDArray[np.integer]) -> NDArray[np.float32]:
    """What each pair counts for in learning, by the `Source` of its truth; float32 (m,)."""
    table = np.zeros(max(SOURCE_WEIGHTS) + 1, np.float32)
    for source, weight in SOURCE_WEIGHTS.items():
        table[source] = weight
    return table[sources]


@dataclass(frozen=True, eq=False)
class Scores:
    """What a model says about some pairs.

    Attributes:
        probabilities: float64 (m,): that the two are variants.
        first: float64 (m,): what the first stage, which sees each pair by itself, would say, not calibrated.
        collective: float32 (m, columns): what the pairs around each say.
    """

    probabilities: Values
    first: Values
    collective: Matrix


@dataclass(frozen=True, eq=False)
class PairModel:
    """Tells the probability that two products are variants.

    Attributes:
        names: The features it was learned on, in order.
        first: Log-odds from a pair's own features.
        second: Log-odds from these and from `collective_features` of the first stage's probabilities.
        calibration: From the second's log-odds to probabilities.
        thresholds: Precision and recall at every probability, on groups not learned from.
        about: What it was learned from and how well it does, as plain values.
    """

    names: tuple[str, ...]
    first: Trees
    second: Trees
    calibration: Calibration
    thresholds: Thresholds
    about: dict[str, Any] = field(default_factory=dict)

    @property
    def version(self) -> str:
        """Names the model by its contents."""
        return digest_of(self.names, [[name, array.tobytes().hex()] for name, array in self._arrays().items()])[:16]

    @property
    def all_names(self) -> tuple[str, ...]:
        """The names of the columns of `contributions`: the features, then what the pairs around a pair say."""
        from fusion.pairs.collective import NAMES

        return (*self.names, *NAMES)

    def columns(self, names: Sequence[str]) -> NDArray[np.int64]:
        """Where the model's features stand among some columns; raises `SchemaError` naming those that lack."""
        places = {name: place for place, name in enumerate(names)}
        lacking = [name for name in self.names if name not in places]
        if lacking:
            raise SchemaError(
                f"the pair table lacks {', '.join(lacking)}, on which the classifier was learned",
                "Learn the classifier again, or make the table as it was made then",
            )
        return np.array([places[name] for name in self.names], np.int64)

    def probabilities(
        self, matrix: Matrix, names: Sequence[str], left: Rows, right: Rows, n: int, threads: int = 0
    ) -> Values:
        """The probability that each pair is a pair of variants, float64 (m,); see `score`."""
        return self.score(matrix, names, left, right, n, threads).probabilities

    def score(self, matrix: Matrix, names: Sequence[str], left: Rows, right: Rows, n: int, threads: int = 0) -> Scores:
        """Both stages' view of all pairs of a catalogue at once; a part of the pairs would be judged otherwise.

        Args:
            matrix: float32 (m, f): NaN where a feature is absent.
            names: Name of each column; others than the model's are passed over.
            left: int32 (m,): one product of each pair.
            right: int32 (m,): the other.
            n: Products in all.
            threads: Threads to use; 0: as many as there are.

        Raises:
            SchemaError: A column is missing on which the model was learned.
        """
        from fusion.pairs.collective import PairGraph, collective_features

        columns = self.columns(names)
        blocks = _blocks(len(left))
        first, log_odds = np.empty(len(left)), np.empty(len(left))
        for block in blocks:
            first[block] = probability(self.first.predict(_columns(matrix, block, columns), threads))
        around = collective_features(PairGraph.of(left, right, n), first, threads)
        for block in blocks:
            joined = np.concatenate([_columns(matrix, block, columns), around[block]], axis=1)
            log_odds[block] = self.second.predict(joined, threads)
        return Scores(self.calibration.apply(log_odds), first, around)

    def contributions(self, matrix: Matrix, names: Sequence[str], collective: Matrix, threads: int = 0) -> Matrix:
        """What speaks for (above 0) and against each of some pairs, in log-odds; float32 (k, `all_names`).

        A row's sum and `bias` are the second stage's log-odds, before calibration. What the second stage credits to
        the first one's verdict is handed on to the features that made it, in proportion to those that pulled the
        same way.

        Args:
            matrix: float32 (k, f): the features of the pairs asked about.
            names: Name of each column.
            collective: float32 (k, columns): their rows of `Scores.collective`.
            threads: Threads to use.
        """
        own = _columns(matrix, slice(None), self.columns(names))
        credited = self.second.contributions(np.concatenate([own, collective], axis=1), threads)
        verdict = credited[:, [len(self.names)]]
        agreeing = np.maximum(self.first.contributions(own, threads) * np.sign(verdict), 0)
        total = agreeing.sum(axis=1, keepdims=True)
        credited[:, : len(self.names)] += np.divide(agreeing, total, out=agreeing, where=total > 0) * verdict
        credited[:, [len(self.names)]] = np.where(total > 0, 0, verdict)
        return credited

    @property
    def bias(self) -> float:
        """Log-odds of a pair about which nothing is known, to which contributions are added."""
        return self.second.bias

    def with_about(self, **further: Any) -> PairModel:
        """The model with more told about it, as plain values: the figures that others measured, for one."""
        return replace(self, about=self.about | further)

    def threshold_for(self, precision: float) -> Threshold:
        """From which probability on a wanted precision holds; `Thresholds` says what that does not promise."""
        return self.thresholds.for_precision(precision)

    def _arrays(self) -> dict[str, NDArray[Any]]:
        named = {"first": self.first.arrays(), "second": self.second.arrays(), "thresholds": self.thresholds.arrays()}
        arrays = {f"{part}.{name}": array for part, found in named.items() for name, array in found.items()}
        baselines = np.array([self.first.baseline, self.second.baseline])
        calibration = {"calibration.knots": self.calibration.knots, "calibration.heights": self.calibration.heights}
        return arrays | calibration | {"baselines": baselines}

    def save(self, folder: Path) -> None:
        """Writes the model as a folder, atomically: plain arrays, and JSON about them."""
        with atomic_folder(folder) as temporary:
            np.savez_compressed(temporary / _ARRAYS, **self._arrays())  # type: ignore[arg-type]
            plain = {
                "format": _FORMAT,
                "names": list(self.names),
                "method": self.calibration.method,
                "version": self.version,
                "files": {_ARRAYS: digest_file(temporary / _ARRAYS)},
                "about": self.about,
            }
            write_json(temporary / _ABOUT, plain)

    @classmethod
    def open(cls, folder: Path) -> PairModel:
        """Reads a model, without running anything in it; raises `ModelMissing`, in one line, where it can't be used."""
        from fusion.pairs.collective import NAMES
        from fusion.pairs.trees import Trees

        fix = "Fetch it again, or learn it again with `variants train`"
        try:
            plain = json.loads((folder / _ABOUT).read_text("utf-8"))
            if plain["format"] != _FORMAT:
                raise ModelMissing(f"{folder}: a classifier of another version of this program", fix)
            if digest_file(folder / _ARRAYS) != plain["files"][_ARRAYS]:
                raise ModelMissing(f"{folder}: {_ARRAYS} is not what was saved", fix)
            with np.load(folder / _ARRAYS, allow_pickle=False) as file:
                arrays = dict(file)
            names = tuple(plain["names"])
            widths = {"first": len(names), "second": len(names) + len(NAMES)}
            baselines = dict(zip(widths, arrays["baselines"].tolist(), strict=True))
            first, second = (
                Trees.from_arrays(_part(arrays, stage), baselines[stage], width) for stage, width in widths.items()
            )
            calibration = Calibration(plain["method"], **_part(arrays, "calibration"))
            return cls(names, first, second, calibration, Thresholds(**_part(arrays, "thresholds")), plain["about"])
        except (OSError, ValueError, KeyError, TypeError, AttributeError, EOFError, zipfile.BadZipFile) as error:
            raise ModelMissing(f"{folder}: no readable classifier ({' '.join(str(error).split())})", fix) from error


def _part(arrays: dict[str, NDArray[Any]], part: str) -> dict[str, NDArray[Any]]:
    return {name.removeprefix(f"{part}."): array for name, array in arrays.items() if name.startswith(f"{part}.")}


def _columns(matrix: Matrix, rows: slice, columns: NDArray[np.int64]) -> Matrix:
    block = matrix[rows]
    plain = len(columns) == block.shape[1] and (columns == np.arange(len(columns))).all()
    return np.ascontiguousarray(block if plain else block[:, columns], np.float32)


def _blocks(count: int) -> list[slice]:
    return [slice(start, start + _BLOCK) for start in range(0, count, _BLOCK)]


def _plainly(steps: Iterable[Any], _: str) -> Iterable[Any]:
    return steps


@dataclass(frozen=True, eq=False)
class LearnedPairs:
    """A model, and what its like say about the pairs it was learned from, each by groups other than its own.

    Attributes:
        model: Learned from all that is known.
        held_out: float64 (m,): probability of every pair, of unjudged ones too, by classifiers and calibrations that
            no group of its products was in: what figures, thresholds and the linkage of groups go by.
        first: float64 (m,): what the first stage by itself came to on groups held out, not calibrated.
        folds: int64 (n,): fold of each product.
    """

    model: PairModel
    held_out: Values
    first: Values
    folds: NDArray[np.int64]


def learn_pair_model(
    matrix: Matrix,
    names: Sequence[str],
    left: Rows,
    right: Rows,
    truth: Truth,
    groups: NDArray[np.integer],
    *,
    weights: NDArray[np.floating] | None = None,
    boosting: tuple[Boosting, Boosting] = (Boosting(), Boosting()),
    folds: int = FOLDS,
    seed: int = 7,
    threads: int = 0,
    track: Callable[[Iterable[Any], str], Iterable[Any]] = _plainly,
) -> LearnedPairs:
    """Learns both stages and the calibration from what is known about some pairs.

    The features themselves must not come from the pairs' groups: what a projection learned from a group says about
    that group's own pairs is too good, and the trees would trust it too much.

    Args:
        matrix: float32 (m, f): all candidate pairs of the catalogue, NaN where a feature is absent.
        names: Name of each column.
        left: int32 (m,): one product of each pair.
        right: int32 (m,): the other.
        truth: int8 (m,): `VARIANT`, `UNJUDGED` or `NOT_A_VARIANT`.
        groups: int (n,): known group of each product, −1 without.
        weights: What each judged pair counts for, such as `source_weights` says; all the same where not given.
        boosting: How the trees of either stage are grown.
        folds: Parts of the groups.
        seed: Seed of all that is drawn.
        threads: Threads to use; 0: as many as there are.
        track: Wraps what is gone through, with what it is called, to show progress.

    Raises:
        TooLittleKnown: Fewer than `FEWEST_GROUPS` groups have a known pair among these, or no pair is known not to
            be variants; `unsupervised_score` serves then.
    """
    from fusion.pairs.collective import PairGraph

    bound = bound_products(left, right, truth, groups)
    known = _require_enough(bound, left, truth)
    dealt = deal(bound, np.unique(bound[left[truth == VARIANT]]), folds, seed)
    weighed = np.ones(len(truth)) if weights is None else weights.astype(np.float64)
    likeness, graph = _likeness(matrix, names), PairGraph.of(left, right, len(groups))
    pairs = _Pairs(matrix, truth, weighed, likeness, graph, dealt, folds, seed, threads)
    first = _first_stage(pairs, boosting[0], track)
    second = _second_stage(pairs, first, boosting[1], track)
    calibrated = calibrate(second.held_out, truth, pairs.judge)
    about = {
        "learned_from": {
            "pairs": len(truth),
            "variants": int((truth == VARIANT).sum()),
            "not_variants": int((truth == NOT_A_VARIANT).sum()),
            "groups": known,
            "products": len(groups),
        },
        "trees": {"first": len(first.full), "second": len(second.full)},
        "calibration": {"method": calibrated.calibration.method, "brier": calibrated.brier},
        "seed": seed,
    }
    model = PairModel(
        tuple(names),
        first.full,
        second.full,
        calibrated.calibration,
        Thresholds.measured(calibrated.held_out, truth),
        about,
    )
    return LearnedPairs(model, calibrated.held_out, probability(first.everywhere(pairs)), dealt)


def bound_products(left: Rows, right: Rows, truth: Truth, groups: NDArray[np.integer]) -> NDArray[np.int64]:
    """Numbers what may not be parted: products of one group or, through any chain, of known pairs; int64 (n,)."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    n = len(groups)
    members = np.flatnonzero(groups >= 0)
    _, heads, of = np.unique(groups[members], return_index=True, return_inverse=True)
    sure = truth == VARIANT
    one = np.concatenate([members, left[sure]])
    two = np.concatenate([members[heads][of], right[sure]])
    edges = coo_matrix((np.ones(len(one), np.int8), (one, two)), shape=(n, n))
    numbered: NDArray[np.int64] = connected_components(edges, directed=False)[1].astype(np.int64)
    return numbered


def deal(bound: NDArray[np.int64], telling: NDArray[np.int64], folds: int, seed: int) -> NDArray[np.int64]:
    """Deals what is bound together out to folds, those that tell of variants as evenly as all others; int64 (n,)."""
    random = np.random.default_rng(seed)
    dealt = np.empty(int(bound.max(initial=-1)) + 1, np.int64)
    tells = np.zeros(len(dealt), bool)
    tells[telling] = True
    for some in (np.flatnonzero(tells), np.flatnonzero(~tells)):
        dealt[random.permutation(some)] = np.arange(len(some)) % folds
    return dealt[bound]


def _require_enough(bound: NDArray[np.int64], left: Rows, truth: Truth) -> int:
    known = len(np.unique(bound[left[truth == VARIANT]]))
    if known < FEWEST_GROUPS:
        raise TooLittleKnown(
            f"{known} known groups with a pair among the candidates are too few to learn a classifier",
            f"It takes {FEWEST_GROUPS}; pairs are scored without probabilities",
        )
    if not (truth == NOT_A_VARIANT).any():
        raise TooLittleKnown(
            "no pair is known not to be variants, so no classifier can be learned",
            "Declare the feed's groups global, or judge some pairs; pairs are scored without probabilities",
        )
    return known


def _likeness(matrix: Matrix, names: Sequence[str]) -> NDArray[np.float32]:
    """The unsupervised score; where the table has none of its columns, all pairs are alike."""
    if not COLUMNS.keys() & set(names):
        return np.zeros(len(matrix), np.float32)
    return unsupervised_score(matrix, names)


@dataclass(frozen=True, eq=False)
class _Pairs:
    """What is learned from, and who may judge whom.

    Attributes:
        matrix: float32 (m, f).
        truth: int8 (m,).
        weights: float64 (m,).
        likeness: float32 (m,): the unsupervised score, by which hard pairs are told from easy ones.
        graph: The pairs.
        dealt: int64 (n,): fold of each product.
        folds: How many.
        seed: Seed.
        threads: Threads.
    """

    matrix: Matrix
    truth: Truth
    weights: Values
    likeness: NDArray[np.float32]
    graph: PairGraph
    dealt: NDArray[np.int64]
    folds: int
    seed: int
    threads: int

    @property
    def sides(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Fold of each pair's two products."""
        return self.dealt[self.graph.left], self.dealt[self.graph.right]

    @property
    def turn(self) -> Mask:
        """A coin for each pair, the same whatever stands around it."""
        turn: Mask = ((self.graph.left.astype(np.int64) * 31 + self.graph.right) * 0x9E3779B1 >> 16) % 2 == 0
        return turn

    @property
    def judge(self) -> NDArray[np.int64]:
        """The fold under whose name each pair is judged: that of one of its products."""
        one, two = self.sides
        return np.where(self.turn, one, two)

    @property
    def everything(self) -> Mask:
        """All pairs."""
        return np.ones(len(self.truth), bool)

    def without(self, *folds: int) -> Mask:
        """The pairs with no product in some folds."""
        one, two = self.sides
        return ~(np.isin(one, folds) | np.isin(two, folds))

    def holders(self, outer: int | None) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The two folds, the lesser first, that are held from the classifier of each pair's first probability.

        They are those of its two products, or that of both and a drawn one: always two, so that all probabilities
        come from equally learned classifiers. With an outer fold, which everything is held from, it is one of them.
        """
        one, two = self.sides
        drawn = (one + 1 + (self.graph.left.astype(np.int64) + self.graph.right) % (self.folds - 1)) % self.folds
        held, other = one, np.where(one == two, drawn, two)
        if outer is not None:
            inner = np.where(self.turn, one, two)
            inner = np.where(one == outer, two, np.where(two == outer, one, inner))
            held, other = np.full(len(one), outer), np.where(inner == outer, drawn, inner)
        return np.minimum(held, other), np.maximum(held, other)


@dataclass(frozen=True, eq=False)
class _First:
    """The first stage: trees from all folds but each two, and from all.

    Attributes:
        full: From everything known.
        log_odds: Two folds (the lesser first) → log-odds of every pair whose judge they may be; NaN elsewhere.
    """

    full: Trees
    log_odds: dict[tuple[int, int], Values]

    def everywhere(self, pairs: _Pairs, outer: int | None = None) -> Values:
        """Every pair's log-odds, by trees that neither its products' folds nor the outer fold were in."""
        low, high = pairs.holders(outer)
        told = np.empty(len(low))
        for (one, two), log_odds in self.log_odds.items():
            chosen = (low == one) & (high == two)
            told[chosen] = log_odds[chosen]
        return told


def _first_stage(pairs: _Pairs, boosting: Boosting, track: Callable[..., Iterable[Any]]) -> _First:
    twos = list(combinations(range(pairs.folds), 2))
    parts = [pairs.without(one, two) for one, two in twos]
    lessons = [_lesson(pairs, pairs.matrix, part, boosting.hard) for part in (*parts, pairs.everything)]
    exam = np.flatnonzero(~parts[0])
    forests = _grown(pairs, lessons, (pairs.matrix[exam], pairs.truth[exam]), boosting, track)
    log_odds = {two: _told(pairs, trees, ~part) for two, trees, part in zip(twos, forests, parts, strict=False)}
    return _First(forests[-1], log_odds)


@dataclass(frozen=True, eq=False)
class _Second:
    """The second stage.

    Attributes:
        full: From everything known.
        held_out: float64 (m,): log-odds of every pair by trees of both stages that its judge's fold had no part of.
    """

    full: Trees
    held_out: Values


def _second_stage(pairs: _Pairs, first: _First, boosting: Boosting, track: Callable[..., Iterable[Any]]) -> _Second:
    lessons, exams, places = [], [], []
    for fold in range(pairs.folds):
        joined = _joined(pairs, first.everywhere(pairs, fold))
        lessons.append(_lesson(pairs, joined, pairs.without(fold), boosting.hard))
        places.append(np.flatnonzero(pairs.judge == fold))
        exams.append(joined[places[-1]])
    lessons.append(_lesson(pairs, _joined(pairs, first.everywhere(pairs)), pairs.everything, boosting.hard))
    forests = _grown(pairs, lessons, (exams[0], pairs.truth[places[0]]), boosting, track)
    held_out = np.empty(len(pairs.truth))
    for trees, rows, exam in zip(forests, places, exams, strict=False):
        held_out[rows] = trees.predict(exam, pairs.threads)
    return _Second(forests[-1], held_out)


def _told(pairs: _Pairs, trees: Trees, some: Mask) -> Values:
    """Log-odds of some rows; NaN elsewhere."""
    told = np.full(len(some), np.nan)
    for block in _blocks(len(some)):
        told[block][some[block]] = trees.predict(pairs.matrix[block][some[block]], pairs.threads)
    return told


def _joined(pairs: _Pairs, log_odds: Values) -> Matrix:
    from fusion.pairs.collective import collective_features

    around = collective_features(pairs.graph, probability(log_odds), pairs.threads)
    return np.concatenate([pairs.matrix, around], axis=1)


@dataclass(frozen=True, eq=False)
class _Lesson:
    """What one forest is grown from: the drawn pairs in bins, whether they are variants, and what they weigh."""

    bins: Bins
    codes: Matrix
    right: Mask
    weights: Values


def _lesson(pairs: _Pairs, matrix: Matrix, some: Mask, hard: float) -> _Lesson:
    from fusion.pairs.trees import Bins

    rows, weights = _drawn(pairs, some, hard)
    bins = Bins.of(matrix[rows])
    return _Lesson(bins, bins.codes(matrix[rows]), pairs.truth[rows] == VARIANT, weights)


def _grown(
    pairs: _Pairs,
    lessons: Sequence[_Lesson],
    exam: tuple[Matrix, Truth],
    boosting: Boosting,
    track: Callable[..., Iterable[Any]],
) -> list[Trees]:
    """A forest from each lesson; how many trees they have is decided by the first, on pairs that it did not see.

    The others grow side by side, a thread each: several threads on one forest wait for each other at every split.
    """
    threads = pairs.threads or os.cpu_count() or 1
    first = _grow(lessons[0], boosting, pairs.seed, threads)
    count = _best_count(first, *exam)
    fewer = replace(boosting, most=count)
    with ThreadPoolExecutor(threads) as pool:
        others = [pool.submit(_grow, lesson, fewer, pairs.seed, 1) for lesson in lessons[1:]]
        return [first.first(count), *(one.result() for one in track(others, "growing trees"))]


def _grow(lesson: _Lesson, boosting: Boosting, seed: int, threads: int) -> Trees:
    from sklearn.ensemble import HistGradientBoostingClassifier
    from threadpoolctl import threadpool_limits

    from fusion.pairs.trees import Trees

    model = HistGradientBoostingClassifier(
        learning_rate=boosting.rate,
        max_iter=boosting.most,
        max_leaf_nodes=boosting.leaves,
        min_samples_leaf=boosting.least,
        l2_regularization=boosting.ridge,
        max_features=boosting.features,
        early_stopping=False,
        random_state=seed,
    )
    with threadpool_limits(threads, user_api="openmp"):
        model.fit(lesson.codes, lesson.right, sample_weight=lesson.weights)
    return Trees.of(model, lesson.bins)


def _drawn(pairs: _Pairs, some: Mask, hard: float) -> tuple[NDArray[np.int64], Values]:
    """The pairs to learn from: all variants, all that were looked at singly, and of the others the hard ones.

    Nearly all candidates are easily seen to be no variants, and teach little. One that stands r-th by the
    unsupervised score is taken with probability c / r and weighs r / c, so that in sum those taken stand for all
    (Fithian and Hastie, "Local case-control sampling", Annals of Statistics, 2014). That score knows no groups, so
    nothing is learned from groups held out by the choice either.
    """
    counts = some & (pairs.weights > 0)
    sure, wrong = (np.flatnonzero(counts & (pairs.truth == kind)) for kind in (VARIANT, NOT_A_VARIANT))
    random = np.random.default_rng(pairs.seed)
    wrong = wrong[np.lexsort((random.random(len(wrong)), -pairs.likeness[wrong]))]
    shares = np.minimum(1, max(_HARD_AT_LEAST, hard * len(sure)) / np.arange(1, len(wrong) + 1))
    # What somebody rejected is never left to chance.
    shares[pairs.weights[wrong] > SOURCE_WEIGHTS[Source.FEED_GROUP]] = 1
    taken = random.random(len(wrong)) < shares
    rows = np.concatenate([sure, wrong[taken]])
    weights = pairs.weights[rows] / np.concatenate([np.ones(len(sure)), shares[taken]])
    order = np.argsort(rows)
    return rows[order], weights[order]


_EVERY = 10
"""The number of trees is chosen among multiples of this."""


def _best_count(trees: Trees, matrix: Matrix, truth: Truth) -> int:
    """How many trees tell held-out pairs best, by log loss."""
    rows = np.flatnonzero(truth != 0)
    if len(rows) == 0 or len(trees) <= _EVERY:
        return len(trees)
    right = truth[rows] == VARIANT
    staged = trees.staged(matrix[rows], _EVERY)
    losses = np.logaddexp(0, np.where(right[:, None], -staged, staged)).mean(axis=0)
    return int(np.argmin(losses) + 1) * _EVERY

"""The pair classifier: trees on a pair's own features, trees that also use collective features, and a calibration.

The gradient-boosted trees are scikit-learn's `HistGradientBoostingClassifier`; LightGBM would be another dependency for
a small gain. A trained model is stored as plain arrays.

**Training pairs.** The classifier is trained on pairs known to be variants and pairs known not to be. Pairs about which
nothing is known are never used as negatives; they are only scored.

**Cross-validation by group.** Products are assigned to folds by connected component (of known groups and known variant
pairs), so that a group is within one fold. A classifier with two folds held out is trained on no pair with a product in
either. The first-stage probability of every pair comes from a classifier that held out the folds of both its products,
so the second stage is trained on first-stage probabilities like those it will see on unknown products. For calibration
this is repeated for each fold with that fold held out of everything. The probabilities used for calibration and for
measuring the model thus come from classifiers of both stages that were not trained on the pair's groups.
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
"""Number of folds for cross-validation."""

FEWEST_GROUPS = 30
"""With fewer known groups among the pairs no classifier is trained, because it might not generalise."""

SOURCE_WEIGHTS = {Source.NONE: 0.0, Source.FEED_GROUP: 1.0, Source.FILE: 3.0, Source.JUDGEMENT: 5.0}
"""Training weight of a pair by the source of its truth. An expert looked at that very pair, usually one that the
classifier got wrong; groups only imply the truth about each of their many pairs."""

_FORMAT = 1
_ARRAYS, _ABOUT = "pairs.npz", "pairs.json"
_BLOCK = 2**18
"""Pairs that are scored at a time."""

_HARD_AT_LEAST = 2000
"""At least this many of the hardest non-variants are all used for training, however few variants are known."""


class TooLittleKnown(VariantsError):
    """There are too few known groups, or no known non-variants, to train a classifier."""


@dataclass(frozen=True)
class Boosting:
    """Hyperparameters of the boosted trees.

    Attributes:
        rate: Learning rate.
        leaves: Largest number of leaves of a tree.
        least: Smallest number of pairs in a leaf.
        ridge: L2 regularisation of leaf values.
        features: Share of the features available to each split, drawn at random.
        most: Largest number of trees; the number kept is chosen on held-out groups.
        hard: This many of the hardest non-variants per variant are all used for training, of the others a sample.
    """

    rate: float = 0.08
    leaves: int = 31
    least: int = 20
    ridge: float = 10.0
    features: float = 0.25
    most: int = 250
    hard: float = 2.0


def source_weights(sources: NDArray[np.integer]) -> NDArray[np.float32]:
    """Training weight of each pair by the `Source` of its truth, float32 (m,)."""
    table = np.zeros(max(SOURCE_WEIGHTS) + 1, np.float32)
    for source, weight in SOURCE_WEIGHTS.items():
        table[source] = weight
    return table[sources]


@dataclass(frozen=True, eq=False)
class Scores:
    """A model's scores of pairs.

    Attributes:
        probabilities: float64 (m,): calibrated probability that the two are variants.
        first: float64 (m,): uncalibrated probability of the first stage, which scores each pair on its own.
        collective: float32 (m, columns): the collective features.
    """

    probabilities: Values
    first: Values
    collective: Matrix


@dataclass(frozen=True, eq=False)
class PairModel:
    """A trained classifier that estimates the probability that two products are variants.

    Attributes:
        names: The features it was trained on, in order.
        first: First stage: log-odds from a pair's own features.
        second: Second stage: log-odds from these and `collective_features` of the first stage's probabilities.
        calibration: Maps the second stage's log-odds to probabilities.
        thresholds: Precision and recall at every probability, on held-out groups.
        about: Training data and metrics, as plain values.
    """

    names: tuple[str, ...]
    first: Trees
    second: Trees
    calibration: Calibration
    thresholds: Thresholds
    about: dict[str, Any] = field(default_factory=dict)

    @property
    def version(self) -> str:
        """A digest of the model's contents."""
        return digest_of(self.names, [[name, array.tobytes().hex()] for name, array in self._arrays().items()])[:16]

    @property
    def all_names(self) -> tuple[str, ...]:
        """The names of the columns of `contributions`: the features, then the collective features."""
        from fusion.pairs.collective import NAMES

        return (*self.names, *NAMES)

    def columns(self, names: Sequence[str]) -> NDArray[np.int64]:
        """Positions of the model's features among these columns; raises `SchemaError` that lists missing ones."""
        places = {name: place for place, name in enumerate(names)}
        lacking = [name for name in self.names if name not in places]
        if lacking:
            raise SchemaError(
                f"the pair table has no column {', '.join(lacking)}, which the classifier was trained on",
                "Train the classifier again, or compute the table with the version it was trained with",
            )
        return np.array([places[name] for name in self.names], np.int64)

    def probabilities(
        self, matrix: Matrix, names: Sequence[str], left: Rows, right: Rows, n: int, threads: int = 0
    ) -> Values:
        """The probability that the two products of each pair are variants, float64 (m,); see `score`."""
        return self.score(matrix, names, left, right, n, threads).probabilities

    def score(self, matrix: Matrix, names: Sequence[str], left: Rows, right: Rows, n: int, threads: int = 0) -> Scores:
        """Scores all pairs of a catalogue with both stages; scoring only some of them would change their scores.

        Args:
            matrix: float32 (m, f): the features, NaN where absent.
            names: Name of each column; columns that the model doesn't use are ignored.
            left: int32 (m,): row of one product of each pair.
            right: int32 (m,): row of the other.
            n: Number of products.
            threads: Number of threads; 0 for as many as there are.

        Raises:
            SchemaError: A column that the model was trained on is missing.
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
        """Contributions of the features to the log-odds of pairs, float32 (k, `all_names`); positive means for a pair.

        A row's sum plus `bias` is the second stage's log-odds before calibration. The contribution of the first
        stage's log-odds is distributed among the features whose first-stage contributions have the same sign, in
        proportion to these.

        Args:
            matrix: float32 (k, f): the features of the pairs.
            names: Name of each column.
            collective: float32 (k, columns): their rows of `Scores.collective`.
            threads: Number of threads.
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
        """Log-odds before any feature is known; contributions are added to it."""
        return self.second.bias

    def threshold_for(self, precision: float) -> Threshold:
        """The probability from which a precision was reached; see the caveats at `Thresholds`."""
        return self.thresholds.for_precision(precision)

    def _arrays(self) -> dict[str, NDArray[Any]]:
        stages = {"first": self.first.arrays(), "second": self.second.arrays(), "thresholds": self.thresholds.arrays()}
        arrays = {f"{part}.{name}": array for part, own in stages.items() for name, array in own.items()}
        baselines = np.array([self.first.baseline, self.second.baseline])
        calibration = {"calibration.knots": self.calibration.knots, "calibration.heights": self.calibration.heights}
        return arrays | calibration | {"baselines": baselines}

    def save(self, folder: Path) -> None:
        """Writes the model as a folder, atomically: plain arrays, and JSON that describes them."""
        with atomic_folder(folder) as temporary:
            np.savez_compressed(temporary / _ARRAYS, **self._arrays())  # type: ignore[arg-type]
            saved = {
                "format": _FORMAT,
                "names": list(self.names),
                "method": self.calibration.method,
                "version": self.version,
                "files": {_ARRAYS: digest_file(temporary / _ARRAYS)},
                "about": self.about,
            }
            write_json(temporary / _ABOUT, saved)

    @classmethod
    def open(cls, folder: Path) -> PairModel:
        """Reads a model without executing any code in it; raises `ModelMissing` if it can't be used."""
        from fusion.pairs.collective import NAMES
        from fusion.pairs.trees import Trees

        fix = "Fetch it again, or train it again with `variants train`"
        try:
            saved = json.loads((folder / _ABOUT).read_text("utf-8"))
            if saved["format"] != _FORMAT:
                raise ModelMissing(f"{folder}: this classifier is from another version of the program", fix)
            if digest_file(folder / _ARRAYS) != saved["files"][_ARRAYS]:
                raise ModelMissing(f"{folder}: {_ARRAYS} has changed since it was saved", fix)
            with np.load(folder / _ARRAYS, allow_pickle=False) as file:
                arrays = dict(file)
            names = tuple(saved["names"])
            widths = {"first": len(names), "second": len(names) + len(NAMES)}
            baselines = dict(zip(widths, arrays["baselines"].tolist(), strict=True))
            first, second = (
                Trees.from_arrays(_part(arrays, stage), baselines[stage], width) for stage, width in widths.items()
            )
            calibration = Calibration(saved["method"], **_part(arrays, "calibration"))
            return cls(names, first, second, calibration, Thresholds(**_part(arrays, "thresholds")), saved["about"])
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


def _untracked(steps: Iterable[Any], _: str) -> Iterable[Any]:
    return steps


@dataclass(frozen=True, eq=False)
class LearnedPairs:
    """A trained model, and cross-validated probabilities of the pairs it was trained on.

    Attributes:
        model: Trained on all known pairs.
        held_out: float64 (m,): probability of every pair, also of unjudged ones, by classifiers and calibrations that
            held out the groups of its products. Metrics, thresholds and the linkage of groups use these.
        first: float64 (m,): uncalibrated first-stage probability, likewise cross-validated.
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
    track: Callable[[Iterable[Any], str], Iterable[Any]] = _untracked,
) -> LearnedPairs:
    """Trains both stages and the calibration.

    The features must be cross-validated, too. A projection trained on a group is too good on that group's own pairs,
    and the trees would rely on it too much.

    Args:
        matrix: float32 (m, f): features of all candidate pairs of the catalogue, NaN where absent.
        names: Name of each column.
        left: int32 (m,): row of one product of each pair.
        right: int32 (m,): row of the other.
        truth: int8 (m,): `VARIANT`, `UNJUDGED` or `NOT_A_VARIANT`.
        groups: int (n,): known group of each product, −1 for none.
        weights: Training weight of each pair, such as `source_weights`; equal by default.
        boosting: Hyperparameters of each stage's trees.
        folds: Number of folds.
        seed: Seed of the random numbers.
        threads: Number of threads; 0 for as many as there are.
        track: Wraps an iterable with a label, to show progress.

    Raises:
        TooLittleKnown: Fewer than `FEWEST_GROUPS` groups have a known pair among these, or no pair is known not to be
            variants. Use `unsupervised_score` then.
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
    """Numbers of connected components of known groups and known variant pairs, int64 (n,)."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    n = len(groups)
    members = np.flatnonzero(groups >= 0)
    _, heads, head_of = np.unique(groups[members], return_index=True, return_inverse=True)
    sure = truth == VARIANT
    left_ends = np.concatenate([members, left[sure]])
    right_ends = np.concatenate([members[heads][head_of], right[sure]])
    edges = coo_matrix((np.ones(len(left_ends), np.int8), (left_ends, right_ends)), shape=(n, n))
    numbered: NDArray[np.int64] = connected_components(edges, directed=False)[1].astype(np.int64)
    return numbered


def deal(bound: NDArray[np.int64], with_variants: NDArray[np.int64], folds: int, seed: int) -> NDArray[np.int64]:
    """Assigns components to folds at random, those with known variants evenly and the others evenly; int64 (n,).

    Args:
        bound: int64 (n,): component of each product.
        with_variants: Numbers of the components with known variant pairs.
        folds: Number of folds.
        seed: Seed of the random numbers.
    """
    random = np.random.default_rng(seed)
    dealt = np.empty(int(bound.max(initial=-1)) + 1, np.int64)
    has_variants = np.zeros(len(dealt), bool)
    has_variants[with_variants] = True
    for components in (np.flatnonzero(has_variants), np.flatnonzero(~has_variants)):
        dealt[random.permutation(components)] = np.arange(len(components)) % folds
    return dealt[bound]


def _require_enough(bound: NDArray[np.int64], left: Rows, truth: Truth) -> int:
    known = len(np.unique(bound[left[truth == VARIANT]]))
    if known < FEWEST_GROUPS:
        raise TooLittleKnown(
            f"{known} known groups with a pair among the candidates are too few to train a classifier",
            f"At least {FEWEST_GROUPS} are needed; pairs get a score without a probability",
        )
    if not (truth == NOT_A_VARIANT).any():
        raise TooLittleKnown(
            "no pair is known not to be variants, so no classifier can be trained",
            "Declare the feed's groups global, or judge some pairs; pairs get a score without a probability",
        )
    return known


def _likeness(matrix: Matrix, names: Sequence[str]) -> NDArray[np.float32]:
    """The unsupervised score; zero for all pairs if the table has none of its columns."""
    if not COLUMNS.keys() & set(names):
        return np.zeros(len(matrix), np.float32)
    return unsupervised_score(matrix, names)


@dataclass(frozen=True, eq=False)
class _Pairs:
    """The training pairs and their folds.

    Attributes:
        matrix: float32 (m, f): features.
        truth: int8 (m,): known truth.
        weights: float64 (m,): training weights.
        likeness: float32 (m,): the unsupervised score, which orders non-variants from hard to easy.
        graph: The pairs as a graph.
        dealt: int64 (n,): fold of each product.
        folds: Number of folds.
        seed: Seed of the random numbers.
        threads: Number of threads.
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
        """A reproducible coin flip for each pair, independent of the other pairs."""
        turn: Mask = ((self.graph.left.astype(np.int64) * 31 + self.graph.right) * 0x9E3779B1 >> 16) % 2 == 0
        return turn

    @property
    def judge(self) -> NDArray[np.int64]:
        """The fold whose held-out classifier scores each pair: the fold of one of its products."""
        left, right = self.sides
        return np.where(self.turn, left, right)

    @property
    def everything(self) -> Mask:
        """All pairs."""
        return np.ones(len(self.truth), bool)

    def without(self, *folds: int) -> Mask:
        """The pairs with no product in these folds."""
        left, right = self.sides
        return ~(np.isin(left, folds) | np.isin(right, folds))

    def holders(self, outer: int | None) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The two folds, lower first, held out by the classifier that gives each pair's first-stage probability.

        They are the folds of its two products, or their common fold and a pseudorandom one. There are always two, so
        that all probabilities come from classifiers trained on equally much. An outer fold, which is held out of
        everything, is one of them.
        """
        left, right = self.sides
        drawn = (left + 1 + (self.graph.left.astype(np.int64) + self.graph.right) % (self.folds - 1)) % self.folds
        held, other = left, np.where(left == right, drawn, right)
        if outer is not None:
            inner = np.where(self.turn, left, right)
            inner = np.where(left == outer, right, np.where(right == outer, left, inner))
            held, other = np.full(len(left), outer), np.where(inner == outer, drawn, inner)
        return np.minimum(held, other), np.maximum(held, other)


@dataclass(frozen=True, eq=False)
class _First:
    """The first stage: trees trained without each two folds, and trees trained on all.

    Attributes:
        full: Trained on all known pairs.
        log_odds: Two held-out folds (lower first) → log-odds of every pair with a product in one; NaN elsewhere.
    """

    full: Trees
    log_odds: dict[tuple[int, int], Values]

    def everywhere(self, pairs: _Pairs, outer: int | None = None) -> Values:
        """Every pair's log-odds by trees that held out its products' folds and the outer fold."""
        low, high = pairs.holders(outer)
        result = np.empty(len(low))
        for (lesser, greater), log_odds in self.log_odds.items():
            rows = (low == lesser) & (high == greater)
            result[rows] = log_odds[rows]
        return result


def _first_stage(pairs: _Pairs, boosting: Boosting, track: Callable[..., Iterable[Any]]) -> _First:
    fold_pairs = list(combinations(range(pairs.folds), 2))
    parts = [pairs.without(lesser, greater) for lesser, greater in fold_pairs]
    lessons = [_lesson(pairs, pairs.matrix, part, boosting.hard) for part in (*parts, pairs.everything)]
    exam = np.flatnonzero(~parts[0])
    forests = _grown(pairs, lessons, (pairs.matrix[exam], pairs.truth[exam]), boosting, track)
    held_out = zip(fold_pairs, forests, parts, strict=False)
    return _First(forests[-1], {two: _log_odds_of(pairs, trees, ~part) for two, trees, part in held_out})


@dataclass(frozen=True, eq=False)
class _Second:
    """The second stage.

    Attributes:
        full: Trained on all known pairs.
        held_out: float64 (m,): log-odds of every pair by trees of both stages that held out the fold `_Pairs.judge`.
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


def _log_odds_of(pairs: _Pairs, trees: Trees, chosen: Mask) -> Values:
    """Log-odds of the chosen rows; NaN elsewhere."""
    log_odds = np.full(len(chosen), np.nan)
    for block in _blocks(len(chosen)):
        log_odds[block][chosen[block]] = trees.predict(pairs.matrix[block][chosen[block]], pairs.threads)
    return log_odds


def _joined(pairs: _Pairs, log_odds: Values) -> Matrix:
    from fusion.pairs.collective import collective_features

    around = collective_features(pairs.graph, probability(log_odds), pairs.threads)
    return np.concatenate([pairs.matrix, around], axis=1)


@dataclass(frozen=True, eq=False)
class _Lesson:
    """Training data of one forest: the sampled pairs in bins, whether they are variants, and their weights."""

    bins: Bins
    codes: Matrix
    right: Mask
    weights: Values


def _lesson(pairs: _Pairs, matrix: Matrix, allowed: Mask, hard: float) -> _Lesson:
    from fusion.pairs.trees import Bins

    rows, weights = _drawn(pairs, allowed, hard)
    bins = Bins.of(matrix[rows])
    return _Lesson(bins, bins.codes(matrix[rows]), pairs.truth[rows] == VARIANT, weights)


def _grown(
    pairs: _Pairs,
    lessons: Sequence[_Lesson],
    exam: tuple[Matrix, Truth],
    boosting: Boosting,
    track: Callable[..., Iterable[Any]],
) -> list[Trees]:
    """Trains a forest on each lesson; the first decides the number of trees, on pairs it was not trained on.

    The others are trained in parallel, one thread each: threads that share a forest wait for each other at every split.
    """
    threads = pairs.threads or os.cpu_count() or 1
    first = _grow(lessons[0], boosting, pairs.seed, threads)
    count = _best_count(first, *exam)
    fewer = replace(boosting, most=count)
    with ThreadPoolExecutor(threads) as pool:
        others = [pool.submit(_grow, lesson, fewer, pairs.seed, 1) for lesson in lessons[1:]]
        return [first.first(count), *(forest.result() for forest in track(others, "growing trees"))]


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


def _drawn(pairs: _Pairs, allowed: Mask, hard: float) -> tuple[NDArray[np.int64], Values]:
    """Samples training pairs: all variants, all judged pairs, and of the other non-variants mostly hard ones.

    Nearly all candidates are obvious non-variants, which add little. The non-variant at rank r by the unsupervised
    score is drawn with probability c / r and weight r / c, so that the sample represents all of them (Fithian and
    Hastie, "Local case-control sampling", Annals of Statistics, 2014). The score does not use groups, so sampling
    leaks nothing about held-out groups.
    """
    counts = allowed & (pairs.weights > 0)
    sure, wrong = (np.flatnonzero(counts & (pairs.truth == kind)) for kind in (VARIANT, NOT_A_VARIANT))
    random = np.random.default_rng(pairs.seed)
    wrong = wrong[np.lexsort((random.random(len(wrong)), -pairs.likeness[wrong]))]
    shares = np.minimum(1, max(_HARD_AT_LEAST, hard * len(sure)) / np.arange(1, len(wrong) + 1))
    # Pairs that somebody rejected are always kept.
    shares[pairs.weights[wrong] > SOURCE_WEIGHTS[Source.FEED_GROUP]] = 1
    taken = random.random(len(wrong)) < shares
    rows = np.concatenate([sure, wrong[taken]])
    weights = pairs.weights[rows] / np.concatenate([np.ones(len(sure)), shares[taken]])
    order = np.argsort(rows)
    return rows[order], weights[order]


_EVERY = 10
"""The number of trees is a multiple of this."""


def _best_count(trees: Trees, matrix: Matrix, truth: Truth) -> int:
    """The number of trees with the lowest log loss on held-out pairs."""
    rows = np.flatnonzero(truth != 0)
    if len(rows) == 0 or len(trees) <= _EVERY:
        return len(trees)
    right = truth[rows] == VARIANT
    staged = trees.staged(matrix[rows], _EVERY)
    losses = np.logaddexp(0, np.where(right[:, None], -staged, staged)).mean(axis=0)
    return int(np.argmin(losses) + 1) * _EVERY

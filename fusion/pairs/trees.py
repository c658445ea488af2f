"""Gradient-boosted trees as plain arrays, for fast prediction, safe loading and contributions of features.

scikit-learn trains them; they are then copied into six flat arrays, because a pickle executes code when it is opened
and because the compiled prediction here is several times as fast and needs no scikit-learn. Import this module only
where it is used: numba takes half a second.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numba
import numpy as np
from numpy.typing import NDArray

from candidates.errors import ModelMissing

if TYPE_CHECKING:
    from sklearn.ensemble import HistGradientBoostingClassifier

Matrix = NDArray[np.float32]
Values = NDArray[np.float64]

_DTYPES: Mapping[str, type] = {
    "starts": np.int32,
    "features": np.int32,
    "thresholds": np.float32,
    "missing_left": np.bool_,
    "children": np.int32,
    "values": np.float64,
}

_ROWS = 64
"""Rows that pass through one tree before the next is loaded into the cache."""

_LEAST_ROWS = 2048
"""Rows per thread from which another thread pays off."""


@dataclass(frozen=True, eq=False)
class Trees:
    """A sum of binary trees over rows of float32 features, where NaN means that a feature is absent.

    At a leaf i (`children[i]` is 0) a row gets `values[i]`. At any other node i it goes to `children[i]` if its feature
    is at most the threshold, or if it is absent and `missing_left[i]` is set; otherwise to `children[i] + 1`.

    Attributes:
        baseline: Constant added to the sum.
        width: Number of features.
        starts: int32 (t + 1): tree i has the nodes `starts[i]` … `starts[i + 1] - 1`, root first.
        features: int32 (nodes): the feature that a node tests; 0 at a leaf.
        thresholds: float32 (nodes): the threshold of a node.
        missing_left: bool (nodes): whether rows without the feature go left.
        children: int32 (nodes): the left child, numbered over all trees; the right child follows it.
        values: float64 (nodes): value of a leaf; at an inner node the mean over the training rows.
    """

    baseline: float
    width: int
    starts: NDArray[np.int32]
    features: NDArray[np.int32]
    thresholds: NDArray[np.float32]
    missing_left: NDArray[np.bool_]
    children: NDArray[np.int32]
    values: NDArray[np.float64]

    def __post_init__(self) -> None:
        """Checks the arrays, since compiled code doesn't check bounds; this fails only on a bug or a changed file."""
        wrong = _first_fault(self)
        if wrong:
            raise ModelMissing(f"the trees of the classifier are invalid: {wrong}", "Train the model again")

    def __len__(self) -> int:
        return len(self.starts) - 1

    @classmethod
    def of(cls, model: HistGradientBoostingClassifier, bins: Bins | None = None) -> Trees:
        """Copies a binary classifier of scikit-learn; `predict` equals its `decision_function` exactly.

        Args:
            model: The trained classifier.
            bins: The bins, if it was trained on bin codes: thresholds are converted back to feature values.
        """
        trees = [_flattened(step[0].nodes) for step in model._predictors]
        if bins is not None:
            for tree in trees:
                tree["thresholds"] = bins.tops(tree["features"], tree["thresholds"])
        counts = [len(tree["values"]) for tree in trees]
        starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
        for tree, start in zip(trees, starts[:-1], strict=True):
            tree["children"] += np.where(tree["children"] > 0, start, 0).astype(np.int32)
        names = [name for name in _DTYPES if name != "starts"]
        joined = {name: np.concatenate([tree[name] for tree in trees]) for name in names}
        baseline = float(np.asarray(model._baseline_prediction).reshape(-1)[0])
        return cls(baseline, int(model.n_features_in_), starts, **joined)

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], baseline: float, width: int) -> Trees:
        """Trees from the result of `arrays`; raises `ModelMissing` if an array is missing or invalid."""
        lacking = [name for name in _DTYPES if name not in arrays]
        if lacking:
            raise ModelMissing(f"the trees have no array {', '.join(lacking)}", "Train the model again")
        wrong = [name for name, dtype in _DTYPES.items() if arrays[name].dtype != dtype or arrays[name].ndim != 1]
        if wrong:
            raise ModelMissing(f"arrays of the trees have the wrong type: {', '.join(wrong)}", "Train the model again")
        return cls(baseline, width, **{name: np.ascontiguousarray(arrays[name]) for name in _DTYPES})

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The arrays by name, for `numpy.savez`."""
        return {name: getattr(self, name) for name in _DTYPES}

    def first(self, count: int) -> Trees:
        """The first `count` trees."""
        stop = int(self.starts[min(count, len(self))])
        kept = {each.name: getattr(self, each.name)[:stop] for each in fields(self) if each.name in _DTYPES}
        return Trees(self.baseline, self.width, **(kept | {"starts": self.starts[: min(count, len(self)) + 1]}))

    def predict(self, matrix: Matrix, threads: int = 0) -> Values:
        """The sum of the trees for each row, float64 (m,): log-odds for a binary classifier.

        Args:
            matrix: float32 (m, width): the features.
            threads: Number of threads; 0 uses numba's default.
        """
        sums = np.full(len(matrix), self.baseline)
        with _threads(threads, len(matrix)):
            _predict(self._checked(matrix), self._nodes, sums)
        return sums

    def staged(self, matrix: Matrix, every: int) -> Values:
        """The sums after each `every` trees, float64 (m, t // every)."""
        steps = range(0, len(self) - every + 1, every)
        sums = np.full(len(matrix), self.baseline)
        columns = np.empty((len(matrix), len(steps)))
        for column, step in enumerate(steps):
            part = (self.starts[step : step + every + 1], *self._nodes[1:])
            _predict(self._checked(matrix), part, sums)
            columns[:, column] = sums
        return columns

    @property
    def bias(self) -> float:
        """The mean prediction over the training rows; `contributions` are differences from it."""
        return self.baseline + math.fsum(self.values[self.starts[:-1]])

    def contributions(self, matrix: Matrix, threads: int = 0) -> Matrix:
        """Contribution of each feature to each row's prediction, float32 (m, width); with `bias` they sum to it.

        On its path through a tree a row passes from one node's mean to the next, and each difference is credited to the
        feature that was tested (Saabas, "Interpreting random forests", 2014). This costs little more than a prediction.
        Unlike Shapley values, it credits features near the leaves of a deep tree somewhat too much.
        """
        credited = np.zeros((len(matrix), self.width), np.float32)
        with _threads(threads, len(matrix)):
            _contribute(self._checked(matrix), self._nodes, credited)
        return credited

    def _checked(self, matrix: Matrix) -> Matrix:
        assert matrix.shape[1:] == (self.width,), f"{matrix.shape} for {self.width} features"
        return np.ascontiguousarray(matrix, np.float32)

    @cached_property
    def _nodes(self) -> tuple[Any, ...]:
        return tuple(getattr(self, name) for name in _DTYPES)


@dataclass(frozen=True, eq=False)
class Bins:
    """Bins of each feature, at most 255, with about as many rows each.

    scikit-learn can bin by itself, but with sample weights that takes longer than the training, and it fails for a
    feature that is absent everywhere or infinite.

    Attributes:
        edges: For each feature the highest value of every bin except the last, float32, rising.
    """

    edges: tuple[NDArray[np.float32], ...]

    @classmethod
    def of(cls, matrix: Matrix) -> Bins:
        """Computes bins for the values of these rows."""
        return cls(tuple(_edges(matrix[:, column]) for column in range(matrix.shape[1])))

    def codes(self, matrix: Matrix) -> Matrix:
        """The bin of each value, from 0, float32; NaN where absent, but 0 if absent in all rows."""
        coded = np.empty(matrix.shape, np.float32)
        for column, edges in enumerate(self.edges):
            absent = np.isnan(matrix[:, column])
            codes = np.searchsorted(edges, matrix[:, column]).astype(np.float32)
            coded[:, column] = 0 if absent.all() else np.where(absent, np.float32(np.nan), codes)
        return coded

    def tops(self, features: NDArray[np.int32], between: NDArray[np.float32]) -> NDArray[np.float32]:
        """Converts thresholds between bin codes to feature values: the highest value below; infinity after the last."""
        starts = np.concatenate([[0], np.cumsum([len(edges) + 1 for edges in self.edges])])
        joined = np.concatenate([np.append(edges, np.float32(np.inf)) for edges in self.edges])
        last = np.diff(starts)[features] - 1
        place = np.clip(np.floor(between), 0, last).astype(np.int64)
        tops: NDArray[np.float32] = joined[starts[features] + place]
        return tops


_MOST_BINS = 255


def _edges(values: NDArray[np.float32]) -> NDArray[np.float32]:
    present = np.sort(values[~np.isnan(values)])
    distinct = np.unique(present)
    if len(distinct) > _MOST_BINS:
        cuts = np.arange(1, _MOST_BINS) * len(present) // _MOST_BINS
        distinct = np.unique(np.append(present[cuts], present[-1]))
    return distinct[:-1].astype(np.float32)


def _first_fault(trees: Trees) -> str:
    """Why the arrays are invalid; empty if every path ends at a leaf of its own tree."""
    nodes, starts, children = len(trees.values), trees.starts, trees.children
    if any(len(getattr(trees, name)) != nodes for name in _DTYPES if name != "starts"):
        return "their arrays are of different lengths"
    if len(starts) < 1 or starts[0] != 0 or starts[-1] != nodes or (np.diff(starts) < 1).any():
        return "the starts of the trees do not partition the nodes"
    ends = np.repeat(starts[1:], np.diff(starts))
    inner = children != 0
    # Children come after their parents, so no path can be circular.
    if (inner & ((children <= np.arange(nodes)) | (children + 1 >= ends))).any():
        return "a child is outside its tree or before its parent"
    if ((trees.features < 0) | (trees.features >= max(trees.width, 1))).any():
        return f"a feature number is not below {trees.width}"
    if not (np.isfinite(trees.values).all() and math.isfinite(trees.baseline)) or np.isnan(trees.thresholds).any():
        return "a value is not a number"
    return ""


def _flattened(nodes: NDArray[Any]) -> dict[str, NDArray[Any]]:
    """One of scikit-learn's trees, with nodes in breadth-first order, so that siblings are adjacent."""
    assert not nodes["is_categorical"].any(), "features are numbers"
    order, place = [0], 0
    children = np.zeros(len(nodes), np.int32)
    while place < len(order):
        node = nodes[order[place]]
        if not node["is_leaf"]:
            children[place] = len(order)
            order += [int(node["left"]), int(node["right"])]
        place += 1
    laid = nodes[order]
    leaf = laid["is_leaf"].astype(bool)
    return {
        "features": np.where(leaf, 0, laid["feature_idx"]).astype(np.int32),
        "thresholds": np.where(leaf, np.float32(0), _at_most(laid["num_threshold"])).astype(np.float32),
        "missing_left": np.where(leaf, False, laid["missing_go_to_left"]).astype(np.bool_),
        "children": children,
        "values": _means(laid, children),
    }


def _at_most(thresholds: Values) -> NDArray[np.float32]:
    """Rounds thresholds down to float32, which leaves comparisons with float32 values unchanged."""
    with np.errstate(over="ignore"):
        rounded = thresholds.astype(np.float32)
    down: NDArray[np.float32] = np.nextafter(rounded, np.float32(-np.inf))
    return np.where(rounded.astype(np.float64) > thresholds, down, rounded)


def _means(laid: NDArray[Any], children: NDArray[np.int32]) -> Values:
    """Values of leaves, and means over the training rows at inner nodes."""
    values: Values = laid["value"].astype(np.float64)
    counts = laid["count"].astype(np.float64)
    for node in np.flatnonzero(children)[::-1]:
        pair = slice(children[node], children[node] + 2)
        values[node] = np.average(values[pair], weights=counts[pair])
    return values


class _threads:
    """Sets numba's number of threads within a block, fewer for few rows."""

    def __init__(self, threads: int, rows: int) -> None:
        most = threads or numba.get_num_threads()
        self._wanted = max(1, min(most, int(getattr(numba.config, "NUMBA_NUM_THREADS", 1)), rows // _LEAST_ROWS))

    def __enter__(self) -> None:
        self._before = numba.get_num_threads()
        numba.set_num_threads(self._wanted)

    def __exit__(self, *_: object) -> None:
        numba.set_num_threads(self._before)


@numba.njit(cache=True, nogil=True, parallel=True, boundscheck=False)
def _predict(matrix: Matrix, nodes: tuple[Any, ...], sums: Values) -> None:
    """Adds the leaf values of all trees to `sums`, tree by tree, so that rounding equals scikit-learn's."""
    starts, features, thresholds, missing_left, children, values = nodes
    for block in numba.prange((len(matrix) + _ROWS - 1) // _ROWS):
        low, high = block * _ROWS, min((block + 1) * _ROWS, len(matrix))
        for tree in range(len(starts) - 1):
            root = starts[tree]
            for row in range(low, high):
                node = root
                while children[node] != 0:
                    value = matrix[row, features[node]]
                    left = value <= thresholds[node] or (missing_left[node] and value != value)
                    node = children[node] + (0 if left else 1)
                sums[row] += values[node]


@numba.njit(cache=True, nogil=True, parallel=True, boundscheck=False)
def _contribute(matrix: Matrix, nodes: tuple[Any, ...], credited: Matrix) -> None:
    """Credits each difference between nodes' means to the feature that was tested."""
    starts, features, thresholds, missing_left, children, values = nodes
    for block in numba.prange((len(matrix) + _ROWS - 1) // _ROWS):
        low, high = block * _ROWS, min((block + 1) * _ROWS, len(matrix))
        exact = np.zeros((high - low, matrix.shape[1]))
        for tree in range(len(starts) - 1):
            for row in range(low, high):
                node = starts[tree]
                while children[node] != 0:
                    asked = features[node]
                    value = matrix[row, asked]
                    left = value <= thresholds[node] or (missing_left[node] and value != value)
                    reached = children[node] + (0 if left else 1)
                    exact[row - low, asked] += values[reached] - values[node]
                    node = reached
        for row in range(low, high):
            for column in range(matrix.shape[1]):
                credited[row, column] = exact[row - low, column]

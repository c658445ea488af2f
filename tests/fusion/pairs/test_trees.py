"""Trees as arrays say just what scikit-learn's say, can say why, and are not walked when they were changed."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier

from candidates.errors import ModelMissing
from fusion.pairs.trees import Bins, Trees


def learned(seed=0, rows=600, width=5, **options):
    """A model of few trees on rows with absent and repeated values; and the rows."""
    random = np.random.default_rng(seed)
    matrix = random.normal(size=(rows, width)).astype(np.float32)
    matrix[:, 1] = np.round(matrix[:, 1])
    matrix[random.random((rows, width)) < 0.1] = np.nan
    finite = np.nan_to_num(matrix)
    right = finite[:, 0] * finite[:, 1] + finite[:, 2] + np.isnan(matrix[:, 3]) > 0.3
    settings = {"max_iter": 20, "min_samples_leaf": 3, "early_stopping": False, "random_state": seed} | options
    return HistGradientBoostingClassifier(**settings).fit(matrix, right), matrix


def nasty(trees, rows=500, seed=1):
    """Rows that stand on thresholds, a hair beside them, nowhere, and at either end."""
    random = np.random.default_rng(seed)
    at = trees.thresholds[(trees.children > 0) & np.isfinite(trees.thresholds)]
    around = np.concatenate([at, np.nextafter(at, np.float32(np.inf)), np.nextafter(at, np.float32(-np.inf))])
    ends = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 3e38, -3e38, 1e-45], np.float32)
    return random.choice(np.concatenate([around, ends]), (rows, trees.width)).astype(np.float32)


@pytest.mark.parametrize("seed", range(3))
def test_predictions_are_those_of_scikit_learn_to_the_last_bit(seed):
    model, matrix = learned(seed)
    trees = Trees.of(model)
    for rows in (matrix, nasty(trees)):
        assert (trees.predict(rows) == model.decision_function(rows)).all()


def test_a_node_seen_without_absent_values_sends_them_where_scikit_learn_does():
    random = np.random.default_rng(4)
    matrix = random.normal(size=(300, 2)).astype(np.float32)
    model = HistGradientBoostingClassifier(max_iter=5, early_stopping=False).fit(matrix, matrix[:, 0] > 0.5)
    absent = np.full((3, 2), np.nan, np.float32)
    assert (Trees.of(model).predict(absent) == model.decision_function(absent)).all()


def test_many_rows_on_several_threads_are_the_same_rows():
    model, matrix = learned()
    trees = Trees.of(model)
    many = np.tile(matrix, (10, 1))
    assert (trees.predict(many, threads=2) == np.tile(trees.predict(matrix, threads=1), 10)).all()
    assert (trees.contributions(many, threads=2) == np.tile(trees.contributions(matrix, threads=1), (10, 1))).all()


def walked(trees, row):
    """The prediction and the contributions of one row, by a plain walk."""
    total, credited = trees.baseline, np.zeros(trees.width)
    for root in trees.starts[:-1]:
        node = root
        while trees.children[node]:
            asked = trees.features[node]
            left = trees.missing_left[node] if np.isnan(row[asked]) else row[asked] <= trees.thresholds[node]
            reached = trees.children[node] + (0 if left else 1)
            credited[asked] += trees.values[reached] - trees.values[node]
            node = reached
        total += trees.values[node]
    return total, credited


def test_contributions_are_those_of_a_plain_walk_and_make_up_the_prediction():
    model, matrix = learned(2)
    trees = Trees.of(model)
    rows = np.concatenate([matrix[:30], nasty(trees, 30)])
    plain = [walked(trees, row) for row in rows]
    credited = trees.contributions(rows)
    np.testing.assert_allclose(trees.predict(rows), [total for total, _ in plain], atol=1e-12)
    np.testing.assert_allclose(credited, [one for _, one in plain], atol=1e-6)
    np.testing.assert_allclose(credited.sum(axis=1) + trees.bias, trees.predict(rows), atol=1e-5)


def test_the_bias_is_the_mean_prediction_of_the_rows_learned_from():
    model, matrix = learned(3)
    trees = Trees.of(model)
    assert trees.bias == pytest.approx(trees.predict(matrix).mean(), abs=1e-6)


def test_contributions_are_largest_for_the_feature_that_decides():
    random = np.random.default_rng(5)
    matrix = random.normal(size=(500, 3)).astype(np.float32)
    model = HistGradientBoostingClassifier(max_iter=20, early_stopping=False).fit(matrix, matrix[:, 2] > 0)
    assert np.argmax(np.abs(Trees.of(model).contributions(matrix)).mean(axis=0)) == 2


def test_the_first_trees_are_what_learning_had_come_to():
    model, matrix = learned()
    stages = list(model.staged_decision_function(matrix))
    trees = Trees.of(model)
    assert (trees.first(7).predict(matrix) == stages[6]).all()
    assert len(trees.first(99)) == len(trees) == 20
    assert (trees.first(0).predict(matrix) == trees.baseline).all()
    staged = trees.staged(matrix, 6)
    assert staged.shape == (len(matrix), 3)
    assert (staged == np.stack([stages[5], stages[11], stages[17]], axis=1)).all()


def test_a_tree_of_one_leaf_and_no_rows_at_all():
    model, matrix = learned(min_samples_leaf=10_000)
    trees = Trees.of(model)
    assert (trees.predict(matrix) == model.decision_function(matrix)).all()
    assert trees.predict(matrix[:0]).shape == (0,)
    assert trees.contributions(matrix[:0]).shape == (0, 5)


def test_arrays_make_the_same_trees_again():
    trees = Trees.of(learned()[0])
    again = Trees.from_arrays(trees.arrays(), trees.baseline, trees.width)
    rows = nasty(trees)
    assert (again.predict(rows) == trees.predict(rows)).all()


def changed(array, place, value):
    copied = array.copy()
    copied[place] = value
    return copied


def test_a_walk_that_would_leave_its_tree_or_turn_in_a_circle_is_refused():
    trees = Trees.of(learned()[0])
    inner = int(np.flatnonzero(trees.children)[1])
    broken = [
        {"children": changed(trees.children, inner, inner)},
        {"children": changed(trees.children, inner, -4)},
        {"children": changed(trees.children, inner, int(trees.starts[1]) - 1)},
        {"features": changed(trees.features, inner, trees.width)},
        {"features": changed(trees.features, inner, -1)},
        {"thresholds": changed(trees.thresholds, inner, np.nan)},
        {"values": changed(trees.values, 0, np.inf)},
        {"values": trees.values[:-1]},
        {"starts": changed(trees.starts, 1, trees.starts[2])},
        {"starts": trees.starts[:-1]},
        {"starts": trees.starts[:0]},
        {"baseline": float("nan")},
    ]
    for one in broken:
        with pytest.raises(ModelMissing, match="trees of the classifier are invalid"):
            replace(trees, **one)


def test_arrays_of_another_kind_are_refused_by_name():
    trees = Trees.of(learned()[0])
    arrays = trees.arrays()
    with pytest.raises(ModelMissing, match="thresholds"):
        Trees.from_arrays(arrays | {"thresholds": arrays["thresholds"].astype(np.float64)}, 0.0, 5)
    with pytest.raises(ModelMissing, match="children"):
        Trees.from_arrays({name: array for name, array in arrays.items() if name != "children"}, 0.0, 5)


def binned(seed=0, rows=3000):
    """Numbers of every kind, and what scikit-learn learned from their bins."""
    random = np.random.default_rng(seed)
    columns = [
        random.normal(size=rows),
        random.integers(0, 4, rows),
        np.where(random.random(rows) < 0.5, np.nan, random.random(rows)),
        np.full(rows, np.nan),
        np.full(rows, 3.0),
        random.choice([np.inf, -np.inf, 0.0, np.nan], rows),
        np.where(random.random(rows) < 0.9, 0.0, random.normal(size=rows)),
    ]
    matrix = np.stack(columns, axis=1).astype(np.float32)
    right = matrix[:, 0] + matrix[:, 1] + np.isnan(matrix[:, 2]) + (matrix[:, 5] > 0) + matrix[:, 6] > 1.5
    bins = Bins.of(matrix)
    model = HistGradientBoostingClassifier(max_iter=15, early_stopping=False, random_state=seed)
    return matrix, bins, model.fit(bins.codes(matrix), right, sample_weight=random.random(rows))


def test_trees_from_bins_ask_for_the_numbers_in_them():
    matrix, bins, model = binned()
    trees = Trees.of(model, bins)
    rows = np.concatenate([matrix, nasty(trees, 800).astype(np.float32)])
    assert (trees.predict(rows) == model.decision_function(bins.codes(rows))).all()
    assert len(np.unique(trees.features[trees.children > 0])) >= 5


def test_bins_are_few_hold_about_as_many_rows_and_keep_order():
    matrix, bins, _ = binned(1)
    codes = bins.codes(matrix)
    assert (np.isnan(codes[:, :3]) == np.isnan(matrix[:, :3])).all()
    assert (codes[:, 3] == 0).all()
    assert max(len(edges) for edges in bins.edges) < 255
    many = np.bincount(codes[:, 0].astype(int))
    assert len(many) == 255
    assert many.min() > 0.5 * many.mean()
    order = np.argsort(matrix[:, 0])
    assert (np.diff(codes[order, 0]) >= 0).all()
    assert len(bins.edges[3]) == len(bins.edges[4]) == 0
    assert bins.edges[1].tolist() == [0, 1, 2]

"""The score where nothing is known."""

import numpy as np
import pytest
from scipy.stats import norm

from candidates.errors import SchemaError
from fusion.pairs.unsupervised import COLUMNS, normal_scores, unsupervised_score


def test_normal_scores_by_hand():
    found = normal_scores(np.array([3.0, np.nan, -1.0, 3.0, 7.0]))
    # Ranks 2.5, –, 1, 2.5, 4 of four.
    np.testing.assert_allclose(found, [0, np.nan, norm.ppf(0.125), 0, norm.ppf(0.875)], atol=1e-12)


def test_the_score_is_the_weighted_mean_of_what_is_there():
    random = np.random.default_rng(0)
    names = ["image_corrected_sum", "price", "text_corrected_sum"]
    matrix = random.normal(size=(50, 3)).astype(np.float32)
    matrix[7, 0] = np.nan
    image, text = normal_scores(matrix[:, 0]), normal_scores(matrix[:, 2])
    expected = np.where(np.isnan(image), text, (2 * image + text) / 3)
    np.testing.assert_allclose(unsupervised_score(matrix, names), expected, rtol=1e-5, atol=1e-6)


def test_neither_units_nor_other_columns_matter():
    random = np.random.default_rng(1)
    matrix = random.normal(size=(80, len(COLUMNS))).astype(np.float32)
    plain = unsupervised_score(matrix, list(COLUMNS))
    stretched = np.concatenate([np.exp(matrix) * 100, random.normal(size=(80, 2)).astype(np.float32)], axis=1)
    assert (unsupervised_score(stretched, [*COLUMNS, "same_seller", "price_ratio"]) == plain).all()


def test_it_finds_what_every_column_hints_at():
    random = np.random.default_rng(2)
    right = random.random(2000) < 0.1
    matrix = (right[:, None] + random.normal(size=(2000, len(COLUMNS)))).astype(np.float32)
    matrix[random.random(matrix.shape) < 0.2] = np.nan
    score = unsupervised_score(matrix, list(COLUMNS))
    assert score[right].mean() > np.quantile(score[~right], 0.95)


def test_pairs_of_which_nothing_is_said_stand_in_the_middle():
    matrix = np.array([[1.0], [np.nan], [5.0]], np.float32)
    low, middle, high = unsupervised_score(matrix, ["image_corrected_sum"])
    assert low < middle == 0 < high
    assert unsupervised_score(matrix[:0], ["image_corrected_sum"]).shape == (0,)
    assert (unsupervised_score(np.full((3, 1), np.nan, np.float32), ["image_corrected_sum"]) == 0).all()


def test_a_table_without_any_of_the_columns_is_refused_by_name():
    with pytest.raises(SchemaError, match="image_corrected_sum"):
        unsupervised_score(np.zeros((2, 1), np.float32), ["price_ratio"])

"""Which errors are probably the labels': on a small run that learned a classifier, and on made-up titles."""

from types import SimpleNamespace

import numpy as np
import pyarrow.parquet as pq
import pytest

from analysis.label_noise import (
    KINDS,
    SAME_MODEL,
    Names,
    gathered,
    kinds_of,
    label_noise,
    suggested_errors,
    without_worst,
)
from candidates.qrels import NOT_A_VARIANT
from tests.analysis.held_made_up import held_of


def test_a_shared_file_is_one_photograph(held):
    images = pq.read_table(held.job.folder.images).to_pylist()
    files = {}
    for image in images:
        files.setdefault(image["product_row"], set()).add(image["digest"])
    places = np.arange(len(held.table))
    kinds = kinds_of(held, places)
    shared = [
        bool(files.get(one, set()) & files.get(other, set()))
        for one, other in zip(held.table.left.tolist(), held.table.right.tolist(), strict=True)
    ]
    assert ((kinds == 0) == np.array(shared)).all()
    assert set(np.unique(kinds)) <= set(range(len(KINDS)))


def test_known_variants_are_more_alike_than_pairs_of_two_groups(held):
    worst, others, variants = label_noise(held, 60)
    assert worst.pairs == others.pairs == 60
    for sample in (worst, others, variants):
        assert sum(sample.counts) == sample.pairs
        assert sample.same_model == sum(sample.counts[:SAME_MODEL])
    less = len(KINDS) - 1
    assert variants.counts[less] < others.counts[less]
    assert variants.same_model > others.same_model
    errors = suggested_errors(held)
    assert errors.pairs == int(((held.truth == NOT_A_VARIANT) & (held.probabilities >= held.threshold)).sum())


def names_of(titles, groups):
    held = held_of(groups, [(0, 1)], [0.5])
    held.job.catalogue = SimpleNamespace(column=lambda name: titles)
    return Names.of(held)


@pytest.mark.parametrize(
    ("titles", "shared"),
    [
        (["Apollo tights red", "Apollo tights blue", "Juno tights red"], True),
        (["Slim fit jeans", "Slim fit trousers", "Slim cut, loose fit"], True),  # "slim fit", two words on end
        (["slim jeans", "slim jeans", "jeans slim"], True),
        (["red tights", "red tights", "red tights"], False),
        (["Apollo tights", "tights Apolo", "tights"], False),
        (["", "", ""], False),
    ],
)
def test_two_groups_have_one_name_where_no_third_says_it(titles, shared):
    names = names_of(titles, [0, 1, 2])
    one, other = np.array([0], np.int32), np.array([1], np.int32)
    assert names.shared(one, other).tolist() == [shared]
    assert names.shared(other, one).tolist() == [shared]


def test_any_titles_of_two_groups_may_say_the_name():
    names = names_of(["plain", "Apollo tights", "other", "Apollo socks", "tights"], [0, 0, 1, 1, -1])
    found = names.shared(np.array([0, 0, 1], np.int32), np.array([2, 4, 3], np.int32))
    assert found.tolist() == [True, True, True]  # "tights" is said by the first group and by the last product alone.


def test_a_known_group_is_cut_in_two_between_the_products():
    names = names_of(["Apollo red", "Apollo blue", "Juno red"], [0, 0, 1])
    assert names.shared(np.array([0], np.int32), np.array([1], np.int32)).tolist() == [True]
    names = names_of(["Apollo red", "blue", "Juno red"], [0, 0, 1])
    assert names.shared(np.array([0], np.int32), np.array([1], np.int32)).tolist() == [False]


# Two groups of two that are joined by three errors, and one error between others.
GROUPS = [0, 0, 1, 1, 2, 2, 3]
PAIRS = [(0, 1), (0, 2), (0, 3), (1, 2), (2, 3), (4, 5), (4, 6)]
PROBABILITIES = [0.9, 0.95, 0.85, 0.8, 0.7, 0.6, 0.55]


@pytest.fixture
def joined():
    held = held_of(GROUPS, PAIRS, PROBABILITIES)
    held.__dict__["threshold"] = 0.5
    return held


def test_errors_gather_at_pairs_of_groups(joined):
    assert gathered(joined).tolist() == [3, 1]
    joined.__dict__["threshold"] = 0.83
    assert gathered(joined).tolist() == [2]


def test_leaving_out_the_worst_pairs_of_groups_leaves_their_variants_in(joined):
    none, one, two, more = without_worst(joined, (0, 1, 2, 9))
    assert [row.errors for row in (none, one, two, more)] == [0, 3, 4, 4]
    assert [row.groups for row in (none, one, two, more)] == [0, 1, 2, 2]
    assert none.recall_at[0.9] == 0
    assert one.recall_at[0.9] == 1  # All three known variants come before the error that is left.
    assert two.recall_at[0.99] == 1

"""The table of features as a whole: names, symmetry, blocks, nobody's groups, and what is refused."""

from dataclasses import replace

import numpy as np
import pytest

from candidates.axis import Axis
from candidates.catalogue import Catalogue
from candidates.collapse import Owners
from candidates.errors import AxisMismatch, SchemaError
from candidates.pairs import PairTable
from fusion.pairs import table
from fusion.pairs.feature import Feature
from fusion.pairs.feature_context import Looks, PairContext, Space
from fusion.pairs.table import FEATURES, features_of, with_features
from tests.fusion.pairs.feature_worlds import all_pairs, world

MADE = world(35, 11)


def every_pair(made_of):
    return PairTable.of(made_of.context.catalogue.axis, *all_pairs(made_of.n))


def test_every_feature_is_documented():
    assert len(FEATURES) > 60
    for name, one in FEATURES.items():
        assert one.name == name
        assert one.words
        assert one.speaks in ("for", "against", "neither")
        assert one.room in ("similarity", "ranks", "words", "attributes", "pictures")


def test_columns_without_a_meaning_of_nan_hold_none():
    made = with_features(MADE.context, every_pair(MADE))
    holding = {name for name, values in made.columns.items() if np.isnan(values).any()}
    assert not {name for name in holding if not FEATURES[name].missing}
    assert {"image_similarity", "description_letters", "price_ratio", "picture_colour"} <= holding


def test_left_and_right_may_be_swapped():
    left, right = all_pairs(MADE.n)
    np.testing.assert_array_equal(features_of(MADE.context, left, right), features_of(MADE.context, right, left))


def test_blocks_come_out_as_the_whole(monkeypatch):
    whole = with_features(MADE.context, every_pair(MADE)).matrix()
    monkeypatch.setattr(table, "_BLOCK", 50)
    np.testing.assert_array_equal(with_features(MADE.context, every_pair(MADE)).matrix(), whole)


@pytest.mark.parametrize("threads", [1, 3])
def test_threads_change_nothing(monkeypatch, threads):
    monkeypatch.setattr(table, "_BLOCK", 100)
    made = with_features(replace(MADE.context, threads=threads), every_pair(MADE))
    np.testing.assert_array_equal(made.matrix(), features_of(MADE.context, *all_pairs(MADE.n)))


def test_groups_are_not_read():
    swapped = [replace(one, group=f"other {number % 3}") for number, one in enumerate(MADE.products)]
    other = replace(MADE.context, catalogue=Catalogue.of(swapped))
    np.testing.assert_array_equal(features_of(other, *all_pairs(MADE.n)), features_of(MADE.context, *all_pairs(MADE.n)))


def test_other_lists_are_read_though_the_catalogue_is_the_same():
    other = world(35, 11, depth=5)
    changed = MADE.context.with_lists(other.context.spaces, other.context.fused)
    expected = features_of(replace(other.context, looks=MADE.context.looks), *all_pairs(35))
    np.testing.assert_array_equal(features_of(changed, *all_pairs(35)), expected)
    assert not np.array_equal(expected, features_of(MADE.context, *all_pairs(35)), equal_nan=True)


def test_no_pairs_and_no_products():
    nothing = np.zeros(0, np.int32)
    assert features_of(MADE.context, nothing, nothing).shape == (0, len(FEATURES))
    made = with_features(MADE.context, PairTable.of(MADE.context.catalogue.axis, nothing, nothing))
    assert len(made) == 0
    assert list(made.columns) == list(FEATURES)
    alone = world(1, 12)
    assert with_features(alone.context, every_pair(alone)).matrix().shape == (0, len(FEATURES))
    empty = world(0, 13)
    assert with_features(empty.context, every_pair(empty)).matrix().shape == (0, len(FEATURES))


def test_what_a_block_raises_is_raised(monkeypatch):
    def broken(block):
        raise ArithmeticError(f"{len(block)} pairs")

    one = Feature("broken", "words", "nothing", "neither", "", broken)
    monkeypatch.setattr(table, "FEATURES", {"broken": one})
    with pytest.raises(ArithmeticError, match="595 pairs"):
        with_features(MADE.context, every_pair(MADE))


def test_some_features_by_name():
    made = with_features(MADE.context, every_pair(MADE), ["fused_rank_best", "text_similarity"])
    assert list(made.columns) == ["fused_rank_best", "text_similarity"]
    whole = with_features(MADE.context, every_pair(MADE))
    np.testing.assert_array_equal(made.matrix(), whole.matrix(["fused_rank_best", "text_similarity"]))
    with pytest.raises(SchemaError, match="no feature horoscope"):
        with_features(MADE.context, every_pair(MADE), ["text_similarity", "horoscope"])


def test_pairs_of_other_products_are_refused():
    other = PairTable.of(Axis.of(["x", "y"]), np.array([0]), np.array([1]))
    with pytest.raises(AxisMismatch, match="pairs"):
        with_features(MADE.context, other)


def test_a_context_refuses_what_speaks_of_other_products():
    stranger = world(9, 14).context
    mine = MADE.context
    for change in (
        {"catalogue": stranger.catalogue},
        {"fused": stranger.fused},
        {"spaces": {"text": stranger.spaces["text"]}},
        {"looks": stranger.looks},
    ):
        with pytest.raises(AxisMismatch):
            replace(mine, **change)
    with pytest.raises(SchemaError, match="no space smell"):
        replace(mine, spaces={"smell": mine.spaces["text"]})


def test_a_space_refuses_vectors_for_other_rows():
    run = MADE.runs["text"]
    with pytest.raises(AxisMismatch, match="vectors"):
        Space.of(MADE.text[:-1], run)
    with pytest.raises(AxisMismatch, match="vectors"):
        Space.of(MADE.image, run, Owners(run.items, MADE.owners[:-1].astype(np.int32)))
    with pytest.raises(AxisMismatch):
        Space.of(MADE.image, run, Owners(Axis.of(["x"]), MADE.owners.astype(np.int32)))
    with pytest.raises(AxisMismatch):
        Space.of(MADE.text, run.take(np.arange(4)))
    with pytest.raises(AxisMismatch, match="descriptors"):
        Looks(MADE.looks[:-1], Owners(run.items, MADE.owners.astype(np.int32)))


def test_the_context_holds_vectors_at_length_one():
    lengths = np.linalg.norm(MADE.context.spaces["text"].values, axis=1)
    assert set(lengths.round(5)) == {0, 1}


def test_a_context_of_a_catalogue_alone_still_has_all_columns():
    made_of = world(8, 15, spaces=(), looks=False)
    assert isinstance(made_of.context, PairContext)
    made = with_features(made_of.context, every_pair(made_of))
    assert list(made.columns) == list(FEATURES)

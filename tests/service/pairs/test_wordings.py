import re

import pytest

from fusion.pairs.collective import NAMES
from fusion.pairs.table import FEATURES
from service.pairs.wordings import OTHER_CANDIDATES, WORDINGS


def test_every_feature_has_words_of_its_own_room():
    assert set(WORDINGS) == {*FEATURES, *NAMES}
    assert {WORDINGS[name].room for name in NAMES} == {OTHER_CANDIDATES}
    for name, one in WORDINGS.items():
        assert all((one.room, one.words_for, one.words_against)), name
        assert not re.search(r"\{(?!level\}|value\})|_", one.words_for + one.words_against), name


@pytest.mark.parametrize("name", [name for name, one in WORDINGS.items() if "{level}" in one.words_for])
def test_only_likeness_itself_is_called_nearly_the_same(name):
    likeness = re.compile("similarity|_letters|_words|_length|_prefix|_ratio|picture_")
    assert likeness.search(name)


def test_equal_length_is_not_called_equal_wording():
    assert WORDINGS["description_length"].words_for == "descriptions {level} in length"
    assert WORDINGS["title_kept_rarest"].words_for == "titles share a rare word"


@pytest.mark.parametrize(
    ("name", "equal", "unequal"),
    [
        ("colour_agrees", "same colour", "colours differ"),
        ("category_agrees", "same category", "categories differ"),
        ("age_group_agrees", "same age group", "age groups differ"),
        ("size_said", "same size", "sizes differ"),
        ("same_seller", "both from the same seller", "from two sellers"),
    ],
)
def test_what_agrees_or_differs_is_said_by_its_value(name, equal, unequal):
    one = WORDINGS[name]
    assert (one.words_for, one.words_against, one.cut) == (equal, unequal, 0.5)


def test_unlike_colours_are_said_to_be_unlike_on_either_side():
    assert WORDINGS["picture_palette"].words_for == WORDINGS["picture_palette"].words_against
    assert "{value}" in WORDINGS["picture_palette"].words_for

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from candidates.catalogue import Catalogue
from candidates.product import Product
from fusion.groups.varying import attribute_values
from fusion.pairs.reasons import (
    LEAST,
    Details,
    Levels,
    TitleWords,
    Wording,
    agreements,
    attribute_words,
    differences,
    reasons,
    strongest,
)
from fusion.pairs.relation import Identities, relations

NAMES = ("image_cosine", "image_rank", "colour_distance", "title_tfidf", "brand")
WORDINGS = {
    "image_cosine": Wording("picture shape", "pictures of {level} shape", "pictures of {level} shape"),
    "image_rank": ("picture shape", "each among the other's nearest pictures", "far down each other's picture lists"),
    "colour_distance": Wording("picture colour", "{level} colour", "{level} colour", falling=True),
    "title_tfidf": ("title words", "titles of {level} wording", "titles of {level} wording"),
    "brand": ("attributes", "same brand", "brands differ"),
}
EVEN = np.tile(np.linspace(0, 1, 101)[:, None], (1, len(NAMES)))


def spoken(contributions, values=(1.0, 1.0, 0.0, 1.0, 1.0), details=None):
    levels = Levels.of(EVEN, NAMES, WORDINGS)
    return reasons(np.array([contributions]), np.array([values]), NAMES, WORDINGS, levels, details)[0]


def test_features_of_a_room_make_one_reason():
    (first, second) = spoken((0.5, 1.5, 0, 0.75, 0))
    assert (first.room, first.words, first.weight) == ("picture shape", "each among the other's nearest pictures", 2.0)
    assert (second.room, second.words, second.weight) == ("title words", "titles of nearly the same wording", 0.75)


def test_the_speaker_pulls_in_the_direction_of_the_sum():
    (only,) = spoken((3.0, -4.0, 0, 0, 0))
    assert (only.words, only.weight) == ("far down each other's picture lists", -1.0)


def test_three_for_then_two_against_the_strongest_first():
    names = [f"f{n}" for n in range(8)]
    contributions = np.array([[1, 4, 2, 3, -1, -3, -2, 0.01]])
    levels = Levels.of(np.zeros((1, 8)), names, {})
    (found,) = reasons(contributions, np.zeros((1, 8)), names, {}, levels)
    assert [reason.weight for reason in found] == [4, 3, 2, -3, -2]


def test_what_hardly_moves_the_odds_is_no_reason():
    assert spoken((LEAST * 0.9, 0, 0, -LEAST * 0.9, 0)) == ()
    assert spoken((np.nan, np.nan, 0, 0, 0)) == ()


@pytest.mark.parametrize(
    ("value", "sign", "words"),
    [
        (0.99, 1, "pictures of nearly the same shape"),
        (0.8, 1, "pictures of similar shape"),
        (0.1, 1, "pictures of somewhat similar shape"),
        (0.8, -1, "pictures of only similar shape"),
        (0.1, -1, "pictures of different shape"),
        (np.nan, -1, "picture shape: nothing to compare"),
    ],
)
def test_levels_are_worded_by_quantiles(value, sign, words):
    (only,) = spoken((sign, 0, 0, 0, 0), (value, 1, 1, 1, 1))
    assert only.words == words


def test_a_distance_is_near_when_it_is_small():
    assert spoken((0, 0, 1, 0, 0), (1, 1, 0.01, 1, 1))[0].words == "nearly the same colour"
    assert spoken((0, 0, -1, 0, 0), (1, 1, 0.9, 1, 1))[0].words == "different colour"


def test_what_both_lack_does_not_speak_for_them():
    (only,) = spoken((3.0, 0, 0, 1.0, 0), (np.nan, 1, 1, 1, 1))
    assert only.room == "title words"
    (spoken_for,) = spoken((1.0, 2.0, 0, 0, 0), (np.nan, 1, 1, 1, 1))
    assert (spoken_for.words, spoken_for.weight) == ("each among the other's nearest pictures", 3.0)


@pytest.mark.parametrize(
    ("value", "sign", "words"),
    [(1, 1, "same size"), (1, -1, "same size"), (0, 1, "sizes differ"), (0, -1, "sizes differ")],
)
def test_with_a_cut_the_value_decides_what_is_said(value, sign, words):
    wordings = {"size": Wording("attributes", "same size", "sizes differ", cut=0.5)}
    levels = Levels.of(np.array([[0.0], [1.0]]), ("size",), wordings)
    ((only,),) = reasons(np.array([[float(sign)]]), np.array([[float(value)]]), ("size",), wordings, levels)
    assert (only.words, only.weight) == (words, sign)


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(("value", "words"), [(0.01, "colours nearly the same"), (0.9, "colours different")])
def test_a_level_of_the_value_does_not_ask_for_the_side(sign, value, words):
    wordings = {"distance": Wording("colour", "colours {value}", "colours {value}", falling=True)}
    levels = Levels.of(np.linspace(0, 1, 101)[:, None], ("distance",), wordings)
    ((only,),) = reasons(np.array([[float(sign)]]), np.array([[value]]), ("distance",), wordings, levels)
    assert only.words == words


def test_the_beginning_of_a_title_has_no_signs():
    titles = TitleWords(("=Maja tee, black <b> for you", "", "\u202e!"))
    assert [titles.beginning(row) for row in range(3)] == ["'Maja tee black b for'", "", ""]


def test_single_letters_are_not_quoted_and_texts_have_their_name():
    texts = TitleWords(("T shirt a", "a T shirt", "T a"), what="descriptions")
    assert texts.shared(0, 1) == "descriptions share 'shirt'"
    assert texts.shared(0, 2) == ""


def test_details_stand_in_place_of_the_wording():
    details = Details({"title words": ["titles share 'Maja tee'"]}, {"attributes": ["colours differ: black, navy"]})
    first, second = spoken((0, 0, 0, 1, -1), details=details)
    assert first.words == "titles share 'Maja tee'"
    assert second.words == "colours differ: black, navy"
    empty = Details({"title words": [""]}, {})
    assert spoken((0, 0, 0, 1, 0), details=empty)[0].words == "titles of nearly the same wording"


def test_a_score_without_a_classifier_has_reasons_as_well():
    terms = np.array([[0.4, 0.2, -0.1]], np.float32)
    names = ("image_cosine", "title_tfidf", "hub_penalty")
    levels = Levels.of(EVEN[:, :3], names, WORDINGS)
    (found,) = reasons(terms, np.array([[0.99, 0.99, 0.0]]), names, WORDINGS, levels)
    assert [reason.words for reason in found] == [
        "pictures of nearly the same shape",
        "titles of nearly the same wording",
        "hub penalty: different",
    ]


def test_no_pairs():
    levels = Levels.of(np.zeros((0, 5)), NAMES, WORDINGS)
    assert reasons(np.zeros((0, 5)), np.zeros((0, 5)), NAMES, WORDINGS, levels) == []


@given(st.integers(0, 10_000))
@settings(deadline=None, derandomize=True, max_examples=60)
def test_rooms_equal_the_slow_sums(seed):
    rng = np.random.default_rng(seed)
    contributions = rng.normal(0, 1, (4, 5)).astype(np.float32)
    found = strongest(contributions, NAMES, WORDINGS)
    for pair in range(4):
        sums = {}
        for name, value in zip(NAMES, contributions[pair].tolist(), strict=True):
            sums[WORDINGS[name][0]] = sums.get(WORDINGS[name][0], 0) + value
        assert dict(zip(found.rooms, found.weights[pair].tolist(), strict=True)) == pytest.approx(sums, abs=1e-5)
        best = sorted((room for room in sums if sums[room] >= LEAST), key=lambda room: -sums[room])[:3]
        worst = sorted((room for room in sums if sums[room] <= -LEAST), key=lambda room: sums[room])[:2]
        named = [found.rooms[room] if room >= 0 else None for room in found.chosen[pair].tolist()]
        assert named == [*best, *[None] * (3 - len(best)), *worst, *[None] * (2 - len(worst))]


def test_differences_and_agreements_name_the_values():
    catalogue = Catalogue.of(
        [
            Product(id="a", attributes={"color": "Black", "size": "S", "activity": "Run"}),
            Product(id="b", attributes={"color": "Navy", "size": "S", "activity": "Swim"}),
            Product(id="c", attributes={"activity": "Run"}),
        ]
    )
    told = attribute_values(catalogue)
    left, right = np.array([0, 0]), np.array([1, 2])
    found = relations(left, right, Identities.of(catalogue), told)
    assert [sorted(said) for said in differences(found, told, left, right)] == [["colours differ: black, navy"], []]
    assert agreements(found, told, left, right)[0] == ("same size: S",)


@pytest.mark.parametrize(
    ("left", "right", "words"),
    [
        ("Maja tee black", "navy MAJA Tee", "titles share 'Maja tee'"),
        ("Maja tee", "tee by Maja", "titles share 'Maja', 'tee'"),
        ("tee", "coat", ""),
        ("", "", ""),
        ("=cmd|' /C calc'!A0", "=cmd", "titles share 'cmd'"),
        ("<b>Maja</b>", "Maja\n<i>", "titles share 'Maja'"),
        ("\u202eMaja\u200f 🔴", "🔴 Maja", "titles share 'Maja'"),
        ("x" * 99, "X" * 99, f"titles share '{'x' * 30}…'"),
        ("tee tee", "tee tee", "titles share 'tee'"),
        ("aa bb cc dd ee", "aa bb cc dd ee", "titles share 'aa bb cc'"),
    ],
)
def test_shared_title_words(left, right, words):
    assert TitleWords([left, right]).shared(0, 1) == words


def test_the_rarest_shared_words_are_quoted_and_common_ones_never():
    titles = ["new Maja tee for women", "women new tee for Maja sale", *["new thing for women"] * 40]
    assert TitleWords(titles).shared(0, 1) == "titles share 'Maja', 'tee'"
    assert TitleWords(titles).shared(0, 5) == ""


def test_fillers_of_a_seller_and_words_of_attributes_are_not_quoted():
    titles = [f"Maja{n} tee navy deluxe" for n in range(22)] + [f"thing {n}" for n in range(600)]
    titles[1] = titles[0]
    sellers = np.array([0] * 22 + [1] * 600)
    assert TitleWords(titles).shared(0, 1) == "titles share 'Maja0', 'navy deluxe'"
    assert TitleWords(titles, sellers).shared(0, 1) == "titles share 'Maja0'"
    catalogue = Catalogue.of([Product(id="a", attributes={"color": "Navy Blue"})])
    words = attribute_words(attribute_values(catalogue))
    assert words == {"navy", "blue"}
    assert TitleWords(titles[:1] * 2, left_out=words).shared(0, 1) == "titles share 'Maja0 tee', 'deluxe'"

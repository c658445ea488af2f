"""Pairs guessed across sellers: right where sellers offer the same, none where they do not."""

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from candidates.axis import Axis
from candidates.catalogue import Catalogue
from candidates.exact import ExactIndex
from candidates.product import Product
from candidates.run import Run
from candidates.vectors import Vectors, normalised
from service.learning import guesses
from service.learning.guesses import guessed_pairs, pairs_of_equal_numbers
from service.learning.heads import learn_head, with_guesses

WIDTH, DEPTH = 24, 60


@dataclass(frozen=True, eq=False)
class Market:
    """A made-up marketplace: what is a variant of what, who offers it, and how it looks and reads."""

    truth: np.ndarray
    sellers: np.ndarray
    text: np.ndarray
    image: np.ndarray

    @property
    def groups(self):
        """The groups as sellers state them: numbers of (seller, group)."""
        return np.unique(self.truth * 100 + self.sellers, return_inverse=True)[1]

    def lists(self):
        return exact(self.text), exact(self.image)

    def guess(self, **options):
        return guessed_pairs(*self.lists(), self.groups, self.sellers, **options)

    def right(self, found):
        return float((self.truth[found.left] == self.truth[found.right]).mean())


def market(things=160, sellers=4, overlap=True, seed=0, noise=0.25, style=0.4):
    """Each thing twice with each of two sellers (with one, where sellers do not overlap).

    Variants differ widely in a few directions of either view; texts have their seller's style besides.
    """
    draw = np.random.default_rng(seed)
    first = draw.integers(0, sellers, things)
    second = (first + draw.integers(1, max(2, sellers), things)) % sellers if overlap else first
    truth = np.repeat(np.arange(things), 4)
    of = np.stack([first, first, second, second], axis=1).reshape(-1)
    styles = draw.standard_normal((sellers, WIDTH)) * style
    views = []
    for who in (styles[of], 0):
        kinds = draw.standard_normal((things, WIDTH))[truth]
        loud = np.where(np.arange(WIDTH) < 4, 1.5, noise)
        views.append((kinds + who + draw.standard_normal(kinds.shape) * loud).astype(np.float32))
    return Market(truth, of, *views)


def exact(values, depth=DEPTH):
    axis = Axis.of([f"p{row}" for row in range(len(values))])
    vectors = Vectors(axis, normalised(values), "made up")
    return ExactIndex(vectors).search(vectors, depth + 1).excluding(axis.rows).top(depth)


def recall(values, truth, asked, k=5):
    rows = normalised(values)
    scores = rows @ rows.T
    np.fill_diagonal(scores, -np.inf)
    found = np.argsort(-scores[asked], axis=1)[:, :k]
    return float(((truth[found] == truth[asked][:, None]).sum(axis=1) / 3).mean())


def learned(values, groups):
    return learn_head(values, groups, made_for="v", dimensions=12).projection.map_block(values)


# What is guessed.


def test_guesses_are_between_sellers_mostly_right_and_not_fewer_than_promised():
    made = market()
    for found in (made.guess().text, made.guess().image):
        assert len(found.left) >= guesses.FEWEST
        assert (made.sellers[found.left] != made.sellers[found.right]).all()
        assert made.right(found) >= found.precision - 0.05
        assert found.considered >= len(found.left)
        assert found.decoys > 0


def test_each_head_is_taught_by_the_other_view():
    """Pictures that say nothing: no pair is found by them, and what texts find has no witness."""
    made = market()
    blind = Market(made.truth, made.sellers, made.text, np.random.default_rng(5).standard_normal(made.image.shape))
    found = blind.guess()
    assert len(found.text.left) == 0
    assert len(market().guess().text.left) > 0


def test_guesses_help_heads_to_find_what_was_left_out_of_them():
    made = market(style=2.0)
    asked = np.flatnonzero(made.truth < 50)
    hidden = made.truth < 50
    known = np.where(hidden, -1, made.groups)
    text, image = (exact(learned(view, known)) for view in (made.text, made.image))
    found = guessed_pairs(text, image, known, made.sellers, leave_out=hidden)
    joined = with_guesses(known, found.text.left, found.text.right)
    alone, helped = (recall(learned(made.text, one), made.truth, asked) for one in (known, joined))
    assert helped > alone + 0.05


def test_where_sellers_offer_different_things_nothing_is_guessed():
    for seed in range(3):
        made = market(overlap=False, seed=seed)
        found = made.guess()
        assert (len(found.text.left), len(found.image.left)) == (0, 0)
        assert np.isnan(found.text.precision)
        # The pairs were there to be taken: the guard, not a lack of neighbours, left them.
        assert found.text.considered > 100


def test_without_the_guard_such_pairs_do_harm(monkeypatch):
    made = market(overlap=False, style=0.0)
    monkeypatch.setattr(guesses, "LEAST_BY_PICTURES", -np.inf)
    wrong = made.guess().text
    assert made.right(wrong) == 0
    joined = with_guesses(made.groups, wrong.left, wrong.right)
    asked = np.arange(len(made.truth))
    assert recall(learned(made.text, joined), made.truth, asked) < recall(
        learned(made.text, made.groups), made.truth, asked
    )


def test_one_seller_or_none_gives_no_guesses():
    made = market()
    for sellers in (np.zeros_like(made.sellers), np.full_like(made.sellers, -1)):
        found = guessed_pairs(*made.lists(), made.truth, sellers)
        assert (len(found.text.left), len(found.image.left), found.text.considered) == (0, 0, 0)
        assert found.text.as_json() == {
            "pairs": 0,
            "certain": 0,
            "considered": 0,
            "decoys": found.text.decoys,
            "precision": None,
        }


def test_nothing_is_guessed_about_what_is_left_out_nor_from_what_is_known_of_it():
    made = market()
    left_out = made.truth % 3 == 0
    found = made.guess(leave_out=left_out)
    for one in (found.text, found.image):
        assert len(one.left)
        assert not left_out[one.left].any()
        assert not left_out[one.right].any()
    lied = np.where(left_out, -1, made.groups)
    again = guessed_pairs(*made.lists(), lied, made.sellers, leave_out=left_out)
    for one, other in ((found.text, again.text), (found.image, again.image)):
        np.testing.assert_array_equal(one.left, other.left)
        np.testing.assert_array_equal(one.right, other.right)


def test_products_of_no_named_seller_are_in_no_pair():
    made = market()
    sellers = np.where(made.sellers == 0, -1, made.sellers)
    found = guessed_pairs(*made.lists(), made.groups, sellers)
    assert len(found.text.left)
    assert (sellers[found.text.left] >= 0).all()
    assert (sellers[found.text.right] >= 0).all()


def test_guesses_are_the_same_every_time():
    one, two = market().guess(), market().guess()
    np.testing.assert_array_equal(one.text.left, two.text.left)
    np.testing.assert_array_equal(one.image.right, two.image.right)


def test_a_seller_without_stated_groups_makes_guesses_fewer_never_worse():
    """His variants then count as decoys."""
    made = market()
    stated, unstated = (
        guessed_pairs(*made.lists(), groups, made.sellers).text
        for groups in (made.groups, np.full_like(made.groups, -1))
    )
    assert len(unstated.left) < len(stated.left)
    assert not len(unstated.left) or made.right(unstated) >= unstated.precision - 0.05


def test_no_joined_group_holds_two_groups_that_one_seller_keeps_apart():
    made = market(noise=0.8)
    found = made.guess().text
    joined = with_guesses(made.groups, found.left, found.right)
    keys = np.unique(np.stack([joined, made.sellers, made.groups]), axis=1)
    _, times = np.unique(keys[:2], axis=1, return_counts=True)
    assert times.max() == 1


# Pairs of equal numbers.


def catalogue(*products):
    return Catalogue.of(Product(id=f"p{row}", **values) for row, values in enumerate(products))


GTIN, OTHER_GTIN = "4006381333931", "73513537"


@pytest.mark.parametrize(
    ("one", "other", "paired"),
    [
        ({"gtin": GTIN}, {"gtin": GTIN}, True),
        ({"gtin": GTIN}, {"gtin": f"0{GTIN}"}, True),
        ({"gtin": GTIN}, {"gtin": OTHER_GTIN}, False),
        ({"gtin": "4006381333932"}, {"gtin": "4006381333932"}, False),
        ({"gtin": "00000000"}, {"gtin": "00000000"}, False),
        ({"gtin": ""}, {"gtin": ""}, False),
        ({"gtin": "n/a"}, {"gtin": "n/a"}, False),
        ({"gtin": "²" * 13}, {"gtin": "²" * 13}, False),
        ({"mpn": "X-1", "brand": "Acme"}, {"mpn": "x-1 ", "brand": "ACME"}, True),
        ({"mpn": "X-1", "brand": "Acme"}, {"mpn": "X-1", "brand": "Other"}, False),
        ({"mpn": "X-1"}, {"mpn": "X-1"}, False),
    ],
)
def test_equal_numbers_pair_two_sellers_products(one, other, paired):
    left, right = pairs_of_equal_numbers(catalogue(one, other), np.array([0, 1]))
    assert list(zip(left, right, strict=True)) == ([(0, 1)] if paired else [])


def test_a_number_that_one_seller_repeats_pairs_nothing():
    numbered = catalogue({"gtin": GTIN}, {"gtin": GTIN}, {"gtin": GTIN}, {"gtin": OTHER_GTIN}, {"gtin": OTHER_GTIN})
    left, right = pairs_of_equal_numbers(numbered, np.array([0, 0, 1, 0, 1]))
    assert list(zip(left, right, strict=True)) == [(3, 4)]
    assert not len(pairs_of_equal_numbers(numbered, np.full(5, -1))[0])


def test_pairs_that_are_certain_come_first_and_need_no_estimate():
    made = market(overlap=False)
    certain = np.array([0, 8]), np.array([4 * 50, 4 * 60])
    apart = made.sellers[certain[0]] != made.sellers[certain[1]]
    found = made.guess(certain=certain).image
    assert found.certain == len(found.left) == int((apart | (made.groups[certain[0]] == made.groups[certain[1]])).sum())
    left_out = np.zeros(len(made.truth), bool)
    left_out[0] = True
    assert 0 not in made.guess(certain=certain, leave_out=left_out).image.left


# Against plain references, on random and nasty input.


def random_case(seed, n=30, sellers=3, depth=8):
    draw = np.random.default_rng(seed)
    axis = Axis.of([f"p{row}" for row in range(n)])
    rows = np.stack([draw.permutation(np.setdiff1d(np.arange(n), [row]))[:depth] for row in range(n)])
    rows[draw.random(rows.shape) < 0.1] = -1
    scores = -np.sort(-draw.integers(0, 6, rows.shape).astype(np.float32), axis=1)
    known = guesses._Known(draw.integers(-1, 8, n), draw.integers(-1, sellers, n), draw.random(n) < 0.9)
    known.free[known.sellers < 0] = False
    return Run.from_matrix("made up", axis, axis, rows, scores), known


def plain_first(run, known, query, seller):
    for row, score in zip(*run.ranked(query), strict=True):
        kin = known.groups[query] >= 0 and known.groups[query] == known.groups[row]
        if known.free[row] and known.sellers[row] == seller and not kin:
            return int(row), float(score)
    return None, None


@settings(deadline=None, derandomize=True, max_examples=40)
@given(st.integers(0, 10_000))
def test_nearest_pairs_are_those_of_a_plain_walk(seed):
    run, known = random_case(seed)
    expected = set()
    for left in np.flatnonzero(known.free).tolist():
        for right in range(left + 1, len(known.groups)):
            if known.free[right]:
                there, one = plain_first(run, known, left, known.sellers[right])
                back, two = plain_first(run, known, right, known.sellers[left])
                if there == right and back == left:
                    expected.add((left, right, min(one, two)))
    found = guesses._nearest(run, known)
    assert set(zip(found.left.tolist(), found.right.tolist(), found.scores.tolist(), strict=True)) == expected


@settings(deadline=None, derandomize=True, max_examples=40)
@given(st.integers(0, 10_000))
def test_agreement_is_that_of_a_plain_walk(seed):
    run, known = random_case(seed, n=40, sellers=2, depth=25)
    draw = np.random.default_rng(seed)
    left, right = draw.integers(0, 40, (2, 20))

    def near(query, wanted):
        same = [
            int(row)
            for row in run.ranked(query)[0]
            if known.sellers[row] == known.sellers[wanted] and not known.variants(np.array([query]), np.array([row]))[0]
        ]
        return wanted in same[: guesses.AGREEING]

    found = guesses._agrees(guesses._Nearest(left, right, np.zeros(20)), run, known)
    expected = [near(one, other) and near(other, one) for one, other in zip(left.tolist(), right.tolist(), strict=True)]
    assert found.tolist() == expected


def test_lists_are_read_in_blocks(monkeypatch):
    whole = market().guess()
    monkeypatch.setattr(guesses, "_BLOCK", 7 * DEPTH)
    parts = market().guess()
    np.testing.assert_array_equal(whole.text.left, parts.text.left)
    np.testing.assert_array_equal(whole.image.left, parts.image.left)
    assert whole.text.precision == parts.text.precision


def test_an_empty_catalogue_has_no_pairs():
    axis = Axis.of([])
    empty = Run.from_matrix("none", axis, axis, np.zeros((0, 3), int), np.zeros((0, 3)))
    nothing = np.zeros(0, int)
    assert guessed_pairs(empty, empty, nothing, nothing).text.considered == 0
    assert not len(pairs_of_equal_numbers(catalogue(), nothing)[0])

import re
import time

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from image_retrieval import placeholders
from image_retrieval.placeholders import MOST_THINGS, Placeholder, Products, Thresholds, find_placeholders

KINDS = ["Parka", "Sandal", "Teapot", "Lamp", "Scarf", "Rug", "Wallet", "Kettle", "Skirt", "Mirror", "Vase", "Belt"]
PLACES = ["Oslo", "Quito", "Delhi", "Porto"]
NAMES = [f"{kind} {place} {kind}{place}" for place in PLACES for kind in KINDS]
"""Titles of different things."""
SIZES = ["XS", "S", "M", "L", "XL", "XXL", "XXXL", "34", "36", "38", "40/42", "128cm", "W32", "One Size"]


def products(rows):
    """Products from rows of (group, type, seller, title)."""
    groups, types, sellers, titles = zip(*rows, strict=True)
    return Products(*(np.array(column, np.int32) for column in (groups, types, sellers)), list(titles))


def one_picture(rows):
    """What is found where all these products share one picture."""
    return find_placeholders(np.full(len(rows), 7), np.arange(len(rows)), products(rows))


def is_placeholder(rows):
    return bool(one_picture(rows))


def groups(count, types, seller=0):
    """So many groups of one seller, in so many types (0: unknown)."""
    return [(n, n % types if types else -1, seller, "Shirt") for n in range(count)]


def untold(count, types):
    """So many different things of which no group is known."""
    return [(-1, n % types if types else -1, 0, NAMES[n]) for n in range(count)]


def test_coming_soon_across_many_products_is_a_placeholder():
    assert one_picture(untold(40, 6)) == (Placeholder(7, 40, 40, 6),)
    assert one_picture(groups(40, 6)) == (Placeholder(7, 40, 40, 6),)
    assert one_picture(untold(40, 0)) == (Placeholder(7, 40, 40, 0),)


@pytest.mark.parametrize("made", [groups, untold])
@pytest.mark.parametrize(("types", "needed"), [(2, 5), (5, 5), (0, 10), (1, 20)])
def test_both_sides_of_each_threshold(made, types, needed):
    assert not is_placeholder(made(needed - 1, types))
    assert is_placeholder(made(needed, types))


def test_thresholds_can_be_chosen():
    rows = groups(3, 2)
    found = find_placeholders(np.zeros(3, int), np.arange(3), products(rows), Thresholds(things=3))
    assert [one.things for one in found] == [3]


@pytest.mark.parametrize(
    "rows",
    [
        [(4, 1, 0, f"Shirt Oslo size {size}") for size in range(30)],
        [(4, size % 3, 0, "Shirt Oslo") for size in range(30)],
        [(-1, 1, 0, f"Shirt Oslo {size}") for size in SIZES],
        [(-1, -1, 0, f"Cotton shirt Oslo, {size}") for size in range(30)],
        [(-1, n % 2, 0, f"Cotton shirt Oslo {colour}") for n, colour in enumerate(KINDS)],
        [(9, 1, 0, f"Shirt {colour}") for colour in KINDS],
        [(n, n, 0, title) for n, title in enumerate(["Look: shirt", "Look: jeans", "Look: boots"])],
        [(n, n % 2, 0, NAMES[n % 4]) for n in (0, 1, 2, 3)] * 10,
        [(n, n % 2, n, "Cast iron teapot, black") for n in range(25)],
        [(-1, n % 2, n, "Cast iron teapot, black") for n in range(25)],
        [(-1, n % 2, 0, "") for n in range(25)],
    ],
    ids=[
        "30 sizes of one group",
        "one group in three types",
        "sizes without groups",
        "numbers without groups",
        "colours without groups",
        "12 colours of one group",
        "a look-book's picture",
        "four groups, ten products each",
        "the maker's picture at 25 sellers",
        "the maker's picture at 25 sellers without groups",
        "no titles at all",
    ],
)
def test_what_rightly_shares_a_picture_is_none(rows):
    assert not is_placeholder(rows)


def test_equal_numbers_of_two_sellers_are_two_groups():
    rows = [(0, n % 2, n, NAMES[n]) for n in range(5)]
    assert is_placeholder(rows)
    assert not is_placeholder([(group, kind, 0, title) for group, kind, _, title in rows])


def test_groups_and_titles_count_together():
    rows = [(n, n, 0, NAMES[n]) for n in range(3)] + [(-1, 3, 0, NAMES[n]) for n in (3, 4)]
    assert is_placeholder(rows)
    assert not is_placeholder([*rows[:-1], (-1, 3, 0, NAMES[0] + " XL")])


def test_a_few_products_without_a_type_do_not_make_types_unknown():
    assert not is_placeholder([(n, 0 if n < 6 else -1, 0, NAMES[n]) for n in range(12)])
    assert is_placeholder([(n, 0 if n < 5 else -1, 0, NAMES[n]) for n in range(12)])


def test_a_picture_that_a_product_names_twice_counts_once():
    rows = products(untold(9, 0))
    assert not find_placeholders(np.zeros(18, int), np.tile(np.arange(9), 2), rows)


def test_pictures_are_told_apart_whatever_their_numbers():
    rows = products(untold(40, 6) + groups(30, 1) + untold(3, 3))
    contents = np.array([2**60] * 40 + [-3] * 30 + [5] * 3)
    found = find_placeholders(contents, np.arange(73), rows)
    assert found == (Placeholder(-3, 30, 30, 1), Placeholder(2**60, 40, 40, 6))
    order = np.random.default_rng(1).permutation(73)
    assert find_placeholders(contents[order], np.arange(73)[order], rows) == found


def test_no_pictures_no_placeholders():
    none = np.zeros(0, np.int64)
    assert find_placeholders(none, none, products(groups(3, 1))) == ()
    assert find_placeholders(np.arange(3), np.arange(3), products(groups(3, 1))) == ()


def test_the_evidence_is_said_in_words():
    assert Placeholder(1, 1200, 38, 6).evidence == ("used by 1,200 products of 38 different models in 6 product types")
    assert Placeholder(1, 900, MOST_THINGS, 1).evidence == "used by 900 products of 100 or more different models"


# The same slowly ---------------------------------------------------------------------------------------------------


def slowly(contents, product_rows, about, thresholds):
    """The rule as it is told, a picture at a time."""
    found = []
    for content in sorted(set(contents.tolist())):
        rows = sorted({int(row) for row, own in zip(product_rows, contents, strict=True) if own == content})
        types = [int(about.types[row]) for row in rows if about.types[row] >= 0]
        needed = thresholds.one_type if 2 * len(types) >= len(rows) else thresholds.untyped
        needed = thresholds.things if len(set(types)) > 1 else needed
        said, of_seller, first_words = set(), {}, []
        for row in rows:
            key = (int(about.sellers[row]), int(about.groups[row]))
            if key[1] >= 0:
                if key in said:
                    continue
                said.add(key)
                of_seller.setdefault(key[0], set()).add(key[1])
            words = re.findall(r"\w+", about.titles[row].casefold())
            words = {word for word in words if not re.search(r"\d", word) and word not in ("xl", "m")} or set(words)
            if not any(words == first or 2 * len(words & first) >= len(words | first) for first in first_words):
                first_words.append(words)
        things = max(len(first_words), *(len(own) for own in of_seller.values()), 0)
        if things >= needed:
            found.append(Placeholder(content, len(rows), things, len(set(types))))
    return tuple(found)


WORDS = ["red", "shirt", "teapot", "xl", "m", "12", "lamp", "rug", "oslo", ""]
product = st.tuples(
    st.integers(-1, 6),
    st.integers(-1, 2),
    st.integers(-1, 1),
    st.lists(st.sampled_from(WORDS), max_size=3).map(" ".join),
)


@settings(deadline=None, derandomize=True, max_examples=150)
@given(st.lists(product, min_size=1, max_size=40), st.data())
@example([(0, 0, 0, "")] * 30, None)
def test_the_fast_count_is_the_slow_one(rows, data):
    about = products(rows)
    if data is None:
        contents, own = np.zeros(30, int), np.arange(30)
    else:
        size = data.draw(st.integers(0, 80))
        number = st.lists(st.integers(0, 2), min_size=size, max_size=size)
        contents = np.array(data.draw(number), np.int64) * 1000 - 5
        row = st.lists(st.integers(0, len(rows) - 1), min_size=size, max_size=size)
        own = np.array(data.draw(row), np.int64)
    for thresholds in (Thresholds(), Thresholds(3, 4, 6)):
        assert find_placeholders(contents, own, about, thresholds) == slowly(contents, own, about, thresholds)


@pytest.mark.parametrize("seed", range(3))
def test_the_fast_count_is_the_slow_one_on_many_pictures(seed):
    draw = np.random.default_rng(seed)
    rows = 400
    about = Products(
        *(draw.integers(-1, most, rows).astype(np.int32) for most in (30, 4, 3)),
        [" ".join(draw.choice(WORDS, 3)) for _ in range(rows)],
    )
    contents, own = draw.integers(0, 300, 1500), draw.integers(0, rows, 1500)
    found = find_placeholders(contents, own, about)
    assert found == slowly(contents, own, about, Thresholds())
    assert 5 < len(found) < 250


def test_counting_stops_where_more_would_say_nothing(monkeypatch):
    compared = []
    alike = placeholders._alike
    monkeypatch.setattr(placeholders, "_alike", lambda left, right: compared.append(1) or alike(left, right))
    titles = [f"{chr(97 + n % 26)}{chr(97 + n // 26 % 26)}x{chr(97 + n // 676)}" for n in range(5000)]
    rows = [(-1, n % 9, 0, title) for n, title in enumerate(titles)]
    assert one_picture(rows) == (Placeholder(7, 5000, MOST_THINGS, 9),)
    assert len(compared) <= MOST_THINGS**2


def test_a_hundred_thousand_pictures_of_sizes_take_seconds_at_most():
    sizes, things = 5, 20_000
    contents = np.repeat(np.arange(things), sizes)
    numbers = np.tile(np.arange(sizes), things)
    about = Products(
        np.full(sizes * things, -1, np.int32),
        (numbers % 2).astype(np.int32),
        np.zeros(sizes * things, np.int32),
        [f"Cotton shirt number {content} size {size}" for content, size in zip(contents, numbers, strict=True)],
    )
    start = time.perf_counter()
    assert find_placeholders(contents, np.arange(len(contents)), about) == ()
    assert time.perf_counter() - start < 10

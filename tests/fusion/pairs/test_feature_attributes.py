"""Columns that agree, differ or are absent, category paths and prices, against loops over the products."""

import math
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fusion.pairs.feature_attributes import amount_of, item_number, levels, part_number
from fusion.pairs.table import features_of
from tests.fusion.pairs.feature_worlds import all_pairs, world

WORLDS = [world(40, 1), world(30, 2, threads=3), world(1, 3)]


def column(made_of, name):
    return features_of(made_of.context, *all_pairs(made_of.n), [name])[:, 0]


def pairwise(made_of, of):
    return np.array(
        [of(made_of.products[a], made_of.products[b]) for a, b in zip(*all_pairs(made_of.n), strict=True)], float
    )


def squeezed(value):
    return " ".join(value.lower().split())


def digits(value):
    number = int(re.sub(r"\D", "", value) or 0)
    return str(number) if 0 < number < 10**14 else ""


READ = {
    "brand": lambda one: squeezed(one.brand),
    "category": lambda one: squeezed(one.product_type),
    "gtin": lambda one: digits(one.gtin),
    "mpn": lambda one: re.sub(r"[^a-z0-9]", "", one.mpn.lower()),
    "colour": lambda one: squeezed(one.attributes.get("color", "")),
    "size": lambda one: squeezed(one.attributes.get("size", "")),
    "pattern": lambda one: squeezed(one.attributes.get("pattern", "")),
    "material": lambda one: squeezed(one.attributes.get("material", "")),
    "gender": lambda one: squeezed(one.attributes.get("gender", "")),
    "age_group": lambda one: squeezed(one.attributes.get("age_group", "")),
}


@pytest.mark.parametrize("made_of", WORLDS)
@pytest.mark.parametrize("name", READ)
def test_a_column_agrees_differs_or_is_absent(made_of, name):
    read = READ[name]
    expected = pairwise(made_of, lambda a, b: float(read(a) == read(b)) if read(a) and read(b) else np.nan)
    np.testing.assert_array_equal(column(made_of, f"{name}_agrees"), expected.astype(np.float32))


@pytest.mark.parametrize("made_of", WORLDS)
def test_counts_over_all_attributes(made_of):
    def own(one):
        return {name: squeezed(value) for name, value in one.attributes.items() if value.strip()}

    def both(a, b):
        return own(a).keys() & own(b).keys()

    expected = {
        "agreeing": pairwise(made_of, lambda a, b: sum(own(a)[name] == own(b)[name] for name in both(a, b))),
        "differing": pairwise(made_of, lambda a, b: sum(own(a)[name] != own(b)[name] for name in both(a, b))),
        "one_sided": pairwise(made_of, lambda a, b: len(own(a).keys() ^ own(b).keys())),
    }
    for kind, values in expected.items():
        np.testing.assert_array_equal(column(made_of, f"attributes_{kind}"), values, err_msg=kind)


@pytest.mark.parametrize("made_of", WORLDS)
def test_categories(made_of):
    def path(one):
        return [squeezed(level) for level in one.product_type.split(">") if level.strip()]

    def prefix(a, b):
        one, other = path(a), path(b)
        if not one or not other:
            return np.nan
        same = 0
        while same < min(len(one), len(other)) and one[same] == other[same]:
            same += 1
        return same / max(len(one), len(other))

    def words(a, b):
        one, other = (set(re.findall(r"\w+", each.product_type.lower())) for each in (a, b))
        return len(one & other) / len(one | other) if one and other else np.nan

    np.testing.assert_allclose(column(made_of, "category_prefix"), pairwise(made_of, prefix), rtol=1e-6)
    np.testing.assert_allclose(column(made_of, "category_words"), pairwise(made_of, words), rtol=1e-6)


@pytest.mark.parametrize("made_of", WORLDS)
def test_prices_and_sellers(made_of):
    amounts = {"12.99 EUR": 12.99, "EUR 9,50": 9.5, "1.299,00 EUR": 1299, "1,299.00 USD": 1299, "7 EUR": 7}

    def ratio(a, b):
        if a.price not in amounts or b.price not in amounts or ("USD" in a.price) != ("USD" in b.price):
            return np.nan
        return abs(math.log(amounts[a.price] / amounts[b.price]))

    np.testing.assert_allclose(column(made_of, "price_ratio"), pairwise(made_of, ratio), rtol=1e-6, atol=1e-7)
    np.testing.assert_array_equal(column(made_of, "same_seller"), pairwise(made_of, lambda a, b: a.seller == b.seller))


@pytest.mark.parametrize(
    ("price", "amount", "currency"),
    [
        ("12.99 EUR", 12.99, "eur"),
        ("EUR 12,99", 12.99, "eur"),
        ("€1.299", 1299, "€"),
        ("1.299,50 EUR", 1299.5, "eur"),
        ("1,299.5 USD", 1299.5, "usd"),
        ("1 299 kr", 1299, "kr"),
        ("CHF 1'299.00", 1299, "chf"),
        ("0.999 BHD", 0.999, "bhd"),
        ("12", 12, ""),
        ("12.", 12, ""),
        ("EUR 5,-", 5, "eur"),
        ("10 20 EUR", 0, ""),
        ("9" * 400, 0, ""),
        ("", 0, ""),
        ("free", 0, ""),
        ("10 - 20 EUR", 0, ""),
        ("0 EUR", 0, "eur"),
        ("NaN EUR", 0, ""),
    ],
)
def test_amounts(price, amount, currency):
    assert amount_of(price) == (pytest.approx(amount), currency)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.text(alphabet="0123456789.,' \u00a0\u0665²EUR€-+e", max_size=12))
def test_no_price_stumbles(price):
    amount, _ = amount_of(price)
    assert 0 <= amount < math.inf


def test_numbers_of_items_and_parts():
    assert item_number("4006381333931") == item_number("04006381333931") == item_number("4006-3813 33931")
    assert item_number("000") == item_number("") == item_number("abc") == item_number("1" * 15) == ""
    assert part_number("AB-12/x") == "ab12x"
    assert part_number(" -- ") == ""


def test_levels_of_a_path_carry_what_is_above_them():
    assert levels("Clothes > Tops / Tees") == ["clothes", "clothes > tops", "clothes > tops > tees"]
    assert levels(" > ") == levels("") == []

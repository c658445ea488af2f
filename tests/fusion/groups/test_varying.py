from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from candidates.catalogue import Catalogue
from candidates.product import Product
from fusion.groups.varying import (
    PICTURE_COLOUR,
    Varying,
    attribute_values,
    far_apart,
    in_sentence,
    natural_order,
    sentence,
    what_varies,
)

RNG = np.random.default_rng(3)


def catalogue_of(*rows):
    return Catalogue.of(Product(id=f"p{number}", **row) for number, row in enumerate(rows))


def said(rows, groups, lab=None):
    """The sentences by group."""
    found = what_varies(catalogue_of(*rows), np.array(groups, np.int32), lab)
    return {group: sentence(varying) for group, varying in found.items()}


def teaching(seller="A"):
    """Products outside of all groups whose titles and columns teach three colours."""
    return [
        {"title": f"{colour.lower()} hat", "attributes": {"color": colour}, "seller": seller}
        for colour in ("Black", "Navy", "Red")
        for _ in range(10)
    ]


def test_columns_say_what_varies():
    rows = [
        {"attributes": {"color": colour, "size": size, "material": "Wool"}}
        for colour in ("Navy", "Black")
        for size in ("L", "S", "XL", "M")
    ]
    assert said(rows, [7] * 8) == {7: "colour: black, navy; size: S–XL"}


def test_groups_of_one_products_of_none_and_what_agrees_are_not_named():
    rows = [{"attributes": {"color": colour}} for colour in ("Red", "Black", "White", "white", "Blue")]
    assert said(rows, [0, -1, 1, 1, -1]) == {}
    assert said([], []) == {}


def test_words_stand_in_for_a_missing_column():
    rows = [*teaching(), {"title": "Coat navy", "seller": "A"}, {"attributes": {"color": "Red"}, "seller": "A"}]
    groups = [-1] * 30 + [0, 0]
    (varying,) = what_varies(catalogue_of(*rows), np.array(groups, np.int32))[0]
    assert (varying.attribute, varying.values, varying.sources) == ("color", ("Navy", "Red"), ("words", "column"))
    assert 0.9 < varying.confidence < 1
    assert varying.known == 1


def test_words_that_all_members_share_are_not_the_difference():
    titles = ("Black Label coat navy", "Black Label coat red", "Black Label coat")
    rows = [*teaching(), *({"title": title, "seller": "A"} for title in titles)]
    assert said(rows, [-1] * 30 + [0, 0, 0]) == {0: "colour: navy, red (1 not known)"}


def test_a_seller_or_a_filler_word_is_never_named():
    """`Red` is half of B's name and ends all of B's titles; `Navy` stands in all titles of C."""
    own = [{"title": f"thing {n} red", "seller": "Red Store"} for n in range(25)]
    filler = [{"title": f"navy edition thing {n}", "seller": "C"} for n in range(25)]
    rows = [*teaching(), *own, *filler]
    groups = [-1] * 30 + [*range(25)] + [*range(25)]
    assert said(rows, groups) == {}


def test_words_outside_all_vocabularies_are_never_named():
    rows = [*teaching(), {"title": "Coat premium <b>", "seller": "A"}, {"title": "Coat deluxe", "seller": "B"}]
    assert said(rows, [-1] * 30 + [0, 0]) == {}


def test_quantities_vary_unless_they_part_products_just_as_sellers_do():
    three = [{"title": f"Soap {size} ml", "seller": seller} for size, seller in ((50, "A"), (100, "A"), (50, "B"))]
    assert said(three, [0, 0, 0]) == {0: "volume: 50 ml, 100 ml"}
    assert said(three[1:], [0, 0]) == {}
    assert said(three[:2], [0, 0]) == {0: "volume: 50 ml, 100 ml"}


def test_values_of_sellers_with_own_words_are_compared_within_a_seller():
    rows = [{"attributes": {"color": f"{seller}{n % 3}"}, "seller": seller} for seller in "ab" for n in range(20)]
    groups = np.full(40, -1)
    groups[[0, 20]] = 0
    groups[[1, 2, 21]] = 1
    assert said(rows, groups) == {1: "colour: a1, a2, b1"}


def pictures():
    """Products of three colours far apart in CIELAB, with their columns."""
    centres = {"Black": (10, 0, 0), "Red": (45, 60, 40), "White": (95, 0, 0)}
    rows = [{"attributes": {"color": colour}} for colour in centres for _ in range(40)]
    lab = np.concatenate([RNG.normal(centre, 3, (40, 3)) for centre in centres.values()])
    return rows, lab


def test_pictures_name_colours_by_the_neighbours_with_a_column():
    rows, lab = pictures()
    lab = np.concatenate([lab, [(11, 0, 0), (44, 61, 41), (np.nan,) * 3]])
    groups = np.array([-1] * 120 + [0] * 3, np.int32)
    (varying,) = what_varies(catalogue_of(*rows, {}, {}, {}), groups, lab)[0]
    assert (varying.values, varying.sources) == (("Black", "Red"), ("picture", "picture"))
    assert varying.known == pytest.approx(2 / 3, abs=0.01)
    assert varying.confidence > 0.8


def test_pictures_do_not_name_a_colour_between_two():
    rows, lab = pictures()
    mixed = [*rows, *({"attributes": {"color": colour}} for colour in ("Red", "White", "Black") * 20)]
    between = RNG.normal((70, -60, 60), 2, (62, 3))
    groups = np.array([-1] * 180 + [0, 0], np.int32)
    told = attribute_values(catalogue_of(*mixed, {}, {}), groups, np.concatenate([lab, between]))[0]
    assert told.codes[180:].tolist() == [-1, -1]


def test_the_own_group_does_not_name_a_products_colour():
    rows = [{"attributes": {"color": "Red"}} for _ in range(60)] + [{}]
    lab = np.tile((50.0, 0, 0), (61, 1))
    told = attribute_values(catalogue_of(*rows), np.zeros(61, np.int32), lab)[0]
    assert told.codes[60] == -1


def test_without_any_column_pictures_are_said_to_differ_without_a_name():
    lab = np.array([(10.0, 0, 0), (90, 0, 0), (50, 0, 0), (52, 0, 0), (10, 0, 0), (np.nan,) * 3])
    found = what_varies(catalogue_of(*[{}] * 6), np.array([0, 0, 1, 1, 2, 2], np.int32), lab)
    assert found == {0: (Varying(PICTURE_COLOUR, (), ("picture",), 0.9, 1.0),)}
    assert sentence(found[0]) == "picture colour differs"


def test_pictures_far_apart_differ_beyond_doubt():
    one = np.array([(10.0, 0, 0), (50, 0, 0), (50, 0, 0), (np.nan,) * 3], np.float32)
    other = np.array([(90.0, 0, 0), (52, 5, 0), (50, 0, -40), (10, 0, 0)], np.float32)
    assert far_apart(one, other).tolist() == [True, False, True, False]


def test_pictures_do_not_gainsay_columns():
    rows = [{"attributes": {"color": "Black"}}] * 2
    assert said(rows, [0, 0], np.array([(10.0, 0, 0), (90, 0, 0)])) == {}


def test_hostile_texts_are_harmless():
    titles = ("=cmd|' /C calc'!A0", "<script>alert(1)</script>", "a\nb\tc", "🔴👩‍👩‍👧", "\u202eevil\u200f", "", "-1+1")
    rows = [{"title": title, "description": title, "attributes": {"color": title}} for title in titles]
    (varying,) = what_varies(catalogue_of(*rows), np.zeros(len(rows), np.int32))[0]
    assert all(value.isprintable() and value for value in varying.values)
    assert "\n" not in varying.sentence


def test_members_whose_value_is_not_known_are_counted():
    rows = [{"attributes": {"color": colour}} for colour in ("Black", "White")] + [{"title": "a hat"}] * 2
    assert said(rows, [0] * 4) == {0: "colour: black, white (2 not known)"}
    assert said(rows, [0, 0, 1, 1]) == {0: "colour: black, white"}


def test_long_lists_are_cut():
    many = Varying("color", tuple("abcdefghij"), ("column",) * 10, 1.0, 1.0)
    assert many.sentence == "colour: a, b, c, d, e, f, g, h and 2 more"


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        (["M", "S", "XL", "L"], "S–XL"),
        (["2XL", "XXS", "XL", "L"], "XXS, L–2XL"),
        (["M", "S"], "S, M"),
        (["38", "36", "40", "XS"], "XS, 36–40"),
        (["1", "3", "5"], "1, 3, 5"),
        (["9", "10", "8"], "8–10"),
        (["10", "9"], "9, 10"),
        (["44", "36", "38"], "36, 38, 44"),
        (["1 l", "250 ml", "500 ml"], "250 ml, 500 ml, 1 l"),
        (["1-2 years", "6-9 months", "0-3 months"], "0-3 months, 6-9 months, 1-2 years"),
        (["M/L", "S/M", "One size"], "S/M, M/L, One size"),
        (["", "0"], "0, "),
    ],
)
def test_sizes_stand_in_their_natural_order(values, shown):
    ordered = tuple(sorted(values, key=natural_order))
    assert Varying("size", ordered, ("column",) * len(values), 1.0, 1.0).sentence == f"size: {shown}"


@given(st.lists(st.text(max_size=8), max_size=6))
@settings(deadline=None, derandomize=True, max_examples=200)
def test_any_value_has_a_place(values):
    ordered = sorted(values, key=natural_order)
    backwards = values[::-1]
    turned = sorted(backwards, key=natural_order)
    assert [*map(natural_order, ordered)] == [*map(natural_order, turned)]
    assert Varying("size", tuple(ordered), ("column",) * len(values), 1.0, 1.0).sentence


def test_spoken_values():
    assert [*map(in_sentence, ("Dark Blue", "NATO", "Application/3D", "iPhone", "Éclair"))] == [
        "dark blue",
        "NATO",
        "application/3D",
        "iPhone",
        "éclair",
    ]


def plainly(rows, groups):
    """The slow truth for columns alone: which attributes have two values in a group, and which values."""
    found = {}
    for group in sorted({group for group in groups if group >= 0}):
        members = [row for row, own in zip(rows, groups, strict=True) if own == group]
        for name in ("color", "size"):
            values = {member["attributes"].get(name, "").casefold() for member in members} - {""}
            if any(
                one["attributes"].get(name)
                and other["attributes"].get(name)
                and one["attributes"][name].casefold() != other["attributes"][name].casefold()
                for one, other in combinations(members, 2)
            ):
                found.setdefault(group, {})[name] = values
    return found


def test_columns_agree_with_the_slow_truth():
    colours, sizes = ("Teal", "teal", "Rust", ""), ("S", "M", "10", "")
    for seed in range(20):
        rng = np.random.default_rng(seed)
        rows = [{"attributes": {"color": rng.choice(colours), "size": rng.choice(sizes)}} for _ in range(40)]
        groups = rng.integers(-1, 12, 40).astype(np.int32)
        found = what_varies(catalogue_of(*rows), groups)
        shown = {g: {one.attribute: {v.casefold() for v in one.values} for one in all_} for g, all_ in found.items()}
        assert shown == plainly(rows, groups.tolist())


def test_the_order_of_the_feed_decides_nothing():
    rows = [*teaching(), *({"title": f"Coat {c}", "seller": "A"} for c in ("navy", "red", "black", "navy"))]
    groups = np.array([-1] * 30 + [0, 0, 1, 1], np.int32)
    turn = np.random.default_rng(5).permutation(len(rows))
    assert (
        said(rows, groups)
        == said([rows[at] for at in turn], groups[turn])
        == {
            0: "colour: navy, red",
            1: "colour: black, navy",
        }
    )


def test_without_groups_every_product_is_told_by_itself():
    rows = [*teaching(), {"title": "Coat navy", "seller": "A"}]
    (told,) = attribute_values(catalogue_of(*rows))
    assert told.values[told.codes[30]] == "Navy"
    assert told.sources[[0, 30]].tolist() == [0, 1]

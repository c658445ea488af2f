import numpy as np
import pyarrow as pa
import pytest

from candidates.catalogue import Catalogue
from candidates.product import Product
from fusion.groups.vocabulary import (
    ANYWHERE,
    UNLIKE_SELLERS,
    WITHIN_A_SELLER,
    columns_of,
    columns_of_titles,
    describers,
    quantities,
    values_in_words,
    words_of,
)

COLOURS = ("Black", "Navy", "Dark Blue", "Red", "Blue")


def catalogue_of(*rows):
    """Products of (title, attributes) or of whole dictionaries."""
    products = []
    for number, row in enumerate(rows):
        given = row if isinstance(row, dict) else {"title": row[0], "attributes": row[1]}
        products.append(Product(id=f"p{number}", **given))
    return Catalogue.of(products)


def taught(*further, sellers=("A", "B"), each=8):
    """Products whose titles and columns teach five colours, and further ones."""
    rows = [
        {"title": f"{shown.lower()} dress", "attributes": {"color": shown}, "seller": seller}
        for shown in COLOURS
        for seller in sellers
        for _ in range(each)
    ]
    return catalogue_of(*rows, *further), len(rows)


def said_of(catalogue, first, attribute="color"):
    """What words say of the products from `first` on: {row after first: {value: trust}}."""
    column = columns_of(catalogue)[attribute]
    wanted = np.zeros(len(catalogue), bool)
    wanted[first:] = True
    (said,) = values_in_words(catalogue, [column], wanted)
    found = {}
    for product, value, trust in zip(said.products.tolist(), said.values.tolist(), said.trust.tolist(), strict=True):
        found.setdefault(product - first, {})[column.values[value]] = trust
    return found


def test_columns_join_spellings_and_leave_out_what_says_nothing():
    rows = [("", {"color": text}) for text in ("Off-White", "off white", "Off-White", "n/a", "-", " ", "a" * 61)]
    column = columns_of(catalogue_of(*rows))["color"]
    assert column.values == ("Off-White",)
    assert column.codes.tolist() == [0, 0, 0, -1, -1, -1, -1]


def test_values_with_digits_keep_their_signs():
    column = columns_of(catalogue_of(("", {"size": "-2"}), ("", {"size": "+2"})))["size"]
    assert column.values == ("-2", "+2")


def test_hostile_values_are_one_line_of_printable_letters():
    column = columns_of(catalogue_of(("", {"color": "bl\x00ue\n\u202egreen"}), ("", {"color": "🔴 rouge"})))["color"]
    assert column.values == ("bl ue green", "🔴 rouge")


def test_columns_in_which_every_product_has_its_own_value_are_left_out():
    catalogue = catalogue_of(*(("", {"serial": f"x{n}", "color": f"colour {n}"}) for n in range(9)))
    assert set(columns_of(catalogue)) == {"color"}


def test_columns_of_an_empty_catalogue_and_of_a_cut_one():
    assert columns_of(Catalogue.of([])) == {}
    whole = catalogue_of(("", {"color": "red"}), ("", {}), ("", {"color": "blue", "size": "S"}))
    cut = columns_of(Catalogue(whole.table.slice(1)))
    assert cut["color"].codes.tolist() == [-1, 0]
    assert cut["color"].values == ("blue",)
    chunks = Catalogue(pa.concat_tables([whole.table, whole.table]))
    assert columns_of(chunks)["color"].codes.tolist() == [0, -1, 1, 0, -1, 1]


def test_a_column_of_which_each_seller_has_its_own_values_is_bound():
    rows = [{"attributes": {"color": f"{seller}{n % 3}"}, "seller": seller} for seller in "ab" for n in range(20)]
    assert columns_of(catalogue_of(*rows))["color"].compared == WITHIN_A_SELLER
    rows += [{"attributes": {"color": "a1"}, "seller": "b"}] * 9
    assert columns_of(catalogue_of(*rows))["color"].compared == ANYWHERE


def test_describers_are_brands_only_where_no_seller_is_named():
    assert describers(catalogue_of({"brand": "x"}, {"brand": "y"})).tolist() == [0, 1]
    assert describers(catalogue_of({"brand": "x", "seller": "s"}, {"brand": "y"})).tolist() == [0, -1]


def test_words_are_folded_without_marks_of_direction_and_markup():
    assert words_of("\u202eNAVY</b> Ünïcode_2er\n🔴") == ["navy", "b", "ünïcode", "2er"]


def test_words_name_the_value_and_the_longest_wins():
    catalogue, first = taught(("Coat dark blue", {}), ("Coat blue", {}), ("Coat", {}))
    said = said_of(catalogue, first)
    assert set(said[0]) == {"Dark Blue"}
    assert set(said[1]) == {"Blue"}
    assert 2 not in said
    assert said[0]["Dark Blue"] > 0.9


def test_trust_is_how_often_the_column_agrees():
    wrong = [{"title": "navy seal cap", "attributes": {"color": "Red"}, "seller": "A"}] * 12
    catalogue, first = taught(*wrong, {"title": "navy coat", "seller": "A"}, {"title": "navy coat", "seller": "B"})
    said = said_of(catalogue, first + len(wrong))
    assert said[0]["Navy"] < 0.5 < said[1]["Navy"]


def test_an_abbreviation_is_learned_from_the_column():
    short = [{"title": "dress blk", "attributes": {"color": "Black"}, "seller": "A"} for _ in range(12)]
    catalogue, first = taught(*short, {"title": "coat blk", "seller": "A"})
    assert set(said_of(catalogue, first + 12)[0]) == {"Black"}


def test_an_ambiguous_abbreviation_is_not_learned():
    short = [{"title": "dress bl", "attributes": {"color": colour}, "seller": "A"} for colour in ("Black", "Blue") * 6]
    catalogue, first = taught(*short, {"title": "coat bl", "seller": "A"})
    assert said_of(catalogue, first + 12) == {}


def test_a_word_that_is_no_abbreviation_is_not_learned():
    other = [{"title": "dress zeta", "attributes": {"color": "Black"}, "seller": "A"} for _ in range(30)]
    catalogue, first = taught(*other, {"title": "coat zeta", "seller": "A"})
    assert said_of(catalogue, first + 30) == {}


@pytest.mark.parametrize("owner", ["seller", "brand"])
def test_a_value_that_is_part_of_the_own_name_is_not_taken_from_words(owner):
    named = {"title": "Navy & Sons coat", "seller": "A"} | {owner: "Navy & Sons"}
    catalogue, first = taught(named, {"title": "navy coat", "seller": "A"})
    assert set(said_of(catalogue, first)) == {1}


def test_a_filler_of_one_seller_is_trusted_only_with_proof():
    """All titles of C end in `red`; whether the columns of C prove it decides."""
    unproven = [{"title": f"thing {n} red", "seller": "C"} for n in range(40)]
    catalogue, first = taught(*unproven)
    assert said_of(catalogue, first) == {}
    # Here the columns of C agree with the word, and have other values where it is missing.
    proven = [{"title": f"thing {n} red", "seller": "C", "attributes": {"color": "Red"}} for n in range(20)]
    proven += [{"title": f"thing {n}", "seller": "C", "attributes": {"color": "Black"}} for n in range(10)]
    catalogue, first = taught(*proven, *unproven)
    assert set(said_of(catalogue, first + 30)[0]) == {"Red"}


def test_a_word_of_one_seller_alone_is_trusted_only_with_proof():
    solid = [{"title": f"thing {n} crimson", "seller": "C"} for n in range(8)]
    others = [{"title": f"thing {n}", "seller": "C"} for n in range(30)]
    column = [{"title": "dress", "seller": "A", "attributes": {"color": "Crimson"}} for _ in range(8)]
    catalogue, first = taught(*column, *others, *solid)
    assert said_of(catalogue, first + 38) == {}


def test_short_words_and_numbers_mean_nothing_unless_the_data_prove_it():
    rows = [{"title": "shirt", "attributes": {"size": size}} for size in ("S", "M", "42") for _ in range(8)]
    catalogue = catalogue_of(*rows, {"title": "shirt S 42"}, {"title": "shirt", "description": "M"})
    assert said_of(catalogue, len(rows), "size") == {}
    rows = [{"title": f"shirt {size}", "attributes": {"size": size}} for size in ("S", "M", "42") for _ in range(30)]
    catalogue = catalogue_of(*rows, {"title": "shirt S"}, {"title": "shirt", "description": "M"})
    assert set(said_of(catalogue, len(rows), "size")) == {0}


def test_nothing_is_asked_of_nothing():
    catalogue, _ = taught()
    column = columns_of(catalogue)["color"]
    nobody = np.zeros(len(catalogue), bool)
    assert values_in_words(catalogue, [], ~nobody) == []
    assert len(values_in_words(catalogue, [column], nobody)[0].products) == 0
    empty = Catalogue.of([])
    assert values_in_words(empty, [], np.zeros(0, bool)) == []


@pytest.mark.parametrize(
    ("title", "stated"),
    [
        ("Shampoo 500 ml", {"volume": "500 ml"}),
        ("0,5 L Shampoo", {"volume": "500 ml"}),
        ("Flour 1500g", {"weight": "1.5 kg"}),
        ("Nuts 16oz", {"weight": "16 oz"}),
        ("Box 20x30 cm", {"length": "20 × 30 cm"}),
        ("Disk 2 TB", {"storage": "2 TB"}),
        ("Bulb 60W", {"power": "60 W"}),
        ("3er Pack Socken", {"pack": "3-pack"}),
        ("Socks 3-pack", {"pack": "3-pack"}),
        ("Socks, pack of 3", {"pack": "3-pack"}),
        ("2er", {"pack": "2-pack"}),
        ("0-pack", {}),
        ("Tee XL", {"size": "XL"}),
        ("Tee 3XL", {"size": "3XL"}),
        ("Schuh Größe 42,5", {"size": "42,5"}),
        ("Tee S M", {}),
        ("500 ml and 1 l", {}),
        ("12M overall", {}),
        ("M&M's L'Oreal A-S", {}),
        ("2023 collection", {}),
        ("", {}),
    ],
)
def test_quantities(title, stated):
    assert quantities(title) == stated


def test_titles_make_columns_but_not_of_what_has_one_nor_of_fillers():
    rows = [{"title": f"Shampoo {n % 2 + 1} l 3-pack", "seller": "A"} for n in range(30)]
    catalogue = catalogue_of(*rows)
    every = np.ones(len(catalogue), bool)
    pack, volume = columns_of_titles(catalogue, every, ())
    assert (pack.name, set(pack.codes.tolist())) == ("pack", {-1})
    assert (volume.name, volume.values, set(volume.codes.tolist())) == ("volume", ("1 l", "2 l"), {0, 1})
    assert volume.compared == UNLIKE_SELLERS
    assert [column.name for column in columns_of_titles(catalogue, every, ("volume",))] == ["pack"]
    assert columns_of_titles(catalogue, ~every, ()) == []

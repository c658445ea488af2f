import csv

import pytest

from candidates.catalogue import Catalogue
from candidates.errors import VariantsError
from candidates.product import Product
from intake.feeds.writers import WRITERS, families


def product(identifier, title="Shirt", **attributes):
    return Product(id=identifier, title=title, attributes=attributes)


def write(path, *products, groups=None):
    WRITERS["woocommerce"](path, families(Catalogue.of(products), groups or ["G"] * len(products)))
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def test_the_variable_product_stands_before_its_variations(tmp_path):
    rows = write(
        tmp_path / "out.csv",
        product("R", "Shirt red", color="red, dark", size="S"),
        product("B", "Shirt blue", color="blue", size="S"),
        product("X", "Hat", color="red"),
        product("Y", "Hat", color="blue", size="L"),
        groups=["G", "G", "H", "H"],
    )
    assert rows == [
        [
            *("ID", "Type", "SKU", "Name", "Parent"),
            *("Attribute 1 name", "Attribute 1 value(s)", "Attribute 1 visible", "Attribute 1 global"),
            *("Attribute 2 name", "Attribute 2 value(s)", "Attribute 2 visible", "Attribute 2 global"),
        ],
        ["", "variable", "G", "Shirt", "", "Color", r"red\, dark, blue", "1", "0", "", "", "", ""],
        ["", "variation", "R", "Shirt red", "G", "Color", r"red\, dark", "1", "0", "", "", "", ""],
        ["", "variation", "B", "Shirt blue", "G", "Color", "blue", "1", "0", "", "", "", ""],
        ["", "variable", "H", "Hat", "", "Color", "red, blue", "1", "0", "Size", "-, L", "1", "0"],
        ["", "variation", "X", "Hat", "H", "Color", "red", "1", "0", "Size", "-", "1", "0"],
        ["", "variation", "Y", "Hat", "H", "Color", "blue", "1", "0", "Size", "L", "1", "0"],
    ]


def test_products_without_an_sku_are_called_by_their_number(tmp_path):
    rows = write(
        tmp_path / "out.csv",
        product("id:5", "Hoodie"),
        product("id:12", color="red"),
        product("B", color="blue"),
        groups=["id:5"] * 3,
    )
    assert [row[:5] for row in rows[1:]] == [
        ["5", "variable", "", "Hoodie", ""],
        ["12", "variation", "", "Shirt", "id:5"],
        ["", "variation", "B", "Shirt", "id:5"],
    ]


def test_a_member_that_is_the_parent_is_the_variable_row(tmp_path):
    rows = write(
        tmp_path / "out.csv",
        product("a", color="red"),
        product("P", "Hoodie"),
        product("b", color="blue"),
        groups=["P"] * 3,
    )
    assert [row[1:5] for row in rows[1:]] == [
        ["variable", "P", "Hoodie", ""],
        ["variation", "a", "Shirt", "P"],
        ["variation", "b", "Shirt", "P"],
    ]


def test_a_value_that_several_have_is_listed_once(tmp_path):
    products = [product(f"{c}{s}", color=c, size=s) for c in ("red", "blue") for s in "SM"]
    assert write(tmp_path / "out.csv", *products)[1][5:] == ["Color", "red, blue", "1", "0", "Size", "S, M", "1", "0"]


@pytest.mark.parametrize(
    ("products", "message"),
    [
        (
            [product("a", color="x|y"), product("b")],
            r"'a' has color 'x\|y'.*can't contain the '\|' there.*Change the value",
        ),
        ([product("a", color="x\\"), product("b")], "'a' has color .*can't contain the"),
        ([product("a", color="'=x"), product("b")], "'a' has color .*can't contain the \"'\" there"),
        ([product("'=a"), product("b")], 'SKU "\'=a" .*begins with an apostrophe.*Change it'),
    ],
)
def test_what_woocommerce_can_not_hold_is_refused_by_name(tmp_path, products, message):
    with pytest.raises(VariantsError, match=message):
        write(tmp_path / "out.csv", *products)
    assert not list(tmp_path.iterdir())


def test_backslashes_within_a_value_are_letters(tmp_path):
    rows = write(tmp_path / "out.csv", product("a", color="x\\,y"), product("b", color="x\\y"))
    assert rows[1][6] == "x\\\\,y, x\\y"

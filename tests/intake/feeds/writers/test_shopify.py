import csv

import pytest

from candidates.catalogue import Catalogue
from candidates.errors import VariantsError
from candidates.product import Product
from intake.feeds.writers import WRITERS, families
from intake.feeds.writers.shopify import MOST_VARIANTS, amount, handle_of


def write(path, *products, groups=None):
    catalogue = Catalogue.of(products)
    count = WRITERS["shopify"](path, families(catalogue, groups or ["G"] * len(catalogue)))
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == count
    return rows


def test_one_product_with_a_row_a_member(tmp_path):
    red = Product(
        id="R-S",
        title="Shirt red S",
        price="19.99 EUR",
        gtin="4006381333931",
        attributes={"size": "S", "color": "red", "material": "wool"},
        pictures=("local.jpg", "https://x.example/red.jpg", "https://x.example/back.jpg"),
    )
    blue = Product(
        id="B-M",
        title="Shirt blue M",
        price="EUR 1.299,50",
        attributes={"size": "M", "color": "blue", "material": "wool"},
        pictures=("https://x.example/red.jpg",),
    )
    first, second = write(tmp_path / "out.csv", red, blue)
    assert {name: value for name, value in first.items() if value} == {
        "Handle": "g",
        "Title": "Shirt",
        "Option1 Name": "Color",
        "Option1 Value": "red",
        "Option2 Name": "Size",
        "Option2 Value": "S",
        "Variant SKU": "R-S",
        "Variant Price": "19.99",
        "Variant Barcode": "4006381333931",
        "Image Src": "https://x.example/red.jpg",
        "Variant Image": "https://x.example/red.jpg",
    }
    assert {name: value for name, value in second.items() if value} == {
        "Handle": "g",
        "Option1 Value": "blue",
        "Option2 Value": "M",
        "Variant SKU": "B-M",
        "Variant Price": "1299.50",
        "Variant Image": "https://x.example/red.jpg",
    }


def test_beyond_three_options_the_last_joins_the_rest(tmp_path):
    one = Product(id="a", attributes={"color": "red", "size": "S", "fit": "slim", "wash": "dark"})
    two = Product(id="b", attributes={"color": "blue", "size": "M", "fit": "wide"})
    first, second = write(tmp_path / "out.csv", one, two)
    assert [first[f"Option{n} Name"] for n in (1, 2, 3)] == ["Color", "Size", "Fit / wash"]
    assert [first[f"Option{n} Value"] for n in (1, 2, 3)] == ["red", "S", "slim / dark"]
    assert [second[f"Option{n} Value"] for n in (1, 2, 3)] == ["blue", "M", "wide / -"]


def test_joined_values_that_no_longer_tell_apart_get_the_id(tmp_path):
    common = [{"color": "red", "size": "S"}] * 2 + [{"color": "blue", "size": "M"}]
    parts = [("x / y", "z"), ("x", "y / z"), ("x", "z")]
    products = [
        Product(id=f"p{n}", attributes={**own, "fit": fit, "wash": wash})
        for n, (own, (fit, wash)) in enumerate(zip(common, parts, strict=True))
    ]
    rows = write(tmp_path / "out.csv", *products)
    assert [row["Option3 Value"] for row in rows] == ["x / y / z / p0", "x / y / z / p1", "x / z / p2"]


def test_a_parent_has_no_row_and_its_only_child_makes_no_group(tmp_path):
    parent, red = Product(id="P", title="Hoodie"), Product(id="r", title="x", attributes={"color": "red"})
    blue = Product(id="b", title="y", attributes={"color": "blue"})
    rows = write(tmp_path / "out.csv", parent, red, blue, groups=["P"] * 3)
    assert [(row["Title"], row["Variant SKU"]) for row in rows] == [("Hoodie", "r"), ("", "b")]
    assert write(tmp_path / "out.csv", parent, red, groups=["P"] * 2) == []


@pytest.mark.parametrize(
    ("group", "handle"),
    [
        ("summer-shirt", "summer-shirt"),
        ("t-shirt_2", "t-shirt_2"),
        ("G 12", "g-12"),
        ("  A/B?c=d&e#f ", "a-b-c-d-e-f"),
        ("рубашка", "рубашка"),
        ("///", "group"),
        ("x" * 300, "x" * 200),
    ],
)
def test_handles(group, handle):
    assert handle_of(group, set()) == handle


def test_handles_that_would_be_one_are_two_and_the_same_in_every_file(tmp_path):
    products = [Product(id=str(number)) for number in range(4)]
    rows = write(tmp_path / "out.csv", *products, groups=["g 1", "g 1", "g!1", "g!1"])
    first, second = rows[0]["Handle"], rows[2]["Handle"]
    assert first == "g-1"
    assert second.startswith("g-1-")
    assert second == handle_of("g!1", {"g-1", "other"})


@pytest.mark.parametrize(
    ("price", "number"),
    [
        ("", ""),
        ("19.99 EUR", "19.99"),
        ("USD 5", "5"),
        ("$1,299.00", "1299.00"),
        ("1.299,00 €", "1299.00"),
        ("1 299,00", "1299.00"),
        ("1'299.50 CHF", "1299.50"),
        ("12,5", "12.5"),
        ("1,299", "1299"),
        ("52.0000", "52.0000"),
        ("1.299.000", "1299000"),
        ("1,299,000.50", "1299000.50"),
        ("10.00 - 20.00", ""),
        ("on request", ""),
    ],
)
def test_amounts(price, number):
    assert amount(price) == number


def test_more_variants_than_shopify_takes_are_refused(tmp_path):
    products = [Product(id=f"p{n}") for n in range(MOST_VARIANTS + 1)]
    with pytest.raises(VariantsError, match=r"'G' of the product 'p0' has 2,049 variants.*Split the group"):
        write(tmp_path / "out.csv", *products)
    assert not list(tmp_path.iterdir())


def test_a_value_longer_than_shopify_takes_is_refused(tmp_path):
    with pytest.raises(VariantsError, match="'a' has an option value of 256 characters"):
        write(tmp_path / "out.csv", Product(id="a", attributes={"color": "x" * 256}), Product(id="b"))

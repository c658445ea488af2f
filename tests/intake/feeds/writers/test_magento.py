import csv

import pytest

from candidates.catalogue import Catalogue
from candidates.errors import VariantsError
from candidates.product import Product
from intake.feeds.writers import WRITERS, families


def product(identifier, title="Shirt", **attributes):
    return Product(id=identifier, title=title, attributes=attributes)


def write(path, *products, group="G"):
    WRITERS["magento"](path, families(Catalogue.of(products), [group] * len(products)))
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def filled(row):
    return {name: value for name, value in row.items() if value}


def test_simple_children_stand_before_the_new_configurable(tmp_path):
    rows = write(
        tmp_path / "out.csv",
        product("R", "Shirt red", color="red", size="S", material="wool", age_group="adult"),
        product("B", "Shirt blue", color="blue", size="M", material="wool", age_group="kids"),
    )
    assert [filled(row) for row in rows] == [
        {
            "sku": "R",
            "product_type": "simple",
            "name": "Shirt red",
            "additional_attributes": "color=red,size=S,age_group=adult",
        },
        {
            "sku": "B",
            "product_type": "simple",
            "name": "Shirt blue",
            "additional_attributes": "color=blue,size=M,age_group=kids",
        },
        {
            "sku": "G",
            "attribute_set_code": "Default",
            "product_type": "configurable",
            "name": "Shirt",
            "configurable_variations": "sku=R,color=red,size=S,age_group=adult|sku=B,color=blue,size=M,age_group=kids",
            "configurable_variation_labels": "color=Color,size=Size,age_group=Age group",
        },
    ]


def test_a_member_that_is_the_parent_is_the_configurable_row(tmp_path):
    rows = write(
        tmp_path / "out.csv", product("P", "Hoodie"), product("a", color="red"), product("b", color="blue"), group="P"
    )
    assert [(row["sku"], row["product_type"]) for row in rows] == [
        ("a", "simple"),
        ("b", "simple"),
        ("P", "configurable"),
    ]
    # An import would move a product that is there into the set that stands beside it.
    assert not any(row["attribute_set_code"] for row in rows)
    assert rows[-1]["name"] == "Hoodie"


def test_a_new_configurable_has_a_sku_and_a_name_of_its_own(tmp_path):
    rows = write(tmp_path / "out.csv", product("G", color="red"), product("b", color="blue"))
    assert (rows[-1]["sku"], rows[-1]["name"]) == ("G-group", "Shirt G-group")


@pytest.mark.parametrize(
    ("products", "message"),
    [
        (
            [product("a", color="red, dark"), product("b")],
            r"'a' has color 'red, dark'.*can't contain the ','.*Change the",
        ),
        ([product("a", color="a|b"), product("b")], r"'a' has color 'a\|b'.*can't contain the '\|'"),
        ([product("a", color="a=b"), product("b")], "'a' has color 'a=b'.*can't contain the '='"),
        ([product("a", color='"b"'), product("b")], "'a' has color .*can't contain the '\"'"),
        ([product("a,1"), product("b")], "SKU 'a,1' has a ','.*Change the SKU in the shop"),
        ([product('"a"'), product("b")], "SKU '\"a\"' has a '\"'"),
        ([product("a" * 65), product("b")], "has 65 characters; Magento allows 64"),
        ([product("a", größe="S"), product("b")], "'a' varies in 'größe'.*Name the attribute by its code"),
        ([product("a", sku="S"), product("b")], "'a' varies in 'sku'"),
        ([product("a", **{"a b": "1", "a-b": "2"}), product("b")], "'a' varies in 'a b'"),
    ],
)
def test_what_magento_can_not_hold_is_refused_by_name(tmp_path, products, message):
    with pytest.raises(VariantsError, match=message):
        write(tmp_path / "out.csv", *products)
    assert not list(tmp_path.iterdir())


def test_what_varies_not_may_hold_anything(tmp_path):
    rows = write(tmp_path / "out.csv", *(product(name, note="a,b|c=d", größe="S") for name in "ab"), group="G,1")
    assert rows[-1]["sku"] == "G,1"
    assert rows[-1]["configurable_variations"] == "sku=a,variant=a|sku=b,variant=b"


def test_quotation_marks_within_and_backslashes_are_letters(tmp_path):
    rows = write(tmp_path / "out.csv", product("a", size='5" \\wide'), product("b", size="6"))
    assert rows[-1]["configurable_variations"] == 'sku=a,size=5" \\wide|sku=b,size=6'

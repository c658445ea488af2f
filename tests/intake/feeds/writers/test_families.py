import csv

import pytest

from candidates.catalogue import Catalogue
from candidates.errors import VariantsError
from candidates.product import Product
from intake.feeds.writers import families
from intake.feeds.writers.families import MISSING, write_rows


def product(identifier, title="Shirt", seller="", **attributes):
    return Product(id=identifier, title=title, seller=seller, attributes=attributes)


def made(*products, group="G", seller=None):
    return list(families(Catalogue.of(products), [group] * len(products), seller))


def one(*products, group="G"):
    (family,) = made(*products, group=group)
    return family


def test_groups_of_one_and_products_without_a_group_are_left_out():
    catalogue = Catalogue.of([product(name) for name in "abcdef"])
    found = list(families(catalogue, ["", "y", "x", "y", "z", "x"]))
    assert [(family.group, [member.id for member in family.members]) for family in found] == [
        ("y", ["b", "d"]),
        ("x", ["c", "f"]),
    ]


def test_one_sellers_products_only():
    products = [product("a", seller="s"), product("b", seller="t"), product("c", seller="s"), product("d", seller="t")]
    catalogue = Catalogue.of(products)
    assert [[m.id for m in f.members] for f in families(catalogue, ["x", "x", "x", "y"], "s")] == [["a", "c"]]
    assert [[m.id for m in f.members] for f in families(catalogue, ["x", "x", "x", "y"])] == [["a", "b", "c"]]
    assert not list(families(catalogue, ["x", "x", "y", "y"], "t"))


def test_what_varies_stands_in_order_colour_and_size_first():
    family = one(
        product("a", fit="slim", size="S", color="red", brand="x"), product("b", fit="wide", size="M", color="blue")
    )
    assert family.varies == ("color", "size", "brand", "fit")


def test_a_member_without_a_value_gets_one_that_says_so():
    family = one(product("a", color="red"), product("b"))
    assert family.varies == ("color",)
    assert [member.attributes["color"] for member in family.members] == ["red", MISSING]


@pytest.mark.parametrize(
    "attributes",
    [
        ({}, {}),
        ({"material": "wool"}, {"material": "wool"}),
        ({"color": "red"}, {"color": "RED"}),
        ({"color": MISSING}, {}),
        ({"color": "a  b"}, {"color": "a\nb"}),
    ],
)
def test_members_that_nothing_tells_apart_are_told_apart_by_their_ids(attributes):
    family = one(*(product(name, **own) for name, own in zip("ab", attributes, strict=True)))
    assert family.varies[-1] == "variant"
    assert [member.attributes["variant"] for member in family.members] == ["a", "b"]


def test_the_attribute_that_tells_apart_does_not_take_anothers_name():
    family = one(product("a", variant="same"), product("b", variant="same"))
    assert family.varies == ("variant id",)


def test_names_are_compared_in_lower_case_and_values_are_one_line():
    family = one(
        Product(id="a", attributes={"Colour  Tone": " dark\r\nred\x00", "empty": " ", "": "x"}),
        Product(id="b", attributes={"colour tone": "light"}),
    )
    assert family.varies == ("colour tone",)
    assert family.members[0].attributes == {"colour tone": "dark red"}


def test_a_parent_is_the_product_after_which_the_group_is_named():
    parent, red, blue = product("P", material="wool"), product("a", color="red"), product("b", color="blue")
    family = one(red, parent, blue, group="P")
    assert family.parent is not None
    assert family.parent.id == family.key == "P"
    assert [child.id for child in family.children] == ["a", "b"]
    assert [member.id for member in family.members] == ["a", "P", "b"]
    assert family.varies == ("color",)


def test_the_only_child_varies_in_what_it_has_beyond_its_parent():
    family = one(product("P", material="wool"), product("a", material="wool", size="S", color="red"), group="P")
    assert family.parent is not None
    assert family.varies == ("color", "size")


@pytest.mark.parametrize(
    ("first", "others"),
    [
        ({"color": "red"}, [{"color": "blue"}, {"color": "green"}]),
        ({}, [{}, {}]),
        ({"color": "red"}, [{"color": "red"}]),
    ],
)
def test_a_product_that_is_chosen_like_the_others_is_no_parent_whatever_the_group_is_called(first, others):
    rest = [product(f"p{place}", **own) for place, own in enumerate(others)]
    family = one(product("P", **first), *rest, group="P")
    assert family.parent is None
    assert family.key == "P-group"


def test_the_key_is_no_products_id_and_no_other_groups():
    catalogue = Catalogue.of([product(name) for name in ("x", "x-group", "c", "d", "e", "f", "g", "h")])
    found = list(families(catalogue, ["", "", "x", "x", "x-group-2", "x-group-2", "x-group", "x-group"]))
    keys = [family.key for family in found]
    assert keys == ["x-group-3", "x-group-2", "x-group-group"]


@pytest.mark.parametrize(
    ("titles", "title"),
    [
        (["Wool shirt - red", "Wool shirt - blue"], "Wool shirt"),
        (["Shirt red", "Shirt blue"], "Shirt"),
        (["The red shirt", "The blue shirt"], "The red shirt"),
        (["The warm old hat", "The cold new hat"], "The warm old hat"),
        (["Shirt", "Shirt"], "Shirt"),
        (["", "Shirt"], "Shirt"),
        (["", ""], "G"),
        (["- a", "- b"], "- a"),
        (["a\tred\nshirt", "a red hat"], "a red"),
    ],
)
def test_the_title_of_all(titles, title):
    assert one(*(product(str(place), text) for place, text in enumerate(titles))).title == title


def test_the_parents_title_is_that_of_all():
    family = one(product("P", "Hoodie"), product("a", "x", color="red"), product("b", "y", color="blue"), group="P")
    assert family.title == "Hoodie"


@pytest.mark.parametrize("group", ["a\nb", "a\x00", " a", "a ", "a\u2028b"])
def test_a_group_that_no_cell_can_hold_is_refused(group):
    with pytest.raises(VariantsError, match=r"of the product 'a'.*Give the group an id"):
        made(product("a"), product("b"), group=group)


def test_a_table_is_written_whole_or_not_at_all(tmp_path):
    path = tmp_path / "out.csv"
    path.write_text("before")

    def failing():
        yield ["1"]
        raise VariantsError("no")

    with pytest.raises(VariantsError):
        write_rows(path, ["a"], failing())
    assert path.read_text() == "before"
    assert [entry.name for entry in tmp_path.iterdir()] == ["out.csv"]


def test_cells_are_written_as_they_are(tmp_path):
    path = tmp_path / "out.csv"
    rows = [["=1+1", "-x"], ['5" wide, "quoted"', "a,b"], ["@", "+"]]
    assert write_rows(path, ["a", "b"], rows) == 3
    assert b"\r" not in path.read_bytes()
    with path.open(encoding="utf-8", newline="") as file:
        assert list(csv.reader(file)) == [["a", "b"], *rows]


@pytest.mark.parametrize(
    ("first", "second", "title"),
    [
        ("Shirt red S", "Shirt blue M", "Shirt"),
        ("The Red shirt, S", "The blue shirt, M", "The shirt"),
        ("red", "blue", "red"),
        ("S-shape red S", "S-shape blue M", "S-shape"),
    ],
)
def test_the_title_of_all_is_without_the_values_in_which_they_differ(first, second, title):
    family = one(product("a", first, color="red", size="S"), product("b", second, color="blue", size="M"))
    assert family.title == title

"""What every writer writes, our own readers read to the same groups; what it can't write, it refuses by name."""

import csv
import re
import tempfile
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from candidates.catalogue import Catalogue
from candidates.errors import VariantsError
from candidates.product import Product
from candidates.settings import FeedSettings
from intake.feeds import read_feed
from intake.feeds.writers import WRITERS, families

SHOPS = ("shopify", "magento", "woocommerce")
UNSAYABLE = {"shopify": r"\Z\A", "magento": r'[|,=]|\A"', "woocommerce": r"\||\\\Z|\A'[=+\-@]"}
NAMES = ("color", "size", "fit", "style", "wash")
LETTERS = "aB1é日 ,\"|=\\'-;/@+:<&>#"


def plain(alphabet, **sizes):
    return st.text(alphabet, **sizes).map(str.strip)


IDS = plain(LETTERS, min_size=1, max_size=8).filter(bool)
VALUES = plain(LETTERS + "\n\r\t\0", max_size=6)
MILD = plain("aB1é日 ;/+:", max_size=4)


@st.composite
def catalogues(draw, values=VALUES, ids=IDS):
    """Products with their groups; some groups are called like a product."""
    names = draw(st.lists(ids, min_size=2, max_size=9, unique=True))
    groups = st.sampled_from(["", "G", "g", "A B", *names[:2]])
    attributes = st.dictionaries(st.sampled_from(NAMES), values, max_size=4)
    return [(Product(id=name, title=draw(values), attributes=draw(attributes)), draw(groups)) for name in names]


def families_of(rows):
    return list(families(Catalogue.of([product for product, _ in rows]), [group for _, group in rows]))


def cells(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def as_shopify_reads(path):
    """Group → child → values by option, as Shopify takes a product file: names and title on a handle's first row."""
    found, names, handle = {}, [], None
    for row in cells(path):
        if row["Handle"] != handle:
            handle = row["Handle"]
            assert handle not in found
            assert re.fullmatch(r"[\w-]+", handle)
            assert row["Title"]
            names = [row[f"Option{number} Name"] for number in (1, 2, 3)]
        else:
            assert not any(row[name] for name in ("Title", "Option1 Name", "Option2 Name", "Option3 Name"))
        values = [row[f"Option{number} Value"] for number in (1, 2, 3)]
        assert list(map(bool, names)) == list(map(bool, values))
        found.setdefault(handle, {})[row["Variant SKU"]] = dict(zip(names, values, strict=True))
    return found


def as_magento_reads(path):
    """The same as Magento's import parts the list of variations: at every pipe, comma and equals sign."""

    def pairs(text):
        return {pair.split("=")[0].strip(): pair.split("=")[1].strip() for pair in text.split(",")}

    found, simple = {}, {}
    for row in cells(path):
        if row["product_type"] == "simple":
            simple[row["sku"]] = pairs(row["additional_attributes"])
        else:
            listed = [pairs(text) for text in row["configurable_variations"].split("|")]
            found[row["sku"]] = {one.pop("sku"): one for one in listed}
            assert all(simple[sku] == one for sku, one in found[row["sku"]].items())
            assert pairs(row["configurable_variation_labels"]).keys() == listed[0].keys()
    return found


def as_woocommerce_reads(path):
    """The same as WooCommerce's importer parts lists: at every comma without a backslash before it."""

    def parted(text):
        return [part.replace("\1", ",").strip() for part in text.replace("\\,", "\1").split(",")]

    found, offered = {}, {}
    for row in cells(path):
        count = (len(row) - 5) // 4
        said = {
            row[f"Attribute {number} name"]: parted(row[f"Attribute {number} value(s)"])
            for number in range(1, count + 1)
            if row[f"Attribute {number} name"]
        }
        key = row["SKU"] or f"id:{row['ID']}"
        if row["Type"] == "variable":
            offered[key], found[key] = said, {}
        else:
            assert all(len(values) == 1 for values in said.values())
            found[row["Parent"]][key] = {name: value for name, (value,) in said.items()}
    for key, said in offered.items():
        values = {name: {child[name] for child in found[key].values()} for name in said}
        assert values == {name: set(listed) for name, listed in said.items()}
        assert all(len(listed) == len(set(listed)) for listed in said.values())
    return found


AS_THE_SHOP_READS = {
    "shopify": as_shopify_reads,
    "magento": as_magento_reads,
    "woocommerce": as_woocommerce_reads,
}


def written_families(rows, shop):
    """The families that a shop's file has, each as its ids; in Shopify a parent has no row."""
    for family in families_of(rows):
        members = family.children if shop == "shopify" else family.members
        if len(members) > 1:
            yield family, {member.id for member in members}


def check_in_the_shop(shop, path, rows):
    """Whether the shop itself would have the same families, each of whose members can be chosen."""
    expected = [family for family, _ in written_families(rows, shop)]
    found = AS_THE_SHOP_READS[shop](path)
    assert len(found) == len(expected)
    for family, (key, children) in zip(expected, found.items(), strict=True):
        assert shop == "shopify" or key == family.key
        assert list(children) == [child.id for child in family.children]
        assert len({tuple(map(str.casefold, said.values())) for said in children.values()}) == len(children)
        if shop != "shopify" or len(family.varies) <= 3:
            named = [{name.lower(): value for name, value in said.items() if name} for said in children.values()]
            assert named == [{name: child.attributes[name] for name in family.varies} for child in family.children]


def read_back(shop, rows):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "out.csv"
        count = WRITERS[shop](path, families_of(rows))
        feed = read_feed(path, FeedSettings())
        check_in_the_shop(shop, path, rows)
    assert feed.format == shop
    assert feed.refused == feed.merged == ()
    assert feed.rows == count
    return feed.catalogue


def partition(catalogue, ids):
    found = {}
    for identifier, group in zip(catalogue.column("id"), catalogue.column("group"), strict=True):
        if identifier in ids:
            found.setdefault(group, set()).add(identifier)
    return sorted(map(sorted, found.values()))


def check(shop, rows):
    expected = list(written_families(rows, shop))
    if not expected:
        return
    catalogue = read_back(shop, rows)
    ids = {product.id for product, _ in rows}
    assert partition(catalogue, ids) == sorted(sorted(members) for _, members in expected)
    found = dict(zip(catalogue.column("id"), catalogue.attributes, strict=True))
    for family, _ in expected:
        if shop != "shopify" or len(family.varies) <= 3:
            for child in family.children:
                assert {name: found[child.id].get(name) for name in family.varies} == {
                    name: child.attributes[name] for name in family.varies
                }


def refusal_of(shop, rows):
    with tempfile.TemporaryDirectory() as folder:
        try:
            WRITERS[shop](Path(folder) / "out.csv", families_of(rows))
        except VariantsError as error:
            return error
    return None


def hostile(shop, rows):
    said = [text for product, _ in rows for text in (product.id, *product.attributes.values())]
    said += [family.key for family in families_of(rows)]
    return any(re.search(UNSAYABLE[shop], " ".join(text.replace("\0", " ").split())) for text in said)


@pytest.mark.parametrize("shop", SHOPS)
@given(rows=catalogues())
@example(rows=[(Product(id="a\\", title="x"), "G"), (Product(id='"b', title="y"), "G")])
@example(rows=[(Product(id="id:12", title="x"), "id:5"), (Product(id="id:13", title="y"), "id:5")])
@example(rows=[(Product(id="G", title="x"), "G"), (Product(id="b", title="y", attributes={"color": "red"}), "G")])
@settings(deadline=None, derandomize=True, max_examples=80)
def test_hostile_texts_are_read_back_or_refused(shop, rows):
    refusal = refusal_of(shop, rows)
    if refusal is None:
        check(shop, rows)
    else:
        assert hostile(shop, rows), refusal
        assert any(repr(product.id) in refusal.what for product, _ in rows)
        assert refusal.fix


@pytest.mark.parametrize("shop", SHOPS)
@given(rows=catalogues(values=MILD, ids=plain("aB1é日 ;:", min_size=1, max_size=8).filter(bool)))
@settings(deadline=None, derandomize=True, max_examples=40)
def test_milder_texts_are_never_refused(shop, rows):
    check(shop, rows)


@pytest.mark.parametrize("shop", SHOPS)
def test_the_real_export_goes_through_every_shop(shared, tmp_path, shop):
    feed = read_feed(shared / "data/luma/products.csv", FeedSettings())
    groups = feed.catalogue.column("group")
    made = list(families(feed.catalogue, groups))
    assert len(made) == 147
    assert all(family.parent is not None and family.key == family.group for family in made)
    WRITERS[shop](tmp_path / "out.csv", made)
    back = read_feed(tmp_path / "out.csv", FeedSettings())
    assert (back.format, back.refused) == (shop, ())
    ids = {member.id for family in made for member in family.members} - (
        {family.key for family in made} if shop == "shopify" else set()
    )
    expected = sorted(sorted(ids & {member.id for member in family.members}) for family in made)
    assert partition(back.catalogue, ids) == expected
    assert set(back.catalogue.column("id")) == ids

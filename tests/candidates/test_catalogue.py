import re

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from candidates import schema
from candidates.catalogue import Catalogue
from candidates.errors import AxisMismatch, SchemaError
from candidates.filters import Filter
from candidates.product import Product

FULL = Product(
    "1",
    "Shirt",
    "A red shirt",
    "Shop",
    "Acme",
    "Men > Shirts",
    "5 EUR",
    "shirt.html",
    "in_stock",
    "400",
    "m1",
    {"size": "M", "color": "Red"},
    ("a.jpg", "b.jpg"),
    "g1",
    7,
)

letters = st.text(st.characters(codec="utf-8"), max_size=4)
products = st.lists(
    st.builds(
        Product,
        *[letters] * 11,
        attributes=st.dictionaries(letters, letters, max_size=3),
        pictures=st.lists(letters, max_size=3).map(tuple),
        group=letters,
        line=st.integers(0, 2**40),
    ),
    unique_by=lambda product: product.id,
    max_size=5,
)


def titled(*titles, **values):
    return Catalogue.of(Product(str(row), title, **values) for row, title in enumerate(titles))


def found(catalogue, **where):
    mask = catalogue.select(Filter(**where))
    assert mask.dtype == bool
    assert mask.shape == (len(catalogue),)
    return np.flatnonzero(mask).tolist()


@settings(deadline=None)
@given(products)
def test_products_come_back_as_they_were(given_products):
    catalogue = Catalogue.of(iter(given_products))
    assert [catalogue.product(row) for row in range(len(catalogue))] == given_products
    assert list(catalogue.axis) == [product.id for product in given_products]
    assert catalogue.attributes == [dict(product.attributes) for product in given_products]
    assert catalogue.column("brand") == [product.brand for product in given_products]
    assert catalogue.table.schema == schema.PRODUCTS


def test_written_and_read(tmp_path):
    catalogue = Catalogue.of([FULL, Product("2")])
    catalogue.save(tmp_path / "products.parquet")
    again = Catalogue.open(tmp_path / "products.parquet")
    assert again.table.equals(catalogue.table)
    assert again.product(0) == FULL
    assert again.product(1) == Product("2")


def test_more_products_than_one_block(monkeypatch):
    monkeypatch.setattr("candidates.catalogue._BLOCK", 3)
    many = [Product(str(row), "t" * (row % 3), group=f"g{row % 2}" if row % 4 else "", line=row) for row in range(10)]
    catalogue = Catalogue.of(many)
    assert [catalogue.product(row) for row in range(10)] == many
    assert found(catalogue, text="tt") == [2, 5, 8]
    assert (catalogue.codes("group") < 0).tolist() == [not product.group for product in many]
    assert len(catalogue.axis) == 10


def test_a_catalogue_without_products(tmp_path):
    catalogue = Catalogue.of([])
    assert (len(catalogue), len(catalogue.axis), catalogue.column("title"), catalogue.attributes) == (0, 0, [], [])
    assert catalogue.codes("group").tolist() == []
    for where in (Filter(), Filter("a", "b", "c", (("d", "e"),))):
        assert catalogue.select(where).tolist() == []
    catalogue.save(tmp_path / "products.parquet")
    assert len(Catalogue.open(tmp_path / "products.parquet")) == 0


def test_a_missing_column_is_named(tmp_path):
    pq.write_table(Catalogue.of([FULL]).table.drop_columns(["gtin", "group"]), tmp_path / "products.parquet")
    with pytest.raises(SchemaError, match="gtin, group"):
        Catalogue.open(tmp_path / "products.parquet")


def test_columns_in_another_order_and_of_near_types_are_taken(tmp_path):
    table = Catalogue.of([FULL]).table
    table = table.select(table.column_names[::-1]).set_column(0, "digest", table["digest"].cast(pa.large_string()))
    pq.write_table(table.append_column("extra", [["x"]]), tmp_path / "products.parquet")
    assert Catalogue.open(tmp_path / "products.parquet").product(0) == FULL


def test_an_id_that_stands_twice_is_named():
    with pytest.raises(AxisMismatch, match="'1' occurs more than once"):
        _ = Catalogue.of([FULL, FULL]).axis


def test_the_digest_covers_everything_but_the_line():
    def digest(**changed):
        return Catalogue.of([Product(**(vars(FULL) | changed))]).column("digest")[0]

    base = digest()
    assert digest(line=99) == base
    assert digest(attributes={"color": "Red", "size": "M"}) == base
    changes = [{name: "changed"} for name in vars(FULL) if name not in ("line", "attributes", "pictures")]
    changes += [{"attributes": {"size": "M"}}, {"pictures": ("b.jpg", "a.jpg")}, {"pictures": ()}]
    digests = [digest(**change) for change in changes]
    assert len({base, *digests}) == len(changes) + 1


def test_a_text_moved_to_the_next_column_changes_the_digest():
    one, two = Catalogue.of([Product("1", "ab", ""), Product("2", "", "ab")]).column("digest")
    assert one != two


def test_texts_as_numbers():
    catalogue = titled("", "b", "a", "b", "", "é")
    codes = catalogue.codes("title")
    assert codes.dtype == np.int32
    titles = catalogue.column("title")
    for left in range(6):
        assert (codes[left] == -1) == (titles[left] == "")
        for right in range(6):
            assert (codes[left] == codes[right]) == (titles[left] == titles[right])


def test_nulls_read_as_empty():
    table = Catalogue.of([FULL]).table
    columns = [
        column if name in ("id", "line") else pa.nulls(1)
        for name, column in zip(table.column_names, table.columns, strict=True)
    ]
    catalogue = Catalogue(pa.table(columns, names=table.column_names).cast(schema.PRODUCTS))
    assert catalogue.product(0) == Product("1", line=7)
    assert catalogue.column("title") == [""]
    assert catalogue.codes("group").tolist() == [-1]
    assert found(catalogue, text="x") == found(catalogue, category="x") == found(catalogue, seller="x") == []
    assert found(catalogue, attributes=(("color", "red"),)) == []


def test_no_condition_admits_everything():
    assert found(titled("a", "b")) == [0, 1]
    assert not Filter()
    assert not Filter(text="  ")
    assert all((Filter(category="a"), Filter(seller="a"), Filter(text="a"), Filter(attributes=(("a", "b"),))))


@pytest.mark.parametrize(
    ("category", "rows"),
    [
        ("dress", [0, 1]),
        ("DRESS", [0, 1]),
        ("women > dress", [0]),
        (".", []),
        ("strasse", []),
        ("straße", [3]),
        ("ÉTÉ", [4]),
    ],
)
def test_category_by_any_part_of_its_path(category, rows):
    paths = ["Women > Dresses", "Kids > Dress", "Shoes", "Straße", "Collection été"]
    catalogue = Catalogue.of(Product(str(row), product_type=path) for row, path in enumerate(paths))
    assert found(catalogue, category=category) == rows


def test_the_seller_by_exact_name():
    catalogue = Catalogue.of(Product(str(row), seller=seller) for row, seller in enumerate(["A", "a", "A ", "", "AB"]))
    assert found(catalogue, seller="A") == [0]


def test_attributes_whatever_the_case_of_the_value():
    kinds = [{"color": "Red", "size": "M"}, {"color": "RED"}, {"Color": "red"}, {"color": "dark red"}, {}]
    catalogue = Catalogue.of(Product(str(row), attributes=one) for row, one in enumerate(kinds))
    assert found(catalogue, attributes=(("color", "red"),)) == [0, 1]
    assert found(catalogue, attributes=(("color", "rED"), ("size", "m"))) == [0]


def test_all_parts_must_hold():
    catalogue = Catalogue.of([FULL])
    whole = {"category": "shirts", "seller": "Shop", "text": "red shirt", "attributes": (("size", "m"),)}
    assert found(catalogue, **whole) == [0]
    for part, other in {"category": "x", "seller": "x", "text": "x", "attributes": (("size", "x"),)}.items():
        assert found(catalogue, **(whole | {part: other})) == []


def test_words_may_stand_in_title_or_description():
    catalogue = Catalogue.of([Product("1", "red shirt", "of cotton"), Product("2", "red", "shirts"), Product("3")])
    assert found(catalogue, text="cotton RED") == [0]
    assert found(catalogue, text="red") == [0, 1]
    assert found(catalogue, text="shirt") == [0]


@pytest.mark.parametrize(
    ("title", "word", "holds"),
    [
        ("a c++ book", "c++", True),
        ("a c book", "c++", False),
        ("ab", "a.", False),
        ("a. b", "a.", True),
        ("(new)", "(new)", True),
        ("is new here", "(new)", False),
        ('5" heel', '5"', True),
        ("[x] ^y$ \\d", "\\d", True),
        ("7", "\\d", False),
        ("a|b", "a|b", True),
        ("a", "a|b", False),
        ("100%", "100%", True),
        ("T-shirt", "shirt", True),
        ("Tshirt", "shirt", False),
        ("shirt_red", "shirt", False),
        ("café au lait", "café", True),
        ("cafés", "café", False),
        ("CAFÉ", "café", True),
        ("élan", "lan", False),
        ("ein Straßenschuh", "Straßenschuh", True),
        ("青い シャツ", "シャツ", True),
        ("青いシャツ", "シャツ", False),
        ("e\u0301te\u0301", "e\u0301te\u0301", True),
        ("cafe\u0301", "cafe", False),
        ("two\nlines", "lines", True),
        ("first\nline", "first", True),
    ],
)
def test_words_are_whole_and_taken_literally(title, word, holds):
    assert found(titled(title), text=word) == ([0] if holds else [])


@settings(deadline=None)
@given(
    st.lists(st.text("ab+.()\\ \n_é|", max_size=6), min_size=1, max_size=6),
    st.text("ab+.()\\_é|", min_size=1, max_size=2),
)
def test_words_against_a_plain_search(titles, word):
    plain = re.compile(rf"(?<!\w){re.escape(word)}(?!\w)", re.IGNORECASE)
    assert found(titled(*titles), text=word) == [row for row, title in enumerate(titles) if plain.search(title)]

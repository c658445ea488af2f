import random
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from candidates.catalogue import Catalogue
from candidates.errors import FeedError
from candidates.product import ATTRIBUTES, Product, Refusal
from candidates.settings import FeedSettings
from intake.feeds import parquet, read_feed
from intake.feeds.parquet import PARQUET
from tests.intake.feeds.text_columns import TEXTS

MAP = pa.map_(pa.string(), pa.string())


def write(folder, columns, **chosen):
    table = columns if isinstance(columns, pa.Table) else pa.table(columns)
    path = folder / "feed.parquet"
    pq.write_table(table, path, **chosen)
    return path


def rows(folder, columns, settings=None, **chosen):
    return list(PARQUET.read(write(folder, columns, **chosen), settings or FeedSettings()))


# What a table says -----------------------------------------------------------------------------------------------


def test_our_own_names_row_group_by_row_group(tmp_path):
    columns = {name: [f" {name} 1 ", None, f"{name} 3"] for name in (*TEXTS, "group")}
    columns |= {"id": ["1", "2", "3"], "pictures": [["a.jpg", None, "b,c.jpg", "a.jpg"], None, []], "other": [1, 2, 3]}
    columns["attributes"] = pa.array([[("fit", " slim "), ("new", None)], None, []], MAP)
    texts = [name for name in (*TEXTS, "group") if name != "id"]
    for size in (1, 2, 3):
        assert rows(tmp_path, columns, row_group_size=size) == [
            Product(
                "1",
                **{name: f"{name} 1" for name in texts},
                pictures=("a.jpg", "b,c.jpg"),
                attributes={"fit": "slim"},
                line=1,
            ),
            Product("2", line=2),
            Product("3", **{name: f"{name} 3" for name in texts}, line=3),
        ]


def test_googles_names(tmp_path):
    columns = {"ID": ["1"], "g:Title": ["a"], "Image Link": ["a.jpg"], "additional_image_link": ['b.jpg,"c,d.jpg"']}
    columns |= {name: [f"the {name}"] for name in (*ATTRIBUTES, "size_system")} | {"item_group_id": ["G"]}
    assert rows(tmp_path, columns) == [
        Product(
            "1",
            "a",
            pictures=("a.jpg", "b.jpg", "c,d.jpg"),
            group="G",
            attributes={name: f"the {name}" for name in (*ATTRIBUTES, "size_system")},
            line=1,
        )
    ]


@pytest.mark.parametrize(
    ("column", "texts"),
    [
        (pa.array(["a", None, "a"]).dictionary_encode(), ["a", "", "a"]),
        (pa.array([7, None, -1], pa.int8()), ["7", "", "-1"]),
        (pa.array([2**64 - 1, None, 0], pa.uint64()), ["18446744073709551615", "", "0"]),
        (pa.array([1.5, float("nan"), 4006381333931.0]), ["1.5", "", "4006381333931"]),
        (pa.array([1e22, 0.000000001, -2.5e-8]), ["10000000000000000000000", "0.000000001", "-0.000000025"]),
        (pa.array([0.1, 10, None], pa.float32()), ["0.1", "10", ""]),
        (pa.array([Decimal("1.50"), None, Decimal("-0.05")], pa.decimal128(5, 2)), ["1.50", "", "-0.05"]),
        (pa.array([True, False, None]), ["true", "false", ""]),
        (pa.array([None, None, None], pa.null()), ["", "", ""]),
        (pa.array(["a", "é", None], pa.large_string()), ["a", "é", ""]),
        (pa.array(["a", "é", None], pa.string_view()), ["a", "é", ""]),
        (pa.array([b"a", "é".encode(), None], pa.binary()), ["a", "é", ""]),
        (pa.array([b"abc", b"def", None], pa.binary(3)), ["abc", "def", ""]),
        (pa.array([18000, None, 0], pa.date32()), ["2019-04-14", "", "1970-01-01"]),
        (pa.array([0, None, 1], pa.timestamp("s")), ["1970-01-01 00:00:00.000", "", "1970-01-01 00:00:01.000"]),
    ],
    ids=lambda value: str(value.type) if isinstance(value, pa.Array) else "",
)
def test_types_that_can_be_text(tmp_path, column, texts):
    found = rows(tmp_path, {"id": ["1", "2", "3"], "title": ["a", "b", "c"], "price": column})
    assert [one.price for one in found] == texts


@pytest.mark.parametrize(
    "kind",
    [
        pa.list_(pa.string()),
        pa.large_list(pa.large_string()),
        pa.list_(pa.binary()),
        pa.list_(pa.string(), 2),
        pa.list_(pa.dictionary(pa.int32(), pa.string())),
    ],
    ids=str,
)
def test_pictures_in_lists(tmp_path, kind):
    names = (b"a", b"b") if pa.types.is_binary(kind.value_type) else ("a", "b")
    pictures = pa.array([list(names), None, [names[0], None]], kind)
    found = rows(tmp_path, {"id": ["1", "2", "3"], "pictures": pictures})
    assert [one.pictures for one in found] == [("a", "b"), (), ("a",)]


@pytest.mark.parametrize(
    "column",
    [
        pa.array([{"color": "red", "size": 4}, None, {"color": None, "size": 5}]),
        pa.array([[("color", "red"), ("size", "4")], None, [("size", "5")]], MAP),
        pa.array([[("color", "red"), ("size", "4")], [], [("size", "5"), ("color", None)]], MAP),
    ],
    ids=lambda column: str(column.type)[:6],
)
def test_attributes(tmp_path, column):
    found = rows(tmp_path, {"id": ["1", "2", "3"], "title": ["a", "b", "c"], "attributes": column})
    assert [one.attributes for one in found] == [{"color": "red", "size": "4"}, {}, {"size": "5"}]


def test_the_first_of_two_columns_alike_counts(tmp_path):
    table = pa.Table.from_arrays([pa.array([x]) for x in ("1", "a", "b", "c")], ["id", "Title", "title", "title"])
    assert [one.title for one in rows(tmp_path, table)] == ["a"]


name = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=5)
text = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=6).map(str.strip)


@st.composite
def product(draw):
    return Product(
        id=draw(name),
        **{field: draw(text) for field in TEXTS[1:]},
        attributes=draw(st.dictionaries(name, text.filter(bool), max_size=3)),
        pictures=tuple(draw(st.lists(name, unique=True, max_size=3))),
        group=draw(text),
        line=draw(st.integers(0, 99)),
    )


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(product(), min_size=1, max_size=7), st.integers(1, 4), st.integers(1, 3))
def test_our_own_products_are_read_as_they_were(tmp_path_factory, written, group, batch):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parquet, "_BATCH_ROWS", batch)
        found = rows(tmp_path_factory.getbasetemp(), Catalogue.of(written).table, row_group_size=group)
    assert [vars(one) | {"line": 0} for one in found] == [vars(one) | {"line": 0} for one in written]
    assert [one.line for one in found] == list(range(1, len(written) + 1))


def test_few_rows_at_a_time_where_they_are_long(tmp_path, monkeypatch):
    monkeypatch.setattr(parquet, "_BATCH_BYTES", 2**16)
    taken = []
    monkeypatch.setattr(parquet, "_rows", lambda batch, fields: taken.append(batch.num_rows) or iter(()))
    rows(tmp_path, {"id": list(map(str, range(100))), "title": [str(n) * 5000 for n in range(100)]}, compression="none")
    assert sum(taken) == 100
    assert 2 <= max(taken) <= 16


# What can't be used ----------------------------------------------------------------------------------------------


def test_bad_rows_are_refused_one_by_one(tmp_path, monkeypatch):
    monkeypatch.setattr(parquet, "LARGEST_ROW", 100)
    titles = pa.array([b"a", b"caf\xe9", b"x" * 60, b"x" * 101], pa.binary())
    texts = pa.StringArray.from_buffers(4, *titles.buffers()[1:])  # text columns that hold no UTF-8 are written, too
    for column in (titles, texts):
        found = rows(tmp_path, {"id": ["1", "2", "3", "4"], "title": column, "pictures": [[], [], ["y" * 40], []]})
        assert found[0] == Product("1", "a", line=1)
        assert [(one.where, one.id, one.reason) for one in found[1:]] == [
            ("line 2", "2", "title contains half a character (an unpaired surrogate)"),
            ("line 3", "3", "a row of more than 0 MiB"),
            ("line 4", "4", "a row of more than 0 MiB"),
        ]


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"title": pa.array([["a"]])}, "the column title is list<.*>, not text"),
        ({"title": pa.array([{"en": "a"}])}, "the column title is struct<.*>, not text"),
        ({"title": ["a"], "price": pa.array([[("a", "b")]], MAP)}, "the column price is map<.*>, not text"),
        (
            {"title": ["a"], "pictures": pa.array([[["a"]]])},
            "the column pictures is list<.*>, not a text or a list",
        ),
        (
            {"title": ["a"], "attributes": ["red"]},
            "the column attributes is string, not a map or struct of texts",
        ),
        ({"title": ["a"], "attributes": pa.array([{"a": ["b"]}])}, "attributes is struct<.*>, not a map"),
        ({"name": ["a"]}, "a Parquet feed must be a table with the columns id and title.*has id, name"),
    ],
)
def test_columns_that_are_not_fit(tmp_path, columns, said):
    with pytest.raises(FeedError, match=said):
        rows(tmp_path, {"id": ["1"], **columns})


def test_no_id(tmp_path):
    with pytest.raises(FeedError, match=r"has sku, title\. Map its column names with --map"):
        rows(tmp_path, {"sku": ["1"], "title": ["a"]})


def test_a_broken_file_is_an_error_whatever_broke_it(tmp_path):
    path = write(tmp_path, {"id": list(map(str, range(50))), "title": [f"title {n}" for n in range(50)]})
    whole = path.read_bytes()
    drawn = random.Random(1)
    told = 0
    for n in range(200):
        spoilt = bytearray(whole[: drawn.randrange(4, len(whole))] if n % 4 == 0 else whole)
        for _ in range(drawn.randrange(1, 4)):
            spoilt[drawn.randrange(4, len(spoilt))] = drawn.randrange(256)
        path.write_bytes(spoilt)
        try:
            list(PARQUET.read(path, FeedSettings()))
        except FeedError as error:
            told += "can't be read as Parquet" in str(error)
    assert told > 50


def test_a_file_that_swells_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(parquet, "UNSUSPICIOUS", 2**16)
    columns = {"id": ["1"], "title": ["x" * 2**20]}
    with pytest.raises(
        FeedError, match=r"decompresses to 1,\d+,\d+ bytes, suspiciously many for a Parquet file of \d+"
    ):
        rows(tmp_path, columns, compression="zstd", write_statistics=False)
    assert len(rows(tmp_path, columns, compression="none")) == 1


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(FeedError, match="can't be read"):
        PARQUET.recognise(tmp_path / "none", FeedSettings())
    with pytest.raises(FeedError, match="can't be read as Parquet"):
        list(PARQUET.read(tmp_path / "none", FeedSettings()))


# Names and recognition -------------------------------------------------------------------------------------------


def test_own_names_and_sellers(tmp_path):
    columns = {
        "NR": [1, 2],
        "naam": ["a", None],
        "title": ["x", "y"],
        "winkel": [None, "W"],
        "kenmerk": [{"fit": "s"}] * 2,
    }
    chosen = FeedSettings(
        columns={"id": "nr", "title": "Naam", "attributes": "kenmerk"}, seller_column="winkel", seller="S"
    )
    assert rows(tmp_path, columns, chosen) == [
        Product("1", "a", attributes={"fit": "s"}, line=1),
        Product("2", "", seller="W", attributes={"fit": "s"}, line=2),
    ]


@pytest.mark.parametrize(
    ("chosen", "lacking"), [({"columns": {"title": "naam"}}, "naam"), ({"seller_column": "W"}, "W")]
)
def test_a_name_that_the_feed_lacks(tmp_path, chosen, lacking):
    with pytest.raises(
        FeedError,
        match=f"the settings name the column {lacking}, which the feed lacks. Use one of its columns: id, title",
    ):
        rows(tmp_path, {"id": ["1"], "title": ["a"]}, FeedSettings(**chosen))


def test_recognised_by_its_signature(tmp_path):
    path = write(tmp_path, {"id": ["1", None], "title": ["a", "b"]}).rename(tmp_path / "feed.csv")
    feed = read_feed(path, FeedSettings())
    assert feed.format == "parquet"
    assert "its first four bytes, PAR1" in feed.detected_by
    assert feed.catalogue.column("id") == ["1"]
    assert [(one.where, one.reason) for one in feed.refused] == [("line 2", "no id")]
    assert all(isinstance(one, Refusal) for one in feed.refused)
    path.write_text("PAR\tid\n")
    assert PARQUET.recognise(path, FeedSettings()) == ""

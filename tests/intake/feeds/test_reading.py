import gzip
import random

import pytest

from candidates.catalogue import Catalogue
from candidates.errors import FeedError, SettingsError
from candidates.product import Product, Refusal
from candidates.settings import FeedSettings
from intake.feeds import FORMATS, read_feed
from intake.feeds.contract import Format


def read(folder, content, name="feed.tsv", **chosen):
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_feed(path, FeedSettings(**chosen))


def test_bad_rows_are_refused_one_by_one(tmp_path):
    rows = [
        "1\tgood\ta.jpg",
        "\tno id\ta.jpg",
        "1\ttwice\ta.jpg",
        "2\t\t",
        "3\ttoo\tmany\tfields",
        "4\ttoo few",
        "5\x07\tbell\t",
        "x" * 201 + "\tlong\t",
        "2\tthe second 2 is usable\t",
        "x" * 200 + "\tjust short enough\t",
        "6\t\tonly-a-picture.jpg",
    ]
    feed = read(tmp_path, "id\ttitle\timage_link\n" + "\n".join(rows) + "\n")
    assert feed.catalogue.column("id") == ["1", "2", "x" * 200, "6"]
    assert feed.catalogue.column("title")[:2] == ["good", "the second 2 is usable"]
    assert [(one.where, one.id[:5], one.reason) for one in feed.refused] == [
        ("line 3", "", "no id"),
        ("line 4", "1", "its id stands on line 2 already"),
        ("line 5", "2", "neither a title nor a picture"),
        ("line 6", "3", "4 fields where the header has 3"),
        ("line 7", "4", "2 fields where the header has 3"),
        ("line 8", "5\N{REPLACEMENT CHARACTER}", "control characters in the id"),
        ("line 9", "xxxxx", "an id of 201 letters"),
    ]
    assert all(one.fix for one in feed.refused)
    assert feed.rows == len(rows)


@pytest.mark.parametrize("letter", ["\0", "\x1b", "\x7f", "\x85", "\u2028"])
def test_control_characters_in_an_id(tmp_path, letter):
    feed = read(tmp_path, f"id\ttitle\na{letter}b\tx\nc\ty\n")
    assert feed.catalogue.column("id") == ["c"]
    assert feed.refused[0].id == "a\N{REPLACEMENT CHARACTER}b"


@pytest.mark.parametrize("seed", range(30))
def test_every_row_is_a_product_or_a_refusal(tmp_path, seed):
    drawn = random.Random(seed)
    plain = ["", "a", "\0", "é", "  ", "=1", "\\", "a.jpg"]
    quoted = ['"', '5" heel', '"x"', '"x" y', '\\"', '"x', 'x"']
    lines = []
    for number in range(40):
        width = drawn.choice([3, 3, 3, 3, 2, 4, 1])
        cells = drawn.choices(plain + quoted if width == 3 else plain, k=width - 1)
        lines.append("\t".join([f"id{drawn.choice([number, 0])}", *cells]))
    content = ("id\ttitle\timage_link\n" + "\n".join(lines) + "\n").encode()
    feed = read(tmp_path, content.replace("é".encode(), b"\xe9") if seed % 2 else content)
    used = [f"line {line}" for line in feed.catalogue.table["line"].to_pylist()]
    told = [one.where for one in feed.refused]
    assert sorted(used + told) == sorted(f"line {number}" for number in range(2, 42))
    assert feed.rows == 40


def test_the_order_of_refusals_and_products_is_the_feeds(tmp_path):
    feed = read(tmp_path, "id\ttitle\n" + "".join(f"{n}\t{'t' if n % 3 else ''}\n" for n in range(30)))
    assert feed.catalogue.column("id") == [str(n) for n in range(30) if n % 3]
    assert [one.id for one in feed.refused] == [str(n) for n in range(0, 30, 3)]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("id\ttitle\n", "none of its 0 rows can be used. Add products below the column names"),
        ("id\ttitle\n\t\n\n", "none of its 0 rows can be used"),
        ("id\ttitle\n1\t\n2\t\n", "none of its 2 rows can be used, first line 2: neither a title nor a picture"),
        ("", "is empty"),
        (b"\x1f\x8b\x08\0", "its gzip data are damaged or truncated"),
        (gzip.compress(b"id\ttitle\n", mtime=0), "none of its 0 rows can be used"),
        ("id\ttitle\n".encode("utf-16"), "none of its 0 rows can be used"),
    ],
)
def test_a_feed_of_which_nothing_can_be_used(tmp_path, content, message):
    with pytest.raises(FeedError, match=message):
        read(tmp_path, content)


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "cp1252"])
def test_packed_feeds_in_other_encodings(tmp_path, encoding, pack):
    feed = read(tmp_path, pack("id\ttitle\n1\tCafé\n2\t\n".encode(encoding)))
    assert feed.catalogue.column("title") == ["Café"]
    assert [(one.where, one.id) for one in feed.refused] == [("line 3", "2")]


def test_no_file(tmp_path):
    with pytest.raises(FeedError, match=r"none\.tsv: can't be read \(No such file"):
        read_feed(tmp_path / "none.tsv", FeedSettings())


def test_an_unrecognised_feed_says_what_it_has_and_what_to_do(tmp_path):
    with pytest.raises(FeedError) as caught:
        read(tmp_path, "nummer;naam;prijs\n1;a;2\n")
    message = str(caught.value)
    assert "(nummer, naam, prijs)" in message
    assert "--map title=naam" in message
    assert "feed.columns" in message
    assert all(name in message for name in FORMATS)
    assert caught.value.exit_code == 2


def test_a_mistyped_map_is_named(tmp_path):
    with pytest.raises(FeedError, match="lacks nam, which the settings name"):
        read(tmp_path, "nummer\tnaam\n1\ta\n", columns={"id": "nummer", "title": "nam"})


def test_a_sellers_column_that_is_not_there(tmp_path):
    with pytest.raises(FeedError, match=r"the column shop, which the feed lacks.*Use one of its columns: id, title"):
        read(tmp_path, "id\ttitle\n1\ta\n", seller_column="shop")


def test_an_unknown_format(tmp_path):
    with pytest.raises(SettingsError, match=r"'xlsx'.*magento, google-tsv"):
        read(tmp_path, "id\ttitle\n1\ta\n", format="xlsx")


def test_a_named_format(tmp_path):
    feed = read(tmp_path, "id\ttitle\n1\ta\n", format="google-tsv")
    assert (feed.format, feed.detected_by) == ("google-tsv", "Google Merchant text feed: named in the settings")


def test_a_further_format_is_one_entry(tmp_path, monkeypatch):
    def rows(path, settings):
        yield Product("1", "one", line=1)
        yield Refusal("line 2", "", "torn", "fix it")
        yield Product("1", "one again", line=3)

    def recognise(path, settings):
        return "its first letter" if path.read_bytes()[:1] == b"\x1f" else ""

    monkeypatch.setitem(
        FORMATS, "strange", Format("Strange", "strange", recognise, rows, lambda path: path.parent / "p")
    )
    feed = read(tmp_path, b"\x1f\x8b\0\xff")
    assert (feed.format, feed.detected_by, feed.rows) == ("strange", "Strange: its first letter", 3)
    assert feed.pictures == tmp_path / "p"
    assert [one.reason for one in feed.refused] == ["torn", "its id stands on line 1 already"]


def test_the_catalogue_of_a_feed_can_be_saved(tmp_path):
    feed = read(tmp_path, "id\ttitle\tcolor\n1\ta\tred\n2\tb\t\n")
    feed.catalogue.save(tmp_path / "products.parquet")
    opened = Catalogue.open(tmp_path / "products.parquet")
    assert opened.table.equals(feed.catalogue.table)
    assert opened.product(0) == Product("1", "a", attributes={"color": "red"}, line=2)

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from candidates.errors import FeedError, SettingsError
from candidates.product import ATTRIBUTES, Product, Refusal
from candidates.settings import FeedSettings
from intake.feeds import json_lines, read_feed
from intake.feeds.json_lines import JSON_LINES
from tests.intake.feeds.text_columns import TEXTS


def rows(folder, content, name="feed.jsonl", **chosen):
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8", "surrogateescape"))
    return list(JSON_LINES.read(path, FeedSettings(**chosen)))


def lines(*objects):
    return "".join((one if isinstance(one, str) else json.dumps(one)) + "\n" for one in objects)


def only(found):
    (product,) = found
    assert isinstance(product, Product), product
    return product


# What a line says ------------------------------------------------------------------------------------------------


def test_our_own_names(tmp_path):
    said = {name: f" the {name} " for name in (*TEXTS, "group")}
    said |= {
        "pictures": ["a.jpg", " b,c.jpg ", None, "", "a.jpg"],
        "attributes": {"fit": " slim ", "new": True, "x": None},
    }
    assert only(rows(tmp_path, lines(said))) == Product(
        **{name: f"the {name}" for name in (*TEXTS, "group")},
        pictures=("a.jpg", "b,c.jpg"),
        attributes={"fit": "slim", "new": "true"},
        line=1,
    )


def test_googles_names(tmp_path):
    said = {"ID": "1", "g:title": "a", "Image Link": "a.jpg", "additional_image_link": 'b.jpg, a.jpg,"c,d.jpg"'}
    said |= {name: f"the {name}" for name in (*ATTRIBUTES, "size_system")}
    said |= {"item_group_id": "G", "google_product_category": "C", "external_seller_id": "S"}
    assert only(rows(tmp_path, lines(said))) == Product(
        "1",
        "a",
        seller="S",
        product_type="C",
        pictures=("a.jpg", "b.jpg", "c,d.jpg"),
        group="G",
        attributes={name: f"the {name}" for name in (*ATTRIBUTES, "size_system")},
        line=1,
    )


def test_ours_before_googles_and_columns_before_attributes(tmp_path):
    said = {"id": 1, "group": "", "item_group_id": "G", "product_type": "P", "google_product_category": "C"}
    said |= {"color": "red", "size": "", "attributes": {"color": "blue", "size": "M"}}
    said |= {"image_link": "a.jpg", "pictures": "b,c.jpg", "additional_image_link": ["d,e.jpg"]}
    found = only(rows(tmp_path, lines(said)))
    assert (found.group, found.product_type) == ("G", "P")
    assert found.attributes == {"color": "red", "size": "M"}
    assert found.pictures == ("a.jpg", "b,c.jpg", "d,e.jpg")


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("1.50", "1.50"),
        ("-0", "-0"),
        ("1E+400", "1E+400"),
        ("123456789012345678901234567890", "123456789012345678901234567890"),
        ("9" * 5000, "9" * 5000),
        ("true", "true"),
        ("false", "false"),
        ("null", ""),
        ('" a\\u0000b "', "ab"),
        ('"\\ud83d\\ude00"', "\N{GRINNING FACE}"),
    ],
)
def test_values_become_text_as_they_are_written(tmp_path, written, text):
    assert only(rows(tmp_path, f'{{"id": 7, "title": "a", "price": {written}}}')).price == text


def test_the_last_counts_where_a_name_comes_twice(tmp_path):
    assert only(rows(tmp_path, '{"id": "1", "title": "a", "title": "b"}')).title == "b"


def test_blank_lines_are_no_rows_but_are_counted(tmp_path):
    found = rows(tmp_path, '\n  \n{"id": "1", "title": "a"}\r\n\t\r\n{"id": "2", "title": "b\u2028c"}')
    assert [(one.id, one.line) for one in found] == [("1", 3), ("2", 5)]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252"])
def test_encodings(tmp_path, encoding):
    content = '{"id": "1", "title": "café"}\n{"id": "2", "title": "é"}\n'.encode(encoding)
    assert [(one.id, one.title) for one in rows(tmp_path, content)] == [("1", "café"), ("2", "é")]


values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**20), 10**20),
    st.text(st.characters(codec="utf-8"), max_size=8),
    st.sampled_from(["\u2028", "\x85", "\x1c", " ", "null"]),
)


@settings(max_examples=120, deadline=None, derandomize=True)
@given(st.lists(st.dictionaries(st.sampled_from((*TEXTS, "group")), values, min_size=1), min_size=1, max_size=6))
def test_what_the_standard_writer_wrote_is_read_as_it_was(tmp_path_factory, written):
    def text(name, value):
        shown = "" if value is None else str(value).lower() if isinstance(value, bool) else str(value).strip()
        return shown if name == "id" else shown.replace("\0", "").strip()

    content = "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in written)
    found = rows(tmp_path_factory.getbasetemp(), content.encode())
    assert found == [
        Product(**({"id": ""} | {name: text(name, value) for name, value in one.items()}), line=line)
        for line, one in enumerate(written, start=1)
    ]


# What can't be used ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "identifier", "reason"),
    [
        ("no JSON at all", "", "not JSON (Expecting value at character 1)"),
        ('{"id": "x", "title": "cut', "", "not JSON (Unterminated string starting at character 22)"),
        ('{"id": "x"} {"id": "y"}', "", "not JSON (Extra data at character 13)"),
        ('{"id": "x", "title": "a\tb"}', "", "not JSON (Invalid control character at character 24)"),
        ('{"id": "x", "price": NaN}', "", "not JSON (NaN is not a JSON number)"),
        ('{"id": "x", "price": -Infinity}', "", "not JSON (-Infinity is not a JSON number)"),
        ("[1, 2]", "", "not a JSON object"),
        ('"text"', "", "not a JSON object"),
        ("null", "", "not a JSON object"),
        ("[" * 100_000, "", "JSON nested too deeply"),
        ('{"id": "x", "a": ' + '{"a":' * 100_000 + "1" + "}" * 100_001, "", "JSON nested too deeply"),
        ('{"id": "x", "title": {"en": "a"}}', "x", "title is an object, not a text"),
        ('{"id": "x", "title": ["a"]}', "x", "title is a list, not a text"),
        ('{"id": {"a": 1}, "title": "a"}', "", "id is an object, not a text"),
        ('{"id": "x", "pictures": [{"src": "a.jpg"}]}', "x", "pictures is an object, not a text"),
        ('{"id": "x", "image_link": {"src": "a.jpg"}}', "x", "image_link is an object, not a text"),
        ('{"id": "x", "attributes": ["red"]}', "x", "attributes is not an object of names and texts"),
        ('{"id": "x", "attributes": {"size": [1]}}', "x", "attributes.size is a list, not a text"),
        ('{"id": "x", "attributes": {"a\\u0007": {}}}', "x", "attributes.a is an object, not a text"),
        (
            '{"id": "x", "attributes": {"\\ud83d": {}}}',
            "x",
            "attributes contains half a character (an unpaired surrogate)",
        ),
        ('{"id": "x", "title": "a\\ud83d"}', "x", "title contains half a character (an unpaired surrogate)"),
        (
            '{"id": "x\\udce9", "title": "a"}',
            "x\N{REPLACEMENT CHARACTER}",
            "id contains half a character (an unpaired surrogate)",
        ),
        ('{"id": "x", "title": "caf\udce9"}', "", "bytes that are not UTF-8"),
        ('{"id": "x", "title": "' + "y" * json_lines.LONGEST_LINE + '"}', "", "a line of more than 4 MiB"),
    ],
    ids=range(24),
)
def test_a_bad_line_is_refused_and_the_rest_goes_on(tmp_path, line, identifier, reason):
    found = rows(tmp_path, lines({"id": "1", "title": "é à è"}, line, {"id": "3", "title": "c"}).replace("\\u00e", "é"))
    assert [row.id for row in (found[0], *found[2:])] == ["1", "3"]
    assert found[2].line == 3
    bad = found[1]
    assert isinstance(bad, Refusal)
    assert (bad.where, bad.id, bad.reason) == ("line 2", identifier, reason)
    assert bad.fix


def test_unknown_names_are_ignored_whatever_they_hold(tmp_path):
    said = {"id": "1", "title": "a", "variants": [{"id": 2}], "custom_label_0": {"a": {"b": []}}, "attribute": "red"}
    assert only(rows(tmp_path, lines(said))) == Product("1", "a", line=1)


@pytest.mark.parametrize("content", ['[{"id": "1"}, {"id": "2"}]', '\n [\n{"id": "1"},\n{"id": "2"}\n]\n', "[", "[]"])
def test_an_array_is_told_with_the_way_out(tmp_path, content):
    (tmp_path / "feed.json").write_text(content)
    with pytest.raises(
        FeedError, match=r"is one JSON array, not one object per line. Convert it with `jq -c '\.\[\]' FEED"
    ):
        read_feed(tmp_path / "feed.json", FeedSettings())


def test_objects_that_are_no_products(tmp_path):
    (tmp_path / "feed.json").write_text('{"products": [{"id": "1", "title": "a"}], "next": null}')
    with pytest.raises(FeedError, match=r"JSON Lines must be one JSON object per line.*has products, next"):
        read_feed(tmp_path / "feed.json", FeedSettings())


def test_an_object_over_several_lines_is_told_with_the_way_out(tmp_path):
    (tmp_path / "feed.json").write_text(json.dumps({"id": "1", "title": "a"}, indent=2))
    with pytest.raises(FeedError, match=r"none of its 4 rows can be used, first line 1: not JSON.*`jq -c .` does that"):
        read_feed(tmp_path / "feed.json", FeedSettings(format="jsonl"))


def test_a_long_line_is_not_held(tmp_path, monkeypatch):
    monkeypatch.setattr(json_lines, "LONGEST_LINE", 40)
    found = rows(tmp_path, lines({"id": "1", "title": "a"}, "x" * 95, "y" * 41, {"id": "4", "title": "abcdefgh"}))
    assert [one.id for one in found] == ["1", "", "", "4"]
    assert [one.where for one in found[1:3]] == ["line 2", "line 3"]


# Names and recognition -------------------------------------------------------------------------------------------


def test_own_names_and_sellers(tmp_path):
    columns = {"id": "nr", "title": "Naam", "item_group_id": "groep", "pictures": "foto", "attributes": "kenmerken"}
    said = {"NR": 1, "naam": "a", "title": "not this", "groep": "G", "foto": ["a", "b"], "kenmerken": {"size": 4}}
    found = rows(tmp_path, lines(said, {"nr": 2, "winkel": "W"}), columns=columns, seller_column="winkel")
    assert found == [
        Product("1", "a", group="G", pictures=("a", "b"), attributes={"size": "4"}, line=1),
        Product("2", seller="W", line=2),
    ]


def test_a_seller_column_by_our_name(tmp_path):
    one = lines({"id": 1, "title": "a", "verkoper": "V"})
    assert only(rows(tmp_path, one, columns={"seller": "verkoper"}, seller_column="seller")).seller == "V"


@pytest.mark.parametrize(
    ("chosen", "lacking"), [({"columns": {"title": "naam"}}, "naam"), ({"seller_column": "W"}, "W")]
)
def test_a_name_that_the_feed_lacks(tmp_path, chosen, lacking):
    content = lines("broken", {"id": "1", "title": "a"})
    with pytest.raises(
        FeedError,
        match=f"the settings name the column {lacking}, which the feed lacks. Use one of its columns: id, title",
    ):
        rows(tmp_path, content, **chosen)


def test_a_name_that_comes_late_must_come_within_a_thousand_rows(tmp_path):
    plain = [{"id": str(n)} for n in range(999)]
    columns = {"title": "naam"}
    assert len(rows(tmp_path, lines(*plain, {"id": "x", "naam": "a"}), columns=columns)) == 1000
    with pytest.raises(FeedError, match="naam"):
        rows(tmp_path, lines(*plain, {"id": "y"}, {"id": "x", "naam": "a"}), columns=columns)


def test_a_name_of_ours_that_there_is_not(tmp_path):
    with pytest.raises(SettingsError, match="unknown name titel"):
        rows(tmp_path, lines({"id": 1}), columns={"titel": "id"})


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"id": 1, "Title": "a", "x": 1}', "one JSON object per line, with id, title"),
        ('\nbroken\n{"pictures": "a"}\n', "one JSON object per line, with pictures"),
        ('{"x": 1}', "one JSON object per line"),
        ("{}", "one JSON object per line"),
        ('{"id": "' + "x" * 100_000 + '"}', "begins like a JSON object"),
        ("[{}]", "one JSON array"),
        ("id\ttitle\n1\ta\n", ""),
        ('"id"\t"title"\n', ""),
        ("[1]\n[2]\n", ""),
        ("{curly}\tid\n", ""),
        ("", ""),
    ],
)
def test_recognised_by_what_it_holds(tmp_path, content, said):
    (tmp_path / "feed").write_text(content)
    assert JSON_LINES.recognise(tmp_path / "feed", FeedSettings()) == said


def test_every_row_is_counted(tmp_path):
    (tmp_path / "feed.txt").write_text(lines({"id": "1", "title": "a"}, "", "x", {"id": "1", "title": "b"}, {}))
    feed = read_feed(tmp_path / "feed.txt", FeedSettings())
    assert feed.format == "jsonl"
    assert feed.catalogue.column("id") == ["1"]
    assert [one.where for one in feed.refused] == ["line 3", "line 4", "line 5"]
    assert feed.pictures == tmp_path

import codecs
import csv
import gzip
import io
import random
import re
import tracemalloc

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from candidates.errors import FeedError, SettingsError
from candidates.product import Refusal
from candidates.settings import FeedSettings
from intake.feeds.delimited import Row, Table, header, missing_columns, plain_name, shown_columns, split

WIDTH = 12
COLUMNS = [f"c{place}" for place in range(WIDTH)]


def table(folder, text, delimiter="\t", settings=None, names=None):
    path = folder / "feed.txt"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return Table.open(path, delimiter, names or {}, settings or FeedSettings())


def rows(folder, text, delimiter="\t"):
    return list(table(folder, text, delimiter).rows(0))


def cells(folder, text, delimiter="\t"):
    return [row.cells[:-1] for row in rows(folder, text, delimiter)]


# Few letters, so that quotes, delimiters and line ends meet often; few delimiters in a text, so that no line of it is
# a whole row by itself.
tricky = st.text(alphabet='"\\\t\n\r, aé', max_size=12).filter(
    lambda text: text.count("\t") < 4 and text.count(",") < 4
)


@settings(deadline=None)
@given(
    records=st.lists(st.lists(tricky, min_size=WIDTH - 1, max_size=WIDTH - 1), max_size=4),
    delimiter=st.sampled_from("\t,"),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    ending=st.sampled_from(["\n", "\r\n"]),
)
@example([["a\\", '\\"', '\\",', '",', "\n", "\r", '"\n"', '"', '""', "x\n\t\ty", ""]], "\t", csv.QUOTE_MINIMAL, "\r\n")
@example([["", "x\n,y", *[""] * 9], ["", ",\n", *[""] * 9]], ",", csv.QUOTE_MINIMAL, "\n")
def test_what_a_standard_writer_wrote_is_read_as_it_was(tmp_path_factory, records, delimiter, quoting, ending):
    records = [[f"id{number}", *record] for number, record in enumerate(records)]
    for record in records:
        # The documented exception: a line that begins inside a quoted text and has as many delimiters as the header.
        _, *continued = re.split("[\r\n]+", written([record], delimiter, quoting, ending))
        assume(all(line.count(delimiter) < WIDTH - 1 for line in continued))
    read = cells(tmp_path_factory.getbasetemp(), written([COLUMNS, *records], delimiter, quoting, ending), delimiter)
    assert read == [[cell.strip() for cell in record] for record in records]


def written(rows, delimiter, quoting, ending):
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, quoting=quoting, lineterminator=ending).writerows(rows)
    return text.getvalue()


stray = st.text(alphabet='" a\\', max_size=6)


@settings(deadline=None)
@given(
    records=st.lists(st.tuples(stray, stray, stray), min_size=1, max_size=8),
    delimiter=st.sampled_from("\t,"),
)
@example([('"', "", ""), ("", "", ""), ("", '"', "")], "\t")
@example([('"', "", ""), ('"', "", "")], "\t")
@example([("", "", '"'), ('"', "", "")], ",")
@example([('"', '"', "")], "\t")
def test_stray_quotes_never_part_or_join_rows(tmp_path_factory, records, delimiter):
    text = "".join(delimiter.join([f"id{number}", *record]) + "\n" for number, record in enumerate(records))
    read = rows(tmp_path_factory.getbasetemp(), delimiter.join("abcd") + "\n" + text, delimiter)
    assert [row.cells[0] for row in read] == [f"id{number}" for number in range(len(records))]
    assert [row.line for row in read] == list(range(2, 2 + len(records)))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ('5" heel', '5" heel'),
        ('heel 5"', 'heel 5"'),
        ('"Best" heel', '"Best" heel'),
        ('"Best', '"Best'),
        ('"Best"', "Best"),
        ('"12"" pan"', '12" pan'),
        ('""', ""),
        ('""""', '"'),
        ('"a\tb"', "a\tb"),
        ('"a\nb"', "a\nb"),
        ('"a\r\n\r\nb"', "a\r\n\r\nb"),
        ('"a\n""b"""', 'a\n"b"'),
        (r'"say \"hello\" now"', r"say \"hello\" now"),
        ('"ends in a backslash\\"', "ends in a backslash\\"),
        ("  spaced  ", "spaced"),
        ("a\0b", "ab"),
        ("a\rb", "a\rb"),
        ("line\u2028separator\x0b\x85", "line\u2028separator"),
    ],
)
@pytest.mark.parametrize("place", [1, 2])
def test_one_field_at_a_time(tmp_path, field, value, place):
    written, expected = ["x", "y", "z"], ["x", "y", "z"]
    written[place], expected[place] = field, value
    text = "a\tb\tc\n" + "\t".join(written) + "\nx2\ty2\tz2\n"
    assert cells(tmp_path, text) == [expected, ["x2", "y2", "z2"]]


def test_lines_are_where_rows_begin(tmp_path):
    text = 'a\tb\n\n1\t"two\nthree"\n\t\n  \n2\tx\n3\t"open\n4\tx\ty\n5\t"z\n"\n'
    read = rows(tmp_path, text)
    assert [(row.line, row.cells[0]) for row in read if isinstance(row, Row)] == [
        (3, "1"),
        (7, "2"),
        (8, "3"),
        (10, "5"),
    ]
    assert [(row.where, row.id) for row in read if isinstance(row, Refusal)] == [("line 9", "4")]


def test_a_quote_that_never_closes_does_not_take_the_rest_of_the_file(tmp_path):
    text = "a\tb\tc\n" + '1\t"open\n' + "cut\toff\n" * 5 + "2\tx\ty\n"
    read = rows(tmp_path, text)
    assert [row.id for row in read[:-1]] == ["1", *["cut"] * 5]
    assert read[-1] == Row(8, ["2", "x", "y", ""])


def test_a_quoted_field_has_an_end(tmp_path, monkeypatch):
    monkeypatch.setattr("intake.feeds.delimited._LONGEST_FIELD", 100)
    text = "a\tb\tc\n" + '1\t"open\n' + "text\n" * 50 + '"\tx\n2\tx\ty\n'
    read = rows(tmp_path, text)
    assert read[0].id == "1"
    assert isinstance(read[0], Refusal)
    assert read[-1].cells[0] == "2"
    assert len(read) == 1 + 50 + 1 + 1


@pytest.mark.parametrize("end", ["", "\n", "\r\n", "\r\r\n"])
def test_every_line_ending(tmp_path, end):
    assert cells(tmp_path, f"a\tb{end or chr(10)}1\t2{end}") == [["1", "2"]]


def test_old_line_endings(tmp_path):
    assert cells(tmp_path, "a\tb\r1\t2\r3\t4") == [["1", "2"], ["3", "4"]]


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_byte_order_mark(tmp_path, mark):
    assert table(tmp_path, mark + b'"a"\tb\n1\t2\n').columns == ("a", "b")


def test_trailing_empty_columns(tmp_path):
    assert cells(tmp_path, "a\tb\t\t\n1\t2\n3\t4\t\t\n5\t6\t \t\t\t\n") == [["1", "2"], ["3", "4"], ["5", "6"]]


@pytest.mark.parametrize("line", ["only", "1\t2", "1\t2\t3\t4", "1\t2\t\t4", '1\t"2\t3\t4"\t5\t6'])
def test_wrong_number_of_fields(tmp_path, line):
    (refusal,) = rows(tmp_path, f"a\tb\tc\n{line}\n")
    assert (refusal.where, refusal.id) == ("line 2", line.split("\t")[0])
    assert f"{len(next(csv.reader([line], delimiter=chr(9))))} fields where the header has 3" in refusal.reason


def test_bytes_that_are_no_utf8_in_a_feed_that_is(tmp_path):
    read = rows(tmp_path, "a\tb\n1\tcafé naïve\n".encode() + b"2\tcaf\xe9\n\xe9\tx\n3\tx\n")
    assert [type(row) for row in read] == [Row, Refusal, Refusal, Row]
    assert read[0].cells == ["1", "café naïve", ""]
    assert (read[1].where, read[1].id, read[1].reason) == ("line 3", "2", "bytes that are not UTF-8")
    assert read[2].id.encode() == "\N{REPLACEMENT CHARACTER}".encode()


def test_windows_1252_and_the_bytes_it_gives_no_letter(tmp_path):
    read = rows(tmp_path, b"a\tb\n1\tcaf\xe9 \x80 5\n2\t\x81\n3\t\x9d\xe9\n")
    assert read[0].cells == ["1", "café € 5", ""]
    assert [(row.where, row.id, row.reason) for row in read[1:]] == [
        ("line 3", "2", "bytes that are not Windows-1252"),
        ("line 4", "3", "bytes that are not Windows-1252"),
    ]


def test_utf16_that_does_not_decode(tmp_path):
    content = codecs.BOM_UTF16_LE + "a\tb\n1\tx\n2\t?\n3\tz\n4\ty".encode("utf-16-le").replace(b"?\0", b"\0\xd8") + b"y"
    read = rows(tmp_path, content)
    assert [row.cells[0] for row in read if isinstance(row, Row)] == ["1", "3"]
    assert [(row.where, row.id, row.reason) for row in read if isinstance(row, Refusal)] == [
        ("line 3", "2", "bytes that are not UTF-16"),
        ("line 5", "4", "bytes that are not UTF-16"),
    ]


def test_an_encoding_that_the_settings_name(tmp_path):
    chosen = FeedSettings(encoding="cp437")
    assert list(table(tmp_path, b"a\tb\n1\tcaf\x82\n", settings=chosen).rows(0)) == [Row(2, ["1", "café", ""])]
    assert header(tmp_path / "feed.txt", "\t", FeedSettings(encoding="cp1252")) == ("a", "b")
    read = list(table(tmp_path, b"a\tb\n1\t\xe9\n", settings=FeedSettings(encoding="ascii")).rows(0))
    assert read[0].reason == "bytes that are not ascii"


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"])
def test_rows_and_their_lines_are_alike_in_every_encoding_and_line_ending(tmp_path, encoding, ending):
    # The bytes of these letters are line feeds and carriage returns in UTF-16.
    letters = "é" if encoding == "cp1252" else "éਊ਍ĊċഊЍ"
    drawn, expected = random.Random(encoding), []
    text, line = f"a\tb{ending}", 2
    for number in range(3_000):
        breaks = drawn.choice([0, 0, 0, 1, 2])
        value = f"{letters}{ending * breaks}{number}"
        text += f"id{number}\t" + (f'"{value}"' if breaks else value) + ending
        expected.append(Row(line, [f"id{number}", value, ""]))
        line += 1 + breaks
        if drawn.random() < 0.1:
            text += ending
            line += 1
    assert rows(tmp_path, text.encode(encoding)) == expected


def test_a_very_long_field(tmp_path):
    long = "word " * 100_000
    assert cells(tmp_path, f'a\tb\n1\t{long}\n2\t"{long}\n{long}"\n') == [
        ["1", long.strip()],
        ["2", f"{long}\n{long}".strip()],
    ]


def test_lines_that_are_too_long_are_refused_one_by_one(tmp_path, monkeypatch):
    monkeypatch.setattr("intake.feeds.delimited._LONGEST_LINE", 100)
    read = rows(tmp_path, f"a\tb\n1\t{'x' * 1000}\n2\tx\n{'y' * 101}\n\n{' ' * 500}3\tz\n4\t{'x' * 98}\n5\t{'x' * 500}")
    assert [(row.line, row.cells[0]) for row in read if isinstance(row, Row)] == [(3, "2"), (7, "4")]
    assert [(row.where, row.id) for row in read if isinstance(row, Refusal)] == [
        ("line 2", "1"),
        ("line 4", ""),
        ("line 6", ""),
        ("line 8", "5"),
    ]
    assert {row.reason for row in read if isinstance(row, Refusal)} == {"a line of more than 100 characters"}


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("seed", range(10))
def test_lines_that_are_too_long_never_shift_the_others(tmp_path, monkeypatch, ending, seed):
    monkeypatch.setattr("intake.feeds.delimited._LONGEST_LINE", 20)
    drawn = random.Random(seed)
    lengths = [drawn.choice([1, 5, 14, 15, 16, 17, 18, 19, 20, 21, 40, 41, 42, 43, 100]) for _ in range(60)]
    lines = [f"{number:02}\t{'é' * length}" for number, length in enumerate(lengths)]
    read = rows(tmp_path, ending.join(["a\tb", *lines]))
    assert [row.cells[0] if isinstance(row, Row) else row.id for row in read] == [line[:2] for line in lines]
    assert [row.line if isinstance(row, Row) else int(row.where[5:]) for row in read] == list(range(2, 62))
    for line, row in zip(lines, read, strict=True):
        if isinstance(row, Row):
            assert row.cells[1] == line[3:]
        assert isinstance(row, Row) or len(line + ending) > 20
        assert len(line) <= 20 or isinstance(row, Refusal)


def test_a_line_that_is_too_long_ends_a_quoted_field(tmp_path, monkeypatch):
    monkeypatch.setattr("intake.feeds.delimited._LONGEST_LINE", 100)
    read = rows(tmp_path, f'a\tb\n1\t"open\n{"x" * 200}"\n2\ty\n')
    assert read[0] == Row(2, ["1", '"open', ""])
    assert (read[1].where, read[1].reason) == ("line 3", "a line of more than 100 characters")
    assert read[2] == Row(4, ["2", "y", ""])


def test_a_header_that_is_too_long(tmp_path, monkeypatch):
    monkeypatch.setattr("intake.feeds.delimited._LONGEST_LINE", 100)
    monkeypatch.setattr("intake.feeds.delimited._MOST_COLUMNS", 30)
    with pytest.raises(
        FeedError, match=r"feed\.txt: its first line has more than 100 characters. Check for missing line breaks"
    ):
        table(tmp_path, "a\t" + "x" * 200)
    with pytest.raises(FeedError, match=r"names 31 columns. Use at most 30 columns"):
        table(tmp_path, "a\t" * 31)
    assert len(table(tmp_path, "a\t" * 30).columns) == 30


def test_a_line_without_end_is_read_in_little_memory(tmp_path):
    path = tmp_path / "feed.txt"
    with path.open("wb") as file:
        file.write(b"a\tb\n1\tx\n2\t")
        file.truncate(160 * 2**20)
        file.seek(0, io.SEEK_END)
        file.write(b"\n3\ty\n")
    tracemalloc.start()
    read = list(Table.open(path, "\t", {}, FeedSettings()).rows(0))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert [row.cells[0] if isinstance(row, Row) else row.id for row in read] == ["1", "2", "3"]
    assert read[-1].line == 4
    assert peak < 96 * 2**20


def test_nul_stays_in_the_key_alone(tmp_path):
    assert cells(tmp_path, "a\tb\n1\0\t\x002\0\n") == [["1\0", "2"]]


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"", "empty"),
        (b"\n\n", "empty"),
        (gzip.compress(b"", mtime=0), "empty"),
        ("\n".encode("utf-16"), "empty"),
        (b"\x1f\x8b\x08", "gzip"),
        (b"PK\x03\x04", "zip"),
        (b"PAR1", "Parquet"),
    ],
)
def test_files_that_are_no_table(tmp_path, content, kind):
    path = tmp_path / "feed.txt"
    path.write_bytes(content)
    with pytest.raises(FeedError, match=kind):
        header(path, "\t")


@pytest.mark.parametrize("name", ["missing.txt", "."])
def test_files_that_cannot_be_read(tmp_path, name):
    with pytest.raises(FeedError, match="can't be read"):
        header(tmp_path / name, "\t")


def test_column_names_are_compared_in_plain_form(tmp_path):
    assert plain_name(" g:Image Link ") == "image_link"
    made = table(tmp_path, "ID\tg:title\tImage link\ttitle\n")
    assert (made.position("id"), made.position("title"), made.position("image_link")) == (0, 1, 2)
    assert made.position("price") == -1
    assert "price" not in made


def test_own_column_names(tmp_path):
    chosen = FeedSettings(columns={"Group": "model", "title": "naam", "description": "naam"})
    made = table(tmp_path, "id\ttitle\tNaam\tmodel\n", settings=chosen, names={"group": "item_group_id"})
    assert made.position("title") == made.position("description") == 2
    assert made.position("item_group_id") == 3


def test_settings_that_do_not_fit_the_feed(tmp_path):
    made = table(tmp_path, "id\ttitle\n", settings=FeedSettings())
    names = {"id": "id", "title": "title", "group": "item_group_id"}
    made.require(FeedSettings(columns={"title": "Title", "item_group_id": "id"}, seller_column="title"), names)
    with pytest.raises(SettingsError, match=r"titel.*Use one of id, title, group"):
        made.require(FeedSettings(columns={"titel": "title"}), names)
    with pytest.raises(FeedError, match=r"naam, shop, which the feed lacks.*Use one of its columns: id, title"):
        made.require(FeedSettings(columns={"title": "naam"}, seller_column="shop"), names)


def test_missing_columns_of_the_settings():
    chosen = FeedSettings(columns={"title": "naam", "id": "nr"}, seller_column="winkel")
    assert missing_columns(chosen, ("naam", "x")) == ["nr", "winkel"]
    assert missing_columns(FeedSettings(columns={"brand": "merk"}, seller_column="brand"), ("merk",)) == []


@pytest.mark.parametrize(
    ("columns", "named", "place"),
    [
        ("id\tbrand\tseller", "brand", 1),
        ("id\tbrand\tseller", "", 2),
        ("id\texternal_seller_id\tseller", "", 2),
        ("id\texternal_seller_id", "", 1),
        ("id\tbrand", "", -1),
        ("id\tMy Shop", "my shop", 1),
    ],
)
def test_the_column_of_the_seller(tmp_path, columns, named, place):
    chosen = FeedSettings(seller_column=named)
    assert table(tmp_path, columns + "\n", settings=chosen).seller_position(chosen) == place


@pytest.mark.parametrize(("columns", "place"), [("id\tbrand\tmerk", 1), ("id\tmerk", 1), ("id\tmerk\tseller", 1)])
def test_the_column_of_the_seller_is_looked_up_as_the_feed_names_it_first(tmp_path, columns, place):
    chosen = FeedSettings(seller_column="brand", columns={"brand": "merk"})
    assert table(tmp_path, columns + "\n", settings=chosen).seller_position(chosen) == place


def test_shown_columns_are_fit_for_a_message():
    assert shown_columns(("a\x07b", "x" * 100)) == "ab, " + "x" * 40
    assert shown_columns(tuple(f"c{n}" for n in range(23))).endswith("c19 and 3 more")


def test_split_of_a_list():
    assert split('a.jpg, "b, c.jpg",d"e.jpg', ",") == ["a.jpg", ' "b', ' c.jpg"', 'd"e.jpg']
    assert split('a.jpg,"b, ""c"".jpg"', ",") == ["a.jpg", 'b, "c".jpg']
    assert split("", ",") == []

"""The short run of the fuzzers, and feeds with a known number of rows of which none may be lost."""

import csv
import io
import json
import re
import subprocess
import sys
from xml.sax.saxutils import escape

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from candidates.errors import FeedError
from candidates.settings import FeedSettings
from intake.feeds import read_feed
from tests.conftest import ROOT
from tests.fuzz import feed_target, run

# What a standard writer can write so that every row stays one: no letters that XML lacks, and within a quoted text
# no line that would be a row by itself.
letters = st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff")
text = st.one_of(
    st.sampled_from(
        ['5" heel', '"quoted"', '"', '""', '"x', 'x"', "\\", '\\"', "a\\", "=1", "NaN", "null", "é", "\ufeff"]
    ),
    st.sampled_from(
        ["<b>a</b>", "&amp;", "]]>", "<!--", "<![CDATA[", "a,b", "a;b", "a|b", "a=b", "sku=x|sku=y", "  ", ""]
    ),
    st.text(letters, max_size=8),
)
identifier = st.one_of(
    st.sampled_from(["1", "2", "3", "", " ", "x" * 200, "x" * 201, "a\u2028b", "id:1", "nl", "é", '"', "\ufeff"]),
    st.text(letters, max_size=4),
)

COLUMNS = {
    "google-tsv": ("id", "title", "image_link", "additional_image_link", "item_group_id", "color", "brand"),
    "shopify": (
        *("Handle", "Title", "Vendor", "Type", "Option1 Name", "Option1 Value", "Option2 Name", "Option2 Value"),
        *("Variant SKU", "Variant Price", "Image Src", "Image Position", "Variant Image"),
    ),
    "woocommerce": (
        *("ID", "Type", "SKU", "Name", "Description", "Categories", "Images", "Parent"),
        *("Attribute 1 name", "Attribute 1 value(s)", "Attribute 2 name", "Attribute 2 value(s)"),
    ),
    "magento": (
        *("sku", "store_view_code", "attribute_set_code", "name", "categories", "base_image", "additional_attributes"),
        "configurable_variations",
    ),
}
KINDS = {
    **dict.fromkeys(("id", "Handle", "Variant SKU", "ID", "SKU", "Parent", "sku", "item_group_id"), identifier),
    "Type": st.sampled_from(["simple", "variable", "variation", "variation, virtual", "grouped", "", "Simple", "?"]),
    "store_view_code": st.sampled_from(["", "", "nl", "de", "x y"]),
    "Image Position": st.sampled_from(["", "1", "2", "-1", "x", "1.5", "9" * 30, "٣"]),
}


def rows_of(columns):
    return st.lists(st.fixed_dictionaries({name: KINDS.get(name, text) for name in columns}), min_size=1, max_size=6)


def read_all(folder, content, rows, chosen):
    """Reads a feed of so many rows; all of them must be accounted for, also where none can be used."""
    path = folder / f"feed-{chosen.format}"
    path.write_bytes(content)
    try:
        feed = read_feed(path, chosen)
    except FeedError as error:
        said = str(error)
    else:
        feed_target.account(feed, feed_target.Known(rows))
        assert feed.format == chosen.format
        return
    # Of an array, of objects with no name that is known, of a store view that is nowhere, not a single row is read.
    whole = r"store view" if chosen.store_view else r"is one JSON array|JSON Lines must be"
    assert re.search(rf"{whole}|none of its {rows} rows can be used", said), said


def delimited(columns, rows, delimiter, quoting):
    # The last column keeps a row of empty cells from being a blank line, which is no row.
    written = io.StringIO()
    writer = csv.writer(written, delimiter=delimiter, quoting=quoting, lineterminator="\n")
    writer.writerow([*columns, "note"])
    writer.writerows([*(row[name] for name in columns), "-"] for row in rows)
    return written.getvalue()


@pytest.mark.parametrize("kind", COLUMNS)
@settings(deadline=None, derandomize=True, max_examples=60)
@given(data=st.data())
def test_every_row_of_a_delimited_feed_is_accounted_for(tmp_path_factory, kind, data):
    rows = data.draw(rows_of(COLUMNS[kind]))
    delimiter = data.draw(st.sampled_from("\t,;|" if kind == "google-tsv" else ","))
    quoting = data.draw(st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]))
    encoding = data.draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]))
    content = delimited(COLUMNS[kind], rows, delimiter, quoting).encode(encoding)
    view = data.draw(st.sampled_from(["", "nl"])) if kind == "magento" else ""
    chosen = FeedSettings(format=kind, store_view=view)
    read_all(tmp_path_factory.getbasetemp(), content, len(rows), chosen)


NAMED = ("id", "title", "image_link", "item_group_id", "brand", "color", "description")


@settings(deadline=None, derandomize=True, max_examples=80)
@given(rows_of(NAMED), st.booleans())
def test_every_item_of_an_xml_feed_is_accounted_for(tmp_path_factory, rows, atom):
    items = "".join(
        f"<{'entry' if atom else 'item'}>"
        + "".join(f"<g:{name}>{escape(cell)}</g:{name}>" for name, cell in row.items())
        + f"</{'entry' if atom else 'item'}>\n"
        for row in rows
    )
    names = 'xmlns:g="http://base.google.com/ns/1.0"'
    around = (
        (f'<feed xmlns="http://www.w3.org/2005/Atom" {names}>', "</feed>")
        if atom
        else (f'<rss version="2.0" {names}><channel>', "</channel></rss>")
    )
    content = f'<?xml version="1.0"?>\n{around[0]}\n{items}{around[1]}\n'.encode()
    read_all(tmp_path_factory.getbasetemp(), content, len(rows), FeedSettings(format="google-xml"))


json_value = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), text),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(text, inner, max_size=2),
    max_leaves=4,
)
json_row = st.one_of(
    st.fixed_dictionaries(
        {"id": identifier, "title": text}, optional={"pictures": json_value, "attributes": json_value}
    ),
    st.dictionaries(st.sampled_from([*NAMED, "pictures", "attributes", "group", "seller", "price"]), json_value),
    json_value,
)


@settings(deadline=None, derandomize=True, max_examples=120)
@given(st.lists(json_row, min_size=1, max_size=6), st.booleans())
def test_every_line_of_a_json_feed_is_accounted_for(tmp_path_factory, rows, ascii_alone):
    content = "".join(json.dumps(row, ensure_ascii=ascii_alone) + "\n" for row in rows).encode()
    read_all(tmp_path_factory.getbasetemp(), content, len(rows), FeedSettings(format="jsonl"))


@settings(deadline=None, derandomize=True, max_examples=60)
@given(rows_of(NAMED), st.sampled_from([pa.string(), pa.large_string()]), st.booleans())
def test_every_row_of_a_parquet_feed_is_accounted_for(tmp_path_factory, rows, kind, encoded):
    columns = {name: pa.array([row[name] for row in rows], kind) for name in NAMED}
    columns["price"] = pa.array([None, *range(len(rows) - 1)], pa.float32())
    columns["pictures"] = pa.array([[row["title"], None][: n % 3] for n, row in enumerate(rows)], pa.list_(kind))
    columns["attributes"] = pa.array([[("fit", row["brand"])] for row in rows], pa.map_(pa.string(), kind))
    if encoded:
        columns["title"] = columns["title"].dictionary_encode()
    written = io.BytesIO()
    pq.write_table(pa.table(columns), written)
    read_all(tmp_path_factory.getbasetemp(), written.getvalue(), len(rows), FeedSettings(format="parquet"))


def fuzzed(keep, *arguments):
    return subprocess.run(
        [sys.executable, "-m", "tests.fuzz.run", "--keep", str(keep), *arguments],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=240,
        check=False,
    )


@pytest.mark.parametrize("kind", ["feeds", "pictures"])
def test_mutated_files_give_what_can_be_used_or_an_error_for_people(tmp_path, kind):
    done = fuzzed(tmp_path / "kept", f"--{kind}", "300")
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{kind}: 300 inputs" in done.stdout
    assert not (tmp_path / "kept").exists()


def test_atheris_finds_nothing_in_three_seconds(tmp_path):
    pytest.importorskip("atheris", reason="needs atheris: uv pip install atheris")
    done = fuzzed(tmp_path / "kept", "--atheris", "3")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "nothing found" in done.stdout


def test_inputs_are_made_from_their_numbers_alone():
    made = [feed_target.mutated(seed) for seed in range(40)]
    assert made == [feed_target.mutated(seed) for seed in range(40)]
    assert len(set(made)) > 35
    assert max(map(len, made)) <= feed_target.LONGEST * 5


TARGET = """
import os, time

def corpus():
    return ()

def mutated(seed):
    return bytes([seed])

def one_input(data):
    match data[0]:
        case 1:
            raise ZeroDivisionError("made up")
        case 3:
            os._exit(7)
        case 5:
            time.sleep(60)
        case 7:
            held = bytearray(900 * 2**20)
            held[::4096] = b"x" * len(held[::4096])
"""


def test_a_target_that_crashes_dies_hangs_and_swells_is_found_out(tmp_path, monkeypatch, capsys):
    (tmp_path / "made_up_target.py").write_text(TARGET)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(run.TARGETS, "feeds", "made_up_target")
    monkeypatch.setattr(run, "_serve", serve_made_up)
    keep = tmp_path / "kept"
    assert run.main(["--feeds", "9", "--limit-seconds", "2", "--limit-mib", "300", "--keep", str(keep)]) == 1
    said = capsys.readouterr().out
    assert "feeds: 9 inputs (5 used, 4 CRASH)" in said
    assert "ZeroDivisionError: made up" in said
    assert "the process died with exit code 7" in said
    assert "still at it after 2 seconds" in said
    assert "MemoryError" in said or "MiB of memory" in said
    assert sorted(path.name for path in keep.iterdir()) == ["feeds-1", "feeds-3", "feeds-5", "feeds-7"]
    assert (keep / "feeds-5").read_bytes() == b"\x05"
    with pytest.raises(ZeroDivisionError, match="made up"):
        run.main(["--replay", str(keep / "feeds-1")])


serve = run._serve


def serve_made_up(pipe, kind, memory):
    run.TARGETS["feeds"] = "made_up_target"
    serve(pipe, kind, memory)


def test_a_row_that_gets_lost_is_noticed(tmp_path):
    path = tmp_path / "feed.tsv"
    path.write_text("id\ttitle\n1\ta\n2\t\n")
    feed = read_feed(path, FeedSettings())
    feed_target.account(feed, feed_target.Known(2, 2, frozenset((2, 3))))
    for known in (feed_target.Known(1), feed_target.Known(3), feed_target.Known(fewest=3)):
        with pytest.raises(feed_target.RowsLost, match="2 rows of"):
            feed_target.account(feed, known)
    with pytest.raises(feed_target.RowsLost, match=r"nothing came of lines \[4\]"):
        feed_target.account(feed, feed_target.Known(lines=frozenset((2, 4))))


@pytest.mark.parametrize(
    ("kind", "content", "known"),
    [
        ("google-tsv", "id\ttitle\n1\ta\n\n2\tb\n\t\n", (2, 2, {2, 4})),
        ("shopify", 'Handle,Title\n1,"a\n2,b\n3\n4,"c"\n', (None, 1, {3})),
        ("shopify", '"Handle",Title\n1,a\n', (None, 0, set())),
        ("jsonl", '{"id": 1}\n\n  \nnot JSON\n', (2, 2, {1, 4})),
        ("google-xml", "<rss><channel><item/><item><id>1</id></item></channel></rss>", (2, 0, set())),
        ("google-xml", "<rss><channel><item><item>1</item></channel><item>2</item></rss>", (None, 2, set())),
        ("google-xml", "<feed><entry><!-- </entry><entry> </entry>", (None, 0, set())),
    ],
)
def test_what_a_simple_look_knows_of_the_rows(kind, content, known):
    assert feed_target.known_of(content.encode(), kind, FeedSettings()) == known
    assert feed_target.known_of(content.encode("utf-16"), kind, FeedSettings()) == known

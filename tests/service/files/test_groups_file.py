"""`groups.csv` read back: the ids of the catalogue, whatever a spreadsheet would make of them."""

import csv

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from candidates.errors import SchemaError
from service.files.groups_file import Member, read_groups, write_groups

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
members = st.lists(st.builds(Member, words, words, st.just("colour (red, blue)")), max_size=5)


def written(folder, made):
    path = folder / "groups.csv"
    write_groups(path, made)
    return path


@given(members)
@example([Member("=1+1", "G,1", ""), Member("'=1+1", "G,1", ""), Member("-7", 'say "G"', "")])
@settings(deadline=None, derandomize=True, max_examples=50)
def test_what_was_written_is_read(tmp_path_factory, made):
    assert read_groups(written(tmp_path_factory.mktemp("groups"), made)) == made


def test_no_cell_is_a_formula_and_the_columns_are_those_of_a_supplemental_feed(tmp_path):
    path = written(tmp_path, [Member("=1+1", "G1", "=2+2"), Member("plain", "G1", "size\n(S)")])
    with path.open(encoding="utf-8", newline="") as file:
        header, first, second = csv.reader(file)
    assert header == ["id", "item_group_id", "varies"]
    assert first == ["'=1+1", "G1", "'=2+2"]
    assert second == ["plain", "G1", "size (S)"]


def test_nothing_grouped_is_a_header_alone(tmp_path):
    assert read_groups(written(tmp_path, [])) == []


@pytest.mark.parametrize(
    ("content", "missing"),
    [
        ("", "id, item_group_id, varies"),
        ("id,item_group_id\na,G\n", "varies"),
        ("id;item_group_id;varies\na;G;\n", "id, item_group_id, varies"),
    ],
)
def test_a_file_that_lacks_a_column_is_refused_by_name(tmp_path, content, missing):
    path = tmp_path / "groups.csv"
    path.write_text(content, "utf-8")
    with pytest.raises(SchemaError, match=f"lacks the column {missing}"):
        read_groups(path)


def test_a_file_that_somebody_widened_and_shortened_is_read(tmp_path):
    path = tmp_path / "groups.csv"
    path.write_text("note,varies,item_group_id,id\n,size,G,a\n\n,,G\n", "utf-8")
    assert read_groups(path) == [Member("a", "G", "size"), Member("", "G", "")]


def test_a_write_that_fails_leaves_what_was_there(tmp_path):
    path = written(tmp_path, [Member("a", "G", "")])

    def broken():
        yield Member("b", "G", "")
        raise RuntimeError("stopped")

    with pytest.raises(RuntimeError):
        write_groups(path, broken())
    assert read_groups(path) == [Member("a", "G", "")]

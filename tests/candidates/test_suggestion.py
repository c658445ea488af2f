import csv
import os

import pytest

from candidates.artifacts import write_parquet
from candidates.errors import SchemaError
from candidates.suggestion import (
    COLUMNS,
    SAME_ITEM,
    SUGGESTIONS,
    VARIANT,
    Reason,
    Suggestion,
    harmless,
    read_suggestions,
    write_suggestions,
    write_suggestions_csv,
)

SHAPE = Reason("picture shape", "pictures of nearly the same shape", 2.125)
WORDS = Reason("title words", "titles share 'Maja tee'", 0.5)
COLOUR = Reason("attributes", "colours differ: black, navy", -0.25)
PAIR = Suggestion("p1", "p2", 0.9375, VARIANT, ("colours differ: black, navy",), (SHAPE, WORDS, COLOUR))
SCORED = Suggestion("p1", "p3", None, SAME_ITEM, score=-1.5)
HOSTILE = (
    *("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1", "\u200b=1", "'=1", "＝1+1"),
    *("<script>alert(1)</script>", "a\nb", "🔴👩‍👧", "\u202eevil", "", 'quo"te,semi;colon', "nul\x00"),
)


def cells_of(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_sentence_says_why_once():
    assert PAIR.sentence == ("pictures of nearly the same shape; titles share 'Maja tee'; colours differ: black, navy")
    against = Suggestion("a", "b", 0.5, VARIANT, (), (SHAPE, Reason("brand", "brands differ", -1)))
    assert against.sentence == "pictures of nearly the same shape; but brands differ"


def test_differences_that_speak_against_are_said_once():
    varies_in = ("colours differ: black, navy", "sizes differ: S, M")
    one = Suggestion("a", "b", 0.5, VARIANT, varies_in, (SHAPE, Reason("attributes", "; ".join(varies_in), -1)))
    assert one.sentence == f"pictures of nearly the same shape; {'; '.join(varies_in)}"


def test_parquet_gives_back_what_it_was_given(tmp_path):
    path = tmp_path / "suggestions.parquet"
    hostile = [Suggestion(f"{text}1", f"{text}2", 0.5, VARIANT, (text,), (Reason("r", text, 1),)) for text in HOSTILE]
    assert write_suggestions(path, iter([PAIR, SCORED, *hostile])) == 2 + len(HOSTILE)
    assert list(read_suggestions(path)) == [PAIR, SCORED, *hostile]


def test_parquet_of_nothing_and_of_many_blocks(tmp_path, monkeypatch):
    path = tmp_path / "suggestions.parquet"
    assert write_suggestions(path, []) == 0
    assert list(read_suggestions(path)) == []
    monkeypatch.setattr("candidates.suggestion._BLOCK", 2)
    many = [Suggestion(f"a{n}", f"b{n}", 0.5, VARIANT) for n in range(5)]
    write_suggestions(path, many)
    assert list(read_suggestions(path)) == many


def test_a_parquet_file_of_something_else_is_refused_by_name(tmp_path):
    path = tmp_path / "suggestions.parquet"
    write_suggestions(path, [PAIR])
    import pyarrow.parquet as pq

    write_parquet(path, pq.read_table(path).drop_columns(["relation"]))
    with pytest.raises(SchemaError, match="relation"):
        list(read_suggestions(path))
    assert "relation" in SUGGESTIONS.names


def test_the_csv_is_for_people(tmp_path):
    path = tmp_path / "suggestions.csv"
    assert write_suggestions_csv(path, [PAIR, SCORED], {"p1": "Maja tee black", "p2": "Maja tee navy"}) == 2
    first, second = cells_of(path)
    assert tuple(first) == COLUMNS
    assert first == {
        "left_id": "p1",
        "right_id": "p2",
        "left_title": "Maja tee black",
        "right_title": "Maja tee navy",
        "probability": "0.9375",
        "score": "",
        "relation": "variant",
        "varies_in": "colours differ: black, navy",
        "reasons_for": "pictures of nearly the same shape (+2.12); titles share 'Maja tee' (+0.50)",
        "reasons_against": "colours differ: black, navy (-0.25)",
    }
    assert (second["probability"], second["score"], second["right_title"]) == ("", "-1.5000", "")


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_titles_stay_harmless(text, tmp_path):
    path = tmp_path / "suggestions.csv"
    hostile = Suggestion(text, "p2", 0.5, VARIANT, (text,), (Reason("r", text, 1.0), Reason("r", text, -1.0)))
    write_suggestions_csv(path, [hostile, PAIR], {text: text, "p2": text})
    rows = cells_of(path)
    assert len(path.read_text("utf-8").splitlines()) == len(rows) + 1 == 3
    for row in rows:
        for cell in (cell for name, cell in row.items() if name not in ("probability", "score")):
            assert not cell.lstrip(" '\u200b").startswith(tuple("=+-@＝\t\r\n")) or cell.startswith("'")
            assert not set(cell) & {"\n", "\r", "\t", "\x00", "\u202e"}


def test_what_is_harmless_stays_as_it_is():
    assert [harmless(text) for text in ("Maja tee", "'quoted'", "<b>", "🔴", "1-2", "a=b")] == [
        *("Maja tee", "'quoted'", "<b>", "🔴", "1-2", "a=b")
    ]


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "suggestions.csv"
    write_suggestions_csv(path, [PAIR], {})
    before = path.read_bytes()

    def failing():
        yield PAIR
        raise RuntimeError("cut off")

    with pytest.raises(RuntimeError, match="cut off"):
        write_suggestions_csv(path, failing(), {})
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["suggestions.csv"]

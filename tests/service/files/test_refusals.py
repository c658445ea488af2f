import csv

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from candidates.errors import SchemaError
from candidates.product import Refusal
from candidates.schema import REFUSED
from service.files.refusals import read_refusals, write_refusals

cell = st.text(alphabet=st.sampled_from("'=+-@\t\r\n\"a,;é \0"), max_size=5)


@settings(deadline=None)
@given(st.lists(st.builds(Refusal, cell, cell, cell, cell), max_size=5))
def test_what_is_written_is_read(tmp_path_factory, refusals):
    path = tmp_path_factory.getbasetemp() / "refused.csv"
    write_refusals(path, refusals)
    assert read_refusals(path) == tuple(refusals)
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.reader(file):
            assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in row)


@pytest.mark.parametrize("formula", ["=cmd|' /C calc'!A0", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_a_formula_becomes_text(tmp_path, formula):
    write_refusals(tmp_path / "refused.csv", [Refusal("line 2", formula, "no title", "give one")])
    with (tmp_path / "refused.csv").open(encoding="utf-8", newline="") as file:
        assert list(csv.reader(file)) == [list(REFUSED), ["line 2", f"'{formula}", "no title", "give one"]]


def test_plain_cells_stay_as_they_are(tmp_path):
    refusal = Refusal("line 2", "'t Hooft", "a=b", "é")
    write_refusals(tmp_path / "refused.csv", [refusal])
    assert "'t Hooft" in (tmp_path / "refused.csv").read_text("utf-8")
    assert "''t" not in (tmp_path / "refused.csv").read_text("utf-8")
    assert read_refusals(tmp_path / "refused.csv") == (refusal,)


def test_nothing_refused(tmp_path):
    write_refusals(tmp_path / "refused.csv", [])
    assert read_refusals(tmp_path / "refused.csv") == ()
    assert (tmp_path / "refused.csv").read_text("utf-8").strip() == ",".join(REFUSED)


def test_the_old_file_stays_when_writing_fails(tmp_path):
    path = tmp_path / "refused.csv"
    write_refusals(path, [Refusal("line 2", "a", "b", "c")])

    def failing():
        yield Refusal("line 3", "x", "y", "z")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_refusals(path, failing())
    assert read_refusals(path) == (Refusal("line 2", "a", "b", "c"),)
    assert [entry.name for entry in tmp_path.iterdir()] == ["refused.csv"]


@pytest.mark.parametrize("content", ["", "id,reason\n1,2\n"])
def test_another_file(tmp_path, content):
    (tmp_path / "refused.csv").write_text(content)
    with pytest.raises(SchemaError, match="where, id, reason, fix"):
        read_refusals(tmp_path / "refused.csv")


def test_a_file_whose_last_column_is_still_called_mend(tmp_path):
    (tmp_path / "refused.csv").write_text("where,id,reason,mend\nline 2,a,no title,give one\n")
    assert read_refusals(tmp_path / "refused.csv") == (Refusal("line 2", "a", "no title", "give one"),)

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from candidates.axis import Axis
from candidates.errors import AxisMismatch, UnknownId

ids = st.lists(st.text(st.characters(codec="utf-8"), max_size=3), unique=True, max_size=8)


@settings(deadline=None)
@given(ids, ids)
def test_axes_are_the_same_when_their_ids_are(left, right):
    one, two = Axis.of(left), Axis.of(right)
    assert (one == two) is (left == right)
    assert (one.digest == two.digest) is (left == right)
    assert one != left


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (["a", "b"], ["b", "a"]),
        (["ab", "c"], ["a", "bc"]),
        ([], [""]),
        (["a"], ["a", ""]),
        (["a\0", "b"], ["a", "\0b"]),
    ],
)
def test_ids_in_another_order_or_cut_otherwise_are_another_axis(left, right):
    assert Axis.of(left) != Axis.of(right)


def test_the_digest_does_not_depend_on_how_the_ids_are_held():
    plain = Axis.of(["a", "é", "", "d"])
    held = [
        pa.array(["a", "é", "", "d"], pa.string()),
        pa.array(["a", "é", "", "d"]).dictionary_encode(),
        pa.chunked_array([["a"], [], ["é", "", "d"]], pa.large_string()),
        pa.array(["x", "a", "é", "", "d", "y"]).slice(1, 4),
        iter(["a", "é", "", "d"]),
    ]
    assert {Axis.of(one).digest for one in held} == {plain.digest}
    assert len({plain, *(Axis.of(["a", "é", "", "d"]) for _ in range(3))}) == 1


def test_an_axis_read_back_is_the_same_on_every_machine():
    # A digest is written into run folders: it must not change with a version of ours.
    assert Axis.of(["p1", "p2"]).digest == "32681efd1e3ad9d4bc84a17789cb4632"


def test_an_id_that_stands_twice_is_named():
    with pytest.raises(AxisMismatch, match="'b' occurs more than once"):
        Axis.of(["a", "b", "c", "b"])


@pytest.mark.parametrize("empty", [[], pa.array([], pa.string()), pa.chunked_array([], pa.string())])
def test_an_axis_without_ids(empty):
    axis = Axis.of(empty)
    assert (len(axis), list(axis)) == (0, [])
    assert axis.rows.tolist() == []
    assert axis.rows_of(["a"]).tolist() == [-1]
    assert len(axis.take(np.zeros(0, np.int64))) == 0


@settings(deadline=None)
@given(ids, st.lists(st.text(st.characters(codec="utf-8"), max_size=2), max_size=8))
def test_rows_of_ids(known, asked):
    axis = Axis.of(known)
    plain = {identifier: row for row, identifier in enumerate(known)}
    asked = [*asked, *known[::2], *known[:1]]
    expected = [plain.get(identifier, -1) for identifier in asked]
    for found in (axis.rows_of(asked), axis.rows_of(pa.array(asked, pa.string()))):
        assert found.dtype == np.int32
        assert found.tolist() == expected
    assert [axis.row_of(identifier) for identifier in known] == list(range(len(known)))


def test_an_unknown_id_is_named():
    with pytest.raises(UnknownId, match="'z'"):
        Axis.of(["a"]).row_of("z")


def test_reading_ids():
    axis = Axis.of(["a", "b", "c"])
    assert (axis[1], axis[np.int32(2)], list(axis)) == ("b", "c", ["a", "b", "c"])
    assert axis.rows.tolist() == [0, 1, 2]
    assert axis.rows.dtype == np.int32


def test_some_of_the_rows_in_the_order_given():
    axis = Axis.of(["a", "b", "c"])
    assert list(axis.take(np.array([2, 0]))) == ["c", "a"]
    assert axis.take(axis.rows) == axis
    with pytest.raises(AxisMismatch, match="'c' occurs more than once"):
        axis.take(np.array([2, 2]))


def test_another_axis_is_refused_with_both_sizes():
    axis = Axis.of(["a", "b"])
    axis.require(Axis.of(["a", "b"]), "text run")
    with pytest.raises(AxisMismatch, match=r"text run: expected 2 ids .*, got 1 "):
        axis.require(Axis.of(["a"]), "text run")

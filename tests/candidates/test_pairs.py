"""Pair tables: undirected pairs of directed lists against a set, look-ups, files, and what is said when they clash."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from candidates.axis import Axis
from candidates.errors import AxisMismatch, RunFolderError, SchemaError
from candidates.pairs import PairTable
from candidates.run import Part, Run


def axis(n, prefix="p"):
    return Axis.of([f"{prefix}{i}" for i in range(n)])


def run_of(lists, items, queries=None, cuts=()):
    """A run of plain lists, in parts that begin at the cuts."""
    parts = []
    for start, stop in zip([0, *cuts], [*cuts, len(lists)], strict=True):
        some = lists[start:stop]
        offsets = np.concatenate([[0], np.cumsum([len(one) for one in some])]).astype(np.int64)
        rows = np.array([row for one in some for row in one], np.int32)
        parts.append(Part(start, offsets, rows, np.ones(len(rows), np.float32)))
    return Run("made up", queries or items, items, tuple(parts))


def table(pairs, n=6, **columns):
    left, right = (np.array([pair[side] for pair in pairs], np.int32) for side in (0, 1))
    columns = {name: np.array(values, np.float32) for name, values in columns.items()}
    return PairTable(axis(n), left, right, columns)


def listed(pairs):
    return list(zip(pairs.left.tolist(), pairs.right.tolist(), strict=True))


@settings(max_examples=50, deadline=None, derandomize=True)
@given(st.lists(st.lists(st.integers(0, 7), max_size=6), min_size=8, max_size=8), st.integers(0, 8))
def test_pairs_of_lists_are_those_of_a_set(lists, cut):
    pair_table = PairTable.of_candidates(run_of(lists, axis(8), cuts=(cut,)))
    expected = {(min(q, c), max(q, c)) for q, own in enumerate(lists) for c in own if q != c}
    assert listed(pair_table) == sorted(expected)
    assert pair_table.left.dtype == pair_table.right.dtype == np.int32
    assert pair_table.items == axis(8)
    assert [pair_table.offsets[row] for row in range(9)] == [sum(a < row for a, _ in expected) for row in range(9)]


def test_a_part_of_a_longer_array_gives_only_its_own_pairs():
    whole = Part(0, np.array([0, 2, 3, 5], np.int64), np.array([1, 2, 2, 0, 1], np.int32), np.ones(5, np.float32))
    parts = (
        Part(0, whole.offsets[:2], whole.rows[:2], whole.scores[:2]),
        Part(1, whole.offsets[1:], whole.rows, whole.scores),
    )
    pair_table = PairTable.of_candidates(Run("cut", axis(3), axis(3), parts))
    assert listed(pair_table) == [(0, 1), (0, 2), (1, 2)]


def test_some_products_alone_may_be_asked():
    items = axis(5)
    pair_table = PairTable.of_candidates(run_of([[0, 1], [2]], items, items.take(np.array([3, 4]))))
    assert listed(pair_table) == [(0, 3), (1, 3), (2, 4)]


def test_a_query_that_is_no_product_is_named():
    with pytest.raises(AxisMismatch, match="'q0' is not a product"):
        PairTable.of_candidates(run_of([[0], [1]], axis(5), axis(2, "q")))


def test_no_lists_and_empty_lists_give_no_pairs():
    assert len(PairTable.of_candidates(run_of([], axis(0)))) == 0
    assert len(PairTable.of_candidates(run_of([[], [], []], axis(3)))) == 0
    assert PairTable.of(axis(0), np.zeros(0, np.int32), np.zeros(0, np.int32)).matrix().shape == (0, 0)


def test_pairs_of_any_order_and_direction():
    pair_table = PairTable.of(axis(6), np.array([5, 1, 1, 3, 2]), np.array([2, 0, 0, 3, 5]))
    assert listed(pair_table) == [(0, 1), (2, 5)]


def test_many_products_do_not_overflow():
    items = axis(70_000)
    pair_table = PairTable.of(items, np.array([69_999, 69_998], np.int32), np.array([69_997, 69_999], np.int32))
    assert listed(pair_table) == [(69_997, 69_999), (69_998, 69_999)]
    assert pair_table.find(np.array([69_999], np.int32), np.array([69_998], np.int32)).tolist() == [1]


def test_finding_pairs_in_either_direction():
    pairs = table([(0, 1), (0, 3), (2, 4)])
    assert pairs.find(np.array([3, 4, 1, 5, 2]), np.array([0, 2, 2, 5, 4])).tolist() == [1, 2, -1, -1, 2]
    assert table([]).find(np.array([0]), np.array([1])).tolist() == [-1]


@pytest.mark.parametrize(
    "pairs", [[(1, 0)], [(2, 2)], [(0, 6)], [(-1, 2)], [(0, 2), (0, 1)], [(0, 1), (0, 1)], [(1, 2), (0, 3)]]
)
def test_pairs_out_of_order_are_refused(pairs):
    with pytest.raises(SchemaError):
        table(pairs)


def test_columns_of_another_length_or_type_are_refused():
    with pytest.raises(SchemaError, match="'a'"):
        table([(0, 1)], a=[1, 2])
    with pytest.raises(SchemaError, match="'b'"):
        table([(0, 1)]).with_columns({"b": np.zeros(1)})
    with pytest.raises(SchemaError, match="int32"):
        PairTable(axis(2), np.array([0]), np.array([1]))


def test_a_matrix_has_its_columns_in_the_order_asked_for():
    pairs = table([(0, 1), (1, 2)], a=[1, 2], b=[3, np.nan])
    np.testing.assert_array_equal(pairs.matrix(["b", "a"]), [[3, 1], [np.nan, 2]])
    np.testing.assert_array_equal(pairs.matrix(), [[1, 3], [2, np.nan]])
    assert pairs.matrix([]).shape == (2, 0)
    with pytest.raises(SchemaError, match="column c, d"):
        pairs.matrix(["a", "c", "d"])


def test_taking_and_blocks_keep_pairs_and_columns_together():
    pairs = table([(0, 1), (0, 2), (3, 4)], a=[1, 2, 3])
    some = pairs.take(np.array([True, False, True]))
    assert listed(some) == [(0, 1), (3, 4)]
    assert some.columns["a"].tolist() == [1, 3]
    blocks = list(pairs.blocks(2))
    assert [listed(one) for one in blocks] == [[(0, 1), (0, 2)], [(3, 4)]]
    assert blocks[1].columns["a"].tolist() == [3]
    assert not list(table([]).blocks(2))


def test_a_new_column_takes_the_place_of_the_old():
    pairs = table([(0, 1)], a=[1], b=[2]).with_columns({"a": np.array([5], np.float32)})
    assert {name: values.tolist() for name, values in pairs.columns.items()} == {"a": [5.0], "b": [2.0]}


@pytest.mark.parametrize("pairs", [[(0, 1), (0, 5), (2, 4)], []])
def test_a_saved_table_reads_back(tmp_path, pairs):
    pair_table = table(pairs, a=[0.5, np.nan, 3][: len(pairs)], b=range(len(pairs)))
    pair_table.save(tmp_path / "pairs.parquet")
    back = PairTable.open(tmp_path / "pairs.parquet", axis(6))
    assert listed(back) == pairs
    assert list(back.columns) == ["a", "b"]
    np.testing.assert_array_equal(back.matrix(), pair_table.matrix())
    assert [path.name for path in tmp_path.iterdir()] == ["pairs.parquet"]


def test_parts_of_a_folder_read_back_as_one(tmp_path):
    pair_table = table([(0, 1), (0, 5), (2, 4)], a=[1, 2, 3])
    for start, block in enumerate(pair_table.blocks(2)):
        block.save(tmp_path / f"part-{start:09d}.parquet")
    back = PairTable.open(tmp_path, axis(6))
    assert listed(back) == listed(pair_table)
    assert back.columns["a"].tolist() == [1, 2, 3]
    table([(3, 4)], other=[1]).save(tmp_path / "part-000000009.parquet")
    with pytest.raises(SchemaError, match=r"part-000000009.parquet has other columns than part-000000000.parquet"):
        PairTable.open(tmp_path, axis(6))


def test_ids_are_dictionary_encoded_strings(tmp_path):
    table([(0, 1), (0, 2)], a=[1, 2]).save(tmp_path / "pairs.parquet")
    stored = pq.read_table(tmp_path / "pairs.parquet")
    assert stored.column_names == ["left_id", "right_id", "a"]
    assert pa.types.is_dictionary(stored.schema.field("left_id").type)
    assert stored["left_id"].to_pylist() == ["p0", "p0"]
    assert stored["right_id"].to_pylist() == ["p1", "p2"]


def test_pairs_of_other_products_are_refused(tmp_path):
    table([(0, 1)], a=[1]).save(tmp_path / "pairs.parquet")
    with pytest.raises(AxisMismatch, match="another catalogue"):
        PairTable.open(tmp_path / "pairs.parquet", axis(7))


def test_pairs_from_elsewhere_are_read_by_their_ids(tmp_path):
    path = tmp_path / "pairs.parquet"
    pq.write_table(pa.table({"left_id": ["p0", "p2"], "right_id": ["p1", "p3"], "a": [1.0, 2.0]}), path)
    assert listed(PairTable.open(path, axis(4))) == [(0, 1), (2, 3)]
    with pytest.raises(AxisMismatch, match="'p3' is not a product"):
        PairTable.open(path, axis(3))


def test_files_that_are_no_pairs(tmp_path):
    with pytest.raises(RunFolderError, match="contains no pairs"):
        PairTable.open(tmp_path, axis(3))
    with pytest.raises(RunFolderError, match="pairs can't be read"):
        PairTable.open(tmp_path / "missing.parquet", axis(3))
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 not really")
    with pytest.raises(RunFolderError, match="pairs can't be read"):
        PairTable.open(tmp_path / "broken.parquet", axis(3))
    pq.write_table(pa.table({"left_id": ["p0"]}), tmp_path / "half.parquet")
    with pytest.raises(SchemaError, match="right_id"):
        PairTable.open(tmp_path / "half.parquet", axis(3))
    pq.write_table(pa.table({"left_id": ["p0"], "right_id": ["p1"], "verdict": ["yes"]}), tmp_path / "words.parquet")
    with pytest.raises(SchemaError, match="verdict does not contain numbers"):
        PairTable.open(tmp_path / "words.parquet", axis(3))

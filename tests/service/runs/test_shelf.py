"""The shelf against a dictionary."""

import numpy as np

from candidates.artifacts import digest_bytes
from service.runs.shelf import Shelf, as_digests, chunks_of_missing


def digests_of(numbers):
    return as_digests([digest_bytes(str(number).encode()) for number in numbers])


def vectors_of(numbers):
    return np.stack([np.arange(3) + 10 * number for number in numbers]).astype(np.float16)


def test_gathers_in_any_order_what_was_put_in_chunks(tmp_path):
    for chunk in (range(5), range(5, 7), range(7, 30)):
        Shelf(tmp_path).put(digests_of(chunk), vectors_of(chunk))
    wanted = np.random.default_rng(0).integers(0, 30, 100)
    assert np.array_equal(Shelf(tmp_path).gather(digests_of(wanted), 3), vectors_of(wanted))


def test_knows_what_it_has(tmp_path):
    Shelf(tmp_path).put(digests_of([3, 1]), vectors_of([3, 1]))
    assert Shelf(tmp_path).has(digests_of([1, 2, 3, 4])).tolist() == [True, False, True, False]


def test_an_empty_shelf_has_nothing_and_putting_nothing_leaves_it_so(tmp_path):
    Shelf(tmp_path).put(digests_of([]), np.zeros((0, 3)))
    assert list(tmp_path.iterdir()) == []
    assert not Shelf(tmp_path).has(digests_of([1])).any()
    assert Shelf(tmp_path).gather(digests_of([]), 3).shape == (0, 3)


def test_the_length_of_vectors_is_known_where_there_are_any(tmp_path):
    assert Shelf(tmp_path).dimensions is None
    Shelf(tmp_path).put(digests_of("ab"), np.ones((2, 5)))
    assert Shelf(tmp_path).dimensions == 5


def test_missing_contents_come_once_in_chunks_that_begin_at_fixed_rows(tmp_path):
    contents = [0, 1, 1, 2, 0, 3, 4, 4, 5]
    Shelf(tmp_path).put(digests_of([2]), vectors_of([2]))
    chunks = chunks_of_missing(Shelf(tmp_path), digests_of(contents), slice(None), 3)
    assert [rows.tolist() for rows in chunks] == [[0, 1], [5], [6, 8]]


def test_work_that_was_killed_goes_on_with_the_same_chunks(tmp_path):
    digests = digests_of(range(10))
    whole = [rows.tolist() for rows in chunks_of_missing(Shelf(tmp_path), digests, slice(None), 4)]
    Shelf(tmp_path).put(digests[:4], vectors_of(range(4)))
    rest = [rows.tolist() for rows in chunks_of_missing(Shelf(tmp_path), digests, slice(None), 4)]
    assert rest == whole[1:]


def test_a_range_of_rows_and_a_choice_among_them(tmp_path):
    among = np.array([True, False] * 4)
    chunks = chunks_of_missing(Shelf(tmp_path), digests_of(range(8)), slice(2, 7), 100, among)
    assert [rows.tolist() for rows in chunks] == [[2, 4, 6]]

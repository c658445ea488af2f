"""Binary codes against slow plain references on tiny input."""

import numpy as np
import pytest

from analysis.codes import CodeIndex, Codes
from candidates.axis import Axis
from candidates.errors import VersionMismatch
from candidates.vectors import Vectors
from image_retrieval.lsh import Hyperplanes
from image_retrieval.rotations import Rotations


def made_up(seed, count=48):
    """Random vectors of pictures."""
    values = np.random.default_rng(seed).standard_normal((count, 12)).astype(np.float16)
    return Vectors(Axis.of(f"p{row}" for row in range(count)), values, "made up")


def bits_of(planes, vector):
    return [bool(np.dot(vector.astype(np.float32), planes.normals[:, bit]) > 0) for bit in range(planes.bits)]


@pytest.mark.parametrize("kind", [Hyperplanes, Rotations])
@pytest.mark.parametrize("seed", range(3))
def test_codes_are_ordered_by_the_bits_that_differ(kind, seed):
    vectors = made_up(seed)
    vectors.values[5] = 0
    planes = kind(12, 64, seed)
    codes = [bits_of(planes, row) for row in vectors.values]
    run = CodeIndex(Codes(vectors, planes)).search(vectors, 10)
    for query in range(len(codes)):
        rows, scores = run.ranked(query)
        if query == 5:
            assert not len(rows)  # a picture of zeros finds nothing and is never found
            continue
        apart = [sum(a != b for a, b in zip(codes[query], other, strict=True)) for other in codes]
        wanted = sorted(apart[row] for row in range(len(codes)) if row != 5)[:10]
        assert [apart[row] for row in rows] == wanted
        assert 5 not in rows
        assert len(set(rows.tolist())) == 10
        assert (np.diff(scores) <= 0).all()


def test_the_head_of_a_list_is_put_in_order_by_cosine_and_the_rest_stays():
    vectors = made_up(4)
    planes = Hyperplanes(12, 32, 9)
    alone = CodeIndex(Codes(vectors, planes)).search(vectors, 20)
    rescored = CodeIndex(Codes(vectors, planes), rescored=8).search(vectors, 20)
    unit = vectors.unit()
    for query in range(len(unit)):
        plain, (rows, scores) = alone.ranked(query)[0].tolist(), rescored.ranked(query)
        assert rows[:8].tolist() == sorted(plain[:8], key=lambda row: -float(unit[row] @ unit[query]))
        assert rows[8:].tolist() == plain[8:]
        assert scores[:8] == pytest.approx(unit[rows[:8]] @ unit[query], abs=1e-6)
        assert (np.diff(scores) <= 1e-7).all()


def test_a_list_shorter_than_the_head_is_cut_after_it_was_put_in_order():
    vectors = made_up(6)
    planes = Hyperplanes(12, 32, 9)
    short, long = (CodeIndex(Codes(vectors, planes), 30).search(vectors, k) for k in (5, 30))
    for query in range(len(vectors)):
        assert short.ranked(query)[0].tolist() == long.ranked(query)[0][:5].tolist()
    whole = CodeIndex(Codes(vectors, planes), 500).search(vectors, 500)
    assert (whole.counts == len(vectors)).all()


def test_the_last_answer_serves_the_same_question_and_no_other():
    vectors = made_up(6)
    codes = Codes(vectors, Hyperplanes(12, 32, 9))
    first, last = (vectors.take(np.arange(start, start + 9)) for start in (0, 30))
    for asked, k in ((first, 5), (first, 5), (last, 5), (last, 7), (first, 5)):
        fresh = Codes(vectors, codes.planes).nearest(asked, k)
        for ours, theirs in zip(codes.nearest(asked, k), fresh, strict=True):
            assert np.array_equal(ours, theirs)
    CodeIndex(codes, 4).search(first, 5)
    assert np.array_equal(codes.nearest(first, 5)[0], fresh[0])  # putting a list in order leaves the answer as it was


def test_codes_of_nothing_find_nothing():
    vectors = made_up(6)
    empty = Vectors(vectors.axis, np.zeros_like(vectors.values), "made up")
    for rescored in (0, 3):
        assert not CodeIndex(Codes(empty, Hyperplanes(12, 32, 9)), rescored).search(empty, 5).counts.any()


def test_codes_of_another_version_are_refused():
    vectors = made_up(6)
    other = Vectors(vectors.axis, vectors.values, "another encoder")
    with pytest.raises(VersionMismatch):
        CodeIndex(Codes(vectors, Hyperplanes(12, 32, 9))).search(other, 5)

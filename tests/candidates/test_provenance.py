from itertools import pairwise

import numpy as np
import pytest

from candidates.axis import Axis
from candidates.provenance import NO_VIA, NOT_LISTED, CandidatePart, Candidates
from candidates.run import same_lists

PRODUCTS = Axis.of(f"p{row}" for row in range(6))


def candidates(cuts=(), shift=0.0):
    """Candidates of six products with every column filled, in parts."""
    counts = [3, 0, 1, 2, 0, 4]
    size = sum(counts)
    offsets = np.cumsum([0, *counts], dtype=np.int64)
    rng = np.random.default_rng(0)
    seen = rng.integers(NOT_LISTED, 3, size).astype(np.int32)
    looked = rng.integers(NOT_LISTED, 3, size).astype(np.int32)
    columns = {
        "rows": rng.integers(0, 6, size).astype(np.int32),
        "scores": -np.arange(size, dtype=np.float32),
        "text_rank": seen,
        "text_score": np.where(seen > 0, 0.5 + shift, np.nan).astype(np.float32),
        "image_rank": looked,
        "image_score": np.where(looked > 0, 0.25, np.nan).astype(np.float32),
        "via": np.where(looked > 0, 2, NO_VIA).astype(np.int32),
    }
    bounds = [0, *cuts, 6]
    parts = tuple(
        CandidatePart(
            low,
            offsets[low : high + 1] - offsets[low],
            **{name: values[offsets[low] : offsets[high]] for name, values in columns.items()},
        )
        for low, high in pairwise(bounds)
    )
    return Candidates("hop", PRODUCTS, PRODUCTS, parts), columns, offsets


def test_every_column_is_kept_on_disk(tmp_path):
    run, columns, _ = candidates(cuts=[2, 5])
    run.save(tmp_path)
    again = Candidates.open("hop", tmp_path, PRODUCTS, PRODUCTS)
    assert same_lists(run, again)
    whole = again.whole()
    assert isinstance(whole, CandidatePart)
    for name, values in columns.items():
        np.testing.assert_array_equal(getattr(whole, name), values)
        assert getattr(whole, name).dtype == values.dtype


@pytest.mark.parametrize("cuts", [(), (3,), (1, 1, 4)])
def test_cutting_and_taking_keep_every_column_in_step(cuts):
    run, columns, offsets = candidates(cuts)
    first = offsets[:-1][np.diff(offsets) > 0]
    top = run.top(1)
    assert isinstance(top, Candidates)
    taken = run.take(np.array([5, 0]))
    order = [*range(offsets[5], offsets[6]), *range(offsets[0], offsets[1])]
    for name, values in columns.items():
        np.testing.assert_array_equal(getattr(top.whole(), name), values[first])
        np.testing.assert_array_equal(getattr(taken.whole(), name), values[order])


def test_another_score_behind_a_candidate_is_another_run():
    run, _, _ = candidates()
    assert same_lists(run, candidates(cuts=[3])[0])
    assert not same_lists(run, candidates(shift=0.125)[0])


def test_a_rank_of_none_and_a_via_of_none_can_be_told_from_any_other():
    assert NOT_LISTED < 1
    assert NO_VIA < 0

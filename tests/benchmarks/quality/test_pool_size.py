import numpy as np

from benchmarks.quality import pool_size


def test_pool_size(ground):
    found = pool_size.measure(ground, depth=10)
    assert len(found) == 4 * 2 * 3
    assert all(0 <= one.low <= one.recall <= one.high <= 1 for one in found)
    whole = {(one.strategy, one.fixed): one for one in found if one.eighths == 8}
    for strategy in ("text", "image", "hop"):
        number, share = whole[strategy, "number"], whole[strategy, "share"]
        assert (number.recall, number.candidates_per_product) == (share.recall, share.candidates_per_product)
    assert len(pool_size.table(found, ground.feed).rows) == 24


def test_eighths_part_no_group():
    groups = np.random.default_rng(3).integers(-1, 40, 400).astype(np.int32)
    eighths = pool_size.drawn_eighths(groups, 7)
    assert all(len(np.unique(eighths[groups == group])) == 1 for group in range(40))
    assert np.bincount(eighths, minlength=8).min() > 400 / 8 - 20

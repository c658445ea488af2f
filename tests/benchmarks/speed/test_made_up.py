import numpy as np

from benchmarks.speed.made_up import made_codes, made_lists, made_vectors
from fusion.merge.hop import expand


def test_made_up_lists_hold_others_once_each_and_meet_again():
    lists = made_lists(500, 20, 3)
    for run, depth in ((lists.text, 20), (lists.image, 3)):
        rows = run.matrix(depth)[0]
        assert (np.diff(np.sort(rows, axis=1), axis=1) > 0).all()
        assert (rows != np.arange(500)[:, None]).all()
    met = expand(lists.text, lists.image, 20, 3).counts.mean()
    assert 25 < met < 20 + 21 * 3 - 5


def test_made_up_vectors_and_codes_cluster():
    vectors = made_vectors(400, 32)
    cosines = np.sort(vectors.values @ vectors.values.T, axis=1)
    assert cosines[:, -2].mean() > cosines.mean() + 0.3
    words = made_codes(400, 128).view(np.uint64)
    apart = np.sort(np.bitwise_count(words[:, None] ^ words).sum(axis=2), axis=1)
    assert apart[:, 1].mean() < 0.35 * 128

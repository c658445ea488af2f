import numpy as np

from fusion.pairs.collective import PairGraph
from service.pairs.suggesting import LIKELY, third_match


def slow(pairs, values, one, other):
    value_of = {frozenset(pair): value for pair, value in zip(pairs, values, strict=True)}
    both = {
        third: min(value_of[frozenset((one, third))], value_of[frozenset((other, third))])
        for third in range(12)
        if frozenset((one, third)) in value_of and frozenset((other, third)) in value_of
    }
    best = max(both, key=lambda third: (both[third], -third), default=-1)
    return best if best >= 0 and both[best] >= LIKELY else -1


def test_the_third_product_that_fits_both_is_the_slow_one():
    rng = np.random.default_rng(5)
    found = set()
    for _ in range(40):
        left, right = np.triu_indices(12, 1)
        some = rng.random(len(left)) < 0.4
        left, right = left[some].astype(np.int32), right[some].astype(np.int32)
        values = rng.random(len(left)).round(1)
        graph = PairGraph.of(left, right, 12)
        pairs = list(zip(left.tolist(), right.tolist(), strict=True))
        for one, other in pairs:
            third = third_match(graph, values, one, other)
            assert third == slow(pairs, values, one, other)
            found.add(third >= 0)
    assert found == {True, False}


def test_nobody_fits_both_of_a_lonely_pair():
    graph = PairGraph.of(np.array([0], np.int32), np.array([1], np.int32), 2)
    assert third_match(graph, np.array([0.9]), 0, 1) == -1

"""What the pairs around a pair say, against a plain reference that looks every probability up."""

import numpy as np
import pytest

from fusion.pairs.collective import NAMES, PairGraph, collective_features


def made(seed, n, pairs, tied=False):
    """Random pairs, in random order and either way round, with probabilities."""
    random = np.random.default_rng(seed)
    keys = random.choice(n * n, pairs, replace=False) if pairs else np.zeros(0, np.int64)
    one, two = np.divmod(keys, n)
    _, first = np.unique(np.minimum(one, two) * n + np.maximum(one, two), return_index=True)
    kept = random.permutation(first)
    kept = kept[one[kept] != two[kept]]
    p = np.round(random.random(len(kept)), 1) if tied else random.random(len(kept)) ** 3
    return one[kept].astype(np.int32), two[kept].astype(np.int32), p


def plain(left, right, p, n):
    """The columns, one pair at a time."""
    p = np.clip(p, 1e-7, 1 - 1e-7)
    told = {(min(i, j), max(i, j)): one for i, j, one in zip(left.tolist(), right.tolist(), p.tolist(), strict=True)}
    near = {i: {} for i in range(n)}
    for (i, j), one in told.items():
        near[i][j] = near[j][i] = one
    return np.array([plain_row(i, j, near) for i, j in zip(left.tolist(), right.tolist(), strict=True)])


def plain_row(i, j, near):
    p = near[i][j]
    others = (near[i].keys() | near[j].keys()) - {i, j}
    both = [(near[i].get(c, 0.0), near[j].get(c, 0.0)) for c in others]
    sides = []
    for one, two in ((min(i, j), max(i, j)), (max(i, j), min(i, j))):
        rest = {c: q for c, q in near[one].items() if c != two}
        # The best partner is the one of the smallest number among those of equal probability.
        friend = min(rest, key=lambda c: (-rest[c], c)) if rest else None
        sides.append(
            (
                near[two].get(friend, 0.0),
                p - max(rest.values(), default=0.0),
                1 + sum(q > p for q in rest.values()),
                sum(rest.values()),
                p / (p + sum(rest.values())),
                len(near[one]),
            )
        )
    around = sum(max(both) for both in both)
    row = [np.log(p / (1 - p)), sum(a * b for a, b in both), max((min(one) for one in both), default=0.0)]
    row.append(sum(min(one) for one in both) / around if around else 0.0)
    for values in zip(*sides, strict=True):
        row += [min(values), max(values)]
    return row


@pytest.mark.parametrize(
    ("seed", "n", "pairs", "tied"),
    [(0, 12, 60, False), (1, 30, 300, True), (2, 40, 60, False), (3, 3, 6, True), (4, 60, 2500, False)],
)
@pytest.mark.parametrize("threads", [1, 2, 5])
def test_columns_are_those_of_the_plain_reference(seed, n, pairs, tied, threads):
    left, right, p = made(seed, n, pairs, tied)
    found = collective_features(PairGraph.of(left, right, n), p, threads)
    np.testing.assert_allclose(found, plain(left, right, p, n), rtol=2e-5, atol=2e-6)


def test_two_products_and_no_other():
    found = dict(zip(NAMES, collective_features(PairGraph.of(*pair_of_two(), 2), np.array([0.8]))[0], strict=True))
    assert found["first_log_odds"] == pytest.approx(np.log(4), rel=1e-6)
    assert found["shared_sum"] == found["shared_best"] == found["shared_overlap"] == found["friend_high"] == 0
    assert found["lead_low"] == found["lead_high"] == pytest.approx(0.8)
    assert found["share_low"] == found["rank_high"] == found["degree_high"] == 1


def pair_of_two():
    return np.array([1], np.int32), np.array([0], np.int32)


def test_no_pair_at_all():
    none = np.zeros(0, np.int32)
    assert collective_features(PairGraph.of(none, none, 0), np.zeros(0)).shape == (0, len(NAMES))
    assert collective_features(PairGraph.of(none, none, 5), np.zeros(0), 2).shape == (0, len(NAMES))


def test_certainty_stays_finite():
    left, right, p = made(6, 10, 50)
    p[::2], p[1::2] = 0.0, 1.0
    assert np.isfinite(collective_features(PairGraph.of(left, right, 10), p)).all()


def test_a_friend_in_common_raises_what_a_pair_gets():
    left, right = np.array([0, 0, 1], np.int32), np.array([1, 2, 2], np.int32)
    graph = PairGraph.of(left, right, 3)
    with_friend = collective_features(graph, np.array([0.3, 0.9, 0.9]))[0]
    without = collective_features(graph, np.array([0.3, 0.9, 0.01]))[0]
    for name in ("shared_sum", "shared_best", "shared_overlap", "friend_low"):
        assert with_friend[NAMES.index(name)] > without[NAMES.index(name)]


def test_the_graph_lists_each_product_s_pairs_in_order():
    left, right, _ = made(7, 20, 120)
    graph = PairGraph.of(left, right, 20)
    for i in range(20):
        entries = slice(graph.offsets[i], graph.offsets[i + 1])
        expected = np.sort(np.concatenate([right[left == i], left[right == i]]))
        assert graph.others[entries].tolist() == expected.tolist()
        for other, pair in zip(graph.others[entries], graph.pairs[entries], strict=True):
            assert {int(left[pair]), int(right[pair])} == {i, int(other)}

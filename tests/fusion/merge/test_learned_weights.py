"""Learned weights: they follow what is known, distrust chance, and never take the unknown for a negative."""

import dataclasses

import numpy as np
import pytest

from candidates.axis import Axis
from candidates.errors import AxisMismatch
from candidates.qrels import VARIANT, Qrels, Source
from candidates.run import Run
from fusion.merge import learned_weights
from fusion.merge.learned_weights import Weights, learn_weights
from fusion.merge.reciprocal import Ranking, fuse


def axis(n, prefix="p"):
    return Axis.of([f"{prefix}{i}" for i in range(n)])


def grouped(n, size=4):
    """Groups of `size` products each, all of one seller."""
    groups = np.arange(n, dtype=np.int32) // size
    return Qrels(axis(n), groups, np.zeros(n, np.int32))


def noisy(groups, noise, seed, depth=60):
    """Lists in which products of one group stand near, the less so the more noise."""
    rng = np.random.default_rng(seed)
    scores = (groups[:, None] == groups) + noise * rng.standard_normal((len(groups), len(groups)))
    np.fill_diagonal(scores, -np.inf)
    rows = np.argsort(-scores, axis=1)[:, :depth]
    items = axis(len(groups))
    return Run.from_matrix(f"noise {noise}", items, items, rows, np.take_along_axis(scores, rows, 1))


def recall(rankings, weights, qrels, queries, budget):
    """Plain recall of the fused lists, with sets."""
    fused = fuse(weights.of(rankings), k=weights.k)
    shares = []
    for query in queries:
        wanted = set(np.flatnonzero(qrels.groups == qrels.groups[query])) - {query}
        shares.append(len(wanted & set(fused.ranked(query)[0][:budget].tolist())) / len(wanted))
    return float(np.mean(shares))


QRELS = grouped(400)
GOOD, POOR = noisy(QRELS.groups, 0.35, 1), noisy(QRELS.groups, 3.0, 2)
TAUGHT, UNSEEN = np.arange(200), np.arange(200, 400)


def test_a_list_of_noise_loses_weight_and_unseen_groups_gain():
    rankings = [Ranking(POOR, "text", 1.0), Ranking(GOOD, "image", 1.0)]
    learned = learn_weights(rankings, QRELS, TAUGHT, 10)
    assert learned.better
    assert 0 < learned.low <= learned.gain <= learned.high
    assert learned.chosen.weights[1] >= 4 * learned.chosen.weights[0]
    before, after = (recall(rankings, one, QRELS, UNSEEN, 10) for one in (Weights((1.0, 1.0)), learned.chosen))
    assert after > before + 0.02
    assert (learned.groups, learned.queries, learned.budget, len(learned.by_fold)) == (50, 200, 10, 5)


def test_recall_is_that_of_the_fused_lists(monkeypatch):
    tried = {}
    original = learned_weights._Asked.recall

    def spy(self, weights):
        tried[weights] = original(self, weights)
        return tried[weights]

    monkeypatch.setattr(learned_weights._Asked, "recall", spy)
    rankings = [
        Ranking(POOR, "text", 1.0),
        Ranking(GOOD, "image", 0.5),
        Ranking(noisy(QRELS.groups, 1, 3), "text", 2.0),
    ]
    learn_weights(rankings, QRELS, TAUGHT, 15)
    assert len(tried) > 30
    for weights in list(tried)[::10]:
        assert tried[weights].mean() == pytest.approx(recall(rankings, weights, QRELS, TAUGHT, 15))


def test_ties_count_as_in_the_fused_lists():
    rankings = [Ranking(GOOD, "text"), Ranking(noisy(QRELS.groups, 0.5, 4), "image")]
    asked = learned_weights._Asked.of(rankings, QRELS, TAUGHT, 3, np.random.RandomState(0), 1)
    for weights in (Weights((1.0, 1.0), 10), Weights((0.0, 0.0), 10)):
        assert asked.recall(weights).mean() == pytest.approx(recall(rankings, weights, QRELS, TAUGHT, 3))


def test_weights_that_cannot_matter_stay():
    rankings = [Ranking(GOOD, "text", 0.7), Ranking(GOOD, "image", 1.3)]
    learned = learn_weights(rankings, QRELS, TAUGHT, 10, k=25)
    assert not learned.better
    assert learned.chosen == Weights((0.7, 1.3), 25)
    assert learned.gain == 0


def test_gains_of_chance_are_not_taken():
    taken = 0
    for seed in range(10):
        runs = [noisy(QRELS.groups, 1.0, 10 * seed + list_number) for list_number in range(3)]
        taken += learn_weights([Ranking(run, "text") for run in runs], QRELS, TAUGHT[:120], 10).better
    assert taken <= 1


def test_shuffled_groups_teach_nothing():
    shuffled = dataclasses.replace(QRELS, groups=np.random.default_rng(6).permutation(QRELS.groups))
    learned = learn_weights([Ranking(POOR, "text", 1.0), Ranking(GOOD, "image", 1.0)], shuffled, TAUGHT, 10)
    assert not learned.better
    assert learned.chosen == Weights((1.0, 1.0))


def test_few_groups_keep_the_set_weights():
    rankings = [Ranking(POOR, "text", 1.0), Ranking(GOOD, "image", 1.0)]
    learned = learn_weights(rankings, QRELS, np.arange(4 * 19), 10)
    assert (learned.better, learned.groups, learned.by_fold) == (False, 19, ())
    assert learn_weights(rankings, QRELS, np.arange(4 * 20), 10).by_fold
    nobody = dataclasses.replace(QRELS, groups=np.full(400, -1, np.int32))
    assert learn_weights(rankings, nobody, TAUGHT, 10).queries == 0


def test_the_same_seed_gives_the_same_weights():
    rankings = [Ranking(POOR, "text", 1.0), Ranking(GOOD, "image", 1.0)]
    one, two = (learn_weights(rankings, QRELS, TAUGHT, 10, seed=3, threads=threads) for threads in (1, 2))
    assert one == two


def test_unjudged_products_are_no_negatives():
    """Other sellers' variants, of which nothing is known, fill the lists' beginnings: nothing changes but places."""
    groups = np.arange(400, dtype=np.int32) // 8
    sellers = (np.arange(400) % 8 // 4).astype(np.int32)
    by_seller = Qrels(axis(400), (groups * 2 + sellers).astype(np.int32), sellers)
    good, poor = noisy(groups, 0.35, 7), noisy(groups, 3.0, 8)
    learned = learn_weights([Ranking(poor, "text"), Ranking(good, "image")], by_seller, np.arange(400), 10)
    assert learned.better
    assert learned.chosen.weights[1] > learned.chosen.weights[0]


def test_judged_pairs_count_as_known():
    nobody = dataclasses.replace(QRELS, groups=np.full(400, -1, np.int32))
    judged = nobody.with_pairs([(f"p{i}", f"p{i + 1}", VARIANT) for i in range(0, 200, 4)], Source.JUDGEMENT)
    learned = learn_weights([Ranking(POOR, "text"), Ranking(GOOD, "image")], judged, TAUGHT, 10)
    assert (learned.queries, learned.better) == (100, True)


def test_very_many_queries_are_sampled_by_whole_groups(monkeypatch):
    monkeypatch.setattr(learned_weights, "QUERIES", 103)
    learned = learn_weights([Ranking(POOR, "text"), Ranking(GOOD, "image")], QRELS, TAUGHT, 10)
    assert (learned.groups, learned.queries) == (25, 100)


def test_truth_about_other_products_is_refused():
    with pytest.raises(AxisMismatch, match="known groups and lists"):
        learn_weights([Ranking(GOOD, "image")], grouped(404), TAUGHT, 10)

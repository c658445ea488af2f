import math
from itertools import combinations

import ir_measures
import numpy as np
import pytest
from ir_measures import AP, Judged, P, R, Rprec, nDCG

from candidates.axis import Axis
from candidates.errors import AxisMismatch
from candidates.qrels import UNJUDGED, VARIANT
from candidates.run import Run
from eval import metrics
from eval.metrics import METRICS, by_group, judged, pairs_completeness, reduction_ratio
from tests.eval.made_up import drawn_lists, drawn_qrels, plain_truth, qrels_of, run_of, variants_of

SEEDS = range(40)


def drawn(seed):
    """A random truth and a random run of all its products, in two parts."""
    qrels = drawn_qrels(seed)
    everyone = list(range(len(qrels.items)))
    lists = drawn_lists(qrels, everyone, seed)
    return qrels, lists, run_of(qrels, everyone, lists, cuts=[len(lists) // 2])


def test_a_list_computed_on_paper():
    # Four products of one group and two others; the query p0 has the variants p1, p2, p3.
    lists = judged(run_of(qrels_of([0, 0, 0, 0, 1, 1]), [0], [[1, 4, 2]]), qrels_of([0, 0, 0, 0, 1, 1]))
    assert lists.known.tolist() == [3]
    assert metrics.recall(lists, 1) == pytest.approx([1 / 3])
    assert metrics.recall(lists, 3) == pytest.approx([2 / 3])
    assert metrics.precision(lists, 2) == pytest.approx([1 / 2])
    assert metrics.precision(lists, 5) == pytest.approx([2 / 5])
    assert metrics.r_precision(lists) == pytest.approx([2 / 3])
    assert metrics.average_precision(lists, 3) == pytest.approx([(1 / 1 + 2 / 3) / 3])
    assert metrics.average_precision(lists, 2) == pytest.approx([(1 / 1) / 3])
    assert metrics.mean_precision(lists, 3) == pytest.approx([(1 / 1 + 1 / 2 + 2 / 3) / 3])
    assert metrics.mean_precision(lists, 5) == pytest.approx([(1 / 1 + 1 / 2 + 2 / 3 + 2 / 4 + 2 / 5) / 5])
    ideal = 1 + 1 / math.log2(3) + 1 / math.log2(4)
    assert metrics.ndcg(lists, 3) == pytest.approx([(1 + 1 / math.log2(4)) / ideal])
    assert metrics.approximate_recall(lists) == pytest.approx([2 / 3])
    assert metrics.unjudged(lists, 3) == pytest.approx([0])


def test_the_two_forms_of_average_precision_are_different_numbers():
    # One known variant, and it stands first: the field calls that perfect, the paper's mean falls with k.
    qrels = qrels_of([0, 0, 1, 1])
    lists = judged(run_of(qrels, [0], [[1, 2, 3]]), qrels)
    assert metrics.average_precision(lists, 3) == pytest.approx([1])
    assert metrics.mean_precision(lists, 3) == pytest.approx([(1 + 1 / 2 + 1 / 3) / 3])


def test_three_products_of_two_sellers():
    # p0 and p1 are one seller's variants; nothing is known about p2 of another seller.
    qrels = qrels_of([0, 0, 1], scopes=[0, 0, 1])
    lists = judged(run_of(qrels, [0, 1, 2], [[2, 1], [2], [0, 1]]), qrels)
    assert lists.truth.tolist() == [UNJUDGED, VARIANT, UNJUDGED, UNJUDGED, UNJUDGED]
    np.testing.assert_allclose(metrics.recall(lists, 2), [1, 0, np.nan])
    np.testing.assert_allclose(metrics.precision(lists, 2), [1 / 2, 0, np.nan])
    np.testing.assert_allclose(metrics.unjudged(lists, 1), [1, 1, np.nan])
    np.testing.assert_allclose(metrics.unjudged(lists, 2), [1 / 2, 1, np.nan])


@pytest.mark.parametrize("seed", SEEDS)
def test_truth_and_known_against_plain_words(seed):
    qrels, plain, run = drawn(seed)
    lists = judged(run, qrels)
    assert lists.truth.dtype == np.int8
    assert lists.truth.tolist() == [plain_truth(qrels, query, row) for query, one in enumerate(plain) for row in one]
    assert lists.known.tolist() == [len(variants_of(qrels, query)) for query in range(len(plain))]


def theirs(qrels, plain, measures):
    """What ir_measures says: one dict of values for each query that has a known variant, 0 where it says nothing."""
    known = [query for query in range(len(plain)) if variants_of(qrels, query)]
    truth = [
        ir_measures.Qrel(str(query), str(row), int(plain_truth(qrels, query, row) == VARIANT))
        for query in known
        for row in range(len(qrels.items))
        if plain_truth(qrels, query, row) != UNJUDGED
    ]
    ranked = [
        ir_measures.ScoredDoc(str(query), str(row), float(-rank))
        for query in known
        for rank, row in enumerate(plain[query])
    ]
    values = {query: dict.fromkeys(measures, 0.0) for query in known}
    for one in ir_measures.iter_calc(measures, truth, ranked) if known else ():
        values[int(one.query_id)][one.measure] = one.value
    return values


@pytest.mark.parametrize("seed", SEEDS)
def test_against_ir_measures(seed):
    qrels, plain, run = drawn(seed)
    ours = {
        measure: ask
        for k in (1, 3, 10, 1000)
        for measure, ask in (
            (R @ k, lambda lists, k=k: metrics.recall(lists, k)),
            (P @ k, lambda lists, k=k: metrics.precision(lists, k)),
            (AP @ k, lambda lists, k=k: metrics.average_precision(lists, k)),
            (nDCG @ k, lambda lists, k=k: metrics.ndcg(lists, k)),
            (Judged @ k, lambda lists, k=k: 1 - metrics.unjudged(lists, k)),
        )
    } | {Rprec: metrics.r_precision, R @ 1000: metrics.approximate_recall}
    expected = theirs(qrels, plain, list(ours))
    lists = judged(run, qrels)
    for measure, ask in ours.items():
        values = ask(lists)
        assert values.dtype == np.float64
        assert np.flatnonzero(~np.isnan(values)).tolist() == sorted(expected)
        for query, theirs_ in expected.items():
            if measure.NAME == "Judged" and not plain[query]:
                assert values[query] == 1  # Nothing is listed, so nothing that is listed is unjudged.
            else:
                assert values[query] == pytest.approx(theirs_[measure]), (measure, query)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("k", [1, 4, 50])
def test_the_papers_mean_of_precisions_against_a_loop(seed, k):
    qrels, plain, run = drawn(seed)
    values = metrics.mean_precision(judged(run, qrels), k)
    for query, one in enumerate(plain):
        known = variants_of(qrels, query)
        expected = sum(len(known & set(one[:cut])) / cut for cut in range(1, k + 1)) / k
        assert values[query] == pytest.approx(expected) if known else math.isnan(values[query])


@pytest.mark.parametrize("name", METRICS)
def test_every_metric_is_between_0_and_1_and_says_nothing_where_nothing_is_known(name):
    qrels, _, run = drawn(7)
    lists = judged(run, qrels)
    values = METRICS[name](lists)
    assert np.array_equal(np.isnan(values), lists.known == 0)
    assert ((values[lists.known > 0] >= 0) & (values[lists.known > 0] <= 1)).all()


def test_metrics_are_named_for_what_they_are():
    # One hit at rank 20 of 20, the only known variant.
    qrels = qrels_of([0, 0, *range(1, 41)])
    lists = judged(run_of(qrels, [0], [[*range(2, 21), 1]]), qrels)
    assert {name: float(metric(lists)[0]) for name, metric in METRICS.items() if metric(lists)[0]} == {
        "recall@50": 1,
        "recall@100": 1,
        "approximate recall@1000": 1,
    }


def test_perfect_lists_score_1_in_every_metric_but_those_that_divide_by_k():
    qrels = qrels_of([0, 0, 0, 1, 1, 1])
    lists = judged(run_of(qrels, [0, 3], [[1, 2, 4], [4, 5, 0]]), qrels)
    perfect = {name for name, metric in METRICS.items() if metric(lists) == pytest.approx([1, 1])}
    assert set(METRICS) - perfect == {"precision@10", "MAP@10, paper", "unjudged@10"}


def test_no_queries_and_no_results():
    qrels = qrels_of([0, 0, 1])
    assert [len(metric(judged(run_of(qrels, [], []), qrels))) for metric in METRICS.values()] == [0] * len(METRICS)
    empty = judged(run_of(qrels, [0, 2], [[], []]), qrels)
    for metric in METRICS.values():
        np.testing.assert_array_equal(metric(empty), [0, np.nan])


def test_queries_may_be_some_products_in_any_order():
    qrels = qrels_of([0, 1, 0, 1])
    lists = judged(run_of(qrels, [3, 0], [[1], [1, 2]]), qrels)
    assert lists.query_rows.tolist() == [3, 0]
    assert metrics.recall(lists, 1).tolist() == [1, 0]


def test_a_run_over_other_products_is_refused():
    qrels = qrels_of([0, 0, 1])
    with pytest.raises(AxisMismatch, match="expected 3 ids"):
        judged(run_of(qrels_of([0, 0]), [0], [[1]]), qrels)


def test_queries_that_are_no_products_are_refused():
    qrels = qrels_of([0, 0])
    uploaded = Axis.of(["an uploaded picture"])
    run = Run.of("test", uploaded, qrels.items, np.array([0, 1]), np.array([0], np.int32), np.ones(1, np.float32))
    with pytest.raises(AxisMismatch, match="uploaded picture"):
        judged(run, qrels)


def test_group_means_on_paper():
    values, groups = np.array([1.0, 0.0, 0.5, np.nan]), np.array([4, 4, 2, 2], np.int32)
    assert by_group(values, groups) == pytest.approx((0.5 + 0.5) / 2)
    assert by_group(np.array([1.0, 1.0, 1.0, 0.0]), np.array([0, 0, 0, 1], np.int32)) == pytest.approx(1 / 2)
    assert math.isnan(by_group(np.array([np.nan]), np.array([0], np.int32)))


def test_a_query_without_a_group_is_one_by_itself():
    values, groups = np.array([1.0, 0.0, 0.0]), np.array([0, -1, -1], np.int32)
    assert by_group(values, groups) == pytest.approx(1 / 3)


@pytest.mark.parametrize("seed", SEEDS)
def test_pairs_completeness_and_reduction_ratio_against_sets(seed):
    qrels, plain, run = drawn(seed)
    everyone = range(len(plain))
    pairs = {frozenset((query, row)) for query, one in enumerate(plain) for row in one}
    known = {frozenset(pair) for pair in combinations(everyone, 2) if plain_truth(qrels, *pair) == VARIANT}
    if known:
        assert pairs_completeness(run, qrels) == pytest.approx(len(known & pairs) / len(known))
    else:
        assert math.isnan(pairs_completeness(run, qrels))
    assert reduction_ratio(run) == pytest.approx(1 - len(pairs) / math.comb(len(plain), 2))


def test_pairs_on_paper():
    # p0–p1 is found from one side, p1–p2 from both, p0–p2 from neither; 3–0 is a candidate and no variant.
    qrels = qrels_of([0, 0, 0, 1])
    run = run_of(qrels, [0, 1, 2, 3], [[1], [2], [1], [0]])
    assert pairs_completeness(run, qrels) == pytest.approx(2 / 3)
    assert reduction_ratio(run) == pytest.approx(1 - 3 / 6)


def test_pairs_of_some_queries_are_measured_among_the_pairs_they_could_bring():
    # The query p0 is part of two known pairs of three, and of three pairs of six.
    qrels = qrels_of([0, 0, 0, 1])
    run = run_of(qrels, [0], [[1, 3]])
    assert pairs_completeness(run, qrels) == pytest.approx(1 / 2)
    assert reduction_ratio(run) == pytest.approx(1 - 2 / 3)


def test_one_product_makes_no_pair():
    qrels = qrels_of([0])
    run = run_of(qrels, [0], [[]])
    assert math.isnan(reduction_ratio(run))
    assert math.isnan(pairs_completeness(run, qrels))

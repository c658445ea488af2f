"""Known groups kept, learned from or hidden, and what is said of each afterwards."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from candidates.axis import Axis
from candidates.qrels import NOT_A_VARIANT, VARIANT, Qrels, Source
from fusion.groups.known import Fate, group_products
from fusion.groups.linkage import Note


def truth(groups, scopes=None, judged=()):
    """Truth about products p0, p1, …; `judged` are (row, row, value)."""
    n = len(groups)
    scopes = np.zeros(n, np.int32) if scopes is None else np.array(scopes, np.int32)
    qrels = Qrels(Axis.of([f"p{row}" for row in range(n)]), np.array(groups, np.int32), scopes)
    return qrels.with_pairs([(f"p{a}", f"p{b}", value) for a, b, value in judged], Source.JUDGEMENT)


def grouped(qrels, pairs, **options):
    left, right, chance = zip(*pairs, strict=True) if pairs else ((), (), ())
    columns = np.array(left, np.int32), np.array(right, np.int32), np.array(chance, np.float32)
    return group_products(qrels, *columns, **options)


def random_truth(rng, n):
    """Groups within scopes, as `Qrels.from_catalogue` numbers them, and some judged pairs."""
    scopes = rng.integers(0, 2, n)
    groups = np.where(rng.random(n) < 0.6, scopes * 3 + rng.integers(0, 3, n), -1)
    pairs = [tuple(rng.choice(n, 2, replace=False).tolist()) for _ in range(rng.integers(0, 4))]
    return truth(groups, scopes, [(a, b, int(rng.choice([VARIANT, NOT_A_VARIANT]))) for a, b in pairs])


def random_pairs(rng, n):
    every = [(a, b) for a in range(n) for b in range(a)]
    return [(a, b, float(rng.random() ** 2)) for a, b in every if rng.random() < 0.6]


def test_a_known_group_is_kept_whole_though_nothing_speaks_for_it():
    found, (known,) = grouped(truth([5, 5, -1, 5]), [])
    assert found.groups.tolist() == [0, 0, -1, 0]
    assert known.members == (0, 1, 3)
    assert known.fate == Fate.KEPT | Fate.WEAK
    assert known.doubts == ("the mean probability of its pairs is only 0.00",)


def test_a_known_group_is_extended():
    pairs = [(0, 1, 0.9), (0, 2, 0.8), (1, 2, 0.8)]
    found, (known,) = grouped(truth([0, 0, -1]), pairs)
    assert found.groups.tolist() == [0, 0, 0]
    assert (known.fate, known.added, known.merged, known.doubts) == (Fate.KEPT | Fate.EXTENDED, (2,), (), ())
    assert known.mean == pytest.approx(0.9)


def test_groups_of_two_sellers_merge_and_of_one_do_not():
    pairs = [(a, b, 0.9) for a in range(4) for b in range(a)]
    found, reports = grouped(truth([3, 3, 8, 8], scopes=[0, 0, 1, 1]), pairs)
    assert found.groups.tolist() == [0] * 4
    assert [(one.number, one.scope, one.merged) for one in reports] == [(3, 0, (8,)), (8, 1, (3,))]
    assert all(one.fate == Fate.KEPT | Fate.MERGED for one in reports)
    found, reports = grouped(truth([3, 3, 8, 8]), pairs)
    assert found.groups.tolist() == [0, 0, 1, 1]
    assert found.notes.tolist() == [Note.KNOWN] * 4
    assert all(one.fate == Fate.KEPT for one in reports)


def test_groups_of_one_seller_do_not_meet_through_another_sellers_either():
    pairs = [(0, 2, 0.9), (0, 3, 0.9), (1, 2, 0.85), (1, 3, 0.85)]
    found, _ = grouped(truth([0, 1, 2, 2], scopes=[0, 0, 1, 1]), pairs)
    assert found.groups.tolist() == [0, -1, 0, 0]


def test_an_expert_comes_before_the_seller():
    pairs = [(0, 1, 0.1), (2, 3, 0.9)]
    judged = [(0, 1, VARIANT), (2, 3, NOT_A_VARIANT)]
    found, reports = grouped(truth([0, 1, 2, 2], judged=judged), pairs)
    assert found.groups.tolist() == [0, 0, -1, -1]
    assert [one.fate for one in reports] == [
        Fate.KEPT | Fate.MERGED,
        Fate.KEPT | Fate.MERGED,
        Fate.SPLIT | Fate.REJECTED,
    ]
    assert reports[2].doubts == ("contains a rejected pair", "its products are in different groups now")
    assert found.notes.tolist() == [0, 0, Note.CONTRADICTION | Note.REJECTED, Note.CONTRADICTION | Note.REJECTED]


def test_a_known_group_with_a_rejected_pair_keeps_its_most_probable_pairs():
    pairs = [(0, 1, 0.5), (1, 2, 0.9), (2, 3, 0.4), (0, 3, 0.3)]
    found, (known,) = grouped(truth([0, 0, 0, 0], judged=[(0, 2, NOT_A_VARIANT)]), pairs)
    assert found.groups.tolist() == [-1, 0, 0, 0]
    assert Fate.REJECTED | Fate.SPLIT in known.fate


def test_groups_that_were_learned_from_may_come_out_split():
    pairs = [(0, 1, 0.9), (2, 3, 0.9), (1, 4, 0.8), (0, 4, 0.8), (5, 6, 0.9)]
    qrels = truth([0, 0, 0, 0, -1, 1, 1])
    found, reports = grouped(qrels, pairs, known="learn")
    assert found.groups.tolist() == [0, 0, 1, 1, 0, 2, 2]
    assert reports[0].fate == Fate.SPLIT | Fate.EXTENDED
    assert reports[0].doubts == ("its products are in different groups now",)
    assert reports[0].added == (4,)
    assert reports[1].fate == Fate.KEPT
    assert reports.doubtful().tolist() == [0]


def test_a_product_that_comes_out_alone_splits_its_group():
    _, (known,) = grouped(truth([0, 0, 0]), [(0, 1, 0.9)], known="learn")
    assert known.fate == Fate.SPLIT
    _, (known,) = grouped(truth([0, 0]), [], known="learn")
    assert known.fate == Fate.SPLIT | Fate.WEAK


def test_a_known_group_of_one_product():
    _, reports = grouped(truth([0, -1, 1]), [(0, 1, 0.9)])
    assert [one.fate for one in reports] == [Fate.KEPT | Fate.EXTENDED, Fate.KEPT]
    assert np.isnan(reports[0].mean)


def test_hidden_groups_change_nothing_and_are_not_spoken_of():
    rng = np.random.default_rng(1)
    n, pairs = 30, random_pairs(rng, 30)
    plain, none = grouped(truth([-1] * n), pairs, known="hide")
    assert len(plain) > 2
    assert len(none) == 0
    for _ in range(10):
        groups, scopes = rng.integers(-1, 8, n), rng.integers(0, 3, n)
        found, none = grouped(truth(groups, scopes), pairs, known="hide")
        assert len(none) == 0
        for name in ("groups", "strength", "notes"):
            assert np.array_equal(getattr(found, name), getattr(plain, name)), name


def test_judged_pairs_count_whatever_is_done_with_groups():
    pairs = [(0, 1, 0.9), (2, 3, 0.1)]
    judged = [(0, 1, NOT_A_VARIANT), (2, 3, VARIANT)]
    for known in ("keep", "learn", "hide"):
        found, _ = grouped(truth([-1] * 4, judged=judged), pairs, known=known)
        assert found.groups.tolist() == [-1, -1, 0, 0]


def plain_report(qrels, found, known, pairs, threshold):
    """What is said of each known group, one set at a time."""
    if known == "hide":
        return []
    rows = range(len(qrels.items))
    chance = {frozenset(pair[:2]): pair[2] for pair in pairs}
    place = [int(group) if group >= 0 else ("alone", row) for row, group in enumerate(found.groups)]
    reports = []
    for number in sorted({int(group) for group in qrels.groups if group >= 0}):
        members = [row for row in rows if qrels.groups[row] == number]
        places = {place[row] for row in members}
        beside = [row for row in rows if place[row] in places and row not in members]
        added = [row for row in beside if qrels.groups[row] < 0]
        merged = {int(qrels.groups[row]) for row in beside if qrels.groups[row] >= 0}
        within = [frozenset((a, b)) for a in members for b in members if a < b]
        mean = sum(chance.get(pair, 0) for pair in within) / len(within) if within else 1
        rejected = {frozenset(divmod(int(key), len(rows))) for key in qrels.keys[qrels.values == NOT_A_VARIANT]}
        fate = Fate.SPLIT if len(places) > 1 else Fate.KEPT
        fate |= Fate.EXTENDED if added else Fate(0)
        fate |= Fate.MERGED if merged else Fate(0)
        fate |= Fate.WEAK if mean < threshold else Fate(0)
        fate |= Fate.REJECTED if rejected & set(within) else Fate(0)
        reports.append((number, tuple(members), fate, tuple(added), tuple(sorted(merged))))
    return reports


@settings(max_examples=60, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**32), n=st.integers(2, 16), known=st.sampled_from(["keep", "learn", "hide"]))
def test_what_is_said_equals_sets(seed, n, known):
    rng = np.random.default_rng(seed)
    qrels, pairs = random_truth(rng, n), random_pairs(rng, n)
    found, reports = grouped(qrels, pairs, known=known, threshold=0.3, most=6)
    said = [(one.number, one.members, one.fate, one.added, one.merged) for one in reports]
    assert said == plain_report(qrels, found, known, pairs, 0.3)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**32), n=st.integers(2, 16), known=st.sampled_from(["keep", "learn", "hide"]))
def test_promises_hold_on_random_truth(seed, n, known):
    rng = np.random.default_rng(seed)
    qrels, pairs = random_truth(rng, n), random_pairs(rng, n)
    found, reports = grouped(qrels, pairs, known=known, threshold=0.3)
    together = (found.groups[:, None] == found.groups) & (found.groups >= 0)
    one, two = np.divmod(qrels.keys, n)
    assert not together[one, two][qrels.values == NOT_A_VARIANT].any()
    if known == "keep":
        contradicted = (found.notes & Note.CONTRADICTION) > 0
        for report in reports:
            whole = together[report.members[0], list(report.members[1:])].all()
            assert whole or contradicted[list(report.members)].any()
        if not (qrels.values == VARIANT).any():
            rows = np.arange(n)
            left, right = (part.ravel() for part in np.meshgrid(rows, rows))
            apart = qrels.judge(left, right) == NOT_A_VARIANT
            assert not together[left, right][apart].any()

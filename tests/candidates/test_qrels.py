import random
from itertools import pairwise

import numpy as np
import pytest

from candidates.axis import Axis
from candidates.catalogue import Catalogue
from candidates.errors import UnknownId
from candidates.product import Product
from candidates.qrels import NOT_A_VARIANT, UNJUDGED, VARIANT, Qrels, Source


def catalogue(*members):
    """One product for each (seller, group)."""
    return Catalogue.of(Product(f"p{row}", seller=seller, group=group) for row, (seller, group) in enumerate(members))


def plain_truth(members, judged, groups_are_global, left, right):
    """The truth on one pair of products, said in plain words, and its source."""
    if left == right:
        return UNJUDGED, Source.NONE
    if frozenset((left, right)) in judged:
        return judged[frozenset((left, right))]
    (one_seller, one), (other_seller, other) = members[left], members[right]
    if not one or not other or (one_seller != other_seller and not groups_are_global):
        return UNJUDGED, Source.NONE
    return (VARIANT if one == other else NOT_A_VARIANT), Source.FEED_GROUP


def drawn(seed):
    """Random products of some sellers and groups, with pairs judged one by one."""
    rng = random.Random(seed)
    count = rng.choice([1, 2, 5, 12, 20])
    sellers = rng.choice([[""], ["A"], ["A", "B"], ["", "A", "B", "C"]])
    members = [(rng.choice(sellers), rng.choice(["", "g1", "g2", "g3"])) for _ in range(count)]
    groups_are_global = rng.random() < 0.5
    judged, qrels = {}, Qrels.from_catalogue(catalogue(*members), groups_are_global=groups_are_global)
    for source in rng.choice([[], [Source.FILE], [Source.FILE, Source.JUDGEMENT]]):
        pairs = []
        for _ in range(rng.choice([0, 1, 6, 30])):
            if count > 1:
                left, right = rng.sample(range(count), 2)
                value = rng.choice([VARIANT, NOT_A_VARIANT])
                pairs.append((f"p{left}", f"p{right}", value))
                judged[frozenset((left, right))] = (value, source)
        qrels = qrels.with_pairs(pairs, source)
    return members, judged, groups_are_global, qrels


SEEDS = range(60)


@pytest.mark.parametrize("seed", SEEDS)
def test_every_pair_against_plain_words(seed):
    members, judged, groups_are_global, qrels = drawn(seed)
    left, right = (side.ravel() for side in np.meshgrid(np.arange(len(members)), np.arange(len(members))))
    expected = [plain_truth(members, judged, groups_are_global, one, two) for one, two in zip(left, right, strict=True)]
    truth, source = qrels.judge(left, right), qrels.source(left, right)
    assert truth.dtype == source.dtype == np.int8
    assert list(zip(truth.tolist(), source.tolist(), strict=True)) == expected


@pytest.mark.parametrize("seed", SEEDS)
def test_variants_against_a_double_loop(seed):
    members, judged, groups_are_global, qrels = drawn(seed)
    rng = random.Random(seed)
    asked = rng.choice([list(range(len(members))), [], rng.choices(range(len(members)), k=7)])
    offsets, rows = qrels.variants(np.array(asked, np.int32))
    assert (offsets.dtype, rows.dtype) == (np.int64, np.int32)
    expected = [
        [
            row
            for row in range(len(members))
            if plain_truth(members, judged, groups_are_global, query, row)[0] == VARIANT
        ]
        for query in asked
    ]
    assert [rows[low:high].tolist() for low, high in pairwise(offsets)] == expected
    assert len(offsets) == len(asked) + 1
    if asked == list(range(len(members))):
        assert qrels.queries().tolist() == [query for query, known in enumerate(expected) if known]


def one_pair(qrels, left=0, right=1):
    value = qrels.judge(np.array([left]), np.array([right]))[0]
    assert value == qrels.judge(np.array([right]), np.array([left]))[0]
    return value


@pytest.mark.parametrize(
    ("members", "within", "everywhere"),
    [
        ([("A", "g"), ("A", "g")], VARIANT, VARIANT),
        ([("A", "g"), ("A", "h")], NOT_A_VARIANT, NOT_A_VARIANT),
        ([("A", "g"), ("B", "g")], UNJUDGED, VARIANT),
        ([("A", "g"), ("B", "h")], UNJUDGED, NOT_A_VARIANT),
        ([("A", "g"), ("A", "")], UNJUDGED, UNJUDGED),
        ([("A", ""), ("A", "")], UNJUDGED, UNJUDGED),
        ([("A", ""), ("B", "")], UNJUDGED, UNJUDGED),
        ([("", "g"), ("", "g")], VARIANT, VARIANT),
        ([("", "g"), ("", "h")], NOT_A_VARIANT, NOT_A_VARIANT),
        ([("", "g"), ("A", "g")], UNJUDGED, VARIANT),
    ],
)
def test_what_groups_say_within_and_across_sellers(members, within, everywhere):
    assert one_pair(Qrels.from_catalogue(catalogue(*members))) == within
    assert one_pair(Qrels.from_catalogue(catalogue(*members), groups_are_global=True)) == everywhere


def test_a_judged_pair_comes_before_the_groups_and_a_later_one_before_an_earlier():
    qrels = Qrels.from_catalogue(catalogue(("A", "g"), ("A", "g"), ("A", "h")))
    denied = qrels.with_pairs([("p1", "p0", NOT_A_VARIANT), ("p0", "p2", VARIANT)], Source.FILE)
    assert (one_pair(denied), one_pair(denied, 0, 2), one_pair(denied, 1, 2)) == (NOT_A_VARIANT, VARIANT, NOT_A_VARIANT)
    restored = denied.with_pairs([("p0", "p1", VARIANT)], Source.JUDGEMENT)
    assert one_pair(restored) == VARIANT
    assert restored.source(np.array([0, 0, 1]), np.array([1, 2, 2])).tolist() == [
        Source.JUDGEMENT,
        Source.FILE,
        Source.FEED_GROUP,
    ]
    assert (len(qrels.keys), len(denied.keys), len(restored.keys)) == (0, 2, 2)
    assert one_pair(qrels) == VARIANT


def test_a_pair_of_an_unknown_product_is_named():
    qrels = Qrels.from_catalogue(catalogue(("A", "g")))
    with pytest.raises(UnknownId, match="'p9'"):
        qrels.with_pairs([("p0", "p9", VARIANT)], Source.FILE)


def test_pairs_alone_make_queries():
    qrels = Qrels.from_catalogue(catalogue(("A", ""), ("B", ""), ("C", ""))).with_pairs(
        [("p2", "p0", VARIANT)], Source.FILE
    )
    assert qrels.queries().tolist() == [0, 2]
    offsets, rows = qrels.variants(np.array([2, 1, 0, 2]))
    assert offsets.tolist() == [0, 1, 1, 2, 3]
    assert rows.tolist() == [0, 2, 0]


def test_no_products():
    qrels = Qrels.from_catalogue(catalogue())
    assert qrels.queries().tolist() == []
    assert qrels.judge(np.zeros(0, np.int32), np.zeros(0, np.int32)).tolist() == []
    assert qrels.variants(np.zeros(0, np.int32))[0].tolist() == [0]


def test_keys_of_many_products_do_not_overflow():
    count = 70_000
    qrels = Qrels(
        Axis.of(f"p{row}" for row in range(count)), np.full(count, -1, np.int32), np.zeros(count, np.int32)
    ).with_pairs([(f"p{count - 1}", f"p{count - 2}", VARIANT), ("p1", "p0", NOT_A_VARIANT)], Source.FILE)
    left, right = np.array([count - 2, 0, 1], np.int32), np.array([count - 1, 1, 2], np.int32)
    assert qrels.judge(left, right).tolist() == [VARIANT, NOT_A_VARIANT, UNJUDGED]
    assert qrels.queries().tolist() == [count - 2, count - 1]


def test_sellers_with_like_named_groups_stay_apart():
    # Numbers of seller and group are folded into one: no two pairs of them may fold alike.
    members = [(seller, group) for seller in ("", "A", "B", "C") for group in ("", "g1", "g2", "g3")] * 2
    qrels = Qrels.from_catalogue(catalogue(*members))
    for left, one in enumerate(members):
        for right, other in enumerate(members):
            assert (qrels.groups[left] == qrels.groups[right] >= 0) == (one == other and one[1] != "")

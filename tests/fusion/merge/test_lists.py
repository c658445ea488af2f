"""The bundle of a query's lists: what is taken, cut, capped, fused and hopped, against the parts it is built from."""

from dataclasses import replace

import numpy as np
import pytest

from candidates.axis import Axis
from candidates.run import Run, same_lists
from candidates.settings import FusedSettings, MergeSettings
from fusion.merge.fused_hop import hop_fused
from fusion.merge.hop import expand
from fusion.merge.hubs import correct_hubs, nearness
from fusion.merge.limits import cap_hubs
from fusion.merge.lists import FoldedLists, QueryLists
from fusion.merge.reciprocal import Ranking, fuse
from fusion.merge.strategies import STRATEGIES, merge

N = 40
FUSING = FusedSettings(seeds=3, seed_depth=4, own=5)


def random_run(name, rng):
    """Each product's list of every length up to 15, itself left out."""
    items = Axis.of([f"p{row}" for row in range(N)])
    lists = [rng.permutation(np.delete(np.arange(N), row))[: rng.integers(0, 16)] for row in range(N)]
    offsets = np.concatenate([[0], np.cumsum([len(rows) for rows in lists])]).astype(np.int64)
    scores = np.concatenate([-np.sort(-rng.random(len(rows))) for rows in lists]).astype(np.float32)
    return Run.of(name, items, items, offsets, np.concatenate(lists).astype(np.int32), scores)


@pytest.fixture
def products():
    """The lists of every product."""
    rng = np.random.default_rng(7)
    text, image, lexical = (random_run(name, rng) for name in ("text", "image", "lexical"))
    return QueryLists(text, image, lexical, fusing=FUSING)


@pytest.fixture
def some(products):
    """The lists of a few products, out of order, beside those of every product."""
    return products.of(np.array([30, 4, 17, 5]))


def test_queries_know_their_rows_and_every_products_lists(products, some):
    assert some.rows.tolist() == [30, 4, 17, 5]
    assert some.products is products
    assert products.products is products
    assert products.of(np.arange(N)) is products
    for name in ("text", "image", "lexical"):
        assert same_lists(getattr(some, name), getattr(products, name).take(some.rows))
    again = some.of(np.array([2]))
    assert again.rows.tolist() == [17]
    assert again.products is products
    assert len(again) == 1


def test_a_query_that_is_no_product_has_no_row(products):
    upload = Axis.of(["upload"])
    text = Run.of(
        "text", upload, products.text.items, np.array([0, 1]), np.array([3], np.int32), np.ones(1, np.float32)
    )
    lists = QueryLists(text, replace(text, name="image"), every=products)
    assert lists.rows.tolist() == [-1]
    assert merge(lists, MergeSettings(strategy="union", n=5)).ranked(0)[0].tolist() == [3]


def test_a_cut_leaves_every_products_lists_whole(products, some):
    for lists in (products, some):
        cut = lists.top(2)
        assert same_lists(cut.text, lists.text.top(2))
        assert same_lists(cut.image, lists.image.top(2))
        assert cut.products is products
        assert cut.deepest == 2
    assert some.deepest == max(some.text.counts.max(), some.image.counts.max())


def test_a_hub_cap_counts_the_lists_of_every_product(products, some):
    assert some.capped(0) == (some, 0)
    (text, from_text), (image, from_image) = cap_hubs(products.text, 3), cap_hubs(products.image, 3)
    for lists in (products, some):
        capped, removed = lists.capped(3)
        assert removed == from_text + from_image > 0
        assert same_lists(capped.products.text, text)
        assert same_lists(capped.products.image, image)
        assert same_lists(capped.text, text.take(lists.rows))
        assert same_lists(capped.image, image.take(lists.rows))


def test_fused_lists_correct_hubs_by_the_lists_of_every_product(products, some):
    kinds = {"image": ("image", FUSING.image_weight), "text": ("text", FUSING.text_weight)}
    kinds |= {"lexical": ("text", FUSING.lexical_weight)}
    rankings = [
        Ranking(correct_hubs(getattr(some, name), nearness(getattr(products, name)), weight=0.5), *kind)
        for name, kind in kinds.items()
    ]
    fused = some.fuse(6)
    assert same_lists(fused, fuse(rankings, k=FUSING.k, depth=6))
    assert fused.name == "fused"
    assert same_lists(fused, products.fuse(6).take(some.rows))


def test_lists_are_fused_once_for_the_same_settings(products, some):
    fused = some.fused_with(FUSING)
    assert same_lists(fused.fused, some.fuse(some.deepest))
    assert same_lists(fused.products.fused, products.fuse(5))  # as deep as the hop reads them
    assert fused.fused_with(FUSING) is fused
    other = fused.fused_with(FusedSettings(text_weight=3.0))
    assert other.fusing.text_weight == other.products.fusing.text_weight == 3
    assert not same_lists(other.fused, fused.fused)
    assert same_lists(products.fused_with(FUSING).fused, products.fuse(products.deepest))


def test_without_letters_nothing_is_fused(products, some):
    for lists in (replace(some, lexical=None), replace(some, every=replace(products, lexical=None))):
        assert not lists.can_fuse
        assert lists.rankings() == []
        assert lists.fused_with(FUSING) is lists
        with pytest.raises(AssertionError, match="no fused lists"):
            lists.hopped()


def test_the_hop_on_fused_lists(some):
    fused = some.fused_with(FUSING)
    assert same_lists(fused.hopped(), hop_fused(fused.fused, fused.products.fused, 3, 4, 5))
    flat = some.fused_with(FUSING.model_copy(update={"seeds": 0}))
    assert flat.hopped() is flat.fused


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_some_of_the_queries_have_the_candidates_they_have_among_all(products, strategy):
    lists = replace(products, fused=products.fuse(20))
    settings = MergeSettings(strategy=strategy, n=6, k=2, budget=9)
    groups = (np.arange(N) // 4).astype(np.int32)
    rows = np.array([30, 4, 17, 5])
    for counted in (None, groups):
        whole = merge(lists, settings, counted)
        assert same_lists(merge(lists.of(rows), settings, counted), whole.take(rows))


def test_the_hop_reads_the_image_lists_of_every_product(products, some):
    candidates = merge(some, MergeSettings(strategy="hop", n=4, k=2))
    assert same_lists(candidates, expand(products.text.top(4), products.image, 4, 2).take(some.rows))


@pytest.fixture
def folded(products):
    """Queries in three folds, each searched in other spaces."""
    rng = np.random.default_rng(8)
    others = [QueryLists(*(random_run(name, rng) for name in ("t", "i", "l")), fusing=FUSING) for _ in range(2)]
    rows = np.array([3, 9]), np.array([0, 1, 30]), np.array([12])
    return FoldedLists(tuple(lists.of(own) for lists, own in zip((products, *others), rows, strict=True)))


def test_folds_follow_each_other(folded):
    assert len(folded) == 6
    assert folded.rows.tolist() == [3, 9, 0, 1, 30, 12]
    assert folded.text.queries.ids.to_pylist() == ["p3", "p9", "p0", "p1", "p30", "p12"]
    assert folded.image.ranked(2)[0].tolist() == folded.folds[1].image.ranked(0)[0].tolist()
    assert folded.deepest == max(fold.deepest for fold in folded.folds)
    hop = folded.each(lambda fold: merge(fold, MergeSettings(strategy="hop", n=3, k=1)))
    assert [hop.ranked(place)[0].tolist() for place in range(6)] == [
        merge(fold, MergeSettings(strategy="hop", n=3, k=1)).ranked(place)[0].tolist()
        for fold in folded.folds
        for place in range(len(fold))
    ]


def test_queries_are_taken_from_their_folds(folded):
    taken = folded.of(np.array([1, 2, 4]))
    assert taken.rows.tolist() == [9, 0, 30]
    assert [len(fold) for fold in taken.folds] == [1, 2]
    assert taken.folds[1].products is folded.folds[1].products
    nothing = folded.of(np.array([], int))
    assert len(nothing) == 0
    assert nothing.folds[0].products is folded.folds[0].products


def test_folds_are_fused_each_in_its_own_spaces(folded):
    assert not folded.fused
    fused = folded.fused_with(FUSING)
    assert fused.fused
    for fold, before in zip(fused.folds, folded.folds, strict=True):
        assert same_lists(fold.fused, before.fuse(before.deepest))
    rankings = folded.rankings()
    assert [(ranking.kind, ranking.weight) for ranking in rankings] == [("image", 2), ("text", 0.6), ("text", 0.6)]
    for place, ranking in enumerate(rankings):
        assert ranking.run.queries == folded.text.queries
        assert ranking.run.ranked(5)[0].tolist() == folded.folds[2].rankings()[place].run.ranked(0)[0].tolist()
    without = FoldedLists((*folded.folds[:2], replace(folded.folds[2], lexical=None)))
    assert not without.fused_with(FUSING).fused
    assert without.rankings() == []

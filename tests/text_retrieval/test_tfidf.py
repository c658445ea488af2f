import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer

from candidates.axis import Axis
from candidates.errors import AxisMismatch, VariantsError
from candidates.filters import Filter
from candidates.run import same_lists
from text_retrieval.tfidf import TfidfIndex, _best

EVEN = Filter(category="even")


def axis(n):
    return Axis.of([f"p{row}" for row in range(n)])


def built(texts, select=None):
    return TfidfIndex.build(texts, axis(len(texts)), select)


def made_up(n, seed=0):
    """Texts of a few words from a small vocabulary, some of them empty, some the same."""
    rng = np.random.default_rng(seed)
    words = ["".join(rng.choice(list("abcdeiou"), size=rng.integers(2, 8))) for _ in range(30)]
    texts = [" ".join(rng.choice(words, size=rng.integers(0, 5))) for _ in range(n - n // 4)]
    return [*texts, *texts[: n // 4]]


def truth(texts):
    """Every cosine, float64 (n, n), by the plain dense product."""
    weights = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 4)).fit_transform(texts).toarray()
    return weights @ weights.T


def lists(run):
    return [run.ranked(query)[0].tolist() for query in range(len(run))]


@pytest.mark.parametrize("k", [1, 7, 60, 500])
def test_lists_are_those_of_the_dense_product(k):
    texts = made_up(60)
    cosines = truth(texts)
    run = built(texts).neighbours(np.arange(60), k)
    for query, expected in enumerate(cosines):
        rows, scores = run.ranked(query)
        assert len(rows) == min(k, (expected > 0).sum())
        np.testing.assert_allclose(scores, expected[rows], atol=1e-5)
        np.testing.assert_allclose(scores, np.sort(expected)[::-1][: len(rows)], atol=1e-5)
        assert (np.diff(scores) <= 0).all()


@pytest.mark.parametrize("seed", range(5))
def test_the_best_are_those_of_a_plain_sort(seed):
    scores = np.random.default_rng(seed).integers(0, 4, size=(6, 30)).astype(np.float32) / 4
    for depth in (1, 10, 30):
        rows, best = _best(scores, depth)
        for query in range(6):
            expected = sorted(range(30), key=lambda row: (-scores[query, row], row))[:depth]
            assert rows[query].tolist() == expected
            assert best[query].tolist() == scores[query, expected].tolist()


def test_equal_texts_stand_in_the_order_of_rows_even_at_the_cut():
    texts = ["red dress", "blue mug", "red dress", "red dress", "red dress"]
    assert lists(built(texts).neighbours(np.array([4, 0]), 3)) == [[0, 2, 3], [0, 2, 3]]


def test_spelling_matters_less_than_words():
    texts = ["Leggings seamless rib", "leggigns seamless", "Mug with dots"]
    assert lists(built(texts).neighbours(np.array([0]), 3)) == [[0, 1]]


def test_some_products_are_asked_for():
    texts = made_up(40)
    index = built(texts)
    some = np.array([31, 2, 2 + 9])
    run = index.neighbours(some, 5)
    assert run.queries == index.items.take(some)
    assert same_lists(run, index.neighbours(np.arange(40), 5).take(some))


def test_many_queries_are_asked_in_tiles(monkeypatch):
    texts = made_up(40)
    whole = built(texts).neighbours(np.arange(40), 5)
    monkeypatch.setattr("text_retrieval.tfidf._TILE", 3 * 40)
    assert same_lists(built(texts).neighbours(np.arange(40), 5), whole)


def test_a_product_leaves_its_own_list_by_excluding():
    texts = ["red dress", "red skirt", "red mug"]
    run = built(texts).neighbours(np.arange(3), 3).excluding(np.arange(3))
    assert all(query not in rows for query, rows in enumerate(lists(run)))
    assert (run.counts == 2).all()


def test_empty_texts_find_nothing_and_are_not_found():
    run = built(["red dress", "", " ", "red dress"]).neighbours(np.arange(4), 4)
    assert lists(run) == [[0, 3], [], [], [0, 3]]


@pytest.mark.parametrize("texts", [[], [""], ["", " "]])
def test_nothing_but_empty_texts(texts):
    run = built(texts).neighbours(np.arange(len(texts)), 3)
    assert lists(run) == [[] for _ in texts]


def test_one_text_finds_itself():
    assert lists(built(["a red mug"]).neighbours(np.array([0]), 3)) == [[0]]


def test_no_queries_make_an_empty_run():
    assert len(built(["a red mug"]).neighbours(np.zeros(0, int), 3)) == 0


def test_a_filter_restricts_what_is_found():
    texts = made_up(40)
    even = np.arange(40) % 2 == 0
    index = built(texts, lambda where: even if where == EVEN else ~even & even)
    everything = index.neighbours(np.arange(40), 40)
    wanted = [[row for row in rows if row % 2 == 0][:5] for rows in lists(everything)]
    assert lists(index.neighbours(np.arange(40), 5, EVEN)) == wanted
    assert lists(index.neighbours(np.arange(2), 5, Filter(category="nobody"))) == [[], []]


def test_a_filter_without_products_is_refused():
    with pytest.raises(VariantsError, match="filter"):
        built(["a red mug"]).neighbours(np.array([0]), 3, EVEN)


def test_one_text_a_product_is_asked_for():
    with pytest.raises(AxisMismatch, match=r"1 texts.*2 products"):
        TfidfIndex.build(["a red mug"], axis(2))

from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from candidates.filters import Filter
from image_retrieval.elastic import nearest
from image_retrieval.elastic.filters import clauses_of
from image_retrieval.elastic.nearest import CodeSearch, Effort
from image_retrieval.subcodes import guaranteed_radius
from tests.image_retrieval.elastic.made_images import agrees, codes, distances, filled, image, images, keys


@pytest.mark.parametrize("shards", [1, 3])
def test_flat_gives_the_true_distance_at_every_rank_and_the_true_ids_below_the_last(window_of, shards):
    stored = codes(900)
    window = window_of(shards=shards)
    days = [date(2026, 5, 3), date(2026, 6, 9), date(2026, 7, 1)]
    filled(window, [image(n, code, days[n % 3]) for n, code in enumerate(stored)])
    assert len(window.standing()) == 3
    search, tied, compared = CodeSearch(window), 0, 0
    for code in codes(8, seed=1):
        for depth in (1, 10, 200, 899, 5000):
            tied += agrees(search.nearest(code, depth), stored, code, depth)
            compared += min(depth, 900)
    # Codes of 64 bits around twelve centres tie often; that all of these ties went right would be a wonder.
    assert 0 < tied < compared / 4


@pytest.mark.parametrize("way", ["flat", "hnsw"])
def test_nothing_is_cut_at_ten_thousand(window_of, way):
    stored = codes(12_500, noise=1.0)
    search = CodeSearch(filled(window_of(search=way), images(stored)))
    for depth in (10_000, 10_001, 20_000):
        hits = search.nearest(stored[5], depth)
        if way == "flat":
            agrees(hits, stored, stored[5], depth)
        else:
            assert len(set(hits.keys.tolist())) == len(hits.keys) >= 0.98 * min(depth, 12_500)
            assert (np.diff(hits.distances) >= 0).all()


@pytest.mark.parametrize("share", [20, 40, 400])
def test_deep_searches_are_whole_however_they_are_cut(window_of, monkeypatch, share):
    # A share of 40 of pages of 40 leaves no room for chance, one of 400 puts ten times too much into each part.
    monkeypatch.setattr(nearest, "PAGE", 40)
    monkeypatch.setattr(nearest, "_SHARE", share)
    stored = np.concatenate([codes(150), np.tile(codes(1, seed=3), (150, 1))])
    search = CodeSearch(filled(window_of(), images(stored)))
    for code in (stored[0], stored[-1]):
        for depth in (41, 120, 299, 301):
            agrees(search.nearest(code, depth), stored, code, depth)


@pytest.fixture(scope="module")
def sharing(client):
    """Codes of 128 bits, and windows that search them by subcodes."""
    import uuid

    from image_retrieval.elastic.mapping import Layout
    from image_retrieval.elastic.slices import Window

    stored = codes(600, bits=128, noise=0.1, centres=6)
    window = Window(client, f"test{uuid.uuid4().hex[:10]}", Layout(128, "v1", "planes", "subcodes", replicas=0))
    yield stored, filled(window, images(stored))
    window.drop()


@given(
    st.integers(0, 599),
    st.integers(1, 8),
    st.lists(st.integers(0, 127), max_size=14, unique=True),
    st.sampled_from([5, 100, 600]),
)
@settings(max_examples=30, deadline=None, derandomize=True)
def test_subcodes_return_every_image_within_the_promised_radius(sharing, row, matches, flipped, depth):
    stored, window = sharing
    bits = np.unpackbits(stored[row])
    bits[flipped] ^= 1
    code = np.packbits(bits)
    search = CodeSearch(window, Effort(matches=matches))
    assert search.radius == guaranteed_radius(8, matches) == 8 - matches
    hits, true = search.nearest(code, depth), distances(stored, code)
    row_of = dict(zip(keys(600), range(600), strict=True))
    found = [row_of[key] for key in hits.keys.tolist()]
    assert hits.distances.tolist() == true[found].tolist() == sorted(true[found].tolist())
    # What shares enough words, all of it and nothing else, nearest first.
    words, asked = (np.ascontiguousarray(one).view(">u2") for one in (stored, code[None]))
    shared = np.flatnonzero((words == asked).sum(axis=1) >= matches)
    assert hits.distances.tolist() == sorted(true[shared].tolist())[:depth]
    assert set(found) <= set(shared.tolist())
    within = np.flatnonzero(true <= search.radius)
    if depth == 600:
        assert set(within.tolist()) <= set(found)


def test_what_lies_beyond_the_radius_may_be_missed(sharing):
    stored, window = sharing
    bits = np.unpackbits(stored[0])
    bits[::16] ^= 1  # one bit in each word: no word is left to share
    hits = CodeSearch(window).nearest(np.packbits(bits), 600)
    assert keys(1)[0] not in hits.keys.tolist()


@pytest.mark.parametrize("way", ["flat", "subcodes", "hnsw"])
def test_a_condition_holds_within_the_search_and_not_after_it(window_of, way):
    # The nearest hundred are of another seller: a filter beside the search would leave nothing.
    stored = np.concatenate([np.zeros((100, 8), np.uint8), np.tile(np.array([[0] * 7 + [255]], np.uint8), (5, 1))])
    window = window_of(search=way)
    filled(window, [image(n, code, seller="near" if n < 100 else "far") for n, code in enumerate(stored)])
    hits = CodeSearch(window).nearest(stored[0], 10, clauses_of(Filter(seller="far")))
    assert sorted(hits.keys.tolist()) == sorted(keys(105)[100:])
    assert hits.distances.tolist() == [8] * 5


def test_a_promise_of_each_way_to_search(window_of):
    assert CodeSearch(window_of(search="flat")).radius == 64
    assert CodeSearch(window_of(search="hnsw")).radius == -1
    assert CodeSearch(window_of(search="subcodes"), Effort(matches=3)).radius == 1

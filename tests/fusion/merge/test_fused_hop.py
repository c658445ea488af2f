"""The hop on fused lists against dictionaries, and the trap of judging it by out-of-fold maps."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from candidates.axis import Axis
from candidates.errors import AxisMismatch
from candidates.run import Run
from fusion.merge import tiles as tiling
from fusion.merge.fused_hop import hop_fused
from fusion.merge.reciprocal import Ranking, fuse


def axis(n, prefix="p"):
    return Axis.of([f"{prefix}{i}" for i in range(n)])


def random_run(rng, n, longest, queries=None):
    lists = [rng.permutation(np.setdiff1d(np.arange(n), [q]))[: rng.integers(0, longest + 1)] for q in range(n)]
    offsets = np.concatenate([[0], np.cumsum([len(one) for one in lists])]).astype(np.int64)
    rows = np.concatenate(lists).astype(np.int32)
    return Run.of("r", queries or axis(n), axis(n), offsets, rows, rng.random(len(rows)).astype(np.float32))


def random_fused(seed, n, longest=12, queries=None):
    rng = np.random.default_rng(seed)
    weights = {"text": 0.6, "image": 2.0}
    return fuse([Ranking(random_run(rng, n, min(n - 1, longest), queries), kind, w) for kind, w in weights.items()])


def listed(run, query):
    """A list as dictionaries, one an entry."""
    part = run.whole()
    places = range(*part.offsets[query : query + 2])
    return [{name: getattr(part, name)[place].item() for name in part.columns()} for place in places]


def plain(fused, of_products, query, own, n, k, m, weight, rest):
    """The hop with lists and dictionaries: row → how it came, in order."""
    mine, m = listed(fused, query), max(n, m)
    found, sums, strongest = {entry["rows"]: entry for entry in mine[:m]}, {}, {}
    for seed in mine[:n]:
        share = weight * seed["scores"] / mine[0]["scores"]
        for entry in listed(of_products, seed["rows"])[:k]:
            row, path = entry["rows"], share * entry["scores"]
            if row == own or row in found:
                continue
            sums[row] = sums.get(row, 0.0) + path
            if path > strongest.get(row, (-1,))[0]:
                strongest[row] = (path, seed["rows"], entry)
    tail = {entry["rows"]: entry for entry in mine[m:]}
    brought = {}
    for row in [*sums, *(row for row in tail if row not in sums and rest)]:
        how = dict(tail.get(row, {"text_rank": 0, "text_score": np.nan, "image_rank": 0, "via": -1}))
        if row in sums and not how["image_rank"]:
            _, how["via"], entry = strongest[row]
            how |= {name: entry[name] for name in ("image_rank", "image_score")}
        brought[row] = how
    score = {row: sums.get(row, 0.0) + (tail[row]["scores"] if row in tail else 0.0) for row in brought}
    return found | {row: brought[row] for row in sorted(brought, key=lambda row: -score[row])}


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 2**32),
    size=st.integers(2, 25),
    n=st.integers(0, 6),
    k=st.integers(0, 8),
    m=st.integers(0, 10),
    rest=st.booleans(),
    threads=st.integers(1, 3),
)
def test_equals_the_plain_hop(seed, size, n, k, m, rest, threads):
    fused = random_fused(seed, size)
    made = hop_fused(fused, fused, n, k, m, weight=0.7, rest=rest, threads=threads)
    for query in range(size):
        expected = plain(fused, fused, query, query, n, k, m, 0.7, rest)
        entries = listed(made, query)
        assert [entry["rows"] for entry in entries] == list(expected)
        for place, (entry, how) in enumerate(zip(entries, expected.values(), strict=True), start=1):
            assert entry["scores"] == pytest.approx(1 / place)
            for name in ("text_rank", "text_score", "image_rank", "image_score", "via"):
                assert entry[name] == pytest.approx(how.get(name, np.nan), nan_ok=True), name


def one_kind(lists, kind):
    offsets = np.concatenate([[0], np.cumsum([len(one) for one in lists])]).astype(np.int64)
    rows = np.array([row for one in lists for row in one], np.int32)
    items = axis(len(lists))
    return fuse([Ranking(Run.of("r", items, items, offsets, rows, np.full(len(rows), 0.5, np.float32)), kind)])


def test_two_seeds_on_paper():
    fused = one_kind([[1, 2], [3, 4], [4, 0], [], []], "image")
    first, second, four, three = listed(hop_fused(fused, fused, 2, 2, 2, weight=1), 0)
    assert [entry["rows"] for entry in (first, second, four, three)] == [1, 2, 4, 3]
    # 4 has 1/12 by the first seed and 11/12 · 1/11 by the second: more than the 1/11 that 3 has by the first.
    assert (four["rows"], four["image_score"]) == (4, 0.5)
    assert (three["via"], three["image_rank"]) == (1, 1)


def test_via_is_the_seed_that_counts_most():
    fused = one_kind([[1, 2], [3, 4, 5], [5, 4], [], [], []], "image")
    brought = {
        entry["rows"]: (entry["via"], entry["image_rank"]) for entry in listed(hop_fused(fused, fused, 2, 3, 2), 0)
    }
    # Over seed 1, 4 has 1/12 and 5 has 1/13; over seed 2, which counts 11/12, they have 1/12 and 1/11.
    assert (brought[4], brought[5]) == ((1, 2), (2, 1))


def test_what_a_seeds_texts_alone_brought_names_the_seed_and_no_image_rank():
    fused = one_kind([[1], [2], []], "text")
    brought = listed(hop_fused(fused, fused, 1, 1, 1), 0)[1]
    assert (brought["rows"], brought["via"], brought["image_rank"], brought["text_rank"]) == (2, 1, 0, 0)


def test_without_seeds_or_weight_the_own_list_stays():
    fused = random_fused(1, 30)
    for n, weight in ((0, 0.5), (5, 0.0)):
        made = hop_fused(fused, fused, n, 8, 3, weight=weight)
        for query in range(30):
            own = fused.ranked(query)[0].tolist()
            assert made.ranked(query)[0].tolist()[: len(own)] == own


def test_the_first_m_stand_first_and_a_budget_is_a_cut():
    fused = random_fused(2, 40)
    made = hop_fused(fused, fused, 4, 6, 7, weight=2.0)
    for query in range(40):
        rows, scores = made.ranked(query)
        own = fused.ranked(query)[0][:7].tolist()
        assert rows[: len(own)].tolist() == own
        assert len(set(rows.tolist())) == len(rows)
        assert query not in rows
        assert (np.diff(scores) < 0).all()
    assert np.array_equal(made.top(9).matrix(9)[0], made.matrix(9)[0])


def test_queries_that_are_no_products():
    fused, uploads = random_fused(3, 20), random_fused(4, 20, queries=axis(20, "upload"))
    made = hop_fused(uploads, fused, 3, 4, 5)
    for query in range(20):
        expected = plain(uploads, fused, query, -1, 3, 4, 5, 0.2, True)
        assert [entry["rows"] for entry in listed(made, query)] == list(expected)


def test_many_small_tiles_equal_one(monkeypatch):
    fused = random_fused(5, 60)
    whole = hop_fused(fused, fused, 5, 6, 4).whole()
    monkeypatch.setattr(tiling, "_ROOM", 90)
    tiled = hop_fused(fused, fused, 5, 6, 4, threads=3)
    assert len(tiled.parts) > 5
    for name in whole.columns():
        assert np.array_equal(getattr(whole, name), getattr(tiled.whole(), name), equal_nan=True)


def test_lists_that_are_not_of_every_product_are_refused():
    fused = random_fused(6, 8)
    with pytest.raises(AxisMismatch, match="fused lists of every product"):
        hop_fused(fused, fused.take(np.array([1, 2])), 2, 2, 2)
    with pytest.raises(AxisMismatch, match="Make both from the same catalogue"):
        hop_fused(fused, random_fused(7, 9), 2, 2, 2)


def test_no_products_no_candidates():
    nothing = one_kind([], "text")
    assert len(hop_fused(nothing, nothing, 5, 8, 40).whole().rows) == 0


GROUPS, SIZE, DIMENSIONS, FOLDS, BUDGET = 60, 5, 160, 10, 20


def drawn(rng):
    """Groups of products scattered around their centres, and the group of each product."""
    groups = np.repeat(np.arange(GROUPS), SIZE)
    centres = rng.standard_normal((GROUPS, DIMENSIONS))
    return centres[groups] + 2 * rng.standard_normal((len(groups), DIMENSIONS)), groups


def learned(values, groups):
    """A linear map under which the groups given lie close: within-group whitening, then 30 leading directions."""
    numbers = np.unique(groups, return_inverse=True)[1]
    means = np.stack([values[numbers == one].mean(axis=0) for one in range(numbers.max() + 1)])[numbers]
    within = 0.98 * np.cov((values - means).T)
    within += 0.02 * np.trace(within) / len(within) * np.eye(len(within))
    variances, directions = np.linalg.eigh(within)
    whitened = directions / np.sqrt(variances)
    return whitened @ np.linalg.eigh(np.cov((values @ whitened).T))[1][:, ::-1][:, :30]


def lists_by(values, maps, fold):
    """The fused lists of all products, each by the map of its fold."""
    rows, scores = np.zeros((2, len(values), 60))
    for one, projection in enumerate(maps):
        mine = np.flatnonzero(fold == one)
        places = values @ projection
        places /= np.linalg.norm(places, axis=1, keepdims=True)
        near = places[mine] @ places.T
        near[np.arange(len(mine)), mine] = -np.inf
        rows[mine] = np.argsort(-near, axis=1)[:, :60]
        scores[mine] = np.take_along_axis(near, rows[mine].astype(int), 1)
    items = axis(len(values))
    return fuse([Ranking(Run.from_matrix("r", items, items, rows, scores), "image")])


def hop_gain(fused, groups, queries=slice(None)):
    """What the hop adds to recall, at equal candidates."""

    def recall(run):
        found = groups[run.matrix(BUDGET)[0]] == groups[:, None]
        return found[queries].sum() / (SIZE - 1) / len(groups[queries])

    return recall(hop_fused(fused, fused, 8, 8, 8, weight=1.0)) - recall(fused)


def test_out_of_fold_maps_inflate_the_gain_of_a_hop_and_disjoint_products_do_not():
    inflated, one_map, disjoint = [], [], []
    for seed in range(2):
        rng = np.random.default_rng(seed)
        values, groups = drawn(rng)
        fold = (rng.permutation(GROUPS) % FOLDS)[groups]
        maps = [learned(values[fold != one], groups[fold != one]) for one in range(FOLDS)]
        inflated.append(hop_gain(lists_by(values, maps, fold), groups))
        # The same queries and products; but the map that did not see the query's group makes the seeds' lists too.
        for one in range(0, FOLDS, 5):
            everyone = np.zeros(len(groups), int)
            one_map.append(hop_gain(lists_by(values, [maps[one]], everyone), groups, fold == one))
        fresh, of_fresh = drawn(rng)
        disjoint.append(hop_gain(lists_by(fresh, [learned(values, groups)], np.zeros(len(of_fresh), int)), of_fresh))
    assert min(inflated) > 0.03
    assert max(disjoint) <= 0
    assert np.mean(one_map) < 0.01

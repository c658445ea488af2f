"""Average linkage against the definition written out, and against SciPy's where that applies."""

from itertools import chain, combinations, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform

from candidates.errors import VariantsError
from fusion.groups.linkage import Constraints, Grouping, Note, average_linkage, units_of

UNIT = 2**30


def rows(values):
    return np.array(values, np.int32).reshape(-1)


def linked(n, pairs, **options):
    """Groups by pairs written as (left, right, probability)."""
    left, right, chance = zip(*pairs, strict=True) if pairs else ((), (), ())
    return average_linkage(n, rows(left), rows(right), np.array(chance, np.float32), **options)


def as_sets(grouping):
    offsets, members = grouping.members()
    return [members[low:high].tolist() for low, high in pairwise(offsets)]


def plain_units(n, must, cannot):
    """Pairs put together one after the other; the same as `units_of` says, for all products alike."""
    units = [{row} for row in range(n)]
    whole = [set(unit) for unit in units]
    for one, two in must:
        joined = whole[one] | whole[two]
        for row in joined:
            whole[row] = joined
    for one, two in must:
        joined = units[one] | units[two]
        clash = any({a, b} <= joined for a, b in cannot)
        if not clash:
            for row in joined:
                units[row] = joined
    contradicted = [any({a, b} <= whole[row] for a, b in cannot) for row in range(n)]
    return units, contradicted


def plain_within(pairs, groups):
    """Pairs that hold known groups together, in the order in which they count."""
    if groups is None:
        return []
    same = [(float(np.float32(p)), *sorted((a, b))) for a, b, p in pairs if groups[a] == groups[b] >= 0]
    first = {}
    for row, group in enumerate(groups):
        first.setdefault(group, row)
    ordered = [pair[1:] for pair in sorted(same, key=lambda one: (-one[0], *one[1:]))]
    return ordered + [(first[group], row) for row, group in enumerate(groups) if group >= 0 and first[group] != row]


def plain(n, pairs, threshold=0.25, prior=0.0, most=0, must=(), cannot=(), groups=None, scopes=None):
    """The definition: join the best two clusters until none may be joined. O(n³) and more."""
    chance = {frozenset(pair[:2]): round(float(np.float32(pair[2])) * UNIT) for pair in pairs}
    least, missing, most = round(threshold * UNIT), round(prior * UNIT), most or n
    rejected = {frozenset(pair) for pair in cannot}
    must = [*must, *plain_within(pairs, groups)]
    units, contradicted = plain_units(n, must, cannot)
    clusters = sorted({min(unit): sorted(unit) for unit in units}.values())

    def why(one, two):
        found = Note(0)
        pairs = [(a, b) for a in one for b in two]
        if any(frozenset(pair) in rejected for pair in pairs):
            found |= Note.REJECTED
        if groups is not None and any(
            groups[a] >= 0 and groups[b] >= 0 and scopes[a] == scopes[b] and groups[a] != groups[b] for a, b in pairs
        ):
            found |= Note.KNOWN
        return found | (Note.SIZE if len(one) + len(two) > most else Note(0))

    def mean(one, two):
        # Whole numbers this small divide to the nearest float, so equal means are equal floats.
        return sum(chance.get(frozenset((a, b)), missing) for a in one for b in two) / (len(one) * len(two))

    while True:
        possible = [
            (-mean(one, two), one[0], two[0])
            for one, two in combinations(clusters, 2)
            if mean(one, two) >= least and not why(one, two)
        ]
        if not possible:
            break
        _, first, second = min(possible)
        joined = sorted(chain.from_iterable(c for c in clusters if c[0] in (first, second)))
        clusters = sorted([c for c in clusters if c[0] not in (first, second)] + [joined])
    notes = {cluster[0]: Note(0) for cluster in clusters}
    for one, two in combinations(clusters, 2):
        if mean(one, two) >= least:
            notes[one[0]] |= why(one, two)
            notes[two[0]] |= why(one, two)
    for cluster in clusters:
        notes[cluster[0]] |= Note.LARGE if len(cluster) > most else Note(0)
        notes[cluster[0]] |= Note.CONTRADICTION if any(contradicted[row] for row in cluster) else Note(0)
    strength = [
        sum(chance.get(frozenset(pair), missing) for pair in combinations(cluster, 2))
        / (len(cluster) * (len(cluster) - 1) / 2 * UNIT)
        for cluster in clusters
        if len(cluster) > 1
    ]
    return clusters, [int(notes[c[0]]) for c in clusters], strength


def made(n, share, levels, rng):
    """Random pairs with few different probabilities, so that ties abound; in random order and direction."""
    every = list(combinations(range(n), 2))
    kept = [every[i] for i in rng.permutation(len(every))[: int(share * len(every))]]
    chance = rng.integers(0, levels + 1, len(kept)) / levels
    return [(*(pair if rng.random() < 0.5 else pair[::-1]), float(p)) for pair, p in zip(kept, chance, strict=True)]


def some(n, count, rng):
    return [tuple(sorted(rng.choice(n, 2, replace=False).tolist())) for _ in range(count)] if n > 1 else []


def constraints(must, cannot, groups=None, scopes=None):
    labels = {} if groups is None else {"groups": groups, "scopes": scopes}
    ends = [rows([pair[end] for pair in pairs]) for pairs in (must, cannot) for end in (0, 1)]
    return Constraints(*ends, **labels)


def assert_equal(grouping, expected, n):
    clusters, notes, strength = expected
    assert as_sets(grouping) == [cluster for cluster in clusters if len(cluster) > 1]
    for cluster, note in zip(clusters, notes, strict=True):
        assert set(grouping.notes[cluster].tolist()) == {note}, (cluster, note)
    np.testing.assert_allclose(grouping.strength, strength, rtol=1e-6, atol=1e-7)
    assert grouping.groups.shape == (n,)
    assert grouping.groups.dtype == np.int32


@settings(max_examples=80, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 2**32),
    n=st.integers(1, 14),
    share=st.sampled_from([0.0, 0.2, 0.6, 1.0]),
    levels=st.sampled_from([1, 2, 4, 1000]),
    threshold=st.sampled_from([0.05, 0.25, 0.5, 1.0]),
    prior=st.sampled_from([0.0, 0.02, 0.04]),
)
def test_equals_the_definition(seed, n, share, levels, threshold, prior):
    pairs = made(n, share, levels, np.random.default_rng(seed))
    options = {"threshold": threshold, "prior": prior}
    assert_equal(linked(n, pairs, **options), plain(n, pairs, **options), n)


@settings(max_examples=120, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 2**32),
    n=st.integers(2, 12),
    levels=st.sampled_from([1, 3, 1000]),
    most=st.sampled_from([0, 1, 2, 3, 5]),
    must=st.integers(0, 5),
    cannot=st.integers(0, 5),
    known=st.booleans(),
)
def test_equals_the_definition_under_constraints(seed, n, levels, most, must, cannot, known):
    rng = np.random.default_rng(seed)
    pairs = made(n, 0.7, levels, rng)
    must, cannot = some(n, must, rng), some(n, cannot, rng)
    groups = rng.integers(-1, 3, n).astype(np.int32) if known else None
    scopes = rng.integers(0, 2, n).astype(np.int32) if known else None
    found = linked(n, pairs, threshold=0.3, most=most, constraints=constraints(must, cannot, groups, scopes))
    assert_equal(found, plain(n, pairs, 0.3, 0.0, most, must, cannot, groups, scopes), n)


@pytest.mark.parametrize("threshold", [0.1, 0.3, 0.6])
def test_equals_scipy_on_many_products(threshold):
    n, rng = 150, np.random.default_rng(3)
    centre = rng.integers(0, 30, n)
    pairs = [
        (i, j, float(np.float32(rng.beta(4, 2) if centre[i] == centre[j] else rng.beta(0.3, 4))))
        for i, j in combinations(range(n), 2)
        if rng.random() < 0.8
    ]
    distance = np.ones((n, n))
    np.fill_diagonal(distance, 0)
    for i, j, chance in pairs:
        distance[i, j] = distance[j, i] = 1 - chance
    truth = fcluster(linkage(squareform(distance), "average"), 1 - threshold, "distance")
    found = linked(n, pairs, threshold=threshold)
    assert len(found) > 5
    together = [found.groups[i] == found.groups[j] >= 0 for i, j in combinations(range(n), 2)]
    assert together == [truth[i] == truth[j] for i, j in combinations(range(n), 2)]


def test_three_products_on_paper():
    """0–1 at .8 first; then 2 at (.6 + .0) / 2 = .3, which reaches .3 but not .31."""
    pairs = [(0, 1, 0.8), (1, 2, 0.6)]
    assert as_sets(linked(3, pairs, threshold=0.29)) == [[0, 1, 2]]
    assert as_sets(linked(3, pairs, threshold=0.31)) == [[0, 1]]
    np.testing.assert_allclose(linked(3, pairs, threshold=0.29).strength, [1.4 / 3], rtol=1e-6)


def test_a_prior_stands_for_pairs_that_are_no_candidates():
    """2 joins 0–1 at (.56 + prior) / 2."""
    pairs = [(0, 1, 0.8), (1, 2, 0.56)]
    assert as_sets(linked(3, pairs, threshold=0.3)) == [[0, 1]]
    assert as_sets(linked(3, pairs, threshold=0.3, prior=0.05)) == [[0, 1, 2]]


def test_ties_go_to_the_smallest_row():
    pairs = [(2, 3, 0.5), (1, 2, 0.5), (4, 3, 0.5)]
    assert as_sets(linked(5, pairs, threshold=0.3)) == [[1, 2], [3, 4]]
    assert as_sets(linked(5, pairs[::-1], threshold=0.3)) == [[1, 2], [3, 4]]


def test_the_order_and_direction_of_pairs_change_nothing():
    rng = np.random.default_rng(5)
    pairs = made(60, 0.3, 7, rng)
    first = linked(60, pairs, threshold=0.4)
    for _ in range(5):
        shuffled = [
            pairs[i] if rng.random() < 0.5 else (*pairs[i][1::-1], pairs[i][2]) for i in rng.permutation(len(pairs))
        ]
        other = linked(60, shuffled, threshold=0.4)
        assert np.array_equal(first.groups, other.groups)
        assert np.array_equal(first.notes, other.notes)


def test_weak_pairs_within_a_component_count():
    """0–1 and 2–3 are joined; the bridge 1–2 alone does not reach, weak pairs beside it make it reach."""
    strong = [(0, 1, 0.9), (2, 3, 0.9), (1, 2, 0.7)]
    assert as_sets(linked(4, strong, threshold=0.25)) == [[0, 1], [2, 3]]
    weak = [*strong, (0, 2, 0.12), (1, 3, 0.12), (0, 3, 0.12)]
    assert as_sets(linked(4, weak, threshold=0.25)) == [[0, 1, 2, 3]]


@pytest.mark.parametrize("n", [0, 1, 5])
def test_no_pairs_no_groups(n):
    found = linked(n, [])
    assert found.groups.tolist() == [-1] * n
    assert len(found) == 0
    assert [part.tolist() for part in found.members()] == [[0], []]


def test_probabilities_of_zero_join_nothing():
    assert len(linked(4, [(0, 1, 0.0), (2, 3, 0.0)], threshold=0.01)) == 0


@pytest.mark.parametrize(
    ("pairs", "said"),
    [
        ([(0, 1, 0.5), (1, 0, 0.5)], "rows 0 and 1 occurs more than once"),
        ([(0, 1, 0.5), (2, 2, 0.5)], "pair 1 of 2 .* a product with itself"),
        ([(0, 1, float("nan"))], "pair 0 of 1 .* not a probability"),
        ([(0, 1, 1.1)], "not a probability between 0 and 1"),
        ([(0, 1, -0.1)], "not a probability between 0 and 1"),
        ([(0, 3, 0.5)], "not in 0…2"),
        ([(-1, 2, 0.5)], "not in 0…2"),
    ],
)
def test_broken_pairs_are_refused_by_name(pairs, said):
    with pytest.raises(VariantsError, match=said):
        linked(3, pairs)


@pytest.mark.parametrize(("threshold", "prior"), [(0, 0), (0.2, 0.2), (0.2, 0.3), (1.1, 0), (0.5, -0.1)])
def test_a_threshold_not_above_the_prior_is_refused(threshold, prior):
    with pytest.raises(VariantsError, match="threshold"):
        linked(2, [(0, 1, 0.5)], threshold=threshold, prior=prior)


def test_columns_of_different_lengths_are_refused():
    with pytest.raises(VariantsError, match="1 and 2 rows with 1 prob"):
        average_linkage(3, rows([0]), rows([1, 2]), np.array([0.5]))


def test_a_rejected_pair_is_never_together_through_a_chain_either():
    pairs = [(0, 1, 0.9), (1, 2, 0.8), (2, 3, 0.9), (0, 2, 0.9), (0, 3, 0.9), (1, 3, 0.9)]
    found = linked(4, pairs, constraints=constraints([], [(3, 0)]))
    assert as_sets(found) == [[0, 1], [2, 3]]
    assert found.notes.tolist() == [Note.REJECTED] * 4
    assert found.notes_of(3) == ("not joined with other products because of a rejected pair",)


def test_a_rejected_pair_that_is_no_candidate_counts():
    assert as_sets(linked(3, [(0, 1, 0.9), (1, 2, 0.8)], threshold=0.3)) == [[0, 1, 2]]
    assert as_sets(linked(3, [(0, 1, 0.9), (1, 2, 0.8)], threshold=0.3, constraints=constraints([], [(0, 2)]))) == [
        [0, 1]
    ]


def test_pairs_that_belong_together_do_so_without_being_candidates():
    found = linked(4, [(1, 2, 0.9)], constraints=constraints([(3, 0)], []))
    assert as_sets(found) == [[0, 3], [1, 2]]
    np.testing.assert_allclose(found.strength, [0, 0.9], rtol=1e-6)


def test_a_rejected_pair_comes_before_a_chain_of_accepted_ones():
    rules = constraints([(0, 1), (1, 2), (2, 3)], [(0, 2)])
    found = linked(5, [(3, 4, 0.1)], constraints=rules)
    assert as_sets(found) == [[0, 1], [2, 3]]
    assert found.notes.tolist() == [Note.CONTRADICTION] * 4 + [0]
    assert as_sets(linked(5, [], constraints=constraints([(1, 2), (0, 1), (2, 3)], [(0, 2)]))) == [[1, 2, 3]]


def test_units_are_whole_where_nothing_contradicts():
    units, contradicted = units_of(6, constraints([(5, 3), (3, 1), (0, 2)], [(0, 1)]))
    assert units.tolist() == [0, 1, 0, 1, 4, 1]
    assert not contradicted.any()


def test_the_greatest_size_is_kept_and_said():
    pairs = [(i, j, 0.9 - 0.01 * (i + j)) for i, j in combinations(range(5), 2)]
    found = linked(5, pairs, most=3)
    assert as_sets(found) == [[0, 1, 2], [3, 4]]
    assert found.notes.tolist() == [Note.SIZE] * 5


def test_what_belongs_together_may_be_larger_than_the_greatest_size():
    found = linked(4, [(0, 3, 0.9), (1, 3, 0.9)], most=2, constraints=constraints([(0, 1), (1, 2)], []))
    assert as_sets(found) == [[0, 1, 2]]
    assert found.notes.tolist() == [Note.LARGE | Note.SIZE] * 3 + [Note.SIZE]


def test_two_groups_of_one_scope_stay_apart_and_of_two_scopes_may_join():
    pairs = [(0, 1, 0.9), (1, 2, 0.9), (0, 2, 0.9)]
    groups = rows([7, -1, 8])
    one = linked(3, pairs, constraints=constraints([], [], groups, rows([0, 0, 0])))
    assert as_sets(one) == [[0, 1]]
    assert one.notes.tolist() == [Note.KNOWN] * 3
    assert as_sets(linked(3, pairs, constraints=constraints([], [], groups, rows([0, 0, 1])))) == [[0, 1, 2]]


def test_a_large_random_catalogue_keeps_its_promises():
    rng = np.random.default_rng(11)
    n = 3000
    left, right = np.divmod(np.unique(rng.integers(0, n, 60_000) * n + rng.integers(0, n, 60_000)), n)
    kept = left < right
    left, right = left[kept], right[kept]
    chance = (rng.random(len(left)) ** 3).astype(np.float32)
    cannot = rng.integers(0, n, (2, 400)).astype(np.int32)
    cannot = cannot[:, cannot[0] != cannot[1]]
    rules = Constraints(cannot_left=cannot[0], cannot_right=cannot[1])
    found = average_linkage(n, left, right, chance, threshold=0.2, most=4, constraints=rules)
    sizes = np.bincount(found.groups[found.groups >= 0])
    assert sizes.max() <= 4
    assert (sizes >= 2).all()
    assert (found.strength > 0.1).all()
    together = (found.groups[cannot[0]] == found.groups[cannot[1]]) & (found.groups[cannot[0]] >= 0)
    assert not together.any()


def test_groups_are_numbered_by_their_smallest_row():
    found = linked(6, [(5, 1, 0.9), (0, 4, 0.9), (2, 3, 0.9)])
    assert isinstance(found, Grouping)
    assert found.groups.tolist() == [0, 1, 2, 2, 0, 1]

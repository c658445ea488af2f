"""Cuts and caps against plain references."""

from collections import Counter

import numpy as np

from candidates.axis import Axis
from candidates.run import Run
from fusion.merge.limits import cap_hubs, cut


def random_run(seed, n=40, depth=12):
    rng = np.random.default_rng(seed)
    items = Axis.of([f"p{i}" for i in range(n)])
    rows = np.stack([rng.permutation(n)[:depth] for _ in range(n)])
    rows[rng.random(rows.shape) < 0.1] = -1
    return Run.from_matrix("r", items, items, rows, -np.arange(n * depth).reshape(n, depth).astype(np.float32))


def test_siblings_do_not_eat_the_budget():
    run = random_run(1)
    groups = np.random.default_rng(2).integers(-1, 6, 40).astype(np.int32)
    spared = cut(run, 4, groups, run.items.rows)
    for query in range(40):
        expected, strangers = [], 0
        for row in run.ranked(query)[0]:
            sibling = groups[query] >= 0 and groups[row] == groups[query]
            if strangers >= 4:
                break
            strangers += not sibling
            expected.append(row)
        assert spared.ranked(query)[0].tolist() == expected


def test_without_groups_a_cut_is_the_top():
    run = random_run(3)
    assert cut(run, 5).counts.tolist() == np.minimum(run.counts, 5).tolist()


def test_hub_cap_keeps_the_best_ranks_and_counts_what_it_cut():
    run = random_run(4)
    capped, removed = cap_hubs(run, 3)
    held = Counter(row for query in range(40) for row in capped.ranked(query)[0].tolist())
    assert max(held.values()) == 3
    assert removed == run.counts.sum() - capped.counts.sum() > 0
    for row in held:
        places = sorted((r.tolist().index(row), q) for q in range(40) if row in (r := run.ranked(q)[0]))
        kept = {q for q in range(40) if row in capped.ranked(q)[0]}
        assert kept == {query for _, query in places[:3]}

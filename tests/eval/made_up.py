"""Small made-up catalogues, ranked lists over them, and the truth about pairs in plain words."""

import random
from itertools import pairwise

import numpy as np

from candidates.axis import Axis
from candidates.qrels import NOT_A_VARIANT, UNJUDGED, VARIANT, Qrels, Source
from candidates.run import Part, Run


def qrels_of(groups, scopes=None, judged=()):
    """Truth about products p0, p1, …: one group each (−1 is none), one scope each, and pairs judged one by one."""
    items = Axis.of(f"p{row}" for row in range(len(groups)))
    scopes = [0] * len(groups) if scopes is None else scopes
    qrels = Qrels(items, np.array(groups, np.int32), np.array(scopes, np.int32))
    return qrels.with_pairs([(f"p{left}", f"p{right}", value) for left, right, value in judged], Source.FILE)


def run_of(qrels, query_rows, lists, cuts=()):
    """A run from plain lists of rows, best first, with falling scores; in parts that begin at 0 and at each cut."""
    bounds = [0, *cuts, len(lists)]
    parts = tuple(_part(lists[low:high], low) for low, high in pairwise(bounds))
    return Run("test", qrels.items.take(np.array(query_rows, np.int32)), qrels.items, parts)


def _part(lists, start):
    rows = np.array([row for one in lists for row in one], np.int32)
    scores = np.array([-float(rank) for one in lists for rank in range(len(one))], np.float32)
    return Part(start, np.cumsum([0, *map(len, lists)], dtype=np.int64), rows, scores)


def plain_truth(qrels, left, right):
    """What is known about one pair of products."""
    key = min(left, right) * len(qrels.items) + max(left, right)
    judged = dict(zip(qrels.keys.tolist(), qrels.values.tolist(), strict=True))
    if left == right:
        return UNJUDGED
    if key in judged:
        return judged[key]
    if qrels.groups[left] < 0 or qrels.groups[right] < 0 or qrels.scopes[left] != qrels.scopes[right]:
        return UNJUDGED
    return VARIANT if qrels.groups[left] == qrels.groups[right] else NOT_A_VARIANT


def variants_of(qrels, query):
    """The known variants of one product, as a set of rows."""
    return {row for row in range(len(qrels.items)) if plain_truth(qrels, query, row) == VARIANT}


def drawn_qrels(seed):
    """Random groups of random scopes, some products without a group, some pairs judged one by one."""
    rng = random.Random(seed)
    count = rng.choice([2, 5, 12, 30])
    groups = [rng.choice([-1, *range(max(1, count // 3))]) for _ in range(count)]
    # Two scopes never share a group's number, as in `Qrels.from_catalogue`.
    scopes = [group % 2 if group >= 0 and seed % 2 else 0 for group in groups]
    pairs = [rng.sample(range(count), 2) for _ in range(rng.choice([0, 0, 3]))]
    return qrels_of(groups, scopes, [(*pair, rng.choice([VARIANT, NOT_A_VARIANT])) for pair in pairs])


def drawn_lists(qrels, query_rows, seed, depth=None):
    """Random lists without the query itself: some empty, some short, some holding everything."""
    rng = random.Random(f"lists {seed}")
    lists = []
    for query in query_rows:
        others = [row for row in range(len(qrels.items)) if row != query]
        length = min(len(others), rng.choice([0, 1, 4, len(others)]) if depth is None else depth)
        lists.append(rng.sample(others, length))
    return lists

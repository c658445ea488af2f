"""Held-out pairs made up for tests: a truth, probabilities that follow it more or less, and just enough of a run."""

from types import SimpleNamespace

import numpy as np

from analysis.held_pairs import HeldPairs
from candidates.pairs import PairTable
from candidates.settings import Settings
from tests.eval.made_up import qrels_of


def held_of(groups, pairs, probabilities, first=None, columns=None, scopes=None, judged=(), **settings):
    """Held-out pairs of products p0, p1, … with known groups; pairs must ascend, the lower row first."""
    qrels = qrels_of(groups, scopes, judged)
    left, right = (np.array(side, np.int32) for side in zip(*pairs, strict=True))
    told = {name: np.array(values, np.float32) for name, values in (columns or {}).items()}
    job = SimpleNamespace(
        truth=lambda purpose: qrels,
        settings=Settings.read(None, **{"evaluation": {"bootstrap": 40}} | settings),
        catalogue=SimpleNamespace(codes=lambda name: np.zeros(len(groups), np.int32)),
    )
    values = np.array(probabilities, np.float64)
    ahead = values if first is None else np.array(first, np.float64)
    return HeldPairs(job, PairTable(qrels.items, left, right, told), values, ahead)


def drawn_held(seed, groups=40, size=3, noise=1.0, **settings):
    """A drawn catalogue of groups of one size: every product is paired with its group and some others."""
    random = np.random.default_rng(seed)
    of = np.repeat(np.arange(groups), size)
    n = len(of)
    wanted = {(a, b) for a in range(n) for b in range(a + 1, n) if of[a] == of[b] and random.random() < 0.95}
    wanted |= {tuple(sorted(pair)) for pair in random.integers(0, n, (8 * n, 2)).tolist() if pair[0] != pair[1]}
    pairs = sorted(wanted)
    same = np.array([of[a] == of[b] for a, b in pairs])
    log_odds = np.where(same, 1.5, -2.5) + noise * random.normal(size=len(pairs))
    return held_of(of.tolist(), pairs, 1 / (1 + np.exp(-log_odds)), **settings)

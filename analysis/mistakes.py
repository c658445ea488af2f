"""Which evidence the classifier uses, and where it fails."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from analysis.held_pairs import HeldPairs, Places
from analysis.label_noise import KINDS, kinds_of
from candidates.qrels import NOT_A_VARIANT, VARIANT, Qrels
from candidates.suggestion import Suggestion
from eval.pair_metrics import PrecisionRecall
from fusion.pairs.classifier import FOLDS, PairModel, TooLittleKnown, bound_products, deal
from fusion.pairs.reasons import strongest
from service.pairs.learned_pairs import learn_classifier
from service.pairs.wordings import WORDINGS

MOST_CONTRASTED = 5_000
"""Largest numbers of known variants, and of pairs of two groups, whose contributions are averaged."""

AROUND = "other candidates"
"""The room of the collective features."""

_VERDICT = "first_log_odds"


@dataclass(frozen=True)
class Room:
    """The importance of one kind of evidence.

    Attributes:
        name: Its name, as in reasons.
        variants: Mean contribution to the log-odds of known variants.
        others: Mean contribution to those of the same number of pairs of two groups, the most probable ones.
        lost: Average precision lost on held-out groups if this evidence is permuted among all pairs (permutation
            importance: Breiman, "Random forests", 2001, section 10). A classifier trained without it would lose less.
            None if too few groups are known to hold some out.
    """

    name: str
    variants: float
    others: float
    lost: float | None


def rooms(held: HeldPairs) -> list[Room]:
    """The importance of each kind of evidence, most important first.

    Contributions are those of the run's classifier. The loss by permutation is measured with a separate classifier, on
    a fifth of the groups that was held out from it.
    """
    wanted = (held.worst(VARIANT, held.figures.pairs), held.best(NOT_A_VARIANT, held.figures.variants))
    names, means = _contributions(held, wanted)
    aside = _lost(held)
    results = [
        Room(name, float(for_variants), float(for_others), aside.get(name) if aside else None)
        for name, for_variants, for_others in zip(names, *means, strict=True)
    ]
    return sorted(results, key=lambda room: -(room.variants - room.others if room.lost is None else room.lost))


def _contributions(held: HeldPairs, wanted: Sequence[Places]) -> tuple[tuple[str, ...], list[NDArray[np.float32]]]:
    random = np.random.default_rng(held.job.settings.run.seed)
    names: tuple[str, ...] = ()
    means = []
    for places in wanted:
        sample = places if len(places) <= MOST_CONTRASTED else random.choice(places, MOST_CONTRASTED, replace=False)
        top = strongest(held.scored.weights(sample, held.job.threads), held.scored.names, WORDINGS)
        names = top.rooms
        means.append(top.weights.mean(axis=0))
    return names, means


def _lost(held: HeldPairs) -> dict[str, float] | None:
    """Room → average precision lost on held-out groups if it is permuted."""
    try:
        model, aside = set_aside(held)
    except TooLittleKnown:
        return None
    exam = aside[held.table.left] | aside[held.table.right]
    truth = held.truth[exam]
    variants = int((truth == VARIANT).sum())
    reached: dict[str, float] = {}
    for name, scores in _permuted(held, model):
        reached[name] = PrecisionRecall.of(scores[exam], truth, variants).average_precision
    whole = reached.pop("")
    return {name: whole - value for name, value in reached.items()}


def set_aside(held: HeldPairs) -> tuple[PairModel, NDArray[np.bool_]]:
    """A classifier trained without a fifth of the groups, and the products of that fifth, bool (n,).

    Raises:
        TooLittleKnown: Too few groups are left for training.
    """
    table, truth = held.table, held.qrels
    bound = bound_products(table.left, table.right, held.truth, truth.groups)
    telling = np.unique(bound[table.left[held.truth == VARIANT]])
    aside: NDArray[np.bool_] = deal(bound, telling, FOLDS, held.job.settings.run.seed + 1) == 0
    learned = learn_classifier(table, hidden(truth, aside), held.job, bound.astype(np.int32))
    return learned.model, aside


def hidden(truth: Qrels, products: NDArray[np.bool_]) -> Qrels:
    """The truth without everything about these products."""
    left, right = np.divmod(truth.keys, len(truth.items))
    kept = ~(products[left] | products[right])
    groups = np.where(products, -1, truth.groups).astype(np.int32)
    return replace(truth, groups=groups, keys=truth.keys[kept], values=truth.values[kept], sources=truth.sources[kept])


def _permuted(held: HeldPairs, model: PairModel) -> Iterator[tuple[str, NDArray[np.float64]]]:
    """Scores of all pairs with each room's columns permuted; first, with an empty name, without permutation.

    Columns of one room are permuted together, so that they are consistent but carry no information about the pair.
    """
    table, threads = held.table, held.job.threads
    matrix, names, n = table.matrix(), held.names, len(held.job.catalogue)
    order = np.random.default_rng(held.job.settings.run.seed).permutation(len(table))
    plain = model.score(matrix, names, table.left, table.right, n, threads)
    yield "", plain.probabilities
    for room in dict.fromkeys(WORDINGS[name].room for name in model.all_names):
        if room == AROUND:
            around = plain.collective.copy()
            columns = [at for at, name in enumerate(model.all_names[len(model.names) :]) if name != _VERDICT]
            around[:, columns] = around[order][:, columns]
            own = matrix[:, model.columns(names)]
            yield room, model.second.predict(np.concatenate([own, around], axis=1), threads)
            continue
        columns = [at for at, name in enumerate(names) if WORDINGS[name].room == room]
        permuted = matrix.copy()
        permuted[:, columns] = matrix[order][:, columns]
        yield room, model.probabilities(permuted, names, table.left, table.right, n, threads)


@dataclass(frozen=True)
class Part:
    """The pairs in which a column agrees, differs or is missing.

    Attributes:
        about: The column.
        state: `agrees`, `differs`, …
        variants: Number of known variants among the candidates.
        found: Number of these that are suggested.
        wrong: Number of suggested pairs that are known not to be variants.
    """

    about: str
    state: str
    variants: int
    found: int
    wrong: int

    @property
    def recall(self) -> float:
        """Share of the variants that are suggested; NaN if there are none."""
        return self.found / self.variants if self.variants else float("nan")

    @property
    def precision(self) -> float:
        """Share of the suggested pairs that are variants; NaN if there are none."""
        taken = self.found + self.wrong
        return self.found / taken if taken else float("nan")


_AGREES = "_agrees"
_STATES = (("agrees", 1.0), ("differs", 0.0), ("missing for one or both", np.nan))


def parts(held: HeldPairs) -> list[Part]:
    """Missed variants and wrong suggestions, by whether columns agree, then by seller."""
    results = []
    for name, values in held.table.columns.items():
        if not name.endswith(_AGREES):
            continue
        own = [
            _part(held, name.removesuffix(_AGREES).replace("_", " "), state, _equal(values, value))
            for state, value in _STATES
        ]
        results += own if sum(part.variants > 0 for part in own) > 1 else []
    sellers = held.job.catalogue.codes("seller")
    if len(np.unique(sellers)) > 1:
        same = sellers[held.table.left] == sellers[held.table.right]
        results += [_part(held, "seller", "the same", same), _part(held, "seller", "two sellers", ~same)]
    return [part for part in results if part.variants or part.wrong]


def _equal(values: NDArray[np.float32], value: float) -> NDArray[np.bool_]:
    return np.isnan(values) if np.isnan(value) else values == value


def _part(held: HeldPairs, about: str, state: str, inside: NDArray[np.bool_]) -> Part:
    suggested = held.probabilities >= held.threshold
    variants = inside & (held.truth == VARIANT)
    wrong = inside & suggested & (held.truth == NOT_A_VARIANT)
    return Part(about, state, int(variants.sum()), int((variants & suggested).sum()), int(wrong.sum()))


@dataclass(frozen=True)
class Mistake:
    """A pair that the classifier got wrong.

    Attributes:
        suggestion: Its held-out probability, relation and reasons.
        first: Uncalibrated probability of the first stage.
        kind: How similar the two products are, one of `KINDS`.
    """

    suggestion: Suggestion
    first: float
    kind: str


def worst_mistakes(held: HeldPairs, truth: int, count: int) -> list[Mistake]:
    """The pairs that the classifier gets most wrong, at most one for the same two groups (or the same group).

    Args:
        held: The pairs.
        truth: `NOT_A_VARIANT` for pairs of two groups with high probability, `VARIANT` for variants with low
            probability.
        count: Number of pairs.
    """
    every = len(held.truth)
    ordered = held.best(truth, every) if truth == NOT_A_VARIANT else held.worst(truth, every)
    groups = held.qrels.groups
    sides = np.sort(np.stack([groups[held.table.left[ordered]], groups[held.table.right[ordered]]]), axis=0)
    # Judged pairs of products without a group are each kept.
    sides = np.where(sides < 0, -1 - np.arange(len(ordered)), sides)
    first = np.sort(np.unique(sides, axis=1, return_index=True)[1])[:count]
    places = ordered[first]
    suggestions, kinds = held.teller.suggestions(places), kinds_of(held, places)
    return [
        Mistake(suggestion, float(held.first[place]), KINDS[kind])
        for suggestion, place, kind in zip(suggestions, places.tolist(), kinds.tolist(), strict=True)
    ]

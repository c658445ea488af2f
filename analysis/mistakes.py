"""What the classifier goes by, and where it fails."""

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
"""Known variants, and pairs of two groups, whose contributions are averaged, at most."""

AROUND = "other candidates"
"""The room of what the pairs around a pair say."""

_VERDICT = "first_log_odds"


@dataclass(frozen=True)
class Room:
    """What one kind of evidence is worth.

    Attributes:
        name: Its name, as reasons have it.
        variants: What it adds to the log-odds of known variants, on average.
        others: What it adds to those of as many pairs of two groups, the most probable ones.
        lost: Average precision lost on groups that a classifier never saw when this evidence is dealt anew among all
            pairs: how much it leans on it, not what one that never had it would lack (Breiman, "Random forests", 2001,
            section 10). None where too few groups are known to set some aside.
    """

    name: str
    variants: float
    others: float
    lost: float | None


def rooms(held: HeldPairs) -> list[Room]:
    """What the classifier goes by, what it leans on most first.

    Contributions are those of the classifier in use. What is lost when a kind of evidence is dealt anew is
    measured by a classifier of its own, on a fifth of the groups that was set aside for it.
    """
    wanted = (held.worst(VARIANT, held.figures.pairs), held.best(NOT_A_VARIANT, held.figures.variants))
    names, means = _contributions(held, wanted)
    aside = _lost(held)
    made = [
        Room(name, float(one), float(other), aside.get(name) if aside else None)
        for name, one, other in zip(names, *means, strict=True)
    ]
    return sorted(made, key=lambda room: -(room.variants - room.others if room.lost is None else room.lost))


def _contributions(held: HeldPairs, wanted: Sequence[Places]) -> tuple[tuple[str, ...], list[NDArray[np.float32]]]:
    random = np.random.default_rng(held.job.settings.run.seed)
    names: tuple[str, ...] = ()
    means = []
    for places in wanted:
        some = places if len(places) <= MOST_CONTRASTED else random.choice(places, MOST_CONTRASTED, replace=False)
        found = strongest(held.scored.weights(some, held.job.threads), held.scored.names, WORDINGS)
        names = found.rooms
        means.append(found.weights.mean(axis=0))
    return names, means


def _lost(held: HeldPairs) -> dict[str, float] | None:
    """Room → average precision lost when it is dealt anew, on groups set aside."""
    try:
        model, aside = set_aside(held)
    except TooLittleKnown:
        return None
    exam = aside[held.table.left] | aside[held.table.right]
    truth = held.truth[exam]
    variants = int((truth == VARIANT).sum())
    reached: dict[str, float] = {}
    for name, scores in _dealt_anew(held, model):
        reached[name] = PrecisionRecall.of(scores[exam], truth, variants).average_precision
    whole = reached.pop("")
    return {name: whole - value for name, value in reached.items()}


def set_aside(held: HeldPairs) -> tuple[PairModel, NDArray[np.bool_]]:
    """A classifier that a fifth of the groups had no part in, and the products of that fifth, bool (n,).

    Raises:
        TooLittleKnown: Too few groups are left to learn from.
    """
    table, truth = held.table, held.qrels
    bound = bound_products(table.left, table.right, held.truth, truth.groups)
    telling = np.unique(bound[table.left[held.truth == VARIANT]])
    aside: NDArray[np.bool_] = deal(bound, telling, FOLDS, held.job.settings.run.seed + 1) == 0
    learned = learn_classifier(table, hidden(truth, aside), held.job, bound.astype(np.int32))
    return learned.model, aside


def hidden(truth: Qrels, products: NDArray[np.bool_]) -> Qrels:
    """What would be known if nothing were known of some products."""
    one, other = np.divmod(truth.keys, len(truth.items))
    kept = ~(products[one] | products[other])
    groups = np.where(products, -1, truth.groups).astype(np.int32)
    return replace(truth, groups=groups, keys=truth.keys[kept], values=truth.values[kept], sources=truth.sources[kept])


def _dealt_anew(held: HeldPairs, model: PairModel) -> Iterator[tuple[str, NDArray[np.float64]]]:
    """Log-odds or probabilities of all pairs with each room's columns dealt anew; first, without a name, as they are.

    Columns of one room are dealt together, so that they agree with each other and say nothing about the pair.
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
        dealt = matrix.copy()
        dealt[:, columns] = matrix[order][:, columns]
        yield room, model.probabilities(dealt, names, table.left, table.right, n, threads)


@dataclass(frozen=True)
class Part:
    """The pairs about which a column says one thing.

    Attributes:
        about: The column.
        says: What it says.
        variants: Known variants among the candidates.
        found: Those of them that are suggested.
        wrong: Suggested pairs that are known not to be variants.
    """

    about: str
    says: str
    variants: int
    found: int
    wrong: int

    @property
    def recall(self) -> float:
        """Share of the variants that are suggested; NaN without one."""
        return self.found / self.variants if self.variants else float("nan")

    @property
    def precision(self) -> float:
        """Share of the suggested pairs that are variants; NaN without one."""
        taken = self.found + self.wrong
        return self.found / taken if taken else float("nan")


_AGREES = "_agrees"
_STATES = (("agrees", 1.0), ("differs", 0.0), ("missing for one or both", np.nan))


def parts(held: HeldPairs) -> list[Part]:
    """Where suggestions miss variants, and where they err: by what columns say of a pair, then by seller."""
    made = []
    for name, values in held.table.columns.items():
        if not name.endswith(_AGREES):
            continue
        own = [
            _part(held, name.removesuffix(_AGREES).replace("_", " "), says, _equal(values, value))
            for says, value in _STATES
        ]
        made += own if sum(one.variants > 0 for one in own) > 1 else []
    sellers = held.job.catalogue.codes("seller")
    if len(np.unique(sellers)) > 1:
        same = sellers[held.table.left] == sellers[held.table.right]
        made += [_part(held, "seller", "the same", same), _part(held, "seller", "two sellers", ~same)]
    return [one for one in made if one.variants or one.wrong]


def _equal(values: NDArray[np.float32], value: float) -> NDArray[np.bool_]:
    return np.isnan(values) if np.isnan(value) else values == value


def _part(held: HeldPairs, about: str, says: str, inside: NDArray[np.bool_]) -> Part:
    taken = held.probabilities >= held.threshold
    variants = inside & (held.truth == VARIANT)
    wrong = inside & taken & (held.truth == NOT_A_VARIANT)
    return Part(about, says, int(variants.sum()), int((variants & taken).sum()), int(wrong.sum()))


@dataclass(frozen=True)
class Mistake:
    """A pair on which the classifier erred.

    Attributes:
        told: What it says of it: held-out probability, relation, reasons.
        first: What the first stage came to, not calibrated.
        kind: One of `KINDS`: how alike the two are.
    """

    told: Suggestion
    first: float
    kind: str


def worst_mistakes(held: HeldPairs, truth: int, count: int) -> list[Mistake]:
    """The pairs on which the classifier errs most; of two groups (or of one) a single pair.

    Args:
        held: The pairs.
        truth: `NOT_A_VARIANT` for pairs of two groups that it takes for variants, `VARIANT` for variants that it does
            not.
        count: How many.
    """
    every = len(held.truth)
    ordered = held.best(truth, every) if truth == NOT_A_VARIANT else held.worst(truth, every)
    groups = held.qrels.groups
    sides = np.sort(np.stack([groups[held.table.left[ordered]], groups[held.table.right[ordered]]]), axis=0)
    # A product without a group that was judged is a case by itself.
    sides = np.where(sides < 0, -1 - np.arange(len(ordered)), sides)
    first = np.sort(np.unique(sides, axis=1, return_index=True)[1])[:count]
    places = ordered[first]
    told, kinds = held.teller.suggestions(places), kinds_of(held, places)
    return [
        Mistake(one, float(held.first[place]), KINDS[kind])
        for one, place, kind in zip(told, places.tolist(), kinds.tolist(), strict=True)
    ]

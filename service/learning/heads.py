"""Learns a `Projection` from known groups, in closed form.

Variants differ in what does not matter (colour, size, print) and agree in what does. The covariance of vectors
*within* groups tells the one from the other: whitened by it, the directions in which variants differ shrink, and
of what is left the directions in which the whole catalogue varies most are kept. This is linear discriminant
analysis (Fukunaga, *Introduction to Statistical Pattern Recognition*, 1990, chapter 10), with the total covariance
in the place of the between-class one and the within-group covariance shrunk twice:

* towards the total covariance, by the evidence there is (the mean of an inverse-Wishart posterior). Without any
  groups this is whitening of the principal components, which needs no labels, so a few groups change little and
  many decide;
* towards a multiple of the identity, by a share chosen by cross-validation over groups.

**Nothing is treated as a negative.** Only differences within groups and the covariance of all vectors are used.
That two products stand in different groups, or in none, or with different sellers, never enters: a seller's group
says nothing about other sellers' products, and a product without a group may have variants all the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from candidates.errors import AxisMismatch, VariantsError
from candidates.projection import Projection
from candidates.vectors import normalised

Matrix = NDArray[np.float64]
Rows = NDArray[np.int64]

DIMENSIONS = 192
"""Directions kept. More find more where few groups are known, and cost some of the long lists: on photographs and
texts of clothes 192 lose at most about .01 of recall@100 to 128, and win .01 to .04 of recall@10 without any groups."""

PRINCIPAL = 640
"""Principal components in which covariances are taken."""

SHRINKAGES = (0.1, 0.03, 0.2, 0.35, 0.5)
"""Shares of the identity tried; the first is taken where there are too few groups to choose."""

_PRIOR = 100.0
"""Degrees of freedom that the total covariance counts for as the guess at the one within groups."""

_FEWEST = 30
"""Groups from which on the shrinkage is chosen by cross-validation."""

_FOLDS = 3

_MOST_DEGREES = 10.0
"""Weight of one group, at most, in degrees of freedom: groups of thousands must not decide for all others."""

_MOST_MEMBERS = 256
"""Members of one group that are read, at most."""

_QUERIES, _POOL = 800, 4000
"""Cross-validation: queries of a fold at most, and other products among which they are looked for."""

_DEPTHS = (10, 100)
"""The shrinkage is chosen by the mean of recall at these depths: short lists alone ask for less of it than long ones
can bear."""

_TILE = 128
"""Queries that meet the pool at once."""

_BLOCK = 2**22
"""Numbers of the input held as float32 at once (16 MiB)."""

_WHOLE = 1024
"""Widest vectors whose whole covariance is held; of wider ones the leading directions are found by iteration."""

_SAMPLE = 32_768
"""Vectors from which the leading directions of wide vectors are found."""

_LEAST = 1e-7
"""Directions with a smaller share of the greatest variance are rounding, not data."""


@dataclass(frozen=True)
class Learned:
    """What a head was learned from, and how.

    Attributes:
        vectors: Vectors that are not zero; the total covariance is theirs.
        groups: Known groups with at least two distinct vectors.
        products: Distinct vectors in these groups.
        pairs: Pairs of them.
        degrees: Degrees of freedom of the within-group covariance, groups capped.
        evidence: Share of that covariance in the one used; the rest is the total covariance.
        principal: Principal components in which both were taken.
        shrinkage: Share of the identity in the one used.
        recalls: Share of the identity → mean of recall@10 and recall@100 on groups held out, among a sample of the
            products; empty where there were too few groups to choose by that.
    """

    vectors: int
    groups: int
    products: int
    pairs: int
    degrees: float
    evidence: float
    principal: int
    shrinkage: float
    recalls: dict[float, float]

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self) | {"recalls": [list(one) for one in sorted(self.recalls.items())]}


@dataclass(frozen=True)
class Head:
    """A projection and what it was learned from."""

    projection: Projection
    learned: Learned


@dataclass(frozen=True, eq=False)
class Frame:
    """Principal components: where the vectors' mean is, and the directions in which they vary.

    No group has a part in them, so heads learned from different groups of the same vectors can share one.

    Attributes:
        present: bool (n,): which vectors are not zero.
        mean: float32 (D,).
        directions: float32 (D, p), orthonormal columns, the greatest variance first.
        variances: float64 (p,).
    """

    present: NDArray[np.bool_]
    mean: NDArray[np.float32]
    directions: NDArray[np.float32]
    variances: Matrix

    @property
    def total(self) -> Matrix:
        """The total covariance in these directions, its mean variance one."""
        return np.diag(self.variances / self.variances.mean())

    def place(self, block: NDArray[np.floating]) -> NDArray[np.float32]:
        """Vectors, (n, D), in these directions, float32 (n, p)."""
        return np.asarray((np.asarray(block, np.float32) - self.mean) @ self.directions, np.float32)


@dataclass(frozen=True, eq=False)
class _Within:
    """Sums of squares within groups, for each fold; a fold's own groups can be left out of the sum.

    Attributes:
        scatters: float64 (folds, p, p).
        degrees: float64 (folds,).
        groups: Groups in all.
        products: Their distinct vectors.
        pairs: Pairs of these.
    """

    scatters: Matrix
    degrees: Matrix
    groups: int
    products: int
    pairs: int

    def covariance(self, prior: Matrix, without: int = -1) -> Matrix:
        """The covariance within groups, shrunk towards `prior` by evidence, its mean variance one."""
        used = np.arange(len(self.degrees)) != without
        scatter, evidence = self.scatters[used].sum(axis=0), _evidence(float(self.degrees[used].sum()))
        scale = np.trace(scatter) / len(prior)
        return prior if scale <= 0 else evidence * scatter / scale + (1 - evidence) * prior


def learn_head(
    values: NDArray[np.floating],
    groups: NDArray[np.integer],
    *,
    made_for: str,
    dimensions: int = DIMENSIONS,
    principal: int = PRINCIPAL,
    seed: int = 7,
    frame: Frame | None = None,
    shrinkages: Sequence[float] = SHRINKAGES,
) -> Head:
    """Learns the projection that brings variants together; with no known groups, one that needs none.

    Vectors are read in blocks, from memory or from a file mapped into it, and only sums of D × D (or D × p, for
    wide vectors) are held. Rows of zeros stand for products without a picture or text and are passed over.
    Vectors that are the same within a group (sizes that share one photo) count once: they show no difference.

    Args:
        values: The vectors, float16 or float32 (n, D).
        groups: Each product's group, −1 where none is known, (n,). Where groups are one seller's, equal numbers
            must mean the same seller and group, as in `Qrels.groups`.
        made_for: The vectors' version.
        dimensions: d of the projection; fewer where the vectors vary in fewer directions.
        principal: Principal components in which covariances are taken.
        seed: Seed of folds and samples.
        frame: The principal components, where they were found before.
        shrinkages: Shares of the identity to choose from; the first is taken where there is no choice.

    Raises:
        AxisMismatch: There is not one group a vector.
        VariantsError: A vector holds a number that is not finite, or all vectors are the same.
    """
    if values.ndim != 2 or groups.shape != values.shape[:1]:
        raise AxisMismatch(f"vectors of {values.shape} can't have groups of {groups.shape}")
    frame = frame or frame_of(values, principal, seed)
    known = _of_several(np.where(frame.present, np.asarray(groups, np.int64), -1))
    folds = split_groups(known, _FOLDS, seed)
    within = _within(values, known, folds, frame, seed)
    with threadpool_limits(1):  # On a busy machine several threads wait for each other over matrices this small.
        choice = len(shrinkages) > 1 and within.groups >= _FEWEST
        recalls = _recalls(values, known, folds, frame, within, dimensions, seed, shrinkages) if choice else {}
        shrinkage = max(shrinkages, key=lambda share: recalls.get(share, -1.0)) if recalls else shrinkages[0]
        matrix = _solved(frame.total, within.covariance(frame.total), shrinkage, dimensions)
    degrees = float(within.degrees.sum())
    learned = Learned(
        vectors=int(frame.present.sum()),
        groups=within.groups,
        products=within.products,
        pairs=within.pairs,
        degrees=degrees,
        evidence=_evidence(degrees),
        principal=len(frame.variances),
        shrinkage=shrinkage,
        recalls=recalls,
    )
    return Head(Projection((frame.directions @ matrix).astype(np.float32), frame.mean, made_for), learned)


def split_groups(groups: NDArray[np.integer], folds: int, seed: int) -> NDArray[np.int64]:
    """Deals whole groups out to folds, at random and as evenly as their number allows.

    Anything learned is measured on groups it did not see. A split by product or by pair would leave a query's
    own variants among what was learned from.

    Args:
        groups: Each product's group, −1 where none is known, (n,).
        folds: How many.
        seed: Seed of the draw.

    Returns:
        Each product's fold from 0, int64 (n,); −1 for products without a group.
    """
    names, members = np.unique(groups, return_inverse=True)
    dealt = np.full(len(names), -1, np.int64)
    known = np.flatnonzero(names >= 0)
    dealt[np.random.default_rng(seed).permutation(known)] = np.arange(len(known)) % folds
    fold: Rows = dealt[members.reshape(-1)]
    return fold


def with_guesses(
    groups: NDArray[np.integer], left: NDArray[np.integer], right: NDArray[np.integer]
) -> NDArray[np.int64]:
    """Joins groups by guessed pairs, where what is known leaves out what matters.

    One seller's groups do not show how two sellers describe the same thing. Pairs of two sellers' products that
    are each other's nearest by picture do, though half of them are wrong: a text head learned from groups joined
    by them comes close to one learned from groups that hold across sellers (and the other way round, for pictures).

    Guesses are for learning alone, never for measuring. A head learned from a guess about a product also
    remembers that guess: measured on this product, or fused with the list the guess came from, it looks far better
    than it is. Leave out every pair that touches a product which will be measured.

    Args:
        groups: Each product's group, −1 where none is known, (n,).
        left: One row of each guessed pair, (m,).
        right: The other row.

    Returns:
        Numbers of the joined groups, int64 (n,); −1 for products in neither a group nor a pair.
    """
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    n, known = len(groups), np.flatnonzero(groups >= 0)
    # A node for each product and one for each group: members hang on their group.
    names, members = np.unique(groups[known], return_inverse=True)
    heads = np.concatenate([known, left])
    tails = np.concatenate([n + members.reshape(-1), right])
    size = n + len(names)
    linked = coo_matrix((np.ones(len(heads), np.int8), (heads, tails)), shape=(size, size))
    joined: Rows = connected_components(linked, directed=False)[1][:n].astype(np.int64)
    said = np.zeros(n, bool)
    said[heads] = True
    said[right] = True
    return np.where(said, joined, -1)


def _of_several(groups: Rows) -> Rows:
    """The groups of two or more; −1 for all others."""
    names, members, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    return np.where((names < 0) | (sizes < 2), -1, names)[members.reshape(-1)]


def _evidence(degrees: float) -> float:
    return degrees / (degrees + _PRIOR)


def _blocks(rows: Rows, width: int) -> Iterator[Rows]:
    height = max(1, _BLOCK // max(1, width))
    return (rows[start : start + height] for start in range(0, len(rows), height))


def _present(values: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Which rows are not zero; refuses numbers that are not finite."""
    present = np.zeros(len(values), bool)
    for rows in _blocks(np.arange(len(values)), values.shape[1]):
        block = values[rows[0] : rows[-1] + 1]
        broken = np.flatnonzero(~np.isfinite(block).all(axis=1))
        if len(broken):
            raise VariantsError(
                f"vector {rows[broken[0]]} of {len(values)} holds a number that is not finite",
                "Encode this product again",
            )
        present[rows] = block.any(axis=1)
    return present


def frame_of(values: NDArray[np.floating], principal: int = PRINCIPAL, seed: int = 7) -> Frame:
    """The principal components of vectors, (n, D), rows of zeros passed over.

    Raises:
        VariantsError: A vector holds a number that is not finite, or all vectors are the same.
    """
    present = _present(values)
    rows = np.flatnonzero(present)
    width = values.shape[1]
    if not len(rows):
        raise VariantsError("no vector that is not zero to learn a projection from", "Encode the catalogue first")
    mean = sum(values[block].sum(axis=0, dtype=np.float64) for block in _blocks(rows, width)) / np.float32(len(rows))
    mean = mean.astype(np.float32)
    basis = _range(values, rows, mean, principal, seed) if width > _WHOLE else None
    moment = _moment(values, rows, mean, basis) / len(rows)
    with threadpool_limits(1):
        variances, turn = np.linalg.eigh(moment)
    kept = np.flatnonzero(variances > _LEAST * variances[-1])[::-1][:principal]
    if variances[-1] <= np.square(mean, dtype=np.float64).sum() * 1e-12:
        raise VariantsError(f"all {len(rows)} vectors are the same", "A projection is learned from what differs")
    directions = turn[:, kept] if basis is None else basis @ turn[:, kept]
    return Frame(present, mean, np.ascontiguousarray(directions, np.float32), variances[kept])


def _moment(
    values: NDArray[np.floating], rows: Rows, mean: NDArray[np.float32], basis: NDArray[np.float32] | None
) -> Matrix:
    """The sum of squares and products about the mean, in the directions of `basis`."""
    size = len(mean) if basis is None else basis.shape[1]
    moment = np.zeros((size, size))
    for block in _blocks(rows, len(mean)):
        centred = values[block].astype(np.float32) - mean
        placed = centred if basis is None else centred @ basis
        moment += placed.T @ placed
    return moment


def _range(
    values: NDArray[np.floating], rows: Rows, mean: NDArray[np.float32], principal: int, seed: int
) -> NDArray[np.float32]:
    """Orthonormal columns that span the leading principal directions, by iteration from a random start.

    Halko, Martinsson and Tropp, *Finding Structure with Randomness*, SIAM Review 2011.
    """
    draw = np.random.default_rng(seed)
    sample = rows if len(rows) <= _SAMPLE else np.sort(draw.choice(rows, _SAMPLE, replace=False))
    basis = draw.standard_normal((len(mean), min(len(mean), principal + 32))).astype(np.float32)
    for _ in range(2):
        product = np.zeros_like(basis)
        for block in _blocks(sample, len(mean)):
            centred = values[block].astype(np.float32) - mean
            product += centred.T @ (centred @ basis)
        basis = np.linalg.qr(product)[0]
    return basis


def _within(values: NDArray[np.floating], groups: Rows, folds: Rows, frame: Frame, seed: int) -> _Within:
    scatters = np.zeros((_FOLDS, len(frame.variances), len(frame.variances)))
    degrees = np.zeros(_FOLDS)
    counts = np.zeros(3, np.int64)
    for rows in _group_blocks(_members(groups, seed), groups, values.shape[1]):
        block = values[rows]
        distinct = _distinct(block, groups[rows])
        rows, block = rows[distinct], block[distinct]
        starts, sizes = _runs(groups[rows])
        placed = frame.place(block)
        means = np.add.reduceat(placed, starts, axis=0) / sizes[:, None]
        weights = np.minimum(1.0, _MOST_DEGREES / np.maximum(sizes - 1, 1))
        apart = (placed - np.repeat(means, sizes, axis=0)) * np.sqrt(np.repeat(weights, sizes))[:, None]
        for fold in range(_FOLDS):
            mine = apart[folds[rows] == fold].astype(np.float32)
            scatters[fold] += mine.T @ mine
        degrees += np.bincount(folds[rows[starts]], weights * (sizes - 1), minlength=_FOLDS)
        several = sizes[sizes > 1]
        counts += [len(several), several.sum(), (several * (several - 1) // 2).sum()]
    return _Within(scatters, degrees, *counts.tolist())


def _members(groups: Rows, seed: int) -> Rows:
    """Rows of groups of two or more, group by group; of large groups a sample."""
    known = np.random.default_rng(seed).permutation(np.flatnonzero(groups >= 0))
    ordered = known[np.argsort(groups[known], kind="stable")]
    starts, sizes = _runs(groups[ordered])
    place = np.arange(len(ordered)) - np.repeat(starts, sizes)
    return ordered[(np.repeat(sizes, sizes) > 1) & (place < _MOST_MEMBERS)]


def _group_blocks(members: Rows, groups: Rows, width: int) -> Iterator[Rows]:
    """Blocks of whole groups."""
    starts, _ = _runs(groups[members])
    height = max(1, _BLOCK // max(1, width))
    cuts = starts[np.flatnonzero(np.diff(starts // height, prepend=-1))]
    return (members[low:high] for low, high in zip(cuts, np.append(cuts, len(members))[1:], strict=True))


def _runs(ordered: Rows) -> tuple[Rows, Rows]:
    """Where each run of equal numbers begins, and how long it is."""
    starts = np.flatnonzero(np.diff(ordered, prepend=ordered[:1] - 1))
    return starts, np.diff(starts, append=len(ordered))


def _distinct(block: NDArray[np.floating], groups: Rows) -> NDArray[np.bool_]:
    """Marks one of the rows that are the same, to the last bit, within one group."""
    same = np.ascontiguousarray(block).view(np.dtype((np.void, block.dtype.itemsize * block.shape[1]))).reshape(-1)
    codes = np.unique(same, return_inverse=True)[1].reshape(-1)
    marks = np.zeros(len(block), bool)
    marks[np.unique(np.stack([groups, codes]), axis=1, return_index=True)[1]] = True
    return marks


def _solved(total: Matrix, within: Matrix, shrinkage: float, dimensions: int) -> Matrix:
    """Whitens by the shrunk within-group covariance and keeps the leading directions of the total one there."""
    from scipy.linalg import eigh

    shrunk = (1 - shrinkage) * within + shrinkage * np.eye(len(within))
    lowest = max(0, len(total) - dimensions)
    leading: Matrix = eigh(total, shrunk, subset_by_index=[lowest, len(total) - 1])[1][:, ::-1]
    return leading


def _recalls(
    values: NDArray[np.floating],
    groups: Rows,
    folds: Rows,
    frame: Frame,
    within: _Within,
    dimensions: int,
    seed: int,
    shrinkages: Sequence[float],
) -> dict[float, float]:
    """Recall on each fold's groups of what the other folds teach, averaged over folds, for each shrinkage."""
    found: dict[float, list[float]] = {share: [] for share in shrinkages}
    for fold in range(_FOLDS):
        queries, pool = _exam(groups, folds == fold, seed + fold)
        placed = np.concatenate([frame.place(values[block]) for block in _blocks(pool, values.shape[1])])
        covariance = within.covariance(frame.total, without=fold)
        for share in shrinkages:
            mapped = normalised(placed @ _solved(frame.total, covariance, share, dimensions).astype(np.float32))
            found[share].append(_recall(mapped, groups[pool], queries))
    return {share: float(np.mean(recalls)) for share, recalls in found.items()}


def _exam(groups: Rows, asked: NDArray[np.bool_], seed: int) -> tuple[int, Rows]:
    """A sample of whole groups of those asked, then other products: how many come first, and all their rows."""
    draw = np.random.default_rng(seed)
    members = _members(np.where(asked, groups, -1), seed)
    starts, sizes = _runs(groups[members])
    order = draw.permutation(len(starts))
    taken = order[np.cumsum(sizes[order]) <= max(_QUERIES, sizes[order[:1]].sum())]
    chosen = members[np.isin(groups[members], groups[members[starts[taken]]])]
    others = np.setdiff1d(np.arange(len(groups)), chosen)
    others = others if len(others) <= _POOL else np.sort(draw.choice(others, _POOL, replace=False))
    return len(chosen), np.concatenate([chosen, others])


def _recall(mapped: NDArray[np.float32], groups: Rows, queries: int) -> float:
    """Mean recall of the first rows among all rows, over queries and depths."""
    depths = [min(depth, len(mapped) - 1) for depth in _DEPTHS]
    found = np.zeros((len(depths), queries))
    for start in range(0, queries, _TILE):
        rows = np.arange(start, min(start + _TILE, queries))
        scores = mapped[rows] @ mapped.T
        scores[rows - start, rows] = -np.inf
        alike = groups[rows, None] == groups[None, :]
        for place, depth in enumerate(depths):
            best = np.argpartition(scores, -depth, axis=1)[:, -depth:]
            found[place, rows] = np.take_along_axis(alike, best, axis=1).sum(axis=1) / (alike.sum(axis=1) - 1)
    return float(found.mean())

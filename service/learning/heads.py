"""Learns a `Projection` from known groups, in closed form.

Variants differ in what does not matter (colour, size, print) and agree in what does. The covariance of vectors
*within* groups shows in which directions variants differ. Whitening by it shrinks these directions; of the result, the
directions in which the whole catalogue varies most are kept. This is linear discriminant
analysis (Fukunaga, *Introduction to Statistical Pattern Recognition*, 1990, chapter 10), with the total covariance
instead of the between-class one and the within-group covariance shrunk twice:

* towards the total covariance, the less the more groups there are (the mean of an inverse-Wishart posterior). Without
  any groups this is whitening of the principal components, which needs no labels;
* towards a multiple of the identity, by a share chosen by cross-validation over groups.

**Nothing is treated as a negative.** Only differences within groups and the covariance of all vectors are used.
That two products are in different groups, in none, or of different sellers is not used: a seller's group says nothing
about other sellers' products, and a product without a group may still have variants.
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
"""Directions kept. More of them raise recall in short lists when few groups are known, and lower it slightly in long
lists; see docs/notes-on-planning.md."""

PRINCIPAL = 640
"""Principal components in which covariances are taken."""

SHRINKAGES = (0.1, 0.03, 0.2, 0.35, 0.5)
"""Shares of the identity tried; the first is used if there are too few groups to choose."""

_PRIOR = 100.0
"""Degrees of freedom of the prior: the total covariance as a first estimate of the one within groups."""

_FEWEST = 30
"""Minimum number of groups for choosing the shrinkage by cross-validation."""

_FOLDS = 3

_MOST_DEGREES = 10.0
"""Maximum weight of one group, in degrees of freedom, so that very large groups do not dominate."""

_MOST_MEMBERS = 256
"""Maximum number of members read of one group."""

_QUERIES, _POOL = 800, 4000
"""Cross-validation: maximum number of queries of a fold, and of other products in the pool that is searched."""

_DEPTHS = (10, 100)
"""The shrinkage is chosen by the mean of recall at these depths. Short lists alone would choose too little for long
lists."""

_TILE = 128
"""Queries compared with the pool at once."""

_BLOCK = 2**22
"""Numbers of the input held as float32 at once (16 MiB)."""

_WHOLE = 1024
"""Maximum width of vectors whose full covariance is computed; for wider ones the leading directions are iterated."""

_SAMPLE = 32_768
"""Vectors from which the leading directions of wide vectors are found."""

_LEAST = 1e-7
"""Directions with a smaller share of the largest variance are rounding errors."""


@dataclass(frozen=True)
class Learned:
    """What a head was learned from, and how.

    Attributes:
        vectors: Number of vectors that are not zero; the total covariance is computed from them.
        groups: Number of known groups with at least two distinct vectors.
        products: Number of distinct vectors in these groups.
        pairs: Number of pairs of them within groups.
        degrees: Degrees of freedom of the within-group covariance, groups capped.
        evidence: Share of the within-group covariance in the estimate; the rest is the total covariance.
        principal: Number of principal components.
        shrinkage: Share of the identity in the estimate.
        recalls: Share of the identity → mean of recall@10 and recall@100 on held-out groups, among a sample of the
            products; empty if there were too few groups.
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
        return asdict(self) | {"recalls": [list(pair) for pair in sorted(self.recalls.items())]}


@dataclass(frozen=True)
class Head:
    """A projection and what it was learned from."""

    projection: Projection
    learned: Learned


@dataclass(frozen=True, eq=False)
class Frame:
    """Principal components: the mean of the vectors, and the directions in which they vary.

    They do not depend on groups, so heads learned from different groups of the same vectors can share them.

    Attributes:
        present: bool (n,): which vectors are not zero.
        mean: float32 (D,).
        directions: float32 (D, p), orthonormal columns, largest variance first.
        variances: float64 (p,).
    """

    present: NDArray[np.bool_]
    mean: NDArray[np.float32]
    directions: NDArray[np.float32]
    variances: Matrix

    @property
    def total(self) -> Matrix:
        """The total covariance in these directions, scaled to a mean variance of one."""
        return np.diag(self.variances / self.variances.mean())

    def place(self, block: NDArray[np.floating]) -> NDArray[np.float32]:
        """Projects vectors (n, D) to these directions, float32 (n, p)."""
        return np.asarray((np.asarray(block, np.float32) - self.mean) @ self.directions, np.float32)


@dataclass(frozen=True, eq=False)
class _Within:
    """Sums of squares within groups, for each fold, so that one fold can be left out.

    Attributes:
        scatters: float64 (folds, p, p).
        degrees: float64 (folds,).
        groups: Number of groups.
        products: Number of their distinct vectors.
        pairs: Number of pairs of these.
    """

    scatters: Matrix
    degrees: Matrix
    groups: int
    products: int
    pairs: int

    def covariance(self, prior: Matrix, without: int = -1) -> Matrix:
        """The covariance within groups, shrunk towards `prior`, scaled to a mean variance of one."""
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
    """Learns the projection that brings variants together; without known groups it only whitens.

    Vectors are read in blocks, from memory or from a file mapped into it, and only sums of D × D (or D × p, for
    wide vectors) are held in memory. Rows of zeros are products without a picture or text and are skipped.
    Identical vectors within a group (sizes that share one photo) count once, since they show no difference.

    Args:
        values: The vectors, float16 or float32 (n, D).
        groups: Each product's group, −1 if unknown, (n,). If each seller has its own groups, equal numbers must mean
            the same seller and group, as in `Qrels.groups`.
        made_for: The version of the vectors.
        dimensions: Dimensions of the projection; fewer if the vectors vary in fewer directions.
        principal: Number of principal components in which covariances are computed.
        seed: Seed of folds and samples.
        frame: The principal components, if already computed.
        shrinkages: Shares of the identity to choose from; the first is used if there are too few groups.

    Raises:
        AxisMismatch: The numbers of groups and vectors differ.
        VariantsError: A vector has a number that is not finite, or all vectors are the same.
    """
    if values.ndim != 2 or groups.shape != values.shape[:1]:
        raise AxisMismatch(f"vectors of shape {values.shape} need one group each; groups have the shape {groups.shape}")
    frame = frame or frame_of(values, principal, seed)
    known = _several_members(np.where(frame.present, np.asarray(groups, np.int64), -1))
    folds = split_groups(known, _FOLDS, seed)
    within = _within(values, known, folds, frame, seed)
    with threadpool_limits(1):  # Matrices this small are slower with several threads on a busy machine.
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
    """Deals whole groups to folds, at random and as evenly as possible.

    Whatever is learned is measured on groups that it has not seen. A split by product or by pair would leave a query's
    own variants in the training data.

    Args:
        groups: Each product's group, −1 if unknown, (n,).
        folds: Number of folds.
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
    """Joins groups by guessed pairs, so that heads also learn how sellers differ.

    One seller's groups do not show how two sellers describe the same thing. Pairs of two sellers' products that are
    each other's nearest by picture do, even if half of them are wrong: a text head learned from groups joined by them
    is nearly as good as one learned from groups shared by all sellers (and likewise for pictures).

    Guesses are for learning only, never for measuring. A head remembers the guesses that it learned from: measured on
    these products, or fused with the lists that the guesses came from, it looks far better than it is. Leave out every
    pair with a product that will be measured.

    Args:
        groups: Each product's group, −1 if unknown, (n,).
        left: One row of each guessed pair, (m,).
        right: The other row.

    Returns:
        Numbers of the joined groups, int64 (n,); −1 for products in neither a group nor a pair.
    """
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    n, known = len(groups), np.flatnonzero(groups >= 0)
    # One node for each product and one for each group; members are linked to their group.
    names, members = np.unique(groups[known], return_inverse=True)
    heads = np.concatenate([known, left])
    tails = np.concatenate([n + members.reshape(-1), right])
    size = n + len(names)
    linked = coo_matrix((np.ones(len(heads), np.int8), (heads, tails)), shape=(size, size))
    joined: Rows = connected_components(linked, directed=False)[1][:n].astype(np.int64)
    linked_rows = np.zeros(n, bool)
    linked_rows[heads] = True
    linked_rows[right] = True
    return np.where(linked_rows, joined, -1)


def _several_members(groups: Rows) -> Rows:
    """Groups of two or more products; −1 for all others."""
    names, members, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    return np.where((names < 0) | (sizes < 2), -1, names)[members.reshape(-1)]


def _evidence(degrees: float) -> float:
    return degrees / (degrees + _PRIOR)


def _blocks(rows: Rows, width: int) -> Iterator[Rows]:
    height = max(1, _BLOCK // max(1, width))
    return (rows[start : start + height] for start in range(0, len(rows), height))


def _present(values: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Which rows are not zero; raises `VariantsError` for numbers that are not finite."""
    present = np.zeros(len(values), bool)
    for rows in _blocks(np.arange(len(values)), values.shape[1]):
        block = values[rows[0] : rows[-1] + 1]
        broken = np.flatnonzero(~np.isfinite(block).all(axis=1))
        if len(broken):
            raise VariantsError(
                f"vector {rows[broken[0]]} of {len(values)} has a number that is not finite",
                "Encode this product again",
            )
        present[rows] = block.any(axis=1)
    return present


def frame_of(values: NDArray[np.floating], principal: int = PRINCIPAL, seed: int = 7) -> Frame:
    """The principal components of vectors (n, D); rows of zeros are skipped.

    Raises:
        VariantsError: A vector has a number that is not finite, or all vectors are the same.
    """
    present = _present(values)
    rows = np.flatnonzero(present)
    width = values.shape[1]
    if not len(rows):
        raise VariantsError(
            "there is no vector that is not zero to learn a projection from", "Encode the catalogue first"
        )
    mean = sum(values[block].sum(axis=0, dtype=np.float64) for block in _blocks(rows, width)) / np.float32(len(rows))
    mean = mean.astype(np.float32)
    basis = _range(values, rows, mean, principal, seed) if width > _WHOLE else None
    moment = _moment(values, rows, mean, basis) / len(rows)
    with threadpool_limits(1):
        variances, turn = np.linalg.eigh(moment)
    kept = np.flatnonzero(variances > _LEAST * variances[-1])[::-1][:principal]
    if variances[-1] <= np.square(mean, dtype=np.float64).sum() * 1e-12:
        raise VariantsError(f"all {len(rows)} vectors are the same", "A projection needs vectors that differ")
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

    Halko, Martinsson and Tropp, "Finding Structure with Randomness: Probabilistic Algorithms for Constructing
    Approximate Matrix Decompositions", SIAM Review 53, 2011.
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
        deviations = (placed - np.repeat(means, sizes, axis=0)) * np.sqrt(np.repeat(weights, sizes))[:, None]
        for fold in range(_FOLDS):
            in_fold = deviations[folds[rows] == fold].astype(np.float32)
            scatters[fold] += in_fold.T @ in_fold
        degrees += np.bincount(folds[rows[starts]], weights * (sizes - 1), minlength=_FOLDS)
        several = sizes[sizes > 1]
        counts += [len(several), several.sum(), (several * (several - 1) // 2).sum()]
    return _Within(scatters, degrees, *counts.tolist())


def _members(groups: Rows, seed: int) -> Rows:
    """Rows of groups of two or more, group by group; a sample of each large group."""
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
    """Start and length of each run of equal numbers."""
    starts = np.flatnonzero(np.diff(ordered, prepend=ordered[:1] - 1))
    return starts, np.diff(starts, append=len(ordered))


def _distinct(block: NDArray[np.floating], groups: Rows) -> NDArray[np.bool_]:
    """Marks one of each set of identical rows within a group."""
    row_bytes = np.ascontiguousarray(block).view(np.dtype((np.void, block.dtype.itemsize * block.shape[1]))).reshape(-1)
    codes = np.unique(row_bytes, return_inverse=True)[1].reshape(-1)
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
    """Cross-validated recall for each shrinkage, averaged over folds."""
    found: dict[float, list[float]] = {share: [] for share in shrinkages}
    for fold in range(_FOLDS):
        queries, pool = _queries_and_pool(groups, folds == fold, seed + fold)
        placed = np.concatenate([frame.place(values[block]) for block in _blocks(pool, values.shape[1])])
        covariance = within.covariance(frame.total, without=fold)
        for share in shrinkages:
            mapped = normalised(placed @ _solved(frame.total, covariance, share, dimensions).astype(np.float32))
            found[share].append(_recall(mapped, groups[pool], queries))
    return {share: float(np.mean(recalls)) for share, recalls in found.items()}


def _queries_and_pool(groups: Rows, asked: NDArray[np.bool_], seed: int) -> tuple[int, Rows]:
    """A sample of whole groups as queries, then other products: the number of queries, and the rows of all."""
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
    """Mean recall of the first `queries` rows, searched among all rows, over queries and depths."""
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

"""Sobol indices from the outputs of a Sobol design: SALib's estimators and intervals, over whole arrays at once.

With Y standardised over all rows of the design, V the variance of A and B together, and means over points:

| index             | estimator                             | source                                               |
|-------------------|---------------------------------------|------------------------------------------------------|
| first order S_j   | mean(B·(AB_j − A)) / V                | Saltelli and others 2010, Comput Phys Commun 181:259 |
| total T_j         | mean((A − AB_j)²) / 2V                | Jansen 1999, Comput Phys Commun 117:35               |
| second order S_jl | mean(BA_j·AB_l − A·B) / V − S_j − S_l | Saltelli 2002, Comput Phys Commun 145:280            |

Intervals are SALib's: points are drawn with replacement, and z times the standard deviation of the index over the
resamples is its half-width. An index is a ratio of means, so a resample is a weighting of the points, and all
resamples are products of one matrix of weights with matrices of terms.

An index may come out below 0 or above 1 by chance: it is left as it is, with its half-width.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from markov.terms import Array

Z = float(ndtri(0.975))
WEIGHTS = 2**20
"""Numbers in a block of weights: 8 MB."""

NO_VARIANCE = 1e-12
"""A standard deviation below this share of an output's size is rounding: the output does not vary."""

WIDE = 0.05
"""Largest half-width of a total index at which an analysis counts as converged."""

MATERIAL = 0.01
"""Share of the variance by which a first-order index may exceed the total one before it counts: of forty factors with
95 % intervals two or so exceed theirs by chance."""

LEADING = 5


@dataclass(frozen=True)
class Indices:
    """Sobol indices of one output; arrays (factors,), second order (factors, factors) above the diagonal, else NaN.

    All indices are None where the output does not vary, and `reason` says so. Half-widths are of 95 % intervals.
    `half_total` (factors,) are total indices from the first half of the points.
    """

    output: str
    factors: tuple[str, ...]
    mean: float
    variance: float
    first: Array | None = None
    first_half_width: Array | None = None
    total: Array | None = None
    total_half_width: Array | None = None
    second: Array | None = None
    second_half_width: Array | None = None
    half_total: Array | None = None
    reason: str = ""

    @property
    def ranking(self) -> tuple[int, ...]:
        """Factors by falling total index; none where the output does not vary."""
        return () if self.total is None else tuple(np.argsort(-self.total, kind="stable").tolist())

    @property
    def pairs(self) -> tuple[tuple[int, int], ...]:
        """Pairs of factors by falling second-order index; none where it was not asked for."""
        if self.second is None:
            return ()
        found = [(i, j) for i in range(len(self.factors)) for j in range(i + 1, len(self.factors))]
        second = self.second
        return tuple(sorted(found, key=lambda pair: -float(second[pair])))


@dataclass(frozen=True)
class Statement:
    """Whether indices can be relied on.

    `below_first` names factors whose total is below the first order by more than their intervals and 0.01; `unstable`
    those among the leading five whose rank at half the points differs beyond their intervals. `points` is 0 where it is
    not known.
    """

    sum_first: float
    widest_total: float
    below_first: tuple[str, ...]
    unstable: tuple[str, ...]
    points: int = 0

    @property
    def interactions(self) -> float:
        """Share of the variance that no factor explains alone."""
        return 1.0 - self.sum_first

    @property
    def _interactions_in_words(self) -> str:
        if self.interactions < 0.0:
            return "above 1 by chance, so that no share can be given to interactions"
        return f"{self.interactions:.0%} of the variance is from interactions"

    @property
    def is_converged(self) -> bool:
        """Whether every condition holds."""
        return self.widest_total <= WIDE and not self.below_first and not self.unstable

    @property
    def enough(self) -> int | None:
        """Points that would be enough: half-widths shrink with the root of their number; None where these are.

        >>> Statement(0.9, 0.09, (), (), 1024).enough
        4096
        """
        if self.is_converged or not self.points:
            return None
        needed = self.points * max((self.widest_total / WIDE) ** 2, 2.0)
        return int(2 ** math.ceil(math.log2(needed)))

    @property
    def _verdict(self) -> str:
        if self.is_converged:
            return "Converged."
        told = f"Not converged at {self.points:,} points" if self.points else "Not converged"
        return f"{told}: about {self.enough:,} would be enough." if self.enough else f"{told}: more points are needed."

    @property
    def words(self) -> str:
        """The statement as a report prints it."""
        said = [
            f"First-order indices sum to {self.sum_first:.2f}: {self._interactions_in_words}.",
            f"The widest total index is known to ± {self.widest_total:.3f} (limit {WIDE:g}).",
        ]
        if self.below_first:
            said.append(f"Total below first order beyond chance: {', '.join(self.below_first)}.")
        stable = f"Changed rank at half the points: {', '.join(self.unstable)}."
        said.append(stable if self.unstable else f"The leading {LEADING} factors keep their order at half the points.")
        return " ".join([*said, self._verdict])


@dataclass(frozen=True)
class _Split:
    """Standardised outputs by their place in the design: `a`, `b` (points,), `ab`, `ba` (points, factors)."""

    a: Array
    b: Array
    ab: Array
    ba: Array | None

    @classmethod
    def of(cls, output: Array, factors: int, second_order: bool) -> "_Split":
        """Outputs (rows,) of a design; points may be cut off at the end by whole steps."""
        standard = (output - output.mean()) / output.std()
        table = standard.reshape(-1, (2 if second_order else 1) * factors + 2)
        ba = np.ascontiguousarray(table[:, factors + 1 : 2 * factors + 1]) if second_order else None
        return cls(table[:, 0].copy(), table[:, -1].copy(), np.ascontiguousarray(table[:, 1 : factors + 1]), ba)


_Part = tuple[Array, Array, Array | None]
"""First (…, factors), total (…, factors) and second order (…, pairs)."""


def sobol_indices(
    output: str,
    values: Array,
    factors: Sequence[str],
    *,
    second_order: bool = True,
    resamples: int = 1000,
    seed: int = 1,
    weights: Iterable[Array] | None = None,
    scale: float = 0.0,
) -> Indices:
    """Sobol indices of one output (rows,) of a design, with bootstrap intervals.

    `scale` is the size of what the output is a difference of: a spread below 1e-12 of it is rounding. `weights`
    replaces the resampling: blocks (resamples, points) of how often each point was drawn, over the points' number.
    Raises ValueError where the number of rows does not fit the factors, or a value is not finite, with its row.

    >>> from markov.analysis.uncertainty.sobol_design import sobol_rows, uniform_factor
    >>> x = sobol_rows([uniform_factor("a", lambda u: u), uniform_factor("b", lambda u: u)], 256, seed=1).columns()
    >>> sobol_indices("sum", 2 * x["a"] + x["b"], ["a", "b"], resamples=10).first.round(2).tolist()
    [0.8, 0.2]
    """
    k = len(factors)
    step = (2 if second_order else 1) * k + 2
    if values.ndim != 1 or len(values) == 0 or len(values) % step:
        raise ValueError(f"{len(values)} rows do not fit {k} factors, which need a multiple of {step}")
    wrong = np.flatnonzero(~np.isfinite(values))
    if wrong.size:
        raise ValueError(f"{output} is {values[wrong[0]]} in row {wrong[0]}, and not finite in {wrong.size} rows")
    table = values.reshape(-1, step)
    both = np.concatenate([table[:, 0], table[:, -1]])
    mean, variance = float(both.mean()), float(both.var())
    smallest = NO_VARIANCE * max(float(np.abs(values).max()), scale)
    if max(float(values.std()), np.sqrt(variance)) <= smallest or variance == 0.0:
        return Indices(output, tuple(factors), mean, variance, reason=f"{output} does not vary: it has no indices")
    split = _Split.of(values, k, second_order)
    point = _indices(split)
    points = len(split.a)
    widths = _half_widths(split, point, resampled(points, resamples, seed) if weights is None else weights)
    return Indices(
        output,
        tuple(factors),
        mean,
        variance,
        point[0],
        widths[0],
        point[1],
        widths[1],
        None if point[2] is None else _square(point[2], k),
        None if widths[2] is None else _square(widths[2], k),
        _half_total(table[: points // 2], k),
    )


def resampled(points: int, resamples: int, seed: int) -> Iterator[Array]:
    """Weights of bootstrap resamples, in blocks (resamples, points): how often each point was drawn, over `points`.

    >>> block, = resampled(4, 2, seed=1)
    >>> block.sum(axis=1).tolist()
    [1.0, 1.0]
    """
    random = np.random.default_rng(seed)
    size = max(1, WEIGHTS // points)
    for start in range(0, resamples, size):
        yield weights_of(random.integers(points, size=(min(size, resamples - start), points)), points)


def weights_of(drawn: NDArray[np.integer[Any]], points: int) -> Array:
    """Weights (resamples, points) of the points that each resample drew, (resamples, draws)."""
    rows = len(drawn)
    places = np.asarray(drawn, dtype=np.intp) + points * np.arange(rows)[:, None]
    counts = np.bincount(places.ravel(), minlength=rows * points).reshape(rows, points)
    return np.asarray(counts / drawn.shape[1])


def statement(indices: Indices, points: int = 0) -> Statement | None:
    """What can be said of the convergence of indices; None where there are none.

    A total index must not be below the first order by more than both half-widths and 0.01; the order of the leading
    five must be that of the first half of the points, but for factors whose intervals overlap.
    """
    if indices.total is None or indices.first is None:
        return None
    assert indices.total_half_width is not None and indices.first_half_width is not None
    total, width = indices.total, indices.total_half_width
    half = np.zeros_like(total) if indices.half_total is None else indices.half_total
    below = np.flatnonzero(indices.first - total > np.maximum(width + indices.first_half_width, MATERIAL))
    order = indices.ranking
    unstable = [
        i
        for place, i in enumerate(order[:LEADING])
        if any(half[j] > half[i] and total[i] - total[j] > width[i] + width[j] for j in order[place + 1 :])
    ]
    return Statement(
        float(indices.first.sum()),
        float(width.max()),
        tuple(indices.factors[i] for i in below),
        tuple(indices.factors[i] for i in unstable),
        points,
    )


def _indices(split: _Split) -> _Part:
    """Point estimates."""
    a, b, ab, ba = split.a[:, None], split.b[:, None], split.ab, split.ba
    variance = np.concatenate([split.a, split.b]).var()
    first = (b * (ab - a)).mean(axis=0) / variance
    total = 0.5 * ((a - ab) ** 2).mean(axis=0) / variance
    if ba is None:
        return first, total, None
    i, j = np.triu_indices(ab.shape[1], 1)
    both = (ba.T @ ab)[i, j] / len(ab)
    return first, total, (both - np.mean(split.a * split.b)) / variance - first[i] - first[j]


def _half_total(table: Array, factors: int) -> Array | None:
    """Total indices from the first points (points, step); None where they do not vary."""
    a, b, ab = table[:, :1], table[:, -1:], table[:, 1 : factors + 1]
    variance = float(np.concatenate([a, b]).var())
    return 0.5 * np.asarray(((a - ab) ** 2).mean(axis=0)) / variance if variance > 0.0 else None


def _half_widths(split: _Split, point: _Part, blocks: Iterable[Array]) -> _Part:
    """z times the standard deviation over resamples, from sums of deviations from the point estimates."""
    kept = [part for part in point if part is not None]
    sums = [np.zeros_like(part) for part in kept]
    squares = [np.zeros_like(part) for part in kept]
    count = 0
    for weights in blocks:
        count += len(weights)
        for i, values in enumerate(part for part in _resampled_indices(split, weights) if part is not None):
            deviation = values - kept[i]
            sums[i] += deviation.sum(axis=0)
            squares[i] += (deviation**2).sum(axis=0)
    widths = [
        Z * np.sqrt(np.maximum(q - s * s / count, 0.0) / (count - 1)) if count > 1 else np.full_like(s, np.nan)
        for s, q in zip(sums, squares, strict=True)
    ]
    return widths[0], widths[1], widths[2] if len(widths) > 2 else None


def _resampled_indices(split: _Split, weights: Array) -> _Part:
    """Indices of resamples (resamples, …), given their weights (resamples, points)."""
    a, b, ab, ba = split.a[:, None], split.b[:, None], split.ab, split.ba
    mean = weights @ (0.5 * (split.a + split.b))
    variance = (weights @ (0.5 * (split.a**2 + split.b**2)) - mean**2)[:, None]
    variance = np.where(variance > np.finfo(float).eps, variance, np.inf)  # a resample of equal points: indices 0
    first = weights @ (b * (ab - a)) / variance
    total = 0.5 * (weights @ (a - ab) ** 2) / variance
    if ba is None:
        return first, total, None
    product = (weights @ (split.a * split.b))[:, None]
    parts = []
    for j in range(ab.shape[1] - 1):  # one factor with all later ones, so that the terms stay in the cache
        both = weights @ (ba[:, j : j + 1] * ab[:, j + 1 :])
        parts.append((both - product) / variance - first[:, j : j + 1] - first[:, j + 1 :])
    return first, total, np.concatenate(parts, axis=1) if parts else np.zeros((len(weights), 0))


def _square(pairs: Array, factors: int) -> Array:
    """Pairs as a matrix (factors, factors), above the diagonal."""
    matrix = np.full((factors, factors), np.nan)
    matrix[np.triu_indices(factors, 1)] = pairs
    return matrix

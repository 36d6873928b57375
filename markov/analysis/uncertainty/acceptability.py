"""What draws say about a decision: who is best how often, who is best on average, and what a wrong choice loses.

Everything here is a function of discounted cost and QALYs by (runs, strategies), wherever they come from.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from markov.analysis.frames import grid_frame
from markov.analysis.incremental import QUADRANTS, Quadrant
from markov.terms import Array

if TYPE_CHECKING:
    from pandas import DataFrame

ELLIPSE = math.sqrt(-2.0 * math.log(0.05))
"""Radius, in standard deviations, of the circle that holds 95 % of a standard bivariate normal: √χ²₂(0.95) = 2.4477."""

ELLIPSE_POINTS = 73
CURVE_STEPS = 100


@dataclass(frozen=True)
class Decision:
    """A choice at one threshold: (strategies,) mean net benefit, probability of being best, expected loss.

    `best` is the strategy of the highest mean net benefit (the first of several), `evpi` its expected loss.
    """

    mean: Array
    probability: Array
    loss: Array
    best: int

    @property
    def frontier(self) -> float:
        """Probability that the strategy of the highest mean is the best: the acceptability frontier (CEAF)."""
        return float(self.probability[self.best])

    @property
    def evpi(self) -> float:
        """Expected value of perfect information per person: what the best choice is expected to lose."""
        return float(self.loss[self.best])


@dataclass(frozen=True)
class Acceptability:
    """Decisions over a range of thresholds: (thresholds,) and (thresholds, strategies).

    `probability` is the cost-effectiveness acceptability curve (CEAC), `frontier` the CEAF: the probability of the
    strategy with the highest *mean* net benefit, which need not be the most probable one.
    """

    thresholds: Array
    mean: Array
    probability: Array
    loss: Array
    best: tuple[int, ...]
    frontier: Array
    evpi: Array

    @property
    def switches(self) -> tuple[float, ...]:
        """Thresholds of the range at which another strategy becomes the best on average."""
        return tuple(float(self.thresholds[i]) for i in range(1, len(self.best)) if self.best[i] != self.best[i - 1])

    def to_frame(self, strategies: Sequence[str]) -> "DataFrame":
        """A row a threshold and strategy: the CEAC is `probability`, the CEAF the same where `is_optimal`.

        `strategies` are ids in the order of the analysis; `net_benefit` is a mean, `evpi` that of the threshold.

        >>> cost, qaly = np.array([[0.0, 9000.0], [0.0, 12000.0]]), np.array([[1.0, 1.4], [1.0, 1.6]])
        >>> table = acceptability(cost, qaly, [10_000.0, 30_000.0]).to_frame(["old", "new"])
        >>> table.query("is_optimal")[["strategy", "probability"]].values.tolist()
        [['old', 1.0], ['new', 1.0]]
        """
        figures = {"probability": self.probability, "net_benefit": self.mean, "expected_loss": self.loss}
        best = np.equal.outer(self.best, np.arange(len(strategies)))
        axes = {"threshold": self.thresholds, "strategy": strategies}
        return grid_frame(axes, **figures, is_optimal=best, evpi=self.evpi[:, None])


@dataclass(frozen=True)
class Plane:
    """The cost-effectiveness plane of a strategy against the reference.

    `delta_qaly`, `delta_cost` (runs,); `covariance` of the two; `ellipse` (points, 2) of QALYs and cost, drawn for
    95 % of the draws under a bivariate normal; `inside` the share of draws that it does hold; `quadrants` shares.
    """

    strategy: str
    delta_qaly: Array
    delta_cost: Array
    mean: tuple[float, float]
    covariance: Array
    ellipse: Array
    inside: float
    quadrants: dict[Quadrant, float]


def decision(net_benefit: ArrayLike, *, share_ties: bool = False) -> Decision:
    """A choice by draws of net benefit (runs, strategies), each draw of the same weight.

    Loss of d: E[max_j NB_j − NB_d].  A draw in which strategies tie counts for the first of them, in the order
    given, or for each in equal shares.  Raises ValueError where a number is not finite, or nothing is there.
    Source: Fenwick, Claxton, Sculpher 2001, Health Econ 10:779; Alarid-Escudero and others 2019, Value Health 22:611.

    >>> choice = decision([[10.0, 12.0], [10.0, 12.0], [10.0, 0.0]])
    >>> choice.best, choice.probability.round(3).tolist(), round(choice.frontier, 3), round(choice.evpi, 3)
    (0, [0.333, 0.667], 0.333, 1.333)
    """
    benefit = _checked(net_benefit)
    highest = benefit.max(axis=1, keepdims=True)
    if share_ties:
        ties = benefit == highest
        probability = (ties / ties.sum(axis=1, keepdims=True)).mean(axis=0)
    else:
        probability = np.bincount(benefit.argmax(axis=1), minlength=benefit.shape[1]) / len(benefit)
    mean = benefit.mean(axis=0)
    return Decision(mean, probability, (highest - benefit).mean(axis=0), int(mean.argmax()))


def _checked(net_benefit: ArrayLike) -> Array:
    """Net benefit as an array (runs, strategies); ValueError where a number is not finite, or nothing is there."""
    benefit = np.asarray(net_benefit, dtype=float)
    if benefit.ndim != 2 or 0 in benefit.shape or not np.isfinite(benefit).all():
        raise ValueError(f"net benefit must be finite, by (runs, strategies); found shape {benefit.shape}")
    return benefit


def acceptability(cost: Array, qaly: Array, thresholds: Sequence[float], *, share_ties: bool = False) -> Acceptability:
    """CEAC, CEAF, expected loss and EVPI over thresholds, from discounted cost and QALYs (runs, strategies).

    Raises ValueError as `decision` does.

    >>> cost, qaly = np.array([[0.0, 9000.0], [0.0, 12000.0]]), np.array([[1.0, 1.4], [1.0, 1.6]])
    >>> curve = acceptability(cost, qaly, [10000.0, 21000.0, 30000.0])
    >>> curve.probability[:, 1].tolist(), curve.best, curve.switches
    ([0.0, 0.5, 1.0], (0, 0, 1), (30000.0,))
    """
    at = [decision(threshold * qaly - cost, share_ties=share_ties) for threshold in thresholds]
    return Acceptability(
        np.asarray(thresholds, dtype=float),
        np.stack([choice.mean for choice in at]),
        np.stack([choice.probability for choice in at]),
        np.stack([choice.loss for choice in at]),
        tuple(choice.best for choice in at),
        np.array([choice.frontier for choice in at]),
        np.array([choice.evpi for choice in at]),
    )


def threshold_range(thresholds: Sequence[float], icers: Sequence[float]) -> tuple[float, ...]:
    """Thresholds for curves: 0 to one and a half times the highest of thresholds and ICERs, in 100 equal round steps.

    >>> grid = threshold_range([25000.0, 35000.0], [166234.0])
    >>> len(grid), grid[1], grid[-1]
    (101, 2500.0, 250000.0)
    """
    highest = 1.5 * max((*thresholds, *icers), default=0.0) or 1.0
    size = 10.0 ** math.floor(math.log10(highest / CURVE_STEPS))
    step = next(size * n for n in (1.0, 2.0, 2.5, 5.0, 10.0) if size * n * CURVE_STEPS >= highest * (1.0 - 1e-12))
    return tuple(step * i for i in range(CURVE_STEPS + 1))


def plane(strategy: str, delta_cost: Array, delta_qaly: Array) -> Plane:
    """The cost-effectiveness plane of one strategy: differences (runs,), with the 95 % ellipse and quadrant shares.

    Ellipse: mean + √χ²₂(0.95)·Σ^½·(cos, sin).  Source: van Hout, Al, Gordon, Rutten 1994, Health Econ 3:309.

    >>> random = np.random.default_rng(1)
    >>> result = plane("new", random.normal(5000, 1000, 20000), random.normal(0.5, 0.1, 20000))
    >>> abs(result.inside - 0.95) < 0.005, result.ellipse.shape
    (True, (73, 2))
    """
    points = np.stack([delta_qaly, delta_cost])
    mean = points.mean(axis=1)
    covariance = np.atleast_2d(np.cov(points)) if points.shape[1] > 1 else np.zeros((2, 2))
    half = _square_root(covariance)
    angle = np.linspace(0.0, 2.0 * math.pi, ELLIPSE_POINTS)
    ellipse = (mean[:, None] + ELLIPSE * half @ np.stack([np.cos(angle), np.sin(angle)])).T
    return Plane(
        strategy,
        delta_qaly,
        delta_cost,
        (float(mean[0]), float(mean[1])),
        covariance,
        ellipse,
        _share_inside(points - mean[:, None], covariance),
        _quadrant_shares(delta_cost, delta_qaly),
    )


def _square_root(covariance: Array) -> Array:
    """Σ^½ in the two scales, of which one is money and one QALYs; a variance of 0 stays 0."""
    spread = np.sqrt(np.diag(covariance))
    scale = np.where(spread > 0.0, spread, 1.0)
    values, vectors = np.linalg.eigh(covariance / np.outer(scale, scale))
    return np.asarray(scale[:, None] * vectors * np.sqrt(np.maximum(values, 0.0)))


def _share_inside(deviations: Array, covariance: Array) -> float:
    """Share of draws within the ellipse; not a number where it has no area."""
    determinant = covariance[0, 0] * covariance[1, 1] - covariance[0, 1] ** 2
    if determinant <= 1e-12 * covariance[0, 0] * covariance[1, 1]:
        return math.nan
    x, y = deviations
    distance = covariance[1, 1] * x * x - 2.0 * covariance[0, 1] * x * y + covariance[0, 0] * y * y
    return float(np.mean(distance <= ELLIPSE**2 * determinant))


def _quadrant_shares(delta_cost: Array, delta_qaly: Array) -> dict[Quadrant, float]:
    """Share of draws in each quadrant that has any."""
    signs = np.stack([np.sign(delta_cost), np.sign(delta_qaly)], axis=1).astype(int)
    pairs, counts = np.unique(signs, axis=0, return_counts=True)
    shares = {QUADRANTS[int(c), int(q)]: int(n) / len(signs) for (c, q), n in zip(pairs, counts, strict=True)}
    return {quadrant: shares[quadrant] for quadrant in Quadrant if quadrant in shares}

"""Incremental analysis of mutually exclusive strategies: who is on the frontier, and what a QALY costs there.

The rules, as they are applied:

1. *Dominated*: some other strategy costs no more and gives no less, one of the two strictly.
2. *Extendedly dominated*: not dominated, but above the lower convex hull of cost over effect: a mix of two
   frontier strategies would cost less for the same effect.
3. The rest is the *frontier*. A strategy exactly on a hull segment, whose ICER equals the next one's, stays on it.
4. The cheapest frontier strategy is the *reference*; every other one is compared with the frontier strategy before it.
5. Strategies of the same cost and effect share a frontier point: the first in input order keeps its position, later
   ones are *equal* and carry no ICER. Twins off the frontier are each dominated, or extendedly dominated, alike.
6. Costs and effects are compared as they are, to the last bit; a difference of 1e-9 QALY is a difference. ICERs
   count as equal within a relative 1e-12 (`COLLINEAR`), so that rounding does not throw a collinear strategy out.
7. An ICER is given only where it can be read: never negative, never against a dominated strategy.

Source: Karlsson and Johannesson 1996, PharmacoEconomics 9:113; Briggs, Claxton, Sculpher 2006, ch. 1 and 5.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike

from markov.terms import Array, Position, money

COLLINEAR = 1e-12


class Quadrant(StrEnum):
    """Where a strategy lies on the cost-effectiveness plane, seen from the strategy it is compared with."""

    MORE_COSTLY_MORE_EFFECTIVE = "more costly, more effective"
    LESS_COSTLY_LESS_EFFECTIVE = "less costly, less effective"
    LESS_COSTLY_MORE_EFFECTIVE = "less costly, more effective"
    MORE_COSTLY_LESS_EFFECTIVE = "more costly, less effective"
    EQUAL_COST_MORE_EFFECTIVE = "equal cost, more effective"
    EQUAL_COST_LESS_EFFECTIVE = "equal cost, less effective"
    MORE_COSTLY_EQUAL_EFFECT = "more costly, equal effect"
    LESS_COSTLY_EQUAL_EFFECT = "less costly, equal effect"
    EQUAL = "equal cost and effect"


QUADRANTS = {  # by the signs of the differences in cost and in effect
    (1, 1): Quadrant.MORE_COSTLY_MORE_EFFECTIVE,
    (-1, -1): Quadrant.LESS_COSTLY_LESS_EFFECTIVE,
    (-1, 1): Quadrant.LESS_COSTLY_MORE_EFFECTIVE,
    (1, -1): Quadrant.MORE_COSTLY_LESS_EFFECTIVE,
    (0, 1): Quadrant.EQUAL_COST_MORE_EFFECTIVE,
    (0, -1): Quadrant.EQUAL_COST_LESS_EFFECTIVE,
    (1, 0): Quadrant.MORE_COSTLY_EQUAL_EFFECT,
    (-1, 0): Quadrant.LESS_COSTLY_EQUAL_EFFECT,
    (0, 0): Quadrant.EQUAL,
}

VERDICTS = {  # the quadrants that need no ICER, in words
    Quadrant.LESS_COSTLY_MORE_EFFECTIVE: "dominant: costs less and gives more",
    Quadrant.MORE_COSTLY_LESS_EFFECTIVE: "dominated: costs more and gives less",
    Quadrant.EQUAL_COST_MORE_EFFECTIVE: "dominant: costs the same and gives more",
    Quadrant.EQUAL_COST_LESS_EFFECTIVE: "dominated: costs the same and gives less",
    Quadrant.MORE_COSTLY_EQUAL_EFFECT: "dominated: costs more and gives the same",
    Quadrant.LESS_COSTLY_EQUAL_EFFECT: "dominant: costs less and gives the same",
    Quadrant.EQUAL: "equal costs and effects",
}


@dataclass(frozen=True)
class IncrementalRow:
    """One strategy in the incremental analysis; differences, `versus` and `icer` are None where nothing is compared.

    `versus` is the frontier strategy before it (for an equal strategy, its twin); `dominated_by` the strategy that
    dominates it (on the frontier if any is, the cheapest of those), or the mix that dominates it extendedly.
    """

    strategy: str
    cost: float
    qaly: float
    position: Position
    delta_cost: float | None = None
    delta_qaly: float | None = None
    icer: float | None = None
    versus: str | None = None
    dominated_by: str | None = None


@dataclass(frozen=True)
class PairwiseRow:
    """One strategy against a chosen one.

    `icer` is the cost per QALY gained where the strategy costs more and gives more, the saving per QALY lost where
    it costs less and gives less, and None elsewhere; it is never negative.
    """

    strategy: str
    versus: str
    delta_cost: float
    delta_qaly: float
    quadrant: Quadrant
    icer: float | None


@dataclass(frozen=True)
class NetBenefit:
    """Net benefit, (thresholds, …): `monetary` in money, `health` in QALYs (not a number at a threshold of 0)."""

    monetary: Array
    health: Array


@dataclass(frozen=True)
class _Point:
    """A strategy on the cost-effectiveness plane."""

    name: str
    cost: float
    qaly: float

    def equals(self, other: "_Point") -> bool:
        return self.cost == other.cost and self.qaly == other.qaly

    def dominates(self, other: "_Point") -> bool:
        return self.cost <= other.cost and self.qaly >= other.qaly and not self.equals(other)


def incremental(names: Sequence[str], costs: ArrayLike, effects: ArrayLike) -> tuple[IncrementalRow, ...]:
    """Full incremental analysis of one run, ordered by cost (ties: effect descending, then input order).

    ICER_i = (C_i − C_(i−1))/(E_i − E_(i−1)) along the frontier.  `costs` (strategies,) in one currency, `effects`
    (strategies,) in QALYs.  Raises ValueError where a name comes twice or a number is not finite.
    Source: Karlsson and Johannesson 1996.

    >>> rows = incremental(["A", "B", "C", "D"], [0.0, 9000.0, 10000.0, 11000.0], [1.0, 1.2, 2.0, 1.9])
    >>> [(row.strategy, row.position.value, row.icer) for row in rows]
    [('A', 'reference', None), ('B', 'extendedly_dominated', None), ('C', 'frontier', 10000.0),
     ('D', 'dominated', None)]
    >>> rows[1].dominated_by, rows[3].dominated_by
    ('a mix of A and C', 'C')
    """
    table = sorted(_points(names, costs, effects), key=lambda point: (point.cost, -point.qaly))
    frontier = _lower_hull(_undominated(table))
    return tuple(_row(point, frontier, table) for point in table)


def pairwise(names: Sequence[str], costs: ArrayLike, effects: ArrayLike, reference: str) -> tuple[PairwiseRow, ...]:
    """Every other strategy against `reference`, in input order, each with its quadrant.

    ICER = ΔC/ΔE where both differences have the same sign, None elsewhere.  `costs`, `effects` (strategies,).
    Raises ValueError as `incremental` does, and for an unknown reference.
    Source: Briggs, Claxton, Sculpher 2006, ch. 5.

    >>> row, = pairwise(["old", "new"], [20000.0, 8000.0], [5.0, 4.0], "old")
    >>> row.quadrant.value, row.icer
    ('less costly, less effective', 12000.0)
    """
    points = {point.name: point for point in _points(names, costs, effects)}
    if reference not in points:
        raise ValueError(f'the reference "{reference}" is not among the strategies {", ".join(points)}')
    return tuple(_pair(point, points[reference]) for name, point in points.items() if name != reference)


def icer_in_words(row: IncrementalRow | PairwiseRow, currency: str) -> str:
    """The text that a report prints for a comparison; money in whole units from 100 up, else with two decimals.

    >>> two = ["old", "new"]
    >>> icer_in_words(pairwise(two, [0.0, 83117.0], [3.0, 3.5], "old")[0], "GBP")
    '£166,234 per QALY gained'
    >>> icer_in_words(pairwise(two, [20000.0, 8000.0], [5.0, 4.0], "old")[0], "GBP")
    'saves £12,000 per QALY lost'
    >>> icer_in_words(pairwise(two, [20000.0, 8000.0], [4.0, 5.0], "old")[0], "GBP")
    'dominant: costs less and gives more'
    >>> [icer_in_words(row, "GBP") for row in incremental(two, [20000.0, 8000.0], [4.0, 5.0])]
    ['reference', 'dominated by new']
    """
    if row.icer is None:
        return _verdict(row)
    ratio = money(row.icer, currency, 0 if row.icer >= 100 else 2)
    if isinstance(row, PairwiseRow) and row.quadrant is Quadrant.LESS_COSTLY_LESS_EFFECTIVE:
        return f"saves {ratio} per QALY lost"
    return f"{ratio} per QALY gained"


def net_benefit(costs: ArrayLike, effects: ArrayLike, thresholds: ArrayLike) -> NetBenefit:
    """Net monetary benefit λE − C and net health benefit E − C/λ at each threshold λ.

    `costs`, `effects` (…) of one shape, `thresholds` (thresholds,) in money per QALY, 0 or more; returns
    (thresholds, …). Health benefit is undefined at λ = 0: not a number there.
    Source: Stinnett and Mullahy 1998, Med Decis Making 18(2 Suppl):S68.

    >>> benefit = net_benefit([10000.0, 40000.0], [2.0, 3.0], [0.0, 20000.0])
    >>> benefit.monetary.tolist(), benefit.health.tolist()
    ([[-10000.0, -40000.0], [30000.0, 20000.0]], [[nan, nan], [1.5, 1.0]])
    """
    cost, effect = np.asarray(costs, dtype=float), np.asarray(effects, dtype=float)
    threshold = np.asarray(thresholds, dtype=float).reshape((-1,) + (1,) * cost.ndim)
    per_qaly = np.where(threshold > 0, threshold, np.nan)
    return NetBenefit(monetary=threshold * effect - cost, health=effect - cost / per_qaly)


def _verdict(row: IncrementalRow | PairwiseRow) -> str:
    """A comparison without an ICER, in words."""
    if isinstance(row, PairwiseRow):
        return VERDICTS[row.quadrant]
    if row.dominated_by is None:
        return "reference" if row.position is Position.REFERENCE else VERDICTS[Quadrant.EQUAL]
    extendedly = "extendedly " if row.position is Position.EXTENDEDLY_DOMINATED else ""
    return f"{extendedly}dominated by {row.dominated_by}"


def _points(names: Sequence[str], costs: ArrayLike, effects: ArrayLike) -> list[_Point]:
    """Strategies as points, checked: as many numbers as names, all finite, no name twice."""
    cost, qaly = np.asarray(costs, dtype=float).tolist(), np.asarray(effects, dtype=float).tolist()
    points = [_Point(name, c, e) for name, c, e in zip(names, cost, qaly, strict=True)]
    for point in points:
        if not (math.isfinite(point.cost) and math.isfinite(point.qaly)):
            raise ValueError(f'strategy "{point.name}" has no finite cost and effect: {point.cost}, {point.qaly}')
    if len({point.name for point in points}) != len(points):
        raise ValueError(f"a strategy is named twice: {', '.join(names)}")
    return points


def _undominated(table: Sequence[_Point]) -> list[_Point]:
    """Points that give more than every cheaper one, from a table ordered by cost; one for each set of twins."""
    kept: list[_Point] = []
    for point in table:
        if not kept or point.qaly > kept[-1].qaly:
            kept.append(point)
    return kept


def _lower_hull(points: Sequence[_Point]) -> list[_Point]:
    """Points on the lower convex hull, collinear ones included: ICERs along it never fall."""
    hull: list[_Point] = []
    for point in points:
        while len(hull) > 1 and _icer(hull[-2], hull[-1]) > _icer(hull[-1], point) * (1.0 + COLLINEAR):
            hull.pop()
        hull.append(point)
    return hull


def _icer(old: _Point, new: _Point) -> float:
    """ΔC/ΔE, for points that differ in effect."""
    return (new.cost - old.cost) / (new.qaly - old.qaly)


def _row(point: _Point, frontier: Sequence[_Point], table: Sequence[_Point]) -> IncrementalRow:
    """A strategy's line, given the frontier and all strategies, both ordered by cost."""
    own = (point.name, point.cost, point.qaly)
    if point == frontier[0]:
        return IncrementalRow(*own, Position.REFERENCE)
    if point in frontier:
        before = frontier[frontier.index(point) - 1]
        delta = (point.cost - before.cost, point.qaly - before.qaly)
        return IncrementalRow(*own, Position.FRONTIER, *delta, _icer(before, point), versus=before.name)
    twins = [other for other in frontier if other.equals(point)]
    if twins:
        return IncrementalRow(*own, Position.EQUAL, 0.0, 0.0, versus=twins[0].name)
    dominating = [other for other in (*frontier, *table) if other.dominates(point)]
    if dominating:
        return IncrementalRow(*own, Position.DOMINATED, dominated_by=dominating[0].name)
    cheaper = [other for other in frontier if other.cost < point.cost][-1]
    dearer = next(other for other in frontier if other.cost > point.cost)
    mix = f"a mix of {cheaper.name} and {dearer.name}"
    return IncrementalRow(*own, Position.EXTENDEDLY_DOMINATED, dominated_by=mix)


def _pair(point: _Point, reference: _Point) -> PairwiseRow:
    """A strategy against the reference."""
    delta_cost, delta_qaly = point.cost - reference.cost, point.qaly - reference.qaly
    quadrant = QUADRANTS[int(np.sign(delta_cost)), int(np.sign(delta_qaly))]
    icer = _icer(reference, point) if quadrant not in VERDICTS else None
    return PairwiseRow(point.name, reference.name, delta_cost, delta_qaly, quadrant, icer)

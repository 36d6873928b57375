"""Hazards of treatment and competing events: ratios, waning, crossing curves, conversions, crude incidences."""

import numpy as np
from numpy.typing import NDArray
from scipy import special

from markov.terms import Array, Crossing

Flags = NDArray[np.bool_]

SLACK = 1e-12  # curves this close count as equal


def rate_from_probability(probability: Array, years: Array) -> Array:
    """Constant rate that gives a probability over a period with no other exit: −ln(1 − p)/years.

    >>> float(rate_from_probability(np.asarray(0.52), np.asarray(2.5)).round(7))
    0.2935877
    """
    return -np.log1p(-probability) / years


def probability_from_rate(rate: Array, years: Array) -> Array:
    """Probability over a period at a constant rate with no other exit: 1 − e^(−rate·years).

    >>> float(probability_from_rate(np.asarray(0.2), np.asarray(1.0)).round(6))
    0.181269
    """
    return -np.expm1(-rate * years)


def cumulative_incidence(rate: Array, other_exits: Array, years: Array) -> Array:
    """Share that leaves by one of two constant competing exits: λ·t·φ((λ + h)t), φ(x) = (1 − e^−x)/x.

    >>> float(cumulative_incidence(np.asarray(0.046475), np.asarray(0.4), np.asarray(2.5)).round(5))
    0.07
    """
    return rate * years * special.exprel(-(rate + other_exits) * years)


def rate_from_incidence(incidence: Array, other_exits: Array, years: Array) -> Array:
    """Rate of an event from its crude cumulative incidence, given the rate of all other exits.

    Reading a crude "8 % had the event" as 1 − e^(−λt) understates λ, because other exits compete.
    Twenty Newton steps from −ln(1 − p)/t, which lies below the root of a concave function; where the
    incidence cannot be reached whatever the rate, the answer is infinite or not a number.

    >>> float(rate_from_incidence(np.asarray(0.52), np.asarray(0.30), np.asarray(2.5)).round(7))
    0.4679447
    """
    rate = rate_from_probability(incidence, years)
    for _ in range(20):
        x = (rate + other_exits) * years
        slope = years * (special.exprel(-x) + rate * years * _exprel_slope(x))
        rate = rate + (incidence - cumulative_incidence(rate, other_exits, years)) / slope
    return rate


def _exprel_slope(x: Array) -> Array:
    """Derivative of φ(x) = (1 − e^−x)/x; its series near zero, where the closed form cancels."""
    safe = np.where(x < 1e-3, 1.0, x)
    closed = (np.exp(-safe) - special.exprel(-safe)) / safe
    return np.where(x < 1e-3, -0.5 + x / 3.0 - x**2 / 8.0, closed)


def waning_weights(boundaries: Array, start: Array, end: Array) -> Array:
    """Share of a treatment effect left in each cycle: 1 until `start`, linear to 0 at `end`, at mid-cycle.

    `boundaries` (cycles + 1,) in years; equal start and end means a sudden loss. Returns (cycles, …).

    >>> waning_weights(np.arange(5.0), np.asarray(1.0), np.asarray(3.0)).tolist()
    [1.0, 0.75, 0.25, 0.0]
    """
    middle = 0.5 * (boundaries[1:] + boundaries[:-1])
    middle = middle.reshape((-1,) + (1,) * np.ndim(start))
    span = np.maximum(end - start, 1e-12)
    return np.clip((end - middle) / span, 0.0, 1.0)


def wane(own: Array, reference: Array, weights: Array) -> Array:
    """Hazard increments of a waning effect: w·own + (1 − w)·reference.

    >>> wane(np.array([0.1, 0.1]), np.array([0.2, 0.2]), np.array([1.0, 0.5])).round(3).tolist()
    [0.1, 0.15]
    """
    return weights * own + (1.0 - weights) * reference


def survival_from_increments(increments: Array) -> Array:
    """Survival at the cycle boundaries, (cycles + 1, …), from hazard increments (cycles, …).

    >>> survival_from_increments(np.array([0.0, np.log(2.0)])).round(3).tolist()
    [1.0, 1.0, 0.5]
    """
    total = np.zeros((increments.shape[0] + 1, *increments.shape[1:]))
    np.cumsum(increments, axis=0, out=total[1:])
    return np.exp(-total)


def cap_crossing(pfs: Array, overall: Array, policy: Crossing) -> tuple[Array, Flags]:
    """PFS increments that never let PFS rise above OS, and the cycles in which the cap bites.

    `pfs`, `overall` (cycles, …): increments of the two curves, each already floored at the background.
    `cap_curve` lowers PFS to OS; `cap_hazard` raises the PFS hazard to the OS hazard wherever PFS would
    end above OS. Under `error` the increments come back unchanged and the caller decides.

    >>> import numpy as np
    >>> capped, where = cap_crossing(np.array([0.1, 0.0]), np.array([0.05, 0.2]), Crossing.CAP_CURVE)
    >>> capped.round(2).tolist(), where.tolist()
    ([0.1, 0.15], [False, True])
    """
    pfs, overall = np.broadcast_arrays(pfs, overall)
    capped, crossed, place = np.empty(pfs.shape), np.zeros(pfs.shape, dtype=bool), POLICIES.index(policy)
    for cohort in np.ndindex(pfs.shape[1:]):
        own, used, bound = 0.0, 0.0, 0.0
        for k, (h, limit) in enumerate(zip(pfs[:, *cohort].tolist(), overall[:, *cohort].tolist(), strict=True)):
            bound += limit
            capped[k, *cohort], own, used, crossed[k, *cohort] = cap(place, h, limit, own, used, bound)
    return capped, crossed


POLICIES = tuple(Crossing)
CAP_HAZARD, CAP_CURVE = (POLICIES.index(each) for each in (Crossing.CAP_HAZARD, Crossing.CAP_CURVE))


def cap(policy: int, h: float, limit: float, own: float, used: float, bound: float) -> tuple[float, float, float, bool]:
    """One cycle under a policy: the increment used, the curve's own running total, that used, and whether it crossed.

    `limit` is the OS increment, `bound` its running total. (The model compiles this function.)
    """
    crossed = own + h < bound - SLACK
    if policy == CAP_CURVE:
        level = max(own + h, bound)
        return level - used, own + h, level, crossed
    if policy == CAP_HAZARD and crossed:
        h = max(h, limit)
    return h, own + h, own + h, crossed

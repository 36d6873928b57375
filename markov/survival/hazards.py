"""Hazards of treatment and competing events: ratios, waning, crossing curves, conversions, crude incidences."""

import numpy as np
from numpy.typing import NDArray
from scipy import special

from markov.terms import Array, Crossing

Flags = NDArray[np.bool_]

SLACK = 1e-12  # curves this close count as equal


def rate_from_probability(probability: Array, years: Array) -> Array:
    """Constant rate that gives a probability over a period with no other exit: −ln(1 − p)/years.

    >>> import numpy as np
    >>> float(rate_from_probability(np.asarray(0.52), np.asarray(2.5)).round(7))
    0.2935877
    """
    return -np.log1p(-probability) / years


def probability_from_rate(rate: Array, years: Array) -> Array:
    """Probability over a period at a constant rate with no other exit: 1 − e^(−rate·years).

    >>> import numpy as np
    >>> float(probability_from_rate(np.asarray(0.2), np.asarray(1.0)).round(6))
    0.181269
    """
    return -np.expm1(-rate * years)


def cumulative_incidence(rate: Array, other_exits: Array, years: Array) -> Array:
    """Share that leaves by one of two constant competing exits: λ·t·φ((λ + h)t), φ(x) = (1 − e^−x)/x.

    >>> import numpy as np
    >>> float(cumulative_incidence(np.asarray(0.046475), np.asarray(0.4), np.asarray(2.5)).round(5))
    0.07
    """
    return rate * years * special.exprel(-(rate + other_exits) * years)


def rate_from_incidence(incidence: Array, other_exits: Array, years: Array) -> Array:
    """Rate of an event from its crude cumulative incidence, given the rate of all other exits.

    Reading a crude "8 % had the event" as 1 − e^(−λt) understates λ, because other exits compete.
    Twenty Newton steps from −ln(1 − p)/t, which lies below the root of a concave function; where the
    incidence cannot be reached whatever the rate, the answer is infinite or not a number.

    >>> import numpy as np
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

    >>> import numpy as np
    >>> waning_weights(np.arange(5.0), np.asarray(1.0), np.asarray(3.0)).tolist()
    [1.0, 0.75, 0.25, 0.0]
    """
    middle = 0.5 * (boundaries[1:] + boundaries[:-1])
    middle = middle.reshape((-1,) + (1,) * np.ndim(start))
    span = np.maximum(end - start, 1e-12)
    return np.clip((end - middle) / span, 0.0, 1.0)


def wane(own: Array, reference: Array, weights: Array) -> Array:
    """Hazard increments of a waning effect: w·own + (1 − w)·reference.

    >>> import numpy as np
    >>> wane(np.array([0.1, 0.1]), np.array([0.2, 0.2]), np.array([1.0, 0.5])).round(3).tolist()
    [0.1, 0.15]
    """
    return weights * own + (1.0 - weights) * reference


def survival_from_increments(increments: Array) -> Array:
    """Survival at the cycle boundaries, (cycles + 1, …), from hazard increments (cycles, …).

    >>> import numpy as np
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
    zero = np.zeros(np.broadcast_shapes(pfs.shape, overall.shape)[1:])
    return CrossingPolicy(policy).cap(pfs, overall, accumulate(zero, overall))


def accumulate(level: Array, increments: Array) -> Array:
    """Running totals (cycles, …) of increments (cycles, …), from a level (…)."""
    return level + (np.cumsum(increments, axis=0) if len(increments) > 1 else increments)


class CrossingPolicy:
    """Applies `cap_crossing` to consecutive pieces of the same curves."""

    def __init__(self, policy: Crossing):
        self.policy = policy
        self.own = self.capped = np.zeros(())
        self.crossed: Flags = np.zeros((), dtype=bool)

    def cap(self, pfs: Array, overall: Array, bound: Array) -> tuple[Array, Flags]:
        """Increments of the next cycles, and where the cap bites; `bound` is the running total of `overall`."""
        own = accumulate(self.own, pfs)
        above = np.asarray(own < bound - SLACK)
        if self.policy is Crossing.CAP_CURVE:
            touched = above.any() or self.crossed.any()
            levels = np.maximum(own, bound)
            before = np.broadcast_to(self.capped, levels.shape[1:])[None]
            increments = np.diff(levels, axis=0, prepend=before) if touched else pfs
            self.own, self.capped, self.crossed = own[-1], levels[-1], above[-1]
            return increments, above
        if self.policy is Crossing.CAP_HAZARD and above.any():
            pfs, above, own = self._cap_hazard(pfs, overall, bound)
        self.own = own[-1]
        return pfs, above

    def _cap_hazard(self, pfs: Array, overall: Array, bound: Array) -> tuple[Array, Flags, Array]:
        shape = np.broadcast_shapes(pfs.shape, bound.shape)
        capped, overall, bound = (
            np.array(np.broadcast_to(pfs, shape)),
            *(np.broadcast_to(x, shape) for x in (overall, bound)),
        )
        where, own = np.zeros(shape, dtype=bool), np.empty(shape)
        total = self.own
        for k in range(len(capped)):
            where[k] = total + capped[k] < bound[k] - SLACK
            capped[k] = np.where(where[k], np.maximum(capped[k], overall[k]), capped[k])
            own[k] = total = total + capped[k]
        return capped, where, own

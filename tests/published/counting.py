"""Ways of counting time in states: the product's corrections, and published ones that stay out of the product."""

import numpy as np

from markov.compiling import plain
from markov.model.cohort import cause, pace
from markov.model.discounting import cycle_weights, discount_factors
from markov.terms import Array, Correction


def boundaries_of(horizon: float, cycles: int) -> Array:
    """Cycle boundaries in years, (cycles + 1,)."""
    return np.linspace(0.0, horizon, cycles + 1)


def shares(increments: Array) -> Array:
    """Shares that take each of several competing exits in one cycle, at the product's pace; the rest stays."""
    return np.asarray(increments * plain(pace)(plain(cause)(increments.sum(axis=0)), 0.0).leave)


def discount(times: Array | float, rate: float) -> Array:
    """v(t) = (1 + rate)^−t, the product's."""
    return discount_factors(np.asarray(times, dtype=float), [(0.0, rate)])


def integral(values: Array, boundaries: Array, rate: float, correction: Correction) -> Array:
    """Discounted integral over the horizon of `values` (cycles + 1, …), by the product's weights.

    The weights of the last cycle may name a boundary beyond the end, always with weight 0.
    """
    middles = 0.5 * (boundaries[1:] + boundaries[:-1])
    first, weights = cycle_weights(correction, boundaries, discount(boundaries, rate), discount(middles, rate))
    window = np.minimum(first[:, None] + np.arange(3), len(boundaries) - 1)
    return np.asarray(np.einsum("km,km...->...", weights, values[window]))


def trapezium(values: Array, boundaries: Array, rate: float) -> float:
    """Discounted at each boundary, then averaged: the published convention that discounts by v(t_k)."""
    return float(np.trapezoid(discount(boundaries, rate) * values, boundaries))

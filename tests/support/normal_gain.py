"""A net benefit that is normal: what knowing it is worth, in closed form."""

import numpy as np
from scipy import stats

from markov.terms import Array


def against_nothing(gain: Array) -> Array:
    """Net benefit of a strategy against one that is always 0."""
    return np.stack([np.zeros(len(gain)), gain], axis=1)


def expected_gain(mean: float, sd: float) -> float:
    """E[max(0, N(mean, sd))] − max(0, mean)."""
    z = mean / sd
    return sd * float(stats.norm.pdf(z)) + mean * float(stats.norm.cdf(z)) - max(mean, 0.0)

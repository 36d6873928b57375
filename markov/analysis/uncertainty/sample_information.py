"""What an estimate of one effect would be worth: EVSI by regression, and in closed form under a normal law.

The data are summed up by an estimate θ̂ = θ + N(0, v). What is expected of each strategy given θ̂ is a smooth curve,
found by regression of net benefit on simulated estimates.  Plugging the expected estimate into net benefit is too low:
the value lies in choosing anew at each θ̂.

Source: Strong, Oakley, Brennan, Breeze 2015, Med Decis Making 35:570; Raiffa, Schlaifer 1961; Schoenfeld 1981,
Biometrika 68:316.
"""

import math

import numpy as np
from scipy.special import ndtri

from markov.analysis.uncertainty.regression import regress
from markov.analysis.uncertainty.value_of_information import (
    REFITS,
    InformationValue,
    from_regression,
    increments,
    with_first,
)
from markov.terms import Array

QUANTILES = 20_000
"""Points of a standard normal over which the closed form takes its mean."""


def evsi(
    net_benefit: Array, effect: Array, variance: float, noise: Array, *, refits: int = REFITS
) -> tuple[InformationValue, Array]:
    """Expected value of sample information from an estimate of an effect, and how often each strategy is then chosen.

    `net_benefit` (runs, strategies), `effect` (runs,), `noise` (runs,) standard normal; the estimate is
    effect + √variance·noise.  Raises ValueError as `regress` does.
    Source: Strong, Oakley, Brennan, Breeze 2015, Med Decis Making 35:570.

    >>> random = np.random.default_rng(1)
    >>> effect, noise = random.normal(size=(2, 20_000))
    >>> value, chosen = evsi(np.stack([np.zeros(20_000), effect], axis=1), effect, 1.0, noise, refits=5)
    >>> abs(value.value - math.sqrt(0.5 / (2 * math.pi))) < 0.02, chosen.round(1).tolist()
    (True, [0.5, 0.5])
    """
    estimate = effect + math.sqrt(variance) * noise
    found = regress(estimate[:, None], increments(net_benefit), refits=refits)
    best = with_first(found.fitted).argmax(axis=1)
    return from_regression(found), np.bincount(best, minlength=net_benefit.shape[1]) / len(best)


def normal_evsi(net_benefit: Array, effect: Array, variance: float) -> float:
    """EVSI for a normal effect and net benefits linear in it: E max_j (m_j + b_j·s·t) − max_j m_j, t standard normal.

    b_j are slopes, s² = v₀²/(v₀ + variance) is the variance of the posterior mean, v₀ that of the effect.
    `net_benefit` (runs, strategies), `effect` (runs,).  Source: Raiffa, Schlaifer 1961; Jalal, Alarid-Escudero 2018.

    >>> x = ndtri((np.arange(2000) + 0.5) / 2000)
    >>> round(normal_evsi(np.stack([0 * x, x], axis=1), x, 1.0), 3)  # √½·φ(0) = 0.2821
    0.282
    """
    before, mean = float(effect.var()), net_benefit.mean(axis=0)
    if np.ptp(effect) == 0.0:
        return 0.0
    slopes = (effect - effect.mean()) @ (net_benefit - mean) / len(effect) / before
    t = ndtri((np.arange(QUANTILES) + 0.5) / QUANTILES)
    highest = (mean + slopes * (before / math.sqrt(before + variance)) * t[:, None]).max(axis=1)
    return float(max(highest.mean() - mean.max(), 0.0))


def estimate_variance(events: float, share: float) -> float:
    """Variance of a log hazard ratio from further events, 1/(d·p·(1 − p)); 4/d for arms of equal size.

    Source: Schoenfeld 1981, Biometrika 68:316.

    >>> estimate_variance(100.0, 0.5), estimate_variance(0.0, 0.5)
    (0.04, inf)
    """
    known = events * share * (1.0 - share)
    return 1.0 / known if known > 0.0 else math.inf

"""Two arms of a trial compared without a curve family: log-rank test, Cox proportional hazards and their test."""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from markov.survival.records import Records, risk_table
from markov.terms import Array

NEWTON_STEPS = 50


class Ties(StrEnum):
    """How a Cox model treats events at the same time."""

    EFRON = "efron"
    BRESLOW = "breslow"
    EXACT = "exact"


class LogRank(NamedTuple):
    """Log-rank test of two arms: χ² on one degree of freedom, its p-value, events of the treated seen and expected."""

    chi_squared: float
    p_value: float
    observed: float
    expected: float


class _TwoArms(NamedTuple):
    """At each distinct event time: at risk and events, of both arms together and of the treated."""

    times: Array
    at_risk: Array
    events: Array
    treated_at_risk: Array
    treated_events: Array


def _two_arms(records: Records, treated: ArrayLike) -> _TwoArms:
    arm = np.asarray(treated, dtype=float)
    if arm.shape != records.times.shape or not np.isin(arm, (0.0, 1.0)).all() or not 0 < arm.sum() < arm.size:
        raise ValueError("The arm needs one 0 or 1 a patient, and both arms need patients.")
    if (records.weights != 1).any():
        raise ValueError("Log-rank and Cox take unweighted records: repeat a row instead of weighting it.")
    both = risk_table(records)
    if not both.times.size:
        raise ValueError("No events: arms cannot be compared.")
    one = risk_table(records.where(arm == 1), both.times)
    return _TwoArms(*both, one.at_risk, one.events)


def log_rank(records: Records, treated: ArrayLike) -> LogRank:
    """Log-rank test of two arms, `treated` (patients,) 0 or 1: (O − E)²/V, V hypergeometric.

    Raises ValueError where an arm is empty.  Sources: Mantel 1966 (Cancer Chemother Rep 50:163); Peto and Peto 1972
    (J R Stat Soc A 135:185).

    >>> round(log_rank(Records([1.0, 2.0, 3.0, 4.0], [1, 1, 1, 1]), [0, 0, 1, 1]).chi_squared, 4)
    2.8824
    """
    _, n, d, n1, d1 = _two_arms(records, treated)
    expected = d * n1 / n
    variance = np.where(n > 1, expected * (1.0 - n1 / n) * (n - d) / np.maximum(n - 1.0, 1.0), 0.0).sum()
    if variance == 0:
        raise ValueError("At no event time were both arms at risk: they cannot be compared.")
    chi_squared = float((d1.sum() - expected.sum()) ** 2 / variance)
    return LogRank(chi_squared, float(special.chdtrc(1.0, chi_squared)), float(d1.sum()), float(expected.sum()))


@dataclass(frozen=True)
class CoxFit:
    """Hazard ratio of treated to control by partial likelihood, and how far proportional hazards hold."""

    log_hazard_ratio: float
    standard_error: float
    log_likelihood: float
    ties: Ties
    proportionality_p_value: float
    """Score test for a log hazard ratio that drifts with 1 − S(t−); small values speak against proportional hazards."""

    @property
    def hazard_ratio(self) -> float:
        """e^(log hazard ratio)."""
        return float(np.exp(self.log_hazard_ratio))

    @property
    def interval(self) -> tuple[float, float]:
        """95 % limits of the hazard ratio, by Wald."""
        half = float(special.ndtri(0.975)) * self.standard_error
        return float(np.exp(self.log_hazard_ratio - half)), float(np.exp(self.log_hazard_ratio + half))


class _Moments(NamedTuple):
    """By event time at one β: log of the denominator, mean and variance of the number of treated among the events."""

    log_denominator: Array
    mean: Array
    variance: Array


def cox(records: Records, treated: ArrayLike, ties: Ties = Ties.EFRON) -> CoxFit:
    """Cox proportional hazards of two arms, `treated` (patients,) 0 or 1, by Newton steps from β = 0.

    With D events a time, d of them treated: ln L = Σ β·d − ln(denominator), the denominator after Efron, Breslow, or
    exact (all ways to choose who had the event; discrete time).  Raises ValueError where an arm is empty, or where β
    has no finite maximum.  Sources: Cox 1972 (J R Stat Soc B 34:187); Efron 1977 (J Am Stat Assoc 72:557);
    Breslow 1974 (Biometrics 30:89); test of proportionality: Grambsch and Therneau 1994 (Biometrika 81:515).

    >>> fit = cox(Records([1.0, 2.0, 3.0, 4.0, 5.0, 6.0], [1, 1, 1, 1, 1, 1]), [0, 1, 0, 0, 1, 1])
    >>> round(fit.log_hazard_ratio, 3), round(fit.standard_error, 3)
    (-1.394, 1.164)
    """
    table = _two_arms(records, treated)
    beta = 0.0
    for _ in range(NEWTON_STEPS):
        moments = _moments(table, beta, ties)
        score, information = float((table.treated_events - moments.mean).sum()), float(moments.variance.sum())
        if information < 1e-10 or abs(beta) > 30:
            raise ValueError("The hazard ratio has no finite estimate: the arms' events do not overlap in time.")
        step = score / information
        beta += float(np.clip(step, -2.0, 2.0))
        if abs(step) < 1e-12:
            break
    moments = _moments(table, beta, ties)
    log_likelihood = float((beta * table.treated_events - moments.log_denominator).sum())
    error = float(moments.variance.sum() ** -0.5)
    return CoxFit(beta, error, log_likelihood, ties, _proportionality(table, moments))


def _moments(table: _TwoArms, beta: float, ties: Ties) -> _Moments:
    if ties is Ties.EXACT:
        return _exact_moments(table, beta)
    times = np.repeat(np.arange(table.events.size), table.events.astype(int))
    rank = np.arange(times.size) - np.repeat(np.cumsum(table.events) - table.events, table.events.astype(int))
    gone = rank / table.events[times] if ties is Ties.EFRON else np.zeros(times.size)
    treated = np.exp(beta) * (table.treated_at_risk[times] - gone * table.treated_events[times])
    control = (table.at_risk - table.treated_at_risk)[times] - gone * (table.events - table.treated_events)[times]
    share = treated / (treated + control)
    terms = (np.log(treated + control), share, share * (1.0 - share))
    return _Moments(*(np.bincount(times, term, table.events.size).astype(float) for term in terms))


def _exact_moments(table: _TwoArms, beta: float) -> _Moments:
    """The events' treated count is non-central hypergeometric: weights C(n₁, k)·C(n₀, D − k)·e^(βk)."""
    k = np.arange(table.events.max() + 1.0)
    treated, control = table.treated_at_risk[:, None], (table.at_risk - table.treated_at_risk)[:, None]
    others = table.events[:, None] - k
    possible = (k <= treated) & (others >= 0) & (others <= control)
    logs = np.where(possible, _log_choose(treated, k) + _log_choose(control, others) + beta * k, -np.inf)
    total = np.asarray(special.logsumexp(logs, axis=1))
    share = np.exp(logs - total[:, None])
    mean = share @ k
    return _Moments(total, mean, share @ k**2 - mean**2)


def _log_choose(n: Array, k: Array) -> Array:
    """ln C(n, k), 0 outside 0 ≤ k ≤ n."""
    inside = (k >= 0) & (k <= n)
    n, k = np.where(inside, n, 0.0), np.where(inside, k, 0.0)
    return np.asarray(special.gammaln(n + 1.0) - special.gammaln(k + 1.0) - special.gammaln(n - k + 1.0))


def _proportionality(table: _TwoArms, moments: _Moments) -> float:
    """p-value of the score test for β(t) = β + θ·g(t), g = 1 − S(t−) of both arms together."""
    survival = np.cumprod(1.0 - table.events / table.at_risk)
    g = 1.0 - np.concatenate([[1.0], survival[:-1]])
    score = float((g * (table.treated_events - moments.mean)).sum())
    v = moments.variance
    information = float((g**2 * v).sum() - (g * v).sum() ** 2 / v.sum())
    return float(special.chdtrc(1.0, score**2 / information)) if information > 1e-12 else float("nan")

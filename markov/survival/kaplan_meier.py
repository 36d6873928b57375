"""What records say without a curve family: Kaplan–Meier curve, smoothed hazard; of two arms log-rank test and Cox."""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from markov.survival.records import Records, risk_table
from markov.terms import Array

NEWTON_STEPS = 50
HALF = 1e-12  # a survival this close to a half counts as a half: the median is then the middle of the step


class Interval(StrEnum):
    """The scale on which a Kaplan–Meier confidence interval is symmetric."""

    LOG_LOG = "log_log"
    LOG = "log"
    PLAIN = "plain"


@dataclass(frozen=True)
class KaplanMeier:
    """The survival curve of records: one entry for each distinct event time, each value holding from there on.

    `standard_error` is Greenwood's, NaN where nobody is left; so are the limits of the 95 % interval there.

    >>> curve = kaplan_meier(Records([1.0, 2.0, 3.0, 4.0], [1, 0, 1, 1]))
    >>> curve.at([0.5, 1.0, 3.5]), float(curve.standard_error_at(1.0).round(4))
    (array([1.   , 0.75 , 0.375]), 0.2165)
    >>> curve.median()[0], curve.mean_within(4.0)[0]
    (3.0, 2.875)
    """

    times: Array
    at_risk: Array
    events: Array
    survival: Array
    standard_error: Array
    lower: Array
    upper: Array
    last: float
    """The last time seen, event or not."""

    def at(self, times: ArrayLike) -> Array:
        """S(t), shape of `times`: 1 before the first event, the last value beyond follow-up."""
        return self._step(self.survival, 1.0, times)

    def interval_at(self, times: ArrayLike) -> tuple[Array, Array]:
        """Lower and upper 95 % limit of S(t), each in the shape of `times`."""
        return self._step(self.lower, 1.0, times), self._step(self.upper, 1.0, times)

    def standard_error_at(self, times: ArrayLike) -> Array:
        """Greenwood's standard error of S(t), shape of `times`."""
        return self._step(self.standard_error, 0.0, times)

    def _step(self, values: Array, before: float, times: ArrayLike) -> Array:
        place = np.searchsorted(self.times, np.asarray(times, dtype=float), side="right")
        return np.asarray(np.concatenate([[before], values])[place])

    def median(self) -> tuple[float, float, float]:
        """Median and its 95 % limits: where curve, lower and upper limit reach a half; infinity where they do not.

        Source: Brookmeyer and Crowley 1982 (Biometrics 38:29).
        """
        middle, lower, upper = (self._crossing(curve) for curve in (self.survival, self.lower, self.upper))
        return middle, lower, upper

    def _crossing(self, curve: Array) -> float:
        below = np.flatnonzero(np.nan_to_num(curve, nan=-1.0) <= 0.5 + HALF)
        if not below.size or np.isnan(curve[below[0]]):
            return float("inf")
        first = below[0]
        if abs(curve[first] - 0.5) > HALF:
            return float(self.times[first])
        following = self.times[first + 1] if first + 1 < self.times.size else self.last
        return float(0.5 * (self.times[first] + following))

    def mean_within(self, until: float) -> tuple[float, float]:
        """Mean time up to `until` (area under the curve) and its standard error, in the unit of the times.

        Variance Σ A_i²·d_i/(n_i·(n_i − d_i)), A_i the area from the i-th event to `until`.
        Source: Klein and Moeschberger 2003, Survival Analysis, section 4.5.
        """
        inside = self.times < until
        edges = np.concatenate([[0.0], self.times[inside], [until]])
        areas = np.concatenate([[1.0], self.survival[inside]]) * np.diff(edges)
        beyond = np.cumsum(areas[::-1])[::-1][1:]
        n, d = self.at_risk[inside], self.events[inside]
        some = n > d
        return float(areas.sum()), float(np.sqrt((beyond[some] ** 2 * d[some] / (n[some] * (n[some] - d[some]))).sum()))


def kaplan_meier(records: Records, interval: Interval = Interval.LOG_LOG) -> KaplanMeier:
    """Kaplan–Meier curve S = Π(1 − d/n) with Greenwood's standard error S·√Σ d/(n(n − d)) and a 95 % interval.

    Raises ValueError where there is no event.  Sources: Kaplan and Meier 1958 (J Am Stat Assoc 53:457); Greenwood 1926;
    log-log interval: Kalbfleisch and Prentice 2002, section 1.4.

    >>> curve = kaplan_meier(Records([6.0, 6.0, 6.0, 6.0, 7.0], [1, 1, 1, 0, 1]))
    >>> curve.survival.round(3), curve.at_risk
    (array([0.4, 0. ]), array([5., 1.]))
    """
    table = risk_table(records)
    if not table.times.size:
        raise ValueError("No events: a Kaplan–Meier curve needs at least one.")
    n, d = table.at_risk, table.events
    survival = np.asarray(np.cumprod(1.0 - d / n), dtype=float)
    with np.errstate(divide="ignore", invalid="ignore"):
        relative: Array = np.sqrt(np.cumsum(np.where(n > d, d / (n * (n - d)), np.nan)))
        lower, upper = _limits(survival, relative, interval)
    return KaplanMeier(*table, survival, survival * relative, lower, upper, float(records.times.max()))


def _limits(survival: Array, relative: Array, interval: Interval) -> tuple[Array, Array]:
    """95 % limits of S from its relative standard error √Σ d/(n(n − d))."""
    wide = float(special.ndtri(0.975)) * relative
    if interval is Interval.LOG_LOG:
        factor = np.exp(wide / np.abs(np.log(survival)))
        return survival**factor, survival ** (1.0 / factor)
    if interval is Interval.LOG:
        return survival * np.exp(-wide), np.minimum(survival * np.exp(wide), 1.0)
    return np.maximum(survival * (1.0 - wide), 0.0), np.minimum(survival * (1.0 + wide), 1.0)


def smoothed_hazard(records: Records, times: ArrayLike) -> Array:
    """Hazard by a kernel over the Nelson–Aalen steps: h(t) = Σ K((t − t_i)/b)·d_i/n_i / (b·mass of K within follow-up).

    K is Epanechnikov's, ¾(1 − u²); dividing by its mass between 0 and the last time corrects both boundaries; the
    bandwidth b is last time/(8·events^0.2).  `times` (any shape) must lie within follow-up.  Raises ValueError where
    there is no event or a time lies outside follow-up.
    Sources: Ramlau-Hansen 1983 (Ann Stat 11:453); Müller and Wang 1994 (Biometrics 50:61).

    >>> records = Records(np.linspace(0.1, 4.0, 400), np.ones(400))  # uniform: h = 1/(4 − t)
    >>> smoothed_hazard(records, [1.0, 2.0]).round(2)
    array([0.33, 0.5 ])
    """
    at = np.asarray(times, dtype=float)
    table, last = risk_table(records), float(records.times.max())
    if not table.times.size:
        raise ValueError("No events: there is no hazard to smooth.")
    if (at < 0).any() or (at > last).any():
        raise ValueError(f"A smoothed hazard is known within follow-up only, from 0 to {last:g}.")
    width = last / (8.0 * records.event_count**0.2)
    u = (at[..., None] - table.times) / width
    kernel = 0.75 * np.maximum(1.0 - u**2, 0.0)
    mass = _epanechnikov_below(at / width) - _epanechnikov_below((at - last) / width)
    return np.asarray(kernel @ (table.events / table.at_risk) / (width * mass))


def _epanechnikov_below(u: Array) -> Array:
    """∫ K from −1 to u."""
    u = np.clip(u, -1.0, 1.0)
    return np.asarray(0.25 * (2.0 + 3.0 * u - u**3))


# Two arms compared ---------------------------------------------------------------------------------------------------


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
    """By event time at one β: mean and variance of the number of treated among the events."""

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
    return CoxFit(beta, float(moments.variance.sum() ** -0.5), _proportionality(table, moments))


def _moments(table: _TwoArms, beta: float, ties: Ties) -> _Moments:
    if ties is Ties.EXACT:
        return _exact_moments(table, beta)
    times = np.repeat(np.arange(table.events.size), table.events.astype(int))
    rank = np.arange(times.size) - np.repeat(np.cumsum(table.events) - table.events, table.events.astype(int))
    gone = rank / table.events[times] if ties is Ties.EFRON else np.zeros(times.size)
    treated = np.exp(beta) * (table.treated_at_risk[times] - gone * table.treated_events[times])
    control = (table.at_risk - table.treated_at_risk)[times] - gone * (table.events - table.treated_events)[times]
    share = treated / (treated + control)
    terms = (share, share * (1.0 - share))
    return _Moments(*(np.bincount(times, term, table.events.size).astype(float) for term in terms))


def _exact_moments(table: _TwoArms, beta: float) -> _Moments:
    """The events' treated count is non-central hypergeometric: weights C(n₁, k)·C(n₀, D − k)·e^(βk)."""
    k = np.arange(table.events.max() + 1.0)
    treated, control = table.treated_at_risk[:, None], (table.at_risk - table.treated_at_risk)[:, None]
    others = table.events[:, None] - k
    possible = (k <= treated) & (others >= 0) & (others <= control)
    logs = np.where(possible, _log_choose(treated, k) + _log_choose(control, others) + beta * k, -np.inf)
    share = np.exp(logs - special.logsumexp(logs, axis=1, keepdims=True))
    mean = share @ k
    return _Moments(mean, share @ k**2 - mean**2)


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

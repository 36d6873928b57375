"""What a publication prints, as estimates with errors: ratios, medians and shapes from intervals, P values and events.

Ratios and positive quantities are carried on the log scale, where their errors are nearly normal.
Sources: Parmar, Torri, Stewart 1998 (Stat Med 17:2815); Tierney, Stewart, Ghersi, Burdett, Sydes 2007 (Trials 8:16).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from markov.survival.families import shape_from_medians
from markov.terms import Array

P_VALUE_SLACK = 0.3
"""Standard errors by which a P value may stray from its interval: a log-rank or stratified test is not Wald's."""

ENDPOINT_CORRELATION = 0.5
"""Correlation of the log hazard ratios of PFS and OS of one trial where none is reported: an assumption."""

ENDPOINT_CORRELATION_SCENARIOS = (0.0, 0.8)


@dataclass(frozen=True)
class Effect:
    """A ratio of two arms (of hazards, times or medians), treated over control, as its logarithm with a standard error.

    An error of 0 says that the ratio is known exactly.  Raises ValueError for a number that is not finite and for an
    error below 0.
    """

    log_ratio: float
    standard_error: float

    def __post_init__(self) -> None:
        if not math.isfinite(self.log_ratio):
            raise ValueError(f"An effect needs a finite number, found {self.log_ratio}.")
        _check_error(self.standard_error)

    @property
    def ratio(self) -> float:
        """The ratio itself, e^log_ratio."""
        return math.exp(self.log_ratio)

    @property
    def variance(self) -> float:
        """Variance of the log ratio."""
        return self.standard_error**2

    @property
    def low(self) -> float:
        """Lower limit of the 95 % interval of the ratio."""
        return self.interval()[0]

    @property
    def high(self) -> float:
        """Upper limit of the 95 % interval of the ratio."""
        return self.interval()[1]

    @property
    def p_value(self) -> float:
        """Two-sided P value of "the ratio is 1", 2Φ(−|z|); 0 for an exact ratio other than 1."""
        if not self.standard_error:
            return float(self.log_ratio == 0)
        return float(2.0 * special.ndtr(-abs(self.log_ratio) / self.standard_error))

    @property
    def reversed(self) -> "Effect":
        """Control over treated: the reciprocal, with the same error."""
        return Effect(-self.log_ratio, self.standard_error)

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Confidence interval of the ratio, e^(log ratio ± z·se).

        >>> [round(limit, 3) for limit in Effect(math.log(0.5), 0.1).interval()]
        [0.411, 0.608]
        """
        reach = _deviate(level) * self.standard_error
        return math.exp(self.log_ratio - reach), math.exp(self.log_ratio + reach)


@dataclass(frozen=True)
class Estimate:
    """A positive quantity, such as a median or a curve's shape, with the standard error of its logarithm.

    >>> round(Estimate(1.1, 0.1).standard_error, 2)
    0.11
    """

    value: float
    log_standard_error: float

    def __post_init__(self) -> None:
        _positive("An estimate", self.value)
        _check_error(self.log_standard_error)

    @property
    def standard_error(self) -> float:
        """Standard error of the value, to first order: value × error of the logarithm."""
        return self.value * self.log_standard_error

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Confidence interval, symmetric on the log scale."""
        return Effect(math.log(self.value), self.log_standard_error).interval(level)


# Ratios ----------------------------------------------------------------------------------------------------------


def effect_from_interval(ratio: float, low: float, high: float, level: float = 0.95) -> Effect:
    """A ratio and its confidence interval: se = (ln high − ln low)/(2z).

    The ratio printed is kept, not the middle of the interval: see `asymmetry`.  Raises ValueError where the interval
    does not hold the ratio.  Source: Parmar, Torri, Stewart 1998.

    >>> round(effect_from_interval(0.48, 0.36, 0.63).standard_error, 4)
    0.1428
    """
    _check_interval("The ratio", ratio, low, high)
    return Effect(math.log(ratio), math.log(high / low) / (2.0 * _deviate(level)))


def effect_from_p_value(ratio: float, p_value: float) -> Effect:
    """A ratio and the two-sided P value of "it is 1": se = |ln ratio|/Φ⁻¹(1 − P/2).

    P printed as "below 0.001" gives, taken as 0.001, the largest error that agrees with it.
    Raises ValueError for P outside (0, 1) and for a ratio of 1, which no P value can give an error.
    Source: Parmar, Torri, Stewart 1998.

    >>> round(effect_from_p_value(0.75, 0.10).standard_error, 3)
    0.175
    """
    _positive("The ratio", ratio)
    if ratio == 1:
        raise ValueError("A ratio of 1 has no standard error from a P value: give an interval or events.")
    return Effect(math.log(ratio), abs(math.log(ratio)) / _deviate_of_p(p_value))


def effect_from_events(
    ratio: float,
    events_treated: float,
    events_control: float,
    patients_treated: float | None = None,
    patients_control: float | None = None,
) -> Effect:
    """A hazard ratio and the events of each arm: se = √(1/d₁ + 1/d₀).

    Exact to first order for constant hazards, where ln(d/person-time) has variance 1/d; V = d₁d₀/(d₁ + d₀) of
    Parmar, Torri, Stewart 1998.  Raises ValueError for an arm without events or with more events than patients.

    >>> round(effect_from_events(0.53, 191, 248, 307, 307).standard_error, 4)
    0.0963
    """
    _positive("The hazard ratio", ratio)
    check_events(events_treated, patients_treated, "treated")
    check_events(events_control, patients_control, "control")
    return Effect(math.log(ratio), math.sqrt(1.0 / events_treated + 1.0 / events_control))


def effect_from_total_events(ratio: float, events: float, share_treated: float = 0.5) -> Effect:
    """A hazard ratio and the events of both arms together: se = 1/√(d·s·(1 − s)), 2/√d for arms of equal size.

    s is the share of patients randomised to treatment; holds near a ratio of 1, where it is the log-rank's variance.
    Raises ValueError as `effect_from_events` does, and for a share outside (0, 1).
    Source: Tierney et al 2007, methods 5 to 9 of the appendix.

    >>> round(effect_from_total_events(0.49, 180).standard_error, 4)
    0.1491
    """
    _positive("The hazard ratio", ratio)
    return Effect(math.log(ratio), _error_of_total_events(events, share_treated))


def effect_from_p_value_and_events(
    p_value: float, events: float, favours_treated: bool, share_treated: float = 0.5
) -> Effect:
    """A two-sided P value, the events of both arms and the side that fared better, without a ratio: |ln HR| = z·se.

    Raises ValueError as `effect_from_p_value` and `effect_from_total_events` do.  Source: Parmar, Torri, Stewart 1998.

    >>> round(effect_from_p_value_and_events(0.001, 180, favours_treated=True).ratio, 4)
    0.6123
    """
    error = _error_of_total_events(events, share_treated)
    size = _deviate_of_p(p_value) * error
    return Effect(-size if favours_treated else size, error)


def effect_from_log_rank(observed_minus_expected: float, variance: float) -> Effect:
    """A log-rank test's O − E of the treated arm and its variance V: ln HR = (O − E)/V, se = 1/√V.

    Raises ValueError for a variance that is not above 0.  Source: Yusuf, Peto et al 1985 (Prog Cardiovasc Dis 27:335).

    >>> round(effect_from_log_rank(-18.5, 42.3).ratio, 4)
    0.6457
    """
    _positive("The variance of O − E", variance)
    return Effect(observed_minus_expected / variance, 1.0 / math.sqrt(variance))


def check_events(events: float, patients: float | None = None, arm: str = "") -> None:
    """Raise ValueError, in words, where events are not above 0 or exceed the patients.

    >>> check_events(250, 231, "treated")
    Traceback (most recent call last):
    ValueError: The treated arm has more events (250) than patients (231): count each patient's first event only.
    """
    where = f"The {arm} arm" if arm else "The trial"
    if not (math.isfinite(events) and events > 0):
        raise ValueError(f"{where} needs a number of events above 0, found {events:g}.")
    if patients is not None and not patients >= events:
        raise ValueError(
            f"{where} has more events ({events:g}) than patients ({patients:g}): count each patient's first event only."
        )


def attenuated(effect: Effect, least: float = 0.0, most: float = 1.0) -> Effect:
    """The share φ of a log ratio, φ uniform and independent of it: mean and standard deviation of φ·ln ratio.

    E = (a + b)/2·μ, variance (a² + ab + b²)/3·(σ² + μ²) − E².  A product is not normal: random draws take φ and the
    log ratio apart; this is for tables.  Raises ValueError unless 0 ≤ least ≤ most ≤ 1.

    >>> attenuated(Effect(-0.3, 0.0)).log_ratio
    -0.15
    """
    if not 0 <= least <= most <= 1:
        raise ValueError(f"The share of an effect needs limits from 0 to 1, in order, found {least:g} to {most:g}.")
    mean = 0.5 * (least + most) * effect.log_ratio
    second_moment = (least**2 + least * most + most**2) / 3.0 * (effect.variance + effect.log_ratio**2)
    return Effect(mean, math.sqrt(max(second_moment - mean**2, 0.0)))


# Do the printed figures agree ------------------------------------------------------------------------------------


def asymmetry(ratio: float, low: float, high: float) -> float:
    """How far a ratio lies from the middle of its log interval, in half widths: 0 in the middle, ±1 at a limit.

    Positive where the middle lies above the ratio.  Raises ValueError where the interval does not hold the ratio.

    >>> asymmetry(2.0, 1.0, 4.0), asymmetry(1.0, 1.0, 4.0)
    (0.0, 1.0)
    """
    _check_interval("The ratio", ratio, low, high)
    return math.log(low * high / ratio**2) / math.log(high / low)


def doubts(
    ratio: float, low: float, high: float, p_value: float | None = None, decimals: int = 2, level: float = 0.95
) -> tuple[str, ...]:
    """What a reviewer would question in a printed ratio, beyond rounding to `decimals`; empty where all agrees.

    An interval is doubted where no unrounded figures make it symmetric on the log scale; a P value where its normal
    deviate is more than 0.3, and what rounding explains to first order, from that of ratio and interval.
    Raises ValueError as `asymmetry` does.

    >>> doubts(0.57, 0.46, 0.71), doubts(0.75, 0.62, 0.90, p_value=0.002)
    ((), ())
    >>> doubts(0.90, 0.72, 1.60)
    ('The interval 0.72 to 1.6 does not lie evenly around 0.9 on the log scale: its middle is 1.07.',)
    """
    effect, half = effect_from_interval(ratio, low, high, level), 0.5 * 10.0**-decimals
    lowest, middle, highest = (math.sqrt(max(low + s, 0.0) * (high + s)) for s in (-half, 0.0, half))
    found = []
    if ratio + half < lowest or ratio - half > highest:
        uneven = f"The interval {low:g} to {high:g} does not lie evenly around {ratio:g} on the log scale"
        found.append(f"{uneven}: its middle is {middle:.{decimals}f}.")
    if p_value is not None:
        z = abs(effect.log_ratio) / effect.standard_error
        rounding = half / ratio / effect.standard_error + z * half * (1 / low + 1 / high) / math.log(high / low)
        if abs(z - _deviate_of_p(p_value)) > P_VALUE_SLACK + rounding:
            given = f"{ratio:g} ({low:g} to {high:g})"
            found.append(f"P = {p_value:g} does not agree with {given}, which gives P = {effect.p_value:.2g}.")
    return tuple(found)


# Medians and shapes ----------------------------------------------------------------------------------------------


def median_from_interval(median: float, low: float, high: float | None = None, level: float = 0.95) -> Estimate:
    """A median and its confidence interval: se of ln median = (ln high − ln low)/(2z).

    Where the upper limit was not reached, the lower half alone: (ln median − ln low)/z.
    Raises ValueError where the interval does not hold the median, or has no width.
    Source: Parmar, Torri, Stewart 1998, by analogy.

    >>> round(median_from_interval(46.8, 39.6, 56.4).log_standard_error, 4)
    0.0902
    """
    _check_interval("The median", median, low, math.inf if high is None else high)
    if high is None and low == median:
        raise ValueError(f"The median {median:g} equals its lower limit, and the upper one is not given: no error.")
    width = math.log(high / low) if high is not None else 2.0 * math.log(median / low)
    return Estimate(median, width / (2.0 * _deviate(level)))


def median_from_events(median: float, events: float, shape: float = 1.0, patients: float | None = None) -> Estimate:
    """A median and the events behind it, for an exponential or a Weibull curve of known shape: se = 1/(k√d).

    T^k is exponential; its rate d/ΣT^k has a log of variance 1/d, and ln median = (ln ln 2 − ln rate)/k.  The shape
    counts as known, so this is less than a Kaplan–Meier median's interval gives.  Raises ValueError for no events or
    more events than patients.  Source: Collett 2015, Modelling Survival Data in Medical Research, ch. 5.

    >>> round(median_from_events(24.0, 248, shape=1.2).log_standard_error, 4)
    0.0529
    """
    _positive("The shape", shape)
    check_events(events, patients)
    return Estimate(median, 1.0 / (shape * math.sqrt(events)))


def ratio_of_medians(treated: Estimate, control: Estimate) -> Effect:
    """Ratio of two arms' medians: log errors add in squares, the arms being independent.

    >>> round(ratio_of_medians(Estimate(40.0, 0.03), Estimate(20.0, 0.04)).standard_error, 12)
    0.05
    """
    error = math.hypot(treated.log_standard_error, control.log_standard_error)
    return Effect(math.log(treated.value / control.value), error)


def shape_with_error(hazard_ratio: Effect, treated: Estimate, control: Estimate) -> Estimate:
    """Weibull shape from two medians and the hazard ratio of one data cut, k = −ln HR/ln(m₁/m₀), with its error.

    Var k = k²[(se ln HR/ln HR)² + (se ln(m₁/m₀)/ln(m₁/m₀))²], an upper bound: both logs come from the same patients,
    a lower hazard ratio goes with a larger ratio of medians, and this covariance, left out, makes k more certain.
    Raises ValueError where a ratio is 1, which identifies nothing, or where hazard ratio and medians disagree on who
    did better.  Source: the ratio of two estimates to first order (delta method).

    >>> months = Estimate(23.0, 0.05), Estimate(15.0, 0.05)
    >>> shape = shape_with_error(effect_from_interval(0.69, 0.58, 0.82), *months)
    >>> round(shape.value, 2), round(shape.standard_error, 2)
    (0.87, 0.25)
    """
    medians = ratio_of_medians(treated, control)
    if not hazard_ratio.log_ratio or not medians.log_ratio:
        raise ValueError("A hazard ratio or a ratio of medians of 1 identifies no shape: assume one, with an error.")
    shape = shape_from_medians(hazard_ratio.ratio, treated.value, control.value)
    if shape < 0:
        raise ValueError(
            f"The hazard ratio {hazard_ratio.ratio:g} and the medians {treated.value:g} and {control.value:g} "
            "disagree on which arm did better: they identify no shape."
        )
    relative = (effect.standard_error / effect.log_ratio for effect in (hazard_ratio, medians))
    return Estimate(shape, math.hypot(*relative))


def time_ratio(hazard_ratio: Effect, shape: Estimate) -> Effect:
    """Time ratio of two Weibull curves of one shape: ln TR = −ln HR/k.

    Variance (se ln HR/k)² + (ln HR/k)²·(se k/k)²: hazard ratio and shape from different sources.
    Source: Collett 2015, section 5.6.

    >>> round(time_ratio(Effect(math.log(0.5), 0.1), Estimate(1.0, 0.0)).ratio, 12)
    2.0
    """
    longer = -hazard_ratio.log_ratio / shape.value
    return Effect(longer, math.hypot(hazard_ratio.standard_error / shape.value, longer * shape.log_standard_error))


# Correlation -----------------------------------------------------------------------------------------------------


def baseline_correlation(events_control: float, events_treated: float) -> float:
    """Correlation of a trial's log baseline hazard with its log hazard ratio: −√(d₁/(d₀ + d₁)).

    d₀ are the control's events, d₁ the treated arm's.  ln HR = ln h₁ − ln h₀; the arms are independent, with
    variances 1/d₁ and 1/d₀.  So Cov(ln h₀, ln HR) = −1/d₀ and Var ln HR = 1/d₀ + 1/d₁.  A control's *median* or time
    scale falls as its hazard rises: its correlation with ln HR is the same with a plus.
    Raises ValueError for an arm without events.

    >>> round(baseline_correlation(100, 100), 4)
    -0.7071
    """
    check_events(events_control, arm="control")
    check_events(events_treated, arm="treated")
    return -math.sqrt(events_treated / (events_control + events_treated))


def trial_correlations(
    pfs_events: Sequence[float], os_events: Sequence[float], endpoint_correlation: float = ENDPOINT_CORRELATION
) -> Array:
    """Correlations (4, 4) of one trial's logs: baseline PFS hazard, PFS ratio, baseline OS hazard, OS ratio.

    Events are (control, treated).  Each arm's log hazards of PFS and OS have variances 1/d and a correlation within
    the arm such that the two log hazard ratios have `endpoint_correlation`; baselines then correlate with ratios as
    `baseline_correlation` says, and across endpoints as the same arms imply.  Built from the arms, so that it is a
    possible correlation matrix; 0 across endpoints but for the ratios would not be, from about 0.5 upwards.
    Raises ValueError for an arm without events and for a correlation that the events do not allow.

    >>> trial_correlations([100, 100], [50, 50]).round(3)
    array([[ 1.   , -0.707,  0.5  , -0.354],
           [-0.707,  1.   , -0.354,  0.5  ],
           [ 0.5  , -0.354,  1.   , -0.707],
           [-0.354,  0.5  , -0.707,  1.   ]])
    """
    for arm, events in zip(("control", "treated") * 2, (*pfs_events, *os_events), strict=True):
        check_events(events, arm=arm)
    pfs, overall = 1.0 / np.asarray(pfs_events, dtype=float), 1.0 / np.asarray(os_events, dtype=float)
    shared = np.sqrt(pfs * overall)
    within_arm = endpoint_correlation * math.sqrt(pfs.sum() * overall.sum()) / shared.sum()
    if not -1 < within_arm < 1:
        raise ValueError(f"These events allow no correlation of {endpoint_correlation:g} between the two ratios.")
    arms = np.block([[np.diag(pfs), np.diag(within_arm * shared)], [np.diag(within_arm * shared), np.diag(overall)]])
    logs = np.kron(np.eye(2), [[1.0, 0.0], [-1.0, 1.0]])  # (control, treated) to (baseline, ratio)
    covariance = logs @ arms @ logs.T
    errors = np.sqrt(np.diag(covariance))
    return np.asarray(covariance / np.outer(errors, errors))


def _positive(name: str, value: float) -> None:
    if not (math.isfinite(value) and value > 0):
        raise ValueError(f"{name} needs a number above 0, found {value:g}.")


def _check_error(error: float) -> None:
    if not 0 <= error < math.inf:
        raise ValueError(f"A standard error needs a finite number of 0 or above, found {error:g}.")


def _check_interval(name: str, value: float, low: float, high: float) -> None:
    _positive(name, value)
    _positive(f"{name}'s lower limit", low)
    if not low < high:
        raise ValueError(f"{name}'s limits need to be in order, found {low:g} to {high:g}.")
    if not low <= value <= high:
        raise ValueError(f"{name} {value:g} lies outside its own interval, {low:g} to {high:g}.")


def _deviate(level: float) -> float:
    """Φ⁻¹((1 + level)/2), 1.96 for 95 %."""
    if not 0 < level < 1:
        raise ValueError(f"A confidence level needs a number between 0 and 1, such as 0.95, found {level:g}.")
    return float(special.ndtri(0.5 + 0.5 * level))


def _deviate_of_p(p_value: float) -> float:
    if not 0 < p_value < 1:
        raise ValueError(f"A P value needs a number between 0 and 1, both excluded, found {p_value:g}.")
    return float(-special.ndtri(0.5 * p_value))


def _error_of_total_events(events: float, share_treated: float) -> float:
    check_events(events)
    if not 0 < share_treated < 1:
        raise ValueError(f"The share of patients randomised to treatment needs a number in (0, 1): {share_treated:g}.")
    return 1.0 / math.sqrt(events * share_treated * (1.0 - share_treated))

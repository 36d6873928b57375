"""What a publication prints, as estimates with errors: ratios, medians and shapes from intervals, P values and events.

Ratios and positive quantities are carried on the log scale, where their errors are nearly normal.
Sources: Parmar, Torri, Stewart 1998 (Stat Med 17:2815); Tierney, Stewart, Ghersi, Burdett, Sydes 2007 (Trials 8:16).
"""

import math
from dataclasses import dataclass

from scipy import special

from markov.survival.families import shape_from_medians

Z = float(special.ndtri(0.975))  # half a 95 % interval, in standard errors
P_VALUE_SLACK = 0.3
"""Standard errors by which a P value may stray from its interval: a log-rank or stratified test is not Wald's."""


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
        """Lower limit of the 95 % interval of the ratio, e^(log ratio − z·se).

        >>> round(Effect(math.log(0.5), 0.1).low, 3)
        0.411
        """
        return math.exp(self.log_ratio - Z * self.standard_error)

    @property
    def high(self) -> float:
        """Upper limit of the 95 % interval of the ratio."""
        return math.exp(self.log_ratio + Z * self.standard_error)

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


@dataclass(frozen=True)
class Estimate:
    """A positive quantity, such as a median or a curve's shape, with the standard error of its logarithm."""

    value: float
    log_standard_error: float

    def __post_init__(self) -> None:
        _positive("An estimate", self.value)
        _check_error(self.log_standard_error)

    def interval(self) -> tuple[float, float]:
        """95 % interval, symmetric on the log scale."""
        effect = Effect(math.log(self.value), self.log_standard_error)
        return effect.low, effect.high


# Ratios ----------------------------------------------------------------------------------------------------------


def effect_from_interval(ratio: float, low: float, high: float) -> Effect:
    """A ratio and its 95 % interval: se = (ln high − ln low)/(2z).

    The ratio printed is kept, not the middle of the interval: see `doubts`.  Raises ValueError where the interval
    does not hold the ratio.  Source: Parmar, Torri, Stewart 1998.

    >>> round(effect_from_interval(0.48, 0.36, 0.63).standard_error, 4)
    0.1428
    """
    _check_interval("The ratio", ratio, low, high)
    return Effect(math.log(ratio), math.log(high / low) / (2.0 * Z))


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


def effect_from_total_events(ratio: float, events: float) -> Effect:
    """A hazard ratio and the events of both arms together: se = 2/√d.

    For arms of equal size and near a ratio of 1, where it is the log-rank's variance; √(1/d₁ + 1/d₀) of arms with equal
    events.  Raises ValueError for no events.  Source: Tierney et al 2007, methods 5 to 9 of the appendix.

    >>> round(effect_from_total_events(0.49, 180).standard_error, 4)
    0.1491
    """
    _positive("The hazard ratio", ratio)
    _check_events(events)
    return Effect(math.log(ratio), 2.0 / math.sqrt(events))


def effect_from_p_value_and_events(p_value: float, events: float, favours_treated: bool) -> Effect:
    """A two-sided P value, the events of both arms and the side that fared better, without a ratio: |ln HR| = z·se.

    Raises ValueError as `effect_from_p_value` and `effect_from_total_events` do.  Source: Parmar, Torri, Stewart 1998.

    >>> round(effect_from_p_value_and_events(0.001, 180, favours_treated=True).ratio, 4)
    0.6123
    """
    error = effect_from_total_events(1.0, events).standard_error
    return Effect(_deviate_of_p(p_value) * (-error if favours_treated else error), error)


def effect_from_log_rank(observed_minus_expected: float, variance: float) -> Effect:
    """A log-rank test's O − E of the treated arm and its variance V: ln HR = (O − E)/V, se = 1/√V.

    Raises ValueError for a variance that is not above 0.  Source: Yusuf, Peto et al 1985 (Prog Cardiovasc Dis 27:335).

    >>> round(effect_from_log_rank(-18.5, 42.3).ratio, 4)
    0.6457
    """
    _positive("The variance of O − E", variance)
    return Effect(observed_minus_expected / variance, 1.0 / math.sqrt(variance))


# Do the printed figures agree ------------------------------------------------------------------------------------


def doubts(ratio: float, low: float, high: float, p_value: float | None = None) -> tuple[str, ...]:
    """What a reviewer would question in a printed ratio, beyond rounding to two decimals; empty where all agrees.

    An interval is doubted where no unrounded figures make it symmetric on the log scale; a P value where its normal
    deviate is more than 0.3, and what rounding explains to first order, from that of ratio and interval.
    Raises ValueError where the interval does not hold the ratio.

    >>> doubts(0.57, 0.46, 0.71), doubts(0.75, 0.62, 0.90, p_value=0.002)
    ((), ())
    >>> doubts(0.90, 0.72, 1.60)
    ('The interval 0.72 to 1.6 does not lie evenly around 0.9 on the log scale: its middle is 1.07.',)
    """
    effect, half = effect_from_interval(ratio, low, high), 0.005
    lowest, middle, highest = (math.sqrt(max(low + s, 0.0) * (high + s)) for s in (-half, 0.0, half))
    found = []
    if ratio + half < lowest or ratio - half > highest:
        uneven = f"The interval {low:g} to {high:g} does not lie evenly around {ratio:g} on the log scale"
        found.append(f"{uneven}: its middle is {middle:.2f}.")
    if p_value is not None:
        z = abs(effect.log_ratio) / effect.standard_error
        rounding = half / ratio / effect.standard_error + z * half * (1 / low + 1 / high) / math.log(high / low)
        if abs(z - _deviate_of_p(p_value)) > P_VALUE_SLACK + rounding:
            given = f"{ratio:g} ({low:g} to {high:g})"
            found.append(f"P = {p_value:g} does not agree with {given}, which gives P = {effect.p_value:.2g}.")
    return tuple(found)


# Medians and shapes ----------------------------------------------------------------------------------------------


def median_from_interval(median: float, low: float, high: float | None = None) -> Estimate:
    """A median and its 95 % interval: se of ln median = (ln high − ln low)/(2z).

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
    return Estimate(median, width / (2.0 * Z))


def median_from_events(median: float, events: float, shape: float = 1.0) -> Estimate:
    """A median and the events behind it, for an exponential or a Weibull curve of known shape: se = 1/(k√d).

    T^k is exponential; its rate d/ΣT^k has a log of variance 1/d, and ln median = (ln ln 2 − ln rate)/k.  The shape
    counts as known, so this is less than a Kaplan–Meier median's interval gives.  Raises ValueError for no events.
    Source: Collett 2015, Modelling Survival Data in Medical Research, ch. 5.

    >>> round(median_from_events(24.0, 248, shape=1.2).log_standard_error, 4)
    0.0529
    """
    _positive("The shape", shape)
    _check_events(events)
    return Estimate(median, 1.0 / (shape * math.sqrt(events)))


def shape_with_error(hazard_ratio: Effect, treated: Estimate, control: Estimate) -> Estimate:
    """Weibull shape from two medians and the hazard ratio of one data cut, k = −ln HR/ln(m₁/m₀), with its error.

    Var k = k²[(se ln HR/ln HR)² + (se ln(m₁/m₀)/ln(m₁/m₀))²], an upper bound: both logs come from the same patients,
    a lower hazard ratio goes with a larger ratio of medians, and this covariance, left out, makes k more certain.
    Raises ValueError where a ratio is 1, which identifies nothing, or where hazard ratio and medians disagree on who
    did better.  Source: the ratio of two estimates to first order (delta method).

    >>> months = Estimate(23.0, 0.05), Estimate(15.0, 0.05)
    >>> shape = shape_with_error(effect_from_interval(0.69, 0.58, 0.82), *months)
    >>> round(shape.value, 2), round(shape.log_standard_error, 2)
    (0.87, 0.29)
    """
    error = math.hypot(treated.log_standard_error, control.log_standard_error)  # the arms are independent
    medians = Effect(math.log(treated.value / control.value), error)
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


def _positive(name: str, value: float) -> None:
    if not (math.isfinite(value) and value > 0):
        raise ValueError(f"{name} needs a number above 0, found {value:g}.")


def _check_error(error: float) -> None:
    if not 0 <= error < math.inf:
        raise ValueError(f"A standard error needs a finite number of 0 or above, found {error:g}.")


def _check_events(events: float) -> None:
    if not (math.isfinite(events) and events > 0):
        raise ValueError(f"The trial needs a number of events above 0, found {events:g}.")


def _check_interval(name: str, value: float, low: float, high: float) -> None:
    _positive(name, value)
    _positive(f"{name}'s lower limit", low)
    if not low < high:
        raise ValueError(f"{name}'s limits need to be in order, found {low:g} to {high:g}.")
    if not low <= value <= high:
        raise ValueError(f"{name} {value:g} lies outside its own interval, {low:g} to {high:g}.")


def _deviate_of_p(p_value: float) -> float:
    if not 0 < p_value < 1:
        raise ValueError(f"A P value needs a number between 0 and 1, both excluded, found {p_value:g}.")
    return float(-special.ndtri(0.5 * p_value))

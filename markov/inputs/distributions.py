"""Sampling distributions: what a parameter's value, standard error and limits say about the values it may take.

m is the value, s the standard error; where s is empty it is (high − low) / 2z, z = 1.95996 (a 95 % interval):

| distribution       | rule                                                                                       |
|--------------------|--------------------------------------------------------------------------------------------|
| `normal`           | mean m, standard deviation s                                                               |
| `truncated_normal` | the same normal, meant to be cut off: m and s are those before the cut, so the mean moves    |
| `log_normal`       | with limits m is the median: mean of the log ln m, its sd (ln high − ln low) / 2z;           |
|                    | without them m is the mean: variance of the log v = ln(1 + s²/m²), mean of the log ln m − v/2 |
| `beta`             | mean m, sd s: n = m(1 − m)/s² − 1, α = nm, β = n(1 − m); impossible if s² ≥ m(1 − m)         |
| `dirichlet`        | shares of one group with means m: each alone is a beta of mean m; see `dirichlet.py`       |
| `gamma`            | mean m, sd s: shape m²/s², scale s²/m                                                      |
| `uniform`          | low to high; m only has to lie between them                                                |
| `triangular`       | low to high, mode m                                                                        |

A published ratio or median with its interval is the median of the log-normal, because its log is what is estimated
with a symmetric error. Log-normal, beta and gamma of a negative value, such as a decrement, are mirrored at 0.

Every distribution is conditioned on the hard limits of its quantity (a decrement at most 0, a proportion from 0 to 1):
p = F(lowest) + u·(F(highest) − F(lowest)), so that no draw is impossible, and none is moved or drawn again. A
distribution that loses more than 0.1 % to them is a warning, unless it is a truncated normal, which says so.

A value on the edge of what its distribution can be (a gamma with mean 0, a decrement of 0) is certain: no quantity
that cannot fall below 0 has mean 0 and varies. So is a value whose spread is 0. Both are warnings, and not sampled.

Source: Briggs, Claxton, Sculpher 2006, Decision Modelling for Health Economic Evaluation, ch. 4.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy.special import betainc, betaincinv, gammainc, gammaincinv, ndtr, ndtri

from markov.inputs.parameters import Parameter
from markov.inputs.problems import Problem
from markov.terms import Array, Distribution

Z = float(ndtri(0.975))
EDGE = 2.0**-53
"""Uniforms are kept in [2^-53, 1 − 2^-53]. At 0 and 1 a normal is infinite; 1 − 2^-53 is the last number below 1
(1 − 2^-54 rounds to 1), and the same distance from 0 leaves the two tails alike: a normal reaches ±8.2."""

LOST = 1e-3  # share of a distribution beyond the hard limits that goes without a word
NEGLIGIBLE = 1e-9  # standard error over value: no estimate is as precise, and squares of it stay numbers
DRIFT = 0.25  # distance of mean and value, in standard deviations, that goes without a word

LIMITED = (Distribution.UNIFORM, Distribution.TRIANGULAR)
NOT_NEGATIVE = (Distribution.LOG_NORMAL, Distribution.BETA, Distribution.GAMMA, Distribution.DIRICHLET)
SHARES = (Distribution.BETA, Distribution.DIRICHLET)


@dataclass(frozen=True)
class _Law:
    """A distribution: its inverse for an array of probabilities, and its cumulative probability at one point."""

    quantile: Callable[[Array], Array]
    cumulative: Callable[[float], float]


def inverse(parameter: Parameter) -> Callable[[Array], Array]:
    """The inverse distribution function: uniforms of any shape to values in the cell's own unit, of the same shape.

    It rises with u, mirrored distributions included. A parameter that is fixed or certain gives its value. Uniforms
    of exactly 0 or 1, which quasi-random designs contain, are taken as the nearest ones inside (see `EDGE`).

    Raises ValueError where the distribution is impossible; `distribution_problems` finds that before a run.

    >>> from dataclasses import replace
    >>> from markov.inputs.definitions.schema import match
    >>> ratio = Parameter("os.hazard_ratio.new", match("os.hazard_ratio.new")[0], 0.61, low=0.46, high=0.8)
    >>> inverse(replace(ratio, distribution="log_normal"))(np.array([0.025, 0.5, 0.975])).round(4).tolist()
    [0.4626, 0.61, 0.8044]
    """
    value = _value(parameter)
    if not parameter.is_sampled or is_certain(parameter):
        return lambda uniforms: np.full(np.shape(uniforms), value)
    impossible = next(_impossible(parameter, parameter.cell), None)
    if impossible is not None:
        raise ValueError(str(impossible))
    law = _law(parameter)
    lowest, highest = _hard_limits(parameter)
    below, within = law.cumulative(lowest), _share_within(law, parameter)

    def values(uniforms: Array) -> Array:
        chances: Array = np.clip(below + within * np.asarray(uniforms, dtype=np.float64), EDGE, 1.0 - EDGE)
        drawn: Array = np.clip(law.quantile(chances), lowest, highest)  # rounding may step over by the last digit
        return drawn

    return values


def interval(parameter: Parameter) -> tuple[float, float]:
    """The 2.5 and 97.5 % points of what is drawn, in the cell's unit: the bounds of one-way analysis.

    They come from the distribution, not from the limits in the workbook, which a standard error overrides.
    A parameter that is fixed or certain has its value at both ends.

    >>> from markov.inputs.definitions.schema import match
    >>> cost = Parameter("cost.event.death", match("cost.event.death")[0], 5294.0, se=1487.0, distribution="gamma")
    >>> [round(bound, 1) for bound in interval(cost)]
    [2792.7, 8581.9]
    """
    low, high = inverse(parameter)(np.array([0.025, 0.975]))
    return float(low), float(high)


def is_certain(parameter: Parameter) -> bool:
    """Whether the value leaves its distribution no room: no spread, or the edge of what the distribution can be.

    >>> from dataclasses import replace
    >>> from markov.inputs.definitions.schema import match
    >>> rate = Parameter("spm.rate.new", match("spm.rate.new")[0], 0.0, se=0.6, distribution="gamma")
    >>> is_certain(rate), is_certain(replace(rate, value=2.75))
    (True, False)
    """
    return _has_no_spread(parameter) or _is_on_edge(parameter)


def distribution_problems(parameter: Parameter, place: str) -> Iterator[Problem]:
    """Whether a sampled parameter has a distribution that exists, and one that says what was meant.

    An impossible one is an error; one that is certain, or cut off, or away from its value a warning. What is wrong
    with value, standard error or limits by themselves is found in `checks`, and is not repeated here.

    >>> from dataclasses import replace
    >>> from markov.inputs.definitions.schema import match
    >>> share = Parameter("treatment.share_starting.new", match("treatment.share_starting.new")[0], 0.5, se=0.6)
    >>> [str(p) for p in distribution_problems(replace(share, distribution="beta"), "a.xlsx, Events!C3")]
    ['a.xlsx, Events!C3: no beta distribution of treatment.share_starting.new has mean 0.5 and standard error 0.6,
    found "0.6". Lower the standard error below 0.5: it is not the standard deviation between patients.']
    """
    if not parameter.is_sampled or not _is_sound(parameter):
        return
    name, distribution = parameter.id, parameter.distribution
    if parameter.value is None:
        rule = f"{name} has a distribution but no value, and is not sampled"
        yield Problem(place, rule, remedy="Write its value, or choose fixed.", warning=True)
    elif is_certain(parameter):
        why = "has no spread" if _has_no_spread(parameter) else f"is on the edge of what its {distribution} can be"
        remedy = "Choose fixed, or change the value or its spread."
        yield Problem(place, f"{name} {why}, and is not sampled", f"{parameter.value:g}", remedy, warning=True)
    else:
        impossible = list(_impossible(parameter, place))
        yield from impossible or _doubtful(parameter, place)


def _is_sound(parameter: Parameter) -> bool:
    """Whether the rules for single values leave something to test: a known distribution and usable numbers."""
    low, high, se, value = parameter.low, parameter.high, parameter.se, parameter.value
    quantity = parameter.definition.quantity
    if parameter.distribution not in tuple(Distribution) or quantity is None:
        return False
    if value is not None and (isinstance(value, str) or not quantity.low <= value <= quantity.high):
        return False
    if any(number is not None and not math.isfinite(number) for number in (low, high, se)):
        return False
    if (low is not None and high is not None and low > high) or (se is not None and se < 0.0):
        return False
    return se is not None or (low is not None and high is not None)


def _impossible(parameter: Parameter, place: str) -> Iterator[Problem]:
    """Distributions that do not exist."""
    name, distribution, value, se = parameter.id, parameter.distribution, _value(parameter), _standard_error(parameter)
    limits = None if parameter.low is None or parameter.high is None else (parameter.low, parameter.high)
    if distribution in LIMITED and limits is None:
        rule = f"{name} has a {distribution} distribution but not both limits"
        yield Problem(place, rule, remedy="Give low and high, or choose a distribution that takes a standard error.")
    elif distribution in LIMITED and limits is not None and not limits[0] <= value <= limits[1]:
        rule = f"the value of {name} lies outside its {distribution} distribution"
        found = f"{value:g} outside {limits[0]:g} to {limits[1]:g}"
        yield Problem(place, rule, found, "Mend the limits, or choose another distribution.")
    elif distribution == Distribution.LOG_NORMAL and limits is not None and min(_outward(parameter)) <= 0.0:
        rule = f"the limits of {name} must lie on the same side of 0 as its value under a log-normal distribution"
        yield Problem(place, rule, f"{limits[0]:g} to {limits[1]:g}", "Mend them, or clear them and give the error.")
    elif distribution in SHARES and abs(value) > 1.0:
        rule = f"{name} cannot have a {distribution} distribution, which lies between 0 and 1"
        yield Problem(place, rule, f"{value:g}", "Choose gamma, log_normal or truncated_normal.")
    elif distribution in SHARES and se**2 >= abs(value) * (1.0 - abs(value)):
        most = math.sqrt(abs(value) * (1.0 - abs(value)))
        rule = f"no {distribution} distribution of {name} has mean {value:g} and standard error {se:g}"
        remedy = f"Lower the standard error below {most:.4g}: it is not the standard deviation between patients."
        yield Problem(place, rule, f"{se:g}", remedy)


def _doubtful(parameter: Parameter, place: str) -> Iterator[Problem]:
    """Distributions that exist, but may not be what was meant."""
    name, distribution, value = parameter.id, parameter.distribution, _value(parameter)
    lost = 1.0 - _share_within(_law(parameter), parameter)
    if lost > LOST and distribution != Distribution.TRUNCATED_NORMAL:
        rule = f"{lost:.1%} of the {distribution} distribution of {name} is beyond what it can be, and is never drawn"
        remedy = "Choose truncated_normal, which says so, or a distribution that ends there (gamma, beta)."
        yield Problem(place, rule, remedy=remedy, warning=True)
    drawn = inverse(parameter)(np.linspace(0.0005, 0.9995, 1000))
    if abs(float(np.mean(drawn)) - value) > DRIFT * float(np.std(drawn)):
        rule = f"the {distribution} distribution of {name} has mean {np.mean(drawn):.4g}, away from its value"
        remedy = "Means of probabilistic analysis will be off the base case: check value, limits and distribution."
        yield Problem(place, rule, f"{value:g}", remedy, warning=True)


# ------------------------------------------------------------------------------------------------- ingredients


def _value(parameter: Parameter) -> float:
    if not isinstance(parameter.value, (int, float)):
        raise ValueError(f"{parameter.id} has no number")
    return float(parameter.value)


def _standard_error(parameter: Parameter) -> float:
    """The standard error, or that of a normal with these limits; 0 without either."""
    if parameter.se is not None:
        return parameter.se
    if parameter.low is None or parameter.high is None:
        return 0.0
    return (parameter.high - parameter.low) / (2.0 * Z)


def _has_no_spread(parameter: Parameter) -> bool:
    low, high, value = parameter.low, parameter.high, _value(parameter)
    if parameter.distribution in LIMITED:
        return low == high == value
    if parameter.distribution == Distribution.LOG_NORMAL and low is not None and high is not None:
        return low == high
    return _standard_error(parameter) <= NEGLIGIBLE * abs(value)


def _is_on_edge(parameter: Parameter) -> bool:
    quantity, value = parameter.definition.quantity, _value(parameter)
    if parameter.distribution in LIMITED or quantity is None:
        return False
    if parameter.distribution in NOT_NEGATIVE and value == 0.0:
        return True
    if parameter.distribution in SHARES and abs(value) == 1.0:
        return True
    return value in (quantity.low, quantity.high)


def _hard_limits(parameter: Parameter) -> tuple[float, float]:
    """The lowest and the highest value that the parameter can be, in the cell's own unit."""
    quantity = parameter.definition.quantity
    if quantity is None:
        return -math.inf, math.inf
    lowest = math.nextafter(quantity.low, math.inf) if quantity.low_excluded else quantity.low
    return lowest, quantity.high


def _share_within(law: _Law, parameter: Parameter) -> float:
    """F(highest) − F(lowest): how much of the distribution is possible."""
    lowest, highest = _hard_limits(parameter)
    return law.cumulative(highest) - law.cumulative(lowest)


def _outward(parameter: Parameter) -> tuple[float, float]:
    """Both limits of a parameter that has them, mirrored where the value is negative, the lower one first."""
    assert parameter.low is not None and parameter.high is not None, parameter.id
    return (parameter.low, parameter.high) if _value(parameter) > 0.0 else (-parameter.high, -parameter.low)


# ---------------------------------------------------------------------------------------------------- families


def _law(parameter: Parameter) -> _Law:
    """The distribution before it is conditioned on hard limits."""
    value, se = _value(parameter), _standard_error(parameter)
    if parameter.distribution in LIMITED:
        low, high = parameter.low, parameter.high
        assert low is not None and high is not None, parameter.id
        return _uniform(low, high) if parameter.distribution == Distribution.UNIFORM else _triangular(low, value, high)
    if parameter.distribution in (Distribution.NORMAL, Distribution.TRUNCATED_NORMAL):
        return _normal(value, se)
    if parameter.distribution == Distribution.LOG_NORMAL:
        law = _log_normal(*_log_moments(parameter))
    elif parameter.distribution in SHARES:
        law = _beta(abs(value), se)
    else:
        law = _gamma(abs(value), se)
    return law if value > 0.0 else _mirrored(law)


def _log_moments(parameter: Parameter) -> tuple[float, float]:
    """Mean and standard deviation of the log: from the limits, the value the median, or by moments, the value the mean.

    From the limits: ln m and (ln high − ln low) / 2z. By moments: ln m − v/2 and √v, v = ln(1 + s²/m²).
    """
    size = abs(_value(parameter))
    if parameter.low is not None and parameter.high is not None:
        low, high = _outward(parameter)
        return math.log(size), math.log(high / low) / (2.0 * Z)
    variance = math.log1p((_standard_error(parameter) / size) ** 2)
    return math.log(size) - variance / 2.0, math.sqrt(variance)


def _normal(mean: float, sd: float) -> _Law:
    return _Law(lambda p: mean + sd * ndtri(p), lambda x: float(ndtr((x - mean) / sd)))


def _log_normal(mean_log: float, sd_log: float) -> _Law:
    def cumulative(x: float) -> float:
        return float(ndtr((math.log(x) - mean_log) / sd_log)) if x > 0.0 else 0.0

    return _Law(lambda p: np.exp(mean_log + sd_log * ndtri(p)), cumulative)


def _beta(mean: float, sd: float) -> _Law:
    size = mean * (1.0 - mean) / sd**2 - 1.0
    a, b = size * mean, size * (1.0 - mean)
    return _Law(lambda p: np.asarray(betaincinv(a, b, p)), lambda x: float(betainc(a, b, min(max(x, 0.0), 1.0))))


def _gamma(mean: float, sd: float) -> _Law:
    shape, scale = (mean / sd) ** 2, sd**2 / mean

    def cumulative(x: float) -> float:
        return float(gammainc(shape, max(x, 0.0) / scale))

    return _Law(lambda p: np.asarray(scale * gammaincinv(shape, p)), cumulative)


def _uniform(low: float, high: float) -> _Law:
    return _Law(lambda p: low + (high - low) * p, lambda x: min(max((x - low) / (high - low), 0.0), 1.0))


def _triangular(low: float, mode: float, high: float) -> _Law:
    width, rise, fall = high - low, mode - low, high - mode

    def quantile(p: Array) -> Array:
        return np.where(p * width < rise, low + np.sqrt(p * width * rise), high - np.sqrt((1.0 - p) * width * fall))

    def cumulative(x: float) -> float:
        if x <= low or x >= high:
            return float(x >= high)
        return (x - low) ** 2 / (width * rise) if x < mode else 1.0 - (high - x) ** 2 / (width * fall)

    return _Law(quantile, cumulative)


def _mirrored(law: _Law) -> _Law:
    """The distribution of −X: it still rises with its probability, so that groups move together upwards."""
    return _Law(lambda p: -law.quantile(1.0 - p), lambda x: 1.0 - law.cumulative(-x))

"""Rules for how uncertain a value is said to be: its standard error, its limits and its distribution."""

import math
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache

from markov.inputs.definitions.schema import match
from markov.inputs.distributions import LIMITED, Z, distribution_problems
from markov.inputs.parameters import Parameter, Value
from markov.inputs.problems import Problem
from markov.terms import Distribution

Found = Iterator[Problem]

FEWEST, FEWEST_FOR_UTILITY = 4.0, 10.0  # patients: no share or utility is estimated from fewer
TIMES = 3.0  # a standard deviation is √n standard errors: 3 are 9 patients
PLAIN_SHAPES = (Distribution.GAMMA, Distribution.LOG_NORMAL, Distribution.NORMAL)
SMALLEST = 1e-300  # a divisor that is not zero


def spread_problems(parameter: Parameter, place: str) -> Found:
    """Rules for a row's standard error, limits and distribution.

    >>> from markov.inputs.definitions.schema import match
    >>> cost = Parameter("cost.event.death", match("cost.event.death")[0], 8000.0, se=9000.0, distribution="gamma")
    >>> [str(problem)[:81] for problem in spread_problems(cost, "a.xlsx, Costs!C3")]
    ['a.xlsx, Costs!C3: the standard error of cost.event.death is as large as its value']
    """
    yield from _distribution(parameter, place)
    yield from _limits(parameter, place)
    yield from _outside(parameter, place)
    yield from _like_a_deviation(parameter, place)
    yield from _shape_problems(parameter, place)


def _shape_problems(parameter: Parameter, place: str) -> Found:
    """Whether the distribution exists and says what was meant; known already for a row that did not change."""
    key = (parameter.id, parameter.value, parameter.se, parameter.low, parameter.high, parameter.distribution)
    return (replace(problem, place=place) for problem in _of_shape(*key))


@lru_cache(maxsize=4096)
def _of_shape(
    identifier: str, value: Value, se: float | None, low: float | None, high: float | None, distribution: str
) -> tuple[Problem, ...]:
    """The same for one set of numbers: it takes a thousand quantiles, and scenarios ask for it again and again."""
    found = match(identifier)
    if found is None:
        return ()
    parameter = Parameter(identifier, found[0], value, se=se, low=low, high=high, distribution=distribution)
    return tuple(distribution_problems(parameter, ""))


def _distribution(parameter: Parameter, place: str) -> Found:
    """A known distribution, with what it needs; and nothing that waits for a distribution."""
    name, se, low, high = parameter.id, parameter.se, parameter.low, parameter.high
    if parameter.distribution not in tuple(Distribution):
        remedy = f"Choose one of: {', '.join(Distribution)}."
        yield Problem(place, f"{name} has an unknown distribution", parameter.distribution, remedy)
    if se is not None and se < 0:
        yield Problem(place, f"the standard error of {name} is below 0", f"{se:g}", "Mend it.")
    one_limit = (low is None) != (high is None)
    if parameter.definition.is_method:
        return
    if parameter.is_sampled and se is None and (low is None or high is None):
        rule = f"{name} has a distribution but neither a standard error nor limits"
        yield Problem(place, rule, remedy="Give a standard error, or both limits.")
    elif parameter.is_sampled:
        return
    elif se:
        yield Problem(place, f"{name} has a standard error but no distribution", remedy="Choose one.", warning=True)
    elif one_limit:
        rule = f"{name} has one limit and no distribution, so that nothing uses it"
        yield Problem(place, rule, remedy="Give both limits, or a distribution.", warning=True)


def _limits(parameter: Parameter, place: str) -> Found:
    """Limits in their order, and within what the quantity can be."""
    name, low, high, quantity = parameter.id, parameter.low, parameter.high, parameter.definition.quantity
    if low is not None and high is not None and low > high:
        yield Problem(place, f"the low limit of {name} is above the high one", f"{low:g} > {high:g}", "Swap them.")
    if quantity is None:
        return
    for limit, which in ((low, "low"), (high, "high")):
        if limit is None or quantity.low <= limit <= quantity.high:
            continue
        if quantity.high == 1.0 and 1.0 < limit <= 100.0:
            remedy = f"Write {limit / 100:g}, or {limit:g} % in a percent cell."
            yield Problem(place, f"the {which} limit of {name} must be at most 1", f"{limit:g}", remedy)
        else:
            rule = f"the {which} limit of {name} is beyond what {name} can be"
            remedy = f"It lies between {quantity.low:g} and {quantity.high:g}."
            yield Problem(place, rule, f"{limit:g}", remedy, warning=True)


def _outside(parameter: Parameter, place: str) -> Found:
    """A value outside its interval: an error as the workbook was built, a warning where the value was changed."""
    value, low, high = parameter.value, parameter.low, parameter.high
    if not isinstance(value, (int, float)) or (low is not None and high is not None and low > high):
        return
    slack = 1e-9 * abs(value)
    below, above = low is not None and value < low - slack, high is not None and value > high + slack
    if (below or above) and not (parameter.is_sampled and parameter.distribution in LIMITED):
        found = f"{value:g} outside {'…' if low is None else f'{low:g}'} to {'…' if high is None else f'{high:g}'}"
        is_base = parameter.base_case == value
        remedy = "Mend the value or its limits." if is_base else "Check all three: limits belong to the base case."
        rule = f"the value of {parameter.id} is outside its interval"
        yield Problem(place, rule, found, remedy, warning=not is_base)


def _like_a_deviation(parameter: Parameter, place: str) -> Found:
    """A standard error as large as the standard deviation between patients would be."""
    value, se = parameter.value, parameter.se
    if not parameter.is_sampled or not isinstance(value, (int, float)) or not se or se < 0 or not value:
        return
    remedy = "Write the standard error: the standard deviation divided by the root of the number of patients."
    few, implied = _too_few(parameter, abs(value), se), _of_limits(parameter)
    if few:
        rule = f"the standard error of {parameter.id} is that of a figure from {few:.1f} patients"
        yield Problem(place, rule, f"{se:g}", remedy, warning=True)
    elif _has_a_sign(parameter) and parameter.distribution in PLAIN_SHAPES and se >= abs(value):
        rule = f"the standard error of {parameter.id} is as large as its value"
        yield Problem(place, rule, f"{se:g}", remedy, warning=True)
    elif implied and se > TIMES * implied:
        rule = f"the standard error of {parameter.id} is {se / implied:.1f} times what its limits say"
        yield Problem(place, rule, f"{se:g}", remedy, warning=True)


def _too_few(parameter: Parameter, size: float, se: float) -> float | None:
    """Patients that a share or utility would come from, n = m(1 − m)/s², where they are too few to be true.

    A variable between 0 and 1 with mean m has at most the variance m(1 − m).
    """
    quantity = parameter.definition.quantity
    if quantity is None or quantity.high != 1.0 or size >= 1.0:
        return None
    patients = size * (1.0 - size) / max(se**2, SMALLEST)
    fewest = FEWEST_FOR_UTILITY if parameter.id.startswith("utility.") else FEWEST
    return patients if 1.0 < patients < fewest else None


def _has_a_sign(parameter: Parameter) -> bool:
    quantity = parameter.definition.quantity
    return quantity is not None and (quantity.low >= 0.0 or quantity.high <= 0.0)


def _of_limits(parameter: Parameter) -> float | None:
    """The standard error that a 95 % interval implies; for log-normals without a sign change, on the log scale."""
    low, high, value = parameter.low, parameter.high, parameter.value
    if low is None or high is None or low >= high or not isinstance(value, (int, float)):
        return None
    if parameter.distribution == Distribution.LOG_NORMAL and low * high > 0.0:
        return abs(value) * abs(math.log(high / low)) / (2.0 * Z)
    return (high - low) / (2.0 * Z)

"""Rules for a single value, one small function each: what one cell may hold, whatever the others say."""

import difflib
import itertools
import math
from collections.abc import Iterator, Sequence

from markov.inputs.distributions import distribution_problems
from markov.inputs.parameters import Inputs, Parameter, Value
from markov.inputs.problems import Problem
from markov.inputs.schema import DEFINITIONS, Definition, Sheet, units_of
from markov.terms import Distribution, Status

Found = Iterator[Problem]


def place_of(inputs: Inputs, cell: str) -> str:
    """A cell with the workbook's name before it."""
    return f"{inputs.name}, {cell}" if cell else inputs.name


def suggestion(identifier: str) -> str:
    """The nearest id that the schema knows, as a remedy; names in the place of braces are kept.

    >>> suggestion("pfs.shap.new_drug")
    'Did you mean pfs.shape.new_drug?'
    """
    parts = identifier.split(".")
    patterns = [d.pattern.split(".") for d in DEFINITIONS if d.pattern.count(".") == len(parts) - 1]
    known = [".".join(b if a[0] == "{" else a for a, b in zip(p, parts, strict=True)) for p in patterns]
    near = difflib.get_close_matches(identifier, known, n=1, cutoff=0.6)
    return f"Did you mean {near[0]}?" if near else "See the reference of ids."


def parameter_problems(inputs: Inputs, parameter: Parameter) -> Found:
    """Rules for one row."""
    place = place_of(inputs, parameter.cell)
    yield from value_problems(parameter.definition, parameter.id, parameter.value, place)
    definition = parameter.definition
    if definition.quantity is not None:
        yield from _unit(inputs, parameter, place)
        yield from _spread(parameter, place)
    if definition.is_method and parameter.is_sampled:
        remedy = "Choose fixed, and vary it in a scenario."
        yield Problem(place, f"{parameter.id} is a choice of method, never sampled", parameter.distribution, remedy)
    if parameter.status and parameter.status not in tuple(Status):
        yield Problem(place, f"status of {parameter.id} is not one of the evidence statuses", parameter.status)
    if not definition.is_method and parameter.value is not None and definition.sheet is not Sheet.STRATEGIES:
        if not parameter.source:
            yield Problem(place, f"{parameter.id} has no source", remedy="Name author, journal, year.", warning=True)
        if not parameter.status:
            yield Problem(place, f"{parameter.id} has no evidence status", remedy="Choose one.", warning=True)


def value_problems(definition: Definition, identifier: str, value: Value, place: str) -> Found:
    """Whether a value is one that its parameter can have.

    >>> from markov.inputs.schema import match
    >>> definition, _ = match("utility.maintenance")
    >>> [str(p) for p in value_problems(definition, "utility.maintenance", 72.0, "a.xlsx, Utilities!C3")]
    ['a.xlsx, Utilities!C3: utility.maintenance must be at most 1, found "72". Write 0.72, or 72 % in a percent cell.']
    """
    if value is None:
        return
    if definition.choices:
        if value not in definition.choices:
            options = ", ".join(definition.choices)
            yield Problem(place, f"{identifier} is not one of its choices", value, f"Choose one of: {options}.")
        return
    quantity = definition.quantity
    if quantity is None:
        yield from _special_text(identifier, str(value), place)
        return
    if not isinstance(value, (int, float)) or not math.isfinite(value):
        yield Problem(place, f"{identifier} needs a number", value, "Write a number.")
        return
    if value < quantity.low or (quantity.low_excluded and value <= quantity.low):
        words = "above" if quantity.low_excluded else "at least"
        yield Problem(place, f"{identifier} must be {words} {quantity.low:g}", f"{value:g}", "Mend the value.")
    elif value > quantity.high:
        percent = quantity.high == 1.0 and value <= 100.0
        remedy = (
            f"Write {value / 100:g}, or {value:g} % in a percent cell." if percent else "Mend the value or its unit."
        )
        yield Problem(place, f"{identifier} must be at most {quantity.high:g}", f"{value:g}", remedy)
    elif not quantity.usual_low <= value <= quantity.usual_high:
        usual = f"usually lies between {quantity.usual_low:g} and {quantity.usual_high:g}"
        yield Problem(place, f"{identifier} {usual}", f"{value:g}", "Check value and unit.", warning=True)


def _special_text(identifier: str, value: str, place: str) -> Found:
    if identifier == "settings.currency" and not (len(value) == 3 and value.isalpha() and value.isupper()):
        yield Problem(place, "a currency is a three-letter code", value, "Write GBP, EUR, USD or another code.")
    if identifier == "settings.thresholds" or ".knots." in identifier:
        try:
            numbers = [float(part) for part in value.replace(",", "").split(";")]
        except ValueError:
            yield Problem(place, f"{identifier} is a list of numbers", value, 'Separate them by ";".')
        else:
            if numbers != sorted(set(numbers)) or min(numbers) < 0:
                yield Problem(place, f"{identifier} needs rising numbers, none below 0", value, "Put them in order.")


def _unit(inputs: Inputs, parameter: Parameter, place: str) -> Found:
    accepted = units_of(parameter.definition, inputs.currency)
    if parameter.value is not None and parameter.unit not in accepted:
        remedy = f"Write one of: {', '.join(accepted)}."
        yield Problem(place, f"{parameter.id} has an unknown unit", parameter.unit, remedy)


def _spread(parameter: Parameter, place: str) -> Found:
    value, low, high, se = parameter.value, parameter.low, parameter.high, parameter.se
    name = parameter.id
    if parameter.distribution not in tuple(Distribution):
        remedy = f"Choose one of: {', '.join(Distribution)}."
        yield Problem(place, f"{name} has an unknown distribution", parameter.distribution, remedy)
    if se is not None and se < 0:
        yield Problem(place, f"the standard error of {name} is below 0", f"{se:g}", "Mend it.")
    if low is not None and high is not None and low > high:
        yield Problem(place, f"the low limit of {name} is above the high one", f"{low:g} > {high:g}", "Swap them.")
    elif isinstance(value, float) and (
        (low is not None and value < low - 1e-12) or (high is not None and value > high + 1e-12)
    ):
        limits = f"{value:g} outside {low if low is not None else '…'} to {high if high is not None else '…'}"
        yield Problem(place, f"the value of {name} is outside its interval", limits, "Check all three.", warning=True)
    sampled = parameter.is_sampled
    if sampled and se is None and (low is None or high is None):
        yield Problem(place, f"{name} has a distribution but neither a standard error nor limits", remedy="Give one.")
    if not sampled and not parameter.definition.is_method and se:
        yield Problem(place, f"{name} has a standard error but no distribution", remedy="Choose one.", warning=True)
    yield from distribution_problems(parameter, place)


def sex_table_problems(
    sheet: Sheet, place: str, ages: Sequence[float], male: Sequence[float], female: Sequence[float]
) -> Found:
    """A table by age has every whole year, and values between 0 and 1 (below 1 for mortality)."""
    if not ages:
        yield Problem(place, f"{sheet} has no rows", remedy="Copy the table of a shipped workbook.")
        return
    if any(b - a != 1.0 for a, b in itertools.pairwise(ages)):
        gap = next(f"{a:g} then {b:g}" for a, b in itertools.pairwise(ages) if b - a != 1.0)
        yield Problem(place, f"{sheet} needs every whole year of age, in order", gap, "Fill the gap.")
    top = 1.0 if sheet is Sheet.POPULATION_UTILITY else 1.0 - 1e-12
    for age, *values in zip(ages, male, female, strict=True):
        for value in values:
            if not 0.0 <= value <= top and not math.isnan(value):
                yield Problem(place, f"{sheet} at age {age:g} must lie between 0 and 1", f"{value:g}", "Mend it.")

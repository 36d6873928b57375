"""Rules for a single value, one small function each: what one cell may hold, whatever the others say."""

import difflib
import math
import re
from collections.abc import Iterator, Sequence

from markov.inputs.definitions.quantities import SEED, WHOLE_YEAR
from markov.inputs.definitions.schema import DEFINITIONS, Definition, Quantity, Sheet, units_of
from markov.inputs.parameters import Inputs, Parameter, Value
from markov.inputs.problems import Problem
from markov.inputs.rules.spread import spread_problems
from markov.terms import Status

Found = Iterator[Problem]

WHOLE = (WHOLE_YEAR, SEED)
PLAIN = re.compile(r"\d+(\.\d+)?([eE][-+]?\d+)?")
THRESHOLD = re.compile(r"\d+(\.\d+)?|\d{1,3}(,\d{3})+")
SMALL_THRESHOLD = 1000.0

CURRENCIES = (
    "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF "
    "CHF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD "
    "HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD "
    "MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN "
    "PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY "
    "TTD TWD TZS UAH UGX USD UYU UZS VED VES VND VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG"
)
"""Codes of ISO 4217 in use, funds and metals left out."""
SOLVED = ("toxicity.proportion.{strategy}", "toxicity.observed_proportion.{strategy}", "spm.proportion.{strategy}")
"""Proportions from which a rate is solved."""


def is_currency(code: str) -> bool:
    """Whether a text is the code of a currency in use.

    >>> is_currency("GBP"), is_currency("GPB"), is_currency("gbp")
    (True, False, False)
    """
    return len(code) == 3 and " " not in code and code in CURRENCIES


def place_of(inputs: Inputs, cell: str) -> str:
    """A cell with the workbook's name before it."""
    return f"{inputs.name}, {cell}" if cell else inputs.name


def where(inputs: Inputs, *identifiers: str) -> str:
    """The cell of the first of these parameters that has a row, with the workbook's name before it."""
    rows = (inputs.parameters.get(identifier) for identifier in identifiers)
    return place_of(inputs, next((row.cell for row in rows if row is not None and row.cell), ""))


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
        yield from _price_year(parameter, place)
        yield from spread_problems(parameter, place)
    yield from _emptied(parameter, place)
    if definition.is_method and parameter.is_sampled:
        remedy = "Choose fixed, and vary it in a scenario."
        yield Problem(place, f"{parameter.id} is a choice of method, never sampled", parameter.distribution, remedy)
    if parameter.status and parameter.status not in tuple(Status):
        rule = f"status of {parameter.id} is not one of the evidence statuses"
        yield Problem(place, rule, parameter.status, choose(parameter.status, tuple(Status)))
    if not definition.is_method and parameter.value is not None and definition.sheet is not Sheet.STRATEGIES:
        if not parameter.source:
            yield Problem(place, f"{parameter.id} has no source", remedy="Name author, journal, year.", warning=True)
        if not parameter.status:
            yield Problem(place, f"{parameter.id} has no evidence status", remedy="Choose one.", warning=True)


def value_problems(definition: Definition, identifier: str, value: Value, place: str) -> Found:
    """Whether a value is one that its parameter can have.

    >>> from markov.inputs.definitions.schema import match
    >>> definition, _ = match("utility.maintenance")
    >>> [str(p) for p in value_problems(definition, "utility.maintenance", 72.0, "a.xlsx, Utilities!C3")]
    ['a.xlsx, Utilities!C3: utility.maintenance must be at most 1, found "72". Write 0.72, or 72 % in a percent cell.']
    """
    if value is None:
        return
    if definition.choices:
        if value not in definition.choices:
            yield Problem(
                place, f"{identifier} is not one of its choices", value, choose(str(value), definition.choices)
            )
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
    elif value == 1.0 and definition.pattern in SOLVED:
        remedy = "Write the proportion of the source: no rate makes it everybody while some leave otherwise first."
        yield Problem(place, f"{identifier} must be below 1", f"{value:g}", remedy)
    elif quantity in WHOLE and value != round(value):
        yield Problem(place, f"{identifier} is a whole number", f"{value:g}", "Round it.")
    elif not quantity.usual_low <= value <= quantity.usual_high:
        usual = f"usually lies between {quantity.usual_low:g} and {quantity.usual_high:g}"
        yield Problem(place, f"{identifier} {usual}", f"{value:g}", "Check value and unit.", warning=True)


def choose(value: str, options: Sequence[str]) -> str:
    """The remedy for a word that is none of those allowed.

    >>> choose("Weibull", ["weibull", "gompertz"])
    'Did you mean weibull? Choose one of: weibull, gompertz.'
    """
    near = difflib.get_close_matches("_".join(value.lower().split()), options, n=1, cutoff=0.75)
    meant = f"Did you mean {near[0]}? " if near else ""
    return f"{meant}Choose one of: {', '.join(options)}."


def _special_text(identifier: str, value: str, place: str) -> Found:
    """Texts with a form of their own: a currency, thresholds, knots."""
    if identifier == "settings.currency" and not is_currency(value):
        rule = "a currency is a three-letter code of ISO 4217"
        yield Problem(place, rule, value, "Write GBP, EUR, USD or another code.")
    if identifier == "settings.thresholds":
        yield from _thresholds(identifier, value, place)
    if ".knots." in identifier:
        yield from _knots(identifier, value, place)


def _thresholds(identifier: str, value: str, place: str) -> Found:
    found = list(_list_problems(identifier, value, place, THRESHOLD))
    yield from found
    if not found and any(0.0 < float(part.replace(",", "")) < SMALL_THRESHOLD for part in _numbers(value)):
        rule = f"a threshold is usually above {SMALL_THRESHOLD:g} per QALY"
        remedy = "Write 25000 for 25 thousand: the decimal sign is a point."
        yield Problem(place, rule, value, remedy, warning=True)


def _knots(identifier: str, value: str, place: str) -> Found:
    found = list(_list_problems(identifier, value, place, PLAIN))
    yield from found
    if not found and float(_numbers(value)[0]) == 0.0:
        rule = f"{identifier} needs numbers above 0: splines run over the log of time"
        yield Problem(place, rule, value, "Move the first knot up.")


def _list_problems(identifier: str, value: str, place: str, form: "re.Pattern[str]") -> Found:
    parts = _numbers(value)
    if not all(form.fullmatch(part) for part in parts):
        remedy = 'Separate them by ";", with a point as the decimal sign.'
        yield Problem(place, f"{identifier} is a list of numbers", value, remedy)
        return
    numbers = [float(part.replace(",", "")) for part in parts]
    if numbers != sorted(set(numbers)):
        yield Problem(place, f"{identifier} needs rising numbers, none below 0", value, "Put them in order.")


def _numbers(value: str) -> list[str]:
    return [part.strip() for part in value.split(";")]


def _unit(inputs: Inputs, parameter: Parameter, place: str) -> Found:
    """A unit that the quantity has; amounts of an unknown currency are not told again."""
    accepted = units_of(parameter.definition, inputs.currency)
    money = any("{currency}" in unit for unit in (parameter.definition.quantity or Quantity({})).units)
    if parameter.value is not None and parameter.unit not in accepted and (is_currency(inputs.currency) or not money):
        remedy = f"Write one of: {', '.join(accepted)}."
        yield Problem(place, f"{parameter.id} has an unknown unit", parameter.unit, remedy)


def _price_year(parameter: Parameter, place: str) -> Found:
    year = parameter.price_year
    if year is not None and (year != round(year) or not WHOLE_YEAR.low <= year <= WHOLE_YEAR.high):
        rule = f"the price year of {parameter.id} is a year from {WHOLE_YEAR.low:g} to {WHOLE_YEAR.high:g}"
        yield Problem(place, rule, f"{year:g}", "Mend it, or clear it for the report's own price year.")


def _emptied(parameter: Parameter, place: str) -> Found:
    """A value that the workbook was built with, and that is empty now."""
    if parameter.value is None and parameter.base_case not in (None, ""):
        default = parameter.definition.default
        instead = "nothing is used instead" if default in (None, "") else f"{default} is used instead"
        rule = f"{parameter.id} is empty, and {instead}"
        base = parameter.base_case
        remedy = (
            f"Write {base:g} again, unless that is meant." if isinstance(base, float) else f"Its base case is {base}."
        )
        yield Problem(place, rule, remedy=remedy, warning=True)

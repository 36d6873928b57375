"""Values from Python or from the command line: refused as the cells of a workbook are, by the same rules."""

import difflib
from collections.abc import Collection, Iterator, Mapping, Sequence
from numbers import Real
from typing import Any, Protocol

import numpy as np

from markov.inputs.cells import RawCell, number
from markov.inputs.definitions.schema import DEFINITIONS, Definition, Quantity, ids_of, match
from markov.inputs.parameters import Inputs, Trusted, Value, changed_inputs
from markov.inputs.problems import Problem, raise_errors
from markov.inputs.rules.one_value import refusal_of_id, unknown_name, value_problems
from markov.terms import Array

FROM_PYTHON = "values given from Python"
COMMAND_LINE = "--set"


class Frame(Protocol):
    """A table of columns, such as a DataFrame of pandas or polars."""

    @property
    def columns(self) -> Any:
        """Names of the columns."""

    def __getitem__(self, name: Any, /) -> Any:
        """A column."""


def with_values(inputs: Inputs, changes: Mapping[str, Value], place: str = "") -> Inputs:
    """A copy with some values changed, in each cell's own unit; the original is untouched.

    A strategy is named by `strategy.included.S` with `yes` or `no`; None empties a value. Under a progression ratio
    other than 1, changing a stop for toxicity keeps the progression hazard of those on treatment as it was: the
    proportion of the original is kept as `toxicity.observed_proportion.S`. A curve placed by another of its median and
    its own first parameter (scale, rate, …) is placed by that one alone.

    Raises InputError, with every problem and the nearest id, for an id or a name that the workbook does not have, a
    text where a number belongs, an unknown choice and a number beyond its limits.

    >>> with_values(calgb, {"os.hazard_ratio.lenalidomide": 0.8}).value("os.hazard_ratio.lenalidomide")
    0.8
    """
    return changed_inputs(inputs, _checked_values(inputs, changes, place), place)


def _checked_values(inputs: Inputs, changes: Mapping[str, object], place: str = "") -> dict[str, Value]:
    """Values by id as cells of the workbook would hold them; raises InputError with everything that is wrong.

    >>> _checked_values(calgb, {"os.hazard_ratio.lenalidomid": 0.6})
    Traceback (most recent call last):
    markov.inputs.problems.InputError: values given from Python: os.hazard_ratio.lenalidomid:
    os.hazard_ratio.lenalidomid belongs to no strategy of this workbook. Did you mean os.hazard_ratio.lenalidomide?
    """
    problems: list[Problem] = []
    found: dict[str, Value] = {}
    routes = [f"cost.administration.{value}" for key, value in changes.items() if key.startswith("dose.route.")]
    for identifier, value in changes.items():
        where = place or f"{FROM_PYTHON}: {identifier}"
        definition = _definition(inputs, identifier, where, problems, [*changes, *routes])
        if definition is not None:
            found[identifier] = _typed(definition, identifier, value, where, problems)
            problems += value_problems(definition, identifier, found[identifier], where)
    _raise_errors(problems)
    return found


def typed_changes(inputs: Inputs, texts: Sequence[str]) -> dict[str, Value]:
    """ID=VALUE texts of the command line as values by id, checked; numbers may be typed as 52%.

    >>> typed_changes(calgb, ["utility.progression=60 %", "settings.price_set=generic"])
    {'utility.progression': 0.6, 'settings.price_set': 'generic'}
    """
    rule, remedy = "a change reads ID=VALUE", "Write --set utility.progression=0.6."
    raise_errors(Problem(COMMAND_LINE, rule, text, remedy) for text in texts if "=" not in text)
    pairs = (text.partition("=") for text in texts)
    given = {identifier.strip(): value.strip() for identifier, _, value in pairs}
    numeric = [key for key in given if (found := match(key)) and not found[0].is_text]
    return _checked_values(inputs, {**given, **{key: _number_in(given[key]) for key in numeric}}, COMMAND_LINE)


def _number_in(text: str) -> float | str:
    """The number that was typed, also as a percentage; a text that is none as it is, for the rules to refuse."""
    try:
        return float(text.rstrip("% ")) / 100.0 if text.endswith("%") else float(text)
    except ValueError:
        return text


def checked_columns(inputs: Inputs, values: Mapping[str, object] | Frame) -> Trusted:
    """Columns of values by id, (rows,) each, as `evaluate` takes them; raises InputError with everything that is wrong.

    >>> checked_columns(calgb, {"utility.progression": [0.6, 0.7, 1.2]})
    Traceback (most recent call last):
    markov.inputs.problems.InputError: values given from Python: utility.progression[2]: utility.progression must be at
    most 1, found "1.2". Write 0.012, or 1.2 % in a percent cell.
    """
    names = list(values if isinstance(values, Mapping) else values.columns)
    problems: list[Problem] = []
    found = {name: _column(inputs, name, values[name], problems) for name in names}
    lengths = {name: len(column) for name, column in found.items() if column is not None}
    if not names or 0 in lengths.values():
        remedy = "Give one number a row, or leave the values out to run the base case."
        problems.append(Problem(FROM_PYTHON, "there are no rows of values", remedy=remedy))
    elif len(set(lengths.values())) > 1:
        told = ", ".join(f"{name} has {length}" for name, length in lengths.items())
        problems.append(Problem(FROM_PYTHON, "columns differ in length", told, "Give each one number a row."))
    _raise_errors(problems)
    return Trusted({name: column for name, column in found.items() if column is not None})


def _raise_errors(problems: Sequence[Problem]) -> None:
    raise_errors(problem for problem in problems if not problem.warning)


def _definition(
    inputs: Inputs, identifier: str, place: str, problems: list[Problem], beside: Collection[str] = ()
) -> Definition | None:
    """What an id stands for; None, with the reason and the nearest id of this workbook told, where it is none."""
    refusal = refusal_of_id(identifier, inputs.labels)
    stranger = None if refusal else unknown_name(inputs, identifier, beside)
    if stranger is not None:
        kind, remedy = stranger
        refusal = f"{identifier} names {kind} that the workbook does not have", None, remedy
    found = match(identifier)
    if refusal is None and found is not None:
        return found[0]
    rule, told, remedy = refusal or ("the model knows no such id", identifier, "See the reference of ids.")
    kinds = ("product", "event", "course", "route")
    names = {"strategy": tuple(inputs.labels), **{kind: inputs.names(kind) for kind in kinds}}
    known = [*inputs.parameters, *(key for each in DEFINITIONS for key in ids_of(each.pattern, names))]
    near = difflib.get_close_matches("_".join(identifier.lower().split()), known, n=1)
    problems.append(Problem(place, rule, told, f"Did you mean {near[0]}?" if near else remedy))
    return None


def _typed(definition: Definition, identifier: str, value: object, place: str, problems: list[Problem]) -> Value:
    """A value as a cell would give it: a text without blanks around, or a number; an empty one is None."""
    if definition.is_text:
        return RawCell(value, place).text() or None
    if isinstance(value, Real) and not isinstance(value, bool):
        value = float(value)  # NumPy's numbers are not Python's
    return number(RawCell(value, place), identifier, problems)


def _column(inputs: Inputs, identifier: str, column: object, problems: list[Problem]) -> Array | None:
    """A column of numbers within the limits of its parameter, or None with the first row that is wrong told."""
    place, values = f"{FROM_PYTHON}: {identifier}", np.asarray(column)
    if values.dtype.kind in "US":  # NumPy makes texts of the numbers beside a text
        values = np.asarray(column, dtype=object)
    definition = _definition(inputs, identifier, place, problems)
    if definition is None:
        return None
    ends = identifier == "cohort.age" and not inputs.given("settings.horizon_years")  # the horizon is to age 100
    if definition.is_once_a_run or ends:
        rule = f"{identifier} is one for all rows of a run"
        problems.append(Problem(place, rule, remedy="Change it with with_values, and run each of its values."))
        return None
    if values.ndim != 1:
        found = f"{values.ndim} dimensions"
        problems.append(Problem(place, f"{identifier} needs one number a row", found, "Give a column of numbers."))
        return None
    wrong: list[Problem] = []
    if values.dtype.kind not in "fiu":  # texts, or objects, which may be numbers
        cells = [_typed(definition, identifier, value, f"{place}[{i}]", wrong) for i, value in enumerate(values)]
        values = np.array([np.nan if wrong else value for value in cells], dtype=float)
    numbers = np.asarray(values, dtype=float)
    wrong = wrong or list(_first_wrong(definition, identifier, numbers, place))
    problems += wrong[:1]
    return numbers


def _first_wrong(definition: Definition, identifier: str, numbers: Array, place: str) -> Iterator[Problem]:
    """Rows whose value the parameter cannot have, the first one first, each value once."""
    quantity = definition.quantity or Quantity({})
    edge = ~((numbers > quantity.low) & (numbers < quantity.high)) | (numbers == 1.0)  # NaN is within no limits
    where = np.flatnonzero(edge)
    for i in sorted(where[np.unique(numbers[where], return_index=True)[1]].tolist()):
        told: list[Problem] = []
        value = _typed(definition, identifier, numbers[i], f"{place}[{i}]", told)
        yield from told
        yield from (p for p in value_problems(definition, identifier, value, f"{place}[{i}]") if not p.warning)

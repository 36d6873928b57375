"""Inputs of two workbooks that differ to the model, one by one, and any mixture of the two.

A mixture takes some inputs from the second workbook and the rest from the first. Whole rows change places, with unit,
price year and value set, so that no value is read in another row's unit.
"""

from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from markov.inputs.definitions.schema import STRATEGY_INCLUDED, Sheet, label_of, match, units_of
from markov.inputs.parameters import Inputs, Parameter, SexTable, Strategy, Value

INCLUDED = "strategy.included."
SETTINGS_OF_WORDS = ("question", "population", "perspective", "jurisdiction", "time_zero", "thresholds")
SETTINGS_OF_DRAWS = ("seed", "endpoint_correlation", "calibration_curve")
INERT = (
    *(f"settings.{name}" for name in (*SETTINGS_OF_WORDS, *SETTINGS_OF_DRAWS)),
    *("follow_up.", "calibration.", "decision.", "post_progression.registry_rate"),
)
"""Beginnings of ids that a base case does not read: words, and what only draws, calibration and valuation use."""

TABLES = {
    Sheet.LIFE_TABLE.value: "life_table",
    Sheet.POPULATION_UTILITY.value: "population_utility",
    Sheet.PRICE_INDEX.value: "price_index",
}
"""Tables that a base case reads, by the name of their sheet, which is their id here."""

BESIDE = {
    Sheet.TRIAL_RESULTS: "trial_results",
    Sheet.CURVE_POINTS: "curve_points",
    Sheet.CURVE_CHOICE: "curve_choices",
    Sheet.NETWORK: "network",
    Sheet.CORRELATIONS: "correlations",
    Sheet.SCENARIOS: "scenarios",
}
"""Tables that stand beside the base case: published figures, evidence behind curves, scenarios."""

PLACES = ("cell", "place")


@dataclass(frozen=True)
class InputDifference:
    """An input that is not the same in both workbooks: its row in each, None where there is none.

    A table has no rows here but `told`: each side in words. A strategy that only one workbook has is `told` too.
    """

    id: str
    label: str
    first: Parameter | None = None
    second: Parameter | None = None
    told: tuple[str, str] | None = None

    @property
    def values(self) -> tuple[Value, Value]:
        """What each workbook says, in its own unit; words where a row is not there or empty."""
        if self.told is not None:
            return self.told
        one, other = (_said(row) for row in (self.first, self.second))
        return one, other

    @property
    def unit(self) -> str:
        """The unit, or both where they differ."""
        return " → ".join(dict.fromkeys(row.unit for row in (self.first, self.second) if row is not None and row.unit))


def _said(row: Parameter | None) -> Value:
    if row is None:
        return "not there"
    return "empty" if row.value is None else row.value


@dataclass(frozen=True)
class Differences:
    """All that differs: what the model reads, what it does not read, and what only describes the evidence.

    `inert` are inputs that a base case does not read; `described` counts rows by what differs in them although
    their value is the same; `beside` counts rows by sheet.
    """

    inputs: tuple[InputDifference, ...]
    inert: tuple[InputDifference, ...]
    described: dict[str, int] = field(default_factory=dict)
    beside: dict[str, int] = field(default_factory=dict)


def differences(first: Inputs, second: Inputs) -> Differences:
    """What differs between two workbooks, in the order of the first one's rows, then of the second's.

    >>> from markov.inputs.parameters import with_values
    >>> from markov.inputs.writing.template import shipped
    >>> from markov.inputs.workbook import read_inputs
    >>> inputs = read_inputs(shipped("calgb_100104"))
    >>> differences(inputs, inputs).inputs
    ()
    >>> [d.values for d in differences(inputs, with_values(inputs, {"cohort.age": 63.0})).inputs]
    [(58.0, 63.0)]
    """
    found = [*_parameters(first, second), *_tables(first, second)]
    return Differences(
        tuple(d for d in found if not d.id.startswith(INERT)),
        tuple(d for d in found if d.id.startswith(INERT)),
        dict(_described(first, second)),
        dict(_beside(first, second)),
    )


def _parameters(first: Inputs, second: Inputs) -> Iterator[InputDifference]:
    labels = {**second.labels, **first.labels}
    for identifier in dict.fromkeys((*first.parameters, *second.parameters)):
        one, other = first.parameters.get(identifier), second.parameters.get(identifier)
        if _read(first, identifier) == _read(second, identifier):
            continue
        label = next((row.label for row in (one, other) if row is not None and row.label), "")
        told = _inclusion(identifier, first, second) if one is None or other is None else None
        yield InputDifference(identifier, label or label_of(identifier, labels), one, other, told)


def _inclusion(identifier: str, first: Inputs, second: Inputs) -> tuple[str, str] | None:
    """Words for a strategy that only one workbook has."""
    if not identifier.startswith(INCLUDED):
        return None
    sides = (side.parameters.get(identifier) for side in (first, second))
    one, other = ("no such strategy" if side is None else str(side.value) for side in sides)
    return one, other


def _read(inputs: Inputs, identifier: str) -> tuple[object, ...]:
    """Everything about a row that the model reads; of an empty one without a default, nothing."""
    row, value = inputs.parameters.get(identifier), inputs.value(identifier)
    if identifier.startswith(INCLUDED):
        return ("no" if row is None else value,)
    if value in (None, ""):
        return (None,)
    found = match(identifier)
    assert found is not None, identifier
    if found[0].is_text:
        return (value,)
    if row is None:
        return _shown(value), next(iter(units_of(found[0], inputs.currency)), ""), None, ""
    return _shown(value), row.unit, row.price_year, row.value_set


def _shown(value: Any) -> Any:
    """A number to the 15 digits that Excel shows: some programs drop the last two when they save a workbook again."""
    return float(f"{value:.15g}") if isinstance(value, float) else value


def _tables(first: Inputs, second: Inputs) -> Iterator[InputDifference]:
    for sheet, name in TABLES.items():
        sides = [_by_year(getattr(inputs, name)) for inputs in (first, second)]
        if sides[0] != sides[1]:
            yield InputDifference(sheet, f"{sheet} (whole table)", told=_in_words(*sides))


def _by_year(table: SexTable | dict[int, float]) -> dict[int, tuple[float, ...]]:
    """A table's numbers by age or by year."""
    if isinstance(table, SexTable):
        columns = (np.asarray(column).tolist() for column in (table.male, table.female))
        rows = zip(table.ages, *columns, strict=True)
        return {int(age): tuple(map(_shown, pair)) for age, *pair in rows}
    return {year: (_shown(value),) for year, value in table.items()}


def _in_words(first: dict[int, tuple[float, ...]], second: dict[int, tuple[float, ...]]) -> tuple[str, str]:
    """How many rows differ, and the first of them on each side."""
    keys = sorted(key for key in {**first, **second} if first.get(key) != second.get(key))
    sides = [_row_in_words(side, keys[0]) for side in (first, second)]
    return f"{len(keys)} rows differ; {keys[0]}: {sides[0]}", f"{keys[0]}: {sides[1]}"


def _row_in_words(table: dict[int, tuple[float, ...]], key: int) -> str:
    return " and ".join(f"{value:.6g}" for value in table[key]) if key in table else "not there"


def _described(first: Inputs, second: Inputs) -> Iterator[tuple[str, int]]:
    """How many rows that both have, with one value, differ in their uncertainty or in their evidence."""
    pairs = [
        (row, second.parameters[identifier])
        for identifier, row in first.parameters.items()
        if identifier in second.parameters and _read(first, identifier) == _read(second, identifier)
    ]
    for words, names in (
        ("uncertainty (standard error, limits, distribution or group)", ("se", "low", "high", "distribution", "group")),
        ("source, page or evidence status", ("source", "page", "status")),
    ):
        count = sum(any(getattr(a, name) != getattr(b, name) for name in names) for a, b in pairs)
        if count:
            yield words, count


def _beside(first: Inputs, second: Inputs) -> Iterator[tuple[str, int]]:
    """How many rows of each table beside the base case stand in one workbook only."""
    for sheet, name in BESIDE.items():
        one, other = ([_without_place(row) for row in getattr(inputs, name)] for inputs in (first, second))
        count = sum(row not in other for row in one) + sum(row not in one for row in other)
        if count:
            yield sheet.value, count


def _without_place(row: object) -> tuple[tuple[str, object], ...]:
    return tuple((name, value) for name, value in vars(row).items() if name not in PLACES)


# ---------------------------------------------------------------------------------------------------- mixtures


@dataclass(frozen=True)
class Mixture:
    """Two workbooks of which any mixture can be made; strategies are those of both, the first one's before."""

    first: Inputs
    second: Inputs
    strategies: tuple[Strategy, ...]
    outside: dict[str, Parameter]
    """That a strategy is not compared, where a workbook does not have it."""

    def of(self, moved: Set[str]) -> Inputs:
        """The first workbook with the inputs in `moved` as in the second; tables beside the base case are left out.

        >>> from markov.inputs.parameters import with_values
        >>> from markov.inputs.writing.template import shipped
        >>> from markov.inputs.workbook import read_inputs
        >>> first = read_inputs(shipped("calgb_100104"))
        >>> both = mixture(first, with_values(first, {"cohort.age": 63.0, "utility.progression": 0.5}))
        >>> mixed = both.of({"cohort.age"})
        >>> mixed.value("cohort.age"), mixed.value("utility.progression") == first.value("utility.progression")
        (63.0, True)
        """
        parameters = {}
        for identifier in dict.fromkeys((*self.first.parameters, *self.second.parameters)):
            side = self.second if identifier in moved else self.first
            row = side.parameters.get(identifier) or self.outside.get(identifier)
            if row is not None:
                parameters[identifier] = row
        tables = {name: getattr(self.second if sheet in moved else self.first, name) for sheet, name in TABLES.items()}
        bare: Mapping[str, Any] = {**tables, **dict.fromkeys(BESIDE.values(), ())}
        return replace(self.first, strategies=self.strategies, parameters=parameters, **bare)


def mixture(first: Inputs, second: Inputs) -> Mixture:
    """Two workbooks as one thing of which mixtures can be made."""
    added = tuple(strategy for strategy in second.strategies if strategy.id not in first.labels)
    strategies = (*first.strategies, *added)
    outside = {
        f"{INCLUDED}{s.id}": Parameter(f"{INCLUDED}{s.id}", STRATEGY_INCLUDED, "no", label=s.label)
        for s in strategies
        if s.id not in first.labels or s.id not in second.labels
    }
    return Mixture(first, second, strategies, outside)

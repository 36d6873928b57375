"""What differs between two workbooks: as their rows stand, and as the model reads them; and any mixture of the two.

Rows are compared as they stand, also with a report's list of inputs, so that a workbook with problems can be compared
too. Of two workbooks that were read, the inputs that differ to the model are found one by one; a mixture takes some
of them from the second workbook and the rest from the first. Whole rows change places, with unit, price year and value
set, so that no value is read in another row's unit.
"""

import math
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

from markov.inputs.cells import RawCell, Row
from markov.inputs.definitions.schema import (
    PARAMETER_SHEETS,
    STRATEGY_INCLUDED,
    Sheet,
    columns_of,
    definition_of,
    label_of,
    match,
    unit_of,
)
from markov.inputs.evidence import without_place
from markov.inputs.parameters import Inputs, Parameter, SexTable, Strategy, Value
from markov.inputs.problems import InputError, Problem
from markov.inputs.reading.file import File, Grid, read_file
from markov.inputs.reading.headers import cover_entries, read_tables
from markov.terms import Distribution

# --------------------------------------------------------------------------------------------- rows as they stand

Fields = Mapping[str, object]
Entries = Mapping[tuple[str, ...], Fields]
"""What a file holds: by sheet and key, the fields of a row."""

REPORT_SHEET = "Inputs used"
REPORT_FIELDS = {
    "Value": "value",
    "Unit": "unit",
    "Standard error": "se",
    "SE": "se",  # of earlier reports
    "Distribution": "distribution",
    "Status": "status",
    "Source": "source",
    "Page or table": "page",
}
KEYS = {
    Sheet.STRATEGIES: ("id",),
    Sheet.LIFE_TABLE: ("age",),
    Sheet.POPULATION_UTILITY: ("age",),
    Sheet.PRICE_INDEX: ("year",),
    Sheet.TRIAL_RESULTS: ("strategy", "endpoint", "measure", "months"),
    Sheet.CURVE_POINTS: ("strategy", "endpoint", "quantity"),
    Sheet.CURVE_CHOICE: ("strategy", "endpoint"),
    Sheet.NETWORK: ("endpoint", "trial", "treatment", "comparator"),
    Sheet.CORRELATIONS: ("first", "second"),
    Sheet.SCENARIOS: ("scenario", "id"),
    Sheet.REFERENCE_CASE: ("agency", "item"),
    Sheet.REPORTING: ("item",),
}
"""What identifies a row of a table; rows alike in it are told apart by their order."""

WORDS = ("label", "base case", "comment", "description", "reason")
"""Columns that change no result and are not compared, nor is the change log."""
CLOSE = 1e-12  # numbers nearer than this, relatively, are one number that was written twice


@dataclass(frozen=True)
class Difference:
    """A row that is not the same in both: its name, and each field that differs; None where a file has no such row."""

    name: str
    first: Fields | None
    second: Fields | None
    fields: tuple[str, ...]


@dataclass(frozen=True)
class Comparison:
    """What differs between two files, in the order of the schema, and how many rows were compared."""

    first: str
    second: str
    differences: tuple[Difference, ...]
    compared: int


def compare(first: Path, second: Path) -> Comparison:
    """Compare two files, each an input workbook or a report; raises InputError for what is neither.

    Against a report only what a report lists is compared: parameters with a value, and seven of their columns.

    >>> from markov.inputs.writing.template import shipped
    >>> found = compare(shipped("calgb_100104"), shipped("myeloma_ix"))
    >>> next(row.first["value"] for row in found.differences if row.name == "cohort.age")
    58
    """
    files = read_file(first), read_file(second)
    (one, held), (other, holds) = (_rows_of(file) for file in files)
    if any(REPORT_SHEET in file.grids for file in files):
        one, other = _listed(one), _listed(other)
    keys = sorted({**one, **other}, key=lambda key: len(key) > 1)  # parameters first, then tables, each in its order
    found = (_difference(key, one.get(key), other.get(key), held & holds) for key in keys)
    return Comparison(files[0].name, files[1].name, tuple(d for d in found if d is not None), len(keys))


def _listed(rows: Entries) -> Entries:
    """What a report lists: parameters that have a value."""
    return {key: row for key, row in rows.items() if len(key) == 1 and row.get("value") not in (None, "")}


def _difference(
    key: tuple[str, ...], first: Fields | None, second: Fields | None, fields: Set[str]
) -> Difference | None:
    name = " · ".join(part for part in key if part)
    if first is None or second is None:
        return Difference(name, first, second, ())
    given = [field for field in (*first, *(f for f in second if f not in first)) if field in fields]
    differing = tuple(field for field in given if not _same(first.get(field), second.get(field)))
    return Difference(name, first, second, differing) if differing else None


def _same(first: object, second: object) -> bool:
    if isinstance(first, (int, float)) and isinstance(second, (int, float)):
        return math.isclose(first, second, rel_tol=CLOSE)
    return _text(first) == _text(second)


def _text(value: object) -> str:
    return "" if value is None else str(value).strip()


def _rows_of(file: File) -> tuple[Entries, Set[str]]:
    """The rows of a file, an input workbook's or a report's, by key, and the fields that it could give."""
    if REPORT_SHEET in file.grids:
        return dict(_of_report(file.grids[REPORT_SHEET])), set(REPORT_FIELDS.values())
    problems: list[Problem] = []
    tables = read_tables(file, problems)
    if not any(sheet in tables for sheet in PARAMETER_SHEETS):
        rule = f'is neither an input workbook nor a report with a sheet "{REPORT_SHEET}"'
        raise InputError([Problem(file.name, rule, remedy="Name one of the two.")])
    settings = {row["id"].text(): row["value"].text() for row in reversed(tables.get(Sheet.SETTINGS, ()))}
    currency = settings.get("settings.currency", "GBP")
    entries: dict[tuple[str, ...], Fields] = {}
    title = cover_entries(file, problems).get("title")
    if title is not None:
        entries[(Sheet.COVER, "title")] = {"title": title.value}
    for sheet, rows in tables.items():
        for key, row in _of_table(sheet, rows, currency):
            again = (k for k in count(1) if (*key[:-1], _numbered(key[-1], k)) not in entries)
            entries[*key[:-1], _numbered(key[-1], next(again))] = row  # a second row of the same id is not lost
    fields = {column.header for sheet in Sheet for column in columns_of(sheet)}
    return entries, fields - set(WORDS) | {"title"}


def _numbered(name: str, number: int) -> str:
    return name if number == 1 else f"{name} ({number})"


def _of_table(sheet: Sheet, rows: Sequence[Row], currency: str) -> Iterator[tuple[tuple[str, ...], Fields]]:
    if sheet is Sheet.CHANGE_LOG:
        return
    for row in rows:
        fields = {header: _value(cell) for header, cell in row.items() if header not in WORDS}
        if sheet in PARAMETER_SHEETS:
            yield (row["id"].text(),), _filled(row["id"].text(), fields, currency)
        else:
            names = tuple(_label(fields.pop(header, None)) for header in KEYS[sheet])
            yield (sheet.value, *names), {} if sheet is Sheet.STRATEGIES else fields
        if sheet is Sheet.STRATEGIES:
            yield (f"strategy.included.{row['id'].text()}",), {"value": row["included"].text().lower(), "unit": ""}


def _filled(identifier: str, fields: dict[str, object], currency: str) -> Fields:
    """A row with what its empty cells mean: the schema's unit and no distribution."""
    found = match(identifier)
    fields.pop("id", None)
    if found is not None and found[0] is not STRATEGY_INCLUDED:
        fields["unit"] = fields.get("unit") or unit_of(found[0], currency)
        method = found[0].is_method
        fields["distribution"] = "" if method else fields.get("distribution") or Distribution.FIXED.value
    return fields


def _value(cell: RawCell) -> object:
    if cell.formula:
        return "a formula that was never calculated"
    return cell.value.strip() if isinstance(cell.value, str) else cell.value


def _label(value: object) -> str:
    return f"{value:g}" if isinstance(value, (int, float)) else _text(value)


def _of_report(grid: Grid) -> Iterator[tuple[tuple[str, ...], Fields]]:
    """Rows of both tables of a report's list of inputs; a row whose first cell is no id ends a table."""
    columns: dict[str, int] = {}
    lines: dict[int, dict[int, object]] = {}
    for (row, column), value in sorted(grid.cells.items()):
        lines.setdefault(row, {})[column] = value
    for line in lines.values():
        headers = {_text(value): column for column, value in line.items()}
        if "Id" in headers and "Value" in headers:
            columns = headers
        elif columns and match(_text(line.get(columns["Id"]))):
            identifier = _text(line[columns["Id"]])
            cells = {field: line.get(columns[name]) for name, field in REPORT_FIELDS.items() if name in columns}
            cells["distribution"] = _text(cells.get("distribution")).replace("-", "_")
            yield (identifier,), cells


# ------------------------------------------------------------------------------------------------- to the model

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
        rows = (self.first, self.second)
        one, other = ("not there" if row is None else "empty" if row.value is None else row.value for row in rows)
        return one, other

    @property
    def unit(self) -> str:
        """The unit, or both where they differ."""
        return " → ".join(dict.fromkeys(row.unit for row in (self.first, self.second) if row is not None and row.unit))


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

    >>> from markov import with_values
    >>> [d.values for d in differences(calgb, with_values(calgb, {"cohort.age": 63.0})).inputs]
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
    definition = definition_of(identifier)
    if definition.is_text:
        return (value,)
    if row is None:
        return _shown(value), unit_of(definition, inputs.currency), None, ""
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


DESCRIBED = {
    "uncertainty (standard error, limits, distribution or group)": ("se", "low", "high", "distribution", "group"),
    "source, page or evidence status": ("source", "page", "status"),
}


def _described(first: Inputs, second: Inputs) -> Iterator[tuple[str, int]]:
    """How many rows that both have, with one value, differ in their uncertainty or in their evidence."""
    pairs = [
        (row, second.parameters[identifier])
        for identifier, row in first.parameters.items()
        if identifier in second.parameters and _read(first, identifier) == _read(second, identifier)
    ]
    for words, names in DESCRIBED.items():
        differing = sum(any(getattr(a, name) != getattr(b, name) for name in names) for a, b in pairs)
        if differing:
            yield words, differing


def _beside(first: Inputs, second: Inputs) -> Iterator[tuple[str, int]]:
    """How many rows of each table beside the base case stand in one workbook only."""
    for sheet, name in BESIDE.items():
        one, other = ([without_place(row) for row in getattr(inputs, name)] for inputs in (first, second))
        alone = sum(row not in other for row in one) + sum(row not in one for row in other)
        if alone:
            yield sheet.value, alone


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

        >>> from markov import with_values
        >>> both = mixture(calgb, with_values(calgb, {"cohort.age": 63.0, "utility.progression": 0.5}))
        >>> mixed = both.of({"cohort.age"})
        >>> mixed.value("cohort.age"), mixed.value("utility.progression") == calgb.value("utility.progression")
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
    """Two workbooks as one thing of which mixtures can be made.

    >>> [strategy.id for strategy in mixture(calgb, calgb).strategies]
    ['no_maintenance', 'lenalidomide']
    """
    added = tuple(strategy for strategy in second.strategies if strategy.id not in first.labels)
    strategies = (*first.strategies, *added)
    outside = {
        f"{INCLUDED}{s.id}": Parameter(f"{INCLUDED}{s.id}", STRATEGY_INCLUDED, "no", label=s.label)
        for s in strategies
        if s.id not in first.labels or s.id not in second.labels
    }
    return Mixture(first, second, strategies, outside)

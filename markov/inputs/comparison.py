"""What differs between two workbooks, or between a workbook and a report's list of inputs: by id, with both sides.

Rows are compared as they stand, so that a workbook with problems can be compared too.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from markov.inputs.cells import RawCell, Row
from markov.inputs.definitions.schema import (
    PARAMETER_SHEETS,
    STRATEGY_INCLUDED,
    TABLES,
    Sheet,
    columns_of,
    match,
    units_of,
)
from markov.inputs.problems import InputError, Problem
from markov.inputs.reading.file import File, Grid, read_file
from markov.inputs.reading.headers import cover_entries, read_tables
from markov.terms import Distribution

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

INERT = ("label", "base case", "comment", "description", "reason")
"""Columns of words that change no result and are not compared, nor is the change log."""
CLOSE = 1e-12  # numbers nearer than this, relatively, are one number that was written twice


@dataclass(frozen=True)
class Content:
    """What a file gives: rows by key, and the fields that it could give."""

    name: str
    entries: Entries
    fields: frozenset[str]
    is_report: bool


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
    >>> compare(shipped("calgb_100104"), shipped("calgb_100104")).differences
    ()
    """
    one, other = content_of(read_file(first)), content_of(read_file(second))
    fields = one.fields & other.fields
    entries = [_comparable(side, report=one.is_report or other.is_report) for side in (one, other)]
    keys = sorted(set(entries[0]) | set(entries[1]), key=lambda key: _order(key, entries))
    found = (_difference(key, entries[0].get(key), entries[1].get(key), fields) for key in keys)
    return Comparison(one.name, other.name, tuple(d for d in found if d is not None), len(keys))


def _comparable(side: Content, *, report: bool) -> Entries:
    """The rows of a side; where a report takes part, only parameters that have a value."""
    if not report:
        return side.entries
    return {k: row for k, row in side.entries.items() if len(k) == 1 and row.get("value") not in (None, "")}


def _order(key: tuple[str, ...], entries: Sequence[Entries]) -> tuple[int, int]:
    """Parameters first, then tables, each in its own order; rows of the first file before those of the second alone."""
    for side, rows in enumerate(entries):
        if key in rows:
            return int(len(key) > 1), side * 10**9 + list(rows).index(key)
    raise KeyError(key)


def _difference(
    key: tuple[str, ...], first: Fields | None, second: Fields | None, fields: frozenset[str]
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


# --------------------------------------------------------------------------------------------------- contents


def content_of(file: File) -> Content:
    """The rows of a file, an input workbook's or a report's."""
    if REPORT_SHEET in file.grids:
        return Content(file.name, dict(_of_report(file.grids[REPORT_SHEET])), frozenset(REPORT_FIELDS.values()), True)
    problems: list[Problem] = []
    tables = read_tables(file, problems)
    if not any(sheet in tables for sheet in PARAMETER_SHEETS):
        rule = f'is neither an input workbook nor a report with a sheet "{REPORT_SHEET}"'
        raise InputError([Problem(file.name, rule, remedy="Name one of the two.")])
    currency = _currency(tables.get(Sheet.SETTINGS, ()))
    entries: dict[tuple[str, ...], Fields] = {}
    title = cover_entries(file, problems).get("title")
    if title is not None:
        entries[(Sheet.COVER, "title")] = {"title": title.value}
    for sheet, rows in tables.items():
        for key, row in _of_table(sheet, rows, currency):
            entries[_distinct(key, entries)] = row
    fields = {column.header for sheet in (*PARAMETER_SHEETS, *TABLES) for column in columns_of(sheet)}
    return Content(file.name, entries, frozenset(fields - set(INERT) | {"title"}), False)


def _currency(rows: Sequence[Row]) -> str:
    return next((row["value"].text() for row in rows if row["id"].text() == "settings.currency"), "GBP")


def _distinct(key: tuple[str, ...], entries: Entries) -> tuple[str, ...]:
    """The key, or the key with a number, where it stands already: a second row of the same id is not lost."""
    number = 2
    found = key
    while found in entries:
        found = (*key[:-1], f"{key[-1]} ({number})")
        number += 1
    return found


def _of_table(sheet: Sheet, rows: Sequence[Row], currency: str) -> Iterator[tuple[tuple[str, ...], Fields]]:
    if sheet is Sheet.CHANGE_LOG:
        return
    for row in rows:
        fields = {header: _value(cell) for header, cell in row.items() if header not in INERT}
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
        fields["unit"] = fields.get("unit") or next(iter(units_of(found[0], currency)), "")
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

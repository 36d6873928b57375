"""Input workbooks in tests: where a cell stands, and everything that was read from one, to be compared."""

from collections.abc import Iterator, Mapping
from dataclasses import is_dataclass, replace
from typing import Any

from openpyxl.cell.cell import Cell
from openpyxl.worksheet.worksheet import Worksheet

from markov.inputs.parameters import Inputs


def headers(sheet: Worksheet) -> tuple[int, dict[str, int]]:
    """The header row of a sheet and the column of each header, counted from 1."""
    for row in sheet.iter_rows(max_row=10):
        found = {str(cell.value).strip().lower(): cell.column for cell in row if cell.value is not None}
        if len(found) > 2 or "age" in found or "year" in found:
            return int(row[0].row or 0), {name: column for name, column in found.items() if column is not None}
    raise AssertionError(sheet.title)


def cells_below(sheet: Worksheet, header: str) -> Iterator[Cell]:
    row, columns = headers(sheet)
    for number in range(row + 1, sheet.max_row + 1):
        cell = sheet.cell(number, columns[header])
        assert isinstance(cell, Cell)
        yield cell


def contents(inputs: Inputs) -> dict[str, object]:
    """Everything that was read, to the 15 digits that openpyxl writes, without where it stood and the file's name."""
    tables = (inputs.life_table, inputs.population_utility)
    found: dict[str, object] = {
        "title": inputs.title,
        "strategies": [replace(strategy, cell="") for strategy in inputs.strategies],
        "parameters": {key: replace(row, cell="") for key, row in inputs.parameters.items()},
        "tables": [[values.tolist() for values in (table.ages, table.male, table.female)] for table in tables],
        "index": inputs.price_index,
        "results": [replace(result, cell="") for result in inputs.trial_results],
        "scenarios": [replace(change, cell="") for change in inputs.scenarios],
        "log": inputs.changes,
        "evidence": [
            [replace(row, place="") for row in rows]
            for rows in (inputs.curve_points, inputs.curve_choices, inputs.network, inputs.correlations)
        ],
    }
    return {key: _rounded(value) for key, value in found.items()}


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.15g}")
    if isinstance(value, Mapping):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_rounded(item) for item in value)
    if is_dataclass(value) and not isinstance(value, type):
        numbers = {key: _rounded(item) for key, item in vars(value).items() if isinstance(item, float)}
        return replace(value, **numbers)
    return value

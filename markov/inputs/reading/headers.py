"""From the cells of a file to tables: rows by header, and what is wrong with sheets, headers and merged cells."""

import difflib
from collections.abc import Iterable, Iterator, Mapping

from markov.inputs.cells import RawCell, Row
from markov.inputs.definitions.schema import OPTIONAL_SHEETS, PARAMETER_SHEETS, TABLES, Sheet, columns_of
from markov.inputs.problems import Problem
from markov.inputs.reading.file import File, Grid, Position, address

HEADER_ROWS = 30  # a header row stands within the first rows of its sheet
COVER_ROWS, COVER_COLUMNS = 60, 6
NEAR = 0.8  # how alike two names are for one to be taken for a slip of the other

WORDS = frozenset(
    [
        *("label", "description", "base case", "source", "page", "status", "comment", "reason", "who", "why"),
        *("fit", "hazard", "plausibility", "other evidence", "rationale", "title"),
    ]
)
"""Columns that no number of the model depends on: a missing or a second one is a warning."""

LATER: Mapping[Sheet, tuple[str, ...]] = {
    Sheet.SCENARIOS: ("weight",),
    **dict.fromkeys(PARAMETER_SHEETS, ("confidential",)),
}
"""Columns that older workbooks do not have, and that may be missing without a word."""


def read_tables(file: File, problems: list[Problem]) -> dict[Sheet, tuple[Row, ...]]:
    """Every table of the schema as rows of raw cells; what is wrong with sheets or headers joins the problems."""
    rows: dict[Sheet, tuple[Row, ...]] = {}
    for sheet in (*PARAMETER_SHEETS, *TABLES):
        found = read_table(file, sheet, problems)
        if found is not None:
            rows[sheet] = found
    problems += _misnamed(file)
    return rows


def read_table(file: File, sheet: Sheet, problems: list[Problem]) -> tuple[Row, ...] | None:
    """One table of the schema as rows of raw cells; None, with the reason among the problems, where there is none."""
    name = sheet_named(file, sheet, problems)
    return None if name is None else _rows(f"{file.name}, {sheet}", sheet, file.grids[name], problems)


def sheet_named(file: File, sheet: Sheet, problems: list[Problem]) -> str | None:
    """The name under which a sheet stands in a file, whatever its capitals and blanks; None if it is not there."""
    names = [name for name in file.grids if _plain(name) == _plain(sheet)]
    if len(names) > 1:
        rule = f'sheet "{sheet}" is there twice'
        problems.append(Problem(file.name, rule, '" and "'.join(names), "Rename or delete one of them."))
    if not names and sheet not in OPTIONAL_SHEETS:
        near = _like(sheet, [name for name in file.grids if not _is_known(name)])
        remedy = f'Rename "{near}", if that is it.' if near else "Copy it from a blank workbook."
        problems.append(Problem(file.name, f'sheet "{sheet}" is missing', remedy=remedy))
    return names[0] if names else None


def _plain(name: str) -> str:
    return " ".join(name.lower().split())


def _is_known(name: str) -> bool:
    return _plain(name) in {_plain(sheet) for sheet in Sheet}


def _like(name: str, others: Iterable[str]) -> str | None:
    known = {_plain(other): other for other in others}
    near = difflib.get_close_matches(_plain(name), known, n=1, cutoff=NEAR)
    return known[near[0]] if near else None


def _misnamed(file: File) -> Iterator[Problem]:
    """Sheets of the analyst's own whose name is nearly that of an optional sheet."""
    there = {_plain(name) for name in file.grids}
    for sheet in OPTIONAL_SHEETS:
        near = None if _plain(sheet) in there else _like(sheet, [n for n in file.grids if not _is_known(n)])
        if near:
            remedy = f'Rename it "{sheet}", if that is what it is.'
            yield Problem(f"{file.name}, {near}", "this sheet is not read", near, remedy, warning=True)


def cover_entries(file: File, problems: list[Problem]) -> Mapping[str, RawCell]:
    """What stands to the right of each label on the cover."""
    name = sheet_named(file, Sheet.COVER, problems)
    found: dict[str, RawCell] = {}
    if name is not None:
        cells = file.grids[name].cells
        for row, column in sorted(cells):
            label, value = cells[row, column], cells.get((row, column + 1))
            if row <= COVER_ROWS and column < COVER_COLUMNS and isinstance(label, str) and value is not None:
                place = f"{file.name}, {Sheet.COVER}!{address((row, column + 1))}"
                found.setdefault(_plain(label), RawCell(value, place))
    return found


# ----------------------------------------------------------------------------------------------------- headers


def _rows(place: str, sheet: Sheet, grid: Grid, problems: list[Problem]) -> tuple[Row, ...] | None:
    """Rows below the header, by header, without those whose cells are all empty; None without a usable header."""
    header_row, headers = _headers(sheet, grid)
    problems += _header_problems(place, sheet, header_row, headers)
    columns = {name: positions[0] for name, positions in headers.items() if name in _wanted(sheet)}
    if not {column.header for column in columns_of(sheet) if column.required} <= set(columns):
        return None
    problems += _merged(place, grid, header_row, set(columns.values()))
    below = sorted({row for row, _ in (*grid.cells, *grid.uncalculated) if row > header_row})
    rows = [{name: _cell(place, grid, (row, column)) for name, column in columns.items()} for row in below]
    return tuple(row for row in rows if any(not cell.is_empty for cell in row.values()))


def _cell(place: str, grid: Grid, position: Position) -> RawCell:
    where = f"{place}!{address(position)}"
    return RawCell(grid.cells.get(position), where, position in grid.uncalculated, position in grid.elsewhere)


def _wanted(sheet: Sheet) -> list[str]:
    return [column.header for column in columns_of(sheet)]


def _headers(sheet: Sheet, grid: Grid) -> tuple[int, dict[str, list[int]]]:
    """The row with most of the required headers, and the columns of every header in it."""
    required = {column.header for column in columns_of(sheet) if column.required}
    lines: dict[int, dict[str, list[int]]] = {}
    for (row, column), value in sorted(item for item in grid.cells.items() if item[0][0] <= HEADER_ROWS):
        if isinstance(value, str) and value.strip():
            lines.setdefault(row, {}).setdefault(_plain(value), []).append(column)
    best = max(lines, key=lambda row: (len(required & set(lines[row])), -row), default=0)
    if not best or not required & set(lines[best]):
        return 0, {}
    return best, lines[best]


def _header_problems(place: str, sheet: Sheet, header_row: int, headers: Mapping[str, list[int]]) -> Iterator[Problem]:
    wanted = _wanted(sheet)
    if not headers:
        required = ", ".join(column.header for column in columns_of(sheet) if column.required)
        rule = f"no row within the first {HEADER_ROWS} has the headers {required}"
        yield Problem(place, rule, remedy="Copy the header row from a blank workbook.")
        return
    strangers = {name: columns[0] for name, columns in headers.items() if name not in wanted}
    for name in wanted:
        if name not in headers:
            near = _like(name, strangers)
            if near is None and name in LATER.get(sheet, ()):
                continue
            where = f"{place}!{address((header_row, strangers[near]))}" if near else place
            remedy = f'Write "{name}", if that is it.' if near else "Copy the header row from a blank workbook."
            yield Problem(where, f'column "{name}" is missing', near, remedy, warning=name in WORDS)
        elif len(headers[name]) > 1:
            where = f"{place}!{address((header_row, headers[name][1]))}"
            rule = f'column "{name}" is there twice, and the first is read'
            yield Problem(where, rule, remedy="Rename or delete one of them.", warning=name in WORDS)


def _merged(place: str, grid: Grid, header_row: int, columns: set[int]) -> Iterator[Problem]:
    """Merged cells of the table: only the first of them holds a value, and the others would count as empty."""
    for top, left, bottom, right in grid.merged:
        across = [column for column in columns if left <= column <= right]
        held = grid.cells.get((top, left)) is not None or (top, left) in grid.uncalculated
        if bottom > header_row and across and held and (bottom > top or len(across) > 1):
            found = f"{address((top, left))}:{address((bottom, right))}"
            rule, remedy = "cells of the table are merged", "Unmerge them, and fill each cell that needs a value."
            yield Problem(f"{place}!{address((top, left))}", rule, found, remedy)

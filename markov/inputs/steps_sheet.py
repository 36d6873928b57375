"""An analyst's own steps of a walk, read back from the sheet that the program wrote: which input moves when."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from markov.inputs.cells import RawCell, number
from markov.inputs.definitions.schema import match
from markov.inputs.differences import TABLES
from markov.inputs.problems import InputError, Problem
from markov.inputs.reading.file import File, Grid, address, read_file
from markov.inputs.rules.one_value import suggestion

HEADERS = ("order", "step", "id")
HEADER_ROWS = 30

Row = Mapping[str, RawCell]


def read_steps(path: Path) -> dict[str, tuple[str, ...]]:
    """Ids of the inputs that each step moves, by the step's name and in its order.

    A row without a step is left to what comes last. Raises InputError with every problem: no such table, an unknown
    id, an id twice, an order that is no number, a step with two orders.
    """
    file = read_file(path)
    rows = list(_rows(file))
    problems: list[Problem] = []
    ids, orders = _ids(rows, problems), _orders(rows, problems)
    if problems:
        raise InputError(problems)
    names = sorted(dict.fromkeys(ids.values()), key=lambda name: orders.get(name, float("inf")))
    return {name: tuple(key for key, step in ids.items() if step == name) for name in names}


def _rows(file: File) -> Iterator[Row]:
    """Rows below the headers, of the first sheet that has them."""
    for name, grid in file.grids.items():
        columns, header = _headers(grid)
        if columns:
            place = f"{file.name}, {name}"
            for row in sorted({row for row, _ in grid.cells if row > header}):
                cells = {
                    key: RawCell(grid.cells.get((row, column)), f"{place}!{address((row, column))}")
                    for key, column in columns.items()
                }
                if not cells["id"].is_empty:
                    yield cells
            return
    rule = f"no sheet has a row with the headers {', '.join(HEADERS)}"
    raise InputError([Problem(file.name, rule, remedy="Write one with --write-steps, and edit that.")])


def _headers(grid: Grid) -> tuple[dict[str, int], int]:
    """Columns of the headers and their row; none where they are not there."""
    for header in range(1, HEADER_ROWS + 1):
        line = {
            value.strip().lower(): column
            for (row, column), value in grid.cells.items()
            if row == header and isinstance(value, str)
        }
        if set(HEADERS) <= set(line):
            return {key: line[key] for key in HEADERS}, header
    return {}, 0


def _ids(rows: list[Row], problems: list[Problem]) -> dict[str, str]:
    """The step of each input, of those that have one."""
    found: dict[str, str] = {}
    places: dict[str, str] = {}
    for row in rows:
        cell, step = row["id"], " ".join(row["step"].text().split())
        identifier = cell.text()
        if identifier not in TABLES and match(identifier) is None:
            problems.append(Problem(cell.place, "the model knows no such id", identifier, suggestion(identifier)))
        elif identifier in places:
            rule = f"{identifier} is already at {places[identifier]}"
            problems.append(Problem(cell.place, rule, remedy="Keep one of the two rows."))
        else:
            places[identifier] = cell.address
            if step:
                found[identifier] = step
    return found


def _orders(rows: list[Row], problems: list[Problem]) -> dict[str, float]:
    """The order of each step that has one."""
    orders: dict[str, tuple[float, str]] = {}
    for row in rows:
        step = " ".join(row["step"].text().split())
        order = number(row["order"], f"the order of {step or row['id'].text()}", problems)
        if not step or order is None:
            continue
        known, place = orders.setdefault(step, (order, row["order"].address))
        if known != order:
            rule = f'step "{step}" has the order {known:g} at {place}, and another here'
            remedy = f"Write {known:g}, or clear the cell: all rows of a step move at once."
            problems.append(Problem(row["order"].place, rule, f"{order:g}", remedy))
    return {step: order for step, (order, _) in orders.items()}

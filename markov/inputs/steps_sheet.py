"""An analyst's own steps of a walk, read back from the sheet that the program wrote: which input moves when."""

from pathlib import Path

from markov.inputs.cells import Row, number
from markov.inputs.definitions.schema import match
from markov.inputs.differences import TABLES
from markov.inputs.problems import InputError, Problem, raise_errors
from markov.inputs.reading.file import File, read_file
from markov.inputs.reading.headers import headers_in, rows_below
from markov.inputs.rules.one_value import suggestion

HEADERS = ("order", "step", "id")


def read_steps(path: Path) -> dict[str, tuple[str, ...]]:
    """Ids of the inputs that each step moves, by the step's name and in its order.

    A row without a step is left to what comes last. Raises InputError with every problem: no such table, an unknown
    id, an id twice, an order that is no number, a step with two orders.

    >>> from markov.inputs.writing.template import shipped
    >>> read_steps(shipped("calgb_100104"))
    Traceback (most recent call last):
    markov.inputs.problems.InputError: calgb_100104.xlsx: no sheet has a row with the headers order, step, id. Write one
    with --write-steps, and edit that.
    """
    file = read_file(path)
    rows = _rows(file)
    problems: list[Problem] = []
    ids, orders = _ids(rows, problems), _orders(rows, problems)
    raise_errors(problems)
    names = sorted(dict.fromkeys(ids.values()), key=lambda name: orders.get(name, float("inf")))
    return {name: tuple(key for key, step in ids.items() if step == name) for name in names}


def _rows(file: File) -> list[Row]:
    """Rows below the headers, of the first sheet that has them."""
    for name, grid in file.grids.items():
        header_row, found = headers_in(grid, set(HEADERS))
        if set(HEADERS) <= set(found):
            columns = {header: found[header][0] for header in HEADERS}
            rows = rows_below(f"{file.name}, {name}", grid, header_row, columns)
            return [row for row in rows if not row["id"].is_empty]
    rule = f"no sheet has a row with the headers {', '.join(HEADERS)}"
    raise InputError([Problem(file.name, rule, remedy="Write one with --write-steps, and edit that.")])


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

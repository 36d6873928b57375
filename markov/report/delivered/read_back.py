"""What a delivered report was computed from, read back from its own sheets: inputs, and how it was made."""

import datetime
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from markov.inputs.cells import RawCell, Row, Sheets
from markov.inputs.definitions.schema import TABLES, Sheet, columns_of, match
from markov.inputs.parameters import Inputs
from markov.inputs.problems import InputError, Problem
from markov.inputs.reading.file import File, Grid
from markov.inputs.workbook import assemble
from markov.report.recipe import Recipe, recipe_of
from markov.report.sheets.inputs_in_full import CARRYING, CELL, PARAMETERS, POPULATION, POPULATION_TABLES, TABLES_PAGE
from markov.report.sheets.provenance import TIME_FORMAT

INCLUDED = "strategy.included."
ROW_HEADERS = ("id", "age", "year", "strategy", "endpoint", "first", "scenario", "agency", "item")
"""First headers of the carrying tables."""


@dataclass(frozen=True)
class Recovered:
    """The inputs that a report carries, and the facts of its Provenance sheet by name."""

    inputs: Inputs
    facts: Mapping[str, str]

    @property
    def recipe(self) -> Recipe:
        """How the report was made."""
        return recipe_of(self.facts)

    @property
    def command(self) -> str:
        """The command, as its Provenance sheet has it."""
        told = self.facts.get("Command", "")
        return "" if told == "called from Python" else told

    @property
    def seconds(self) -> float:
        """How long the computation took."""
        return float(self.facts.get("Duration of the computation", "0").removesuffix(" s"))

    @property
    def time(self) -> datetime.datetime:
        """When it was made."""
        return datetime.datetime.strptime(self.facts["Time of the run (UTC)"], TIME_FORMAT).replace(tzinfo=datetime.UTC)


def is_report(file: File) -> bool:
    """Whether a file is a report of this program rather than an input workbook."""
    return "Provenance" in file.grids and Sheet.SETTINGS not in file.grids


def recovered(file: File) -> Recovered:
    """Inputs and facts of a report; raises InputError for one that does not carry them, or whose rows are broken."""
    missing = [name for name in (*CARRYING, "Provenance") if name not in file.grids]
    if missing:
        rule = f"carries no complete inputs: {', '.join(missing)} is missing"
        remedy = "Only reports written by run, psa, sobol and voi carry them, and no redacted copy does."
        raise InputError([Problem(file.name, rule, remedy=remedy)])
    facts = {str(key): str(value) for key, value in _pairs(file.grids["Provenance"])}
    name, title, sha256 = (facts.get(key, "") for key in ("Workbook", "Title", "SHA-256 of the workbook"))
    rows = dict(_tables(file, name))
    listed = list(_rows(file.grids[PARAMETERS], PARAMETERS, name))
    for row in listed:
        found = match(row["id"].text())
        if found is not None and not row["id"].text().startswith(INCLUDED):
            rows[found[0].sheet] = (*rows.get(found[0].sheet, ()), row)
    inputs = assemble(Sheets(name, title, rows, sha256), [])
    warnings = _agreed(list(_warnings(file)), list(inputs.warnings))
    return Recovered(_in_order(inputs, listed, warnings), facts)


def _in_order(inputs: Inputs, listed: list[Row], warnings: tuple[Problem, ...]) -> Inputs:
    """The same with parameters in the run's order, and the warnings as the report tells them."""
    told = {row["id"].text(): (row["label"].text(), row["value"].address) for row in listed}
    parameters = {
        identifier: replace(inputs.parameters[identifier], label=label, cell=cell)
        for identifier, (label, cell) in told.items()
        if identifier in inputs.parameters
    }
    absent = {identifier: p for identifier, p in inputs.parameters.items() if identifier not in parameters}
    return replace(inputs, parameters={**parameters, **absent}, warnings=warnings)


def _pairs(grid: Grid) -> Iterator[tuple[object, object]]:
    """First and second column of every row."""
    for (row, column), value in sorted(grid.cells.items()):
        if column == 1 and (row, 2) in grid.cells:
            yield value, grid.cells[row, 2]


def _warnings(file: File) -> Iterator[Problem]:
    """Warnings about the workbook as the sheet Checks lists them; they change no number."""
    for row in _rows(file.grids.get("Checks", Grid({})), "Warnings about the workbook", file.name, first="Place"):
        place, rule, found, remedy = (
            row[key].text() if key in row else "" for key in ("Place", "Rule", "Found", "Remedy")
        )
        yield Problem(place, rule, found or None, remedy, warning=True)


def _agreed(told: list[Problem], again: list[Problem]) -> tuple[Problem, ...]:
    """Warnings as told where the rows give them again; others of the rows take the place of what was told instead.

    A warning about the layout of the workbook's file cannot be given again, and stays as it is told.
    """
    left = list(again)
    known = []
    for warning in told:
        same = next((w for w in left if _alike(w, warning)), None)
        known.append(same is not None)
        if same is not None:
            left.remove(same)
    found = [warning if sure or not left else left.pop(0) for warning, sure in zip(told, known, strict=True)]
    return (*found, *left)


def _alike(again: Problem, told: Problem) -> bool:
    """Whether a warning is the one told; tables by age and year do not carry the cells of the workbook."""
    found = "" if again.found is None else str(again.found)
    words = (again.rule, found.strip(), again.remedy) == (told.rule, str(told.found or ""), told.remedy)
    return words and (again.place == told.place or "!" not in again.place)


def _tables(file: File, name: str) -> Iterator[tuple[Sheet, tuple[Row, ...]]]:
    for sheet in TABLES:
        page = POPULATION if sheet in POPULATION_TABLES else TABLES_PAGE
        yield sheet, tuple(_complete(row, sheet, name) for row in _rows(file.grids[page], sheet, name))


def _complete(row: Row, sheet: Sheet, name: str) -> Row:
    """A row with a cell under every header that its sheet may have."""
    empty = {column.header: RawCell(None, f"{name}, {sheet}") for column in columns_of(sheet)}
    return {**empty, **{header: cell for header, cell in row.items() if header != CELL}}


def _rows(grid: Grid, title: str, name: str, first: str = "") -> Iterator[Row]:
    """Rows of the table of that title, each cell with the place in the workbook that it came from."""
    at = next((row for (row, column), value in sorted(grid.cells.items()) if (column, value) == (1, title)), None)
    while at is not None and grid.cells.get((at + 1, 1)) not in (*ROW_HEADERS, first or None):
        later = (r for (r, column), value in sorted(grid.cells.items()) if (column, value) == (1, title) and r > at)
        at = next(later, None)
    if at is None:
        return
    headers = {column: str(value) for (row, column), value in grid.cells.items() if row == at + 1}
    lines: dict[int, dict[int, object]] = {}
    for (row, column), value in grid.cells.items():
        lines.setdefault(row, {})[column] = value
    number = at + 2
    while number in lines:
        told = {header: lines[number].get(column) for column, header in headers.items()}
        place = f"{name}, {told.get(CELL, title) or ''}"
        yield {header: RawCell(value, place) for header, value in told.items()}
        number += 1

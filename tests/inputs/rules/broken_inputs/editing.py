"""A workbook as sheets of cells that a test may edit: read once from a good file, copied, broken, read again."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import openpyxl

from markov.inputs.parameters import Inputs
from markov.inputs.problems import InputError, Problem
from markov.inputs.reading.file import File, Grid, Position, address, read_file
from markov.inputs.workbook import assemble, sheets_of
from markov.inputs.writing.template import shipped

NAME = "broken.xlsx"


@dataclass
class Page:
    """One sheet: cells by row and column from 1, the merged ranges, and marks that follow cells as they move."""

    cells: dict[Position, object]
    merged: list[tuple[int, int, int, int]] = field(default_factory=list)
    marks: list[list[int]] = field(default_factory=list)

    @property
    def header_row(self) -> int:
        """The row of the headers: the first with most texts among those in which a known header stands."""
        texts: dict[int, list[str]] = {}
        for (row, _), value in self.cells.items():
            if row <= HIGHEST and isinstance(value, str):
                texts.setdefault(row, []).append(value.strip().lower())
        rows = [row for row, words in texts.items() if not HEADERS.isdisjoint(words)]
        return max(rows, key=lambda row: (len(texts[row]), -row), default=4)

    @property
    def columns(self) -> dict[str, int]:
        """The column of each header."""
        row = self.header_row
        line = sorted(((c, v) for (r, c), v in self.cells.items() if r == row), key=lambda cell: -cell[0])
        return {str(value).strip().lower(): column for column, value in line}

    def table(self) -> dict[int, dict[str, object]]:
        """The rows of the table by header."""
        headers = {column: header for header, column in self.columns.items()}
        below: dict[int, dict[str, object]] = {}
        top = self.header_row
        for (row, column), value in self.cells.items():
            if row > top and column in headers:
                below.setdefault(row, {})[headers[column]] = value
        return below

    @property
    def last_row(self) -> int:
        """The last row in which anything stands."""
        return max(row for row, _ in self.cells)

    def rows(self) -> list[int]:
        """The rows of the table."""
        return sorted({row for row, _ in self.cells if row > self.header_row})

    def shift_rows(self, start: int, by: int) -> None:
        """Insert rows before `start`, or delete them from there on."""
        self.cells = {
            (row + by if row >= start else row, column): value
            for (row, column), value in self.cells.items()
            if by > 0 or not start <= row < start - by
        }
        for mark in self.marks:
            mark[0] += by * (mark[0] >= start)
        self.merged = [(t + by * (t >= start), a, b + by * (b >= start), z) for t, a, b, z in self.merged]

    def shift_columns(self, start: int, by: int) -> None:
        """Insert columns before `start`."""
        self.cells = {(row, column + by * (column >= start)): value for (row, column), value in self.cells.items()}
        for mark in self.marks:
            mark[1] += by * (mark[1] >= start)
        self.merged = [(t, a + by * (a >= start), b, z + by * (z >= start)) for t, a, b, z in self.merged]


HEADERS = frozenset(["id", "age", "year", "strategy", "endpoint", "first", "scenario", "date"])
HIGHEST = 60  # no header is pushed further down


@dataclass
class Book:
    """The sheets of a workbook, to be edited."""

    pages: dict[str, Page]
    name: str = NAME
    renamed: dict[str, str] = field(default_factory=dict)

    def __getitem__(self, sheet: str) -> Page:
        return self.pages[sheet]

    def find(self, key: str, header: str = "value", sheet: str = "") -> tuple[str, Position]:
        """The sheet and position of the cell under a header, in the row of an id or of the first column's content."""
        for title, page in self.pages.items():
            if title == "Cover" or (sheet and title != sheet) or (not sheet and title in ("Scenarios", "Correlations")):
                continue
            columns = page.columns
            first = columns.get("id") if title != "Scenarios" else columns["scenario"]
            for row in page.rows():
                if str(page.cells.get((row, first or 1))) == key:
                    return title, (row, columns[header])
        raise AssertionError(f"{key} stands nowhere")

    def get(self, key: str, header: str = "value", sheet: str = "") -> object:
        """What stands in a cell."""
        title, position = self.find(key, header, sheet)
        return self.pages[title].cells.get(position)

    def put(self, key: str, value: object, header: str = "value", sheet: str = "") -> str:
        """Change a cell; its place."""
        title, position = self.find(key, header, sheet)
        self.pages[title].cells[position] = value
        return self.place(title, position)

    def at(self, key: str, header: str = "value", sheet: str = "") -> str:
        """The place of a cell."""
        return self.place(*self.find(key, header, sheet))

    def title(self, sheet: str) -> str:
        """What a sheet is called now."""
        return next((title for title, before in self.renamed.items() if before == sheet), sheet)

    def strategies(self) -> list[str]:
        """Ids of the strategies."""
        page = self.pages[self.title("Strategies")]
        return [str(page.cells.get((row, page.columns["id"]))) for row in page.rows()]

    def place(self, sheet: str, position: Position) -> str:
        """A cell as problems name it."""
        return f"{self.name}, {self.renamed.get(sheet, sheet)}!{address(position)}"

    def append(self, sheet: str, values: dict[str, object], told: str = "value") -> str:
        """A new row below the last one; the place of the cell under `told`."""
        page = self.pages[sheet]
        row, columns = page.last_row + 1, page.columns
        for header, value in values.items():
            page.cells[row, columns[header]] = value
        return self.place(sheet, (row, columns[told]))

    def add(self, sheet: str, identifier: str, value: object, unit: str | None = None) -> str:
        """A new parameter row with a source; the place of its value."""
        row = {"id": identifier, "value": value, "unit": unit, "source": "test", "status": "assumption"}
        return self.append(sheet, row)

    def remove(self, key: str, sheet: str = "") -> None:
        """Delete the row of an id."""
        title, (row, _) = self.find(key, next(iter(self.pages[sheet].columns)) if sheet else "id", sheet)
        self.pages[title].shift_rows(row, -1)

    def rename_header(self, sheet: str, header: str, to: str | None) -> str:
        """Change a header; the place of its cell."""
        page = self.pages[sheet]
        position = (page.header_row, page.columns[header])
        page.cells[position] = to
        return self.place(sheet, position)

    def file(self) -> File:
        """The workbook as the reader meets it; a text that starts with = is a formula that was never calculated."""
        return File(self.name, {title: _grid(page) for title, page in self.pages.items()})

    def read(self) -> Inputs:
        """Read the workbook, or raise InputError."""
        return assemble(*sheets_of(self.file()))

    def save(self, folder: Path) -> Path:
        """The same as a file on disk."""
        book = openpyxl.Workbook()
        book.remove(book.worksheets[0])
        for title, page in self.pages.items():
            sheet = book.create_sheet(title)
            for (row, column), value in page.cells.items():
                sheet.cell(row, column, value)
            for top, left, bottom, right in page.merged:
                sheet.merge_cells(start_row=top, start_column=left, end_row=bottom, end_column=right)
        path = folder / self.name
        book.save(path)
        return path


def _grid(page: Page) -> Grid:
    formulas = {position for position, value in page.cells.items() if isinstance(value, str) and value.startswith("=")}
    cells = {p: v for p, v in page.cells.items() if p not in formulas and v is not None and not _swallowed(p, page)}
    return Grid(cells, frozenset(formulas), tuple(page.merged))


def _swallowed(position: Position, page: Page) -> bool:
    """Whether a merged range hides the cell: Excel keeps the first cell of it alone."""
    row, column = position
    return any(
        top <= row <= bottom and left <= column <= right and position != (top, left)
        for top, left, bottom, right in page.merged
    )


@lru_cache(maxsize=8)
def _original(name: str) -> File:
    return read_file(shipped(name))


def good_book(name: str = "calgb_100104") -> Book:
    """A fresh copy of a shipped workbook."""
    return Book({title: Page(dict(grid.cells), list(grid.merged)) for title, grid in _original(name).grids.items()})


def problems_of(book: Book) -> tuple[Problem, ...]:
    """Everything that is said of a workbook, warnings included."""
    try:
        return book.read().warnings
    except InputError as error:
        return error.problems


def told_at(found: tuple[Problem, ...], place: str, *, warnings: bool = False) -> Iterator[str]:
    """What is said of a place."""
    return (str(problem) for problem in found if problem.place == place and problem.warning == warnings)

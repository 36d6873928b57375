"""Sheets of formulas: long columns that are the same in every row, and single named cells, each with its value.

A column's formula stands once, with marks for its own row and for rows nearby; the rows are filled in while the file
is written, which takes a tenth of the time of writing cell by cell.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any

import numpy as np
from xlsxwriter.utility import xl_col_to_name
from xlsxwriter.worksheet import Worksheet

from markov.report.live.formulas import OWN_ROW, Operand, Term, Value, number, term
from markov.terms import Array

FIRST_ROW = 9  # of cycle 0, on every sheet with a row a cycle; the two rows above it are empty: before time zero
GROUP, HEADER, WORDS = 3, 4, 5  # rows above, counted from 0
CYCLE_BY_CYCLE = Term("cycle_by_cycle", 0.0)
"""A named cell that holds 0, added to columns that depend on each other's earlier rows.

LibreOffice (7.4) calculates many rows of a column at once, and takes stale values where columns lean on each other in
turn; a formula with a look-up in it, as behind this name, is calculated cell by cell.
"""
MARK = re.compile(f"[{chr(OWN_ROW - 0x100)}-{chr(0xF8FF)}]")


def mark(offset: int) -> str:
    """The sign that stands for the number of a row, so many rows below a formula's own."""
    return chr(OWN_ROW + offset)


@dataclass(frozen=True, eq=False)
class Column(Term):
    """A column of a grid: as a term, its cell in a formula's own row; beside it, other rows and the whole range."""

    sheet: str = ""
    letter: str = ""
    header: str = ""

    @classmethod
    def on(cls, sheet: str, index: int, header: str, values: Array) -> "Column":
        """Column number `index` of a sheet."""
        letter = xl_col_to_name(index)
        return cls(f"'{sheet}'!{letter}{mark(0)}", values, sheet=sheet, letter=letter, header=header)

    def shifted(self, rows: int) -> Term:
        """The cell so many rows below; beyond the column stands nothing."""
        values = np.zeros_like(self.value)
        n = len(values)
        if rows < 0:
            values[-rows:] = self.value[: n + rows]
        else:
            values[: n - rows] = self.value[rows:]
        return Term(f"'{self.sheet}'!{self.letter}{mark(rows)}", values)

    @property
    def before(self) -> Term:
        """The cell above: the cycle before."""
        return self.shifted(-1)

    @property
    def after(self) -> Term:
        """The cell below: the cycle after, or the cycle's end."""
        return self.shifted(1)

    @property
    def every(self) -> Term:
        """The whole column."""
        first, last = FIRST_ROW, FIRST_ROW + len(self.value) - 1
        return Term(f"'{self.sheet}'!${self.letter}${first}:${self.letter}${last}", self.value)

    @property
    def first(self) -> Term:
        """The cell of cycle 0."""
        return Term(f"'{self.sheet}'!${self.letter}${FIRST_ROW}", float(self.value[0]))

    # Ranges that differ by row: their values are (rows, cells of the range), filled up with zeros.

    def _range(self, first: str, last: str, value: Array) -> Term:
        return Term(f"'{self.sheet}'!{self.letter}{first}:{self.letter}{last}", value)

    def rows_from(self, first: int, count: int) -> Term:
        """So many rows, from row number `first` on: the same range in every row."""
        top = FIRST_ROW + first
        return self._range(f"${top}", f"${top + count - 1}", self.value[first : first + count])

    def ahead(self, count: int, *, skip: int = 0) -> Term:
        """So many cells below a row's own, after some that are skipped; beyond the column stands nothing."""
        padded = np.concatenate([self.value, np.zeros(count + skip + 1)])
        windows = np.lib.stride_tricks.sliding_window_view(padded, count)
        return self._range(mark(1 + skip), mark(count + skip), windows[1 + skip :][: len(self.value)])

    @property
    def earlier(self) -> Term:
        """The cells above, from the empty one before cycle 0 on, so that cycle 0 has a range too."""
        rows = len(self.value)
        before = np.concatenate([[0.0], self.value[:-1]])
        return self._range(f"${FIRST_ROW - 1}", mark(-1), np.tril(np.broadcast_to(before, (rows, rows))))

    @property
    def upto(self) -> Term:
        """The cells from cycle 0 to a row's own."""
        rows = len(self.value)
        return self._range(f"${FIRST_ROW}", mark(0), np.tril(np.broadcast_to(self.value, (rows, rows))))

    def youngest(self, written: Term, number_of: Term, least: int) -> Term:
        """Of a column by age that runs backwards, its last cells: as many as a row's number and one more.

        They end at the age `least`. `written` is the number of rows.
        """
        rows = len(self.value)
        ages = np.arange(rows)[:, None] - np.arange(rows) + least
        value = np.where(ages >= least, self.value[::-1][np.clip(ages, 0, rows - 1)], 0.0)
        start = written - number_of if least == 0 else written - least - number_of
        last = FIRST_ROW + rows - 1 - least
        return Term(f"INDEX({self.every.text},{start.text}):'{self.sheet}'!${self.letter}${last}", value)


def in_rows(cell: Term) -> Term:
    """A row's own cell beside ranges that differ by row: its values stand across, not along."""
    value = cell.value[:, None] if np.ndim(cell.value) == 1 else cell.value
    return Term(cell.text, value, cell.level)


@dataclass
class _Filled:
    """A column as it is written: its formula, the one of its first row, and how many rows it has."""

    column: Column
    header: str
    words: str
    look: str
    formula: Term | None = None
    start: Term | None = None
    values: Value = None


@dataclass
class Grid:
    """A sheet with a row a cycle: columns of one formula each, under a header and the formula in words."""

    name: str
    title: str
    subtitle: str
    rows: int
    columns: list[_Filled] = field(default_factory=list)
    groups: list[tuple[int, str]] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)
    in_turn: bool = False

    def group(self, words: str, *, in_turn: bool = False) -> None:
        """The columns that follow belong together, under these words; `in_turn` where they lean on each other."""
        self.in_turn = in_turn
        self.groups.append((len(self.columns), words))

    def reserve(self, header: str, words: str, values: Array, look: str = "number") -> Column:
        """A column whose formula refers to itself, or to later ones: its place and values now, its formula by `fill`.

        `values` has one entry a row of the sheet, or is filled up with zeros.
        """
        full = np.zeros(self.rows)
        full[: min(len(values), self.rows)] = values[: self.rows]
        column = Column.on(self.name, len(self.columns), header, full)
        self.columns.append(_Filled(column, header, words, look))
        return column

    def fill(self, column: Column, formula: Operand, *, start: Operand | None = None, rows: int | None = None) -> None:
        """Give a reserved column its formula, and another one for its first row where it begins with a value."""
        filled = next(c for c in self.columns if c.column is column)
        made, begins = term(formula), None if start is None else term(start)
        if self.in_turn:
            made = made + CYCLE_BY_CYCLE
        values = np.array(np.broadcast_to(number(made.value), self.rows), dtype=float)
        if begins is not None:
            values[0] = number(begins.value)
        filled.formula, filled.start, filled.values = made, begins, values[: self.rows if rows is None else rows]

    def add(
        self, header: str, words: str, formula: Operand, look: str = "number", *, rows: int | None = None
    ) -> Column:
        """A column of one formula, in so many rows; in all but the last unless told otherwise: a cycle has an end."""
        count = self.rows - 1 if rows is None else rows
        values = np.zeros(self.rows)
        values[:count] = np.broadcast_to(number(term(formula).value), self.rows)[:count]
        column = self.reserve(header, words, values, look)
        self.fill(column, formula, rows=count)
        return column

    def name_range(self, name: str, column: Column) -> Term:
        """A defined name for a whole column."""
        self.names[name] = column.every.text
        return Term(name, column.value)

    def named(self, name: str) -> Array:
        """Values of the column behind a defined name."""
        letter = self.names[name].split("$")[1]
        return np.asarray(next(f.values for f in self.columns if f.column.letter == letter), dtype=float)

    def bring(self, column: Column) -> Column:
        """A copy of another sheet's column, row by row, so that this sheet's formulas refer to their own rows."""
        values = np.array(column.value[: self.rows], dtype=float)
        copied = self.reserve(column.header, f"of {column.sheet}", values, "increment")
        filled = self.columns[-1]
        filled.formula, filled.values = Term(column.text, values), values[: self.rows - 1]
        return copied

    def cells(self, number_of: int, style: int) -> list[str]:
        """The cells of a column as the file holds them."""
        filled = self.columns[number_of]
        assert filled.formula is not None, filled.header
        letter, own, values = filled.column.letter, f"'{self.name}'!", filled.values
        formula = filled.formula.text.replace(own, "")
        if filled.start is None:
            return [*_cells(letter, formula, style, FIRST_ROW, values, number_of)]
        start = filled.start.text.replace(own, "")
        first = _cells(letter, start, style, FIRST_ROW, values[:1], number_of)
        return [*first, *_cells(letter, formula, style, FIRST_ROW + 1, values[1:], number_of)]


def _cells(letter: str, text: str, style: int, first: int, values: Array, number_of: int) -> Iterator[str]:
    """Consecutive cells of one formula: told once for the column where it refers to its own sheet, else in each cell.

    Excel keeps a formula that is filled down in the same way; not so where it refers to another sheet.
    """
    told = np.nan_to_num(values).tolist()
    offsets = [ord(found) - OWN_ROW for found in MARK.findall(text)]
    pattern = MARK.sub("%d", escape(text, quote=False).replace("%", "%%"))
    if "!" not in text and len(told) > 1:
        place = f'<c r="{letter}%d" s="{style}"><f t="shared" '
        formula = pattern % tuple(first + offset for offset in offsets)
        ends = f"{letter}{first}:{letter}{first + len(told) - 1}"
        yield f'{place % first}ref="{ends}" si="{number_of}">{formula}</f><v>{told[0]:.15g}</v></c>'
        cell = f'{place}si="{number_of}"/><v>%.15g</v></c>'
        yield from (cell % (row, value) for row, value in enumerate(told[1:], start=first + 1))
        return
    cell = f'<c r="{letter}%d" s="{style}"><f>{pattern}</f><v>%.15g</v></c>'
    for row, value in enumerate(told, start=first):
        yield cell % (row, *(row + offset for offset in offsets), value)


class GridSheet(Worksheet):  # type: ignore[misc]  # XlsxWriter has no types
    """A worksheet that writes the long columns of a grid below the cells written one by one.

    XlsxWriter's public methods know no formula that is told once for a column, and with a formula
    in each cell a lifetime model takes 9.3 s and 3.5 MB instead of 0.5 s and 1.8 MB. So two methods of its own are
    replaced, and a test keeps watch over them.
    """

    def __init__(self) -> None:
        super().__init__()
        self.grid: Grid | None = None
        self.column_looks: list[Any] = []

    def _write_dimension(self) -> None:
        assert self.grid is not None
        right = xl_col_to_name(len(self.grid.columns) - 1)
        self._xml_empty_tag("dimension", [("ref", f"A1:{right}{FIRST_ROW + self.grid.rows - 1}")])

    def _write_sheet_data(self) -> None:
        assert self.grid is not None
        self._xml_start_tag("sheetData")
        self._write_rows()
        styles = [look._get_xf_index() for look in self.column_looks]
        columns = [self.grid.cells(i, style) for i, style in enumerate(styles)]
        for i in range(max(len(cells) for cells in columns)):
            row = "".join(cells[i] for cells in columns if i < len(cells))
            self.fh.write(f'<row r="{FIRST_ROW + i}">{row}</row>')
        self._xml_end_tag("sheetData")


@dataclass
class Listed:
    """A line of a list of named cells; without a formula, a heading."""

    name: str
    label: str
    formula: Term | None = None
    look: str = "number"
    constant: float | None = None


@dataclass
class Listing:
    """A sheet of single cells worked out once, each with a name and a sentence."""

    name: str
    title: str
    subtitle: str
    lines: list[Listed] = field(default_factory=list)

    def heading(self, words: str) -> None:
        """The lines that follow belong together."""
        self.lines.append(Listed("", words))

    def add(self, name: str, label: str, formula: Operand, look: str = "number") -> Term:
        """A named cell; returns it for use in formulas."""
        made = term(formula)
        if isinstance(made.value, np.ndarray):
            made = Term(made.text, made.value.item(), made.level)
        if made.value is None:
            made = Term(made.text, 0.0, made.level)  # what Excel makes of a formula that finds an empty cell
        self.lines.append(Listed(name, label, made, look))
        return Term(name, made.value)

    def constant(self, name: str, label: str, value: float) -> Term:
        """A named cell that holds a number."""
        self.lines.append(Listed(name, label, constant=value))
        return Term(name, value)


def as_cell(value: Value) -> Value:
    """A value as a cell holds it: a number, a truth or a word; not a number stands as 0."""
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if isinstance(value, str) or value is None:
        return value or ""
    return float(np.nan_to_num(value))


def texts(grid: Grid) -> Sequence[str]:
    """The formulas of a grid, one a column."""
    return [filled.formula.text for filled in grid.columns if filled.formula is not None]

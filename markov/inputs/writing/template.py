"""Writes input workbooks from the schema: blank ones, and worked ones from the readable text of `inputs/sources`."""

import io
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from markov.excel.files import write_packed
from markov.excel.style import LINE_HEIGHT, lines_needed, make_formats, set_page
from markov.inputs import agencies, standards
from markov.inputs.cells import Row, Sheets, row_of
from markov.inputs.definitions.schema import (
    DEFINITIONS,
    PARAMETER_SHEETS,
    SCHEMA_VERSION,
    SHEET_PURPOSE,
    TABLES,
    Definition,
    Quantity,
    Sheet,
    columns_of,
    definition_of,
    ids_of,
    label_of,
    unit_of,
)
from markov.inputs.writing.sources import CoverText, read_sources, sources_folder
from markov.terms import Distribution, Endpoint, Status

HEADER_ROW = 3  # counted from 0: title, purpose and link stand above


def worked_names() -> tuple[str, ...]:
    """Names of the shipped decision problems.

    >>> "calgb_100104" in worked_names()
    True
    """
    return tuple(sorted(path.parent.name for path in sources_folder().glob("*/workbook.toml")))


def shipped(name: str) -> Path:
    """The shipped workbook of that name, built from its sources if it is not in the repository's `inputs`.

    >>> shipped("calgb_100104").name
    'calgb_100104.xlsx'
    """
    path = sources_folder().parent / f"{name}.xlsx"
    if path.exists():
        return path
    path = Path(tempfile.mkdtemp()) / f"{name}.xlsx"
    build(sources_folder() / name, path)
    return path


def build(source: Path, target: Path) -> None:
    """Build a workbook from a folder of readable text.

    >>> file = Path(tempfile.mkdtemp()) / "calgb.xlsx"
    >>> build(sources_folder() / "calgb_100104", file)
    >>> file.exists()
    True
    """
    cover, sheets = read_sources(source)
    write_workbook(target, cover, sheets)


# ------------------------------------------------------------------------------------- writing a workbook


def write_workbook(path: Path, cover: CoverText, sheets: Sheets) -> None:
    """Write a workbook from rows by sheet: formats, dropdowns, limits, defined names and links; no macros.

    Raises ReportError where the place cannot be written; what was there is then as it was.

    >>> file = Path(tempfile.mkdtemp()) / "new.xlsx"
    >>> write_workbook(file, BLANK_COVER, blank_sheets(["no_maintenance", "new_drug"]))
    >>> file.exists()
    True
    """
    write_packed(path, lambda file: _Workbook(file, cover, _with_lists(sheets)).write())


def _with_lists(sheets: Sheets) -> Sheets:
    """The tables with what the program knows of agencies and checklists, where they have no rows of their own."""
    known = {Sheet.REFERENCE_CASE: agencies.default_rows(), Sheet.REPORTING: standards.default_rows()}
    return replace(sheets, rows={**sheets.rows, **{s: rows for s, rows in known.items() if not sheets.rows.get(s)}})


COLOUR_KEY = (
    ("input", "A cell to edit: values and choices"),
    ("changed", "A value that differs from the base case printed beside it"),
    ("weak", "A figure that is assumed, derived or not verified against its paper"),
    ("header", "Headers: the program finds columns by these words"),
)
HOW_TO = (
    "Edit the cells in the input colour, save, and run the program on this file. It never writes to this file.",
    "Rows may be inserted or moved, columns added, and formulas used: values are found by id and header.",
    "Every value cell carries its id as a defined name: type the id in Excel's name box to go there.",
    "Proportions are fractions: 0.52, or 52 % in a cell formatted as a percentage. The decimal sign is a point.",
    "A value without a status of seed or read has not been checked against its paper: do so before a submission.",
)


EDITED = (
    *("value", "included", "qx_male", "qx_female", "index", "hazard ratio", "correlation", "rationale", "text"),
    "confidential",
)


class _Workbook:
    """A workbook that is being written from rows by sheet."""

    def __init__(self, file: io.BytesIO, cover: CoverText, sheets: Sheets):
        from markov.excel.book import Book

        self.book, self.cover, self.sheets = Book(file, cover.title), cover, sheets
        self.formats = make_formats(self.book)
        self.labels = {row["id"].text(): row["label"].text() for row in sheets.rows[Sheet.STRATEGIES]}

    def write(self) -> None:
        """Every sheet in its order."""
        self._cover()
        for sheet in list(Sheet)[1:]:
            self._sheet(sheet)
        self.book.close()

    def _cover(self) -> None:
        page, cover, formats = self.book.add_worksheet(Sheet.COVER.value), self.cover, self.formats
        page.set_column("A:A", 24)
        page.set_column("B:B", 110)
        page.set_tab_color("#1F3A5F")
        head = (("Title", cover.title, "title"), ("Purpose", cover.purpose, "lead"))
        for row, (label, words, look) in enumerate((*head, ("Schema version", SCHEMA_VERSION, "text"))):
            page.write(row, 0, label, formats["strong"])
            page.write(row, 1, words, formats[look])
        page.set_row(1, 17 * lines_needed(cover.purpose, 95))
        row = 4
        for heading, lines in (("Notes", cover.notes), ("How to use this workbook", HOW_TO)):
            if lines:
                page.write(row, 0, heading, formats["strong"])
                for line in lines:
                    page.write(row, 1, line, formats["plain"])
                    page.set_row(row, LINE_HEIGHT * lines_needed(line, 110))
                    row += 1
                row += 1
        for look, words in COLOUR_KEY:
            page.write(row, 0, "Colour key" if look == "input" else "", formats["strong"])
            page.write(row, 1, words, formats[look])
            row += 1
        row += 1
        page.write(row, 0, "Contents", formats["section"])
        page.write(row, 1, "What each sheet holds", formats["section"])
        for sheet in list(Sheet)[1:]:
            row += 1
            page.write_url(row, 0, f"internal:'{sheet}'!A1", formats["link"], sheet.value)
            count = len(self.sheets.rows.get(sheet, ()))
            page.write(row, 1, f"{SHEET_PURPOSE[sheet]} ({count} rows)", formats["plain"])
        set_page(page, cover.title, pages_high=1)

    def _sheet(self, sheet: Sheet) -> None:
        page, columns, rows = self.book.add_worksheet(sheet.value), columns_of(sheet), self.sheets.rows.get(sheet, ())
        page.set_tab_color("#2F6DB5" if sheet in PARAMETER_SHEETS else "#8FA6C0")
        page.write(0, 0, sheet.value, self.formats["title"])
        page.write(1, 0, SHEET_PURPOSE[sheet])
        page.write_url(2, 0, f"internal:'{Sheet.COVER}'!A1", self.formats["link"], "Back to the cover")
        page.set_row(HEADER_ROW, 30)
        for i, column in enumerate(columns):
            page.set_column(i, i, column.width)
            page.write(HEADER_ROW, i, column.header, self.formats["header"])
            page.write_comment(HEADER_ROW, i, column.help)
        for number, row in enumerate(rows, start=HEADER_ROW + 1):
            values, lines = _filled(row, sheet, self.labels), 1
            for i, column in enumerate(columns):
                value = values.get(column.header)
                page.write(number, i, value, self.formats[_look(column.header, value, row)])
                lines = max(lines, lines_needed(str(value or ""), column.width))
            page.set_row(number, LINE_HEIGHT * lines)
        last = HEADER_ROW + max(len(rows), 1)
        page.freeze_panes(HEADER_ROW + 1, 2 if len(columns) > 4 else 0)
        page.autofilter(HEADER_ROW, 0, last, len(columns) - 1)
        page.repeat_rows(HEADER_ROW)
        if sheet in PARAMETER_SHEETS:
            self._guard(page, sheet, rows, last)
        elif sheet is Sheet.STRATEGIES:
            page.data_validation(HEADER_ROW + 1, 2, last, 2, _list(["yes", "no"]))
        set_page(page, self.cover.title)

    def _guard(self, page: Any, sheet: Sheet, rows: Sequence[Row], last: int) -> None:
        """Choices, limits and defined names of the value cells; highlight of what differs from the base case."""
        position = {column.header: i for i, column in enumerate(columns_of(sheet))}
        value, first = position["value"], HEADER_ROW + 1
        held, base = (chr(ord("A") + position[header]) for header in ("value", "base case"))
        for number, row in enumerate(rows, start=first):
            identifier = row["id"].text()
            definition = definition_of(identifier)
            self.book.define_name(identifier, f"='{sheet}'!${held}${number + 1}")
            refers = ".reference." in identifier or identifier == "settings.reference"
            options = list(self.labels) if refers else list(definition.choices)
            if options or definition.quantity is not None:
                page.data_validation(number, value, number, value, _list(options) if options else _limits(definition))
        lists = (("distribution", tuple(Distribution)), ("status", tuple(Status)), ("confidential", ("yes", "no")))
        for header, source in lists:
            page.data_validation(first, position[header], last, position[header], _list(source))
        differs = f'=AND(${base}{first + 1}<>"",${held}{first + 1}<>${base}{first + 1})'
        rule = {"type": "formula", "criteria": differs, "format": self.formats["changed"]}
        page.conditional_format(first, value, last, value, rule)


def _filled(row: Row, sheet: Sheet, labels: Mapping[str, str]) -> dict[str, object]:
    """The row's values by header, with the schema's label and unit where the row leaves them out."""
    values: dict[str, object] = {header: cell.value for header, cell in row.items()}
    if sheet in PARAMETER_SHEETS:
        identifier = row["id"].text()
        definition = definition_of(identifier)
        values["label"] = values.get("label") or label_of(identifier, labels)
        values["unit"] = values.get("unit") or unit_of(definition, "GBP") or None
        if not definition.is_method and not values.get("distribution"):
            values["distribution"] = Distribution.FIXED.value
    return values


def _look(header: str, value: object, row: Row) -> str:
    if header in EDITED or (header in ("male", "female", "scenario") and "id" not in row):
        return "input"
    if header == "status" and value not in (None, "", Status.READ, Status.SEED):
        return "weak"
    return {"base case": "base", "id": "strong"}.get(header, "text")


def _list(options: Sequence[str]) -> dict[str, object]:
    return {"validate": "list", "source": [str(option) for option in options]}


def _limits(definition: Definition) -> dict[str, object]:
    quantity = definition.quantity or Quantity({})
    return {
        "validate": "decimal",
        "criteria": "between",
        "minimum": max(quantity.low, -1e9),
        "maximum": min(quantity.high, 1e9),
        "error_title": "Out of range",
        "error_message": f"Between {quantity.low:g} and {quantity.high:g}. The decimal sign is that of your Excel.",
    }


# ------------------------------------------------------------------------------------------ blank workbook

BLANK_COVER = CoverText(
    "New decision problem",
    "A new decision problem: fill the cells in the input colour, then run the program on this file.",
)
_SELDOM = ("knots", "p", *(f"gamma{j}" for j in range(8)))


def blank_sheets(strategies: Sequence[str], currency: str = "GBP") -> Sheets:
    """Rows of every parameter that a new decision problem may need, with defaults where the schema has them.

    >>> rows = blank_sheets(["no_maintenance", "new_drug"]).rows
    >>> [row["id"].text() for row in rows[Sheet.COHORT]][:2]
    ['cohort.age', 'cohort.proportion_female']
    """
    rows: dict[Sheet, tuple[Row, ...]] = {}
    names = {"strategy": list(strategies), "product": ["product"], "event": ["neutropenia"], "course": ["next_line"]}
    names["route"] = ["oral", "injection"]
    for definition in DEFINITIONS:
        parts = definition.pattern.split(".")
        seldom = parts[0] == Endpoint.POST_PROGRESSION or (parts[0] in tuple(Endpoint) and parts[1] in _SELDOM)
        for identifier in () if seldom or definition.sheet is Sheet.STRATEGIES else ids_of(definition.pattern, names):
            default = strategies[0] if identifier == "settings.reference" else definition.default
            row = {"id": identifier, "value": default, "unit": unit_of(definition, currency) or None}
            cells = row_of(row, f"blank, {definition.sheet}")
            rows[definition.sheet] = (*rows.get(definition.sheet, ()), cells)
    included = {"included": "yes", "base case": "yes", "description": ""}
    rows[Sheet.STRATEGIES] = tuple(
        row_of({"id": name, "label": name.replace("_", " ").capitalize(), **included}, "blank") for name in strategies
    )
    for sheet in TABLES:
        rows.setdefault(sheet, ())
    return Sheets("blank", "New decision problem", rows)

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
from markov.inputs.cells import RawCell, Row, Sheets
from markov.inputs.definitions.schema import (
    DEFINITIONS,
    PARAMETER_SHEETS,
    SCHEMA_VERSION,
    SHEET_PURPOSE,
    TABLES,
    Column,
    Sheet,
    columns_of,
    label_of,
    match,
    units_of,
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
    """The shipped workbook of that name, built from its sources if it is not in the repository's `inputs`."""
    path = sources_folder().parent / f"{name}.xlsx"
    if path.exists():
        return path
    path = Path(tempfile.mkdtemp()) / f"{name}.xlsx"
    build(sources_folder() / name, path)
    return path


def build(source: Path, target: Path) -> None:
    """Build a workbook from a folder of readable text."""
    cover, sheets = read_sources(source)
    write_workbook(target, cover, sheets)


# ------------------------------------------------------------------------------------- writing a workbook


def write_workbook(path: Path, cover: CoverText, sheets: Sheets) -> None:
    """Write a workbook from rows by sheet: formats, dropdowns, limits, defined names and links; no macros.

    Raises ReportError where the place cannot be written; what was there is then as it was.
    """
    write_packed(path, lambda file: _fill(file, cover, _with_lists(sheets)))


def _fill(file: io.BytesIO, cover: CoverText, sheets: Sheets) -> None:
    from markov.excel.book import Book

    book = Book(file, cover.title)
    formats = make_formats(book)
    _write_cover(book, formats, cover, sheets)
    for sheet in list(Sheet)[1:]:
        _write_sheet(book, formats, cover, sheet, sheets)
    book.close()


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


def _write_cover(book: Any, formats: Mapping[str, Any], cover: CoverText, sheets: Sheets) -> None:
    page = book.add_worksheet(Sheet.COVER.value)
    page.set_column("A:A", 24)
    page.set_column("B:B", 110)
    page.set_tab_color("#1F3A5F")
    page.write("A1", "Title", formats["strong"])
    page.write("B1", cover.title, formats["title"])
    page.write("A2", "Purpose", formats["strong"])
    page.write("B2", cover.purpose, formats["lead"])
    page.set_row(1, 17 * lines_needed(cover.purpose, 95))
    page.write("A3", "Schema version", formats["strong"])
    page.write("B3", SCHEMA_VERSION, formats["text"])
    row = 4
    for heading, lines in (("Notes", cover.notes), ("How to use this workbook", HOW_TO)):
        if lines:
            page.write(row, 0, heading, formats["strong"])
            for line in lines:
                page.write(row, 1, line, formats["plain"])
                page.set_row(row, LINE_HEIGHT * lines_needed(line, 110))
                row += 1
            row += 1
    page.write(row, 0, "Colour key", formats["strong"])
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
        count = len(sheets.rows.get(sheet, ()))
        page.write(row, 1, f"{SHEET_PURPOSE[sheet]} ({count} rows)", formats["plain"])
    set_page(page, cover.title, pages_high=1)


def _write_sheet(book: Any, formats: Mapping[str, Any], cover: CoverText, sheet: Sheet, sheets: Sheets) -> None:
    page = book.add_worksheet(sheet.value)
    page.set_tab_color("#2F6DB5" if sheet in PARAMETER_SHEETS else "#8FA6C0")
    page.write(0, 0, sheet.value, formats["title"])
    page.write(1, 0, SHEET_PURPOSE[sheet])
    page.write_url(2, 0, f"internal:'{Sheet.COVER}'!A1", formats["link"], "Back to the cover")
    columns = columns_of(sheet)
    page.set_row(HEADER_ROW, 30)
    for i, column in enumerate(columns):
        page.set_column(i, i, column.width)
        page.write(HEADER_ROW, i, column.header, formats["header"])
        page.write_comment(HEADER_ROW, i, column.help)
    rows = sheets.rows.get(sheet, ())
    labels = {row["id"].text(): row["label"].text() for row in sheets.rows[Sheet.STRATEGIES]}
    for number, row in enumerate(rows, start=HEADER_ROW + 1):
        _write_row(page, formats, number, columns, row, _filled(row, sheet, labels))
    last = HEADER_ROW + max(len(rows), 1)
    page.freeze_panes(HEADER_ROW + 1, 2 if len(columns) > 4 else 0)
    page.autofilter(HEADER_ROW, 0, last, len(columns) - 1)
    page.repeat_rows(HEADER_ROW)
    if sheet in PARAMETER_SHEETS:
        _dropdowns(book, page, formats, sheet, columns, rows, sheets)
    elif sheet is Sheet.STRATEGIES:
        page.data_validation(HEADER_ROW + 1, 2, last, 2, {"validate": "list", "source": ["yes", "no"]})
    set_page(page, cover.title)


def _filled(row: Row, sheet: Sheet, labels: Mapping[str, str]) -> dict[str, object]:
    """The row's values by header, with the schema's label and unit where the row leaves them out."""
    values: dict[str, object] = {header: cell.value for header, cell in row.items()}
    if sheet in PARAMETER_SHEETS:
        identifier = row["id"].text()
        found = match(identifier)
        assert found is not None, identifier
        values["label"] = values.get("label") or label_of(identifier, labels)
        values["unit"] = values.get("unit") or next(iter(units_of(found[0], "GBP")), None)
        if not found[0].is_method and not values.get("distribution"):
            values["distribution"] = Distribution.FIXED.value
    return values


EDITED = (
    "value",
    "included",
    "qx_male",
    "qx_female",
    "index",
    "hazard ratio",
    "correlation",
    "rationale",
    "text",
    "confidential",
)


def _write_row(
    page: Any,
    formats: Mapping[str, Any],
    number: int,
    columns: Sequence[Column],
    row: Row,
    values: Mapping[str, object],
) -> None:
    lines = 1
    for i, column in enumerate(columns):
        value = values.get(column.header)
        look = "text"
        if column.header in EDITED or (column.header in ("male", "female", "scenario") and "id" not in row):
            look = "input"
        elif column.header == "base case":
            look = "base"
        elif column.header == "id":
            look = "strong"
        elif column.header == "status" and value not in (None, "", Status.READ, Status.SEED):
            look = "weak"
        page.write(number, i, value, formats[look])
        lines = max(lines, lines_needed(str(value or ""), column.width))
    page.set_row(number, LINE_HEIGHT * lines)


def _dropdowns(
    book: Any,
    page: Any,
    formats: Mapping[str, Any],
    sheet: Sheet,
    columns: Sequence[Column],
    rows: Sequence[Row],
    sheets: Sheets,
) -> None:
    """Choices, limits and defined names of the value cells; highlight of what differs from the base case."""
    position = {column.header: i for i, column in enumerate(columns)}
    value, base = position["value"], position["base case"]
    strategies = [row["id"].text() for row in sheets.rows[Sheet.STRATEGIES]]
    for number, row in enumerate(rows, start=HEADER_ROW + 1):
        identifier = row["id"].text()
        found = match(identifier)
        assert found is not None, identifier
        definition = found[0]
        column = _letter(value)
        book.define_name(identifier, f"='{sheet}'!${column}${number + 1}")
        options = list(definition.choices)
        if ".reference." in identifier or identifier == "settings.reference":
            options = strategies
        if options:
            page.data_validation(number, value, number, value, {"validate": "list", "source": options})
        elif definition.quantity is not None:
            page.data_validation(
                number, value, number, value, _limits(definition.quantity.low, definition.quantity.high)
            )
    first, last = HEADER_ROW + 1, HEADER_ROW + max(len(rows), 1)
    lists = {"distribution": [d.value for d in Distribution], "status": [s.value for s in Status]}
    lists["confidential"] = ["yes", "no"]
    for header, source in lists.items():
        page.data_validation(first, position[header], last, position[header], {"validate": "list", "source": source})
    differs = f'=AND(${_letter(base)}{first + 1}<>"",${_letter(value)}{first + 1}<>${_letter(base)}{first + 1})'
    rule = {"type": "formula", "criteria": differs, "format": formats["changed"]}
    page.conditional_format(first, value, last, value, rule)


def _limits(low: float, high: float) -> dict[str, object]:
    words = f"Between {low:g} and {high:g}. The decimal sign is that of your Excel."
    return {
        "validate": "decimal",
        "criteria": "between",
        "minimum": max(low, -1e9),
        "maximum": min(high, 1e9),
        "error_title": "Out of range",
        "error_message": words,
    }


def _letter(column: int) -> str:
    return chr(ord("A") + column)


# ------------------------------------------------------------------------------------------ blank workbook

BLANK_COVER = CoverText(
    "New decision problem",
    "A new decision problem: fill the cells in the input colour, then run the program on this file.",
)
_SELDOM = ("knots", "p", *(f"gamma{j}" for j in range(8)))


def blank_sheets(strategies: Sequence[str]) -> Sheets:
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
        if definition.sheet is Sheet.STRATEGIES or (parts[0] in tuple(Endpoint) and parts[1] in _SELDOM):
            continue
        if parts[0] == Endpoint.POST_PROGRESSION:
            continue
        for identifier in _expanded(definition.pattern, names):
            default = strategies[0] if identifier == "settings.reference" else definition.default
            row = {"id": identifier, "value": default, "unit": next(iter(units_of(definition, "GBP")), None)}
            cells = {key: RawCell(value, f"blank, {definition.sheet}") for key, value in row.items()}
            rows[definition.sheet] = (*rows.get(definition.sheet, ()), cells)
    rows[Sheet.STRATEGIES] = tuple(
        {
            "id": RawCell(name, "blank"),
            "label": RawCell(name.replace("_", " ").capitalize(), "blank"),
            "included": RawCell("yes", "blank"),
            "base case": RawCell("yes", "blank"),
            "description": RawCell("", "blank"),
        }
        for name in strategies
    )
    for sheet in TABLES:
        rows.setdefault(sheet, ())
    return Sheets("blank", "New decision problem", rows)


def _expanded(pattern: str, names: Mapping[str, Sequence[str]]) -> list[str]:
    found = [pattern]
    for kind, options in names.items():
        found = [p.replace(f"{{{kind}}}", o) for p in found for o in (options if f"{{{kind}}}" in p else options[:1])]
    return list(dict.fromkeys(found))

"""A new workbook from an analyst's one: the schema's rows with some of them changed, and what could not come along.

The analyst's file is only read. Whatever it holds beyond the schema (notes, extra sheets and columns, pictures, the
formulas behind values) has no place in a regenerated workbook and is named, so that nothing is lost unseen.
"""

import datetime
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from markov.inputs.cells import RawCell, Row, Sheets
from markov.inputs.definitions.schema import PARAMETER_SHEETS, TABLES, Sheet, columns_of, match
from markov.inputs.reading.archive import whole_book
from markov.inputs.writing.sources import CoverText
from markov.inputs.writing.template import write_workbook

if TYPE_CHECKING:
    from openpyxl.cell.cell import Cell
    from openpyxl.workbook.workbook import Workbook
    from openpyxl.worksheet.worksheet import Worksheet

Changes = Mapping[str, Mapping[str, object] | None]
"""What to write in a parameter's row, by header; None takes the row away."""

HEADER_ROWS = 30
EXAMPLES = 3  # cells named in a list of what was left behind


def with_rows(sheets: Sheets, changes: Changes) -> Sheets:
    """The tables with parameter rows changed, added beside their kin, or taken away.

    Headers that a change leaves out keep what they hold; a changed value is the new base case.
    """
    rows = {sheet: list(sheets.rows.get(sheet, ())) for sheet in (*PARAMETER_SHEETS, *TABLES)}
    for identifier, change in changes.items():
        found = match(identifier)
        if found is None:
            raise KeyError(identifier)
        table = rows[found[0].sheet]
        at = next((i for i, row in enumerate(table) if row["id"].text() == identifier), None)
        if change is None:
            if at is not None:
                del table[at]
        elif at is None:
            table.insert(_beside_kin(table, identifier), _changed(_row(found[0].sheet, {"id": identifier}), change))
        else:
            table[at] = _changed(table[at], change)
    return replace(sheets, rows={sheet: tuple(table) for sheet, table in rows.items()})


def taken_away(sheets: Sheets, changes: Changes) -> list[str]:
    """Ids of the rows that `with_rows` takes away, of those that are there."""
    present = {row["id"].text() for sheet in PARAMETER_SHEETS for row in sheets.rows.get(sheet, ())}
    return [identifier for identifier, change in changes.items() if change is None and identifier in present]


def _row(sheet: Sheet, values: Mapping[str, object]) -> Row:
    """A row with a cell under every header of its sheet."""
    return {column.header: RawCell(values.get(column.header), f"new row of {sheet}") for column in columns_of(sheet)}


def _changed(row: Row, change: Mapping[str, object]) -> Row:
    written = {header: RawCell(value, "new") for header, value in change.items()}
    if "value" in change:
        written["base case"] = written["value"]
    return {**row, **written}


def _beside_kin(table: Sequence[Row], identifier: str) -> int:
    """After the last row of the same quantity and strategy, else of the same quantity, else at the end."""
    first, last = identifier.split(".")[0], identifier.split(".")[-1]
    ids = [row["id"].text().split(".") for row in table]
    for kin in ([i for i, p in enumerate(ids) if p[0] == first and p[-1] == last], _same(ids, first)):
        if kin:
            return kin[-1] + 1
    return len(table)


def _same(ids: Iterable[Sequence[str]], first: str) -> list[int]:
    return [i for i, parts in enumerate(ids) if parts[0] == first]


def with_table_rows(sheets: Sheets, sheet: Sheet, keep: Iterable[Row], new: Iterable[Mapping[str, object]]) -> Sheets:
    """The tables with one of them replaced: the rows kept, then new ones by header."""
    added = tuple(_row(sheet, row) for row in new)
    return replace(sheets, rows={**sheets.rows, sheet: (*keep, *added)})


def with_rows_in_place(
    sheets: Sheets, sheet: Sheet, keys: Sequence[str], new: Sequence[Mapping[str, object]]
) -> Sheets:
    """The tables with new rows of one of them in place of those that have the same keys."""
    given = {tuple(str(row[key]) for key in keys) for row in new}
    kept = [row for row in sheets.rows.get(sheet, ()) if tuple(row[key].text() for key in keys) not in given]
    return with_table_rows(sheets, sheet, kept, new)


def with_correlations(sheets: Sheets, changed: Iterable[str], new: Iterable[Mapping[str, object]]) -> Sheets:
    """The tables with new correlations in place of those of the parameters that were written or taken away."""
    ids = set(changed)
    rows = sheets.rows.get(Sheet.CORRELATIONS, ())
    kept = [row for row in rows if not ids & {row["first"].text(), row["second"].text()}]
    return with_table_rows(sheets, Sheet.CORRELATIONS, kept, new)


def with_log(sheets: Sheets, who: str, what: str, why: str, today: datetime.date) -> Sheets:
    """The tables with one more line in the change log."""
    line = {"date": today.isoformat(), "who": who, "what": what, "why": why}
    return with_table_rows(sheets, Sheet.CHANGE_LOG, sheets.rows.get(Sheet.CHANGE_LOG, ()), [line])


def regenerate(source: Path, sheets: Sheets, target: Path) -> tuple[str, ...]:
    """Write tables as a new workbook under the source's cover; returns what of the source could not be carried.

    The source is not touched. Raises FileExistsError where the target is the source.
    """
    if target.resolve() == source.resolve():
        raise FileExistsError(f"{target} is the workbook that was read: choose another name.")
    book = whole_book(source)
    left = tuple(_left_behind(book))
    plain = {sheet: tuple(_plain(row) for row in rows) for sheet, rows in sheets.rows.items()}
    write_workbook(target, _cover(book, sheets.title), replace(sheets, rows=plain))
    return left


def _plain(row: Row) -> Row:
    """Dates as year-month-day, as the template writes them."""
    return {
        header: RawCell(cell.value.strftime("%Y-%m-%d"), cell.place)
        if isinstance(cell.value, datetime.datetime | datetime.date)
        else cell
        for header, cell in row.items()
    }


def _cover(book: "Workbook", title: str) -> CoverText:
    """The cover's words: purpose and notes."""
    page = next((book[name] for name in book.sheetnames if name.strip().lower() == Sheet.COVER.value.lower()), None)
    if page is None:
        return CoverText(title, "")
    heading, found = "", dict[str, list[str]]()
    words_at = {(cell.row, cell.column): cell.value for cell in _cells(page) if cell.value is not None}
    before = 0
    for row in sorted({row for row, column in words_at if column <= 2}):
        label, words = words_at.get((row, 1)), words_at.get((row, 2))
        heading = str(label) if label else ("" if words is None or row > before + 1 else heading)
        before = row
        if words is not None:
            found.setdefault(heading, []).append(str(words))
    return CoverText(title, " ".join(found.get("Purpose", [""])), tuple(found.get("Notes", ())))


def _left_behind(book: "Workbook") -> Iterator[str]:
    known = {sheet.value.lower(): sheet for sheet in Sheet}
    for page in book.worksheets:
        sheet = known.get(page.title.strip().lower())
        if sheet is None:
            yield f'sheet "{page.title}"'
            continue
        pictures = len(getattr(page, "_images", ())) + len(getattr(page, "_charts", ()))
        if pictures:
            yield f"{pictures} picture{'s' * (pictures > 1)} on {sheet}"
        if sheet is not Sheet.COVER:
            yield from _left_on(page, sheet)


def _cells(page: "Worksheet") -> "list[Cell]":
    """The cells that are there, from top to bottom: a sheet may have its last one in row 1,048,576."""
    stored = getattr(page, "_cells")  # noqa: B009 - private, and in no stub
    return [stored[position] for position in sorted(stored)]


def _left_on(page: "Worksheet", sheet: Sheet) -> Iterator[str]:
    """Columns, notes and formulas of one sheet that the schema has no place for."""
    wanted, cells = {column.header for column in columns_of(sheet)}, _cells(page)
    header = _header_row(cells, wanted)
    names = {cell.column: str(cell.value or "").strip() for cell in cells if cell.row == header}
    below = [cell for cell in cells if cell.row > header]
    for number in sorted({cell.column for cell in below if cell.value is not None}):
        if names.get(number, "").lower() not in wanted:
            yield f'column "{names.get(number) or number}" of {sheet}'
    yield from _named("note", [c.coordinate for c in below if c.comment is not None], sheet)
    yield from _named("formula (its value is kept)", [c.coordinate for c in below if c.data_type == "f"], sheet)


def _header_row(cells: "Iterable[Cell]", wanted: set[str]) -> int:
    """The first of the rows with most of the headers."""
    found: dict[int, set[str]] = {}
    for cell in cells:
        if cell.row <= HEADER_ROWS and cell.value is not None:
            found.setdefault(cell.row, set()).add(str(cell.value).strip().lower())
    return max(found, key=lambda row: (len(wanted & found[row]), -row), default=1)


def _named(what: str, cells: Sequence[str], sheet: Sheet) -> Iterator[str]:
    if cells:
        more = f" and {len(cells) - EXAMPLES} more" if len(cells) > EXAMPLES else ""
        yield f"{what} at {sheet}!{', '.join(cells[:EXAMPLES])}{more}"

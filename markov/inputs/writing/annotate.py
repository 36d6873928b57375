"""A copy of a workbook with each problem marked on its cell and a list of them with links; the original is untouched.

The copy is for finding the cells, not for working in: openpyxl writes it, and that loses drawings, some validations
and the values beside formulas.
"""

import re
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from markov.excel.files import write_packed
from markov.excel.style import BAD, FONT, HEADER, PAPER, WARN
from markov.inputs.problems import Problem
from markov.inputs.reading.archive import MB, whole_book

if TYPE_CHECKING:
    from openpyxl.cell.cell import Cell
    from openpyxl.workbook.workbook import Workbook
    from openpyxl.worksheet.worksheet import Worksheet

LIST, MARK = "Problems", "Marked copy: mend the problems in the original, not here"
COLUMNS = (("No.", 6), ("Kind", 10), ("Where", 28), ("Rule", 70), ("Found", 40), ("Remedy", 70))
CELL = re.compile(r"(?P<sheet>[^!]+)!(?P<cell>[A-Z]{1,3}\d+)")
UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
NOTE_SIZE = (420, 130)  # width and height of a note, in points


def is_marked_copy(path: Path) -> bool:
    """Whether a file is a copy that `annotate` wrote, and may be written again."""
    try:
        with zipfile.ZipFile(path) as archive, archive.open("docProps/core.xml") as stream:
            return MARK.encode() in stream.read(MB)
    except (OSError, KeyError, RuntimeError, zipfile.BadZipFile, zlib.error):
        return False


def annotate(source: Path, problems: Sequence[Problem], target: Path) -> int:
    """Write a copy with every problem on its cell and in a list at the front; returns how many cells are marked.

    Raises FileExistsError where the target is the source, ReportError where it cannot be written.
    """
    if target.resolve() == source.resolve():
        raise FileExistsError(f"{target} is the workbook itself: choose another name.")
    book = whole_book(source)
    found = [_located(problem, source.name, book) for problem in problems]
    marks: dict[tuple[str, str], list[tuple[int, Problem]]] = {}
    for number, (problem, (sheet, cell)) in enumerate(zip(problems, found, strict=True), start=1):
        if cell:
            marks.setdefault((sheet, cell), []).append((number, problem))
    for (sheet, cell), told in marks.items():
        _mark(book[sheet], cell, told)
    _write_list(book, problems, found)
    book.properties.title = MARK
    write_packed(target, book.save)
    return len(marks)


def _located(problem: Problem, file: str, book: "Workbook") -> tuple[str, str]:
    """The sheet as it is called in this file, and the cell; empty where the problem has none."""
    place = problem.place.removeprefix(file).removeprefix(", ")
    match = CELL.fullmatch(place)
    wanted = " ".join((match["sheet"] if match else place).lower().split())
    sheet = next((page.title for page in book.worksheets if " ".join(page.title.lower().split()) == wanted), "")
    return sheet, match["cell"] if match and sheet else ""


def _mark(page: "Worksheet", cell: str, told: Sequence[tuple[int, Problem]]) -> None:
    from openpyxl.comments import Comment
    from openpyxl.styles import PatternFill

    marked = page[_anchor(page, cell)]
    error = any(not problem.warning for _, problem in told)
    marked.fill = PatternFill("solid", fgColor=(BAD if error else WARN).lstrip("#"))
    lines = [f"{number}. {_plain(problem.rule)}. {_plain(problem.remedy)}".strip() for number, problem in told]
    if marked.comment is not None:
        lines.append(f"The note that was here: {marked.comment.text}")
    marked.comment = Comment("\n".join(lines), "markov check", height=NOTE_SIZE[1], width=NOTE_SIZE[0])


def _anchor(page: "Worksheet", cell: str) -> str:
    """The cell, or the first one of the merged range that hides it."""
    return next((area.coord.split(":")[0] for area in page.merged_cells.ranges if cell in area), cell)


def _write_list(book: "Workbook", problems: Sequence[Problem], found: Sequence[tuple[str, str]]) -> None:
    from openpyxl.styles import Alignment, Font, PatternFill

    name = next(n for n in (LIST, *(f"{LIST} {i}" for i in range(2, 100))) if n not in book.sheetnames)
    page = book.create_sheet(name, 0)
    book.active = 0
    errors = sum(not problem.warning for problem in problems)
    _write(page, 1, 1, MARK).font = Font(name=FONT, bold=True, size=14, color=HEADER.lstrip("#"))
    _write(page, 2, 1, f"{errors} problems and {len(problems) - errors} warnings. Links lead to the cells.")
    for column, (header, width) in enumerate(COLUMNS, start=1):
        cell = _write(page, 4, column, header)
        cell.font = Font(name=FONT, bold=True, color=PAPER.lstrip("#"))
        cell.fill = PatternFill("solid", fgColor=HEADER.lstrip("#"))
        page.column_dimensions[cell.column_letter].width = width
    for number, (problem, place) in enumerate(zip(problems, found, strict=True), start=1):
        _write_problem(page, number, problem, place)
    for row in page.iter_rows(min_row=5):
        for cell in row:
            cell.alignment = Alignment(wrap_text=True, vertical="top")
    page.freeze_panes = "A5"


def _write_problem(page: "Worksheet", number: int, problem: Problem, place: tuple[str, str]) -> None:
    from openpyxl.styles import Font, PatternFill
    from openpyxl.worksheet.hyperlink import Hyperlink

    sheet, cell = place
    where = f"{sheet}!{cell}" if cell else problem.place
    found = "" if problem.found is None else str(problem.found)
    words = ("warning" if problem.warning else "problem", where, problem.rule, found, problem.remedy)
    row = number + 4
    page.cell(row, 1, number)
    for column, text in enumerate(words, start=2):
        _write(page, row, column, _plain(text))
    page.cell(row, 2).fill = PatternFill("solid", fgColor=(WARN if problem.warning else BAD).lstrip("#"))
    if sheet:
        link = page.cell(row, 3)
        target = f"'{sheet.replace(chr(39), chr(39) * 2)}'!{cell or 'A1'}"
        link.hyperlink = Hyperlink(ref=link.coordinate, location=target, display=where)
        link.font = Font(name=FONT, underline="single", color="2F6DB5")


def _write(page: "Worksheet", row: int, column: int, text: str) -> "Cell":
    """A text, also where it begins like a formula: an analyst's cell is quoted, never calculated."""
    cell = page.cell(row, column)
    cell.value = text
    cell.data_type = "s"
    return cell  # type: ignore[return-value]


def _plain(text: str) -> str:
    return UNPRINTABLE.sub(" ", text)[:30_000]

"""The cells of a file as they are: what stands where, what is merged, and which formulas were never calculated.

The only place that opens an analyst's workbook to read it; the file is never written to.
"""

import hashlib
import io
import posixpath
import re
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from markov.inputs.problems import InputError, Problem

if TYPE_CHECKING:
    from openpyxl.worksheet.worksheet import Worksheet

Position = tuple[int, int]
"""Row and column, both from 1."""

RELATION = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
OTHER_FORMATS = {
    "xl/workbook.bin": "is a binary workbook (.xlsb)",
    "content.xml": "is an OpenDocument file",
    "word/document.xml": "is a Word document",
    "ppt/presentation.xml": "is a PowerPoint presentation",
}


@dataclass(frozen=True)
class Grid:
    """A sheet as sparse cells; `merged` has the first row and column and the last row and column of each range."""

    cells: Mapping[Position, object]
    uncalculated: frozenset[Position] = frozenset()
    merged: tuple[tuple[int, int, int, int], ...] = ()


@dataclass(frozen=True)
class File:
    """A workbook as it was found: its sheets in their order, and its fingerprint."""

    name: str
    grids: Mapping[str, Grid]
    sha256: str = ""


def address(position: Position) -> str:
    """A position in Excel's words.

    >>> address((7, 28))
    'AB7'
    """
    row, column = position
    letters = ""
    while column:
        column, letter = divmod(column - 1, 26)
        letters = chr(ord("A") + letter) + letters
    return f"{letters}{row}"


def read_file(path: Path) -> File:
    """Every sheet of a workbook as a grid; raises InputError for what is no workbook, saying what it is instead."""
    import openpyxl  # here, because it takes longer to import than most commands take to run

    content = _content(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # on extensions that openpyxl would lose: nothing is written
            book = openpyxl.load_workbook(io.BytesIO(content), data_only=True)
        formulas = dict(_uncalculated(content))
    except Exception as error:  # openpyxl raises whatever its parsers raise on a damaged file
        remedy = f"Open it in Excel and save it again ({error or type(error).__name__})."
        raise InputError([Problem(path.name, "is damaged and cannot be read", remedy=remedy)]) from error
    grids = {page.title: _grid(page, formulas.get(page.title, frozenset())) for page in book.worksheets}
    return File(path.name, grids, hashlib.sha256(content).hexdigest())


def _content(path: Path) -> bytes:
    """The bytes of a file that may be a workbook."""

    def refuse(rule: str, remedy: str) -> InputError:
        return InputError([Problem(str(path), rule, remedy=remedy)])

    if path.is_dir():
        raise refuse("is a folder", "Name the workbook in it.")
    if not path.exists():
        raise refuse("does not exist", "Check the spelling and the folder.")
    if not path.is_file():
        raise refuse("is not a file", "Name an Excel workbook.")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise refuse(
            f"cannot be read ({error.strerror or error})", "Close it elsewhere, or mend its rights."
        ) from error
    if not content:
        raise refuse("is empty", "Save the workbook again.")
    if content.startswith(b"\xd0\xcf\x11\xe0"):
        raise refuse("is encrypted, or an old .xls", "Save it as .xlsx without a password.")
    if not zipfile.is_zipfile(io.BytesIO(content)):
        raise refuse("is not an Excel workbook", "Save it as .xlsx or .xlsm.")
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        other = next((words for member, words in OTHER_FORMATS.items() if member in archive.namelist()), None)
    if other:
        raise refuse(other, "Save it as .xlsx or .xlsm.")
    return content


def _grid(page: "Worksheet", uncalculated: frozenset[Position]) -> Grid:
    # The sparse cells themselves: a blank that was formatted in the last row of a sheet makes no million rows.
    stored = getattr(page, "_cells").values()  # noqa: B009 - private, and in no stub
    cells = {(cell.row, cell.column): cell.value for cell in stored if cell.value is not None}
    merged = tuple((r.min_row, r.min_col, r.max_row, r.max_col) for r in page.merged_cells.ranges)
    return Grid(cells, uncalculated - cells.keys(), merged)


def _uncalculated(content: bytes) -> Iterator[tuple[str, frozenset[Position]]]:
    """Cells by sheet whose formula has no value beside it; a formula whose value is an empty text has one."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for name, member in _sheet_members(archive):
            sheet = archive.read(member)
            if re.search(rb"<(\w+:)?f[ >/]", sheet):
                yield name, frozenset(_without_value(ElementTree.fromstring(sheet)))


def _sheet_members(archive: zipfile.ZipFile) -> Iterator[tuple[str, str]]:
    """Names of the sheets, and where in the file each is."""
    links = ElementTree.fromstring(archive.read("xl/_rels/workbook.xml.rels"))
    targets = {link.get("Id"): posixpath.join("/xl", link.get("Target", "")).lstrip("/") for link in links}
    for sheet in ElementTree.fromstring(archive.read("xl/workbook.xml")).iter():
        member = targets.get(sheet.get(RELATION))
        if sheet.tag.endswith("}sheet") and member in archive.namelist():
            yield sheet.get("name", ""), str(member)


def _without_value(sheet: ElementTree.Element) -> Iterator[Position]:
    for cell in sheet.iter():
        if cell.tag.endswith("}c"):
            parts = {part.tag.rpartition("}")[2]: part for part in cell}
            if "f" in parts and cell.get("t") != "str" and not ("v" in parts and parts["v"].text):
                found = re.fullmatch(r"([A-Z]+)(\d+)", cell.get("r", ""))
                if found:
                    yield int(found[2]), _column(found[1])


def _column(letters: str) -> int:
    """The number of a column, from 1."""
    number = 0
    for letter in letters:
        number = 26 * number + ord(letter) - ord("A") + 1
    return number

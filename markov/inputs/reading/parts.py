"""The parts of a workbook as streams: names of sheets, texts, date formats, cells; never more in memory than is kept.

openpyxl turns a cell's XML into a value. It reads a whole workbook into memory otherwise, which a sheet of a million
blank rows, or one that was made to do harm, may exceed: here every part is read element by element and counted.
"""

import datetime
import posixpath
import re
import warnings
import zipfile
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, field
from typing import IO
from xml.etree import ElementTree

from openpyxl.styles.numbers import BUILTIN_FORMATS, is_date_format, is_timedelta_format
from openpyxl.utils.cell import range_boundaries
from openpyxl.utils.datetime import MAC_EPOCH, WINDOWS_EPOCH
from openpyxl.worksheet._reader import WorkSheetParser

Element = ElementTree.Element
Position = tuple[int, int]

MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
STRICT = "{http://purl.oclc.org/ooxml/spreadsheetml/main}"
RELATIONS = "{http://schemas.openxmlformats.org/package/2006/relationships}"
RUNS = (f"{MAIN}t", f"{MAIN}r")
RELATION = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
MOST_ELEMENTS = 5_000_000  # of one part: a sheet of the model has a few thousand, a million blank rows two million
MOST_CELLS = 500_000  # with something in them
LAST_ROW, LAST_COLUMN = 1_048_576, 16_384
NUMBER = re.compile(r"\s*[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?\s*")
ELSEWHERE = re.compile(
    r"(?<![\w\]])\[\d+\]|\|\s*'?[^!']*'?!|\b(?:WEBSERVICE|RTD|CALL|REGISTER\.ID)\s*\(", re.IGNORECASE
)
"""A formula that takes its value from another file, another program or the network."""


class TooLargeError(ValueError):
    """A part holds more than is read."""


class StrictError(ValueError):
    """A variant of the format that spreadsheet programs write only when they are told to."""


@dataclass
class Cells:
    """What a sheet holds: values, formulas without one, formulas that reach elsewhere, and merged ranges."""

    values: dict[Position, object] = field(default_factory=dict)
    uncalculated: set[Position] = field(default_factory=set)
    elsewhere: set[Position] = field(default_factory=set)
    merged: list[tuple[int, int, int, int]] = field(default_factory=list)


@dataclass(frozen=True)
class Parts:
    """The parts of one workbook: its sheets with the part of each, and what all sheets share."""

    archive: zipfile.ZipFile
    sheets: Mapping[str, str]
    texts: tuple[str, ...]
    epoch: datetime.datetime
    dates: frozenset[int]
    durations: frozenset[int]

    def cells(self, sheet: str) -> Cells:
        """The cells of a sheet; raises whatever a parser raises on a damaged part."""
        with self.archive.open(self.sheets[sheet]) as stream, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # on dates out of range, which are read as errors
            return _Cells(self, stream).read()


def open_parts(archive: zipfile.ZipFile) -> Parts:
    """Find the sheets of a workbook and read what they share; raises what a parser raises on a damaged part."""
    book = next((part for kind, part in _relations(archive, "").values() if kind == "officeDocument"), None)
    if book is None:
        raise ValueError("there is no workbook in it")
    related = _relations(archive, book)
    sheets, epoch = _sheets(archive, book, related)
    shared = {kind: part for kind, part in related.values() if part in archive.NameToInfo}
    texts = tuple(_texts(archive, shared["sharedStrings"])) if "sharedStrings" in shared else ()
    dates, durations = _time_styles(archive, shared["styles"]) if "styles" in shared else (frozenset(), frozenset())
    return Parts(archive, sheets, texts, epoch, dates, durations)


def elements(stream: IO[bytes], ends: Set[str], starts: Set[str] = frozenset()) -> Iterator[Element]:
    """Elements of a part by tag, those of `ends` with all within them; each is dropped once it was seen.

    Raises TooLargeError where the part has more elements than are read.
    """
    parents: list[Element] = []
    count = inside = 0
    for event, element in ElementTree.iterparse(stream, events=("start", "end")):
        if event == "start":
            count += 1
            if count > MOST_ELEMENTS:
                raise TooLargeError(f"a part of it has more than {MOST_ELEMENTS:,} elements")
            parents.append(element)
            inside += element.tag in ends
            if element.tag in starts:
                yield element
        else:
            parents.pop()
            if element.tag in ends:
                inside -= 1
                yield element
            if parents and not inside:
                parents[-1].clear()


def _part(archive: zipfile.ZipFile, part: str, *tags: str) -> Iterator[Element]:
    with archive.open(part) as stream:
        yield from elements(stream, frozenset(tags))


def _relations(archive: zipfile.ZipFile, part: str) -> dict[str, tuple[str, str]]:
    """What a part refers to within the file: by id the kind and the other part."""
    folder, name = posixpath.split(part)
    own = posixpath.join(folder, "_rels", f"{name}.rels")
    found: dict[str, tuple[str, str]] = {}
    for link in _part(archive, own, f"{RELATIONS}Relationship"):
        target = posixpath.normpath(posixpath.join("/", folder, link.get("Target", ""))).lstrip("/")
        if link.get("TargetMode") != "External":
            found[link.get("Id", "")] = (link.get("Type", "").rpartition("/")[2], target)
    return found


def _sheets(
    archive: zipfile.ZipFile, book: str, related: Mapping[str, tuple[str, str]]
) -> tuple[dict[str, str], datetime.datetime]:
    """Names of the worksheets with their parts, and the day that dates count from."""
    found: dict[str, str] = {}
    epoch = WINDOWS_EPOCH
    for element in _part(archive, book, f"{MAIN}sheet", f"{MAIN}workbookPr", f"{STRICT}sheet"):
        if element.tag.startswith(STRICT):
            raise StrictError("Strict Open XML")
        if element.tag.endswith("}workbookPr"):
            epoch = MAC_EPOCH if element.get("date1904") in ("1", "true") else WINDOWS_EPOCH
            continue
        name = element.get("name", "")
        kind, part = related.get(element.get(RELATION, ""), ("", ""))
        if name in found:
            raise ValueError(f'two sheets are called "{name}"')
        if kind == "worksheet" and part in archive.NameToInfo:
            found[name] = part
    return found, epoch


def _texts(archive: zipfile.ZipFile, part: str) -> Iterator[str]:
    """The texts that cells refer to by number, without the reading aids of Japanese."""
    for item in _part(archive, part, f"{MAIN}si"):
        runs = [child if child.tag == f"{MAIN}t" else child.find(f"{MAIN}t") for child in item if child.tag in RUNS]
        yield "".join(run.text or "" for run in runs if run is not None).replace("x005F_", "")


def _time_styles(archive: zipfile.ZipFile, part: str) -> tuple[frozenset[int], frozenset[int]]:
    """Numbers of the cell styles that show a number as a date or a time, and of those that show a duration."""
    codes: dict[int, str] = dict(BUILTIN_FORMATS)
    styles: list[int] = []
    for element in _part(archive, part, f"{MAIN}numFmt", f"{MAIN}cellXfs"):
        if element.tag == f"{MAIN}numFmt":
            codes[int(element.get("numFmtId", "0"))] = element.get("formatCode", "")
        else:
            styles = [int(style.get("numFmtId", "0")) for style in element]
    shown = {code: (is_date_format(text), is_timedelta_format(text)) for code, text in codes.items()}
    kinds = [shown.get(code, (False, False)) for code in styles]
    dates = frozenset(i for i, (date, _) in enumerate(kinds) if date)
    return dates, frozenset(i for i, (_, duration) in enumerate(kinds) if duration)


# ------------------------------------------------------------------------------------------------------- cells


class _Cells(WorkSheetParser):
    """openpyxl's reading of one cell, called for each cell as it streams by."""

    def __init__(self, parts: Parts, stream: IO[bytes]):
        super().__init__(stream, parts.texts, True, parts.epoch, set(parts.dates), set(parts.durations))
        self.stream, self.texts, self.found = stream, len(parts.texts), Cells()

    def read(self) -> Cells:
        """Every cell with something in it."""
        cell, row, merged = f"{MAIN}c", f"{MAIN}row", f"{MAIN}mergeCell"
        for element in elements(self.stream, {cell, merged}, {row}):
            if element.tag == row:
                self.row_counter = int(float(element.get("r") or self.row_counter + 1))
                self.col_counter = 0
            elif element.tag == merged:
                self.found.merged.append(_range(element.get("ref", "")))
            else:
                self._keep(element)
        return self.found

    def _keep(self, element: Element) -> None:
        _refuse_nonsense(element, self.texts)
        cell = self.parse_cell(element)
        value, place = cell["value"], (cell["row"], cell["column"])
        formula = element.find(f"{MAIN}f")
        if formula is not None:
            if ELSEWHERE.search(formula.text or ""):
                self.found.elsewhere.add(place)
            if value is None and element.get("t") != "str":
                self.found.uncalculated.add(place)
        if value is not None:
            if not (1 <= place[0] <= LAST_ROW and 1 <= place[1] <= LAST_COLUMN):
                raise ValueError(f"it has a cell {element.get('r')}, beyond the last one of a sheet")
            if place in self.found.values:
                raise ValueError(f"its cell {element.get('r')} is there twice")
            self.found.values[place] = value
            if len(self.found.values) > MOST_CELLS:
                raise TooLargeError(f"a sheet of it has more than {MOST_CELLS:,} filled cells")


def _refuse_nonsense(element: Element, texts: int) -> None:
    """Numbers that Python reads and spreadsheet programs do not, and texts that are not there."""
    kind, held = element.get("t", "n"), element.findtext(f"{MAIN}v")
    if not held:
        return
    if kind == "n" and not NUMBER.fullmatch(held):
        raise ValueError(f"its cell {element.get('r')} holds {held[:20]!r} as a number")
    if kind == "s" and not (held.strip().isdecimal() and int(held) < texts):
        raise ValueError(f"its cell {element.get('r')} refers to a text that is not there")


def _range(text: str) -> tuple[int, int, int, int]:
    """First row and column and last row and column of a range."""
    left, top, right, bottom = range_boundaries(text)
    if None in (left, top, right, bottom):
        raise ValueError(f"it merges {text!r}")
    return int(top or 0), int(left or 0), int(bottom or 0), int(right or 0)

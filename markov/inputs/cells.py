"""Cells as they stand in a workbook, before anything is believed: rows by header, and numbers or why there is none."""

import datetime
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from markov.inputs.definitions.sheets import Sheet
from markov.inputs.problems import Problem

EXCEL_ERRORS = frozenset(
    [
        *("#REF!", "#DIV/0!", "#VALUE!", "#NAME?", "#N/A", "#NUM!", "#NULL!", "#SPILL!", "#CALC!", "#FIELD!"),
        *("#BLOCKED!", "#CONNECT!", "#UNKNOWN!", "#GETTING_DATA"),
    ]
)
LARGEST = 1e15  # above it, numbers that Excel shows are no longer those that it holds
POINT = "the decimal sign is a point"


@dataclass(frozen=True)
class RawCell:
    """What stands in a cell, and where.

    `formula` marks a formula that was never calculated, `elsewhere` one whose value comes from another file or program.
    """

    value: object
    place: str
    formula: bool = False
    elsewhere: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether nothing stands there."""
        return not self.formula and (self.value is None or (isinstance(self.value, str) and not self.value.strip()))

    @property
    def address(self) -> str:
        """The place without the file's name."""
        return self.place.rpartition(", ")[2]

    def text(self) -> str:
        """The content as text, trimmed; a date without the midnight that Excel stores with it."""
        value = self.value
        if isinstance(value, datetime.datetime) and value.time() == datetime.time():
            value = value.date()
        return "" if value is None else str(value).strip()


Row = Mapping[str, RawCell]


@dataclass(frozen=True)
class Sheets:
    """The tables of a workbook as rows by header, before anything is believed."""

    name: str
    title: str
    rows: Mapping[Sheet, tuple[Row, ...]]
    sha256: str = ""


EMPTY = RawCell(None, "")


def number(cell: RawCell, what: str, problems: list[Problem]) -> float | None:
    """A number from a cell; None for an empty one; anything else is a problem with its remedy."""
    value = cell.value
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        if abs(value) < LARGEST:  # also false where the value is no number at all
            return float(value)
    elif cell.is_empty:
        return None
    problems.append(Problem(cell.place, f"{what} needs a number", *why_not_a_number(cell)))
    return None


def unreadable(cell: RawCell, what: str) -> Iterator[Problem]:
    """A text that a formula should have given and did not."""
    if cell.formula or cell.text() in EXCEL_ERRORS:
        yield Problem(cell.place, f"{what} needs a text", *why_not_a_number(cell))


def why_not_a_number(cell: RawCell) -> tuple[object, str]:
    """What stands there instead of a number, and what to do about it.

    >>> why_not_a_number(RawCell("1,890", "a.xlsx, Costs!C3"))[1]
    'Write 1890 or 1.89, whichever is meant: the decimal sign is a point, and thousands have no sign.'
    """
    value, text = cell.value, cell.text()
    if cell.formula:
        return "a formula that was never calculated", "Open the workbook in Excel, let it calculate, and save."
    if text in EXCEL_ERRORS:
        return text, "Mend the formula."
    if isinstance(value, (datetime.date, datetime.time, datetime.timedelta)):
        return f"the date {text}", "Type the number again and format the cell as a number."
    if isinstance(value, (int, float)):
        huge = not isinstance(value, bool)
        return f"{value:g}" if isinstance(value, float) else text[:20], (
            f"Write a number below {LARGEST:g}." if huge else "Write a number."
        )
    return text, _number_meant(text.replace("\N{MINUS SIGN}", "-").replace("\N{NO-BREAK SPACE}", " "))


def _number_meant(text: str) -> str:
    """The remedy for a text that may have been meant as a number."""
    if re.fullmatch(r"[-+]?\d+(?:[.,]\d+)?\s*%", text):
        typed = text.replace(",", ".")
        plain = float(typed.rstrip("% ")) / 100
        return f"Write {plain:.12g}, or format the cell as a percentage and type {typed} again."
    if re.fullmatch(r"[-+]?[1-9]\d{0,2},\d{3}", text):
        whole, decimal = text.replace(",", ""), float(text.replace(",", "."))
        return f"Write {whole} or {decimal:g}, whichever is meant: {POINT}, and thousands have no sign."
    if re.fullmatch(r"[-+]?\d*,\d+", text):
        return f"Write {text.replace(',', '.')}: {POINT}."
    if re.fullmatch(r"[-+]?\d{1,3}(?:[,' ]\d{3})+(?:\.\d+)?", text):
        return f"Write {re.sub('[^-+0-9.]', '', text)}: thousands have no sign."
    if re.fullmatch(r"[-+]?\d{1,3}(?:[.' ]\d{3})+,\d+", text):
        return f"Write {re.sub('[^-+0-9,]', '', text).replace(',', '.')}: {POINT}, and thousands have no sign."
    if re.fullmatch(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?", text):
        return "It is stored as text: type it again in a cell formatted as a number."
    if re.fullmatch(r"[^\d\s]{0,4}\s*[-+]?\d[\d.,]*\s*[^\d\s]{0,12}", text):
        return "Write the number alone: its unit stands in the column beside it."
    return "Write a number, or leave the cell empty."

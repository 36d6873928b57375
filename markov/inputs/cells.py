"""Cells as they stand in a workbook, before anything is believed: rows by header, and numbers or why there is none."""

import datetime
import re
from collections.abc import Mapping
from dataclasses import dataclass

from markov.inputs.problems import Problem
from markov.inputs.sheets import Sheet

EXCEL_ERRORS = ("#REF!", "#DIV/0!", "#VALUE!", "#NAME?", "#N/A", "#NUM!", "#NULL!")


@dataclass(frozen=True)
class RawCell:
    """What stands in a cell, and where; `formula` marks a formula that was never calculated."""

    value: object
    place: str
    formula: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether nothing stands there."""
        return not self.formula and (self.value is None or (isinstance(self.value, str) and not self.value.strip()))

    @property
    def address(self) -> str:
        """The place without the file's name."""
        return self.place.split(", ", 1)[-1]

    def text(self) -> str:
        """The content as text, trimmed."""
        return "" if self.is_empty else str(self.value).strip()


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
        return float(value)
    if cell.is_empty:
        return None
    problems.append(Problem(cell.place, f"{what} needs a number", *why_not_a_number(cell)))
    return None


def why_not_a_number(cell: RawCell) -> tuple[object, str]:
    """What stands there instead of a number, and what to do about it."""
    value, text = cell.value, cell.text()
    if cell.formula:
        return "a formula that was never calculated", "Open the workbook in Excel, let it calculate, and save."
    if text in EXCEL_ERRORS:
        return text, "Mend the formula."
    if isinstance(value, (datetime.date, datetime.time)):
        return f"the date {text}", "Type the number again and format the cell as a number."
    if isinstance(value, bool):
        return text, "Write a number."
    if re.fullmatch(r"-?\d+(?:[.,]\d+)?\s*%", text):
        plain = float(text.rstrip("% ").replace(",", ".")) / 100
        return text, f"Write {plain:g}, or format the cell as a percentage and type {text.replace(',', '.')} again."
    if re.fullmatch(r"-?\d*,\d+", text):
        return text, f"Write {text.replace(',', '.')}: the decimal sign is a point."
    if re.fullmatch(r"-?\d+(\.\d+)?", text):
        return text, "It is stored as text: type it again in a cell formatted as a number."
    return text, "Write a number, or leave the cell empty."

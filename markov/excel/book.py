"""An Excel workbook that is being written: texts stay texts, numbers keep all their digits, nothing lies elsewhere.

XlsxWriter would take a text that begins with = for a formula and one that begins with http: for a link; a label of an
analyst, or of whoever sent the workbook, is neither. It would also print 16 digits of a number, which is one too few.
"""

import datetime
import io
from typing import Any

from xlsxwriter import Workbook
from xlsxwriter.worksheet import Worksheet

from markov.excel.style import FIXED_DATE

OPTIONS = {
    "strings_to_formulas": False,
    "strings_to_urls": False,
    "nan_inf_to_errors": False,
    "in_memory": True,  # no parts in the system's folder for temporary files, which may be full or be left behind
}


class ExactSheet(Worksheet):  # type: ignore[misc]  # XlsxWriter has no types
    """A sheet whose numbers are read back as they were."""

    def _xml_number_element(self, number: Any, attributes: Any = ()) -> None:
        held = "".join(f' {key}="{value}"' for key, value in attributes)
        self.fh.write(f"<c{held}><v>{repr(float(number)).removesuffix('.0')}</v></c>")


class Book(Workbook):  # type: ignore[misc]
    """A workbook of such sheets."""

    def __init__(self, place: io.BytesIO, title: str):
        super().__init__(place, OPTIONS)
        self.set_properties({"title": title, "created": datetime.datetime(*FIXED_DATE)})

    def add_worksheet(self, name: str | None = None, worksheet_class: Any = None) -> Any:
        """Add a sheet."""
        return super().add_worksheet(name, worksheet_class or ExactSheet)

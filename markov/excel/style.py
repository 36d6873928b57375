"""The look of every workbook the program writes: colours, formats and page set-up, once."""

import textwrap
from typing import Any

INK = "#1F2A37"
HEADER = "#1F3A5F"
ACCENT = "#2F6DB5"
PAPER = "#FFFFFF"
INPUT = "#FFF6D6"
CHANGED = "#F9C784"
WEAK = "#FBE3D0"
CONFIDENTIAL = "#B5E8EE"
SOFT = "#EEF2F7"
RULE = "#C9D3DF"
GOOD, WARN, BAD = "#DDF1E0", "#FFF0C2", "#F8D3D3"
FONT = "Calibri"

FORMATS: dict[str, dict[str, Any]] = {
    "title": {"bold": True, "font_size": 18, "font_color": HEADER},
    "subtitle": {"font_size": 11, "font_color": "#55606E", "text_wrap": True, "valign": "top"},
    "section": {"bold": True, "font_size": 13, "font_color": HEADER, "bottom": 2, "bottom_color": ACCENT},
    "header": {
        "bold": True,
        "font_color": PAPER,
        "bg_color": HEADER,
        "text_wrap": True,
        "valign": "vcenter",
        "border": 1,
        "border_color": RULE,
    },
    "header_number": {
        "bold": True,
        "font_color": PAPER,
        "bg_color": HEADER,
        "text_wrap": True,
        "align": "right",
        "valign": "vcenter",
        "border": 1,
        "border_color": RULE,
    },
    "text": {"text_wrap": True, "valign": "top", "bottom": 1, "bottom_color": RULE, "indent": 1},
    "strong": {"text_wrap": True, "valign": "top", "bottom": 1, "bottom_color": RULE, "bold": True},
    "plain": {"text_wrap": True, "valign": "top"},
    "lead": {"text_wrap": True, "valign": "top", "font_size": 12},
    "note": {"text_wrap": True, "valign": "top", "italic": True, "font_color": "#55606E", "font_size": 9},
    "link": {"font_color": ACCENT, "underline": 1, "valign": "top"},
    "input": {"bg_color": INPUT, "border": 1, "border_color": RULE, "valign": "top", "text_wrap": True},
    "input_strong": {"bg_color": INPUT, "border": 1, "border_color": RULE, "bold": True, "valign": "top"},
    "base": {"font_color": "#55606E", "valign": "top", "bottom": 1, "bottom_color": RULE, "text_wrap": True},
    "changed": {"bg_color": CHANGED},
    "weak": {"bg_color": WEAK, "valign": "top", "text_wrap": True, "bottom": 1, "bottom_color": RULE, "indent": 1},
    "pass": {"bg_color": GOOD, "valign": "top", "bottom": 1, "bottom_color": RULE},
    "warn": {"bg_color": WARN, "valign": "top", "bottom": 1, "bottom_color": RULE},
    "fail": {"bg_color": BAD, "valign": "top", "bottom": 1, "bottom_color": RULE, "bold": True},
}

FIXED_DATE = (2026, 1, 1)


CHARACTERS_PER_WIDTH = 1.12  # a column's width counts digits; running text is narrower
LINE_HEIGHT = 15


def lines_needed(text: str, width: float) -> int:
    """Lines that a text takes in a cell of that column width.

    >>> lines_needed("one two three", 6.0)
    3
    """
    longest = max(map(len, text.split()), default=0)
    running = longest <= width  # a long word, such as an id, is cut into lines, and is wider than running text
    per_line = int(max(width * (CHARACTERS_PER_WIDTH if running else 0.9), 4.0))
    if len(text) <= per_line and "\n" not in text:
        return 1
    return sum(max(1, len(textwrap.wrap(part, per_line))) for part in text.split("\n"))


def make_formats(book: Any) -> dict[str, Any]:
    """Register the formats with an XlsxWriter workbook."""
    return {name: book.add_format({"font_name": FONT, "font_color": INK, **look}) for name, look in FORMATS.items()}


PAGE_WIDTH, PAGE_HEIGHT = 784.0, 500.0  # points of an A4 landscape page inside its margins


def width_in_points(characters: float) -> float:
    """Width of a column of so many characters, as spreadsheet programs draw it."""
    return 0.95 * (7.0 * characters + 5.0)


def set_page(sheet: Any, title: str, *, pages_high: int = 0, portrait: bool = False) -> None:
    """A4, landscape unless portrait, one page wide (and so many high, 0: any), page numbers in the footer; no grid."""
    if not portrait:
        sheet.set_landscape()
    sheet.set_paper(9)
    sheet.fit_to_pages(1, pages_high)
    sheet.set_margins(left=0.4, right=0.4, top=0.5, bottom=0.6)
    sheet.set_footer(f"&L&8{title}&C&8&A&R&8Page &P of &N")
    sheet.hide_gridlines(2)

"""How a cell reads outside Excel: its number in words, and the colour of a verdict, both as Excel shows them."""

import math
from decimal import ROUND_HALF_UP, Context, Decimal

from markov.report.pages import Cell, Look, Table
from markov.report.workbook import NUMBER_FORMATS, _verdict_look

SETTLED = ("read", "seed", "", None)  # evidence that somebody looked up; anything else is marked as weak
FOLDED_ROWS = 100
EVERY_DIGIT = Context(prec=400, rounding=ROUND_HALF_UP)  # of the largest number there is


def formatted(value: float, code: str, least: int = 0) -> str:
    """A number by an Excel number format, with at least so many decimals; halves are rounded away from zero, as there.

    Knows what the report uses: General, thousands, fixed decimals and percent. Raises ValueError for a number that is
    not finite, which no report may show.

    >>> formatted(-1234.5, "#,##0_);[Red]-#,##0_)"), formatted(0.1234, "0.0%_)"), formatted(10.0, "General")
    ('-1,235', '12.3%', '10')
    """
    if not math.isfinite(value):
        raise ValueError(f"a report holds finite numbers, found {value}")
    value = float(value) + 0.0  # no minus before a plain zero
    code = code.split(";")[0].removesuffix("_)")
    if code == "General" and least == 0:
        return f"{value:.11g}"
    percent = 2 if code.endswith("%") else 0
    decimals = max(len(code.partition(".")[2].rstrip("%")), least - percent)
    rounded = Decimal(repr(value)).scaleb(percent).quantize(Decimal(1).scaleb(-decimals), context=EVERY_DIGIT)
    return f"{rounded:{',' if ',' in code else ''}f}{'%' if percent else ''}"


def shown(value: Cell, look: Look) -> str:
    """What a cell says.

    >>> shown(0.98765, "percent"), shown("not reached", "months"), shown(None, "money")
    ('98.8%', 'not reached', '')
    """
    if value is None or isinstance(value, str):
        return value or ""
    return formatted(value, NUMBER_FORMATS.get(look, "General"))


def look_of(table: Table, row: int, column: int) -> Look:
    """Look of a number: that of its row where the column leaves it open, else that of its column."""
    look = table.columns[column].look
    return table.looks[row] if table.looks and look == "number" else look


def mark_of(table: Table, row: int, column: int) -> str:
    """Colour of a cell by name: pass, warn, fail, weak, or nothing.

    >>> from markov.report.pages import Column
    >>> mark_of(Table("Checks", (Column("Verdict"),), (("fail",),), verdict=0), 0, 0)
    'fail'
    """
    value = table.rows[row][column]
    if column == table.verdict:
        return _verdict_look(str(value)).replace("text", "")
    return "weak" if column == table.weak and value not in SETTLED else ""


def is_numeric(look: Look) -> bool:
    """Whether a column of this look stands to the right."""
    return look not in ("text", "strong")


def is_long(table: Table) -> bool:
    """Whether a table is data to look things up in, such as a trace, rather than a table to read."""
    return table.long or len(table.rows) > FOLDED_ROWS

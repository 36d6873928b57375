"""How a cell reads outside Excel: its number in words, and the colour of a verdict, both as Excel shows them."""

import math
from decimal import ROUND_HALF_UP, Context, Decimal

from markov.report.page import Cell, Look, Page, Table
from markov.terms import sign_of

NUMBER_FORMATS = {
    "money": "#,##0_);[Red]-#,##0_)",
    "whole": "#,##0_)",
    "number": "0.000_)",
    "qaly": "0.000_)",
    "years": "0.00_)",
    "months": "0.0_)",
    "percent": "0.0%_)",
    "share": "0.0000_)",
    "rate": "0.0000_)",
    "integer": "#,##0_)",
    "exact": "General",
}
SIGNIFICANT = 4
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
    sign, code = code[1:].split('"') if code.startswith('"') else ("", code)
    if sign:
        digits = formatted(value, code, least)
        return f"-{sign}{digits[1:]}" if digits.startswith("-") else f"{sign}{digits}"
    if code == "General" and least == 0:
        return f"{value:.11g}"
    percent = 2 if code.endswith("%") else 0
    decimals = max(decimals_of(code), least) - percent
    rounded = Decimal(repr(value)).scaleb(percent).quantize(Decimal(1).scaleb(-decimals), context=EVERY_DIGIT)
    rounded = rounded if rounded else abs(rounded)  # nor before one that rounding leaves
    return f"{rounded:{',' if ',' in code else ''}f}{'%' if percent else ''}"


def decimals_of(code: str) -> int:
    """Decimals of the number itself that a format tells, 2 more for a percentage than it shows.

    >>> decimals_of("#,##0"), decimals_of("0.00_)"), decimals_of("0.0%")
    (0, 2, 3)
    """
    code = code.split(";")[0].removesuffix("_)")
    return len(code.partition(".")[2].rstrip("%")) + 2 * code.endswith("%")


def number_format(look: Look | str, value: float, currency: str = "") -> str:
    """Excel's number format of a value: amounts with the sign of their currency, some with so many digits as count.

    >>> number_format("money", -5.0, "USD"), number_format("significant", 0.01234), number_format("qaly", 1.0)
    ('"$"#,##0_);[Red]-"$"#,##0_)', '#,##0.00000_)', '0.000_)')

    What rounds to zero has no minus:

    >>> number_format("money", -0.4, "USD"), number_format("qaly", -0.0004)
    ('"$"#,##0_);"$"#,##0_)', '0.000_);0.000_)')
    """
    code = _signed_format(look, value, currency)
    plain = code.split(";")[0]
    nothing = value < 0.0 and code != "General" and not set(formatted(value, plain)) & set("123456789")
    return f"{plain};{plain}" if nothing else code


def _signed_format(look: Look | str, value: float, currency: str) -> str:
    if look == "money" and currency:
        plain = f'"{sign_of(currency)}"#,##0_)'
        return f"{plain};[Red]-{plain}"
    if look == "significant" and value and float(value) != int(value):
        decimals = max(SIGNIFICANT - 1 - math.floor(math.log10(abs(value))), 0)
        return f"#,##0{'.' * (decimals > 0)}{'0' * min(decimals, 10)}_)"
    return NUMBER_FORMATS.get(look, "#,##0_)" if look == "significant" else "General")


def shown(value: Cell, look: Look, currency: str = "") -> str:
    """What a cell says.

    >>> shown(0.98765, "percent"), shown("not reached", "months"), shown(-1234.5, "money", "GBP")
    ('98.8%', 'not reached', '-£1,235')
    """
    if value is None or isinstance(value, str):
        return value or ""
    return formatted(value, number_format(look, value, currency))


def look_of(table: Table, row: int, column: int) -> Look:
    """Look of a number: that of its row where the column leaves it open, else that of its column."""
    look = table.columns[column].look
    return table.looks[row] if table.looks and look == "number" else look


def mark_of(table: Table, row: int, column: int) -> str:
    """Colour of a cell by name: pass, warn, fail, weak, or nothing.

    >>> from markov.report.page import Column
    >>> mark_of(Table("Checks", (Column("Verdict"),), (("fail",),), verdict=0), 0, 0)
    'fail'
    """
    value = table.rows[row][column]
    if column == table.verdict:
        return verdict_look(str(value)).replace("text", "")
    return "weak" if column == table.weak and value not in SETTLED else ""


def tint_of(table: Table, row: int, column: int) -> str:
    """Colour that a table gives a cell, as six digits after a sign; a mark goes before it."""
    return table.tints[row][column] if table.tints and not mark_of(table, row, column) else ""


def widths_of(page: Page, table: Table) -> list[float]:
    """Widths of a table's columns in characters; the last of a spread table takes all that the page has left."""
    count = len(table.columns)
    widths = [*page.widths, *[page.widths[-1]] * count][:count]
    if table.spread:
        widths[-1] = max(widths[-1], sum(page.widths[count - 1 :]))
    return widths


def is_numeric(look: Look) -> bool:
    """Whether a column of this look stands to the right."""
    return look not in ("text", "strong", "link")


def is_long(table: Table) -> bool:
    """Whether a table is data to look things up in, such as a trace, rather than a table to read."""
    numbers_only = all(is_numeric(column.look) for column in table.columns)
    return table.long or (numbers_only and len(table.rows) > FOLDED_ROWS)


def verdict_look(word: str) -> str:
    """Format of a verdict: pass, warn, fail, or plain text."""
    good, warn, bad = ("pass", "within"), ("warn", "outside", "not reached"), ("fail",)
    return "pass" if word in good else "warn" if word in warn else "fail" if word in bad else "text"

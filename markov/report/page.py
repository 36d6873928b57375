"""A report as data: pages of text, tables and charts, before anything is written."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

Look = Literal[
    "text",
    "strong",
    "link",
    "money",
    "whole",
    "number",
    "qaly",
    "years",
    "months",
    "percent",
    "share",
    "rate",
    "integer",
    "significant",
    "exact",
]
ChartKind = Literal["lines", "area", "bars", "columns", "horizontal", "points"]
Cell = str | float | int | None

CONTENTS = "Contents"
STRATEGY_COLOURS = ("#5B6B7F", "#2F6DB5", "#D1802E", "#3E8E5A", "#8A5BA6", "#B5483F")
STATE_COLOURS = ("#1B8A8F", "#8FD0CF", "#E3B23C", "#8C2F5B", "#D692B3", "#C3CAD2")
CATEGORY_COLOURS = ("#1F3A5F", "#4E7298", "#93AECB", "#6F5E4C", "#A8845A", "#D3B483", "#7F1D3A", "#A3ABB5")
PERIOD_COLOURS = ("#A14A1F", "#5C8A2F", "#B9B4A6")
LINE_COLOURS = ("#1F3A5F", "#8DB7E2", "#55606E", "#B8C4D2")
"""No colour stands for two things: those of strategies, of states, of costs and of periods differ."""


@dataclass(frozen=True)
class Column:
    """A column of a table: header with its unit, and how its numbers look."""

    header: str
    look: Look = "text"


@dataclass(frozen=True)
class Text:
    """A paragraph across the page."""

    words: str
    style: str = "plain"


@dataclass(frozen=True)
class Table:
    """A titled table; `key` names it for charts, `notes` stand below it.

    `looks` overrides the look of each row's numbers. `verdict` is the column whose word colours the cell, `weak` the
    column of evidence status; `bold` marks rows; a `long` table repeats its header on every printed page, and another
    one that runs over a page begins again with it there, unless it is `whole`, to be read back by a program. `tints`
    colours cells, row by row, with an empty text for none; in Excel the last column of a `spread` table takes all
    columns that the page has left. A `link` is the name of a sheet, or a file beside the report. Amounts carry the sign
    of the `currency`.
    """

    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    key: str = ""
    notes: tuple[str, ...] = ()
    verdict: int | None = None
    weak: int | None = None
    bold: frozenset[int] = frozenset()
    long: bool = False
    whole: bool = False
    looks: tuple[Look, ...] = ()
    tints: tuple[tuple[str, ...], ...] = ()
    spread: bool = False
    currency: str = ""


@dataclass(frozen=True)
class Series:
    """A series of a chart: two columns of a table (by page and key), rows `first` to `last` of it.

    With `until` one row is read across the columns `y` to `until` instead of one column down the rows. `error` names
    the columns of how far a horizontal error bar reaches down and up (of lying bars from their end), `names` a column
    of words beside the points. A `hidden` series takes its place in a stack without being seen, so that others float on
    it; the legend does not list it, nor one that is not `listed`.
    """

    name: str
    page: str
    table: str
    x: int
    y: int
    colour: str
    first: int = 0
    last: int | None = None
    dashed: bool = False
    markers: bool = False
    until: int | None = None
    error: tuple[int, int] | None = None
    names: int | None = None
    width: float | None = None
    hidden: bool = False
    listed: bool = True


@dataclass(frozen=True)
class Chart:
    """A native chart; its title states the finding."""

    kind: ChartKind
    title: str
    x_title: str
    y_title: str
    series: tuple[Series, ...]
    x_limit: float | None = None
    y_limit: float | None = None
    x_format: str = "General"
    y_format: str = "General"
    x_log: bool = False
    x_hidden: bool = False
    y_hidden: bool = False
    legend: bool = True
    y_ends: tuple[float | None, float | None] = (None, None)
    """Where the axis of values must begin and end; None: as the program that draws it likes."""
    margin: float | None = None
    """Both axes from minus to plus this much, for pictures."""


Block = Text | Table | tuple[Chart, ...]
"""What stands on a page, one below the other; charts of one block side by side."""


@dataclass(frozen=True)
class Page:
    """A sheet of the report; charts listed together stand side by side."""

    name: str
    title: str
    subtitle: str
    blocks: tuple[Block, ...]
    widths: tuple[float, ...] = field(default=(34.0, *(15.0,) * 9))
    one_page: bool = False
    portrait: bool = False


def in_currency(page: Page, currency: str) -> Page:
    """The same page with its amounts in a currency."""
    blocks = (replace(block, currency=currency) if isinstance(block, Table) else block for block in page.blocks)
    return replace(page, blocks=tuple(blocks))


def trace_name(labels: Sequence[str], i: int) -> str:
    """Name of a strategy's trace sheet.

    >>> trace_name(["Lenalidomide 10 mg [days 1/21] until progression"], 0)
    'Trace Lenalidomide 10 mg days 1'
    """
    return sheet_names("Trace", labels)[i]


def sheet_names(kind: str, labels: Sequence[str]) -> list[str]:
    """Names of sheets of one kind as Excel allows them, each another; with a number where labels begin alike.

    >>> sheet_names("PFS", ["Lenalidomide 10 mg, days 1 to 21", "lenalidomide 10 mg, days 1 to 21 of 28"])
    ['PFS 1 Lenalidomide 10 mg, days', 'PFS 2 lenalidomide 10 mg, days']
    """
    names = [_allowed(f"{kind} {label}") for label in labels]
    if len({name.casefold() for name in names}) < len(names):
        names = [_allowed(f"{kind} {number} {label}") for number, label in enumerate(labels, start=1)]
    return names


def _allowed(name: str) -> str:
    """A name of at most 31 characters as Excel counts them, in UTF-16, without those that it forbids."""
    allowed = "".join(c for c in name if c not in "'[]:*?/\\" and c.isprintable())
    return allowed.encode("utf-16-le")[:62].decode("utf-16-le", "ignore").strip()

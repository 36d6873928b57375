"""A report as data: pages of text, tables and charts, before anything is written."""

from dataclasses import dataclass, field
from typing import Literal

Look = Literal[
    "text", "strong", "money", "number", "qaly", "years", "months", "percent", "share", "rate", "integer", "exact"
]
ChartKind = Literal["lines", "area", "bars", "columns", "horizontal", "points"]
Cell = str | float | int | None

STRATEGY_COLOURS = ("#5B6B7F", "#2F6DB5", "#D1802E", "#3E8E5A", "#8A5BA6", "#B5483F")
STATE_COLOURS = ("#2F6DB5", "#8DB7E2", "#E0A458", "#B5483F", "#DE9A94", "#9AA5B1")
CATEGORY_COLOURS = (
    "#1F3A5F",
    "#2F6DB5",
    "#8DB7E2",
    "#3E8E5A",
    "#E0A458",
    "#D1802E",
    "#B5483F",
    "#9AA5B1",
)


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
    column of evidence status; `bold` marks rows; a `long` table repeats its header on every printed page. `tints`
    colours cells, row by row, with an empty text for none; in Excel the last column of a `spread` table takes all
    columns that the page has left.
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
    looks: tuple[Look, ...] = ()
    tints: tuple[tuple[str, ...], ...] = ()
    spread: bool = False


@dataclass(frozen=True)
class Series:
    """A series of a chart: two columns of a table (by page and key), rows `first` to `last` of it.

    With `until` one row is read across the columns `y` to `until` instead of one column down the rows. `error` names
    the columns of how far a horizontal error bar reaches down and up, `names` a column of words beside the points.
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
    margin: float | None = None
    """Both axes from minus to plus this much, for pictures."""


@dataclass(frozen=True)
class Page:
    """A sheet of the report; charts listed together stand side by side."""

    name: str
    title: str
    subtitle: str
    blocks: tuple[Text | Table | tuple[Chart, ...], ...]
    widths: tuple[float, ...] = field(default=(34.0, *(15.0,) * 9))
    one_page: bool = False


def trace_name(label: str) -> str:
    """Name of a strategy's trace sheet, as Excel allows it.

    >>> trace_name("Lenalidomide 10 mg [days 1/21] until progression")
    'Trace Lenalidomide 10 mg days 1'
    """
    return f"Trace {''.join(c for c in label if c not in chr(39) + '[]:*?/' + chr(92))}"[:31]

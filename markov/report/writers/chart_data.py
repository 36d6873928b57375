"""What a chart shows, before it is drawn: its numbers, where its axes begin and end, and all of that in words."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from markov.report.page import Cell, Chart, Page, Series, Table
from markov.report.writers.number_formats import decimals_of, formatted

Point = tuple[float, float]
Tables = Mapping[tuple[str, str], Table]
"""Tables of a report by page and key."""

IN_BANDS = ("bars", "columns", "horizontal")  # categories instead of numbers on one axis
STACKED = ("area", "bars", "horizontal")
COUNTED = ("lines", "points")  # numbers on both axes, and nothing stands on zero
KINDS = {
    "lines": "Line chart",
    "points": "Scatter chart",
    "area": "Stacked area chart",
    "bars": "Stacked column chart",
    "columns": "Column chart",
    "horizontal": "Stacked bar chart",
}
MANY_POINTS = 200  # beyond which they are a cloud
GRID = "#E3E8EF"  # colour of the lines behind the data
STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
START_AT_ZERO = 1.0 / 6.0
"""An axis starts at 0 where the values spread over more than this share of the largest, as in Excel."""


def tables_of(pages: Iterable[Page]) -> Tables:
    """Every table of a report.

    >>> [*tables_of([Page("Costs", "", "", (Table("Drug", (), (), "drug"),))])]
    [('Costs', 'drug')]
    """
    return {(page.name, block.key): block for page in pages for block in page.blocks if isinstance(block, Table)}


def charts_of(pages: Iterable[Page]) -> list[Chart]:
    """Every chart of a report.

    >>> charts_of([Page("Costs", "", "", (Table("Drug", (), (), "drug"),))])
    []
    """
    return [chart for page in pages for block in page.blocks if isinstance(block, tuple) for chart in block]


# ------------------------------------------------------------------------------------------------------------ numbers


@dataclass(frozen=True)
class Drawn:
    """A series with its numbers; a cell without a number leaves a gap."""

    series: Series
    points: tuple[Point | None, ...]
    words: tuple[str, ...] = ()
    reach: tuple[tuple[float, float], ...] = ()

    @property
    def known(self) -> list[Point]:
        """Points that have both numbers."""
        return [point for point in self.points if point is not None]

    @property
    def ends(self) -> list[tuple[float, float]]:
        """Where the error bars of known points begin and end."""
        pairs = zip(self.points, self.reach, strict=False)
        return [(point[0] - down, point[0] + up) for point, (down, up) in pairs if point is not None]

    @property
    def runs(self) -> list[list[Point]]:
        """Points without a gap between them."""
        found: list[list[Point]] = [[]]
        for point in self.points:
            if point is not None:
                found[-1].append(point)
            elif found[-1]:
                found.append([])
        return [run for run in found if run]


@dataclass(frozen=True)
class Piece:
    """A stretch of a stacked area or the body of a column, at x from one value to another."""

    x: float
    low: float
    high: float


@dataclass(frozen=True)
class Plot:
    """A chart with its numbers; `bands` are the words beside its columns or bars, none where both axes count."""

    chart: Chart
    drawn: tuple[Drawn, ...]
    bands: tuple[str, ...]

    @property
    def layers(self) -> list[tuple[Drawn, list[Piece]]]:
        """Each series' pieces; where the chart stacks, laid on those before it, negative ones hanging below zero."""
        if self.chart.kind not in STACKED:
            return [(layer, [Piece(x, 0.0, y) for x, y in layer.known]) for layer in self.drawn]
        above: dict[float, float] = {}
        below: dict[float, float] = {}
        layers = []
        for layer in self.drawn:
            laid = []
            for x, y in layer.known:
                side = above if y >= 0.0 else below
                start = side.get(x, 0.0)
                side[x] = start + y
                laid.append(Piece(x, start, start + y))
            layers.append((layer, laid))
        return layers

    def axes(self, width: float) -> "Axes":
        """Where the axes begin and end on paper of that width."""
        chart, parts = self.chart, 10 if width > 600.0 else 7
        if chart.margin is not None:
            square = Range(-chart.margin, chart.margin, (0.0,))
            return Axes(replace(square, hidden=chart.x_hidden), replace(square, hidden=chart.y_hidden))
        lying = chart.kind == "horizontal"
        heights = _range_of(self._heights(), code=chart.y_format, parts=parts if lying else 6, limit=chart.y_limit)
        if lying:  # the first category stands on top
            return Axes(heights, Range(len(self.bands), 0.0, ()))
        y = replace(heights, hidden=chart.y_hidden)
        if chart.kind in IN_BANDS:
            return Axes(Range(0.0, len(self.bands), ()), y)
        xs = [p[0] for d in self.drawn for p in d.known] + [v for d in self.drawn for ends in d.ends for v in ends]
        if chart.x_log:
            return Axes(_ratio_range(xs), y)
        area = chart.kind == "area"
        x = _range_of(xs, code=chart.x_format, parts=parts, limit=None if area else chart.x_limit, tight=area)
        return Axes(replace(x, hidden=chart.x_hidden), y)

    def _heights(self) -> list[float]:
        """Values that the axis of values must hold; columns and areas stand on zero."""
        if self.chart.kind in COUNTED:
            return [y for d in self.drawn for _, y in d.known]
        ends = [piece.high + d.reach[int(piece.x)][1] for d, layer in self.layers if d.reach for piece in layer]
        return [0.0, *ends, *(v for _, layer in self.layers for piece in layer for v in (piece.low, piece.high))]

    def in_words(self, width: float = 760.0) -> str:
        """What the chart shows, to be read aloud: its axes, and each series from its first point to its last."""
        chart, axes, told = self.chart, self.axes(width), []
        for d in (d for d in self.drawn if not d.series.hidden):
            if self.bands:
                values = axes.x if chart.kind == "horizontal" else axes.y
                words = "; ".join(f"{self.bands[int(x)]} {values.words(y, 0.01)}" for x, y in d.known)
            elif d.series.markers and len(d.known) > 2:
                words = f"{len(d.known):,} points"
            else:
                words = " to ".join(filter(None, (axes.told(p) for p in d.known[:: max(len(d.known) - 1, 1)])))
                words += "".join(f" ({axes.x.words(x, 0.01)} to {axes.x.words(y, 0.01)})" for x, y in d.ends)
            told.append(f"{d.series.name}: {words}" if words else d.series.name)
        titles = " by ".join(title for title in (chart.y_title, chart.x_title) if title)
        return f"{KINDS[chart.kind]}{f': {titles}' if titles else ''}. {'. '.join(told)}."


def read_chart(chart: Chart, tables: Tables) -> Plot:
    """A chart with the numbers that its series name; raises KeyError where a table is not there.

    >>> from markov.report.page import Column
    >>> table = Table("Rates", (Column("Year"), Column("Rate")), ((0, 0.1), (1, None), (2, 0.2)), "rates")
    >>> chart = Chart("lines", "Rates rise", "Year", "Rate", (Series("Rate", "Data", "rates", 0, 1, "#2F6DB5"),))
    >>> read_chart(chart, {("Data", "rates"): table}).drawn[0].points
    ((0.0, 0.1), None, (2.0, 0.2))
    """
    drawn = tuple(_read_series(chart, series, tables[series.page, series.table]) for series in chart.series)
    if chart.kind not in IN_BANDS or not chart.series:
        return Plot(chart, drawn, ())
    series = chart.series[0]
    table = tables[series.page, series.table]
    if series.until is not None:
        return Plot(chart, drawn, tuple(c.header for c in table.columns[series.y : series.y + series.until]))
    return Plot(chart, drawn, tuple(str(row[series.x]) for row in _rows(series, table)))


def _read_series(chart: Chart, series: Series, table: Table) -> Drawn:
    if series.until is not None:
        across = table.rows[series.first][series.y : series.y + series.until]
        return Drawn(series, tuple(_point(float(i), value) for i, value in enumerate(across)))
    rows = _rows(series, table)
    down, up = series.error or (None, None)
    reach = () if down is None or up is None else tuple((_number(r[down]), _number(r[up])) for r in rows)
    if chart.kind in IN_BANDS:
        return Drawn(series, tuple(_point(float(i), row[series.y]) for i, row in enumerate(rows)), (), reach)
    words = () if series.names is None else tuple(str(row[series.names]) for row in rows)
    return Drawn(series, tuple(_point(row[series.x], row[series.y]) for row in rows), words, reach)


def _rows(series: Series, table: Table) -> tuple[tuple[Cell, ...], ...]:
    return table.rows[series.first : None if series.last is None else series.last + 1]


def _point(x: Cell, y: Cell) -> Point | None:
    if x is None or y is None or isinstance(x, str) or isinstance(y, str):
        return None
    return float(x), float(y)


def _number(value: Cell) -> float:
    return 0.0 if value is None or isinstance(value, str) else float(value)


# --------------------------------------------------------------------------------------------------------------- axes


@dataclass(frozen=True)
class Range:
    """What an axis shows: its ends, its ticks, how they are written, and whether it counts in powers of 2."""

    low: float
    high: float
    ticks: tuple[float, ...]
    code: str = "General"
    log: bool = False
    hidden: bool = False

    def words(self, value: float, finer: float = 1.0) -> str:
        """A value as the axis writes it, to a fraction of the step between ticks."""
        if self.log and finer == 1.0:
            return formatted(value, "General")
        step = self.ticks[1] - self.ticks[0] if len(self.ticks) > 1 and not self.log else 1.0
        return formatted(value, self.code, _decimals(step * finer))

    def share(self, value: float) -> float:
        """Where a value stands between the low end (0) and the high end (1)."""
        if self.log:
            return math.log(max(value, self.low) / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)


@dataclass(frozen=True)
class Axes:
    """The two axes of a chart."""

    x: Range
    y: Range

    def told(self, point: Point) -> str:
        """A point in words, finer than the axes are marked; a hidden axis has no words."""
        x = "" if self.x.hidden else self.x.words(point[0], 0.01)
        y = "" if self.y.hidden else self.y.words(point[1], 0.01)
        return f"{y} at {x}" if x and y else x or y


def _decimals(step: float) -> int:
    """Decimals that a step of an axis needs.

    >>> _decimals(0.25), _decimals(20.0), _decimals(0.2)
    (2, 0, 1)
    """
    exponent = Decimal(f"{step:.9g}").normalize().as_tuple().exponent
    return max(0, -int(exponent))


def _nice_step(width: float, parts: int, most: int = 9) -> float:
    """The smallest round step (1, 2, 2.5 or 5 times a power of ten) that cuts a width into at most so many parts.

    A quarter step is passed over where it needs more than `most` decimals: years are counted by 2 or 5.

    >>> _nice_step(25.0, 6), _nice_step(1.0, 5), _nice_step(15.0, 6, most=0)
    (5.0, 0.2, 5.0)
    """
    power = 10.0 ** math.floor(math.log10(width / parts))
    steps = [step for step in STEPS if step != 2.5 or _decimals(step * power) <= most]
    return next(step for step in steps if step * power * parts >= width * (1.0 - 1e-9)) * power


def _ticks_between(low: float, high: float, step: float) -> tuple[float, ...]:
    """Multiples of a step from one end to the other."""
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return tuple(float(f"{k * step:.12g}") for k in range(first, last + 1))


def _range_of(
    values: Iterable[float], *, code: str, parts: int, limit: float | None = None, tight: bool = False
) -> Range:
    """Range from 0 to a limit, or one that holds all values and ends on ticks (`tight`: on the values).

    >>> _range_of([0.3, 1.1], code="0.0", parts=6).ticks
    (0.0, 0.2, 0.4, 0.6, 0.8, 1.0, 1.2)
    """
    most = 9 if code == "General" else decimals_of(code)
    if limit is not None:
        return Range(0.0, limit, _ticks_between(0.0, limit, _nice_step(limit, parts, most)), code)
    known = list(values) or [0.0]
    low, high = min(known), max(known)
    if low == high:
        low, high = min(low, 0.0), max(high, 0.0) or (1.0 if low == 0.0 else 0.0)
    if not tight and low > 0.0 and high - low > START_AT_ZERO * high:
        low = 0.0
    if not tight and high < 0.0 and high - low > START_AT_ZERO * -low:
        high = 0.0
    step = _nice_step(high - low, parts, most)
    if not tight:
        low, high = math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step
    return Range(float(f"{low:.12g}"), float(f"{high:.12g}"), _ticks_between(low, high, step), code)


def _ratio_range(values: Sequence[float]) -> Range:
    """Range of ratios in powers of 2, at least from a quarter to four.

    >>> _ratio_range([0.1, 1.5]).ticks
    (0.0625, 0.125, 0.25, 0.5, 1.0, 2.0, 4.0)
    """
    powers = [math.log2(v) for v in values if v > 0.0]
    low, high = math.floor(min([-2.0, *powers])), math.ceil(max([2.0, *powers]))
    ticks = tuple(2.0**k for k in range(low, high + 1))
    return Range(ticks[0], ticks[-1], ticks, "General", log=True)

"""The numbers that a chart draws, taken from the tables that its series name."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markov.report.page import Cell, Chart, Series, Table
from markov.report.writers.drawing import Frame, Point

Tables = Mapping[tuple[str, str], Table]

IN_BANDS = ("bars", "columns", "horizontal")  # categories instead of numbers on one axis
STACKED = ("area", "bars", "horizontal")
KINDS = {
    "lines": "Line chart",
    "points": "Scatter chart",
    "area": "Stacked area chart",
    "bars": "Stacked column chart",
    "columns": "Column chart",
    "horizontal": "Stacked bar chart",
}


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


@dataclass(frozen=True)
class Piece:
    """A stretch of a stacked area or the body of a column, at x from one value to another."""

    x: float
    low: float
    high: float


def read_series(chart: Chart, series: Series, tables: Tables) -> Drawn:
    """A series of a chart with its numbers; raises KeyError where its table is not there."""
    table = tables[series.page, series.table]
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


def categories(chart: Chart, tables: Tables) -> list[str]:
    """Words beside the columns or bars of a chart; none where both axes count."""
    if chart.kind not in IN_BANDS or not chart.series:
        return []
    series = chart.series[0]
    table = tables[series.page, series.table]
    if series.until is not None:
        return [column.header for column in table.columns[series.y : series.y + series.until]]
    return [str(row[series.x]) for row in _rows(series, table)]


def pieces(chart: Chart, drawn: Sequence[Drawn]) -> list[list[Piece]]:
    """Each series' pieces; where the chart stacks, laid on those before it, negative ones hanging below zero."""
    if chart.kind not in STACKED:
        return [[Piece(x, 0.0, y) for x, y in layer.known] for layer in drawn]
    above: dict[float, float] = {}
    below: dict[float, float] = {}
    layers = []
    for layer in drawn:
        laid = []
        for x, y in layer.known:
            side = above if y >= 0.0 else below
            start = side.get(x, 0.0)
            side[x] = start + y
            laid.append(Piece(x, start, start + y))
        layers.append(laid)
    return layers


def runs(points: Sequence[Point | None]) -> list[list[Point]]:
    """Points without a gap between them.

    >>> runs([(0.0, 1.0), None, (2.0, 3.0), (4.0, 5.0)])
    [[(0.0, 1.0)], [(2.0, 3.0), (4.0, 5.0)]]
    """
    found: list[list[Point]] = [[]]
    for point in points:
        if point is not None:
            found[-1].append(point)
        elif found[-1]:
            found.append([])
    return [run for run in found if run]


def describe(chart: Chart, drawn: Sequence[Drawn], bands: Sequence[str], frame: Frame) -> str:
    """What a chart shows, to be read aloud: its axes, and each series from its first point to its last."""
    axes = " by ".join(title for title in (chart.y_title, chart.x_title) if title)
    told = []
    for d in (d for d in drawn if not d.series.hidden):
        if bands:
            values = frame.x if chart.kind == "horizontal" else frame.y
            words = "; ".join(f"{bands[int(x)]} {values.words(y, 0.01)}" for x, y in d.known)
        elif d.series.markers and len(d.known) > 2:
            words = f"{len(d.known):,} points"
        else:
            words = " to ".join(filter(None, (frame.told(p) for p in d.known[:: max(len(d.known) - 1, 1)])))
            words += "".join(f" ({frame.x.words(x, 0.01)} to {frame.x.words(y, 0.01)})" for x, y in d.ends)
        told.append(f"{d.series.name}: {words}" if words else d.series.name)
    return f"{KINDS[chart.kind]}{f': {axes}' if axes else ''}. {'. '.join(told)}."


def _rows(series: Series, table: Table) -> tuple[tuple[Cell, ...], ...]:
    return table.rows[series.first : None if series.last is None else series.last + 1]


def _point(x: Cell, y: Cell) -> Point | None:
    if x is None or y is None or isinstance(x, str) or isinstance(y, str):
        return None
    return float(x), float(y)


def _number(value: Cell) -> float:
    return 0.0 if value is None or isinstance(value, str) else float(value)

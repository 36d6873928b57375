"""The charts as pictures: the series that Excel draws, as SVG that any browser shows without another program."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

from markov.excel.style import HEADER, INK, PAPER
from markov.report.page import Chart, Series
from markov.report.writers.chart_data import (
    COUNTED,
    GRID,
    MANY_POINTS,
    STACKED,
    Axes,
    Drawn,
    Piece,
    Plot,
    Point,
    Tables,
    read_chart,
)

FONT = "Calibri, Carlito, 'Segoe UI', Arial, sans-serif"
LINE = "#9AA5B1"
SMALL, LARGE = 12.0, 15.0
NARROW, WIDE = "ijltfrI.,:;|!'()[] ·-", "mwMWG%@—"
CENTRED, RIGHT = 'text-anchor="middle"', 'text-anchor="end"'
PLOT_HEIGHT = 270.0
NAMED_HEIGHT = 34.0  # of a row with a word above its point
LINE_HEIGHT, TITLE_HEIGHT, LEGEND_HEIGHT = 15.0, 19.0, 17.0
FILLED = 0.56  # of a band; the rest parts it from the next, as a gap of 80 % does in Excel
DASHES = ' stroke-dasharray="6 4"'

Labels = Sequence[Sequence[str]]


def chart_svg(chart: Chart, tables: Tables, name: str, width: float = 760.0) -> str:
    """A chart as one SVG element; `tables` are those of the report by page and key, `name` is unique in the document.

    The element carries a title and a description in words, so that it can be read aloud.  Raises KeyError where a
    series names a table that is not there.

    >>> from markov.report.page import Column, Table
    >>> table = Table("Rates", (Column("Year"), Column("Rate")), ((0, 0.1), (1, 0.2)), "rates")
    >>> chart = Chart("lines", "Rates rise", "Year", "Rate", (Series("Rate", "Data", "rates", 0, 1, "#2F6DB5"),))
    >>> '<title id="rise-title">Rates rise</title>' in chart_svg(chart, {("Data", "rates"): table}, "rise")
    True
    """
    plot = read_chart(chart, tables)
    titles = _wrapped(chart.title, width - 8.0, 1.06 * LARGE)
    frame, labels = _frame(plot, width, 18.0 + TITLE_HEIGHT * len(titles))
    below = frame.bottom + _room_below(chart, labels)
    legend, height = _legend(plot, width, below)
    heading = f'font-size="{_at(LARGE)}" font-weight="bold" fill="{HEADER}"'
    parts = [
        f'<svg viewBox="0 0 {_at(width)} {_at(height)}" width="{_at(width)}" height="{_at(height)}" role="img" '
        f'aria-labelledby="{name}-title {name}-words" font-family="{FONT}" font-size="{_at(SMALL)}" fill="{INK}">',
        f'<title id="{name}-title">{escape(chart.title)}</title>',
        f'<desc id="{name}-words">{escape(plot.in_words(width))}</desc>',
        *(_text(4.0, 16.0 + TITLE_HEIGHT * i, words, heading) for i, words in enumerate(titles)),
        *_axes(chart, frame, labels, below),
        f'<clipPath id="{name}-plot">{_inside(chart, frame)}</clipPath>',
        f'<g clip-path="url(#{name}-plot)">',
        *_data(plot, frame),
        "</g>",
        *legend,
        "</svg>",
    ]
    return "\n".join(parts)


# --------------------------------------------------------------------------------------------------------------- paper


@dataclass(frozen=True)
class Frame(Axes):
    """The rectangle of the data on the paper, with the ranges of its axes."""

    left: float
    top: float
    width: float
    height: float

    @property
    def right(self) -> float:
        """Right edge."""
        return self.left + self.width

    @property
    def bottom(self) -> float:
        """Lower edge; the paper counts downwards."""
        return self.top + self.height

    def across(self, value: float) -> float:
        """Place of a value along the paper."""
        return self.left + self.width * self.x.share(value)

    def down(self, value: float) -> float:
        """Place of a value down the paper."""
        return self.top + self.height * (1.0 - self.y.share(value))

    def place(self, point: Point) -> str:
        """Place of a point as a pair."""
        return f"{_at(self.across(point[0]))} {_at(self.down(point[1]))}"


def _at(value: float) -> str:
    """A length with one decimal where it needs one.

    >>> _at(12.04), _at(0.25)
    ('12', '0.2')
    """
    return f"{value:.1f}".removesuffix(".0")


def _text(x: float, y: float, words: str, more: str = "") -> str:
    """Words with their base line at a place."""
    return f'<text x="{_at(x)}" y="{_at(y)}"{" " + more if more else ""}>{escape(words)}</text>'


def _line(start: Point, end: Point, colour: str, width: float = 1.0, more: str = "") -> str:
    """A straight line."""
    ends = f'x1="{_at(start[0])}" y1="{_at(start[1])}" x2="{_at(end[0])}" y2="{_at(end[1])}"'
    return f'<line {ends} stroke="{escape(colour)}" stroke-width="{_at(width)}"{more}/>'


def _box(corner: Point, width: float, height: float, more: str = "", words: str = "") -> str:
    """A rectangle from its upper left corner, with words for who points at it or listens."""
    sides = f'x="{_at(corner[0])}" y="{_at(corner[1])}" width="{_at(width)}" height="{_at(height)}"'
    told = f"><title>{escape(words)}</title></rect>" if words else "/>"
    return f"<rect {sides}{' ' + more if more else ''}{told}"


def _circle(centre: Point, radius: float, colour: str, words: str = "") -> str:
    """A filled circle with a thin white rim."""
    told = f"><title>{escape(words)}</title></circle>" if words else "/>"
    place = f'cx="{_at(centre[0])}" cy="{_at(centre[1])}" r="{_at(radius)}"'
    return f'<circle {place} fill="{escape(colour)}" stroke="{PAPER}"{told}'


def _path(outline: str, look: str, words: str) -> str:
    """A line through many places, or the area inside it."""
    return f'<path d="{outline}" {look}><title>{escape(words)}</title></path>'


def _text_width(words: str, size: float = SMALL) -> float:
    """About how wide a text is; a browser measures, a file cannot.

    >>> _text_width("illi") < _text_width("mmmm")
    True
    """
    ems = sum(0.3 if c in NARROW else 0.86 if c in WIDE else 0.66 if c.isupper() else 0.54 for c in words)
    return ems * size


def _wrapped(words: str, width: float, size: float = SMALL) -> list[str]:
    """A text in lines of at most that width; a longer word has a line of its own.

    >>> _wrapped("Overall survival, median in months", 110.0)
    ['Overall survival,', 'median in months']
    """
    lines = [""]
    for word in words.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and _text_width(longer, size) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


# ---------------------------------------------------------------------------------------------------- frame and axes


def _frame(plot: Plot, width: float, top: float) -> tuple[Frame, list[list[str]]]:
    """Where the data stand, and the words of the bands in lines that fit beside them."""
    chart, axes = plot.chart, plot.axes(width)
    x, y = axes.x, axes.y
    if chart.kind == "horizontal":
        labels = [_wrapped(word, 0.38 * width) for word in plot.bands]
        marks = max((_text_width(words) for lines in labels for words in lines), default=0.0)
        height = sum(LINE_HEIGHT * len(lines) + 9.0 for lines in labels)
    else:
        marks = 0.0 if y.hidden else max(_text_width(y.words(tick)) for tick in y.ticks)
        height = NAMED_HEIGHT * sum(len(d.words) for d in plot.drawn) if y.hidden and not x.hidden else 0.0
    left = 10.0 + marks + (20.0 if chart.y_title and chart.kind != "horizontal" else 0.0)
    if x.ticks and not x.hidden:  # the first number below stands half outside
        left = max(left, 4.0 + _text_width(x.words(x.ticks[0])) / 2.0)
    frame = Frame(x, y, left, top, width - left - 22.0, max(PLOT_HEIGHT, height))
    if chart.kind != "horizontal":
        labels = [_wrapped(word, frame.width / len(plot.bands) - 6.0) for word in plot.bands]
    return frame, labels


def _inside(chart: Chart, frame: Frame) -> str:
    """Where data may be drawn: the frame and the half of a marker beyond it, but no line beyond a limit."""
    right = 0.0 if chart.x_limit is not None else 6.0
    return _box((frame.left - 6.0, frame.top - 6.0), frame.width + 6.0 + right, frame.height + 12.0)


def _room_below(chart: Chart, labels: Labels) -> float:
    lines = 1 if chart.kind == "horizontal" else max((len(words) for words in labels), default=1)
    marks = 6.0 if chart.x_hidden else 8.0 + LINE_HEIGHT * lines
    return marks + (18.0 if _lower_title(chart) else 0.0) + 6.0


def _lower_title(chart: Chart) -> str:
    return chart.y_title if chart.kind == "horizontal" else chart.x_title


def _axes(chart: Chart, frame: Frame, labels: Labels, below: float) -> list[str]:
    parts = []
    if chart.kind == "horizontal":
        parts += [*_numbers_below(frame, grid=True), *_words_beside(frame, labels)]
    else:
        parts += [] if frame.y.hidden else _numbers_beside(frame)
        parts += _words_below(frame, labels) if labels else [] if frame.x.hidden else _numbers_below(frame)
    if _lower_title(chart):
        parts.append(_text(frame.left + frame.width / 2.0, below - 10.0, _lower_title(chart), CENTRED))
    if chart.y_title and chart.kind != "horizontal":
        middle = frame.top + frame.height / 2.0
        parts.append(_text(14.0, middle, chart.y_title, f'{CENTRED} transform="rotate(-90 14 {_at(middle)})"'))
    return parts


def _numbers_beside(frame: Frame) -> Iterable[str]:
    for tick in frame.y.ticks:
        y = frame.down(tick)
        yield _line((frame.left, y), (frame.right, y), LINE if tick == 0.0 else GRID)
        yield _text(frame.left - 6.0, y + 4.0, frame.y.words(tick), RIGHT)


def _numbers_below(frame: Frame, *, grid: bool = False) -> Iterable[str]:
    """Numbers below the frame, as many as have room, and the line where nothing changes: 0, or a ratio of 1."""
    yield _line((frame.left, frame.bottom), (frame.right, frame.bottom), LINE)
    widest = max((_text_width(frame.x.words(tick)) for tick in frame.x.ticks), default=0.0) + 10.0
    every = max(1, round(widest * (len(frame.x.ticks) - 1) / frame.width + 0.5))
    for tick in frame.x.ticks[::every]:
        x = frame.across(tick)
        yield _line((x, frame.bottom), (x, frame.bottom + 4.0), LINE)
        yield _text(x, frame.bottom + 17.0, frame.x.words(tick), CENTRED)
    nothing = 1.0 if frame.x.log else 0.0
    for tick in frame.x.ticks:
        if grid or frame.x.log or tick == nothing:
            x = frame.across(tick)
            yield _line((x, frame.top), (x, frame.bottom), LINE if tick == nothing else GRID)


def _words_below(frame: Frame, labels: Labels) -> Iterable[str]:
    yield _line((frame.left, frame.bottom), (frame.right, frame.bottom), LINE)
    for i, lines in enumerate(labels):
        for k, words in enumerate(lines):
            yield _text(frame.across(i + 0.5), frame.bottom + 16.0 + LINE_HEIGHT * k, words, CENTRED)


def _words_beside(frame: Frame, labels: Labels) -> Iterable[str]:
    for i, lines in enumerate(labels):
        for k, words in enumerate(lines):
            shift = 4.0 + LINE_HEIGHT * (k - (len(lines) - 1) / 2.0)
            yield _text(frame.left - 6.0, frame.down(i + 0.5) + shift, words, RIGHT)


# ----------------------------------------------------------------------------------------------------------- the data


def _data(plot: Plot, frame: Frame) -> list[str]:
    kind, layers = plot.chart.kind, plot.layers
    if kind in COUNTED:
        return [part for d in plot.drawn for part in _points(d, frame)]
    if kind == "area":
        return [_area(d, layer, frame) for d, layer in layers if layer]
    beside = 1 if kind in STACKED else len(layers)
    columns = [
        _column(plot, d, piece, frame, (i % beside, beside))
        for i, (d, layer) in enumerate(layers)
        for piece in layer
        if not d.series.hidden
    ]
    return columns + [part for d, layer in layers if d.reach for part in _reaches(d, layer, frame)]


def _reaches(drawn: Drawn, layer: Sequence[Piece], frame: Frame) -> Iterable[str]:
    """Error bars at the ends of lying bars."""
    for piece in layer:
        down, up = drawn.reach[int(piece.x)]
        height = frame.down(piece.x + 0.5)
        yield _line((frame.across(piece.high - down), height), (frame.across(piece.high + up), height), INK, 1.5)


def _area(drawn: Drawn, layer: Sequence[Piece], frame: Frame) -> str:
    upper = [frame.place((piece.x, piece.high)) for piece in layer]
    lower = [frame.place((piece.x, piece.low)) for piece in reversed(layer)]
    return _path(f"M{' '.join([*upper, *lower])}Z", f'fill="{escape(drawn.series.colour)}"', drawn.series.name)


def _column(plot: Plot, drawn: Drawn, piece: Piece, frame: Frame, place: tuple[int, int]) -> str:
    """A column or bar; `place` is which one it is of so many that stand side by side in its band."""
    lying = plot.chart.kind == "horizontal"
    band = (frame.height if lying else frame.width) / len(plot.bands)
    thick = min(FILLED * band, 150.0)
    middle = frame.down(piece.x + 0.5) if lying else frame.across(piece.x + 0.5)
    start, thick = middle - thick / 2.0 + thick * place[0] / place[1], thick / place[1]
    values = frame.x if lying else frame.y
    first, last = sorted((frame.across if lying else frame.down)(v) for v in (piece.low, piece.high))
    words = f"{drawn.series.name}, {plot.bands[int(piece.x)]}: {values.words(piece.high - piece.low, 0.01)}"
    look = f'fill="{escape(drawn.series.colour)}" stroke="{PAPER}" stroke-width="0.5"'
    if lying:
        return _box((first, start), last - first, thick, look, words)
    return _box((start, first), thick, last - first, look, words)


def _points(drawn: Drawn, frame: Frame) -> list[str]:
    """Error bars, then the line or the markers, then the words above them."""
    series, parts = drawn.series, []
    for (_, y), (low, high) in zip(drawn.known, drawn.ends, strict=False):
        height = frame.down(y)
        parts.append(_line((frame.across(low), height), (frame.across(high), height), series.colour, 1.5))
    parts += _markers(drawn, frame) if series.markers else [_curve(drawn, frame)]
    for point, words in zip(drawn.points, drawn.words, strict=False):
        if point is not None:
            half = _text_width(words) / 2.0
            x = min(max(frame.across(point[0]), frame.left + half), frame.right - half)
            parts.append(_text(x, frame.down(point[1]) - 9.0, words, CENTRED))
    return parts


def _curve(drawn: Drawn, frame: Frame) -> str:
    series = drawn.series
    width = 1.3 + 2.0 * series.width if series.width is not None else 1.8 if series.dashed else 2.5
    outline = "".join(f"M{' '.join(frame.place(point) for point in run)}" for run in drawn.runs)
    stroke = f'stroke="{escape(series.colour)}" stroke-width="{_at(width)}" stroke-linejoin="round"'
    return _path(outline, f'fill="none" {stroke}{DASHES if series.dashed else ""}', series.name)


def _markers(drawn: Drawn, frame: Frame) -> list[str]:
    series, size = drawn.series, drawn.series.width or 8.0
    if len(drawn.known) > MANY_POINTS:  # one path of dots: a tenth of the size of as many circles
        dots = "".join(f"M{frame.place(point)}h0" for point in drawn.known)
        stroke = f'stroke-width="{_at(size * 1.1)}" stroke-linecap="round" stroke-opacity="0.5"'
        return [_path(dots, f'fill="none" stroke="{escape(series.colour)}" {stroke}', series.name)]
    return [
        _circle((frame.across(x), frame.down(y)), 0.6 * size, series.colour, f"{series.name}: {frame.told((x, y))}")
        for x, y in drawn.known
    ]


# ------------------------------------------------------------------------------------------------------------- legend


def _legend(plot: Plot, width: float, top: float) -> tuple[list[str], float]:
    """Samples with the names of the series in as many rows as they need, and where they end."""
    if not plot.chart.legend:
        return [], top + 4.0
    parts, left, y, deepest = [], 8.0, top, 1
    told = [d for d in plot.drawn if d.series.listed and not d.series.hidden]
    for d in {(d.series.name, d.series.colour): d for d in told}.values():  # both ends of an interval once
        lines = _wrapped(d.series.name, width - 60.0)
        wide = 30.0 + max(_text_width(words) for words in lines) + 18.0
        if left > 8.0 and left + wide > width:
            left, y, deepest = 8.0, y + LEGEND_HEIGHT * deepest + 2.0, 1
        parts.append(_sample(plot.chart, d.series, left, y + 8.0))
        parts += [_text(left + 30.0, y + 12.0 + LINE_HEIGHT * k, words) for k, words in enumerate(lines)]
        left, deepest = left + wide, max(deepest, len(lines))
    return parts, y + LEGEND_HEIGHT * deepest + 6.0


def _sample(chart: Chart, series: Series, left: float, y: float) -> str:
    if chart.kind not in COUNTED:
        return _box((left + 8.0, y - 6.0), 14.0, 12.0, f'fill="{escape(series.colour)}"')
    if series.markers:
        return _circle((left + 15.0, y), min(max((series.width or 8.0) * 0.6, 3.0), 6.0), series.colour)
    return _line((left + 2.0, y), (left + 26.0, y), series.colour, 2.5, DASHES if series.dashed else "")

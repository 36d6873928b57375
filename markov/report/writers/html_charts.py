"""The charts as pictures: the series that Excel draws, as SVG that any browser shows without another program."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from html import escape

from markov.report.page import Chart, Series
from markov.report.writers.axes import Range, range_of, ratio_range
from markov.report.writers.drawing import (
    CENTRED,
    FONT,
    GRID,
    INK,
    LARGE,
    LINE,
    PAPER,
    RIGHT,
    SMALL,
    TITLE,
    Frame,
    at,
    box,
    circle,
    line,
    path,
    text,
    text_width,
    wrapped,
)
from markov.report.writers.drawn_series import IN_BANDS, STACKED, Drawn, Piece, Tables, categories, describe, pieces
from markov.report.writers.drawn_series import read_series as read
from markov.report.writers.drawn_series import runs as runs_of

PLOT_HEIGHT = 270.0
NAMED_HEIGHT = 34.0  # of a row with a word above its point
LINE_HEIGHT, TITLE_HEIGHT, LEGEND_HEIGHT = 15.0, 19.0, 17.0
MANY_POINTS = 200
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
    >>> "<title id=\\"rise-title\\">Rates rise</title>" in chart_svg(chart, {("Data", "rates"): table}, "rise")
    True
    """
    drawn = [read(chart, series, tables) for series in chart.series]
    bands = categories(chart, tables)
    titles = wrapped(chart.title, width - 8.0, 1.06 * LARGE)
    frame, labels = _frame(chart, drawn, bands, width, 18.0 + TITLE_HEIGHT * len(titles))
    below = frame.bottom + _room_below(chart, labels)
    legend, height = _legend(chart, drawn, width, below)
    heading = f'font-size="{at(LARGE)}" font-weight="bold" fill="{TITLE}"'
    parts = [
        f'<svg viewBox="0 0 {at(width)} {at(height)}" width="{at(width)}" height="{at(height)}" role="img" '
        f'aria-labelledby="{name}-title {name}-words" font-family="{FONT}" font-size="{at(SMALL)}" fill="{INK}">',
        f'<title id="{name}-title">{escape(chart.title)}</title>',
        f'<desc id="{name}-words">{escape(describe(chart, drawn, bands, frame))}</desc>',
        *(text(4.0, 16.0 + TITLE_HEIGHT * i, words, heading) for i, words in enumerate(titles)),
        *_axes(chart, frame, labels, below),
        f'<clipPath id="{name}-plot">{_inside(chart, frame)}</clipPath>',
        f'<g clip-path="url(#{name}-plot)">',
        *_data(chart, drawn, bands, frame),
        "</g>",
        *legend,
        "</svg>",
    ]
    return "\n".join(parts)


def chart_in_words(chart: Chart, tables: Tables) -> str:
    """The same chart for who cannot see it: its axes, and each series from its first point to its last."""
    drawn = [read(chart, series, tables) for series in chart.series]
    bands = categories(chart, tables)
    frame, _ = _frame(chart, drawn, bands, 760.0, 0.0)
    return describe(chart, drawn, bands, frame)


# ---------------------------------------------------------------------------------------------------- paper and axes


def _frame(
    chart: Chart, drawn: Sequence[Drawn], bands: Sequence[str], width: float, top: float
) -> tuple[Frame, list[list[str]]]:
    """Where the data stand, and the words of the bands in lines that fit beside them."""
    x, y = _ranges(chart, drawn, bands, width)
    if chart.kind == "horizontal":
        labels = [wrapped(word, 0.38 * width) for word in bands]
        marks = max((text_width(words, SMALL) for lines in labels for words in lines), default=0.0)
        height = sum(LINE_HEIGHT * len(lines) + 9.0 for lines in labels)
    else:
        marks = 0.0 if y.hidden else max(text_width(y.words(tick), SMALL) for tick in y.ticks)
        height = NAMED_HEIGHT * sum(len(d.words) for d in drawn) if y.hidden and not x.hidden else 0.0
    left = 10.0 + marks + (20.0 if chart.y_title and chart.kind != "horizontal" else 0.0)
    if x.ticks and not x.hidden:  # the first number below stands half outside
        left = max(left, 4.0 + text_width(x.words(x.ticks[0]), SMALL) / 2.0)
    frame = Frame(left, top, width - left - 22.0, max(PLOT_HEIGHT, height), x, y)
    if chart.kind != "horizontal":
        labels = [wrapped(word, frame.width / len(bands) - 6.0) for word in bands]
    return frame, labels


def _ranges(chart: Chart, drawn: Sequence[Drawn], bands: Sequence[str], width: float) -> tuple[Range, Range]:
    if chart.margin is not None:
        square = Range(-chart.margin, chart.margin, (0.0,))
        return replace(square, hidden=chart.x_hidden), replace(square, hidden=chart.y_hidden)
    parts = 10 if width > 600.0 else 7
    heights = _heights(chart, drawn)
    if chart.kind == "horizontal":  # the first category stands on top
        return range_of(heights, code=chart.y_format, parts=parts, limit=chart.y_limit), Range(len(bands), 0.0, ())
    y = replace(range_of(heights, code=chart.y_format, parts=6, limit=chart.y_limit), hidden=chart.y_hidden)
    if chart.kind in IN_BANDS:
        return Range(0.0, len(bands), ()), y
    xs = [p[0] for d in drawn for p in d.known] + [v for d in drawn for ends in d.ends for v in ends]
    if chart.x_log:
        return ratio_range(xs), y
    limit = chart.x_limit if chart.kind != "area" else None
    x = range_of(xs, code=chart.x_format, parts=parts, limit=limit, tight=chart.kind == "area")
    return replace(x, hidden=chart.x_hidden), y


def _heights(chart: Chart, drawn: Sequence[Drawn]) -> list[float]:
    """Values that the axis of values must hold; columns and areas stand on zero."""
    if chart.kind in IN_BANDS or chart.kind in STACKED:
        laid = list(zip(drawn, pieces(chart, drawn), strict=True))
        ends = [piece.high + d.reach[int(piece.x)][1] for d, layer in laid if d.reach for piece in layer]
        return [0.0, *ends, *(v for _, layer in laid for piece in layer for v in (piece.low, piece.high))]
    return [y for d in drawn for _, y in d.known]


def _inside(chart: Chart, frame: Frame) -> str:
    """Where data may be drawn: the frame and the half of a marker beyond it, but no line beyond a limit."""
    right = 0.0 if chart.x_limit is not None else 6.0
    return box((frame.left - 6.0, frame.top - 6.0), frame.width + 6.0 + right, frame.height + 12.0)


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
        parts.append(text(frame.left + frame.width / 2.0, below - 10.0, _lower_title(chart), CENTRED))
    if chart.y_title and chart.kind != "horizontal":
        middle = frame.top + frame.height / 2.0
        parts.append(text(14.0, middle, chart.y_title, f'{CENTRED} transform="rotate(-90 14 {at(middle)})"'))
    return parts


def _numbers_beside(frame: Frame) -> Iterable[str]:
    for tick in frame.y.ticks:
        y = frame.down(tick)
        yield line((frame.left, y), (frame.right, y), LINE if tick == 0.0 else GRID)
        yield text(frame.left - 6.0, y + 4.0, frame.y.words(tick), RIGHT)


def _numbers_below(frame: Frame, *, grid: bool = False) -> Iterable[str]:
    """Numbers below the frame, as many as have room, and the line where nothing changes: 0, or a ratio of 1."""
    yield line((frame.left, frame.bottom), (frame.right, frame.bottom), LINE)
    widest = max((text_width(frame.x.words(tick), SMALL) for tick in frame.x.ticks), default=0.0) + 10.0
    every = max(1, round(widest * (len(frame.x.ticks) - 1) / frame.width + 0.5))
    for tick in frame.x.ticks[::every]:
        x = frame.across(tick)
        yield line((x, frame.bottom), (x, frame.bottom + 4.0), LINE)
        yield text(x, frame.bottom + 17.0, frame.x.words(tick), CENTRED)
    nothing = 1.0 if frame.x.log else 0.0
    for tick in frame.x.ticks:
        if grid or frame.x.log or tick == nothing:
            x = frame.across(tick)
            yield line((x, frame.top), (x, frame.bottom), LINE if tick == nothing else GRID)


def _words_below(frame: Frame, labels: Labels) -> Iterable[str]:
    yield line((frame.left, frame.bottom), (frame.right, frame.bottom), LINE)
    for i, lines in enumerate(labels):
        for k, words in enumerate(lines):
            yield text(frame.across(i + 0.5), frame.bottom + 16.0 + LINE_HEIGHT * k, words, CENTRED)


def _words_beside(frame: Frame, labels: Labels) -> Iterable[str]:
    for i, lines in enumerate(labels):
        for k, words in enumerate(lines):
            shift = 4.0 + LINE_HEIGHT * (k - (len(lines) - 1) / 2.0)
            yield text(frame.left - 6.0, frame.down(i + 0.5) + shift, words, RIGHT)


# ----------------------------------------------------------------------------------------------------------- the data


def _data(chart: Chart, drawn: Sequence[Drawn], bands: Sequence[str], frame: Frame) -> list[str]:
    if chart.kind not in IN_BANDS and chart.kind not in STACKED:
        return [part for d in drawn for part in _points(d, frame)]
    layers = list(zip(drawn, pieces(chart, drawn), strict=True))
    if chart.kind == "area":
        return [_area(d, layer, frame) for d, layer in layers if layer]
    beside = 1 if chart.kind in STACKED else len(layers)
    columns = [
        _column(chart, d, piece, bands, frame, (i % beside, beside))
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
        yield line((frame.across(piece.high - down), height), (frame.across(piece.high + up), height), INK, 1.5)


def _area(drawn: Drawn, layer: Sequence[Piece], frame: Frame) -> str:
    upper = [frame.place((piece.x, piece.high)) for piece in layer]
    lower = [frame.place((piece.x, piece.low)) for piece in reversed(layer)]
    return path(f"M{' '.join([*upper, *lower])}Z", f'fill="{escape(drawn.series.colour)}"', drawn.series.name)


def _column(
    chart: Chart, drawn: Drawn, piece: Piece, bands: Sequence[str], frame: Frame, place: tuple[int, int]
) -> str:
    """A column or bar; `place` is which one it is of so many that stand side by side in its band."""
    lying = chart.kind == "horizontal"
    band = (frame.height if lying else frame.width) / len(bands)
    thick = min(FILLED * band, 150.0)
    middle = frame.down(piece.x + 0.5) if lying else frame.across(piece.x + 0.5)
    start, thick = middle - thick / 2.0 + thick * place[0] / place[1], thick / place[1]
    values = frame.x if lying else frame.y
    first, last = sorted((frame.across if lying else frame.down)(v) for v in (piece.low, piece.high))
    words = f"{drawn.series.name}, {bands[int(piece.x)]}: {values.words(piece.high - piece.low, 0.01)}"
    look = f'fill="{escape(drawn.series.colour)}" stroke="{PAPER}" stroke-width="0.5"'
    if lying:
        return box((first, start), last - first, thick, look, words)
    return box((start, first), thick, last - first, look, words)


def _points(drawn: Drawn, frame: Frame) -> list[str]:
    """Error bars, then the line or the markers, then the words above them."""
    series, parts = drawn.series, []
    for (_, y), (low, high) in zip(drawn.known, drawn.ends, strict=False):
        height = frame.down(y)
        parts.append(line((frame.across(low), height), (frame.across(high), height), series.colour, 1.5))
    parts += _markers(drawn, frame) if series.markers else [_line(drawn, frame)]
    for point, words in zip(drawn.points, drawn.words, strict=False):
        if point is not None:
            half = text_width(words, SMALL) / 2.0
            x = min(max(frame.across(point[0]), frame.left + half), frame.right - half)
            parts.append(text(x, frame.down(point[1]) - 9.0, words, CENTRED))
    return parts


def _line(drawn: Drawn, frame: Frame) -> str:
    series = drawn.series
    width = 1.3 + 2.0 * series.width if series.width is not None else 1.8 if series.dashed else 2.5
    outline = "".join(f"M{' '.join(frame.place(point) for point in run)}" for run in runs_of(drawn.points))
    stroke = f'stroke="{escape(series.colour)}" stroke-width="{at(width)}" stroke-linejoin="round"'
    return path(outline, f'fill="none" {stroke}{DASHES if series.dashed else ""}', series.name)


def _markers(drawn: Drawn, frame: Frame) -> list[str]:
    series, size = drawn.series, drawn.series.width or 8.0
    if len(drawn.known) > MANY_POINTS:  # one path of dots: a tenth of the size of as many circles
        dots = "".join(f"M{frame.place(point)}h0" for point in drawn.known)
        stroke = f'stroke-width="{at(size * 1.1)}" stroke-linecap="round" stroke-opacity="0.5"'
        return [path(dots, f'fill="none" stroke="{escape(series.colour)}" {stroke}', series.name)]
    return [
        circle((frame.across(x), frame.down(y)), 0.6 * size, series.colour, f"{series.name}: {frame.told((x, y))}")
        for x, y in drawn.known
    ]


# ------------------------------------------------------------------------------------------------------------- legend


def _legend(chart: Chart, drawn: Sequence[Drawn], width: float, top: float) -> tuple[list[str], float]:
    """Samples with the names of the series in as many rows as they need, and where they end."""
    if not chart.legend:
        return [], top + 4.0
    parts, left, y, deepest = [], 8.0, top, 1
    told = [d for d in drawn if d.series.listed and not d.series.hidden]
    for d in {(d.series.name, d.series.colour): d for d in told}.values():  # both ends of an interval once
        lines = wrapped(d.series.name, width - 60.0)
        wide = 30.0 + max(text_width(words, SMALL) for words in lines) + 18.0
        if left > 8.0 and left + wide > width:
            left, y, deepest = 8.0, y + LEGEND_HEIGHT * deepest + 2.0, 1
        parts.append(_sample(chart, d.series, left, y + 8.0))
        parts += [text(left + 30.0, y + 12.0 + LINE_HEIGHT * k, words) for k, words in enumerate(lines)]
        left, deepest = left + wide, max(deepest, len(lines))
    return parts, y + LEGEND_HEIGHT * deepest + 6.0


def _sample(chart: Chart, series: Series, left: float, y: float) -> str:
    if chart.kind in IN_BANDS or chart.kind in STACKED:
        return box((left + 8.0, y - 6.0), 14.0, 12.0, f'fill="{escape(series.colour)}"')
    if series.markers:
        return circle((left + 15.0, y), min(max((series.width or 8.0) * 0.6, 3.0), 6.0), series.colour)
    return line((left + 2.0, y), (left + 26.0, y), series.colour, 2.5, DASHES if series.dashed else "")

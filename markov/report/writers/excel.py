"""The only writer of reports: pages of text, tables and charts into an Excel workbook.

The workbook is written beside its place and moved into it, so that a report is either whole or not there. Every
cell holds a value, so that Protected View and previews show them.
"""

import io
import math
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from markov.excel.style import FONT, FORMATS, INK, PAGE_HEIGHT, PAGE_WIDTH, make_formats, set_page, width_in_points
from markov.report.files import ReportError, write_packed
from markov.report.page import CONTENTS, Block, Cell, Chart, Page, Series, Table, Text
from markov.report.writers.excel_layout import (
    CHART_ROWS,
    PAGE_FILLED,
    ROW_POINTS,
    Paper,
    header_points,
    led,
    margin,
    points_of,
    row_points,
    title_end,
)
from markov.report.writers.number_formats import is_numeric, look_of, number_format, verdict_look

__all__ = ["ReportError", "write_pages"]

CHART_TYPES = {
    "lines": {"type": "scatter", "subtype": "straight"},
    "points": {"type": "scatter", "subtype": "straight_with_markers"},
    "area": {"type": "area", "subtype": "stacked"},
    "bars": {"type": "column", "subtype": "stacked"},
    "columns": {"type": "column"},
    "horizontal": {"type": "bar", "subtype": "stacked"},
}
CHART, WIDE_CHART = 760.0, 1000.0  # pixels; names of inputs and scenarios are long
ROW_PIXELS = 20
MANY_POINTS = 200
MANY_ROWS = 25
FROZEN = 12  # a header further down would leave little of a small screen to scroll


More = Callable[[Any, Mapping[str, Any]], object]
"""Adds sheets of its own to the open workbook, given its formats."""


def write_pages(
    pages: Sequence[Page], path: str | Path, title: str, more: More | None = None, linked: Sequence[str] = ()
) -> Path:
    """Write a report and move it into place; an existing one of that name is replaced.

    `more` adds sheets after the pages, of which the contents link those `linked`. Raises ReportError where the place
    cannot be written, or the file is open in another program.
    """
    return write_packed(path, lambda file: _Writer(file, title).write(pages, more, linked))


def packed(pages: Sequence[Page], title: str) -> bytes:
    """The same report as the bytes of a file."""
    stream = io.BytesIO()
    _Writer(stream, title).write(pages)
    return stream.getvalue()


REFERENCE = re.compile(r"=?[^!]+!\$?[A-Z]")


def plain_words(text: str) -> str:
    """A text for a title or a name in a chart, where one that looks like a cell of a sheet would be a reference.

    >>> plain_words("=cmd|'/C calc'!A0"), plain_words("Costs")
    ("=cmd|'/C calc'! A0", 'Costs')
    """
    return text.replace("!", "! ", 1) if REFERENCE.match(text) else text


def _charted(pages: Sequence[Page]) -> frozenset[tuple[str, str]]:
    """Tables that charts draw, by page and key: their rows stand together."""
    charts = (chart for page in pages for block in page.blocks if isinstance(block, tuple) for chart in block)
    return frozenset((series.page, series.table) for chart in charts for series in chart.series)


def _pale(colour: str) -> str:
    """A colour half way to white."""
    return "#" + "".join(f"{(int(colour[i : i + 2], 16) + 255) // 2:02X}" for i in (1, 3, 5))


class _Writer:
    """Lays out pages from top to bottom and remembers where each table landed, for the charts."""

    def __init__(self, place: io.BytesIO, title: str):
        from markov.excel.book import Book

        self.title = title
        self.book = Book(place, title)
        self.formats = make_formats(self.book)
        for name in ("header", "weak", "pass", "warn", "fail"):  # words keep their distance from a number beside them
            self.formats[name] = self._format({**FORMATS[name], "align": "left", "indent": 1})
        self.formats["header_strong"] = self._format({**FORMATS["header"], "align": "left"})  # as the names below it
        self.formats["link_cell"] = self._format({**FORMATS["text"], **FORMATS["link"], "align": "left"})
        self.looks: dict[tuple[str, str, str], Any] = {}
        self.tables: dict[tuple[str, str], tuple[int, Table]] = {}
        self.paper = Paper(math.inf)
        self.charted: frozenset[tuple[str, str]] = frozenset()
        self.links: frozenset[str] = frozenset()
        self.charts: list[tuple[Any, int, float, Chart, float]] = []

    def write(self, pages: Sequence[Page], more: More | None = None, linked: Sequence[str] = ()) -> None:
        """Write every page, then the charts, whose data may stand on later pages, and what comes after them."""
        names = [*(page.name for page in pages), *linked]
        self.links = frozenset(names)
        self.charted = _charted(pages)
        for page in pages:
            sheet = self.book.add_worksheet(page.name)
            self._page(sheet, page, names)
        for sheet, row, left, chart, width in self.charts:
            self._chart(sheet, row, left, chart, width)
        if more is not None:
            more(self.book, self.formats)
        self.book.close()

    def _page(self, sheet: Any, page: Page, names: Sequence[str]) -> None:
        columns = max([len(b.columns) for b in page.blocks if isinstance(b, Table)], default=6)
        widths = [*page.widths, *(page.widths[-1:] * columns)][:columns]
        for i, width in enumerate(widths):
            sheet.set_column(i, i, width)
        empty = margin(widths)
        scale = PAGE_WIDTH / sum(map(width_in_points, [*widths, *empty]))
        set_page(sheet, self.title, pages_high=int(page.one_page), portrait=page.portrait)
        self.paper = Paper(math.inf if page.one_page else PAGE_FILLED * PAGE_HEIGHT / scale)
        sheet.write(0, 0, page.title, self.formats["title"])
        sheet.set_row(0, 26)
        row = self._text(sheet, 1, Text(page.subtitle, "subtitle"), widths)
        row = self._way(sheet, row, page, names, columns) + 1
        self.paper.used += row * ROW_POINTS + 11
        for group in led(page.blocks):
            self.paper.block(row, sum(points_of(block, widths) for block in group))
            for block in group:
                row = self._block(sheet, row, page, block, widths)
        sheet.print_area(0, 0, max(row - 1, 1), len(widths) + len(empty) - 1)
        if not page.one_page:
            sheet.set_h_pagebreaks(self.paper.breaks)

    def _block(self, sheet: Any, row: int, page: Page, block: Block, widths: Sequence[float]) -> int:
        if isinstance(block, Table):
            return self._table(sheet, row, page, block, widths)
        self.paper.take(points_of(block, widths))
        if isinstance(block, Text):
            return self._text(sheet, row, block, widths)
        return self._place_charts(sheet, row, block, widths)

    def _way(self, sheet: Any, row: int, page: Page, names: Sequence[str], columns: int) -> int:
        """The way to the contents and back to the first page; a report without contents lists its sheets there."""
        if page.name == names[0] and CONTENTS not in names:
            return self._contents(sheet, row, names[1:], columns)
        back = names[0] if page.name == CONTENTS else CONTENTS if CONTENTS in names else f"Back to {names[0]}"
        self._link(sheet, row, 0, back.removeprefix("Back to "), back)
        return row + 1

    def _link(self, sheet: Any, row: int, column: int, name: str, words: str, look: str = "link") -> None:
        sheet.write_url(row, column, f"internal:'{name}'!A1", self.formats[look], words)

    def _contents(self, sheet: Any, row: int, names: Sequence[str], columns: int) -> int:
        """Links to the other sheets, side by side."""
        across = max(columns // 2, 1)
        for i, name in enumerate(names):
            place = (row + i // across, 2 * (i % across) if columns > 1 else 0)
            self._link(sheet, *place, name, name)
        return row + (len(names) - 1) // across + 1

    def _text(self, sheet: Any, row: int, text: Text, widths: Sequence[float]) -> int:
        if not text.words:
            return row
        look = self.formats[text.style]
        if len(widths) > 1:
            sheet.merge_range(row, 0, row, len(widths) - 1, text.words, look)
        else:
            sheet.write(row, 0, text.words, look)
        sheet.set_row(row, points_of(text, widths))
        return row + 1

    def _table(self, sheet: Any, row: int, page: Page, table: Table, widths: Sequence[float]) -> int:
        row += 1
        sheet.merge_range(row, 0, row, title_end(table, widths), table.title, self.formats["section"])
        header = row + 1
        self._header(sheet, header, table, widths)
        self.paper.take(2 * ROW_POINTS + header_points(table, widths))
        self.tables[page.name, table.key] = (header + 1, table)
        repeated = self._is_repeated(page, table, widths)
        split = not (repeated or table.whole or (page.name, table.key) in self.charted)
        row = header + 1
        for number in range(len(table.rows)):
            points = row_points(table, number, widths)
            if split and self.paper.is_full(points):
                self.paper.turn(row)
                self._header(sheet, row, table, widths)
                self.paper.take(header_points(table, widths))
                row += 1
            self._row(sheet, row, table, number, widths, points)
            self.paper.take(points)
            row += 1
        first = next(block for block in page.blocks if isinstance(block, Table))
        if table.long or (repeated and table is first):
            sheet.repeat_rows(header)
            if header <= FROZEN:
                sheet.freeze_panes(header + 1, 1)
        for note in table.notes:
            self.paper.take(points_of(Text(note, "note"), widths))
            row = self._text(sheet, row, Text(note, "note"), widths)
        return row

    def _is_repeated(self, page: Page, table: Table, widths: Sequence[float]) -> bool:
        """Whether a table's header can stand on every printed page: of a long table, or where all tables have the same.

        It would also stand above charts: where there are any, only if a table is longer than a page.
        """
        tables = [block for block in page.blocks if isinstance(block, Table)]
        alike = all(other.columns == table.columns for other in tables)
        charts = any(isinstance(block, tuple) for block in page.blocks)
        needed = not charts or any(points_of(other, widths) > self.paper.page for other in tables)
        return table.long or (alike and needed and sum(len(other.rows) for other in tables) > MANY_ROWS)

    def _header(self, sheet: Any, row: int, table: Table, widths: Sequence[float]) -> None:
        for i, column in enumerate(table.columns):
            name = (
                "header_number" if is_numeric(column.look) else "header_strong" if column.look == "strong" else "header"
            )
            look = self.formats[name]
            if table.spread and i == len(table.columns) - 1 < len(widths) - 1:
                sheet.merge_range(row, i, row, len(widths) - 1, "", look)
            sheet.write(row, i, column.header, look)
        sheet.set_row(row, header_points(table, widths))

    def _row(self, sheet: Any, row: int, table: Table, number: int, widths: Sequence[float], points: float) -> None:
        values, bold = table.rows[number], number in table.bold
        for i, (value, column) in enumerate(zip(values, table.columns, strict=True)):
            tint = table.tints[number][i] if table.tints else ""
            told = "text" if column.look == "link" and value not in self.links else look_of(table, number, i)
            look = self._look(told, value, bold, tint, table.currency)
            if i == table.verdict and verdict_look(str(value)) != "text":
                look = self.formats[verdict_look(str(value))]
            elif i == table.weak:
                look = self.formats["weak"] if value not in ("read", "seed", "", None) else look
            last = len(widths) - 1 if table.spread and i == len(values) - 1 else i
            if last > i:
                sheet.merge_range(row, i, row, last, "", look)
            if column.look == "link" and value in self.links:
                self._link(sheet, row, i, str(value), str(value), "link_cell")
            elif column.look == "link" and str(value).endswith(".xlsx"):
                sheet.write_url(row, i, f"external:{value}", self.formats["link_cell"], "Open")
            elif isinstance(value, str):
                sheet.write_string(row, i, value, look)
            elif value is None:
                sheet.write_blank(row, i, None, look)
            else:
                sheet.write_number(row, i, value, look)
        if points > ROW_POINTS:
            sheet.set_row(row, points)

    def _look(self, look: str, value: Cell, bold: bool, tint: str = "", currency: str = "") -> Any:
        base = "strong" if bold or look == "strong" else "text"
        words = isinstance(value, str) or value is None
        code = "text" if words else number_format(look, float(value or 0.0), currency)
        key = (base, f"{code} {look == 'strong'}", tint)
        if key not in self.looks:
            more = (
                {"align": "left", "indent": int(look != "strong")}
                if words
                else {"num_format": code, "indent": 0, "text_wrap": False}
            )
            colour = {"bg_color": tint} if tint else {}
            self.looks[key] = self._format({**FORMATS[base], **more, **colour})
        return self.looks[key]

    def _format(self, look: Mapping[str, Any]) -> Any:
        return self.book.add_format({"font_name": FONT, "font_color": INK, **look})

    # ------------------------------------------------------------------------------------------------- charts

    def _place_charts(self, sheet: Any, row: int, charts: Sequence[Chart], widths: Sequence[float]) -> int:
        pixels = sum(w * 7 + 5 for w in widths)
        widest = WIDE_CHART if charts[0].kind == "horizontal" else CHART
        each = min(max(pixels / len(charts), 300.0), widest)
        for i, chart in enumerate(charts):
            self.charts.append((sheet, row + 1, i * each, chart, each - 10))
        return row + CHART_ROWS + 2

    def _chart(self, sheet: Any, row: int, left: float, chart: Chart, width: float) -> None:
        drawn = self.book.add_chart(dict(CHART_TYPES[chart.kind]))
        for series in chart.series:
            drawn.add_series(self._series(chart, series))
        drawn.set_title(
            {
                "name": plain_words(chart.title),
                "name_font": {"size": 11, "bold": True, "color": "#1F3A5F"},
                "overlay": False,
            }
        )
        grid = {"visible": True, "line": {"color": "#E3E8EF", "width": 0.5}}
        font = {"size": 9, "color": "#1F2A37"}
        x: dict[str, Any] = {
            "name": plain_words(chart.x_title),
            "name_font": font,
            "num_font": font,
            "num_format": chart.x_format,
        }
        y: dict[str, Any] = {
            "name": plain_words(chart.y_title),
            "name_font": font,
            "num_font": font,
            "num_format": chart.y_format,
        }
        y["major_gridlines"] = grid
        if chart.kind in ("lines", "points") and chart.x_limit is not None:
            x |= {"min": 0, "max": chart.x_limit}
        if chart.kind in ("lines", "points"):
            x["label_position"] = y["label_position"] = "low"  # below and left of the data, where values are negative
        if chart.kind == "horizontal":  # categories from top to bottom, values below them
            x |= {"reverse": True, "label_position": "low", "crossing": "max"}
            x["num_font"] = {"size": 8, "color": "#1F2A37"}
            x |= {"interval_unit": 1, "interval_tick": 1}  # every bar has its name
        if chart.kind == "area":
            x |= {"interval_unit": 65, "interval_tick": 65, "position_axis": "on_tick"}
        if chart.y_limit is not None:
            y |= {"min": 0, "max": chart.y_limit}
        y |= {key: end for key, end in zip(("min", "max"), chart.y_ends, strict=True) if end is not None}
        if chart.x_log:
            x |= {"log_base": 2, "min": 0.25, "max": 4.0, "major_gridlines": grid, "crossing": 1.0}
            y["label_position"] = "low"
        for axis, hidden in ((x, chart.x_hidden), (y, chart.y_hidden)):
            if chart.margin is not None:
                axis |= {"min": -chart.margin, "max": chart.margin}
            if hidden:
                axis |= {"visible": False, "major_gridlines": {"visible": False}}
        if chart.kind == "horizontal":  # XlsxWriter names the axes of such a chart by where they lie
            x, y = y, x
        drawn.set_x_axis(x)
        drawn.set_y_axis(y)
        unlisted = [i for i, series in enumerate(chart.series) if series.hidden or not series.listed]
        legend = {"position": "bottom", "font": font, **({"delete_series": unlisted} if unlisted else {})}
        drawn.set_legend(legend if chart.legend else {"none": True})
        drawn.set_chartarea({"border": {"none": True}})
        drawn.set_size({"width": width, "height": CHART_ROWS * ROW_PIXELS})
        sheet.insert_chart(row, 0, drawn, {"x_offset": left, "y_offset": 2, "object_position": 1})

    def _span(self, series: Series) -> range:
        """Rows of its table that a series draws."""
        _, table = self.tables[series.page, series.table]
        return range(series.first, len(table.rows) if series.last is None else series.last + 1)

    def _column(self, series: Series, column: int) -> str:
        """A column of the rows that a series draws, as a formula."""
        start, _ = self.tables[series.page, series.table]
        span = self._span(series)
        letter = chr(ord("A") + column)
        return f"='{series.page}'!${letter}${start + span[0] + 1}:${letter}${start + span[-1] + 1}"

    def _series(self, chart: Chart, series: Series) -> dict[str, Any]:
        start, table = self.tables[series.page, series.table]
        first = start + series.first
        last = start + (len(table.rows) - 1 if series.last is None else series.last)
        if series.until is not None:  # one row, read across columns, under the table's header
            categories: list[Any] = [series.page, start - 1, series.y, start - 1, series.y + series.until - 1]
            values: list[Any] = [series.page, first, series.y, first, series.y + series.until - 1]
        else:
            categories = [series.page, first, series.x, last, series.x]
            values = [series.page, first, series.y, last, series.y]
        line: dict[str, Any] = {"color": series.colour, "width": 2.0}
        if series.dashed:
            line |= {"dash_type": "dash", "width": 1.25}
        drawn: dict[str, Any] = {"name": plain_words(series.name), "categories": categories, "values": values}
        if series.hidden:
            return drawn | {"fill": {"none": True}, "border": {"none": True}, "gap": 80}
        if series.error is not None:
            down, up = (self._column(series, column) for column in series.error)
            ink = INK if chart.kind == "horizontal" else series.colour
            bar = {"type": "custom", "minus_values": down, "plus_values": up, "line": {"color": ink}}
            drawn["x_error_bars"] = bar
        if chart.kind in ("area", "bars", "columns", "horizontal"):
            return drawn | {"fill": {"color": series.colour}, "border": {"color": "#FFFFFF", "width": 0.25}, "gap": 80}
        marker: dict[str, Any] = {"type": "none"}
        if series.markers:
            marker = {
                "type": "circle",
                "size": int(series.width or 8),
                "fill": {"color": series.colour},
                "border": {"color": "#FFFFFF"},
            }
            if last - first > MANY_POINTS:  # a cloud: what is drawn over it must be seen
                marker |= {"fill": {"color": _pale(series.colour), "transparency": 40}, "border": {"none": True}}
            line = {"none": True}
        elif series.width is not None:
            line = {"color": series.colour, "width": 1.0 + 1.5 * series.width}
        if series.names is not None:
            words = [{"value": plain_words(str(table.rows[i][series.names]))} for i in self._span(series)]
            font = {"size": 9, "color": "#1F2A37"}
            drawn["data_labels"] = {"value": True, "position": "above", "custom": words, "font": font}
        return drawn | {"line": line, "marker": marker}

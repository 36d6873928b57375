"""A sheet on paper: how tall words, tables and charts are, and where a printed page ends."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from markov.excel.style import PAGE_WIDTH, lines_needed, width_in_points
from markov.report.page import Block, Table, Text

TEXT_SIZES = {"lead": 12 / 11, "note": 9 / 11}  # of paragraphs, against the text of cells
DEFAULT_WIDTH = 8.43  # of a column that nobody has set
LARGEST_PRINT = 0.75
CHART_ROWS = 19
ROW_POINTS = 15.0
BOLD = 0.85  # bold text is wider
INDENT = 1.5  # characters that the indent of other text takes
PAGE_FILLED = 0.85  # of a page; spreadsheet programs do not agree to the point on how tall a row is


@dataclass
class Paper:
    """How far a printed page is filled, in points, and the rows before which another begins."""

    page: float
    used: float = 0.0
    breaks: list[int] = field(default_factory=list)

    def block(self, row: int, size: float) -> None:
        """Begin a page before a block that would be cut, where it fits on one or little of this one is left."""
        cut = self.used + size > self.page and self.used > 0.2 * self.page
        if cut and (size <= self.page or self.used > 0.6 * self.page):
            self.turn(row)

    def turn(self, row: int) -> None:
        """Begin a page before a row."""
        self.breaks.append(row)
        self.used = 0.0

    def is_full(self, points: float) -> bool:
        """Whether a row of that height begins another page."""
        return self.used + points > self.page

    def take(self, points: float) -> None:
        """Fill the page; what goes beyond it is on the next."""
        self.used = self.used + points if math.isinf(self.page) else (self.used + points) % self.page


def margin(widths: Sequence[float]) -> list[float]:
    """Empty columns beside a narrow page, so that its print is no larger than need be and fills the paper."""
    missing = PAGE_WIDTH / LARGEST_PRINT - sum(map(width_in_points, widths))
    return [DEFAULT_WIDTH] * max(math.ceil(missing / width_in_points(DEFAULT_WIDTH)), 0)


def led(blocks: Sequence[Block]) -> list[list[Block]]:
    """Blocks in groups: words stand on the page of what they lead to.

    >>> [len(group) for group in led([Text("Section"), Text("Why"), Table("A", (), ()), Text("End")])]
    [3, 1]
    """
    groups: list[list[Block]] = [[]]
    for block in blocks:
        groups[-1].append(block)
        if not isinstance(block, Text):
            groups.append([])
    return [group for group in groups if group]


def points_of(block: Block, widths: Sequence[float]) -> float:
    """Height of a block in points on columns of those widths."""
    if isinstance(block, Table):
        notes = sum(points_of(Text(note, "note"), widths) for note in block.notes)
        rows = sum(row_points(block, number, widths) for number in range(len(block.rows)))
        return 2 * ROW_POINTS + header_points(block, widths) + rows + notes
    if not isinstance(block, Text):
        return (CHART_ROWS + 2) * ROW_POINTS
    if not block.words:
        return 0.0
    size = TEXT_SIZES.get(block.style, 1.0)
    lines = lines_needed(block.words, sum(widths) / size * 1.1)
    return (16 if block.style != "section" else 20) * size * lines


def title_end(table: Table, widths: Sequence[float]) -> int:
    """The last column that a table's title reaches over: those of the table, or as many as its words need.

    >>> from markov.report.page import Column
    >>> title_end(Table("A title of some length", (Column("A"), Column("B")), ()), [8.0, 8.0, 8.0, 8.0])
    3
    """
    needed = 1.3 * len(table.title)  # a title is larger than the text of cells
    reached = (i for i in range(len(widths)) if sum(widths[: i + 1]) >= needed)
    return max(len(table.columns) - 1, 1, next(reached, len(widths) - 1))


def header_points(table: Table, widths: Sequence[float]) -> float:
    """Height of a table's header in points."""
    lines = max(lines_needed(c.header, BOLD * w) for c, w in zip(table.columns, widths, strict=False))
    return 15.0 * lines + 4.0


def row_points(table: Table, number: int, widths: Sequence[float]) -> float:
    """Height of a row in points: as many lines as its longest text takes."""
    lines, count = 1, len(table.columns)
    for i, (value, column) in enumerate(zip(table.rows[number], table.columns, strict=True)):
        if isinstance(value, str):
            width = sum(widths[i:]) if table.spread and i == count - 1 else widths[i]
            heavy = number in table.bold or column.look == "strong"
            room = (width if column.look == "strong" else width - INDENT) * (BOLD if heavy else 1.0)
            lines = max(lines, lines_needed(value, room))
    return ROW_POINTS * lines

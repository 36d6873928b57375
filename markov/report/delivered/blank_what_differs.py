"""Blanks whatever of a report depends on confidential values: found by changing them, not by a list of rules.

The report is made again with other confidential values. A cell, word, colour or chart that differs in any of these
reports depends on them and is blanked; what is left is the same whatever they are, so that nothing follows from it.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from markov.report.page import Block, Cell, Chart, Column, Page, Series, Table, Text

BLANK = "confidential"
ROUNDING = re.compile(r"\d(?:\.\d+)?e-(?:1[3-9]|[2-9]\d|\d{3})")
FEW = 8  # different words, above which a column holds no verdicts
NO_CHART = "A chart is left out: it is drawn from confidential values."
NO_TABLE = "A table is left out: its rows follow from confidential values."
NO_SHEET = "What stood here is left out: its parts follow from confidential values."

Key = tuple[str, str]


@dataclass(frozen=True)
class Redacted:
    """The pages that are left, and how many cells and charts of each are blanked."""

    pages: tuple[Page, ...]
    blanked: Mapping[str, int]


def redact(
    pages: Sequence[Page],
    others: Sequence[Sequence[Page]],
    ids: Collection[str] = (),
) -> Redacted:
    """Blank what differs between a report and those with other confidential values.

    A number that does not differ depends on no confidential value. A word may, and change at values that were not
    tried: where one verdict or count of a column differs, all of the column are blanked, but for the rows of the
    confidential values themselves (`ids`); so are flags, beside anything that differs; and a table whose rows change
    their order is left out.

    >>> one, two = (Page("P", "P", "", (Text(f"It costs {x}."), Text("Same."))) for x in (5, 7))
    >>> [block.words for block in redact([one], [[two]]).pages[0].blocks]
    ['confidential', 'Same.']
    """
    found = [{page.name: _rounded(page) for page in report} for report in others]
    kept = [_rounded(page) for page in pages if all(page.name in report for report in found)]
    work = _Redaction(frozenset(ids))
    cleaned = [work.page(page, [report[page.name] for report in found]) for page in kept]
    done = [work.without_charts(page) for page in cleaned]
    return Redacted(tuple(done), {page.name: work.counts.get(page.name, 0) for page in done})


class _Redaction:
    """Blanks page by page, and remembers which cells are blank, for the charts."""

    def __init__(self, ids: frozenset[str]):
        self.ids = ids
        self.counts: dict[str, int] = {}
        self.blank: dict[Key, frozenset[tuple[int, int]]] = {}
        self.charts: dict[tuple[str, int], frozenset[int]] = {}

    def page(self, page: Page, others: Sequence[Page]) -> Page:
        """A page against its other versions."""
        shape = list(map(_shape, page.blocks))
        if any(list(map(_shape, other.blocks)) != shape for other in others):
            self._count(page.name, 1)
            return replace(page, subtitle="", blocks=(Text(NO_SHEET),))
        blocks = tuple(
            self._block(page.name, i, block, [other.blocks[i] for other in others])
            for i, block in enumerate(page.blocks)
        )
        title = self._word(page.name, page.title, [other.title for other in others])
        subtitle = self._word(page.name, page.subtitle, [other.subtitle for other in others])
        widths = page.widths if all(other.widths == page.widths for other in others) else Page("", "", "", ()).widths
        return replace(page, title=title, subtitle=subtitle, blocks=blocks, widths=widths)

    def _count(self, page: str, number: int) -> None:
        self.counts[page] = self.counts.get(page, 0) + number

    def _word(self, page: str, word: str, others: Sequence[str]) -> str:
        if all(other == word for other in others):
            return word
        self._count(page, 1)
        return BLANK

    def _block(self, page: str, number: int, block: Block, others: Sequence[Block]) -> Block:
        if isinstance(block, Text):
            words = self._word(page, block.words, [o.words for o in others if isinstance(o, Text)])
            return replace(block, words=words)
        if isinstance(block, Table):
            return self._table(page, block, [o for o in others if isinstance(o, Table)])
        differing = (i for i, chart in enumerate(block) if any(other[i] != chart for other in others))  # type: ignore[index]
        self.charts[page, number] = frozenset(differing)
        return block

    # ------------------------------------------------------------------------------------------------ tables

    def _table(self, page: str, table: Table, others: Sequence[Table]) -> Block:
        size = (len(table.rows), len(table.columns))
        if any((len(o.rows), len(o.columns)) != size for o in others) or self._moves(table, others):
            self._count(page, 1)
            return Text(NO_TABLE)
        blank = frozenset(self._blank_cells(table, others))
        self.blank[page, table.key] = blank
        self._count(page, len(blank))
        rows = tuple(
            tuple(BLANK if (r, c) in blank else value for c, value in enumerate(row))
            for r, row in enumerate(table.rows)
        )
        return replace(
            table,
            title=self._word(page, table.title, [other.title for other in others]),
            columns=tuple(self._column(page, table, others, c) for c in range(size[1])),
            rows=rows,
            notes=self._notes(page, table, others),
            bold=table.bold if all(other.bold == table.bold for other in others) else frozenset(),
            looks=table.looks if all(other.looks == table.looks for other in others) else (),
            tints=_tints(table, others, blank),
            verdict=table.verdict,
        )

    def _blank_cells(self, table: Table, others: Sequence[Table]) -> set[tuple[int, int]]:
        versions = [table, *others]
        cells = [(r, c) for r in range(len(table.rows)) for c in range(len(table.columns))]
        differing = {(r, c) for r, c in cells if any(v.rows[r][c] != table.rows[r][c] for v in versions)}
        own = {r for r, row in enumerate(table.rows) if not self.ids.isdisjoint(map(str, row))}
        moved = {(r, c) for r, c in differing if r not in own}
        words, counts = _turning_words(versions, moved), _turning_counts(versions, moved)
        turning = {
            (r, c)
            for r, c in cells
            if (c in words and _is_word(table.rows[r][c])) or (c in counts and _is_count(table.rows[r][c]))
        }
        return differing | turning

    def _moves(self, table: Table, others: Sequence[Table]) -> bool:
        """Whether rows change their order: the names of rows differ."""
        return any(other.rows[r][0] != row[0] for other in others for r, row in enumerate(table.rows))

    def _column(self, page: str, table: Table, others: Sequence[Table], c: int) -> Column:
        column = table.columns[c]
        return replace(column, header=self._word(page, column.header, [other.columns[c].header for other in others]))

    def _notes(self, page: str, table: Table, others: Sequence[Table]) -> tuple[str, ...]:
        if any(len(other.notes) != len(table.notes) for other in others):
            return ()
        return tuple(self._word(page, note, [other.notes[i] for other in others]) for i, note in enumerate(table.notes))

    # ------------------------------------------------------------------------------------------------ charts

    def without_charts(self, page: Page) -> Page:
        """A page without the charts that are drawn from blanked cells, or that differ themselves."""
        blocks: list[Block] = []
        for number, block in enumerate(page.blocks):
            if not isinstance(block, tuple):
                blocks.append(block)
                continue
            differing = self.charts.get((page.name, number), frozenset())
            kept = tuple(chart for i, chart in enumerate(block) if i not in differing and not self._hidden(chart))
            self._count(page.name, len(block) - len(kept))
            if kept:
                blocks.append(kept)
            if len(kept) < len(block):
                blocks.append(Text(NO_CHART, "note"))
        return replace(page, blocks=tuple(blocks))

    def _hidden(self, chart: Chart) -> bool:
        return any(map(self._drawn_from_blank, chart.series))

    def _drawn_from_blank(self, series: Series) -> bool:
        """Whether one of the cells that a series draws is blanked, or its table is left out."""
        blank = self.blank.get((series.page, series.table))
        if blank is None:
            return True
        columns = {series.x, *range(series.y, 1 + (series.y if series.until is None else series.until))}
        columns |= {*(series.error or ()), *([] if series.names is None else [series.names])}
        last = float("inf") if series.last is None else series.last
        return any(series.first <= row <= last and column in columns for row, column in blank)


def _rounded(page: Page) -> Page:
    """A page whose numbers have ten digits: the last ones vary by rounding alone, and with everything."""
    blocks = (
        replace(block, rows=tuple(tuple(map(_plain, row)) for row in block.rows)) if isinstance(block, Table) else block
        for block in page.blocks
    )
    return replace(page, blocks=tuple(blocks))


def _plain(value: Cell) -> Cell:
    """A number of ten digits, or words in which a gap of rounding is 0.

    >>> _plain(2 / 3), _plain("largest gap 2.5e-16")
    (0.6666666667, 'largest gap 0')
    """
    if isinstance(value, str):
        return ROUNDING.sub("0", value)
    return float(f"{value:.10g}") if isinstance(value, float) else value


def _is_word(value: Cell) -> bool:
    return value is None or isinstance(value, str)


def _is_count(value: Cell) -> bool:
    return not _is_word(value) and float(value or 0.0).is_integer()


def _turning_words(versions: Sequence[Table], moved: Collection[tuple[int, int]]) -> set[int]:
    """Columns of a few words of which one differs, and flags (a word or nothing) beside anything that differs."""
    found = set()
    for c in range(len(versions[0].columns)):
        columns = [{row[c] for row in version.rows} for version in versions]
        told = set().union(*columns)
        few = all(len(list(filter(_is_word, column))) <= FEW for column in columns)
        flag = len(told) <= 2 and not told.isdisjoint(("", None)) and all(map(_is_word, told))
        worded = any(c == column and any(_is_word(v.rows[r][c]) for v in versions) for r, column in moved)
        if (few and worded) or (moved and flag):
            found.add(c)
    return found


def _turning_counts(versions: Sequence[Table], moved: Collection[tuple[int, int]]) -> set[int]:
    """Columns in which a whole number differs, such as how many scenarios favour a strategy."""
    return {c for r, c in moved if all(_is_count(version.rows[r][c]) for version in versions)}


def _shape(block: Block) -> tuple[str, object]:
    """Kind of a block, and what tells it from others of its kind."""
    if isinstance(block, Text):
        return "text", block.style
    return ("table", block.key) if isinstance(block, Table) else ("charts", len(block))


def _tints(table: Table, others: Sequence[Table], blank: frozenset[tuple[int, int]]) -> tuple[tuple[str, ...], ...]:
    """Colours of the cells that are left; one that depends on confidential values is taken away."""
    if not table.tints or any(not other.tints for other in others):
        return ()
    return tuple(
        tuple(
            "" if (r, c) in blank or any(other.tints[r][c] != tint for other in others) else tint
            for c, tint in enumerate(row)
        )
        for r, row in enumerate(table.tints)
    )

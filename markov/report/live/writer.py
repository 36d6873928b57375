"""Writes the live model into an open XlsxWriter workbook."""

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
from xlsxwriter.utility import xl_col_to_name

from markov.excel.style import ACCENT, FONT, FORMATS, INK, lines_needed, set_page
from markov.excel.style import HEADER as HEADER_INK
from markov.inputs.parameters import Inputs
from markov.model.outcomes import Outcomes
from markov.report.live import check_sheet, guide_sheet
from markov.report.live.comparison import FRONTIER_COLUMNS, PAIR_COLUMNS, Comparison, LookedCell
from markov.report.live.formulas import Term, Value
from markov.report.live.grid import CYCLE_BY_CYCLE, FIRST_ROW, GROUP, HEADER, WORDS, Grid, GridSheet, Listing
from markov.report.live.inputs_sheet import NAME as INPUTS
from markov.report.live.inputs_sheet import InputRow
from markov.report.live.model import LiveModel, live_model
from markov.report.live.results_sheet import NAME as RESULTS
from markov.report.live.results_sheet import Block
from markov.report.live.tables_sheet import FIRST
from markov.report.live.tables_sheet import NAME as TABLES
from markov.report.writers.number_formats import number_format

NUMBER_FORMATS = {
    "qaly": "0.0000_)",
    "years": "0.000_)",
    "months": "0.0_)",
    "share": "0.0000_)",
    "number": "0.0000_)",
    "increment": "0.000000_)",
    "integer": "0_)",
    "exact": "General",
    "tiny": "0.0E+00_);-0.0E+00_);0_)",
}
COLUMNS_A_PAGE = 14
ID_WIDTH, LABEL_WIDTH = 46, 56
INPUT_COLUMNS = {
    "Id, and name of the cell": ID_WIDTH,
    "Parameter": LABEL_WIDTH,
    "Value": 24,
    "Unit": 22,
    "Engine's value": 24,
    "Changed": 11,
    "Evidence": 20,
    "Factor to the model's unit": 16,
    "Price year": 11,
    "In the model's unit": 18,
}
GROUP_LOOK = {"bold": True, "font_size": 11, "font_color": HEADER_INK, "bottom": 2, "bottom_color": ACCENT}


def write_live_model(book: Any, inputs: Inputs, outcomes: Outcomes | None, formats: dict[str, Any]) -> LiveModel:
    """Add the live sheets to an open XlsxWriter workbook, whose `formats` are those of `style.make_formats`.

    `outcomes` are those of `evaluate(inputs, trace=True)`; without them the model is run.

    >>> import io, xlsxwriter
    >>> from markov.excel.style import make_formats
    >>> from markov.inputs.given_values import with_values
    >>> with xlsxwriter.Workbook(io.BytesIO()) as book:
    ...     short = with_values(calgb, {"settings.horizon_years": 2.0})
    ...     _ = write_live_model(book, short, None, make_formats(book))
    ...     print(*[sheet.name for sheet in book.worksheets()][:4], sep=", ")
    Live guide, Live inputs, Live results, Live check
    """
    model = live_model(inputs, outcomes)
    _Writer(book, model, formats).write()
    return model


def _as_cell(value: Value) -> Value:
    """A value as a cell holds it: a number, a truth or a word; not a number stands as 0."""
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if isinstance(value, str) or value is None:
        return value or ""
    return float(np.nan_to_num(value))


class _Writer:
    """Lays the sheets out in the order in which a reader wants them."""

    def __init__(self, book: Any, model: LiveModel, formats: dict[str, Any]):
        self.book, self.model, self.formats = book, model, formats
        results, outcomes = model.results, model.outcomes
        ends = (outcomes.cost[0].tolist(), outcomes.qaly[0].tolist())
        self.comparison = Comparison(results.strategies, results.labels, *ends)
        self.looks: dict[str, Any] = {}
        self.places: dict[str, str] = {}

    def write(self) -> None:
        """Every sheet."""
        sheets = {name: self.book.add_worksheet(name) for name in (guide_sheet.NAME, INPUTS, RESULTS, check_sheet.NAME)}
        for grid in (*(trace.grid for trace in self.model.traces.values()), self.model.cycles.grid):
            self._grid(grid)
        self._listing(self.model.live.values)
        self._tables(self.book.add_worksheet(TABLES))
        if self.model.stops:
            self._listing(self.model.stop_rates)
        for grid in self.model.stops:
            self._grid(grid)
        self._inputs(sheets[INPUTS])
        self._results(sheets[RESULTS])
        self._check(sheets[check_sheet.NAME], check_sheet.Check(self.model))
        self._guide(sheets[guide_sheet.NAME])

    # ------------------------------------------------------------------------------------------------- pieces

    def look(self, name: str, *, base: str = "text") -> Any:
        """A format for a number, or for a word."""
        key = f"{base}.{name}"
        if key not in self.looks:
            chosen = dict(GROUP_LOOK if base == "group" else FORMATS[base])
            if name in ("text", "words"):
                chosen |= {"align": "left", "text_wrap": name == "text"}  # without a side the indent is not kept
            else:
                code = NUMBER_FORMATS.get(name) or number_format(name, 0.0, self.model.results.currency)
                chosen |= {"num_format": code, "indent": 0, "text_wrap": False}
            self.looks[key] = self.book.add_format({"font_name": FONT, "font_color": INK, **chosen})
        return self.looks[key]

    def _row(self, sheet: Any, row: int, *cells: tuple[Value, Any], start: int = 0) -> None:
        """Cells side by side: a formula, a word, a number or nothing, each with its format or the name of its look."""
        for column, (content, look) in enumerate(cells, start=start):
            drawn = self.look(look) if isinstance(look, str) else look
            if isinstance(content, Term):
                sheet.write_formula(row, column, f"={content.text}", drawn, _as_cell(content.value))
            elif content is None:
                sheet.write_blank(row, column, None, drawn)
            elif isinstance(content, str):
                sheet.write_string(row, column, content, drawn)
            else:
                sheet.write_number(row, column, content, drawn)

    def _headers(self, sheet: Any, row: int, headers: Sequence[str], numbers: Collection[int] = ()) -> None:
        """A row of headers; those of `numbers` stand to the right."""
        looks = [self.formats["header_number" if i in numbers else "header"] for i in range(len(headers))]
        self._row(sheet, row, *zip(headers, looks, strict=True))

    def _top(self, sheet: Any, title: str, subtitle: str, width: int) -> None:
        set_page(sheet, title)
        sheet.write_string(0, 0, title, self.formats["title"])
        sheet.set_row(0, 26)
        sheet.merge_range(1, 0, 1, width, subtitle, self.formats["subtitle"])
        sheet.set_row(1, 34)

    def _name(self, name: str, sheet: str, column: str, row: int) -> None:
        self.book.define_name(name, f"='{sheet}'!${column}${row}")
        self.places[name] = f"'{sheet}'!{column}{row}"

    # ------------------------------------------------------------------------------------------------- grids

    def _grid(self, grid: Grid) -> None:
        sheet = self.book.add_worksheet(grid.name, GridSheet)
        self._top(sheet, grid.title, grid.subtitle, 11)
        sheet.grid, sheet.column_looks = grid, [self.look(filled.look) for filled in grid.columns]
        starts = [start for start, _ in grid.groups] + [len(grid.columns)]
        for (start, words), end in zip(grid.groups, starts[1:], strict=True):
            group = self.look("text", base="group")
            self._row(sheet, GROUP, *((words * (i == start), group) for i in range(start, end)), start=start)
        headers = [filled.column.header for filled in grid.columns]
        for i, filled in enumerate(grid.columns):
            sheet.write_string(HEADER, i, headers[i], self.formats["header"])
            sheet.write_string(WORDS, i, filled.words, self.formats["note"])
        sheet.set_column(0, len(headers) - 1, 15)
        sheet.set_row(HEADER, 15 * max(lines_needed(header, 12.5) for header in headers) + 4)
        sheet.set_row(WORDS, 12.5 * max(lines_needed(f.words, 16.0) for f in grid.columns))
        for row in (WORDS + 1, WORDS + 2):
            sheet.set_row(row, 3)
        sheet.freeze_panes(FIRST_ROW - 1, 2)
        sheet.repeat_rows(HEADER)
        sheet.repeat_columns(0, 1)
        sheet.fit_to_pages(-(-len(headers) // COLUMNS_A_PAGE), 0)
        for name, cells in grid.names.items():
            self.book.define_name(name, f"={cells}")

    def _listing(self, listing: Listing) -> None:
        sheet = self.book.add_worksheet(listing.name)
        self._top(sheet, listing.name, listing.subtitle, 2)
        self._headers(sheet, 3, ("Name", "What it is", "Value"))
        for column, width in enumerate((52, 70, 18)):
            sheet.set_column(column, column, width)
        for row, line in enumerate(listing.lines, start=4):
            if line.content is None:
                sheet.write_string(row, 0, line.label, self.formats["section"])
            else:
                self._row(sheet, row, (line.name, "text"), (line.label, "text"), (line.content, "exact"))
                self._name(line.name, listing.name, "C", row + 1)
        sheet.freeze_panes(4, 1)

    def _tables(self, sheet: Any) -> None:
        title = "The general population by age and sex, price indices, and numbers that the formulas look up."
        self._top(sheet, TABLES, title, 8)
        for i, column in enumerate(self.model.live.tables.columns):
            sheet.write_string(FIRST - 4, i, column.header, self.formats["header"])
            sheet.write_string(FIRST - 3, i, column.name, self.formats["note"])
            look = self.formats["input"] if column.is_input else self.look("exact")
            for row, value in enumerate(column.values.tolist(), start=FIRST):
                content = Term(column.formula.format(row=row, above=row - 1), value) if column.formula else value
                self._row(sheet, row - 1, (content, look), start=i)
            letter, last = xl_col_to_name(i), FIRST + len(column.values) - 1
            self.book.define_name(column.name, f"='{TABLES}'!${letter}${FIRST}:${letter}${last}")
        self.book.define_name(CYCLE_BY_CYCLE.text, "=MATCH(0,method.count,0)-1")
        sheet.set_column(0, len(self.model.live.tables.columns) - 1, 16)
        sheet.set_row(FIRST - 4, 34)
        sheet.freeze_panes(FIRST - 1, 1)

    # ------------------------------------------------------------------------------------------------- inputs

    def _inputs(self, sheet: Any) -> None:
        subtitle = (
            "Change a cell in the input colour and every Live sheet follows. The engine's value stands beside it."
        )
        self._top(sheet, INPUTS, subtitle, 6)
        top = self._answer(sheet)
        self._headers(sheet, top, [*INPUT_COLUMNS])
        for i, width in enumerate(INPUT_COLUMNS.values()):
            sheet.set_column(i, i, width)
        sheet.set_row(top, 34)
        row = top + 1
        for section, lines in self.model.live.sections.items():
            sheet.write_string(row, 0, section, self.formats["section"])
            for line in lines:
                row += 1
                self._input(sheet, row, line)
            row += 2
        last = row
        self._fixed(sheet, row)
        sheet.freeze_panes(top + 1, 1)
        sheet.repeat_rows(top)
        self.book.define_name("inputs.changes", f"='{INPUTS}'!$F${top + 2}:$F${last}")
        rule = {"type": "formula", "criteria": f'=$F{top + 2}="changed"', "format": self.formats["changed"]}
        sheet.conditional_format(top + 1, 2, last - 1, 2, rule)

    def _answer(self, sheet: Any) -> int:
        """What a QALY costs now, above the inputs, so that it is seen to move; returns the row below."""
        results = self.model.results
        others = zip(results.strategies[1:], results.labels[1:], self.comparison.pairs(1), strict=True)
        for row, (s, label, pair) in enumerate(others, start=2):
            per_qaly, words = (cell.value for cell, _ in pair[3:] if isinstance(cell, Term))
            self._row(
                sheet,
                row,
                (f"{label} against {results.labels[0]}", self.look("text", base="strong")),
                (Term(f"result.pair_words.{s}", words), "text"),
                (Term(f"result.per_qaly.{s}", per_qaly), self.look("money", base="strong")),
                (f"{results.currency} per QALY", "text"),
            )
        self._name("check.answer", INPUTS, "C", 3)
        self._row(sheet, 2, ("Live check says", "text"), (Term("check.verdict", "equal"), "words"), start=4)
        return max(1 + len(results.strategies), 3)

    def _named(self, sheet: Any, row: int, line: InputRow) -> None:
        """Id and label, with room for one that needs more than one line."""
        lines = max(lines_needed(line.id, ID_WIDTH), lines_needed(line.label, LABEL_WIDTH))
        if lines > 1:
            sheet.set_row(row, 15 * lines)
        self._row(sheet, row, (line.id, "text"), (line.label, "text"))

    def _input(self, sheet: Any, row: int, line: InputRow) -> None:
        excel, value = row + 1, None if line.value == "" else line.value
        self._named(sheet, row, line)
        self._row(sheet, row, (value, self.formats["input"]), start=2)
        self._row(sheet, row, (value, self.formats["base"]), start=4)
        self._row(sheet, row, (line.unit, "text"), start=3)
        changed = Term(f'IF(C{excel}&""=E{excel}&"","","changed")', "")
        evidence = self.formats["weak"] if line.is_weak else self.look("text")
        self._row(sheet, row, (changed, "text"), (line.status, evidence), start=5)
        self._name(line.id, INPUTS, "C", excel)
        if line.id.startswith("toxicity.proportion."):
            self._name(f"engine.{line.id}", INPUTS, "E", excel)
        if line.choices:
            sheet.data_validation(row, 2, row, 2, {"validate": "list", "source": list(line.choices)})
        if line.converted:
            sheet.write_number(row, 7, line.factor, self.look("exact"))
            if line.price_year is not None:
                sheet.write_number(row, 8, line.price_year, self.formats["input"])
            self._row(sheet, row, (self.model.live.in_model_units(line, excel), "exact"), start=9)
            self._name(f"model.{line.id}", INPUTS, "J", excel)

    def _fixed(self, sheet: Any, row: int) -> None:
        sheet.write_string(row, 0, "As this workbook was written: not live", self.formats["section"])
        for line, reason in self.model.live.fixed:
            row += 1
            self._named(sheet, row, line)
            look = "text" if isinstance(line.value, str) else "exact"
            self._row(sheet, row, (line.value, look), (line.unit, "text"), start=2)
            sheet.merge_range(row, 4, row, 9, reason, self.look("text"))

    # ------------------------------------------------------------------------------------------------- results

    def _results(self, sheet: Any) -> None:
        results = self.model.results
        width = max(len(results.strategies), len(FRONTIER_COLUMNS) - 1)
        self._top(sheet, RESULTS, "Every number here is a formula: it moves with Live inputs.", min(width, 8))
        sheet.set_column(0, 0, 46)
        sheet.set_column(1, width, 14)
        says = ("Live check says", self.look("text", base="strong"))
        self._row(sheet, 2, says, (Term("check.verdict", "equal"), "words"))
        for block in results.blocks:
            self._block(sheet, block)
        row, headers = results.comparison_row - 2, [header for header, _ in FRONTIER_COLUMNS]
        row = self._table(sheet, row, "Full incremental analysis", headers, self.comparison.frontier(row + 3))
        pairs = self.comparison.pairs(row + 4)
        self._table(sheet, row + 1, f"Against {results.labels[0]}", PAIR_COLUMNS, pairs)
        for excel, s in enumerate(results.strategies[1:], start=row + 4):
            self._name(f"result.per_qaly.{s}", RESULTS, "D", excel)
            self._name(f"result.pair_words.{s}", RESULTS, "E", excel)
        sheet.freeze_panes(3, 1)

    def _block(self, sheet: Any, block: Block) -> None:
        results, top = self.model.results, block.row - 1
        sheet.write_string(top - 1, 0, block.title, self.formats["section"])
        self._headers(sheet, top, ("", *results.labels), range(1, 1 + len(results.labels)))
        letters = [results.column(i) for i in range(len(results.strategies))]
        for row, line in enumerate(block.rows, start=top + 1):
            self._row(sheet, row, (line.label, "text"), *((cell, line.look) for cell in line.cells))
            for s, letter in zip(results.strategies, letters, strict=True):
                self._name(f"result.{line.key}.{s}", RESULTS, letter, row + 1)
            if line.key in ("cost", "qaly"):
                cells = f"='{RESULTS}'!${letters[0]}${row + 1}:${letters[-1]}${row + 1}"
                self.book.define_name(f"result.every.{line.key}", cells)

    def _table(
        self, sheet: Any, row: int, title: str, headers: Sequence[str], rows: Sequence[Sequence[LookedCell]]
    ) -> int:
        sheet.write_string(row, 0, title, self.formats["section"])
        self._headers(sheet, row + 1, headers, range(1, len(headers) - 1))
        sheet.set_row(row + 1, 49)
        for n, cells in enumerate(rows, start=row + 2):
            self._row(sheet, n, *cells)
        return row + 2 + len(rows)

    # ------------------------------------------------------------------------------------------------- check, guide

    def _check(self, sheet: Any, check: check_sheet.Check) -> None:
        self._top(sheet, check_sheet.NAME, check_sheet.SUBTITLE, 6)
        for row, (label, formula, look) in enumerate(check.summary, start=3):
            self._row(sheet, row, (label, self.look("text", base="strong")), (formula, look))
        self._name("check.changed", check_sheet.NAME, "B", 4)
        self._name("check.verdict", check_sheet.NAME, "B", 7)
        start = check_sheet.FIRST_LIMIT
        self._headers(sheet, start - 2, ("Limit of what is written", "Needed", "Written", "Verdict"), (1, 2))
        for row, limit in enumerate(check.limits, start=start):
            text = f'IF(B{row}<=C{row}+method.rounding,"within","too long: rows are missing")'
            verdict = (Term(text, "within"), self.formats["pass"])
            needed, written = (limit.needed, "months"), (limit.written, "months")
            self._row(sheet, row - 1, (limit.label, "text"), needed, written, verdict)
        headers = ("Number", "Strategy", "Engine", "Formulas", "Difference", "Relative", "Verdict")
        self._headers(sheet, check.first - 2, headers, range(2, 6))
        for row, line in enumerate(check.numbers, start=check.first):
            self._checked(sheet, row, line)
        for column, width in enumerate((74, 30, 20, 20, 18, 18, 18)):
            sheet.set_column(column, column, width)
        for word, look in (("equal", "pass"), ("inputs changed", "warn"), ("differs", "fail"), ("error", "fail")):
            rule = {"type": "cell", "criteria": "==", "value": f'"{word}"', "format": self.formats[look]}
            sheet.conditional_format(check.first - 1, 6, check.first + len(check.numbers) - 2, 6, rule)

    def _checked(self, sheet: Any, row: int, line: check_sheet.Checked) -> None:
        difference = float(line.cell.value) - line.engine
        relative = difference / line.engine if line.engine else 0.0
        verdict = (
            f'IF(ISERROR(D{row}),"error",IF(ABS(E{row})<=method.equal*ABS(C{row})+method.slack,"equal",'
            'IF(check.changed>0,"inputs changed","differs")))'
        )
        self._row(
            sheet,
            row - 1,
            (line.label, "text"),
            (line.strategy, "text"),
            (line.engine, "exact"),
            (line.cell, "exact"),
            (Term(f"D{row}-C{row}", difference), "tiny"),
            (Term(f"IF(C{row}=0,0,E{row}/C{row})", relative), "tiny"),
            (Term(verdict, "equal"), "text"),
        )

    def _guide(self, sheet: Any) -> None:
        set_page(sheet, guide_sheet.NAME, pages_high=1)
        sheet.set_column(0, 0, 34)
        sheet.set_column(1, 1, 96)
        sheet.write_string(0, 0, guide_sheet.NAME, self.formats["title"])
        row = 2
        for title, lines in guide_sheet.guide(self.model):
            sheet.merge_range(row, 0, row, 1, title, self.formats["section"])
            for name, words, target in lines:
                row += 1
                if target:
                    place = self.places.get(target, f"'{target}'!A1")
                    sheet.write_url(row, 0, f"internal:{place}", self.formats["link"], name)
                else:
                    sheet.write_string(row, 0, name, self.look("text", base="strong"))
                sheet.write_string(row, 1, words, self.look("text"))
                sheet.set_row(row, 15 * lines_needed(words, 96))
            row += 2

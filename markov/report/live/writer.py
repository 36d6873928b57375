"""Writes the live model into an open XlsxWriter workbook, or into a workbook of its own."""

import datetime
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import xlsxwriter
from xlsxwriter.utility import xl_col_to_name

from markov.excel.style import ACCENT, FIXED_DATE, FONT, FORMATS, INK, lines_needed, make_formats, set_page
from markov.excel.style import HEADER as HEADER_INK
from markov.inputs.parameters import Inputs
from markov.model.outcomes import Outcomes
from markov.report.live import check_sheet, guide_sheet
from markov.report.live.comparison import FRONTIER_COLUMNS, PAIR_COLUMNS, ComparisonCell, frontier_rows, pair_rows
from markov.report.live.formulas import Term, Value
from markov.report.live.grid import CYCLE_BY_CYCLE, FIRST_ROW, GROUP, HEADER, WORDS, Grid, GridSheet, Listing, as_cell
from markov.report.live.inputs_sheet import NAME as INPUTS
from markov.report.live.inputs_sheet import InputRow, model_formula
from markov.report.live.model import LiveModel, live_model
from markov.report.live.results_sheet import NAME as RESULTS
from markov.report.live.results_sheet import Block
from markov.report.live.tables_sheet import FIRST, TableColumn
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
ID_WIDTH, LABEL_WIDTH = 46.0, 56.0
GROUP_LOOK = {"bold": True, "font_size": 11, "font_color": HEADER_INK, "bottom": 2, "bottom_color": ACCENT}


def write_live_workbook(inputs: Inputs, path: str | Path, outcomes: Outcomes | None = None) -> Path:
    """Write a workbook that holds the live model alone, and return its path.

    >>> import tempfile
    >>> from markov.inputs.writing.template import shipped
    >>> from markov.inputs.workbook import read_inputs
    >>> write_live_workbook(read_inputs(shipped("myeloma_ix")), Path(tempfile.mkdtemp()) / "live.xlsx").name
    'live.xlsx'
    """
    target = Path(path)
    book = xlsxwriter.Workbook(str(target), {"nan_inf_to_errors": False})
    book.set_properties({"title": inputs.title, "created": datetime.datetime(*FIXED_DATE)})
    write_live_model(book, inputs, outcomes, make_formats(book))
    book.close()
    return target


def write_live_model(book: Any, inputs: Inputs, outcomes: Outcomes | None, formats: dict[str, Any]) -> LiveModel:
    """Add the live sheets to an open XlsxWriter workbook, whose `formats` are those of `style.make_formats`.

    `outcomes` are those of `evaluate(inputs, trace=True)`; without them the model is run.
    """
    model = live_model(inputs, outcomes)
    writer = _Writer(book, model, formats)
    writer.write()
    return model


class _Writer:
    """Lays the sheets out in the order in which a reader wants them."""

    def __init__(self, book: Any, model: LiveModel, formats: dict[str, Any]):
        self.book, self.model, self.formats = book, model, formats
        self.looks: dict[str, Any] = {}
        self.places: dict[str, str] = {}

    def write(self) -> None:
        """Every sheet."""
        sheets = {name: self.book.add_worksheet(name) for name in (guide_sheet.NAME, INPUTS, RESULTS, check_sheet.NAME)}
        grids = [self.model.cycles.grid, *(trace.grid for trace in self.model.traces.values())]
        for grid in [*grids[1:], grids[0]]:
            self._grid(self.book.add_worksheet(grid.name, GridSheet), grid)
        self._listing(self.book.add_worksheet(self.model.values.name), self.model.values)
        self._tables(self.book.add_worksheet(TABLES))
        if self.model.stops:
            self._listing(self.book.add_worksheet(self.model.stop_rates.name), self.model.stop_rates)
        for grid in self.model.stops:
            self._grid(self.book.add_worksheet(grid.name, GridSheet), grid)
        self._inputs(sheets[INPUTS])
        self._results(sheets[RESULTS])
        self._check(sheets[check_sheet.NAME])
        self._guide(sheets[guide_sheet.NAME])

    # ------------------------------------------------------------------------------------------------- pieces

    def look(self, name: str, *, strong: bool = False, base: str = "") -> Any:
        """A format for a number, or for a word."""
        key = f"{base or ('strong' if strong else 'text')}.{name}"
        if key not in self.looks:
            chosen = dict(GROUP_LOOK if base == "group" else FORMATS[base or ("strong" if strong else "text")])
            if name in ("text", "words"):
                chosen |= {"align": "left", "text_wrap": name == "text"}  # without a side the indent is not kept
            else:
                code = NUMBER_FORMATS.get(name) or number_format(name, 0.0, self.model.results.currency)
                chosen |= {"num_format": code, "indent": 0, "text_wrap": False}
            self.looks[key] = self.book.add_format({"font_name": FONT, "font_color": INK, **chosen})
        return self.looks[key]

    def _top(self, sheet: Any, title: str, subtitle: str, width: int) -> None:
        set_page(sheet, title)
        sheet.write_string(0, 0, title, self.formats["title"])
        sheet.set_row(0, 26)
        sheet.merge_range(1, 0, 1, width, subtitle, self.formats["subtitle"])
        sheet.set_row(1, 34)

    def _formula(self, sheet: Any, row: int, column: int, text: str, value: Value, look: Any) -> None:
        sheet.write_formula(row, column, f"={text}", look, as_cell(value))

    def _name(self, name: str, sheet: str, column: str, row: int) -> None:
        self.book.define_name(name, f"='{sheet}'!${column}${row}")
        self.places[name] = f"'{sheet}'!{column}{row}"

    # ------------------------------------------------------------------------------------------------- grids

    def _grid(self, sheet: Any, grid: Grid) -> None:
        self._top(sheet, grid.title, grid.subtitle, 11)
        sheet.grid, sheet.column_looks = grid, [self.look(filled.look) for filled in grid.columns]
        starts = [start for start, _ in grid.groups] + [len(grid.columns)]
        for (start, words), end in zip(grid.groups, starts[1:], strict=True):
            for column in range(start, end):
                sheet.write_string(GROUP, column, words if column == start else "", self.look("text", base="group"))
        for i, filled in enumerate(grid.columns):
            sheet.write_string(HEADER, i, filled.header, self.formats["header"])
            sheet.write_string(WORDS, i, filled.words, self.formats["note"])
        sheet.set_column(0, len(grid.columns) - 1, 15)
        tallest = max(lines_needed(f.header, 12.5) for f in grid.columns)
        sheet.set_row(HEADER, 15 * tallest + 4)
        sheet.set_row(WORDS, 12.5 * max(lines_needed(f.words, 16.0) for f in grid.columns))
        for row in (WORDS + 1, WORDS + 2):
            sheet.set_row(row, 3)
        sheet.freeze_panes(FIRST_ROW - 1, 2)
        sheet.repeat_rows(HEADER)
        sheet.repeat_columns(0, 1)
        sheet.fit_to_pages(-(-len(grid.columns) // COLUMNS_A_PAGE), 0)
        for name, cells in grid.names.items():
            self.book.define_name(name, f"={cells}")

    def _listing(self, sheet: Any, listing: Listing) -> None:
        self._top(sheet, listing.title, listing.subtitle, 2)
        for column, (header, width) in enumerate((("Name", 52), ("What it is", 70), ("Value", 18))):
            sheet.write_string(3, column, header, self.formats["header"])
            sheet.set_column(column, column, width)
        for row, line in enumerate(listing.lines, start=4):
            if not line.name:
                sheet.write_string(row, 0, line.label, self.formats["section"])
                continue
            sheet.write_string(row, 0, line.name, self.look("text"))
            sheet.write_string(row, 1, line.label, self.look("text"))
            if line.formula is None:
                sheet.write_number(row, 2, line.constant, self.look("exact"))
            else:
                self._formula(sheet, row, 2, line.formula.text, line.formula.value, self.look("exact"))
            self._name(line.name, listing.name, "C", row + 1)
        sheet.freeze_panes(4, 1)

    def _tables(self, sheet: Any) -> None:
        title = "The general population by age and sex, price indices, and numbers that the formulas look up."
        self._top(sheet, TABLES, title, 8)
        for i, column in enumerate(self.model.tables.columns):
            sheet.write_string(FIRST - 4, i, column.header, self.formats["header"])
            sheet.write_string(FIRST - 3, i, column.name, self.formats["note"])
            self._table_column(sheet, i, column)
            letter, last = xl_col_to_name(i), FIRST + len(column.values) - 1
            self.book.define_name(column.name, f"='{TABLES}'!${letter}${FIRST}:${letter}${last}")
        self.book.define_name(CYCLE_BY_CYCLE.text, "=MATCH(0,method.count,0)-1")
        sheet.set_column(0, len(self.model.tables.columns) - 1, 16)
        sheet.set_row(FIRST - 4, 34)
        sheet.freeze_panes(FIRST - 1, 1)

    def _table_column(self, sheet: Any, i: int, column: TableColumn) -> None:
        look = self.formats["input"] if column.is_input else self.look("exact")
        for k, value in enumerate(column.values.tolist()):
            row = FIRST - 1 + k
            if column.formula:
                text = column.formula.format(row=row + 1, above=row)
                self._formula(sheet, row, i, text, value, look)
            else:
                sheet.write_number(row, i, value, look)

    # ------------------------------------------------------------------------------------------------- inputs

    def _inputs(self, sheet: Any) -> None:
        subtitle = (
            "Change a cell in the input colour and every Live sheet follows. The engine's value stands beside it."
        )
        self._top(sheet, INPUTS, subtitle, 6)
        headers = (
            ("Id, and name of the cell", ID_WIDTH),
            ("Parameter", LABEL_WIDTH),
            ("Value", 24),
            ("Unit", 22),
            ("Engine's value", 24),
            ("Changed", 11),
            ("Evidence", 20),
            ("Factor to the model's unit", 16),
            ("Price year", 11),
            ("In the model's unit", 18),
        )
        top = self._answer(sheet)
        for i, (header, width) in enumerate(headers):
            sheet.write_string(top, i, header, self.formats["header"])
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
        changes = f"$F${top + 2}:$F${last}"
        self.book.define_name("inputs.changes", f"='{INPUTS}'!{changes}")
        rule = {"type": "formula", "criteria": f'=$F{top + 2}="changed"', "format": self.formats["changed"]}
        sheet.conditional_format(top + 1, 2, last - 1, 2, rule)

    def _answer(self, sheet: Any) -> int:
        """What a QALY costs now, above the inputs, so that it is seen to move; returns the row below."""
        strategies, labels = self.model.results.strategies, self.model.results.labels
        pairs = pair_rows(*self._told, 1)
        for n, (s, label, pair) in enumerate(zip(strategies[1:], labels[1:], pairs, strict=True)):
            row = 2 + n
            sheet.write_string(row, 0, f"{label} against {labels[0]}", self.look("text", strong=True))
            self._formula(sheet, row, 1, f"result.pair_words.{s}", pair[4].value, self.look("text"))
            self._formula(sheet, row, 2, f"result.per_qaly.{s}", pair[3].value, self.look("money", strong=True))
            sheet.write_string(row, 3, f"{self.model.results.currency} per QALY", self.look("text"))
        self._name("check.answer", INPUTS, "C", 3)
        sheet.write_string(2, 4, "Live check says", self.look("text"))
        self._formula(sheet, 2, 5, "check.verdict", "equal", self.look("words"))
        return max(1 + len(strategies), 3)

    def _tall(self, sheet: Any, row: int, identifier: str, label: str) -> None:
        """Room for an id or a label that needs more than one line."""
        lines = max(lines_needed(identifier, ID_WIDTH), lines_needed(label, LABEL_WIDTH))
        if lines > 1:
            sheet.set_row(row, 15 * lines)

    def _input(self, sheet: Any, row: int, line: InputRow) -> None:
        excel = row + 1
        self._tall(sheet, row, line.id, line.label)
        sheet.write_string(row, 0, line.id, self.look("text"))
        sheet.write_string(row, 1, line.label, self.look("text"))
        for column, look in ((2, self.formats["input"]), (4, self.formats["base"])):
            if line.value is None or line.value == "":
                sheet.write_blank(row, column, None, look)
            elif isinstance(line.value, str):
                sheet.write_string(row, column, line.value, look)
            else:
                sheet.write_number(row, column, line.value, look)
        sheet.write_string(row, 3, line.unit, self.look("text"))
        self._formula(sheet, row, 5, f'IF(C{excel}&""=E{excel}&"","","changed")', "", self.look("text"))
        sheet.write_string(row, 6, line.status, self.formats["weak"] if line.is_weak else self.look("text"))
        self._name(line.id, INPUTS, "C", excel)
        if line.id.startswith("toxicity.proportion."):
            self._name(f"engine.{line.id}", INPUTS, "E", excel)
        if line.choices:
            sheet.data_validation(row, 2, row, 2, {"validate": "list", "source": list(line.choices)})
        if line.converted:
            self._converted(sheet, row, line)

    def _converted(self, sheet: Any, row: int, line: InputRow) -> None:
        excel, live, tables = row + 1, self.model.live, self.model.tables
        sheet.write_number(row, 7, line.factor, self.look("exact"))
        index: Any = ()
        if line.price_year is not None:
            sheet.write_number(row, 8, line.price_year, self.formats["input"])
            index = (tables.of("price_index.year"), tables.of("price_index.level"))
        year = Term(f"I{excel}", line.price_year)
        formula = model_formula(live, line, Term(f"H{excel}", line.factor), year, index)
        self._formula(sheet, row, 9, formula.text, formula.value, self.look("exact"))
        self._name(f"model.{line.id}", INPUTS, "J", excel)

    def _fixed(self, sheet: Any, row: int) -> None:
        sheet.write_string(row, 0, "As this workbook was written: not live", self.formats["section"])
        for line, reason in self.model.live.fixed:
            row += 1
            self._tall(sheet, row, line.id, line.label)
            sheet.write_string(row, 0, line.id, self.look("text"))
            sheet.write_string(row, 1, line.label, self.look("text"))
            if isinstance(line.value, str):
                sheet.write_string(row, 2, line.value, self.look("text"))
            else:
                sheet.write_number(row, 2, line.value, self.look("exact"))
            sheet.write_string(row, 3, line.unit, self.look("text"))
            sheet.merge_range(row, 4, row, 9, reason, self.look("text"))

    # ------------------------------------------------------------------------------------------------- results

    def _results(self, sheet: Any) -> None:
        results = self.model.results
        width = max(len(results.strategies), len(FRONTIER_COLUMNS) - 1)
        self._top(sheet, RESULTS, "Every number here is a formula: it moves with Live inputs.", min(width, 8))
        sheet.set_column(0, 0, 46)
        sheet.set_column(1, width, 14)
        sheet.write_string(2, 0, "Live check says", self.look("text", strong=True))
        self._formula(sheet, 2, 1, "check.verdict", "equal", self.look("words"))
        for block in results.blocks:
            self._block(sheet, block)
        self._comparison(sheet, results.comparison_row)
        sheet.freeze_panes(3, 1)

    def _block(self, sheet: Any, block: Block) -> None:
        results, top = self.model.results, block.row - 1
        sheet.write_string(top - 1, 0, block.title, self.formats["section"])
        sheet.write_string(top, 0, "", self.formats["header"])
        for i, label in enumerate(results.labels):
            sheet.write_string(top, 1 + i, label, self.formats["header_number"])
        for n, line in enumerate(block.rows, start=1):
            sheet.write_string(top + n, 0, line.label, self.look("text"))
            for i, (s, cell) in enumerate(zip(results.strategies, line.cells, strict=True)):
                self._formula(sheet, top + n, 1 + i, cell.text, cell.value, self.look(line.look))
                self._name(f"result.{line.key}.{s}", RESULTS, results.column(i), top + n + 1)
            if line.key in ("cost", "qaly"):
                first, final = results.column(0), results.column(len(results.strategies) - 1)
                cells = f"='{RESULTS}'!${first}${top + n + 1}:${final}${top + n + 1}"
                self.book.define_name(f"result.every.{line.key}", cells)

    @property
    def _told(self) -> tuple[Sequence[str], Sequence[str], Sequence[float], Sequence[float]]:
        """Strategies, labels, costs and QALYs."""
        results, outcomes = self.model.results, self.model.outcomes
        return results.strategies, results.labels, outcomes.cost[0].tolist(), outcomes.qaly[0].tolist()

    def _comparison(self, sheet: Any, row: int) -> None:
        strategies, labels = self.model.results.strategies, self.model.results.labels
        headers = [header for header, _, _ in FRONTIER_COLUMNS]
        row -= 2
        row = self._table(sheet, row, "Full incremental analysis", headers, frontier_rows(*self._told, row + 3))
        self._table(sheet, row + 1, f"Against {labels[0]}", PAIR_COLUMNS, pair_rows(*self._told, row + 4))
        for n, s in enumerate(strategies[1:]):
            self._name(f"result.per_qaly.{s}", RESULTS, "D", row + 4 + n)
            self._name(f"result.pair_words.{s}", RESULTS, "E", row + 4 + n)

    def _table(
        self, sheet: Any, row: int, title: str, headers: Sequence[str], rows: Sequence[Sequence[ComparisonCell]]
    ) -> int:
        sheet.write_string(row, 0, title, self.formats["section"])
        for i, header in enumerate(headers):
            is_text = i in (0, len(headers) - 1)
            sheet.write_string(row + 1, i, header, self.formats["header" if is_text else "header_number"])
        sheet.set_row(row + 1, 49)
        for n, cells in enumerate(rows):
            for i, cell in enumerate(cells):
                if cell.text:
                    self._formula(sheet, row + 2 + n, i, cell.text, cell.value, self.look(cell.look))
                else:
                    sheet.write_string(row + 2 + n, i, cell.value, self.look("text"))
        return row + 2 + len(rows)

    # ------------------------------------------------------------------------------------------------- check, guide

    def _check(self, sheet: Any) -> None:
        rows, limits = check_sheet.check_rows(self.model), check_sheet.limit_rows(self.model)
        self._top(sheet, check_sheet.NAME, check_sheet.SUBTITLE, 6)
        first = check_sheet.FIRST_ROW + len(limits) + 3
        for n, (label, text, value, look) in enumerate(check_sheet.summary_rows(first, len(rows), limits)):
            sheet.write_string(3 + n, 0, label, self.look("text", strong=True))
            self._formula(sheet, 3 + n, 1, text, value, self.look(look))
        self._name("check.changed", check_sheet.NAME, "B", 4)
        self._name("check.verdict", check_sheet.NAME, "B", 7)
        start = check_sheet.FIRST_ROW - 1
        for i, header in enumerate(("Limit of what is written", "Needed", "Written", "Verdict")):
            sheet.write_string(start - 1, i, header, self.formats["header_number" if i in (1, 2) else "header"])
        for n, (label, text, value, written) in enumerate(limits):
            row = start + n
            sheet.write_string(row, 0, label, self.look("text"))
            self._formula(sheet, row, 1, text, value, self.look("months"))
            sheet.write_number(row, 2, written, self.look("months"))
            verdict = f'IF(B{row + 1}<=C{row + 1}+method.rounding,"within","too long: rows are missing")'
            self._formula(sheet, row, 3, verdict, "within", self.formats["pass"])
        headers = ("Number", "Strategy", "Engine", "Formulas", "Difference", "Relative", "Verdict")
        for i, header in enumerate(headers):
            sheet.write_string(first - 2, i, header, self.formats["header_number" if 2 <= i <= 5 else "header"])
        for n, line in enumerate(rows):
            self._checked(sheet, first - 1 + n, line)
        for column, width in enumerate((74, 30, 20, 20, 18, 18, 18)):
            sheet.set_column(column, column, width)
        self._colour(sheet, first, first + len(rows) - 1)

    def _checked(self, sheet: Any, row: int, line: check_sheet.Checked) -> None:
        excel = row + 1
        sheet.write_string(row, 0, line.label, self.look("text"))
        sheet.write_string(row, 1, line.strategy, self.look("text"))
        sheet.write_number(row, 2, line.engine, self.look("exact"))
        difference = line.formula - line.engine
        relative = difference / line.engine if line.engine else 0.0
        self._formula(sheet, row, 3, line.name, line.formula, self.look("exact"))
        self._formula(sheet, row, 4, f"D{excel}-C{excel}", difference, self.look("tiny"))
        self._formula(sheet, row, 5, f"IF(C{excel}=0,0,E{excel}/C{excel})", relative, self.look("tiny"))
        text = (
            f'IF(ISERROR(D{excel}),"error",IF(ABS(E{excel})<=method.equal*ABS(C{excel})+method.slack,"equal",'
            'IF(check.changed>0,"inputs changed","differs")))'
        )
        self._formula(sheet, row, 6, text, "equal", self.look("text"))

    def _colour(self, sheet: Any, first: int, last: int) -> None:
        for word, look in (("equal", "pass"), ("inputs changed", "warn"), ("differs", "fail"), ("error", "fail")):
            rule = {"type": "cell", "criteria": "==", "value": f'"{word}"', "format": self.formats[look]}
            sheet.conditional_format(first - 1, 6, last - 1, 6, rule)

    def _guide(self, sheet: Any) -> None:
        set_page(sheet, guide_sheet.NAME, pages_high=1)
        sheet.set_column(0, 0, 34)
        sheet.set_column(1, 1, 96)
        sheet.write_string(0, 0, "Live guide", self.formats["title"])
        row = 2
        for title, lines in guide_sheet.guide(self.model):
            sheet.merge_range(row, 0, row, 1, title, self.formats["section"])
            for name, words, target in lines:
                row += 1
                if target:
                    place = self.places.get(target, f"'{target}'!A1")
                    sheet.write_url(row, 0, f"internal:{place}", self.formats["link"], name)
                else:
                    sheet.write_string(row, 0, name, self.look("text", strong=True))
                sheet.write_string(row, 1, words, self.look("text"))
                sheet.set_row(row, 15 * lines_needed(words, 96))
            row += 2

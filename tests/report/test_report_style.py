"""One visual language: colours, currencies, links and digits of a whole report."""

import datetime
import math
import re
from itertools import combinations
from pathlib import Path

import openpyxl
import pytest

from markov import BaseCase, base_case, read_inputs
from markov.analysis.sensitivity.everything import Deterministic, deterministic
from markov.inputs.writing.template import shipped
from markov.report.page import (
    CATEGORY_COLOURS,
    LINE_COLOURS,
    PERIOD_COLOURS,
    STATE_COLOURS,
    STRATEGY_COLOURS,
    Column,
    Look,
    Page,
    Table,
)
from markov.report.reports import report_pages
from markov.report.writers.excel import write_pages
from markov.report.writers.number_formats import number_format, shown
from markov.terms import STATE_LABELS, CostCategory, State, money

SIGNS = {"calgb_100104": "£", "post_transplant_us": "$"}
Case = tuple[BaseCase, Deterministic, str]


@pytest.fixture(scope="module", params=SIGNS)
def case(request: pytest.FixtureRequest) -> Case:
    result = base_case(read_inputs(shipped(request.param)))
    return result, deterministic(result.inputs, result), SIGNS[request.param]


@pytest.fixture(scope="module")
def pages(case: Case) -> list[Page]:
    return report_pages(case[0], "", 0.0, datetime.datetime.now(datetime.UTC), case[1])


@pytest.fixture(scope="module")
def file(pages: list[Page], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pages(pages, tmp_path_factory.mktemp("style") / "report.xlsx", "A report")


def tables(pages: list[Page]) -> list[Table]:
    return [block for page in pages for block in page.blocks if isinstance(block, Table)]


# ------------------------------------------------------------------------------------------------------------ colours


def test_no_colour_stands_for_two_things() -> None:
    palettes = (STRATEGY_COLOURS, STATE_COLOURS, CATEGORY_COLOURS, PERIOD_COLOURS)
    assert all(len(set(palette)) == len(palette) for palette in (*palettes, LINE_COLOURS))
    assert all(not set(one) & set(other) for one, other in combinations(palettes, 2))
    assert not set(LINE_COLOURS) & {*STRATEGY_COLOURS, *STATE_COLOURS}
    assert len(STATE_COLOURS) == len(State)
    assert len(CATEGORY_COLOURS) == len(CostCategory)


def test_a_strategy_and_a_state_have_one_colour_on_every_chart(case: Case, pages: list[Page]) -> None:
    wanted = {label: STRATEGY_COLOURS[i] for i, label in enumerate(case[0].labels)}
    wanted |= {STATE_LABELS[state]: STATE_COLOURS[i] for i, state in enumerate(State)}
    charts = [chart for page in pages for block in page.blocks if isinstance(block, tuple) for chart in block]
    found = [(chart.title, s.name.split(",")[0], s.colour) for chart in charts for s in chart.series]
    named = [(title, name, painted) for title, name, painted in found if name in wanted]
    assert len(named) > 20
    assert [entry for entry in named if entry[2] != wanted[entry[1]]] == []


# --------------------------------------------------------------------------------------------------------- currencies


@pytest.mark.parametrize(
    ("amount", "currency", "decimals", "words"),
    [
        (246238.4, "GBP", 0, "£246,238"),
        (-1234.6, "USD", 0, "−$1,235"),
        (4.0, "EUR", 2, "€4.00"),
        (12000.0, "SEK", 0, "SEK 12,000"),
    ],
)
def test_money_is_written_as_its_jurisdiction_writes_it(
    amount: float, currency: str, decimals: int, words: str
) -> None:
    assert money(amount, currency, decimals) == words


def test_amounts_carry_the_sign_of_the_workbooks_currency_and_no_other(
    case: Case, pages: list[Page], file: Path
) -> None:
    sign = case[2]
    others = set(SIGNS.values()) - {sign}
    book = openpyxl.load_workbook(file)
    codes = {
        cell.number_format for sheet in book for row in sheet.iter_rows() for cell in row if cell.value is not None
    }
    assert f'"{sign}"#,##0_);[Red]-"{sign}"#,##0_)' in codes
    assert not [code for code in codes for other in others if other in code]
    texts = [str(cell) for table in tables(pages) for row in table.rows for cell in row if isinstance(cell, str)]
    assert any(sign in text for text in texts)
    assert not [text for text in texts for other in others if f"{other}1" in text or f"{other}2" in text]


def test_amounts_read_alike_in_a_browser_and_in_a_document() -> None:
    assert shown(-1234.5, "money", "GBP") == "-£1,235"
    assert shown(0.4, "money", "USD") == "$0"
    assert shown(1234.5, "money") == "1,235"


UNIT = re.compile(r"\(.+\)|QALY|[Yy]ears?|[Mm]onths|[Rr]atio|[Ss]hare|[Uu]tility|[Cc]ycle|[Nn]umber|%|percent")
PLAIN = ("text", "strong", "link", "percent", "integer")


def test_every_number_has_its_unit_in_its_header_its_row_or_its_tables_title(pages: list[Page]) -> None:
    missing = []
    for table in tables(pages):
        rows_tell = {"Unit", "Figure", "Measure"} & {column.header for column in table.columns}
        if not rows_tell and not UNIT.search(table.title):
            missing += [(table.title, c.header) for c in table.columns if c.look not in PLAIN]
    assert [(title, header) for title, header in missing if not UNIT.search(header)] == []


# -------------------------------------------------------------------------------------------------- links and digits


def test_the_contents_name_every_sheet_and_every_sheet_leads_back(pages: list[Page], file: Path) -> None:
    book = openpyxl.load_workbook(file)
    linked = {sheet.title: [c.hyperlink for row in sheet.iter_rows() for c in row if c.hyperlink] for sheet in book}
    targets = {name: [link.location for link in links] for name, links in linked.items()}
    sheets = ["'Summary'!A1", *(f"'{p.name}'!A1" for p in pages if p.name != "Contents")]
    assert targets["Contents"][: len(sheets)] == sheets
    questions = targets["Contents"][len(sheets) :]
    assert len(questions) >= 15
    assert set(questions) <= set(sheets)
    others = {name: links for name, links in targets.items() if name != "Contents"}
    assert all(
        links[0] == "'Contents'!A1" and set(links) <= set(targets["Contents"]) | {links[0]} for links in others.values()
    )
    assert {name for name, links in others.items() if len(links) > 1} == {"CHEERS 2022", "AdViSHE"}
    told = {row[0]: row[1] for row in book["Contents"].iter_rows(values_only=True)}
    assert all(len(str(told[page.name])) > 20 for page in pages if page.name != "Contents")


def test_every_cell_holds_all_digits_of_the_number_it_rounds(case: Case, pages: list[Page], file: Path) -> None:
    book = openpyxl.load_workbook(file, data_only=True)
    written = {cell for row in book["Tornado"].iter_rows(values_only=True) for cell in row if isinstance(cell, float)}
    one_way = case[1].one_way
    bars = one_way.tornado(one_way.thresholds[0], one_way.strategies[1])
    ends = [float(f"{end:.16g}") for bar in bars if bar.has_effect for end in (bar.factor.members[0].low, bar.low)]
    assert ends
    assert all(any(math.isclose(end, cell, rel_tol=1e-15) for cell in written) for end in ends)
    turning = [c.value for value in case[1].thresholds for c in value.crossings if c.value == value.value]
    cells = {cell for row in book["Threshold"].iter_rows(values_only=True) for cell in row if isinstance(cell, float)}
    assert all(any(math.isclose(value, cell, rel_tol=1e-15) for cell in cells) for value in turning)


@pytest.mark.parametrize(
    ("value", "words"), [(0.012345, "0.01235"), (12345.6, "12,346"), (58.0, "58"), (2.75, "2.750"), (0.0, "0")]
)
def test_inputs_show_four_significant_digits(value: float, words: str) -> None:
    assert shown(value, "significant") == words


# -------------------------------------------------------------------------------------------------------- on paper


def printed(pages: list[Page], folder: Path) -> openpyxl.Workbook:
    return openpyxl.load_workbook(write_pages(pages, folder / "paper.xlsx", "On paper"))


def test_a_table_that_runs_over_a_page_begins_again_with_its_header(tmp_path: Path) -> None:
    columns, rows = (Column("Input", "strong"), Column("Value (GBP)", "money")), [(f"Row {i}", i) for i in range(90)]
    other = Table("Other", (Column("Another header"),), (("one",),))
    read_back = Table("Read back", columns, tuple(rows), "read", whole=True)
    page = Page("Long", "Long", "A page.", (other, Table("All", columns, tuple(rows), "all"), read_back))
    sheet = printed([page], tmp_path)["Long"]
    told = [cell.value for cell in sheet["A"]]
    breaks = [each.id for each in sheet.row_breaks.brk]
    again = [number for number in breaks if told[number] == "Input"]
    assert len(again) >= 2
    start = told.index("All")
    assert [value for value in told[start : told.index("Read back")] if str(value).startswith("Row")] == [
        f"Row {i}" for i in range(90)
    ]
    assert told[told.index("Read back") + 2 :][:90] == [f"Row {i}" for i in range(90)]
    assert told.count("Input") == 2 + len(again)


def test_one_header_stands_on_every_page_where_all_tables_have_it(tmp_path: Path) -> None:
    columns, rows = (Column("Input", "strong"), Column("Value (GBP)", "money")), [(f"Row {i}", i) for i in range(90)]
    first, second = Table("First", columns, tuple(rows), "first"), Table("Second", columns, tuple(rows), "second")
    sheet = printed([Page("Alike", "Alike", "A page.", (first, second))], tmp_path)["Alike"]
    told = [cell.value for cell in sheet["A"]]
    assert told.count("Input") == 2
    assert sheet.print_title_rows == f"${told.index('Input') + 1}:${told.index('Input') + 1}"


def test_words_beside_a_number_keep_their_distance_also_in_bold(tmp_path: Path) -> None:
    columns = (Column("Input", "strong"), Column("Value (GBP)", "money"), Column("In words"))
    table = Table("Bold", columns, (("One", 1.0, "dominant"), ("Two", "none", "dominant")), "bold", bold=frozenset({0}))
    sheet = printed([Page("Bold", "Bold", "A page.", (table,))], tmp_path)["Bold"]
    words = [cell for row in sheet.iter_rows() for cell in row if cell.value in ("dominant", "none")]
    assert [cell.alignment.indent for cell in words] == [1, 1, 1]


def test_no_frozen_header_leaves_a_small_screen_without_room(file: Path) -> None:
    frozen = [sheet.freeze_panes for sheet in openpyxl.load_workbook(file) if sheet.freeze_panes]
    assert frozen
    assert all(int(re.sub(r"\D", "", cell)) <= 14 for cell in frozen)


@pytest.mark.parametrize(
    ("value", "look"), [(-0.4, "money"), (-0.0004, "qaly"), (-0.0004, "percent"), (-0.04, "months")]
)
def test_what_rounds_to_zero_has_no_minus(value: float, look: Look) -> None:
    assert "-" not in shown(value, look, "GBP")
    assert "-" not in number_format(look, value, "GBP")
    assert "-" in shown(1000.0 * value, look, "GBP")

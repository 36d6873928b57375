"""What holds of a whole workbook: writing and reading is the identity, order means nothing, units are only names."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from markov.cli import main
from markov.inputs.definitions.schema import PARAMETER_SHEETS, Sheet, match
from markov.inputs.parameters import Inputs, with_values
from markov.inputs.workbook import read_inputs, read_sheets
from markov.inputs.writing.sources import CoverText
from markov.inputs.writing.template import blank_sheets, shipped, worked_names, write_workbook
from markov.model.evaluate import evaluate
from tests.inputs.rules.broken_inputs.editing import Book, good_book

SHORT = {"settings.horizon_years": 8.0}
OTHER_UNIT = {
    "months": "years",
    "per month": "per year",
    "{currency} per month": "{currency} per year",
    "{currency} per year": "{currency} per month",
    "{currency} per 28 days": "{currency} per year",
    "days": "weeks",
}
NUMBERS = ("value", "base case", "se", "low", "high")


def results(inputs: Inputs) -> dict[str, tuple[float, ...]]:
    """Cost, QALYs and life-years of each strategy over eight years."""
    found = evaluate(with_values(inputs, SHORT))
    return {s: (found.cost[0, i], found.qaly[0, i], found.life_year[0, i]) for i, s in enumerate(found.strategies)}


def assert_same(mine: dict[str, tuple[float, ...]], theirs: dict[str, tuple[float, ...]], within: float) -> None:
    assert mine.keys() == theirs.keys()
    for strategy, numbers in theirs.items():
        np.testing.assert_allclose(mine[strategy], numbers, rtol=within, atol=0.0, err_msg=strategy)


# Writing and reading --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", worked_names())
def test_what_new_writes_is_read_as_the_workbook_that_is_shipped(name: str, tmp_path: Path) -> None:
    main_without_exit(["new", str(tmp_path / "mine.xlsx"), "--from", name])
    mine, theirs = read_inputs(tmp_path / "mine.xlsx"), read_inputs(shipped(name))
    assert mine.parameters == theirs.parameters  # every value to its last digit, with unit, source, status and cell
    assert (mine.title, mine.strategies, mine.price_index) == (theirs.title, theirs.strategies, theirs.price_index)
    for one, other in ((mine.life_table, theirs.life_table), (mine.population_utility, theirs.population_utility)):
        for column in ("ages", "male", "female"):
            np.testing.assert_array_equal(getattr(one, column), getattr(other, column))
    for table in ("trial_results", "scenarios", "changes"):
        assert getattr(mine, table) == getattr(theirs, table), table
    for table in ("curve_points", "network", "curve_choices", "correlations"):  # their places name the file
        rows = [[replace(row, place="") for row in getattr(side, table)] for side in (mine, theirs)]
        assert rows[0] == rows[1], table


def main_without_exit(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(arguments)
    assert left.value.code == 0


def test_a_blank_workbook_is_read_as_the_rows_that_were_written(tmp_path: Path) -> None:
    sheets = blank_sheets(["no_maintenance", "new_drug"])
    write_workbook(tmp_path / "blank.xlsx", CoverText(sheets.title, ""), sheets)
    found, problems = read_sheets(tmp_path / "blank.xlsx")
    assert problems == []
    for sheet in PARAMETER_SHEETS:
        written = [{h: c.value for h, c in row.items() if not c.is_empty} for row in sheets.rows[sheet]]
        read = [{h: c.value for h, c in row.items()} for row in found.rows[sheet]]
        assert [{h: row[h] for h in wanted} for row, wanted in zip(read, written, strict=True)] == written, sheet
    write_workbook(tmp_path / "again.xlsx", CoverText(sheets.title, ""), found)
    again, _ = read_sheets(tmp_path / "again.xlsx")
    texts = [
        {sheet: [[c.value for c in row.values()] for row in rows] for sheet, rows in side.rows.items()}
        for side in (found, again)
    ]
    assert texts[0] == texts[1]


def test_numbers_are_written_to_their_last_digit(tmp_path: Path) -> None:
    sheets, _ = read_sheets(shipped("calgb_100104"))
    awkward = (0.1 + 0.2, 1 / 3, 30.800000000000004, 1e-5 / 3, 123456789.12345679)
    rows = list(sheets.rows[Sheet.COSTS])
    for i, number in enumerate(awkward):
        rows[i] = {**rows[i], "se": replace(rows[i]["se"], value=number)}
    changed = replace(sheets, rows={**sheets.rows, Sheet.COSTS: tuple(rows)})
    write_workbook(tmp_path / "new.xlsx", CoverText("Digits", ""), changed)
    found, _ = read_sheets(tmp_path / "new.xlsx")
    assert tuple(row["se"].value for row in found.rows[Sheet.COSTS][: len(awkward)]) == awkward


# Order ----------------------------------------------------------------------------------------------------------------


def reverse_rows(book: Book, title: str) -> None:
    page = book[title]
    rows = page.rows()
    to = dict(zip(rows, reversed(rows), strict=True))
    page.cells = {(to.get(row, row), column): value for (row, column), value in page.cells.items()}


@pytest.mark.parametrize("name", ["hovon65", "post_transplant_uk"])
def test_the_order_of_sheets_rows_and_strategies_changes_no_result(name: str) -> None:
    book, base = good_book(name), results(read_inputs(shipped(name)))
    for title in [sheet.value for sheet in (*PARAMETER_SHEETS, Sheet.STRATEGIES, Sheet.SCENARIOS, Sheet.TRIAL_RESULTS)]:
        reverse_rows(book, title)
    book.pages = dict(reversed(book.pages.items()))
    found = book.read()
    assert list(found.labels) == list(reversed(list(read_inputs(shipped(name)).labels)))
    assert_same(results(found), base, 1e-12)


# Units ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["calgb_100104", "gem2005mas65"])
def test_months_or_years_give_the_same_result(name: str) -> None:
    book, inputs = good_book(name), read_inputs(shipped(name))
    changed = set()
    for identifier, parameter in inputs.parameters.items():
        matched = match(identifier)
        quantity = matched[0].quantity if matched else None
        unit = parameter.unit.replace(inputs.currency, "{currency}")
        other = OTHER_UNIT.get(unit, "")
        if quantity is None or other not in quantity.units:
            continue
        factor = quantity.units[unit] / quantity.units[other]
        for header in NUMBERS:
            value = book.get(identifier, header)
            if isinstance(value, int | float):
                book.put(identifier, value * factor, header)
        book.put(identifier, other.replace("{currency}", inputs.currency), "unit")
        changed.add(unit)
    assert {"months", "per month"} <= changed
    assert_same(results(book.read()), results(inputs), 1e-11)

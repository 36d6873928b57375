"""Reference cases: figures by agency, their status, what a run departs from, and that all of it can be edited."""

from dataclasses import replace
from pathlib import Path

import openpyxl
import pytest

from markov.analysis.interpretation.reference_case import respects
from markov.inputs.agencies import DEFAULTS
from markov.inputs.parameters import Inputs, with_values
from markov.inputs.problems import InputError
from markov.inputs.workbook import read_inputs
from markov.inputs.writing.template import shipped, worked_names
from markov.report.page import Table
from markov.report.sheets.reference_case import AS_ASKED, NOTHING_ASKED, reference_case_page

RATES = {
    "nice": (0.035, 0.035),
    "cda_amc": (0.015, 0.015),
    "zin": (0.03, 0.015),
    "icer": (0.03, 0.03),
    "has": (0.025, 0.025),
}
"""Discount rates of costs and effects as the catalogue of requirements has them."""
READ = {"zin"}  # the only rates that were read in a guideline


def under(inputs: Inputs, agency: str, **changes: float | str) -> dict[str, str]:
    """Finding by respect under an agency's reference case."""
    values = {"settings.agency": agency, **{f"settings.{key}": value for key, value in changes.items()}}
    table = next(b for b in reference_case_page(with_values(inputs, values)).blocks if isinstance(b, Table))
    return {str(row[0]): str(row[3]) for row in table.rows}


@pytest.mark.parametrize("agency", RATES)
def test_the_rates_are_those_on_record_with_their_status(agency: str) -> None:
    rows = {row.item: row for row in DEFAULTS if row.agency == agency}
    told = [rows[f"discount_rate.{kind}"] for kind in ("costs", "effects")]
    assert tuple(row.number for row in told) == RATES[agency]
    assert all((row.status == "read") == (agency in READ) for row in told)
    assert all(row.status.startswith("unverified") or agency in READ for row in told)


def test_a_run_as_asked_departs_in_nothing_and_one_that_is_not_departs_where_it_does(calgb: Inputs) -> None:
    assert set(under(calgb, "nice").values()) == {AS_ASKED}
    changed: dict[str, float | str] = {"discount_rate.effects": 0.015, "thresholds": "20000; 30000"}
    found = under(calgb, "nice", **changed, age_adjustment="off", horizon_years=20.0)
    departing = {label: finding for label, finding in found.items() if finding != AS_ASKED}
    assert departing == {
        "Discount rate, effects": "departs: 1.5% instead of 3.5%; justify",
        "Thresholds per QALY": "departs: £20,000 and £30,000 instead of £25,000 and £35,000; justify",
        "Time horizon": "departs: 20 years instead of lifetime; justify",
        "Age adjustment of utilities": "departs: off instead of on; justify",
    }


def test_the_same_thresholds_in_another_currency_depart(calgb: Inputs) -> None:
    found = under(calgb, "icer", thresholds="100000; 150000")
    assert found["Thresholds per QALY"] == "departs: £100,000 and £150,000 instead of $100,000 and $150,000; justify"
    assert found["Currency"] == "departs: GBP instead of USD; justify"


def test_a_later_rate_departs_from_a_constant_one(calgb: Inputs) -> None:
    later = {"discount_change_years": 30.0, "discount_rate_later.costs": 0.03}
    assert under(calgb, "nice", **later)["Discount rate, costs"].startswith("departs: 3.5%, then 3% after 30 years")


def test_where_no_figure_is_on_record_nothing_is_judged(calgb: Inputs) -> None:
    assert under(calgb, "has")["Thresholds per QALY"] == NOTHING_ASKED
    assert set(under(calgb, "own").values()) == {NOTHING_ASKED}


def test_every_figure_can_be_edited_in_the_workbook(tmp_path: Path) -> None:
    book = openpyxl.load_workbook(shipped("calgb_100104"))
    page = book["Reference case"]
    for row in page.iter_rows(min_row=5):
        if (row[0].value, row[1].value) == ("nice", "discount_rate.costs"):
            row[2].value = 0.015
        if (row[0].value, row[1].value) == ("own", "thresholds"):
            row[2].value = 30000
    book.save(tmp_path / "edited.xlsx")
    inputs = read_inputs(tmp_path / "edited.xlsx")
    assert [r.label for r in respects(inputs) if r.departs] == ["Discount rate, costs"]
    assert under(inputs, "own")["Thresholds per QALY"].startswith("departs: £25,000 and £35,000 instead of £30,000")


@pytest.mark.parametrize(
    ("cell", "value", "words"),
    [
        ("A5", "nise", "Did you mean nice?"),
        ("B5", "discount", '"item" is not one of those known'),
        ("C5", 3.5, "a discount rate lies between 0 and 1"),
        ("C5", "#REF!", "Mend the formula"),
        ("E5", "sure", "the status is not one of the evidence statuses"),
        ("B6", "discount_rate.costs", "is already given at"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_cell(cell: str, value: str | float, words: str, tmp_path: Path) -> None:
    book = openpyxl.load_workbook(shipped("calgb_100104"))
    book["Reference case"][cell] = value
    book.save(tmp_path / "broken.xlsx")
    with pytest.raises(InputError) as told:
        read_inputs(tmp_path / "broken.xlsx")
    assert f"Reference case!{cell}" in str(told.value)
    assert words in str(told.value)


def test_a_workbook_without_the_sheets_and_the_column_reads_as_before(tmp_path: Path) -> None:
    book = openpyxl.load_workbook(shipped("calgb_100104"))
    for name in ("Reference case", "Reporting standards"):
        del book[name]
    for page in book:
        for cell in page[4]:
            if cell.value == "confidential":
                page.delete_cols(cell.column)
                break
    book.save(tmp_path / "older.xlsx")
    older, now = read_inputs(tmp_path / "older.xlsx"), read_inputs(shipped("calgb_100104"))
    assert [w.rule for w in older.warnings] == [w.rule for w in now.warnings]
    assert [replace(r, place="") for r in older.reference_cases] == [replace(r, place="") for r in now.reference_cases]


@pytest.mark.parametrize("name", worked_names())
def test_shipped_workbooks_name_an_agency_and_depart_in_nothing_unsaid(name: str) -> None:
    assert {r.label for r in respects(read_inputs(shipped(name))) if r.departs} == set()

"""Both checklists: the items of the statements, what a run says of them, and what it leaves to the analyst."""

from dataclasses import replace

import pytest

from markov import BaseCase, base_case
from markov.analysis.sensitivity.everything import deterministic
from markov.inputs.parameters import Inputs, with_values
from markov.inputs.standards import ADVISHE, CHEERS
from markov.report.page import Page, Table, Text
from markov.report.sheets.checklists import BEGUN, COMPLETE, NOT_APPLICABLE, OPEN, standards_pages

FROM_THE_RUN = {"1", "7", "8", "9", "10", "15", "17", "20", "22", "23", "24"}
PARTLY = {"2", "5", "6", "11", "12", "13", "14", "16", "18", "26"}
ANALYST = {"3", "4", "19", "21", "25", "27", "28"}
"""Which items a model can fill, as the requirements divide them."""


@pytest.fixture(scope="module")
def case(calgb: Inputs) -> BaseCase:
    return base_case(calgb)


@pytest.fixture(scope="module")
def pages(case: BaseCase) -> list[Page]:
    return standards_pages(case, deterministic(case.inputs, case), ["Summary", "Checks", "Trace No maintenance"])


def rows(page: Page) -> dict[str, tuple[object, ...]]:
    table = next(block for block in page.blocks if isinstance(block, Table))
    return {str(row[0]): row for row in table.rows}


def test_the_items_are_those_of_the_statements() -> None:
    assert [item.number for item in CHEERS] == [str(i) for i in range(1, 29)]
    assert " ".join(item.number for item in ADVISHE) == "A1 A2 B1 B2 C1 C2 C3 C4 D1 D2 D3 D4 E1"


def test_each_item_is_filled_begun_or_left_as_the_requirements_divide_them(pages: list[Page]) -> None:
    found = rows(pages[0])
    assert {i for i, row in found.items() if row[-1] == COMPLETE} == FROM_THE_RUN
    assert {i for i, row in found.items() if row[-1] == BEGUN} == PARTLY
    assert {i for i, row in found.items() if row[-1] == OPEN} == ANALYST
    assert all(bool(row[5]) == (row[-1] != OPEN) for row in found.values())


def test_the_page_counts_its_items_by_status(pages: list[Page]) -> None:
    lead = next(block for block in pages[0].blocks if isinstance(block, Text))
    assert lead.words.startswith("28 items: 11 complete, 10 begun")
    assert "7 left to the analyst" in lead.words


def test_texts_are_the_values_of_the_run(case: BaseCase) -> None:
    inputs = with_values(case.inputs, {"settings.discount_rate.costs": 0.015})
    changed = rows(standards_pages(base_case(inputs), None, ["Summary"])[0])
    assert changed["10"][5] == "Costs 1.5%, effects 3.5% a year."
    assert str(changed["15"][5]).startswith("GBP, prices of 2022.")


def test_what_was_not_run_or_not_said_is_left_to_the_analyst(case: BaseCase) -> None:
    silent = with_values(case.inputs, {"settings.perspective": None})
    found = rows(standards_pages(base_case(silent), None, ["Summary"])[0])
    assert found["8"][-1] == OPEN
    assert {found[item][-1] for item in ("18", "20", "24")} == {OPEN}


def test_the_words_of_the_analyst_complete_an_item(case: BaseCase) -> None:
    words = {"CHEERS 27": "The public research fund of the country.", "CHEERS 19": "Not applicable: one payer."}
    changed = replace(case, inputs=replace(case.inputs, analyst_words=words))
    page = standards_pages(changed, None, ["Summary"])[0]
    found = rows(page)
    assert found["27"][-2:] == (words["CHEERS 27"], COMPLETE)
    assert found["19"][-1] == NOT_APPLICABLE
    lead = next(block for block in page.blocks if isinstance(block, Text))
    assert "1 not applicable" in lead.words

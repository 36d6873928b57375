"""A table of broken workbooks, each made in code from a good one: what is said, of which cell, and what to do about it.

Each case breaks one thing. The problem must be an error (or, in the second table, a warning), stand once at its cell,
and hold the rule, what was found and the remedy. Most are read as cells in memory; whatever a file may do to a value on
its way is tried with files at the end.
"""

import zipfile
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import numpy as np
import openpyxl
import pytest
from openpyxl.chart import BarChart, Reference

from markov.inputs.problems import InputError, Problem
from markov.inputs.workbook import read_inputs
from markov.inputs.writing.template import shipped, worked_names
from tests.inputs.rules.broken_inputs.case import DEATH, HR
from tests.inputs.rules.broken_inputs.cells import IDS, NUMBERS, SPREADS, WORDS
from tests.inputs.rules.broken_inputs.editing import NAME, good_book, problems_of, told_at
from tests.inputs.rules.broken_inputs.odd import WARNINGS
from tests.inputs.rules.broken_inputs.tables import CORRELATIONS, EVIDENCE, SCENARIOS, TABLES
from tests.inputs.rules.broken_inputs.together import SHEETS, TOGETHER

ERRORS = NUMBERS | WORDS | IDS | SPREADS | TABLES | EVIDENCE | CORRELATIONS | SCENARIOS | TOGETHER | SHEETS


def test_the_table_is_long_enough() -> None:
    assert len(ERRORS) >= 60
    parts = (NUMBERS, WORDS, IDS, SPREADS, TABLES, EVIDENCE, CORRELATIONS, SCENARIOS, TOGETHER, SHEETS)
    assert len(ERRORS) == sum(map(len, parts)), "two cases of one name"


@lru_cache
def told_of(name: str) -> tuple[str, tuple[Problem, ...]]:
    """The place that a case breaks, and everything that is said of the workbook."""
    book = good_book()
    place = ERRORS[name].edit(book)
    return place, problems_of(book)


@pytest.mark.parametrize("name", ERRORS)
def test_what_is_broken_is_told_once_at_its_cell_with_rule_finding_and_remedy(name: str) -> None:
    case, (place, found) = ERRORS[name], told_of(name)
    there = list(told_at(found, place))
    assert len(there) == 1, f"at {place}: {there}\nof {[str(p) for p in found if not p.warning]}"
    for word in case.words:
        assert word in there[0], f"{word!r} is not in {there[0]!r}"
    assert there[0].startswith(f"{place}: ")
    assert there[0].endswith((".", "?"))


@pytest.mark.parametrize("name", ERRORS)
def test_one_thing_that_is_broken_does_not_drown_in_its_consequences(name: str) -> None:
    told = [str(problem) for problem in told_of(name)[1] if not problem.warning]
    assert len(told) <= MOST.get(name, 4), told


MOST = {
    "a currency that is none": 1,
    "a currency in words": 1,
    "a strategy's id of two words": 80,  # every row of it, each to be mended if the new name stays
    "a strategy called common": 80,
    "half a price year": 1,
    "a missing sheet": 45,  # scenarios and trial results that need it
    "a formula in included": 8,
    "a strategy that is neither in nor out": 12,
}


def test_the_shipped_workbooks_have_no_problem_at_all() -> None:
    for name in worked_names():
        assert not [problem for problem in problems_of(good_book(name)) if not problem.warning]


def test_all_problems_are_told_at_once_whether_of_cells_or_between_them() -> None:
    book = good_book()
    names: tuple[str, ...] = (
        "a decimal comma",
        "52 for a proportion",
        "an unknown choice",
        "an unknown unit",
        "an unknown id",
    )
    names += ("median and scale", "lump and monthly subsequent cost", "two value sets", "a gap in the life table")
    names += ("a perfect correlation", "a scenario of an unknown id", "a trial against itself", "a misspelt column")
    # An edit may take a cell away that another one needs: places are noted as they are told.
    places = [ERRORS[name].edit(book) for name in names]
    found = problems_of(book)
    for name, place in zip(names, places, strict=True):
        assert list(told_at(found, place)), name
    assert str(InputError(found)).count("\n") == len(found) - 1, "a line for each"


def test_a_long_text_with_line_breaks_is_told_in_one_short_line() -> None:
    book = good_book()
    place = book.put(HR, "about\n\nhalf " * 1000)
    (told,) = told_at(problems_of(book), place)
    assert "\n" not in told
    assert len(told) < 300


# Warnings ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", WARNINGS)
def test_what_is_odd_but_possible_is_a_warning_at_its_cell_and_the_workbook_is_read(name: str) -> None:
    case, book = WARNINGS[name], good_book()
    place = case.edit(book)
    warnings = book.read().warnings
    told = [str(problem) for problem in warnings]
    new = [text for text in told if all(word in text for word in case.words)]
    assert len(new) == 1, f"{case.words}\nnot in {told}"
    assert name in ELSEWHERE or new[0].startswith(f"{place}: "), new[0]


ELSEWHERE = (
    "limits without a distribution",  # one line for all of them, at the first
    "an optional sheet misspelt",
)


def test_the_shipped_workbooks_have_only_warnings_that_are_meant() -> None:
    meant = ("limits but no distribution", "one limit and no distribution", "derived, unverified or assumed")
    for name in worked_names():
        told = [str(problem) for problem in problems_of(good_book(name)) if not any(m in problem.rule for m in meant)]
        assert told == [], name


# Files ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "a date",
        "a time",
        "true",
        "a broken reference",
        "a formula never calculated",
        "a formula in a text",
        "a formula in an id",
        "a number stored as text",
        "a huge number",
        "merged cells",
        "a sheet that is there twice",
        "a misspelt column",
        "three correlations that cannot be",
        "a gap in the life table",
    ],
)
def test_a_file_says_the_same_as_its_cells(name: str, tmp_path: Path) -> None:
    book = good_book()
    ERRORS[name].edit(book)
    if name == "a sheet that is there twice":
        book.pages["COSTS "] = book.pages.pop("COSTS")  # Excel itself would refuse the same letters
    path = book.save(tmp_path)
    before = path.read_bytes()
    with pytest.raises(InputError) as caught:
        read_inputs(path)
    assert caught.value.problems == problems_of(book)
    assert path.read_bytes() == before


def damaged(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types")


def shortened(path: Path) -> None:
    content = shipped("calgb_100104").read_bytes()
    path.write_bytes(content[: len(content) // 2])


def scrambled(path: Path) -> None:
    content = bytearray(shipped("calgb_100104").read_bytes())
    content[2000:2400] = bytes(400)
    path.write_bytes(content)


def holding(member: str) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(member, "x")

    return make


FILES: dict[str, tuple[Callable[[Path], object], tuple[str, ...]]] = {
    "missing": (lambda path: None, ("does not exist", "Check the spelling")),
    "a folder": (lambda path: path.mkdir(), ("is a folder", "Name the workbook in it")),
    "empty": (lambda path: path.write_bytes(b""), ("is empty", "Save the workbook again")),
    "encrypted": (
        lambda path: path.write_bytes(bytes.fromhex("D0CF11E0A1B11AE1") + bytes(600)),
        ("is encrypted", "without a password"),
    ),
    "text": (lambda path: path.write_text("id,value\n"), ("is not an Excel workbook", "Save it as .xlsx")),
    "shortened": (shortened, ("is not an Excel workbook", "Save it as .xlsx")),
    "scrambled": (scrambled, ("is damaged and cannot be read", "Open it in Excel and save it again")),
    "damaged": (damaged, ("is damaged and cannot be read", "Open it in Excel and save it again")),
    "an archive": (lambda path: zipfile.ZipFile(path, "w").close(), ("is damaged and cannot be read",)),
    "a binary workbook": (holding("xl/workbook.bin"), ("is a binary workbook (.xlsb)", "Save it as .xlsx")),
    "an OpenDocument": (holding("content.xml"), ("is an OpenDocument file", "Save it as .xlsx")),
    "a Word document": (holding("word/document.xml"), ("is a Word document", "Save it as .xlsx")),
}


@pytest.mark.parametrize("name", FILES)
def test_what_is_no_workbook_is_refused_by_name(name: str, tmp_path: Path) -> None:
    make, words = FILES[name]
    path = tmp_path / NAME
    make(path)
    with pytest.raises(InputError) as caught:
        read_inputs(path)
    assert len(caught.value.problems) == 1
    for word in (NAME, *words):
        assert word in str(caught.value)


def test_a_sheet_of_charts_in_the_place_of_a_table_is_a_missing_sheet(tmp_path: Path) -> None:
    book = openpyxl.load_workbook(shipped("calgb_100104"))
    del book["Costs"]
    chart = BarChart()
    chart.add_data(Reference(book["Utilities"], min_col=3, min_row=5, max_row=8))
    book.create_chartsheet("Costs").add_chart(chart)
    book.save(tmp_path / NAME)
    with pytest.raises(InputError, match='sheet "Costs" is missing'):
        read_inputs(tmp_path / NAME)


def test_a_stray_cell_in_the_last_row_of_a_sheet_does_no_harm(tmp_path: Path) -> None:
    book = openpyxl.load_workbook(shipped("calgb_100104"))
    book["Costs"]["XFD1048576"] = " "
    book["Survival"]["A1048576"].number_format = "0.00"
    book.save(tmp_path / NAME)
    assert len(read_inputs(tmp_path / NAME).parameters) > 100


def test_a_formula_whose_value_is_an_empty_text_is_empty(tmp_path: Path) -> None:
    path, copy = tmp_path / NAME, good_book()
    _, (row, column) = copy.find(DEATH, "comment")
    book = openpyxl.load_workbook(shipped("calgb_100104"))
    book["Costs"].cell(row, column).value = '=IF(1=1,"","x")'
    book.save(path)
    with pytest.raises(InputError, match="never calculated"):
        read_inputs(path)
    _store_empty_result(path)
    assert read_inputs(path).parameters[DEATH].comment == ""


def _store_empty_result(path: Path) -> None:
    """Write what Excel writes beside a formula whose value is an empty text: the type of a text, and no text."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    (name,) = [name for name, content in members.items() if b"<f>IF(1=1" in content]
    before = members[name].index(b"<f>IF(1=1")
    start = members[name].rindex(b"<c ", 0, before)
    members[name] = members[name][:start] + b'<c t="str" ' + members[name][start + 3 :]
    with zipfile.ZipFile(path, "w") as archive:
        for member, content in members.items():
            archive.writestr(member, content)


def test_reading_leaves_a_matrix_of_ages_as_it_was() -> None:
    assert np.array_equal(good_book().read().life_table.ages, np.arange(101.0))

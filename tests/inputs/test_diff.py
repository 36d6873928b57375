"""What differs between two workbooks or reports: by id, with both values, sources and statuses."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from markov import base_case, read_inputs, write_report
from markov.inputs.comparison import Comparison, Difference, compare
from markov.inputs.parameters import with_values
from markov.inputs.problems import InputError
from markov.inputs.writing.template import shipped
from tests.inputs.rules.broken_inputs.editing import Book, good_book

HR = "os.hazard_ratio.lenalidomide"
CALGB = shipped("calgb_100104")


def compared(book: Book, folder: Path) -> Comparison:
    return compare(CALGB, book.save(folder))


def only(found: Comparison) -> Difference:
    (difference,) = found.differences
    return difference


def test_a_workbook_does_not_differ_from_itself_whatever_its_layout(tmp_path: Path) -> None:
    book = good_book()
    for title, page in book.pages.items():
        if title != "Cover":
            page.shift_rows(page.header_row + 2, 3)
            page.shift_rows(1, 1)
            page.shift_columns(2, 1)
    book.pages["My notes"] = good_book()["Costs"]
    book.put(HR, "another remark", "comment")
    found = compared(book, tmp_path)
    assert found.differences == ()
    assert found.compared > 350


@pytest.mark.parametrize(
    ("key", "header", "value"),
    [
        (HR, "value", 0.73),
        (HR, "low", 0.5),
        (HR, "distribution", "normal"),
        ("cost.event.death", "unit", "EUR per event"),
        ("cost.event.death", "price year", 2011),
        ("cost.event.death", "source", "another source"),
        ("cost.event.death", "status", "assumption"),
        ("cost.event.death", "group", "together"),
        ("utility.progression", "value set", "EQ-5D, US"),
        ("settings.correction", "value", "start"),
        (HR, "value", "0,73"),
        (HR, "value", None),
    ],
)
def test_one_field_that_differs_is_told_with_both_sides(key: str, header: str, value: object, tmp_path: Path) -> None:
    book = good_book()
    before = book.get(key, header)
    book.put(key, value, header)
    difference = only(compared(book, tmp_path))
    assert difference.name == key
    assert difference.fields == (header,)
    assert difference.first is not None
    assert difference.second is not None
    assert (difference.first[header], difference.second[header]) == (before, value)
    for side in (difference.first, difference.second):
        assert {"source", "status", "value", "unit"} <= set(side)


def test_rows_that_only_one_has_are_told(tmp_path: Path) -> None:
    book = good_book()
    book.remove("mortality.smr")
    book.add("Events", "treatment.planned_stop.lenalidomide", 24.0, "months")
    gone, added = compared(book, tmp_path).differences
    assert (gone.name, gone.second) == ("mortality.smr", None)
    assert (added.name, added.first) == ("treatment.planned_stop.lenalidomide", None)


def test_an_empty_value_and_its_default_are_told_apart_but_an_empty_distribution_is_fixed(tmp_path: Path) -> None:
    book = good_book()
    book.put("cohort.age", None, "distribution")
    assert compared(book, tmp_path).differences == (), "an empty distribution is fixed"
    book.put("settings.cycle_days", None)
    assert only(compared(book, tmp_path)).name == "settings.cycle_days"


def test_tables_are_compared_by_their_own_keys(tmp_path: Path) -> None:
    book = good_book()
    book.put("60", 0.5, "qx_male", "Life table")
    book.put("2011", 80.0, "index", "Price index")
    book.put("Generic prices", "brand", "value", "Scenarios")
    book.put("lenalidomide", 50.0, "value", "Trial results")
    book.put("lenalidomide", "no", "included", "Strategies")
    found = {difference.name: difference for difference in compared(book, tmp_path).differences}
    assert found["Life table · 60"].fields == ("qx_male",)
    assert found["Price index · 2011"].fields == ("index",)
    assert found["Scenarios · Generic prices · settings.price_set"].fields == ("value",)
    assert found["strategy.included.lenalidomide"].fields == ("value",)
    assert len(found) == 5


def test_a_second_row_of_an_id_is_not_lost(tmp_path: Path) -> None:
    book = good_book()
    book.add("Survival", HR, 0.9, "ratio")
    difference = only(compared(book, tmp_path))
    assert difference.name == f"{HR} (2)"
    assert difference.first is None


def test_parameters_come_before_tables_and_in_the_order_of_the_workbook(tmp_path: Path) -> None:
    book = good_book()
    book.put("60", 0.5, "qx_male", "Life table")
    book.put("utility.progression", 0.5)
    book.put("cohort.age", 60)
    names = [difference.name for difference in compared(book, tmp_path).differences]
    assert names == ["cohort.age", "utility.progression", "Life table · 60"]


# Reports -------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    inputs = with_values(read_inputs(CALGB), {HR: 0.73, "settings.price_set": "generic"})
    return write_report(base_case(inputs), folder / "calgb.report.xlsx")


def test_a_report_differs_from_its_workbook_where_its_run_did(report: Path) -> None:
    found = compare(CALGB, report)
    assert {difference.name for difference in found.differences} == {HR, "settings.price_set"}
    ratio = next(difference for difference in found.differences if difference.name == HR)
    assert ratio.fields == ("value",)
    assert ratio.first is not None
    assert ratio.second is not None
    assert (ratio.first["value"], ratio.second["value"]) == (0.61, 0.73)
    assert ratio.first["status"] == ratio.second["status"]
    assert found.compared > 80


def test_a_report_does_not_differ_from_itself_and_either_may_come_first(report: Path) -> None:
    assert compare(report, report).differences == ()
    first, second = compare(CALGB, report), compare(report, CALGB)
    assert {d.name for d in first.differences} == {d.name for d in second.differences}


def test_a_workbook_of_something_else_is_refused(tmp_path: Path) -> None:
    book = Book({"Sheet1": good_book()["Cover"]})
    with pytest.raises(InputError, match="neither an input workbook nor a report"):
        compare(CALGB, book.save(tmp_path))


# The command ---------------------------------------------------------------------------------------------------------


def diff(*arguments: object, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "COLUMNS": "200", "PYTHONIOENCODING": "utf-8"}
    command = [sys.executable, "-m", "markov", "diff", *map(str, arguments)]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120)


def test_diff_prints_both_values_sources_and_statuses(tmp_path: Path) -> None:
    book = good_book()
    book.put(HR, 0.73)
    book.put(HR, "Another, 2020", "source")
    book.put(HR, "assumption", "status")
    done = diff(CALGB, book.save(tmp_path), folder=tmp_path)
    assert done.returncode == 0, done.stderr
    head, first, second, last = done.stdout.splitlines()
    assert head == f"{HR}: value, source, status"
    assert "calgb_100104.xlsx" in first
    assert "0.61 ratio" in first
    assert "source: " in first
    assert "broken.xlsx" in second
    assert "0.73 ratio · status: assumption · source: Another, 2020" in second
    assert last.startswith("1 of ")


def test_diff_counts_what_would_fill_the_screen_and_lists_it_when_asked(tmp_path: Path) -> None:
    book = good_book()
    for age in range(40, 80):
        book.put(str(age), 0.5, "qx_male", "Life table")
    path = book.save(tmp_path)
    short, full = diff(CALGB, path, folder=tmp_path), diff(CALGB, path, "--all", folder=tmp_path)
    assert "Life table: 37 more rows differ; --all lists them." in short.stdout
    assert short.stdout.count("Life table ·") == 3
    assert full.stdout.count("Life table ·") == 40


def test_diff_says_that_nothing_differs(tmp_path: Path) -> None:
    done = diff(CALGB, good_book().save(tmp_path), folder=tmp_path)
    assert done.stdout.startswith("No difference in ")


def test_diff_of_what_is_no_workbook_ends_with_2(tmp_path: Path) -> None:
    done = diff(CALGB, "missing.xlsx", folder=tmp_path)
    assert done.returncode == 2
    assert "does not exist" in done.stderr
    assert "Traceback" not in done.stderr

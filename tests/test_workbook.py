"""Reading workbooks: what an analyst may do to one, and what is said, with its cell, of everything that is wrong.

The broken workbooks are made in code from a shipped one. Whatever happens, the file that was read is left as it was.
"""

import datetime
import shutil
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import openpyxl
import pytest
import xlsxwriter
from openpyxl.cell.cell import Cell
from openpyxl.workbook.workbook import Workbook
from openpyxl.worksheet.worksheet import Worksheet

from markov.inputs.parameters import Inputs
from markov.inputs.problems import InputError, Problem
from markov.inputs.template import shipped
from markov.inputs.workbook import read_inputs

NAME = "edited.xlsx"


@pytest.fixture
def book() -> Workbook:
    """The CALGB workbook, to be edited."""
    return openpyxl.load_workbook(shipped("calgb_100104"))


def headers(sheet: Worksheet) -> tuple[int, dict[str, int]]:
    """The header row of a sheet and the column of each header, counted from 1."""
    for row in sheet.iter_rows(max_row=10):
        found = {str(cell.value).strip().lower(): cell.column for cell in row if cell.value is not None}
        if len(found) > 2 or "age" in found or "year" in found:
            return int(row[0].row or 0), {name: column for name, column in found.items() if column is not None}
    raise AssertionError(sheet.title)


def cells_below(sheet: Worksheet, header: str) -> Iterator[Cell]:
    row, columns = headers(sheet)
    for number in range(row + 1, sheet.max_row + 1):
        cell = sheet.cell(number, columns[header])
        assert isinstance(cell, Cell)
        yield cell


def cell_of(book: Workbook, key: str, header: str = "value", sheet: str = "") -> Cell:
    """A cell by the id (or the first column) of its row, and its header; `sheet` where the id is not a parameter's."""
    for page in book.worksheets:
        if page.title != "Cover" and (page.title == sheet if sheet else page.title != "Scenarios"):
            columns = headers(page)[1]
            first = "id" if "id" in columns and page.title != "Scenarios" else next(iter(columns))
            for cell in cells_below(page, first):
                if str(cell.value) == key:
                    found = page.cell(cell.row, columns[header])
                    assert isinstance(found, Cell)
                    return found
    raise AssertionError(f"{key} stands nowhere")


def place(cell: Cell) -> str:
    return f"{NAME}, {cell.parent.title}!{cell.coordinate}"


Content = str | float | datetime.datetime | None


def append(book: Workbook, sheet: str, values: dict[str, Content]) -> int:
    """A new row below the last one; its number."""
    page = book[sheet]
    _, columns = headers(page)
    number = page.max_row + 1
    for header, value in values.items():
        page.cell(number, columns[header], value)
    return number


def read(book: Workbook, folder: Path, name: str = NAME) -> Inputs:
    """Save and read; the file is the same after reading as before."""
    path = folder / name
    book.save(path)
    before = path.read_bytes()
    try:
        return read_inputs(path)
    finally:
        assert path.read_bytes() == before, "reading changed the file"


def errors(book: Workbook, folder: Path) -> list[Problem]:
    with pytest.raises(InputError) as caught:
        read(book, folder)
    return [problem for problem in caught.value.problems if not problem.warning]


def assert_told(found: list[Problem], where: str, *words: str) -> None:
    """One problem stands at that place, and says all of this."""
    there = [str(problem) for problem in found if problem.place == where]
    assert len(there) == 1, f"at {where}: {there}\nof {[str(problem) for problem in found]}"
    for word in words:
        assert word in there[0], f"{word!r} is not in {there[0]!r}"


def contents(inputs: Inputs) -> dict[str, object]:
    """Everything that was read, without where it stood and what the file was called."""
    tables = (inputs.life_table, inputs.population_utility)
    return {
        "title": inputs.title,
        "strategies": [replace(strategy, cell="") for strategy in inputs.strategies],
        "parameters": {key: replace(row, cell="") for key, row in inputs.parameters.items()},
        "tables": [[values.tolist() for values in (table.ages, table.male, table.female)] for table in tables],
        "index": inputs.price_index,
        "results": [replace(result, cell="") for result in inputs.trial_results],
        "scenarios": [replace(change, cell="") for change in inputs.scenarios],
        "log": inputs.changes,
    }


def assert_unchanged(found: Inputs, calgb: Inputs) -> None:
    mine, theirs = contents(found), contents(calgb)
    for key, value in theirs.items():
        assert mine[key] == value, key


# What an analyst may do ----------------------------------------------------------------------------------------------


def test_rows_may_be_inserted_anywhere(book: Workbook, tmp_path: Path, calgb: Inputs) -> None:
    for page in book.worksheets[1:]:
        row, _ = headers(page)
        page.insert_rows(row + 2, 3)
        page.insert_rows(1, 2)
    found = read(book, tmp_path)
    assert_unchanged(found, calgb)
    assert found.parameters["cohort.age"].cell != calgb.parameters["cohort.age"].cell


def test_every_value_remembers_the_cell_it_moved_to(book: Workbook, tmp_path: Path) -> None:
    page = book["Survival"]
    page.insert_cols(1, 2)
    page.insert_rows(5)
    cell = cell_of(book, "os.hazard_ratio.lenalidomide")
    found = read(book, tmp_path)
    assert found.parameters["os.hazard_ratio.lenalidomide"].cell == f"Survival!{cell.coordinate}"


def test_columns_may_stand_in_another_order(book: Workbook, tmp_path: Path, calgb: Inputs) -> None:
    for page in book.worksheets[1:]:
        row, columns = headers(page)
        last = max(columns.values())
        for number in range(row, page.max_row + 1):
            values = [page.cell(number, column).value for column in range(1, last + 1)]
            for column, value in enumerate(reversed(values), start=1):
                page.cell(number, column).value = value
    found, expected = contents(read(book, tmp_path)), contents(calgb)
    expected["log"] = tuple(tuple(reversed(entry)) for entry in calgb.changes)
    assert found == expected


def test_extra_sheets_columns_and_blanks_are_ignored(book: Workbook, tmp_path: Path, calgb: Inputs) -> None:
    notes = book.create_sheet("My notes", 0)
    notes["A1"], notes["B7"], notes["C9"] = "id", "value", 3.0
    for page in book.worksheets[2:]:
        row, columns = headers(page)
        page.cell(row, max(columns.values()) + 2, "checked by")
        page.cell(row + 1, max(columns.values()) + 2, "AB")
        page.cell(page.max_row + 3, 1, "   ")
        page.cell(page.max_row + 40, 2, "\t ")
    assert_unchanged(read(book, tmp_path), calgb)


def test_headers_sheet_names_and_texts_may_carry_blanks_and_capitals(
    book: Workbook, tmp_path: Path, calgb: Inputs
) -> None:
    for page in book.worksheets[1:]:
        row, columns = headers(page)
        for name, column in columns.items():
            page.cell(row, column).value = f" {name.upper()} "
    cell_of(book, "settings.correction").value = " half_cycle  "
    cell_of(book, "pfs.family.lenalidomide", "id").value = "  pfs.family.lenalidomide "
    book["Survival"].title = "SURVIVAL "
    assert_unchanged(read(book, tmp_path), calgb)


def test_a_cell_formatted_as_a_percentage_holds_its_fraction(book: Workbook, tmp_path: Path) -> None:
    cell = cell_of(book, "toxicity.proportion.lenalidomide")
    cell.value, cell.number_format = 0.12, "0.0 %"
    assert read(book, tmp_path).value("toxicity.proportion.lenalidomide") == 0.12


@pytest.mark.parametrize("macros", [False, True])
def test_a_workbook_may_be_an_xlsm(macros: bool, tmp_path: Path, calgb: Inputs) -> None:
    path = tmp_path / "model.xlsm"
    if not macros:
        shutil.copy(shipped("calgb_100104"), path)
    else:
        sheet = b"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"
        macro = b"application/vnd.ms-excel.sheet.macroEnabled.main+xml"
        with zipfile.ZipFile(shipped("calgb_100104")) as source, zipfile.ZipFile(path, "w") as target:
            for member in source.namelist():
                target.writestr(member, source.read(member).replace(sheet, macro))
            target.writestr("xl/vbaProject.bin", b"no macro is ever run")
    assert_unchanged(read_inputs(path), calgb)


def test_formulas_are_read_as_the_values_that_excel_left_beside_them(
    book: Workbook, tmp_path: Path, calgb: Inputs
) -> None:
    formulas = {
        cell_of(book, "os.hazard_ratio.lenalidomide").coordinate: ("=1-0.39", 0.61),
        cell_of(book, "pfs.family.lenalidomide").coordinate: ('=LOWER("GENERALISED_F")', "generalised_f"),
    }
    path = tmp_path / NAME
    with xlsxwriter.Workbook(path) as written:
        for page in book.worksheets:
            sheet = written.add_worksheet(page.title)
            for row in page.iter_rows():
                for cell in row:
                    if page.title == "Survival" and cell.coordinate in formulas:
                        formula, value = formulas[cell.coordinate]
                        sheet.write_formula(cell.coordinate, formula, None, value)
                    elif cell.value is not None:
                        sheet.write(cell.coordinate, cell.value)
    assert_unchanged(read_inputs(path), calgb)


def test_empty_cells_take_the_schemas_defaults(book: Workbook, tmp_path: Path) -> None:
    for identifier in ("settings.cycle_days", "settings.correction", "mortality.smr"):
        cell_of(book, identifier).value = None
    found = read(book, tmp_path)
    assert [found.value(key) for key in ("settings.cycle_days", "settings.correction", "mortality.smr")] == [
        28.0,
        "half_cycle",
        1.0,
    ]


# One cell that cannot be what it is ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Broken:
    """A value put into one cell, and the words that have to be said of it, rule, finding and remedy."""

    key: str
    value: Content
    words: tuple[str, ...]
    header: str = "value"
    sheet: str = ""
    told_at: str = ""  # the header of the cell that is named, where it is another one


HAZARD_RATIO, STOPPED, DEATH = "os.hazard_ratio.lenalidomide", "toxicity.proportion.lenalidomide", "cost.event.death"
NEEDS = f"{HAZARD_RATIO} needs a number"

ONE_CELL: dict[str, Broken] = {
    "a decimal comma": Broken(HAZARD_RATIO, "0,57", (NEEDS, 'found "0,57"', "Write 0.57", "point")),
    "a percentage as text": Broken(STOPPED, "12 %", ("needs a number", 'found "12 %"', "Write 0.12", "percentage")),
    "a percentage of costs": Broken("settings.discount_rate.costs", "5 %", ("needs a number", "Write 0.05")),
    "a percentage with a comma": Broken(STOPPED, "12,5%", ("needs a number", "Write 0.125", "type 12.5%")),
    "a number stored as text": Broken(HAZARD_RATIO, "0.61", (NEEDS, "stored as text", "type it again")),
    "words": Broken(HAZARD_RATIO, "about 0.6", (NEEDS, 'found "about 0.6"', "Write a number, or leave")),
    "a date": Broken(HAZARD_RATIO, datetime.datetime(2026, 6, 1), (NEEDS, "the date 2026-06-01", "as a number")),
    "true": Broken(HAZARD_RATIO, True, (NEEDS, "True", "Write a number")),
    "a broken reference": Broken(HAZARD_RATIO, "#REF!", (NEEDS, 'found "#REF!"', "Mend the formula")),
    "a division by zero": Broken(HAZARD_RATIO, "#DIV/0!", (NEEDS, 'found "#DIV/0!"', "Mend the formula")),
    "a formula": Broken(HAZARD_RATIO, "=1-0.39", (NEEDS, "never calculated", "Open the workbook in Excel")),
    "a formula in a choice": Broken(
        "pfs.family.lenalidomide", '=LOWER("WEIBULL")', ("never calculated", "Open the workbook in Excel")
    ),
    "a broken reference in a choice": Broken("pfs.family.lenalidomide", "#REF!", ('found "#REF!"', "Mend the formula")),
    "a formula in a text": Broken("settings.population", '="Adults"', ("never calculated", "Open the workbook")),
    "a broken reference in a text": Broken("settings.population", "#REF!", ('found "#REF!"', "Mend the formula")),
    "a required number that is text": Broken("cohort.age", "58,5", ("cohort.age needs a number", "Write 58.5")),
    "a required number that is empty": Broken("cohort.age", None, ("cohort.age has no value", "Fill it")),
    "52 for a proportion": Broken(STOPPED, 52, (f"{STOPPED} must be at most 1", 'found "52"', "Write 0.52", "52 %")),
    "520 for a proportion": Broken(STOPPED, 520, ("must be at most 1", 'found "520"', "Mend the value or its unit")),
    "a negative cost": Broken(DEATH, -5.0, (f"{DEATH} must be at least 0", 'found "-5"', "Mend the value")),
    "a hazard ratio of 0": Broken(HAZARD_RATIO, 0, (f"{HAZARD_RATIO} must be above 0", 'found "0"')),
    "a positive decrement": Broken("adverse_event.disutility.infection", 0.16, ("must be at most 0", 'found "0.16"')),
    "a period of 0": Broken("toxicity.period.lenalidomide", 0, ("must be above 0", 'found "0"')),
    "packs of nothing": Broken("product.units_per_pack.lenalidomide_10mg", 0, ("must be above 0", 'found "0"')),
    "an unknown choice": Broken(
        "settings.correction", "halfcycle", ('"halfcycle"', "Choose one of: half_cycle, start")
    ),
    "an unknown unit": Broken(
        DEATH, "EUR per event", ("unknown unit", "EUR per event", "Write one of: GBP per event"), "unit", "", "value"
    ),
    "no unit": Broken(HAZARD_RATIO, None, ("unknown unit", "Write one of: ratio"), "unit", "", "value"),
    "an unknown id": Broken(
        "pfs.mu.lenalidomide",
        "pfs.muh.lenalidomide",
        ("the model knows no such id", '"pfs.muh.lenalidomide"', "Did you mean pfs.mu.lenalidomide?"),
        "id",
    ),
    "an ill-formed id": Broken(
        "os.median.no_maintenance", "OS median", ("not a well-formed id", '"OS median"', "small words"), "id"
    ),
    "no id": Broken("os.shape.no_maintenance", None, ("the row has no id", "Write its id"), "id"),
    "an id of no strategy": Broken(
        HAZARD_RATIO,
        "os.hazard_ratio.bortezomib",
        ("belongs to no strategy", "Strategies are no_maintenance, lenalidomide"),
        "id",
    ),
    "an id that is given already": Broken(
        "cost.monitoring.lenalidomide",
        DEATH,
        (f"{DEATH} is already given at Costs!C", "Keep one of the two rows"),
        "id",
    ),
    "a negative standard error": Broken(DEATH, -1.0, ("standard error", "below 0", 'found "-1"'), "se", "", "value"),
    "limits that trade places": Broken(HAZARD_RATIO, 0.2, ("low limit", "above the high", "Swap"), "high", "", "value"),
    "a standard error that is text": Broken(DEATH, "1,5", (f"se of {DEATH} needs a number", "Write 1.5"), "se"),
    "an unknown distribution": Broken(
        DEATH, "lognormal", ("unknown distribution", '"lognormal"', "Choose one of: fixed"), "distribution", "", "value"
    ),
    "an unknown status": Broken(DEATH, "checked", ("evidence statuses", '"checked"'), "status", "", "value"),
    "a price year that the index has not": Broken(
        DEATH, 2015, ("no year 2015", DEATH, "Add it to Price index"), "price year", "", "value"
    ),
    "a currency in words": Broken("settings.currency", "pounds", ("three-letter code", '"pounds"', "Write GBP")),
    "thresholds in words": Broken("settings.thresholds", "20 to 30", ("list of numbers", 'Separate them by ";"')),
    "thresholds that fall": Broken("settings.thresholds", "35000; 25000", ("rising numbers", "Put them in order")),
    "a reference that is not compared": Broken(
        "settings.reference", "thalidomide", ("not an included strategy", "no_maintenance, lenalidomide")
    ),
    "a horizon of nothing": Broken("settings.horizon_years", 0, ("a horizon of zero has no results", "Lengthen it")),
    "an age beyond the horizon": Broken("cohort.age", 101, ("ends at age 100", "Give settings.horizon_years")),
    "a probability of death of 1": Broken(
        "100", 1.0, ("at age 100", "between 0 and 1", 'found "1"'), "qx_male", "Life table", "first age"
    ),
    "a probability that is text": Broken(
        "60", "0,01", ("qx_male in Life table", "Write 0.01"), "qx_male", "Life table"
    ),
    "a probability that is missing": Broken("60", None, ("qx_male is empty", "both sexes"), "qx_male", "Life table"),
    "an index of 0": Broken("2011", 0, ("an index is above 0", 'found "0', "Mend it"), "index", "Price index"),
    "a strategy's id of two words": Broken(
        "lenalidomide", "Lenalidomide 10", ("id is a short word", "small letters"), "id", "Strategies"
    ),
    "a strategy that is neither in nor out": Broken(
        "lenalidomide", "maybe", ("not one of its choices", "Choose one of: yes, no"), "included", "Strategies"
    ),
    "a trial result of no strategy": Broken(
        "lenalidomide", "len", ("belongs to no strategy", '"len"'), "strategy", "Trial results", "value"
    ),
    "a measure that the model has not": Broken(
        "lenalidomide", "hazard", ("cannot set this measure", "os median"), "measure", "Trial results", "value"
    ),
    "a trial result without a value": Broken(
        "lenalidomide", None, ("has no value", "Fill or clear the row"), "value", "Trial results"
    ),
    "a scenario of an unknown id": Broken(
        "Generic prices", "settings.prices", ("unknown id", "settings.price"), "id", "Scenarios"
    ),
    "a scenario of no strategy": Broken(
        "Weibull PFS",
        "pfs.family.len",
        ("names a strategy that does not exist", "pfs.family.len"),
        "id",
        "Scenarios",
        "value",
    ),
    "a scenario with an impossible choice": Broken(
        "Generic prices", "free", ("settings.price_set is not one of its choices", '"free"'), "value", "Scenarios"
    ),
    "a scenario with a decimal comma": Broken(
        "Horizon 10 years", "10,5", ("settings.horizon_years in scenario", "Write 10.5"), "value", "Scenarios"
    ),
    "a scenario without a name": Broken("Generic prices", None, ("has no name",), "scenario", "Scenarios", "value"),
}


@pytest.mark.parametrize("name", ONE_CELL)
def test_what_is_wrong_in_one_cell_is_said_once_with_its_place_rule_and_remedy(
    name: str, book: Workbook, tmp_path: Path
) -> None:
    case = ONE_CELL[name]
    cell = cell_of(book, case.key, case.header, case.sheet)
    told_at = cell
    if case.told_at == "first age":
        told_at = next(cells_below(book[case.sheet], "age"))
    elif case.told_at:
        told_at = cell_of(book, case.key, case.told_at, case.sheet)
    cell.value = case.value
    assert_told(errors(book, tmp_path), place(told_at), *case.words)


# Values that do not go together --------------------------------------------------------------------------------------

Edit = Callable[[Workbook], str]


def put(book: Workbook, key: str, value: Content) -> str:
    cell = cell_of(book, key)
    cell.value = value
    return place(cell)


def add(book: Workbook, sheet: str, identifier: str, value: Content, unit: str | None = None) -> str:
    row = append(
        book, sheet, {"id": identifier, "value": value, "unit": unit, "source": "test", "status": "assumption"}
    )
    return f"{NAME}, {sheet}!C{row}"


def both_median_and_scale(book: Workbook) -> str:
    add(book, "Survival", "os.scale.no_maintenance", 110.0, "months")
    return place(cell_of(book, "os.median.no_maintenance"))


def a_circle(book: Workbook) -> str:
    put(book, "os.family.no_maintenance", "hazard_ratio")
    add(book, "Survival", "os.hazard_ratio.no_maintenance", 1.2, "ratio")
    add(book, "Survival", "os.reference.no_maintenance", "lenalidomide")
    for end in ("start", "end"):
        put(book, f"os.waning_{end}.lenalidomide", None)
    return place(cell_of(book, "os.reference.lenalidomide"))


def own_reference(book: Workbook) -> str:
    for end in ("start", "end"):
        put(book, f"os.waning_{end}.lenalidomide", None)
    return put(book, "os.reference.lenalidomide", "lenalidomide")


def stops_before_it_starts(book: Workbook) -> str:
    add(book, "Events", "treatment.start.lenalidomide", 12.0, "months")
    return add(book, "Events", "treatment.planned_stop.lenalidomide", 6.0, "months")


def wanes_backwards(book: Workbook) -> str:
    return put(book, "os.waning_end.lenalidomide", 60.0)


def wanes_for_ever(book: Workbook) -> str:
    return put(book, "os.waning_end.lenalidomide", None)


def courses_and_months(book: Workbook) -> str:
    add(book, "Subsequent therapy", "subsequent.share.next.lenalidomide", 0.5, "proportion")
    add(book, "Subsequent therapy", "subsequent.cost.next", 30000.0, "GBP per course")
    return place(cell_of(book, "subsequent.monthly_cost.lenalidomide"))


def too_many_courses(book: Workbook) -> str:
    put(book, "subsequent.monthly_cost.lenalidomide", 0.0)
    add(book, "Subsequent therapy", "subsequent.cost.next", 30000.0, "GBP per course")
    add(book, "Subsequent therapy", "subsequent.cost.other", 20000.0, "GBP per course")
    first = add(book, "Subsequent therapy", "subsequent.share.next.lenalidomide", 0.7, "proportion")
    add(book, "Subsequent therapy", "subsequent.share.other.lenalidomide", 0.6, "proportion")
    return first


def a_course_without_a_cost(book: Workbook) -> str:
    put(book, "subsequent.monthly_cost.lenalidomide", 0.0)
    return add(book, "Subsequent therapy", "subsequent.share.next.lenalidomide", 0.7, "proportion")


def mixed_value_sets(book: Workbook) -> str:
    cell_of(book, "utility.progression", "value set").value = "EQ-5D, US"
    return f"{NAME}, Utilities"


def both_rate_and_proportion(book: Workbook) -> str:
    return add(book, "Events", "toxicity.rate.lenalidomide", 0.01, "per month")


def both_median_and_other_stops(book: Workbook) -> str:
    add(book, "Events", "treatment.median_duration.lenalidomide", 24.0, "months")
    return add(book, "Events", "treatment.other_stop_rate.lenalidomide", 0.01, "per month")


def a_gap_in_the_life_table(book: Workbook) -> str:
    page = book["Life table"]
    page.delete_rows(cell_of(book, "77", "age", "Life table").row)
    return place(next(cells_below(page, "age")))


def a_life_table_for_the_old(book: Workbook) -> str:
    page = book["Life table"]
    row, _ = headers(page)
    page.delete_rows(row + 1, 70)
    return f"{NAME}, Life table"


def an_empty_life_table(book: Workbook) -> str:
    page = book["Life table"]
    row, _ = headers(page)
    page.delete_rows(row + 1, page.max_row)
    return f"{NAME}, Life table"


def a_spline_without_coefficients(book: Workbook) -> str:
    put(book, "pfs.family.lenalidomide", "spline_odds")
    for name, value, unit in (("gamma0", -4.0, "number"), ("gamma1", 1.2, "number")):
        add(book, "Survival", f"pfs.{name}.lenalidomide", value, unit)
    return add(book, "Survival", "pfs.knots.lenalidomide", "3; 12; 40")


def an_initial_dose_of_nothing(book: Workbook) -> str:
    add(book, "Drugs and dosing", "dose.initial_intervals.lenalidomide_10mg.lenalidomide", 2, "count")
    return f"{NAME}, Drugs and dosing"


def an_unknown_route(book: Workbook) -> str:
    put(book, "dose.route.lenalidomide_10mg.lenalidomide", "orall")
    return f"{NAME}, Costs"


def a_scenario_that_says_it_twice(book: Workbook) -> str:
    values: dict[str, Content] = {"scenario": "Generic prices", "id": "settings.price_set", "value": "brand"}
    append(book, "Scenarios", values)
    return place(cell_of(book, "Generic prices", "value", "Scenarios"))


def a_scenario_that_breaks_a_rule(book: Workbook) -> str:
    cell = cell_of(book, "Horizon 10 years", "value", "Scenarios")
    cell.value = 0
    return place(cell)


def a_strategy_without_rows(book: Workbook) -> str:
    append(book, "Strategies", {"id": "bortezomib", "label": "Bortezomib", "included": "yes"})
    return f"{NAME}, Survival"


TOGETHER: dict[str, tuple[Edit, tuple[str, ...]]] = {
    "median and scale": (both_median_and_scale, ("os.median", "os.scale", "both given", "Clear one")),
    "rate and proportion": (both_rate_and_proportion, ("toxicity.rate", "toxicity.proportion", "both given")),
    "median duration and a rate": (both_median_and_other_stops, ("other_stop_rate", "median_duration", "both given")),
    "a circular reference": (a_circle, ("leads back to itself", "Break the circle")),
    "its own reference": (own_reference, ("leads back to itself", "Break the circle")),
    "a stop before the start": (stops_before_it_starts, ("is before treatment.start", "6.0 before 12.0", "Mend")),
    "waning that ends before it begins": (wanes_backwards, ("is before os.waning_start", "60.0 before 84.0")),
    "waning without an end": (wanes_for_ever, ("os.waning_end.lenalidomide has no value", "Fill it")),
    "courses and a monthly cost": (courses_and_months, ("as courses and as a cost per month", "Clear one")),
    "more than all courses": (too_many_courses, ("sum to more than 1", 'found "1.3"', "Lower one")),
    "a course without a cost": (a_course_without_a_cost, ("course next has no cost", "Add its row")),
    "two value sets": (mixed_value_sets, ("mix value sets", "EQ-5D, UK at Utilities!C", "EQ-5D, US at", "Use one set")),
    "a gap in the life table": (a_gap_in_the_life_table, ("every whole year", "76 then 78", "Fill the gap")),
    "a life table that starts late": (a_life_table_for_the_old, ("starts above the cohort's age of 58", "younger")),
    "an empty life table": (an_empty_life_table, ("Life table has no rows", "Copy the table")),
    "a spline without coefficients": (a_spline_without_coefficients, ("3 knots", "gamma0 to gamma2", "coefficients")),
    "an initial dose without its amount": (an_initial_dose_of_nothing, ("dose.initial_amount", "has no value")),
    "a route that nothing is charged for": (an_unknown_route, ("cost.administration.orall has no value",)),
    "a scenario that says it twice": (a_scenario_that_says_it_twice, ("changes an id twice", "Keep one row")),
    "a scenario that breaks a rule": (a_scenario_that_breaks_a_rule, ('"Horizon 10 years"', "horizon of zero")),
}


@pytest.mark.parametrize("name", TOGETHER)
def test_values_that_do_not_go_together_are_said_with_their_place_and_remedy(
    name: str, book: Workbook, tmp_path: Path
) -> None:
    edit, words = TOGETHER[name]
    where = edit(book)
    assert_told(errors(book, tmp_path), where, *words)


def test_a_strategy_without_rows_lists_all_that_it_needs(book: Workbook, tmp_path: Path) -> None:
    where = a_strategy_without_rows(book)
    rules = [problem.rule for problem in errors(book, tmp_path) if "bortezomib" in problem.rule]
    for identifier in ("pfs.family", "os.family", "treatment.share_starting", "spm.rate_off_treatment"):
        assert f"{identifier}.bortezomib has no value" in rules
    assert where == f"{NAME}, Survival"


@pytest.mark.parametrize("family", ["weibull", "log_logistic", "gamma"])
def test_a_shape_below_0_belongs_to_a_gompertz_alone(family: str, book: Workbook, tmp_path: Path) -> None:
    put(book, "os.family.no_maintenance", family)
    where = put(book, "os.shape.no_maintenance", -0.4)
    assert_told(errors(book, tmp_path), where, "os.shape.no_maintenance", "above 0", '"-0.4"')


def test_a_gompertz_may_have_a_shape_below_0(book: Workbook, tmp_path: Path) -> None:
    put(book, "os.family.no_maintenance", "gompertz")
    put(book, "os.shape.no_maintenance", -0.001)
    assert read(book, tmp_path).value("os.shape.no_maintenance") == -0.001


# Sheets, headers and files -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sheet", ["Survival", "Life table", "Scenarios", "Utilities"])
def test_a_missing_sheet_is_named(sheet: str, book: Workbook, tmp_path: Path) -> None:
    del book[sheet]
    found = [problem for problem in errors(book, tmp_path) if problem.place == NAME]
    assert f'{NAME}: sheet "{sheet}" is missing. Copy it from a blank workbook.' in [str(p) for p in found]


@pytest.mark.parametrize(("sheet", "header"), [("Survival", "value"), ("Costs", "unit"), ("Life table", "qx_female")])
def test_a_missing_column_is_named(sheet: str, header: str, book: Workbook, tmp_path: Path) -> None:
    row, columns = headers(book[sheet])
    book[sheet].cell(row, columns[header]).value = "something else"
    found = [str(problem) for problem in errors(book, tmp_path)]
    assert f'{NAME}, {sheet}: column "{header}" is missing. Copy the header row from a blank workbook.' in found


@pytest.mark.parametrize("version", [0, 2, "1.0", None])
def test_a_workbook_of_another_schema_is_refused_by_its_version(
    version: Content, book: Workbook, tmp_path: Path
) -> None:
    label = next(cell for row in book["Cover"].iter_rows() for cell in row if cell.value == "Schema version")
    cell = book["Cover"].cell(label.row, int(label.column or 0) + 1)
    cell.value = version
    where = f"{NAME}, Cover!{cell.coordinate}" if version is not None else f"{NAME}, Cover"
    assert_told(errors(book, tmp_path), where, "this program reads schema version 1", 'Write 1 beside "Schema version"')


def damaged(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types")


FILES: dict[str, tuple[Callable[[Path], object], tuple[str, ...]]] = {
    "missing": (lambda path: None, ("does not exist", "Check the spelling")),
    "a folder": (lambda path: path.mkdir(), ("is a folder", "Name the workbook in it")),
    "empty": (lambda path: path.write_bytes(b""), ("is empty", "Save the workbook again")),
    "encrypted": (
        lambda path: path.write_bytes(bytes.fromhex("D0CF11E0A1B11AE1") + bytes(600)),
        ("is encrypted", "without a password"),
    ),
    "text": (lambda path: path.write_text("id,value\n"), ("is not an Excel workbook", "Save it as .xlsx")),
    "damaged": (damaged, ("is damaged and cannot be read", "Open it in Excel and save it again")),
    "an archive": (lambda path: zipfile.ZipFile(path, "w").close(), ("is damaged and cannot be read",)),
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


# Everything at once, and warnings ------------------------------------------------------------------------------------


def test_all_problems_are_told_at_once(book: Workbook, tmp_path: Path) -> None:
    places = [
        put(book, HAZARD_RATIO, "0,57"),
        put(book, STOPPED, 52),
        put(book, "settings.correction", "halfway"),
        place(cell_of(book, DEATH)),
        place(cell_of(book, "pfs.mu.lenalidomide", "id")),
        f"{NAME}, Life table",
        place(cell_of(book, "Generic prices", "id", "Scenarios")),
    ]
    cell_of(book, DEATH, "unit").value = "EUR per event"
    cell_of(book, "pfs.mu.lenalidomide", "id").value = "pfs.muh.lenalidomide"
    cell_of(book, "Generic prices", "id", "Scenarios").value = "settings.prices"
    row, columns = headers(book["Life table"])
    book["Life table"].cell(row, columns["qx_male"]).value = "men"
    found = errors(book, tmp_path)
    for where in places:
        assert [problem for problem in found if problem.place == where], where
    told = str(InputError(found))
    assert told.count("\n") == len(found) - 1, "a line for each"


def test_rules_between_values_are_told_at_once_too(book: Workbook, tmp_path: Path) -> None:
    edits = (both_median_and_scale, wanes_backwards, courses_and_months, mixed_value_sets, both_rate_and_proportion)
    places = [edit(book) for edit in edits]
    assert {problem.place for problem in errors(book, tmp_path)} == set(places)


def test_doubtful_values_are_warnings_with_their_cells_and_the_workbook_is_read(book: Workbook, tmp_path: Path) -> None:
    unusual = put(book, "cohort.age", 96)
    unsourced = cell_of(book, DEATH, "source")
    unsourced.value = None
    outside = put(book, HAZARD_RATIO, 0.9)
    lonely = cell_of(book, "cost.event.spm_solid", "distribution")
    lonely.value = "fixed"
    told = {str(warning) for warning in read(book, tmp_path).warnings}
    for where, words in (
        (unusual, "cohort.age usually lies between 18 and 95"),
        (place(cell_of(book, DEATH)), f"{DEATH} has no source"),
        (outside, f"the value of {HAZARD_RATIO} is outside its interval"),
        (place(cell_of(book, "cost.event.spm_solid")), "has a standard error but no distribution"),
    ):
        assert [warning for warning in told if warning.startswith(f"{where}: ") and words in warning], words


def test_reading_twice_gives_the_same_and_the_hash_of_the_file(calgb: Inputs) -> None:
    import hashlib

    again = read_inputs(str(shipped("calgb_100104")))
    assert_unchanged(again, calgb)
    assert again.sha256 == hashlib.sha256(shipped("calgb_100104").read_bytes()).hexdigest()
    np.testing.assert_array_equal(again.life_table.male, calgb.life_table.male)

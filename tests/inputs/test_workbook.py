"""Reading workbooks: what an analyst may do to one. Whatever happens, the file that was read is left as it was.

What is said of broken workbooks stands in `test_broken_workbooks.py`.
"""

import datetime
import shutil
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import openpyxl
import pytest
import xlsxwriter
from openpyxl.cell.cell import Cell
from openpyxl.workbook.workbook import Workbook

from markov.inputs.parameters import Inputs
from markov.inputs.problems import InputError
from markov.inputs.workbook import read_inputs
from markov.inputs.writing.template import shipped
from tests.support.workbooks import cells_below, contents, headers

NAME = "edited.xlsx"


@pytest.fixture
def book() -> Workbook:
    """The CALGB workbook, to be edited."""
    return openpyxl.load_workbook(shipped("calgb_100104"))


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


Content = str | float | datetime.datetime | None


def read(book: Workbook, folder: Path, name: str = NAME) -> Inputs:
    """Save and read; the file is the same after reading as before."""
    path = folder / name
    book.save(path)
    before = path.read_bytes()
    try:
        return read_inputs(path)
    finally:
        assert path.read_bytes() == before, "reading changed the file"


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


# What is not refused --------------------------------------------------------------------------------------------------


def test_a_gompertz_may_have_a_shape_below_0(book: Workbook, tmp_path: Path) -> None:
    cell_of(book, "os.family.no_maintenance").value = "gompertz"
    cell_of(book, "os.shape.no_maintenance").value = -0.001
    assert read(book, tmp_path).value("os.shape.no_maintenance") == -0.001


@pytest.mark.parametrize("version", [1, 2])
def test_workbooks_of_both_schemas_are_read(version: int, book: Workbook, tmp_path: Path, calgb: Inputs) -> None:
    book["Cover"]["B3"] = version
    assert_unchanged(read(book, tmp_path), calgb)


def test_a_workbook_of_schema_1_has_no_sheets_of_evidence(book: Workbook, tmp_path: Path, calgb: Inputs) -> None:
    book["Cover"]["B3"] = 1
    for sheet in ("Kaplan-Meier", "Curve choice", "Evidence network", "Correlations"):
        del book[sheet]
    found = read(book, tmp_path)
    assert_unchanged(found, replace(calgb, curve_points=(), curve_choices=(), network=(), correlations=()))


def test_a_comma_in_the_name_of_the_file_is_no_part_of_a_cell(tmp_path: Path, calgb: Inputs) -> None:
    path = tmp_path / "model, final version.xlsx"
    shutil.copy(shipped("calgb_100104"), path)
    assert read_inputs(path).parameters["cohort.age"].cell == calgb.parameters["cohort.age"].cell


def test_a_file_that_may_not_be_read_is_bad_input(
    book: Workbook, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(path: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    book.save(tmp_path / NAME)
    monkeypatch.setattr(Path, "read_bytes", refused)
    with pytest.raises(InputError, match=r"cannot be read \(Permission denied\)"):
        read_inputs(tmp_path / NAME)


def test_reading_twice_gives_the_same_and_the_hash_of_the_file(calgb: Inputs) -> None:
    import hashlib

    again = read_inputs(str(shipped("calgb_100104")))
    assert_unchanged(again, calgb)
    assert again.sha256 == hashlib.sha256(shipped("calgb_100104").read_bytes()).hexdigest()
    np.testing.assert_array_equal(again.life_table.male, calgb.life_table.male)

"""The input workbooks that the program writes: the shipped ones, blank ones, and any that was read and written."""

import csv
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

import openpyxl
import pytest
from openpyxl.cell.cell import Cell
from openpyxl.workbook.workbook import Workbook
from openpyxl.worksheet.worksheet import Worksheet

from markov.inputs.definitions.schema import PARAMETER_SHEETS, Sheet, match
from markov.inputs.parameters import Inputs
from markov.inputs.problems import InputError
from markov.inputs.workbook import read_inputs, read_sheets
from markov.inputs.writing.sources import CoverText, read_sources, sources_folder
from markov.inputs.writing.template import blank_sheets, build, shipped, worked_names, write_workbook
from tests.support.workbooks import cells_below, contents, headers

every_workbook = pytest.mark.parametrize("name", worked_names())


def loaded(name: str) -> Workbook:
    return openpyxl.load_workbook(shipped(name))


def value_cells(book: Workbook) -> Iterator[tuple[str, Cell]]:
    """Every row of the parameter sheets: its id and its value cell."""
    for sheet in PARAMETER_SHEETS:
        page = book[sheet.value]
        column = headers(page)[1]["value"]
        for cell in cells_below(page, "id"):
            found = page.cell(cell.row, column)
            assert isinstance(found, Cell)
            yield str(cell.value), found


# Shipped workbooks ---------------------------------------------------------------------------------------------------


def test_two_decision_problems_are_shipped() -> None:
    assert {"calgb_100104", "myeloma_ix"} <= set(worked_names())


@every_workbook
def test_shipped_workbooks_are_what_their_sources_build(name: str, tmp_path: Path) -> None:
    build(sources_folder() / name, tmp_path / "built.xlsx")
    mine, theirs = loaded(name), openpyxl.load_workbook(tmp_path / "built.xlsx")
    assert mine.sheetnames == theirs.sheetnames
    for page in mine.worksheets:
        other = theirs[page.title]
        assert page.dimensions == other.dimensions
        values = [[cell.value for cell in row] for row in page.iter_rows()]
        assert values == [[cell.value for cell in row] for row in other.iter_rows()], page.title
        rules = [(str(rule.sqref), rule.type, rule.formula1) for rule in page.data_validations.dataValidation]
        assert rules == [(str(r.sqref), r.type, r.formula1) for r in other.data_validations.dataValidation]
    names = {key: name.attr_text for key, name in mine.defined_names.items()}
    assert names == {key: name.attr_text for key, name in theirs.defined_names.items()}


@every_workbook
def test_every_value_of_the_sources_is_read_back(name: str) -> None:
    # The CSV files are read here with nothing but the csv module; later rows replace those of the folders included.
    folder, told = sources_folder() / name, dict[str, dict[str, str]]()
    included = tomllib.loads((folder / "workbook.toml").read_text(encoding="utf-8"))["include"]
    for file in (*(folder / other / "parameters.csv" for other in included), folder / "parameters.csv"):
        with file.open(encoding="utf-8", newline="") as text:
            told |= {row["id"]: row for row in csv.DictReader(text)}
    inputs = read_inputs(shipped(name))
    present = {key for key in inputs.parameters if not key.startswith("strategy.included.")}
    assert present <= set(told)
    for identifier in set(told) - present:
        kind, _, event = identifier.split(".")
        assert kind == "adverse_event", identifier
        assert not [key for key in told if key.startswith(f"adverse_event.proportion.{event}.")], identifier
    for identifier in present:
        row = told[identifier]
        found = inputs.parameters[identifier]
        for header, value in (("value", found.value), ("se", found.se), ("low", found.low), ("high", found.high)):
            text_value = row[header].strip()
            if not text_value:
                assert value is None, (identifier, header)
            elif isinstance(value, str):
                assert value == text_value, (identifier, header)
            else:
                assert value == pytest.approx(float(text_value), rel=1e-15), (identifier, header)  # 16 digits
        assert (found.unit, found.status, found.source) == (
            row["unit"] or found.unit,
            row["status"],
            row["source"],
        ), identifier
        assert found.base_case == found.value, identifier


@every_workbook
def test_every_value_cell_carries_its_id_as_a_defined_name(name: str) -> None:
    book = loaded(name)
    found = {key: defined.attr_text for key, defined in book.defined_names.items() if not key.startswith("_xlnm")}
    expected = {key: f"'{cell.parent.title}'!{_absolute(cell)}" for key, cell in value_cells(book)}
    assert {key: _quoted(text) for key, text in found.items()} == expected
    assert len(expected) > 50


def _absolute(cell: Cell) -> str:
    return f"${cell.column_letter}${cell.row}"


def _quoted(text: str | None) -> str:
    sheet, _, cell = str(text).rpartition("!")
    return f"'{sheet.strip(chr(39))}'!{cell}"


@every_workbook
def test_nothing_is_hidden_protected_or_run(name: str) -> None:
    book = loaded(name)
    for page in book.worksheets:
        assert page.sheet_state == "visible", page.title
        assert not page.protection.sheet, page.title
        assert not [key for key, size in page.column_dimensions.items() if size.hidden], page.title
        assert not [key for key, size in page.row_dimensions.items() if size.hidden], page.title
    assert book.security is None or not book.security.lockStructure
    with zipfile.ZipFile(shipped(name)) as archive:
        assert not [member for member in archive.namelist() if "vba" in member.lower() or "external" in member.lower()]
    formulas = [cell.coordinate for page in book.worksheets for row in page.iter_rows() for cell in row]
    assert len(formulas) > 1000
    assert not [c for page in book.worksheets for row in page.iter_rows() for c in row if c.data_type == "f"]


def rules_at(page: Worksheet, cell: Cell) -> list[tuple[str, str, str]]:
    return [
        (str(rule.type), str(rule.formula1), str(rule.formula2))
        for rule in page.data_validations.dataValidation
        if cell.coordinate in rule.sqref
    ]


@every_workbook
def test_choices_have_dropdowns_and_numbers_have_limits(name: str) -> None:
    book, strategies = loaded(name), read_inputs(shipped(name)).labels
    checked = {"choice": 0, "strategy": 0, "number": 0}
    for identifier, cell in value_cells(book):
        found = match(identifier)
        assert found is not None
        definition, rules = found[0], rules_at(book[cell.parent.title], cell)
        if identifier == "settings.reference" or ".reference." in identifier:
            assert rules == [("list", f'"{",".join(strategies)}"', "None")], identifier
            checked["strategy"] += 1
        elif definition.choices:
            assert rules == [("list", f'"{",".join(definition.choices)}"', "None")], identifier
            assert cell.value in definition.choices
            checked["choice"] += 1
        elif definition.quantity is not None:
            ((kind, low, high),) = rules
            assert kind == "decimal", identifier
            limits = max(definition.quantity.low, -1e9), min(definition.quantity.high, 1e9)
            assert (float(low), float(high)) == limits, identifier
            checked["number"] += 1
    assert min(checked.values()) >= 2, checked
    page = book[Sheet.STRATEGIES.value]
    for cell in cells_below(page, "included"):
        assert rules_at(page, cell) == [("list", '"yes,no"', "None")]


@every_workbook
def test_every_header_has_a_help_text_and_every_sheet_a_link_on_the_cover(name: str) -> None:
    book = loaded(name)
    links = {str(cell.hyperlink.location) for row in book["Cover"].iter_rows() for cell in row if cell.hyperlink}
    for page in book.worksheets[1:]:
        row, columns = headers(page)
        for header, column in columns.items():
            cell = page.cell(row, column)
            assert cell.comment is not None, f"{page.title} {header}"
            assert cell.comment.text.strip(), f"{page.title} {header}"
        assert f"'{page.title}'!A1" in links or f"{page.title}!A1" in links, page.title


# Writing what was read -----------------------------------------------------------------------------------------------


@every_workbook
def test_a_workbook_that_is_read_and_written_again_is_the_same(name: str, tmp_path: Path) -> None:
    sheets, problems = read_sheets(shipped(name))
    assert problems == []
    cover, _ = read_sources(sources_folder() / name)
    write_workbook(tmp_path / "again.xlsx", cover, sheets)
    first, second = read_inputs(shipped(name)), read_inputs(tmp_path / "again.xlsx")
    assert contents(second) == contents(first)
    assert {key: row.cell for key, row in second.parameters.items()} == {
        key: row.cell for key, row in first.parameters.items()
    }


def test_writing_leaves_nothing_but_the_workbook(tmp_path: Path) -> None:
    build(sources_folder() / "myeloma_ix", tmp_path / "folder" / "m.xlsx")
    assert [path.name for path in (tmp_path / "folder").iterdir()] == ["m.xlsx"]


def test_writing_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    for file in ("a.xlsx", "b.xlsx"):
        build(sources_folder() / "myeloma_ix", tmp_path / file)
    assert (tmp_path / "a.xlsx").read_bytes() == (tmp_path / "b.xlsx").read_bytes()


# Blank workbooks -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def blank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("blank") / "blank.xlsx"
    write_workbook(path, CoverText("New problem", "To be filled."), blank_sheets(["observation", "new_drug"]))
    return path


def test_a_blank_workbook_lacks_values_and_nothing_else(blank: Path) -> None:
    with pytest.raises(InputError) as caught:
        read_inputs(blank)
    errors = [problem for problem in caught.value.problems if not problem.warning]
    assert errors
    for problem in errors:
        assert problem.rule.endswith(("has no value", "has no rows")), str(problem)
    told = {problem.rule for problem in errors}
    for identifier in ("cohort.age", "pfs.family.new_drug", "treatment.share_starting.new_drug", "utility.maintenance"):
        assert f"{identifier} has no value" in told
    assert {f"{Sheet.LIFE_TABLE} has no rows", f"{Sheet.POPULATION_UTILITY} has no rows"} <= told


def test_a_blank_workbook_has_a_row_for_each_value_that_a_run_may_ask_for(blank: Path, calgb: Inputs) -> None:
    book = openpyxl.load_workbook(blank)
    found = {key for key, _ in value_cells(book)}
    names = {"no_maintenance": "observation", "lenalidomide": "new_drug", "lenalidomide_10mg": "product"}
    events = {"thrombocytopenia": "neutropenia", "infection": "neutropenia", "neuropathy": "neutropenia"}
    for identifier in calgb.parameters:
        if identifier.startswith("strategy.included.") or identifier.endswith(".common"):
            continue
        parts = [(names | events).get(part, part) for part in identifier.split(".")]
        if parts[-1] != "p":
            missing = ".".join(parts)
            assert missing in found or parts[1] in ("p", "knots") or parts[0] == "pps", missing


def test_a_blank_workbook_filled_with_a_worked_ones_values_runs_as_it(
    blank: Path, calgb: Inputs, tmp_path: Path
) -> None:
    # Every blank cell is filled by its id from the worked workbook; its tables are copied below their headers.
    book, worked = openpyxl.load_workbook(blank), loaded("calgb_100104")
    theirs = {"observation": "no_maintenance", "new_drug": "lenalidomide", "product": "lenalidomide_10mg"}
    weibull = {"family": "weibull", "median": 30.0, "shape": 1.2}
    for identifier, cell in value_cells(book):
        head, name, *rest = identifier.split(".")
        twin = ".".join([head, *(theirs.get(part, part) for part in (name, *rest))])
        if head in ("pfs", "os"):
            cell.value = weibull.get(name)  # type: ignore[assignment]
        elif twin in calgb.parameters and calgb.value(twin) is not None:
            value = calgb.value(twin)
            cell.value = {v: k for k, v in theirs.items()}.get(str(value), value)
            page = book[cell.parent.title]
            page.cell(cell.row, headers(page)[1]["unit"]).value = calgb.parameters[twin].unit or None
    for sheet in (Sheet.LIFE_TABLE, Sheet.POPULATION_UTILITY, Sheet.PRICE_INDEX):
        source, target = worked[sheet.value], book[sheet.value]
        row, columns = headers(source)
        for number in range(row + 1, source.max_row + 1):
            for column in columns.values():
                target.cell(number, column).value = source.cell(number, column).value
    path = tmp_path / "filled.xlsx"
    book.save(path)
    filled = read_inputs(path)
    assert filled.compared == ("observation", "new_drug")
    assert filled.number("toxicity.proportion.new_drug") == calgb.number("toxicity.proportion.lenalidomide")
    assert filled.number("cost.monitoring.new_drug") == pytest.approx(calgb.number("cost.monitoring.lenalidomide"))

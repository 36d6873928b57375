"""A delivered report checks itself: it carries what it was computed from, and a number changed by hand is found."""

import random
import re
import shutil
import subprocess
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import openpyxl
import pytest

from markov.analysis.base_case import base_case
from markov.analysis.sensitivity.everything import deterministic
from markov.cli import main
from markov.inputs.parameters import Inputs, with_values
from markov.inputs.problems import InputError
from markov.inputs.reading.file import read_file
from markov.inputs.workbook import read_inputs
from markov.inputs.writing.template import shipped
from markov.inputs.writing.upgrade import _values
from markov.report.delivered.read_back import is_report, recovered
from markov.report.delivered.verify import verify
from markov.report.reports import write_report

PRICE = "price.thalidomide_50mg.brand"
CARRYING = ("Inputs in full", "Population tables", "Evidence and scenarios")
NUMBER = re.compile(r'<c r="([A-Z]+\d+)"((?: [a-z]+="\w+")*)>(<f>[^<]*</f>)?<v>([^<]+)</v></c>')


@pytest.fixture(scope="module")
def full(calgb: Inputs, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report with sensitivity analyses and the live model, of a run with another value."""
    inputs = with_values(calgb, {"utility.progression": 0.6}, place="--set")
    result = base_case(inputs)
    path = tmp_path_factory.mktemp("full") / "full.report.xlsx"
    return write_report(result, path, deterministic=deterministic(inputs, result), live=True, command="markov run x")


@pytest.fixture(scope="module")
def small(myeloma_ix: Inputs, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report of the base case alone, at a price whose value needs 17 digits."""
    inputs = with_values(myeloma_ix, {PRICE: 0.1 + 0.2}, place="--set")
    return write_report(base_case(inputs), tmp_path_factory.mktemp("small") / "small.report.xlsx")


def edited(report: Path, target: Path, edits: dict[str, Callable[[str], str]]) -> Path:
    """A copy of a report whose parts are edited as text, as a person with an editor would."""
    with zipfile.ZipFile(report) as source, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as copy:
        for name in source.namelist():
            content = source.read(name)
            copy.writestr(name, edits[name](content.decode()) if name in edits else content)
    return target


def sheet_parts(report: Path) -> dict[str, str]:
    """The part of the file by the name of its sheet."""
    with zipfile.ZipFile(report) as archive:
        names = re.findall(r'<sheet name="([^"]+)"', archive.read("xl/workbook.xml").decode())
    return {name: f"xl/worksheets/sheet{i}.xml" for i, name in enumerate(names, 1)}


def numbers(report: Path, part: str) -> list[re.Match[str]]:
    """The number cells of a sheet; texts, whose number is an index, are left out."""
    with zipfile.ZipFile(report) as archive:
        found = NUMBER.finditer(archive.read(part).decode())
    return [match for match in found if 't="s"' not in match[2] and 't="str"' not in match[2]]


def with_number(match: re.Match[str], value: float) -> Callable[[str], str]:
    """Another number in one cell."""
    old, new = match[0], match[0].replace(f"<v>{match[4]}</v>", f"<v>{value!r}</v>")
    return lambda text: text.replace(old, new, 1)


# -------------------------------------------------------------------------------------------- untouched reports


def test_an_untouched_report_is_as_computed_and_is_written_again_byte_for_byte(full: Path, tmp_path: Path) -> None:
    found = verify(full, tmp_path / "again.xlsx")
    assert found.differences == ()
    assert found.sheets == len(sheet_parts(full))
    assert found.notes == ("Every part of the new file is byte-equal to the report's.",)
    assert (tmp_path / "again.xlsx").read_bytes() == full.read_bytes()


@pytest.mark.parametrize("name", ["hovon65", "post_transplant_uk", "mm015"])
def test_a_report_carries_all_that_was_read_from_the_workbook(name: str, tmp_path: Path) -> None:
    inputs = read_inputs(shipped(name))
    report = write_report(base_case(inputs), tmp_path / "report.xlsx")
    carried = recovered(read_file(report)).inputs
    assert _values(carried) == _values(inputs)
    assert list(carried.parameters.values()) == list(inputs.parameters.values())
    assert carried.warnings == inputs.warnings
    assert (carried.name, carried.sha256, carried.title) == (inputs.name, inputs.sha256, inputs.title)


def test_numbers_are_carried_with_all_their_digits(small: Path) -> None:
    assert recovered(read_file(small)).inputs.parameters[PRICE].value == 0.1 + 0.2 != 0.3


def test_sheets_that_carry_inputs_are_visible_and_unlocked(small: Path) -> None:
    book = openpyxl.load_workbook(small)
    assert all(sheet.sheet_state == "visible" and not sheet.protection.sheet for sheet in book)
    assert {"Inputs in full", "Population tables", "Evidence and scenarios"} <= set(book.sheetnames)


def test_a_report_saved_again_by_a_spreadsheet_is_still_as_computed(small: Path, tmp_path: Path) -> None:
    if shutil.which("soffice") is None:
        pytest.skip("needs LibreOffice")
    profile = f"-env:UserInstallation=file://{tmp_path}/profile"
    arguments = ["soffice", profile, "--headless", "--convert-to", "xlsx", "--outdir", str(tmp_path), str(small)]
    subprocess.run(arguments, check=True, capture_output=True, timeout=300)
    assert verify(tmp_path / small.name).differences == ()


# ------------------------------------------------------------------------------------------- tampered reports


def test_numbers_changed_at_random_are_all_found_by_sheet_and_cell(full: Path, tmp_path: Path) -> None:
    """A thousandth of one number on each sheet that has numbers, the live sheets' stored values among them."""
    draw = random.Random(20261126)
    edits, expected = {}, set()
    for sheet, part in sheet_parts(full).items():
        cells = [] if sheet in CARRYING else [m for m in numbers(full, part) if abs(float(m[4])) > 1e-6]
        if cells:
            chosen = draw.choice(cells)
            edits[part] = with_number(chosen, float(chosen[4]) * 1.001)
            expected.add((sheet, chosen[1]))
    assert len(expected) > 25
    found = verify(edited(full, tmp_path / "changed.xlsx", edits))
    assert {(d.sheet, d.cell) for d in found.differences} == expected


@pytest.mark.parametrize("sheet", CARRYING)
def test_a_changed_input_is_found_also_where_no_result_depends_on_it(sheet: str, small: Path, tmp_path: Path) -> None:
    """The first number of each sheet, mortality of newborns among them, is named by the check of its row."""
    part = sheet_parts(small)[sheet]
    chosen = next(m for m in numbers(small, part) if 0.0 < float(m[4]) < 1.0)
    changed = edited(small, tmp_path / "changed.xlsx", {part: with_number(chosen, float(chosen[4]) * 1.001)})
    found = [d for d in verify(changed).differences if d.sheet == sheet]
    assert {re.sub("[A-Z]", "", d.cell) for d in found} == {re.sub("[A-Z]", "", chosen[1])}


def test_a_row_of_inputs_that_was_taken_away_is_found(small: Path, tmp_path: Path) -> None:
    book = openpyxl.load_workbook(small)
    page = book["Evidence and scenarios"]
    rows = [row for row in page.iter_rows() if str(row[0].value).startswith("CHEERS") or row[0].value == "has"]
    for cell in rows[-1]:
        cell.value = None
    book.save(tmp_path / "changed.xlsx")
    assert "Provenance" in {d.sheet for d in verify(tmp_path / "changed.xlsx").differences}


KINDS = {
    "psa": ["--runs", "40", "--seed", "7", "--scenario", "OS effect never wanes"],
    "sobol": ["--points", "4", "--resamples", "10", "--no-second-order"],
    "voi": ["--runs", "120", "--years", "2"],
    "run": ["--base-only", "--no-live", "--all", "--runs", "40", "--points", "4", "--years", "2"],
}


@pytest.mark.parametrize("kind", KINDS)
def test_reports_of_uncertainty_are_computed_again_from_their_seed(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = tmp_path / "report.xlsx"
    with pytest.raises(SystemExit):
        main([kind, str(shipped("calgb_100104")), *KINDS[kind], "--out", str(report)])
    found = verify(report, tmp_path / "again.xlsx")
    assert found.differences == ()
    assert (tmp_path / "again.xlsx").read_bytes() == report.read_bytes()
    part = next(iter(sheet_parts(report).values()))
    chosen = numbers(report, part)[-1]
    changed = edited(report, tmp_path / "changed.xlsx", {part: with_number(chosen, float(chosen[4]) + 1.0)})
    assert [d.cell for d in verify(changed).differences] == [chosen[1]]


def test_a_changed_word_a_missing_sheet_and_an_added_number_are_found(small: Path, tmp_path: Path) -> None:
    book = openpyxl.load_workbook(small)
    verdict = next(c for row in book["Checks"].iter_rows() for c in row if c.value == "pass")
    verdict.value = "fail"
    book["Results"]["T40"] = 12345.0
    del book["Incremental"]
    book.save(tmp_path / "changed.xlsx")
    told = [str(difference) for difference in verify(tmp_path / "changed.xlsx").differences]
    assert f"Checks!{verdict.coordinate}: the report says fail, the computation gives pass" in told
    assert "Results!T40: the report says 12345, the computation gives nothing" in told
    assert "Incremental: the sheet is missing, and the computation gives it" in told


def test_a_number_in_a_warning_about_the_workbook_is_found(small: Path, tmp_path: Path) -> None:
    book = openpyxl.load_workbook(small)
    cells = [c for row in book["Checks"].iter_rows() for c in row if re.match(r"\d+ values", str(c.value))]
    if not cells:
        pytest.skip("the workbook has no such warning")
    cells[0].value = f"9{cells[0].value}"
    book.save(tmp_path / "changed.xlsx")
    assert [(d.sheet, d.cell) for d in verify(tmp_path / "changed.xlsx").differences] == [
        ("Checks", cells[0].coordinate)
    ]


def test_inputs_that_were_broken_are_told_with_the_cell_of_the_workbook(small: Path, tmp_path: Path) -> None:
    book = openpyxl.load_workbook(small)
    page = book["Inputs in full"]
    row = next(row for row in page.iter_rows() if row[0].value == "utility.maintenance")
    row[2].value = 72
    book.save(tmp_path / "changed.xlsx")
    with pytest.raises(InputError, match=r"utility\.maintenance must be at most 1"):
        verify(tmp_path / "changed.xlsx")


# -------------------------------------------------------------------------------------------------- the command


def test_the_command_says_what_was_compared_and_leaves_with_0(small: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as code:
        main(["verify", str(small), "--repeat"])
    assert code.value.code == 0
    words = capsys.readouterr().out
    assert "all as computed" in words
    assert "byte-equal" in words
    assert small.with_name("small.report.repeated.xlsx").exists()


def test_the_command_names_the_cell_and_leaves_with_1(
    small: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    part = sheet_parts(small)["Results"]
    chosen = numbers(small, part)[3]
    changed = edited(small, tmp_path / "changed.xlsx", {part: with_number(chosen, float(chosen[4]) + 1.0)})
    with pytest.raises(SystemExit) as code:
        main(["verify", str(changed)])
    assert code.value.code == 1
    assert f"Results!{chosen[1]}: the report says" in capsys.readouterr().out


def test_an_input_workbook_and_a_report_without_inputs_are_refused_in_words(
    myeloma_ix: Inputs, small: Path, tmp_path: Path
) -> None:
    assert not is_report(read_file(shipped("myeloma_ix")))
    assert is_report(read_file(small))
    book = openpyxl.load_workbook(small)
    del book["Population tables"]
    book.save(tmp_path / "partial.xlsx")
    with pytest.raises(InputError, match="carries no complete inputs: Population tables is missing"):
        verify(tmp_path / "partial.xlsx")


def test_a_run_with_every_kind_of_table_is_carried(calgb: Inputs, tmp_path: Path) -> None:
    marked = replace(calgb.parameters["price.lenalidomide_10mg.brand"], confidential=True)
    inputs = replace(calgb, parameters={**calgb.parameters, marked.id: marked}, analyst_words={"CHEERS 27": "A fund."})
    inputs = with_values(inputs, {"strategy.included.lenalidomide": "yes", "settings.horizon_years": 30.0}, "--set")
    report = write_report(base_case(inputs), tmp_path / "report.xlsx")
    carried = recovered(read_file(report)).inputs
    assert list(carried.parameters.items()) == list(inputs.parameters.items())
    assert carried.analyst_words == inputs.analyst_words

"""New workbooks from an analyst's one: rows changed as told, everything else as it was, and what is lost is named."""

import datetime
import hashlib
from pathlib import Path

import openpyxl
import pytest
from openpyxl.comments import Comment

from markov.inputs.definitions.schema import Sheet
from markov.inputs.workbook import read_inputs, read_sheets
from markov.inputs.writing.change_rows import (
    regenerate,
    taken_away,
    with_correlations,
    with_log,
    with_rows,
    with_rows_in_place,
    with_table_rows,
)
from markov.inputs.writing.template import shipped, worked_names

CALGB = shipped("calgb_100104")


@pytest.mark.parametrize("name", worked_names())
def test_a_workbook_written_anew_holds_the_same_in_every_cell(name: str, tmp_path: Path) -> None:
    source = shipped(name)
    sheets, _ = read_sheets(source)
    assert regenerate(source, sheets, tmp_path / "again.xlsx") == ()
    mine, theirs = openpyxl.load_workbook(source), openpyxl.load_workbook(tmp_path / "again.xlsx")
    assert mine.sheetnames == theirs.sheetnames
    for page in mine.worksheets:
        cells = [[cell.value for cell in row] for row in page.iter_rows()]
        assert cells == [[cell.value for cell in row] for row in theirs[page.title].iter_rows()], page.title


def test_what_the_schema_has_no_place_for_is_named_and_the_source_is_left_alone(tmp_path: Path) -> None:
    book = openpyxl.load_workbook(CALGB)
    book.create_sheet("My notes")["A1"] = "remember"
    page = book["Survival"]
    page.cell(4, page.max_column + 1, "reviewed by")
    page.cell(6, page.max_column, "me")
    page["C7"].comment = Comment("why?", "me")
    book["Costs"]["C6"] = "=1000+500"
    edited = tmp_path / "edited.xlsx"
    book.save(edited)
    before = hashlib.sha256(edited.read_bytes()).hexdigest()
    sheets, _ = read_sheets(edited)
    left = regenerate(edited, sheets, tmp_path / "new.xlsx")
    assert set(left) == {
        'sheet "My notes"',
        'column "reviewed by" of Survival',
        "note at Survival!C7",
        "formula (its value is kept) at Costs!C6",
    }
    assert hashlib.sha256(edited.read_bytes()).hexdigest() == before


def test_a_workbook_is_never_written_over_itself(tmp_path: Path) -> None:
    copy = tmp_path / "copy.xlsx"
    copy.write_bytes(CALGB.read_bytes())
    sheets, _ = read_sheets(copy)
    with pytest.raises(FileExistsError, match="choose another name"):
        regenerate(copy, sheets, copy)
    assert copy.read_bytes() == CALGB.read_bytes()


def test_rows_are_changed_added_beside_their_kin_and_taken_away(tmp_path: Path) -> None:
    sheets, _ = read_sheets(CALGB)
    changes: dict[str, dict[str, object] | None] = {
        "os.hazard_ratio.lenalidomide": {"value": 0.7},
        "calibration.os_median.common": {"value": 84.1, "unit": "months"},
        "pfs.p.lenalidomide": None,
    }
    changed = with_rows(sheets, changes)
    ids = [row["id"].text() for row in changed.rows[Sheet.SURVIVAL]]
    assert "pfs.p.lenalidomide" not in ids
    assert len(ids) == len(sheets.rows[Sheet.SURVIVAL])  # one away, one more
    logged = with_log(changed, "me", "a new ratio", "to see", datetime.date(2026, 1, 2))
    regenerate(CALGB, logged, tmp_path / "new.xlsx")
    book = openpyxl.load_workbook(tmp_path / "new.xlsx")
    assert [cell.value for cell in list(book["Change log"].iter_rows())[-1]][:2] == ["2026-01-02", "me"]
    page = book["Survival"]
    row = next(r for r in page.iter_rows(values_only=True) if r[0] == "os.hazard_ratio.lenalidomide")
    old = next(r for r in openpyxl.load_workbook(CALGB)["Survival"].iter_rows(values_only=True) if r[0] == row[0])
    assert row[2:4] == (0.7, 0.7)
    assert row[4:] == old[4:]


def test_table_rows_are_kept_and_added() -> None:
    sheets, _ = read_sheets(CALGB)
    kept = sheets.rows[Sheet.SCENARIOS][:2]
    new = with_table_rows(sheets, Sheet.SCENARIOS, kept, [{"scenario": "mine", "id": "cohort.age", "value": 70}])
    assert [row["scenario"].text() for row in new.rows[Sheet.SCENARIOS]][-1] == "mine"
    assert len(new.rows[Sheet.SCENARIOS]) == 3
    assert new.rows[Sheet.COSTS] == sheets.rows[Sheet.COSTS]


def test_only_rows_that_were_there_are_said_to_be_taken_away() -> None:
    sheets, _ = read_sheets(CALGB)
    in_a_scenario_only, on_a_sheet, changed = "pfs.median.lenalidomide", "pfs.p.lenalidomide", "cohort.age"
    assert in_a_scenario_only in {row["id"].text() for row in sheets.rows[Sheet.SCENARIOS]}
    changes: dict[str, dict[str, object] | None] = {in_a_scenario_only: None, on_a_sheet: None, changed: {"value": 70}}
    assert taken_away(sheets, changes) == [on_a_sheet]


def test_new_rows_take_the_place_of_those_with_the_same_keys() -> None:
    sheets, _ = read_sheets(CALGB)
    old = sheets.rows[Sheet.SCENARIOS]
    name = old[0]["scenario"].text()
    new = with_rows_in_place(sheets, Sheet.SCENARIOS, ("scenario",), [{"scenario": name, "id": "cohort.age"}])
    kept = [row for row in old if row["scenario"].text() != name]
    assert len(kept) < len(old)
    assert [*new.rows[Sheet.SCENARIOS][:-1]] == kept
    assert new.rows[Sheet.SCENARIOS][-1]["id"].text() == "cohort.age"


def test_correlations_of_changed_parameters_go_and_others_stay() -> None:
    sheets, _ = read_sheets(CALGB)
    old = sheets.rows[Sheet.CORRELATIONS]
    gone = old[0]["first"].text()
    kept = [row for row in old if gone not in (row["first"].text(), row["second"].text())]
    new = with_correlations(sheets, [gone], [{"first": "a.b", "second": "c.d", "correlation": 0.5}])
    assert [*new.rows[Sheet.CORRELATIONS][:-1]] == kept
    assert new.rows[Sheet.CORRELATIONS][-1]["first"].text() == "a.b"


def test_the_change_log_is_read() -> None:
    assert any("2" in "".join(line) for line in read_inputs(CALGB).changes)

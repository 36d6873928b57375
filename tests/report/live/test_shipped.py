"""The shipped workbooks as live models in LibreOffice, and what shows that it calculated them."""

from pathlib import Path

from markov import Inputs, read_inputs, with_values
from markov.inputs.writing.template import shipped, worked_names
from markov.report.live.writer import write_live_workbook

from .recalculation import (
    CHECK,
    NEVER,
    SPOILT,
    different,
    largest_difference,
    needs_libreoffice,
    recalculated,
    sheets,
    spoil,
)

pytestmark = needs_libreoffice


def test_shipped_workbooks_recalculated_give_every_total_of_the_engine(tmp_path: Path) -> None:
    assert different([(read_inputs(shipped(name)), [{}]) for name in worked_names()], tmp_path) == []


def test_spoilt_values_are_what_is_seen_where_nothing_is_recalculated(calgb: Inputs, tmp_path: Path) -> None:
    short = with_values(calgb, {"settings.horizon_years": 1.0})
    file = tmp_path / "spoilt.xlsx"
    spoil(write_live_workbook(short, tmp_path / "live.xlsx"), file, {})
    (found,) = recalculated([file], tmp_path, mode=NEVER)
    assert len(found) > 100
    assert set(found.values()) == {float(SPOILT)}
    assert largest_difference(found, short)[0] > 1.0


def test_the_check_sheet_says_equal_and_after_an_edit_that_inputs_changed(calgb: Inputs, tmp_path: Path) -> None:
    short = with_values(calgb, {"settings.horizon_years": 1.0})
    source = write_live_workbook(short, tmp_path / "live.xlsx")
    files = {"equal": {}, "inputs changed": {"utility.progression": 0.5}, "rows": {"settings.horizon_years": 30.0}}
    for name, edits in files.items():
        spoil(source, tmp_path / f"{name}.xlsx", edits)
    read = sheets([tmp_path / f"{name}.xlsx" for name in files], tmp_path, CHECK)
    for name, rows in zip(files, read, strict=True):
        assert rows[6][0] == "Verdict"
        assert rows[6][1].startswith(name)

"""Upgrading: a workbook of an older schema under the present one, with every value and a list of what was left."""

import os
import subprocess
import sys
from pathlib import Path

import openpyxl
import pytest
from openpyxl.comments import Comment

from markov.inputs.definitions.schema import SCHEMA_VERSION
from markov.inputs.problems import InputError
from markov.inputs.workbook import read_inputs
from markov.inputs.writing import upgrade as module
from markov.inputs.writing.template import shipped, worked_names
from markov.inputs.writing.upgrade import UpgradeError, upgrade
from tests.inputs.rules.broken_inputs.editing import good_book
from tests.support.workbooks import contents

NEW_SHEETS = ("Kaplan-Meier", "Curve choice", "Evidence network", "Correlations")


def old_workbook(folder: Path) -> Path:
    """A workbook of schema 1 in which an analyst has worked: rows and columns of their own, a note, a sheet."""
    book = openpyxl.load_workbook(shipped("calgb_100104"))
    book["Cover"]["B3"] = 1
    for sheet in NEW_SHEETS:
        del book[sheet]
    page = book["Survival"]
    page.insert_rows(6, 2)
    page["P4"], page["P9"] = "checked by", "AB"
    page["C9"].comment = Comment("ask the statistician", "AB")
    book.create_sheet("My notes")["A1"] = "notes"
    book.save(folder / "old.xlsx")
    return folder / "old.xlsx"


def test_an_old_workbook_reads_as_before_under_the_new_schema(tmp_path: Path) -> None:
    source = old_workbook(tmp_path)
    before = source.read_bytes()
    done = upgrade(source, tmp_path / "new.xlsx")
    assert (done.before, done.after) == (1, SCHEMA_VERSION)
    assert contents(read_inputs(tmp_path / "new.xlsx")) == contents(read_inputs(source))
    book = openpyxl.load_workbook(tmp_path / "new.xlsx")
    assert set(NEW_SHEETS) <= set(book.sheetnames)
    assert book["Cover"]["B3"].value == SCHEMA_VERSION
    assert source.read_bytes() == before


def test_what_has_no_place_in_the_new_workbook_is_named(tmp_path: Path) -> None:
    left = " | ".join(upgrade(old_workbook(tmp_path), tmp_path / "new.xlsx").left)
    for words in ('sheet "My notes"', 'column "checked by" of Survival', "note at Survival!C9"):
        assert words in left


@pytest.mark.parametrize("name", worked_names())
def test_every_shipped_workbook_comes_out_as_it_went_in(name: str, tmp_path: Path) -> None:
    done = upgrade(shipped(name), tmp_path / "new.xlsx")
    assert done.left == ()
    assert done.values == len(read_inputs(shipped(name)).parameters)
    assert contents(read_inputs(tmp_path / "new.xlsx")) == contents(read_inputs(shipped(name)))


def test_unusual_contents_come_along(tmp_path: Path) -> None:
    book = good_book()
    book.put("cohort.age", 58.123456789012345)
    book.put("settings.thresholds", 30000)
    book.put("cohort.age", "Ünïcode “quotes” 李 <&>", "comment")
    book.put("cohort.age", "https://example.org/a?b=c", "source")
    book.put("mortality.smr", None)
    book.add("Events", "treatment.planned_stop.lenalidomide", 24.0, "months")
    source = book.save(tmp_path)
    upgrade(source, tmp_path / "new.xlsx")
    assert contents(read_inputs(tmp_path / "new.xlsx")) == contents(read_inputs(source))


def test_a_workbook_with_problems_is_not_upgraded(tmp_path: Path) -> None:
    book = good_book()
    book.put("cohort.age", "58,5")
    with pytest.raises(InputError, match=r"Write 58\.5"):
        upgrade(book.save(tmp_path), tmp_path / "new.xlsx")
    assert not (tmp_path / "new.xlsx").exists()


def test_a_loss_on_the_way_is_told_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def forgetful(source: Path, sheets: object, target: Path) -> tuple[str, ...]:
        book = good_book()
        book.put("cohort.age", 57)
        book.save(target.parent).rename(target)
        return ()

    monkeypatch.setattr(module, "regenerate", forgetful)
    with pytest.raises(UpgradeError, match="not every value"):
        upgrade(shipped("calgb_100104"), tmp_path / "new.xlsx")
    assert list(tmp_path.iterdir()) == []


def test_the_source_is_never_the_target(tmp_path: Path) -> None:
    source = old_workbook(tmp_path)
    before = source.read_bytes()
    with pytest.raises(FileExistsError, match="choose another name"):
        upgrade(source, source)
    assert source.read_bytes() == before


def test_the_command_says_what_was_carried_and_what_was_not_and_replaces_nothing(tmp_path: Path) -> None:
    old_workbook(tmp_path)
    environment = {**os.environ, "COLUMNS": "200", "PYTHONIOENCODING": "utf-8"}
    command = [sys.executable, "-m", "markov", "upgrade", "old.xlsx"]

    def run() -> subprocess.CompletedProcess[str]:
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120)

    done = run()
    assert done.returncode == 0, done.stderr
    assert f"Schema 1 to {SCHEMA_VERSION}: " in done.stdout
    assert 'not carried over: sheet "My notes"' in done.stdout
    assert "New workbook: old.upgraded.xlsx. old.xlsx was not touched." in done.stdout
    assert sorted(path.name for path in tmp_path.iterdir()) == ["old.upgraded.xlsx", "old.xlsx"]
    again = run()
    assert again.returncode == 3
    assert "left as it is" in again.stderr

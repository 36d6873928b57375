"""The command line as an analyst meets it: what it prints, what it writes, and how it ends."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import openpyxl
import pytest

from markov.inputs.writing.template import shipped, worked_names
from tests.support.command import markov
from tests.support.reports import cells

CALGB = shipped("calgb_100104")
SHORT = ("--base-only", "--no-live")
"""For what the base case alone can show."""


def test_run_writes_a_report_says_the_answer_and_leaves_the_workbook_alone(tmp_path: Path) -> None:
    before = hashlib.sha256(CALGB.read_bytes()).hexdigest()
    done = markov("run", CALGB, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stderr == "", "quiet when not a terminal"
    assert "Lenalidomide costs £" in done.stdout
    assert "per QALY gained" in done.stdout
    assert (tmp_path / "reports" / "calgb_100104.report.xlsx").exists()
    assert [p.name for p in (tmp_path / "reports").iterdir()] == ["calgb_100104.report.xlsx"]
    assert hashlib.sha256(CALGB.read_bytes()).hexdigest() == before


def test_json_on_standard_output_is_one_document_with_the_promised_keys(tmp_path: Path) -> None:
    done = markov("run", CALGB, *SHORT, "--json", "-", "--trace", folder=tmp_path)
    data = json.loads(done.stdout)
    promised = (
        "schema program workbook settings parameters strategies incremental pairwise net_benefit checks warnings trace"
    )
    assert set(promised.split()) <= set(data)
    assert data["schema"] == 1
    arm = data["strategies"][1]
    keys = "id label life_years qalys costs events time_on_treatment solved survival"
    assert set(keys.split()) <= set(arm)
    total = sum(part["discounted"] for part in arm["costs"]["by_category"].values())
    assert total == pytest.approx(arm["costs"]["discounted"], rel=1e-12)
    occupancy = data["trace"]["lenalidomide"]["occupancy"]
    assert sum(occupancy[state][100] for state in occupancy) == pytest.approx(1.0, abs=1e-12)
    assert data["strategies"][0]["time_on_treatment"]["median_months"] is None
    assert data["strategies"][0]["time_on_treatment"]["median_months_reason"]


def test_set_changes_a_value_in_its_own_unit_and_the_report_says_so(tmp_path: Path) -> None:
    price = "price.lenalidomide_10mg.brand=1890"
    half = markov("run", CALGB, *SHORT, "--set", price, "--json", "half.json", folder=tmp_path)
    assert half.returncode == 0, half.stderr
    markov("run", CALGB, *SHORT, "--json", "base.json", "--out", "other.xlsx", folder=tmp_path)
    halved, base = (json.loads((tmp_path / f"{n}.json").read_text()) for n in ("half", "base"))
    drug = [d["strategies"][1]["costs"]["by_category"]["drug"]["discounted"] for d in (halved, base)]
    assert drug[0] == pytest.approx(drug[1] / 2, rel=1e-12)
    report = tmp_path / "reports" / "calgb_100104.base.xlsx"
    summary = " ".join(str(c) for row in cells(report, "Summary") for c in row if c)
    assert "Changed from the workbook's base case" in summary
    assert "1890.0 instead of 3780" in summary


def test_a_percentage_may_be_typed_on_the_command_line(tmp_path: Path) -> None:
    runs = [
        markov("run", CALGB, *SHORT, "--set", f"settings.discount_rate.costs={text}", "--json", "-", folder=tmp_path)
        for text in ("1.5%", "0.015")
    ]
    with_sign, plain = (json.loads(run.stdout) for run in runs)
    assert with_sign["strategies"] == plain["strategies"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("utility.progression", "a change reads ID=VALUE"),
        ("utility.progresion=0.6", "the model knows no such id"),
        ("utility.progression=1.4", "must be at most 1"),
        ("utility.progression=0,6", "needs a number"),
        ("settings.price_set=cheap", "Choose one of: brand, generic"),
    ],
)
def test_a_wrong_set_ends_with_2_and_writes_nothing(tmp_path: Path, change: str, words: str) -> None:
    done = markov("run", CALGB, "--set", change, folder=tmp_path)
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())


def test_a_broken_workbook_lists_every_problem_with_its_cell_and_writes_nothing(tmp_path: Path) -> None:
    book = openpyxl.load_workbook(CALGB)
    values = {row[0].value: row[2] for row in book["Utilities"].iter_rows(min_row=5) if row[0].value}
    values["utility.progression"].value = "0,64"
    values["utility.maintenance"].value = 72
    book.save(tmp_path / "broken.xlsx")
    done = markov("run", "broken.xlsx", folder=tmp_path)
    assert done.returncode == 2
    for name in ("utility.progression", "utility.maintenance"):
        assert f"broken.xlsx, Utilities!{values[name].coordinate}" in done.stderr
    assert "nothing was written" in done.stderr
    assert [p.name for p in tmp_path.iterdir()] == ["broken.xlsx"]


@pytest.mark.parametrize("name", ["missing.xlsx", "."])
def test_a_missing_workbook_or_a_folder_is_named(tmp_path: Path, name: str) -> None:
    done = markov("check", name, folder=tmp_path)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_the_report_never_takes_the_place_of_the_workbook(tmp_path: Path) -> None:
    own = tmp_path / "own.xlsx"
    own.write_bytes(CALGB.read_bytes())
    done = markov("run", own, *SHORT, "--out", own, folder=tmp_path)
    assert done.returncode == 3
    assert own.read_bytes() == CALGB.read_bytes()


def test_a_report_that_cannot_be_written_ends_with_3(tmp_path: Path) -> None:
    (tmp_path / "reports").write_text("a file where the folder should be")
    done = markov("run", CALGB, *SHORT, folder=tmp_path)
    assert done.returncode == 3
    assert "cannot be written" in done.stderr


def test_a_failed_check_ends_with_1_and_the_report_is_written(tmp_path: Path) -> None:
    code = (
        "import markov.analysis.checks as v, markov.analysis.base_case as b, sys\n"
        "from markov.terms import Verdict\n"
        "bad = v.Check('x', 'A check made to fail', '1', '2', Verdict.FAIL)\n"
        "b.verify = lambda *_: (bad,)\n"
        "from markov.cli import main\n"
        f"main(['run', {str(CALGB)!r}])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1
    assert "A check failed" in done.stderr
    assert (tmp_path / "reports" / "calgb_100104.report.xlsx").exists()


def test_new_writes_a_worked_workbook_that_runs_and_never_overwrites(tmp_path: Path) -> None:
    made = markov("new", "mine.xlsx", "--from", "myeloma_ix", folder=tmp_path)
    assert made.returncode == 0, made.stderr
    assert markov("check", "mine.xlsx", folder=tmp_path).returncode == 0
    again = markov("new", "mine.xlsx", folder=tmp_path)
    assert again.returncode == 3
    assert "left as it is" in again.stderr


def test_new_blank_asks_for_what_is_missing_and_nothing_else(tmp_path: Path) -> None:
    assert markov("new", "blank.xlsx", "--strategies", "none,drug", folder=tmp_path).returncode == 0
    done = markov("check", "blank.xlsx", folder=tmp_path)
    assert done.returncode == 2
    problems = done.stderr.splitlines()[:-1]
    assert problems
    assert all("has no value" in p or "has no rows" in p for p in problems), problems


def test_new_names_the_worked_workbooks(tmp_path: Path) -> None:
    done = markov("new", "x.xlsx", "--from", "no_such_trial", folder=tmp_path)
    assert done.returncode == 2
    assert ", ".join(worked_names()) in done.stderr


def test_parameters_lists_ids_values_and_cells(tmp_path: Path) -> None:
    done = markov("parameters", CALGB, "price.", folder=tmp_path)
    assert "price.lenalidomide_10mg.brand" in done.stdout
    assert "3780" in done.stdout
    assert "Drugs and dosing!" in done.stdout


def test_help_of_every_command_is_in_words(tmp_path: Path) -> None:
    top = markov("--help", folder=tmp_path)
    for command in ("run", "check", "parameters", "new", "diff", "upgrade"):
        assert command in top.stdout
        assert markov(command, "--help", folder=tmp_path).stdout.count("\n") > 5


def test_a_terminal_without_a_sign_is_no_reason_to_stop(tmp_path: Path) -> None:
    (tmp_path / "mod−el.xlsx").write_bytes(CALGB.read_bytes())
    command = [sys.executable, "-m", "markov", "check", "mod−el.xlsx"]
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "is sound" in done.stdout


def test_timings_go_to_standard_error(tmp_path: Path) -> None:
    done = markov("run", CALGB, *SHORT, "--timings", folder=tmp_path)
    assert "Running the model and its checks" in done.stderr
    assert "Total" in done.stderr

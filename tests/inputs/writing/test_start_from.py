"""A workbook to start from: blank, or a worked one with the strategies that are wanted."""

from pathlib import Path

import openpyxl
import pytest

from markov.analysis.base_case import base_case
from markov.inputs.definitions.schema import PARAMETER_SHEETS, Sheet, match
from markov.inputs.problems import InputError
from markov.inputs.workbook import read_inputs
from markov.inputs.writing.sources import read_sources, sources_folder
from markov.inputs.writing.start_from import chosen, strategy_ids
from markov.inputs.writing.template import shipped, worked_names, write_workbook
from tests import ROOT
from tests.support.command import markov

INPUTS = ROOT / "inputs"
THREE = "post_transplant_uk"


def started(name: str, strategies: tuple[str, ...], folder: Path) -> Path:
    cover, sheets = read_sources(sources_folder() / name)
    write_workbook(folder / "new.xlsx", cover, chosen(sheets, strategies).sheets)
    return folder / "new.xlsx"


@pytest.mark.parametrize("strategies", [("no_maintenance", "lenalidomide"), ("no_maintenance", "thalidomide")])
def test_a_part_of_a_worked_problem_is_sound_and_has_the_same_values(
    strategies: tuple[str, ...], tmp_path: Path
) -> None:
    whole, part = read_inputs(shipped(THREE)), read_inputs(started(THREE, strategies, tmp_path))
    assert part.compared == strategies
    for key, parameter in part.parameters.items():
        assert parameter.value == whole.parameters[key].value or key.startswith("strategy.included."), key
    for key in whole.parameters:
        found = match(key)
        if found and found[1].get("strategy") in strategies and whole.parameters[key].value:
            assert key in part.parameters, key
    assert {result.strategy for result in part.trial_results} <= set(strategies)
    assert not [p.rule for p in part.warnings if "not used" in p.rule or "of its group" in p.rule]


def test_all_strategies_of_a_worked_problem_are_that_problem(tmp_path: Path) -> None:
    _, sheets = read_sources(sources_folder() / "calgb_100104")
    start = chosen(sheets, ("no_maintenance", "lenalidomide"))
    assert start.remarks == ()
    for sheet in (*PARAMETER_SHEETS, Sheet.SCENARIOS, Sheet.TRIAL_RESULTS):
        assert [row["value"].value for row in start.sheets.rows[sheet]] == [
            r["value"].value for r in sheets.rows[sheet]
        ]


def test_a_strategy_of_ones_own_gets_empty_rows_and_nothing_else_is_missing(tmp_path: Path) -> None:
    path = started("calgb_100104", ("no_maintenance", "lenalidomide", "new_drug"), tmp_path)
    with pytest.raises(InputError) as caught:
        read_inputs(path)
    errors = [problem for problem in caught.value.problems if not problem.warning]
    assert errors
    for problem in errors:
        assert problem.rule.endswith("new_drug has no value"), str(problem)
        assert "!" in problem.place, "its row is there"


def test_new_rows_are_in_the_currency_of_the_worked_problem() -> None:
    _, sheets = read_sources(sources_folder() / "post_transplant_us")
    start = chosen(sheets, (*(row["id"].text() for row in sheets.rows[Sheet.STRATEGIES]), "new_drug"))
    units = [row["unit"].text() for row in start.sheets.rows[Sheet.COSTS] if row["id"].text().endswith(".new_drug")]
    assert units
    assert all(unit.startswith("USD per ") for unit in units)


def test_the_reference_of_others_cannot_be_left_out() -> None:
    _, sheets = read_sources(sources_folder() / THREE)
    with pytest.raises(InputError, match=r"no_maintenance is named by settings\.reference, and cannot be left out"):
        chosen(sheets, ("lenalidomide", "thalidomide"))


def test_scenarios_of_what_was_left_out_go_as_a_whole_and_are_named() -> None:
    _, sheets = read_sources(sources_folder() / THREE)
    start = chosen(sheets, ("no_maintenance", "lenalidomide"))
    left = {row["scenario"].text() for row in start.sheets.rows[Sheet.SCENARIOS]}
    for row in sheets.rows[Sheet.SCENARIOS]:
        name = row["scenario"].text()
        mine = [r for r in sheets.rows[Sheet.SCENARIOS] if r["scenario"].text() == name]
        naming = [r for r in mine if r["id"].text().endswith((".thalidomide", ".bortezomib"))]
        assert (name in left) == (not naming), name
        assert name in left or name in " ".join(start.remarks)


@pytest.mark.parametrize(
    ("text", "names"),
    [("2", ("no_maintenance", "maintenance_1")), ("a, b", ("a", "b")), ("1", ("1",)), ("21", ("21",))],
)
def test_strategies_are_listed_or_counted(text: str, names: tuple[str, ...]) -> None:
    assert strategy_ids(text) == names


# The shipped blank workbook and the command --------------------------------------------------------------------------


def test_the_shipped_blank_workbook_is_what_new_writes(tmp_path: Path) -> None:
    assert markov("new", "blank.xlsx", folder=tmp_path).returncode == 0
    mine, theirs = openpyxl.load_workbook(INPUTS / "blank.xlsx"), openpyxl.load_workbook(tmp_path / "blank.xlsx")
    assert mine.sheetnames == theirs.sheetnames
    for page in mine.worksheets:
        values = [[cell.value for cell in row] for row in page.iter_rows()]
        assert values == [[cell.value for cell in row] for row in theirs[page.title].iter_rows()], page.title


@pytest.mark.parametrize("number", [2, 3, 5])
def test_a_blank_workbook_has_as_many_strategies_as_were_asked_for(number: int, tmp_path: Path) -> None:
    assert markov("new", "new.xlsx", "--strategies", number, folder=tmp_path).returncode == 0
    page = openpyxl.load_workbook(tmp_path / "new.xlsx")["Strategies"]
    assert len([row for row in page.iter_rows(min_row=5, values_only=True) if row[0]]) == number


def test_a_worked_problem_with_a_number_of_strategies(tmp_path: Path) -> None:
    done = markov("new", "new.xlsx", "--from", THREE, "--strategies", 2, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "scenarios that name a strategy left out" in done.stdout
    checked = markov("check", "new.xlsx", folder=tmp_path)
    assert checked.returncode == 0, checked.stderr
    assert "strategies No maintenance, Lenalidomide" in checked.stdout


@pytest.mark.parametrize("text", ["a,a", "A b", "1", "common-drug"])
def test_strategies_that_cannot_be_are_refused_and_nothing_is_written(text: str, tmp_path: Path) -> None:
    done = markov("new", "new.xlsx", "--strategies", text, folder=tmp_path)
    assert done.returncode == 2
    assert "Strategy ids are different short words" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", worked_names())
def test_every_worked_problem_may_be_started_from(name: str, tmp_path: Path) -> None:
    done = markov("new", "new.xlsx", "--from", name, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert markov("check", "new.xlsx", folder=tmp_path).returncode == 0


# A strategy like another, and a workbook of one's own -------------------------------------------------------------


def test_a_strategy_like_another_has_its_results_and_every_figure_of_it_is_assumed(tmp_path: Path) -> None:
    wanted = "no_maintenance,lenalidomide,two_years=lenalidomide"
    done = markov("new", "new.xlsx", "--from", "calgb_100104", "--strategies", wanted, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "two_years: as lenalidomide, every figure an assumption; change what differs" in done.stdout
    inputs = read_inputs(tmp_path / "new.xlsx")
    mine = {p.id: p for p in inputs.parameters.values() if p.id.endswith(".two_years") and p.value is not None}
    theirs = {p.id: p for p in inputs.parameters.values() if p.id.endswith(".lenalidomide") and p.value is not None}
    assert {i.removesuffix("two_years") for i in mine} == {
        i.removesuffix("lenalidomide") for i in theirs if not i.startswith("follow_up.")
    }
    for identifier, parameter in mine.items():
        assert parameter.value == theirs[identifier.removesuffix("two_years") + "lenalidomide"].value
        assert parameter.status in ("", "method", "assumption"), identifier
    outcomes = base_case(inputs).outcomes
    assert outcomes.strategies == ("no_maintenance", "lenalidomide", "two_years")
    assert outcomes.cost[0, 2] == outcomes.cost[0, 1]
    assert outcomes.qaly[0, 2] == outcomes.qaly[0, 1]


@pytest.mark.parametrize("wanted", ["no_maintenance,new=old", "no_maintenance,lenalidomide=no_maintenance"])
def test_a_strategy_can_only_be_like_one_that_is_there(wanted: str, tmp_path: Path) -> None:
    done = markov("new", "new.xlsx", "--from", "calgb_100104", "--strategies", wanted, folder=tmp_path)
    assert done.returncode == 2
    assert "Write NEW=KNOWN" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_workbook_of_ones_own_may_be_started_from_and_is_left_as_it_is(tmp_path: Path) -> None:
    assert markov("new", "mine.xlsx", "--from", "calgb_100104", folder=tmp_path).returncode == 0
    book = openpyxl.load_workbook(tmp_path / "mine.xlsx")
    page = book["Drugs and dosing"]
    row = next(row for row in page.iter_rows() if row[0].value == "price.lenalidomide_10mg.brand")
    row[2].value = 1890.0
    book.create_sheet("My notes")["A1"] = "A note"
    book.save(tmp_path / "mine.xlsx")
    before = (tmp_path / "mine.xlsx").read_bytes()
    done = markov("new", "next.xlsx", "--from", "mine.xlsx", "--strategies", 3, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "not carried over" in done.stdout
    assert (tmp_path / "mine.xlsx").read_bytes() == before
    page = openpyxl.load_workbook(tmp_path / "next.xlsx")["Drugs and dosing"]
    values = {row[0]: row[2] for row in page.iter_rows(values_only=True)}
    assert values["price.lenalidomide_10mg.brand"] == 1890.0


def test_scenarios_are_listed_with_both_values_and_their_reason(tmp_path: Path) -> None:
    done = markov("scenarios", INPUTS / "calgb_100104.xlsx", "never wanes", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "OS effect never wanes"
    assert "    os.waning_start.lenalidomide: 84 → 1000" in lines
    assert lines[-1].startswith("1 scenarios.") or lines[-1].startswith("1 scenario.")
    missed = markov("scenarios", INPUTS / "calgb_100104.xlsx", "nothing of that name", folder=tmp_path)
    assert missed.returncode == 2

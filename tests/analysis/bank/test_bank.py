"""The verification bank: it lists every test, passes on every shipped workbook, and sees every planted bug."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import openpyxl
import pytest

from markov.analysis.bank.bench import Bench
from markov.analysis.bank.registry import Finding, gap, rises, within
from markov.analysis.bank.run import BANK, short_form, verify_workbook
from markov.analysis.base_case import base_case
from markov.analysis.sensitivity.scenarios import applied
from markov.cli import main
from markov.inputs.parameters import Inputs, Value, with_values
from markov.inputs.workbook import read_inputs
from markov.inputs.writing.template import shipped, worked_names
from markov.model.evaluate import evaluate
from markov.report.page import Table
from markov.report.sheets.evidence import checks_page
from markov.terms import Verdict
from tests import ROOT
from tests.planted_bugs import BUGS, Bug

TESTS = {test.id: test for test in BANK}
SCENARIOS = ("TV-70", "TV-78")  # they run every scenario: tests/analysis/sensitivity/test_scenarios.py does so too
RESULTS = (ROOT / "docs" / "verification_results.md").read_text(encoding="utf-8")


# What the bank holds -------------------------------------------------------------------------------------------------


def test_every_test_of_tech_ver_is_there_once_and_the_further_ones_count_on() -> None:
    ids = [test.id for test in BANK]
    assert len(ids) == len(set(ids))
    assert [i for i in sorted(ids) if i.startswith("TV")] == [f"TV-{n:02d}" for n in range(1, 80)]
    assert [i for i in sorted(ids) if i.startswith("FT")] == [f"FT-{n:02d}" for n in range(1, len(ids) - 78)]


def test_what_cannot_apply_or_is_for_the_analyst_says_why(calgb: Inputs) -> None:
    tested = verify_workbook(Bench(calgb), [TESTS[i] for i in ("TV-13", "TV-30", "TV-31", "TV-33", "TV-75")])
    assert [t.check.verdict for t in tested] == [Verdict.NOT_APPLICABLE] * 4 + [Verdict.ANALYST]
    assert all(len(t.check.note) > 40 for t in tested)


# Shipped workbooks ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", worked_names())
def test_nothing_fails_on_a_shipped_workbook_and_each_warning_has_its_reason(name: str) -> None:
    tests = [test for test in BANK if test.id not in SCENARIOS]
    tested = verify_workbook(Bench(read_inputs(shipped(name)), draws=60), tests)
    assert [t.check for t in tested if t.check.verdict is Verdict.FAIL] == []
    assert [t.check for t in tested if t.check.verdict is Verdict.WARN and not t.check.note] == []


def test_scenarios_are_run_where_a_test_says_so(mm015: Inputs) -> None:
    tested = verify_workbook(Bench(mm015, draws=20), [TESTS[i] for i in SCENARIOS])
    assert [t.check.verdict for t in tested] == [Verdict.PASS, Verdict.PASS]
    assert "20 draws, 38 scenarios" in tested[1].check.observed


@pytest.fixture(scope="module")
def mm015() -> Inputs:
    return read_inputs(shipped("mm015"))


@pytest.mark.parametrize(
    ("name", "scenario"),
    [
        ("gem2005mas65", "One move, start of cycle"),
        ("gem2005mas65", "Effect lost on stopping"),
        ("gem2005mas65", "Deaths follow the OS curves"),
        ("mm015", "Horizon 10 years"),
    ],
)
def test_nothing_fails_under_other_conventions(name: str, scenario: str) -> None:
    inputs = read_inputs(shipped(name))
    changed = applied(inputs, [row for row in inputs.scenarios if row.scenario == scenario])
    ids = ("TV-03", "TV-45", "TV-49", "TV-57", "TV-79", "FT-06", "FT-07", "FT-11", "FT-17", "FT-18", "FT-19", "FT-20")
    tested = verify_workbook(Bench(changed, draws=50), [TESTS[i] for i in ids])
    assert [t.check for t in tested if t.check.verdict is Verdict.FAIL] == []


def with_a_curve_from_progression(inputs: Inputs) -> Inputs:
    curve: dict[str, Value] = {"family": "weibull", "shape": 1.1, "scale": 60.0}
    changes = {f"pps.{name}.{s}": value for name, value in curve.items() for s in inputs.compared}
    return with_values(inputs, {"settings.post_progression": "time_since_progression", **changes})


UNUSUAL: dict[str, Callable[[Inputs], Inputs]] = {
    "splines": lambda inputs: with_values(
        inputs,
        {"pfs.family.no_maintenance": "spline_odds", "pfs.knots.no_maintenance": "3; 20; 60"}
        | {f"pfs.gamma{i}.no_maintenance": value for i, value in enumerate((-5.0, 1.4, 0.03))},
    ),
    "tunnels": with_a_curve_from_progression,
    "Simpson's weights": lambda inputs: with_values(inputs, {"settings.correction": "simpson"}),
    "whole years": lambda inputs: with_values(inputs, {"settings.discounting": "whole_years"}),
    "a weekly cycle": lambda inputs: with_values(inputs, {"settings.cycle_days": 7.0, "settings.horizon_years": 15.0}),
    "one strategy": lambda inputs: with_values(inputs, {"strategy.included.lenalidomide": "no"}),
}
WHOLE = ("splines", "tunnels", "one strategy")
OF_TIME = ("TV-14", "TV-37", "TV-41", "TV-45", "TV-46", "TV-47", "TV-48", "TV-50", "FT-04", "FT-05", "FT-08", "FT-20")
SLOW = ("TV-54", "TV-56", "TV-57", "TV-65", "TV-66", "TV-68", "TV-76", "TV-77", "TV-79", *SCENARIOS)


@pytest.mark.parametrize("name", UNUSUAL)
def test_nothing_fails_on_an_unusual_workbook_and_what_does_not_apply_says_why(name: str, calgb: Inputs) -> None:
    wanted = [test for test in BANK if test.id not in SLOW and (name in WHOLE or test.id in OF_TIME)]
    tested = verify_workbook(Bench(UNUSUAL[name](calgb), draws=50), wanted)
    assert [t.check for t in tested if t.check.verdict is Verdict.FAIL] == []
    silent = (Verdict.WARN, Verdict.NOT_APPLICABLE)
    assert [t.test.id for t in tested if t.check.verdict in silent and not t.check.note] == []


@pytest.mark.parametrize(
    ("key", "value", "test", "words"),
    [
        ("price.lenalidomide_10mg.generic", 50.0, "TV-58", "generic 50 (limits 75.6 to 1890)"),
        ("utility.progression", 0.9, "TV-58", "utility.progression 0.9 (limits 0.57 to 0.7)"),
        ("utility.progression", 0.9, "TV-79", "a limit binds"),
        ("settings.utility_cap", "off", "TV-24", "switches the cap off"),
    ],
)
def test_what_the_analyst_chose_asks_for_a_reason_and_does_not_fail(
    key: str, value: str | float, test: str, words: str, calgb: Inputs
) -> None:
    changes = {key: value} | ({"settings.age_adjustment": "off"} if test == "TV-24" else {})
    (tested,) = verify_workbook(Bench(with_values(calgb, changes)), [TESTS[test]])
    assert tested.check.verdict is Verdict.WARN
    assert words in f"{tested.check.observed} {tested.check.note}"


def test_a_base_case_beyond_its_limits_fails(calgb: Inputs) -> None:
    """No workbook that is read has one: the reader refuses it."""
    beyond = replace(calgb.parameters["utility.progression"], value=0.9, base_case=0.9)
    inputs = replace(calgb, parameters={**calgb.parameters, beyond.id: beyond})
    (tested,) = verify_workbook(Bench(inputs), [TESTS["TV-58"]])
    assert tested.check.verdict is Verdict.FAIL


def test_curves_that_must_not_cross_are_capped_in_changed_copies(mm015: Inputs) -> None:
    strict = Bench(with_values(mm015, {"settings.crossing": "error"}))
    assert strict.base.cost == pytest.approx(Bench(mm015).base.cost, rel=1e-12)
    (tested,) = verify_workbook(strict, [TESTS["FT-04"]])
    assert tested.check.verdict is Verdict.PASS


# Planted bugs --------------------------------------------------------------------------------------------------------


def test_there_are_enough_bugs_each_with_a_name_of_its_own() -> None:
    assert len({planted.name for planted in BUGS}) == len(BUGS) >= 25


@pytest.mark.parametrize("planted", BUGS, ids=lambda planted: planted.name)
def test_the_bank_sees_a_planted_bug(planted: Bug, calgb: Inputs, monkeypatch: pytest.MonkeyPatch) -> None:
    planted.plant(monkeypatch)
    tested = verify_workbook(Bench(calgb, draws=100), [TESTS[name] for name in planted.seen_by])
    assert {t.test.id: t.check.verdict for t in tested} == dict.fromkeys(planted.seen_by, Verdict.FAIL)
    assert all(t.check.observed != "it does not" for t in tested), "seen by a comparison, not by an exception"


def test_the_published_table_is_that_of_these_bugs_and_tests() -> None:
    parts = {part.partition("\n")[0]: part for part in RESULTS.split("\n## ")}
    seen = parts["Planted bugs and the tests that see them"]
    bugs = dict(re.findall(r"^\| (.+?) \| [1-9]\d* \| (.+) \|$", seen, re.MULTILINE))
    assert list(bugs) == [planted.name for planted in BUGS], "run python -m tests.results --part bugs"
    assert all(set(planted.seen_by) <= set(bugs[planted.name].split(", ")) for planted in BUGS)
    listed = re.findall(r"^\| ([TF][VT]-\d\d) \| (.+?) \| (.+?) \| (.+?) \| (yes|) \|$", parts["Tests"], re.MULTILINE)
    assert [(i, theme, title, done) for i, theme, title, done, _ in listed] == [
        (test.id, test.theme, test.title, test.done) for test in BANK
    ]
    ours = parts["Shipped workbooks"]
    counts = dict(re.findall(r"^\| `(\w+)` \| (\d+ \| \d+ \| \d+ \| \d+ \| \d+) \|$", ours, re.MULTILINE))
    assert list(counts) == list(worked_names())
    for row in counts.values():
        numbers = [int(cell) for cell in row.split(" | ")]
        assert sum(numbers) == len(BANK)
        assert numbers[2] == 0


# How findings are made -----------------------------------------------------------------------------------------------


def test_what_is_not_a_number_fails() -> None:
    assert gap(np.array([np.nan]), np.array([1.0])) == np.inf
    assert within(np.nan, 1.0, "equal").verdict is Verdict.FAIL
    assert within(2.0, 1.0, "equal", warn=True).verdict is Verdict.WARN


def test_a_rise_is_no_fall_anywhere_and_more_somewhere() -> None:
    one = np.array([1.0, 2.0])
    assert rises(one, one + np.array([0.0, 0.1]))
    assert not rises(one, one)
    assert not rises(one, one + np.array([-0.1, 0.1]))


def test_a_test_that_breaks_down_fails_with_the_reason(calgb: Inputs) -> None:
    def broken(bench: Bench) -> Finding:
        raise ValueError("no such rate")

    (tested,) = verify_workbook(Bench(calgb), [replace(TESTS["TV-01"], run=broken)])
    assert tested.check.verdict is Verdict.FAIL
    assert tested.check.note == "ValueError: no such rate"


def test_the_bench_leaves_the_workbook_alone_and_runs_equal_changes_once(calgb: Inputs) -> None:
    bench = Bench(calgb)
    first = bench.run({"utility.progression": 0.5, "utility.toxicity": 0.5})
    assert bench.run({"utility.toxicity": 0.5, "utility.progression": 0.5}) is first
    assert bench.inputs.value("utility.progression") == calgb.value("utility.progression") == 0.64


# What the bank found -------------------------------------------------------------------------------------------------


OS_RATIO = "os.hazard_ratio.bortezomib_thalidomide"


@pytest.mark.parametrize(
    ("name", "key", "values"),
    [("calgb_100104", "spm.excess_death.solid", (0.2, 0.4)), ("gem2005mas65", OS_RATIO, (0.5, 0.9))],
)
def test_what_only_deaths_depend_on_may_vary_by_row(name: str, key: str, values: tuple[float, ...]) -> None:
    inputs = with_values(read_inputs(shipped(name)), {"settings.post_progression": "overall_survival"})
    outcomes = evaluate(inputs, {key: np.array(values)})
    for row, value in enumerate(values):
        alone = evaluate(with_values(inputs, {key: value}))
        assert outcomes.costs[row] == pytest.approx(alone.costs[0], rel=1e-9)


# The report and the command ------------------------------------------------------------------------------------------


def test_every_report_holds_the_short_form_and_names_the_rest(calgb: Inputs) -> None:
    result = base_case(calgb)
    tested = short_form(calgb, result.outcomes)
    table = next(b for b in checks_page(result, tested).blocks if isinstance(b, Table) and b.key == "bank")
    assert len(table.rows) == sum(test.cheap for test in BANK) >= 25
    assert table.notes[0].startswith(f"The other {len(BANK) - len(table.rows)} tests")


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as left:
        main(["verify", str(shipped("calgb_100104")), *arguments])
    return int(left.value.code or 0)


FEW = ("--only", "TV-01", "--only", "tv-75", "--only", "TV-35")


def test_the_command_writes_a_sheet_and_json_and_says_what_came_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*FEW, "--out", str(tmp_path), "--json", str(tmp_path / "found.json")) == 0
    assert "3 tests: 2 passed, 0 failed, 1 for the analyst to answer." in capsys.readouterr().out
    book = openpyxl.load_workbook(tmp_path / "calgb_100104.verify.xlsx", read_only=True)
    cells = [cell for row in book["Verification"].iter_rows(values_only=True) for cell in row]
    assert "TV-01  Twice the price of a drug is twice its cost, and nothing else" in cells
    found = json.loads((tmp_path / "found.json").read_text(encoding="utf-8"))["verification"]
    assert {t["id"]: t["verdict"] for t in found["tests"]} == {
        "TV-01": "pass",
        "TV-35": "pass",
        "TV-75": "analyst to answer",
    }


def test_a_failure_ends_with_exit_code_1_and_the_report_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    planted = next(b for b in BUGS if b.name == "Generic price charged for the brand")
    planted.plant(monkeypatch)
    assert run("--only", "TV-01", "--out", str(tmp_path)) == 1
    told = capsys.readouterr()
    assert "fail  TV-01" in told.out
    assert "A test failed" in told.err
    assert (tmp_path / "calgb_100104.verify.xlsx").exists()


def test_an_unknown_test_is_bad_input(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--only", "TV-99", "--out", str(tmp_path)) == 2
    assert "TV-01 to TV-79" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []

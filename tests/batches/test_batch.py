"""A batch as an analyst meets it: many scenarios in one command, failures by name, results that others can read."""

import json
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pytest

from markov.analysis.sensitivity.scenarios import applied
from markov.batches.comparison import compare
from markov.batches.keys import Analysis, Keys, program_state
from markov.batches.plan import GridTooLargeError, Request, make_plan
from markov.batches.store import Store, StoreError
from markov.batches.tasks import Totals, run_task
from markov.cli import main
from markov.inputs.given_values import with_values
from markov.inputs.parameters import Inputs, ScenarioChange
from markov.inputs.problems import InputError
from markov.inputs.writing.template import shipped
from markov.model.evaluate import evaluate
from tests import ROOT
from tests.support.command import markov
from tests.support.reports import sheet_names

CALGB, MYELOMA_IX = shipped("calgb_100104"), shipped("myeloma_ix")
DOCS = ROOT / "docs"
BROKEN = {
    "No such id": ("utility.progresion", 0.5),
    "Text for a number": ("utility.progression", "0,5"),
    "Out of range": ("utility.progression", 2.0),
}
COUNTED = 100


def scenario_workbook(path: Path, rows: Sequence[tuple[object, ...]]) -> Path:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "Scenarios"
    for row in (("scenario", "id", "value", "reason"), *rows):
        sheet.append(list(row))
    book.save(path)
    return path


def hundred(path: Path) -> Path:
    """97 sound scenarios, two of them structural, and three that are broken."""
    numbers = [(f"Utility {i}", "utility.progression", 0.40 + 0.002 * i, "A range") for i in range(95)]
    structural = [
        ("Whole years", "settings.discounting", "whole_years", "Older models"),
        ("One move", "settings.within_cycle", "one_move", "Older models"),
    ]
    broken = [(name, *change, "Broken on purpose") for name, change in BROKEN.items()]
    return scenario_workbook(path, [*numbers[:50], *broken, *numbers[50:], *structural])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A batch of 100 shared scenarios, three of them broken, run by the command line."""
    place = tmp_path_factory.mktemp("batch")
    shared = hundred(place / "shared.xlsx")
    command = ("batch", CALGB, "--scenarios", "base", "--shared-scenarios", shared, "--parquet", "--out", "out")
    done = markov(*command, folder=place)
    (place / "code").write_text(f"{done.returncode}\n{done.stdout}\n{done.stderr}", encoding="utf-8")
    return place


def ask(folder: Path, question: str) -> list[tuple[Any, ...]]:
    with sqlite3.connect(folder / "out" / "batch.sqlite") as connection:
        rows = connection.execute(question).fetchall()
    connection.close()
    return rows


# --------------------------------------------------------------------------------------------- failures by name


def test_of_100_scenarios_three_broken_ones_fail_by_name_and_97_have_results(folder: Path) -> None:
    states = dict(ask(folder, "SELECT state, COUNT(*) FROM job_states WHERE scenario <> 'Base case' GROUP BY state"))
    assert states == {"done": COUNTED - 3, "failed": 3}
    failed = ask(folder, "SELECT DISTINCT scenario, place FROM jobs JOIN problems USING (run, job)")
    assert {name for name, _ in failed} == set(BROKEN)
    assert all("Scenarios!" in str(place) and "shared.xlsx" in str(place) for _, place in failed)


def test_the_exit_code_and_the_words_say_that_some_failed(folder: Path) -> None:
    code, *words = (folder / "code").read_text(encoding="utf-8").splitlines()
    assert code == "1"
    told = "\n".join(words)
    assert "98 of 101 jobs have results; 3 failed" in told
    assert 'needs a number, found "0,5". Write 0.5' in told
    assert "utility.progression" in told


def test_status_counts_without_computing(folder: Path) -> None:
    done = markov("batch", "--status", "--out", "out", folder=folder)
    assert done.returncode == 0
    assert "101 jobs: 98 done, 3 failed, 0 left" in done.stdout
    assert len(ask(folder, "SELECT * FROM runs")) == 1


def test_a_bad_workbook_fails_alone_and_a_blank_one_is_left_out(tmp_path: Path) -> None:
    bad = tmp_path / "not_a_workbook.xlsx"
    bad.write_text("hello")
    command = ("batch", CALGB, bad, shipped("blank"), "--scenarios", "Generic prices", "--out", "out")
    done = markov(*command, folder=tmp_path)
    assert done.returncode == 1
    assert "not_a_workbook.xlsx: is not an Excel workbook" in done.stderr
    assert "nothing is filled in: blank" in done.stdout
    assert "2 of 3 jobs have results; 1 failed" in done.stdout


def test_nothing_that_can_be_run_is_bad_input_and_writes_nothing(tmp_path: Path) -> None:
    slip = markov("batch", CALGB, "--scenarios", "Generic price", "--out", "out", folder=tmp_path)
    missing = markov("batch", "nowhere.xlsx", "--out", "out", folder=tmp_path)
    nothing = markov("batch", "--out", "out", folder=tmp_path)
    assert [done.returncode for done in (slip, missing, nothing)] == [2, 2, 2]
    assert 'Did you mean "Generic prices"?' in slip.stderr
    assert "does not exist" in missing.stderr
    assert not (tmp_path / "out").exists()


def test_a_folder_that_cannot_be_used_is_told_before_anything_is_computed(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "batch.sqlite").write_text("no store")
    for place, words in (("taken", "is no folder that can be written"), ("other", "file is not a database")):
        with pytest.raises(StoreError, match=words):
            Store(tmp_path / place)


def test_a_store_of_another_version_is_left_alone_and_told(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.connection.execute("UPDATE about SET value = '7'")
    store.close()
    before = (tmp_path / "batch.sqlite").read_bytes()
    with pytest.raises(StoreError, match=r"is of store version 7; this program writes 1\. Choose another folder"):
        Store(tmp_path)
    assert (tmp_path / "batch.sqlite").read_bytes() == before


def test_a_bad_row_of_the_workbooks_own_scenarios_stops_that_scenario_alone(tmp_path: Path) -> None:
    book = openpyxl.load_workbook(CALGB)
    book["Scenarios"].append(["A slip", "utility.progression", "0,57"])
    book.save(tmp_path / "slip.xlsx")
    plan = make_plan(Request((tmp_path / "slip.xlsx",)))
    failed = [job for job in plan.jobs if job.key is None]
    assert [job.scenario for job in failed] == ["A slip"]
    assert str(failed[0].problems[0]).startswith("slip.xlsx, Scenarios!C")
    assert len(plan.jobs) == 24


# ------------------------------------------------------------------------------------------------- what is computed


def test_results_are_those_of_each_scenario_by_itself(folder: Path, calgb: Inputs) -> None:
    question = (
        "SELECT results.cost, results.qaly FROM jobs JOIN results USING (key) WHERE scenario = '{}' ORDER BY place"
    )
    for name, identifier, value in (
        ("Utility 7", "utility.progression", 0.414),
        ("One move", "settings.within_cycle", "one_move"),
    ):
        alone = evaluate(with_values(calgb, {identifier: value}))
        found = np.array(ask(folder, question.format(name)), dtype=float)
        np.testing.assert_allclose(found, np.stack([alone.cost[0], alone.qaly[0]], axis=1), rtol=1e-12)


def test_random_draws_of_a_scenario_are_those_of_the_psa_command(tmp_path: Path) -> None:
    scenario = ("--scenario", "Generic prices")
    markov("psa", CALGB, *scenario, "--runs", 40, "--json", "psa.json", folder=tmp_path)
    markov("batch", CALGB, "--scenarios", "Generic prices", "--psa", 40, "--out", "out", folder=tmp_path)
    alone = json.loads((tmp_path / "psa.json").read_text())["psa"]
    ((file,),) = ask(
        tmp_path,
        "SELECT file FROM jobs JOIN answers USING (key) WHERE scenario = 'Generic prices' AND file IS NOT NULL",
    )
    with np.load(tmp_path / "out" / str(file)) as draws:
        for i, strategy in enumerate(draws["strategies"].tolist()):
            np.testing.assert_allclose(draws["cost"][:, i], alone["draws"]["cost"][strategy], rtol=1e-12)
    chances = ask(
        tmp_path,
        "SELECT threshold, strategy, probability FROM jobs JOIN acceptability USING (key) "
        "WHERE scenario = 'Generic prices'",
    )
    expected = {(d["threshold"], s): p for d in alone["decisions"] for s, p in d["probability"].items()}
    assert {(t, s): p for t, s, p in chances} == pytest.approx(expected)


def test_a_report_of_each_is_linked_from_the_comparison(tmp_path: Path) -> None:
    done = markov("batch", CALGB, "--scenarios", "Generic prices", "--reports", "--out", "out", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    sheet = openpyxl.load_workbook(tmp_path / "out" / "batch.xlsx")["calgb_100104 totals"]
    targets = [c.hyperlink.target for row in sheet.iter_rows() for c in row if c.hyperlink and c.hyperlink.target]
    reports = [target.replace("\\", "/") for target in targets if target.endswith(".xlsx")]
    assert len(reports) == 2
    titles = [openpyxl.load_workbook(tmp_path / "out" / report)["Summary"]["A1"].value for report in reports]
    assert str(titles[1]).endswith(": Generic prices")


def test_the_order_of_scenarios_and_workbooks_changes_no_result(tmp_path: Path) -> None:
    rows: list[tuple[object, ...]] = [
        (f"Utility {i}", "utility.progression", 0.5 + 0.01 * i, "A range") for i in range(6)
    ]
    rows.append(("One move", "settings.within_cycle", "one_move", "Older models"))
    found: list[dict[tuple[str, str], tuple[Totals, ...]]] = []
    for order, books in ((rows, (CALGB, MYELOMA_IX)), (rows[::-1], (MYELOMA_IX, CALGB))):
        shared = scenario_workbook(tmp_path / f"{len(found)}.xlsx", order)
        plan = make_plan(Request(books, ("base",), shared))
        answers = {answer.key: answer for task in plan.tasks for answer in run_task(task)}
        found.append({(job.workbook, job.scenario): answers[job.key or ""].totals for job in plan.jobs})
    first, second = found
    assert first.keys() == second.keys()
    for case, totals in first.items():
        for one, other in zip(totals, second[case], strict=True):
            assert (one.cost, one.qaly) == pytest.approx((other.cost, other.qaly), rel=1e-12)


# ------------------------------------------------------------------------------------------------------------ keys


def test_a_renamed_or_resaved_workbook_keeps_its_keys_and_an_edited_one_does_not(tmp_path: Path) -> None:
    book = openpyxl.load_workbook(CALGB)
    book["Cover"]["A40"] = "A note"
    book.save(tmp_path / "resaved.xlsx")
    book["Utilities"]["C7"].value = 0.5
    book.save(tmp_path / "edited.xlsx")
    keys = {}
    for path in (CALGB, tmp_path / "resaved.xlsx", tmp_path / "edited.xlsx"):
        keys[path.stem] = [job.key for job in make_plan(Request((path,), draws=10)).jobs]
    assert keys["resaved"] == keys["calgb_100104"]
    assert not set(keys["edited"]) & {*keys["calgb_100104"]} - {None}


def test_a_key_depends_on_what_its_result_depends_on(calgb: Inputs) -> None:
    from dataclasses import replace

    row = calgb.parameters["utility.progression"]
    wider = replace(calgb, parameters={**calgb.parameters, row.id: replace(row, se=0.2)})
    worded = replace(calgb, parameters={**calgb.parameters, row.id: replace(row, source="Another paper")})
    older = replace(calgb, life_table=replace(calgb.life_table, male=calgb.life_table.male * 1.01))
    moved = replace(calgb, parameters=dict(reversed(list(calgb.parameters.items()))))

    def same(analysis: Analysis, *others: Inputs) -> list[bool]:
        keys = Keys(analysis, 10)
        return [keys.of(other) == keys.of(calgb) for other in others]

    assert same(Analysis.BASE, wider, worded, older, moved) == [True, True, False, True]
    assert same(Analysis.PSA, wider, worded, older, moved) == [False, True, False, True]
    assert same(Analysis.REPORT, worded) == [False]


def test_a_second_run_computes_only_what_is_new(folder: Path) -> None:
    before = len(ask(folder, "SELECT * FROM computations"))
    shared = folder / "shared.xlsx"
    command = ("batch", CALGB, "--scenarios", "Generic prices", "--scenarios", "Utility 3", "--shared-scenarios")
    done = markov(*command, shared, "--out", "out", folder=folder)
    assert done.returncode == 0, done.stderr
    new = ask(folder, "SELECT jobs.scenario FROM computations JOIN jobs USING (run, key) WHERE run = 2")
    assert new == [("Generic prices",)]
    assert len(ask(folder, "SELECT * FROM computations")) == before + 1


def test_results_of_another_version_of_the_program_stay_and_all_is_computed_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def told(version: str, *options: str) -> str:
        monkeypatch.setattr("markov.batches.keys.program", lambda: f"markov {version}")
        program_state.cache_clear()
        try:
            with pytest.raises(SystemExit) as left:
                main(["batch", "--out", str(tmp_path / "out"), *options])
        finally:
            monkeypatch.undo()
            program_state.cache_clear()
        assert left.value.code == 0
        return capsys.readouterr().out

    command = (str(CALGB), "--scenarios", "base")
    assert "The last run" not in told("0.1.0", *command)
    assert "1 jobs: 1 done" in told("0.2.0", "--status")
    again = told("0.2.0", *command)
    assert "out was of markov 0.1.0 (" in again
    assert "this is markov 0.2.0 (" in again
    assert "all is computed again" in again
    assert "The last run" not in told("0.2.0", *command)
    programs = [
        str(program)[:12] for (program,) in ask(tmp_path, "SELECT program FROM answers ORDER BY computed, rowid")
    ]
    assert programs == ["markov 0.1.0", "markov 0.2.0"]


# ------------------------------------------------------------------------------------------------- shared and grid


def test_an_id_that_a_workbook_lacks_fails_that_job_and_structural_scenarios_run_everywhere(tmp_path: Path) -> None:
    rows = [
        ("Thalidomide at 100", "price.thalidomide_50mg.brand", 100.0, "Tender"),
        ("Rate after progression", "settings.post_progression", "rate", "Other structure"),
    ]
    request = Request((CALGB, MYELOMA_IX), ("base",), scenario_workbook(tmp_path / "shared.xlsx", rows))
    jobs = {(job.workbook, job.scenario): job for job in make_plan(request).jobs}
    failed = {place: job.problems for place, job in jobs.items() if job.key is None}
    assert list(failed) == [("calgb_100104", "Thalidomide at 100")]
    message = str(failed["calgb_100104", "Thalidomide at 100"][0])
    assert "Scenarios!C2 of shared.xlsx" in message
    assert "names a product that the workbook does not have" in message
    assert len(jobs) == 6


def test_a_grid_holds_every_combination_without_a_contradiction(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ages = [(name, "cohort.age", age, "") for name, age in (("Young", 50), ("Old", 70), ("Also old", 70))]
    rates = [(f"Rate {rate}", "settings.discount_rate.costs", rate, "") for rate in (0.01, 0.02)]
    shared = scenario_workbook(tmp_path / "shared.xlsx", [*ages, *rates])
    (book,) = make_plan(Request((CALGB,), ("base",), shared, grid=True)).books
    assert [(pair.first, pair.second) for pair in book.apart] == [
        *(("Young", "Old"), ("Young", "Also old"), ("Rate 0.01", "Rate 0.02")),
    ]
    # Of the ages none, one of three, or the two old ones; of the rates none or one of two; less none at all.
    found = [set(variant.scenario.split(" + ")) for variant in book.variants[1:]]
    assert len(found) == 5 * 3 - 1
    assert not any({pair.first, pair.second} <= members for pair in book.apart for members in found)
    monkeypatch.setattr("markov.batches.plan.LARGEST_GRID", 13)
    with pytest.raises(GridTooLargeError, match="more than 13"):
        make_plan(Request((CALGB,), ("base",), shared, grid=True))


def test_a_combination_of_a_grid_changes_what_its_parts_change(tmp_path: Path, calgb: Inputs) -> None:
    names = ("Generic prices", "Start at age 53", "Start at age 63")
    done = markov(
        "batch", CALGB, *(word for name in names for word in ("--scenarios", name)), "--grid", "--out", "out",
        folder=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = ask(tmp_path, "SELECT scenario, cost FROM jobs JOIN results USING (key) WHERE place = 1")
    assert [name for name, _ in found if " + " in str(name)] == [
        "Generic prices + Start at age 53",
        "Generic prices + Start at age 63",
    ]
    rows = [row for row in calgb.scenarios if row.scenario in names[:2]]
    both = evaluate(applied(calgb, [ScenarioChange("Both", row.id, row.value) for row in rows]))
    assert dict(found)["Generic prices + Start at age 53"] == pytest.approx(both.cost[0, 1], rel=1e-12)
    assert ask(tmp_path, "SELECT first, second, id FROM conflicts") == [(*names[1:], "cohort.age")]
    assert "Not combined" in sheet_names(tmp_path / "out" / "batch.xlsx")


def test_a_scenario_sheet_without_rows_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no scenario"):
        make_plan(Request((CALGB,), shared=scenario_workbook(tmp_path / "shared.xlsx", [])))


# ---------------------------------------------------------------------------------------- what others make of it

OUTSIDE = """
import sqlite3, sys
import pandas as pd
folder = sys.argv[1]
results, benefit, failed = (pd.read_csv(f"{folder}/{name}.csv") for name in ("results", "net_benefit", "failures"))
for name, table in (("results", results), ("net_benefit", benefit), ("failures", failed)):
    again = pd.read_parquet(f"{folder}/{name}.parquet")
    assert list(again.columns) == list(table.columns)
    pd.testing.assert_frame_equal(again, table, check_dtype=False)
keys = ["workbook", "scenario", "strategy"]
both = benefit.merge(results, on=keys)
expected = both.threshold * both.qaly - both.cost
assert (abs(both.net_benefit - expected) <= 1e-6).all()
best = both.loc[both.groupby(["workbook", "scenario", "threshold"]).net_benefit.idxmax()]
assert best.optimal.all() and both.optimal.sum() == len(best)
compared = results.dropna(subset=["delta_cost"])
reference = results.merge(compared, left_on=keys, right_on=["workbook", "scenario", "versus"], suffixes=("_0", ""))
assert (abs(reference.cost - reference.cost_0 - reference.delta_cost) < 1e-6).all() and len(reference) == len(compared)
gain = both.pivot_table(index=["scenario", "threshold"], columns="strategy", values="net_benefit")
gain = gain["lenalidomide"] - gain["no_maintenance"]
change = (gain - gain.loc["Base case"].reindex(gain.index.get_level_values(1)).to_numpy()).rename("expected")
told = both[both.strategy == "lenalidomide"].set_index(["scenario", "threshold"]).change_from_base
assert (abs(told - change) <= 0.005).all()
parts = results[[name for name in results if name.startswith("cost_")]].sum(axis=1)
assert (abs(parts - results.cost) < 1e-6).all()
connection = sqlite3.connect(f"{folder}/batch.sqlite")
stored = pd.read_sql("SELECT scenario, strategy, cost, qaly FROM jobs JOIN results USING (key)", connection)
merged = stored.merge(results, on=["scenario", "strategy"], suffixes=("", "_csv"))
assert (merged.cost == merged.cost_csv).all() and (merged.qaly == merged.qaly_csv).all() and len(merged) == len(results)
assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
connection.close()
assert not any(name == "markov" or name.startswith("markov.") for name in sys.modules)
print(len(results), len(failed))
"""


def test_the_store_opens_with_sqlite_and_the_exports_with_pandas_alone(folder: Path, tmp_path: Path) -> None:
    script = tmp_path / "outside.py"
    script.write_text(OUTSIDE)
    again = hundred(tmp_path / "shared.xlsx")
    markov(
        "batch", CALGB, "--scenarios", "base", "--shared-scenarios", again, "--parquet", "--out", "out", folder=tmp_path
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", script, tmp_path / "out"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [str(2 * (COUNTED - 3 + 1)), "3"]


def test_results_are_a_tidy_frame(folder: Path) -> None:
    store = Store(folder / "out")
    frame = compare(store, 1).to_frame()
    store.close()
    assert list(frame.columns) == ["workbook", "scenario", "strategy", "measure", "value"]
    assert frame["value"].notna().all() and not frame.duplicated(["workbook", "scenario", "strategy", "measure"]).any()
    wide = frame.pivot(index=["scenario", "strategy"], columns="measure", values="value")
    assert len(wide) == 2 * (COUNTED - 3 + 1)
    question = "SELECT scenario, strategy, cost FROM jobs JOIN results USING (key) WHERE run = 1"
    stored = {(scenario, strategy): cost for scenario, strategy, cost in ask(folder, question)}
    assert {key: wide["cost"][key] for key in wide.index} == stored
    parts = [name for name in wide if str(name).startswith("cost_")]
    np.testing.assert_allclose(wide[parts].sum(axis=1), wide["cost"], rtol=1e-12)
    np.testing.assert_allclose(wide["net_benefit_25000"], 25_000 * wide["qaly"] - wide["cost"], atol=1e-6)
    assert wide["delta_cost"].notna().sum() == len(wide) / 2, "one of the two is the reference"


def test_the_comparison_shows_every_scenario_beside_the_base_case(tmp_path: Path) -> None:
    markov("batch", CALGB, "--scenarios", "Generic prices", "--out", "out", folder=tmp_path)
    book = openpyxl.load_workbook(tmp_path / "out" / "batch.xlsx")
    expected = "Summary, Decision, Largest changes, calgb_100104, calgb_100104 totals, Scenario inputs, Failures"
    assert book.sheetnames == [*expected.split(", "), "Provenance"]
    rows: list[list[Any]] = [[cell.value for cell in row] for row in book["calgb_100104"].iter_rows()]
    header = next(row for row in rows if row[0] == "Scenario")
    base, generic = (next(row for row in rows if row[0] == name) for name in ("Base case", "Generic prices"))
    gain, change = header.index("Net benefit gained at 25,000 (GBP)"), header.index("Change from base at 25,000 (GBP)")
    assert generic[change] == pytest.approx(generic[gain] - base[gain])
    assert "per QALY gained" in str(base[header.index("Cost-effectiveness ratio")])
    decision = [[cell.value for cell in row] for row in book["Decision"].iter_rows()]
    assert ["No maintenance", "Lenalidomide"] in [row[3:5] for row in decision]
    assert len(getattr(book["Largest changes"], "_charts")) == 1  # noqa: B009 - private, and in no stub


def test_every_table_and_column_of_the_store_is_documented(tmp_path: Path) -> None:
    page = (DOCS / "batch.md").read_text(encoding="utf-8")
    store = Store(tmp_path)
    for (table,) in store.rows("SELECT name FROM sqlite_master WHERE type IN ('table', 'view')"):
        assert f"`{table}`" in page, table
        for column in store.rows(f"PRAGMA table_info({table})"):
            told = f"`{column['name']}`" in page or column["name"].startswith("cost_")
            assert told, f"{table}.{column['name']}"
    store.close()

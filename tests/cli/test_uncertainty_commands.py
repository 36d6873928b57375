"""The commands on uncertainty as an analyst meets them: what they print, what their reports hold, how they end."""

import csv
import gzip
import json
from pathlib import Path

import numpy as np
import openpyxl
import pytest

from markov.analysis.draws import random_draws
from markov.analysis.sensitivity.scenarios import applied
from markov.inputs.parameters import Inputs, with_values
from markov.inputs.writing.template import shipped
from markov.model.evaluate import evaluate
from tests.support.command import markov
from tests.support.reports import cells, sheet_names

CALGB = shipped("calgb_100104")
CARRIED = ("Inputs in full", "Population tables", "Evidence and scenarios", "Provenance")
GENERIC = ("--set", "settings.price_set=generic")


def test_psa_prints_and_writes_what_the_draws_say(calgb: Inputs, tmp_path: Path) -> None:
    out = tmp_path / "psa.xlsx"
    done = markov(
        "psa", CALGB, *GENERIC, "--runs", 80, "--seed", 3, "--out", out, "--json", "psa.json", folder=tmp_path
    )
    assert done.returncode == 0, done.stderr
    inputs = with_values(calgb, {"settings.price_set": "generic"})
    outcomes = evaluate(inputs, random_draws(inputs, 80, seed=3))
    gain = 35_000 * (outcomes.qaly[:, 1] - outcomes.qaly[:, 0]) - (outcomes.cost[:, 1] - outcomes.cost[:, 0])
    data = json.loads((tmp_path / "psa.json").read_text())["psa"]
    at = next(d for d in data["decisions"] if d["threshold"] == 35_000)
    assert at["probability"]["lenalidomide"] == pytest.approx(float((gain > 0).mean()))
    np.testing.assert_allclose(data["draws"]["cost"]["lenalidomide"], outcomes.cost[:, 1], rtol=1e-12)
    assert at["evpi"] == pytest.approx(float(np.maximum(gain, 0).mean() - max(gain.mean(), 0.0)), rel=1e-9)
    assert f"best in {max((gain > 0).mean(), (gain <= 0).mean()):.0%} of 80 draws" in done.stdout
    sheets = "Probabilistic,CE plane,CEAC and CEAF,Convergence,Draw checks,Drawn inputs,Chart data,Draws"
    assert sheet_names(out) == [*sheets.split(","), *CARRIED]
    assert sum(share["probability"] for share in data["severity_weights"]) == pytest.approx(1.0)
    kept = [row for row in cells(out, "Draws") if isinstance(row[0], int)]
    assert len(kept) == 80 and kept[0][-2] == pytest.approx(data["draws"]["life_years"]["lenalidomide"][0])
    verdicts = [row[3] for row in cells(out, "Draw checks") if row[3] in ("pass", "warn", "fail")]
    assert len(verdicts) > 5
    assert "fail" not in verdicts


def test_psa_runs_a_scenario_with_the_same_random_numbers(calgb: Inputs, tmp_path: Path) -> None:
    name = "Weibull PFS"
    files = ("--json", "s.json", "--out", tmp_path / "s.xlsx")
    done = markov("psa", CALGB, "--scenario", name, "--runs", 5, "--seed", 1, *files, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    rows = [change for change in calgb.scenarios if change.scenario == name]
    changed = applied(calgb, rows)
    expected = evaluate(changed, random_draws(changed, 5, seed=1)).cost[:, 0]
    draws = json.loads((tmp_path / "s.json").read_text())["psa"]["draws"]
    np.testing.assert_allclose(draws["cost"]["no_maintenance"], expected, rtol=1e-12)
    unknown = markov("psa", CALGB, "--scenario", "no such", folder=tmp_path)
    assert unknown.returncode == 2
    assert name in unknown.stderr


def test_sobol_names_the_leading_input_and_lists_every_index(tmp_path: Path) -> None:
    out = tmp_path / "sobol.xlsx"
    done = markov("sobol", CALGB, "--points", 16, "--no-second-order", "--resamples", 20, "--out", out, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "Incremental net benefit of lenalidomide at £25,000 per QALY: " in done.stdout
    rows = cells(out, "Sobol indices")
    assert "Not converged" in done.stdout and "would be enough" in done.stdout
    ids = {row[1] for row in rows if isinstance(row[1], str) and "." in row[1]}
    assert "toxicity.proportion.lenalidomide" in ids
    assert len(ids) > 25
    refused = markov("sobol", CALGB, "--points", 1000, folder=tmp_path)
    assert refused.returncode == 2
    assert "power of two" in refused.stderr


def test_voi_values_follow_up_where_the_workbook_says_who_was_randomised(tmp_path: Path) -> None:
    out, files = tmp_path / "b.xlsx", ("--json", "voi.json")
    done = markov("voi", CALGB, *GENERIC, "--years", "4,1", "--runs", 200, "--out", out, *files, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert sheet_names(out) == ["EVPI and EVPPI", "Follow-up value", *CARRIED]
    (found,) = json.loads((tmp_path / "voi.json").read_text())["voi"]["follow_up"]
    assert [wait["years"] for wait in found["waits"]] == [1.0, 4.0, 1.0, 4.0]  # two thresholds
    variances = [wait["variance"] for wait in found["waits"]]
    assert variances[0] > variances[1] == variances[3]
    rows = [row for row in cells(out, "Follow-up value") if row[0] in (1, 4)]
    assert len(rows) == 8  # two thresholds, for a patient and for the population
    bad = markov("voi", CALGB, "--years", "soon", folder=tmp_path)
    assert bad.returncode == 2
    assert "--years takes numbers" in bad.stderr


ALL = ("--all", "--base-only", "--no-live", "--runs", 1100, "--points", 8, "--years", "2")


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report with every analysis of uncertainty, its numbers and its draws, in one folder."""
    folder = tmp_path_factory.mktemp("all")
    done = markov("run", CALGB, *GENERIC, *ALL, "--out", "all.xlsx", "--json", "all.json", folder=folder)
    assert done.returncode == 0, done.stderr
    assert done.stderr == "", "quiet when not a terminal"
    return folder


def test_one_command_answers_how_sure_what_drives_it_and_whether_to_wait(everything: Path) -> None:
    sheets = sheet_names(everything / "all.xlsx")
    wanted = "Probabilistic,CE plane,CEAC and CEAF,Convergence,Draw checks,Drawn inputs,Sobol,EVPI and EVPPI"
    asked = [*wanted.split(","), "Follow-up value", "Importance"]
    start = sheets.index("Probabilistic")
    assert sheets[start : start + len(asked)] == asked
    data_at = sheets.index("Sobol indices")
    assert data_at > start and sheets[data_at : data_at + 3] == ["Sobol indices", "Chart data", "Draws"]
    data = json.loads((everything / "all.json").read_text())
    assert {"psa", "sobol", "voi", "importance", "strategies"} <= set(data)


def test_value_of_information_rests_on_the_draws_of_the_probabilistic_analysis(everything: Path) -> None:
    data = json.loads((everything / "all.json").read_text())
    for decision, perfect in zip(data["psa"]["decisions"], data["voi"]["perfect"], strict=True):
        assert decision["evpi"] == pytest.approx(perfect["value"], rel=1e-12)
    for table in data["importance"]:
        totals = {row["factor"]: row["total"] for row in table["rows"]}
        output = next(o for o in data["sobol"]["outputs"] if o["output"] == table["output"])
        assert totals == {row["factor"]: row["total"] for row in output["indices"]}
        worth = {v["name"]: v["value"] for v in data["voi"]["single"] if v["threshold"] == table["threshold"]}
        assert {row["factor"]: row["evppi"] for row in table["rows"]} == worth
        assert any(row["swing"] for row in table["rows"])


def test_many_draws_stand_beside_the_report_and_the_sheet_says_so(everything: Path) -> None:
    file = everything / "all.draws.csv.gz"
    words = " ".join(str(row[0]) for row in cells(everything / "all.xlsx", "Draws") if row[0])
    assert file.name in words and "1,100 draws" in words
    with gzip.open(file, "rt", encoding="utf-8") as text:
        rows = list(csv.DictReader(text))
    data = json.loads((everything / "all.json").read_text())["psa"]["draws"]
    assert [float(row["qaly.lenalidomide"]) for row in rows] == data["qaly"]["lenalidomide"]
    assert float(rows[3]["os.hazard_ratio.lenalidomide"]) > 0.0


def test_the_same_seed_gives_the_same_bytes_and_another_other_draws(tmp_path: Path) -> None:
    texts = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        files = ("--json", f"{name}.json", "--out", f"{name}.xlsx")
        done = markov("psa", CALGB, *GENERIC, "--runs", 400, "--seed", seed, *files, folder=tmp_path)
        assert done.returncode == 0, done.stderr
        texts.append((tmp_path / f"{name}.json").read_bytes())
    assert texts[0] == texts[1] != texts[2]
    tables = [[cells(tmp_path / f"{name}.xlsx", sheet) for sheet in ("Probabilistic", "Draws")] for name in "ab"]
    assert tables[0] == tables[1]
    one, two = (json.loads(text)["psa"] for text in (texts[0], texts[2]))
    for first, second in zip(one["summaries"], two["summaries"], strict=True):
        gap = abs(first["mean"] - second["mean"])
        assert gap <= 4.5 * (first["standard_error"] ** 2 + second["standard_error"] ** 2) ** 0.5
    assert [d["best"] for d in one["decisions"]] == [d["best"] for d in two["decisions"]]


def test_draws_are_exported_as_other_programs_read_them(tmp_path: Path) -> None:
    done = markov("psa", CALGB, "--runs", 30, "--export", "out", "--out", "r.xlsx", "--json", "r.json", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    with (tmp_path / "out" / "effects.csv").open() as file:
        effects = list(csv.DictReader(file))
    draws = json.loads((tmp_path / "r.json").read_text())["psa"]["draws"]
    assert [float(row["lenalidomide"]) for row in effects] == draws["qaly"]["lenalidomide"]
    sizes = {name: len((tmp_path / "out" / name).read_text().splitlines()) for name in ("parameters.csv", "costs.csv")}
    assert set(sizes.values()) == {31}
    assert "BCEA::bcea" in (tmp_path / "out" / "README.txt").read_text()


def test_scenarios_are_averaged_by_their_weights(calgb: Inputs, tmp_path: Path) -> None:
    none = markov("psa", CALGB, "--average", "--runs", 20, folder=tmp_path)
    assert none.returncode == 2 and "no scenario has a weight" in none.stderr
    book = openpyxl.load_workbook(CALGB)
    sheet = book["Scenarios"]
    header = next(row for row in sheet.iter_rows() if row[0].value == "scenario")
    at = {str(cell.value): int(cell.column or 0) for cell in header}
    row = next(r for r in range(1, 60) if sheet.cell(r, 1).value == "Weibull PFS")
    sheet.cell(row, at["weight"]).value = 0.25
    book.save(tmp_path / "weighed.xlsx")
    files = ("--json", "w.json", "--out", "w.xlsx")
    done = markov("psa", "weighed.xlsx", "--average", "--runs", 40, *files, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    told = json.loads((tmp_path / "w.json").read_text())["psa"]["structures"]
    assert [(one["name"], one["weight"], one["runs"]) for one in told] == [
        ("Base case", 0.75, 30),
        ("Weibull PFS", 0.25, 10),
    ]
    assert "Structural average" in sheet_names(tmp_path / "w.xlsx")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("run", "--all", "--points", 1000), "power of two"),
        (("run", "--all", "--draws", "tape"), "--draws takes csv, parquet or none"),
        (("psa", "--average", "--scenario", "x"), "--average goes with neither"),
        (("sobol", "--set", "strategy.included.lenalidomide=no", "--points", 4), "only one is compared"),
    ],
)
def test_what_cannot_be_done_is_said_before_anything_is_written(
    arguments: tuple[object, ...], told: str, tmp_path: Path
) -> None:
    command, *options = arguments
    done = markov(command, CALGB, *options, folder=tmp_path)
    assert done.returncode == 2 and told in done.stderr
    assert list(tmp_path.iterdir()) == []

"""The commands on uncertainty as an analyst meets them: what they print, what their reports hold, how they end."""

import json
from pathlib import Path

import numpy as np
import openpyxl
import pytest
from test_cli import markov

from markov.analysis.designs import random_draws
from markov.analysis.scenarios import applied
from markov.inputs.parameters import Inputs, with_values
from markov.inputs.template import shipped
from markov.model.evaluate import evaluate

CALGB = shipped("calgb_100104")
GENERIC = ("--set", "settings.price_set=generic")


def cells(path: Path, sheet: str) -> list[list[object]]:
    return [[cell.value for cell in row] for row in openpyxl.load_workbook(path)[sheet].iter_rows()]


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
    assert {"Probabilistic", "Draw checks", "Draws", "Provenance"} == set(openpyxl.load_workbook(out).sheetnames)
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
    assert "Incremental net benefit of lenalidomide at GBP 25,000 per QALY: " in done.stdout
    rows = cells(out, "Sobol indices")
    ids = {row[1] for row in rows if isinstance(row[1], str) and "." in row[1]}
    assert "toxicity.proportion.lenalidomide" in ids
    assert len(ids) > 25
    refused = markov("sobol", CALGB, "--points", 1000, folder=tmp_path)
    assert refused.returncode == 2
    assert "power of two" in refused.stderr


def test_voi_values_follow_up_where_the_workbook_says_who_is_followed(tmp_path: Path) -> None:
    without = markov("voi", CALGB, "--runs", 60, "--out", tmp_path / "a.xlsx", folder=tmp_path)
    assert without.returncode == 0, without.stderr
    assert "Longer follow-up is not valued: fill follow_up.at_risk.lenalidomide" in without.stdout
    followed = ("--set", "follow_up.at_risk.lenalidomide=120", "--set", "follow_up.at_risk.no_maintenance=100")
    out = tmp_path / "b.xlsx"
    done = markov("voi", CALGB, *GENERIC, *followed, "--years", "1,4", "--runs", 60, "--out", out, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    rows = [row for row in cells(out, "Value of information") if row[0] in ("1 years", "4 years")]
    assert len(rows) == 4  # two thresholds
    learned = {row[0]: float(str(row[3])) for row in rows}
    assert 0.0 < learned["1 years"] < learned["4 years"] < 1.0
    bad = markov("voi", CALGB, "--years", "soon", folder=tmp_path)
    assert bad.returncode == 2
    assert "--years takes numbers" in bad.stderr

"""The readable sources: evidence keeps its status on the way in, and what was derived is derived again here."""

import csv
import math
import re
import tomllib
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from markov.inputs.parameters import Inputs, Value, with_values
from markov.inputs.rules.between_values import scenario_changes, scenario_names
from markov.inputs.workbook import read_inputs
from markov.inputs.writing.sources import read_sources, sources_folder
from markov.inputs.writing.template import build, shipped, worked_names
from markov.model.evaluate import evaluate
from markov.terms import Array, Status

CHECKED = (Status.SEED, Status.READ)
SAID_IN_WORDS = ("product.", "adverse_event.days.", "spm.disutility_duration.", "spm.share_haematologic.")
"""Figures that stand in the words of a register row whose number is another one: a pack's size beside its price."""


def read(path: Path) -> list[dict[str, str]]:
    """Rows of a CSV file."""
    return list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))


REGISTER = {row["row"]: row for row in read(sources_folder() / "evidence.csv")}


def rows_of(folder: Path) -> list[dict[str, str]]:
    """Rows of values and of trial results in a folder of sources."""
    found = []
    for name in ("parameters.csv", "trial_results.csv"):
        if (folder / name).exists():
            found += read(folder / name)
    return found


FOLDERS = sorted({path.parent for path in sources_folder().glob("*/parameters.csv")})


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_no_value_is_called_read_that_the_register_does_not_call_so(folder: Path) -> None:
    for row in rows_of(folder):
        named = re.findall(r"\b[TE]\d{3}\b", row["page"])
        assert set(named) <= set(REGISTER), row["page"]
        if row["status"] in CHECKED:
            weak = [key for key in named if REGISTER[key]["status"] not in CHECKED]
            assert not weak, (row.get("id") or row.get("endpoint"), weak)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_every_figure_names_its_source_and_a_known_status(folder: Path) -> None:
    for row in rows_of(folder):
        assert row["status"] in ("", *Status)
        if row["status"]:
            assert row["source"], row


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_single_figure_of_the_register_is_copied_without_a_slip(folder: Path) -> None:
    """A value called seed, read or unverified, with one row of the register, is that row's number."""
    compared = 0
    for row in rows_of(folder):
        named = re.findall(r"\b[TE]\d{3}\b", row["page"])
        elsewhere = row.get("id", "").startswith(SAID_IN_WORDS)
        if len(named) != 1 or elsewhere or row["status"] in ("", Status.DERIVED, Status.ASSUMPTION):
            continue
        told, kept = REGISTER[named[0]]["value"], row["value"]
        try:
            number = float(told)
        except ValueError:
            continue
        compared += 1
        assert float(kept) == pytest.approx(number, rel=1e-9), (row, told)
    assert compared >= 2


@pytest.mark.parametrize("name", worked_names())
def test_adverse_events_that_a_trial_does_not_report_are_left_out(name: str) -> None:
    _, sheets = read_sources(sources_folder() / name)
    rows = next(rows for sheet, rows in sheets.rows.items() if sheet == "Adverse events")
    ids = [row["id"].text() for row in rows]
    reported = {i.split(".")[2] for i in ids if i.startswith("adverse_event.proportion.")}
    assert {i.split(".")[2] for i in ids} == reported


# Every decision problem ----------------------------------------------------------------------------------------------

NEW = ("gem2005mas65", "hovon65", "ifm_2005_02", "mm015", "post_transplant_uk", "post_transplant_us")
STANDING = (
    "settings.horizon_years",
    "settings.correction",
    "settings.age_adjustment",
    "settings.price_set",
    "settings.post_progression",
    "settings.discount_rate.costs",
    "cohort.age",
    "utility.maintenance",
    "utility.progression",
)
"""What a reviewer expects to see changed; curves, waning, stops, therapy and malignancies are by strategy, below."""
BY_STRATEGY = (
    "pfs.family.",
    "pfs.waning_end.",
    "pps.family.",
    "toxicity.proportion.",
    "toxicity.after_stopping.",
    "dose.relative_intensity.",
    "spm.rate.",
    "subsequent.monthly_cost.",
)


@cache
def built(name: str) -> Inputs:
    return read_inputs(shipped(name))


@pytest.mark.parametrize("name", NEW)
def test_the_standing_scenarios_are_there(name: str) -> None:
    inputs = built(name)
    changed = {change.id for change in inputs.scenarios}
    assert set(STANDING) <= changed
    for start in BY_STRATEGY:
        assert [identifier for identifier in changed if identifier.startswith(start)], start
    families = {change.value for change in inputs.scenarios if change.id.startswith("pfs.family.")}
    families |= {inputs.value(f"pfs.family.{inputs.reference}")}
    assert {"exponential", "weibull", "gompertz", "log_normal", "log_logistic", "gamma"} <= families
    if inputs.value("settings.post_progression") == "overall_survival":
        assert {"OS effect never wanes", "No effect on OS", "OS effect wanes years 5 to 10"} <= set(
            scenario_names(inputs)
        )


@pytest.mark.parametrize("name", NEW)
def test_no_scenario_repeats_the_base_case(name: str) -> None:
    inputs = built(name)
    for scenario in scenario_names(inputs):
        changes = scenario_changes(inputs, scenario)
        assert any(inputs.value(identifier) != value for identifier, value in changes.items()), scenario


@pytest.mark.parametrize("name", NEW)
def test_scenarios_give_a_reason_and_results_a_comment(name: str) -> None:
    inputs = built(name)
    assert all(change.reason for change in inputs.scenarios)
    assert all(result.comment for result in inputs.trial_results)
    assert len(inputs.trial_results) >= 8


# Figures that were derived -------------------------------------------------------------------------------------------

BY_ARM: dict[str, Value] = {"settings.post_progression": "rate", "settings.post_progression_rate": "by_strategy"}
ONE_RATE: dict[str, Value] = {"settings.post_progression": "rate", "settings.post_progression_rate": "common"}
CALIBRATED: list[tuple[str, str, str, float, float]] = [  # workbook, scenario, strategy, months, share alive
    ("ifm_2005_02", "", "no_maintenance", 88.1, 0.5),
    ("ifm_2005_02", "", "lenalidomide", 105.9, 0.5),
    ("ifm_2005_02", "Rates after progression from 5-year OS", "no_maintenance", 60.0, 0.67),
    ("ifm_2005_02", "Rates after progression from 5-year OS", "lenalidomide", 60.0, 0.68),
    ("mm015", "From diagnosis", "no_maintenance", 51.9, 0.5),
    ("mm015", "From diagnosis", "lenalidomide", 55.9, 0.5),
    ("gem2005mas65", "", "bortezomib_prednisone", 60.0, 0.50),
    ("gem2005mas65", "", "bortezomib_thalidomide", 60.0, 0.69),
    ("hovon65", "", "thalidomide", 60.0, 0.55),
    ("hovon65", "", "bortezomib", 60.0, 0.61),
    ("post_transplant_uk", "", "no_maintenance", 86.0, 0.5),
    ("post_transplant_us", "", "no_maintenance", 86.0, 0.5),
]


def alive(inputs: Inputs, months: float) -> Array:
    """Share alive at a time by strategy, by interpolation on the logarithm."""
    trace = evaluate(inputs, trace=True).trace
    assert trace is not None
    return np.array([np.exp(np.interp(months / 12.0, trace.boundaries, np.log(os))) for os in trace.curves["os"][0]])


@pytest.mark.parametrize(("name", "scenario", "strategy", "months", "share"), CALIBRATED)
def test_recorded_rates_meet_the_survival_they_name(
    name: str, scenario: str, strategy: str, months: float, share: float
) -> None:
    inputs = with_values(built(name), BY_ARM | scenario_changes(built(name), scenario))
    assert alive(inputs, months)[inputs.compared.index(strategy)] == pytest.approx(share, abs=2e-4)


@pytest.mark.parametrize(
    ("name", "scenario", "months", "share"),
    [("gem2005mas65", "", 60.0, (91 * 0.69 + 87 * 0.50) / 178), ("hovon65", "", 60.0, (0.61 + 0.55) / 2)],
)
def test_a_common_rate_meets_the_survival_of_both_arms(name: str, scenario: str, months: float, share: float) -> None:
    inputs = with_values(built(name), ONE_RATE | scenario_changes(built(name), scenario))
    assert float(alive(inputs, months).mean()) == pytest.approx(share, abs=1e-3)


@pytest.mark.parametrize("name", ["ifm_2005_02", "post_transplant_uk", "post_transplant_us"])
def test_a_rate_by_strategy_meets_the_median_of_the_curve_that_it_replaces(name: str) -> None:
    inputs = built(name)
    if name == "ifm_2005_02":  # calibrated to the published medians, one of which the hazard ratio does not meet
        assert inputs.value("post_progression.excess_rate.common") == inputs.value(
            "post_progression.excess_rate.no_maintenance"
        )
        return
    anchored = evaluate(inputs).curves["os"].median[0]
    by_rate = evaluate(with_values(inputs, BY_ARM)).curves["os"].median[0]
    np.testing.assert_allclose(12.0 * by_rate, 12.0 * anchored, atol=0.06)


SHAPES = [  # workbook, id, hazard ratio, medians
    ("mm015", "pfs.shape.no_maintenance", 0.34, 26.0, 7.0),
    ("hovon65", "pfs.shape.thalidomide", 0.75, 35.0, 28.0),
]


@pytest.mark.parametrize(("name", "identifier", "ratio", "longer", "shorter"), SHAPES)
def test_identified_shapes_return_both_medians(
    name: str, identifier: str, ratio: float, longer: float, shorter: float
) -> None:
    inputs = built(name)
    assert inputs.value(identifier) == pytest.approx(-math.log(ratio) / math.log(longer / shorter), abs=5e-4)
    medians = 12.0 * evaluate(inputs).curves["pfs_net_of_spm"].median[0]
    np.testing.assert_allclose(medians, [shorter, longer], rtol=2e-3)


def pooled(rows: list[dict[str, str]]) -> tuple[float, float, float, float]:
    """Fixed-effect mean, random-effects mean, its error and the between-trial variance of log hazard ratios.

    Source: DerSimonian and Laird 1986, Control Clin Trials 7:177.
    """
    logs = [math.log(float(row["hazard ratio"])) for row in rows]
    errors = [math.log(float(row["high"]) / float(row["low"])) / (2 * 1.959964) for row in rows]
    weights = [1 / error**2 for error in errors]
    fixed = sum(w * y for w, y in zip(weights, logs, strict=True)) / sum(weights)
    spread = sum(w * (y - fixed) ** 2 for w, y in zip(weights, logs, strict=True))
    excess = (spread - len(logs) + 1) / (sum(weights) - sum(w * w for w in weights) / sum(weights))
    between = max(excess, 0.0)
    weights = [1 / (error**2 + between) for error in errors]
    mean = sum(w * y for w, y in zip(weights, logs, strict=True)) / sum(weights)
    return math.exp(fixed), math.exp(mean), sum(weights) ** -0.5, between


def of_lenalidomide(endpoint: str) -> list[dict[str, str]]:
    rows = read(sources_folder() / "post_transplant_uk" / "network.csv")
    rows = [row for row in rows if row["endpoint"] == endpoint and row["included"] == "yes"]
    return [row for row in rows if row["treatment"] == "lenalidomide"]


def test_the_survival_effect_of_lenalidomide_is_the_pool_of_the_trials_of_the_network() -> None:
    _, mean, error, between = pooled(of_lenalidomide("os"))
    row = built("post_transplant_uk").parameters["os.hazard_ratio.lenalidomide"]
    assert row.value == pytest.approx(mean, abs=0.005)
    another_trial = 1.96 * math.sqrt(error**2 + between)
    assert (row.low, row.high) == pytest.approx(
        (mean * math.exp(-another_trial), mean * math.exp(another_trial)), abs=0.01
    )


def test_the_progression_effect_of_the_network_scenario_is_its_fixed_effect_pool() -> None:
    fixed, *_ = pooled(of_lenalidomide("pfs"))
    changes = scenario_changes(built("post_transplant_uk"), "PFS hazard ratios of the network")
    assert changes["pfs.hazard_ratio.lenalidomide"] == pytest.approx(fixed, abs=0.005)


def test_network_figures_are_the_registers() -> None:
    for row in read(sources_folder() / "post_transplant_uk" / "network.csv"):
        (key,) = re.findall(r"\b[TE]\d{3}\b", row["page"])
        told = REGISTER[key]
        figures = [float(told[header]) for header in ("value", "low", "high")]
        assert [float(row[header]) for header in ("hazard ratio", "low", "high")] == figures, row
        assert row["status"] == told["status"], row


# Bortezomib, and another country -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["post_transplant_uk", "post_transplant_us"])
def test_bortezomib_is_compared_only_where_a_scenario_adds_it(name: str, tmp_path: Path) -> None:
    told = tomllib.loads((sources_folder() / name / "workbook.toml").read_text(encoding="utf-8"))
    assert [s.get("included", "yes") for s in told["strategies"] if s["id"] == "bortezomib"] == ["no"]
    build(sources_folder() / name, tmp_path / f"{name}.xlsx")
    inputs = read_inputs(tmp_path / f"{name}.xlsx")
    assert inputs.compared == ("no_maintenance", "lenalidomide", "thalidomide")
    added = with_values(inputs, scenario_changes(inputs, "Bortezomib added"))
    assert added.compared == ("no_maintenance", "lenalidomide", "thalidomide", "bortezomib")


@pytest.mark.parametrize(("endpoint", "whole"), [("pfs", 0.75), ("os", 0.89)])
def test_bortezomib_gets_half_of_the_log_effect_of_whole_strategies(endpoint: str, whole: float) -> None:
    row = built("post_transplant_uk").parameters[f"{endpoint}.hazard_ratio.bortezomib"]
    assert row.value == pytest.approx(whole**0.5, abs=5e-4)
    assert (row.low, row.high, row.distribution, row.group) == (whole, 1.0, "uniform", "phi")


def test_nothing_british_is_left_where_the_country_is_another() -> None:
    inputs = built("post_transplant_us")
    assert inputs.currency == "USD"
    assert not [p.id for p in inputs.parameters.values() if "GBP" in p.unit or "NHS" in p.source]
    money = [p for p in inputs.parameters.values() if "USD per" in p.unit]
    assert len(money) > 25
    british = read(sources_folder() / "united_kingdom" / "life_table.csv")
    assert inputs.life_table.male.tolist() != [float(row["qx_male"]) for row in british]
    assert inputs.thresholds == (100_000.0, 150_000.0)
    assert inputs.number("settings.discount_rate.costs") == inputs.number("settings.discount_rate.effects") == 0.03


def test_both_countries_share_their_clinical_evidence() -> None:
    here, there = built("post_transplant_uk"), built("post_transplant_us")
    clinical = ("pfs.", "os.", "toxicity.", "spm.rate", "adverse_event.proportion.")
    shared = [identifier for identifier in here.parameters if identifier.startswith(clinical)]
    assert len(shared) > 40
    assert [here.value(identifier) for identifier in shared] == [there.value(identifier) for identifier in shared]
    assert [r.value for r in here.trial_results] == [r.value for r in there.trial_results]


# The page on the seed paper ------------------------------------------------------------------------------------------

PAGE = sources_folder().parents[1] / "docs" / "seed_paper.md"
ROWS = [
    [cell.strip() for cell in line.strip()[1:-1].split("|")]
    for line in (PAGE.read_text(encoding="utf-8").splitlines() if PAGE.exists() else [])
    if line.startswith("| ") and not line.startswith("| statement")
]


@pytest.mark.skipif(not PAGE.exists(), reason="the page is not part of an installed package")
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0][:40])
def test_each_statement_of_the_seed_paper_stands_where_the_page_says(row: list[str]) -> None:
    _, workbook, sheet, place, value, status = row
    inputs = built(workbook.strip("`"))
    if place.startswith('"'):
        assert sheet == "Scenarios"
        assert place.strip('"') in scenario_names(inputs)
    elif place.startswith("`"):
        parameter = inputs.parameters[place.strip("`")]
        assert (parameter.cell.split("!")[0].strip("'"), parameter.status) == (sheet, status)
        if isinstance(parameter.value, float):
            decimals = len(value.partition(".")[2])
            assert float(value) == pytest.approx(parameter.value, abs=0.5 * 10**-decimals + 1e-12)
        else:
            assert parameter.value == value
    else:
        strategy, endpoint, measure = place.split()
        assert sheet == "Trial results"
        assert (float(value), status) in [
            (r.value, r.status)
            for r in inputs.trial_results
            if (r.strategy, r.endpoint, r.measure) == (strategy, endpoint, measure)
        ]

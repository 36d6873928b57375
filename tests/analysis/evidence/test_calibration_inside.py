"""Calibration inside the model: the modelled curve goes through the target, with the spread that the target has."""

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from markov.analysis.calibration import (
    CalibrationError,
    Target,
    calibrate,
    following_targets,
    malignancy_rate_for,
    rates_for,
    targets,
)
from markov.analysis.draws import random_draws
from markov.analysis.uncertainty.sample import draw_sample
from markov.inputs.parameters import Inputs, Value, with_values
from markov.inputs.workbook import read_inputs
from markov.inputs.writing.template import shipped
from markov.model.evaluate import evaluate
from markov.model.structure import MAINTENANCE_MODEL
from markov.terms import MALIGNANCIES, State
from tests.support.command import markov

RATE: dict[str, Value] = {"settings.post_progression": "rate", "settings.post_progression_rate": "common"}


def with_target(inputs: Inputs, name: str, value: float, **row: object) -> Inputs:
    """The workbook with a target, and what its row says besides."""
    changed = with_values(inputs, {**RATE, name: value})
    parameter = replace(changed.parameters[name], **row)  # type: ignore[arg-type]
    return replace(changed, parameters={**changed.parameters, name: parameter})


def test_a_median_is_met_by_linear_reading_of_the_log_of_the_traced_curve(calgb: Inputs) -> None:
    inputs = with_target(calgb, "calibration.os_median.common", 84.1)
    found = calibrate(inputs, targets(inputs)[0])
    trace = evaluate(with_values(inputs, {found.target.rate: found.rate}), trace=True).trace
    assert trace is not None
    alive = 1.0 - trace.occupancy[0, 0, :, list(State).index(State.DEATH)]
    at_target = np.exp(np.interp(84.1 / 12.0, trace.boundaries, np.log(alive)))
    assert at_target == pytest.approx(0.5, abs=1e-9)


@pytest.mark.parametrize("curve", ["reference", "average"])
def test_a_landmark_is_met_by_the_curve_that_is_asked_for(curve: str, calgb: Inputs) -> None:
    inputs = with_values(
        with_target(calgb, "calibration.os_survival.common", 0.6),
        {"calibration.os_survival_time.common": 60.0, "settings.calibration_curve": curve},
    )
    found = calibrate(inputs, targets(inputs)[0])
    trace = evaluate(with_values(inputs, {found.target.rate: found.rate}), trace=True).trace
    assert trace is not None
    alive = 1.0 - trace.occupancy[0, :, :, list(State).index(State.DEATH)]
    chosen = alive[0] if curve == "reference" else alive.mean(axis=0)
    assert np.exp(np.interp(5.0, trace.boundaries, np.log(chosen))) == pytest.approx(0.6, abs=1e-9)


def test_a_longer_median_needs_a_lower_rate_and_the_error_is_that_of_the_delta_method(calgb: Inputs) -> None:
    inputs = with_target(
        calgb, "calibration.os_median.common", 84.1, low=74.0, high=95.6, distribution="log_normal", status="read"
    )
    found = calibrate(inputs, targets(inputs)[0])
    assert found.low < found.rate < found.high
    spread = (found.high - found.low) / (2 * 1.959964)
    assert found.standard_error == pytest.approx(spread, rel=0.1), "limits and slope agree where the relation is gentle"
    ends = [calibrate(with_target(calgb, found.figure.id, m), found.target).rate for m in (83.6, 84.6)]
    # The interval of the log-normal is ln 95.6 − ln 74.0 over 2z in ln, about its value.
    sd = 84.1 * np.sinh((np.log(95.6) - np.log(74.0)) / 2) / 1.959964
    assert found.standard_error == pytest.approx((ends[0] - ends[1]) * sd, rel=0.01)


def test_every_draw_meets_its_own_target(calgb: Inputs) -> None:
    inputs = with_target(
        calgb, "calibration.os_median.common", 84.1, low=74.0, high=95.6, distribution="log_normal", status="read"
    )
    rows = following_targets(inputs, random_draws(inputs, 40, seed=5))
    block = dict(rows.block(10, 30))
    wanted = block.pop("calibration.os_median.common")
    medians = 12.0 * evaluate(inputs, block).curves["os"].median[:, 0]
    assert np.ptp(wanted) > 10.0
    np.testing.assert_allclose(medians, wanted, rtol=1e-9)
    whole = rows.block(0, 40)["post_progression.excess_rate.common"]
    np.testing.assert_allclose(block["post_progression.excess_rate.common"], whole[10:30], rtol=1e-9)


def test_without_a_target_or_under_another_reading_draws_stay_as_they_are(calgb: Inputs) -> None:
    draws = random_draws(calgb, 5, seed=1)
    assert following_targets(calgb, draws) is draws
    anchored = with_values(calgb, {"calibration.os_median.common": 84.1})
    assert following_targets(anchored, draws) is draws, "deaths follow the OS curve: no rate is used"
    by_strategy = with_values(anchored, {**RATE, "settings.post_progression_rate": "by_strategy"})
    assert following_targets(by_strategy, draws) is draws, "the target is of the common rate"


def test_draws_out_of_reach_take_the_nearest_rate_and_are_counted(calgb: Inputs) -> None:
    inputs = with_target(
        calgb, "calibration.os_median.common", 250.0, low=120.0, high=520.0, distribution="log_normal", status="read"
    )
    rows = following_targets(inputs, random_draws(inputs, 30, seed=2))
    block = rows.block(0, 30)
    rates, medians = block["post_progression.excess_rate.common"], block["calibration.os_median.common"]
    missed = rates == 0.0
    assert 0 < missed.sum() < 30
    assert medians[missed].min() > medians[~missed].max() - 30.0, "long medians are those that nobody can live to"
    assert rows.out_of_reach(0, 30) == missed.sum()  # type: ignore[attr-defined]


@pytest.mark.parametrize(("name", "value"), [("os_survival", 0.999), ("os_survival", 0.01)])
def test_a_landmark_above_the_background_or_below_progression_is_named_with_what_is_reachable(
    name: str, value: float, calgb: Inputs
) -> None:
    inputs = with_values(
        with_target(calgb, f"calibration.{name}.common", value), {"calibration.os_survival_time.common": 60.0}
    )
    target = Target("common", f"calibration.{name}.common", is_median=False)
    with pytest.raises(CalibrationError, match=r"out of reach.*give 0\.\d+ to 0\.\d+ proportion"):
        calibrate(inputs, target)


def test_rows_are_solved_each_by_itself(calgb: Inputs) -> None:
    inputs = with_target(calgb, "calibration.os_median.common", 84.1)
    target = targets(inputs)[0]
    together = rates_for(inputs, target, {target.parameter: np.array([70.0, 84.1, 100.0])})
    alone = [rates_for(inputs, target, {target.parameter: np.array([m])})[0] for m in (70.0, 84.1, 100.0)]
    np.testing.assert_allclose(together, alone, rtol=1e-9)


def test_a_rate_of_second_malignancies_returns_the_incidence(calgb: Inputs) -> None:
    rate = malignancy_rate_for(calgb, "lenalidomide", 0.14, 91.0)
    changed = with_values(calgb, {"spm.rate.lenalidomide": rate, "spm.proportion.lenalidomide": None})
    trace = evaluate(changed, trace=True).trace
    assert trace is not None
    rows = [row for pair, row in MAINTENANCE_MODEL.row.items() if pair[1] in MALIGNANCIES]
    entered = np.concatenate([[0.0], np.cumsum(trace.flows[0, 1][:, rows].sum(axis=1))])
    assert np.interp(91.0 / 12.0, trace.boundaries, entered) == pytest.approx(0.14, abs=1e-9)
    with pytest.raises(CalibrationError, match="out of reach"):
        malignancy_rate_for(calgb, "lenalidomide", 0.001, 91.0)


def test_the_command_writes_rates_and_keeps_targets(tmp_path: Path) -> None:
    source = shipped("calgb_100104")
    before = hashlib.sha256(source.read_bytes()).hexdigest()
    target, report = tmp_path / "new.xlsx", tmp_path / "report.xlsx"
    options = ["--set", "calibration.os_median.common=84.1", "--discontinuation", "--draws", "20"]
    done = markov("calibrate", source, *options, "--out", target, "--report", report, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert hashlib.sha256(source.read_bytes()).hexdigest() == before
    new, old = read_inputs(target), read_inputs(source)
    row = new.parameters["post_progression.excess_rate.common"]
    wanted = with_values(old, {"calibration.os_median.common": 84.1})
    assert row.value == pytest.approx(calibrate(wanted, targets(wanted)[0]).rate, rel=1e-12)
    assert row.status == "assumption", "its target came from the command line, without a source"
    assert new.value("calibration.os_median.common") == 84.1
    assert "toxicity.proportion.lenalidomide" not in new.parameters
    a, b = evaluate(old), evaluate(new)
    np.testing.assert_allclose(b.cost, a.cost, rtol=1e-9)  # the rate of stops is the one that was solved anyway
    assert report.exists()


def test_a_workbook_without_targets_says_what_to_fill(tmp_path: Path) -> None:
    done = markov("calibrate", shipped("calgb_100104"), "--out", tmp_path / "new.xlsx", folder=tmp_path)
    assert done.returncode == 2
    assert "calibration.os_median.common" in done.stderr
    out = markov("calibrate", shipped("calgb_100104"), "--set", "calibration.os_median.common=900", folder=tmp_path)
    assert out.returncode == 2
    assert "out of reach" in out.stderr
    assert "Traceback" not in out.stderr


def test_a_probabilistic_sample_solves_the_rate_in_every_draw_and_counts_targets_out_of_reach(calgb: Inputs) -> None:
    inputs = with_target(
        calgb, "calibration.os_median.common", 250.0, low=120.0, high=520.0, distribution="log_normal", status="read"
    )
    sample = draw_sample(inputs, 20, seed=2, traced=False)
    rows = following_targets(inputs, random_draws(inputs, 20, seed=2))
    np.testing.assert_allclose(sample.cost, evaluate(inputs, rows).cost, rtol=1e-9)
    missed = int((rows.block(0, 20)["post_progression.excess_rate.common"] == 0.0).sum())
    assert missed > 0
    assert sample.corrected["targets_out_of_reach"] == (missed, missed)
    assert "targets_out_of_reach" not in draw_sample(calgb, 5, seed=2, traced=False).corrected

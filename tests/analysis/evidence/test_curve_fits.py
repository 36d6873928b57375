"""From digitised points to curves in a workbook: an invented trial of known truth, and points that no curve has."""

import csv
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from markov.analysis.draws import random_draws
from markov.analysis.evidence.curve_fits import CurveFits, curves_of, describe, fit_curves, rebuild, treatment_effect
from markov.analysis.evidence.fitted_parameters import correlation_rows, parameter_changes, scenario_rows
from markov.inputs.definitions.schema import Sheet
from markov.inputs.evidence import CurvePoint
from markov.inputs.parameters import Inputs
from markov.inputs.problems import InputError
from markov.inputs.workbook import read_inputs, read_sheets
from markov.inputs.writing.change_rows import regenerate, with_table_rows
from markov.inputs.writing.template import shipped
from markov.report.sheets.fits_by_arm import arm_name, data_name
from markov.survival.fit import Fit
from markov.survival.fitting import fit_all
from markov.survival.records import Records
from markov.terms import Family
from tests import ROOT
from tests.support.command import markov
from tests.support.reports import sheet_names

EXAMPLE = ROOT / "docs" / "examples" / "invented_trial.csv"
CALGB = shipped("calgb_100104")
TRUE_SHAPE, TRUE_MEDIANS = 1.3, {"no_maintenance": 24.0, "lenalidomide": 38.0}  # docs/examples/invented_trial.py


def with_points(target: Path, rows: Sequence[dict[str, object]] | None = None) -> Path:
    """The CALGB workbook with digitised points, those of the invented trial unless told otherwise."""
    if rows is None:
        with EXAMPLE.open(encoding="utf-8", newline="") as file:
            rows = [{**r, "months": float(r["months"]), "value": float(r["value"])} for r in csv.DictReader(file)]
    sheets, _ = read_sheets(CALGB)
    regenerate(CALGB, with_table_rows(sheets, Sheet.CURVE_POINTS, (), rows), target)
    return target


@pytest.fixture(scope="module")
def workbook(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return with_points(tmp_path_factory.mktemp("points") / "invented.xlsx")


@pytest.fixture(scope="module")
def found(workbook: Path) -> CurveFits:
    return fit_curves(read_inputs(workbook), {"pfs": Family.WEIBULL}, joint=True)


# Truth comes back ----------------------------------------------------------------------------------------------------


def test_the_true_curve_lies_within_three_standard_errors_of_the_fit(found: CurveFits) -> None:
    for arm in found.arms:
        scale, shape = arm.chosen.estimates
        truth = np.log(TRUE_MEDIANS[arm.strategy] / np.log(2.0) ** (1.0 / TRUE_SHAPE)), np.log(TRUE_SHAPE)
        errors = np.abs(np.array([scale, shape]) - truth) / arm.chosen.standard_errors
        assert (errors < 3.0).all(), (arm.strategy, errors)
        assert arm.reconstruction.quality.rmse < 0.006, "the clicks err by 0.004"


def test_the_joint_fit_brings_back_the_true_time_ratio(found: CurveFits) -> None:
    joint = found.joint[0]
    kind, logarithm, error = treatment_effect(joint.chosen, "lenalidomide")
    assert kind is Family.TIME_RATIO
    assert abs(logarithm - np.log(38.0 / 24.0)) < 3.0 * error


def test_every_family_is_tried_and_those_that_fail_say_why(found: CurveFits) -> None:
    for arm in found.arms:
        tried = {fit.family for fit in arm.fitted} | {failure.family for failure in arm.failures}
        assert tried == set(Family) - {Family.HAZARD_RATIO, Family.TIME_RATIO}
        assert all(failure.reason for failure in arm.failures)


def test_hazards_that_are_proportional_are_not_called_otherwise(found: CurveFits) -> None:
    comparison = found.comparisons[0]
    assert comparison.cox.proportionality_p_value > 0.05
    low, high = comparison.cox.interval
    assert low < (24.0 / 38.0) ** 1.3 < high


@pytest.mark.parametrize("family", [Family.GAMMA, Family.EXPONENTIAL, Family.GOMPERTZ, Family.LOG_NORMAL])
def test_a_treatment_effect_turns_the_reference_curve_into_the_other(family: Family) -> None:
    random = np.random.default_rng(5)
    times = np.concatenate([random.gamma(2.0, 10.0, 150), random.gamma(2.0, 17.0, 150)])
    member = np.repeat([0.0, 1.0], 150)
    fit = next(f for f in fit_all(Records(times, np.ones(300), covariates={"new": member}), [family]))
    assert isinstance(fit, Fit)
    kind, logarithm, _ = treatment_effect(fit, "new")
    at = np.array([3.0, 12.0, 40.0])
    if kind is Family.HAZARD_RATIO:
        expected = np.exp(logarithm) * fit.cumulative_hazard(at)
    else:
        expected = fit.cumulative_hazard(at / np.exp(logarithm))
    np.testing.assert_allclose(fit.cumulative_hazard(at, {"new": 1.0}), expected, rtol=1e-9)


# What goes into the workbook -----------------------------------------------------------------------------------------


def test_the_command_writes_a_workbook_that_gives_the_fitted_curve(workbook: Path, tmp_path: Path) -> None:
    before = workbook.read_bytes()
    target, report = tmp_path / "fitted.xlsx", tmp_path / "fit.report.xlsx"
    done = markov("fit", workbook, "--family", "pfs=weibull", "--out", target, "--report", report, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert workbook.read_bytes() == before
    inputs, fits = read_inputs(target), fit_curves(read_inputs(workbook), {"pfs": Family.WEIBULL})
    for arm in fits.arms:
        assert inputs.text(f"pfs.family.{arm.strategy}") == "weibull"
        scale = inputs.parameters[f"pfs.scale.{arm.strategy}"]
        assert scale.value == pytest.approx(float(arm.chosen.parameters["scale"]), rel=1e-12)
        assert scale.status == "assumption", "points that are invented make no better curve"
        assert f"pfs.mu.{arm.strategy}" not in inputs.parameters
    assert {"Fits", "New workbook", "Comparison", "Records"} <= set(sheet_names(report))
    warned = [str(problem) for problem in inputs.warnings if "rationale" in str(problem)]
    assert len(warned) == 2
    assert all("Curve choice!" in words for words in warned)
    again = markov("fit", workbook, "--out", target, folder=tmp_path)
    assert again.returncode == 3
    assert "--replace" in again.stderr


def test_draws_have_the_spread_and_correlation_of_the_fit(workbook: Path, tmp_path: Path) -> None:
    target = tmp_path / "fitted.xlsx"
    markov("fit", workbook, "--family", "pfs=weibull", "--out", target, folder=tmp_path)
    fits = fit_curves(read_inputs(workbook), {"pfs": Family.WEIBULL})
    draws = random_draws(read_inputs(target), 20_000, seed=3).columns()
    for arm in fits.arms:
        drawn = np.log([draws[f"pfs.{name}.{arm.strategy}"] for name in ("scale", "shape")])
        np.testing.assert_allclose(drawn.std(axis=1), arm.chosen.standard_errors, rtol=0.02)
        c = arm.chosen.covariance
        expected = c[0, 1] / np.sqrt(c[0, 0] * c[1, 1])
        assert np.corrcoef(drawn)[0, 1] == pytest.approx(expected, abs=0.03)  # four standard errors of 20,000 draws


def test_a_joint_fit_writes_one_curve_and_a_ratio(found: CurveFits) -> None:
    changes = parameter_changes(found)
    family = changes["pfs.family.lenalidomide"]
    ratio = changes["pfs.time_ratio.lenalidomide"]
    assert family is not None
    assert ratio is not None
    assert family["value"] == "time_ratio"
    _, logarithm, error = treatment_effect(found.joint[0].chosen, "lenalidomide")
    assert ratio["value"] == pytest.approx(np.exp(logarithm))
    assert np.log(float(str(ratio["high"])) / float(str(ratio["low"]))) == pytest.approx(2 * 1.959964 * error)
    assert changes["pfs.scale.lenalidomide"] is None
    named = {str(row[key]) for row in correlation_rows(found) for key in ("first", "second")}
    assert named == {"pfs.scale.no_maintenance", "pfs.shape.no_maintenance", "pfs.time_ratio.lenalidomide"}


def test_each_other_family_of_all_arms_becomes_a_scenario_with_every_parameter(found: CurveFits) -> None:
    rows = [row for row in scenario_rows(replace(found, joint=())) if "gompertz" in str(row["scenario"])]
    ids = {f"pfs.{name}.{s}" for s in TRUE_MEDIANS for name in ("family", "rate", "shape")}
    assert {str(row["id"]) for row in rows} == ids


def test_a_family_that_cannot_be_read_is_refused_in_words(workbook: Path, tmp_path: Path) -> None:
    done = markov("fit", workbook, "--family", "pfs=wobble", folder=tmp_path)
    assert done.returncode == 2
    assert "weibull" in done.stderr
    assert not list(tmp_path.iterdir())


def test_a_workbook_without_points_says_where_they_go(tmp_path: Path) -> None:
    done = markov("fit", CALGB, "--out", tmp_path / "new.xlsx", folder=tmp_path)
    assert done.returncode == 2
    assert "Kaplan-Meier: the sheet holds no digitised curve" in done.stderr
    assert "Traceback" not in done.stderr


# Points that no curve has --------------------------------------------------------------------------------------------


def click(quantity: str, months: float, value: float, cell: int = 0) -> CurvePoint:
    return CurvePoint("lenalidomide", "pfs", quantity, months, value, place=f"a.xlsx, Kaplan-Meier!E{cell}")


GOOD = [
    click("survival", 0, 1.0, 5),
    click("survival", 6, 0.8, 6),
    click("survival", 12, 0.5, 7),
    click("at_risk", 0, 100, 8),
    click("at_risk", 12, 50, 9),
]


@pytest.mark.parametrize(
    ("points", "words"),
    [
        (
            [*GOOD[:1], click("survival", 6, 80.0, 6), *GOOD[2:]],
            r"E6: .*share from 0 to 1, found 80.*Divide percentages",
        ),
        ([*GOOD[:2], click("survival", 2, 0.6, 7), *GOOD[3:]], r"E7: .*time no earlier.*Sort the points"),
        ([*GOOD[:4], click("at_risk", 12, 120, 9)], r"E9: .*no higher than before, found 120"),
        ([*GOOD, click("events", 0, 130, 10)], r"E10: .*patients at time 0, 100, found 130"),
        (GOOD[:3], r"no number of patients.*at_risk at month 0"),
        ([GOOD[0], *GOOD[3:]], r"at least two points"),
        ([*GOOD[:3], click("at_risk", 3, 100, 8)], r"E8: .*time 0 first"),
        ([*GOOD[:2], click("survival", 12, 0.95, 7), *GOOD[3:]], r"E7: .*survival no higher than before"),
    ],
)
def test_points_that_no_curve_has_are_refused_at_their_cell(points: list[CurvePoint], words: str) -> None:
    with pytest.raises(InputError) as caught:
        rebuild(points)
    assert re.search(words, str(caught.value)), str(caught.value)


def test_problems_of_every_arm_are_told_at_once(calgb: Inputs) -> None:
    bad = [replace(point, value=50.0) if point.quantity == "survival" else point for point in GOOD]
    other = [replace(point, strategy="no_maintenance") for point in bad]
    with pytest.raises(InputError) as caught:
        fit_curves(replace(calgb, curve_points=(*bad, *other)))
    assert len(caught.value.problems) == 2


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"strategy": "nobody"}, 'unknown strategy, found "nobody"'),
        ({"endpoint": "pfs2"}, "unknown endpoint"),
        ({"quantity": "deaths"}, "unknown quantity"),
        ({"value": None}, "the survival is empty"),
        ({"value": "0,8"}, "Write 0.8"),
        ({"status": "certain"}, "unknown evidence status"),
    ],
)
def test_rows_of_the_sheet_are_checked_where_they_stand(row: dict[str, object], words: str, tmp_path: Path) -> None:
    good = {"strategy": "lenalidomide", "endpoint": "pfs", "quantity": "survival", "months": 6.0, "value": 0.8}
    path = with_points(tmp_path / "bad.xlsx", [{**good, **row}])
    with pytest.raises(InputError, match=r"Kaplan-Meier!") as caught:
        read_inputs(path)
    assert words in str(caught.value)


def test_arms_are_told_apart_and_families_named(found: CurveFits) -> None:
    assert list(curves_of(found.inputs)) == [("no_maintenance", "pfs"), ("lenalidomide", "pfs")]
    assert any(re.fullmatch(r"spline hazard, [12] internal knots?", describe(fit)) for fit in found.arms[0].fitted)


def test_the_worked_example_tells_what_the_fit_returns(found: CurveFits) -> None:
    page = (EXAMPLE.parents[1] / "worked_example.md").read_text(encoding="utf-8")
    first, second = (arm.chosen for arm in found.arms)
    told = f"medians of {first.median():.1f} and {second.median():.1f} months"
    shapes = [float(fit.parameters["shape"]) for fit in (first, second)]
    assert f"{told} and shapes of {shapes[0]:.2f} and {shapes[1]:.2f}" in " ".join(page.split())
    assert min(found.arms[0].fitted, key=lambda fit: fit.aic).family is Family.LOG_NORMAL


@pytest.mark.parametrize(
    "labels",
    [
        ("Lenalidomide 10 mg, days 1 to 21 of 28", "Lenalidomide 10 mg, days 1 to 21 of 28, 2 years"),
        ("LENALIDOMIDE", "Lenalidomide"),
        ("Straße [a/b]", "STRASSE ab"),
        ("💊" * 20, "💊" * 20 + " twice"),
        ("???", "///"),
    ],
)
def test_sheets_of_arms_with_labels_alike_have_names_of_their_own(found: CurveFits, labels: tuple[str, str]) -> None:
    """Excel allows 31 characters of UTF-16 and tells names apart without regard to case."""
    strategies = tuple(replace(s, label=label) for s, label in zip(found.inputs.strategies, labels, strict=True))
    inputs = replace(found.inputs, strategies=strategies)
    names = [name(inputs, arm) for arm in found.arms for name in (arm_name, data_name)]
    assert len({name.casefold() for name in names}) == len(names) == 4
    assert all(len(name.encode("utf-16-le")) <= 62 and not set(name) & set("'[]:*?/\\") for name in names)

"""Published curves back to patient records: against known records, and against another program's reconstruction."""

import numpy as np
import pytest

from markov.survival.reconstruction import Quality, reconstruct
from markov.terms import Array

from .known_answers import Case, outside_table, read_case

KNOWN = ("km_bc_good_poor", "km_lung_by_sex")
ARMS = [
    ("km_bc_good_poor", "poor"),
    ("km_bc_good_poor", "good"),
    ("km_lung_by_sex", "male"),
    ("km_lung_by_sex", "female"),
]
BONNER = ("radio", "radioplus")
Records = tuple[Array, Array]  # times, and 1 for an event, 0 for a censoring


def table(name: str) -> tuple[Array, Array]:
    """The two columns of a table that stays outside the repository."""
    first, second = outside_table(name).values()
    return np.array(first, dtype=float), np.array(second, dtype=float)


def kaplan_meier(records: Records, at: Array) -> Array:
    """Survival at times, by the definition."""
    times, events = records
    survival, curve = 1.0, [(0.0, 1.0)]
    for time in np.unique(times[events == 1]):
        survival *= 1.0 - ((times == time) & (events == 1)).sum() / (times >= time).sum()
        curve.append((time, survival))
    steps, levels = np.array(curve).T
    return np.asarray(levels[np.searchsorted(steps, at, side="right") - 1])


def mean_time(records: Records, until: float) -> float:
    """Restricted mean: the area under the curve, on its own steps."""
    edges = np.unique(np.concatenate([[0.0, until], records[0][records[0] < until]]))
    return float(np.sum(kaplan_meier(records, edges[:-1]) * np.diff(edges)))


def log_hazard_ratio(control: Records, treated: Records) -> float:
    """Cox's partial likelihood of one covariate with Efron's ties, by Newton's method."""
    times, events = (np.concatenate(columns) for columns in zip(control, treated, strict=True))
    arm = np.repeat([0.0, 1.0], [control[0].size, treated[0].size])
    log_ratio = 0.0
    for _ in range(20):
        score = information = 0.0
        weight = np.exp(log_ratio * arm)
        for time in np.unique(times[events == 1]):
            risk, tied = times >= time, (times == time) & (events == 1)
            for share in np.arange(tied.sum()) / tied.sum():
                use = weight * (risk - share * tied)
                mean = (use * arm).sum() / use.sum()
                score, information = score - mean, information + mean * (1.0 - mean)
            score += arm[tied].sum()
        log_ratio += score / information
    return float(log_ratio)


def known_arm(case: Case, arm: str, with_total: bool = True) -> tuple[Records, Quality, Records, tuple[Array, Array]]:
    """Records made from an arm's points, their quality, the true records and the points."""
    given = case["inputs"]["arms"][arm]
    points, truth = table(given["xy_csv"]), table(given["true_ipd_csv"])
    total = given["total_events"] if with_total else None
    made = reconstruct(*points, given["trisk"], given["nrisk"], total)
    return (made.times, made.events.astype(float)), made.quality, truth, points


@pytest.mark.parametrize("with_total", [True, False])
@pytest.mark.parametrize(("name", "arm"), ARMS)
def test_records_agree_with_the_known_ones(name: str, arm: str, with_total: bool) -> None:
    case = read_case("km_reconstruction", name)
    tolerance, truth = case["tolerance"], case["expected"][arm]["truth"]
    made, quality, records, points = known_arm(case, arm, with_total)
    assert made[0].size == truth["n"]
    assert quality.events == pytest.approx(truth["events"], rel=tolerance["events_rel"])
    assert mean_time(made, truth["rmst"]["tau"]) == pytest.approx(truth["rmst"]["value"], rel=tolerance["rmst_rel"])
    if truth["median"] is None:
        assert quality.median is None
    else:
        assert quality.median == pytest.approx(truth["median"], rel=tolerance["median_rel"])
    at_points = kaplan_meier(made, points[0]) - points[1]
    grid = np.linspace(0.0, case["inputs"]["x_max"], 2001)
    on_grid = kaplan_meier(made, grid) - kaplan_meier(records, grid)
    assert np.sqrt(np.mean(at_points**2)) <= tolerance["at_digitised_points_rmse"]
    assert np.sqrt(np.mean(on_grid**2)) <= tolerance["curve_rmse_vs_truth"]


@pytest.mark.parametrize(("name", "arm"), ARMS)
def test_the_curve_is_as_near_to_the_known_one_as_the_reference_algorithm_s(name: str, arm: str) -> None:
    case = read_case("km_reconstruction", name)
    made, _, records, _ = known_arm(case, arm)
    grid = np.linspace(0.0, case["inputs"]["x_max"], 2001)
    error = np.sqrt(np.mean((kaplan_meier(made, grid) - kaplan_meier(records, grid)) ** 2))
    assert error <= 1.1 * case["expected"][arm]["reference_vs_truth"]["rmse"]


@pytest.mark.parametrize("with_total", [True, False])
@pytest.mark.parametrize("name", KNOWN)
def test_hazard_ratio_of_two_arms_agrees_with_the_known_records(name: str, with_total: bool) -> None:
    case = read_case("km_reconstruction", name)
    arms = [known_arm(case, arm, with_total) for arm in case["inputs"]["arms"]]
    expected = np.log(case["expected"]["cox_truth"]["hr"])
    assert log_hazard_ratio(arms[0][2], arms[1][2]) == pytest.approx(expected, abs=1e-6)  # the test's own estimator
    assert log_hazard_ratio(arms[0][0], arms[1][0]) == pytest.approx(expected, abs=case["tolerance"]["hr_log_abs"])


@pytest.mark.parametrize(("name", "arm"), ARMS)
def test_quality_says_what_an_independent_count_says(name: str, arm: str) -> None:
    case = read_case("km_reconstruction", name)
    given = case["inputs"]["arms"][arm]
    made, quality, _, points = known_arm(case, arm)
    difference = kaplan_meier(made, points[0]) - points[1]
    assert quality.rmse == pytest.approx(np.sqrt(np.mean(difference**2)))
    assert quality.max_difference == pytest.approx(np.abs(difference).max())
    assert quality.rmst == pytest.approx(mean_time(made, points[0][-1]))
    assert quality.at_risk.tolist() == [(made[0] >= time).sum() for time in given["trisk"]] == given["nrisk"]
    assert (quality.events, quality.events_given) == (made[1].sum(), given["total_events"])


def bonner(arm: str) -> tuple[Records, Quality, tuple[Array, Array]]:
    """Records made from a published curve on a percentage scale, its clicks untouched."""
    inputs = read_case("km_reconstruction", "bonner_locoregional")["inputs"]
    months, percent = table(inputs[f"{arm}_csv"])
    points = months, percent / inputs["y_scale"]
    made = reconstruct(*points, inputs["trisk"], inputs[f"nrisk_{arm}"])
    return (made.times, made.events.astype(float)), made.quality, points


@pytest.mark.parametrize("arm", BONNER)
def test_a_published_curve_gives_the_reference_algorithm_s_records(arm: str) -> None:
    case = read_case("km_reconstruction", "bonner_locoregional")
    expected, tolerance = case["expected"]["reference_algorithm"][arm], case["tolerance"]
    made, quality, points = bonner(arm)
    assert made[0].size == expected["n"]
    assert quality.events == pytest.approx(expected["events"], rel=tolerance["events_rel"])
    assert quality.median is not None
    assert quality.median == pytest.approx(expected["median"], rel=tolerance["median_rel"])
    assert quality.median == pytest.approx(case["published"]["medians_months"][arm], rel=tolerance["median_rel"])
    assert mean_time(made, expected["rmst"]["tau"]) == pytest.approx(expected["rmst"]["value"], rel=0.02)
    assert np.abs(quality.at_risk - quality.at_risk_given).max() <= tolerance["nrisk_abs"]
    assert quality.max_difference <= tolerance["curve_max_abs"]
    assert quality.rmse <= tolerance["curve_rmse"]
    followed = np.array(expected["S"]["time"]) <= points[0].max()
    at, survival = np.array(expected["S"]["time"])[followed], np.array(expected["S"]["surv"])[followed]
    assert np.abs(kaplan_meier(made, at) - survival).max() <= tolerance["curve_max_abs"]


def test_a_published_hazard_ratio_is_recovered() -> None:
    case = read_case("km_reconstruction", "bonner_locoregional")
    ratio = np.exp(log_hazard_ratio(bonner("radio")[0], bonner("radioplus")[0]))
    assert ratio == pytest.approx(case["published"]["hr"], abs=case["tolerance"]["hr_abs_vs_published"])
    assert ratio == pytest.approx(case["expected"]["reference_algorithm"]["cox"]["hr"], abs=0.01)


@pytest.mark.parametrize("arm", BONNER)
def test_clicks_of_a_published_curve_need_only_small_changes(arm: str) -> None:
    # The figure was clicked to about 0.2 % of its axis; a step has a click at its top and one at its foot.
    changes = bonner(arm)[1].changes
    assert {change.quantity for change in changes} <= {"time", "survival"}
    assert all(abs(change.used - (change.given or 1.0)) <= 0.002 for change in changes if "rises" in change.reason)
    assert all(abs(change.used - (change.given or 1.0)) <= 0.022 for change in changes if "step" in change.reason)

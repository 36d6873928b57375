"""Patient records from digitised Kaplan–Meier points: what comes back, what is told, what is refused."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from markov.survival.reconstruction import CLICK_NOISE, Reconstruction, clean_points, reconstruct
from markov.terms import Array

MONTHS = [0.0, 6.0, 12.0, 18.0]
SURVIVAL = [1.0, 0.8, 0.6, 0.5]


def kaplan_meier(times: Array, events: Array, at: Array) -> Array:
    """Survival at times, by the definition."""
    survival, curve = 1.0, [(0.0, 1.0)]
    for time in np.unique(times[events > 0]):
        survival *= 1.0 - ((times == time) & (events > 0)).sum() / (times >= time).sum()
        curve.append((time, survival))
    steps, levels = np.array(curve).T
    return np.asarray(levels[np.searchsorted(steps, at, side="right") - 1])


def simulated(seed: int) -> tuple[Array, Array]:
    """50 to 300 patients with Weibull events (medians 6 to 60 months), uniform censoring and 60 months of follow-up."""
    draw = np.random.default_rng(seed)
    patients, shape, median = int(draw.integers(50, 300)), draw.uniform(0.6, 2.0), draw.uniform(6.0, 60.0)
    event = median / np.log(2.0) ** (1.0 / shape) * draw.weibull(shape, patients)
    censored = np.minimum(draw.uniform(0.0, draw.uniform(45.0, 150.0), patients), 60.0)
    return np.minimum(event, censored), (event <= censored).astype(float)


def digitised(times: Array, events: Array, just_before: bool) -> dict[str, Any]:
    """The exact curve on 401 times (and just before each risk time), and the exact numbers at risk twice a year."""
    marks = np.arange(0.0, times.max(), 6.0)
    grid = np.linspace(0.0, times.max(), 401)
    if just_before:
        grid = np.unique(np.concatenate([grid, marks, marks[1:] - 1e-6]))
    at_risk = [int((times >= mark).sum()) for mark in marks]
    survival = kaplan_meier(times, events, grid)
    return {"times": grid, "survival": survival, "risk_times": marks, "at_risk": at_risk}


def assert_records(made: Reconstruction, patients: int, last: float) -> None:
    """What holds for any records: n patients in order of time, followed from after 0 up to the last point."""
    assert made.times.shape == made.events.shape == (patients,)
    assert np.all(np.diff(made.times) >= 0.0)
    assert made.times.min() > 0.0
    assert made.times.max() <= last
    assert made.quality.events == made.events.sum()


# Exact curves ----------------------------------------------------------------------------------------------------


def test_without_censoring_records_come_back_as_they_were() -> None:
    # Ten patients, four events at known times; the rest are followed to the end.
    made = reconstruct([0, 1, 2, 3, 4, 5], [1.0, 0.9, 0.8, 0.7, 0.6, 0.6], [0], [10])
    assert made.times.tolist() == [1.0, 2.0, 3.0, 4.0] + [5.0] * 6
    assert made.events.tolist() == [True] * 4 + [False] * 6
    assert made.quality.rmse == pytest.approx(0.0, abs=1e-12)
    assert made.quality.median is None
    assert made.quality.rmst == pytest.approx(1.0 + 0.9 + 0.8 + 0.7 + 0.6)


def test_a_number_at_risk_tells_censoring_from_the_curve() -> None:
    # 1.0 → 0.9 at month 1; of the nine left, six are at risk at month 2 though none died: three were censored.
    made = reconstruct([0, 1, 2, 3], [1.0, 0.9, 0.9, 0.75], [0, 2], [10, 6])
    assert made.quality.at_risk.tolist() == [10, 6]
    assert int(made.events.sum()) == 2
    assert ((~made.events) & (made.times < 2.0)).sum() == 3
    assert made.times[~made.events][:3].tolist() == [0.5, 1.0, 1.5]


def test_a_total_of_events_stands_in_for_numbers_at_risk() -> None:
    curve = np.linspace(0.0, 20.0, 101), np.exp(-0.1 * np.linspace(0.0, 20.0, 101))
    free = reconstruct(*curve, [0], [200])
    told = reconstruct(*curve, [0], [200], total_events=120)
    assert free.quality.events == round(200 * (1.0 - np.exp(-2.0)))  # nobody is censored before the end
    assert told.quality.events == told.quality.events_given == 120
    assert told.quality.rmse < 0.03


def test_a_curve_that_reaches_zero_leaves_nobody() -> None:
    made = reconstruct([1, 2, 3], [0.5, 0.25, 0.0], [0, 10], [8, 0])
    assert (made.times.size, made.quality.events, made.times.max()) == (8, 8, 3.0)


def test_the_unit_of_time_is_the_analyst_s() -> None:
    given = digitised(*simulated(1), just_before=False)
    days = given | {"times": given["times"] * 30.4375, "risk_times": given["risk_times"] * 30.4375}
    months, in_days = reconstruct(**given), reconstruct(**days)
    np.testing.assert_allclose(in_days.times, months.times * 30.4375)
    assert in_days.quality.events == months.quality.events


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), with_total=st.booleans())
def test_an_exact_curve_clicked_beside_each_risk_time_returns_numbers_at_risk_and_events(
    seed: int, with_total: bool
) -> None:
    times, events = simulated(seed)
    total = int(events.sum()) if with_total else None
    made = reconstruct(**digitised(times, events, just_before=True), total_events=total)
    assert_records(made, times.size, times.max())
    assert made.quality.at_risk.tolist() == made.quality.at_risk_given.tolist()
    assert abs(made.quality.events - events.sum()) <= 2 + 0.03 * events.sum()
    assert made.quality.changes == ()


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), with_total=st.booleans())
def test_an_exact_curve_on_any_grid_returns_events_median_and_curve(seed: int, with_total: bool) -> None:
    times, events = simulated(seed)
    total = int(events.sum()) if with_total else None
    points = digitised(times, events, just_before=False)
    made = reconstruct(**points, total_events=total)
    assert_records(made, times.size, times.max())
    assert np.all(made.quality.at_risk <= made.quality.at_risk_given)
    assert abs(made.quality.events - events.sum()) <= 2 + 0.06 * events.sum()
    curve = kaplan_meier(made.times, made.events.astype(float), points["times"])
    assert np.all(np.diff(curve) <= 0.0)
    # Among the last ten patients one rounding moves the curve far; without the total, so does a guess of censoring.
    told = points["times"] <= min(np.sort(times)[-10], np.inf if with_total else points["risk_times"][-1])
    assert np.sqrt(np.mean((curve - points["survival"])[told] ** 2)) <= 0.03
    if made.quality.median is None:  # the true curve ends above, or but little below, one half
        assert points["survival"][told].min() >= 0.5 - 0.03
    elif made.quality.median <= points["times"][told][-1]:  # the true curve crosses one half within 0.03 of survival
        step = points["times"][1]
        before, after = kaplan_meier(times, events, np.array([made.quality.median - step, made.quality.median]))
        assert before >= 0.5 - 0.03
        assert after <= 0.5 + 0.03


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_noisy_clicks_change_little(seed: int) -> None:
    times, events = simulated(seed)
    exact = digitised(times, events, just_before=False)
    draw = np.random.default_rng(seed + 1)
    last, size = times.max(), exact["times"].size
    noisy = exact | {
        "times": np.append(exact["times"][:-1] + draw.uniform(-0.002, 0.002, size - 1) * last, last),
        "survival": exact["survival"] + draw.uniform(-0.004, 0.004, size),
    }
    made, plain = reconstruct(**noisy), reconstruct(**exact)
    assert_records(made, times.size, last * 1.002)
    assert made.quality.changes != ()
    assert abs(made.quality.events - plain.quality.events) <= 5 + 0.1 * plain.quality.events
    assert made.quality.rmst == pytest.approx(plain.quality.rmst, rel=0.03)


# Cleaning --------------------------------------------------------------------------------------------------------


def test_points_that_need_no_cleaning_come_back_unchanged() -> None:
    points = clean_points(MONTHS, SURVIVAL)
    assert (points.times.tolist(), points.survival.tolist(), points.changes) == (MONTHS, SURVIVAL, ())


@pytest.mark.parametrize(
    ("times", "survival", "expected", "told"),
    [
        ([6, 12, 18], [0.8, 0.6, 0.5], (MONTHS, SURVIVAL), "survival, point 0: added → 1 "),
        ([-0.3, 6, 12, 18], [0.99, 0.8, 0.6, 0.5], (MONTHS, SURVIVAL), "time, point 1: -0.3 → 0 "),
        ([0, 6, 12, 18], [0.985, 0.8, 0.6, 0.5], (MONTHS, SURVIVAL), "survival, point 1: 0.985 → 1 "),
        ([0, 6, 12, 18], [1.01, 0.8, 0.6, 0.5], (MONTHS, SURVIVAL), "survival, point 1: 1.01 → 1 "),
        ([0, 6, 6, 12, 18], [1, 0.9, 0.8, 0.6, 0.5], (MONTHS, SURVIVAL), "survival, point 2: 0.9 → 0.8 "),
        ([0, 6, 5.9, 12, 18], [1, 0.9, 0.8, 0.6, 0.5], (MONTHS, SURVIVAL), "time, point 3: 5.9 → 6 "),
        ([0, 6, 12, 18], [1, 0.8, 0.6, -0.01], (MONTHS, [1, 0.8, 0.6, 0]), "survival, point 4: -0.01 → 0 "),
        ([0, 6, 12, 18], [1, 0.6, 0.62, 0.5], (MONTHS, [1, 0.61, 0.61, 0.5]), "survival, point 3: 0.62 → 0.61 "),
    ],
)
def test_clicks_noise_is_corrected_and_told(
    times: list[float], survival: list[float], expected: tuple[list[float], list[float]], told: str
) -> None:
    points = clean_points(times, survival)
    np.testing.assert_allclose(points.times, expected[0])
    np.testing.assert_allclose(points.survival, expected[1])
    assert any(str(change).startswith(told) for change in points.changes)


@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 10**6), size=st.integers(2, 60))
def test_cleaned_points_fall_from_one_and_every_difference_is_told(seed: int, size: int) -> None:
    draw = np.random.default_rng(seed)
    times = np.linspace(0.0, 10.0, size) + draw.uniform(-0.1, 0.1, size)
    survival = np.linspace(1.0, draw.uniform(), size) + draw.uniform(-CLICK_NOISE, CLICK_NOISE, size) * 0.9
    points = clean_points(times, survival)
    assert (points.times[0], points.survival[0]) == (0.0, 1.0)
    assert np.all(np.diff(points.times) > 0.0)
    assert np.all(np.diff(points.survival) <= 0.0)
    told = {change.point for change in points.changes}
    kept = np.isin(times, points.times)
    same = kept & np.isclose(points.survival[np.searchsorted(points.times, np.where(kept, times, 0.0))], survival)
    assert set((np.flatnonzero(~same) + 1).tolist()) <= told


def test_a_report_can_read_the_changes_from_the_quality_of_the_records() -> None:
    made = reconstruct([-0.1, 6, 12, 18], [0.99, 0.8, 0.6, 0.5], [0], [10])
    assert made.quality.changes == clean_points([-0.1, 6, 12, 18], [0.99, 0.8, 0.6, 0.5]).changes != ()


# Contradictions and errors ---------------------------------------------------------------------------------------


def test_a_curve_that_contradicts_the_numbers_at_risk_wins_and_the_quality_shows_it() -> None:
    # Half die by month 6, yet nine of ten are said to be at risk at month 12.
    made = reconstruct([0, 6, 12, 18], [1, 0.5, 0.5, 0.4], [0, 12], [10, 9])
    assert made.quality.at_risk.tolist() == [10, 5]
    assert made.quality.at_risk_given.tolist() == [10, 9]


def test_a_total_of_events_that_the_curve_cannot_reach_is_left_and_shown() -> None:
    made = reconstruct(MONTHS, SURVIVAL, [0], [10], total_events=9)
    assert (made.quality.events, made.quality.events_given) == (5, 9)
    before_the_last_risk_time = reconstruct(MONTHS, SURVIVAL, [0, 12], [10, 6], total_events=1)
    assert before_the_last_risk_time.quality.events == 2


GOOD: dict[str, Any] = {"times": MONTHS, "survival": SURVIVAL, "risk_times": [0, 12], "at_risk": [10, 6]}


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        ({"survival": [100, 80, 60, 50]}, ["survival, point 1", "found 100", "0 to 1", "Divide percentages by 100"]),
        ({"survival": [1, 0.8, 1.2, 0.5]}, ["survival, point 3", "found 1.2", "0 to 1"]),
        ({"survival": [1, 0.8, 0.6, -0.2]}, ["survival, point 4", "found -0.2", "0 to 1"]),
        ({"survival": [1, 0.6, 0.8, 0.5]}, ["survival, point 3", "found 0.8", "no higher than before", "Click again"]),
        ({"survival": [0.7, 0.6, 0.6, 0.5]}, ["survival, point 1", "found 0.7", "1 at time 0", "Calibrate"]),
        ({"survival": [1, np.nan, 0.6, 0.5]}, ["survival, point 2", "found nan", "Fill the gap"]),
        ({"survival": [1, 0.8, 0.6]}, ["time, point and survival", "equally long", "(4,) and (3,)"]),
        ({"times": [], "survival": []}, ["not empty"]),
        ({"times": [0, 12, 6, 18]}, ["time, point 3", "found 6", "no earlier than before", "Sort"]),
        ({"times": [-6, 6, 12, 18]}, ["time, point 1", "found -6", "from 0", "Calibrate"]),
        ({"times": [0, 6, np.inf, 18]}, ["time, point 3", "found inf", "a number"]),
        ({"times": [0, 0, 0, 0]}, ["time, point 1", "above 0"]),
        ({"risk_times": [6, 12]}, ["risk time, position 1", "found 6", "time 0 first"]),
        ({"risk_times": [0, 0]}, ["risk time, position 2", "found 0", "later than before", "Sort"]),
        ({"risk_times": [0, 365]}, ["risk time, position 2", "found 365", "last point, 18", "one unit of time"]),
        ({"at_risk": [10, 12]}, ["number at risk, position 2", "found 12", "no higher than before"]),
        ({"at_risk": [10, 6.5]}, ["number at risk, position 2", "found 6.5", "whole number"]),
        ({"at_risk": [10, -1]}, ["number at risk, position 2", "found -1", "from 0"]),
        ({"at_risk": [0, 0]}, ["number at risk, position 1", "found 0", "at least one patient"]),
        ({"at_risk": [10]}, ["risk time, position and number at risk", "equally long"]),
        ({"total_events": 11}, ["total events", "found 11", "patients at time 0, 10", "one arm"]),
        ({"total_events": -1}, ["total events", "found -1"]),
    ],
)
def test_bad_input_is_refused_with_position_value_rule_and_remedy(broken: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(ValueError) as refusal:
        reconstruct(**(GOOD | broken))
    for word in words:
        assert word in str(refusal.value)
    assert str(refusal.value).count(". ") >= 1  # the rule, then the remedy

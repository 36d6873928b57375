"""From progression to survival: implied rates by an independent reading of the trace, and partitioned survival."""

import itertools

import numpy as np
import pytest

from markov.analysis.interpretation.bridge import Bridge, bridge
from markov.inputs.parameters import Columns, Inputs, Value, with_values
from markov.model.evaluate import evaluate
from markov.model.hazards import build_hazards
from markov.model.outcomes import Trace
from markov.model.partitioned_survival import partitioned_survival
from markov.model.structure import MAINTENANCE_MODEL
from markov.terms import State

WHOLE_YEARS: dict[str, Value] = {"settings.cycle_days": 365.25 / 12.0, "follow_up.os": 90.0}


@pytest.fixture(scope="module")
def monthly(calgb: Inputs) -> Inputs:
    """Cycles of a twelfth of a year, so that years hold whole cycles."""
    return with_values(calgb, WHOLE_YEARS)


@pytest.fixture(scope="module")
def found(monthly: Inputs) -> Bridge:
    return bridge(monthly, evaluate(monthly, trace=True), {})


def traced(inputs: Inputs) -> Trace:
    trace = evaluate(inputs, trace=True).trace
    assert trace is not None
    return trace


def test_death_rates_are_deaths_over_time_by_a_loop_over_months(found: Bridge, monthly: Inputs) -> None:
    trace = traced(monthly)
    place = list(State).index(State.PROGRESSION)
    row = MAINTENANCE_MODEL.row[State.PROGRESSION, State.DEATH]
    for arm in (0, 1):
        for year in (2, 7):
            deaths = spent = 0.0
            for month in range(12 * (year - 1), 12 * year):
                deaths += trace.flows[0, arm, month, row]
                spent += sum(trace.occupancy[0, arm, month : month + 2, place]) / 2.0  # months
            assert found.death_rate[year - 1, arm] == pytest.approx(deaths / spent, rel=1e-9)


def test_hazard_ratios_are_the_input_ones_until_they_wane(found: Bridge) -> None:
    # Hazard ratio 0.61, waning from year 7 to year 12; deaths follow the OS curves, above the background.
    np.testing.assert_allclose(found.hazard_ratio[1:7, 1], 0.61, rtol=1e-6)
    np.testing.assert_allclose(found.hazard_ratio[12:, 1], 1.0, rtol=1e-6)
    assert (np.diff(found.hazard_ratio[7:12, 1]) > 0).all()
    np.testing.assert_allclose(found.hazard_ratio[:, 0], 1.0, rtol=1e-12)


def test_the_gain_beyond_follow_up_is_the_area_beyond_it(found: Bridge, monthly: Inputs) -> None:
    trace = traced(monthly)
    gap = trace.curves["os"][0, 1] - trace.curves["os"][0, 0]
    area = [0.5 * (a + b) / 12.0 for a, b in itertools.pairwise(gap)]
    assert found.gain_in_os[1] == pytest.approx(sum(area), rel=1e-9)
    assert found.gain_beyond is not None
    assert found.gain_beyond[1] == pytest.approx(sum(area[90:]) / sum(area), rel=1e-9)
    assert found.gain_beyond[0] == 0.0


def test_a_constant_excess_rate_is_found_again(monthly: Inputs) -> None:
    rate: dict[str, Value] = {"settings.post_progression": "rate", "post_progression.excess_rate.common": 0.02}
    inputs = with_values(monthly, rate)
    result = bridge(inputs, evaluate(inputs, trace=True), {})
    for year in (5, 10):
        expected = 0.02 + result.population_rate[year - 1]
        np.testing.assert_allclose(result.death_rate[year - 1], expected, rtol=2e-3)  # deaths within a month


def test_partitioned_survival_has_the_areas_of_its_curves(calgb: Inputs) -> None:
    outcomes = partitioned_survival(calgb)
    hazards = build_hazards(Columns(calgb, {}, 1))
    assert hazards.overall is not None
    for arm in (0, 1):
        alive = np.exp(-np.concatenate([[0.0], np.cumsum(hazards.overall[:, arm, 0])]))
        free = np.minimum(np.exp(-np.concatenate([[0.0], np.cumsum(hazards.floored[:, arm, 0])])), alive)
        step = hazards.boundaries[1]
        areas = [step * (curve.sum() - 0.5 * (curve[0] + curve[-1])) for curve in (free, alive)]
        years = outcomes.life_years[0, arm, 0]
        assert years[:2].sum() == pytest.approx(areas[0], rel=1e-9)
        assert years.sum() == pytest.approx(areas[1], rel=1e-9)
        assert outcomes.entered(State.DEATH)[0, arm] == pytest.approx(1.0 - alive[-1], rel=1e-9)


def test_without_second_malignancies_both_structures_agree_where_deaths_follow_os(calgb: Inputs) -> None:
    none: dict[str, Value] = {f"spm.rate_off_treatment.{s}": 0.0 for s in calgb.compared}
    inputs = with_values(calgb, {**none, "spm.rate.lenalidomide": 0.0, "spm.proportion.lenalidomide": None})
    cohort, partitioned = evaluate(inputs), partitioned_survival(inputs)
    np.testing.assert_allclose(partitioned.life_years, cohort.life_years, rtol=2e-3, atol=1e-3)
    np.testing.assert_allclose(partitioned.cost, cohort.cost, rtol=2e-3)
    np.testing.assert_allclose(partitioned.qaly, cohort.qaly, rtol=1e-3)


def test_where_an_arm_has_no_os_curve_the_reason_stands_in_place_of_numbers(calgb: Inputs) -> None:
    rate: dict[str, Value] = {"settings.post_progression": "rate", "os.family.lenalidomide": None}
    inputs = with_values(calgb, rate)
    structure = bridge(inputs, evaluate(inputs, trace=True), {}).structures[-1]
    assert structure.outcomes is None
    assert structure.reason == "no overall-survival curve for Lenalidomide"

"""Benefit and risk: periods add up to life, grids are linear, and no ratio is given where it cannot be read."""

import numpy as np
import pytest

from markov.analysis.interpretation.benefit_risk import UTILITIES, BenefitRisk, benefit_risk, number_needed, trade_off
from markov.inputs.parameters import Inputs, with_values
from markov.model.evaluate import evaluate
from markov.terms import State
from tests.support.made_inputs import with_second

EVENTS = ("neutropenia", "thrombocytopenia", "infection")


@pytest.fixture(scope="module")
def calgb_result(calgb: Inputs) -> BenefitRisk:
    return benefit_risk(calgb)


@pytest.fixture(scope="module")
def myeloma_ix_result(myeloma_ix: Inputs) -> BenefitRisk:
    return benefit_risk(myeloma_ix)


# ---------------------------------------------------------------------------------------------------- periods


def test_tox_is_shares_times_days(calgb: Inputs, calgb_result: BenefitRisk) -> None:
    for periods in calgb_result.periods:
        days = sum(
            calgb.number(f"adverse_event.proportion.{e}.{periods.strategy}") * calgb.number(f"adverse_event.days.{e}")
            for e in EVENTS
        )
        assert periods.tox == pytest.approx(days / 365.25, rel=1e-9)  # all start, at time zero


def test_neuropathy_that_persists_is_tox_until_progression(myeloma_ix: Inputs, myeloma_ix_result: BenefitRisk) -> None:
    control, drug = myeloma_ix_result.periods
    years = evaluate(myeloma_ix).life_years[0, 1, 0]
    assert (control.tox_events, control.tox_persistent) == (0.0, 0.0)
    assert drug.tox_events == pytest.approx(0.07 * 182.6 / 365.25, rel=1e-9)
    assert drug.tox_persistent == pytest.approx(0.135 * years[1], rel=1e-12)


def test_those_who_have_progressed_before_the_start_have_no_events(calgb: Inputs) -> None:
    late = benefit_risk(
        with_values(calgb, {"treatment.start.lenalidomide": 12.0, "toxicity.period.lenalidomide": 12.0})
    )
    at_once = benefit_risk(calgb)
    share = late.periods[1].tox / at_once.periods[1].tox
    progression_free = evaluate(calgb).curves["progression_and_spm_free"].landmarks[0, 1, 0]
    # Some stop for toxicity in the year under treatment from the start, so that a little fewer are in maintenance.
    assert share == pytest.approx(progression_free, rel=0.02)


def test_the_three_periods_are_life(
    calgb: Inputs, calgb_result: BenefitRisk, myeloma_ix: Inputs, myeloma_ix_result: BenefitRisk
) -> None:
    for inputs, result in ((calgb, calgb_result), (myeloma_ix, myeloma_ix_result)):
        years = evaluate(inputs).life_years[0, :, 0]
        for i, periods in enumerate(result.periods):
            assert periods.life_years == pytest.approx(years[i].sum(), rel=1e-12)
            assert periods.progression_free == pytest.approx(years[i, :2].sum(), rel=1e-12)
            assert periods.rel == pytest.approx(years[i, 2:].sum(), rel=1e-12)
            assert min(periods.tox, periods.twist, periods.rel) >= 0.0


def test_at_the_models_utilities_the_periods_are_its_undiscounted_qalys(
    myeloma_ix: Inputs, myeloma_ix_result: BenefitRisk
) -> None:
    qalys = evaluate(myeloma_ix).qalys[0, :, 0].sum(axis=-1)
    assert [periods.qalys for periods in myeloma_ix_result.periods] == pytest.approx(qalys.tolist(), rel=1e-12)
    assert myeloma_ix_result.q_twist[0].at_model == pytest.approx(qalys[1] - qalys[0], rel=1e-9)


def test_the_models_utilities_are_the_workbooks_where_nothing_adjusts_them(calgb: Inputs) -> None:
    plain = with_values(calgb, {"settings.age_adjustment": "off", "settings.utility_cap": "off"})
    drug = benefit_risk(plain).periods[1]
    losses = {e: calgb.number(f"adverse_event.disutility.{e}") for e in EVENTS}
    weights = [
        calgb.number(f"adverse_event.proportion.{e}.lenalidomide") * calgb.number(f"adverse_event.days.{e}")
        for e in EVENTS
    ]
    assert drug.u_twist == pytest.approx(0.72, rel=1e-9)
    assert drug.u_tox == pytest.approx(0.72 + np.average(list(losses.values()), weights=weights), rel=1e-9)
    assert drug.relative == pytest.approx((drug.u_tox / 0.72, drug.u_rel / 0.72), rel=1e-9)
    assert 0.55 < drug.u_rel < 0.64  # progression 0.64, second malignancies 0.55 and 0.64 with a decrement


# ------------------------------------------------------------------------------------------------------- grid


def test_the_corners_of_the_grid_are_differences_in_periods(calgb: Inputs, calgb_result: BenefitRisk) -> None:
    (gained,) = calgb_result.q_twist
    years = evaluate(calgb).life_years[0, :, 0]
    assert UTILITIES == (0.0, 0.25, 0.5, 0.75, 1.0)
    assert gained.grid[4][4] == pytest.approx(np.diff(years.sum(axis=-1))[0], rel=1e-9)  # all time counts alike
    assert gained.grid[0][0] == pytest.approx(gained.delta_twist, rel=1e-12)
    assert gained.grid[4][0] == pytest.approx(np.diff(years[:, :2].sum(axis=-1))[0], rel=1e-9)
    assert gained.relative[4][4] == pytest.approx(gained.grid[4][4] / years[0].sum(), rel=1e-12)


def test_the_grid_is_linear_and_zero_on_the_break_even_line(myeloma_ix_result: BenefitRisk) -> None:
    (gained,) = myeloma_ix_result.q_twist
    control, drug = myeloma_ix_result.periods
    grid = np.array(gained.grid)
    assert np.ptp(np.diff(grid, axis=0)) < 1e-12 and np.ptp(np.diff(grid, axis=1)) < 1e-12
    for u_tox in UTILITIES:
        u_rel = gained.break_even(u_tox)
        assert u_rel is not None
        assert drug.q_twist(u_tox, u_rel) == pytest.approx(control.q_twist(u_tox, u_rel), abs=1e-12)
    assert gained.grid[0][0] > 0 > gained.grid[0][4], "which utilities one holds decides whether the drug gains"


# ------------------------------------------------------------------------------------------------- trade-offs


def test_years_gained_per_harm_are_those_of_the_model(calgb: Inputs, calgb_result: BenefitRisk) -> None:
    outcomes = evaluate(calgb)
    years = np.diff(outcomes.curves["pfs_net_of_spm"].mean[0])[0]
    spm = outcomes.entered(State.SPM_HAEMATOLOGIC)[0] + outcomes.entered(State.SPM_SOLID)[0]
    expected = {
        "stop for toxicity": years / np.diff(outcomes.entered(State.TOXICITY)[0])[0],
        "second malignancy": years / np.diff(spm)[0],
    }
    found = {trade.harm: trade.ratio for trade in calgb_result.trade_offs}
    assert found == pytest.approx(expected, rel=1e-9)
    assert all("gained for each additional" in trade.words for trade in calgb_result.trade_offs)


def test_fewer_second_malignancies_are_no_denominator(myeloma_ix_result: BenefitRisk) -> None:
    stops, malignancies = myeloma_ix_result.trade_offs
    assert stops.ratio is not None and stops.ratio > 0.0
    assert malignancies.delta_share < 0.0 and malignancies.ratio is None
    assert malignancies.words.startswith("0.68 years without progression gained, with less of this harm")


@pytest.mark.parametrize(
    ("years", "share", "ratio", "words"),
    [
        (1.0, 0.5, 2.0, "gained for each additional stop"),
        (-1.0, -0.5, 2.0, "lost for each stop avoided"),
        (1.0, -0.5, None, "gained, with less of this harm"),
        (-1.0, 0.5, None, "lost, with more of this harm"),
        (1.0, 0.0, None, "gained, without an additional stop"),
        (-1.0, 1e-9, None, "lost, without an additional stop"),
        (0.0, 0.5, None, "no difference in years without progression, with more of this harm"),
        (0.0, 0.0, None, "no difference in years without progression, without an additional stop"),
    ],
)
def test_each_quadrant_has_its_words_and_a_ratio_only_where_it_can_be_read(
    years: float, share: float, ratio: float | None, words: str
) -> None:
    found, sentence = trade_off(years, share, "stop")
    assert found == ratio
    assert words in sentence


# ---------------------------------------------------------------------------------------- numbers needed to treat


def test_numbers_needed_are_inverse_differences_in_shares(calgb: Inputs, calgb_result: BenefitRisk) -> None:
    outcomes = evaluate(calgb)
    found = {number.outcome: number for number in calgb_result.numbers_needed}
    alive = outcomes.curves["os"].landmarks[0, :, 3]  # at 5 years
    assert found["alive at 5 years"].number == pytest.approx(1.0 / (alive[1] - alive[0]), rel=1e-9)
    stops = found["with a stop for toxicity"]
    assert (stops.reference, stops.is_benefit) == (0.0, False)
    assert stops.number == pytest.approx(1.0 / stops.share, rel=1e-9)
    assert [number.is_benefit for number in calgb_result.numbers_needed] == [True] * 4 + [False] * 2


def test_harm_is_told_as_fewer_where_there_is_less(myeloma_ix_result: BenefitRisk) -> None:
    found = {number.outcome: number.words for number in myeloma_ix_result.numbers_needed}
    assert found["alive at 5 years"].startswith("one fewer alive at 5 years")
    assert found["with a second malignancy"].startswith("one fewer")
    assert number_needed(1e-9, "alive") == (None, "no difference in the number alive")


def test_beyond_the_horizon_there_is_no_share(calgb: Inputs) -> None:
    short = benefit_risk(with_values(calgb, {"settings.horizon_years": 4.0}))
    assert [number.outcome for number in short.numbers_needed if "at" in number.outcome.split()] == [
        "without progression at 3 years",
        "alive at 3 years",
    ]


def test_equal_strategies_differ_in_nothing(calgb: Inputs) -> None:
    twins = with_values(with_second(calgb, "lenalidomide"), {"settings.reference": "lenalidomide"})
    alone = with_values(twins, {"strategy.included.no_maintenance": "no"})
    result = benefit_risk(alone)
    (gained,) = result.q_twist
    np.testing.assert_allclose(gained.grid, 0.0, atol=1e-12)
    assert gained.break_even(0.5) is None
    assert all(trade.ratio is None and "no difference" in trade.words for trade in result.trade_offs)
    assert all(number.number is None for number in result.numbers_needed)

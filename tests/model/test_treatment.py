"""On treatment: stops for toxicity and other reasons, planned stops, and progression after stopping."""

import math
from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from markov.inputs.parameters import Inputs, Value, with_values
from markov.model.evaluate import evaluate
from markov.model.outcomes import Outcomes
from markov.model.structure import MAINTENANCE_MODEL
from markov.terms import Array, State
from tests.published.known_answers import assert_agrees, read_case
from tests.support.made_inputs import MONTH_DAYS, bare, survival
from tests.support.plain_model import Plain, phi

ARM = "lenalidomide"
unhurried = settings(deadline=None, max_examples=40)  # a busy machine is not a failure
BY_RATE: dict[str, Value] = {f"toxicity.proportion.{ARM}": None, f"treatment.median_duration.{ARM}": None}


def moved(outcomes: Outcomes, origin: State, target: State, strategy: int = 1) -> Array:
    assert outcomes.trace is not None
    return np.asarray(outcomes.trace.flows[0, strategy, :, MAINTENANCE_MODEL.row[origin, target]])


def present(outcomes: Outcomes, state: State, strategy: int = 1) -> Array:
    assert outcomes.trace is not None
    return np.asarray(outcomes.trace.occupancy[0, strategy, :, list(State).index(state)])


def stopped_by(outcomes: Outcomes, start: float, years: float, share: float) -> float:
    """Share of starters who have stopped for toxicity some years after the start, counted from the trace.

    Within a cycle all exits run at constant rates, so a part of it scales their increments.
    """
    assert outcomes.trace is not None
    x, flow, t = present(outcomes, State.MAINTENANCE), moved(outcomes, State.MAINTENANCE, State.TOXICITY), 0.0
    length, reached, starters = float(outcomes.trace.boundaries[1]), 0.0, 0.0
    for k in range(len(flow)):
        t = float(outcomes.trace.boundaries[k])
        exits = math.log(x[k] / x[k + 1])
        toxicity = flow[k] / (x[k] * phi(exits))
        if t <= start < t + length:
            starters = share * x[k] * math.exp(-(exits - toxicity) * (start - t) / length)
        part = min(max((start + years - t) / length, 0.0), 1.0)
        reached += x[k] * toxicity * part * phi(exits * part)
    return reached / starters


@unhurried
@given(
    rate=st.floats(0.001, 0.15),
    period=st.floats(3.0, 60.0),
    share=st.sampled_from([1.0, 0.83, 0.4]),
    start=st.sampled_from([0.0, 3.3, 6.44, 28.0 * 5 / MONTH_DAYS]),
    planned=st.sampled_from([None, 9.7, 20.0, 100.0]),
    others=st.sampled_from([0.0, 0.01, 0.06]),
    moves=st.sampled_from(["half_cycle_exposure", "one_move"]),
)
def test_the_solved_rate_returns_the_proportion_it_was_solved_from(
    calgb: Inputs,
    rate: float,
    period: float,
    share: float,
    start: float,
    planned: float | None,
    others: float,
    moves: str,
) -> None:
    common: dict[str, Value] = {
        f"treatment.share_starting.{ARM}": share,
        f"treatment.start.{ARM}": start,
        f"treatment.planned_stop.{ARM}": None if planned is None else start + planned,
        f"treatment.other_stop_rate.{ARM}": others,
        f"toxicity.period.{ARM}": period,
        "settings.horizon_years": 8.0,
        "settings.within_cycle": moves,
    }
    told = evaluate(with_values(calgb, {**common, **BY_RATE, f"toxicity.rate.{ARM}": rate}), trace=True)
    proportion = stopped_by(told, start / 12.0, period / 12.0, share)
    solved = evaluate(with_values(calgb, {**common, f"toxicity.proportion.{ARM}": proportion}), trace=True)
    assert stopped_by(solved, start / 12.0, period / 12.0, share) == pytest.approx(proportion, abs=1e-6)
    assert solved.solved["toxicity_rate"][0] == pytest.approx([0.0, 12.0 * rate], rel=1e-4)
    assert solved.counts["clipped_cycles"].shape == (1, 2)


def constant(inputs: Inputs, hazard: float, changes: Mapping[str, Value], *, days: float = 28.0) -> Inputs:
    """One hazard of progression per year, drug for all from time zero, no death but after progression."""
    fixed: dict[str, Value] = {f"pfs.family.{s}": "exponential" for s in ("no_maintenance", ARM)}
    fixed |= {f"pfs.rate.{s}": hazard / 12.0 for s in ("no_maintenance", ARM)}
    fixed |= {"settings.post_progression": "rate", f"treatment.share_starting.{ARM}": 1.0}
    model = bare(inputs, {**fixed, **changes}, months=150)
    return with_values(model, {"settings.cycle_days": days})


@pytest.mark.parametrize("row", range(4))
@pytest.mark.parametrize("days", [28.0, 91.0, MONTH_DAYS])
def test_constant_hazards_meet_the_published_closed_form(row: int, days: float, calgb: Inputs) -> None:
    # p = λ/(λ + h)·(1 − e^(−(λ + h)τ)), exact whatever the cycle: 0.52 by 2.5 years is no whole number of cycles.
    case = read_case("calibration", "competing_exits")
    inputs = {key: float(value) for key, value in case["inputs"]["inverse"][row].items()}
    changes: dict[str, Value] = {
        f"toxicity.proportion.{ARM}": inputs["incidence"],
        f"toxicity.period.{ARM}": 12.0 * inputs["time"],
    }
    outcomes = evaluate(constant(calgb, max(inputs["other_rate"], 1e-12), changes, days=days))
    rate = outcomes.solved["toxicity_rate"][0, 1]
    assert_agrees(rate, case["expected"]["inverse"][row]["rate"], case)
    total = rate + inputs["other_rate"]
    assert rate / total * -math.expm1(-total * inputs["time"]) == pytest.approx(inputs["incidence"], abs=1e-9)


def test_second_malignancies_given_as_a_proportion_are_those_of_the_published_rate(calgb: Inputs) -> None:
    case = read_case("calibration", "competing_exits")
    for row in case["expected"]["inverse"][:2]:
        proportion, time, others = (float(row[key]) for key in ("cumulative_incidence", "by_time", "other_exit_rate"))
        crude: dict[str, Value] = {
            f"spm.rate.{ARM}": None,
            f"spm.proportion.{ARM}": proportion,
            f"spm.period.{ARM}": 12.0 * time,
            f"spm.other_exit_rate.{ARM}": others / 12.0,
        }
        solved = evaluate(with_values(calgb, crude))
        told = evaluate(with_values(calgb, {f"spm.rate.{ARM}": 100.0 * float(row["rate"])}))
        np.testing.assert_allclose(solved.entries, told.entries, rtol=1e-9)


@pytest.mark.parametrize("name", ["calgb", "myeloma_ix"])
def test_the_horizon_does_not_change_the_solved_rates(name: str, request: pytest.FixtureRequest) -> None:
    base: Inputs = request.getfixturevalue(name)
    lifetime, short = evaluate(base), evaluate(with_values(base, {"settings.horizon_years": 2.0}))
    for rate in ("toxicity_rate", "other_stop_rate"):
        np.testing.assert_allclose(short.solved[rate], lifetime.solved[rate], rtol=1e-6)


# Other stops and the planned one -------------------------------------------------------------------------------------


@pytest.mark.parametrize("start", [0, 5])
@pytest.mark.parametrize("proportion", [0.0, 0.25])
def test_half_of_the_starters_are_off_drug_at_the_reported_median(start: int, proportion: float, calgb: Inputs) -> None:
    changes: dict[str, Value] = {
        "settings.cycle_days": MONTH_DAYS,
        f"toxicity.proportion.{ARM}": proportion,
        f"treatment.median_duration.{ARM}": 12.0,
        f"treatment.start.{ARM}": float(start),
        f"treatment.share_starting.{ARM}": 0.8,
    }
    outcomes = evaluate(with_values(calgb, changes), trace=True)
    assert outcomes.trace is not None
    x, share = present(outcomes, State.MAINTENANCE), outcomes.trace.share_on_drug[0, 1]
    assert x[start + 12] * share[start + 12] == pytest.approx(0.5 * 0.8 * x[start], abs=1e-8)
    assert stopped_by(outcomes, start / 12.0, 34.0 / 12.0, 0.8) == pytest.approx(proportion, abs=1e-6)


def test_a_reported_median_off_the_cycle_boundaries_is_met_by_the_curve(myeloma_ix: Inputs) -> None:
    # 7 months are 7.6 cycles of 28 days.
    outcomes = evaluate(myeloma_ix)
    assert 12.0 * outcomes.curves["on_treatment"].median[0, 1] == pytest.approx(7.0, abs=1e-6)
    assert np.isnan(outcomes.curves["on_treatment"].median[0, 0]), "nobody is treated"


@pytest.mark.parametrize("start", [5.0, 5 * 28.0 / MONTH_DAYS])
def test_the_median_on_treatment_counts_from_the_start_whenever_that_is(start: float, myeloma_ix: Inputs) -> None:
    outcomes = evaluate(with_values(myeloma_ix, {"treatment.start.thalidomide": start}))
    assert 12.0 * outcomes.curves["on_treatment"].median[0, 1] - start == pytest.approx(7.0, abs=1e-3)


def test_patients_who_stop_for_other_reasons_stay_in_maintenance_off_drug(calgb: Inputs) -> None:
    # Constant hazards: the drug is taken for 1/(ω + h) years, progression-free survival stays as it was.
    none: dict[str, Value] = {**BY_RATE, f"toxicity.rate.{ARM}": 0.0}
    never = evaluate(constant(calgb, 0.2, none), trace=True)
    stops = evaluate(constant(calgb, 0.2, {**none, f"treatment.other_stop_rate.{ARM}": 0.05}), trace=True)
    np.testing.assert_allclose(present(stops, State.MAINTENANCE), present(never, State.MAINTENANCE), rtol=0, atol=1e-13)
    years, horizon = stops.time_on_treatment[0, 1], 12.5
    assert years == pytest.approx(-math.expm1(-0.8 * horizon) / 0.8, rel=2e-3)
    assert never.time_on_treatment[0, 1] == pytest.approx(-math.expm1(-0.2 * horizon) / 0.2, rel=2e-3)
    assert np.abs(present(stops, State.TOXICITY)).max() < 1e-14, "nobody, up to rounding"


def test_the_share_on_drug_falls_by_stops_alone_and_is_stable_when_hardly_anybody_is_left(calgb: Inputs) -> None:
    # Of those still in maintenance, on = s·e^(−aΔ) are on drug of on + s·(ω/a)(1 − e^(−aΔ)): s₀ = 1.
    rates = 12.0 * 0.4, 12.0 * 0.3
    model = constant(calgb, 0.2, {**BY_RATE, f"toxicity.rate.{ARM}": 0.4, f"treatment.other_stop_rate.{ARM}": 0.3})
    outcomes = evaluate(model, trace=True)
    assert outcomes.trace is not None
    t = outcomes.trace.boundaries
    on, total = np.exp(-sum(rates) * t), sum(rates)
    expected = on / (on + rates[1] / total * (1.0 - on))
    np.testing.assert_allclose(outcomes.trace.share_on_drug[0, 1], expected, rtol=1e-9)
    assert expected[-1] < 1e-30


def test_a_planned_stop_ends_treatment_and_toxicity_but_not_progression_free_survival(calgb: Inputs) -> None:
    stop = 24.0 + 0.4  # months, within a cycle
    changes: dict[str, Value] = {**BY_RATE, f"toxicity.rate.{ARM}": 0.01}
    lifelong = evaluate(with_values(calgb, changes), trace=True)
    planned = evaluate(with_values(calgb, {**changes, f"treatment.planned_stop.{ARM}": stop}), trace=True)
    assert planned.trace is not None
    assert lifelong.trace is not None
    last = int(stop / 12.0 // planned.trace.boundaries[1])
    flows = moved(planned, State.MAINTENANCE, State.TOXICITY)
    np.testing.assert_array_equal(flows[:last], moved(lifelong, State.MAINTENANCE, State.TOXICITY)[:last])
    part = stop / 12.0 / planned.trace.boundaries[1] - last
    assert flows[last] == pytest.approx(part * moved(lifelong, State.MAINTENANCE, State.TOXICITY)[last], rel=5e-3)
    assert flows[last + 1 :].max() == 0.0
    assert planned.trace.share_on_drug[0, 1, last + 1 :].max() == 0.0
    np.testing.assert_allclose(
        survival(planned, "pfs_net_of_spm", ARM), survival(lifelong, "pfs_net_of_spm", ARM), rtol=0, atol=1e-5
    )


def test_nobody_stops_for_toxicity_before_the_start(calgb: Inputs) -> None:
    outcomes = evaluate(with_values(calgb, {f"treatment.start.{ARM}": 7.0}), trace=True)
    assert outcomes.trace is not None
    flows, ends = moved(outcomes, State.MAINTENANCE, State.TOXICITY), outcomes.trace.boundaries[1:]
    assert flows[ends <= 7.0 / 12.0].max() == 0.0
    assert flows[ends > 7.0 / 12.0][:100].min() > 0.0


# Progression after stopping ------------------------------------------------------------------------------------------

AFTER: dict[str, dict[str, Value]] = {
    "ratio 1.25": {"toxicity.progression_ratio.DRUG": 1.25},
    "ratio 0.8": {"toxicity.progression_ratio.DRUG": 0.8},
    "effect lost": {"toxicity.after_stopping.DRUG": "effect_lost"},
}


def after_stopping(inputs: Inputs, how: str, changes: Mapping[str, Value]) -> Inputs:
    drug = next(s for s in inputs.compared if s != "no_maintenance")
    named = {key.replace("DRUG", drug): value for key, value in {**AFTER[how], **changes}.items()}
    return with_values(inputs, {"settings.post_progression": "rate", **named})


@pytest.mark.parametrize("how", AFTER)
@pytest.mark.parametrize("name", ["calgb", "myeloma_ix"])
def test_the_intention_to_treat_curve_is_preserved(name: str, how: str, request: pytest.FixtureRequest) -> None:
    base: Inputs = request.getfixturevalue(name)
    drug = base.compared[1]
    more_stop = with_values(base, {f"toxicity.proportion.{drug}": 0.35 if "ratio" in how else 0.15})
    inputs = after_stopping(more_stop, how, {})
    assert not inputs.given(f"toxicity.observed_proportion.{drug}")
    outcomes = evaluate(inputs, trace=True)
    plain = Plain(with_values(more_stop, {"settings.post_progression": "rate"}), drug)
    increments = np.array(plain.progression) + np.array(plain.background)
    expected = np.exp(-np.concatenate([[0.0], np.cumsum(increments)]))
    np.testing.assert_allclose(survival(outcomes, "pfs_net_of_spm", drug), expected, rtol=0, atol=1e-3)


def test_a_hazard_on_treatment_that_would_be_negative_is_floored_and_counted(calgb: Inputs) -> None:
    # 35 % stop and progress like the control arm: late on, those still on drug would have to progress less than never.
    more_stop = with_values(calgb, {f"toxicity.proportion.{ARM}": 0.35})
    inputs = after_stopping(more_stop, "effect lost", {"settings.within_cycle": "one_move"})
    outcomes, plain = evaluate(inputs, trace=True), Plain(inputs, ARM)
    assert plain.negative > 100
    assert outcomes.counts["negative_hazard_cycles"].tolist() == [[0, plain.negative]]
    assert moved(outcomes, State.MAINTENANCE, State.PROGRESSION).min() == 0.0


def hazards_out_of(outcomes: Outcomes, state: State, strategy: int = 1) -> Array:
    """Progression increments out of a state under one move a cycle, from the flows."""
    x = present(outcomes, state, strategy)
    targets = list(State)[list(State).index(state) + 1 :]
    leaving = np.sum([moved(outcomes, state, target, strategy) for target in targets], axis=0)
    share = leaving[1:] / x[1:-1]
    total = -np.log1p(-share)
    return np.asarray(moved(outcomes, state, State.PROGRESSION, strategy)[1:] / x[1:-1] * total / share)


@pytest.mark.parametrize("ratio", [1.25, 0.8])
def test_the_hazard_after_stopping_is_the_ratio_times_that_on_treatment(ratio: float, calgb: Inputs) -> None:
    changes: dict[str, Value] = {"settings.within_cycle": "one_move", "settings.horizon_years": 15.0}
    inputs = after_stopping(calgb, f"ratio {ratio:g}", changes)
    outcomes = evaluate(inputs, trace=True)
    on, after = (hazards_out_of(outcomes, state) for state in (State.MAINTENANCE, State.TOXICITY))
    np.testing.assert_allclose(after, ratio * on, rtol=1e-9, atol=1e-15)


def test_where_the_effect_is_lost_the_hazard_after_stopping_is_the_reference_strategys(calgb: Inputs) -> None:
    changes: dict[str, Value] = {"settings.within_cycle": "one_move", "settings.horizon_years": 15.0}
    outcomes = evaluate(after_stopping(calgb, "effect lost", changes), trace=True)
    control = hazards_out_of(outcomes, State.MAINTENANCE, 0)
    np.testing.assert_allclose(hazards_out_of(outcomes, State.TOXICITY), control, rtol=1e-9, atol=1e-15)


def test_without_a_difference_after_stopping_stops_do_not_touch_progression_free_survival(calgb: Inputs) -> None:
    curves = [
        survival(evaluate(with_values(calgb, {f"toxicity.proportion.{ARM}": p}), trace=True), "pfs_net_of_spm", ARM)
        for p in (0.0, 0.1, 0.5)
    ]
    np.testing.assert_allclose(curves[1], curves[0], rtol=0, atol=1e-5)
    np.testing.assert_allclose(curves[2], curves[0], rtol=0, atol=1e-4)


@pytest.mark.parametrize("how", AFTER)
def test_a_scenario_that_changes_the_proportion_keeps_the_hazard_on_treatment(how: str, calgb: Inputs) -> None:
    one_move: dict[str, Value] = {"settings.within_cycle": "one_move", "settings.horizon_years": 15.0}
    base = after_stopping(calgb, how, one_move)
    what_if = with_values(base, {f"toxicity.proportion.{ARM}": 0.4})
    assert what_if.value(f"toxicity.observed_proportion.{ARM}") == 0.1
    assert not base.given(f"toxicity.observed_proportion.{ARM}")
    before, after = evaluate(base, trace=True), evaluate(what_if, trace=True)
    np.testing.assert_allclose(
        hazards_out_of(after, State.MAINTENANCE), hazards_out_of(before, State.MAINTENANCE), rtol=1e-7, atol=1e-12
    )
    assert stopped_by(after, 0.0, 34.0 / 12.0, 1.0) == pytest.approx(0.4, abs=1e-6)
    gap = survival(after, "pfs_net_of_spm", ARM) - survival(before, "pfs_net_of_spm", ARM)
    assert (gap.min() < -0.01) if how != "ratio 0.8" else (gap.max() > 0.01), "PFS follows the stops"


def test_a_change_of_the_proportion_is_no_what_if_where_stopping_makes_no_difference(calgb: Inputs) -> None:
    changed = with_values(calgb, {f"toxicity.proportion.{ARM}": 0.4})
    assert not changed.given(f"toxicity.observed_proportion.{ARM}")

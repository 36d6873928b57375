"""Scenarios: each from a clean base, told from the base case; a broken one stops no other."""

import hashlib
import itertools
from collections.abc import Mapping
from dataclasses import fields, replace

import numpy as np
import pytest

from markov.analysis.sensitivity.scenarios import (
    Priced,
    Scenario,
    Scenarios,
    StrategyResult,
    applied,
    overall_survival_alternatives,
    scenarios,
)
from markov.inputs.parameters import Inputs, ScenarioChange, Value, with_values
from markov.inputs.problems import InputError
from markov.inputs.rules.between_values import scenario_changes, scenario_names
from markov.model.evaluate import evaluate
from markov.terms import PriceSet
from tests.support.made_inputs import with_second

NAMES = ("calgb", "myeloma_ix")


@pytest.fixture(scope="module")
def results(calgb: Inputs, myeloma_ix: Inputs) -> dict[str, Scenarios]:
    """All shipped scenarios, run once."""
    return {"calgb": scenarios(calgb), "myeloma_ix": scenarios(myeloma_ix)}


def fingerprint(inputs: Inputs) -> str:
    """Everything that an Inputs holds, arrays to the last digit."""
    with np.printoptions(threshold=100_000, floatmode="unique"):
        content = repr([(field.name, getattr(inputs, field.name)) for field in fields(inputs)])
    return hashlib.sha256(content.encode()).hexdigest()


def with_scenarios(inputs: Inputs, changes: Mapping[str, Mapping[str, Value]]) -> Inputs:
    rows = [ScenarioChange(name, key, v) for name, values in changes.items() for key, v in values.items()]
    return replace(inputs, scenarios=tuple(rows))


def own(scenario: Scenario) -> Priced:
    assert scenario.own is not None, scenario.error
    return scenario.own


def treated(scenario: Scenario) -> StrategyResult:
    """The one strategy beside the reference."""
    (_, found) = own(scenario).strategies
    return found


# ------------------------------------------------------------------------------------------- numbers and words


@pytest.mark.parametrize("name", NAMES)
def test_a_scenario_is_a_run_of_its_own_on_changed_inputs(
    name: str, bases: Mapping[str, Inputs], results: Mapping[str, Scenarios]
) -> None:
    inputs = bases[name]
    assert [scenario.name for scenario in results[name].scenarios] == list(scenario_names(inputs))
    for scenario in results[name].scenarios[::3]:
        outcomes = evaluate(with_values(inputs, scenario_changes(inputs, scenario.name)))
        for i, result in enumerate(own(scenario).strategies):
            figures = outcomes.cost[0, i], outcomes.qaly[0, i], outcomes.life_year[0, i]
            assert (result.cost, result.qaly, result.life_years) == pytest.approx(figures, rel=1e-9)
            for benefit, threshold in zip(result.net_benefit, inputs.thresholds, strict=True):
                assert benefit == pytest.approx(threshold * figures[1] - figures[0], rel=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_changes_are_from_the_base_case_and_decisions_follow_the_sign(
    name: str, bases: Mapping[str, Inputs], results: Mapping[str, Scenarios]
) -> None:
    outcomes = evaluate(bases[name])
    for t, threshold in enumerate(bases[name].thresholds):
        control, drug = outcomes.net_benefit(threshold)[0].tolist()
        for scenario in results[name].scenarios:
            result = treated(scenario)
            change = result.change[t]
            assert change is not None
            assert change == pytest.approx(result.gain[t] - (drug - control), abs=1e-6)
            best = own(scenario).strategies[int(result.gain[t] > 0)].strategy
            assert own(scenario).optimal[t] == best
            assert own(scenario).decision_changed[t] == ((result.gain[t] > 0) != (drug > control))


def test_the_base_case_is_a_scenario_that_changes_nothing(results: Mapping[str, Scenarios]) -> None:
    base = results["calgb"].base
    assert (base.changes, base.error, own(base).decision_changed) == ((), "", (False, False))
    assert treated(base).change == (0.0, 0.0)


def test_ratios_are_told_in_the_words_of_their_quadrant(results: Mapping[str, Scenarios]) -> None:
    words = {scenario.name: treated(scenario) for scenario in results["myeloma_ix"].scenarios}
    for result in words.values():
        assert result.against is not None
        if result.against.delta_cost < 0 and result.against.delta_qaly < 0:
            assert result.ratio.startswith("saves £") and result.ratio.endswith(" per QALY lost")
        elif result.against.delta_cost > 0 and result.against.delta_qaly > 0:
            assert result.ratio.endswith(" per QALY gained")
        else:
            assert result.against.icer is None
    assert len({result.ratio.rsplit(" ", 1)[1] for result in words.values()}) > 1, "more than one quadrant is shown"


def test_a_scenario_lists_what_it_changes_beside_the_base_value(
    calgb: Inputs, results: Mapping[str, Scenarios]
) -> None:
    for scenario in results["calgb"].scenarios:
        rows = [row for row in calgb.scenarios if row.scenario == scenario.name]
        assert [(c.id, c.value, c.base) for c in scenario.changes] == [(r.id, r.value, calgb.value(r.id)) for r in rows]
        assert scenario.reason == rows[0].reason
        assert all(change.label for change in scenario.changes)


# ------------------------------------------------------------------------------------------------ price sets


@pytest.mark.parametrize("name", NAMES)
def test_both_price_sets_are_shown_and_each_is_told_from_the_base_case_at_the_same_one(
    name: str, bases: Mapping[str, Inputs], results: Mapping[str, Scenarios]
) -> None:
    inputs = bases[name]
    scenario = next(s for s in results[name].scenarios if s.name == "Horizon 10 years")
    assert set(scenario.priced) == set(PriceSet)
    for price_set, priced in scenario.priced.items():
        threshold = inputs.thresholds[0]
        at_prices = with_values(inputs, {"settings.price_set": price_set.value})
        runs = (evaluate(each) for each in (with_values(at_prices, {"settings.horizon_years": 10.0}), at_prices))
        now, then = (np.diff(run.net_benefit(threshold)[0])[0] for run in runs)
        assert priced.strategies[1].gain[0] == pytest.approx(now, rel=1e-9)
        assert priced.strategies[1].change[0] == pytest.approx(now - then, rel=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_a_scenario_of_prices_moves_its_own_result_and_neither_column(
    name: str, results: Mapping[str, Scenarios]
) -> None:
    scenario = next(s for s in results[name].scenarios if s.name == "Generic prices")
    assert own(scenario).price_set is PriceSet.GENERIC
    change = treated(scenario).change[0]
    assert change is not None and change > 1000.0  # generics cost less
    for priced in scenario.priced.values():
        assert priced.strategies[1].change == pytest.approx((0.0, 0.0), abs=1e-6)


# ---------------------------------------------------------------------------------------- a clean base, always


def test_the_base_is_as_it_was_after_all_scenarios(calgb: Inputs) -> None:
    few = replace(calgb, scenarios=calgb.scenarios[-2:])
    before = fingerprint(few)
    scenarios(few)
    assert fingerprint(few) == before


def test_neither_order_nor_repetition_of_scenarios_changes_a_result(calgb: Inputs) -> None:
    names = ["Generic prices", "Start at age 63"]
    forward = {s.name: s for s in scenarios(calgb, names).scenarios}
    again = scenarios(calgb, [*reversed(names), *names]).scenarios
    assert [s.name for s in again] == [*reversed(names), *names]
    assert all(s == forward[s.name] for s in again)


def test_an_unknown_name_is_refused_with_the_known_ones(calgb: Inputs) -> None:
    with pytest.raises(ValueError, match='no scenario "Free drug"; it has Weibull PFS'):
        scenarios(calgb, ["Free drug"])


# ---------------------------------------------------------------------------------------------- broken scenarios


def test_a_scenario_that_cannot_run_says_why_and_the_others_go_on(calgb: Inputs) -> None:
    broken: dict[str, dict[str, Value]] = {
        "Utility of 2": {"utility.maintenance": 2.0},
        "Unknown id": {"utility.mood": 0.5},
        "Unknown strategy": {"spm.rate.placebo": 1.0},
        "No reference": {"strategy.included.no_maintenance": "no"},
        "Fine": {"utility.maintenance": 0.7},
    }
    result = scenarios(with_scenarios(calgb, broken))
    assert [s.name for s in result.failed] == list(broken)[:4]
    messages = [s.error for s in result.scenarios]
    assert "utility.maintenance must be at most 1" in messages[0]
    assert "utility.mood" in messages[1]
    assert "spm.rate.placebo" in messages[2]
    assert "is not an included strategy" in messages[3]
    assert all(s.own is None and not s.priced for s in result.failed)
    assert messages[4] == ""
    assert treated(result.scenarios[4]).gain != treated(result.base).gain
    assert {count.not_compared for count in result.balance} == {4}


def test_a_scenario_in_which_curves_cross_under_the_error_policy_fails_alone(myeloma_ix: Inputs) -> None:
    inputs = with_scenarios(
        myeloma_ix, {"Strict": {"settings.crossing": "error"}, "Same": {"utility.progression": 0.64}}
    )
    strict, same = scenarios(inputs).scenarios
    assert "rises above its OS" in strict.error
    assert same.error == "" and treated(same).change == (0.0, 0.0)


def test_applied_rows_are_checked(calgb: Inputs) -> None:
    with pytest.raises(InputError, match="must be above 0"):
        applied(calgb, [ScenarioChange("x", "os.hazard_ratio.lenalidomide", 0.0)])


# --------------------------------------------------------------------------------- strategies, thresholds, reference


def test_a_strategy_can_be_left_out_and_put_in(calgb: Inputs) -> None:
    three = with_second(calgb, "lenalidomide")
    left_out: dict[str, dict[str, Value]] = {"Two": {"strategy.included.second": "no"}}
    (two,) = scenarios(with_scenarios(three, left_out)).scenarios
    assert [r.strategy for r in own(two).strategies] == ["no_maintenance", "lenalidomide"]
    assert own(two).of("second") is None
    put_in: dict[str, dict[str, Value]] = {"Three": {"strategy.included.second": "yes"}}
    (all_three,) = scenarios(with_scenarios(with_values(three, left_out["Two"]), put_in)).scenarios
    added = own(all_three).of("second")
    assert added is not None and added.change == (None, None), "the base case has no such comparison"
    assert added.cost == pytest.approx(own(two).strategies[1].cost, rel=1e-12)


def test_against_another_reference_no_change_is_told(calgb: Inputs) -> None:
    inputs = with_scenarios(calgb, {"Turned round": {"settings.reference": "lenalidomide"}})
    (turned,) = scenarios(inputs).scenarios
    result = own(turned).of("no_maintenance")
    assert result is not None and result.change == (None, None)
    assert result.against is not None and result.against.versus == "lenalidomide"
    base = scenarios(inputs).base
    assert result.gain == pytest.approx(tuple(-gain for gain in treated(base).gain), rel=1e-9)
    assert own(turned).optimal == own(base).optimal and own(turned).decision_changed == (False, False)


def test_other_thresholds_are_used_and_compared_place_by_place(myeloma_ix: Inputs) -> None:
    changes: dict[str, dict[str, Value]] = {
        "Old": {"settings.thresholds": "20000; 30000"},
        "One": {"settings.thresholds": "20000"},
    }
    old, one = scenarios(with_scenarios(myeloma_ix, changes)).scenarios
    assert own(old).thresholds == (20000.0, 30000.0)
    outcomes = evaluate(myeloma_ix)
    expected = [np.diff(outcomes.net_benefit(t)[0])[0] for t in (20000.0, 30000.0, 25000.0, 35000.0)]
    assert treated(old).gain == pytest.approx(expected[:2], rel=1e-9)
    assert treated(old).change == pytest.approx((expected[0] - expected[2], expected[1] - expected[3]), rel=1e-9)
    assert treated(one).change == (None,) and own(one).decision_changed == (None,)


# --------------------------------------------------------------------------------------------------- for and against


@pytest.mark.parametrize("name", NAMES)
def test_scenarios_are_counted_for_and_against(name: str, results: Mapping[str, Scenarios]) -> None:
    result = results[name]
    thresholds = own(result.base).thresholds
    keys = [(count.price_set, count.threshold) for count in result.balance]
    assert keys == list(itertools.product((None, *PriceSet), thresholds))
    for count in result.balance:
        t = thresholds.index(count.threshold)
        shown = [own(s) if count.price_set is None else s.priced[count.price_set] for s in result.scenarios]
        changes = [round(priced.strategies[1].change[t] or 0.0, 2) for priced in shown]
        assert count.favouring == sum(change > 0 for change in changes)
        assert count.against == sum(change < 0 for change in changes)
        assert count.unchanged == sum(change == 0 for change in changes)
        assert count.decision_changed == sum(bool(priced.decision_changed[t]) for priced in shown)
        assert count.favouring + count.against + count.unchanged + count.not_compared == len(result.scenarios)


def test_the_shipped_sets_are_not_one_sided(results: Mapping[str, Scenarios]) -> None:
    for result in results.values():
        count = result.balance[0]
        assert min(count.favouring, count.against) >= 5


# ------------------------------------------------------------------------------------------------ stops for toxicity


def test_fewer_stops_keep_progression_where_those_who_stop_have_the_same_hazard(
    results: Mapping[str, Scenarios],
) -> None:
    scenario = next(s for s in results["myeloma_ix"].scenarios if s.name == "No stops for toxicity")
    (remark,) = scenario.remarks
    assert remark.startswith("Stops for toxicity changed for thalidomide: ") and "stays as it is" in remark


def test_fewer_stops_are_counterfactual_where_those_who_stop_have_another_hazard(myeloma_ix: Inputs) -> None:
    worse = with_values(myeloma_ix, {"toxicity.progression_ratio.thalidomide": 2.0})
    inputs = with_scenarios(worse, {"No stops": {"toxicity.proportion.thalidomide": 0.0}})
    (scenario,) = scenarios(inputs).scenarios
    (remark,) = scenario.remarks
    assert "counterfactual" in remark and "0.52" in remark
    # The hazard on maintenance is kept: with nobody at twice that hazard, PFS is longer than the trial's.
    changed = applied(inputs, inputs.scenarios)
    before, after = (evaluate(each).curves["pfs_net_of_spm"].mean[0, 1] for each in (worse, changed))
    assert after > before * 1.02


def test_an_effect_lost_on_stopping_keeps_the_curve_as_a_whole(
    myeloma_ix: Inputs, results: Mapping[str, Scenarios]
) -> None:
    scenario = next(s for s in results["myeloma_ix"].scenarios if s.name == "Effect lost on stopping")
    assert scenario.remarks == (
        "Progression after stopping for toxicity changed for thalidomide: progression-free survival as a whole is "
        "kept, and the hazard on maintenance is solved anew.",
    )
    changed = with_values(myeloma_ix, {"toxicity.after_stopping.thalidomide": "effect_lost"})
    before, after = (evaluate(each).curves["pfs_net_of_spm"].median[0, 1] for each in (myeloma_ix, changed))
    assert after == pytest.approx(before, rel=2e-3)


def test_other_scenarios_have_no_remark(results: Mapping[str, Scenarios]) -> None:
    assert all(not scenario.remarks for scenario in results["calgb"].scenarios)


# -------------------------------------------------------------------------------------------- sets of assumptions


def test_assumptions_on_overall_survival_can_be_run(calgb: Inputs) -> None:
    sets = overall_survival_alternatives(calgb, "lenalidomide", hazard_ratios=[0.5], waning=[(60.0, 120.0), None])
    assert list(sets) == ["OS hazard ratio 0.5", "OS effect wanes from 60 to 120 months", "OS effect never wanes"]
    longest = [
        evaluate(applied(calgb, [ScenarioChange(name, key, value) for key, value in changes.items()])).life_year[0, 1]
        for name, changes in sets.items()
    ]
    base = evaluate(calgb).life_year[0, 1]
    assert longest[0] > base > longest[1] and longest[2] > base


def test_overall_survival_is_refused_where_it_is_no_input(calgb: Inputs) -> None:
    rate = with_values(calgb, {"settings.post_progression": "rate"})
    with pytest.raises(ValueError, match="no input here"):
        overall_survival_alternatives(rate, "lenalidomide", hazard_ratios=[0.5])

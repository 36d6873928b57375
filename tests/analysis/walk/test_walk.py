"""The walk between two base cases: its steps add up, arrive at the other one, and say what had to move together."""

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest

from markov import Outcomes, base_case, evaluate, read_inputs
from markov.analysis.base_case import at_price_sets_together
from markov.analysis.walk import walk as module
from markov.analysis.walk.walk import COST, EQUAL, NET_BENEFIT, QALY, Path, Walk, shapley, walk
from markov.analysis.walk.walk_steps import ADDED, LEFT_OUT, OTHERS, first_problem, planned_steps
from markov.inputs.definitions.schema import match
from markov.inputs.differences import INERT, Differences, differences, mixture
from markov.inputs.parameters import Inputs, Value, with_values
from markov.inputs.problems import InputError
from markov.inputs.writing.template import shipped
from markov.terms import PriceSet
from tests.inputs.rules.broken_inputs.editing import good_book

HR, FAMILY = "os.hazard_ratio.lenalidomide", "os.family.no_maintenance"
SHAPE, MEDIAN = "os.shape.no_maintenance", "os.median.no_maintenance"
PRICE = "price.lenalidomide_10mg.brand"
EDITS: dict[str, Value] = {"cohort.age": 63.0, HR: 0.75, PRICE: 3000.0, "utility.progression": 0.6}


@pytest.fixture(scope="module")
def ifm() -> Inputs:
    """IFM 2005-02 as shipped: the same strategies as CALGB 100104."""
    return read_inputs(shipped("ifm_2005_02"))


@pytest.fixture(scope="module")
def trials(calgb: Inputs, ifm: Inputs) -> Walk:
    """From one trial's base case to the other's."""
    return walk(calgb, ifm)


@pytest.fixture(scope="module")
def back(calgb: Inputs, ifm: Inputs) -> Walk:
    """The same the other way round."""
    return walk(ifm, calgb)


@pytest.fixture(scope="module")
def edited(calgb: Inputs) -> Inputs:
    """A copy with four values changed."""
    return replace(with_values(calgb, EDITS), name="edited.xlsx")


@pytest.fixture(scope="module")
def copied(calgb: Inputs, edited: Inputs) -> Walk:
    """From a workbook to its edited copy, an input a step."""
    return walk(calgb, edited, {identifier: [identifier] for identifier in EDITS})


def paid(found: Walk) -> Path:
    (path,) = found.of(None)
    return path


def own_difference(inputs: Inputs, threshold: float = 25000.0) -> tuple[float, float, float]:
    """Lenalidomide against no maintenance in a run by itself: cost, QALYs, net benefit."""
    return against_nothing(evaluate(inputs), threshold)


def against_nothing(outcomes: Outcomes, threshold: float = 25000.0) -> tuple[float, float, float]:
    """Lenalidomide against no maintenance: cost, QALYs, net benefit."""
    i, r = outcomes.strategies.index("lenalidomide"), outcomes.strategies.index("no_maintenance")
    cost, qaly = (float(values[0, i] - values[0, r]) for values in (outcomes.cost, outcomes.qaly))
    return cost, qaly, threshold * qaly - cost


# --------------------------------------------------------------------------------------------- steps and sums


def test_eight_steps_between_two_trials_add_up_to_the_difference_of_their_own_runs(
    trials: Walk, calgb: Inputs, ifm: Inputs
) -> None:
    assert len(trials.steps) >= 8
    start, end = (against_nothing(base_case(inputs).outcomes) for inputs in (calgb, ifm))
    effects = paid(trials).effects
    for measure in (COST, QALY, NET_BENEFIT):
        total = math.fsum(effects[:, measure].tolist())
        assert total == pytest.approx(end[measure] - start[measure], rel=1e-12)


def test_the_last_state_is_the_other_workbook_in_every_part_at_every_price(trials: Walk, back: Walk) -> None:
    for found in (trials, back):
        assert found.arrives
        assert max(found.gaps) <= EQUAL
        assert {path.price_set for path in found.paths} == {None, PriceSet.BRAND, PriceSet.GENERIC}
        for path in found.paths:
            np.testing.assert_allclose(path.standing[[0, -1]], path.own, rtol=1e-12, atol=1e-9)


def test_a_difference_that_is_missed_does_not_pass(calgb: Inputs, ifm: Inputs, monkeypatch: pytest.MonkeyPatch) -> None:
    def forgetful(first: Inputs, second: Inputs) -> Differences:
        found = differences(first, second)
        return replace(found, inputs=tuple(d for d in found.inputs if d.id != "utility.progression"))

    changed = with_values(calgb, {"utility.progression": 0.6, "cohort.age": 63.0})
    monkeypatch.setattr(module, "differences", forgetful)
    monkeypatch.setattr("markov.analysis.walk.walk_steps.differences", forgetful)
    assert not walk(calgb, changed).arrives


def test_each_price_set_is_walked_as_a_run_at_those_prices(trials: Walk, calgb: Inputs, ifm: Inputs) -> None:
    for price_set in PriceSet:
        (path,) = trials.of(price_set)
        for end, inputs in ((0, calgb), (-1, ifm)):
            outcomes = evaluate(with_values(inputs, {"settings.price_set": price_set.value}))
            assert path.standing[end, COST] == pytest.approx(float(np.diff(outcomes.cost[0])[0]), rel=1e-12)


def test_a_state_on_the_way_is_the_first_workbook_with_those_values_typed_in(trials: Walk, calgb: Inputs) -> None:
    step = trials.steps[0]
    assert step.name == "Population"
    typed = with_values(calgb, {key: trials.second.value(key) for key in step.ids})
    cost, qaly, _ = own_difference(typed)
    assert paid(trials).standing[1, :NET_BENEFIT].tolist() == pytest.approx([cost, qaly], rel=1e-12)


def test_net_benefit_is_the_threshold_times_qalys_less_cost_at_each_threshold(trials: Walk) -> None:
    standing = paid(trials).standing
    assert trials.terms.thresholds == (25000.0, 35000.0)
    for place, threshold in enumerate(trials.terms.thresholds):
        expected = threshold * standing[:, QALY] - standing[:, COST]
        np.testing.assert_allclose(standing[:, NET_BENEFIT + place], expected, rtol=1e-12)


def test_a_walk_from_a_workbook_to_itself_has_no_step(calgb: Inputs) -> None:
    found = walk(calgb, calgb)
    assert found.steps == ()
    assert paid(found).difference.tolist() == [0.0, 0.0, 0.0, 0.0]
    assert found.arrives


def test_the_walk_back_has_the_negative_of_the_total(trials: Walk, back: Walk) -> None:
    np.testing.assert_allclose(paid(back).difference, -paid(trials).difference, rtol=1e-12, atol=1e-9)


def test_a_step_taken_last_is_the_negative_of_the_same_step_taken_first_on_the_way_back(
    trials: Walk, back: Walk
) -> None:
    names = [step.name for step in back.steps]
    last = names.index(trials.steps[-1].name)
    np.testing.assert_allclose(paid(back).alone[last], -paid(trials).effects[-1], rtol=1e-9, atol=1e-8)


def test_another_order_of_steps_changes_the_path_and_not_the_ends(copied: Walk, calgb: Inputs, edited: Inputs) -> None:
    turned = walk(calgb, edited, {identifier: [identifier] for identifier in reversed(EDITS)})
    assert [step.ids for step in turned.steps] == [(key,) for key in reversed(EDITS)]
    one, other = paid(copied), paid(turned)
    np.testing.assert_allclose(one.standing[[0, -1]], other.standing[[0, -1]], rtol=1e-12)
    assert np.abs(one.effects - other.effects[::-1])[:, NET_BENEFIT].max() > 10.0
    np.testing.assert_allclose(one.reverse, other.effects[::-1], rtol=1e-9, atol=1e-8)
    np.testing.assert_allclose(one.alone, other.alone[::-1], rtol=1e-9, atol=1e-8)


def test_the_average_is_that_over_every_order_walked_one_by_one(calgb: Inputs) -> None:
    changes: dict[str, Value] = {"utility.progression": 0.6, PRICE: 3000.0, "settings.discount_rate.costs": 0.015}
    second, parts = with_values(calgb, changes), tuple(changes)
    effects: dict[str, list[float]] = {key: [] for key in parts}
    for order in itertools.permutations(parts):
        found = walk(calgb, second, {key: [key] for key in order})
        for key, effect in zip(order, paid(found).effects, strict=True):
            effects[key].append(float(effect[NET_BENEFIT]))
    average = dict(zip(order, paid(found).average[:, NET_BENEFIT].tolist(), strict=True))
    assert average == {key: pytest.approx(sum(values) / 6, rel=1e-9, abs=1e-7) for key, values in effects.items()}


def test_averages_over_all_orders_add_up_too(trials: Walk) -> None:
    assert trials.orders == ""
    for path in trials.paths:
        np.testing.assert_allclose(path.average.sum(axis=0), path.difference, rtol=1e-9)
        np.testing.assert_allclose(path.reverse.sum(axis=0), path.difference, rtol=1e-9)


def test_the_shapley_values_of_the_glove_game() -> None:
    """One left glove, two right ones, 1 for a pair: 2/3 to the left, 1/6 to each right (Shapley 1953; hand count)."""
    pairs = {s: np.array(float(0 in s and len(s) > 1)) for n in range(4) for s in itertools.combinations(range(3), n)}
    assert shapley(pairs, 3).tolist() == pytest.approx([2 / 3, 1 / 6, 1 / 6])


def test_more_steps_than_can_be_run_in_all_orders_have_no_average_and_say_so(
    calgb: Inputs, edited: Inputs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ALL_ORDERS", 2)
    found = walk(calgb, edited)
    assert "more than 2 steps" in found.orders
    assert np.isnan(paid(found).average).all()
    assert np.isfinite(paid(found).reverse).all()


# --------------------------------------------------------------------------------------------- every input


def test_each_input_alone_is_a_run_with_that_one_value(copied: Walk, calgb: Inputs) -> None:
    start = own_difference(calgb)
    for identifier in (HR, "cohort.age"):
        single = copied.singles[identifier]
        assert single.effect is not None
        changed = own_difference(with_values(calgb, {identifier: EDITS[identifier]}))
        assert float(single.effect[0, NET_BENEFIT]) == pytest.approx(changed[2] - start[2], rel=1e-9)


def test_an_input_that_the_settings_do_not_use_moves_nothing(trials: Walk) -> None:
    single = trials.singles["post_progression.excess_rate.common"]
    assert single.effect is not None
    assert np.abs(single.effect).max() < 1e-8


def test_differences_hold_both_rows_with_their_evidence(trials: Walk) -> None:
    found = {d.id: d for d in trials.found.inputs}
    assert found[HR].values == (0.61, 0.9)
    first, second = found[HR].first, found[HR].second
    assert first is not None and "Holstein" in first.source
    assert second is not None and second.status == "unverified (high)"
    assert found["adverse_event.cost.infection"].values == (2046.68, "not there")


def test_what_a_base_case_does_not_read_is_no_step(calgb: Inputs) -> None:
    words: dict[str, Value] = {"settings.question": "Another?", "settings.seed": 7.0, "follow_up.os": 12.0}
    found = walk(calgb, with_values(calgb, {**words, "settings.thresholds": "20000"}))
    assert found.steps == ()
    assert {d.id for d in found.found.inert} == {*words, "settings.thresholds"}
    assert found.terms.thresholds == (20000.0, 25000.0, 35000.0)
    assert found.arrives


def test_inputs_that_are_said_not_to_be_read_are_not(ifm: Inputs) -> None:
    """Every numeric one of them is changed at once; costs and effects stay to the last bit."""
    ids = [key for key in ifm.parameters if key.startswith(INERT) and isinstance(ifm.value(key), float)]
    changed = with_values(ifm, {key: 1.25 * float(ifm.value(key) or 0.0) for key in ids})
    changed = with_values(changed, {"settings.calibration_curve": "average", "settings.time_zero": "diagnosis"})
    assert {key.split(".")[0] for key in ids} >= {"follow_up", "calibration", "settings"}
    before, after = evaluate(ifm), evaluate(changed)
    assert before.costs.tolist() == after.costs.tolist()
    assert before.qalys.tolist() == after.qalys.tolist()


def test_another_unit_moves_with_its_value(calgb: Inputs) -> None:
    book = good_book()
    book.put("toxicity.period.lenalidomide", 5.0)
    book.put("toxicity.period.lenalidomide", "years", "unit")
    found = walk(calgb, book.read())
    assert found.found.inputs[0].unit == "months → years"
    typed = with_values(calgb, {"toxicity.period.lenalidomide": 60.0})
    assert paid(found).standing[-1, COST] == pytest.approx(own_difference(typed)[0], rel=1e-12)


@pytest.mark.parametrize(
    ("table", "step"),
    [("life_table", "Population"), ("population_utility", "Utilities"), ("price_index", "Other costs")],
)
def test_tables_beside_the_parameters_are_steps(calgb: Inputs, table: str, step: str) -> None:
    if table == "price_index":
        changed = replace(calgb, price_index={**calgb.price_index, 2011: 70.0})
    else:
        old = getattr(calgb, table)
        changed = replace(calgb, **{table: replace(old, female=0.9 * old.female)})
    found = walk(calgb, changed)
    assert [each.name for each in found.steps] == [step]
    assert found.arrives
    assert abs(paid(found).difference[NET_BENEFIT]) > 1.0


def test_another_price_year_moves_with_its_index_and_is_explained(calgb: Inputs) -> None:
    older = with_values(calgb, {"settings.price_year": 2011.0, "utility.progression": 0.6})
    older = replace(older, price_index={2011: 100.0, 2022: 125.0})
    found = walk(calgb, older, {"Index": ["Price index"], "Utilities": ["utility.progression"]})
    assert found.steps[0].ids == ("Price index", "settings.price_year")
    assert "a price year needs its index" in found.steps[0].remarks[0]
    assert any("prices of 2022" in remark and "prices of 2011" in remark for remark in found.remarks)
    assert found.arrives


# ------------------------------------------------------------------------------------------ what moves together


def other_family(calgb: Inputs) -> Inputs:
    """Overall survival of the reference as a log-logistic curve by its median."""
    return with_values(calgb, {FAMILY: "log_logistic", SHAPE: 2.0, MEDIAN: 90.0})


def test_a_curve_of_another_family_moves_with_its_parameters(calgb: Inputs) -> None:
    found = walk(calgb, other_family(calgb), {"Shape": [SHAPE], "Family": [FAMILY], "Median": [MEDIAN]})
    (step,) = found.steps
    assert step.ids == (SHAPE, FAMILY, MEDIAN)
    assert step.remarks == (
        f"Moved with it, from Family, Median: {FAMILY}, {MEDIAN}. "
        "Reason: a curve of another family has other parameters.",
    )
    assert found.singles[SHAPE].effect is None


def test_two_ways_to_give_one_thing_change_places_at_once(calgb: Inputs) -> None:
    proportion, period, rate = (f"toxicity.{name}.lenalidomide" for name in ("proportion", "period", "rate"))
    parameters = {key: row for key, row in calgb.parameters.items() if key not in (proportion, period)}
    second = with_values(replace(calgb, parameters=parameters), {rate: 0.01, "cohort.age": 60.0})
    found = walk(calgb, second, {"Rate": [rate], "Age": ["cohort.age"], "Proportion": [proportion, period]})
    assert [step.ids for step in found.steps] == [(rate, proportion, period), ("cohort.age",)]
    assert "are both given" in found.steps[0].remarks[0]
    assert f"not alone: {rate} and {proportion}" in found.singles[rate].remark
    assert found.arrives


def test_every_state_of_a_walk_is_a_sound_workbook(trials: Walk, calgb: Inputs, ifm: Inputs) -> None:
    both, moved = mixture(calgb, ifm), frozenset[str]()
    for step in trials.steps:
        moved |= set(step.ids)
        assert first_problem(both.of(moved)) == ""


def test_another_reading_of_mortality_brings_its_curves_in_either_direction(calgb: Inputs) -> None:
    older = read_inputs(shipped("mm015"))  # a rate after progression and no curve of overall survival
    for sides in ((calgb, older), (older, calgb)):
        _, steps = planned_steps(*sides, None)
        (step,) = [each for each in steps if "settings.post_progression" in each.ids]
        assert {FAMILY, MEDIAN, HR} <= set(step.ids)
        assert "needs its own curves or rates" in step.remarks[0]


def test_a_step_after_which_the_model_does_not_run_is_taken_with_the_next(
    calgb: Inputs, edited: Inputs, monkeypatch: pytest.MonkeyPatch
) -> None:

    def failing(asked: list[Inputs]) -> list[object]:
        unlucky = [each.value(HR) == 0.75 and each.value(PRICE) != 3000.0 for each in asked]
        answers = at_price_sets_together(asked)
        return [ValueError("no rate is found") if bad else a for bad, a in zip(unlucky, answers, strict=True)]

    monkeypatch.setattr(module, "at_price_sets_together", failing)
    found = walk(calgb, edited, {identifier: [identifier] for identifier in EDITS})
    assert [step.name for step in found.steps] == ["cohort.age", f"{HR} and {PRICE}", "utility.progression"]
    assert "the model cannot be run in between: no rate is found" in found.steps[1].remarks[0]
    assert found.arrives
    assert np.isfinite(paid(found).effects).all()
    assert found.singles[HR].remark == "not alone: no rate is found"


def test_inputs_that_a_plan_forgets_move_last_and_those_that_do_not_differ_never(calgb: Inputs, edited: Inputs) -> None:
    _, steps = planned_steps(calgb, edited, {"Price": [PRICE, "cost.event.death"]})
    assert [(step.name, step.ids) for step in steps] == [
        ("Price", (PRICE,)),
        (OTHERS, ("cohort.age", HR, "utility.progression")),
    ]


# ------------------------------------------------------------------------------------------------- strategies


def test_a_strategy_of_one_workbook_is_named_and_moves_as_one_step(
    calgb: Inputs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ALL_ORDERS", 1)
    kingdom = read_inputs(shipped("post_transplant_uk"))
    there, (_, home) = walk(calgb, kingdom), planned_steps(kingdom, calgb, None)
    assert there.steps[-1].name == ADDED
    assert home[0].name == LEFT_OUT
    assert set(home[0].ids) == set(there.steps[-1].ids)
    assert {"strategy.included.thalidomide", "price.thalidomide_50mg.brand"} <= set(there.steps[-1].ids)
    assert np.abs(paid(there).effects[-1]).max() < 1e-8
    assert any(f"Thalidomide is compared in {kingdom.name} only" in remark for remark in there.remarks)
    assert there.arrives


def test_a_strategy_that_is_only_switched_on_needs_no_inputs(calgb: Inputs) -> None:
    kingdom = read_inputs(shipped("post_transplant_uk"))
    _, steps = planned_steps(kingdom, with_values(kingdom, {"strategy.included.thalidomide": "no"}), None)
    assert [(step.name, step.ids) for step in steps] == [(LEFT_OUT, ("strategy.included.thalidomide",))]


def test_another_reference_is_said_and_the_first_is_kept(calgb: Inputs) -> None:
    second = with_values(calgb, {"settings.reference": "lenalidomide", "os.reference.lenalidomide": "no_maintenance"})
    found = walk(calgb, second)
    assert found.terms.reference == "no_maintenance"
    assert any(remark.startswith("The reference is") for remark in found.remarks)
    assert found.arrives


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [
        ("post_transplant_uk", "post_transplant_us", "one is in GBP, the other in USD"),
        ("calgb_100104", "gem2005mas65", "two strategies that both workbooks compare"),
        ("calgb_100104", "myeloma_ix", "myeloma_ix.xlsx: no_maintenance, thalidomide"),
    ],
)
def test_what_cannot_be_compared_is_refused_with_the_reason(first: str, second: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        walk(read_inputs(shipped(first)), read_inputs(shipped(second)))


def test_every_kind_of_input_that_a_base_case_reads_has_a_default_step(calgb: Inputs) -> None:
    kingdom = read_inputs(shipped("post_transplant_uk"))
    emptied = replace(calgb, parameters={key: row for key, row in kingdom.parameters.items() if match(key)})
    _, steps = planned_steps(calgb, emptied, None)
    assert OTHERS not in [step.name for step in steps]

"""Thresholds and value-based prices: what is found makes net benefit 0 in a run of its own."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest
from scipy import optimize

from markov.analysis.sensitivity import threshold as module
from markov.analysis.sensitivity.scenarios import overall_survival_alternatives
from markov.analysis.sensitivity.threshold import (
    NEXT_BEST,
    Crossing,
    Question,
    ThresholdValue,
    search,
    threshold_values,
)
from markov.analysis.sensitivity.two_way import Axis, Request, Totals
from markov.analysis.sensitivity.value_based_price import value_based_price_table, value_based_prices
from markov.inputs.parameters import Inputs, Value, with_values
from markov.model.evaluate import evaluate
from markov.terms import Array
from tests.support.made_inputs import with_second

BRAND = "price.lenalidomide_10mg.brand"


def gain_of(inputs: Inputs, changes: dict[str, Value], threshold: float) -> float:
    """Net benefit of the second strategy over the first in a run of its own."""
    return float(np.diff(evaluate(with_values(inputs, changes)).net_benefit(threshold)[0])[0])


# ---------------------------------------------------------------------------------------------------- search


def search_of(function: Callable[[Array], Array], low: float, high: float) -> tuple[float, ...]:
    """Zeros of a function that stands for the net benefit gained, by the search of the module."""

    def run(requests: Sequence[Request]) -> list[Totals]:
        costs = [np.column_stack([np.zeros(len(values)), -function(values)]) for _, values in requests]
        return [Totals(("old", "new"), cost, np.zeros(cost.shape)) for cost in costs]

    axis = Axis("x", "X", "", None, (low, high))
    ((_, found),) = search(run, [Question(axis, 0.0, "new", "old")])
    return found


def test_every_crossing_is_found_to_many_digits() -> None:
    assert search_of(np.sin, 0.5, 10.0) == pytest.approx([np.pi, 2 * np.pi, 3 * np.pi], rel=1e-9)
    assert search_of(lambda x: 1e6 * (np.exp(x) - 7.0), -3.0, 9.0) == pytest.approx([np.log(7.0)], rel=1e-9)
    assert search_of(lambda x: 1e-3 * (x**3 - 2.0), -4.0, 4.0) == pytest.approx([2.0 ** (1 / 3)], rel=1e-9)


def test_a_zero_at_a_row_of_the_grid_is_found_once() -> None:
    assert search_of(lambda x: x - 0.5, 0.0, 1.0) == (0.5,)
    assert search_of(lambda x: x, 0.0, 1.0) == (0.0,)
    assert search_of(lambda x: x - 1.0, 0.0, 1.0) == (1.0,)
    assert search_of(lambda x: (x - 0.5) ** 2, 0.0, 1.0) == (0.5,)


def test_where_nothing_crosses_nothing_is_found() -> None:
    assert search_of(lambda x: x + 1.0, 0.0, 1.0) == ()
    assert search_of(lambda x: 0.0 * x, 0.0, 1.0) == ()


def test_a_jump_is_narrowed_to_where_it_is() -> None:
    assert search_of(lambda x: np.where(x < 0.3, -1.0, 2.0), 0.0, 1.0) == pytest.approx([0.3], abs=1e-6)


def test_values_without_a_result_are_left_out() -> None:
    with np.errstate(all="ignore"):
        assert search_of(lambda x: np.log(x) + 1.0, -1.0, 1.0) == pytest.approx([np.exp(-1.0)], rel=1e-9)
        with pytest.raises(ValueError, match="no results over the range of x"):
            search_of(lambda x: np.log(x), -2.0, -1.0)


def test_of_several_crossings_the_verified_one_nearest_to_base_is_the_value() -> None:
    question = Question(Axis("x", "X", "ratio", 1.0, (0.0, 9.0)), 0.0, "new", "old")
    crossings = (Crossing(0.2, 0.0), Crossing(1.1, 40.0), Crossing(1.5, -0.1), Crossing(1.2, None, "no"))
    answer = ThresholdValue(question, 0.0, 9.0, 1.0, -1.0, 1.0, crossings)
    assert answer.value == 1.5
    assert answer.words == (
        "X: net benefit is 0 at 0.2, and jumps across 0 at 1.1, and is 0 at 1.5, and would be 0, but cannot be, at 1.2"
    )


# -------------------------------------------------------------------------------------------- in the model


def test_a_blunt_search_over_single_runs_agrees(myeloma_ix: Inputs) -> None:
    ratio, cost = "os.hazard_ratio.thalidomide", "subsequent.monthly_cost.no_maintenance"
    both = (cost, "subsequent.monthly_cost.thalidomide")
    found = threshold_values(
        myeloma_ix, [ratio, cost], thresholds=[35000.0], limits={ratio: (0.4, 1.1), cost: (100.0, 2000.0)}
    )
    assert [answer.question.axis.id for answer in found] == [ratio, cost]
    for answer, ids, ends in zip(found, ((ratio,), both), ((0.4, 1.1), (100.0, 2000.0)), strict=True):
        blunt = optimize.brentq(
            lambda x, ids=ids: gain_of(myeloma_ix, dict.fromkeys(ids, float(x)), 35000.0), *ends, rtol=1e-9
        )
        assert answer.value == pytest.approx(blunt, rel=1e-7)
        (crossing,) = answer.crossings
        assert crossing.is_verified and abs(crossing.net_benefit or 0.0) < 1e-3
        assert answer.at_base == pytest.approx(gain_of(myeloma_ix, {}, 35000.0), rel=1e-9)
        assert answer.at_low == pytest.approx(gain_of(myeloma_ix, dict.fromkeys(ids, ends[0]), 35000.0), rel=1e-8)
        assert answer.at_high == pytest.approx(gain_of(myeloma_ix, dict.fromkeys(ids, ends[1]), 35000.0), rel=1e-8)
        assert "net benefit is 0 at" in answer.words


def test_without_a_crossing_both_ends_are_told(calgb: Inputs) -> None:
    (answer,) = threshold_values(calgb, ["utility.progression"], thresholds=[25000.0], limits=UTILITY)
    assert answer.crossings == () and answer.value is None
    ends = [gain_of(calgb, {"utility.progression": u, "utility.spm_solid": u}, 25000.0) for u in (0.5, 0.8)]
    assert [answer.at_low, answer.at_high] == pytest.approx(ends, rel=1e-8)
    assert f"does not reach 0 between the limits; it is {ends[0]:,.0f} at 0.5" in answer.words


UTILITY = {"utility.progression": (0.5, 0.8)}


def test_limits_that_the_model_cannot_run_are_drawn_in(calgb: Inputs) -> None:
    stops = "toxicity.proportion.lenalidomide"
    (answer,) = threshold_values(calgb, [stops], thresholds=[35000.0])
    assert answer.low == 0.0 and 0.9 < answer.high < 1.0  # all stopping within a period takes an infinite rate
    assert np.isfinite(answer.at_high)


def test_what_the_engine_takes_once_a_run_has_a_threshold_too(calgb: Inputs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "COARSE", 5)
    stop = "treatment.planned_stop.lenalidomide"
    (answer,) = threshold_values(calgb, [stop], thresholds=[25000.0], limits={stop: (4.0, 8.0)})
    assert answer.question.axis.base is None, "until progression"
    (crossing,) = answer.crossings
    assert 4.0 < crossing.value < 8.0
    before, after = (gain_of(calgb, {stop: crossing.value + step}, 25000.0) for step in (-1e-4, 1e-4))
    assert before >= -0.5 and after <= 0.5  # it may be a jump: a pack is dispensed or not


def test_a_value_that_breaks_a_rule_is_no_threshold(calgb: Inputs) -> None:
    # Waning that ends before it starts is refused by the rules of the workbook, not by the engine.
    end = "os.waning_end.lenalidomide"
    free = with_values(calgb, {BRAND: 508.89})
    (answer,) = threshold_values(free, [end], thresholds=[35000.0], limits={end: (10.0, 83.0)})
    assert all(crossing.error and crossing.net_benefit is None for crossing in answer.crossings)
    assert answer.value is None


def test_questions_that_make_no_sense_are_refused(calgb: Inputs) -> None:
    with pytest.raises(ValueError, match="is not a number"):
        threshold_values(calgb, ["settings.price_set"])
    with pytest.raises(ValueError, match='"placebo" is not among the strategies'):
        threshold_values(calgb, [BRAND], strategies=["placebo"])
    with pytest.raises(ValueError, match='"placebo" is not among the strategies'):
        value_based_prices(calgb, "placebo")
    with pytest.raises(ValueError, match='"no_maintenance" is not given any product'):
        value_based_prices(calgb, "no_maintenance")


def test_against_the_next_best_the_better_of_the_others_counts(calgb: Inputs) -> None:
    three = with_second(calgb, "lenalidomide")
    # The second strategy's drug intensity is lower: the same effect for less, so it is the better of the others.
    cheaper = with_values(three, {"dose.relative_intensity.second": 0.05})
    monitoring = "cost.monitoring.lenalidomide"
    limits = {monitoring: (0.0, 1000.0)}
    outcomes = evaluate(cheaper, {BRAND: np.array([0.0])})
    benefit = outcomes.net_benefit(35000.0)[0]
    free = with_values(cheaper, {BRAND: 1.0})
    (best,) = threshold_values(
        free, [monitoring], strategies=["lenalidomide"], versus=NEXT_BEST, thresholds=[35000.0], limits=limits
    )
    (reference,) = threshold_values(
        free, [monitoring], strategies=["lenalidomide"], thresholds=[35000.0], limits=limits
    )
    assert benefit[2] > benefit[0], "without a price the second drug is better than nothing"
    assert best.at_base < reference.at_base
    assert best.value is not None and reference.value is not None
    assert best.value < 114.81 < reference.value


# ------------------------------------------------------------------------------------------- value-based price


def test_at_the_value_based_price_the_ratio_is_the_threshold(calgb: Inputs) -> None:
    for price in value_based_prices(calgb, "lenalidomide"):
        (pack,) = price.packs
        assert pack.price is not None and price.discount is not None
        outcomes = evaluate(with_values(calgb, {BRAND: pack.price}))
        ratio = np.diff(outcomes.cost[0])[0] / np.diff(outcomes.qaly[0])[0]
        assert ratio == pytest.approx(price.threshold, rel=1e-9)
        assert price.discount == pytest.approx(1.0 - pack.price / 3780.0, rel=1e-9)
        assert abs(price.net_benefit or 0.0) < 1e-6
        assert price.at_list == pytest.approx(gain_of(calgb, {}, price.threshold), rel=1e-9)
        assert price.free == pytest.approx(gain_of(calgb, {BRAND: 0.0}, price.threshold), rel=1e-9)
        assert f"discount of {price.discount:.1%}" in price.words


def test_the_closed_form_is_what_the_search_finds(calgb: Inputs) -> None:
    (price,) = value_based_prices(calgb, "lenalidomide", thresholds=[35000.0])
    (found,) = threshold_values(calgb, [BRAND], thresholds=[35000.0])
    assert found.value == pytest.approx(price.packs[0].price, rel=1e-9)


def test_the_price_that_is_paid_does_not_move_the_price_that_is_worth_it(calgb: Inputs) -> None:
    generic = with_values(calgb, {"settings.price_set": "generic"})
    for own, other in zip(
        value_based_prices(calgb, "lenalidomide"), value_based_prices(generic, "lenalidomide"), strict=True
    ):
        assert other.packs[0].price == pytest.approx(own.packs[0].price, rel=1e-9)
        assert other.packs[0].list_price == 3780.0
        assert other.packs[0].id == "price.lenalidomide_10mg.generic"


def test_a_price_of_another_year_is_worth_the_same_in_the_reports_money(calgb: Inputs) -> None:
    year = 2011
    parameters = {**calgb.parameters, BRAND: replace(calgb.parameters[BRAND], price_year=float(year))}
    older = replace(calgb, parameters=parameters)
    inflation = calgb.price_index[2022] / calgb.price_index[year]
    assert inflation > 1.1
    (own,) = value_based_prices(calgb, "lenalidomide", thresholds=[35000.0])
    (other,) = value_based_prices(older, "lenalidomide", thresholds=[35000.0])
    assert other.packs[0].price == pytest.approx(own.packs[0].price, rel=1e-9)
    assert other.packs[0].list_price == pytest.approx(3780.0 * inflation, rel=1e-12)
    assert other.share == pytest.approx((own.share or 0.0) / inflation, rel=1e-9)
    (found,) = threshold_values(older, [BRAND], thresholds=[35000.0])  # in the cell's own money
    assert found.value == pytest.approx((own.packs[0].price or 0.0) / inflation, rel=1e-9)


def test_a_drug_that_loses_health_says_so_and_may_be_worth_more_than_its_list_price(myeloma_ix: Inputs) -> None:
    for price in value_based_prices(myeloma_ix, "thalidomide"):
        assert price.share is not None and price.share > 1.0 and price.delta_qaly is not None
        assert price.delta_qaly == pytest.approx(np.diff(evaluate(myeloma_ix).qaly[0])[0], rel=1e-9)
        assert price.words.startswith("worth its list price, and up to") and "QALYs are lost" in price.words


def test_a_drug_that_is_not_worth_it_free_has_no_price(myeloma_ix: Inputs) -> None:
    cheap_care = dict.fromkeys(("subsequent.monthly_cost.no_maintenance", "subsequent.monthly_cost.thalidomide"), 0.0)
    for price in value_based_prices(with_values(myeloma_ix, dict(cheap_care)), "thalidomide"):
        assert price.free is not None and price.free < 0.0
        assert (price.share, price.discount, price.packs[0].price, price.net_benefit) == (None, None, None, None)
        assert "not worth it at any price" in price.words


def test_a_drug_that_the_alternative_uses_more_of_is_worth_it_from_a_price_up(calgb: Inputs) -> None:
    twins = with_values(with_second(calgb, "lenalidomide"), {"strategy.included.no_maintenance": "no"})
    less: dict[str, Value] = {
        "dose.relative_intensity.second": 0.5,
        "cost.monitoring.second": 400.0,
        "settings.reference": "lenalidomide",
    }
    (price,) = value_based_prices(with_values(twins, less), "second", thresholds=[35000.0])
    assert price.free is not None and price.at_list is not None and price.free < 0.0 < price.at_list
    assert price.share is None
    least = price.free / (price.free - price.at_list)
    at_least = with_values(twins, {**less, BRAND: 3780.0 * least})
    assert gain_of(at_least, {}, 35000.0) == pytest.approx(0.0, abs=1e-6)
    assert price.words == f"worth it only from {least:.0%} of the list price up: the alternative pays more for it"


def test_one_discount_holds_for_all_products_or_one_price_moves_alone(calgb: Inputs) -> None:
    second = {
        f"{key.replace('lenalidomide_10mg', 'other_pill')}": parameter.value
        for key, parameter in calgb.parameters.items()
        if "lenalidomide_10mg" in key
    }
    two = with_values(calgb, second)
    (both,) = value_based_prices(two, "lenalidomide", thresholds=[35000.0])
    (single,) = value_based_prices(calgb, "lenalidomide", thresholds=[35000.0])
    (alone,) = value_based_prices(two, "lenalidomide", products=["other_pill"], thresholds=[35000.0])
    assert both.share is not None and single.share is not None
    # A second pill doubles drug cost, and adds a hand-out at 11 pounds: less than half of the budget is left for each.
    assert 0.45 * single.share < both.share < 0.5 * single.share
    assert [pack.product for pack in both.packs] == ["lenalidomide_10mg", "other_pill"]
    assert alone.share is None, "the first pill at its list price is already too dear"


def test_against_the_next_best_the_lowest_price_of_all_comparisons_holds(calgb: Inputs) -> None:
    three = with_values(with_second(calgb, "lenalidomide"), {"dose.relative_intensity.second": 0.0})
    (against_nothing,) = value_based_prices(three, "lenalidomide", thresholds=[35000.0])
    (against_all,) = value_based_prices(three, "lenalidomide", thresholds=[35000.0], versus=NEXT_BEST)
    assert against_nothing.share is not None and against_nothing.share > 0.1
    # The second strategy is the same drug, given away: the drug is then worth nothing more.
    assert against_all.share == pytest.approx(0.0, abs=1e-12)
    assert against_all.net_benefit == pytest.approx(0.0, abs=1e-6)
    assert against_all.delta_qaly == pytest.approx(0.0, abs=1e-12)


# -------------------------------------------------------------------------------------- price against follow-up


def test_each_row_of_the_price_table_is_the_price_under_its_assumption(calgb: Inputs) -> None:
    sets = overall_survival_alternatives(calgb, "lenalidomide", hazard_ratios=[0.8], waning=[(60.0, 120.0)])
    table = value_based_price_table(calgb, "lenalidomide", sets, thresholds=[35000.0])
    assert [row.alternative for row in table] == ["Base case", *sets]
    for row, changes in zip(table, ({}, *sets.values()), strict=True):
        (own,) = value_based_prices(with_values(calgb, changes), "lenalidomide", thresholds=[35000.0])
        assert row.share == pytest.approx(own.share, rel=1e-12)
        assert row.error == ""


def test_an_assumption_that_cannot_be_run_has_its_message_and_the_others_go_on(calgb: Inputs) -> None:
    sets: dict[str, dict[str, Value]] = {
        "Ratio below 0": {"os.hazard_ratio.lenalidomide": -1.0},
        "Fine": {"os.hazard_ratio.lenalidomide": 0.7},
    }
    base, wrong, fine = value_based_price_table(calgb, "lenalidomide", sets, thresholds=[35000.0])
    assert "must be above 0" in wrong.error and wrong.words == wrong.error and wrong.share is None
    assert fine.error == "" and fine.share != base.share

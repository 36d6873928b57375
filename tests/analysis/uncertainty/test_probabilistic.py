"""Probabilistic analysis: what is drawn, kept, checked and summarised; mixtures of scenarios."""

import math
from collections.abc import Callable, Mapping
from dataclasses import fields, replace

import numpy as np
import pytest
from scipy import stats

from markov.analysis.draws import random_draws
from markov.analysis.incremental import Quadrant, incremental
from markov.analysis.uncertainty.acceptability import ELLIPSE, acceptability, decision, plane, threshold_range
from markov.analysis.uncertainty.drawn_means import drawn_means
from markov.analysis.uncertainty.invariants import LISTED, Invariant, Rule, excesses, merge
from markov.analysis.uncertainty.probabilistic import (
    Probabilistic,
    probabilistic,
    running_means,
    summarise,
    until_precision,
)
from markov.analysis.uncertainty.sample import Sample, draw_sample, standard_error, totals
from markov.analysis.uncertainty.structural import Structure, allot, mix, structural_average, value_of_structure
from markov.inputs.parameters import Inputs, with_values
from markov.model.evaluate import Rows, evaluate
from markov.model.outcomes import Outcomes
from markov.terms import Array, Distribution, Verdict

RUNS = 300


@pytest.fixture(scope="module")
def result(calgb: Inputs) -> Probabilistic:
    return probabilistic(calgb, RUNS, seed=1)


def made_up(cost: Array, qaly: Array, stratum: list[int] | None = None) -> Sample:
    """A sample of strategies a, b, c with the given draws."""
    names = tuple("abcdef"[: cost.shape[1]])
    strata = np.zeros(len(cost), dtype=np.intp) if stratum is None else np.array(stratum, dtype=np.intp)
    return Sample(names, cost, qaly, 1.5 * qaly, strata)


def normal_sample(runs: int, seed: int = 1) -> Sample:
    """Strategy b costs 5,000 ± 2,000 more and gives 0.3 ± 0.1 QALYs more than a, the two correlated by 0.5."""
    first, second = np.random.default_rng(seed).normal(size=(2, runs))
    cost, qaly = 5000.0 + 2000.0 * first, 0.3 + 0.1 * (0.5 * first + math.sqrt(0.75) * second)
    return made_up(np.stack([0.0 * cost, cost], axis=1), np.stack([2.0 + 0.0 * qaly, 2.0 + qaly], axis=1))


# Draws --------------------------------------------------------------------------------------------------------------


def test_what_is_kept_are_the_models_totals_of_the_random_draws(calgb: Inputs, result: Probabilistic) -> None:
    outcomes = evaluate(calgb, random_draws(calgb, RUNS, seed=1).columns())
    kept = result.sample
    for name, expected in (("cost", outcomes.cost), ("qaly", outcomes.qaly), ("life_years", outcomes.life_year)):
        np.testing.assert_allclose(getattr(kept, name), expected, rtol=1e-12, err_msg=name)
    assert kept.strategies == calgb.compared and kept.runs == RUNS


def test_a_trace_changes_no_number_and_checks_more(calgb: Inputs, result: Probabilistic) -> None:
    bare = draw_sample(calgb, 50, seed=1, traced=False)
    np.testing.assert_allclose(bare.cost, result.sample.cost[:50], rtol=1e-12)
    more = {one.rule.id for one in result.sample.invariants} - {one.rule.id for one in bare.invariants}
    assert more == {"occupancy", "whole", "death", "flows", "population"}


def test_strategies_share_their_random_numbers(result: Probabilistic) -> None:
    # Independent arms would have no correlation, and the difference the sum of both variances.
    cost, qaly = result.sample.cost, result.sample.qaly
    assert np.corrcoef(qaly[:, 0], qaly[:, 1])[0, 1] > 0.4
    assert (cost[:, 1] - cost[:, 0]).var() < 0.8 * (cost[:, 0].var() + cost[:, 1].var())


def test_scenarios_share_their_random_numbers(calgb: Inputs, result: Probabilistic) -> None:
    cheaper = draw_sample(with_values(calgb, {"settings.discount_rate.effects": 0.015}), 50, seed=1, traced=False)
    np.testing.assert_allclose(cheaper.cost, result.sample.cost[:50], rtol=1e-12)
    assert (cheaper.qaly > result.sample.qaly[:50]).all()


def test_later_draws_are_the_end_of_a_longer_run(calgb: Inputs, result: Probabilistic) -> None:
    part = draw_sample(calgb, 20, seed=1, first=30, traced=False)
    np.testing.assert_allclose(part.cost, result.sample.cost[30:50], rtol=1e-12)
    assert part.rows is not None and result.sample.rows is not None
    for key, column in part.rows.block(5, 10).items():
        np.testing.assert_array_equal(column, result.sample.rows.block(35, 40)[key])


def test_seeds_differ_and_agree_within_their_errors(calgb: Inputs, result: Probabilistic) -> None:
    other = probabilistic(calgb, RUNS, seed=2, traced=False)
    assert not np.array_equal(other.sample.cost, result.sample.cost)
    for one, two in zip(result.summaries, other.summaries, strict=True):
        assert abs(one.mean - two.mean) < 4.0 * math.hypot(one.standard_error, two.standard_error), one.quantity


def test_without_uncertainty_every_draw_is_the_deterministic_result(calgb: Inputs) -> None:
    parameters = {key: replace(p, distribution=Distribution.FIXED) for key, p in calgb.parameters.items()}
    found = probabilistic(replace(calgb, parameters=parameters), 3, seed=1)
    for summary in found.summaries:
        figures = (summary.mean, summary.low, summary.high)
        assert figures == pytest.approx((summary.deterministic,) * 3, rel=1e-12), summary.quantity
        assert summary.standard_error <= 1e-12 * abs(summary.mean) and not summary.is_off
    assert found.decisions.evpi.tolist() == [0.0, 0.0]


def test_a_single_strategy_has_its_figures_and_nothing_to_compare(calgb: Inputs) -> None:
    found = probabilistic(with_values(calgb, {"strategy.included.lenalidomide": "no"}), 5, seed=1, traced=False)
    assert [row.quantity for row in found.summaries] == ["cost", "qaly", "life_years"]
    assert found.half_width == 0.0 and found.planes == () and found.pairwise == ()
    assert found.decisions.probability.tolist() == [[1.0], [1.0]]


def test_less_than_two_draws_are_refused(calgb: Inputs) -> None:
    with pytest.raises(ValueError, match="at least two draws, not 1"):
        probabilistic(calgb, 1)


def test_what_is_drawn_has_the_means_of_its_distributions(calgb: Inputs) -> None:
    found = drawn_means(calgb, random_draws(calgb, 6000, seed=1))
    assert all(one.is_as_asked for one in found)
    assert np.var([one.distance for one in found]) < 2.0
    by_id = {one.id: one for one in found}
    cost = by_id["cost.event.death"]  # gamma: the value is the mean, the standard error the spread
    parameter = calgb.parameters["cost.event.death"]
    assert (cost.mean, cost.spread) == pytest.approx((cost.value, parameter.se), rel=2e-3)
    assert cost.drawn_spread == pytest.approx(cost.spread, rel=0.05)


def test_draws_of_another_distribution_are_found_out(calgb: Inputs) -> None:
    class Shifted:
        rows = random_draws(calgb, 400, seed=1)

        def __len__(self) -> int:
            return len(self.rows)

        def block(self, start: int, stop: int) -> Mapping[str, Array]:
            return {**self.rows.block(start, stop), "cost.event.death": np.full(stop - start, 6000.0)}

    shifted: Rows = Shifted()
    assert [one.id for one in drawn_means(calgb, shifted) if not one.is_as_asked] == ["cost.event.death"]


# Until precision ----------------------------------------------------------------------------------------------------


def test_a_run_until_precision_is_the_run_of_as_many_draws(calgb: Inputs) -> None:
    wide = probabilistic(calgb, 60, seed=1, traced=False)
    found = until_precision(calgb, 0.9 * wide.half_width, extension=30, seed=1, traced=False)
    assert found.is_precise and found.sample.runs > 60 and found.sample.runs % 30 == 0
    again = probabilistic(calgb, found.sample.runs, seed=1, traced=False)
    np.testing.assert_allclose(found.sample.cost, again.sample.cost, rtol=1e-12)
    assert found.half_width == pytest.approx(again.half_width)
    before = probabilistic(calgb, found.sample.runs - 30, seed=1, traced=False)
    assert before.half_width > 0.9 * wide.half_width


def test_a_target_that_the_limit_does_not_reach_is_said_to_be_missed(calgb: Inputs) -> None:
    found = until_precision(calgb, 1.0, extension=20, limit=50, seed=1, traced=False)
    assert (found.sample.runs, found.is_precise, found.target) == (50, False, 1.0)
    with pytest.raises(ValueError, match="above 0"):
        until_precision(calgb, 0.0)


def test_breaches_are_named_by_their_draw_in_the_whole_run(calgb: Inputs, monkeypatch: pytest.MonkeyPatch) -> None:
    rule = Rule("planted", "planted", "never", 0.0)

    def planted(inputs: Inputs, outcomes: Outcomes, values: Mapping[str, Array]) -> list[tuple[Rule, Array]]:
        return [(rule, (values["cost.event.death"] == drawn[45]).astype(float))]

    drawn = random_draws(calgb, 60, seed=1).columns()["cost.event.death"]
    monkeypatch.setattr("markov.analysis.uncertainty.sample.excesses", planted)
    found = until_precision(calgb, 1.0, extension=20, limit=60, seed=1, traced=False)
    (invariant,) = found.sample.invariants
    assert (invariant.draws, invariant.breaches, invariant.first) == (60, 1, (45,))


# Invariants ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def block(calgb: Inputs) -> tuple[Outcomes, Mapping[str, Array]]:
    values = random_draws(calgb, 4, seed=1).columns()
    return evaluate(calgb, values, trace=True), values


def broken(inputs: Inputs, outcomes: Outcomes, values: Mapping[str, Array]) -> dict[str, tuple[int, ...]]:
    """Rules that some draw breaks, and which."""
    found = {rule: [(0, gap)] for rule, gap in excesses(inputs, outcomes, values)}
    return {one.rule.id: one.first for one in merge(found) if one.breaches}


def test_every_draw_of_the_shipped_workbooks_keeps_the_rules(result: Probabilistic, myeloma_ix: Inputs) -> None:
    for sample in (result.sample, draw_sample(myeloma_ix, 100, seed=1)):
        assert len(sample.invariants) == 14
        assert [one.rule.id for one in sample.invariants if one.breaches] == []
        assert {one.draws for one in sample.invariants} == {sample.runs}


def spoilt(outcomes: Outcomes, name: str, change: Callable[[Array], None]) -> Outcomes:
    """A copy with something changed: of the outcomes, of a curve's landmarks, or of the trace."""
    part, _, key = name.partition(".")
    if part == "trace":
        assert outcomes.trace is not None
        values = getattr(outcomes.trace, key).copy() if key != "os" else outcomes.trace.curves["os"].copy()
        change(values)
        changes = {"curves": {**outcomes.trace.curves, "os": values}} if key == "os" else {key: values}
        return replace(outcomes, trace=replace(outcomes.trace, **changes))
    if part == "curves":
        values = outcomes.curves[key].landmarks.copy()
        change(values)
        return replace(outcomes, curves={**outcomes.curves, key: replace(outcomes.curves[key], landmarks=values)})
    values = getattr(outcomes, part).copy()
    change(values)
    return replace(outcomes, **{part: values})


def put(place: tuple[int, ...], value: float) -> Callable[[Array], None]:
    def change(values: Array) -> None:
        values[place] = value

    return change


def add(place: tuple[int, ...], value: float) -> Callable[[Array], None]:
    def change(values: Array) -> None:
        values[place] += value

    return change


@pytest.mark.parametrize(
    ("name", "change", "rules"),
    [
        ("costs", put((2, 1, 1, 3), math.nan), {"finite", "discounted", "positive"}),
        ("qaly_components", add((2, 0, 1, 0), 1e-6), {"parts"}),
        ("life_years", add((2, 0, 1, 2), 30.0), {"discounted"}),
        ("costs", put((2, 0, 1, 4), -1e-6), {"positive"}),
        ("entries", put((2, 1, 5), 1.0 + 1e-6), {"entries"}),
        ("curves.on_treatment", put((2, 1, 0), 0.99), {"curves"}),
        ("curves.progression_and_spm_free", put((2, 1, 0), 0.0), {"curves"}),
        ("curves.progression_and_spm_free", put((2, 0, 4), 0.99), {"curves"}),
        ("curves.os", put((2, 0, 1), 1.0), {"falling"}),
        ("life_years", add((2, 1, 0, 0), 1e-6), {"area"}),
        ("trace.occupancy", add((2, 0, 7, 0), 1e-9), {"whole"}),
        ("trace.flows", add((2, 0, 7, 0), 1e-9), {"flows"}),
        ("trace.os", put((2, 0, 200), 0.9), {"population"}),
    ],
)
def test_a_breach_in_one_draw_is_found_and_named(
    calgb: Inputs,
    block: tuple[Outcomes, Mapping[str, Array]],
    name: str,
    change: Callable[[Array], None],
    rules: set[str],
) -> None:
    outcomes, values = block
    assert broken(calgb, outcomes, values) == {}
    assert broken(calgb, spoilt(outcomes, name, change), values) == dict.fromkeys(rules, (2,))


def test_qalys_above_life_years_and_returns_from_death_are_breaches(
    calgb: Inputs, block: tuple[Outcomes, Mapping[str, Array]]
) -> None:
    outcomes, values = block
    more = replace(outcomes, qalys=outcomes.qalys * 2.0, qaly_components=outcomes.qaly_components * 2.0)
    assert broken(calgb, more, values) == {"quality": (0, 1, 2, 3)}
    assert outcomes.trace is not None
    occupancy = outcomes.trace.occupancy.copy()
    occupancy[1, 0, 50, -1], occupancy[1, 0, 50, 0] = 0.0, occupancy[1, 0, 50, 0] + occupancy[1, 0, 50, -1]
    occupancy[3, 0, 60, 2], occupancy[3, 0, 60, 0] = -1e-3, occupancy[3, 0, 60, [0, 2]].sum() + 1e-3
    changed = replace(outcomes, trace=replace(outcomes.trace, occupancy=occupancy))
    assert broken(calgb, changed, values) == {"death": (1,), "occupancy": (3,)}


def test_where_mortality_may_be_below_the_populations_that_rule_is_not_asked(
    calgb: Inputs, block: tuple[Outcomes, Mapping[str, Array]]
) -> None:
    outcomes, values = block
    changed = spoilt(outcomes, "trace.os", put((2, 0, 200), 0.9))
    assert broken(with_values(calgb, {"mortality.smr": 0.9}), changed, values) == {}


def test_all_breaches_are_counted_and_the_first_named_in_a_check() -> None:
    rule = Rule("r", "a title", "at most 1", 1.0)
    (found,) = merge({rule: [(0, np.zeros(10)), (10, np.full(100, 2.0)), (110, np.array([math.nan]))]})
    assert (found.draws, found.breaches, found.worst) == (111, 101, math.inf)
    assert found.first == tuple(range(10, 10 + LISTED))
    check = found.check
    assert (check.id, check.verdict) == ("psa.r", Verdict.FAIL)
    assert check.observed.startswith("101 of 111 draws break it")
    assert "draws 10, 11, 12" in check.note and check.note.endswith("and others")
    assert Invariant(rule, 5, 0, (), 0.0).check.verdict is Verdict.PASS


def test_rules_that_change_a_curve_are_counted_by_draw(calgb: Inputs, result: Probabilistic) -> None:
    outcomes = evaluate(calgb, random_draws(calgb, RUNS, seed=1).columns())
    expected = (outcomes.counts["crossing_cycles"] > 0).sum(axis=0)
    assert result.sample.corrected["crossing_cycles"] == tuple(expected.tolist())
    assert result.sample.corrected["negative_hazard_cycles"] == (0, 0)


def test_an_outcome_that_is_not_a_number_stops_the_summary_and_no_draw_is_dropped(result: Probabilistic) -> None:
    cost = result.sample.cost.copy()
    cost[[7, 9], 1] = math.nan
    with pytest.raises(ValueError, match="cost is not a number in 2 draws, first in draw 7"):
        summarise(replace(result.sample, cost=cost), [25000.0], totals_of(result.sample))


def totals_of(sample: Sample) -> Sample:
    """A sample of one run: the first."""
    arrays = {field.name: getattr(sample, field.name)[:1] for field in fields(Sample)[1:5]}
    return replace(sample, **arrays)


# Summaries ----------------------------------------------------------------------------------------------------------


def test_a_summary_is_the_mean_its_error_and_the_credible_interval() -> None:
    sample = normal_sample(20_000)
    found = summarise(sample, [20_000.0], totals_of(sample))
    (benefit,) = found.figures("net_benefit")
    # 20,000·0.3 − 5,000 = 1,000; the standard deviations 2,000 and 2,000 are correlated by 0.5: 2,000 again.
    assert benefit.standard_error == pytest.approx(2000.0 / math.sqrt(20_000), rel=0.02)
    assert benefit.mean == pytest.approx(1000.0, abs=3.0 * benefit.standard_error)
    assert (benefit.low, benefit.high) == pytest.approx((1000.0 - 3920.0, 1000.0 + 3920.0), abs=120.0)
    assert (benefit.strategy, benefit.versus, benefit.threshold) == ("b", "a", 20_000.0)
    assert benefit.half_width == pytest.approx(1.96 * benefit.standard_error, rel=1e-4) and benefit.is_settled
    assert [row.quantity for row in found.summaries[:6]] == ["cost", "cost", "qaly", "qaly", "life_years", "life_years"]


def test_the_ratio_is_that_of_means_not_the_mean_of_ratios() -> None:
    cost, qaly = np.array([[0.0, 1000.0], [0.0, 3000.0]]), np.array([[1.0, 1.1], [1.0, 1.5]])
    found = summarise(made_up(cost, qaly), [20_000.0], made_up(cost[:1], qaly[:1]))
    assert found.incremental[1].icer == pytest.approx(2000.0 / 0.3)  # the ratios are 10,000 and 6,000
    assert found.deterministic[1].icer == pytest.approx(10_000.0)
    assert found.incremental == incremental("ab", cost.mean(axis=0), qaly.mean(axis=0))


def test_a_mean_far_from_the_deterministic_result_is_marked_beyond_chance_only() -> None:
    sample = normal_sample(5000)
    base = totals_of(sample)
    near, far = (replace(base, cost=np.array([[0.0, value]])) for value in (4800.0, 4000.0))
    assert [summarise(sample, [0.0], one).figures("delta_cost")[0].is_off for one in (near, far)] == [False, True]
    few = summarise(normal_sample(5), [0.0], near).figures("delta_cost")[0]
    assert abs(few.mean - 4800.0) > 0.05 * 4800.0 and not few.is_off


def test_the_error_of_a_stratified_mean_adds_those_of_the_strata() -> None:
    values, stratum = np.array([1.0, 3.0, 10.0, 14.0, 18.0]), np.array([0, 0, 1, 1, 1])
    # (2/5)²·2/2 + (3/5)²·16/3 = 0.16 + 1.92
    assert float(standard_error(values, stratum)) == pytest.approx(math.sqrt(2.08))
    assert float(standard_error(values, np.zeros(5, dtype=int))) == pytest.approx(values.std(ddof=1) / math.sqrt(5))


def test_running_means_end_at_the_mean_and_narrow_with_the_root_of_the_draws() -> None:
    sample = normal_sample(6400)
    running = running_means(sample, [20_000.0, 30_000.0], points=25)
    benefit = sample.net_benefit(30_000.0)[:, 1] - sample.net_benefit(30_000.0)[:, 0]
    assert running.runs[-1] == 6400 and running.mean.shape == (25, 2, 1)
    assert running.mean[-1, 1, 0] == pytest.approx(benefit.mean(), rel=1e-12)
    half = 1.959964 * benefit[: running.runs[3]].std(ddof=1) / math.sqrt(running.runs[3])
    assert running.half_width[3, 1, 0] == pytest.approx(half, rel=1e-6)
    assert running.half_width[-1, 0, 0] < 0.25 * running.half_width[0, 0, 0]


def test_the_probabilistic_result_stands_beside_the_deterministic_one(calgb: Inputs, result: Probabilistic) -> None:
    base = totals(evaluate(calgb))
    (gain,) = result.figures("delta_qaly")
    assert gain.deterministic == pytest.approx(float(base.qaly[0, 1] - base.qaly[0, 0]), rel=1e-12)
    assert abs(gain.mean - gain.deterministic) < 0.1 * gain.deterministic
    assert result.is_precise is None
    assert result.curves.thresholds[-1] >= 1.5 * (result.incremental[-1].icer or 0.0)


# The decision -------------------------------------------------------------------------------------------------------


def test_probabilities_of_being_best_sum_to_one_at_every_threshold(result: Probabilistic) -> None:
    np.testing.assert_allclose(result.curves.probability.sum(axis=1), 1.0, atol=1e-15)
    assert (result.curves.loss >= 0.0).all() and (result.curves.evpi >= 0.0).all()
    np.testing.assert_allclose(result.curves.evpi, result.curves.loss.min(axis=1), rtol=1e-12, atol=1e-9)


def test_a_tie_counts_for_the_first_or_is_shared() -> None:
    benefit = [[1.0, 1.0, 0.0], [0.0, 2.0, 2.0], [3.0, 1.0, 0.0], [0.0, 0.0, 0.0]]
    assert decision(benefit).probability.tolist() == [0.75, 0.25, 0.0]
    shared = decision(benefit, share_ties=True).probability
    assert shared.tolist() == pytest.approx([(0.5 + 1.0 + 1 / 3) / 4, (0.5 + 0.5 + 1 / 3) / 4, (0.5 + 1 / 3) / 4])


def test_the_order_of_strategies_and_draws_does_not_matter() -> None:
    benefit = np.random.default_rng(1).normal(size=(500, 3))
    found, turned = decision(benefit), decision(benefit[::-1, ::-1])
    np.testing.assert_allclose(turned.probability[::-1], found.probability)
    assert turned.evpi == pytest.approx(found.evpi, rel=1e-12)
    assert turned.best == 2 - found.best


@pytest.mark.parametrize("benefit", [np.zeros((0, 2)), np.array([[math.nan, 0.0]]), np.zeros(3)])
def test_a_decision_needs_finite_draws(benefit: Array) -> None:
    with pytest.raises(ValueError, match="finite"):
        decision(benefit)


def test_the_curve_is_the_share_of_draws_below_the_threshold() -> None:
    # One strategy against another: it is best where its cost per QALY is below the threshold.
    sample = normal_sample(4000)
    ratios = sample.cost[:, 1] / (sample.qaly[:, 1] - sample.qaly[:, 0])
    found = acceptability(sample.cost, sample.qaly, [10_000.0, 17_000.0, 40_000.0])
    gain = sample.qaly[:, 1] - sample.qaly[:, 0]
    for i, threshold in enumerate(found.thresholds):
        below = np.where(gain > 0, ratios < threshold, ratios > threshold)
        assert found.probability[i, 1] == pytest.approx(below.mean())


def test_the_range_of_thresholds_holds_every_ratio_in_round_steps() -> None:
    grid = np.array(threshold_range([25_000.0, 35_000.0], [38_000.0]))
    assert (grid[0], grid[-1], len(grid)) == (0.0, 100_000.0, 101)
    assert np.isin([25_000.0, 35_000.0], grid).all()
    assert threshold_range([0.0], [])[-1] == 1.0


def test_the_ellipse_holds_95_percent_of_normal_draws() -> None:
    sample = normal_sample(40_000)
    found = plane("b", sample.cost[:, 1], sample.qaly[:, 1] - 2.0)
    assert found.inside == pytest.approx(0.95, abs=4.0 * math.sqrt(0.95 * 0.05 / 40_000))
    inverse = np.linalg.inv(found.covariance)
    off = found.ellipse - np.array(found.mean)
    np.testing.assert_allclose(np.sqrt(np.einsum("pi,ij,pj->p", off, inverse, off)), ELLIPSE, rtol=1e-6)
    assert math.isclose(ELLIPSE, stats.chi2(2).ppf(0.95) ** 0.5)
    assert np.corrcoef(sample.cost[:, 1], sample.qaly[:, 1])[0, 1] == pytest.approx(0.5, abs=0.02)


def test_an_ellipse_without_area_is_a_line_or_a_point() -> None:
    constant, varied = np.full(10, 2.0), np.arange(10.0)
    line = plane("b", constant, varied)
    assert np.ptp(line.ellipse[:, 1]) == pytest.approx(0.0) and np.ptp(line.ellipse[:, 0]) > 1.0
    assert math.isnan(line.inside)
    np.testing.assert_allclose(plane("b", constant, constant).ellipse, 2.0)


def test_quadrants_share_out_the_draws() -> None:
    found = plane("b", np.array([1.0, -1.0, 1.0, 0.0]), np.array([1.0, 1.0, -1.0, 0.0])).quadrants
    assert found == {
        Quadrant.MORE_COSTLY_MORE_EFFECTIVE: 0.25,
        Quadrant.LESS_COSTLY_MORE_EFFECTIVE: 0.25,
        Quadrant.MORE_COSTLY_LESS_EFFECTIVE: 0.25,
        Quadrant.EQUAL: 0.25,
    }


# Structural averaging -----------------------------------------------------------------------------------------------


def test_draws_are_allotted_by_largest_remainders() -> None:
    assert allot([1 / 3, 1 / 3, 1 / 3], 1000) == [334, 333, 333]
    assert allot([0.5, 0.25, 0.25], 1000) == [500, 250, 250]
    assert allot([0.07] * 10 + [0.3], 100) == [7] * 10 + [30]  # 0.07·100 is 7.000000000000001
    assert allot([1.0, 0.0], 10) == [10, 0]


@pytest.mark.parametrize("weights", [[0.5, 0.4], [1.2, -0.2], []])
def test_weights_that_are_none_are_refused(weights: list[float]) -> None:
    with pytest.raises(ValueError, match="sum to 1"):
        allot(weights, 10)


@pytest.fixture(scope="module")
def other(calgb: Inputs) -> Inputs:
    """CALGB 100104 without waning of the effect on overall survival."""
    return with_values(calgb, {"os.waning_start.lenalidomide": None, "os.waning_end.lenalidomide": None})


def test_a_mixture_has_the_weighted_mean_of_its_scenarios(calgb: Inputs, other: Inputs) -> None:
    found = structural_average([Structure("a", calgb, 0.75), Structure("b", other, 0.25)], 80, seed=1, traced=False)
    first = draw_sample(calgb, 60, seed=1, traced=False)
    second = draw_sample(other, 20, seed=1, first=60, traced=False)
    mean = 0.75 * first.qaly.mean(axis=0) + 0.25 * second.qaly.mean(axis=0)
    np.testing.assert_allclose(found.result.sample.qaly.mean(axis=0), mean, rtol=1e-12)
    assert sorted(found.result.sample.cost[:, 1]) == sorted([*first.cost[:, 1], *second.cost[:, 1]])
    assert [(one.name, one.runs) for one in found.structures] == [("a", 60), ("b", 20)]
    one, two = evaluate(calgb), evaluate(other)
    (gain,) = found.result.figures("delta_qaly")
    alone = [float(x.qaly[0, 1] - x.qaly[0, 0]) for x in (one, two)]
    assert gain.deterministic == pytest.approx(0.75 * alone[0] + 0.25 * alone[1], rel=1e-12)
    errors = [standard_error(s.qaly[:, 1] - s.qaly[:, 0], s.stratum) for s in (first, second)]
    assert gain.standard_error == pytest.approx(math.hypot(0.75 * errors[0], 0.25 * errors[1]), rel=1e-9)


def test_a_mixture_of_one_is_the_scenario_itself(calgb: Inputs, other: Inputs) -> None:
    found = structural_average([Structure("a", calgb, 1.0), Structure("b", other, 0.0)], 30, seed=1, traced=False)
    alone = probabilistic(calgb, 30, seed=1, traced=False)
    np.testing.assert_array_equal(found.result.sample.cost, alone.sample.cost)
    assert found.result.summaries == alone.summaries and len(found.structures) == 1
    assert found.value_of_structure.tolist() == [0.0, 0.0]


def test_scenarios_of_a_mixture_are_spread_evenly_over_its_draws() -> None:
    large, small = (made_up(np.full((n, 2), float(n)), np.ones((n, 2))) for n in (6, 2))
    assert mix([large, small]).stratum.tolist() == [0, 0, 1, 0, 0, 0, 1, 0]


def test_the_value_of_knowing_the_structure() -> None:
    # a is 0 throughout; b is worth 10 in the first scenario and −6 in the second, which has a quarter of the draws.
    # Chosen now: b, at 6. Known: 0.75·10 + 0.25·0 = 7.5.
    cost = np.array([[0.0, -10.0]] * 3 + [[0.0, 6.0]])
    sample = made_up(cost, np.ones((4, 2)), [0, 0, 0, 1])
    assert value_of_structure(sample, [0.0, 30_000.0]).tolist() == [1.5, 1.5]


def test_a_scenario_with_too_few_draws_or_other_strategies_is_refused(calgb: Inputs, other: Inputs) -> None:
    with pytest.raises(ValueError, match='"b" has 1 of 10 draws'):
        structural_average([Structure("a", calgb, 0.9), Structure("b", other, 0.1)], 10, traced=False)
    alone = with_values(calgb, {"strategy.included.lenalidomide": "no"})
    with pytest.raises(ValueError, match="same strategies"):
        structural_average([Structure("a", calgb, 0.5), Structure("b", alone, 0.5)], 10, traced=False)

"""One-way analysis: bounds are what is drawn, joint uncertainty moves together, bars agree with single runs."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from scipy import stats

from markov.analysis.draws import sampled
from markov.analysis.sensitivity.one_way import (
    TOP,
    Bar,
    Factor,
    Member,
    OneWay,
    bars,
    declared_factors,
    design,
    factors,
    gains,
    one_way,
    optimal,
)
from markov.inputs.evidence import Correlation
from markov.inputs.parameters import Inputs, with_values
from markov.model.evaluate import evaluate
from markov.terms import Array

NAMES = ("calgb", "myeloma_ix")


@pytest.fixture(scope="module")
def results(bases: Mapping[str, Inputs]) -> dict[str, OneWay]:
    """Both shipped workbooks, run once."""
    return {name: one_way(inputs) for name, inputs in bases.items()}


def by_name(found: Sequence[Factor]) -> dict[str, Factor]:
    return {factor.name: factor for factor in found}


def bar_of(result: OneWay, name: str, threshold: float) -> Bar:
    return next(bar for bar in result.bars if bar.factor.name == name and bar.threshold == threshold)


# ---------------------------------------------------------------------------------------------------- bounds


def test_bounds_are_the_points_of_the_distribution_that_probabilistic_analysis_draws_from(calgb: Inputs) -> None:
    found = by_name(factors(calgb))
    ends = np.array([0.025, 0.975])
    shape = (114.81 / 38.92) ** 2
    gamma = stats.gamma.ppf(ends, shape, scale=114.81 / shape)
    size = 0.1 * 0.9 / 0.0306**2 - 1.0
    beta = stats.beta.ppf(ends, 0.1 * size, 0.9 * size)
    z = stats.norm.ppf(0.975)
    log_normal = np.exp(np.log(0.61) + z * np.log(0.8 / 0.46) / (2 * z) * np.array([-1.0, 1.0]))
    normal = stats.truncnorm.ppf(ends, -np.inf, 0.09 / 0.016, loc=-0.09, scale=0.016)  # a decrement is at most 0
    expected = {
        "cost.monitoring.lenalidomide": gamma,
        "toxicity.proportion.lenalidomide": beta,
        "os.hazard_ratio.lenalidomide": log_normal,
        "adverse_event.disutility.neutropenia": normal,
    }
    for name, bounds in expected.items():
        member = found[name].members[0]
        assert (member.low, member.high) == pytest.approx(tuple(bounds), rel=1e-8), name
        assert found[name].values[name][[0, -1]] == pytest.approx(bounds, rel=1e-8)


@pytest.mark.parametrize("name", NAMES)
def test_every_sampled_parameter_has_exactly_one_bar_and_nothing_else_has(
    name: str, bases: Mapping[str, Inputs]
) -> None:
    inputs = bases[name]
    members = [member.id for factor in factors(inputs) for member in factor.members if not member.follows]
    assert sorted(members) == sorted(parameter.id for parameter in sampled(inputs))
    for factor in (*factors(inputs), *declared_factors(inputs)):
        for member in factor.members:
            assert not inputs.parameters[member.id].definition.is_method
            assert member.follows or member.low <= member.base <= member.high
            assert factor.holds_base


def test_parameters_of_a_group_move_together_and_have_one_bar(myeloma_ix: Inputs) -> None:
    found = by_name(factors(myeloma_ix))
    groups = {p.group for p in sampled(myeloma_ix) if p.group}
    for group in groups:
        expected = [p.id for p in sampled(myeloma_ix) if p.group == group]
        assert [member.id for member in found[group].members if not member.follows] == expected
    assert not {p.id for p in sampled(myeloma_ix) if p.group} & set(found)
    neuropathy = found["neuropathy"].values  # different values, one probability
    assert np.all(np.diff(list(neuropathy.values()), axis=1) > 0.0)


def test_correlated_parameters_follow_to_where_they_are_expected(calgb: Inputs) -> None:
    pair = Correlation("os.median.no_maintenance", "os.shape.no_maintenance", -0.5)
    found = by_name(factors(replace(calgb, correlations=(pair,))))
    moved = found["os.median.no_maintenance"]
    assert [(member.id, member.follows) for member in moved.members] == [
        ("os.median.no_maintenance", False),
        ("os.shape.no_maintenance", True),
    ]
    assert moved.label == "OS: median, No maintenance (1 correlated)"
    z = stats.norm.ppf(0.975)
    # The shape is normal (1.3, 0.15): at a median z = -1.96 it is expected at z = +0.98, and the other way round.
    assert moved.values["os.shape.no_maintenance"][[0, 2, 4]] == pytest.approx(
        [1.3 + 0.5 * z * 0.15, 1.3, 1.3 - 0.5 * z * 0.15], rel=1e-6
    )
    alone = by_name(factors(calgb))["os.median.no_maintenance"].values
    np.testing.assert_array_equal(moved.values["os.median.no_maintenance"], alone["os.median.no_maintenance"])
    assert [member.id for member in found["os.hazard_ratio.lenalidomide"].members] == ["os.hazard_ratio.lenalidomide"]


def test_declared_ranges_are_figures_with_limits_and_no_distribution(bases: Mapping[str, Inputs]) -> None:
    found = by_name(declared_factors(bases["calgb"]))
    shown = {"cohort.body_surface_area", "adverse_event.days.infection", "price.lenalidomide_10mg.generic"}
    assert shown <= set(found)
    for name in found:
        parameter = bases["calgb"].parameters[name]
        assert parameter.distribution == "fixed" and parameter.low is not None and parameter.high is not None
    (price,) = found["price.lenalidomide_10mg.generic"].members
    assert (price.low, price.base, price.high) == (75.6, 378.0, 1890.0)
    assert all(factor.declared for factor in found.values())


# ------------------------------------------------------------------------------------------------------ bars


@pytest.mark.parametrize(
    ("name", "factor"),
    [
        ("calgb", "os.hazard_ratio.lenalidomide"),
        ("calgb", "toxicity.proportion.lenalidomide"),
        ("calgb", "adverse_event.days.infection"),
        ("myeloma_ix", "neuropathy"),
        ("myeloma_ix", "subsequent_cost"),
    ],
)
def test_a_bar_is_what_two_runs_of_their_own_give(
    name: str, factor: str, bases: Mapping[str, Inputs], results: Mapping[str, OneWay]
) -> None:
    inputs = bases[name]
    found = by_name((*factors(inputs), *declared_factors(inputs)))[factor]
    base = evaluate(inputs)
    for end in ("low", "high"):
        run = evaluate(with_values(inputs, {member.id: getattr(member, end) for member in found.members}))
        for threshold in inputs.thresholds:
            bar = bar_of(results[name], factor, threshold)
            pair = {"low": bar.at_low, "high": bar.at_high}[end]
            assert getattr(bar, end) == pytest.approx(np.diff(run.net_benefit(threshold)[0])[0], rel=1e-8)
            assert bar.base == pytest.approx(np.diff(base.net_benefit(threshold)[0])[0], rel=1e-8)
            assert pair.delta_cost == pytest.approx(np.diff(run.cost[0])[0], rel=1e-8)
            assert pair.delta_qaly == pytest.approx(np.diff(run.qaly[0])[0], rel=1e-8)


@pytest.mark.parametrize("name", NAMES)
def test_the_tornado_stands_in_order_of_swing_and_shows_fifteen(name: str, results: Mapping[str, OneWay]) -> None:
    result = results[name]
    for threshold in result.thresholds:
        strategy = result.strategies[1]
        everything = result.tornado(threshold, strategy, top=None)
        assert len(everything) > TOP
        swings = [max(*bar.points, bar.base) - min(*bar.points, bar.base) for bar in everything]
        assert swings == sorted(swings, reverse=True) == [bar.swing for bar in everything]
        assert result.tornado(threshold, strategy) == everything[:TOP]
        declared = result.declared(threshold, strategy)
        assert not {bar.factor.name for bar in declared} & {bar.factor.name for bar in everything}


def test_dearer_monitoring_and_a_worse_decrement_lower_net_benefit(results: Mapping[str, OneWay]) -> None:
    for name, drug in (("calgb", "lenalidomide"), ("myeloma_ix", "thalidomide")):
        bar = bar_of(results[name], f"cost.monitoring.{drug}", 35000.0)
        assert bar.low > bar.base > bar.high and bar.is_monotone
    decrement = bar_of(results["myeloma_ix"], "utility.treatment_decrement.thalidomide", 35000.0)
    assert decrement.low < decrement.base < decrement.high


def test_an_interval_that_turns_the_decision_is_flagged(results: Mapping[str, OneWay]) -> None:
    result = results["myeloma_ix"]
    turning = {bar.factor.name for bar in result.tornado(35000.0, "thalidomide", None) if min(bar.points) < 0.0}
    assert turning  # with two strategies the decision turns where the net benefit gained changes sign
    flagged = {bar.factor.name for bar in result.tornado(35000.0, "thalidomide", None) if bar.changes_decision}
    assert flagged == turning


def test_a_price_that_is_not_paid_has_no_effect(results: Mapping[str, OneWay]) -> None:
    assert not bar_of(results["calgb"], "price.lenalidomide_10mg.generic", 25000.0).has_effect
    assert not bar_of(results["calgb"], "cohort.body_surface_area", 25000.0).has_effect  # capsules, not mg/m²
    assert bar_of(results["calgb"], "cost.event.death", 25000.0).has_effect


# --------------------------------------------------------------------------------------- on made-up outcomes


def made_up(gain: Array) -> SimpleNamespace:
    """Two strategies of which the second gains so much at a threshold of 0."""
    zero = np.zeros(len(gain))
    return SimpleNamespace(
        strategies=("old", "new"), cost=np.column_stack([zero, -gain]), qaly=np.column_stack([zero, zero])
    )


def one_factor(values: Sequence[float], base: float) -> Factor:
    member = Member("x", "X", "", base, min(values), max(values))
    return Factor("x", "X", (member,), {"x": np.array(values)})


@pytest.mark.parametrize(
    ("points", "is_monotone", "swing"),
    [
        ([1.0, 2.0, 3.0, 4.0, 5.0], True, 4.0),
        ([5.0, 4.0, 4.0, 2.0, 1.0], True, 4.0),
        ([1.0, 4.0, 6.0, 4.0, 1.0], False, 5.0),  # both ends alike: |high − low| would hide it
        ([1.0, 3.0, 2.0, 4.0, 5.0], False, 4.0),
        ([2.0, 2.0, 2.0, 2.0, 2.0], True, 0.0),
    ],
)
def test_a_bend_is_flagged_and_counts_in_the_swing(points: list[float], is_monotone: bool, swing: float) -> None:
    factor = one_factor([0.0, 1.0, 2.0, 3.0, 4.0], 2.0)
    (bar,) = bars(made_up(np.array([points[2], *points])), [factor], [0.0])
    assert (bar.is_monotone, bar.swing) == (is_monotone, swing)
    assert bar.has_effect == (swing > 0.0)


def test_rounding_is_neither_a_bend_nor_an_effect() -> None:
    wobble = 2e5 + 1e-6 * np.array([0.0, 1.0, -1.0, 1.0, -1.0, 1.0])
    (bar,) = bars(made_up(wobble), [one_factor([0.0, 1.0, 2.0, 3.0, 4.0], 2.0)], [0.0])
    assert bar.is_monotone and not bar.has_effect


def test_a_decision_that_turns_inside_the_range_alone_is_flagged() -> None:
    gain = np.array([-1.0, -1.0, -1.0, 2.0, -1.0, -1.0])
    (bar,) = bars(made_up(gain), [one_factor([0.0, 1.0, 2.0, 3.0, 4.0], 2.0)], [0.0])
    assert bar.decisions == ("old", "old", "new", "old", "old")
    assert bar.changes_decision and bar.base_decision == "old"


def test_of_three_strategies_the_best_decides_and_each_has_its_bar() -> None:
    outcomes = SimpleNamespace(
        strategies=("a", "b", "c"),
        cost=np.array([[0.0, 10.0, 20.0], [0.0, 10.0, 20.0], [0.0, 10.0, 20.0]]),
        qaly=np.array([[1.0, 2.0, 2.5], [1.0, 2.0, 2.9], [1.0, 2.0, 3.5]]),
    )
    found = bars(outcomes, [one_factor([1.0, 2.0], 0.0)], [12.0])
    assert [bar.strategy for bar in found] == ["b", "c"]
    assert (found[0].base, found[0].points) == (2.0, (2.0, 2.0))
    assert (found[1].base, *found[1].points) == pytest.approx((-2.0, 2.8, 10.0))
    assert {bar.base_decision for bar in found} == {"b"}
    assert {bar.decisions for bar in found} == {("c", "c")}


def test_rows_move_one_factor_and_leave_the_others_at_base() -> None:
    first = Factor("g", "G", (Member("a", "", "", 1.0, 0.0, 2.0), Member("b", "", "", 5.0, 4.0, 6.0)), {})
    first = replace(first, values={"a": np.array([0.0, 2.0]), "b": np.array([4.0, 6.0])})
    second = one_factor([7.0, 9.0], 8.0)
    found = {key: column.tolist() for key, column in design([first, second]).items()}
    assert found == {
        "a": [1.0, 0.0, 2.0, 1.0, 1.0],
        "b": [5.0, 4.0, 6.0, 5.0, 5.0],
        "x": [8.0, 8.0, 8.0, 7.0, 9.0],
    }


def test_ties_go_to_the_first_strategy() -> None:
    outcomes = SimpleNamespace(strategies=("a", "b"), cost=np.array([[5.0, 5.0]]), qaly=np.array([[1.0, 1.0]]))
    assert optimal(outcomes, [10.0]) == (("a",),)
    assert gains(outcomes, [10.0]).tolist() == [[[0.0, 0.0]]]

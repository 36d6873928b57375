"""Two-way analysis: nodes are runs of their own, and on the border two strategies are equal."""

import itertools
from collections.abc import Sequence
from types import SimpleNamespace

import numpy as np
import pytest

from markov.analysis.sensitivity.two_way import (
    ONCE_A_RUN,
    Axis,
    Request,
    along_axes,
    axis,
    grid_design,
    limits_of,
    summarise,
    totals,
    two_way,
    varies_by_row,
)
from markov.inputs.distributions import interval
from markov.inputs.parameters import Inputs, Value, with_values
from markov.model.evaluate import evaluate
from markov.terms import Array

PRICE, RATIO = "price.thalidomide_50mg.brand", "os.hazard_ratio.thalidomide"


def own_run(inputs: Inputs, changes: dict[str, Value]) -> tuple[list[float], list[float]]:
    outcomes = evaluate(with_values(inputs, changes))
    return outcomes.cost[0].tolist(), outcomes.qaly[0].tolist()


# ------------------------------------------------------------------------------------------------------ grid


def test_each_node_is_a_run_of_its_own(myeloma_ix: Inputs) -> None:
    prices, ratios = [100.0, 900.0], [0.6, 0.9, 1.2]
    grid = two_way(myeloma_ix, axis(myeloma_ix, PRICE, prices), axis(myeloma_ix, RATIO, ratios))
    assert grid.cost.shape == grid.qaly.shape == (2, 3, 2)
    for i, j in ((0, 0), (0, 2), (1, 1)):
        cost, qaly = own_run(myeloma_ix, {PRICE: prices[i], RATIO: ratios[j]})
        assert grid.cost[i, j].tolist() == pytest.approx(cost, rel=1e-9)
        assert grid.qaly[i, j].tolist() == pytest.approx(qaly, rel=1e-9)
        for t, threshold in enumerate(myeloma_ix.thresholds):
            gain = threshold * (qaly[1] - qaly[0]) - (cost[1] - cost[0])
            assert grid.gain[t, i, j].tolist() == pytest.approx([0.0, gain], rel=1e-8)
            assert grid.optimal[t][i][j] == ("thalidomide" if gain > 0 else "no_maintenance")


def test_the_decision_changes_hands_on_the_border(myeloma_ix: Inputs) -> None:
    prices, ratios = axis(myeloma_ix, PRICE, [0.0, 500.0, 1000.0]), axis(myeloma_ix, RATIO, [0.6, 0.7, 0.8])
    grid = two_way(myeloma_ix, prices, ratios, [35000.0])
    changes = sum(
        a != b
        for rows in (grid.optimal[0], zip(*grid.optimal[0], strict=True))
        for row in rows
        for a, b in itertools.pairwise(row)
    )
    assert len(grid.border) == changes > 0
    for point in grid.border:
        cost, qaly = own_run(myeloma_ix, {PRICE: point.first, RATIO: point.second})
        gain = 35000.0 * (qaly[1] - qaly[0]) - (cost[1] - cost[0])
        # Net benefit is linear in a price, so that on an edge along it the border is exact. Along the ratio a straight
        # line over a step is off by g''h²/8, estimated from three nodes; it may bend twice as much between two.
        if point.second in ratios.values:
            assert abs(gain) < 1e-6
        else:
            along = grid.gain[0, prices.values.index(point.first), :, 1]
            assert abs(gain) < 2.0 * abs(along[0] - 2.0 * along[1] + along[2]) / 8.0
        assert set(point.between) == {"thalidomide", "no_maintenance"}


def test_overall_survival_can_vary_alone_although_it_caps_progression(myeloma_ix: Inputs) -> None:
    found = totals(myeloma_ix, {RATIO: np.linspace(0.9, 1.1, 40)})
    cost, qaly = own_run(myeloma_ix, {RATIO: 1.1})
    assert found.cost[-1].tolist() == pytest.approx(cost, rel=1e-9)
    assert found.qaly[-1].tolist() == pytest.approx(qaly, rel=1e-9)


def made_up(gain: Array) -> SimpleNamespace:
    """Strategies by the last axis of net benefits (rows, strategies) at a threshold of 0."""
    return SimpleNamespace(strategies=tuple("abc"[: gain.shape[1]]), cost=-gain, qaly=np.zeros(gain.shape))


def side(name: str, values: Sequence[float]) -> Axis:
    return Axis(name, name, "", None, tuple(values))


def test_on_planes_the_border_is_exact_also_between_three_strategies() -> None:
    x, y = side("x", [0.0, 1.0, 2.0, 3.0]), side("y", [0.0, 0.7, 1.9, 4.0])
    columns = grid_design(x, y)
    planes = np.column_stack([0.0 * columns["x"], columns["x"] + columns["y"] - 2.0, 2.0 * columns["x"] - 3.0])
    grid = summarise(made_up(planes), x, y, [0.0], {}, "GBP")
    assert len({frozenset(point.between) for point in grid.border}) == 3, "each pair meets somewhere"
    for point in grid.border:
        height = {"a": 0.0, "b": point.first + point.second - 2.0, "c": 2.0 * point.first - 3.0}
        one, other = point.between
        assert height[one] == pytest.approx(height[other], abs=1e-12)


def test_without_a_change_of_decision_there_is_no_border() -> None:
    x, y = side("x", [0.0, 1.0]), side("y", [0.0, 1.0])
    grid = summarise(made_up(np.array([[0.0, -1.0]] * 4)), x, y, [0.0], {}, "GBP")
    assert grid.border == () and grid.optimal == ((("a", "a"), ("a", "a")),)


# ------------------------------------------------------------------------------------------------------ axes


def test_an_axis_spans_the_interval_that_is_drawn(calgb: Inputs) -> None:
    found = axis(calgb, "os.hazard_ratio.lenalidomide", points=5)
    low, high = interval(calgb.parameters["os.hazard_ratio.lenalidomide"])
    assert found.values == pytest.approx(np.linspace(low, high, 5))
    assert (found.base, found.unit) == (0.61, "ratio")
    declared = axis(calgb, "price.lenalidomide_10mg.generic", points=2)
    assert declared.values == (75.6, 1890.0)


def test_one_quantity_that_stands_in_two_rows_moves_as_one(calgb: Inputs) -> None:
    utility = axis(calgb, "utility.maintenance", [0.6, 0.8])
    assert utility.ids == ("utility.maintenance", "utility.toxicity")
    price = axis(calgb, "price.lenalidomide_10mg.brand", [3780.0, 4000.0])
    grid = two_way(calgb, price, utility)
    cost, qaly = own_run(calgb, {"utility.maintenance": 0.8, "utility.toxicity": 0.8})
    assert grid.qaly[0, 1].tolist() == pytest.approx(qaly, rel=1e-9)
    assert grid.cost[0, 1].tolist() == pytest.approx(cost, rel=1e-9)


def test_members_of_a_group_with_other_values_stay(myeloma_ix: Inputs) -> None:
    assert axis(myeloma_ix, "adverse_event.proportion.neuropathy.thalidomide", points=2).together == ()


def test_axes_that_make_no_sense_are_refused(calgb: Inputs) -> None:
    with pytest.raises(ValueError, match="is not a number"):
        axis(calgb, "pfs.family.lenalidomide", [1.0, 2.0])
    with pytest.raises(ValueError, match="must rise"):
        axis(calgb, "utility.maintenance", [0.8, 0.6])
    with pytest.raises(ValueError, match="neither a distribution nor limits"):
        axis(calgb, "price.lenalidomide_10mg.brand")
    utility, same = axis(calgb, "utility.maintenance", [0.6, 0.8]), axis(calgb, "utility.toxicity", [0.6, 0.8])
    with pytest.raises(ValueError, match="both axes move utility"):
        two_way(calgb, utility, same)


@pytest.mark.parametrize(
    ("identifier", "limits"),
    [
        ("toxicity.proportion.lenalidomide", (0.0, 1.0)),
        ("utility.treatment_decrement.lenalidomide", (-1.0, 0.0)),
        ("utility.progression", (-0.6, 1.0)),
        ("cost.event.death", (0.0, 87140.0)),
        ("os.median.no_maintenance", (8.41, 841.0)),
        ("pfs.mu.no_maintenance", (0.33064326994441333, 20.0)),
    ],
)
def test_limits_are_usual_or_possible_or_within_ten_times(
    identifier: str, limits: tuple[float, float], calgb: Inputs
) -> None:
    assert limits_of(calgb, identifier) == pytest.approx(limits)


def test_without_a_value_limits_must_be_given(calgb: Inputs) -> None:
    with pytest.raises(ValueError, match="give its limits"):
        limits_of(calgb, "cost.state.spm_haematologic")  # 0 in the workbook
    with pytest.raises(ValueError, match="is not a number"):
        limits_of(calgb, "settings.price_set")


# ---------------------------------------------------------------------------------------------- rows or runs


def test_what_the_engine_takes_once_a_run_is_run_once_for_each_value(calgb: Inputs) -> None:
    stop, price = "treatment.planned_stop.lenalidomide", "price.lenalidomide_10mg.brand"
    found = totals(calgb, {stop: np.array([12.0, 24.0, 12.0]), price: np.array([1000.0, 1000.0, 2000.0])})
    for row, changes in enumerate(({stop: 12.0, price: 1000.0}, {stop: 24.0, price: 1000.0})):
        cost, qaly = own_run(calgb, dict(changes))
        assert found.cost[row].tolist() == pytest.approx(cost, rel=1e-9)
        assert found.qaly[row].tolist() == pytest.approx(qaly, rel=1e-9)
    assert found.cost[2, 1] > found.cost[0, 1]


def test_age_moves_the_horizon_where_that_is_to_age_100(calgb: Inputs) -> None:
    found = totals(calgb, {"cohort.age": np.array([50.0])})
    cost, qaly = own_run(calgb, {"cohort.age": 50.0})
    assert found.cost[0].tolist() == pytest.approx(cost, rel=1e-12)
    assert found.qaly[0].tolist() == pytest.approx(qaly, rel=1e-12)


def test_all_other_numbers_vary_by_row(myeloma_ix: Inputs) -> None:
    """Rows and runs of their own agree for every number of the workbook, those that are read once a run aside."""
    numbers = {
        key: float(p.value)
        for key, p in myeloma_ix.parameters.items()
        if isinstance(p.value, float) and varies_by_row(myeloma_ix, key)
    }
    assert len(numbers) > 70
    assert not [key for key in numbers if key.startswith(ONCE_A_RUN)]
    dosing = {key for key in myeloma_ix.parameters if key.startswith(ONCE_A_RUN)}
    assert len(dosing) == 2
    moved = {key: value * 0.98 if value else 0.0 for key, value in numbers.items()}
    rows = totals(myeloma_ix, {key: np.array([value]) for key, value in moved.items()})
    run = evaluate(with_values(myeloma_ix, dict(moved)))
    np.testing.assert_allclose(rows.cost, run.cost, rtol=1e-9)
    np.testing.assert_allclose(rows.qaly, run.qaly, rtol=1e-9)


def test_a_grid_over_stops_for_toxicity_is_a_what_if_as_a_scenario_is(myeloma_ix: Inputs) -> None:
    worse = with_values(myeloma_ix, {"toxicity.progression_ratio.thalidomide": 2.0})
    stops = "toxicity.proportion.thalidomide"
    found = totals(worse, {stops: np.array([0.52, 0.1])})
    for row, share in enumerate((0.52, 0.1)):
        cost, qaly = own_run(worse, {stops: share})
        assert found.cost[row].tolist() == pytest.approx(cost, rel=1e-8)
        assert found.qaly[row].tolist() == pytest.approx(qaly, rel=1e-8)
    uncertain = evaluate(worse, {stops: np.array([0.1])})  # here the trial's curve as a whole is kept
    assert abs(uncertain.qaly[0, 1] - found.qaly[1, 1]) > 1e-3


def test_each_axis_moves_alone(calgb: Inputs) -> None:
    price, utility = (
        axis(calgb, "price.lenalidomide_10mg.brand", [0.0, 1.0]),
        axis(calgb, "utility.progression", [0, 1]),
    )
    horizon = axis(calgb, "settings.horizon_years", [5.0, 10.0])
    requests: list[Request] = [
        (price, np.array([500.0, 600.0])),
        (horizon, np.array([8.0])),
        (utility, np.array([0.5])),
    ]
    found = along_axes(calgb, requests)
    assert [len(each.cost) for each in found] == [2, 1, 1]
    expected = [
        own_run(calgb, {"price.lenalidomide_10mg.brand": 600.0}),
        own_run(calgb, {"settings.horizon_years": 8.0}),
        own_run(calgb, dict.fromkeys(utility.ids, 0.5)),
    ]
    for each, (cost, qaly) in zip(found, expected, strict=True):
        assert each.cost[-1].tolist() == pytest.approx(cost, rel=1e-9)
        assert each.qaly[-1].tolist() == pytest.approx(qaly, rel=1e-9)

"""Results as tables: columns, types, one row a thing, and sums that are the results' own numbers."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import pytest

from markov.analysis.base_case import BaseCase, base_case
from markov.analysis.frames import frame, grid_frame
from markov.analysis.incremental import incremental
from markov.analysis.sensitivity.scenarios import scenarios
from markov.analysis.sensitivity.threshold import threshold
from markov.analysis.sensitivity.two_way import axis, two_way
from markov.analysis.sensitivity.value_based_price import value_based_price_table
from markov.analysis.uncertainty.follow_up import longer_follow_up
from markov.analysis.uncertainty.probabilistic import Probabilistic, probabilistic
from markov.analysis.uncertainty.value_of_information import value_of_information
from markov.analysis.walk.walk import walk
from markov.inputs.given_values import with_values
from markov.inputs.parameters import Inputs

RUNS = 40
PRICE = "price.lenalidomide_10mg.brand"


@pytest.fixture(scope="module")
def base(calgb: Inputs) -> BaseCase:
    return base_case(calgb)


@pytest.fixture(scope="module")
def sampled(calgb: Inputs) -> Probabilistic:
    return probabilistic(calgb, RUNS, seed=1, traced=False)


def kinds(table: pd.DataFrame) -> Mapping[str, str]:
    """f, i, b for numbers and truth values, t for text."""
    return {str(name): kind if (kind := table[name].dtype.kind) in "fib" else "t" for name in table}


def row(table: pd.DataFrame, **where: object) -> dict[str, Any]:
    """The one row with these values."""
    for name, value in where.items():
        table = table[table[name] == value]
    (found,) = table.to_dict("records")
    return {str(name): value for name, value in found.items()}


def test_columns_keep_their_kind_where_nothing_is_known() -> None:
    table = frame(incremental(["only"], [1.0], [2.0]))
    assert kinds(table) == {
        "strategy": "t",
        "cost": "f",
        "qaly": "f",
        "position": "t",
        "delta_cost": "f",
        "delta_qaly": "f",
        "icer": "f",
        "versus": "t",
        "dominated_by": "t",
    }
    assert row(table)["dominated_by"] == "" and np.isnan(row(table)["icer"])


def test_a_grid_has_a_row_for_every_combination_whose_axes_may_repeat() -> None:
    values = np.array([[1.0, 2.0], [3.0, 4.0]])
    table = grid_frame({"x": [7.0, 7.0], "s": ["a", "b"]}, value=values, each=[[5.0], [6.0]])
    assert table.values.tolist() == [[7.0, s, v, e] for s, v, e in zip("abab", (1, 2, 3, 4), (5, 5, 6, 6), strict=True)]


def test_the_base_case_has_a_row_a_strategy(base: BaseCase) -> None:
    table = base.to_frame()
    first, second = base.incremental
    found = row(table, strategy="lenalidomide")
    assert (found["label"], found["cost"], found["icer"]) == ("Lenalidomide", second.cost, second.icer)
    assert table["life_years"].tolist() == base.outcomes.life_year[0].tolist()
    parts = base.outcomes.to_frame().query("measure == 'costs' and schedule == 'discounted'")
    assert parts.groupby("strategy")["value"].sum()[first.strategy] == pytest.approx(first.cost, rel=1e-12)


def test_scenarios_have_a_row_a_price_set_strategy_and_threshold(calgb: Inputs) -> None:
    found = scenarios(calgb, ["Generic prices", "Horizon 10 years"])
    table = found.to_frame()
    assert len(table) == 3 * 2 * 2 * 2
    assert not table.duplicated(["scenario", "price_set", "strategy", "threshold"]).any()
    own = table[table["is_paid"] & (table["threshold"] == 25_000.0)]
    for scenario in (found.base, *found.scenarios):
        assert scenario.own is not None
        for result in scenario.own.strategies:
            told = row(own, scenario=scenario.name, strategy=result.strategy)
            assert (told["cost"], told["incremental_net_benefit"]) == (result.cost, result.gain[0])
            assert told["is_optimal"] == (scenario.own.optimal[0] == result.strategy)
    columns = kinds(table)
    assert columns["change"] == columns["icer"] == "f" and columns["is_optimal"] == "b" and columns["versus"] == "t"
    assert "against" not in columns
    gained = table["threshold"] * table["qaly"] - table["cost"]
    np.testing.assert_allclose(table["net_benefit"], gained, rtol=1e-12)


def test_a_grid_of_two_parameters_has_a_row_a_node_and_strategy(calgb: Inputs) -> None:
    grid = two_way(calgb, axis(calgb, PRICE, [0.0, 500.0, 1000.0]), axis(calgb, "utility.progression", [0.5, 0.6]))
    table = grid.to_frame()
    assert len(table) == 2 * 3 * 2 * 2
    assert table["cost"].sum() == pytest.approx(2.0 * grid.cost.sum(), rel=1e-12)
    assert table["incremental_net_benefit"].tolist() == grid.gain.ravel().tolist()
    node = table[(table[PRICE] == 500.0) & (table["utility.progression"] == 0.6) & (table["threshold"] == 35_000.0)]
    assert node["qaly"].tolist() == grid.qaly[1, 1].tolist()
    assert node.loc[node["is_optimal"], "label"].tolist() == [grid.labels[grid.optimal[1][1][1]]]


def test_thresholds_have_a_row_a_crossing_and_one_where_there_is_none(calgb: Inputs) -> None:
    found = threshold(calgb, [PRICE, "cost.event.death"], thresholds=[25_000.0])
    table = found.to_frame()
    assert len(table) == sum(max(len(answer.crossings), 1) for answer in found)
    crossing, none = row(table, id=PRICE), row(table, id="cost.event.death")
    assert (crossing["value"], crossing["base"]) == (found[0].crossings[0].value, calgb.value(PRICE))
    assert found[1].crossings == () and np.isnan(none["value"]) and none["at_base"] == found[1].at_base


def test_prices_have_a_row_a_pack_and_one_with_the_error(calgb: Inputs) -> None:
    unsound = {"Unsound": {"utility.progression": 7.0}}
    found = value_based_price_table(calgb, "lenalidomide", unsound, thresholds=[35_000.0])
    base, other = (row(found.to_frame(), alternative=name) for name in ("Base case", "Unsound"))
    assert (base["price"], base["discount"]) == (found[0].packs[0].price, found[0].discount)
    assert other["error"] == found[1].error != "" and np.isnan(other["price"])


def test_draws_have_a_row_a_strategy_and_the_means_of_the_sample(sampled: Probabilistic) -> None:
    table = sampled.to_frame()
    assert list(table) == ["run", "strategy", "cost", "qaly", "life_years", "stratum"]
    assert kinds(table)["run"] == kinds(table)["stratum"] == "i"
    for name in ("cost", "qaly", "life_years"):
        wide = table.pivot(index="run", columns="strategy", values=name)[list(sampled.sample.strategies)]
        np.testing.assert_array_equal(wide.to_numpy(), getattr(sampled.sample, name))
    for s, mean in zip(sampled.sample.strategies, sampled.sample.cost.mean(axis=0).tolist(), strict=True):
        assert row(sampled.summary_frame(), quantity="cost", strategy=s)["mean"] == mean


def test_acceptability_has_the_curve_and_marks_the_frontier(sampled: Probabilistic) -> None:
    table = sampled.curves.to_frame(sampled.sample.strategies)
    assert len(table) == 2 * len(sampled.curves.thresholds)
    np.testing.assert_allclose(table.groupby("threshold")["probability"].sum(), 1.0, rtol=1e-12)
    frontier = table[table["is_optimal"]]
    assert frontier["probability"].tolist() == sampled.curves.frontier.tolist()
    assert frontier["evpi"].tolist() == frontier["expected_loss"].tolist() == sampled.curves.evpi.tolist()


def test_information_has_a_row_a_value_by_its_kind(calgb: Inputs, sampled: Probabilistic) -> None:
    found = value_of_information(calgb, sampled.sample, {"Utilities": ["utility.progression"]}, refits=2)
    table = found.to_frame()
    assert table["kind"].tolist() == ["evpi"] * 2 + ["evppi"] * len(found.single) + ["evppi_group"] * 2
    assert table.query("kind == 'evpi'")["value"].tolist() == [value.value for value in found.perfect]
    part, error = row(table, kind="evppi_group", threshold=35_000.0), found.grouped[1].information.standard_error
    assert (part["parameters"], part["standard_error"]) == ("utility.progression", error)


def test_waits_have_a_row_a_threshold_and_number_of_years(calgb: Inputs, sampled: Probabilistic) -> None:
    found = longer_follow_up(calgb, sampled.sample, "lenalidomide", [2.0, 5.0], refits=2)
    table = found.to_frame()
    assert table[["threshold", "years"]].values.tolist() == [[wait.threshold, wait.years] for wait in found.waits]
    assert table["evsi"].tolist() == [wait.information.value for wait in found.waits]
    assert table["events"].tolist() == [wait.events[0] for wait in found.waits]
    assert kinds(table)["enbs"] == kinds(table)["value"] == "f"


def test_the_steps_of_a_walk_add_up_to_the_difference(calgb: Inputs) -> None:
    found = walk(calgb, with_values(calgb, {"utility.progression": 0.5, "settings.price_set": "generic"}))
    table = found.to_frame()
    assert not table.duplicated(["price_set", "strategy", "step", "measure"]).any()
    paid = table[table["price_set"] == "paid"]
    assert paid["step"].unique().tolist() == [step.name for step in found.steps]
    total = paid.groupby("measure", sort=False)["effect"].sum()
    assert list(total.index) == ["delta_cost", "delta_qaly", "net_benefit_25000", "net_benefit_35000"]
    np.testing.assert_allclose(total, found.of(None)[0].difference, rtol=1e-9)
    np.testing.assert_allclose(paid.groupby("measure", sort=False)["average"].sum(), total, rtol=1e-9)

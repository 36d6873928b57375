"""Switches of the live model in LibreOffice: every two alternatives met at least once, and what no workbook has.

All combinations of those that interact have a command of their own: python -m tests.report.live.combinations --help
"""

import csv
import os
from dataclasses import replace
from pathlib import Path

import pytest

from markov import Inputs, evaluate, incremental, with_values
from markov.inputs.parameters import Strategy

from .recalculation import RESULTS, Edits, disagreements, needs_libreoffice
from .switches import (
    COHORT,
    PAYOFFS,
    pairwise,
    products,
    switches,
    whole_product,
    with_curve_from_progression,
)

pytestmark = needs_libreoffice
LONG = os.environ.get("MARKOV_LIVE") == "all"


def test_the_pairwise_set_lets_every_two_alternatives_meet() -> None:
    options = {"a": [{"x": 1.0}, {"x": 2.0}], "b": [{"y": 1.0}, {"y": 2.0}], "c": [{"z": 1.0}, {"z": 2.0}]}
    rows = pairwise(options, 1)
    assert {(row["x"], row["y"]) for row in rows} == {(1.0, 1.0), (1.0, 2.0), (2.0, 1.0), (2.0, 2.0)}
    assert len(rows) < 8


def test_the_products_hold_every_combination_of_the_switches_that_interact(calgb: Inputs) -> None:
    options = switches(with_curve_from_progression(calgb))
    rows = list(products(options))
    assert set(COHORT) | set(PAYOFFS) == set(options)
    for group in (COHORT, PAYOFFS):
        places = [list(options).index(name) for name in group]
        met = {tuple(row[i] for i in places) for row in rows}
        assert len(met) == whole_product({name: options[name] for name in group})
    assert len(rows) < whole_product(options) / 50


@pytest.mark.parametrize(("name", "half"), [("calgb", 0), ("myeloma_ix", 1)])
def test_switches_taken_two_at_a_time_equal_the_engine(
    name: str, half: int, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    base: Inputs = request.getfixturevalue(name)
    inputs = with_values(with_curve_from_progression(base), {"settings.horizon_years": 2.1})
    assert disagreements(inputs, pairwise(switches(inputs), 5)[half::2], tmp_path) == []


CURVES: dict[str, Edits] = {
    "falling, below the background in old age": {"family": "weibull", "shape": 0.97, "scale": 72.3},
    "rising, below the background at first": {"family": "weibull", "shape": 1.4, "scale": 90.0},
    "rising and falling": {"family": "log_normal", "meanlog": 4.5, "sdlog": 1.0},
    "another arm's": {"family": "hazard_ratio", "hazard_ratio": 0.4},
}


def test_curves_from_progression_are_live_all_cause_and_in_excess(calgb: Inputs, tmp_path: Path) -> None:
    """At an age at which the background is above the curve for some of the time, for some or all of the entrants."""
    old = {"cohort.age": 78.0, "settings.horizon_years": 10.0}
    inputs = with_values(with_curve_from_progression(calgb), old)
    edits: list[Edits] = [
        {"settings.post_progression_mortality": counts} | {f"pps.{k}.lenalidomide": v for k, v in curve.items()}
        for counts in ("all_cause", "excess")
        for curve in CURVES.values()
    ]
    assert disagreements(inputs, edits, tmp_path) == []


def test_a_gamma_curve_far_in_its_tail_does_not_cancel(calgb: Inputs, tmp_path: Path) -> None:
    """The reference falls to 1e-15 and below, and a hazard ratio of 0.05 on it keeps patients at risk."""
    changes: dict[str, float | str | None] = {
        "settings.horizon_years": 20.0,
        "settings.post_progression": "rate",
        "pfs.family.no_maintenance": "gamma",
        "pfs.median.no_maintenance": 6.0,
        "pfs.shape.no_maintenance": 1.6,
        "pfs.mu.no_maintenance": None,
        "pfs.family.lenalidomide": "hazard_ratio",
        "pfs.hazard_ratio.lenalidomide": 0.05,
    }
    assert disagreements(with_values(calgb, changes), [{}], tmp_path) == []


def four_strategies(inputs: Inputs) -> Inputs:
    """The treated strategy twice more, with other hazard ratios and proportions."""
    own = next(s for s in inputs.compared if s != inputs.reference)
    parameters, strategies = dict(inputs.parameters), list(inputs.strategies)
    for name, factor in (("second", 0.9), ("third", 1.2)):
        for identifier, parameter in inputs.parameters.items():
            parts = identifier.split(".")
            if own in parts:
                copied = ".".join(name if part == own else part for part in parts)
                parameters[copied] = replace(parameter, id=copied)
        for kind in ("os.hazard_ratio", "toxicity.proportion"):
            parameter = parameters[f"{kind}.{name}"]
            assert isinstance(parameter.value, float)
            parameters[f"{kind}.{name}"] = replace(parameter, value=parameter.value * factor)
        strategies.append(Strategy(name, name.capitalize()))
    return replace(inputs, parameters=parameters, strategies=tuple(strategies), scenarios=())


@pytest.mark.skipif(not LONG, reason="takes minutes: run with MARKOV_LIVE=all")
def test_a_weekly_lifetime_model_of_four_strategies_is_equal_and_under_15_mb(calgb: Inputs, tmp_path: Path) -> None:
    inputs = with_values(four_strategies(calgb), {"settings.cycle_days": 7.0})
    assert disagreements(inputs, [{}], tmp_path) == []
    assert (tmp_path / "live_0.xlsx").stat().st_size < 15e6


def test_four_strategies_are_equal_and_compared_as_the_engine_compares_them(calgb: Inputs, tmp_path: Path) -> None:
    inputs = with_values(four_strategies(calgb), {"settings.horizon_years": 5.0})
    assert disagreements(inputs, [{}], tmp_path) == []
    outcomes = evaluate(inputs)
    rows = incremental(outcomes.strategies, outcomes.cost[0], outcomes.qaly[0])
    expected = {inputs.labels[row.strategy]: (row.position.replace("_", " "), row.icer) for row in rows}
    with (tmp_path / "done" / f"edit_0-{RESULTS}.csv").open(encoding="utf-8", newline="") as file:
        cells = list(csv.reader(file))
    start = next(i for i, row in enumerate(cells) if row[0] == "Full incremental analysis") + 2
    for row in cells[start : start + len(expected)]:
        position, icer = expected[row[0]]
        assert row[12] == position
        assert (float(row[11]) if row[11] else None) == (None if icer is None else pytest.approx(icer, rel=1e-9))


# --------------------------------------------------------------------------------------- what is not shipped


def with_vials_courses_and_splines(inputs: Inputs) -> Inputs:
    """An infusion by body surface with a loading phase, courses after progression, a spline for PFS of the control."""
    s = "lenalidomide"
    added: dict[str, float | str | None] = {
        "settings.horizon_years": 3.0,
        "price.infusion.brand": 500.0,
        "price.infusion.generic": 80.0,
        "product.form.infusion": "vial",
        "product.strength.infusion": 3.5,
        "product.units_per_pack.infusion": 1.0,
        f"dose.amount.infusion.{s}": 1.3,
        f"dose.initial_amount.infusion.{s}": 2.6,
        f"dose.initial_intervals.infusion.{s}": 3.0,
        f"dose.administrations.infusion.{s}": 2.0,
        f"dose.interval.infusion.{s}": 91.0,
        f"dose.route.infusion.{s}": "oral",
        f"subsequent.monthly_cost.{s}": 0.0,
        f"subsequent.share.second_line.{s}": 0.6,
        "subsequent.cost.second_line": 30000.0,
        "pfs.family.no_maintenance": "spline_odds",
        "pfs.knots.no_maintenance": "2; 20; 90",
        "pfs.gamma0.no_maintenance": -4.0,
        "pfs.gamma1.no_maintenance": 1.2,
        "pfs.gamma2.no_maintenance": 0.05,
        "pfs.family.lenalidomide": "time_ratio",
        "pfs.time_ratio.lenalidomide": 1.6,
    }
    changed = with_values(inputs, added)
    by_surface = {f"dose.{kind}.infusion.{s}" for kind in ("amount", "initial_amount")}
    rows = {i: replace(p, unit="mg/m2") if i in by_surface else p for i, p in changed.parameters.items()}
    return replace(changed, parameters=rows, scenarios=())


def test_vials_loading_doses_courses_and_splines_are_live(calgb: Inputs, tmp_path: Path) -> None:
    inputs = with_vials_courses_and_splines(calgb)
    edits: list[Edits] = [
        {},
        {"settings.vial_waste": "off", "pfs.gamma1.no_maintenance": 1.1},
        {"cohort.body_surface_area_sd": 0.0, "dose.interval.infusion.lenalidomide": 112.0},
        {"dose.initial_intervals.infusion.lenalidomide": 2.0, "subsequent.cost.second_line": 50000.0},
        {"cohort.body_surface_area": 2.4, "product.strength.infusion": 1.0, "settings.price_set": "generic"},
    ]
    assert disagreements(inputs, edits, tmp_path) == []

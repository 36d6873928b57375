"""Blocks of rows that go through the cohort side by side get, bit by bit, what each gets alone."""

from collections.abc import Iterator
from dataclasses import fields
from typing import Any

import numpy as np
import pytest

from markov import Inputs, evaluate, with_values
from markov.inputs.parameters import Columns, Value
from markov.model.evaluate import ABREAST, evaluate_side_by_side
from markov.model.preparation import Preparation
from markov.terms import Array

TUNNELS: dict[str, Value] = {
    "settings.post_progression": "time_since_progression",
    **{f"pps.family.{strategy}": "weibull" for strategy in ("no_maintenance", "lenalidomide")},
    **{f"pps.median.{strategy}": 30.0 for strategy in ("no_maintenance", "lenalidomide")},
    **{f"pps.shape.{strategy}": 1.2 for strategy in ("no_maintenance", "lenalidomide")},
}
CHANGES: dict[str, dict[str, Value]] = {
    "as it is": {},
    "a cost": {"cost.event.death": 1.0},
    "another family": {"pfs.family.no_maintenance": "exponential", "pfs.rate.no_maintenance": 0.03},
    "a planned stop": {"treatment.planned_stop.lenalidomide": 24.0},
    "a median of treatment": {"treatment.median_duration.lenalidomide": 20.0},
    "half of them start": {"treatment.share_starting.lenalidomide": 0.5},
    "Simpson, for an even number of cycles": {"settings.correction": "simpson"},
    "those who stop lose the effect": {"toxicity.after_stopping.lenalidomide": "effect_lost"},
    "one rate of death": {"settings.post_progression": "rate", "settings.post_progression_rate": "common"},
    "a rate by strategy": {"settings.post_progression": "rate", "settings.post_progression_rate": "by_strategy"},
    "one move a cycle": {"settings.within_cycle": "one_move"},
    "a curve from progression": TUNNELS,
    "a curve from progression, and a cost": TUNNELS | {"cost.event.death": 1.0},
    "an excess from progression": TUNNELS | {"settings.post_progression_mortality": "excess"},
    "ten years": {"settings.horizon_years": 10.0},
    "a week": {"settings.cycle_days": 7.0, "settings.horizon_years": 10.0},
}


def numbers(part: Any, name: str = "") -> Iterator[tuple[str, Array]]:
    """Every array of some outcomes, with its place."""
    if isinstance(part, np.ndarray):
        yield name, part
    elif isinstance(part, dict):
        for key, value in part.items():
            yield from numbers(value, f"{name}.{key}")
    elif hasattr(part, "__dataclass_fields__"):
        for each in fields(part):
            yield from numbers(getattr(part, each.name), f"{name}.{each.name}")


@pytest.fixture(scope="module")
def asked(calgb: Inputs) -> list[tuple[Inputs, dict[str, Array]]]:
    """Each change with one row, and some with several."""
    rng = np.random.default_rng(1)
    rows = {"os.hazard_ratio.lenalidomide": rng.uniform(0.4, 1.1, 7), "utility.progression": rng.uniform(0.4, 0.9, 7)}
    blocks: list[tuple[Inputs, dict[str, Array]]] = [(with_values(calgb, each), {}) for each in CHANGES.values()]
    return [*blocks, *((inputs, rows) for inputs, _ in blocks[:4])]


def test_side_by_side_every_block_gets_what_it_gets_alone_to_the_last_digit(
    asked: list[tuple[Inputs, dict[str, Array]]],
) -> None:
    for (inputs, rows), together in zip(asked, evaluate_side_by_side(asked), strict=True):
        alone = dict(numbers(evaluate(inputs, rows)))
        for name, values in numbers(together):
            np.testing.assert_array_equal(values, alone[name], err_msg=name)


def test_neither_order_nor_company_changes_a_digit(asked: list[tuple[Inputs, dict[str, Array]]]) -> None:
    forth, back = evaluate_side_by_side(asked), evaluate_side_by_side(asked[::-1])[::-1]
    for one, other in zip(forth, back, strict=True):
        np.testing.assert_array_equal(one.costs, other.costs)
        np.testing.assert_array_equal(one.qalys, other.qalys)


def test_only_blocks_that_move_alike_share_a_course(calgb: Inputs) -> None:
    courses = {name: Preparation(Columns(with_values(calgb, each), {}, 1)).course for name, each in CHANGES.items()}
    alike = [name for name, course in courses.items() if course == courses["as it is"]]
    assert alike == list(CHANGES)[:7]
    assert courses["one rate of death"] == courses["a rate by strategy"]
    assert courses["a curve from progression"] == courses["a curve from progression, and a cost"]
    assert courses["a curve from progression"] != courses["an excess from progression"]


def test_many_rows_go_by_themselves(calgb: Inputs) -> None:
    rows = {"cost.event.death": np.linspace(0.0, 1000.0, ABREAST + 1)}
    many, one = evaluate_side_by_side([(calgb, rows), (calgb, {})])
    assert (many.runs, one.runs) == (ABREAST + 1, 1)
    assert np.diff(many.cost[:, 0]).min() > 0.0

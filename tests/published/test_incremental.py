"""Dominance, extended dominance and ICERs: 18 published or exactly solved decision problems."""

import numpy as np
import pytest

from markov.analysis.incremental import IncrementalRow, incremental, pairwise
from markov.terms import Position

from .known_answers import Case, assert_agrees, names_of, read_case

ON_FRONTIER = (Position.REFERENCE, Position.FRONTIER, Position.EQUAL)
STATUS = {Position.DOMINATED: "D", Position.EXTENDEDLY_DOMINATED: "ED", **dict.fromkeys(ON_FRONTIER, "ND")}

CASES = [read_case("incremental", name) for name in names_of("incremental")]
every_case = pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])


def rows_of(case: Case) -> tuple[IncrementalRow, ...]:
    strategies = case["inputs"]["strategies"]
    return incremental(*([strategy[key] for strategy in strategies] for key in ("name", "cost", "effect")))


@every_case
def test_each_strategy_has_the_published_status(case: Case) -> None:
    assert {row.strategy: STATUS[row.position] for row in rows_of(case)} == case["expected"]["status"]


@every_case
def test_the_frontier_has_the_published_rows_and_icers(case: Case) -> None:
    rows = [row for row in rows_of(case) if row.position in (Position.REFERENCE, Position.FRONTIER)]
    expected = case["expected"]["frontier"]
    assert [row.strategy for row in rows] == [point["strategies"][0] for point in expected]
    for row, point in zip(rows, expected, strict=True):
        assert_agrees([row.cost, row.qaly], [point["cost"], point["effect"]], case)
        if point["icer"] is None:
            assert (row.icer, row.versus, row.position) == (None, None, Position.REFERENCE)
        else:
            assert row.icer is not None and row.delta_cost is not None and row.delta_qaly is not None
            assert_agrees(row.delta_cost, point["inc_cost"], case, row.strategy)
            # The file subtracts exact decimals; here each effect is first rounded to binary. That matters in one
            # case: 5.000000001 is known to 8.9e-16, which is 8.9e-7 of a difference of 1e-9.
            rounding = np.spacing(point["effect"]) / point["inc_effect"]
            close = pytest.approx([point["inc_effect"], point["icer"]], rel=case["tolerance"]["rel"] + rounding)
            assert [row.delta_qaly, row.icer] == close


@every_case
def test_strategies_of_the_same_cost_and_effect_share_a_frontier_point(case: Case) -> None:
    # heemod keeps both twins on the frontier, dampack calls the second dominated; here it is named as equal.
    rows = {row.strategy: row for row in rows_of(case)}
    for first, *twins in (point["strategies"] for point in case["expected"]["frontier"]):
        assert rows[first].position is not Position.EQUAL
        for twin in twins:
            assert (rows[twin].position, rows[twin].versus, rows[twin].icer) == (Position.EQUAL, first, None)


def test_the_table_stands_in_order_of_cost() -> None:
    # The source (US VA HERC, through dampack) lists the frontier first and then the dominated; we keep one order.
    case = read_case("incremental", "va_herc_six")
    rows = rows_of(case)
    assert [row.strategy for row in rows] == ["UC", "B", "A", "C", "D", "E"]
    icers = {row.strategy: row.icer for row in rows}
    assert [icers[name] for name in case["published"]["order"][:4]] == case["published"]["icer"]
    assert {row.strategy: row.dominated_by for row in rows if row.dominated_by} == {"A": "B", "C": "a mix of B and D"}


def test_a_saving_baseline_is_not_shown_with_a_negative_icer() -> None:
    strategies = read_case("incremental", "tricky_negative_costs_and_savings")["inputs"]["strategies"]
    names, costs, effects = ([strategy[key] for strategy in strategies] for key in ("name", "cost", "effect"))
    rows = pairwise(names, costs, effects, "A")
    assert [(row.strategy, row.quadrant.value) for row in rows] == [
        ("B", "less costly, more effective"),
        ("C", "less costly, more effective"),
        ("D", "more costly, more effective"),
    ]
    assert [row.icer for row in rows[:2]] == [None, None]
    assert rows[2].icer == pytest.approx(2500 / 0.45)

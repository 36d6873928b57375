"""The incremental analysis against brute force: the frontier is what maximises net benefit at some threshold."""

from fractions import Fraction
from itertools import combinations
from itertools import pairwise as neighbours

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from markov.analysis.incremental import (
    IncrementalRow,
    Quadrant,
    icer_in_words,
    incremental,
    net_benefit,
    pairwise,
)
from markov.terms import Position

# Whole numbers are exact in floating point, so that brute force in fractions has one right answer; the small range
# is full of ties and collinear strategies, the large one of ordinary ones.
Plane = list[tuple[int, int]]
small = st.lists(st.tuples(st.integers(-4, 4), st.integers(-4, 4)), min_size=1, max_size=8)
large = st.lists(st.tuples(st.integers(-200_000, 400_000), st.integers(0, 20_000)), min_size=1, max_size=8)
planes = st.one_of(small, large)

unhurried = settings(deadline=None, max_examples=200)  # a busy machine is not a failure

ON_FRONTIER = (Position.REFERENCE, Position.FRONTIER, Position.EQUAL)


def names_of(plane: Plane) -> list[str]:
    return [f"strategy {i}" for i in range(len(plane))]


def rows_of(plane: Plane) -> tuple[IncrementalRow, ...]:
    return incremental(names_of(plane), [cost for cost, _ in plane], [effect for _, effect in plane])


def positive_thresholds(plane: Plane) -> list[Fraction]:
    """Every threshold at which two strategies tie, one between each two of them, and one beyond either end."""
    ties = {Fraction(c1 - c0, e1 - e0) for (c0, e0), (c1, e1) in combinations(plane, 2) if e1 != e0}
    ends = sorted({tie for tie in ties if tie > 0} | {Fraction(1)})
    between = [(low + high) / 2 for low, high in neighbours(ends)]
    return [ends[0] / 2, *ends, *between, ends[-1] * 2]


@unhurried
@given(planes)
def test_the_frontier_is_every_strategy_that_maximises_net_benefit_at_some_threshold(plane: Plane) -> None:
    best: set[str] = set()
    for threshold in positive_thresholds(plane):
        benefits = [threshold * effect - cost for cost, effect in plane]
        best |= {name for name, value in zip(names_of(plane), benefits, strict=True) if value == max(benefits)}
    assert {row.strategy for row in rows_of(plane) if row.position in ON_FRONTIER} == best


@unhurried
@given(planes)
def test_icers_never_fall_along_the_frontier_and_are_positive(plane: Plane) -> None:
    icers = [row.icer for row in rows_of(plane) if row.icer is not None]
    assert all(icer > 0 for icer in icers)
    assert all(later >= earlier * (1 - 1e-12) for earlier, later in neighbours(icers))


@unhurried
@given(planes.flatmap(lambda plane: st.permutations(sorted(set(plane)))))
def test_the_order_of_the_strategies_changes_nothing_but_who_is_first_of_equals(plane: Plane) -> None:
    as_numbers = [
        [(row.cost, row.qaly, row.position, row.delta_cost, row.delta_qaly, row.icer) for row in rows_of(order)]
        for order in (plane, sorted(plane))
    ]
    assert as_numbers[0] == as_numbers[1]


@unhurried
@given(planes)
def test_rows_stand_in_order_of_cost_then_effect_descending_then_input(plane: Plane) -> None:
    position = {name: i for i, name in enumerate(names_of(plane))}
    keys = [(row.cost, -row.qaly, position[row.strategy]) for row in rows_of(plane)]
    assert keys == sorted(keys) and len(keys) == len(plane)


@unhurried
@given(planes)
def test_labels_match_the_numbers(plane: Plane) -> None:
    rows = {row.strategy: row for row in rows_of(plane)}
    frontier = [row for row in rows.values() if row.position in (Position.REFERENCE, Position.FRONTIER)]
    assert frontier[0].position is Position.REFERENCE
    for before, row in neighbours(frontier):
        assert (row.versus, row.position) == (before.strategy, Position.FRONTIER)
        assert (row.delta_cost, row.delta_qaly) == (row.cost - before.cost, row.qaly - before.qaly)
        assert row.icer == (row.cost - before.cost) / (row.qaly - before.qaly)
    for row in rows.values():
        if row.position is Position.EQUAL:
            assert row.versus is not None and row.icer is None
            assert (rows[row.versus].cost, rows[row.versus].qaly) == (row.cost, row.qaly)


@unhurried
@given(planes)
def test_whoever_dominates_is_named_and_does(plane: Plane) -> None:
    rows = {row.strategy: row for row in rows_of(plane)}
    frontier = [row for row in rows.values() if row.position in (Position.REFERENCE, Position.FRONTIER)]
    for row in rows.values():
        dominating = {
            other.strategy
            for other in rows.values()
            if other.cost <= row.cost and other.qaly >= row.qaly and (other.cost, other.qaly) != (row.cost, row.qaly)
        }
        assert (row.position is Position.DOMINATED) == bool(dominating)
        if dominating:
            assert row.dominated_by in dominating
        elif row.position is Position.EXTENDEDLY_DOMINATED:
            cheaper = [other for other in frontier if other.cost < row.cost][-1]
            dearer = next(other for other in frontier if other.cost > row.cost)
            share = (row.qaly - cheaper.qaly) / (dearer.qaly - cheaper.qaly)
            assert cheaper.cost + share * (dearer.cost - cheaper.cost) < row.cost
            assert row.dominated_by == f"a mix of {cheaper.strategy} and {dearer.strategy}"
        else:
            assert row.dominated_by is None


@unhurried
@given(planes)
def test_a_pairwise_icer_is_never_negative_and_is_given_only_in_two_quadrants(plane: Plane) -> None:
    costs, effects = zip(*plane, strict=True)
    for row in pairwise(names_of(plane), costs, effects, "strategy 0"):
        signs = (np.sign(row.delta_cost), np.sign(row.delta_qaly))
        trade_off = signs in ((1, 1), (-1, -1))
        assert (row.icer is not None) == trade_off
        assert row.icer is None or row.icer > 0
        assert "-" not in icer_in_words(row, "GBP")
        assert (row.quadrant is Quadrant.MORE_COSTLY_MORE_EFFECTIVE) == (signs == (1, 1))
        assert (row.quadrant is Quadrant.LESS_COSTLY_LESS_EFFECTIVE) == (signs == (-1, -1))


def test_swapping_the_arms_swaps_the_quadrant_and_keeps_the_ratio() -> None:
    names, costs, effects = ["old", "new"], [20_000.0, 8_000.0], [5.0, 4.0]
    (forth,), (back,) = pairwise(names, costs, effects, "old"), pairwise(names, costs, effects, "new")
    assert (forth.icer, back.icer) == (12_000.0, 12_000.0)
    assert icer_in_words(forth, "GBP") == "saves £12,000 per QALY lost"
    assert icer_in_words(back, "GBP") == "£12,000 per QALY gained"


@pytest.mark.parametrize(
    ("cost", "effect", "words"),
    [
        (8, 2, "€4.00 per QALY gained"),
        (300_004, 4, "€100,000 per QALY gained"),
        (1, 2, "dominant: costs less and gives more"),
        (8, 0, "dominated: costs more and gives less"),
        (2, 0.5, "saves €4.00 per QALY lost"),
        (4, 2, "dominant: costs the same and gives more"),
        (4, 0, "dominated: costs the same and gives less"),
        (8, 1, "dominated: costs more and gives the same"),
        (1, 1, "dominant: costs less and gives the same"),
        (4, 1, "equal costs and effects"),
    ],
)
def test_every_quadrant_has_its_words(cost: float, effect: float, words: str) -> None:
    (row,) = pairwise(["old", "new"], [4, cost], [1, effect], "old")
    assert icer_in_words(row, "EUR") == words


def test_the_incremental_table_has_its_words() -> None:
    rows = incremental(["A", "B", "C", "D", "E"], [0, 9_000, 10_000, 11_000, 10_000], [1, 1.2, 2, 1.9, 2])
    assert [(row.strategy, icer_in_words(row, "GBP")) for row in rows] == [
        ("A", "reference"),
        ("B", "extendedly dominated by a mix of A and C"),
        ("C", "£10,000 per QALY gained"),
        ("E", "equal costs and effects"),
        ("D", "dominated by C"),
    ]


def test_decimals_on_one_line_stay_on_the_frontier() -> None:
    # 0.1, 0.2, 0.3 are not equally spaced in binary: the ICERs differ in the last digits, by less than 1e-12.
    rows = incremental(["A", "B", "C", "D"], [0.1, 0.2, 0.3, 0.4], [0.3, 0.6, 0.9, 1.2])
    assert [row.position for row in rows] == [Position.REFERENCE, *[Position.FRONTIER] * 3]


def test_twins_off_the_frontier_are_dominated_alike() -> None:
    rows = incremental(["A", "B", "C"], [0, 1, 1], [1, 1, 1])
    assert [(row.position, row.dominated_by) for row in rows[1:]] == [(Position.DOMINATED, "A")] * 2


def test_net_benefit_at_the_icer_is_equal_and_health_benefit_is_undefined_at_zero() -> None:
    benefit = net_benefit([10_000.0, 40_000.0], [2.0, 3.0], [0.0, 30_000.0])
    assert benefit.monetary[1, 0] == benefit.monetary[1, 1] == 50_000.0
    assert np.isnan(benefit.health[0]).all()
    np.testing.assert_allclose(benefit.health[1] * 30_000.0, benefit.monetary[1])


def test_net_benefit_keeps_runs_and_strategies_apart() -> None:
    costs, effects = np.arange(6.0).reshape(3, 2), np.ones((3, 2))
    benefit = net_benefit(costs, effects, [1.0, 2.0])
    assert benefit.monetary.shape == benefit.health.shape == (2, 3, 2)
    np.testing.assert_array_equal(benefit.monetary[1], 2.0 - costs)


@pytest.mark.parametrize(
    ("names", "costs", "effects", "words"),
    [
        (["A", "A"], [1, 2], [1, 2], "named twice"),
        (["A", "B"], [1, float("nan")], [1, 2], 'strategy "B" has no finite cost and effect'),
        (["A", "B"], [1, 2], [1], "argument"),
    ],
)
def test_bad_input_is_refused(names: list[str], costs: list[float], effects: list[float], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        incremental(names, costs, effects)


def test_an_unknown_reference_is_refused() -> None:
    with pytest.raises(ValueError, match='"C" is not among the strategies A, B'):
        pairwise(["A", "B"], [1, 2], [1, 2], "C")

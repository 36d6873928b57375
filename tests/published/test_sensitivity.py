"""One-way, two-way and threshold analysis on a published decision tree: sumatriptan or caffeine for migraine."""

from collections.abc import Mapping, Sequence

import numpy as np
import pytest

from markov.analysis.sensitivity.one_way import Bar, Factor, Member, bars, design
from markov.analysis.sensitivity.threshold import Question, search
from markov.analysis.sensitivity.two_way import Axis, Request, Totals, grid_design, summarise
from markov.terms import Array

from .known_answers import Case, assert_agrees, read_case

CASE: Case = read_case("sensitivity", "migraine_one_way")
BASE: Mapping[str, float] = CASE["inputs"]["parameters"]
RANGES: Mapping[str, Sequence[float]] = CASE["inputs"]["ranges"]
EXPECTED = CASE["expected"]


def arm(values: Mapping[str, Array | float], drug: str, relief: str, no_recurrence: str) -> tuple[Array, Array]:
    """Cost and QALYs of one arm of the tree, as the case file describes it."""
    cost, p_relief, p_stays = values[drug], values[relief], values[no_recurrence]
    admitted = values["p_admitted"]
    at_hospital = values["c_ed"] + admitted * values["c_admission"]
    total = cost + p_relief * (1 - p_stays) * cost + (1 - p_relief) * values["p_er"] * at_hospital
    relieved = p_stays * values["u_relief_norec"] + (1 - p_stays) * values["u_relief_rec"]
    at_er = (1 - admitted) * values["u_norelief_er"] + admitted * values["u_norelief_endures"]
    not_relieved = values["p_er"] * at_er + (1 - values["p_er"]) * values["u_norelief_endures"]
    utility = p_relief * relieved + (1 - p_relief) * not_relieved
    return np.asarray(total), np.asarray(utility / CASE["inputs"]["day_to_year"])


def tree(columns: Mapping[str, Array]) -> Totals:
    """Both arms for rows of values, caffeine as the reference."""
    values: dict[str, Array | float] = {**BASE, **columns}
    caffeine = arm(values, "c_caffeine", "p_caff_relief", "p_caff_norec")
    sumatriptan = arm(values, "c_sumatriptan", "p_suma_relief", "p_suma_norec")
    cost, qaly = (np.stack(np.broadcast_arrays(*pair), axis=-1) for pair in zip(caffeine, sumatriptan, strict=True))
    return Totals(("caffeine", "sumatriptan"), np.atleast_2d(cost), np.atleast_2d(qaly))


def factor(name: str) -> Factor:
    low, high = RANGES[name]
    return Factor(name, name, (Member(name, name, "", BASE[name], low, high),), {name: np.array([low, high])})


@pytest.fixture(scope="module")
def tornado() -> tuple[Bar, ...]:
    factors = [factor(name) for name in RANGES]
    return bars(tree(design(factors)), factors, [EXPECTED["base"]["icer"]])


def test_the_tree_is_the_published_one() -> None:
    totals, base = tree({}), EXPECTED["base"]
    assert_agrees(totals.cost[0], [base["cost_c"], base["cost_s"]], CASE)
    assert_agrees(totals.qaly[0] * CASE["inputs"]["day_to_year"], [base["utility_c"], base["utility_s"]], CASE)
    icer = float(np.diff(totals.cost[0])[0] / np.diff(totals.qaly[0])[0])
    assert icer == pytest.approx(CASE["published"]["icer"], rel=0.05)  # printed after rounding each figure


def test_both_ends_of_every_bar_have_the_published_ratios(tornado: Sequence[Bar]) -> None:
    found = {bar.factor.name: [bar.at_low.icer, bar.at_high.icer] for bar in tornado}
    assert found.keys() == EXPECTED["one_way_icer"].keys()
    for name, ratios in EXPECTED["one_way_icer"].items():
        assert_agrees([ratio for ratio in found[name] if ratio is not None], ratios, CASE, name)


def test_the_tornado_stands_in_the_published_order(tornado: Sequence[Bar]) -> None:
    # Published by width of the ICER; at a threshold equal to the base ICER net benefit stands in the same order,
    # because λΔE − ΔC = ΔE·(λ − ICER) and ΔE differs little between bars.
    widths = {bar.factor.name: abs((bar.at_high.icer or 0.0) - (bar.at_low.icer or 0.0)) for bar in tornado}
    assert sorted(widths, key=lambda name: -widths[name]) == EXPECTED["tornado_order"]
    assert [bar.factor.name for bar in tornado] == sorted(widths, key=lambda name: -swing_by_hand(name))


def swing_by_hand(name: str) -> float:
    gains = []
    for value in (*RANGES[name], BASE[name]):
        totals = tree({name: np.array([value])})
        delta_cost, delta_qaly = np.diff(totals.cost[0])[0], np.diff(totals.qaly[0])[0]
        gains.append(float(EXPECTED["base"]["icer"] * delta_qaly - delta_cost))
    return max(gains) - min(gains)


def side(name: str, values: Sequence[float]) -> Axis:
    return Axis(name, name, "", BASE[name], tuple(values))


def test_every_cell_of_the_grid_has_the_published_ratio_and_the_decision_it_implies() -> None:
    published = EXPECTED["two_way_icer_p_suma_relief_by_c_sumatriptan"]
    nodes = [tuple(map(float, key.split(","))) for key in published]
    first, second = (side(name, sorted({node[i] for node in nodes})) for i, name in enumerate(AXES))
    threshold = EXPECTED["base"]["icer"]
    grid = summarise(tree(grid_design(first, second)), first, second, [threshold], {}, "GBP")
    for (p, c), ratio in zip(nodes, published.values(), strict=True):
        i, j = first.values.index(p), second.values.index(c)
        delta_cost, delta_qaly = np.diff(grid.cost[i, j])[0], np.diff(grid.qaly[i, j])[0]
        assert_agrees(delta_cost / delta_qaly, ratio, CASE, f"{p}, {c}")
        assert grid.optimal[0][i][j] == ("sumatriptan" if ratio < threshold else "caffeine")


AXES = ("p_suma_relief", "c_sumatriptan")


def test_the_border_in_the_price_is_exact_because_net_benefit_is_linear_in_it() -> None:
    first, second = side(AXES[0], [0.5, 0.6]), side(AXES[1], [8.05, 24.15])
    threshold = 43678.535025724836  # the published ratio at a relief of 0.5 and a price of 16.1
    grid = summarise(tree(grid_design(first, second)), first, second, [threshold], {}, "GBP")
    (point,) = [point for point in grid.border if point.first == 0.5]
    assert point.second == pytest.approx(16.1, rel=1e-9)


@pytest.mark.parametrize(
    ("name", "low", "high", "ratio", "value"),
    [
        ("c_sumatriptan", 1.0, 40.0, 12654.819375151574, 8.05),
        ("c_sumatriptan", 1.0, 40.0, 46111.44970560931, 24.15),
        ("p_suma_relief", 0.42, 0.9, 58497.724292282, 0.47),
        ("p_suma_relief", 0.42, 0.9, 19632.194814462095, 0.647),
        ("u_norelief_endures", -0.9, 0.05, 33186.327727939824, -0.15),
        ("p_er", 0.0, 1.0, 28974.595219516497, 0.12),
    ],
)
def test_a_threshold_equal_to_a_published_ratio_is_met_at_the_value_that_gave_it(
    name: str, low: float, high: float, ratio: float, value: float
) -> None:
    def run(requests: Sequence[Request]) -> list[Totals]:
        return [tree({axis.id: values}) for axis, values in requests]

    question = Question(side(name, [low, high]), ratio, "sumatriptan", "caffeine")
    ((_, found),) = search(run, [question])
    assert len(found) == 1
    assert found[0] == pytest.approx(value, rel=1e-8)

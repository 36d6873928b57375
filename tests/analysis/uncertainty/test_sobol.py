"""The Sobol design and its indices: SALib's samples and definitions, factors of several parameters, a workbook's."""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy import stats

from markov.analysis.draws import random_draws, sampled
from markov.analysis.uncertainty.sobol import Output, Sobol, sobol, sobol_analysis, uncertain_factors
from markov.analysis.uncertainty.sobol_design import Factor, SobolRows, sobol_rows, uniform_factor
from markov.analysis.uncertainty.sobol_indices import Indices, resampled, sobol_indices, statement, weights_of
from markov.inputs.evidence import Correlation
from markov.inputs.parameters import Inputs, Strategy, with_values
from markov.model.evaluate import evaluate
from markov.terms import Array, Distribution

NORMAL = stats.norm.ppf


def uniforms(count: int) -> list[Factor]:
    return [uniform_factor(f"x{i}", lambda u: u) for i in range(count)]


def outputs(rows: SobolRows) -> Array:
    """A function with interactions of all its inputs."""
    x = np.stack(list(rows.columns().values()))
    return np.asarray(np.exp(x[0]) * (1.0 + x[1:].sum(axis=0)) + 3.0 * x[-1] ** 2 + 100.0)


def same_uniforms(factors: list[Factor], points: int, seed: int, *, second_order: bool = True) -> Array:
    """The design as SALib lays it out, (rows, parameters)."""
    columns = sobol_rows(factors, points, seed, second_order=second_order).columns()
    return np.stack([columns[key] for factor in factors for key in factor.parameters], axis=1)


def known(values: Array | None) -> Array:
    """Indices of an output that varies."""
    assert values is not None
    return values


def salib_problem(names: list[str], groups: list[str] | None = None) -> dict[str, Any]:
    problem: dict[str, Any] = {"num_vars": len(names), "names": names, "bounds": [[0.0, 1.0]] * len(names)}
    return problem | ({"groups": groups} if groups else {})


# SALib --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("second_order", [True, False])
@pytest.mark.parametrize("seed", [0, 7])
def test_the_design_is_that_of_salib_bit_for_bit(second_order: bool, seed: int) -> None:
    sampler = pytest.importorskip("SALib.sample.sobol")
    expected = sampler.sample(salib_problem(["x0", "x1", "x2"]), 32, calc_second_order=second_order, seed=seed)
    np.testing.assert_array_equal(same_uniforms(uniforms(3), 32, seed, second_order=second_order), expected)


@pytest.mark.parametrize("second_order", [True, False])
def test_a_factor_of_two_parameters_is_a_group_of_salib(second_order: bool) -> None:
    sampler = pytest.importorskip("SALib.sample.sobol")
    pair = Factor("pair", ("x1", "x2"), lambda u: {"x1": u[:, 0], "x2": u[:, 1]}, dimensions=2)
    first, last = uniforms(1)[0], uniform_factor("x3", lambda u: u)
    problem = salib_problem(["x0", "x1", "x2", "x3"], ["alone", "pair", "pair", "last"])
    expected = sampler.sample(problem, 16, calc_second_order=second_order, seed=3)
    np.testing.assert_array_equal(same_uniforms([first, pair, last], 16, 3, second_order=second_order), expected)


@pytest.mark.parametrize("second_order", [True, False])
def test_indices_and_intervals_are_those_of_salib(second_order: bool) -> None:
    analysis = pytest.importorskip("SALib.analyze.sobol")
    rows = sobol_rows(uniforms(5), 128, 3, second_order=second_order)
    y, names = outputs(rows), [factor.name for factor in rows.factors]
    expected = analysis.analyze(salib_problem(names), y, calc_second_order=second_order, num_resamples=60, seed=11)
    drawn = np.random.default_rng(11).integers(128, size=(128, 60)).T  # as SALib draws them
    blocks = [weights_of(drawn[:25], 128), weights_of(drawn[25:], 128)]
    found = sobol_indices("y", y, names, second_order=second_order, weights=blocks)
    compared = {
        "S1": found.first,
        "S1_conf": found.first_half_width,
        "ST": found.total,
        "ST_conf": found.total_half_width,
    }
    compared |= {"S2": found.second, "S2_conf": found.second_half_width} if second_order else {}
    for key, values in compared.items():
        np.testing.assert_allclose(known(values), expected[key], rtol=1e-12, atol=1e-12, err_msg=key)


def test_intervals_do_not_depend_on_how_resamples_are_cut_into_blocks() -> None:
    rows = sobol_rows(uniforms(3), 64, 1)
    weights = np.concatenate(list(resampled(64, 30, seed=5)))
    whole, cut = (
        sobol_indices("y", outputs(rows), ["a", "b", "c"], weights=blocks)
        for blocks in ([weights], np.array_split(weights, 7))
    )
    np.testing.assert_allclose(known(whole.second_half_width), known(cut.second_half_width), rtol=1e-12)
    np.testing.assert_allclose(weights.sum(axis=1), 1.0)


# The design ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("second_order", [True, False])
def test_a_block_is_a_part_of_the_whole_wherever_it_is_cut(second_order: bool) -> None:
    rows = sobol_rows(uniforms(4), 16, 1, second_order=second_order)
    whole = rows.columns()
    for start, stop in ((0, 1), (3, 29), (len(rows) - 5, len(rows)), (7, 7)):
        for key, column in rows.block(start, stop).items():
            np.testing.assert_array_equal(column, whole[key][start:stop])
    with pytest.raises(IndexError, match=f"of {len(rows)}"):
        rows.block(0, len(rows) + 1)


def test_each_row_says_which_factor_it_takes_from_the_other_sample() -> None:
    rows = sobol_rows(uniforms(2), 4, 1)
    assert [rows.where(row) for row in range(6)] == [
        "point 1 of sample A",
        "point 1 of sample A with x0 from B",
        "point 1 of sample A with x1 from B",
        "point 1 of sample B with x0 from A",
        "point 1 of sample B with x1 from A",
        "point 1 of sample B",
    ]
    a, ab0, ab1, ba0, ba1, b = (np.array([column[i] for column in rows.columns().values()]) for i in range(6))
    np.testing.assert_array_equal([ab0, ab1], [[b[0], a[1]], [a[0], b[1]]])
    np.testing.assert_array_equal([ba0, ba1], [[a[0], b[1]], [b[0], a[1]]])


def test_an_inverse_distribution_is_asked_for_two_values_a_point_whatever_the_number_of_rows() -> None:
    asked: list[int] = []

    def inverse(u: Array) -> Array:
        asked.append(len(u))
        return u

    rows = sobol_rows([uniform_factor("a", inverse), *uniforms(9)], 32, 1)
    rows.columns()
    assert (sum(asked), len(rows)) == (2 * 32, 22 * 32)


@pytest.mark.parametrize(
    ("factors", "points", "words"),
    [
        (uniforms(2), 1000, "power of two of points, such as 1024; found 1000"),
        (uniforms(2), 1, "power of two"),
        ([], 64, "at least one factor"),
        ([*uniforms(1), *uniforms(1)], 64, "named twice: x0, x0"),
        ([uniforms(1)[0], Factor("other", ("x0",), lambda u: {"x0": u[:, 0]})], 64, "values to one parameter: x0, x0"),
    ],
)
def test_a_design_that_cannot_be_is_refused(factors: list[Factor], points: int, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        sobol_rows(factors, points, 1)


def test_a_design_and_an_analysis_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="48 rows do not fit 3 factors, which need a multiple of 5"):
        sobol_indices("y", np.arange(48.0), ["a", "b", "c"], second_order=False)
    with pytest.raises(ValueError, match=r"y has shape \(3,\), but the design has 24 rows"):
        sobol(uniforms(2), lambda rows: {"y": Output(np.zeros(3))}, 4)


# Factors of several parameters --------------------------------------------------------------------------------------


def first_order(factors: list[Factor], function: Any, points: int = 4096) -> Indices:
    def model(rows: SobolRows) -> Mapping[str, Output]:
        return {"y": Output(function(rows.columns()))}

    return sobol(factors, model, points, second_order=False, resamples=50).of("y")


def test_parameters_that_move_together_are_one_factor() -> None:
    # a and b share a uniform: y = a + b + c has the variances 4/12 and 1/12.
    together = Factor("a and b", ("a", "b"), lambda u: {"a": u[:, 0], "b": u[:, 0]})
    found = first_order([together, uniform_factor("c", lambda u: u)], lambda x: x["a"] + x["b"] + x["c"])
    for values in (known(found.first), known(found.total)):
        assert values.tolist() == pytest.approx([0.8, 0.2], abs=5e-3)


def test_correlated_parameters_are_one_factor_with_the_variance_of_their_sum() -> None:
    # Normal a and b with correlation −0.6, and c: the block's variance is 2 − 1.2 = 0.8 of 1.8.
    root = np.linalg.cholesky(np.array([[1.0, -0.6], [-0.6, 1.0]]))

    def values(u: Array) -> dict[str, Array]:
        a, b = root @ NORMAL(u).T
        return {"a": a, "b": b}

    block = Factor("a + b", ("a", "b"), values, dimensions=2)
    found = first_order([block, uniform_factor("c", NORMAL)], lambda x: x["a"] + x["b"] + x["c"])
    assert known(found.first).tolist() == pytest.approx([0.8 / 1.8, 1.0 / 1.8], abs=5e-3)


def test_rounding_is_no_variance() -> None:
    # A difference of totals near 1e5 that differ in the last digit only: 1e-11 of rounding, and a factor drives it.
    total = 123456.7
    found = sobol(
        uniforms(2),
        lambda rows: {"delta": Output((total + 1e-11 * rows.columns()["x0"]) - total, scale=total)},
        64,
    )
    assert found.of("delta").first is None and found.statements == (None,)


# The statement ------------------------------------------------------------------------------------------------------


def indices(first: list[float], total: list[float], width: float, half: list[float] | None = None) -> Indices:
    widths = np.full(len(first), width)
    names = tuple("abcdefgh"[: len(first)])
    kept = (np.array(first), widths, np.array(total), widths)
    return Indices("y", names, 0.0, 1.0, *kept, half_total=np.array(total if half is None else half))


def test_a_converged_analysis_says_so_with_the_share_of_interactions() -> None:
    said = statement(indices([0.6, 0.3], [0.65, 0.35], 0.02))
    assert said is not None and said.is_converged
    assert (said.sum_first, said.interactions, said.widest_total) == pytest.approx((0.9, 0.1, 0.02))
    assert said.words.startswith("First-order indices sum to 0.90: 10% of the variance is from interactions.")
    assert said.words.endswith("Converged.")


def test_first_order_indices_above_one_leave_nothing_to_say_of_interactions() -> None:
    said = statement(indices([0.9, 0.15], [0.9, 0.15], 0.02))
    assert said is not None and "sum to 1.05: above 1 by chance" in said.words


def test_an_index_of_nothing_may_exceed_its_total_by_nothing() -> None:
    said = statement(indices([0.9, 1.2e-5], [0.9, 2e-8], 1e-6))
    assert said is not None and said.below_first == ()


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (indices([0.6, 0.3], [0.65, 0.35], 0.06), "known to ± 0.060"),
        (indices([0.6, 0.3], [0.5, 0.35], 0.02), "Total below first order beyond chance: a."),
        (indices([0.6, 0.3], [0.65, 0.35], 0.02, [0.3, 0.5]), "Changed rank at half the points: a."),
    ],
)
def test_what_keeps_an_analysis_from_converging_is_named(found: Indices, words: str) -> None:
    said = statement(found)
    assert said is not None and not said.is_converged
    assert words in said.words and said.words.endswith("Not converged: more points are needed.")


def test_factors_whose_intervals_overlap_may_trade_ranks() -> None:
    said = statement(indices([0.5, 0.45], [0.5, 0.48], 0.02, [0.47, 0.51]))
    assert said is not None and said.unstable == ()


def test_more_points_converge_and_few_do_not() -> None:
    def run(points: int) -> Sobol:
        return sobol(uniforms(3), lambda rows: {"y": Output(outputs(rows))}, points, resamples=100)

    said = [run(points).statements[0] for points in (16, 4096)]
    assert [one.is_converged for one in said if one is not None] == [False, True]


def test_factors_are_ranked_by_total_index_and_pairs_by_second_order() -> None:
    def model(rows: SobolRows) -> dict[str, Output]:
        x = {key: column - 0.5 for key, column in rows.columns().items()}
        return {"y": Output(x["x1"] + 0.1 * x["x0"] + 6.0 * x["x0"] * x["x2"])}

    found = sobol(uniforms(3), model, 1024, resamples=10).of("y")
    assert found.pairs[0] == (0, 2)
    assert found.ranking[-1] == 1 and math.isnan(known(found.second)[2, 0])


# The workbook -------------------------------------------------------------------------------------------------------


def with_copy(inputs: Inputs, strategy: str, copy: str) -> Inputs:
    """The same inputs with a strategy more that has everything of another one."""
    parameters = dict(inputs.parameters)
    for key, parameter in inputs.parameters.items():
        if key.endswith(f".{strategy}"):
            copied = f"{key.removesuffix(strategy)}{copy}"
            parameters[copied] = replace(parameter, id=copied)
    return replace(inputs, strategies=(*inputs.strategies, Strategy(copy, copy)), parameters=parameters, scenarios=())


def test_every_drawn_parameter_belongs_to_one_factor(calgb: Inputs) -> None:
    named = [key for factor in uncertain_factors(calgb) for key in factor.parameters]
    assert sorted(named) == sorted(parameter.id for parameter in sampled(calgb))


def test_a_group_is_one_factor_and_has_the_distributions_of_the_random_draws(calgb: Inputs) -> None:
    group = next(factor for factor in uncertain_factors(calgb) if factor.name == "group utility_pf")
    middles = (np.arange(2000) + 0.5) / 2000
    drawn = random_draws(calgb, 20_000, seed=1).columns()
    for key, column in group.values(middles[:, None]).items():
        assert (np.diff(column) > 0).all()  # one uniform: both rise with it
        error = column.std() / math.sqrt(20_000)
        assert column.mean() == pytest.approx(drawn[key].mean(), abs=4.0 * error)
        assert column.std() == pytest.approx(drawn[key].std(), rel=0.03)


def test_correlated_parameters_of_a_workbook_are_one_factor_with_that_correlation(calgb: Inputs) -> None:
    pair = Correlation("os.median.no_maintenance", "os.shape.no_maintenance", -0.7)
    free = uncertain_factors(replace(calgb, correlations=()))
    factors = uncertain_factors(replace(calgb, correlations=(pair,)))
    block = next(factor for factor in factors if factor.dimensions == 2)
    assert set(block.parameters) == {pair.first, pair.second}
    assert len(factors) == len(free) - 1
    u = stats.qmc.Sobol(2, seed=1).random(4096)
    median, shape = (block.values(u)[key] for key in (pair.first, pair.second))
    ranks = stats.spearmanr(median, shape).statistic
    assert ranks == pytest.approx(6.0 / math.pi * math.asin(-0.7 / 2.0), abs=0.02)  # of a Gaussian copula
    alone = {factor.name: factor for factor in free}
    for key, column in ((pair.first, median), (pair.second, shape)):
        np.testing.assert_allclose(np.sort(column).mean(), alone[key].values(u[:, :1])[key].mean(), rtol=2e-3)


def test_outputs_are_differences_from_the_reference_at_each_threshold_and_never_the_ratio(calgb: Inputs) -> None:
    found = sobol_analysis(calgb, 4, second_order=False, resamples=10, seed=3)
    names = ["net_benefit.25000", "net_benefit.35000", "delta_cost", "delta_qaly", "delta_life_years"]
    assert [one.output for one in found.indices] == [f"{name}.lenalidomide" for name in names]
    rows = sobol_rows(uncertain_factors(calgb), 4, 3, second_order=False)
    outcomes = evaluate(calgb, rows.columns())
    assert found.rows == len(rows) == outcomes.runs
    cost, qaly = (values[:, 1] - values[:, 0] for values in (outcomes.cost, outcomes.qaly))
    direct = sobol_indices(
        "nb", 25000.0 * qaly - cost, [f.name for f in rows.factors], second_order=False, resamples=10
    )
    np.testing.assert_allclose(known(found.of("net_benefit.25000.lenalidomide").total), known(direct.total), rtol=1e-9)
    life_years = outcomes.life_year[:, 1] - outcomes.life_year[:, 0]
    both = np.concatenate([life_years.reshape(4, -1)[:, 0], life_years.reshape(4, -1)[:, -1]])
    assert found.of("delta_life_years.lenalidomide").variance == pytest.approx(both.var(), rel=1e-9)


def test_blocks_of_rows_give_the_same_indices(calgb: Inputs) -> None:
    rows = sobol_rows(uncertain_factors(calgb), 4, 1, second_order=False)
    pieces: list[Array] = []
    evaluate(calgb, rows, block=37, sink=lambda start, outcomes: pieces.append(outcomes.cost))
    np.testing.assert_allclose(np.concatenate(pieces), evaluate(calgb, rows.columns()).cost, rtol=1e-12)


def test_with_three_strategies_there_is_a_margin_of_the_best_over_the_second(calgb: Inputs) -> None:
    # The third omits half of the packs without loss: second to no maintenance at both thresholds, by far.
    three = with_copy(calgb, "lenalidomide", "cheaper")
    three = with_values(three, {"dose.relative_intensity.cheaper": 0.5})
    found = sobol_analysis(three, 4, second_order=False, resamples=10)
    assert dict(found.margins) == {f"margin.{t}": ("no_maintenance", "cheaper") for t in (25000, 35000)}
    against = found.of("net_benefit.25000.cheaper")
    margin = found.of("margin.25000")
    np.testing.assert_allclose(known(margin.total), known(against.total), rtol=1e-9)
    assert margin.mean == pytest.approx(-against.mean)


def test_one_strategy_has_no_difference_to_explain(calgb: Inputs) -> None:
    alone = with_values(calgb, {"strategy.included.lenalidomide": "no"})
    with pytest.raises(ValueError, match="only one is compared"):
        sobol_analysis(alone, 4)


def test_without_uncertain_parameters_there_is_nothing_to_explain(calgb: Inputs) -> None:
    parameters = {key: replace(p, distribution=Distribution.FIXED) for key, p in calgb.parameters.items()}
    with pytest.raises(ValueError, match="at least one factor"):
        sobol_analysis(replace(calgb, parameters=parameters), 4)


def test_a_factor_without_effect_on_an_output_has_indices_of_zero(calgb: Inputs) -> None:
    # Deaths follow the overall-survival curves here: no cost moves life-years.
    found = sobol_analysis(calgb, 16, second_order=False, resamples=10).of("delta_life_years.lenalidomide")
    place = found.factors.index("cost.event.death")
    assert (known(found.first)[place], known(found.total)[place]) == pytest.approx((0.0, 0.0), abs=1e-20)

"""The Sobol design and its indices: SALib's samples and definitions, factors of several parameters, a workbook's."""

import math
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from SALib.analyze import sobol as salib_analysis
from SALib.sample import sobol as salib_sampler
from scipy import stats

from markov.analysis.draws import random_draws
from markov.analysis.sources_of_uncertainty import sampled, sources_of_uncertainty
from markov.analysis.uncertainty import sobol_indices as estimator
from markov.analysis.uncertainty.sobol import Sobol, sobol
from markov.analysis.uncertainty.sobol_design import problem_of, sobol_rows
from markov.analysis.uncertainty.sobol_indices import Indices, Output, sobol_indices
from markov.inputs.evidence import Correlation
from markov.inputs.given_values import with_values
from markov.inputs.parameters import Inputs, Strategy
from markov.inputs.writing.template import shipped
from markov.model.evaluate import evaluate
from markov.terms import Array, Distribution
from tests.support.made_factors import Made, analysed, uniform_factor

NORMAL = stats.norm.ppf


def uniforms(count: int) -> list[Made]:
    return [uniform_factor(f"x{i}", lambda u: u) for i in range(count)]


def pair_of_uniforms() -> list[Made]:
    """Four parameters in three factors: the middle one has two uniforms of its own."""
    pair = Made("pair", ("x1", "x2"), lambda u: {"x1": u[:, 0], "x2": u[:, 1]}, dimensions=2)
    return [*uniforms(1), pair, uniform_factor("x3", lambda u: u)]


def function(columns: Mapping[str, Array]) -> Array:
    """A function with interactions of all its inputs."""
    x = np.stack(list(columns.values()))
    return np.asarray(np.exp(x[0]) * (1.0 + x[1:].sum(axis=0)) + 3.0 * x[-1] ** 2 + 100.0)


def known(values: Array | None) -> Array:
    """Indices of an output that varies."""
    assert values is not None
    return values


# SALib --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("second_order", [True, False])
@pytest.mark.parametrize("seed", [0, 7])
@pytest.mark.parametrize("factors", [uniforms(1), uniforms(3), pair_of_uniforms(), pair_of_uniforms()[1:2]])
def test_the_design_is_that_of_salib_bit_for_bit(factors: list[Made], second_order: bool, seed: int) -> None:
    rows = sobol_rows(factors, 32, seed, second_order=second_order)
    columns = np.stack(list(rows.columns().values()), axis=1)
    expected = salib_sampler.sample(problem_of(factors), 32, calc_second_order=second_order, seed=seed)
    if len(factors) == 1:  # SALib takes a single group for no groups at all: A and B are the same all the same
        expected = expected.reshape(32, -1, expected.shape[1])[:, [0, -1]]
        columns = columns.reshape(32, -1, columns.shape[1])[:, [0, -1]]
    np.testing.assert_array_equal(columns, expected)


def test_the_design_is_drawn_by_salib(monkeypatch: pytest.MonkeyPatch) -> None:
    right, asked = salib_sampler.sample, []

    def other(problem: dict[str, Any], points: int, **options: Any) -> Array:
        asked.append((problem["names"], points))
        return np.asarray(1.0 - right(problem, points, **options))

    before = sobol_rows(uniforms(2), 8, 1).columns()
    monkeypatch.setattr(salib_sampler, "sample", other)
    after = sobol_rows(uniforms(2), 8, 1).columns()
    assert asked == [(["x0", "x1"], 8)]
    for key, column in after.items():
        np.testing.assert_array_equal(column, 1.0 - before[key])


def test_a_workbooks_problem_is_one_that_salib_samples_and_analyses(calgb: Inputs) -> None:
    found = sobol(calgb, 4, second_order=False, resamples=10, seed=3)
    problem = found.problem
    assert problem["num_vars"] == len(problem["names"]) == sum(len(f.streams) for f in found.factors)
    assert list(dict.fromkeys(problem["groups"])) == [factor.name for factor in found.factors]
    sample = salib_sampler.sample(problem, 4, calc_second_order=False, seed=3)
    place = {name: i for i, name in enumerate(problem["names"])}
    drawn = {factor.name: factor.values([sample[:, place[key]] for key in factor.streams]) for factor in found.factors}
    outcomes = evaluate(calgb, {key: column for columns in drawn.values() for key, column in columns.items()})
    expected = salib_analysis.analyze(problem, np.diff(outcomes.qaly, axis=1)[:, 0], calc_second_order=False)
    total, first = found.to_df("delta_qaly.lenalidomide")
    theirs_total, theirs_first = expected.to_df()
    assert list(total.index) == list(theirs_total.index)
    np.testing.assert_allclose(total["ST"], theirs_total["ST"], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(first["S1"], theirs_first["S1"], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("second_order", [True, False])
@pytest.mark.parametrize("factors", [uniforms(5), pair_of_uniforms(), uniforms(2)])
def test_tables_are_those_of_salib_indices_and_intervals_to_twelve_digits(
    factors: list[Made], second_order: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = sobol_rows(factors, 128, 3, second_order=second_order)
    y, problem = function(rows.columns()), problem_of(factors)
    expected = salib_analysis.analyze(problem, y, calc_second_order=second_order, num_resamples=60, seed=11)
    drawn = np.random.default_rng(11).integers(128, size=(128, 60)).T  # as SALib draws them: a column a resample

    def as_salib(points: int, resamples: int, seed: int) -> Iterator[Array]:
        yield from (estimator._weights(drawn[part], points) for part in (slice(25), slice(25, None)))

    monkeypatch.setattr(estimator, "_resampled", as_salib)
    indices = sobol_indices(rows, {"y": Output(y)}, resamples=60, seed=11)
    found = Sobol(128, len(rows), 60, 11, tuple(factors), indices, {})
    assert set(found.to_salib("y")) == set(expected)
    for ours, theirs in zip(found.to_df(), expected.to_df(), strict=True):
        assert list(ours.index) == list(theirs.index) and list(ours.columns) == list(theirs.columns)
        np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("command", [["--help"], ["check", "BOOK"], ["run", "BOOK", "--base-only"]])
def test_commands_that_need_no_salib_do_not_import_it(command: list[str], tmp_path: Path) -> None:
    book = str(shipped("calgb_100104"))
    words = [sys.executable, "-X", "importtime", "-m", "markov", *(book if w == "BOOK" else w for w in command)]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-500:]
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines()}
    assert "markov" in imported and not imported & {"SALib", "pandas", "matplotlib"}


def test_an_output_that_does_not_vary_has_no_table() -> None:
    rows, indices = analysed(uniforms(2), lambda x: 0.0 * x["x0"] + 3.0, 8)
    found = Sobol(8, len(rows), 50, 1, tuple(rows.factors), (indices,), {})
    with pytest.raises(ValueError, match="y does not vary"):
        found.to_df()
    assert found.to_frame()["ST"].isna().all()


def test_intervals_do_not_depend_on_how_resamples_are_cut_into_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = analysed(uniforms(3), function, 64, resamples=30, seed=5)[1]
    monkeypatch.setattr(estimator, "WEIGHTS", 64 * 7)
    blocks = list(estimator._resampled(64, 30, seed=5))
    np.testing.assert_allclose(np.concatenate(blocks).sum(axis=1), 1.0)
    assert [len(block) for block in blocks] == [7, 7, 7, 7, 2]
    cut = analysed(uniforms(3), function, 64, resamples=30, seed=5)[1]
    np.testing.assert_allclose(known(whole.second_half_width), known(cut.second_half_width), rtol=1e-12)
    monkeypatch.setattr(estimator, "KEPT_WEIGHTS", 0)  # drawn again for every output
    again = analysed(uniforms(3), function, 64, resamples=30, seed=5)[1]
    np.testing.assert_array_equal(known(cut.second_half_width), known(again.second_half_width))


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
        ([uniforms(1)[0], Made("other", ("x0",), lambda u: {"x0": u[:, 0]})], 64, "values to one parameter: x0, x0"),
    ],
)
def test_a_design_that_cannot_be_is_refused(factors: list[Made], points: int, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        sobol_rows(factors, points, 1)


def test_an_output_that_does_not_fit_its_design_is_refused() -> None:
    with pytest.raises(ValueError, match=r"y has shape \(3,\), but the design has 24 rows"):
        analysed(uniforms(2), lambda x: np.zeros(3), 4)


# Factors of several parameters --------------------------------------------------------------------------------------


def test_parameters_that_move_together_are_one_factor() -> None:
    # a and b share a uniform: y = a + b + c has the variances 4/12 and 1/12.
    together = Made("a and b", ("a", "b"), lambda u: {"a": u[:, 0], "b": u[:, 0]})
    factors = [together, uniform_factor("c", lambda u: u)]
    _, found = analysed(factors, lambda x: x["a"] + x["b"] + x["c"], 4096, second_order=False)
    for values in (known(found.first), known(found.total)):
        assert values.tolist() == pytest.approx([0.8, 0.2], abs=5e-3)


def test_correlated_parameters_are_one_factor_with_the_variance_of_their_sum() -> None:
    # Normal a and b with correlation −0.6, and c: the block's variance is 2 − 1.2 = 0.8 of 1.8.
    root = np.linalg.cholesky(np.array([[1.0, -0.6], [-0.6, 1.0]]))

    def values(u: Array) -> dict[str, Array]:
        a, b = root @ NORMAL(u).T
        return {"a": a, "b": b}

    factors = [Made("a + b", ("a", "b"), values, dimensions=2), uniform_factor("c", NORMAL)]
    _, found = analysed(factors, lambda x: x["a"] + x["b"] + x["c"], 4096, second_order=False)
    assert known(found.first).tolist() == pytest.approx([0.8 / 1.8, 1.0 / 1.8], abs=5e-3)


def test_rounding_is_no_variance() -> None:
    # A difference of totals near 1e5 that differ in the last digit only: 1e-11 of rounding, and a factor drives it.
    total = 123456.7
    _, found = analysed(uniforms(2), lambda x: (total + 1e-11 * x["x0"]) - total, 64, scale=total)
    assert found.first is None and found.statement is None


# The statement ------------------------------------------------------------------------------------------------------


def indices(first: list[float], total: list[float], width: float, half: list[float] | None = None) -> Indices:
    widths = np.full(len(first), width)
    names = tuple("abcdefgh"[: len(first)])
    kept = (np.array(first), widths, np.array(total), widths)
    return Indices("y", names, 64, 0.0, 1.0, *kept, half_total=np.array(total if half is None else half))


def test_a_converged_analysis_says_so_with_the_share_of_interactions() -> None:
    said = indices([0.6, 0.3], [0.65, 0.35], 0.02).statement
    assert said is not None and said.is_converged
    assert (said.sum_first, said.interactions, said.widest_total) == pytest.approx((0.9, 0.1, 0.02))
    assert said.words.startswith("First-order indices sum to 0.90: 10% of the variance is from interactions.")
    assert said.words.endswith("Converged.")


def test_first_order_indices_above_one_leave_nothing_to_say_of_interactions() -> None:
    said = indices([0.9, 0.15], [0.9, 0.15], 0.02).statement
    assert said is not None and "sum to 1.05: above 1 by chance" in said.words


def test_an_index_of_nothing_may_exceed_its_total_by_nothing() -> None:
    said = indices([0.9, 1.2e-5], [0.9, 2e-8], 1e-6).statement
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
    said = found.statement
    assert said is not None and not said.is_converged
    assert words in said.words and said.words.endswith("Not converged at 64 points: about 128 would be enough.")


def test_factors_whose_intervals_overlap_may_trade_ranks() -> None:
    said = indices([0.5, 0.45], [0.5, 0.48], 0.02, [0.47, 0.51]).statement
    assert said is not None and said.unstable == ()


def test_more_points_converge_and_few_do_not() -> None:
    said = [analysed(uniforms(3), function, points, resamples=100)[1].statement for points in (16, 4096)]
    assert [one.is_converged for one in said if one is not None] == [False, True]


def test_factors_are_ranked_by_total_index_and_pairs_by_second_order() -> None:
    def model(columns: Mapping[str, Array]) -> Array:
        x = {key: column - 0.5 for key, column in columns.items()}
        return np.asarray(x["x1"] + 0.1 * x["x0"] + 6.0 * x["x0"] * x["x2"])

    _, found = analysed(uniforms(3), model, 1024, resamples=10)
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
    named = [key for factor in sources_of_uncertainty(calgb) for key in factor.parameters]
    assert sorted(named) == sorted(parameter.id for parameter in sampled(calgb))


def test_a_group_is_one_factor_and_has_the_distributions_of_the_random_draws(calgb: Inputs) -> None:
    group = next(factor for factor in sources_of_uncertainty(calgb) if factor.name == "group utility_pf")
    middles = (np.arange(2000) + 0.5) / 2000
    drawn = random_draws(calgb, 20_000, seed=1).columns()
    for key, column in group.values([middles]).items():
        assert (np.diff(column) > 0).all()  # one uniform: both rise with it
        error = column.std() / math.sqrt(20_000)
        assert column.mean() == pytest.approx(drawn[key].mean(), abs=4.0 * error)
        assert column.std() == pytest.approx(drawn[key].std(), rel=0.03)


def test_correlated_parameters_of_a_workbook_are_one_factor_with_that_correlation(calgb: Inputs) -> None:
    pair = Correlation("os.median.no_maintenance", "os.shape.no_maintenance", -0.7)
    free = sources_of_uncertainty(replace(calgb, correlations=()))
    factors = sources_of_uncertainty(replace(calgb, correlations=(pair,)))
    block = next(factor for factor in factors if len(factor.streams) == 2)
    assert set(block.parameters) == {pair.first, pair.second}
    assert len(factors) == len(free) - 1
    u = stats.qmc.Sobol(2, seed=1).random(4096)
    median, shape = (block.values(list(u.T))[key] for key in (pair.first, pair.second))
    ranks = stats.spearmanr(median, shape).statistic
    assert ranks == pytest.approx(6.0 / math.pi * math.asin(-0.7 / 2.0), abs=0.02)  # of a Gaussian copula
    alone = {factor.name: factor for factor in free}
    for key, column in ((pair.first, median), (pair.second, shape)):
        np.testing.assert_allclose(np.sort(column).mean(), alone[key].values([u[:, 0]])[key].mean(), rtol=2e-3)


def test_outputs_are_differences_from_the_reference_at_each_threshold_and_never_the_ratio(calgb: Inputs) -> None:
    found = sobol(calgb, 4, second_order=False, resamples=10, seed=3)
    names = ["net_benefit.25000", "net_benefit.35000", "delta_cost", "delta_qaly", "delta_life_years"]
    assert [one.output for one in found.indices] == [f"{name}.lenalidomide" for name in names]
    rows = sobol_rows(sources_of_uncertainty(calgb), 4, 3, second_order=False)
    outcomes = evaluate(calgb, rows.columns())
    assert found.rows == len(rows) == outcomes.runs
    cost, qaly = (values[:, 1] - values[:, 0] for values in (outcomes.cost, outcomes.qaly))
    (direct,) = sobol_indices(rows, {"nb": Output(25000.0 * qaly - cost)}, resamples=10, seed=1)
    np.testing.assert_allclose(known(found.of("net_benefit.25000.lenalidomide").total), known(direct.total), rtol=1e-9)
    life_years = outcomes.life_year[:, 1] - outcomes.life_year[:, 0]
    both = np.concatenate([life_years.reshape(4, -1)[:, 0], life_years.reshape(4, -1)[:, -1]])
    assert found.of("delta_life_years.lenalidomide").variance == pytest.approx(both.var(), rel=1e-9)


def test_blocks_of_rows_give_the_same_indices(calgb: Inputs) -> None:
    rows = sobol_rows(sources_of_uncertainty(calgb), 4, 1, second_order=False)
    pieces: list[Array] = []
    evaluate(calgb, rows, block=37, sink=lambda start, outcomes: pieces.append(outcomes.cost))
    np.testing.assert_allclose(np.concatenate(pieces), evaluate(calgb, rows.columns()).cost, rtol=1e-12)


def test_with_three_strategies_there_is_a_margin_of_the_best_over_the_second(calgb: Inputs) -> None:
    # The third omits half of the packs without loss: second to no maintenance at both thresholds, by far.
    three = with_copy(calgb, "lenalidomide", "cheaper")
    three = with_values(three, {"dose.relative_intensity.cheaper": 0.5})
    found = sobol(three, 4, second_order=False, resamples=10)
    assert dict(found.margins) == {f"margin.{t}": ("no_maintenance", "cheaper") for t in (25000, 35000)}
    against = found.of("net_benefit.25000.cheaper")
    margin = found.of("margin.25000")
    np.testing.assert_allclose(known(margin.total), known(against.total), rtol=1e-9)
    assert margin.mean == pytest.approx(-against.mean)


def test_one_strategy_has_no_difference_to_explain(calgb: Inputs) -> None:
    alone = with_values(calgb, {"strategy.included.lenalidomide": "no"})
    with pytest.raises(ValueError, match="only one is compared"):
        sobol(alone, 4)


def test_without_uncertain_parameters_there_is_nothing_to_explain(calgb: Inputs) -> None:
    parameters = {key: replace(p, distribution=Distribution.FIXED) for key, p in calgb.parameters.items()}
    with pytest.raises(ValueError, match="at least one factor"):
        sobol(replace(calgb, parameters=parameters), 4)


def test_a_factor_without_effect_on_an_output_has_indices_of_zero(calgb: Inputs) -> None:
    # Deaths follow the overall-survival curves here: no cost moves life-years.
    found = sobol(calgb, 16, second_order=False, resamples=10).of("delta_life_years.lenalidomide")
    place = found.factors.index("cost.event.death")
    assert (known(found.first)[place], known(found.total)[place]) == pytest.approx((0.0, 0.0), abs=1e-20)

"""Shares of one whole: their distribution, their streams, and the rules that a workbook of them keeps."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from markov.analysis.draws import random_draws, uniforms
from markov.analysis.sensitivity.one_way import factors
from markov.analysis.uncertainty.sobol import uncertain_factors
from markov.inputs.definitions.schema import match
from markov.inputs.dirichlet import Shares, share_groups, share_problems, split
from markov.inputs.evidence import Correlation
from markov.inputs.parameters import Inputs, Parameter
from markov.terms import Distribution

SIZE = 60.0
MEANS = {"a": 0.5, "b": 0.3, "c": 0.15}


def key(course: str) -> str:
    return f"subsequent.share.{course}.lenalidomide"


def row(course: str, mean: float, group: str = "lines", se: float | None = None) -> Parameter:
    found = match(key(course))
    assert found is not None
    error = math.sqrt(mean * (1.0 - mean) / (SIZE + 1.0)) if se is None else se
    kind = Distribution.DIRICHLET
    return Parameter(key(course), found[0], mean, "proportion", se=error, distribution=kind, group=group, cell="A1")


@pytest.fixture(scope="module")
def shared(calgb: Inputs) -> Inputs:
    rows = {key(course): row(course, mean) for course, mean in MEANS.items()}
    return replace(calgb, parameters={**calgb.parameters, **rows})


def test_shares_have_the_moments_of_a_dirichlet(shared: Inputs) -> None:
    draws = random_draws(shared, 40_000, seed=3).columns()
    x = np.stack([draws[key(course)] for course in MEANS])
    means = np.array(list(MEANS.values()))
    covariance = (np.diag(means) - np.outer(means, means)) / (SIZE + 1.0)
    np.testing.assert_allclose(x.mean(axis=1), means, atol=4 * math.sqrt(0.25 / SIZE / 40_000))
    np.testing.assert_allclose(np.cov(x), covariance, atol=1e-4)
    assert (x.sum(axis=0) < 1.0).all() and (x > 0.0).all()
    rest = 1.0 - x.sum(axis=0)
    assert stats.kstest(rest, stats.beta(SIZE * 0.05, SIZE * 0.95).cdf).pvalue > 1e-3


def test_shares_that_fill_the_whole_sum_to_one() -> None:
    group = Shares("g", ("a", "b"), (6.0, 4.0), 0.0)
    found = split(group, [np.array([0.2, 0.9]), np.array([0.5, 0.1])])
    np.testing.assert_allclose(found["a"] + found["b"], 1.0, rtol=1e-12)
    np.testing.assert_allclose(found["a"], stats.beta(6.0, 4.0).ppf([0.2, 0.9]), rtol=1e-9)


def test_more_shares_leave_other_draws_as_they_were(calgb: Inputs, shared: Inputs) -> None:
    before, after = (random_draws(inputs, 50, seed=1).columns() for inputs in (calgb, shared))
    assert set(before) < set(after)
    for name, column in before.items():
        np.testing.assert_array_equal(column, after[name])
    first = stats.beta(SIZE * 0.5, SIZE * 0.5).ppf(uniforms(1, key("a"), 0, 50))
    np.testing.assert_allclose(after[key("a")], first, rtol=1e-9)


def test_the_whole_is_one_factor_of_as_many_uniforms(shared: Inputs) -> None:
    factor = next(factor for factor in uncertain_factors(shared) if factor.name == "group lines")
    assert factor.parameters == tuple(key(course) for course in MEANS) and factor.dimensions == 3


def test_one_way_moves_one_share_and_the_others_fill_what_is_left(shared: Inputs) -> None:
    factor = next(factor for factor in factors(shared) if factor.name == key("a"))
    a, b, c = (factor.values[key(course)] for course in "abc")
    np.testing.assert_allclose(b / (1.0 - a), 0.6, rtol=1e-12)
    np.testing.assert_allclose((a + b + c)[2], 0.95, atol=0.01)
    assert [member.follows for member in factor.members] == [False, True, True]


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ([row("a", 0.7), row("b", 0.5)], "sum to more than 1"),
        ([row("a", 0.7, group="")], "has a dirichlet distribution but no group"),
        ([row("a", 0.5), replace(row("b", 0.2), se=None, low=0.1, high=0.3)], "no standard error"),
        ([row("a", 0.5), replace(row("b", 0.2), distribution="beta")], "mixes shares"),
        ([row("a", 0.5), row("b", 0.2, se=0.2)], "is not that of the group's sample"),
    ],
)
def test_shares_that_cannot_be_one_whole_are_named(calgb: Inputs, rows: list[Parameter], told: str) -> None:
    inputs = replace(calgb, parameters={parameter.id: parameter for parameter in rows})
    assert any(told in problem.rule for problem in share_problems(inputs))


def test_a_share_has_no_other_correlation(shared: Inputs) -> None:
    pair = Correlation(key("a"), "os.shape.no_maintenance", 0.4)
    found = list(share_problems(replace(shared, correlations=(pair,))))
    assert [problem for problem in found if "one is a share" in problem.rule]
    assert list(share_problems(shared)) == []


def test_the_sample_behind_the_shares_is_that_of_their_errors() -> None:
    (group,) = share_groups([row(course, mean) for course, mean in MEANS.items()])
    assert group.alphas == pytest.approx([SIZE * mean for mean in MEANS.values()])
    assert group.rest == pytest.approx(SIZE * 0.05)

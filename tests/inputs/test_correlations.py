"""Correlations: which parameters belong together, whether a matrix can be drawn from, and the nearest one that can."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import minimize

from markov.inputs.correlations import (
    advised,
    blocks,
    correlation_problems,
    is_positive_definite,
    nearest_correlation,
)
from markov.inputs.evidence import Correlation
from markov.inputs.parameters import Inputs
from markov.inputs.rules.between_values import problems
from markov.terms import Array

MEDIAN, SHAPE, RATIO = "os.median.no_maintenance", "os.shape.no_maintenance", "os.hazard_ratio.lenalidomide"
DEATH, FIXED = "cost.event.death", "settings.cycle_days"
HIGHAM = np.array([[1.0, 1.0, 0.0], [1.0, 1.0, 1.0], [0.0, 1.0, 1.0]])


def correlated(inputs: Inputs, *pairs: tuple[str, str, float]) -> Inputs:
    rows = [Correlation(a, b, r, place=f"a.xlsx, Correlations!C{i}") for i, (a, b, r) in enumerate(pairs, start=5)]
    return replace(inputs, correlations=tuple(rows))


def grouped(inputs: Inputs, group: str, *identifiers: str) -> Inputs:
    members = {key: replace(inputs.parameters[key], group=group) for key in identifiers}
    return replace(inputs, parameters={**inputs.parameters, **members})


# Matrices ------------------------------------------------------------------------------------------------------------


def test_the_nearest_matrix_is_the_published_one() -> None:
    # Higham 2002, IMA Journal of Numerical Analysis 22:329, section 4: 0.7607 and 0.1573.
    expected = [[1.0, 0.7607, 0.1573], [0.7607, 1.0, 0.7607], [0.1573, 0.7607, 1.0]]
    np.testing.assert_allclose(nearest_correlation(HIGHAM), expected, atol=5e-5)


def test_the_nearest_matrix_of_four_is_the_published_one() -> None:
    # Higham 2002, section 4: the matrix with 2 on its diagonal and −1 beside it.
    tridiagonal = 2.0 * np.eye(4) - np.eye(4, k=1) - np.eye(4, k=-1)
    a, b, c, d = -0.8084, 0.1916, 0.1068, -0.6562
    expected = [[1.0, a, b, c], [a, 1.0, d, b], [b, d, 1.0, a], [c, b, a, 1.0]]
    np.testing.assert_allclose(nearest_correlation(tridiagonal), expected, atol=5e-5)


def distance_by_search(matrix: Array, seed: int) -> float:
    """The smallest ‖A − X‖ over X = V Vᵀ with rows of length 1: found by descent, with no projection."""
    size = len(matrix)

    def distance(flat: Array) -> float:
        rows = flat.reshape(size, size)
        rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        return float(np.sum((matrix - rows @ rows.T) ** 2))

    start = np.random.default_rng(seed).normal(size=size * size)
    return float(np.sqrt(minimize(distance, start, method="BFGS", options={"gtol": 1e-9}).fun))


@pytest.mark.parametrize("seed", range(4))
def test_no_correlation_matrix_is_nearer(seed: int) -> None:
    size = 3 + seed % 2
    upper = np.triu(np.random.default_rng(seed).uniform(-1.0, 1.0, (size, size)), 1)
    matrix = np.eye(size) + np.sign(upper + upper.T) * np.abs(upper + upper.T) ** 0.3
    np.fill_diagonal(matrix, 1.0)
    nearest = nearest_correlation(matrix)
    assert np.linalg.eigvalsh(nearest)[0] > -1e-10
    np.testing.assert_allclose(np.diag(nearest), 1.0, atol=0)
    assert np.linalg.norm(matrix - nearest) == pytest.approx(distance_by_search(matrix, seed), abs=1e-5)


def test_a_possible_matrix_is_its_own_nearest() -> None:
    matrix = np.array([[1.0, 0.5, 0.2], [0.5, 1.0, -0.3], [0.2, -0.3, 1.0]])
    np.testing.assert_allclose(nearest_correlation(matrix), matrix, atol=1e-12)


def test_what_is_advised_can_be_typed_and_drawn_from() -> None:
    found = advised(HIGHAM)
    assert np.array_equal(found, found.round(4))
    np.linalg.cholesky(found)
    assert np.linalg.norm(found - nearest_correlation(HIGHAM)) < 0.01


@pytest.mark.parametrize(("correlation", "possible"), [(0.5, True), (0.999, True), (1.0, False), (-1.0, False)])
def test_a_pair_is_possible_short_of_1(correlation: float, possible: bool) -> None:
    assert is_positive_definite(np.array([[1.0, correlation], [correlation, 1.0]])) is possible


@pytest.mark.parametrize("matrix", [np.ones((2, 3)), np.array([[1.0, 0.2], [0.3, 1.0]])])
def test_what_is_no_symmetric_matrix_is_refused(matrix: Array) -> None:
    with pytest.raises(ValueError, match="square and symmetric"):
        is_positive_definite(matrix)


# Blocks --------------------------------------------------------------------------------------------------------------


def test_parameters_are_one_block_where_pairs_lead_from_one_to_the_next(calgb: Inputs) -> None:
    inputs = correlated(calgb, (SHAPE, MEDIAN, 0.4), (DEATH, "cost.event.spm_solid", 0.2), (RATIO, SHAPE, -0.3))
    inputs = grouped(inputs, "", DEATH, "cost.event.spm_solid")
    first, second = blocks(inputs)
    assert first.ids == (DEATH, "cost.event.spm_solid")
    assert second.ids == (RATIO, MEDIAN, SHAPE)
    np.testing.assert_array_equal(second.matrix, [[1.0, 0.0, -0.3], [0.0, 1.0, 0.4], [-0.3, 0.4, 1.0]])


def test_blocks_do_not_depend_on_the_order_of_rows_nor_of_the_two(calgb: Inputs) -> None:
    one = correlated(calgb, (SHAPE, MEDIAN, 0.4), (RATIO, SHAPE, -0.3))
    other = correlated(calgb, (SHAPE, RATIO, -0.3), (MEDIAN, SHAPE, 0.4))
    for a, b in zip(blocks(one), blocks(other), strict=True):
        assert a.ids == b.ids
        np.testing.assert_array_equal(a.matrix, b.matrix)


def test_no_rows_make_no_blocks(calgb: Inputs) -> None:
    assert blocks(replace(calgb, correlations=())) == ()


def test_a_group_is_one_member_of_a_block(calgb: Inputs) -> None:
    inputs = grouped(calgb, "curve", MEDIAN, SHAPE)
    ((ids, matrix),) = blocks(correlated(inputs, (MEDIAN, RATIO, 0.4), (SHAPE, RATIO, 0.4), (MEDIAN, SHAPE, 1.0)))
    assert ids == ("group curve", RATIO)
    np.testing.assert_array_equal(matrix, [[1.0, 0.4], [0.4, 1.0]])


# Rules ---------------------------------------------------------------------------------------------------------------


def test_possible_correlations_are_no_problem(calgb: Inputs) -> None:
    inputs = correlated(calgb, (SHAPE, MEDIAN, 0.4), (RATIO, SHAPE, -0.3))
    assert list(correlation_problems(inputs)) == []


def test_impossible_correlations_are_told_at_each_pair_with_the_nearest_that_can(calgb: Inputs) -> None:
    inputs = correlated(calgb, (MEDIAN, SHAPE, 0.9), (SHAPE, RATIO, 0.9), (MEDIAN, RATIO, -0.9))
    told = [problem for problem in problems(inputs) if not problem.warning]
    assert [problem.place for problem in told] == [f"a.xlsx, Correlations!C{row}" for row in (5, 6, 7)]
    for problem, value in zip(told, ("0.9", "0.9", "-0.9"), strict=True):
        assert problem.found == value
        assert "cannot all hold" in problem.rule
        assert "not positive definite" in problem.rule
    # By symmetry the three change alike, and 1, x, x, −x is on the edge where 1 − 3x² − 2x³ = 0: x = 0.5.
    shown = [float(problem.remedy.split(" has ")[1].split(" between ")[0]) for problem in told]
    assert shown == pytest.approx([0.5, 0.5, -0.5], abs=2e-3)
    assert np.linalg.eigvalsh([[1, shown[0], shown[2]], [shown[0], 1, shown[1]], [shown[2], shown[1], 1]])[0] > 0


def test_a_pair_without_a_row_is_named_where_the_nearest_matrix_has_it(calgb: Inputs) -> None:
    inputs = correlated(calgb, (MEDIAN, SHAPE, 0.999), (SHAPE, RATIO, 0.999))
    first, _ = (problem for problem in correlation_problems(inputs))
    assert "pairs without a row" in first.remedy
    assert f"between {RATIO} and {MEDIAN}" in first.remedy


def test_a_perfect_correlation_is_refused(calgb: Inputs) -> None:
    (problem,) = correlation_problems(correlated(calgb, (MEDIAN, SHAPE, 1.0)))
    assert not problem.warning
    assert "not positive definite" in problem.rule


def test_a_correlation_with_a_fixed_parameter_is_a_warning_and_has_no_effect(calgb: Inputs) -> None:
    inputs = correlated(calgb, (MEDIAN, FIXED, 0.3))
    (problem,) = correlation_problems(inputs)
    assert problem.warning
    assert f"{FIXED} is fixed" in problem.rule
    assert blocks(inputs) == ()


def test_members_of_a_group_have_a_correlation_of_1(calgb: Inputs) -> None:
    inputs = grouped(calgb, "curve", MEDIAN, SHAPE)
    (problem,) = correlation_problems(correlated(inputs, (MEDIAN, SHAPE, 0.6)))
    assert not problem.warning
    assert "of one group, curve" in problem.rule
    assert list(correlation_problems(correlated(inputs, (MEDIAN, SHAPE, 1.0)))) == []


def test_members_of_a_group_agree_on_their_correlation_with_others(calgb: Inputs) -> None:
    inputs = grouped(calgb, "curve", MEDIAN, SHAPE)
    (problem,) = correlation_problems(correlated(inputs, (MEDIAN, RATIO, 0.4), (SHAPE, RATIO, 0.3)))
    assert problem.place.endswith("C6")
    assert "two correlations" in problem.rule

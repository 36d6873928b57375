"""Sobol indices of functions whose indices are known exactly, through the product's own design and analysis."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
from scipy import stats

from markov.analysis.uncertainty.sobol import Output, Sobol, sobol
from markov.analysis.uncertainty.sobol_design import Factor, SobolRows, uniform_factor
from markov.terms import Array

from .known_answers import Case, read_case

POINTS = 4096
Values = Mapping[str, Array]


def ishigami(x: Values) -> Array:
    return np.sin(x["x1"]) + 7.0 * np.sin(x["x2"]) ** 2 + 0.1 * x["x3"] ** 4 * np.sin(x["x1"])


def g_function(x: Values) -> Array:
    a = [0.0, 1.0, 4.5, 9.0, 99.0, 99.0, 99.0, 99.0]
    return product((np.abs(4.0 * x[f"x{i}"] - 2.0) + size) / (1.0 + size) for i, size in enumerate(a, start=1))


def bratley(x: Values) -> Array:
    products = np.cumprod(np.stack([x[f"x{i}"] for i in range(1, 7)]), axis=0)
    return np.asarray(((-1.0) ** np.arange(1, 7)) @ products)


def genz(x: Values) -> Array:
    a, u = [1.5, 2.5, 0.8, 3.0], [0.3, 0.5, 0.7, 0.4]
    return product(1.0 / (size**-2 + (x[f"x{i}"] - u[i - 1]) ** 2) for i, size in enumerate(a, start=1))


def owen(mu: list[float], tau: list[float]) -> Callable[[Values], Array]:
    def function(x: Values) -> Array:
        scale = math.sqrt(12.0)
        return product(
            m + t * scale * (x[f"x{i}"] - 0.5) for i, (m, t) in enumerate(zip(mu, tau, strict=True), start=1)
        )

    return function


def linear(x: Values) -> Array:
    return np.asarray(sum(c * x[f"x{i}"] for i, c in enumerate([1.0, 2.0, 3.0, 0.0, -4.0], start=1)))


def net_benefit(x: Values) -> Array:
    toxicity = x["p_tox"] * (x["cost_tox"] + 30000.0 * x["disutility_tox"])
    return 30000.0 * x["utility"] * x["life_years_gained"] - x["drug_cost_year"] * x["years_on_drug"] - toxicity


def product(parts: Any) -> Array:
    return np.asarray(math.prod(parts))


FUNCTIONS: dict[str, Callable[[Values], Array]] = {
    "ishigami_7_01": ishigami,
    "sobol_g_8": g_function,
    "bratley_6": bratley,
    "genz_product_peak": genz,
    "owen_product_5": owen([1.0, 2.0, 1.0, 0.5, 1.0], [0.9, 0.4, 0.1, 0.6, 0.05]),
    "owen_product_6": owen([1.0] * 6, [1.0, 1.0, 0.5, 0.5, 0.25, 0.25]),
    "linear_normal": linear,
    "net_benefit_multilinear": net_benefit,
    "lognormal_product": lambda x: x["cost_year"] / (x["hazard"] * x["hazard_ratio"]),
    "discounted_life_years": lambda x: 1.0 / (x["hazard"] * x["hazard_ratio"] + 0.03),
}

every_function = pytest.mark.parametrize("name", FUNCTIONS)


def law(words: str) -> Callable[[Array], Array]:
    """The inverse of a distribution as a case writes it."""
    kind, inside = words.rstrip(")").split("(")
    first, second = (float(part.split()[-1].replace("pi", str(math.pi))) for part in inside.split(","))
    laws: dict[str, Callable[[Array], Any]] = {
        "U": lambda u: stats.uniform.ppf(u, first, second - first),
        "N": lambda u: stats.norm.ppf(u, first, second),
        "lognormal": lambda u: stats.lognorm.ppf(u, second, scale=math.exp(first)),
        "Beta": lambda u: stats.beta.ppf(u, first, second),
        "Gamma": lambda u: stats.gamma.ppf(u, first, scale=second),
    }
    return lambda u: np.asarray(laws[kind](u))


def factors(case: Case) -> list[Factor]:
    inputs = case["inputs"]
    return [
        uniform_factor(name, law(words)) for name, words in zip(inputs["names"], inputs["distributions"], strict=True)
    ]


def analysed(name: str, points: int = POINTS, *, second_order: bool = True) -> tuple[Case, Sobol]:
    case = read_case("sobol", name)
    function = FUNCTIONS[name]

    def model(rows: SobolRows) -> dict[str, Output]:
        return {"y": Output(function(rows.columns()))}

    return case, sobol(factors(case), model, points, second_order=second_order, resamples=200, seed=1)


@every_function
def test_first_and_total_indices_are_the_exact_ones(name: str) -> None:
    case, found = analysed(name, second_order=False)
    close, expected, indices = case["tolerance"]["abs_at_N_4096"], case["expected"], found.of("y")
    assert found.rows == POINTS * (len(found.factors) + 2)
    assert indices.first is not None and indices.total is not None
    np.testing.assert_allclose(indices.first, expected["S1"], atol=close, rtol=0.0)
    np.testing.assert_allclose(indices.total, expected["ST"], atol=close, rtol=0.0)
    assert indices.mean == pytest.approx(expected["mean"], abs=3e-3 * math.sqrt(expected["variance"]))
    assert indices.variance == pytest.approx(expected["variance"], rel=max(0.02, close))


@every_function
def test_second_order_indices_are_the_exact_ones(name: str) -> None:
    # The cases state no tolerance for pairs. A pair's estimator has the errors of its first-order indices in it, so
    # that three times their tolerance is allowed.
    case, found = analysed(name)
    second, expected = found.of("y").second, case["expected"]["S2"]
    assert second is not None and len(expected) == np.isfinite(second).sum()
    for key, value in expected.items():
        i, j = (int(part) - 1 for part in key.split(","))
        assert second[i, j] == pytest.approx(value, abs=3.0 * case["tolerance"]["abs_at_N_4096"]), key


@every_function
def test_nine_in_ten_intervals_hold_the_exact_index(name: str) -> None:
    # Intervals treat points as random, and those of a Sobol sequence err less: they are wide rather than narrow. A
    # bootstrap of a product of heavy tails (Owen's) is not, and is left with half.
    case, found = analysed(name, second_order=False)
    indices, expected = found.of("y"), case["expected"]
    assert indices.first is not None and indices.first_half_width is not None
    assert indices.total is not None and indices.total_half_width is not None
    off = np.abs(np.concatenate([indices.first - expected["S1"], indices.total - expected["ST"]]))
    held = np.mean(off <= np.concatenate([indices.first_half_width, indices.total_half_width]) + 1e-12)
    assert held >= (0.5 if name == "owen_product_6" else 0.9)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_one_output_that_is_not_finite_is_an_error_that_names_it(value: float) -> None:
    case = read_case("sobol", "non_finite_output")

    def model(rows: SobolRows) -> dict[str, Output]:
        y = rows.columns()["a"].copy()
        y[17] = value
        return {"net benefit": Output(y)}

    with pytest.raises(ValueError, match=rf"net benefit is {value} in row 17 \(point 3 of sample B\)"):
        sobol(factors(case), model, 64)


def test_an_output_that_does_not_vary_has_no_indices_and_says_so() -> None:
    case = read_case("sobol", "zero_variance_output")
    found = sobol(factors(case), lambda rows: {"y": Output(np.full(len(rows), 7.0))}, 64)
    indices = found.of("y")
    assert [indices.first, indices.total, indices.second] == [case["expected"]["S1"], case["expected"]["ST"], None]
    assert (indices.variance, indices.reason) == (0.0, "y does not vary: it has no indices")
    assert found.statements == (None,) and indices.ranking == () and indices.pairs == ()


@pytest.mark.parametrize("seed", [0, 1, 20240101])
def test_no_input_is_infinite_and_a_seed_gives_one_sample(seed: int) -> None:
    case = read_case("sobol", "unscrambled_sequence_contains_bounds")
    (factor,) = [uniform_factor("z", law(case["inputs"]["distributions"][0]))]
    seen: list[Array] = []

    def model(rows: SobolRows) -> dict[str, Output]:
        seen.append(rows.columns()["z"])
        return {"y": Output(seen[-1])}

    first, second = (sobol([factor], model, 256, seed=seed) for _ in range(2))
    assert np.isfinite(seen[0]).all()
    np.testing.assert_array_equal(seen[0], seen[1])
    np.testing.assert_array_equal(first.of("y").first_half_width, second.of("y").first_half_width)

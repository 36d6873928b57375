"""Sampling distributions against algebra, quadrature and published moments, and the rules on impossible ones."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.polynomial.legendre import leggauss
from scipy import special, stats

from markov.inputs.definitions.schema import Quantity, match
from markov.inputs.distributions import EDGE, distribution_problems, interval, inverse, is_certain
from markov.inputs.parameters import Inputs, Parameter, Value
from markov.inputs.problems import Problem
from markov.inputs.rules import between_values
from markov.terms import Array, Distribution
from tests.published.known_answers import assert_agrees, read_case
from tests.support.made_inputs import changed

unhurried = settings(deadline=None, max_examples=150)  # a busy machine is not a failure
QUARTILES = np.array([0.25, 0.5, 0.75])
Z = 1.959963984540054
SPAN = np.linspace(0.0, 1.0, 2001)
WIDE = "subsequent.cost.new"  # 0 to 1e8: hard limits that do not bite
DECREMENT = "utility.treatment_decrement.new"  # −1 to 0


def parameter(
    distribution: str,
    value: Value,
    *,
    identifier: str = WIDE,
    se: float | None = None,
    low: float | None = None,
    high: float | None = None,
) -> Parameter:
    found = match(identifier)
    assert found is not None, identifier
    return Parameter(identifier, found[0], value, distribution=distribution, se=se, low=low, high=high)


def mean_and_sd(of: Parameter) -> tuple[float, float]:
    """∫ x(u) du by Gauss–Legendre on a grid that closes in on both tails: no draws, so no noise."""
    nodes, weights = leggauss(40)
    tail = 0.5 ** np.arange(1, 54)
    edges = np.concatenate([[0.0], tail[::-1], 1.0 - tail[1:], [1.0]])
    half, middle = np.diff(edges) / 2.0, (edges[1:] + edges[:-1]) / 2.0
    values = inverse(of)(middle[:, None] + half[:, None] * nodes)
    weight = half[:, None] * weights
    mean = float(np.sum(weight * values))
    return mean, math.sqrt(float(np.sum(weight * (values - mean) ** 2)))


def found(of: Parameter) -> list[Problem]:
    return list(distribution_problems(of, "a.xlsx, Costs!C3"))


# Published moments ---------------------------------------------------------------------------------------------------

CASE = read_case("calibration", "moment_matching")
ROWS = {f"{row['dist']} {row.get('mean', '')}".strip(): row for row in CASE["expected"]}


@pytest.mark.parametrize("name", ["gamma 5294", "beta 0.85", "beta 0.30", "lognormal_mean_se 12000"])
def test_mean_and_error_give_the_published_percentiles(name: str) -> None:
    row = ROWS[name]
    family = {"lognormal_mean_se": "log_normal"}.get(row["dist"], row["dist"])
    drawn = inverse(parameter(family, float(row["mean"]), se=float(row["se"])))
    assert_agrees(drawn(np.array([0.025, 0.5, 0.975])), row["q"], CASE, name)


@pytest.mark.parametrize("name", ["gamma 5294", "beta 0.85", "beta 0.30", "lognormal_mean_se 12000"])
def test_mean_and_error_give_the_published_parameters(name: str) -> None:
    row = ROWS[name]
    if row["dist"] == "gamma":
        expected = row["scale"] * special.gammaincinv(row["shape"], QUARTILES)
    elif row["dist"] == "beta":
        expected = special.betaincinv(row["alpha"], row["beta"], QUARTILES)
    else:
        expected = np.exp(row["meanlog"] + row["sdlog"] * special.ndtri(QUARTILES))
    family = {"lognormal_mean_se": "log_normal"}.get(row["dist"], row["dist"])
    assert_agrees(inverse(parameter(family, float(row["mean"]), se=float(row["se"])))(QUARTILES), expected, CASE, name)


def test_a_published_ratio_is_the_median_and_its_interval_gives_the_spread_of_the_log() -> None:
    row = ROWS["lognormal_ci"]
    point, low, high = (float(row[key]) for key in ("point", "lower", "upper"))
    ratio = parameter("log_normal", point, identifier="os.hazard_ratio.new", low=low, high=high)
    logs = np.log(inverse(ratio)(special.ndtr(np.array([0.0, 1.0]))))
    assert_agrees(logs[0], row["meanlog_from_point"], CASE, "mean of the log")
    assert_agrees(logs[1] - logs[0], row["sdlog"], CASE, "its standard deviation")
    assert_agrees(mean_and_sd(ratio)[0], row["mean_of_distribution"], CASE, "mean")


def test_two_events_among_a_hundred_patients_are_a_beta_of_2_and_98() -> None:
    row = ROWS["beta_counts 0.02"]
    share = parameter("beta", row["mean"], se=row["sd"], identifier="spm.proportion.new")
    expected = special.betaincinv(float(row["alpha"]), float(row["beta"]), QUARTILES)
    assert_agrees(inverse(share)(QUARTILES), expected, CASE)


def test_an_impossible_beta_is_a_problem_before_a_run_and_refused_in_one() -> None:
    row = ROWS["beta 0.5"]
    assert row["alpha"] is None
    share = parameter("beta", float(row["mean"]), se=float(row["se"]), identifier="spm.proportion.new")
    assert [problem.warning for problem in found(share)] == [False]
    with pytest.raises(ValueError, match=r"no beta distribution of spm\.proportion\.new has mean 0\.5"):
        inverse(share)


# Algebra -------------------------------------------------------------------------------------------------------------


@unhurried
@given(
    st.sampled_from(["normal", "log_normal", "gamma"]),
    st.floats(1.0, 1e5),
    st.floats(0.01, 0.15),  # beyond, the part of a normal below 0 begins to count
)
def test_value_and_standard_error_are_mean_and_standard_deviation(family: str, mean: float, relative: float) -> None:
    assert mean_and_sd(parameter(family, mean, se=mean * relative)) == pytest.approx((mean, mean * relative), rel=1e-6)


@unhurried
@given(st.floats(0.02, 0.98), st.floats(0.02, 0.6))
def test_mean_and_error_of_a_proportion_are_those_of_its_beta(mean: float, fraction: float) -> None:
    se = fraction * math.sqrt(mean * (1.0 - mean))
    share = parameter("beta", mean, se=se, identifier="spm.proportion.new")
    assert mean_and_sd(share) == pytest.approx((mean, se), rel=1e-5)


@pytest.mark.parametrize("family", ["normal", "gamma", "beta", "truncated_normal"])
def test_limits_stand_in_for_an_error_that_is_not_given(family: str) -> None:
    from_limits = parameter(family, 0.4, low=0.3, high=0.5, identifier="spm.proportion.new")
    from_error = replace(from_limits, low=None, high=None, se=0.2 / (2.0 * Z))
    np.testing.assert_allclose(inverse(from_limits)(QUARTILES), inverse(from_error)(QUARTILES), rtol=1e-12)


@pytest.mark.parametrize("family", ["normal", "gamma", "beta", "truncated_normal"])
def test_an_error_goes_before_limits(family: str) -> None:
    both = parameter(family, 0.4, se=0.05, low=0.1, high=0.9, identifier="spm.proportion.new")
    alone = replace(both, low=None, high=None)
    assert inverse(both)(QUARTILES).tolist() == inverse(alone)(QUARTILES).tolist()
    assert interval(both)[0] > 0.25


def test_limits_go_before_the_error_of_a_log_normal() -> None:
    both = parameter("log_normal", 2.0, se=9.0, low=1.0, high=4.0)
    assert inverse(both)(QUARTILES).tolist() == inverse(replace(both, se=None))(QUARTILES).tolist()


def test_one_limit_alone_leaves_the_error_of_a_log_normal() -> None:
    one = parameter("log_normal", 2.0, se=0.5, low=1.0)
    assert inverse(one)(QUARTILES).tolist() == inverse(replace(one, low=None))(QUARTILES).tolist()


def test_the_interval_of_a_log_normal_with_symmetric_limits_is_those_limits() -> None:
    assert interval(parameter("log_normal", 2.0, low=1.0, high=4.0)) == pytest.approx((1.0, 4.0), rel=1e-12)


def test_the_interval_of_a_normal_is_its_value_and_1_96_errors() -> None:
    expected = (100.0 - Z * 10.0, 100.0 + Z * 10.0)
    assert interval(parameter("normal", 100.0, se=10.0)) == pytest.approx(expected, rel=1e-12)


def test_the_interval_of_a_fixed_value_is_that_value() -> None:
    assert interval(parameter("fixed", 100.0, low=50.0, high=150.0)) == (100.0, 100.0)


def test_a_uniform_runs_evenly_from_limit_to_limit() -> None:
    level = parameter("uniform", 3.0, low=2.0, high=6.0)
    np.testing.assert_allclose(inverse(level)(np.array([0.1, 0.5, 0.9])), [2.4, 4.0, 5.6], rtol=1e-14)


@unhurried
@given(st.floats(0.0, 1.0), st.floats(0.01, 0.99))
def test_a_triangular_undoes_its_own_distribution_function(position: float, u: float) -> None:
    low, high = 10.0, 14.0
    mode = low + (high - low) * position
    x = float(inverse(parameter("triangular", mode, low=low, high=high))(np.array([u]))[0])
    if x < mode:
        assert (x - low) ** 2 / ((high - low) * (mode - low)) == pytest.approx(u, abs=1e-12)
    else:
        assert 1.0 - (high - x) ** 2 / ((high - low) * (high - mode)) == pytest.approx(u, abs=1e-12)


def test_the_mean_of_a_triangular_is_that_of_its_three_corners() -> None:
    low, mode, high = 1.0, 2.0, 6.0
    mean, sd = mean_and_sd(parameter("triangular", mode, low=low, high=high))
    variance = (low**2 + mode**2 + high**2 - low * mode - low * high - mode * high) / 18.0
    assert (mean, sd) == pytest.approx((3.0, math.sqrt(variance)), rel=1e-6)


@pytest.mark.parametrize("family", ["gamma", "log_normal", "beta"])
def test_a_decrement_has_the_mirror_image_of_the_positive_distribution(family: str) -> None:
    loss = parameter(family, -0.1, se=0.03, identifier=DECREMENT)
    gain = parameter(family, 0.1, se=0.03)
    np.testing.assert_allclose(inverse(loss)(QUARTILES), -inverse(gain)(QUARTILES)[::-1], rtol=1e-12)
    assert mean_and_sd(loss) == pytest.approx((-0.1, 0.03), rel=1e-6)


def test_limits_below_zero_are_mirrored_too() -> None:
    loss = parameter("log_normal", -0.02, low=-0.04, high=-0.01, identifier=DECREMENT)
    assert interval(loss) == pytest.approx((-0.04, -0.01), rel=1e-12)


# Hard limits ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", ["truncated_normal", "normal"])
def test_a_normal_is_conditioned_on_what_the_parameter_can_be(family: str) -> None:
    # Mean of a normal given that it is below b: m − s φ(β)/Φ(β), β = (b − m)/s; its variance
    # s² [1 − β φ(β)/Φ(β) − (φ(β)/Φ(β))²]. The far limit at −1 is 48 errors away.
    m, s = -0.03, 0.02
    beta = (0.0 - m) / s
    ratio = math.exp(-(beta**2) / 2.0) / math.sqrt(2.0 * math.pi) / float(special.ndtr(beta))
    expected = (m - s * ratio, s * math.sqrt(1.0 - beta * ratio - ratio**2))
    assert mean_and_sd(parameter(family, m, se=s, identifier=DECREMENT)) == pytest.approx(expected, rel=1e-6)


SIGMA = math.sqrt(math.log1p(0.25))  # of a log-normal whose standard error is half its mean
CUT = [  # a quantity from 0.2 to 0.9, where every family loses something at both ends
    (parameter("normal", 0.6, se=0.3), stats.norm(0.6, 0.3)),
    (parameter("truncated_normal", 0.6, se=0.3), stats.norm(0.6, 0.3)),
    (parameter("log_normal", 0.6, se=0.3), stats.lognorm(SIGMA, scale=0.6 * math.exp(-(SIGMA**2) / 2.0))),
    (parameter("beta", 0.6, se=0.3), stats.beta(1.0, 2.0 / 3.0)),
    (parameter("gamma", 0.6, se=0.3), stats.gamma(4.0, scale=0.15)),
    (parameter("uniform", 0.6, low=0.1, high=2.0), stats.uniform(0.1, 1.9)),
    (parameter("triangular", 0.6, low=0.1, high=2.0), stats.triang(0.5 / 1.9, 0.1, 1.9)),
]


@pytest.mark.parametrize(("of", "whole"), CUT, ids=lambda of: getattr(of, "distribution", ""))
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_every_family_is_conditioned_on_the_hard_limits_it_crosses(
    of: Parameter, whole: stats.rv_continuous, sign: float
) -> None:
    low, high = sorted((0.2 * sign, 0.9 * sign))
    definition = replace(of.definition, quantity=Quantity({"number": 1.0}, low, high))
    limits = [None if limit is None else sign * limit for limit in (of.low, of.high)]
    cut = replace(of, definition=definition, value=0.6 * sign)
    cut = replace(cut, low=limits[0 if sign > 0.0 else 1], high=limits[1 if sign > 0.0 else 0])
    drawn = sign * inverse(cut)(SPAN[1:-1])
    within = (whole.cdf(drawn) - whole.cdf(0.2)) / (whole.cdf(0.9) - whole.cdf(0.2))
    np.testing.assert_allclose(within if sign > 0.0 else 1.0 - within, SPAN[1:-1], atol=1e-12)


def test_draws_at_a_limit_are_not_piled_up_there() -> None:
    drawn = inverse(parameter("truncated_normal", -0.03, se=0.02, identifier=DECREMENT))(SPAN[1:-1])
    assert len(np.unique(drawn)) == len(drawn)


FEASIBLE = [
    parameter("normal", -0.9, se=0.3, identifier=DECREMENT),
    parameter("truncated_normal", -0.01, se=0.5, identifier=DECREMENT),
    parameter("gamma", -0.9, se=0.4, identifier=DECREMENT),
    parameter("log_normal", -0.9, se=0.4, identifier=DECREMENT),
    parameter("beta", -0.9, se=0.1, identifier=DECREMENT),
    parameter("beta", 0.01, se=0.05, identifier="spm.proportion.new"),
    parameter("beta", 0.72, se=0.2, identifier="utility.maintenance"),
    parameter("normal", 0.5, se=0.4, identifier="os.hazard_ratio.new"),
    parameter("log_normal", 0.5, low=0.001, high=200.0, identifier="os.hazard_ratio.new"),
    parameter("gamma", 0.5, se=5.0, identifier="os.hazard_ratio.new"),
    parameter("uniform", 0.5, low=-1.0, high=2.0, identifier="spm.proportion.new"),
    parameter("triangular", 0.5, low=-1.0, high=2.0, identifier="spm.proportion.new"),
    parameter("triangular", 0.0, low=0.0, high=2.0),
    parameter("triangular", 2.0, low=0.0, high=2.0),
]


@pytest.mark.parametrize("of", FEASIBLE, ids=lambda of: f"{of.distribution} {of.id} {of.value}")
def test_no_uniform_leads_beyond_a_hard_limit_nor_backwards(of: Parameter) -> None:
    quantity = of.definition.quantity
    assert quantity is not None
    drawn = inverse(of)(np.concatenate([[0.0, 1e-300, EDGE], SPAN[1:-1], [1.0 - EDGE, 1.0]]))
    assert np.all(np.isfinite(drawn))
    assert np.all(np.diff(drawn) >= 0.0)
    assert drawn[-1] > drawn[0]
    assert np.all(drawn >= quantity.low)
    assert np.all(drawn <= quantity.high)
    assert not (quantity.low_excluded and np.any(drawn == quantity.low))


def test_uniforms_of_0_and_1_are_the_nearest_ones_inside() -> None:
    drawn = inverse(parameter("normal", 1000.0, se=1.0))(np.array([0.0, 1.0]))
    np.testing.assert_allclose(drawn, 1000.0 + np.array([-1.0, 1.0]) * special.ndtri(1.0 - 2.0**-53), rtol=1e-12)
    assert math.nextafter(1.0, 0.0) == 1.0 - EDGE


def test_the_inverse_keeps_the_shape_of_its_uniforms() -> None:
    assert inverse(parameter("gamma", 10.0, se=2.0))(np.full((3, 4), 0.5)).shape == (3, 4)
    assert inverse(parameter("fixed", 10.0))(np.full((3, 4), 0.5)).tolist() == np.full((3, 4), 10.0).tolist()


# Certain values ------------------------------------------------------------------------------------------------------

CERTAIN = [
    parameter("gamma", 0.0, se=0.6),
    parameter("log_normal", 0.0, se=0.6),
    parameter("log_normal", 3.0, low=2.0, high=2.0),
    parameter("beta", 0.0, se=0.02, identifier="spm.proportion.new"),
    parameter("beta", 1.0, se=0.02),
    parameter("truncated_normal", 0.0, se=0.02, identifier=DECREMENT),
    parameter("normal", 0.0, se=0.02, identifier=DECREMENT),
    parameter("normal", 5.0, se=0.0),
    parameter("gamma", 5.0, se=0.0),
    parameter("beta", 0.5, se=0.0, identifier="spm.proportion.new"),
    parameter("beta", 0.5, se=1e-200, identifier="spm.proportion.new"),
    parameter("uniform", 5.0, low=5.0, high=5.0),
    parameter("triangular", 5.0, low=5.0, high=5.0),
]


@pytest.mark.parametrize("of", CERTAIN, ids=lambda of: f"{of.distribution} {of.value}")
def test_a_value_without_room_to_vary_stays_where_it_is_and_says_so(of: Parameter) -> None:
    assert is_certain(of)
    assert inverse(of)(SPAN).tolist() == [of.value] * len(SPAN)
    assert [(problem.warning, "is not sampled" in problem.rule) for problem in found(of)] == [(True, True)]


@pytest.mark.parametrize(
    "of",
    [*FEASIBLE, parameter("uniform", 0.0, low=0.0, high=1.0), parameter("normal", 0.0, se=0.1, identifier="pfs.q.new")],
)
def test_a_value_with_room_to_vary_is_not_certain(of: Parameter) -> None:
    assert not is_certain(of)
    assert float(np.ptp(inverse(of)(SPAN))) > 0.0


# Problems ------------------------------------------------------------------------------------------------------------

IMPOSSIBLE = [
    (parameter("uniform", 3.0, se=1.0), "not both limits"),
    (parameter("triangular", 3.0, se=1.0, low=1.0), "not both limits"),
    (parameter("uniform", 3.0, low=4.0, high=5.0), "3 outside 4 to 5"),
    (parameter("triangular", 3.0, low=4.0, high=5.0), "lies outside its triangular distribution"),
    (parameter("uniform", 3.0, low=4.0, high=4.0), "lies outside its uniform distribution"),
    (parameter("log_normal", 3.0, low=0.0, high=5.0), "same side of 0"),
    (parameter("log_normal", -0.3, low=-0.5, high=0.1, identifier=DECREMENT), "same side of 0"),
    (parameter("beta", 3.0, se=0.1), "lies between 0 and 1"),
    (parameter("beta", 0.5, se=0.5), "Lower the standard error below 0.5"),
    (parameter("beta", -0.1, se=0.4, identifier=DECREMENT), "Lower the standard error below 0.3"),
]


@pytest.mark.parametrize(("of", "words"), IMPOSSIBLE, ids=lambda of: getattr(of, "distribution", of))
def test_an_impossible_distribution_is_one_error_that_says_what_to_do(of: Parameter, words: str) -> None:
    (problem,) = found(of)
    assert not problem.warning
    assert words in str(problem)
    assert str(problem).startswith("a.xlsx, Costs!C3: ")
    assert of.id in problem.rule
    assert problem.remedy
    with pytest.raises(ValueError, match=of.id):
        inverse(of)


@pytest.mark.parametrize(
    "of",
    [
        parameter("beta", 0.5, se=0.49),
        parameter("log_normal", -0.03, low=-0.05, high=-0.01, identifier=DECREMENT),
        parameter("normal", 100.0, se=32.0),  # 0.09 % below 0
        parameter("truncated_normal", 1.0, se=0.62),  # 5 % below 0, but said to be cut off
        parameter("triangular", 2.2, low=0.0, high=5.0),
        parameter("uniform", 2.4, low=0.0, high=5.0),
        parameter("fixed", 0.5, se=0.0),
    ],
    ids=lambda of: of.distribution,
)
def test_a_sound_distribution_is_no_problem(of: Parameter) -> None:
    assert found(of) == []


@pytest.mark.parametrize(
    ("of", "words"),
    [
        (parameter("normal", 100.0, se=60.0), "4.8% of the normal distribution"),
        (parameter("uniform", 0.5, low=-1.0, high=2.0, identifier="spm.proportion.new"), "66.7% of the uniform"),
        (parameter("uniform", 1.0, low=0.0, high=5.0), "has mean 2.5, away from its value"),
        (parameter("log_normal", 1.0, low=0.2, high=5.0), "away from its value"),
        (parameter("gamma", None, se=5.0), "no value, and is not sampled"),
    ],
)
def test_a_distribution_that_may_not_be_meant_is_a_warning(of: Parameter, words: str) -> None:
    (problem,) = found(of)
    assert problem.warning
    assert words in problem.rule


def test_what_single_values_have_wrong_is_left_to_their_own_rules() -> None:
    sound = parameter("gamma", 5.0, se=1.0)
    broken: list[Parameter] = [
        replace(sound, distribution="gama", se=0.0),
        replace(sound, value="five"),
        replace(sound, value=math.nan),
        replace(sound, value=-5.0),
        replace(sound, value=1e9),
        replace(sound, se=-1.0),
        replace(sound, se=math.nan),
        replace(sound, distribution="uniform", low=math.nan, high=math.inf),
        replace(sound, se=None),
        replace(sound, se=None, low=3.0),
        replace(sound, distribution="uniform", low=6.0, high=4.0),
    ]
    assert [found(of) for of in broken] == [[]] * len(broken)


def test_an_impossible_distribution_is_found_when_a_workbook_is_read_with_its_cell(calgb: Inputs) -> None:
    share = "toxicity.proportion.lenalidomide"
    errors = [p for p in between_values.problems(changed(calgb, share, se=0.31)) if not p.warning]
    assert len(errors) == 1
    assert errors[0].place == f"calgb_100104.xlsx, {calgb.parameters[share].cell}"
    assert errors[0].remedy.startswith("Lower the standard error below 0.3")
    assert not [p for p in between_values.problems(changed(calgb, share, se=0.29)) if not p.warning]


@pytest.mark.parametrize("identifier", ["settings.discount_rate.costs", "pfs.family.lenalidomide"])
def test_a_choice_of_method_is_never_sampled(calgb: Inputs, identifier: str) -> None:
    errors = [
        p for p in between_values.problems(changed(calgb, identifier, distribution="normal", se=0.01)) if not p.warning
    ]
    assert [f"{identifier} is a choice of method, never sampled" in p.rule for p in errors] == [True]


def test_a_group_of_one_is_a_warning(calgb: Inputs) -> None:
    cell = "cost.event.death"
    before, after = (
        [p for p in between_values.problems(inputs) if "only sampled parameter of its group" in p.rule]
        for inputs in (calgb, changed(calgb, cell, group="spm_of"))
    )
    assert before == []
    assert [(p.warning, p.found, calgb.parameters[cell].cell in p.place) for p in after] == [(True, "spm_of", True)]
    joined = changed(changed(calgb, cell, group="late"), "cost.event.spm_solid", group="late")
    assert not [p for p in between_values.problems(joined) if "group" in p.rule]


def test_every_family_of_the_workbook_can_be_drawn() -> None:
    limits = {Distribution.UNIFORM, Distribution.TRIANGULAR}
    medians: dict[str, Array] = {
        family: inverse(
            parameter(family, 0.5, low=0.4, high=0.6)
            if family in limits
            else parameter(family, 0.5, se=0.05, identifier="spm.proportion.new")
        )(np.array([0.5]))
        for family in Distribution
    }
    assert {family: round(float(median[0]), 2) for family, median in medians.items()} == dict.fromkeys(
        Distribution, 0.5
    )

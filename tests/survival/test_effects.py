"""Published figures as estimates: against likelihoods, quadrature and figures of the maintenance trials."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from markov.survival.effects import (
    ENDPOINT_CORRELATION,
    ENDPOINT_CORRELATION_SCENARIOS,
    Effect,
    Estimate,
    asymmetry,
    attenuated,
    baseline_correlation,
    check_events,
    doubts,
    effect_from_events,
    effect_from_interval,
    effect_from_log_rank,
    effect_from_p_value,
    effect_from_p_value_and_events,
    effect_from_total_events,
    median_from_events,
    median_from_interval,
    ratio_of_medians,
    shape_with_error,
    time_ratio,
    trial_correlations,
)
from markov.survival.families import cumulative_hazard, with_median
from markov.terms import Array, Family

unhurried = settings(deadline=None, max_examples=100)
Z = 1.959963984540054
logs, errors = st.floats(-2.0, 2.0), st.floats(0.01, 1.0)
counts = st.floats(5.0, 2000.0)


def curvature(function: Callable[[Array], float], at: Array) -> Array:
    """Second derivatives by central differences: what a likelihood says of its parameters' errors."""
    step = 1e-4 * np.eye(at.size)
    return np.array(
        [
            [
                (function(at + a + b) - function(at + a - b) - function(at - a + b) + function(at - a - b)) / 4e-8
                for b in step
            ]
            for a in step
        ]
    )


# Ratios --------------------------------------------------------------------------------------------------------------


@unhurried
@given(logs, errors, st.floats(0.5, 0.99))
def test_an_interval_gives_back_the_effect_that_printed_it(log_ratio: float, error: float, level: float) -> None:
    effect = effect_from_interval(math.exp(log_ratio), *Effect(log_ratio, error).interval(level), level)
    assert (effect.log_ratio, effect.standard_error) == pytest.approx((log_ratio, error), rel=1e-9, abs=1e-12)


@unhurried
@given(logs.filter(lambda log: abs(log) > 0.01), errors)
def test_a_p_value_gives_back_the_error_that_printed_it(log_ratio: float, error: float) -> None:
    effect = Effect(log_ratio, error)
    if effect.p_value > 1e-250:
        assert effect_from_p_value(effect.ratio, effect.p_value).standard_error == pytest.approx(error, rel=1e-8)


@unhurried
@given(logs, errors)
def test_a_ratio_turned_round_has_the_reciprocal_interval_and_the_same_p_value(log_ratio: float, error: float) -> None:
    effect = Effect(log_ratio, error)
    turned = effect.reversed
    assert (turned.low, turned.ratio, turned.high) == pytest.approx((1 / effect.high, 1 / effect.ratio, 1 / effect.low))
    assert turned.p_value == effect.p_value


def test_an_exact_ratio_has_an_interval_of_no_width() -> None:
    exact = Effect(math.log(0.8), 0.0)
    assert (exact.low, exact.high, exact.p_value, exact.variance) == (exact.ratio, exact.ratio, 0.0, 0.0)
    assert Effect(0.0, 0.0).p_value == 1.0


@unhurried
@given(counts, counts, st.floats(0.2, 5.0))
def test_events_give_the_errors_of_the_exponential_likelihood(treated: float, control: float, ratio: float) -> None:
    # ln L = d₀·ln λ − λT₀ + d₁·(ln λ + β) − λe^β·T₁, with person-times that put its maximum at λ = 1, e^β = the ratio.
    beta = math.log(ratio)

    def log_likelihood(at: Array) -> float:
        base, effect = at
        return float(
            control * base
            - math.exp(base) * control
            + treated * (base + effect)
            - math.exp(base + effect - beta) * treated
        )

    covariance = np.linalg.inv(-curvature(log_likelihood, np.array([0.0, beta])))
    found = effect_from_events(ratio, treated, control)
    assert found.standard_error == pytest.approx(math.sqrt(covariance[1, 1]), rel=1e-4)
    correlation = covariance[0, 1] / math.sqrt(covariance[0, 0] * covariance[1, 1])
    assert baseline_correlation(control, treated) == pytest.approx(correlation, rel=1e-4)


@unhurried
@given(counts, st.floats(0.05, 0.95))
def test_events_of_both_arms_split_by_allocation_are_events_of_each_arm(events: float, share: float) -> None:
    together = effect_from_total_events(0.7, events, share)
    apart = effect_from_events(0.7, events * share, events * (1.0 - share))
    assert together.standard_error == pytest.approx(apart.standard_error, rel=1e-12)


def test_even_allocation_has_a_variance_of_four_over_the_events() -> None:
    assert effect_from_total_events(0.49, 180).variance == pytest.approx(4.0 / 180.0, rel=1e-14)


def test_a_p_value_and_events_point_to_the_side_that_did_better() -> None:
    better = effect_from_p_value_and_events(0.02, 150, favours_treated=True, share_treated=0.6)
    worse = effect_from_p_value_and_events(0.02, 150, favours_treated=False, share_treated=0.6)
    assert better.ratio < 1 < worse.ratio
    assert better.reversed == worse
    assert better.p_value == pytest.approx(0.02, rel=1e-12)


def test_a_log_rank_test_gives_the_normal_deviate_of_its_own_chi_square() -> None:
    effect = effect_from_log_rank(-18.5, 42.3)
    assert (effect.log_ratio / effect.standard_error) ** 2 == pytest.approx(18.5**2 / 42.3, rel=1e-12)


def test_the_events_of_ifm_2005_02_explain_the_interval_that_its_label_prints() -> None:
    # US label of lenalidomide, March 2015: 0.53 (0.44 to 0.64), 191 of 307 and 248 of 307 patients with an event.
    printed = effect_from_interval(0.53, 0.44, 0.64)
    assert effect_from_events(0.53, 191, 248, 307, 307).standard_error == pytest.approx(
        printed.standard_error, rel=0.01
    )


@pytest.mark.parametrize(("least", "most"), [(0.0, 1.0), (0.25, 0.75), (0.5, 0.5)])
def test_a_uniform_share_of_an_effect_has_the_moments_of_the_product(least: float, most: float) -> None:
    effect = Effect(math.log(0.75), 0.0951)  # HOVON-65/GMMG-HD4, Sonneveld et al 2012
    nodes, weights = np.polynomial.legendre.leggauss(12)
    deviates, masses = np.polynomial.hermite_e.hermegauss(12)
    shares = 0.5 * (least + most) + 0.5 * (most - least) * nodes
    product = shares[:, None] * (effect.log_ratio + effect.standard_error * deviates)
    mass = weights[:, None] / 2.0 * masses / masses.sum()
    mean = np.sum(mass * product)
    part = attenuated(effect, least, most)
    assert part.log_ratio == pytest.approx(mean, rel=1e-12)
    assert part.variance == pytest.approx(np.sum(mass * (product - mean) ** 2), rel=1e-10)


# Do the printed figures agree ----------------------------------------------------------------------------------------


def test_asymmetry_is_the_distance_from_the_middle_in_half_widths() -> None:
    middle, half = math.log(0.6), 0.3
    low, high = math.exp(middle - half), math.exp(middle + half)
    assert asymmetry(0.6, low, high) == pytest.approx(0.0, abs=1e-12)
    assert asymmetry(math.exp(middle - 0.1), low, high) == pytest.approx(1.0 / 3.0, rel=1e-12)
    assert asymmetry(high, low, high) == pytest.approx(-1.0, rel=1e-12)


PRINTED = [
    ("Holstein 2017, PFS", 0.57, 0.46, 0.71, None),
    ("Holstein 2017, OS", 0.61, 0.46, 0.80, 0.0004),
    ("Sonneveld 2012, PFS", 0.75, 0.62, 0.90, 0.002),
    ("Sonneveld 2012, OS", 0.77, 0.60, 1.00, 0.049),
    ("Goldschmidt 2018, PFS", 0.76, 0.65, 0.89, 0.001),
    ("Goldschmidt 2018, OS", 0.89, 0.74, 1.08, 0.24),
    ("McCarthy 2017, OS", 0.75, 0.63, 0.90, 0.001),
    ("Jackson 2019, OS", 0.87, 0.73, 1.05, 0.15),
    ("Palumbo 2014, second malignancies", 1.55, 1.03, 2.34, 0.037),
]


@pytest.mark.parametrize("row", PRINTED, ids=lambda row: row[0])
def test_figures_that_agree_raise_no_doubt(row: tuple[str, float, float, float, float | None]) -> None:
    assert doubts(*row[1:]) == ()


def test_an_interval_that_rounding_cannot_centre_is_doubted() -> None:
    # Middle of 0.845 to 1.385 is 1.082, of 0.855 to 1.395 it is 1.092; 1.10 stands for 1.095 or more.
    (doubt,) = doubts(1.10, 0.85, 1.39)
    assert "0.85 to 1.39" in doubt
    assert "middle is 1.09" in doubt
    assert doubts(1.10, 0.85, 1.39, decimals=1) == ()


def test_a_p_value_far_from_its_interval_is_doubted_and_a_near_one_is_not() -> None:
    (doubt,) = doubts(0.75, 0.62, 0.90, p_value=0.02)  # z is 3.03, of this P value 2.33
    assert "P = 0.02" in doubt
    assert "P = 0.0025" in doubt
    assert doubts(0.75, 0.62, 0.90, p_value=0.004) == ()  # 2.88


# Medians and shapes --------------------------------------------------------------------------------------------------


def test_a_median_with_an_interval_has_a_quarter_of_its_log_width_as_error() -> None:
    # US label of lenalidomide, IFM 2005-02: 3.9 years (3.3 to 4.7).
    median = median_from_interval(46.8, 39.6, 56.4)
    assert median.log_standard_error == pytest.approx(math.log(56.4 / 39.6) / (2 * Z), rel=1e-9)
    assert median.standard_error == pytest.approx(46.8 * median.log_standard_error, rel=1e-12)


def test_a_median_whose_upper_limit_was_not_reached_takes_the_lower_half() -> None:
    symmetric = median_from_interval(60.0, 60.0 / 1.2, 60.0 * 1.2)
    assert median_from_interval(60.0, 60.0 / 1.2).log_standard_error == pytest.approx(symmetric.log_standard_error)


@pytest.mark.parametrize(("shape", "events"), [(1.0, 248.0), (0.87, 120.0), (1.4, 60.0)])
def test_events_give_a_median_the_error_of_its_likelihood(shape: float, events: float) -> None:
    # A Weibull of known shape: ln L = d·ln h − H summed; with ΣH(T) = d at the maximum, and H in proportion to m^−k.
    def log_likelihood(log_median: Array) -> float:
        scale = with_median(Family.WEIBULL, {"shape": np.asarray(shape)}, np.exp(log_median[0]))["scale"]
        hazard = cumulative_hazard(Family.WEIBULL, {"shape": np.asarray(shape), "scale": scale}, np.asarray(30.0))
        reached = math.log(2.0)  # H at the median, 30 months
        return float(events * np.log(hazard / reached) - events * hazard / reached)

    information = -curvature(log_likelihood, np.array([math.log(30.0)]))[0, 0]
    error = median_from_events(30.0, events, shape).log_standard_error
    assert error == pytest.approx(information**-0.5, rel=1e-5)


def test_the_events_of_ifm_2005_02_explain_its_control_median() -> None:
    # US label: 24.0 months (21.6 to 27.6), 248 events. A Kaplan–Meier median assumes no curve, and is less certain.
    printed = median_from_interval(24.0, 21.6, 27.6).log_standard_error
    assert 0.8 * printed < median_from_events(24.0, 248, 1.2, patients=307).log_standard_error < printed


IDENTIFIED = [  # hazard ratio, medians, shape: Myeloma IX, IFM 2005-02 and CALGB 100104 of 2012
    (effect_from_interval(0.69, 0.58, 0.82), 23.0, 15.0, 0.87),
    (effect_from_interval(0.50, 0.41, 0.61), 41.0, 23.0, 1.20),
    (effect_from_interval(0.48, 0.36, 0.63), 46.0, 27.0, 1.38),
]


@pytest.mark.parametrize(("ratio", "treated", "control", "shape"), IDENTIFIED)
def test_two_medians_and_a_hazard_ratio_identify_the_shape(
    ratio: Effect, treated: float, control: float, shape: float
) -> None:
    found = shape_with_error(ratio, Estimate(treated, 0.09), Estimate(control, 0.07))
    assert round(found.value, 2) == shape
    # The curves of that shape through both medians have that hazard ratio, at any time.
    hazards = [
        cumulative_hazard(
            Family.WEIBULL,
            with_median(Family.WEIBULL, {"shape": np.asarray(found.value)}, np.asarray(median)),
            np.asarray(17.0),
        )
        for median in (treated, control)
    ]
    assert hazards[0] / hazards[1] == pytest.approx(ratio.ratio, rel=1e-12)


@pytest.mark.parametrize(("ratio", "treated", "control", "shape"), IDENTIFIED)
def test_the_error_of_a_shape_is_that_of_its_gradient(
    ratio: Effect, treated: float, control: float, shape: float
) -> None:
    errors, step = np.array([ratio.standard_error, 0.09, 0.07]), 1e-6 * np.eye(3)
    at = np.array([ratio.log_ratio, math.log(treated), math.log(control)])

    def k(logs: Array) -> float:
        return float(-logs[0] / (logs[1] - logs[2]))

    gradient = np.array([(k(at + move) - k(at - move)) / 2e-6 for move in step])
    found = shape_with_error(ratio, Estimate(treated, 0.09), Estimate(control, 0.07))
    assert found.standard_error == pytest.approx(math.sqrt(float(np.sum((gradient * errors) ** 2))), rel=1e-6)
    assert found.standard_error > abs(gradient[0]) * ratio.standard_error


def test_hazard_ratio_and_medians_of_the_same_patients_make_the_shape_more_certain_than_its_error_says() -> None:
    draw = np.random.default_rng(20240601)
    treated, control = draw.exponential(2.0, (3000, 200)), draw.exponential(1.0, (3000, 200))
    log_ratio = np.log(control.mean(axis=1) / treated.mean(axis=1))
    log_medians = np.log(np.median(treated, axis=1) / np.median(control, axis=1))
    covariance = np.cov(log_ratio, log_medians)
    assert covariance[0, 1] < 0
    slope = np.array([1.0 / math.log(0.5), -1.0 / math.log(2.0)])  # of ln k, both medians and rates in the ratio of 2
    medians = Estimate(2.0, math.sqrt(covariance[1, 1])), Estimate(1.0, 0.0)
    claimed = shape_with_error(Effect(math.log(0.5), math.sqrt(covariance[0, 0])), *medians)
    assert claimed.value == pytest.approx(1.0, rel=1e-12)
    assert math.sqrt(slope @ covariance @ slope) < 0.8 * claimed.standard_error


def test_ratio_of_medians_of_exponential_arms_has_the_error_of_their_hazard_ratio() -> None:
    medians = ratio_of_medians(median_from_events(40.0, 90), median_from_events(20.0, 150))
    hazards = effect_from_events(0.5, 90, 150)
    assert (medians.reversed.ratio, medians.standard_error) == pytest.approx((hazards.ratio, hazards.standard_error))


def test_a_time_ratio_of_weibull_curves_is_the_ratio_of_their_medians() -> None:
    ratio = effect_from_interval(0.69, 0.58, 0.82)
    medians = Estimate(23.0, 0.0), Estimate(15.0, 0.0)
    shape = shape_with_error(ratio, *medians)
    assert time_ratio(ratio, shape).ratio == pytest.approx(23.0 / 15.0, rel=1e-12)
    known = time_ratio(ratio, Estimate(shape.value, 0.0))
    assert known.standard_error == pytest.approx(ratio.standard_error / shape.value, rel=1e-12)
    assert time_ratio(ratio, Estimate(shape.value, 0.1)).variance == pytest.approx(
        known.variance + (0.1 * known.log_ratio) ** 2, rel=1e-12
    )


# Correlation ---------------------------------------------------------------------------------------------------------


def test_the_arm_with_more_events_decides_how_ratio_and_baseline_move_together() -> None:
    # Many treated events: the ratio's error is the control's, so that the two move in opposite directions.
    assert baseline_correlation(50, 1e9) == pytest.approx(-1.0, abs=1e-6)
    assert baseline_correlation(1e9, 50) == pytest.approx(0.0, abs=1e-3)
    assert baseline_correlation(248, 191) == pytest.approx(-math.sqrt(191 / 439), rel=1e-12)


@pytest.mark.parametrize("correlation", [ENDPOINT_CORRELATION, *ENDPOINT_CORRELATION_SCENARIOS, -0.3])
def test_correlations_of_a_trial_are_what_was_asked_for_and_can_all_hold(correlation: float) -> None:
    matrix = trial_correlations([248, 191], [140, 128], correlation)
    assert matrix[1, 3] == pytest.approx(correlation, abs=1e-12)
    assert matrix[0, 1] == pytest.approx(baseline_correlation(248, 191), rel=1e-12)
    assert matrix[2, 3] == pytest.approx(baseline_correlation(140, 128), rel=1e-12)
    np.testing.assert_allclose(matrix, matrix.T, atol=1e-15)
    assert np.linalg.eigvalsh(matrix).min() > 0.01
    assert np.sign(matrix[0, 3]) == -np.sign(correlation)


def test_across_endpoints_correlations_come_from_the_same_arms() -> None:
    # With ρ within each arm: Cov(ln h₀ of PFS, ln HR of OS) = −ρ/√(d₀d₀'), the control's part alone.
    pfs, overall = (100.0, 80.0), (60.0, 50.0)
    sums = [1 / d[0] + 1 / d[1] for d in (pfs, overall)]
    shared = [1 / math.sqrt(pfs[i] * overall[i]) for i in (0, 1)]
    within = 0.5 * math.sqrt(sums[0] * sums[1]) / sum(shared)
    matrix = trial_correlations(pfs, overall, 0.5)
    assert matrix[0, 2] == pytest.approx(within, rel=1e-12)
    assert matrix[0, 3] == pytest.approx(-within * shared[0] / math.sqrt(sums[1] / pfs[0]), rel=1e-12)
    assert matrix[1, 2] == pytest.approx(-within * shared[0] / math.sqrt(sums[0] / overall[0]), rel=1e-12)


def test_correlations_within_each_endpoint_and_of_the_ratios_alone_contradict_each_other_at_0_8() -> None:
    alone = np.eye(4)
    alone[0, 1] = alone[1, 0] = alone[2, 3] = alone[3, 2] = baseline_correlation(100, 100)
    alone[1, 3] = alone[3, 1] = 0.8
    assert np.linalg.eigvalsh(alone).min() < -0.2
    assert np.linalg.eigvalsh(trial_correlations([100, 100], [100, 100], 0.8)).min() > 0.05


# Bad input -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: effect_from_interval(0.5, 0.6, 0.9), "0.5 lies outside its own interval, 0.6 to 0.9"),
        (lambda: effect_from_interval(0.5, 0.9, 0.4), "limits need to be in order, found 0.9 to 0.4"),
        (lambda: effect_from_interval(0.5, 0.5, 0.5), "limits need to be in order"),
        (lambda: effect_from_interval(-0.5, 0.4, 0.6), "needs a number above 0, found -0.5"),
        (lambda: effect_from_interval(0.5, 0.0, 0.6), "lower limit needs a number above 0, found 0"),
        (lambda: effect_from_interval(0.5, 0.4, 0.6, level=95), "between 0 and 1, such as 0.95, found 95"),
        (lambda: effect_from_p_value(0.5, 0.0), "A P value needs a number between 0 and 1, both excluded, found 0"),
        (lambda: effect_from_p_value(0.5, 1.0), "both excluded, found 1"),
        (lambda: effect_from_p_value(1.0, 0.9), "give an interval or events"),
        (lambda: effect_from_events(0.5, 250, 200, 231, 229), "treated arm has more events .250. than patients .231."),
        (lambda: effect_from_events(0.5, 100, 230, 231, 229), "control arm has more events .230. than patients .229."),
        (lambda: effect_from_events(0.5, 0, 10), "treated arm needs a number of events above 0, found 0"),
        (lambda: effect_from_total_events(0.5, 100, 1.0), "share of patients randomised"),
        (lambda: effect_from_log_rank(-3.0, 0.0), "variance of O − E needs a number above 0"),
        (lambda: check_events(math.nan), "needs a number of events above 0"),
        (lambda: check_events(10, math.nan), "more events"),
        (lambda: median_from_interval(24.0, 25.0, 30.0), "median 24 lies outside its own interval"),
        (lambda: median_from_interval(24.0, 24.0), "equals its lower limit"),
        (lambda: median_from_events(24.0, 300, patients=229), "more events .300. than patients .229."),
        (lambda: median_from_events(24.0, 30, shape=0.0), "shape needs a number above 0"),
        (lambda: shape_with_error(Effect(0.0, 0.1), Estimate(23, 0.1), Estimate(15, 0.1)), "identifies no shape"),
        (lambda: shape_with_error(Effect(-0.4, 0.1), Estimate(23, 0.1), Estimate(23, 0.1)), "identifies no shape"),
        (lambda: shape_with_error(Effect(-0.4, 0.1), Estimate(15, 0.1), Estimate(23, 0.1)), "disagree on which arm"),
        (lambda: trial_correlations([100, 1000], [1000, 100], 0.8), "allow no correlation of 0.8"),
        (lambda: attenuated(Effect(-0.3, 0.1), 0.5, 1.5), "limits from 0 to 1"),
        (lambda: Effect(math.nan, 0.1), "finite number"),
        (lambda: Effect(0.1, -0.1), "0 or above, found -0.1"),
        (lambda: Effect(0.1, math.inf), "finite number of 0 or above"),
        (lambda: Estimate(0.0, 0.1), "needs a number above 0"),
        (lambda: Estimate(1.0, math.nan), "0 or above"),
    ],
)
def test_impossible_figures_are_refused_in_words(call: Callable[[], object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        call()

"""Fitting curves to records: densities, likelihood, estimates known in closed form, failures and bad input."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import ArrayLike
from scipy import special

from markov.survival.arm_comparison import Ties, cox, log_rank
from markov.survival.densities import log_hazard
from markov.survival.families import cumulative_hazard
from markov.survival.fit import Failure, Fit, is_log_scale
from markov.survival.fitting import OWN_FAMILIES, NotFittedError, fit_all, fit_family, spline_knots
from markov.survival.kaplan_meier import Interval, kaplan_meier, smoothed_hazard
from markov.survival.records import Records, indicators, risk_table
from markov.terms import SPLINES, Array, Family

KNOTS = np.log([0.3, 1.0, 2.5, 8.0])
PARAMETERS: dict[str, tuple[Family, dict[str, ArrayLike]]] = {
    "exponential": (Family.EXPONENTIAL, {"rate": 0.3}),
    "weibull": (Family.WEIBULL, {"scale": 4.2, "shape": 1.3}),
    "gompertz": (Family.GOMPERTZ, {"rate": 0.1, "shape": 0.2}),
    "gompertz, falling": (Family.GOMPERTZ, {"rate": 0.3, "shape": -0.2}),
    "log-normal": (Family.LOG_NORMAL, {"meanlog": 1.1, "sdlog": 0.8}),
    "log-logistic": (Family.LOG_LOGISTIC, {"scale": 3.0, "shape": 1.7}),
    "gamma": (Family.GAMMA, {"rate": 0.4, "shape": 1.6}),
    "generalised gamma": (Family.GENERALISED_GAMMA, {"mu": 1.2, "sigma": 0.7, "q": 0.6}),
    "generalised gamma, Q < 0": (Family.GENERALISED_GAMMA, {"mu": 1.2, "sigma": 0.7, "q": -0.6}),
    "generalised gamma, Q near 0": (Family.GENERALISED_GAMMA, {"mu": 1.2, "sigma": 0.7, "q": 0.01}),
    "generalised F": (Family.GENERALISED_F, {"mu": 1.2, "sigma": 0.7, "q": 0.6, "p": 0.4}),
    "generalised F, Q < 0": (Family.GENERALISED_F, {"mu": 1.2, "sigma": 0.7, "q": -0.6, "p": 0.4}),
    **{
        family.value: (family, {"gamma0": -1.2, "gamma1": 1.3, "gamma2": 0.05, "gamma3": -0.03, "knots": KNOTS})
        for family in SPLINES
    },
}


def curve(name: str) -> tuple[Family, dict[str, Array]]:
    family, parameters = PARAMETERS[name]
    return family, {key: np.asarray(value, dtype=float) for key, value in parameters.items()}


def simulated(size: int, seed: int, hazard_ratio: float = 1.0) -> tuple[Records, Array]:
    """Weibull times (shape 1.4, scale 3) of two arms, censored between 2 and 6."""
    random = np.random.default_rng(seed)
    arm = (np.arange(size) % 2).astype(float)
    times = 3.0 * (random.exponential(size=size) / hazard_ratio**arm) ** (1.0 / 1.4)
    censoring = random.uniform(2.0, 6.0, size)
    return Records(np.minimum(times, censoring), times <= censoring), arm


def fitted(records: Records, family: Family, knots: int = 0) -> Fit:
    fit = fit_family(records, family, knots)
    assert fit.converged, fit.message
    return fit


# Densities -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PARAMETERS)
def test_the_hazard_is_the_slope_of_the_cumulative_hazard(name: str) -> None:
    family, parameters = curve(name)
    times, step = np.array([0.2, 0.5, 1.7, 4.0, 9.0]), 1e-5
    slope = (
        cumulative_hazard(family, parameters, times * (1 + step))
        - cumulative_hazard(family, parameters, times * (1 - step))
    ) / (2 * step * times)
    np.testing.assert_allclose(np.exp(log_hazard(family, parameters, times)), slope, rtol=1e-6, atol=1e-9)


def test_families_that_contain_others_agree_with_them() -> None:
    t = np.array([0.3, 1.0, 4.0])
    weibull = log_hazard(Family.WEIBULL, {"scale": np.exp(1.2), "shape": np.asarray(1 / 0.7)}, t)
    of_prentice: Callable[[float], Array] = lambda q: log_hazard(  # noqa: E731  # a formula, used four times here only
        Family.GENERALISED_GAMMA, {"mu": np.asarray(1.2), "sigma": np.asarray(0.7), "q": np.asarray(q)}, t
    )
    gamma = {"shape": np.asarray(0.7**-2), "rate": np.exp(-1.2) * 0.7**-2}
    normal = {"meanlog": np.asarray(1.2), "sdlog": np.asarray(0.7)}
    logistic = {"scale": np.exp(1.2), "shape": np.sqrt(2.0) / 0.7}
    f = {"mu": np.asarray(1.2), "sigma": np.asarray(0.7), "q": np.asarray(0.0), "p": np.asarray(1.0)}
    np.testing.assert_allclose(of_prentice(1.0), weibull, rtol=1e-12)
    np.testing.assert_allclose(of_prentice(0.7), log_hazard(Family.GAMMA, gamma, t), rtol=1e-10)
    np.testing.assert_allclose(of_prentice(1e-6), log_hazard(Family.LOG_NORMAL, normal, t), atol=1e-5)
    np.testing.assert_allclose(of_prentice(0.0), log_hazard(Family.LOG_NORMAL, normal, t), rtol=1e-12)
    np.testing.assert_allclose(
        log_hazard(Family.GENERALISED_F, f, t), log_hazard(Family.LOG_LOGISTIC, logistic, t), rtol=1e-12
    )


# Estimates known in closed form ------------------------------------------------------------------------------------


def test_an_exponential_rate_is_events_over_time_at_risk_after_entry() -> None:
    records = Records([2.0, 3.0, 5.0, 7.0], [1, 0, 1, 1], entries=[0.0, 1.0, 2.0, 0.0])
    fit = fitted(records, Family.EXPONENTIAL)
    assert float(fit.parameters["rate"]) == pytest.approx(3 / 14)
    assert fit.covariance[0, 0] == pytest.approx(1 / 3, rel=1e-6)  # Var ln(rate) = 1/events
    assert fit.log_likelihood == pytest.approx(3 * np.log(3 / 14) - 3)
    assert fit.aic == pytest.approx(2 - 2 * fit.log_likelihood)
    assert fit.bic == pytest.approx(np.log(4) - 2 * fit.log_likelihood)


def test_without_censoring_a_log_normal_has_the_moments_of_the_logs() -> None:
    logs = np.array([0.1, 0.9, 1.4, 2.0, 2.2])
    fit = fitted(Records(np.exp(logs), np.ones(5)), Family.LOG_NORMAL)
    assert float(fit.parameters["meanlog"]) == pytest.approx(logs.mean(), rel=1e-6)
    assert float(fit.parameters["sdlog"]) == pytest.approx(logs.std(), rel=1e-6)
    np.testing.assert_allclose(fit.covariance, np.diag([logs.var() / 5, 1 / 10]), atol=1e-6)


def test_a_covariate_of_an_exponential_gives_each_arm_its_own_rate() -> None:
    records = Records([1.0, 2.0, 3.0, 4.0, 5.0], [1, 1, 1, 0, 1], covariates={"treated": [0, 0, 1, 1, 1]})
    fit = fitted(records, Family.EXPONENTIAL)
    assert float(fit.parameters_at()["rate"]) == pytest.approx(2 / 3)
    assert float(fit.parameters_at({"treated": 1.0})["rate"]) == pytest.approx(2 / 12)
    assert fit.standard_errors[1] == pytest.approx(1.0, rel=1e-6)  # √(1/2 + 1/2)


# The likelihood ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", [Family.WEIBULL, Family.GAMMA, Family.SPLINE_ODDS])
def test_a_record_cut_in_two_says_the_same(family: Family) -> None:
    whole, _ = simulated(80, seed=1)
    cut = np.minimum(whole.times * 0.6, 1.0)
    parts = Records(
        np.concatenate([cut, whole.times]),
        np.concatenate([np.zeros(80), whole.events]),
        entries=np.concatenate([np.zeros(80), cut]),
    )
    one, two = fitted(whole, family), fitted(parts, family)
    assert two.log_likelihood == pytest.approx(one.log_likelihood, abs=1e-6)
    np.testing.assert_allclose(two.estimates, one.estimates, atol=1e-4)
    np.testing.assert_allclose(kaplan_meier(parts).survival, kaplan_meier(whole).survival, rtol=1e-12)


@pytest.mark.parametrize("family", [Family.LOG_LOGISTIC, Family.GENERALISED_GAMMA, Family.GOMPERTZ])
def test_a_weight_of_two_is_a_patient_counted_twice(family: Family) -> None:
    records, _ = simulated(60, seed=2)
    weights = 1.0 + np.arange(60) % 2
    rows = np.repeat(np.arange(60), weights.astype(int))
    weighted = Records(records.times, records.events, weights=weights)
    repeated = Records(records.times[rows], records.events[rows])
    one, two = fitted(weighted, family), fitted(repeated, family)
    assert one.log_likelihood == pytest.approx(two.log_likelihood, abs=1e-6)
    np.testing.assert_allclose(one.estimates, two.estimates, atol=1e-4)
    np.testing.assert_allclose(one.covariance, two.covariance, rtol=2e-3, atol=1e-5)
    assert (one.patients, one.events) == (two.patients, two.events)


@pytest.mark.parametrize("family", [f for f in OWN_FAMILIES if f is not Family.GENERALISED_F])
def test_the_unit_of_time_changes_nothing_but_the_unit(family: Family) -> None:
    years, _ = simulated(120, seed=3)
    days = Records(years.times * 365.25, years.events)
    one, two = fitted(years, family, 1), fitted(days, family, 1)
    assert two.log_likelihood == pytest.approx(one.log_likelihood - years.event_count * np.log(365.25), abs=2e-6)
    at = np.array([0.5, 1.0, 2.0, 4.0])
    np.testing.assert_allclose(two.survival(365.25 * at), one.survival(at), atol=1e-6)
    assert two.median() == pytest.approx(365.25 * one.median(), rel=1e-5)


def test_wider_families_fit_at_least_as_well() -> None:
    records, arm = simulated(150, seed=4, hazard_ratio=0.6)
    fits = {fit.family: fit for fit in fit_all(Records(records.times, records.events, covariates={"treated": arm}))}
    reached = {family: fit.log_likelihood for family, fit in fits.items() if isinstance(fit, Fit)}
    for wide, narrow in (
        (Family.WEIBULL, Family.EXPONENTIAL),
        (Family.GOMPERTZ, Family.EXPONENTIAL),
        (Family.GENERALISED_GAMMA, Family.WEIBULL),
        (Family.GENERALISED_GAMMA, Family.LOG_NORMAL),
        (Family.GENERALISED_GAMMA, Family.GAMMA),
    ):
        assert reached[wide] >= reached[narrow] - 1e-8, (wide, narrow)


def test_estimates_lie_where_the_truth_is() -> None:
    records, arm = simulated(2000, seed=5, hazard_ratio=0.6)
    fit = fitted(Records(records.times, records.events, covariates={"treated": arm}), Family.WEIBULL)
    truth = np.array([np.log(3.0), np.log(1.4), -np.log(0.6) / 1.4])  # ln scale, ln shape, ln time ratio
    assert (np.abs(fit.estimates - truth) < 3.5 * fit.standard_errors).all()
    comparison = cox(records, arm)
    assert abs(comparison.log_hazard_ratio - np.log(0.6)) < 3.5 * comparison.standard_error


# What a fit answers --------------------------------------------------------------------------------------------------


def test_median_and_means_of_curves_known_in_closed_form() -> None:
    records, _ = simulated(150, seed=6)
    weibull, normal = fitted(records, Family.WEIBULL), fitted(records, Family.LOG_NORMAL)
    scale, shape = float(weibull.parameters["scale"]), float(weibull.parameters["shape"])
    mean = scale * special.gamma(1 + 1 / shape)
    assert weibull.mean_within(2.0) + weibull.mean_beyond(2.0) == pytest.approx(mean, rel=1e-7)
    assert weibull.median() == pytest.approx(scale * np.log(2) ** (1 / shape), rel=1e-12)
    m, s = float(normal.parameters["meanlog"]), float(normal.parameters["sdlog"])
    assert normal.mean_beyond(0.0) == pytest.approx(np.exp(m + s**2 / 2), rel=1e-7)
    assert normal.mean_within(500.0) == pytest.approx(np.exp(m + s**2 / 2), rel=1e-4)


def test_a_heavy_tail_has_the_mean_it_has_or_none() -> None:
    spread = np.exp(special.logit((np.arange(40) + 0.5) / 40))  # quantiles of a log-logistic of shape 1
    steep = fitted(Records(spread ** (1 / 1.5), np.ones(40)), Family.LOG_LOGISTIC)
    shape = float(steep.parameters["shape"])
    mean = float(steep.parameters["scale"]) * (np.pi / shape) / np.sin(np.pi / shape)
    assert steep.mean_beyond(0.0) == pytest.approx(mean, rel=1e-6)
    assert fitted(Records(spread**1.2, np.ones(40)), Family.LOG_LOGISTIC).mean_beyond(1.0) == np.inf
    plateau = fitted(Records([1.0, 2.0, 3.0, 50.0, 60.0, 70.0], [1, 1, 1, 0, 0, 0]), Family.GOMPERTZ)
    assert plateau.mean_beyond(1.0) == plateau.median() == np.inf


def test_draws_of_the_sampled_scale_become_curves() -> None:
    records, arm = simulated(100, seed=7)
    fit = fitted(Records(records.times, records.events, covariates={"treated": arm}), Family.WEIBULL)
    draws = np.random.default_rng(1).multivariate_normal(fit.estimates, fit.covariance, size=5)
    parameters = fit.parameters_at({"treated": 1.0}, draws)
    np.testing.assert_allclose(parameters["scale"], np.exp(draws[:, 0] + draws[:, 2]))
    np.testing.assert_allclose(parameters["shape"], np.exp(draws[:, 1]))
    assert [is_log_scale(Family.WEIBULL, name) for name in fit.names] == [True, True, False]
    with pytest.raises(ValueError, match="Not among the fitted covariates"):
        fit.survival(1.0, {"age": 60.0})


# Failures ------------------------------------------------------------------------------------------------------------


def test_one_family_that_fails_does_not_stop_the_others() -> None:
    records = Records([1.0, 1.0, 1.0, 3.0], [1, 1, 1, 0])  # one distinct event time: no spline, no finite log-normal
    fits = fit_all(records, (Family.EXPONENTIAL, Family.SPLINE_HAZARD), (0, 1))
    assert isinstance(fits[0], Fit) and fits[0].converged
    assert [isinstance(fit, Failure) and "knots coincide" in fit.reason for fit in fits[1:]] == [True, True]


def test_times_without_spread_have_no_finite_maximum() -> None:
    with pytest.raises(NotFittedError, match=r"no finite maximum|edge"):
        fit_family(Records([2.0, 2.0, 2.0], [1, 1, 1]), Family.LOG_NORMAL)


def test_an_arm_without_events_has_no_finite_effect() -> None:
    records = Records([1.0, 2.0, 3.0, 4.0, 5.0], [1, 1, 1, 0, 0], covariates={"treated": [0, 0, 0, 1, 1]})
    with pytest.raises(NotFittedError, match="along treated"):
        fit_family(records, Family.WEIBULL)
    with pytest.raises(ValueError, match="no finite estimate"):
        cox(records, [0, 0, 0, 1, 1])


def test_a_generalised_f_that_is_a_generalised_gamma_says_so() -> None:
    random = np.random.default_rng(8)
    records = Records(random.weibull(1.5, 200), np.ones(200))  # lighter tails than any P > 0
    with pytest.raises(NotFittedError, match="generalised gamma, which fits as well"):
        fit_family(records, Family.GENERALISED_F)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Records([1.0, -2.0], [1, 0]), "Times need numbers of 0 or above; found -2 in row 2"),
        (lambda: Records([1.0, np.nan], [1, 0]), "finite"),
        (lambda: Records([1.0, 2.0], [1, 2]), r"1 \(event\) or 0 \(censored\); found 2 in row 2"),
        (lambda: Records([1.0, 2.0], [1, 0], entries=[0.0, 2.0]), "Entry needs to lie before exit"),
        (lambda: Records([1.0, 2.0], [1, 0], entries=[-1.0, 0.0]), "Entries need"),
        (lambda: Records([1.0, 2.0], [1, 0], weights=[1.0, -1.0]), "Weights need"),
        (lambda: Records([1.0, 2.0], [1]), "one number a patient"),
        (lambda: Records([], []), "at least one patient"),
        (lambda: fit_family(Records([1.0, 2.0], [0, 0]), Family.WEIBULL), "No events"),
        (lambda: fit_all(Records([1.0, 2.0], [0, 0])), "No events"),
        (lambda: kaplan_meier(Records([1.0, 2.0], [0, 0])), "No events"),
        (lambda: fit_family(Records([0.0, 2.0], [1, 1]), Family.WEIBULL), "event at time 0"),
        (lambda: fit_family(Records([1.0, 2.0], [1, 1], covariates={"a": [1, 1]}), Family.WEIBULL), "leave it out"),
        (lambda: fit_family(Records([1.0, 2.0], [1, 1]), Family.HAZARD_RATIO), "no likelihood of its own"),
        (lambda: fit_family(Records([1.0, 2.0], [1, 1]), Family.SPLINE_ODDS, knots=[1.0, 0.0]), "Knots need"),
        (lambda: indicators("group", ["a", "b"], reference="c"), "reference level 'c'"),
        (lambda: log_rank(Records([1.0, 2.0], [1, 1]), [1, 1]), "both arms need patients"),
        (lambda: cox(Records([1.0, 2.0], [1, 1], weights=[1.0, 2.0]), [0, 1]), "unweighted"),
        (lambda: smoothed_hazard(Records([1.0, 2.0], [1, 1]), 3.0), "within follow-up"),
        (lambda: smoothed_hazard(Records([1.0, 2.0], [1, 1]), 1.0, bandwidth=0.0), "bandwidth"),
    ],
)
def test_bad_input_is_named(make: Callable[[], object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make()


# Without a family --------------------------------------------------------------------------------------------------


def test_numbers_at_risk_by_a_plain_count() -> None:
    random = np.random.default_rng(9)
    exits = random.integers(2, 12, 40).astype(float)
    entries = np.minimum(random.integers(0, 8, 40), exits - 1).astype(float)
    table = risk_table(Records(exits, random.integers(0, 2, 40), entries))
    for time, at_risk in zip(table.times, table.at_risk, strict=True):
        assert at_risk == sum(entry < time <= end for entry, end in zip(entries, exits, strict=True))


def test_without_censoring_a_kaplan_meier_curve_is_the_share_alive() -> None:
    times = np.array([1.0, 2.0, 2.0, 5.0, 7.0])
    curve = kaplan_meier(Records(times, np.ones(5)))
    np.testing.assert_allclose(curve.at([0.0, 1.0, 2.0, 6.0, 9.0]), [1.0, 0.8, 0.4, 0.2, 0.0], atol=1e-12)
    np.testing.assert_allclose(curve.standard_error_at(2.0), np.sqrt(0.4 * 0.6 / 5))  # binomial
    assert curve.mean_within(7.0)[0] == pytest.approx(times.mean())
    assert curve.median()[0] == 2.0


def test_the_log_rank_test_is_the_score_test_of_the_exact_cox_model() -> None:
    records, arm = simulated(60, seed=10, hazard_ratio=0.5)
    rounded = Records(np.ceil(records.times * 2) / 2, records.events)  # many ties
    fits = {ties: cox(rounded, arm, ties) for ties in Ties}
    test = log_rank(rounded, arm)
    assert test.p_value == pytest.approx(special.chdtrc(1, test.chi_squared))
    wald = (fits[Ties.EXACT].log_hazard_ratio / fits[Ties.EXACT].standard_error) ** 2
    assert wald == pytest.approx(test.chi_squared, rel=0.15)  # the same to first order
    sizes = [abs(fits[ties].log_hazard_ratio) for ties in (Ties.BRESLOW, Ties.EFRON, Ties.EXACT)]
    assert sizes == sorted(sizes)  # Breslow draws towards none, exact away from it


def test_without_ties_all_ways_to_treat_them_agree() -> None:
    records, arm = simulated(60, seed=11, hazard_ratio=0.5)
    fits = [cox(records, arm, ties) for ties in Ties]
    np.testing.assert_allclose([fit.log_hazard_ratio for fit in fits], fits[0].log_hazard_ratio, rtol=1e-9)
    low, high = fits[0].interval
    assert low < fits[0].hazard_ratio < high


def test_a_smoothed_hazard_of_exponential_times_is_flat_up_to_both_ends() -> None:
    times = -np.log1p(-(np.arange(4000) + 0.5) / 4000) / 0.7
    records = Records(np.minimum(times, 2.0), times <= 2.0)
    np.testing.assert_allclose(smoothed_hazard(records, np.linspace(0.0, 2.0, 9)), 0.7, rtol=0.02)


def test_intervals_stay_between_zero_and_one_and_hold_the_curve() -> None:
    records, _ = simulated(30, seed=12)
    for interval in Interval:
        curve = kaplan_meier(records, interval)
        some = curve.survival > 0  # where nobody is left there is no interval
        middle, (lower, upper) = curve.survival[some], curve.interval_at(curve.times[some])
        assert ((lower >= 0) & (lower <= middle) & (middle <= upper) & (upper <= 1)).all()


def test_knots_lie_at_quantiles_of_the_log_event_times() -> None:
    records = Records(np.exp([0.0, 1.0, 2.0, 3.0, 4.0, 9.0]), [1, 1, 1, 1, 1, 0])
    np.testing.assert_allclose(spline_knots(records, 3), [0.0, 1.0, 2.0, 3.0, 4.0], atol=1e-12)

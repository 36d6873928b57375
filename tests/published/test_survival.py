"""Fits, Kaplan–Meier, log-rank and Cox against flexsurv 2.3.2 and survival 3.5-3, on published records.

The 6-MP records are printed in Freireich et al. 1963 (Blood 21:699) and stand here. The lung, ovarian and German
breast cancer records are read from the folder of validation cases, and their tests skipped where it is absent: those
tables belong to other packages.
"""

from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
import pytest

from markov.survival.arm_comparison import Ties, cox, log_rank
from markov.survival.fit import Failure, Fit
from markov.survival.fitting import fit_all, fit_family
from markov.survival.kaplan_meier import Interval, kaplan_meier
from markov.survival.records import Records, indicators
from markov.terms import Array, Family

from .known_answers import FAMILIES, Case, outside_table, read_case

SCALES = {"hazard": Family.SPLINE_HAZARD, "odds": Family.SPLINE_ODDS, "normal": Family.SPLINE_NORMAL}
TABLES = {"lung": "lung", "ovarian": "ovarian", "breast": "bc"}
INTERVALS = {"loglog": Interval.LOG_LOG, "log": Interval.LOG, "plain": Interval.PLAIN}

# Weeks of remission; a minus sign marks a censored time.
PLACEBO = [1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23]
MERCAPTOPURINE = [6, 6, 6, -6, 7, -9, 10, -10, -11, 13, 16, -17, -19, -20, 22, 23, -25, -32, -32, -34, -35]

Published = dict[str, Any]


def signed(weeks: list[int]) -> Records:
    return Records(np.abs(weeks), np.asarray(weeks) > 0)


def records_of(name: str) -> Records:
    """Records of an analysis, covariates included, as its case describes them."""
    if name == "placebo":
        return signed(PLACEBO)
    if name == "mp6":
        return signed(MERCAPTOPURINE)
    columns = outside_table(f"data/{TABLES[name.split(' ')[0]]}.csv")
    covariates: dict[str, Array] = {}
    if name == "lung by sex":
        covariates = {"female": (np.array(columns["sex"]) == "2").astype(float)}
    if name == "breast by group":
        covariates = indicators("group", columns["group"], reference="Good")
    return Records(np.array(columns["time"], float), np.array(columns["event"], float), covariates=covariates)


def analyses() -> Iterator[tuple[str, Case, Published, list[Published]]]:
    """Each analysis: its records' name, its case, and the fits and splines expected."""
    for name, case_name, fits, splines in (
        ("lung", "lung_all", "fits", "splines"),
        ("lung by sex", "lung_by_sex", "fits", None),
        ("ovarian", "ovarian_all", "fits", None),
        ("breast", "breast_cancer_bc", "fits_no_covariate", "splines_no_covariate"),
        ("breast by group", "breast_cancer_bc", "fits_group", "splines_group"),
    ):
        case = read_case("survival", case_name)
        yield name, case, case["expected"][fits], case["expected"][splines] if splines else []
    case = read_case("survival", "drug6mp_by_arm")
    for arm in ("placebo", "mp6"):
        yield arm, case, case["expected"][arm]["fits"], []


FITS = [(name, case, key, x) for name, case, fits, _ in analyses() for key, x in fits.items() if key in FAMILIES]
SPLINES = [(name, case, x) for name, case, _, splines in analyses() for x in splines]


@cache
def fitted(name: str, family: Family, internal_knots: int = 0) -> Fit:
    return fit_family(records_of(name), family, internal_knots)


def pattern(newdata: dict[str, Any] | None) -> dict[str, float]:
    """A covariate pattern from the case's: a 0/1 covariate as it is, a group as the indicator of its level."""
    given = newdata or {}
    if "group" in given:
        return {} if given["group"] == "Good" else {f"group{given['group']}": 1.0}
    return {key: float(value) for key, value in given.items()}


def check_fit(fit: Fit, expected: Published, estimates: dict[str, float], case: Case, absolute: float = 0.0) -> None:
    """Log-likelihood (a higher one counts), AIC, estimates on the sampled scale, curves, medians, restricted means."""
    tolerance = case["tolerance"]
    assert fit.converged, fit.message
    assert len(fit.names) == expected["npars"]
    assert fit.log_likelihood > expected["loglik"] - tolerance["loglik_abs"]
    assert fit.log_likelihood < expected["loglik"] + tolerance["loglik_abs"], "far above: not the same likelihood?"
    assert fit.aic == pytest.approx(expected["AIC"], abs=2 * tolerance["loglik_abs"])
    found = [fit.estimates[fit.names.index(key if key in fit.names else key.lower())] for key in estimates]
    np.testing.assert_allclose(found, list(estimates.values()), rtol=tolerance["params_rel"], atol=absolute)
    for row in expected["pred"]:
        covariates = pattern(row["newdata"])
        np.testing.assert_allclose(fit.survival(row["times"], covariates), row["S"], atol=tolerance["S_abs"], rtol=0)
        np.testing.assert_allclose(fit.hazard(row["times"], covariates), row["h"], rtol=tolerance["params_rel"])
        within = fit.mean_within(row["rmst"]["tau"], covariates)
        assert within == pytest.approx(row["rmst"]["value"], rel=tolerance["rmst_rel"])
        if isinstance(row.get("median"), float):
            assert fit.median(covariates) == pytest.approx(row["median"], rel=tolerance["params_rel"])


@pytest.mark.parametrize(("name", "case", "key", "expected"), FITS, ids=[f"{name}-{key}" for name, _, key, _ in FITS])
def test_families(name: str, case: Case, key: str, expected: Published) -> None:
    fit = fitted(name, FAMILIES[key])
    check_fit(fit, expected, expected["params_transformed"], case)
    assert fit.bic == pytest.approx(expected["BIC_n"], abs=2 * case["tolerance"]["loglik_abs"])
    assert fit.bic_by_events == pytest.approx(expected["BIC_events"], abs=2 * case["tolerance"]["loglik_abs"])
    rows = [fit.names.index(key if key in fit.names else key.lower()) for key in expected["params_transformed"]]
    published = np.array(expected["vcov_transformed"])
    spread = np.sqrt(np.diag(published))
    difference = (fit.covariance[np.ix_(rows, rows)] - published) / np.outer(spread, spread)
    assert np.abs(difference).max() < 1e-4  # the case gives no tolerance: on the scale of correlations


@pytest.mark.parametrize(
    ("name", "case", "expected"), SPLINES, ids=[f"{name}-{x['scale']}-{x['k']}" for name, _, x in SPLINES]
)
def test_splines(name: str, case: Case, expected: Published) -> None:
    fit = fitted(name, SCALES[expected["scale"]], expected["k"])
    assert fit.knots is not None
    np.testing.assert_allclose(fit.knots, expected["knots_log_time"], atol=1e-9)
    # flexsurv's normal-scale splines with 2 or more knots stop up to 5e-6 below the maximum in ln L; our likelihood is
    # higher, and weights along the flat direction differ by up to 3e-4 (one of them is only −0.009).
    short = expected["scale"] == "normal" and expected["k"] >= 2
    if short:
        assert fit.log_likelihood > expected["loglik"]
    check_fit(fit, expected, expected["gamma"], case, absolute=2e-3 if short else 0.0)


@pytest.mark.parametrize("scale", SCALES)
def test_splines_with_four_knots_fit_the_breast_cancer_records_no_worse_than_those_with_none(scale: str) -> None:
    four, none = fitted("breast", SCALES[scale], 4), fitted("breast", SCALES[scale])
    assert four.converged, four.message
    assert four.log_likelihood > none.log_likelihood  # the spline without internal knots is one of those with four


def test_a_proportional_hazards_weibull_is_the_accelerated_one_in_other_words() -> None:
    case = read_case("survival", "lung_by_sex")
    expected = case["expected"]["fits"]["weibullPH"]
    fit = fitted("lung by sex", Family.WEIBULL)
    shape, scale = float(fit.parameters["shape"]), float(fit.parameters["scale"])
    assert fit.log_likelihood == pytest.approx(expected["loglik"], abs=case["tolerance"]["loglik_abs"])
    found = {"shape": shape, "scale": scale**-shape, "female": -shape * fit.estimates[2]}
    assert found == pytest.approx(expected["params"], rel=case["tolerance"]["params_rel"])


def test_the_six_mp_arm_has_no_finite_generalised_gamma_and_says_so() -> None:
    # flexsurv finds none either, and the case gives none: Q runs off to minus infinity.
    fits = fit_all(records_of("mp6"), (Family.LOG_NORMAL, Family.GENERALISED_GAMMA, Family.LOG_LOGISTIC))
    assert [type(fit) for fit in fits] == [Fit, Failure, Fit]
    assert isinstance(fits[1], Failure) and "no finite maximum" in fits[1].reason and "along q" in fits[1].reason


# Without a family ------------------------------------------------------------------------------------------------


def curves() -> Iterator[tuple[str, str, str, Case, Published]]:
    """Each Kaplan–Meier curve: its records' name, its arm, the scale of its interval, its case, what is expected."""
    for name, case_name in (
        ("lung", "lung_all"),
        ("lung by sex", "lung_by_sex"),
        ("ovarian", "ovarian_all"),
        ("breast", "breast_cancer_bc"),
    ):
        case = read_case("survival", case_name)
        for kind in INTERVALS:
            for arm in case["expected"]["km"][kind]:
                yield name, arm, kind, case, case["expected"]["km"]
    case = read_case("survival", "drug6mp_by_arm")
    for name in ("placebo", "mp6"):
        for kind in INTERVALS:
            yield name, "all", kind, case, case["expected"][name]["km"]


CURVES = list(curves())


def arm_of(name: str, arm: str) -> Records:
    records = records_of(name)
    return records if arm == "all" else records.where(records.covariates["female"] == float(arm[-1]))


def numbers(values: list[float | None]) -> Array:
    return np.array([np.nan if value is None else value for value in values], dtype=float)


@pytest.mark.parametrize(
    ("name", "arm", "kind", "case", "km"), CURVES, ids=[f"{name}-{arm}-{kind}" for name, arm, kind, *_ in CURVES]
)
def test_kaplan_meier(name: str, arm: str, kind: str, case: Case, km: Published) -> None:
    expected, records = km[kind][arm], arm_of(name, arm)
    curve = kaplan_meier(records, INTERVALS[kind])
    times = np.array(expected["time"], dtype=float)
    np.testing.assert_allclose(curve.at(times), expected["surv"], atol=1e-9)
    np.testing.assert_allclose(curve.standard_error_at(times), numbers(expected["se"]), atol=1e-9)
    lower, upper = curve.interval_at(times)
    np.testing.assert_allclose(lower, numbers(expected["lower"]), atol=1e-9)
    np.testing.assert_allclose(upper, numbers(expected["upper"]), atol=1e-9)
    assert [int((records.times >= time).sum()) for time in times] == expected["n_risk"]


@pytest.mark.parametrize(
    ("name", "arm", "case", "km"),
    [(n, a, c, km) for n, a, kind, c, km in CURVES if kind == "log"],
    ids=lambda x: x if isinstance(x, str) else "",
)
def test_kaplan_meier_medians_and_restricted_means(name: str, arm: str, case: Case, km: Published) -> None:
    summary, row = km["table"], list(km["log"]).index(arm)
    records = arm_of(name, arm)
    curve = kaplan_meier(records, Interval.LOG)  # the scale of R's own default, on which its table rests
    mean, error = curve.mean_within(km["tau"])
    assert mean == pytest.approx(summary["rmean"][row], rel=1e-9)
    assert error == pytest.approx(summary["se(rmean)"][row], rel=1e-9)
    limits = [summary[key][row] for key in ("median", "0.95LCL", "0.95UCL")]
    assert curve.median() == pytest.approx([np.inf if limit is None else limit for limit in limits], rel=1e-9)
    assert (records.patients, records.event_count) == (summary["records"][row], summary["events"][row])


def test_log_rank_and_cox_of_lung_cancer_by_sex() -> None:
    expected, records = read_case("survival", "lung_by_sex")["expected"], records_of("lung by sex")
    female = records.covariates["female"]
    efron, breslow = cox(records, female), cox(records, female, Ties.BRESLOW)
    assert log_rank(records, female).chi_squared == pytest.approx(expected["logrank_chisq"], rel=1e-9)
    assert efron.log_hazard_ratio == pytest.approx(expected["cox"]["efron"]["loghr"], rel=1e-6)
    assert efron.standard_error == pytest.approx(expected["cox"]["efron"]["se"], rel=1e-6)
    assert efron.hazard_ratio == pytest.approx(expected["cox"]["efron"]["hr"], rel=1e-6)
    assert efron.interval == pytest.approx(expected["cox"]["efron"]["ci"], rel=1e-6)
    assert efron.proportionality_p_value == pytest.approx(expected["ph_test_p"], rel=1e-6)
    assert breslow.log_hazard_ratio == pytest.approx(expected["cox"]["breslow"]["loghr"], rel=1e-6)
    assert breslow.standard_error == pytest.approx(expected["cox"]["breslow"]["se"], rel=1e-6)


def test_log_rank_and_cox_of_six_mp_with_all_ways_to_treat_ties() -> None:
    expected = read_case("survival", "drug6mp_by_arm")["expected"]
    weeks = np.array(PLACEBO + MERCAPTOPURINE)
    records, treated = Records(np.abs(weeks), weeks > 0), np.repeat([0.0, 1.0], 21)
    assert log_rank(records, treated).chi_squared == pytest.approx(expected["logrank_chisq"], rel=1e-9)
    for row in expected["cox"]:
        fit = cox(records, treated, Ties(row["ties"]))
        assert fit.log_hazard_ratio == pytest.approx(row["loghr"], rel=1e-6)
        assert fit.standard_error == pytest.approx(row["se"], rel=1e-6)

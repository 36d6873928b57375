"""From what a publication reports to hazards: medians, two points, ratios, crude incidences, life tables."""

from itertools import pairwise

import numpy as np
import pytest
from scipy import special
from scipy.integrate import quad

from markov.analysis.draws import correlated_uniforms
from markov.inputs.correlations import Block
from markov.model.cohort import rule_from_increments, rule_from_probabilities, trace
from markov.model.structure import Structure
from markov.model.transitions import shares
from markov.survival.effects import (
    Effect,
    asymmetry,
    effect_from_interval,
    effect_from_log_rank,
    effect_from_p_value,
    effect_from_p_value_and_events,
    effect_from_total_events,
)
from markov.survival.families import cumulative_hazard, shape_from_medians, with_median
from markov.survival.hazards import (
    cumulative_incidence,
    probability_from_rate,
    rate_from_incidence,
    rate_from_probability,
    survival_from_increments,
)
from markov.survival.kaplan_meier import kaplan_meier
from markov.survival.life_table import LifeTable, background_increments
from markov.survival.records import Records
from markov.terms import DAYS_PER_MONTH, DAYS_PER_YEAR, MONTHS_PER_YEAR, Array, Family

from .counting import discount
from .known_answers import Case, assert_agrees, outside_table, read_case, read_table

Curve = dict[str, Array]


def survival(family: Family, curve: Curve, times: Array | float) -> Array:
    return np.exp(-cumulative_hazard(family, curve, np.asarray(times, dtype=float)))


def number(text: str | float) -> Array:
    """A number that the file writes as text, as the curves take it."""
    return np.asarray(float(text))


# Competing exits -------------------------------------------------------------------------------------------------


def test_cumulative_incidences_of_competing_exits() -> None:
    case = read_case("calibration", "competing_exits")
    for row in case["expected"]["forward"]:
        rates = {event: float(rate) for event, rate in row["rates"].items()}
        total = sum(rates.values())
        for time, expected in row["cumulative_incidence"].items():
            naive, together = row["one_minus_KM_naive"][time], shares(np.array(list(rates.values())) * float(time))
            assert_agrees(together, list(expected.values()), case, time)
            for event, rate in rates.items():
                others, years = number(total - rate), number(time)
                assert_agrees(cumulative_incidence(number(rate), others, years), expected[event], case, event)
                assert_agrees(probability_from_rate(number(rate), years), naive[event], case, event)
        ultimate = [cumulative_incidence(number(rate), number(total - rate), number(100)) for rate in rates.values()]
        assert_agrees(ultimate, list(row["ultimate"].values()), case)


@pytest.mark.parametrize("i", range(4))
def test_a_crude_incidence_gives_its_rate_once_other_exits_are_known(i: int) -> None:
    # The seed's 52 % discontinuation, 7 % and 8 % second malignancies: read without other exits, the rate is
    # 30 to 40 % too low.
    case = read_case("calibration", "competing_exits")
    row = case["expected"]["inverse"][i]
    incidence, years, others = (number(row[key]) for key in ("cumulative_incidence", "by_time", "other_exit_rate"))
    rate = rate_from_incidence(incidence, others, years)
    assert_agrees(rate, row["rate"], case)
    assert_agrees(rate_from_probability(incidence, years), row["naive_rate_ignoring_competing"], case)
    assert_agrees(cumulative_incidence(rate, others, years), row["check"], case)


# Medians ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("i", range(4))
def test_two_medians_give_exponential_hazards_and_their_ratio(i: int) -> None:
    case = read_case("calibration", "medians_to_hazards")
    row = case["expected"][i]
    treated, control = (number(row[key]) for key in ("median_treatment", "median_control"))
    rates = [with_median(Family.EXPONENTIAL, {}, median)["rate"] for median in (treated, control)]
    assert_agrees(rates, [row["rate_treatment"], row["rate_control"]], case)
    assert_agrees(rates[0] / rates[1], row["hr"], case)
    assert_agrees(1.0 / rates[0] - 1.0 / rates[1], row["mean_difference"], case)
    assert_agrees(treated - control, row["median_difference"], case)
    per_year, days = (MONTHS_PER_YEAR, DAYS_PER_MONTH) if row["unit"] == "months" else (1.0, DAYS_PER_YEAR)
    annual = [probability_from_rate(rate, np.asarray(per_year)) for rate in rates]
    assert_agrees(annual, [row["annual_probability_treatment"], row["annual_probability_control"]], case)
    cycle = probability_from_rate(rates[0], np.asarray(28.0 / days))
    assert_agrees(cycle, row["cycle_28_day_probability_treatment"], case)


@pytest.mark.parametrize("i", range(4))
def test_medians_with_the_exponential_ratio_identify_an_exponential_shape(i: int) -> None:
    row = read_case("calibration", "medians_to_hazards")["expected"][i]
    shape = shape_from_medians(row["hr"], float(row["median_treatment"]), float(row["median_control"]))
    assert shape == pytest.approx(1.0, rel=1e-12)


# Two points of a curve -------------------------------------------------------------------------------------------


def two_points(case: Case, i: int) -> tuple[float, float, float]:
    """The median, and the other point's time and survival: both of the case's pairs hold a median."""
    points = [(float(time), float(alive)) for time, alive in case["expected"][i]["points"]]
    (median,) = (time for time, alive in points if alive == 0.5)
    ((time, alive),) = ((time, alive) for time, alive in points if alive != 0.5)
    return median, time, alive


def assert_meets(family: Family, shape: Curve, case: Case, i: int, expected: Curve) -> Curve:
    """With its shape and the median, the curve has the published parameters and passes through both points."""
    median, time, alive = two_points(case, i)
    curve = dict(with_median(family, shape, np.asarray(median)))
    for name, value in expected.items():
        assert_agrees(curve[name], value, case, name)
    assert_agrees(survival(family, curve, np.array([median, time])), [0.5, alive], case, family)
    return curve


@pytest.mark.parametrize("i", [0, 1])
def test_a_median_and_one_more_point_determine_a_weibull(i: int) -> None:
    # ln H is a line in ln t: its slope is the shape.
    case = read_case("calibration", "two_point_calibration")
    median, time, alive = two_points(case, i)
    shape = np.log(-np.log(alive) / np.log(2.0)) / np.log(time / median)
    expected = dict(case["expected"][i]["weibull"])
    mean = expected.pop("mean")
    curve = assert_meets(Family.WEIBULL, {"shape": np.asarray(shape)}, case, i, expected)
    assert_agrees(curve["scale"] * special.gamma(1.0 + 1.0 / shape), mean, case)
    assert_agrees(mean_of(Family.WEIBULL, curve), mean, case)


@pytest.mark.parametrize("i", [0, 1])
def test_a_median_and_one_more_point_determine_a_log_normal(i: int) -> None:
    # The normal quantile of 1 − S is a line in ln t: its slope is 1/sdlog.
    case = read_case("calibration", "two_point_calibration")
    median, time, alive = two_points(case, i)
    spread = np.log(time / median) / special.ndtri(1.0 - alive)
    expected = dict(case["expected"][i]["lognormal"])
    mean = expected.pop("mean")
    curve = assert_meets(Family.LOG_NORMAL, {"sdlog": np.asarray(spread)}, case, i, expected)
    assert_agrees(np.exp(curve["meanlog"] + 0.5 * spread**2), mean, case)
    assert_agrees(mean_of(Family.LOG_NORMAL, curve), mean, case)


@pytest.mark.parametrize("i", [0, 1])
def test_a_median_and_one_more_point_determine_a_log_logistic(i: int) -> None:
    # The log odds of the event are a line in ln t: its slope is the shape.
    case = read_case("calibration", "two_point_calibration")
    median, time, alive = two_points(case, i)
    shape = np.log((1.0 - alive) / alive) / np.log(time / median)
    assert_meets(Family.LOG_LOGISTIC, {"shape": np.asarray(shape)}, case, i, case["expected"][i]["loglogistic"])


def mean_of(family: Family, curve: Curve) -> float:
    """Area under the curve to where nobody is left, in pieces of growing length."""
    edges = np.concatenate([[0.0], np.geomspace(1.0, 1e7, 15)])
    pieces = [
        quad(lambda t: float(survival(family, curve, t)), start, end, epsabs=1e-13, epsrel=1e-12)[0]
        for start, end in pairwise(edges)
    ]
    return float(sum(pieces))


# Ratios applied to a curve ---------------------------------------------------------------------------------------

RATIOS = read_case("calibration", "hazard_ratio_application")
FAMILIES = {
    "exp": (Family.EXPONENTIAL, ("rate",)),
    "weibull": (Family.WEIBULL, ("shape", "scale")),
    "gompertz": (Family.GOMPERTZ, ("shape", "rate")),
    "llogis": (Family.LOG_LOGISTIC, ("shape", "scale")),
    "lnorm": (Family.LOG_NORMAL, ("meanlog", "sdlog")),
}
every_ratio = pytest.mark.parametrize("row", RATIOS["expected"], ids=lambda row: row["dist"])


def curve_of(row: Case) -> tuple[Family, Curve, float]:
    family, names = FAMILIES[row["dist"]]
    return family, {name: number(value) for name, value in zip(names, row["params"], strict=True)}, float(row["hr"])


@every_ratio
def test_a_hazard_ratio_multiplies_the_increments(row: Case) -> None:
    family, curve, ratio = curve_of(row)
    for time, expected in row["S_ph"].items():
        increments = np.diff(cumulative_hazard(family, curve, np.linspace(0.0, float(time), 37)))
        assert_agrees(survival_from_increments(ratio * increments)[-1], expected, RATIOS, time)


@every_ratio
def test_a_time_ratio_stretches_time(row: Case) -> None:
    family, curve, ratio = curve_of(row)
    for time, expected in row["S_af_time_ratio"].items():
        assert_agrees(survival(family, curve, ratio * float(time)), expected, RATIOS, time)


@every_ratio
def test_a_ratio_within_a_family_changes_one_parameter(row: Case) -> None:
    family, curve, ratio = curve_of(row)
    if "rate_under_ph" in row:  # exponential, Gompertz: the rate
        assert_agrees(curve["rate"] * ratio, row["rate_under_ph"], RATIOS)
        changed = curve | {"rate": curve["rate"] * ratio}
        assert_agrees(survival(family, changed, 5.0), survival(family, curve, 5.0) ** ratio, RATIOS)
    if "scale_under_ph" in row:  # Weibull: the scale
        scale = curve["scale"] * ratio ** (-1.0 / curve["shape"])
        assert_agrees(scale, row["scale_under_ph"], RATIOS)
        placed = with_median(family, {"shape": curve["shape"]}, number(row["median_ph"]))
        assert_agrees(placed["scale"], scale, RATIOS)
    for time, expected in row.get("S_proportional_odds", {}).items():  # log-logistic: odds, again through the scale
        changed = curve | {"scale": curve["scale"] * ratio ** (-1.0 / curve["shape"])}
        assert_agrees(survival(family, changed, float(time)), expected, RATIOS, time)


# Life table ------------------------------------------------------------------------------------------------------


def us_table() -> tuple[LifeTable, dict[str, Array]]:
    """US 2015: central death rates by year of age, taken as hazards, and the table's own columns."""
    columns = read_table("us_2015_mx.csv")
    return LifeTable(columns["Age"], columns["Male"], columns["Female"]), columns


def of_sex(sex: str) -> tuple[LifeTable, Array]:
    """A table and a share of women which together give the survival of that column; `Total` is both sexes at once."""
    table, columns = us_table()
    if sex == "Total":
        return LifeTable(columns["Age"], columns["Total"], columns["Total"]), np.asarray(0.5)
    return table, np.asarray(float(sex == "Female"))


@pytest.mark.parametrize("age", [45, 60, 70])
@pytest.mark.parametrize("sex", ["Female", "Male", "Total"])
def test_life_expectancy_to_100_from_the_us_life_table(sex: str, age: int) -> None:
    case = read_case("calibration", "life_table_general_population")
    expected = case["expected"][f"{sex}_{age}"]
    table, share_of_women = of_sex(sex)
    years = np.arange(101.0 - age)
    alive = table.survival(np.asarray(float(age)), share_of_women, years)
    assert_agrees(alive[-1], expected["survival_to_100"], case)
    # Constant hazards within a year of age: each year's area is S·(1 − e^−h)/h, with ln(1 + r) added to h where it
    # is discounted.
    hazards = np.diff(-np.log(alive))
    for key, rate in (("restricted_life_expectancy_to_100", 0.0), ("discounted_3pc", case["inputs"]["discount"])):
        in_year = special.exprel(-(hazards + np.log1p(rate)))
        assert_agrees((discount(years[:-1], rate) * alive[:-1] * in_year).sum(), expected[key], case, key)


@pytest.mark.parametrize("age", [45, 60, 70])
def test_background_increments_add_up_to_the_same_survival(age: int) -> None:
    case = read_case("calibration", "life_table_general_population")
    for sex in ("Female", "Male", "Total"):
        table, share_of_women = of_sex(sex)
        cycles = np.linspace(0.0, 100.0 - age, 481)
        one = np.asarray(1.0)
        increments = background_increments(table, np.asarray(float(age)), share_of_women, one, cycles)
        expected = case["expected"][f"{sex}_{age}"]["survival_to_100"]
        assert_agrees(survival_from_increments(increments)[-1], expected, case, sex)


def test_survivors_of_both_sexes_are_mixed_and_their_hazard_leans_towards_the_women() -> None:
    # Men die earlier, so women are more than half of those left: mixing hazards (or q_x) half and half overstates.
    table, _ = us_table()
    age, years = np.asarray(60.0), np.arange(41.0)
    mixed, women, men = (table.survival(age, np.asarray(share), years) for share in (0.5, 1.0, 0.0))
    np.testing.assert_allclose(mixed, 0.5 * women + 0.5 * men, rtol=1e-14)
    assert -np.log(mixed[-1]) < -0.5 * (np.log(women[-1]) + np.log(men[-1]))


# Ratios from what is printed -------------------------------------------------------------------------------------


@pytest.mark.parametrize("i", [0, 1, 2])
def test_a_printed_interval_gives_the_error_of_the_log_hazard_ratio(i: int) -> None:
    case = read_case("calibration", "log_hr_extraction")
    row = case["expected"][i]
    ratio, (low, high) = float(row["hr"]), (float(limit) for limit in row["ci"])
    effect = effect_from_interval(ratio, low, high)
    assert_agrees([effect.log_ratio, effect.standard_error], [row["log_hr"], row["se"]], case)
    assert_agrees(effect.log_ratio / effect.standard_error, row["z"], case)
    assert_agrees(effect.p_value, row["p_two_sided"], case)
    assert_agrees(effect_from_p_value(ratio, row["p_two_sided"]).standard_error, row["se"], case)
    middle = effect.log_ratio + asymmetry(ratio, low, high) * 0.5 * np.log(high / low)
    assert_agrees(np.exp(middle), row["geometric_midpoint"], case)
    events = row["implied_events_4_over_se2"]
    assert_agrees(effect_from_total_events(ratio, events).standard_error, row["se"], case)


def test_a_p_value_and_the_events_give_a_hazard_ratio() -> None:
    case = read_case("calibration", "log_hr_extraction")
    row = case["expected"][3]
    effect = effect_from_p_value_and_events(float(row["p"]), float(row["events"]), favours_treated=True)
    assert_agrees(effect.standard_error, row["se_from_events_equal_allocation"], case)
    assert_agrees(-effect.log_ratio / effect.standard_error, row["z_from_p"], case)
    assert_agrees(effect.ratio, row["hr_if_favourable"], case)


def test_a_log_rank_test_gives_a_hazard_ratio() -> None:
    case = read_case("calibration", "log_hr_extraction")
    row = case["expected"][4]
    effect = effect_from_log_rank(float(row["o_minus_e"]), float(row["v"]))
    assert_agrees([effect.ratio, effect.standard_error], [row["hr_from_o_minus_e"], row["se"]], case)


def test_the_middle_of_a_printed_interval_is_not_quite_its_ratio() -> None:
    case = read_case("calibration", "moment_matching")
    (row,) = (row for row in case["expected"] if row["dist"] == "lognormal_ci")
    ratio, low, high = (float(row[key]) for key in ("point", "lower", "upper"))
    effect = effect_from_interval(ratio, low, high)
    assert_agrees([effect.log_ratio, effect.standard_error], [row["meanlog_from_point"], row["sdlog"]], case)
    middle = effect.log_ratio + asymmetry(ratio, low, high) * 0.5 * np.log(high / low)
    assert_agrees(middle, row["meanlog_from_ci"], case)
    assert_agrees(Effect(effect.log_ratio + 0.5 * effect.variance, 0.0).ratio, row["mean_of_distribution"], case)


# Correlated draws ------------------------------------------------------------------------------------------------


def drawn_from(normals: Array, covariance: Array) -> Array:
    """Deviations from the mean that the copula's uniforms stand for, under normal distributions."""
    errors = np.sqrt(np.diag(covariance))
    names = tuple(str(i) for i in range(len(errors)))
    block = Block(names, covariance / np.outer(errors, errors))
    drawn = correlated_uniforms(block, list(special.ndtr(normals.T)))
    return np.asarray(errors * special.ndtri(np.stack([drawn[name] for name in names], axis=1)))


def test_correlated_coefficients_of_the_hip_model_from_given_normals() -> None:
    case = read_case("calibration", "cholesky_thr")
    inputs, expected = case["inputs"], case["expected"]
    covariance = np.array(inputs["covariance"])
    drawn = np.array(inputs["mean"]) + drawn_from(np.array(inputs["standard_normals"]), covariance)
    assert_agrees(drawn, expected["draws"], case)
    columns = drawn_from(np.eye(5), covariance)  # one normal at a time is one column of the factor
    np.testing.assert_allclose(columns.T, expected["lower_cholesky"], rtol=1e-10, atol=1e-15)


# Competing events without a curve --------------------------------------------------------------------------------


def transplanted(group: str) -> tuple[Array, Array]:
    """Years and event (0 censored, 1 relapse, 2 death in remission) after transplant, of one group or `all`."""
    columns = outside_table("data/bmt_competing.csv")
    chosen = [group in ("all", f"group{own}") for own in columns["group"]]
    return np.array(columns["time"], dtype=float)[chosen], np.array(columns["event"], dtype=int)[chosen]


@pytest.mark.parametrize("group", ["all", "group1", "group2", "group3"])
def test_the_engine_on_observed_shares_is_the_aalen_johansen_estimator(group: str) -> None:
    # Each event time is a cycle; of those at risk, the observed shares relapse or die, and nobody moves twice.
    case = read_case("calibration", "aalen_johansen_bmt")
    expected = case["expected"][group]
    years, events = transplanted(group)
    at = np.unique(years[events > 0])
    moved = np.array([[((years == t) & (events == e)).sum() / (years >= t).sum() for e in (1, 2)] for t in at])
    structure = Structure.of(["remission", "relapse", "death"], [("remission", "relapse"), ("remission", "death")])
    rule = rule_from_probabilities(structure, lambda k, x: moved[k])
    occupancy = trace(structure, np.array([1.0, 0.0, 0.0]), at.size, rule, half_cycle_exposure=False)
    seen = np.searchsorted(at, expected["times"], side="right")
    assert years.size == expected["n"]
    np.testing.assert_allclose(occupancy[seen], expected["probability"], rtol=1e-8, atol=1e-12)
    edges = np.concatenate([[0.0], np.minimum(at, expected["tau"]), [expected["tau"]]])
    assert_agrees(np.diff(edges) @ occupancy, expected["restricted_mean_time_in_state"], case)


@pytest.mark.parametrize("group", ["all", "group1", "group2", "group3"])
def test_remission_is_the_kaplan_meier_curve_of_either_event(group: str) -> None:
    case = read_case("calibration", "aalen_johansen_bmt")
    expected = case["expected"][group]
    years, events = transplanted(group)
    curve = kaplan_meier(Records(years, events > 0))
    assert_agrees(curve.at(expected["times"]), np.array(expected["probability"])[:, 0], case)
    assert_agrees(curve.standard_error_at(expected["times"]), np.array(expected["se"])[:, 0], case)
    assert_agrees(curve.mean_within(expected["tau"])[0], expected["restricted_mean_time_in_state"][0], case)


# Rates that meet a target ----------------------------------------------------------------------------------------


def test_a_count_after_nine_cycles_gives_the_probability_of_staying() -> None:
    case = read_case("calibration", "one_parameter_calibration")
    start, cycles, target = (case["inputs"][key] for key in ("initial", "transitions", "target"))
    leaving = rate_from_probability(number(1.0 - target / start), number(cycles))
    staying = 1.0 - float(probability_from_rate(leaving, number(1.0)))
    assert_agrees(staying, case["expected"]["p"], case)
    assert staying == pytest.approx(case["published"]["p"], abs=case["tolerance"]["published_abs"])
    structure = Structure.of(["here", "gone"], [("here", "gone")])
    rule = rule_from_probabilities(structure, lambda k, x: 1.0 - np.array([[staying, 0.8]]))
    here = trace(structure, np.array([[start, start], [0.0, 0.0]], dtype=float), cycles, rule)[-1, 0]
    assert_agrees(here, [target, case["expected"]["count_at_p_0_8"]], case)


POST_PROGRESSION = read_case("calibration", "post_progression_rate")
REACHED = [row for row in POST_PROGRESSION["expected"] if row["post_progression_death_rate"] is not None]


def alive(row: Case, rates: Array, months: float) -> Array:
    """OS of three states with constant hazards at a time, by death rate after progression: the engine's own limit.

    Cycle lengths are halved five times, and powers 2 to 6 of the length taken out of the error.
    """
    structure = Structure.of(
        ["free", "progressed", "dead"], [("free", "progressed"), ("free", "dead"), ("progressed", "dead")]
    )
    exits = [row["progression_rate"], row["pre_progression_death_rate"]]
    levels = []
    for cycles in (32, 64, 128, 256, 512, 1024):
        increments = np.stack([np.full_like(rates, exits[0]), np.full_like(rates, exits[1]), rates]) * months / cycles
        rule = rule_from_increments(structure, lambda k, x, increments=increments: increments)  # type: ignore[misc]
        start = np.stack([np.ones_like(rates), np.zeros_like(rates), np.zeros_like(rates)])
        levels.append(1.0 - trace(structure, start, cycles, rule)[-1, 2])
    for power in range(2, 7):
        levels = [(2.0**power * fine - coarse) / (2.0**power - 1.0) for coarse, fine in pairwise(levels)]
    return np.asarray(levels[0])


@pytest.mark.parametrize("row", REACHED, ids=lambda row: f"median {row['median_os']}")
def test_the_death_rate_after_progression_meets_the_median_of_overall_survival(row: Case) -> None:
    median, rate = float(row["median_os"]), row["post_progression_death_rate"]
    found = alive(row, rate * np.array([1.0, 0.999, 1.001]), median)
    assert_agrees(found[0], 0.5, POST_PROGRESSION)
    assert found[1] > 0.5 > found[2]
    assert_agrees(alive(row, np.array([rate]), 2.0 * median)[0], row["os_at_2x_median"], POST_PROGRESSION)
    share = 1.0 - float(row["share_of_pfs_events_that_are_deaths"])
    leaving = row["progression_rate"] + row["pre_progression_death_rate"]
    assert_agrees(leaving, with_median(Family.EXPONENTIAL, {}, number(row["median_pfs"]))["rate"], POST_PROGRESSION)
    assert_agrees(1.0 / leaving + share / rate, row["mean_os"], POST_PROGRESSION)


def test_no_death_rate_after_progression_keeps_half_alive_where_deaths_before_it_are_too_many() -> None:
    (row,) = (row for row in POST_PROGRESSION["expected"] if row["post_progression_death_rate"] is None)
    dying, progressing = number(row["pre_progression_death_rate"]), number(row["progression_rate"])
    assert 1.0 - cumulative_incidence(dying, progressing, number(row["median_os"])) < 0.5
    assert alive(row, np.array([0.0]), float(row["median_os"]))[0] < 0.5

"""Closed forms: chains of constant hazards, curves, discounting and within-cycle weights."""

from collections.abc import Callable
from functools import cache
from itertools import combinations, pairwise

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.linalg import expm

from markov.analysis.incremental import incremental
from markov.model.cohort import rule_from_increments, rule_from_probabilities, run_cohort, trace
from markov.model.discounting import discount_factors
from markov.model.structure import Structure
from markov.model.transitions import Moves, shares
from markov.survival.families import cumulative_hazard, with_median
from markov.survival.hazards import (
    cap_crossing,
    probability_from_rate,
    rate_from_probability,
    survival_from_increments,
)
from markov.terms import Array, Correction, Crossing, Family

from .counting import boundaries_of, discount, integral, trapezium
from .known_answers import FAMILIES, Case, assert_agrees, names_of, observed_orders, read_case

MONTH = 1.0 / 12.0


# Chains M → T → P → S → D with constant hazards ------------------------------------------------------------------

CHAINS = [read_case("analytic", name) for name in names_of("analytic", "chain_")]
every_chain = pytest.mark.parametrize("case", CHAINS, ids=[case["id"] for case in CHAINS])
every_rate = pytest.mark.parametrize("rate", ["0", "0.03", "0.035"])


def structure_of(case: Case) -> Structure:
    """Every forward transition of the chain; those that a case does not mention have a rate of 0."""
    return Structure.of(case["inputs"]["states"], combinations(case["inputs"]["states"], 2))


def rates_of(case: Case) -> Array:
    rates = case["inputs"]["annual_transition_rates"]
    return np.array([rates.get(a + b, 0.0) for a, b in structure_of(case).transitions])


def exact_probabilities(case: Case, years: float) -> Array:
    """P = e^(Q·years), 1 year at the most: for such chains SciPy's expm fails once it has to square (about 9 years)."""
    structure = structure_of(case)
    generator = np.zeros((len(structure.states),) * 2)
    for (a, b), rate in zip(structure.transitions, rates_of(case), strict=True):
        generator[structure.index[a], structure.index[b]] = rate
    np.fill_diagonal(generator, -generator.sum(axis=1))
    matrix: Array = expm(generator * years)
    return matrix


def started(structure: Structure) -> Array:
    initial: Array = np.eye(len(structure.states))[0]
    return initial


def exact_trace(case: Case, years_per_cycle: float, cycles: int) -> Array:
    """The engine on the exact probabilities, one move a cycle: exact occupancy at the cycle boundaries."""
    structure = structure_of(case)
    matrix = exact_probabilities(case, years_per_cycle)
    moves = np.array([matrix[structure.index[a], structure.index[b]] for a, b in structure.transitions])
    rule = rule_from_probabilities(structure, lambda k, x: moves)
    return trace(structure, started(structure), cycles, rule, half_cycle_exposure=False)


def per_state(case: Case, name: str) -> Array:
    """Utilities or costs per year, in the order of the states; nothing in death."""
    return np.array([float(case["inputs"][name].get(state, 0.0)) for state in case["inputs"]["states"]])


def costs_of(case: Case) -> Array:
    costs = per_state(case, "cost_per_year")
    costs[0] += case["inputs"]["extra_cost_per_year_in_M"]
    return costs


@every_chain
def test_exact_probabilities_give_the_exact_occupancy(case: Case) -> None:
    occupancy = exact_trace(case, MONTH, 12 * case["inputs"]["horizon_years"])
    for time, row in case["expected"]["occupancy"].items():
        assert_agrees(occupancy[round(12 * float(time))], row, case, time)
    for time, alive in case["expected"]["overall_survival"].items():
        assert_agrees(occupancy[round(12 * float(time)), :4].sum(), alive, case, time)
    for time, free in case["expected"]["progression_free_survival_M_plus_T"].items():
        assert_agrees(occupancy[round(12 * float(time)), :2].sum(), free, case, time)


@every_rate
@pytest.mark.parametrize("cycle", ["month", "quarter", "year"])
@every_chain
def test_cycle_sums_meet_the_closed_form_under_every_convention(case: Case, cycle: str, rate: str) -> None:
    expected = case["expected"]["discrete_time_exact_P"][cycle]
    horizon, cycles, r = case["inputs"]["horizon_years"], expected["n_cycles"], float(rate)
    t = boundaries_of(horizon, cycles)
    assert_agrees(exact_probabilities(case, horizon / cycles)[0], expected["P_row_M"], case)
    utility = exact_trace(case, horizon / cycles, cycles) @ per_state(case, "utility_per_year")
    sums = expected[rate]
    assert_agrees(integral(utility, t, r, Correction.START), sums["qalys_start_of_cycle"], case)
    assert_agrees(integral(utility, t, r, Correction.END), sums["qalys_end_of_cycle"], case)
    assert_agrees(integral(utility, t, r, Correction.HALF_CYCLE), sums["qalys_life_table_discount_mid"], case)
    # Published conventions, kept out of the product: averages discounted at the start, the end or both boundaries.
    average = 0.5 * np.diff(t) * (utility[1:] + utility[:-1])
    assert_agrees(trapezium(utility, t, r), sums["qalys_trapezium"], case)
    assert_agrees(discount(t[:-1], r) @ average, sums["qalys_life_table_discount_at_start"], case)
    assert_agrees(discount(t[1:], r) @ average, sums["qalys_life_table_discount_end"], case)
    if sums["qalys_simpson13"] is None:
        with pytest.raises(ValueError, match="even number of cycles, found 25"):
            integral(utility, t, r, Correction.SIMPSON)
    else:
        assert_agrees(integral(utility, t, r, Correction.SIMPSON), sums["qalys_simpson13"], case)


@every_rate
@every_chain
def test_fine_cycles_with_simpson_reach_continuous_time(case: Case, rate: str) -> None:
    # Simpson's error falls with the fourth power: at 60 cycles a year it is a few 1e-12 of the total.
    expected = case["expected"]["continuous_time"][rate]
    cycles = 60 * case["inputs"]["horizon_years"]
    t = boundaries_of(case["inputs"]["horizon_years"], cycles)
    years = integral(exact_trace(case, 1 / 60, cycles), t, float(rate), Correction.SIMPSON)
    index = structure_of(case).index
    for state, time in expected["time_in_state"].items():
        assert_agrees(years[index[state]], time, case, state)
    assert_agrees(years[:4].sum(), expected["life_years"], case)
    assert_agrees(years @ per_state(case, "utility_per_year"), expected["qalys"], case)
    assert_agrees(years @ costs_of(case), expected["cost"], case)
    for pair, transitions in expected["expected_transitions"].items():
        flow = case["inputs"]["annual_transition_rates"][pair] * years[index[pair[0]]]
        assert_agrees(flow, transitions, case, pair)


@every_chain
def test_a_long_horizon_reaches_the_time_in_state_of_the_fundamental_matrix(case: Case) -> None:
    t = boundaries_of(120.0, 7200)  # every living state is left at 0.25 a year or more: e^−30 is left
    years = integral(exact_trace(case, 1 / 60, 7200), t, 0.0, Correction.SIMPSON)
    expected = case["expected"]
    assert_agrees(years[0], expected["mean_time_in_M_infinite"], case)
    assert_agrees(years[:4].sum(), expected["life_expectancy_infinite"], case)
    for state, time in expected["time_in_state_infinite"].items():
        assert_agrees(years[structure_of(case).index[state]], time, case, state)


def test_states_that_nobody_can_reach_stay_exactly_empty() -> None:
    case = read_case("analytic", "chain_no_spm_no_toxicity")
    unreachable = [structure_of(case).index[state] for state in ("T", "S")]
    for exposure in (True, False):
        assert not chain_run(case, 12, half_cycle_exposure=exposure)[0][:, unreachable].any()


@cache
def chain_qalys(cycles_per_year: int, half_cycle_exposure: bool, correction: Correction) -> float:
    """QALYs of chain_basic at 3.5 % from the engine's own competing exits."""
    case = read_case("analytic", "chain_basic")
    occupancy, _ = chain_run(case, cycles_per_year, half_cycle_exposure=half_cycle_exposure)
    t = boundaries_of(30.0, 30 * cycles_per_year)
    return float(integral(occupancy @ per_state(case, "utility_per_year"), t, 0.035, correction))


def chain_run(case: Case, cycles_per_year: int, *, half_cycle_exposure: bool) -> tuple[Array, Array]:
    """Occupancy (cycles + 1, states) and flows (cycles, transitions) under constant hazard increments."""
    structure, cycles = structure_of(case), cycles_per_year * case["inputs"]["horizon_years"]
    increments = rates_of(case) / cycles_per_year
    rule = rule_from_increments(structure, lambda k, x: increments)
    run = run_cohort(structure, started(structure), cycles, rule, half_cycle_exposure=half_cycle_exposure)
    occupancy, flows = [started(structure)], []
    for cycle in run:
        occupancy.append(cycle.end.copy())
        flows.append(cycle.flows.copy())
    return np.array(occupancy), np.array(flows)


HALVED = (2, 4, 8, 16, 32)  # cycles per year


@pytest.mark.parametrize(
    ("half_cycle_exposure", "correction", "order"),
    [
        (True, Correction.HALF_CYCLE, 2),
        (True, Correction.SIMPSON, 2),
        (True, Correction.START, 1),
        (True, Correction.END, 1),
        (False, Correction.HALF_CYCLE, 1),
        (False, Correction.SIMPSON, 1),
    ],
)
def test_qalys_converge_with_order_two_under_half_cycle_exposure_and_one_without(
    half_cycle_exposure: bool, correction: Correction, order: int
) -> None:
    exact = read_case("analytic", "chain_basic")["expected"]["continuous_time"]["0.035"]["qalys"]
    errors = [chain_qalys(cycles, half_cycle_exposure, correction) - exact for cycles in HALVED]
    orders = observed_orders(errors)
    assert orders[-1] == pytest.approx(order, abs=0.05)
    assert (np.diff(np.abs(errors)) < 0).all()


def test_half_cycle_exposure_is_off_by_one_in_ten_thousand_at_a_month_and_one_move_by_one_in_a_hundred() -> None:
    exact = read_case("analytic", "chain_basic")["expected"]["continuous_time"]["0.035"]["qalys"]
    errors = [chain_qalys(12, exposure, Correction.HALF_CYCLE) / exact - 1 for exposure in (True, False)]
    assert abs(errors[0]) < 1e-4
    assert 0.005 < errors[1] < 0.01


@every_chain
def test_transitions_counted_where_they_happen_converge_with_order_two(case: Case) -> None:
    expected = case["expected"]["continuous_time"]["0.035"]["expected_transitions"]
    exact = np.array([expected.get(a + b, 0.0) for a, b in structure_of(case).transitions])
    errors = []
    for cycles_per_year in HALVED:
        _, flows = chain_run(case, cycles_per_year, half_cycle_exposure=True)
        middles = (np.arange(len(flows)) + 0.5) / cycles_per_year
        errors.append(np.linalg.norm(discount(middles, 0.035) @ flows - exact))
    assert observed_orders(errors)[-1] == pytest.approx(2, abs=0.05)


# Conversions ------------------------------------------------------------------------------------------------------


def test_probabilities_convert_to_rates_and_to_other_periods() -> None:
    case = read_case("analytic", "conversions")
    for row in case["expected"]["single"]:
        probability, years, other = (np.asarray(float(row[key])) for key in ("probability", "over_years", "to_years"))
        rate = rate_from_probability(probability, years)
        assert_agrees(rate, row["rate"], case)
        assert_agrees(probability_from_rate(rate, other), row["probability_new"], case)


def test_competing_exits_share_what_leaves_and_give_their_rates_back() -> None:
    case = read_case("analytic", "conversions")
    for row in case["expected"]["competing"]:
        rates, years = np.array(row["rates"], dtype=float), float(row["cycle_years"])
        exits = shares(rates * years)
        assert_agrees(exits, row["p"], case)
        assert_agrees(1.0 - exits.sum(), row["stay"], case)
        back = exits / exits.sum() * rate_from_probability(exits.sum(), np.asarray(years))
        assert_agrees(back, row["rates_back_from_p"], case)
        assert_agrees(probability_from_rate(rates, np.asarray(years)), row["naive_each_alone"], case)


def test_the_engine_gives_competing_exits_the_same_shares() -> None:
    case = read_case("analytic", "conversions")
    for row in case["expected"]["competing"]:
        exits = [f"exit {i}" for i in range(len(row["rates"]))]
        structure = Structure.of(["well", *exits], [("well", to) for to in exits])
        moves = Moves.empty(structure, ())
        moves.from_increments(structure, np.array(row["rates"], dtype=float) * float(row["cycle_years"]))
        assert_agrees(moves.move, row["p"], case)
        assert_agrees(moves.stay[0], row["stay"], case)


def test_a_hazard_ratio_acts_on_the_rate_and_not_on_the_probability() -> None:
    case = read_case("analytic", "conversions")
    for row in case["expected"]["ratio"]:
        base, ratio = float(row["base_probability"]), float(row["ratio"])
        rate = rate_from_probability(np.asarray(base), np.asarray(1.0))
        assert_agrees(probability_from_rate(ratio * rate, np.asarray(1.0)), row["hazard_ratio"], case)
        # Other ratios are arithmetic, kept out of the product; a relative risk can leave 0 to 1 (the last row does).
        odds = ratio * base / (1.0 - base)
        assert_agrees([odds / (1.0 + odds), ratio * base], [row["odds_ratio"], row["relative_risk"]], case)


# Discounting ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", names_of("analytic", "discount_steps_"))
def test_rates_that_change_after_some_years_multiply(name: str) -> None:
    case = read_case("analytic", name)
    steps = [(step["from_year"], float(step["rate"])) for step in case["inputs"]["steps"]]
    factors = case["expected"]["factor"]
    assert_agrees(discount_factors(np.array(list(factors), dtype=float), steps), list(factors.values()), case)
    starts = np.arange(float(case["inputs"]["years"][-1]))
    assert_agrees(discount_factors(starts, steps).sum(), case["expected"]["sum_of_factors_year_starts_0_to_T-1"], case)


@pytest.mark.parametrize("row", range(5))
def test_present_values_and_annuities(row: int) -> None:
    case = read_case("analytic", "discounting_basic")
    expected = case["expected"][row]
    amount, rate, years = (float(expected[key]) for key in ("amount", "rate", "years"))
    starts = np.arange(years)
    assert_agrees(amount * discount(years, rate), expected["present_value_discrete"], case)
    # hesim and others discount by e^(−rate·t): that is our schedule at the rate e^rate − 1.
    assert_agrees(amount * discount(years, np.expm1(rate)), expected["present_value_continuous_rate"], case)
    assert_agrees(amount * discount(starts, rate).sum(), expected["annuity_due_n"], case)
    assert_agrees(amount * discount(starts + 1.0, rate).sum(), expected["annuity_immediate_n"], case)
    assert_agrees(amount * discount(starts + 0.5, rate).sum(), expected["annuity_mid_year_n"], case)
    assert_agrees(1.0 / discount(MONTH, rate) - 1.0, expected["monthly_equivalent_rate"], case)


@pytest.mark.parametrize("row", range(5))
def test_simpson_on_fine_cycles_is_the_continuous_annuity(row: int) -> None:
    case = read_case("analytic", "discounting_basic")
    expected = case["expected"][row]
    amount, rate, years = (float(expected[key]) for key in ("amount", "rate", "years"))
    cycles = 48 * int(years)
    annuity = integral(np.full(cycles + 1, amount), boundaries_of(years, cycles), rate, Correction.SIMPSON)
    assert_agrees(annuity, expected["continuous_annuity"], case)


@pytest.mark.parametrize("rate", ["0", "0.035"])
@pytest.mark.parametrize("years", [0, 1, 2], ids=["month", "quarter", "year"])
@pytest.mark.parametrize("hazard", [0, 1, 2], ids=["0.1", "ln 2", "1.5"])
def test_exponential_survival_gives_the_geometric_cycle_sums(hazard: int, years: int, rate: str) -> None:
    case = read_case("analytic", "exponential_cycle_sums")
    hazard_text, length_text = case["inputs"]["lambdas"][hazard], case["inputs"]["cycle_lengths"][years]
    expected = case["expected"][f"lambda={hazard_text},h={length_text},r={rate}"]
    length, horizon, r = float(length_text), case["inputs"]["horizon"], float(rate)
    cycles = round(horizon / length)
    two = Structure.of(["well", "dead"], [("well", "dead")])
    rule = rule_from_increments(two, lambda k, x: np.array([float(hazard_text) * length]))
    alive, t = trace(two, np.array([1.0, 0.0]), cycles, rule)[:, 0], boundaries_of(horizon, cycles)
    assert_agrees(integral(alive, t, r, Correction.START), expected["start_of_cycle"], case)
    assert_agrees(integral(alive, t, r, Correction.END), expected["end_of_cycle"], case)
    half_cycle = integral(alive, t, r, Correction.HALF_CYCLE)
    assert_agrees(half_cycle, expected["mid_point_discount_of_average_occupancy"], case)
    assert_agrees(trapezium(alive, t, r), expected["trapezium"], case)  # discounts at the boundaries: not the product's
    curve = {"rate": np.asarray(float(hazard_text))}
    assert_agrees(area(Family.EXPONENTIAL, curve, horizon, r), expected["exact"], case)


# Curves -----------------------------------------------------------------------------------------------------------


CURVES = read_case("analytic", "parametric_functions")
every_curve = pytest.mark.parametrize("row", CURVES["expected"], ids=lambda row: f"{row['dist']} {row['params']}")


def curve_of(row: Case) -> tuple[Family, dict[str, Array]]:
    return FAMILIES[row["dist"]], {name.lower(): np.asarray(float(value)) for name, value in row["params"].items()}


def survival(family: Family, parameters: dict[str, Array], times: Array | float) -> Array:
    return np.exp(-cumulative_hazard(family, parameters, np.asarray(times, dtype=float)))


def area(family: Family, parameters: dict[str, Array], horizon: float, rate: float = 0.0) -> float:
    """Discounted area under a curve, by quadrature on the product's cumulative hazard."""
    value, _ = quad(
        lambda t: float(discount(t, rate) * survival(family, parameters, t)),
        0.0,
        horizon,
        epsabs=0.0,
        epsrel=1e-13,
        limit=400,
    )
    return value


@every_curve
def test_survival_meets_flexsurv(row: Case) -> None:
    times = np.array(list(row["S"]), dtype=float)
    assert_agrees(survival(*curve_of(row), times), list(row["S"].values()), CURVES)


@every_curve
def test_the_slope_of_the_cumulative_hazard_is_the_hazard(row: Case) -> None:
    family, parameters = curve_of(row)
    times = np.array(list(row["hazard"]), dtype=float)
    step = 1e-3 * times  # a five-point difference quotient: its own error is below 1e-11
    h = {m: cumulative_hazard(family, parameters, times + m * step) for m in (-2, -1, 1, 2)}
    slope = (8.0 * (h[1] - h[-1]) - (h[2] - h[-2])) / (12.0 * step)
    assert_agrees(slope, list(row["hazard"].values()), CURVES)


@every_curve
def test_an_increment_is_the_death_probability_of_its_cycle(row: Case) -> None:
    family, parameters = curve_of(row)
    ends = np.array(list(row["cycle_death_probability_month_ending"]), dtype=float)
    increments = np.diff(cumulative_hazard(family, parameters, np.array([ends - MONTH, ends])), axis=0)
    assert_agrees(shares(increments)[0], list(row["cycle_death_probability_month_ending"].values()), CURVES)


@every_curve
def test_restricted_means_with_and_without_discount(row: Case) -> None:
    family, parameters = curve_of(row)
    discounted = row["discounted_rmst"]
    assert_agrees(area(family, parameters, 40.0), row["rmst"]["40"], CURVES)
    assert_agrees(area(family, parameters, discounted["tau"], float(discounted["rate"])), discounted["value"], CURVES)


STANDS_FOR_MEDIAN = {
    Family.EXPONENTIAL: "rate",
    Family.WEIBULL: "scale",
    Family.GOMPERTZ: "rate",
    Family.LOG_NORMAL: "meanlog",
    Family.LOG_LOGISTIC: "scale",
    Family.GAMMA: "rate",
    Family.GENERALISED_GAMMA: "mu",
}


@every_curve
def test_a_family_and_its_median_give_the_parameters_back(row: Case) -> None:
    family, parameters = curve_of(row)
    location = STANDS_FOR_MEDIAN[family]
    others = {name: value for name, value in parameters.items() if name != location}
    placed = dict(with_median(family, others, np.asarray(row["median"])))
    assert_agrees(placed[location], parameters[location], CURVES)
    assert_agrees(survival(family, placed, row["median"]), 0.5, CURVES)


@pytest.mark.parametrize("arm", ["control", "treatment"])
def test_partitioned_survival_is_the_area_between_the_curves(arm: str) -> None:
    case = read_case("analytic", "partitioned_survival_two_arms")
    curves, expected = partitioned_curves(case, arm), case["expected"][arm]
    for time, row in expected["occupancy"].items():
        free, alive = (float(survival(*curve, float(time))) for curve in curves)
        assert_agrees([free, alive - free, 1.0 - alive], row, case, time)
    for key, rate in (("undiscounted", 0.0), ("discounted", 0.035)):
        assert_agrees(list(partitioned_outcomes(case, arm, rate)), list(expected[key].values()), case, key)


@pytest.mark.parametrize("arm", ["control", "treatment"])
def test_curves_that_do_not_cross_are_left_alone(arm: str) -> None:
    case = read_case("analytic", "partitioned_survival_two_arms")
    t = boundaries_of(20.0, 240)
    pfs, overall = (np.diff(cumulative_hazard(*curve, t)) for curve in partitioned_curves(case, arm))
    for policy in Crossing:
        capped, where = cap_crossing(pfs, overall, policy)
        assert not where.any()
        np.testing.assert_array_equal(capped, pfs)


def test_partitioned_survival_gives_the_icer() -> None:
    case = read_case("analytic", "partitioned_survival_two_arms")
    totals = [partitioned_outcomes(case, arm, 0.035) for arm in ("control", "treatment")]
    rows = incremental(["control", "treatment"], [x[4] for x in totals], [x[3] for x in totals])
    expected = case["expected"]["incremental_discounted"]
    assert rows[1].delta_cost is not None and rows[1].delta_qaly is not None and rows[1].icer is not None
    actual = [rows[1].delta_cost, rows[1].delta_qaly, rows[1].icer]
    assert_agrees(actual, [expected[key] for key in ("cost", "qalys", "icer")], case)


def partitioned_curves(case: Case, arm: str) -> list[tuple[Family, dict[str, Array]]]:
    """PFS and OS of an arm."""
    curves = []
    for endpoint in ("pfs", "os"):
        curve = case["inputs"]["arms"][arm][endpoint]
        names = {"exp": ("rate",), "weibull": ("shape", "scale")}[curve["dist"]]
        curves.append(curve_of({"dist": curve["dist"], "params": dict(zip(names, curve["params"], strict=True))}))
    return curves


def partitioned_outcomes(case: Case, arm: str, rate: float) -> tuple[float, float, float, float, float]:
    """Progression-free years, years after progression, life-years, QALYs and cost."""
    free, alive = (area(*curve, case["inputs"]["horizon_years"], rate) for curve in partitioned_curves(case, arm))
    utility, cost = (case["inputs"][key] for key in ("utility", "annual_cost"))
    qalys, costs = (float(x["PF"]) * free + float(x["PD"]) * (alive - free) for x in (utility, cost))
    return free, alive - free, alive, qalys, costs


# Piecewise hazards and a floor -----------------------------------------------------------------------------------


def piecewise(case: Case, t: Array) -> Array:
    """Cumulative hazard, constant within each interval."""
    starts, hazards = (np.array(case["inputs"][key], dtype=float) for key in ("interval_starts", "hazards"))
    known = np.concatenate([[0.0], np.cumsum(hazards[:-1] * np.diff(starts))])
    which = np.searchsorted(starts, t, side="right") - 1
    return np.asarray(known[which] + hazards[which] * (t - starts[which]))


def population(case: Case, t: Array) -> Array:
    """Cumulative hazard of the general population: a·e^(bt) is a Gompertz curve."""
    form = case["inputs"]["population_hazard"]
    parameters = {"shape": np.asarray(float(form["b"])), "rate": np.asarray(float(form["a"]))}
    return cumulative_hazard(Family.GOMPERTZ, parameters, t)


@pytest.mark.parametrize(
    ("name", "combine"),
    [
        ("S", lambda own, floor: own),
        ("S_hazard_floored_at_population", np.maximum),
        ("S_hazard_added_to_population", np.add),
    ],
)
def test_increments_with_a_floor_or_an_addition(name: str, combine: Callable[[Array, Array], Array]) -> None:
    # A floor on increments acts on whole cycles; the hazards cross once, inside a cycle, at 9.65 years. A cycle of
    # 1/1000 year keeps that cycle's error, of second order, below the tolerance of 1e-9.
    case = read_case("analytic", "piecewise_and_population_floor")
    t = boundaries_of(20.0, 20_000)
    curve = survival_from_increments(combine(np.diff(piecewise(case, t)), np.diff(population(case, t))))
    for time, expected in case["expected"][name].items():
        assert_agrees(curve[round(1000 * float(time))], expected, case, f"{name} at {time}")


def test_a_floor_on_monthly_increments_is_off_by_less_than_one_in_a_hundred_thousand() -> None:
    case = read_case("analytic", "piecewise_and_population_floor")
    t = boundaries_of(20.0, 240)
    curve = survival_from_increments(np.maximum(np.diff(piecewise(case, t)), np.diff(population(case, t))))
    assert curve[-1] == pytest.approx(case["expected"]["S_hazard_floored_at_population"]["20"], rel=1e-5)


def test_the_area_under_a_piecewise_curve() -> None:
    # Simpson on each interval, fine enough; across a kink it would lose its order.
    case = read_case("analytic", "piecewise_and_population_floor")
    edges = [*(float(start) for start in case["inputs"]["interval_starts"]), 20.0]
    total = 0.0
    for start, end in pairwise(edges):
        t = np.linspace(start, end, 401)
        total += float(integral(np.exp(-piecewise(case, t)), t, 0.0, Correction.SIMPSON))
    assert_agrees(total, case["expected"]["rmst"], case)


# Memory of the time since progression: tunnel states -------------------------------------------------------------


def tunnel(cycles: int) -> Structure:
    """Progression-free, one progression state per cycle since progression, and death."""
    clocks = [f"PD {i}" for i in range(cycles)]
    return Structure.of(
        ["PF", *clocks, "D"],
        [("PF", clocks[0]), ("PF", "D"), *pairwise(clocks), *((clock, "D") for clock in clocks)],
    )


def tunnel_trace(case: Case, cycles: int, horizons: list[float], *, entry: float) -> Array:
    """Occupancy of PF, PD and D, (cycles + 1, 3, horizons), in a one-move run with a cycle of horizon/cycles.

    Entrants have been in PD for `entry` cycles when theirs ends: with 0 they arrive there with clock 0, with ½ they
    have survived S(Δ/2) already.
    """
    delta, structure = np.array(horizons) / cycles, tunnel(cycles)
    inputs = {key: np.asarray(float(value)) for key, value in case["inputs"].items()}
    curve = {"shape": inputs["weibull_shape"], "scale": inputs["weibull_scale"]}
    clock = (np.arange(cycles + 1)[:, None] + entry) * delta
    stay = np.exp(-np.diff(cumulative_hazard(Family.WEIBULL, curve, clock), axis=0))
    leave, die = shares(np.outer([inputs["rate_PF_PD"], inputs["rate_PF_D"]], delta))
    enter = leave * survival(Family.WEIBULL, curve, entry * delta)
    moves = np.zeros((len(structure.transitions), len(horizons)))
    moves[structure.row["PF", "PD 0"]], moves[structure.row["PF", "D"]] = enter, die + leave - enter
    for i in range(cycles):
        moves[structure.row[f"PD {i}", "D"]] = 1.0 - stay[i]
        if i + 1 < cycles:
            moves[structure.row[f"PD {i}", f"PD {i + 1}"]] = stay[i]
    rule = rule_from_probabilities(structure, lambda k, x: moves)
    initial = np.repeat(started(structure)[:, None], len(horizons), axis=1)
    x = trace(structure, initial, cycles, rule, half_cycle_exposure=False)
    return np.stack([x[:, 0], x[:, 1:-1].sum(axis=1), x[:, -1]], axis=1)


def test_monthly_tunnels_meet_the_stated_recursion() -> None:
    # This rule starts the clock of those who progress at the end of their cycle: PD is 1.7 % too full at 5 years.
    case = read_case("analytic", "semi_markov_tunnel")
    progressed = tunnel_trace(case, 180, [15.0], entry=0.0)[:, 1, 0]
    expected = case["expected"]["monthly_tunnel"]
    for year, share in expected["PD_at"].items():
        assert_agrees(progressed[12 * int(year)], share, case, year)
    t = boundaries_of(15.0, 180)
    assert_agrees(integral(progressed, t, 0.0, Correction.HALF_CYCLE), expected["trapezium_time_in_PD"], case)
    assert progressed[60] / case["expected"]["occupancy"]["5"]["PD"] == pytest.approx(1.017, abs=5e-4)


def test_tunnels_converge_with_order_one_from_clock_zero_and_two_from_half_a_cycle() -> None:
    case = read_case("analytic", "semi_markov_tunnel")
    exact = case["expected"]["occupancy"]["5"]["PD"]
    for entry, order in ((0.0, 1), (0.5, 2)):
        errors = [tunnel_trace(case, cycles, [5.0], entry=entry)[-1, 1, 0] - exact for cycles in (30, 60, 120)]
        assert observed_orders(errors) == pytest.approx([order, order], abs=0.02)


def test_refined_tunnels_reach_the_continuous_limit() -> None:
    # Three halvings, extrapolated with the exponents of the midpoint rule: 2, and 1.4 + 1 and 1.4 + 2 because the
    # curve from progression starts as 1 − t^1.4. Each year is a cohort of its own, with its own cycle length.
    case = read_case("analytic", "semi_markov_tunnel")
    expected = case["expected"]["occupancy"]
    years = [float(year) for year in expected]
    values = np.array([tunnel_trace(case, cycles, years, entry=0.5)[-1] for cycles in (30, 60, 120, 240)])
    for order in (2.0, 2.4, 3.4):
        values = (2.0**order * values[1:] - values[:-1]) / (2.0**order - 1.0)
    assert_agrees(values[0].T, [[row["PF"], row["PD"], row["D"]] for row in expected.values()], case)


def test_time_in_progression_is_the_convolution_of_entry_and_sojourn() -> None:
    case = read_case("analytic", "semi_markov_tunnel")
    inputs, expected = {key: float(value) for key, value in case["inputs"].items()}, case["expected"]
    rate, leaving = inputs["rate_PF_PD"], inputs["rate_PF_PD"] + inputs["rate_PF_D"]
    sojourn = (
        Family.WEIBULL,
        {"shape": np.asarray(inputs["weibull_shape"]), "scale": np.asarray(inputs["weibull_scale"])},
    )
    free = {"rate": np.asarray(leaving)}
    assert_agrees(area(Family.EXPONENTIAL, free, 15.0), expected["time_in_PF_to_T"], case)
    # Those who enter at u spend the time left to the horizon, 15 − u, under the curve from progression.
    until, _ = quad(
        lambda v: float(survival(*sojourn, v) * probability_from_rate(np.asarray(leaving), np.asarray(15.0 - v))),
        0.0,
        15.0,
        epsrel=1e-11,
    )
    assert_agrees(rate / leaving * until, expected["time_in_PD_to_T"], case)
    assert_agrees(rate / leaving * area(*sojourn, 60.0), expected["mean_time_in_PD_infinite"], case)


# Within-cycle weights --------------------------------------------------------------------------------------------

FUNCTIONS: dict[str, Callable[[Array], Array]] = {
    "weights_cubic": lambda x: 1.0 - x / 10.0 + 0.002 * x**2 - 0.0001 * x**3,
    "weights_exponential_even": lambda x: np.exp(-0.12 * x),
    "weights_exponential_odd": lambda x: np.exp(-0.3 * x),
}


@pytest.mark.parametrize("name", names_of("analytic", "weights_"))
def test_every_correction_integrates_a_known_function_as_stated(name: str) -> None:
    case = read_case("analytic", name)
    expected, cycles = case["expected"], case["inputs"]["cycles"]
    t = boundaries_of(case["inputs"]["horizon"], cycles)
    y = FUNCTIONS[name](t)
    for correction, key in (
        (Correction.START, "left"),
        (Correction.END, "right"),
        (Correction.HALF_CYCLE, "trapezium"),
        (Correction.SIMPSON, "simpson13"),
    ):
        if expected[key] is None:
            with pytest.raises(ValueError, match="even number of cycles"):
                integral(y, t, 0.0, correction)
        else:
            assert_agrees(integral(y, t, 0.0, correction), expected[key], case, key)


@pytest.mark.parametrize("name", names_of("analytic", "weights_"))
def test_the_swapped_weights_of_a_public_tutorial_are_not_simpsons(name: str) -> None:
    # 2/3 and 4/3 the wrong way round, and applied to any number of cycles: they do not even integrate a constant.
    case = read_case("analytic", name)
    t = boundaries_of(case["inputs"]["horizon"], case["inputs"]["cycles"])
    y, swapped = FUNCTIONS[name](t), swapped_weights(len(t))
    assert_agrees(swapped @ y, case["expected"]["weights_with_2_3_and_4_3_swapped"], case)
    assert abs(swapped @ y / case["expected"]["exact"] - 1.0) > 0.04
    assert abs(swapped.sum() / t[-1] - 1.0) > 0.01


def swapped_weights(rows: int) -> Array:
    """1/3 at both ends, 2/3 at rows 1, 3, 5 …, 4/3 at rows 2, 4, 6 …: as coded in the tutorial, not Simpson's rule."""
    weights = np.where(np.arange(rows) % 2 == 1, 2.0, 4.0) / 3.0
    weights[[0, -1]] = 1.0 / 3.0
    return weights


@pytest.mark.parametrize("correction", list(Correction))
def test_a_constant_integrates_exactly_under_every_correction(correction: Correction) -> None:
    for cycles in (2, 10, 390):
        t = boundaries_of(30.0, cycles)
        assert integral(np.ones(cycles + 1), t, 0.0, correction) == pytest.approx(30.0, rel=1e-13)


def test_simpson_integrates_a_cubic_exactly() -> None:
    case = read_case("analytic", "weights_cubic")
    t = boundaries_of(10.0, 10)
    actual = integral(FUNCTIONS["weights_cubic"](t), t, 0.0, Correction.SIMPSON)
    assert_agrees(actual, case["expected"]["exact"], case)

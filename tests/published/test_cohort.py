"""Published cohort models, run through the engine; their conventions of counting are arithmetic here."""

from collections.abc import Callable

import numpy as np
import pytest

from markov.analysis.incremental import incremental
from markov.model.declared import rule_from_probabilities, trace
from markov.model.structure import Structure
from markov.survival.families import cumulative_hazard
from markov.survival.hazards import probability_from_rate
from markov.terms import Array, Correction, Family, Position

from .counting import boundaries_of, discount, integral, trapezium
from .known_answers import Case, assert_agrees, read_case

Probabilities = Callable[[int], Array]
"""The square matrix of cycle k = 0, 1, …, rows from, columns to."""


def occupancy_of(states: list[str], initial: list[float], cycles: int, probabilities: Probabilities) -> Array:
    """Occupancy (cycles + 1, states): the engine with one move a cycle, which is what these models do."""
    ever = np.array([probabilities(k) for k in range(cycles)]).max(axis=0)
    pairs = [(a, b) for i, a in enumerate(states) for j, b in enumerate(states) if i != j and ever[i, j] > 0]
    structure = Structure.of(states, pairs)
    rows, columns = (np.array([structure.index[pair[end]] for pair in structure.transitions]) for end in (0, 1))
    rule = rule_from_probabilities(structure, lambda k, x: probabilities(k)[rows, columns])
    return trace(structure, np.array(initial, dtype=float), cycles, rule, half_cycle_exposure=False)


# Sonnenberg and Beck's prosthetic heart valve --------------------------------------------------------------------


@pytest.fixture
def valve() -> tuple[Case, Array]:
    case = read_case("cohort", "prosthetic_heart_valve")
    inputs = case["inputs"]
    matrix = np.array(inputs["P"])
    return case, occupancy_of(inputs["states"], inputs["initial"], inputs["n_cycles"], lambda k: matrix)


def test_the_heart_valve_cohort_is_the_published_one(valve: tuple[Case, Array]) -> None:
    case, occupancy = valve
    assert_agrees(occupancy, case["expected"]["trace"], case)
    assert np.round(10_000 * occupancy[2]).tolist() == case["published"]["cycle2"]


def test_heart_valve_qalys_at_the_end_of_cycles_and_with_the_half_cycle(valve: tuple[Case, Array]) -> None:
    case, occupancy = valve
    utility, t = occupancy @ np.array(case["inputs"]["utilities"]), boundaries_of(25.0, 25)
    assert_agrees(integral(utility, t, 0.0, Correction.END), case["expected"]["qaly_end_of_cycle"], case)
    assert_agrees(integral(utility, t, 0.0, Correction.HALF_CYCLE), case["expected"]["qaly_half_cycle"], case)
    # Table 2 of the paper counts 10,000 people; it rounds each cycle, hence 23,752 against 23,749.68.
    assert 10_000 * utility[1:25].sum() == pytest.approx(
        case["published"]["cumulative_utility_per_10000_at_cycle_24"], abs=3
    )
    assert round(10_000 * utility[1]) == case["published"]["cycle1_sum"]
    assert round(10_000 * utility[2]) == case["published"]["cycle2_sum"]


def test_a_long_heart_valve_run_reaches_the_fundamental_matrix() -> None:
    case = read_case("cohort", "prosthetic_heart_valve")
    inputs, expected = case["inputs"], case["expected"]
    matrix = np.array(inputs["P"])
    for row, initial in enumerate(([1.0, 0.0, 0.0], [0.0, 1.0, 0.0])):
        occupancy = occupancy_of(inputs["states"], initial, 200, lambda k: matrix)
        visits = integral(occupancy[:, :2], boundaries_of(200.0, 200), 0.0, Correction.START)
        assert_agrees(visits, expected["fundamental_matrix"][row], case)
    occupancy = occupancy_of(inputs["states"], [1.0, 0.0, 0.0], 200, lambda k: matrix)
    utility, t = occupancy @ np.array(inputs["utilities"]), boundaries_of(200.0, 200)
    assert_agrees(
        [integral(utility, t, 0.0, correction) for correction in (Correction.START, Correction.END)],
        [expected["infinite_horizon_qaly_start_of_cycle"], expected["infinite_horizon_qaly_end_of_cycle"]],
        case,
    )
    assert_agrees(
        integral(occupancy[:, :2], t, 0.0, Correction.START),
        expected["expected_cycles_from_Well_including_start"],
        case,
    )


# Chancellor's zidovudine and lamivudine --------------------------------------------------------------------------


def hiv_probabilities(case: Case, relative_risk: float) -> Array:
    """Shares of the published counts, off-diagonals times the relative risk, each row by its own total.

    rdecision's vignette divides the A→C count by the C row in the combination arm: a slip (ICER 6,263), not copied.
    """
    counts = np.array([*case["inputs"]["counts"].values(), [0, 0, 0, 1]], dtype=float)
    matrix: Array = relative_risk * counts / counts.sum(axis=1, keepdims=True)
    np.fill_diagonal(matrix, 0.0)
    np.fill_diagonal(matrix, 1.0 - matrix.sum(axis=1))
    return matrix


def hiv_occupancy(case: Case, arm: str) -> Array:
    inputs = case["inputs"]
    usual, reduced = hiv_probabilities(case, 1.0), hiv_probabilities(case, inputs["relative_risk"])
    treated_cycles = inputs["rr_cycles"] if arm == "comb" else 0
    return occupancy_of(
        inputs["states"], inputs["initial"], inputs["n_cycles"], lambda k: reduced if k < treated_cycles else usual
    )


def hiv_outcomes(case: Case, arm: str, lamivudine: float) -> tuple[float, float, float]:
    """Cost, life-years, and life-years with the half-cycle correction.

    The model counts cycles at their end, discounts costs from the first and leaves effects undiscounted; with the
    correction of the book (2.5) life-years average the two ends of each cycle.
    """
    inputs, occupancy = case["inputs"], hiv_occupancy(case, arm)
    t, alive = boundaries_of(20.0, 20), occupancy[:, :3].sum(axis=1)
    per_year = np.array(list(inputs["annual_costs"].values())) + inputs["zidovudine"]
    costs = occupancy[:, :3] @ per_year
    if arm == "comb":
        costs[1 : inputs["lamivudine_cycles"] + 1] += lamivudine * alive[1 : inputs["lamivudine_cycles"] + 1]
    return (
        float(integral(costs, t, inputs["discount_cost"], Correction.END)),
        float(integral(alive, t, inputs["discount_effect"], Correction.END)),
        float(integral(alive, t, inputs["discount_effect"], Correction.HALF_CYCLE)),
    )


@pytest.mark.parametrize("arm", ["mono", "comb"])
def test_the_hiv_model_gives_the_published_cohort_costs_and_life_years(arm: str) -> None:
    case = read_case("cohort", "hiv_zidovudine_lamivudine")
    assert_agrees(hiv_occupancy(case, arm), case["expected"][f"trace_{arm}"], case)
    cost, years, corrected = hiv_outcomes(case, arm, case["inputs"]["lamivudine"])
    expected = case["expected"][arm]
    assert_agrees(
        [cost, years, corrected], [expected[key] for key in ("cost", "life_years", "life_years_half_cycle")], case
    )
    assert cost == pytest.approx(case["published"][f"{arm}_cost"], abs=1e-6)
    assert corrected == pytest.approx(case["published"][f"book_hcc_{arm}_ly"], abs=5e-3)


def test_the_hiv_model_gives_the_published_icer() -> None:
    case = read_case("cohort", "hiv_zidovudine_lamivudine")
    expected = case["expected"]

    def icer(lamivudine: float, effect: int) -> float:
        arms = [hiv_outcomes(case, arm, lamivudine) for arm in ("mono", "comb")]
        ratio = incremental(["mono", "comb"], [arm[0] for arm in arms], [arm[effect] for arm in arms])[1].icer
        assert ratio is not None
        return ratio

    assert_agrees(icer(2086.5, effect=1), expected["icer"], case)
    assert_agrees(icer(2086.5, effect=2), expected["icer_half_cycle_effects"], case)
    # rdecision rounds lamivudine to 2,087 where heemod and hesim use 2,086.50.
    assert_agrees(icer(2087.0, effect=1), expected["icer_if_lamivudine_2087"], case)
    assert_agrees(hiv_outcomes(case, "comb", 2087.0)[0], expected["comb_cost_if_lamivudine_2087"], case)


# DARTH's Sick-Sicker ---------------------------------------------------------------------------------------------

SICKER = ["Standard of care", "Strategy A", "Strategy B", "Strategy AB"]


def sicker_probabilities(case: Case, with_b: bool) -> Array:
    """Each probability from its own rate, moves between live states conditional on survival: as published."""
    rates, ratios = case["inputs"]["annual_rates"], case["inputs"]["hazard_ratio_death"]

    def probability(rate: float) -> float:
        return float(probability_from_rate(np.asarray(rate), np.asarray(1.0)))

    worse = rates["S1_S2"] * (case["inputs"]["hr_S1S2_treatment_B"] if with_b else 1.0)
    moves = np.zeros((4, 4))
    moves[0, 1], moves[1, 0], moves[1, 2] = (probability(x) for x in (rates["H_S1"], rates["S1_H"], worse))
    np.fill_diagonal(moves, 1.0 - moves.sum(axis=1))
    die = np.array([probability(rates["HD"] * ratio) for ratio in (1.0, ratios["S1"], ratios["S2"])])
    moves[:3] *= 1.0 - die[:, None]
    moves[:3, 3] = die
    return moves


def sicker_occupancy(case: Case, with_b: bool) -> Array:
    inputs, matrix = case["inputs"], sicker_probabilities(case, with_b)
    return occupancy_of(inputs["states"], inputs["initial"], inputs["n_cycles"], lambda k: matrix)


def sicker_outcomes(case: Case, strategy: str, weights: Array) -> tuple[float, float]:
    """Cost and QALYs as Σ w_k·v(t_k)·payoff_k over the trace's 76 rows."""
    inputs = case["inputs"]
    cost, utility = (np.array(list(inputs[key].values()), dtype=float) for key in ("state_cost", "state_utility"))
    for treatment in "AB":
        if treatment in strategy.split()[-1]:
            cost[1:3] += inputs["treatment_cost_in_S1_and_S2"][treatment]
    if strategy in ("Strategy A", "Strategy AB"):
        utility[1] = inputs["utility_S1_with_A"]
    occupancy = sicker_occupancy(case, with_b=strategy in ("Strategy B", "Strategy AB"))
    weighted = weights * discount(np.arange(len(weights), dtype=float), inputs["discount_rate_cost"])
    return float(weighted @ occupancy @ cost), float(weighted @ occupancy @ utility)


def published_weights(name: str) -> Array:
    """Weights of the 76 trace rows.

    `simpson13_darth` is what the tutorial's code holds and its tables rest on: 2/3 and 4/3 are swapped against
    Simpson's rule, and 75 cycles are odd, where Simpson's rule does not apply. Kept here, out of the product.
    """
    weights = np.ones(76)
    if name == "half-cycle":
        weights[[0, -1]] = 0.5
    elif name == "simpson13_darth":
        weights = np.where(np.arange(76) % 2 == 1, 2.0, 4.0) / 3.0
        weights[[0, -1]] = 1.0 / 3.0
    return weights


@pytest.mark.parametrize(("with_b", "key"), [(False, "no_B"), (True, "B")])
def test_the_sick_sicker_cohort_is_the_published_one(with_b: bool, key: str) -> None:
    case = read_case("cohort", "sick_sicker_time_independent")
    assert_agrees(sicker_probabilities(case, with_b), case["inputs"][f"transition_matrix_{key}"], case)
    occupancy = sicker_occupancy(case, with_b)
    for cycle, row in case["expected"][f"trace_{key}"].items():
        assert_agrees(occupancy[int(cycle)], row, case, cycle)


@pytest.mark.parametrize("name", ["none", "half-cycle", "simpson13_darth"])
def test_sick_sicker_costs_qalys_and_icers_under_each_published_weighting(name: str) -> None:
    case = read_case("cohort", "sick_sicker_time_independent")
    expected = case["expected"]["results"][name]
    totals = [sicker_outcomes(case, strategy, published_weights(name)) for strategy in SICKER]
    for strategy, (cost, qaly) in zip(SICKER, totals, strict=True):
        assert_agrees([cost, qaly], list(expected["by_strategy"][strategy].values()), case, strategy)
    rows = {row.strategy: row for row in incremental(SICKER, *zip(*totals, strict=True))}
    for row in expected["icer"]:
        actual = rows[row["strategy"]]
        assert (actual.position is Position.DOMINATED) == (row["status"] == "D")
        if row["icer"] is None:
            assert actual.icer is None
        else:
            assert actual.icer is not None and actual.delta_cost is not None and actual.delta_qaly is not None
            numbers = [actual.delta_cost, actual.delta_qaly, actual.icer]
            assert_agrees(numbers, [row[key] for key in ("inc_cost", "inc_effect", "icer")], case, actual.strategy)


def test_the_printed_sick_sicker_table_rests_on_swapped_simpson_weights() -> None:
    case = read_case("cohort", "sick_sicker_time_independent")
    totals = [sicker_outcomes(case, strategy, published_weights(case["published"]["weights"])) for strategy in SICKER]
    rows = {row.strategy: row for row in incremental(SICKER, *zip(*totals, strict=True))}
    for strategy, cost, qaly, icer in case["published"]["table"]:
        assert (round(rows[strategy].cost), round(rows[strategy].qaly, 3)) == (cost, qaly)
        ratio = rows[strategy].icer
        assert icer == ("dominated" if rows[strategy].dominated_by else None if ratio is None else round(ratio))


def test_simpson_of_the_product_refuses_75_cycles_and_differs_from_the_tutorials() -> None:
    case = read_case("cohort", "sick_sicker_time_independent")
    utility = sicker_occupancy(case, with_b=False) @ np.array(list(case["inputs"]["state_utility"].values()))
    t = boundaries_of(75.0, 75)
    with pytest.raises(ValueError, match="even number of cycles, found 75"):
        integral(utility, t, 0.03, Correction.SIMPSON)
    true = integral(utility[:75], t[:75], 0.03, Correction.SIMPSON)
    half_cycle = trapezium(utility[:75], t[:75], 0.03)
    swapped = published_weights("simpson13_darth") * discount(t, 0.03) @ utility
    assert abs(true - half_cycle) < 0.01
    assert abs(swapped - half_cycle) > 0.25


def test_the_published_half_cycle_weights_discount_at_the_boundaries() -> None:
    # Weights of one half at both ends and v(t_k) are a trapezium on the discounted curve; the product discounts
    # each cycle's average at mid-cycle: two in ten thousand lower, at this cycle of a whole year.
    case = read_case("cohort", "sick_sicker_time_independent")
    utility = sicker_occupancy(case, with_b=False) @ np.array(list(case["inputs"]["state_utility"].values()))
    t = boundaries_of(75.0, 75)
    published = case["expected"]["results"]["half-cycle"]["by_strategy"]["Standard of care"]["qaly"]
    assert_agrees(trapezium(utility, t, 0.03), published, case)
    assert -3e-4 < integral(utility, t, 0.03, Correction.HALF_CYCLE) / published - 1.0 < -2e-4


# Briggs's total hip replacement ----------------------------------------------------------------------------------


def hip_revision(case: Case, arm: str) -> Array:
    """Revision probability in cycles 1, 2, …: from increments of the Weibull hazard of time since the operation."""
    inputs, w = case["inputs"], case["inputs"]["weibull"]
    rate = np.exp(
        w["cons"] + w["age"] * inputs["age0"] + w["male"] * (inputs["sex"] == "male") + w["np1"] * (arm == "np1")
    )
    shape = np.exp(w["ln_gamma"])
    curve = {"shape": np.asarray(shape), "scale": np.asarray(rate ** (-1.0 / shape))}
    increments = np.diff(cumulative_hazard(Family.WEIBULL, curve, boundaries_of(60.0, 60)))
    return probability_from_rate(increments, np.asarray(1.0))


def hip_matrix(case: Case, revise: float, cycle: int) -> Array:
    """The matrix of cycle 1, 2, …: states PrimaryTHR, SuccessP, RevisionTHR, SuccessR, Death.

    Operative mortality acts in the cycle after an operation, on top of the population's for a revision.
    """
    inputs, age = case["inputs"], case["inputs"]["age0"] + cycle
    band = [row for row in inputs["death_prob_by_age_sex"] if row["age_from"] <= age][-1]
    die, operative = band[inputs["sex"]], inputs["operative_mortality"]
    again = inputs["rerevision"]
    return np.array(
        [
            [0.0, 1.0 - operative["primary"], 0.0, 0.0, operative["primary"]],
            [0.0, 1.0 - revise - die, revise, 0.0, die],
            [0.0, 0.0, 0.0, 1.0 - operative["revision"] - die, operative["revision"] + die],
            [0.0, 0.0, again, 1.0 - again - die, die],
            [0.0, 0.0, 0.0, 0.0, 1.0],
        ]
    )


def hip_occupancy(case: Case, arm: str) -> Array:
    inputs, revise = case["inputs"], hip_revision(case, arm)
    matrices = [hip_matrix(case, float(revise[k]), k + 1) for k in range(inputs["n_cycles"])]
    return occupancy_of(inputs["states"], inputs["initial"], inputs["n_cycles"], lambda k: matrices[k])


def hip_outcomes(case: Case, arm: str) -> tuple[float, float, float]:
    """Cost, QALYs and life-years: rows counted at cycle ends, the prosthesis paid at time zero, undiscounted."""
    inputs, occupancy = case["inputs"], hip_occupancy(case, arm)
    t = boundaries_of(60.0, 60)
    utility = occupancy[:, :4] @ np.array(list(inputs["utilities"].values()))
    revisions = integral(occupancy[:, 2], t, inputs["discount_cost"], Correction.END)
    return (
        inputs["costs"][arm] + inputs["costs"]["revision"] * float(revisions),
        float(integral(utility, t, inputs["discount_effect"], Correction.END)),
        float(integral(occupancy[:, :4].sum(axis=1), t, 0.0, Correction.END)),
    )


@pytest.mark.parametrize(("arm", "short"), [("standard", "std"), ("np1", "new")])
def test_the_hip_replacement_model_gives_the_published_cohort_cost_and_qalys(arm: str, short: str) -> None:
    case = read_case("cohort", "thr_female_60")
    expected = case["expected"]
    trace_published = expected[f"trace_{arm}"]
    assert_agrees(hip_occupancy(case, arm)[: len(trace_published)], trace_published, case)
    cost, qaly, years = hip_outcomes(case, arm)
    assert_agrees([cost, qaly, years], [expected[arm][key] for key in ("cost", "qaly", "life_years")], case)
    published = [case["published"][f"{short}_{key}"] for key in ("cost", "qaly")]
    assert [cost, qaly] == pytest.approx(published, rel=5e-9)


def test_the_hip_replacement_model_gives_the_published_icer() -> None:
    case = read_case("cohort", "thr_female_60")
    arms = [hip_outcomes(case, arm) for arm in ("standard", "np1")]
    rows = incremental(["standard", "np1"], [arm[0] for arm in arms], [arm[1] for arm in arms])
    assert rows[1].icer is not None
    assert_agrees(rows[1].icer, case["expected"]["icer"], case)


# heemod's two-state conventions ----------------------------------------------------------------------------------


def returning(case: Case, cycles: int) -> Array:
    """1,000 people in two states; the share that returns from the second to the first, 1 − 1/(cycle + 1), rises."""
    first = np.array(case["inputs"]["P_row_X1"])

    def matrix(k: int) -> Array:
        b = 1.0 / (k + 2.0)
        return np.array([first, [1.0 - b, b]])

    return occupancy_of(["X1", "X2"], case["inputs"]["initial"], cycles, matrix)


@pytest.mark.parametrize(
    ("counting", "correction"),
    [("end", Correction.END), ("beginning", Correction.START), ("life-table", Correction.HALF_CYCLE)],
)
def test_the_ways_of_counting_a_cycle_give_the_published_values(counting: str, correction: Correction) -> None:
    case = read_case("cohort", "two_state_cycle_conventions")
    expected = case["expected"]["one_cycle"][counting]
    occupancy, t = returning(case, 1), boundaries_of(1.0, 1)
    totals = {}
    for outcome in ("cost", "effect"):
        per_strategy = np.array([values[outcome] for values in case["inputs"]["state_values"].values()], dtype=float).T
        totals[outcome] = integral(occupancy @ per_strategy, t, 0.0, correction)
        assert_agrees(totals[outcome], np.array([values[outcome] for values in swapped(expected)]), case, outcome)
    icer = incremental(["I", "II"], totals["cost"], totals["effect"])[1].icer
    assert icer is not None
    assert_agrees(icer, expected["icer"], case)


def swapped(expected: Case) -> list[dict[str, float]]:
    """Totals by strategy, from totals by outcome."""
    return [{key: expected[key][i] for key in ("cost", "effect")} for i in range(2)]


def test_the_two_state_cohort_and_its_life_table_counts() -> None:
    case = read_case("cohort", "two_state_cycle_conventions")
    occupancy = returning(case, 5)
    assert_agrees(occupancy, case["expected"]["trace_5"], case)
    averages = 0.5 * (occupancy[1:] + occupancy[:-1])
    assert_agrees(averages, case["expected"]["life_table_counts_5_cycles"], case)
    assert np.round(averages[:, 0]).tolist() == case["published"]["rounded_counts_X1"]


def test_costs_discounted_from_the_first_cycle_and_effects_from_the_second() -> None:
    # End-of-cycle counting; in strategy II only the values of X1 are discounted, costs from time 0 in cycle 1.
    case = read_case("cohort", "two_state_discount_conventions")
    occupancy, cycle = returning(case, 10)[1:], np.arange(1.0, 11.0)
    one = [occupancy @ np.array([case["inputs"]["I"][state][i] for state in ("X1", "X2")]) for i in (0, 1)]
    constant = case["inputs"]["II"]["X2"]
    cost = occupancy[:, 0] * 987.0 * discount(cycle - 1.0, 0.10) + occupancy[:, 1] * constant[0]
    effect = occupancy[:, 0] * 876.0 * discount(cycle, 0.05) + occupancy[:, 1] * constant[1]
    totals = np.array([[values.sum() for values in one], [cost.sum(), effect.sum()]])
    assert_agrees(totals, [case["expected"]["I"], case["expected"]["II"]], case)
    icer = incremental(["I", "II"], totals[:, 0], totals[:, 1])[1].icer
    assert icer is not None
    assert_agrees(icer, case["expected"]["icer"], case)

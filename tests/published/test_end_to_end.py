"""A whole two-arm maintenance model, solved as differential equations, against the engine's cycles."""

from functools import cache

import numpy as np
import pytest

from markov.analysis.incremental import incremental, net_benefit
from markov.model.declared import rule_from_increments, run_cohort
from markov.model.structure import Structure
from markov.survival.families import cumulative_hazard
from markov.terms import Array, Correction, Family

from .counting import boundaries_of, discount, integral
from .known_answers import observed_orders, read_case

CASE = read_case("end_to_end", "maintenance_two_arm")
ARMS = ("no_maintenance", "maintenance")
MONTHLY = CASE["tolerance"]["rel_for_monthly_cycles"]
EXACT = CASE["tolerance"]["rel_to_ode_for_exact_methods"]

STRUCTURE = Structure.of(
    CASE["inputs"]["states"],
    [(a, b) for a, b in ("MT", "MP", "MS", "MD", "TP", "TS", "TD", "PS", "PD", "SD")],
)


def increments_of(arm: str, t: Array) -> Array:
    """Hazard increments (cycles, transitions), each integrated exactly over its cycle."""
    p = CASE["inputs"]["base_parameters"] | CASE["inputs"]["arms"][arm]
    cycle = np.diff(t)
    shape, scale = p["prog"]
    weibull = {"shape": np.asarray(shape), "scale": np.asarray(scale)}
    gompertz = {"shape": np.asarray(p["pop"][1]), "rate": np.asarray(p["pop"][0])}
    progress = p["hr_prog"] * np.diff(cumulative_hazard(Family.WEIBULL, weibull, t))
    die = np.diff(cumulative_hazard(Family.GOMPERTZ, gompertz, t))
    start, slope, until = p["spm"]  # the hazard of a second malignancy rises linearly and then stays
    early = np.minimum(t, until)
    spm_on = np.diff(start * t + slope * (0.5 * early**2 + until * (t - early)))
    by_transition = {
        ("M", "T"): p["tox"] * np.diff(np.minimum(t, p["tox_until"])),
        ("M", "P"): progress,
        ("M", "S"): spm_on,
        ("M", "D"): die,
        ("T", "P"): p["tox_prog_mult"] * progress,
        ("T", "S"): p["spm_off"] * cycle,
        ("T", "D"): die,
        ("P", "S"): p["spm_off"] * cycle,
        ("P", "D"): die + p["pp_death"] * cycle,
        ("S", "D"): die + p["spm_death"] * cycle,
    }
    return np.stack([by_transition[pair] for pair in STRUCTURE.transitions], axis=1)


@cache
def run(arm: str, cycles_per_year: int) -> tuple[Array, Array]:
    """Occupancy (cycles + 1, states) and flows (cycles, transitions) over 30 years."""
    t = boundaries_of(CASE["inputs"]["horizon_years"], CASE["inputs"]["horizon_years"] * cycles_per_year)
    increments, initial = increments_of(arm, t), np.eye(5)[0]
    occupancy, flows = [initial], []
    for cycle in run_cohort(
        STRUCTURE, initial, len(increments), rule_from_increments(STRUCTURE, lambda k, x: increments[k])
    ):
        occupancy.append(cycle.end.copy())
        flows.append(cycle.flows.copy())
    return np.array(occupancy), np.array(flows)


def outcomes(arm: str, cycles_per_year: int) -> dict[str, float]:
    """Every number that the case gives for an arm: half-cycle correction, flows discounted at mid-cycle."""
    inputs = CASE["inputs"]
    occupancy, flows = run(arm, cycles_per_year)
    t, living = boundaries_of(30.0, len(flows)), "MTPS"
    undiscounted, years = (
        integral(occupancy, t, rate, Correction.HALF_CYCLE)[:4] for rate in (0.0, inputs["discount"])
    )
    events = discount(0.5 * (t[1:] + t[:-1]), inputs["discount"]) @ flows
    count = {f"{a}->{b}": float(events[row]) for (a, b), row in STRUCTURE.row.items()}
    drug_price = inputs["arms"][arm].get("drug", inputs["drug_cost_per_year_in_M_default"])
    result = {
        "life_years": undiscounted.sum(),
        "discounted_life_years": years.sum(),
        "qalys": years @ [inputs["utilities"][state] for state in living],
        "state_cost": years @ [inputs["annual_state_cost"][state] for state in living],
        "drug_cost": drug_price * years[0],
        "event_cost": sum(price * count[event] for event, price in inputs["event_cost"].items()),
    }
    result["cost"] = result["state_cost"] + result["drug_cost"] + result["event_cost"]
    result |= {f"years_in_state {state}": undiscounted[i] for i, state in enumerate(living)}
    result |= {f"discounted_years_in_state {state}": years[i] for i, state in enumerate(living)}
    result |= {f"discounted_events {event}": count[event] for event in CASE["expected"][arm]["discounted_events"]}
    return {key: float(value) for key, value in result.items()}


def expected_outcomes(arm: str) -> dict[str, float]:
    """The same numbers from the differential equations."""
    flat: dict[str, float] = {}
    for key, value in CASE["expected"][arm].items():
        if key in ("occupancy", "monthly_cycle_approximations"):
            continue
        flat |= {f"{key} {name}": item for name, item in value.items()} if isinstance(value, dict) else {key: value}
    return flat


def extrapolated(arm: str, coarse: int = 24) -> dict[str, float]:
    """From two runs, one at half the other's cycle length, the limit that an error of second order points to."""
    first, second = outcomes(arm, coarse), outcomes(arm, 2 * coarse)
    return {key: (4.0 * second[key] - first[key]) / 3.0 for key in first}


@pytest.mark.parametrize("arm", ARMS)
def test_monthly_cycles_meet_the_differential_equations(arm: str) -> None:
    assert outcomes(arm, 12) == pytest.approx(expected_outcomes(arm), rel=MONTHLY, abs=0.0)


@pytest.mark.parametrize("arm", ARMS)
def test_monthly_qalys_costs_and_life_years_are_within_one_in_ten_thousand(arm: str) -> None:
    actual, expected = outcomes(arm, 12), expected_outcomes(arm)
    for key in ("life_years", "discounted_life_years", "qalys", "cost"):
        assert actual[key] == pytest.approx(expected[key], rel=1e-4), key


@pytest.mark.parametrize("arm", ARMS)
def test_monthly_occupancy_meets_the_differential_equations(arm: str) -> None:
    occupancy, _ = run(arm, 12)
    for year, row in CASE["expected"][arm]["occupancy"].items():
        np.testing.assert_allclose(occupancy[round(12 * float(year))], row, rtol=MONTHLY, atol=0.0)


@pytest.mark.parametrize("arm", ARMS)
def test_halving_the_cycle_quarters_the_error_of_the_time_in_states(arm: str) -> None:
    # The states' errors together: in a total the Weibull's start (an error of Δ^2.15) and the rest (Δ²) can cancel.
    expected = expected_outcomes(arm)
    times = [key for key in expected if "years_in_state" in key]
    runs = [outcomes(arm, cycles) for cycles in (6, 12, 24, 48)]
    errors = [np.linalg.norm([run[key] - expected[key] for key in times]) for run in runs]
    assert observed_orders(errors) == pytest.approx([2.0] * 3, abs=0.15)


@pytest.mark.parametrize(
    ("arm", "key"),
    [("no_maintenance", "cost"), *(("maintenance", key) for key in ("life_years", "qalys", "cost", "event_cost"))],
)
def test_halving_the_cycle_quarters_the_error_of_totals(arm: str, key: str) -> None:
    expected = expected_outcomes(arm)[key]
    errors = [outcomes(arm, cycles)[key] - expected for cycles in (6, 12, 24, 48)]
    assert observed_orders(errors) == pytest.approx([2.0] * 3, abs=0.15)


@pytest.mark.parametrize("arm", ARMS)
def test_refined_cycles_meet_the_tolerance_of_exact_methods(arm: str) -> None:
    assert extrapolated(arm) == pytest.approx(expected_outcomes(arm), rel=EXACT, abs=0.0)


def test_an_arm_without_drug_toxicity_never_enters_the_toxicity_state() -> None:
    assert not run("no_maintenance", 12)[0][:, STRUCTURE.index["T"]].any()


@pytest.mark.parametrize(("monthly", "tolerance"), [(True, MONTHLY), (False, EXACT)], ids=["monthly", "refined"])
def test_the_icer_and_net_benefit_meet_the_differential_equations(monthly: bool, tolerance: float) -> None:
    arms = [outcomes(arm, 12) if monthly else extrapolated(arm) for arm in ARMS]
    costs, qalys = ([arm[key] for arm in arms] for key in ("cost", "qalys"))
    row = incremental(ARMS, costs, qalys)[1]
    expected = CASE["expected"]["incremental"]
    assert (row.delta_cost, row.delta_qaly) == pytest.approx((expected["cost"], expected["qalys"]), rel=tolerance)
    assert row.icer == pytest.approx(expected["icer"], rel=tolerance)
    benefit = net_benefit(costs, qalys, CASE["inputs"]["wtp"]).monetary
    assert benefit[:, 1] - benefit[:, 0] == pytest.approx(
        list(expected["net_monetary_benefit"].values()), rel=tolerance
    )

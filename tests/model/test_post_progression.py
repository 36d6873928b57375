"""Mortality after progression: a rate, a curve from progression, or deaths that meet an overall-survival curve."""

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

from markov.inputs.parameters import Inputs, SexTable, Value, with_values
from markov.model.evaluate import evaluate
from markov.model.outcomes import Outcomes
from markov.terms import Array, State
from tests.published.known_answers import assert_agrees, read_case
from tests.support.made_inputs import bare, exponential, survival
from tests.support.plain_model import Plain, background_increments, phi

ARMS = ("no_maintenance", "lenalidomide")
both_moves = pytest.mark.parametrize("moves", ["half_cycle_exposure", "one_move"])


def state_of(outcomes: Outcomes, state: State, strategy: int = 0) -> Array:
    assert outcomes.trace is not None
    return np.asarray(outcomes.trace.occupancy[0, strategy, :, list(State).index(state)])


# Deaths that meet the OS curve ---------------------------------------------------------------------------------------


def anchored(inputs: Inputs, changes: Mapping[str, Value]) -> Inputs:
    """CALGB with its drug, stops and second malignancies, and curves so far apart that no deaths are at a limit."""
    apart = exponential("pfs", "no_maintenance", 20.0) | exponential("pfs", "lenalidomide", 31.0)
    apart |= {f"pfs.mu.{strategy}": None for strategy in ARMS}
    apart |= {"settings.horizon_years": 15.0, "os.median.no_maintenance": 60.0, "os.shape.no_maintenance": 1.1}
    return with_values(inputs, {**apart, **changes})


def floored_os(inputs: Inputs, times: Array) -> tuple[Array, int]:
    """OS of both arms by algebra, and in how many cycles the floor is above the reference's curve."""
    background = np.array(background_increments(inputs, times.tolist()))
    median, shape = (float(str(inputs.value(f"os.{name}.no_maintenance"))) for name in ("median", "shape"))
    told = np.diff(math.log(2.0) * (12.0 * times / median) ** shape)
    middle = 12.0 * 0.5 * (times[1:] + times[:-1])
    effect = np.clip((144.0 - middle) / (144.0 - 84.0), 0.0, 1.0)  # hazard ratio 0.61, gone between years 7 and 12
    arms = np.stack([told, (effect * 0.61 + 1.0 - effect) * told])
    curves = np.exp(-np.cumsum(np.maximum(arms, background), axis=1))
    return np.concatenate([np.ones((2, 1)), curves], axis=1), int((told < background).sum())


def test_modelled_os_is_the_os_curve_where_no_deaths_are_at_a_limit(calgb: Inputs) -> None:
    inputs = anchored(calgb, {})
    outcomes = evaluate(inputs, trace=True)
    assert outcomes.trace is not None
    assert outcomes.counts["clipped_cycles"].tolist() == [[0, 0]]
    expected, _ = floored_os(inputs, outcomes.trace.boundaries)
    np.testing.assert_allclose(outcomes.trace.curves["os"][0], expected, rtol=0, atol=1e-10)


def test_modelled_os_is_floored_at_the_background(calgb: Inputs) -> None:
    # No second malignancies: where OS is floored everyone dies at the background, and so do those who progressed.
    none: dict[str, Value] = {f"spm.{name}.{arm}": 0.0 for name in ("rate", "rate_off_treatment") for arm in ARMS}
    inputs = anchored(calgb, {**none, "cohort.age": 66.0, "settings.horizon_years": 30.0})
    outcomes = evaluate(inputs, trace=True)
    assert outcomes.trace is not None
    expected, floored = floored_os(inputs, outcomes.trace.boundaries)
    np.testing.assert_allclose(outcomes.trace.curves["os"][0], expected, rtol=0, atol=1e-10)
    assert 50 < floored < expected.shape[1] - 50


def test_under_one_move_nobody_can_die_after_progression_in_the_first_cycle_and_os_is_met_from_the_second(
    calgb: Inputs,
) -> None:
    inputs = anchored(calgb, {"settings.within_cycle": "one_move"})
    outcomes = evaluate(inputs, trace=True)
    assert outcomes.trace is not None
    assert outcomes.counts["clipped_cycles"].tolist() == [[1, 1]]
    expected, _ = floored_os(inputs, outcomes.trace.boundaries)
    modelled = outcomes.trace.curves["os"][0]
    assert np.all(modelled[:, 1] > expected[:, 1] + 1e-3)
    np.testing.assert_allclose(modelled[:, 2:], expected[:, 2:], rtol=0, atol=1e-10)


CHANGES_THAT_LEAVE_LIFE_YEARS: dict[str, dict[str, Value]] = {
    "shorter PFS": exponential("pfs", "lenalidomide", 22.0),
    "longer PFS": exponential("pfs", "lenalidomide", 36.0),
    "second malignancies": {"spm.rate.lenalidomide": 4.0, "spm.rate_off_treatment.lenalidomide": 1.5},
    "deaths of second malignancies": {"spm.excess_death.solid": 0.05, "spm.excess_death.haematologic": 0.8},
    "stops for toxicity": {"toxicity.proportion.lenalidomide": 0.45},
    "other stops": {"treatment.other_stop_rate.lenalidomide": 0.05},
    "effect lost on stopping": {
        "toxicity.proportion.lenalidomide": 0.3,
        "toxicity.after_stopping.lenalidomide": "effect_lost",
    },
}


@pytest.mark.parametrize("change", CHANGES_THAT_LEAVE_LIFE_YEARS)
def test_life_years_rest_on_os_alone_where_it_is_the_anchor(change: str, calgb: Inputs) -> None:
    base = anchored(calgb, {})
    changed = with_values(base, CHANGES_THAT_LEAVE_LIFE_YEARS[change])
    first, second = evaluate(base), evaluate(changed)
    assert not first.counts["clipped_cycles"].any()
    assert not second.counts["clipped_cycles"].any()
    np.testing.assert_allclose(second.life_years.sum(axis=-1), first.life_years.sum(axis=-1), rtol=1e-9)
    assert np.abs(second.life_years - first.life_years).max() > 1e-3, "time in states moves"


def test_life_years_follow_pfs_under_a_rate(calgb: Inputs) -> None:
    base = anchored(calgb, {"settings.post_progression": "rate"})
    longer = with_values(base, CHANGES_THAT_LEAVE_LIFE_YEARS["longer PFS"])
    assert evaluate(longer).life_year[0, 1] > evaluate(base).life_year[0, 1] + 0.1


def test_deaths_of_second_malignancies_beyond_the_os_curve_are_counted_as_clipped(calgb: Inputs) -> None:
    # Nobody would die by the OS curve, but second malignancies kill: deaths after progression are 0 in every cycle.
    changes = exponential("pfs", "no_maintenance", 20.0) | exponential("pfs", "lenalidomide", 20.0)
    changes |= exponential("os", "no_maintenance", 1e5) | exponential("os", "lenalidomide", 60.0)
    changes |= {"settings.crossing": "error", "spm.share_haematologic.no_maintenance": 1.0}
    changes |= {"spm.rate_off_treatment.no_maintenance": 3.0, "spm.rate.no_maintenance": 3.0}
    inputs = bare(calgb, changes)
    outcomes = evaluate(inputs, trace=True)
    assert outcomes.counts["clipped_cycles"].tolist() == [[60, 0]]
    plain = Plain(inputs, "no_maintenance")
    assert plain.clipped == 60
    modelled = survival(outcomes, "os", "no_maintenance")
    assert 1.0 - modelled[-1] == pytest.approx(plain.occupancy[-1]["death"], abs=1e-12)
    assert modelled[-1] < 0.5 ** (60.0 / 1e5) - 0.01


def test_entrants_who_cannot_die_in_their_cycle_are_counted_as_clipped_under_one_move(calgb: Inputs) -> None:
    # PFS is OS: whoever progresses dies at once. With one move a cycle, that is a cycle late; with two it is not.
    changes = {k: v for arm in ARMS for e in ("pfs", "os") for k, v in exponential(e, arm, 40.0).items()}
    late = evaluate(bare(calgb, {**changes, "settings.within_cycle": "one_move"}), trace=True)
    assert late.counts["clipped_cycles"].tolist() == [[60, 60]]
    told = 0.5 ** (np.arange(61) / 40.0)
    np.testing.assert_allclose(survival(late, "os", ARMS[0])[1:], told[:-1], rtol=0, atol=1e-9)
    half = evaluate(bare(calgb, changes), trace=True)
    np.testing.assert_allclose(survival(half, "os", ARMS[0]), told, rtol=0, atol=1e-8)


# A curve from progression --------------------------------------------------------------------------------------------


def from_progression(inputs: Inputs, curve: Mapping[str, Value], counts: str, moves: str) -> Inputs:
    changes: dict[str, Value] = {
        "settings.post_progression": "time_since_progression",
        "settings.post_progression_mortality": counts,
        "settings.within_cycle": moves,
    }
    changes |= {f"pps.{name}.{arm}": value for name, value in curve.items() for arm in inputs.compared}
    return with_values(inputs, changes)


def assert_equal_outcomes(a: Outcomes, b: Outcomes, tolerance: float) -> None:
    assert a.trace is not None
    assert b.trace is not None
    np.testing.assert_allclose(a.trace.occupancy, b.trace.occupancy, rtol=0, atol=tolerance)
    for name in ("life_years", "qalys", "qaly_components", "costs", "entries"):
        np.testing.assert_allclose(getattr(a, name), getattr(b, name), rtol=tolerance, atol=tolerance, err_msg=name)


@both_moves
@pytest.mark.parametrize("name", ["calgb", "myeloma_ix"])
def test_an_exponential_excess_from_progression_is_the_rate_alternative(
    name: str, moves: str, request: pytest.FixtureRequest
) -> None:
    # Exact: entrants face H(Δ/2) = μΔ/2 and ΔB/2, as C½ does, and each later cycle μΔ + ΔB; what is left is rounding.
    base: Inputs = with_values(request.getfixturevalue(name), {"settings.horizon_years": 25.0})
    tunnels = from_progression(base, {"family": "exponential", "rate": 0.017}, "excess", moves)
    rate: dict[str, Value] = {"settings.post_progression": "rate", "post_progression.excess_rate.common": 0.017}
    one = evaluate(with_values(base, {**rate, "settings.within_cycle": moves}), trace=True)
    assert_equal_outcomes(evaluate(tunnels, trace=True), one, 1e-12)


@both_moves
def test_an_all_cause_curve_that_kills_nobody_is_floored_at_the_background(moves: str, calgb: Inputs) -> None:
    base = with_values(calgb, {"settings.horizon_years": 25.0})
    tunnels = from_progression(base, {"family": "exponential", "rate": 1e-12}, "all_cause", moves)
    rate: dict[str, Value] = {"settings.post_progression": "rate", "post_progression.excess_rate.common": 0.0}
    floor = evaluate(with_values(base, {**rate, "settings.within_cycle": moves}), trace=True)
    assert_equal_outcomes(evaluate(tunnels, trace=True), floor, 1e-12)


def test_the_product_meets_the_stated_tunnel_recursion_of_the_published_case(calgb: Inputs) -> None:
    # The exit rates 0.35 to progression and 0.03 to death become a PFS hazard of 0.38 over a background of 0.03, and
    # the Weibull sojourn an all-cause curve from progression, which lies above that background in every month.
    case = read_case("analytic", "semi_markov_tunnel")
    inputs = {key: float(value) for key, value in case["inputs"].items()}
    ages = np.arange(101.0)
    certain = np.full(101, -math.expm1(-inputs["rate_PF_D"]))
    changes: dict[str, Value] = {"cohort.age": 50.0, "settings.correction": "half_cycle"}
    for arm in ARMS:
        changes |= {f"pfs.family.{arm}": "exponential"}
        changes |= {f"pfs.rate.{arm}": (inputs["rate_PF_PD"] + inputs["rate_PF_D"]) / 12.0}
    model = bare(calgb, changes, months=180, smr=1.0)
    model = with_values(model, {"settings.post_progression": "time_since_progression"})
    curve: dict[str, Value] = {
        "family": "weibull",
        "shape": inputs["weibull_shape"],
        "scale": 12.0 * inputs["weibull_scale"],
    }
    model = from_progression(model, curve, "all_cause", "one_move")
    table = SexTable(ages, certain, certain)
    outcomes = evaluate(replace(model, life_table=table), trace=True)
    progressed, expected = state_of(outcomes, State.PROGRESSION), case["expected"]["monthly_tunnel"]
    for year, share in expected["PD_at"].items():
        assert_agrees(progressed[12 * int(year)], share, case, year)
    years_progressed = outcomes.part("life_years", State.PROGRESSION, "undiscounted")[0, 0]
    assert_agrees(years_progressed, expected["trapezium_time_in_PD"], case)


def tunnel_loop(inputs: Inputs, cycles: int, all_cause: bool) -> list[dict[str, float]]:
    """Tunnels as a list of cohorts by the cycle of entry; nobody on drug, months, half-cycle exposure of entrants."""
    step, spm, h = 1.0 / 12.0, 0.02, 0.3
    background = background_increments(inputs, [k * step for k in range(cycles + 1)])
    excess = {"H": 0.55 * step, "S": 0.2 * step}

    def deaths(start: float, end: float, floor: float) -> float:
        told = float((end / 30.0) ** 0.6 - (start / 30.0) ** 0.6)  # Weibull from progression, months
        return max(told, floor) if all_cause else told + floor

    x, tunnels, found = {"M": 1.0, "H": 0.0, "S": 0.0, "D": 0.0}, list[float](), list[dict[str, float]]()
    for k in range(cycles):
        b = background[k]
        found.append({**x, "P": sum(tunnels)})
        progress = max(math.log(2.0) / 20.0 - b, 0.0)
        left = x["M"] * phi(progress + spm * step + b)
        enter = left * progress
        malignant = {"H": left * spm * step * h, "S": left * spm * step * (1.0 - h)}
        x["D"] += left * b
        x["M"] *= math.exp(-progress - spm * step - b)
        for i, present in enumerate(tunnels):
            age = k - i - 0.5
            die = deaths(age, age + 1.0, b)
            leaving = present * phi(die + spm * step)
            malignant["H"] += leaving * spm * step * h
            malignant["S"] += leaving * spm * step * (1.0 - h)
            x["D"] += leaving * die
            tunnels[i] = present * math.exp(-die - spm * step)
        die = deaths(0.0, 0.5, 0.5 * b)
        late = enter * phi(die + 0.5 * spm * step)
        tunnels.append(enter * math.exp(-die - 0.5 * spm * step))
        x["D"] += late * die
        for kind, arrived in malignant.items():
            dying = b + excess[kind]
            x["D"] += x[kind] * -math.expm1(-dying) + arrived * -math.expm1(-0.5 * dying)
            x[kind] = x[kind] * math.exp(-dying) + arrived * math.exp(-0.5 * dying)
        x["H"] += late * 0.5 * spm * step * h
        x["S"] += late * 0.5 * spm * step * (1.0 - h)
    return [*found, {**x, "P": sum(tunnels)}]


@pytest.mark.parametrize("counts", ["all_cause", "excess"])
def test_tunnels_are_cohorts_by_the_cycle_of_entry(counts: str, calgb: Inputs) -> None:
    changes = exponential("pfs", "no_maintenance", 20.0) | exponential("pfs", "lenalidomide", 20.0)
    changes |= {"cohort.age": 74.0, "spm.share_haematologic.no_maintenance": 0.3}
    changes |= {f"spm.{name}.no_maintenance": 2.0 for name in ("rate", "rate_off_treatment")}
    model = bare(calgb, changes, months=120, smr=1.0)
    curve: dict[str, Value] = {"family": "weibull", "shape": 0.6, "scale": 30.0}
    outcomes = evaluate(from_progression(model, curve, counts, "half_cycle_exposure"), trace=True)
    expected = tunnel_loop(model, 120, counts == "all_cause")
    names = {"M": State.MAINTENANCE, "P": State.PROGRESSION, "H": State.SPM_HAEMATOLOGIC, "S": State.SPM_SOLID}
    for key, state in (names | {"D": State.DEATH}).items():
        told = [row[key] for row in expected]
        np.testing.assert_allclose(state_of(outcomes, state), told, rtol=0, atol=1e-12, err_msg=state)

"""The engine against the same model in plain Python (`support.plain_model`), and curves against algebra."""

import math
from collections.abc import Mapping

import numpy as np
import pytest

from markov.analysis.base_case import base_case
from markov.inputs.parameters import Inputs, Value, with_values
from markov.inputs.problems import InputError
from markov.inputs.rules.between_values import problems, scenario_changes, scenario_names
from markov.model.evaluate import evaluate
from markov.model.outcomes import SCHEDULES, Outcomes
from markov.terms import LIVING, State
from tests.support.made_inputs import bare, exponential, survival
from tests.support.plain_model import Plain, background_increments


def expected_parts(plain: Plain, effects: str, costs: str) -> dict[str, Mapping[str, float]]:
    """Disaggregated outcomes by the names of the package."""
    qalys, components = plain.qalys(effects)
    return {
        "life_years": {state: sum(plain.time(k, state, effects) for k in range(plain.cycles)) for state in LIVING},
        "qalys": qalys,
        "qaly_components": {str(key): value for key, value in components.items()},
        "costs": {str(key): value for key, value in plain.costs(costs).items()},
    }


def assert_same(inputs: Inputs, outcomes: Outcomes, tolerance: float) -> None:
    """Occupancy, stop rates, entries, and every part of effects and costs, discounted and not."""
    assert outcomes.trace is not None
    for i, strategy in enumerate(outcomes.strategies):
        plain = Plain(inputs, strategy)
        x = np.array([[row[state] for state in State] for row in plain.occupancy])
        np.testing.assert_allclose(outcomes.trace.occupancy[0, i], x, rtol=0.0, atol=tolerance, err_msg=strategy)

        def agrees(found: float, value: float, where: str, tolerance: float = tolerance) -> None:
            assert found == pytest.approx(value, rel=tolerance, abs=tolerance), where

        agrees(outcomes.solved["toxicity_rate"][0, i], plain.toxicity_rate, f"{strategy} toxicity rate", 1e-6)
        agrees(outcomes.solved["other_stop_rate"][0, i], plain.other_rate, f"{strategy} other stops", 1e-6)
        agrees(outcomes.time_on_treatment[0, i], plain.treated_years("none"), f"{strategy} time on treatment")
        agrees(outcomes.drug_years[0, i], plain.treated_years("costs"), f"{strategy} discounted time on treatment")
        for state in State:
            agrees(outcomes.entered(state)[0, i], plain.arrivals(state, "none"), f"{strategy} entries to {state}")
        for schedule, (effects, costs) in zip(SCHEDULES, (("none", "none"), ("effects", "costs")), strict=True):
            for name, parts in expected_parts(plain, effects, costs).items():
                for key, value in parts.items():
                    found = outcomes.part(name, key, schedule)[0, i]
                    agrees(found, value, f"{strategy} {name} {key} {schedule}")


# The rate alternative, under changed settings ----------------------------------------------------------------------


def rate_alternative(inputs: Inputs, drug: str, changes: Mapping[str, Value]) -> Inputs:
    """Weibull PFS, a rate of stops for toxicity and a constant excess rate after progression, then the changes."""
    medians = {"lenalidomide": (27.0, 46.0, 1.38), "thalidomide": (15.0, 23.0, 0.87)}[drug]
    weibull: dict[str, Value] = {"settings.post_progression": "rate"}
    for strategy, median in zip(("no_maintenance", drug), medians, strict=False):
        weibull |= {f"pfs.family.{strategy}": "weibull", f"pfs.median.{strategy}": median}
        weibull[f"pfs.shape.{strategy}"] = medians[2]
    weibull |= {f"toxicity.proportion.{drug}": None, f"treatment.median_duration.{drug}": None}
    weibull[f"toxicity.rate.{drug}"] = 0.011
    product = {"lenalidomide": "lenalidomide_10mg", "thalidomide": "thalidomide_50mg"}[drug]
    named = {key.replace("DRUG", drug).replace("PRODUCT", product): value for key, value in changes.items()}
    changed = with_values(inputs, {**weibull, **named})
    assert [p for p in problems(changed) if not p.warning and "scenario" not in p.rule] == []
    return changed


SETTINGS: dict[str, dict[str, Value]] = {
    "as shipped otherwise": {},
    "a window off the cycle boundaries": {
        "treatment.start.DRUG": 3.3,
        "treatment.planned_stop.DRUG": 26.45,
        "treatment.share_starting.DRUG": 0.83,
        "treatment.other_stop_rate.DRUG": 0.02,
        "spm.lag.DRUG": 7.7,
        "adverse_event.persistent_share.neuropathy.DRUG": 0.2,
    },
    "one move, start": {"settings.within_cycle": "one_move", "settings.correction": "start"},
    "one move, end": {
        "settings.within_cycle": "one_move",
        "settings.correction": "end",
        "treatment.other_stop_rate.DRUG": 0.03,
    },
    "Simpson, odd number of cycles": {
        "settings.correction": "simpson",
        "settings.horizon_years": 20.5 * 28.0 / 365.25,
        "treatment.start.DRUG": 5.0,
        "treatment.planned_stop.DRUG": 15.0,
    },
    "Simpson, lifetime": {"settings.correction": "simpson", "settings.discount_rate.costs": 0.06},
    "quarters, whole years of discount": {
        "settings.cycle_days": 91.0,
        "settings.discounting": "whole_years",
        "settings.horizon_years": 12.3,
        "treatment.planned_stop.DRUG": 24.0,
    },
    "weeks, rates that change": {
        "settings.cycle_days": 7.0,
        "settings.horizon_years": 9.0,
        "settings.discount_change_years": 4.4,
        "settings.discount_rate.costs": 0.05,
        "settings.discount_rate_later.costs": 0.02,
        "settings.discount_rate_later.effects": 0.01,
    },
    "utilities above the norm, without age": {
        "settings.age_adjustment": "off",
        "utility.maintenance": 0.95,
        "utility.progression": 0.79,
        "utility.treatment_decrement.DRUG": -0.07,
        "adverse_event.persistent_share.neuropathy.DRUG": 0.0,
    },
    "utilities above the norm, with age": {
        "utility.maintenance": 0.95,
        "utility.toxicity": 0.9,
        "utility.treatment_decrement.DRUG": -0.07,
        "adverse_event.persistent_share.neuropathy.DRUG": 0.3,
        "spm.disutility.haematologic": -0.2,
        "spm.disutility_duration.haematologic": 9.0,
    },
    "no cap, with age": {"settings.utility_cap": "off", "utility.maintenance": 0.97},
    "no cap, without age": {"settings.utility_cap": "off", "settings.age_adjustment": "off", "utility.toxicity": 0.97},
    "another cohort": {"cohort.age": 63.4, "cohort.proportion_female": 0.71, "mortality.smr": 1.6},
    "rates by strategy, many second malignancies": {
        "settings.post_progression_rate": "by_strategy",
        "spm.rate.DRUG": 9.0,
        "spm.rate_off_treatment.DRUG": 4.0,
        "spm.rate_off_treatment.no_maintenance": 6.0,
        "spm.share_haematologic.DRUG": 0.6,
        "spm.excess_death.solid": 0.35,
    },
    "generic packs every 21 days, two at a lower dose, courses": {
        "settings.price_set": "generic",
        "settings.price_year": 2011.0,
        "dose.interval.PRODUCT.DRUG": 21.0,
        "dose.administrations.PRODUCT.DRUG": 21.0,
        "dose.initial_intervals.PRODUCT.DRUG": 2.0,
        "dose.initial_amount.PRODUCT.DRUG": 4.0,
        "dose.relative_intensity.DRUG": 0.85,
        "subsequent.monthly_cost.DRUG": 0.0,
        "subsequent.share.transplant.DRUG": 0.3,
        "subsequent.cost.transplant": 31000.0,
        "subsequent.share.salvage.DRUG": 0.6,
        "subsequent.cost.salvage": 52000.0,
        "cost.event.progression": 800.0,
        "cost.state.spm_haematologic": 120.0,
        "cost.monitoring.DRUG": 77.0,
    },
    "a hazard ratio that wanes": {
        "pfs.family.DRUG": "hazard_ratio",
        "pfs.hazard_ratio.DRUG": 0.55,
        "pfs.reference.DRUG": "no_maintenance",
        "pfs.waning_start.DRUG": 30.0,
        "pfs.waning_end.DRUG": 70.0,
    },
    "a time ratio": {"pfs.family.DRUG": "time_ratio", "pfs.time_ratio.DRUG": 1.7},
    "a PFS curve below the population's mortality": {
        "pfs.family.DRUG": "exponential",
        "pfs.median.DRUG": None,
        "pfs.rate.DRUG": 0.0009,
    },
    "drug without stops, discounts apart": {
        "toxicity.rate.DRUG": 0.0,
        "settings.discount_rate.costs": 0.0,
        "settings.discount_rate.effects": 0.015,
    },
}


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("drug", ["lenalidomide", "thalidomide"])
def test_the_rate_alternative_is_the_model_in_plain_python(
    drug: str, setting: str, calgb: Inputs, myeloma_ix: Inputs
) -> None:
    base = calgb if drug == "lenalidomide" else myeloma_ix
    inputs = rate_alternative(base, drug, SETTINGS[setting])
    assert_same(inputs, evaluate(inputs, trace=True), 1e-9)


# The shipped base cases, and scenarios that change what the engine does -----------------------------------------------

SCENARIOS = {
    "calgb": [
        "",
        "Weibull PFS",
        "Log-logistic PFS",
        "OS effect never wanes",
        "Horizon 10 years",
        "Start at age 63",
        "Median 24 months on drug",
        "Planned stop at 2 years",
        "One move, start of cycle",
    ],
    "myeloma_ix": [
        "",
        "Log-normal PFS",
        "Rate after progression by arm",
        "OS shape 2.2",
        "No second malignancies",
        "No stops for toxicity",
        "Effect lost on stopping",
    ],
}


@pytest.mark.parametrize(("name", "scenario"), [(name, scenario) for name in SCENARIOS for scenario in SCENARIOS[name]])
def test_shipped_scenarios_are_the_model_in_plain_python(
    name: str, scenario: str, request: pytest.FixtureRequest
) -> None:
    # Stops are solved here by bracketing, and deaths after progression by bracketing in every cycle.
    base: Inputs = request.getfixturevalue(name)
    assert scenario in ("", *scenario_names(base))
    inputs = with_values(base, scenario_changes(base, scenario))
    assert_same(inputs, evaluate(inputs, trace=True), 1e-8)


def test_a_cap_on_utilities_leaves_decrements_alone_where_utilities_do_not_age(myeloma_ix: Inputs) -> None:
    inputs = with_values(myeloma_ix, scenario_changes(myeloma_ix, "No age adjustment"))
    assert_same(inputs, evaluate(inputs, trace=True), 1e-8)


# Curves, ratios, waning, crossing and the floor, in months ------------------------------------------------------------

REMAINING: dict[str, dict[str, Value]] = {
    "exponential": {},
    "weibull": {"shape": 1.3},
    "gompertz": {"shape": 0.02},
    "log_normal": {"sdlog": 1.1},
    "log_logistic": {"shape": 1.6},
    "gamma": {"shape": 1.8},
    "generalised_gamma": {"sigma": 0.9, "q": 0.4},
    "generalised_f": {"sigma": 0.9, "q": 0.3, "p": 0.5},
    "spline_hazard": {"gamma1": 1.2, "gamma2": 0.05, "knots": "3; 20; 60"},
    "spline_odds": {"gamma1": 1.4, "gamma2": 0.03, "knots": "3; 20; 60"},
    "spline_normal": {"gamma1": 0.9, "gamma2": 0.02, "knots": "3; 20; 60"},
}


@pytest.mark.parametrize("family", REMAINING)
def test_every_family_returns_its_median_in_the_whole_model(family: str, calgb: Inputs) -> None:
    changes = exponential("pfs", "no_maintenance", 20.0) | exponential("os", "no_maintenance", 40.0)
    for endpoint, median in (("pfs", 24.0), ("os", 48.0)):
        mine = {"family": family, "median": median, **REMAINING[family]}
        changes |= {f"{endpoint}.{name}.lenalidomide": value for name, value in mine.items()}
    inputs = bare(calgb, changes)
    assert [p for p in problems(inputs) if not p.warning and "scenario" not in p.rule] == []
    outcomes = evaluate(inputs, trace=True)
    assert survival(outcomes, "pfs_net_of_spm", "lenalidomide")[24] == pytest.approx(0.5, abs=1e-10)
    assert survival(outcomes, "os", "lenalidomide")[48] == pytest.approx(0.5, abs=1e-10)
    assert 12.0 * outcomes.curves["pfs_net_of_spm"].median[0] == pytest.approx([20.0, 24.0], abs=1e-7)
    assert 12.0 * outcomes.curves["os"].median[0] == pytest.approx([40.0, 48.0], abs=1e-7)


def test_a_hazard_ratio_multiplies_the_reference_strategys_cumulative_hazard(calgb: Inputs) -> None:
    changes: dict[str, Value] = {}
    for endpoint, median in (("pfs", 20.0), ("os", 45.0)):
        changes |= {f"{endpoint}.family.no_maintenance": "log_logistic", f"{endpoint}.median.no_maintenance": median}
        changes |= {f"{endpoint}.shape.no_maintenance": 1.7, f"{endpoint}.family.lenalidomide": "hazard_ratio"}
        changes |= {f"{endpoint}.hazard_ratio.lenalidomide": 0.6}
    outcomes = evaluate(bare(calgb, changes), trace=True)
    for curve_name in ("pfs_net_of_spm", "os"):
        treated, control = (survival(outcomes, curve_name, s) for s in ("lenalidomide", "no_maintenance"))
        np.testing.assert_allclose(np.log(treated), 0.6 * np.log(control), rtol=0, atol=1e-9)


def test_a_time_ratio_stretches_the_reference_strategys_curve(calgb: Inputs) -> None:
    changes: dict[str, Value] = {
        "pfs.family.no_maintenance": "log_logistic",
        "pfs.median.no_maintenance": 15.0,
        "pfs.shape.no_maintenance": 1.7,
        "pfs.family.lenalidomide": "time_ratio",
        "pfs.time_ratio.lenalidomide": 2.0,
        "settings.post_progression": "rate",
    }
    outcomes = evaluate(bare(calgb, changes), trace=True)
    treated, control = (survival(outcomes, "pfs_net_of_spm", s) for s in ("lenalidomide", "no_maintenance"))
    np.testing.assert_allclose(treated[::2], control[: len(treated[::2])], rtol=0, atol=1e-12)


@pytest.mark.parametrize(("endpoint", "curve_name"), [("pfs", "pfs_net_of_spm"), ("os", "os")])
@pytest.mark.parametrize(("first", "last"), [(24.0, 48.0), (30.0, 30.0)])
def test_a_waning_effect_goes_linearly_from_its_own_hazard_to_the_references(
    endpoint: str, curve_name: str, first: float, last: float, calgb: Inputs
) -> None:
    own, other = math.log(2.0) / 60.0, math.log(2.0) / 25.0
    changes = exponential("pfs", "no_maintenance", 10.0) | exponential("os", "no_maintenance", 30.0)
    changes |= exponential("pfs", "lenalidomide", 20.0) | exponential("os", "lenalidomide", 50.0)
    changes |= exponential(endpoint, "lenalidomide", 60.0) | exponential(endpoint, "no_maintenance", 25.0)
    changes |= {f"{endpoint}.waning_start.lenalidomide": first, f"{endpoint}.waning_end.lenalidomide": last}
    if endpoint == "pfs":
        changes["settings.post_progression"] = "rate"
    outcomes = evaluate(bare(calgb, changes), trace=True)
    hazards = -np.diff(np.log(survival(outcomes, curve_name, "lenalidomide")))
    for month, hazard in enumerate(hazards):
        middle = month + 0.5
        w = 1.0 if middle < first else 0.0 if middle > last else (last - middle) / (last - first)
        assert hazard == pytest.approx(w * own + (1.0 - w) * other, abs=1e-9), month


def crossing(inputs: Inputs, policy: str) -> Inputs:
    """PFS with a falling hazard: it starts below OS and crosses it in month 45.9."""
    changes = exponential("os", "no_maintenance", 30.3) | exponential("os", "lenalidomide", 90.0)
    changes |= exponential("pfs", "lenalidomide", 40.0)
    changes |= {"pfs.family.no_maintenance": "weibull", "pfs.median.no_maintenance": 20.0}
    changes |= {"pfs.shape.no_maintenance": 0.5, "settings.crossing": policy}
    return bare(inputs, changes)


def test_under_cap_curve_pfs_is_the_lower_of_the_two_curves(calgb: Inputs) -> None:
    outcomes = evaluate(crossing(calgb, "cap_curve"), trace=True)
    t = np.arange(61)
    expected = np.minimum(0.5 ** np.sqrt(t / 20.0), 0.5 ** (t / 30.3))
    np.testing.assert_allclose(survival(outcomes, "pfs_net_of_spm", "no_maintenance"), expected, rtol=0, atol=1e-12)
    assert outcomes.counts["crossing_cycles"][0].tolist() == [60 - 45, 0]
    assert outcomes.counts["first_crossing_years"][0, 0] == pytest.approx(45.0 / 12.0)
    assert np.isnan(outcomes.counts["first_crossing_years"][0, 1])


def test_under_cap_hazard_pfs_has_at_least_the_hazard_of_os_where_it_would_end_above(calgb: Inputs) -> None:
    outcomes = evaluate(crossing(calgb, "cap_hazard"), trace=True)
    total, raised, expected = 0.0, 0, [1.0]
    for month in range(60):
        told = math.log(2.0) * (math.sqrt((month + 1) / 20.0) - math.sqrt(month / 20.0))
        os_hazard = math.log(2.0) / 30.3
        if total + told < (month + 1) * os_hazard:
            told, raised = max(told, os_hazard), raised + 1
        total += told
        expected.append(math.exp(-total))
    np.testing.assert_allclose(survival(outcomes, "pfs_net_of_spm", "no_maintenance"), expected, rtol=0, atol=1e-12)
    assert outcomes.counts["crossing_cycles"][0].tolist() == [raised, 0]
    assert 2 <= raised <= 60 - 45


def test_under_the_error_policy_the_base_case_names_the_strategy_and_the_time(calgb: Inputs) -> None:
    inputs = crossing(calgb, "error")
    with pytest.raises(InputError) as caught:
        base_case(inputs)
    assert [str(problem) for problem in caught.value.problems] == [
        f"calgb_100104.xlsx, {calgb.parameters['settings.crossing'].cell}: PFS of no_maintenance rises above its OS, "
        'found "first at 3.8 years". Choose cap_hazard or cap_curve, or change one of the curves.'
    ]


@pytest.mark.parametrize("smr", [1.0, 1.7])
def test_no_curve_falls_more_slowly_than_the_general_population(smr: float, calgb: Inputs) -> None:
    changes: dict[str, Value] = {}
    for strategy in ("no_maintenance", "lenalidomide"):
        changes |= exponential("pfs", strategy, 5000.0) | exponential("os", strategy, 9000.0)
    inputs = bare(calgb, {**changes, "cohort.age": 71.3}, months=240, smr=smr)
    outcomes = evaluate(inputs, trace=True)
    background = background_increments(inputs, [month / 12.0 for month in range(241)])
    expected = np.exp(-np.concatenate([[0.0], np.cumsum(background)]))
    for strategy in outcomes.strategies:
        for name in ("pfs_net_of_spm", "os"):
            np.testing.assert_allclose(survival(outcomes, name, strategy), expected, rtol=0, atol=1e-10)
    assert outcomes.counts["floored_cycles"][0].tolist() == [240, 240]


@pytest.mark.parametrize(
    ("days", "horizon", "correction", "cycles"),
    [
        (28.0, 1.0, "half_cycle", 14),
        (28.0, 10.0, "half_cycle", 131),
        (28.0, 10.0, "simpson", 132),
        (365.25, 7.0, "half_cycle", 7),
        (365.25, 7.0, "simpson", 8),
        (91.0, 364.0 / 365.25, "start", 4),
    ],
)
def test_a_horizon_is_rounded_up_to_whole_cycles_an_even_number_under_simpson(
    days: float, horizon: float, correction: str, cycles: int, calgb: Inputs
) -> None:
    changes: dict[str, Value] = {"settings.cycle_days": days, "settings.horizon_years": horizon}
    outcomes = evaluate(with_values(calgb, {**changes, "settings.correction": correction}), trace=True)
    assert outcomes.trace is not None
    assert outcomes.trace.boundaries == pytest.approx(np.arange(cycles + 1) * days / 365.25)


def test_an_empty_horizon_runs_to_age_100(calgb: Inputs) -> None:
    outcomes = evaluate(with_values(calgb, {"cohort.age": 63.5}), trace=True)
    assert outcomes.trace is not None
    assert 36.5 <= outcomes.trace.boundaries[-1] < 36.5 + 28.0 / 365.25

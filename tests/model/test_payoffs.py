"""Time, discounting, doses and costs where a closed form or a hand-worked figure gives the answer."""

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

from markov.inputs.parameters import Inputs, Value, with_values
from markov.model.drugs import expected_vials
from markov.model.evaluate import evaluate
from markov.model.outcomes import Outcomes
from markov.terms import Array, CostCategory, State
from tests.support.made_inputs import MONTH_DAYS, bare

ARM, PRODUCT = "lenalidomide", "lenalidomide_10mg"
YEAR, FOUR_WEEKS = 365.25, 28.0 / 365.25
CORRECTIONS = ("half_cycle", "start", "end", "simpson")
every_correction = pytest.mark.parametrize("correction", CORRECTIONS)


def immortal(inputs: Inputs, changes: Mapping[str, Value], *, years: float = 40.0, hazard: float = 1e-15) -> Inputs:
    """Nobody dies or leaves maintenance (or at one hazard of progression a year), drug for all who start."""
    still: dict[str, Value] = {f"pfs.family.{s}": "exponential" for s in ("no_maintenance", ARM)}
    still |= {f"pfs.rate.{s}": hazard / 12.0 for s in ("no_maintenance", ARM)}
    still |= {"settings.post_progression": "rate", "post_progression.excess_rate.common": 0.0}
    still |= {f"treatment.share_starting.{ARM}": 1.0, f"toxicity.proportion.{ARM}": 0.0}
    months = bare(inputs, still)
    return with_values(months, {"settings.cycle_days": 28.0, "settings.horizon_years": years, **changes})


def years_alive(outcomes: Outcomes, schedule: str) -> float:
    return float(outcomes.part("life_years", State.MAINTENANCE, schedule)[0, 0])


# Corrections and discounting -----------------------------------------------------------------------------------------


@every_correction
@pytest.mark.parametrize("moves", ["half_cycle_exposure", "one_move"])
@pytest.mark.parametrize(("days", "years"), [(28.0, 40.0), (91.0, 17.3), (7.0, 5.0), (YEAR, 12.0)])
def test_an_immortal_cohort_lives_exactly_to_the_horizon_under_every_correction(
    days: float, years: float, moves: str, correction: str, calgb: Inputs
) -> None:
    settings: dict[str, Value] = {"settings.cycle_days": days, "settings.correction": correction}
    outcomes = evaluate(immortal(calgb, {**settings, "settings.within_cycle": moves}, years=years), trace=True)
    assert outcomes.trace is not None
    assert years_alive(outcomes, "undiscounted") == pytest.approx(outcomes.trace.boundaries[-1], rel=1e-12)
    assert outcomes.life_years[0, :, 0].sum(axis=-1) == pytest.approx([outcomes.trace.boundaries[-1]] * 2, rel=1e-12)


@pytest.mark.parametrize("discounting", ["exact_time", "whole_years"])
@pytest.mark.parametrize(
    ("correction", "exact", "whole"), [("start", 0.0, 0.0), ("half_cycle", 0.5, 0.0), ("end", 1.0, 1.0)]
)
def test_a_year_of_life_a_year_is_a_geometric_series(
    correction: str, exact: float, whole: float, discounting: str, calgb: Inputs
) -> None:
    rate = 0.04
    settings: dict[str, Value] = {"settings.cycle_days": YEAR, "settings.correction": correction}
    settings |= {"settings.discounting": discounting, "settings.discount_rate.effects": rate}
    outcomes = evaluate(immortal(calgb, settings, years=25.0))
    v, delay = 1.0 / (1.0 + rate), exact if discounting == "exact_time" else whole
    assert years_alive(outcomes, "discounted") == pytest.approx(v**delay * (1.0 - v**25) / (1.0 - v), rel=1e-12)


def test_simpson_comes_closest_to_the_continuous_annuity(calgb: Inputs) -> None:
    rate = 0.06
    annuity = (1.0 - (1.0 + rate) ** -24.0) / math.log1p(rate)
    gaps = {}
    for correction in CORRECTIONS:
        settings: dict[str, Value] = {"settings.cycle_days": YEAR, "settings.correction": correction}
        outcomes = evaluate(immortal(calgb, {**settings, "settings.discount_rate.effects": rate}, years=24.0))
        gaps[correction] = years_alive(outcomes, "discounted") / annuity - 1.0
    # Of order 4: rate⁴/180; of order 2: −rate²/24 at mid-cycle; of order 1: ±rate/2.
    r = math.log1p(rate)
    assert gaps["simpson"] == pytest.approx(r**4 / 180.0, rel=0.01)
    assert gaps["half_cycle"] == pytest.approx(-(r**2) / 24.0, rel=0.01)
    assert gaps["start"] == pytest.approx(r / 2.0, rel=0.02)
    assert gaps["end"] == pytest.approx(-r / 2.0, rel=0.02)


@pytest.mark.parametrize("discounting", ["exact_time", "whole_years"])
def test_later_rates_hold_from_their_year_for_costs_and_effects_apart(discounting: str, calgb: Inputs) -> None:
    # HM Treasury's Green Book: 3.5 % for 30 years, then 3 %; health 1.5 % and then 1.29 %.
    rates = {"costs": (0.035, 0.03), "effects": (0.015, 0.0129)}
    settings: dict[str, Value] = {"settings.discount_change_years": 30.0, "settings.discounting": discounting}
    for kind, (early, late) in rates.items():
        settings |= {f"settings.discount_rate.{kind}": early, f"settings.discount_rate_later.{kind}": late}
    settings["cost.state.maintenance"] = 1000.0 * FOUR_WEEKS  # a thousand a year
    outcomes = evaluate(immortal(calgb, settings))
    expected = {}
    for kind, (early, late) in rates.items():
        total = 0.0
        for k in range(math.ceil(40.0 / FOUR_WEEKS)):
            t = (k + 0.5) * FOUR_WEEKS
            t = float(math.floor(t)) if discounting == "whole_years" else t
            total += FOUR_WEEKS / (1.0 + early) ** min(t, 30.0) / (1.0 + late) ** max(t - 30.0, 0.0)
        expected[kind] = total
    assert years_alive(outcomes, "discounted") == pytest.approx(expected["effects"], rel=1e-11)
    cost = outcomes.part("costs", CostCategory.DISEASE_MANAGEMENT)[0, 0]
    assert cost == pytest.approx(1000.0 * expected["costs"], rel=1e-9)
    undiscounted = outcomes.part("costs", CostCategory.DISEASE_MANAGEMENT, "undiscounted")[0, 0]
    assert undiscounted == pytest.approx(1000.0 * years_alive(outcomes, "undiscounted"), rel=1e-9)


# Packs ---------------------------------------------------------------------------------------------------------------


def drug_cost(outcomes: Outcomes, schedule: str = "discounted") -> float:
    return float(outcomes.part("costs", CostCategory.DRUG, schedule)[0, outcomes.strategies.index(ARM)])


def dose(name: str) -> str:
    return f"dose.{name}.{PRODUCT}.{ARM}"


@pytest.mark.parametrize("days", [7.0, 14.0, 28.0, MONTH_DAYS, 91.0])
@pytest.mark.parametrize("interval", [21.0, 28.0, 91.0])
@pytest.mark.parametrize("start", [0.0, 4.1])
def test_pack_n_is_dispensed_and_discounted_at_start_plus_n_intervals_whatever_the_cycle(
    days: float, interval: float, start: float, calgb: Inputs
) -> None:
    years, step, begin = 10.0, interval / YEAR, start / 12.0
    changes: dict[str, Value] = {"settings.cycle_days": days, dose("interval"): interval}
    changes |= {dose("administrations"): interval, f"treatment.start.{ARM}": start}
    outcomes = evaluate(immortal(calgb, changes, years=years), trace=True)
    assert outcomes.trace is not None
    packs = math.ceil((outcomes.trace.boundaries[-1] - begin) / step - 1e-9)
    price = 3780.0 / 21.0 * interval  # a capsule a day, 21 in a pack
    expected = price * sum(1.035 ** -(begin + n * step) for n in range(packs))
    assert drug_cost(outcomes) == pytest.approx(expected, rel=1e-11)
    assert drug_cost(outcomes, "undiscounted") == pytest.approx(price * packs, rel=1e-11)


def test_packs_are_counted_by_who_is_on_drug_when_they_are_dispensed(calgb: Inputs) -> None:
    # Exits at 0.3 a year: a geometric series, without a correction for half a cycle.
    outcomes = evaluate(immortal(calgb, {"settings.discount_rate.costs": 0.0}, years=20.0, hazard=0.3))
    packs = math.ceil(20.0 / FOUR_WEEKS)
    left = math.exp(-0.3 * FOUR_WEEKS)
    assert drug_cost(outcomes) == pytest.approx(5040.0 * (1.0 - left**packs) / (1.0 - left), rel=1e-11)


@pytest.mark.parametrize("name", ["calgb", "myeloma_ix"])
def test_the_cycle_length_hardly_moves_drug_cost(name: str, request: pytest.FixtureRequest) -> None:
    base: Inputs = request.getfixturevalue(name)
    costs = [
        evaluate(with_values(base, {"settings.cycle_days": days})).part("costs", CostCategory.DRUG)[0, 1]
        for days in (28.0, 14.0, 7.0)
    ]
    assert costs[1] == pytest.approx(costs[0], rel=1e-3)
    assert costs[2] == pytest.approx(costs[0], rel=1e-3)


@pytest.mark.parametrize(("stop", "packs"), [(27.9, 1), (28.0, 1), (28.1, 2), (84.0, 3), (85.0, 4)])
def test_a_planned_stop_ends_dispensing(stop: float, packs: int, calgb: Inputs) -> None:
    # Days from the start; the pack that would be due on the day of the stop is not dispensed.
    changes: dict[str, Value] = {f"treatment.planned_stop.{ARM}": stop / MONTH_DAYS}
    outcomes = evaluate(immortal(calgb, {**changes, "settings.cycle_days": 91.0}, years=3.0))
    assert drug_cost(outcomes, "undiscounted") == pytest.approx(5040.0 * packs, rel=1e-9)


@pytest.mark.parametrize("first", [0, 1, 4, 200])
def test_the_initial_dose_is_given_for_its_intervals(first: int, calgb: Inputs) -> None:
    changes: dict[str, Value] = {dose("initial_intervals"): float(first), dose("initial_amount"): 5.0}
    outcomes = evaluate(immortal(calgb, changes, years=5.0))
    packs = math.ceil(5.0 / FOUR_WEEKS)
    full, halved = max(packs - first, 0), min(first, packs)
    assert drug_cost(outcomes, "undiscounted") == pytest.approx(5040.0 * (full + 0.5 * halved), rel=1e-11)


@pytest.mark.parametrize(
    ("changes", "times"),
    [
        ({"dose.relative_intensity.lenalidomide": 0.85}, 0.85),
        ({dose("amount"): 15.0}, 1.5),
        ({dose("administrations"): 21.0}, 0.75),
        ({"product.units_per_pack.lenalidomide_10mg": 42.0}, 0.5),
        ({"product.strength.lenalidomide_10mg": 5.0}, 2.0),
        ({"settings.price_set": "generic"}, 0.1),
        ({"treatment.share_starting.lenalidomide": 0.3}, 0.3),
    ],
)
def test_drug_cost_is_proportional(changes: dict[str, Value], times: float, calgb: Inputs) -> None:
    base = immortal(calgb, {}, years=5.0)
    one, other = evaluate(base), evaluate(with_values(base, changes))
    assert drug_cost(other) == pytest.approx(times * drug_cost(one), rel=1e-12)


# Vials ---------------------------------------------------------------------------------------------------------------

# Hand-worked for a body surface of mean 1.85 and standard deviation 0.2 m²: P(surface > n·vial/dose) is 1 − Φ(z) from a
# printed table of the normal distribution, four decimals; expected vials are their sum over n = 0, 1, 2, …
VIALS = [
    # mg/m², vial of mg, needed on average, expected opened: thresholds and tails
    (1.3, 3.5, 0.6871, 1.0000),  # 1 | 2.692: z 4.21, 0.0000
    (1.3, 1.0, 2.4050, 2.9516),  # 1 + 1 | 1.538: z −1.56, 0.9406 | 2.308: z 2.29, 0.0110
    (1.3, 2.5, 0.9620, 1.3575),  # 1 | 1.923: z 0.365, 0.3575 | 3.846: z 9.98, 0
    (1.0, 1.0, 1.8500, 2.2266),  # 1 + 1 (1.0: z −4.25) | 2.0: z 0.75, 0.2266
]


@pytest.mark.parametrize(("amount", "vial", "needed", "opened"), VIALS)
def test_vials_meet_the_hand_worked_table_with_and_without_waste(
    amount: float, vial: float, needed: float, opened: float, calgb: Inputs
) -> None:
    assert amount * 1.85 / vial == pytest.approx(needed, abs=1e-4)
    found = expected_vials(np.array([amount / vial]), np.array([1.85]), np.array([0.2]))
    assert found == pytest.approx([opened], abs=4e-4)
    changes: dict[str, Value] = {f"product.form.{PRODUCT}": "vial", f"product.strength.{PRODUCT}": vial}
    changes |= {f"product.units_per_pack.{PRODUCT}": 1.0, dose("amount"): amount, dose("administrations"): 4.0}
    model = immortal(calgb, changes, years=2.0)
    per_m2 = replace(model.parameters[dose("amount")], unit="mg/m2")
    model = replace(model, parameters={**model.parameters, dose("amount"): per_m2})
    dispensings = 4.0 * math.ceil(2.0 / FOUR_WEEKS)
    for waste, vials, tolerance in (("on", opened, 4e-4), ("off", needed, 1e-4)):
        cost = drug_cost(evaluate(with_values(model, {"settings.vial_waste": waste})), "undiscounted")
        assert cost / 3780.0 / dispensings == pytest.approx(vials, abs=tolerance), waste


def test_surface_is_integrated_over_its_distribution() -> None:
    # E⌈need⌉ by Gauss–Hermite-free brute force: a fine grid of the normal distribution.
    z = np.linspace(-8.0, 8.0, 400_001)
    weights = np.exp(-0.5 * z**2)
    for per_m2 in (1.3 / 3.5, 1.3, 2.7, 25.0 / 12.0):
        needs = np.ceil(per_m2 * (1.85 + 0.2 * z))
        expected = float((weights * needs).sum() / weights.sum())
        found: Array = expected_vials(np.array([per_m2]), np.array([1.85]), np.array([0.2]))
        assert found[0] == pytest.approx(expected, abs=2e-4)


@pytest.mark.parametrize(("waste", "vials"), [("on", 3.0), ("off", 2.4)])
def test_a_flat_dose_opens_whole_vials_for_each_administration(waste: str, vials: float, calgb: Inputs) -> None:
    changes: dict[str, Value] = {f"product.form.{PRODUCT}": "vial", f"product.strength.{PRODUCT}": 1.0}
    changes |= {f"product.units_per_pack.{PRODUCT}": 1.0, dose("amount"): 2.4, dose("administrations"): 2.0}
    outcomes = evaluate(immortal(calgb, {**changes, "settings.vial_waste": waste}, years=2.0))
    expected = 3780.0 * 2.0 * vials * math.ceil(2.0 / FOUR_WEEKS)
    assert drug_cost(outcomes, "undiscounted") == pytest.approx(expected, rel=1e-11)


@pytest.mark.parametrize(("form", "visits"), [("oral", 1.0), ("vial", 4.0)])
def test_administration_is_charged_for_each_injection_or_for_each_hand_out(
    form: str, visits: float, calgb: Inputs
) -> None:
    changes: dict[str, Value] = {f"product.form.{PRODUCT}": form, dose("administrations"): 4.0}
    changes |= {"cost.administration.oral": 100.0, f"cost.treatment_start.{ARM}": 0.0}
    outcomes = evaluate(immortal(calgb, changes, years=10.0), trace=True)
    assert outcomes.trace is not None
    years = outcomes.trace.boundaries[-1]
    cost = outcomes.part("costs", CostCategory.ADMINISTRATION, "undiscounted")[0, 1]
    assert cost == pytest.approx(100.0 * visits * years / FOUR_WEEKS, rel=1e-11)


# What happens once ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("start", "share"), [(0.0, 1.0), (0.0, 0.6), (11.3, 1.0), (11.3, 0.6)])
def test_adverse_events_and_the_cost_of_starting_come_once_at_the_start_to_those_who_start(
    start: float, share: float, calgb: Inputs
) -> None:
    changes: dict[str, Value] = {f"treatment.start.{ARM}": start, f"treatment.share_starting.{ARM}": share}
    outcomes = evaluate(immortal(calgb, changes, years=10.0, hazard=0.2))
    t, events = start / 12.0, ("neutropenia", "thrombocytopenia", "infection")
    # Linear between cycle ends, so that only at a boundary the number is e^(−0.2·t) exactly.
    starters = share * math.exp(-0.2 * t)
    index = {2011: 100.0 / 76.92307692307692}
    cost, qalys = 0.0, 0.0
    for event in events:
        proportion = calgb.parameters[f"adverse_event.proportion.{event}.{ARM}"].value
        amount = calgb.parameters[f"adverse_event.cost.{event}"]
        days = calgb.parameters[f"adverse_event.days.{event}"].value
        decrement = calgb.parameters[f"adverse_event.disutility.{event}"].value
        cost += float(str(proportion)) * float(str(amount.value)) * index.get(int(amount.price_year or 2022), 1.0)
        qalys += float(str(proportion)) * float(str(decrement)) * float(str(days)) / YEAR
    v = 1.035**-t
    found = outcomes.part("costs", CostCategory.ADVERSE_EVENTS)[0, 1]
    assert found == pytest.approx(starters * v * cost, rel=1e-4 if start else 1e-12)
    assert outcomes.part("qaly_components", "adverse_events")[0, 1] == pytest.approx(
        starters * v * qalys, rel=1e-4 if start else 1e-12
    )
    only_start = with_values(immortal(calgb, changes, years=10.0, hazard=0.2), {"cost.administration.oral": 0.0})
    charged = evaluate(only_start).part("costs", CostCategory.ADMINISTRATION)[0, 1]
    assert charged == pytest.approx(starters * v * 200.59, rel=1e-4 if start else 1e-12)


def test_where_nobody_starts_nobody_is_charged_for_starting(calgb: Inputs) -> None:
    outcomes = evaluate(with_values(calgb, {f"treatment.share_starting.{ARM}": 0.0}))
    assert outcomes.part("costs", CostCategory.ADMINISTRATION)[0, 1] == 0.0


def test_courses_are_paid_on_progression_and_a_monthly_cost_while_progressed(calgb: Inputs) -> None:
    # Everyone progresses at 0.5 a year and lives on: time progressed is the horizon less time in maintenance.
    base = immortal(calgb, {"settings.discount_rate.costs": 0.0}, years=30.0, hazard=0.5)
    monthly: dict[str, Value] = {"subsequent.monthly_cost.no_maintenance": 1000.0}
    courses: dict[str, Value] = {"subsequent.monthly_cost.no_maintenance": 0.0}
    courses |= {"subsequent.share.next.no_maintenance": 0.8, "subsequent.cost.next": 50000.0}
    outcomes = [evaluate(with_values(base, changes), trace=True) for changes in (monthly, courses)]
    per_time, per_course = (o.part("costs", CostCategory.SUBSEQUENT_THERAPY)[0, 0] for o in outcomes)
    trace = outcomes[0].trace
    assert trace is not None
    end = trace.boundaries[-1]
    progressed = end - -math.expm1(-0.5 * end) / 0.5
    assert per_time == pytest.approx(1000.0 / FOUR_WEEKS * progressed, rel=1e-4)
    assert per_course == pytest.approx(0.8 * 50000.0 * -math.expm1(-0.5 * end), rel=1e-11)

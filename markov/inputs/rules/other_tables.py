"""Rules for the tables beside the parameters: life tables, price index, trial results, curve points, network."""

import math

from markov.inputs.definitions.schema import Sheet
from markov.inputs.evidence import QUANTITIES, CurvePoint
from markov.inputs.parameters import Inputs, TrialResult
from markov.inputs.problems import Problem
from markov.inputs.rules.one_value import Found, choose, place_of, where
from markov.terms import Endpoint, Family, Status

OLDEST_AGE = 100.0  # where an empty horizon ends
CLICK, CLICK_MONTHS = 0.02, 1.0  # how far a click on an axis may miss it; `markov fit` looks more closely

TRIAL_MEASURES = (
    ("pfs", "median"),
    ("pfs", "survival"),
    ("os", "median"),
    ("os", "survival"),
    ("time_on_treatment", "median"),
    ("discontinuation", "incidence"),
    ("spm", "incidence"),
)


def life_tables(inputs: Inputs) -> Found:
    """The tables by age begin at or before the cohort's age, and reach to the end of the horizon or to age 100."""
    if not inputs.given("cohort.age"):
        return
    age = inputs.number("cohort.age")
    end = age + inputs.number("settings.horizon_years") if inputs.given("settings.horizon_years") else OLDEST_AGE
    tables = ((Sheet.LIFE_TABLE, inputs.life_table), (Sheet.POPULATION_UTILITY, inputs.population_utility))
    for sheet, table in tables:
        if not len(table.ages) or math.isnan(table.ages[0]) or math.isnan(table.ages[-1]):
            continue
        place = f"{inputs.name}, {sheet}"
        if table.ages[0] > age:
            rule = f"the table starts above the cohort's age of {age:g}"
            yield Problem(place, rule, f"{table.ages[0]:g}", "Add the younger ages.")
        if table.ages[-1] + 1.0 < min(end, OLDEST_AGE):
            rule = f"the table ends before the horizon, which reaches age {end:g}"
            yield Problem(place, rule, f"{table.ages[-1]:g}", "Add the older ages: the last one would hold for ever.")


def price_years(inputs: Inputs) -> Found:
    """Every price year, and the report's, is in the index."""
    report = int(inputs.number("settings.price_year"))
    for parameter in inputs.parameters.values():
        if parameter.price_year is not None:
            for year in sorted({int(parameter.price_year), report} - set(inputs.price_index)):
                rule = f"the price index has no year {year}, which {parameter.id} needs"
                yield Problem(place_of(inputs, parameter.cell), rule, remedy=f"Add it to {Sheet.PRICE_INDEX}.")


# ----------------------------------------------------------------------------------------------- trial results


def trial_results(inputs: Inputs) -> Found:
    """Published figures belong to a strategy, say what they are, and can be what they are."""
    for result in inputs.trial_results:
        place = place_of(inputs, result.cell)
        if result.strategy not in inputs.labels:
            rule = "a trial result belongs to no strategy of this workbook"
            yield Problem(place, rule, result.strategy, choose(result.strategy, tuple(inputs.labels)))
        if (result.endpoint, result.measure) not in TRIAL_MEASURES:
            listed = ", ".join(f"{endpoint} {measure}" for endpoint, measure in TRIAL_MEASURES)
            found = f"{result.endpoint} {result.measure}"
            yield Problem(place, "the report cannot set this measure against the model", found, f"Use: {listed}.")
        else:
            yield from _figure(result, place)
        if result.status and result.status not in tuple(Status):
            rule = f"the status of the {result.endpoint} {result.measure} is not one of the evidence statuses"
            yield Problem(place, rule, result.status, choose(result.status, tuple(Status)))


def _figure(result: TrialResult, place: str) -> Found:
    """Proportions lie between 0 and 1, medians above 0, and a figure within its own interval."""
    what, most = f"{result.endpoint} {result.measure}", math.inf if result.measure == "median" else 1.0
    for number, which in (
        (result.value, "the"),
        (result.low, "the low limit of the"),
        (result.high, "the high limit of the"),
    ):
        if number is not None and not 0.0 <= number <= most:
            remedy = f"Write {number / 100:g}, or {number:g} % in a percent cell." if 1 < number <= 100 else "Mend it."
            rule = f"{which} {what} lies between 0 and 1" if most == 1.0 else f"{which} {what} is at least 0"
            yield Problem(place, rule, f"{number:g}", remedy)
    if result.months < 0.0:
        yield Problem(place, f"the time of the {what} is at least 0", f"{result.months:g}", "Write months.")
    low, high = result.low, result.high
    if (low is not None and low > result.value) or (high is not None and high < result.value):
        found = (
            f"{result.value:g} outside {'…' if low is None else f'{low:g}'} to {'…' if high is None else f'{high:g}'}"
        )
        yield Problem(place, f"the {what} is outside its own interval", found, "Check all three.")


# ----------------------------------------------------------------------------------------- sheets of evidence


def curve_points(inputs: Inputs) -> Found:
    """Points of curves can be what they are: proportions, whole numbers of patients, months from time zero."""
    for point in inputs.curve_points:
        if point.quantity in QUANTITIES:
            yield from _point(point)


def _point(point: CurvePoint) -> Found:
    what = f"{point.quantity.replace('_', ' ')} of {point.strategy} at {point.months:g} months"
    if point.months < -CLICK_MONTHS:
        yield Problem(point.place, f"{what}: months run from time zero", f"{point.months:g}", "Write 0 or more.")
    if point.quantity == "survival" and not -CLICK <= point.value <= 1.0 + CLICK:
        percent = 1.0 < point.value <= 100.0
        remedy = f"Write {point.value / 100:g}, or {point.value:g} % in a percent cell." if percent else "Mend it."
        yield Problem(point.place, f"{what} lies between 0 and 1", f"{point.value:g}", remedy)
    elif point.quantity != "survival" and (point.value < 0.0 or point.value != round(point.value)):
        yield Problem(point.place, f"{what} is a whole number of patients", f"{point.value:g}", "Copy it as printed.")


def curve_choices(inputs: Inputs) -> Found:
    """A choice is of a curve that the workbook has; one that is no longer used is a warning."""
    for choice in inputs.curve_choices:
        place = choice.place or f"{inputs.name}, {Sheet.CURVE_CHOICE}"
        what = f"the choice of a curve for {choice.endpoint} of {choice.strategy}"
        pairs = (
            ("strategy", choice.strategy, tuple(inputs.labels)),
            ("endpoint", choice.endpoint, tuple(Endpoint)),
            ("family", choice.family, tuple(Family)),
        )
        wrong = [(kind, value, options) for kind, value, options in pairs if value not in options]
        for kind, value, options in wrong:
            yield Problem(place, f"{what} has an unknown {kind}", value, choose(value, options))
        used = inputs.text(f"{choice.endpoint}.family.{choice.strategy}")
        if not wrong and used and used != choice.family:
            rule = f"{what} is {choice.family}, and the workbook uses {used}"
            yield Problem(place, rule, remedy="Choose one of the two in both places.", warning=True)


def network(inputs: Inputs) -> Found:
    """A trial's comparison counts once: a second row of it would count the same patients twice."""
    seen: dict[tuple[str, str, frozenset[str]], str] = {}
    for row in inputs.network:
        key = (row.endpoint, row.trial, frozenset((row.treatment, row.comparator)))
        if row.included and key in seen:
            rule = (
                f"{row.endpoint} of {row.treatment} against {row.comparator} in {row.trial} is already at {seen[key]}"
            )
            yield Problem(row.place, rule, remedy='Write "no" under included in one of the two rows.')
        elif row.included:
            seen[key] = row.place.rpartition(", ")[2]


# ---------------------------------------------------------------------------------------------------- utilities


def value_sets(inputs: Inputs) -> Found:
    """All utilities come from one value set."""
    told = [p for p in inputs.parameters.values() if p.definition.sheet is Sheet.UTILITIES and p.value_set]
    sets: dict[str, str] = {}
    for parameter in told:
        if parameter.value_set not in sets and sets:
            listed = "; ".join(
                f"{name} at {cell}" for name, cell in {**sets, parameter.value_set: parameter.cell}.items()
            )
            yield Problem(where(inputs, parameter.id), "utilities mix value sets", listed, "Use one set.")
        sets.setdefault(parameter.value_set, parameter.cell)

"""The rules between values, one small function each, and the rules for scenarios.

Rules that need a survival curve stand in `markov.model.hazards`.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from markov.inputs.parameters import Inputs, Parameter, ScenarioChange, Value, with_values
from markov.inputs.problems import Problem
from markov.inputs.schema import Sheet, match
from markov.inputs.value_checks import Found, parameter_problems, place_of
from markov.terms import (
    FAMILY_PARAMETERS,
    LIVING,
    RATIO_FAMILIES,
    SPLINES,
    TRUSTED,
    Endpoint,
    Family,
    PostProgression,
    PostProgressionRate,
)


def problems(inputs: Inputs) -> list[Problem]:
    """Every problem of a workbook, its scenarios included."""
    found = [problem for parameter in inputs.parameters.values() for problem in parameter_problems(inputs, parameter)]
    if any(not problem.warning for problem in found):
        return found  # what follows reads values, which must be sound by themselves
    found += [problem for rule in RULES for problem in rule(inputs)]
    if not any(not problem.warning for problem in found):
        found += _scenarios(inputs)
    return found


def _where(inputs: Inputs, identifier: str) -> str:
    parameter = inputs.parameters.get(identifier)
    return place_of(inputs, parameter.cell if parameter else "")


# ------------------------------------------------------------------------------------------- between values


def _reference(inputs: Inputs) -> Found:
    """One reference strategy, included; at least one strategy."""
    place = _where(inputs, "settings.reference")
    known = ", ".join(inputs.labels)
    if not inputs.strategies:
        yield Problem(f"{inputs.name}, {Sheet.STRATEGIES}", "there is no strategy", remedy="Add a row for each.")
    elif inputs.text("settings.reference") not in inputs.compared:
        yield Problem(
            place,
            "settings.reference is not an included strategy",
            inputs.text("settings.reference"),
            f"Choose one of: {known}.",
        )


def _required(inputs: Inputs) -> Found:
    """Everything the model needs under the chosen settings has a value."""
    for identifier in required_ids(inputs):
        if not inputs.given(identifier):
            found = match(identifier)
            where = f"{inputs.name}, {found[0].sheet}" if found else inputs.name
            if identifier in inputs.parameters:
                where = _where(inputs, identifier)
            yield Problem(where, f"{identifier} has no value", remedy="Fill it, or add its row.")


def required_ids(inputs: Inputs) -> Iterator[str]:
    """Ids without a default that a run under these settings reads."""
    yield from ("cohort.age", "cohort.proportion_female")
    yield from (f"utility.{state}" for state in LIVING)
    yield from ("spm.excess_death.haematologic", "spm.excess_death.solid")
    for strategy in inputs.compared:
        yield f"treatment.share_starting.{strategy}"
        yield f"spm.rate_off_treatment.{strategy}"
        yield f"spm.share_haematologic.{strategy}"
        yield from _curve_ids(inputs, Endpoint.PFS, strategy)
        yield from _after_progression_ids(inputs, strategy)
        if inputs.value(f"treatment.share_starting.{strategy}"):
            yield from _treatment_ids(inputs, strategy)
    if inputs.given("settings.discount_change_years"):
        yield from ("settings.discount_rate_later.costs", "settings.discount_rate_later.effects")


def _after_progression_ids(inputs: Inputs, strategy: str) -> Iterator[str]:
    alternative = inputs.text("settings.post_progression")
    if alternative == PostProgression.OVERALL_SURVIVAL:
        yield from _curve_ids(inputs, Endpoint.OS, strategy)
    elif alternative == PostProgression.TIME_SINCE_PROGRESSION:
        yield from _curve_ids(inputs, Endpoint.POST_PROGRESSION, strategy)
    else:
        common = inputs.text("settings.post_progression_rate") == PostProgressionRate.COMMON
        yield f"post_progression.excess_rate.{'common' if common else strategy}"


def _curve_ids(inputs: Inputs, endpoint: Endpoint, strategy: str) -> Iterator[str]:
    yield f"{endpoint}.family.{strategy}"
    family = inputs.text(f"{endpoint}.family.{strategy}")
    if not family:
        return
    names = FAMILY_PARAMETERS[Family(family)]
    if inputs.given(f"{endpoint}.median.{strategy}") and family not in RATIO_FAMILIES:
        names = names[1:]
    yield from (f"{endpoint}.{name}.{strategy}" for name in names)
    if inputs.given(f"{endpoint}.waning_start.{strategy}") or inputs.given(f"{endpoint}.waning_end.{strategy}"):
        yield from (f"{endpoint}.waning_start.{strategy}", f"{endpoint}.waning_end.{strategy}")


def _treatment_ids(inputs: Inputs, strategy: str) -> Iterator[str]:
    if not inputs.given(f"toxicity.rate.{strategy}"):
        yield from (f"toxicity.proportion.{strategy}", f"toxicity.period.{strategy}")
    if inputs.given(f"spm.proportion.{strategy}"):
        yield f"spm.period.{strategy}"
    else:
        yield f"spm.rate.{strategy}"
    for product in products_of(inputs, strategy):
        yield f"price.{product}.{inputs.text('settings.price_set')}"
        yield from (f"product.strength.{product}", f"product.units_per_pack.{product}")
        yield f"dose.administrations.{product}.{strategy}"
        if inputs.value(f"dose.initial_intervals.{product}.{strategy}"):
            yield f"dose.initial_amount.{product}.{strategy}"
        if inputs.text(f"dose.route.{product}.{strategy}"):  # a mistyped route would cost nothing
            yield f"cost.administration.{inputs.text(f'dose.route.{product}.{strategy}')}"


def products_of(inputs: Inputs, strategy: str) -> tuple[str, ...]:
    """Products that a strategy doses."""
    return tuple(p for p in inputs.names("product") if inputs.given(f"dose.amount.{p}.{strategy}"))


def _either_or(inputs: Inputs) -> Found:
    """Two ways to give one thing: one of them at a time."""
    pairs = [
        pair
        for s in inputs.compared
        for pair in (
            (f"toxicity.rate.{s}", f"toxicity.proportion.{s}"),
            (f"spm.rate.{s}", f"spm.proportion.{s}"),
            (f"treatment.other_stop_rate.{s}", f"treatment.median_duration.{s}"),
        )
    ]
    for endpoint in Endpoint:
        for s in inputs.compared:
            family = inputs.text(f"{endpoint}.family.{s}")
            if family and family not in RATIO_FAMILIES:
                pairs.append((f"{endpoint}.median.{s}", f"{endpoint}.{FAMILY_PARAMETERS[Family(family)][0]}.{s}"))
    for first, second in pairs:
        if inputs.value(first) not in (None, 0.0) and inputs.given(second):
            yield Problem(_where(inputs, first), f"{first} and {second} are both given", remedy="Clear one of them.")


def _subsequent(inputs: Inputs) -> Found:
    """Courses at progression or a cost per month, never both; shares of courses sum to at most 1."""
    for s in inputs.compared:
        shares = [f"subsequent.share.{course}.{s}" for course in inputs.names("course")]
        total = sum(inputs.number(share) for share in shares)
        if total > 0 and inputs.number(f"subsequent.monthly_cost.{s}") > 0:
            yield Problem(
                _where(inputs, f"subsequent.monthly_cost.{s}"),
                f"subsequent therapy of {s} is given as courses and as a cost per month",
                remedy="Clear one of them.",
            )
        if total > 1.0 + 1e-9:
            yield Problem(
                _where(inputs, shares[0]),
                f"the shares of subsequent courses of {s} sum to more than 1",
                f"{total:g}",
                "Lower one of them.",
            )
        for course in inputs.names("course"):
            used = inputs.number(f"subsequent.share.{course}.{s}") > 0
            if used and not inputs.given(f"subsequent.cost.{course}"):
                yield Problem(_where(inputs, shares[0]), f"course {course} has no cost", remedy="Add its row.")


def _times(inputs: Inputs) -> Found:
    """Windows end after they begin; a horizon is longer than a cycle."""
    for s in inputs.compared:
        windows = [("treatment.start", "treatment.planned_stop")]
        windows += [(f"{endpoint}.waning_start", f"{endpoint}.waning_end") for endpoint in Endpoint]
        for start, end in windows:
            first, last = f"{start}.{s}", f"{end}.{s}"
            if inputs.given(first) and inputs.given(last) and inputs.number(first) > inputs.number(last):
                found = f"{inputs.value(last)} before {inputs.value(first)}"
                yield Problem(_where(inputs, last), f"{last} is before {first}", found, "Mend one of them.")
    if inputs.value("settings.horizon_years") == 0.0:
        yield Problem(_where(inputs, "settings.horizon_years"), "a horizon of zero has no results", 0, "Lengthen it.")
    if (
        not inputs.given("settings.horizon_years")
        and inputs.given("cohort.age")
        and inputs.number("cohort.age") >= 100.0
    ):
        yield Problem(
            _where(inputs, "cohort.age"),
            "an empty horizon ends at age 100",
            inputs.value("cohort.age"),
            "Give settings.horizon_years.",
        )


def _life_table(inputs: Inputs) -> Found:
    """The table begins at or before the cohort's age."""
    if not inputs.given("cohort.age"):
        return
    tables = ((Sheet.LIFE_TABLE, inputs.life_table), (Sheet.POPULATION_UTILITY, inputs.population_utility))
    for sheet, table in tables:
        if len(table.ages) and table.ages[0] > inputs.number("cohort.age"):
            yield Problem(
                f"{inputs.name}, {sheet}",
                f"the table starts above the cohort's age of {inputs.value('cohort.age'):g}",
                f"{table.ages[0]:g}",
                "Add the younger ages.",
            )


def _references(inputs: Inputs) -> Found:
    """Ratios and waning refer to another included strategy, never in a circle."""
    for endpoint in Endpoint:
        for s in inputs.compared:
            if not inputs.text(f"{endpoint}.family.{s}"):
                continue
            target = reference_of(inputs, endpoint, s)
            is_ratio = inputs.text(f"{endpoint}.family.{s}") in RATIO_FAMILIES
            wanes = inputs.given(f"{endpoint}.waning_end.{s}")
            cell = _where(inputs, f"{endpoint}.reference.{s}")
            if (is_ratio or wanes) and target not in inputs.compared:
                remedy = f"Choose one of: {', '.join(inputs.compared)}."
                yield Problem(cell, f"{endpoint}.reference.{s} is not an included strategy", target, remedy)
            elif wanes and inputs.given(f"{endpoint}.waning_end.{target}"):
                yield Problem(cell, f"{s} wanes to {target}, which itself wanes", remedy="Wane both to the reference.")
            elif is_ratio and s in _chain(inputs, endpoint, s):
                yield Problem(
                    cell, f"the reference of {endpoint} for {s} leads back to itself", target, "Break the circle."
                )


def _chain(inputs: Inputs, endpoint: Endpoint, strategy: str) -> list[str]:
    """Strategies that a ratio curve leads through, its own left out unless it comes back."""
    chain: list[str] = []
    current = strategy
    while inputs.text(f"{endpoint}.family.{current}") in RATIO_FAMILIES:
        current = reference_of(inputs, endpoint, current)
        if current in chain:
            break
        chain.append(current)
    return chain


def reference_of(inputs: Inputs, endpoint: Endpoint, strategy: str) -> str:
    """The strategy that a curve's ratio or waning refers to."""
    return inputs.text(f"{endpoint}.reference.{strategy}") or inputs.reference


def _splines(inputs: Inputs) -> Found:
    """A spline has a coefficient for each knot."""
    for endpoint in Endpoint:
        for s in inputs.compared:
            if inputs.text(f"{endpoint}.family.{s}") not in SPLINES:
                continue
            knots = inputs.text(f"{endpoint}.knots.{s}").split(";")
            missing = [j for j in range(2, len(knots)) if not inputs.given(f"{endpoint}.gamma{j}.{s}")]
            if len(knots) < 2 or missing:
                rule = f"a spline with {len(knots)} knots needs gamma0 to gamma{max(len(knots) - 1, 1)}"
                yield Problem(_where(inputs, f"{endpoint}.knots.{s}"), rule, remedy="Add the coefficients.")


def _shapes(inputs: Inputs) -> Found:
    """A shape of 0 or below belongs to a Gompertz curve alone: elsewhere survival would not fall."""
    for endpoint in Endpoint:
        for s in inputs.compared:
            name, family = f"{endpoint}.shape.{s}", inputs.text(f"{endpoint}.family.{s}")
            shape = inputs.value(name)
            positive = family in (Family.WEIBULL, Family.LOG_LOGISTIC, Family.GAMMA)
            if positive and isinstance(shape, (int, float)) and shape <= 0.0:
                yield Problem(_where(inputs, name), f"{name} must be above 0 for {family}", f"{shape:g}", "Mend it.")


def _value_sets(inputs: Inputs) -> Found:
    """All utilities come from one value set."""
    sets: dict[str, str] = {}
    for parameter in inputs.parameters.values():
        if parameter.definition.sheet is Sheet.UTILITIES and parameter.value_set:
            sets.setdefault(parameter.value_set, parameter.cell)
    if len(sets) > 1:
        listed = "; ".join(f"{name} at {cell}" for name, cell in sets.items())
        yield Problem(f"{inputs.name}, {Sheet.UTILITIES}", "utilities mix value sets", listed, "Use one set.")


def _price_years(inputs: Inputs) -> Found:
    """Every price year, and the report's, is in the index."""
    report = int(inputs.number("settings.price_year"))
    for parameter in inputs.parameters.values():
        if parameter.price_year is not None:
            for year in {int(parameter.price_year), report} - set(inputs.price_index):
                rule = f"the price index has no year {year}, which {parameter.id} needs"
                yield Problem(place_of(inputs, parameter.cell), rule, remedy=f"Add it to {Sheet.PRICE_INDEX}.")


def _trial_results(inputs: Inputs) -> Found:
    """Published figures belong to a strategy and say what they are."""
    for result in inputs.trial_results:
        place = place_of(inputs, result.cell)
        if result.strategy not in inputs.labels:
            yield Problem(
                place, "a trial result belongs to no strategy of this workbook", result.strategy, "Mend its id."
            )
        if (result.endpoint, result.measure) not in TRIAL_MEASURES:
            listed = ", ".join(f"{endpoint} {measure}" for endpoint, measure in TRIAL_MEASURES)
            found = f"{result.endpoint} {result.measure}"
            yield Problem(place, "the report cannot set this measure against the model", found, f"Use: {listed}.")


TRIAL_MEASURES = (
    ("pfs", "median"),
    ("pfs", "survival"),
    ("os", "median"),
    ("os", "survival"),
    ("time_on_treatment", "median"),
    ("discontinuation", "incidence"),
    ("spm", "incidence"),
)


def _groups(inputs: Inputs) -> Found:
    """A group has two sampled members or more: alone, a parameter is more likely to have its name mistyped."""
    members: dict[str, list[Parameter]] = {}
    for parameter in inputs.parameters.values():
        if parameter.group and parameter.is_sampled:
            members.setdefault(parameter.group, []).append(parameter)
    for group, (first, *others) in members.items():
        if not others:
            rule = f"{first.id} is the only sampled parameter of its group"
            remedy = "Write the same group beside its partner, or clear it."
            yield Problem(place_of(inputs, first.cell), rule, group, remedy, warning=True)


def _evidence(inputs: Inputs) -> Found:
    """Assumed or unverified figures are no error, but never silent."""
    weak = [p for p in inputs.parameters.values() if p.status and p.status not in TRUSTED and p.value is not None]
    if weak:
        rule = f"{len(weak)} values are derived, unverified or assumed: each report lists them"
        yield Problem(inputs.name, rule, warning=True)


RULES: tuple[Callable[[Inputs], Found], ...] = (
    _reference,
    _required,
    _either_or,
    _subsequent,
    _times,
    _life_table,
    _references,
    _splines,
    _shapes,
    _value_sets,
    _price_years,
    _trial_results,
    _groups,
    _evidence,
)


# ------------------------------------------------------------------------------------------------ scenarios


def scenario_names(inputs: Inputs) -> tuple[str, ...]:
    """Names of the scenarios, in their order."""
    return tuple(dict.fromkeys(change.scenario for change in inputs.scenarios))


def scenario_changes(inputs: Inputs, scenario: str) -> dict[str, Value]:
    """What a scenario changes, by id."""
    return {change.id: change.value for change in inputs.scenarios if change.scenario == scenario}


def _scenarios(inputs: Inputs) -> Found:
    """Each scenario, applied to a clean base, is itself a sound input."""
    base = replace(inputs, scenarios=())
    for name in scenario_names(inputs):
        rows: list[ScenarioChange] = [change for change in inputs.scenarios if change.scenario == name]
        if not name:
            yield Problem(place_of(inputs, rows[0].cell), "a scenario row has no name", remedy="Name it.")
            continue
        repeated = len({row.id for row in rows}) < len(rows)
        if repeated:
            yield Problem(
                place_of(inputs, rows[0].cell), f'scenario "{name}" changes an id twice', remedy="Keep one row."
            )
        unknown = [row for row in rows if not _belongs(inputs, row.id)]
        for row in unknown:
            yield Problem(place_of(inputs, row.cell), f'scenario "{name}" names a strategy that does not exist', row.id)
        if unknown or repeated:
            continue
        changed = with_values(base, {row.id: row.value for row in rows})
        for problem in _of_changed(changed, [row.id for row in rows]):
            if not problem.warning:
                place = place_of(inputs, rows[0].cell)
                yield Problem(place, f'scenario "{name}": {problem.rule}', problem.found, problem.remedy)


def _of_changed(inputs: Inputs, identifiers: Sequence[str]) -> list[Problem]:
    """Problems of some values and of everything together; values that did not change are known to be sound."""
    found = [problem for key in identifiers for problem in parameter_problems(inputs, inputs.parameters[key])]
    if any(not problem.warning for problem in found):
        return found
    return [problem for rule in RULES for problem in rule(inputs)]


def _belongs(inputs: Inputs, identifier: str) -> bool:
    found = match(identifier)
    return found is not None and found[1].get("strategy", inputs.reference) in inputs.labels

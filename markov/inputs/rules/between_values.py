"""The rules between values, one small function each, and the rules for scenarios.

Rules that need a survival curve stand in `markov.model.hazards`.
"""

from collections.abc import Callable, Iterator, Sequence, Set
from dataclasses import replace

from markov.inputs.correlations import correlation_problems
from markov.inputs.definitions.schema import Sheet, match
from markov.inputs.dirichlet import share_problems
from markov.inputs.parameters import Inputs, ScenarioChange, Value, new_parameter, with_values
from markov.inputs.problems import Problem
from markov.inputs.rules import curves, other_tables, warnings
from markov.inputs.rules.curves import reference_of as reference_of
from markov.inputs.rules.one_value import Found, parameter_problems, place_of, where
from markov.terms import (
    FAMILY_PARAMETERS,
    LIVING,
    RATIO_FAMILIES,
    TRUSTED,
    Endpoint,
    Family,
    PostProgression,
    PostProgressionRate,
)


def problems(inputs: Inputs) -> list[Problem]:
    """Every problem of a workbook at once, its scenarios included.

    Rules between values read sound values only: for an unsound one its base case stands in, and what they say of it
    is left out.
    """
    found = [problem for parameter in inputs.parameters.values() for problem in parameter_problems(inputs, parameter)]
    unsound = _unsound(inputs, found)
    mended = _mended(inputs, unsound)
    between = [problem for rule in RULES for problem in rule(mended)]
    found += [problem for problem in between if not _mentions(problem, unsound)]
    known = {problem.rule for problem in between}
    return found + [problem for problem in _scenarios(mended, known) if not _mentions(problem, unsound)]


def _unsound(inputs: Inputs, found: Sequence[Problem]) -> tuple[str, ...]:
    """Parameters that have an error by themselves."""
    places = {problem.place for problem in found if not problem.warning}
    return tuple(p.id for p in inputs.parameters.values() if place_of(inputs, p.cell) in places)


def _mended(inputs: Inputs, unsound: Sequence[str]) -> Inputs:
    """The inputs with the base case, or nothing, in the place of unsound values."""
    if not unsound:
        return inputs
    parameters = dict(inputs.parameters)
    for key in unsound:
        old = parameters[key]
        base = replace(new_parameter(key, inputs.currency, inputs.labels), value=old.base_case, cell=old.cell)
        sound = not any(not problem.warning for problem in parameter_problems(inputs, base))
        parameters[key] = base if sound else replace(base, value=None)
    return replace(inputs, parameters=parameters)


def _mentions(problem: Problem, identifiers: Sequence[str]) -> bool:
    words = set(f"{problem.rule} {problem.found} {problem.remedy}".replace(",", " ").replace(":", " ").split())
    return bool(words & set(identifiers))


# ------------------------------------------------------------------------------------------- between values


def _reference(inputs: Inputs) -> Found:
    """One reference strategy, included; at least one strategy."""
    place = where(inputs, "settings.reference")
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
    """Everything the model needs under the chosen settings has a value; a strategy without rows is told once."""
    bare = _without_rows(inputs)
    lacking: dict[str, list[str]] = {strategy: [] for strategy in bare}
    for identifier in required_ids(inputs):
        found = match(identifier)
        if inputs.given(identifier) or found is None:
            continue
        strategy = found[1].get("strategy")
        if strategy in bare:
            lacking[strategy].append(identifier)
            continue
        place = where(inputs, identifier) if identifier in inputs.parameters else f"{inputs.name}, {found[0].sheet}"
        remedy = f"Fill it, or add its row{_because(inputs, identifier)}."
        yield Problem(place, f"{identifier} has no value", remedy=remedy)
    for entry in inputs.strategies:
        if entry.id in bare:
            remedy = f"Add its rows: {', '.join(lacking[entry.id])}."
            yield Problem(place_of(inputs, entry.cell), f"strategy {entry.id} has no rows", remedy=remedy)


def _because(inputs: Inputs, identifier: str) -> str:
    """The setting that asks for a value, where it is not needed under every choice."""
    if identifier.startswith((Endpoint.OS, Endpoint.POST_PROGRESSION, "post_progression.")):
        return f": settings.post_progression is {inputs.text('settings.post_progression')}"
    if identifier.startswith("price."):
        return f": settings.price_set is {inputs.text('settings.price_set')}"
    return ""


def _without_rows(inputs: Inputs) -> frozenset[str]:
    """Compared strategies that no row but their own names."""
    own = {f"strategy.included.{strategy}" for strategy in inputs.labels}
    named = {found[1].get("strategy") for key in inputs.parameters if key not in own and (found := match(key))}
    return frozenset(set(inputs.compared) - named)


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
    for who in ("common", *inputs.compared):
        pairs.append((f"calibration.os_median.{who}", f"calibration.os_survival.{who}"))
    for endpoint in Endpoint:
        for s in inputs.compared:
            family = inputs.text(f"{endpoint}.family.{s}")
            if family and family not in RATIO_FAMILIES:
                pairs.append((f"{endpoint}.median.{s}", f"{endpoint}.{FAMILY_PARAMETERS[Family(family)][0]}.{s}"))
    for first, second in pairs:
        if inputs.value(first) not in (None, 0.0) and inputs.given(second):
            rule = f"{first} and {second} are both given"
            yield Problem(where(inputs, first, second), rule, remedy="Clear one of them.")


def _companions(inputs: Inputs) -> Found:
    """Shares to calibrate to have their time, and times their share."""
    for who in ("common", *inputs.labels):
        share, time = f"calibration.os_survival.{who}", f"calibration.os_survival_time.{who}"
        for given, lacking in ((share, time), (time, share)):
            if inputs.given(given) and not inputs.given(lacking):
                rule = f"{given} is given without {lacking}"
                yield Problem(where(inputs, given), rule, remedy="Fill both, or neither.")


def _subsequent(inputs: Inputs) -> Found:
    """Courses at progression or a cost per month, never both; shares of courses sum to at most 1."""
    for s in inputs.compared:
        shares = {
            f"subsequent.share.{course}.{s}": _plain_number(inputs, f"subsequent.share.{course}.{s}")
            for course in inputs.names("course")
        }
        total, monthly = sum(shares.values()), f"subsequent.monthly_cost.{s}"
        given = [share for share, value in shares.items() if value > 0]
        if total > 0 and _plain_number(inputs, monthly) > 0:
            rule = f"subsequent therapy of {s} is given as courses and as a cost per month"
            yield Problem(where(inputs, monthly), rule, remedy="Clear one of them.")
        if total > 1.0 + 1e-9:
            listed = " + ".join(f"{shares[share]:g}" for share in given)
            rule = f"the shares of subsequent courses of {s} sum to more than 1"
            yield Problem(where(inputs, *given), rule, f"{listed} = {total:g}", "Lower one of them.")
        for share in given:
            course = share.split(".")[2]
            if not inputs.given(f"subsequent.cost.{course}"):
                yield Problem(where(inputs, share), f"course {course} has no cost", remedy="Add its row.")


def _plain_number(inputs: Inputs, identifier: str) -> float:
    """A value as it stands in the workbook, 0 where there is none: enough to see whether it is there."""
    value = inputs.value(identifier)
    return float(value) if isinstance(value, (int, float)) else 0.0


def _times(inputs: Inputs) -> Found:
    """Windows end after they begin; a horizon is longer than a cycle."""
    for s in inputs.compared:
        windows = [("treatment.start", "treatment.planned_stop")]
        windows += [(f"{endpoint}.waning_start", f"{endpoint}.waning_end") for endpoint in Endpoint]
        for start, end in windows:
            first, last = f"{start}.{s}", f"{end}.{s}"
            if inputs.given(first) and inputs.given(last) and inputs.number(first) > inputs.number(last):
                found = f"{inputs.value(last)} before {inputs.value(first)}"
                yield Problem(where(inputs, last), f"{last} is before {first}", found, "Mend one of them.")
    if inputs.value("settings.horizon_years") == 0.0:
        yield Problem(where(inputs, "settings.horizon_years"), "a horizon of zero has no results", 0, "Lengthen it.")
    if (
        not inputs.given("settings.horizon_years")
        and inputs.given("cohort.age")
        and inputs.number("cohort.age") >= 100.0
    ):
        yield Problem(
            where(inputs, "cohort.age"),
            "an empty horizon ends at age 100",
            inputs.value("cohort.age"),
            "Give settings.horizon_years.",
        )


def _evidence(inputs: Inputs) -> Found:
    """Assumed or unverified figures are no error, but never silent."""
    weak = [p for p in inputs.parameters.values() if p.status and p.status not in TRUSTED and p.value is not None]
    if weak:
        rule = f"{len(weak)} values are derived, unverified or assumed: each report lists them"
        yield Problem(inputs.name, rule, warning=True)


def _weights(inputs: Inputs) -> Found:
    """Weights of scenarios are probabilities, one for each scenario, and leave something to the base case."""
    told: dict[str, ScenarioChange] = {}
    for row in inputs.scenarios:
        if row.weight is None:
            continue
        place = place_of(inputs, row.cell)
        if not 0.0 <= row.weight <= 1.0:
            rule = f'the weight of scenario "{row.scenario}" lies between 0 and 1'
            yield Problem(place, rule, f"{row.weight:g}", "Write how probable it is held to be.")
        before = told.setdefault(row.scenario, row)
        if before.weight != row.weight:
            rule = f'scenario "{row.scenario}" has two weights, {before.weight:g} and {row.weight:g}'
            yield Problem(place, rule, remedy=f"Keep one: the other is in the row of {before.cell}.")
    total = sum(row.weight or 0.0 for row in told.values())
    if total > 1.0 + 1e-9:
        row = next(iter(told.values()))
        rule = "the weights of scenarios sum to more than 1, and leave nothing to the base case"
        yield Problem(place_of(inputs, row.cell), rule, f"{total:g}", "Lower them: the base case has the rest.")


ERRORS: tuple[Callable[[Inputs], Found], ...] = (
    _reference,
    _required,
    _either_or,
    _companions,
    _subsequent,
    _times,
    curves.references,
    curves.splines,
    curves.shapes,
    other_tables.life_tables,
    other_tables.price_years,
    other_tables.trial_results,
    other_tables.curve_points,
    other_tables.curve_choices,
    other_tables.network,
    other_tables.value_sets,
    correlation_problems,
    share_problems,
    _weights,
)
"""Rules that a workbook and each of its scenarios keep."""

RULES: tuple[Callable[[Inputs], Found], ...] = (*ERRORS, *warnings.WARNINGS, _evidence)


# ------------------------------------------------------------------------------------------------ scenarios


def scenario_names(inputs: Inputs) -> tuple[str, ...]:
    """Names of the scenarios, in their order."""
    return tuple(dict.fromkeys(change.scenario for change in inputs.scenarios))


def scenario_changes(inputs: Inputs, scenario: str) -> dict[str, Value]:
    """What a scenario changes, by id."""
    return {change.id: change.value for change in inputs.scenarios if change.scenario == scenario}


def scenario_problems(inputs: Inputs) -> list[Problem]:
    """Problems of the scenarios alone, each applied to a base that is known to be sound.

    >>> from dataclasses import replace
    >>> from markov.inputs.writing.template import shipped
    >>> from markov.inputs.workbook import read_inputs
    >>> inputs = read_inputs(shipped("calgb_100104"))
    >>> row = ScenarioChange("Utility of 2", "utility.progression", 2.0)
    >>> [problem.found for problem in scenario_problems(replace(inputs, scenarios=(row,)))]
    ['2']
    """
    return list(_scenarios(inputs, frozenset()))


def _scenarios(inputs: Inputs, known: Set[str]) -> Found:
    """Each scenario, applied to the base, is itself a sound input; what is wrong with the base is not told again."""
    base = replace(inputs, scenarios=())
    for name in scenario_names(inputs):
        rows = [change for change in inputs.scenarios if change.scenario == name]
        unusable = list(_unusable(inputs, name, rows))
        yield from unusable
        if unusable:
            continue
        changed = with_values(base, {row.id: row.value for row in rows})
        told: set[str] = set()
        for problem in _of_changed(changed, [row.id for row in rows]):
            if not problem.warning and problem.rule not in known | told:
                told.add(problem.rule)
                cell = next((row.cell for row in rows if row.id in problem.rule.split()), rows[0].cell)
                rule = f'scenario "{name}": {problem.rule}'
                yield Problem(place_of(inputs, cell), rule, problem.found, problem.remedy)


def _unusable(inputs: Inputs, name: str, rows: Sequence[ScenarioChange]) -> Found:
    """Rows that cannot be applied: without a name, twice of one id, or of a strategy that is not there."""
    if not name:
        yield Problem(place_of(inputs, rows[0].cell), "a scenario row has no name", remedy="Name it.")
        return
    seen: dict[str, str] = {}
    for row in rows:
        if row.id in seen:
            rule = f'scenario "{name}" changes an id twice'
            yield Problem(place_of(inputs, row.cell), rule, row.id, f"Keep one row: the other is at {seen[row.id]}.")
        seen.setdefault(row.id, row.cell)
        found = match(row.id)
        if found is not None and found[1].get("strategy", next(iter(inputs.labels), "")) not in inputs.labels:
            rule = f'scenario "{name}" names a strategy that does not exist'
            yield Problem(place_of(inputs, row.cell), rule, row.id, f"Strategies are {', '.join(inputs.labels)}.")


def _of_changed(inputs: Inputs, identifiers: Sequence[str]) -> list[Problem]:
    """Problems of some values and of everything together; values that did not change are known to be sound."""
    found = [problem for key in identifiers for problem in parameter_problems(inputs, inputs.parameters[key])]
    if any(not problem.warning for problem in found):
        return found
    return [problem for rule in ERRORS for problem in rule(inputs)]

"""What is odd but possible: warnings, each with its cell, for what a mistyped name or a forgotten row leaves idle."""

from collections.abc import Callable

from markov.inputs.definitions.schema import match
from markov.inputs.parameters import Inputs, Parameter
from markov.inputs.problems import Problem
from markov.inputs.rules.curves import unused_numbers
from markov.inputs.rules.one_value import Found, place_of, where
from markov.terms import DAYS_PER_YEAR

OLDEST = 110.0  # years


def _named(inputs: Inputs, *patterns: str) -> dict[str, set[str]]:
    """Names by kind (product, event, …) in ids with a value, the scenarios' included, that begin with a pattern."""
    given = [key for key, parameter in inputs.parameters.items() if parameter.value not in (None, 0.0)]
    found: dict[str, set[str]] = {}
    for key in (*given, *(change.id for change in inputs.scenarios)):
        if key.startswith(patterns) and (matched := match(key)):
            for kind, name in matched[1].items():
                found.setdefault(kind, set()).add(name)
    return found


def same_labels(inputs: Inputs) -> Found:
    """Strategies that a report could not tell apart."""
    seen: dict[str, str] = {}
    for strategy in inputs.strategies:
        label = strategy.label.strip().lower()
        if label in seen:
            rule = f"strategies {seen[label]} and {strategy.id} have one label"
            yield Problem(place_of(inputs, strategy.cell), rule, strategy.label, "Tell them apart.", warning=True)
        seen.setdefault(label, strategy.id)


def idle_names(inputs: Inputs) -> Found:
    """Products, events, courses and routes that are described but not used, as after a slip in a name."""
    routes = {inputs.text(key) for key in inputs.parameters if key.startswith("dose.route.")}
    routes |= {str(change.value) for change in inputs.scenarios if change.id.startswith("dose.route.")}
    uses = {
        "product": (_named(inputs, "dose.amount.").get("product", set()), "no strategy has a dose of it"),
        "event": (_named(inputs, "adverse_event.proportion.").get("event", set()), "no strategy has a share with it"),
        "course": (_named(inputs, "subsequent.share.").get("course", set()), "no strategy has a share of it"),
        "route": (routes, "no dose is given by it"),
    }
    told: set[tuple[str, str]] = set()
    for parameter in inputs.parameters.values():
        matched = match(parameter.id)
        for kind, name in matched[1].items() if matched and parameter.value not in (None, 0.0) else ():
            if kind in uses and name not in uses[kind][0] and (kind, name) not in told:
                told.add((kind, name))
                rule = f"{parameter.id} is not used: {uses[kind][1]}"
                remedy = f"Check the name of the {kind}, or clear its rows."
                yield Problem(place_of(inputs, parameter.cell), rule, name, remedy, warning=True)


def events_without_weight(inputs: Inputs) -> Found:
    """Adverse events that cost nothing and take nothing, or whose decrement lasts no time."""
    weighty = _named(inputs, "adverse_event.cost.", "adverse_event.disutility.").get("event", set())
    lasting = _named(inputs, "adverse_event.days.", "adverse_event.persistent_share.").get("event", set())
    told: set[str] = set()
    for key, parameter in inputs.parameters.items():
        matched = match(key)
        event = matched[1].get("event", "") if matched else ""
        if not event or event in told or parameter.value in (None, 0.0):
            continue
        if key.startswith("adverse_event.proportion.") and event not in weighty:
            told.add(event)
            rule, remedy = f"{event} has neither a cost nor a decrement", "Add one, or clear its share."
            yield Problem(place_of(inputs, parameter.cell), rule, remedy=remedy, warning=True)
        elif key.startswith("adverse_event.disutility.") and event not in lasting:
            told.add(event)
            rule = f"the decrement of {event} lasts 0 days, and counts for nothing"
            yield Problem(
                place_of(inputs, parameter.cell), rule, remedy=f"Add adverse_event.days.{event}.", warning=True
            )


IDLE_WITHOUT = (
    ("settings.discount_rate_later.costs", "settings.discount_change_years"),
    ("settings.discount_rate_later.effects", "settings.discount_change_years"),
    ("toxicity.period.{s}", "toxicity.proportion.{s}"),
    ("spm.period.{s}", "spm.proportion.{s}"),
    ("spm.other_exit_rate.{s}", "spm.proportion.{s}"),
    ("spm.disutility.haematologic", "spm.disutility_duration.haematologic"),
    ("spm.disutility.solid", "spm.disutility_duration.solid"),
    ("spm.disutility_duration.haematologic", "spm.disutility.haematologic"),
    ("spm.disutility_duration.solid", "spm.disutility.solid"),
)


def idle_values(inputs: Inputs) -> Found:
    """Values that do nothing because their partner is missing."""
    changed = {change.id for change in inputs.scenarios}
    for pattern, needed in IDLE_WITHOUT:
        for s in inputs.compared if "{s}" in pattern else ("",):
            key, partner = pattern.replace("{s}", s), needed.replace("{s}", s)
            row = inputs.parameters.get(key)
            idle = row is not None and row.value not in (None, 0.0)
            if idle and inputs.value(partner) in (None, 0.0) and partner not in changed:
                rule = f"{key} does nothing without {partner}"
                yield Problem(where(inputs, key), rule, remedy="Fill both, or neither.", warning=True)


def treatment_without_drug(inputs: Inputs) -> Found:
    """Strategies that are started and dose nothing, or dose and are never started."""
    changed = {change.id for change in inputs.scenarios}
    for s in inputs.compared:
        share, start, stop = (f"treatment.{key}.{s}" for key in ("share_starting", "start", "planned_stop"))
        dosed = [p for p in inputs.names("product") if inputs.given(f"dose.amount.{p}.{s}")]
        if inputs.value(share) in (None, 0.0):
            if dosed and share not in changed:
                rule = f"{s} doses {', '.join(dosed)}, but nobody starts it"
                yield Problem(where(inputs, share), rule, remedy=f"Give {share}, or clear the doses.", warning=True)
        elif not dosed:
            rule = f"{s} is started but doses no product: its drug costs nothing"
            yield Problem(where(inputs, share), rule, remedy="Add its doses, or a share of 0.", warning=True)
        if dosed and inputs.given(stop) and inputs.number(stop) == inputs.number(start):
            rule = f"treatment of {s} stops the moment it starts"
            yield Problem(where(inputs, stop), rule, inputs.value(stop), "Move the stop.", warning=True)


def horizon(inputs: Inputs) -> Found:
    """A horizon shorter than a cycle, or longer than a life."""
    if not inputs.given("settings.horizon_years") or not inputs.given("cohort.age"):
        return
    years, cycle = inputs.number("settings.horizon_years"), inputs.number("settings.cycle_days") / DAYS_PER_YEAR
    place = where(inputs, "settings.horizon_years")
    if 0.0 < years < cycle:
        yield Problem(place, "the horizon is shorter than a cycle", f"{years:g} years", "Lengthen it.", warning=True)
    if inputs.number("cohort.age") + years > OLDEST:
        rule = f"the horizon goes beyond age {OLDEST:g}"
        yield Problem(place, rule, f"{years:g} years", "Clear it to stop at age 100.", warning=True)


def declared_ranges(inputs: Inputs) -> Found:
    """Limits without a distribution: one-way analysis varies the value, random draws do not."""
    rows = [p for p in inputs.parameters.values() if _has_a_range(p)]
    if rows:
        listed = ", ".join(f"{p.id} ({p.cell})" for p in rows)
        rule = f"{len(rows)} values have limits but no distribution: one-way analysis varies them, random draws do not"
        remedy = f"Choose a distribution if they are uncertain: {listed}."
        yield Problem(place_of(inputs, rows[0].cell), rule, remedy=remedy, warning=True)


def _has_a_range(parameter: Parameter) -> bool:
    both = parameter.low is not None and parameter.high is not None
    return both and not parameter.is_sampled and not parameter.definition.is_method


def value_sets_missing(inputs: Inputs) -> Found:
    """Utilities of states whose value set is not named while that of others is."""
    rows = [p for p in inputs.parameters.values() if p.id.startswith("utility.") and p.value is not None]
    if any(p.value_set for p in rows):
        for p in rows:
            if not p.value_set and p.value:
                yield Problem(where(inputs, p.id), f"{p.id} names no value set", remedy="Name it.", warning=True)


def lonely_groups(inputs: Inputs) -> Found:
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


WARNINGS: tuple[Callable[[Inputs], Found], ...] = (
    same_labels,
    idle_names,
    events_without_weight,
    idle_values,
    unused_numbers,
    treatment_without_drug,
    horizon,
    declared_ranges,
    value_sets_missing,
    lonely_groups,
)

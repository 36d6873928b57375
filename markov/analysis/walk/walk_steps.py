"""The steps of a walk between two workbooks: which inputs move together, in what order, and what must move with them.

Every mixture on the way must itself be a sound input. Where it is not, what would make it sound moves with the step,
and the step says so.
"""

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass

from markov.inputs.definitions.schema import Sheet, match
from markov.inputs.differences import INCLUDED, InputDifference, Mixture, differences, mixture
from markov.inputs.parameters import Inputs
from markov.inputs.rules import between_values
from markov.inputs.rules.curves import OF_A_FAMILY
from markov.model.hazards import crossing_problems
from markov.terms import Endpoint

LEFT_OUT, ADDED, OTHERS = "Strategies left out", "Strategies added", "Other differences"
METHODS = "Methods"
GROUPS: Mapping[str, tuple[str, ...]] = {
    LEFT_OUT: (),
    "Population": ("cohort.", "mortality.", Sheet.LIFE_TABLE),
    "Progression-free survival": ("pfs.",),
    "Overall survival": ("os.",),
    "Mortality after progression": ("pps.", "post_progression.", "settings.post_progression"),
    "Treatment duration": ("treatment.",),
    "Stops for toxicity": ("toxicity.",),
    "Second malignancies": ("spm.",),
    "Adverse events": ("adverse_event.",),
    "Doses and packs": ("dose.", "product.", "settings.vial_waste"),
    "Drug prices": ("price.", "settings.price_set"),
    "Subsequent therapy": ("subsequent.",),
    "Other costs": ("cost.", "settings.price_year", Sheet.PRICE_INDEX),
    "Utilities": (
        *("utility.", "spm.disutility", "settings.age_adjustment", "settings.utility_cap"),
        Sheet.POPULATION_UTILITY,
    ),
    METHODS: ("settings.",),
    ADDED: (),
}
"""The default steps in their order, with the beginnings of the ids that they take; the longest beginning decides.

Who is treated and how well it works come first, then what is used and what it costs, then how outcomes are valued
and counted. Strategies leave before everything else and join after it, so that nothing on the way lacks an input.
"""

MEASURED_WITH = {
    "toxicity.period": "toxicity.proportion",
    "spm.period": "spm.proportion",
    "spm.other_exit_rate": "spm.proportion",
}
READING = "settings.post_progression"
READ = ("settings.post_progression", "os.", "pps.", "post_progression.excess_rate.")
CURVE_NAMES = OF_A_FAMILY | {"family", "knots", "reference"}
FAILURES = (ValueError, KeyError, ArithmeticError)

Plan = Mapping[str, Sequence[str]]
"""Ids of the inputs that each step moves, by the step's name, in order."""


@dataclass(frozen=True)
class Step:
    """Inputs that move at once; `remarks` say what had to move with them, and why."""

    name: str
    ids: tuple[str, ...]
    remarks: tuple[str, ...] = ()


def _default_plan(both: Mixture, found: Sequence[InputDifference]) -> dict[str, tuple[str, ...]]:
    """The differing inputs in the default groups, empty groups left out."""
    names = {d.id: _group_of(both, d) for d in found}
    plan = {group: tuple(d.id for d in found if names[d.id] == group) for group in GROUPS}
    return {group: ids for group, ids in plan.items() if ids}


def _group_of(both: Mixture, difference: InputDifference) -> str:
    owner = _owner_of(both, difference.id)
    if owner is not None:
        return LEFT_OUT if owner in both.first.labels else ADDED
    if difference.id.startswith(INCLUDED):
        return LEFT_OUT if difference.values[0] == "yes" else ADDED
    starts = [(start, group) for group, beginnings in GROUPS.items() for start in beginnings]
    fitting = [(len(start), group) for start, group in starts if difference.id.startswith(start)]
    return max(fitting)[1] if fitting else OTHERS


def _owner_of(both: Mixture, identifier: str) -> str | None:
    """The strategy that an input belongs to, where only one of the workbooks has that strategy.

    A product, event or course belongs to it too, where nobody else uses it.
    """
    found = match(identifier)
    if found is None:
        return None
    known = (both.first.labels, both.second.labels)
    users = [found[1]["strategy"]] if "strategy" in found[1] else _users(both, found[1])
    alone = bool(users) and all(sum(strategy in labels for labels in known) == 1 for strategy in users)
    return users[0] if alone else None


def _users(both: Mixture, names: Mapping[str, str]) -> list[str]:
    """Strategies with a row, in either workbook, of the same product, event or course."""
    rows = dict.fromkeys((*both.first.parameters, *both.second.parameters))
    others = [other[1] for key in rows if (other := match(key)) is not None and "strategy" in other[1]]
    return list(dict.fromkeys(other["strategy"] for other in others if names and names.items() <= other.items()))


def _complete(plan: Plan, found: Sequence[InputDifference]) -> dict[str, tuple[str, ...]]:
    """A plan of an analyst's own with what does not differ left out, and what it forgot as a last step."""
    wanted = [d.id for d in found]
    kept = {name: tuple(key for key in ids if key in wanted) for name, ids in plan.items()}
    planned = {key for ids in kept.values() for key in ids}
    rest = tuple(key for key in wanted if key not in planned)
    if rest:
        kept[OTHERS] = (*kept.pop(OTHERS, ()), *rest)
    return {name: ids for name, ids in kept.items() if ids}


# ----------------------------------------------------------------------------------------- what moves together


def links(both: Mixture, identifiers: Sequence[str]) -> list[tuple[frozenset[str], str]]:
    """Inputs that mean nothing apart, each set with the reason.

    >>> from markov.inputs.differences import mixture
    >>> from markov.inputs.given_values import with_values
    >>> moved = ["os.family.no_maintenance", "os.shape.no_maintenance", "cohort.age"]
    >>> [(sorted(ids), why) for ids, why in links(mixture(calgb, calgb), moved)]
    [(['os.family.no_maintenance', 'os.shape.no_maintenance'], 'a curve of another family has other parameters')]
    """
    found: dict[tuple[str, str], list[str]] = {}
    for identifier in identifiers:
        for key in _links_of(both, identifier, frozenset(identifiers)):
            found.setdefault(key, []).append(identifier)
    return [(frozenset(ids), why) for (_, why), ids in found.items() if len(ids) > 1]


def _links_of(both: Mixture, identifier: str, identifiers: Set[str]) -> Iterator[tuple[str, str]]:
    """What an input is part of, and why that moves as one."""
    parts = identifier.split(".")
    owner, quantity = _owner_of(both, identifier), ".".join(parts[:2])
    measured = MEASURED_WITH.get(quantity, quantity)
    if owner is not None:
        yield owner, "only one of the workbooks has this strategy"
        return
    of_a_curve = len(parts) == 3 and parts[0] in tuple(Endpoint) and parts[1] in CURVE_NAMES
    if of_a_curve and f"{parts[0]}.family.{parts[2]}" in identifiers:
        yield f"{parts[0]}.{parts[2]}", "a curve of another family has other parameters"
    if READING in identifiers and _is_of_one_reading(both, identifier):
        yield READING, "another reading of mortality after progression needs its own curves or rates"
    if identifier in ("settings.price_year", Sheet.PRICE_INDEX):
        yield "prices", "a price year needs its index"
    if measured in MEASURED_WITH.values():
        yield f"{measured}.{parts[-1]}", "a proportion belongs to its period"


def _is_of_one_reading(both: Mixture, identifier: str) -> bool:
    """Whether an input chooses how deaths after progression are read, or only one of the workbooks can give it."""
    given = [side.given(identifier) for side in (both.first, both.second)]
    return identifier == READING or (identifier.startswith(READ) and given[0] != given[1])


def planned_steps(
    first: Inputs, second: Inputs, plan: Plan | None
) -> tuple[tuple[InputDifference, ...], tuple[Step, ...]]:
    """The differing inputs, and the steps of a plan or the default ones as they would be walked.

    >>> from markov import with_values
    >>> second = with_values(calgb, {"utility.progression": 0.5, "cohort.age": 63.0})
    >>> [(step.name, step.ids) for step in planned_steps(calgb, second, None)[1]]
    [('Population', ('cohort.age',)), ('Utilities', ('utility.progression',))]
    """
    both, found = mixture(first, second), differences(first, second).inputs
    return found, _sound_steps(both, _complete(plan or _default_plan(both, found), found))


def _sound_steps(both: Mixture, plan: Plan) -> tuple[Step, ...]:
    """The plan with every input moved at the first step that needs it; the last step arrives at the second workbook.

    After each step the mixture passes the rules of a workbook. What a step draws in from later ones is in its remarks.
    """
    waiting = {name: list(ids) for name, ids in plan.items()}
    tied = links(both, [identifier for ids in plan.values() for identifier in ids])
    steps: list[Step] = []
    moved: set[str] = set()
    while waiting:
        name = next(iter(waiting))
        ids = waiting.pop(name)
        if ids:
            step = _sound(both, moved, Step(name, tuple(ids)), waiting, tied)
            moved |= set(step.ids)
            steps.append(step)
    return tuple(steps)


def _sound(
    both: Mixture,
    moved: Set[str],
    step: Step,
    waiting: dict[str, list[str]],
    tied: Sequence[tuple[frozenset[str], str]],
) -> Step:
    """A step with all that it needs, taken out of the later ones."""
    step = _with_links(step, waiting, tied)
    while any(waiting.values()):
        problem = first_problem(both.of(moved | set(step.ids)))
        if not problem:
            break
        step = _drawn_in(step, _cure(both, moved | set(step.ids), problem, waiting), problem, waiting)
        step = _with_links(step, waiting, tied)
    return step


def _with_links(step: Step, waiting: dict[str, list[str]], tied: Sequence[tuple[frozenset[str], str]]) -> Step:
    """A step with all that is tied to its inputs, and to what that brings."""
    size = 0
    while size < len(step.ids):
        size = len(step.ids)
        for together, why in tied:
            if together & set(step.ids):
                later = [key for ids in waiting.values() for key in ids if key in together]
                step = _drawn_in(step, later, why, waiting)
    return step


def _drawn_in(step: Step, later: Sequence[str], why: str, waiting: dict[str, list[str]]) -> Step:
    if not later:
        return step
    source = [name for name, ids in waiting.items() if set(ids) & set(later)]
    whole = [name for name in source if set(waiting[name]) <= set(later)]
    for ids in waiting.values():
        ids[:] = [identifier for identifier in ids if identifier not in later]
    name = " and ".join([step.name, *whole]) if len(whole) <= 1 else f"{step.name} and {len(whole)} more"
    remark = f"Moved with it, from {', '.join(source)}: {', '.join(later)}. Reason: {why}."
    return Step(name, (*step.ids, *later), (*step.remarks, remark))


def _cure(both: Mixture, moved: Set[str], problem: str, waiting: Mapping[str, Sequence[str]]) -> list[str]:
    """Inputs still to come without which a mixture is unsound: those that the rule names, else one that mends it.

    Where neither helps, the whole next step.
    """
    later = [identifier for ids in waiting.values() for identifier in ids]
    words = set(problem.replace(",", " ").replace(":", " ").replace('"', " ").split())
    named = [identifier for identifier in later if identifier in words]
    if named:
        return named
    for identifier in later:
        if not first_problem(both.of(moved | {identifier})):
            return [identifier]
    return list(next(ids for ids in waiting.values() if ids))


def first_problem(inputs: Inputs) -> str:
    """The first rule of a workbook that inputs break, in words without a cell; empty where they are sound.

    >>> from markov.inputs.parameters import changed_inputs
    >>> first_problem(calgb), first_problem(changed_inputs(calgb, {"utility.progression": None}))
    ('', 'utility.progression has no value')
    """
    try:
        for rule in (*between_values.ERRORS, crossing_problems):
            for problem in rule(inputs):
                if not problem.warning:
                    found = "" if problem.found is None else f" ({problem.found})"
                    return f"{problem.rule}{found}"
    except FAILURES as error:
        return str(error) or type(error).__name__
    return ""

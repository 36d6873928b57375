"""What is to be computed: every workbook under every scenario, by analysis, as jobs with keys; jobs into tasks.

Whatever cannot be run is found here, before anything is computed: it becomes a job that failed, with its problems,
and the others go on.
"""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from markov.analysis.sensitivity.scenarios import Change, applied, changes_of
from markov.analysis.together import groups_of
from markov.batch.combinations import JOINED, Conflict, combined, conflicts, grid
from markov.batch.keys import Analysis, Keys, program_state
from markov.batch.tasks import Asked, Task, told
from markov.inputs.parameters import Inputs, ScenarioChange
from markov.inputs.problems import InputError, Problem
from markov.inputs.scenario_sheets import ScenarioSheet, is_blank, read_shared, read_with_scenarios, unknown_names

ALL, BASE_ONLY = "all", "base"
BASE_CASE = "Base case"
COMBINED = "A combination of scenarios, each with its own reason"
LARGEST_GRID = 20_000
ROWS, COST = 64, 12.0
"""Most rows of one evaluation in a task, and what a task may cost: one for an evaluation, a fiftieth for each row."""

PLANNED_AT_ONCE = 512
"""Scenarios whose inputs are held in memory together while tasks are formed."""


@dataclass(frozen=True)
class Request:
    """What an analyst asks for. `scenarios` are `all`, `base`, or names; `draws` of 0 leave out random draws."""

    workbooks: tuple[Path, ...]
    scenarios: tuple[str, ...] = (ALL,)
    shared: Path | None = None
    grid: bool = False
    draws: int = 0
    reports: bool = False

    @property
    def analyses(self) -> tuple[Analysis, ...]:
        """What is computed of each workbook under each scenario."""
        wanted = {Analysis.PSA: self.draws > 0, Analysis.REPORT: self.reports}
        return (Analysis.BASE, *(analysis for analysis, asked in wanted.items() if asked))


@dataclass(frozen=True)
class Variant:
    """A workbook under a scenario: what changes and for what reason, or why it cannot be run."""

    scenario: str
    rows: tuple[ScenarioChange, ...] = ()
    problems: tuple[Problem, ...] = ()
    reason: str = ""


@dataclass(frozen=True)
class Book:
    """A workbook of the batch. Without inputs it could not be read, or (`blank`) is a template nobody filled in.

    `listed` are the scenarios that were asked for; under a grid `variants` are combinations of them.
    """

    name: str
    path: Path
    inputs: Inputs | None
    variants: tuple[Variant, ...] = ()
    problems: tuple[Problem, ...] = ()
    apart: tuple[Conflict, ...] = ()
    blank: bool = False
    listed: tuple[Variant, ...] = ()

    def changes(self) -> Iterator[tuple[str, Change]]:
        """Every listed scenario that can be read, with each value that it changes."""
        for variant in self.listed:
            if self.inputs is not None and not variant.problems:
                yield from ((variant.scenario, change) for change in changes_of(self.inputs, variant.rows))


@dataclass(frozen=True)
class Job:
    """One analysis of one workbook under one scenario. Without a key it cannot be run, and `problems` say why."""

    workbook: str
    scenario: str
    analysis: Analysis
    key: str | None = None
    draws: int = 0
    reason: str = ""
    thresholds: tuple[float, ...] = ()
    reference: str = ""
    problems: tuple[Problem, ...] = ()


@dataclass
class Plan:
    """Everything that a run will do: books, jobs in their order, and tasks in which the sound ones are computed."""

    request: Request
    books: tuple[Book, ...]
    jobs: list[Job] = field(default_factory=list)
    tasks: list[Task] = field(default_factory=list)


def make_plan(request: Request) -> Plan:
    """Read every workbook, apply every scenario, and say what is to be computed.

    Raises InputError where nothing can be run: no workbook can be read, the shared scenarios cannot, no workbook has a
    scenario that was named; GridTooLargeError for a grid beyond 20,000 combinations.

    >>> from markov.inputs.writing.template import shipped
    >>> plan = make_plan(Request((shipped("calgb_100104"),), ("Generic prices",)))
    >>> [(job.scenario, job.analysis.value) for job in plan.jobs]
    [('Base case', 'base'), ('Generic prices', 'base')]
    """
    shared = None if request.shared is None else read_shared(request.shared)
    books = [_read(name, path, request, shared) for name, path in _names(request.workbooks).items()]
    if not any(book.inputs for book in books):
        raise InputError([problem for book in books for problem in book.problems] or [_nothing(books)])
    _known_somewhere(request, books)
    plan = Plan(request, tuple(books))
    for analysis in request.analyses:
        for book in books:
            _add(plan, book, analysis)
    return plan


def _nothing(books: Sequence[Book]) -> Problem:
    found = ", ".join(book.path.name for book in books) or "markov batch"
    return Problem(found, "there is no workbook to run", remedy="Name at least one that is filled in.")


def _names(paths: Sequence[Path]) -> dict[str, Path]:
    """Each workbook once, by a name that tells it from the others: its own, with its folder where two share one."""
    unique = list({path.resolve(): path for path in paths}.values())
    stems = [path.stem for path in unique]
    names = [p.stem if stems.count(p.stem) == 1 else f"{p.stem} ({p.resolve().parent.name})" for p in unique]
    return {
        name if names.count(name) == 1 else f"{name} {names[:i].count(name) + 1}": path
        for i, (name, path) in enumerate(zip(names, unique, strict=True))
    }


# ---------------------------------------------------------------------------------------------------- reading


def _read(name: str, path: Path, request: Request, shared: ScenarioSheet | None) -> Book:
    try:
        inputs, sheet = read_with_scenarios(path)
    except InputError as error:
        if is_blank(path):
            return Book(name, path, None, blank=True)
        return Book(name, path, None, problems=tuple(p for p in error.problems if not p.warning))
    variants = {variant.scenario: variant for variant in _listed(inputs, sheet, shared)}
    wanted = _wanted(request, tuple(sheet.names), variants)
    chosen = [variants.get(scenario) or _missing(inputs, scenario, variants) for scenario in wanted]
    listed = tuple(chosen)
    apart: tuple[Conflict, ...] = ()
    if request.grid:
        chosen, apart = _grid(chosen)
    return Book(name, path, inputs, (Variant(BASE_CASE), *chosen), apart=apart, listed=listed)


def _listed(inputs: Inputs, own: ScenarioSheet, shared: ScenarioSheet | None) -> Iterator[Variant]:
    """Every scenario that a workbook may be run under: its own, and those that it shares with others."""
    for name in own.names:
        problems = own.problems.get(name, ())
        if name == BASE_CASE:
            rule = f'a scenario may not be called "{BASE_CASE}"'
            problems = (*problems, Problem(f"{inputs.name}, Scenarios", rule, remedy="Choose another name."))
        yield Variant(_other_than_base(name), own.rows[name], problems, _reason(own.rows[name]))
    for name in shared.names if shared else ():
        assert shared is not None
        rows, wrong = shared.rows[name], shared.problems.get(name, ())
        unknown = () if wrong else tuple(unknown_names(inputs, rows))
        called = f"{name} (shared)" if name in (*own.names, BASE_CASE) else name
        yield Variant(called, rows, (*wrong, *unknown), _reason(rows))


def _reason(rows: Sequence[ScenarioChange]) -> str:
    """Why a scenario is run: its first row says so."""
    return rows[0].reason if rows else ""


def _other_than_base(name: str) -> str:
    return f"{name} (scenario)" if name == BASE_CASE else name


def _wanted(request: Request, own: Sequence[str], variants: Mapping[str, Variant]) -> list[str]:
    if ALL in request.scenarios:
        return list(variants)
    if BASE_ONLY in request.scenarios:
        return [name for name in variants if name not in map(_other_than_base, own)]
    return list(dict.fromkeys(request.scenarios))


def _missing(inputs: Inputs, scenario: str, variants: Mapping[str, Variant]) -> Variant:
    near = difflib.get_close_matches(scenario, variants, n=1)
    remedy = f'Did you mean "{near[0]}"?' if near else f"It has {'; '.join(variants) or 'none'}."
    place = f"{inputs.name}, Scenarios"
    return Variant(scenario, problems=(Problem(place, "the workbook has no such scenario", scenario, remedy),))


def _known_somewhere(request: Request, books: Sequence[Book]) -> None:
    """A name that no workbook knows is a slip of the command, not of a workbook."""
    if request.grid or {ALL, BASE_ONLY} & set(request.scenarios):
        return
    for scenario in request.scenarios:
        found = [v for book in books for v in book.variants if v.scenario == scenario]
        if not any(variant.rows for variant in found):
            raise InputError([problem for variant in found for problem in variant.problems])


def _grid(chosen: Sequence[Variant]) -> tuple[list[Variant], tuple[Conflict, ...]]:
    """Every combination of sound scenarios; the others stand as they are, with their problems."""
    rows = {variant.scenario: variant.rows for variant in chosen if not variant.problems}
    apart = conflicts(rows)
    variants = [_joined(members, rows) for members in grid(list(rows), apart, LARGEST_GRID)]
    return [*variants, *(variant for variant in chosen if variant.problems)], apart


def _joined(members: Sequence[str], rows: Mapping[str, tuple[ScenarioChange, ...]]) -> Variant:
    """Several scenarios as one; their reasons stand beside what each of them changes."""
    alone = _reason(rows[members[0]]) if len(members) == 1 else COMBINED
    return Variant(JOINED.join(members), combined(members, rows), reason=alone)


# ------------------------------------------------------------------------------------------------------- jobs


def _add(plan: Plan, book: Book, analysis: Analysis) -> None:
    """The jobs of a workbook for one analysis, and their tasks."""
    if book.inputs is None:
        if not book.blank and analysis is Analysis.BASE:
            plan.jobs.append(Job(book.name, "", analysis, problems=book.problems))
        return
    keys = Keys(analysis, _draws(plan, analysis))
    for start in range(0, len(book.variants), PLANNED_AT_ONCE):
        asked = [_asked(plan, book, variant, keys) for variant in book.variants[start : start + PLANNED_AT_ONCE]]
        sound = [each for each in asked if each is not None]
        for members in _together(sound, analysis):
            inputs, draws = _clean(book.inputs, analysis), _draws(plan, analysis)
            plan.tasks.append(Task(analysis, inputs, tuple(members), draws, program_state()))


def _draws(plan: Plan, analysis: Analysis) -> int:
    return plan.request.draws if analysis is Analysis.PSA else 0


def _clean(inputs: Inputs, analysis: Analysis) -> Inputs:
    """What a worker needs of a workbook: for a report everything, otherwise no scenarios."""
    return inputs if analysis is Analysis.REPORT else replace(inputs, scenarios=())


def _asked(plan: Plan, book: Book, variant: Variant, keys: Keys) -> tuple[Asked, Inputs] | None:
    """The job of a workbook under a scenario, and its inputs; None where it cannot be run."""
    assert book.inputs is not None
    analysis, draws = keys.analysis, _draws(plan, keys.analysis)
    inputs, problems = _under(_clean(book.inputs, analysis), variant)
    if inputs is None:
        plan.jobs.append(Job(book.name, variant.scenario, analysis, draws=draws, problems=problems))
        return None
    key = keys.of(inputs)
    plan.jobs.append(
        Job(book.name, variant.scenario, analysis, key, draws, variant.reason, inputs.thresholds, inputs.reference)
    )
    return Asked(key, variant.scenario, variant.rows), inputs


def _under(inputs: Inputs, variant: Variant) -> tuple[Inputs | None, tuple[Problem, ...]]:
    """The inputs under a scenario, or what is wrong with it."""
    if variant.problems:
        return None, variant.problems
    try:
        return applied(inputs, variant.rows), ()
    except Exception as error:  # whatever a scenario runs into, the others go on
        return None, told(inputs.name, variant.scenario, error)


def _together(asked: Sequence[tuple[Asked, Inputs]], analysis: Analysis) -> Iterator[list[Asked]]:
    """Jobs by task: base cases that share evaluations, up to about a second's work; others one by one."""
    if analysis is not Analysis.BASE:
        yield from ([each] for each, _ in asked)
        return
    task: list[Asked] = []
    cost = 0.0
    for members in groups_of([(inputs, {}) for _, inputs in asked]):
        for start in range(0, len(members), ROWS):
            part = [asked[i][0] for i in members[start : start + ROWS]]
            task, cost = [*task, *part], cost + 1.0 + len(part) / 50.0
            if cost >= COST:
                yield task
                task, cost = [], 0.0
    if task:
        yield task

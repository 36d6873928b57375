"""A task: jobs of one workbook that are computed together, and what comes out of each.

This is all that an engine sends to a worker. A worker needs no file: draws and reports come back as bytes.
"""

import io
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from markov.analysis.base_case import base_case
from markov.analysis.checks import Check
from markov.analysis.together import evaluate_together
from markov.analysis.uncertainty.probabilistic import Probabilistic, probabilistic
from markov.analysis.uncertainty.sample import standard_error
from markov.batch.keys import Analysis, program_state
from markov.inputs.parameters import Inputs, ScenarioChange, with_values
from markov.inputs.problems import InputError, Problem
from markov.model.outcomes import Outcomes
from markov.report.reports import write_report
from markov.terms import CostCategory, Verdict


@dataclass(frozen=True)
class Asked:
    """One job of a task: its key, and what its scenario changes."""

    key: str
    scenario: str
    changes: tuple[ScenarioChange, ...] = ()


@dataclass(frozen=True)
class Task:
    """Jobs of one analysis of one workbook; `inputs` is the clean base that their changes apply to."""

    analysis: Analysis
    inputs: Inputs
    asked: tuple[Asked, ...]
    draws: int = 0
    program: str = ""

    @property
    def keys(self) -> tuple[str, ...]:
        """Keys of its jobs."""
        return tuple(each.key for each in self.asked)


@dataclass(frozen=True)
class Totals:
    """A strategy's discounted totals per patient: of the base case, or means over draws with their standard errors.

    `costs` by category and undiscounted life-years are None for means over draws.
    """

    strategy: str
    cost: float
    qaly: float
    life_years: float
    life_years_undiscounted: float | None = None
    cost_error: float | None = None
    qaly_error: float | None = None
    costs: tuple[float, ...] | None = None


@dataclass(frozen=True)
class Chance:
    """At a threshold: a strategy's mean net benefit over draws, and the share of draws in which it is best."""

    threshold: float
    strategy: str
    net_benefit: float
    probability: float


@dataclass(frozen=True)
class Answer:
    """What came out of a job: totals, or the problems that kept it from any.

    `file` holds the draws (.npz) or the report (.xlsx); `failed_checks` leave results standing.
    """

    key: str
    seconds: float
    totals: tuple[Totals, ...] = ()
    chances: tuple[Chance, ...] = ()
    file: bytes | None = None
    problems: tuple[Problem, ...] = ()
    failed_checks: tuple[str, ...] = ()


def run_task(task: Task) -> list[Answer]:
    """Compute every job of a task, in its order; a job that fails says why and leaves the others alone.

    Raises RuntimeError where the program is not the one that planned the task.
    """
    if task.program and task.program != program_state():
        raise RuntimeError(f"this worker has {program_state()}, but the batch was planned by {task.program}")
    if task.analysis is Analysis.BASE:
        return _base_cases(task)
    single = _probabilistic if task.analysis is Analysis.PSA else _report
    return [_guarded(single, task, each) for each in task.asked]


def changed(inputs: Inputs, changes: Sequence[ScenarioChange]) -> Inputs:
    """The inputs of a scenario, which was checked when the batch was planned."""
    return with_values(inputs, {row.id: row.value for row in changes}) if changes else inputs


# ------------------------------------------------------------------------------------------------- base cases


def _base_cases(task: Task) -> list[Answer]:
    """All in as few evaluations as they need; one by one where that fails."""
    began = time.perf_counter()
    try:
        found = evaluate_together([(changed(task.inputs, each.changes), {}) for each in task.asked])
    except Exception as error:  # a mistake in one job must not take the others with it
        if len(task.asked) > 1:
            return [answer for each in task.asked for answer in _base_cases(replace(task, asked=(each,)))]
        found = [error]
    seconds = (time.perf_counter() - began) / len(task.asked)
    return [_base_case(task, each, answer, seconds) for each, answer in zip(task.asked, found, strict=True)]


def _base_case(task: Task, each: Asked, found: Outcomes | Exception, seconds: float) -> Answer:
    if isinstance(found, Outcomes) and not (np.isfinite(found.cost).all() and np.isfinite(found.qaly).all()):
        found = ArithmeticError("costs or QALYs are not finite numbers")
    if isinstance(found, Exception):
        return Answer(each.key, seconds, problems=told(task.inputs.name, each.scenario, found))
    return Answer(each.key, seconds, tuple(_totals(found)))


def _totals(outcomes: Outcomes) -> Iterator[Totals]:
    """Every strategy of a single run."""
    undiscounted = outcomes.life_years[0, :, 0].sum(axis=-1)
    categories = [outcomes.part("costs", category)[0].tolist() for category in CostCategory]
    for i, strategy in enumerate(outcomes.strategies):
        yield Totals(
            strategy,
            float(outcomes.cost[0, i]),
            float(outcomes.qaly[0, i]),
            float(outcomes.life_year[0, i]),
            float(undiscounted[i]),
            costs=tuple(values[i] for values in categories),
        )


# ------------------------------------------------------------------------------------------------ one at a time


def _guarded(single: "Single", task: Task, each: Asked) -> Answer:
    began = time.perf_counter()
    try:
        answer = single(task, each)
    except Exception as error:  # an overnight batch goes on, whatever one scenario runs into
        answer = Answer(each.key, 0.0, problems=told(task.inputs.name, each.scenario, error))
    return replace(answer, seconds=time.perf_counter() - began)


def told(name: str, scenario: str, error: Exception) -> tuple[Problem, ...]:
    """An exception as problems of a scenario."""
    if isinstance(error, InputError):
        return error.problems
    words = str(error) or type(error).__name__
    return (Problem(name, f'scenario "{scenario}" could not be computed: {words}'),)


def _probabilistic(task: Task, each: Asked) -> Answer:
    result = probabilistic(changed(task.inputs, each.changes), task.draws, workers=1)
    failed = [_in_words(rule.check) for rule in result.sample.invariants if rule.breaches]
    means, chances = tuple(_means(result)), tuple(_chances(result))
    return Answer(each.key, 0.0, means, chances, _draws_file(result), failed_checks=tuple(failed))


def _means(result: Probabilistic) -> Iterator[Totals]:
    sample = result.sample
    means = [values.mean(axis=0).tolist() for values in (sample.cost, sample.qaly, sample.life_years)]
    errors = [standard_error(values, sample.stratum).tolist() for values in (sample.cost, sample.qaly)]
    for i, strategy in enumerate(sample.strategies):
        cost, qaly, life_years = (mean[i] for mean in means)
        yield Totals(strategy, cost, qaly, life_years, cost_error=errors[0][i], qaly_error=errors[1][i])


def _chances(result: Probabilistic) -> Iterator[Chance]:
    decisions = result.decisions
    for t, threshold in enumerate(result.thresholds):
        for i, strategy in enumerate(result.sample.strategies):
            figures = (float(values[t, i]) for values in (decisions.mean, decisions.probability))
            yield Chance(threshold, strategy, *figures)


def _draws_file(result: Probabilistic) -> bytes:
    sample, target = result.sample, io.BytesIO()
    np.savez_compressed(
        target,
        strategies=np.array(sample.strategies),
        cost=sample.cost,
        qaly=sample.qaly,
        life_years=sample.life_years,
    )
    return target.getvalue()


def _report(task: Task, each: Asked) -> Answer:
    inputs = changed(task.inputs, each.changes)
    if each.changes:
        inputs = replace(inputs, title=f"{inputs.title}: {each.scenario}")
    result = base_case(inputs)
    with tempfile.TemporaryDirectory() as folder:
        target = write_report(result, Path(folder) / "report.xlsx", command=f"markov batch: {each.scenario}")
        content = target.read_bytes()
    failed = [_in_words(check) for check in result.checks if check.verdict is Verdict.FAIL]
    return Answer(each.key, 0.0, file=content, failed_checks=tuple(failed))


def _in_words(check: Check) -> str:
    return f"{check.title}: expected {check.expected}, observed {check.observed}"


Single = Callable[[Task, Asked], Answer]

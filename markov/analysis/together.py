"""Many questions of the model in as few evaluations as their differences allow.

A run of one row costs almost as much as one of fifty, so that scenarios which differ in numbers alone are rows of one
block. What the engine takes once a block (a choice of method, a family, a planned stop) keeps them apart; blocks that
move alike go through the cohort side by side.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from typing import Any

import numpy as np

from markov.analysis.sensitivity.two_way import varies_by_row
from markov.inputs.definitions.schema import match, units_of
from markov.inputs.parameters import Inputs
from markov.model.evaluate import evaluate_side_by_side
from markov.model.outcomes import CurveSummary, Outcomes
from markov.terms import Array

Asked = tuple[Inputs, Mapping[str, Array]]
"""Inputs, and rows of values (rows,) by parameter id as `evaluate` takes them; none: one row, as it is."""

TABLES = ("life_table", "population_utility", "price_index", "strategies")
BY_ROW = "cohort.proportion_female"
"""A number that is always given by row, so that questions which are equal have as many rows as there are questions."""


def evaluate_together(asked: Sequence[Asked]) -> list[Outcomes | Exception]:
    """Outcomes of each question, as `evaluate` would give them one by one, or the error that it would raise.

    >>> from markov.inputs.parameters import with_values
    >>> from markov.inputs.writing.template import shipped
    >>> from markov.inputs.workbook import read_inputs
    >>> inputs = read_inputs(shipped("calgb_100104"))
    >>> older = with_values(inputs, {"utility.progression": 0.5})
    >>> first, second = evaluate_together([(inputs, {}), (older, {})])
    >>> bool(first.qaly[0, 0] > second.qaly[0, 0]), first.runs
    (True, 1)
    """
    groups = groups_of(asked)
    found: dict[int, Outcomes | Exception] = {}
    for members, answers in zip(groups, _answers([[asked[i] for i in members] for members in groups]), strict=True):
        found |= zip(members, answers, strict=True)
    return [found[i] for i in range(len(asked))]


def groups_of(asked: Sequence[Asked]) -> list[list[int]]:
    """Places of the questions that may share an evaluation."""
    moving = _moving([inputs for inputs, _ in asked])
    groups: dict[Any, list[int]] = {}
    for i, (inputs, _) in enumerate(asked):
        tables = tuple(id(getattr(inputs, name)) for name in TABLES)
        groups.setdefault((tables, *(_kept_apart(inputs, key) for key in moving)), []).append(i)
    return list(groups.values())


def _moving(all_inputs: Sequence[Inputs]) -> list[str]:
    """Parameters that are not the same row in all inputs."""
    first = all_inputs[0].parameters if all_inputs else {}
    return sorted(
        {
            key
            for inputs in all_inputs
            for key in {**first, **inputs.parameters}
            if inputs.parameters.get(key) is not first.get(key)
        }
    )


def _kept_apart(inputs: Inputs, identifier: str) -> Any:
    """What two inputs must have in common to be rows of one evaluation: a row, its unit, or the value too."""
    parameter, value = inputs.parameters.get(identifier), inputs.value(identifier)
    found = match(identifier)
    unit = parameter.unit if parameter else next(iter(units_of(found[0], inputs.currency)), "") if found else ""
    year = parameter.price_year if parameter else None
    there = parameter is not None  # rows name the events and products that there are: without one, none is counted
    if isinstance(value, int | float) and varies_by_row(inputs, identifier):
        return there, unit, year
    return there, unit, year, value


def _answers(groups: Sequence[Sequence[Asked]]) -> list[list[Outcomes | Exception]]:
    """All groups side by side; where that fails each by itself, so that no question takes others with it."""
    sizes = [[max((len(column) for column in rows.values()), default=1) for _, rows in group] for group in groups]
    try:
        found = evaluate_side_by_side(
            [(group[0][0], _columns(group, size)) for group, size in zip(groups, sizes, strict=True)]
        )
    except (ValueError, KeyError, ArithmeticError) as error:
        if len(groups) > 1:
            return [answers for group in groups for answers in _answers([group])]
        if len(groups[0]) > 1:
            return [[answer for each in groups[0] for (answer,) in _answers([[each]])]]
        return [[error]]
    return [list(_split(whole, size)) for whole, size in zip(found, sizes, strict=True)]


def _split(whole: Outcomes, sizes: Sequence[int]) -> Iterator[Outcomes]:
    """The questions of one evaluation, each with so many runs."""
    for stop, size in zip(np.cumsum(sizes).tolist(), sizes, strict=True):
        yield runs_of(whole, stop - size, stop)


def _columns(asked: Sequence[Asked], sizes: Sequence[int]) -> Mapping[str, Array]:
    """Rows of all questions, one below the other."""
    if len(asked) == 1:
        return asked[0][1]
    moving = [key for key in _moving([inputs for inputs, _ in asked]) if varies_by_row(asked[0][0], key)]
    varied = dict.fromkeys([BY_ROW, *moving, *(key for _, rows in asked for key in rows)])
    numbers = {key for key in varied if all(isinstance(inputs.value(key), int | float) for inputs, _ in asked)}
    return {
        key: np.concatenate(
            [
                np.broadcast_to(np.asarray(rows[key] if key in rows else inputs.value(key), dtype=float), size)
                for (inputs, rows), size in zip(asked, sizes, strict=True)
            ]
        )
        for key in varied
        if key in numbers
    }


def single_runs(outcomes: Outcomes) -> Iterator[Outcomes]:
    """Outcomes of each run by itself."""
    for run in range(outcomes.runs):
        yield runs_of(outcomes, run, run + 1)


def runs_of(outcomes: Outcomes, start: int, stop: int) -> Outcomes:
    """Outcomes of some runs, without a trace."""
    found: Outcomes = _cut(outcomes, slice(start, stop))
    return found


def _cut(part: Any, runs: slice) -> Any:
    if isinstance(part, np.ndarray):
        return part[runs]
    if isinstance(part, dict):
        return {key: _cut(value, runs) for key, value in part.items()}
    if isinstance(part, Outcomes | CurveSummary):
        kept = {f.name: _cut(getattr(part, f.name), runs) for f in fields(part) if f.name != "trace"}
        return type(part)(**kept)
    return part

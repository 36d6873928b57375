"""Strategies and repetition: equal inputs give equal results, whatever the order, the unit, or the company of rows."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from markov.analysis.bank.bench import Bench
from markov.analysis.bank.registry import Finding, Theme, gap, holds, not_applicable, within
from markov.analysis.checks import as_reference, renamed
from markov.inputs.definitions.schema import units_of
from markov.inputs.parameters import Inputs, Parameter, with_values
from markov.model.evaluate import evaluate
from markov.model.outcomes import Outcomes
from markov.terms import Array

theme = Theme("Strategies and repetition")
ONE = "one strategy: nothing to compare"


def _order(found: Outcomes, names: tuple[str, ...]) -> list[int]:
    return [found.strategies.index(name) for name in names]


@theme(
    "TV-20",
    "Equal effects and safety give equal life and quality",
    "Every strategy with the reference's inputs: by cycle",
)
def equal_effects(bench: Bench) -> Finding:
    if not bench.others:
        return not_applicable(ONE)
    same = evaluate(_same(bench), trace=True)
    assert same.trace is not None
    occupancy = same.trace.occupancy[0]
    worst = max(gap(occupancy, np.repeat(bench.trace.occupancy[0, :1], len(occupancy), axis=0)), _apart(same.qalys))
    return within(worst, 1e-12, "the reference's occupancy in every cycle, its QALYs")


@theme("TV-21", "Equal inputs give differences of nothing", "The same, and costs")
def equal_inputs(bench: Bench) -> Finding:
    if not bench.others:
        return not_applicable(ONE)
    same = evaluate(_same(bench))
    worst = max(_apart(same.costs), _apart(same.qalys), gap(same.costs[:, :1], bench.base.costs[:, :1]))
    return within(worst, 1e-12, "no difference in cost or QALYs, and the reference's own")


def _same(bench: Bench) -> Inputs:
    return with_values(bench.inputs, as_reference(bench.inputs))


def _apart(parts: Array) -> float:
    return gap(parts, np.repeat(parts[:, :1], parts.shape[1], axis=1))


@theme("TV-22", "Strategies that trade inputs trade results", "Names of the first two exchanged in every cell")
def traded(bench: Bench) -> Finding:
    if not bench.others:
        return not_applicable(ONE)
    a, b = bench.names[:2]
    again = evaluate(renamed(bench.inputs, {a: b, b: a}))
    order = _order(again, tuple({a: b, b: a}.get(s, s) for s in bench.names))
    worst = max(gap(again.costs[:, order], bench.base.costs), gap(again.qalys[:, order], bench.base.qalys))
    return within(worst, 1e-12, "equal under the other's name")


@theme("TV-40", "The same inputs give the same results", "The base case run again")
def repeated(bench: Bench) -> Finding:
    again = evaluate(bench.inputs)
    parts = ("costs", "qalys", "life_years", "entries")
    same = all(bool(np.array_equal(getattr(again, p), getattr(bench.base, p))) for p in parts)
    return holds(same, "every number to the last digit", "equal" if same else "not equal")


@theme("FT-09", "The order of strategies changes nothing", "Rows of the sheet Strategies turned round")
def strategies_turned(bench: Bench) -> Finding:
    if not bench.others:
        return not_applicable(ONE)
    again = evaluate(replace(bench.inputs, strategies=bench.inputs.strategies[::-1]))
    order = _order(again, bench.names)
    worst = max(gap(again.costs[:, order], bench.base.costs), gap(again.qalys[:, order], bench.base.qalys))
    return within(worst, 1e-12, "equal by strategy")


@theme("FT-10", "The order of rows changes nothing", "Rows of every parameter sheet turned round")
def rows_turned(bench: Bench) -> Finding:
    turned = dict(reversed(list(bench.inputs.parameters.items())))
    again = evaluate(replace(bench.inputs, parameters=turned))
    return within(max(gap(again.costs, bench.base.costs), gap(again.qalys, bench.base.qalys)), 1e-12, "equal")


@theme(
    "FT-11", "Rows run together are rows run alone", "Six random draws of all uncertain inputs at once and one by one"
)
def rows_alone(bench: Bench) -> Finding:
    values = {k: column[:6] for k, column in bench.drawn.items() if not k.startswith(bench.kept_as_observed)}
    if not values:
        return not_applicable("nothing is uncertain")
    together = bench.rows(values)
    gaps = []
    for i in range(6):
        alone = bench.run({key: float(column[i]) for key, column in values.items()})
        gaps += [gap(together.costs[i], alone.costs[0]), gap(together.qalys[i], alone.qalys[0])]
    return within(max(gaps), 1e-9, "equal, as cells of the workbook too")


@theme("FT-12", "Months or years give the same result", "Every number with another accepted unit typed anew in it")
def units(bench: Bench) -> Finding:
    typed = dict(_retyped(bench.inputs))
    again = evaluate(replace(bench.inputs, parameters={**bench.inputs.parameters, **typed}))
    worst = max(gap(again.costs, bench.base.costs), gap(again.qalys, bench.base.qalys))
    return within(worst, 1e-9, f"equal after {len(typed)} numbers in other units")


LENGTHS = {"years": 365.25, "months": 365.25 / 12.0, "28 days": 28.0, "weeks": 7.0, "days": 1.0}
LENGTHS |= {"year": 365.25, "month": 365.25 / 12.0}


def _retyped(inputs: Inputs) -> Iterator[tuple[str, Parameter]]:
    """Rows in another unit of time; the factor between units is written out here, in days."""
    for key, parameter in inputs.parameters.items():
        known = [unit for unit in units_of(parameter.definition, inputs.currency) if unit != parameter.unit]
        old = _days(parameter.unit)
        other = next((unit for unit in known if _days(unit)), None)
        if old and other and isinstance(parameter.value, int | float):
            factor = _days(other) / old
            value = parameter.value * (factor if " per " in f" {parameter.unit}" else 1.0 / factor)
            yield key, replace(parameter, value=value, unit=other)


def _days(unit: str) -> float:
    """Length of the unit of time that a unit holds, in days; 0 where it holds none."""
    return LENGTHS.get(unit.rsplit("per ", 1)[-1], 0.0)

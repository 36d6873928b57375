"""The bridge from progression to survival: what the curves imply for patients after progression, and from when.

A reviewer's question of any oncology model: does the gain in survival come from the trial or from the extrapolation,
and what death rates after progression does it take?  Source: Woods and others 2017, NICE DSU TSD 19.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from markov.inputs.parameters import Columns, Inputs
from markov.model.hazards import build_hazards
from markov.model.outcomes import Outcomes, Trace
from markov.model.partitioned_survival import partitioned_survival
from markov.model.structure import MAINTENANCE_MODEL
from markov.terms import MONTHS_PER_YEAR, Array, Endpoint, State

YEARS = 15
MEANINGFUL = 1e-4  # share of the cohort below which a rate says nothing


@dataclass(frozen=True)
class Structure:
    """One way to put the same curves together: its outcomes, or the reason there are none."""

    name: str
    outcomes: Outcomes | None
    reason: str = ""


@dataclass(frozen=True)
class Bridge:
    """What the base case implies after progression, by year (years,) or by year and strategy (years, strategies).

    `death_rate` per month of those in `progression`; `hazard_ratio` of overall survival against the reference within
    each year; `population_rate` per month of the general population. Not a number where hardly anybody is left.
    `gain_in_os`, `gain_in_pfs` (strategies,) in years against the reference, undiscounted; `gain_beyond` (strategies,)
    the share of the former after `follow_up` years, None where the workbook does not say how long the trial was.
    """

    years: Array
    death_rate: Array
    population_rate: Array
    hazard_ratio: Array
    gain_in_os: Array
    gain_in_pfs: Array
    follow_up: float | None
    gain_beyond: Array | None
    structures: tuple[Structure, ...]


def bridge(inputs: Inputs, outcomes: Outcomes, structures: Mapping[str, Outcomes | str]) -> Bridge:
    """The bridge of a base case with its trace; `structures` are the readings of mortality after progression already
    run, or the reason why one was not. Partitioned survival is added where every strategy has an OS curve.

    >>> from markov.inputs.writing.template import shipped
    >>> from markov.inputs.workbook import read_inputs
    >>> from markov.model.evaluate import evaluate
    >>> inputs = read_inputs(shipped("calgb_100104"))
    >>> found = bridge(inputs, evaluate(inputs, trace=True), {})
    >>> [structure.name for structure in found.structures], bool(found.gain_in_os[1] > 2.0)
    (['Partitioned survival'], True)
    """
    trace = outcomes.trace
    assert trace is not None
    gains = outcomes.life_years[0, :, 0]
    alive = np.asarray(trace.curves["os"][0])
    reference = outcomes.strategies.index(inputs.reference)
    free = gains[:, 0] + gains[:, 1]
    follow_up = inputs.number(f"follow_up.{Endpoint.OS}") if inputs.given(f"follow_up.{Endpoint.OS}") else None
    years = np.arange(1.0, min(YEARS, int(trace.boundaries[-1])) + 1.0)
    return Bridge(
        years,
        _death_rates(trace, years),
        _population_rates(inputs, trace, years),
        _hazard_ratios(trace.boundaries, alive, reference, years),
        gains.sum(axis=1) - gains[reference].sum(),
        free - free[reference],
        follow_up,
        None if follow_up is None else _beyond(trace.boundaries, alive - alive[reference], follow_up),
        tuple(_structures(inputs, structures)),
    )


def _structures(inputs: Inputs, known: Mapping[str, Outcomes | str]) -> list[Structure]:
    found = [
        Structure(name, None, result) if isinstance(result, str) else Structure(name, result)
        for name, result in known.items()
    ]
    name = "Partitioned survival"
    missing = [inputs.labels[s] for s in inputs.compared if not inputs.text(f"{Endpoint.OS}.family.{s}")]
    if missing:
        reason = f"no overall-survival curve for {', '.join(missing)}"
        return [*found, Structure(name, None, reason)]
    return [*found, Structure(name, partitioned_survival(inputs))]


def _yearly(boundaries: Array, by_cycle: Array, years: Array) -> Array:
    """Sums over each year of amounts by cycle, (strategies, cycles) to (years, strategies); cycles are split evenly."""
    running = np.pad(np.cumsum(by_cycle, axis=-1), ((0, 0), (1, 0)))
    ends = np.stack([np.interp(np.append(0.0, years), boundaries, level) for level in running], axis=1)
    return np.asarray(np.diff(ends, axis=0))


def _death_rates(trace: Trace, years: Array) -> Array:
    """Deaths out of `progression` over time spent there, per month."""
    state = MAINTENANCE_MODEL.index[State.PROGRESSION]
    row = MAINTENANCE_MODEL.row[State.PROGRESSION, State.DEATH]
    inside = trace.occupancy[0, ..., state]
    time = 0.5 * (inside[:, 1:] + inside[:, :-1]) * trace.boundaries[1]
    deaths, spent = (_yearly(trace.boundaries, a, years) for a in (trace.flows[0, ..., row], time))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(spent > MEANINGFUL, deaths / spent, np.nan) / MONTHS_PER_YEAR


def _population_rates(inputs: Inputs, trace: Trace, years: Array) -> Array:
    """Mortality of the general population in each year, per month."""
    background = build_hazards(Columns(inputs, {}, 1)).background[:, 0].T
    return _yearly(trace.boundaries, background, years)[:, 0] / MONTHS_PER_YEAR


def _hazard_ratios(boundaries: Array, alive: Array, reference: int, years: Array) -> Array:
    """Hazard of death within each year against the reference's."""
    edges = np.append(0.0, years)
    levels = np.stack([np.interp(edges, boundaries, curve) for curve in alive], axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        hazards = -np.diff(np.log(np.where(levels > MEANINGFUL, levels, np.nan)), axis=0)
        return np.asarray(hazards / hazards[:, [reference]])


def _beyond(boundaries: Array, gap: Array, years: float) -> Array:
    """Share of the area between two survival curves that lies after a time, (strategies,); 0 without a gap."""
    area = np.pad(np.cumsum(0.5 * (gap[:, 1:] + gap[:, :-1]) * boundaries[1], axis=1), ((0, 0), (1, 0)))
    within = np.array([np.interp(years, boundaries, running) for running in area])
    total = area[:, -1]
    return np.where(np.abs(total) > MEANINGFUL, 1.0 - within / np.where(total == 0.0, 1.0, total), 0.0)

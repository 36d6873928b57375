"""Second malignancies in the base case: how many there are by year, how many die with one, and what they cost in life.

Entries and deaths are counted where the cohort moves, whether on treatment, off it, or after progression.
"""

from dataclasses import dataclass

import numpy as np

from markov.inputs.parameters import Inputs
from markov.model.outcomes import Outcomes, Trace
from markov.model.structure import MAINTENANCE_MODEL
from markov.terms import MALIGNANCIES, Array, State

SHOWN_YEARS = 20


@dataclass(frozen=True)
class Malignancies:
    """Cumulative shares of the whole cohort at whole years, (years + 1, strategies), and totals, (strategies,).

    `incidence` counts those who ever entered, `haematologic` those of them with a haematologic one, `deaths` those who
    died with one. `share_of_deaths` is of all deaths within the horizon, `life_years` the undiscounted time spent.
    """

    years: Array
    incidence: Array
    haematologic: Array
    deaths: Array
    ever: Array
    ever_deaths: Array
    share_of_deaths: Array
    life_years: Array


def malignancies(inputs: Inputs, outcomes: Outcomes) -> Malignancies:
    """Second malignancies of a base case with its trace.

    >>> from markov.inputs.writing.template import shipped
    >>> from markov.inputs.workbook import read_inputs
    >>> from markov.model.evaluate import evaluate
    >>> inputs = read_inputs(shipped("calgb_100104"))
    >>> found = malignancies(inputs, evaluate(inputs, trace=True))
    >>> bool(found.ever[1] > found.ever[0]), bool(np.all(found.deaths <= found.incidence))
    (True, True)
    """
    trace = outcomes.trace
    assert trace is not None
    entries = {
        state: _moved(trace, [pair for pair in MAINTENANCE_MODEL.transitions if pair[1] == state])
        for state in MALIGNANCIES
    }
    deaths = _moved(trace, [(state, State.DEATH) for state in MALIGNANCIES])
    every = _moved(trace, [pair for pair in MAINTENANCE_MODEL.transitions if pair[1] == State.DEATH])
    total = sum(entries.values(), np.zeros(deaths.shape))
    years = np.arange(0.0, min(SHOWN_YEARS, int(trace.boundaries[-1])) + 1.0)
    places = [MAINTENANCE_MODEL.index[state] for state in MALIGNANCIES]
    return Malignancies(
        years,
        _at(trace, years, total),
        _at(trace, years, entries[State.SPM_HAEMATOLOGIC]),
        _at(trace, years, deaths),
        total[:, -1],
        deaths[:, -1],
        deaths[:, -1] / np.maximum(every[:, -1], 1e-300),
        outcomes.life_years[0, :, 0][:, places].sum(axis=1),
    )


def _moved(trace: Trace, transitions: list[tuple[str, str]]) -> Array:
    """Cumulative share of the cohort that made one of these moves, (strategies, cycles + 1)."""
    rows = [MAINTENANCE_MODEL.row[pair] for pair in transitions]
    by_cycle = trace.flows[0][..., rows].sum(axis=-1)
    return np.pad(np.cumsum(by_cycle, axis=-1), ((0, 0), (1, 0)))


def _at(trace: Trace, years: Array, cumulative: Array) -> Array:
    """Values at whole years, (years, strategies), linear within a cycle."""
    return np.stack([np.interp(years, trace.boundaries, values) for values in cumulative], axis=1)

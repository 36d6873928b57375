"""The cohort's accounts: who moved where, what must balance, and the survival that a curve's increments make."""

from collections.abc import Container

import numpy as np

from markov.inputs.parameters import Columns
from markov.model.hazards import Hazards
from markov.model.outcomes import Trace
from markov.model.structure import MAINTENANCE_MODEL
from markov.survival.hazards import survival_from_increments
from markov.survival.life_table import LifeTable
from markov.terms import Array, State

ANY = frozenset(State)


def moved(trace: Trace, *, out_of: Container[str] = ANY, into: Container[str] = ANY) -> Array:
    """Share of the cohort that goes from some states into others in each cycle, (runs, strategies, cycles).

    >>> died = moved(calgb_base.outcomes.trace, into=[State.DEATH]).sum(axis=-1)
    >>> bool(np.allclose(died, calgb_base.outcomes.entered(State.DEATH)))
    True
    """
    rows = [row for (origin, to), row in MAINTENANCE_MODEL.row.items() if origin in out_of and to in into]
    return np.asarray(trace.flows[..., rows].sum(axis=-1))


def so_far(by_cycle: Array) -> Array:
    """Amounts by cycle, (…, cycles), added up to each boundary, (…, cycles + 1).

    >>> so_far(np.array([1.0, 2.0])).tolist()
    [0.0, 1.0, 3.0]
    """
    return np.concatenate([np.zeros((*by_cycle.shape[:-1], 1)), np.cumsum(by_cycle, axis=-1)], axis=-1)


def unbalanced(trace: Trace) -> Array:
    """By run, strategy and state: how far entries less exits are from the change in those present.

    >>> bool(unbalanced(calgb_base.outcomes.trace).max() < 1e-12)
    True
    """
    total = trace.flows.sum(axis=2)
    change = trace.occupancy[:, :, -1] - trace.occupancy[:, :, 0]
    gaps = []
    for i, state in enumerate(State):
        into = [row for pair, row in MAINTENANCE_MODEL.row.items() if pair[1] == state]
        out = [row for pair, row in MAINTENANCE_MODEL.row.items() if pair[0] == state]
        gaps.append(total[..., into].sum(axis=-1) - total[..., out].sum(axis=-1) - change[..., i])
    return np.asarray(np.abs(np.stack(gaps, axis=-1)))


def above_population(columns: Columns, trace: Trace) -> Array:
    """By run, the excess of survival over the general population's of its age and sex; 0 where its SMR is below 1.

    >>> above_population(Columns(calgb, {}, 1), calgb_base.outcomes.trace).tolist()
    [0.0]
    """
    table = columns.inputs.life_table
    life = LifeTable.from_probabilities(table.ages, table.male, table.female)
    age, female = columns.number("cohort.age"), columns.number("cohort.proportion_female")
    population = life.survival(age, female, trace.boundaries[:, None]).T  # (runs or 1, cycles + 1)
    excess = (trace.curves["os"] - population[:, None]).max(axis=(1, 2))
    return np.where(columns.number("mortality.smr") >= 1.0, np.maximum(excess, 0.0), 0.0)


def survival_of(hazards: Hazards, increments: Array, strategies: int) -> Array:
    """Survival that increments of the hazards of one run make, (strategies, cycles + 1).

    >>> from markov.model.hazards import build_hazards
    >>> hazards = build_hazards(Columns(calgb, {}, 1))
    >>> overall = survival_of(hazards, hazards.overall, 2)
    >>> bool(np.abs(overall - calgb_base.outcomes.trace.curves["os"][0]).max() < 1e-3)
    True
    """
    cohorts = np.broadcast_to(increments, (hazards.cycles, strategies, 1))
    return np.asarray(survival_from_increments(cohorts)[..., 0].T)

"""The cohort engine: cycle after cycle, who is where and who moved.

x_(k+1) = x_k·P_k with P = diag(C) + offdiag(C)·C½ under half-cycle exposure of entrants, or P = C with one
move a cycle. Flows are counted where they happen: f_jk = x_j·c_jk + e_j·c½_jk, e_j = Σ_(i≠j) x_i·c_ij being
the entrants of the cycle.  Source: Briggs, Claxton, Sculpher 2006, ch. 2 and 3, for the one-move form.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from markov.model.structure import Structure
from markov.model.transitions import Moves
from markov.terms import Array

Rule = Callable[[int, Array], Moves]
"""Gives cycle k's shares, knowing the occupancy (states, …) at its start."""


@dataclass
class Cycle:
    """One cycle: occupancy (states, …) at its start and end, flows (transitions, …), arrivals (states, …)."""

    index: int
    start: Array
    end: Array
    flows: Array
    arrivals: Array


@dataclass
class Batch:
    """Consecutive cycles, the first of them number `first`; the next batch overwrites the arrays.

    `occupancy` (cycles + 1, states, …) at the boundaries, `flows` (cycles, transitions, …), `arrivals`
    (cycles, states, …).
    """

    first: int
    occupancy: Array
    flows: Array
    arrivals: Array


def run_batches(
    structure: Structure,
    initial: Array,
    cycles: int,
    rule: Rule,
    *,
    half_cycle_exposure: bool = True,
    batch: int = 1,
) -> Iterator[Batch]:
    """Run any declared structure and yield its cycles, `batch` at a time.

    `initial` (states, …): any number of cohorts side by side. The rule may use the occupancy, which structures
    with memory or with an anchor on overall survival need.
    """
    shape = initial.shape[1:]
    occupancy = np.empty((batch + 1, *initial.shape))
    flows = np.empty((batch, len(structure.transitions), *shape))
    arrivals = np.empty((batch, *initial.shape))
    incidence = structure.incidence
    exits = [(structure.index[s], structure.exits(s)) for s in structure.leaving]
    onward = [(structure.index[s], structure.exits(s)) for s in structure.entered] if half_cycle_exposure else []
    extra = np.zeros_like(flows[0])
    occupancy[0] = initial
    for first in range(0, cycles, batch):
        size = min(batch, cycles - first)
        for j in range(size):
            x, following, flow, arrived = occupancy[j], occupancy[j + 1], flows[j], arrivals[j]
            moves = rule(first + j, x)
            for i, rows in exits:
                np.multiply(moves.move[rows], x[i], out=flow[rows])
            np.matmul(incidence, _flat(flow), out=_flat(arrived))
            np.multiply(x, moves.stay, out=following)
            if half_cycle_exposure:
                for i, rows in onward:
                    np.multiply(moves.half_move[rows], arrived[i], out=extra[rows])
                following += arrived * moves.half_stay
                moved_on = (incidence @ _flat(extra)).reshape(x.shape)
                following += moved_on
                arrived += moved_on
                flow += extra
            else:
                following += arrived
        yield Batch(first, occupancy[: size + 1], flows[:size], arrivals[:size])
        occupancy[0] = occupancy[size]


def _flat(values: Array) -> Array:
    """All cohorts along one axis, as a view."""
    return values.reshape(len(values), -1)


def run_cohort(
    structure: Structure,
    initial: Array,
    cycles: int,
    rule: Rule,
    *,
    half_cycle_exposure: bool = True,
) -> Iterator[Cycle]:
    """Run any declared structure and yield its cycles one by one; the next cycle overwrites the arrays.

    >>> import numpy as np
    >>> from markov.model.structure import Structure
    >>> two = Structure.of(["well", "dead"], [("well", "dead")])
    >>> rule = rule_from_increments(two, lambda k, x: np.array([[0.1]]))
    >>> last = [float(c.end[0, 0]) for c in run_cohort(two, np.array([[1.0], [0.0]]), 10, rule)][-1]
    >>> round(last, 12) == round(float(np.exp(-1.0)), 12)
    True
    """
    for part in run_batches(structure, initial, cycles, rule, half_cycle_exposure=half_cycle_exposure):
        yield Cycle(part.first, part.occupancy[0], part.occupancy[1], part.flows[0], part.arrivals[0])


def rule_from_increments(structure: Structure, increments: Callable[[int, Array], Array]) -> Rule:
    """A rule from a function that returns cycle k's hazard increments (transitions, …)."""
    moves: list[Moves] = []

    def rule(k: int, occupancy: Array) -> Moves:
        if not moves:
            moves.append(Moves.empty(structure, occupancy.shape[1:]))
        moves[0].from_increments(structure, increments(k, occupancy))
        return moves[0]

    return rule


def rule_from_probabilities(structure: Structure, probabilities: Callable[[int, Array], Array]) -> Rule:
    """A rule from a function that returns cycle k's transition probabilities (transitions, …)."""
    moves: list[Moves] = []

    def rule(k: int, occupancy: Array) -> Moves:
        if not moves:
            moves.append(Moves.empty(structure, occupancy.shape[1:]))
        moves[0].from_probabilities(structure, probabilities(k, occupancy))
        return moves[0]

    return rule


def trace(structure: Structure, initial: Array, cycles: int, rule: Rule, *, half_cycle_exposure: bool = True) -> Array:
    """Occupancy at every cycle boundary, (cycles + 1, states, …).

    >>> import numpy as np
    >>> from markov.model.structure import Structure
    >>> moves = [("well", "disabled"), ("well", "dead"), ("disabled", "dead")]
    >>> valve = Structure.of(["well", "disabled", "dead"], moves)
    >>> rule = rule_from_probabilities(valve, lambda k, x: np.array([0.2, 0.2, 0.4]))
    >>> trace(valve, np.array([1.0, 0.0, 0.0]), 2, rule, half_cycle_exposure=False)[2].round(2).tolist()
    [0.36, 0.24, 0.4]
    """
    run = run_cohort(structure, initial, cycles, rule, half_cycle_exposure=half_cycle_exposure)
    return np.stack([initial, *(np.array(cycle.end) for cycle in run)])

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


def run_cohort(
    structure: Structure,
    initial: Array,
    cycles: int,
    rule: Rule,
    *,
    half_cycle_exposure: bool = True,
) -> Iterator[Cycle]:
    """Run any declared structure and yield its cycles; the next cycle overwrites the arrays.

    `initial` (states, …): any number of cohorts side by side. The rule may use the occupancy, which
    structures with memory or with an anchor on overall survival need.

    >>> import numpy as np
    >>> from markov.model.structure import Structure
    >>> two = Structure.of(["well", "dead"], [("well", "dead")])
    >>> rule = rule_from_increments(two, lambda k, x: np.array([[0.1]]))
    >>> last = [c.end[0, 0] for c in run_cohort(two, np.array([[1.0], [0.0]]), 10, rule)][-1]
    >>> float(round(last, 12)) == float(round(np.exp(-1.0), 12))
    True
    """
    occupancy, following = np.array(initial, dtype=float), np.empty(initial.shape)
    flows = np.empty((len(structure.transitions), *initial.shape[1:]))
    entrants, arrivals = np.empty(initial.shape), np.empty(initial.shape)
    product = np.empty(initial.shape[1:])
    target = [structure.index[b] for _, b in structure.transitions]
    out = {structure.index[s]: structure.exits(s) for s in structure.leaving}
    for k in range(cycles):
        moves = rule(k, occupancy)
        np.multiply(occupancy, moves.stay, out=following)
        entrants[:] = 0.0
        for i, rows in out.items():
            np.multiply(moves.move[rows], occupancy[i], out=flows[rows])
        for row, j in enumerate(target):
            entrants[j] += flows[row]
        arrivals[:] = entrants
        if half_cycle_exposure:
            entered = [i for i in out if i in target]
            for i in entered:
                for row in range(out[i].start, out[i].stop):
                    np.multiply(moves.half_move[row], entrants[i], out=product)
                    flows[row] += product
                    arrivals[target[row]] += product
                    following[target[row]] += product
            entrants *= moves.half_stay
        following += entrants
        yield Cycle(k, occupancy, following, flows, arrivals)
        occupancy, following = following, occupancy


def rule_from_increments(structure: Structure, increments: Callable[[int, Array], Array]) -> Rule:
    """A rule from a function that returns cycle k's hazard increments (transitions, …)."""
    moves: list[Moves] = []

    def rule(k: int, occupancy: Array) -> Moves:
        if not moves:
            moves.append(Moves.empty(structure, occupancy.shape[1:]))
        moves[0].from_increments(structure, increments(k, occupancy), structure.leaving)
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
    >>> valve = Structure.of(["well", "disabled", "dead"], [("well", "disabled"), ("well", "dead"), ("disabled", "dead")])
    >>> rule = rule_from_probabilities(valve, lambda k, x: np.array([0.2, 0.2, 0.4]))
    >>> trace(valve, np.array([1.0, 0.0, 0.0]), 2, rule, half_cycle_exposure=False)[2].round(2).tolist()
    [0.36, 0.24, 0.4]
    """
    run = run_cohort(structure, initial, cycles, rule, half_cycle_exposure=half_cycle_exposure)
    return np.stack([initial, *(np.array(cycle.end) for cycle in run)])

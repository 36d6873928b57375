"""Any declared states and transitions through the same recursion: published models, and tests against known answers.

x_(k+1) = x_k·P_k with P = diag(C) + offdiag(C)·C½ under half-cycle exposure of entrants, or P = C with one move a
cycle. Flows are counted where they happen: f_jk = x_j·c_jk + e_j·c½_jk, e_j = Σ_(i≠j) x_i·c_ij being the entrants.
Source: Briggs, Claxton, Sculpher 2006, ch. 2 and 3, for the one-move form.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from markov.compiling import plain
from markov.model.cohort import cause, pace
from markov.model.discounting import Indices
from markov.model.structure import Structure
from markov.terms import Array

SMALLEST = 1e-300


@dataclass(frozen=True)
class Moves:
    """What moves in a cycle: of those inside, `move` (transitions, …) takes a transition and `stay` (states, …) stays;
    of those who enter during the cycle, `half_move` and `half_stay`.
    """

    move: Array
    stay: Array
    half_move: Array
    half_stay: Array

    @classmethod
    def from_increments(cls, structure: Structure, increments: Array) -> "Moves":
        """Exits compete: each takes its increment of cumulative hazard (transitions, …) times the pace of its state.

        >>> two = Structure.of(["well", "ill", "dead"], [("well", "ill"), ("well", "dead")])
        >>> Moves.from_increments(two, np.array([1.2, 0.8])).move.round(6).tolist()
        [0.518799, 0.345866]
        """
        found = cls(*(np.zeros_like(increments, dtype=float) for _ in range(4)))
        stay, half_stay = np.ones((2, len(structure.states), *increments.shape[1:]))
        for state in structure.leaving:
            rows, place = structure.exits(state), structure.index[state]
            p = plain(pace)(plain(cause)(np.maximum(increments[rows].sum(axis=0), SMALLEST)), 1.0)
            found.move[rows], found.half_move[rows] = increments[rows] * p.leave, increments[rows] * p.entrants_leave
            stay[place], half_stay[place] = p.stay, p.entrants_stay
        return cls(found.move, stay, found.half_move, half_stay)

    @classmethod
    def from_probabilities(cls, structure: Structure, probabilities: Array) -> "Moves":
        """Take the shares as given, (transitions, …): one move a cycle."""
        stay = np.ones((len(structure.states), *probabilities.shape[1:]))
        for state in structure.leaving:
            stay[structure.index[state]] -= probabilities[structure.exits(state)].sum(axis=0)
        return cls(probabilities, stay, np.zeros_like(probabilities), np.ones_like(stay))


Rule = Callable[[int, Array], Moves]
"""Gives cycle k's shares, knowing the occupancy (states, …) at its start: structures with memory need that."""


@dataclass(frozen=True)
class Cycle:
    """One cycle: occupancy (states, …) at its start and end, flows (transitions, …), arrivals (states, …)."""

    index: int
    start: Array
    end: Array
    flows: Array
    arrivals: Array


def run_cohort(
    structure: Structure, initial: Array, cycles: int, rule: Rule, *, half_cycle_exposure: bool = True
) -> Iterator[Cycle]:
    """Run any declared structure from `initial` (states, …), any number of cohorts side by side, cycle by cycle.

    >>> two = Structure.of(["well", "dead"], [("well", "dead")])
    >>> rule = rule_from_increments(two, lambda k, x: np.array([0.1]))
    >>> last = [cycle.end[0] for cycle in run_cohort(two, np.array([1.0, 0.0]), 10, rule)][-1]
    >>> round(float(last), 12) == round(float(np.exp(-1.0)), 12)
    True
    """
    origins = np.array([structure.index[origin] for origin, _ in structure.transitions])
    targets = np.array([structure.index[target] for _, target in structure.transitions])
    now = np.asarray(initial, dtype=float)
    for k in range(cycles):
        moves = rule(k, now)
        flows, onward = now[origins] * moves.move, np.zeros_like(moves.move)
        entrants = _into(targets, flows, now)
        if half_cycle_exposure:
            onward = entrants[origins] * moves.half_move
        stay = np.where(half_cycle_exposure, moves.half_stay, 1.0)
        then = now * moves.stay + entrants * stay + _into(targets, onward, now)
        yield Cycle(k, now, then, flows + onward, _into(targets, flows + onward, now))
        now = then


def _into(targets: Indices, flows: Array, like: Array) -> Array:
    """Flows (transitions, …) added up by the state they lead to, (states, …)."""
    total = np.zeros_like(like)
    np.add.at(total, targets, flows)
    return total


def rule_from_increments(structure: Structure, increments: Callable[[int, Array], Array]) -> Rule:
    """A rule from a function that returns cycle k's hazard increments (transitions, …)."""
    return lambda k, occupancy: Moves.from_increments(structure, increments(k, occupancy))


def rule_from_probabilities(structure: Structure, probabilities: Callable[[int, Array], Array]) -> Rule:
    """A rule from a function that returns cycle k's transition probabilities (transitions, …)."""
    return lambda k, occupancy: Moves.from_probabilities(structure, probabilities(k, occupancy))


def trace(structure: Structure, initial: Array, cycles: int, rule: Rule, *, half_cycle_exposure: bool = True) -> Array:
    """Occupancy at every cycle boundary, (cycles + 1, states, …).

    >>> moves = [("well", "disabled"), ("well", "dead"), ("disabled", "dead")]
    >>> valve = Structure.of(["well", "disabled", "dead"], moves)
    >>> rule = rule_from_probabilities(valve, lambda k, x: np.array([0.2, 0.2, 0.4]))
    >>> trace(valve, np.array([1.0, 0.0, 0.0]), 2, rule, half_cycle_exposure=False)[2].round(2).tolist()
    [0.36, 0.24, 0.4]
    """
    run = run_cohort(structure, initial, cycles, rule, half_cycle_exposure=half_cycle_exposure)
    return np.stack([initial, *(cycle.end for cycle in run)])

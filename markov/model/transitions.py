"""From hazards to the shares that move within a cycle.

A state's exits compete: with ΔH_ij the cumulative-hazard increments of its exits and ΔH_i their sum, the
share that takes exit j is ΔH_ij·φ(ΔH_i), φ(x) = (1 − e^−x)/x, and e^−ΔH_i stays. Shares sum to one
without clipping.  Source: Briggs, Claxton, Sculpher 2006, ch. 3; Jones, Epstein, García-Mochón 2017,
Med Decis Making 37:72 (competing exits).
"""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from markov.model.structure import Structure
from markov.terms import Array

SMALLEST = 1e-300


class Exit(NamedTuple):
    """How a state is left in one cycle: its share j of those inside is ΔH_j·pace.

    `pace` φ(ΔH) and `stay` e^−ΔH hold for those inside at the start of the cycle; `half_pace` ½φ(½ΔH) and
    `half_stay` e^(−½ΔH) for those who enter during it, exposed for half a cycle on average.
    """

    pace: Array
    stay: Array
    half_pace: Array
    half_stay: Array


def half_left(increments: Array) -> Array:
    """Share that leaves in half a cycle, 1 − e^(−½ΔH)."""
    return np.asarray(-np.expm1(-0.5 * increments))


def either(first: Array, second: Array) -> Array:
    """Share that leaves by one of two independent causes, a + b·(1 − a).

    It adds two hazards without another exponential, and without the cancellation of 1 − (1 − a)·(1 − b).
    """
    return first + second * (1.0 - first)


def exit_of(total: Array, left: Array) -> Exit:
    """From a state's total increments ΔH > 0 and the share that leaves in half a cycle.

    With g = (1 − e^(−½ΔH))/ΔH the half-cycle pace is g and the full one g·(1 + e^(−½ΔH)): one exponential a state.
    """
    half_stay = 1.0 - left
    half_pace = left / total
    return Exit(half_pace * (1.0 + half_stay), half_stay * half_stay, half_pace, half_stay)


NOBODY_LEAVES = Exit(np.zeros(()), np.ones(()), np.zeros(()), np.ones(()))


@dataclass
class Moves:
    """What moves in a cycle, for any number of cohorts side by side.

    `hazards`, one by transition, are increments (or the probabilities themselves, at a pace of 1), `exits`, one
    by state, say at what pace they are taken. Arrays need only broadcast to the cohorts' shape. Transitions whose
    increments differ for those who enter during the cycle have those in `entrant_hazards`, by row.
    """

    structure: Structure
    hazards: list[Array]
    exits: list[Exit]
    entrant_hazards: dict[int, Array] = field(default_factory=dict)

    @classmethod
    def empty(cls, structure: Structure, cohorts: tuple[int, ...]) -> "Moves":
        """Nobody moves."""
        return cls(
            structure, [np.zeros(cohorts) for _ in structure.transitions], [NOBODY_LEAVES] * len(structure.states)
        )

    def from_increments(self, structure: Structure, increments: Array) -> None:
        """Take hazard increments, (transitions, …)."""
        self.hazards = list(increments)
        for state in structure.leaving:
            total = np.maximum(increments[structure.exits(state)].sum(axis=0), SMALLEST)
            self.exits[structure.index[state]] = exit_of(total, half_left(total))

    def from_probabilities(self, structure: Structure, probabilities: Array) -> None:
        """Take the shares as given, (transitions, …): one move a cycle."""
        self.hazards = list(probabilities)
        nobody, everybody = np.zeros(()), np.ones(())
        for state in structure.leaving:
            stay = np.asarray(1.0 - probabilities[structure.exits(state)].sum(axis=0))
            self.exits[structure.index[state]] = Exit(everybody, stay, nobody, everybody)

    @property
    def move(self) -> Array:
        """Share of those inside at the start that takes each transition, (transitions, …)."""
        return self._taken([exit_.pace for exit_ in self.exits])

    @property
    def half_move(self) -> Array:
        """Share of those who enter that takes each transition in the same cycle, (transitions, …)."""
        return self._taken([exit_.half_pace for exit_ in self.exits])

    @property
    def stay(self) -> Array:
        """Share that stays, (states, …)."""
        shape = np.shape(self.move)[1:]
        return np.stack([np.broadcast_to(exit_.stay, shape) for exit_ in self.exits])

    def _taken(self, paces: list[Array]) -> Array:
        origins = [self.structure.index[origin] for origin, _ in self.structure.transitions]
        taken = [hazard * paces[i] for hazard, i in zip(self.hazards, origins, strict=True)]
        return np.stack(np.broadcast_arrays(*taken))


def shares(increments: Array) -> Array:
    """Shares that take each of several competing exits in one cycle; the rest stays.

    >>> import numpy as np
    >>> shares(np.array([1.2, 0.8])).round(6).tolist()
    [0.518799, 0.345866]
    """
    total = increments.sum(axis=0)
    safe = np.where(total > 0, total, 1.0)
    return np.where(total > 0, -np.expm1(-safe) / safe, 1.0) * increments

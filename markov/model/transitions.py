"""From hazards to the shares that move within a cycle.

A state's exits compete: with ΔH_ij the cumulative-hazard increments of its exits and ΔH_i their sum, the
share that takes exit j is ΔH_ij·φ(ΔH_i), φ(x) = (1 − e^−x)/x, and e^−ΔH_i stays. Shares sum to one
without clipping.  Source: Briggs, Claxton, Sculpher 2006, ch. 3; Jones, Epstein, García-Mochón 2017,
Med Decis Making 37:72 (competing exits).
"""

from dataclasses import dataclass

import numpy as np

from markov.model.structure import Structure
from markov.terms import Array

SMALLEST = 1e-300


def _sum(rows: Array) -> Array:
    """Sum over the first axis, by whole rows: faster than a reduction along it."""
    total = rows[0] + 0.0 if len(rows) == 1 else rows[0] + rows[1]
    for row in rows[2:]:
        total += row
    return np.asarray(total)


@dataclass
class Moves:
    """Shares that move in a cycle, for any number of cohorts side by side.

    `move` (transitions, …) and `stay` (states, …) for those in a state at the start of the cycle;
    `half_move`, `half_stay` for those who enter during it, exposed for half a cycle on average.
    """

    move: Array
    stay: Array
    half_move: Array
    half_stay: Array

    @classmethod
    def empty(cls, structure: Structure, cohorts: tuple[int, ...]) -> "Moves":
        """Room for one cycle's shares; nobody moves."""
        n, m = len(structure.states), len(structure.transitions)
        return cls(np.zeros((m, *cohorts)), np.ones((n, *cohorts)), np.zeros((m, *cohorts)), np.ones((n, *cohorts)))

    def cycle(self, j: int) -> "Moves":
        """One cycle of a batch whose arrays are (…, cycles, cohorts…): a view."""
        return Moves(self.move[:, j], self.stay[:, j], self.half_move[:, j], self.half_stay[:, j])

    def from_increments(self, structure: Structure, increments: Array, state: str | None = None) -> None:
        """Fill the shares from hazard increments (transitions, …), out of every state or of one.

        With g = (1 − e^(−x/2))/x the half-cycle shares are ΔH·g and the full ones ΔH·g·(1 + e^(−x/2)):
        one exponential a state. Where nobody can leave, ΔH is 0 and g does not matter.
        """
        for origin in structure.leaving if state is None else (state,):
            i, rows = structure.index[origin], structure.exits(origin)
            total, chosen = _sum(increments[rows]), increments[rows]
            left = -np.expm1(-0.5 * total)
            half_stay = self.half_stay[i, ...]
            np.subtract(1.0, left, out=half_stay)
            np.multiply(half_stay, half_stay, out=self.stay[i, ...])
            left /= np.maximum(total, SMALLEST)
            np.multiply(chosen, left, out=self.half_move[rows])
            left *= 1.0 + half_stay
            np.multiply(chosen, left, out=self.move[rows])

    def from_probabilities(self, structure: Structure, probabilities: Array) -> None:
        """Take the shares as given, (transitions, …): one move a cycle."""
        self.move[:] = probabilities
        for state in structure.leaving:
            self.stay[structure.index[state]] = 1.0 - probabilities[structure.exits(state)].sum(axis=0)


def shares(increments: Array) -> Array:
    """Shares that take each of several competing exits in one cycle; the rest stays.

    >>> import numpy as np
    >>> shares(np.array([1.2, 0.8])).round(6).tolist()
    [0.518799, 0.345866]
    """
    total = increments.sum(axis=0)
    safe = np.where(total > 0, total, 1.0)
    return np.where(total > 0, -np.expm1(-safe) / safe, 1.0) * increments

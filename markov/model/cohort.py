"""The cohort engine: cycle after cycle, who is where and who moved.

x_(k+1) = x_k·P_k with P = diag(C) + offdiag(C)·C½ under half-cycle exposure of entrants, or P = C with one
move a cycle. Flows are counted where they happen: f_jk = x_j·c_jk + e_j·c½_jk, e_j = Σ_(i≠j) x_i·c_ij being
the entrants of the cycle.  Source: Briggs, Claxton, Sculpher 2006, ch. 2 and 3, for the one-move form.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from markov.model.structure import Source, Structure
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

    `occupancy` (cycles + 1, states, …) at the boundaries, `arrivals` (cycles, states, …), and where asked for
    `flows` (cycles, transitions, …).
    """

    first: int
    occupancy: Array
    arrivals: Array
    flows: Array


def run_batches(
    structure: Structure,
    initial: Array,
    cycles: int,
    rule: Rule,
    *,
    half_cycle_exposure: bool = True,
    batch: int = 1,
    flows: bool = True,
) -> Iterator[Batch]:
    """Run any declared structure and yield its cycles, `batch` at a time.

    `initial` (states, …): any number of cohorts side by side. The rule may use the occupancy, which structures
    with memory or with an anchor on overall survival need. Without `flows` only arrivals are counted, which
    saves a tenth of the time.
    """
    shape = initial.shape[1:]
    occupancy = np.empty((batch + 1, *initial.shape))
    arrivals = np.zeros((batch, *initial.shape))
    counted = np.empty((batch, len(structure.transitions) if flows else 0, *shape))
    inside, arrived, flowed = _rows(occupancy), _rows(arrivals), _rows(counted)
    occupancy[0] = initial
    advance = _Advance(structure, half_cycle_exposure)
    for first in range(0, cycles, batch):
        size = min(batch, cycles - first)
        for j in range(size):
            moves = rule(first + j, occupancy[j])
            advance(moves, inside[j], inside[j + 1], arrived[j], flowed[j])
        yield Batch(first, occupancy[: size + 1], arrivals[:size], counted[:size])
        occupancy[0] = occupancy[size]


def _rows(values: Array) -> list[list[Array]]:
    """Views of every state (or transition) of every cycle."""
    if values.ndim == 2:  # one cohort: keep views, not numbers
        return [[row[i, ...] for i in range(len(row))] for row in values]
    return [list(row) for row in values]


Inflow = list[tuple[int, tuple[int, ...]]]
"""Transitions into a state, alike ones together: the row of the first, and the rows of all origins."""


class _Advance:
    """One cycle of the recursion, by the declared transitions."""

    def __init__(self, structure: Structure, half_cycle_exposure: bool):
        index = structure.index
        self.origins = [index[origin] for origin, _ in structure.transitions]
        self.targets = [index[target] for _, target in structure.transitions]
        self.left = [index[state] for state in structure.leaving]
        self.passed = [index[state] for state in structure.entered]
        self.started = [i for i in self.left if i not in self.passed]
        self.absorbing = [i for i in range(len(structure.states)) if i not in self.left]
        self.sources = structure.sources
        self.half = half_cycle_exposure
        self.alike: tuple[int, ...] = ()
        self.into: list[Inflow] = []
        self.onward: list[Inflow] = []

    def _group(self, alike: tuple[int, ...]) -> None:
        """Put alike transitions into each state together: one product for all of them."""
        self.alike = alike
        self.into = [_together(sources, alike) for sources in self.sources]
        passed = [[(row, i) for row, i in sources if i in self.passed] for sources in self.sources]
        self.onward = [_together(sources, alike) for sources in passed]

    def __call__(
        self, moves: Moves, inside: list[Array], following: list[Array], arrived: list[Array], flowed: list[Array]
    ) -> None:
        """Fill the occupancy at the cycle's end, its arrivals and, where there is room, its flows."""
        if moves.alike != self.alike:
            self._group(moves.alike)
        hazards, exits = moves.hazards, moves.exits
        taken = _Taken({i: moves.taken[i] if i in moves.taken else inside[i] * exits[i].pace for i in self.left})
        for i in self.passed:
            taken.flow(hazards, self.into[i], arrived[i])
        both = onward = taken
        if self.half:
            onward = _Taken({i: arrived[i] * exits[i].half_pace for i in self.passed})
            both = _Taken(taken.by_state | {i: taken.by_state[i] + each for i, each in onward.by_state.items()})
        for i in self.started:
            np.multiply(inside[i], exits[i].stay, out=following[i])
        for i in self.absorbing:
            if self.into[i]:
                both.flow(hazards, self.into[i], arrived[i])
            np.add(inside[i], arrived[i], out=following[i])
        for i in self.passed:
            np.multiply(inside[i], exits[i].stay, out=following[i])
            following[i] += arrived[i] * exits[i].half_stay if self.half else arrived[i]
            if self.half and self.onward[i]:
                again = onward.flow(hazards, self.onward[i])
                arrived[i] += again
                following[i] += again
        for row, flow in enumerate(flowed):
            np.multiply(hazards[row], both.by_state[self.origins[row]], out=flow)
        if self.half:
            self._correct(moves, onward, following, arrived, flowed)

    def _correct(
        self, moves: Moves, onward: "_Taken", following: list[Array], arrived: list[Array], flowed: list[Array]
    ) -> None:
        """Move those who enter during the cycle by their own increments, where these differ."""
        for row, hazard in moves.entrant_hazards.items():
            more = onward.by_state[self.origins[row]] * (hazard - moves.hazards[row])
            for counts in (following, arrived):
                counts[self.targets[row]] += more
            if flowed:
                flowed[row] += more


def _together(sources: Iterable[Source], alike: tuple[int, ...]) -> Inflow:
    """Transitions (row, origin) grouped by what they are alike."""
    groups: dict[int, tuple[int, ...]] = {}
    for row, origin in sources:
        groups[alike[row]] = (*groups.get(alike[row], ()), origin)
    return list(groups.items())


class _Taken:
    """What states lose in a cycle per unit of increment, Δx = x·φ(ΔH); sums over states are made once."""

    def __init__(self, by_state: dict[int, Array]):
        self.by_state = by_state
        self.sums: dict[tuple[int, ...], Array] = {}

    def flow(self, hazards: list[Array], into: Inflow, out: Array | None = None) -> Array:
        """Σ over the transitions into a state of ΔH × what its origin loses at that pace."""
        (row, origins), *others = into
        total = np.multiply(hazards[row], self._of(origins), out=out)
        for row, origins in others:
            total += hazards[row] * self._of(origins)
        return np.asarray(total)

    def _of(self, origins: tuple[int, ...]) -> Array:
        if len(origins) == 1:
            return self.by_state[origins[0]]
        if origins not in self.sums:
            first, second, *others = (self.by_state[i] for i in origins)
            self.sums[origins] = sum(others, first + second)
        return self.sums[origins]


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

"""The maintenance model's own rule: each cycle's hazard increments, given who is where."""

from collections.abc import Sequence

import numpy as np

from markov.model.after_progression import after_progression
from markov.model.preparation import Preparation
from markov.model.prepared import Prepared, filled, side_by_side
from markov.model.structure import MAINTENANCE_MODEL
from markov.model.transitions import Exit, Moves, alike, either
from markov.terms import MALIGNANCIES, Array, State

ROW = MAINTENANCE_MODEL.row
INDEX = MAINTENANCE_MODEL.index
NOT_YET_KNOWN = np.zeros((1, 1, 1))
STOPPED = ROW[State.MAINTENANCE, State.TOXICITY]
PROGRESSED = ROW[State.MAINTENANCE, State.PROGRESSION]
PROGRESSED_AFTER = ROW[State.TOXICITY, State.PROGRESSION]
DEATHS = {state: ROW[state, State.DEATH] for state in list(State)[:-1]}
MALIGNANT = {
    state: tuple(ROW[state, kind] for kind in MALIGNANCIES)
    for state in (State.MAINTENANCE, State.TOXICITY, State.PROGRESSION)
}


class MaintenanceRule:
    """Gives the engine what moves in each cycle, for blocks of one course side by side, prepared piece by piece.

    All but mortality after progression is known before anybody moves.
    """

    def __init__(self, preparations: Sequence[Preparation]):
        first = preparations[0]
        self.preparations, self.rows = preparations, [preparation.columns.rows for preparation in preparations]
        self.cohorts = (first.cohorts[0], sum(self.rows))
        self.cycles, self.batch, self.half_exposure = first.hazards.cycles, first.batch, first.half_exposure
        self.progression_free = _ProgressionFree(self.batch, self.cohorts, self.half_exposure)
        self.after_progression = after_progression(preparations, self.rows)
        self.first = self.next = 0
        self.moves: list[Moves] = []
        self.alike: tuple[int, ...] = ()

    def __call__(self, k: int, occupancy: Array) -> Moves:
        """What moves in cycle k."""
        if k == self.next:
            self._prepare(k)
        moves = self.moves[k - self.first]
        self.after_progression.fill(k, k - self.first, occupancy, moves)
        return moves

    def _prepare(self, first: int) -> None:
        """All that is known of the next cycles before anybody moves."""
        p = side_by_side([preparation.take(first) for preparation in self.preparations], self.rows)
        size = len(p.background)
        self.progression_free.advance(first, p)
        self.after_progression.prepare(first, p)
        self.moves = self._moves(self._hazards(p), p.exits, (size, *self.cohorts))
        self.first, self.next = first, first + size

    def _hazards(self, p: Prepared) -> list[Array]:
        """Increments by transition; deaths in `progression` are filled in by the alternative that holds."""
        hazards = [p.background] * len(ROW)
        hazards[DEATHS[State.PROGRESSION]] = NOT_YET_KNOWN
        hazards[STOPPED], hazards[PROGRESSED], hazards[PROGRESSED_AFTER] = p.on.toxicity, p.progression, p.after
        for state, rows in MALIGNANT.items():
            malignant = p.on.malignant if state is State.MAINTENANCE else p.off
            for row, increments in zip(rows, malignant.kinds, strict=True):
                hazards[row] = increments
        for state, deaths in p.deaths.items():
            hazards[DEATHS[state]] = deaths
        return hazards

    def _moves(self, hazards: list[Array], exits: list[Exit], shape: tuple[int, ...]) -> list[Moves]:
        """What moves, cycle by cycle of a piece of a shape (cycles, strategies, rows)."""
        self.alike = self.alike or alike(hazards)
        if shape[0] > 1:
            used = {id(part): part for exit_ in exits for part in exit_} | {id(values): values for values in hazards}
            full = {place: filled(values, shape) for place, values in used.items()}
            hazards = [full[id(values)] for values in hazards]
            exits = [Exit(*[full[id(part)] for part in exit_]) for exit_ in exits]
        return [
            Moves(
                MAINTENANCE_MODEL,
                [values[j] for values in hazards],
                [Exit(*[part[j] if part.ndim else part for part in exit_]) for exit_ in exits],
                alike=self.alike,
            )
            for j in range(shape[0])
        ]


class _ProgressionFree:
    """The progression-free cohort with the same hazards, second malignancies left out: the trial's kind of PFS.

    `curve` (cycles, strategies, rows) holds the cycles' ends of the current batch.
    """

    def __init__(self, batch: int, cohorts: tuple[int, int], half_exposure: bool):
        self.on, self.stopped = np.ones(cohorts), np.zeros(cohorts)
        self.curve = np.ones((batch, *cohorts))
        self.half_exposure = half_exposure

    def advance(self, first: int, p: Prepared) -> None:
        """Take the cohort through the piece that begins with cycle `first`."""
        left, kept = either(p.ended, p.on.stopped)
        moves = left / (p.ending + p.on.toxicity)
        moves *= p.on.toxicity
        if self.half_exposure:
            moves = moves * p.ended_after.kept
        for j in range(len(moves)):
            self.stopped *= p.ended_whole_after.kept[j]
            self.stopped += self.on * moves[j]
            self.on *= kept[j]
            np.add(self.on, self.stopped, out=self.curve[(first + j) % len(self.curve)])

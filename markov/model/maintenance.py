"""The maintenance model's own rule: each cycle's hazard increments, given who is where."""

import numpy as np

from markov.inputs.parameters import Columns
from markov.model.after_progression import after_progression
from markov.model.hazards import HazardStream, Piece
from markov.model.prepared import Malignant, OnDrug, Prepared, filled
from markov.model.structure import MAINTENANCE_MODEL
from markov.model.transitions import (
    Exit,
    Moves,
    alike,
    either,
    in_half_a_cycle,
)
from markov.model.treatment import Malignancies, OnTreatment, Shares, Stops, Window, first_if_alike, same
from markov.terms import (
    MALIGNANCIES,
    Array,
    State,
    WithinCycle,
)

ROW = MAINTENANCE_MODEL.row
INDEX = MAINTENANCE_MODEL.index
PIECE = 8000  # cohort-cycles prepared together
BATCH = 32  # cycles, at least, whose payoffs are added together
NOT_YET_KNOWN = np.zeros((1, 1, 1))
STOPPED = ROW[State.MAINTENANCE, State.TOXICITY]
PROGRESSED = ROW[State.MAINTENANCE, State.PROGRESSION]
PROGRESSED_AFTER = ROW[State.TOXICITY, State.PROGRESSION]
DEATHS = {state: ROW[state, State.DEATH] for state in list(State)[:-1]}
MALIGNANT = {
    state: tuple(ROW[state, kind] for kind in MALIGNANCIES)
    for state in (State.MAINTENANCE, State.TOXICITY, State.PROGRESSION)
}


def piece_of(cohorts: int) -> int:
    """Cycles that the hazards and the rule prepare together: a power of two, so that pieces fill batches."""
    return int(2 ** int(np.clip(np.log2(PIECE / cohorts), 0.0, 10.0)))


class MaintenanceRule:
    """Gives the engine what moves in each cycle, prepared a piece of cycles at a time.

    All but mortality after progression is known before anybody moves. One row prepares many cycles together, many
    rows one cycle. No exponential is taken twice: states share the survival of the background, of progression and
    of second malignancies over half a cycle, combined by a + b·(1 − a).
    """

    def __init__(
        self, columns: Columns, hazards: HazardStream, window: Window, malignancies: Malignancies, stops: Stops
    ):
        inputs, strategies = columns.inputs, columns.inputs.compared
        self.hazards, self.window, self.stops = hazards, window, stops
        self.length = float(hazards.boundaries[1])
        self.half_exposure = inputs.text("settings.within_cycle") == WithinCycle.HALF_CYCLE_EXPOSURE
        self.starting = columns.by_strategy("treatment.share_starting.", strategies)
        self.drug = OnTreatment(window, self.starting, stops.toxicity_rate, stops.other_rate)
        self.cohorts = (len(strategies), columns.rows)
        self.batch = max(BATCH, hazards.size)
        self.progression_free = _ProgressionFree(self.batch, self.cohorts, self.half_exposure)
        self.shares: list[tuple[int, Shares]] = []
        self._stacked: tuple[Array, Array] | None = None
        parts = (malignancies.haematologic, 1.0 - malignancies.haematologic)
        self.off_drug = [(malignancies.off * part * self.length)[None] for part in parts]
        self.excess_on_drug = [(malignancies.excess * part)[None] for part in parts]
        self.off = Malignant(self.off_drug)
        kinds = zip(("haematologic", "solid"), MALIGNANCIES, strict=True)
        excess = {state: columns.number(f"spm.excess_death.{kind}") * self.length for kind, state in kinds}
        self.excess = {state: (rate, in_half_a_cycle(rate)) for state, rate in excess.items()}
        self.after_progression = after_progression(columns, hazards, self.off)
        self.first = self.next = 0
        self.moves: list[Moves] = []
        self._known: tuple[Shares, Array, OnDrug] | None = None
        self.alike: tuple[int, ...] = ()

    def __call__(self, k: int, occupancy: Array) -> Moves:
        """What moves in cycle k."""
        if k == self.next:
            self._prepare(k)
        moves = self.moves[k - self.first]
        self.after_progression.fill(k, k - self.first, occupancy, moves)
        return moves

    @property
    def shares_of_batch(self) -> tuple[Array, Array]:
        """Share on drug at the beginning and the end of the part in the window, (cycles, strategies, rows or 1)."""
        if self._stacked is None:
            begin = _joined([(size, shares.begin) for size, shares in self.shares])
            simple = self.drug.simple
            self._stacked = begin, begin if simple else _joined([(size, s.finish) for size, s in self.shares])
        return self._stacked

    def _prepare(self, first: int) -> None:
        """All that is known of the next cycles before anybody moves."""
        piece = self.hazards.take()
        size = len(piece.background)
        span = slice(first, first + size)
        if first % self.batch == 0:
            self.shares = []
        self._stacked = None
        shares = self.drug.cycles(first, size)
        self.shares.append((size, shares))
        on = self._on_drug(shares, self.window.exposed[span, :, None])
        p = Prepared(piece, self.off, on, self.excess, *self._progression(piece, span))
        self.progression_free.advance(first, p)
        self.after_progression.prepare(first, p)
        self.moves = self._moves(self._hazards(p), p.exits, (size, *self.cohorts))
        self.first, self.next = first, first + size

    def _progression(self, piece: Piece, span: slice) -> tuple[Array, Array, Array, Array]:
        """Progression increments out of `maintenance` and of `toxicity`, and the same with deaths."""
        split, after = self.stops.maintenance_progression, self.stops.toxicity_progression
        if split is None or after is None:
            progression = piece.progression
            return progression, progression, piece.floored, piece.floored
        return split[span], after[span], split[span] + piece.background, after[span] + piece.background

    def _on_drug(self, shares: Shares, exposed: Array) -> OnDrug:
        """Stops and second malignancies in `maintenance`, made anew only when the share on drug changes."""
        exposed = first_if_alike(exposed)
        if self._known is None or shares is not self._known[0] or not same(exposed, self._known[1]):
            mean = shares.mean * exposed
            malignant = [excess * mean + off for excess, off in zip(self.excess_on_drug, self.off_drug, strict=True)]
            self._known = shares, exposed, OnDrug(shares.toxicity, Malignant(malignant))
        return self._known[2]

    def _hazards(self, p: "Prepared") -> list[Array]:
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


def _joined(parts: list[tuple[int, Array]]) -> Array:
    """Consecutive pieces end to end, from (cycles, what holds in each or in all of them)."""
    _, first = parts[0]
    if len(first) == 1 and all(values is first for _, values in parts):
        return np.broadcast_to(first, (sum(size for size, _ in parts), *first.shape[1:]))
    return np.concatenate([np.broadcast_to(values, (size, *values.shape[1:])) for size, values in parts])


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

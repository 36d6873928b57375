"""The maintenance model's own rule: each cycle's hazard increments, given who is where.

Three alternatives for mortality after progression share one cohort engine: a constant excess rate, a curve from
progression (tunnel states), and deaths that make the cohort follow an overall-survival curve.
"""

from typing import Protocol

import numpy as np
from scipy import special

from markov.inputs.parameters import Columns
from markov.model.hazards import HazardStream, Piece, strategy_hazard
from markov.model.structure import MAINTENANCE_MODEL
from markov.model.transitions import NOBODY_LEAVES, Exit, Moves, either, exit_of, half_left
from markov.model.treatment import Malignancies, OnTreatment, Shares, Stops, Window
from markov.terms import (
    MALIGNANCIES,
    MONTHS_PER_YEAR,
    Array,
    Endpoint,
    PostProgression,
    PostProgressionMortality,
    PostProgressionRate,
    State,
    WithinCycle,
)

ROW = MAINTENANCE_MODEL.row
INDEX = MAINTENANCE_MODEL.index
LARGEST_INCREMENT = 40.0
PIECE = 8000  # cohort-cycles prepared together
BATCH = 16  # cycles, at least, whose payoffs are added together
SMALLEST_TOTAL = 1e-12  # keeps φ defined where nobody can leave
SMALLEST_SHARE = 1e-9
HALLEY_STEPS = 8
ROUNDING = 1e-15  # deaths this few from a limit are at it
CONVERGED = 3e-7  # the error left is of the order of the cube of the last step
STOPPED = ROW[State.MAINTENANCE, State.TOXICITY]
PROGRESSED = ROW[State.MAINTENANCE, State.PROGRESSION]
PROGRESSED_AFTER = ROW[State.TOXICITY, State.PROGRESSION]
DEATHS = {state: ROW[state, State.DEATH] for state in list(State)[:-1]}
MALIGNANT = {
    state: tuple(ROW[state, kind] for kind in MALIGNANCIES)
    for state in (State.MAINTENANCE, State.TOXICITY, State.PROGRESSION)
}
_M, _T, _P = INDEX[State.MAINTENANCE], INDEX[State.TOXICITY], INDEX[State.PROGRESSION]
_H, _S = INDEX[State.SPM_HAEMATOLOGIC], INDEX[State.SPM_SOLID]


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
        self.off = _Malignant(self.off_drug)
        kinds = zip(("haematologic", "solid"), MALIGNANCIES, strict=True)
        excess = {state: columns.number(f"spm.excess_death.{kind}") * self.length for kind, state in kinds}
        self.excess = {state: (rate, half_left(rate)) for state, rate in excess.items()}
        self.after_progression = _after_progression(columns, hazards, self.off)
        self.first = self.next = 0
        self.moves: list[Moves] = []
        self._known: tuple[Shares, Array, _OnDrug] | None = None

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
            begin = np.concatenate([np.broadcast_to(s.begin, (n, *s.begin.shape[1:])) for n, s in self.shares])
            same = self.drug.simple
            ends = [] if same else [np.broadcast_to(s.finish, (n, *s.finish.shape[1:])) for n, s in self.shares]
            self._stacked = begin, begin if same else np.concatenate(ends)
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
        p = Prepared(piece, half_left(piece.background), self.off, on, *self._progression(piece, span))
        for state, (rate, left) in self.excess.items():
            p.exits[INDEX[state]] = exit_of(piece.background + rate, either(p.died, left))
        self.progression_free.advance(first, p)
        self.after_progression.prepare(first, p)
        shape = (size, *self.cohorts)
        hazards = zip(*(_by_cycle(hazard, shape) for hazard in self._hazards(p)), strict=True)
        exits = zip(*(_exits_by_cycle(exit_, shape) for exit_ in p.exits), strict=True)
        self.moves = [Moves(MAINTENANCE_MODEL, list(h), list(e)) for h, e in zip(hazards, exits, strict=True)]
        self.first, self.next = first, first + size

    def _progression(self, piece: Piece, span: slice) -> tuple[Array, Array, Array, Array]:
        """Progression increments out of `maintenance` and of `toxicity`, and the same with deaths."""
        split, after = self.stops.maintenance_progression, self.stops.toxicity_progression
        if split is None or after is None:
            return piece.progression, piece.progression, piece.floored, piece.floored
        return split[span], after[span], split[span] + piece.background, after[span] + piece.background

    def _on_drug(self, shares: Shares, exposed: Array) -> "_OnDrug":
        """Stops and second malignancies in `maintenance`, made anew only when the share on drug changes."""
        exposed = exposed[:1] if np.all(exposed == exposed[0]) else exposed
        if self._known is None or shares is not self._known[0] or not np.array_equal(exposed, self._known[1]):
            mean = shares.mean * exposed
            malignant = [excess * mean + off for excess, off in zip(self.excess_on_drug, self.off_drug, strict=True)]
            self._known = shares, exposed, _OnDrug(shares.toxicity, _Malignant(malignant))
        return self._known[2]

    def _hazards(self, p: "Prepared") -> list[Array]:
        """Increments by transition; deaths in `progression` are filled in by the alternative that holds."""
        hazards = [p.background] * len(ROW)
        hazards[STOPPED], hazards[PROGRESSED], hazards[PROGRESSED_AFTER] = p.on.toxicity, p.progression, p.after
        for state, rows in MALIGNANT.items():
            malignant = p.on.malignant if state is State.MAINTENANCE else p.off
            for row, increments in zip(rows, malignant.kinds, strict=True):
                hazards[row] = increments
        for state, (rate, _) in self.excess.items():
            hazards[DEATHS[state]] = p.background + rate
        return hazards


def _by_cycle(values: Array, shape: tuple[int, ...]) -> list[Array]:
    """The cycles of a piece of a shape (cycles, strategies, rows).

    Few rows are filled up to one shape: broadcasting takes twice as long on them, and costs nothing on many.
    """
    return list(values if shape[0] == 1 else np.ascontiguousarray(np.broadcast_to(values, shape)))


def _exits_by_cycle(values: Exit, shape: tuple[int, ...]) -> list[Exit]:
    """The same for an exit."""
    if values is NOBODY_LEAVES:
        return [NOBODY_LEAVES] * shape[0]
    return [Exit(*parts) for parts in zip(*(_by_cycle(part, shape) for part in values), strict=True)]


class _Malignant:
    """Second malignancies in a state: increments by kind and in all, and the share they take in half a cycle."""

    def __init__(self, kinds: list[Array]):
        self.kinds = kinds
        self.total = kinds[0] + kinds[1]
        self.left = half_left(self.total)


class _OnDrug:
    """What leaves `maintenance` besides progression and death: stops for toxicity, and second malignancies."""

    def __init__(self, toxicity: Array, malignant: _Malignant):
        self.toxicity, self.malignant = toxicity, malignant
        self.stopped = half_left(toxicity)
        self.total = toxicity + malignant.total
        self.left = either(self.stopped, malignant.left)


class Prepared:
    """A piece of cycles before anybody moves, (cycles, strategies, rows): increments and exits by state.

    `ending` is progression or death out of `maintenance`, `ended` the share it takes in half a cycle; `ending_after`
    and `ended_after` the same out of `toxicity`; `died` the share that the background takes.
    """

    def __init__(
        self,
        piece: Piece,
        died: Array,
        off: _Malignant,
        on: _OnDrug,
        progression: Array,
        after: Array,
        ending: Array,
        ending_after: Array,
    ):
        self.background, self.survival, self.died, self.off, self.on = piece.background, piece.survival, died, off, on
        self.progression, self.after, self.ending, self.ending_after = progression, after, ending, ending_after
        self.ended_after = half_left(ending_after)
        self.ended = self.ended_after if ending is ending_after else half_left(ending)
        self.exits = [NOBODY_LEAVES] * len(INDEX)
        self.exits[_M] = exit_of(ending + on.total, either(self.ended, on.left))
        self.exits[_T] = exit_of(ending_after + off.total, either(self.ended_after, off.left))


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
        leaves = exit_of(p.ending + p.on.toxicity, either(p.ended, p.on.stopped))
        kept_after = 1.0 - p.ended_after
        moves = p.on.toxicity * leaves.pace
        if self.half_exposure:
            moves *= kept_after
        stays_after = kept_after * kept_after
        for j in range(len(moves)):
            self.stopped = self.stopped * stays_after[j] + self.on * moves[j]
            self.on = self.on * leaves.stay[j]
            np.add(self.on, self.stopped, out=self.curve[(first + j) % len(self.curve)])


class AfterProgression(Protocol):
    """Fills what leaves `progression`, the rest being known."""

    clipped: Array

    def prepare(self, first: int, p: Prepared) -> None:
        """Look ahead at a piece of cycles."""

    def fill(self, k: int, j: int, occupancy: Array, moves: Moves) -> None:
        """Set the deaths and the exit of `progression` in cycle k, number j of its piece."""


def _after_progression(columns: Columns, hazards: HazardStream, off: _Malignant) -> AfterProgression:
    alternative = columns.inputs.text("settings.post_progression")
    half_exposure = columns.inputs.text("settings.within_cycle") == WithinCycle.HALF_CYCLE_EXPOSURE
    if alternative == PostProgression.OVERALL_SURVIVAL:
        return DeathsMeetOverallSurvival(half_exposure, off)
    if alternative == PostProgression.TIME_SINCE_PROGRESSION:
        return TimeSinceProgression(columns, hazards.boundaries, half_exposure)
    return ExcessRate(columns, hazards.boundaries)


class ExcessRate:
    """`rate`: the background plus a constant excess, common or by strategy."""

    def __init__(self, columns: Columns, boundaries: Array):
        strategies = columns.inputs.compared
        if columns.inputs.text("settings.post_progression_rate") == PostProgressionRate.COMMON:
            rate = columns.number("post_progression.excess_rate.common")[None]
        else:
            rate = columns.by_strategy("post_progression.excess_rate.", strategies)
        self.excess = rate * boundaries[1]
        self.left = half_left(self.excess)
        self.clipped = np.zeros(1)
        self.deaths = np.zeros(0)

    def prepare(self, first: int, p: Prepared) -> None:
        """The exits of the whole piece."""
        del first
        self.deaths = p.background + self.excess
        left = either(either(p.died, self.left), p.off.left)
        p.exits[_P] = exit_of(self.deaths + p.off.total, left)

    def fill(self, k: int, j: int, occupancy: Array, moves: Moves) -> None:
        """The rate does not depend on who is where."""
        del k, occupancy
        moves.hazards[DEATHS[State.PROGRESSION]] = self.deaths[j]


class DeathsMeetOverallSurvival:
    """`overall_survival`: the death increment d of `progression` for which all deaths of the cycle bring the
    cohort to the OS curve, floored at the background.

    With y = d + σ (σ the exits to second malignancies) and w the share of those who then die in the same cycle,
    D(d) = D₀ + x·[(1 − e^−y) − (σ − w)·φ(y)] + e·(d/2)·φ(y/2) is increasing and concave. d stays in [ΔB, 40];
    cycles at a limit are counted.
    """

    def __init__(self, half_exposure: bool, off: "_Malignant"):
        self.half_exposure = half_exposure
        self.clipped = np.zeros(1)
        self.sigma, self.kept_off = off.total[0], 1.0 - off.left[0]
        self.inside_factor, self.entrant_factor = 1.0 - 0.5 * self.sigma, 1.0 - 0.25 * self.sigma
        self.survival: list[Array] = []
        self.background = self.kept = self.die_later = self.survival
        self.entering = (self.survival, self.survival)
        self.dying: dict[int, list[Array]] = {}

    def prepare(self, first: int, p: Prepared) -> None:
        """Per head in each state: deaths of the cycle that do not depend on d, and entrants to `progression`."""
        del first
        assert p.survival is not None
        shape = p.exits[_M].pace.shape
        self.survival, self.background = _by_cycle(p.survival, shape), _by_cycle(p.background, shape)
        self.kept = _by_cycle(1.0 - p.died, shape)
        pace, pace_after = p.exits[_M].pace, p.exits[_T].pace
        self.entering = _by_cycle(p.progression * pace, shape), _by_cycle(p.after * pace_after, shape)
        dying, dying_after, later = p.background, p.background, np.zeros((1, 1, 1))
        if self.half_exposure:
            entrants = [1.0 - p.exits[i].half_stay for i in (_H, _S)]
            later = _products(p.off.kinds, entrants)
            stopped = p.background * p.exits[_T].half_pace
            dying = dying + p.on.toxicity * stopped + _products(p.on.malignant.kinds, entrants)
            dying_after = dying_after + later
        self.die_later = _by_cycle(later, shape)
        shares = {_M: dying * pace, _T: dying_after * pace_after} | {i: 1.0 - p.exits[i].stay for i in (_H, _S)}
        self.dying = {i: _by_cycle(share, shape) for i, share in shares.items()}

    def fill(self, k: int, j: int, occupancy: Array, moves: Moves) -> None:
        """Solve for the death increment."""
        del k
        x, low = occupancy[_P], self.background[j]
        entering = self.entering[0][j] * occupancy[_M] + self.entering[1][j] * occupancy[_T]
        needed = (1.0 - occupancy[-1]) - self.survival[j]
        for i, dying in self.dying.items():
            needed -= dying[j] * occupancy[i]
        exposed = entering if self.half_exposure else np.zeros(())
        d, left = self._solve(needed, x, exposed, self.die_later[j], low, self.kept[j])
        present = x + entering
        room = np.minimum(d - low, LARGEST_INCREMENT - d) * present
        clipped = (room <= ROUNDING) & (present > 1e-9)
        self.clipped = self.clipped + clipped
        moves.hazards[DEATHS[State.PROGRESSION]] = d
        moves.exits[_P] = exit_of(d + self.sigma, left)

    def _solve(
        self, needed: Array, x: Array, entering: Array, die_later: Array, low: Array, kept_low: Array
    ) -> tuple[Array, Array]:
        """Solve D(d) = needed for d in [low, 40]; returns d and the share that leaves in half a cycle.

        Starts from the root for small σ, which has a closed form: with z = e^(−d/2), A = x·(1 − σ/2) and
        E = e·(1 − σ/4), A·z² + E·z = A + E − needed + x·w, right to about 1e-5. Then at most eight of Halley's steps,
        with the curvature of the leading terms, x·e^−y + ¼e·e^(−y/2); nearly always one is enough, Newton's needs two.
        """
        inside, entrants = x * self.inside_factor, entering * self.entrant_factor
        left = np.maximum(inside + entrants - needed + x * die_later, 0.0)
        root = entrants + np.sqrt(entrants * entrants + 4.0 * inside * left)
        z = np.minimum(np.maximum(2.0 * left / np.maximum(root, SMALLEST_TOTAL), SMALLEST_SHARE), kept_low)
        d = -2.0 * np.log(z)
        kept = z * self.kept_off  # e^(−y/2) without another exponential
        gone = 1.0 - kept
        for _ in range(HALLEY_STEPS):
            y = d + self.sigma
            half_phi, both, half_kept = gone / y, 1.0 + kept, 0.5 * kept  # φ(y/2)/2, 1 + e^(−y/2), e^(−y/2)/2
            staying = x * (d + die_later)
            die = staying * both + entering * d
            slope = half_phi * (x * both - staying * half_kept + entering) + die * (half_kept - half_phi) / y
            slope = np.maximum(slope, 1e-30)
            step = (needed - half_phi * die) / slope
            step /= np.maximum(1.0 - step * half_kept * (x * kept + 0.25 * entering) / slope, 0.5)
            following = np.minimum(np.maximum(d + step, low), LARGEST_INCREMENT)
            step, d = following - d, following
            if np.abs(step).max() < CONVERGED:
                half = 0.5 * step  # e^(−y/2) after so small a step: the next term is 1e-21
                return d, gone + kept * (half - 0.5 * half * half)
            gone = half_left(d + self.sigma)
            kept = 1.0 - gone
        return d, gone


def _products(first: list[Array], second: list[Array]) -> Array:
    return first[0] * second[0] + first[1] * second[1]


class TimeSinceProgression:
    """`time_since_progression`: a survival curve from progression, by the cycle of entry (tunnel states).

    Entrants survive S(Δ/2), then S((j + 1½)Δ)/S((j + ½)Δ); with one move a cycle they enter with clock 0 at its
    end. The curve is all-cause, floored at the background, or an excess on top of it.
    """

    def __init__(self, columns: Columns, boundaries: Array, half_exposure: bool):
        inputs = columns.inputs
        shift = 0.5 * boundaries[1] if half_exposure else 0.0
        ages = np.concatenate([[0.0], boundaries + shift])
        months = (ages * MONTHS_PER_YEAR)[:, None]
        curves = [strategy_hazard(columns, Endpoint.POST_PROGRESSION, s, months) for s in inputs.compared]
        total = np.stack(np.broadcast_arrays(*curves), axis=1)
        self.entry = total[1] - total[0]
        self.by_age = np.maximum(np.diff(total[1:], axis=0), 0.0)
        self.all_cause = inputs.text("settings.post_progression_mortality") == PostProgressionMortality.ALL_CAUSE
        self.inside = np.zeros((len(boundaries) - 1, len(inputs.compared), columns.rows))
        self.clipped = np.zeros(1)
        self.background = self.others = np.zeros(())

    def prepare(self, first: int, p: Prepared) -> None:
        """Keep the exits that do not depend on time since progression."""
        del first
        self.background, self.others = p.background, p.off.total

    def _deaths(self, curve: Array, background: Array) -> Array:
        return np.asarray(np.maximum(curve, background) if self.all_cause else curve + background)

    def fill(self, k: int, j: int, occupancy: Array, moves: Moves) -> None:
        """Set the exit of `progression` as the average over its tunnels, and that of entrants.

        Second malignancies leave every tunnel at the same increments; that of deaths is the leavers' average.
        """
        if k:
            self.inside[k - 1] = np.maximum(occupancy[_P] - self.inside[: k - 1].sum(axis=0), 0.0)
        background, row = self.background[j], DEATHS[State.PROGRESSION]
        entrants = self._deaths(self.entry, 0.5 * background)
        entrants_total = entrants + 0.5 * self.others[0]
        inside, present = self.inside[:k], np.maximum(occupancy[_P], 1e-300)
        deaths = self._deaths(self.by_age[:k][::-1], background)
        total = deaths + self.others
        leaving = inside * special.exprel(-total)
        leavers = leaving.sum(axis=0)
        inside *= np.exp(-total)
        moves.entrant_hazards = {row: 2.0 * entrants}
        moves.hazards[row] = (leaving * deaths).sum(axis=0) / np.maximum(leavers, 1e-300)
        moves.exits[_P] = Exit(
            leavers / present,
            inside.sum(axis=0) / present,
            0.5 * special.exprel(-entrants_total),
            np.exp(-entrants_total),
        )

"""The maintenance model's own rule: each cycle's hazard increments, given who is where.

Three alternatives for mortality after progression share one cohort engine: a constant excess rate, a curve from
progression (tunnel states), and deaths that make the cohort follow an overall-survival curve.
"""

from typing import Protocol

import numpy as np
from scipy import special

from markov.inputs.parameters import Columns
from markov.model.hazards import Hazards, strategy_hazard
from markov.model.structure import MAINTENANCE_MODEL
from markov.model.transitions import Moves
from markov.model.treatment import Malignancies, OnTreatment, Shares, Stops, Window
from markov.survival.hazards import survival_from_increments
from markov.terms import (
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
BATCH_SIZE = 4000  # cohort-cycles prepared together
SMALLEST_TOTAL = 1e-12  # keeps φ defined where nobody can leave
SMALLEST_SHARE = 1e-9
NEWTON_STEPS = 8
CONVERGED = 3e-8  # the error left is of the order of the square of the last step
STOPPED = ROW[State.MAINTENANCE, State.TOXICITY]
PROGRESSED = ROW[State.MAINTENANCE, State.PROGRESSION]
PROGRESSED_AFTER = ROW[State.TOXICITY, State.PROGRESSION]
DEATHS = {state: ROW[state, State.DEATH] for state in list(State)[:-1]}
MALIGNANT = {
    state: (ROW[state, State.SPM_HAEMATOLOGIC], ROW[state, State.SPM_SOLID])
    for state in (State.MAINTENANCE, State.TOXICITY, State.PROGRESSION)
}
_M, _T, _P = INDEX[State.MAINTENANCE], INDEX[State.TOXICITY], INDEX[State.PROGRESSION]
_H, _S = INDEX[State.SPM_HAEMATOLOGIC], INDEX[State.SPM_SOLID]


class AfterProgression(Protocol):
    """Fills the shares out of `progression`, those out of the other states being known."""

    clipped: Array

    def prepare(self, first: int, increments: Array, moves: Moves) -> None:
        """Look ahead at a batch of cycles, (transitions, cycles, strategies, rows)."""

    def fill(self, k: int, j: int, occupancy: Array, moves: Moves) -> None:
        """Set the moves of `progression` in cycle k, number j of its batch."""


class MaintenanceRule:
    """Gives the engine each cycle's shares, prepared a batch of cycles at a time.

    All but mortality after progression is known before anybody moves; `batch` cycles are prepared together, which
    makes one row cheap and keeps many rows in the cache.
    """

    def __init__(self, columns: Columns, hazards: Hazards, window: Window, malignancies: Malignancies, stops: Stops):
        inputs, strategies = columns.inputs, columns.inputs.compared
        self.hazards, self.window, self.stops = hazards, window, stops
        self.length = float(hazards.boundaries[1])
        self.half_exposure = inputs.text("settings.within_cycle") == WithinCycle.HALF_CYCLE_EXPOSURE
        self.starting = columns.by_strategy("treatment.share_starting.", strategies)
        self.drug = OnTreatment(window, self.starting, stops.toxicity_rate, stops.other_rate)
        self.cohorts = (len(strategies), columns.rows)
        self.batch = int(np.clip(BATCH_SIZE // (2 * len(strategies) * columns.rows), 1, 64)) * 2
        self.increments = np.zeros((len(MAINTENANCE_MODEL.transitions), self.batch, *self.cohorts))
        self.moves = Moves.empty(MAINTENANCE_MODEL, (self.batch, *self.cohorts))
        self.shares = Shares(*np.zeros((3, self.batch, *self.cohorts)))
        self.progression_free = np.ones((2, self.batch + 1, *self.cohorts))
        self.progression_free[1] = 0.0
        share = malignancies.haematologic
        self.off_drug = tuple(malignancies.off * part * self.length for part in (share, 1.0 - share))
        self.on_drug = tuple(malignancies.excess * part for part in (share, 1.0 - share))
        for state in (State.TOXICITY, State.PROGRESSION):
            for row, increment in zip(MALIGNANT[state], self.off_drug, strict=True):
                self.increments[row] = increment
        kinds = (("haematologic", State.SPM_HAEMATOLOGIC), ("solid", State.SPM_SOLID))
        self.excess = {state: columns.number(f"spm.excess_death.{kind}") * self.length for kind, state in kinds}
        self.after_progression = _after_progression(columns, hazards)

    def __call__(self, k: int, occupancy: Array) -> Moves:
        """Shares of cycle k."""
        j = k % self.batch
        if j == 0:
            self._prepare(k)
        moves = self.moves.cycle(j)
        self.after_progression.fill(k, j, occupancy, moves)
        return moves

    def _prepare(self, first: int) -> None:
        """Increments and shares of the next batch."""
        size = min(self.batch, self.hazards.cycles - first)
        span = slice(first, first + size)
        increments, background = self.increments[:, :size], self.hazards.background[span]
        self.shares = shares = self.drug.cycles(first, size)
        increments[STOPPED] = shares.toxicity
        increments[PROGRESSED] = self.stops.maintenance_progression[span]
        increments[PROGRESSED_AFTER] = self.stops.toxicity_progression[span]
        exposed = shares.mean * self.window.exposed[span, :, None]
        for row, off, on in zip(MALIGNANT[State.MAINTENANCE], self.off_drug, self.on_drug, strict=True):
            np.add(on * exposed, off, out=increments[row])
        for state in (State.MAINTENANCE, State.TOXICITY, State.PROGRESSION):
            increments[DEATHS[state]] = background
        for state, excess in self.excess.items():
            increments[DEATHS[state]] = background + excess
        self._without_malignancies(increments)
        self.moves.from_increments(MAINTENANCE_MODEL, self.increments)
        self.after_progression.prepare(first, self.increments, self.moves)

    def _without_malignancies(self, increments: Array) -> None:
        """Advance the progression-free cohort with the same hazards, second malignancies left out."""
        size = increments.shape[1]
        on, stopped = self.progression_free
        if self.started:
            on[0], stopped[0] = on[self.filled], stopped[self.filled]
        self.started, self.filled = True, size
        stays = increments[STOPPED] + increments[PROGRESSED] + increments[DEATHS[State.MAINTENANCE]]
        half = np.exp(-0.5 * (increments[PROGRESSED_AFTER] + increments[DEATHS[State.TOXICITY]]))
        stay = np.exp(-stays)
        moved = increments[STOPPED] * ((1.0 - stay) / np.maximum(stays, SMALLEST_TOTAL))
        if self.half_exposure:
            moved *= half
        half *= half
        for j in range(size):
            np.multiply(on[j], stay[j], out=on[j + 1])
            np.multiply(stopped[j], half[j], out=stopped[j + 1])
            stopped[j + 1] += on[j] * moved[j]

    started = False
    filled = 0


def _after_progression(columns: Columns, hazards: Hazards) -> AfterProgression:
    alternative = columns.inputs.text("settings.post_progression")
    if alternative == PostProgression.OVERALL_SURVIVAL:
        half_exposure = columns.inputs.text("settings.within_cycle") == WithinCycle.HALF_CYCLE_EXPOSURE
        return DeathsMeetOverallSurvival(hazards, half_exposure)
    if alternative == PostProgression.TIME_SINCE_PROGRESSION:
        return TimeSinceProgression(columns, hazards)
    return ExcessRate(columns, hazards)


class ExcessRate:
    """`rate`: the background plus a constant excess, common or by strategy."""

    def __init__(self, columns: Columns, hazards: Hazards):
        strategies = columns.inputs.compared
        if columns.inputs.text("settings.post_progression_rate") == PostProgressionRate.COMMON:
            rate = columns.number("post_progression.excess_rate.common")[None]
        else:
            rate = columns.by_strategy("post_progression.excess_rate.", strategies)
        self.excess = rate * hazards.boundaries[1]
        self.clipped = np.zeros(1)

    def prepare(self, first: int, increments: Array, moves: Moves) -> None:
        """Set the moves of `progression` for the whole batch."""
        del first
        increments[DEATHS[State.PROGRESSION]] += self.excess
        moves.from_increments(MAINTENANCE_MODEL, increments, State.PROGRESSION)

    def fill(self, k: int, j: int, occupancy: Array, moves: Moves) -> None:
        """Nothing is left to do: the rate does not depend on who is where."""


class DeathsMeetOverallSurvival:
    """`overall_survival`: the death increment d of `progression` for which all deaths of the cycle bring the
    cohort to the OS curve, floored at the background.

    With y = d + σ (σ the exits to second malignancies) and w the share of those who then die in the same cycle,
    D(d) = D₀ + x·[(1 − e^−y) − (σ − w)·φ(y)] + e·(d/2)·φ(y/2) is increasing and concave. d stays in [ΔB, 40];
    cycles at a limit are counted.
    """

    def __init__(self, hazards: Hazards, half_exposure: bool):
        assert hazards.overall is not None
        self.exposed = 1.0 if half_exposure else 0.0
        self.target = survival_from_increments(hazards.overall)
        self.background = hazards.background
        self.clipped = np.zeros(1)
        self.increments = self.sigma = self.lost = self.dying = self.entering = np.zeros(0)

    def prepare(self, first: int, increments: Array, moves: Moves) -> None:
        """Per head in each state: deaths of the cycle that do not depend on d, and entrants to `progression`."""
        del first
        move, die_after = moves.move, self.exposed * moves.half_move
        stops = die_after[DEATHS[State.TOXICITY]]
        malignant = [die_after[DEATHS[state]] for state in (State.SPM_HAEMATOLOGIC, State.SPM_SOLID)]
        dying = np.zeros((5, *move.shape[1:]))
        for state in (State.MAINTENANCE, State.TOXICITY, State.SPM_HAEMATOLOGIC, State.SPM_SOLID):
            dying[INDEX[state]] = move[DEATHS[state]]
        dying[_M] += move[STOPPED] * stops
        for state in (State.MAINTENANCE, State.TOXICITY):
            for row, die in zip(MALIGNANT[state], malignant, strict=True):
                dying[INDEX[state]] += move[row] * die
        self.dying, self.entering = dying, move[[PROGRESSED, PROGRESSED_AFTER]]
        haematologic, solid = (increments[row] for row in MALIGNANT[State.PROGRESSION])
        self.sigma = haematologic + solid
        self.lost = self.sigma - haematologic * malignant[0] - solid * malignant[1]
        self.increments = increments

    def fill(self, k: int, j: int, occupancy: Array, moves: Moves) -> None:
        """Solve for the death increment and set the moves of `progression`."""
        x = occupancy[_P]
        entering = (self.entering[:, j] * occupancy[:_P]).sum(axis=0)
        needed = 1.0 - occupancy[-1] - self.target[k + 1] - (self.dying[:, j] * occupancy[:-1]).sum(axis=0)
        low = self.background[k]
        d = _newton(needed, x, self.exposed * entering, self.sigma[j], self.lost[j], low)
        self.clipped = self.clipped + (((d <= low) | (d >= LARGEST_INCREMENT)) & (x + entering > 1e-9))
        increments = self.increments[:, j]
        increments[DEATHS[State.PROGRESSION]] = d
        moves.from_increments(MAINTENANCE_MODEL, increments, State.PROGRESSION)


def _newton(needed: Array, x: Array, entering: Array, sigma: Array, lost: Array, low: Array) -> Array:
    """Solve D(d) = needed for d in [low, 40]; `lost` is σ − w.

    Starts from the root for small σ, which has a closed form: with z = e^(−d/2), x·z² + e·z = x + e − needed·(1 + σ/2).
    At most eight Newton steps; it stops once every row has converged, nearly always after one or two.
    """
    left = np.maximum(x + entering - needed * (1.0 + 0.5 * sigma), 0.0)
    z = 2.0 * left / np.maximum(entering + np.sqrt(entering * entering + 4.0 * x * left), SMALLEST_TOTAL)
    d = np.minimum(np.maximum(-2.0 * np.log(np.maximum(z, SMALLEST_SHARE)), low), LARGEST_INCREMENT)
    for _ in range(NEWTON_STEPS):
        y = np.maximum(d + sigma, SMALLEST_TOTAL)
        half = -np.expm1(-0.5 * y)
        kept = 1.0 - half
        half_phi = half / y  # φ(y/2)/2
        phi = half_phi * (1.0 + kept)
        shortfall = needed - x * (y - lost) * phi - entering * d * half_phi
        slope = x * (kept * kept - lost * (kept * kept - phi) / y)
        slope += entering * (half_phi + d * (0.5 * kept - half_phi) / y)
        following = np.minimum(np.maximum(d + shortfall / np.maximum(slope, 1e-300), low), LARGEST_INCREMENT)
        moved = np.abs(following - d).max()
        d = following
        if moved < CONVERGED:
            break
    return np.asarray(d)


class TimeSinceProgression:
    """`time_since_progression`: a survival curve from progression, by the cycle of entry (tunnel states).

    Entrants survive S(Δ/2), then S((j + 1½)Δ)/S((j + ½)Δ); with one move a cycle they enter with clock 0 at its
    end. The curve is all-cause, floored at the background, or an excess on top of it.
    """

    def __init__(self, columns: Columns, hazards: Hazards):
        inputs = columns.inputs
        self.length = float(hazards.boundaries[1])
        self.half_exposure = inputs.text("settings.within_cycle") == WithinCycle.HALF_CYCLE_EXPOSURE
        shift = 0.5 * self.length if self.half_exposure else 0.0
        ages = np.concatenate([[0.0], hazards.boundaries + shift])
        months = (ages * MONTHS_PER_YEAR)[:, None]
        curves = [strategy_hazard(columns, Endpoint.POST_PROGRESSION, s, months) for s in inputs.compared]
        total = np.stack(np.broadcast_arrays(*curves), axis=1)
        self.entry = total[1] - total[0]
        self.by_age = np.maximum(np.diff(total[1:], axis=0), 0.0)
        self.all_cause = inputs.text("settings.post_progression_mortality") == PostProgressionMortality.ALL_CAUSE
        self.background = hazards.background
        self.inside = np.zeros((hazards.cycles, len(inputs.compared), columns.rows))
        self.clipped = np.zeros(1)
        self.others: list[Array] = []

    def prepare(self, first: int, increments: Array, moves: Moves) -> None:
        """Keep the exits to second malignancies, which do not depend on time since progression."""
        del first, moves
        self.others = [increments[row, 0] for row in MALIGNANT[State.PROGRESSION]]

    def _deaths(self, curve: Array, background: Array) -> Array:
        return np.maximum(curve, background) if self.all_cause else curve + background

    def fill(self, k: int, j: int, occupancy: Array, moves: Moves) -> None:
        """Set the moves of `progression` as the average over its tunnels, and those of entrants."""
        if k:
            self.inside[k - 1] = np.maximum(occupancy[_P] - self.inside[: k - 1].sum(axis=0), 0.0)
        background, rows, others = self.background[k], MALIGNANT[State.PROGRESSION], self.others
        entrants = self._deaths(self.entry, 0.5 * background)
        total = entrants + 0.5 * (others[0] + others[1])
        phi = special.exprel(-total)
        moves.half_stay[_P] = np.exp(-total)
        moves.half_move[DEATHS[State.PROGRESSION]] = entrants * phi
        for row, other in zip(rows, others, strict=True):
            moves.half_move[row] = 0.5 * other * phi
        inside = self.inside[:k]
        present = np.maximum(occupancy[_P], 1e-300)
        deaths = self._deaths(self.by_age[:k][::-1], background)
        total = deaths + (others[0] + others[1])
        leaving = inside * special.exprel(-total)
        moves.move[DEATHS[State.PROGRESSION]] = (leaving * deaths).sum(axis=0) / present
        for row, other in zip(rows, others, strict=True):
            moves.move[row] = other * leaving.sum(axis=0) / present
        inside *= np.exp(-total)
        moves.stay[_P] = inside.sum(axis=0) / present

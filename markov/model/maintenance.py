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
from markov.model.treatment import Malignancies, OnTreatment, Stops, Window
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
SMALLEST_TOTAL = 1e-12  # keeps φ defined where nobody can leave
NEWTON_STEPS = 8
CONVERGED = 1e-8  # the error left is of the order of the square of the last step
STOPPED = ROW[State.MAINTENANCE, State.TOXICITY]
PROGRESSED = ROW[State.MAINTENANCE, State.PROGRESSION]
PROGRESSED_AFTER = ROW[State.TOXICITY, State.PROGRESSION]
DEATHS = {state: ROW[state, State.DEATH] for state in list(State)[:-1]}
MALIGNANT = {
    state: (ROW[state, State.SPM_HAEMATOLOGIC], ROW[state, State.SPM_SOLID])
    for state in (State.MAINTENANCE, State.TOXICITY, State.PROGRESSION)
}
OTHERS = (State.MAINTENANCE, State.TOXICITY, State.SPM_HAEMATOLOGIC, State.SPM_SOLID)
_M, _T, _P = INDEX[State.MAINTENANCE], INDEX[State.TOXICITY], INDEX[State.PROGRESSION]
_H, _S = INDEX[State.SPM_HAEMATOLOGIC], INDEX[State.SPM_SOLID]


class AfterProgression(Protocol):
    """Fills the shares out of `progression` for cycle k, those out of the other states being known."""

    clipped: Array

    def fill(self, k: int, occupancy: Array, increments: Array, moves: Moves) -> None:
        """Set the moves of `progression`."""


class MaintenanceRule:
    """Gives the engine each cycle's shares; keeps the share on drug, and the cohort net of second malignancies."""

    def __init__(self, columns: Columns, hazards: Hazards, window: Window, malignancies: Malignancies, stops: Stops):
        inputs, strategies = columns.inputs, columns.inputs.compared
        self.hazards, self.window, self.stops = hazards, window, stops
        self.length = float(hazards.boundaries[1])
        self.half_exposure = inputs.text("settings.within_cycle") == WithinCycle.HALF_CYCLE_EXPOSURE
        self.starting = columns.by_strategy("treatment.share_starting.", strategies)
        self.drug = OnTreatment(window, self.starting, stops.toxicity_rate, stops.other_rate, self.length)
        self.cohorts = (len(strategies), columns.rows)
        self.increments = np.zeros((len(MAINTENANCE_MODEL.transitions), *self.cohorts))
        self.moves = Moves.empty(MAINTENANCE_MODEL, self.cohorts)
        self.treated = np.zeros(self.cohorts)
        self.progression_free = np.ones(self.cohorts)
        self.progression_free_stopped = np.zeros(self.cohorts)
        self._malignancy_rates(malignancies)
        kinds = (("haematologic", State.SPM_HAEMATOLOGIC), ("solid", State.SPM_SOLID))
        self.excess = {state: columns.number(f"spm.excess_death.{kind}") * self.length for kind, state in kinds}
        self.after_progression = _after_progression(columns, hazards)

    def _malignancy_rates(self, malignancies: Malignancies) -> None:
        share = malignancies.haematologic
        self.off_drug = tuple(malignancies.off * part * self.length for part in (share, 1.0 - share))
        self.on_drug = tuple(malignancies.excess * part for part in (share, 1.0 - share))
        for state in (State.TOXICITY, State.PROGRESSION):
            for row, increment in zip(MALIGNANT[state], self.off_drug, strict=True):
                self.increments[row] = increment

    @property
    def off_treatment_malignancy(self) -> Array:
        """Second-malignancy increment of a cycle off treatment, both kinds."""
        return np.asarray(self.off_drug[0] + self.off_drug[1])

    def __call__(self, k: int, occupancy: Array) -> Moves:
        """Shares of cycle k."""
        increments, background = self.increments, self.hazards.background[k]
        toxicity, mean_share = self.drug.cycle(k)
        exposed = mean_share * self.window.exposed[k][:, None]
        increments[STOPPED] = toxicity
        increments[PROGRESSED] = self.stops.maintenance_progression[k]
        increments[PROGRESSED_AFTER] = self.stops.toxicity_progression[k]
        for row, off, on in zip(MALIGNANT[State.MAINTENANCE], self.off_drug, self.on_drug, strict=True):
            np.add(on * exposed, off, out=increments[row])
        increments[DEATHS[State.MAINTENANCE]] = background
        increments[DEATHS[State.TOXICITY]] = background
        for state, excess in self.excess.items():
            increments[DEATHS[state]] = background + excess
        self.treated = mean_share * (self.window.inside[k][:, None] / self.length)
        self._without_malignancies(k, toxicity)
        self.moves.from_increments(MAINTENANCE_MODEL, increments, OTHERS)
        self.after_progression.fill(k, occupancy, increments, self.moves)
        return self.moves

    def _without_malignancies(self, k: int, toxicity: Array) -> None:
        """Advance the progression-free cohort with the same hazards, second malignancies left out."""
        background = self.hazards.background[k]
        stays = self.stops.maintenance_progression[k] + background + toxicity
        leaves = self.stops.toxicity_progression[k] + background
        half = np.exp(-0.5 * leaves)
        moved = self.progression_free * toxicity * special.exprel(-stays)
        self.progression_free_stopped *= half * half
        self.progression_free_stopped += moved * half if self.half_exposure else moved
        self.progression_free *= np.exp(-stays)


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
        self.background = hazards.background
        self.clipped = np.zeros(1)

    def fill(self, k: int, occupancy: Array, increments: Array, moves: Moves) -> None:
        """Set the moves of `progression`."""
        increments[DEATHS[State.PROGRESSION]] = self.background[k] + self.excess
        moves.from_increments(MAINTENANCE_MODEL, increments, (State.PROGRESSION,))


class DeathsMeetOverallSurvival:
    """`overall_survival`: the death increment d of `progression` for which all deaths of the cycle bring the
    cohort to the OS curve, floored at the background.

    With y = d + σ (σ the exits to second malignancies) and w the share of those who then die in the same cycle,
    D(d) = D₀ + x·[(1 − e^−y) − (σ − w)·φ(y)] + e·(d/2)·φ(y/2) is increasing and concave: Newton's steps from ΔB
    rise to the root. d stays in [ΔB, 40]; cycles at a limit are counted.
    """

    def __init__(self, hazards: Hazards, half_exposure: bool):
        assert hazards.overall is not None
        self.entrants_exposed = 1.0 if half_exposure else 0.0
        self.target = survival_from_increments(hazards.overall)
        self.background = hazards.background
        self.clipped = np.zeros(hazards.overall.shape[1:])

    def fill(self, k: int, occupancy: Array, increments: Array, moves: Moves) -> None:
        """Solve for the death increment and set the moves of `progression`."""
        x = occupancy[_P]
        entering = moves.move[PROGRESSED] * occupancy[_M] + moves.move[PROGRESSED_AFTER] * occupancy[_T]
        entering *= self.entrants_exposed
        needed = 1.0 - occupancy[-1] - self.target[k + 1] - self._deaths_elsewhere(occupancy, moves)
        haematologic, solid = (increments[row] for row in MALIGNANT[State.PROGRESSION])
        sigma = haematologic + solid
        die_after = haematologic * moves.half_move[DEATHS[State.SPM_HAEMATOLOGIC]]
        die_after += solid * moves.half_move[DEATHS[State.SPM_SOLID]]
        die_after *= self.entrants_exposed
        low = self.background[k]
        d = _newton(needed, x, entering, sigma, sigma - die_after, low)
        clipped = (d <= low) | (d >= LARGEST_INCREMENT)
        clipped &= (x + entering) > 1e-9
        self.clipped = self.clipped + clipped
        increments[DEATHS[State.PROGRESSION]] = d
        moves.from_increments(MAINTENANCE_MODEL, increments, (State.PROGRESSION,))

    def _deaths_elsewhere(self, occupancy: Array, moves: Moves) -> Array:
        """Deaths of the cycle that do not depend on d: from the other states, and of those entering them."""
        deaths = moves.move[DEATHS[State.MAINTENANCE]] * occupancy[_M]
        deaths += moves.move[DEATHS[State.TOXICITY]] * occupancy[_T]
        exposed = self.entrants_exposed
        deaths += exposed * moves.half_move[DEATHS[State.TOXICITY]] * (moves.move[STOPPED] * occupancy[_M])
        for column, state in enumerate((State.SPM_HAEMATOLOGIC, State.SPM_SOLID)):
            deaths += moves.move[DEATHS[state]] * occupancy[INDEX[state]]
            entering = moves.move[MALIGNANT[State.MAINTENANCE][column]] * occupancy[_M]
            entering += moves.move[MALIGNANT[State.TOXICITY][column]] * occupancy[_T]
            deaths += exposed * moves.half_move[DEATHS[state]] * entering
        return deaths


def _newton(needed: Array, x: Array, entering: Array, sigma: Array, lost: Array, low: Array) -> Array:
    """Solve D(d) = needed for d in [low, 40]; `lost` is σ − w. Stops early once every row has converged."""
    d = np.broadcast_to(low, needed.shape)
    for _ in range(NEWTON_STEPS):
        y = np.maximum(d + sigma, SMALLEST_TOTAL)
        half = -np.expm1(-0.5 * y)
        stay = (1.0 - half) ** 2
        phi = half * (2.0 - half) / y
        half_phi = half / y  # φ(y/2)/2
        value = x * (y - lost) * phi + entering * d * half_phi
        phi_slope = (stay - phi) / y
        slope = x * (stay - lost * phi_slope) + entering * (half_phi + d * (0.5 * (1.0 - half) - half_phi) / y)
        step = (needed - value) / np.maximum(slope, 1e-300)
        following = np.clip(d + step, low, LARGEST_INCREMENT)
        moved = np.max(np.abs(following - d))
        d = following
        if moved < CONVERGED:
            break
    return d


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

    def _deaths(self, curve: Array, background: Array) -> Array:
        return np.maximum(curve, background) if self.all_cause else curve + background

    def fill(self, k: int, occupancy: Array, increments: Array, moves: Moves) -> None:
        """Set the moves of `progression` as the average over its tunnels, and those of entrants."""
        if k:
            self.inside[k - 1] = np.maximum(occupancy[_P] - self.inside[: k - 1].sum(axis=0), 0.0)
        background, rows = self.background[k], MALIGNANT[State.PROGRESSION]
        others = [increments[row] for row in rows]
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

"""Mortality after progression, in three alternatives: a constant excess rate, a curve from progression (tunnel states),
and deaths that make the cohort follow an overall-survival curve.
"""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from scipy import special

from markov.model.hazards import strategy_hazard
from markov.model.preparation import Preparation
from markov.model.prepared import Malignant, Prepared, by_cycle, side_by_side
from markov.model.structure import MAINTENANCE_MODEL
from markov.model.transitions import Exit, Leaving, Moves, either, exit_of, in_half_a_cycle
from markov.survival.hazards import Flags
from markov.terms import (
    MONTHS_PER_YEAR,
    Array,
    Endpoint,
    PostProgression,
    PostProgressionMortality,
    PostProgressionRate,
    State,
)

INDEX = MAINTENANCE_MODEL.index
LARGEST_INCREMENT = 40.0
SMALLEST_TOTAL = 1e-300  # where nobody is or comes
SMALLEST_SHARE = float(np.exp(-0.5 * LARGEST_INCREMENT))  # of those inside that half a cycle leaves
HALLEY_STEPS = 8
ROUNDING = 1e-15  # deaths this few from a limit are at it
FEW = 1e-9
CLOSE = 3e-9  # the error left is of the order of the square of the step, over d
CONVERGED = 3e-7  # the error left is of the order of the cube of the last step
DIES = MAINTENANCE_MODEL.row[State.PROGRESSION, State.DEATH]
_M, _T, _P = INDEX[State.MAINTENANCE], INDEX[State.TOXICITY], INDEX[State.PROGRESSION]
_H, _S = INDEX[State.SPM_HAEMATOLOGIC], INDEX[State.SPM_SOLID]


class AfterProgression(Protocol):
    """Fills what leaves `progression`, the rest being known."""

    clipped: Array

    def prepare(self, first: int, p: Prepared) -> None:
        """Look ahead at a piece of cycles."""

    def fill(self, k: int, j: int, occupancy: Array, moves: Moves) -> None:
        """Set the deaths and the exit of `progression` in cycle k, number j of its piece."""


def after_progression(preparations: Sequence[Preparation], rows: Sequence[int]) -> AfterProgression:
    """The alternative that the workbook chose, for blocks of so many rows side by side."""
    first = preparations[0]
    cohorts = (first.cohorts[0], sum(rows))
    if first.alternative is PostProgression.OVERALL_SURVIVAL:
        off = side_by_side([preparation.off for preparation in preparations], rows)
        return DeathsMeetOverallSurvival(first.half_exposure, off, cohorts)
    if first.alternative is PostProgression.TIME_SINCE_PROGRESSION:
        curves = side_by_side([_since_progression(preparation) for preparation in preparations], rows)
        all_cause = (
            first.columns.inputs.text("settings.post_progression_mortality") == PostProgressionMortality.ALL_CAUSE
        )
        return TimeSinceProgression(*curves, all_cause, cohorts)
    return ExcessRate(side_by_side([_excess(preparation) for preparation in preparations], rows), cohorts)


def _excess(preparation: Preparation) -> Array:
    """Excess deaths a cycle under a constant rate, (strategies or 1, rows or 1)."""
    columns = preparation.columns
    if columns.inputs.text("settings.post_progression_rate") == PostProgressionRate.COMMON:
        return columns.number("post_progression.excess_rate.common")[None] * preparation.length
    return columns.by_strategy("post_progression.excess_rate.", columns.inputs.compared) * preparation.length


def _since_progression(preparation: Preparation) -> tuple[Array, Array]:
    """The curve's increments for entrants (strategies, rows) and by cycles since entry (cycles, strategies, rows)."""
    columns, boundaries = preparation.columns, preparation.hazards.boundaries
    shift = 0.5 * boundaries[1] if preparation.half_exposure else 0.0
    months = (np.concatenate([[0.0], boundaries + shift]) * MONTHS_PER_YEAR)[:, None]
    curves = [strategy_hazard(columns, Endpoint.POST_PROGRESSION, s, months) for s in columns.inputs.compared]
    total = np.stack(np.broadcast_arrays(*curves), axis=1)
    return total[1] - total[0], np.maximum(np.diff(total[1:], axis=0), 0.0)


class ExcessRate:
    """`rate`: the background plus a constant excess, common or by strategy."""

    def __init__(self, excess: Array, cohorts: tuple[int, int]):
        self.excess, self.taken = excess, in_half_a_cycle(excess)
        self.clipped = np.zeros(cohorts)
        self.deaths = np.zeros(0)

    def prepare(self, first: int, p: Prepared) -> None:
        """The exits of the whole piece."""
        del first
        self.deaths = p.background + self.excess
        p.exits[_P] = exit_of(self.deaths + p.off.total, either(either(p.died, self.taken), p.off.taken))

    def fill(self, k: int, j: int, occupancy: Array, moves: Moves) -> None:
        """The rate does not depend on who is where."""
        del k, occupancy
        moves.hazards[DIES] = self.deaths[j]


class DeathsMeetOverallSurvival:
    """`overall_survival`: the death increment d of `progression` for which all deaths of the cycle bring the
    cohort to the OS curve, floored at the background.

    With y = d + σ (σ the exits to second malignancies) and w the share of those who then die in the same cycle,
    D(d) = D₀ + x·[(1 − e^−y) − (σ − w)·φ(y)] + e·(d/2)·φ(y/2) is increasing and concave. d stays in [ΔB, 40];
    cycles at a limit are counted.
    """

    def __init__(self, half_exposure: bool, off: "Malignant", cohorts: tuple[int, int]):
        self.half_exposure = half_exposure
        self.clipped = np.zeros(cohorts)
        self.sigma, self.kept_off = off.total[0], off.taken.kept[0]
        self.start = _Start(self.sigma)
        self.survival: list[Array] = []
        self.background = self.kept = self.survival
        self.entering = self.die_later = (self.survival, self.survival)
        self.same_after = False
        self.dying: dict[int, list[Array]] = {}

    def prepare(self, first: int, p: Prepared) -> None:
        """Deaths of the cycle that do not depend on d, per head or per unit of what a state loses."""
        del first
        assert p.survival is not None
        shape = np.broadcast_shapes(p.survival.shape, *(p.exits[i].pace.shape for i in (_M, _T, _H, _S)))
        self.survival, self.background = by_cycle(p.survival, shape), by_cycle(p.background, shape)
        self.kept = by_cycle(p.died.kept, shape)
        self.entering = by_cycle(p.progression, shape), by_cycle(p.after, shape)
        self.same_after = p.after is p.progression
        dying = dying_after = np.zeros((1, 1, 1))
        if self.half_exposure:
            entrants = [dead.left for dead in p.dead.values()]
            dying_after = _products(p.off.kinds, entrants)
            dying = p.on.toxicity * (p.background * p.exits[_T].half_pace) + _products(p.on.malignant.kinds, entrants)
        self.die_later = by_cycle(dying, shape), by_cycle(dying_after, shape)
        self.dying = {i: by_cycle(1.0 - p.exits[i].stay, shape) for i in (_H, _S)}

    def fill(self, k: int, j: int, occupancy: Array, moves: Moves) -> None:
        """Solve for the death increment."""
        del k
        x, low = occupancy[_P], self.background[j]
        lost, lost_after = (occupancy[i] * moves.exits[i].pace for i in (_M, _T))
        moves.taken = {_M: lost, _T: lost_after}
        both = lost + lost_after
        entering = self._entering(j, lost, lost_after, both)
        needed = (1.0 - self.survival[j]) - occupancy[-1]
        both *= low
        needed -= both
        needed -= self.die_later[0][j] * lost
        needed -= self.die_later[1][j] * lost_after
        for i, dying in self.dying.items():
            needed -= dying[j] * occupancy[i]
        exposed = entering if self.half_exposure else np.zeros(())
        d, half = self._solve(needed, x, exposed, self.die_later[1][j], low, self.kept[j])
        self._count_clipped(d, low, x + entering)
        moves.hazards[DIES] = d
        moves.exits[_P] = exit_of(d + self.sigma, half)

    def _entering(self, j: int, lost: Array, lost_after: Array, both: Array) -> Array:
        """Entrants to `progression`."""
        progression, after = self.entering[0][j], self.entering[1][j]
        if self.same_after:
            return progression * both
        entering = progression * lost
        entering += after * lost_after
        return entering

    def _count_clipped(self, d: Array, low: Array, present: Array) -> None:
        """A limit counts where more than a billionth of the cohort is or comes."""
        room = d - low
        if d.max() > LARGEST_INCREMENT - 1.0:
            room = np.minimum(room, LARGEST_INCREMENT - d)
        if room.min() <= ROUNDING / FEW:
            clipped = room * present <= ROUNDING
            clipped &= present > FEW
            self.clipped += clipped

    def _solve(
        self, needed: Array, x: Array, entering: Array, die_later: Array, low: Array, kept_low: Array
    ) -> tuple[Array, Leaving]:
        """Solve D(d) = needed for d in [low, 40]; returns d and the shares that leave and stay in half a cycle.

        One step from a start in closed form, along the start's own slope, is nearly always enough: that slope is wrong
        by about a millionth. Otherwise Halley's steps follow.
        """
        z, slope = self.start(needed, x, entering, die_later, kept_low)
        d = np.log(z)
        d *= -2.0
        kept = z * self.kept_off  # e^(−y/2) without another exponential
        gone = 1.0 - kept
        dying = d + die_later
        dying *= x
        dying *= 1.0 + kept
        dying += entering * d
        dying *= gone
        dying /= d + self.sigma
        step = needed - dying
        step /= np.maximum(slope, 1e-30, out=slope)
        step += d
        np.minimum(np.maximum(step, low, out=step), LARGEST_INCREMENT, out=step)
        step, d = step - d, step
        far = np.abs(step) >= CLOSE
        step *= 0.5
        step *= kept
        gone += step  # 1 − e^(−y/2) after so small a step: the next term is 1e-18
        if far.any():
            d, gone = self._halley(far, d, gone, needed, x, entering, die_later, low)
        return d, Leaving(gone, 1.0 - gone)

    def _halley(
        self,
        far: Flags,
        d: Array,
        gone: Array,
        needed: Array,
        x: Array,
        entering: Array,
        die_later: Array,
        low: Array,
    ) -> tuple[Array, Array]:
        """At most eight of Halley's steps where d is still far, with the curvature of x·e^−y + ¼e·e^(−y/2).

        A row stays as it is once it is close, so that no result depends on the rows beside it.
        """
        gone, kept = np.where(far, in_half_a_cycle(d + self.sigma), (gone, 1.0 - gone))
        for _ in range(HALLEY_STEPS):
            y = d + self.sigma
            half_phi, both, half_kept = gone / y, 1.0 + kept, 0.5 * kept  # φ(y/2)/2, 1 + e^(−y/2), e^(−y/2)/2
            staying = x * (d + die_later)
            die = staying * both + entering * d
            slope = half_phi * (x * both - staying * half_kept + entering) + die * (half_kept - half_phi) / y
            slope = np.maximum(slope, 1e-30)
            step = (needed - half_phi * die) / slope
            step /= np.maximum(1.0 - step * half_kept * (x * kept + 0.25 * entering) / slope, 0.5)
            following = np.where(far, np.minimum(np.maximum(d + step, low), LARGEST_INCREMENT), d)
            step, d = following - d, following
            half = 0.5 * step  # e^(−y/2) after so small a step: the next term is 1e-21
            gone = gone + kept * (half - 0.5 * half * half)
            kept = 1.0 - gone
            far &= np.abs(step) >= CONVERGED
            if not far.any():
                break
            gone, kept = np.where(far, in_half_a_cycle(d + self.sigma), (gone, kept))
        return d, gone


class _Start:
    """The death increment to within about 1e-9, in closed form, for few second malignancies.

    With z = e^(−d/2), what a head in `progression` adds to deaths, (d + w)·φ(d + σ), is taken as a·(1 − z²) +
    b·(1 − z) + w·e^(−σ/2)·z with a = 1 − 5σ/6 + σ²/3 and b = 2σ/3 − σ²/3, right to the order of d² and σ²; what an
    entrant adds, (d/2)·φ((d + σ)/2), as c·(1 − z), c = 1 − σ/4 + σ²/24. All deaths are then a quadratic in z.
    """

    def __init__(self, sigma: Array):
        s = np.minimum(sigma, 1.0)  # beyond it the series are of no use and may have the wrong sign
        self.square, self.linear = 1.0 - 5.0 / 6.0 * s + s * s / 3.0, 2.0 / 3.0 * s - s * s / 3.0
        self.entrants = 1.0 - s / 4.0 + s * s / 24.0
        self.no_malignancy = np.exp(-0.5 * s)

    def __call__(
        self, needed: Array, x: Array, entering: Array, die_later: Array, kept_low: Array
    ) -> tuple[Array, Array]:
        """z = e^(−d/2), and the slope of deaths in d there.

        A·z² + (B − W)·z = A + B − needed with A = a·x, B = b·x + c·e, W = w·e^(−σ/2)·x; the slope is z times half
        the root of the discriminant.
        """
        square, linear = self.square * x, self.linear * x
        linear += self.entrants * entering
        left = square + linear
        left -= needed
        np.maximum(left, 0.0, out=left)
        half = x * die_later
        half *= self.no_malignancy
        np.subtract(linear, half, out=half)
        half *= 0.5
        square *= left
        square += half * half
        root = np.sqrt(square, out=square)
        half += root
        left /= np.maximum(half, SMALLEST_TOTAL, out=half)
        z = np.minimum(np.maximum(left, SMALLEST_SHARE, out=left), kept_low, out=left)
        root *= z
        return z, root


def _products(first: list[Array], second: list[Array]) -> Array:
    return first[0] * second[0] + first[1] * second[1]


class TimeSinceProgression:
    """`time_since_progression`: a survival curve from progression, by the cycle of entry (tunnel states).

    Entrants survive S(Δ/2), then S((j + 1½)Δ)/S((j + ½)Δ); with one move a cycle they enter with clock 0 at its
    end. The curve is all-cause, floored at the background, or an excess on top of it.
    """

    def __init__(self, entry: Array, by_age: Array, all_cause: bool, cohorts: tuple[int, int]):
        self.entry, self.by_age, self.all_cause = entry, by_age, all_cause
        self.inside = np.zeros((len(by_age), *cohorts))
        self.clipped = np.zeros(cohorts)
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
        background, row = self.background[j], DIES
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

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
from markov.model.transitions import (
    NOBODY_LEAVES,
    Exit,
    Leaving,
    Moves,
    alike,
    either,
    exit_of,
    exit_of_origin,
    in_half_a_cycle,
)
from markov.model.treatment import Malignancies, OnTreatment, Shares, Stops, Window, first_if_alike, same
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
BATCH = 32  # cycles, at least, whose payoffs are added together
SMALLEST_TOTAL = 1e-300  # where nobody is or comes
SMALLEST_SHARE = float(np.exp(-0.5 * LARGEST_INCREMENT))  # of those inside that half a cycle leaves
HALLEY_STEPS = 8
ROUNDING = 1e-15  # deaths this few from a limit are at it
FEW = 1e-9
CLOSE = 3e-9  # the error left is of the order of the square of the step, over d
CONVERGED = 3e-7  # the error left is of the order of the cube of the last step
NOT_YET_KNOWN = np.zeros((1, 1, 1))
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
        self.excess = {state: (rate, in_half_a_cycle(rate)) for state, rate in excess.items()}
        self.after_progression = _after_progression(columns, hazards, self.off)
        self.first = self.next = 0
        self.moves: list[Moves] = []
        self._known: tuple[Shares, Array, _OnDrug] | None = None
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

    def _on_drug(self, shares: Shares, exposed: Array) -> "_OnDrug":
        """Stops and second malignancies in `maintenance`, made anew only when the share on drug changes."""
        exposed = first_if_alike(exposed)
        if self._known is None or shares is not self._known[0] or not same(exposed, self._known[1]):
            mean = shares.mean * exposed
            malignant = [excess * mean + off for excess, off in zip(self.excess_on_drug, self.off_drug, strict=True)]
            self._known = shares, exposed, _OnDrug(shares.toxicity, _Malignant(malignant))
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
            filled = {place: _filled(values, shape) for place, values in used.items()}
            hazards = [filled[id(values)] for values in hazards]
            exits = [Exit(*[filled[id(part)] for part in exit_]) for exit_ in exits]
        return [
            Moves(
                MAINTENANCE_MODEL,
                [values[j] for values in hazards],
                [Exit(*[part[j] if part.ndim else part for part in exit_]) for exit_ in exits],
                alike=self.alike,
            )
            for j in range(shape[0])
        ]


def _filled(values: Array, shape: tuple[int, ...]) -> Array:
    """Few rows are filled up to one shape: broadcasting takes twice as long on them, and costs nothing on many."""
    return np.ascontiguousarray(np.broadcast_to(values, shape))


def _joined(parts: list[tuple[int, Array]]) -> Array:
    """Consecutive pieces end to end, from (cycles, what holds in each or in all of them)."""
    _, first = parts[0]
    if len(first) == 1 and all(values is first for _, values in parts):
        return np.broadcast_to(first, (sum(size for size, _ in parts), *first.shape[1:]))
    return np.concatenate([np.broadcast_to(values, (size, *values.shape[1:])) for size, values in parts])


def _by_cycle(values: Array, shape: tuple[int, ...]) -> list[Array]:
    """The cycles of a piece of a shape (cycles, strategies, rows)."""
    return [values[0]] if shape[0] == 1 else list(_filled(values, shape))


class _Malignant:
    """Second malignancies in a state: increments by kind and in all, and the shares they leave in half a cycle."""

    def __init__(self, kinds: list[Array]):
        self.kinds = kinds
        self.total = kinds[0] + kinds[1]
        self.taken = in_half_a_cycle(self.total)


class _OnDrug:
    """What leaves `maintenance` besides progression and death: stops for toxicity, and second malignancies.

    `stopped` by the former, `taken` by both: shares in a whole cycle.
    """

    def __init__(self, toxicity: Array, malignant: _Malignant):
        self.toxicity, self.malignant = toxicity, malignant
        self.stopped = in_half_a_cycle(toxicity).twice
        self.total = toxicity + malignant.total
        self.taken = either(self.stopped, malignant.taken.twice)


class Prepared:
    """A piece of cycles before anybody moves, (cycles, strategies, rows): increments and exits by state.

    `ending` is progression or death out of `maintenance`, `ended` the shares it leaves in a whole cycle;
    `ended_after` the same out of `toxicity` in half a cycle; `died` in half a cycle of background mortality. `deaths`
    are those out of second malignancies, `dead` the shares that they leave in half a cycle.
    """

    def __init__(
        self,
        piece: Piece,
        off: _Malignant,
        on: _OnDrug,
        excess: dict[State, tuple[Array, Leaving]],
        progression: Array,
        after: Array,
        ending: Array,
        ending_after: Array,
    ):
        self.background, self.survival, self.off, self.on = piece.background, piece.survival, off, on
        self.progression, self.after, self.ending = progression, after, ending
        self.died = in_half_a_cycle(piece.background)
        self.ended_after = in_half_a_cycle(ending_after)
        same = ending is ending_after
        self.ended_whole_after = self.ended_after.twice
        self.ended = self.ended_whole_after if same else in_half_a_cycle(ending).twice
        self.deaths = {state: piece.background + rate for state, (rate, _) in excess.items()}
        self.dead = {state: either(self.died, by_excess) for state, (_, by_excess) in excess.items()}
        self.exits = [NOBODY_LEAVES] * len(INDEX)
        self.exits[_M] = exit_of_origin(ending + on.total, either(self.ended, on.taken))
        self.exits[_T] = exit_of(ending_after + off.total, either(self.ended_after, off.taken))
        for state, deaths in self.deaths.items():
            self.exits[INDEX[state]] = exit_of(deaths, self.dead[state])


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
        return DeathsMeetOverallSurvival(half_exposure, off, (len(columns.inputs.compared), columns.rows))
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
        self.taken = in_half_a_cycle(self.excess)
        self.clipped = np.zeros(1)
        self.deaths = np.zeros(0)

    def prepare(self, first: int, p: Prepared) -> None:
        """The exits of the whole piece."""
        del first
        self.deaths = p.background + self.excess
        p.exits[_P] = exit_of(self.deaths + p.off.total, either(either(p.died, self.taken), p.off.taken))

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

    def __init__(self, half_exposure: bool, off: "_Malignant", cohorts: tuple[int, int]):
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
        shape = p.exits[_M].pace.shape
        self.survival, self.background = _by_cycle(p.survival, shape), _by_cycle(p.background, shape)
        self.kept = _by_cycle(p.died.kept, shape)
        self.entering = _by_cycle(p.progression, shape), _by_cycle(p.after, shape)
        self.same_after = p.after is p.progression
        dying = dying_after = np.zeros((1, 1, 1))
        if self.half_exposure:
            entrants = [dead.left for dead in p.dead.values()]
            dying_after = _products(p.off.kinds, entrants)
            dying = p.on.toxicity * (p.background * p.exits[_T].half_pace) + _products(p.on.malignant.kinds, entrants)
        self.die_later = _by_cycle(dying, shape), _by_cycle(dying_after, shape)
        self.dying = {i: _by_cycle(1.0 - p.exits[i].stay, shape) for i in (_H, _S)}

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
        moves.hazards[DEATHS[State.PROGRESSION]] = d
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
        if np.abs(step).max() >= CLOSE:
            return self._halley(d, needed, x, entering, die_later, low)
        step *= 0.5
        step *= kept
        gone += step  # 1 − e^(−y/2) after so small a step: the next term is 1e-18
        return d, Leaving(gone, 1.0 - gone)

    def _halley(
        self, d: Array, needed: Array, x: Array, entering: Array, die_later: Array, low: Array
    ) -> tuple[Array, Leaving]:
        """At most eight of Halley's steps, with the curvature of the leading terms, x·e^−y + ¼e·e^(−y/2)."""
        gone, kept = in_half_a_cycle(d + self.sigma)
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
                gone += kept * (half - 0.5 * half * half)
                return d, Leaving(gone, 1.0 - gone)
            gone, kept = in_half_a_cycle(d + self.sigma)
        return d, Leaving(gone, kept)


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

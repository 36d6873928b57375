"""Who is on drug: the treatment window, stops for toxicity and other reasons, and progression after stopping.

With λ the toxicity hazard, ω other stops, a = λ + ω and δ the part of a cycle inside the window, of those in
`maintenance` on = s·e^(−aδ) stay on drug and off = 1 − s + s·(ω/a)·(1 − e^(−aδ)) are in it off drug; the
toxicity increment is −ln(on + off) and the share on drug becomes on/(on + off).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy import special

from markov.inputs.parameters import Columns
from markov.model.hazards import HazardStream
from markov.survival.hazards import rate_from_incidence
from markov.terms import AfterStopping, Array, WithinCycle

NEWTON_STEPS = 8
CONVERGED = 1e-9  # a Newton step this small leaves an error of its square


@dataclass(frozen=True)
class Window:
    """When each strategy's drug may be given, and the parts of cycles inside: (cycles, strategies) or (strategies,).

    `begin` and `finish` bound the part of the cycle in the window, `inside` is its length; `exposed` the
    length in which second malignancies carry the excess, after the lag.
    """

    start: Array
    stop: Array
    begin: Array
    finish: Array
    inside: Array
    exposed: Array

    @classmethod
    def of(cls, columns: Columns, boundaries: Array) -> "Window":
        """The windows of all compared strategies; starts, stops and lags are choices, never sampled."""
        inputs = columns.inputs
        strategies = inputs.compared
        sampled = [
            i for i in columns.block if i.startswith(("treatment.start.", "treatment.planned_stop.", "spm.lag."))
        ]
        if sampled:
            raise ValueError(f"{sampled[0]} is a choice of method and cannot vary by row")
        start = np.array([inputs.number(f"treatment.start.{s}") for s in strategies])
        stop = np.array(
            [
                inputs.number(f"treatment.planned_stop.{s}") if inputs.given(f"treatment.planned_stop.{s}") else np.inf
                for s in strategies
            ]
        )
        lag = np.array([inputs.number(f"spm.lag.{s}") for s in strategies])
        left, right = boundaries[:-1, None], boundaries[1:, None]
        begin = np.clip(start, left, right)
        finish = np.maximum(np.clip(stop, left, right), begin)
        late = np.clip(start + lag, left, right)
        inside, exposed = finish - begin, np.maximum(finish - late, 0.0)
        whole = finish == right  # whole cycles have one length, free of the boundaries' rounding, to be known as alike
        inside = np.where(whole & (begin == left), boundaries[1], inside)
        exposed = np.where(whole & (late == left), boundaries[1], exposed)
        return cls(start, stop, begin, finish, inside, exposed)


@dataclass(frozen=True)
class Shares:
    """On treatment in consecutive cycles, each (cycles, strategies, rows), or (1, …) where they are all alike.

    `toxicity` increments of stops for toxicity; of `maintenance`, the share on drug at the `begin` and `finish` of
    the part of the cycle inside the window.
    """

    toxicity: Array
    begin: Array
    finish: Array

    @property
    def mean(self) -> Array:
        """Mean share on drug in the part inside the window."""
        return 0.5 * (self.begin + self.finish)


class OnTreatment:
    """Share of `maintenance` on drug, cycle by cycle, for given stop rates (strategies, rows) per year."""

    def __init__(self, window: Window, starting: Array, toxicity_rate: Array, other_rate: Array):
        self.window, self.starting = window, starting
        self.toxicity_rate, self.other_rate = toxicity_rate, other_rate
        shape = np.broadcast_shapes(toxicity_rate.shape, other_rate.shape, starting.shape)
        self.share = np.zeros(shape)
        total = toxicity_rate + other_rate
        self.fraction = np.divide(other_rate, total, out=np.zeros(shape), where=total > 0)
        self.simple = stops_are_simple(other_rate, starting)
        self._last: tuple[Array, Shares] | None = None

    def cycles(self, first: int, size: int) -> Shares:
        """The next cycles, in order."""
        inside = self.window.inside[first : first + size, :, None]
        if self.simple:
            return self._all_or_nothing(first_if_alike(inside))
        parts = np.zeros((3, size, *self.share.shape))
        for j in range(size):
            if inside[j].any():
                parts[:, j] = self._cycle(first + j, inside[j])
        return Shares(*parts)

    def _all_or_nothing(self, inside: Array) -> Shares:
        """Whoever starts stays on drug until toxicity; the same object comes back while nothing changes."""
        if self._last is None or not same(self._last[0], inside):
            share = np.where(inside > 0, self.starting, 0.0)
            self._last = inside, Shares(self.toxicity_rate * inside * (share > 0), share, share)
        return self._last[1]

    def _cycle(self, k: int, inside: Array) -> tuple[Array, Array, Array]:
        begins = (self.window.begin[k] == self.window.start) & (inside[:, 0] > 0)
        begin = np.where(begins[:, None], self.starting, self.share)
        keep = np.exp(-(self.toxicity_rate + self.other_rate) * inside)
        on, off = begin * keep, 1.0 - begin + begin * self.fraction * (1.0 - keep)
        self.share = np.where(inside > 0, on / (on + off), begin)
        return -np.log(on + off), np.where(inside > 0, begin, 0.0), np.where(inside > 0, self.share, 0.0)


def first_if_alike(cycles: Array) -> Array:
    """The first of several cycles, where all are equal; else all of them."""
    return cycles[:1] if len(cycles) > 1 and (cycles == cycles[0]).all() else cycles


def same(first: Array, second: Array) -> bool:
    """Whether two arrays are equal, in a third of the time of `np.array_equal` on small ones."""
    return first.shape == second.shape and bool((first == second).all())


def stops_are_simple(other_rate: Array, starting: Array) -> bool:
    """Whether all or nobody start and toxicity is the only stop: then all of `maintenance` is on drug, or nobody."""
    return bool(np.all(other_rate == 0.0) and np.all((starting == 0.0) | (starting == 1.0)))


@dataclass(frozen=True)
class Malignancies:
    """Rates of second primary malignancies per year, (strategies, rows): off drug, the excess on it, and the split."""

    off: Array
    excess: Array
    haematologic: Array

    @classmethod
    def of(cls, columns: Columns) -> "Malignancies":
        """From rates, or from a crude cumulative proportion and the rate of other exits behind it."""
        strategies = columns.inputs.compared
        off = columns.by_strategy("spm.rate_off_treatment.", strategies)
        on = np.stack(np.broadcast_arrays(*(_malignancy_rate(columns, s) for s in strategies)))
        return cls(off, on - off, columns.by_strategy("spm.share_haematologic.", strategies))


def _malignancy_rate(columns: Columns, strategy: str) -> Array:
    if columns.given(f"spm.proportion.{strategy}"):
        return rate_from_incidence(
            columns.number(f"spm.proportion.{strategy}"),
            columns.number(f"spm.other_exit_rate.{strategy}"),
            columns.number(f"spm.period.{strategy}"),
        )
    off = columns.number(f"spm.rate_off_treatment.{strategy}")
    return columns.number(f"spm.rate.{strategy}") if columns.given(f"spm.rate.{strategy}") else off


@dataclass(frozen=True)
class Stops:
    """Solved stop rates per year; where the ITT progression is split, its parts (cycles, strategies, rows)."""

    toxicity_rate: Array
    other_rate: Array
    maintenance_progression: Array | None
    toxicity_progression: Array | None
    negative_cycles: Array


def years_observed(columns: Columns) -> float:
    """When the last period ends in which stops were reported: rates are solved to there, whatever the horizon."""
    names = ("toxicity.period", "treatment.median_duration")
    ends = [
        columns.inputs.number(f"treatment.start.{s}") + float(np.max(columns.number(f"{name}.{s}")))
        for s in columns.inputs.compared
        for name in names
        if columns.given(f"{name}.{s}")
    ]
    return max(ends, default=0.0)


def solve_stops(columns: Columns, hazards: HazardStream, window: Window, malignancies: Malignancies) -> Stops:
    """Solve the stop rates of every strategy, and split progression between those on and off treatment."""
    inputs = columns.inputs
    solvers = [_Solver(columns, hazards, window, malignancies, i) for i in range(len(inputs.compared))]
    known = hazards.upto(max(solver.cycles_needed for solver in solvers))
    toxicity, other, maintenance, after, negative = zip(*(solver.solve(*known) for solver in solvers), strict=True)
    together = all(solver.together or not solver.treats for solver in solvers)
    return Stops(
        np.stack(np.broadcast_arrays(*toxicity)),
        np.stack(np.broadcast_arrays(*other)),
        None if together else np.stack(np.broadcast_arrays(*maintenance), axis=1),
        None if together else np.stack(np.broadcast_arrays(*after), axis=1),
        np.stack(np.broadcast_arrays(*negative)),
    )


@dataclass(frozen=True)
class _Part:
    """A cycle of the period in which stops are counted: the shares of it before the start of treatment and during
    the period, the competing exits, the toxicity increment and its slope in λ.
    """

    first: bool
    before: float
    during: Array
    exits: Array
    toxicity: Array
    slope: Array


class _Solver:
    """Stop rates of one strategy: those given, or the ones that return the reported figures in this model."""

    def __init__(self, columns: Columns, hazards: HazardStream, window: Window, malignancies: Malignancies, index: int):
        self.columns, self.window, self.index = columns, window, index
        self.strategy = columns.inputs.compared[index]
        self.length = float(hazards.boundaries[1])
        self.boundaries = hazards.boundaries
        self.half_exposure = columns.inputs.text("settings.within_cycle") == WithinCycle.HALF_CYCLE_EXPOSURE
        self.reference = reference = columns.inputs.compared.index(columns.inputs.reference)
        self.effect_lost = self._text("toxicity.after_stopping") == AfterStopping.EFFECT_LOST and index != reference
        self.ratio = self._number("toxicity.progression_ratio")
        self.together = not self.effect_lost and bool(np.all(self.ratio == 1.0))
        self.spm = malignancies.off[index] * self.length, malignancies.excess[index]
        self.starting = self._number("treatment.share_starting")
        self.treats = bool(np.any(self.starting > 0))

    @property
    def cycles_needed(self) -> int:
        """Cycles in which stops are counted; all of them where the ITT curve is split."""
        if not self.treats:
            return 1
        if not self.together:
            return len(self.boundaries)
        periods = [self._number(name) for name in ("toxicity.period", "treatment.median_duration") if self._given(name)]
        end = float(self.window.start[self.index]) + max((float(np.max(period)) for period in periods), default=0.0)
        return int(np.searchsorted(self.boundaries, end)) + 1

    def _number(self, name: str) -> Array:
        return self.columns.number(f"{name}.{self.strategy}")

    def _text(self, name: str) -> str:
        return self.columns.inputs.text(f"{name}.{self.strategy}")

    def _given(self, name: str) -> bool:
        return self.columns.given(f"{name}.{self.strategy}")

    def solve(self, background: Array, progression: Array) -> tuple[Array, Array, Array, Array, Array]:
        """Toxicity rate, other rate, progression of those in maintenance and in toxicity, cycles floored at 0.

        `background` (cycles, 1, rows) and `progression` (cycles, strategies, rows) reach as far as needed.
        """
        self.background, self.itt = background[:, 0], progression[:, self.index]
        self.comparator = progression[:, self.reference]
        nobody = np.zeros(1)
        if not self.treats:
            return nobody, nobody, self.itt, self.itt, np.zeros(1, dtype=int)
        observed = "toxicity.observed_proportion" if self._given("toxicity.observed_proportion") else None
        fixed = None
        if observed and not self.together:
            fixed = self._split(*self._rates(observed, None))
        toxicity, other = self._rates("toxicity.proportion", fixed and fixed[0])
        maintenance, after, negative = fixed or self._split(toxicity, other)
        return toxicity, other, maintenance, after, negative

    def _rates(self, proportion: str, maintenance: Array | None) -> tuple[Array, Array]:
        """λ and ω: given, or solved from a proportion and a median duration."""
        if not self._given(proportion):
            toxicity = self._number("toxicity.rate")
            other = self._number("treatment.other_stop_rate")
            if self._given("treatment.median_duration"):
                for _ in range(NEWTON_STEPS):
                    other = np.maximum(self._total_rate(toxicity, other, maintenance) - toxicity, 0.0)
            return toxicity, other
        target, period = self._number(proportion), self._number("toxicity.period")
        rate = -np.log1p(-target) / period
        other = self._number("treatment.other_stop_rate")
        for _ in range(NEWTON_STEPS):
            if self._given("treatment.median_duration"):
                other = np.maximum(self._total_rate(rate, other, maintenance) - rate, 0.0)
            reached, slope = self._incidence(rate, other, period, maintenance)
            step = (target - reached) / np.where(slope > 0, slope, np.inf)  # nobody can stop: the rate stays
            rate = np.maximum(rate + step, 0.0)
            if np.max(np.abs(step)) < CONVERGED and not self._given("treatment.median_duration"):
                break
        return rate, other

    def _total_rate(self, rate: Array, other: Array, maintenance: Array | None) -> Array:
        """a = λ + ω for which half of the starters are off drug at the reported median: (ln 2 − ΣΔh)/m."""
        median = self._number("treatment.median_duration")
        exits = sum(part.during * part.exits for part in self._walk(rate, other, median, maintenance))
        return np.asarray(np.maximum((np.log(2.0) - exits) / median, 0.0))

    def _incidence(self, rate: Array, other: Array, period: Array, maintenance: Array | None) -> tuple[Array, Array]:
        """Cumulative incidence of stops for toxicity among starters by the end of the period, and its slope in λ."""
        reached, slope, present, change, started = (np.zeros(1) for _ in range(5))
        for part in self._walk(rate, other, period, maintenance):
            if part.first:
                started, present = self.starting * np.exp(-part.before * part.exits), present + 1.0
            elapsed, total = part.before + part.during, part.exits + part.toxicity
            x, share, gain = elapsed * total, elapsed * part.toxicity, elapsed * part.slope
            left = -np.expm1(-x)
            phi = left / np.maximum(x, 1e-300)  # x is 0 only where nothing of the cycle counts
            phi_slope = np.where(x > 1e-3, (1.0 - left - phi) / np.maximum(x, 1e-3), -0.5 + x / 3.0)
            counted = share * phi
            reached = reached + present * counted
            slope = slope + change * counted + present * (gain * (phi + share * phi_slope))
            stays = 1.0 - left if np.all(elapsed == 1.0) else np.exp(-total)
            change = (change - present * part.slope) * stays
            present = present * stays
        started = np.where(started > 0, started, 1.0)
        return np.asarray(reached / started), np.asarray(slope / started)

    def _walk(self, rate: Array, other: Array, period: Array, maintenance: Array | None) -> Iterator[_Part]:
        """The cycles from the start of treatment to the end of a period."""
        start = float(self.window.start[self.index])
        end = start + float(np.max(period))
        split = _Split(self)
        drug = self._on_drug(rate, other)
        first = int(np.searchsorted(self.boundaries, start + 1e-9) - 1)
        for k in range(first, len(self.itt)):
            left = self.boundaries[k]
            if left >= end - 1e-12:
                return
            toxicity, slope, mean = drug(float(self.window.inside[k, self.index]))
            progression = maintenance[k] if maintenance is not None else split.maintenance(k, toxicity)
            exits = self.background[k] + self._malignancies(k, mean) + progression
            before = max(start - left, 0.0) / self.length
            during = np.clip((start + period - max(left, start)) / self.length, 0.0, 1.0 - before)
            yield _Part(k == first, before, during, exits, toxicity, slope)

    def _on_drug(self, rate: Array, other: Array) -> Callable[[float], tuple[Array, Array, Array]]:
        """For the next cycle, by the length of its part in the window: the toxicity increment, its slope in λ, and
        the mean share on drug.
        """
        given = self._given("treatment.median_duration")
        share = self.starting + 0.0
        if not given and stops_are_simple(other, share):
            return lambda inside: (rate * (inside * share), inside * share, share)
        total, other_slope, total_slope = rate + other, -1.0 if given else 0.0, 0.0 if given else 1.0
        safe = np.where(total > 0, total, 1.0)
        fraction, fraction_slope = other / safe, (other_slope * total - other * total_slope) / safe**2
        share, share_slope = share + np.zeros_like(total), np.zeros_like(total)

        def cycle(inside: float) -> tuple[Array, Array, Array]:
            nonlocal share, share_slope
            keep, lost = np.exp(-total * inside), -np.expm1(-total * inside)
            keep_slope = -inside * total_slope * keep
            on, off = share * keep, 1.0 - share + share * fraction * lost
            on_slope = share_slope * keep + share * keep_slope
            off_slope = (
                -share_slope + share_slope * fraction * lost + share * (fraction_slope * lost - fraction * keep_slope)
            )
            both, both_slope = on + off, on_slope + off_slope
            mean = 0.5 * (share + on / both)
            share, share_slope = on / both, (on_slope - on / both * both_slope) / both
            return -np.log(both), -both_slope / both, mean

        return cycle

    def _malignancies(self, k: int, mean_share: Array) -> Array:
        off, excess = self.spm
        return np.asarray(off + excess * (mean_share * self.window.exposed[k, self.index]))

    def _split(self, toxicity: Array, other: Array) -> tuple[Array, Array, Array]:
        """Progression increments of `maintenance` and `toxicity` over all cycles that preserve the ITT curve."""
        if self.together:
            return self.itt, self.itt, np.zeros(1, dtype=int)
        drug = OnTreatment(_only(self.window, self.index), self.starting[None], toxicity[None], other[None])
        increments = drug.cycles(0, len(self.itt)).toxicity[:, 0]
        increments = np.broadcast_to(increments, (len(self.itt), *increments.shape[1:]))
        split = _Split(self)
        shape = np.broadcast_shapes(self.itt.shape, increments.shape, self.ratio.shape)
        maintenance, after = np.empty(shape), np.empty(shape)
        for k, increment in enumerate(increments):
            maintenance[k] = split.maintenance(k, increment)
            after[k] = split.after
        return maintenance, after, split.negative


class _Split:
    """Carries the cohort net of second malignancies, to share the ITT hazard between on and after treatment.

    h_M = h_ITT·(M + T)/(M + r·T), or [h_ITT·(M + T) − h_comparator·T]/M, with M and T predicted half a cycle
    ahead; floored at 0 and counted.
    """

    def __init__(self, solver: _Solver):
        self.solver = solver
        self.present, self.stopped = np.ones(1), np.zeros(1)
        self.negative = np.zeros(1)
        self.after = np.zeros(1)

    def maintenance(self, k: int, toxicity: Array) -> Array:
        """h_M of cycle k, given its toxicity increment; `after` is h_T."""
        s = self.solver
        itt = s.itt[k]
        if s.together:
            return np.asarray(itt)
        half = self.present * np.exp(-0.5 * toxicity)
        stopped = self.stopped + self.present - half
        both = self.present + self.stopped
        if s.effect_lost:
            raw = (itt * both - s.comparator[k] * stopped) / np.maximum(half, 1e-300)
            h, after = np.maximum(raw, 0.0), np.broadcast_to(s.comparator[k], np.shape(raw))
            self.negative = self.negative + (raw < 0)
        else:
            h = itt * both / np.maximum(half + s.ratio * stopped, 1e-300)  # nobody is left who may progress
            after = s.ratio * h
        self.after = after
        stays = h + s.background[k] + toxicity
        moved = self.present * toxicity * special.exprel(-stays)
        leaves = after + s.background[k]
        entering = np.exp(-0.5 * leaves) if s.half_exposure else 1.0
        self.stopped = self.stopped * np.exp(-leaves) + moved * entering
        self.present = self.present * np.exp(-stays)
        return np.asarray(h)


def _only(window: Window, index: int) -> Window:
    """One strategy's window."""
    pick = slice(index, index + 1)
    return Window(
        window.start[pick],
        window.stop[pick],
        window.begin[:, pick],
        window.finish[:, pick],
        window.inside[:, pick],
        window.exposed[:, pick],
    )

"""Rates at which treatment stops, solved to return the reported figures, and progression after a stop."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import special

from markov.inputs.parameters import Columns
from markov.model.hazards import HazardStream
from markov.model.treatment import Malignancies, OnTreatment, Window, remaining, share_on_drug, stops_are_simple
from markov.survival.hazards import accumulate
from markov.terms import AfterStopping, Array, WithinCycle

NEWTON_STEPS = 8
CONVERGED = 1e-9  # a Newton step this small leaves an error of its square
SETTLED = 1e-13  # where other stops follow from a median too, steps are not quite Newton's


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
    """Consecutive cycles of the period in which stops are counted, each (cycles, rows or 1).

    The shares of a cycle `before` the start of treatment and `during` the period, the competing `exits`, the increment
    of stops for toxicity and its slope in λ.
    """

    first: bool
    before: Array
    during: Array
    exits: Array
    toxicity: Array
    slope: Array


class _Solver:
    """Stop rates of one strategy: those given, or the ones that return the reported figures in this model."""

    def __init__(self, columns: Columns, hazards: HazardStream, window: Window, malignancies: Malignancies, index: int):
        self.columns, self.window, self.index = columns, window, index
        self.strategy = columns.inputs.compared[index]
        self.length, self.size = float(hazards.boundaries[1]), hazards.size
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
        other, by_median = self._number("treatment.other_stop_rate"), self._given("treatment.median_duration")
        solved = self._given(proportion)
        if not solved and not by_median:
            return self._number("toxicity.rate"), other
        if solved:
            target, period = self._number(proportion), self._number("toxicity.period")
            rate = -np.log1p(-target) / period
        else:
            rate = self._number("toxicity.rate")
        for _ in range(NEWTON_STEPS):
            step = change = np.zeros(1)
            if by_median:
                before, other = other, np.maximum(self._total_rate(rate, other, maintenance) - rate, 0.0)
                change = other - before
            if solved:
                reached, slope = self._incidence(rate, other, period, maintenance)
                step = (target - reached) / np.where(slope > 0, slope, np.inf)  # nobody can stop: the rate stays
                rate = np.maximum(rate + step, 0.0)
            moved = max(np.max(np.abs(step)), np.max(np.abs(change)))
            if moved < (SETTLED if by_median else CONVERGED):
                break
        return rate, other

    def _total_rate(self, rate: Array, other: Array, maintenance: Array | None) -> Array:
        """a = λ + ω for which half of the starters are off drug at the reported median: (ln 2 − ΣΔh)/m."""
        median = self._number("treatment.median_duration")
        parts = self._period(rate, other, median, maintenance)
        exits = sum((part.during * part.exits).sum(axis=0) for part in parts)
        return np.asarray(np.maximum((np.log(2.0) - exits) / median, 0.0))

    def _incidence(self, rate: Array, other: Array, period: Array, maintenance: Array | None) -> tuple[Array, Array]:
        """Cumulative incidence of stops for toxicity among starters by the end of the period, and its slope in λ."""
        reached, slope, started = np.zeros(1), np.zeros(1), self.starting
        left = gained = np.zeros(1)  # hazard so far, and its slope
        for part in self._period(rate, other, period, maintenance):
            if part.first:
                started = self.starting * np.exp(-part.before[0] * part.exits[0])
            elapsed, total = part.before + part.during, part.exits + part.toxicity
            x, share, gain = elapsed * total, elapsed * part.toxicity, elapsed * part.slope
            leave = -np.expm1(-x)
            phi = leave / np.maximum(x, 1e-300)  # x is 0 only where nothing of the cycle counts
            phi_slope = np.where(x > 1e-3, (1.0 - leave - phi) / np.maximum(x, 1e-3), -0.5 + x / 3.0)
            ends, slopes = accumulate(left, total), accumulate(gained, part.slope)
            left, gained = ends[-1], slopes[-1]
            present, counted = np.exp(total - ends), share * phi
            reached = reached + (present * counted).sum(axis=0)
            slope = slope + (present * (gain * (phi + share * phi_slope) - (slopes - part.slope) * counted)).sum(axis=0)
        started = np.where(started > 0, started, 1.0)
        return np.asarray(reached / started), np.asarray(slope / started)

    def _period(self, rate: Array, other: Array, period: Array, maintenance: Array | None) -> Iterator[_Part]:
        """The cycles from the start of treatment to the end of a period, a piece at a time."""
        start = float(self.window.start[self.index])
        first, last = np.searchsorted(self.boundaries, [start + 1e-9, start + float(np.max(period)) - 1e-12]).tolist()
        split, last = _Split(self), min(last, len(self.itt))
        for k in range(first - 1, last, self.size):
            span = slice(k, min(k + self.size, last))
            toxicity, slope, mean = self._on_drug(rate, other, span)
            progression = maintenance[span] if maintenance is not None else split.progression(span, toxicity)[0]
            left = self.boundaries[span, None]
            before = np.maximum(start - left, 0.0) / self.length
            during = np.clip((start + period - np.maximum(left, start)) / self.length, 0.0, 1.0 - before)
            exits = self.background[span] + self._malignancies(span, mean) + progression
            yield _Part(k == first - 1, before, during, exits, toxicity, slope)

    def _on_drug(self, rate: Array, other: Array, span: slice) -> tuple[Array, Array, Array]:
        """In some cycles the toxicity increments, their slope in λ, and the mean share on drug, (cycles, rows).

        Where the median is given a is, so that ω falls as λ rises; otherwise ω stays and a rises.
        """
        given, inside = self._given("treatment.median_duration"), self.window.inside[span, self.index, None]
        if not given and stops_are_simple(other, self.starting):
            return rate * (inside * self.starting), inside * self.starting, self.starting
        total, rises = rate + other, 0.0 if given else 1.0
        safe = np.where(total > 0, total, 1.0)
        fraction, fraction_slope = other / safe, ((rises - 1.0) * total - rises * other) / safe**2
        time = self.window.elapsed[span, self.index, None]
        staying, keep = np.exp(-total * time), np.exp(-total * inside)
        share = share_on_drug(self.starting, fraction, staying)
        present = remaining(self.starting, fraction, staying)
        present_slope = self.starting * (fraction_slope * (1.0 - staying) - (1.0 - fraction) * time * rises * staying)
        share_slope = -share * (time * rises + present_slope / np.maximum(present, 1e-300))
        lost, lost_slope = 1.0 - keep, inside * rises * keep
        stays = 1.0 - share * (1.0 - fraction) * lost
        stops_slope = (1.0 - fraction) * (share_slope * lost + share * lost_slope) - share * fraction_slope * lost
        finish = share_on_drug(self.starting, fraction, staying * keep)
        return -np.log(stays), stops_slope / stays, 0.5 * (share + finish)

    def _malignancies(self, span: slice, mean_share: Array) -> Array:
        off, excess = self.spm
        return np.asarray(off + excess * (mean_share * self.window.exposed[span, self.index, None]))

    def _split(self, toxicity: Array, other: Array) -> tuple[Array, Array, Array]:
        """Progression increments of `maintenance` and `toxicity` over all cycles that preserve the ITT curve."""
        if self.together:
            return self.itt, self.itt, np.zeros(1, dtype=int)
        window = self.window.of_strategy(self.index)
        drug = OnTreatment(window, self.starting[None], toxicity[None], other[None])
        split, every = _Split(self), slice(0, len(self.itt))
        return *split.progression(every, drug.cycles(0, len(self.itt)).toxicity[:, 0]), split.negative


class _Split:
    """Carries the cohort net of second malignancies, to share the ITT hazard between on and after treatment.

    h_M = h_ITT·(M + T)/(M + r·T), or [h_ITT·(M + T) − h_comparator·T]/M, with M and T predicted half a cycle
    ahead; floored at 0 and counted.
    """

    def __init__(self, solver: _Solver):
        self.solver = solver
        self.present, self.stopped = np.ones(1), np.zeros(1)
        self.negative = np.zeros(1)

    def progression(self, span: slice, toxicity: Array) -> tuple[Array, Array]:
        """h_M and h_T of the next cycles, given their toxicity increments, (cycles or 1, rows)."""
        s = self.solver
        itt = s.itt[span]
        if s.together:
            return itt, itt
        toxicity = np.broadcast_to(toxicity, (len(itt), *toxicity.shape[1:]))
        shape = np.broadcast_shapes(itt.shape, toxicity.shape, s.ratio.shape)
        maintenance, after = np.empty(shape), np.empty(shape)
        for j in range(len(itt)):
            maintenance[j], after[j] = self._cycle(span.start + j, toxicity[j])
        return maintenance, after

    def _cycle(self, k: int, toxicity: Array) -> tuple[Array, Array]:
        s = self.solver
        itt = s.itt[k]
        half = self.present * np.exp(-0.5 * toxicity)
        stopped = self.stopped + self.present - half
        both = self.present + self.stopped
        if s.effect_lost:
            raw = (itt * both - s.comparator[k] * stopped) / np.maximum(half, 1e-300)
            h, after = np.maximum(raw, 0.0), s.comparator[k]
            self.negative = self.negative + (raw < 0)
        else:
            h = itt * both / np.maximum(half + s.ratio * stopped, 1e-300)  # nobody is left who may progress
            after = s.ratio * h
        stays = h + s.background[k] + toxicity
        moved = self.present * toxicity * special.exprel(-stays)
        leaves = after + s.background[k]
        entering = np.exp(-0.5 * leaves) if s.half_exposure else 1.0
        self.stopped = self.stopped * np.exp(-leaves) + moved * entering
        self.present = self.present * np.exp(-stays)
        return np.asarray(h), np.asarray(after)

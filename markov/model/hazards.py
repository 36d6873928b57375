"""From parameters to hazard increments by cycle: background, progression-free and overall survival.

Shapes: (cycles, strategies, rows); an axis of length 1 where nothing varies along it.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from markov.inputs.parameters import Columns, Inputs
from markov.inputs.problems import Problem
from markov.inputs.rules.between_values import reference_of
from markov.survival.families import Hazard, curve, with_median
from markov.survival.hazards import CrossingPolicy, Flags, accumulate, wane, waning_weights
from markov.survival.life_table import LifeTable
from markov.terms import (
    DAYS_PER_YEAR,
    FAMILY_PARAMETERS,
    MONTHS_PER_YEAR,
    RATIO_FAMILIES,
    SPLINES,
    Array,
    Correction,
    Crossing,
    Endpoint,
    Family,
    PostProgression,
)

OLDEST_AGE = 100.0
LATE_EFFECT = "follow_up.effect_left.{strategy}"
"""Rows of this id are the share of a strategy's log hazard ratio of death that is left after `follow_up.os`.

Only the value of longer follow-up makes them: no cell of a workbook does, and the base case knows waning instead."""


def cycle_boundaries(inputs: Inputs, at_least: float = 0.0) -> Array:
    """Cycle boundaries in years from time zero, (cycles + 1,), to the horizon or to `at_least`, if that is later.

    A horizon that is not whole cycles is rounded up, to an even number under Simpson's rule.

    >>> from markov.inputs.writing.template import shipped
    >>> from markov.inputs.workbook import read_inputs
    >>> cycle_boundaries(read_inputs(shipped("calgb_100104")))[:2].round(6).tolist()
    [0.0, 0.07666]
    """
    length = inputs.number("settings.cycle_days") / DAYS_PER_YEAR
    cycles = int(np.ceil(max(horizon_years(inputs), at_least) / length - 1e-9))
    if inputs.text("settings.correction") == Correction.SIMPSON:
        cycles += cycles % 2
    return np.asarray(np.arange(cycles + 1) * length)


def horizon_years(inputs: Inputs) -> float:
    """The horizon asked for: the setting, or the years to age 100."""
    if inputs.given("settings.horizon_years"):
        return inputs.number("settings.horizon_years")
    return OLDEST_AGE - inputs.number("cohort.age")


@dataclass(frozen=True)
class Hazards:
    """Increments that do not depend on who is where.

    `background` (cycles, 1, rows); `pfs` as told, after waning; `floored` the same, never below the background
    nor, under a capping policy, its curve above OS; `overall` the OS increments, floored, where OS is the anchor.
    """

    boundaries: Array
    background: Array
    pfs: Array
    floored: Array
    overall: Array | None
    floored_cycles: Array
    crossing_cycles: Array
    first_crossing: Array

    @property
    def progression(self) -> Array:
        """Progression increments: PFS less its death part, max(ΔH_PFS − ΔB, 0)."""
        return np.asarray(np.maximum(self.floored - self.background, 0.0))

    @property
    def cycles(self) -> int:
        """Number of cycles."""
        return len(self.boundaries) - 1


def build_hazards(columns: Columns) -> Hazards:
    """All increments of a block of rows at once; the engine takes them piece by piece."""
    stream = HazardStream(columns, len(cycle_boundaries(columns.inputs)))
    piece = stream.take()
    return Hazards(
        stream.boundaries,
        piece.background,
        piece.pfs,
        piece.floored,
        piece.overall,
        stream.floored_cycles,
        stream.crossing_cycles,
        stream.first_crossing,
    )


@dataclass(frozen=True)
class Piece:
    """Hazard increments of consecutive cycles, named as in `Hazards`; `survival` is OS at the cycles' ends."""

    background: Array
    pfs: Array
    floored: Array
    overall: Array | None
    survival: Array | None

    @property
    def progression(self) -> Array:
        """Progression increments, max(ΔH_PFS − ΔB, 0)."""
        return np.asarray(np.maximum(self.floored - self.background, 0.0))


class HazardStream:
    """Makes the hazards `size` cycles at a time, in order, so that many rows never leave the cache.

    `upto` looks ahead and keeps what it made; `take` gives each piece away once. The counts are complete
    when the last piece is made.
    """

    def __init__(self, columns: Columns, size: int, at_least: float = 0.0):
        inputs = columns.inputs
        self.boundaries, self.size = cycle_boundaries(inputs, at_least), size
        self._background = _Background(columns, self.boundaries)
        self._pfs = _EndpointCurves(columns, Endpoint.PFS, self.boundaries)
        anchored = inputs.text("settings.post_progression") == PostProgression.OVERALL_SURVIVAL
        self._overall = _EndpointCurves(columns, Endpoint.OS, self.boundaries) if anchored else None
        self._crossing = CrossingPolicy(Crossing(inputs.text("settings.crossing")))
        self._bound = np.zeros(())
        self._made: list[Piece] = []
        self._next = 0
        cohorts = (len(inputs.compared), columns.rows)
        self.floored_cycles, self.crossing_cycles = np.zeros(cohorts), np.zeros(cohorts)
        self.first_crossing = np.full(cohorts, np.nan)

    @property
    def cycles(self) -> int:
        """Number of cycles."""
        return len(self.boundaries) - 1

    def upto(self, cycles: int) -> tuple[Array, Array]:
        """Background and progression increments of at least the first cycles; before anything is taken."""
        while self._next < min(cycles, self.cycles):
            self._made.append(self._make())
        background = _end_to_end([piece.background for piece in self._made])
        return background, _end_to_end([piece.progression for piece in self._made])

    def take(self) -> Piece:
        """The next piece."""
        return self._made.pop(0) if self._made else self._make()

    def _make(self) -> Piece:
        first, last = self._next, min(self._next + self.size, self.cycles)
        self._next = last
        edges = self.boundaries[first : last + 1]
        background, pfs = self._background.increments(first, last), self._pfs.increments(first, last)
        floored = np.maximum(pfs, background)
        below = pfs < background
        if below.any():
            self.floored_cycles += count(below)
        overall = survival = None
        if self._overall is not None:
            overall = np.maximum(self._overall.increments(first, last), background)
            bound = accumulate(self._bound, overall)
            floored, crossed = self._crossing.cap(floored, overall, bound)
            self._bound, survival = bound[-1], -bound
            np.exp(survival, out=survival)
            if crossed.any():
                found = np.where(crossed.any(axis=0), edges[np.argmax(crossed, axis=0)], np.nan)
                self.first_crossing = np.where(self.crossing_cycles > 0, self.first_crossing, found)
                self.crossing_cycles += count(crossed)
        return Piece(background, pfs, floored, overall, survival)


def _end_to_end(pieces: list[Array]) -> Array:
    """Consecutive pieces (cycles, …) together; some may vary by row, as where a curve is capped, and others not."""
    shape = np.broadcast_shapes(*(piece.shape[1:] for piece in pieces))
    return np.concatenate([np.broadcast_to(piece, (len(piece), *shape)) for piece in pieces])


def count(flags: Flags) -> Array:
    """How often something holds, over the first axis."""
    return np.asarray(flags[0] if len(flags) == 1 else flags.sum(axis=0, dtype=float))


def differences(level: Array, ends: Array) -> Array:
    """Increments of consecutive cycles from levels at their ends and, (1, …), at the start of the first."""
    if len(ends) == 1:
        return ends - level
    return np.diff(ends, axis=0, prepend=np.broadcast_to(level, (1, *ends.shape[1:])))


class _Background:
    """General-population mortality, piece by piece."""

    def __init__(self, columns: Columns, boundaries: Array):
        table = columns.inputs.life_table
        self.table = LifeTable.from_probabilities(table.ages, table.male, table.female)
        self.age, self.female = columns.number("cohort.age"), columns.number("cohort.proportion_female")
        self.smr = columns.number("mortality.smr")
        self.boundaries = boundaries
        # Unless age varies by row, the survival of each sex is a column of numbers, looked up once.
        one_age = len(self.age) == 1
        self.by_sex = self.table.survival_by_sex(self.age, boundaries[:, None]) if one_age else None
        self.level = self._log_survival(0, 1)

    def _log_survival(self, first: int, last: int) -> Array:
        if self.by_sex is None:
            survival = self.table.survival(self.age, self.female, self.boundaries[first:last, None])
        else:
            female, male = (sex[first:last] for sex in self.by_sex)
            survival = male + self.female * (female - male)
        return np.asarray(np.log(np.maximum(survival, 1e-300)))

    def increments(self, first: int, last: int) -> Array:
        """Cycles `first` to `last`, (cycles, 1, rows), at least 1e-300, so that every state can be left."""
        ends = self._log_survival(first + 1, last + 1)
        increments = -self.smr * differences(self.level, ends)
        self.level = ends[-1:]
        return np.asarray(np.maximum(increments, 1e-300)[:, None])


class _EndpointCurves:
    """The curves of one endpoint, piece by piece, waning included."""

    def __init__(self, columns: Columns, endpoint: Endpoint, boundaries: Array):
        self.columns, self.endpoint, self.inputs = columns, endpoint, columns.inputs
        self.boundaries, self.months = boundaries, (boundaries * MONTHS_PER_YEAR)[:, None]
        self.family = {s.id: self.inputs.text(f"{endpoint}.family.{s.id}") for s in self.inputs.strategies}
        self.waning = {s: self._waning(s) for s in self.inputs.compared if columns.given(f"{endpoint}.waning_end.{s}")}
        late = (LATE_EFFECT.format(strategy=s) for s in self.inputs.compared)
        self.late = {key.rsplit(".", 1)[1]: columns.block[key] for key in late if key in columns.block}
        self.numbers: dict[str, Array] = {}
        self.references: dict[str, str] = {}
        self.curves: dict[str, Hazard] = {}
        self.levels: dict[str, tuple[int, Array]] = {}

    def increments(self, first: int, last: int) -> Array:
        """Cycles `first` to `last`, (cycles, strategies, rows or 1)."""
        span = slice(first, last)
        own: dict[str, Array] = {}
        waned = [self._late(s, span, own, self._waned(s, span, own)) for s in self.inputs.compared]
        rows = max(increments.shape[1] for increments in waned)
        stacked = np.empty((last - first, len(waned), rows))
        for i, increments in enumerate(waned):
            stacked[:, i] = increments
        return stacked

    def _own(self, strategy: str, span: slice, known: dict[str, Array]) -> Array:
        """Increments before waning; a hazard ratio multiplies those of its reference."""
        if strategy not in known:
            if self.family[strategy] == Family.HAZARD_RATIO:
                ratio = self._number("hazard_ratio", strategy)
                known[strategy] = ratio * self._own(self._reference(strategy), span, known)
            else:
                known[strategy] = self._from_curve(strategy, span)
        return known[strategy]

    def _number(self, name: str, strategy: str) -> Array:
        """A parameter of the endpoint, looked up once."""
        identifier = f"{self.endpoint}.{name}.{strategy}"
        if identifier not in self.numbers:
            self.numbers[identifier] = self.columns.number(identifier)
        return self.numbers[identifier]

    def _reference(self, strategy: str) -> str:
        if strategy not in self.references:
            self.references[strategy] = reference_of(self.inputs, self.endpoint, strategy)
        return self.references[strategy]

    def _from_curve(self, strategy: str, span: slice) -> Array:
        if strategy not in self.curves:
            self.curves[strategy] = strategy_curve(self.columns, self.endpoint, strategy)
        hazard = self.curves[strategy]
        cycle, level = self.levels.get(strategy, (-1, np.zeros(0)))
        if cycle != span.start:
            level = hazard(self.months[span.start : span.start + 1])
        ends = hazard(self.months[span.start + 1 : span.stop + 1])
        self.levels[strategy] = span.stop, ends[-1:]
        increments = np.asarray(differences(level, ends))
        return np.maximum(increments, 0.0, out=increments)

    def _waning(self, strategy: str) -> Callable[[slice], Array]:
        """Share of the effect left in some cycles; worked out once where it is the same in every row."""
        start, end = (
            self.columns.number(f"{self.endpoint}.{name}.{strategy}") for name in ("waning_start", "waning_end")
        )
        if len(start) > 1 or len(end) > 1:
            return lambda span: waning_weights(self.boundaries[span.start : span.stop + 1], start, end)
        weights = waning_weights(self.boundaries, start, end)
        return lambda span: weights[span]

    def _waned(self, strategy: str, span: slice, own: dict[str, Array]) -> Array:
        if strategy not in self.waning:
            return self._own(strategy, span, own)
        weights = self.waning[strategy](span)
        if weights.min() == 1.0:
            return self._own(strategy, span, own)
        reference = self._own(self._reference(strategy), span, own)
        return wane(self._own(strategy, span, own), reference, weights) if weights.any() else reference

    def _late(self, strategy: str, span: slice, own: dict[str, Array], told: Array) -> Array:
        """Increments ΔH^e·ΔH_ref^(1−e): after the trial's follow-up only e of the log hazard ratio is left.

        e is 1 before; in the cycle in which follow-up ends it is the average over the cycle.
        """
        if self.endpoint != Endpoint.OS or strategy not in self.late:
            return told
        edges, end = self.boundaries[span.start : span.stop + 1], self.inputs.number(f"follow_up.{Endpoint.OS}")
        after = np.clip((edges[1:] - end) / np.diff(edges), 0.0, 1.0)[:, None]
        if not after.any():
            return told
        left = 1.0 - (1.0 - self.late[strategy]) * after
        reference = self._own(self._reference(strategy), span, own)
        return np.asarray(told**left * reference ** (1.0 - left))


def endpoint_increments(columns: Columns, endpoint: Endpoint, boundaries: Array) -> Array:
    """Increments of one endpoint's curves, waning included, (cycles, strategies, rows or 1)."""
    return _EndpointCurves(columns, endpoint, boundaries).increments(0, len(boundaries) - 1)


def strategy_hazard(columns: Columns, endpoint: Endpoint, strategy: str, months: Array) -> Array:
    """Cumulative hazard of a strategy's own curve, before waning, at `months` (times, 1 or rows)."""
    return strategy_curve(columns, endpoint, strategy)(months)


def strategy_curve(columns: Columns, endpoint: Endpoint, strategy: str) -> Hazard:
    """The same as a function of months."""
    family = Family(columns.inputs.text(f"{endpoint}.family.{strategy}"))
    if family not in RATIO_FAMILIES:
        return curve(family, _curve_parameters(columns, endpoint, strategy, family))
    ratio = columns.number(f"{endpoint}.{family}.{strategy}")
    reference = strategy_curve(columns, endpoint, reference_of(columns.inputs, endpoint, strategy))
    if family is Family.HAZARD_RATIO:
        return lambda months: ratio * reference(months)
    return lambda months: reference(months / ratio)


def _curve_parameters(columns: Columns, endpoint: Endpoint, strategy: str, family: Family) -> dict[str, Array]:
    def number(name: str) -> Array:
        return columns.number(f"{endpoint}.{name}.{strategy}")

    names = list(FAMILY_PARAMETERS[family])
    parameters: dict[str, Array] = {}
    if family in SPLINES:
        knots = columns.inputs.text(f"{endpoint}.knots.{strategy}").split(";")
        parameters["knots"] = np.log([float(knot) for knot in knots])
        names = [f"gamma{j}" for j in range(len(knots))]
    median = f"{endpoint}.median.{strategy}"
    if columns.given(median):
        parameters |= {name: number(name) for name in names[1:]}
        return dict(with_median(family, parameters, columns.number(median)))
    return parameters | {name: number(name) for name in names}


def crossing_problems(inputs: Inputs) -> list[Problem]:
    """Under the error policy, strategies whose PFS curve rises above their OS curve."""
    if inputs.text("settings.crossing") != Crossing.ERROR:
        return []
    hazards = build_hazards(Columns(inputs, {}, 1))
    parameter = inputs.parameters.get("settings.crossing")
    place = f"{inputs.name}, {parameter.cell}" if parameter else inputs.name
    return [
        Problem(
            place,
            f"PFS of {strategy} rises above its OS",
            f"first at {years:.1f} years",
            "Choose cap_hazard or cap_curve, or change one of the curves.",
        )
        for strategy, years in zip(inputs.compared, hazards.first_crossing[:, 0], strict=True)
        if np.isfinite(years)
    ]

"""From parameters to hazard increments by cycle: background, progression-free and overall survival.

Shapes: (cycles, strategies, rows); an axis of length 1 where nothing varies along it.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from markov.inputs.parameters import Columns, Inputs
from markov.inputs.problems import Problem
from markov.inputs.rules.between_values import reference_of
from markov.survival.families import Hazard, curve, with_median
from markov.survival.hazards import Flags, cap_crossing, wane, waning_weights
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
SMALLEST = 1e-300
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
    crossed: Flags | None

    @property
    def progression(self) -> Array:
        """Progression increments: PFS less its death part, max(ΔH_PFS − ΔB, 0)."""
        return np.asarray(np.maximum(self.floored - self.background, 0.0))

    @property
    def cycles(self) -> int:
        """Number of cycles."""
        return len(self.boundaries) - 1


class Curves(NamedTuple):
    """Increments of the life table and of the curves as told, after waning, (strategies or 1, rows or 1, cycles).

    `overall` has no cycles where deaths do not follow it. `boundaries` (cycles + 1,) in years from time zero.
    """

    boundaries: Array
    background: Array
    pfs: Array
    overall: Array


def curves_of(columns: Columns, at_least: float = 0.0) -> Curves:
    """All curves of a block of rows, to the horizon or to `at_least` (years), if that is later."""
    inputs = columns.inputs
    boundaries = cycle_boundaries(inputs, at_least)
    anchored = inputs.text("settings.post_progression") == PostProgression.OVERALL_SURVIVAL
    return Curves(
        boundaries,
        _background(columns, boundaries),
        _endpoint(columns, Endpoint.PFS, boundaries),
        _endpoint(columns, Endpoint.OS, boundaries) if anchored else np.empty((len(inputs.compared), 1, 0)),
    )


def build_hazards(columns: Columns) -> Hazards:
    """All increments of a block of rows, floored and capped, for those who look at them; the cohort makes its own."""
    curves = curves_of(columns)
    background, pfs = (np.moveaxis(each, 2, 0) for each in (curves.background, curves.pfs))
    floored = np.maximum(pfs, background)
    if not curves.overall.size:
        return Hazards(curves.boundaries, background, pfs, floored, None, None)
    overall = np.maximum(np.moveaxis(curves.overall, 2, 0), background)
    floored, crossed = cap_crossing(floored, overall, Crossing(columns.inputs.text("settings.crossing")))
    return Hazards(curves.boundaries, background, pfs, floored, overall, crossed)


def _background(columns: Columns, boundaries: Array) -> Array:
    """General-population mortality, (1, rows or 1, cycles), at least 1e-300, so that every state can be left."""
    table = columns.inputs.life_table
    mortality = LifeTable.from_probabilities(table.ages, table.male, table.female)
    age, female = columns.number("cohort.age")[:, None], columns.number("cohort.proportion_female")[:, None]
    survival = mortality.survival(age, female, boundaries)
    logs = np.log(np.maximum(survival, SMALLEST))
    increments = np.maximum(-columns.number("mortality.smr")[:, None] * np.diff(logs), SMALLEST)
    return np.asarray(increments[None])


def endpoint_increments(columns: Columns, endpoint: Endpoint, boundaries: Array) -> Array:
    """Increments of one endpoint's curves, waning included, (cycles, strategies, rows or 1)."""
    return np.moveaxis(_endpoint(columns, endpoint, boundaries), 2, 0)


def _endpoint(columns: Columns, endpoint: Endpoint, boundaries: Array) -> Array:
    curves = _EndpointCurves(columns, endpoint, boundaries)
    return np.stack(np.broadcast_arrays(*(curves.used(s) for s in columns.inputs.compared)))


class _EndpointCurves:
    """The curves of one endpoint: increments by strategy, (rows or 1, cycles), each made once."""

    def __init__(self, columns: Columns, endpoint: Endpoint, boundaries: Array):
        self.columns, self.endpoint, self.boundaries = columns, endpoint, boundaries
        self._known: dict[str, Array] = {}

    def used(self, strategy: str) -> Array:
        """Increments after waning, and after what longer follow-up leaves of the effect."""
        return self._late(strategy, self._waned(strategy))

    def _own(self, strategy: str) -> Array:
        """Increments before waning; a hazard ratio multiplies those of its reference."""
        if strategy not in self._known:
            if self.columns.inputs.text(f"{self.endpoint}.family.{strategy}") == Family.HAZARD_RATIO:
                own = self._number("hazard_ratio", strategy) * self._own(self._reference(strategy))
            else:
                levels = strategy_hazard(self.columns, self.endpoint, strategy, self.boundaries * MONTHS_PER_YEAR)
                own = np.maximum(np.diff(levels), 0.0)
            self._known[strategy] = np.asarray(own)
        return self._known[strategy]

    def _number(self, name: str, strategy: str) -> Array:
        return self.columns.number(f"{self.endpoint}.{name}.{strategy}")[:, None]

    def _reference(self, strategy: str) -> str:
        return reference_of(self.columns.inputs, self.endpoint, strategy)

    def _waned(self, strategy: str) -> Array:
        """ΔH = w·ΔH_own + (1 − w)·ΔH_reference, w being the share of the effect that is left at mid-cycle."""
        own = self._own(strategy)
        if not self.columns.given(f"{self.endpoint}.waning_end.{strategy}"):
            return own
        start, end = (self.columns.number(f"{self.endpoint}.waning_{end}.{strategy}") for end in ("start", "end"))
        weights = np.ascontiguousarray(waning_weights(self.boundaries, start, end).T)
        return own if weights.min() == 1.0 else wane(own, self._own(self._reference(strategy)), weights)

    def _late(self, strategy: str, told: Array) -> Array:
        """Increments ΔH^e·ΔH_ref^(1−e): after the trial's follow-up only e of the log hazard ratio is left.

        e is 1 before; in the cycle in which follow-up ends it is the average over the cycle.
        """
        effect = LATE_EFFECT.format(strategy=strategy)
        if self.endpoint != Endpoint.OS or effect not in self.columns.block:
            return told
        edges, end = self.boundaries, self.columns.inputs.number(f"follow_up.{Endpoint.OS}")
        after = np.clip((edges[1:] - end) / np.diff(edges), 0.0, 1.0)
        left = 1.0 - (1.0 - self.columns.block[effect][:, None]) * after
        reference = self._own(self._reference(strategy))
        return np.asarray(np.where(after > 0.0, told**left * reference ** (1.0 - left), told))


def strategy_hazard(columns: Columns, endpoint: Endpoint, strategy: str, months: Array) -> Array:
    """Cumulative hazard of a strategy's own curve, before waning, at `months` (times,): (rows or 1, times)."""
    return np.asarray(_strategy_curve(columns, endpoint, strategy)(months))


def _strategy_curve(columns: Columns, endpoint: Endpoint, strategy: str) -> Hazard:
    """The same as a function of months, whose last axis is time."""
    family = Family(columns.inputs.text(f"{endpoint}.family.{strategy}"))
    if family not in RATIO_FAMILIES:
        return curve(family, _curve_parameters(columns, endpoint, strategy, family))
    ratio = columns.number(f"{endpoint}.{family}.{strategy}")[:, None]
    reference = _strategy_curve(columns, endpoint, reference_of(columns.inputs, endpoint, strategy))
    if family is Family.HAZARD_RATIO:
        return lambda months: ratio * reference(months)
    return lambda months: reference(months / ratio)


def _curve_parameters(columns: Columns, endpoint: Endpoint, strategy: str, family: Family) -> dict[str, Array]:
    def number(name: str) -> Array:
        return columns.number(f"{endpoint}.{name}.{strategy}")[:, None]

    names = list(FAMILY_PARAMETERS[family])
    parameters: dict[str, Array] = {}
    if family in SPLINES:
        knots = columns.inputs.text(f"{endpoint}.knots.{strategy}").split(";")
        parameters["knots"] = np.log([float(knot) for knot in knots])
        names = [f"gamma{j}" for j in range(len(knots))]
    median = f"{endpoint}.median.{strategy}"
    if columns.given(median):
        parameters |= {name: number(name) for name in names[1:]}
        return dict(with_median(family, parameters, number("median")))
    return parameters | {name: number(name) for name in names}


def crossing_problems(inputs: Inputs) -> list[Problem]:
    """Under the error policy, strategies whose PFS curve rises above their OS curve."""
    if inputs.text("settings.crossing") != Crossing.ERROR:
        return []
    hazards = build_hazards(Columns(inputs, {}, 1))
    parameter = inputs.parameters.get("settings.crossing")
    place = f"{inputs.name}, {parameter.cell}" if parameter else inputs.name
    crossed = np.zeros((0, 1), dtype=bool) if hazards.crossed is None else hazards.crossed[:, :, 0].T
    return [
        Problem(
            place,
            f"PFS of {strategy} rises above its OS",
            f"first at {hazards.boundaries[np.argmax(cycles)]:.1f} years",
            "Choose cap_hazard or cap_curve, or change one of the curves.",
        )
        for strategy, cycles in zip(inputs.compared, crossed, strict=False)
        if cycles.any()
    ]

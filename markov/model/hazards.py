"""From parameters to hazard increments by cycle: background, progression-free and overall survival.

Shapes: (cycles, strategies, rows); an axis of length 1 where nothing varies along it.
"""

from dataclasses import dataclass

import numpy as np

from markov.inputs.checks import reference_of
from markov.inputs.parameters import Columns, Inputs
from markov.inputs.problems import Problem
from markov.survival.curves import cumulative_hazard, with_median
from markov.survival.hazards import cap_crossing, wane, waning_weights
from markov.survival.life_table import LifeTable, background_increments
from markov.terms import (
    DAYS_PER_YEAR,
    FAMILY_PARAMETERS,
    MONTHS_PER_YEAR,
    SPLINES,
    Array,
    Correction,
    Crossing,
    Endpoint,
    Family,
    PostProgression,
)

OLDEST_AGE = 100.0


def cycle_boundaries(inputs: Inputs) -> Array:
    """Cycle boundaries in years from time zero, (cycles + 1,).

    A horizon that is not whole cycles is rounded up, to an even number under Simpson's rule.

    >>> from markov.inputs.template import shipped
    >>> from markov.inputs.workbook import read_inputs
    >>> cycle_boundaries(read_inputs(shipped("calgb_100104")))[:2].round(6).tolist()
    [0.0, 0.07666]
    """
    length = inputs.number("settings.cycle_days") / DAYS_PER_YEAR
    cycles = int(np.ceil(horizon_years(inputs) / length - 1e-9))
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
        return self.floored - self.background

    @property
    def cycles(self) -> int:
        """Number of cycles."""
        return len(self.boundaries) - 1


def build_hazards(columns: Columns) -> Hazards:
    """All increments of a block of rows."""
    inputs = columns.inputs
    boundaries = cycle_boundaries(inputs)
    background = _background(columns, boundaries)
    pfs = endpoint_increments(columns, Endpoint.PFS, boundaries)
    floored = np.maximum(pfs, background)
    shape = np.broadcast_shapes(pfs.shape, background.shape)[1:]
    overall, crossed = None, np.zeros((1, *shape), dtype=bool)
    if inputs.text("settings.post_progression") == PostProgression.OVERALL_SURVIVAL:
        overall = np.maximum(endpoint_increments(columns, Endpoint.OS, boundaries), background)
        policy = Crossing(inputs.text("settings.crossing"))
        floored, crossed = cap_crossing(floored, overall, policy)
    return Hazards(
        boundaries,
        background,
        pfs,
        floored,
        overall,
        floored_cycles=(pfs < background).sum(axis=0),
        crossing_cycles=crossed.sum(axis=0),
        first_crossing=np.where(crossed.any(axis=0), boundaries[np.argmax(crossed, axis=0)], np.nan),
    )


def _background(columns: Columns, boundaries: Array) -> Array:
    table = columns.inputs.life_table
    increments = background_increments(
        LifeTable.from_probabilities(table.ages, table.male, table.female),
        columns.number("cohort.age"),
        columns.number("cohort.proportion_female"),
        columns.number("mortality.smr"),
        boundaries[:, None],
    )
    return increments[:, None, :]


def endpoint_increments(columns: Columns, endpoint: Endpoint, boundaries: Array) -> Array:
    """Increments of one endpoint's curves, waning included, (cycles, strategies, rows or 1)."""
    inputs = columns.inputs
    months = (boundaries * MONTHS_PER_YEAR)[:, None]
    own = {s: np.maximum(np.diff(strategy_hazard(columns, endpoint, s, months), axis=0), 0.0) for s in inputs.compared}
    waned = [_waned(columns, endpoint, s, own, boundaries) for s in inputs.compared]
    return np.stack(np.broadcast_arrays(*waned), axis=1)


def _waned(columns: Columns, endpoint: Endpoint, strategy: str, own: dict[str, Array], boundaries: Array) -> Array:
    end = f"{endpoint}.waning_end.{strategy}"
    if not columns.given(end):
        return own[strategy]
    weights = waning_weights(boundaries, columns.number(f"{endpoint}.waning_start.{strategy}"), columns.number(end))
    return wane(own[strategy], own[reference_of(columns.inputs, endpoint, strategy)], weights)


def strategy_hazard(columns: Columns, endpoint: Endpoint, strategy: str, months: Array) -> Array:
    """Cumulative hazard of a strategy's own curve, before waning, at `months` (times, 1 or rows)."""
    inputs = columns.inputs
    family = Family(inputs.text(f"{endpoint}.family.{strategy}"))
    if family in (Family.HAZARD_RATIO, Family.TIME_RATIO):
        ratio = columns.number(f"{endpoint}.{family}.{strategy}")
        reference = reference_of(inputs, endpoint, strategy)
        if family is Family.HAZARD_RATIO:
            return ratio * strategy_hazard(columns, endpoint, reference, months)
        return strategy_hazard(columns, endpoint, reference, months / ratio)
    return cumulative_hazard(family, _curve_parameters(columns, endpoint, strategy, family), months)


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

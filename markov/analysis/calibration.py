"""Calibration: the rates at which the model's own survival, or second malignancies, meet a published figure.

A rate is solved inside the model, with background, second malignancies and moves within a cycle, for every row of
values at once. Where a workbook names a target, random draws draw the target and the rate follows from it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from markov.analysis.accounts import moved, so_far
from markov.inputs.definitions.schema import label_of
from markov.inputs.distributions import interval
from markov.inputs.parameters import Inputs, Parameter, Trusted, Value, changed_inputs
from markov.model.evaluate import Rows, evaluate
from markov.model.outcomes import Outcomes
from markov.terms import MALIGNANCIES, MONTHS_PER_YEAR, Array, PostProgression, PostProgressionRate, State

COMMON = "common"
HIGHEST_RATE = 6.0  # per year: nobody is left after a year
TOLERANCE = 1e-12
KEPT_BLOCKS = 8  # blocks whose solved rates are kept: a run and its checks ask for each twice
Z = 1.959963984540054
Modelled = Callable[[Outcomes, Array], Array]
"""A figure of the model at a time of each run (years), (runs,): it rises with the rate that is solved."""


class CalibrationError(ValueError):
    """A target that no rate reaches; the message names what is reachable."""


@dataclass(frozen=True)
class Target:
    """A published share alive, at a time, and the excess death rate after progression that has to bring it about.

    `who` is a strategy, or common to all; `parameter` names the workbook's row of the figure; a median is a share of
    one half at the time of its value.
    """

    who: str
    parameter: str
    is_median: bool

    @property
    def rate(self) -> str:
        """Id of the rate."""
        return f"post_progression.excess_rate.{self.who}"

    def survival_and_years(self, inputs: Inputs, values: Mapping[str, Array], rows: int) -> tuple[Array, Array]:
        """Share alive and time, each (rows,)."""
        drawn = np.broadcast_to(values.get(self.parameter, np.array(inputs.value(self.parameter), dtype=float)), rows)
        if self.is_median:
            return np.full(rows, 0.5), drawn * inputs.factor(self.parameter) / MONTHS_PER_YEAR
        time = f"calibration.os_survival_time.{self.who}"
        return np.array(drawn), np.full(rows, inputs.number(time) / MONTHS_PER_YEAR)


@dataclass(frozen=True)
class CalibratedRate:
    """A solved rate in the unit of its cell, with its 95 % limits and standard error from those of the target.

    The limits are the rates at the target's own limits, which is exact for a monotone relation; the standard error is
    by the delta method. `_reachable` is the range of the target that rates from 0 to 0.5 per month can bring about.
    """

    target: Target
    figure: Parameter
    rate: float
    standard_error: float
    low: float
    high: float
    reachable: tuple[float, float]


def targets(inputs: Inputs) -> tuple[Target, ...]:
    """The targets that the workbook names, common ones first.

    >>> from markov import with_values
    >>> inputs = with_values(calgb, {"calibration.os_median.common": 84.1})
    >>> [target.rate for target in targets(inputs)]
    ['post_progression.excess_rate.common']
    """
    found = []
    for who in (COMMON, *inputs.compared):
        for name in ("os_median", "os_survival"):
            if inputs.given(f"calibration.{name}.{who}"):
                found.append(Target(who, f"calibration.{name}.{who}", name == "os_median"))
    return tuple(found)


def calibrate(inputs: Inputs, target: Target) -> CalibratedRate:
    """Solve a target's rate at its value and at its limits.

    Raises CalibrationError, naming what is reachable, where no rate brings the figure about.

    >>> from markov import with_values
    >>> inputs = with_values(calgb, {"calibration.os_median.no_maintenance": 84.1})
    >>> round(calibrate(inputs, targets(inputs)[0]).rate, 4)  # per month after progression
    0.0139
    """
    figure = inputs.parameters[target.parameter]
    assert isinstance(figure.value, (int, float))
    low, high = interval(figure) if figure.is_sampled else (figure.value, figure.value)
    wanted = np.array([figure.value, low, high, figure.value * (1.0 - 1e-4), figure.value * (1.0 + 1e-4)])
    rates = _rates_for(inputs, target, {target.parameter: wanted})
    if np.isnan(rates[0]):
        raise CalibrationError(_out_of_reach(inputs, target, figure.value))
    slope = (rates[4] - rates[3]) / (wanted[4] - wanted[3])
    spread = (high - low) / (2.0 * Z)
    limits = sorted(float(rate) for rate in rates[1:3])
    reach = _reachable(inputs, target)
    return CalibratedRate(target, figure, float(rates[0]), abs(float(slope)) * spread, limits[0], limits[1], reach)


def _rates_for(inputs: Inputs, target: Target, values: Mapping[str, Array]) -> Array:
    """The rate that meets a target in each row of values, (rows,) in the unit of the rate's cell; NaN: out of reach."""
    rows = len(next(iter(values.values())))
    survival, years = target.survival_and_years(inputs, values, rows)
    model = _rate_model(inputs, target, float(years.max()))
    own = {key: column for key, column in values.items() if key != target.parameter}
    return _solve(model, target.rate, own, _hazard_of(inputs, target), -np.log(survival), years)


def _reachable(inputs: Inputs, target: Target) -> tuple[float, float]:
    """The range of the target's figure, in its own unit, that rates from the highest down to 0 bring about.

    A median that is not reached within the horizon counts as infinite.
    """
    model = _rate_model(inputs, target, None)
    ends = np.array([HIGHEST_RATE, 0.0]) / model.factor(target.rate)
    outcomes = evaluate(model, Trusted({target.rate: ends}), trace=True)
    if not target.is_median:
        _, years = target.survival_and_years(inputs, {}, 2)
        low, high = np.exp(-_hazard_of(inputs, target)(outcomes, years))
        return float(low), float(high)
    assert outcomes.trace is not None
    levels = -np.log(np.maximum(_alive(inputs, target, outcomes), 1e-300))
    unit = MONTHS_PER_YEAR / inputs.factor(target.parameter)
    low, high = (np.interp(np.log(2.0), level, outcomes.trace.boundaries, right=np.inf) * unit for level in levels)
    return float(low), float(high)


def _out_of_reach(inputs: Inputs, target: Target, value: float) -> str:
    unit = inputs.parameters[target.parameter].unit
    low, high = (f"{end:.1f}" if target.is_median else f"{end:.3f}" for end in _reachable(inputs, target))
    words = f"{label_of(target.parameter, inputs.labels)}: {value:g} {unit} is out of reach. Excess death rates from "
    return words + f"{HIGHEST_RATE / MONTHS_PER_YEAR:g} to 0 per month give {low} to {high} {unit}"


def _rate_model(inputs: Inputs, target: Target, until: float | None) -> Inputs:
    """The workbook under the reading that has the target's rate, to the last target's time."""
    reading = PostProgressionRate.COMMON if target.who == COMMON else PostProgressionRate.BY_STRATEGY
    whose = inputs.compared if reading is PostProgressionRate.BY_STRATEGY else (COMMON,)
    rates = {f"post_progression.excess_rate.{who}": 0.01 for who in whose}
    changes: dict[str, Value] = {key: value for key, value in rates.items() if not inputs.given(key)}
    changes |= {
        "settings.post_progression": PostProgression.RATE.value,
        "settings.post_progression_rate": reading.value,
        target.rate: inputs.value(target.rate) if inputs.given(target.rate) else 0.01,
    }
    if until is not None:
        changes["settings.horizon_years"] = until + 3.0 * inputs.number("settings.cycle_days") / 365.25
    return changed_inputs(inputs, changes)


def _alive(inputs: Inputs, target: Target, outcomes: Outcomes) -> Array:
    """Share alive at the cycle boundaries, (runs, cycles + 1), of whom the target is about."""
    assert outcomes.trace is not None
    alive = 1.0 - outcomes.trace.occupancy[..., list(State).index(State.DEATH)]
    if target.who != COMMON:
        return np.asarray(alive[:, inputs.compared.index(target.who)])
    if inputs.text("settings.calibration_curve") == "average":
        return np.asarray(alive.mean(axis=1))
    return np.asarray(alive[:, inputs.compared.index(inputs.reference)])


def _hazard_of(inputs: Inputs, target: Target) -> Modelled:
    """Cumulative hazard of death at a time of each run, linear within a cycle."""

    def hazard(outcomes: Outcomes, years: Array) -> Array:
        assert outcomes.trace is not None
        levels = -np.log(np.maximum(_alive(inputs, target, outcomes), 1e-300))
        return _at(outcomes.trace.boundaries, levels, years)

    return hazard


def _at(boundaries: Array, levels: Array, years: Array) -> Array:
    """Each run's level (runs, times) at its own time, linear between times."""
    k = np.clip(np.searchsorted(boundaries, years, side="right") - 1, 0, len(boundaries) - 2)
    passed = (years - boundaries[k]) / (boundaries[k + 1] - boundaries[k])
    run = np.arange(len(years))
    return np.asarray(levels[run, k] + passed * (levels[run, k + 1] - levels[run, k]))


def _solve(
    model: Inputs, rate: str, values: Mapping[str, Array], modelled: Modelled, wanted: Array, years: Array
) -> Array:
    """The rate (rows,) at which a figure that rises with it is the one wanted; NaN where neither end brackets it."""
    from scipy.optimize.elementwise import find_root

    def gap(rates: Array, row: Array) -> Array:
        rows = row.astype(int)
        chosen = {key: column[rows] for key, column in values.items()} | {rate: rates}
        outcomes = evaluate(model, Trusted(chosen), trace=True)
        return np.asarray(modelled(outcomes, years[rows]) - wanted[rows])

    row = np.arange(len(wanted), dtype=float)
    ends = np.zeros(len(wanted)), np.full(len(wanted), HIGHEST_RATE / model.factor(rate))
    found = find_root(gap, ends, args=(row,), tolerances={"xatol": TOLERANCE, "xrtol": TOLERANCE})
    return np.asarray(np.where(found.success, found.x, np.nan), dtype=float)


# -------------------------------------------------------------------------------------------- second malignancies


def malignancy_rate_for(inputs: Inputs, strategy: str, incidence: float, months: float) -> float:
    """Rate of second malignancies on treatment (unit of its cell) at which the model's own cumulative incidence by a
    time is the one given, with progression, stops and deaths as they are.

    Raises CalibrationError where no rate returns it.

    >>> low, high = (malignancy_rate_for(calgb, "lenalidomide", share, 34.0) for share in (0.05, 0.08))
    >>> low < high
    True
    """
    rate = f"spm.rate.{strategy}"
    years, column = np.array([months / MONTHS_PER_YEAR]), inputs.compared.index(strategy)
    cleared: dict[str, Value] = {f"spm.proportion.{strategy}": None, rate: inputs.value(rate) or 1.0}
    cleared["settings.horizon_years"] = float(years[0]) + 3.0 * inputs.number("settings.cycle_days") / 365.25
    model = changed_inputs(inputs, cleared)

    def modelled(outcomes: Outcomes, at: Array) -> Array:
        assert outcomes.trace is not None
        entered = so_far(moved(outcomes.trace, into=MALIGNANCIES)[:, column])
        return _at(outcomes.trace.boundaries, entered, at)

    solved = float(_solve(model, rate, {}, modelled, np.array([incidence]), years)[0])
    if np.isnan(solved):
        words = f"an incidence of second malignancies of {incidence:g} by {months:g} months is out of reach for"
        raise CalibrationError(f"{words} {strategy}: the rate off treatment alone, or no rate, passes it")
    return solved


# ------------------------------------------------------------------------------------------------- in every draw


@dataclass(frozen=True)
class Recalibrated:
    """Rows of values in which calibrated rates follow from each row's own target and other values."""

    inputs: Inputs
    rows: Rows
    used: tuple[Target, ...]
    _solved: dict[tuple[int, int], Mapping[str, Array]] = field(default_factory=dict, repr=False, compare=False)

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.rows)

    def block(self, start: int, stop: int) -> Mapping[str, Array]:
        """Values of rows start to stop; where a target is out of reach, the nearest end of the range of rates."""
        if (start, stop) not in self._solved:
            values = dict(self.rows.block(start, stop))
            rates = {target.rate: self._rates(target, values, stop - start) for target in self.used}
            while len(self._solved) >= KEPT_BLOCKS:
                self._solved.pop(next(iter(self._solved)))
            self._solved[start, stop] = values | rates
        return self._solved[start, stop]

    def _rates(self, target: Target, values: Mapping[str, Array], rows: int) -> Array:
        figure = np.array(self.inputs.value(target.parameter), dtype=float)
        held = {**values, target.parameter: values.get(target.parameter, np.full(rows, figure))}
        rates = _rates_for(self.inputs, target, held)
        missed = np.isnan(rates)
        if missed.any():
            rates[missed] = self._nearest(target, {key: column[missed] for key, column in held.items()})
        return rates

    def _nearest(self, target: Target, values: Mapping[str, Array]) -> Array:
        """0 where even no excess death is too much, the highest rate where it is too little."""
        rows = len(values[target.parameter])
        survival, years = target.survival_and_years(self.inputs, values, rows)
        model = _rate_model(self.inputs, target, float(years.max()))
        own = {key: column for key, column in values.items() if key != target.parameter}
        lowest = evaluate(model, Trusted({**own, target.rate: np.zeros(rows)}), trace=True)
        too_many = _hazard_of(self.inputs, target)(lowest, years) > -np.log(survival)
        return np.where(too_many, 0.0, HIGHEST_RATE / model.factor(target.rate))

    def out_of_reach(self, start: int, stop: int) -> int:
        """How many of the rows start to stop have a target that no rate reaches."""
        values = self.block(start, stop)
        highest = {t.rate: HIGHEST_RATE / self.inputs.factor(t.rate) for t in self.used}
        return int(np.any([(values[r] == 0.0) | (values[r] == limit) for r, limit in highest.items()], axis=0).sum())


def following_targets(inputs: Inputs, rows: Rows) -> Rows:
    """The rows with calibrated rates recalibrated in each, where the workbook's reading uses a rate with a target."""
    if inputs.text("settings.post_progression") != PostProgression.RATE:
        return rows
    common = inputs.text("settings.post_progression_rate") == PostProgressionRate.COMMON
    used = tuple(target for target in targets(inputs) if (target.who == COMMON) == common)
    return Recalibrated(inputs, rows, used) if used else rows

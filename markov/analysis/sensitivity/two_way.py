"""Two-way analysis: a grid of two parameters, who is best in each cell, and where the decision changes hands.

The border is found by linear interpolation of net benefit between neighbouring nodes of the grid, where their best
strategies differ; a finer grid moves it by the square of the step.

A grid asks what if: more or fewer stops for toxicity keep the hazard of progression on treatment, as in a scenario.
Any number can be an axis: what the engine takes once a run (a planned stop, a horizon) costs one run for each value.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from markov.analysis.frames import grid_frame
from markov.analysis.sensitivity.one_way import CostsAndEffects, gains, label, optimal
from markov.inputs.definitions.schema import match, units_of
from markov.inputs.distributions import interval
from markov.inputs.parameters import Inputs, Trusted, Value, changed_inputs
from markov.model.evaluate import evaluate, evaluate_side_by_side
from markov.terms import Array, Distribution

if TYPE_CHECKING:
    from pandas import DataFrame

POINTS = 11
NARROW = 1.0  # a range of quantity this wide or less is searched whole: proportions, decrements
REACH = 10.0  # otherwise from a tenth to ten times the value
ONCE_A_RUN = ("dose.interval.", "dose.initial_intervals.")
"""Numbers, besides choices of method, that the engine reads once and not row by row."""


@dataclass(frozen=True)
class Axis:
    """One side of the grid: rising values in the cell's unit, (points,), beside the base value.

    `together` lists the parameters of its group that are the same quantity (same value, unit and spread) and move
    with it.
    """

    id: str
    label: str
    unit: str
    base: float | None
    values: tuple[float, ...]
    together: tuple[str, ...] = ()

    @property
    def ids(self) -> tuple[str, ...]:
        """Every parameter that the axis moves."""
        return (self.id, *self.together)


Request = tuple[Axis, Array]
"""Values (rows,) to be run along an axis."""


@dataclass(frozen=True)
class BorderPoint:
    """A point at which two strategies have the same net benefit, the highest of all, in the axes' units."""

    threshold: float
    first: float
    second: float
    between: tuple[str, str]


@dataclass(frozen=True)
class TwoWay:
    """A grid of outcomes: `cost` and `qaly` (first values, second values, strategies), the reference first.

    `optimal[t][i][j]` names the strategy of the highest net benefit at a threshold and a node; `border` lists the
    points where the decision changes, by threshold.
    """

    first: Axis
    second: Axis
    strategies: tuple[str, ...]
    labels: Mapping[str, str]
    currency: str
    thresholds: tuple[float, ...]
    cost: Array
    qaly: Array
    optimal: tuple[tuple[tuple[str, ...], ...], ...]
    border: tuple[BorderPoint, ...]

    @property
    def gain(self) -> Array:
        """Net benefit over the reference's, (thresholds, first values, second values, strategies)."""
        return gains(self, self.thresholds)

    def to_frame(self) -> "DataFrame":
        """A row a threshold, node of the grid and strategy; values of the nodes stand under their parameters' ids.

        >>> side = axis(calgb, "price.lenalidomide_10mg.brand", [0.0, 1000.0])
        >>> table = two_way(calgb, side, axis(calgb, "utility.progression", [0.5, 0.6]), [35_000.0]).to_frame()
        >>> len(table), table.loc[table["is_optimal"], "strategy"].tolist()
        (8, ['lenalidomide', 'lenalidomide', 'no_maintenance', 'no_maintenance'])
        """
        axes = {"threshold": self.thresholds, self.first.id: self.first.values, self.second.id: self.second.values}
        best = np.array(self.optimal)[..., None] == np.array(self.strategies)
        figures = {"cost": self.cost, "qaly": self.qaly, "incremental_net_benefit": self.gain, "is_optimal": best}
        table = grid_frame({**axes, "strategy": self.strategies}, **figures)
        return table.assign(label=table["strategy"].map(dict(self.labels)))


@dataclass(frozen=True)
class Totals:
    """Discounted cost and QALYs of rows or nodes, (…, strategies), the reference first."""

    strategies: tuple[str, ...]
    cost: Array
    qaly: Array


def two_way(inputs: Inputs, first: Axis | str, second: Axis | str, thresholds: Sequence[float] | None = None) -> TwoWay:
    """Costs, QALYs, best strategies and the border of the decision over a grid of two axes, or of two parameters.

    A parameter is moved over its 95 % interval or its limits (`axis`). One evaluation holds the whole grid.
    Raises ValueError as `axis` does, and where the axes share a parameter.
    Source: Briggs, Claxton, Sculpher 2006, Decision Modelling for Health Economic Evaluation, ch. 1.

    >>> price = axis(calgb, "price.lenalidomide_10mg.brand", [0.0, 1000.0])
    >>> grid = two_way(calgb, price, axis(calgb, "os.hazard_ratio.lenalidomide", points=3), [35000.0])
    >>> grid.optimal[0]
    (('lenalidomide', 'lenalidomide', 'lenalidomide'), ('no_maintenance', 'no_maintenance', 'no_maintenance'))
    """
    first, second = (axis(inputs, side) if isinstance(side, str) else side for side in (first, second))
    shared = set(first.ids) & set(second.ids)
    if shared:
        raise ValueError(f"both axes move {sorted(shared)[0]}")
    outcomes = _totals(inputs, _grid_design(first, second))
    at = tuple(inputs.thresholds if thresholds is None else thresholds)
    return _summarise(outcomes, first, second, at, inputs.labels, inputs.currency)


def axis(inputs: Inputs, identifier: str, values: Sequence[float] | None = None, points: int = POINTS) -> Axis:
    """A side of the grid: the values given, or evenly spaced ones over the parameter's 95 % interval or limits.

    Raises ValueError for a parameter that is no number, or that has no limits where no values are given, and for
    values that do not rise.

    >>> side = axis(calgb, "utility.maintenance", points=3)
    >>> len(side.values), side.together
    (3, ('utility.toxicity',))
    """
    found = match(identifier)
    if found is None or found[0].is_text:
        raise ValueError(f"{identifier} is not a number: what is chosen from a list is a scenario")
    base, parameter = inputs.value(identifier), inputs.parameters.get(identifier)
    if values is None:
        values = np.linspace(*_ends(inputs, identifier), points).tolist()
    rising = tuple(float(value) for value in values)
    if len(rising) < 2 or np.any(np.diff(rising) <= 0.0):
        raise ValueError(f"the values of {identifier} must rise")
    number = float(base) if isinstance(base, int | float) else None
    unit = parameter.unit if parameter else next(iter(units_of(found[0], inputs.currency)), "")
    return Axis(identifier, label(inputs, identifier), unit, number, rising, moved_along(inputs, identifier))


def _ends(inputs: Inputs, identifier: str) -> tuple[float, float]:
    """The 95 % interval of what is drawn, or the limits of the workbook."""
    parameter = inputs.parameters.get(identifier)
    if parameter is not None and parameter.is_sampled:
        return interval(parameter)
    if parameter is None or parameter.low is None or parameter.high is None:
        raise ValueError(f"{identifier} has neither a distribution nor limits: give its values")
    return parameter.low, parameter.high


def limits_of(inputs: Inputs, identifier: str) -> tuple[float, float]:
    """The whole range of a parameter in which a threshold is searched for, in the cell's unit.

    What is usual for the quantity, all that is possible for proportions and decrements, else a tenth to ten times the
    value.

    Raises ValueError where neither the quantity nor the value says where to look.

    >>> limits_of(calgb, "os.hazard_ratio.lenalidomide"), limits_of(calgb, "toxicity.proportion.lenalidomide")
    ((0.05, 20.0), (0.0, 1.0))
    """
    found = match(identifier)
    quantity = found[0].quantity if found else None
    if quantity is None:
        raise ValueError(f"{identifier} is not a number: what is chosen from a list is a scenario")
    value = inputs.value(identifier)
    near = [float(value)] if isinstance(value, int | float) else []
    if math.isfinite(quantity.usual_high - quantity.usual_low):
        return min([quantity.usual_low, *near]), max([quantity.usual_high, *near])
    if quantity.high - quantity.low <= NARROW:
        return quantity.low, quantity.high
    if not near or near[0] == 0.0:
        raise ValueError(f"{identifier} has no value to search around: give its limits")
    from_zero = quantity.low == 0.0 and not quantity.low_excluded
    ends = sorted((0.0 if from_zero else near[0] / REACH, near[0] * REACH))
    return max(ends[0], quantity.low), min(ends[1], quantity.high)


def moved_along(inputs: Inputs, identifier: str) -> tuple[str, ...]:
    """Parameters of the same group that are the same quantity: same value, unit and spread.

    Other members of a group stay where they are: what they would be at a given value of this one is not a question
    with one answer.

    >>> moved_along(calgb, "utility.progression")
    ('utility.spm_solid',)
    """
    own = inputs.parameters.get(identifier)
    if own is None or not own.group or not own.is_sampled or own.distribution == Distribution.DIRICHLET:
        return ()
    alike = (own.group, own.value, own.unit, own.se, own.low, own.high, own.distribution)
    return tuple(
        p.id
        for p in inputs.parameters.values()
        if p.id != identifier and (p.group, p.value, p.unit, p.se, p.low, p.high, p.distribution) == alike
    )


def _totals(inputs: Inputs, columns: Mapping[str, Array]) -> Totals:
    """Costs and QALYs of rows of values that are changed on purpose, by parameter id, (rows,) in each cell's own unit.

    Rows go through in one evaluation, or one for each combination of what the engine takes once a run.
    Stops for toxicity keep the hazard of progression that was observed with them (see `with_values`).
    """
    what_if = changed_inputs(inputs, _observed(inputs, columns))
    slow = [key for key in columns if not varies_by_row(inputs, key)]
    if not slow:
        outcomes = evaluate(what_if, Trusted(columns))
        return Totals(outcomes.strategies, outcomes.cost, outcomes.qaly)
    rows = len(columns[slow[0]])
    cost, qaly = np.empty((2, rows, len(inputs.compared)))
    chosen, which = np.unique(np.column_stack([columns[key] for key in slow]), axis=0, return_inverse=True)
    masks = [which.ravel() == i for i in range(len(chosen))]
    asked = [
        (
            changed_inputs(what_if, dict(zip(slow, values, strict=True))),
            Trusted({key: column[mask] for key, column in columns.items() if key not in slow}),
        )
        for values, mask in zip(chosen.tolist(), masks, strict=True)
    ]
    for mask, outcomes in zip(masks, evaluate_side_by_side(asked), strict=True):
        cost[mask], qaly[mask] = outcomes.cost, outcomes.qaly
    return Totals(outcomes.strategies, cost, qaly)


def _observed(inputs: Inputs, columns: Iterable[str]) -> dict[str, Value]:
    """The shares that were seen to stop for toxicity, to be kept where they are going to be changed."""
    stops = [key for key in columns if key.startswith("toxicity.proportion.") and inputs.given(key)]
    kept = {key: key.replace(".proportion.", ".observed_proportion.") for key in stops}
    return {observed: inputs.value(key) for key, observed in kept.items() if not inputs.given(observed)}


def along_axes(inputs: Inputs, requests: Sequence[Request]) -> list[Totals]:
    """Costs and QALYs along axes, each moved alone while all else stays at its base: one result for each request.

    One evaluation for all whose parameters vary by row, one more for each of the others. Values at the limits of what
    is possible may have no finite result.

    >>> death = axis(calgb, "cost.event.death", [0.0, 20000.0])
    >>> found, = along_axes(calgb, [(death, np.array([0.0, 8714.0]))])
    >>> bool(np.all(found.cost[1] > found.cost[0]))
    True
    """
    by_row = [side.base is not None and all(varies_by_row(inputs, key) for key in side.ids) for side, _ in requests]
    together = [i for i, fast in enumerate(by_row) if fast]
    found: dict[int, Totals] = {}
    with np.errstate(all="ignore"):
        if together:
            found |= zip(together, _stacked(inputs, [requests[i] for i in together]), strict=True)
        for i, (side, values) in enumerate(requests):
            if i not in found:
                found[i] = _totals(inputs, dict.fromkeys(side.ids, values))
    return [found[i] for i in range(len(requests))]


def _stacked(inputs: Inputs, requests: Sequence[Request]) -> Iterator[Totals]:
    """Requests one below the other, each moving its own parameters while the others stay at their base."""
    sizes = [len(values) for _, values in requests]
    ends = np.cumsum([0, *sizes])
    columns = {key: np.full(ends[-1], side.base, dtype=float) for side, _ in requests for key in side.ids}
    for (side, values), start, stop in zip(requests, ends[:-1], ends[1:], strict=True):
        for key in side.ids:
            columns[key][start:stop] = values
    whole = _totals(inputs, columns)
    for start, size in zip(ends[:-1].tolist(), sizes, strict=True):
        rows = slice(start, start + size)
        yield Totals(whole.strategies, whole.cost[rows], whole.qaly[rows])


def varies_by_row(inputs: Inputs, identifier: str) -> bool:
    """Whether the engine takes the parameter row by row; without a horizon of its own, age also sets the horizon.

    >>> varies_by_row(calgb, "cost.event.death"), varies_by_row(calgb, "treatment.planned_stop.lenalidomide")
    (True, False)
    """
    found = match(identifier)
    if found is None or found[0].is_method or identifier.startswith(ONCE_A_RUN):
        return False
    return identifier != "cohort.age" or inputs.given("settings.horizon_years")


# ------------------------------------------------------------------------------------------ rows and summary


def _grid_design(first: Axis, second: Axis) -> dict[str, Array]:
    """Rows of the grid by parameter id, (first points × second points,): the second value runs fastest."""
    outer = np.repeat(first.values, len(second.values))
    inner = np.tile(second.values, len(first.values))
    return dict.fromkeys(first.ids, outer) | dict.fromkeys(second.ids, inner)


def _summarise(
    outcomes: CostsAndEffects,
    first: Axis,
    second: Axis,
    thresholds: Sequence[float],
    labels: Mapping[str, str],
    currency: str,
) -> TwoWay:
    """The grid from the outcomes of the rows of `_grid_design`."""
    shape = len(first.values), len(second.values), len(outcomes.strategies)
    at = tuple(float(threshold) for threshold in thresholds)
    best = tuple(tuple(row[i : i + shape[1]] for i in range(0, len(row), shape[1])) for row in optimal(outcomes, at))
    grid = Totals(outcomes.strategies, outcomes.cost.reshape(shape), outcomes.qaly.reshape(shape))
    border = tuple(
        point
        for t, benefit in enumerate(gains(grid, at))
        for point in _border(first, second, at[t], outcomes.strategies, benefit)
    )
    return TwoWay(first, second, grid.strategies, labels, currency, at, grid.cost, grid.qaly, best, border)


def _border(
    first: Axis, second: Axis, threshold: float, strategies: Sequence[str], benefit: Array
) -> Iterator[BorderPoint]:
    """Where neighbouring nodes have different best strategies, the point between at which these two are equal."""
    best = np.argmax(benefit, axis=-1)
    for i, j in np.ndindex(best.shape):
        for k, m in ((i + 1, j), (i, j + 1)):
            if k < best.shape[0] and m < best.shape[1] and best[i, j] != best[k, m]:
                a, b = best[i, j], best[k, m]
                here, there = benefit[i, j, a] - benefit[i, j, b], benefit[k, m, b] - benefit[k, m, a]
                share = here / (here + there) if here + there > 0.0 else 0.5
                x = first.values[i] + share * (first.values[k] - first.values[i])
                y = second.values[j] + share * (second.values[m] - second.values[j])
                yield BorderPoint(threshold, float(x), float(y), (strategies[a], strategies[b]))

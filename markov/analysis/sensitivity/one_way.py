"""One-way analysis: each uncertain quantity to both ends of what is drawn, all else as it was.

The bounds are the 2.5 and 97.5 % points of each sampled parameter's own distribution, so that a bar is as long as the
evidence is loose. What is jointly uncertain is never varied singly: parameters of one group are one quantity and move
together, and correlated ones follow to where they are expected, at normal scores z_j = ρ_ij·z_i. Choices of method are
scenarios, not bars. A figure that the workbook gives a range but no distribution is varied over that range, and kept
apart, because its ends are declared and not estimated.

Uncertainty about the share that stops for toxicity leaves the trial's curve of progression-free survival as it is, as
in probabilistic analysis; what happens if more or fewer stopped is a scenario or a threshold analysis.
"""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.special import ndtr, ndtri

from markov.analysis.draws import sampled
from markov.analysis.incremental import PairwiseRow, net_benefit, pairwise
from markov.inputs.correlations import blocks, stream
from markov.inputs.definitions.schema import label_of, match
from markov.inputs.dirichlet import Shares, following, share_groups
from markov.inputs.distributions import inverse
from markov.inputs.parameters import Inputs, Parameter
from markov.model.evaluate import evaluate
from markov.terms import Array

PROBABILITIES = np.linspace(0.025, 0.975, 5)
"""Where each distribution is read: both ends of its 95 % interval, and three points between, to see the bends."""

TOP = 15


class CostsAndEffects(Protocol):
    """What an analysis of rows asks of their outcomes: `cost` and `qaly` (runs, strategies), the reference first."""

    @property
    def strategies(self) -> tuple[str, ...]:
        """Ids of the strategies, the reference first."""

    @property
    def cost(self) -> Array:
        """Discounted cost, (runs, strategies)."""

    @property
    def qaly(self) -> Array:
        """Discounted QALYs, (runs, strategies)."""


@dataclass(frozen=True)
class Member:
    """A parameter that is varied: its value, its values at both ends in the cell's unit, and what it rests on.

    One that `follows` is correlated with the quantity that the bar is about, and goes where it is then expected.
    """

    id: str
    label: str
    unit: str
    base: float
    low: float
    high: float
    status: str = ""
    follows: bool = False

    @property
    def holds_base(self) -> bool:
        """Whether the value lies in its own range; a mean can lie outside a very skewed interval."""
        return self.follows or self.low <= self.base <= self.high


@dataclass(frozen=True)
class Factor:
    """What one bar varies: a parameter, or a group that moves as one; `values` by id at each point, (points,).

    `name` is the parameter's id or the group's name; `members` are listed before those that only follow. `declared`
    marks a range that somebody wrote down, without a distribution behind it.
    """

    name: str
    label: str
    members: tuple[Member, ...]
    values: Mapping[str, Array]
    declared: bool = False

    @property
    def holds_base(self) -> bool:
        """Whether every member's value lies in its own range."""
        return all(member.holds_base for member in self.members)


@dataclass(frozen=True)
class Bar:
    """One quantity, one strategy against the reference, one threshold: net benefit gained along the range.

    `low` and `high` are at the ends, `points` at all points between them too, (points,); `at_low` and `at_high` hold
    the differences in cost and QALYs, with the ratio where it can be read. `decisions` names the strategy of highest
    net benefit at each point, all strategies considered.
    """

    factor: Factor
    strategy: str
    threshold: float
    base: float
    points: tuple[float, ...]
    at_low: PairwiseRow
    at_high: PairwiseRow
    decisions: tuple[str, ...]
    base_decision: str

    @property
    def low(self) -> float:
        """Net benefit gained at the lower end of the range."""
        return self.points[0]

    @property
    def high(self) -> float:
        """Net benefit gained at the upper end of the range."""
        return self.points[-1]

    @property
    def swing(self) -> float:
        """Highest less lowest net benefit over the range: |high − low|, unless it bends between them."""
        found = (*self.points, self.base)
        return max(found) - min(found)

    @property
    def is_monotone(self) -> bool:
        """Whether net benefit only rises, or only falls, along the range."""
        steps = np.diff(self.points)
        return bool(np.all(steps >= -self._rounding) or np.all(steps <= self._rounding))

    @property
    def changes_decision(self) -> bool:
        """Whether somewhere on the range another strategy has the highest net benefit than in the base case."""
        return any(decision != self.base_decision for decision in self.decisions)

    @property
    def has_effect(self) -> bool:
        """Whether anything moves at all: a figure that is not used under these settings does not."""
        return self.swing > self._rounding

    @property
    def _rounding(self) -> float:
        """Differences that come from the order of sums, which may vary by row."""
        return 1e-9 * max(abs(self.base), 1.0)


@dataclass(frozen=True)
class OneWay:
    """All bars of a one-way analysis, by threshold, strategy and factor; the largest swing first."""

    strategies: tuple[str, ...]
    labels: Mapping[str, str]
    currency: str
    thresholds: tuple[float, ...]
    bars: tuple[Bar, ...]

    def tornado(self, threshold: float, strategy: str, top: int | None = TOP) -> tuple[Bar, ...]:
        """The bars of estimated ranges at one threshold, largest first; `top` of them, or all for None."""
        return self._of(threshold, strategy, declared=False)[:top]

    def declared(self, threshold: float, strategy: str) -> tuple[Bar, ...]:
        """The bars of declared ranges at one threshold, largest first."""
        return self._of(threshold, strategy, declared=True)

    def _of(self, threshold: float, strategy: str, *, declared: bool) -> tuple[Bar, ...]:
        return tuple(
            bar
            for bar in self.bars
            if (bar.threshold, bar.strategy, bar.factor.declared) == (threshold, strategy, declared)
        )


def one_way(inputs: Inputs) -> OneWay:
    """Net benefit of every strategy against the reference as each uncertain quantity crosses its 95 % interval.

    One evaluation of 5k + 1 rows for k quantities, at every threshold of the workbook.
    Source: Büyükkaramikli, Rutten-van Mölken, Severens, Al 2019, PharmacoEconomics 37:1391 (TECH-VER);
    Briggs, Weinstein, Fenwick and others 2012, Value Health 15:835.

    >>> from markov.inputs.writing.template import shipped
    >>> from markov.inputs.workbook import read_inputs
    >>> result = one_way(read_inputs(shipped("calgb_100104")))
    >>> first, second, *_ = result.tornado(25000.0, "lenalidomide")
    >>> first.swing >= second.swing, first.swing == abs(first.high - first.low)
    (True, True)
    """
    varied = (*factors(inputs), *declared_factors(inputs))
    outcomes = evaluate(inputs, design(varied))
    found = bars(outcomes, varied, inputs.thresholds)
    return OneWay(outcomes.strategies, inputs.labels, inputs.currency, inputs.thresholds, found)


# ------------------------------------------------------------------------------------------- what is varied


def factors(inputs: Inputs) -> tuple[Factor, ...]:
    """Every sampled parameter over five points of its distribution, those of one group and correlated ones together.

    >>> from markov.inputs.writing.template import shipped
    >>> from markov.inputs.workbook import read_inputs
    >>> found = {factor.name: factor for factor in factors(read_inputs(shipped("calgb_100104")))}
    >>> [member.id for member in found["utility_pf"].members]
    ['utility.maintenance', 'utility.toxicity']
    """
    streams: dict[str, list[Parameter]] = {}
    for parameter in sampled(inputs):
        streams.setdefault(stream(parameter), []).append(parameter)
    correlated, wholes = _correlated(inputs), share_groups(sampled(inputs))
    return tuple(
        next(
            (_share(inputs, whole, key) for whole in wholes if key in whole.ids),
            _moved(inputs, streams, key, correlated.get(key, {})),
        )
        for key in streams
    )


def _share(inputs: Inputs, whole: Shares, key: str) -> Factor:
    """One share of a whole over its interval; the others share what it leaves as they do on average."""
    values = {key: inverse(inputs.parameters[key])(PROBABILITIES)}
    means = {other: float(inputs.parameters[other].value or 0.0) for other in whole.ids}
    return _factor(inputs, key, values | following(whole, means, key, values[key]), (key,))


def _moved(
    inputs: Inputs, streams: Mapping[str, Sequence[Parameter]], key: str, correlations: Mapping[str, float]
) -> Factor:
    """One quantity over its interval, with what is correlated with it where it is then expected."""
    scores = ndtri(PROBABILITIES)
    values = {parameter.id: inverse(parameter)(PROBABILITIES) for parameter in streams[key]}
    own = tuple(values)
    for other, correlation in correlations.items():
        for parameter in streams.get(other, ()):
            values[parameter.id] = inverse(parameter)(ndtr(correlation * scores))
    first = streams[key][0]
    return _factor(inputs, first.group or first.id, values, own)


def _correlated(inputs: Inputs) -> dict[str, dict[str, float]]:
    """The correlations of each stream with others that are not 0."""
    return {
        key: {other: float(value) for other, value in zip(ids, row, strict=True) if other != key and value}
        for ids, matrix in blocks(inputs)
        for key, row in zip(ids, matrix, strict=True)
    }


def declared_factors(inputs: Inputs) -> tuple[Factor, ...]:
    """Numbers with a low and a high limit but no distribution: prices, assumed durations, over evenly spaced points.

    Choices of method and parameters of strategies that are not compared are left out.

    >>> from markov.inputs.writing.template import shipped
    >>> from markov.inputs.workbook import read_inputs
    >>> found = {factor.name: factor for factor in declared_factors(read_inputs(shipped("calgb_100104")))}
    >>> found["price.lenalidomide_10mg.generic"].declared
    True
    """
    return tuple(
        _factor(inputs, p.id, {p.id: np.linspace(p.low, p.high, len(PROBABILITIES))}, (p.id,), declared=True)
        for p in inputs.parameters.values()
        if _has_declared_range(inputs, p) and p.low is not None and p.high is not None
    )


def _has_declared_range(inputs: Inputs, parameter: Parameter) -> bool:
    found = match(parameter.id)
    strategy = found[1].get("strategy") if found else None
    return (
        not parameter.is_sampled
        and not parameter.definition.is_method
        and isinstance(parameter.value, int | float)
        and strategy in (None, *inputs.compared)
        and parameter.low is not None
        and parameter.high is not None
        and parameter.low < parameter.high
    )


def _factor(
    inputs: Inputs, name: str, values: Mapping[str, Array], own: Sequence[str], *, declared: bool = False
) -> Factor:
    members = tuple(_member(inputs, key, column, follows=key not in own) for key, column in values.items())
    together = f" (with {len(own) - 1} more)" if len(own) > 1 else ""
    follow = f" ({len(members) - len(own)} correlated)" if len(members) > len(own) else ""
    return Factor(name, members[0].label + together + follow, members, values, declared)


def _member(inputs: Inputs, identifier: str, values: Array, *, follows: bool) -> Member:
    parameter = inputs.parameters[identifier]
    assert isinstance(parameter.value, int | float), identifier
    base, low, high = float(parameter.value), float(values[0]), float(values[-1])
    text = label(inputs, identifier)
    return Member(identifier, text, parameter.unit, base, low, high, parameter.status, follows)


def label(inputs: Inputs, identifier: str) -> str:
    """A parameter's label as the workbook has it, or the schema's where it has none.

    >>> from markov.inputs.writing.template import shipped
    >>> from markov.inputs.workbook import read_inputs
    >>> label(read_inputs(shipped("calgb_100104")), "os.hazard_ratio.lenalidomide")
    'OS: hazard ratio against its reference, Lenalidomide'
    """
    parameter = inputs.parameters.get(identifier)
    return (parameter.label if parameter else "") or label_of(identifier, inputs.labels)


# ------------------------------------------------------------------------------------------ rows and summary


def design(varied: Sequence[Factor]) -> dict[str, Array]:
    """Rows of a one-way analysis, by parameter id: the base case first, then each factor's points in turn.

    Columns are (1 + points × factors,), in each cell's own unit.

    >>> member = Member("cost.event.death", "End of life", "", 10.0, 5.0, 20.0)
    >>> cost = Factor("cost.event.death", "End of life", (member,), {"cost.event.death": np.array([5.0, 20.0])})
    >>> design([cost])["cost.event.death"].tolist()
    [10.0, 5.0, 20.0]
    """
    places = _places(varied)
    rows = 1 + sum(place.stop - place.start for place in places)
    columns = {member.id: np.full(rows, member.base) for factor in varied for member in factor.members}
    for factor, place in zip(varied, places, strict=True):
        for key, values in factor.values.items():
            columns[key][place] = values
    return columns


def _places(varied: Sequence[Factor]) -> list[slice]:
    """Rows of each factor's points, after the base case."""
    sizes = [len(next(iter(factor.values.values()))) for factor in varied]
    ends = 1 + np.cumsum([0, *sizes])
    return [slice(int(start), int(stop)) for start, stop in itertools.pairwise(ends)]


def bars(outcomes: CostsAndEffects, varied: Sequence[Factor], thresholds: Sequence[float]) -> tuple[Bar, ...]:
    """Bars from the outcomes of the rows of `design`: by threshold and strategy, the largest swing first.

    >>> from types import SimpleNamespace
    >>> factor = Factor("x", "X", (Member("x", "X", "", 2.0, 1.0, 3.0),), {"x": np.array([1.0, 3.0])})
    >>> cost = np.array([[0.0, 100.0 * x] for x in design([factor])["x"]])
    >>> rows = SimpleNamespace(strategies=("old", "new"), cost=cost, qaly=np.array([[1.0, 1.5]] * 3))
    >>> [(bar.low, bar.base, bar.high, bar.swing) for bar in bars(rows, [factor], [1000.0])]
    [(400.0, 300.0, 200.0, 200.0)]
    """
    gained, best = gains(outcomes, thresholds), optimal(outcomes, thresholds)
    found = []
    for t, threshold in enumerate(thresholds):
        for s in range(1, len(outcomes.strategies)):
            own = [
                _bar(outcomes, factor, place, s, threshold, gained[t, :, s], best[t])
                for factor, place in zip(varied, _places(varied), strict=True)
            ]
            found += sorted(own, key=lambda bar: -bar.swing)
    return tuple(found)


def _bar(
    outcomes: CostsAndEffects,
    factor: Factor,
    place: slice,
    s: int,
    threshold: float,
    gained: Array,
    best: Sequence[str],
) -> Bar:
    at_low, at_high = (against_reference(outcomes, row, s) for row in (place.start, place.stop - 1))
    points = tuple(gained[place].tolist())
    strategy = outcomes.strategies[s]
    return Bar(factor, strategy, threshold, float(gained[0]), points, at_low, at_high, tuple(best[place]), best[0])


def against_reference(outcomes: CostsAndEffects, row: int, s: int) -> PairwiseRow:
    """Strategy number s of one row against the reference.

    >>> from types import SimpleNamespace
    >>> pair = SimpleNamespace(strategies=("old", "new"), cost=np.array([[0.0, 1e4]]), qaly=np.array([[2.0, 2.5]]))
    >>> against_reference(pair, 0, 1).icer
    20000.0
    """
    pair = [0, s]
    names = [outcomes.strategies[i] for i in pair]
    return pairwise(names, outcomes.cost[row, pair], outcomes.qaly[row, pair], names[0])[0]


def gains(outcomes: CostsAndEffects, thresholds: Sequence[float]) -> Array:
    """Net monetary benefit less that of the reference, λΔE − ΔC, (thresholds, runs, strategies).

    Source: Stinnett and Mullahy 1998, Med Decis Making 18(2 Suppl):S68.

    >>> from types import SimpleNamespace
    >>> pair = SimpleNamespace(strategies=("old", "new"), cost=np.array([[0.0, 1e4]]), qaly=np.array([[2.0, 3.0]]))
    >>> gains(pair, [5e3, 2e4]).tolist()
    [[[0.0, -5000.0]], [[0.0, 10000.0]]]
    """
    benefit = net_benefit(outcomes.cost, outcomes.qaly, thresholds).monetary
    return np.asarray(benefit - benefit[..., :1])


def optimal(outcomes: CostsAndEffects, thresholds: Sequence[float]) -> tuple[tuple[str, ...], ...]:
    """Strategy of the highest net benefit by threshold and run; of equal ones the first, the reference before all.

    >>> from types import SimpleNamespace
    >>> pair = SimpleNamespace(strategies=("old", "new"), cost=np.array([[0.0, 1e4]]), qaly=np.array([[2.0, 3.0]]))
    >>> optimal(pair, [5e3, 1e4, 2e4])
    (('old',), ('old',), ('new',))
    """
    names = outcomes.strategies
    return tuple(tuple(names[i] for i in row) for row in _best(outcomes, thresholds))


def _best(outcomes: CostsAndEffects, thresholds: Sequence[float]) -> Iterator[list[int]]:
    for row in np.argmax(gains(outcomes, thresholds), axis=-1):
        yield row.tolist()

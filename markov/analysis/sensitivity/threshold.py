"""Threshold analysis: the value of one parameter at which a decision turns.

A number is searched for over its possible range: rows bracket every change of sign, narrow it, and the value that is
found is put into a run of its own, whose net benefit is reported beside it. Prices need no search: see
`value_based_price`.
"""

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from markov.analysis.frames import frame, scalars
from markov.analysis.sensitivity.one_way import CostsAndEffects
from markov.analysis.sensitivity.scenarios import applied_or_error
from markov.analysis.sensitivity.two_way import Axis, Request, along_axes, axis, limits_of
from markov.analysis.together import evaluate_together
from markov.inputs.parameters import Inputs, ScenarioChange
from markov.model.evaluate import evaluate
from markov.model.outcomes import Outcomes
from markov.terms import Array

if TYPE_CHECKING:
    from pandas import DataFrame

NEXT_BEST = "next best"
COARSE, INNER, ROUNDS = 33, 7, 7
"""Rows over the whole range, rows within a bracket, and how often it is narrowed at most (by 8 each time)."""

NEAR = (20.0, 1000.0, 50_000.0)
"""Parts of a bracket within which a straight line finds a zero of a smooth curve: the straighter, the finer."""

RESOLVED = 0.5
"""A net benefit within half a unit of the currency counts as 0."""

CLOSE = 1e-6
"""A bracket is narrow enough for a straight line when one end has this share of the net benefit it began with."""

PLAIN_UNITS = ("ratio", "number", "proportion", "utility", "count")  # they name a kind of number

Run = Callable[[Sequence[Request]], Sequence[CostsAndEffects]]
"""Runs the model for values (rows,) along each axis, all else at base: one result for each request."""


@dataclass(frozen=True)
class Question:
    """At which value along an axis is the net benefit of a strategy, less that of another or of the next best, 0?"""

    axis: Axis
    threshold: float
    strategy: str
    versus: str


@dataclass(frozen=True)
class Crossing:
    """A value at which the decision turns, and the net benefit of a run with it; or why such a run cannot be."""

    value: float
    net_benefit: float | None
    error: str = ""

    @property
    def is_verified(self) -> bool:
        """Whether the run has a net benefit of 0; it has not where net benefit jumps across 0."""
        return self.net_benefit is not None and abs(self.net_benefit) <= RESOLVED

    @property
    def words(self) -> str:
        """What happens at the value, to follow "net benefit"."""
        what = "is 0" if self.is_verified else "would be 0, but cannot be," if self.error else "jumps across 0"
        return f"{what} at {self.value:.4g}"


@dataclass(frozen=True)
class ThresholdValue:
    """The answer to one question: the crossings between two limits, with the net benefit at both and at base.

    Values are in the cell's unit, net benefits in money and against `versus`. Without a crossing there is no
    threshold within the limits, which the search may have narrowed to where the model has results.
    """

    question: Question
    low: float
    high: float
    at_low: float
    at_base: float
    at_high: float
    crossings: tuple[Crossing, ...]

    @property
    def value(self) -> float | None:
        """The verified crossing nearest to the base value; None where there is none."""
        found = [crossing.value for crossing in self.crossings if crossing.is_verified]
        base = self.question.axis.base
        return min(found, key=lambda value: abs(value - (value if base is None else base)), default=None)

    @property
    def words(self) -> str:
        """The answer in a sentence, without units of money."""
        side = self.question.axis
        unit = "" if side.unit in PLAIN_UNITS else f" {side.unit}"
        if not self.crossings:
            ends = f"{self.at_low:,.0f} at {self.low:.4g} and {self.at_high:,.0f} at {self.high:.4g}{unit}"
            return f"{side.label}: net benefit does not reach 0 between the limits; it is {ends}"
        return f"{side.label}: net benefit {', and '.join(crossing.words for crossing in self.crossings)}{unit}"


class Thresholds(tuple[ThresholdValue, ...]):
    """Answers by parameter, threshold and strategy."""

    def to_frame(self) -> "DataFrame":
        """A row a value at which the decision turns, in the cell's unit; an answer without any has one row.

        `id` and `base` are of the parameter, `low` and `high` the limits of the search, `at_…` net benefits there.

        >>> threshold(calgb, ["price.lenalidomide_10mg.brand"]).to_frame()[["threshold", "is_verified"]].values.tolist()
        [[25000.0, True], [35000.0, True]]
        """
        none = Crossing(math.nan, None)
        return frame(
            {**scalars(answer), **scalars(turn), "is_verified": turn.is_verified}
            for answer in self
            for turn in answer.crossings or (none,)
        )


def threshold(
    inputs: Inputs,
    identifiers: Sequence[str],
    *,
    strategies: Sequence[str] | None = None,
    versus: str | None = None,
    thresholds: Sequence[float] | None = None,
    limits: Mapping[str, tuple[float, float]] | None = None,
    base: Outcomes | None = None,
) -> Thresholds:
    """Values of parameters at which a strategy's net benefit equals that of another, by parameter, threshold, strategy.

    NB_s(θ) − NB_versus(θ) = 0, versus the reference, another strategy or NEXT_BEST, the best of the others at each θ.
    All parameters are searched in the same few evaluations; a crossing that is undone within the same 1/32 of the
    range is missed. `limits` by id default to `limits_of`, `base` is the base case where it has been run already.
    Raises ValueError for a parameter that is no number or has no limits, or a strategy that is not compared.

    >>> found, = threshold(calgb, ["price.lenalidomide_10mg.brand"], thresholds=[35000.0])
    >>> found.crossings[0].is_verified, found.at_low > 0.0 > found.at_high
    (True, True)
    """
    chosen = [s for s in inputs.compared if s != inputs.reference] if strategies is None else list(strategies)
    against = inputs.reference if versus is None else versus
    for name in (*chosen, *(() if against == NEXT_BEST else (against,))):
        if name not in inputs.compared:
            raise ValueError(f'"{name}" is not among the strategies {", ".join(inputs.compared)}')
    given = limits or {}
    axes = [axis(inputs, key, given.get(key) or limits_of(inputs, key)) for key in identifiers]
    at = inputs.thresholds if thresholds is None else thresholds
    questions = [Question(a, float(t), s, against) for a in axes for t in at for s in chosen if s != against]
    base = base or evaluate(inputs)
    found = _search(lambda requests: along_axes(inputs, requests), questions)
    runs = iter(
        _verified(inputs, [(q, value) for q, (_, values) in zip(questions, found, strict=True) for value in values])
    )
    return Thresholds(
        ThresholdValue(
            question,
            float(curve.values[0]),
            float(curve.values[-1]),
            float(curve.gains[0]),
            float(_gain(base, question)[0]),
            float(curve.gains[-1]),
            tuple(itertools.islice(runs, len(values))),
        )
        for question, (curve, values) in zip(questions, found, strict=True)
    )


def _verified(inputs: Inputs, found: Sequence[tuple[Question, float]]) -> list[Crossing]:
    """A run for each value on inputs that hold it, checked as a scenario is."""
    rows = [[ScenarioChange(f"{q.axis.id} = {value:g}", key, value) for key in q.axis.ids] for q, value in found]
    changed = [applied_or_error(inputs, each) for each in rows]
    runs = iter(evaluate_together([(each, {}) for each in changed if isinstance(each, Inputs)]))
    crossings = []
    for (question, value), each in zip(found, changed, strict=True):
        run = next(runs) if isinstance(each, Inputs) else each
        if isinstance(run, Exception):
            crossings.append(Crossing(value, None, str(run)))
        else:
            crossings.append(Crossing(value, float(_gain(run, question)[0])))
    return crossings


# ----------------------------------------------------------------------------------------------------- search


@dataclass(frozen=True)
class Curve:
    """Net benefit gained (rows,) at rising values (rows,) of a parameter, both finite."""

    values: Array
    gains: Array


def _gain(outcomes: CostsAndEffects, question: Question) -> Array:
    """Net benefit of the strategy less that of the one it is compared with, or of the best other, (rows,)."""
    return gain_over(outcomes, question.threshold, question.strategy, question.versus)


def gain_over(outcomes: CostsAndEffects, threshold: float, strategy: str, versus: str) -> Array:
    """Net benefit of a strategy at a threshold less that of another, or of the best other for NEXT_BEST, (rows,).

    >>> from markov.analysis.sensitivity.two_way import Totals
    >>> rows = Totals(("old", "new", "newest"), np.array([[0.0, 100.0, 300.0]]), np.array([[1.0, 2.0, 3.0]]))
    >>> [gain_over(rows, 400.0, "newest", versus).tolist() for versus in ("old", NEXT_BEST)]
    [[500.0], [200.0]]
    """
    benefit = threshold * outcomes.qaly - outcomes.cost
    own = outcomes.strategies.index(strategy)
    if versus != NEXT_BEST:
        return np.asarray(benefit[:, own] - benefit[:, outcomes.strategies.index(versus)])
    return np.asarray(benefit[:, own] - np.delete(benefit, own, axis=1).max(axis=1))


def _search(run: Run, questions: Sequence[Question]) -> list[tuple[Curve, tuple[float, ...]]]:
    """The curve over each question's axis, and every value at which it changes sign, by bracketing.

    Brackets of all questions are narrowed together, by 8 in each run, until one end is close to 0, or there is a jump;
    the rest is linear interpolation. Values without a finite net benefit are left out.
    Raises ValueError where fewer than two values of an axis have one.
    """
    axes = list({question.axis.id: question.axis for question in questions}.values())
    grids = [np.linspace(side.values[0], side.values[-1], COARSE) for side in axes]
    outcomes = dict(zip([side.id for side in axes], run(list(zip(axes, grids, strict=True))), strict=True))
    values = dict(zip([side.id for side in axes], grids, strict=True))
    curves = [_finite(values[q.axis.id], _gain(outcomes[q.axis.id], q), q) for q in questions]
    brackets = [(i, k) for i, curve in enumerate(curves) for k in _turns(curve)]
    found = _narrowed(run, questions, [(i, _piece(curves[i], k, k + 2)) for i, k in brackets])
    return [(curve, tuple(v for j, v in found if j == i)) for i, curve in enumerate(curves)]


def _finite(values: Array, gained: Array, question: Question) -> Curve:
    known = np.isfinite(gained)
    if np.count_nonzero(known) < 2:
        raise ValueError(f"the model has no results over the range of {question.axis.id}: give narrower limits")
    return Curve(values[known], gained[known])


def _turns(curve: Curve) -> list[int]:
    """Steps of a curve on which it leaves, reaches or crosses 0; of two steps that share a zero, the first."""
    sign = np.sign(curve.gains)
    found: list[int] = []
    for k in range(len(sign) - 1):
        reached_before = k > 0 and sign[k] == 0 and sign[k - 1] != 0
        if sign[k] != sign[k + 1] and not reached_before:
            found.append(k)
    return found


def _piece(curve: Curve, start: int, stop: int) -> Curve:
    return Curve(curve.values[start:stop], curve.gains[start:stop])


def _narrowed(run: Run, questions: Sequence[Question], brackets: list[tuple[int, Curve]]) -> list[tuple[int, float]]:
    """Zeros within brackets, each a curve of two values of a question."""
    close = [CLOSE * float(np.max(np.abs(piece.gains))) for _, piece in brackets]
    for _ in range(ROUNDS):
        wide = [place for place, (_, piece) in enumerate(brackets) if np.min(np.abs(piece.gains)) > close[place]]
        if not wide:
            break
        asked = [brackets[place] for place in wide]
        inner = [_between(piece) for _, piece in asked]
        results = run([(questions[i].axis, values) for (i, _), values in zip(asked, inner, strict=True)])
        for place, (i, _), values, result in zip(wide, asked, inner, results, strict=True):
            curve = Curve(values, _gain(result, questions[i]))
            k = (_turns(curve) or [0])[0]
            brackets[place] = i, _piece(curve, k, k + 2)
    return [(i, _zero(piece)) for i, piece in brackets]


def _between(piece: Curve) -> Array:
    """Values from one end of a bracket to the other: evenly spaced, and some close to where a straight line is 0.

    The former narrow any bracket by 8, the latter a smooth one by up to 25,000.
    """
    low, high = piece.values.tolist()
    near = [_zero(piece) + side * (high - low) / parts for parts in NEAR for side in (-1.0, 1.0)]
    return np.unique([*np.linspace(low, high, INNER + 2), *(value for value in near if low < value < high)])


def _zero(piece: Curve) -> float:
    """Where the straight line through two points is 0; one of them where it is level."""
    (a, b), (left, right) = piece.values.tolist(), piece.gains.tolist()
    return float(a if left == right else a + (b - a) * left / (left - right))

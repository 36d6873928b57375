"""The walk: how one base case becomes another, step by step, and what each step weighs alone and in other orders.

A step moves the inputs of one group from the first workbook's values to the second's. Its effect in the sequence is
the difference between the results after it and before it, so that the effects add up to the whole difference whatever
the steps. Because inputs act on each other, the effect depends on what has moved before: it is therefore also given
from the first workbook alone, in the reverse order, and as the average over all orders.

Source of the average: Shorrocks 2013, J Econ Inequal 11:99 (the Shapley value as a decomposition).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, combinations
from math import factorial
from typing import TYPE_CHECKING

import numpy as np

from markov.analysis.base_case import Priceable, at_price_sets_together
from markov.analysis.frames import grid_frame
from markov.analysis.incremental import icer_in_words, pairwise
from markov.analysis.walk.walk_steps import Plan, Step, first_problem, links, planned_steps
from markov.inputs.differences import Differences, InputDifference, Mixture, differences, mixture
from markov.inputs.parameters import Inputs
from markov.inputs.problems import InputError, Problem
from markov.model.outcomes import Outcomes
from markov.terms import Array, PriceSet

if TYPE_CHECKING:
    from pandas import DataFrame

ALL_ORDERS = 10
"""Steps up to which every order is run: 1,024 mixtures; one more step doubles them."""

EQUAL = 1e-12
"""How near, relatively, the walk's ends must come to each workbook's own run."""

COST, QALY, NET_BENEFIT = 0, 1, 2
"""Places of a measure: differences in cost and QALYs from the reference, then net benefit gained by threshold."""

Moved = frozenset[str]


@dataclass(frozen=True)
class Terms:
    """What is compared throughout: strategies with the reference, at thresholds per QALY."""

    reference: str
    strategies: tuple[str, ...]
    thresholds: tuple[float, ...]


@dataclass(frozen=True)
class Standing:
    """Where one mixture stands at one price set: measures (strategies, 2 + thresholds) and ratios in words."""

    measures: Array
    ratios: tuple[str, ...]
    outcomes: Outcomes


Standings = Mapping[PriceSet | None, Standing]
"""A mixture's standing by price set, None being the one that it pays."""

Result = Standings | str
"""A mixture's standings, or why it cannot be run."""


@dataclass(frozen=True)
class Path:
    """One strategy against the reference, at one price set, from the first workbook to the second.

    `standing` (steps + 1, 2 + thresholds) begins with the first workbook; `own` (2, 2 + thresholds) is what each
    workbook gives when it is run by itself. `alone`, `reverse` and `average` (steps, 2 + thresholds) are effects, not
    a number where they could not be run.
    """

    strategy: str
    label: str
    price_set: PriceSet | None
    standing: Array
    own: Array
    ratios: tuple[str, ...]
    alone: Array
    reverse: Array
    average: Array

    @property
    def effects(self) -> Array:
        """What each step adds in the sequence, (steps, 2 + thresholds)."""
        return np.diff(self.standing, axis=0)

    @property
    def difference(self) -> Array:
        """The second workbook's results less the first's, (2 + thresholds,)."""
        return np.asarray(self.standing[-1] - self.standing[0])


@dataclass(frozen=True)
class Single:
    """One input changed in the first workbook and nothing else, at the prices paid there.

    `effect` is (strategies, 2 + thresholds), None where it has none of its own: it moves with another, or cannot.
    """

    effect: Array | None
    remark: str = ""


@dataclass(frozen=True)
class Walk:
    """Everything about how one base case becomes another.

    `gaps` are the largest relative distances of the walk's two ends from each workbook's own run. `alone` says by
    step why it cannot be taken alone, `orders` why there is no average over all orders.
    """

    first: Inputs
    second: Inputs
    found: Differences
    terms: Terms
    steps: tuple[Step, ...]
    paths: tuple[Path, ...]
    singles: Mapping[str, Single]
    gaps: tuple[float, float]
    alone: Mapping[str, str]
    orders: str
    remarks: tuple[str, ...]

    def of(self, price_set: PriceSet | None) -> tuple[Path, ...]:
        """The paths of every strategy at a price set; None: as each mixture pays."""
        return tuple(path for path in self.paths if path.price_set is price_set)

    @property
    def arrives(self) -> bool:
        """Whether both ends are the workbooks' own results: no difference was missed."""
        return max(self.gaps) <= EQUAL

    def to_frame(self) -> "DataFrame":
        """A row a strategy, price set, step and measure: where it stands after the step, and what the step weighs.

        Measures are delta_cost, delta_qaly and, such as net_benefit_25000, incremental net benefits; `price_set` is
        "paid" where each mixture pays its own. Effects in the sequence, alone, in reverse and averaged over orders.
        """
        import pandas as pd

        measures = ["delta_cost", "delta_qaly", *(f"net_benefit_{t:.10g}" for t in self.terms.thresholds)]
        axes = {"step": [step.name for step in self.steps], "measure": measures}
        tables = [
            grid_frame(
                {"price_set": [p.price_set or "paid"], "strategy": [p.strategy], "label": [p.label], **axes},
                standing=p.standing[1:],
                effect=p.effects,
                alone=p.alone,
                reverse=p.reverse,
                average=p.average,
            )
            for p in self.paths
        ]
        return pd.concat(tables, ignore_index=True)


def walk(first: Inputs, second: Inputs, plan: Plan | None = None, thresholds: Sequence[float] | None = None) -> Walk:
    """Walk from one workbook to another in the steps of a plan, or in the default ones.

    Thresholds are those given, else those of both workbooks. Raises InputError where the two cannot be compared.

    >>> from markov.inputs.given_values import with_values
    >>> found = walk(calgb, with_values(calgb, {"utility.progression": 0.5, "settings.price_set": "generic"}))
    >>> [step.name for step in found.steps], found.arrives
    (['Drug prices', 'Utilities'], True)
    """
    terms = _terms(first, second, thresholds)
    both, found = mixture(first, second), differences(first, second)
    steps, results = _runnable(both, terms, planned_steps(first, second, plan)[1])
    tied = {key: why for ids, why in links(both, [d.id for d in found.inputs]) for key in ids}
    asked = _asked(steps, [d.id for d in found.inputs if d.id not in tied])
    results |= _evaluate(both, terms, [moved for moved in asked if moved not in results])
    ends = _ends(steps)
    average, orders = _average(steps, results)
    own = _own_runs(both, terms)
    return Walk(
        first,
        second,
        found,
        terms,
        steps,
        tuple(_paths(both, terms, steps, results, average, own)),
        _singles(found.inputs, tied, results),
        (_gap(own[0], _standings_of(results, ends[0])), _gap(own[1], _standings_of(results, ends[-1]))),
        {step.name: told for step in steps if isinstance(told := results[frozenset(step.ids)], str)},
        orders,
        tuple(_remarks(first, second, terms)),
    )


# ------------------------------------------------------------------------------------------- what is compared


def _terms(first: Inputs, second: Inputs, thresholds: Sequence[float] | None) -> Terms:
    """Strategies that both compare, against a reference that both compare; one currency."""
    names = f"{first.name} and {second.name}"
    if first.currency != second.currency:
        rule = f"one is in {first.currency}, the other in {second.currency}: amounts of two currencies do not add up"
        remedy = "Convert the amounts of one workbook, and its settings.currency, before the walk."
        raise InputError([Problem(names, rule, remedy=remedy)])
    shared = [s for s in first.compared if s in second.compared]
    reference = next((s for s in (first.reference, second.reference) if s in shared), None)
    if reference is None or len(shared) < 2:
        rule = "a walk needs two strategies that both workbooks compare, one of them a reference"
        told = "; ".join(f"{side.name}: {', '.join(side.compared)}" for side in (first, second))
        remedy = f"{told}. Give the same alternative the same id in both, and include it in both."
        raise InputError([Problem(names, rule, remedy=remedy)])
    amounts = thresholds or sorted({*first.thresholds, *second.thresholds})
    return Terms(reference, tuple(s for s in shared if s != reference), tuple(amounts))


def _remarks(first: Inputs, second: Inputs, terms: Terms) -> Iterable[str]:
    """What a reader would otherwise take for granted about the comparison."""
    for one, other in ((first, second), (second, first)):
        for s in (s for s in one.compared if s not in other.compared):
            yield (
                f"{one.labels[s]} is compared in {one.name} only: it has no results to walk "
                f"{'from' if one is second else 'to'}. Its inputs are a step all the same, because others may refer "
                "to it."
            )
    if first.reference != second.reference:
        yield (
            f"The reference is {first.labels[first.reference]} in {first.name} and "
            f"{second.labels[second.reference]} in {second.name}. The walk compares with "
            f"{first.labels[terms.reference]} throughout."
        )
    years = [int(side.number("settings.price_year")) for side in (first, second)]
    if years[0] != years[1]:
        yield (
            f"{first.name} is in prices of {years[0]}, {second.name} in prices of {years[1]}. The step that changes "
            "the price year revalues amounts that name their year; an amount without one counts as it stands."
        )
    if first.thresholds != second.thresholds:
        yield "The workbooks have different thresholds: net benefit is shown at the same ones throughout."
    if first.text("settings.price_set") != second.text("settings.price_set"):
        yield "The workbooks pay different price sets: that is a step, and both sets are shown apart."


# -------------------------------------------------------------------------------------------------- mixtures


def _ends(steps: Sequence[Step]) -> list[Moved]:
    """What has moved before the first step and after each."""
    none: Moved = frozenset()
    return list(accumulate((frozenset(step.ids) for step in steps), lambda done, ids: done | ids, initial=none))


def _runnable(both: Mixture, terms: Terms, steps: Sequence[Step]) -> tuple[tuple[Step, ...], dict[Moved, Result]]:
    """Steps after each of which the model runs: one after which it does not is taken together with the next."""
    ends = _ends(steps)
    results = _evaluate(both, terms, ends)
    for end, side in ((ends[0], both.first), (ends[-1], both.second)):
        if isinstance(told := results[end], str):
            raise InputError([Problem(side.name, f"cannot be run: {told}")])
    kept: list[Step] = []
    before: Step | None = None
    for step, end in zip(steps, ends[1:], strict=True):
        joined = step if before is None else _joined(before, step)
        told = results[end]
        before = None
        if isinstance(told, str):
            remark = f"Taken together with the next step. Reason: the model cannot be run in between: {told}."
            before = replace(joined, remarks=(*joined.remarks, remark))
        else:
            kept.append(joined)
    return tuple(kept), results


def _joined(one: Step, other: Step) -> Step:
    return Step(f"{one.name} and {other.name}", (*one.ids, *other.ids), (*one.remarks, *other.remarks))


def _asked(steps: Sequence[Step], singles: Sequence[str]) -> list[Moved]:
    """Mixtures that a walk needs: each step alone, both orders, each input alone, and all orders if steps are few."""
    parts = [frozenset(step.ids) for step in steps]
    asked = [*parts, *_ends(steps), *_ends(tuple(reversed(steps))), *(frozenset({key}) for key in singles)]
    if len(steps) <= ALL_ORDERS:
        asked += [frozenset().union(*some) for n in range(len(parts) + 1) for some in combinations(parts, n)]
    return list(dict.fromkeys(asked))  # in one order always, so that every run gives the same bits


def _evaluate(both: Mixture, terms: Terms, asked: Iterable[Moved]) -> dict[Moved, Result]:
    """Where each mixture stands, or why it cannot be run."""
    mixed = {moved: both.of(moved) for moved in asked}
    found: dict[Moved, Result] = {moved: first_problem(inputs) for moved, inputs in mixed.items()}
    sound = [moved for moved, problem in found.items() if not problem]
    answers = at_price_sets_together([mixed[moved] for moved in sound])
    for moved, answer in zip(sound, answers, strict=True):
        if isinstance(answer, Exception):
            found[moved] = str(answer) or type(answer).__name__
        else:
            found[moved] = _standings(mixed[moved], answer, terms)
    return found


def _standings(inputs: Inputs, outcomes: Priceable, terms: Terms) -> Standings:
    found: dict[PriceSet | None, Standing] = {p: _standing(inputs, each, terms) for p, each in outcomes.items()}
    return found | {None: found[PriceSet(inputs.text("settings.price_set"))]}


def _standing(inputs: Inputs, outcomes: Outcomes, terms: Terms) -> Standing:
    places = [outcomes.strategies.index(s) for s in (terms.reference, *terms.strategies)]
    costs, qalys = outcomes.cost[0, places], outcomes.qaly[0, places]
    delta = np.stack([costs[1:] - costs[0], qalys[1:] - qalys[0]], axis=-1)
    gained = delta[:, QALY, None] * np.asarray(terms.thresholds) - delta[:, COST, None]
    rows = pairwise((terms.reference, *terms.strategies), costs, qalys, terms.reference)
    ratios = tuple(icer_in_words(row, inputs.currency) for row in rows)
    return Standing(np.concatenate([delta, gained], axis=-1), ratios, outcomes)


# ----------------------------------------------------------------------------------------------------- paths


def _paths(
    both: Mixture,
    terms: Terms,
    steps: Sequence[Step],
    results: Mapping[Moved, Result],
    average: Mapping[str, Array],
    own: Sequence[Standings],
) -> Iterable[Path]:
    """Each strategy at the prices paid and at every price set that all mixtures of the sequence have."""
    ends = [_standings_of(results, end) for end in _ends(steps)]
    for price_set in (None, *(p for p in PriceSet if all(p in end for end in (*ends, *own)))):
        standing = np.stack([end[price_set].measures for end in ends])
        unknown = np.full((len(steps), *standing.shape[1:]), np.nan)
        effects = [_measures(results, frozenset(step.ids), price_set, standing) - standing[0] for step in steps]
        backwards = [_measures(results, end, price_set, standing) for end in _ends(tuple(reversed(steps)))]
        alone, reverse = np.reshape(effects, unknown.shape), np.diff(np.stack(backwards), axis=0)[::-1]
        for i, strategy in enumerate(terms.strategies):
            yield Path(
                strategy,
                both.first.labels[strategy],
                price_set,
                standing[:, i],
                np.stack([run[price_set].measures[i] for run in own]),
                tuple(end[price_set].ratios[i] for end in ends),
                alone[:, i],
                reverse[:, i],
                average.get(str(price_set), unknown)[:, i],
            )


def _standings_of(results: Mapping[Moved, Result], moved: Moved) -> Standings:
    found = results[moved]
    assert not isinstance(found, str)
    return found


def _measures(results: Mapping[Moved, Result], moved: Moved, price_set: PriceSet | None, like: Array) -> Array:
    """Measures of a mixture, not a number where it could not be run or has no such prices."""
    found = results[moved]
    if isinstance(found, str) or price_set not in found:
        return np.full(like[0].shape, np.nan)
    return found[price_set].measures


def _average(steps: Sequence[Step], results: Mapping[Moved, Result]) -> tuple[dict[str, Array], str]:
    """Effects averaged over all orders by price set, (steps, strategies, measures); or why there are none."""
    count, parts = len(steps), [frozenset(step.ids) for step in steps]
    if count > ALL_ORDERS:
        return {}, f"there are more than {ALL_ORDERS} steps, and every further one doubles the mixtures to run"
    found = {
        chosen: results[frozenset().union(*(parts[k] for k in chosen))]
        for n in range(count + 1)
        for chosen in combinations(range(count), n)
    }
    for chosen, told in found.items():
        if isinstance(told, str):
            return {}, f"{' with '.join(steps[k].name for k in chosen)} and nothing else cannot be run: {told}"
    standings = {chosen: told for chosen, told in found.items() if not isinstance(told, str)}
    sets = [p for p in (None, *PriceSet) if all(p in each for each in standings.values())]
    return {str(p): _shapley({chosen: each[p].measures for chosen, each in standings.items()}, count) for p in sets}, ""


def _shapley(values: Mapping[tuple[int, ...], Array], count: int) -> Array:
    """Effects of `count` parts averaged over all orders, from the value of every set of them: (count, …).

    φ_k = Σ |S|! (n − |S| − 1)! / n! · (v(S ∪ k) − v(S)) over the sets S without k; the φ_k add up to v(all) − v(none).
    Keys are rising places of the parts in a set.  Source: Shapley 1953, in Contributions to the Theory of Games II.
    """
    effects = []
    for k in range(count):
        total = np.zeros_like(values[()])
        for chosen in (chosen for chosen in values if k not in chosen):
            weight = factorial(len(chosen)) * factorial(count - len(chosen) - 1) / factorial(count)
            total = total + weight * (values[tuple(sorted((*chosen, k)))] - values[chosen])
        effects.append(total)
    return np.stack(effects) if effects else np.zeros((0, *np.shape(values[()])))


# --------------------------------------------------------------------------------------------- single inputs


def _singles(
    found: Sequence[InputDifference], tied: Mapping[str, str], results: Mapping[Moved, Result]
) -> dict[str, Single]:
    """Each input alone; one of several that mean nothing apart has no effect of its own."""
    start = results[frozenset()]
    assert not isinstance(start, str)
    singles = {}
    for difference in found:
        told = results.get(frozenset({difference.id}), tied.get(difference.id, ""))
        if isinstance(told, str):
            singles[difference.id] = Single(None, f"not alone: {told}")
        else:
            singles[difference.id] = Single(told[None].measures - start[None].measures)
    return singles


# ---------------------------------------------------------------------------------------------- the two ends


def _own_runs(both: Mixture, terms: Terms) -> list[Standings]:
    """Where each workbook stands when it is run as it was read, by itself."""
    found = []
    for side in (both.first, both.second):
        (answer,) = at_price_sets_together([side])
        if isinstance(answer, Exception):
            raise InputError([Problem(side.name, f"cannot be run: {answer}")])
        found.append(_standings(side, answer, terms))
    return found


def _gap(own: Standings, reached: Standings) -> float:
    """Largest distance of costs, QALYs and life-years in all their parts, relative to each strategy's total."""
    if own.keys() != reached.keys():
        return float("inf")
    return max(_distance(own[p].outcomes, reached[p].outcomes) for p in own)


def _distance(own: Outcomes, reached: Outcomes) -> float:
    if set(own.strategies) != set(reached.strategies):
        return float("inf")
    order = [reached.strategies.index(s) for s in own.strategies]
    gaps = []
    for name in ("costs", "qalys", "life_years"):
        one, other = getattr(own, name), getattr(reached, name)[:, order]
        total = np.abs(one).sum(axis=-1, keepdims=True)
        gaps.append(float((np.abs(one - other) / np.where(total > 0, total, 1.0)).max()))
    return max(gaps)

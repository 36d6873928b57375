"""All deterministic sensitivity analyses of one workbook, in the order in which each can use the one before.

Scenarios and one-way analysis come first; what matters most in them is what the two-way grids and the threshold
search look at. Value-based prices say how far a grid of prices must reach. With a second processor scenarios,
value-based prices and the runs that check the base case are made beside all the rest, in a helper process; the results
are the same.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from markov.analysis.base_case import BaseCase
from markov.analysis.checks_by_rerun import run_again
from markov.analysis.interpretation.benefit_risk import BenefitRisk, Malignancies, benefit_risk, malignancies
from markov.analysis.interpretation.severity import Severity, severity
from markov.analysis.sensitivity.one_way import Bar, Member, OneWay, one_way
from markov.analysis.sensitivity.scenarios import Scenarios, overall_survival_alternatives, scenarios
from markov.analysis.sensitivity.threshold import NEXT_BEST, Thresholds, threshold
from markov.analysis.sensitivity.two_way import Axis, TwoWay, axis, limits_of, moved_along, two_way, varies_by_row
from markov.analysis.sensitivity.value_based_price import (
    BASE_CASE,
    Prices,
    ValueBasedPrice,
    list_price,
    value_based_price_table,
    value_based_prices,
)
from markov.inputs.parameters import Inputs, Value
from markov.inputs.rules.between_values import products_of, scenario_changes, scenario_names
from markov.model.outcomes import Outcomes
from markov.model.workers import Beside
from markov.terms import Endpoint, Family, PostProgression

SEARCHED = 6
"""Parameters of the largest swings, by strategy, whose threshold values are searched for."""

RATIOS = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
HARMFUL = (1.1, 1.2, 1.3)  # added where the base case itself assumes more deaths
WANING = ((60.0, 120.0), (84.0, 144.0), None)  # months; None: never
SURVIVAL = ("pfs.", "os.", "pps.", "post_progression.", "settings.post_progression")
SHARES = (0.0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0)
"""Of the list price, on a grid: closer together where discounts end."""

FURTHEST = 4.0  # times the list price: how far a grid of prices reaches at most


@dataclass(frozen=True)
class Deterministic:
    """Deterministic analyses of one workbook beside its base case.

    `two_way` holds a grid for each strategy beside the reference, `prices` the value-based prices against the
    reference and, among several, against the next best; `follow_up` the same under other assumptions on survival.
    """

    scenarios: Scenarios
    one_way: OneWay
    two_way: tuple[TwoWay, ...]
    thresholds: Thresholds
    prices: Prices
    follow_up: Prices
    severity: Severity
    benefit_risk: BenefitRisk
    malignancies: Malignancies

    def most_influential(self, strategy: str) -> Bar | None:
        """The largest bar of a strategy at the first threshold; None where nothing is uncertain."""
        return next(iter(self.one_way.tornado(self.one_way.thresholds[0], strategy)), None)


class Begun:
    """What needs no base case, begun in a helper process: runs for its checks, value-based prices, harms, scenarios."""

    def __init__(self, inputs: Inputs):
        beside, own = Beside(), replace(inputs)  # a copy: what this process remembers in its own must not change it
        self.again: Callable[[], list[Outcomes]] = beside(run_again, own)
        self.follow_up: Callable[[], Prices] = beside(_follow_up, own)
        self.scenarios: Callable[[], Scenarios] = beside(scenarios, own)
        self.benefit_risk: Callable[[], BenefitRisk] = beside(benefit_risk, own)


def deterministic(inputs: Inputs, base: BaseCase, begun: Begun | None = None) -> Deterministic:
    """Scenarios, one-way, two-way and threshold analysis, value-based prices, severity, and benefit and risk.

    `begun` is what was begun before the base case ran.  Raises InputError where the base case itself cannot run.

    >>> from markov import base_case, read_inputs
    >>> found = deterministic(calgb, calgb_base)
    >>> [grid.second.id for grid in found.two_way], len(found.scenarios.scenarios)
    (['os.hazard_ratio.lenalidomide'], 22)
    """
    begun = begun or Begun(inputs)
    bars = one_way(inputs)
    found = threshold(inputs, _searched(inputs, bars), base=base.outcomes)
    follow_up = begun.follow_up()
    prices = Prices(_prices(inputs, follow_up))
    grids = tuple(_grids(inputs, bars, prices))
    risks = begun.benefit_risk()
    return Deterministic(
        scenarios=begun.scenarios(),
        one_way=bars,
        two_way=grids,
        thresholds=found,
        prices=prices,
        follow_up=follow_up,
        severity=severity(inputs, base.outcomes),
        benefit_risk=risks,
        malignancies=malignancies(base.outcomes),
    )


def _others(inputs: Inputs) -> tuple[str, ...]:
    return tuple(s for s in inputs.compared if s != inputs.reference)


# ------------------------------------------------------------------------------------------ what matters most


def _searched(inputs: Inputs, bars: OneWay) -> list[str]:
    """The most influential numbers of each strategy, once each, that can be searched for."""
    found = (member.id for s in _others(inputs) for member in _influential(inputs, bars, s)[:SEARCHED])
    return list(dict.fromkeys(found))


def _influential(inputs: Inputs, bars: OneWay, strategy: str) -> list[Member]:
    """Members of the largest bars that are one quantity and vary by row, largest first."""
    largest = bars.tornado(bars.thresholds[0], strategy, None)
    return [
        member
        for bar in largest
        if bar.has_effect and (member := _one_quantity(inputs, bar)) and _in_limits(inputs, member)
    ]


def _one_quantity(inputs: Inputs, bar: Bar) -> Member | None:
    """The member that stands for a bar: None for a group of several quantities, whose threshold is no number."""
    first, *others = (member for member in bar.factor.members if not member.follows)
    together = {first.id, *moved_along(inputs, first.id)}
    return first if all(member.id in together for member in others) and varies_by_row(inputs, first.id) else None


def _in_limits(inputs: Inputs, member: Member) -> bool:
    try:
        limits_of(inputs, member.id)
    except ValueError:
        return False
    return True


# ------------------------------------------------------------------------------------------------------ grids


def _grids(inputs: Inputs, bars: OneWay, prices: Prices) -> Iterator[TwoWay]:
    """For each strategy its price by its hazard ratio of death, or by what matters most where that is not used."""
    for strategy in _others(inputs):
        sides = [side for side in (_price_axis(inputs, strategy, prices), _survival_axis(inputs, strategy)) if side]
        for member in _influential(inputs, bars, strategy):
            if len(sides) < 2 and member.id not in (key for side in sides for key in side.ids):
                sides.append(axis(inputs, member.id))
        if len(sides) == 2:
            yield two_way(inputs, sides[0], sides[1])


def _price_axis(inputs: Inputs, strategy: str, prices: Prices) -> Axis | None:
    """From nothing to the list price, or a little beyond the highest value-based one."""
    known, dosed = set(products_of(inputs, inputs.reference)), products_of(inputs, strategy)
    if not dosed:
        return None
    product = next((p for p in dosed if p not in known), dosed[0])
    key = f"price.{product}.{inputs.text('settings.price_set')}"
    full = list_price(inputs, product) / inputs.factor(key)
    worth = max((p.share for p in prices if p.strategy == strategy and p.share is not None), default=0.0)
    shares = SHARES if worth <= SHARES[-2] else np.linspace(0.0, min(max(1.0, 1.25 * worth), FURTHEST), len(SHARES))
    return axis(inputs, key, [float(share) * full for share in shares]) if full > 0.0 else None


def _survival_axis(inputs: Inputs, strategy: str) -> Axis | None:
    """The hazard ratio of death over its 95 % interval and up to no effect, where deaths follow it."""
    key = f"{Endpoint.OS}.hazard_ratio.{strategy}"
    follows = inputs.text("settings.post_progression") == PostProgression.OVERALL_SURVIVAL
    if not follows or inputs.text(f"{Endpoint.OS}.family.{strategy}") != Family.HAZARD_RATIO:
        return None
    try:
        values = axis(inputs, key).values
    except ValueError:
        return axis(inputs, key, np.linspace(0.5, 1.0, 11).tolist())
    low, high = min(values[0], 1.0), max(values[-1], 1.0)
    return axis(inputs, key, np.linspace(low, high, 11).tolist())


# ------------------------------------------------------------------------------------------------------ prices


def _prices(inputs: Inputs, follow_up: Sequence[ValueBasedPrice]) -> Iterator[ValueBasedPrice]:
    """Value-based prices under the base case: against the reference, and among several against the next best."""
    for strategy in dict.fromkeys(price.strategy for price in follow_up):
        yield from (price for price in follow_up if (price.strategy, price.alternative) == (strategy, BASE_CASE))
        if len(inputs.compared) > 2:
            yield from value_based_prices(inputs, strategy, versus=NEXT_BEST)


def _follow_up(inputs: Inputs) -> Prices:
    """Value-based prices of strategies with a product, under the base case and other assumptions on survival."""
    return Prices(
        price
        for strategy in _others(inputs)
        if products_of(inputs, strategy)
        for price in value_based_price_table(inputs, strategy, _assumptions(inputs, strategy))
    )


def _assumptions(inputs: Inputs, strategy: str) -> Mapping[str, Mapping[str, Value]]:
    """Hazard ratios of death and how long they last; where deaths do not follow them, scenarios on survival."""
    if inputs.text("settings.post_progression") == PostProgression.OVERALL_SURVIVAL:
        ratio = inputs.value(f"{Endpoint.OS}.hazard_ratio.{strategy}")
        ratios = (*RATIOS, *HARMFUL) if isinstance(ratio, float) and ratio > 1.0 else RATIOS
        return overall_survival_alternatives(inputs, strategy, hazard_ratios=ratios, waning=WANING)
    found = {name: scenario_changes(inputs, name) for name in scenario_names(inputs)}
    return {name: changes for name, changes in found.items() if all(key.startswith(SURVIVAL) for key in changes)}

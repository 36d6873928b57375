"""The price at which a drug is worth it: net benefit is linear in a price, so that two runs give it in closed form.

The price that is found is put into a run of its own, whose net benefit is reported beside it.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from markov.analysis.frames import frame, scalars
from markov.analysis.sensitivity.one_way import CostsAndEffects
from markov.analysis.sensitivity.scenarios import applied_or_error
from markov.analysis.sensitivity.threshold import NEXT_BEST, gain_over
from markov.analysis.together import evaluate_together
from markov.inputs.parameters import Inputs, ScenarioChange, Value
from markov.inputs.rules.between_values import products_of
from markov.model.outcomes import Outcomes
from markov.terms import Array, PriceSet

if TYPE_CHECKING:
    from pandas import DataFrame

BASE_CASE = "Base case"
"""Name of the assumptions of the workbook itself."""


@dataclass(frozen=True)
class PackPrice:
    """A product's list price per pack and its value-based one, in the report's money; None where there is none."""

    product: str
    id: str
    list_price: float
    price: float | None


@dataclass(frozen=True)
class ValueBasedPrice:
    """The highest price at which a strategy's net benefit is not below that of what it is compared with.

    `share` of the list price of every product in `packs`; above 1 the drug is worth more than its list price. None
    where no price will do, or any would. Where `delta_qaly` is below 0 health is lost, and the price is what is left of
    a saving. `free` and `at_list` are the net benefits gained at a price of 0 and at the
    list price, `net_benefit` that of a run at the price found. `alternative` names the assumptions it holds under,
    `error` says why they could not be run.
    """

    alternative: str
    strategy: str
    label: str
    versus: str
    threshold: float
    packs: tuple[PackPrice, ...] = ()
    delta_qaly: float | None = None
    share: float | None = None
    free: float | None = None
    at_list: float | None = None
    net_benefit: float | None = None
    error: str = ""

    @property
    def discount(self) -> float | None:
        """Discount on the list price, as a share of it; negative where the drug is worth more."""
        return None if self.share is None else 1.0 - self.share

    @property
    def words(self) -> str:
        """The answer in a sentence, without units of money."""
        if self.free is None or self.delta_qaly is None:
            return self.error
        lost = "" if self.delta_qaly >= 0.0 else f"; {-self.delta_qaly:.2f} QALYs are lost, for savings elsewhere"
        if self.share is None and self.free >= 0.0:
            return f"worth it at any price: net benefit does not fall with the price{lost}"
        if self.share is None and self.at_list is not None and self.at_list > self.free:
            least = self.free / (self.free - self.at_list)
            return f"worth it only from {least:.0%} of the list price up: the alternative pays more for it{lost}"
        if self.share is None:
            return f"not worth it at any price: net benefit is {self.free:,.0f} even at a price of 0{lost}"
        if self.share >= 1.0:
            return f"worth its list price, and up to {self.share - 1.0:.0%} more{lost}"
        return f"worth it from a discount of {1.0 - self.share:.1%} on the list price{lost}"


class Prices(tuple[ValueBasedPrice, ...]):
    """Value-based prices by assumption, strategy and threshold."""

    def to_frame(self) -> "DataFrame":
        """A row a price and pack; assumptions that could not be run have one without a pack, with the error.

        >>> table = value_based_prices(calgb, "lenalidomide").to_frame()
        >>> bool((table["price"] == table["share"] * table["list_price"]).all()), table["threshold"].tolist()
        (True, [25000.0, 35000.0])
        """
        none = PackPrice("", "", math.nan, None)
        return frame(
            {**scalars(price), "discount": price.discount, **scalars(pack)}
            for price in self
            for pack in price.packs or (none,)
        )


def value_based_prices(
    inputs: Inputs,
    strategy: str,
    *,
    products: Sequence[str] | None = None,
    versus: str | None = None,
    thresholds: Sequence[float] | None = None,
) -> Prices:
    """The price, as a share φ of list, at which a strategy's net benefit over another's is 0, by threshold.

    G(φ) = G(0) + φ·(G(1) − G(0)) is exact, so φ* = G(0)/(G(0) − G(1)); against NEXT_BEST the lowest of those against
    each other strategy. `products` are all of the strategy's, on one discount, or some of them, the others at the
    price paid. List prices are those of the brand, or the ones paid where there is no brand price.
    Raises ValueError for a strategy that is not compared, or without such a product.
    Source: Claxton, Briggs, Buxton and others 2008, BMJ 336:251.

    >>> price, = value_based_prices(calgb, "lenalidomide", thresholds=[35000.0])
    >>> 0.0 < price.packs[0].price < price.packs[0].list_price, abs(price.net_benefit) < 1e-6
    (True, True)
    """
    against, chosen = versus or inputs.reference, _chosen(inputs, strategy, products)
    at = tuple(float(threshold) for threshold in (inputs.thresholds if thresholds is None else thresholds))
    (found,) = _answers([_Question(BASE_CASE, inputs, strategy, chosen, against, at)])
    if isinstance(found, Exception):
        raise found
    return found


@dataclass(frozen=True)
class _Question:
    """A question for a price: under which inputs, of which strategy and products, against what."""

    alternative: str
    inputs: Inputs
    strategy: str
    products: tuple[str, ...]
    versus: str
    thresholds: tuple[float, ...]

    def at_shares(self, shares: Sequence[float | None]) -> tuple[Inputs, dict[str, Array]]:
        """Rows in which the products cost these shares of their list prices, the list price itself for None."""
        rows = np.array([1.0 if share is None else share for share in shares])
        paid = {product: _paid(self.inputs, product) for product in self.products}
        return self.inputs, {k: rows * list_price(self.inputs, p) / self.inputs.factor(k) for p, k in paid.items()}

    def shares(self, ends: CostsAndEffects) -> list[float | None]:
        """The share for each threshold, from outcomes at a price of 0 and at the list price."""
        others = [s for s in ends.strategies if s != self.strategy] if self.versus == NEXT_BEST else [self.versus]
        pairs = [[gain_over(ends, t, self.strategy, s).tolist() for s in others] for t in self.thresholds]
        return [_highest_share(each) for each in pairs]


def _answers(questions: Sequence[_Question]) -> list[Prices | Exception]:
    """All prices from two rounds of evaluations, at the ends and at what was found, or why there are none."""
    ends = evaluate_together([q.at_shares([0.0, 1.0]) for q in questions])
    shares = [[] if isinstance(e, Exception) else q.shares(e) for q, e in zip(questions, ends, strict=True)]
    tried = evaluate_together([q.at_shares(found or [1.0]) for q, found in zip(questions, shares, strict=True)])
    return [_answer(*each) for each in zip(questions, shares, ends, tried, strict=True)]


def _answer(
    asked: _Question, shares: Sequence[float | None], ends: Outcomes | Exception, tried: Outcomes | Exception
) -> Prices | Exception:
    if isinstance(ends, Exception):
        return ends
    if isinstance(tried, Exception):
        return tried
    strategy, versus, found = asked.strategy, asked.versus, list[ValueBasedPrice]()
    lists = {product: list_price(asked.inputs, product) for product in asked.products}
    for i, (t, share) in enumerate(zip(asked.thresholds, shares, strict=True)):
        packs = tuple(
            PackPrice(product, _paid(asked.inputs, product), price, None if share is None else share * price)
            for product, price in lists.items()
        )
        free, at_list = gain_over(ends, t, strategy, versus).tolist()
        left = None if share is None else float(gain_over(tried, t, strategy, versus)[i])
        figures = packs, _delta_qaly(tried, i, t, strategy, versus), share, free, at_list, left
        found.append(ValueBasedPrice(asked.alternative, strategy, asked.inputs.labels[strategy], versus, t, *figures))
    return Prices(found)


def value_based_price_table(
    inputs: Inputs,
    strategy: str,
    alternatives: Mapping[str, Mapping[str, Value]],
    *,
    thresholds: Sequence[float] | None = None,
) -> Prices:
    """Value-based prices under the base case and under each set of changed values, by name: price against follow-up.

    Longer survival need not mean a higher price: years after progression cost money too.
    A set that cannot be run has its message instead of a price.

    >>> from markov.analysis.sensitivity.scenarios import overall_survival_alternatives
    >>> ratios = overall_survival_alternatives(calgb, "lenalidomide", hazard_ratios=[0.5, 0.8])
    >>> table = value_based_price_table(calgb, "lenalidomide", ratios, thresholds=[35000.0])
    >>> [row.alternative for row in table], table[1].share == table[2].share
    (['Base case', 'OS hazard ratio 0.5', 'OS hazard ratio 0.8'], False)
    """
    against, products = inputs.reference, _chosen(inputs, strategy, None)
    at = tuple(float(t) for t in (inputs.thresholds if thresholds is None else thresholds))
    cases: dict[str, Inputs | Exception] = {BASE_CASE: inputs}
    for name, changes in alternatives.items():
        cases[name] = applied_or_error(inputs, [ScenarioChange(name, key, value) for key, value in changes.items()])
    sound = {name: each for name, each in cases.items() if isinstance(each, Inputs)}
    answers = _answers([_Question(name, each, strategy, products, against, at) for name, each in sound.items()])
    label, found = inputs.labels[strategy], list[ValueBasedPrice]()
    for name, result in {**cases, **dict(zip(sound, answers, strict=True))}.items():
        told = [ValueBasedPrice(name, strategy, label, against, t, error=str(result)) for t in at]
        found += result if isinstance(result, tuple) else told
    return Prices(found)


def _chosen(inputs: Inputs, strategy: str, products: Sequence[str] | None) -> tuple[str, ...]:
    """The products that are priced: those asked for, or all that the strategy is given."""
    if strategy not in inputs.compared:
        raise ValueError(f'"{strategy}" is not among the strategies {", ".join(inputs.compared)}')
    dosed = products_of(inputs, strategy)
    chosen = tuple(dosed if products is None else products)
    if not chosen or not set(chosen) <= set(dosed):
        raise ValueError(f'"{strategy}" is not given {", ".join(chosen) or "any product"}')
    return chosen


def _delta_qaly(outcomes: CostsAndEffects, row: int, threshold: float, strategy: str, versus: str) -> float:
    """QALYs gained over the strategy compared with, or over the best of the others in this row."""
    names = outcomes.strategies
    own = names.index(strategy)
    benefit = threshold * outcomes.qaly[row] - outcomes.cost[row]
    benefit[own] = -math.inf
    other = int(np.argmax(benefit)) if versus == NEXT_BEST else names.index(versus)
    return float(outcomes.qaly[row, own] - outcomes.qaly[row, other])


def list_price(inputs: Inputs, product: str) -> float:
    """The brand's price per pack in the report's money, or the price paid where there is no brand price.

    >>> list_price(calgb, "lenalidomide_10mg")
    3780.0
    """
    brand = f"price.{product}.{PriceSet.BRAND}"
    return inputs.number(brand if inputs.given(brand) else _paid(inputs, product))


def _paid(inputs: Inputs, product: str) -> str:
    """Id of the price that is paid."""
    return f"price.{product}.{inputs.text('settings.price_set')}"


def _highest_share(ends: Sequence[Sequence[float]]) -> float | None:
    """The highest φ ≥ 0 with G(0) + φ·(G(1) − G(0)) ≥ 0 for every pair (G(0), G(1)); None: there is none, or no limit.

    >>> _highest_share([(100.0, -100.0)]), _highest_share([(-1.0, -5.0)]), _highest_share([(1.0, 2.0)])
    (0.5, None, None)
    """
    lowest, highest = 0.0, math.inf
    for free, at_list in ends:
        slope = at_list - free
        if slope < 0.0:
            highest = min(highest, -free / slope)
        elif free < 0.0:
            lowest = max(lowest, -free / slope if slope > 0.0 else math.inf)
    return highest if lowest <= highest < math.inf else None

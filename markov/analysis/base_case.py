"""The base case: one run, its incremental analysis, its checks, and other readings of mortality after progression."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from markov.analysis.checks import Check, checks_of_a_run
from markov.analysis.checks_by_rerun import checks_by_rerun
from markov.analysis.frames import frame, scalars
from markov.analysis.incremental import IncrementalRow, NetBenefit, PairwiseRow, incremental, net_benefit, pairwise
from markov.analysis.interpretation.bridge import Bridge, bridge
from markov.analysis.together import evaluate_together, single_runs
from markov.analysis.trial_comparison import TrialComparison, trial_comparisons
from markov.inputs.parameters import Inputs, Value, changed_inputs
from markov.inputs.problems import raise_errors
from markov.inputs.rules import between_values
from markov.model.evaluate import evaluate
from markov.model.hazards import crossing_problems
from markov.model.outcomes import Outcomes
from markov.terms import Array, PostProgression, PostProgressionRate, PriceSet

if TYPE_CHECKING:
    from pandas import DataFrame

ALTERNATIVES: Mapping[str, Mapping[str, Value]] = {
    "One excess death rate for all": {
        "settings.post_progression": PostProgression.RATE.value,
        "settings.post_progression_rate": PostProgressionRate.COMMON.value,
    },
    "An excess death rate by strategy": {
        "settings.post_progression": PostProgression.RATE.value,
        "settings.post_progression_rate": PostProgressionRate.BY_STRATEGY.value,
    },
    "Deaths follow the overall-survival curves": {"settings.post_progression": PostProgression.OVERALL_SURVIVAL.value},
}
"""The three readings of mortality after progression that every default report shows side by side."""


Priceable = dict[PriceSet, Outcomes]
"""Outcomes at every price set for which there are prices."""


@dataclass(frozen=True)
class Headline:
    """One reading of mortality after progression: outcomes at each price set, or the reason there are none."""

    name: str
    is_base: bool
    outcomes: Mapping[PriceSet, Outcomes]
    reason: str = ""


@dataclass(frozen=True)
class BaseCase:
    """Everything a report says about one workbook under its own settings."""

    inputs: Inputs
    outcomes: Outcomes
    incremental: tuple[IncrementalRow, ...]
    pairwise: tuple[PairwiseRow, ...]
    net_benefit: NetBenefit
    headlines: tuple[Headline, ...]
    trial: tuple[TrialComparison, ...]
    checks: tuple[Check, ...]
    bridge: Bridge

    @property
    def labels(self) -> list[str]:
        """Labels of the compared strategies, in their order."""
        return [self.inputs.labels[strategy] for strategy in self.outcomes.strategies]

    def to_frame(self) -> "DataFrame":
        """A row a strategy, ordered by cost: discounted totals, incremental analysis and life-years.

        `outcomes.to_frame()` has costs, QALYs and life-years in their parts.

        >>> calgb_base.to_frame()[["label", "position", "versus"]].values.tolist()
        [['No maintenance', 'reference', ''], ['Lenalidomide', 'frontier', 'no_maintenance']]
        """
        years = dict(zip(self.outcomes.strategies, self.outcomes.life_year[0].tolist(), strict=True))
        labels = self.inputs.labels
        rows = [{"label": labels[r.strategy], **scalars(r), "life_years": years[r.strategy]} for r in self.incremental]
        return frame(rows)


def base_case(inputs: Inputs, again: Callable[[], Sequence[Outcomes]] | None = None) -> BaseCase:
    """Run a workbook: outcomes with their trace, incremental analysis, headline alternatives and checks.

    `again` gives what `checks_by_rerun.run_again` found, where that was begun elsewhere.
    Raises InputError where curves cross under the error policy.

    >>> result = base_case(calgb)
    >>> [row.strategy for row in result.incremental]
    ['no_maintenance', 'lenalidomide']
    """
    raise_errors(crossing_problems(inputs))
    outcomes = evaluate(inputs, trace=True)
    costs, qalys = outcomes.cost[0].tolist(), outcomes.qaly[0].tolist()
    names = outcomes.strategies
    headlines, paid = tuple(_headlines(inputs)), PriceSet(inputs.text("settings.price_set"))
    readings = {h.name: h.outcomes.get(paid, h.reason or "no price of this set") for h in headlines}
    return BaseCase(
        inputs,
        outcomes,
        incremental(names, costs, qalys),
        pairwise(names, costs, qalys, inputs.reference),
        net_benefit(costs, qalys, inputs.thresholds),
        headlines,
        trial_comparisons(inputs, outcomes),
        (*checks_of_a_run(inputs, outcomes), *checks_by_rerun(inputs, outcomes, again and again())),
        bridge(inputs, outcomes, readings),
    )


def _headlines(inputs: Inputs) -> Iterator[Headline]:
    bare = replace(inputs, scenarios=())
    changed = {name: changed_inputs(bare, changes) for name, changes in ALTERNATIVES.items()}
    rules = {name: _broken_rule(each) for name, each in changed.items()}
    sound = [name for name, rule in rules.items() if not rule]
    found = dict(zip(sound, at_price_sets_together([changed[name] for name in sound]), strict=True))
    for name, changes in ALTERNATIVES.items():
        outcomes = found.get(name, {})
        if isinstance(outcomes, Exception):
            raise outcomes
        is_base = all(inputs.text(key) == value for key, value in changes.items())
        yield Headline(name, is_base, outcomes, rules[name])


def _broken_rule(inputs: Inputs) -> str:
    """Why inputs cannot run; empty where they can."""
    problems = [*between_values.problems(inputs), *crossing_problems(inputs)]
    return next((problem.rule for problem in problems if not problem.warning), "")


def _price_rows(inputs: Inputs) -> tuple[list[PriceSet], dict[str, Array]]:
    """The price sets for which all products in use have a price, and a row of prices for each of them."""
    paid = inputs.text("settings.price_set")
    products = {p for s in inputs.compared for p in between_values.products_of(inputs, s)}
    sets = [s for s in PriceSet if all(inputs.given(f"price.{product}.{s}") for product in products)]
    columns = {}
    for product in sorted(products):
        own = inputs.factor(f"price.{product}.{paid}")
        prices = [inputs.number(f"price.{product}.{s}") / own for s in sets]
        columns[f"price.{product}.{paid}"] = np.array(prices)
    return sets, columns


def at_price_sets_together(inputs: Sequence[Inputs]) -> list[Priceable | Exception]:
    """Outcomes of each inputs at every price set for which all products in use have a price; or its error.

    Effects do not depend on the price set; many inputs take no more evaluations than their differences need.

    >>> prices, = at_price_sets_together([calgb])
    >>> [(price_set.value, bool(outcomes.cost[0, 1] > 100_000)) for price_set, outcomes in prices.items()]
    [('brand', True), ('generic', True)]
    """
    asked = [_price_rows(each) for each in inputs]
    answers = evaluate_together([(each, columns) for each, (_, columns) in zip(inputs, asked, strict=True)])
    found: list[Priceable | Exception] = []
    for answer, (sets, _) in zip(answers, asked, strict=True):
        if isinstance(answer, Exception):
            found.append(answer)
        else:
            runs = list(single_runs(answer))  # one where no product has a price
            found.append(dict(zip(sets, runs * len(sets) if len(runs) == 1 else runs, strict=True)))
    return found

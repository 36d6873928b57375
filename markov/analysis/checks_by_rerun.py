"""Checks that run the model again, on inputs whose results are known from those of the base case."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from markov.analysis.checks import Check, Found, apart, near, relative_gap
from markov.inputs.definitions.schema import match
from markov.inputs.parameters import Inputs, Parameter, Trusted, Value, changed_inputs
from markov.inputs.rules.between_values import products_of
from markov.model.evaluate import evaluate
from markov.model.outcomes import Outcomes
from markov.terms import LIVING, Array, CostCategory, Verdict


@dataclass(frozen=True)
class _Rerun:
    """A check by another run: of which inputs, with which rows, and how its outcomes compare with the base case."""

    inputs: Inputs
    compare: Callable[[Outcomes, Outcomes], Found]
    rows: Mapping[str, Array] = field(default_factory=dict)


def checks_by_rerun(inputs: Inputs, outcomes: Outcomes) -> tuple[Check, ...]:
    """Every check of a base case by another run.

    >>> {check.verdict.value for check in checks_by_rerun(calgb, calgb_base.outcomes)}
    {'pass'}
    """
    found = ((rerun, evaluate(rerun.inputs, Trusted(rerun.rows))) for rerun in _reruns(inputs))
    return tuple(check for rerun, other in found for check in rerun.compare(outcomes, other))


def _reruns(inputs: Inputs) -> list[_Rerun]:
    bare = replace(inputs, scenarios=())
    several = (_equal_arms, _swapped_arms) if len(inputs.compared) > 1 else ()
    return [rerun(bare) for rerun in (_unit_utilities, _rates_and_prices, *several, _half_cycle_length)]


def _unit_utilities(inputs: Inputs) -> _Rerun:
    ones: dict[str, Value] = {f"utility.{state}": 1.0 for state in LIVING}
    ones |= {"settings.age_adjustment": "off", "settings.utility_cap": "off"}
    lost = ("utility.treatment_decrement.", "adverse_event.disutility.", "spm.disutility.")
    ones |= {key: 0.0 for key in inputs.parameters if key.startswith(lost)}

    def compare(outcomes: Outcomes, again: Outcomes) -> Found:
        del outcomes
        gap = float(np.abs(again.qalys - again.life_years).max())
        title = "With every utility 1, QALYs are life-years"
        yield near("qalys.unit_utilities", title, "equal, within 1e-9", gap, 1e-9)

    return _Rerun(changed_inputs(inputs, ones), compare)


def _rates_and_prices(inputs: Inputs) -> _Rerun:
    """One evaluation at discount rates of 0, at the prices and at twice the prices."""
    rates: dict[str, Value] = {key: 0.0 for key in inputs.parameters if key.startswith("settings.discount_rate")}
    rates |= {"settings.discount_rate.costs": 0.0, "settings.discount_rate.effects": 0.0}
    paid, products = inputs.text("settings.price_set"), {p for s in inputs.compared for p in products_of(inputs, s)}
    keys = [f"price.{product}.{paid}" for product in sorted(products)]
    prices = {key: np.array([1.0, 2.0]) * float(str(inputs.value(key))) for key in keys}

    def compare(outcomes: Outcomes, again: Outcomes) -> Found:
        gap = max(relative_gap(part[:, :, 0], part[:, :, 1]) for part in (again.life_years, again.qalys, again.costs))
        gap = max(gap, relative_gap(again.costs[:1, :, 0], outcomes.costs[:, :, 0]))
        title = "At a rate of 0, discounted is undiscounted"
        yield near("discounting.none", title, "equal, within 1e-12", gap, 1e-12)
        if prices:
            once, twice = again.costs[:, :, 1].copy()
            once[:, list(CostCategory).index(CostCategory.DRUG)] *= 2.0
            title = "Twice the price is twice the drug cost, and nothing else"
            yield near("price.linear", title, "equal, within 1e-12", relative_gap(twice, once), 1e-12)

    return _Rerun(changed_inputs(inputs, rates), compare, prices)


def _equal_arms(inputs: Inputs) -> _Rerun:
    """Every strategy with the reference's inputs has the reference's results."""

    def compare(outcomes: Outcomes, again: Outcomes) -> Found:
        reference = outcomes.strategies.index(inputs.reference)
        gap = max(
            relative_gap(part, np.repeat(base[:, [reference]], part.shape[1], axis=1))
            for part, base in ((again.costs, outcomes.costs), (again.qalys, outcomes.qalys))
        )
        yield near("arms.equal", "Strategies with equal inputs have equal results", "equal, within 1e-12", gap, 1e-12)

    return _Rerun(changed_inputs(inputs, as_reference(inputs)), compare)


def as_reference(inputs: Inputs) -> dict[str, Value]:
    """Changes that give every other strategy the reference's inputs, each in its own unit.

    >>> as_reference(calgb)["treatment.share_starting.lenalidomide"]
    0.0
    """
    changes: dict[str, Value] = {}
    for identifier, parameter in inputs.parameters.items():
        found = match(identifier)
        if found is None or "strategy" not in found[1] or identifier.startswith("strategy.included."):
            continue
        for other in inputs.compared:
            key = found[0].pattern.format(**{**found[1], "strategy": other})
            twin = found[0].pattern.format(**{**found[1], "strategy": inputs.reference})
            if other == inputs.reference or found[1]["strategy"] not in (other, inputs.reference):
                continue
            value = inputs.value(twin)
            if isinstance(value, float) and parameter.definition.quantity is not None:
                value = inputs.number(twin) / inputs.factor(key)
            changes[key] = value
    return changes


def _swapped_arms(inputs: Inputs) -> _Rerun:
    """Two strategies that trade names trade results."""
    first, second = inputs.compared[:2]
    names = {first: second, second: first}

    def compare(outcomes: Outcomes, again: Outcomes) -> Found:
        gap, title = apart(again, outcomes, names), "Strategies that trade inputs trade results"
        yield near("arms.swapped", title, "equal, within 1e-12", gap, 1e-12)

    return _Rerun(renamed(inputs, names), compare)


def renamed(inputs: Inputs, names: Mapping[str, str]) -> Inputs:
    """A copy in which strategies have other ids: every cell of one belongs to another.

    >>> swapped = renamed(calgb, {"lenalidomide": "no_maintenance", "no_maintenance": "lenalidomide"})
    >>> swapped.value("treatment.share_starting.no_maintenance")
    1.0
    """
    parameters: dict[str, Parameter] = {}
    for parameter in inputs.parameters.values():
        head, _, last = parameter.id.rpartition(".")
        identifier = f"{head}.{names.get(last, last)}"
        value = parameter.value
        if isinstance(value, str) and ".reference" in parameter.id:
            value = names.get(value, value)
        parameters[identifier] = replace(parameter, id=identifier, value=value)
    return replace(inputs, parameters=parameters)


def _half_cycle_length(inputs: Inputs) -> _Rerun:
    """Results hardly move when the cycle is halved."""

    def compare(outcomes: Outcomes, again: Outcomes) -> Found:
        threshold = inputs.thresholds[0]
        worth, before = again.cost + threshold * again.qaly, outcomes.cost + threshold * outcomes.qaly
        change = float(np.abs(worth / np.maximum(before, 1e-9) - 1.0).max())
        verdict = Verdict.PASS if change < 1e-3 else Verdict.WARN
        title = "Halving the cycle hardly moves cost + threshold × QALY"
        note = "the horizon is rounded up to whole cycles, which moves a little too"
        yield Check("cycle.halved", title, "less than 0.1 %", f"{change:.4%}", verdict, note)

    return _Rerun(changed_inputs(inputs, {"settings.cycle_days": inputs.number("settings.cycle_days") / 2.0}), compare)

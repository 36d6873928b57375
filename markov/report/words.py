"""Sentences of the report, made from the numbers they state."""

from collections.abc import Iterable, Iterator

import numpy as np

from markov.analysis.base_case import BaseCase, Headline
from markov.analysis.incremental import PairwiseRow, Quadrant, icer_in_words, pairwise
from markov.inputs.definitions.schema import Sheet
from markov.inputs.parameters import Inputs, Parameter
from markov.inputs.rules.between_values import products_of
from markov.model.outcomes import Outcomes
from markov.terms import COST_LABELS, TRUSTED, CostCategory, PriceSet, Status, Verdict
from markov.terms import money as money  # sentences and pages write amounts alike


def per_qaly(threshold: float, currency: str) -> str:
    """A threshold in words.

    >>> per_qaly(25000, "GBP")
    '£25,000 per QALY'
    """
    return f"{money(threshold, currency)} per QALY"


def comparison(outcomes: Outcomes, inputs: Inputs, strategy: str) -> str:
    """The ratio of one strategy against the reference in words."""
    costs, qalys = outcomes.cost[0].tolist(), outcomes.qaly[0].tolist()
    rows = pairwise(outcomes.strategies, costs, qalys, inputs.reference)
    return icer_in_words(next(r for r in rows if r.strategy == strategy), inputs.currency)


def answer(result: BaseCase) -> list[str]:
    """The answer in two to four sentences a strategy."""
    return [sentence for row in result.pairwise for sentence in _answer(result, row)]


def answer_by_strategy(result: BaseCase) -> list[str]:
    """The same, a paragraph a strategy."""
    return [" ".join(_answer(result, row)) for row in result.pairwise]


def _answer(result: BaseCase, row: PairwiseRow) -> Iterator[str]:
    inputs = result.inputs
    base = next((h for h in result.headlines if h.is_base and h.outcomes), None)
    label, against = inputs.labels[row.strategy], inputs.labels[row.versus]
    more = "costs {} more" if row.delta_cost >= 0 else "saves {}"
    cost = more.format(money(abs(row.delta_cost), inputs.currency))
    effect = f"{'gains' if row.delta_qaly >= 0 else 'loses'} {abs(row.delta_qaly):.2f} QALYs"
    price = inputs.text("settings.price_set")
    text = f"{label} {cost} and {effect} per patient against {against.lower()} at the {price} price: "
    yield text + icer_in_words(row, inputs.currency) + "."
    other = _other_price(base, price) if base else None
    if other is not None:
        name, alternative = other
        yield f"At the {name} price: {comparison(alternative, inputs, row.strategy)}."
    yield _at_thresholds(result, row.strategy, result.outcomes, other)
    if row.quadrant is Quadrant.LESS_COSTLY_LESS_EFFECTIVE:
        yield "It saves because health is lost: a positive net benefit says only that the saving is worth more."


def _other_price(base: Headline, paid: str) -> tuple[PriceSet, Outcomes] | None:
    return next(((s, o) for s, o in base.outcomes.items() if s != paid), None)


def _at_thresholds(result: BaseCase, strategy: str, outcomes: Outcomes, other: tuple[PriceSet, Outcomes] | None) -> str:
    inputs = result.inputs
    listed = []
    for name, candidate in ((inputs.text("settings.price_set"), outcomes), *([other] if other else [])):
        i, r = (candidate.strategies.index(s) for s in (strategy, inputs.reference))
        gains = {t: float(np.diff(candidate.net_benefit(t)[0, [r, i]])[0]) for t in inputs.thresholds}
        signs = {
            sign: " and ".join(money(t, inputs.currency) for t, g in gains.items() if (g > 0) == positive)
            for sign, positive in (("positive", True), ("negative", False))
        }
        told = " and ".join(f"{sign} at {amounts} per QALY" for sign, amounts in signs.items() if amounts)
        listed.append(f"at the {name} price its net benefit is {told}")
    text = "; ".join(listed)
    return f"{text[0].upper()}{text[1:]}."


def range_of_alternatives(result: BaseCase) -> str:
    """How far the answer depends on what is assumed about mortality after progression."""
    inputs = result.inputs
    parts = []
    for row in result.pairwise:
        i, r = (result.outcomes.strategies.index(s) for s in (row.strategy, inputs.reference))
        gains = [
            float((o.life_years[0, i, 0] - o.life_years[0, r, 0]).sum())
            for h in result.headlines
            for o in list(h.outcomes.values())[:1]
        ]
        if gains:
            label = inputs.labels[row.strategy]
            parts.append(f"{label} {_span(min(gains), max(gains))} undiscounted life-years per patient")
    return (
        "The largest structural uncertainty is mortality after progression. Under the three readings below, "
        f"{'; '.join(parts)}."
    )


def _span(low: float, high: float) -> str:
    """A range of gains and losses in words.

    >>> _span(-0.5, 0.7)
    'loses 0.50 to gains 0.70'
    """
    if low >= 0:
        return f"gains {low:.2f} to {high:.2f}"
    if high <= 0:
        return f"loses {-high:.2f} to {-low:.2f}"
    return f"loses {-low:.2f} to gains {high:.2f}"


def checks_counted(result: BaseCase) -> str:
    """Checks by verdict, in one sentence."""
    counts = {v: sum(check.verdict is v for check in result.checks) for v in Verdict}
    warned = "; ".join(f"{c.title}: {c.observed}" for c in result.checks if c.verdict is Verdict.WARN)
    text = f"{len(result.checks)} checks: {counts[Verdict.PASS]} passed, {counts[Verdict.WARN]} warned"
    text += f", {counts[Verdict.FAIL]} failed. See Checks."
    return text + (f" Warned: {warned}." if warned else "")


def assumed(result: BaseCase) -> str:
    """The clinical inputs that nobody has verified, by name and value."""
    clinical = (Sheet.COHORT, Sheet.SURVIVAL, Sheet.EVENTS)
    found = [p for p in weak(result.inputs.parameters.values()) if p.definition.sheet in clinical]
    left_out = set(result.inputs.labels) - set(result.inputs.compared)
    found = [p for p in found if p.status != Status.DERIVED and p.id.rsplit(".", 1)[-1] not in left_out]
    listed = "; ".join(f"{p.label} {_plain(p)}".strip() for p in found)
    return f"Assumed or unverified among the clinical inputs: {listed}." if listed else ""


def weak(parameters: Iterable[Parameter]) -> list[Parameter]:
    """Parameters whose evidence is neither read nor from the seed paper, methods aside."""
    return [p for p in parameters if p.status and p.status not in TRUSTED and p.value is not None]


def prices(inputs: Inputs) -> str:
    """What a pack of each drug compared costs at every price set, with the status of a price that nobody looked up.

    >>> from markov.inputs.writing.template import shipped
    >>> from markov.inputs.workbook import read_inputs
    >>> prices(read_inputs(shipped("calgb_100104")))
    'lenalidomide 10mg £3,780 brand, £378 generic (assumption)'
    """
    products = dict.fromkeys(product for s in inputs.compared for product in products_of(inputs, s))
    return "; ".join(filter(None, (_price(inputs, product) for product in products)))


def _price(inputs: Inputs, product: str) -> str:
    told = []
    for name in PriceSet:
        price = inputs.parameters.get(f"price.{product}.{name}")
        if price is not None and isinstance(price.value, float):
            status = f" ({price.status})" if price.status and price.status not in TRUSTED else ""
            decimals = 0 if price.value == round(price.value) else 2
            told.append(f"{money(price.value, inputs.currency, decimals)} {name}{status}")
    return f"{product.replace('_', ' ')} {', '.join(told)}" if told else ""


def evidence_counted(result: BaseCase) -> str:
    """How many values rest on what kind of evidence."""
    by_status = {s: len(m) for s, m in result.inputs.by_status().items() if s}
    listed = ", ".join(f"{n} {status}" for status, n in sorted(by_status.items(), key=lambda item: -item[1]))
    return (
        f"Evidence behind the inputs: {listed}. Only values with the status seed or read were seen in their paper; "
        "all others are listed first on Inputs used."
    )


def significant(value: float) -> str:
    """Four significant digits, without a power of ten.

    >>> significant(16022.88), significant(0.04999999)
    ('16,020', '0.05')
    """
    return f"{float(f'{value:.4g}'):,.10g}"


def _plain(p: Parameter) -> str:
    """A value with its unit, without units that only name a kind of number."""
    value = f"{p.value:g}" if isinstance(p.value, float) else str(p.value)
    return value if p.unit in ("ratio", "number", "proportion", "utility", "count") else f"{value} {p.unit}"


def finding_survival(result: BaseCase) -> str:
    """What the survival chart shows."""
    medians = result.outcomes.curves["os"].median[0] * 12.0
    parts = [
        f"{result.inputs.labels[s]} {'not reached' if np.isnan(m) else f'{m:.0f}'}"
        for s, m in zip(result.outcomes.strategies, medians, strict=True)
    ]
    return f"Overall survival, median in months: {', '.join(parts)}"


def finding_progression(result: BaseCase) -> str:
    """What the PFS chart shows."""
    medians = result.outcomes.curves["pfs_net_of_spm"].median[0] * 12.0
    parts = [f"{result.inputs.labels[s]} {m:.0f}" for s, m in zip(result.outcomes.strategies, medians, strict=True)]
    return f"Progression-free survival, median in months: {', '.join(parts)}"


def finding_frontier(result: BaseCase) -> str:
    """What the frontier chart shows."""
    if not result.pairwise:
        return "One strategy: there is nothing to compare"
    told = (
        f"{result.inputs.labels[row.strategy]}: {icer_in_words(row, result.inputs.currency)}" for row in result.pairwise
    )
    return "; ".join(told)


def finding_costs(result: BaseCase) -> str:
    """What the cost chart shows."""
    costs = result.outcomes.costs[0, :, 1]
    i = int(np.argmax(costs.sum(axis=-1)))
    j = int(np.argmax(costs[i]))
    share = costs[i, j] / costs[i].sum() if costs[i].sum() else 0.0
    label = COST_LABELS[list(CostCategory)[j]]
    return f"{label} makes up {share:.0%} of the cost of {result.inputs.labels[result.outcomes.strategies[i]].lower()}"

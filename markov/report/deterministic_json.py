"""The deterministic sensitivity analyses as plain data, for the JSON of a run: the numbers of the sheets in full."""

from typing import Any

from markov.analysis.incremental import PairwiseRow
from markov.analysis.interpretation.benefit_risk import BenefitRisk
from markov.analysis.interpretation.malignancies import Malignancies
from markov.analysis.interpretation.severity import Severity
from markov.analysis.sensitivity.everything import Deterministic
from markov.analysis.sensitivity.one_way import Bar, OneWay
from markov.analysis.sensitivity.scenarios import Priced, Scenario, Scenarios
from markov.analysis.sensitivity.threshold import ThresholdValue
from markov.analysis.sensitivity.two_way import Axis, TwoWay
from markov.analysis.sensitivity.value_based_price import ValueBasedPrice


def deterministic_data(found: Deterministic) -> dict[str, Any]:
    """Scenarios, one-way, two-way, threshold, value-based prices, severity, benefit and risk, malignancies, by key."""
    return {
        "scenarios": _scenarios(found.scenarios),
        "one_way": _one_way(found.one_way),
        "two_way": [_two_way(grid) for grid in found.two_way],
        "threshold": [_threshold(value) for value in found.thresholds],
        "value_based_price": {
            "base_case": [_price(price) for price in found.prices],
            "by_assumed_survival": [_price(price) for price in found.follow_up],
        },
        "severity": _severity(found.severity),
        "benefit_risk": _benefit_risk(found.benefit_risk),
        "second_malignancies": _malignancies(found.malignancies, found.one_way.strategies),
    }


def _pair(row: PairwiseRow | None) -> dict[str, Any] | None:
    if row is None:
        return None
    figures = {"delta_cost": row.delta_cost, "delta_qaly": row.delta_qaly, "icer": row.icer}
    return {"versus": row.versus, **figures, "quadrant": row.quadrant.value}


# -------------------------------------------------------------------------------------------------- scenarios


def _scenarios(found: Scenarios) -> dict[str, Any]:
    balance = [
        {
            "strategy": row.strategy,
            "threshold": row.threshold,
            "price_set": row.price_set.value if row.price_set else None,
            "favouring": row.favouring,
            "against": row.against,
            "unchanged": row.unchanged,
            "not_compared": row.not_compared,
            "decision_changed": row.decision_changed,
        }
        for row in found.balance
    ]
    return {"base_case": _scenario(found.base), "list": [_scenario(s) for s in found.scenarios], "balance": balance}


def _scenario(scenario: Scenario) -> dict[str, Any]:
    changes = [
        {"id": c.id, "label": c.label, "unit": c.unit, "base": c.base, "value": c.value} for c in scenario.changes
    ]
    return {
        "name": scenario.name,
        "reason": scenario.reason,
        "changes": changes,
        "own_prices": _priced(scenario.own) if scenario.own else None,
        "prices": {price_set.value: _priced(priced) for price_set, priced in scenario.priced.items()},
        "remarks": list(scenario.remarks),
        "error": scenario.error or None,
    }


def _priced(priced: Priced) -> dict[str, Any]:
    strategies = [
        {
            "strategy": r.strategy,
            "cost": r.cost,
            "qaly": r.qaly,
            "life_years": r.life_years,
            "against_reference": _pair(r.against),
            "ratio": r.ratio,
            "net_benefit": list(r.net_benefit),
            "net_benefit_gained": list(r.gain),
            "change_from_base": list(r.change),
        }
        for r in priced.strategies
    ]
    return {
        "price_set": priced.price_set.value,
        "thresholds": list(priced.thresholds),
        "strategies": strategies,
        "optimal": list(priced.optimal),
        "decision_changed": list(priced.decision_changed),
    }


# ---------------------------------------------------------------------------------------- one-way and two-way


def _one_way(found: OneWay) -> dict[str, Any]:
    factors = {bar.factor.name: bar.factor for bar in found.bars}
    described = {
        name: {
            "label": factor.label,
            "declared": factor.declared,
            "members": [
                {
                    "id": m.id,
                    "unit": m.unit,
                    "base": m.base,
                    "low": m.low,
                    "high": m.high,
                    "status": m.status,
                    "follows": m.follows,
                }
                for m in factor.members
            ],
        }
        for name, factor in factors.items()
    }
    return {"thresholds": list(found.thresholds), "factors": described, "bars": [_bar(bar) for bar in found.bars]}


def _bar(bar: Bar) -> dict[str, Any]:
    return {
        "factor": bar.factor.name,
        "strategy": bar.strategy,
        "threshold": bar.threshold,
        "base": bar.base,
        "points": list(bar.points),
        "swing": bar.swing,
        "monotone": bar.is_monotone,
        "changes_decision": bar.changes_decision,
        "decisions": list(bar.decisions),
        "at_low": _pair(bar.at_low),
        "at_high": _pair(bar.at_high),
    }


def _axis(side: Axis) -> dict[str, Any]:
    return {
        "id": side.id,
        "unit": side.unit,
        "base": side.base,
        "values": list(side.values),
        "with": list(side.together),
    }


def _two_way(grid: TwoWay) -> dict[str, Any]:
    border = [
        {"threshold": p.threshold, "first": p.first, "second": p.second, "between": list(p.between)}
        for p in grid.border
    ]
    return {
        "first": _axis(grid.first),
        "second": _axis(grid.second),
        "strategies": list(grid.strategies),
        "thresholds": list(grid.thresholds),
        "cost": grid.cost.tolist(),
        "qaly": grid.qaly.tolist(),
        "optimal": [[list(row) for row in at] for at in grid.optimal],
        "border": border,
    }


# --------------------------------------------------------------------------------------- thresholds and prices


def _threshold(found: ThresholdValue) -> dict[str, Any]:
    asked = found.question
    crossings = [
        {"value": c.value, "net_benefit": c.net_benefit, "verified": c.is_verified, "error": c.error or None}
        for c in found.crossings
    ]
    return {
        "id": asked.axis.id,
        "unit": asked.axis.unit,
        "base": asked.axis.base,
        "strategy": asked.strategy,
        "versus": asked.versus,
        "threshold": asked.threshold,
        "value": found.value,
        "value_reason": None if found.value is not None else found.words,
        "searched": [found.low, found.high],
        "net_benefit": {"low": found.at_low, "base": found.at_base, "high": found.at_high},
        "crossings": crossings,
    }


def _price(price: ValueBasedPrice) -> dict[str, Any]:
    return {
        "assumption": price.alternative,
        "strategy": price.strategy,
        "versus": price.versus,
        "threshold": price.threshold,
        "share_of_list_price": price.share,
        "share_reason": None if price.share is not None else price.words,
        "packs": [
            {"product": p.product, "id": p.id, "list_price": p.list_price, "price": p.price} for p in price.packs
        ],
        "delta_qaly": price.delta_qaly,
        "net_benefit": {"free": price.free, "at_list_price": price.at_list, "at_price": price.net_benefit},
        "error": price.error or None,
    }


# ------------------------------------------------------------------------------------------ patients and harms


def _severity(found: Severity) -> dict[str, Any]:
    people = found.population
    return {
        "current_care": found.current_care,
        "population": {
            "life_years_undiscounted": float(people.life_years[0]),
            "qalys_undiscounted": float(people.qalys_undiscounted[0]),
            "qalys_discounted": float(people.qalys[0]),
        },
        "qalys_under_current_care": found.care,
        "absolute_shortfall": found.absolute,
        "proportional_shortfall": found.proportional,
        "weight": found.weight,
        "comparisons": [
            {
                "strategy": row.strategy,
                "unweighted": _pair(row.plain),
                "weighted": _pair(row.weighted),
                "net_benefit_gained": list(row.gain),
                "weighted_net_benefit_gained": list(row.weighted_gain),
            }
            for row in found.rows
        ],
        "thresholds": list(found.thresholds),
        "remarks": list(found.remarks),
    }


def _benefit_risk(found: BenefitRisk) -> dict[str, Any]:
    periods = [
        {
            "strategy": p.strategy,
            "tox_years": p.tox,
            "twist_years": p.twist,
            "rel_years": p.rel,
            "utilities": {"tox": p.u_tox, "twist": p.u_twist, "rel": p.u_rel},
        }
        for p in found.periods
    ]
    q_twist = [
        {
            "strategy": row.strategy,
            "versus": row.versus,
            "gain_years": [list(gains) for gains in row.grid],
            "gain_at_model_utilities": row.at_model,
        }
        for row in found.q_twist
    ]
    trade_offs = [
        {
            "strategy": t.strategy,
            "harm": t.harm,
            "delta_years": t.delta_years,
            "delta_share": t.delta_share,
            "years_per_harm": t.ratio,
            "words": t.words,
        }
        for t in found.trade_offs
    ]
    needed = [
        {
            "strategy": n.strategy,
            "outcome": n.outcome,
            "reference": n.reference,
            "share": n.share,
            "number": n.number,
            "words": n.words,
        }
        for n in found.numbers_needed
    ]
    utilities = list(found.utilities)
    return {
        "utilities": utilities,
        "periods": periods,
        "q_twist": q_twist,
        "trade_offs": trade_offs,
        "numbers_needed_to_treat": needed,
    }


def _malignancies(found: Malignancies, strategies: tuple[str, ...]) -> dict[str, Any]:
    by_strategy = {
        name: {
            "incidence": found.incidence[:, i].tolist(),
            "haematologic": found.haematologic[:, i].tolist(),
            "deaths": found.deaths[:, i].tolist(),
            "ever": float(found.ever[i]),
            "ever_deaths": float(found.ever_deaths[i]),
            "share_of_deaths": float(found.share_of_deaths[i]),
            "life_years": float(found.life_years[i]),
        }
        for i, name in enumerate(strategies)
    }
    return {"years": found.years.tolist(), "by_strategy": by_strategy}

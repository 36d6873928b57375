"""The run as JSON: the same numbers as the report, at full precision, for other programs."""

import json
from collections.abc import Iterator
from typing import Any

import numpy as np

from markov.analysis.base_case import BaseCase, Headline
from markov.analysis.incremental import IncrementalRow, PairwiseRow
from markov.analysis.sensitivity.everything import Deterministic
from markov.analysis.uncertainty.everything import Uncertainty
from markov.inputs.definitions.schema import Sheet
from markov.inputs.parameters import Inputs, Parameter
from markov.model.outcomes import LANDMARK_YEARS, SCHEDULES, Outcomes
from markov.report.deterministic_json import deterministic_data
from markov.report.sheets.provenance import program
from markov.report.uncertainty_json import uncertainty_data
from markov.terms import LIVING, MONTHS_PER_YEAR, Array, CostCategory, State

SCHEMA = 1
NOT_REACHED = "not reached within the horizon"


def to_json(
    result: BaseCase,
    *,
    deterministic: Deterministic | None = None,
    uncertainty: Uncertainty | None = None,
    trace: bool = False,
) -> str:
    """The run as a JSON text, schema 1; a missing number is null, with a reason beside it."""
    data = as_data(result, deterministic=deterministic, uncertainty=uncertainty, trace=trace)
    return json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False)


def as_data(
    result: BaseCase,
    *,
    deterministic: Deterministic | None = None,
    uncertainty: Uncertainty | None = None,
    trace: bool = False,
) -> dict[str, Any]:
    """The run as plain data: what `--json` writes."""
    inputs, outcomes = result.inputs, result.outcomes
    data: dict[str, Any] = {
        "schema": SCHEMA,
        "program": program(),
        "workbook": {"name": inputs.name, "sha256": inputs.sha256, "title": inputs.title},
        "confidential": list(inputs.confidential),
        "settings": {p.id.removeprefix("settings."): p.value for p in _parameters(inputs, settings=True)},
        "parameters": {
            p.id: {"value": p.value, "unit": p.unit, "status": p.status, "cell": p.cell}
            for p in _parameters(inputs, settings=False)
        },
        "strategies": [_strategy(result, i) for i in range(len(outcomes.strategies))],
        "incremental": [_incremental(row) for row in result.incremental],
        "pairwise": [_pairwise(row) for row in result.pairwise],
        "net_benefit": list(_net_benefit(result)),
        "headlines": [_headline(headline) for headline in result.headlines],
        "checks": [
            {"id": c.id, "expected": c.expected, "observed": c.observed, "verdict": c.verdict.value, "note": c.note}
            for c in result.checks
        ],
        "warnings": [str(problem) for problem in inputs.warnings],
    }
    if deterministic is not None:
        data |= deterministic_data(deterministic)
    if uncertainty is not None:
        data |= uncertainty_data(uncertainty)
    if trace:
        data["trace"] = _trace(result)
    return data


def _parameters(inputs: Inputs, *, settings: bool) -> Iterator[Parameter]:
    """Parameters of the sheet Settings, or all others."""
    return (p for p in inputs.parameters.values() if (p.definition.sheet is Sheet.SETTINGS) == settings)


def _incremental(row: IncrementalRow) -> dict[str, Any]:
    return {
        "strategy": row.strategy,
        "cost": row.cost,
        "qaly": row.qaly,
        "delta_cost": row.delta_cost,
        "delta_qaly": row.delta_qaly,
        "icer": row.icer,
        "versus": row.versus,
        "status": row.position.value,
    }


def _pairwise(row: PairwiseRow) -> dict[str, Any]:
    return {
        "strategy": row.strategy,
        "versus": row.versus,
        "delta_cost": row.delta_cost,
        "delta_qaly": row.delta_qaly,
        "quadrant": row.quadrant.value,
        "icer": row.icer,
    }


def _net_benefit(result: BaseCase) -> Iterator[dict[str, Any]]:
    """Monetary and health net benefit by strategy, at each threshold; health is not known at a threshold of 0."""
    benefit, names = result.net_benefit, result.outcomes.strategies
    for threshold, monetary, health in zip(result.inputs.thresholds, benefit.monetary, benefit.health, strict=True):
        yield {
            "threshold": threshold,
            "monetary": dict(zip(names, map(float, monetary), strict=True)),
            "health": dict(zip(names, map(_number, health), strict=True)),
        }


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _by_state(values: Array) -> dict[str, Any]:
    """Totals and parts of (schedules, living states)."""
    order = dict(zip(SCHEDULES, range(len(SCHEDULES)), strict=True))
    total = {schedule: float(values[k].sum()) for schedule, k in order.items()}
    parts = {s.value: {schedule: float(values[k, j]) for schedule, k in order.items()} for j, s in enumerate(LIVING)}
    return {**total, "by_state": parts}


def _strategy(result: BaseCase, i: int) -> dict[str, Any]:
    outcomes = result.outcomes
    name = outcomes.strategies[i]
    costs = outcomes.costs[0, i]
    categories = {
        c.value: {schedule: float(costs[k, j]) for k, schedule in enumerate(SCHEDULES)}
        for j, c in enumerate(CostCategory)
    }
    treatment = outcomes.curves["on_treatment"].median[0, i] * MONTHS_PER_YEAR
    return {
        "id": name,
        "label": result.inputs.labels[name],
        "life_years": _by_state(outcomes.life_years[0, i]),
        "qalys": _by_state(outcomes.qalys[0, i]),
        "costs": {
            **{schedule: float(costs[k].sum()) for k, schedule in enumerate(SCHEDULES)},
            "by_category": categories,
        },
        "events": {s.value: float(outcomes.entries[0, i, j]) for j, s in enumerate(State)},
        "time_on_treatment": {
            "mean_months": float(outcomes.time_on_treatment[0, i] * MONTHS_PER_YEAR),
            **_with_reason("median_months", treatment, "no treatment, or not reached"),
        },
        "solved": {f"{key}_per_year": float(values[0, i]) for key, values in outcomes.solved.items()},
        "counts": {key: _number(values[0, i]) for key, values in outcomes.counts.items()},
        "survival": {key: _curve(result, key, i) for key in ("pfs_net_of_spm", "progression_and_spm_free", "os")},
    }


def _with_reason(key: str, value: float, reason: str) -> dict[str, Any]:
    return {key: float(value)} if np.isfinite(value) else {key: None, f"{key}_reason": reason}


def _curve(result: BaseCase, key: str, i: int) -> dict[str, Any]:
    summary = result.outcomes.curves[key]
    landmarks = {f"{years:g}": _number(summary.landmarks[0, i, j]) for j, years in enumerate(LANDMARK_YEARS)}
    return {
        **_with_reason("median_months", summary.median[0, i] * MONTHS_PER_YEAR, NOT_REACHED),
        "mean_months": float(summary.mean[0, i] * MONTHS_PER_YEAR),
        "landmarks_by_year": landmarks,
    }


def _headline(headline: Headline) -> dict[str, Any]:
    prices = {price.value: _totals(outcomes) for price, outcomes in headline.outcomes.items()}
    return {"name": headline.name, "base_case": headline.is_base, "prices": prices, "reason": headline.reason or None}


def _totals(outcomes: Outcomes) -> dict[str, Any]:
    return {
        name: {
            "cost": float(outcomes.cost[0, i]),
            "qaly": float(outcomes.qaly[0, i]),
            "life_years_undiscounted": float(outcomes.life_years[0, i, 0].sum()),
        }
        for i, name in enumerate(outcomes.strategies)
    }


def _trace(result: BaseCase) -> dict[str, Any]:
    trace = result.outcomes.trace
    assert trace is not None
    return {
        name: {
            "time_years": trace.boundaries.tolist(),
            "occupancy": {s.value: trace.occupancy[0, i, :, j].tolist() for j, s in enumerate(State)},
        }
        for i, name in enumerate(result.outcomes.strategies)
    }

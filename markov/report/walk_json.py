"""The numbers of a walk as JSON: the key `walk` of schema 1."""

import json
import math
from typing import Any

from markov.analysis.walk.walk import COST, NET_BENEFIT, QALY, Path, Walk
from markov.inputs.differences import InputDifference
from markov.terms import Array


def walk_json(walk: Walk) -> str:
    """Steps, paths and differing inputs at full precision; what could not be run is null."""
    document: dict[str, Any] = {
        "schema": 1,
        "confidential": list(dict.fromkeys([*walk.first.confidential, *walk.second.confidential])),
        "walk": {
            "first": {"name": walk.first.name, "sha256": walk.first.sha256},
            "second": {"name": walk.second.name, "sha256": walk.second.sha256},
            "currency": walk.first.currency,
            "reference": walk.terms.reference,
            "thresholds": list(walk.terms.thresholds),
            "largest_relative_distance_at_ends": list(walk.gaps),
            "remarks": list(walk.remarks),
            "steps": [{"name": s.name, "ids": list(s.ids), "remarks": list(s.remarks)} for s in walk.steps],
            "not_alone": dict(walk.alone),
            "no_average": walk.orders or None,
            "paths": [_path(path) for path in walk.paths],
            "inputs": [_input(walk, d) for d in walk.found.inputs],
            "not_read": [_sides(d) for d in walk.found.inert],
        },
    }
    return json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False)


def _path(path: Path) -> dict[str, Any]:
    """One strategy against the reference; `price_set` null: as each workbook pays."""
    return {
        "strategy": path.strategy,
        "price_set": path.price_set.value if path.price_set else None,
        "standing": _measures(path.standing),
        "ratios": list(path.ratios),
        "own_runs": _measures(path.own),
        "in_sequence": _measures(path.effects),
        "alone": _measures(path.alone),
        "reverse": _measures(path.reverse),
        "average": _measures(path.average),
    }


def _measures(values: Array) -> list[dict[str, Any]]:
    return [
        {"delta_cost": row[COST], "delta_qaly": row[QALY], "net_benefit_gained": row[NET_BENEFIT:]}
        for row in ([None if math.isnan(value) else value for value in row] for row in values.tolist())
    ]


def _input(walk: Walk, difference: InputDifference) -> dict[str, Any]:
    single = walk.singles[difference.id]
    alone = None
    if single.effect is not None:
        alone = dict(zip(walk.terms.strategies, _measures(single.effect), strict=True))
    return {**_sides(difference), "alone": alone, "remark": single.remark or None}


def _sides(difference: InputDifference) -> dict[str, Any]:
    """An input's id with both sides; a side without a row is null."""
    rows = {
        name: None
        if row is None
        else {
            key: getattr(row, key)
            for key in ("value", "unit", "price_year", "source", "page", "status", "comment", "cell")
        }
        for name, row in (("first", difference.first), ("second", difference.second))
    }
    told = list(difference.told) if difference.told else None
    return {"id": difference.id, "label": difference.label, **rows, "in_words": told}

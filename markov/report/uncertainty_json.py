"""The analyses of uncertainty as plain data: the keys `psa`, `sobol`, `voi` and `importance` of schema 1."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from markov.analysis.uncertainty.acceptability import Plane
from markov.analysis.uncertainty.everything import Uncertainty
from markov.analysis.uncertainty.follow_up import FollowUp, Wait
from markov.analysis.uncertainty.importance import ImportanceTable
from markov.analysis.uncertainty.probabilistic import Probabilistic, Summary
from markov.analysis.uncertainty.sobol import Sobol
from markov.analysis.uncertainty.sobol_indices import Indices, Statement
from markov.analysis.uncertainty.structural import StructuralAverage
from markov.analysis.uncertainty.value_of_information import InformationValue, PartialValue, ValueOfInformation


def as_text(data: Mapping[str, Any]) -> str:
    """A document of schema 1 as JSON; missing numbers are null."""
    return json.dumps({"schema": 1, **data}, indent=1, ensure_ascii=False, allow_nan=False)


def uncertainty_data(found: Uncertainty) -> dict[str, Any]:
    """All analyses of uncertainty, by key."""
    return {
        "psa": psa_data(found.probabilistic),
        "sobol": sobol_data(found.sobol),
        "voi": voi_data(found.information, found.follow_up, found.note),
        "importance": [_importance(table) for table in found.importance],
    }


# ---------------------------------------------------------------------------------------------------- probabilistic


def psa_data(result: Probabilistic, average: StructuralAverage | None = None) -> dict[str, Any]:
    """Summaries, decisions, acceptability, plane, severity, invariants and draws; scenarios of an average."""
    sample, names = result.sample, result.sample.strategies
    data = {
        "runs": sample.runs,
        "strategies": list(names),
        "summaries": [_summary(summary) for summary in result.summaries],
        "decisions": _decisions(result),
        "acceptability": _acceptability(result),
        "plane": [_plane(plane, names[0]) for plane in result.planes],
        "severity_weights": [{"weight": w, "probability": share} for w, share in result.severity.items()],
        "idle": list(result.idle),
        "invariants": [
            {"id": i.rule.id, "draws": i.draws, "breaches": i.breaches, "worst": _finite(i.worst)}
            for i in sample.invariants
        ],
        "draws": {
            name: dict(zip(names, values.T.tolist(), strict=True))
            for name, values in (("cost", sample.cost), ("qaly", sample.qaly), ("life_years", sample.life_years))
        },
    }
    return data if average is None else data | _structures(average, names)


def _summary(summary: Summary) -> dict[str, Any]:
    return {
        "quantity": summary.quantity,
        "strategy": summary.strategy,
        "versus": summary.versus,
        "threshold": summary.threshold,
        "deterministic": summary.deterministic,
        "mean": summary.mean,
        "standard_error": _finite(summary.standard_error),
        "low": summary.low,
        "high": summary.high,
    }


def _plane(plane: Plane, versus: str) -> dict[str, Any]:
    return {
        "strategy": plane.strategy,
        "versus": versus,
        "mean_delta_qaly": plane.mean[0],
        "mean_delta_cost": plane.mean[1],
        "covariance": plane.covariance.tolist(),
        "ellipse": plane.ellipse.tolist(),
        "inside_ellipse": _finite(plane.inside),
        "quadrants": {quadrant.value: share for quadrant, share in plane.quadrants.items()},
    }


def _structures(average: StructuralAverage, names: Sequence[str]) -> dict[str, Any]:
    structures = [
        {
            "name": one.name,
            "weight": one.weight,
            "runs": one.runs,
            "mean_net_benefit": [dict(zip(names, row.tolist(), strict=True)) for row in one.mean_net_benefit],
        }
        for one in average.structures
    ]
    return {"structures": structures, "value_of_structure": average.value_of_structure.tolist()}


def _decisions(result: Probabilistic) -> list[dict[str, Any]]:
    names, found = result.sample.strategies, result.decisions
    return [
        {
            "threshold": float(threshold),
            "best": names[found.best[i]],
            "probability": dict(zip(names, found.probability[i].tolist(), strict=True)),
            "expected_loss": dict(zip(names, found.loss[i].tolist(), strict=True)),
            "evpi": float(found.evpi[i]),
        }
        for i, threshold in enumerate(found.thresholds)
    ]


def _acceptability(result: Probabilistic) -> dict[str, Any]:
    names, curves = result.sample.strategies, result.curves
    return {
        "thresholds": curves.thresholds.tolist(),
        "probability": dict(zip(names, curves.probability.T.tolist(), strict=True)),
        "frontier": curves.frontier.tolist(),
        "frontier_strategy": [names[best] for best in curves.best],
        "evpi": curves.evpi.tolist(),
    }


# ------------------------------------------------------------------------------------------------------------ Sobol


def sobol_data(result: Sobol) -> dict[str, Any]:
    """The design, its factors, and every index of every output with its half-width and statement of convergence."""
    pairs = zip(result.indices, result.statements, strict=True)
    return {
        "points": result.points,
        "runs": result.rows,
        "resamples": result.resamples,
        "seed": result.seed,
        "factors": [{"name": f.name, "parameters": list(f.parameters)} for f in result.factors],
        "idle": list(result.idle),
        "margins": {name: list(both) for name, both in result.margins.items()},
        "outputs": [_output(indices, told) for indices, told in pairs],
    }


def _output(found: Indices, told: Statement | None) -> dict[str, Any]:
    data: dict[str, Any] = {"output": found.output, "mean": found.mean, "variance": found.variance}
    if found.total is None or told is None:
        return data | {"indices": None, "reason": found.reason}
    assert found.first is not None and found.first_half_width is not None and found.total_half_width is not None
    columns = (found.first, found.first_half_width, found.total, found.total_half_width)
    keys = ("first", "first_half_width", "total", "total_half_width")
    data["indices"] = [
        {"factor": name, **dict(zip(keys, map(_finite, row), strict=True))}
        for name, row in zip(found.factors, np.stack(columns, axis=1).tolist(), strict=True)
    ]
    if found.second is not None and found.second_half_width is not None:
        data["pairs"] = [
            {
                "factors": [found.factors[i], found.factors[j]],
                "second": float(found.second[i, j]),
                "second_half_width": _finite(float(found.second_half_width[i, j])),
            }
            for i, j in found.pairs
        ]
    data["convergence"] = {
        "converged": told.is_converged,
        "widest_total_half_width": _finite(told.widest_total),
        "sum_first": told.sum_first,
        "unstable": list(told.unstable),
        "total_below_first": list(told.below_first),
        "points_enough": told.enough,
    }
    return data


# --------------------------------------------------------------------------------------------- value of information


def voi_data(found: ValueOfInformation, follow_up: Sequence[FollowUp], note: str) -> dict[str, Any]:
    """Perfect and partial perfect information per patient, and longer follow-up."""
    return {
        "perfect": [
            {"threshold": threshold, **_information(value)}
            for threshold, value in zip(found.thresholds, found.perfect, strict=True)
        ],
        "single": [_part(part) for part in found.single],
        "groups": [_part(part) for part in found.grouped],
        "follow_up": [_follow_up(one) for one in follow_up],
        "follow_up_reason": note or None,
    }


def _information(value: InformationValue) -> dict[str, Any]:
    return {
        "value": value.value,
        "standard_error": _finite(value.standard_error),
        "upward_bias": _finite(value.upward_bias),
        "method": value.method,
    }


def _part(part: PartialValue) -> dict[str, Any]:
    told = {"name": part.group, "parameters": list(part.parameters), "threshold": part.threshold}
    return told | _information(part.information)


def _follow_up(found: FollowUp) -> dict[str, Any]:
    return {
        "strategy": found.strategy,
        "versus": found.versus,
        "followed_years": found.followed,
        "lag_years": found.lag,
        "late_effect": "share of the early effect" if found.is_share else "modelled hazards",
        "share": list(found.share),
        "early_log_hazard_ratio": found.early,
        "late_log_hazard_ratio": {"mean": found.mean, "sd": found.sd},
        "meanwhile": dict(zip((f"{t:g}" for t in found.thresholds), found.meanwhile, strict=True)),
        "waits": [_wait(wait) for wait in found.waits],
    }


def _wait(wait: Wait) -> dict[str, Any]:
    return {
        "years": wait.years,
        "threshold": wait.threshold,
        "events": list(wait.events),
        "variance": _finite(wait.variance),
        "evsi": _information(wait.information),
        "normal_closed_form": wait.closed_form,
        "net_benefit_now": wait.expected_now,
        "net_benefit_after": wait.expected_now + wait.information.value,
        "probability_of_change": wait.changes,
        "population_value": wait.value,
        "study_cost": wait.study,
        "losses_meanwhile": wait.losses,
        "reversal_cost": wait.reversal,
        "enbs": wait.net_benefit,
    }


def _importance(table: ImportanceTable) -> dict[str, Any]:
    return {
        "threshold": table.threshold,
        "output": table.output,
        "rank_correlation": {
            "total_and_value": table.total_and_value,
            "total_and_swing": table.total_and_swing,
            "swing_and_value": table.swing_and_value,
        },
        "rows": [
            {
                "factor": row.factor,
                "parameters": list(row.parameters),
                "swing": row.swing,
                "first": row.first,
                "total": row.total,
                "evppi": row.value,
                "evppi_standard_error": _finite(row.error),
                "ranks": {"swing": row.swing_rank, "total": row.total_rank, "evppi": row.value_rank},
            }
            for row in table.rows
        ],
    }


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None

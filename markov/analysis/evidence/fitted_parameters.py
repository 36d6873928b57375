"""What a fit becomes in a workbook: values with their uncertainty, correlations, scenarios, and the choice to justify.

Values are written on the natural scale with the distribution of what is sampled: log-normal for positive parameters,
whose limits are those of the logarithm, and normal for the others. Correlations are those of the sampled scale.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np

from markov.analysis.evidence.curve_fits import ArmFits, CurveFits, JointFits, describe, treatment_effect
from markov.inputs.definitions.survival import CURVE_NUMBER_NAMES
from markov.inputs.evidence import CurvePoint
from markov.survival.fit import Fit, is_log_scale
from markov.terms import SPLINES, Distribution, Family, weakest

RowChange = Mapping[str, object]
Z = 1.959963984540054  # the 97.5 % point of the standard normal
KEPT = ("waning_start", "waning_end")
SMALLEST_CORRELATION = 1e-3


def parameter_changes(found: CurveFits) -> dict[str, RowChange | None]:
    """Rows of the parameter sheets by id, for every fitted arm; None for those the new curve makes meaningless."""
    changes: dict[str, RowChange | None] = {}
    for arm in found.arms:
        changes |= _cleared(arm) | _own_curve(arm, arm.chosen, f"{describe(arm.chosen)}, {arm.by_whom}")
    for joint in found.joint:
        changes |= _joint_changes(joint)
    return changes


def _cleared(arm: ArmFits) -> dict[str, RowChange | None]:
    return {
        f"{arm.endpoint}.{name}.{arm.strategy}": None for name in (*CURVE_NUMBER_NAMES, "knots") if name not in KEPT
    }


def _own_curve(arm: ArmFits, fit: Fit, why: str) -> dict[str, RowChange | None]:
    """A curve's family, parameters and knots."""
    changes: dict[str, RowChange | None] = {
        f"{arm.endpoint}.family.{arm.strategy}": {"value": fit.family.value, **_provenance(arm, f"Fitted: {why}.")}
    }
    if fit.family in SPLINES and fit.knots is not None:
        changes[f"{arm.endpoint}.knots.{arm.strategy}"] = {"value": knots_text(fit), **_provenance(arm, "")}
    for name in own_names(fit):
        comment = f"Maximum likelihood on {fit.patients:g} rebuilt patients with {fit.events:g} events."
        row = {**uncertain(fit, name), "unit": _unit(fit.family, name), **_provenance(arm, comment)}
        changes[f"{arm.endpoint}.{name}.{arm.strategy}"] = row
    return changes


def own_names(fit: Fit) -> tuple[str, ...]:
    """The family's own parameters, without covariates."""
    return tuple(name for name in fit.names if name not in fit.covariate_names)


def uncertain(fit: Fit, name: str) -> RowChange:
    """Value, spread and distribution of one parameter."""
    place = fit.names.index(name)
    estimate, error = float(fit.estimates[place]), float(fit.standard_errors[place])
    if is_log_scale(fit.family, name):
        return log_normal(estimate, error)
    return {"value": estimate, "se": error, "low": None, "high": None, "distribution": Distribution.NORMAL.value}


def log_normal(logarithm: float, error: float) -> RowChange:
    """A positive quantity by its logarithm: the median with its 95 % limits."""
    value, low, high = (float(np.exp(logarithm + z * error)) for z in (0.0, -Z, Z))
    return {"value": value, "se": None, "low": low, "high": high, "distribution": Distribution.LOG_NORMAL.value}


def _unit(family: Family, name: str) -> str:
    if name == "rate" or (family is Family.GOMPERTZ and name == "shape"):
        return "per month"
    if name == "scale":
        return "months"
    return "log months" if name in ("mu", "meanlog") else "number"


def knots_text(fit: Fit) -> str:
    """Knots of a spline in months, as the workbook holds them."""
    assert fit.knots is not None
    return "; ".join(repr(float(knot)) for knot in np.exp(fit.knots))


def _provenance(arm: ArmFits, comment: str) -> RowChange:
    return {
        "group": None,
        "source": source_of(arm.points),
        "page": "sheet Kaplan-Meier",
        "status": weakest(point.status for point in arm.points).value,
        "comment": comment,
    }


def source_of(points: Iterable[CurvePoint]) -> str:
    """Where the points are from."""
    named = "; ".join(dict.fromkeys(point.source for point in points if point.source)) or "source not given"
    return f"Digitised curve, records rebuilt (Guyot 2012) and fitted here: {named}"


def _joint_changes(joint: JointFits) -> dict[str, RowChange | None]:
    """The reference's curve from the joint fit, and a ratio for each other arm."""
    fit, endpoint = joint.chosen, joint.endpoint
    words = f"{describe(fit)}, fitted to all arms together"
    changes = _cleared(joint.reference) | _own_curve(joint.reference, fit, words)
    for arm in joint.others:
        kind, logarithm, error = treatment_effect(fit, arm.strategy)
        told = _provenance(arm, f"Treatment effect of the joint fit: {describe(fit)}.")
        changes |= _cleared(arm)
        changes[f"{endpoint}.family.{arm.strategy}"] = {"value": kind.value, **told}
        changes[f"{endpoint}.reference.{arm.strategy}"] = {"value": joint.reference.strategy, **told}
        changes[f"{endpoint}.{kind}.{arm.strategy}"] = {**log_normal(logarithm, error), "unit": "ratio", **told}
    return changes


# ------------------------------------------------------------------------------------------- what goes with them


def correlation_rows(found: CurveFits) -> Iterator[RowChange]:
    """Correlations of parameters that were estimated together, on the scale that is sampled."""
    fits: list[tuple[ArmFits, Fit, dict[str, tuple[str, float]]]] = [(arm, arm.chosen, {}) for arm in found.arms]
    if found.joint:
        joint_arms = {(a.strategy, a.endpoint) for j in found.joint for a in (j.reference, *j.others)}
        fits = [one for one in fits if (one[0].strategy, one[0].endpoint) not in joint_arms]
        fits += [(joint.reference, joint.chosen, _ratios(joint)) for joint in found.joint]
    for arm, fit, others in fits:
        yield from _correlated(arm, fit, others)


def _ratios(joint: JointFits) -> dict[str, tuple[str, float]]:
    """For each covariate the id of its ratio, and the sign with which it enters."""
    found = {}
    for arm in joint.others:
        kind, *_ = treatment_effect(joint.chosen, arm.strategy)
        sign = -1.0 if joint.chosen.family is Family.GAMMA else 1.0
        found[arm.strategy] = f"{joint.endpoint}.{kind}.{arm.strategy}", sign
    return found


def _correlated(arm: ArmFits, fit: Fit, ratios: Mapping[str, tuple[str, float]]) -> Iterator[RowChange]:
    own = {name: (f"{arm.endpoint}.{name}.{arm.strategy}", 1.0) for name in own_names(fit)}
    ids = {**own, **ratios}
    errors = fit.standard_errors
    for i, first in enumerate(fit.names):
        for j, second in enumerate(fit.names[:i]):
            value = ids[first][1] * ids[second][1] * float(fit.covariance[i, j] / (errors[i] * errors[j]))
            if abs(value) >= SMALLEST_CORRELATION:
                yield {
                    "first": ids[second][0],
                    "second": ids[first][0],
                    "correlation": value,
                    "source": source_of(arm.points),
                    "status": weakest(point.status for point in arm.points).value,
                    "comment": f"Covariance of the {describe(fit)} fit",
                }


def choice_rows(found: CurveFits) -> Iterator[RowChange]:
    """A line to justify each choice; all but the fit is for the analyst to fill."""
    together = {(arm.strategy, arm.endpoint): j for j in found.joint for arm in (j.reference, *j.others)}
    for arm in found.arms:
        joint = together.get((arm.strategy, arm.endpoint))
        best, fit = arm.fitted[0], joint.chosen if joint else arm.chosen
        words = f"AIC {fit.aic:.1f}, BIC {fit.bic:.1f}"
        if joint:
            words += " of all arms together"
        else:
            words += f"; lowest AIC {best.aic:.1f} ({describe(best)})"
        yield {"strategy": arm.strategy, "endpoint": arm.endpoint, "family": describe(fit), "fit": words}


def scenario_rows(found: CurveFits) -> Iterator[RowChange]:
    """One scenario for each family that could be fitted to every arm of an endpoint."""
    for endpoint in dict.fromkeys(arm.endpoint for arm in found.arms):
        arms = [arm for arm in found.arms if arm.endpoint == endpoint]
        chosen = {describe(arm.chosen) for arm in arms}
        common = [f for f in arms[0].fitted if all(_same(arm, f) for arm in arms[1:])]
        for fit in common:
            if chosen != {describe(fit)}:
                yield from _scenario(endpoint, arms, fit)


def _same(arm: ArmFits, fit: Fit) -> Fit | None:
    return next((f for f in arm.fitted if describe(f) == describe(fit)), None)


def _scenario(endpoint: str, arms: Sequence[ArmFits], like: Fit) -> Iterator[RowChange]:
    name = f"{endpoint.upper()}: {describe(like)} in every fitted arm"
    for arm in arms:
        fit = _same(arm, like)
        assert fit is not None
        values: dict[str, object] = {"family": fit.family.value}
        if fit.family in SPLINES:
            values["knots"] = knots_text(fit)
        values |= {name: uncertain(fit, name)["value"] for name in own_names(fit)}
        for key, value in values.items():
            base = uncertain(arm.chosen, key)["value"] if key in own_names(arm.chosen) else None
            yield {
                "scenario": name,
                "id": f"{endpoint}.{key}.{arm.strategy}",
                "value": value,
                "base case": arm.chosen.family.value if key == "family" else base,
                "reason": f"Other family, AIC {fit.aic:.1f}",
            }

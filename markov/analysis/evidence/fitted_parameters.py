"""What a fit becomes in a workbook: values with their uncertainty, correlations, scenarios, and the choice to justify.

Values are written on the natural scale with the distribution of what is sampled: log-normal for positive parameters,
whose limits are those of the logarithm, and normal for the others. Correlations are those of the sampled scale.
"""

from collections.abc import Iterator, Mapping

import numpy as np

from markov.analysis.evidence.curve_fits import ArmFits, CurveFits, JointFits, describe, treatment_effect
from markov.analysis.evidence.new_rows import NewRows, RowChange, correlations, uncertain
from markov.inputs.definitions.survival import CURVE_NUMBER_NAMES
from markov.survival.fit import Fit, is_log_scale
from markov.terms import SPLINES, Array, Distribution, Family, weakest

Z = 1.959963984540054  # the 97.5 % point of the standard normal
KEPT = ("waning_start", "waning_end")


def fitted_rows(found: CurveFits) -> NewRows:
    """Rows of the fitted curves: parameters, correlations, a scenario for each other family, choices to justify.

    >>> fitted_rows(CurveFits(calgb, (), ())).parameters
    {}
    """
    parameters: dict[str, RowChange | None] = {}
    for arm in found.arms:
        parameters |= _cleared(arm) | _own_curve(arm, arm.chosen, f"{describe(arm.chosen)}, {arm.by_whom}")
    for joint in found.joint:
        parameters |= _joint_changes(joint)
    choices = tuple(_choice(arm, joint) for arm, joint in _with_joint(found))
    return NewRows(parameters, tuple(_correlated(found)), tuple(_scenarios(found)), choices)


def _with_joint(found: CurveFits) -> list[tuple[ArmFits, JointFits | None]]:
    """Every arm with the joint fit that it is part of."""
    together = {(arm.strategy, arm.endpoint): j for j in found.joint for arm in (j.reference, *j.others)}
    return [(arm, together.get((arm.strategy, arm.endpoint))) for arm in found.arms]


# ------------------------------------------------------------------------------------------------- the curves


def _cleared(arm: ArmFits) -> dict[str, RowChange | None]:
    return {
        f"{arm.endpoint}.{name}.{arm.strategy}": None for name in (*CURVE_NUMBER_NAMES, "knots") if name not in KEPT
    }


def _own_curve(arm: ArmFits, fit: Fit, why: str) -> dict[str, RowChange | None]:
    """A curve's family, parameters and knots."""
    changes: dict[str, RowChange | None] = {
        f"{arm.endpoint}.family.{arm.strategy}": {"value": fit.family.value, **_provenance(arm, f"Fitted: {why}.")}
    }
    if fit.knots is not None:
        changes[f"{arm.endpoint}.knots.{arm.strategy}"] = {"value": _knots(fit.knots), **_provenance(arm, "")}
    for name in own_names(fit):
        comment = f"Maximum likelihood on {fit.patients:g} rebuilt patients with {fit.events:g} events."
        row = {**_parameter(fit, name), "unit": _unit(fit.family, name), **_provenance(arm, comment)}
        changes[f"{arm.endpoint}.{name}.{arm.strategy}"] = row
    return changes


def own_names(fit: Fit) -> tuple[str, ...]:
    """The family's own parameters, without covariates.

    >>> from markov.survival.fitting import Records, fit_family
    >>> own_names(fit_family(Records([2.0, 3.0, 5.0], [1, 1, 0], covariates={"new": [0, 1, 1]}), Family.EXPONENTIAL))
    ('rate',)
    """
    return tuple(name for name in fit.names if name not in fit.covariate_names)


def _parameter(fit: Fit, name: str) -> RowChange:
    """Value, spread and distribution of one parameter."""
    place = fit.names.index(name)
    estimate, error = float(fit.estimates[place]), float(fit.standard_errors[place])
    if is_log_scale(fit.family, name):
        return _log_normal(estimate, error)
    return {"value": estimate, "se": error, "low": None, "high": None, "distribution": Distribution.NORMAL.value}


def _log_normal(logarithm: float, error: float) -> RowChange:
    return uncertain(*(float(np.exp(logarithm + z * error)) for z in (0.0, -Z, Z)))


def _unit(family: Family, name: str) -> str:
    if name == "rate" or (family is Family.GOMPERTZ and name == "shape"):
        return "per month"
    if name == "scale":
        return "months"
    return "log months" if name in ("mu", "meanlog") else "number"


def _knots(logs: Array) -> str:
    """Knots of a spline in months, as the workbook holds them."""
    return "; ".join(repr(float(knot)) for knot in np.exp(logs))


def _provenance(arm: ArmFits, comment: str) -> RowChange:
    return {"group": None, **_source(arm), "page": "sheet Kaplan-Meier", "comment": comment}


def _source(arm: ArmFits) -> RowChange:
    named = "; ".join(dict.fromkeys(point.source for point in arm.points if point.source)) or "source not given"
    source = f"Digitised curve, records rebuilt (Guyot 2012) and fitted here: {named}"
    return {"source": source, "status": weakest(point.status for point in arm.points).value}


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
        changes[f"{endpoint}.{kind}.{arm.strategy}"] = {**_log_normal(logarithm, error), "unit": "ratio", **told}
    return changes


# ------------------------------------------------------------------------------------------- what goes with them


def _correlated(found: CurveFits) -> Iterator[RowChange]:
    """Correlations of parameters that were estimated together, on the scale that is sampled."""
    fits = [(arm, arm.chosen, ()) for arm, joint in _with_joint(found) if joint is None]
    for arm, fit, others in [*fits, *((joint.reference, joint.chosen, joint.others) for joint in found.joint)]:
        ids = {name: f"{arm.endpoint}.{name}.{arm.strategy}" for name in own_names(fit)}
        for other in others:
            kind, *_ = treatment_effect(fit, other.strategy)
            ids[other.strategy] = f"{arm.endpoint}.{kind}.{other.strategy}"
        # A covariate of a gamma speeds time up, and the ratio stretches it: the sign of `treatment_effect`.
        turned = fit.family is Family.GAMMA
        signs = np.array([-1.0 if turned and name in fit.covariate_names else 1.0 for name in fit.names])
        told = {**_source(arm), "comment": f"Covariance of the {describe(fit)} fit"}
        yield from correlations([ids[name] for name in fit.names], fit.covariance * np.outer(signs, signs), told)


def _choice(arm: ArmFits, joint: JointFits | None) -> RowChange:
    """A line to justify the choice of a curve; all but the fit is for the analyst to fill."""
    best, fit, family = arm.fitted[0], arm.chosen, arm.chosen.family
    words = f"AIC {fit.aic:.1f}, BIC {fit.bic:.1f}; lowest AIC {best.aic:.1f} ({describe(best)})"
    if joint:
        fit = joint.chosen
        family = fit.family if arm is joint.reference else treatment_effect(fit, arm.strategy)[0]
        words = f"AIC {fit.aic:.1f}, BIC {fit.bic:.1f} of all arms together"
    knots = f"{describe(fit)}; " if fit.family in SPLINES else ""
    return {"strategy": arm.strategy, "endpoint": arm.endpoint, "family": family.value, "fit": knots + words}


def _scenarios(found: CurveFits) -> Iterator[RowChange]:
    """One scenario for each family that could be fitted to every arm of an endpoint."""
    for endpoint in dict.fromkeys(arm.endpoint for arm in found.arms):
        arms = [arm for arm in found.arms if arm.endpoint == endpoint]
        chosen = {describe(arm.chosen) for arm in arms}
        for fit in arms[0].fitted:
            alike = [_same(arm, fit) for arm in arms]
            if all(alike) and chosen != {describe(fit)}:
                name = f"{endpoint.upper()}: {describe(fit)} in every fitted arm"
                for arm, own in zip(arms, alike, strict=True):
                    yield from _scenario(name, arm, own) if own else ()


def _same(arm: ArmFits, fit: Fit) -> Fit | None:
    return next((f for f in arm.fitted if describe(f) == describe(fit)), None)


def _scenario(name: str, arm: ArmFits, fit: Fit) -> Iterator[RowChange]:
    """An arm's curve of another family; what a spline of more knots has beyond it is emptied."""
    base, values = _values(arm.chosen), _values(fit)
    spare = [key for key in base if key.startswith("gamma") and key not in values and fit.family in SPLINES]
    for key, value in {**values, **dict.fromkeys(spare)}.items():
        yield {
            "scenario": name,
            "id": f"{arm.endpoint}.{key}.{arm.strategy}",
            "value": value,
            "base case": base.get(key),
            "reason": f"Other family, AIC {fit.aic:.1f}",
        }


def _values(fit: Fit) -> Mapping[str, object]:
    """What the cells of a curve hold, by name."""
    knots = {} if fit.knots is None else {"knots": _knots(fit.knots)}
    return {"family": fit.family.value, **knots, **{name: _parameter(fit, name)["value"] for name in own_names(fit)}}

"""Parametric survival curves: each family's cumulative hazard, and the parameter that returns a given median.

Parameterisation as in the R package flexsurv (Jackson 2016, J Stat Softw 70(8)), generalised F after
Prentice 1975 (Biometrika 62:607) and Cox 2008 (Stat Med 27:4301), splines after Royston and Parmar 2002
(Stat Med 21:2175). Times and scale parameters share one unit; any unit will do.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from scipy import special

from markov.terms import FAMILY_PARAMETERS, Array, Family

SMALLEST_SURVIVAL = 1e-300
LARGEST_HAZARD = 690.0  # −ln of it, in round numbers: nobody is left
LARGEST_LOG_HAZARD = 100.0  # increments stay finite where nobody has been left for long
LOG_TWO = float(np.log(2.0))
SMALLEST_Q = 1e-5  # below it the generalised gamma is log-normal to better than 1e-6
SMALLEST_P = 1e-9  # below it the generalised F is a generalised gamma to better than 1e-8

Parameters = Mapping[str, Array]
Hazard = Callable[[Array], Array]  # the cumulative hazard by time
Form = Callable[[Parameters], Hazard]  # what does not depend on time is computed once


def _hazard_from_survival(survival: Array) -> Array:
    """−ln S, held at 690 where S falls below 1e-300: nobody is left there, and increments stay finite."""
    return -np.log(np.maximum(survival, SMALLEST_SURVIVAL))


def _exponential(p: Parameters) -> Hazard:
    """H = rate·t."""
    return lambda t: p["rate"] * t


def _weibull(p: Parameters) -> Hazard:
    """H = (t/scale)^shape, as e^(shape·ln t − shape·ln scale): a power costs four times an exponential."""
    shape, shift = p["shape"], p["shape"] * np.log(p["scale"])
    return lambda t: np.exp(np.minimum(shape * _log(t) - shift, LARGEST_LOG_HAZARD))


def _gompertz(p: Parameters) -> Hazard:
    """H = rate·t·(e^(shape·t) − 1)/(shape·t), held at 690 like the other families."""

    def hazard(t: Array) -> Array:
        growth = special.exprel(np.minimum(p["shape"] * t, LARGEST_HAZARD))
        return np.asarray(np.minimum(p["rate"] * t * growth, LARGEST_HAZARD))

    return hazard


def _log_normal(p: Parameters) -> Hazard:
    """H = −ln Φ(−z), z = (ln t − meanlog)/sdlog; the log of the tail, so that it does not cancel."""
    return lambda t: -special.log_ndtr(-_standardise(t, p["meanlog"], p["sdlog"]))


def _log_logistic(p: Parameters) -> Hazard:
    """H = ln(1 + (t/scale)^shape), through the logarithm of the power, which may be beyond the largest number."""
    shape, shift = p["shape"], p["shape"] * np.log(p["scale"])
    return lambda t: np.logaddexp(0.0, shape * _log(t) - shift)


def _gamma(p: Parameters) -> Hazard:
    """S = Γ(shape, rate·t)/Γ(shape)."""
    return lambda t: _hazard_from_survival(special.gammaincc(p["shape"], p["rate"] * t))


def _generalised_gamma(p: Parameters) -> Hazard:
    """Prentice's form with w = (ln t − mu)/sigma: Q = 0 is log-normal, Q = 1 Weibull, Q = sigma gamma."""

    def hazard(t: Array) -> Array:
        w = _standardise(t, p["mu"], p["sigma"])
        q, w = np.broadcast_arrays(p["q"], w)
        hazard = np.array(-special.log_ndtr(-w))
        curved = np.abs(q) >= SMALLEST_Q
        if curved.any():
            shape = 1.0 / q[curved] ** 2
            x = shape * np.exp(q[curved] * w[curved])
            tail = np.where(q[curved] > 0, special.gammaincc(shape, x), special.gammainc(shape, x))
            hazard[curved] = _hazard_from_survival(tail)
        return hazard

    return hazard


def _generalised_f(p: Parameters) -> Hazard:
    """S = I_y(s2, s1), y = s2/(s2 + s1·e^(δw)), δ² = Q² + 2P, w = (ln t − mu)/sigma; P = 0 is generalised gamma.

    s1 and s2 are 2/(δ² ± Qδ), written so that the difference of two near-equal numbers never appears.
    """
    q, small_p = np.asarray(p["q"]), np.asarray(p["p"])
    limit = small_p < SMALLEST_P
    floored_p = np.maximum(small_p, SMALLEST_P)
    delta = np.sqrt(q**2 + 2.0 * floored_p)
    larger, smaller = 2.0 / (delta * (delta + np.abs(q))), (delta + np.abs(q)) / (floored_p * delta)
    s1, s2 = np.where(q >= 0, larger, smaller), np.where(q >= 0, smaller, larger)

    def hazard(t: Array) -> Array:
        w = _standardise(t, p["mu"], p["sigma"])
        y = 1.0 / (1.0 + (s1 / s2) * np.exp(np.minimum(delta * w, 700.0)))
        hazard = _hazard_from_survival(special.betainc(s2, s1, y))
        return np.where(limit, _generalised_gamma(p)(t), hazard) if limit.any() else hazard

    return hazard


def _spline_predictor(p: Parameters, t: Array) -> Array:
    """η(x) = γ0 + γ1·x + Σ γ_(j+1)·v_j(x), x = ln t, v_j the natural cubic basis on the knots (in ln t)."""
    x, knots = _log(t), p["knots"]
    first, last = knots[0], knots[-1]
    predictor = p["gamma0"] + p["gamma1"] * x
    finite = np.where(np.isfinite(x), x, first)
    for j, knot in enumerate(knots[1:-1], start=2):
        weight = (last - knot) / (last - first)
        basis = (
            np.maximum(finite - knot, 0.0) ** 3
            - weight * np.maximum(finite - first, 0.0) ** 3
            - (1.0 - weight) * np.maximum(finite - last, 0.0) ** 3
        )
        predictor = predictor + p[f"gamma{j}"] * basis
    return np.asarray(predictor)


def _spline(scale: Callable[[Array], Array]) -> Form:
    def form(p: Parameters) -> Hazard:
        return lambda t: np.where(t > 0, scale(_spline_predictor(p, np.maximum(t, 1e-12))), 0.0)

    return form


def _log(t: Array) -> Array:
    with np.errstate(divide="ignore"):
        return np.log(t)


def _standardise(t: Array, location: Array, spread: Array) -> Array:
    return (_log(t) - location) / spread


@dataclass(frozen=True)
class FamilyForm:
    """A family's formulas: its cumulative hazard, and its first parameter from the others and the median."""

    curve: Form
    place: Callable[[Parameters, Array], Array]


def _unit_median(form: Form, p: Parameters, location: str) -> Array:
    """Median, on the log scale, of the family with its location at zero, by bisection on ln t (to 1e-14)."""
    shapes = [np.shape(v) for v in p.values()]
    low = np.full(np.broadcast_shapes(*shapes), -60.0)
    high = -low
    hazard = form({**p, location: np.asarray(0.0)})
    for _ in range(60):
        middle = 0.5 * (low + high)
        early = hazard(np.exp(middle)) < LOG_TWO
        low, high = np.where(early, middle, low), np.where(early, high, middle)
    return np.asarray(0.5 * (low + high))


def _scaled_unit_median(form: Form) -> Callable[[Parameters, Array], Array]:
    def place(p: Parameters, median: Array) -> Array:
        spread = p["sigma"]
        unit = {**p, "sigma": np.ones_like(spread)}
        return np.log(median) - spread * _unit_median(form, unit, "mu")

    return place


def _place_spline(at_median: float) -> Callable[[Parameters, Array], Array]:
    def place(p: Parameters, median: Array) -> Array:
        return at_median - _spline_predictor({**p, "gamma0": np.asarray(0.0)}, median)

    return place


FORMS: Mapping[Family, FamilyForm] = {
    Family.EXPONENTIAL: FamilyForm(_exponential, lambda p, m: LOG_TWO / m),
    Family.WEIBULL: FamilyForm(_weibull, lambda p, m: m / LOG_TWO ** (1.0 / p["shape"])),
    Family.GOMPERTZ: FamilyForm(_gompertz, lambda p, m: LOG_TWO / (m * special.exprel(p["shape"] * m))),
    Family.LOG_NORMAL: FamilyForm(_log_normal, lambda p, m: np.log(m)),
    Family.LOG_LOGISTIC: FamilyForm(_log_logistic, lambda p, m: m + np.zeros_like(p["shape"])),
    Family.GAMMA: FamilyForm(_gamma, lambda p, m: np.asarray(special.gammaincinv(p["shape"], 0.5) / m)),
    Family.GENERALISED_GAMMA: FamilyForm(_generalised_gamma, _scaled_unit_median(_generalised_gamma)),
    Family.GENERALISED_F: FamilyForm(_generalised_f, _scaled_unit_median(_generalised_f)),
    Family.SPLINE_HAZARD: FamilyForm(_spline(np.exp), _place_spline(float(np.log(LOG_TWO)))),
    Family.SPLINE_ODDS: FamilyForm(_spline(lambda eta: np.logaddexp(0.0, eta)), _place_spline(0.0)),
    Family.SPLINE_NORMAL: FamilyForm(_spline(lambda eta: -special.log_ndtr(-eta)), _place_spline(0.0)),
}


def cumulative_hazard(family: Family, parameters: Parameters, times: Array) -> Array:
    """Cumulative hazard H(t) = −ln S(t) of a family.

    `times` (any shape, ≥ 0) and each parameter broadcast together; spline `knots` are a 1-D array of ln t.
    Differences of H over cycles are what the cohort engine takes.

    >>> import numpy as np
    >>> weibull = {"shape": np.asarray(1.3), "scale": np.asarray(4.2)}
    >>> float(np.exp(-cumulative_hazard(Family.WEIBULL, weibull, np.asarray(3.0))).round(6))
    0.524293
    """
    return curve(family, parameters)(times)


def curve(family: Family, parameters: Parameters) -> Hazard:
    """Cumulative hazard of a family as a function of time, for those who ask for it piece by piece."""
    return FORMS[family].curve(parameters)


def with_median(family: Family, parameters: Parameters, median: Array) -> Parameters:
    """Complete a family's parameters so that its median is exactly the one given.

    >>> import numpy as np
    >>> p = with_median(Family.WEIBULL, {"shape": np.asarray(0.87)}, np.asarray(23.0))
    >>> float(np.exp(-cumulative_hazard(Family.WEIBULL, p, np.asarray(23.0))).round(12))
    0.5
    """
    return {**parameters, FAMILY_PARAMETERS[family][0]: FORMS[family].place(parameters, median)}


def shape_from_medians(hazard_ratio: float, median_treated: float, median_control: float) -> float:
    """Weibull shape identified by two medians and the hazard ratio of one data cut: k = −ln HR / ln(m₁/m₀).

    >>> round(shape_from_medians(0.69, 23.0, 15.0), 2)
    0.87
    """
    return float(-np.log(hazard_ratio) / np.log(median_treated / median_control))

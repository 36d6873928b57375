"""Log densities and log hazards of every curve family: the exact derivatives of the cumulative hazards in `curves`."""

from collections.abc import Callable, Mapping

import numpy as np
from scipy import special

from markov.survival.families import SMALLEST_P, Parameters, cumulative_hazard
from markov.terms import Array, Family

HALF_LOG_TWO_PI = 0.5 * float(np.log(2.0 * np.pi))


def _standard_normal(z: Array) -> Array:
    return np.asarray(-HALF_LOG_TWO_PI - 0.5 * z**2)


def _log_logistic(p: Parameters, t: Array) -> Array:
    x = p["shape"] * (np.log(t) - np.log(p["scale"]))
    return np.asarray(np.log(p["shape"]) - np.log(t) + x - 2.0 * np.logaddexp(0.0, x))


def _weibull(p: Parameters, t: Array) -> Array:
    x = p["shape"] * (np.log(t) - np.log(p["scale"]))
    return np.asarray(np.log(p["shape"]) - np.log(t) + x - np.exp(x))


def _log_normal(p: Parameters, t: Array) -> Array:
    z = (np.log(t) - p["meanlog"]) / p["sdlog"]
    return np.asarray(_standard_normal(z) - np.log(p["sdlog"]) - np.log(t))


def _gompertz(p: Parameters, t: Array) -> Array:
    return np.asarray(np.log(p["rate"]) + p["shape"] * t - p["rate"] * t * special.exprel(p["shape"] * t))


def _gamma(p: Parameters, t: Array) -> Array:
    x = p["rate"] * t
    return np.asarray(p["shape"] * np.log(x) - x - np.log(t) - special.gammaln(p["shape"]))


def _generalised_gamma(p: Parameters, t: Array) -> Array:
    """ln f = ln|Q| + a·ln a − a − ln Γ(a) − a·(e^(Qw) − 1 − Qw) − ln(σt), a = 1/Q² (Prentice 1974, Biometrika 61:539).

    The first terms are −½·ln 2π less Stirling's remainder, and the last bracket is taken as one function: nothing
    cancels as Q → 0, where the density is the log-normal's.
    """
    w = (np.log(t) - p["mu"]) / p["sigma"]
    curvature = w**2 * _second_order_exponential(p["q"] * w)
    remainder = _stirling_remainder(1.0 / np.maximum(p["q"] ** 2, 1e-20))
    return np.asarray(-HALF_LOG_TWO_PI - remainder - curvature - np.log(p["sigma"]) - np.log(t))


def _second_order_exponential(x: Array) -> Array:
    """(e^x − 1 − x)/x², ½ at 0."""
    small = np.abs(x) < 1e-2
    safe = np.where(small, 1.0, x)
    series = 0.5 + x / 6.0 + x**2 / 24.0 + x**3 / 120.0 + x**4 / 720.0
    return np.where(small, series, (np.expm1(safe) - safe) / safe**2)


def _stirling_remainder(a: Array) -> Array:
    """ln Γ(a) − [(a − ½)·ln a − a + ½·ln 2π]."""
    direct = np.minimum(a, 100.0)
    exact = special.gammaln(direct) - (direct - 0.5) * np.log(direct) + direct - HALF_LOG_TWO_PI
    return np.where(a > 100.0, 1.0 / (12.0 * a) - 1.0 / (360.0 * a**3), exact)


def _generalised_f(p: Parameters, t: Array) -> Array:
    """ln f = ln δ + s₁·x − (s₁ + s₂)·ln(1 + e^x) − ln B(s₁, s₂) − ln(σt), x = δw + ln(s₁/s₂), δ² = Q² + 2P.

    Source: Prentice 1975 (Biometrika 62:607). s₁, s₂ = 2/(δ² ± Qδ); P = 0 is the generalised gamma.
    """
    q, small_p = p["q"], np.maximum(p["p"], SMALLEST_P)
    delta = np.sqrt(q**2 + 2.0 * small_p)
    larger, smaller = 2.0 / (delta * (delta + np.abs(q))), (delta + np.abs(q)) / (small_p * delta)
    s1, s2 = np.where(q >= 0, larger, smaller), np.where(q >= 0, smaller, larger)
    x = delta * (np.log(t) - p["mu"]) / p["sigma"] + np.log(s1) - np.log(s2)
    kernel = s1 * x - (s1 + s2) * np.logaddexp(0.0, x) - special.betaln(s1, s2)
    density = np.log(delta) + kernel - np.log(p["sigma"]) - np.log(t)
    return np.where(p["p"] < SMALLEST_P, _generalised_gamma(p, t), density)


def spline_basis(log_times: Array, knots: Array) -> tuple[Array, Array]:
    """Basis [1, x, v_1, …] and its slopes in x, each (times, knots): natural cubics (Royston and Parmar 2002)."""
    first, last, inner = knots[0], knots[-1], knots[1:-1]
    share = (last - inner) / (last - first)
    x = log_times[:, None]
    parts = [np.maximum(x - at, 0.0) for at in (inner, first, last)]
    curve = parts[0] ** 3 - share * parts[1] ** 3 - (1.0 - share) * parts[2] ** 3
    slope = 3.0 * (parts[0] ** 2 - share * parts[1] ** 2 - (1.0 - share) * parts[2] ** 2)
    one = np.ones_like(x)
    return np.hstack([one, x, curve]), np.hstack([0.0 * one, one, slope])


def _spline(scale: Callable[[Array], Array]) -> Callable[[Parameters, Array], Array]:
    """ln f = scale(η) + ln η′ − ln t, scale(η) the log density of η's own variable; −∞ where η falls."""

    def log_density(p: Parameters, t: Array) -> Array:
        basis, slopes = spline_basis(np.log(t).ravel(), p["knots"])
        weights = [p[f"gamma{j}"] for j in range(basis.shape[1])]
        shape = np.shape(t)
        eta = sum((weight * basis[:, j].reshape(shape) for j, weight in enumerate(weights)), np.zeros(shape))
        slope = sum((weight * slopes[:, j].reshape(shape) for j, weight in enumerate(weights)), np.zeros(shape))
        rising = np.where(slope > 0, slope, 1.0)
        return np.where(slope > 0, scale(eta) + np.log(rising) - np.log(t), -np.inf)

    return log_density


LOG_DENSITIES: Mapping[Family, Callable[[Parameters, Array], Array]] = {
    Family.EXPONENTIAL: lambda p, t: np.log(p["rate"]) - p["rate"] * t,
    Family.WEIBULL: _weibull,
    Family.GOMPERTZ: _gompertz,
    Family.LOG_NORMAL: _log_normal,
    Family.LOG_LOGISTIC: _log_logistic,
    Family.GAMMA: _gamma,
    Family.GENERALISED_GAMMA: _generalised_gamma,
    Family.GENERALISED_F: _generalised_f,
    Family.SPLINE_HAZARD: _spline(lambda eta: eta - np.exp(eta)),
    Family.SPLINE_ODDS: _spline(lambda eta: eta - 2.0 * np.logaddexp(0.0, eta)),
    Family.SPLINE_NORMAL: _spline(_standard_normal),
}


def log_hazard(family: Family, parameters: Parameters, times: Array) -> Array:
    """Log hazard ln h(t) = ln f(t) + H(t) of a family, the exact derivative of `cumulative_hazard`.

    `times` (any shape, > 0) and each parameter broadcast together; per unit of the times; −∞ where a spline falls.

    >>> import numpy as np
    >>> weibull = {"shape": np.asarray(1.3), "scale": np.asarray(4.2)}
    >>> float(np.exp(log_hazard(Family.WEIBULL, weibull, np.asarray(3.0))).round(6))  # 1.3/4.2·(3/4.2)^0.3
    0.279805
    """
    with np.errstate(over="ignore"):
        return np.asarray(
            LOG_DENSITIES[family](parameters, times) + cumulative_hazard(family, parameters, times), dtype=float
        )

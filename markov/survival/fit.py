"""What a fit is: a curve family with estimates, their covariance, and all that is read off the curve."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike

from markov.survival.densities import log_hazard
from markov.survival.families import Parameters, cumulative_hazard
from markov.terms import Array, Family

POSITIVE = {"rate", "scale", "shape", "sdlog", "sigma", "p"}
LAST_LOG_TIME = 600.0  # e^600: survival beyond is zero or a power of t


def is_log_scale(family: Family, parameter: str) -> bool:
    """Whether a parameter is estimated and sampled as its logarithm: all positive ones.

    >>> is_log_scale(Family.WEIBULL, "shape"), is_log_scale(Family.GOMPERTZ, "shape")
    (True, False)
    """
    return parameter in POSITIVE and not (family is Family.GOMPERTZ and parameter == "shape")


@dataclass(frozen=True)
class Fit:
    """A family fitted to records: estimates and their covariance on the sampled scale, and how well it fits.

    `names` are the family's parameters, then the covariates; `estimates` (names,) and `covariance` (names, names) are
    on the log scale for positive parameters. Times are in the unit of the records; knots in ln of it.
    """

    family: Family
    names: tuple[str, ...]
    covariate_names: tuple[str, ...]
    estimates: Array
    covariance: Array
    knots: Array | None
    log_likelihood: float
    patients: float
    events: float
    converged: bool
    message: str

    @property
    def aic(self) -> float:
        """Akaike's criterion, −2·ln L + 2·(number of parameters)."""
        return 2.0 * len(self.names) - 2.0 * self.log_likelihood

    @property
    def bic(self) -> float:
        """Schwarz's criterion, −2·ln L + ln(patients)·(number of parameters)."""
        return len(self.names) * float(np.log(self.patients)) - 2.0 * self.log_likelihood

    @property
    def bic_by_events(self) -> float:
        """Schwarz's criterion with the number of events in place of patients (Volinsky and Raftery 2000)."""
        return len(self.names) * float(np.log(self.events)) - 2.0 * self.log_likelihood

    @property
    def standard_errors(self) -> Array:
        """Standard errors (names,) on the sampled scale."""
        return np.sqrt(np.diag(self.covariance))

    @property
    def parameters(self) -> Parameters:
        """Parameters on the natural scale, as `cumulative_hazard` takes them, with every covariate at 0."""
        return self.parameters_at()

    def parameters_at(self, covariates: Mapping[str, float] | None = None, sampled: Array | None = None) -> Parameters:
        """Natural-scale parameters for a covariate pattern (those not named are 0).

        `sampled` (…, names) in place of the estimates gives parameters (…): the way from random draws to curves.
        Raises ValueError for a covariate that was not fitted.

        >>> from markov.survival.fitting import Records, fit_family
        >>> fit_family(Records([1.0, 2.0, 3.0], [1, 1, 0]), Family.EXPONENTIAL).parameters_at()["rate"]
        array(0.33333333)
        """
        unknown = set(covariates or {}) - set(self.covariate_names)
        if unknown:
            raise ValueError(f"Not among the fitted covariates {list(self.covariate_names)}: {sorted(unknown)}.")
        pattern = np.array([(covariates or {}).get(name, 0.0) for name in self.covariate_names])
        values = self.estimates if sampled is None else sampled
        return natural_parameters(self.family, self.names, self.knots, values, pattern)

    def survival(self, times: ArrayLike, covariates: Mapping[str, float] | None = None) -> Array:
        """S(t) (shape of `times`) for a covariate pattern.

        >>> from markov.survival.fitting import Records, fit_family
        >>> fit_family(Records([1.0, 2.0, 3.0], [1, 1, 0]), Family.EXPONENTIAL).survival([0.0, 3.0]).round(4)
        array([1.    , 0.3679])
        """
        return np.asarray(np.exp(-self.cumulative_hazard(times, covariates)))

    def cumulative_hazard(self, times: ArrayLike, covariates: Mapping[str, float] | None = None) -> Array:
        """H(t) (shape of `times`) for a covariate pattern.

        >>> from markov.survival.fitting import Records, fit_family
        >>> float(fit_family(Records([1.0, 2.0, 3.0], [1, 1, 0]), Family.EXPONENTIAL).cumulative_hazard(6.0).round(4))
        2.0
        """
        with np.errstate(over="ignore"):
            return cumulative_hazard(self.family, self.parameters_at(covariates), np.asarray(times, dtype=float))

    def hazard(self, times: ArrayLike, covariates: Mapping[str, float] | None = None) -> Array:
        """h(t) (shape of `times`, > 0), per unit of the times, for a covariate pattern.

        >>> from markov.survival.fitting import Records, fit_family
        >>> float(fit_family(Records([1.0, 2.0, 3.0], [1, 1, 0]), Family.EXPONENTIAL).hazard(6.0).round(4))
        0.3333
        """
        at = np.asarray(times, dtype=float)
        return np.exp(log_hazard(self.family, self.parameters_at(covariates), at))

    def median(self, covariates: Mapping[str, float] | None = None) -> float:
        """Time at which S = ½, by bisection on ln t; infinity where the curve stays above a half.

        >>> from markov.survival.fitting import Records, fit_family
        >>> round(fit_family(Records([1.0, 2.0, 3.0], [1, 1, 0]), Family.EXPONENTIAL).median(), 4)  # 3·ln 2
        2.0794
        """
        target, low, high = np.log(2.0), -LAST_LOG_TIME, LAST_LOG_TIME
        if self.cumulative_hazard(np.exp(high), covariates) < target:
            return float("inf")
        for _ in range(80):
            middle = 0.5 * (low + high)
            early = self.cumulative_hazard(np.exp(middle), covariates) < target
            low, high = (middle, high) if early else (low, middle)
        return float(np.exp(0.5 * (low + high)))

    def mean_within(self, until: float, covariates: Mapping[str, float] | None = None) -> float:
        """Mean time up to `until`, ∫₀^until S(t) dt, in the unit of the times (restricted mean).

        >>> from markov.survival.fitting import Records, fit_family
        >>> round(fit_family(Records([1.0, 2.0, 3.0], [1, 1, 0]), Family.EXPONENTIAL).mean_within(3.0), 4)  # 3(1 − 1/e)
        1.8964
        """
        u, weights = _gauss(np.linspace(0.0, 1.0, 41))
        return float((weights * 3.0 * until * u**2) @ self.survival(until * u**3, covariates))  # t = until·u³

    def mean_beyond(self, start: float, covariates: Mapping[str, float] | None = None) -> float:
        """Mean time after `start`, ∫_start^∞ S(t) dt: what the curve extrapolates; infinity where it has no mean.

        >>> from markov.survival.fitting import Records, fit_family
        >>> round(fit_family(Records([1.0, 2.0, 3.0], [1, 1, 0]), Family.EXPONENTIAL).mean_beyond(3.0), 4)  # 3/e
        1.1036
        """
        x, weights = _gauss(np.linspace(np.log(max(start, np.exp(-LAST_LOG_TIME))), LAST_LOG_TIME, 2401))
        end = np.exp(LAST_LOG_TIME)
        left = float(self.survival(end, covariates))
        index = float(end * self.hazard(end, covariates)) if left > 1e-290 else np.inf  # S falls like t^−index
        if index <= 1.0:
            return float("inf")
        with np.errstate(under="ignore"):
            within = float(weights @ (np.exp(x) * self.survival(np.exp(x), covariates)))
        return within + (end * left / (index - 1.0) if np.isfinite(index) else 0.0)


@dataclass(frozen=True)
class Failure:
    """A family that could not be fitted, and why."""

    family: Family
    internal_knots: int
    reason: str


@lru_cache(maxsize=4)
def _gauss_nodes() -> tuple[Array, Array]:
    nodes, weights = np.polynomial.legendre.leggauss(10)
    return nodes.astype(float), weights.astype(float)


def _gauss(edges: Array) -> tuple[Array, Array]:
    """Nodes and weights of ten-point Gauss–Legendre quadrature on each interval between `edges`."""
    nodes, weights = _gauss_nodes()
    half = 0.5 * np.diff(edges)[:, None]
    middle = 0.5 * (edges[1:] + edges[:-1])[:, None]
    return (middle + half * nodes).ravel(), (half * weights).ravel()


def natural_parameters(
    family: Family, names: Sequence[str], knots: Array | None, values: Array, covariates: Array
) -> dict[str, Array]:
    """Natural-scale parameters from sampled values (…, names); covariates (covariates,) or (…, covariates) at once."""
    own = len(names) - covariates.shape[-1]
    parameters = {name: values[..., i] for i, name in enumerate(names[:own])}
    parameters[names[0]] = parameters[names[0]] + (values[..., own:] * covariates).sum(axis=-1)
    natural = {name: np.exp(value) if is_log_scale(family, name) else value for name, value in parameters.items()}
    natural = {name: np.asarray(value) for name, value in natural.items()}
    return natural if knots is None else {**natural, "knots": knots}

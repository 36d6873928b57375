"""Curves from time-to-event records, by maximum likelihood: every family of `curves`, one fitter.

ln L = Σ w·[event·ln h(t) − H(t) + H(entry)], for right-censored records with optional delayed entry and weights.
Covariates act on the first parameter of a family (its location), on the log scale where it is positive, as in flexsurv
(Jackson 2016, J Stat Softw 70(8)). Parameters are estimated, and later sampled, on the log scale where positive.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from markov.survival.climb import FAR, climb, observed_information
from markov.survival.densities import LOG_DENSITIES, spline_basis
from markov.survival.families import Parameters, cumulative_hazard
from markov.survival.fit import Failure, Fit, natural_parameters
from markov.survival.kaplan_meier import kaplan_meier
from markov.survival.records import Records
from markov.terms import FAMILY_PARAMETERS, RATIO_FAMILIES, SPLINES, Array, Family

Rows = NDArray[np.bool_]

OWN_FAMILIES = tuple(family for family in Family if family not in RATIO_FAMILIES)
SHAKY = 0.3  # two Hessians this far apart, on the scale of correlations, give no covariance
UNSETTLED = 1e-2  # ln L still to gain, by the local parabola
FLAT = 30.0  # a standard error this large, in coordinates of order one: the records do not determine the parameter


class NotFittedError(RuntimeError):
    """A family has no maximum likelihood estimate for these records; the message says why."""


# Likelihood -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Problem:
    """A family, its knots and the records: the log-likelihood as a function of the sampled values."""

    family: Family
    records: Records
    knots: Array | None

    @property
    def own_names(self) -> tuple[str, ...]:
        if self.knots is not None:
            return tuple(f"gamma{j}" for j in range(len(self.knots)))
        return FAMILY_PARAMETERS[self.family]

    @property
    def names(self) -> tuple[str, ...]:
        return (*self.own_names, *self.records.covariates)

    def log_likelihood(self, values: Array) -> Array:
        """ln L (rows,) of sampled values (rows, names): densities of events, survival of the censored, less entry's."""
        records = self.records
        died, late = records.events == 1, records.entries > 0
        with np.errstate(all="ignore"):
            total = LOG_DENSITIES[self.family](self._at(values, died), records.times[died]) @ records.weights[died]
            total = total - self._hazard(values, ~died, records.times) @ records.weights[~died]
            if late.any():
                total = total + self._hazard(values, late, records.entries) @ records.weights[late]
        return np.where(np.isfinite(total), total, -np.inf)

    def _at(self, values: Array, rows: Rows) -> Parameters:
        """Natural parameters (rows of values, chosen records), or (rows, 1) where there are no covariates."""
        columns = list(self.records.covariates.values())
        matrix = np.stack([column[rows] for column in columns], axis=-1) if columns else np.zeros((1, 0))
        return natural_parameters(self.family, self.names, self.knots, values[:, None, :], matrix)

    def _hazard(self, values: Array, rows: Rows, times: Array) -> Array:
        hazard = cumulative_hazard(self.family, self._at(values, rows), times[rows])
        return np.broadcast_to(hazard, (len(values), int(rows.sum())))


# Where to start ---------------------------------------------------------------------------------------------------


def _starts(problem: _Problem) -> list[Array]:
    """Sampled values to start from: moments for the simple families, simpler families' estimates for the others."""
    if problem.family in SPLINES:
        return _spline_starts(problem)
    if problem.family is Family.GENERALISED_GAMMA:
        return _generalised_gamma_starts(problem)
    if problem.family is Family.GENERALISED_F:
        return _generalised_f_starts(problem)
    records = problem.records
    level = float(np.log(records.weights @ (records.times - records.entries)) - np.log(records.event_count))
    logs = np.log(records.event_times)
    middle, spread = float(logs.mean()), max(float(logs.std()), 0.2)
    steep = np.log(1.28 / spread)  # a Weibull's ln t has standard deviation 1.28/shape
    own: dict[Family, list[tuple[float, ...]]] = {
        Family.EXPONENTIAL: [(-level,)],
        Family.WEIBULL: [(level, 0.0), (level, steep)],
        Family.GOMPERTZ: [(-level, 0.0), (-level, np.exp(-level))],
        Family.LOG_NORMAL: [(level - 0.4, 0.0), (middle, np.log(spread))],
        Family.LOG_LOGISTIC: [(level - 0.4, 0.0), (middle, np.log(1.8 / spread))],
        Family.GAMMA: [(-level, 0.0), (0.7 - level, 0.7)],
    }
    none = np.zeros(len(records.covariates))
    return [np.concatenate([values, none]) for values in own[problem.family]]


def _generalised_gamma_starts(problem: _Problem) -> list[Array]:
    """Near the Weibull (Q = 1), the log-normal (Q = 0) and the inverse Weibull (Q = −1)."""
    weibull, log_normal = _estimates(problem, Family.WEIBULL), _estimates(problem, Family.LOG_NORMAL)
    starts = []
    if weibull is not None:
        starts.append(np.concatenate([[weibull[0], -weibull[1], 1.0], weibull[2:]]))
    if log_normal is not None:
        starts += [np.concatenate([log_normal[:2], [q], log_normal[2:]]) for q in (0.1, -1.0)]
    return starts


def _generalised_f_starts(problem: _Problem) -> list[Array]:
    """Near the generalised gamma (P small) and the log-logistic (Q = 0, P = 1, sigma = √2/shape)."""
    gamma, logistic = _estimates(problem, Family.GENERALISED_GAMMA), _estimates(problem, Family.LOG_LOGISTIC)
    starts = []
    if gamma is not None:
        starts += [np.concatenate([gamma[:3], [log_p], gamma[3:]]) for log_p in (-2.0, 0.0)]
    if logistic is not None:
        starts.append(np.concatenate([[logistic[0], 0.5 * np.log(2.0) - logistic[1], 0.0, 0.0], logistic[2:]]))
    return starts


def _estimates(problem: _Problem, family: Family) -> Array | None:
    """Estimates of a simpler family, or none where it has none."""
    try:
        return _maximum(_Problem(family, problem.records, None)).values
    except NotFittedError:
        return None


def _spline_starts(problem: _Problem) -> list[Array]:
    """Least squares on the Kaplan–Meier curve's steps, on the spline's scale: all the basis, and a straight line."""
    assert problem.knots is not None
    curve = kaplan_meier(problem.records)
    survival = 0.5 * (curve.survival + np.concatenate([[1.0], curve.survival[:-1]]))
    some = survival > 0
    log_times, survival = np.log(curve.times[some]), survival[some]
    scales: Mapping[Family, Callable[[Array], Array]] = {
        Family.SPLINE_HAZARD: lambda s: np.log(-np.log(s)),
        Family.SPLINE_ODDS: lambda s: np.log1p(-s) - np.log(s),
        Family.SPLINE_NORMAL: lambda s: -np.asarray(special.ndtri(s)),
    }
    eta = scales[problem.family](survival)
    basis, slopes = spline_basis(log_times, problem.knots)
    weights = np.linalg.lstsq(basis, eta, rcond=None)[0]
    line = np.zeros_like(weights)
    line[:2] = np.linalg.lstsq(basis[:, :2], eta, rcond=None)[0]
    line[1] = max(line[1], 0.1)
    none = np.zeros(len(problem.records.covariates))
    rising = [start for start in (weights, line) if (slopes @ start > 0).all()]
    return [np.concatenate([start, none]) for start in rising]


def _coordinates(problem: _Problem) -> Array:
    """Matrix from coordinates of order one to sampled values, so that one step length suits all.

    A Gompertz shape is measured in the mean event time, spline weights in an orthogonal basis at the events, and
    covariates in standard deviations about their means.
    """
    records, size = problem.records, len(problem.own_names)
    matrix = np.eye(len(problem.names))
    if problem.family is Family.GOMPERTZ:
        matrix[1, 1] = 1.0 / records.event_times.mean()
    if problem.knots is not None:
        basis, _ = spline_basis(np.log(records.event_times), problem.knots)
        if np.linalg.matrix_rank(basis) < size:
            raise NotFittedError(f"the distinct event times do not determine a spline on {size} knots")
        triangle = np.linalg.qr(basis / np.sqrt(len(basis)))[1]
        matrix[:size, :size] = np.linalg.inv(triangle)
    for j, column in enumerate(records.covariates.values(), start=size):
        mean, spread = column.mean(), column.std()
        matrix[0, j], matrix[j, j] = -mean / spread, 1.0 / spread
    return matrix


# The climb --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Maximum:
    """Where a climb ended: sampled values, ln L, covariance (none where it is no maximum), and what to say of it."""

    values: Array
    log_likelihood: float
    covariance: Array | None
    converged: bool
    message: str


def _ascend(problem: _Problem, start: Array, matrix: Array) -> _Maximum:
    """One climb from one start: a maximum, or the place where it ended and why that is none."""

    def minus_log_likelihood(rows: Array) -> Array:
        return -problem.log_likelihood(start + rows @ matrix.T)

    with np.errstate(all="ignore"):
        point = climb(minus_log_likelihood, start.size)
        gradient, information, disagreement = observed_information(minus_log_likelihood, point)
    values = start + matrix @ point
    log_likelihood = float(problem.log_likelihood(values[None, :])[0])
    if not (np.isfinite(information).all() and np.isfinite(log_likelihood)):
        return _Maximum(values, -np.inf, None, False, "the search ended at the edge of the possible")
    curvatures, directions = np.linalg.eigh(information)
    short = max(0.5 * float(gradient @ np.linalg.pinv(information) @ gradient), 0.0)
    run_off = curvatures[0] < FLAT**-2.0 or np.abs(point).max() > FAR
    if run_off or short > UNSETTLED or disagreement > SHAKY:
        name = problem.names[int(np.argmax(np.abs(directions[:, 0])))]
        where = ", ".join(f"{n} {v:.3g}" for n, v in zip(problem.names, values, strict=True))
        reason = f"no finite maximum: ln L {log_likelihood:.3f} where the search left off, along {name} ({where})"
        if problem.family is Family.GENERALISED_F and values[3] < -5.0:
            reason += "; at p = 0 it is the generalised gamma, which fits as well"
        return _Maximum(values, log_likelihood, None, False, reason)
    covariance = matrix @ np.linalg.inv(information) @ matrix.T
    verdict = f"ln L within {short:.0e} of the maximum; Hessians at two steps within {disagreement:.0e}"
    converged = short < 1e-6 and disagreement < 0.02
    return _Maximum(values, log_likelihood, 0.5 * (covariance + covariance.T), converged, verdict)


def _maximum(problem: _Problem) -> _Maximum:
    """The highest of the climbs from all starts; raises NotFittedError where that is no maximum."""
    matrix = _coordinates(problem)
    ends = [_ascend(problem, start, matrix) for start in _starts(problem)]
    if not ends:
        raise NotFittedError("no finite maximum for the simpler families from which the search would start")
    highest = max(end.log_likelihood for end in ends)
    near = [end for end in ends if end.log_likelihood > highest - 1e-4 or not np.isfinite(highest)]
    best = max(near, key=lambda end: (end.covariance is not None, end.log_likelihood))
    if best.covariance is None:
        raise NotFittedError(best.message)
    return best


# What others call -------------------------------------------------------------------------------------------------


def spline_knots(records: Records, internal_knots: int) -> Array:
    """Knots (internal_knots + 2,) in ln t: least, equally spaced quantiles, and greatest of the log event times.

    Weights do not move them.  Raises NotFittedError where two knots coincide.  Source: Royston and Parmar 2002.

    >>> spline_knots(Records([1.0, np.e, np.e**2], [1, 1, 1]), 1)
    array([0., 1., 2.])
    """
    knots = np.quantile(np.log(records.event_times), np.linspace(0.0, 1.0, internal_knots + 2))
    if (np.diff(knots) < 1e-9).any():
        raise NotFittedError(f"too few distinct event times for {internal_knots} internal knots: two knots coincide")
    return np.asarray(knots, dtype=float)


def fit_family(records: Records, family: Family, internal_knots: int = 0, knots: ArrayLike | None = None) -> Fit:
    """Fit one family by maximum likelihood: ln L = Σ w·[event·ln h(t) − H(t) + H(entry)].

    A spline's knots lie at quantiles of the log event times (`internal_knots` of them between the ends) unless `knots`
    (in ln t) are given. Climbs from several starts in a trust region; the covariance is the inverse of the observed
    information on the sampled scale, from central differences at two steps that must agree.  Raises ValueError for
    records that no family can fit, NotFittedError where this one has no finite maximum.

    >>> fit = fit_family(Records([6.0, 7.0, 10.0, 13.0, 16.0, 22.0], [1, 1, 0, 1, 0, 1]), Family.WEIBULL)
    >>> fit.names, fit.estimates.round(3), round(fit.aic, 3)
    (('scale', 'shape'), array([2.803, 0.8  ]), 32.489)
    """
    _check_fittable(records)
    if family in RATIO_FAMILIES:
        raise ValueError(f"{family.value} is built on another curve and has no likelihood of its own.")
    at = None
    if family in SPLINES:
        at = spline_knots(records, internal_knots) if knots is None else np.asarray(knots, dtype=float)
        if at.size < 2 or (np.diff(at) <= 0).any():
            raise ValueError("Knots need at least two numbers, in ln t, each above the one before.")
    problem = _Problem(family, records, at)
    best = _maximum(problem)
    assert best.covariance is not None
    fit = Fit(
        family=family,
        names=problem.names,
        covariate_names=tuple(records.covariates),
        estimates=best.values,
        covariance=best.covariance,
        knots=at,
        log_likelihood=best.log_likelihood,
        patients=records.patients,
        events=records.event_count,
        converged=best.converged,
        message=best.message,
    )
    _check_rising(fit)
    return fit


def fit_all(
    records: Records, families: Sequence[Family] = OWN_FAMILIES, internal_knots: Sequence[int] = (1, 2)
) -> tuple[Fit | Failure, ...]:
    """Fit every family in turn, splines once for each number of internal knots; one that fails does not stop the rest.

    Raises ValueError for records that no family can fit.

    >>> fits = fit_all(Records([6.0, 7.0, 10.0, 13.0], [1, 1, 0, 1]), (Family.EXPONENTIAL, Family.SPLINE_ODDS), (0, 9))
    >>> [type(fit).__name__ for fit in fits]
    ['Fit', 'Fit', 'Failure']
    """
    _check_fittable(records)
    wanted = [(family, k) for family in families for k in (internal_knots if family in SPLINES else (0,))]
    return tuple(_fit_or_failure(records, family, k) for family, k in wanted)


def _fit_or_failure(records: Records, family: Family, internal_knots: int) -> Fit | Failure:
    try:
        return fit_family(records, family, internal_knots)
    except NotFittedError as reason:
        return Failure(family, internal_knots, str(reason))


def _check_fittable(records: Records) -> None:
    if not records.event_times.size:
        raise ValueError("No events: a curve needs at least one.")
    if (records.event_times == 0).any():
        raise ValueError("An event at time 0 has no density: give it the time it stands for, such as half a day.")
    for name, column in records.covariates.items():
        if np.ptp(column) == 0:
            raise ValueError(f"The covariate {name} is {column[0]:g} for every patient: leave it out.")


def _check_rising(fit: Fit) -> None:
    """A spline may fall between events, where no density refuses it: such a curve is no survival curve."""
    if fit.knots is None:
        return
    x = np.linspace(fit.knots[0], fit.knots[-1], 401)
    slope = spline_basis(x, fit.knots)[1] @ fit.estimates[: len(fit.knots)]
    if slope.min() < 0:
        where = np.exp(x[np.argmin(slope)])
        raise NotFittedError(f"the spline's hazard is negative near t = {where:.3g}: use fewer knots or another scale")

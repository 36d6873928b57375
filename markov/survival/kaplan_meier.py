"""What records say without a curve family: the Kaplan–Meier curve, and a smoothed hazard."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from markov.survival.records import Records, risk_table
from markov.terms import Array

HALF = 1e-12  # a survival this close to a half counts as a half: the median is then the middle of the step


class Interval(StrEnum):
    """The scale on which a Kaplan–Meier confidence interval is symmetric."""

    LOG_LOG = "log_log"
    LOG = "log"
    PLAIN = "plain"


@dataclass(frozen=True)
class KaplanMeier:
    """The survival curve of records: one entry for each distinct event time, each value holding from there on.

    `standard_error` is Greenwood's, NaN where nobody is left; so are the limits of the 95 % interval there.
    """

    times: Array
    at_risk: Array
    events: Array
    survival: Array
    standard_error: Array
    lower: Array
    upper: Array
    last: float
    """The last time seen, event or not."""

    def at(self, times: ArrayLike) -> Array:
        """S(t), shape of `times`: 1 before the first event, the last value beyond follow-up.

        >>> kaplan_meier(Records([1.0, 2.0, 3.0, 4.0], [1, 0, 1, 0])).at([0.5, 1.0, 3.5])
        array([1.   , 0.75 , 0.375])
        """
        return self._step(self.survival, 1.0, times)

    def interval_at(self, times: ArrayLike) -> tuple[Array, Array]:
        """Lower and upper 95 % limit of S(t), each in the shape of `times`.

        >>> [float(limit) for limit in kaplan_meier(Records([1.0, 2.0, 3.0], [1, 0, 1])).interval_at(0.5)]
        [1.0, 1.0]
        """
        return self._step(self.lower, 1.0, times), self._step(self.upper, 1.0, times)

    def standard_error_at(self, times: ArrayLike) -> Array:
        """Greenwood's standard error of S(t), shape of `times`.

        >>> float(kaplan_meier(Records([1.0, 2.0, 3.0, 4.0], [1, 0, 1, 0])).standard_error_at(1.0).round(4))
        0.2165
        """
        return self._step(self.standard_error, 0.0, times)

    def _step(self, values: Array, before: float, times: ArrayLike) -> Array:
        place = np.searchsorted(self.times, np.asarray(times, dtype=float), side="right")
        return np.asarray(np.concatenate([[before], values])[place])

    def median(self) -> tuple[float, float, float]:
        """Median and its 95 % limits: where curve, lower and upper limit reach a half; infinity where they do not.

        Source: Brookmeyer and Crowley 1982 (Biometrics 38:29).

        >>> kaplan_meier(Records([1.0, 2.0, 3.0, 4.0], [1, 1, 1, 1])).median()[0]
        2.5
        """
        middle, lower, upper = (self._crossing(curve) for curve in (self.survival, self.lower, self.upper))
        return middle, lower, upper

    def _crossing(self, curve: Array) -> float:
        below = np.flatnonzero(np.nan_to_num(curve, nan=-1.0) <= 0.5 + HALF)
        if not below.size or np.isnan(curve[below[0]]):
            return float("inf")
        first = below[0]
        if abs(curve[first] - 0.5) > HALF:
            return float(self.times[first])
        following = self.times[first + 1] if first + 1 < self.times.size else self.last
        return float(0.5 * (self.times[first] + following))

    def mean_within(self, until: float) -> tuple[float, float]:
        """Mean time up to `until` (area under the curve) and its standard error, in the unit of the times.

        Variance Σ A_i²·d_i/(n_i·(n_i − d_i)), A_i the area from the i-th event to `until`.
        Source: Klein and Moeschberger 2003, Survival Analysis, section 4.5.

        >>> kaplan_meier(Records([1.0, 2.0], [1, 1])).mean_within(2.0)[0]
        1.5
        """
        inside = self.times < until
        edges = np.concatenate([[0.0], self.times[inside], [until]])
        areas = np.concatenate([[1.0], self.survival[inside]]) * np.diff(edges)
        beyond = np.cumsum(areas[::-1])[::-1][1:]
        n, d = self.at_risk[inside], self.events[inside]
        some = n > d
        return float(areas.sum()), float(np.sqrt((beyond[some] ** 2 * d[some] / (n[some] * (n[some] - d[some]))).sum()))


def kaplan_meier(records: Records, interval: Interval = Interval.LOG_LOG) -> KaplanMeier:
    """Kaplan–Meier curve S = Π(1 − d/n) with Greenwood's standard error S·√Σ d/(n(n − d)) and a 95 % interval.

    Raises ValueError where there is no event.  Sources: Kaplan and Meier 1958 (J Am Stat Assoc 53:457); Greenwood 1926;
    log-log interval: Kalbfleisch and Prentice 2002, section 1.4.

    >>> curve = kaplan_meier(Records([6.0, 6.0, 6.0, 6.0, 7.0], [1, 1, 1, 0, 1]))
    >>> curve.survival.round(3), curve.at_risk
    (array([0.4, 0. ]), array([5., 1.]))
    """
    table = risk_table(records)
    if not table.times.size:
        raise ValueError("No events: a Kaplan–Meier curve needs at least one.")
    n, d = table.at_risk, table.events
    survival = np.asarray(np.cumprod(1.0 - d / n), dtype=float)
    with np.errstate(divide="ignore", invalid="ignore"):
        relative: Array = np.sqrt(np.cumsum(np.where(n > d, d / (n * (n - d)), np.nan)))
        lower, upper = _limits(survival, relative, interval)
    return KaplanMeier(*table, survival, survival * relative, lower, upper, float(records.times.max()))


def _limits(survival: Array, relative: Array, interval: Interval) -> tuple[Array, Array]:
    """95 % limits of S from its relative standard error √Σ d/(n(n − d))."""
    wide = float(special.ndtri(0.975)) * relative
    if interval is Interval.LOG_LOG:
        factor = np.exp(wide / np.abs(np.log(survival)))
        return survival**factor, survival ** (1.0 / factor)
    if interval is Interval.LOG:
        return survival * np.exp(-wide), np.minimum(survival * np.exp(wide), 1.0)
    return np.maximum(survival * (1.0 - wide), 0.0), np.minimum(survival * (1.0 + wide), 1.0)


def smoothed_hazard(records: Records, times: ArrayLike, bandwidth: float | None = None) -> Array:
    """Hazard by a kernel over the Nelson–Aalen steps: h(t) = Σ K((t − t_i)/b)·d_i/n_i / (b·mass of K within follow-up).

    K is Epanechnikov's, ¾(1 − u²); dividing by its mass between 0 and the last time corrects both boundaries.  `times`
    (any shape) must lie within follow-up; `bandwidth`, in the unit of the times, is last time/(8·events^0.2) unless
    given.  Raises ValueError where there is no event, a bandwidth is not above 0 or a time lies outside follow-up.
    Sources: Ramlau-Hansen 1983 (Ann Stat 11:453); Müller and Wang 1994 (Biometrics 50:61).

    >>> records = Records(np.linspace(0.1, 4.0, 400), np.ones(400))  # uniform: h = 1/(4 − t)
    >>> smoothed_hazard(records, [1.0, 2.0], bandwidth=0.4).round(2)
    array([0.33, 0.5 ])
    """
    at = np.asarray(times, dtype=float)
    table, last = risk_table(records), float(records.times.max())
    if not table.times.size:
        raise ValueError("No events: there is no hazard to smooth.")
    if (at < 0).any() or (at > last).any():
        raise ValueError(f"A smoothed hazard is known within follow-up only, from 0 to {last:g}.")
    width = last / (8.0 * records.event_count**0.2) if bandwidth is None else bandwidth
    if width <= 0:
        raise ValueError(f"The bandwidth needs a number above 0, found {width:g}.")
    u = (at[..., None] - table.times) / width
    kernel = 0.75 * np.maximum(1.0 - u**2, 0.0)
    mass = _epanechnikov_below(at / width) - _epanechnikov_below((at - last) / width)
    return np.asarray(kernel @ (table.events / table.at_risk) / (width * mass))


def _epanechnikov_below(u: Array) -> Array:
    """∫ K from −1 to u."""
    u = np.clip(u, -1.0, 1.0)
    return np.asarray(0.25 * (2.0 + 3.0 * u - u**3))

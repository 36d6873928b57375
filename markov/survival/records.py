"""Time-to-event records, one row a patient, and how many were at risk and had the event by time."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from markov.terms import Array


@dataclass(frozen=True, init=False)
class Records:
    """One row a patient: exit time, event (1) or censoring (0), and covariates where there are any.

    All arrays are (patients,), times in one unit; a factor enters as a covariate of 0 and 1 for each level but one.
    Raises ValueError on a bad row.

    >>> records = Records([1.0, 2.0, 2.5], [1, 0, 1])
    >>> records.patients, records.event_count
    (3.0, 2.0)
    """

    times: Array
    events: Array
    covariates: Mapping[str, Array]

    def __init__(self, times: ArrayLike, events: ArrayLike, covariates: Mapping[str, ArrayLike] | None = None) -> None:
        exits, died = np.asarray(times, dtype=float), np.asarray(events, dtype=float)
        named = {name: np.asarray(values, dtype=float) for name, values in (covariates or {}).items()}
        _check_records(exits, died, {"times": exits, "events": died, **named})
        for name, value in (("times", exits), ("events", died), ("covariates", named)):
            object.__setattr__(self, name, value)

    @property
    def patients(self) -> float:
        """How many there are."""
        return float(self.times.size)

    @property
    def event_count(self) -> float:
        """How many of them had the event."""
        return float(self.events.sum())

    @property
    def event_times(self) -> Array:
        """Times of the events, in the order of the records."""
        return np.asarray(self.times[self.events == 1])

    def where(self, chosen: ArrayLike) -> "Records":
        """The rows chosen, as one arm of a trial; covariates are left behind.

        >>> Records([1.0, 2.0, 3.0], [1, 1, 0]).where([True, False, True]).times
        array([1., 3.])
        """
        rows = np.asarray(chosen, dtype=bool)
        return Records(self.times[rows], self.events[rows])


def _check_records(times: Array, events: Array, columns: Mapping[str, Array]) -> None:
    if times.ndim != 1 or not times.size:
        raise ValueError("Times need one number a patient, and at least one patient.")
    for name, column in columns.items():
        if column.shape != times.shape:
            raise ValueError(f"{name} needs one number a patient: {times.size} times, but shape {column.shape}.")
        _refuse(~np.isfinite(column), column, f"{name} needs finite numbers")
    _refuse(times < 0, times, "times need numbers of 0 or above")
    _refuse((events != 0) & (events != 1), events, "events need 1 (event) or 0 (censored)")


def _refuse(bad: NDArray[np.bool_], values: Array, rule: str) -> None:
    """Raise with the rule and the first row that breaks it."""
    if bad.any():
        row = int(np.argmax(bad))
        others = f" (and {int(bad.sum()) - 1} more)" if bad.sum() > 1 else ""
        raise ValueError(f"{rule[0].upper()}{rule[1:]}; found {values[row]:g} in row {row + 1}{others}.")


class RiskTable(NamedTuple):
    """At each distinct event time: how many were at risk just before it, and how many had the event."""

    times: Array
    at_risk: Array
    events: Array


def risk_table(records: Records, times: Array | None = None) -> RiskTable:
    """Numbers at risk (t ≤ exit) and events, by event time; `times` (k,), rising, in place of the records' own.

    >>> risk_table(Records([1.0, 2.0, 2.0, 3.0], [1, 1, 0, 0])).at_risk
    array([4., 3.])
    """
    exits, died = np.sort(records.times), np.sort(records.event_times)
    at = np.unique(died) if times is None else times
    events = np.searchsorted(died, at, side="right") - np.searchsorted(died, at, side="left")
    at_risk = exits.size - np.searchsorted(exits, at, side="left")
    return RiskTable(at, at_risk.astype(float), events.astype(float))

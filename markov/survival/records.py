"""Time-to-event records, one row a patient, and how many were at risk and had the event by time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from markov.terms import Array


@dataclass(frozen=True, init=False)
class Records:
    """One row a patient: exit time, event (1) or censoring (0), and where there are any: entry, weight, covariates.

    All arrays are (patients,), times in one unit; entries are times of delayed entry (left truncation), 0 by default;
    weights count patients, 1 by default; a factor enters as `indicators`.  Raises ValueError on a bad row.

    >>> records = Records([1.0, 2.0, 2.5], [1, 0, 1])
    >>> records.patients, records.event_count
    (3.0, 2.0)
    """

    times: Array
    events: Array
    entries: Array
    weights: Array
    covariates: Mapping[str, Array]

    def __init__(
        self,
        times: ArrayLike,
        events: ArrayLike,
        entries: ArrayLike | None = None,
        weights: ArrayLike | None = None,
        covariates: Mapping[str, ArrayLike] | None = None,
    ) -> None:
        exits = np.asarray(times, dtype=float)
        columns = {
            "times": exits,
            "events": np.asarray(events, dtype=float),
            "entries": np.zeros_like(exits) if entries is None else np.asarray(entries, dtype=float),
            "weights": np.ones_like(exits) if weights is None else np.asarray(weights, dtype=float),
        }
        named = {name: np.asarray(values, dtype=float) for name, values in (covariates or {}).items()}
        _check_records(columns, named)
        for name, column in columns.items():
            object.__setattr__(self, name, column)
        object.__setattr__(self, "covariates", named)

    @property
    def patients(self) -> float:
        """Patients, each with its weight."""
        return float(self.weights.sum())

    @property
    def event_count(self) -> float:
        """Events, each with its weight."""
        return float(self.weights @ self.events)

    @property
    def event_times(self) -> Array:
        """Times of the events that count, one entry a record, in the order of the records."""
        return np.asarray(self.times[(self.events == 1) & (self.weights > 0)])

    def where(self, chosen: ArrayLike) -> "Records":
        """The rows chosen, as one arm of a trial; covariates are left behind.

        >>> Records([1.0, 2.0, 3.0], [1, 1, 0]).where([True, False, True]).times
        array([1., 3.])
        """
        rows = np.asarray(chosen, dtype=bool)
        return Records(self.times[rows], self.events[rows], self.entries[rows], self.weights[rows])


def _check_records(columns: Mapping[str, Array], covariates: Mapping[str, Array]) -> None:
    times, events, entries, weights = columns.values()
    if times.ndim != 1 or not times.size:
        raise ValueError("Times need one number a patient, and at least one patient.")
    for name, column in {**columns, **covariates}.items():
        if column.shape != times.shape:
            raise ValueError(f"{name} needs one number a patient: {times.size} times, but shape {column.shape}.")
        _refuse(~np.isfinite(column), column, f"{name} needs finite numbers")
    _refuse(times < 0, times, "times need numbers of 0 or above")
    _refuse((events != 0) & (events != 1), events, "events need 1 (event) or 0 (censored)")
    _refuse(entries < 0, entries, "entries need numbers of 0 or above")
    _refuse((entries >= times) & (entries > 0), entries, "entry needs to lie before exit")
    _refuse(weights < 0, weights, "weights need numbers of 0 or above")


def _refuse(bad: NDArray[np.bool_], values: Array, rule: str) -> None:
    """Raise with the rule and the first row that breaks it."""
    if bad.any():
        row = int(np.argmax(bad))
        others = f" (and {int(bad.sum()) - 1} more)" if bad.sum() > 1 else ""
        raise ValueError(f"{rule[0].upper()}{rule[1:]}; found {values[row]:g} in row {row + 1}{others}.")


def indicators(name: str, labels: Sequence[str], reference: str) -> dict[str, Array]:
    """A factor as one 0/1 covariate for each level but the reference, in alphabetical order.

    Raises ValueError where no patient has the reference level.

    >>> indicators("group ", ["Good", "Poor", "Good"], reference="Good")
    {'group Poor': array([0., 1., 0.])}
    """
    levels = sorted(set(labels))
    if reference not in levels:
        raise ValueError(f"The reference level {reference!r} is not among {levels}.")
    column = np.asarray(labels)
    return {f"{name}{level}": (column == level).astype(float) for level in levels if level != reference}


class RiskTable(NamedTuple):
    """At each distinct event time: how many were at risk just before it, and how many had the event."""

    times: Array
    at_risk: Array
    events: Array


def risk_table(records: Records, times: Array | None = None) -> RiskTable:
    """Numbers at risk (entry < t ≤ exit; from the start, where entry is 0) and events, by event time.

    `times` (k,) asks for other times than the records' own event times.

    >>> risk_table(Records([1.0, 2.0, 2.0, 3.0], [1, 1, 0, 0])).at_risk
    array([4., 3.])
    """
    at = np.unique(records.event_times) if times is None else times
    return RiskTable(at, _number_at_risk(records, at), _weight_at(records, at))


def _number_at_risk(records: Records, at: Array) -> Array:
    late = records.entries > 0
    left = _weight_below(records.times, records.weights, at)
    entered_later = records.weights[late].sum() - _weight_below(records.entries[late], records.weights[late], at)
    return np.asarray(records.weights.sum() - left - entered_later)


def _weight_below(values: Array, weights: Array, at: Array) -> Array:
    """Total weight of values strictly below each of `at`."""
    order = np.argsort(values)
    total = np.concatenate([[0.0], np.cumsum(weights[order])])
    return np.asarray(total[np.searchsorted(values[order], at, side="left")])


def _weight_at(records: Records, at: Array) -> Array:
    """Weight of the events at each of `at`."""
    place = np.searchsorted(at, records.times)
    hit = (records.events == 1) & (place < at.size)
    hit[hit] = at[place[hit]] == records.times[hit]
    return np.bincount(place[hit], weights=records.weights[hit], minlength=at.size).astype(float)

"""What a run returns: effects, costs, events and curves by (run, strategy), kept in their parts."""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

from markov.terms import LIVING, Array, CostCategory, QalyComponent, State

CURVES = ("os", "pfs_net_of_spm", "progression_and_spm_free", "on_treatment")
LANDMARK_YEARS = (1.0, 2.0, 3.0, 5.0, 10.0, 20.0)
SCHEDULES = ("undiscounted", "discounted")


@dataclass(frozen=True)
class CurveSummary:
    """A modelled curve in figures: `median` and `mean` in years, `landmarks` (runs, strategies, years)."""

    median: Array
    mean: Array
    landmarks: Array


@dataclass(frozen=True)
class Trace:
    """Occupancy and flows by cycle, kept only when asked for: (runs, strategies, cycles [+ 1], …)."""

    boundaries: Array
    occupancy: Array
    flows: Array
    curves: dict[str, Array]
    share_on_drug: Array


@dataclass(frozen=True)
class Outcomes:
    """Outcomes of a block of runs. First axes (runs, strategies); `schedule` is undiscounted, discounted.

    `life_years`, `qalys` (…, schedule, living states); `qaly_components` (…, schedule, components); `costs`
    (…, schedule, categories); `entries` (…, states); `solved` and `counts` (…,) by name.
    """

    strategies: tuple[str, ...]
    life_years: Array
    qalys: Array
    qaly_components: Array
    costs: Array
    entries: Array
    time_on_treatment: Array
    drug_years: Array
    curves: dict[str, CurveSummary]
    solved: dict[str, Array]
    counts: dict[str, Array]
    trace: Trace | None = field(default=None, compare=False)

    @property
    def runs(self) -> int:
        """Number of runs."""
        return len(self.life_years)

    @property
    def cost(self) -> Array:
        """Discounted cost, (runs, strategies)."""
        return np.asarray(self.costs[:, :, 1].sum(axis=-1))

    @property
    def qaly(self) -> Array:
        """Discounted QALYs, (runs, strategies)."""
        return np.asarray(self.qalys[:, :, 1].sum(axis=-1))

    @property
    def life_year(self) -> Array:
        """Discounted life-years, (runs, strategies)."""
        return np.asarray(self.life_years[:, :, 1].sum(axis=-1))

    def net_benefit(self, threshold: float) -> Array:
        """Net monetary benefit at a threshold per QALY, (runs, strategies)."""
        return threshold * self.qaly - self.cost

    def part(self, name: str, key: str, schedule: str = "discounted") -> Array:
        """One part of a disaggregated outcome, (runs, strategies).

        `name` is life_years, qalys, qaly_components or costs; `key` a state, component or category.
        """
        keys: Sequence[str] = {
            "life_years": LIVING,
            "qalys": LIVING,
            "qaly_components": tuple(QalyComponent),
            "costs": tuple(CostCategory),
        }[name]
        values: Array = getattr(self, name)
        return np.asarray(values[:, :, SCHEDULES.index(schedule), list(keys).index(key)])

    def entered(self, state: State) -> Array:
        """Share of the cohort that ever enters a state, (runs, strategies)."""
        return np.asarray(self.entries[:, :, list(State).index(state)])


def concatenate(blocks: Sequence[Outcomes]) -> Outcomes:
    """Join blocks of runs into one."""
    if len(blocks) == 1:
        return blocks[0]
    joined: Outcomes = _join(blocks)
    return joined


def _join(parts: Sequence[Any]) -> Any:
    """Arrays end to end, along the runs; what holds arrays, part by part; the rest is the same in every block."""
    first = parts[0]
    if isinstance(first, np.ndarray):
        return np.concatenate(parts)
    if isinstance(first, dict):
        return {key: _join([part[key] for part in parts]) for key in first}
    if isinstance(first, Trace):
        blocks = {f.name: _join([getattr(part, f.name) for part in parts]) for f in fields(Trace)}
        return Trace(**{**blocks, "boundaries": first.boundaries})
    if isinstance(first, Outcomes | CurveSummary):
        return type(first)(**{f.name: _join([getattr(part, f.name) for part in parts]) for f in fields(first)})
    return first


class CurveSummariser:
    """Takes a falling curve as it is made, and keeps its median, mean and landmarks.

    `initial` (strategies, rows) is its value at time zero. Curves of the strategies in `late` begin later: until
    then they are taken to stand where they begin.
    """

    def __init__(self, boundaries: Array, initial: Array, late: Sequence[int] = ()):
        self.boundaries, self.last, self.half, self.late = boundaries, initial.copy(), 0.5 * initial, list(late)
        self.total = 0.5 * initial
        self.median = np.full(initial.shape, np.nan)
        before = [_boundary_before(boundaries, years) for years in LANDMARK_YEARS]
        self.kept = dict.fromkeys([i for k in before if k is not None for i in (k, k + 1)], initial)

    def add(self, first: int, values: Array, beginning: Array | None = None) -> None:
        """Values (cycles, strategies, rows) at the ends of the cycles from `first` on; they may be overwritten.

        `beginning` (strategies, rows): where a late curve begins.
        """
        for s in list(self.late):
            assert beginning is not None
            self._begin(s, first, values[:, s], beginning[s])
        self.total = self.total + values.sum(axis=0)
        passed = (values[-1] <= self.half) & (self.half > 0) & np.isnan(self.median)
        if passed.any():
            self.median[passed] = self._crossing(first, self.last[passed], values[:, passed], self.half[passed])
        for k in self.kept:
            if first < k <= first + len(values):
                self.kept[k] = values[k - first - 1].copy()
        self.last = values[-1].copy()

    def _begin(self, s: int, first: int, values: Array, value: Array) -> None:
        """Fill a late strategy's past, once it has begun, with the value where it began."""
        positive = values.any(axis=1)
        if not positive.any():
            return
        j = int(np.argmax(positive))
        value = value.copy()
        self.late.remove(s)
        values[:j] = value
        self.last[s], self.half[s], self.total[s] = value, 0.5 * value, (0.5 + first) * value
        self.kept = {k: kept.copy() for k, kept in self.kept.items()}
        for k, kept in self.kept.items():
            if k <= first:
                kept[s] = value

    def _crossing(self, first: int, last: Array, values: Array, half: Array) -> Array:
        """Time at which curves (cycles, n) reach half, log-linear between boundaries."""
        k = np.argmax(values <= half, axis=0)
        n = np.arange(len(half))
        before, after = np.where(k == 0, last, values[k - 1, n]), values[k, n]
        with np.errstate(divide="ignore", invalid="ignore"):
            fraction = np.log(before / half) / np.log(before / np.maximum(after, 1e-300))
        return np.asarray(self.boundaries[first + k] + np.clip(fraction, 0.0, 1.0) * self.boundaries[1])

    def summary(self) -> CurveSummary:
        """Median, mean within the horizon (trapezoid) and landmarks; not reached: not a number."""
        mean = self.boundaries[1] * (self.total - 0.5 * self.last)
        landmarks = [self._at(years) for years in LANDMARK_YEARS]
        return CurveSummary(self.median.T, mean.T, np.swapaxes(np.stack(landmarks, axis=-1), 0, 1))

    def _at(self, years: float) -> Array:
        """Value at a time, log-linear between boundaries; not a number beyond the horizon."""
        k = _boundary_before(self.boundaries, years)
        if k is None:
            return np.full(self.last.shape, np.nan)
        before, after = (np.maximum(self.kept[i], 1e-300) for i in (k, k + 1))
        return np.asarray(self.kept[k] * (after / before) ** ((years - self.boundaries[k]) / self.boundaries[1]))


def _boundary_before(boundaries: Array, years: float) -> int | None:
    """Cycle in which a time falls; None beyond the horizon."""
    if years > boundaries[-1] + 1e-9:
        return None
    return int(np.clip(np.searchsorted(boundaries, years, side="right") - 1, 0, len(boundaries) - 2))

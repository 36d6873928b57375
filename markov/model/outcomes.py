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


def summarise_curve(boundaries: Array, curve: Array) -> CurveSummary:
    """Median (log-linear between boundaries), mean within the horizon (trapezoid) and landmarks.

    `curve` (cycles + 1, strategies, rows) starts at its value at time zero; the median is of that value.
    Not reached: not a number.
    """
    half = 0.5 * curve[0]
    below = curve <= half
    k = np.argmax(below, axis=0)
    reached = below.any(axis=0) & (curve[0] > 0)
    k = np.clip(k, 1, len(curve) - 1)
    after = np.take_along_axis(curve, k[None], axis=0)[0]
    before = np.take_along_axis(curve, k[None] - 1, axis=0)[0]
    with np.errstate(divide="ignore", invalid="ignore"):
        fraction = np.log(before / half) / np.log(before / np.maximum(after, 1e-300))
    length = boundaries[1]
    median = np.where(reached, boundaries[k - 1] + np.clip(fraction, 0.0, 1.0) * length, np.nan)
    mean = length * (curve.sum(axis=0) - 0.5 * (curve[0] + curve[-1]))
    landmarks = np.stack([at_time(boundaries, curve, years) for years in LANDMARK_YEARS], axis=-1)
    return CurveSummary(median.T, mean.T, np.swapaxes(landmarks, 0, 1))


def at_time(boundaries: Array, curve: Array, years: float) -> Array:
    """Value of a curve at a time, log-linear between boundaries; not a number beyond the horizon."""
    if years > boundaries[-1] + 1e-9:
        return np.full(curve.shape[1:], np.nan)
    k = int(np.clip(np.searchsorted(boundaries, years, side="right") - 1, 0, len(boundaries) - 2))
    fraction = (years - boundaries[k]) / boundaries[1]
    return np.asarray(curve[k] * (np.maximum(curve[k + 1], 1e-300) / np.maximum(curve[k], 1e-300)) ** fraction)

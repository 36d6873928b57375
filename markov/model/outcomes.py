"""What a run returns: effects, costs, events and curves by (run, strategy), kept in their parts."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from markov.terms import LIVING, Array, CostCategory, QalyComponent, State

if TYPE_CHECKING:
    from pandas import DataFrame

CURVES = ("os", "pfs_net_of_spm", "progression_and_spm_free", "on_treatment")
LANDMARK_YEARS = (1.0, 2.0, 3.0, 5.0, 10.0, 20.0)
SCHEDULES = ("undiscounted", "discounted")
FIGURES = ("median", "mean")
PARTS: dict[str, Sequence[str]] = {
    "life_years": LIVING,
    "qalys": LIVING,
    "qaly_components": tuple(QalyComponent),
    "costs": tuple(CostCategory),
}
"""What each disaggregated outcome is made of: living states, components of QALYs, categories of cost."""


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
        values: Array = getattr(self, name)
        return np.asarray(values[:, :, SCHEDULES.index(schedule), list(PARTS[name]).index(key)])

    def entered(self, state: State) -> Array:
        """Share of the cohort that ever enters a state, (runs, strategies)."""
        return np.asarray(self.entries[:, :, list(State).index(state)])

    def to_frame(self) -> "DataFrame":
        """One line a figure: `run`, `strategy`, `measure`, `part`, `schedule`, `value`; times in years.

        Measures in parts are life_years, qalys, qaly_components (the same QALYs, by what they are made of) and costs;
        entries are by state and have no schedule, nor have time_on_treatment and the medians and means of curves.

        >>> from markov import evaluate, read_inputs
        >>> outcomes = evaluate(read_inputs("inputs/calgb_100104.xlsx"))
        >>> frame = outcomes.to_frame().query("measure == 'costs' and schedule == 'discounted'")
        >>> bool(abs(frame.groupby("strategy")["value"].sum()["lenalidomide"] - outcomes.cost[0, 1]) < 1e-6)
        True
        """
        import pandas as pd  # takes longer to import than a run takes

        axes = {"run": range(self.runs), "strategy": self.strategies}

        def lines(measure: str, values: Array, **more: Sequence[str]) -> "DataFrame":
            index = pd.MultiIndex.from_product([*axes.values(), *more.values()], names=[*axes, *more])
            return pd.DataFrame({"value": values.ravel()}, index).reset_index().assign(measure=measure)

        frames = [lines(name, getattr(self, name), schedule=SCHEDULES, part=keys) for name, keys in PARTS.items()]
        frames += [lines("entries", self.entries, part=tuple(State))]
        frames += [lines("time_on_treatment", self.time_on_treatment)]
        frames += [
            lines(f"{figure}_{name}", getattr(c, figure)) for name, c in self.curves.items() for figure in FIGURES
        ]
        return pd.concat(frames, ignore_index=True)[["run", "strategy", "measure", "part", "schedule", "value"]]


def concatenate(blocks: Sequence[Outcomes]) -> Outcomes:
    """Join blocks of runs into one."""
    if len(blocks) == 1:
        return blocks[0]
    joined: Outcomes = _join(blocks)
    return joined


def single_runs(outcomes: Outcomes) -> Iterator[Outcomes]:
    """Outcomes of each run by itself, without a trace.

    >>> [each.runs for each in single_runs(calgb_base.outcomes)]
    [1]
    """
    for run in range(outcomes.runs):
        yield _cut(outcomes, slice(run, run + 1))


def _cut(part: Any, runs: slice) -> Any:
    if isinstance(part, np.ndarray):
        return part[runs]
    if isinstance(part, dict):
        return {key: _cut(value, runs) for key, value in part.items()}
    if isinstance(part, Outcomes | CurveSummary):
        kept = {f.name: _cut(getattr(part, f.name), runs) for f in fields(part) if f.name != "trace"}
        return type(part)(**kept)
    return part


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

"""Draws through the model: what is kept of each, and what is checked in each.

Of a draw discounted cost, QALYs and life-years by strategy stay, 24 bytes a strategy, and its severity weight;
everything else is summed up block by block and let go, so that memory hardly grows with the number of draws.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypedDict, Unpack

import numpy as np
from numpy.typing import NDArray

from markov.analysis.calibration import Recalibrated, following_targets
from markov.analysis.draws import random_draws
from markov.analysis.interpretation.severity import shortfalls
from markov.analysis.uncertainty.invariants import CORRECTIONS, OUT_OF_REACH, Invariant, Rule, excesses, merge
from markov.inputs.parameters import Inputs
from markov.model.evaluate import Rows, evaluate
from markov.model.outcomes import Outcomes
from markov.terms import Array

Done = Callable[[int, int], None]
"""Told after each block how many rows are done, and how many there are: for progress."""

TRACED_BLOCK = 250
"""Rows of a block whose trace is kept: 250 rows of 470 cycles and two strategies are 45 MB."""


@dataclass(frozen=True)
class Sample:
    """What is kept of every draw: discounted cost, QALYs and life-years, each (runs, strategies), the reference first.

    `stratum` (runs,) is the scenario of each draw where several are averaged, else 0. `corrected` counts the draws in
    which a declared rule changed a curve, by rule and strategy. `rows` makes the parameter values again;
    `severity_weight` (runs,) is NICE's weight of the reference's patients in each draw.
    """

    strategies: tuple[str, ...]
    cost: Array
    qaly: Array
    life_years: Array
    stratum: NDArray[np.intp]
    invariants: tuple[Invariant, ...] = ()
    corrected: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    rows: Rows | None = field(default=None, repr=False, compare=False)
    severity_weight: Array | None = field(default=None, repr=False)

    @property
    def runs(self) -> int:
        """Number of draws."""
        return len(self.cost)

    def net_benefit(self, threshold: float) -> Array:
        """Net monetary benefit at a threshold per QALY, (runs, strategies)."""
        return np.asarray(threshold * self.qaly - self.cost)


def totals(outcomes: Outcomes) -> Sample:
    """The discounted totals of some runs, such as a base case, as a sample of their own.

    >>> totals(calgb_base.outcomes).cost.shape
    (1, 2)
    """
    stratum = np.zeros(outcomes.runs, dtype=np.intp)
    return Sample(outcomes.strategies, outcomes.cost, outcomes.qaly, outcomes.life_year, stratum)


class Options(TypedDict, total=False):
    """How draws are run; numbers do not depend on it.

    `traced`, unless it is False, also checks occupancy, flows and the general population's survival in every draw,
    which takes two to three times as long. `workers` are processes: one for each processor unless told otherwise.
    """

    traced: bool
    workers: int | None
    done: Done | None


def draw_sample(
    inputs: Inputs, runs: int, seed: int | None = None, *, first: int = 0, **options: Unpack[Options]
) -> Sample:
    """Draws `first` to `first + runs` of a workbook, each run through the model and checked.

    Raises ValueError for less than two draws.

    >>> part, whole = draw_sample(calgb, 5, seed=1, first=10), draw_sample(calgb, 15, seed=1)
    >>> bool(np.allclose(part.cost, whole.cost[10:], rtol=1e-12))
    True
    """
    return Collected(inputs, runs, seed, first=first, **options).up_to(runs)


def standard_error(values: Array, stratum: NDArray[np.intp]) -> Array:
    """Monte Carlo standard error of a mean over draws, by strata h: √Σ (n_h/n)²·s_h²/n_h.

    `values` (runs, …), `stratum` (runs,); returns (…). A stratum of one draw has no spread to speak of: not a number.

    >>> same = np.zeros(4, dtype=int)
    >>> float(standard_error(np.array([1.0, 2.0, 3.0, 4.0]), same).round(6))
    0.645497
    """
    variance = np.zeros(values.shape[1:])
    for h in np.unique(stratum):
        members = values[stratum == h]
        spread = members.var(axis=0, ddof=1) if len(members) > 1 else np.full(values.shape[1:], math.nan)
        variance += len(members) / len(values) ** 2 * spread
    return np.asarray(np.sqrt(variance))


class Span:
    """Rows `first` to `last` of other rows."""

    def __init__(self, rows: Rows, first: int, last: int):
        self.rows, self.first, self.last = rows, first, last

    def __len__(self) -> int:
        """Number of rows."""
        return self.last - self.first

    def block(self, start: int, stop: int) -> Mapping[str, Array]:
        """Values of some rows, by parameter id."""
        return self.rows.block(self.first + start, self.first + stop)


class Collected:
    """Draws `first` to `first + limit` of a workbook, run when they are needed: outcomes are kept, traces are not."""

    def __init__(
        self, inputs: Inputs, limit: int, seed: int | None, *, first: int = 0, **options: Unpack[Options]
    ) -> None:
        if limit < 2:
            raise ValueError(f"a probabilistic analysis needs at least two draws, not {limit}")
        self.inputs, self.first, self.traced = inputs, first, options.get("traced", True)
        self.workers, self.done = options.get("workers"), options.get("done")
        self.draws = following_targets(inputs, random_draws(inputs, first + limit, seed))
        self.out_of_reach = 0
        self.blocks: list[tuple[Array, Array, Array, Array]] = []
        self.found: dict[Rule, list[tuple[int, Array]]] = {}
        self.corrected = {name: np.zeros(len(inputs.compared), dtype=int) for name in CORRECTIONS}
        self.runs = 0

    def up_to(self, runs: int) -> Sample:
        """The sample of the first `runs` draws."""
        if runs > self.runs:
            begin = self.runs
            rows = Span(self.draws, self.first + begin, self.first + runs)
            block = min(TRACED_BLOCK, runs - begin) if self.traced else None

            def sink(start: int, outcomes: Outcomes) -> None:
                self._take(begin + start, outcomes, rows.block(start, start + outcomes.runs))
                if isinstance(self.draws, Recalibrated):
                    at = self.first + begin + start
                    self.out_of_reach += self.draws.out_of_reach(at, at + outcomes.runs)
                if self.done is not None:
                    self.done(begin + start + outcomes.runs, runs)

            evaluate(self.inputs, rows, sink=sink, trace=self.traced, workers=self.workers, block=block)
            self.runs = runs
        cost, qaly, life_years, weight = (np.concatenate(parts) for parts in zip(*self.blocks, strict=True))
        return Sample(
            self.inputs.compared,
            cost,
            qaly,
            life_years,
            np.zeros(self.runs, dtype=np.intp),
            merge(self.found),
            {name: tuple(count.tolist()) for name, count in self.corrected.items()} | self._missed(),
            Span(self.draws, self.first, self.first + self.runs),
            weight,
        )

    def _missed(self) -> dict[str, tuple[int, ...]]:
        """Draws in which no rate met its target, counted for every strategy; empty where nothing is calibrated."""
        everyone = (self.out_of_reach,) * len(self.inputs.compared)
        return {OUT_OF_REACH: everyone} if isinstance(self.draws, Recalibrated) else {}

    def _take(self, start: int, outcomes: Outcomes, values: Mapping[str, Array]) -> None:
        weight = shortfalls(self.inputs, outcomes, values).weight
        self.blocks.append((outcomes.cost, outcomes.qaly, outcomes.life_year, weight))
        for rule, gap in excesses(self.inputs, outcomes, values):
            self.found.setdefault(rule, []).append((start, gap))
        for name in CORRECTIONS:
            self.corrected[name] += (outcomes.counts[name] > 0).sum(axis=0)

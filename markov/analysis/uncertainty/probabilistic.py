"""Probabilistic analysis: every uncertain parameter is drawn at once, and what comes out is summarised.

Draws come from `designs.random_draws`: strategies and scenarios share their random numbers, and a longer run begins
with the shorter one. Of each draw discounted cost, QALYs and life-years by strategy are kept, nothing else; what must
hold is checked in every draw on the way, and breaches are counted and named. No draw is dropped, moved or repeated.

The mean over draws is an estimate with a Monte Carlo standard error. It says how many draws are enough: not a
round number, but an error that does not matter for the decision (`until_precision`).

Source: Briggs, Weinstein, Fenwick and others 2012, Value Health 15:835; Hatswell, Bullement, Briggs and others 2018,
PharmacoEconomics 36:1421.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Unpack

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from markov.analysis.frames import frame, grid_frame
from markov.analysis.incremental import IncrementalRow, PairwiseRow, incremental, pairwise
from markov.analysis.interpretation.severity import LEVELS
from markov.analysis.uncertainty.acceptability import Acceptability, Plane, acceptability, plane, threshold_range
from markov.analysis.uncertainty.active import idle_parameters
from markov.analysis.uncertainty.invariants import DrawnMean, drawn_means
from markov.analysis.uncertainty.sample import Collected, Options, Sample, draw_sample, standard_error, totals
from markov.inputs.parameters import Inputs
from markov.model.evaluate import evaluate
from markov.terms import Array

if TYPE_CHECKING:
    from pandas import DataFrame

Z = float(ndtri(0.975))
NOTICEABLE = 0.05
"""A probabilistic mean this much off the deterministic result needs a word: the model is not linear."""

WEIGHTS = (1.0, *(weight for weight, _, _ in LEVELS))

RUNNING_POINTS = 50


@dataclass(frozen=True)
class Summary:
    """One figure: its deterministic value, mean over draws, Monte Carlo standard error and 95 % credible interval.

    `versus` is None for a strategy's own figure; `threshold` is given for net benefit only.
    """

    quantity: str
    strategy: str
    versus: str | None
    threshold: float | None
    deterministic: float
    mean: float
    standard_error: float
    low: float
    high: float

    @property
    def half_width(self) -> float:
        """Half-width of the 95 % confidence interval of the mean: what more draws would narrow."""
        return Z * self.standard_error

    @property
    def is_settled(self) -> bool:
        """Whether the sign of the mean is beyond Monte Carlo error."""
        return abs(self.mean) > self.half_width

    @property
    def is_off(self) -> bool:
        """Whether the mean is off the deterministic value by more than 5 %, and by more than Monte Carlo error."""
        gap = abs(self.mean - self.deterministic)
        return gap > NOTICEABLE * abs(self.deterministic) and gap > self.half_width


@dataclass(frozen=True)
class Running:
    """Means of incremental net benefit after so many draws: (points,) runs; the rest (points, thresholds, others)."""

    runs: NDArray[np.intp]
    mean: Array
    half_width: Array


@dataclass(frozen=True)
class Probabilistic:
    """A probabilistic analysis. `incremental` and `pairwise` are on means over draws: the ICER is one of means.

    `deterministic` is the incremental analysis without draws; `curves` runs over a range of thresholds, `decisions`
    over those of the workbook. `target` is the half-width asked for, None where the number of draws was given. `idle`
    are sampled parameters that change nothing under the workbook's settings; `drawn` sets the means of the draws beside
    those of the distributions.
    """

    sample: Sample
    thresholds: tuple[float, ...]
    summaries: tuple[Summary, ...]
    incremental: tuple[IncrementalRow, ...]
    pairwise: tuple[PairwiseRow, ...]
    deterministic: tuple[IncrementalRow, ...]
    curves: Acceptability
    decisions: Acceptability
    planes: tuple[Plane, ...]
    running: Running
    target: float | None = None
    idle: tuple[str, ...] = ()
    drawn: tuple[DrawnMean, ...] = ()

    def figures(self, quantity: str) -> tuple[Summary, ...]:
        """Summaries of one quantity, such as `delta_cost` or `net_benefit`."""
        return tuple(summary for summary in self.summaries if summary.quantity == quantity)

    @property
    def severity(self) -> dict[float, float]:
        """Probability of each of NICE's severity weights over the draws; empty where it is not known."""
        weight = self.sample.severity_weight
        return {} if weight is None else {w: float(np.mean(weight == w)) for w in WEIGHTS}

    @property
    def half_width(self) -> float:
        """Largest half-width of a mean incremental net benefit, over thresholds and strategies."""
        return max((summary.half_width for summary in self.figures("net_benefit")), default=0.0)

    @property
    def is_precise(self) -> bool | None:
        """Whether the target was met; None where none was set."""
        return None if self.target is None else self.half_width <= self.target

    def to_frame(self) -> "DataFrame":
        """A row a draw and strategy, discounted; `stratum` is the scenario of the draw where several are averaged.

        >>> probabilistic(calgb, 20, seed=1, traced=False).to_frame().groupby("strategy").size().tolist()
        [20, 20]
        """
        sample = self.sample
        figures = {"cost": sample.cost, "qaly": sample.qaly, "life_years": sample.life_years}
        axes = {"run": range(sample.runs), "strategy": sample.strategies}
        return grid_frame(axes, **figures, stratum=sample.stratum[:, None])

    def summary_frame(self) -> "DataFrame":
        """A row a figure: its deterministic value, mean over draws, Monte Carlo error and 95 % credible interval.

        >>> table = probabilistic(calgb, 20, seed=1, traced=False).summary_frame()
        >>> table.query("quantity == 'net_benefit'")["threshold"].tolist()
        [25000.0, 35000.0]
        """
        return frame(self.summaries)


def probabilistic(inputs: Inputs, runs: int, seed: int | None = None, **options: Unpack[Options]) -> Probabilistic:
    """Probabilistic analysis of a workbook with a given number of draws, beside its deterministic result.

    Raises ValueError for less than two draws.

    >>> result = probabilistic(calgb, 20, seed=1)
    >>> result.sample.cost.shape, sum(invariant.breaches for invariant in result.sample.invariants)
    ((20, 2), 0)
    """
    sample = draw_sample(inputs, runs, seed, **options)
    return _with_inputs(inputs, summarise(sample, inputs.thresholds, totals(evaluate(inputs))))


def until_precision(
    inputs: Inputs,
    half_width: float,
    *,
    extension: int = 1000,
    limit: int = 50_000,
    seed: int | None = None,
    **options: Unpack[Options],
) -> Probabilistic:
    """Draws in blocks until mean incremental net benefit is known to ± `half_width` in money, with 95 % confidence.

    It stops when z·SE ≤ half-width at every threshold and for every strategy, and the strategy of the highest mean
    is that of the block before; at the limit in any case, and `is_precise` then says that the target was missed.
    The result equals that of the same number of draws asked for at once.  Raises ValueError for a half-width of 0.
    Source: Hatswell, Bullement, Briggs and others 2018, PharmacoEconomics 36:1421.

    >>> until_precision(calgb, 10_000.0, extension=25, seed=1, traced=False).is_precise
    True
    """
    if half_width <= 0.0:
        raise ValueError(f"the half-width asked for must be above 0, not {half_width:g}")
    base = totals(evaluate(inputs))
    collected = Collected(inputs, limit, seed, **options)
    before: tuple[int, ...] | None = None
    runs = 0
    while True:
        runs = min(runs + extension, limit)
        sample = collected.up_to(runs)
        best = tuple(int(sample.net_benefit(t).mean(axis=0).argmax()) for t in inputs.thresholds)
        reached = max(_errors(sample, inputs.thresholds), default=0.0) * Z <= half_width
        if runs == limit or (reached and best == before):
            return _with_inputs(inputs, replace(summarise(sample, inputs.thresholds, base), target=half_width))
        before = best


def _with_inputs(inputs: Inputs, result: Probabilistic) -> Probabilistic:
    """The analysis with what is known of its inputs: which are idle, and whether they were drawn as asked."""
    assert result.sample.rows is not None
    return replace(result, idle=idle_parameters(inputs), drawn=drawn_means(inputs, result.sample.rows))


# ------------------------------------------------------------------------------------------------------ summaries


def summarise(sample: Sample, thresholds: Sequence[float], base: Sample) -> Probabilistic:
    """Everything that a report says about a sample; `base` is the deterministic result, a sample of one run.

    Raises ValueError where an outcome is not finite: the invariants name the draws.

    >>> cost, qaly = np.array([[0.0, 9e3], [0.0, 1.1e4]]), np.array([[1.0, 1.4], [1.0, 1.6]])
    >>> sample = Sample(("old", "new"), cost, qaly, qaly, np.zeros(2, dtype=np.intp))
    >>> result = summarise(sample, [30_000.0], sample)
    >>> result.pairwise[0].icer, result.figures("net_benefit")[0].mean
    (20000.0, 5000.0)
    """
    for name in ("cost", "qaly", "life_years"):
        wrong = np.flatnonzero(~np.isfinite(getattr(sample, name)).all(axis=1))
        if wrong.size:
            raise ValueError(f"{name} is not a number in {wrong.size} draws, first in draw {wrong[0]}")
    names, cost, qaly = sample.strategies, sample.cost.mean(axis=0), sample.qaly.mean(axis=0)
    rows = incremental(names, cost, qaly)
    alone = incremental(names, base.cost[0], base.qaly[0])
    icers = [row.icer for row in (*rows, *alone) if row.icer is not None]
    grid = threshold_range(thresholds, icers)
    return Probabilistic(
        sample,
        tuple(thresholds),
        tuple(_summaries(sample, thresholds, base)),
        rows,
        pairwise(names, cost, qaly, names[0]),
        alone,
        acceptability(sample.cost, sample.qaly, grid),
        acceptability(sample.cost, sample.qaly, thresholds),
        tuple(_planes(sample)),
        _running_means(sample, thresholds),
    )


def _running_means(sample: Sample, thresholds: Sequence[float], points: int = RUNNING_POINTS) -> Running:
    """Mean incremental net benefit against the reference after more and more draws, with its 95 % half-width.

    Half-widths take the draws so far as one sample: under structural averaging they are a little too wide.
    """
    first = min(20, sample.runs)
    runs = np.unique(np.linspace(first, sample.runs, points).round().astype(np.intp))
    benefit = np.stack([_against_reference(sample.net_benefit(t)) for t in thresholds], axis=1)
    centre = benefit.mean(axis=0)
    total, squares = (np.cumsum(power, axis=0)[runs - 1] for power in (benefit - centre, (benefit - centre) ** 2))
    count = runs[:, None, None].astype(float)
    variance = np.maximum(squares - total**2 / count, 0.0) / np.maximum(count - 1.0, 1.0)
    return Running(runs, centre + total / count, Z * np.sqrt(variance / count))


def _against_reference(values: Array) -> Array:
    """(runs, strategies) → (runs, strategies − 1)."""
    return np.asarray(values[:, 1:] - values[:, :1])


def _errors(sample: Sample, thresholds: Sequence[float]) -> Iterator[float]:
    for threshold in thresholds:
        yield from standard_error(_against_reference(sample.net_benefit(threshold)), sample.stratum).tolist()


def _summaries(sample: Sample, thresholds: Sequence[float], base: Sample) -> Iterator[Summary]:
    kept = {"cost": sample.cost, "qaly": sample.qaly, "life_years": sample.life_years}
    alone = {"cost": base.cost, "qaly": base.qaly, "life_years": base.life_years}
    for name, values in kept.items():
        yield from _columns(sample, name, sample.strategies, None, None, values, alone[name][0])
    others, reference = sample.strategies[1:], sample.strategies[0]
    for name, values in kept.items():
        gaps = _against_reference(values), _against_reference(alone[name])[0]
        yield from _columns(sample, f"delta_{name}", others, reference, None, *gaps)
    for threshold in thresholds:
        benefit = _against_reference(sample.net_benefit(threshold))
        deterministic = _against_reference(base.net_benefit(threshold))[0]
        yield from _columns(sample, "net_benefit", others, reference, threshold, benefit, deterministic)


def _columns(
    sample: Sample,
    quantity: str,
    strategies: Sequence[str],
    versus: str | None,
    threshold: float | None,
    values: Array,
    deterministic: Array,
) -> Iterator[Summary]:
    """One summary for each column of values (runs, strategies)."""
    error = standard_error(values, sample.stratum)
    low, high = np.quantile(values, (0.025, 0.975), axis=0)
    mean = values.mean(axis=0)
    for i, strategy in enumerate(strategies):
        figures = (float(column[i]) for column in (deterministic, mean, error, low, high))
        yield Summary(quantity, strategy, versus, threshold, *figures)


def _planes(sample: Sample) -> Iterator[Plane]:
    delta_cost, delta_qaly = _against_reference(sample.cost), _against_reference(sample.qaly)
    for i, strategy in enumerate(sample.strategies[1:]):
        yield plane(strategy, delta_cost[:, i], delta_qaly[:, i])

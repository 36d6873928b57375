"""Who is on drug: the treatment window, the share on drug within it, and second malignancies on and off drug.

With λ the toxicity hazard, ω other stops, a = λ + ω and t the time inside the window, s₀·e^(−at) of `maintenance` stay
on drug and 1 − s₀ + s₀·(ω/a)·(1 − e^(−at)) are in it off drug; their sum N = 1 − s₀·(λ/a)·(1 − e^(−at)) is what stops
for toxicity leave. The share on drug is s = s₀·e^(−at)/N, the increment of a part δ −ln[1 − s·(λ/a)·(1 − e^(−aδ))].
"""

from dataclasses import dataclass, fields

import numpy as np

from markov.inputs.parameters import Columns
from markov.survival.hazards import rate_from_incidence
from markov.terms import Array

SMALLEST = 1e-300


@dataclass(frozen=True)
class Window:
    """When each strategy's drug may be given, and the parts of cycles inside: (cycles, strategies) or (strategies,).

    `begin` and `finish` bound the part of the cycle in the window, `inside` is its length and `elapsed`
    (cycles + 1, strategies) the time inside by each boundary; `exposed` the length in which second malignancies carry
    the excess, after the lag.
    """

    start: Array
    stop: Array
    begin: Array
    finish: Array
    inside: Array
    exposed: Array
    elapsed: Array

    @classmethod
    def of(cls, columns: Columns, boundaries: Array) -> "Window":
        """The windows of all compared strategies; starts, stops and lags are choices, never sampled."""
        inputs = columns.inputs
        strategies = inputs.compared
        sampled = [
            i for i in columns.block if i.startswith(("treatment.start.", "treatment.planned_stop.", "spm.lag."))
        ]
        if sampled:
            raise ValueError(f"{sampled[0]} is a choice of method and cannot vary by row")
        start = np.array([inputs.number(f"treatment.start.{s}") for s in strategies])
        stop = np.array(
            [
                inputs.number(f"treatment.planned_stop.{s}") if inputs.given(f"treatment.planned_stop.{s}") else np.inf
                for s in strategies
            ]
        )
        lag = np.array([inputs.number(f"spm.lag.{s}") for s in strategies])
        left, right = boundaries[:-1, None], boundaries[1:, None]
        begin = np.clip(start, left, right)
        finish = np.maximum(np.clip(stop, left, right), begin)
        late = np.clip(start + lag, left, right)
        inside, exposed = finish - begin, np.maximum(finish - late, 0.0)
        whole = finish == right  # whole cycles have one length, free of the boundaries' rounding, to be known as alike
        inside = np.where(whole & (begin == left), boundaries[1], inside)
        exposed = np.where(whole & (late == left), boundaries[1], exposed)
        elapsed = np.concatenate([np.zeros((1, len(start))), np.cumsum(inside, axis=0)])
        return cls(start, stop, begin, finish, inside, exposed, elapsed)

    def of_strategy(self, index: int) -> "Window":
        """One strategy's window."""
        own = slice(index, index + 1)
        return Window(*(getattr(self, each.name)[..., own] for each in fields(self)))


@dataclass(frozen=True)
class Shares:
    """On treatment in consecutive cycles, each (cycles, strategies, rows), or (1, …) where they are all alike.

    `toxicity` increments of stops for toxicity; of `maintenance`, the share on drug at the `begin` and `finish` of
    the part of the cycle inside the window.
    """

    toxicity: Array
    begin: Array
    finish: Array

    @property
    def mean(self) -> Array:
        """Mean share on drug in the part inside the window."""
        return 0.5 * (self.begin + self.finish)


class OnTreatment:
    """Share of `maintenance` on drug, cycle by cycle, for given stop rates (strategies, rows) per year."""

    def __init__(self, window: Window, starting: Array, toxicity_rate: Array, other_rate: Array):
        self.window, self.starting = window, starting
        self.toxicity_rate, self.other_rate = toxicity_rate, other_rate
        shape = np.broadcast_shapes(toxicity_rate.shape, other_rate.shape, starting.shape)
        self.total = toxicity_rate + other_rate
        self.fraction = np.divide(other_rate, self.total, out=np.zeros(shape), where=self.total > 0)
        self.simple = stops_are_simple(other_rate, starting)
        self._share = np.broadcast_to(starting, shape)[None]
        self._last: tuple[Array, Shares] | None = None
        self._kept: tuple[Array, Array] | None = None

    def cycles(self, first: int, size: int) -> Shares:
        """The next cycles, in order."""
        inside = self.window.inside[first : first + size, :, None]
        if self.simple:
            return self._all_or_nothing(first_if_alike(inside))
        ends = share_on_drug(
            self.starting,
            self.fraction,
            np.exp(-self.total * self.window.elapsed[first + 1 : first + size + 1, :, None]),
        )
        begins = self._share if size == 1 else np.concatenate([self._share, ends[:-1]])
        self._share = ends[-1:]
        if not inside.all():
            begins, ends = (np.where(inside > 0, share, 0.0) for share in (begins, ends))
        return Shares(self._toxicity(begins, first_if_alike(inside)), begins, ends)

    def _toxicity(self, share: Array, inside: Array) -> Array:
        """Increments of stops for toxicity; what a part of a cycle does is worked out once while it is as long."""
        if self._kept is None or not same(self._kept[0], inside):
            self._kept = inside, (1.0 - self.fraction) * (1.0 - np.exp(-self.total * inside))
        left = 1.0 - share * self._kept[1]
        np.log(left, out=left)
        return np.negative(left, out=left)

    def _all_or_nothing(self, inside: Array) -> Shares:
        """Whoever starts stays on drug until toxicity; the same object comes back while nothing changes."""
        if self._last is None or not same(self._last[0], inside):
            share = np.where(inside > 0, self.starting, 0.0)
            self._last = inside, Shares(self.toxicity_rate * inside * (share > 0), share, share)
        return self._last[1]


def remaining(starting: Array, fraction: Array, staying: Array) -> Array:
    """What stops for toxicity leave of `maintenance` where e^(−at) of those who started stay on drug: N."""
    by_toxicity = starting * (1.0 - fraction)
    left = by_toxicity * staying
    left += 1.0 - by_toxicity
    return left


def share_on_drug(starting: Array, fraction: Array, staying: Array) -> Array:
    """Share on drug of those in `maintenance`: s₀·e^(−at)/N; where all who are left are on drug, they stay so."""
    staying = np.maximum(staying, SMALLEST)
    share = starting * staying
    share /= remaining(starting, fraction, staying)
    return share


def first_if_alike(cycles: Array) -> Array:
    """The first of several cycles, where all are equal; else all of them."""
    return cycles[:1] if len(cycles) > 1 and (cycles == cycles[0]).all() else cycles


def same(first: Array, second: Array) -> bool:
    """Whether two arrays are equal, in a third of the time of `np.array_equal` on small ones."""
    return first.shape == second.shape and bool((first == second).all())


def stops_are_simple(other_rate: Array, starting: Array) -> bool:
    """Whether all or nobody start and toxicity is the only stop: then all of `maintenance` is on drug, or nobody."""
    return bool(np.all(other_rate == 0.0) and np.all((starting == 0.0) | (starting == 1.0)))


@dataclass(frozen=True)
class Malignancies:
    """Rates of second primary malignancies per year, (strategies, rows): off drug, the excess on it, and the split."""

    off: Array
    excess: Array
    haematologic: Array

    @classmethod
    def of(cls, columns: Columns) -> "Malignancies":
        """From rates, or from a crude cumulative proportion and the rate of other exits behind it."""
        strategies = columns.inputs.compared
        off = columns.by_strategy("spm.rate_off_treatment.", strategies)
        on = np.stack(np.broadcast_arrays(*(_malignancy_rate(columns, s) for s in strategies)))
        return cls(off, on - off, columns.by_strategy("spm.share_haematologic.", strategies))


def _malignancy_rate(columns: Columns, strategy: str) -> Array:
    if columns.given(f"spm.proportion.{strategy}"):
        return rate_from_incidence(
            columns.number(f"spm.proportion.{strategy}"),
            columns.number(f"spm.other_exit_rate.{strategy}"),
            columns.number(f"spm.period.{strategy}"),
        )
    off = columns.number(f"spm.rate_off_treatment.{strategy}")
    return columns.number(f"spm.rate.{strategy}") if columns.given(f"spm.rate.{strategy}") else off

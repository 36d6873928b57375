"""Who is on drug: the treatment window, the share on drug within it, and second malignancies on and off drug.

With λ the toxicity hazard, ω other stops, a = λ + ω and t the time inside the window, s₀·e^(−at) of `maintenance` stay
on drug and 1 − s₀ + s₀·(ω/a)·(1 − e^(−at)) are in it off drug; their sum N = 1 − s₀·(λ/a)·(1 − e^(−at)) is what stops
for toxicity leave. The share on drug is s = s₀·e^(−at)/N, the increment of a part δ −ln[1 − s·(λ/a)·(1 − e^(−aδ))].
"""

from typing import NamedTuple

import numpy as np

from markov.compiling import compiled, loop
from markov.inputs.parameters import Columns
from markov.survival.hazards import rate_from_incidence
from markov.terms import Array

SMALLEST = 1e-300


class Window(NamedTuple):
    """When each strategy's drug may be given, and the parts of cycles inside: (strategies, cycles) or (strategies,).

    `boundaries` (cycles + 1,) are those of the cycles; `begin` and `finish` bound the part of a cycle in the window,
    `inside` is its length and `elapsed` (strategies, cycles + 1) the time inside by each boundary; `exposed` the length
    in which second malignancies carry the excess, after the lag.
    """

    boundaries: Array
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
        inputs, strategies = columns.inputs, columns.inputs.compared
        sampled = [
            i for i in columns.block if i.startswith(("treatment.start.", "treatment.planned_stop.", "spm.lag."))
        ]
        if sampled:
            raise ValueError(f"{sampled[0]} is a choice of method and cannot vary by row")
        stops = [f"treatment.planned_stop.{s}" for s in strategies]
        start = np.array([inputs.number(f"treatment.start.{s}") for s in strategies])
        stop = np.array([inputs.number(each) if inputs.given(each) else np.inf for each in stops])
        lag = np.array([inputs.number(f"spm.lag.{s}") for s in strategies])
        left, right = boundaries[:-1], boundaries[1:]
        begin = np.clip(start[:, None], left, right)
        finish = np.maximum(np.clip(stop[:, None], left, right), begin)
        late = np.clip((start + lag)[:, None], left, right)
        inside, exposed = finish - begin, np.maximum(finish - late, 0.0)
        elapsed = np.concatenate([np.zeros((len(start), 1)), np.cumsum(inside, axis=1)], axis=1)
        return cls(boundaries, start, stop, begin, finish, inside, exposed, elapsed)

    def first_cycles(self, cycles: int) -> list[int]:
        """The cycle, of so many, in which each strategy's treatment starts; −1 where it never does."""
        starting = ((self.begin == self.start[:, None]) & (self.inside > 0))[:, :cycles]
        return [int(np.argmax(row)) if row.any() else -1 for row in starting]


class OnDrug(NamedTuple):
    """One cohort's treatment, (cycles,): increments of stops for toxicity; of `maintenance`, the share on drug at the
    `begin` and `finish` of the part of the cycle inside the window.
    """

    toxicity: Array
    begin: Array
    finish: Array


@compiled
def fraction_of_others(toxicity_rate: float, other_rate: float) -> float:
    """Of those who stop, the share that stops for other reasons than toxicity: ω/a."""
    total = toxicity_rate + other_rate
    return other_rate / total if total > 0.0 else 0.0


@compiled
def remaining(starting: float, fraction: float, staying: float) -> float:
    """What stops for toxicity leave of `maintenance` where e^(−at) of those who started stay on drug: N."""
    by_toxicity = starting * (1.0 - fraction)
    return by_toxicity * staying + (1.0 - by_toxicity)


@compiled
def share_on_drug(starting: float, fraction: float, staying: float) -> float:
    """Share on drug of those in `maintenance`: s₀·e^(−at)/N; where all who are left are on drug, they stay so."""
    staying = max(staying, SMALLEST)
    return starting * staying / remaining(starting, fraction, staying)


@loop
def treat(window: Window, s: int, starting: float, toxicity_rate: float, other_rate: float, on: OnDrug) -> None:
    """Fill who is on drug, cycle by cycle, for given stop rates per year."""
    total, fraction, share = toxicity_rate + other_rate, fraction_of_others(toxicity_rate, other_rate), starting
    length, keep, staying = 0.0, 1.0, 1.0
    for k in range(len(on.toxicity)):
        inside = window.inside[s, k]
        if inside <= 0.0:
            on.toxicity[k], on.begin[k], on.finish[k] = 0.0, 0.0, 0.0
            continue
        on.begin[k] = share
        if share == 1.0 and fraction == 0.0:  # all are on drug, and those who stop leave `maintenance`
            on.toxicity[k] = toxicity_rate * inside
        else:
            if inside != length:  # nearly all are whole cycles
                length, keep = inside, np.exp(-total * inside)
            staying *= keep
            on.toxicity[k] = -np.log(1.0 - share * (1.0 - fraction) * (1.0 - keep))
            share = share_on_drug(starting, fraction, staying)
        on.finish[k] = share


class Malignancies(NamedTuple):
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

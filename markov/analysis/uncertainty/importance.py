"""What matters, in three senses side by side: one-way swings, shares of variance (Sobol), value of information.

They answer different questions and need not agree. A swing moves one input alone between the ends of its interval; a
total index says what it has a part in when all vary; what it would be worth to know says whether it could change the
decision. Where a strategy is far from cost-effective, an input may explain most of the variance of net benefit and be
worth nothing to know.

Two given-data methods say from the random draws whether the Sobol indices can be believed: PAWN, which looks at whole
distributions, and RBD-FAST, whose index is the first-order one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from markov.analysis.sensitivity.one_way import OneWay
from markov.analysis.uncertainty.given_data import FEWEST, given_data
from markov.analysis.uncertainty.regression import average_ranks
from markov.analysis.uncertainty.sample import Sample
from markov.analysis.uncertainty.sobol import Sobol
from markov.analysis.uncertainty.value_of_information import ValueOfInformation
from markov.terms import Array

if TYPE_CHECKING:
    import pandas as pd

LEADING = 5
MOST = 2000
"""Draws that the given-data methods are asked about at most: a second for two thresholds and forty inputs."""
NOTHING = 0.5
"""A value of information below half a unit of money a patient is nothing."""


@dataclass(frozen=True)
class Importance:
    """A source of uncertainty at one threshold: swing of net benefit, Sobol indices and EVPPI per patient.

    `swing` is the largest over strategies, in money, None where one-way analysis has no bar; indices are None where the
    output does not vary. `pawn` and `rbd_fast` are the largest of the inputs of a source that given-data methods tell
    apart, None from few draws. Ranks run from 1, equal ones share their mean; there is none by value where all are 0,
    and none by PAWN within its noise.
    """

    factor: str
    parameters: tuple[str, ...]
    swing: float | None
    first: float | None
    total: float | None
    value: float
    error: float
    swing_rank: float | None = None
    total_rank: float | None = None
    value_rank: float | None = None
    pawn: float | None = None
    pawn_rank: float | None = None
    rbd_fast: float | None = None


@dataclass(frozen=True)
class ImportanceTable:
    """All sources of uncertainty at one threshold, by falling total index of an output, and how far the orders agree.

    Rank correlations (Spearman) are None where one of the two has no order. `draws` are those that given-data methods
    were asked about, 0 where they were too few, and `pawn_noise` the PAWN index that an input without effect may have.
    """

    threshold: float
    output: str
    rows: tuple[Importance, ...]
    total_and_value: float | None
    total_and_swing: float | None
    swing_and_value: float | None
    total_and_pawn: float | None = None
    draws: int = 0
    pawn_noise: float = 0.0

    @property
    def leading_in_variance(self) -> Importance:
        """The row of the highest total index."""
        return self.rows[0]

    @property
    def leading_in_value(self) -> Importance | None:
        """The row that is worth most to know; None where nothing is worth anything."""
        best = max(self.rows, key=lambda row: row.value)
        return best if best.value >= NOTHING else None

    @property
    def disagreements(self) -> tuple[Importance, ...]:
        """Rows among the five leading by variance or swing, or of some value, that are beyond ten in another order.

        An input that is worth nothing to know has no place in the order by value: `worthless` counts those.
        """
        return tuple(row for row in self.rows if self._disagrees(row))

    @property
    def worthless(self) -> int:
        """How many of the five leading in variance are worth nothing to know."""
        return sum(row.value < NOTHING for row in self.rows[:LEADING])

    def to_frame(self) -> "pd.DataFrame":
        """The table as a pandas frame: a row a source of uncertainty, by falling total index."""
        import pandas as pd

        return pd.DataFrame(self.rows).drop(columns="parameters").set_index("factor")

    def _disagrees(self, row: Importance) -> bool:
        ranks = [rank for rank in (row.total_rank, row.swing_rank) if rank is not None]
        if row.value_rank is not None and row.value >= NOTHING:
            ranks.append(row.value_rank)
        return bool(ranks) and min(ranks) <= LEADING and max(ranks) > 2 * LEADING


def importance_tables(
    sobol: Sobol, information: ValueOfInformation, one_way: OneWay, sample: Sample
) -> tuple[ImportanceTable, ...]:
    """A table for each threshold: of the margin of the best strategy over the second, or of two strategies' difference.

    Given-data methods are asked about the first draws of the sample; the model is not run.

    >>> from markov.analysis.sensitivity.one_way import one_way
    >>> from markov.analysis.uncertainty.sample import draw_sample
    >>> from markov.analysis.uncertainty.sobol import sobol
    >>> from markov.analysis.uncertainty.value_of_information import value_of_information
    >>> shares, sample = sobol(calgb, 4, second_order=False), draw_sample(calgb, 60, seed=1, traced=False)
    >>> first, _ = importance_tables(shares, value_of_information(calgb, sample, refits=0), one_way(calgb), sample)
    >>> first.output, first.rows[0].total >= first.rows[1].total, first.rows[0].total_rank
    ('net_benefit.25000.lenalidomide', True, 1.0)
    """
    names = sample.strategies
    outputs = {
        threshold: f"net_benefit.{threshold:.10g}.{names[1]}" if len(names) == 2 else f"margin.{threshold:.10g}"
        for threshold in information.thresholds
    }
    opinions = _second_opinions(sample, outputs)
    return tuple(_table(sobol, information, one_way, t, output, opinions.get(t)) for t, output in outputs.items())


class _Opinion(NamedTuple):
    """PAWN and RBD-FAST indices by source, how many draws they are from, and PAWN's noise."""

    pawn: Mapping[str, float]
    rbd_fast: Mapping[str, float]
    draws: int
    noise: float


def _second_opinions(sample: Sample, outputs: Mapping[float, str]) -> dict[float, _Opinion]:
    """What given-data methods say, by threshold; none of an output that does not vary, or from few draws."""
    if sample.runs < FEWEST:
        return {}
    asked = list(outputs.values())
    pawn = given_data(sample, list(outputs), "pawn", outputs=asked, most=MOST)
    rbd_fast = given_data(sample, list(outputs), "rbd_fast", outputs=asked, most=MOST, resamples=2)
    sources = [one.source for one in pawn.inputs]

    def largest(index: Array) -> dict[str, float]:
        found: dict[str, float] = {}
        for source, value in zip(sources, index.tolist(), strict=True):
            found[source] = max(value, found.get(source, value))
        return found

    return {
        threshold: _Opinion(largest(one.index), largest(other.index), pawn.runs, one.noise)
        for threshold, one, other in zip(outputs, pawn.outputs, rbd_fast.outputs, strict=True)
        if one.index is not None and other.index is not None
    }


def _rank_correlation(first: Sequence[float | None], second: Sequence[float | None]) -> float | None:
    """Spearman's rank correlation over the pairs that both have; None where one of the two has no order.

    >>> _rank_correlation([0.6, 0.3, None], [90.0, 0.0, 1.0]), _rank_correlation([0.6], [1.0])
    (1.0, None)
    """
    pairs = [(a, b) for a, b in zip(first, second, strict=True) if a is not None and b is not None]
    if not pairs:
        return None
    a, b = (average_ranks(np.array(column)) for column in zip(*pairs, strict=True))
    if np.ptp(a) == 0.0 or np.ptp(b) == 0.0:
        return None
    return round(float(np.corrcoef(a, b)[0, 1]), 12)


def _table(
    sobol: Sobol,
    information: ValueOfInformation,
    one_way: OneWay,
    threshold: float,
    output: str,
    opinion: _Opinion | None,
) -> ImportanceTable:
    found, factors = sobol.of(output), sobol.factors
    values = {part.group: part.information for part in information.single if part.threshold == threshold}
    swings = [_swing(one_way, threshold, factor.parameters) for factor in factors]
    totals = [None] * len(factors) if found.total is None else found.total.tolist()
    worth = [values[factor.name].value for factor in factors]
    values_known = worth if max(worth, default=0.0) >= NOTHING else [None] * len(worth)
    pawn = [None if opinion is None else opinion.pawn[factor.name] for factor in factors]
    beyond = [value if opinion and value and value > opinion.noise else None for value in pawn]
    orders = (_falling(column) for column in (swings, totals, values_known, beyond))
    ranks = zip(factors, *orders, strict=True)
    rows = [
        Importance(
            factor.name,
            factor.parameters,
            swings[i],
            None if found.first is None else float(found.first[i]),
            totals[i],
            worth[i],
            values[factor.name].standard_error,
            swing_rank,
            total_rank,
            value_rank,
            pawn[i],
            pawn_rank,
            None if opinion is None else opinion.rbd_fast[factor.name],
        )
        for i, (factor, swing_rank, total_rank, value_rank, pawn_rank) in enumerate(ranks)
    ]
    rows.sort(key=lambda row: -(row.total or 0.0))
    return ImportanceTable(
        threshold,
        output,
        tuple(rows),
        _rank_correlation(totals, values_known),
        _rank_correlation(totals, swings),
        _rank_correlation(swings, values_known),
        _rank_correlation(totals, beyond),
        0 if opinion is None else opinion.draws,
        0.0 if opinion is None else opinion.noise,
    )


def _swing(one_way: OneWay, threshold: float, parameters: Sequence[str]) -> float | None:
    """The largest swing of a bar that moves some of the parameters, over strategies."""
    return max(
        (
            bar.swing
            for bar in one_way.bars
            if bar.threshold == threshold
            and not bar.factor.declared
            and any(member.id in parameters and not member.follows for member in bar.factor.members)
        ),
        default=None,
    )


def _falling(values: Sequence[float | None]) -> list[float | None]:
    """Ranks from the highest down; None where there is no value."""
    known = [i for i, value in enumerate(values) if value is not None]
    ranks: list[float | None] = [None] * len(values)
    if known:
        for i, rank in zip(known, average_ranks(-np.array([values[i] for i in known], dtype=float)), strict=True):
            ranks[i] = float(rank)
    return ranks

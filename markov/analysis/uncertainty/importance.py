"""What matters, in three senses side by side: one-way swings, shares of variance (Sobol), value of information.

They answer different questions and need not agree. A swing moves one input alone between the ends of its interval; a
total index says what it has a part in when all vary; what it would be worth to know says whether it could change the
decision. Where a strategy is far from cost-effective, an input may explain most of the variance of net benefit and be
worth nothing to know.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from markov.analysis.sensitivity.one_way import OneWay
from markov.analysis.uncertainty.regression import average_ranks
from markov.analysis.uncertainty.sobol import Sobol
from markov.analysis.uncertainty.value_of_information import ValueOfInformation

LEADING = 5
NOTHING = 0.5
"""A value of information below half a unit of money a patient is nothing."""


@dataclass(frozen=True)
class Importance:
    """A source of uncertainty at one threshold: swing of net benefit, Sobol indices and EVPPI per patient.

    `swing` is the largest over strategies, in money, None where one-way analysis has no bar; indices are None where the
    output does not vary. Ranks run from 1, equal ones share their mean; none by value where all are 0.
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


@dataclass(frozen=True)
class ImportanceTable:
    """All sources of uncertainty at one threshold, by falling total index of an output, and how far the orders agree.

    Rank correlations (Spearman) are None where one of the two has no order.
    """

    threshold: float
    output: str
    rows: tuple[Importance, ...]
    total_and_value: float | None
    total_and_swing: float | None
    swing_and_value: float | None

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

    def _disagrees(self, row: Importance) -> bool:
        ranks = [rank for rank in (row.total_rank, row.swing_rank) if rank is not None]
        if row.value_rank is not None and row.value >= NOTHING:
            ranks.append(row.value_rank)
        return bool(ranks) and min(ranks) <= LEADING and max(ranks) > 2 * LEADING


def importance_tables(
    sobol: Sobol, information: ValueOfInformation, one_way: OneWay | None = None
) -> tuple[ImportanceTable, ...]:
    """A table for each threshold: of the margin of the best strategy over the second, or of two strategies' difference.

    >>> from markov.analysis.sensitivity.one_way import one_way
    >>> from markov.analysis.uncertainty.sample import draw_sample
    >>> from markov.analysis.uncertainty.sobol import sobol_analysis
    >>> from markov.analysis.uncertainty.value_of_information import value_of_information
    >>> from markov.inputs.writing.template import shipped
    >>> from markov.inputs.workbook import read_inputs
    >>> inputs = read_inputs(shipped("myeloma_ix"))
    >>> information = value_of_information(inputs, draw_sample(inputs, 60, seed=1, traced=False), refits=0)
    >>> first, _ = importance_tables(sobol_analysis(inputs, 4, second_order=False), information, one_way(inputs))
    >>> first.output, first.rows[0].total >= first.rows[1].total, first.rows[0].total_rank
    ('net_benefit.25000.thalidomide', True, 1.0)
    """
    outputs = {indices.output for indices in sobol.indices}
    tables = []
    for threshold in information.thresholds:
        margin = f"margin.{threshold:.10g}"
        single = [name for name in outputs if name.startswith(f"net_benefit.{threshold:.10g}.")]
        tables.append(_table(sobol, information, one_way, threshold, margin if margin in outputs else min(single)))
    return tuple(tables)


def rank_correlation(first: Sequence[float | None], second: Sequence[float | None]) -> float | None:
    """Spearman's rank correlation over the pairs that both have; None where one of the two has no order.

    >>> rank_correlation([0.6, 0.3, None], [90.0, 0.0, 1.0]), rank_correlation([0.6], [1.0])
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
    sobol: Sobol, information: ValueOfInformation, one_way: OneWay | None, threshold: float, output: str
) -> ImportanceTable:
    found = sobol.of(output)
    values = {part.group: part.information for part in information.single if part.threshold == threshold}
    swings = [_swing(one_way, threshold, factor.parameters) for factor in sobol.factors]
    totals = [None] * len(swings) if found.total is None else found.total.tolist()
    worth = [values[factor.name].value for factor in sobol.factors]
    values_known = worth if max(worth, default=0.0) >= NOTHING else [None] * len(worth)
    ranks = zip(_falling(swings), _falling(totals), _falling(values_known), strict=True)
    rows = [
        Importance(
            factor.name,
            factor.parameters,
            swings[i],
            None if found.first is None else float(found.first[i]),
            totals[i],
            worth[i],
            values[factor.name].standard_error,
            *three,
        )
        for i, (factor, three) in enumerate(zip(sobol.factors, ranks, strict=True))
    ]
    rows.sort(key=lambda row: -(row.total or 0.0))
    return ImportanceTable(
        threshold,
        output,
        tuple(rows),
        rank_correlation(totals, values_known),
        rank_correlation(totals, swings),
        rank_correlation(swings, values_known),
    )


def _swing(one_way: OneWay | None, threshold: float, parameters: Sequence[str]) -> float | None:
    """The largest swing of a bar that moves some of the parameters, over strategies."""
    bars = () if one_way is None else one_way.bars
    return max(
        (
            bar.swing
            for bar in bars
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

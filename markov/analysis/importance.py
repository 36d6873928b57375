"""What matters, in two senses side by side: what moves a result (Sobol), and what could change the decision (EVPPI).

The two need not agree. Where a strategy is far from cost-effective, a price may explain most of the variance of net
benefit and be worth nothing to know; where the decision is close, a small uncertainty may be worth a study.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from markov.analysis.regression import average_ranks
from markov.analysis.sobol import Sobol
from markov.analysis.value_of_information import ValueOfInformation


@dataclass(frozen=True)
class Importance:
    """A source of uncertainty: its Sobol indices for net benefit, and what it would be worth to know it, per person.

    Indices are None where net benefit does not vary.
    """

    factor: str
    parameters: tuple[str, ...]
    first: float | None
    total: float | None
    value: float


def importance(
    sobol: Sobol, information: ValueOfInformation, threshold: float, strategy: str
) -> tuple[Importance, ...]:
    """Sources of uncertainty by falling total index for a strategy's net benefit, each with its EVPPI.

    Raises KeyError for a threshold, strategy or source that one of the two analyses does not have.

    >>> from markov.analysis.sample import draw_sample
    >>> from markov.analysis.sobol import sobol_analysis
    >>> from markov.analysis.value_of_information import value_of_information
    >>> from markov.inputs.template import shipped
    >>> from markov.inputs.workbook import read_inputs
    >>> inputs = read_inputs(shipped("myeloma_ix"))
    >>> information = value_of_information(inputs, draw_sample(inputs, 60, seed=1, traced=False), refits=0)
    >>> rows = importance(sobol_analysis(inputs, 4, second_order=False), information, 25000.0, "thalidomide")
    >>> rows[0].total >= rows[1].total, len(rows) == len({row.factor for row in rows})
    (True, True)
    """
    output = f"net_benefit.{threshold:.10g}.{strategy}"
    found = {one.output: one for one in sobol.indices}[output]
    values = {part.group: part.information.value for part in information.single if part.threshold == threshold}
    rows = [
        Importance(
            factor.name,
            factor.parameters,
            None if found.first is None else float(found.first[i]),
            None if found.total is None else float(found.total[i]),
            values[factor.name],
        )
        for i, factor in enumerate(sobol.factors)
    ]
    return tuple(sorted(rows, key=lambda row: -(row.total or 0.0)))


def agreement(rows: Sequence[Importance]) -> float | None:
    """Spearman's rank correlation of total indices and EVPPI over the sources; None where one of them has no order.

    >>> made = [Importance(name, (), 0.0, total, value) for name, total, value in (("a", 0.6, 90.0), ("b", 0.3, 0.0))]
    >>> agreement(made), agreement([made[0]])
    (1.0, None)
    """
    first = average_ranks(np.array([row.total or 0.0 for row in rows]))
    second = average_ranks(np.array([row.value for row in rows]))
    if np.ptp(first) == 0.0 or np.ptp(second) == 0.0:
        return None
    return round(float(np.corrcoef(first, second)[0, 1]), 12)

"""The results that sensitivity analyses explain: differences from the reference, never the ICER.

The variance of an ICER belongs to the few draws in which the difference in QALYs is nearly 0. Net benefit at each
threshold, cost, QALYs and life-years have no such pole.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from markov.analysis.uncertainty.sample import Sample
from markov.analysis.uncertainty.sobol_indices import Output
from markov.terms import Array


@dataclass(frozen=True)
class Explained:
    """Outputs by name, and of which two strategies each margin is."""

    outputs: Mapping[str, Output]
    margins: Mapping[str, tuple[str, str]]


def explained(sample: Sample, thresholds: Sequence[float], ranked: Array | slice = slice(None)) -> Explained:
    """Outputs of some runs of the model, and with three strategies or more the margin of the best over the second.

    They are `net_benefit.THRESHOLD.S`, `delta_cost.S`, `delta_qaly.S` and `delta_life_years.S` of every strategy S
    against the reference, and `margin.THRESHOLD`: net benefit of the strategy with the highest mean over the runs
    `ranked` less that of the second, the two held fixed over all runs.

    >>> from markov.analysis.uncertainty.sample import draw_sample
    >>> list(explained(draw_sample(calgb, 4, traced=False), [25000.0]).outputs)[:2]
    ['net_benefit.25000.lenalidomide', 'delta_cost.lenalidomide']
    """
    names = sample.strategies
    benefits = {f"{threshold:.10g}": sample.net_benefit(threshold) for threshold in thresholds}
    totals = {f"net_benefit.{threshold}": benefit for threshold, benefit in benefits.items()}
    totals |= {"delta_cost": sample.cost, "delta_qaly": sample.qaly, "delta_life_years": sample.life_years}
    outputs = {
        f"{name}.{strategy}": Output(values[:, i] - values[:, 0], _size(values))
        for name, values in totals.items()
        for i, strategy in enumerate(names[1:], start=1)
    }
    margins: dict[str, tuple[str, str]] = {}
    for threshold, benefit in benefits.items() if len(names) > 2 else ():
        best, second, *_ = np.argsort(-benefit[ranked].mean(axis=0), kind="stable").tolist()
        margins[f"margin.{threshold}"] = names[best], names[second]
        outputs[f"margin.{threshold}"] = Output(benefit[:, best] - benefit[:, second], _size(benefit))
    return Explained(outputs, margins)


def _size(values: Array) -> float:
    """Size of totals, whose difference cannot be known better than their rounding; 0 where one is not a number."""
    largest = float(np.abs(values).max())
    return largest if np.isfinite(largest) else 0.0

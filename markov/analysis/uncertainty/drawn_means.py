"""Whether what was drawn is what was asked for: means and spreads of the draws beside those of the distributions."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from markov.analysis.draws import sampled
from markov.inputs.distributions import inverse
from markov.inputs.parameters import Inputs
from markov.model.evaluate import Rows

QUADRATURE = 20_000
FAR = 4.0
"""Standard errors between the mean of the draws and that of the distribution that chance does not explain."""

BLOCK = 5000


@dataclass(frozen=True)
class DrawnMean:
    """A sampled parameter, in its cell's unit: its value, the mean and spread of its distribution, and of its draws.

    The value need not be the mean: under a log-normal with limits it is the median. `distance` is the gap between the
    two means in standard errors.
    """

    id: str
    value: float
    mean: float
    spread: float
    drawn_mean: float
    drawn_spread: float
    distance: float

    @property
    def is_as_asked(self) -> bool:
        """Whether the draws' mean is that of the distribution, but for chance."""
        return abs(self.distance) <= FAR


def drawn_means(inputs: Inputs, rows: Rows) -> tuple[DrawnMean, ...]:
    """Means of all sampled parameters in some draws, beside those of their distributions, by a midpoint rule.

    >>> from markov.analysis.draws import random_draws
    >>> from markov.inputs.writing.template import shipped
    >>> from markov.inputs.workbook import read_inputs
    >>> inputs = read_inputs(shipped("calgb_100104"))
    >>> all(one.is_as_asked for one in drawn_means(inputs, random_draws(inputs, 200, seed=1)))
    True
    """
    parameters = sampled(inputs)
    if not parameters:
        return ()
    count = len(rows)
    sums, squares = np.zeros(len(parameters)), np.zeros(len(parameters))
    centre = np.array([float(parameter.value or 0.0) for parameter in parameters])
    for start in range(0, count, BLOCK):
        block = rows.block(start, min(start + BLOCK, count))
        off = np.stack([block[parameter.id] for parameter in parameters]) - centre[:, None]
        sums += off.sum(axis=1)
        squares += (off**2).sum(axis=1)
    mean = centre + sums / count
    spread = np.sqrt(np.maximum(squares - sums**2 / count, 0.0) / max(count - 1, 1))
    return tuple(_rows(inputs, mean.tolist(), spread.tolist(), count))


def _rows(inputs: Inputs, drawn: list[float], spreads: list[float], count: int) -> Iterator[DrawnMean]:
    middles = (np.arange(QUADRATURE) + 0.5) / QUADRATURE
    for parameter, mean, spread in zip(sampled(inputs), drawn, spreads, strict=True):
        values = inverse(parameter)(middles)
        asked, expected = float(values.mean()), float(values.std())
        distance = (mean - asked) / (expected / math.sqrt(count))
        yield DrawnMean(parameter.id, float(parameter.value or 0.0), asked, expected, mean, spread, distance)

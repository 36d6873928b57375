"""What evidence writes into a workbook: rows of the parameter sheets, and of the sheets that go with them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from markov.terms import Array, Distribution

RowChange = Mapping[str, object]
"""Cells of a row by header."""

SMALLEST_CORRELATION = 1e-3


@dataclass(frozen=True)
class NewRows:
    """Rows to be written: of parameters by id (None: the row is taken away), and new ones of other sheets.

    `choices` are the lines on which an analyst justifies a curve; `left_alone` says, a sentence each, what stays.
    """

    parameters: Mapping[str, RowChange | None]
    correlations: tuple[RowChange, ...] = ()
    scenarios: tuple[RowChange, ...] = ()
    choices: tuple[RowChange, ...] = ()
    left_alone: tuple[str, ...] = ()


def uncertain(value: float, low: float | None = None, high: float | None = None) -> RowChange:
    """A positive quantity with the 95 % limits of a log-normal; without limits it is fixed.

    >>> uncertain(0.57, 0.46, 0.71)["distribution"], uncertain(0.57)["distribution"]
    ('log_normal', 'fixed')
    """
    distribution = Distribution.FIXED if low is None else Distribution.LOG_NORMAL
    return {"value": value, "se": None, "low": low, "high": high, "distribution": distribution.value}


def correlations(ids: Sequence[str], covariance: Array, told: RowChange) -> Iterator[RowChange]:
    """Correlations of estimates with a covariance (ids, ids); those of almost 0 are left out.

    >>> from numpy import array
    >>> [row["correlation"] for row in correlations(["a", "b"], array([[4.0, 1.0], [1.0, 1.0]]), {})]
    [0.5]
    """
    errors = covariance.diagonal() ** 0.5
    for i, second in enumerate(ids):
        for j, first in enumerate(ids[:i]):
            value = float(covariance[i, j] / (errors[i] * errors[j]))
            if abs(value) >= SMALLEST_CORRELATION:
                yield {"first": first, "second": second, "correlation": value, **told}

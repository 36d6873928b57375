"""What the tables of several sheets share: columns told together with their cells, and cells in words."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

import numpy as np

from markov.analysis.sensitivity.scenarios import NO_CHANGE
from markov.inputs.parameters import Inputs, Parameter, Value
from markov.report.page import Cell, Column, Look

T = TypeVar("T")
Told = tuple[str | Sequence[str], Look, Callable[[T], Cell | Iterable[Cell]]]
"""A column: its header, how its numbers look, and its cell for an item; with several headers, as many cells."""

ROUNDING = 1e-9  # QALYs; a smaller difference is none
ENDPOINT_LABELS = {
    "pfs": "Progression-free survival",
    "os": "Overall survival",
    "pps": "Survival from progression",
    "time_on_treatment": "Time on treatment",
    "discontinuation": "Stopped for toxicity, of those who start",
    "spm": "Second primary malignancy",
}


def by_column(items: Iterable[T], *told: Told[T]) -> tuple[tuple[Column, ...], tuple[tuple[Cell, ...], ...]]:
    """Columns of a table and its rows, an item a row: a header and its cell stand on one line of the code.

    >>> by_column([2, 3], ("Number", "integer", lambda n: n), (["Half", "Third"], "years", lambda n: (n / 2, n / 3)))[1]
    ((2, 1.0, 0.6666666666666666), (3, 1.5, 1.0))
    """
    columns = [Column(head, look) for heads, look, _ in told for head in ([heads] if isinstance(heads, str) else heads)]
    return tuple(columns), tuple(tuple(_row(item, told)) for item in items)


def _row(item: T, told: Iterable[Told[T]]) -> Iterator[Cell]:
    for _, _, cell in told:
        found = cell(item)
        for each in [found] if isinstance(found, str | float | int | np.generic | None) else found:
            yield each.item() if isinstance(each, np.generic) else each


def finite(value: float) -> float | None:
    """A number, or an empty cell where it is not finite.

    >>> finite(2.5), finite(float("inf"))
    (2.5, None)
    """
    return float(value) if np.isfinite(value) else None


def settled(value: float, *, money: bool = True) -> float:
    """A difference, 0 where it is only rounding.

    >>> settled(-0.001), settled(-0.001, money=False)
    (0.0, -0.001)
    """
    return 0.0 if abs(value) < (NO_CHANGE if money else ROUNDING) else value


def plain(value: Value) -> Cell:
    """A value as a cell, a choice without the underscores of its spelling.

    >>> plain("overall_survival"), plain(0.5)
    ('overall survival', 0.5)
    """
    return value.replace("_", " ") if isinstance(value, str) else value


def joined(*parts: str) -> str:
    """Source, page and comment in one cell, as far as they are given.

    >>> joined("Attal 2012", "", "Arm of the trial")
    'Attal 2012 · Arm of the trial'
    """
    return " · ".join(part for part in parts if part)


def is_compared(inputs: Inputs, p: Parameter) -> bool:
    """Whether an input is not that of a strategy which is left out.

    >>> is_compared(calgb, calgb.parameters["os.hazard_ratio.lenalidomide"])
    True
    """
    return p.id.rsplit(".", 1)[-1] not in set(inputs.labels) - set(inputs.compared)

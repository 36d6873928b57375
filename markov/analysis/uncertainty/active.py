"""Which uncertain inputs are in use: those that change an output when they alone change.

Settings leave some inputs idle: a rate after progression does nothing where deaths follow a curve of overall survival.
Drawing them is harmless, but a Sobol design pays for each, and an input that should be in use and is not is an error
that no summary shows.

Source: Büyükkaramikli, Rutten-van Mölken, Severens, Al 2019, PharmacoEconomics 37:1391 (TECH-VER, sampled inputs are
linked to the model).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from markov.analysis.calibration import following_targets
from markov.analysis.draws import sampled
from markov.inputs.distributions import inverse
from markov.inputs.parameters import Inputs
from markov.model.evaluate import evaluate
from markov.model.outcomes import Outcomes
from markov.terms import Array

PROBABILITIES = np.array([0.1, 0.9])
ROUNDING = 1e-9  # relative: what rates that are solved for may differ by


def idle_parameters(inputs: Inputs) -> tuple[str, ...]:
    """Sampled parameters that change nothing when they alone are at their 10 or 90 % point.

    >>> from markov.inputs.writing.template import shipped
    >>> from markov.inputs.workbook import read_inputs
    >>> idle_parameters(read_inputs(shipped("calgb_100104")))
    ()
    """
    alone = {p.id: {p.id: inverse(p)(PROBABILITIES)} for p in sampled(inputs)}
    return tuple(name for name, used in in_use(inputs, alone).items() if not used)


def in_use(inputs: Inputs, moved: Mapping[str, Mapping[str, Array]]) -> dict[str, bool]:
    """Whether values of some parameters, by name of the move and id, (2,) each, change any cost, QALY or life-year."""
    if not moved:
        return {}
    keys = dict.fromkeys(key for values in moved.values() for key in values)
    rows = 1 + 2 * len(moved)
    columns = {key: np.full(rows, inputs.value(key), dtype=float) for key in keys}
    for i, values in enumerate(moved.values()):
        for key, both in values.items():
            columns[key][1 + 2 * i : 3 + 2 * i] = both
    outcomes = evaluate(inputs, following_targets(inputs, _Held(columns, rows)))
    gaps = _gaps(outcomes)
    return {name: bool((gaps[1 + 2 * i : 3 + 2 * i] > ROUNDING).any()) for i, name in enumerate(moved)}


@dataclass(frozen=True)
class _Held:
    """Rows that are held as columns."""

    columns: Mapping[str, Array]
    rows: int

    def __len__(self) -> int:
        return self.rows

    def block(self, start: int, stop: int) -> Mapping[str, Array]:
        return {key: column[start:stop] for key, column in self.columns.items()}


def _gaps(outcomes: Outcomes) -> Array:
    """Largest relative change of an output from the first run, (runs,)."""
    kept: Sequence[Array] = (outcomes.costs, outcomes.qalys, outcomes.life_years, outcomes.entries)
    gaps = []
    for values in kept:
        flat = values.reshape(outcomes.runs, -1)
        size = max(float(np.abs(flat[0]).max()), 1e-300)
        gaps.append(np.abs(flat - flat[0]).max(axis=1) / size)
    return np.asarray(np.max(gaps, axis=0))

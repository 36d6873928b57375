"""Partitioned survival: who is where read off the curves of progression-free and overall survival themselves.

Progression-free is the PFS curve, dead is 1 − OS, progressed is the rest; nothing links a patient's progression to
their death. Second malignancies have no state: their deaths are inside OS, their costs and utility are left out.
Within the progression-free, the split into on treatment, stopped and after toxicity is the cohort model's, and so are
all payoffs.  Source: Woods, Sideris, Palmer, Latimer, Soares 2017, NICE DSU TSD 19.
"""

from dataclasses import dataclass

import numpy as np

from markov.inputs.parameters import Columns, Inputs
from markov.model.cohort import Batch
from markov.model.evaluate import run_block
from markov.model.hazards import build_hazards, endpoint_increments
from markov.model.outcomes import Outcomes
from markov.model.structure import MAINTENANCE_MODEL
from markov.survival.hazards import survival_from_increments
from markov.terms import Array, Endpoint, State

_INDEX = MAINTENANCE_MODEL.index
_M, _T, _P, _D = (_INDEX[s] for s in (State.MAINTENANCE, State.TOXICITY, State.PROGRESSION, State.DEATH))


def partitioned_survival(inputs: Inputs) -> Outcomes:
    """Outcomes of the base case by partitioned survival of the same curves, floored at the background as they are.

    Raises KeyError where a strategy has no overall-survival curve.

    >>> from markov.inputs.writing.template import shipped
    >>> from markov.inputs.workbook import read_inputs
    >>> outcomes = partitioned_survival(read_inputs(shipped("calgb_100104")))
    >>> float(outcomes.part("life_years", "spm_solid")[0, 1])
    0.0
    """
    columns = Columns(inputs, {}, 1)
    return run_block(columns, trace=True, view=_Partition.of(columns))


@dataclass(frozen=True)
class _Partition:
    """Curves at the cycle boundaries, (cycles + 1, strategies, 1), and who progresses in each cycle."""

    progression_free: Array
    alive: Array
    progressing: Array

    @classmethod
    def of(cls, columns: Columns) -> "_Partition":
        hazards = build_hazards(columns)
        overall = hazards.overall
        if overall is None:
            own = endpoint_increments(columns, Endpoint.OS, hazards.boundaries)
            overall = np.maximum(own, hazards.background)
        alive = survival_from_increments(overall)
        free = np.minimum(survival_from_increments(hazards.floored), alive)
        share = hazards.progression / np.maximum(hazards.floored, 1e-300)
        return cls(free, alive, (free[:-1] - free[1:]) * share)

    def __call__(self, batch: Batch) -> Batch:
        """The same cycles, seen as partitioned."""
        size = len(batch.arrivals)
        ends, inside = slice(batch.first, batch.first + size + 1), slice(batch.first, batch.first + size)
        free, alive = self.progression_free[ends], self.alive[ends]
        present = batch.occupancy[:, _M] + batch.occupancy[:, _T]
        on = np.where(present > 0, batch.occupancy[:, _M] / np.maximum(present, 1e-300), 1.0)
        occupancy, arrivals = np.zeros_like(batch.occupancy), np.zeros_like(batch.arrivals)
        occupancy[:, _M], occupancy[:, _T] = free * on, free * (1.0 - on)
        occupancy[:, _P], occupancy[:, _D] = alive - free, 1.0 - alive
        arrivals[:, _P], arrivals[:, _D] = self.progressing[inside], alive[:-1] - alive[1:]
        return Batch(batch.first, occupancy, arrivals, batch.flows)

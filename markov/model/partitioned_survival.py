"""Partitioned survival: who is where read off the curves of progression-free and overall survival themselves.

Progression-free is the PFS curve, dead is 1 − OS, progressed is the rest; nothing links a patient's progression to
their death. Second malignancies have no state: their deaths are inside OS, their costs and utility are left out.
Within the progression-free, the split into on treatment, stopped and after toxicity is the cohort model's, and so are
all payoffs.  Source: Woods, Sideris, Palmer, Latimer, Soares 2017, NICE DSU TSD 19.
"""

import numpy as np

from markov.inputs.parameters import Columns, Inputs
from markov.model.evaluate import Block
from markov.model.hazards import build_hazards, endpoint_increments
from markov.model.outcomes import Outcomes, Trace
from markov.model.structure import MAINTENANCE_MODEL
from markov.survival.hazards import survival_from_increments
from markov.terms import Array, Endpoint, State

_INDEX, _ROW = MAINTENANCE_MODEL.index, MAINTENANCE_MODEL.row
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
    block = Block(columns)
    model = block.outcomes(trace=True).trace
    assert model is not None
    return block.outcomes(trace=True, seen=_partitioned(columns, model))


def _partitioned(columns: Columns, model: Trace) -> tuple[Array, Array]:
    """Occupancy and flows of the same cycles, as the curves have them; (1, strategies, cycles [+ 1], …)."""
    hazards = build_hazards(columns)
    overall = hazards.overall
    if overall is None:
        overall = np.maximum(endpoint_increments(columns, Endpoint.OS, hazards.boundaries), hazards.background)
    alive = survival_from_increments(overall)
    free = np.minimum(survival_from_increments(hazards.floored), alive)
    progressing = (free[:-1] - free[1:]) * hazards.progression / np.maximum(hazards.floored, 1e-300)
    alive, free, progressing = (np.transpose(each, (2, 1, 0)) for each in (alive, free, progressing))
    present = model.occupancy[..., _M] + model.occupancy[..., _T]
    on = np.where(present > 0, model.occupancy[..., _M] / np.maximum(present, 1e-300), 1.0)
    occupancy, flows = np.zeros_like(model.occupancy), np.zeros_like(model.flows)
    occupancy[..., _M], occupancy[..., _T] = free * on, free * (1.0 - on)
    occupancy[..., _P], occupancy[..., _D] = alive - free, 1.0 - alive
    flows[..., _ROW[State.MAINTENANCE, State.PROGRESSION]] = progressing
    flows[..., _ROW[State.PROGRESSION, State.DEATH]] = alive[..., :-1] - alive[..., 1:]
    return occupancy, flows

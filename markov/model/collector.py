"""What becomes of a block's rows as they go through the cohort: payoffs, curves, counts and, when asked, the trace."""

import numpy as np

from markov.model.cohort import Batch
from markov.model.discounting import COSTS, UNDISCOUNTED
from markov.model.maintenance import MaintenanceRule
from markov.model.outcomes import CURVES, CurveSummariser, Outcomes, Trace
from markov.model.payoffs import Payoffs
from markov.model.preparation import Preparation
from markov.model.structure import MAINTENANCE_MODEL
from markov.terms import LIVING, Array, State


class Collector:
    """Collects what becomes of one block's rows among those that go through the cohort together."""

    def __init__(self, block: Preparation, rule: MaintenanceRule, rows: slice, trace: bool):
        self.block, self.rule = block, rule
        self.rows = None if rows == slice(0, rule.cohorts[1]) else rows
        self.payoffs = Payoffs(block)
        self.recorder = _Recorder(block, trace)

    def _own(self, values: Array) -> Array:
        """The block's rows, which are the last axis."""
        return values if self.rows is None else np.ascontiguousarray(values[..., self.rows])

    def add(self, batch: Batch) -> None:
        """Take in consecutive cycles."""
        own = Batch(batch.first, *map(self._own, (batch.occupancy, batch.arrivals, batch.flows)))
        self.payoffs.add(own)
        self.recorder.add(own, self._own(self.rule.progression_free.curve), self.payoffs.beginning)

    def outcomes(self) -> Outcomes:
        """Put the runs first and name everything."""
        block, payoffs, recorder = self.block, self.payoffs, self.recorder
        (qalys, components), treated = payoffs.qalys(), payoffs.treated
        return Outcomes(
            strategies=block.columns.inputs.compared,
            life_years=_runs_first(payoffs.life_years()),
            qalys=_runs_first(qalys),
            qaly_components=_runs_first(components),
            costs=_runs_first(payoffs.costs()),
            entries=np.moveaxis(payoffs.arrivals[UNDISCOUNTED], (2, 1), (0, 1)),
            time_on_treatment=treated[UNDISCOUNTED].T.copy(),
            drug_years=treated[COSTS].T.copy(),
            curves={name: curve.summary() for name, curve in recorder.curves.items()},
            solved={
                "toxicity_rate": self._wide(block.stops.toxicity_rate),
                "other_stop_rate": self._wide(block.stops.other_rate),
            },
            counts={
                "floored_cycles": self._wide(block.hazards.floored_cycles),
                "crossing_cycles": self._wide(block.hazards.crossing_cycles),
                "first_crossing_years": self._wide(block.hazards.first_crossing),
                "clipped_cycles": self._wide(self._own(self.rule.after_progression.clipped)),
                "negative_hazard_cycles": self._wide(block.stops.negative_cycles),
            },
            trace=recorder.trace(),
        )

    def _wide(self, values: Array) -> Array:
        """(strategies or 1, rows or 1) → (rows, strategies)."""
        return np.ascontiguousarray(np.broadcast_to(values, self.block.cohorts).T)


class _Recorder:
    """Summarises the curves of a block, and keeps its trace when asked."""

    def __init__(self, block: Preparation, trace: bool):
        self.block, self.boundaries = block, block.hazards.boundaries
        window, treats = block.window, np.any(block.starting > 0, axis=1)
        starts = np.where(window.start[:, None] == 0.0, block.starting, 0.0)
        ones = np.ones(block.cohorts)
        initial = dict.fromkeys(CURVES, ones) | {"on_treatment": np.array(np.broadcast_to(starts, block.cohorts))}
        late = {"on_treatment": np.flatnonzero(treats & (window.start > 0)).tolist()}
        self.curves = {
            name: CurveSummariser(self.boundaries, values, late.get(name, ())) for name, values in initial.items()
        }
        self.lasts = window.finish >= self.boundaries[1:, None] - 1e-12
        self.kept: dict[str, list[Array]] = {name: [values[None]] for name, values in initial.items()} if trace else {}
        first = np.zeros((1, len(State), *block.cohorts))
        first[0, 0] = 1.0
        self.occupancy, self.flows = [first], [np.zeros((0, len(MAINTENANCE_MODEL.transitions), *block.cohorts))]

    def add(self, batch: Batch, progression_free: Array, beginning: Array) -> None:
        """Take in consecutive cycles with their trial-like PFS; `beginning` (strategies, rows) start the drug."""
        size, ends = len(batch.arrivals), batch.occupancy[1:]
        share = self.block.shares_of_batch[1] * self.lasts[batch.first : batch.first + size, :, None]
        values = {
            "os": 1.0 - ends[:, -1],
            "pfs_net_of_spm": progression_free[:size],
            "progression_and_spm_free": ends[:, 0] + ends[:, 1],
            "on_treatment": ends[:, 0] * share,
        }
        if self.kept:
            for name, curve in values.items():
                self.kept[name].append(curve.copy())
            self.occupancy.append(ends.copy())
            self.flows.append(batch.flows.copy())
        for name, curve in values.items():
            self.curves[name].add(batch.first, curve, beginning)

    def trace(self) -> Trace | None:
        """The trace with runs first, or None."""
        if not self.kept:
            return None
        curves = {name: np.moveaxis(np.concatenate(parts), (2, 1), (0, 1)) for name, parts in self.kept.items()}
        occupancy = np.moveaxis(np.concatenate(self.occupancy), (3, 2), (0, 1))
        flows = np.moveaxis(np.concatenate(self.flows), (3, 2), (0, 1))
        present = occupancy[..., 0]
        on_drug = curves["on_treatment"]
        share = np.divide(on_drug, present, out=np.zeros(on_drug.shape), where=present > 0)
        return Trace(self.boundaries, occupancy, flows, curves, share)


def _runs_first(values: Array) -> Array:
    """(schedule, part, strategies, rows) → (rows, strategies, schedule, part)."""
    return np.ascontiguousarray(np.transpose(values, (3, 2, 0, 1)))


assert list(LIVING) == list(State)[:-1], "the living states come first: payoffs rely on it"

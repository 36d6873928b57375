"""One function: rows of parameter values in, outcomes by (run, strategy) out.

A base case is one row, a one-way analysis 2k + 1, a probabilistic one n; a scenario is the same on changed inputs.
Rows go through in blocks that fit the cache, and each block's outcomes go to a sink, so that a million rows need
no more memory than a thousand.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

import numpy as np

from markov.inputs.parameters import Columns, Inputs
from markov.model.cohort import Batch, run_batches
from markov.model.hazards import Hazards, build_hazards
from markov.model.maintenance import MaintenanceRule
from markov.model.outcomes import CURVES, Outcomes, Trace, concatenate, summarise_curve
from markov.model.payoffs import UNDISCOUNTED, Payoffs
from markov.model.structure import MAINTENANCE_MODEL
from markov.model.treatment import Malignancies, Window, solve_stops
from markov.terms import LIVING, Array, PostProgression, State, WithinCycle

BLOCK = 1000  # rows; the state of two strategies then stays within a second-level cache


class Rows(Protocol):
    """Parameter values that are made when asked for: any number of rows without holding them."""

    def __len__(self) -> int:
        """Number of rows."""

    def block(self, start: int, stop: int) -> Mapping[str, Array]:
        """Values of some rows, by parameter id, each (stop − start,)."""


Sink = Callable[[int, Outcomes], None]
"""Takes the outcomes of a block, and the number of its first row."""


def evaluate(
    inputs: Inputs,
    values: Mapping[str, Array] | Rows | None = None,
    *,
    sink: Sink | None = None,
    trace: bool = False,
    workers: int | None = None,
    block: int = BLOCK,
) -> Outcomes:
    """Outcomes of every row of values; without values, of the base case.

    `values` maps parameter ids to (rows,) in each cell's own unit, or makes blocks when asked; ids left out keep
    their base value. With a `sink` the blocks go there and only the last is returned. Results do not depend on
    the size of blocks nor on the number of workers.

    >>> from markov import evaluate, read_inputs
    >>> from markov.inputs.template import shipped
    >>> import numpy as np
    >>> inputs = read_inputs(shipped("calgb_100104"))
    >>> outcomes = evaluate(inputs, {"price.lenalidomide_10mg.brand": np.array([3780.0, 7560.0])})
    >>> drug = outcomes.part("costs", "drug")[:, 1]
    >>> bool(np.isclose(drug[1], 2 * drug[0]))
    True
    """
    total = _row_count(values)
    spans = [(a, min(a + block, total)) for a in range(0, total, block)]
    run = _Runner(inputs, values, trace)
    collected: list[Outcomes] = []
    for (start, _), outcomes in zip(spans, _in_order(run, spans, workers), strict=True):
        if sink is None:
            collected.append(outcomes)
        else:
            sink(start, outcomes)
            collected = [outcomes]
    return concatenate(collected)


def _row_count(values: Mapping[str, Array] | Rows | None) -> int:
    if values is None:
        return 1
    if isinstance(values, Mapping):
        lengths = {len(v) for v in values.values()}
        if len(lengths) > 1:
            raise ValueError(f"columns of values differ in length: {sorted(lengths)}")
        return lengths.pop() if lengths else 1
    return len(values)


class _Runner:
    """Runs one block; the same object serves all workers."""

    def __init__(self, inputs: Inputs, values: Mapping[str, Array] | Rows | None, trace: bool):
        self.inputs, self.values, self.trace = inputs, values, trace

    def __call__(self, span: tuple[int, int]) -> Outcomes:
        start, stop = span
        if self.values is None:
            chosen: Mapping[str, Array] = {}
        elif isinstance(self.values, Mapping):
            chosen = {key: np.asarray(column)[start:stop] for key, column in self.values.items()}
        else:
            chosen = self.values.block(start, stop)
        return run_block(Columns(self.inputs, chosen, stop - start), trace=self.trace)


def _in_order(run: _Runner, spans: list[tuple[int, int]], workers: int | None) -> Iterator[Outcomes]:
    """Blocks in their order, at most two per worker ahead of the sink."""
    workers = workers or os.cpu_count() or 1
    if workers == 1 or len(spans) == 1:
        yield from map(run, spans)
        return
    with ThreadPoolExecutor(workers) as pool:
        waiting = [pool.submit(run, span) for span in spans[: 2 * workers]]
        for span in spans[2 * workers :]:
            yield waiting.pop(0).result()
            waiting.append(pool.submit(run, span))
        for future in waiting:
            yield future.result()


def run_block(columns: Columns, *, trace: bool = False) -> Outcomes:
    """Run one block of rows through the cohort engine."""
    inputs = columns.inputs
    hazards = build_hazards(columns)
    window = Window.of(columns, hazards.boundaries)
    malignancies = Malignancies.of(columns)
    stops = solve_stops(columns, hazards, window, malignancies)
    rule = MaintenanceRule(columns, hazards, window, malignancies, stops)
    payoffs = Payoffs(columns, rule)
    recorder = _Recorder(hazards, rule, trace)
    initial = np.zeros((len(State), *rule.cohorts))
    initial[0] = 1.0
    half = inputs.text("settings.within_cycle") == WithinCycle.HALF_CYCLE_EXPOSURE
    for batch in run_batches(
        MAINTENANCE_MODEL, initial, hazards.cycles, rule, half_cycle_exposure=half, batch=rule.batch
    ):
        payoffs.add(batch)
        recorder.add(batch)
    return _outcomes(columns, rule, payoffs, recorder)


class _Recorder:
    """Keeps the curves of a block, and its trace when asked."""

    def __init__(self, hazards: Hazards, rule: MaintenanceRule, trace: bool):
        self.rule, self.boundaries = rule, hazards.boundaries
        self.curves = {name: np.ones((hazards.cycles + 1, *rule.cohorts)) for name in CURVES}
        self.curves["on_treatment"][0] = np.where(rule.window.start[:, None] == 0.0, rule.starting, 0.0)
        self.occupancy = np.zeros((hazards.cycles + 1, len(State), *rule.cohorts)) if trace else None
        self.flows = np.zeros((hazards.cycles, len(MAINTENANCE_MODEL.transitions), *rule.cohorts)) if trace else None
        if self.occupancy is not None:
            self.occupancy[0, 0] = 1.0

    def add(self, batch: Batch) -> None:
        """Take in consecutive cycles."""
        curves, rule, size = self.curves, self.rule, len(batch.flows)
        ends, cycles = batch.occupancy[1:], np.arange(batch.first, batch.first + size)
        rows = slice(batch.first + 1, batch.first + 1 + size)
        np.subtract(1.0, ends[:, -1], out=curves["os"][rows])
        np.sum(rule.progression_free[:, 1 : size + 1], axis=0, out=curves["pfs_net_of_spm"][rows])
        np.add(ends[:, 0], ends[:, 1], out=curves["progression_and_spm_free"][rows])
        lasts = rule.window.finish[cycles] >= self.boundaries[cycles + 1, None] - 1e-12
        np.multiply(ends[:, 0], rule.shares.finish * lasts[:, :, None], out=curves["on_treatment"][rows])
        if self.occupancy is not None and self.flows is not None:
            self.occupancy[rows], self.flows[cycles] = ends, batch.flows

    def trace(self) -> Trace | None:
        """The trace with runs first, or None."""
        if self.occupancy is None or self.flows is None:
            return None
        curves = {name: np.moveaxis(curve, (2, 1), (0, 1)) for name, curve in self.curves.items()}
        share = np.divide(curves["on_treatment"], np.moveaxis(self.occupancy[:, 0], (2, 1), (0, 1)))
        return Trace(
            self.boundaries,
            np.moveaxis(self.occupancy, (3, 2), (0, 1)),
            np.moveaxis(self.flows, (3, 2), (0, 1)),
            curves,
            share,
        )


def _outcomes(columns: Columns, rule: MaintenanceRule, payoffs: Payoffs, recorder: _Recorder) -> Outcomes:
    """Put the runs first and name everything."""
    qalys, components = payoffs.qalys()
    curves = dict(recorder.curves)
    treated = curves["on_treatment"]
    starts = np.argmax(treated > 0, axis=0)
    curves["on_treatment"] = np.where(np.arange(len(treated))[:, None, None] < starts, np.max(treated, axis=0), treated)
    summaries = {name: summarise_curve(recorder.boundaries, curve) for name, curve in curves.items()}
    return Outcomes(
        strategies=columns.inputs.compared,
        life_years=_runs_first(payoffs.life_years()),
        qalys=_runs_first(qalys),
        qaly_components=_runs_first(components),
        costs=_runs_first(payoffs.costs()),
        entries=np.moveaxis(payoffs.arrivals[UNDISCOUNTED], (2, 1), (0, 1)),
        time_on_treatment=payoffs.treated[UNDISCOUNTED].T.copy(),
        drug_years=payoffs.treated[1].T.copy(),
        curves=summaries,
        solved=_solved(columns, rule),
        counts=_counts(columns, rule),
        trace=recorder.trace(),
    )


def _runs_first(values: Array) -> Array:
    """(schedule, part, strategies, rows) → (rows, strategies, schedule, part)."""
    return np.ascontiguousarray(np.transpose(values, (3, 2, 0, 1)))


def _wide(values: Array, rule: MaintenanceRule) -> Array:
    return np.ascontiguousarray(np.broadcast_to(values, rule.cohorts).T)


def _solved(columns: Columns, rule: MaintenanceRule) -> dict[str, Array]:
    return {
        "toxicity_rate": _wide(rule.stops.toxicity_rate, rule),
        "other_stop_rate": _wide(rule.stops.other_rate, rule),
    }


def _counts(columns: Columns, rule: MaintenanceRule) -> dict[str, Array]:
    hazards = rule.hazards
    anchored = columns.inputs.text("settings.post_progression") == PostProgression.OVERALL_SURVIVAL
    clipped = rule.after_progression.clipped if anchored else np.zeros(1)
    return {
        "floored_cycles": _wide(hazards.floored_cycles, rule),
        "crossing_cycles": _wide(hazards.crossing_cycles, rule),
        "first_crossing_years": _wide(hazards.first_crossing, rule),
        "clipped_cycles": _wide(clipped, rule),
        "negative_hazard_cycles": _wide(rule.stops.negative_cycles, rule),
    }


assert list(LIVING) == list(State)[:-1], "the living states come first: payoffs rely on it"

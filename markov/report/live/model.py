"""The live model of a base case: every sheet as data, with the value of every formula, before anything is written."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from markov.inputs.parameters import Inputs, changed_inputs
from markov.model.evaluate import evaluate
from markov.model.outcomes import Outcomes
from markov.report.live.curves import known_curves
from markov.report.live.cycles_sheet import Cycles, live_cycles
from markov.report.live.grid import Grid, Listing
from markov.report.live.inputs_sheet import LiveCells, live_cells
from markov.report.live.payoffs import Paid, dispensings_needed
from markov.report.live.results_sheet import ResultFormulas, Results
from markov.report.live.stops_sheet import rows_needed
from markov.report.live.trace_sheet import Shared, Trace
from markov.report.live.tunnels import switches
from markov.terms import DAYS_PER_YEAR, Array


@dataclass(frozen=True)
class LiveModel:
    """Every sheet of the live model."""

    inputs: Inputs
    outcomes: Outcomes
    live: LiveCells
    stop_rates: Listing
    cycles: Cycles
    traces: Mapping[str, Trace]
    stops: tuple[Grid, ...]
    results: Results

    @property
    def grids(self) -> tuple[Grid, ...]:
        """Sheets with a row a cycle."""
        return (self.cycles.grid, *(trace.grid for trace in self.traces.values()), *self.stops)


def live_model(inputs: Inputs, outcomes: Outcomes | None = None) -> LiveModel:
    """The live model of a base case; `outcomes` are those of `evaluate(inputs, trace=True)`, where they are known.

    >>> [grid.name for grid in live_model(with_values(calgb, {"settings.horizon_years": 2.0})).grids][:3]
    ['Live cycles', 'Live trace No maintenance', 'Live trace Lenalidomide']
    """
    told = outcomes or evaluate(inputs, trace=True)
    with np.errstate(all="ignore"):  # branches that a formula does not take may divide by nothing
        return _live_model(inputs, told)


def _live_model(inputs: Inputs, outcomes: Outcomes) -> LiveModel:
    live = live_cells(inputs)
    stop_rates = Listing(
        "Live stop rates", "Newton's steps to the stop rates; their walks stand on the Live stops sheets."
    )
    occupancy = _occupancy(inputs, outcomes, live)
    cycles = live_cycles(live, occupancy.shape[1])
    curves = known_curves(live)
    shared = Shared(live, stop_rates, cycles, curves, switches(live, cycles))
    traces = {s: Trace(shared, s) for s in inputs.compared}
    for trace in traces.values():
        trace.own_curves()
    for trace in traces.values():
        trace.told_curves(traces)
    reference = traces[inputs.reference]
    comparators = [None if trace is reference else reference.progression for trace in traces.values()]
    filled = [t.fill(c, o) for t, c, o in zip(traces.values(), comparators, occupancy, strict=True)]
    paid = {s: Paid(trace) for s, trace in traces.items()}
    results = ResultFormulas(live, cycles, paid, outcomes).build()
    stops = tuple(grid for grid in filled if grid)
    return LiveModel(inputs, outcomes, live, stop_rates, cycles, traces, stops, results)


def _occupancy(inputs: Inputs, outcomes: Outcomes, live: LiveCells) -> Array:
    """Occupancy by strategy at the boundaries written, (strategies, rows, states).

    An even number of cycles, for Simpson's rule, and enough for the periods in which stops were reported and for a row
    a dispensing.
    """
    length = inputs.number("settings.cycle_days") / DAYS_PER_YEAR
    assert outcomes.trace is not None
    cycles = needed = len(outcomes.trace.boundaries) - 1
    if live.treated:
        needed = max(cycles, rows_needed(live, length), dispensings_needed(live, cycles * length))
    needed += needed % 2
    if needed == cycles:
        return np.asarray(outcomes.trace.occupancy[0])
    longer = evaluate(changed_inputs(inputs, {"settings.horizon_years": needed * length}), trace=True)
    assert longer.trace is not None
    return np.asarray(longer.trace.occupancy[0])

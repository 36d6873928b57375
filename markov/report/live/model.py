"""The live model of a base case: every sheet as data, with the value of every formula, before anything is written."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from markov.inputs.parameters import Inputs, with_values
from markov.model.evaluate import evaluate
from markov.model.outcomes import Outcomes
from markov.report.live.costs import Paid
from markov.report.live.curves import CurveCells
from markov.report.live.cycles_sheet import Cycles, clock, cohort_cells, discounting, live_cycles
from markov.report.live.grid import Grid, Listing
from markov.report.live.inputs_sheet import LiveInputs, live_inputs
from markov.report.live.payoffs import dispensings_needed, drug, starters
from markov.report.live.results_sheet import ResultFormulas, Results
from markov.report.live.stops_sheet import rows_needed
from markov.report.live.tables_sheet import Tables, live_tables
from markov.report.live.trace_sheet import Shared, Trace, fill_trace, own_curves, told_curves, trace_grid
from markov.report.live.tunnels import switches
from markov.terms import DAYS_PER_YEAR, Array


@dataclass(frozen=True)
class LiveModel:
    """Every sheet of the live model."""

    inputs: Inputs
    outcomes: Outcomes
    live: LiveInputs
    tables: Tables
    values: Listing
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

    >>> from markov.inputs.writing.template import shipped
    >>> from markov.inputs.workbook import read_inputs
    >>> model = live_model(read_inputs(shipped("calgb_100104")))
    >>> [grid.name for grid in model.grids][:3]
    ['Live cycles', 'Live trace No maintenance', 'Live trace Lenalidomide']
    """
    told = outcomes or evaluate(inputs, trace=True)
    with np.errstate(all="ignore"):  # branches that a formula does not take may divide by nothing
        return _live_model(inputs, told)


def _live_model(inputs: Inputs, outcomes: Outcomes) -> LiveModel:
    live, tables = live_inputs(inputs), live_tables(inputs)
    values = Listing("Live values", "Live values", "What is worked out once from the inputs: one named cell each.")
    stop_rates = Listing(
        "Live stop rates",
        "Live stop rates",
        "Newton's steps to the stop rates; their walks stand on the Live stops sheets.",
    )
    times, rates = clock(live, values), discounting(live, values)
    utilities = cohort_cells(live, tables, values)
    occupancy = _occupancy(inputs, outcomes, live)
    rows = occupancy.shape[1]
    cycles = live_cycles(live, tables, times, rates, utilities, rows)
    curves = CurveCells(live, tables, values)
    excess = {kind: live.of(f"spm.excess_death.{kind}") for kind in ("haematologic", "solid")}
    shared = Shared(live, tables, values, stop_rates, times, cycles, curves, excess, switches(live, values, cycles))
    traces = {s: trace_grid(shared, s) for s in inputs.compared}
    for trace in traces.values():
        own_curves(shared, trace)
    for trace in traces.values():
        told_curves(shared, trace, traces)
    stops = []
    for i, (s, trace) in enumerate(traces.items()):
        comparator = traces[inputs.reference].progression if s != inputs.reference else None
        grid = fill_trace(shared, trace, comparator, occupancy[i])
        stops += [grid] if grid else []
    paid = {}
    for s, trace in traces.items():
        given_drug = drug(live, tables, values, trace.cycles, times, rates, trace) if s in live.treated else None
        paid[s] = Paid(trace, starters(live, values, times, rates, trace), given_drug)
    results = ResultFormulas(live, cycles, utilities[1], paid, outcomes).build()
    return LiveModel(inputs, outcomes, live, tables, values, stop_rates, cycles, traces, tuple(stops), results)


def _occupancy(inputs: Inputs, outcomes: Outcomes, live: LiveInputs) -> Array:
    """Occupancy by strategy at the boundaries written, (strategies, rows, states).

    An even number of cycles, for Simpson's rule, and enough for the periods in which stops were reported and for a row
    a dispensing.
    """
    length = inputs.number("settings.cycle_days") / DAYS_PER_YEAR
    assert outcomes.trace is not None
    cycles = len(outcomes.trace.boundaries) - 1
    needed = (
        max(cycles, rows_needed(live, length), dispensings_needed(live, cycles * length)) if live.treated else cycles
    )
    needed += needed % 2
    if needed == cycles:
        return np.asarray(outcomes.trace.occupancy[0])
    longer = evaluate(with_values(inputs, {"settings.horizon_years": needed * length}), trace=True)
    assert longer.trace is not None
    return np.asarray(longer.trace.occupancy[0])

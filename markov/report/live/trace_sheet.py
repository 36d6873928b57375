"""The Live trace sheets, one a strategy: hazards, who is on drug, who moves, and who is where, a row a cycle.

The columns follow `markov.model`: hazards, treatment, maintenance, cohort.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from markov.report.live.curve_columns import curve_columns, own_increments, reference_for_waning, waned
from markov.report.live.curves import CurveCells
from markov.report.live.cycles_sheet import Clock, Cycles
from markov.report.live.formulas import Term, exp, larger, same, term, where
from markov.report.live.grid import Column, Grid, Listing
from markov.report.live.inputs_sheet import LiveInputs, sheet_name
from markov.report.live.moves import KINDS, Flows, Moves
from markov.report.live.stops_sheet import Setting, fill_split, solve, split_path
from markov.report.live.tables_sheet import Tables
from markov.report.live.treatment import (
    Malignancies,
    Rates,
    Shares,
    SplitCells,
    Window,
    malignancy_cells,
    share_columns,
    split_cells,
    split_hazard,
    window_cells,
    window_columns,
)
from markov.report.live.tunnels import Switches, Tunnels, tunnel_columns
from markov.terms import Array, Crossing, Endpoint, PostProgression, State


@dataclass
class Trace:
    """One strategy's sheet and the columns that others need."""

    strategy: str
    grid: Grid
    cycles: Cycles
    own: dict[Endpoint, Column] = field(default_factory=dict)
    progression: Column | None = None
    survival: Column | None = None
    window: Window | None = None
    shares: Shares | None = None
    occupancy: dict[State, Column] = field(default_factory=dict)
    arrivals: dict[State, Column] = field(default_factory=dict)
    start: Term | None = None
    stop: Term | None = None
    tunnels: Tunnels | None = None


@dataclass(frozen=True)
class Shared:
    """What every strategy's sheet draws on."""

    live: LiveInputs
    tables: Tables
    listing: Listing
    stop_rates: Listing
    times: Clock
    cycles: Cycles
    curves: CurveCells
    excess: Mapping[str, Term]
    tunnels: Switches | None


def trace_grid(shared: Shared, strategy: str) -> Trace:
    """An empty sheet with its cycle and years."""
    label, cycles = shared.live.inputs.labels[strategy], shared.cycles
    grid = Grid(
        sheet_name(shared.live.inputs, "Live trace", strategy),
        f"Live trace: {label}",
        "A row a cycle. Above each column stands what its formula does; every formula is the same down the column.",
        cycles.grid.rows,
    )
    grid.group("Time")
    number = grid.add("Cycle", "of Live cycles", 0 + cycles.number, "integer", rows=grid.rows)
    time = grid.add("Years", "of Live cycles", 0 + cycles.time, "years", rows=grid.rows)
    months = grid.add("Months", "of Live cycles", 0 + cycles.months, "months", rows=grid.rows)
    local = replace(
        cycles,
        number=number,
        time=time,
        months=months,
        midpoint=grid.bring(cycles.midpoint),
        background=grid.bring(cycles.background),
    )
    return Trace(strategy, grid, local)


def own_curves(shared: Shared, trace: Trace) -> None:
    """Each endpoint's own increments, before waning."""
    names = {Endpoint.PFS: "Progression-free survival", Endpoint.OS: "Overall survival"}
    for endpoint, words in names.items():
        if (endpoint, trace.strategy) in shared.curves.known:
            trace.grid.group(words)
            curve = shared.curves.known[endpoint, trace.strategy]
            label = "PFS" if endpoint is Endpoint.PFS else "OS"
            hazard = curve_columns(shared.live, shared.tables, trace.cycles, trace.grid, curve, label)
            trace.own[endpoint] = own_increments(trace.grid, hazard, label)


def told_curves(shared: Shared, trace: Trace, traces: Mapping[str, Trace]) -> None:
    """Increments after waning and the floor; survival and progression as used, after the policy for crossing."""
    live, grid, background = shared.live, trace.grid, trace.cycles.background
    grid.group("Hazards as used", in_turn=True)
    told = {}
    for endpoint, own in trace.own.items():
        reference = reference_for_waning(live, endpoint, trace.strategy)
        other = traces[reference].own[endpoint] if reference else None
        told[endpoint] = waned(live, grid, trace.cycles, own, other, (endpoint, trace.strategy))
    floored = grid.add("PFS: floored", "at least the background", larger(told[Endpoint.PFS], background), "increment")
    used = floored
    if Endpoint.OS in told:
        overall = grid.add("OS: floored", "at least the background", larger(told[Endpoint.OS], background), "increment")
        bound = _running(grid, "OS: cumulative hazard", overall)
        trace.survival = grid.add("OS: survival at the cycle's end", "e^−(cumulative hazard)", exp(-bound))
        used = _capped(live, grid, floored, overall, bound)
    trace.progression = grid.add(
        "Progression", "PFS less its deaths, not below 0", larger(used - background, 0), "increment"
    )


def _running(grid: Grid, label: str, increments: Column) -> Column:
    """Running total of increments, at the end of each cycle."""
    total = grid.reserve(label, "sum to the end of the cycle", np.cumsum(increments.value))
    grid.fill(total, total.before + increments, rows=grid.rows - 1)
    return total


def _capped(live: LiveInputs, grid: Grid, pfs: Column, overall: Column, bound: Column) -> Column:
    """PFS increments that keep its curve below OS, by the policy; without an OS anchor, as they are."""
    anchored = same(live.typed("settings.post_progression"), PostProgression.OVERALL_SURVIVAL)
    policy = live.typed("settings.crossing")
    own = _running(grid, "PFS: cumulative hazard, uncapped", pfs)
    seeds = _capped_path(pfs.value, overall.value, bound.value, own.value, policy.value, bool(anchored.value), live)
    used = grid.reserve("PFS: as used", "capped where it would exceed OS", seeds[0], "increment")
    total = grid.reserve("PFS: cumulative hazard, as used", "sum to the end of the cycle", seeds[1])
    crosses = total.before + pfs < bound - live.method("slack")
    by_curve = larger(own, bound) - larger(own.before, bound.before)
    by_hazard = where(crosses, larger(pfs, overall), pfs)
    cap = where(same(policy, Crossing.CAP_CURVE), by_curve, where(same(policy, Crossing.CAP_HAZARD), by_hazard, pfs))
    grid.fill(used, where(anchored, cap, pfs), rows=grid.rows - 1)
    grid.fill(total, total.before + used, rows=grid.rows - 1)
    return used


def _capped_path(
    pfs: Array, overall: Array, bound: Array, own: Array, policy: str, anchored: bool, live: LiveInputs
) -> tuple[Array, Array]:
    """Increments as used and their running total, for the values that the cells show."""
    used, n = np.array(pfs), len(pfs)
    if anchored and policy == Crossing.CAP_CURVE:
        used = np.diff(np.maximum(own, bound), prepend=0.0)
    elif anchored and policy == Crossing.CAP_HAZARD:
        slack, total = float(live.method("slack").value), 0.0
        for k in range(n):
            if total + pfs[k] < bound[k] - slack:
                used[k] = max(pfs[k], overall[k])
            total += used[k]
    return used, np.cumsum(used)


def fill_trace(shared: Shared, trace: Trace, comparator: Column | None, occupancy: Array) -> Grid | None:
    """All that follows the hazards: treatment, second malignancies, moves, occupancy. Returns the stops sheet."""
    live, grid, listing, strategy = shared.live, trace.grid, shared.listing, trace.strategy
    assert trace.progression is not None
    trace.start, trace.stop = window_cells(live, listing, strategy)
    malignancies = malignancy_cells(live, listing, shared.times, strategy)
    if shared.tunnels:
        known = (live, shared.tables, listing, shared.times, trace.cycles, shared.curves, grid, shared.tunnels)
        trace.tunnels = tunnel_columns(*known, strategy, malignancies.all_off)
    if strategy not in live.treated:
        _move(
            shared,
            trace,
            (trace.progression, trace.progression),
            term(0),
            malignancies.off,
            malignancies,
            occupancy,
        )
        return None
    window = trace.window = window_columns(live, trace.cycles, grid, strategy, trace.stop)
    split = split_cells(live, listing, shared.times, comparator, strategy)
    setting = Setting.of(
        live, shared.stop_rates, trace.cycles, window, malignancies, split, trace.progression, shared.times, strategy
    )
    behind_curve = _observed(live, shared.stop_rates, strategy)
    observed = solve(setting, "observed", behind_curve, None)
    grid.group("In the trial behind the curve", in_turn=True)
    behind = share_columns(live, trace.cycles, grid, window, observed, strategy, "Trial")
    maintenance, after = _split(shared, trace, split, behind)
    apart = solve(setting, "final", live.of(f"toxicity.proportion.{strategy}"), maintenance)
    rates = _rates_used(live, shared.stop_rates, strategy, behind_curve, (observed, apart))
    grid.group("On treatment", in_turn=True)
    trace.shares = share_columns(live, trace.cycles, grid, window, rates, strategy, "Model")
    on_drug = _on_drug(trace.grid, malignancies, window, trace.shares)
    _move(shared, trace, (maintenance, after), trace.shares.toxicity, on_drug, malignancies, occupancy)
    return setting.grid


def _observed(live: LiveInputs, listing: Listing, strategy: str) -> Term:
    """The proportion behind the PFS curve: as given, else the engine's own, so that editing it keeps the hazard."""
    given_cell = live.typed(f"toxicity.observed_proportion.{strategy}")
    now = live.of(f"toxicity.proportion.{strategy}")
    engine = Term(f"engine.toxicity.proportion.{strategy}", now.value)
    blank = same(now, "")
    formula = where(same(given_cell, ""), where(blank, "", where(same(engine, ""), now, engine)), given_cell)
    return listing.add(
        f"used.observed_proportion.{strategy}",
        "Proportion who stopped in the trial behind the curve: as given, else the base case's",
        formula,
    )


def _rates_used(
    live: LiveInputs, listing: Listing, strategy: str, behind_curve: Term, solved: tuple[Rates, Rates]
) -> Rates:
    """The trial's rates, unless another proportion than the trial's is asked for."""
    listing.heading(f"{live.inputs.labels[strategy]}: rates used")
    as_in_trial = same(live.of(f"toxicity.proportion.{strategy}"), behind_curve)
    signs = {"toxicity": "λ", "other": "ω", "total": "λ + ω", "fraction": "ω/(λ + ω)"}
    used = {
        name: listing.add(
            f"used.stops.{name}.{strategy}",
            f"{sign}: the trial's, unless another proportion is asked for",
            where(as_in_trial, *(getattr(rates, name) for rates in solved)),
        )
        for name, sign in signs.items()
    }
    return Rates(**used)


def _split(shared: Shared, trace: Trace, cells: SplitCells, behind: Shares) -> tuple[Column, Column]:
    """Progression increments of `maintenance` and of `toxicity` that preserve the curve."""
    grid, background = trace.grid, trace.cycles.background
    assert trace.progression is not None
    itt = trace.progression
    first = np.zeros(grid.rows)
    first[0] = 1.0
    seeds = split_path(cells, itt.value, background.value, behind.toxicity.value, first)
    present = grid.reserve("Trial: on maintenance", "net of SPM", seeds[0], "share")
    stopped = grid.reserve("Trial: stopped", "net of SPM", seeds[1], "share")
    half = present * exp(-behind.toxicity / 2)
    maintenance = grid.add(
        "Progression on maintenance",
        "the curve's, or split after stopping",
        split_hazard(cells, itt, present, stopped, half, shared.live.method("smallest")),
        "increment",
    )
    after = fill_split(grid, cells, (present, stopped, maintenance), itt, background, behind.toxicity, None)
    return maintenance, after


def _on_drug(grid: Grid, malignancies: Malignancies, window: Window, shares: Shares) -> dict[str, Term]:
    """Second malignancies of those in `maintenance`: off drug, and the excess by the mean share on it."""
    mean = (shares.begin + shares.finish) / 2 * window.exposed
    return {
        kind: grid.add(
            f"SPM {kind}, on maintenance",
            "off drug + excess × mean share on drug × years",
            malignancies.off[kind] + malignancies.excess[kind] * mean,
            "increment",
        )
        for kind in KINDS
    }


def _move(
    shared: Shared,
    trace: Trace,
    progression: tuple[Column, Column],
    toxicity: Term,
    on_drug: Mapping[str, Term],
    malignancies: Malignancies,
    occupancy: Array,
) -> None:
    """Who moves and who is where."""
    excess = {kind: shared.excess[kind] * shared.times.length for kind in KINDS}
    flows = Flows(
        *progression,
        toxicity,
        on_drug,
        malignancies,
        excess,
        trace.cycles.background,
        trace.survival,
        trace.tunnels,
    )
    moves = Moves(shared.live, shared.times, trace.grid, flows, trace.strategy, occupancy)
    trace.occupancy, trace.arrivals = moves.x, moves.arrivals

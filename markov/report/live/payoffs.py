"""Time on drug, dispensings and what they cost, in cells, as in `markov.model.payoffs` and `markov.model.drugs`."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from markov.inputs.rules.between_values import products_of
from markov.report.live.cycles_sheet import COSTS, EFFECTS, Clock, Cycles, Discount
from markov.report.live.formulas import (
    Operand,
    Term,
    all_of,
    item,
    larger,
    normal,
    same,
    smaller,
    sum_product,
    term,
    where,
    whole,
    whole_above,
    within,
)
from markov.report.live.grid import Column, Listing
from markov.report.live.inputs_sheet import LiveInputs
from markov.report.live.tables_sheet import Tables
from markov.report.live.trace_sheet import Trace
from markov.terms import PriceSet, State

UNDISCOUNTED = "undiscounted"
SCHEDULES = (UNDISCOUNTED, COSTS, EFFECTS)


@dataclass(frozen=True)
class Drug:
    """What a treated strategy's drug adds: ranges of time on drug by schedule, what age leaves of a decrement there,
    drug cost by schedule, administration a year, and the share who start.
    """

    time: Mapping[str, Term]
    dispensed: Mapping[str, Term]
    administration: Term
    starting: Term


def time_on_drug(cycles: Cycles, times: Clock, trace: Trace) -> dict[str, Term]:
    """Time in `maintenance` of each cycle × part of it inside the window × mean share on drug, by schedule."""
    grid, window, shares = trace.grid, trace.window, trace.shares
    assert window is not None and shares is not None
    grid.group("Time on drug")
    part = grid.add(
        "Part of the cycle on drug",
        "inside / length × mean share on drug",
        window.inside / times.length * (shares.begin + shares.finish) / 2,
        "share",
    )
    present = trace.occupancy[State.MAINTENANCE]
    around = {"before": -1, "start": 0, "end": 1, "beyond": 2}
    found = {}
    for schedule in SCHEDULES:
        factors = cycles.boundary.get(schedule)
        pieces = [
            cycles.shares[name] * present.shifted(rows) * (factors.shifted(rows) if factors else 1)
            for name, rows in around.items()
        ]
        time = pieces[0] + pieces[1] + pieces[2] + pieces[3]
        if factors is not None:
            at_middle = cycles.shares["start"] * present + cycles.shares["end"] * present.after
            time = where(same(times.by_boundary, 1), time, at_middle * cycles.middle[schedule])
        words = "weights × occupancy × part on drug"
        column = grid.add(f"Years on drug, {schedule}", words, time * part, "increment")
        found[schedule] = grid.name_range(f"time_on_drug.{schedule}.{trace.strategy}", column)
    return found


def drug(
    live: LiveInputs, tables: Tables, listing: Listing, cycles: Cycles, times: Clock, rates: Discount, trace: Trace
) -> Drug:
    """All of a treated strategy's drug."""
    strategy = trace.strategy
    time = time_on_drug(cycles, times, trace)
    ends = _numbers_on_drug(times, cycles, trace)
    totals: dict[str, Term] = {UNDISCOUNTED: term(0), COSTS: term(0)}
    administration: Term = term(0)
    listing.heading(f"Drugs of {live.inputs.labels[strategy]}")
    for product in products_of(live.inputs, strategy):
        initial = whole(live.typed(f"dose.initial_intervals.{product}.{strategy}"))
        phases: list[tuple[str, Operand, Term]] = [("amount", initial, live.method("never"))]
        if live.inputs.value(f"dose.initial_intervals.{product}.{strategy}"):
            phases.insert(0, ("initial_amount", 0, initial))
        for dose, first, last in phases:
            cost = cost_per_dispensing(live, tables, listing, product, strategy, dose)
            columns = _dispensings(live, cycles, times, rates, trace, ends, (product, dose, first, last))
            totals = {schedule: totals[schedule] + cost * _sum(columns[schedule]) for schedule in totals}
        administration = administration + _administration(live, listing, product, strategy)
    per_year = listing.add(f"used.administration.{strategy}", "Administration a year while on drug", administration)
    return Drug(time, totals, per_year, live.typed(f"treatment.share_starting.{strategy}"))


def _sum(cells: Term) -> Term:
    return Term(f"SUM({cells.text})", float(np.sum(cells.value)))


def _numbers_on_drug(times: Clock, cycles: Cycles, trace: Trace) -> tuple[Column, Column]:
    """Number on drug at the two ends of the part of each cycle in the window; occupancy is linear in between."""
    grid, window, shares = trace.grid, trace.window, trace.shares
    assert window is not None and shares is not None
    present = trace.occupancy[State.MAINTENANCE]
    grid.group("Dispensings")
    begin, finish = (
        grid.add(
            f"On drug at the {words} of the part",
            "share × maintenance, linear between cycle ends",
            share * (present + (edge - cycles.time) / times.length * (present.after - present)),
            "share",
        )
        for words, share, edge in (
            ("beginning", shares.begin, window.begin),
            ("end", shares.finish, window.finish),
        )
    )
    return begin, finish


def _dispensings(
    live: LiveInputs,
    cycles: Cycles,
    times: Clock,
    rates: Discount,
    trace: Trace,
    ends: tuple[Column, Column],
    regimen: tuple[str, str, Operand, Term],
) -> dict[str, Term]:
    """One dispensing a row: its time, the cycle it falls in, the number on drug then, and that discounted."""
    product, dose, first, last = regimen
    grid, window, strategy = trace.grid, trace.window, trace.strategy
    assert window is not None and trace.start is not None and trace.stop is not None
    interval = live.of(f"dose.interval.{product}.{strategy}")
    rows = dispensing_rows(live, times, trace, product)
    label = product if dose == "amount" else f"{product}, initial dose"
    number = cycles.number + first
    time = grid.add(
        f"{label}: time, years", "start + number × interval", trace.start + number * interval, "years", rows=rows
    )
    stop = smaller(trace.stop, times.end)
    count = whole_above((stop - trace.start) / interval - live.method("rounding"))
    counted = where(all_of(number < last, number < count), 1, 0)
    place = within(whole((time + live.method("rounding")) / times.length), 0, times.cycles - 1) + 1
    at = grid.add(f"{label}: cycle it falls in", "counted from 1", place, "integer", rows=rows)
    begin, finish = item(window.begin.every, at), item(window.finish.every, at)
    late = within((time - begin) / larger(finish - begin, live.method("smallest")), 0, 1)
    passed = grid.add(f"{label}: part passed", "of the cycle's part in the window", late, "share", rows=rows)
    on_drug = item(ends[0].every, at) * (1 - passed) + item(ends[1].every, at) * passed
    taken = grid.add(f"{label}: dispensed", "number on drug then", counted * on_drug, "share", rows=rows)
    discounted = grid.add(
        f"{label}: discounted as costs",
        "dispensed × (1 + r)^−years",
        taken * rates.factor(rates.years(time), COSTS),
        "share",
        rows=rows,
    )
    key = f"{product}.{dose}.{strategy}"
    return {
        UNDISCOUNTED: grid.name_range(f"dispensed.{UNDISCOUNTED}.{key}", taken),
        COSTS: grid.name_range(f"dispensed.{COSTS}.{key}", discounted),
    }


def dispensings_needed(live: LiveInputs, horizon: float) -> int:
    """Most dispensings of any product to the horizon, in years: more than cycles where these are long."""
    found = [0]
    for s in live.treated:
        span = horizon - float(live.of(f"treatment.start.{s}").value)
        found += [
            int(np.ceil(span / float(live.of(f"dose.interval.{product}.{s}").value))) + 1
            for product in products_of(live.inputs, s)
        ]
    return max(found)


def dispensing_rows(live: LiveInputs, times: Clock, trace: Trace, product: str) -> int:
    """Rows that hold every dispensing from the start to the last cycle written."""
    interval = float(live.of(f"dose.interval.{product}.{trace.strategy}").value)
    assert trace.start is not None
    span = (trace.grid.rows - 1) * float(times.length.value) - float(trace.start.value)
    return min(max(int(np.ceil(span / interval)) + 1, 1), trace.grid.rows)


def cost_per_dispensing(
    live: LiveInputs, tables: Tables, listing: Listing, product: str, strategy: str, dose: str
) -> Term:
    """Price of the packs of one interval, after the relative dose intensity."""
    key = f"{product}.{dose}.{strategy}"
    amount, strength = live.of(f"dose.{dose}.{product}.{strategy}"), live.of(f"product.strength.{product}")
    identifier = f"dose.{dose}.{product}.{strategy}"
    by_surface = live.rows[identifier].unit == "mg/m2"
    mean, spread = live.of("cohort.body_surface_area"), live.of("cohort.body_surface_area_sd")
    need = listing.add(
        f"used.units.{key}",
        f"{product}: units in a dose" + (" for one square metre" if by_surface else ""),
        amount / strength,
    )
    average = need * mean if by_surface else need
    opened = whole_above(average - live.method("rounding"))
    if by_surface:
        smooth = larger(spread, live.method("smallest_total"))
        spread_out = sum_product(normal((mean - tables.of("method.count") / need) / smooth))
        opened = where(spread > 0, spread_out, opened)
    wasted = all_of(same(live.typed(f"product.form.{product}"), "vial"), same(live.typed("settings.vial_waste"), "on"))
    units = listing.add(
        f"used.opened.{key}",
        f"{product}: units opened for a dose: whole vials where waste counts",
        where(wasted, opened, average),
    )
    brand = same(live.typed("settings.price_set"), PriceSet.BRAND)
    price = where(brand, live.of(f"price.{product}.brand"), live.of(f"price.{product}.generic"))
    per_unit = price / live.of(f"product.units_per_pack.{product}")
    intensity = live.of(f"dose.relative_intensity.{strategy}")
    return listing.add(
        f"used.cost_per_dispensing.{key}",
        f"{product}: cost of one interval",
        units * live.of(f"dose.administrations.{product}.{strategy}") * per_unit * intensity,
        "money",
    )


def _administration(live: LiveInputs, listing: Listing, product: str, strategy: str) -> Term:
    """Visits a year × their cost; nothing without a route."""
    route = live.inputs.text(f"dose.route.{product}.{strategy}")
    if not route:
        return term(0)
    is_vial = same(live.typed(f"product.form.{product}"), "vial")
    visits = where(is_vial, live.of(f"dose.administrations.{product}.{strategy}"), 1)
    yearly = listing.add(
        f"used.visits.{product}.{strategy}",
        f"{product}: administration visits a year",
        visits / live.of(f"dose.interval.{product}.{strategy}"),
    )
    return yearly * live.of(f"cost.administration.{route}")


def starters(live: LiveInputs, listing: Listing, times: Clock, rates: Discount, trace: Trace) -> dict[str, Term]:
    """Those in `maintenance` when treatment starts, who start it, undiscounted and discounted then."""
    start, stop, strategy = trace.start, trace.stop, trace.strategy
    assert start is not None and stop is not None
    present = trace.grid.name_range(f"occupancy.maintenance.{strategy}", trace.occupancy[State.MAINTENANCE])
    cycle = listing.add(f"used.start_cycle.{strategy}", "Cycle in which treatment starts", whole(start / times.length))
    passed = start / times.length - cycle
    before, after = item(present, cycle + 1), item(present, cycle + 2)
    begins = all_of(stop > start, start < times.end)
    share: Term = term(1)
    if strategy in live.treated:
        starting = live.typed(f"treatment.share_starting.{strategy}")
        share = where(starting > 0, starting, 1)
    number = listing.add(
        f"used.starters.{strategy}",
        "In maintenance when treatment starts, who start it",
        where(begins, share * (before + passed * (after - before)), 0),
    )
    found = {UNDISCOUNTED: number}
    for kind in (COSTS, EFFECTS):
        factor = rates.factor(rates.years(start), kind)
        found[kind] = listing.add(
            f"used.starters.{kind}.{strategy}", f"The same, discounted as {kind}", number * factor
        )
    return found

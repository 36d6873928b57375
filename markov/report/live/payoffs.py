"""Time on drug, dispensings and what they cost, in cells, as in `markov.model.payoffs` and `markov.model.drugs`."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from markov.inputs.rules.between_values import products_of
from markov.report.live.cycles_sheet import COSTS, EFFECTS, SCHEDULES, UNDISCOUNTED
from markov.report.live.formulas import (
    Operand,
    Term,
    all_of,
    item,
    larger,
    normal,
    same,
    smaller,
    sum_of,
    sum_product,
    term,
    total_of,
    where,
    whole,
    whole_above,
    within,
)
from markov.report.live.grid import Column
from markov.report.live.inputs_sheet import LiveCells
from markov.report.live.trace_sheet import OnDrug, Trace
from markov.terms import PriceSet, State


@dataclass(frozen=True)
class Drug:
    """What a treated strategy's drug adds: ranges of time on drug by schedule, drug cost by schedule, administration a
    year, and the share who start.
    """

    time: Mapping[str, Term]
    dispensed: Mapping[str, Term]
    administration: Term
    starting: Term


class Paid:
    """What the payoffs of a strategy are made from: its trace, starters by schedule, and its drug if it has one."""

    def __init__(self, trace: Trace):
        self.trace, self.live, self.own = trace, trace.live, trace.own
        self.grid, self.cycles = trace.grid, trace.cycles
        self.present = trace.occupancy[State.MAINTENANCE]
        self.drug = self._drug(trace.on_drug) if trace.on_drug else None
        self.starters = self._starters()

    def of_events(self, what: str, schedule: str) -> Operand:
        """Σ over adverse events of the share with each × its cost, or its decrement × years, for those who start."""
        parts = []
        for event in self.live.inputs.names("event"):
            part = self.own.of(f"adverse_event.proportion.{event}") * self.live.of(f"adverse_event.{what}.{event}")
            if what == "disutility":
                part = part * self.live.of(f"adverse_event.days.{event}") / self.live.method("days_per_year")
            parts.append(part)
        return total_of(parts) * self.starters[schedule] if parts else 0

    # ------------------------------------------------------------------------------------------------- time

    def _drug(self, on: OnDrug) -> Drug:
        """All of a treated strategy's drug."""
        time = self._time_on_drug(on)
        ends = self._numbers_on_drug(on)
        totals: dict[str, Term] = {UNDISCOUNTED: term(0), COSTS: term(0)}
        administration: Term = term(0)
        self.live.values.heading(f"Drugs of {self.own.label}")
        for product in products_of(self.live.inputs, self.own.strategy):
            initial = whole(self.own.typed(f"dose.initial_intervals.{product}"))
            phases: list[tuple[str, Operand, Term]] = [("amount", initial, self.live.method("never"))]
            if self.own.typed(f"dose.initial_intervals.{product}").value:
                phases.insert(0, ("initial_amount", 0, initial))
            for dose, first, last in phases:
                cost = self._cost_per_dispensing(product, dose)
                columns = self._dispensings(on, ends, product, dose, first, last)
                totals = {schedule: totals[schedule] + cost * sum_of(columns[schedule]) for schedule in totals}
            administration = administration + self._administration(product)
        per_year = self.own.add("administration", "Administration a year while on drug", administration)
        return Drug(time, totals, per_year, self.own.typed("treatment.share_starting"))

    def _time_on_drug(self, on: OnDrug) -> dict[str, Term]:
        """Time in `maintenance` of each cycle × part of it inside the window × mean share on drug, by schedule."""
        grid, cycles, present, weights = self.grid, self.cycles, self.present, self.cycles.shares
        grid.group("Time on drug")
        inside = on.window.inside / cycles.times.length * (on.shares.begin + on.shares.finish) / 2
        part = grid.add("Part of the cycle on drug", "inside / length × mean share on drug", inside, "share")
        around = {"before": -1, "start": 0, "end": 1, "beyond": 2}
        found = {}
        for schedule in SCHEDULES:
            factors = cycles.boundary.get(schedule)
            pieces = [
                weights[name] * present.shifted(rows) * (factors.shifted(rows) if factors else 1)
                for name, rows in around.items()
            ]
            time = total_of(pieces)
            if factors is not None:
                at_middle = weights["start"] * present + weights["end"] * present.after
                time = where(same(cycles.times.by_boundary, 1), time, at_middle * cycles.middle[schedule])
            words = "weights × occupancy × part on drug"
            column = grid.add(f"Years on drug, {schedule}", words, time * part, "increment")
            found[schedule] = grid.name_range(f"time_on_drug.{schedule}.{self.own.strategy}", column)
        return found

    def _starters(self) -> dict[str, Term]:
        """Those in `maintenance` when treatment starts, who start it, undiscounted and discounted then."""
        start, times, rates = self.trace.start, self.cycles.times, self.cycles.rates
        present = self.grid.name_range(f"occupancy.maintenance.{self.own.strategy}", self.present)
        cycle = self.own.add("start_cycle", "Cycle in which treatment starts", whole(start / times.length))
        passed = start / times.length - cycle
        before, after = item(present, cycle + 1), item(present, cycle + 2)
        begins = all_of(self.trace.stop > start, start < times.end)
        share: Term = term(1)
        if self.drug:
            share = where(self.drug.starting > 0, self.drug.starting, 1)
        number = where(begins, share * (before + passed * (after - before)), 0)
        found = {UNDISCOUNTED: self.own.add("starters", "In maintenance when treatment starts, who start it", number)}
        for kind in (COSTS, EFFECTS):
            discounted = found[UNDISCOUNTED] * rates.factor(rates.years(start), kind)
            found[kind] = self.own.add(f"starters.{kind}", f"The same, discounted as {kind}", discounted)
        return found

    # ------------------------------------------------------------------------------------------------- dispensings

    def _numbers_on_drug(self, on: OnDrug) -> tuple[Column, Column]:
        """Number on drug at the two ends of the part of each cycle in the window; occupancy is linear in between."""
        self.grid.group("Dispensings")
        ends = (("beginning", on.shares.begin, on.window.begin), ("end", on.shares.finish, on.window.finish))
        found = []
        for words, share, edge in ends:
            passed = (edge - self.cycles.time) / self.cycles.times.length
            number = share * (self.present + passed * (self.present.after - self.present))
            header, words = f"On drug at the {words} of the part", "share × maintenance, linear between cycle ends"
            found.append(self.grid.add(header, words, number, "share"))
        return found[0], found[1]

    def _dispensings(
        self, on: OnDrug, ends: tuple[Column, Column], product: str, dose: str, first: Operand, last: Term
    ) -> dict[str, Term]:
        """One dispensing a row: its time, the cycle it falls in, the number on drug then, and that discounted."""
        grid, start, times, rates = self.grid, self.trace.start, self.cycles.times, self.cycles.rates
        number, rounding = self.cycles.number + first, self.live.method("rounding")
        interval = self.own.of(f"dose.interval.{product}")
        rows = self._rows(float(interval.value))
        label = product if dose == "amount" else f"{product}, initial dose"

        def add(header: str, words: str, formula: Term, look: str) -> Column:
            return grid.add(f"{label}: {header}", words, formula, look, rows=rows)

        time = add("time, years", "start + number × interval", start + number * interval, "years")
        count = whole_above((smaller(self.trace.stop, times.end) - start) / interval - rounding)
        counted = where(all_of(number < last, number < count), 1, 0)
        place = within(whole((time + rounding) / times.length), 0, times.cycles - 1) + 1
        at = add("cycle it falls in", "counted from 1", place, "integer")
        begin, finish = item(on.window.begin.every, at), item(on.window.finish.every, at)
        late = within((time - begin) / larger(finish - begin, self.live.method("smallest")), 0, 1)
        passed = add("part passed", "of the cycle's part in the window", late, "share")
        on_drug = item(ends[0].every, at) * (1 - passed) + item(ends[1].every, at) * passed
        taken = add("dispensed", "number on drug then", counted * on_drug, "share")
        factor = rates.factor(rates.years(time), COSTS)
        discounted = add("discounted as costs", "dispensed × (1 + r)^−years", taken * factor, "share")
        key = f"{product}.{dose}.{self.own.strategy}"
        found = {UNDISCOUNTED: taken, COSTS: discounted}
        return {kind: grid.name_range(f"dispensed.{kind}.{key}", column) for kind, column in found.items()}

    def _rows(self, interval: float) -> int:
        """Rows that hold every dispensing from the start to the last cycle written."""
        span = (self.grid.rows - 1) * float(self.cycles.times.length.value) - float(self.trace.start.value)
        return min(max(int(np.ceil(span / interval)) + 1, 1), self.grid.rows)

    # ------------------------------------------------------------------------------------------------- costs

    def _cost_per_dispensing(self, product: str, dose: str) -> Term:
        """Price of the packs of one interval, after the relative dose intensity."""
        live, own, key = self.live, self.own, f"{product}.{dose}"
        by_surface = live.rows[f"dose.{dose}.{product}.{own.strategy}"].unit == "mg/m2"
        mean, spread = live.of("cohort.body_surface_area"), live.of("cohort.body_surface_area_sd")
        need = own.add(
            f"units.{key}",
            f"{product}: units in a dose" + (" for one square metre" if by_surface else ""),
            own.of(f"dose.{dose}.{product}") / live.of(f"product.strength.{product}"),
        )
        average = need * mean if by_surface else need
        opened = whole_above(average - live.method("rounding"))
        if by_surface:
            smooth = larger(spread, live.method("smallest_total"))
            spread_out = sum_product(normal((mean - live.tables.of("method.count") / need) / smooth))
            opened = where(spread > 0, spread_out, opened)
        is_vial = same(live.typed(f"product.form.{product}"), "vial")
        wasted = all_of(is_vial, same(live.typed("settings.vial_waste"), "on"))
        words = f"{product}: units opened for a dose: whole vials where waste counts"
        units = own.add(f"opened.{key}", words, where(wasted, opened, average))
        brand = same(live.typed("settings.price_set"), PriceSet.BRAND)
        price = where(brand, live.of(f"price.{product}.brand"), live.of(f"price.{product}.generic"))
        per_unit = price / live.of(f"product.units_per_pack.{product}")
        cost = units * own.of(f"dose.administrations.{product}") * per_unit * own.of("dose.relative_intensity")
        return own.add(f"cost_per_dispensing.{key}", f"{product}: cost of one interval", cost)

    def _administration(self, product: str) -> Term:
        """Visits a year × their cost; nothing without a route."""
        own, route = self.own, self.live.inputs.text(f"dose.route.{product}.{self.own.strategy}")
        if not route:
            return term(0)
        is_vial = same(self.live.typed(f"product.form.{product}"), "vial")
        visits = where(is_vial, own.of(f"dose.administrations.{product}"), 1)
        a_year = visits / own.of(f"dose.interval.{product}")
        yearly = own.add(f"visits.{product}", f"{product}: administration visits a year", a_year)
        return yearly * self.live.of(f"cost.administration.{route}")


def dispensings_needed(live: LiveCells, horizon: float) -> int:
    """Most dispensings of any product to the horizon, in years: more than cycles where these are long.

    >>> from markov.report.live.inputs_sheet import live_cells
    >>> dispensings_needed(live_cells(calgb), 1.0)
    15
    """
    found = [0]
    for own in map(live.own, live.treated):
        span = horizon - float(own.of("treatment.start").value)
        products = products_of(live.inputs, own.strategy)
        found += [int(np.ceil(span / float(own.of(f"dose.interval.{product}").value))) + 1 for product in products]
    return max(found)

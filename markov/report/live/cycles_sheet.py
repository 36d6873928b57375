"""The Live cycles sheet: what all strategies share, a row a cycle.

Time, the background mortality of the cohort's age and sex, discount factors, and the weights that turn occupancy at
the boundaries of cycles into time in state.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import mul

import numpy as np

from markov.report.live.formulas import (
    Term,
    all_of,
    choose,
    exp,
    given,
    item,
    larger,
    ln,
    same,
    smaller,
    term,
    total_of,
    where,
    whole,
    whole_above,
)
from markov.report.live.grid import Column, Grid
from markov.report.live.inputs_sheet import LiveCells
from markov.terms import LIVING, Correction, Discounting, WithinCycle

NAME = "Live cycles"
UNDISCOUNTED, COSTS, EFFECTS = SCHEDULES = ("undiscounted", "costs", "effects")


@dataclass(frozen=True)
class Clock:
    """Named cells about time: length of a cycle, cycles in the horizon, the end; switches within a cycle."""

    length: Term
    cycles: Term
    end: Term
    exposure: Term
    by_boundary: Term


@dataclass(frozen=True)
class Discount:
    """Named cells about discounting: years until the later rates hold, and the rates of costs and effects."""

    change: Term
    early: Mapping[str, Term]
    later: Mapping[str, Term]
    whole_years: Term
    rounding: Term

    def years(self, time: Term) -> Term:
        """Years that count at a time: all of them, or the whole ones passed."""
        return where(self.whole_years, whole(time + self.rounding), time)

    def factor(self, years: Term, kind: str) -> Term:
        """(1 + r)^−years, at the later rate after the change."""
        early = (1 + self.early[kind]) ** (0 - smaller(years, self.change))
        return early * (1 + self.later[kind]) ** (0 - larger(years - self.change, 0))


def _clock(live: LiveCells) -> Clock:
    """The cells about time."""
    add = live.values.add
    live.values.heading("Time")
    length = live.typed("settings.cycle_days") / live.method("days_per_year")
    length = add("cycle.length", "Length of a cycle in years: days / days in a year", length)
    asked = live.typed("settings.horizon_years")
    to_oldest = live.method("oldest_age") - live.of("cohort.age")
    horizon = add("horizon.years", "Horizon: as given, or to the oldest age", where(given(asked), asked, to_oldest))
    cycles = whole_above(horizon / length - live.method("rounding"))
    cycles = add("horizon.whole_cycles", "Cycles that reach the horizon, rounded up", cycles)
    simpson, half = (same(live.typed("settings.correction"), c) for c in (Correction.SIMPSON, Correction.HALF_CYCLE))
    even = where(simpson, 2 * whole_above(cycles / 2), cycles)
    used = add("horizon.cycles", "Cycles counted: an even number under Simpson", even)
    end = add("horizon.end", "End of the last cycle, years: cycles × length", used * length)
    exposed = same(live.typed("settings.within_cycle"), WithinCycle.HALF_CYCLE_EXPOSURE)
    words = "1 where those who enter a state may leave it in the same cycle, else 0"
    exposure = add("cycle.exposure", words, where(exposed, 1, 0))
    words = "1 where time in state is discounted at the boundaries, 0 at mid-cycle"
    return Clock(length, used, end, exposure, add("cycle.discount_at_boundaries", words, where(half, 0, 1)))


def _discounting(live: LiveCells) -> Discount:
    """The cells about discounting."""
    add = live.values.add
    live.values.heading("Discounting")
    change = live.typed("settings.discount_change_years")
    until = where(given(change), change, live.method("never"))
    years = add("discount.change", "Years until the later rates hold", until)
    early = {kind: live.typed(f"settings.discount_rate.{kind}") for kind in (COSTS, EFFECTS)}
    later = {kind: live.typed(f"settings.discount_rate_later.{kind}") for kind in (COSTS, EFFECTS)}
    later = {
        kind: add(f"discount.later.{kind}", f"Later rate, {kind}", where(given(change), later[kind], rate))
        for kind, rate in early.items()
    }
    is_whole = same(live.typed("settings.discounting"), Discounting.WHOLE_YEARS)
    whole_years = add("discount.whole_years", "Whether only whole years count", is_whole)
    return Discount(years, early, later, whole_years, live.method("rounding"))


def _utilities(live: LiveCells) -> tuple[Term, Mapping[str, Term]]:
    """The population norm at the start, and the utility of each state, capped there where utilities age."""
    add = live.values.add
    live.values.heading("Utilities")
    age = live.of("cohort.age")
    place = add("norm.row_at_start", "Row of the population norms at the start", _norm_row(live, age))
    passed = add("norm.passed_at_start", "Part of the year passed there", _norm_passed(live, age, place))
    norm = add("norm.at_start", "Population norm at the starting age and sex mix", _norm(live, place, passed))
    aged, capped = (same(live.typed(f"settings.{name}"), "on") for name in ("age_adjustment", "utility_cap"))
    utilities = {}
    for state in LIVING:
        own = live.of(f"utility.{state}")
        words = f"Utility used, {state}: capped at the starting norm where utilities age"
        used = where(all_of(aged, capped), smaller(own, norm), own)
        utilities[state.value] = add(f"used.utility.{state}", words, used)
    return norm, utilities


def _norm_row(live: LiveCells, age: Term) -> Term:
    """Whole years since the first age of the norms, from 1."""
    ages = live.tables.of("norm.age")
    return smaller(whole(age - item(ages, 1)) + 1, Term("ROWS(norm.age)", float(len(ages.value))) - 1)


def _norm_passed(live: LiveCells, age: Term, place: Term) -> Term:
    """Part of the year passed since that row's age; all of it beyond the table."""
    return smaller(age - item(live.tables.of("norm.age"), place), 1)


def _norm(live: LiveCells, place: Term, passed: Term) -> Term:
    """Population norm of both sexes, linear between whole years."""
    female = live.of("cohort.proportion_female")
    parts = []
    for sex, share in (("women", female), ("men", 1 - female)):
        values = live.tables.of(f"norm.utility.{sex}")
        parts.append(share * ((1 - passed) * item(values, place) + passed * item(values, place + 1)))
    return parts[0] + parts[1]


@dataclass(frozen=True)
class Cycles:
    """Columns that all strategies share, and the cells behind them. `middle` are discount factors at mid-cycle,
    `boundary` at boundaries; the weights turn occupancy at boundaries into time, by schedule, and by state where a
    utility varies with age.
    """

    grid: Grid
    times: Clock
    rates: Discount
    utilities: Mapping[str, Term]
    number: Column
    time: Column
    months: Column
    midpoint: Column
    background: Column
    boundary: Mapping[str, Column]
    middle: Mapping[str, Column]
    shares: Mapping[str, Column]
    ageing: Column
    weights: Mapping[str, Term]
    arrival_weights: Mapping[str, Term]


def live_cycles(live: LiveCells, rows: int) -> Cycles:
    """Every shared column, in order, below cells for time, discounting and utilities.

    >>> from markov.report.live.inputs_sheet import live_cells
    >>> cycles = live_cycles(live_cells(calgb), 14)
    >>> cycles.times.length.text, [float(years) for years in cycles.time.value[:14:13].round(2)]
    ('cycle.length', [0.0, 1.0])
    """
    times, rates = _clock(live), _discounting(live)
    norm, utilities = _utilities(live)
    grid = Grid(
        NAME,
        NAME,
        "What all strategies share, a row a cycle: time, general-population mortality, discounting, and the "
        "weights that turn the occupancy at the boundaries of cycles into time. Row k is the cycle that begins at k.",
        rows,
    )
    number, time, months, used, midpoint = _time(live, times, grid)
    background = _background(live, time, grid)
    boundary, middle = _discount_factors(rates, time, midpoint, used, grid)
    ageing, factors = _ageing(live, midpoint, norm, utilities, grid)
    shares = _shares(live, times, number, used, grid)
    weights = _weights(times, grid, shares, boundary, middle, {"": (), "aged": (ageing,), **factors})
    arrivals = {
        kind: grid.name_range(f"weight.event.{kind}", column) for kind, column in {**middle, UNDISCOUNTED: used}.items()
    }
    known = (times, rates, utilities, number, time, months, midpoint, background, boundary, middle, shares, ageing)
    return Cycles(grid, *known, weights, arrivals)


def _time(live: LiveCells, times: Clock, grid: Grid) -> tuple[Column, Column, Column, Column, Column]:
    """Number of the cycle, time at its start in years and months, whether it is within the horizon, its middle."""
    grid.group("Time")
    number = grid.reserve("Cycle", "the one before + 1", np.arange(float(grid.rows)), "integer")
    grid.fill(number, number.before + 1, start=0, rows=grid.rows)
    time = grid.add("Years from time zero", "cycle × length", number * times.length, "years", rows=grid.rows)
    twelve = live.method("months_per_year")
    months = grid.add("Months from time zero", "years × 12", time * twelve, "months", rows=grid.rows)
    used = grid.add("Within the horizon", "1 or 0", where(number < times.cycles, 1, 0), "integer")
    midpoint = grid.add("Middle of the cycle, years", "mean of its ends", (time + time.after) / 2, "years")
    return number, time, months, used, midpoint


def _background(live: LiveCells, time: Column, grid: Grid) -> Column:
    """ΔB = SMR·(ln S(t_k) − ln S(t_k+1)), S the survivors of both sexes."""
    grid.group("General population")
    ages = live.tables.of("life.age")
    age = live.of("cohort.age") + time
    row = smaller(whole(age - item(ages, 1)) + 1, Term("ROWS(life.age)", float(len(ages.value))))
    row = grid.add("Row of the life table", "whole years since its first age", row, "integer", rows=grid.rows)
    words = "at birthdays + part of the year × hazard"
    alive = []
    for sex in ("women", "men"):
        before, yearly = live.tables.of(f"life.before.{sex}"), live.tables.of(f"life.hazard.{sex}")
        hazard = item(before, row) + (age - item(ages, row)) * item(yearly, row)
        column = grid.add(f"Cumulative hazard, {sex}", words, hazard, rows=grid.rows)
        alive.append(exp(column.first - column))
    female, smallest = live.of("cohort.proportion_female"), live.method("smallest")
    both = female * alive[0] + (1 - female) * alive[1]
    left = grid.add("Alive", "survivors of both sexes", both, "share", rows=grid.rows)
    total = grid.add("Cumulative hazard", "−ln(alive)", -ln(larger(left, smallest)), rows=grid.rows)
    background = larger(live.of("mortality.smr") * (total.after - total), smallest)
    return grid.add("Background increment", "SMR × its change", background, "increment")


def _discount_factors(
    rates: Discount, time: Column, midpoint: Column, used: Column, grid: Grid
) -> tuple[dict[str, Column], dict[str, Column]]:
    """Factors at the boundaries; and at mid-cycle, 0 beyond the horizon."""
    grid.group("Discounting")
    counted = grid.add("Years counted at the start", "all, or whole ones", rates.years(time), "years", rows=grid.rows)
    halfway = grid.add("Years counted at mid-cycle", "all, or whole ones", rates.years(midpoint), "years")
    boundary = {
        kind: grid.add(f"At the start, {kind}", "(1 + r)^−years", rates.factor(counted, kind), rows=grid.rows)
        for kind in (COSTS, EFFECTS)
    }
    words = "(1 + r)^−years within the horizon"
    middle = {
        kind: grid.add(f"At mid-cycle, {kind}", words, used * rates.factor(halfway, kind)) for kind in (COSTS, EFFECTS)
    }
    return boundary, middle


def _ageing(
    live: LiveCells, midpoint: Column, start: Term, utilities: Mapping[str, Term], grid: Grid
) -> tuple[Column, dict[str, Sequence[Column]]]:
    """What age leaves of a utility, and what age or the cap leaves of each state's."""
    grid.group("Utilities")
    age = live.of("cohort.age") + midpoint
    words = "whole years since their first age"
    place = grid.add("Row of the population norms", words, _norm_row(live, age), "integer")
    passed = grid.add("Part of the year passed", "since that age", _norm_passed(live, age, place), "share")
    norm = grid.add("Population norm", "at mid-cycle, both sexes", _norm(live, place, passed))
    aged, capped = (same(live.typed(f"settings.{name}"), "on") for name in ("age_adjustment", "utility_cap"))
    ageing = grid.add("Left by age", "norm / norm at the start, where utilities age", where(aged, norm / start, 1))
    factors: dict[str, Sequence[Column]] = {}
    for state, utility in utilities.items():
        cap = where(all_of(capped, utility > 0), smaller(utility, norm) / utility, 1)
        words = "by age; where utilities do not age, by the cap"
        factors[state] = (grid.add(f"Left of the utility, {state}", words, where(aged, ageing, cap)),)
    return ageing, factors


def _shares(live: LiveCells, times: Clock, number: Column, used: Column, grid: Grid) -> dict[str, Column]:
    """Of a cycle's length, the weight on the occupancy one boundary before, at its start, at its end, and one beyond.

    Simpson's parabola spans an even cycle and the odd one after it: (5, 8, −1)/12 and (−1, 8, 5)/12.
    """
    grid.group("Weights of a cycle")
    correction = live.typed("settings.correction")
    outer, middle, divisor = (live.method(f"simpson_{name}") for name in ("own", "middle", "divisor"))
    simpson, half = same(correction, Correction.SIMPSON), same(correction, Correction.HALF_CYCLE)
    odd = grid.add("Odd cycle", "1 or 0", number - 2 * whole(number / 2), "integer")

    def near(end: Correction, if_odd: Term, if_even: Term) -> Term:
        weight = where(same(odd, 1), if_odd, if_even) / divisor
        return choose((half, term(1) / 2), (simpson, weight), (same(correction, end), 1), otherwise=0)

    def far(parity: int) -> Term:
        return where(all_of(simpson, same(odd, parity)), 0 - 1 / divisor, 0)

    parts = {
        "before": ("On the boundary before", far(1)),
        "start": ("On the start", near(Correction.START, middle, outer)),
        "end": ("On the end", near(Correction.END, outer, middle)),
        "beyond": ("On the boundary beyond", far(0)),
    }
    scale, words = used * times.length, "part of its length, by the correction"
    return {name: grid.add(header, words, scale * part, "increment") for name, (header, part) in parts.items()}


def _weights(
    times: Clock,
    grid: Grid,
    shares: Mapping[str, Column],
    boundary: Mapping[str, Column],
    middle: Mapping[str, Column],
    factors: Mapping[str, Sequence[Column]],
) -> dict[str, Term]:
    """By boundary: time that its occupancy stands for, undiscounted, as costs and as effects, and times utility.

    A boundary is the start of its own cycle, the end of the one before, and has Simpson's parts from a cycle further
    off. Under the half-cycle correction each cycle's ends are discounted at its middle.
    """
    grid.group("Weights of a boundary: time in state is the sum of weight × occupancy")
    around = {"start": 0, "end": -1, "before": 1, "beyond": -2}
    found: dict[str, Term] = {}
    for kind, factor in factors.items():
        words = "weights of the cycles around it" + (", × what age or the cap leaves" if kind else "")
        at_boundary = total_of([_product((shares[name], *factor), rows) for name, rows in around.items()])
        for schedule in (UNDISCOUNTED, EFFECTS) if kind else SCHEDULES:
            key, formula = ".".join(filter(None, (kind, schedule))), at_boundary
            if schedule != UNDISCOUNTED:
                ends = (_product((shares[name], middle[schedule], *factor), around[name]) for name in ("start", "end"))
                formula = where(same(times.by_boundary, 1), boundary[schedule] * at_boundary, total_of([*ends]))
            column = grid.add(f"Weight, {key.replace('.', ', ')}", words, formula, "increment", rows=grid.rows)
            found[key] = grid.name_range(f"weight.{key}", column)
    return found


def _product(columns: Sequence[Column], rows: int) -> Term:
    """Their cells so many rows below, multiplied."""
    return reduce(mul, (column.shifted(rows) for column in columns))

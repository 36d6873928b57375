"""The Live cycles sheet: what all strategies share, a row a cycle.

Time, the background mortality of the cohort's age and sex, discount factors, and the weights that turn occupancy at
the boundaries of cycles into time in state.
"""

from collections.abc import Mapping
from dataclasses import dataclass

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
    where,
    whole,
    whole_above,
)
from markov.report.live.grid import Column, Grid, Listing
from markov.report.live.inputs_sheet import LiveInputs
from markov.report.live.tables_sheet import Tables
from markov.terms import LIVING, Correction, Discounting, WithinCycle

NAME = "Live cycles"
EFFECTS, COSTS = "effects", "costs"


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


def clock(live: LiveInputs, listing: Listing) -> Clock:
    """The cells about time."""
    listing.heading("Time")
    length = live.typed("settings.cycle_days") / live.method("days_per_year")
    length = listing.add("cycle.length", "Length of a cycle in years: days / days in a year", length)
    asked = live.typed("settings.horizon_years")
    to_oldest = live.method("oldest_age") - live.of("cohort.age")
    horizon = listing.add(
        "horizon.years", "Horizon: as given, or to the oldest age", where(given(asked), asked, to_oldest)
    )
    cycles = listing.add(
        "horizon.whole_cycles",
        "Cycles that reach the horizon, rounded up",
        whole_above(horizon / length - live.method("rounding")),
    )
    even = 2 * whole_above(cycles / 2)
    simpson = same(live.typed("settings.correction"), Correction.SIMPSON)
    used = listing.add("horizon.cycles", "Cycles counted: an even number under Simpson", where(simpson, even, cycles))
    end = listing.add("horizon.end", "End of the last cycle, years: cycles × length", used * length)
    exposed = same(live.typed("settings.within_cycle"), WithinCycle.HALF_CYCLE_EXPOSURE)
    exposure = listing.add(
        "cycle.exposure", "1 where those who enter a state may leave it in the same cycle, else 0", where(exposed, 1, 0)
    )
    half = same(live.typed("settings.correction"), Correction.HALF_CYCLE)
    boundary = listing.add(
        "cycle.discount_at_boundaries",
        "1 where time in state is discounted at the boundaries, 0 at mid-cycle",
        where(half, 0, 1),
    )
    return Clock(length, used, end, exposure, boundary)


def discounting(live: LiveInputs, listing: Listing) -> Discount:
    """The cells about discounting."""
    listing.heading("Discounting")
    change = live.typed("settings.discount_change_years")
    years = listing.add(
        "discount.change", "Years until the later rates hold", where(given(change), change, live.method("never"))
    )
    early = {kind: live.typed(f"settings.discount_rate.{kind}") for kind in (COSTS, EFFECTS)}
    later = {
        kind: listing.add(
            f"discount.later.{kind}",
            f"Later rate, {kind}",
            where(given(change), live.typed(f"settings.discount_rate_later.{kind}"), rate),
        )
        for kind, rate in early.items()
    }
    whole_years = listing.add(
        "discount.whole_years",
        "Whether only whole years count",
        same(live.typed("settings.discounting"), Discounting.WHOLE_YEARS),
    )
    return Discount(years, early, later, whole_years, live.method("rounding"))


def cohort_cells(live: LiveInputs, tables: Tables, listing: Listing) -> tuple[Term, Mapping[str, Term]]:
    """The population norm at the start, and the utility of each state, capped there where utilities age."""
    listing.heading("Utilities")
    age = live.of("cohort.age")
    place = listing.add("norm.row_at_start", "Row of the population norms at the start", _norm_row(tables, age))
    passed = listing.add("norm.passed_at_start", "Part of the year passed there", _norm_passed(tables, age, place))
    norm = listing.add(
        "norm.at_start", "Population norm at the starting age and sex mix", _norm(live, tables, place, passed)
    )
    aged = same(live.typed("settings.age_adjustment"), "on")
    capped = all_of(aged, same(live.typed("settings.utility_cap"), "on"))
    utilities = {}
    for state in LIVING:
        own = live.of(f"utility.{state}")
        words = f"Utility used, {state}: capped at the starting norm where utilities age"
        utilities[state.value] = listing.add(f"used.utility.{state}", words, where(capped, smaller(own, norm), own))
    return norm, utilities


def _norm_row(tables: Tables, age: Term) -> Term:
    """Whole years since the first age of the norms, from 1."""
    ages = tables.of("norm.age")
    return smaller(whole(age - item(ages, 1)) + 1, Term("ROWS(norm.age)", float(len(ages.value))) - 1)


def _norm_passed(tables: Tables, age: Term, place: Term) -> Term:
    """Part of the year passed since that row's age; all of it beyond the table."""
    return smaller(age - item(tables.of("norm.age"), place), 1)


def _norm(live: LiveInputs, tables: Tables, place: Term, passed: Term) -> Term:
    """Population norm of both sexes, linear between whole years."""
    female = live.of("cohort.proportion_female")
    parts = []
    for sex, share in (("women", female), ("men", 1 - female)):
        values = tables.of(f"norm.utility.{sex}")
        parts.append(share * ((1 - passed) * item(values, place) + passed * item(values, place + 1)))
    return parts[0] + parts[1]


@dataclass(frozen=True)
class Cycles:
    """Columns that all strategies share. `middle` are discount factors at mid-cycle, `boundary` at boundaries; the
    weights turn occupancy at boundaries into time, by schedule, and by state where a utility varies with age."""

    grid: Grid
    number: Column
    time: Column
    months: Column
    used: Column
    midpoint: Column
    background: Column
    boundary: Mapping[str, Column]
    middle: Mapping[str, Column]
    shares: Mapping[str, Column]
    ageing: Column
    weights: Mapping[str, Term]
    arrival_weights: Mapping[str, Term]


def live_cycles(
    live: LiveInputs,
    tables: Tables,
    times: Clock,
    rates: Discount,
    utilities: tuple[Term, Mapping[str, Term]],
    rows: int,
) -> Cycles:
    """Every shared column, in order."""
    grid = Grid(
        NAME,
        "Live cycles",
        "What all strategies share, a row a cycle: time, general-population mortality, discounting, and the "
        "weights that turn the occupancy at the boundaries of cycles into time. Row k is the cycle that begins at k.",
        rows,
    )
    number, time, months, used, midpoint = _time(live, times, grid)
    background = _background(live, tables, time, grid)
    boundary, middle = _discount_factors(rates, time, midpoint, used, grid)
    ageing, factors = _ageing(live, tables, midpoint, utilities, grid)
    shares = _shares(live, times, number, used, grid)
    weights = _weights(times, grid, shares, boundary, middle, ageing, factors)
    arrivals = {kind: grid.name_range(f"weight.event.{kind}", column) for kind, column in middle.items()}
    arrivals["undiscounted"] = grid.name_range("weight.event.undiscounted", used)
    return Cycles(
        grid,
        number,
        time,
        months,
        used,
        midpoint,
        background,
        boundary,
        middle,
        shares,
        ageing,
        weights,
        arrivals,
    )


def _time(live: LiveInputs, times: Clock, grid: Grid) -> tuple[Column, Column, Column, Column, Column]:
    """Number of the cycle, time at its start, and whether it lies within the horizon."""
    import numpy as np

    grid.group("Time")
    number = grid.reserve("Cycle", "the one before + 1", np.arange(float(grid.rows)), "integer")
    grid.fill(number, number.before + 1, start=0)
    time = grid.add("Years from time zero", "cycle × length", number * times.length, "years", rows=grid.rows)
    months = grid.add(
        "Months from time zero", "years × 12", time * live.method("months_per_year"), "months", rows=grid.rows
    )
    used = grid.add("Within the horizon", "1 or 0", where(number < times.cycles, 1, 0), "integer")
    midpoint = grid.add("Middle of the cycle, years", "mean of its ends", (time + time.after) / 2, "years")
    return number, time, months, used, midpoint


def _background(live: LiveInputs, tables: Tables, time: Column, grid: Grid) -> Column:
    """ΔB = SMR·(ln S(t_k) − ln S(t_k+1)), S the survivors of both sexes."""
    grid.group("General population")
    ages = tables.of("life.age")
    age = live.of("cohort.age") + time
    last = Term("ROWS(life.age)", float(len(ages.value)))
    row = grid.add(
        "Row of the life table",
        "whole years since its first age",
        smaller(whole(age - item(ages, 1)) + 1, last),
        "integer",
        rows=grid.rows,
    )
    hazards = {}
    for sex in ("women", "men"):
        before, yearly = tables.of(f"life.before.{sex}"), tables.of(f"life.hazard.{sex}")
        hazards[sex] = grid.add(
            f"Cumulative hazard, {sex}",
            "at birthdays + part of the year × hazard",
            item(before, row) + (age - item(ages, row)) * item(yearly, row),
            rows=grid.rows,
        )
    female = live.of("cohort.proportion_female")
    women, men = (exp(hazards[sex].first - hazards[sex]) for sex in ("women", "men"))
    alive = grid.add("Alive", "survivors of both sexes", female * women + (1 - female) * men, "share", rows=grid.rows)
    total = grid.add("Cumulative hazard", "−ln(alive)", -ln(larger(alive, live.method("smallest"))), rows=grid.rows)
    background = live.of("mortality.smr") * (total.after - total)
    return grid.add(
        "Background increment", "SMR × its change", larger(background, live.method("smallest")), "increment"
    )


def _discount_factors(
    rates: Discount, time: Column, midpoint: Column, used: Column, grid: Grid
) -> tuple[dict[str, Column], dict[str, Column]]:
    """Factors at the boundaries; and at mid-cycle, 0 beyond the horizon."""
    grid.group("Discounting")
    counted = grid.add("Years counted at the start", "all, or whole ones", rates.years(time), "years", rows=grid.rows)
    counted_middle = grid.add("Years counted at mid-cycle", "all, or whole ones", rates.years(midpoint), "years")
    boundary = {
        kind: grid.add(f"At the start, {kind}", "(1 + r)^−years", rates.factor(counted, kind), rows=grid.rows)
        for kind in (COSTS, EFFECTS)
    }
    middle = {
        kind: grid.add(
            f"At mid-cycle, {kind}", "(1 + r)^−years within the horizon", used * rates.factor(counted_middle, kind)
        )
        for kind in (COSTS, EFFECTS)
    }
    return boundary, middle


def _ageing(
    live: LiveInputs, tables: Tables, midpoint: Column, utilities: tuple[Term, Mapping[str, Term]], grid: Grid
) -> tuple[Column, dict[str, Column]]:
    """What age leaves of a utility, and what age or the cap leaves of each state's."""
    grid.group("Utilities")
    start, own = utilities
    age = live.of("cohort.age") + midpoint
    place = grid.add(
        "Row of the population norms", "whole years since their first age", _norm_row(tables, age), "integer"
    )
    passed = grid.add("Part of the year passed", "since that age", _norm_passed(tables, age, place), "share")
    norm = grid.add("Population norm", "at mid-cycle, both sexes", _norm(live, tables, place, passed))
    aged = same(live.typed("settings.age_adjustment"), "on")
    ageing = grid.add("Left by age", "norm / norm at the start, where utilities age", where(aged, norm / start, 1))
    capped = same(live.typed("settings.utility_cap"), "on")
    factors = {}
    for state, utility in own.items():
        cap = where(all_of(capped, utility > 0), smaller(utility, norm) / utility, 1)
        words = "by age; where utilities do not age, by the cap"
        factors[state] = grid.add(f"Left of the utility, {state}", words, where(aged, ageing, cap))
    return ageing, factors


def _shares(live: LiveInputs, times: Clock, number: Column, used: Column, grid: Grid) -> dict[str, Column]:
    """Of a cycle's length, the weight on the occupancy one boundary before, at its start, at its end, and one beyond.

    Simpson's parabola spans an even cycle and the odd one after it: (5, 8, −1)/12 and (−1, 8, 5)/12.
    """
    grid.group("Weights of a cycle")
    correction = live.typed("settings.correction")
    outer, middle, divisor = (live.method(f"simpson_{name}") for name in ("own", "middle", "divisor"))
    simpson, half = same(correction, Correction.SIMPSON), same(correction, Correction.HALF_CYCLE)
    odd = grid.add("Odd cycle", "1 or 0", number - 2 * whole(number / 2), "integer")
    scale = used * times.length
    far = 0 - 1 / divisor
    near_start = choose(
        (half, term(1) / 2),
        (simpson, where(same(odd, 1), middle, outer) / divisor),
        (same(correction, Correction.START), 1),
        otherwise=0,
    )
    near_end = choose(
        (half, term(1) / 2),
        (simpson, where(same(odd, 1), outer, middle) / divisor),
        (same(correction, Correction.END), 1),
        otherwise=0,
    )
    words = "part of its length, by the correction"
    return {
        "before": grid.add(
            "On the boundary before", words, scale * where(all_of(simpson, same(odd, 1)), far, 0), "increment"
        ),
        "start": grid.add("On the start", words, scale * near_start, "increment"),
        "end": grid.add("On the end", words, scale * near_end, "increment"),
        "beyond": grid.add(
            "On the boundary beyond", words, scale * where(all_of(simpson, same(odd, 0)), far, 0), "increment"
        ),
    }


def _weights(
    times: Clock,
    grid: Grid,
    shares: Mapping[str, Column],
    boundary: Mapping[str, Column],
    middle: Mapping[str, Column],
    ageing: Column,
    factors: Mapping[str, Column],
) -> dict[str, Term]:
    """By boundary: time that its occupancy stands for, undiscounted, as costs and as effects, and times utility."""
    grid.group("Weights of a boundary: time in state is the sum of weight × occupancy")
    found: dict[str, Term] = {}
    kinds: list[tuple[str, Column | None]] = [("", None), ("aged", ageing), *factors.items()]
    for kind, factor in kinds:
        schedules = ("undiscounted", COSTS, EFFECTS) if not kind else ("undiscounted", EFFECTS)
        for schedule in schedules:
            key = ".".join(part for part in (kind, schedule) if part)
            if schedule == "undiscounted":
                formula = _by_boundary(shares, factor)
            else:
                at_middle = _two_ends(shares, factor, middle[schedule])
                formula = where(
                    same(times.by_boundary, 1), boundary[schedule] * _by_boundary(shares, factor), at_middle
                )
            words = "weights of the cycles around it" + (", × what age or the cap leaves" if kind else "")
            column = grid.add(f"Weight, {key.replace('.', ', ')}", words, formula, "increment", rows=grid.rows)
            found[key] = grid.name_range(f"weight.{key}", column)
    return found


def _times(share: Term, factor: Term | None) -> Term:
    return share if factor is None else share * factor


def _by_boundary(shares: Mapping[str, Column], factor: Column | None) -> Term:
    """Start of its own cycle, end of the one before, and Simpson's parts from a cycle further off."""
    around = {"start": 0, "end": -1, "before": 1, "beyond": -2}
    parts = [
        _times(shares[name].shifted(rows), factor.shifted(rows) if factor else None) for name, rows in around.items()
    ]
    return parts[0] + parts[1] + parts[2] + parts[3]


def _two_ends(shares: Mapping[str, Column], factor: Column | None, middle: Column) -> Term:
    """Under the half-cycle correction: each cycle's ends, discounted at its middle."""
    own = _times(shares["start"] * middle, factor)
    before = _times(shares["end"].before * middle.before, factor.before if factor else None)
    return own + before


__all__ = ["Clock", "Cycles", "Discount", "clock", "cohort_cells", "discounting", "live_cycles"]

"""Deaths in `progression` by the time since it, in cells: tunnel states as sums over the cycles of entry.

Who entered in cycle e and is there at its end is there k − e − 1 cycles later with e^−(C + F + σ·(k − e − 1)): C the
hazard of the curve from progression so far, F what the background adds, σ the exits to second malignancies. On top of
an excess the background adds all it has; to an all-cause curve what it lacks while it is below the background. The
cells keep, for each cycle of entry, when that begins and ends, so that they are as many as cycles, not their square.
The same as `markov.model.after_progression.TimeSinceProgression`.
"""

from dataclasses import dataclass, replace

import numpy as np

from markov.report.live.curve_columns import curve_columns, own_increments
from markov.report.live.curves import CurveCells
from markov.report.live.cycles_sheet import Clock, Cycles
from markov.report.live.formulas import (
    Term,
    exp,
    first_where,
    item,
    larger,
    same,
    smaller,
    sum_product,
    where,
)
from markov.report.live.grid import Column, Grid, Listing, in_rows
from markov.report.live.inputs_sheet import LiveInputs
from markov.report.live.tables_sheet import Tables
from markov.terms import Endpoint, PostProgression, PostProgressionMortality

SPELLS = 3  # for each cycle of entry, times that the curve may fall below the background and rise above it again
LABEL = "From progression"


@dataclass(frozen=True)
class Switches:
    """Named cells: whether the curve from progression is used; 1 where it is an excess, 1 where it is all-cause; rows
    and spells written.
    """

    used: Term
    excess: Term
    all_cause: Term
    written: Term
    spells: Term


@dataclass(frozen=True)
class Spell:
    """Columns by cycle of entry: a spell below the background, from and to a boundary; its level, and all it adds."""

    begins: Column
    ends: Column
    level: Column
    adds: Column


@dataclass(frozen=True)
class Tunnels:
    """What is known of a strategy's tunnels before anybody moves; `reverse` columns run from the oldest age down."""

    switches: Switches
    grid: Grid
    number: Column
    background: Column
    entry: Term
    reverse_increments: Column
    reverse_hazard: Column
    risen: Column
    level: Column
    spells: tuple[Spell, ...]
    count: Column
    sigma: Term
    strategy: str


@dataclass(frozen=True)
class Deaths:
    """What the tunnels say of a cycle: entrants' deaths and who of them stays, who stays and who leaves of the rest."""

    used: Term
    of_entrants: Column
    kept: Column
    staying: Column
    leaving: Column
    inside: Column


def switches(live: LiveInputs, listing: Listing, cycles: Cycles) -> Switches | None:
    """The cells that say what a curve from progression counts; None where the base case has none."""
    if Endpoint.POST_PROGRESSION not in live.endpoints:
        return None
    listing.heading("Time since progression")
    chosen = same(live.typed("settings.post_progression"), PostProgression.TIME_SINCE_PROGRESSION)
    used = listing.add("tunnels.used", "Whether deaths follow the curve from progression", chosen)
    counts = live.typed("settings.post_progression_mortality")
    mortality = PostProgressionMortality

    def flag(word: str, words: str) -> Term:
        return listing.add(
            f"tunnels.{word}", f"1 where that curve counts {words}, else 0", where(same(counts, word), 1, 0)
        )

    excess, all_cause = flag(mortality.EXCESS, "excess deaths"), flag(mortality.ALL_CAUSE, "all deaths")
    rows = Term(f"ROWS({cycles.number.every.text})", float(cycles.grid.rows))
    written = listing.add("tunnels.rows", "Rows written: cycles and one more", rows)
    words = "Spells below the background that are written for each cycle of entry"
    return Switches(used, excess, all_cause, written, listing.constant("tunnels.spells", words, float(SPELLS)))


def tunnel_columns(
    live: LiveInputs,
    tables: Tables,
    times: Clock,
    cycles: Cycles,
    curves: CurveCells,
    grid: Grid,
    chosen: Switches,
    strategy: str,
    sigma: Term,
) -> Tunnels:
    """The curve by age since progression, the background by cycle, and the spells in which the latter is above it."""
    grid.group("Survival from progression, a row a cycle since it")
    middle = times.exposure * times.length / 2 * live.method("months_per_year")
    words = "months, and half a cycle where entrants are exposed"
    age = grid.add("Months from progression", words, cycles.months + middle, "months", rows=grid.rows)
    curve = curves.known[Endpoint.POST_PROGRESSION, strategy]
    hazard = curve_columns(live, tables, replace(cycles, months=age), grid, curve, LABEL)
    increments = own_increments(grid, hazard, LABEL)
    so_far = _summed(grid, f"{LABEL}: hazard so far", "sum of own increments", increments)
    backwards = [
        grid.add(f"{column.header}, backwards", "last row first", _backwards(column, chosen, cycles), rows=grid.rows)
        for column in (increments, so_far)
    ]
    grid.group("Background, by the cycle of entry")
    background = cycles.background
    risen = _summed(grid, "Background so far", "sum to the start of the cycle", background)
    level = grid.add(
        "Adds to every curve so far",
        "background if an excess, and SPM",
        chosen.excess * risen + sigma * cycles.number,
        rows=grid.rows,
    )
    known = (grid, cycles.number, background, risen, so_far)
    spells, count = _spells(known, increments, chosen)
    return Tunnels(
        chosen,
        grid,
        cycles.number,
        background,
        hazard.first,
        backwards[0],
        backwards[1],
        risen,
        level,
        spells,
        count,
        sigma,
        strategy,
    )


def _summed(grid: Grid, header: str, words: str, increments: Column) -> Column:
    """Running total at the start of each row."""
    seeds = np.concatenate([[0.0], np.cumsum(increments.value[:-1])])
    total = grid.reserve(header, words, seeds)
    grid.fill(total, total.before + increments.before, start=0, rows=grid.rows)
    return total


def _backwards(column: Column, chosen: Switches, cycles: Cycles) -> Term:
    """The same column from its last row up."""
    return item(column.every, chosen.written - cycles.number)


def _spells(
    known: tuple[Grid, Column, Column, Column, Column], increments: Column, chosen: Switches
) -> tuple[tuple[Spell, ...], Column]:
    """For each cycle of entry: when the curve falls below the background, when it is above it again."""
    grid, number, background, risen, so_far = known
    cycles = grid.rows - 1
    ages, curve, floor = number.rows_from(0, cycles), increments.rows_from(0, cycles), background.ahead(cycles)
    last, spells, since = chosen.written - 1, list[Spell](), None
    for i in range(1, SPELLS + 1):
        below = chosen.all_cause * (curve < floor)
        after = below if since is None else below * (ages >= in_rows(since))
        begins = grid.add(
            f"Spell {i}: age at which it begins", "first age below the background", first_where(after, ages, last)
        )
        above = (curve >= floor) * (ages >= in_rows(begins))
        ends = grid.add(f"Spell {i}: age at which it ends", "first age above it again", first_where(above, ages, last))
        spells.append(_spell(grid, (number, risen, so_far), (begins, ends), chosen, i))
        since = ends
    later, floor_later = increments.rows_from(1, cycles), background.ahead(cycles, skip=1)
    first = chosen.all_cause * (increments.first < background.after)
    turns = sum_product(chosen.all_cause * (later < floor_later) * (curve >= floor))
    count = grid.add("Spells there are", "times it falls below the background", first + turns, "integer")
    return tuple(spells), count


def _spell(
    grid: Grid,
    known: tuple[Column, Column, Column],
    ages: tuple[Column, Column],
    chosen: Switches,
    i: int,
) -> Spell:
    """The boundaries of a spell, the level at its beginning, and what it adds in all."""
    number, risen, so_far = known
    places = []
    levels = []
    for age, word in zip(ages, ("begins", "ends"), strict=True):
        boundary = grid.add(f"Spell {i}: {word}", "cycle of entry + 1 + age", number + 1 + age, "integer")
        held = smaller(boundary + 1, chosen.written)
        levels.append(item(risen.every, held) - item(so_far.every, age + 1))
        places.append(boundary)
    words = "background − curve, so far"
    level = grid.add(f"Spell {i}: level where it begins", words, levels[0])
    adds = grid.add(f"Spell {i}: adds in all", "level where it ends − where it begins", levels[1] - level)
    return Spell(places[0], places[1], level, adds)


def tunnel_deaths(tunnels: Tunnels, entrants: Column, again: Term, exposure: Term) -> Deaths:
    """Of a cycle: deaths of entrants in their half of it; of those inside before it, who stays and who leaves."""
    t, grid = tunnels, tunnels.grid
    grid.group("Deaths by time since progression", in_turn=True)
    of_entrants = grid.add(
        "Entrants: death increment",
        "half a cycle's, at least the background's or on top of it",
        _deaths(t, t.entry, t.background / 2),
        "increment",
    )
    kept = grid.add("Entrants: still there", "e^−(deaths + SPM/2)", exp(-(of_entrants + t.sigma / 2)), "share")
    stay = where(same(exposure, 1), kept, 1)
    inside = grid.add("Entered and still there", "at the end of the cycle", entrants * stay + again, "share")
    words = "who entered, where more spells are needed than are written"
    missed = grid.add("Beyond the spells written", words, where(t.count > t.switches.spells, inside, 0), "share")
    grid.name_range(f"tunnels.missed.{t.strategy}", missed)
    words = "sum over the cycles of entry"
    staying = grid.add("Staying in progression", words, sum_product(inside.earlier, _survival(t, 1)), "share")
    total = _deaths(t, t.reverse_increments.youngest(t.switches.written, t.number, 0), in_rows(t.background)) + t.sigma
    leaving = grid.add(
        "Leaving progression, by entry",
        "the same × φ(deaths + SPM)",
        sum_product(inside.earlier, _survival(t, 0), (1 - exp(-total)) / total),
        "increment",
    )
    return Deaths(t.switches.used, of_entrants, kept, staying, leaving, inside)


def _deaths(t: Tunnels, curve: Term, floor: Term) -> Term:
    """The curve and the background on top of it, or what it lacks of the background."""
    lacking = t.switches.all_cause * (floor - curve) * (curve < floor)
    return curve + t.switches.excess * floor + lacking


def _survival(t: Tunnels, ahead: int) -> Term:
    """Share of each cycle's entrants there at the start of the cycle (0) or at its end (1)."""
    hazard = t.reverse_hazard.youngest(t.switches.written, t.number, ahead)
    risen, now = in_rows(t.risen.shifted(ahead)), in_rows(t.number)
    exponent = t.level.upto - in_rows(t.level.shifted(ahead)) - hazard
    for spell in t.spells:
        begun = now > spell.begins.earlier if ahead == 0 else now >= spell.begins.earlier
        running = (now < spell.ends.earlier) * (risen - hazard - spell.level.earlier)
        over = (now >= spell.ends.earlier) * spell.adds.earlier
        exponent = exponent - begun * (running + over)
    return exp(exponent)


def deaths_by_tunnel(d: Deaths, present: Column, sigma: Term, smallest: Term) -> Term:
    """Death increment of `progression`, the average of those who leave: (x − staying)/leaving − SPM."""
    return larger((present - d.staying) / larger(d.leaving, smallest) - sigma, 0)

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

SPELLS = 6  # for each cycle of entry, at least: times that the curve may fall below the background and rise again
LABEL = "From progression"


@dataclass(frozen=True)
class Switches:
    """Named cells: whether the curve from progression is used; 1 where it is an excess, 1 where it is all-cause; rows
    written.
    """

    used: Term
    excess: Term
    all_cause: Term
    written: Term


@dataclass(frozen=True)
class Turns:
    """Columns by cycle of entry, side by side: boundaries at which spells below the background begin and end in turn,
    background less curve so far at each, and a range that holds 1 where one begins and −1 where one ends.
    """

    places: tuple[Column, ...]
    levels: tuple[Column, ...]
    signs: Term
    count: Column
    written: Term

    def added(self, boundary: Term, apart: Term) -> Term:
        """What the background has added, the rise of the level over each spell so far: Σ ±(k ≥ turn)·(level − then).

        MMULT adds up over the turns for each cycle of entry, within SUMPRODUCT.
        """
        text = f"MMULT(({boundary.text}>={_block(self.places)})*({apart.text}-{_block(self.levels)}),{self.signs.text})"
        value = np.zeros(np.broadcast_shapes(boundary.value.shape, apart.value.shape))
        for place, level, sign in zip(self.places, self.levels, self.signs.value, strict=True):
            value += sign * (boundary.value >= place.earlier.value) * (apart.value - level.earlier.value)
        return Term(text, value)


def _block(columns: tuple[Column, ...]) -> str:
    """Columns that stand side by side, from the empty row before cycle 0 to the row above."""
    first, last = columns[0].earlier.text, columns[-1].earlier.text
    return f"{first.rpartition(':')[0]}:{last.rpartition(':')[2]}"


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
    turns: Turns
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
    return Switches(used, excess, all_cause, listing.add("tunnels.rows", "Rows written: cycles and one more", rows))


def tunnel_columns(
    live: LiveInputs,
    tables: Tables,
    listing: Listing,
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
    cells = (tables, listing, live.inputs.labels[strategy], strategy)
    turns = _turns(known, increments, chosen, cells)
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
        turns,
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


def _turns(
    known: tuple[Grid, Column, Column, Column, Column],
    increments: Column,
    chosen: Switches,
    cells: tuple[Tables, Listing, str, str],
) -> Turns:
    """For each cycle of entry: when the curve falls below the background, and when it is above it again."""
    grid, number, background, risen, so_far = known
    cycles, last = grid.rows - 1, chosen.written - 1
    ages, curve, floor = number.rows_from(0, cycles), increments.rows_from(0, cycles), background.ahead(cycles)
    count = _count(grid, background, increments, chosen)
    written = max(SPELLS, int(count.value.max()) + 1)
    found, since = list[Column](), None
    for i in range(written):
        for below, words in ((True, "falls below the background"), (False, "is above it again")):
            condition = chosen.all_cause * (curve < floor) if below else curve >= floor
            if since is not None:
                condition = condition * (ages >= in_rows(since))
            header = f"Spell {i + 1}: age at which it {'begins' if below else 'ends'}"
            since = grid.add(
                header,
                f"first age, in cycles, at which the curve {words}",
                first_where(condition, ages, last),
                "integer",
            )
            found.append(since)
    names = [f"Spell {i // 2 + 1}: {'ends' if i % 2 else 'begins'}" for i in range(len(found))]
    places = tuple(
        grid.add(name, "cycle of entry + 1 + age", number + 1 + age, "integer")
        for name, age in zip(names, found, strict=True)
    )
    levels = tuple(
        grid.add(f"{name}, level", "background − curve, so far", _level(risen, so_far, place, age, chosen))
        for name, place, age in zip(names, places, found, strict=True)
    )
    tables, listing, label, strategy = cells
    tables.add(f"Spells begin and end, {label}", f"tunnels.sign.{strategy}", np.resize([1.0, -1.0], 2 * written))
    words = f"Spells below the background written for each cycle of entry, {label}"
    constant = listing.constant(f"tunnels.spells.{strategy}", words, float(written))
    return Turns(places, levels, tables.of(f"tunnels.sign.{strategy}"), count, constant)


def _count(grid: Grid, background: Column, increments: Column, chosen: Switches) -> Column:
    """How often the curve falls below the background, by cycle of entry."""
    cycles = grid.rows - 1
    above = increments.rows_from(0, cycles) >= background.ahead(cycles)
    below_next = increments.rows_from(1, cycles) < background.ahead(cycles, skip=1)
    first = chosen.all_cause * (increments.first < background.after)
    turns = sum_product(chosen.all_cause * below_next * above)
    return grid.add("Spells there are", "times it falls below the background", first + turns, "integer")


def _level(risen: Column, so_far: Column, place: Column, age: Column, chosen: Switches) -> Term:
    """Background less curve so far, at a boundary and an age."""
    return item(risen.every, smaller(place + 1, chosen.written)) - item(so_far.every, age + 1)


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
    missed = grid.add("Beyond the spells written", words, where(t.turns.count > t.turns.written, inside, 0), "share")
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
    apart = in_rows(t.risen.shifted(ahead)) - hazard
    added = t.turns.added(in_rows(t.number.shifted(ahead)), apart)
    return exp(t.level.upto - in_rows(t.level.shifted(ahead)) - hazard - added)


def deaths_by_tunnel(d: Deaths, present: Column, sigma: Term, smallest: Term) -> Term:
    """Death increment of `progression`, the average of those who leave: (x − staying)/leaving − SPM."""
    return larger((present - d.staying) / larger(d.leaving, smallest) - sigma, 0)

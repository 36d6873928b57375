"""Deaths in `progression` by the time since it, in cells: tunnel states as sums over the cycles of entry.

Who entered in cycle e and is there at its end is there k − e − 1 cycles later with e^−(C + F + σ·(k − e − 1)): C the
hazard of the curve from progression so far, F what the background adds, σ the exits to second malignancies. On top of
an excess the background adds all it has; to an all-cause curve what it lacks while it is below the background. The
cells keep, for each cycle of entry, when that begins and ends, so that they are as many as cycles, not their square.
The same as `markov.model.after_progression.TimeSinceProgression`.
"""

from dataclasses import dataclass

import numpy as np

from markov.report.live.curve_columns import CurveColumns
from markov.report.live.curves import Curve
from markov.report.live.cycles_sheet import Cycles
from markov.report.live.formulas import Term, exp, first_where, item, larger, same, smaller, sum_product, where
from markov.report.live.grid import Column, Grid
from markov.report.live.inputs_sheet import LiveCells, Own
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
class Deaths:
    """What the tunnels say of a cycle: entrants' deaths and who of them stays, who stays and who leaves of the rest."""

    used: Term
    of_entrants: Column
    kept: Column
    staying: Column
    leaving: Column

    def increment(self, present: Column, sigma: Term, smallest: Term) -> Term:
        """Death increment of `progression`, the average of those who leave: (x − staying)/leaving − SPM."""
        return larger((present - self.staying) / larger(self.leaving, smallest) - sigma, 0)


def switches(live: LiveCells, cycles: Cycles) -> Switches | None:
    """The cells that say what a curve from progression counts; None where the base case has none.

    >>> from markov.report.live.cycles_sheet import live_cycles
    >>> from markov.report.live.inputs_sheet import live_cells
    >>> live = live_cells(calgb)
    >>> switches(live, live_cycles(live, 4)) is None
    True
    """
    if Endpoint.POST_PROGRESSION not in live.endpoints:
        return None
    add = live.values.add
    live.values.heading("Time since progression")
    chosen = same(live.typed("settings.post_progression"), PostProgression.TIME_SINCE_PROGRESSION)
    used = add("tunnels.used", "Whether deaths follow the curve from progression", chosen)
    counts = live.typed("settings.post_progression_mortality")
    counted = {PostProgressionMortality.EXCESS: "excess deaths", PostProgressionMortality.ALL_CAUSE: "all deaths"}
    excess, all_cause = (
        add(f"tunnels.{word}", f"1 where that curve counts {words}, else 0", where(same(counts, word), 1, 0))
        for word, words in counted.items()
    )
    rows = Term(f"ROWS({cycles.number.every.text})", float(cycles.grid.rows))
    return Switches(used, excess, all_cause, add("tunnels.rows", "Rows written: cycles and one more", rows))


class Tunnels:
    """A strategy's tunnels: the curve by age since progression, the background by cycle, the spells in which the latter
    is above it; and, once it is known who enters, their deaths. `reverse` columns run from the oldest age down.
    """

    def __init__(self, own: Own, cycles: Cycles, curve: Curve, grid: Grid, chosen: Switches, sigma: Term):
        self.own, self.grid, self.chosen, self.sigma = own, grid, chosen, sigma
        self.number, self.background = cycles.number, cycles.background
        grid.group("Survival from progression, a row a cycle since it")
        middle = cycles.times.exposure * cycles.times.length / 2 * own.live.method("months_per_year")
        words = "months, and half a cycle where entrants are exposed"
        age = grid.add("Months from progression", words, cycles.months + middle, "months", rows=grid.rows)
        columns = CurveColumns(own.live, grid, curve, age, LABEL)
        self.entry, self.increments = columns.hazard.first, columns.increments
        self.so_far = self._summed(f"{LABEL}: hazard so far", "sum of own increments", self.increments)
        self.reverse_increments, self.reverse_hazard = map(self._backwards, (self.increments, self.so_far))
        grid.group("Background, by the cycle of entry")
        self.risen = self._summed("Background so far", "sum to the start of the cycle", self.background)
        adds = chosen.excess * self.risen + sigma * self.number
        words = "background if an excess, and SPM"
        self.level = grid.add("Adds to every curve so far", words, adds, rows=grid.rows)
        self.turns = self._turns()

    def _summed(self, header: str, words: str, increments: Column) -> Column:
        """Running total at the start of each row."""
        total = self.grid.reserve(header, words, np.concatenate([[0.0], np.cumsum(increments.value[:-1])]))
        self.grid.fill(total, total.before + increments.before, start=0, rows=self.grid.rows)
        return total

    def _backwards(self, column: Column) -> Column:
        reverse = item(column.every, self.chosen.written - self.number)
        return self.grid.add(f"{column.header}, backwards", "last row first", reverse, rows=self.grid.rows)

    def _turns(self) -> Turns:
        """For each cycle of entry: when the curve falls below the background, and when it is above it again."""
        grid, own, chosen, number = self.grid, self.own, self.chosen, self.number
        rows, last = grid.rows - 1, chosen.written - 1
        ages, curve, floor = number.rows_from(0, rows), self.increments.rows_from(0, rows), self.background.ahead(rows)
        count = self._count()
        written = max(SPELLS, int(count.value.max()) + 1)
        found = list[Column]()
        for i in range(2 * written):
            begins = i % 2 == 0
            condition = chosen.all_cause * (curve < floor) if begins else curve >= floor
            if found:
                condition = condition * (ages >= found[-1].in_rows)
            header = f"Spell {i // 2 + 1}: age at which it {'begins' if begins else 'ends'}"
            words = "falls below the background" if begins else "is above it again"
            words = f"first age, in cycles, at which the curve {words}"
            found.append(grid.add(header, words, first_where(condition, ages, last), "integer"))
        names = [f"Spell {i // 2 + 1}: {'ends' if i % 2 else 'begins'}" for i in range(2 * written)]
        places = tuple(
            grid.add(name, "cycle of entry + 1 + age", number + 1 + age, "integer")
            for name, age in zip(names, found, strict=True)
        )
        levels = []
        for name, place, age in zip(names, places, found, strict=True):
            apart = item(self.risen.every, smaller(place + 1, chosen.written)) - item(self.so_far.every, age + 1)
            levels.append(grid.add(f"{name}, level", "background − curve, so far", apart))
        sign = f"tunnels.sign.{own.strategy}"
        own.live.tables.add(f"Spells begin and end, {own.label}", sign, np.resize([1.0, -1.0], 2 * written))
        words = f"Spells below the background written for each cycle of entry, {own.label}"
        constant = own.live.values.constant(f"tunnels.spells.{own.strategy}", words, float(written))
        return Turns(places, tuple(levels), own.live.tables.of(sign), count, constant)

    def _count(self) -> Column:
        """How often the curve falls below the background, by cycle of entry."""
        cycles, chosen, increments, background = self.grid.rows - 1, self.chosen, self.increments, self.background
        above = increments.rows_from(0, cycles) >= background.ahead(cycles)
        below_next = increments.rows_from(1, cycles) < background.ahead(cycles, skip=1)
        first = chosen.all_cause * (increments.first < background.after)
        turns = sum_product(chosen.all_cause * below_next * above)
        return self.grid.add("Spells there are", "times it falls below the background", first + turns, "integer")

    def deaths(self, entrants: Column, again: Term, exposure: Term) -> Deaths:
        """Of a cycle: deaths of entrants in their half of it; of those inside before it, who stays and who leaves."""
        add, turns, sigma, background = self.grid.add, self.turns, self.sigma, self.background
        self.grid.group("Deaths by time since progression", in_turn=True)
        words = "half a cycle's, at least the background's or on top of it"
        increment = self._on_background(self.entry, background / 2)
        of_entrants = add("Entrants: death increment", words, increment, "increment")
        kept = add("Entrants: still there", "e^−(deaths + SPM/2)", exp(-(of_entrants + sigma / 2)), "share")
        stay = where(same(exposure, 1), kept, 1)
        inside = add("Entered and still there", "at the end of the cycle", entrants * stay + again, "share")
        words = "who entered, where more spells are needed than are written"
        missed = add("Beyond the spells written", words, where(turns.count > turns.written, inside, 0), "share")
        self.grid.name_range(f"tunnels.missed.{self.own.strategy}", missed)
        staying = sum_product(inside.earlier, self._survival(1))
        staying = add("Staying in progression", "sum over the cycles of entry", staying, "share")
        by_age = self.reverse_increments.youngest(self.chosen.written, self.number, 0)
        total = self._on_background(by_age, background.in_rows) + sigma
        leaving = sum_product(inside.earlier, self._survival(0), (1 - exp(-total)) / total)
        leaving = add("Leaving progression, by entry", "the same × φ(deaths + SPM)", leaving, "increment")
        return Deaths(self.chosen.used, of_entrants, kept, staying, leaving)

    def _on_background(self, curve: Term, floor: Term) -> Term:
        """The curve and the background on top of it, or what it lacks of the background."""
        lacking = self.chosen.all_cause * (floor - curve) * (curve < floor)
        return curve + self.chosen.excess * floor + lacking

    def _survival(self, ahead: int) -> Term:
        """Share of each cycle's entrants there at the start of the cycle (0) or at its end (1)."""
        hazard = self.reverse_hazard.youngest(self.chosen.written, self.number, ahead)
        apart = self.risen.shifted(ahead).in_rows - hazard
        added = self.turns.added(self.number.shifted(ahead).in_rows, apart)
        return exp(self.level.upto - self.level.shifted(ahead).in_rows - hazard - added)

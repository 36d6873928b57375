"""The Live stops sheets: stop rates from a proportion who stopped, and from a median time on treatment.

Eight Newton steps, the engine's: each walks through the cycles of the reported period, with progression, death,
second malignancies and other stops as competing exits, and the slope of the cumulative incidence in λ beside it.
"""

from dataclasses import dataclass, replace

import numpy as np

from markov.report.live.cycles_sheet import Cycles
from markov.report.live.formulas import (
    FOUR,
    THREE,
    Operand,
    Term,
    all_of,
    exp,
    given,
    larger,
    ln,
    same,
    sqrt,
    sum_of,
    sum_product,
    term,
    where,
    within,
)
from markov.report.live.grid import Column, Grid, Listing
from markov.report.live.inputs_sheet import LiveCells, Own
from markov.report.live.treatment import Malignancies, Rates, Split, Window, phi_slope
from markov.terms import Array

STEPS = 8
SLACK = 1.25  # rows beyond the reported period, so that a longer one can be typed


def rows_needed(live: LiveCells, length: float) -> int:
    """Rows of a stops sheet: the longest reported period of any strategy and a quarter more.

    >>> from markov.report.live.inputs_sheet import live_cells
    >>> rows_needed(live_cells(calgb), 28 / 365.25)
    49
    """
    ends = [26.0]
    for own in map(live.own, live.treated):
        periods = [own.of(name).value or 0.0 for name in ("toxicity.period", "treatment.median_duration")]
        ends.append(SLACK * (own.of("treatment.start").value + max(float(p) for p in periods)) / length)
    return int(np.ceil(max(ends))) + 2


@dataclass(frozen=True)
class Period:
    """Columns that no step changes: the first cycle, its share before the start, and shares counted."""

    first: Column
    before: Column
    counted: Column
    to_median: Column


class StopsSheet:
    """The sheet of a strategy, with the columns of other sheets as far as it goes."""

    def __init__(
        self, own: Own, listing: Listing, cycles: Cycles, window: Window, malignancies: Malignancies, split: Split
    ):
        self.own, self.listing, self.malignancies = own, listing, malignancies
        rows = min(rows_needed(own.live, float(cycles.times.length.value)), cycles.grid.rows)
        self.grid = Grid(
            own.live.sheet_name("Live stops", own.strategy),
            f"Live stops: {own.label}",
            "Newton's steps to the stop rates. Each step walks through the cycles of the reported period; the rates of "
            "each step stand on Live stop rates.",
            rows,
        )
        self.grid.group("Of other sheets")
        cut = Term(cycles.time.text, cycles.time.value[:rows])
        time = self.grid.add("Years", "of Live cycles", 0 + cut, "years", rows=rows)
        self.background, self.inside, self.exposed, itt = (
            self.grid.bring(column) for column in (cycles.background, window.inside, window.exposed, split.itt)
        )
        other = split.comparator
        comparator = self.grid.bring(other) if isinstance(other, Column) else other
        self.split = replace(split, comparator=comparator, itt=itt, background=self.background)
        self.period = self._period(time, cycles.times.length)
        self.starting = own.typed("treatment.share_starting")
        self.has_median = given(own.typed("treatment.median_duration"))

    def _period(self, time: Column, length: Term) -> Period:
        """Which part of each cycle lies before the start, in the reported period, and before the reported median."""
        grid, own, rounding = self.grid, self.own, self.own.live.method("rounding")
        grid.group("Reported period")
        start = own.of("treatment.start")
        reached = time.after >= start + rounding
        holds = where(all_of(time < start + rounding, reached), 1, 0)
        first = grid.add("First", "the start lies in it", holds, "integer")
        passed = first * larger(start - time, 0) / length
        before = grid.add("Share before the start", "of the first cycle", passed, "share")
        shares = []
        for name, words in (("toxicity.period", "the reported period"), ("treatment.median_duration", "the median")):
            part = within((start + own.of(name) - larger(time, start)) / length, 0, 1 - before)
            there = all_of(reached, given(own.typed(name)))
            shares.append(grid.add(f"Share in {words}", "of the cycle", where(there, part, 0), "share"))
        return Period(first, before, *shares)

    def solve(self, kind: str, target: Term, maintenance: Column | None) -> Rates:
        """λ and ω after eight steps, from a rate or a proportion `target`; without `maintenance` the walk splits
        progression by itself. `kind`: observed, in the trial behind the PFS curve, or final, in this analysis.
        """
        told = "in the trial behind the PFS curve" if kind == "observed" else "in this analysis"
        self.listing.heading(f"{self.own.label}: {told}")
        if maintenance is not None:
            self.grid.group("Of other sheets")
            maintenance = self.grid.bring(maintenance)
        return _Newton(self, kind, maintenance).rates(target)


@dataclass(frozen=True)
class _Walk:
    """Columns of a walk: share on drug at the beginning of each cycle and at its end, what stays of `maintenance`."""

    share: Column
    finish: Column
    both: Column


class _Newton:
    """Newton's steps of one kind on a sheet."""

    def __init__(self, sheet: StopsSheet, kind: str, maintenance: Column | None):
        self.sheet, self.kind, self.maintenance = sheet, kind, maintenance
        self.own, self.live, self.grid, self.period = sheet.own, sheet.own.live, sheet.grid, sheet.period

    def _cell(self, name: str, words: str, formula: Operand) -> Term:
        return self.sheet.listing.add(f"stops.{self.kind}.{name}.{self.own.strategy}", words, formula)

    def _rates(self, name: str, rate: Term, other: Term) -> Rates:
        total = self._cell(f"total{name}", "λ + ω", rate + other)
        fraction = where(total > 0, other / total, 0)
        return Rates(rate, other, total, self._cell(f"fraction{name}", "ω/(λ + ω)", fraction))

    def _at_first(self, column: Column, begins: Operand, following: Term) -> None:
        """A column that begins anew in the cycle of the start."""
        self.grid.fill(column, where(same(self.period.first, 1), begins, following))

    def rates(self, target: Term) -> Rates:
        """The rates after all steps."""
        solved, words = given(target), "Stops for toxicity a year: as given, or first guess −ln(1 − p)/period"
        guess = where(solved, (0 - ln(1 - target)) / self.own.of("toxicity.period"), self.own.of("toxicity.rate"))
        rate = self._cell("rate_0", words, guess)
        plain = other = self.own.of("treatment.other_stop_rate")
        for i in range(1, STEPS + 1):
            total = self._total_rate(f"{self.kind} {i}", self._rates(f"_{i}_median", rate, other))
            free = where(self.sheet.has_median, larger(total - rate, 0), plain)
            other = self._cell(f"other_{i}", f"Step {i}: other stops a year, as given or from the median", free)
            reached, slope = self._incidence(i, self._rates(f"_{i}", rate, other))
            step = where(slope > 0, (target - reached) / slope, 0)
            better = where(solved, larger(rate + step, 0), rate)
            rate = self._cell(f"rate_{i}", f"Step {i}: stops for toxicity a year", better)
        return self._rates("", rate, other)

    def _total_rate(self, step: str, rates: Rates) -> Term:
        """a = λ + ω for which half of the starters are off drug at the reported median: (ln 2 − ΣΔh)/m."""
        self.grid.group(f"Step {step}: to the median", in_turn=True)
        exits = self._exits(f"{step}, median", self._walk(f"{step}, median", rates))
        total = sum_product(self.period.to_median.every, exits.every)
        return larger((ln(2) - total) / self.own.of("treatment.median_duration"), 0)

    def _walk(self, label: str, rates: Rates) -> _Walk:
        grid, sheet = self.grid, self.sheet
        begins, after = self._share_path(rates)
        share = grid.reserve(f"{label}: share on drug", "all who start, or the share before", begins)
        finish = grid.reserve(f"{label}: share after", "on / (on + off)", after)
        self._at_first(share, sheet.starting, finish.before)
        kept = exp(-(rates.total * sheet.inside))
        all_left = share * kept + 1 - share + share * rates.fraction * (1 - kept)
        both = grid.add(f"{label}: on + off", "s·kept + 1 − s + s·ω/(λ + ω)·(1 − kept)", all_left)
        grid.fill(finish, share * kept / both)
        return _Walk(share, finish, both)

    def _share_path(self, rates: Rates) -> tuple[Array, Array]:
        """The shares step by step, for the values that the cells show."""
        total, fraction = float(rates.total.value), float(rates.fraction.value)
        begins, after, share = np.zeros(self.grid.rows), np.zeros(self.grid.rows), 0.0
        for k in range(self.grid.rows - 1):
            share = float(self.sheet.starting.value) if self.period.first.value[k] else share
            kept = float(np.exp(-total * self.sheet.inside.value[k]))
            on, off = share * kept, 1.0 - share + share * fraction * (1.0 - kept)
            begins[k], share = share, on / (on + off)
            after[k] = share
        return begins, after

    def _exits(self, label: str, walk: _Walk) -> Column:
        """Competing exits of a cycle: background, second malignancies and progression."""
        sheet, malignancies = self.sheet, self.sheet.malignancies
        malignant: Term = sheet.background
        for kind, off in malignancies.off.items():
            on_drug = malignancies.excess[kind] * (walk.share + walk.finish) / 2 * sheet.exposed
            malignant = malignant + off + on_drug
        progression = self.maintenance
        if progression is None:
            header, toxicity = f"{label}: progression on maintenance", -ln(walk.both)
            progression, _ = sheet.split.columns(self.grid, label, header, toxicity, sqrt(walk.both), self.period.first)
        words = "background + SPM + progression"
        return self.grid.add(f"{label}: other exits", words, malignant + progression, "increment")

    def _incidence(self, i: int, rates: Rates) -> tuple[Term, Term]:
        """Cumulative incidence of stops for toxicity among starters by the end of the period, and its slope in λ."""
        add, period, step = self.grid.add, self.period, f"{self.kind} {i}"
        self.grid.group(f"Step {step}: to the end of the period", in_turn=True)
        walk = self._walk(step, rates)
        both_slope = self._slopes(i, rates, walk)
        exits = self._exits(step, walk)
        toxicity, words = -ln(walk.both), "−slope of (on + off) / (on + off)"
        slope = add(f"{step}: slope of stops", words, (0 - both_slope) / walk.both, "increment")
        leaving = add(f"{step}: all exits", "exits + stops", exits + toxicity, "increment")
        present, change = self._present(step, leaving, slope)
        elapsed = period.before + period.counted
        x = elapsed * leaving
        near, series = self.live.method("series"), 1 - x / 2 * (1 - x / THREE * (1 - x / FOUR))
        phi = where(x < near, series, (1 - exp(-x)) / x)  # near 0 the closed form cancels
        phi = add(f"{step}: φ", "(1 − e^−x)/x of the part counted", phi)
        reached = add(f"{step}: incidence", "present × stops × φ", present * elapsed * toxicity * phi, "increment")
        by_slope = present * slope * (phi + elapsed * toxicity * phi_slope(x, phi, near))
        gain = elapsed * (change * toxicity * phi + by_slope)
        gain = add(f"{step}: slope of the incidence", "by the chain rule", gain, "increment")
        lost = sum_product(period.first.every, period.before.every, exits.every)
        words = f"Step {i}: share of the cohort that starts"
        started = self._cell(f"started_{i}", words, self.sheet.starting * exp(-lost))
        divisor = where(started > 0, started, 1)
        words = f"Step {i}: stopped for toxicity among starters"
        incidence = self._cell(f"reached_{i}", words, sum_of(reached.every) / divisor)
        return incidence, self._cell(f"slope_{i}", f"Step {i}: its slope", sum_of(gain.every) / divisor)

    def _slopes(self, i: int, rates: Rates, walk: _Walk) -> Column:
        """Slope in λ of on + off."""
        grid, inside, total, step = self.grid, self.sheet.inside, rates.total, f"{self.kind} {i}"
        words = f"Step {i}: slope of ω in λ: −1 where λ + ω is fixed"
        other_slope = self._cell(f"other_slope_{i}", words, where(self.sheet.has_median, 0 - term(1), 0))
        turned = where(total > 0, (other_slope * total - rates.other * (1 + other_slope)) / total**2, 0)
        fraction_slope = self._cell(f"fraction_slope_{i}", f"Step {i}: slope of ω/(λ + ω)", turned)
        kept = exp(-(total * inside))
        seeds = self._slope_path(rates, walk, float(other_slope.value), float(fraction_slope.value))
        words = "by the chain rule"
        after = grid.reserve(f"{step}: slope of the share after", words, seeds[1])
        slope = grid.reserve(f"{step}: slope of the share", "0 at the start", seeds[0])
        self._at_first(slope, 0, after.before)
        kept_slope = 0 - inside * (1 + other_slope) * kept
        on = slope * kept + walk.share * kept_slope
        on_slope = grid.add(f"{step}: slope of on", words, on, "increment")
        lost = 1 - kept
        off = slope * (rates.fraction * lost - 1) + walk.share * (fraction_slope * lost - rates.fraction * kept_slope)
        off_slope = grid.add(f"{step}: slope of off", words, off, "increment")
        both_slope = grid.add(f"{step}: slope of on + off", words, on_slope + off_slope, "increment")
        grid.fill(after, (on_slope - walk.finish * both_slope) / walk.both)
        return both_slope

    def _slope_path(self, rates: Rates, walk: _Walk, other_slope: float, fraction_slope: float) -> tuple[Array, Array]:
        """The slopes step by step, for the values that the cells show."""
        share, finish, both = (column.value for column in (walk.share, walk.finish, walk.both))
        n, total, fraction = self.grid.rows, float(rates.total.value), float(rates.fraction.value)
        begins, after, slope = np.zeros(n), np.zeros(n), 0.0
        for k in range(n - 1):
            slope = 0.0 if self.period.first.value[k] else slope
            begins[k], inside = slope, float(self.sheet.inside.value[k])
            kept = float(np.exp(-total * inside))
            kept_slope = -inside * (1.0 + other_slope) * kept
            on = slope * kept + share[k] * kept_slope
            off = slope * (fraction * (1.0 - kept) - 1.0)
            off += share[k] * (fraction_slope * (1.0 - kept) - fraction * kept_slope)
            after[k] = slope = (on - finish[k] * (on + off)) / both[k]
        return begins, after

    def _present(self, step: str, leaving: Column, slope: Column) -> tuple[Column, Column]:
        """Share still in `maintenance` at the start of each cycle, and its slope in λ."""
        grid = self.grid
        stays = np.exp(-leaving.value)
        here, slopes, m, d = np.zeros(grid.rows), np.zeros(grid.rows), 0.0, 0.0
        for k in range(grid.rows - 1):
            if self.period.first.value[k]:
                m, d = 1.0, 0.0
            here[k], slopes[k] = m, d
            m, d = m * stays[k], (d - m * slope.value[k]) * stays[k]
        present = grid.reserve(f"{step}: still there", "1 at the start", here)
        change = grid.reserve(f"{step}: its slope", "0 at the start", slopes)
        self._at_first(present, 1, present.before * exp(-leaving.before))
        self._at_first(change, 0, (change.before - present.before * slope.before) * exp(-leaving.before))
        return present, change

"""The Live stops sheets: stop rates from a proportion who stopped, and from a median time on treatment.

Eight Newton steps, the engine's: each walks through the cycles of the reported period, with progression, death,
second malignancies and other stops as competing exits, and the slope of the cumulative incidence in λ beside it.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from markov.report.live.cycles_sheet import Clock, Cycles
from markov.report.live.formulas import (
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
from markov.report.live.inputs_sheet import LiveInputs, sheet_name
from markov.report.live.moves import KINDS
from markov.report.live.treatment import Malignancies, Rates, SplitCells, Window, after_stopping, split_hazard
from markov.terms import Array

STEPS = 8
SLACK = 1.25  # rows beyond the reported period, so that a longer one can be typed


def rows_needed(live: LiveInputs, length: float) -> int:
    """Rows of a stops sheet: the longest reported period of any strategy and a quarter more."""
    ends = [26.0]
    for s in live.treated:
        periods = [live.of(f"{name}.{s}").value or 0.0 for name in ("toxicity.period", "treatment.median_duration")]
        start = live.of(f"treatment.start.{s}").value
        ends.append(SLACK * (start + max(float(p) for p in periods)) / length)
    return int(np.ceil(max(ends))) + 2


@dataclass(frozen=True)
class Period:
    """Columns that no step changes: the first cycle, its share before the start, and shares counted."""

    first: Column
    before: Column
    counted: Column
    to_median: Column


@dataclass(frozen=True)
class Setting:
    """What the steps of one strategy share."""

    live: LiveInputs
    grid: Grid
    listing: Listing
    background: Column
    inside: Column
    exposed: Column
    malignancies: Malignancies
    split: SplitCells
    itt: Column
    times: Clock
    strategy: str
    period: Period

    @classmethod
    def of(
        cls,
        live: LiveInputs,
        listing: Listing,
        cycles: Cycles,
        window: Window,
        malignancies: Malignancies,
        split: SplitCells,
        itt: Column,
        times: Clock,
        strategy: str,
    ) -> "Setting":
        """A strategy's sheet, with the columns of other sheets as far as it goes."""
        rows = min(rows_needed(live, float(times.length.value)), cycles.grid.rows)
        grid = stops_grid(live, strategy, rows)
        grid.group("Of other sheets")
        time = grid.add("Years", "of Live cycles", 0 + _cut(cycles.time, rows), "years", rows=rows)
        background, inside, exposed, shorter = (
            grid.bring(column) for column in (cycles.background, window.inside, window.exposed, itt)
        )
        comparator = split.comparator
        if isinstance(comparator, Column):
            split = replace(split, comparator=grid.bring(comparator))
        period = period_columns(live, grid, time, times, strategy)
        return cls(
            live, grid, listing, background, inside, exposed, malignancies, split, shorter, times, strategy, period
        )

    @property
    def starting(self) -> Term:
        """Share of patients who start."""
        return self.live.typed(f"treatment.share_starting.{self.strategy}")

    @property
    def has_median(self) -> Term:
        """Whether a median time on treatment is given."""
        return given(self.live.typed(f"treatment.median_duration.{self.strategy}"))


def stops_grid(live: LiveInputs, strategy: str, rows: int) -> Grid:
    """The sheet of a strategy."""
    label = live.inputs.labels[strategy]
    return Grid(
        sheet_name(live.inputs, "Live stops", strategy),
        f"Live stops: {label}",
        "Newton's steps to the stop rates. Each step walks through the cycles of the reported period; the rates of "
        "each step stand on Live stop rates.",
        rows,
    )


def period_columns(live: LiveInputs, grid: Grid, time: Column, times: Clock, strategy: str) -> Period:
    """Which part of each cycle lies before the start, in the reported period, and before the reported median."""
    grid.group("Reported period")
    start, rounding = live.of(f"treatment.start.{strategy}"), live.method("rounding")
    reached = time.after >= start + rounding
    first = grid.add("First", "the start lies in it", where(all_of(time < start + rounding, reached), 1, 0), "integer")
    before = grid.add(
        "Share before the start", "of the first cycle", first * larger(start - time, 0) / times.length, "share"
    )
    shares = []
    for name, words in (("toxicity.period", "the reported period"), ("treatment.median_duration", "the median")):
        end = start + live.of(f"{name}.{strategy}")
        part = within((end - larger(time, start)) / times.length, 0, 1 - before)
        there = all_of(reached, given(live.typed(f"{name}.{strategy}")))
        shares.append(grid.add(f"Share in {words}", "of the cycle", where(there, part, 0), "share"))
    return Period(first, before, shares[0], shares[1])


def solve(setting: Setting, kind: str, target: Term, maintenance: Column | None) -> Rates:
    """λ and ω after eight steps, from a rate or a proportion `target`; without `maintenance` the walk splits
    progression by itself.
    """
    live, s, listing = setting.live, setting.strategy, setting.listing
    label = live.inputs.labels[s]
    listing.heading(f"{label}: {'in the trial behind the PFS curve' if kind == 'observed' else 'in this analysis'}")
    if maintenance is not None:
        setting.grid.group("Of other sheets")
        maintenance = setting.grid.bring(maintenance)
    solved = given(target)
    period = live.of(f"toxicity.period.{s}")
    plain = live.of(f"toxicity.rate.{s}")

    def cell(name: str, words: str, formula: Operand) -> Term:
        return listing.add(f"stops.{kind}.{name}.{s}", words, formula)

    rate = cell(
        "rate_0",
        "Stops for toxicity a year: as given, or first guess −ln(1 − p)/period",
        where(solved, (0 - ln(1 - target)) / period, plain),
    )

    def rates_of(name: str, rate: Term, other: Term) -> Rates:
        total = cell(f"total{name}", "λ + ω", rate + other)
        return Rates(rate, other, total, cell(f"fraction{name}", "ω/(λ + ω)", where(total > 0, other / total, 0)))

    other = live.of(f"treatment.other_stop_rate.{s}")
    for i in range(1, STEPS + 1):
        total = _total_rate(setting, f"{kind} {i}", rates_of(f"_{i}_median", rate, other), maintenance)
        free = where(setting.has_median, larger(total - rate, 0), live.of(f"treatment.other_stop_rate.{s}"))
        other = cell(f"other_{i}", f"Step {i}: other stops a year, as given or from the median", free)
        reached, slope = _incidence(setting, f"{kind} {i}", cell, i, rates_of(f"_{i}", rate, other), maintenance)
        step = where(slope > 0, (target - reached) / slope, 0)
        rate = cell(f"rate_{i}", f"Step {i}: stops for toxicity a year", where(solved, larger(rate + step, 0), rate))
    return rates_of("", rate, other)


def _walk_shares(setting: Setting, label: str, rates: Rates) -> tuple[Column, Column, Column]:
    """Share on drug at the beginning of each cycle, at its end, and what stays of `maintenance`."""
    grid, first = setting.grid, setting.period.first
    begins, after = _share_path(setting, rates)
    share = grid.reserve(f"{label}: share on drug", "all who start, or the share before", begins)
    finish = grid.reserve(f"{label}: share after", "on / (on + off)", after)
    grid.fill(share, where(same(first, 1), setting.starting, finish.before), rows=grid.rows - 1)
    kept = exp(-(rates.total * setting.inside))
    both = grid.add(
        f"{label}: on + off",
        "s·kept + 1 − s + s·ω/(λ + ω)·(1 − kept)",
        share * kept + 1 - share + share * rates.fraction * (1 - kept),
    )
    grid.fill(finish, share * kept / both, rows=grid.rows - 1)
    return share, finish, both


def _share_path(setting: Setting, rates: Rates) -> tuple[Array, Array]:
    """The shares step by step, for the values that the cells show."""
    total, fraction = float(rates.total.value), float(rates.fraction.value)
    begins, after, share = np.zeros(setting.grid.rows), np.zeros(setting.grid.rows), 0.0
    for k in range(setting.grid.rows - 1):
        share = float(setting.starting.value) if setting.period.first.value[k] else share
        kept = float(np.exp(-total * setting.inside.value[k]))
        on, off = share * kept, 1.0 - share + share * fraction * (1.0 - kept)
        begins[k], share = share, on / (on + off)
        after[k] = share
    return begins, after


def _exits(
    setting: Setting, label: str, share: Column, finish: Column, both: Column, maintenance: Column | None
) -> Column:
    """Competing exits of a cycle: background, second malignancies and progression."""
    malignant: Term = setting.background
    for kind in KINDS:
        on_drug = setting.malignancies.excess[kind] * (share + finish) / 2 * setting.exposed
        malignant = malignant + setting.malignancies.off[kind] + on_drug
    progression = _own_split(setting, label, both) if maintenance is None else maintenance
    return setting.grid.add(
        f"{label}: other exits", "background + SPM + progression", malignant + progression, "increment"
    )


def _own_split(setting: Setting, label: str, both: Column) -> Column:
    """Progression of those in `maintenance`, split within the walk by the cohort net of second malignancies."""
    grid, cells, first, itt = setting.grid, setting.split, setting.period.first, setting.itt
    with np.errstate(divide="ignore"):
        seeds = split_path(cells, itt.value, setting.background.value, -np.log(both.value), first.value)
    present = grid.reserve(f"{label}: on maintenance", "net of SPM, 1 at the start", seeds[0])
    stopped = grid.reserve(f"{label}: stopped", "net of SPM, 0 at the start", seeds[1])
    smallest = setting.live.method("smallest")
    formula = split_hazard(cells, itt, present, stopped, present * sqrt(both), smallest)
    words = "the curve's, or split after stopping"
    hazard = grid.add(f"{label}: progression on maintenance", words, formula, "increment")
    fill_split(grid, cells, (present, stopped, hazard), itt, setting.background, -ln(both), first)
    return hazard


def fill_split(
    grid: Grid,
    cells: SplitCells,
    cohort: tuple[Column, Column, Column],
    itt: Term,
    background: Term,
    toxicity: Term,
    first: Column | None,
) -> Column:
    """The cohort net of second malignancies that shares the curve's hazard between on and after treatment."""
    present, stopped, hazard = cohort
    after = grid.add(
        "progression after stopping", "r × it, or the reference's", after_stopping(cells, itt, hazard), "increment"
    )
    leaves = hazard + background + toxicity
    stays = grid.add("leaving maintenance", "progression + background + stops", leaves, "increment")
    moved = grid.add(
        "stopped in the cycle", "stops × φ(all exits)", present * toxicity / stays * (1 - exp(-stays)), "share"
    )
    ends = grid.add("leaving after stopping", "progression + background", after + background, "increment")
    entering = where(same(cells.exposure, 1), exp(-ends / 2), 1)
    arrived = grid.add("entered and still there", "halved exposure", moved * entering, "share")
    following = present.before * exp(-stays.before)
    grid.fill(
        present,
        following if first is None else where(same(first, 1), 1, following),
        start=1 if first is None else None,
        rows=grid.rows - 1,
    )
    carried = stopped.before * exp(-ends.before) + arrived.before
    grid.fill(
        stopped,
        carried if first is None else where(same(first, 1), 0, carried),
        start=0 if first is None else None,
        rows=grid.rows - 1,
    )
    return after


def split_path(cells: SplitCells, itt: Array, background: Array, toxicity: Array, first: Array) -> tuple[Array, Array]:
    """The same cohort step by step, for the values that the cells show."""
    n, r = len(itt), float(cells.ratio.value)
    comparator = np.broadcast_to(np.asarray(cells.comparator.value, dtype=float), n)
    present, stopped = np.zeros(n), np.zeros(n)
    m = t = 0.0
    for k in range(n - 1):
        if first[k]:
            m, t = 1.0, 0.0
        present[k], stopped[k] = m, t
        half, both = m * float(np.exp(-0.5 * toxicity[k])), m + t
        ahead = t + m - half
        if cells.together.value or m == 0.0:
            h = after = float(itt[k])
        elif cells.effect_lost.value:
            h, after = max((itt[k] * both - comparator[k] * ahead) / max(half, 1e-300), 0.0), float(comparator[k])
        else:
            h = float(itt[k] * both / (half + r * ahead))
            after = r * h
        stays, ends = h + background[k] + toxicity[k], after + background[k]
        moved = m * toxicity[k] * float(-np.expm1(-stays)) / stays if stays > 0 else 0.0
        entering = float(np.exp(-0.5 * ends)) if cells.exposure.value else 1.0
        m, t = m * float(np.exp(-stays)), t * float(np.exp(-ends)) + moved * entering
    return present, stopped


def _cut(column: Column, rows: int) -> Column:
    """A column of a longer sheet, as far as this one goes."""
    return Column(column.text, column.value[:rows], sheet=column.sheet, letter=column.letter)


def _total_rate(setting: Setting, step: str, rates: Rates, maintenance: Column | None) -> Term:
    """a = λ + ω for which half of the starters are off drug at the reported median: (ln 2 − ΣΔh)/m."""
    setting.grid.group(f"Step {step}: to the median", in_turn=True)
    share, finish, both = _walk_shares(setting, f"{step}, median", rates)
    exits = _exits(setting, f"{step}, median", share, finish, both, maintenance)
    total = sum_product(setting.period.to_median.every, exits.every)
    median = setting.live.of(f"treatment.median_duration.{setting.strategy}")
    return larger((ln(2) - total) / median, 0)


def _incidence(
    setting: Setting,
    step: str,
    cell: Callable[[str, str, Operand], Term],
    i: int,
    rates: Rates,
    maintenance: Column | None,
) -> tuple[Term, Term]:
    """Cumulative incidence of stops for toxicity among starters by the end of the period, and its slope in λ."""
    grid, period = setting.grid, setting.period
    grid.group(f"Step {step}: to the end of the period", in_turn=True)
    share, finish, both = _walk_shares(setting, step, rates)
    both_slope = _slopes(setting, step, rates, (share, finish, both), cell, i)
    exits = _exits(setting, step, share, finish, both, maintenance)
    toxicity, slope = (
        -ln(both),
        grid.add(f"{step}: slope of stops", "−slope of (on + off) / (on + off)", (0 - both_slope) / both, "increment"),
    )
    leaving = grid.add(f"{step}: all exits", "exits + stops", exits + toxicity, "increment")
    present, change = _present(setting, step, leaving, slope)
    elapsed = period.before + period.counted
    phi = grid.add(f"{step}: φ", "(1 − e^−x)/x of the part counted", phi_of(setting.live, elapsed * leaving))
    reached = grid.add(f"{step}: incidence", "present × stops × φ", present * elapsed * toxicity * phi, "increment")
    x = elapsed * leaving
    phi_slope = where(x < setting.live.method("series"), x / _three() - term(1) / 2, (exp(-x) - phi) / x)
    gain = grid.add(
        f"{step}: slope of the incidence",
        "by the chain rule",
        elapsed * (change * toxicity * phi + present * slope * (phi + elapsed * toxicity * phi_slope)),
        "increment",
    )
    lost = sum_product(period.first.every, period.before.every, exits.every)
    started = cell(f"started_{i}", f"Step {i}: share of the cohort that starts", setting.starting * exp(-lost))
    divisor = where(started > 0, started, 1)
    incidence = cell(f"reached_{i}", f"Step {i}: stopped for toxicity among starters", sum_of(reached.every) / divisor)
    return incidence, cell(f"slope_{i}", f"Step {i}: its slope", sum_of(gain.every) / divisor)


def _three() -> Term:
    return Term("(1+2)", 3.0)


def phi_of(live: LiveInputs, x: Term) -> Term:
    """(1 − e^−x)/x; near 0 its series 1 − x/2·(1 − x/3·(1 − x/4))."""
    series = 1 - x / 2 * (1 - x / _three() * (1 - x / Term("(2+2)", 4.0)))
    return where(x < live.method("series"), series, (1 - exp(-x)) / x)


def _slopes(
    setting: Setting,
    step: str,
    rates: Rates,
    shares: tuple[Column, Column, Column],
    cell: Callable[[str, str, Operand], Term],
    i: int,
) -> Column:
    """Slope in λ of on + off."""
    grid, inside = setting.grid, setting.inside
    share, finish, both = shares
    by_median = setting.has_median
    other_slope = cell(
        f"other_slope_{i}", f"Step {i}: slope of ω in λ: −1 where λ + ω is fixed", where(by_median, 0 - term(1), 0)
    )
    total = rates.total
    fraction_slope = cell(
        f"fraction_slope_{i}",
        f"Step {i}: slope of ω/(λ + ω)",
        where(total > 0, (other_slope * total - rates.other * (1 + other_slope)) / total**2, 0),
    )
    kept = exp(-(total * inside))
    seeds = _slope_path(setting, rates, shares, float(other_slope.value), float(fraction_slope.value))
    after = grid.reserve(f"{step}: slope of the share after", "by the chain rule", seeds[1])
    slope = grid.reserve(f"{step}: slope of the share", "0 at the start", seeds[0])
    grid.fill(slope, where(same(setting.period.first, 1), 0, after.before), rows=grid.rows - 1)
    kept_slope = 0 - inside * (1 + other_slope) * kept
    on_slope = grid.add(f"{step}: slope of on", "by the chain rule", slope * kept + share * kept_slope, "increment")
    lost = 1 - kept
    off = slope * (rates.fraction * lost - 1) + share * (fraction_slope * lost - rates.fraction * kept_slope)
    off_slope = grid.add(f"{step}: slope of off", "by the chain rule", off, "increment")
    both_slope = grid.add(f"{step}: slope of on + off", "by the chain rule", on_slope + off_slope, "increment")
    grid.fill(after, (on_slope - finish * both_slope) / both, rows=grid.rows - 1)
    return both_slope


def _slope_path(
    setting: Setting,
    rates: Rates,
    shares: tuple[Column, Column, Column],
    other_slope: float,
    fraction_slope: float,
) -> tuple[Array, Array]:
    """The slopes step by step, for the values that the cells show."""
    share, finish, both = (column.value for column in shares)
    n, total, fraction = setting.grid.rows, float(rates.total.value), float(rates.fraction.value)
    begins, after, slope = np.zeros(n), np.zeros(n), 0.0
    for k in range(n - 1):
        slope = 0.0 if setting.period.first.value[k] else slope
        begins[k], inside = slope, float(setting.inside.value[k])
        kept = float(np.exp(-total * inside))
        kept_slope = -inside * (1.0 + other_slope) * kept
        on = slope * kept + share[k] * kept_slope
        off = slope * (fraction * (1.0 - kept) - 1.0)
        off += share[k] * (fraction_slope * (1.0 - kept) - fraction * kept_slope)
        after[k] = slope = (on - finish[k] * (on + off)) / both[k]
    return begins, after


def _present(setting: Setting, step: str, leaving: Column, slope: Column) -> tuple[Column, Column]:
    """Share still in `maintenance` at the start of each cycle, and its slope in λ."""
    grid, first = setting.grid, setting.period.first
    stays = np.exp(-leaving.value)
    here, slopes, m, d = np.zeros(grid.rows), np.zeros(grid.rows), 0.0, 0.0
    for k in range(grid.rows - 1):
        if first.value[k]:
            m, d = 1.0, 0.0
        here[k], slopes[k] = m, d
        m, d = m * stays[k], (d - m * slope.value[k]) * stays[k]
    present = grid.reserve(f"{step}: still there", "1 at the start", here)
    change = grid.reserve(f"{step}: its slope", "0 at the start", slopes)
    grid.fill(present, where(same(first, 1), 1, present.before * exp(-leaving.before)), rows=grid.rows - 1)
    falls = (change.before - present.before * slope.before) * exp(-leaving.before)
    grid.fill(change, where(same(first, 1), 0, falls), rows=grid.rows - 1)
    return present, change

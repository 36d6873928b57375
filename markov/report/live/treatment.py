"""Who is on drug, in cells: the treatment window, the share on drug, and progression after stopping.

The formulas are those of `markov.model.treatment`, under the same names.
"""

from collections.abc import Mapping
from dataclasses import dataclass

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
    term,
    where,
    within,
)
from markov.report.live.grid import Column, Grid, Listing
from markov.report.live.inputs_sheet import LiveInputs
from markov.terms import AfterStopping, Array

SPM_STEPS = 12  # of Newton, from below the root


@dataclass(frozen=True)
class Rates:
    """Named cells: stop rates a year, λ for toxicity, ω for other reasons, λ + ω, and ω/(λ + ω)."""

    toxicity: Term
    other: Term
    total: Term
    fraction: Term


@dataclass(frozen=True)
class Malignancies:
    """Named cells of a strategy: second malignancies a cycle off drug, the excess a year on it, by kind."""

    off: Mapping[str, Term]
    all_off: Term
    excess: Mapping[str, Term]


@dataclass(frozen=True)
class Window:
    """Columns of the part of each cycle in which the drug may be given; `exposed` carries the excess of SPM."""

    start: Term
    stop: Term
    begin: Column
    finish: Column
    inside: Column
    exposed: Column


@dataclass(frozen=True)
class Shares:
    """Columns of the share of `maintenance` on drug, and of stops for toxicity."""

    begin: Column
    finish: Column
    toxicity: Column


def window_cells(live: LiveInputs, listing: Listing, strategy: str) -> tuple[Term, Term]:
    """Start and planned stop in years; without one, never."""
    listing.heading(f"Treatment of {live.inputs.labels[strategy]}")
    planned = live.of(f"treatment.planned_stop.{strategy}")
    stop = where(given(planned), planned, live.method("never"))
    start = live.of(f"treatment.start.{strategy}")
    return start, listing.add(f"used.planned_stop.{strategy}", "Planned stop, years; never where none is given", stop)


def malignancy_cells(live: LiveInputs, listing: Listing, times: Clock, strategy: str) -> Malignancies:
    """Rates by kind; on drug from a rate, or from a crude proportion and the rate of other exits."""
    off = live.of(f"spm.rate_off_treatment.{strategy}")
    share = live.typed(f"spm.share_haematologic.{strategy}")
    shares = {"haematologic": share, "solid": 1 - share}
    off_drug = {
        kind: listing.add(
            f"used.spm_off.{kind}.{strategy}",
            f"{kind} second malignancies a cycle, off drug",
            off * part * times.length,
        )
        for kind, part in shares.items()
    }
    both = off_drug["haematologic"] + off_drug["solid"]
    total = listing.add(f"used.spm_off.all.{strategy}", "Second malignancies a cycle, off drug", both)
    if strategy not in live.treated:
        return Malignancies(off_drug, total, {})
    on = _rate_on_drug(live, listing, strategy, off)
    excess = {
        kind: listing.add(
            f"used.spm_excess.{kind}.{strategy}",
            f"{kind} second malignancies a year on drug, beyond those off drug",
            (on - off) * part,
        )
        for kind, part in shares.items()
    }
    return Malignancies(off_drug, total, excess)


def _rate_on_drug(live: LiveInputs, listing: Listing, strategy: str, off: Term) -> Term:
    """A rate, or Newton's steps towards it from −ln(1 − p)/t: λ·t·φ((λ + h)t) = p, φ(x) = (1 − e^−x)/x."""
    proportion, typed = live.of(f"spm.proportion.{strategy}"), live.of(f"spm.rate.{strategy}")
    years, others = live.of(f"spm.period.{strategy}"), live.of(f"spm.other_exit_rate.{strategy}")
    by_proportion = given(live.typed(f"spm.proportion.{strategy}"))

    def step(name: str, words: str, formula: Operand) -> Term:
        return listing.add(f"used.spm_{name}.{strategy}", words, where(by_proportion, formula, 0))

    rate = step("rate_0", "Second malignancies a year: first guess, −ln(1 − p)/t", (0 - ln(1 - proportion)) / years)
    for i in range(1, SPM_STEPS + 1):
        x = step(f"exits_{i}", f"Step {i}: all exits, (λ + h)·t", (rate + others) * years)
        phi = step(f"phi_{i}", f"Step {i}: φ of it", _phi(live, x))
        slope = years * (phi + rate * years * _phi_slope(live, x, phi))
        newton = rate + (proportion - rate * years * phi) / slope
        rate = step(f"rate_{i}", f"Second malignancies a year after step {i}", newton)
    plain = where(given(live.typed(f"spm.rate.{strategy}")), typed, off)
    return listing.add(
        f"used.spm_rate.{strategy}", "Second malignancies a year on drug", where(by_proportion, rate, plain)
    )


def _phi(live: LiveInputs, x: Term) -> Term:
    """(1 − e^−x)/x; near 0 its series."""
    three = Term("(1+2)", 3.0)
    return where(x < live.method("series"), 1 - x / 2 * (1 - x / three), (1 - exp(-x)) / x)


def _phi_slope(live: LiveInputs, x: Term, phi: Term) -> Term:
    """Derivative of φ; near 0 its series."""
    three = Term("(1+2)", 3.0)
    return where(x < live.method("series"), x / three - term(1) / 2, (exp(-x) - phi) / x)


def window_columns(live: LiveInputs, cycles: Cycles, grid: Grid, strategy: str, stop: Term) -> Window:
    """Parts of each cycle inside the treatment window."""
    grid.group("Treatment window")
    start = live.of(f"treatment.start.{strategy}")
    left, right = cycles.time, cycles.time.after
    begin = grid.add("Part begins, years", "start, held in the cycle", within(start, left, right), "years")
    finish = grid.add(
        "Part ends, years", "planned stop, held in the cycle", larger(within(stop, left, right), begin), "years"
    )
    inside = grid.add("Years inside", "end − beginning", finish - begin, "increment")
    late = within(start + live.of(f"spm.lag.{strategy}"), left, right)
    exposed = grid.add("Years with SPM excess", "inside, after the lag", larger(finish - late, 0), "increment")
    return Window(start, stop, begin, finish, inside, exposed)


def share_columns(
    live: LiveInputs, cycles: Cycles, grid: Grid, window: Window, rates: Rates, strategy: str, label: str
) -> Shares:
    """on = s·e^(−aδ), off = 1 − s + s·(ω/a)·(1 − e^(−aδ)); toxicity −ln(on + off), s becomes on/(on + off)."""
    starting = live.typed(f"treatment.share_starting.{strategy}")
    begins, after = share_path(window, cycles, rates, float(starting.value))
    begin = grid.reserve(f"{label}: share on drug at the beginning", "all who start, or the share before", begins)
    finish = grid.reserve(f"{label}: share on drug at the end", "on / (on + off)", after)
    grid.fill(
        begin,
        where(window.inside > 0, where(window.start >= cycles.time, starting, finish.before), 0),
        rows=grid.rows - 1,
    )
    kept = exp(-(rates.total * window.inside))
    on = grid.add(f"{label}: on", "s·e^(−(λ + ω)·inside)", begin * kept)
    off = grid.add(f"{label}: off", "1 − s + s·ω/(λ + ω)·(1 − kept)", 1 - begin + begin * rates.fraction * (1 - kept))
    toxicity = grid.add(f"{label}: stops for toxicity", "−ln(on + off)", -ln(on + off), "increment")
    grid.fill(finish, where(window.inside > 0, on / (on + off), 0), rows=grid.rows - 1)
    return Shares(begin, finish, toxicity)


def share_path(window: Window, cycles: Cycles, rates: Rates, starting: float) -> tuple[Array, Array]:
    """Share on drug at the beginning and the end of each cycle's part in the window, step by step."""
    total, fraction = float(rates.total.value), float(rates.fraction.value)
    begins, after, share = np.zeros_like(window.inside.value), np.zeros_like(window.inside.value), 0.0
    for k, (inside, time) in enumerate(zip(window.inside.value.tolist(), cycles.time.value.tolist(), strict=True)):
        if inside > 0:
            share = starting if window.start.value >= time else share
            begins[k], kept = share, float(np.exp(-total * inside))
            on, off = share * kept, 1.0 - share + share * fraction * (1.0 - kept)
            after[k] = share = on / (on + off)
    return begins, after


@dataclass(frozen=True)
class SplitCells:
    """Named cells and columns that say how progression differs after stopping for toxicity."""

    together: Term
    effect_lost: Term
    ratio: Term
    comparator: Term
    exposure: Term


def split_cells(
    live: LiveInputs, listing: Listing, times: Clock, comparator: Column | None, strategy: str
) -> SplitCells:
    """Whether progression is split, and how; `comparator` is None for the reference strategy itself."""
    ratio = live.typed(f"toxicity.progression_ratio.{strategy}")
    lost = same(live.typed(f"toxicity.after_stopping.{strategy}"), AfterStopping.EFFECT_LOST)
    is_lost = listing.add(
        f"used.effect_lost.{strategy}",
        "Whether who stops has the reference's hazard; never for the reference itself",
        lost if comparator is not None else Term("FALSE", False),
    )
    together = all_of(same(ratio, 1), same(is_lost, Term("FALSE", False)))
    alike = listing.add(f"used.together.{strategy}", "Whether progression is the same after stopping", together)
    return SplitCells(alike, is_lost, ratio, comparator or term(0), times.exposure)


def split_hazard(cells: SplitCells, itt: Term, present: Term, stopped: Term, half: Term, smallest: Term) -> Term:
    """h_M = h·(M + T)/(M' + r·T'), or [h·(M + T) − h_comparator·T']/M', M' and T' half a cycle ahead."""
    both, ahead = present + stopped, stopped + present - half
    lost = larger((itt * both - cells.comparator * ahead) / larger(half, smallest), 0)
    by_ratio = itt * both / larger(half + cells.ratio * ahead, smallest)
    return where(cells.together, itt, where(cells.effect_lost, lost, by_ratio))


def after_stopping(cells: SplitCells, itt: Term, hazard: Term) -> Term:
    """h_T = r·h_M, or the comparator's."""
    return where(cells.together, itt, where(cells.effect_lost, cells.comparator, cells.ratio * hazard))

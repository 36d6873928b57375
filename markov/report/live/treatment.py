"""Who is on drug, in cells: the treatment window, the share on drug, and progression after stopping.

The formulas are those of `markov.model.treatment`, under the same names.
"""

from dataclasses import dataclass

import numpy as np

from markov.report.live.formulas import (
    THREE,
    Operand,
    Term,
    all_of,
    exp,
    given,
    larger,
    ln,
    same,
    term,
    total_of,
    where,
    within,
)
from markov.report.live.grid import Column, Grid
from markov.report.live.inputs_sheet import Own
from markov.terms import AfterStopping, Array

SPM_STEPS = 12  # of Newton, from below the root


@dataclass(frozen=True)
class Rates:
    """Named cells: stop rates a year, λ for toxicity, ω for other reasons, λ + ω, and ω/(λ + ω)."""

    toxicity: Term
    other: Term
    total: Term
    fraction: Term


class Malignancies:
    """Named cells of a strategy: second malignancies a cycle off drug, the excess a year on it, by kind."""

    def __init__(self, own: Own, length: Term):
        off, share = own.of("spm.rate_off_treatment"), own.typed("spm.share_haematologic")
        shares = {"haematologic": share, "solid": 1 - share}
        words = "second malignancies a cycle, off drug"
        self.off = {
            kind: own.add(f"spm_off.{kind}", f"{kind} {words}", off * part * length) for kind, part in shares.items()
        }
        self.all_off = own.add("spm_off.all", words.capitalize(), total_of([*self.off.values()]))
        self.excess: dict[str, Term] = {}
        if own.strategy in own.live.treated:
            on, words = _rate_on_drug(own, off), "second malignancies a year on drug, beyond those off drug"
            for kind, part in shares.items():
                self.excess[kind] = own.add(f"spm_excess.{kind}", f"{kind} {words}", (on - off) * part)


def _rate_on_drug(own: Own, off: Term) -> Term:
    """A rate, or Newton's steps towards it from −ln(1 − p)/t: λ·t·φ((λ + h)t) = p, φ(x) = (1 − e^−x)/x."""
    proportion, typed = own.of("spm.proportion"), own.of("spm.rate")
    years, others = own.of("spm.period"), own.of("spm.other_exit_rate")
    by_proportion, series = given(own.typed("spm.proportion")), own.live.method("series")

    def step(name: str, words: str, formula: Operand) -> Term:
        return own.add(f"spm_{name}", words, where(by_proportion, formula, 0))

    rate = step("rate_0", "Second malignancies a year: first guess, −ln(1 − p)/t", (0 - ln(1 - proportion)) / years)
    for i in range(1, SPM_STEPS + 1):
        x = step(f"exits_{i}", f"Step {i}: all exits, (λ + h)·t", (rate + others) * years)
        phi = where(x < series, 1 - x / 2 * (1 - x / THREE), (1 - exp(-x)) / x)  # near 0 the latter cancels
        phi = step(f"phi_{i}", f"Step {i}: φ of it", phi)
        slope = years * (phi + rate * years * phi_slope(x, phi, series))
        newton = rate + (proportion - rate * years * phi) / slope
        rate = step(f"rate_{i}", f"Second malignancies a year after step {i}", newton)
    plain = where(given(own.typed("spm.rate")), typed, off)
    return own.add("spm_rate", "Second malignancies a year on drug", where(by_proportion, rate, plain))


def phi_slope(x: Term, phi: Term, series: Term) -> Term:
    """Derivative of φ(x) = (1 − e^−x)/x; below `series` of a series.

    >>> phi_slope(Term("x", 0.5), Term("phi", 0.79), Term("near_0", 1e-3)).text
    'IF(x<near_0,x/(1+2)-1/2,(EXP(-x)-phi)/x)'
    """
    return where(x < series, x / THREE - term(1) / 2, (exp(-x) - phi) / x)


@dataclass(frozen=True)
class Shares:
    """Columns of the share of `maintenance` on drug, and of stops for toxicity."""

    begin: Column
    finish: Column
    toxicity: Column


class Window:
    """Columns of the part of each cycle in which the drug may be given; `exposed` carries the excess of SPM."""

    def __init__(self, own: Own, grid: Grid, time: Column, stop: Term):
        self.grid, self.time = grid, time
        self.starting, self.start = own.typed("treatment.share_starting"), own.of("treatment.start")
        grid.group("Treatment window")
        begins = within(self.start, time, time.after)
        self.begin = grid.add("Part begins, years", "start, held in the cycle", begins, "years")
        until = larger(within(stop, time, time.after), self.begin)
        self.finish = grid.add("Part ends, years", "planned stop, held in the cycle", until, "years")
        self.inside = grid.add("Years inside", "end − beginning", self.finish - self.begin, "increment")
        exposed = larger(self.finish - within(self.start + own.of("spm.lag"), time, time.after), 0)
        self.exposed = grid.add("Years with SPM excess", "inside, after the lag", exposed, "increment")

    def shares(self, rates: Rates, label: str) -> Shares:
        """on = s·e^(−aδ), off = 1 − s + s·(ω/a)·(1 − e^(−aδ)); toxicity −ln(on + off), s becomes on/(on + off)."""
        grid, inside = self.grid, self.inside
        begins, after = self._share_path(rates)
        begin = grid.reserve(f"{label}: share on drug at the beginning", "all who start, or the share before", begins)
        finish = grid.reserve(f"{label}: share on drug at the end", "on / (on + off)", after)
        before = where(self.start >= self.time, self.starting, finish.before)
        grid.fill(begin, where(inside > 0, before, 0))
        kept = exp(-(rates.total * inside))
        on = grid.add(f"{label}: on", "s·e^(−(λ + ω)·inside)", begin * kept)
        words, left = "1 − s + s·ω/(λ + ω)·(1 − kept)", 1 - begin + begin * rates.fraction * (1 - kept)
        off = grid.add(f"{label}: off", words, left)
        toxicity = grid.add(f"{label}: stops for toxicity", "−ln(on + off)", -ln(on + off), "increment")
        grid.fill(finish, where(inside > 0, on / (on + off), 0))
        return Shares(begin, finish, toxicity)

    def _share_path(self, rates: Rates) -> tuple[Array, Array]:
        """Share on drug at the beginning and the end of each cycle's part in the window, step by step."""
        total, fraction, inside = float(rates.total.value), float(rates.fraction.value), self.inside.value
        begins, after, share = np.zeros_like(inside), np.zeros_like(inside), 0.0
        for k in np.flatnonzero(inside > 0):
            share = self.starting.value if self.start.value >= self.time.value[k] else share
            begins[k], kept = share, float(np.exp(-total * inside[k]))
            on, off = share * kept, 1.0 - share + share * fraction * (1.0 - kept)
            after[k] = share = on / (on + off)
        return begins, after


@dataclass(frozen=True)
class Split:
    """How progression differs after stopping for toxicity: named cells, and the columns that it is shared out from.

    `together`: whether it does not differ; `effect_lost`: whether who stops has the comparator's hazard, instead of
    `ratio` times that on maintenance. `itt` is progression by the curve, of both together.
    """

    together: Term
    effect_lost: Term
    ratio: Term
    exposure: Term
    smallest: Term
    comparator: Term
    itt: Column
    background: Column

    @classmethod
    def of(cls, own: Own, exposure: Term, comparator: Column | None, itt: Column, background: Column) -> "Split":
        """Of a strategy; `comparator` is None for the reference strategy itself."""
        never = Term("FALSE", False)
        ratio = own.typed("toxicity.progression_ratio")
        lost = same(own.typed("toxicity.after_stopping"), AfterStopping.EFFECT_LOST)
        words = "Whether who stops has the reference's hazard; never for the reference itself"
        is_lost = own.add("effect_lost", words, never if comparator is None else lost)
        together = all_of(same(ratio, 1), same(is_lost, never))
        alike = own.add("together", "Whether progression is the same after stopping", together)
        smallest = own.live.method("smallest")
        return cls(alike, is_lost, ratio, exposure, smallest, comparator or term(0), itt, background)

    def columns(
        self, grid: Grid, label: str, header: str, toxicity: Term, half_stay: Term, first: Column | None = None
    ) -> tuple[Column, Column]:
        """Progression on maintenance and after stopping, of a cohort net of second malignancies, so that both together
        keep the curve's hazard. The cohort starts where `first` is 1, or in the first row.

        h_M = h·(M + T)/(M' + r·T'), or [h·(M + T) − h_comparator·T']/M', M' and T' half a cycle ahead;
        h_T = r·h_M, or the comparator's.
        """
        look, ends = ("share", ("", "")) if first is None else ("number", (", 1 at the start", ", 0 at the start"))
        seeds = self._path(toxicity.value, np.eye(1, grid.rows)[0] if first is None else first.value)
        present = grid.reserve(f"{label}: on maintenance", f"net of SPM{ends[0]}", seeds[0], look)
        stopped = grid.reserve(f"{label}: stopped", f"net of SPM{ends[1]}", seeds[1], look)
        half = present * half_stay
        both, ahead = present + stopped, stopped + present - half
        lost = larger((self.itt * both - self.comparator * ahead) / larger(half, self.smallest), 0)
        by_ratio = self.itt * both / larger(half + self.ratio * ahead, self.smallest)
        on = where(self.together, self.itt, where(self.effect_lost, lost, by_ratio))
        hazard = grid.add(header, "the curve's, or split after stopping", on, "increment")
        off = where(self.together, self.itt, where(self.effect_lost, self.comparator, self.ratio * hazard))
        after = grid.add("progression after stopping", "r × it, or the reference's", off, "increment")

        leaves = hazard + self.background + toxicity
        stays = grid.add("leaving maintenance", "progression + background + stops", leaves, "increment")
        moves = present * toxicity / stays * (1 - exp(-stays))
        moved = grid.add("stopped in the cycle", "stops × φ(all exits)", moves, "share")
        leaves = after + self.background
        left = grid.add("leaving after stopping", "progression + background", leaves, "increment")
        entering = where(same(self.exposure, 1), exp(-left / 2), 1)
        arrived = grid.add("entered and still there", "halved exposure", moved * entering, "share")
        following = (present.before * exp(-stays.before), stopped.before * exp(-left.before) + arrived.before)
        for column, begins, formula in zip((present, stopped), (1, 0), following, strict=True):
            if first is None:
                grid.fill(column, formula, start=begins)
            else:
                grid.fill(column, where(same(first, 1), begins, formula))
        return hazard, after

    def _path(self, toxicity: Array, first: Array) -> tuple[Array, Array]:
        """The same cohort step by step, for the values that the cells show."""
        itt, background, n, r = self.itt.value, self.background.value, len(toxicity), float(self.ratio.value)
        comparator = np.broadcast_to(np.asarray(self.comparator.value, dtype=float), n)
        present, stopped = np.zeros(n), np.zeros(n)
        m = t = 0.0
        for k in range(n - 1):
            if first[k]:
                m, t = 1.0, 0.0
            present[k], stopped[k] = m, t
            half, both = m * float(np.exp(-0.5 * toxicity[k])), m + t
            ahead = t + m - half
            if self.together.value or m == 0.0:
                h = after = float(itt[k])
            elif self.effect_lost.value:
                h, after = max((itt[k] * both - comparator[k] * ahead) / max(half, 1e-300), 0.0), float(comparator[k])
            else:
                h = float(itt[k] * both / (half + r * ahead))
                after = r * h
            stays, ends = h + background[k] + toxicity[k], after + background[k]
            moved = m * toxicity[k] * float(-np.expm1(-stays)) / stays if stays > 0 else 0.0
            entering = float(np.exp(-0.5 * ends)) if self.exposure.value else 1.0
            m, t = m * float(np.exp(-stays)), t * float(np.exp(-ends)) + moved * entering
        return present, stopped

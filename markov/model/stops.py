"""Rates at which treatment stops, solved to return the reported figures, and progression after a stop.

A proportion p of starters stops for toxicity by a time τ after the start: λ is the rate for which the model's own
cumulative incidence is p, with progression, death, second malignancies and other stops as competing exits. A median
time on drug gives the sum a = λ + ω.
"""

from typing import NamedTuple

import numpy as np

from markov.compiling import compiled, filled, loop
from markov.inputs.parameters import Columns
from markov.model.cohort import Cohort, cause, without_malignancies
from markov.model.treatment import OnDrug, Window, fraction_of_others, remaining, share_on_drug, treat
from markov.terms import AfterStopping, Array

NEWTON_STEPS = 8
CONVERGED = 1e-9  # a Newton step this small leaves an error of its square
SETTLED = 1e-13  # where other stops or progression follow from stops too, steps are not quite Newton's
SMALLEST = 1e-300  # keeps divisions by nobody finite
BEFORE, DURING, EXITS, TOXICITY, SLOPE = range(5)


class Told(NamedTuple):
    """What is reported about stops, (strategies, rows); not a number where nothing is.

    `ratio` is that of progression after a stop for toxicity, `lost` (strategies,) whether the effect is lost instead.
    """

    starting: Array
    toxicity_rate: Array
    other_rate: Array
    proportion: Array
    observed: Array
    period: Array
    median: Array
    ratio: Array
    lost: Array

    @classmethod
    def of(cls, columns: Columns) -> "Told":
        """As the workbook tells it."""
        inputs, strategies = columns.inputs, columns.inputs.compared

        def told(name: str) -> Array:
            return filled(columns.by_strategy(f"{name}.", strategies, np.nan), (len(strategies), columns.rows))

        return cls(
            told("treatment.share_starting"),
            told("toxicity.rate"),
            told("treatment.other_stop_rate"),
            told("toxicity.proportion"),
            told("toxicity.observed_proportion"),
            told("toxicity.period"),
            told("treatment.median_duration"),
            told("toxicity.progression_ratio"),
            np.array(
                [
                    inputs.text(f"toxicity.after_stopping.{s}") == AfterStopping.EFFECT_LOST and s != inputs.reference
                    for s in strategies
                ]
            ),
        )

    def years_observed(self, start: Array) -> float:
        """When the last period ends in which stops were reported: rates are solved to there, whatever the horizon."""
        ends = start[:, None] + np.fmax(self.period, self.median)
        return float(np.nanmax(ends, initial=0.0))


@compiled
def _alike(c: Cohort) -> bool:
    """Whether those who stopped progress as those in maintenance do."""
    return not c.lost and c.ratio == 1.0


@compiled
def _progression_parts(c: Cohort, k: int, present: float, stopped: float, toxicity: float) -> tuple[float, float, bool]:
    """ITT progression shared between those in maintenance and those stopped, so that the two together keep the curve.

    h_M = h_ITT·(M + T)/(M + r·T), or [h_ITT·(M + T) − h_comparator·T]/M, with M and T predicted half a cycle ahead;
    floored at 0, which is the third answer.
    """
    half = present * np.exp(-0.5 * toxicity)
    after, both = stopped + present - half, present + stopped
    if c.lost:
        h = (c.itt[k] * both - c.comparator[k] * after) / max(half, SMALLEST)
        return max(h, 0.0), c.comparator[k], h < 0.0
    h = c.itt[k] * both / max(half + c.ratio * after, SMALLEST)  # nobody is left who may progress
    return h, c.ratio * h, False


@loop
def _split(c: Cohort, on: OnDrug) -> int:
    """Fill the progression increments of maintenance and of toxicity; the number of cycles floored at 0."""
    present, stopped, negative = 1.0, 0.0, 0
    for k in range(len(c.itt)):
        if _alike(c):
            c.progression[k] = c.progression_after[k] = c.itt[k]
            continue
        parts = _progression_parts(c, k, present, stopped, on.toxicity[k])
        c.progression[k], c.progression_after[k] = parts[0], parts[1]
        present, stopped = _next_cycle(c, k, present, stopped, on.toxicity[k], parts[0], parts[1])
        negative += parts[2]
    return negative


@compiled
def _next_cycle(
    c: Cohort, k: int, present: float, stopped: float, toxicity: float, progression: float, after: float
) -> tuple[float, float]:
    """Those in maintenance and those stopped after cycle k, net of second malignancies."""
    return without_malignancies(
        present, stopped, cause(toxicity), cause(progression), cause(after), cause(c.background[k]), c.entrants
    )


@compiled
def _stops_in_cycle(
    w: Window, s: int, k: int, starting: float, rate: float, other: float, given: bool
) -> tuple[float, float, float]:
    """In cycle k the toxicity increment, its slope in λ, and the mean share on drug.

    Where the median is given a is, so that ω falls as λ rises; otherwise ω stays and a rises.
    """
    total, rises = rate + other, 0.0 if given else 1.0
    safe = total if total > 0.0 else 1.0
    fraction = fraction_of_others(rate, other)
    fraction_slope = ((rises - 1.0) * total - rises * other) / (safe * safe)
    time, inside = w.elapsed[s, k], w.inside[s, k]
    staying, keep = np.exp(-total * time), np.exp(-total * inside)
    share, present = share_on_drug(starting, fraction, staying), remaining(starting, fraction, staying)
    present_slope = starting * (fraction_slope * (1.0 - staying) - (1.0 - fraction) * time * rises * staying)
    share_slope = -share * (time * rises + present_slope / max(present, SMALLEST))
    lost, lost_slope = 1.0 - keep, inside * rises * keep
    stays = 1.0 - share * (1.0 - fraction) * lost
    slope = (1.0 - fraction) * (share_slope * lost + share * lost_slope) - share * fraction_slope * lost
    finish = share_on_drug(starting, fraction, staying * keep)
    return -np.log(stays), slope / stays, 0.5 * (share + finish)


@loop
def _observe(
    w: Window,
    s: int,
    c: Cohort,
    starting: float,
    rate: float,
    other: float,
    given: bool,
    years: float,
    maintenance: Array,
    parts: Array,
) -> int:
    """Fill the cycles from the start of treatment to the end of a period: their number.

    Of each: the shares `before` the start and `during` the period, the competing exits, and stops for toxicity with
    their slope in λ. Where `maintenance` has a length, progression is that; otherwise it follows from the stops.
    """
    start, length = w.start[s], w.boundaries[1]
    present, stopped, n = 1.0, 0.0, 0
    for k in range(max(np.searchsorted(w.boundaries, start + 1e-9) - 1, 0), len(c.itt)):
        left = w.boundaries[k]
        if left >= start + years - 1e-12:
            break
        toxicity, slope, mean = _stops_in_cycle(w, s, k, starting, rate, other, given)
        progression = c.itt[k]
        if len(maintenance):
            progression = maintenance[k]
        elif not _alike(c):
            progression, after, _ = _progression_parts(c, k, present, stopped, toxicity)
            present, stopped = _next_cycle(c, k, present, stopped, toxicity, progression, after)
        before = max(start - left, 0.0) / length
        parts[n, BEFORE] = before
        parts[n, DURING] = min(max((start + years - max(left, start)) / length, 0.0), 1.0 - before)
        malignancies = c.off_haematologic + c.off_solid
        malignancies += (c.excess_haematologic + c.excess_solid) * mean * c.exposed[k]
        parts[n, EXITS] = c.background[k] + malignancies + progression
        parts[n, TOXICITY], parts[n, SLOPE] = toxicity, slope
        n += 1
    return n


@loop
def _incidence(parts: Array, n: int, starting: float) -> tuple[float, float]:
    """Cumulative incidence of stops for toxicity among starters by the end of the period, and its slope in λ.

    A part f of a cycle adds present·(f·Δλ)·φ(f·ΔH), ΔH being all that acts in the cycle.
    """
    reached, reached_slope, hazard, hazard_slope = 0.0, 0.0, 0.0, 0.0
    for k in range(n):
        elapsed, total = parts[k, BEFORE] + parts[k, DURING], parts[k, EXITS] + parts[k, TOXICITY]
        x, share, gain = elapsed * total, elapsed * parts[k, TOXICITY], elapsed * parts[k, SLOPE]
        leave = -np.expm1(-x)
        phi = leave / max(x, SMALLEST)  # x is 0 only where nothing of the cycle counts
        phi_slope = (1.0 - leave - phi) / x if x > 1e-3 else -0.5 + x / 3.0
        present = np.exp(-hazard)
        reached += present * share * phi
        reached_slope += present * (gain * (phi + share * phi_slope) - hazard_slope * share * phi)
        hazard += total
        hazard_slope += parts[k, SLOPE]
    started = starting * np.exp(-parts[0, BEFORE] * parts[0, EXITS])
    return reached / started, reached_slope / started


@loop
def _total_rate(parts: Array, n: int, median: float) -> float:
    """a = λ + ω for which half of the starters are off drug at the reported median: (ln 2 − ΣΔh)/m."""
    exits = 0.0
    for k in range(n):
        exits += parts[k, DURING] * parts[k, EXITS]
    return max(float(np.log(2.0) - exits) / median, 0.0)


@loop
def _solve(
    w: Window, s: int, c: Cohort, told: Told, r: int, proportion: float, maintenance: Array, parts: Array
) -> tuple[float, float]:
    """λ and ω: given, or solved by Newton's steps from −ln(1 − p)/τ, which lies below the root."""
    starting, period, median = told.starting[s, r], told.period[s, r], told.median[s, r]
    rate, other = told.toxicity_rate[s, r], told.other_rate[s, r]
    solved, by_median = not np.isnan(proportion), not np.isnan(median)
    if not solved and not by_median:
        return rate, other
    if solved:
        rate = -np.log1p(-proportion) / period
    for _ in range(NEWTON_STEPS):
        step, change = 0.0, 0.0
        if by_median:
            n = _observe(w, s, c, starting, rate, other, by_median, median, maintenance, parts)
            before, other = other, max(_total_rate(parts, n, median) - rate, 0.0)
            change = other - before
        if solved:
            n = _observe(w, s, c, starting, rate, other, by_median, period, maintenance, parts)
            reached, slope = _incidence(parts, n, starting)
            if slope > 0.0:  # where nobody can stop the rate stays
                step = (proportion - reached) / slope
            rate = max(rate + step, 0.0)
        if max(abs(step), abs(change)) < (CONVERGED if _alike(c) and not by_median else SETTLED):
            break
    return rate, other


@loop
def stop(w: Window, s: int, c: Cohort, told: Told, r: int, on: OnDrug, parts: Array) -> tuple[float, float, int]:
    """Solve and fill in everything about treatment in one cohort: λ, ω, and the cycles floored at 0.

    Where a scenario changes stops that were observed, the hazard of those in maintenance stays as observed.
    """
    starting, itt = told.starting[s, r], c.progression[:0]
    if starting <= 0.0:
        treat(w, s, starting, 0.0, 0.0, on)
        c.progression[:], c.progression_after[:] = c.itt, c.itt
        return 0.0, 0.0, 0
    kept = not np.isnan(told.observed[s, r]) and not _alike(c)
    rate, other = _solve(w, s, c, told, r, told.observed[s, r] if kept else told.proportion[s, r], itt, parts)
    treat(w, s, starting, rate, other, on)
    negative = _split(c, on)
    if kept:
        rate, other = _solve(w, s, c, told, r, told.proportion[s, r], c.progression, parts)
        treat(w, s, starting, rate, other, on)
    return rate, other, negative

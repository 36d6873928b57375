"""What is counted as one cohort goes through its cycles: time in states, arrivals, dispensings, and its curves."""

from typing import NamedTuple

import numpy as np

from markov.compiling import compiled, loop
from markov.model.cohort import D, H, M, P, S, T
from markov.model.discounting import Indices
from markov.model.treatment import OnDrug, Window, fraction_of_others
from markov.terms import Array

LIVING_STATES = D
OVERALL, NET_OF_SPM, WITHOUT_EVENT, ON_DRUG = range(4)


class Weights(NamedTuple):
    """How cycles count, with n ways to discount: time in a state is a weighted sum of two or three occupancies.

    `first` (cycles,) is the boundary of the first of them, `time` (n, cycles, 2 or 3) their weights, `middles` (n,
    cycles) discount what happens in a cycle, `starts` (n, strategies) what happens when treatment starts. `effects` are
    the places of the undiscounted and of the effects' way. `quality` (living states or 1, rows or 1, cycles) is what
    age, or the cap, leaves of a utility, `drug_quality` (rows or 1, cycles) of a decrement on treatment. `inside`,
    `begin` and `finish` (strategies, cycles) are shares of a cycle: that in the treatment window, and those before it
    begins and ends; `packs` (strategies, quantities, 2, cycles) weigh the numbers on drug then.
    """

    first: Indices
    time: Array
    middles: Array
    starts: Array
    effects: Indices
    quality: Array
    drug_quality: Array
    inside: Array
    begin: Array
    finish: Array
    packs: Array
    first_treated: Indices


class Sums(NamedTuple):
    """What is counted: last axes (strategies, rows); before them ways to discount, and states or quantities."""

    years: Array
    quality_years: Array
    arrivals: Array
    treated: Array
    treated_quality: Array
    packs: Array
    starters: Array


@compiled
def _between(before: float, after: float, share: float) -> float:
    """A number within a cycle: linear between its ends."""
    return before + share * (after - before)


@compiled
def _time_in(w: Weights, z: int, k: int, x: Array, state: int) -> float:
    """Discounted time in a state in cycle k: a weighted sum of occupancies at its boundaries."""
    first = w.first[k]
    time = w.time[z, k, 0] * x[first, state] + w.time[z, k, 1] * x[first + 1, state]
    return float(time + w.time[z, k, 2] * x[first + 2, state] if w.time.shape[2] > 2 else time)


@loop
def count_time(w: Weights, x: Array, s: int, r: int, on: OnDrug, sums: Sums, own: Array) -> None:
    """Time in living states and on drug, and both weighted by what age leaves of utilities and decrements.

    `own` (2, n, living states + 1) is room for this cohort's: the last place is that of time on drug.
    """
    row, drug_row = min(r, w.quality.shape[1] - 1), min(r, w.drug_quality.shape[0] - 1)
    by_state = len(w.quality) > 1
    own[:] = 0.0
    for k in range(len(w.first)):
        treated = 0.5 * (on.begin[k] + on.finish[k]) * w.inside[s, k]
        of_decrement = treated * w.drug_quality[drug_row, k]
        for z in range(len(w.time)):
            own[0, z, LIVING_STATES] += _time_in(w, z, k, x, M) * treated
            own[1, z, LIVING_STATES] += _time_in(w, z, k, x, M) * of_decrement
            for i in range(LIVING_STATES):
                time = _time_in(w, z, k, x, i)
                own[0, z, i] += time
                own[1, z, i] += time * w.quality[i if by_state else 0, row, k]
    sums.years[:, :, s, r], sums.treated[:, s, r] = own[0, :, :LIVING_STATES], own[0, :, LIVING_STATES]
    for e in range(2):
        sums.quality_years[e, :, s, r] = own[1, w.effects[e], :LIVING_STATES]
        sums.treated_quality[e, s, r] = own[1, w.effects[e], LIVING_STATES]


@loop
def count_arrivals(w: Weights, flows: Array, s: int, r: int, sums: Sums, own: Array) -> None:
    """Who comes into each state, counted at mid-cycle; `own` (2, n, states) is room."""
    own[:] = 0.0
    for k in range(len(flows)):
        f = flows[k]
        progressed, died = f[1] + f[5], f[4] + f[8] + f[11] + f[12] + f[13]
        haematologic, solid = f[2] + f[6] + f[9], f[3] + f[7] + f[10]
        for z in range(len(w.middles)):
            v = w.middles[z, k]
            own[0, z, T] += v * f[0]
            own[0, z, P] += v * progressed
            own[0, z, H] += v * haematologic
            own[0, z, S] += v * solid
            own[0, z, D] += v * died
    sums.arrivals[:, :, s, r] = own[0]


@loop
def count_packs(w: Weights, x: Array, s: int, r: int, on: OnDrug, sums: Sums) -> None:
    """Dispensings to those on drug, whose number is linear between the ends of the cycle's part in the window."""
    for q in range(w.packs.shape[1]):
        total = 0.0
        for k in range(len(w.first)):
            if w.inside[s, k] > 0.0:
                begin = on.begin[k] * _between(x[k, M], x[k + 1, M], w.begin[s, k])
                finish = on.finish[k] * _between(x[k, M], x[k + 1, M], w.finish[s, k])
                total += w.packs[s, q, 0, k] * begin + w.packs[s, q, 1, k] * finish
        sums.packs[q, s, r] = total


@loop
def count_starters(w: Weights, x: Array, s: int, r: int, starting: float, sums: Sums) -> None:
    """Those in `maintenance` when treatment starts who start it; where there is no drug, all of them."""
    k = w.first_treated[s]
    for z in range(len(w.starts)):
        sums.starters[z, s, r] = 0.0
        if k >= 0:
            number = _between(x[k, M], x[k + 1, M], w.begin[s, k])
            sums.starters[z, s, r] = w.starts[z, s] * number * (starting if starting > 0.0 else 1.0)


@loop
def present_at_start(w: Weights, window: Window, x: Array, s: int, starting: float, rate: float, other: float) -> float:
    """Number on drug when treatment starts within a cycle: until then nobody stops for toxicity.

    The curve of time on treatment begins here; payoffs take `maintenance` as linear between cycle ends.
    """
    k = w.first_treated[s]
    if k < 0 or starting <= 0.0:
        return 0.0
    keep = np.exp(-(rate + other) * window.inside[s, k])
    without_stops = 1.0 - starting + starting * (keep + fraction_of_others(rate, other) * (1.0 - keep))
    return float(starting * x[k, M] * (x[k + 1, M] / (x[k, M] * without_stops)) ** w.begin[s, k])


@loop
def draw_curves(window: Window, x: Array, s: int, starting: float, on: OnDrug, curves: Array) -> None:
    """Fill overall survival, those without progression or second malignancy, and those on drug, at the boundaries."""
    curves[ON_DRUG, 0] = starting if window.start[s] == 0.0 else 0.0
    for k in range(len(x)):
        curves[OVERALL, k] = 1.0 - x[k, D]
        curves[WITHOUT_EVENT, k] = x[k, M] + x[k, T]
        if k:
            lasts = window.finish[s, k - 1] >= window.boundaries[k] - 1e-12
            curves[ON_DRUG, k] = x[k, M] * on.finish[k - 1] if lasts else 0.0


@loop
def late_start(curve: Array, beginning: float) -> None:
    """A curve that begins later is taken to stand, until then, where it begins."""
    for k in range(len(curve)):
        if curve[k] > 0.0:
            for j in range(k):
                curve[j] = beginning
            return


@loop
def median_of(curve: Array, boundaries: Array) -> float:
    """Time at which a curve has fallen to half of where it began, log-linear between boundaries; else not a number."""
    half = 0.5 * curve[0]
    for k in range(1, len(curve)):
        if curve[k] <= half and half > 0.0:
            before, after = curve[k - 1], max(curve[k], 1e-300)
            fraction = np.log(before / half) / np.log(before / after) if before > half else 0.0
            return _between(boundaries[k - 1], boundaries[k], min(max(fraction, 0.0), 1.0))
    return np.nan


@loop
def mean_of(curve: Array, boundaries: Array) -> float:
    """Area under a curve within the horizon, by trapezoids."""
    total = 0.0
    for k in range(1, len(curve)):
        total += 0.5 * (boundaries[k] - boundaries[k - 1]) * (curve[k - 1] + curve[k])
    return total


@loop
def value_at(curve: Array, boundaries: Array, k: int, years: float) -> float:
    """A curve's value at a time in cycle k, log-linear between boundaries; not a number beyond the horizon (k < 0)."""
    if k < 0:
        return np.nan
    before, after = max(curve[k], 1e-300), max(curve[k + 1], 1e-300)
    return float(curve[k] * (after / before) ** ((years - boundaries[k]) / (boundaries[k + 1] - boundaries[k])))

"""The cohort, one patient group at a time: who is where, cycle by cycle, and who moved.

A state's exits compete. With ΔH the sum of the increments of cumulative hazard out of a state, e^−ΔH of those inside
stay and each exit takes its own increment times φ(ΔH) = (1 − e^−ΔH)/ΔH: shares sum to one without clipping. Those who
enter during a cycle are exposed for half of it and may move on once: f_jk = x_j·c_jk + e_j·c½_jk.
Source: Briggs, Claxton, Sculpher 2006, ch. 2 and 3; Jones, Epstein, García-Mochón 2017, Med Decis Making 37:72.
"""

from typing import NamedTuple

import numpy as np

from markov.compiling import compiled, loop
from markov.model.structure import MAINTENANCE_MODEL
from markov.model.treatment import OnDrug
from markov.terms import Array, State

M, T, P, H, S, D = range(len(State))
STATES, FLOWS = len(State), len(MAINTENANCE_MODEL.transitions)
LARGEST_INCREMENT = 40.0
NEWTON_STEPS = 30
CONVERGED = 3e-8  # the error left is of the order of the square of the last step
ROUNDING = 1e-15  # deaths this few from a limit are at it
FEW = 1e-9

assert MAINTENANCE_MODEL.transitions[1:4] == (
    (State.MAINTENANCE, State.PROGRESSION),
    *((State.MAINTENANCE, kind) for kind in (State.SPM_HAEMATOLOGIC, State.SPM_SOLID)),
), "flows are filled in the order of the declaration"


class Cause(NamedTuple):
    """What ends a stay: its increment of cumulative hazard ΔH, and what it leaves in half a cycle, e^(−½ΔH)."""

    increment: float
    leaves: float


class Pace(NamedTuple):
    """Of those in a state: what leaves per unit of hazard and what stays, in a cycle; the same of its entrants."""

    leave: float
    stay: float
    entrants_leave: float
    entrants_stay: float


class Acting(NamedTuple):
    """The causes that act in one cycle: death of the background, stops for toxicity, progression before and after
    these, second malignancies of both types on and off drug.
    """

    death: Cause
    toxicity: Cause
    progression: Cause
    progression_after: Cause
    on_haematologic: Cause
    on_solid: Cause
    off_haematologic: Cause
    off_solid: Cause


class Paces(NamedTuple):
    """Paces of all states but progression, and the increments of death in the states of second malignancies."""

    maintenance: Pace
    toxicity: Pace
    haematologic: Pace
    solid: Pace
    death_haematologic: float
    death_solid: float


class Progressed(NamedTuple):
    """Those in progression: who leaves per unit of hazard, dies and stays; of each entrant, the same."""

    leave: float
    die: float
    stay: float
    entrants_leave: float
    entrants_die: float
    entrants_stay: float


class Cohort(NamedTuple):
    """One strategy's cohort in one row. Arrays (cycles,) hold increments of cumulative hazard.

    `itt` and `comparator` are progression by the intention-to-treat curves, `progression` and `progression_after` its
    parts before and after a stop, shared by `ratio`, or with the comparator's where the effect is `lost`. `survival` is
    OS at the cycles' ends; `by_age` and `entry` a curve by cycles since progression, and for entrants in half a cycle,
    `all_cause` or an excess; both have no cycles where they are not used. `off_…` are increments in a cycle off drug,
    `excess_…` rates per year on it, while `exposed` (years); `dead_…` excess increments of death. `entrants` is 1 where
    entrants move on within the cycle, else 0.
    """

    background: Array
    itt: Array
    comparator: Array
    progression: Array
    progression_after: Array
    survival: Array
    by_age: Array
    exposed: Array
    entry: float
    off_haematologic: float
    off_solid: float
    excess_haematologic: float
    excess_solid: float
    dead_haematologic: float
    dead_solid: float
    dead_progression: float
    ratio: float
    lost: bool
    all_cause: bool
    entrants: float


# ------------------------------------------------------------------------------------------------- causes and paces


@compiled
def cause(increment: float) -> Cause:
    """One exponential for each cause: what several leave together is the product of what each leaves."""
    return Cause(increment, np.exp(-0.5 * increment))


@compiled
def _again(before: Cause, increment: float) -> Cause:
    """The same cause in the next cycle, or wherever its increment is often the same."""
    return before if before.increment == increment else cause(increment)


@compiled
def either(first: Cause, second: Cause) -> Cause:
    """Two independent causes."""
    return Cause(first.increment + second.increment, first.leaves * second.leaves)


@compiled
def pace(of: Cause, entrants: float) -> Pace:
    """φ(ΔH) and e^−ΔH of those inside; ½φ(½ΔH) and e^(−½ΔH) of entrants, or 0 and 1 where these do not move on.

    With g = (1 − e^(−½ΔH))/ΔH the half cycle's is g and the cycle's g·(1 + e^(−½ΔH)).
    """
    gone = 1.0 - of.leaves
    part = gone / of.increment
    return Pace(part * (1.0 + of.leaves), of.leaves * of.leaves, entrants * part, 1.0 - entrants * gone)


@compiled
def _acting(c: Cohort, on: OnDrug, k: int, before: Acting) -> Acting:
    """What acts in cycle k: second malignancies carry the excess by the mean share on drug while it is exposed."""
    exposed = 0.5 * (on.begin[k] + on.finish[k]) * c.exposed[k]
    progression = cause(c.progression[k])
    return Acting(
        cause(c.background[k]),
        _again(before.toxicity, on.toxicity[k]),
        progression,
        _again(progression, c.progression_after[k]),
        _again(before.on_haematologic, c.off_haematologic + c.excess_haematologic * exposed),
        _again(before.on_solid, c.off_solid + c.excess_solid * exposed),
        before.off_haematologic,
        before.off_solid,
    )


@compiled
def _nothing_yet(c: Cohort) -> Acting:
    """Before the first cycle: what is the same in all cycles."""
    none, haematologic, solid = cause(0.0), cause(c.off_haematologic), cause(c.off_solid)
    return Acting(none, none, none, none, haematologic, solid, haematologic, solid)


@compiled
def _paces(a: Acting, dead_haematologic: Cause, dead_solid: Cause, entrants: float) -> Paces:
    """How fast each state but progression is left; nobody enters maintenance."""
    on, off = either(a.on_haematologic, a.on_solid), either(a.off_haematologic, a.off_solid)
    haematologic, solid = either(a.death, dead_haematologic), either(a.death, dead_solid)
    return Paces(
        pace(either(either(a.death, on), either(a.progression, a.toxicity)), 0.0),
        pace(either(either(a.death, off), a.progression_after), entrants),
        pace(haematologic, entrants),
        pace(solid, entrants),
        haematologic.increment,
        solid.increment,
    )


@compiled
def without_malignancies(
    present: float, stopped: float, toxicity: Cause, progression: Cause, after: Cause, death: Cause, entrants: float
) -> tuple[float, float]:
    """One cycle of those in maintenance and those stopped for toxicity, if nobody had a second malignancy."""
    m, t = pace(either(either(toxicity, progression), death), 0.0), pace(either(after, death), entrants)
    return present * m.stay, stopped * t.stay + present * m.leave * toxicity.increment * t.entrants_stay


# --------------------------------------------------------------------------------------------- after progression


@compiled
def _at_a_rate(inside: float, deaths: Cause, others: Cause, entrants: float) -> Progressed:
    """Progression under a known death increment, the same for those inside and for entrants."""
    p, d = pace(either(deaths, others), entrants), deaths.increment
    leave = inside * p.leave
    return Progressed(leave, leave * d, inside * p.stay, p.entrants_leave, p.entrants_leave * d, p.entrants_stay)


@compiled
def _deaths_elsewhere(now: Array, a: Acting, p: Paces) -> float:
    """Deaths of the cycle that do not come out of progression, entrants' included."""
    m, t = now[M] * p.maintenance.leave, now[T] * p.toxicity.leave
    of_background = (m + t + m * a.toxicity.increment * p.toxicity.entrants_leave) * a.death.increment
    to_haematologic = m * a.on_haematologic.increment + t * a.off_haematologic.increment
    to_solid = m * a.on_solid.increment + t * a.off_solid.increment
    haematologic = now[H] * p.haematologic.leave + to_haematologic * p.haematologic.entrants_leave
    solid = now[S] * p.solid.leave + to_solid * p.solid.entrants_leave
    return float(of_background + haematologic * p.death_haematologic + solid * p.death_solid)


@compiled
def _deaths_to_meet(
    needed: float, inside: float, entering: float, others: Cause, die_later: float, low: float, guess: float
) -> Cause:
    """The death increment d of progression for which `needed` die: Newton's steps on an increasing, concave function.

    D(d) = x·(d + w)·φ(d + σ) + e·d·½φ(½(d + σ)): x are inside, e enter, σ leave for second malignancies and w is the
    share of these who then die in the same cycle. d stays between the background and 40.
    """
    d = min(max(guess, low), LARGEST_INCREMENT)
    leaves, step = 1.0, 0.0
    for _ in range(NEWTON_STEPS):
        leaves = np.exp(-0.5 * d)
        kept, y = leaves * others.leaves, d + others.increment
        half = (1.0 - kept) / y
        whole = half * (1.0 + kept)
        dying = inside * (d + die_later)
        slope = inside * whole + entering * half
        slope += (dying * (kept * kept - whole) + entering * d * (0.5 * kept - half)) / y
        following = d + (needed - dying * whole - entering * d * half) / max(slope, 1e-30)
        following = min(max(following, low), LARGEST_INCREMENT)
        step, d = following - d, following
        if abs(step) < CONVERGED:
            break
    return Cause(d, leaves * (1.0 - 0.5 * step))  # e^(−½d) after so small a step: the next term is 1e-16


@compiled
def _is_clipped(d: float, low: float, present: float) -> bool:
    """Whether a limit binds: counted where more than a billionth of the cohort is in progression or comes."""
    return bool(present > FEW and min(d - low, LARGEST_INCREMENT - d) * present <= ROUNDING)


@compiled
def _to_meet_survival(
    now: Array, a: Acting, p: Paces, others: Cause, survival: float, guess: float, entrants: float
) -> tuple[Progressed, float, bool]:
    """Progression under the death increment that brings the cohort to its OS curve; the increment; whether clipped."""
    entering = now[M] * p.maintenance.leave * a.progression.increment
    entering += now[T] * p.toxicity.leave * a.progression_after.increment
    die_later = a.off_haematologic.increment * p.death_haematologic * p.haematologic.entrants_leave
    die_later += a.off_solid.increment * p.death_solid * p.solid.entrants_leave
    needed, low = 1.0 - survival - now[D] - _deaths_elsewhere(now, a, p), a.death.increment
    deaths = _deaths_to_meet(needed, now[P], entrants * entering, others, die_later, low, guess)
    clipped = _is_clipped(deaths.increment, low, now[P] + entering)
    return _at_a_rate(now[P], deaths, others, entrants), deaths.increment, clipped


@compiled
def _by_curve(all_cause: bool, curve: float, background: float) -> float:
    """Deaths by a curve from progression: all-cause, floored at the background, or an excess on top of it."""
    return max(curve, background) if all_cause else curve + background


@compiled
def _since_progression(c: Cohort, inside: Array, k: int, death: float, others: Cause) -> Progressed:
    """Progression by time since entry: `inside`, by cycle of entry, moves on by a cycle; deaths follow the curve.

    Entrants survive S(Δ/2), then S((j + 1½)Δ)/S((j + ½)Δ); with one move a cycle they enter with clock 0 at its end.
    """
    leave, die, stay = 0.0, 0.0, 0.0
    for entered in range(k):
        deaths = _by_curve(c.all_cause, c.by_age[k - 1 - entered], death)
        p = pace(either(cause(deaths), others), 0.0)
        leave += inside[entered] * p.leave
        die += inside[entered] * p.leave * deaths
        inside[entered] *= p.stay
        stay += inside[entered]
    deaths = 2.0 * _by_curve(c.all_cause, c.entry, 0.5 * death)
    p = pace(either(cause(deaths), others), c.entrants)
    return Progressed(leave, die, stay, p.entrants_leave, p.entrants_leave * deaths, p.entrants_stay)


# ---------------------------------------------------------------------------------------------------- the cycle


@compiled
def _move(now: Array, a: Acting, p: Paces, after: Progressed, then: Array, flow: Array) -> None:
    """One cycle: who moves where, and who is where at its end.

    Those who enter and move on at once (`on_`) leave by the increments of the state they came into; they move no
    third time.
    """
    m, t = now[M] * p.maintenance.leave, now[T] * p.toxicity.leave
    into_t = m * a.toxicity.increment
    into_p = m * a.progression.increment + t * a.progression_after.increment
    into_h = m * a.on_haematologic.increment + (t + after.leave) * a.off_haematologic.increment
    into_s = m * a.on_solid.increment + (t + after.leave) * a.off_solid.increment
    on_t, on_p = into_t * p.toxicity.entrants_leave, into_p * after.entrants_leave
    on_h, on_s = into_h * p.haematologic.entrants_leave, into_s * p.solid.entrants_leave

    flow[0] = into_t
    flow[1] = m * a.progression.increment
    flow[2] = m * a.on_haematologic.increment
    flow[3] = m * a.on_solid.increment
    flow[4] = m * a.death.increment
    flow[5] = (t + on_t) * a.progression_after.increment
    flow[6] = (t + on_t) * a.off_haematologic.increment
    flow[7] = (t + on_t) * a.off_solid.increment
    flow[8] = (t + on_t) * a.death.increment
    flow[9] = (after.leave + on_p) * a.off_haematologic.increment
    flow[10] = (after.leave + on_p) * a.off_solid.increment
    flow[11] = after.die + into_p * after.entrants_die
    flow[12] = (now[H] * p.haematologic.leave + on_h) * p.death_haematologic
    flow[13] = (now[S] * p.solid.leave + on_s) * p.death_solid

    on_both = on_t + on_p
    then[M] = now[M] * p.maintenance.stay
    then[T] = now[T] * p.toxicity.stay + into_t * p.toxicity.entrants_stay
    then[P] = after.stay + into_p * after.entrants_stay + on_t * a.progression_after.increment
    then[H] = now[H] * p.haematologic.stay + into_h * p.haematologic.entrants_stay
    then[H] += on_both * a.off_haematologic.increment
    then[S] = now[S] * p.solid.stay + into_s * p.solid.entrants_stay + on_both * a.off_solid.increment
    then[D] = now[D] + flow[4] + flow[8] + flow[11] + flow[12] + flow[13]


@loop
def walk(c: Cohort, on: OnDrug, occupancy: Array, flows: Array, progression_free: Array, inside: Array) -> int:
    """Fill occupancy (cycles + 1, states) and flows (cycles, transitions): x_0 all in maintenance, x_(k+1) = x_k·P_k.

    Also PFS as trials count it, at the boundaries: the same hazards, second malignancies left out. Returns the number
    of cycles in which deaths after progression were at a limit. `inside` is room for those in progression by entry.
    """
    occupancy[0], progression_free[0] = 0.0, 1.0
    occupancy[0, M] = 1.0
    a, excess = _nothing_yet(c), cause(c.dead_progression)
    dead_haematologic, dead_solid = cause(c.dead_haematologic), cause(c.dead_solid)
    others, clipped, d, before, present, stopped = either(a.off_haematologic, a.off_solid), 0, 0.0, 0.0, 1.0, 0.0
    for k in range(len(flows)):
        now, a = occupancy[k], _acting(c, on, k, a)
        p = _paces(a, dead_haematologic, dead_solid, c.entrants)
        if len(c.survival):
            guess, before = 2.0 * d - before, d  # as the last two cycles went on
            after, d, at_limit = _to_meet_survival(now, a, p, others, c.survival[k], guess, c.entrants)
            clipped += at_limit
        elif len(c.by_age):
            after = _since_progression(c, inside, k, a.death.increment, others)
        else:
            after = _at_a_rate(now[P], either(a.death, excess), others, c.entrants)
        _move(now, a, p, after, occupancy[k + 1], flows[k])
        if len(c.by_age):
            inside[k] = max(occupancy[k + 1, P] - after.stay, 0.0)
        present, stopped = without_malignancies(
            present, stopped, a.toxicity, a.progression, a.progression_after, a.death, c.entrants
        )
        progression_free[k + 1] = present + stopped
    return clipped

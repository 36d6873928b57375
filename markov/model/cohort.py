"""The cohort, one patient group at a time: who is where, cycle by cycle, and who moved.

A state's exits compete. With ΔH the sum of the increments of cumulative hazard out of a state, e^−ΔH of those inside stay
and each exit takes its own increment times φ(ΔH) = (1 − e^−ΔH)/ΔH: shares sum to one without clipping. Those who enter
during a cycle are exposed for half of it and may move on once: f_jk = x_j·c_jk + e_j·c½_jk.
Source: Briggs, Claxton, Sculpher 2006, ch. 2 and 3; Jones, Epstein, García-Mochón 2017, Med Decis Making 37:72.
"""

from typing import NamedTuple

import numpy as np

from markov.model.compiling import compiled
from markov.model.structure import MAINTENANCE_MODEL
from markov.model.treatment import OnDrug
from markov.terms import Array, State

M, T, P, H, S, D = range(len(State))
STATES = len(State)
FLOWS = len(MAINTENANCE_MODEL.transitions)
LARGEST_INCREMENT = 40.0
NEWTON_STEPS = 30
CONVERGED = 3e-8  # the error left is of the order of the square of the last step
ROUNDING = 1e-15  # deaths this few from a limit are at it
FEW = 1e-9


def _row(origin: State, target: State) -> int:
    return MAINTENANCE_MODEL.row[origin, target]


_STOP = _row(State.MAINTENANCE, State.TOXICITY)
_FROM_M, _FROM_T, _FROM_P = (
    _row(origin, State.PROGRESSION if origin is not State.PROGRESSION else State.SPM_HAEMATOLOGIC)
    for origin in (State.MAINTENANCE, State.TOXICITY, State.PROGRESSION)
)
_FROM_H, _FROM_S = _row(State.SPM_HAEMATOLOGIC, State.DEATH), _row(State.SPM_SOLID, State.DEATH)


class Pace(NamedTuple):
    """Of those in a state: what leaves per unit of hazard and what stays, in a cycle; the same of its entrants."""

    leave: float
    stay: float
    entrants_leave: float
    entrants_stay: float


class Increments(NamedTuple):
    """What acts in one cycle, as increments of cumulative hazard; second malignancies on and off drug, by type."""

    death: float
    toxicity: float
    progression: float
    progression_after: float
    on_haematologic: float
    on_solid: float
    off_haematologic: float
    off_solid: float
    death_haematologic: float
    death_solid: float


class Paces(NamedTuple):
    """The paces of all states but progression."""

    maintenance: Pace
    toxicity: Pace
    haematologic: Pace
    solid: Pace


class Progressed(NamedTuple):
    """Those in progression: who leaves per unit of hazard, dies and stays; of each entrant, the same."""

    leave: float
    die: float
    stay: float
    entrants_leave: float
    entrants_die: float
    entrants_stay: float


class Tunnels(NamedTuple):
    """A curve from progression: the increments by cycles since entry, and that of entrants in half a cycle."""

    by_age: Array
    entry: float
    all_cause: bool


@compiled
def pace(total: float, entrants: float) -> Pace:
    """φ(ΔH) and e^−ΔH of those inside; ½φ(½ΔH) and e^(−½ΔH) of entrants, or 0 and 1 where these do not move on.

    With g = (1 − e^(−½ΔH))/ΔH the half-cycle's is g and the cycle's g·(1 + e^(−½ΔH)): one exponential a state.
    """
    kept = np.exp(-0.5 * total)
    gone = (1.0 - kept) / total
    return Pace(gone * (1.0 + kept), kept * kept, entrants * gone, 1.0 - entrants * (1.0 - kept))


@compiled
def paces(h: Increments, entrants: float) -> Paces:
    """How fast each state but progression is left; nobody enters maintenance."""
    return Paces(
        pace(h.toxicity + h.progression + h.on_haematologic + h.on_solid + h.death, 0.0),
        pace(h.progression_after + h.off_haematologic + h.off_solid + h.death, entrants),
        pace(h.death_haematologic, entrants),
        pace(h.death_solid, entrants),
    )


@compiled
def at_a_rate(inside: float, deaths: float, others: float, entrants: float) -> Progressed:
    """Progression under a known death increment, the same for those inside and for entrants."""
    p = pace(deaths + others, entrants)
    leave = inside * p.leave
    return Progressed(leave, leave * deaths, inside * p.stay, p.entrants_leave, p.entrants_leave * deaths, p.entrants_stay)


@compiled
def deaths_elsewhere(now: Array, h: Increments, p: Paces) -> float:
    """Deaths of the cycle that do not come out of progression, entrants' included."""
    m, t = now[M] * p.maintenance.leave, now[T] * p.toxicity.leave
    to_haematologic, to_solid = m * h.on_haematologic + t * h.off_haematologic, m * h.on_solid + t * h.off_solid
    of_background = (m + t + m * h.toxicity * p.toxicity.entrants_leave) * h.death
    haematologic = now[H] * p.haematologic.leave + to_haematologic * p.haematologic.entrants_leave
    solid = now[S] * p.solid.leave + to_solid * p.solid.entrants_leave
    return of_background + haematologic * h.death_haematologic + solid * h.death_solid


@compiled
def increment_of_deaths(
    needed: float, inside: float, entering: float, others: float, die_later: float, low: float, guess: float
) -> float:
    """The death increment d of progression for which `needed` die: Newton's steps on an increasing, concave function.

    D(d) = x·(d + w)·φ(d + σ) + e·d·½φ(½(d + σ)): x are inside, e enter, σ leave for second malignancies and w is the
    share of these who then die in the same cycle. d stays between the background and 40.
    """
    d = min(max(guess, low), LARGEST_INCREMENT)
    for _ in range(NEWTON_STEPS):
        y = d + others
        kept = np.exp(-0.5 * y)
        half = (1.0 - kept) / y
        whole = half * (1.0 + kept)
        dying = inside * (d + die_later)
        slope = inside * whole + entering * half
        slope += (dying * (kept * kept - whole) + entering * d * (0.5 * kept - half)) / y
        step = (needed - dying * whole - entering * d * half) / max(slope, 1e-30)
        following = min(max(d + step, low), LARGEST_INCREMENT)
        moved, d = abs(following - d), following
        if moved < CONVERGED:
            break
    return d


@compiled
def is_clipped(d: float, low: float, present: float) -> bool:
    """Whether a limit binds: counted where more than a billionth of the cohort is in progression or comes."""
    return present > FEW and min(d - low, LARGEST_INCREMENT - d) * present <= ROUNDING


@compiled
def since_progression(
    tunnels: Tunnels, inside: Array, k: int, h: Increments, entrants: float
) -> Progressed:
    """Progression by time since entry: `inside` by cycle of entry moves on by a cycle; deaths follow the curve.

    The curve is all-cause, floored at the background, or an excess on top of it. Entrants survive S(Δ/2), then
    S((j + 1½)Δ)/S((j + ½)Δ); with one move a cycle they enter with clock 0 at its end.
    """
    others = h.off_haematologic + h.off_solid
    leave, die, stay = 0.0, 0.0, 0.0
    for entered in range(k):
        deaths = _deaths(tunnels.all_cause, tunnels.by_age[k - 1 - entered], h.death)
        p = pace(deaths + others, 0.0)
        leave += inside[entered] * p.leave
        die += inside[entered] * p.leave * deaths
        inside[entered] *= p.stay
        stay += inside[entered]
    deaths = 2.0 * _deaths(tunnels.all_cause, tunnels.entry, 0.5 * h.death)
    p = pace(deaths + others, entrants)
    return Progressed(leave, die, stay, p.entrants_leave, p.entrants_leave * deaths, p.entrants_stay)


@compiled
def _deaths(all_cause: bool, curve: float, background: float) -> float:
    return max(curve, background) if all_cause else curve + background


@compiled
def move(now: Array, h: Increments, p: Paces, after: Progressed, then: Array, flow: Array) -> None:
    """One cycle: who moves where, and who is where at its end.

    Those who enter and move on at once (`on_`) leave by the increments of the state they came into; they move no
    third time.
    """
    m, t = now[M] * p.maintenance.leave, now[T] * p.toxicity.leave
    into_t, into_p = m * h.toxicity, m * h.progression + t * h.progression_after
    into_h = m * h.on_haematologic + (t + after.leave) * h.off_haematologic
    into_s = m * h.on_solid + (t + after.leave) * h.off_solid
    on_t, on_p = into_t * p.toxicity.entrants_leave, into_p * after.entrants_leave
    on_h, on_s = into_h * p.haematologic.entrants_leave, into_s * p.solid.entrants_leave

    flow[_STOP] = into_t
    flow[_FROM_M] = m * h.progression
    flow[_FROM_M + 1] = m * h.on_haematologic
    flow[_FROM_M + 2] = m * h.on_solid
    flow[_FROM_M + 3] = m * h.death
    flow[_FROM_T] = (t + on_t) * h.progression_after
    flow[_FROM_T + 1] = (t + on_t) * h.off_haematologic
    flow[_FROM_T + 2] = (t + on_t) * h.off_solid
    flow[_FROM_T + 3] = (t + on_t) * h.death
    flow[_FROM_P] = (after.leave + on_p) * h.off_haematologic
    flow[_FROM_P + 1] = (after.leave + on_p) * h.off_solid
    flow[_FROM_P + 2] = after.die + into_p * after.entrants_die
    flow[_FROM_H] = (now[H] * p.haematologic.leave + on_h) * h.death_haematologic
    flow[_FROM_S] = (now[S] * p.solid.leave + on_s) * h.death_solid

    then[M] = now[M] * p.maintenance.stay
    then[T] = now[T] * p.toxicity.stay + into_t * p.toxicity.entrants_stay
    then[P] = after.stay + into_p * after.entrants_stay + on_t * h.progression_after
    then[H] = now[H] * p.haematologic.stay + into_h * p.haematologic.entrants_stay + (on_t + on_p) * h.off_haematologic
    then[S] = now[S] * p.solid.stay + into_s * p.solid.entrants_stay + (on_t + on_p) * h.off_solid
    then[D] = now[D] + flow[_FROM_M + 3] + flow[_FROM_T + 3] + flow[_FROM_P + 2] + flow[_FROM_H] + flow[_FROM_S]


@compiled
def without_malignancies(
    present: float,
    stopped: float,
    toxicity: float,
    progression: float,
    progression_after: float,
    death: float,
    entrants: float,
) -> tuple[float, float]:
    """One cycle of those in maintenance and those stopped for toxicity, if nobody had a second malignancy."""
    m, t = pace(toxicity + progression + death, 0.0), pace(progression_after + death, entrants)
    return present * m.stay, stopped * t.stay + present * m.leave * toxicity * t.entrants_stay


class Cohort(NamedTuple):
    """One strategy's cohort in one row, each array (cycles,) of increments; rates of second malignancies as told.

    `off_…` are increments in a cycle off drug, `excess_…` rates per year on it; `death_…` the excess increments in the
    states of second malignancies, `death_rate` after progression where that is a rate. `survival` is OS at the cycles'
    ends, of length 0 where deaths do not follow it. `entrants` is 1 where entrants move on within the cycle, else 0.
    """

    background: Array
    progression: Array
    progression_after: Array
    exposed: Array
    off_haematologic: float
    off_solid: float
    excess_haematologic: float
    excess_solid: float
    death_haematologic: float
    death_solid: float
    death_rate: float
    survival: Array
    tunnels: Tunnels
    entrants: float


@compiled
def increments(c: Cohort, on: OnDrug, k: int) -> Increments:
    """What acts in cycle k: second malignancies carry the excess by the mean share on drug while it is exposed."""
    exposed = 0.5 * (on.begin[k] + on.finish[k]) * c.exposed[k]
    return Increments(
        c.background[k],
        on.toxicity[k],
        c.progression[k],
        c.progression_after[k],
        c.off_haematologic + c.excess_haematologic * exposed,
        c.off_solid + c.excess_solid * exposed,
        c.off_haematologic,
        c.off_solid,
        c.background[k] + c.death_haematologic,
        c.background[k] + c.death_solid,
    )


@compiled
def to_meet_survival(
    now: Array, h: Increments, p: Paces, survival: float, guess: float, entrants: float
) -> tuple[Progressed, float, bool]:
    """Progression under the death increment that brings the cohort to its OS curve; the increment; whether clipped."""
    others = h.off_haematologic + h.off_solid
    entering = now[M] * p.maintenance.leave * h.progression + now[T] * p.toxicity.leave * h.progression_after
    die_later = (
        h.off_haematologic * h.death_haematologic * p.haematologic.entrants_leave
        + h.off_solid * h.death_solid * p.solid.entrants_leave
    )
    needed = 1.0 - survival - now[D] - deaths_elsewhere(now, h, p)
    d = increment_of_deaths(needed, now[P], entrants * entering, others, die_later, h.death, guess)
    return at_a_rate(now[P], d, others, entrants), d, is_clipped(d, h.death, now[P] + entering)


@compiled
def walk(c: Cohort, on: OnDrug, occupancy: Array, flows: Array, inside: Array) -> int:
    """Fill occupancy (cycles + 1, states) and flows (cycles, transitions): x_0 all in maintenance, x_(k+1) = x_k·P_k.

    Returns the number of cycles in which deaths after progression were at a limit. `inside` is room for tunnels.
    """
    occupancy[0] = 0.0
    occupancy[0, M] = 1.0
    clipped, d, before = 0, 0.0, 0.0
    for k in range(len(flows)):
        now, h = occupancy[k], increments(c, on, k)
        p = paces(h, c.entrants)
        if len(c.survival):
            guess, before = 2.0 * d - before, d  # as the last two cycles went on
            after, d, at_limit = to_meet_survival(now, h, p, c.survival[k], guess, c.entrants)
            clipped += at_limit
        elif len(c.tunnels.by_age):
            after = since_progression(c.tunnels, inside, k, h, c.entrants)
        else:
            after = at_a_rate(now[P], h.death + c.death_rate, h.off_haematologic + h.off_solid, c.entrants)
        move(now, h, p, after, occupancy[k + 1], flows[k])
        if len(c.tunnels.by_age):
            inside[k] = max(occupancy[k + 1, P] - after.stay, 0.0)
    return clipped


@compiled
def progression_free(c: Cohort, on: OnDrug, curve: Array) -> None:
    """PFS as trials count it, at the cycle boundaries: the same hazards, second malignancies left out."""
    present, stopped = 1.0, 0.0
    curve[0] = 1.0
    for k in range(len(curve) - 1):
        present, stopped = without_malignancies(
            present, stopped, on.toxicity[k], c.progression[k], c.progression_after[k], c.background[k], c.entrants
        )
        curve[k + 1] = present + stopped

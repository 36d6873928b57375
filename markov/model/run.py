"""One run after another: each row's cohorts, strategy by strategy, through treatment, cycles and counts."""

from typing import NamedTuple

import numpy as np

from markov.compiling import compiled, entry, loop
from markov.model.cohort import FLOWS, STATES, Cohort, walk
from markov.model.counting import (
    NET_OF_SPM,
    ON_DRUG,
    Sums,
    Weights,
    count_arrivals,
    count_packs,
    count_starters,
    count_time,
    draw_curves,
    late_start,
    mean_of,
    median_of,
    present_at_start,
    value_at,
)
from markov.model.discounting import Indices
from markov.model.hazards import Curves
from markov.model.stops import Told, stop
from markov.model.treatment import OnDrug, Window
from markov.survival.hazards import cap as plain_cap
from markov.terms import Array

CURVES = 4
cap = compiled(plain_cap)


class Rates(NamedTuple):
    """Second malignancies and deaths, (strategies, rows): increments in a cycle, and on drug an excess per year.

    `by_age` (strategies, rows or 1, cycles) is a curve from progression and `entry` that of entrants; of no cycles
    where deaths after progression are at the rate `dead_progression`.
    """

    off_haematologic: Array
    off_solid: Array
    excess_haematologic: Array
    excess_solid: Array
    dead_haematologic: Array
    dead_solid: Array
    dead_progression: Array
    entry: Array
    by_age: Array


class Choices(NamedTuple):
    """Choices of method, as numbers: the policy where PFS would rise above OS, and who is the reference."""

    crossing: int
    reference: int
    all_cause: bool
    entrants: float


class Kept(NamedTuple):
    """What is kept of each cohort, (rows, strategies, …): curves in figures, solved rates, counts, and the trace.

    `landmark_cycles` (landmarks,) are the cycles of the landmarks, −1 beyond the horizon. The arrays of the trace have
    no rows where it is not asked for; where `given` they hold who is counted instead of who walked.
    """

    landmarks: Array
    landmark_cycles: Indices
    median: Array
    mean: Array
    values: Array
    toxicity_rate: Array
    other_rate: Array
    negative: Array
    clipped: Array
    floored: Array
    crossings: Array
    first_crossing: Array
    occupancy: Array
    flows: Array
    curves: Array
    given: bool


class Room(NamedTuple):
    """Room for one row: ITT progression and OS by strategy, and one cohort's, used again by the next."""

    itt: Array
    survival: Array
    progression: Array
    progression_after: Array
    on: OnDrug
    occupancy: Array
    flows: Array
    curves: Array
    inside: Array
    parts: Array
    counted: Array


@loop
def _room_for(strategies: int, cycles: int, solved: int, anchored: bool, schedules: int) -> Room:
    """Room for so many cycles; rates of stops may be solved over more."""
    return Room(
        np.empty((strategies, solved)),
        np.empty((strategies, solved if anchored else 0)),
        np.empty(solved),
        np.empty(solved),
        OnDrug(np.empty(solved), np.empty(solved), np.empty(solved)),
        np.empty((cycles + 1, STATES)),
        np.empty((cycles, FLOWS)),
        np.empty((CURVES, cycles + 1)),
        np.zeros(cycles),
        np.empty((solved, 5)),
        np.empty((2, schedules, STATES)),
    )


@compiled
def _own_row(values: Array, r: int) -> Array:
    """The cycles of row r, or of the one row that stands for all."""
    row: Array = values[min(r, len(values) - 1)]
    return row


@loop
def _progress(
    background: Array, pfs: Array, overall: Array, crossing: int, cycles: int, itt: Array, survival: Array
) -> tuple[int, int, int]:
    """Fill progression increments max(ΔH_PFS − ΔB, 0), and OS at the cycles' ends where it is the anchor.

    Curves are floored at the background ΔB; PFS does not rise above OS under a capping policy. Returns, for the first
    cycles, how often PFS is floored, how often it would cross, and the cycle in which it first would, or −1.
    """
    floored, crossings, first = 0, 0, -1
    own, used, bound = 0.0, 0.0, 0.0
    for k in range(len(pfs)):
        h = max(pfs[k], background[k])
        if k < cycles and pfs[k] < background[k]:
            floored += 1
        if len(overall):
            limit = max(overall[k], background[k])
            bound += limit
            h, own, used, crossed = cap(crossing, h, limit, own, used, bound)
            survival[k] = np.exp(-bound)
            if crossed and k < cycles:
                crossings += 1
                first = k if first < 0 else first
        itt[k] = max(h - background[k], 0.0)
    return floored, crossings, first


@compiled
def _cohort_of(
    curves: Curves, q: Rates, told: Told, window: Window, choices: Choices, s: int, r: int, room: Room
) -> Cohort:
    """One cohort, before it is known who stops."""
    return Cohort(
        _own_row(curves.background[0], r),
        room.itt[s],
        room.itt[choices.reference],
        room.progression,
        room.progression_after,
        room.survival[s],
        _own_row(q.by_age[s], r),
        window.exposed[s],
        q.entry[s, r],
        q.off_haematologic[s, r],
        q.off_solid[s, r],
        q.excess_haematologic[s, r],
        q.excess_solid[s, r],
        q.dead_haematologic[s, r],
        q.dead_solid[s, r],
        q.dead_progression[s, r],
        told.ratio[s, r],
        told.lost[s],
        choices.all_cause,
        choices.entrants,
    )


@loop
def _keep_curves(kept: Kept, boundaries: Array, s: int, r: int, curves: Array) -> None:
    """Median, mean and landmarks of each curve."""
    for c in range(len(curves)):
        kept.median[c, r, s] = median_of(curves[c], boundaries)
        kept.mean[c, r, s] = mean_of(curves[c], boundaries)
        for j in range(len(kept.landmarks)):
            kept.values[c, r, s, j] = value_at(curves[c], boundaries, kept.landmark_cycles[j], kept.landmarks[j])


@entry
def run(
    curves: Curves,
    q: Rates,
    window: Window,
    told: Told,
    choices: Choices,
    w: Weights,
    boundaries: Array,
    rows: int,
    sums: Sums,
    kept: Kept,
) -> None:
    """Every cohort of a block: rows do not know of each other, strategies only of the reference's curve."""
    cycles, strategies, solved = len(boundaries) - 1, len(window.start), curves.pfs.shape[2]
    room = _room_for(strategies, cycles, solved, curves.overall.shape[2] > 0, len(w.time))
    for r in range(rows):
        background = _own_row(curves.background[0], r)
        for s in range(strategies):
            pfs, overall = _own_row(curves.pfs[s], r), _own_row(curves.overall[s], r)
            found = _progress(background, pfs, overall, choices.crossing, cycles, room.itt[s], room.survival[s])
            kept.floored[r, s], kept.crossings[r, s] = found[0], found[1]
            kept.first_crossing[r, s] = boundaries[found[2]] if found[2] >= 0 else np.nan
        for s in range(strategies):
            c = _cohort_of(curves, q, told, window, choices, s, r, room)
            solution = stop(window, s, c, told, r, room.on, room.parts)
            kept.toxicity_rate[r, s], kept.other_rate[r, s], kept.negative[r, s] = solution
            kept.clipped[r, s] = walk(c, room.on, room.occupancy, room.flows, room.curves[NET_OF_SPM], room.inside)
            occupancy, flows = room.occupancy, room.flows
            if kept.given:
                occupancy, flows = kept.occupancy[r, s], kept.flows[r, s]
            elif len(kept.occupancy):
                kept.occupancy[r, s], kept.flows[r, s] = room.occupancy, room.flows
            draw_curves(window, occupancy, s, told.starting[s, r], room.on, room.curves)
            if len(kept.occupancy):
                kept.curves[r, s] = room.curves
            count_time(w, occupancy, s, r, room.on, sums, room.counted)
            count_arrivals(w, flows, s, r, sums, room.counted)
            count_packs(w, occupancy, s, r, room.on, sums)
            count_starters(w, occupancy, s, r, told.starting[s, r], sums)
            if window.start[s] > 0.0:
                beginning = present_at_start(w, window, occupancy, s, told.starting[s, r], solution[0], solution[1])
                late_start(room.curves[ON_DRUG], beginning)
            _keep_curves(kept, boundaries, s, r, room.curves)

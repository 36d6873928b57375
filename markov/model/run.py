"""One run after another: each row's cohorts, strategy by strategy, through treatment, cycles and counts."""

from typing import NamedTuple

import numpy as np

from markov.model.cohort import FLOWS, STATES, Cohort, Tunnels, progression_free, walk
from markov.model.compiling import compiled
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
from markov.model.stops import Exits, Told, stop
from markov.model.treatment import OnDrug, Window
from markov.terms import Array

CURVES = 4


class Hazard(NamedTuple):
    """What the life table and the curves give: increments (strategies, rows or 1, cycles), background (rows or 1, cycles).

    `survival` is OS at the cycles' ends, of no cycles where deaths do not follow it.
    """

    background: Array
    progression: Array
    survival: Array
    reference: int
    entrants: float


class Rates(NamedTuple):
    """Second malignancies and deaths, (strategies, rows): increments in a cycle, and on drug an excess per year.

    `since` (strategies, rows or 1, cycles) is a curve from progression and `entry` (strategies, rows) that of entrants;
    of no cycles where deaths after progression are at the rate `dead_progression`.
    """

    off_haematologic: Array
    off_solid: Array
    excess_haematologic: Array
    excess_solid: Array
    dead_haematologic: Array
    dead_solid: Array
    dead_progression: Array
    since: Array
    entry: Array
    all_cause: bool


class Kept(NamedTuple):
    """What is kept of each cohort, (rows, strategies, …): curves in figures, solved rates, counts, and the trace.

    `landmark_cycles` (landmarks,) are the cycles of the landmarks, −1 beyond the horizon. The arrays of the trace have no
    rows where it is not asked for; where `given` they hold the cohort, which does not walk.
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
    occupancy: Array
    flows: Array
    curves: Array
    given: bool


class Room(NamedTuple):
    """Room for one cohort, used again by the next."""

    occupancy: Array
    flows: Array
    curves: Array
    on: OnDrug
    progression: Array
    progression_after: Array
    inside: Array
    parts: Array


@compiled
def room_for(cycles: int, solved: int) -> Room:
    """Room for so many cycles; rates of stops may be solved over more."""
    on = OnDrug(np.empty(solved), np.empty(solved), np.empty(solved))
    occupancy, flows, curves = np.empty((cycles + 1, STATES)), np.empty((cycles, FLOWS)), np.empty((CURVES, cycles + 1))
    return Room(
        occupancy, flows, curves, on, np.empty(solved), np.empty(solved), np.zeros(cycles), np.empty((solved, 5))
    )


@compiled
def exits_of(h: Hazard, q: Rates, told: Told, s: int, r: int) -> Exits:
    """What competes with stops in one cohort."""
    row = min(r, h.progression.shape[1] - 1)
    return Exits(
        h.background[min(r, len(h.background) - 1)],
        h.progression[s, row],
        h.progression[h.reference, row],
        q.off_haematologic[s, r] + q.off_solid[s, r],
        q.excess_haematologic[s, r] + q.excess_solid[s, r],
        told.ratio[s, r],
        told.lost[s],
        h.entrants,
    )


@compiled
def cohort_of(h: Hazard, q: Rates, window: Window, s: int, r: int, room: Room) -> Cohort:
    """One cohort's increments, once it is known who stops."""
    row = min(r, q.since.shape[1] - 1)
    return Cohort(
        h.background[min(r, len(h.background) - 1)],
        room.progression,
        room.progression_after,
        window.exposed[s],
        q.off_haematologic[s, r],
        q.off_solid[s, r],
        q.excess_haematologic[s, r],
        q.excess_solid[s, r],
        q.dead_haematologic[s, r],
        q.dead_solid[s, r],
        q.dead_progression[s, r],
        h.survival[s, min(r, h.survival.shape[1] - 1)],
        Tunnels(q.since[s, row], q.entry[s, r], q.all_cause),
        h.entrants,
    )


@compiled
def keep_curves(kept: Kept, boundaries: Array, s: int, r: int, curves: Array) -> None:
    """Median, mean and landmarks of each curve."""
    for c in range(len(curves)):
        kept.median[c, r, s] = median_of(curves[c], boundaries)
        kept.mean[c, r, s] = mean_of(curves[c], boundaries)
        for j in range(len(kept.landmarks)):
            kept.values[c, r, s, j] = value_at(curves[c], boundaries, kept.landmark_cycles[j], kept.landmarks[j])


@compiled
def run(
    h: Hazard, q: Rates, window: Window, told: Told, w: Weights, boundaries: Array, rows: int, sums: Sums, kept: Kept
) -> None:
    """Every cohort of a block: rows and strategies do not know of each other."""
    room = room_for(len(boundaries) - 1, h.progression.shape[2])
    for r in range(rows):
        for s in range(len(window.start)):
            starting = told.starting[s, r]
            rate, other, negative = stop(
                window,
                s,
                exits_of(h, q, told, s, r),
                told,
                r,
                room.on,
                room.progression,
                room.progression_after,
                room.parts,
            )
            kept.toxicity_rate[r, s], kept.other_rate[r, s], kept.negative[r, s] = rate, other, negative
            traced = r < len(kept.occupancy)
            occupancy = kept.occupancy[r, s] if traced else room.occupancy
            flows = kept.flows[r, s] if traced else room.flows
            curves = kept.curves[r, s] if traced else room.curves
            cohort = cohort_of(h, q, window, s, r, room)
            if not kept.given:
                kept.clipped[r, s] = walk(cohort, room.on, occupancy, flows, room.inside)
            progression_free(cohort, room.on, curves[NET_OF_SPM])
            draw_curves(window, occupancy, s, starting, room.on, curves)
            count_time(w, occupancy, s, r, room.on, sums)
            count_arrivals(w, flows, s, r, sums)
            count_packs(w, occupancy, s, r, room.on, sums)
            count_starters(w, occupancy, s, r, starting, sums)
            room.curves[:] = curves
            if window.start[s] > 0.0:
                late_start(
                    room.curves[ON_DRUG], present_at_start(w, window, occupancy, s, starting, rate, other)
                )
            keep_curves(kept, boundaries, s, r, room.curves)

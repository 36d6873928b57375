"""The Trace sheets: where the cohort of a strategy is, cycle by cycle."""

import numpy as np

from markov.analysis.base_case import BaseCase
from markov.report.page import STATE_COLOURS, Chart, Page, Series, Table, trace_name
from markov.report.sheets.tables import by_column
from markov.terms import STATE_LABELS, State

YEARS, STATES, ALIVE, PROGRESSION_FREE, TREATED = 1, 2, 8, 9, 10
"""Columns of the table that charts draw."""


def trace_page(result: BaseCase, i: int) -> Page:
    """Occupancy by cycle of one strategy.

    >>> trace_page(calgb_base, 1).name
    'Trace Lenalidomide'
    """
    label, trace = result.labels[i], result.outcomes.trace
    assert trace is not None
    curves = np.stack([trace.curves[key][0, i] for key in ("os", "pfs_net_of_spm", "on_treatment")], axis=-1)
    free = "Progression-free, net of SPM (share)"
    columns = by_column(
        range(len(trace.boundaries)),
        ("Cycle", "integer", lambda k: k),
        ("Years from time zero", "years", lambda k: trace.boundaries[k]),
        ([f"{STATE_LABELS[s]} (share)" for s in State], "share", lambda k: trace.occupancy[0, i, k]),
        (["Alive (share)", free, "On treatment (share)"], "share", lambda k: curves[k]),
    )
    table = Table("Occupancy", *columns, "trace", long=True)
    return Page(
        trace_name(result.labels, i),
        f"Trace: {label}",
        "Share of the cohort in each state at the start of each cycle (the last row: at the horizon).",
        ((_occupancy_chart(result, i),), table),
        widths=(10.0, 11.0, *(14.0,) * 9),
    )


def _occupancy_chart(result: BaseCase, i: int) -> Chart:
    """States of one strategy through time, stacked."""
    name = trace_name(result.labels, i)
    series = tuple(
        Series(STATE_LABELS[state], name, "trace", YEARS, STATES + j, STATE_COLOURS[j]) for j, state in enumerate(State)
    )
    mean = result.outcomes.life_years[0, i, 0]
    title = f"{result.labels[i]}: {mean.sum():.1f} years alive, {mean[:2].sum():.1f} of them without progression"
    return Chart("area", title, "Years from time zero", "Share of patients", series, None, 1.0, "0", "0%")

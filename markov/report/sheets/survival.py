"""The Survival sheet: the trial's own figures beside the model's."""

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from markov.analysis.base_case import BaseCase
from markov.analysis.trial_comparison import TrialComparison
from markov.report import words
from markov.report.page import Cell, Chart, Column, Page, Series, Table, Text, trace_name
from markov.report.sheets.charts import colour
from markov.report.sheets.tables import ENDPOINT_LABELS, by_column, finite, joined
from markov.report.sheets.trace import ALIVE, PROGRESSION_FREE, YEARS
from markov.terms import MONTHS_PER_YEAR

Published = Mapping[tuple[str, str], tuple[int, int]]
"""First and last row of the table of published points, by endpoint and strategy."""
NOTHING: Published = MappingProxyType({})


def survival_page(result: BaseCase) -> Page:
    """Modelled survival beside the trial's own figures, with the reason for each difference.

    >>> survival_page(calgb_base).blocks[2].rows[0][:3]
    ('No maintenance', 'Progression-free survival', 'median, months')
    """
    points, where = _points(result)
    return Page(
        "Survival",
        "Survival against the trial",
        "Each published figure of the trial beside the model's own.",
        (
            Text(_facts(result)),
            survival_charts(result, where),
            *((_trial_table(result), points) if result.trial else (Text("The workbook names no trial results."),)),
        ),
        widths=(16.0, 20.0, 16.0, 10.0, 8.0, 8.0, 10.0, 11.0, 12.0, 17.0, 58.0),
    )


def _facts(result: BaseCase) -> str:
    zero = result.inputs.text("settings.time_zero").replace("_", " ")
    floored, crossed = (
        ", ".join(f"{label} {int(n)}" for label, n in zip(result.labels, result.outcomes.counts[key][0], strict=True))
        for key in ("floored_cycles", "crossing_cycles")
    )
    return (
        f"Time zero: {zero}. PFS is modelled net of second malignancies, as trials count it. Cycles in which PFS is "
        f"floored at the general population's mortality: {floored}. Cycles in which PFS is capped at OS: {crossed}."
    )


def survival_charts(result: BaseCase, published: Published = NOTHING) -> tuple[Chart, Chart]:
    """Progression-free and overall survival of every strategy, with the published points where they stand in a table.

    >>> [line.name for line in survival_charts(calgb_base)[1].series]
    ['No maintenance', 'Lenalidomide']
    """
    return (
        _chart(result, "pfs", PROGRESSION_FREE, words.finding_progression(result), published),
        _chart(result, "os", ALIVE, words.finding_survival(result), published),
    )


def _chart(result: BaseCase, endpoint: str, column: int, title: str, published: Published) -> Chart:
    labels, trace = result.labels, result.outcomes.trace
    series = [Series(label, trace_name(labels, i), "trace", YEARS, column, colour(i)) for i, label in enumerate(labels)]
    for i, (name, label) in enumerate(zip(result.outcomes.strategies, labels, strict=True)):
        if (endpoint, name) in published:
            told = f"{label}, published"
            series.append(Series(told, "Survival", "points", 2, 3, colour(i), *published[endpoint, name], markers=True))
    assert trace is not None
    limit = min(25.0, float(round(trace.boundaries[-1])))
    return Chart("lines", title, "Years from time zero", "Share of patients", tuple(series), limit, 1.0, "0", "0%")


def _points(result: BaseCase) -> tuple[Table, Published]:
    """Published medians and landmarks as points of the charts, and their rows by endpoint and strategy."""
    rows: list[tuple[Cell, ...]] = []
    where: dict[tuple[str, str], tuple[int, int]] = {}
    for endpoint in ("pfs", "os"):
        for strategy, label in zip(result.outcomes.strategies, result.labels, strict=True):
            told = [c.result for c in result.trial if (c.result.endpoint, c.result.strategy) == (endpoint, strategy)]
            points = [(t.value, 0.5) if t.measure == "median" else (t.months, t.value) for t in told]
            if points:
                where[endpoint, strategy] = (len(rows), len(rows) + len(points) - 1)
            rows += [(label, ENDPOINT_LABELS[endpoint], months / MONTHS_PER_YEAR, share) for months, share in points]
    columns = (Column("Strategy", "strong"), Column("Endpoint"), Column("Years", "years"), Column("Share", "share"))
    return Table("Published points drawn in the charts", columns, tuple(rows), "points"), where


def _trial_table(result: BaseCase) -> Table:
    columns = by_column(
        result.trial,
        ("Strategy", "strong", lambda c: result.inputs.labels[c.result.strategy]),
        ("Endpoint", "text", lambda c: ENDPOINT_LABELS[c.result.endpoint]),
        ("Figure", "text", _figure),
        (["Published", "Low", "High"], "number", lambda c: (c.result.value, c.result.low, c.result.high)),
        ("Modelled", "number", lambda c: finite(c.modelled)),
        ("Difference", "number", lambda c: finite(c.modelled - c.result.value)),
        ("Verdict", "text", verdict_of),
        ("Status", "text", lambda c: c.result.status),
        ("Source and reason for a difference", "text", reason_of),
    )
    return Table(
        "Modelled against published",
        *columns,
        "trial",
        verdict=8,
        weak=9,
        looks=tuple("months" if c.result.measure == "median" else "number" for c in result.trial),
    )


def _figure(comparison: TrialComparison) -> str:
    told = comparison.result
    return "median, months" if told.measure == "median" else f"{told.measure} at {told.months:g} months"


def verdict_of(comparison: TrialComparison) -> str:
    """Whether the model's figure lies within the published interval.

    >>> from dataclasses import replace
    >>> verdict_of(replace(calgb_base.trial[0], modelled=float("nan")))
    'not reached'
    """
    if not np.isfinite(comparison.modelled):
        return "not reached"
    return {None: "no interval", True: "within", False: "outside"}[comparison.within]


def reason_of(comparison: TrialComparison) -> str:
    """Where a published figure comes from, and why the model's may differ.

    >>> reason_of(calgb_base.trial[0]).split(" · ")[:2]
    ['McCarthy, N Engl J Med, 2012', 'evidence T119']
    """
    return joined(comparison.result.source, comparison.result.page, comparison.result.comment)

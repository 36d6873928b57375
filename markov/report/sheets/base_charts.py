"""The charts of the report as data: which columns of which table, with a title that states the finding."""

from collections.abc import Mapping
from types import MappingProxyType

from markov.analysis.base_case import BaseCase
from markov.report import words
from markov.report.page import CATEGORY_COLOURS, STATE_COLOURS, STRATEGY_COLOURS, Chart, Series, trace_name
from markov.terms import COST_LABELS, STATE_LABELS, CostCategory, State

Published = Mapping[tuple[str, str], tuple[int, int]]
NOTHING: Published = MappingProxyType({})
TRACE_YEARS, TRACE_STATES, TRACE_ALIVE, TRACE_PROGRESSION_FREE = 1, 2, 8, 9


def colour(i: int) -> str:
    """A strategy's colour, the same on every chart; the reference is grey."""
    return STRATEGY_COLOURS[i % len(STRATEGY_COLOURS)]


def survival_charts(result: BaseCase, published: Published = NOTHING) -> tuple[Chart, Chart]:
    """Progression-free and overall survival of every strategy.

    `published` gives the rows of the Survival sheet's table of points for an endpoint and a strategy.
    """
    return (
        _survival(result, "pfs", TRACE_PROGRESSION_FREE, words.finding_progression(result), published),
        _survival(result, "os", TRACE_ALIVE, words.finding_survival(result), published),
    )


def _survival(result: BaseCase, endpoint: str, column: int, title: str, published: Published) -> Chart:
    series = [
        Series(label, trace_name(result.labels, i), "trace", TRACE_YEARS, column, colour(i))
        for i, label in enumerate(result.labels)
    ]
    for i, (name, label) in enumerate(zip(result.outcomes.strategies, result.labels, strict=True)):
        if (endpoint, name) in published:
            first, last = published[endpoint, name]
            series.append(
                Series(f"{label}, published", "Survival", "points", 2, 3, colour(i), first, last, markers=True)
            )
    assert result.outcomes.trace is not None
    limit = min(25.0, float(round(result.outcomes.trace.boundaries[-1])))
    return Chart("lines", title, "Years from time zero", "Share of patients", tuple(series), limit, 1.0, "0", "0%")


def occupancy_chart(result: BaseCase, i: int) -> Chart:
    """States of one strategy through time, stacked."""
    label = result.inputs.labels[result.outcomes.strategies[i]]
    series = tuple(
        Series(
            STATE_LABELS[state], trace_name(result.labels, i), "trace", TRACE_YEARS, TRACE_STATES + j, STATE_COLOURS[j]
        )
        for j, state in enumerate(State)
    )
    mean = result.outcomes.life_years[0, i, 0]
    title = f"{label}: {mean.sum():.1f} years alive, {mean[:2].sum():.1f} of them without progression"
    return Chart("area", title, "Years from time zero", "Share of patients", series, None, 1.0, "0", "0%")


def cost_chart(result: BaseCase) -> Chart:
    """Discounted costs by category, stacked by strategy."""
    count = len(result.outcomes.strategies)
    series = tuple(
        Series(COST_LABELS[c], "Disaggregated", "costs_1", 1, 1, CATEGORY_COLOURS[j], first=j, until=count)
        for j, c in enumerate(CostCategory)
    )
    y_title = f"{result.inputs.currency} per patient, discounted"
    return Chart("bars", words.finding_costs(result), "", y_title, series, y_format="#,##0")


def frontier_chart(result: BaseCase) -> Chart:
    """Strategies on the plane of QALYs and cost, joined where they are on the frontier."""
    names = [row.strategy for row in result.incremental]
    order, labels = list(result.outcomes.strategies), result.inputs.labels
    points = tuple(
        Series(
            labels[name], "Incremental", "incremental", 2, 1, colour(order.index(name)), first=i, last=i, markers=True
        )
        for i, name in enumerate(names)
    )
    line = Series("Frontier", "Incremental", "frontier", 2, 1, "#1F2A37", dashed=True)
    x_title, y_title = "QALYs per patient, discounted", f"Cost ({result.inputs.currency}) per patient, discounted"
    return Chart(
        "points", words.finding_frontier(result), x_title, y_title, (line, *points), None, None, "0.0", "#,##0"
    )

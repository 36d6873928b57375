"""The Incremental sheet: which strategies are on the frontier, at what ratio, and the net benefit of each."""

from collections.abc import Iterator, Mapping

import numpy as np

from markov.analysis.base_case import BaseCase
from markov.analysis.incremental import icer_in_words
from markov.report import words
from markov.report.page import Chart, Look, Page, Series, Table
from markov.report.sheets.charts import INK, colour
from markov.report.sheets.tables import by_column
from markov.terms import Array, Position

POSITIONS = {
    Position.REFERENCE: "reference",
    Position.FRONTIER: "on the frontier",
    Position.DOMINATED: "dominated",
    Position.EXTENDEDLY_DOMINATED: "extendedly dominated",
    Position.EQUAL: "equal to another strategy",
}


def incremental_page(result: BaseCase) -> Page:
    """Full incremental analysis, pairwise comparison and net benefit, with the rules.

    >>> [row[6] for row in incremental_page(calgb_base).blocks[0].rows]
    ['reference', 'on the frontier']
    """
    return Page(
        "Incremental",
        "Incremental analysis",
        "Discounted costs and QALYs per patient. An ICER is shown only where it can be read; quadrants are named.",
        (
            _full_table(result),
            (frontier_chart(result),),
            _frontier_table(result),
            _pairwise_table(result),
            *_net_benefit_tables(result),
        ),
        widths=(34.0, 18.0, 18.0, 28.0, 36.0, 22.0, 40.0),
    )


def _full_table(result: BaseCase) -> Table:
    currency, labels = result.inputs.currency, result.inputs.labels
    note = (
        "Each strategy on the frontier is compared with the one before it. Dominated: another strategy costs no more "
        "and gives no less, one of the two strictly. Extendedly dominated: a mix of two others costs less for the same "
        "effect. Strategies exactly on the line between two others stay on the frontier; of identical ones the first "
        "keeps its position and the others are called equal."
    )
    columns = by_column(
        result.incremental,
        ("Strategy, by cost", "strong", lambda row: labels[row.strategy]),
        (f"Cost ({currency})", "money", lambda row: row.cost),
        ("QALYs", "qaly", lambda row: row.qaly),
        (f"Incremental cost ({currency})", "money", lambda row: row.delta_cost),
        ("Incremental QALYs", "qaly", lambda row: row.delta_qaly),
        (f"ICER ({currency} per QALY)", "money", lambda row: row.icer),
        ("Position", "text", lambda row: POSITIONS[row.position] + _by_whom(row.dominated_by, labels)),
    )
    return Table("Full incremental analysis", *columns, "incremental", (note,))


def _by_whom(dominated_by: str | None, labels: Mapping[str, str]) -> str:
    """Strategies that dominate, by their labels."""
    if not dominated_by:
        return ""
    for name in sorted(labels, key=len, reverse=True):
        dominated_by = dominated_by.replace(name, labels[name].lower())
    return f" by {dominated_by}"


def _frontier_table(result: BaseCase) -> Table:
    """The strategies on the frontier alone, in order: the line of the chart."""
    labels, currency = result.inputs.labels, result.inputs.currency
    columns = by_column(
        (row for row in result.incremental if row.position in (Position.REFERENCE, Position.FRONTIER)),
        ("On the frontier", "strong", lambda row: labels[row.strategy]),
        (f"Cost ({currency})", "money", lambda row: row.cost),
        ("QALYs", "qaly", lambda row: row.qaly),
    )
    return Table("Efficiency frontier", *columns, "frontier")


def frontier_chart(result: BaseCase) -> Chart:
    """Strategies on the plane of QALYs and cost, joined where they are on the frontier.

    >>> [series.name for series in frontier_chart(calgb_base).series]
    ['Frontier', 'No maintenance', 'Lenalidomide']
    """
    order, page, table = list(result.outcomes.strategies), "Incremental", "incremental"
    places = [(row.strategy, order.index(row.strategy)) for row in result.incremental]
    points = (
        Series(result.inputs.labels[name], page, table, 2, 1, colour(place), first=i, last=i, markers=True)
        for i, (name, place) in enumerate(places)
    )
    series = (Series("Frontier", page, "frontier", 2, 1, INK, dashed=True), *points)
    x_title, y_title = "QALYs per patient, discounted", f"Cost ({result.inputs.currency}) per patient, discounted"
    return Chart("points", words.finding_frontier(result), x_title, y_title, series, None, None, "0.0", "#,##0")


def _pairwise_table(result: BaseCase) -> Table:
    inputs = result.inputs
    columns = by_column(
        result.pairwise,
        (f"Against {inputs.labels[inputs.reference].lower()}", "strong", lambda row: inputs.labels[row.strategy]),
        (f"Difference in cost ({inputs.currency})", "money", lambda row: row.delta_cost),
        ("Difference in QALYs", "qaly", lambda row: row.delta_qaly),
        ("Quadrant", "text", lambda row: row.quadrant.value),
        ("Ratio in words", "text", lambda row: icer_in_words(row, inputs.currency)),
    )
    return Table("Pairwise comparison", *columns, "pairwise")


def _net_benefit_tables(result: BaseCase) -> Iterator[Table]:
    inputs, benefit, labels = result.inputs, result.net_benefit, result.labels
    kinds: tuple[tuple[str, Array, str, Look, str], ...] = (
        ("Net monetary benefit", benefit.monetary, inputs.currency, "money", "threshold × QALYs − cost"),
        ("Net health benefit", benefit.health, "QALYs", "qaly", "QALYs − cost/threshold"),
    )
    for name, values, unit, look, formula in kinds:
        columns, rows = by_column(
            zip(inputs.thresholds, values, strict=True),
            ("Threshold", "strong", lambda at: words.per_qaly(at[0], inputs.currency)),
            ([f"{label} ({unit})" for label in labels], look, lambda at: at[1]),
            ("Highest", "text", lambda at: labels[int(np.argmax(at[1]))]),
        )
        yield Table(name, columns, rows, name.lower().replace(" ", "_"), (f"{name} = {formula}.",))

"""The Disaggregated sheet: where costs and effects arise."""

from collections.abc import Sequence

from markov.analysis.base_case import BaseCase
from markov.report import words
from markov.report.page import CATEGORY_COLOURS, Chart, Look, Page, Series, Table
from markov.report.sheets.tables import by_column
from markov.terms import COST_LABELS, LIVING, QALY_LABELS, STATE_LABELS, CostCategory


def disaggregated_page(result: BaseCase) -> Page:
    """Life-years and QALYs by state, QALYs by component, costs by category: discounted and not, with differences.

    >>> [block.title for block in disaggregated_page(calgb_base).blocks[1:3]]
    ['Costs by category (GBP), discounted', 'QALYs by state, discounted']
    """
    states, unit = [STATE_LABELS[s] for s in LIVING], f" ({result.inputs.currency})"
    parts: tuple[tuple[str, str, str, str, Sequence[str], Look], ...] = (
        ("costs", "Costs", "category", unit, list(COST_LABELS.values()), "money"),
        ("qalys", "QALYs", "state", "", states, "qaly"),
        ("life_years", "Life-years", "state", "", states, "qaly"),
        ("qaly_components", "QALYs", "component", "", list(QALY_LABELS.values()), "qaly"),
    )
    tables = (_table(result, schedule, *part) for schedule in (1, 0) for part in parts)
    return Page(
        "Disaggregated",
        "Disaggregated results",
        "Where costs and effects arise, per patient. Differences are against the reference strategy.",
        ((_cost_chart(result),), *tables),
        widths=(40.0, *(18.0,) * 9),
    )


def _table(
    result: BaseCase, schedule: int, name: str, what: str, by: str, unit: str, parts: Sequence[str], look: Look
) -> Table:
    """One kind of outcome by its parts, with the total; `schedule` is 1 for discounted, 0 for undiscounted."""
    outcomes, labels = result.outcomes, result.labels
    values = getattr(outcomes, name)[0, :, schedule]
    reference = outcomes.strategies.index(result.inputs.reference)
    others = [i for i in range(len(labels)) if i != reference]
    lines = [*((part, values[:, j]) for j, part in enumerate(parts)), ("Total", values.sum(axis=-1))]
    columns = by_column(
        lines,
        (by.capitalize(), "strong", lambda line: line[0]),
        (labels, look, lambda line: line[1]),
        (
            [f"Difference, {labels[i].lower()}" for i in others],
            look,
            lambda line: line[1][others] - line[1][reference],
        ),
    )
    return Table(
        f"{what} by {by}{unit}, {('undiscounted', 'discounted')[schedule]}",
        *columns,
        f"{name}_{schedule}",
        bold=frozenset({len(parts)}),
    )


def _cost_chart(result: BaseCase) -> Chart:
    """Discounted costs by category, stacked by strategy."""
    count = len(result.labels)
    series = tuple(
        Series(COST_LABELS[c], "Disaggregated", "costs_1", 1, 1, CATEGORY_COLOURS[j], first=j, until=count)
        for j, c in enumerate(CostCategory)
    )
    y_title = f"{result.inputs.currency} per patient, discounted"
    return Chart("bars", words.finding_costs(result), "", y_title, series, y_format="#,##0")

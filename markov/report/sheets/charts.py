"""What the charts of several sheets share: colours, and a line for each strategy or threshold."""

from collections.abc import Sequence

from markov.report.page import LINE_COLOURS, STRATEGY_COLOURS, Series
from markov.report.words import per_qaly

CHART_DATA = "Chart data"  # the sheet of what charts draw
INK, GREY = "#1F2A37", "#9AA5B1"


def colour(i: int) -> str:
    """A strategy's colour, the same on every chart; the reference is grey.

    >>> colour(1), colour(len(STRATEGY_COLOURS)) == colour(0)
    ('#2F6DB5', True)
    """
    return STRATEGY_COLOURS[i % len(STRATEGY_COLOURS)]


def by_strategy(labels: Sequence[str], page: str, table: str, first: int) -> list[Series]:
    """A line for each strategy over a table's first column, the reference's in column `first`.

    >>> [(line.name, line.y) for line in by_strategy(["None", "A"], "Bridge", "rates", 1)]
    [('None', 1), ('A', 2)]
    """
    return [Series(label, page, table, 0, first + i, colour(i)) for i, label in enumerate(labels)]


def by_threshold(
    thresholds: Sequence[float], currency: str, page: str, tables: Sequence[str], x: int, columns: Sequence[int]
) -> tuple[Series, ...]:
    """A line for each threshold, each in its own table or column.

    >>> [line.name for line in by_threshold([25000.0, 35000.0], "GBP", "Threshold", ["t", "t"], 0, [2, 4])]
    ['£25,000 per QALY', '£35,000 per QALY']
    """
    places = zip(thresholds, tables, columns, strict=True)
    return tuple(
        Series(per_qaly(threshold, currency), page, table, x, column, LINE_COLOURS[i % len(LINE_COLOURS)])
        for i, (threshold, table, column) in enumerate(places)
    )

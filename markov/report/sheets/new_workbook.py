"""What a command put into the new workbook, and what of the old one could not come along."""

from collections.abc import Mapping, Sequence

from markov.inputs.definitions.schema import label_of
from markov.report.page import Block, Cell, Column, Page, Table, Text


def new_workbook_page(
    name: str,
    labels: Mapping[str, str],
    changes: Mapping[str, Mapping[str, object] | None],
    others: Sequence[str],
    left_behind: Sequence[str],
    removed: Sequence[str] = (),
) -> Page:
    """Rows written by id with their uncertainty, rows taken away, other sheets changed, and what was left behind."""
    columns = (
        Column("Id", "strong"),
        Column("Parameter"),
        Column("Value", "share"),
        Column("Unit"),
        Column("Standard error", "share"),
        Column("Low", "share"),
        Column("High", "share"),
        Column("Distribution"),
        Column("Status"),
        Column("Comment"),
    )
    headers = ("value", "unit", "se", "low", "high", "distribution", "status", "comment")
    rows = tuple(
        (identifier, label_of(identifier, labels), *(_cell(row.get(header)) for header in headers))
        for identifier, row in changes.items()
        if row is not None
    )
    lost = "; ".join(left_behind)
    words = [
        f"The new workbook is {name}. The one that was read is unchanged.",
        f"Rows taken away, because the new curve does not use them: {', '.join(removed)}." if removed else "",
        *others,
        f"Could not be carried over: {lost}." if lost else "Everything of the old workbook was carried over.",
    ]
    blocks: tuple[Block, ...] = (
        *(Text(sentence) for sentence in words if sentence),
        Table("Rows written", columns, rows, "rows", weak=8),
    )
    subtitle = "Every row that the command wrote, as it stands in the new workbook."
    widths = (32.0, 36.0, 12.0, 11.0, 11.0, 11.0, 11.0, 13.0, 15.0, 36.0)
    return Page("New workbook", "The new workbook", subtitle, blocks, widths)


def _cell(value: object) -> Cell:
    return value if isinstance(value, str | float | int) or value is None else str(value)

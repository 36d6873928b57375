"""The Inputs used sheet: every value with its source, evidence status and cell."""

from collections.abc import Sequence

from markov.analysis.base_case import BaseCase
from markov.excel.style import CONFIDENTIAL
from markov.inputs.parameters import Parameter
from markov.report import words
from markov.report.page import Page, Table
from markov.report.sheets.tables import by_column

WEAK = "A reviewer should begin here: nobody has checked these against a paper for this workbook."
SECRET = (
    "Rows in turquoise are confidential, and so is every number that depends on them: markov run --redact writes a "
    "copy without them."
)


def inputs_page(result: BaseCase) -> Page:
    """Every value used, with source, status and cell; what is assumed or unverified comes first.

    >>> [table.title for table in inputs_page(calgb_base).blocks][1]
    'Read in their source, or choices of method'
    """
    inputs = result.inputs
    weak = words.weak(inputs.parameters.values())
    weak_ids = {p.id for p in weak}
    strong = [p for p in inputs.parameters.values() if p.value is not None and p.id not in weak_ids]
    told = (SECRET,) if any(p.confidential for p in inputs.parameters.values()) else ()
    return Page(
        "Inputs used",
        "Inputs used",
        f"Every value that {inputs.name} gave, with its source, evidence status and cell.",
        (
            _table(f"Derived, unverified or assumed: {len(weak)} values", weak, "weak_inputs", (WEAK,), 6),
            _table("Read in their source, or choices of method", strong, "inputs", told),
        ),
        widths=(38.0, 30.0, 18.0, 16.0, 10.0, 12.0, 16.0, 30.0, 14.0, 16.0, 10.0, 44.0),
    )


def _table(title: str, listed: Sequence[Parameter], key: str, notes: tuple[str, ...], weak: int | None = None) -> Table:
    columns, rows = by_column(
        listed,
        ("Id", "strong", lambda p: p.id),
        ("What it is", "text", lambda p: p.label),
        ("Value", "exact", lambda p: p.value),
        ("Unit", "text", lambda p: p.unit),
        ("Standard error", "exact", lambda p: p.se),
        ("Distribution", "text", lambda p: "" if p.definition.is_method else str(p.distribution).replace("_", "-")),
        (["Status", "Source", "Page or table"], "text", lambda p: (p.status, p.source, p.page)),
        ("Cell", "text", lambda p: p.cell),
        ("Changed from", "exact", lambda p: p.base_case if p.is_changed else None),
        ("Comment", "text", lambda p: p.comment),
    )
    return Table(title, columns, rows, key, notes, weak=weak, tints=marked(listed, len(columns)))


def marked(rows: Sequence[Parameter], columns: int) -> tuple[tuple[str, ...], ...]:
    """Colours of rows: those of confidential values are marked, and nothing where there are none.

    >>> marked(list(calgb.parameters.values()), 12)
    ()
    """
    if not any(p.confidential for p in rows):
        return ()
    return tuple((CONFIDENTIAL if p.confidential else "",) * columns for p in rows)

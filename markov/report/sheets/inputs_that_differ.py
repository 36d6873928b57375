"""Inputs that differ between two workbooks, with the evidence of both, and the sheet on which steps are planned."""

from collections.abc import Iterator

from markov.analysis.walk.walk import NET_BENEFIT, Walk
from markov.analysis.walk.walk_steps import Step
from markov.excel.style import INPUT
from markov.inputs.differences import InputDifference
from markov.inputs.parameters import Inputs, Parameter
from markov.report import words
from markov.report.page import Block, Cell, Column, Page, Table, Text
from markov.report.sheets.tables import by_column, plain, settled


def differing_pages(walk: Walk) -> list[Page]:
    """The sheets Inputs that differ and Other differences.

    >>> from markov.analysis.walk.walk import walk
    >>> from markov.inputs.parameters import with_values
    >>> differing_pages(walk(calgb, with_values(calgb, {"cohort.age": 70.0})))[0].blocks[0].rows[0][:4]
    ('Population', 'Age at time zero', 58.0, 70.0)
    """
    return [_inputs_page(walk), _others_page(walk)]


def _inputs_page(walk: Walk) -> Page:
    """Every differing input by step: both values, what it moves alone, and what each workbook says of it."""
    labels = [walk.first.labels[s] for s in walk.terms.strategies]
    at = f"net benefit at {words.per_qaly(walk.terms.thresholds[0], walk.first.currency)}"
    changes = [f"{label}: change in {at}, this input alone ({walk.first.currency})" for label in labels]
    reasons = [f"Evidence and reason in {side.name}" for side in (walk.first, walk.second)]
    names, known = [walk.first.name, walk.second.name], {d.id: d for d in walk.found.inputs}
    columns, rows = by_column(
        ((step.name if i == 0 else "", known[key]) for step in walk.steps for i, key in enumerate(step.ids)),
        ("Step", "strong", lambda line: line[0]),
        ("Input", "text", lambda line: line[1].label),
        (names, "exact", lambda line: map(plain, line[1].values)),
        ("Unit", "text", lambda line: line[1].unit),
        (changes, "money", lambda line: _effects(walk, line[1])),
        (reasons, "text", lambda line: (_evidence(line[1].first), _evidence(line[1].second))),
        ("Id, and cells", "text", lambda line: _place(line[1])),
    )
    notes = (
        "Alone: this one input changed in the first workbook, at the prices paid there. Inputs that mean nothing apart "
        "have no effect of their own: the reason stands in its place. 0 where the settings do not use the input.",
    )
    table = Table("Inputs that differ", columns, rows, "differences", notes, long=True)
    subtitle = f"{len(rows)} inputs that the base case reads, in the order in which they move."
    widths = (26.0, 30.0, 19.0, 19.0, 12.0, *(17.0,) * len(labels), 36.0, 36.0, 32.0)
    return Page("Inputs that differ", "Inputs that differ", subtitle, (table,), widths)


def _effects(walk: Walk, difference: InputDifference) -> tuple[Cell, ...]:
    """What an input moves alone, or why it moves nothing."""
    single = walk.singles[difference.id]
    if single.effect is None:
        return (single.remark,) * len(walk.terms.strategies)
    return tuple(settled(float(value)) for value in single.effect[:, NET_BENEFIT])


def _place(difference: InputDifference) -> str:
    cells = " → ".join(row.cell for row in (difference.first, difference.second) if row is not None and row.cell)
    return f"{difference.id} ({cells})" if cells else difference.id


def _evidence(row: Parameter | None) -> str:
    """Status, source and page, then the comment, of what a workbook says of a value."""
    if row is None:
        return ""
    source = ", ".join(part for part in (row.source, row.page) if part)
    status = f"{row.status}: {source}" if row.status and source else row.status or source
    year = f"in prices of {row.price_year:.0f}" if row.price_year else ""
    return ". ".join(part.rstrip(".") for part in (status, year, row.comment) if part)


def _others_page(walk: Walk) -> Page:
    """What differs and moves nothing in a base case, and what the change logs say."""
    columns, rows = by_column(
        walk.found.inert,
        ("Input", "strong", lambda difference: difference.label),
        ([walk.first.name, walk.second.name], "exact", lambda difference: map(plain, difference.values)),
        ("Id", "text", lambda difference: difference.id),
    )
    counted = (
        *((f"Rows with one value and another {what}", n) for what, n in walk.found.described.items()),
        *((f"Rows of {sheet} in one workbook only", n) for sheet, n in walk.found.beside.items()),
    )
    blocks: tuple[Block, ...] = (
        Table("Inputs that a base case does not read", columns, rows, "inert")
        if rows
        else Text("No input differs that a base case does not read."),
        *((Table("Counted only", (Column("What", "strong"), Column("Rows", "integer")), counted),) if counted else ()),
        *_change_logs(walk),
    )
    subtitle = "These differences move no number of the walk. markov diff lists them one by one."
    return Page("Other differences", "Other differences", subtitle, blocks, (58.0, 44.0, 44.0, 40.0))


def _change_logs(walk: Walk) -> Iterator[Table]:
    """Lines of the change logs that only one workbook has."""
    pairs = ((walk.first, walk.second), (walk.second, walk.first))
    columns, rows = by_column(
        ((one.name, line) for one, other in pairs for line in one.changes if line not in other.changes),
        ("Workbook", "strong", lambda each: each[0]),
        (["Date", "Who", "What", "Why"], "text", lambda each: (*each[1], *("",) * 4)[:4]),
    )
    if rows:
        yield Table("Change logs, lines in one workbook only", columns, rows, "logs")


def steps_page(first: Inputs, second: Inputs, steps: tuple[Step, ...], found: tuple[InputDifference, ...]) -> Page:
    """The differing inputs with the step and order of each, to be edited and given back.

    >>> from markov.analysis.walk.walk_steps import planned_steps
    >>> from markov.inputs.parameters import with_values
    >>> other = with_values(calgb, {"cohort.age": 70.0})
    >>> found, steps = planned_steps(calgb, other, None)
    >>> steps_page(calgb, other, steps, found).blocks[1].rows[0][:3]
    (1, 'Population', 'Age at time zero')
    """
    known = {d.id: d for d in found}
    columns, rows = by_column(
        ((number, step.name, known[key]) for number, step in enumerate(steps, 1) for key in step.ids),
        ("order", "integer", lambda line: line[0]),
        ("step", "text", lambda line: line[1]),
        ("input", "strong", lambda line: line[2].label),
        ([f"value in {name}" for name in (first.name, second.name)], "exact", lambda line: map(plain, line[2].values)),
        (["unit", "id"], "text", lambda line: (line[2].unit, line[2].id)),
        (f"evidence in {second.name}", "text", lambda line: _evidence(line[2].second)),
    )
    tints = ((INPUT, INPUT, *("",) * 6),) * len(rows)
    words_above = Text(
        "Edit the yellow cells. Rows with one step move at once; the step with the lowest order moves first. A step "
        "has one order: write it in one of its rows or in all of them. A row without a step moves last. Save, then "
        f"give this file back: markov walk {first.name} {second.name} --steps THIS_FILE"
    )
    table = Table("Steps of the walk", columns, rows, "steps", long=True, tints=tints)
    subtitle = f"From {first.name} to {second.name}: which input moves at which step."
    widths = (8.0, 30.0, 46.0, 24.0, 24.0, 18.0, 44.0, 60.0)
    return Page("Steps", "Steps of the walk", subtitle, (words_above, table), widths)

"""Inputs that differ between two workbooks, with the evidence of both, and the sheet on which steps are planned."""

from collections.abc import Iterator

from markov.analysis.sensitivity.scenarios import NO_CHANGE
from markov.analysis.walk.walk import NET_BENEFIT, Walk
from markov.analysis.walk.walk_steps import Step
from markov.excel.style import INPUT
from markov.inputs.differences import InputDifference
from markov.inputs.parameters import Inputs, Parameter, Value
from markov.report import words
from markov.report.page import Block, Cell, Column, Page, Table, Text

STEPS_SHEET = "Steps"
ROUNDING = 1e-9  # QALYs; a smaller difference is none


def settled(value: float, *, money: bool) -> float:
    """A difference, 0 where it is only rounding.

    >>> settled(-0.001, money=True), settled(-0.001, money=False)
    (0.0, -0.001)
    """
    return 0.0 if abs(value) < (NO_CHANGE if money else ROUNDING) else value


def inputs_page(walk: Walk) -> Page:
    """Every differing input by step: both values, what it moves alone, and what each workbook says of it."""
    labels = [walk.first.labels[s] for s in walk.terms.strategies]
    at = f"net benefit at {words.per_qaly(walk.terms.thresholds[0], walk.first.currency)}"
    columns = (
        Column("Step", "strong"),
        Column("Input"),
        Column(walk.first.name, "exact"),
        Column(walk.second.name, "exact"),
        Column("Unit"),
        *(Column(f"{label}: change in {at}, this input alone ({walk.first.currency})", "money") for label in labels),
        Column(f"Evidence and reason in {walk.first.name}"),
        Column(f"Evidence and reason in {walk.second.name}"),
        Column("Id, and cells"),
    )
    known = {d.id: d for d in walk.found.inputs}
    rows = tuple(_row(walk, step, known[key], i) for step in walk.steps for i, key in enumerate(step.ids))
    notes = (
        "Alone: this one input changed in the first workbook, at the prices paid there. Inputs that mean nothing apart "
        "have no effect of their own: the reason stands in its place. 0 where the settings do not use the input.",
    )
    table = Table("Inputs that differ", columns, rows, "differences", notes, long=True)
    subtitle = f"{len(rows)} inputs that the base case reads, in the order in which they move."
    widths = (26.0, 30.0, 19.0, 19.0, 12.0, *(17.0,) * len(labels), 36.0, 36.0, 32.0)
    return Page("Inputs that differ", "Inputs that differ", subtitle, (table,), widths)


def _row(walk: Walk, step: Step, difference: InputDifference, number: int) -> tuple[Cell, ...]:
    single = walk.singles[difference.id]
    effects: tuple[Cell, ...] = (single.remark,) * len(walk.terms.strategies)
    if single.effect is not None:
        effects = tuple(settled(float(value), money=True) for value in single.effect[:, NET_BENEFIT])
    one, other = (_plain(value) for value in difference.values)
    cells = " → ".join(row.cell for row in (difference.first, difference.second) if row is not None and row.cell)
    place = f"{difference.id} ({cells})" if cells else difference.id
    evidence = (_evidence(difference.first), _evidence(difference.second))
    name = step.name if number == 0 else ""
    return (name, difference.label, one, other, difference.unit, *effects, *evidence, place)


def _plain(value: Value) -> Cell:
    return value.replace("_", " ") if isinstance(value, str) else value


def _evidence(row: Parameter | None) -> str:
    """Status, source and page, then the comment, of what a workbook says of a value."""
    if row is None:
        return ""
    source = ", ".join(part for part in (row.source, row.page) if part)
    status = f"{row.status}: {source}" if row.status and source else row.status or source
    year = f"in prices of {row.price_year:.0f}" if row.price_year else ""
    return ". ".join(part.rstrip(".") for part in (status, year, row.comment) if part)


# ------------------------------------------------------------------------------------------- other differences


def others_page(walk: Walk) -> Page:
    """What differs and moves nothing in a base case, and what the change logs say."""
    columns = (
        Column("Input", "strong"),
        Column(walk.first.name, "exact"),
        Column(walk.second.name, "exact"),
        Column("Id"),
    )
    rows = tuple((d.label, *(_plain(value) for value in d.values), d.id) for d in walk.found.inert)
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
    rows = [
        (one.name, *(tuple(line) + ("",) * 4)[:4])
        for one, other in ((walk.first, walk.second), (walk.second, walk.first))
        for line in one.changes
        if line not in other.changes
    ]
    if rows:
        heads = ("Workbook", "Date", "Who", "What", "Why")
        columns = tuple(Column(head, "strong" if i == 0 else "text") for i, head in enumerate(heads))
        yield Table("Change logs, lines in one workbook only", columns, tuple(rows), "logs")


# -------------------------------------------------------------------------------------------- planning the steps


def steps_page(first: Inputs, second: Inputs, steps: tuple[Step, ...], found: tuple[InputDifference, ...]) -> Page:
    """The differing inputs with the step and order of each, to be edited and given back."""
    columns = (
        Column("order", "integer"),
        Column("step"),
        Column("input", "strong"),
        Column(f"value in {first.name}", "exact"),
        Column(f"value in {second.name}", "exact"),
        Column("unit"),
        Column("id"),
        Column(f"evidence in {second.name}"),
    )
    known = {d.id: d for d in found}
    rows = tuple(
        (number, step.name, d.label, *(_plain(value) for value in d.values), d.unit, d.id, _evidence(d.second))
        for number, step in enumerate(steps, 1)
        for d in (known[key] for key in step.ids)
    )
    tints = ((INPUT, INPUT, *("",) * 6),) * len(rows)
    words_above = Text(
        "Edit the yellow cells. Rows with one step move at once; the step with the lowest order moves first. A step "
        "has one order: write it in one of its rows or in all of them. A row without a step moves last. Save, then "
        f"give this file back: markov walk {first.name} {second.name} --steps THIS_FILE"
    )
    table = Table("Steps of the walk", columns, rows, "steps", long=True, tints=tints)
    subtitle = f"From {first.name} to {second.name}: which input moves at which step."
    return Page(
        STEPS_SHEET,
        "Steps of the walk",
        subtitle,
        (words_above, table),
        (8.0, 30.0, 46.0, 24.0, 24.0, 18.0, 44.0, 60.0),
    )

"""Pages on what the results rest on: the trial's own figures, every input, and the checks."""

from collections.abc import Sequence

import numpy as np

from markov.analysis.bank.registry import Tested
from markov.analysis.base_case import BaseCase, TrialComparison
from markov.excel.style import CONFIDENTIAL
from markov.inputs.parameters import Parameter
from markov.report import words
from markov.report.page import Cell, Column, Look, Page, Table, Text
from markov.report.sheets.base_charts import survival_charts
from markov.report.sheets.verification import short_form_table
from markov.terms import MONTHS_PER_YEAR

ENDPOINTS = {
    "pfs": "Progression-free survival",
    "os": "Overall survival",
    "time_on_treatment": "Time on treatment",
    "discontinuation": "Stopped for toxicity, of those who start",
    "spm": "Second primary malignancy",
}


def survival_page(result: BaseCase) -> Page:
    """Modelled survival beside the trial's own figures, with the reason for each difference."""
    inputs = result.inputs
    rows = tuple(_trial_row(result, comparison) for comparison in result.trial)
    columns = (
        Column("Strategy", "strong"),
        Column("Endpoint"),
        Column("Figure"),
        Column("Published", "number"),
        Column("Low", "number"),
        Column("High", "number"),
        Column("Modelled", "number"),
        Column("Difference", "number"),
        Column("Verdict"),
        Column("Status"),
        Column("Source and reason for a difference"),
    )
    zero = inputs.text("settings.time_zero").replace("_", " ")
    counts = result.outcomes.counts
    floored = ", ".join(f"{la} {int(n)}" for la, n in zip(result.labels, counts["floored_cycles"][0], strict=True))
    crossed = ", ".join(f"{la} {int(n)}" for la, n in zip(result.labels, counts["crossing_cycles"][0], strict=True))
    facts = (
        f"Time zero: {zero}. PFS is modelled net of second malignancies, as trials count it. Cycles in which PFS is "
        f"floored at the general population's mortality: {floored}. Cycles in which PFS is capped at OS: {crossed}."
    )
    looks: tuple[Look, ...] = tuple("months" if c.result.measure == "median" else "number" for c in result.trial)
    title = "Modelled against published"
    table = Table(title, columns, rows, "trial", verdict=8, weak=9, looks=looks) if rows else None
    points, where = _points(result)
    blocks = (
        Text(facts),
        survival_charts(result, where),
        *((table, points) if rows else (Text("The workbook names no trial results."),)),
    )
    return Page(
        "Survival",
        "Survival against the trial",
        "Each published figure of the trial beside the model's own.",
        blocks,
        widths=(16.0, 20.0, 16.0, 10.0, 8.0, 8.0, 10.0, 11.0, 12.0, 17.0, 58.0),
    )


def _points(result: BaseCase) -> tuple[Table, dict[tuple[str, str], tuple[int, int]]]:
    """Published medians and landmarks as points of the charts, and their rows by endpoint and strategy."""
    rows: list[tuple[Cell, ...]] = []
    where: dict[tuple[str, str], tuple[int, int]] = {}
    for endpoint in ("pfs", "os"):
        for strategy in result.outcomes.strategies:
            told = [c.result for c in result.trial if (c.result.endpoint, c.result.strategy) == (endpoint, strategy)]
            points = [(t.value, 0.5) if t.measure == "median" else (t.months, t.value) for t in told]
            if points:
                where[endpoint, strategy] = (len(rows), len(rows) + len(points) - 1)
            label = result.inputs.labels[strategy]
            rows += [(label, ENDPOINTS[endpoint], months / MONTHS_PER_YEAR, share) for months, share in points]
    columns = (Column("Strategy", "strong"), Column("Endpoint"), Column("Years", "years"), Column("Share", "share"))
    return Table("Published points drawn in the charts", columns, tuple(rows), "points"), where


def _trial_row(result: BaseCase, comparison: TrialComparison) -> tuple[Cell, ...]:
    told, modelled = comparison.result, comparison.modelled
    figure = "median, months" if told.measure == "median" else f"{told.measure} at {told.months:g} months"
    verdict = {None: "no interval", True: "within", False: "outside"}[comparison.within]
    source = " · ".join(part for part in (told.source, told.page, told.comment) if part)
    known = not np.isnan(modelled)
    return (
        result.inputs.labels[told.strategy],
        ENDPOINTS[told.endpoint],
        figure,
        told.value,
        told.low,
        told.high,
        modelled if known else None,
        modelled - told.value if known else None,
        verdict if known else "not reached",
        told.status,
        source,
    )


# ----------------------------------------------------------------------------------------- inputs and checks


def inputs_page(result: BaseCase) -> Page:
    """Every value used, with source, status and cell; what is assumed or unverified comes first."""
    inputs = result.inputs
    weak = words.weak(inputs.parameters.values())
    weak_ids = {p.id for p in weak}
    strong = [p for p in inputs.parameters.values() if p.value is not None and p.id not in weak_ids]
    columns = (
        Column("Id", "strong"),
        Column("What it is"),
        Column("Value", "exact"),
        Column("Unit"),
        Column("Standard error", "exact"),
        Column("Distribution"),
        Column("Status"),
        Column("Source"),
        Column("Page or table"),
        Column("Cell"),
        Column("Changed from", "exact"),
        Column("Comment"),
    )
    return Page(
        "Inputs used",
        "Inputs used",
        f"Every value that {inputs.name} gave, with its source, evidence status and cell.",
        (
            Table(
                f"Derived, unverified or assumed: {len(weak)} values",
                columns,
                tuple(_input_row(p) for p in weak),
                "weak_inputs",
                weak=6,
                notes=("A reviewer should begin here: nobody has checked these against a paper for this workbook.",),
                tints=marked(weak, len(columns)),
            ),
            Table(
                "Read in their source, or choices of method",
                columns,
                tuple(_input_row(p) for p in strong),
                "inputs",
                notes=(_CONFIDENTIAL,) if any(p.confidential for p in inputs.parameters.values()) else (),
                tints=marked(strong, len(columns)),
            ),
        ),
        widths=(38.0, 30.0, 18.0, 16.0, 10.0, 12.0, 16.0, 30.0, 14.0, 16.0, 10.0, 44.0),
    )


_CONFIDENTIAL = (
    "Rows in turquoise are confidential, and so is every number that depends on them: markov run --redact writes a "
    "copy without them."
)


def marked(rows: Sequence[Parameter], columns: int) -> tuple[tuple[str, ...], ...]:
    """Colours of rows: those of confidential values are marked, and nothing where there are none."""
    if not any(p.confidential for p in rows):
        return ()
    return tuple((CONFIDENTIAL if p.confidential else "",) * columns for p in rows)


def _input_row(p: Parameter) -> tuple[Cell, ...]:
    distribution = "" if p.definition.is_method else str(p.distribution).replace("_", "-")
    changed = p.base_case if p.is_changed else None
    unit, comment = p.unit, p.comment
    return (p.id, p.label, p.value, unit, p.se, distribution, p.status, p.source, p.page, p.cell, changed, comment)


def checks_page(result: BaseCase, tested: Sequence[Tested] = ()) -> Page:
    """Checks with what was expected and observed, the short form of the verification bank, warnings of the workbook."""
    rows = tuple((c.title, c.expected, c.observed, c.verdict.value, c.note) for c in result.checks)
    columns = (Column("Check", "strong"), Column("Expected"), Column("Observed"), Column("Verdict"), Column("Note"))
    warnings = tuple(
        (p.place, p.rule, "" if p.found is None else str(p.found), p.remedy) for p in result.inputs.warnings
    )
    blocks: list[Table] = [Table("Checks of this run", columns, rows, "checks", verdict=3)]
    if tested:
        blocks.append(short_form_table(tested))
    if warnings:
        headers = (Column("Place", "strong"), Column("Rule"), Column("Found"), Column("Remedy"))
        blocks.append(Table("Warnings about the workbook", headers, warnings, "warnings", spread=True, whole=True))
    return Page(
        "Checks",
        "Checks",
        words.checks_counted(result),
        tuple(blocks),
        widths=(58.0, 34.0, 34.0, 14.0, 60.0),
    )

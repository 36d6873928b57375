"""The Severity sheet: what patients lose under current care, NICE's weight, and the result with and without it."""

from markov.analysis.interpretation.severity import LEVELS, Severity
from markov.report import words
from markov.report.page import Block, Cell, Column, Look, Page, Table, Text


def severity_page(result: Severity, currency: str) -> Page:
    """Shortfalls with the cut-offs they are held against, and each comparison without and with the weight."""
    blocks: tuple[Block, ...] = (
        Text(severity_in_words(result), "lead"),
        *(Text(remark, "changed") for remark in result.remarks),
        _shortfall_table(result),
        _level_table(),
        _weight_table(result, currency),
    )
    subtitle = "QALYs lost under current care against people of the same age and sex, as NICE asks for."
    return Page("Severity", "Severity", subtitle, blocks, (52.0, *(18.0,) * 7))


def severity_in_words(result: Severity) -> str:
    """The shortfalls and the weight in a sentence."""
    return (
        f"Under {result.label.lower()} patients lose {result.absolute:.2f} discounted QALYs, {result.proportional:.0%} "
        f"of what people of their age and sex have left: the QALY weight is {result.weight:g}."
    )


def _shortfall_table(result: Severity) -> Table:
    people, share = result.population, result.proportion_female
    rows: list[tuple[str, str, float, Look]] = [
        ("Age at the start", "years", result.age, "months"),
        ("Proportion of women", "share", share, "percent"),
        ("General population: life-years, undiscounted", "years", float(people.life_years[0]), "years"),
        ("General population: QALYs, undiscounted", "QALYs", float(people.qalys_undiscounted[0]), "years"),
        ("General population: QALYs, discounted", "QALYs", float(people.qalys[0]), "years"),
        (f"{result.label}: QALYs, discounted", "QALYs", result.care, "years"),
        ("Absolute shortfall", "QALYs", result.absolute, "years"),
        ("Proportional shortfall", "share", result.proportional, "percent"),
        ("Weight by the absolute shortfall", "factor", result.by_absolute, "years"),
        ("Weight by the proportional shortfall", "factor", result.by_proportional, "years"),
        ("Weight, the higher of the two", "factor", result.weight, "years"),
    ]
    columns = (Column("Quantity", "strong"), Column("Value", "number"), Column("Unit"))
    values: tuple[tuple[Cell, ...], ...] = tuple((name, value, unit) for name, unit, value, _ in rows)
    notes = (
        "The general population's survival and utility are the workbook's own life table and norms, each sex by "
        "itself; horizon, correction and discounting are the model's. Current care is the reference strategy.",
        "Source: NICE, Health technology evaluations: the manual (PMG36), from 6.2.12; NICE DSU, TSD 23.",
    )
    looks = tuple(look for *_, look in rows)
    return Table("QALY shortfall", columns, values, "shortfall", notes, bold=frozenset({len(rows) - 1}), looks=looks)


def _level_table() -> Table:
    columns = (
        Column("QALY weight", "strong"),
        Column("Absolute shortfall of at least (QALYs)", "months"),
        Column("Proportional shortfall of at least", "percent"),
    )
    rows: list[tuple[Cell, ...]] = [("1", None, None)]
    rows += [(f"{weight:g}", absolute, proportional) for weight, absolute, proportional in LEVELS]
    return Table("Cut-offs", columns, tuple(rows), "levels")


def _weight_table(result: Severity, currency: str) -> Table:
    columns = [
        Column(f"Against {result.label.lower()}", "strong"),
        Column("QALYs gained, as they are", "qaly"),
        Column("QALYs gained, weighted", "qaly"),
        Column("Ratio without the weight"),
        Column("Ratio with the weight"),
    ]
    for threshold in result.thresholds:
        columns.append(
            Column(f"Net benefit gained at {words.money(threshold, currency)}, weighted ({currency})", "money")
        )
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (
            row.label,
            row.plain.delta_qaly,
            row.weighted.delta_qaly,
            row.ratio,
            row.weighted_ratio,
            *row.weighted_gain,
        )
        for row in result.rows
    )
    note = "The weight multiplies differences in QALYs. Every other sheet of this report is without it."
    return Table("With and without the severity weight", tuple(columns), rows, "weighted", (note,))

"""The Severity sheet: what patients lose under current care, NICE's weight, and the result with and without it."""

from markov.analysis.interpretation.severity import LEVELS, Severity
from markov.report import words
from markov.report.page import Block, Look, Page, Table, Text
from markov.report.sheets.tables import by_column


def severity_page(result: Severity, currency: str) -> Page:
    """Shortfalls with the cut-offs they are held against, and each comparison without and with the weight.

    >>> from markov.analysis.interpretation.severity import severity
    >>> severity_page(severity(calgb), calgb.currency).blocks[2].rows
    (('1', None, None), ('1.2', 12.0, 0.85), ('1.7', 18.0, 0.95))
    """
    blocks: tuple[Block, ...] = (
        Text(_in_words(result), "lead"),
        *(Text(remark, "changed") for remark in result.remarks),
        _shortfall_table(result),
        _level_table(),
        _weight_table(result, currency),
    )
    subtitle = "QALYs lost under current care against people of the same age and sex, as NICE asks for."
    return Page("Severity", "Severity", subtitle, blocks, (52.0, *(18.0,) * 7))


def _in_words(result: Severity) -> str:
    """The shortfalls and the weight in a sentence."""
    return (
        f"Under {result.label.lower()} patients lose {result.absolute:.2f} discounted QALYs, {result.proportional:.0%} "
        f"of what people of their age and sex have left: the QALY weight is {result.weight:g}."
    )


def _shortfall_table(result: Severity) -> Table:
    people = result.population
    lines: list[tuple[str, str, float, Look]] = [
        ("Age at the start", "years", result.age, "months"),
        ("Proportion of women", "share", result.proportion_female, "percent"),
        ("General population: life-years, undiscounted", "years", people.life_years[0], "years"),
        ("General population: QALYs, undiscounted", "QALYs", people.qalys_undiscounted[0], "years"),
        ("General population: QALYs, discounted", "QALYs", people.qalys[0], "years"),
        (f"{result.label}: QALYs, discounted", "QALYs", result.care, "years"),
        ("Absolute shortfall", "QALYs", result.absolute, "years"),
        ("Proportional shortfall", "share", result.proportional, "percent"),
        ("Weight by the absolute shortfall", "factor", result.by_absolute, "years"),
        ("Weight by the proportional shortfall", "factor", result.by_proportional, "years"),
        ("Weight, the higher of the two", "factor", result.weight, "years"),
    ]
    notes = (
        "The general population's survival and utility are the workbook's own life table and norms, each sex by "
        "itself; horizon, correction and discounting are the model's. Current care is the reference strategy.",
        "Source: NICE, Health technology evaluations: the manual (PMG36), from 6.2.12; NICE DSU, TSD 23.",
    )
    columns, rows = by_column(
        lines,
        ("Quantity", "strong", lambda line: line[0]),
        ("Value", "number", lambda line: line[2]),
        ("Unit", "text", lambda line: line[1]),
    )
    looks = tuple(look for *_, look in lines)
    return Table("QALY shortfall", columns, rows, "shortfall", notes, bold=frozenset({len(rows) - 1}), looks=looks)


def _level_table() -> Table:
    columns, rows = by_column(
        ((1.0, None, None), *LEVELS),
        ("QALY weight", "strong", lambda level: f"{level[0]:g}"),
        ("Absolute shortfall of at least (QALYs)", "months", lambda level: level[1]),
        ("Proportional shortfall of at least", "percent", lambda level: level[2]),
    )
    return Table("Cut-offs", columns, rows, "levels")


def _weight_table(result: Severity, currency: str) -> Table:
    gains = [f"Net benefit gained at {words.money(t, currency)}, weighted ({currency})" for t in result.thresholds]
    note = "The weight multiplies differences in QALYs. Every other sheet of this report is without it."
    columns = by_column(
        result.rows,
        (f"Against {result.label.lower()}", "strong", lambda row: row.label),
        ("QALYs gained, as they are", "qaly", lambda row: row.plain.delta_qaly),
        ("QALYs gained, weighted", "qaly", lambda row: row.weighted.delta_qaly),
        ("Ratio without the weight", "text", lambda row: row.ratio),
        ("Ratio with the weight", "text", lambda row: row.weighted_ratio),
        (gains, "money", lambda row: row.weighted_gain),
    )
    return Table("With and without the severity weight", *columns, "weighted", (note,))

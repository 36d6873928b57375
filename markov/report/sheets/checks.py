"""The Checks sheet: what was expected and observed, tests of the verification bank, warnings about the workbook."""

from collections.abc import Sequence

from markov.analysis.bank.registry import Tested
from markov.analysis.base_case import BaseCase
from markov.report import words
from markov.report.page import Page, Table
from markov.report.sheets.tables import by_column
from markov.report.sheets.verification import short_form_table


def checks_page(result: BaseCase, tested: Sequence[Tested] = ()) -> Page:
    """Checks with what was expected and observed, the short form of the verification bank, warnings of the workbook.

    >>> [column.header for column in checks_page(calgb_base).blocks[0].columns]
    ['Check', 'Expected', 'Observed', 'Verdict', 'Note']
    """
    checks = by_column(
        result.checks,
        ("Check", "strong", lambda check: check.title),
        (["Expected", "Observed"], "text", lambda check: (check.expected, check.observed)),
        (["Verdict", "Note"], "text", lambda check: (check.verdict.value, check.note)),
    )
    warnings = by_column(
        result.inputs.warnings,
        ("Place", "strong", lambda problem: problem.place),
        ("Rule", "text", lambda problem: problem.rule),
        ("Found", "text", lambda problem: "" if problem.found is None else str(problem.found)),
        ("Remedy", "text", lambda problem: problem.remedy),
    )
    blocks = [Table("Checks of this run", *checks, "checks", verdict=3)]
    if tested:
        blocks.append(short_form_table(tested))
    if result.inputs.warnings:
        blocks.append(Table("Warnings about the workbook", *warnings, "warnings", spread=True, whole=True))
    return Page("Checks", "Checks", words.checks_counted(result), tuple(blocks), (58.0, 34.0, 34.0, 14.0, 60.0))

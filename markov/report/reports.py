"""A report from results: which pages, in what order, and where they go."""

import datetime
from pathlib import Path

from markov.analysis.base_case import BaseCase
from markov.report.bridge_page import bridge_page
from markov.report.evidence import checks_page, inputs_page, survival_page
from markov.report.pages import Page
from markov.report.provenance import provenance_page
from markov.report.summary import summary_page
from markov.report.tables import disaggregated_page, incremental_page, results_page, trace_page
from markov.report.workbook import write_pages


def base_case_pages(result: BaseCase, command: str, seconds: float, now: datetime.datetime) -> list[Page]:
    """Every page of a base-case report, in order."""
    return [
        summary_page(result),
        results_page(result),
        disaggregated_page(result),
        incremental_page(result),
        *(trace_page(result, i) for i in range(len(result.labels))),
        survival_page(result),
        bridge_page(result),
        inputs_page(result),
        checks_page(result),
        provenance_page(result, command, seconds, now),
    ]


def write_report(result: BaseCase, path: str | Path, *, command: str = "", seconds: float = 0.0) -> Path:
    """Write the Excel report of a base case, and return its path.

    `command` and `seconds` are printed on the Provenance sheet.  Raises ReportError where it cannot be written.

    >>> import tempfile
    >>> from markov import base_case, read_inputs
    >>> from markov.inputs.template import shipped
    >>> result = base_case(read_inputs(shipped("calgb_100104")))
    >>> write_report(result, Path(tempfile.mkdtemp()) / "report.xlsx").name
    'report.xlsx'
    """
    now = datetime.datetime.now(datetime.UTC)
    return write_pages(base_case_pages(result, command, seconds, now), path, result.inputs.title)

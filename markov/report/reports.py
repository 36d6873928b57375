"""A report from results: which pages, in what order, and where they go."""

import datetime
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from markov.analysis.bank.registry import Tested
from markov.analysis.bank.run import short_form
from markov.analysis.base_case import BaseCase
from markov.analysis.sensitivity.everything import Deterministic
from markov.analysis.uncertainty.everything import Uncertainty
from markov.report.deterministic_pages import plausibility_pages, sensitivity_pages
from markov.report.page import CONTENTS, Page, in_currency
from markov.report.recipe import run_recipe
from markov.report.sheets.bridge import bridge_page
from markov.report.sheets.checklists import standards_pages
from markov.report.sheets.contents import contents_page
from markov.report.sheets.evidence import checks_page, inputs_page, survival_page
from markov.report.sheets.glossary import glossary_page
from markov.report.sheets.inputs_in_full import carried_pages
from markov.report.sheets.provenance import provenance_page
from markov.report.sheets.reference_case import reference_case_page
from markov.report.sheets.results import disaggregated_page, incremental_page, results_page, trace_page
from markov.report.sheets.summary import summary_page
from markov.report.uncertainty_pages import uncertainty_data_pages, uncertainty_pages
from markov.report.writers.excel import write_pages

LIVE_GUIDE = ("Live guide", "The model as Excel formulas: where to type another value, and how the answer moves.")


def report_pages(
    result: BaseCase,
    command: str,
    seconds: float,
    now: datetime.datetime,
    deterministic: Deterministic | None = None,
    linked: Sequence[tuple[str, str]] = (),
    uncertainty: Uncertainty | None = None,
    draws: Path | None = None,
    carried: Sequence[Page] = (),
    tested: Sequence[Tested] = (),
) -> list[Page]:
    """Every page of a report, in order: of a base case, and where given of sensitivity analyses and of uncertainty.

    `linked` names sheets that come after them, each with a sentence for the contents; `draws` is the file of all draws,
    and `carried` pages hold the inputs in full; `tested` are the tests of the verification bank's short form, run here
    unless given.
    """
    answers, evidence, terms, doubts, data = [], [], [], [], []
    if deterministic is not None:
        answers, evidence = sensitivity_pages(result, deterministic), plausibility_pages(result, deterministic)
        terms = [glossary_page()]
    if uncertainty is not None:
        doubts = uncertainty_pages(result.inputs, uncertainty)
        data = uncertainty_data_pages(result.inputs, uncertainty, draws)
    recipe = run_recipe(deterministic, uncertainty, draws, live=bool(linked))
    pages = [
        summary_page(result, deterministic, uncertainty),
        results_page(result),
        disaggregated_page(result),
        incremental_page(result),
        *answers,
        *doubts,
        *(trace_page(result, i) for i in range(len(result.labels))),
        survival_page(result),
        bridge_page(result),
        *evidence,
        inputs_page(result),
        checks_page(result, tested or short_form(result.inputs, result.outcomes)),
        *terms,
        *data,
        *carried,
        provenance_page(result, command, seconds, now, recipe),
    ]
    names = [*(page.name for page in pages), *(name for name, _ in linked)]
    end = -1 - len(carried)
    pages[end:end] = [reference_case_page(result.inputs), *standards_pages(result, deterministic, names)]
    pages.insert(1, contents_page(result, pages, linked))
    return [in_currency(page, result.inputs.currency) for page in pages]


def write_report(
    result: BaseCase,
    path: str | Path,
    *,
    deterministic: Deterministic | None = None,
    uncertainty: Uncertainty | None = None,
    draws: Path | None = None,
    kind: str = "xlsx",
    live: bool = False,
    command: str = "",
    seconds: float = 0.0,
    now: datetime.datetime | None = None,
    tested: Sequence[Tested] = (),
) -> Path:
    """Write the Excel report of a base case, and return its path.

    With `deterministic` it holds the sensitivity analyses too, with `uncertainty` the probabilistic ones (`draws` is
    the file of all draws beside it, None where the sheet holds them), with `live` the model as formulas; `kind` may
    also be html or docx, which hold the same pages without the live model. `command`, `seconds` and `now` (the present
    time) are printed on the Provenance sheet; `tested` is the verification bank's short form, run here unless given.
    Raises ReportError where it cannot be written.

    >>> import tempfile
    >>> from markov import base_case, read_inputs
    >>> from markov.inputs.writing.template import shipped
    >>> result = base_case(read_inputs(shipped("calgb_100104")))
    >>> write_report(result, Path(tempfile.mkdtemp()) / "report.xlsx").name
    'report.xlsx'
    """
    now = now or datetime.datetime.now(datetime.UTC)
    linked = (LIVE_GUIDE,) if live and kind == "xlsx" else ()
    carried = carried_pages(result.inputs) if kind == "xlsx" else []
    pages = report_pages(result, command, seconds, now, deterministic, linked, uncertainty, draws, carried, tested)
    if not linked:
        return write_kind(pages, path, result.inputs.title, kind)
    from markov.report.live.writer import write_live_model  # only where it is asked for: it takes time to import

    def more(book: Any, formats: Mapping[str, Any]) -> object:
        return write_live_model(book, result.inputs, result.outcomes, dict(formats))

    return write_pages(pages, path, result.inputs.title, more, (LIVE_GUIDE[0],))


def write_kind(pages: Sequence[Page], path: str | Path, title: str, kind: str) -> Path:
    """Write pages as an Excel workbook, a web page or a Word document: xlsx, html or docx."""
    if kind == "xlsx":
        return write_pages(pages, path, title)
    pages = [page for page in pages if page.name != CONTENTS]  # a page has its own contents, a document its headings
    if kind == "html":
        from markov.report.writers.html import write_html

        return write_html(pages, path, title)
    from markov.report.writers.word import write_docx  # python-docx takes a third of a second to import

    return write_docx(pages, path, title)

"""A report from results: which sheets, in what order, and where they go."""

import datetime
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from markov.analysis.bank.registry import Tested
from markov.analysis.base_case import BaseCase
from markov.analysis.sensitivity.everything import Deterministic
from markov.analysis.sensitivity.one_way import OneWay
from markov.analysis.sensitivity.scenarios import Scenarios
from markov.analysis.sensitivity.two_way import TwoWay
from markov.analysis.uncertainty.everything import Uncertainty, follow_up
from markov.analysis.uncertainty.follow_up import FollowUp
from markov.analysis.uncertainty.given_data import given_data
from markov.analysis.uncertainty.probabilistic import Probabilistic, probabilistic, until_precision
from markov.analysis.uncertainty.sample import draw_sample
from markov.analysis.uncertainty.sobol import Sobol, sobol
from markov.analysis.uncertainty.structural import StructuralAverage, declared, structural_average
from markov.analysis.uncertainty.value_of_information import ValueOfInformation, value_of_information
from markov.excel.files import ReportError
from markov.inputs.parameters import Inputs
from markov.report.page import CONTENTS, Page, in_currency
from markov.report.recipe import GIVEN, PSA, SOBOL, VOI, Recipe, run_recipe, years_of
from markov.report.sheets.applicability import applicability_page
from markov.report.sheets.assumptions import assumptions_page
from markov.report.sheets.benefit_and_risk import benefit_risk_page
from markov.report.sheets.bridge import bridge_page
from markov.report.sheets.checklists import standards_pages
from markov.report.sheets.checks import checks_page
from markov.report.sheets.contents import contents_page
from markov.report.sheets.disaggregated import disaggregated_page
from markov.report.sheets.draws import draws_page
from markov.report.sheets.follow_up_value import follow_up_page
from markov.report.sheets.given_data import given_data_page
from markov.report.sheets.glossary import glossary_page
from markov.report.sheets.importance import importance_page
from markov.report.sheets.incremental import incremental_page
from markov.report.sheets.inputs_in_full import carried_pages
from markov.report.sheets.inputs_used import inputs_page
from markov.report.sheets.probabilistic import probabilistic_pages
from markov.report.sheets.provenance import evidence_provenance_page, provenance_page
from markov.report.sheets.reference_case import reference_case_page
from markov.report.sheets.results import results_page
from markov.report.sheets.scenarios import scenario_pages
from markov.report.sheets.second_malignancies import malignancy_page
from markov.report.sheets.severity import severity_page
from markov.report.sheets.sobol import sobol_pages
from markov.report.sheets.structural_average import structural_page
from markov.report.sheets.summary import summary_page
from markov.report.sheets.survival import survival_page
from markov.report.sheets.threshold import threshold_page
from markov.report.sheets.tornado import tornado_page
from markov.report.sheets.trace import trace_page
from markov.report.sheets.treatment import treatment_page
from markov.report.sheets.two_way import two_way_page
from markov.report.sheets.value_of_information import voi_page
from markov.report.writers.excel import write_pages

LIVE_GUIDE = ("Live guide", "The model as Excel formulas: where to type another value, and how the answer moves.")
WORDS = {PSA: "psa", SOBOL: "sobol", GIVEN: "sobol", VOI: "voi"}
Found = Scenarios | OneWay | TwoWay | Probabilistic | Sobol | ValueOfInformation | FollowUp | StructuralAverage
"""What an analysis found that has sheets of its own."""


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
    found: Sequence[Found] = (),
) -> list[Page]:
    """Every page of a report, in order: of a base case, and where given of sensitivity analyses and of uncertainty.

    `linked` names sheets that come after them, each with a sentence for the contents; `draws` is the file of all draws,
    `carried` pages hold the inputs in full, `tested` are tests of the verification bank, `found` single analyses.

    >>> now = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    >>> [page.name for page in report_pages(calgb_base, "", 0.0, now)][:4]
    ['Summary', 'Contents', 'Results', 'Disaggregated']
    """
    inputs = result.inputs
    answers, evidence, doubts, data = (list[Page]() for _ in range(4))
    if deterministic is not None:
        answers, evidence = _answers(inputs, deterministic), _evidence(result, deterministic)
    if uncertainty is not None:
        doubts, data = _doubts(inputs, uncertainty, draws)
    recipe = run_recipe(deterministic, uncertainty, draws, live=bool(linked), tested=bool(tested), more=bool(found))
    pages = [
        summary_page(result, deterministic, uncertainty),
        results_page(result),
        disaggregated_page(result),
        incremental_page(result),
        *answers,
        *doubts,
        *(page for one in found for page in pages_of(inputs, one)),
        *(trace_page(result, i) for i in range(len(result.labels))),
        survival_page(result),
        bridge_page(result),
        *evidence,
        inputs_page(result),
        checks_page(result, tested),
        *([glossary_page()] if deterministic is not None else []),
        *data,
        *carried,
        provenance_page(result, command, seconds, now, recipe),
    ]
    names = [*(page.name for page in pages), *(name for name, _ in linked)]
    end = -1 - len(carried)
    pages[end:end] = [reference_case_page(inputs), *standards_pages(result, deterministic, names)]
    pages.insert(1, contents_page(result, pages, linked))
    return [in_currency(page, inputs.currency) for page in pages]


def _answers(inputs: Inputs, found: Deterministic) -> list[Page]:
    """Scenarios, one-way, two-way and threshold analysis, severity, and benefit and risk."""
    return [
        *scenario_pages(found.scenarios),
        tornado_page(found.one_way),
        two_way_page(found.two_way),
        threshold_page(inputs, found.prices, found.follow_up, found.thresholds),
        severity_page(found.severity, inputs.currency),
        benefit_risk_page(found.benefit_risk, inputs),
    ]


def _evidence(result: BaseCase, found: Deterministic) -> list[Page]:
    """Treatment and second malignancies beside what was reported, applicability, and assumptions by their effect."""
    return [
        treatment_page(result),
        malignancy_page(result, found.malignancies),
        applicability_page(result.inputs, found.scenarios),
        assumptions_page(result.inputs, found.one_way, found.scenarios),
    ]


def _doubts(inputs: Inputs, found: Uncertainty, draws: Path | None) -> tuple[list[Page], list[Page]]:
    """How sure, what drives it, and what it is worth to know and to wait for; and the data that these rest on."""
    *psa, chart_data = probabilistic_pages(inputs, found.probabilistic)
    shares, indices = sobol_pages(inputs, found.sobol)
    answers = [
        *psa,
        shares,
        voi_page(inputs, found.information),
        follow_up_page(inputs, found.follow_up, found.note),
        importance_page(inputs, found.sobol, found.importance),
    ]
    return answers, [indices, chart_data, draws_page(found.probabilistic.sample, draws)]


def pages_of(inputs: Inputs, found: Found, draws: Path | None = None) -> list[Page]:
    """The sheets of one analysis; `draws` is the file that holds many draws.

    >>> from markov.analysis.sensitivity.one_way import one_way
    >>> [page.name for page in pages_of(calgb, one_way(calgb))]
    ['Tornado']
    """
    match found:
        case Scenarios():
            return scenario_pages(found)
        case OneWay():
            return [tornado_page(found)]
        case TwoWay():
            return [two_way_page([found])]
        case Sobol():
            return sobol_pages(inputs, found)
        case ValueOfInformation():
            return [voi_page(inputs, found)]
        case FollowUp():
            return [follow_up_page(inputs, [found])]
        case StructuralAverage():
            first, *others = pages_of(inputs, found.result, draws)
            return [first, structural_page(inputs, found), *others]
        case Probabilistic():
            return [*probabilistic_pages(inputs, found), draws_page(found.sample, draws)]


def write_report(
    result: BaseCase,
    path: str | Path,
    *found: Found,
    deterministic: Deterministic | None = None,
    uncertainty: Uncertainty | None = None,
    draws: Path | None = None,
    live: bool = False,
    command: str = "",
    seconds: float = 0.0,
    now: datetime.datetime | None = None,
    tested: Sequence[Tested] = (),
) -> Path:
    """Write the report of a base case, and of any other analyses found; returns its path. Nothing is run again.

    The format follows the ending: .xlsx, .html (a web page) or .docx (Word); the last two are without the live model.
    With `deterministic` it holds all sensitivity analyses, with `uncertainty` all probabilistic ones (`draws` is the
    file of all draws beside it, None where the sheet holds them), with `live` the model as formulas. `command`,
    `seconds` and `now` (the present time) are printed on the Provenance sheet; `tested` are tests of the verification
    bank.  Raises ReportError where it cannot be written, or for another ending.

    >>> import tempfile
    >>> from markov import base_case, one_way, read_inputs
    >>> inputs = read_inputs("inputs/calgb_100104.xlsx")
    >>> write_report(base_case(inputs), Path(tempfile.mkdtemp()) / "report.html", one_way(inputs)).name
    'report.html'
    """
    kind = _kind_of(path)
    now = now or datetime.datetime.now(datetime.UTC)
    linked = (LIVE_GUIDE,) if live and kind == "xlsx" else ()
    carried = carried_pages(result.inputs) if kind == "xlsx" else []
    title = result.inputs.title
    pages = report_pages(
        result, command, seconds, now, deterministic, linked, uncertainty, draws, carried, tested, found
    )
    if not linked:
        return write_kind(pages, path, title, kind)
    from markov.report.live.writer import write_live_model  # only where it is asked for: it takes time to import

    def more(book: Any, formats: Mapping[str, Any]) -> object:
        return write_live_model(book, result.inputs, result.outcomes, dict(formats))

    return write_pages(pages, path, title, more, (LIVE_GUIDE[0],))


def _kind_of(path: str | Path) -> str:
    """The format that a file's ending names."""
    kind = Path(path).suffix.lower().removeprefix(".")
    if kind not in ("xlsx", "html", "docx"):
        raise ReportError(
            f"{path}: a report ends in .xlsx (Excel), .html (a web page) or .docx (Word). Name one of these."
        )
    return kind


def write_kind(pages: Sequence[Page], path: str | Path, title: str, kind: str) -> Path:
    """Write pages as an Excel workbook, a web page or a Word document: xlsx, html or docx.

    >>> import tempfile
    >>> write_kind([glossary_page()], Path(tempfile.mkdtemp()) / "terms.docx", "Terms", "docx").name
    'terms.docx'
    """
    if kind == "xlsx":
        return write_pages(pages, path, title)
    pages = [page for page in pages if page.name != CONTENTS]  # a page has its own contents, a document its headings
    if kind == "html":
        from markov.report.writers.html import write_html

        return write_html(pages, path, title)
    from markov.report.writers.word import write_docx  # python-docx takes a third of a second to import

    return write_docx(pages, path, title)


# ----------------------------------------------------------------------------- reports of one analysis of uncertainty


def voi_report_pages(inputs: Inputs, found: ValueOfInformation, follow_up: Sequence[FollowUp], note: str) -> list[Page]:
    """The sheets of a report on value of information.

    >>> from markov.analysis.uncertainty.sample import draw_sample
    >>> information = value_of_information(calgb, draw_sample(calgb, 60))
    >>> [page.name for page in voi_report_pages(calgb, information, [], "No trial is followed.")]
    ['EVPI and EVPPI', 'Follow-up value']
    """
    return [voi_page(inputs, found), follow_up_page(inputs, follow_up, note)]


def write_uncertainty_report(
    inputs: Inputs,
    pages: Sequence[Page],
    target: Path,
    recipe: Recipe,
    *,
    command: str = "",
    seconds: float = 0.0,
    now: datetime.datetime | None = None,
) -> Path:
    """Write a report of its own, with the inputs in full and a page on where it comes from.

    >>> import tempfile
    >>> recipe, target = Recipe((PSA,), {"runs": "20", "seed": "1"}), Path(tempfile.mkdtemp()) / "psa.xlsx"
    >>> write_uncertainty_report(calgb, pages_again(calgb, recipe), target, recipe).name
    'psa.xlsx'
    """
    now = now or datetime.datetime.now(datetime.UTC)
    provenance = evidence_provenance_page(inputs, command, seconds, now, recipe)
    named = [in_currency(page, inputs.currency) for page in (*pages, *carried_pages(inputs), provenance)]
    return write_pages(named, target, f"{inputs.title}: {WORDS[recipe.parts[0]]}")


def pages_again(inputs: Inputs, recipe: Recipe) -> list[Page]:
    """The sheets of such a report computed anew; KeyError or ValueError where its options are not those of one.

    >>> options = {"points": "4", "second order": "no", "resamples": "20", "seed": "1"}
    >>> [page.name for page in pages_again(calgb, Recipe((SOBOL,), options))]
    ['Sobol', 'Sobol indices']
    """
    again: Mapping[str, Callable[[Inputs, Recipe], list[Page]]] = {
        PSA: _psa,
        SOBOL: _sobol,
        GIVEN: _given,
        VOI: _voi,
    }
    return again[recipe.parts[0]](inputs, recipe)


def _psa(inputs: Inputs, recipe: Recipe) -> list[Page]:
    runs, seed = recipe.number("runs"), recipe.number("seed")
    found: Probabilistic | StructuralAverage
    if recipe.options.get("average") == "yes":
        found = structural_average(declared(inputs), runs, seed)
    elif "until precision" in recipe.options:
        found = until_precision(inputs, float(recipe.options["until precision"]), seed=seed)
    else:
        found = probabilistic(inputs, runs, seed)
    draws = recipe.options.get("draws")
    return pages_of(inputs, found, Path(draws) if draws else None)


def _sobol(inputs: Inputs, recipe: Recipe) -> list[Page]:
    found = sobol(
        inputs,
        recipe.number("points"),
        second_order=recipe.options["second order"] == "yes",
        resamples=recipe.number("resamples"),
        seed=recipe.number("seed"),
    )
    return sobol_pages(inputs, found)


def _given(inputs: Inputs, recipe: Recipe) -> list[Page]:
    sample = draw_sample(inputs, recipe.number("runs"), recipe.number("seed"), traced=False)
    method, resamples = recipe.options["method"], recipe.number("resamples")
    return [given_data_page(inputs, given_data(sample, inputs.thresholds, method, resamples=resamples))]


def _voi(inputs: Inputs, recipe: Recipe) -> list[Page]:
    seed = recipe.number("seed")
    sample = draw_sample(inputs, recipe.number("runs"), seed, traced=False)
    found = value_of_information(inputs, sample)
    return voi_report_pages(inputs, found, *follow_up(inputs, sample, years_of(recipe), seed=seed))

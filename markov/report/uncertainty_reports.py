"""The reports of one analysis of uncertainty each: psa, sobol, voi; how they are written, and made again."""

import datetime
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from markov.analysis.uncertainty.everything import value_of_waiting
from markov.analysis.uncertainty.follow_up import FollowUp
from markov.analysis.uncertainty.probabilistic import Probabilistic, probabilistic, until_precision
from markov.analysis.uncertainty.sample import draw_sample
from markov.analysis.uncertainty.sobol import sobol_analysis
from markov.analysis.uncertainty.structural import StructuralAverage, declared, structural_average
from markov.analysis.uncertainty.value_of_information import ValueOfInformation, value_of_information
from markov.inputs.parameters import Inputs
from markov.report.page import Page, in_currency
from markov.report.recipe import PSA, SOBOL, VOI, Recipe, years_of
from markov.report.sheets.draws import draws_page
from markov.report.sheets.follow_up_value import follow_up_page
from markov.report.sheets.inputs_in_full import carried_pages
from markov.report.sheets.probabilistic import probabilistic_pages
from markov.report.sheets.provenance import evidence_provenance_page
from markov.report.sheets.sobol import sobol_pages
from markov.report.sheets.structural_average import structural_page
from markov.report.sheets.value_of_information import voi_page
from markov.report.writers.excel import write_pages

WORDS = {PSA: "psa", SOBOL: "sobol", VOI: "voi"}


def psa_report_pages(
    inputs: Inputs, result: Probabilistic, mixture: StructuralAverage | None, draws: Path | None
) -> list[Page]:
    """The sheets of a probabilistic report; `draws` is the file that holds many draws."""
    pages = probabilistic_pages(inputs, result)
    if mixture is not None:
        pages.insert(1, structural_page(inputs, mixture))
    return [*pages, draws_page(result.sample, draws)]


def voi_report_pages(
    inputs: Inputs, found: ValueOfInformation, follow_up: tuple[FollowUp, ...], note: str
) -> list[Page]:
    """The sheets of a report on value of information."""
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
    """Write a report of its own, with the inputs in full and a page on where it comes from."""
    now = now or datetime.datetime.now(datetime.UTC)
    provenance = evidence_provenance_page(inputs, command, seconds, now, recipe)
    named = [in_currency(page, inputs.currency) for page in (*pages, *carried_pages(inputs), provenance)]
    return write_pages(named, target, f"{inputs.title}: {WORDS[recipe.parts[0]]}")


def pages_again(inputs: Inputs, recipe: Recipe) -> list[Page]:
    """The sheets of such a report computed anew; KeyError or ValueError where its options are not those of one."""
    again: Mapping[str, Callable[[Inputs, Recipe], list[Page]]] = {PSA: _psa, SOBOL: _sobol, VOI: _voi}
    return again[recipe.parts[0]](inputs, recipe)


def _psa(inputs: Inputs, recipe: Recipe) -> list[Page]:
    runs, seed, mixture = recipe.number("runs"), recipe.number("seed"), None
    if recipe.options.get("average") == "yes":
        mixture = structural_average(declared(inputs), runs, seed)
        result = mixture.result
    elif "until precision" in recipe.options:
        result = until_precision(inputs, float(recipe.options["until precision"]), seed=seed)
    else:
        result = probabilistic(inputs, runs, seed)
    draws = recipe.options.get("draws")
    return psa_report_pages(inputs, result, mixture, Path(draws) if draws else None)


def _sobol(inputs: Inputs, recipe: Recipe) -> list[Page]:
    found = sobol_analysis(
        inputs,
        recipe.number("points"),
        second_order=recipe.options["second order"] == "yes",
        resamples=recipe.number("resamples"),
        seed=recipe.number("seed"),
    )
    return sobol_pages(inputs, found)


def _voi(inputs: Inputs, recipe: Recipe) -> list[Page]:
    seed = recipe.number("seed")
    sample = draw_sample(inputs, recipe.number("runs"), seed, traced=False)
    found = value_of_information(inputs, sample)
    return voi_report_pages(inputs, found, *value_of_waiting(inputs, sample, years_of(recipe), seed=seed))

"""The sheets of all analyses of uncertainty, in the order in which they are read."""

from pathlib import Path

from markov.analysis.uncertainty.everything import Uncertainty
from markov.inputs.parameters import Inputs
from markov.report.page import Page
from markov.report.sheets.draws import draws_page
from markov.report.sheets.follow_up_value import follow_up_page
from markov.report.sheets.importance import importance_page
from markov.report.sheets.probabilistic import probabilistic_pages
from markov.report.sheets.sobol import sobol_pages
from markov.report.sheets.value_of_information import voi_page


def uncertainty_pages(inputs: Inputs, found: Uncertainty) -> list[Page]:
    """What answers: probabilistic analysis, what drives it, and what it is worth to know and to wait for."""
    psa = probabilistic_pages(inputs, found.probabilistic)[:-1]
    return [
        *psa,
        sobol_pages(inputs, found.sobol)[0],
        voi_page(inputs, found.information),
        follow_up_page(inputs, found.follow_up, found.note),
        importance_page(inputs, found.sobol, found.importance),
    ]


def uncertainty_data_pages(inputs: Inputs, found: Uncertainty, draws: Path | None) -> list[Page]:
    """What they rest on: every index, the data of the charts, and all draws or where they are."""
    return [
        sobol_pages(inputs, found.sobol)[1],
        probabilistic_pages(inputs, found.probabilistic)[-1],
        draws_page(found.probabilistic.sample, draws),
    ]

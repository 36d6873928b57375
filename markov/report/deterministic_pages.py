"""The sheets of the deterministic sensitivity analyses: those that answer, and those that say what answers rest on."""

from markov.analysis.base_case import BaseCase
from markov.analysis.sensitivity.everything import Deterministic
from markov.report.page import Page
from markov.report.sheets.applicability import applicability_page
from markov.report.sheets.assumptions import assumptions_page
from markov.report.sheets.benefit_and_risk import benefit_risk_page
from markov.report.sheets.scenarios import scenario_pages
from markov.report.sheets.severity import severity_page
from markov.report.sheets.threshold import threshold_page
from markov.report.sheets.tornado import tornado_page
from markov.report.sheets.treatment import malignancy_page, treatment_page
from markov.report.sheets.two_way import two_way_page


def sensitivity_pages(result: BaseCase, found: Deterministic) -> list[Page]:
    """Scenarios, one-way, two-way and threshold analysis, severity, and benefit and risk."""
    inputs = result.inputs
    return [
        *scenario_pages(found.scenarios),
        tornado_page(found.one_way),
        two_way_page(found.two_way),
        threshold_page(inputs, found.prices, found.follow_up, found.thresholds),
        severity_page(found.severity, inputs.currency),
        benefit_risk_page(found.benefit_risk, inputs),
    ]


def plausibility_pages(result: BaseCase, found: Deterministic) -> list[Page]:
    """Treatment and second malignancies beside what was reported, applicability, and assumptions by their effect."""
    return [
        treatment_page(result),
        malignancy_page(result, found.malignancies),
        applicability_page(result.inputs, found.scenarios),
        assumptions_page(result.inputs, found.one_way, found.scenarios),
    ]

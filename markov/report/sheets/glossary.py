"""The Glossary sheet: the terms of the report, each in one line."""

from markov.report.page import Column, Page, Table

TERMS = {
    "Background mortality": "Mortality of the general population of the same age and sex, from the life table.",
    "Base case": "The run under the workbook's own values and settings.",
    "Calibration": "Solving for an input that makes the model return a published figure.",
    "Cohort model": "A model that follows shares of a group of patients through health states, cycle by cycle.",
    "Cost-effectiveness plane": "Differences in QALYs (across) and in cost (up) against the reference.",
    "Crossover": "Patients of the control arm who are given the drug, by plan or on progression.",
    "Cycle": "The step of the model, 28 days unless the workbook says otherwise.",
    "Declared range": "A lower and an upper limit that somebody wrote down, without a distribution behind it.",
    "Deterministic": "With every input at one value; the opposite of probabilistic.",
    "Discount rate": "By how much a cost or a QALY counts less for every year that it lies in the future.",
    "Dominated": "Another strategy costs no more and gives no less, one of the two strictly.",
    "Evidence status": "How far a figure was checked: seed and read were seen in their paper; all others are weaker.",
    "Extendedly dominated": "A mix of two other strategies costs less for the same effect.",
    "Hazard ratio": "The rate at which an event happens under one strategy, divided by that under another.",
    "ICER": "Incremental cost-effectiveness ratio: difference in cost divided by difference in QALYs.",
    "Incremental": "The difference from the next strategy on the frontier, or from the reference.",
    "Life-years": "Years lived on average within the horizon, without weighting by quality.",
    "List price": "The published price of a pack, before any discount.",
    "Monotone": "Only rising or only falling: net benefit that bends within a range is flagged.",
    "Net benefit": "Threshold × QALYs − cost, in money. Over the reference: positive means good value.",
    "OS": "Overall survival: time until death from any cause.",
    "Partitioned survival": "A model that reads its states off the curves of PFS and OS, without transitions.",
    "PFS": "Progression-free survival: time until progression or death, net of second malignancies.",
    "Probabilistic": "With every uncertain input drawn at random from its distribution, many times.",
    "QALY": "Quality-adjusted life-year: a year of life times its utility.",
    "Q-TWiST": "Time without symptoms or toxicity, with time in toxicity and after progression counted in part.",
    "Reference": "The strategy that others are compared with, usually current care.",
    "Scenario": "A run in which a few inputs or choices differ from the base case.",
    "Second primary malignancy (SPM)": "A new cancer after the first: haematologic, such as leukaemia, or solid.",
    "Severity weight": "NICE's factor on QALYs gained, by how much health patients lose under current care.",
    "Shortfall": "QALYs that patients lose against people of their age and sex: absolute, or as a proportion.",
    "Swing": "Highest less lowest net benefit while an input crosses its range.",
    "Threshold": "What a payer is willing to pay for a QALY.",
    "Threshold value": "The value of an input at which the decision turns.",
    "Time ratio": "By how much an effect stretches time until an event.",
    "Tornado": "A chart of swings, the longest on top.",
    "Trace": "Shares of the cohort in each state, cycle by cycle.",
    "Utility": "The quality of a year of life on a scale from 0, dead, to 1, full health; below 0 is worse than dead.",
    "Value-based price": "The highest price at which net benefit is not below that of the alternative.",
    "Waning": "An effect that fades after some time: hazards return to those of the reference.",
}


def glossary_page() -> Page:
    """Terms in alphabetical order."""
    table = Table("Terms", (Column("Term", "strong"), Column("Meaning")), tuple(TERMS.items()), "terms")
    return Page("Glossary", "Glossary", "Terms of this report, each in one line.", (table,), (36.0, 110.0))

"""The sheets of an input workbook and their columns: what each holds and which headers it needs."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

SCHEMA_VERSION = 2
READABLE_VERSIONS = (1, 2)  # version 1 has no sheets of curve points, curve choice, evidence network and correlations


class Sheet(StrEnum):
    """Sheets of the input workbook, in their order."""

    COVER = "Cover"
    SETTINGS = "Settings"
    STRATEGIES = "Strategies"
    COHORT = "Cohort"
    SURVIVAL = "Survival"
    EVENTS = "Events"
    ADVERSE_EVENTS = "Adverse events"
    DRUGS = "Drugs and dosing"
    COSTS = "Costs"
    SUBSEQUENT = "Subsequent therapy"
    UTILITIES = "Utilities"
    LIFE_TABLE = "Life table"
    POPULATION_UTILITY = "Population utility"
    PRICE_INDEX = "Price index"
    TRIAL_RESULTS = "Trial results"
    CURVE_POINTS = "Kaplan-Meier"
    CURVE_CHOICE = "Curve choice"
    NETWORK = "Evidence network"
    CORRELATIONS = "Correlations"
    SCENARIOS = "Scenarios"
    REFERENCE_CASE = "Reference case"
    REPORTING = "Reporting standards"
    CHANGE_LOG = "Change log"


SHEET_PURPOSE: Mapping[Sheet, str] = {
    Sheet.COVER: "What the workbook is for, the colour key and the contents",
    Sheet.SETTINGS: "Choices of method: cycle, horizon, discounting, thresholds and the structural switches",
    Sheet.STRATEGIES: "The alternatives compared, by id and label",
    Sheet.COHORT: "Who is modelled: age, sex, body surface, mortality relative to the population",
    Sheet.SURVIVAL: "Curves of progression-free and overall survival, and mortality after progression",
    Sheet.EVENTS: "Treatment window, stops for toxicity and other reasons, second primary malignancies",
    Sheet.ADVERSE_EVENTS: "Share with each adverse event, its cost, decrement and duration",
    Sheet.DRUGS: "Products, prices, packs, doses and schedules",
    Sheet.COSTS: "Administration, monitoring, disease management and one-off costs",
    Sheet.SUBSEQUENT: "Therapy after progression: courses, or a cost per month",
    Sheet.UTILITIES: "Utilities by state and decrements",
    Sheet.LIFE_TABLE: "Annual probability of death by age and sex in the general population",
    Sheet.POPULATION_UTILITY: "Mean utility by age and sex in the general population",
    Sheet.PRICE_INDEX: "Index that brings costs of other years to the report's price year",
    Sheet.TRIAL_RESULTS: "Published figures that the report sets against the model's",
    Sheet.CURVE_POINTS: "Digitised Kaplan–Meier curves and numbers at risk, from which `markov fit` makes curves",
    Sheet.CURVE_CHOICE: "Why each fitted curve was chosen: fit, hazard, plausibility, other evidence, rationale",
    Sheet.NETWORK: "Trials that compare treatments, from which `markov network` makes hazard ratios",
    Sheet.CORRELATIONS: "Parameters that are estimated together: correlation of the two on the scale that is sampled",
    Sheet.SCENARIOS: "Alternative values to run, one row a change",
    Sheet.REFERENCE_CASE: "What agencies ask for: rates, thresholds, perspective; settings.agency chooses one",
    Sheet.REPORTING: "Your words for the items of CHEERS 2022 and AdViSHE that no model can fill",
    Sheet.CHANGE_LOG: "Who changed what, when and why",
}

PARAMETER_SHEETS = (
    Sheet.SETTINGS,
    Sheet.COHORT,
    Sheet.SURVIVAL,
    Sheet.EVENTS,
    Sheet.ADVERSE_EVENTS,
    Sheet.DRUGS,
    Sheet.COSTS,
    Sheet.SUBSEQUENT,
    Sheet.UTILITIES,
)


OPTIONAL_SHEETS = (
    Sheet.CURVE_POINTS,
    Sheet.CURVE_CHOICE,
    Sheet.NETWORK,
    Sheet.CORRELATIONS,
    Sheet.REFERENCE_CASE,
    Sheet.REPORTING,
)


@dataclass(frozen=True)
class Column:
    """A column of a sheet: its header, its width and what belongs there."""

    header: str
    width: int
    help: str
    required: bool = False


PARAMETER_COLUMNS = (
    Column("id", 42, "Stable name of the parameter; also the defined name of the value cell", required=True),
    Column("label", 46, "What the parameter is, in words"),
    Column("value", 22, "The value that the model uses: the only cell you need to edit", required=True),
    Column("base case", 20, "The value this workbook was built with, to see what has been changed"),
    Column("unit", 18, "Unit of the value", required=True),
    Column("se", 9, "Standard error (not the standard deviation)"),
    Column("low", 9, "Lower limit of the 95 % interval"),
    Column("high", 9, "Upper limit of the 95 % interval"),
    Column("distribution", 15, "Distribution for probabilistic analysis; empty or fixed: not sampled"),
    Column(
        "group",
        12,
        "Parameters of one group are one uncertain quantity, or move together perfectly; the shares of one dirichlet",
    ),
    Column("source", 52, "Author, journal, year"),
    Column("page", 20, "Page, table or row of the evidence"),
    Column("status", 21, "seed, read, derived, unverified or assumption; empty for choices of method"),
    Column("comment", 60, "Why this value"),
    Column(
        "confidential",
        12,
        "yes: marked in the report; markov run --redact blanks it and all that depends on it; no: may be shown",
    ),
)
PRICE_YEAR = Column("price year", 11, "Year of the price; empty: already in the report's price year")
VALUE_SET = Column("value set", 16, "Utility value set; all utilities must share one")

_SOURCE = (
    Column("source", 52, "Author, journal, year"),
    Column("page", 20, "Page, table, figure or row of the evidence"),
    Column("status", 21, "Evidence status"),
    Column("comment", 60, "What a reader should know"),
)

TABLES: Mapping[Sheet, tuple[Column, ...]] = {
    Sheet.STRATEGIES: (
        Column("id", 24, "Short stable name: small letters, digits and _", required=True),
        Column("label", 30, "Name in reports; free to change", required=True),
        Column("included", 11, "yes or no", required=True),
        Column("base case", 11, "The value this workbook was built with"),
        Column("description", 80, "Dose, schedule, and what the alternative stands for"),
    ),
    Sheet.LIFE_TABLE: (
        Column("age", 8, "Whole years, without gaps", required=True),
        Column("qx_male", 12, "Annual probability of death, men", required=True),
        Column("qx_female", 12, "Annual probability of death, women", required=True),
    ),
    Sheet.POPULATION_UTILITY: (
        Column("age", 8, "Whole years, without gaps", required=True),
        Column("male", 12, "Mean utility, men", required=True),
        Column("female", 12, "Mean utility, women", required=True),
    ),
    Sheet.PRICE_INDEX: (
        Column("year", 8, "Price year", required=True),
        Column("index", 12, "Index of that year; only ratios matter", required=True),
        Column("source", 60, "Where the index is from"),
        Column("status", 16, "Evidence status"),
    ),
    Sheet.TRIAL_RESULTS: (
        Column("strategy", 20, "Strategy id", required=True),
        Column("endpoint", 20, "pfs, os, time_on_treatment, discontinuation or spm", required=True),
        Column("measure", 14, "median (months), survival or incidence (a proportion at the time given)", required=True),
        Column("months", 10, "Time of a proportion, in months", required=True),
        Column("value", 12, "Published value", required=True),
        Column("low", 10, "Lower limit of the 95 % interval"),
        Column("high", 10, "Upper limit of the 95 % interval"),
        Column("source", 52, "Author, journal, year"),
        Column("page", 20, "Page, table or row of the evidence"),
        Column("status", 21, "Evidence status"),
        Column("comment", 70, "Reason where the model is expected to differ"),
    ),
    Sheet.CURVE_POINTS: (
        Column("strategy", 20, "Strategy id", required=True),
        Column("endpoint", 18, "pfs, os or pps (from progression)", required=True),
        Column("quantity", 12, "survival, at_risk or events (the total, in any month)", required=True),
        Column("months", 10, "Months from time zero; the curve's points in the order of the clicks", required=True),
        Column("value", 12, "Survival as a proportion, or a number of patients or events", required=True),
        *_SOURCE,
    ),
    Sheet.CURVE_CHOICE: (
        Column("strategy", 20, "Strategy id", required=True),
        Column("endpoint", 18, "pfs, os or pps (from progression)", required=True),
        Column("family", 20, "Family chosen", required=True),
        Column("fit", 40, "How well it fits: AIC, BIC, the figure", required=True),
        Column("hazard", 40, "Whether the shape of its hazard is that of the data"),
        Column("plausibility", 40, "Whether the extrapolation is plausible to a clinician"),
        Column("other evidence", 40, "Longer follow-up, registries, other trials"),
        Column("rationale", 60, "Why this curve; an empty one is a warning", required=True),
    ),
    Sheet.NETWORK: (
        Column("endpoint", 12, "pfs or os", required=True),
        Column("trial", 28, "Name of the trial", required=True),
        Column("treatment", 22, "Treatment; a strategy's id where it is one", required=True),
        Column("comparator", 22, "What it was compared with; a strategy's id where it is one", required=True),
        Column("hazard ratio", 13, "Treatment against comparator", required=True),
        Column("low", 9, "Lower limit of the 95 % interval"),
        Column("high", 9, "Upper limit of the 95 % interval"),
        Column("p value", 9, "Two-sided; used where there is no interval"),
        Column("events", 9, "Events of both arms; used where there is neither interval nor P value"),
        Column("included", 10, "yes or no", required=True),
        *_SOURCE,
    ),
    Sheet.CORRELATIONS: (
        Column("first", 40, "Id of a sampled parameter", required=True),
        Column("second", 40, "Id of another", required=True),
        Column(
            "correlation", 12, "Between −1 and 1, of the two as they are sampled: logs of log-normals", required=True
        ),
        *_SOURCE,
    ),
    Sheet.SCENARIOS: (
        Column("scenario", 34, "Name; rows with one name belong together", required=True),
        Column("id", 34, "Parameter, setting or strategy to change", required=True),
        Column("value", 20, "Alternative value, or include / exclude for a strategy", required=True),
        Column("base case", 20, "The value it replaces"),
        Column("reason", 80, "Why a reader would want to see it, and its source"),
        Column(
            "weight",
            10,
            "Probability that the scenario holds, in one of its rows, for markov psa --average; the base has the rest",
        ),
    ),
    Sheet.REFERENCE_CASE: (
        Column("agency", 12, "nice, cda_amc, zin, icer, has or own", required=True),
        Column("item", 26, "What is asked for: a rate, thresholds, perspective …", required=True),
        Column("value", 34, "What the agency asks for; empty: no figure on record", required=True),
        Column("source", 52, "Guideline, year"),
        Column("status", 21, "Evidence status of the figure"),
        Column("comment", 60, "What a reader should know"),
    ),
    Sheet.REPORTING: (
        Column("item", 14, "Item of CHEERS 2022 or AdViSHE", required=True),
        Column("title", 50, "Title of the item"),
        Column("text", 100, "What you report; “not applicable” or “not reported” where nothing is", required=True),
    ),
    Sheet.CHANGE_LOG: (
        Column("date", 12, "Year-month-day", required=True),
        Column("who", 18, "Who made the change"),
        Column("what", 60, "What was changed", required=True),
        Column("why", 60, "Why"),
    ),
}

NUMERIC = frozenset(
    [
        *("value", "base case", "se", "low", "high", "price year", "months", "age", "male", "female"),
        *("qx_male", "qx_female", "year", "index", "hazard ratio", "p value", "events", "correlation", "weight"),
    ]
)
"""Headers of columns that hold numbers."""


def columns_of(sheet: Sheet) -> tuple[Column, ...]:
    """Columns of a sheet in the order of the template."""
    if sheet in TABLES:
        return TABLES[sheet]
    extra = {Sheet.UTILITIES: VALUE_SET}.get(sheet)
    if sheet in (Sheet.ADVERSE_EVENTS, Sheet.DRUGS, Sheet.COSTS, Sheet.SUBSEQUENT):
        extra = PRICE_YEAR
    if extra is None:
        return PARAMETER_COLUMNS
    return (*PARAMETER_COLUMNS[:5], extra, *PARAMETER_COLUMNS[5:])

"""The sheet Settings: the question, its frame, and the conventions of the model."""

from markov.inputs.definitions.definition import Definition
from markov.inputs.definitions.quantities import ANNUAL_RATE, CORRELATION, DAYS, SEED, WHOLE_YEAR, YEARS
from markov.inputs.definitions.sheets import Sheet
from markov.terms import (
    Agency,
    Correction,
    Crossing,
    Discounting,
    PostProgression,
    PostProgressionMortality,
    PostProgressionRate,
    PriceSet,
    WithinCycle,
)

ON_OFF = ("on", "off")


def _choice(name: str, label: str, options: tuple[str, ...], default: str, text: str) -> Definition:
    return Definition(f"settings.{name}", Sheet.SETTINGS, label, None, options, default, text)


SETTINGS: tuple[Definition, ...] = (
    Definition(
        "settings.question",
        Sheet.SETTINGS,
        "Question that the model answers",
        default="",
        help="Printed on the Summary",
    ),
    Definition("settings.population", Sheet.SETTINGS, "Population", default="", help="Who is treated"),
    Definition("settings.perspective", Sheet.SETTINGS, "Perspective", default="", help="Whose costs and effects count"),
    Definition("settings.jurisdiction", Sheet.SETTINGS, "Jurisdiction", default="", help="Country and payer"),
    _choice(
        "time_zero",
        "Time zero of every curve",
        ("randomisation_to_maintenance", "start_of_maintenance", "diagnosis"),
        "randomisation_to_maintenance",
        "All strategies are compared from one time zero, within one population",
    ),
    Definition(
        "settings.currency", Sheet.SETTINGS, "Currency", default="GBP", help="Three-letter code of every amount"
    ),
    Definition("settings.price_year", Sheet.SETTINGS, "Price year of the report", WHOLE_YEAR, default=2022.0),
    Definition("settings.cycle_days", Sheet.SETTINGS, "Cycle length", DAYS, default=28.0, help="28 days by default"),
    Definition(
        "settings.horizon_years",
        Sheet.SETTINGS,
        "Time horizon",
        YEARS,
        help="Empty: to age 100. Rounded up to whole cycles",
    ),
    Definition("settings.discount_rate.costs", Sheet.SETTINGS, "Discount rate, costs", ANNUAL_RATE, default=0.035),
    Definition("settings.discount_rate.effects", Sheet.SETTINGS, "Discount rate, effects", ANNUAL_RATE, default=0.035),
    _choice(
        "discounting",
        "Discounting",
        tuple(Discounting),
        Discounting.EXACT_TIME,
        "exact_time: (1 + r)^−t; whole_years: (1 + r)^−⌊t⌋",
    ),
    Definition(
        "settings.discount_change_years",
        Sheet.SETTINGS,
        "Years after which the later rates hold",
        YEARS,
        help="Empty: never",
    ),
    Definition("settings.discount_rate_later.costs", Sheet.SETTINGS, "Later discount rate, costs", ANNUAL_RATE),
    Definition("settings.discount_rate_later.effects", Sheet.SETTINGS, "Later discount rate, effects", ANNUAL_RATE),
    Definition(
        "settings.thresholds",
        Sheet.SETTINGS,
        "Thresholds per QALY",
        default="25000; 35000",
        help="Amounts in the report's currency, separated by semicolons",
    ),
    Definition(
        "settings.reference", Sheet.SETTINGS, "Reference strategy", help="Id of the strategy others are compared with"
    ),
    _choice("price_set", "Prices paid", tuple(PriceSet), PriceSet.BRAND, "Both sets are shown in the headline"),
    _choice(
        "post_progression",
        "Mortality after progression",
        tuple(PostProgression),
        PostProgression.OVERALL_SURVIVAL,
        "rate: constant excess; time_since_progression: a curve; overall_survival: deaths meet the OS curve",
    ),
    _choice(
        "post_progression_rate",
        "Excess death rate after progression",
        tuple(PostProgressionRate),
        PostProgressionRate.COMMON,
        "Under rate: one for all strategies, or one each",
    ),
    _choice(
        "calibration_curve",
        "Whose OS a common rate is calibrated to",
        ("reference", "average"),
        "reference",
        "The reference strategy's, or the average over all strategies (pooled arms)",
    ),
    _choice(
        "post_progression_mortality",
        "What a curve from progression counts",
        tuple(PostProgressionMortality),
        PostProgressionMortality.ALL_CAUSE,
        "all_cause: floored at the background; excess: on top of it",
    ),
    _choice(
        "within_cycle",
        "Moves within a cycle",
        tuple(WithinCycle),
        WithinCycle.HALF_CYCLE_EXPOSURE,
        "one_move only to compare with models built that way",
    ),
    _choice(
        "correction",
        "Within-cycle correction",
        tuple(Correction),
        Correction.HALF_CYCLE,
        "start and end are of first order in the cycle length, the others of second or higher",
    ),
    _choice(
        "crossing",
        "Where PFS would exceed OS",
        tuple(Crossing),
        Crossing.CAP_HAZARD,
        "Count and first time are reported",
    ),
    _choice("age_adjustment", "Age adjustment of utilities", ON_OFF, "on", "Multiplicative, with population norms"),
    _choice("utility_cap", "Cap utilities at the population norm", ON_OFF, "on", "At the same age and sex mix"),
    _choice(
        "agency",
        "Agency whose reference case the run is set against",
        tuple(Agency),
        Agency.OWN,
        "Its rates and thresholds stand on the sheet Reference case; they change no result",
    ),
    _choice("vial_waste", "Waste of opened vials", ON_OFF, "on", "off: vials are shared"),
    Definition(
        "settings.endpoint_correlation",
        Sheet.SETTINGS,
        "Correlation of a strategy's effects on PFS and OS",
        CORRELATION,
        default=0.5,
        help="Of the logs of uncertain ratios, towards the same benefit; random draws only; 0 and 0.8 as scenarios",
    ),
    Definition("settings.seed", Sheet.SETTINGS, "Seed of random draws", SEED, default=20240101.0),
)

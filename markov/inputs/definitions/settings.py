"""The sheet Settings: the question, its frame, and the conventions of the model."""

from enum import StrEnum
from functools import partial

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

_setting = partial(Definition, Sheet.SETTINGS)

ON_OFF = ("on", "off")


def _choice(name: str, label: str, default: str, text: str, options: tuple[str, ...] = ()) -> Definition:
    """A choice between options, or between those of the default's own kind."""
    kind = type(default)
    known = options or (tuple(kind) if issubclass(kind, StrEnum) else ON_OFF)
    return _setting(f"settings.{name}", label, None, known, default, text)


SETTINGS: tuple[Definition, ...] = (
    _setting("settings.question", "Question that the model answers", default="", help="Printed on the Summary"),
    _setting("settings.population", "Population", default="", help="Who is treated"),
    _setting("settings.perspective", "Perspective", default="", help="Whose costs and effects count"),
    _setting("settings.jurisdiction", "Jurisdiction", default="", help="Country and payer"),
    _choice(
        "time_zero",
        "Time zero of every curve",
        "randomisation_to_maintenance",
        "All strategies are compared from one time zero, within one population",
        ("randomisation_to_maintenance", "start_of_maintenance", "diagnosis"),
    ),
    _setting("settings.currency", "Currency", default="GBP", help="Three-letter code of every amount"),
    _setting("settings.price_year", "Price year of the report", WHOLE_YEAR, default=2022.0),
    _setting("settings.cycle_days", "Cycle length", DAYS, default=28.0, help="28 days by default"),
    _setting("settings.horizon_years", "Time horizon", YEARS, help="Empty: to age 100. Rounded up to whole cycles"),
    _setting("settings.discount_rate.costs", "Discount rate, costs", ANNUAL_RATE, default=0.035),
    _setting("settings.discount_rate.effects", "Discount rate, effects", ANNUAL_RATE, default=0.035),
    _choice("discounting", "Discounting", Discounting.EXACT_TIME, "exact_time: (1 + r)^−t; whole_years: (1 + r)^−⌊t⌋"),
    _setting("settings.discount_change_years", "Years after which the later rates hold", YEARS, help="Empty: never"),
    _setting("settings.discount_rate_later.costs", "Later discount rate, costs", ANNUAL_RATE),
    _setting("settings.discount_rate_later.effects", "Later discount rate, effects", ANNUAL_RATE),
    _setting(
        "settings.thresholds",
        "Thresholds per QALY",
        default="25000; 35000",
        help="Amounts in the report's currency, separated by semicolons",
    ),
    _setting("settings.reference", "Reference strategy", help="Id of the strategy others are compared with"),
    _choice("price_set", "Prices paid", PriceSet.BRAND, "Both sets are shown in the headline"),
    _choice(
        "post_progression",
        "Mortality after progression",
        PostProgression.OVERALL_SURVIVAL,
        "rate: constant excess; time_since_progression: a curve; overall_survival: deaths meet the OS curve",
    ),
    _choice(
        "post_progression_rate",
        "Excess death rate after progression",
        PostProgressionRate.COMMON,
        "Under rate: one for all strategies, or one each",
    ),
    _choice(
        "calibration_curve",
        "Whose OS a common rate is calibrated to",
        "reference",
        "The reference strategy's, or the average over all strategies (pooled arms)",
        ("reference", "average"),
    ),
    _choice(
        "post_progression_mortality",
        "What a curve from progression counts",
        PostProgressionMortality.ALL_CAUSE,
        "all_cause: floored at the background; excess: on top of it",
    ),
    _choice(
        "within_cycle",
        "Moves within a cycle",
        WithinCycle.HALF_CYCLE_EXPOSURE,
        "one_move only to compare with models built that way",
    ),
    _choice(
        "correction",
        "Within-cycle correction",
        Correction.HALF_CYCLE,
        "start and end are of first order in the cycle length, the others of second or higher",
    ),
    _choice("crossing", "Where PFS would exceed OS", Crossing.CAP_HAZARD, "Count and first time are reported"),
    _choice("age_adjustment", "Age adjustment of utilities", "on", "Multiplicative, with population norms"),
    _choice("utility_cap", "Cap utilities at the population norm", "on", "At the same age and sex mix"),
    _choice(
        "agency",
        "Agency whose reference case the run is set against",
        Agency.OWN,
        "Its rates and thresholds stand on the sheet Reference case; they change no result",
    ),
    _choice("vial_waste", "Waste of opened vials", "on", "off: vials are shared"),
    _setting(
        "settings.endpoint_correlation",
        "Correlation of a strategy's effects on PFS and OS",
        CORRELATION,
        default=0.5,
        help="Of the logs of uncertain ratios, towards the same benefit; random draws only; 0 and 0.8 as scenarios",
    ),
    _setting("settings.seed", "Seed of random draws", SEED, default=20240101.0),
)

"""Every parameter once: the pattern of its id, its sheet, what it means, its units, limits, choices and default."""

from collections.abc import Mapping
from dataclasses import dataclass

from markov.inputs.sheets import Sheet
from markov.terms import (
    DAYS_PER_MONTH,
    DAYS_PER_YEAR,
    LIVING,
    MONTHS_PER_YEAR,
    AfterStopping,
    Agency,
    Correction,
    Crossing,
    Discounting,
    Endpoint,
    Family,
    Meanwhile,
    PostProgression,
    PostProgressionMortality,
    PostProgressionRate,
    PriceSet,
    WithinCycle,
)

ON_OFF = ("on", "off")
WINDOWS = ("treatment.start.", "treatment.planned_stop.", "spm.lag.")  # when a drug is given: chosen, not estimated


@dataclass(frozen=True)
class Quantity:
    """A kind of number: accepted units with the factor to the model's unit, hard limits, and usual limits.

    Inside the model times are in years, rates per year and money in the report's currency; parameters of
    curves stay in months, the unit of the papers.
    """

    units: Mapping[str, float]
    low: float = float("-inf")
    high: float = float("inf")
    usual_low: float = float("-inf")
    usual_high: float = float("inf")
    low_excluded: bool = False

    @property
    def unit(self) -> str:
        """The unit that the template writes."""
        return next(iter(self.units))


_PER_TIME = {"per month": MONTHS_PER_YEAR, "per year": 1.0, "per 28 days": DAYS_PER_YEAR / 28.0}
_TIME = {
    "months": 1.0 / MONTHS_PER_YEAR,
    "years": 1.0,
    "days": 1.0 / DAYS_PER_YEAR,
    "weeks": 7.0 / DAYS_PER_YEAR,
}
_CURVE_TIME = {"months": 1.0, "years": MONTHS_PER_YEAR, "weeks": 7.0 / DAYS_PER_MONTH, "days": 1.0 / DAYS_PER_MONTH}

YEARS = Quantity({"years": 1.0}, 0.0, 120.0)
AGE = Quantity({"years": 1.0}, 0.0, 110.0, 18.0, 95.0)
DAYS = Quantity({"days": 1.0}, 1.0, 366.0, 1.0, 91.0)
DURATION = Quantity(_TIME, 0.0, 1200.0)
PERIOD = Quantity(_TIME, 0.001, 1200.0)
PROPORTION = Quantity({"proportion": 1.0}, 0.0, 1.0)
ANNUAL_RATE = Quantity({"per year": 1.0}, 0.0, 1.0, 0.0, 0.1)
RATE = Quantity(_PER_TIME, 0.0, 1000.0)
RATIO = Quantity({"ratio": 1.0}, 0.0, 100.0, 0.05, 20.0, low_excluded=True)
TIME_RATIO = Quantity({"ratio": 1.0}, 0.001, 100.0, 0.05, 20.0)
RATIO_OR_ZERO = Quantity({"ratio": 1.0}, 0.0, 100.0)
SPM_RATE = Quantity({"per 100 patient-years": 0.01}, 0.0, 1000.0, 0.0, 20.0)
CURVE_TIME = Quantity(_CURVE_TIME, 0.001, 1e6)
CURVE_RATE = Quantity({"per month": 1.0, "per year": 1.0 / MONTHS_PER_YEAR}, 0.0, 1000.0, low_excluded=True)
CURVE_SHAPE = Quantity({"number": 1.0, "per month": 1.0, "per year": 1.0 / MONTHS_PER_YEAR}, -100.0, 100.0)
POSITIVE = Quantity({"number": 1.0}, 0.0, 1e6, low_excluded=True)
NOT_NEGATIVE = Quantity({"number": 1.0}, 0.0, 1e6)
NUMBER = Quantity({"number": 1.0}, -1e6, 1e6)
COUNT = Quantity({"count": 1.0}, 0.0, 1e6)
PACK = Quantity({"count": 1.0}, 0.001, 1e6)
LOG_TIME = Quantity({"log months": 1.0}, -20.0, 20.0)
UTILITY = Quantity({"utility": 1.0}, -1.0, 1.0, -0.6, 1.0)
DECREMENT = Quantity({"utility": 1.0}, -1.0, 0.0)
MILLIGRAM = Quantity({"mg": 1.0}, 0.001, 1e5)
DOSE = Quantity({"mg": 1.0, "mg/m2": 1.0}, 0.0, 1e5)
SURFACE = Quantity({"m2": 1.0}, 0.0, 4.0, 1.4, 2.4)
SPREAD = Quantity({"m2": 1.0}, 0.0, 2.0)
WHOLE_YEAR = Quantity({"year": 1.0}, 1990, 2100)
CORRELATION = Quantity({"number": 1.0}, -1.0, 1.0)
SEED = Quantity({"number": 1.0}, 1, 2**31)


def _money(*per: str) -> Quantity:
    """Amounts in the workbook's currency: '{currency} per …'."""
    once = ("pack", "visit", "event", "course", "patient", "study", "study year", "decision")
    factors = dict.fromkeys(once, 1.0)
    rates = {"month": MONTHS_PER_YEAR, "year": 1.0, "28 days": DAYS_PER_YEAR / 28.0}
    return Quantity({f"{{currency}} per {p}": (factors | rates)[p] for p in per}, 0.0, 1e8)


@dataclass(frozen=True)
class Definition:
    """One kind of parameter: the pattern of its id, where it stands, what it means and what it may be.

    `default` stands in when no row gives a value; without one the model asks for the value where it needs it.
    Patterns name what varies in braces: {strategy}, {product}, {event}, {course}, {route}.
    """

    pattern: str
    sheet: Sheet
    label: str
    quantity: Quantity | None = None
    choices: tuple[str, ...] = ()
    default: float | str | None = None
    help: str = ""

    @property
    def is_text(self) -> bool:
        """Whether the value is a choice or a text rather than a number."""
        return self.quantity is None

    @property
    def is_method(self) -> bool:
        """Settings, families and the like: choices of method, never sampled, listed apart from evidence."""
        return self.is_text or self.sheet is Sheet.SETTINGS or self.pattern.startswith(WINDOWS)


def _settings() -> list[Definition]:
    s = Sheet.SETTINGS

    def choice(name: str, label: str, options: tuple[str, ...], default: str, text: str) -> Definition:
        return Definition(f"settings.{name}", s, label, None, options, default, text)

    return [
        Definition(
            "settings.question", s, "Question that the model answers", default="", help="Printed on the Summary"
        ),
        Definition("settings.population", s, "Population", default="", help="Who is treated"),
        Definition("settings.perspective", s, "Perspective", default="", help="Whose costs and effects count"),
        Definition("settings.jurisdiction", s, "Jurisdiction", default="", help="Country and payer"),
        choice(
            "time_zero",
            "Time zero of every curve",
            ("randomisation_to_maintenance", "start_of_maintenance", "diagnosis"),
            "randomisation_to_maintenance",
            "All strategies are compared from one time zero, within one population",
        ),
        Definition("settings.currency", s, "Currency", default="GBP", help="Three-letter code of every amount"),
        Definition("settings.price_year", s, "Price year of the report", WHOLE_YEAR, default=2022.0),
        Definition("settings.cycle_days", s, "Cycle length", DAYS, default=28.0, help="28 days by default"),
        Definition(
            "settings.horizon_years", s, "Time horizon", YEARS, help="Empty: to age 100. Rounded up to whole cycles"
        ),
        Definition("settings.discount_rate.costs", s, "Discount rate, costs", ANNUAL_RATE, default=0.035),
        Definition("settings.discount_rate.effects", s, "Discount rate, effects", ANNUAL_RATE, default=0.035),
        choice(
            "discounting",
            "Discounting",
            tuple(Discounting),
            Discounting.EXACT_TIME,
            "exact_time: (1 + r)^−t; whole_years: (1 + r)^−⌊t⌋",
        ),
        Definition(
            "settings.discount_change_years", s, "Years after which the later rates hold", YEARS, help="Empty: never"
        ),
        Definition("settings.discount_rate_later.costs", s, "Later discount rate, costs", ANNUAL_RATE),
        Definition("settings.discount_rate_later.effects", s, "Later discount rate, effects", ANNUAL_RATE),
        Definition(
            "settings.thresholds",
            s,
            "Thresholds per QALY",
            default="25000; 35000",
            help="Amounts in the report's currency, separated by semicolons",
        ),
        Definition("settings.reference", s, "Reference strategy", help="Id of the strategy others are compared with"),
        choice("price_set", "Prices paid", tuple(PriceSet), PriceSet.BRAND, "Both sets are shown in the headline"),
        choice(
            "post_progression",
            "Mortality after progression",
            tuple(PostProgression),
            PostProgression.OVERALL_SURVIVAL,
            "rate: constant excess; time_since_progression: a curve; overall_survival: deaths meet the OS curve",
        ),
        choice(
            "post_progression_rate",
            "Excess death rate after progression",
            tuple(PostProgressionRate),
            PostProgressionRate.COMMON,
            "Under rate: one for all strategies, or one each",
        ),
        choice(
            "calibration_curve",
            "Whose OS a common rate is calibrated to",
            ("reference", "average"),
            "reference",
            "The reference strategy's, or the average over all strategies (pooled arms)",
        ),
        choice(
            "post_progression_mortality",
            "What a curve from progression counts",
            tuple(PostProgressionMortality),
            PostProgressionMortality.ALL_CAUSE,
            "all_cause: floored at the background; excess: on top of it",
        ),
        choice(
            "within_cycle",
            "Moves within a cycle",
            tuple(WithinCycle),
            WithinCycle.HALF_CYCLE_EXPOSURE,
            "one_move only to compare with models built that way",
        ),
        choice(
            "correction",
            "Within-cycle correction",
            tuple(Correction),
            Correction.HALF_CYCLE,
            "start and end are of first order in the cycle length, the others of second or higher",
        ),
        choice(
            "crossing",
            "Where PFS would exceed OS",
            tuple(Crossing),
            Crossing.CAP_HAZARD,
            "Count and first time are reported",
        ),
        choice("age_adjustment", "Age adjustment of utilities", ON_OFF, "on", "Multiplicative, with population norms"),
        choice("utility_cap", "Cap utilities at the population norm", ON_OFF, "on", "At the same age and sex mix"),
        choice(
            "agency",
            "Agency whose reference case the run is set against",
            tuple(Agency),
            Agency.OWN,
            "Its rates and thresholds stand on the sheet Reference case; they change no result",
        ),
        choice("vial_waste", "Waste of opened vials", ON_OFF, "on", "off: vials are shared"),
        Definition(
            "settings.endpoint_correlation",
            s,
            "Correlation of a strategy's effects on PFS and OS",
            CORRELATION,
            default=0.5,
            help="Of the logs of uncertain ratios, towards the same benefit; random draws only; 0 and 0.8 as scenarios",
        ),
        Definition("settings.seed", s, "Seed of random draws", SEED, default=20240101.0),
    ]


def _cohort() -> list[Definition]:
    s = Sheet.COHORT
    return [
        Definition("cohort.age", s, "Age at time zero", AGE),
        Definition("cohort.proportion_female", s, "Proportion female", PROPORTION),
        Definition("cohort.body_surface_area", s, "Body surface area, mean", SURFACE, default=1.85),
        Definition("cohort.body_surface_area_sd", s, "Body surface area, standard deviation", SPREAD, default=0.2),
        Definition(
            "decision.patients_per_year",
            s,
            "Patients a year whom the decision concerns",
            COUNT,
            help="Used by markov voi for the value of information to a population",
        ),
        Definition("decision.years", s, "Years for which the decision stands", YEARS, default=10.0),
        Definition(
            "decision.meanwhile",
            s,
            "What patients get while longer follow-up is awaited",
            None,
            tuple(Meanwhile),
            Meanwhile.BEST_NOW,
            "best_now: what is best on present evidence; funded: the strategy whose survival is followed; "
            "not_funded: the best of the others",
        ),
        Definition(
            "mortality.smr",
            s,
            "Standardised mortality ratio of the background",
            RATIO_OR_ZERO,
            default=1.0,
            help="1: the general population's mortality is the floor in every state",
        ),
    ]


_CURVE_NUMBERS = (
    ("median", "median", CURVE_TIME),
    ("rate", "rate", CURVE_RATE),
    ("shape", "shape", CURVE_SHAPE),
    ("scale", "scale", CURVE_TIME),
    ("meanlog", "mean of the log", LOG_TIME),
    ("sdlog", "standard deviation of the log", POSITIVE),
    ("mu", "mu", LOG_TIME),
    ("sigma", "sigma", POSITIVE),
    ("q", "Q", NUMBER),
    ("p", "P", NOT_NEGATIVE),
    *((f"gamma{j}", f"spline coefficient {j}", NUMBER) for j in range(8)),
    ("hazard_ratio", "hazard ratio against its reference", RATIO),
    ("time_ratio", "time ratio against its reference", TIME_RATIO),
    ("waning_start", "effect wanes from", DURATION),
    ("waning_end", "effect gone at", DURATION),
)
CURVE_NUMBER_NAMES = tuple(name for name, _, _ in _CURVE_NUMBERS)
_ENDPOINT_LABELS = {Endpoint.PFS: "PFS", Endpoint.OS: "OS", Endpoint.POST_PROGRESSION: "Survival from progression"}


def _survival() -> list[Definition]:
    s = Sheet.SURVIVAL
    found = []
    for endpoint, name in _ENDPOINT_LABELS.items():
        found.append(
            Definition(
                f"{endpoint}.family.{{strategy}}",
                s,
                f"{name}: curve family, {{strategy}}",
                None,
                tuple(Family),
                help="A family of its own, or hazard_ratio / time_ratio on the reference strategy's curve",
            )
        )
        found += [
            Definition(f"{endpoint}.{key}.{{strategy}}", s, f"{name}: {label}, {{strategy}}", quantity)
            for key, label, quantity in _CURVE_NUMBERS
        ]
        found += [
            Definition(
                f"{endpoint}.knots.{{strategy}}",
                s,
                f"{name}: spline knots, {{strategy}}",
                default="",
                help="Months, separated by semicolons, boundary knots included",
            ),
            Definition(
                f"{endpoint}.reference.{{strategy}}",
                s,
                f"{name}: reference strategy of {{strategy}}",
                default="",
                help="Whose curve a ratio multiplies or a waning effect returns to; empty: settings.reference",
            ),
        ]
    found += [
        Definition(f"follow_up.{endpoint}", s, f"{_ENDPOINT_LABELS[endpoint]}: median follow-up of the trial", DURATION)
        for endpoint in (Endpoint.PFS, Endpoint.OS)
    ]
    found += _calibration_targets(s)
    found += _longer_follow_up(s)
    found.append(
        Definition(
            "post_progression.registry_rate",
            s,
            "Death rate after progression in a registry, to compare with",
            RATE,
            help="Not used by the model: the Bridge sheet sets it beside the implied rates",
        )
    )
    found += [
        Definition("post_progression.excess_rate.common", s, "Excess death rate after progression, common", RATE),
        Definition(
            "post_progression.excess_rate.{strategy}", s, "Excess death rate after progression, {strategy}", RATE
        ),
    ]
    return found


def _longer_follow_up(s: Sheet) -> list[Definition]:
    """What longer follow-up of the trial would add: used by the value of information only, never by the base case."""
    return [
        Definition(
            "follow_up.randomised.{strategy}",
            s,
            "Patients randomised in the trial of survival, {strategy}",
            COUNT,
            help="With the reference's, what longer follow-up would teach is valued (markov voi)",
        ),
        Definition(
            "follow_up.at_risk.{strategy}",
            s,
            "Patients of the trial still followed for survival, {strategy}",
            COUNT,
            help="If known, in place of those randomised times modelled survival times retention",
        ),
        Definition(
            "follow_up.retention",
            s,
            "Share of survivors who stay under follow-up",
            PROPORTION,
            default=1.0,
        ),
        Definition(
            "follow_up.effect_left.low",
            s,
            "Share of the log effect on survival left after follow-up, lowest",
            PROPORTION,
            default=0.0,
            help="The share is uniform between the two, in place of waning; used where deaths follow an OS curve",
        ),
        Definition(
            "follow_up.effect_left.high",
            s,
            "Share of the log effect on survival left after follow-up, highest",
            PROPORTION,
            default=1.0,
        ),
        Definition(
            "follow_up.lag",
            s,
            "Time from the end of longer follow-up to a new decision",
            DURATION,
            default=12.0,
            help="Analysis, publication and appraisal",
        ),
    ]


def _calibration_targets(s: Sheet) -> list[Definition]:
    """What rates are calibrated to: in every random draw the target is drawn and the rate follows from it."""
    text = "The excess death rate after progression follows from it in every random draw, and by markov calibrate"
    return [
        definition
        for who, words in (("common", "the rate common to all"), ("{strategy}", "{strategy}"))
        for definition in (
            Definition(
                f"calibration.os_median.{who}", s, f"OS: median to calibrate to, {words}", CURVE_TIME, help=text
            ),
            Definition(
                f"calibration.os_survival.{who}", s, f"OS: share alive to calibrate to, {words}", PROPORTION, help=text
            ),
            Definition(f"calibration.os_survival_time.{who}", s, f"OS: time of that share alive, {words}", CURVE_TIME),
        )
    ]


def _events() -> list[Definition]:
    s = Sheet.EVENTS
    return [
        Definition("treatment.start.{strategy}", s, "Start of maintenance, {strategy}", DURATION, default=0.0),
        Definition(
            "treatment.planned_stop.{strategy}",
            s,
            "Planned stop, {strategy}",
            DURATION,
            help="From time zero; empty: until progression",
        ),
        Definition(
            "treatment.share_starting.{strategy}",
            s,
            "Share of patients who start, {strategy}",
            PROPORTION,
            help="0 for a strategy without drug",
        ),
        Definition("treatment.other_stop_rate.{strategy}", s, "Stops for other reasons, {strategy}", RATE, default=0.0),
        Definition(
            "treatment.median_duration.{strategy}",
            s,
            "Median time on treatment to reproduce, {strategy}",
            PERIOD,
            help="If given, the rate of other stops is solved from it; give one or the other",
        ),
        Definition(
            "toxicity.proportion.{strategy}",
            s,
            "Proportion of starters who stop for toxicity, {strategy}",
            PROPORTION,
            help="By the end of the period below; give this or a rate",
        ),
        Definition("toxicity.period.{strategy}", s, "Period of that proportion, {strategy}", PERIOD),
        Definition("toxicity.rate.{strategy}", s, "Rate of stops for toxicity, {strategy}", RATE),
        Definition(
            "toxicity.observed_proportion.{strategy}",
            s,
            "Proportion stopping in the trial behind the PFS curve, {strategy}",
            PROPORTION,
            help="Only for what-if analyses: the hazard on treatment is kept as it was under this proportion",
        ),
        Definition(
            "toxicity.after_stopping.{strategy}",
            s,
            "Progression after stopping for toxicity, {strategy}",
            None,
            tuple(AfterStopping),
            AfterStopping.RATIO,
            "ratio: the hazard on maintenance times the ratio below; effect_lost: the reference strategy's hazard",
        ),
        Definition(
            "toxicity.progression_ratio.{strategy}",
            s,
            "Hazard ratio of progression after stopping, {strategy}",
            RATIO_OR_ZERO,
            default=1.0,
        ),
        Definition(
            "spm.rate.{strategy}",
            s,
            "Second malignancies on treatment, {strategy}",
            SPM_RATE,
            help="Give this, or a proportion with its period and the rate of other exits",
        ),
        Definition("spm.proportion.{strategy}", s, "Proportion with a second malignancy, {strategy}", PROPORTION),
        Definition("spm.period.{strategy}", s, "Period of that proportion, {strategy}", PERIOD),
        Definition(
            "spm.other_exit_rate.{strategy}",
            s,
            "Rate of other exits behind that proportion, {strategy}",
            RATE,
            default=0.0,
        ),
        Definition("spm.rate_off_treatment.{strategy}", s, "Second malignancies off treatment, {strategy}", SPM_RATE),
        Definition("spm.share_haematologic.{strategy}", s, "Share that is haematologic, {strategy}", PROPORTION),
        Definition("spm.lag.{strategy}", s, "Lag before the excess begins, {strategy}", DURATION, default=0.0),
        Definition("spm.excess_death.haematologic", s, "Excess death rate, haematologic second malignancy", RATE),
        Definition("spm.excess_death.solid", s, "Excess death rate, solid second malignancy", RATE),
    ]


def _adverse_events() -> list[Definition]:
    s = Sheet.ADVERSE_EVENTS
    return [
        Definition(
            "adverse_event.proportion.{event}.{strategy}",
            s,
            "{event}: share of starters, {strategy}",
            PROPORTION,
            default=0.0,
        ),
        Definition("adverse_event.cost.{event}", s, "{event}: cost", _money("event"), default=0.0),
        Definition("adverse_event.disutility.{event}", s, "{event}: decrement", DECREMENT, default=0.0),
        Definition(
            "adverse_event.days.{event}", s, "{event}: duration", Quantity({"days": 1.0}, 0.0, 36525.0), default=0.0
        ),
        Definition(
            "adverse_event.persistent_share.{event}.{strategy}",
            s,
            "{event}: share of those who stopped for toxicity in whom it persists, {strategy}",
            PROPORTION,
            default=0.0,
            help="Carries the decrement until progression",
        ),
    ]


def _drugs() -> list[Definition]:
    s = Sheet.DRUGS
    return [
        Definition("price.{product}.brand", s, "{product}: brand list price", _money("pack")),
        Definition("price.{product}.generic", s, "{product}: generic price", _money("pack")),
        Definition(
            "product.form.{product}",
            s,
            "{product}: form",
            None,
            ("oral", "vial"),
            "oral",
            "Vials are opened for each dose; oral units carry over between intervals",
        ),
        Definition("product.strength.{product}", s, "{product}: strength of a unit", MILLIGRAM),
        Definition("product.units_per_pack.{product}", s, "{product}: units in a pack", PACK),
        Definition("dose.amount.{product}.{strategy}", s, "{product}: dose, {strategy}", DOSE),
        Definition(
            "dose.administrations.{product}.{strategy}", s, "{product}: administrations per interval, {strategy}", COUNT
        ),
        Definition(
            "dose.interval.{product}.{strategy}",
            s,
            "{product}: dispensing interval, {strategy}",
            Quantity({"days": 1.0 / DAYS_PER_YEAR}, 0.1, 3660.0, 7.0, 366.0),
            default=28.0,
        ),
        Definition("dose.initial_amount.{product}.{strategy}", s, "{product}: initial dose, {strategy}", DOSE),
        Definition(
            "dose.initial_intervals.{product}.{strategy}",
            s,
            "{product}: intervals at the initial dose, {strategy}",
            COUNT,
            default=0.0,
        ),
        Definition(
            "dose.route.{product}.{strategy}",
            s,
            "{product}: route, {strategy}",
            default="",
            help="Names a cost.administration row; empty: no administration cost",
        ),
        Definition(
            "dose.relative_intensity.{strategy}",
            s,
            "Relative dose intensity, {strategy}",
            PROPORTION,
            default=1.0,
            help="Share of packs dispensed: at flat prices a lower dose costs the same, an omitted pack does not",
        ),
    ]


def _costs() -> list[Definition]:
    s = Sheet.COSTS
    return [
        Definition("cost.administration.{route}", s, "Administration, {route}", _money("visit")),
        Definition(
            "cost.treatment_start.{strategy}",
            s,
            "Start of treatment, one-off, {strategy}",
            _money("patient"),
            default=0.0,
            help="For those who start; counted as administration",
        ),
        Definition(
            "cost.monitoring.{strategy}",
            s,
            "Monitoring while on treatment, {strategy}",
            _money("month", "year", "28 days"),
            default=0.0,
            help="On top of disease management",
        ),
        *(
            Definition(
                f"cost.state.{state}",
                s,
                f"Disease management, {state}",
                _money("month", "year", "28 days"),
                default=0.0,
            )
            for state in LIVING
        ),
        *(
            Definition(f"cost.event.{event}", s, label, _money("event"), default=0.0)
            for event, label in (
                ("progression", "Work-up at progression"),
                ("spm_haematologic", "Haematologic second malignancy"),
                ("spm_solid", "Solid second malignancy"),
                ("death", "End of life"),
            )
        ),
        Definition(
            "follow_up.cost.fixed",
            s,
            "Longer follow-up of the trial, once",
            _money("study"),
            default=0.0,
            help="Costs of the study and of the decision, not of a patient: used by markov voi only",
        ),
        Definition(
            "follow_up.cost.yearly", s, "Longer follow-up of the trial, each year", _money("study year"), default=0.0
        ),
        Definition(
            "decision.reversal_cost",
            s,
            "Irrecoverable cost of reversing the decision",
            _money("decision"),
            default=0.0,
            help="Paid where longer follow-up ends the use of a drug that patients get meanwhile",
        ),
    ]


def _subsequent() -> list[Definition]:
    s = Sheet.SUBSEQUENT
    return [
        Definition(
            "subsequent.share.{course}.{strategy}",
            s,
            "{course}: courses per progressed patient, {strategy}",
            Quantity({"proportion": 1.0}, 0.0, 1.0),
            default=0.0,
        ),
        Definition("subsequent.cost.{course}", s, "{course}: cost of a course", _money("course")),
        Definition(
            "subsequent.monthly_cost.{strategy}",
            s,
            "Subsequent therapy while progressed, {strategy}",
            _money("month", "year", "28 days"),
            default=0.0,
            help="A cost per month or courses at progression, never both for one strategy",
        ),
    ]


def _utilities() -> list[Definition]:
    s = Sheet.UTILITIES
    return [
        *(Definition(f"utility.{state}", s, f"Utility, {state}", UTILITY) for state in LIVING),
        Definition(
            "utility.treatment_decrement.{strategy}",
            s,
            "Decrement while on treatment, {strategy}",
            DECREMENT,
            default=0.0,
        ),
        *(
            definition
            for kind in ("haematologic", "solid")
            for definition in (
                Definition(
                    f"spm.disutility.{kind}", s, f"Decrement at a {kind} second malignancy", DECREMENT, default=0.0
                ),
                Definition(
                    f"spm.disutility_duration.{kind}", s, f"Duration of that decrement, {kind}", DURATION, default=0.0
                ),
            )
        ),
    ]


STRATEGY_INCLUDED = Definition(
    "strategy.included.{strategy}", Sheet.STRATEGIES, "{strategy} is compared", None, ("yes", "no"), "yes"
)

DEFINITIONS: tuple[Definition, ...] = (
    *_settings(),
    STRATEGY_INCLUDED,
    *_cohort(),
    *_survival(),
    *_events(),
    *_adverse_events(),
    *_drugs(),
    *_costs(),
    *_subsequent(),
    *_utilities(),
)

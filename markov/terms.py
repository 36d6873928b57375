"""The words of the model: every state, curve family, convention and category has one spelling, used everywhere."""

from collections.abc import Iterable
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

DAYS_PER_YEAR = 365.25
MONTHS_PER_YEAR = 12.0
DAYS_PER_MONTH = DAYS_PER_YEAR / MONTHS_PER_YEAR


class State(StrEnum):
    """Health states, in the order of every table."""

    MAINTENANCE = "maintenance"
    TOXICITY = "toxicity"
    PROGRESSION = "progression"
    SPM_HAEMATOLOGIC = "spm_haematologic"
    SPM_SOLID = "spm_solid"
    DEATH = "death"


LIVING = tuple(state for state in State if state is not State.DEATH)
MALIGNANCIES = (State.SPM_HAEMATOLOGIC, State.SPM_SOLID)

STATE_LABELS = {
    State.MAINTENANCE: "Maintenance",
    State.TOXICITY: "Toxicity discontinuation",
    State.PROGRESSION: "Progression",
    State.SPM_HAEMATOLOGIC: "SPM, haematologic",
    State.SPM_SOLID: "SPM, solid",
    State.DEATH: "Death",
}
STATE_WORDS = {
    State.MAINTENANCE: "maintenance",
    State.TOXICITY: "toxicity",
    State.PROGRESSION: "progression",
    State.SPM_HAEMATOLOGIC: "haematologic second malignancy",
    State.SPM_SOLID: "solid second malignancy",
}
"""States in which patients live, inside a label of an input."""


class Endpoint(StrEnum):
    """Time-to-event endpoints that the workbook gives as curves."""

    PFS = "pfs"
    OS = "os"
    POST_PROGRESSION = "pps"


class Family(StrEnum):
    """Curve families (flexsurv's parameterisation) and the two ways to build a curve on a reference strategy's."""

    EXPONENTIAL = "exponential"
    WEIBULL = "weibull"
    GOMPERTZ = "gompertz"
    LOG_NORMAL = "log_normal"
    LOG_LOGISTIC = "log_logistic"
    GAMMA = "gamma"
    GENERALISED_GAMMA = "generalised_gamma"
    GENERALISED_F = "generalised_f"
    SPLINE_HAZARD = "spline_hazard"
    SPLINE_ODDS = "spline_odds"
    SPLINE_NORMAL = "spline_normal"
    HAZARD_RATIO = "hazard_ratio"
    TIME_RATIO = "time_ratio"


class PostProgression(StrEnum):
    """What is assumed about death after progression: the central structural choice."""

    RATE = "rate"
    TIME_SINCE_PROGRESSION = "time_since_progression"
    OVERALL_SURVIVAL = "overall_survival"


class PostProgressionRate(StrEnum):
    """Whether the excess death rate after progression is one for all strategies or one each."""

    COMMON = "common"
    BY_STRATEGY = "by_strategy"


class PostProgressionMortality(StrEnum):
    """What a curve from progression counts: deaths of any cause, or deaths on top of the background."""

    ALL_CAUSE = "all_cause"
    EXCESS = "excess"


class WithinCycle(StrEnum):
    """Whether those who enter a state may leave it again in the same cycle."""

    HALF_CYCLE_EXPOSURE = "half_cycle_exposure"
    ONE_MOVE = "one_move"


class Correction(StrEnum):
    """Within-cycle correction of state payoffs."""

    HALF_CYCLE = "half_cycle"
    START = "start"
    END = "end"
    SIMPSON = "simpson"


class Discounting(StrEnum):
    """Discounting at the exact time, or in whole-year steps."""

    EXACT_TIME = "exact_time"
    WHOLE_YEARS = "whole_years"


class Crossing(StrEnum):
    """What to do where a PFS curve lies above the OS curve of the same strategy."""

    CAP_HAZARD = "cap_hazard"
    CAP_CURVE = "cap_curve"
    ERROR = "error"


class AfterStopping(StrEnum):
    """Progression hazard of patients who stopped for toxicity."""

    RATIO = "ratio"
    EFFECT_LOST = "effect_lost"


class Meanwhile(StrEnum):
    """What patients are given while longer follow-up is awaited."""

    BEST_NOW = "best_now"
    FUNDED = "funded"
    NOT_FUNDED = "not_funded"


class PriceSet(StrEnum):
    """Which of a product's two prices is paid."""

    BRAND = "brand"
    GENERIC = "generic"


class CostCategory(StrEnum):
    """Cost categories, in the order of every table."""

    DRUG = "drug"
    ADMINISTRATION = "administration"
    MONITORING = "monitoring"
    ADVERSE_EVENTS = "adverse_events"
    DISEASE_MANAGEMENT = "disease_management"
    SUBSEQUENT_THERAPY = "subsequent_therapy"
    SECOND_PRIMARY_MALIGNANCY = "second_primary_malignancy"
    END_OF_LIFE = "end_of_life"


COST_LABELS = {
    CostCategory.DRUG: "Drug",
    CostCategory.ADMINISTRATION: "Administration",
    CostCategory.MONITORING: "Monitoring",
    CostCategory.ADVERSE_EVENTS: "Adverse events",
    CostCategory.DISEASE_MANAGEMENT: "Disease management",
    CostCategory.SUBSEQUENT_THERAPY: "Subsequent therapy",
    CostCategory.SECOND_PRIMARY_MALIGNANCY: "Second primary malignancy",
    CostCategory.END_OF_LIFE: "End of life",
}


class QalyComponent(StrEnum):
    """Where quality-adjusted life-years come from and go."""

    STATE_UTILITY = "state_utility"
    TREATMENT_DECREMENT = "treatment_decrement"
    ADVERSE_EVENTS = "adverse_events"
    PERSISTENT_EFFECTS = "persistent_effects"
    SECOND_PRIMARY_MALIGNANCY = "second_primary_malignancy"


QALY_LABELS = {
    QalyComponent.STATE_UTILITY: "Time in health states",
    QalyComponent.TREATMENT_DECREMENT: "Decrement while on treatment",
    QalyComponent.ADVERSE_EVENTS: "Adverse events",
    QalyComponent.PERSISTENT_EFFECTS: "Persistent effects after stopping",
    QalyComponent.SECOND_PRIMARY_MALIGNANCY: "Event of a second malignancy",
}


class Agency(StrEnum):
    """Whose reference case a run is set against."""

    NICE = "nice"
    CDA_AMC = "cda_amc"
    ZIN = "zin"
    ICER = "icer"
    HAS = "has"
    OWN = "own"


AGENCY_LABELS = {
    Agency.NICE: "NICE (England)",
    Agency.CDA_AMC: "CDA-AMC (Canada)",
    Agency.ZIN: "ZIN (Netherlands)",
    Agency.ICER: "ICER (United States)",
    Agency.HAS: "HAS (France)",
    Agency.OWN: "the workbook's own",
}


class ReferenceItem(StrEnum):
    """In what respects a run is set against a reference case."""

    DISCOUNT_COSTS = "discount_rate.costs"
    DISCOUNT_EFFECTS = "discount_rate.effects"
    THRESHOLDS = "thresholds"
    CURRENCY = "currency"
    PERSPECTIVE = "perspective"
    HORIZON = "horizon"
    VALUE_SET = "value_set"
    AGE_ADJUSTMENT = "age_adjustment"


class Position(StrEnum):
    """A strategy's place in the incremental analysis."""

    REFERENCE = "reference"
    FRONTIER = "frontier"
    DOMINATED = "dominated"
    EXTENDEDLY_DOMINATED = "extendedly_dominated"
    EQUAL = "equal"


class Verdict(StrEnum):
    """Outcome of a check; the last two only of tests of the verification bank."""

    PASS = "pass"
    WARN = "warn"
    FAIL = "fail"
    NOT_APPLICABLE = "not applicable"
    ANALYST = "analyst to answer"


class Status(StrEnum):
    """How far a figure can be trusted; never promoted on the way from the evidence to the report."""

    SEED = "seed"
    READ = "read"
    INTERVAL_ASSUMED = "read; interval assumed"
    DERIVED = "derived"
    UNVERIFIED_HIGH = "unverified (high)"
    UNVERIFIED_MEDIUM = "unverified (medium)"
    UNVERIFIED_LOW = "unverified (low)"
    ASSUMPTION = "assumption"
    METHOD = "method"


def weakest(statuses: Iterable[str]) -> Status:
    """The least trustworthy of several statuses: what is made from figures is no better than they are.

    >>> weakest(["read", "assumption", "derived"]).value, weakest([]).value
    ('assumption', 'derived')
    """
    order: list[Status] = [status for status in Status if status is not Status.METHOD]
    known: list[Status] = [Status.DERIVED, *(Status(status) for status in statuses if status in order)]
    return order[max(order.index(status) for status in known)]


TRUSTED = (Status.SEED, Status.READ, Status.METHOD)


CURRENCY_SIGNS = {"GBP": "£", "USD": "$", "EUR": "€", "JPY": "¥", "AUD": "A$", "CAD": "C$", "NZD": "NZ$"}


def sign_of(currency: str) -> str:
    """What stands before an amount: the sign of a currency, or its code where there is none.

    >>> sign_of("GBP"), sign_of("USD"), sign_of("SEK")
    ('£', '$', 'SEK ')
    """
    return CURRENCY_SIGNS.get(currency, f"{currency} " if currency else "")


def money(amount: float, currency: str, decimals: int = 0) -> str:
    """An amount as its jurisdiction writes it.

    >>> money(-1234.5, "GBP"), money(1234.5, "USD", 2), money(1e6, "SEK")
    ('−£1,234', '$1,234.50', 'SEK 1,000,000')
    """
    return f"{'−' if amount < 0 else ''}{sign_of(currency)}{abs(amount):,.{decimals}f}"


class Distribution(StrEnum):
    """Sampling distributions of parameters."""

    FIXED = "fixed"
    NORMAL = "normal"
    LOG_NORMAL = "log_normal"
    BETA = "beta"
    GAMMA = "gamma"
    UNIFORM = "uniform"
    TRIANGULAR = "triangular"
    TRUNCATED_NORMAL = "truncated_normal"
    DIRICHLET = "dirichlet"


FAMILY_PARAMETERS: dict[Family, tuple[str, ...]] = {
    Family.EXPONENTIAL: ("rate",),
    Family.WEIBULL: ("scale", "shape"),
    Family.GOMPERTZ: ("rate", "shape"),
    Family.LOG_NORMAL: ("meanlog", "sdlog"),
    Family.LOG_LOGISTIC: ("scale", "shape"),
    Family.GAMMA: ("rate", "shape"),
    Family.GENERALISED_GAMMA: ("mu", "sigma", "q"),
    Family.GENERALISED_F: ("mu", "sigma", "q", "p"),
    Family.SPLINE_HAZARD: ("gamma0", "gamma1", "knots"),
    Family.SPLINE_ODDS: ("gamma0", "gamma1", "knots"),
    Family.SPLINE_NORMAL: ("gamma0", "gamma1", "knots"),
    Family.HAZARD_RATIO: ("hazard_ratio",),
    Family.TIME_RATIO: ("time_ratio",),
}
"""What a curve needs. The first parameter of a family of its own may be replaced by the median."""

RATIO_FAMILIES = (Family.HAZARD_RATIO, Family.TIME_RATIO)
SPLINES = (Family.SPLINE_HAZARD, Family.SPLINE_ODDS, Family.SPLINE_NORMAL)

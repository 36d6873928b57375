"""The sheet Survival: curves, what they are calibrated to, deaths after progression, and longer follow-up."""

from collections.abc import Iterator

from markov.inputs.definitions.definition import Definition
from markov.inputs.definitions.quantities import (
    COUNT,
    CURVE_RATE,
    CURVE_SHAPE,
    CURVE_TIME,
    DURATION,
    LOG_TIME,
    NOT_NEGATIVE,
    NUMBER,
    POSITIVE,
    PROPORTION,
    RATE,
    RATIO,
    TIME_RATIO,
)
from markov.inputs.definitions.sheets import Sheet
from markov.terms import Endpoint, Family

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


def _curve(endpoint: Endpoint, name: str) -> Iterator[Definition]:
    """The curve of one endpoint: its family and numbers, and the strategy that it refers to."""
    yield Definition(
        f"{endpoint}.family.{{strategy}}",
        Sheet.SURVIVAL,
        f"{name}: curve family, {{strategy}}",
        None,
        tuple(Family),
        help="A family of its own, or hazard_ratio / time_ratio on the reference strategy's curve",
    )
    for key, label, quantity in _CURVE_NUMBERS:
        yield Definition(f"{endpoint}.{key}.{{strategy}}", Sheet.SURVIVAL, f"{name}: {label}, {{strategy}}", quantity)
    yield Definition(
        f"{endpoint}.knots.{{strategy}}",
        Sheet.SURVIVAL,
        f"{name}: spline knots, {{strategy}}",
        default="",
        help="Months, separated by semicolons, boundary knots included",
    )
    yield Definition(
        f"{endpoint}.reference.{{strategy}}",
        Sheet.SURVIVAL,
        f"{name}: reference strategy of {{strategy}}",
        default="",
        help="Whose curve a ratio multiplies or a waning effect returns to; empty: settings.reference",
    )


def _calibration_targets(who: str, words: str) -> Iterator[Definition]:
    """What a rate is calibrated to: in every random draw the target is drawn and the rate follows from it."""
    text = "The excess death rate after progression follows from it in every random draw, and by markov calibrate"
    yield Definition(
        f"calibration.os_median.{who}", Sheet.SURVIVAL, f"OS: median to calibrate to, {words}", CURVE_TIME, help=text
    )
    yield Definition(
        f"calibration.os_survival.{who}",
        Sheet.SURVIVAL,
        f"OS: share alive to calibrate to, {words}",
        PROPORTION,
        help=text,
    )
    yield Definition(
        f"calibration.os_survival_time.{who}", Sheet.SURVIVAL, f"OS: time of that share alive, {words}", CURVE_TIME
    )


_LONGER_FOLLOW_UP: tuple[Definition, ...] = (
    Definition(
        "follow_up.randomised.{strategy}",
        Sheet.SURVIVAL,
        "Patients randomised in the trial of survival, {strategy}",
        COUNT,
        help="With the reference's, what longer follow-up would teach is valued (markov voi)",
    ),
    Definition(
        "follow_up.at_risk.{strategy}",
        Sheet.SURVIVAL,
        "Patients of the trial still followed for survival, {strategy}",
        COUNT,
        help="If known, in place of those randomised times modelled survival times retention",
    ),
    Definition(
        "follow_up.retention",
        Sheet.SURVIVAL,
        "Share of survivors who stay under follow-up",
        PROPORTION,
        default=1.0,
    ),
    Definition(
        "follow_up.effect_left.low",
        Sheet.SURVIVAL,
        "Share of the log effect on survival left after follow-up, lowest",
        PROPORTION,
        default=0.0,
        help="The share is uniform between the two, in place of waning; used where deaths follow an OS curve",
    ),
    Definition(
        "follow_up.effect_left.high",
        Sheet.SURVIVAL,
        "Share of the log effect on survival left after follow-up, highest",
        PROPORTION,
        default=1.0,
    ),
    Definition(
        "follow_up.lag",
        Sheet.SURVIVAL,
        "Time from the end of longer follow-up to a new decision",
        DURATION,
        default=12.0,
        help="Analysis, publication and appraisal",
    ),
)
"""What longer follow-up of the trial would add: used by the value of information only, never by the base case."""

_AFTER_PROGRESSION: tuple[Definition, ...] = (
    Definition(
        "post_progression.registry_rate",
        Sheet.SURVIVAL,
        "Death rate after progression in a registry, to compare with",
        RATE,
        help="Not used by the model: the Bridge sheet sets it beside the implied rates",
    ),
    Definition(
        "post_progression.excess_rate.common", Sheet.SURVIVAL, "Excess death rate after progression, common", RATE
    ),
    Definition(
        "post_progression.excess_rate.{strategy}",
        Sheet.SURVIVAL,
        "Excess death rate after progression, {strategy}",
        RATE,
    ),
)

SURVIVAL: tuple[Definition, ...] = (
    *(definition for endpoint, name in _ENDPOINT_LABELS.items() for definition in _curve(endpoint, name)),
    *(
        Definition(
            f"follow_up.{endpoint}",
            Sheet.SURVIVAL,
            f"{_ENDPOINT_LABELS[endpoint]}: median follow-up of the trial",
            DURATION,
        )
        for endpoint in (Endpoint.PFS, Endpoint.OS)
    ),
    *_calibration_targets("common", "the rate common to all"),
    *_calibration_targets("{strategy}", "{strategy}"),
    *_LONGER_FOLLOW_UP,
    *_AFTER_PROGRESSION,
)

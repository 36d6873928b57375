"""The sheets Events and Adverse events: time on treatment, stops, second malignancies, harms."""

from functools import partial

from markov.inputs.definitions.definition import Definition
from markov.inputs.definitions.quantities import (
    DECREMENT,
    DURATION,
    PERIOD,
    PROPORTION,
    RATE,
    RATIO_OR_ZERO,
    SPM_RATE,
    Quantity,
    money,
)
from markov.inputs.definitions.sheets import Sheet
from markov.terms import AfterStopping

_event = partial(Definition, Sheet.EVENTS)
_adverse_event = partial(Definition, Sheet.ADVERSE_EVENTS)

EVENTS: tuple[Definition, ...] = (
    _event("treatment.start.{strategy}", "Start of maintenance, {strategy}", DURATION, default=0.0),
    _event(
        "treatment.planned_stop.{strategy}",
        "Planned stop, {strategy}",
        DURATION,
        help="From time zero; empty: until progression",
    ),
    _event(
        "treatment.share_starting.{strategy}",
        "Share of patients who start, {strategy}",
        PROPORTION,
        help="0 for a strategy without drug",
    ),
    _event("treatment.other_stop_rate.{strategy}", "Stops for other reasons, {strategy}", RATE, default=0.0),
    _event(
        "treatment.median_duration.{strategy}",
        "Median time on treatment to reproduce, {strategy}",
        PERIOD,
        help="If given, the rate of other stops is solved from it; give one or the other",
    ),
    _event(
        "toxicity.proportion.{strategy}",
        "Proportion of starters who stop for toxicity, {strategy}",
        PROPORTION,
        help="By the end of the period below; give this or a rate",
    ),
    _event("toxicity.period.{strategy}", "Period of that proportion, {strategy}", PERIOD),
    _event("toxicity.rate.{strategy}", "Rate of stops for toxicity, {strategy}", RATE),
    _event(
        "toxicity.observed_proportion.{strategy}",
        "Proportion stopping in the trial behind the PFS curve, {strategy}",
        PROPORTION,
        help="Only for what-if analyses: the hazard on treatment is kept as it was under this proportion",
    ),
    _event(
        "toxicity.after_stopping.{strategy}",
        "Progression after stopping for toxicity, {strategy}",
        None,
        tuple(AfterStopping),
        AfterStopping.RATIO,
        "ratio: the hazard on maintenance times the ratio below; effect_lost: the reference strategy's hazard",
    ),
    _event(
        "toxicity.progression_ratio.{strategy}",
        "Hazard ratio of progression after stopping, {strategy}",
        RATIO_OR_ZERO,
        default=1.0,
    ),
    _event(
        "spm.rate.{strategy}",
        "Second malignancies on treatment, {strategy}",
        SPM_RATE,
        help="Give this, or a proportion with its period and the rate of other exits",
    ),
    _event("spm.proportion.{strategy}", "Proportion with a second malignancy, {strategy}", PROPORTION),
    _event("spm.period.{strategy}", "Period of that proportion, {strategy}", PERIOD),
    _event(
        "spm.other_exit_rate.{strategy}", "Rate of other exits behind that proportion, {strategy}", RATE, default=0.0
    ),
    _event("spm.rate_off_treatment.{strategy}", "Second malignancies off treatment, {strategy}", SPM_RATE),
    _event("spm.share_haematologic.{strategy}", "Share that is haematologic, {strategy}", PROPORTION),
    _event("spm.lag.{strategy}", "Lag before the excess begins, {strategy}", DURATION, default=0.0),
    _event("spm.excess_death.haematologic", "Excess death rate, haematologic second malignancy", RATE),
    _event("spm.excess_death.solid", "Excess death rate, solid second malignancy", RATE),
)

ADVERSE_EVENTS: tuple[Definition, ...] = (
    _adverse_event(
        "adverse_event.proportion.{event}.{strategy}", "{event}: share of starters, {strategy}", PROPORTION, default=0.0
    ),
    _adverse_event("adverse_event.cost.{event}", "{event}: cost", money("event"), default=0.0),
    _adverse_event("adverse_event.disutility.{event}", "{event}: decrement", DECREMENT, default=0.0),
    _adverse_event(
        "adverse_event.days.{event}", "{event}: duration", Quantity({"days": 1.0}, 0.0, 36525.0), default=0.0
    ),
    _adverse_event(
        "adverse_event.persistent_share.{event}.{strategy}",
        "{event}: share of those who stopped for toxicity in whom it persists, {strategy}",
        PROPORTION,
        default=0.0,
        help="Carries the decrement until progression",
    ),
)

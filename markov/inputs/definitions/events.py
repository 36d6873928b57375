"""The sheets Events and Adverse events: time on treatment, stops, second malignancies, harms."""

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

EVENTS: tuple[Definition, ...] = (
    Definition("treatment.start.{strategy}", Sheet.EVENTS, "Start of maintenance, {strategy}", DURATION, default=0.0),
    Definition(
        "treatment.planned_stop.{strategy}",
        Sheet.EVENTS,
        "Planned stop, {strategy}",
        DURATION,
        help="From time zero; empty: until progression",
    ),
    Definition(
        "treatment.share_starting.{strategy}",
        Sheet.EVENTS,
        "Share of patients who start, {strategy}",
        PROPORTION,
        help="0 for a strategy without drug",
    ),
    Definition(
        "treatment.other_stop_rate.{strategy}", Sheet.EVENTS, "Stops for other reasons, {strategy}", RATE, default=0.0
    ),
    Definition(
        "treatment.median_duration.{strategy}",
        Sheet.EVENTS,
        "Median time on treatment to reproduce, {strategy}",
        PERIOD,
        help="If given, the rate of other stops is solved from it; give one or the other",
    ),
    Definition(
        "toxicity.proportion.{strategy}",
        Sheet.EVENTS,
        "Proportion of starters who stop for toxicity, {strategy}",
        PROPORTION,
        help="By the end of the period below; give this or a rate",
    ),
    Definition("toxicity.period.{strategy}", Sheet.EVENTS, "Period of that proportion, {strategy}", PERIOD),
    Definition("toxicity.rate.{strategy}", Sheet.EVENTS, "Rate of stops for toxicity, {strategy}", RATE),
    Definition(
        "toxicity.observed_proportion.{strategy}",
        Sheet.EVENTS,
        "Proportion stopping in the trial behind the PFS curve, {strategy}",
        PROPORTION,
        help="Only for what-if analyses: the hazard on treatment is kept as it was under this proportion",
    ),
    Definition(
        "toxicity.after_stopping.{strategy}",
        Sheet.EVENTS,
        "Progression after stopping for toxicity, {strategy}",
        None,
        tuple(AfterStopping),
        AfterStopping.RATIO,
        "ratio: the hazard on maintenance times the ratio below; effect_lost: the reference strategy's hazard",
    ),
    Definition(
        "toxicity.progression_ratio.{strategy}",
        Sheet.EVENTS,
        "Hazard ratio of progression after stopping, {strategy}",
        RATIO_OR_ZERO,
        default=1.0,
    ),
    Definition(
        "spm.rate.{strategy}",
        Sheet.EVENTS,
        "Second malignancies on treatment, {strategy}",
        SPM_RATE,
        help="Give this, or a proportion with its period and the rate of other exits",
    ),
    Definition(
        "spm.proportion.{strategy}", Sheet.EVENTS, "Proportion with a second malignancy, {strategy}", PROPORTION
    ),
    Definition("spm.period.{strategy}", Sheet.EVENTS, "Period of that proportion, {strategy}", PERIOD),
    Definition(
        "spm.other_exit_rate.{strategy}",
        Sheet.EVENTS,
        "Rate of other exits behind that proportion, {strategy}",
        RATE,
        default=0.0,
    ),
    Definition(
        "spm.rate_off_treatment.{strategy}", Sheet.EVENTS, "Second malignancies off treatment, {strategy}", SPM_RATE
    ),
    Definition("spm.share_haematologic.{strategy}", Sheet.EVENTS, "Share that is haematologic, {strategy}", PROPORTION),
    Definition("spm.lag.{strategy}", Sheet.EVENTS, "Lag before the excess begins, {strategy}", DURATION, default=0.0),
    Definition(
        "spm.excess_death.haematologic", Sheet.EVENTS, "Excess death rate, haematologic second malignancy", RATE
    ),
    Definition("spm.excess_death.solid", Sheet.EVENTS, "Excess death rate, solid second malignancy", RATE),
)

ADVERSE_EVENTS: tuple[Definition, ...] = (
    Definition(
        "adverse_event.proportion.{event}.{strategy}",
        Sheet.ADVERSE_EVENTS,
        "{event}: share of starters, {strategy}",
        PROPORTION,
        default=0.0,
    ),
    Definition("adverse_event.cost.{event}", Sheet.ADVERSE_EVENTS, "{event}: cost", money("event"), default=0.0),
    Definition("adverse_event.disutility.{event}", Sheet.ADVERSE_EVENTS, "{event}: decrement", DECREMENT, default=0.0),
    Definition(
        "adverse_event.days.{event}",
        Sheet.ADVERSE_EVENTS,
        "{event}: duration",
        Quantity({"days": 1.0}, 0.0, 36525.0),
        default=0.0,
    ),
    Definition(
        "adverse_event.persistent_share.{event}.{strategy}",
        Sheet.ADVERSE_EVENTS,
        "{event}: share of those who stopped for toxicity in whom it persists, {strategy}",
        PROPORTION,
        default=0.0,
        help="Carries the decrement until progression",
    ),
)

"""The sheet Cohort: who is treated, their background mortality, and whom the decision concerns."""

from functools import partial

from markov.inputs.definitions.definition import Definition
from markov.inputs.definitions.quantities import AGE, COUNT, PROPORTION, RATIO_OR_ZERO, SPREAD, SURFACE, YEARS
from markov.inputs.definitions.sheets import Sheet
from markov.terms import Meanwhile

_cohort = partial(Definition, Sheet.COHORT)

COHORT: tuple[Definition, ...] = (
    _cohort("cohort.age", "Age at time zero", AGE),
    _cohort("cohort.proportion_female", "Proportion female", PROPORTION),
    _cohort("cohort.body_surface_area", "Body surface area, mean", SURFACE, default=1.85),
    _cohort("cohort.body_surface_area_sd", "Body surface area, standard deviation", SPREAD, default=0.2),
    _cohort(
        "decision.patients_per_year",
        "Patients a year whom the decision concerns",
        COUNT,
        help="Used by markov voi for the value of information to a population",
    ),
    _cohort("decision.years", "Years for which the decision stands", YEARS, default=10.0),
    _cohort(
        "decision.meanwhile",
        "What patients get while longer follow-up is awaited",
        None,
        tuple(Meanwhile),
        Meanwhile.BEST_NOW,
        "best_now: what is best on present evidence; funded: the strategy whose survival is followed; "
        "not_funded: the best of the others",
    ),
    _cohort(
        "mortality.smr",
        "Standardised mortality ratio of the background",
        RATIO_OR_ZERO,
        default=1.0,
        help="1: the general population's mortality is the floor in every state",
    ),
)

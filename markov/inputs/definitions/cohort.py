"""The sheet Cohort: who is treated, their background mortality, and whom the decision concerns."""

from markov.inputs.definitions.definition import Definition
from markov.inputs.definitions.quantities import AGE, COUNT, PROPORTION, RATIO_OR_ZERO, SPREAD, SURFACE, YEARS
from markov.inputs.definitions.sheets import Sheet
from markov.terms import Meanwhile

COHORT: tuple[Definition, ...] = (
    Definition("cohort.age", Sheet.COHORT, "Age at time zero", AGE),
    Definition("cohort.proportion_female", Sheet.COHORT, "Proportion female", PROPORTION),
    Definition("cohort.body_surface_area", Sheet.COHORT, "Body surface area, mean", SURFACE, default=1.85),
    Definition(
        "cohort.body_surface_area_sd", Sheet.COHORT, "Body surface area, standard deviation", SPREAD, default=0.2
    ),
    Definition(
        "decision.patients_per_year",
        Sheet.COHORT,
        "Patients a year whom the decision concerns",
        COUNT,
        help="Used by markov voi for the value of information to a population",
    ),
    Definition("decision.years", Sheet.COHORT, "Years for which the decision stands", YEARS, default=10.0),
    Definition(
        "decision.meanwhile",
        Sheet.COHORT,
        "What patients get while longer follow-up is awaited",
        None,
        tuple(Meanwhile),
        Meanwhile.BEST_NOW,
        "best_now: what is best on present evidence; funded: the strategy whose survival is followed; "
        "not_funded: the best of the others",
    ),
    Definition(
        "mortality.smr",
        Sheet.COHORT,
        "Standardised mortality ratio of the background",
        RATIO_OR_ZERO,
        default=1.0,
        help="1: the general population's mortality is the floor in every state",
    ),
)

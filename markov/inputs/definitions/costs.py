"""The sheets Drugs, Costs and Subsequent therapy: prices, doses, and what care costs."""

from functools import partial

from markov.inputs.definitions.definition import Definition
from markov.inputs.definitions.quantities import COUNT, DOSE, MILLIGRAM, PACK, PROPORTION, Quantity, money
from markov.inputs.definitions.sheets import Sheet
from markov.terms import DAYS_PER_YEAR, LIVING, STATE_WORDS

_drug = partial(Definition, Sheet.DRUGS)
_cost = partial(Definition, Sheet.COSTS)
_subsequent = partial(Definition, Sheet.SUBSEQUENT)

DRUGS: tuple[Definition, ...] = (
    _drug("price.{product}.brand", "{product}: brand list price", money("pack")),
    _drug("price.{product}.generic", "{product}: generic price", money("pack")),
    _drug(
        "product.form.{product}",
        "{product}: form",
        None,
        ("oral", "vial"),
        "oral",
        "Vials are opened for each dose; oral units carry over between intervals",
    ),
    _drug("product.strength.{product}", "{product}: strength of a unit", MILLIGRAM),
    _drug("product.units_per_pack.{product}", "{product}: units in a pack", PACK),
    _drug("dose.amount.{product}.{strategy}", "{product}: dose, {strategy}", DOSE),
    _drug("dose.administrations.{product}.{strategy}", "{product}: administrations per interval, {strategy}", COUNT),
    _drug(
        "dose.interval.{product}.{strategy}",
        "{product}: dispensing interval, {strategy}",
        Quantity({"days": 1.0 / DAYS_PER_YEAR}, 0.1, 3660.0, 7.0, 366.0),
        default=28.0,
    ),
    _drug("dose.initial_amount.{product}.{strategy}", "{product}: initial dose, {strategy}", DOSE),
    _drug(
        "dose.initial_intervals.{product}.{strategy}",
        "{product}: intervals at the initial dose, {strategy}",
        COUNT,
        default=0.0,
    ),
    _drug(
        "dose.route.{product}.{strategy}",
        "{product}: route, {strategy}",
        default="",
        help="Names a cost.administration row; empty: no administration cost",
    ),
    _drug(
        "dose.relative_intensity.{strategy}",
        "Relative dose intensity, {strategy}",
        PROPORTION,
        default=1.0,
        help="Share of packs dispensed: at flat prices a lower dose costs the same, an omitted pack does not",
    ),
)

COSTS: tuple[Definition, ...] = (
    _cost("cost.administration.{route}", "Administration, {route}", money("visit")),
    _cost(
        "cost.treatment_start.{strategy}",
        "Start of treatment, one-off, {strategy}",
        money("patient"),
        default=0.0,
        help="For those who start; counted as administration",
    ),
    _cost(
        "cost.monitoring.{strategy}",
        "Monitoring while on treatment, {strategy}",
        money("month", "year", "28 days"),
        default=0.0,
        help="On top of disease management",
    ),
    *(
        _cost(
            f"cost.state.{state}",
            f"Disease management, {STATE_WORDS[state]}",
            money("month", "year", "28 days"),
            default=0.0,
        )
        for state in LIVING
    ),
    *(
        _cost(f"cost.event.{event}", label, money("event"), default=0.0)
        for event, label in (
            ("progression", "Work-up at progression"),
            ("spm_haematologic", "Haematologic second malignancy"),
            ("spm_solid", "Solid second malignancy"),
            ("death", "End of life"),
        )
    ),
    _cost(
        "follow_up.cost.fixed",
        "Longer follow-up of the trial, once",
        money("study"),
        default=0.0,
        help="Costs of the study and of the decision, not of a patient: used by markov voi only",
    ),
    _cost("follow_up.cost.yearly", "Longer follow-up of the trial, each year", money("study year"), default=0.0),
    _cost(
        "decision.reversal_cost",
        "Irrecoverable cost of reversing the decision",
        money("decision"),
        default=0.0,
        help="Paid where longer follow-up ends the use of a drug that patients get meanwhile",
    ),
)

SUBSEQUENT: tuple[Definition, ...] = (
    _subsequent(
        "subsequent.share.{course}.{strategy}",
        "{course}: courses per progressed patient, {strategy}",
        Quantity({"proportion": 1.0}, 0.0, 1.0),
        default=0.0,
    ),
    _subsequent("subsequent.cost.{course}", "{course}: cost of a course", money("course")),
    _subsequent(
        "subsequent.monthly_cost.{strategy}",
        "Subsequent therapy while progressed, {strategy}",
        money("month", "year", "28 days"),
        default=0.0,
        help="A cost per month or courses at progression, never both for one strategy",
    ),
)

"""The sheets Drugs, Costs and Subsequent therapy: prices, doses, and what care costs."""

from markov.inputs.definitions.definition import Definition
from markov.inputs.definitions.quantities import COUNT, DOSE, MILLIGRAM, PACK, PROPORTION, Quantity, money
from markov.inputs.definitions.sheets import Sheet
from markov.terms import DAYS_PER_YEAR, LIVING, STATE_WORDS

DRUGS: tuple[Definition, ...] = (
    Definition("price.{product}.brand", Sheet.DRUGS, "{product}: brand list price", money("pack")),
    Definition("price.{product}.generic", Sheet.DRUGS, "{product}: generic price", money("pack")),
    Definition(
        "product.form.{product}",
        Sheet.DRUGS,
        "{product}: form",
        None,
        ("oral", "vial"),
        "oral",
        "Vials are opened for each dose; oral units carry over between intervals",
    ),
    Definition("product.strength.{product}", Sheet.DRUGS, "{product}: strength of a unit", MILLIGRAM),
    Definition("product.units_per_pack.{product}", Sheet.DRUGS, "{product}: units in a pack", PACK),
    Definition("dose.amount.{product}.{strategy}", Sheet.DRUGS, "{product}: dose, {strategy}", DOSE),
    Definition(
        "dose.administrations.{product}.{strategy}",
        Sheet.DRUGS,
        "{product}: administrations per interval, {strategy}",
        COUNT,
    ),
    Definition(
        "dose.interval.{product}.{strategy}",
        Sheet.DRUGS,
        "{product}: dispensing interval, {strategy}",
        Quantity({"days": 1.0 / DAYS_PER_YEAR}, 0.1, 3660.0, 7.0, 366.0),
        default=28.0,
    ),
    Definition("dose.initial_amount.{product}.{strategy}", Sheet.DRUGS, "{product}: initial dose, {strategy}", DOSE),
    Definition(
        "dose.initial_intervals.{product}.{strategy}",
        Sheet.DRUGS,
        "{product}: intervals at the initial dose, {strategy}",
        COUNT,
        default=0.0,
    ),
    Definition(
        "dose.route.{product}.{strategy}",
        Sheet.DRUGS,
        "{product}: route, {strategy}",
        default="",
        help="Names a cost.administration row; empty: no administration cost",
    ),
    Definition(
        "dose.relative_intensity.{strategy}",
        Sheet.DRUGS,
        "Relative dose intensity, {strategy}",
        PROPORTION,
        default=1.0,
        help="Share of packs dispensed: at flat prices a lower dose costs the same, an omitted pack does not",
    ),
)

COSTS: tuple[Definition, ...] = (
    Definition("cost.administration.{route}", Sheet.COSTS, "Administration, {route}", money("visit")),
    Definition(
        "cost.treatment_start.{strategy}",
        Sheet.COSTS,
        "Start of treatment, one-off, {strategy}",
        money("patient"),
        default=0.0,
        help="For those who start; counted as administration",
    ),
    Definition(
        "cost.monitoring.{strategy}",
        Sheet.COSTS,
        "Monitoring while on treatment, {strategy}",
        money("month", "year", "28 days"),
        default=0.0,
        help="On top of disease management",
    ),
    *(
        Definition(
            f"cost.state.{state}",
            Sheet.COSTS,
            f"Disease management, {STATE_WORDS[state]}",
            money("month", "year", "28 days"),
            default=0.0,
        )
        for state in LIVING
    ),
    *(
        Definition(f"cost.event.{event}", Sheet.COSTS, label, money("event"), default=0.0)
        for event, label in (
            ("progression", "Work-up at progression"),
            ("spm_haematologic", "Haematologic second malignancy"),
            ("spm_solid", "Solid second malignancy"),
            ("death", "End of life"),
        )
    ),
    Definition(
        "follow_up.cost.fixed",
        Sheet.COSTS,
        "Longer follow-up of the trial, once",
        money("study"),
        default=0.0,
        help="Costs of the study and of the decision, not of a patient: used by markov voi only",
    ),
    Definition(
        "follow_up.cost.yearly",
        Sheet.COSTS,
        "Longer follow-up of the trial, each year",
        money("study year"),
        default=0.0,
    ),
    Definition(
        "decision.reversal_cost",
        Sheet.COSTS,
        "Irrecoverable cost of reversing the decision",
        money("decision"),
        default=0.0,
        help="Paid where longer follow-up ends the use of a drug that patients get meanwhile",
    ),
)

SUBSEQUENT: tuple[Definition, ...] = (
    Definition(
        "subsequent.share.{course}.{strategy}",
        Sheet.SUBSEQUENT,
        "{course}: courses per progressed patient, {strategy}",
        Quantity({"proportion": 1.0}, 0.0, 1.0),
        default=0.0,
    ),
    Definition("subsequent.cost.{course}", Sheet.SUBSEQUENT, "{course}: cost of a course", money("course")),
    Definition(
        "subsequent.monthly_cost.{strategy}",
        Sheet.SUBSEQUENT,
        "Subsequent therapy while progressed, {strategy}",
        money("month", "year", "28 days"),
        default=0.0,
        help="A cost per month or courses at progression, never both for one strategy",
    ),
)

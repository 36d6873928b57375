"""The Assumptions sheet: what nobody has checked against a paper, the choices of method, and what each is worth."""

from collections.abc import Callable, Sequence

from markov.analysis.sensitivity.one_way import Bar, OneWay
from markov.analysis.sensitivity.scenarios import Scenarios
from markov.inputs.parameters import Inputs, Parameter
from markov.report import words
from markov.report.page import Column, Page, Table, Text
from markov.report.sheets.tables import by_column, is_compared, joined, plain
from markov.terms import PostProgression

METHODS = ("settings.", "pfs.family.", "os.family.", "pps.family.", "toxicity.after_stopping.")
DESCRIPTIONS = ("question", "population", "perspective", "jurisdiction", "currency", "seed", "thresholds", "price_year")
Effect = tuple[float | None, str]
"""By how much an input moves net benefit, and what is to be said of that."""


def assumptions_page(inputs: Inputs, bars: OneWay, scenarios: Scenarios) -> Page:
    """Weak inputs by how far they move net benefit, then those without a range, then choices of method.

    >>> from markov.analysis.sensitivity.scenarios import scenarios
    >>> page = assumptions_page(calgb, OneWay((), {}, "GBP", calgb.thresholds, ()), scenarios(calgb, []))
    >>> [table.title for table in page.blocks[2:]]
    ['Without a range', 'Choices of method', 'Structure']
    """
    weak = [p for p in words.weak(inputs.parameters.values()) if is_compared(inputs, p)]
    swings = {p.id: found for p in weak if (found := _longest(bars, p.id))}
    ranked = sorted((p for p in weak if p.id in swings), key=lambda p: -swings[p.id].swing)
    fixed = [p for p in weak if p.id not in swings]
    chosen = [p for p in inputs.parameters.values() if p.definition.is_method and _is_choice(inputs, p)]
    at = f"at {words.money(inputs.thresholds[0], inputs.currency)} ({inputs.currency})"

    def of_bar(p: Parameter) -> Effect:
        return swings[p.id].swing, _remark(swings[p.id])

    def of_scenario(p: Parameter) -> Effect:
        return _largest_change(scenarios, p.id)

    in_scenarios = f"Largest change of a scenario {at}"
    blocks = (
        Text(_lead(inputs, ranked, fixed, swings), "lead"),
        _table("Varied in the one-way analysis", ranked, "varied", f"Effect on net benefit {at}", of_bar, VARIED),
        _table("Without a range", fixed, "fixed", in_scenarios, of_scenario, FIXED),
        _table("Choices of method", chosen, "methods", in_scenarios, of_scenario),
        _structure_table(inputs),
    )
    subtitle = "Every derived, unverified or assumed input with the reason for it and its effect on net benefit."
    widths = (44.0, 44.0, 12.0, 18.0, 18.0, 15.0, 20.0, 80.0)
    return Page("Assumptions", "Assumptions", subtitle, blocks, widths)


VARIED = (
    "Effect: highest less lowest net benefit over the reference while the input crosses its 95 % interval, or its "
    "declared range, all else as it is; of several strategies the largest."
)
FIXED = "Inputs without a distribution or a range. The scenario named may change other inputs as well."


def _longest(bars: OneWay, identifier: str) -> Bar | None:
    """The longest bar at the lower threshold that moves an input by itself or with its group."""
    found = [
        bar
        for bar in bars.bars
        if bar.threshold == bars.thresholds[0]
        and any(member.id == identifier and not member.follows for member in bar.factor.members)
    ]
    return max(found, key=lambda bar: bar.swing, default=None)


def _lead(inputs: Inputs, ranked: list[Parameter], fixed: list[Parameter], swings: dict[str, Bar]) -> str:
    if not ranked:
        return f"{len(fixed)} inputs are derived, unverified or assumed, and none of them has a range."
    first = ranked[0]
    at = words.money(inputs.thresholds[0], inputs.currency)
    swing = words.money(swings[first.id].swing, inputs.currency)
    turning = [p for p in ranked if swings[p.id].changes_decision]
    decision = (
        f"{len(turning)} of them could change the decision by themselves" if turning else "none changes the decision"
    )
    return (
        f"{len(ranked) + len(fixed)} inputs are derived, unverified or assumed. {len(ranked)} of them are varied; most "
        f"matters {first.label or first.id} ({first.status}), which moves net benefit by {swing} at {at} per QALY; "
        f"{decision}. {len(fixed)} have no range and stay as they are: see what scenarios say of them."
    )


def _is_choice(inputs: Inputs, p: Parameter) -> bool:
    told = p.id.removeprefix("settings.") in DESCRIPTIONS
    return p.id.startswith(METHODS) and p.value is not None and not told and is_compared(inputs, p)


def _table(
    title: str, listed: Sequence[Parameter], key: str, head: str, effect: Callable[[Parameter], Effect], note: str = ""
) -> Table:
    """Inputs with their effect and the reason for them; without a note they are choices of method."""

    def why(p: Parameter) -> str:
        return joined(p.source, p.page, p.comment) or ("" if note else p.definition.help)

    columns, rows = by_column(
        listed,
        ("Input", "strong", lambda p: p.label or p.id),
        ("Id", "text", lambda p: p.id),
        ("Value", "exact", lambda p: p.value if note else plain(p.value)),
        ("Unit", "text", lambda p: p.unit),
        ("Status", "text", lambda p: p.status if note else "method"),
        (head, "money", lambda p: effect(p)[0]),
        ("Remark", "text", lambda p: effect(p)[1]),
        ("Why, and from where", "text", why),
    )
    return Table(title, columns, rows, key, (note,), weak=4) if note else Table(title, columns, rows, key)


def _remark(bar: Bar) -> str:
    told = {
        "declared range": bar.factor.declared,
        "moves with others": len(bar.factor.members) > 1,
        "could change the decision": bar.changes_decision,
    }
    return "; ".join(remark for remark, holds in told.items() if holds)


def _largest_change(scenarios: Scenarios, identifier: str) -> Effect:
    """The largest change in net benefit at the lower threshold among the scenarios that change an input, and which."""
    found = [
        (change, scenario.name)
        for scenario in scenarios.scenarios
        if scenario.own and any(changed.id == identifier for changed in scenario.changes)
        for result in scenario.own.strategies[1:]
        if (change := result.change[0]) is not None
    ]
    return max(found, key=lambda pair: abs(pair[0]), default=(None, ""))


def _structure_table(inputs: Inputs) -> Table:
    """What the structure of the model itself takes for granted."""
    memory = inputs.text("settings.post_progression") == PostProgression.TIME_SINCE_PROGRESSION
    after = {
        PostProgression.RATE: "Mortality after progression is a rate that does not depend on the time since then.",
        PostProgression.TIME_SINCE_PROGRESSION: "Mortality after progression depends on the time since then.",
        PostProgression.OVERALL_SURVIVAL: "Deaths after progression are those that overall survival has left over.",
    }[PostProgression(inputs.text("settings.post_progression"))]
    rows = (
        ("Memory", after if memory else f"{after} Nobody is followed by the time spent in progression."),
        ("Order of states", "Nobody returns to an earlier state; a second malignancy or a stop is not undone."),
        (
            "Second malignancies",
            "They arise before progression only; those who have one neither progress nor are treated.",
        ),
        ("Time on treatment", "The drug is taken in the maintenance state only; it ends at progression at the latest."),
        (
            "Stops for toxicity",
            "Their rate is constant while the drug is taken; a published proportion is solved for it.",
        ),
        ("Mortality", "No hazard of death falls below that of the general population of the same age and sex."),
    )
    columns = (Column("Structure of the model", "strong"), Column("What it takes for granted"))
    return Table("Structure", columns, rows, "structure", spread=True)

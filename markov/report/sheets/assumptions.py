"""The Assumptions sheet: what nobody has checked against a paper, the choices of method, and what each is worth."""

from collections.abc import Iterator

from markov.analysis.sensitivity.one_way import Bar, OneWay
from markov.analysis.sensitivity.scenarios import Scenario, Scenarios
from markov.inputs.parameters import Inputs, Parameter
from markov.report import words
from markov.report.page import Block, Cell, Column, Page, Table, Text
from markov.terms import PostProgression

METHODS = ("settings.", "pfs.family.", "os.family.", "pps.family.", "toxicity.after_stopping.")
DESCRIPTIONS = ("question", "population", "perspective", "jurisdiction", "currency", "seed", "thresholds", "price_year")


def assumptions_page(inputs: Inputs, bars: OneWay, scenarios: Scenarios) -> Page:
    """Weak inputs by how far they move net benefit, then those without a range, then choices of method."""
    weak = [p for p in words.weak(inputs.parameters.values()) if _is_used(inputs, p)]
    swings = {p.id: found for p in weak if (found := _longest(bars, p.id))}
    ranked = sorted((p for p in weak if p.id in swings), key=lambda p: -swings[p.id].swing)
    fixed = [p for p in weak if p.id not in swings]
    blocks: tuple[Block, ...] = (
        Text(_lead(inputs, ranked, fixed, swings), "lead"),
        _ranked_table(inputs, ranked, swings),
        _fixed_table(inputs, fixed, scenarios),
        _method_table(inputs, scenarios),
        _structure_table(inputs),
    )
    subtitle = "Every derived, unverified or assumed input with the reason for it and its effect on net benefit."
    widths = (44.0, 44.0, 12.0, 18.0, 18.0, 15.0, 20.0, 80.0)
    return Page("Assumptions", "Assumptions", subtitle, blocks, widths)


def _is_used(inputs: Inputs, p: Parameter) -> bool:
    """Not of a strategy that is left out."""
    return p.id.rsplit(".", 1)[-1] not in set(inputs.labels) - set(inputs.compared)


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


# ------------------------------------------------------------------------------------------------ weak inputs


def _columns(effect: Column) -> tuple[Column, ...]:
    return (
        Column("Input", "strong"),
        Column("Id"),
        Column("Value", "exact"),
        Column("Unit"),
        Column("Status"),
        effect,
        Column("Remark"),
        Column("Why, and from where"),
    )


def _why(p: Parameter) -> str:
    return " · ".join(part for part in (p.source, p.page, p.comment) if part)


def _ranked_table(inputs: Inputs, ranked: list[Parameter], swings: dict[str, Bar]) -> Table:
    at = words.money(inputs.thresholds[0], inputs.currency)
    effect = Column(f"Effect on net benefit at {at} ({inputs.currency})", "money")
    rows = tuple(
        (p.label or p.id, p.id, p.value, p.unit, p.status, swings[p.id].swing, _remark(swings[p.id]), _why(p))
        for p in ranked
    )
    note = (
        "Effect: highest less lowest net benefit over the reference while the input crosses its 95 % interval, or its "
        "declared range, all else as it is; of several strategies the largest."
    )
    return Table("Varied in the one-way analysis", _columns(effect), rows, "varied", (note,), weak=4)


def _remark(bar: Bar) -> str:
    found = ["declared range"] if bar.factor.declared else []
    found += ["moves with others"] if len(bar.factor.members) > 1 else []
    found += ["could change the decision"] if bar.changes_decision else []
    return "; ".join(found)


def _fixed_table(inputs: Inputs, fixed: list[Parameter], scenarios: Scenarios) -> Table:
    at = words.money(inputs.thresholds[0], inputs.currency)
    effect = Column(f"Largest change of a scenario at {at} ({inputs.currency})", "money")
    rows = tuple((p.label or p.id, p.id, p.value, p.unit, p.status, *_effect(scenarios, p.id), _why(p)) for p in fixed)
    note = "Inputs without a distribution or a range. The scenario named may change other inputs as well."
    return Table("Without a range", _columns(effect), rows, "fixed", (note,), weak=4)


def _effect(scenarios: Scenarios, identifier: str) -> tuple[float | None, str]:
    """The largest change in net benefit among the scenarios that change an input, and which one it is."""
    found = [
        (change, scenario.name)
        for scenario in scenarios.scenarios
        if any(changed.id == identifier for changed in scenario.changes)
        for change in _changes(scenario)
    ]
    return max(found, key=lambda pair: abs(pair[0]), default=(None, ""))


def _changes(scenario: Scenario) -> Iterator[float]:
    """Changes in net benefit at the lower threshold, strategy by strategy."""
    for result in scenario.own.strategies[1:] if scenario.own else ():
        if result.change[0] is not None:
            yield result.change[0]


# --------------------------------------------------------------------------------------------- choices of method


def _method_table(inputs: Inputs, scenarios: Scenarios) -> Table:
    chosen = [p for p in inputs.parameters.values() if p.definition.is_method and _is_choice(inputs, p)]
    at = words.money(inputs.thresholds[0], inputs.currency)
    effect = Column(f"Largest change of a scenario at {at} ({inputs.currency})", "money")
    rows = tuple(
        (p.label or p.id, p.id, _plain(p), p.unit, "method", *_effect(scenarios, p.id), _why(p) or p.definition.help)
        for p in chosen
    )
    return Table("Choices of method", _columns(effect), rows, "methods")


def _is_choice(inputs: Inputs, p: Parameter) -> bool:
    told = p.id.removeprefix("settings.") in DESCRIPTIONS
    return p.id.startswith(METHODS) and p.value is not None and not told and _is_used(inputs, p)


def _plain(p: Parameter) -> Cell:
    return p.value.replace("_", " ") if isinstance(p.value, str) else p.value


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

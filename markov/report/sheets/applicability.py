"""The Applicability sheet: what may differ between the trial and the clinic, as switches with their effect."""

from collections.abc import Iterator, Mapping

from markov.analysis.sensitivity.scenarios import NO_CHANGE, Scenario, Scenarios, StrategyResult
from markov.excel.style import WARN
from markov.inputs.parameters import Inputs, Parameter, Value
from markov.report import words
from markov.report.page import Block, Cell, Column, Page, Table, Text
from markov.report.sheets.scenarios import decision_in_words, padded

TOPICS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "Effect on survival and crossover": (
        "Patients of the control arm may have taken the drug after unblinding or on progression; effects may wane.",
        ("os.", "pfs.hazard_ratio.", "pfs.time_ratio.", "pfs.waning"),
    ),
    "Therapy and survival after progression": (
        "Salvage therapy of the trial's years differs from today's, in cost and in what it does to survival.",
        ("subsequent.", "settings.post_progression", "post_progression.", "pps."),
    ),
    "Dosing and time on treatment": (
        "Days of treatment in a cycle, dose intensity, vial sharing, and stopping rules differ in practice.",
        ("dose.", "treatment.", "settings.vial_waste", "product."),
    ),
    "Who is treated": ("Age and sex of those treated in practice.", ("cohort.",)),
    "Tolerability": (
        "Stops for toxicity, adverse events and second malignancies in practice.",
        ("toxicity.", "adverse_event.", "spm."),
    ),
    "Prices": ("What is paid where the decision is made.", ("settings.price_set", "price.")),
}
"""By topic: why it matters, and how the ids of the scenarios that concern it begin."""

BEHIND = (
    "os.hazard_ratio.",
    "os.median.",
    "os.waning",
    "subsequent.monthly_cost.",
    "dose.",
    "treatment.",
    "cohort.age",
)
"""Inputs whose comment says what the trial did."""


def applicability_page(inputs: Inputs, result: Scenarios) -> Page:
    """By topic the scenarios that concern it with their effect; then what the trial did, as the inputs tell it."""
    count = len(inputs.thresholds)
    blocks: list[Block] = [Text(_lead(inputs, result), "lead")]
    for topic, (why, starts) in TOPICS.items():
        found = [scenario for scenario in result.scenarios if _concerns(scenario, topic)]
        blocks.append(Text(topic, "section"))
        blocks.append(Text(why))
        blocks.append(_table(inputs, topic, found) if found else Text(_missing(starts)))
    blocks.append(_behind_table(inputs))
    subtitle = "Would the result hold where the drug is used? Each switch is a scenario, run from a clean base case."
    widths = (32.0, 20.0, 34.0, *(13.0,) * (2 * count), 20.0, 76.0)
    return Page("Applicability", "Applicability", subtitle, tuple(blocks), widths)


def _concerns(scenario: Scenario, topic: str) -> bool:
    """Whether a scenario belongs to a topic: the first that any of its changes falls under."""
    first = next((name for name, (_, starts) in TOPICS.items() if _touches(scenario, starts)), None)
    return first == topic


def _touches(scenario: Scenario, starts: tuple[str, ...]) -> bool:
    return any(change.id.startswith(starts) for change in scenario.changes)


def _missing(starts: tuple[str, ...]) -> str:
    return f"The workbook has no scenario on this: add rows with ids such as {starts[0]}… to its sheet Scenarios."


def _lead(inputs: Inputs, result: Scenarios) -> str:
    counts = [(topic, sum(_concerns(scenario, topic) for scenario in result.scenarios)) for topic in TOPICS]
    listed = ", ".join(f"{topic.lower()} ({count})" for topic, count in counts if count)
    some = [s for s in result.scenarios if s.own and any(_concerns(s, topic) for topic in TOPICS)]
    decisions = (_decision(inputs, some, threshold) for threshold in inputs.thresholds)
    return f"Scenarios by topic: {listed or 'none'}. {' '.join(decisions)}"


def _decision(inputs: Inputs, some: list[Scenario], threshold: float) -> str:
    """In which of the scenarios the decision at a threshold is another than in the base case."""
    names = [
        f"“{s.name}”"
        for s in some
        if s.own and dict(zip(s.own.thresholds, s.own.decision_changed, strict=True)).get(threshold)
    ]
    at = words.per_qaly(threshold, inputs.currency)
    return f"At {at} the decision changes in {'; '.join(names) or 'none of them'}."


# ---------------------------------------------------------------------------------------------------- switches


def _table(inputs: Inputs, topic: str, found: list[Scenario]) -> Table:
    money, thresholds = inputs.currency, inputs.thresholds
    columns = (
        Column("Scenario", "strong"),
        Column("Strategy"),
        Column("Cost-effectiveness ratio"),
        *(Column(f"Net benefit gained at {t:,.0f} ({money})", "money") for t in thresholds),
        *(Column(f"Change from base at {t:,.0f} ({money})", "money") for t in thresholds),
        Column("Best strategy, where it changes"),
        Column("What is switched, and why"),
    )
    rows = tuple(row for scenario in found for row in _rows(inputs, scenario))
    tints = tuple((*("",) * (len(columns) - 2), WARN if row[-2] else "", "") for row in rows)
    key = topic.split()[0].lower()
    return Table("Switches", columns, rows, key, tints=tints)


def _rows(inputs: Inputs, scenario: Scenario) -> Iterator[tuple[Cell, ...]]:
    count = len(inputs.thresholds)
    if scenario.own is None:
        yield (scenario.name, "", "could not run", *(None,) * (2 * count), "", scenario.error)
        return
    others = [r for r in scenario.own.strategies if r.against is not None]
    others = [r for r in others if _moves(r)] or others
    for place, found in enumerate(others):
        first = place == 0
        figures = (*padded(found.gain, count), *padded(found.change, count))
        what = f"{_switched(scenario)} {scenario.reason}".strip() if first else ""
        yield (
            scenario.name if first else "",
            found.label,
            found.ratio,
            *figures,
            decision_in_words(scenario.own, inputs.currency) if first else "",
            what,
        )


def _moves(result: StrategyResult) -> bool:
    """Whether anything changes for a strategy; one that the base case does not compare is shown too."""
    return any(change is None or abs(change) > NO_CHANGE for change in result.change)


def _switched(scenario: Scenario) -> str:
    """The changes in words, the first three of them."""
    told = [f"{change.label} {_plain(change.base)} → {_plain(change.value)}" for change in scenario.changes[:3]]
    more = f"; and {len(scenario.changes) - 3} more, on Scenario inputs" if len(scenario.changes) > 3 else ""
    return f"{'; '.join(told)}{more}."


def _plain(value: Value) -> str:
    return "none" if value is None else f"{value:g}" if isinstance(value, float | int) else value.replace("_", " ")


# ------------------------------------------------------------------------------------------- what the trial did


def _behind_table(inputs: Inputs) -> Table:
    columns = (
        Column("Input", "strong"),
        Column("Id"),
        Column("Status"),
        Column("Value", "exact"),
        Column("Unit"),
        Column("Source and comment"),
    )
    found = [p for p in inputs.parameters.values() if p.id.startswith(BEHIND) and p.comment and _compared(inputs, p)]
    rows = tuple(
        (p.label or p.id, p.id, p.status, p.value, p.unit, " · ".join(part for part in (p.source, p.comment) if part))
        for p in found
        if p.value is not None
    )
    return Table("What the trial did, in the comments of the inputs", columns, rows, "behind", weak=2, spread=True)


def _compared(inputs: Inputs, p: Parameter) -> bool:
    """Not of a strategy that is left out."""
    return p.id.rsplit(".", 1)[-1] not in set(inputs.labels) - set(inputs.compared)

"""The sheet of the value of information: is it worth knowing more, and about what."""

from collections.abc import Sequence

from markov.analysis.uncertainty.importance import NOTHING
from markov.analysis.uncertainty.value_of_information import (
    EVIDENCE,
    PartialValue,
    ValueOfInformation,
    population_value,
)
from markov.inputs.parameters import Inputs
from markov.report.page import LINE_COLOURS, Block, Cell, Chart, Column, Page, Series, Table, Text
from markov.report.sheets.sobol import source_words
from markov.report.words import money, per_qaly

SHOWN = 15
PAGE = "EVPI and EVPPI"


def voi_page(inputs: Inputs, result: ValueOfInformation) -> Page:
    """Perfect information, and information on what one study could inform and on single inputs."""
    blocks: list[Block] = [
        Text(voi_lead(inputs, result), "lead"),
        *([(_group_chart(inputs, result),)] if any(p.information.value >= NOTHING for p in result.grouped) else []),
        _perfect_table(inputs, result),
        _part_table(inputs, result.grouped, "What a study could inform together", "groups", result),
        _part_table(inputs, _leading(result), "Single inputs, by falling value", "single", result),
    ]
    if result.breaches:
        names = ", ".join(dict.fromkeys(_name(inputs, part) for part in result.breaches))
        blocks.append(Text(f"Above the value of perfect information, so not to be trusted: {names}."))
    subtitle = "Per patient, from the draws of the probabilistic analysis: what choosing wrongly is expected to cost."
    return Page(PAGE, "Is it worth knowing more?", subtitle, tuple(blocks), (58.0, *(17.0,) * 7))


def perfect_words(inputs: Inputs, result: ValueOfInformation) -> list[str]:
    """What knowing everything is worth, at each threshold."""
    return [
        f"At {per_qaly(threshold, inputs.currency)} knowing everything is worth "
        f"{money(value.value, inputs.currency)} per patient."
        for threshold, value in zip(result.thresholds, result.perfect, strict=True)
    ]


def voi_lead(inputs: Inputs, result: ValueOfInformation) -> str:
    """At each threshold what it would be worth to know everything, and which evidence most."""
    return " ".join(f"{_at(inputs, result, threshold)}." for threshold in result.thresholds)


def _at(inputs: Inputs, result: ValueOfInformation, threshold: float) -> str:
    perfect = result.perfect[result.thresholds.index(threshold)].value
    best = max((p for p in result.grouped if p.threshold == threshold), key=lambda p: p.information.value, default=None)
    words = f"At {per_qaly(threshold, inputs.currency)} knowing everything is worth "
    words += f"{money(perfect, inputs.currency)} per patient"
    if best is not None and best.information.value >= NOTHING:
        value = money(best.information.value, inputs.currency)
        return f"{words}; the topic most worth knowing is {best.group.lower()}, {value}"
    return words if perfect >= NOTHING else f"{words}: nothing that could be learned would change the decision"


def _perfect_table(inputs: Inputs, result: ValueOfInformation) -> Table:
    columns = (
        Column("Perfect information at", "strong"),
        Column(f"Per patient ({inputs.currency})", "money"),
        Column(f"Standard error ({inputs.currency})", "money"),
        Column(f"Population ({inputs.currency})", "money"),
    )
    rows = tuple(
        (
            per_qaly(threshold, inputs.currency),
            value.value,
            value.standard_error,
            population(inputs, value.value),
        )
        for threshold, value in zip(result.thresholds, result.perfect, strict=True)
    )
    note = "An empty population: fill decision.patients_per_year and decision.years on the sheet Cohort."
    given = inputs.given("decision.patients_per_year")
    return Table("Value of perfect information", columns, rows, "perfect", () if given else (note,))


def population(inputs: Inputs, per_patient: float, delay: float = 0.0) -> float | None:
    """Value for all whom the decision concerns, discounted; None where the workbook does not say how many."""
    if not inputs.given("decision.patients_per_year"):
        return None
    people, years = inputs.number("decision.patients_per_year"), inputs.number("decision.years")
    return population_value(per_patient, people, years, inputs.number("settings.discount_rate.costs"), delay)


def _leading(result: ValueOfInformation) -> tuple[PartialValue, ...]:
    names = [part.group for part in result.ranking(result.thresholds[-1])[:SHOWN]]
    by_name = {(part.group, part.threshold): part for part in result.single}
    return tuple(by_name[name, threshold] for name in names for threshold in result.thresholds)


def _part_table(
    inputs: Inputs, parts: Sequence[PartialValue], title: str, key: str, result: ValueOfInformation
) -> Table:
    columns = (
        Column("Known perfectly", "strong"),
        *(
            Column(f"{what} at {threshold:,.0f} ({inputs.currency})", "money")
            for threshold in result.thresholds
            for what in ("Per patient", "Standard error")
        ),
        Column("Inputs", "integer"),
    )
    rows: dict[str, list[Cell]] = {}
    sizes: dict[str, int] = {}
    for part in parts:
        name = _name(inputs, part)
        rows.setdefault(name, [name]).extend([part.information.value, part.information.standard_error])
        sizes[name] = len(part.parameters)
    note = (
        "Value of partial perfect information (EVPPI), by regression of net benefit on the inputs (Strong, Oakley, "
        "Brennan 2014, Med Decis Making 34:311); at 0 no choice would change."
    )
    return Table(title, columns, tuple((*row, sizes[name]) for name, row in rows.items()), key, (note,))


def _name(inputs: Inputs, part: PartialValue) -> str:
    """A group by its own name, a single source by the label of its first input."""
    return part.group if part.group in (*EVIDENCE, "Other") else source_words(inputs, part.parameters)


def _group_chart(inputs: Inputs, result: ValueOfInformation) -> Chart:
    series = tuple(
        Series(
            per_qaly(threshold, inputs.currency),
            PAGE,
            "groups",
            0,
            1 + 2 * i,
            LINE_COLOURS[i % len(LINE_COLOURS)],
        )
        for i, threshold in enumerate(result.thresholds)
    )
    y_title = f"{inputs.currency} per patient"
    largest = max(zip(result.perfect, result.thresholds, strict=True), key=lambda pair: pair[0].value)[1]
    return Chart("columns", _at(inputs, result, largest), "", y_title, series, y_format="#,##0")

"""The sheet of structural averaging: scenarios as probable as the workbook declares, and their mixture."""

from markov.analysis.uncertainty.structural import StructuralAverage
from markov.inputs.parameters import Inputs
from markov.report.page import Block, Cell, Column, Page, Table, Text
from markov.report.words import money, per_qaly


def structural_page(inputs: Inputs, average: StructuralAverage) -> Page:
    """Each scenario's weight and mean net benefit beside the mixture's, and the value of knowing which one holds."""
    tables = (_table(inputs, average, i) for i in range(len(inputs.thresholds)))
    blocks: tuple[Block, ...] = (Text(_lead(inputs, average), "lead"), *tables)
    subtitle = "Structural uncertainty: the weights are a judgement of whoever wrote them into the sheet Scenarios."
    return Page("Structural average", "Which structure holds?", subtitle, blocks, (46.0, *(20.0,) * 7))


def _lead(inputs: Inputs, average: StructuralAverage) -> str:
    listed = ", ".join(f"{one.name} {one.weight:.0%}" for one in average.structures)
    worth = " and ".join(
        f"{money(float(value), inputs.currency)} at {per_qaly(threshold, inputs.currency)}"
        for threshold, value in zip(inputs.thresholds, average.value_of_structure, strict=True)
    )
    return (
        f"The draws of this report are a mixture: {listed}. Knowing which one holds would be worth {worth}, per "
        "patient."
    )


def _table(inputs: Inputs, average: StructuralAverage, i: int) -> Table:
    names, threshold = average.result.sample.strategies, inputs.thresholds[i]
    columns = (
        Column("Scenario", "strong"),
        Column("Weight", "percent"),
        Column("Draws", "integer"),
        *(Column(f"Mean net benefit, {inputs.labels[s]} ({inputs.currency})", "money") for s in names),
        Column("Highest"),
    )
    rows: list[tuple[Cell, ...]] = []
    for one in average.structures:
        benefit = one.mean_net_benefit[i].tolist()
        rows.append((one.name, one.weight, one.runs, *benefit, inputs.labels[names[benefit.index(max(benefit))]]))
    mixed = average.result.sample.net_benefit(threshold).mean(axis=0).tolist()
    best = inputs.labels[names[mixed.index(max(mixed))]]
    rows.append(("Average", 1.0, average.result.sample.runs, *mixed, best))
    title = f"At {per_qaly(threshold, inputs.currency)}"
    return Table(title, columns, tuple(rows), f"structures_{i}", bold=frozenset({len(rows) - 1}))

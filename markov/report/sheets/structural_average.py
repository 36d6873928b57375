"""The sheet of structural averaging: scenarios as probable as the workbook declares, and their mixture."""

from markov.analysis.uncertainty.structural import StructuralAverage
from markov.inputs.parameters import Inputs
from markov.report.page import Block, Page, Table, Text
from markov.report.sheets.tables import by_column
from markov.report.words import money, per_qaly


def structural_page(inputs: Inputs, average: StructuralAverage) -> Page:
    """Each scenario's weight and mean net benefit beside the mixture's, and the value of knowing which one holds.

    >>> from markov.analysis.uncertainty.structural import Structure, structural_average
    >>> mixture = structural_average([Structure("As it is", calgb, 1.0)], 20, 1, traced=False)
    >>> structural_page(calgb, mixture).blocks[1].rows[0][:3]
    ('As it is', 1.0, 20)
    """
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
    sample, threshold = average.result.sample, inputs.thresholds[i]
    labels = [inputs.labels[s] for s in sample.strategies]
    lines = [(one.name, one.weight, one.runs, one.mean_net_benefit[i].tolist()) for one in average.structures]
    lines.append(("Average", 1.0, sample.runs, sample.net_benefit(threshold).mean(axis=0).tolist()))
    benefits = [f"Mean net benefit, {label} ({inputs.currency})" for label in labels]
    columns = by_column(
        lines,
        ("Scenario", "strong", lambda line: line[0]),
        ("Weight", "percent", lambda line: line[1]),
        ("Draws", "integer", lambda line: line[2]),
        (benefits, "money", lambda line: line[3]),
        ("Highest", "text", lambda line: labels[line[3].index(max(line[3]))]),
    )
    return Table(
        f"At {per_qaly(threshold, inputs.currency)}", *columns, f"structures_{i}", bold=frozenset({len(lines) - 1})
    )

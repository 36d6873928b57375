"""The incremental analysis in cells: who is dominated, who is on the frontier, and what a QALY costs there.

The rules are those of `markov.analysis.incremental`, with the differences of two strategies from cells.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from markov.analysis.incremental import VERDICTS, IncrementalRow, PairwiseRow, incremental, pairwise
from markov.report.live.formulas import Value
from markov.terms import Position

FRONTIER_COLUMNS = (
    ("Strategy", "text", 34),
    ("Cost", "money", 15),
    ("QALYs", "qaly", 15),
    ("Order in the inputs", "integer", 15),
    ("Same as an earlier one", "integer", 15),
    ("Dominated", "integer", 15),
    ("Extendedly dominated", "integer", 15),
    ("On the frontier", "integer", 15),
    ("Frontier strategies with fewer QALYs", "integer", 15),
    ("Cost difference", "money", 15),
    ("QALY difference", "qaly", 15),
    ("ICER, per QALY gained", "money", 15),
    ("Position", "text", 24),
)
PAIR_COLUMNS = ("Strategy", "Cost difference", "QALY difference", "Per QALY", "In words")
GAINED, LOST = "cost per QALY gained", "saved per QALY lost"


@dataclass(frozen=True)
class ComparisonCell:
    """A formula or word of the two tables, with its value and look."""

    text: str
    value: Value
    look: str


def frontier_rows(
    strategies: Sequence[str], labels: Sequence[str], costs: Sequence[float], qalys: Sequence[float], first: int
) -> list[list[ComparisonCell]]:
    """The table of the full incremental analysis, one row a strategy in the inputs' order, from an Excel row on."""
    told = {row.strategy: row for row in incremental(strategies, costs, qalys)}
    frontier = [s for s in strategies if told[s].position in (Position.REFERENCE, Position.FRONTIER)]
    rows = []
    for i, (s, label) in enumerate(zip(strategies, labels, strict=True)):
        values = _frontier_values(i, s, told[s], frontier, costs, qalys)
        formulas = _frontier_formulas(s, first + i, first, first + len(strategies) - 1)
        looks = [look for _, look, _ in FRONTIER_COLUMNS]
        cells = [ComparisonCell(f, v, k) for f, v, k in zip(formulas, values, looks[1:], strict=True)]
        rows.append([ComparisonCell("", label, "text"), *cells])
    return rows


def _frontier_values(
    i: int, s: str, row: IncrementalRow, frontier: Sequence[str], costs: Sequence[float], qalys: Sequence[float]
) -> list[Value]:
    points = list(zip(costs, qalys, strict=True))
    same = int(points[i] in points[:i])
    on = int(s in frontier)
    by_name = [q for q, on_it in zip(qalys, _flags(frontier, costs, qalys), strict=True) if on_it]
    fewer = sum(q < qalys[i] for q in by_name) if by_name else 0
    differences = [row.delta_cost, row.delta_qaly, row.icer] if on and row.icer is not None else ["", "", ""]
    dominated, extendedly = (int(row.position is p) for p in (Position.DOMINATED, Position.EXTENDEDLY_DOMINATED))
    words = row.position.value.replace("_", " ")
    return [costs[i], qalys[i], i, same, dominated, extendedly, on, fewer, *differences, words]


def _flags(frontier: Sequence[str], costs: Sequence[float], qalys: Sequence[float]) -> list[bool]:
    names = [str(i) for i in range(len(costs))]
    kept = {
        r.strategy for r in incremental(names, costs, qalys) if r.position in (Position.REFERENCE, Position.FRONTIER)
    }
    assert len(kept) == len(frontier)
    return [name in kept for name in names]


def _frontier_formulas(s: str, row: int, first: int, last: int) -> list[str]:
    cost, qaly, order, on, place = (f"${c}${first}:${c}${last}" for c in "BCDHI")
    before = f"SUMPRODUCT({on}*({place}=I{row}-1)*{{}})"
    dominated = f"({cost}<=B{row})*({qaly}>=C{row})*((({cost}<B{row})+({qaly}>C{row}))>0)"
    mix = (
        f"({qaly}<C{row})*(result.every.qaly>C{row})*"
        f"(B{row}*(result.every.qaly-{qaly})*(1-method.collinear)>"
        f"{cost}*(result.every.qaly-C{row})+result.every.cost*(C{row}-{qaly}))"
    )
    return [
        f"result.cost.{s}",
        f"result.qaly.{s}",
        f"ROWS(A${first}:A{row})-1",  # of another column: no cell looks at itself
        f"IF(SUMPRODUCT(({order}<D{row})*({cost}=B{row})*({qaly}=C{row}))>0,1,0)",
        f"IF(SUMPRODUCT({dominated})>0,1,0)",
        f"IF(F{row}=1,0,IF(SUMPRODUCT({mix})>0,1,0))",
        f"IF(E{row}+F{row}+G{row}>0,0,1)",
        f"SUMPRODUCT({on}*({qaly}<C{row}))",
        f'IF(AND(H{row}=1,I{row}>0),B{row}-{before.format(cost)},"")',
        f'IF(AND(H{row}=1,I{row}>0),C{row}-{before.format(qaly)},"")',
        f'IF(J{row}="","",J{row}/K{row})',
        f'IF(F{row}=1,"dominated",IF(G{row}=1,"extendedly dominated",IF(E{row}=1,"equal",'
        f'IF(I{row}=0,"reference","frontier"))))',
    ]


def pair_rows(
    strategies: Sequence[str], labels: Sequence[str], costs: Sequence[float], qalys: Sequence[float], first: int
) -> list[list[ComparisonCell]]:
    """Every strategy against the first one, from an Excel row on."""
    rows = []
    for i, pair in enumerate(pairwise(strategies, costs, qalys, strategies[0])):
        s, row = pair.strategy, first + i
        formulas = [
            f"result.cost.{s}-result.cost.{strategies[0]}",
            f"result.qaly.{s}-result.qaly.{strategies[0]}",
            f'IF(B{row}*C{row}>0,B{row}/C{row},"")',
            _pair_words(row),
        ]
        values = [pair.delta_cost, pair.delta_qaly, "" if pair.icer is None else pair.icer, _words(pair)]
        looks = ["money", "qaly", "money", "words"]
        label = labels[list(strategies).index(s)]
        cells = [ComparisonCell(f, v, k) for f, v, k in zip(formulas, values, looks, strict=True)]
        rows.append([ComparisonCell("", label, "text"), *cells])
    return rows


def _pair_words(row: int) -> str:
    more = (
        f'IF(B{row}>0,"{GAINED}",'
        f'IF(B{row}<0,"dominant: costs less and gives more","dominant: costs the same and gives more"))'
    )
    less = (
        f'IF(B{row}<0,"{LOST}",'
        f'IF(B{row}>0,"dominated: costs more and gives less","dominated: costs the same and gives less"))'
    )
    alike = (
        f'IF(B{row}>0,"dominated: costs more and gives the same",'
        f'IF(B{row}<0,"dominant: costs less and gives the same","equal costs and effects"))'
    )
    return f"IF(C{row}>0,{more},IF(C{row}<0,{less},{alike}))"


def _words(pair: PairwiseRow) -> str:
    if pair.icer is not None:
        return GAINED if pair.delta_qaly > 0 else LOST
    return VERDICTS[pair.quadrant]

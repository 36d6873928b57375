"""The incremental analysis in cells: who is dominated, who is on the frontier, and what a QALY costs there.

The rules are those of `markov.analysis.incremental`, with the differences of two strategies from cells.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from markov.analysis.incremental import VERDICTS, PairwiseRow, incremental, pairwise
from markov.report.live.formulas import Term, Value
from markov.terms import Position

FRONTIER_COLUMNS = (
    ("Strategy", "text"),
    ("Cost", "money"),
    ("QALYs", "qaly"),
    ("Order in the inputs", "integer"),
    ("Same as an earlier one", "integer"),
    ("Dominated", "integer"),
    ("Extendedly dominated", "integer"),
    ("On the frontier", "integer"),
    ("Frontier strategies with fewer QALYs", "integer"),
    ("Cost difference", "money"),
    ("QALY difference", "qaly"),
    ("ICER, per QALY gained", "money"),
    ("Position", "text"),
)
PAIR_COLUMNS = ("Strategy", "Cost difference", "QALY difference", "Per QALY", "In words")
GAINED, LOST = "cost per QALY gained", "saved per QALY lost"


LookedCell = tuple[Term | str, str]
"""A formula or word of the two tables, and its look."""


@dataclass(frozen=True)
class Comparison:
    """Strategies with the engine's costs and QALYs: the tables of the incremental analysis from an Excel row on.

    >>> found = Comparison(("a", "b"), ("A", "B"), (100.0, 300.0), (1.0, 1.5))
    >>> [(cell.text, cell.value) for cell, _ in found.pairs(9)[0][2:4]]
    [('result.qaly.b-result.qaly.a', 0.5), ('IF(B9*C9>0,B9/C9,"")', 400.0)]
    """

    strategies: Sequence[str]
    labels: Sequence[str]
    costs: Sequence[float]
    qalys: Sequence[float]

    def frontier(self, first: int) -> list[list[LookedCell]]:
        """The table of the full incremental analysis, one row a strategy in the inputs' order."""
        last = first + len(self.strategies) - 1
        looks = [look for _, look in FRONTIER_COLUMNS[1:]]
        return [
            _cells(label, _frontier_formulas(s, first + i, first, last), values, looks)
            for i, (s, label, values) in enumerate(
                zip(self.strategies, self.labels, self._frontier_values(), strict=True)
            )
        ]

    def _frontier_values(self) -> list[list[Value]]:
        rows = {row.strategy: row for row in incremental(self.strategies, self.costs, self.qalys)}
        on = [int(rows[s].position in (Position.REFERENCE, Position.FRONTIER)) for s in self.strategies]
        points = list(zip(self.costs, self.qalys, strict=True))
        found: list[list[Value]] = []
        for i, s in enumerate(self.strategies):
            row, (cost, qaly) = rows[s], points[i]
            fewer = sum(other < qaly for other, on_it in zip(self.qalys, on, strict=True) if on_it)
            apart = [row.delta_cost, row.delta_qaly, row.icer] if on[i] and row.icer is not None else ["", "", ""]
            dominated = [int(row.position is p) for p in (Position.DOMINATED, Position.EXTENDEDLY_DOMINATED)]
            same, words = int(points[i] in points[:i]), row.position.value.replace("_", " ")
            found.append([cost, qaly, i, same, *dominated, on[i], fewer, *apart, words])
        return found

    def pairs(self, first: int) -> list[list[LookedCell]]:
        """Every strategy against the first one."""
        against, labels = self.strategies[0], dict(zip(self.strategies, self.labels, strict=True))
        rows = []
        for row, pair in enumerate(pairwise(self.strategies, self.costs, self.qalys, against), start=first):
            formulas = [
                *(f"result.{what}.{pair.strategy}-result.{what}.{against}" for what in ("cost", "qaly")),
                f'IF(B{row}*C{row}>0,B{row}/C{row},"")',
                _pair_words(row),
            ]
            values = [pair.delta_cost, pair.delta_qaly, "" if pair.icer is None else pair.icer, _words(pair)]
            rows.append(_cells(labels[pair.strategy], formulas, values, ["money", "qaly", "money", "words"]))
        return rows


def _cells(label: str, formulas: Sequence[str], values: Sequence[Value], looks: Sequence[str]) -> list[LookedCell]:
    made = (Term(text, value) for text, value in zip(formulas, values, strict=True))
    return [(label, "text"), *zip(made, looks, strict=True)]


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

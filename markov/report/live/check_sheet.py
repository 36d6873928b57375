"""The Live check sheet: the engine's numbers against the formulas', one by one, with difference and verdict."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from markov.report.live.formulas import Term
from markov.report.live.inputs_sheet import Own
from markov.report.live.model import LiveModel

NAME = "Live check"
SUBTITLE = (
    "The engine's numbers, as run when this workbook was written, against the formulas'. They are equal until an input "
    "is changed."
)
FIRST_LIMIT = 10  # Excel row
PERIODS = ("toxicity.period", "treatment.median_duration")


@dataclass(frozen=True)
class Checked:
    """One number: what it is, whose, by the engine, and the cell of the formulas'."""

    label: str
    strategy: str
    engine: float
    cell: Term


@dataclass(frozen=True)
class Limit:
    """What is needed of something, and how much of it is written."""

    label: str
    needed: Term
    written: float


@dataclass(frozen=True)
class Check:
    """What the sheet holds."""

    model: LiveModel

    @cached_property
    def numbers(self) -> list[Checked]:
        """Every number of Live results that the engine gives too."""
        results = self.model.results
        return [
            Checked(
                f"{block.title}: {line.label}" if block is not results.blocks[0] else line.label,
                label,
                engine,
                Term(f"result.{line.key}.{strategy}", float(cell.value)),
            )
            for block in results.blocks
            for line in block.rows
            if line.engine is not None
            for label, strategy, engine, cell in zip(
                results.labels, results.strategies, line.engine, line.cells, strict=True
            )
        ]

    @cached_property
    def limits(self) -> list[Limit]:
        """What the rows written can hold: cycles, the periods in which stops are counted, dispensings, and the spells
        in which a curve from progression is below the background.
        """
        model, times = self.model, self.model.cycles.times
        strategies = [model.live.own(s) for s in model.live.treated]
        return [
            Limit("Cycles to the horizon", times.cycles, model.cycles.grid.rows - 1),
            *(self._stops(own, grid.rows - 1) for own, grid in zip(strategies, model.stops, strict=True)),
            *(limit for own in strategies for limit in self._dispensings(own)),
            *(self._missed(s) for s in model.traces if self.model.traces[s].shared.tunnels),
        ]

    def _stops(self, own: Own, written: int) -> Limit:
        """Cycles to the end of the longer of the periods in which stops are counted."""
        cells = [own.of(name) for name in PERIODS]
        longest = max([0.0, *(float(cell.value) for cell in cells if cell.value not in (None, ""))])
        ends = ",".join(
            f'IF({name}.{own.strategy}="",0,{cell.text})' for name, cell in zip(PERIODS, cells, strict=True)
        )
        start, length = own.of("treatment.start"), self.model.cycles.times.length
        needed = Term(f"({start.text}+MAX({ends}))/{length.text}", (start.value + longest) / length.value)
        return Limit(f"Cycles in which stops are counted, {own.label}", needed, written)

    def _dispensings(self, own: Own) -> Iterator[Limit]:
        """Dispensings to the horizon or the planned stop, by product and dose."""
        grid, end, start = self.model.traces[own.strategy].grid, self.model.cycles.times.end, own.of("treatment.start")
        stop = own.of("treatment.planned_stop").value
        last = min(end.value, float(stop)) if stop not in (None, "") else end.value
        for name in grid.names:
            if name.startswith("dispensed.costs."):
                product = name.split(".")[2]
                interval = own.of(f"dose.interval.{product}")
                text = f"(MIN(used.planned_stop.{own.strategy},{end.text})-{start.text})/{interval.text}"
                needed = Term(text, (last - start.value) / interval.value)
                yield Limit(f"Dispensings of {product}, {own.label}", needed, len(grid.named(name)))

    def _missed(self, strategy: str) -> Limit:
        """Patients whose curve from progression falls below the background more often than the sheet follows."""
        name = f"tunnels.missed.{strategy}"
        missed = Term(f"SUM({name})", self.model.traces[strategy].grid.named(name).sum())
        words = "Patients whose curve from progression falls below the background more often than written"
        return Limit(f"{words}, {self.model.inputs.labels[strategy]}", missed, 0)

    @property
    def first(self) -> int:
        """Excel row of the first number."""
        return FIRST_LIMIT + len(self.limits) + 3

    @property
    def summary(self) -> list[tuple[str, Term, str]]:
        """Inputs changed, numbers equal, and whether the limits hold: label, formula and look."""
        count = len(self.numbers)
        cells = f"G{self.first}:G{self.first + count - 1}"
        within = f"D{FIRST_LIMIT}:D{FIRST_LIMIT + len(self.limits) - 1}"
        verdict = (
            f'IF(COUNTIF({within},"within")<ROWS({within}),"rows are missing: see the limits below",'
            f'IF(B6=B5,"equal",IF(B4>0,"inputs changed","differs")))'
        )
        return [
            ("Inputs changed", Term('COUNTIF(inputs.changes,"changed")', 0), "integer"),
            ("Numbers compared", Term(f"ROWS({cells})", count), "integer"),
            ("Numbers equal", Term(f'COUNTIF({cells},"equal")', count), "integer"),
            ("Verdict", Term(verdict, "equal"), "text"),
        ]

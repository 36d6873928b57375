"""The Live check sheet: the engine's numbers against the formulas', one by one, with difference and verdict."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from markov.report.live.formulas import Value

if TYPE_CHECKING:
    from markov.report.live.model import LiveModel

NAME = "Live check"
SUBTITLE = (
    "The engine's numbers, as run when this workbook was written, against the formulas'. They are equal until an input "
    "is changed."
)
FIRST_ROW = 10  # Excel row of the first limit
Limit = tuple[str, str, float, float]


@dataclass(frozen=True)
class Checked:
    """One number: what it is, whose, by the engine and by the formulas, and the name of its cell."""

    label: str
    strategy: str
    engine: float
    formula: float
    name: str


def check_rows(model: "LiveModel") -> list[Checked]:
    """Every number of Live results that the engine gives too."""
    results = model.results
    return [
        Checked(
            f"{block.title}: {line.label}" if block is not results.blocks[0] else line.label,
            label,
            engine,
            float(cell.value),
            f"result.{line.key}.{strategy}",
        )
        for block in results.blocks
        for line in block.rows
        if line.engine is not None
        for label, strategy, engine, cell in zip(
            results.labels, results.strategies, line.engine, line.cells, strict=True
        )
    ]


def limit_rows(model: "LiveModel") -> list[Limit]:
    """What the rows written can hold: cycles, dispensings, the periods in which stops are counted, and the spells in
    which a curve from progression is below the background.
    """
    live, rows = model.live, model.cycles.grid.rows
    values = {line.name: line.formula.value for line in model.values.lines if line.formula is not None}
    found: list[Limit] = [("Cycles to the horizon", "horizon.cycles", float(values["horizon.cycles"]), float(rows - 1))]
    for grid, s in zip(model.stops, live.treated, strict=True):
        years = float(live.of(f"treatment.start.{s}").value)
        parts = []
        longest = 0.0
        for name in ("toxicity.period", "treatment.median_duration"):
            cell = live.of(f"{name}.{s}")
            parts.append(f'IF({name}.{s}="",0,{cell.text})')
            longest = max(longest, float(cell.value or 0.0) if cell.value != "" else 0.0)
        text = f"({live.of(f'treatment.start.{s}').text}+MAX({','.join(parts)}))/cycle.length"
        length = float(values["cycle.length"])
        label = f"Cycles in which stops are counted, {live.inputs.labels[s]}"
        found.append((label, text, (years + longest) / length, float(grid.rows - 1)))
    for s in live.treated:
        found += _dispensings(model, s, float(values["horizon.end"]))
    if "tunnels.used" in {line.name for line in model.values.lines}:
        found += [_missed(model, s) for s in model.traces]
    return found


def _missed(model: "LiveModel", strategy: str) -> Limit:
    """Patients whose curve from progression falls below the background more often than the sheet follows."""
    column = model.traces[strategy].grid.named(f"tunnels.missed.{strategy}")
    label = "Patients whose curve from progression falls below the background more often than written, {}"
    return label.format(model.live.inputs.labels[strategy]), f"SUM(tunnels.missed.{strategy})", float(column.sum()), 0.0


def _dispensings(model: "LiveModel", strategy: str, end: float) -> list[Limit]:
    """Dispensings to the horizon or the planned stop, by product and dose."""
    live, grid = model.live, model.traces[strategy].grid
    found: list[Limit] = []
    for name in grid.names:
        if not name.startswith("dispensed.costs."):
            continue
        product = name.removeprefix("dispensed.costs.").split(".")[0]
        interval, start = live.of(f"dose.interval.{product}.{strategy}"), live.of(f"treatment.start.{strategy}")
        written = len(grid.named(name))
        text = f"(MIN(used.planned_stop.{strategy},horizon.end)-{start.text})/{interval.text}"
        stop = live.of(f"treatment.planned_stop.{strategy}").value
        last = min(end, float(stop)) if stop not in (None, "") else end
        needed = (last - float(start.value)) / float(interval.value)
        found.append((f"Dispensings of {product}, {live.inputs.labels[strategy]}", text, needed, float(written)))
    return found


def summary_rows(first: int, count: int, limits: Sequence[Limit]) -> list[tuple[str, str, Value, str]]:
    """Inputs changed, numbers equal, and whether the limits hold."""
    cells = f"G{first}:G{first + count - 1}"
    within = f"D{FIRST_ROW}:D{FIRST_ROW + len(limits) - 1}"
    return [
        ("Inputs changed", 'COUNTIF(inputs.changes,"changed")', 0, "integer"),
        ("Numbers compared", f"ROWS({cells})", count, "integer"),
        ("Numbers equal", f'COUNTIF({cells},"equal")', count, "integer"),
        (
            "Verdict",
            f'IF(COUNTIF({within},"within")<ROWS({within}),"rows are missing: see the limits below",'
            f'IF(B6=B5,"equal",IF(B4>0,"inputs changed","differs")))',
            "equal",
            "text",
        ),
    ]

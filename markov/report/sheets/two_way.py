"""The Two-way sheet: a price by an effect on survival, who is best in each cell, and where the decision changes."""

from collections.abc import Iterator, Sequence

from markov.analysis.sensitivity.two_way import Axis, BorderPoint, TwoWay
from markov.excel.style import INK
from markov.report import words
from markov.report.page import LINE_COLOURS, Block, Cell, Chart, Column, Look, Page, Series, Table, Text

TINTS = ("#E4E8ED", "#D3E3F4", "#F7E4CE", "#D5EADC", "#E6DAEE", "#F3D6D3")
"""Pale twins of the strategies' colours."""


def two_way_page(grids: Sequence[TwoWay]) -> Page:
    """For each grid the border of the decision as lines, and the net benefit of every cell by threshold."""
    blocks: list[Block] = []
    for number, grid in enumerate(grids):
        strategy = _subject(grid, number)
        blocks += [Text(_heading(grid, strategy), "section"), Text(_lead(grid, strategy), "lead")]
        if grid.border:
            blocks.append((_chart(grid, number),))
        blocks += [_grid_table(grid, number, t, strategy) for t in range(len(grid.thresholds))]
        blocks += list(_border_table(grid, number))
    if not grids:
        blocks.append(Text("No two inputs can be varied against each other: nothing in this workbook is uncertain."))
    subtitle = "Two inputs at a time; each cell is a run of the model. Cells take the colour of the best strategy."
    points = max([len(grid.first.values) for grid in grids], default=11)
    return Page("Two-way", "Two-way sensitivity analysis", subtitle, tuple(blocks), (46.0, *(12.0,) * points))


def _subject(grid: TwoWay, number: int) -> str:
    """The strategy whose net benefit the grid shows: the one that its axes are about."""
    names = (*grid.first.id.split("."), *grid.second.id.split("."))
    others = grid.strategies[1:]
    return next((s for s in others if s in names), others[min(number, len(others) - 1)])


def _named(side: Axis) -> str:
    return f"{side.label} ({side.unit})" if side.unit else side.label


def _heading(grid: TwoWay, strategy: str) -> str:
    return f"{grid.labels[strategy]}: {grid.first.label} by {grid.second.label}"


def _lead(grid: TwoWay, strategy: str) -> str:
    told = []
    for t, threshold in enumerate(grid.thresholds):
        cells = [best for row in grid.optimal[t] for best in row]
        share = cells.count(strategy) / len(cells)
        at = words.money(threshold, grid.currency)
        told.append(f"at {at} per QALY {grid.labels[strategy].lower()} is best in {share:.0%} of the cells")
    text = "; ".join(told)
    together = [side for side in (grid.first, grid.second) if side.together]
    more = "".join(f" {side.label} moves with {', '.join(side.together)}." for side in together)
    return f"{text[0].upper()}{text[1:]}.{more}"


# --------------------------------------------------------------------------------------------------- the grid


def _grid_table(grid: TwoWay, number: int, t: int, strategy: str) -> Table:
    i = grid.strategies.index(strategy)
    columns = (
        Column(f"{_named(grid.second)}, down; {_named(grid.first)}, across", "significant"),
        *(Column(words.significant(value), "money") for value in grid.first.values),
    )
    gain = grid.gain[t, :, :, i]
    rows = tuple((value, *gain[:, j].tolist()) for j, value in enumerate(grid.second.values))
    tints = tuple(
        ("", *(_tint(grid, grid.optimal[t][k][j]) for k in range(len(grid.first.values))))
        for j in range(len(grid.second.values))
    )
    title = (
        f"Net benefit of {grid.labels[strategy].lower()} over {grid.labels[grid.strategies[0]].lower()} at "
        f"{words.per_qaly(grid.thresholds[t], grid.currency)} ({grid.currency})"
    )
    shown = dict.fromkeys(best for row in grid.optimal[t] for best in row)
    best = ", ".join(f"{grid.labels[name].lower()} {_colour_name(grid, name)}" for name in shown)
    notes = (f"Best strategy by colour: {best}. Base case: {_base(grid.first)}; {_base(grid.second)}.",)
    return Table(title, columns, rows, f"grid_{number}_{t}", notes, tints=tints)


def _tint(grid: TwoWay, strategy: str) -> str:
    return TINTS[grid.strategies.index(strategy) % len(TINTS)]


def _colour_name(grid: TwoWay, strategy: str) -> str:
    names = ("grey", "blue", "orange", "green", "violet", "red")
    return names[grid.strategies.index(strategy) % len(names)]


def _base(side: Axis) -> str:
    return f"{side.label} {'not set' if side.base is None else words.significant(side.base)} {side.unit}".strip()


def _look(side: Axis) -> Look:
    """Amounts for a price, else as many digits as count."""
    return "money" if side.id.startswith("price.") else "significant"


# ------------------------------------------------------------------------------------------------- the border


def _groups(grid: TwoWay) -> list[tuple[float, tuple[str, ...], list[BorderPoint]]]:
    """Points of the border by threshold and pair of strategies, each in the order in which a line joins them."""
    found: dict[tuple[float, tuple[str, ...]], list[BorderPoint]] = {}
    for point in grid.border:
        found.setdefault((point.threshold, tuple(sorted(point.between))), []).append(point)
    return [(*key, _in_order(grid, points)) for key, points in found.items()]


def _in_order(grid: TwoWay, points: list[BorderPoint]) -> list[BorderPoint]:
    """From one end of the border to the other, each time to the nearest point that is left."""
    width, height = (side.values[-1] - side.values[0] for side in (grid.first, grid.second))
    left = sorted(points, key=lambda p: (p.second, p.first))
    line = [left.pop(0)]
    while left:
        last = line[-1]
        near = min(left, key=lambda p: ((p.first - last.first) / width) ** 2 + ((p.second - last.second) / height) ** 2)
        left.remove(near)
        line.append(near)
    return line


def _border_table(grid: TwoWay, number: int) -> Iterator[Table]:
    rows: list[tuple[Cell, ...]] = []
    for threshold, pair, points in _groups(grid):
        between = " and ".join(grid.labels[name].lower() for name in pair)
        rows += [(between, threshold, point.second, point.first) for point in points]
    if isinstance(grid.first.base, float) and isinstance(grid.second.base, float):
        rows.append(("Base case", None, grid.second.base, grid.first.base))
    if grid.border:
        columns = (
            Column("Equal net benefit of", "strong"),
            Column(f"Threshold ({grid.currency} per QALY)", "money"),
            Column(_named(grid.second), _look(grid.second)),
            Column(_named(grid.first), _look(grid.first)),
        )
        note = "Linear interpolation of net benefit between neighbouring cells whose best strategies differ."
        yield Table("Where the decision changes", columns, tuple(rows), f"border_{number}", (note,))


def _chart(grid: TwoWay, number: int) -> Chart:
    key, first, series = f"border_{number}", 0, []
    many = len({pair for _, pair, _ in _groups(grid)}) > 1
    for place, (threshold, pair, points) in enumerate(_groups(grid)):
        name = words.per_qaly(threshold, grid.currency)
        name += f": {' and '.join(grid.labels[each].lower() for each in pair)}" if many else ""
        last = first + len(points) - 1
        series.append(Series(name, "Two-way", key, 2, 3, LINE_COLOURS[place % len(LINE_COLOURS)], first, last))
        first = last + 1
    if isinstance(grid.first.base, float) and isinstance(grid.second.base, float):
        series.append(Series("Base case", "Two-way", key, 2, 3, INK, first, first, markers=True))
    return Chart("lines", _finding(grid), _named(grid.second), _named(grid.first), tuple(series), y_format="#,##0")


def _finding(grid: TwoWay) -> str:
    pairs = {pair for _, pair, _ in _groups(grid)}
    named = "; ".join(" and ".join(grid.labels[name].lower() for name in pair) for pair in sorted(pairs))
    if not grid.first.id.startswith("price.") or len(pairs) > 1:
        return f"On the lines the decision changes between {named}"
    told = []
    for threshold, _, points in _groups(grid):
        low, high = (limit(point.first for point in points) for limit in (min, max))
        at = words.money(threshold, grid.currency)
        ends = " to ".join(words.money(price, grid.currency) for price in (low, high))
        told.append(f"{ends} at {at} per QALY")
    return f"The decision changes at prices of {' and '.join(told)}"

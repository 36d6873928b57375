"""The waterfall of a walk: one bar a step, floating where the step before it ended."""

from markov.analysis.walk.walk import NET_BENEFIT, Path, Walk
from markov.report import words
from markov.report.page import Cell, Chart, Column, Series, Table

PAGE = "Chart data"
TOTAL, RISE, FALL = "#3B4A5C", "#2E7D52", "#C0392B"  # of no strategy, state or cost
HEADERS = ("Not drawn", "Base case", "Raises", "Raises, below zero", "Lowers", "Lowers, below zero")
NAMES = ("Not drawn", "Base case", "Raises net benefit", "Raises net benefit", "Lowers it", "Lowers it")


def waterfall(walk: Walk, path: Path, prices: str) -> tuple[Chart, Table]:
    """Net benefit gained by a strategy at the first threshold, from one workbook to the other, and what is drawn."""
    key = f"waterfall_{path.strategy}_{path.price_set or 'paid'}"
    at = words.per_qaly(walk.terms.thresholds[0], walk.first.currency)
    heads = (Column("Step", "strong"), *(Column(header, "money") for header in HEADERS))
    standing = [float(value) for value in path.standing[:, NET_BENEFIT]]
    rows: list[tuple[Cell, ...]] = [(walk.first.name, None, standing[0], None, None, None, None)]
    rows += [
        (step.name, *_floating(before, after))
        for step, before, after in zip(walk.steps, standing[:-1], standing[1:], strict=True)
    ]
    rows.append((walk.second.name, None, standing[-1], None, None, None, None))
    colours = (TOTAL, TOTAL, RISE, RISE, FALL, FALL)
    series = tuple(
        Series(name, PAGE, key, 0, 1 + i, colour, hidden=i == 0, listed=i in (1, 2, 4))
        for i, (name, colour) in enumerate(zip(NAMES, colours, strict=True))
    )
    unit = f"Net benefit gained over the reference at {at} ({walk.first.currency})"
    zero = (0.0 if min(standing) >= 0.0 else None, 0.0 if max(standing) <= 0.0 else None)  # no bar is cut
    title = _finding(walk, path, prices, at)
    chart = Chart("horizontal", title, "", unit, series, y_format="#,##0", y_ends=zero)
    return chart, Table(f"Drawn: {path.label}, {prices}, at {at}", heads, tuple(rows), key)


def _finding(walk: Walk, path: Path, prices: str, at: str) -> str:
    """What the chart shows: how far net benefit moves, and which step moves it most."""
    effects = [float(value) for value in path.effects[:, NET_BENEFIT]]
    total = float(path.difference[NET_BENEFIT])
    most = max(range(len(effects)), key=lambda k: abs(effects[k]))
    verb = "rises" if total >= 0 else "falls"
    amount = words.money(abs(total), walk.first.currency)
    told = words.money(effects[most], walk.first.currency)
    return f"{path.label}, {prices}: net benefit at {at} {verb} by {amount}; most by “{walk.steps[most].name}” ({told})"


def _floating(before: float, after: float) -> tuple[float | None, ...]:
    """A bar from one level to the next as parts of a stack: one unseen, one above zero, one below.

    >>> _floating(10.0, 30.0), _floating(-5.0, 10.0), _floating(-5.0, -20.0)
    ((10.0, None, 20.0, None, None, None), (None, None, 10.0, -5.0, None, None), (-5.0, None, None, None, None, -15.0))
    """
    low, high = sorted((before, after))
    unseen = low if low > 0.0 else high if high < 0.0 else None
    above = max(high, 0.0) - max(low, 0.0) or None
    below = min(low, 0.0) - min(high, 0.0) or None
    rises, falls = ((above, below), (None, None)) if after >= before else ((None, None), (above, below))
    return (unseen, None, *rises, *falls)

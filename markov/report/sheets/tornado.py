"""The Tornado sheet: each uncertain input over its 95 % interval, the longest bar first."""

from collections.abc import Iterator

from markov.analysis.incremental import PairwiseRow, Quadrant, icer_in_words
from markov.analysis.sensitivity.one_way import Bar, Factor, OneWay
from markov.excel.style import WARN
from markov.report import words
from markov.report.page import LINE_COLOURS, Block, Chart, Page, Series, Table, Text
from markov.report.sheets.tables import Told, by_column

HIGH_END, LOW_END = LINE_COLOURS[:2]


def tornado_page(result: OneWay) -> Page:
    """For each strategy and threshold the fifteen longest bars; what moves together; declared ranges.

    >>> from markov.analysis.sensitivity.one_way import one_way
    >>> [column.header for column in tornado_page(one_way(calgb)).blocks[2].columns][5:8]
    ['Net benefit at the low end (GBP)', 'Net benefit at the high end (GBP)', 'Swing (GBP)']
    """
    blocks: list[Block] = [Text(" ".join(_lead(result)), "lead")]
    for strategy in result.strategies[1:]:
        blocks += _of_strategy(result, strategy)
    declared = (table for strategy in result.strategies[1:] for table in _declared_table(result, strategy))
    blocks += [*_together_table(result), *declared]
    subtitle = (
        "Each uncertain input goes to both ends of its own 95 % interval, all else as in the base case. Bars are "
        "changes in net benefit over the reference."
    )
    widths = (64.0, 18.0, 10.0, 10.0, 10.0, *(13.0,) * 5, 32.0)
    return Page("Tornado", "One-way sensitivity analysis", subtitle, tuple(blocks), widths)


def _lead(result: OneWay) -> Iterator[str]:
    for strategy in result.strategies[1:]:
        every = result.tornado(result.thresholds[0], strategy, None)
        if every:
            first, turning = every[0], [bar.factor.label for bar in every if bar.changes_decision]
            yield f"{result.labels[strategy]}: {in_words(first, result.currency)}."
            yield (
                f"Of {len(every)} uncertain inputs {len(turning)} could change the decision: {'; '.join(turning)}."
                if turning
                else f"None of {len(every)} uncertain inputs changes the decision by itself."
            )


def in_words(bar: Bar, currency: str) -> str:
    """A bar in a sentence: what moves net benefit, and from where to where.

    >>> from markov.analysis.sensitivity.one_way import one_way
    >>> bar = one_way(calgb).tornado(25000.0, "lenalidomide")[0]
    >>> in_words(bar, "GBP").removeprefix(bar.factor.label).partition(" runs")[0]
    ' matters most: net benefit gained at £25,000 per QALY'
    """
    low, high = (words.money(value, currency) for value in (min(bar.points), max(bar.points)))
    at = words.per_qaly(bar.threshold, currency)
    return f"{bar.factor.label} matters most: net benefit gained at {at} runs from {low} to {high}"


def _of_strategy(result: OneWay, strategy: str) -> Iterator[Table | tuple[Chart, ...]]:
    found = ((t, tuple(bar for bar in result.tornado(t, strategy) if bar.has_effect)) for t in result.thresholds)
    shown = [(t, bars) for t, bars in found if bars]
    for t, bars in shown:
        yield (_chart(result, strategy, t, bars),)
        yield _table(result, strategy, t, bars)
    if shown:
        yield _ratio_table(result, strategy, shown[0][1])


def _key(strategy: str, threshold: float) -> str:
    return f"bars_{strategy}_{threshold:g}"


def _chart(result: OneWay, strategy: str, threshold: float, bars: tuple[Bar, ...]) -> Chart:
    first, at = bars[0], words.per_qaly(threshold, result.currency)
    swing = words.money(first.swing, result.currency)
    title = f"{result.labels[strategy]} at {at}: {first.factor.label} moves net benefit most, by {swing}"
    series = tuple(
        Series(name, "Tornado", _key(strategy, threshold), 0, column, painted)
        for name, column, painted in (("Low end of the range", 8, LOW_END), ("High end of the range", 9, HIGH_END))
    )
    base = words.money(first.base, result.currency)
    unit = f"Change in net benefit from {base} ({result.currency})"
    return Chart("horizontal", title, "", unit, series, y_format="#,##0")


def _table(result: OneWay, strategy: str, threshold: float, bars: tuple[Bar, ...]) -> Table:
    at = words.per_qaly(threshold, result.currency)
    title = f"{result.labels[strategy]} at {at}: base case {words.money(bars[0].base, result.currency)}"
    tints = tuple((*("",) * 10, WARN if bar.changes_decision or not bar.is_monotone else "") for bar in bars)
    notes = (
        f"The {len(bars)} longest bars. Net benefit is the gain over the reference, in {result.currency} per patient. "
        "The swing is the highest less the lowest value on the range, points between its ends included; where both "
        "ends lie on one side of the base case the chart shows the further one. “With 1 more”: moves with others, "
        "“1 correlated”: others follow it; which, says the table Inputs that move together.",
    )
    return Table(title, *by_column(bars, *RANGE, *_effects(result)), _key(strategy, threshold), notes, tints=tints)


def _ratio_table(result: OneWay, strategy: str, bars: tuple[Bar, ...]) -> Table:
    """The same bars as ratios, in words where a ratio would mislead."""
    ends = [f"ICER at the {end} end ({result.currency} per QALY)" for end in ("low", "high")]
    ratios: Told[Bar] = (ends, "money", lambda bar: [_ratio(end, result.currency) for end in (bar.at_low, bar.at_high)])
    title = f"{result.labels[strategy]}: the same inputs by ICER"
    note = (
        "Bars are not drawn in ICERs: where the difference in QALYs comes close to 0 an ICER grows without limit, and "
        "the same figure means a gain or a loss. Words stand where a number would mislead."
    )
    return Table(title, *by_column(bars, *RANGE, ratios), f"ratios_{strategy}", (note,))


def _ratio(row: PairwiseRow, currency: str) -> float | str:
    readable = row.icer is not None and row.quadrant is Quadrant.MORE_COSTLY_MORE_EFFECTIVE
    return row.icer if readable and row.icer is not None else icer_in_words(row, currency)


RANGE: tuple[Told[Bar], ...] = (
    ("Input", "strong", lambda bar: bar.factor.label),
    ("Unit", "text", lambda bar: bar.factor.members[0].unit),
    ("Base case", "significant", lambda bar: bar.factor.members[0].base),
    ("Low end", "significant", lambda bar: bar.factor.members[0].low),
    ("High end", "significant", lambda bar: bar.factor.members[0].high),
)
"""Columns of a bar's input: of those that move together the first."""


def _effects(result: OneWay) -> tuple[Told[Bar], ...]:
    """Columns of net benefit at both ends, and of what is drawn."""
    money = result.currency
    return (
        (f"Net benefit at the low end ({money})", "money", lambda bar: bar.low),
        (f"Net benefit at the high end ({money})", "money", lambda bar: bar.high),
        (f"Swing ({money})", "money", lambda bar: bar.swing),
        ([f"Bar of the low end ({money})", f"Bar of the high end ({money})"], "money", _drawn),
        ("Evidence and remarks", "text", lambda bar: "; ".join(_remarks(result, bar))),
    )


def _drawn(bar: Bar) -> tuple[float, float]:
    """Bars of both ends; of two on the same side the shorter one is left out, or they would be added up."""
    low, high = bar.low - bar.base, bar.high - bar.base
    if low * high > 0.0:
        return (low, 0.0) if abs(low) >= abs(high) else (0.0, high)
    return low, high


def _remarks(result: OneWay, bar: Bar) -> Iterator[str]:
    yield from dict.fromkeys(member.status for member in bar.factor.members if member.status)
    others = {decision for decision in bar.decisions if decision != bar.base_decision}
    if others:
        yield f"decision changes to {', '.join(result.labels[name].lower() for name in sorted(others))}"
    if not bar.is_monotone:
        yield "net benefit bends on the way"
    if not bar.factor.holds_base:
        yield "the base value lies outside the interval of a very skewed distribution"


def _together_table(result: OneWay) -> Iterator[Table]:
    """What moves together: parameters of a group, and those that follow by correlation."""
    factors: dict[str, Factor] = {bar.factor.name: bar.factor for bar in result.bars if len(bar.factor.members) > 1}
    ends = ["Base case", "At the low end", "At the high end"]
    columns, rows = by_column(
        ((f.label if i == 0 else "", member) for f in factors.values() for i, member in enumerate(f.members)),
        ("Bar", "strong", lambda line: line[0]),
        ("Unit", "text", lambda line: line[1].unit),
        (ends, "significant", lambda line: (line[1].base, line[1].low, line[1].high)),
        ("How it moves", "text", lambda line: "follows" if line[1].follows else "together"),
        ("Input", "text", lambda line: f"{line[1].label} ({line[1].id})"),
    )
    note = (
        "What is jointly uncertain is never varied singly. Inputs of one group take the same percentile; correlated "
        "ones follow to where they are then expected."
    )
    if rows:
        yield Table("Inputs that move together", columns, rows, "together", (note,), spread=True)


def _declared_table(result: OneWay, strategy: str) -> Iterator[Table]:
    """Declared ranges at the lower threshold."""
    threshold = result.thresholds[0]
    bars = tuple(bar for bar in result.declared(threshold, strategy) if bar.has_effect)
    if bars:
        at = words.per_qaly(threshold, result.currency)
        title = f"Declared ranges, {result.labels[strategy].lower()} at {at}"
        note = "Ranges that somebody wrote down, without a distribution behind them: kept apart from the chart."
        columns = by_column(bars, *RANGE, *_effects(result))
        yield Table(title, *columns, f"declared_{_key(strategy, threshold)}", (note,))

"""The Tornado sheet: each uncertain input over its 95 % interval, the longest bar first."""

from collections.abc import Iterator

from markov.analysis.incremental import PairwiseRow, Quadrant, icer_in_words
from markov.analysis.sensitivity.one_way import Bar, Factor, OneWay
from markov.excel.style import WARN
from markov.report import words
from markov.report.page import LINE_COLOURS, Block, Cell, Chart, Column, Page, Series, Table, Text

HIGH_END, LOW_END = LINE_COLOURS[:2]


def tornado_page(result: OneWay) -> Page:
    """For each strategy and threshold the fifteen longest bars; what moves together; declared ranges."""
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
    """A bar in a sentence: what moves net benefit, and from where to where."""
    low, high = (words.money(value, currency) for value in (min(bar.points), max(bar.points)))
    at = words.money(bar.threshold, currency)
    return f"{bar.factor.label} matters most: net benefit gained at {at} per QALY runs from {low} to {high}"


# -------------------------------------------------------------------------------------------------- the bars


def _of_strategy(result: OneWay, strategy: str) -> Iterator[Table | tuple[Chart, ...]]:
    found = [(t, result.tornado(t, strategy)) for t in result.thresholds]
    shown = [(t, tuple(bar for bar in bars if bar.has_effect)) for t, bars in found]
    shown = [(t, bars) for t, bars in shown if bars]
    for t, bars in shown:
        yield (_chart(result, strategy, t, bars),)
        yield _table(result, strategy, t, bars)
    if shown:
        yield _ratio_table(result, strategy, shown[0][1])


def _key(strategy: str, threshold: float) -> str:
    return f"bars_{strategy}_{threshold:g}"


def _chart(result: OneWay, strategy: str, threshold: float, bars: tuple[Bar, ...]) -> Chart:
    first, at = bars[0], words.money(threshold, result.currency)
    swing = words.money(first.swing, result.currency)
    title = f"{result.labels[strategy]} at {at} per QALY: {first.factor.label} moves net benefit most, by {swing}"
    series = tuple(
        Series(name, "Tornado", _key(strategy, threshold), 0, column, painted)
        for name, column, painted in (("Low end of the range", 8, LOW_END), ("High end of the range", 9, HIGH_END))
    )
    base = words.money(first.base, result.currency)
    unit = f"Change in net benefit from {base} ({result.currency})"
    return Chart("horizontal", title, "", unit, series, y_format="#,##0")


def _table(result: OneWay, strategy: str, threshold: float, bars: tuple[Bar, ...]) -> Table:
    at = words.money(threshold, result.currency)
    title = f"{result.labels[strategy]} at {at} per QALY: base case {words.money(bars[0].base, result.currency)}"
    rows = tuple(_row(result, bar) for bar in bars)
    tints = tuple((*("",) * 10, WARN if bar.changes_decision or not bar.is_monotone else "") for bar in bars)
    notes = (
        f"The {len(bars)} longest bars. Net benefit is the gain over the reference, in {result.currency} per patient. "
        "The swing is the highest less the lowest value on the range, points between its ends included; where both "
        "ends lie on one side of the base case the chart shows the further one. “With 1 more”: moves with others, "
        "“1 correlated”: others follow it; which, says the table Inputs that move together.",
    )
    return Table(title, _columns(result), rows, _key(strategy, threshold), notes, tints=tints)


def _ratio_table(result: OneWay, strategy: str, bars: tuple[Bar, ...]) -> Table:
    """The same bars as ratios, in words where a ratio would mislead."""
    columns = (
        *_columns(result)[:5],
        Column(f"ICER at the low end ({result.currency} per QALY)", "money"),
        Column(f"ICER at the high end ({result.currency} per QALY)", "money"),
    )
    rows = tuple(
        (*_range_of(bar), *(_ratio(end, result.currency) for end in (bar.at_low, bar.at_high))) for bar in bars
    )
    title = f"{result.labels[strategy]}: the same inputs by ICER"
    note = (
        "Bars are not drawn in ICERs: where the difference in QALYs comes close to 0 an ICER grows without limit, and "
        "the same figure means a gain or a loss. Words stand where a number would mislead."
    )
    return Table(title, columns, rows, f"ratios_{strategy}", (note,))


def _ratio(row: PairwiseRow, currency: str) -> float | str:
    readable = row.icer is not None and row.quadrant is Quadrant.MORE_COSTLY_MORE_EFFECTIVE
    return row.icer if readable and row.icer is not None else icer_in_words(row, currency)


def _columns(result: OneWay) -> tuple[Column, ...]:
    money = result.currency
    return (
        Column("Input", "strong"),
        Column("Unit"),
        Column("Base case", "significant"),
        Column("Low end", "significant"),
        Column("High end", "significant"),
        Column(f"Net benefit at the low end ({money})", "money"),
        Column(f"Net benefit at the high end ({money})", "money"),
        Column(f"Swing ({money})", "money"),
        Column(f"Bar of the low end ({money})", "money"),
        Column(f"Bar of the high end ({money})", "money"),
        Column("Evidence and remarks"),
    )


def _row(result: OneWay, bar: Bar) -> tuple[Cell, ...]:
    low, high = _drawn(bar)
    remarks = "; ".join([*dict.fromkeys(m.status for m in bar.factor.members if m.status), *_remarks(result, bar)])
    return (*_range_of(bar), bar.low, bar.high, bar.swing, low, high, remarks)


def _range_of(bar: Bar) -> tuple[str, str, float, float, float]:
    first = bar.factor.members[0]
    return bar.factor.label, first.unit, first.base, first.low, first.high


def _drawn(bar: Bar) -> tuple[float, float]:
    """Bars of both ends; of two on the same side the shorter one is left out, or they would be added up."""
    low, high = bar.low - bar.base, bar.high - bar.base
    if low * high > 0.0:
        return (low, 0.0) if abs(low) >= abs(high) else (0.0, high)
    return low, high


def _remarks(result: OneWay, bar: Bar) -> Iterator[str]:
    others = {decision for decision in bar.decisions if decision != bar.base_decision}
    if others:
        yield f"decision changes to {', '.join(result.labels[name].lower() for name in sorted(others))}"
    if not bar.is_monotone:
        yield "net benefit bends on the way"
    if not bar.factor.holds_base:
        yield "the base value lies outside the interval of a very skewed distribution"


# ---------------------------------------------------------------------------------- together, and declared


def _together_table(result: OneWay) -> Iterator[Table]:
    """What moves together: parameters of a group, and those that follow by correlation."""
    factors: dict[str, Factor] = {bar.factor.name: bar.factor for bar in result.bars if len(bar.factor.members) > 1}
    columns = (
        Column("Bar", "strong"),
        Column("Unit"),
        Column("Base case", "significant"),
        Column("At the low end", "significant"),
        Column("At the high end", "significant"),
        Column("How it moves"),
        Column("Input"),
    )
    rows = tuple(
        (
            factor.label if i == 0 else "",
            member.unit,
            member.base,
            member.low,
            member.high,
            "follows" if member.follows else "together",
            f"{member.label} ({member.id})",
        )
        for factor in factors.values()
        for i, member in enumerate(factor.members)
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
        at = words.money(threshold, result.currency)
        title = f"Declared ranges, {result.labels[strategy].lower()} at {at} per QALY"
        rows = tuple(_row(result, bar) for bar in bars)
        note = "Ranges that somebody wrote down, without a distribution behind them: kept apart from the chart."
        yield Table(title, _columns(result), rows, f"declared_{_key(strategy, threshold)}", (note,))

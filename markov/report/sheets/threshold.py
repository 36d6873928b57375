"""The Threshold sheet: at which price a drug is worth it, and at which value of an input the decision turns."""

from collections.abc import Iterator, Sequence

from markov.analysis.sensitivity.threshold import NEXT_BEST, ThresholdValue
from markov.analysis.sensitivity.value_based_price import PackPrice, ValueBasedPrice
from markov.inputs.parameters import Inputs
from markov.report import words
from markov.report.page import LINE_COLOURS, Block, Cell, Chart, Column, Page, Series, Table, Text


def threshold_page(
    inputs: Inputs,
    prices: Sequence[ValueBasedPrice],
    follow_up: Sequence[ValueBasedPrice],
    values: Sequence[ThresholdValue],
) -> Page:
    """Value-based prices, the same by what is assumed about survival, and threshold values of inputs."""
    blocks: list[Block] = [Text(" ".join(price_in_words(inputs, prices)), "lead")]
    if prices:
        blocks.append(_price_table(inputs, prices))
    for strategy in dict.fromkeys(price.strategy for price in follow_up):
        blocks += _follow_up(inputs, [price for price in follow_up if price.strategy == strategy])
    blocks.append(_value_table(inputs, values))
    subtitle = "What would have to be true for the decision to turn: a price, an assumption on survival, an input."
    return Page("Threshold", "Threshold analysis", subtitle, tuple(blocks), (56.0, *(15.0,) * 8, 42.0))


def price_in_words(inputs: Inputs, prices: Sequence[ValueBasedPrice]) -> Iterator[str]:
    """For each strategy the price at which it is worth it, by threshold, against the reference."""
    own = [price for price in prices if price.versus == inputs.reference]
    if not own:
        yield "No strategy beside the reference is given a product with a price."
    for strategy in dict.fromkeys(price.strategy for price in own):
        told = [price for price in own if price.strategy == strategy]
        listed = "; ".join(f"at {words.per_qaly(p.threshold, inputs.currency)} {p.words}" for p in told)
        others = [p for p in prices if p.strategy == strategy and p.versus == NEXT_BEST]
        best = "; ".join(f"at {words.per_qaly(p.threshold, inputs.currency)} {p.words}" for p in others)
        yield f"{told[0].label}: {listed}{f' (against the next best: {best})' if best not in ('', listed) else ''}."


# ----------------------------------------------------------------------------------------------------- prices


def _against(inputs: Inputs, versus: str) -> str:
    return "the next best" if versus == NEXT_BEST else inputs.labels[versus].lower()


def _product(pack: PackPrice) -> str:
    return pack.product.replace("_", " ")


def _price_table(inputs: Inputs, prices: Sequence[ValueBasedPrice]) -> Table:
    columns = (
        Column("Strategy and product", "strong"),
        Column("Against"),
        Column(f"Threshold ({inputs.currency} per QALY)", "money"),
        Column(f"List price ({inputs.currency} per pack)", "money"),
        Column(f"Value-based price ({inputs.currency} per pack)", "money"),
        Column("Discount on list price (%)", "percent"),
        Column("QALYs gained", "qaly"),
        Column(f"Net benefit at the list price ({inputs.currency})", "money"),
        Column(f"Net benefit at that price, run again ({inputs.currency})", "money"),
        Column("In words"),
    )
    rows = tuple(
        (
            f"{price.label}: {_product(pack)}",
            _against(inputs, price.versus),
            price.threshold,
            pack.list_price,
            pack.price,
            price.discount,
            price.delta_qaly,
            price.at_list,
            None if price.net_benefit is None else _settled(price.net_benefit),
            price.words,
        )
        for price in prices
        for pack in price.packs
    )
    notes = (
        "The value-based price is the highest at which net benefit is not below that of the strategy compared with; a "
        "negative discount says that the drug is worth more than its list price. Net benefit is linear in the price, "
        "so that two runs give it exactly; a third run at that price confirms a net benefit of 0. Several products of "
        "a strategy share one discount.",
    )
    return Table("Value-based price", columns, rows, "prices", notes)


def _settled(value: float) -> float:
    """A net benefit without the last digits of sums, which are no finding."""
    return round(value, 6) + 0.0


def _follow_up(inputs: Inputs, prices: Sequence[ValueBasedPrice]) -> Iterator[Table | tuple[Chart, ...]]:
    """Prices of one strategy by what is assumed about survival: a table, and a chart of the first product."""
    names = list(dict.fromkeys(price.alternative for price in prices))
    if len(names) < 2:
        return
    by_case = {(price.alternative, price.threshold): price for price in prices}
    thresholds = tuple(dict.fromkeys(price.threshold for price in prices))
    strategy, label = prices[0].strategy, prices[0].label
    rows = tuple(
        (
            name,
            by_case[name, thresholds[0]].delta_qaly,
            *(cell for t in thresholds for cell in _price_cells(by_case[name, t])),
        )
        for name in names
    )
    columns = [Column("Assumption on survival", "strong"), Column("QALYs gained", "qaly")]
    for t in thresholds:
        at = f"at {words.per_qaly(t, inputs.currency)}"
        columns += [
            Column(f"Value-based price {at} ({inputs.currency} per pack)", "money"),
            Column(f"Discount on list price {at}", "percent"),
        ]
    key = f"follow_up_{strategy}"
    pack = next((price.packs[0] for price in prices if price.packs), None)
    notes = [
        "Longer survival need not mean a higher price: years after progression cost money as well. Empty: no price "
        "of the drug will do, or any would."
    ]
    notes += [
        f"{price.alternative}: {price.error}" for price in prices if price.error and price.threshold == thresholds[0]
    ]
    product = f" ({_product(pack)})" if pack else ""
    title = f"Value-based price of {label.lower()}{product} by assumed survival"
    yield Table(title, tuple(columns), rows, key, tuple(notes), bold=frozenset({0}))
    if pack:
        yield (_follow_up_chart(inputs, label, pack, key, thresholds, rows),)


def _price_cells(price: ValueBasedPrice) -> tuple[Cell, Cell]:
    return (price.packs[0].price if price.packs else None), price.discount


def _follow_up_chart(
    inputs: Inputs, label: str, pack: PackPrice, key: str, thresholds: Sequence[float], rows: Sequence[tuple[Cell, ...]]
) -> Chart:
    found = [value for row in rows if isinstance(value := row[2], float)]
    span = (
        f"{words.money(min(found), inputs.currency)} to {words.money(max(found), inputs.currency)}" if found else "none"
    )
    at = words.money(thresholds[0], inputs.currency)
    listed = words.money(pack.list_price, inputs.currency)
    title = f"{label}: value-based price at {at} per QALY {span} per pack (list {listed})"
    series = tuple(
        Series(words.per_qaly(t, inputs.currency), "Threshold", key, 0, 2 + 2 * i, LINE_COLOURS[i % 4])
        for i, t in enumerate(thresholds)
    )
    return Chart("columns", title, "", f"{inputs.currency} per pack", series, y_format="#,##0")


# ----------------------------------------------------------------------------------------------------- inputs


def _value_table(inputs: Inputs, values: Sequence[ThresholdValue]) -> Table:
    money = inputs.currency
    columns = (
        Column("Input", "strong"),
        Column("Strategy"),
        Column(f"Threshold ({money} per QALY)", "money"),
        Column("Base case", "significant"),
        Column("Threshold value", "significant"),
        Column("Unit"),
        Column(f"Net benefit at the lowest value ({money})", "money"),
        Column(f"Net benefit at the highest value ({money})", "money"),
        Column(f"Net benefit at the threshold value, run again ({money})", "money"),
        Column("Searched, and remarks"),
    )
    rows = tuple(_value_row(inputs, value) for value in values if _matters(value))
    notes = (
        "The inputs of the longest bars of the Tornado sheet, over all values that are possible or usual for them. The "
        "value that is found is put into a run of its own, whose net benefit over the reference stands beside it. "
        "Empty: the decision does not turn within the range, or jumps. A threshold value that is not plausible says "
        "that the decision is robust to the input.",
    )
    return Table("Values of inputs at which the decision turns", columns, rows, "values", notes)


def _matters(value: ThresholdValue) -> bool:
    """Whether the input does anything to this strategy."""
    return bool(value.crossings) or len({round(v, 2) for v in (value.at_low, value.at_base, value.at_high)}) > 1


def _value_row(inputs: Inputs, value: ThresholdValue) -> tuple[Cell, ...]:
    side = value.question.axis
    turning = next((c for c in value.crossings if c.value == value.value), None)
    left = turning.net_benefit if turning else None
    return (
        side.label,
        inputs.labels[value.question.strategy],
        value.question.threshold,
        side.base,
        None if turning is None else turning.value,
        side.unit,
        value.at_low,
        value.at_high,
        None if left is None else _settled(left),
        f"{words.significant(value.low)} to {words.significant(value.high)}{_remark(value)}",
    )


def _remark(value: ThresholdValue) -> str:
    """What else there is to say of the search."""
    if not value.crossings:
        return ": the decision does not turn"
    crossings = (crossing for crossing in value.crossings if crossing.value != value.value)
    others = [c.words.replace(f"{c.value:.4g}", words.significant(c.value)) for c in crossings]
    also = "also " if value.value is not None else ""
    return f"; net benefit {also}{', and '.join(others)}" if others else ""


def _short(value: float) -> float:
    return float(f"{value:.4g}")

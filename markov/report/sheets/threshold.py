"""The Threshold sheet: at which price a drug is worth it, and at which value of an input the decision turns."""

from collections.abc import Iterator, Sequence

from markov.analysis.sensitivity.threshold import NEXT_BEST, ThresholdValue
from markov.analysis.sensitivity.value_based_price import PackPrice, ValueBasedPrice
from markov.inputs.parameters import Inputs
from markov.report import words
from markov.report.page import Block, Cell, Chart, Column, Page, Table, Text
from markov.report.sheets.charts import by_threshold
from markov.report.sheets.tables import by_column


def threshold_page(
    inputs: Inputs,
    prices: Sequence[ValueBasedPrice],
    follow_up: Sequence[ValueBasedPrice],
    values: Sequence[ThresholdValue],
) -> Page:
    """Value-based prices, the same by what is assumed about survival, and threshold values of inputs.

    >>> [table.title for table in threshold_page(calgb, [], [], []).blocks[1:]]
    ['Values of inputs at which the decision turns']
    """
    blocks: list[Block] = [Text(" ".join(price_in_words(inputs, prices)), "lead")]
    if prices:
        blocks.append(_price_table(inputs, prices))
    for strategy in dict.fromkeys(price.strategy for price in follow_up):
        blocks += _follow_up(inputs, [price for price in follow_up if price.strategy == strategy])
    blocks.append(_value_table(inputs, values))
    subtitle = "What would have to be true for the decision to turn: a price, an assumption on survival, an input."
    return Page("Threshold", "Threshold analysis", subtitle, tuple(blocks), (56.0, *(15.0,) * 8, 42.0))


def price_in_words(inputs: Inputs, prices: Sequence[ValueBasedPrice]) -> Iterator[str]:
    """For each strategy the price at which it is worth it, by threshold, against the reference.

    >>> list(price_in_words(calgb, []))
    ['No strategy beside the reference is given a product with a price.']
    """
    own = [price for price in prices if price.versus == inputs.reference]
    if not own:
        yield "No strategy beside the reference is given a product with a price."
    for strategy, label in dict.fromkeys((price.strategy, price.label) for price in own):
        listed, best = (
            "; ".join(
                f"at {words.per_qaly(p.threshold, inputs.currency)} {p.words}" for p in some if p.strategy == strategy
            )
            for some in (own, [price for price in prices if price.versus == NEXT_BEST])
        )
        yield f"{label}: {listed}{f' (against the next best: {best})' if best not in ('', listed) else ''}."


def _against(inputs: Inputs, versus: str) -> str:
    return "the next best" if versus == NEXT_BEST else inputs.labels[versus].lower()


def _product(pack: PackPrice) -> str:
    return pack.product.replace("_", " ")


def _price_table(inputs: Inputs, prices: Sequence[ValueBasedPrice]) -> Table:
    currency = inputs.currency
    note = (
        "The value-based price is the highest at which net benefit is not below that of the strategy compared with; a "
        "negative discount says that the drug is worth more than its list price. Net benefit is linear in the price, "
        "so that two runs give it exactly; a third run at that price confirms a net benefit of 0. Several products of "
        "a strategy share one discount."
    )
    columns = by_column(
        ((price, pack) for price in prices for pack in price.packs),
        ("Strategy and product", "strong", lambda line: f"{line[0].label}: {_product(line[1])}"),
        ("Against", "text", lambda line: _against(inputs, line[0].versus)),
        (f"Threshold ({currency} per QALY)", "money", lambda line: line[0].threshold),
        (f"List price ({currency} per pack)", "money", lambda line: line[1].list_price),
        (f"Value-based price ({currency} per pack)", "money", lambda line: line[1].price),
        ("Discount on list price (%)", "percent", lambda line: line[0].discount),
        ("QALYs gained", "qaly", lambda line: line[0].delta_qaly),
        (f"Net benefit at the list price ({currency})", "money", lambda line: line[0].at_list),
        (f"Net benefit at that price, run again ({currency})", "money", lambda line: _settled(line[0].net_benefit)),
        ("In words", "text", lambda line: line[0].words),
    )
    return Table("Value-based price", *columns, "prices", (note,))


def _settled(value: float | None) -> float | None:
    """A net benefit without the last digits of sums, which are no finding."""
    return None if value is None else round(value, 6) + 0.0


def _follow_up(inputs: Inputs, prices: Sequence[ValueBasedPrice]) -> Iterator[Table | tuple[Chart, ...]]:
    """Prices of one strategy by what is assumed about survival: a table, and a chart of the first product."""
    names = list(dict.fromkeys(price.alternative for price in prices))
    if len(names) < 2:
        return
    by_case = {(price.alternative, price.threshold): price for price in prices}
    thresholds = tuple(dict.fromkeys(price.threshold for price in prices))
    label, key = prices[0].label, f"follow_up_{prices[0].strategy}"
    columns = [Column("Assumption on survival", "strong"), Column("QALYs gained", "qaly")]
    rows: list[tuple[Cell, ...]] = [(name, by_case[name, thresholds[0]].delta_qaly) for name in names]
    for t in thresholds:
        at, found = f"at {words.per_qaly(t, inputs.currency)}", [by_case[name, t] for name in names]
        columns.append(Column(f"Value-based price {at} ({inputs.currency} per pack)", "money"))
        columns.append(Column(f"Discount on list price {at}", "percent"))
        cells = ((price.packs[0].price if price.packs else None, price.discount) for price in found)
        rows = [(*row, *pair) for row, pair in zip(rows, cells, strict=True)]
    notes = (
        "Longer survival need not mean a higher price: years after progression cost money as well. Empty: no price "
        "of the drug will do, or any would.",
        *(f"{p.alternative}: {p.error}" for p in prices if p.error and p.threshold == thresholds[0]),
    )
    pack = next((price.packs[0] for price in prices if price.packs), None)
    product = f" ({_product(pack)})" if pack else ""
    title = f"Value-based price of {label.lower()}{product} by assumed survival"
    yield Table(title, tuple(columns), tuple(rows), key, notes, bold=frozenset({0}))
    if pack:
        yield (_follow_up_chart(inputs, label, pack, key, thresholds, rows),)


def _follow_up_chart(
    inputs: Inputs, label: str, pack: PackPrice, key: str, thresholds: Sequence[float], rows: Sequence[tuple[Cell, ...]]
) -> Chart:
    currency = inputs.currency
    found = [value for row in rows if isinstance(value := row[2], float)]
    span = f"{words.money(min(found), currency)} to {words.money(max(found), currency)}" if found else "none"
    at, listed = words.per_qaly(thresholds[0], currency), words.money(pack.list_price, currency)
    title = f"{label}: value-based price at {at} {span} per pack (list {listed})"
    count = len(thresholds)
    series = by_threshold(thresholds, currency, "Threshold", [key] * count, 0, range(2, 2 + 2 * count, 2))
    return Chart("columns", title, "", f"{currency} per pack", series, y_format="#,##0")


def _value_table(inputs: Inputs, values: Sequence[ThresholdValue]) -> Table:
    money = inputs.currency
    note = (
        "The inputs of the longest bars of the Tornado sheet, over all values that are possible or usual for them. The "
        "value that is found is put into a run of its own, whose net benefit over the reference stands beside it. "
        "Empty: the decision does not turn within the range, or jumps. A threshold value that is not plausible says "
        "that the decision is robust to the input."
    )
    again = f"Net benefit at the threshold value, run again ({money})"
    columns = by_column(
        ((v, next((c for c in v.crossings if c.value == v.value), None)) for v in values if _matters(v)),
        ("Input", "strong", lambda line: line[0].question.axis.label),
        ("Strategy", "text", lambda line: inputs.labels[line[0].question.strategy]),
        (f"Threshold ({money} per QALY)", "money", lambda line: line[0].question.threshold),
        ("Base case", "significant", lambda line: line[0].question.axis.base),
        ("Threshold value", "significant", lambda line: line[1].value if line[1] else None),
        ("Unit", "text", lambda line: line[0].question.axis.unit),
        (f"Net benefit at the lowest value ({money})", "money", lambda line: line[0].at_low),
        (f"Net benefit at the highest value ({money})", "money", lambda line: line[0].at_high),
        (again, "money", lambda line: _settled(line[1].net_benefit) if line[1] else None),
        ("Searched, and remarks", "text", lambda line: _searched(line[0])),
    )
    return Table("Values of inputs at which the decision turns", *columns, "values", (note,))


def _matters(value: ThresholdValue) -> bool:
    """Whether the input does anything to this strategy."""
    return bool(value.crossings) or len({round(v, 2) for v in (value.at_low, value.at_base, value.at_high)}) > 1


def _searched(value: ThresholdValue) -> str:
    """The range that was searched, and what else there is to say of the search."""
    span = f"{words.significant(value.low)} to {words.significant(value.high)}"
    if not value.crossings:
        return f"{span}: the decision does not turn"
    crossings = (crossing for crossing in value.crossings if crossing.value != value.value)
    others = [c.words.replace(f"{c.value:.4g}", words.significant(c.value)) for c in crossings]
    also = "also " if value.value is not None else ""
    return f"{span}; net benefit {also}{', and '.join(others)}" if others else span

"""The Scenarios sheet: every scenario beside the base case, at both price sets, counted for and against."""

from collections.abc import Iterator
from dataclasses import dataclass

from markov.analysis.sensitivity.scenarios import Balance, Priced, Scenario, Scenarios, StrategyResult
from markov.excel.style import WARN
from markov.inputs.parameters import Value
from markov.report import words
from markov.report.page import Block, Cell, Chart, Column, Page, Series, Table, Text
from markov.report.sheets.charts import colour
from markov.report.sheets.tables import by_column, plain, settled
from markov.terms import PriceSet

SHOWN = 15


def scenario_pages(result: Scenarios) -> list[Page]:
    """Scenarios for and against, each beside the base case at every price set; then what each one changes.

    >>> from markov.analysis.sensitivity.scenarios import scenarios
    >>> [page.name for page in scenario_pages(scenarios(calgb, ["Generic prices"]))]
    ['Scenarios', 'Scenario inputs']
    """
    largest = [found for each in _others(result) for found in _largest(result, each)]
    charts = tuple(chart for chart, _ in largest)
    blocks: tuple[Block, ...] = (
        Text(" ".join(balance_in_words(result)), "lead"),
        *((charts,) if charts else ()),
        _balance_table(result),
        *_failures(result),
        *(table for each in _others(result) for table in (_side_by_side(result, each), _price_table(result, each))),
        *_added_table(result),
        *(table for _, table in largest),
    )
    subtitle = (
        "Each scenario changes a few inputs of the base case and nothing else. Differences are against the reference."
    )
    money = 2 * len(_base(result).thresholds)
    return [
        Page("Scenarios", "Scenarios", subtitle, blocks, (40.0, 16.0, 16.0, 38.0, *(16.0,) * money, 38.0)),
        Page(
            "Scenario inputs",
            "What each scenario changes",
            "The base case's value beside the scenario's, with the reason that the workbook gives.",
            (_changes_table(result),),
            (30.0, 13.0, 13.0, 18.0, 38.0, 44.0, 64.0),
        ),
    ]


def _base(result: Scenarios) -> Priced:
    """The base case at the prices that it pays."""
    assert result.base.own is not None
    return result.base.own


def _others(result: Scenarios) -> list[StrategyResult]:
    return list(_base(result).strategies[1:])


def balance_in_words(result: Scenarios, thresholds: int | None = None) -> Iterator[str]:
    """How many scenarios favour each strategy, and how often the decision changes, each at the price set it pays.

    At the first so many thresholds, or at all of them.

    >>> from markov.analysis.sensitivity.scenarios import scenarios
    >>> list(balance_in_words(scenarios(calgb, ["Generic prices"]), 1))[1]
    'At £25,000 per QALY the decision holds in all; 1 favour lenalidomide, 0 speak against it.'
    """
    count = len(result.scenarios)
    yield f"{count} scenarios{f', {len(result.failed)} of which could not run' if result.failed else ''}."
    for threshold in _base(result).thresholds[:thresholds]:
        rows = [row for row in result.balance if row.price_set is None and row.threshold == threshold]
        changed = max(row.decision_changed for row in rows)
        decision = f"the decision changes in {changed}" if changed else "the decision holds in all"
        yield f"At {_at(result, threshold)} {decision}; {'; '.join(map(_balance_in_words, rows))}."


def _balance_in_words(row: Balance) -> str:
    told = f"{row.favouring} favour {row.label.lower()}, {row.against} speak against it"
    return f"{told}, {row.unchanged} leave it as it is" if row.unchanged else told


def _at(result: Scenarios, threshold: float) -> str:
    return words.per_qaly(threshold, result.currency)


# ---------------------------------------------------------------------------------------------------- balance


def _balance_table(result: Scenarios) -> Table:
    note = (
        "In favour: the strategy's net benefit over the reference's is higher than in the base case. “As set”: each "
        "scenario at the price set that it pays; otherwise all at one price set, against the base case at the same one."
    )
    columns = by_column(
        result.balance,
        ("Strategy", "strong", lambda row: row.label),
        (f"Threshold ({result.currency} per QALY)", "money", lambda row: row.threshold),
        ("Prices", "text", lambda row: f"{row.price_set or 'as set'}"),
        ("Decision changes (scenarios)", "integer", lambda row: row.decision_changed),
        ("In favour (scenarios)", "integer", lambda row: row.favouring),
        ("Against (scenarios)", "integer", lambda row: row.against),
        ("No change (scenarios)", "integer", lambda row: row.unchanged),
        ("Not compared (scenarios)", "integer", lambda row: row.not_compared),
    )
    return Table("Scenarios for and against", *columns, "balance", (note,))


# ------------------------------------------------------------------------------------------ the largest changes


def _largest(result: Scenarios, each: StrategyResult) -> Iterator[tuple[Chart, Table]]:
    """The scenarios that move a strategy's net benefit most at the lower threshold, as a chart and its data."""
    told = _ranked(result, each.strategy)[:SHOWN]
    if not told:
        return
    base, currency, key = _base(result), result.currency, f"largest_{each.strategy}"
    at, (name, change) = _at(result, base.thresholds[0]), told[0]
    columns = (Column("Scenario", "strong"), Column(f"Change in net benefit at {at} ({currency})", "money"))
    title = f"{each.label}: “{name}” moves net benefit most, by {words.money(change, currency)} at {at}"
    painted = colour([other.strategy for other in base.strategies].index(each.strategy))
    series = (Series("Change in net benefit", "Scenarios", key, 0, 1, painted),)
    unit = f"Change in net benefit over the reference ({currency})"
    chart = Chart("horizontal", title, "", unit, series, y_format="#,##0", legend=False)
    yield chart, Table(f"Data of the chart: {each.label}", columns, tuple(told), key)


def _ranked(result: Scenarios, strategy: str) -> list[tuple[str, float]]:
    """Scenarios with the change that they make in net benefit at the lower threshold, largest first."""
    found = [
        (scenario.name, change)
        for scenario in result.scenarios
        if scenario.own and (own := scenario.own.of(strategy)) and (change := own.change[0]) is not None
    ]
    return sorted(found, key=lambda pair: -abs(pair[1]))


# ----------------------------------------------------------------------------------------------- side by side


def _figure_columns(result: Scenarios) -> tuple[Column, ...]:
    """A scenario's differences from the reference, their ratio and the net benefit gained."""
    return (
        Column("Scenario", "strong"),
        Column(f"Difference in cost ({result.currency})", "money"),
        Column("Difference in QALYs", "qaly"),
        Column("Cost-effectiveness ratio"),
        *_amounts(result, "Net benefit gained"),
    )


def _amounts(result: Scenarios, what: str) -> list[Column]:
    return [Column(f"{what} at {_at(result, t)} ({result.currency})", "money") for t in _base(result).thresholds]


def _figures(scenario: Scenario, found: StrategyResult | None, count: int) -> tuple[Cell, ...]:
    """The same of one scenario and strategy, at as many thresholds as the base case has."""
    if found is None or found.against is None:
        return (scenario.name, None, None, "not compared", *(None,) * count)
    against = found.against
    return (scenario.name, against.delta_cost, against.delta_qaly, found.ratio, *padded(found.gain, count))


def _side_by_side(result: Scenarios, each: StrategyResult) -> Table:
    base, count = _base(result), len(_base(result).thresholds)
    columns = (
        *_figure_columns(result),
        *_amounts(result, "Change from base"),
        Column("Best strategy, where another than in the base case"),
    )
    rows = []
    for scenario in (result.base, *result.scenarios):
        if scenario.own is None:
            continue
        found = scenario.own.of(each.strategy)
        is_compared = found is not None and found.against is not None
        change = found.change if found is not None and is_compared and scenario.changes else ()
        best = decision_in_words(scenario.own, result.currency) if is_compared else ""
        rows.append((*_figures(scenario, found, count), *padded(change, count), best))
    tints = tuple((*("",) * (len(columns) - 1), WARN if row[-1] else "") for row in rows)
    note = (
        f"Discounted, per patient, against {base.strategies[0].label.lower()}, at the price set that the scenario "
        "pays. Shaded: the strategy of the highest net benefit is another than in the base case."
    )
    title, key = f"{each.label}: all scenarios", f"all_{each.strategy}"
    return Table(title, columns, tuple(rows), key, (note,), bold=frozenset({0}), tints=tints)


def padded(values: tuple[float | None, ...], count: int) -> tuple[float | None, ...]:
    """As many values as the base case has thresholds, for a scenario may set others; what is only rounding is 0.

    >>> padded((1.5, -0.0001), 3)
    (1.5, 0.0, None)
    """
    return (*(None if value is None else settled(value) for value in values), *(None,) * count)[:count]


def decision_in_words(own: Priced, currency: str) -> str:
    """The best strategy at each threshold where the decision changes, in words; nothing where it holds.

    >>> from dataclasses import replace
    >>> from markov.analysis.sensitivity.scenarios import scenarios
    >>> decision_in_words(replace(scenarios(calgb, []).base.own, decision_changed=(True, False)), "GBP")
    'No maintenance at £25,000'
    """
    labels = {result.strategy: result.label for result in own.strategies}
    changed = [
        f"{labels[best]} at {words.money(threshold, currency)}"
        for threshold, best, other in zip(own.thresholds, own.optimal, own.decision_changed, strict=True)
        if other
    ]
    return "; ".join(changed)


def _added_table(result: Scenarios) -> Iterator[Table]:
    """Strategies that are compared in a scenario only."""
    known, count = {each.strategy for each in _base(result).strategies}, len(_base(result).thresholds)
    rows = tuple(
        (*_figures(scenario, found, count), found.label)
        for scenario in result.scenarios
        for found in (scenario.own.strategies if scenario.own else ())
        if found.strategy not in known and found.against is not None
    )
    if rows:
        columns = (*_figure_columns(result), Column("Strategy"))
        yield Table("Strategies that scenarios add", columns, rows, "added", spread=True)


# --------------------------------------------------------------------------------------------- at each price set


@dataclass(frozen=True)
class _AtPrices:
    """A scenario's difference in cost, ratio and net benefits gained at one price set, and their tints."""

    cost: float | None
    ratio: str
    gains: tuple[float | None, ...]
    tints: tuple[str, ...]


def _at_prices(priced: Priced | None, strategy: str, count: int) -> _AtPrices:
    found = priced.of(strategy) if priced else None
    if priced is None or found is None or found.against is None:
        return _AtPrices(None, "not compared", (None,) * count, ("",) * count)
    tints = (*(WARN if changed else "" for changed in priced.decision_changed), *("",) * count)
    return _AtPrices(found.against.delta_cost, found.ratio, padded(found.gain, count), tints[:count])


def _price_table(result: Scenarios, each: StrategyResult) -> Table:
    """Both price sets as paired headlines."""
    thresholds, currency = _base(result).thresholds, result.currency
    sets = [s for s in PriceSet if s in result.base.priced]
    lines = [
        (scenario.name, [_at_prices(scenario.priced.get(s), each.strategy, len(thresholds)) for s in sets])
        for scenario in (result.base, *result.scenarios)
        if scenario.own
    ]
    costs = [f"Difference in cost, {s} price ({currency})" for s in sets]
    gains = [f"Net benefit gained at {t:,.0f}, {s} price ({currency})" for s in sets for t in thresholds]
    ratios = [f"Cost-effectiveness ratio, {s} price" for s in sets]
    columns, rows = by_column(
        lines,
        ("Scenario", "strong", lambda line: line[0]),
        (costs, "money", lambda line: [prices.cost for prices in line[1]]),
        (ratios[:1], "text", lambda line: [line[1][0].ratio]),
        (gains, "money", lambda line: [gain for prices in line[1] for gain in prices.gains]),
        (ratios[1:], "text", lambda line: [prices.ratio for prices in line[1][1:]]),
    )
    tints = tuple(
        (*("",) * (2 + len(sets)), *(tint for prices in found for tint in prices.tints), *("",) * (len(sets) - 1))
        for _, found in lines
    )
    note = (
        "QALYs do not depend on prices. Shaded: the best strategy is another than in the base case at the same prices."
    )
    title, key = f"{each.label} at each price set", f"prices_{each.strategy}"
    return Table(title, columns, rows, key, (note,), bold=frozenset({0}), tints=tints)


# -------------------------------------------------------------------------------------- changes and failures


def _failures(result: Scenarios) -> Iterator[Table]:
    if result.failed:
        columns = (Column("Scenario", "strong"), Column("Why it could not run"))
        rows = tuple((scenario.name, scenario.error) for scenario in result.failed)
        yield Table("Scenarios that could not run", columns, rows, "failures", spread=True)


def _changes_table(result: Scenarios) -> Table:
    lines = [(scenario, i, change) for scenario in result.scenarios for i, change in enumerate(scenario.changes)]
    told = {scenario.name: " ".join((scenario.reason, *scenario.remarks)) for scenario in result.scenarios}
    columns, rows = by_column(
        lines,
        ("Scenario", "strong", lambda line: line[0].name if line[1] == 0 else ""),
        (["Base case", "Scenario"], "exact", lambda line: (_or_none(line[2].base), _or_none(line[2].value))),
        (["Unit", "What it changes", "Id"], "text", lambda line: (line[2].unit, line[2].label, line[2].id)),
        ("Reason, and what to bear in mind", "text", lambda line: told[line[0].name] if line[1] == 0 else ""),
    )
    return Table("Values changed", columns, rows, "changes", long=True)


def _or_none(value: Value) -> Cell:
    return "none" if value is None else plain(value)

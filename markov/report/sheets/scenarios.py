"""The Scenarios sheet: every scenario beside the base case, at both price sets, counted for and against."""

from collections.abc import Iterator

from markov.analysis.incremental import PairwiseRow
from markov.analysis.sensitivity.scenarios import NO_CHANGE, Balance, Priced, Scenario, Scenarios, StrategyResult
from markov.excel.style import WARN
from markov.inputs.parameters import Value
from markov.report import words
from markov.report.page import Block, Cell, Chart, Column, Page, Series, Table, Text
from markov.report.sheets.base_charts import colour
from markov.terms import PriceSet

SHOWN = 15
NO_TINT = ""


def scenario_pages(result: Scenarios) -> list[Page]:
    """Scenarios for and against, each beside the base case at every price set; then what each one changes."""
    charts, data = _largest(result)
    blocks: tuple[Block, ...] = (
        Text(" ".join(balance_in_words(result)), "lead"),
        *((charts,) if charts else ()),
        _balance_table(result),
        *_failures(result),
        *(table for each in _others(result) for table in (_side_by_side(result, each), _price_table(result, each))),
        *_added_table(result),
        *data,
    )
    subtitle = (
        "Each scenario changes a few inputs of the base case and nothing else. Differences are against the reference."
    )
    assert result.base.own is not None
    money = 2 * len(result.base.own.thresholds)
    changes = (_changes_table(result),)
    return [
        Page("Scenarios", "Scenarios", subtitle, blocks, (40.0, 16.0, 16.0, 38.0, *(16.0,) * money, 38.0)),
        Page(
            "Scenario inputs",
            "What each scenario changes",
            "The base case's value beside the scenario's, with the reason that the workbook gives.",
            changes,
            (30.0, 13.0, 13.0, 18.0, 38.0, 44.0, 64.0),
        ),
    ]


def _others(result: Scenarios) -> list[StrategyResult]:
    """The base case's strategies beside the reference."""
    assert result.base.own is not None
    return list(result.base.own.strategies[1:])


def balance_in_words(result: Scenarios, thresholds: int | None = None) -> Iterator[str]:
    """How many scenarios favour each strategy, and how often the decision changes, each at the price set it pays.

    At the first so many thresholds, or at all of them.
    """
    count = len(result.scenarios)
    yield f"{count} scenarios{f', {len(result.failed)} of which could not run' if result.failed else ''}."
    assert result.base.own is not None
    shown = result.base.own.thresholds[:thresholds]
    for threshold in shown:
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
    columns = (
        Column("Strategy", "strong"),
        Column(f"Threshold ({result.currency} per QALY)", "money"),
        Column("Prices"),
        Column("Decision changes (scenarios)", "integer"),
        Column("In favour (scenarios)", "integer"),
        Column("Against (scenarios)", "integer"),
        Column("No change (scenarios)", "integer"),
        Column("Not compared (scenarios)", "integer"),
    )
    rows = tuple(_balance_row(row) for row in result.balance)
    note = (
        "In favour: the strategy's net benefit over the reference's is higher than in the base case. “As set”: each "
        "scenario at the price set that it pays; otherwise all at one price set, against the base case at the same one."
    )
    return Table("Scenarios for and against", columns, rows, "balance", (note,))


def _balance_row(row: Balance) -> tuple[Cell, ...]:
    prices = f"{row.price_set}" if row.price_set else "as set"
    counts = (row.decision_changed, row.favouring, row.against, row.unchanged, row.not_compared)
    return (row.label, row.threshold, prices, *counts)


# ------------------------------------------------------------------------------------------ the largest changes


def _largest(result: Scenarios) -> tuple[tuple[Chart, ...], tuple[Table, ...]]:
    """For each strategy the scenarios that move its net benefit most at the lower threshold: charts and data."""
    assert result.base.own is not None
    names = [each.strategy for each in result.base.own.strategies]
    charts, tables = [], []
    for each in _others(result):
        told = _ranked(result, each.strategy)[:SHOWN]
        if told:
            key = f"largest_{each.strategy}"
            tables.append(_largest_table(result, each, told, key))
            charts.append(_largest_chart(result, each, told, key, colour(names.index(each.strategy))))
    return tuple(charts), tuple(tables)


def _ranked(result: Scenarios, strategy: str) -> list[tuple[str, float]]:
    """Scenarios with the change that they make in net benefit at the lower threshold, largest first."""
    found = [
        (scenario.name, change)
        for scenario in result.scenarios
        if scenario.own and (own := scenario.own.of(strategy)) and (change := own.change[0]) is not None
    ]
    return sorted(found, key=lambda pair: -abs(pair[1]))


def _largest_table(result: Scenarios, each: StrategyResult, told: list[tuple[str, float]], key: str) -> Table:
    assert result.base.own is not None
    at = _at(result, result.base.own.thresholds[0])
    columns = (Column("Scenario", "strong"), Column(f"Change in net benefit at {at} ({result.currency})", "money"))
    return Table(f"Data of the chart: {each.label}", columns, tuple(told), key)


def _largest_chart(
    result: Scenarios, each: StrategyResult, told: list[tuple[str, float]], key: str, painted: str
) -> Chart:
    assert result.base.own is not None
    at = words.money(result.base.own.thresholds[0], result.currency)
    name, change = told[0]
    title = f"{each.label}: “{name}” moves net benefit most, by {words.money(change, result.currency)} at {at} per QALY"
    series = (Series("Change in net benefit", "Scenarios", key, 0, 1, painted),)
    unit = f"Change in net benefit over the reference ({result.currency})"
    return Chart("horizontal", title, "", unit, series, y_format="#,##0", legend=False)


# ----------------------------------------------------------------------------------------------- side by side


def _side_by_side(result: Scenarios, each: StrategyResult) -> Table:
    assert result.base.own is not None
    thresholds = result.base.own.thresholds
    columns = (
        Column("Scenario", "strong"),
        Column(f"Difference in cost ({result.currency})", "money"),
        Column("Difference in QALYs", "qaly"),
        Column("Cost-effectiveness ratio"),
        *(Column(f"Net benefit gained at {_at(result, t)} ({result.currency})", "money") for t in thresholds),
        *(Column(f"Change from base at {_at(result, t)} ({result.currency})", "money") for t in thresholds),
        Column("Best strategy, where another than in the base case"),
    )
    shown = [(result.base, result.base.own), *((s, s.own) for s in result.scenarios if s.own)]
    rows = tuple(_side_row(scenario, own, each.strategy, len(thresholds), result.currency) for scenario, own in shown)
    tints = tuple((*(NO_TINT,) * (len(columns) - 1), WARN if row[-1] else NO_TINT) for row in rows)
    versus = result.base.own.strategies[0].label.lower()
    notes = (
        f"Discounted, per patient, against {versus}, at the price set that the scenario pays. Shaded: the strategy of "
        "the highest net benefit is another than in the base case.",
    )
    return Table(
        f"{each.label}: all scenarios", columns, rows, f"all_{each.strategy}", notes, bold=frozenset({0}), tints=tints
    )


def _side_row(scenario: Scenario, own: Priced, strategy: str, count: int, currency: str) -> tuple[Cell, ...]:
    found = own.of(strategy)
    if found is None or found.against is None:
        return (scenario.name, None, None, "not compared", *(None,) * (2 * count), "")
    changes = found.change if scenario.changes else (None,) * count
    figures = (found.against.delta_cost, found.against.delta_qaly, found.ratio)
    return (
        scenario.name,
        *figures,
        *padded(found.gain, count),
        *padded(changes, count),
        decision_in_words(own, currency),
    )


def padded(values: tuple[float | None, ...], count: int) -> tuple[float | None, ...]:
    """As many values as the base case has thresholds, for a scenario may set others; what is only rounding is 0.

    >>> padded((1.5, -0.0001), 3)
    (1.5, 0.0, None)
    """
    settled = (0.0 if value is not None and abs(value) < NO_CHANGE else value for value in values)
    return (*settled, *(None,) * count)[:count]


def decision_in_words(own: Priced, currency: str) -> str:
    """The best strategy at each threshold where the decision changes, in words; nothing where it holds."""
    labels = {result.strategy: result.label for result in own.strategies}
    changed = [
        f"{labels[best]} at {words.money(threshold, currency)}"
        for threshold, best, other in zip(own.thresholds, own.optimal, own.decision_changed, strict=True)
        if other
    ]
    return "; ".join(changed)


def _added_table(result: Scenarios) -> Iterator[Table]:
    """Strategies that are compared in a scenario only."""
    assert result.base.own is not None
    known, thresholds = {each.strategy for each in result.base.own.strategies}, result.base.own.thresholds
    rows = tuple(
        _added_row(scenario, found, found.against, len(thresholds))
        for scenario in result.scenarios
        for found in (scenario.own.strategies if scenario.own else ())
        if found.strategy not in known and found.against is not None
    )
    columns = (
        Column("Scenario", "strong"),
        Column(f"Difference in cost ({result.currency})", "money"),
        Column("Difference in QALYs", "qaly"),
        Column("Cost-effectiveness ratio"),
        *(Column(f"Net benefit gained at {_at(result, t)} ({result.currency})", "money") for t in thresholds),
        Column("Strategy"),
    )
    if rows:
        yield Table("Strategies that scenarios add", columns, rows, "added", spread=True)


def _added_row(scenario: Scenario, found: StrategyResult, against: PairwiseRow, count: int) -> tuple[Cell, ...]:
    figures = (against.delta_cost, against.delta_qaly, found.ratio, *padded(found.gain, count))
    return (scenario.name, *figures, found.label)


def _price_table(result: Scenarios, each: StrategyResult) -> Table:
    """Both price sets as paired headlines."""
    assert result.base.own is not None
    sets, thresholds = [s for s in PriceSet if s in result.base.priced], result.base.own.thresholds
    money = result.currency
    columns = [
        Column("Scenario", "strong"),
        *(Column(f"Difference in cost, {s} price ({money})", "money") for s in sets),
        Column(f"Cost-effectiveness ratio, {sets[0]} price"),
        *(Column(f"Net benefit gained at {t:,.0f}, {s} price ({money})", "money") for s in sets for t in thresholds),
        *(Column(f"Cost-effectiveness ratio, {s} price") for s in sets[1:]),
    ]
    shown = [scenario for scenario in (result.base, *result.scenarios) if scenario.own]
    found = [[_price_cells(s.priced.get(p), each.strategy, len(thresholds)) for p in sets] for s in shown]
    rows = tuple(
        (
            scenario.name,
            *(cost for cost, *_ in cells),
            cells[0][1],
            *(gain for _, _, gains, _ in cells for gain in gains),
            *(ratio for _, ratio, _, _ in cells[1:]),
        )
        for scenario, cells in zip(shown, found, strict=True)
    )
    tints = tuple(
        (
            *(NO_TINT,) * (2 + len(sets)),
            *(tint for *_, marks in cells for tint in marks),
            *(NO_TINT for _ in sets[1:]),
        )
        for cells in found
    )
    notes = (
        "QALYs do not depend on prices. Shaded: the best strategy is another than in the base case at the same prices.",
    )
    title, key = f"{each.label} at each price set", f"prices_{each.strategy}"
    return Table(title, tuple(columns), rows, key, notes, bold=frozenset({0}), tints=tints)


PriceCells = tuple[float | None, str, tuple[float | None, ...], tuple[str, ...]]


def _price_cells(priced: Priced | None, strategy: str, count: int) -> PriceCells:
    """Difference in cost, ratio, net benefits gained, and their tints."""
    found = priced.of(strategy) if priced else None
    if priced is None or found is None or found.against is None:
        return None, "not compared", (None,) * count, (NO_TINT,) * count
    tints = (*(WARN if changed else NO_TINT for changed in priced.decision_changed), *(NO_TINT,) * count)
    return found.against.delta_cost, found.ratio, padded(found.gain, count), tints[:count]


# -------------------------------------------------------------------------------------- changes and failures


def _failures(result: Scenarios) -> Iterator[Table]:
    if result.failed:
        columns = (Column("Scenario", "strong"), Column("Why it could not run"))
        rows = tuple((scenario.name, scenario.error) for scenario in result.failed)
        yield Table("Scenarios that could not run", columns, rows, "failures", spread=True)


def _changes_table(result: Scenarios) -> Table:
    columns = (
        Column("Scenario", "strong"),
        Column("Base case", "exact"),
        Column("Scenario", "exact"),
        Column("Unit"),
        Column("What it changes"),
        Column("Id"),
        Column("Reason, and what to bear in mind"),
    )
    rows = [row for scenario in result.scenarios for row in _change_rows(scenario)]
    return Table("Values changed", columns, tuple(rows), "changes", long=True)


def _change_rows(scenario: Scenario) -> Iterator[tuple[Cell, ...]]:
    for i, change in enumerate(scenario.changes):
        reason = " ".join((scenario.reason, *scenario.remarks)) if i == 0 else ""
        name = scenario.name if i == 0 else ""
        yield (name, _plain(change.base), _plain(change.value), change.unit, change.label, change.id, reason)


def _plain(value: Value) -> Cell:
    return "none" if value is None else value.replace("_", " ") if isinstance(value, str) else value

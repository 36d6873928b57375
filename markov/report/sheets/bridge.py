"""The Bridge sheet: from progression to survival, year by year, and under each way to put the curves together."""

import numpy as np

from markov.analysis.base_case import BaseCase
from markov.analysis.incremental import icer_in_words, pairwise
from markov.model.outcomes import Outcomes
from markov.report.page import Cell, Chart, Column, Page, Series, Table, Text
from markov.report.sheets.charts import GREY, INK, colour
from markov.report.sheets.tables import by_column, finite
from markov.terms import MONTHS_PER_YEAR, Array, Endpoint

REGISTRY = "post_progression.registry_rate"
FROM_YEAR = 1  # row of the second year: in the first hardly anybody has progressed yet


def bridge_page(result: BaseCase) -> Page:
    """Implied death rates after progression, implied hazard ratios, where the gain arises, and the structures.

    >>> bridge_page(calgb_base).blocks[2].title
    'Where the gain arises'
    """
    blocks = (
        Text(_lead(result), "lead"),
        (_rate_chart(result), *([_ratio_chart(result)] if _others(result) else [])),
        _gains_table(result),
        _structures_table(result),
        _rates_table(result),
    )
    subtitle = (
        "What the curves imply for patients after progression: does the gain come from the trial or from beyond it?"
    )
    return Page("Bridge", "From progression to survival", subtitle, blocks, widths=(46.0, *(17.0,) * 7, 34.0))


def _others(result: BaseCase) -> list[int]:
    """Places of the strategies that are compared with the reference."""
    return [i for i, name in enumerate(result.outcomes.strategies) if name != result.inputs.reference]


def _lead(result: BaseCase) -> str:
    bridge, words = result.bridge, []
    for i in _others(result):
        gain, free = float(bridge.gain_in_os[i]), float(bridge.gain_in_pfs[i])
        told = f"{result.labels[i]}: {gain:+.2f} years of life for {free:+.2f} years free of progression"
        if bridge.gain_beyond is not None and bridge.follow_up is not None:
            months = bridge.follow_up * MONTHS_PER_YEAR
            told += f"; {bridge.gain_beyond[i]:.0%} of the difference arises after the {months:.0f} months of follow-up"
        words.append(told)
    return ". ".join(words) + "."


def _gains_table(result: BaseCase) -> Table:
    bridge = result.bridge
    alive, free, beyond = bridge.gain_in_os, bridge.gain_in_pfs, bridge.gain_beyond
    each = np.divide(alive, free, out=np.full_like(alive, np.nan), where=np.abs(free) > 1e-6)
    notes = [
        "Undiscounted, against the reference. Above 1, patients gain after progression as well; below 0, they lose."
    ]
    if bridge.follow_up is None:
        notes.append(f"Fill follow_up.{Endpoint.OS} on the sheet Survival to see the share beyond follow-up.")
    columns = by_column(
        _others(result),
        ("Strategy", "strong", lambda i: result.labels[i]),
        ("Gain in life-years", "years", lambda i: alive[i]),
        ("Gain in progression-free years", "years", lambda i: free[i]),
        ("Life-years per progression-free year", "years", lambda i: finite(each[i])),
        ("Share of the gain beyond follow-up", "percent", lambda i: None if beyond is None else beyond[i]),
    )
    return Table("Where the gain arises", *columns, "gains", tuple(notes))


def _structures_table(result: BaseCase) -> Table:
    columns = (
        Column("Structure", "strong"),
        Column("Strategy"),
        Column("Life-years", "qaly"),
        Column("Progression-free years", "qaly"),
        Column("QALYs, discounted", "qaly"),
        Column(f"Cost, discounted ({result.inputs.currency})", "money"),
        Column("Gain in life-years", "qaly"),
        Column("Gain in QALYs", "qaly"),
        Column("Against the reference"),
    )
    rows: list[tuple[Cell, ...]] = []
    for each in result.bridge.structures:
        if each.outcomes is None:
            rows.append((each.name, f"not available: {each.reason}", *(None,) * 7))
        else:
            rows += _structure_rows(result, each.name, each.outcomes)
    note = (
        "Partitioned survival reads states off the PFS and OS curves, floored at the background; it has no state "
        "for second malignancies, so that their costs and utility are left out and treatment lasts to progression or a "
        "stop. Equal life-years under it and under deaths that follow the OS curves are expected."
    )
    return Table("The same curves put together in other ways", columns, tuple(rows), "structures", (note,))


def _structure_rows(result: BaseCase, name: str, outcomes: Outcomes) -> list[tuple[Cell, ...]]:
    inputs, years, qalys = result.inputs, outcomes.life_years[0, :, 0], outcomes.qaly[0].tolist()
    alive, free, costs = years.sum(axis=-1).tolist(), years[:, :2].sum(axis=-1).tolist(), outcomes.cost[0].tolist()
    r = outcomes.strategies.index(inputs.reference)
    pairs = pairwise(outcomes.strategies, costs, qalys, inputs.reference)
    words = {row.strategy: icer_in_words(row, inputs.currency) for row in pairs}
    rows: list[tuple[Cell, ...]] = []
    for i, strategy in enumerate(outcomes.strategies):
        gains = (alive[i] - alive[r], qalys[i] - qalys[r])
        told = (name if i == 0 else "", inputs.labels[strategy])
        rows.append((*told, alive[i], free[i], qalys[i], costs[i], *gains, words.get(strategy, "reference")))
    return rows


def _rates_table(result: BaseCase) -> Table:
    bridge, labels, others = result.bridge, result.labels, _others(result)
    registry = result.inputs.number(REGISTRY) / MONTHS_PER_YEAR if result.inputs.given(REGISTRY) else None
    notes = ["Deaths of those in progression over the time they spend there. Empty: hardly anybody is there."]
    row = result.inputs.parameters.get(REGISTRY)
    if row is not None and row.value is not None:
        notes.append(f"Registry: {row.source} ({row.status}).")
    rates = [f"Death rate after progression, {label} (per month)" for label in labels]
    ratios = [f"Hazard ratio of death, {labels[i]}" for i in others]
    columns = by_column(
        range(len(bridge.years)),
        ("Year", "integer", lambda k: int(bridge.years[k])),
        (rates, "rate", lambda k: map(finite, bridge.death_rate[k])),
        ("General population (per month)", "rate", lambda k: bridge.population_rate[k]),
        ("Registry (per month)", "rate", lambda k: registry),
        (ratios, "number", lambda k: map(finite, bridge.hazard_ratio[k, others])),
    )
    return Table("Year by year", *columns, "rates", tuple(notes))


def _last_row(values: Array) -> int:
    """Last year with a number."""
    return max(np.flatnonzero(np.isfinite(values)).tolist(), default=0)


def _rate_chart(result: BaseCase) -> Chart:
    bridge, count = result.bridge, len(result.labels)
    series = [
        Series(label, "Bridge", "rates", 0, 1 + i, colour(i), FROM_YEAR, _last_row(bridge.death_rate[:, i]))
        for i, label in enumerate(result.labels)
    ]
    series.append(Series("General population", "Bridge", "rates", 0, 1 + count, GREY, FROM_YEAR, dashed=True))
    if result.inputs.given(REGISTRY):
        series.append(Series("Registry", "Bridge", "rates", 0, 2 + count, INK, FROM_YEAR, dashed=True))
    early = bridge.death_rate[min(4, len(bridge.years) - 1)]
    told = ", ".join(f"{la} {v:.4f}" for la, v in zip(result.labels, early, strict=True) if np.isfinite(v))
    title = f"Implied death rate after progression; in year {min(5, len(bridge.years))}, per month: {told}"
    return Chart("lines", title, "Year", "Deaths per month", tuple(series), x_format="0", y_format="0.000")


def _ratio_chart(result: BaseCase) -> Chart:
    ratios, first = result.bridge.hazard_ratio, 3 + len(result.labels)
    series = tuple(
        Series(result.labels[i], "Bridge", "rates", 0, first + k, colour(i), last=_last_row(ratios[:, i]))
        for k, i in enumerate(_others(result))
    )
    title = "Implied hazard ratio of death within each year; 1 means that the effect is gone"
    return Chart("lines", title, "Year", "Hazard ratio", series, x_format="0", y_format="0.00")

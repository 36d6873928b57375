"""The Bridge sheet: from progression to survival, year by year, and under each way to put the curves together."""

import numpy as np

from markov.analysis.base_case import BaseCase
from markov.analysis.incremental import icer_in_words, pairwise
from markov.model.outcomes import Outcomes
from markov.report.page import Cell, Chart, Column, Page, Series, Table, Text
from markov.report.sheets.base_charts import colour
from markov.terms import MONTHS_PER_YEAR, Array, Endpoint

GREY = "#9AA5B1"
FROM_YEAR = 1  # row of the second year: in the first hardly anybody has progressed yet


def bridge_page(result: BaseCase) -> Page:
    """Implied death rates after progression, implied hazard ratios, where the gain arises, and the structures."""
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
    columns = (
        Column("Strategy", "strong"),
        Column("Gain in life-years", "years"),
        Column("Gain in progression-free years", "years"),
        Column("Life-years per progression-free year", "years"),
        Column("Share of the gain beyond follow-up", "percent"),
    )
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (
            result.labels[i],
            float(bridge.gain_in_os[i]),
            float(bridge.gain_in_pfs[i]),
            _ratio(float(bridge.gain_in_os[i]), float(bridge.gain_in_pfs[i])),
            None if bridge.gain_beyond is None else float(bridge.gain_beyond[i]),
        )
        for i in _others(result)
    )
    notes = [
        "Undiscounted, against the reference. Above 1, patients gain after progression as well; below 0, they lose."
    ]
    if bridge.follow_up is None:
        notes.append(f"Fill follow_up.{Endpoint.OS} on the sheet Survival to see the share beyond follow-up.")
    return Table("Where the gain arises", columns, rows, "gains", tuple(notes))


def _ratio(gain: float, free: float) -> float | None:
    return gain / free if abs(free) > 1e-6 else None


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
    for structure in result.bridge.structures:
        if structure.outcomes is None:
            rows.append((structure.name, f"not available: {structure.reason}", *(None,) * 7))
        else:
            rows += _structure_rows(result, structure.name, structure.outcomes)
    note = (
        "Partitioned survival reads states off the PFS and OS curves, floored at the background; it has no state "
        "for second malignancies, so that their costs and utility are left out and treatment lasts to progression or a "
        "stop. Equal life-years under it and under deaths that follow the OS curves are expected."
    )
    return Table("The same curves put together in other ways", columns, tuple(rows), "structures", (note,))


def _structure_rows(result: BaseCase, name: str, outcomes: Outcomes) -> list[tuple[Cell, ...]]:
    inputs, years = result.inputs, outcomes.life_years[0, :, 0]
    reference = outcomes.strategies.index(inputs.reference)
    pairs = pairwise(outcomes.strategies, outcomes.cost[0].tolist(), outcomes.qaly[0].tolist(), inputs.reference)
    words = {row.strategy: icer_in_words(row, inputs.currency) for row in pairs}
    return [
        (
            name if i == 0 else "",
            inputs.labels[strategy],
            float(years[i].sum()),
            float(years[i, :2].sum()),
            float(outcomes.qaly[0, i]),
            float(outcomes.cost[0, i]),
            float(years[i].sum() - years[reference].sum()),
            float(outcomes.qaly[0, i] - outcomes.qaly[0, reference]),
            words.get(strategy, "reference"),
        )
        for i, strategy in enumerate(outcomes.strategies)
    ]


def _rates_table(result: BaseCase) -> Table:
    bridge, labels, others = result.bridge, result.labels, _others(result)
    columns = (
        Column("Year", "integer"),
        *(Column(f"Death rate after progression, {label} (per month)", "rate") for label in labels),
        Column("General population (per month)", "rate"),
        Column("Registry (per month)", "rate"),
        *(Column(f"Hazard ratio of death, {labels[i]}", "number") for i in others),
    )
    registry = _registry(result)
    rows = tuple(
        (
            int(year),
            *(_cell(bridge.death_rate[k, i]) for i in range(len(labels))),
            float(bridge.population_rate[k]),
            registry,
            *(_cell(bridge.hazard_ratio[k, i]) for i in others),
        )
        for k, year in enumerate(bridge.years)
    )
    notes = ["Deaths of those in progression over the time they spend there. Empty: hardly anybody is there."]
    row = result.inputs.parameters.get("post_progression.registry_rate")
    if row is not None and row.value is not None:
        notes.append(f"Registry: {row.source} ({row.status}).")
    return Table("Year by year", columns, rows, "rates", tuple(notes))


def _registry(result: BaseCase) -> float | None:
    name = "post_progression.registry_rate"
    return result.inputs.number(name) / MONTHS_PER_YEAR if result.inputs.given(name) else None


def _cell(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _last_row(values: Array) -> int:
    """Last year with a number."""
    return int(np.flatnonzero(np.isfinite(values))[-1]) if np.isfinite(values).any() else 0


def _rate_chart(result: BaseCase) -> Chart:
    bridge, count = result.bridge, len(result.labels)
    series = [
        Series(label, "Bridge", "rates", 0, 1 + i, colour(i), FROM_YEAR, _last_row(bridge.death_rate[:, i]))
        for i, label in enumerate(result.labels)
    ]
    series.append(Series("General population", "Bridge", "rates", 0, 1 + count, GREY, FROM_YEAR, dashed=True))
    if _registry(result) is not None:
        series.append(Series("Registry", "Bridge", "rates", 0, 2 + count, "#1F2A37", FROM_YEAR, dashed=True))
    early = bridge.death_rate[min(4, len(bridge.years) - 1)]
    told = ", ".join(f"{la} {v:.4f}" for la, v in zip(result.labels, early, strict=True) if np.isfinite(v))
    title = f"Implied death rate after progression; in year {min(5, len(bridge.years))}, per month: {told}"
    return Chart("lines", title, "Year", "Deaths per month", tuple(series), x_format="0", y_format="0.000")


def _ratio_chart(result: BaseCase) -> Chart:
    bridge, count, others = result.bridge, len(result.labels), _others(result)
    series = tuple(
        Series(
            result.labels[i],
            "Bridge",
            "rates",
            0,
            3 + count + k,
            colour(i),
            last=_last_row(bridge.hazard_ratio[:, i]),
        )
        for k, i in enumerate(others)
    )
    title = "Implied hazard ratio of death within each year; 1 means that the effect is gone"
    return Chart("lines", title, "Year", "Hazard ratio", series, x_format="0", y_format="0.00")

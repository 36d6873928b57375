"""The pages of the report, made from results: what each table says, in what order, with what note."""

from collections.abc import Sequence

import numpy as np

from markov.analysis.base_case import BaseCase
from markov.analysis.incremental import icer_in_words
from markov.model.outcomes import LANDMARK_YEARS
from markov.report import words
from markov.report.page import Cell, Chart, Column, Look, Page, Table, trace_name
from markov.report.sheets.base_charts import cost_chart, frontier_chart, occupancy_chart, survival_charts
from markov.terms import (
    COST_LABELS,
    LIVING,
    MONTHS_PER_YEAR,
    QALY_LABELS,
    STATE_LABELS,
    Array,
    CostCategory,
    Position,
    QalyComponent,
    State,
)

POSITIONS = {
    Position.REFERENCE: "reference",
    Position.FRONTIER: "on the frontier",
    Position.DOMINATED: "dominated",
    Position.EXTENDEDLY_DOMINATED: "extendedly dominated",
    Position.EQUAL: "equal to another strategy",
}


# ---------------------------------------------------------------------------------------------------- results


def results_page(result: BaseCase) -> Page:
    """Outcomes of every strategy: totals, survival figures, treatment and events."""
    labels = result.labels
    strategies = tuple(Column(label, "number") for label in labels)
    outcomes, currency = result.outcomes, result.inputs.currency
    totals: list[tuple[str, str, Array, Look]] = [
        ("Cost, discounted", currency, outcomes.cost[0], "money"),
        ("Cost, undiscounted", currency, outcomes.costs[0, :, 0].sum(axis=-1), "money"),
        ("QALYs, discounted", "QALYs", outcomes.qaly[0], "qaly"),
        ("QALYs, undiscounted", "QALYs", outcomes.qalys[0, :, 0].sum(axis=-1), "qaly"),
        ("Life-years, discounted", "years", outcomes.life_year[0], "qaly"),
        ("Life-years, undiscounted", "years", outcomes.life_years[0, :, 0].sum(axis=-1), "qaly"),
    ]
    columns = (Column("Outcome per patient", "strong"), Column("Unit"), *strategies)
    rows: tuple[tuple[Cell, ...], ...] = tuple((name, unit, *values.tolist()) for name, unit, values, _ in totals)
    looks = tuple(look for *_, look in totals)
    return Page(
        "Results",
        "Results",
        "Expected outcomes per patient over the horizon, by strategy.",
        (
            Table("Totals", columns, rows, "totals", looks=looks),
            survival_charts(result),
            _curve_table(result),
            _event_table(result),
        ),
        widths=(48.0, 32.0, *(20.0,) * 8),
    )


def _curve_table(result: BaseCase) -> Table:
    outcomes = result.outcomes
    curves = {
        "os": "Overall survival",
        "pfs_net_of_spm": "Progression-free survival, net of second malignancies",
        "progression_and_spm_free": "Free of progression and second malignancies",
    }
    rows: list[tuple[Cell, ...]] = []
    for key, label in curves.items():
        summary = outcomes.curves[key]
        rows.append((label, "median, months", *_numbers(summary.median[0] * MONTHS_PER_YEAR)))
        rows.append(("", "mean within the horizon, months", *_numbers(summary.mean[0] * MONTHS_PER_YEAR)))
        for j, years in enumerate(LANDMARK_YEARS):
            rows.append(("", f"share at {years:g} year{'s' * (years > 1)}", *_numbers(summary.landmarks[0, :, j])))
    columns = (Column("Curve", "strong"), Column("Figure"), *(Column(label, "number") for label in result.labels))
    note = (
        "Medians are interpolated within a cycle at a constant hazard. An empty cell: not reached within the horizon."
    )
    shares: list[Look] = ["percent"] * len(LANDMARK_YEARS)
    looks: list[Look] = ["months", "months", *shares] * len(curves)
    return Table("Survival", columns, tuple(rows), "curves", (note,), looks=tuple(looks))


def _numbers(values: Sequence[float] | np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> list[float | None]:
    return [None if np.isnan(v) else float(v) for v in values]


def _event_table(result: BaseCase) -> Table:
    outcomes = result.outcomes
    on_treatment = outcomes.curves["on_treatment"]
    treated = outcomes.time_on_treatment[0] > 0
    rows: list[tuple[Cell, ...]] = [
        ("Time on treatment", "mean, months", *_numbers(outcomes.time_on_treatment[0] * MONTHS_PER_YEAR)),
        (
            "",
            "median of starters, months",
            *_numbers(np.where(treated, on_treatment.median[0] * MONTHS_PER_YEAR, np.nan)),
        ),
    ]
    for state in list(State)[1:]:
        name = "Stopped for toxicity" if state is State.TOXICITY else STATE_LABELS[state]
        rows.append((name, "share who ever enter", *_numbers(outcomes.entered(state)[0])))
    spm = outcomes.entered(State.SPM_HAEMATOLOGIC)[0] + outcomes.entered(State.SPM_SOLID)[0]
    rows.append(("Any second primary malignancy", "share who ever enter", *_numbers(spm)))
    solved = {"toxicity_rate": "Rate of stops for toxicity", "other_stop_rate": "Rate of other stops"}
    for key, name in solved.items():
        rows.append((name, "per month, solved", *_numbers(outcomes.solved[key][0] / MONTHS_PER_YEAR)))
    columns = (Column("Event", "strong"), Column("Figure"), *(Column(label, "number") for label in result.labels))
    shares: list[Look] = ["percent"] * (len(rows) - 4)
    looks: tuple[Look, ...] = ("months", "months", *shares, "rate", "rate")
    return Table("Treatment and events", columns, tuple(rows), "events", looks=looks)


# ---------------------------------------------------------------------------------------------- disaggregated


def disaggregated_page(result: BaseCase) -> Page:
    """Life-years and QALYs by state, QALYs by component, costs by category: discounted and not, with differences."""
    currency = result.inputs.currency
    states = [STATE_LABELS[s] for s in LIVING]
    tables = []
    for schedule, word in enumerate(("undiscounted", "discounted")):
        parts = (
            ("life_years", f"Life-years by state, {word}", states, "qaly"),
            ("qalys", f"QALYs by state, {word}", states, "qaly"),
            ("qaly_components", f"QALYs by component, {word}", [QALY_LABELS[c] for c in QalyComponent], "qaly"),
            ("costs", f"Costs by category ({currency}), {word}", [COST_LABELS[c] for c in CostCategory], "money"),
        )
        tables += [_parts_table(result, schedule, *part) for part in parts]
    ordered = [tables[7], tables[5], tables[4], tables[6], tables[3], tables[1], tables[0], tables[2]]
    blocks: tuple[Table | tuple[Chart, ...], ...] = ((cost_chart(result),), *ordered)
    return Page(
        "Disaggregated",
        "Disaggregated results",
        "Where costs and effects arise, per patient. Differences are against the reference strategy.",
        blocks,
        widths=(40.0, *(18.0,) * 9),
    )


def _parts_table(result: BaseCase, schedule: int, name: str, title: str, parts: list[str], look: str) -> Table:
    outcomes, labels = result.outcomes, result.labels
    values = getattr(outcomes, name)[0, :, schedule]
    reference = outcomes.strategies.index(result.inputs.reference)
    others = [i for i in range(len(labels)) if i != reference]
    rows: list[tuple[Cell, ...]] = []
    totals = values.sum(axis=-1)
    for j, part in enumerate([*parts, "Total"]):
        column = totals if part == "Total" else values[:, j]
        differences = [float(column[i] - column[reference]) for i in others]
        rows.append((part, *map(float, column), *differences))
    columns = (
        Column(title.split(" by ")[1].split(",")[0].split(" (")[0].capitalize(), "strong"),
        *(Column(label, look) for label in labels),  # type: ignore[arg-type]
        *(Column(f"Difference, {labels[i].lower()}", look) for i in others),  # type: ignore[arg-type]
    )
    key = f"{name}_{schedule}"
    return Table(title, columns, tuple(rows), key, bold=frozenset({len(rows) - 1}))


# ------------------------------------------------------------------------------------------------ incremental


def incremental_page(result: BaseCase) -> Page:
    """Full incremental analysis, pairwise comparison and net benefit, with the rules."""
    currency = result.inputs.currency
    labels = result.inputs.labels
    rows: list[tuple[Cell, ...]] = []
    for row in result.incremental:
        remark = POSITIONS[row.position]
        if row.dominated_by:
            remark += f" by {_labelled(row.dominated_by, labels)}"
        rows.append((labels[row.strategy], row.cost, row.qaly, row.delta_cost, row.delta_qaly, row.icer, remark))
    columns = (
        Column("Strategy, by cost", "strong"),
        Column(f"Cost ({currency})", "money"),
        Column("QALYs", "qaly"),
        Column(f"Incremental cost ({currency})", "money"),
        Column("Incremental QALYs", "qaly"),
        Column(f"ICER ({currency} per QALY)", "money"),
        Column("Position"),
    )
    notes = (
        "Each strategy on the frontier is compared with the one before it. Dominated: another strategy costs no more "
        "and gives no less, one of the two strictly. Extendedly dominated: a mix of two others costs less for the same "
        "effect. Strategies exactly on the line between two others stay on the frontier; of identical ones the first "
        "keeps its position and the others are called equal.",
    )
    return Page(
        "Incremental",
        "Incremental analysis",
        "Discounted costs and QALYs per patient. An ICER is shown only where it can be read; quadrants are named.",
        (
            Table("Full incremental analysis", columns, tuple(rows), "incremental", notes),
            (frontier_chart(result),),
            _frontier_table(result),
            _pairwise_table(result),
            *_net_benefit_tables(result),
        ),
        widths=(34.0, 18.0, 18.0, 28.0, 36.0, 22.0, 40.0),
    )


def _frontier_table(result: BaseCase) -> Table:
    """The strategies on the frontier alone, in order: the line of the chart."""
    on_it = [row for row in result.incremental if row.position in (Position.REFERENCE, Position.FRONTIER)]
    rows = tuple((result.inputs.labels[row.strategy], row.cost, row.qaly) for row in on_it)
    currency = result.inputs.currency
    columns = (Column("On the frontier", "strong"), Column(f"Cost ({currency})", "money"), Column("QALYs", "qaly"))
    return Table("Efficiency frontier", columns, rows, "frontier")


def _labelled(text: str, labels: dict[str, str]) -> str:
    for name in sorted(labels, key=len, reverse=True):
        text = text.replace(name, labels[name].lower())
    return text


def _pairwise_table(result: BaseCase) -> Table:
    inputs = result.inputs
    rows = tuple(
        (
            inputs.labels[row.strategy],
            row.delta_cost,
            row.delta_qaly,
            row.quadrant.value,
            icer_in_words(row, inputs.currency),
        )
        for row in result.pairwise
    )
    columns = (
        Column(f"Against {inputs.labels[inputs.reference].lower()}", "strong"),
        Column(f"Difference in cost ({inputs.currency})", "money"),
        Column("Difference in QALYs", "qaly"),
        Column("Quadrant"),
        Column("Ratio in words"),
    )
    return Table("Pairwise comparison", columns, rows, "pairwise")


def _net_benefit_tables(result: BaseCase) -> list[Table]:
    inputs = result.inputs
    benefit = result.net_benefit
    tables = []
    for name, values, unit, look in (
        ("Net monetary benefit", benefit.monetary, inputs.currency, "money"),
        ("Net health benefit", benefit.health, "QALYs", "qaly"),
    ):
        rows = tuple(
            (
                words.per_qaly(threshold, inputs.currency),
                *_numbers(values[t]),
                result.labels[int(np.argmax(values[t]))],
            )
            for t, threshold in enumerate(inputs.thresholds)
        )
        columns = (
            Column("Threshold", "strong"),
            *(Column(f"{label} ({unit})", look) for label in result.labels),  # type: ignore[arg-type]
            Column("Highest"),
        )
        formula = "threshold × QALYs − cost" if look == "money" else "QALYs − cost/threshold"
        tables.append(Table(name, columns, rows, name.lower().replace(" ", "_"), (f"{name} = {formula}.",)))
    return tables


# ------------------------------------------------------------------------------------------------------ trace


def trace_page(result: BaseCase, i: int) -> Page:
    """Occupancy by cycle of one strategy."""
    label, trace = result.labels[i], result.outcomes.trace
    assert trace is not None
    occupancy = trace.occupancy[0, i]
    curves = [trace.curves[key][0, i] for key in ("os", "pfs_net_of_spm", "on_treatment")]
    rows = tuple(
        (k, float(years), *map(float, occupancy[k]), *(float(curve[k]) for curve in curves))
        for k, years in enumerate(trace.boundaries)
    )
    columns = (
        Column("Cycle", "integer"),
        Column("Years from time zero", "years"),
        *(Column(f"{STATE_LABELS[s]} (share)", "share") for s in State),
        Column("Alive (share)", "share"),
        Column("Progression-free, net of SPM (share)", "share"),
        Column("On treatment (share)", "share"),
    )
    return Page(
        trace_name(result.labels, i),
        f"Trace: {label}",
        "Share of the cohort in each state at the start of each cycle (the last row: at the horizon).",
        ((occupancy_chart(result, i),), Table("Occupancy", columns, rows, "trace", long=True)),
        widths=(10.0, 11.0, *(14.0,) * 9),
    )

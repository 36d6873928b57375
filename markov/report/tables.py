"""The pages of the report, made from results: what each table says, in what order, with what note."""

from collections.abc import Sequence

import numpy as np

from markov.analysis.base_case import BaseCase, TrialComparison
from markov.analysis.incremental import icer_in_words
from markov.inputs.parameters import Parameter
from markov.model.outcomes import LANDMARK_YEARS
from markov.report import words
from markov.report.charts import cost_chart, frontier_chart, occupancy_chart, survival_charts
from markov.report.pages import Cell, Chart, Column, Look, Page, Table, Text, trace_name
from markov.terms import (
    COST_LABELS,
    LIVING,
    MONTHS_PER_YEAR,
    QALY_LABELS,
    STATE_LABELS,
    Array,
    CostCategory,
    Position,
    PriceSet,
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
ENDPOINTS = {
    "pfs": "Progression-free survival",
    "os": "Overall survival",
    "time_on_treatment": "Time on treatment",
    "discontinuation": "Stopped for toxicity, of those who start",
    "spm": "Second primary malignancy",
}


def pages(result: BaseCase, provenance: Table) -> list[Page]:
    """Every page of a base-case report, in order."""
    traces = [trace_page(result, i) for i in range(len(result.outcomes.strategies))]
    return [
        summary_page(result),
        results_page(result),
        disaggregated_page(result),
        incremental_page(result),
        *traces,
        survival_page(result),
        inputs_page(result),
        checks_page(result),
        Page(
            "Provenance",
            "Provenance",
            "What was run, on what, and by what: enough to repeat every number of this report.",
            (provenance,),
            widths=(34.0, 90.0),
        ),
    ]


def labels_of(result: BaseCase) -> list[str]:
    """Labels of the compared strategies, in their order."""
    return [result.inputs.labels[s] for s in result.outcomes.strategies]


# ---------------------------------------------------------------------------------------------------- summary


def summary_page(result: BaseCase) -> Page:
    """One page: question, answer, headline, the three readings, checks, and what is assumed."""
    inputs = result.inputs
    changed = [p for p in inputs.parameters.values() if p.is_changed]
    blocks: list[Text | Table | tuple[Chart, ...]] = [
        Text("Question", "section"),
        Text(inputs.text("settings.question") or "Not stated in the workbook (settings.question).", "lead"),
        Text("Answer", "section"),
        Text(" ".join(words.answer(result)), "lead"),
        _headline_table(result),
        Text(words.range_of_alternatives(result)),
        _alternatives_table(result),
        (frontier_chart(result), survival_charts(result)[1]),
        Text("What stands behind it", "section"),
        Text(words.checks_counted(result)),
        Text(words.evidence_counted(result)),
        Text(words.assumed(result)),
    ]
    if changed:
        listed = "; ".join(f"{p.label or p.id}: {p.value} instead of {p.base_case}" for p in changed[:12])
        more = f"; and {len(changed) - 12} more, on Inputs used" if len(changed) > 12 else ""
        blocks.append(Text(f"Changed from the workbook's base case: {listed}{more}.", "changed"))
    context = [inputs.text(f"settings.{key}") for key in ("population", "perspective", "jurisdiction")]
    return Page("Summary", inputs.title, " · ".join(c for c in context if c), tuple(blocks), one_page=True)


def _headline_table(result: BaseCase) -> Table:
    inputs, outcomes, currency = result.inputs, result.outcomes, result.inputs.currency
    base = next((h for h in result.headlines if h.is_base and h.outcomes), None)
    sets = base.outcomes if base else {PriceSet(inputs.text("settings.price_set")): outcomes}
    columns = [Column("Strategy", "strong"), Column("Life-years (undiscounted)", "years"), Column("QALYs", "qaly")]
    columns += [Column(f"Cost, {s} price ({currency})", "money") for s in sets]
    columns += [Column("QALYs gained", "qaly")]
    columns += [Column(f"Against {inputs.labels[inputs.reference].lower()}, {s} price") for s in sets]
    rows: list[tuple[Cell, ...]] = []
    reference = outcomes.strategies.index(inputs.reference)
    for i, strategy in enumerate(outcomes.strategies):
        gained = None if i == reference else float(outcomes.qaly[0, i] - outcomes.qaly[0, reference])
        ratios = ["reference" if i == reference else words.comparison(o, inputs, strategy) for o in sets.values()]
        costs = [float(o.cost[0, i]) for o in sets.values()]
        years = float(outcomes.life_years[0, i, 0].sum())
        rows.append((inputs.labels[strategy], years, float(outcomes.qaly[0, i]), *costs, gained, *ratios))
    rates = [f"{inputs.number(f'settings.discount_rate.{k}'):.1%}" for k in ("costs", "effects")]
    note = f"Costs discounted at {rates[0]}, QALYs at {rates[1]} a year. Full incremental analysis: Incremental."
    return Table("Headline", tuple(columns), tuple(rows), "headline", (note,))


def _alternatives_table(result: BaseCase) -> Table:
    inputs, currency = result.inputs, result.inputs.currency
    columns = [
        Column("Mortality after progression", "strong"),
        Column("Strategy"),
        Column("Life-years gained (undiscounted)", "years"),
        Column("QALYs gained", "qaly"),
    ]
    columns += [Column(f"Ratio at the {s} price ({currency})") for s in PriceSet]
    columns += [Column("Base case")]
    rows: list[tuple[Cell, ...]] = []
    for headline in result.headlines:
        if not headline.outcomes:
            rows.append((headline.name, f"not available: {headline.reason}", None, None, None, None, ""))
            continue
        first = next(iter(headline.outcomes.values()))
        r = first.strategies.index(inputs.reference)
        for strategy in first.strategies:
            if strategy == inputs.reference:
                continue
            i = first.strategies.index(strategy)
            years = float((first.life_years[0, i, 0] - first.life_years[0, r, 0]).sum())
            ratios = [
                words.comparison(headline.outcomes[s], inputs, strategy) if s in headline.outcomes else "no price"
                for s in PriceSet
            ]
            gained = float(first.qaly[0, i] - first.qaly[0, r])
            row = (headline.name, inputs.labels[strategy], years, gained, *ratios)
            rows.append((*row, "base case" if headline.is_base else ""))
    bold = frozenset(i for i, row in enumerate(rows) if row[-1])
    return Table("Three readings of mortality after progression", tuple(columns), tuple(rows), "readings", bold=bold)


# ---------------------------------------------------------------------------------------------------- results


def results_page(result: BaseCase) -> Page:
    """Outcomes of every strategy: totals, survival figures, treatment and events."""
    labels = labels_of(result)
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
    columns = (Column("Curve", "strong"), Column("Figure"), *(Column(label, "number") for label in labels_of(result)))
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
    columns = (Column("Event", "strong"), Column("Figure"), *(Column(label, "number") for label in labels_of(result)))
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
    outcomes, labels = result.outcomes, labels_of(result)
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
            _frontier_table(result),
            _pairwise_table(result),
            *_net_benefit_tables(result),
            (frontier_chart(result),),
        ),
        widths=(34.0, 17.0, 17.0, 24.0, 24.0, 17.0, 40.0),
        one_page=True,
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
                f"{threshold:,.0f} {inputs.currency} per QALY",
                *_numbers(values[t]),
                labels_of(result)[int(np.argmax(values[t]))],
            )
            for t, threshold in enumerate(inputs.thresholds)
        )
        columns = (
            Column("Threshold", "strong"),
            *(Column(f"{label} ({unit})", look) for label in labels_of(result)),  # type: ignore[arg-type]
            Column("Highest"),
        )
        formula = "threshold × QALYs − cost" if look == "money" else "QALYs − cost/threshold"
        tables.append(Table(name, columns, rows, name.lower().replace(" ", "_"), (f"{name} = {formula}.",)))
    return tables


# ------------------------------------------------------------------------------------------------------ trace


def trace_page(result: BaseCase, i: int) -> Page:
    """Occupancy by cycle of one strategy."""
    label, trace = labels_of(result)[i], result.outcomes.trace
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
        *(Column(STATE_LABELS[s], "share") for s in State),
        Column("Alive", "share"),
        Column("Progression-free, net of SPM", "share"),
        Column("On treatment", "share"),
    )
    return Page(
        trace_name(label),
        f"Trace: {label}",
        "Share of the cohort in each state at the start of each cycle (the last row: at the horizon).",
        ((occupancy_chart(result, i),), Table("Occupancy", columns, rows, "trace", long=True)),
        widths=(10.0, 11.0, *(14.0,) * 9),
    )


# --------------------------------------------------------------------------------------------------- survival


def survival_page(result: BaseCase) -> Page:
    """Modelled survival beside the trial's own figures, with the reason for each difference."""
    inputs = result.inputs
    rows = tuple(_trial_row(result, comparison) for comparison in result.trial)
    columns = (
        Column("Strategy", "strong"),
        Column("Endpoint"),
        Column("Figure"),
        Column("Published", "number"),
        Column("Low", "number"),
        Column("High", "number"),
        Column("Modelled", "number"),
        Column("Difference", "number"),
        Column("Verdict"),
        Column("Status"),
        Column("Source and reason for a difference"),
    )
    zero = inputs.text("settings.time_zero").replace("_", " ")
    counts = result.outcomes.counts
    floored = ", ".join(f"{la} {int(n)}" for la, n in zip(labels_of(result), counts["floored_cycles"][0], strict=True))
    crossed = ", ".join(f"{la} {int(n)}" for la, n in zip(labels_of(result), counts["crossing_cycles"][0], strict=True))
    facts = (
        f"Time zero: {zero}. PFS is modelled net of second malignancies, as trials count it. Cycles in which PFS is "
        f"floored at the general population's mortality: {floored}. Cycles in which PFS is capped at OS: {crossed}."
    )
    looks: tuple[Look, ...] = tuple("months" if c.result.measure == "median" else "number" for c in result.trial)
    title = "Modelled against published"
    table = Table(title, columns, rows, "trial", verdict=8, weak=9, looks=looks) if rows else None
    blocks = (
        Text(facts),
        survival_charts(result),
        *((table,) if table else (Text("The workbook names no trial results."),)),
    )
    return Page(
        "Survival",
        "Survival against the trial",
        "Each published figure of the trial beside the model's own.",
        blocks,
        widths=(18.0, 22.0, 16.0, 10.0, 9.0, 9.0, 10.0, 10.0, 13.0, 18.0, 70.0),
    )


def _trial_row(result: BaseCase, comparison: TrialComparison) -> tuple[Cell, ...]:
    told, modelled = comparison.result, comparison.modelled
    figure = "median, months" if told.measure == "median" else f"{told.measure} at {told.months:g} months"
    verdict = {None: "no interval", True: "within", False: "outside"}[comparison.within]
    source = " · ".join(part for part in (told.source, told.page, told.comment) if part)
    known = not np.isnan(modelled)
    return (
        result.inputs.labels[told.strategy],
        ENDPOINTS[told.endpoint],
        figure,
        told.value,
        told.low,
        told.high,
        modelled if known else None,
        modelled - told.value if known else None,
        verdict if known else "not reached",
        told.status,
        source,
    )


# ----------------------------------------------------------------------------------------- inputs and checks


def inputs_page(result: BaseCase) -> Page:
    """Every value used, with source, status and cell; what is assumed or unverified comes first."""
    inputs = result.inputs
    weak = words.weak(inputs.parameters.values())
    weak_ids = {p.id for p in weak}
    strong = [p for p in inputs.parameters.values() if p.value is not None and p.id not in weak_ids]
    columns = (
        Column("Id", "strong"),
        Column("What it is"),
        Column("Value", "exact"),
        Column("Unit"),
        Column("SE", "exact"),
        Column("Distribution"),
        Column("Status"),
        Column("Source"),
        Column("Page or table"),
        Column("Cell"),
        Column("Changed from", "exact"),
        Column("Comment"),
    )
    return Page(
        "Inputs used",
        "Inputs used",
        f"Every value that {inputs.name} gave, with its source, evidence status and cell.",
        (
            Table(
                f"Derived, unverified or assumed: {len(weak)} values",
                columns,
                tuple(_input_row(p) for p in weak),
                "weak_inputs",
                weak=6,
                notes=("A reviewer should begin here: nobody has checked these against a paper for this workbook.",),
            ),
            Table(
                "Read in their source, or choices of method", columns, tuple(_input_row(p) for p in strong), "inputs"
            ),
        ),
        widths=(44.0, 40.0, 24.0, 20.0, 9.0, 13.0, 19.0, 40.0, 20.0, 18.0, 14.0, 56.0),
    )


def _input_row(p: Parameter) -> tuple[Cell, ...]:
    distribution = "" if p.definition.is_method else str(p.distribution).replace("_", "-")
    changed = p.base_case if p.is_changed else None
    unit, comment = p.unit, p.comment
    return (p.id, p.label, p.value, unit, p.se, distribution, p.status, p.source, p.page, p.cell, changed, comment)


def checks_page(result: BaseCase) -> Page:
    """Checks with what was expected and observed, and the warnings of the workbook."""
    rows = tuple((c.title, c.expected, c.observed, c.verdict.value, c.note) for c in result.checks)
    columns = (Column("Check", "strong"), Column("Expected"), Column("Observed"), Column("Verdict"), Column("Note"))
    warnings = tuple(
        (p.place, p.rule, "" if p.found is None else str(p.found), p.remedy) for p in result.inputs.warnings
    )
    blocks: list[Table] = [Table("Checks of this run", columns, rows, "checks", verdict=3)]
    if warnings:
        headers = (Column("Place", "strong"), Column("Rule"), Column("Found"), Column("Remedy"))
        blocks.append(Table("Warnings about the workbook", headers, warnings, "warnings"))
    return Page(
        "Checks",
        "Checks",
        words.checks_counted(result),
        tuple(blocks),
        widths=(58.0, 34.0, 34.0, 14.0, 60.0),
    )

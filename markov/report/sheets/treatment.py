"""The Treatment and Second malignancies sheets: what the model makes of them, beside what was reported."""

from collections.abc import Sequence

import numpy as np

from markov.analysis.base_case import BaseCase, TrialComparison
from markov.analysis.interpretation.malignancies import Malignancies
from markov.inputs.parameters import Parameter
from markov.report.page import Block, Cell, Chart, Column, Look, Page, Series, Table, Text, trace_name
from markov.report.sheets.base_charts import TRACE_YEARS, colour
from markov.terms import MALIGNANCIES, MONTHS_PER_YEAR, STATE_LABELS, CostCategory, State

TRACE_TREATED = 10
FIGURES = {
    "time_on_treatment": "Time on treatment",
    "discontinuation": "Stopped for toxicity, of those who start",
    "spm": "Second malignancy",
}
REPORTED_WIDTHS = (28.0, 26.0, 20.0, *(12.0,) * 4, 13.0, 17.0, 70.0)


def treatment_page(result: BaseCase) -> Page:
    """Time on treatment, stops and what a month on treatment costs, with reported figures beside them."""
    blocks: list[Block] = [Text(_treatment_lead(result), "lead")]
    treated = [i for i in range(len(result.labels)) if result.outcomes.time_on_treatment[0, i] > 0.0]
    if treated:
        blocks.append((_treatment_chart(result, treated),))
    blocks += [*reported_table(result, ("time_on_treatment", "discontinuation")), _treatment_table(result)]
    subtitle = "How long patients take the drug and why they stop: what is paid follows time on treatment, not PFS."
    return Page("Treatment", "Time on treatment", subtitle, tuple(blocks), REPORTED_WIDTHS)


def _treatment_lead(result: BaseCase) -> str:
    told = []
    for i, label in enumerate(result.labels):
        mean = float(result.outcomes.time_on_treatment[0, i]) * MONTHS_PER_YEAR
        median = float(result.outcomes.curves["on_treatment"].median[0, i]) * MONTHS_PER_YEAR
        if mean > 0.0:
            half = f", median {median:.0f}" if np.isfinite(median) else ""
            stopped = float(result.outcomes.entered(State.TOXICITY)[0, i])
            told.append(f"{label}: mean {mean:.0f} months on treatment{half}; {stopped:.0%} ever stop for toxicity")
    compared = [c for c in result.trial if c.result.endpoint in ("time_on_treatment", "discontinuation")]
    none = "" if compared else " The workbook names no reported figure to hold this against."
    return f"{'. '.join(told) or 'No strategy gives a drug'}.{none}"


def reported_table(result: BaseCase, endpoints: Sequence[str]) -> list[Table]:
    """Reported figures of some endpoints beside the model's; nothing where there are none."""
    found = [comparison for comparison in result.trial if comparison.result.endpoint in endpoints]
    columns = (
        Column("Strategy", "strong"),
        Column("Figure"),
        Column("Measure"),
        Column("Reported", "number"),
        Column("Low", "number"),
        Column("High", "number"),
        Column("Modelled", "number"),
        Column("Verdict"),
        Column("Status"),
        Column("Source and reason for a difference"),
    )
    rows = tuple(_reported_row(result, comparison) for comparison in found)
    looks: tuple[Look, ...] = tuple("months" if c.result.measure == "median" else "percent" for c in found)
    table = Table("Modelled against reported", columns, rows, "reported", verdict=7, weak=8, looks=looks)
    return [table] if rows else []


def _reported_row(result: BaseCase, comparison: TrialComparison) -> tuple[Cell, ...]:
    told, modelled = comparison.result, comparison.modelled
    measure = "median, months" if told.measure == "median" else f"share by {told.months:g} months"
    verdict = {None: "no interval", True: "within", False: "outside"}[comparison.within]
    source = " · ".join(part for part in (told.source, told.page, told.comment) if part)
    known = bool(np.isfinite(modelled))
    return (
        result.inputs.labels[told.strategy],
        FIGURES[told.endpoint],
        measure,
        told.value,
        told.low,
        told.high,
        modelled if known else None,
        verdict if known else "not reached",
        told.status,
        source,
    )


def _treatment_table(result: BaseCase) -> Table:
    outcomes, currency = result.outcomes, result.inputs.currency
    months = outcomes.time_on_treatment[0] * MONTHS_PER_YEAR
    medians = outcomes.curves["on_treatment"].median[0] * MONTHS_PER_YEAR
    drug = outcomes.part("costs", CostCategory.DRUG, "undiscounted")[0]
    solved = {key: values[0] / MONTHS_PER_YEAR for key, values in outcomes.solved.items()}
    columns = (
        Column("Strategy", "strong"),
        Column("Share who start", "percent"),
        Column("Mean time on treatment (months)", "months"),
        Column("Median of starters (months)", "months"),
        Column("Ever stopped for toxicity", "percent"),
        Column("Stops for toxicity, solved (per month)", "rate"),
        Column("Other stops, solved (per month)", "rate"),
        Column(f"Drug cost, undiscounted ({currency})", "money"),
        Column(f"Drug cost for a month on treatment ({currency})", "money"),
    )
    rows = tuple(
        (
            label,
            result.inputs.number(f"treatment.share_starting.{strategy}"),
            float(months[i]),
            float(medians[i]) if np.isfinite(medians[i]) and months[i] > 0.0 else None,
            float(outcomes.entered(State.TOXICITY)[0, i]),
            float(solved["toxicity_rate"][i]),
            float(solved["other_stop_rate"][i]),
            float(drug[i]),
            float(drug[i] / months[i]) if months[i] > 0.0 else None,
        )
        for i, (strategy, label) in enumerate(zip(outcomes.strategies, result.labels, strict=True))
    )
    notes = (
        "Means are over the whole cohort. Rates are solved inside the model so that it returns the proportions and the "
        "median that the workbook gives. Treatment ends with a stop for toxicity, another stop, progression, a second "
        "malignancy, a planned stop or death.",
    )
    return Table("Treatment in the model", columns, rows, "treatment", notes)


def _treatment_chart(result: BaseCase, treated: Sequence[int]) -> Chart:
    series = [
        Series(result.labels[i], trace_name(result.labels, i), "trace", TRACE_YEARS, TRACE_TREATED, colour(i))
        for i in treated
    ]
    means = result.outcomes.time_on_treatment[0] * MONTHS_PER_YEAR
    told = ", ".join(f"{result.labels[i]} {means[i]:.0f}" for i in treated)
    title = f"Patients on treatment; mean time in months: {told}"
    assert result.outcomes.trace is not None
    limit = min(15.0, float(round(result.outcomes.trace.boundaries[-1])))
    return Chart("lines", title, "Years from time zero", "Share of the cohort", tuple(series), limit, 1.0, "0", "0%")


# ----------------------------------------------------------------------------------------- second malignancies


def malignancy_page(result: BaseCase, found: Malignancies) -> Page:
    """Incidence and deaths by year and strategy, with reported figures and the rates behind them."""
    k = min(10, len(found.years) - 1)
    had, dead = (
        ", ".join(f"{label} {share:.1%}" for label, share in zip(result.labels, values[k], strict=True))
        for values in (found.incidence, found.deaths)
    )
    lead = f"By year {k} with a second malignancy: {had}. By then dead, of any cause, after one: {dead}."
    blocks: list[Block] = [
        Text(lead, "lead"),
        (_incidence_chart(result, found), _death_chart(result, found)),
        *reported_table(result, ("spm",)),
        _total_table(result, found),
        _rate_table(result),
        _year_table(result, found),
    ]
    subtitle = "Second primary malignancies: how many the model has, how many die with one, and what was reported."
    return Page("Second malignancies", "Second malignancies", subtitle, tuple(blocks), REPORTED_WIDTHS)


def _year_table(result: BaseCase, found: Malignancies) -> Table:
    columns = (
        Column("Year", "integer"),
        *(Column(f"With a second malignancy: {label}", "percent") for label in result.labels),
        *(Column(f"Died after one: {label}", "percent") for label in result.labels),
    )
    rows = tuple(
        (int(year), *map(float, found.incidence[k]), *map(float, found.deaths[k])) for k, year in enumerate(found.years)
    )
    note = "Cumulative shares of the whole cohort; death and progression compete."
    return Table("Year by year", columns, rows, "years", (note,))


def _incidence_chart(result: BaseCase, found: Malignancies) -> Chart:
    series = tuple(
        Series(label, "Second malignancies", "years", 0, 1 + i, colour(i)) for i, label in enumerate(result.labels)
    )
    k = min(5, len(found.years) - 1)
    told = ", ".join(f"{la} {v:.1%}" for la, v in zip(result.labels, found.incidence[k], strict=True))
    title = f"Cumulative incidence; by year {k}: {told}"
    return Chart("lines", title, "Years from time zero", "Share of the cohort", series, None, None, "0", "0%")


def _death_chart(result: BaseCase, found: Malignancies) -> Chart:
    first = 1 + len(result.labels)
    series = tuple(
        Series(label, "Second malignancies", "years", 0, first + i, colour(i)) for i, label in enumerate(result.labels)
    )
    k = min(10, len(found.years) - 1)
    told = ", ".join(f"{la} {v:.1%}" for la, v in zip(result.labels, found.deaths[k], strict=True))
    title = f"Deaths of any cause after a second malignancy; by year {k}: {told}"
    return Chart("lines", title, "Years from time zero", "Share of the cohort", series, None, None, "0", "0%")


def _total_table(result: BaseCase, found: Malignancies) -> Table:
    currency, outcomes = result.inputs.currency, result.outcomes
    cost = outcomes.part("costs", CostCategory.SECOND_PRIMARY_MALIGNANCY)[0]
    columns = (
        Column("Strategy", "strong"),
        Column("Ever with a second malignancy", "percent"),
        *(Column(STATE_LABELS[state], "percent") for state in MALIGNANCIES),
        Column("Died after one, of any cause", "percent"),
        Column("Share of all deaths", "percent"),
        Column("Years lived with one", "years"),
        Column(f"Cost, discounted ({currency})", "money"),
    )
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (
            label,
            float(found.ever[i]),
            *(float(outcomes.entered(state)[0, i]) for state in MALIGNANCIES),
            float(found.ever_deaths[i]),
            float(found.share_of_deaths[i]),
            float(found.life_years[i]),
            float(cost[i]),
        )
        for i, label in enumerate(result.labels)
    )
    notes = (
        "Within the horizon, of the whole cohort, before and after progression. The workbook has no place for reported "
        "deaths with a second malignancy: hold the modelled ones against the trial's publications.",
    )
    return Table("In the model", columns, rows, "totals", notes)


def _rate_table(result: BaseCase) -> Table:
    """The inputs behind it."""
    rows = tuple(
        _rate_row(p) for p in result.inputs.parameters.values() if p.id.startswith("spm.") and p.value is not None
    )
    columns = (
        Column("Input", "strong"),
        Column("Id"),
        Column("Unit"),
        Column("Value", "exact"),
        Column("Low", "exact"),
        Column("High", "exact"),
        Column("Standard error", "exact"),
        Column("Distribution"),
        Column("Status"),
        Column("Source and comment"),
    )
    return Table("Inputs behind it", columns, rows, "inputs", weak=8)


def _rate_row(p: Parameter) -> tuple[Cell, ...]:
    source = " · ".join(part for part in (p.source, p.comment) if part)
    spread = (p.low, p.high, p.se, str(p.distribution).replace("_", "-"))
    return (p.label or p.id, p.id, p.unit, p.value, *spread, p.status, source)

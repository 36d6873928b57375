"""The Treatment sheet: how long patients take the drug and why they stop, beside what was reported."""

from collections.abc import Sequence

import numpy as np

from markov.analysis.base_case import BaseCase
from markov.analysis.trial_comparison import TrialComparison
from markov.report.page import Block, Chart, Look, Page, Series, Table, Text, trace_name
from markov.report.sheets.charts import colour
from markov.report.sheets.survival import reason_of, verdict_of
from markov.report.sheets.tables import ENDPOINT_LABELS, by_column, finite
from markov.report.sheets.trace import TREATED, YEARS
from markov.terms import MONTHS_PER_YEAR, CostCategory, State

FIGURES = {**ENDPOINT_LABELS, "spm": "Second malignancy"}
REPORTED_WIDTHS = (28.0, 26.0, 20.0, *(12.0,) * 4, 13.0, 17.0, 70.0)


def treatment_page(result: BaseCase) -> Page:
    """Time on treatment, stops and what a month on treatment costs, with reported figures beside them.

    >>> [table.title for table in treatment_page(calgb_base).blocks[2:]]
    ['Modelled against reported', 'Treatment in the model']
    """
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
    """Reported figures of some endpoints beside the model's; nothing where there are none.

    >>> reported_table(calgb_base, ["spm"])[0].rows[3][:4]
    ('Lenalidomide', 'Second malignancy', 'share by 91 months', 0.14)
    """
    found = [comparison for comparison in result.trial if comparison.result.endpoint in endpoints]
    columns, rows = by_column(
        found,
        ("Strategy", "strong", lambda c: result.inputs.labels[c.result.strategy]),
        ("Figure", "text", lambda c: FIGURES[c.result.endpoint]),
        ("Measure", "text", _measure),
        (["Reported", "Low", "High"], "number", lambda c: (c.result.value, c.result.low, c.result.high)),
        ("Modelled", "number", lambda c: finite(c.modelled)),
        ("Verdict", "text", verdict_of),
        ("Status", "text", lambda c: c.result.status),
        ("Source and reason for a difference", "text", reason_of),
    )
    looks: tuple[Look, ...] = tuple("months" if c.result.measure == "median" else "percent" for c in found)
    table = Table("Modelled against reported", columns, rows, "reported", verdict=7, weak=8, looks=looks)
    return [table] if rows else []


def _measure(comparison: TrialComparison) -> str:
    told = comparison.result
    return "median, months" if told.measure == "median" else f"share by {told.months:g} months"


def _treatment_table(result: BaseCase) -> Table:
    inputs, outcomes, names = result.inputs, result.outcomes, result.outcomes.strategies
    months = outcomes.time_on_treatment[0] * MONTHS_PER_YEAR
    medians = outcomes.curves["on_treatment"].median[0] * MONTHS_PER_YEAR
    drug = outcomes.part("costs", CostCategory.DRUG, "undiscounted")[0]
    stops, others = (outcomes.solved[key][0] / MONTHS_PER_YEAR for key in ("toxicity_rate", "other_stop_rate"))
    a_month = f"Drug cost for a month on treatment ({inputs.currency})"
    note = (
        "Means are over the whole cohort. Rates are solved inside the model so that it returns the proportions and the "
        "median that the workbook gives. Treatment ends with a stop for toxicity, another stop, progression, a second "
        "malignancy, a planned stop or death."
    )
    columns = by_column(
        range(len(names)),
        ("Strategy", "strong", lambda i: result.labels[i]),
        ("Share who start", "percent", lambda i: inputs.number(f"treatment.share_starting.{names[i]}")),
        ("Mean time on treatment (months)", "months", lambda i: months[i]),
        ("Median of starters (months)", "months", lambda i: finite(medians[i]) if months[i] > 0.0 else None),
        ("Ever stopped for toxicity", "percent", lambda i: outcomes.entered(State.TOXICITY)[0, i]),
        ("Stops for toxicity, solved (per month)", "rate", lambda i: stops[i]),
        ("Other stops, solved (per month)", "rate", lambda i: others[i]),
        (f"Drug cost, undiscounted ({inputs.currency})", "money", lambda i: drug[i]),
        (a_month, "money", lambda i: drug[i] / months[i] if months[i] > 0.0 else None),
    )
    return Table("Treatment in the model", *columns, "treatment", (note,))


def _treatment_chart(result: BaseCase, treated: Sequence[int]) -> Chart:
    series = [
        Series(result.labels[i], trace_name(result.labels, i), "trace", YEARS, TREATED, colour(i)) for i in treated
    ]
    means = result.outcomes.time_on_treatment[0] * MONTHS_PER_YEAR
    told = ", ".join(f"{result.labels[i]} {means[i]:.0f}" for i in treated)
    title = f"Patients on treatment; mean time in months: {told}"
    assert result.outcomes.trace is not None
    limit = min(15.0, float(round(result.outcomes.trace.boundaries[-1])))
    return Chart("lines", title, "Years from time zero", "Share of the cohort", tuple(series), limit, 1.0, "0", "0%")

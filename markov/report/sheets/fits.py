"""The report of fitted curves: the overview, the arms compared, and the records that were rebuilt."""

from collections.abc import Sequence

import numpy as np

from markov.analysis.evidence.curve_fits import ArmFits, Comparison, CurveFits, JointFits, describe, treatment_effect
from markov.inputs.parameters import Inputs
from markov.report.page import STRATEGY_COLOURS, Block, Cell, Chart, Column, Page, Series, Table, Text
from markov.report.sheets.fits_by_arm import (
    ENDPOINT_NAMES,
    GREY,
    LONG_TERM,
    arm_page,
    data_name,
    data_page,
    finite,
    round_up,
)
from markov.survival.fit import Fit
from markov.terms import Endpoint


def curve_fit_pages(found: CurveFits) -> list[Page]:
    """Every page on the fits, in order: the overview, one for each arm, the arms compared, the records."""
    pages = [_overview(found)]
    pages += [arm_page(found.inputs, arm) for arm in found.arms]
    if found.comparisons:
        pages.append(_comparison_page(found))
    pages += [data_page(found.inputs, arm) for arm in found.arms]
    return [*pages, _records_page(found)]


# ---------------------------------------------------------------------------------------------------- overview


def _overview(found: CurveFits) -> Page:
    inputs = found.inputs
    columns = (
        Column("Strategy", "strong"),
        Column("Endpoint"),
        Column("Patients", "integer"),
        Column("Events", "integer"),
        Column("Curve chosen"),
        Column("Why"),
        Column("AIC", "months"),
        Column("Lowest AIC"),
        Column("Median, data (months)", "months"),
        Column("Median, curve (months)", "months"),
        Column("Median, published (months)", "months"),
        Column("Largest gap to the points", "percent"),
    )
    rows = tuple(_overview_row(inputs, arm) for arm in found.arms)
    note = (
        "AIC and BIC alone choose nothing: hazard shape, plausibility and other evidence decide. Fill the sheet Curve "
        "choice of the new workbook; an empty rationale stays a warning in every later run."
    )
    blocks: list[Block] = [
        Text(_lead(found), "lead"),
        Table("Curves chosen", columns, rows, "chosen", (note,)),
    ]
    for endpoint in dict.fromkeys(arm.endpoint for arm in found.arms):
        arms = [arm for arm in found.arms if arm.endpoint == endpoint]
        blocks.append((_fit_chart(inputs, arms), _long_chart(inputs, arms)))
    title = "Curves fitted to digitised Kaplan–Meier points"
    subtitle = (
        "Patient records are rebuilt from the points and numbers at risk (Guyot 2012), then every family is fitted."
    )
    widths = (22.0, 20.0, 9.0, 9.0, 16.0, 18.0, 9.0, 18.0, 11.0, 11.0, 11.0, 11.0)
    return Page("Fits", title, subtitle, tuple(blocks), widths)


def _lead(found: CurveFits) -> str:
    families = sum(len(arm.fitted) for arm in found.arms)
    failed = sum(len(arm.failures) for arm in found.arms)
    words = f"{len(found.arms)} curves rebuilt, {families} fits; "
    words += f"{failed} families could not be fitted and are named on the arm's sheet." if failed else "none failed."
    return words


def _overview_row(inputs: Inputs, arm: ArmFits) -> tuple[Cell, ...]:
    fit, best = arm.chosen, arm.fitted[0]
    return (
        inputs.labels[arm.strategy],
        ENDPOINT_NAMES[Endpoint(arm.endpoint)],
        int(fit.patients),
        int(fit.events),
        describe(fit),
        arm.by_whom,
        fit.aic,
        describe(best),
        finite(arm.kaplan_meier.median()[0]),
        finite(fit.median()),
        published_median(inputs, arm),
        arm.reconstruction.quality.max_difference,
    )


def published_median(inputs: Inputs, arm: ArmFits) -> float | None:
    """The trial's own median in months, where the workbook names it."""
    results = [r for r in inputs.trial_results if (r.strategy, r.endpoint) == (arm.strategy, arm.endpoint)]
    return next((r.value for r in results if r.measure == "median"), None)


def _fit_chart(inputs: Inputs, arms: Sequence[ArmFits]) -> Chart:
    series = []
    for arm in arms:
        label, page = inputs.labels[arm.strategy], data_name(inputs, arm)
        colour = _colour(inputs, arm.strategy)
        series += [
            Series(f"{label}, data", page, "steps", 0, 1, colour),
            Series(f"{label}, {describe(arm.chosen)}", page, "curves", 0, 4, colour, dashed=True),
        ]
    limit = max(arm.kaplan_meier.last for arm in arms)
    gaps = max(arm.reconstruction.quality.rmse for arm in arms)
    title = f"{ENDPOINT_NAMES[Endpoint(arms[0].endpoint)]}: rebuilt records lie {gaps:.1%} from the points on average"
    return Chart("lines", title, "Months", "Share of patients", tuple(series), round_up(limit), 1.0, "0", "0%")


def _long_chart(inputs: Inputs, arms: Sequence[ArmFits]) -> Chart:
    series = [
        Series(inputs.labels[arm.strategy], data_name(inputs, arm), "long", 0, 2, _colour(inputs, arm.strategy))
        for arm in arms
    ]
    series.append(Series("General population", data_name(inputs, arms[0]), "long", 0, 1, GREY, dashed=True))
    at_ten = ", ".join(f"{inputs.labels[arm.strategy]} {arm.chosen.survival(120.0).item():.0%}" for arm in arms)
    title = f"Beyond follow-up, at 10 years: {at_ten}"
    return Chart("lines", title, "Months", "Share of patients", tuple(series), LONG_TERM, 1.0, "0", "0%")


def _colour(inputs: Inputs, strategy: str) -> str:
    order = [s.id for s in inputs.strategies]
    order.sort(key=lambda s: s != inputs.reference)
    return STRATEGY_COLOURS[order.index(strategy) % len(STRATEGY_COLOURS)]


# -------------------------------------------------------------------------------------------- comparison, records


def _comparison_page(found: CurveFits) -> Page:
    inputs = found.inputs
    columns = (
        Column("Comparison", "strong"),
        Column("Endpoint"),
        Column("Hazard ratio, rebuilt records", "number"),
        Column("Low", "number"),
        Column("High", "number"),
        Column("Log-rank P", "exact"),
        Column("P for proportional hazards", "number"),
        Column("Reading"),
    )
    rows = tuple(_comparison_row(inputs, comparison) for comparison in found.comparisons)
    note = (
        "Cox regression on the rebuilt records. A small P for proportional hazards, or log cumulative hazards that are "
        "not parallel, speaks for a curve of its own in each arm."
    )
    blocks: list[Block] = [Table("Arms compared", columns, rows, "cox", (note,))]
    charts = []
    for endpoint in dict.fromkeys(c.endpoint for c in found.comparisons):
        arms = [arm for arm in found.arms if arm.endpoint == endpoint]
        series = tuple(
            Series(inputs.labels[a.strategy], data_name(inputs, a), "hazards", 3, 4, _colour(inputs, a.strategy))
            for a in arms
        )
        title = f"{ENDPOINT_NAMES[Endpoint(endpoint)]}: parallel lines mean proportional hazards"
        charts.append(
            Chart("lines", title, "Log of months", "Log cumulative hazard", series, x_format="0.0", y_format="0.0")
        )
    blocks.append(tuple(charts))
    blocks += [_joint_table(inputs, joint) for joint in found.joint]
    subtitle = "What the rebuilt records say of the treatment effect, and whether one ratio describes it."
    return Page(
        "Comparison", "Arms compared", subtitle, tuple(blocks), (44.0, 26.0, 14.0, 10.0, 10.0, 12.0, 14.0, 40.0)
    )


def _comparison_row(inputs: Inputs, c: Comparison) -> tuple[Cell, ...]:
    low, high = c.cox.interval
    proportional = c.cox.proportionality_p_value
    reading = "no sign against one ratio" if proportional >= 0.05 else "hazards are not proportional: one curve an arm"
    name = f"{inputs.labels[c.strategy]} against {inputs.labels[c.reference].lower()}"
    endpoint = ENDPOINT_NAMES[Endpoint(c.endpoint)]
    return name, endpoint, c.cox.hazard_ratio, low, high, c.log_rank.p_value, proportional, reading


def _joint_table(inputs: Inputs, joint: JointFits) -> Table:
    columns = (
        Column("Family of all arms together", "strong"),
        Column("Strategy"),
        Column("Ratio", "number"),
        Column("Low", "number"),
        Column("High", "number"),
        Column("AIC", "months"),
        Column("Kind"),
    )
    rows: list[tuple[Cell, ...]] = []
    for fit in sorted((f for f in joint.fits if isinstance(f, Fit)), key=lambda f: f.aic):
        for arm in joint.others:
            kind, logarithm, error = treatment_effect(fit, arm.strategy)
            ratio, low, high = (float(np.exp(logarithm + z * error)) for z in (0.0, -1.959964, 1.959964))
            label = inputs.labels[arm.strategy]
            rows.append((describe(fit), label, ratio, low, high, fit.aic, kind.value.replace("_", " ")))
    title = f"{ENDPOINT_NAMES[Endpoint(joint.endpoint)]}: one shape, a ratio for each arm"
    note = "A hazard ratio below 1, or a time ratio above 1, favours the strategy."
    return Table(title, columns, tuple(rows), f"joint_{joint.endpoint}", (note,))


def _records_page(found: CurveFits) -> Page:
    columns = (Column("Strategy", "strong"), Column("Endpoint"), Column("Months", "rate"), Column("Event", "integer"))
    rows = tuple(
        (found.inputs.labels[arm.strategy], str(arm.endpoint), float(time), int(event))
        for arm in found.arms
        for time, event in zip(arm.records.times, arm.records.events, strict=True)
    )
    subtitle = "One row a patient, as rebuilt from the published curve: not the trial's own records."
    table = Table("Records", columns, rows, "records", long=True)
    return Page("Records", "Rebuilt records", subtitle, (table,), widths=(34.0, 18.0, 14.0, 10.0))

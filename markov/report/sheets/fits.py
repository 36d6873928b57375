"""The report of fitted curves: the overview, the arms compared, and the records that were rebuilt."""

from collections.abc import Sequence

import numpy as np

from markov.analysis.evidence.curve_fits import ArmFits, CurveFits, JointFits, describe, treatment_effect
from markov.inputs.parameters import Inputs
from markov.report.page import Block, Chart, Column, Page, Series, Table, Text
from markov.report.sheets.charts import GREY, colour
from markov.report.sheets.fits_by_arm import LONG_TERM, arm_pages, data_name, round_up
from markov.report.sheets.tables import ENDPOINT_LABELS, by_column, finite
from markov.survival.fit import Fit

PARALLEL, CROSSING = "no sign against one ratio", "hazards are not proportional: one curve an arm"


def curve_fit_pages(found: CurveFits) -> list[Page]:
    """Every page on the fits, in order: the overview, one for each arm, the arms compared, the records.

    >>> [page.name for page in curve_fit_pages(CurveFits(calgb, (), ()))]
    ['Fits', 'Records']
    """
    arms = [arm_pages(found.inputs, arm) for arm in found.arms]
    return [
        _overview(found),
        *(page for page, _ in arms),
        *([_comparison_page(found)] if found.comparisons else []),
        *(data for _, data in arms),
        _records_page(found),
    ]


def _overview(found: CurveFits) -> Page:
    inputs = found.inputs
    columns, rows = by_column(
        found.arms,
        ("Strategy", "strong", lambda arm: inputs.labels[arm.strategy]),
        ("Endpoint", "text", lambda arm: ENDPOINT_LABELS[arm.endpoint]),
        ("Patients", "integer", lambda arm: int(arm.chosen.patients)),
        ("Events", "integer", lambda arm: int(arm.chosen.events)),
        ("Curve chosen", "text", lambda arm: describe(arm.chosen)),
        ("Why", "text", lambda arm: arm.by_whom),
        ("AIC", "months", lambda arm: arm.chosen.aic),
        ("Lowest AIC", "text", lambda arm: describe(arm.fitted[0])),
        ("Median, data (months)", "months", lambda arm: finite(arm.kaplan_meier.median()[0])),
        ("Median, curve (months)", "months", lambda arm: finite(arm.chosen.median())),
        ("Median, published (months)", "months", lambda arm: _published_median(inputs, arm)),
        ("Largest gap to the points", "percent", lambda arm: arm.reconstruction.quality.max_difference),
    )
    note = (
        "AIC and BIC alone choose nothing: hazard shape, plausibility and other evidence decide. Fill the sheet Curve "
        "choice of the new workbook; an empty rationale stays a warning in every later run."
    )
    blocks: list[Block] = [Text(_lead(found), "lead"), Table("Curves chosen", columns, rows, "chosen", (note,))]
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


def _published_median(inputs: Inputs, arm: ArmFits) -> float | None:
    """The trial's own median in months, where the workbook names it."""
    results = [r for r in inputs.trial_results if (r.strategy, r.endpoint) == (arm.strategy, arm.endpoint)]
    return next((r.value for r in results if r.measure == "median"), None)


def _fit_chart(inputs: Inputs, arms: Sequence[ArmFits]) -> Chart:
    series = []
    for arm in arms:
        label, page = inputs.labels[arm.strategy], data_name(inputs, arm)
        painted = _colour(inputs, arm.strategy)
        series += [
            Series(f"{label}, data", page, "steps", 0, 1, painted),
            Series(f"{label}, {describe(arm.chosen)}", page, "curves", 0, 4, painted, dashed=True),
        ]
    limit = max(arm.kaplan_meier.last for arm in arms)
    gaps = max(arm.reconstruction.quality.rmse for arm in arms)
    title = f"{ENDPOINT_LABELS[arms[0].endpoint]}: rebuilt records lie {gaps:.1%} from the points on average"
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
    order = sorted((s.id for s in inputs.strategies), key=lambda s: s != inputs.reference)
    return colour(order.index(strategy))


def _comparison_page(found: CurveFits) -> Page:
    inputs = found.inputs
    columns, rows = by_column(
        found.comparisons,
        ("Comparison", "strong", lambda c: f"{inputs.labels[c.strategy]} against {inputs.labels[c.reference].lower()}"),
        ("Endpoint", "text", lambda c: ENDPOINT_LABELS[c.endpoint]),
        ("Hazard ratio, rebuilt records", "number", lambda c: c.cox.hazard_ratio),
        (["Low", "High"], "number", lambda c: c.cox.interval),
        ("Log-rank P", "exact", lambda c: c.log_rank.p_value),
        ("P for proportional hazards", "number", lambda c: c.cox.proportionality_p_value),
        ("Reading", "text", lambda c: CROSSING if c.cox.proportionality_p_value < 0.05 else PARALLEL),
    )
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
        title = f"{ENDPOINT_LABELS[endpoint]}: parallel lines mean proportional hazards"
        charts.append(
            Chart("lines", title, "Log of months", "Log cumulative hazard", series, x_format="0.0", y_format="0.0")
        )
    blocks.append(tuple(charts))
    blocks += [_joint_table(inputs, joint) for joint in found.joint]
    subtitle = "What the rebuilt records say of the treatment effect, and whether one ratio describes it."
    widths = (44.0, 26.0, 14.0, 10.0, 10.0, 12.0, 14.0, 40.0)
    return Page("Comparison", "Arms compared", subtitle, tuple(blocks), widths)


def _joint_table(inputs: Inputs, joint: JointFits) -> Table:
    fits = sorted((f for f in joint.fits if isinstance(f, Fit)), key=lambda f: f.aic)
    lines = [(fit, arm.strategy, *treatment_effect(fit, arm.strategy)) for fit in fits for arm in joint.others]
    columns = by_column(
        lines,
        ("Family of all arms together", "strong", lambda line: describe(line[0])),
        ("Strategy", "text", lambda line: inputs.labels[line[1]]),
        (
            ["Ratio", "Low", "High"],
            "number",
            lambda line: np.exp(line[3] + np.array([0.0, -1.959964, 1.959964]) * line[4]),
        ),
        ("AIC", "months", lambda line: line[0].aic),
        ("Kind", "text", lambda line: line[2].value.replace("_", " ")),
    )
    title = f"{ENDPOINT_LABELS[joint.endpoint]}: one shape, a ratio for each arm"
    note = "A hazard ratio below 1, or a time ratio above 1, favours the strategy."
    return Table(title, *columns, f"joint_{joint.endpoint}", (note,))


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

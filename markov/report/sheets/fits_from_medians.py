"""The report of curves made from medians and a hazard ratio."""

import numpy as np

from markov.analysis.evidence.median_fits import MedianFit
from markov.inputs.parameters import Inputs
from markov.report.page import Chart, Column, Page, Table, Text
from markov.report.sheets.charts import by_strategy
from markov.report.sheets.tables import ENDPOINT_LABELS, by_column
from markov.survival.families import cumulative_hazard, with_median
from markov.terms import Family

MONTHS = np.arange(0.0, 241.0, 3.0)


def median_fit_page(inputs: Inputs, fit: MedianFit) -> Page:
    """Medians, ratio and shape with their errors, and the curves they make.

    >>> from markov.analysis.evidence.median_fits import fit_medians
    >>> from markov.inputs.parameters import with_values
    >>> inputs = with_values(calgb, {"pfs.shape.no_maintenance": 1.1})
    >>> median_fit_page(inputs, fit_medians(inputs, "pfs")).blocks[2].rows[-1][:2]
    ('Weibull shape', 1.1)
    """
    name = f"Medians {fit.endpoint.upper()}"
    endpoint = ENDPOINT_LABELS[fit.endpoint]
    blocks = (
        Text(_lead(fit), "lead"),
        (_chart(inputs, fit, name, endpoint),),
        _estimates(inputs, fit),
        _curves(inputs, fit),
    )
    subtitle = "A Weibull curve for each strategy, through its published median, with one shape for all."
    return Page(name, f"{endpoint} from medians", subtitle, blocks, widths=(46.0, *(14.0,) * 6))


def _lead(fit: MedianFit) -> str:
    low, high = fit.shape.interval()
    words = f"Shape {fit.shape.value:.2f} ({low:.2f} to {high:.2f}): "
    if fit.shape_row is None:
        return words + "an assumption, because medians alone identify no shape; vary it."
    return words + f"identified by the medians and the hazard ratio of {fit.shape_row.trial}."


def _estimates(inputs: Inputs, fit: MedianFit) -> Table:
    columns = (
        Column("Quantity", "strong"),
        Column("Estimate", "number"),
        Column("Low", "number"),
        Column("High", "number"),
        Column("Standard error of the log", "share"),
        Column("Status"),
    )
    rows = [
        (
            f"Median, {inputs.labels[strategy]} (months)",
            median.value,
            *median.interval(),
            median.log_standard_error,
            fit.results[strategy].status,
        )
        for strategy, median in fit.medians.items()
    ]
    row, effect = fit.shape_row, fit.hazard_ratio
    if effect is not None and row is not None:
        told = f"Hazard ratio, {row.trial}"
        rows.append((told, effect.ratio, effect.low, effect.high, effect.standard_error, row.status))
    kind = "assumption" if row is None else "derived"
    rows.append(("Weibull shape", fit.shape.value, *fit.shape.interval(), fit.shape.log_standard_error, kind))
    note = "The error of the shape leaves out a covariance and is an upper bound."
    return Table("Estimates", columns, tuple(rows), "estimates", (note,), weak=5)


def _curves(inputs: Inputs, fit: MedianFit) -> Table:
    shape = {"shape": np.asarray(fit.shape.value)}
    curves = np.stack(
        [
            np.exp(-cumulative_hazard(Family.WEIBULL, with_median(Family.WEIBULL, shape, np.asarray(m.value)), MONTHS))
            for m in fit.medians.values()
        ]
    )
    columns, rows = by_column(
        range(len(MONTHS)),
        ("Months", "months", lambda k: MONTHS[k]),
        ([inputs.labels[s] for s in fit.medians], "share", lambda k: curves[:, k]),
    )
    return Table("Curves", columns, rows, "curves")


def _chart(inputs: Inputs, fit: MedianFit, name: str, endpoint: str) -> Chart:
    series = by_strategy([inputs.labels[s] for s in fit.medians], name, "curves", 1)
    title = f"{endpoint}: Weibull curves of shape {fit.shape.value:.2f} through the published medians"
    return Chart("lines", title, "Months", "Share of patients", tuple(series), 120.0, 1.0, "0", "0%")

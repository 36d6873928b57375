"""The report of curves made from medians and a hazard ratio."""

import numpy as np

from markov.analysis.evidence.median_fits import MedianFit
from markov.inputs.parameters import Inputs
from markov.report.page import STRATEGY_COLOURS, Chart, Column, Page, Series, Table, Text
from markov.report.sheets.fits_by_arm import ENDPOINT_NAMES
from markov.survival.families import cumulative_hazard, with_median
from markov.terms import Endpoint, Family

MONTHS = np.arange(0.0, 241.0, 3.0)


def median_fit_page(inputs: Inputs, fit: MedianFit) -> Page:
    """Medians, ratio and shape with their errors, and the curves they make."""
    name = f"Medians {fit.endpoint.upper()}"
    endpoint = ENDPOINT_NAMES[Endpoint(fit.endpoint)]
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
    if fit.hazard_ratio is not None and fit.shape_row is not None:
        effect = fit.hazard_ratio
        row = fit.shape_row
        rows.append(
            (f"Hazard ratio, {row.trial}", effect.ratio, effect.low, effect.high, effect.standard_error, row.status)
        )
    kind = "derived" if fit.shape_row is not None else "assumption"
    rows.append(("Weibull shape", fit.shape.value, *fit.shape.interval(), fit.shape.log_standard_error, kind))
    note = "The error of the shape leaves out a covariance and is an upper bound."
    return Table("Estimates", columns, tuple(rows), "estimates", (note,), weak=5)


def _curves(inputs: Inputs, fit: MedianFit) -> Table:
    shape = {"shape": np.asarray(fit.shape.value)}
    columns = [
        np.exp(-cumulative_hazard(Family.WEIBULL, with_median(Family.WEIBULL, shape, np.asarray(m.value)), MONTHS))
        for m in fit.medians.values()
    ]
    rows = tuple((float(t), *map(float, values)) for t, *values in zip(MONTHS, *columns, strict=True))
    headers = (Column("Months", "months"), *(Column(inputs.labels[s], "share") for s in fit.medians))
    return Table("Curves", headers, rows, "curves")


def _chart(inputs: Inputs, fit: MedianFit, name: str, endpoint: str) -> Chart:
    series = tuple(
        Series(inputs.labels[s], name, "curves", 0, 1 + i, STRATEGY_COLOURS[i]) for i, s in enumerate(fit.medians)
    )
    title = f"{endpoint}: Weibull curves of shape {fit.shape.value:.2f} through the published medians"
    return Chart("lines", title, "Months", "Share of patients", series, 120.0, 1.0, "0", "0%")

"""Charts of a probabilistic analysis, and the sheet that holds their data."""

import numpy as np

from markov.analysis.uncertainty.probabilistic import Probabilistic
from markov.inputs.parameters import Inputs
from markov.report.page import STRATEGY_COLOURS, Chart, Column, Page, Series, Table
from markov.report.words import money, per_qaly
from markov.terms import Array

SHOWN = 1000  # draws in the picture of the plane; the tables rest on all
INK, GREY = "#1F2A37", "#9AA5B1"
DATA = "Chart data"


def chart_data_page(inputs: Inputs, result: Probabilistic) -> Page:
    """What the charts draw: draws, ellipses, acceptability and loss by threshold, and means after more draws."""
    several = len(result.sample.strategies) > 1
    blocks = (
        _curves_table(inputs, result),
        *((_running_table(inputs, result),) if several else ()),
        *(_ellipse_table(inputs, result, i) for i in range(len(result.planes))),
        *(_plane_table(inputs, result, i) for i in range(len(result.planes))),
    )
    subtitle = "Acceptability and loss by threshold, means after more draws, ellipses, and the draws in the pictures."
    return Page(DATA, "Data of the charts", subtitle, blocks, widths=(16.0, *(16.0,) * 10))


def plane_chart(inputs: Inputs, result: Probabilistic, i: int) -> Chart:
    """Draws of one strategy against the reference, the 95 % ellipse, the mean and the highest threshold."""
    plane, colour = result.planes[i], STRATEGY_COLOURS[(1 + i) % len(STRATEGY_COLOURS)]
    n = len(plane.ellipse)
    label, threshold = inputs.labels[plane.strategy], result.thresholds[-1]
    series = (
        Series("Draws", DATA, f"plane_{i}", 1, 2, colour, markers=True, width=3),
        Series("95 % ellipse", DATA, f"ellipse_{i}", 1, 2, INK, last=n - 1, dashed=True),
        Series("Mean", DATA, f"ellipse_{i}", 1, 2, "#B5483F", first=n, last=n, markers=True),
        Series(per_qaly(threshold, inputs.currency), DATA, f"ellipse_{i}", 1, 2, GREY, n + 1, n + 2),
    )
    gains = float(np.mean(plane.delta_qaly > 0.0))
    worth = float(np.mean(threshold * plane.delta_qaly - plane.delta_cost > 0.0))
    against = inputs.labels[result.sample.strategies[0]].lower()
    title = f"{label} against {against}: more QALYs in {gains:.0%} of draws, cost-effective in {worth:.0%}"
    y_title = f"Difference in cost ({inputs.currency})"
    return Chart("points", title, "Difference in QALYs", y_title, series, x_format="0.0", y_format="#,##0")


def acceptability_chart(inputs: Inputs, result: Probabilistic) -> Chart:
    """Probability of being best by threshold, and the frontier."""
    names = result.sample.strategies
    series = [
        Series(inputs.labels[s], DATA, "curves", 0, 1 + i, STRATEGY_COLOURS[i % len(STRATEGY_COLOURS)])
        for i, s in enumerate(names)
    ]
    series.append(Series("Frontier (highest mean)", DATA, "curves", 0, 1 + len(names), INK, dashed=True))
    switches = result.curves.switches
    words = (
        f"the best strategy changes at {' and '.join(money(at, inputs.currency) for at in switches)}"
        if switches
        else "one strategy is best"
    )
    title = f"Acceptability: {words}" + ("" if switches else " at every threshold shown")
    x_title = f"Threshold ({inputs.currency} per QALY)"
    return Chart("lines", title, x_title, "Probability", tuple(series), None, 1.0, "#,##0", "0%")


def loss_chart(inputs: Inputs, result: Probabilistic) -> Chart:
    """Expected loss of each strategy by threshold; the lowest is the value of perfect information."""
    names = result.sample.strategies
    series = [
        Series(inputs.labels[s], DATA, "curves", 0, 2 + len(names) + i, STRATEGY_COLOURS[i % len(STRATEGY_COLOURS)])
        for i, s in enumerate(names)
    ]
    series.append(Series("Value of perfect information", DATA, "curves", 0, 2 + 2 * len(names), INK, dashed=True))
    title = "Expected loss of each strategy; the lowest is the value of perfect information"
    x_title, y_title = f"Threshold ({inputs.currency} per QALY)", f"{inputs.currency} per patient"
    return Chart("lines", title, x_title, y_title, tuple(series), x_format="#,##0", y_format="#,##0")


def running_chart(inputs: Inputs, result: Probabilistic) -> Chart:
    """Mean incremental net benefit after more and more draws, with its band."""
    series: list[Series] = []
    for i, strategy in enumerate(result.sample.strategies[1:]):
        colour = STRATEGY_COLOURS[(1 + i) % len(STRATEGY_COLOURS)]
        label = inputs.labels[strategy]
        series.append(Series(label, DATA, "running", 0, 1 + 3 * i, colour))
        series += [
            Series(f"{label}, 95 %", DATA, "running", 0, 2 + 3 * i + k, colour, dashed=True, listed=k == 0)
            for k in (0, 1)
        ]
    at = money(result.thresholds[-1], inputs.currency)
    title = f"Mean net benefit at {at} per QALY is known to ± {money(result.half_width, inputs.currency)}"
    y_title = f"Net benefit ({inputs.currency})"
    return Chart("lines", title, "Draws", y_title, tuple(series), x_format="#,##0", y_format="#,##0")


# ----------------------------------------------------------------------------------------------------------- tables


def _plane_table(inputs: Inputs, result: Probabilistic, i: int) -> Table:
    plane = result.planes[i]
    columns = (Column("Draw", "integer"), Column("Difference in QALYs", "qaly"), Column("Difference in cost", "money"))
    pairs = zip(plane.delta_qaly[:SHOWN].tolist(), plane.delta_cost[:SHOWN].tolist(), strict=True)
    rows = tuple((k + 1, q, c) for k, (q, c) in enumerate(pairs))
    return Table(f"Draws in the picture: {inputs.labels[plane.strategy]}", columns, rows, f"plane_{i}")


def _ellipse_table(inputs: Inputs, result: Probabilistic, i: int) -> Table:
    plane = result.planes[i]
    columns = (Column("Point", "integer"), Column("Difference in QALYs", "qaly"), Column("Difference in cost", "money"))
    rows = [(k + 1, float(q), float(c)) for k, (q, c) in enumerate(plane.ellipse)]
    rows.append((0, *plane.mean))
    reach = float(np.abs(plane.delta_qaly).max()) * 1.1
    highest = result.thresholds[-1]
    rows += [(0, -reach, -reach * highest), (0, reach, reach * highest)]
    return Table(f"Ellipse, mean and threshold: {inputs.labels[plane.strategy]}", columns, tuple(rows), f"ellipse_{i}")


def _curves_table(inputs: Inputs, result: Probabilistic) -> Table:
    curves, names = result.curves, result.sample.strategies
    columns = (
        Column("Threshold", "money"),
        *(Column(f"Probability best, {inputs.labels[s]}", "percent") for s in names),
        Column("Frontier", "percent"),
        *(Column(f"Expected loss, {inputs.labels[s]}", "money") for s in names),
        Column("Value of perfect information", "money"),
    )
    rows = tuple(
        tuple(float(v) for v in (t, *curves.probability[i], curves.frontier[i], *curves.loss[i], curves.evpi[i]))
        for i, t in enumerate(curves.thresholds)
    )
    return Table("By threshold", columns, rows, "curves")


def _running_table(inputs: Inputs, result: Probabilistic) -> Table:
    others = [inputs.labels[s] for s in result.sample.strategies[1:]]
    last = len(result.thresholds) - 1
    columns = (
        Column("Draws", "integer"),
        *(Column(f"{name}: {what}", "money") for name in others for what in ("mean", "low", "high")),
    )
    rows = tuple(
        (int(n), *_band(result.running.mean[k, last], result.running.half_width[k, last]))
        for k, n in enumerate(result.running.runs)
    )
    at = money(result.thresholds[last], inputs.currency)
    title = f"Mean incremental net benefit at {at} per QALY after so many draws"
    return Table(title, columns, rows, "running")


def _band(mean: Array, half: Array) -> list[float]:
    return [float(v) for m, h in zip(mean, half, strict=True) for v in (m, m - h, m + h)]

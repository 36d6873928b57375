"""The report of a probabilistic analysis: how sure the answer is, from draws of every uncertain input at once."""

from collections.abc import Sequence

import numpy as np

from markov.analysis.incremental import IncrementalRow, icer_in_words
from markov.analysis.invariants import CORRECTIONS, OUT_OF_REACH_WORDS
from markov.analysis.probabilistic import Probabilistic, Summary
from markov.inputs.parameters import Inputs
from markov.report.pages import STRATEGY_COLOURS, Cell, Chart, Column, Look, Page, Series, Table, Text
from markov.report.tables import POSITIONS
from markov.terms import Array

SHOWN = 1000  # draws in the picture of the plane; the tables rest on all
INK, GREY = "#1F2A37", "#9AA5B1"
LOOKS: dict[str, Look] = {"cost": "money", "net_benefit": "money", "delta_cost": "money"}
NAMES = {
    "cost": "Cost",
    "qaly": "QALYs",
    "life_years": "Life-years",
    "delta_cost": "Difference in cost",
    "delta_qaly": "Difference in QALYs",
    "delta_life_years": "Difference in life-years",
    "net_benefit": "Incremental net benefit",
}


def probabilistic_pages(inputs: Inputs, result: Probabilistic) -> list[Page]:
    """The page of answers, the page of what must hold in every draw, and the numbers behind the charts."""
    return [_answers(inputs, result), _checks(inputs, result), _data(inputs, result)]


def _answers(inputs: Inputs, result: Probabilistic) -> Page:
    others = range(len(result.planes))
    blocks: tuple[Text | Table | tuple[Chart, ...], ...] = (
        *(Text(words, "lead") for words in _lead(inputs, result)),
        (*(_plane_chart(inputs, result, i) for i in others[:1]), _acceptability_chart(inputs, result)),
        _decisions_table(inputs, result),
        _summary_table(inputs, result),
        _incremental_table(inputs, result),
        *((tuple(_plane_chart(inputs, result, i) for i in others[1:3]),) if len(others) > 1 else ()),
        (_loss_chart(inputs, result), _running_chart(inputs, result)),
    )
    runs = result.sample.runs
    subtitle = f"{runs:,} draws of every uncertain input at once; strategies share their random numbers."
    return Page("Probabilistic", "How sure is the answer?", subtitle, blocks, widths=(36.0, 24.0, *(15.0,) * 7))


def _lead(inputs: Inputs, result: Probabilistic) -> list[str]:
    labels, names = inputs.labels, result.sample.strategies
    told = []
    for i, threshold in enumerate(result.decisions.thresholds):
        best = result.decisions.best[i]
        sure = float(result.decisions.frontier[i])
        told.append(
            f"At {inputs.currency} {threshold:,.0f} per QALY {labels[names[best]].lower()} has the highest mean net "
            f"benefit and is the best choice in {sure:.0%} of draws; choosing wrongly is expected to lose "
            f"{inputs.currency} {result.decisions.evpi[i]:,.0f} per patient."
        )
    if result.is_precise is not None and result.target is not None:
        reached = "reached" if result.is_precise else "not reached: ask for more draws"
        told.append(f"Precision asked for, ± {inputs.currency} {result.target:,.0f} on mean net benefit: {reached}.")
    return told


def _decisions_table(inputs: Inputs, result: Probabilistic) -> Table:
    names = result.sample.strategies
    columns = (
        Column(f"Threshold ({inputs.currency} per QALY)", "money"),
        Column("Highest mean net benefit"),
        *(Column(f"Probability best, {inputs.labels[s]}", "percent") for s in names),
        *(Column(f"Expected loss, {inputs.labels[s]} ({inputs.currency})", "money") for s in names),
    )
    d = result.decisions
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (
            float(threshold),
            inputs.labels[names[d.best[i]]],
            *(float(p) for p in d.probability[i]),
            *(float(loss) for loss in d.loss[i]),
        )
        for i, threshold in enumerate(d.thresholds)
    )
    note = (
        "The strategy of the highest mean net benefit need not be the one that is most often best. The expected loss "
        "of the best strategy is the value of perfect information."
    )
    return Table("Decision under uncertainty", columns, rows, "decisions", (note,))


def _summary_table(inputs: Inputs, result: Probabilistic) -> Table:
    columns = (
        Column("Figure, per patient, discounted", "strong"),
        Column("Strategy"),
        Column("Deterministic", "number"),
        Column("Mean of draws", "number"),
        Column("Monte Carlo standard error", "number"),
        Column("Low, 95 %", "number"),
        Column("High, 95 %", "number"),
        Column("Reading"),
    )
    rows = tuple(_summary_row(inputs, summary) for summary in result.summaries)
    looks = tuple(LOOKS.get(summary.quantity, "qaly") for summary in result.summaries)
    note = "The interval is that of the draws (credible interval); the standard error says how sure the mean itself is."
    return Table("Probabilistic beside deterministic", columns, rows, "summary", (note,), looks=looks)


def _summary_row(inputs: Inputs, summary: Summary) -> tuple[Cell, ...]:
    name = NAMES[summary.quantity]
    if summary.threshold is not None:
        name += f" at {inputs.currency} {summary.threshold:,.0f}"
    words = []
    if summary.is_off:
        words.append("mean off the deterministic value")
    if summary.versus is not None and not summary.is_settled:
        words.append("sign within Monte Carlo error")
    label = inputs.labels[summary.strategy]
    if summary.versus is not None:
        label += f" less {inputs.labels[summary.versus].lower()}"
    figures = (summary.deterministic, summary.mean, summary.standard_error, summary.low, summary.high)
    return name, label, *figures, "; ".join(words)


def _incremental_table(inputs: Inputs, result: Probabilistic) -> Table:
    columns = (
        Column("Strategy", "strong"),
        Column("Means from"),
        Column(f"Cost ({inputs.currency})", "money"),
        Column("QALYs", "qaly"),
        Column(f"ICER ({inputs.currency} per QALY)", "money"),
        Column("Position"),
    )
    rows = [
        *_incremental_rows(inputs, "draws", result.incremental),
        *_incremental_rows(inputs, "deterministic", result.deterministic),
    ]
    pairs = "; ".join(
        f"{inputs.labels[row.strategy]}: {icer_in_words(row, inputs.currency)}" for row in result.pairwise
    )
    note = f"ICERs are ratios of means over draws. Against the reference: {pairs}."
    return Table("Incremental analysis on means", columns, tuple(rows), "incremental", (note,))


def _incremental_rows(inputs: Inputs, source: str, rows: Sequence[IncrementalRow]) -> list[tuple[Cell, ...]]:
    return [
        (inputs.labels[row.strategy], source, row.cost, row.qaly, row.icer, POSITIONS[row.position]) for row in rows
    ]


# ------------------------------------------------------------------------------------------------- what must hold


def _checks(inputs: Inputs, result: Probabilistic) -> Page:
    columns = (
        Column("What must hold in every draw", "strong"),
        Column("Expected"),
        Column("Observed"),
        Column("Verdict"),
    )
    rows = tuple(
        (check.title, check.expected, check.observed, check.verdict.value)
        for check in (invariant.check for invariant in result.sample.invariants)
    )
    names = result.sample.strategies
    corrections: tuple[tuple[Cell, ...], ...] = tuple(
        (CORRECTIONS.get(name, OUT_OF_REACH_WORDS), *(int(n) for n in counts))
        for name, counts in result.sample.corrected.items()
    )
    corrected = Table(
        "Draws in which a declared rule changed a curve",
        (Column("Rule", "strong"), *(Column(f"{inputs.labels[s]} (draws)", "integer") for s in names)),
        corrections,
        "corrected",
        ("No draw is dropped or drawn again.",),
    )
    table = Table("Invariants", columns, rows, "invariants", verdict=3)
    subtitle = f"Checked in each of {result.sample.runs:,} draws; a breach is counted and named, never resampled."
    return Page("Draw checks", "Checks of every draw", subtitle, (table, corrected), (56.0, 44.0, 44.0, 14.0))


# ------------------------------------------------------------------------------------------------ charts and data


def _data(inputs: Inputs, result: Probabilistic) -> Page:
    blocks = (
        *(_plane_table(inputs, result, i) for i in range(len(result.planes))),
        *(_ellipse_table(inputs, result, i) for i in range(len(result.planes))),
        _curves_table(inputs, result),
        _running_table(inputs, result),
    )
    subtitle = "What the charts draw: draws, ellipses, acceptability and loss by threshold, and means after more draws."
    return Page("Draws", "Data of the charts", subtitle, blocks, widths=(16.0, *(16.0,) * 10))


def _plane_table(inputs: Inputs, result: Probabilistic, i: int) -> Table:
    plane = result.planes[i]
    columns = (Column("Draw", "integer"), Column("Difference in QALYs", "qaly"), Column("Difference in cost", "money"))
    pairs = zip(plane.delta_qaly[:SHOWN].tolist(), plane.delta_cost[:SHOWN].tolist(), strict=True)
    rows = tuple((k + 1, q, c) for k, (q, c) in enumerate(pairs))
    return Table(f"Draws: {inputs.labels[plane.strategy]}", columns, rows, f"plane_{i}")


def _ellipse_table(inputs: Inputs, result: Probabilistic, i: int) -> Table:
    plane = result.planes[i]
    columns = (Column("Point", "integer"), Column("Difference in QALYs", "qaly"), Column("Difference in cost", "money"))
    rows = [(k + 1, float(q), float(c)) for k, (q, c) in enumerate(plane.ellipse)]
    rows.append((0, *plane.mean))
    reach = float(np.abs(plane.delta_qaly).max()) * 1.1
    highest = result.thresholds[-1]
    rows += [(0, -reach, -reach * highest), (0, reach, reach * highest)]
    return Table(f"Ellipse, mean and threshold: {inputs.labels[plane.strategy]}", columns, tuple(rows), f"ellipse_{i}")


def _plane_chart(inputs: Inputs, result: Probabilistic, i: int) -> Chart:
    plane, colour = result.planes[i], STRATEGY_COLOURS[(1 + i) % len(STRATEGY_COLOURS)]
    n = len(plane.ellipse)
    label = inputs.labels[plane.strategy]
    series = (
        Series("Draws", "Draws", f"plane_{i}", 1, 2, colour, markers=True, width=3),
        Series("95 % ellipse", "Draws", f"ellipse_{i}", 1, 2, INK, last=n - 1, dashed=True),
        Series("Mean", "Draws", f"ellipse_{i}", 1, 2, "#B5483F", first=n, last=n, markers=True),
        Series(f"{inputs.currency} {result.thresholds[-1]:,.0f}", "Draws", f"ellipse_{i}", 1, 2, GREY, n + 1, n + 2),
    )
    gains = float(np.mean(plane.delta_qaly > 0.0))
    title = f"{label} against {inputs.labels[result.sample.strategies[0]].lower()}: more QALYs in {gains:.0%} of draws"
    y_title = f"Difference in cost ({inputs.currency})"
    return Chart("points", title, "Difference in QALYs", y_title, series, x_format="0.0", y_format="#,##0")


def _curves_table(inputs: Inputs, result: Probabilistic) -> Table:
    curves, names = result.curves, result.sample.strategies
    columns = (
        Column("Threshold", "money"),
        *(Column(f"Probability best, {inputs.labels[s]}", "percent") for s in names),
        Column("Frontier", "percent"),
        *(Column(f"Expected loss, {inputs.labels[s]}", "money") for s in names),
        Column("EVPI", "money"),
    )
    rows = tuple(
        tuple(float(v) for v in (t, *curves.probability[i], curves.frontier[i], *curves.loss[i], curves.evpi[i]))
        for i, t in enumerate(curves.thresholds)
    )
    return Table("By threshold", columns, rows, "curves")


def _acceptability_chart(inputs: Inputs, result: Probabilistic) -> Chart:
    names = result.sample.strategies
    series = [
        Series(inputs.labels[s], "Draws", "curves", 0, 1 + i, STRATEGY_COLOURS[i % len(STRATEGY_COLOURS)])
        for i, s in enumerate(names)
    ]
    series.append(Series("Frontier (highest mean)", "Draws", "curves", 0, 1 + len(names), INK, dashed=True))
    switches = result.curves.switches
    words = f"the best strategy changes at {inputs.currency} {switches[0]:,.0f}" if switches else "one strategy is best"
    title = f"Acceptability: {words}" + ("" if switches else " at every threshold shown")
    x_title = f"Threshold ({inputs.currency} per QALY)"
    return Chart("lines", title, x_title, "Probability", tuple(series), None, 1.0, "#,##0", "0%")


def _loss_chart(inputs: Inputs, result: Probabilistic) -> Chart:
    names = result.sample.strategies
    series = [
        Series(inputs.labels[s], "Draws", "curves", 0, 2 + len(names) + i, STRATEGY_COLOURS[i % len(STRATEGY_COLOURS)])
        for i, s in enumerate(names)
    ]
    series.append(Series("EVPI", "Draws", "curves", 0, 2 + 2 * len(names), INK, dashed=True))
    title = "Expected loss of each strategy; the lowest is the value of perfect information"
    x_title, y_title = f"Threshold ({inputs.currency} per QALY)", f"{inputs.currency} per patient"
    return Chart("lines", title, x_title, y_title, tuple(series), x_format="#,##0", y_format="#,##0")


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
    title = f"Mean incremental net benefit at {inputs.currency} {result.thresholds[last]:,.0f} after so many draws"
    return Table(title, columns, rows, "running")


def _band(mean: Array, half: Array) -> list[float]:
    return [float(v) for m, h in zip(mean, half, strict=True) for v in (m, m - h, m + h)]


def _running_chart(inputs: Inputs, result: Probabilistic) -> Chart:
    series: list[Series] = []
    for i, strategy in enumerate(result.sample.strategies[1:]):
        colour = STRATEGY_COLOURS[(1 + i) % len(STRATEGY_COLOURS)]
        label = inputs.labels[strategy]
        series.append(Series(label, "Draws", "running", 0, 1 + 3 * i, colour))
        series += [Series(f"{label}, 95 %", "Draws", "running", 0, 2 + 3 * i + k, colour, dashed=True) for k in (0, 1)]
    title = f"Are there enough draws? Mean known to ± {inputs.currency} {result.half_width:,.0f}"
    y_title = f"Net benefit ({inputs.currency})"
    return Chart("lines", title, "Draws", y_title, tuple(series), x_format="#,##0", y_format="#,##0")

"""The sheets of a probabilistic analysis: how sure the answer is, from draws of every uncertain input at once."""

from collections.abc import Iterator, Sequence

import numpy as np

from markov.analysis.incremental import IncrementalRow, icer_in_words
from markov.analysis.uncertainty.invariants import CORRECTIONS, OUT_OF_REACH_WORDS
from markov.analysis.uncertainty.probabilistic import Probabilistic, Summary
from markov.inputs.definitions.schema import label_of
from markov.inputs.parameters import Inputs
from markov.report.page import Block, Cell, Column, Look, Page, Table, Text
from markov.report.sheets import probabilistic_charts
from markov.report.sheets.probabilistic_charts import chart_data_page
from markov.report.sheets.results import POSITIONS
from markov.report.words import money, per_qaly

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
    """Summary, cost-effectiveness plane, acceptability, convergence, checks of every draw, and data of the charts."""
    several = len(result.sample.strategies) > 1
    return [
        _summary_page(inputs, result),
        *([_plane_page(inputs, result), _acceptability_page(inputs, result)] if several else []),
        *([_convergence_page(inputs, result)] if several else []),
        _checks_page(inputs, result),
        *([_drawn_page(inputs, result)] if result.drawn else []),
        chart_data_page(inputs, result),
    ]


# -------------------------------------------------------------------------------------------------------- summary


def _summary_page(inputs: Inputs, result: Probabilistic) -> Page:
    blocks: tuple[Block, ...] = (
        Text(" ".join(lead(inputs, result)), "lead"),
        _decisions_table(inputs, result),
        _summary_table(inputs, result),
        _incremental_table(inputs, result),
        *_severity_table(inputs, result),
    )
    runs = result.sample.runs
    subtitle = f"{runs:,} draws of every uncertain input at once; strategies share their random numbers."
    return Page("Probabilistic", "How sure is the answer?", subtitle, blocks, (48.0, 38.0, *(16.0,) * 6))


def lead(inputs: Inputs, result: Probabilistic) -> Iterator[str]:
    """The answer over all draws in a sentence for each threshold, and what a target was met."""
    labels, names = inputs.labels, result.sample.strategies
    for i, threshold in enumerate(result.decisions.thresholds):
        best = result.decisions.best[i]
        sure = float(result.decisions.frontier[i])
        yield (
            f"At {per_qaly(float(threshold), inputs.currency)} {labels[names[best]].lower()} has the highest "
            f"mean net benefit and is the best choice in {sure:.0%} of draws; choosing wrongly is expected to lose "
            f"{money(float(result.decisions.evpi[i]), inputs.currency)} per patient."
        )
    if result.is_precise is not None and result.target is not None:
        reached = "reached" if result.is_precise else "not reached: ask for more draws"
        yield f"Precision asked for, ± {money(result.target, inputs.currency)} on mean net benefit: {reached}."


def _decisions_table(inputs: Inputs, result: Probabilistic) -> Table:
    names = result.sample.strategies
    columns = (
        Column("Threshold", "strong"),
        Column("Highest mean net benefit"),
        *(Column(f"Probability best, {inputs.labels[s]}", "percent") for s in names),
        *(Column(f"Expected loss, {inputs.labels[s]} ({inputs.currency})", "money") for s in names),
    )
    d = result.decisions
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (
            per_qaly(float(threshold), inputs.currency),
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
        Column("Low, 95 %", "number"),
        Column("High, 95 %", "number"),
        Column("Reading"),
    )
    rows = tuple(_summary_row(inputs, summary) for summary in result.summaries)
    looks = tuple(LOOKS.get(summary.quantity, "qaly") for summary in result.summaries)
    note = "The interval holds 95 % of the draws (credible interval). How sure the means themselves are: Convergence."
    return Table("Probabilistic beside deterministic", columns, rows, "summary", (note,), looks=looks, spread=True)


def _summary_row(inputs: Inputs, summary: Summary) -> tuple[Cell, ...]:
    words = []
    if summary.is_off:
        words.append("mean off the deterministic value: the model is not linear")
    if summary.versus is not None and not summary.is_settled:
        words.append("sign of the mean within Monte Carlo error")
    figures = (summary.deterministic, summary.mean, summary.low, summary.high)
    return figure_words(inputs, summary), who(inputs, summary), *figures, "; ".join(words)


def figure_words(inputs: Inputs, summary: Summary) -> str:
    """What a summary is of."""
    at = "" if summary.threshold is None else f" at {per_qaly(summary.threshold, inputs.currency)}"
    return NAMES[summary.quantity] + at


def who(inputs: Inputs, summary: Summary) -> str:
    """Of which strategy, and less which."""
    label = inputs.labels[summary.strategy]
    return label if summary.versus is None else f"{label} less {inputs.labels[summary.versus].lower()}"


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
    return Table("Incremental analysis on means", columns, tuple(rows), "incremental", (note,), spread=True)


def _incremental_rows(inputs: Inputs, source: str, rows: Sequence[IncrementalRow]) -> list[tuple[Cell, ...]]:
    return [
        (inputs.labels[row.strategy], source, row.cost, row.qaly, row.icer, POSITIONS[row.position]) for row in rows
    ]


def _severity_table(inputs: Inputs, result: Probabilistic) -> Iterator[Table]:
    """How probable each of NICE's severity weights is."""
    if not result.severity:
        return
    columns = (Column("Severity weight on QALYs", "number"), Column("Probability over draws", "percent"))
    rows = tuple((weight, share) for weight, share in result.severity.items())
    care = inputs.labels[result.sample.strategies[0]].lower()
    note = (
        f"Shortfall of patients under {care} in each draw, against the general population of their age and sex (NICE "
        "manual PMG36, 6.2). Net benefits of this report carry no weight; the Severity sheet shows them with it."
    )
    looks: list[Look] = ["years"] * len(rows)
    yield Table("Probability of each severity weight", columns, rows, "severity", (note,), looks=tuple(looks))


# ------------------------------------------------------------------------------------------ plane and acceptability


def _plane_page(inputs: Inputs, result: Probabilistic) -> Page:
    charts = [probabilistic_charts.plane_chart(inputs, result, i) for i in range(len(result.planes))]
    quadrants = list(dict.fromkeys(q for plane in result.planes for q in plane.quadrants))
    columns = (
        Column(f"Against {inputs.labels[result.sample.strategies[0]].lower()}", "strong"),
        Column("Mean difference in QALYs", "qaly"),
        Column(f"Mean difference in cost ({inputs.currency})", "money"),
        *(Column(f"Draws that are {quadrant.value}", "percent") for quadrant in quadrants),
        Column("Draws inside the ellipse", "percent"),
    )
    rows = tuple(
        (
            inputs.labels[plane.strategy],
            *plane.mean,
            *(plane.quadrants.get(quadrant, 0.0) for quadrant in quadrants),
            None if np.isnan(plane.inside) else plane.inside,
        )
        for plane in result.planes
    )
    notes = (
        "The ellipse would hold 95 % of the draws if they were bivariate normal; the last column says how many it does "
        f"hold. The grey line is the threshold of {per_qaly(result.thresholds[-1], inputs.currency)}: draws "
        f"below it are cost-effective there. The pictures show the first {probabilistic_charts.SHOWN:,} "
        "draws at most, the figures rest on all.",
    )
    table = Table("Where the draws lie", columns, rows, "quadrants", notes)
    subtitle = "Differences from the reference in each draw, discounted, per patient."
    pairs = tuple(tuple(charts[i : i + 2]) for i in range(0, len(charts), 2))
    return Page("CE plane", "Cost-effectiveness plane", subtitle, (*pairs, table), (34.0, *(18.0,) * 8), True)


def _acceptability_page(inputs: Inputs, result: Probabilistic) -> Page:
    curves, names = result.curves, result.sample.strategies
    columns = (
        Column(f"Threshold ({inputs.currency} per QALY)", "money"),
        Column("Highest mean net benefit"),
        *(Column(f"Probability best, {inputs.labels[s]}", "percent") for s in names),
        Column("Frontier: probability of the best on average", "percent"),
        Column(f"Expected loss of the best ({inputs.currency})", "money"),
    )
    shown = range(0, len(curves.thresholds), 10)
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (
            float(curves.thresholds[i]),
            inputs.labels[names[curves.best[i]]],
            *(float(p) for p in curves.probability[i]),
            float(curves.frontier[i]),
            float(curves.evpi[i]),
        )
        for i in shown
    )
    told = [
        f"{inputs.labels[names[curves.best[i]]].lower()} from {money(float(curves.thresholds[i]), inputs.currency)}"
        for i in range(1, len(curves.best))
        if curves.best[i] != curves.best[i - 1]
    ]
    first = inputs.labels[names[curves.best[0]]]
    words = f"{first} is best on average at low thresholds" + (f", {', '.join(told)} on." if told else ", and at all.")
    note = (
        "The acceptability curve (CEAC) is the share of draws in which a strategy has the highest net benefit; the "
        "frontier (CEAF) that of the strategy with the highest mean, which should be chosen. They need not be the same."
    )
    blocks = (
        Text(words, "lead"),
        (probabilistic_charts.acceptability_chart(inputs, result), probabilistic_charts.loss_chart(inputs, result)),
        Table("Acceptability by threshold", columns, rows, "acceptability", (note,)),
    )
    subtitle = "Every strategy at once, over a range of thresholds; a chart's full data are on the sheet Chart data."
    return Page(
        "CEAC and CEAF", "Acceptability curves and their frontier", subtitle, blocks, (24.0, 26.0, *(18.0,) * 8), True
    )


# ---------------------------------------------------------------------------------------------------- convergence


def _convergence_page(inputs: Inputs, result: Probabilistic) -> Page:
    shown = [s for s in result.summaries if s.versus is not None]
    blocks = (
        Text(_settled(inputs, result, shown), "lead"),
        (probabilistic_charts.running_chart(inputs, result),),
        _precision_table(inputs, result, shown),
    )
    subtitle = "How far the means over draws would move with other random numbers, and with more draws."
    return Page("Convergence", "Are there enough draws?", subtitle, blocks, (42.0, 36.0, *(18.0,) * 5), True)


def _settled(inputs: Inputs, result: Probabilistic, shown: Sequence[Summary]) -> str:
    """How well mean net benefit is known, and whether more draws could change the sign of a difference."""
    known = (
        f"With {result.sample.runs:,} draws mean incremental net benefit is known to "
        f"± {money(result.half_width, inputs.currency)} (95 %)."
    )
    unsettled = sum(not summary.is_settled for summary in shown)
    if not unsettled:
        return f"{known} The sign of every mean difference is beyond Monte Carlo error."
    return f"{known} {unsettled} of {len(shown)} mean differences have a sign that more draws could change."


def _precision_table(inputs: Inputs, result: Probabilistic, shown: Sequence[Summary]) -> Table:
    columns = (
        Column("Figure, per patient, discounted", "strong"),
        Column("Strategy"),
        Column("Mean of draws", "number"),
        Column("Monte Carlo standard error", "number"),
        Column("Mean known to ± (95 %)", "number"),
        Column("Sign of the mean"),
        Column("Draws for half that width", "integer"),
    )
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (
            figure_words(inputs, s),
            who(inputs, s),
            s.mean,
            s.standard_error,
            s.half_width,
            "certain" if s.is_settled else "within Monte Carlo error",
            4 * result.sample.runs,
        )
        for s in shown
    )
    looks: tuple[Look, ...] = tuple(LOOKS.get(s.quantity, "qaly") for s in shown)
    note = (
        "The Monte Carlo standard error is what a mean would vary by with other random numbers; it says whether the "
        "draws are enough, not how uncertain the inputs are. markov psa --until-precision AMOUNT draws until mean net "
        "benefit is known to that amount (Hatswell and others 2018, PharmacoEconomics 36:1421)."
    )
    return Table("Precision of the means", columns, rows, "precision", (note,), looks=looks)


# --------------------------------------------------------------------------------------------------- what must hold


def _checks_page(inputs: Inputs, result: Probabilistic) -> Page:
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


def _drawn_page(inputs: Inputs, result: Probabilistic) -> Page:
    """Whether every input was drawn as its row says, and whether it is in use."""
    columns = (
        Column("Uncertain input", "strong"),
        Column("Id"),
        Column("In use"),
        Column("Value", "exact"),
        Column("Mean of its distribution", "exact"),
        Column("Mean of the draws", "exact"),
        Column("Verdict"),
    )
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (
            label_of(one.id, inputs.labels),
            one.id,
            "no" if one.id in result.idle else "yes",
            *(float(f"{v:.5g}") for v in (one.value, one.mean, one.drawn_mean)),
            "pass" if one.is_as_asked else "fail",
        )
        for one in result.drawn
    )
    notes = (
        "In use: moved alone to its 10 and 90 % points, the input changes a cost, a QALY or a life-year. The value of "
        "a log-normal with limits is its median, so that its mean lies higher. Verdict: the two means agree within "
        "four standard errors.",
    )
    idle = f"; {len(result.idle)} change nothing under the workbook's settings" if result.idle else "; all are in use"
    subtitle = f"{len(rows)} uncertain inputs{idle}."
    table = Table("Inputs as drawn", columns, rows, "drawn", notes, verdict=6)
    return Page("Drawn inputs", "Was everything drawn as asked?", subtitle, (table,), (58.0, 48.0, 9.0, *(16.0,) * 4))

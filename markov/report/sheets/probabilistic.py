"""The Probabilistic sheet: how sure the answer is, from draws of every uncertain input at once; and those beside it."""

from collections.abc import Iterator

from markov.analysis.incremental import icer_in_words
from markov.analysis.uncertainty.probabilistic import Probabilistic, Summary
from markov.inputs.parameters import Inputs
from markov.report.page import Block, Look, Page, Table, Text
from markov.report.sheets.ce_plane import plane_page
from markov.report.sheets.ceac_and_ceaf import acceptability_page
from markov.report.sheets.charts import CHART_DATA
from markov.report.sheets.convergence import convergence_page, figure_table
from markov.report.sheets.draw_checks import draw_checks_pages
from markov.report.sheets.incremental import POSITIONS
from markov.report.sheets.tables import Told, by_column
from markov.report.words import money, per_qaly


def probabilistic_pages(inputs: Inputs, result: Probabilistic) -> list[Page]:
    """Summary, cost-effectiveness plane, acceptability, convergence, checks of every draw, and data of the charts.

    >>> from markov.analysis.uncertainty.probabilistic import draw_sample, summarise, totals
    >>> result = summarise(draw_sample(calgb, 20, 1, traced=False), calgb.thresholds, totals(calgb_base.outcomes))
    >>> [page.name for page in probabilistic_pages(calgb, result)]
    ['Probabilistic', 'CE plane', 'CEAC and CEAF', 'Convergence', 'Draw checks', 'Chart data']
    """
    plane, points = plane_page(inputs, result)
    acceptability, curves = acceptability_page(inputs, result)
    convergence, running = convergence_page(inputs, result)
    several = len(result.sample.strategies) > 1
    told = "Acceptability and loss by threshold, means after more draws, ellipses, and the draws in the pictures."
    drawn = (curves, *([running] if several else []), *points)
    return [
        _summary_page(inputs, result),
        *([plane, acceptability, convergence] if several else []),
        *draw_checks_pages(inputs, result),
        Page(CHART_DATA, "Data of the charts", told, drawn, widths=(16.0, *(16.0,) * 10)),
    ]


def _summary_page(inputs: Inputs, result: Probabilistic) -> Page:
    blocks: tuple[Block, ...] = (
        Text(" ".join(lead(inputs, result)), "lead"),
        _decisions_table(inputs, result),
        _summary_table(inputs, result),
        _incremental_table(inputs, result),
        *_severity_table(inputs, result),
    )
    subtitle = f"{result.sample.runs:,} draws of every uncertain input at once; strategies share their random numbers."
    return Page("Probabilistic", "How sure is the answer?", subtitle, blocks, (48.0, 38.0, *(16.0,) * 6))


def lead(inputs: Inputs, result: Probabilistic) -> Iterator[str]:
    """The answer over all draws in a sentence for each threshold, and what a target was met.

    >>> from markov.analysis.uncertainty.probabilistic import draw_sample, summarise, totals
    >>> result = summarise(draw_sample(calgb, 20, 1, traced=False), calgb.thresholds, totals(calgb_base.outcomes))
    >>> next(lead(calgb, result)).partition(" is the best")[0]
    'At £25,000 per QALY no maintenance has the highest mean net benefit and'
    """
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
    decisions, labels = result.decisions, [inputs.labels[s] for s in result.sample.strategies]
    note = (
        "The strategy of the highest mean net benefit need not be the one that is most often best. The expected loss "
        "of the best strategy is the value of perfect information."
    )
    columns = by_column(
        range(len(decisions.thresholds)),
        ("Threshold", "strong", lambda i: per_qaly(float(decisions.thresholds[i]), inputs.currency)),
        ("Highest mean net benefit", "text", lambda i: labels[decisions.best[i]]),
        ([f"Probability best, {label}" for label in labels], "percent", lambda i: decisions.probability[i]),
        ([f"Expected loss, {la} ({inputs.currency})" for la in labels], "money", lambda i: decisions.loss[i]),
    )
    return Table("Decision under uncertainty", *columns, "decisions", (note,))


def _summary_table(inputs: Inputs, result: Probabilistic) -> Table:
    columns: tuple[Told[Summary], ...] = (
        (["Deterministic", "Mean of draws"], "number", lambda summary: (summary.deterministic, summary.mean)),
        (["Low, 95 %", "High, 95 %"], "number", lambda summary: (summary.low, summary.high)),
        ("Reading", "text", _reading),
    )
    note = "The interval holds 95 % of the draws (credible interval). How sure the means themselves are: Convergence."
    title = "Probabilistic beside deterministic"
    return figure_table(inputs, title, "summary", result.summaries, columns, note, spread=True)


def _reading(summary: Summary) -> str:
    words = ["mean off the deterministic value: the model is not linear"] if summary.is_off else []
    if summary.versus is not None and not summary.is_settled:
        words.append("sign of the mean within Monte Carlo error")
    return "; ".join(words)


def _incremental_table(inputs: Inputs, result: Probabilistic) -> Table:
    rows = [*(("draws", row) for row in result.incremental), *(("deterministic", row) for row in result.deterministic)]
    pairs = "; ".join(
        f"{inputs.labels[row.strategy]}: {icer_in_words(row, inputs.currency)}" for row in result.pairwise
    )
    columns = by_column(
        rows,
        ("Strategy", "strong", lambda line: inputs.labels[line[1].strategy]),
        ("Means from", "text", lambda line: line[0]),
        (f"Cost ({inputs.currency})", "money", lambda line: line[1].cost),
        ("QALYs", "qaly", lambda line: line[1].qaly),
        (f"ICER ({inputs.currency} per QALY)", "money", lambda line: line[1].icer),
        ("Position", "text", lambda line: POSITIONS[line[1].position]),
    )
    return Table(
        "Incremental analysis on means",
        *columns,
        "incremental",
        (f"ICERs are ratios of means over draws. Against the reference: {pairs}.",),
        spread=True,
    )


def _severity_table(inputs: Inputs, result: Probabilistic) -> Iterator[Table]:
    """How probable each of NICE's severity weights is."""
    if not result.severity:
        return
    columns, rows = by_column(
        result.severity.items(),
        ("Severity weight on QALYs", "number", lambda pair: pair[0]),
        ("Probability over draws", "percent", lambda pair: pair[1]),
    )
    care = inputs.labels[result.sample.strategies[0]].lower()
    note = (
        f"Shortfall of patients under {care} in each draw, against the general population of their age and sex (NICE "
        "manual PMG36, 6.2). Net benefits of this report carry no weight; the Severity sheet shows them with it."
    )
    looks: list[Look] = ["years"] * len(rows)
    yield Table("Probability of each severity weight", columns, rows, "severity", (note,), looks=tuple(looks))

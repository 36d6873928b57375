"""The CEAC and CEAF sheet: how probable it is that a strategy is best, by threshold, and what a wrong choice costs."""

from markov.analysis.uncertainty.probabilistic import Probabilistic
from markov.inputs.parameters import Inputs
from markov.report.page import Chart, Page, Series, Table, Text
from markov.report.sheets.charts import CHART_DATA, INK, by_strategy
from markov.report.sheets.tables import by_column
from markov.report.words import money


def acceptability_page(inputs: Inputs, result: Probabilistic) -> tuple[Page, Table]:
    """Acceptability curves and their frontier, expected losses, every tenth threshold of them; and what is drawn.

    >>> from markov.analysis.uncertainty.probabilistic import draw_sample, summarise, totals
    >>> result = summarise(draw_sample(calgb, 20, 1, traced=False), calgb.thresholds, totals(calgb_base.outcomes))
    >>> acceptability_page(calgb, result)[0].blocks[0].words.partition(",")[0]
    'No maintenance is best on average at low thresholds'
    """
    curves, labels = result.curves, [inputs.labels[s] for s in result.sample.strategies]
    note = (
        "The acceptability curve (CEAC) is the share of draws in which a strategy has the highest net benefit; the "
        "frontier (CEAF) that of the strategy with the highest mean, which should be chosen. They need not be the same."
    )
    columns = by_column(
        range(0, len(curves.thresholds), 10),
        (f"Threshold ({inputs.currency} per QALY)", "money", lambda i: curves.thresholds[i]),
        ("Highest mean net benefit", "text", lambda i: labels[curves.best[i]]),
        ([f"Probability best, {label}" for label in labels], "percent", lambda i: curves.probability[i]),
        ("Frontier: probability of the best on average", "percent", lambda i: curves.frontier[i]),
        (f"Expected loss of the best ({inputs.currency})", "money", lambda i: curves.evpi[i]),
    )
    table = Table("Acceptability by threshold", *columns, "acceptability", (note,))
    charts = (_acceptability_chart(inputs, result, labels), _loss_chart(inputs, labels))
    blocks = (Text(_words(inputs, result, labels), "lead"), charts, table)
    subtitle = "Every strategy at once, over a range of thresholds; a chart's full data are on the sheet Chart data."
    title, widths = "Acceptability curves and their frontier", (24.0, 26.0, *(18.0,) * 8)
    page = Page("CEAC and CEAF", title, subtitle, blocks, widths, one_page=True)
    return page, _drawn(result, labels)


def _words(inputs: Inputs, result: Probabilistic, labels: list[str]) -> str:
    curves = result.curves
    told = [
        f"{labels[curves.best[i]].lower()} from {money(float(curves.thresholds[i]), inputs.currency)}"
        for i in range(1, len(curves.best))
        if curves.best[i] != curves.best[i - 1]
    ]
    first = f"{labels[curves.best[0]]} is best on average at low thresholds"
    return first + (f", {', '.join(told)} on." if told else ", and at all.")


def _acceptability_chart(inputs: Inputs, result: Probabilistic, labels: list[str]) -> Chart:
    """Probability of being best by threshold, and the frontier."""
    series = by_strategy(labels, CHART_DATA, "curves", 1)
    series.append(Series("Frontier (highest mean)", CHART_DATA, "curves", 0, 1 + len(labels), INK, dashed=True))
    switches = " and ".join(money(at, inputs.currency) for at in result.curves.switches)
    told = f"the best strategy changes at {switches}" if switches else "one strategy is best at every threshold shown"
    x_title = f"Threshold ({inputs.currency} per QALY)"
    return Chart("lines", f"Acceptability: {told}", x_title, "Probability", tuple(series), None, 1.0, "#,##0", "0%")


def _loss_chart(inputs: Inputs, labels: list[str]) -> Chart:
    """Expected loss of each strategy by threshold; the lowest is the value of perfect information."""
    series = by_strategy(labels, CHART_DATA, "curves", 2 + len(labels))
    series.append(
        Series("Value of perfect information", CHART_DATA, "curves", 0, 2 + 2 * len(labels), INK, dashed=True)
    )
    title = "Expected loss of each strategy; the lowest is the value of perfect information"
    x_title, y_title = f"Threshold ({inputs.currency} per QALY)", f"{inputs.currency} per patient"
    return Chart("lines", title, x_title, y_title, tuple(series), x_format="#,##0", y_format="#,##0")


def _drawn(result: Probabilistic, labels: list[str]) -> Table:
    """What the charts draw: acceptability and expected loss at every threshold."""
    curves = result.curves
    columns = by_column(
        range(len(curves.thresholds)),
        ("Threshold", "money", lambda i: float(curves.thresholds[i])),
        ([f"Probability best, {label}" for label in labels], "percent", lambda i: curves.probability[i]),
        ("Frontier", "percent", lambda i: curves.frontier[i]),
        ([f"Expected loss, {label}" for label in labels], "money", lambda i: curves.loss[i]),
        ("Value of perfect information", "money", lambda i: curves.evpi[i]),
    )
    return Table("By threshold", *columns, "curves")

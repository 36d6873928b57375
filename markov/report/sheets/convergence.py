"""The Convergence sheet: how well means over draws are known, and how many draws would be enough."""

from collections.abc import Sequence

from markov.analysis.uncertainty.probabilistic import Probabilistic, Summary
from markov.inputs.parameters import Inputs
from markov.report.page import Chart, Look, Page, Series, Table, Text
from markov.report.sheets.charts import CHART_DATA, colour
from markov.report.sheets.tables import Told, by_column
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


def figure_table(
    inputs: Inputs,
    title: str,
    key: str,
    shown: Sequence[Summary],
    columns: Sequence[Told[Summary]],
    note: str,
    *,
    spread: bool = False,
) -> Table:
    """Figures over draws, a row each: what they are of, then the columns asked for.

    >>> cost = Summary("delta_cost", "lenalidomide", "no_maintenance", None, 9.0, 10.0, 1.0, 8.0, 12.0)
    >>> figure_table(calgb, "Means", "means", [cost], [("Mean", "number", lambda summary: summary.mean)], "").rows
    (('Difference in cost', 'Lenalidomide less no maintenance', 10.0),)
    """

    def what(summary: Summary) -> str:
        at = "" if summary.threshold is None else f" at {per_qaly(summary.threshold, inputs.currency)}"
        return NAMES[summary.quantity] + at

    def who(summary: Summary) -> str:
        label = inputs.labels[summary.strategy]
        return label if summary.versus is None else f"{label} less {inputs.labels[summary.versus].lower()}"

    heads: tuple[Told[Summary], ...] = (("Figure, per patient, discounted", "strong", what), ("Strategy", "text", who))
    looks = tuple(LOOKS.get(summary.quantity, "qaly") for summary in shown)
    return Table(title, *by_column(shown, *heads, *columns), key, (note,), looks=looks, spread=spread)


def convergence_page(inputs: Inputs, result: Probabilistic) -> tuple[Page, Table]:
    """Whether there are enough draws: the running mean of net benefit and every difference; and what is drawn.

    >>> from markov.analysis.uncertainty.probabilistic import draw_sample, summarise, totals
    >>> result = summarise(draw_sample(calgb, 20, 1, traced=False), calgb.thresholds, totals(calgb_base.outcomes))
    >>> convergence_page(calgb, result)[0].blocks[2].rows[0][:2]
    ('Difference in cost', 'Lenalidomide less no maintenance')
    """
    shown = [s for s in result.summaries if s.versus is not None]
    blocks = (
        Text(_settled(inputs, result, shown), "lead"),
        (_running_chart(inputs, result),),
        _precision_table(inputs, result, shown),
    )
    subtitle = "How far the means over draws would move with other random numbers, and with more draws."
    page = Page("Convergence", "Are there enough draws?", subtitle, blocks, (42.0, 36.0, *(18.0,) * 5), True)
    return page, _drawn(inputs, result)


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
    columns: tuple[Told[Summary], ...] = (
        (["Mean of draws", "Monte Carlo standard error"], "number", lambda s: (s.mean, s.standard_error)),
        ("Mean known to ± (95 %)", "number", lambda s: s.half_width),
        ("Sign of the mean", "text", lambda s: "certain" if s.is_settled else "within Monte Carlo error"),
        ("Draws for half that width", "integer", lambda s: 4 * result.sample.runs),
    )
    note = (
        "The Monte Carlo standard error is what a mean would vary by with other random numbers; it says whether the "
        "draws are enough, not how uncertain the inputs are. markov psa --until-precision AMOUNT draws until mean net "
        "benefit is known to that amount (Hatswell and others 2018, PharmacoEconomics 36:1421)."
    )
    return figure_table(inputs, "Precision of the means", "precision", shown, columns, note)


def _running_chart(inputs: Inputs, result: Probabilistic) -> Chart:
    """Mean incremental net benefit after more and more draws, with its band."""
    series: list[Series] = []
    for i, strategy in enumerate(result.sample.strategies[1:]):
        label, painted = inputs.labels[strategy], colour(1 + i)
        series.append(Series(label, CHART_DATA, "running", 0, 1 + 3 * i, painted))
        series += [
            Series(f"{label}, 95 %", CHART_DATA, "running", 0, 2 + 3 * i + k, painted, dashed=True, listed=k == 0)
            for k in (0, 1)
        ]
    at = per_qaly(result.thresholds[-1], inputs.currency)
    title = f"Mean net benefit at {at} is known to ± {money(result.half_width, inputs.currency)}"
    y_title = f"Net benefit ({inputs.currency})"
    return Chart("lines", title, "Draws", y_title, tuple(series), x_format="#,##0", y_format="#,##0")


def _drawn(inputs: Inputs, result: Probabilistic) -> Table:
    """What the chart draws: means and their bands after so many draws, at the last threshold."""
    running, others = result.running, [inputs.labels[s] for s in result.sample.strategies[1:]]
    means, halves = running.mean[:, -1], running.half_width[:, -1]
    title = f"Mean incremental net benefit at {per_qaly(result.thresholds[-1], inputs.currency)} after so many draws"
    columns, rows = by_column(
        range(len(running.runs)),
        ("Draws", "integer", lambda k: int(running.runs[k])),
        (
            [f"{name}: {what}" for name in others for what in ("mean", "low", "high")],
            "money",
            lambda k: (v for m, h in zip(means[k], halves[k], strict=True) for v in (m, m - h, m + h)),
        ),
    )
    return Table(title, columns, rows, "running")

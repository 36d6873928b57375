"""The CE plane sheet: every draw as a point, strategies against the reference."""

from collections.abc import Iterable, Sequence

import numpy as np

from markov.analysis.uncertainty.probabilistic import Probabilistic
from markov.inputs.parameters import Inputs
from markov.report.page import Chart, Page, Series, Table
from markov.report.sheets.charts import CHART_DATA, GREY, INK, colour
from markov.report.sheets.tables import by_column, finite
from markov.report.words import per_qaly

SHOWN = 1000  # draws in the picture of the plane; the tables rest on all
MEAN = "#B5483F"


def plane_page(inputs: Inputs, result: Probabilistic) -> tuple[Page, list[Table]]:
    """A picture for each strategy beside the reference, how many draws lie in which quadrant; and what is drawn.

    >>> from markov.analysis.uncertainty.probabilistic import draw_sample, summarise, totals
    >>> result = summarise(draw_sample(calgb, 20, 1, traced=False), calgb.thresholds, totals(calgb_base.outcomes))
    >>> [series.name for series in plane_page(calgb, result)[0].blocks[0][0].series]
    ['Draws', '95 % ellipse', 'Mean', '£35,000 per QALY']
    """
    charts = [_chart(inputs, result, i) for i in range(len(result.planes))]
    quadrants = list(dict.fromkeys(q for plane in result.planes for q in plane.quadrants))
    notes = (
        "The ellipse would hold 95 % of the draws if they were bivariate normal; the last column says how many it does "
        f"hold. The grey line is the threshold of {per_qaly(result.thresholds[-1], inputs.currency)}: draws "
        f"below it are cost-effective there. The pictures show the first {SHOWN:,} "
        "draws at most, the figures rest on all.",
    )
    columns = by_column(
        result.planes,
        (f"Against {_reference(inputs, result)}", "strong", lambda plane: inputs.labels[plane.strategy]),
        ("Mean difference in QALYs", "qaly", lambda plane: plane.mean[0]),
        (f"Mean difference in cost ({inputs.currency})", "money", lambda plane: plane.mean[1]),
        (
            [f"Draws that are {quadrant.value}" for quadrant in quadrants],
            "percent",
            lambda plane: [plane.quadrants.get(quadrant, 0.0) for quadrant in quadrants],
        ),
        ("Draws inside the ellipse", "percent", lambda plane: finite(plane.inside)),
    )
    table = Table("Where the draws lie", *columns, "quadrants", notes)
    subtitle = "Differences from the reference in each draw, discounted, per patient."
    pairs = tuple(tuple(charts[i : i + 2]) for i in range(0, len(charts), 2))
    page = Page("CE plane", "Cost-effectiveness plane", subtitle, (*pairs, table), (34.0, *(18.0,) * 8), True)
    return page, _drawn(inputs, result)


def _reference(inputs: Inputs, result: Probabilistic) -> str:
    return inputs.labels[result.sample.strategies[0]].lower()


def _chart(inputs: Inputs, result: Probabilistic, i: int) -> Chart:
    """Draws of one strategy against the reference, the 95 % ellipse, the mean and the highest threshold."""
    plane, threshold = result.planes[i], result.thresholds[-1]
    n = len(plane.ellipse)
    series = (
        Series("Draws", CHART_DATA, f"plane_{i}", 1, 2, colour(1 + i), markers=True, width=3),
        Series("95 % ellipse", CHART_DATA, f"ellipse_{i}", 1, 2, INK, last=n - 1, dashed=True),
        Series("Mean", CHART_DATA, f"ellipse_{i}", 1, 2, MEAN, first=n, last=n, markers=True),
        Series(per_qaly(threshold, inputs.currency), CHART_DATA, f"ellipse_{i}", 1, 2, GREY, n + 1, n + 2),
    )
    gains = float(np.mean(plane.delta_qaly > 0.0))
    worth = float(np.mean(threshold * plane.delta_qaly - plane.delta_cost > 0.0))
    pair = f"{inputs.labels[plane.strategy]} against {_reference(inputs, result)}"
    title = f"{pair}: more QALYs in {gains:.0%} of draws, cost-effective in {worth:.0%}"
    y_title = f"Difference in cost ({inputs.currency})"
    return Chart("points", title, "Difference in QALYs", y_title, series, x_format="0.0", y_format="#,##0")


def _drawn(inputs: Inputs, result: Probabilistic) -> list[Table]:
    """What the pictures draw, for each strategy: ellipse, mean and threshold; then the draws shown."""
    ellipses, draws = [], []
    for i, plane in enumerate(result.planes):
        label, highest = inputs.labels[plane.strategy], result.thresholds[-1]
        reach = float(np.abs(plane.delta_qaly).max()) * 1.1
        lines = ((0, -reach, -reach * highest), (0, reach, reach * highest))
        around = [*((k, *point) for k, point in enumerate(plane.ellipse, start=1)), (0, *plane.mean), *lines]
        ellipses.append(_points(f"Ellipse, mean and threshold: {label}", "Point", around, f"ellipse_{i}"))
        shown = zip(range(1, SHOWN + 1), plane.delta_qaly, plane.delta_cost, strict=False)
        draws.append(_points(f"Draws in the picture: {label}", "Draw", shown, f"plane_{i}"))
    return [*ellipses, *draws]


def _points(title: str, head: str, rows: Iterable[Sequence[float]], key: str) -> Table:
    columns = by_column(
        rows,
        (head, "integer", lambda point: point[0]),
        ("Difference in QALYs", "qaly", lambda point: point[1]),
        ("Difference in cost", "money", lambda point: point[2]),
    )
    return Table(title, *columns, key)

"""The Results sheet: expected outcomes of every strategy, survival, treatment and events."""

from collections.abc import Sequence

import numpy as np

from markov.analysis.base_case import BaseCase
from markov.model.outcomes import LANDMARK_YEARS
from markov.report.page import Look, Page, Table
from markov.report.sheets.survival import survival_charts
from markov.report.sheets.tables import by_column, finite
from markov.terms import MALIGNANCIES, MONTHS_PER_YEAR, STATE_LABELS, Array, State

Line = tuple[str, str, Array, Look]
"""A row: what it is, its unit or figure, a value for each strategy, and how they look."""

CURVES = {
    "os": "Overall survival",
    "pfs_net_of_spm": "Progression-free survival, net of second malignancies",
    "progression_and_spm_free": "Free of progression and second malignancies",
}


def results_page(result: BaseCase) -> Page:
    """Outcomes of every strategy: totals, survival figures, treatment and events.

    >>> results_page(calgb_base).blocks[0].rows[2][:2]
    ('QALYs, discounted', 'QALYs')
    """
    medians = (
        "Medians are interpolated within a cycle at a constant hazard. An empty cell: not reached within the horizon."
    )
    return Page(
        "Results",
        "Results",
        "Expected outcomes per patient over the horizon, by strategy.",
        (
            _table(result, "Totals", "totals", ("Outcome per patient", "Unit"), _totals(result)),
            survival_charts(result),
            _table(result, "Survival", "curves", ("Curve", "Figure"), _survival(result), (medians,)),
            _table(result, "Treatment and events", "events", ("Event", "Figure"), _events(result)),
        ),
        widths=(48.0, 32.0, *(20.0,) * 8),
    )


def _table(
    result: BaseCase, title: str, key: str, heads: tuple[str, str], lines: Sequence[Line], notes: tuple[str, ...] = ()
) -> Table:
    columns, rows = by_column(
        lines,
        (heads[0], "strong", lambda line: line[0]),
        (heads[1], "text", lambda line: line[1]),
        (result.labels, "number", lambda line: map(finite, line[2])),
    )
    return Table(title, columns, rows, key, notes, looks=tuple(look for *_, look in lines))


def _totals(result: BaseCase) -> list[Line]:
    outcomes, currency = result.outcomes, result.inputs.currency
    return [
        ("Cost, discounted", currency, outcomes.cost[0], "money"),
        ("Cost, undiscounted", currency, outcomes.costs[0, :, 0].sum(axis=-1), "money"),
        ("QALYs, discounted", "QALYs", outcomes.qaly[0], "qaly"),
        ("QALYs, undiscounted", "QALYs", outcomes.qalys[0, :, 0].sum(axis=-1), "qaly"),
        ("Life-years, discounted", "years", outcomes.life_year[0], "qaly"),
        ("Life-years, undiscounted", "years", outcomes.life_years[0, :, 0].sum(axis=-1), "qaly"),
    ]


def _survival(result: BaseCase) -> list[Line]:
    lines: list[Line] = []
    for key, label in CURVES.items():
        curve = result.outcomes.curves[key]
        lines.append((label, "median, months", curve.median[0] * MONTHS_PER_YEAR, "months"))
        lines.append(("", "mean within the horizon, months", curve.mean[0] * MONTHS_PER_YEAR, "months"))
        for j, years in enumerate(LANDMARK_YEARS):
            lines.append(("", f"share at {years:g} year{'s' * (years > 1)}", curve.landmarks[0, :, j], "percent"))
    return lines


def _events(result: BaseCase) -> list[Line]:
    outcomes, ever = result.outcomes, "share who ever enter"
    months = outcomes.time_on_treatment[0] * MONTHS_PER_YEAR
    medians = np.where(months > 0, outcomes.curves["on_treatment"].median[0] * MONTHS_PER_YEAR, np.nan)
    lines: list[Line] = [
        ("Time on treatment", "mean, months", months, "months"),
        ("", "median of starters, months", medians, "months"),
    ]
    for state in list(State)[1:]:
        name = "Stopped for toxicity" if state is State.TOXICITY else STATE_LABELS[state]
        lines.append((name, ever, outcomes.entered(state)[0], "percent"))
    any_malignancy = sum(outcomes.entered(state)[0] for state in MALIGNANCIES)
    lines.append(("Any second primary malignancy", ever, np.asarray(any_malignancy), "percent"))
    for key, name in {"toxicity_rate": "Rate of stops for toxicity", "other_stop_rate": "Rate of other stops"}.items():
        lines.append((name, "per month, solved", outcomes.solved[key][0] / MONTHS_PER_YEAR, "rate"))
    return lines

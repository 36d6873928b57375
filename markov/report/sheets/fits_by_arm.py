"""One arm of a fitted endpoint: every family beside the data, its hazards, landmarks, parameters, and the tail."""

from collections.abc import Iterator, Sequence

import numpy as np

from markov.analysis.evidence.curve_fits import ArmFits, describe
from markov.analysis.evidence.fitted_parameters import own_names
from markov.inputs.parameters import Inputs
from markov.report.page import CATEGORY_COLOURS, Cell, Chart, Column, Look, Page, Series, Table, Text, sheet_names
from markov.report.sheets.charts import GREY, INK
from markov.report.sheets.tables import ENDPOINT_LABELS, by_column, finite
from markov.survival.fit import Fit
from markov.survival.kaplan_meier import smoothed_hazard
from markov.survival.life_table import LifeTable
from markov.terms import MONTHS_PER_YEAR, Array

LANDMARKS = (12.0, 24.0, 36.0, 60.0, 120.0, 240.0)  # months
LONG_TERM = 240.0  # months shown beyond follow-up
STEPS = 80
DRAWN = 7  # families drawn, best AIC first


def data_name(inputs: Inputs, arm: ArmFits) -> str:
    """Name of the sheet that holds what an arm's charts draw.

    >>> from types import SimpleNamespace
    >>> data_name(calgb, SimpleNamespace(strategy="lenalidomide", endpoint="os"))
    'Data OS Lenalidomide'
    """
    return _sheet_name(inputs, arm, f"Data {arm.endpoint.upper()}")


def _sheet_name(inputs: Inputs, arm: ArmFits, kind: str) -> str:
    return dict(zip(inputs.labels, sheet_names(kind, list(inputs.labels.values())), strict=True))[arm.strategy]


def round_up(months: float) -> float:
    """Whole years, for the end of an axis.

    >>> round_up(25.0)
    36.0
    """
    return float(12 * np.ceil(months / 12.0))


def arm_pages(inputs: Inputs, arm: ArmFits) -> tuple[Page, Page]:
    """The sheet of one arm, charts first and the tables behind them, and the sheet of what its charts draw.

    >>> from markov.survival.fitting import Family, Records, fit_family
    >>> from markov.survival.reconstruction import reconstruct
    >>> rebuilt = reconstruct([9, 20, 30, 40], [0.9, 0.8, 0.667, 0.5], risk_times=[0, 35], at_risk=[10, 6])
    >>> records = Records(rebuilt.times, rebuilt.events)
    >>> fit = fit_family(records, Family.WEIBULL)
    >>> arm = ArmFits("lenalidomide", "os", (), rebuilt, records, (fit,), fit, "asked for")
    >>> [page.name for page in arm_pages(calgb, arm)]
    ['OS Lenalidomide', 'Data OS Lenalidomide']
    """
    data, drawn = data_name(inputs, arm), _drawn(arm)
    what = f"{ENDPOINT_LABELS[arm.endpoint]}, {inputs.labels[arm.strategy]}"
    told = "Rebuilt records, every family fitted to them, and what each says beyond follow-up."
    page = Page(
        _sheet_name(inputs, arm, arm.endpoint.upper()),
        what,
        told,
        (
            Text(f"Chosen: {describe(arm.chosen)} ({arm.by_whom}).", "lead"),
            (_families_chart(data, arm, drawn), _hazard_chart(data, drawn)),
            (_log_cumulative_chart(data, arm, drawn), _tail_chart(data, arm, drawn)),
            _families_table(arm),
            _landmarks_table(arm, drawn),
            _parameters_table(arm),
            _quality_table(arm),
            *_changes_table(arm),
        ),
        widths=(33.0, *(13.0,) * 8),
    )
    tables = (
        _long_table(inputs, drawn),
        _curves_table(arm, drawn),
        _hazards_table(inputs, arm, drawn),
        _steps_table(arm),
    )
    told = "Every point that the charts of this curve draw, so that they can be drawn again."
    return page, Page(data, f"Data of the charts: {what}", told, tables, widths=(11.0, *(12.0,) * 12))


def _drawn(arm: ArmFits) -> list[Fit]:
    """The chosen curve first, then others by AIC."""
    return [arm.chosen, *(fit for fit in arm.fitted if fit is not arm.chosen)][:DRAWN]


def _families_table(arm: ArmFits) -> Table:
    last = arm.kaplan_meier.last
    columns, rows = by_column(
        arm.fitted,
        ("Family", "strong", describe),
        (["Log-likelihood", "AIC", "BIC"], "months", lambda fit: (fit.log_likelihood, fit.aic, fit.bic)),
        ("Median (months)", "months", lambda fit: finite(fit.median())),
        (f"Mean to {last:.0f} months", "months", lambda fit: fit.mean_within(last)),
        ("Mean beyond (months)", "months", lambda fit: finite(fit.mean_beyond(last))),
        ("Hazard at the end (per month)", "rate", lambda fit: float(fit.hazard(last))),
        ("Converged", "strong", lambda fit: "yes" if fit.converged else fit.message),
    )
    failed = [(f.family.value.replace("_", " "), f.reason) for f in arm.failures]
    rows = (*rows, *((family, *(None,) * 7, "not fitted") for family, _ in failed))
    middle, low, high = arm.kaplan_meier.median()
    data = f"Data: median {_in_words(middle)} months (95 % interval {_in_words(low)} to {_in_words(high)})."
    infinite = "A mean beyond follow-up is empty where the family's mean is not finite."
    notes = (data, infinite, *(f"{family} not fitted: {reason}." for family, reason in failed))
    bold = frozenset(i for i, fit in enumerate(arm.fitted) if fit is arm.chosen)
    return Table("Families by AIC", columns, rows, "families", notes, bold=bold)


def _in_words(months: float) -> str:
    return f"{months:.1f}" if np.isfinite(months) else "not reached"


def _parameters_table(arm: ArmFits) -> Table:
    columns = by_column(
        ((fit, i, name) for fit in arm.fitted for i, name in enumerate(own_names(fit))),
        ("Family", "strong", lambda line: describe(line[0]) if line[1] == 0 else ""),
        ("Parameter", "text", lambda line: line[2]),
        ("Value", "share", lambda line: float(line[0].parameters[line[2]])),
        ("Estimate, sampled scale", "share", lambda line: line[0].estimates[line[1]]),
        ("Standard error", "share", lambda line: line[0].standard_errors[line[1]]),
        ("Correlations with those above", "text", lambda line: _correlations(line[0], line[1])),
    )
    note = "Times in months. Positive parameters are estimated and sampled as logarithms."
    return Table("Parameters", *columns, "parameters", (note,))


def _correlations(fit: Fit, i: int) -> str:
    errors = fit.standard_errors
    return ", ".join(f"{fit.covariance[i, j] / (errors[i] * errors[j]):.3f}" for j in range(i))


def _landmarks_table(arm: ArmFits, drawn: Sequence[Fit]) -> Table:
    km = arm.kaplan_meier
    columns, rows = by_column(
        LANDMARKS,
        ("Months", "integer", lambda months: months),
        ("Data", "percent", lambda months: float(km.at(months)) if months <= km.last else None),
        ([describe(fit) for fit in drawn], "percent", lambda months: [float(fit.survival(months)) for fit in drawn]),
    )
    note = "The chosen curve stands first. Data are empty beyond follow-up."
    return Table("Landmarks", columns, rows, "landmarks", (note,))


def _quality_table(arm: ArmFits) -> Table:
    quality = arm.reconstruction.quality
    columns = (Column("Rebuilt records against what was published", "strong"), Column("Given"), Column("Rebuilt"))
    rows: list[tuple[Cell, ...]] = [
        ("Root mean square distance to the points", None, f"{quality.rmse:.4f}"),
        ("Largest distance to the points", None, f"{quality.max_difference:.4f}"),
        ("Events", "not given" if quality.events_given is None else str(quality.events_given), str(quality.events)),
        ("Median (months)", None, "not reached" if quality.median is None else f"{quality.median:.1f}"),
        (f"Mean to {quality.last_point:.1f} months", None, f"{quality.rmst:.2f}"),
    ]
    numbers = zip(quality.risk_times, quality.at_risk_given, quality.at_risk, strict=True)
    rows += [(f"At risk at {time:.0f} months", str(given), str(mine)) for time, given, mine in numbers]
    return Table("Quality of the reconstruction", columns, tuple(rows), "quality")


def _changes_table(arm: ArmFits) -> Iterator[Table]:
    changes = arm.reconstruction.quality.changes
    if changes:
        columns, rows = by_column(
            changes,
            ("What cleaning changed", "strong", lambda c: f"{c.quantity}, point {c.point}: {c.reason}"),
            (["Given", "Used"], "number", lambda c: (c.given, c.used)),
        )
        yield Table("Points changed before use", columns, rows, "changes")


def _drawing(key: str, title: str, *columns: tuple[str, Look, Array]) -> Table:
    """What a chart draws: headers, looks, and the values of each column; what is not finite is an empty cell."""
    rows = tuple(tuple(map(finite, row)) for row in np.column_stack([values for _, _, values in columns]))
    return Table(title, tuple(Column(header, look) for header, look, _ in columns), rows, key)


def _curves_table(arm: ArmFits, drawn: Sequence[Fit]) -> Table:
    km = arm.kaplan_meier
    times = np.linspace(0.0, km.last, STEPS + 1)
    low, high = km.interval_at(times)
    return _drawing(
        "curves",
        "Curves within follow-up",
        ("Months", "months", times),
        ("Data", "share", km.at(times)),
        ("Low, 95 %", "share", low),
        ("High, 95 %", "share", high),
        *((describe(fit), "share", fit.survival(times)) for fit in drawn),
    )


def _steps_table(arm: ArmFits) -> Table:
    """The Kaplan–Meier curve as corners, for the charts."""
    km = arm.kaplan_meier
    times = np.concatenate([[0.0], np.repeat(km.times, 2), [km.last]])
    survival = np.concatenate([[1.0], np.repeat(np.concatenate([[1.0], km.survival]), 2)[1:-1], [km.survival[-1]]])
    title = "Kaplan–Meier curve of the rebuilt records"
    return _drawing("steps", title, ("Months", "months", times), ("Data, corners of the steps", "share", survival))


def _hazards_table(inputs: Inputs, arm: ArmFits, drawn: Sequence[Fit]) -> Table:
    last = arm.kaplan_meier.last
    times = np.linspace(last / STEPS, last, STEPS)
    with np.errstate(divide="ignore"):
        return _drawing(
            "hazards",
            "Hazards within follow-up",
            ("Months", "months", times),
            ("Data, smoothed (per month)", "rate", smoothed_hazard(arm.records, times)),
            ("General population (per month)", "rate", _population_hazard(inputs, times)),
            ("Log of months", "share", np.log(times)),
            ("Data, log cumulative hazard", "share", np.log(-np.log(arm.kaplan_meier.at(times)))),
            *((f"{describe(fit)}, hazard", "rate", fit.hazard(times)) for fit in drawn),
            (f"{describe(drawn[0])}, log cumulative", "share", np.log(drawn[0].cumulative_hazard(times))),
        )


def _long_table(inputs: Inputs, drawn: Sequence[Fit]) -> Table:
    times = np.linspace(0.0, LONG_TERM, 41)
    return _drawing(
        "long",
        "Curves to 20 years",
        ("Months", "months", times),
        ("General population", "share", _population_survival(inputs, times)),
        *((describe(fit), "share", fit.survival(times)) for fit in drawn),
    )


def _population_survival(inputs: Inputs, months: Array) -> Array:
    """Survival of the general population at the cohort's age and sex mix."""
    table = inputs.life_table
    life = LifeTable.from_probabilities(table.ages, table.male, table.female)
    age, female = np.asarray(inputs.number("cohort.age")), np.asarray(inputs.number("cohort.proportion_female"))
    return life.survival(age, female, months / MONTHS_PER_YEAR)


def _population_hazard(inputs: Inputs, months: Array) -> Array:
    """Hazard of the general population per month, around each time."""
    half = 0.5
    before, after = (_population_survival(inputs, np.maximum(months + d, 0.0)) for d in (-half, half))
    return np.asarray(np.log(before / after) / np.maximum(np.minimum(months, half) + half, 1e-9))


def _families_chart(name: str, arm: ArmFits, drawn: Sequence[Fit]) -> Chart:
    series = (
        Series("Data", name, "steps", 0, 1, INK),
        Series("95 % interval", name, "curves", 0, 2, GREY, dashed=True),
        Series("95 % interval, upper", name, "curves", 0, 3, GREY, dashed=True),
        *_by_family(drawn, name, "curves", 4),
    )
    title = f"Within follow-up the families lie {_spread(drawn, arm.kaplan_meier.last):.0%} apart at most"
    limit = round_up(arm.kaplan_meier.last)
    return Chart("lines", title, "Months", "Share of patients", series, limit, 1.0, "0", "0%")


def _by_family(drawn: Sequence[Fit], name: str, table: str, first: int) -> Iterator[Series]:
    for i, fit in enumerate(drawn):
        yield Series(describe(fit), name, table, 0, first + i, CATEGORY_COLOURS[1 + i])


def _spread(drawn: Sequence[Fit], until: float, start: float = 0.0) -> float:
    curves = np.stack([fit.survival(np.linspace(start, until, STEPS)) for fit in drawn])
    return float(np.ptp(curves, axis=0).max())


def _hazard_chart(name: str, drawn: Sequence[Fit]) -> Chart:
    series = (
        Series("Data, smoothed", name, "hazards", 0, 1, INK),
        Series("General population", name, "hazards", 0, 2, GREY, dashed=True),
        *_by_family(drawn, name, "hazards", 5),
    )
    title = "Hazards: does the family follow the shape of the data?"
    return Chart("lines", title, "Months", "Hazard per month", series, x_format="0", y_format="0.000")


def _log_cumulative_chart(name: str, arm: ArmFits, drawn: Sequence[Fit]) -> Chart:
    series = (
        Series("Data", name, "hazards", 3, 4, INK),
        Series(describe(arm.chosen), name, "hazards", 3, 5 + len(drawn), CATEGORY_COLOURS[1], dashed=True),
    )
    title = "Log cumulative hazard: straight under a Weibull, slope 1 under an exponential"
    return Chart("lines", title, "Log of months", "Log cumulative hazard", series, x_format="0.0", y_format="0.0")


def _tail_chart(name: str, arm: ArmFits, drawn: Sequence[Fit]) -> Chart:
    people = Series("General population", name, "long", 0, 1, GREY, dashed=True)
    spread = _spread(drawn, LONG_TERM, arm.kaplan_meier.last)
    title, series = (
        f"Beyond follow-up the families lie up to {spread:.0%} apart",
        (people, *_by_family(drawn, name, "long", 2)),
    )
    return Chart("lines", title, "Months", "Share of patients", series, LONG_TERM, 1.0, "0", "0%")

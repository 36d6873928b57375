"""One arm of a fitted endpoint: every family beside the data, its hazards, landmarks, parameters, and the tail."""

from collections.abc import Iterable, Sequence

import numpy as np

from markov.analysis.evidence.curve_fits import ArmFits, describe
from markov.analysis.evidence.fitted_parameters import own_names
from markov.inputs.parameters import Inputs
from markov.report.page import CATEGORY_COLOURS, Block, Cell, Chart, Column, Page, Series, Table, Text, sheet_names
from markov.survival.fit import Fit
from markov.survival.kaplan_meier import smoothed_hazard
from markov.survival.life_table import LifeTable
from markov.terms import MONTHS_PER_YEAR, Array, Endpoint

LANDMARKS = (12.0, 24.0, 36.0, 60.0, 120.0, 240.0)  # months
LONG_TERM = 240.0  # months shown beyond follow-up
STEPS = 80
DRAWN = 7  # families drawn, best AIC first
ENDPOINT_NAMES = {
    Endpoint.PFS: "Progression-free survival",
    Endpoint.OS: "Overall survival",
    Endpoint.POST_PROGRESSION: "Survival from progression",
}
GREY, INK = "#9AA5B1", "#1F2A37"


def arm_name(inputs: Inputs, arm: ArmFits) -> str:
    """Name of an arm's sheet."""
    return _sheet_name(inputs, arm, arm.endpoint.upper().replace("_", " "))


def data_name(inputs: Inputs, arm: ArmFits) -> str:
    """Name of the sheet that holds what an arm's charts draw."""
    return _sheet_name(inputs, arm, f"Data {arm.endpoint.upper().replace('_', ' ')}")


def _sheet_name(inputs: Inputs, arm: ArmFits, kind: str) -> str:
    return dict(zip(inputs.labels, sheet_names(kind, list(inputs.labels.values())), strict=True))[arm.strategy]


def round_up(months: float) -> float:
    """Whole years, for the end of an axis."""
    return float(12 * np.ceil(months / 12.0))


def finite(value: float) -> float | None:
    """A number, or an empty cell where it is not finite."""
    return float(value) if np.isfinite(value) else None


def arm_page(inputs: Inputs, arm: ArmFits) -> Page:
    """The sheet of one arm: charts first, then the tables behind them."""
    label, name, data = inputs.labels[arm.strategy], arm_name(inputs, arm), data_name(inputs, arm)
    drawn = _drawn(arm)
    charts = (
        (_families_chart(data, arm, drawn), _hazard_chart(data, drawn)),
        (_log_cumulative_chart(data, arm, drawn), _tail_chart(data, arm, drawn)),
    )
    blocks: tuple[Block, ...] = (
        Text(f"Chosen: {describe(arm.chosen)} ({arm.by_whom}).", "lead"),
        *charts,
        _families_table(arm),
        _landmarks_table(arm, drawn),
        _parameters_table(arm),
        _quality_table(arm),
        *_changes_table(arm),
    )
    title = f"{ENDPOINT_NAMES[Endpoint(arm.endpoint)]}, {label}"
    subtitle = "Rebuilt records, every family fitted to them, and what each says beyond follow-up."
    return Page(name, title, subtitle, blocks, widths=(33.0, *(13.0,) * 8))


def data_page(inputs: Inputs, arm: ArmFits) -> Page:
    """The numbers that the charts of an arm draw."""
    drawn = _drawn(arm)
    blocks = (
        _long_table(inputs, arm, drawn),
        _curves_table(arm, drawn),
        _hazards_table(inputs, arm, drawn),
        _steps_table(arm),
    )
    title = f"Data of the charts: {ENDPOINT_NAMES[Endpoint(arm.endpoint)]}, {inputs.labels[arm.strategy]}"
    subtitle = "Every point that the charts of this curve draw, so that they can be drawn again."
    return Page(data_name(inputs, arm), title, subtitle, blocks, widths=(11.0, *(12.0,) * 12))


def _drawn(arm: ArmFits) -> list[Fit]:
    """The chosen curve first, then others by AIC."""
    return [arm.chosen, *(fit for fit in arm.fitted if fit is not arm.chosen)][:DRAWN]


def _families_table(arm: ArmFits) -> Table:
    last = arm.kaplan_meier.last
    columns = (
        Column("Family", "strong"),
        Column("Log-likelihood", "months"),
        Column("AIC", "months"),
        Column("BIC", "months"),
        Column("Median (months)", "months"),
        Column(f"Mean to {last:.0f} months", "months"),
        Column("Mean beyond (months)", "months"),
        Column("Hazard at the end (per month)", "rate"),
        Column("Converged", "strong"),
    )
    rows: list[tuple[Cell, ...]] = [
        (
            describe(fit),
            fit.log_likelihood,
            fit.aic,
            fit.bic,
            finite(fit.median()),
            fit.mean_within(last),
            finite(fit.mean_beyond(last)),
            float(fit.hazard(last)),
            "yes" if fit.converged else fit.message,
        )
        for fit in arm.fitted
    ]
    rows += [(f.family.value.replace("_", " "), *(None,) * 7, "not fitted") for f in arm.failures]
    reasons = (f"{f.family.value.replace('_', ' ')} not fitted: {f.reason}." for f in arm.failures)
    middle, low, high = arm.kaplan_meier.median()
    data = f"Data: median {_in_words(middle)} months (95 % interval {_in_words(low)} to {_in_words(high)})."
    bold = frozenset(i for i, fit in enumerate(arm.fitted) if fit is arm.chosen)
    infinite = "A mean beyond follow-up is empty where the family's mean is not finite."
    return Table("Families by AIC", columns, tuple(rows), "families", (data, infinite, *reasons), bold=bold)


def _in_words(months: float) -> str:
    return f"{months:.1f}" if np.isfinite(months) else "not reached"


def _parameters_table(arm: ArmFits) -> Table:
    columns = (
        Column("Family", "strong"),
        Column("Parameter"),
        Column("Value", "share"),
        Column("Estimate, sampled scale", "share"),
        Column("Standard error", "share"),
        Column("Correlations with those above"),
    )
    rows: list[tuple[Cell, ...]] = []
    for fit in arm.fitted:
        natural = fit.parameters
        for i, name in enumerate(own_names(fit)):
            errors = fit.standard_errors
            others = [float(fit.covariance[i, j] / (errors[i] * errors[j])) for j in range(i)]
            rows.append(
                (
                    describe(fit) if i == 0 else "",
                    name,
                    float(natural[name]),
                    float(fit.estimates[i]),
                    float(errors[i]),
                    ", ".join(f"{value:.3f}" for value in others),
                )
            )
    note = "Times in months. Positive parameters are estimated and sampled as logarithms."
    return Table("Parameters", columns, tuple(rows), "parameters", (note,))


def _landmarks_table(arm: ArmFits, drawn: Sequence[Fit]) -> Table:
    km = arm.kaplan_meier
    columns = (Column("Months", "integer"), Column("Data", "percent"), *(Column(describe(f), "percent") for f in drawn))
    rows = tuple(
        (months, float(km.at(months)) if months <= km.last else None, *(float(f.survival(months)) for f in drawn))
        for months in LANDMARKS
    )
    note = "The chosen curve stands first. Data are empty beyond follow-up."
    return Table("Landmarks", columns, rows, "landmarks", (note,))


def _quality_table(arm: ArmFits) -> Table:
    quality = arm.reconstruction.quality
    columns = (Column("Rebuilt records against what was published", "strong"), Column("Given"), Column("Rebuilt"))
    rows: list[tuple[Cell, ...]] = [
        ("Root mean square distance to the points", None, f"{quality.rmse:.4f}"),
        ("Largest distance to the points", None, f"{quality.max_difference:.4f}"),
        (
            "Events",
            "not given" if quality.events_given is None else str(quality.events_given),
            str(quality.events),
        ),
        ("Median (months)", None, "not reached" if quality.median is None else f"{quality.median:.1f}"),
        (f"Mean to {quality.last_point:.1f} months", None, f"{quality.rmst:.2f}"),
    ]
    numbers = zip(quality.risk_times, quality.at_risk_given, quality.at_risk, strict=True)
    rows += [(f"At risk at {time:.0f} months", str(given), str(mine)) for time, given, mine in numbers]
    return Table("Quality of the reconstruction", columns, tuple(rows), "quality")


def _changes_table(arm: ArmFits) -> Iterable[Table]:
    changes = arm.reconstruction.quality.changes
    if changes:
        columns = (Column("What cleaning changed", "strong"), Column("Given", "number"), Column("Used", "number"))
        rows = tuple((f"{c.quantity}, point {c.point}: {c.reason}", c.given, c.used) for c in changes)
        yield Table("Points changed before use", columns, rows, "changes")


def _curves_table(arm: ArmFits, drawn: Sequence[Fit]) -> Table:
    km = arm.kaplan_meier
    times = np.linspace(0.0, km.last, STEPS + 1)
    low, high = km.interval_at(times)
    columns = (
        Column("Months", "months"),
        Column("Data", "share"),
        Column("Low, 95 %", "share"),
        Column("High, 95 %", "share"),
        *(Column(describe(fit), "share") for fit in drawn),
    )
    values = [times, km.at(times), low, high, *(fit.survival(times) for fit in drawn)]
    return Table("Curves within follow-up", columns, _rows(values), "curves")


def _steps_table(arm: ArmFits) -> Table:
    """The Kaplan–Meier curve as corners, for the charts."""
    km = arm.kaplan_meier
    times = np.concatenate([[0.0], np.repeat(km.times, 2), [km.last]])
    survival = np.concatenate([[1.0], np.repeat(np.concatenate([[1.0], km.survival]), 2)[1:-1], [km.survival[-1]]])
    columns = (Column("Months", "months"), Column("Data, corners of the steps", "share"))
    return Table("Kaplan–Meier curve of the rebuilt records", columns, _rows([times, survival]), "steps")


def _hazards_table(inputs: Inputs, arm: ArmFits, drawn: Sequence[Fit]) -> Table:
    last = arm.kaplan_meier.last
    times = np.linspace(last / STEPS, last, STEPS)
    columns = (
        Column("Months", "months"),
        Column("Data, smoothed (per month)", "rate"),
        Column("General population (per month)", "rate"),
        Column("Log of months", "share"),
        Column("Data, log cumulative hazard", "share"),
        *(Column(f"{describe(fit)}, hazard", "rate") for fit in drawn),
        *(Column(f"{describe(fit)}, log cumulative", "share") for fit in drawn[:1]),
    )
    with np.errstate(divide="ignore"):
        cumulative = np.log(-np.log(arm.kaplan_meier.at(times)))
        values = [
            times,
            smoothed_hazard(arm.records, times),
            population_hazard(inputs, times),
            np.log(times),
            cumulative,
            *(fit.hazard(times) for fit in drawn),
            np.log(drawn[0].cumulative_hazard(times)),
        ]
    return Table("Hazards within follow-up", columns, _rows(values), "hazards")


def _long_table(inputs: Inputs, arm: ArmFits, drawn: Sequence[Fit]) -> Table:
    times = np.linspace(0.0, LONG_TERM, 41)
    columns = (
        Column("Months", "months"),
        Column("General population", "share"),
        *(Column(describe(fit), "share") for fit in drawn),
    )
    values = [times, population_survival(inputs, times), *(fit.survival(times) for fit in drawn)]
    return Table("Curves to 20 years", columns, _rows(values), "long")


def population_survival(inputs: Inputs, months: Array) -> Array:
    """Survival of the general population at the cohort's age and sex mix."""
    table = inputs.life_table
    life = LifeTable.from_probabilities(table.ages, table.male, table.female)
    age, female = np.asarray(inputs.number("cohort.age")), np.asarray(inputs.number("cohort.proportion_female"))
    return life.survival(age, female, months / MONTHS_PER_YEAR)


def population_hazard(inputs: Inputs, months: Array) -> Array:
    """Hazard of the general population per month, around each time."""
    half = 0.5
    before, after = (population_survival(inputs, np.maximum(months + d, 0.0)) for d in (-half, half))
    return np.asarray(np.log(before / after) / np.maximum(np.minimum(months, half) + half, 1e-9))


def _rows(values: Sequence[Array]) -> tuple[tuple[Cell, ...], ...]:
    return tuple(tuple(finite(v) for v in row) for row in np.column_stack(values))


def _families_chart(name: str, arm: ArmFits, drawn: Sequence[Fit]) -> Chart:
    series = [Series("Data", name, "steps", 0, 1, INK)]
    series += [
        Series("95 % interval", name, "curves", 0, 2, GREY, dashed=True),
        Series("95 % interval, upper", name, "curves", 0, 3, GREY, dashed=True),
    ]
    series += [Series(describe(fit), name, "curves", 0, 4 + i, CATEGORY_COLOURS[1 + i]) for i, fit in enumerate(drawn)]
    title = f"Within follow-up the families lie {_spread(drawn, arm.kaplan_meier.last):.0%} apart at most"
    limit = round_up(arm.kaplan_meier.last)
    return Chart("lines", title, "Months", "Share of patients", tuple(series), limit, 1.0, "0", "0%")


def _spread(drawn: Sequence[Fit], until: float, start: float = 0.0) -> float:
    curves = np.stack([fit.survival(np.linspace(start, until, STEPS)) for fit in drawn])
    return float(np.ptp(curves, axis=0).max())


def _hazard_chart(name: str, drawn: Sequence[Fit]) -> Chart:
    series = [
        Series("Data, smoothed", name, "hazards", 0, 1, INK),
        Series("General population", name, "hazards", 0, 2, GREY, dashed=True),
        *(Series(describe(fit), name, "hazards", 0, 5 + i, CATEGORY_COLOURS[1 + i]) for i, fit in enumerate(drawn)),
    ]
    title = "Hazards: does the family follow the shape of the data?"
    return Chart("lines", title, "Months", "Hazard per month", tuple(series), x_format="0", y_format="0.000")


def _log_cumulative_chart(name: str, arm: ArmFits, drawn: Sequence[Fit]) -> Chart:
    series = (
        Series("Data", name, "hazards", 3, 4, INK),
        Series(describe(arm.chosen), name, "hazards", 3, 5 + len(drawn), CATEGORY_COLOURS[1], dashed=True),
    )
    title = "Log cumulative hazard: straight under a Weibull, slope 1 under an exponential"
    return Chart("lines", title, "Log of months", "Log cumulative hazard", series, x_format="0.0", y_format="0.0")


def _tail_chart(name: str, arm: ArmFits, drawn: Sequence[Fit]) -> Chart:
    series = [
        Series("General population", name, "long", 0, 1, GREY, dashed=True),
        *(Series(describe(fit), name, "long", 0, 2 + i, CATEGORY_COLOURS[1 + i]) for i, fit in enumerate(drawn)),
    ]
    spread = _spread(drawn, LONG_TERM, arm.kaplan_meier.last)
    title = f"Beyond follow-up the families lie up to {spread:.0%} apart"
    return Chart("lines", title, "Months", "Share of patients", tuple(series), LONG_TERM, 1.0, "0", "0%")

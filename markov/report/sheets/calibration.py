"""The report of a calibration: targets, rates with their uncertainty, and the survival that the model then gives."""

import numpy as np

from markov.analysis.calibration import COMMON, CalibratedRate
from markov.analysis.evidence.calibrated_parameters import CalibrationStory
from markov.inputs.definitions.schema import label_of
from markov.inputs.parameters import Inputs
from markov.report.page import STRATEGY_COLOURS, Block, Cell, Chart, Column, Look, Page, Series, Table, Text
from markov.terms import MONTHS_PER_YEAR


def calibration_pages(story: CalibrationStory) -> list[Page]:
    """The page of targets and rates, with a chart for each reading."""
    blocks: list[Block] = []
    if story.rates:
        blocks += [Text(_lead(story), "lead"), _rates_table(story), tuple(_chart(story, i) for i in _readings(story))]
        blocks += [_target_points(story)]
    if story.others:
        blocks.append(_others_table(story))
    subtitle = "Rates solved inside this model, so that it returns the published figures."
    widths = (44.0, 15.0, 11.0, 11.0, 13.0, 13.0, 11.0, 11.0, 13.0, 13.0, 22.0)
    pages = [Page("Calibration", "Calibration", subtitle, tuple(blocks), widths)]
    if story.outcomes:
        told = "Modelled overall survival under the calibrated rates."
        curves = tuple(_curves(story, i) for i in _readings(story))
        pages.append(Page("Data", "Data of the charts", told, curves, widths=(12.0, *(16.0,) * 8)))
    return pages


def _readings(story: CalibrationStory) -> range:
    return range(len(story.outcomes))


def _lead(story: CalibrationStory) -> str:
    words = []
    for rate in story.rates:
        who = "all strategies" if rate.target.who == COMMON else story.inputs.labels[rate.target.who]
        words.append(f"{who} {rate.rate:.4f} {_unit(story.inputs, rate)}")
    return "Excess death rate after progression: " + "; ".join(words) + "."


def _unit(inputs: Inputs, rate: CalibratedRate) -> str:
    row = inputs.parameters.get(rate.target.rate)
    return row.unit if row is not None else "per month"


def _rates_table(story: CalibrationStory) -> Table:
    columns = (
        Column("Target", "strong"),
        Column("Status"),
        Column("Figure", "number"),
        Column("Low", "number"),
        Column("High", "number"),
        Column("Rate", "rate"),
        Column("Standard error, delta method", "rate"),
        Column("Low", "rate"),
        Column("High", "rate"),
        Column(f"Mean of {story.draws} draws", "rate"),
        Column("Standard deviation of the draws", "rate"),
    )
    rows: list[tuple[Cell, ...]] = []
    notes = []
    for rate, (mean, deviation) in zip(story.rates, story.spread, strict=True):
        figure = rate.figure
        label = figure.label or label_of(figure.id, story.inputs.labels)
        spread = (rate.rate, rate.standard_error, rate.low, rate.high, mean, deviation)
        value = figure.value if isinstance(figure.value, (int, float)) else None
        rows.append((f"{label} ({figure.unit})", figure.status, value, figure.low, figure.high, *spread))
        low, high = rate.reachable
        top = f"{high:.4g}" if np.isfinite(high) else "never reached"
        notes.append(f"{label}: rates from 0.5 to 0 per month would give {low:.4g} to {top} {figure.unit}.")
    notes.append(
        "Limits of a rate are the rates at the target's limits. In the draws every uncertain input varies with the "
        "target, and the rate is solved again in each, as in the probabilistic analysis."
    )
    looks: tuple[Look, ...] = tuple("months" if rate.target.is_median else "number" for rate in story.rates)
    return Table("Targets and rates", columns, tuple(rows), "rates", tuple(notes), weak=1, looks=looks)


def _others_table(story: CalibrationStory) -> Table:
    columns = (
        Column("Solved rate", "strong"),
        Column("Value", "rate"),
        Column("Unit"),
        Column("Published share", "percent"),
        Column("By month", "months"),
    )
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (label_of(name, story.inputs.labels), value, unit, share, months)
        for name, value, unit, share, months in story.others
    )
    return Table("Rates of stops and second malignancies", columns, rows, "others")


def _target_points(story: CalibrationStory) -> Table:
    """Where each target lies, for the charts."""
    columns = (Column("Target", "strong"), Column("Years", "years"), Column("Share alive", "share"))
    rows = []
    for rate in story.rates:
        survival, years = rate.target.survival_and_years(story.inputs, {}, 1)
        rows.append((label_of(rate.figure.id, story.inputs.labels), float(years[0]), float(survival[0])))
    return Table("Targets on the curve", columns, tuple(rows), "targets")


def _curves(story: CalibrationStory, i: int) -> Table:
    name, outcomes = story.outcomes[i]
    assert outcomes.trace is not None
    labels = [story.inputs.labels[s] for s in outcomes.strategies]
    alive = outcomes.trace.curves["os"][0]
    step = max(len(outcomes.trace.boundaries) // 120, 1)
    columns = (Column("Years", "years"), *(Column(label, "share") for label in labels))
    rows = tuple(
        (float(year), *(float(v) for v in values))
        for year, values in zip(outcomes.trace.boundaries[::step], alive[:, ::step].T, strict=True)
    )
    return Table(f"Modelled overall survival: {name}", columns, rows, f"curves_{i}")


def _chart(story: CalibrationStory, i: int) -> Chart:
    name, outcomes = story.outcomes[i]
    series = [
        Series(story.inputs.labels[s], "Data", f"curves_{i}", 0, 1 + j, STRATEGY_COLOURS[j])
        for j, s in enumerate(outcomes.strategies)
    ]
    common = name.startswith("One")
    for k, rate in enumerate(story.rates):
        if (rate.target.who == COMMON) == common:
            j = 0 if common else outcomes.strategies.index(rate.target.who)
            colour = STRATEGY_COLOURS[j]
            series.append(Series("Target", "Calibration", "targets", 1, 2, colour, first=k, last=k, markers=True))
    medians = outcomes.curves["os"].median[0] * MONTHS_PER_YEAR
    told = ", ".join(
        f"{story.inputs.labels[s]} {m:.0f}" for s, m in zip(outcomes.strategies, medians, strict=True) if m == m
    )
    title = f"{name}: median overall survival {told} months"
    return Chart("lines", title, "Years from time zero", "Share alive", tuple(series), 25.0, 1.0, "0", "0%")

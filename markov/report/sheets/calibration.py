"""The report of a calibration: targets, rates with their uncertainty, and the survival that the model then gives."""

import numpy as np

from markov.analysis.calibration import COMMON, CalibratedRate
from markov.analysis.evidence.calibrated_parameters import CalibrationStory
from markov.inputs.definitions.schema import label_of
from markov.report.page import Block, Chart, Look, Page, Series, Table, Text
from markov.report.sheets.charts import by_strategy, colour
from markov.report.sheets.tables import by_column
from markov.terms import MONTHS_PER_YEAR


def calibration_pages(story: CalibrationStory) -> list[Page]:
    """The page of targets and rates, with a chart for each reading.

    >>> rates = CalibrationStory(calgb, (), (), 0, (("toxicity.rate.lenalidomide", 0.005, "per month", 0.2, 24.0),), ())
    >>> calibration_pages(rates)[0].blocks[0].rows
    (('Rate of stops for toxicity, Lenalidomide', 0.005, 'per month', 0.2, 24.0),)
    """
    blocks: list[Block] = []
    readings = range(len(story.outcomes))
    if story.rates:
        blocks += [Text(_lead(story), "lead"), _rates_table(story), tuple(_chart(story, i) for i in readings)]
        blocks.append(_target_points(story))
    if story.others:
        blocks.append(_others_table(story))
    subtitle = "Rates solved inside this model, so that it returns the published figures."
    widths = (44.0, 15.0, 11.0, 11.0, 13.0, 13.0, 11.0, 11.0, 13.0, 13.0, 22.0)
    pages = [Page("Calibration", "Calibration", subtitle, tuple(blocks), widths)]
    if story.outcomes:
        told = "Modelled overall survival under the calibrated rates."
        curves = tuple(_curves(story, i) for i in readings)
        pages.append(Page("Data", "Data of the charts", told, curves, widths=(12.0, *(16.0,) * 8)))
    return pages


def _lead(story: CalibrationStory) -> str:
    words = []
    for rate in story.rates:
        who = "all strategies" if rate.target.who == COMMON else story.inputs.labels[rate.target.who]
        row = story.inputs.parameters.get(rate.target.rate)
        words.append(f"{who} {rate.rate:.4f} {row.unit if row else 'per month'}")
    return "Excess death rate after progression: " + "; ".join(words) + "."


def _rates_table(story: CalibrationStory) -> Table:
    notes = []
    for rate in story.rates:
        low, high = rate.reachable
        top = f"{high:.4g}" if np.isfinite(high) else "never reached"
        told = f"rates from 0.5 to 0 per month would give {low:.4g} to {top} {rate.figure.unit}"
        notes.append(f"{_label(story, rate)}: {told}.")
    notes.append(
        "Limits of a rate are the rates at the target's limits. In the draws every uncertain input varies with the "
        "target, and the rate is solved again in each, as in the probabilistic analysis."
    )
    columns = by_column(
        zip(story.rates, story.spread, strict=True),
        ("Target", "strong", lambda line: f"{_label(story, line[0])} ({line[0].figure.unit})"),
        ("Status", "text", lambda line: line[0].figure.status),
        ("Figure", "number", lambda line: line[0].figure.value),
        (["Low", "High"], "number", lambda line: (line[0].figure.low, line[0].figure.high)),
        ("Rate", "rate", lambda line: line[0].rate),
        (["Standard error, delta method", "Low"], "rate", lambda line: (line[0].standard_error, line[0].low)),
        ("High", "rate", lambda line: line[0].high),
        ([f"Mean of {story.draws} draws", "Standard deviation of the draws"], "rate", lambda line: line[1]),
    )
    looks: list[Look] = ["months" if rate.target.is_median else "number" for rate in story.rates]
    return Table("Targets and rates", *columns, "rates", tuple(notes), weak=1, looks=tuple(looks))


def _label(story: CalibrationStory, rate: CalibratedRate) -> str:
    return rate.figure.label or label_of(rate.figure.id, story.inputs.labels)


def _others_table(story: CalibrationStory) -> Table:
    columns = by_column(
        story.others,
        ("Solved rate", "strong", lambda each: label_of(each[0], story.inputs.labels)),
        ("Value", "rate", lambda each: each[1]),
        ("Unit", "text", lambda each: each[2]),
        ("Published share", "percent", lambda each: each[3]),
        ("By month", "months", lambda each: each[4]),
    )
    return Table("Rates of stops and second malignancies", *columns, "others")


def _target_points(story: CalibrationStory) -> Table:
    """Where each target lies, for the charts."""
    points = [(rate, *rate.target.survival_and_years(story.inputs, {}, 1)) for rate in story.rates]
    columns = by_column(
        points,
        ("Target", "strong", lambda point: label_of(point[0].figure.id, story.inputs.labels)),
        ("Years", "years", lambda point: point[2][0]),
        ("Share alive", "share", lambda point: point[1][0]),
    )
    return Table("Targets on the curve", *columns, "targets")


def _curves(story: CalibrationStory, i: int) -> Table:
    name, outcomes = story.outcomes[i]
    assert outcomes.trace is not None
    alive, years = outcomes.trace.curves["os"][0], outcomes.trace.boundaries
    columns = by_column(
        range(0, len(years), max(len(years) // 120, 1)),
        ("Years", "years", lambda k: years[k]),
        ([story.inputs.labels[s] for s in outcomes.strategies], "share", lambda k: alive[:, k]),
    )
    return Table(f"Modelled overall survival: {name}", *columns, f"curves_{i}")


def _chart(story: CalibrationStory, i: int) -> Chart:
    name, outcomes = story.outcomes[i]
    labels = [story.inputs.labels[s] for s in outcomes.strategies]
    series = by_strategy(labels, "Data", f"curves_{i}", 1)
    common = name.startswith("One")
    for k, rate in enumerate(story.rates):
        if (rate.target.who == COMMON) == common:
            painted = colour(0 if common else outcomes.strategies.index(rate.target.who))
            series.append(Series("Target", "Calibration", "targets", 1, 2, painted, first=k, last=k, markers=True))
    medians = outcomes.curves["os"].median[0] * MONTHS_PER_YEAR
    told = ", ".join(f"{label} {m:.0f}" for label, m in zip(labels, medians, strict=True) if m == m)
    title = f"{name}: median overall survival {told} months"
    return Chart("lines", title, "Years from time zero", "Share alive", tuple(series), 25.0, 1.0, "0", "0%")

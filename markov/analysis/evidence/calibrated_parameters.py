"""What a calibration becomes in a workbook, and what there is to tell of it."""

from collections.abc import Iterator
from dataclasses import dataclass

from markov.analysis.calibration import (
    COMMON,
    CalibratedRate,
    Recalibrated,
    Target,
    calibrate,
    malignancy_rate_for,
    targets,
)
from markov.analysis.draws import random_draws
from markov.analysis.evidence.new_rows import NewRows, RowChange, uncertain
from markov.inputs.definitions.schema import match
from markov.inputs.parameters import Inputs, Parameter, Value, changed_inputs
from markov.model.evaluate import evaluate
from markov.model.outcomes import Outcomes
from markov.terms import MONTHS_PER_YEAR, PostProgression, PostProgressionRate, Status, weakest

READINGS = {
    PostProgressionRate.COMMON: "One rate for all strategies",
    PostProgressionRate.BY_STRATEGY: "A rate by strategy",
}


@dataclass(frozen=True)
class CalibrationStory:
    """A calibration to tell: the rates, what else was solved, and outcomes under the common or the separate rates.

    `spread` holds, for each rate, mean and standard deviation over random draws of every uncertain input.
    """

    inputs: Inputs
    rates: tuple[CalibratedRate, ...]
    spread: tuple[tuple[float, float], ...]
    draws: int
    others: tuple[tuple[str, float, str, float, float], ...]
    outcomes: tuple[tuple[str, Outcomes], ...]


def calibration_story(
    inputs: Inputs, draws: int, *, malignancies: bool = False, discontinuation: bool = False
) -> CalibrationStory:
    """Solve every rate that has a target, and those asked for.

    Raises CalibrationError where a target is out of reach.

    >>> calibration_story(calgb, 2).rates  # CALGB names no target
    ()
    """
    wanted = targets(inputs)
    rates = tuple(calibrate(inputs, target) for target in wanted)
    others = [*(_malignancies(inputs) if malignancies else ()), *(_stops(inputs) if discontinuation else ())]
    return CalibrationStory(
        inputs,
        rates,
        tuple(_spread(inputs, target, draws) for target in wanted),
        draws,
        tuple(others),
        tuple(_readings(inputs, rates)),
    )


def _spread(inputs: Inputs, target: Target, draws: int) -> tuple[float, float]:
    """Mean and standard deviation of a rate over random draws of its target and of everything else."""
    rows = Recalibrated(inputs, random_draws(inputs, draws), (target,))
    solved = rows.block(0, draws)[target.rate]
    return float(solved.mean()), float(solved.std(ddof=1))


def _readings(inputs: Inputs, rates: tuple[CalibratedRate, ...]) -> Iterator[tuple[str, Outcomes]]:
    """The model under the calibrated rates, for each reading that has them."""
    for reading, name in READINGS.items():
        own = [rate for rate in rates if (rate.target.who == COMMON) == (reading is PostProgressionRate.COMMON)]
        complete = own and (reading is PostProgressionRate.COMMON or len(own) == len(inputs.compared))
        if complete:
            changes: dict[str, Value] = {rate.target.rate: rate.rate for rate in own}
            changes["settings.post_progression"] = PostProgression.RATE.value
            changes["settings.post_progression_rate"] = reading.value
            yield name, evaluate(changed_inputs(inputs, changes), trace=True)


def _malignancies(inputs: Inputs) -> Iterator[tuple[str, float, str, float, float]]:
    """The longest follow-up of each treated strategy counts."""
    reported = sorted((r for r in inputs.trial_results if r.endpoint == "spm"), key=lambda r: r.months)
    for strategy, result in {r.strategy: r for r in reported}.items():
        if strategy in inputs.compared and inputs.value(f"treatment.share_starting.{strategy}"):
            rate = f"spm.rate.{strategy}"
            solved = malignancy_rate_for(inputs, strategy, result.value, result.months)
            yield rate, solved, _unit(inputs, rate), result.value, result.months


def _stops(inputs: Inputs) -> Iterator[tuple[str, float, str, float, float]]:
    solved = evaluate(inputs).solved["toxicity_rate"][0]
    for strategy, rate in zip(inputs.compared, solved, strict=True):
        proportion, period = (f"toxicity.{name}.{strategy}" for name in ("proportion", "period"))
        if inputs.given(proportion):
            months = inputs.number(period) * MONTHS_PER_YEAR
            identifier = f"toxicity.rate.{strategy}"
            own = float(rate) / inputs.factor(identifier)
            yield identifier, own, _unit(inputs, identifier), inputs.number(proportion), months


def _unit(inputs: Inputs, identifier: str) -> str:
    row, found = inputs.parameters.get(identifier), match(identifier)
    assert found is not None and found[0].quantity is not None
    return row.unit if row is not None else found[0].quantity.unit


def calibrated_rows(story: CalibrationStory) -> NewRows:
    """Rows of the parameter sheets: solved rates, fixed where a target is drawn in their place.

    >>> from markov import with_values
    >>> story = calibration_story(with_values(calgb, {"calibration.os_median.common": 84.1}), 2)
    >>> calibrated_rows(story).parameters["post_progression.excess_rate.common"]["distribution"]
    'fixed'
    """
    rows: dict[str, RowChange | None] = {}
    for rate in story.rates:
        figure = rate.figure
        limits = f"{rate.low:.6g} to {rate.high:.6g}" if rate.high > rate.low else "not known"
        words = f"Meets {figure.value:g} {figure.unit} ({figure.id}). Limits {limits} from those of the target; random "
        rows[rate.target.rate] = {
            **uncertain(rate.rate),
            "unit": _unit(story.inputs, rate.target.rate),
            "source": "Calibrated inside this model",
            "page": figure.id,
            "status": weakest([figure.status or Status.ASSUMPTION]).value,
            "comment": words + "draws draw the target and solve this rate again.",
        }
        rows[figure.id] = {"value": figure.value, "unit": figure.unit, **_origin(figure)}
    for identifier, value, unit, share, months in story.others:
        comment = f"Solved inside this model: {share:.4g} by {months:g} months, other exits competing."
        source = {"source": "Calibrated inside this model", "status": Status.DERIVED.value}
        rows[identifier] = {"value": value, "unit": unit, **source, "comment": comment}
        kind, _, strategy = identifier.split(".")
        replaced = (f"{kind}.{name}.{strategy}" for name in ("proportion", "period"))
        rows |= {name: None for name in replaced if name in story.inputs.parameters}
    return NewRows(rows)


def _origin(figure: Parameter) -> RowChange:
    """A target that came without a source was given on the command line: an assumption until one is named."""
    if figure.source:
        return {}
    return {"source": "Given on the command line", "status": Status.ASSUMPTION.value, "distribution": "fixed"}

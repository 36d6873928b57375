"""Curves from published medians and a hazard ratio alone: a Weibull whose shape they identify, with its uncertainty.

Where no hazard ratio is known the shape stays the workbook's own, as an assumption.  Source of the shape: two medians
and the hazard ratio of one data cut, k = −ln HR / ln(m₁/m₀).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from markov.analysis.evidence.networks import contrast_of
from markov.analysis.evidence.new_rows import NewRows, RowChange, uncertain
from markov.inputs.definitions.survival import CURVE_NUMBER_NAMES
from markov.inputs.evidence import TrialContrast
from markov.inputs.parameters import Inputs, TrialResult
from markov.inputs.problems import InputError, Problem
from markov.survival.effects import Effect, Estimate, median_from_events, median_from_interval, shape_with_error
from markov.terms import Family, Status, weakest


@dataclass(frozen=True)
class MedianFit:
    """One endpoint's Weibull curves: a median for each strategy, the hazard ratio if there is one, and the shape.

    `shape_row` is the trial that identified the shape; None where the shape is the workbook's own assumption.
    """

    endpoint: str
    medians: Mapping[str, Estimate]
    results: Mapping[str, TrialResult]
    hazard_ratio: Effect | None
    shape: Estimate
    shape_row: TrialContrast | None


def fit_medians(inputs: Inputs, endpoint: str) -> MedianFit:
    """Weibull curves of an endpoint from the medians of the sheet Trial results and a ratio of Evidence network.

    A median's error is that of its interval, else of the events on the sheet Kaplan-Meier. Raises InputError, naming
    what is missing and where it goes.

    >>> {strategy: median.value for strategy, median in fit_medians(calgb, "os").medians.items()}
    {'no_maintenance': 84.1, 'lenalidomide': 113.8}
    """
    results = _results(inputs, endpoint)
    contrast = _contrast(inputs, endpoint, results)
    assumed = inputs.value(f"{endpoint}.shape.{inputs.reference}")
    if contrast is None and not isinstance(assumed, (int, float)):
        rule = f"no hazard ratio of {endpoint} and no shape: nothing identifies the curve"
        remedy = f"Add a row to Evidence network, or assume {endpoint}.shape.{inputs.reference} with a distribution."
        raise InputError([Problem(inputs.name, rule, remedy=remedy)])
    guess = float(assumed) if isinstance(assumed, (int, float)) else 1.0
    medians = {strategy: _median(inputs, endpoint, result, guess) for strategy, result in results.items()}
    if contrast is None:
        return MedianFit(endpoint, medians, results, None, _assumed_shape(inputs, endpoint, guess), None)
    effect = contrast_of(contrast).effect
    try:
        shape = shape_with_error(effect, medians[contrast.treatment], medians[contrast.comparator])
    except ValueError as error:
        raise InputError([Problem(contrast.place, str(error).rstrip("."))]) from error
    return MedianFit(endpoint, medians, results, effect, shape, contrast)


def _results(inputs: Inputs, endpoint: str) -> dict[str, TrialResult]:
    """The first median of every compared strategy, one with its limits before one without."""
    found: dict[str, TrialResult] = {}
    medians = (r for r in inputs.trial_results if (r.endpoint, r.measure) == (endpoint, "median"))
    for result in sorted(medians, key=lambda r: r.low is None):
        found.setdefault(result.strategy, result)
    missing = [s for s in inputs.compared if s not in found]
    if missing:
        rule = f"no median of {endpoint} for {', '.join(missing)}"
        place = f"{inputs.name}, Trial results"
        raise InputError([Problem(place, rule, remedy="Add its row, with the 95 % interval where it is printed.")])
    return {strategy: found[strategy] for strategy in inputs.compared}


def _contrast(inputs: Inputs, endpoint: str, results: Mapping[str, TrialResult]) -> TrialContrast | None:
    """The first included trial that compares a strategy with the reference."""
    rows = (row for row in inputs.network if row.included and row.endpoint == endpoint)
    return next((row for row in rows if row.comparator == inputs.reference and row.treatment in results), None)


def _median(inputs: Inputs, endpoint: str, result: TrialResult, shape: float) -> Estimate:
    events = [p for p in inputs.curve_points if (p.strategy, p.endpoint) == (result.strategy, endpoint)]
    total = next((p.value for p in events if p.quantity == "events"), None)
    place = f"{inputs.name}, {result.cell}"
    try:
        if result.low is not None:
            return median_from_interval(result.value, result.low, result.high)
        if total is not None:
            return median_from_events(result.value, total, shape)
    except ValueError as error:
        raise InputError([Problem(place, str(error).rstrip("."))]) from error
    rule = f"nothing says how sure the median of {endpoint} of {result.strategy} is"
    remedy = "Fill its limits here, or its total of events on the sheet Kaplan-Meier."
    raise InputError([Problem(place, rule, remedy=remedy)])


def _assumed_shape(inputs: Inputs, endpoint: str, value: float) -> Estimate:
    row = inputs.parameters[f"{endpoint}.shape.{inputs.reference}"]
    if row.low is not None and row.high is not None:
        return Estimate(value, median_from_interval(value, row.low, row.high).log_standard_error)
    return Estimate(value, (row.se or 0.0) / value)


def median_rows(fit: MedianFit) -> NewRows:
    """Rows of the sheet Survival: family, median and shape of every strategy; what they replace is taken away.

    >>> median_rows(fit_medians(calgb, "os")).parameters["os.median.lenalidomide"]["value"]
    113.8
    """
    changes: dict[str, RowChange | None] = {}
    for strategy, result in fit.results.items():
        cleared = (name for name in (*CURVE_NUMBER_NAMES, "knots") if not name.startswith("waning"))
        changes |= {f"{fit.endpoint}.{name}.{strategy}": None for name in cleared}
        told = {"source": result.source, "page": result.page, "status": weakest([result.status]).value}
        family = {"value": Family.WEIBULL.value, "comment": "From medians and a hazard ratio."}
        changes[f"{fit.endpoint}.family.{strategy}"] = {**family, **told}
        error = {"comment": "Published median; its error from the interval or the events.", "unit": "months"}
        changes[f"{fit.endpoint}.median.{strategy}"] = {**_spread(fit.medians[strategy]), **error, **told}
        changes[f"{fit.endpoint}.shape.{strategy}"] = _shape_row(fit)
    return NewRows(changes)


def _shape_row(fit: MedianFit) -> RowChange:
    row: dict[str, object] = {**_spread(fit.shape), "unit": "number", "group": f"{fit.endpoint} shape"}
    if fit.shape_row is None:
        words = "Assumed: one median an arm identifies no shape."
        return {**row, "status": Status.ASSUMPTION.value, "source": "Assumption", "comment": words}
    statuses = [fit.shape_row.status, *(result.status for result in fit.results.values())]
    words = f"−ln(hazard ratio)/ln(ratio of medians), ratio of {fit.shape_row.trial}; its error is an upper bound."
    return {**row, "status": weakest(statuses).value, "source": fit.shape_row.source, "comment": words}


def _spread(estimate: Estimate) -> RowChange:
    return uncertain(estimate.value, *(estimate.interval() if estimate.log_standard_error else ()))

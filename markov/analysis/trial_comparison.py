"""The model beside the trial: published figures of the sheet Trial results, each with the model's own value."""

from dataclasses import dataclass

import numpy as np

from markov.analysis.accounts import moved, so_far
from markov.inputs.parameters import Inputs, TrialResult
from markov.model.outcomes import Outcomes, Trace
from markov.terms import MALIGNANCIES, MONTHS_PER_YEAR, Array, State

CURVES = {"pfs": "pfs_net_of_spm", "os": "os", "time_on_treatment": "on_treatment"}
"""Curve of the model for each published endpoint; PFS is net of second malignancies, as trials count it."""


@dataclass(frozen=True)
class TrialComparison:
    """A published figure beside the model's, in the figure's own unit."""

    result: TrialResult
    modelled: float

    @property
    def within(self) -> bool | None:
        """Whether the model lies in the published interval; None where no interval was published."""
        low, high = self.result.low, self.result.high
        if low is None and high is None:
            return None
        return (low is None or self.modelled >= low) and (high is None or self.modelled <= high)


def trial_comparisons(inputs: Inputs, outcomes: Outcomes) -> tuple[TrialComparison, ...]:
    """Every published figure of a compared strategy beside that of a base case with its trace.

    >>> first = trial_comparisons(calgb, calgb_base.outcomes)[0]
    >>> first.result.endpoint, first.result.measure, first.result.value, round(first.modelled, 1)
    ('pfs', 'median', 27.0, 26.7)
    """
    return tuple(
        TrialComparison(result, _modelled(inputs, outcomes, result))
        for result in inputs.trial_results
        if result.strategy in outcomes.strategies
    )


def _modelled(inputs: Inputs, outcomes: Outcomes, result: TrialResult) -> float:
    """The model's value of a published figure: a median in months, or a proportion at a time."""
    i, trace = outcomes.strategies.index(result.strategy), outcomes.trace
    assert trace is not None
    curve, years = CURVES.get(result.endpoint), result.months / MONTHS_PER_YEAR
    if curve and result.measure == "median":
        return float(outcomes.curves[curve].median[0, i] * MONTHS_PER_YEAR)
    if result.endpoint == "discontinuation":
        return stopped_for_toxicity(inputs, trace, i, inputs.number(f"treatment.start.{result.strategy}") + years)
    levels = trace.curves[curve] if curve else so_far(moved(trace, into=MALIGNANCIES))
    return float(np.interp(years, trace.boundaries, levels[0, i]))


def stopped_for_toxicity(inputs: Inputs, trace: Trace, strategy: int, years: float) -> float:
    """Cumulative incidence of stops for toxicity among those who started, at a time, from the trace alone.

    Within a cycle all exits run at constant rates: a part f of it sees (1 − e^(−f·x))/(1 − e^(−x)) of its flow.

    >>> round(stopped_for_toxicity(calgb, calgb_base.outcomes.trace, 1, 34.0 / 12.0), 9)  # the workbook's own figure
    0.1
    """
    name = inputs.compared[strategy]
    start, share = inputs.number(f"treatment.start.{name}"), inputs.number(f"treatment.share_starting.{name}")
    if share == 0.0:
        return 0.0
    present = trace.occupancy[0, strategy, :, 0]
    flow = moved(trace, out_of=[State.MAINTENANCE], into=[State.TOXICITY])[0, strategy]
    some = np.maximum(present, 1e-300)  # nobody may be left
    x = np.maximum(-np.log(some[1:] / some[:-1]), 1e-12)
    starters = share * _present_at(trace.boundaries, present, flow, x, start)
    parts = np.clip((years - trace.boundaries[:-1]) / trace.boundaries[1], 0.0, 1.0)
    return float((flow * np.expm1(-parts * x) / np.expm1(-x)).sum() / starters)


def _present_at(boundaries: Array, present: Array, flow: Array, x: Array, years: float) -> float:
    """Number in `maintenance` at the start of treatment: before it, nobody stops for toxicity."""
    k = int(np.clip(np.searchsorted(boundaries, years + 1e-9) - 1, 0, len(x) - 1))
    part = (years - boundaries[k]) / boundaries[1]
    toxicity = flow[k] * x[k] / (present[k] * -np.expm1(-x[k]))
    return float(present[k] * np.exp(-part * (x[k] - toxicity)))

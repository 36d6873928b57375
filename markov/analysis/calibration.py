"""Calibration: the excess death rate after progression at which modelled overall survival meets its median."""

import numpy as np

from markov.inputs.parameters import Inputs, with_values
from markov.model.evaluate import evaluate
from markov.terms import MONTHS_PER_YEAR, PostProgression, PostProgressionRate

HIGHEST_MONTHLY_RATE = 0.5
REFINEMENTS = 5
POINTS = 17


def excess_rate_for_median(inputs: Inputs, strategy: str, median_months: float) -> float:
    """Excess death rate per month after progression at which a strategy's modelled OS median is the one given.

    Solved inside this model, second malignancies, background and within-cycle moves included, by narrowing a
    bracket: rates are rows of one evaluation.

    Raises ValueError, naming what is reachable, where no rate from 0 to 0.5 per month returns the median.

    >>> from markov.inputs.template import shipped
    >>> from markov.inputs.workbook import read_inputs
    >>> inputs = read_inputs(shipped("calgb_100104"))
    >>> 0.008 < excess_rate_for_median(inputs, "no_maintenance", 84.1) < 0.02
    True
    """
    identifier = f"post_progression.excess_rate.{strategy}"
    rates = {f"post_progression.excess_rate.{s}": 0.01 for s in inputs.compared}
    model = with_values(
        inputs,
        {
            **rates,
            "settings.post_progression": PostProgression.RATE.value,
            "settings.post_progression_rate": PostProgressionRate.BY_STRATEGY.value,
        },
    )
    per_month = inputs.factor(identifier) / MONTHS_PER_YEAR if identifier in inputs.parameters else 1.0
    column = inputs.compared.index(strategy)
    low, high = 0.0, HIGHEST_MONTHLY_RATE
    for refinement in range(REFINEMENTS):
        grid = np.linspace(low, high, POINTS)
        medians = evaluate(model, {identifier: grid / per_month}).curves["os"].median[:, column] * MONTHS_PER_YEAR
        medians = np.where(np.isnan(medians), np.inf, medians)
        if refinement == 0 and not medians[-1] <= median_months <= medians[0]:
            reach = f"{medians[-1]:.1f} to {medians[0]:.1f} months"
            raise ValueError(f"a median OS of {median_months:g} months is out of reach for {strategy}: {reach}")
        k = int(np.clip(np.searchsorted(-medians, -median_months), 1, POINTS - 1))
        low, high = grid[k - 1], grid[k]
    return float(0.5 * (low + high))

"""Longer follow-up: what it is worth to wait for more deaths in a trial before deciding (EVSI).

The log hazard ratio is known today with variance v₀. D₁ and D₀ further deaths in the two arms would estimate it with
variance 1/D₁ + 1/D₀, and leave v₁ = 1/(1/v₀ + 1/(1/D₁ + 1/D₀)). Seen from today, the estimate to come is normal around
today's, with variance v₀ − v₁ = ρ²·v₀. In normal scores z of the parameter, z given the data is N(ρt, 1 − ρ²) and t is
N(0, 1): expected net benefit given the data is the smooth E[NB | z] of the EVPPI, averaged over N(ρt, 1 − ρ²). Where
that is a straight line this is the Gaussian approximation of Jalal and Alarid-Escudero, g(ρt); curvature is kept.

Only the hazard ratio is learned. The baseline curve would become better known too, so that this is a lower bound.

Source: Jalal, Alarid-Escudero 2018, Med Decis Making 38:174; Schoenfeld 1981, Biometrika 68:316 (variance of a log
hazard ratio); Heath, Kunst, Jackson and others 2020, Med Decis Making 40:314.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from markov.analysis.regression import average_ranks, regress
from markov.analysis.sample import Sample
from markov.analysis.value_of_information import (
    REFITS,
    InformationValue,
    effective_population,
    gains,
    increments,
    with_first,
)
from markov.inputs.parameters import Inputs
from markov.model.evaluate import evaluate
from markov.terms import Array

NODES = 24
"""Nodes of the Gauss–Hermite rule over what is still unknown after the study."""

COARSE = 500
"""Points over what a study may find, for its standard error."""

TAIL = 0.25
"""Scores at either end whose slope continues the curve beyond the draws."""


@dataclass(frozen=True)
class FollowUp:
    """What some years of further follow-up are worth at one threshold.

    `events` are expected further deaths in the strategy's arm and in the reference's; `learned` is the share ρ² of the
    variance of the log hazard ratio that they remove; `population` is the value for those who come after the answer,
    None where no incidence is given.
    """

    years: float
    events: tuple[float, float]
    learned: float
    threshold: float
    information: InformationValue
    population: float | None


def evsi(
    net_benefit: Array, parameter: Array, learned: Sequence[float], *, refits: int = REFITS, seed: int = 1
) -> tuple[InformationValue, ...]:
    """Expected value of sample information about one parameter, for studies that remove a share ρ² of its variance.

    `net_benefit` (runs, strategies), `parameter` (runs,), normal or made normal by a monotone transformation (a
    hazard ratio by its log). With n observations, ρ² = n/(n + n₀), n₀ the prior's effective sample size; 1 is EVPPI.
    Raises ValueError for a share outside 0 to 1, and as `regress` does.
    Source: Jalal, Alarid-Escudero 2018, Med Decis Making 38:174.

    >>> random = np.random.default_rng(1)
    >>> effect = random.normal(1.0, 1.0, 4000)
    >>> none, some, all_of_it = evsi(np.stack([np.zeros(4000), effect], axis=1), effect, [0.0, 0.5, 1.0], refits=5)
    >>> none.value, 0 < some.value < all_of_it.value
    (0.0, True)
    """
    if not all(0.0 <= share <= 1.0 for share in learned):
        raise ValueError(f"a study removes from 0 to 1 of the variance, not {', '.join(f'{s:g}' for s in learned)}")
    found = regress(parameter[:, None], increments(net_benefit), refits=refits, seed=seed)
    scores = np.asarray(ndtri((average_ranks(parameter) - 0.5) / len(parameter)))
    order = np.unique(scores, return_index=True)[1]
    coarse = ndtri((np.arange(COARSE) + 0.5) / COARSE)
    again = [
        found.fitted[order],
        *(refit.T for block in found.refits() for refit in np.moveaxis(block[:, order], 2, 0)),
    ]
    values = []
    for share in learned:
        gained = _gains(scores[order], again[0], share, scores)
        rough = np.array([_gains(scores[order], fit, share, coarse).mean() for fit in again])
        error = math.hypot(float(gained.std()) / math.sqrt(len(gained)), float(rough[1:].std()) if refits else 0.0)
        bias = float(rough[1:].mean() - rough[0]) if refits else 0.0
        values.append(
            InformationValue(float(gained.mean()), error, bias, found.method, tuple(found.explained.tolist()))
        )
    return tuple(values)


def learned_from_events(prior_variance: float, events: Array) -> Array:
    """Share ρ² = v₀/(v₀ + 1/D₁ + 1/D₀) of the variance of a log hazard ratio that further events remove.

    `events` (…, 2) by arm; an arm without events teaches nothing.  Source: Schoenfeld 1981, Biometrika 68:316.

    >>> learned_from_events(0.04, np.array([[50.0, 50.0], [0.0, 10.0]])).tolist()
    [0.5, 0.0]
    """
    with np.errstate(divide="ignore"):
        variance = (1.0 / np.asarray(events, dtype=float)).sum(axis=-1)
    return np.asarray(prior_variance / (prior_variance + variance))


def expected_events(
    boundaries: Array, survival: Array, at_risk: Sequence[float], followed: float, years: Sequence[float]
) -> Array:
    """Further deaths (years, arms) among those at risk after `followed` years: n·(1 − S(followed + y)/S(followed)).

    `boundaries` (cycles + 1,) in years, `survival` (arms, cycles + 1), `at_risk` (arms,) patients still followed.
    Survival is log-linear between boundaries.  Raises ValueError beyond the last boundary.

    >>> t = np.arange(0.0, 41.0)
    >>> expected_events(t, np.exp(-0.1 * t)[None], [100.0], 2.5, [1.0, 10.0]).round(2).tolist()
    [[9.52], [63.21]]
    """
    times = followed + np.asarray(years, dtype=float)
    if times.max() > boundaries[-1] + 1e-9:
        raise ValueError(f"follow-up to year {times.max():g} goes beyond the horizon of {boundaries[-1]:g} years")
    logs = np.log(np.maximum(survival, 1e-300))
    later = np.stack([np.interp(times, boundaries, arm) for arm in logs], axis=-1)
    now = np.array([np.interp(followed, boundaries, arm) for arm in logs])
    return np.asarray(np.asarray(at_risk, dtype=float) * -np.expm1(later - now))


def longer_follow_up(
    inputs: Inputs,
    sample: Sample,
    parameter: str,
    at_risk: tuple[float, float],
    followed: float,
    years: Sequence[float],
    *,
    thresholds: Sequence[float] | None = None,
    per_year: float | None = None,
    decision_years: float = 10.0,
    refits: int = REFITS,
) -> tuple[FollowUp, ...]:
    """What further years of follow-up of a trial are worth, at each threshold (the workbook's).

    `parameter` is the hazard ratio that the trial informs, its id ending in the strategy; `at_risk` patients of that
    strategy and of the reference are still followed after `followed` years. Deaths come at the modelled rates of the
    base case. With an incidence `per_year` the value for a population is that of the decision's years left after the
    follow-up, discounted at the workbook's rate for costs.  Raises ValueError where the parameter was not drawn.

    >>> from markov.analysis.sample import draw_sample
    >>> from markov.inputs.template import shipped
    >>> from markov.inputs.workbook import read_inputs
    >>> inputs = read_inputs(shipped("calgb_100104"))
    >>> sample = draw_sample(inputs, 60, seed=1, traced=False)
    >>> found = longer_follow_up(inputs, sample, "os.hazard_ratio.lenalidomide", (120.0, 100.0), 7.6, [2.0], refits=5)
    >>> 20 < sum(found[0].events) < 80, 0.0 < found[0].learned < 0.5
    (True, True)
    """
    strategy = parameter.rsplit(".", 1)[1]
    drawn = None if sample.rows is None else sample.rows.block(0, sample.runs).get(parameter)
    if drawn is None or strategy not in sample.strategies:
        raise ValueError(f"{parameter} was not drawn in this sample, so that nothing can be learned about it")
    trace = evaluate(inputs, trace=True).trace
    assert trace is not None
    arms = [sample.strategies.index(strategy), 0]
    events = expected_events(trace.boundaries, trace.curves["os"][0, arms], at_risk, followed, years)
    learned = learned_from_events(float(np.log(drawn).var()), events)
    rate = inputs.number("settings.discount_rate.costs")
    found = []
    for threshold in inputs.thresholds if thresholds is None else thresholds:
        values = evsi(sample.net_benefit(threshold), drawn, learned.tolist(), refits=refits)
        for i, (year, information) in enumerate(zip(years, values, strict=True)):
            people = None if per_year is None else effective_population(per_year, decision_years, rate, delay=year)
            population = None if people is None else people * information.value
            both = (float(events[i, 0]), float(events[i, 1]))
            found.append(FollowUp(year, both, float(learned[i]), threshold, information, population))
    return tuple(found)


def _gains(scores: Array, fitted: Array, learned: float, findings: Array) -> Array:
    """Gains from choosing anew, by what the study may find (findings,).

    `scores` (points,) rise, `fitted` (points, strategies − 1) is expected net benefit there.
    """
    nodes, weights = np.polynomial.hermite_e.hermegauss(NODES)
    at = math.sqrt(learned) * findings[:, None] + math.sqrt(1.0 - learned) * nodes
    expected = np.stack([_continued(scores, curve, at) @ weights for curve in fitted.T], axis=1) / weights.sum()
    return gains(with_first(expected))


def _continued(scores: Array, curve: Array, at: Array) -> Array:
    """A curve at any score: linear between the draws, and beyond them with the slope of its end."""
    inside = np.interp(at, scores, curve)
    low, high = np.searchsorted(scores, scores[0] + TAIL), np.searchsorted(scores, scores[-1] - TAIL) - 1
    first = (curve[low] - curve[0]) / (scores[low] - scores[0])
    last = (curve[-1] - curve[high]) / (scores[-1] - scores[high])
    return np.asarray(inside + first * np.minimum(at - scores[0], 0.0) + last * np.maximum(at - scores[-1], 0.0))

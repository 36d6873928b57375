"""Severity: the QALYs that patients lose under current care against people of their age and sex, and NICE's weights.

The general population's QALYs are those of the workbook's own life table and utility norms. Each sex keeps its own
survival and its own norms, and survivors are mixed, never death probabilities: with f the proportion of women and v the
discount factor, Q = f·∫S_f·u_f·v dt + (1 − f)·∫S_m·u_m·v dt. Horizon, cycles, within-cycle correction and discounting
are the model's, so that patients and population are counted alike. No standardised mortality ratio applies: the
comparison is with people who do not have the disease.

Source: NICE 2022, Health technology evaluations: the manual (PMG36), from 6.2.12; NICE DSU, TSD 23.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from markov.analysis.incremental import PairwiseRow, icer_in_words, pairwise
from markov.inputs.parameters import Columns, Inputs
from markov.model.discounting import EFFECTS, UNDISCOUNTED, Schedules
from markov.model.evaluate import evaluate
from markov.model.hazards import OLDEST_AGE, cycle_boundaries, horizon_years
from markov.model.outcomes import Outcomes
from markov.model.payoffs import PopulationNorms
from markov.survival.life_table import LifeTable
from markov.terms import Array

LEVELS = ((1.2, 12.0, 0.85), (1.7, 18.0, 0.95))
"""NICE's weights with the absolute and the proportional shortfall from which they apply; below, the weight is 1."""


@dataclass(frozen=True)
class Population:
    """What the general population of the cohort's age and sex mix has left, each (rows or 1,).

    Life-years and QALYs within the horizon, undiscounted; `qalys` discounted at the rate of effects.
    """

    life_years: Array
    qalys_undiscounted: Array
    qalys: Array


@dataclass(frozen=True)
class Shortfalls:
    """Shortfall by run, each (runs,): QALYs of the population and under current care, discounted, and the weights."""

    population: Array
    care: Array
    absolute: Array
    proportional: Array
    weight: Array

    def shares(self) -> dict[float, float]:
        """Share of runs that has each weight."""
        return {w: float(np.mean(self.weight == w)) for w in (1.0, *(level[0] for level in LEVELS))}


@dataclass(frozen=True)
class WeightedRow:
    """One strategy against current care, without and with the severity weight on the difference in QALYs.

    `gain` and `weighted_gain` are the differences in net benefit, (thresholds,).
    """

    strategy: str
    label: str
    plain: PairwiseRow
    weighted: PairwiseRow
    ratio: str
    weighted_ratio: str
    gain: tuple[float, ...]
    weighted_gain: tuple[float, ...]


@dataclass(frozen=True)
class Severity:
    """The shortfall under current care in the base case, its weight, and what the weight does to each comparison.

    `by_absolute` and `by_proportional` are the weights that each shortfall alone would give; the higher one counts.
    """

    age: float
    proportion_female: float
    current_care: str
    label: str
    population: Population
    absolute: float
    proportional: float
    care: float
    by_absolute: float
    by_proportional: float
    weight: float
    thresholds: tuple[float, ...]
    rows: tuple[WeightedRow, ...]
    remarks: tuple[str, ...] = ()


def severity(inputs: Inputs, outcomes: Outcomes | None = None, current_care: str | None = None) -> Severity:
    """Shortfall and severity weight of current care, by default the reference, and ICERs without and with the weight.

    Absolute: Q_population − Q_care; proportional: that over Q_population; both discounted.  `outcomes` of a base case,
    one run, or None to run it.  Raises ValueError for a strategy that is not compared.

    >>> from markov.inputs.writing.template import shipped
    >>> from markov.inputs.workbook import read_inputs
    >>> result = severity(read_inputs(shipped("calgb_100104")))
    >>> result.weight, result.absolute < 12.0, result.proportional < 0.85
    (1.0, True, True)
    """
    found = evaluate(inputs) if outcomes is None else outcomes
    care = inputs.reference if current_care is None else current_care
    lost = shortfalls(inputs, found, current_care=care)
    absolute, proportional = float(lost.absolute[0]), float(lost.proportional[0])
    weight = float(lost.weight[0])
    return Severity(
        inputs.number("cohort.age"),
        inputs.number("cohort.proportion_female"),
        care,
        inputs.labels[care],
        population(inputs),
        absolute,
        proportional,
        float(lost.care[0]),
        float(severity_weight(absolute, 0.0)),
        float(severity_weight(0.0, proportional)),
        weight,
        inputs.thresholds,
        _rows(inputs, found, care, weight),
        tuple(_remarks(inputs)),
    )


def shortfalls(
    inputs: Inputs,
    outcomes: Outcomes,
    values: Mapping[str, Array] | None = None,
    *,
    current_care: str | None = None,
) -> Shortfalls:
    """Shortfall and weight of every run; `values` are the columns that the runs came from, age and sex mix included.

    Raises ValueError for a strategy that is not compared, and where values and outcomes differ in rows.

    >>> from markov.analysis.draws import random_draws
    >>> from markov.inputs.writing.template import shipped
    >>> from markov.inputs.workbook import read_inputs
    >>> inputs = read_inputs(shipped("calgb_100104"))
    >>> draws = random_draws(inputs, 3).columns()
    >>> shortfalls(inputs, evaluate(inputs, draws), draws).weight.tolist()
    [1.0, 1.0, 1.0]
    """
    care = inputs.reference if current_care is None else current_care
    if care not in outcomes.strategies:
        raise ValueError(f'"{care}" is not among the strategies {", ".join(outcomes.strategies)}')
    healthy = population(inputs, values).qalys
    if len(healthy) not in (1, outcomes.runs):
        raise ValueError(f"{len(healthy)} rows of values for {outcomes.runs} runs")
    qalys = outcomes.qaly[:, outcomes.strategies.index(care)]
    healthy = np.broadcast_to(healthy, qalys.shape)
    absolute = healthy - qalys
    proportional = absolute / healthy
    return Shortfalls(healthy, qalys, absolute, proportional, severity_weight(absolute, proportional))


def severity_weight(absolute: Array | float, proportional: Array | float) -> Array:
    """NICE's QALY weight: 1, 1.2 or 1.7, the higher of the two that the shortfalls give; on a cut-off the higher.

    1.2 from an absolute shortfall of 12 or a proportional one of 0.85, 1.7 from 18 or 0.95; arguments broadcast.
    Source: NICE 2022, Health technology evaluations: the manual (PMG36), section 6.2.

    >>> severity_weight(np.array([11.99, 12.0, 18.0]), 0.5).tolist(), severity_weight(3.0, 0.95).item()
    ([1.0, 1.2, 1.7], 1.7)
    """
    found = np.ones(np.broadcast_shapes(np.shape(absolute), np.shape(proportional)))
    for weight, from_absolute, from_proportional in LEVELS:
        reached = (np.asarray(absolute) >= from_absolute) | (np.asarray(proportional) >= from_proportional)
        found = np.where(reached, weight, found)
    return found


def population(inputs: Inputs, values: Mapping[str, Array] | None = None) -> Population:
    """What the general population of the cohort's age and sex mix has left within the model's horizon.

    `values` may vary `cohort.age` and `cohort.proportion_female` by row; others are ignored.

    >>> from markov.inputs.writing.template import shipped
    >>> from markov.inputs.workbook import read_inputs
    >>> left = population(read_inputs(shipped("calgb_100104")))
    >>> bool(left.qalys[0] < left.qalys_undiscounted[0] < left.life_years[0])
    True
    """
    block = {key: column for key, column in (values or {}).items() if key in ("cohort.age", "cohort.proportion_female")}
    columns = Columns(inputs, block, max((len(column) for column in block.values()), default=1))
    boundaries = cycle_boundaries(inputs)
    times = _time_alive(columns, boundaries)
    norms = PopulationNorms(columns, 0.5 * (boundaries[1:] + boundaries[:-1]))
    quality = norms.by_sex[:, 1:]
    years = np.asarray((norms.mix * times[0].sum(axis=1)).sum(axis=0))
    qalys, qalys_discounted = (np.asarray((norms.mix * (time * quality).sum(axis=1)).sum(axis=0)) for time in times)
    return Population(years, qalys, qalys_discounted)


def _time_alive(columns: Columns, boundaries: Array) -> tuple[Array, Array]:
    """Time alive in each cycle, undiscounted and discounted as effects, (women and men, cycles, rows or 1)."""
    inputs = columns.inputs
    table = inputs.life_table
    mortality = LifeTable.from_probabilities(table.ages, table.male, table.female)
    alive = np.stack(mortality.survival_by_sex(columns.number("cohort.age"), boundaries[:, None]))
    schedules = Schedules.from_settings(inputs, boundaries)
    cycles = np.arange(len(boundaries) - 1)
    first = cycles - cycles % 2 if schedules.by_parabola else cycles
    window = alive[:, np.minimum(first[:, None] + np.arange(3), len(boundaries) - 1)]
    weights = schedules.weights[[schedules.of[UNDISCOUNTED], schedules.of[EFFECTS]]]
    time = np.einsum("wkm,skmr->wskr", weights, window)
    return time[0], time[1]


def _rows(inputs: Inputs, outcomes: Outcomes, care: str, weight: float) -> tuple[WeightedRow, ...]:
    costs, qalys = outcomes.cost[0], outcomes.qaly[0]
    plain, weighted = (pairwise(outcomes.strategies, costs, factor * qalys, care) for factor in (1.0, weight))
    return tuple(
        WeightedRow(
            row.strategy,
            inputs.labels[row.strategy],
            row,
            heavier,
            icer_in_words(row, inputs.currency),
            icer_in_words(heavier, inputs.currency),
            tuple(threshold * row.delta_qaly - row.delta_cost for threshold in inputs.thresholds),
            tuple(threshold * heavier.delta_qaly - heavier.delta_cost for threshold in inputs.thresholds),
        )
        for row, heavier in zip(plain, weighted, strict=True)
    )


def _remarks(inputs: Inputs) -> list[str]:
    found = []
    if horizon_years(inputs) < OLDEST_AGE - inputs.number("cohort.age"):
        found.append(
            f"The horizon is {horizon_years(inputs):g} years: NICE asks for the shortfall over the remaining lifetime, "
            "and this one is too small."
        )
    if inputs.number("settings.discount_rate.effects") != 0.035:
        found.append("NICE's cut-offs are for QALYs discounted at 3.5 % a year; another rate is used here.")
    return found

"""Sobol analysis: how much of the variance of a result each uncertain input explains, alone and with others.

One function owns the design and the analysis of it, so that the two cannot differ. Over the workbook it asks about
incremental net benefit at each threshold, and about differences in cost, QALYs and life-years; never about the ICER,
whose variance belongs to the few draws in which the difference in QALYs is nearly 0. Distributions are those of the
probabilistic analysis, and calibrated rates follow their targets in every row as there. Sobol indices rank what moves a
result; what could change the decision is a question for the value of information, and the two need not agree.

Source: Sobol' 2001, Math Comput Simul 55:271; Saltelli and others 2008, Global Sensitivity Analysis: The Primer.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from markov.analysis.calibration import following_targets
from markov.analysis.draws import correlated_uniforms, sampled
from markov.analysis.uncertainty.active import PROBABILITIES, in_use
from markov.analysis.uncertainty.sample import Done
from markov.analysis.uncertainty.sobol_design import Factor, SobolRows, sobol_rows
from markov.analysis.uncertainty.sobol_indices import Indices, Statement, resampled, sobol_indices, statement
from markov.inputs.correlations import Block, blocks, stream
from markov.inputs.dirichlet import Shares, share_groups, split
from markov.inputs.distributions import inverse
from markov.inputs.parameters import Inputs, Parameter
from markov.model.evaluate import evaluate
from markov.model.outcomes import Outcomes
from markov.terms import Array

POINTS = 1024
RESAMPLES = 1000


class Output(NamedTuple):
    """A result to explain: (rows,) `values`, and the `scale` of what it is a difference of."""

    values: Array
    scale: float = 0.0


Model = Callable[[SobolRows], Mapping[str, Output]]
"""Runs every row of a design, and gives outputs by name."""


@dataclass(frozen=True)
class Sobol:
    """A Sobol analysis: its design, and indices with a statement of their convergence for each output.

    `statements` are None for outputs that do not vary. `margins` says of which strategies each margin is. `idle` names
    uncertain inputs left out because they change nothing under the workbook's settings.
    """

    points: int
    rows: int
    resamples: int
    seed: int
    factors: tuple[Factor, ...]
    indices: tuple[Indices, ...]
    statements: tuple[Statement | None, ...]
    margins: Mapping[str, tuple[str, str]]
    idle: tuple[str, ...] = ()

    def of(self, output: str) -> Indices:
        """Indices of one output."""
        return next(indices for indices in self.indices if indices.output == output)


def sobol(
    factors: Sequence[Factor],
    model: Model,
    points: int = POINTS,
    *,
    second_order: bool = True,
    resamples: int = RESAMPLES,
    seed: int = 1,
) -> Sobol:
    """Sobol indices of every output of a model over independent factors: design, runs, check and analysis in one.

    It costs n(k + 2) runs of the model, n(2k + 2) with second order, n the points (a power of two), k the factors.
    Every output is checked before any index is computed. Raises ValueError as `sobol_rows` does, and for an output
    that is not finite or has another number of rows, with the first such row.

    >>> from markov.analysis.uncertainty.sobol_design import uniform_factor
    >>> factors = [uniform_factor(name, lambda u: u) for name in ("a", "b")]
    >>> result = sobol(factors, lambda rows: {"sum": Output(2 * rows.columns()["a"] + rows.columns()["b"])}, 256)
    >>> result.rows, result.of("sum").total.round(2).tolist(), result.statements[0].is_converged
    (1536, [0.8, 0.2], False)
    """
    rows = sobol_rows(factors, points, seed, second_order=second_order)
    outputs = model(rows)
    for name, output in outputs.items():
        _check(name, np.asarray(output.values), rows)
    names = [factor.name for factor in factors]
    # The same resamples for every output; kept where they fit into 64 MB, else drawn again.
    weights = list(resampled(points, resamples, seed)) if points * resamples <= 2**23 else None
    indices = tuple(
        sobol_indices(
            name,
            np.asarray(output.values, dtype=float),
            names,
            second_order=second_order,
            resamples=resamples,
            seed=seed,
            weights=weights,
            scale=output.scale,
        )
        for name, output in outputs.items()
    )
    said = tuple(statement(one, points) for one in indices)
    return Sobol(points, len(rows), resamples, seed, tuple(factors), indices, said, {})


def sobol_analysis(
    inputs: Inputs,
    points: int = POINTS,
    *,
    second_order: bool = True,
    resamples: int = RESAMPLES,
    seed: int | None = None,
    workers: int | None = None,
    done: Done | None = None,
) -> Sobol:
    """Sobol analysis of a workbook over the distributions of its probabilistic analysis; the seed is the workbook's.

    Outputs: `net_benefit.THRESHOLD.S`, `delta_cost.S`, `delta_qaly.S` and `delta_life_years.S` of every strategy S
    against the reference, and, with three or more, `margin.THRESHOLD`: net benefit of the strategy with the highest
    mean less that of the second, the two held fixed over all rows.
    Raises ValueError as `sobol` does, and where fewer than two strategies are compared.

    >>> from markov.inputs.writing.template import shipped
    >>> from markov.inputs.workbook import read_inputs
    >>> result = sobol_analysis(read_inputs(shipped("calgb_100104")), 4, second_order=False, resamples=20)
    >>> [indices.output for indices in result.indices][:3]
    ['net_benefit.25000.lenalidomide', 'net_benefit.35000.lenalidomide', 'delta_cost.lenalidomide']
    """
    if len(inputs.compared) < 2:
        raise ValueError("a Sobol analysis explains differences between strategies; only one is compared")
    margins: dict[str, tuple[str, str]] = {}

    def model(rows: SobolRows) -> Mapping[str, Output]:
        outputs = _Totals(rows, inputs, workers, done).outputs()
        margins.update(outputs.margins)
        return outputs.values

    factors = active_factors(inputs)
    found = sobol(
        factors,
        model,
        points,
        second_order=second_order,
        resamples=resamples,
        seed=int(inputs.number("settings.seed")) if seed is None else seed,
    )
    used = {factor.name for factor in factors}
    idle = tuple(factor.name for factor in uncertain_factors(inputs) if factor.name not in used)
    return replace(found, margins=margins, idle=idle)


def active_factors(inputs: Inputs) -> tuple[Factor, ...]:
    """The sources of uncertainty that change an output when they alone change: what indices are worth paying for.

    >>> from markov.inputs.writing.template import shipped
    >>> from markov.inputs.workbook import read_inputs
    >>> inputs = read_inputs(shipped("post_transplant_uk"))  # nobody has injections but in a scenario
    >>> {f.name for f in uncertain_factors(inputs)} - {f.name for f in active_factors(inputs)}
    {'cost.administration.injection'}
    """
    factors = uncertain_factors(inputs)
    ends = {f.name: f.values(np.tile(PROBABILITIES[:, None], f.dimensions)) for f in factors}
    used = in_use(inputs, ends)
    return tuple(factor for factor in factors if used[factor.name])


def uncertain_factors(inputs: Inputs) -> tuple[Factor, ...]:
    """The independent sources of uncertainty of a workbook, in its order: what the probabilistic analysis draws.

    Parameters of one group share one uniform and are one factor. Correlated parameters are one factor of as many
    uniforms, put through the Gaussian copula of the random draws.

    >>> from markov.inputs.writing.template import shipped
    >>> from markov.inputs.workbook import read_inputs
    >>> factors = uncertain_factors(read_inputs(shipped("calgb_100104")))
    >>> next(factor for factor in factors if factor.name == "group utility_pf").parameters
    ('utility.maintenance', 'utility.toxicity')
    """
    streams: dict[str, list[Parameter]] = {}
    for parameter in sampled(inputs):
        streams.setdefault(stream(parameter), []).append(parameter)
    found: dict[str, Factor] = {name: _stream_factor(name, members) for name, members in streams.items()}
    for shares in share_groups(sampled(inputs)):
        found = {name: factor for name, factor in found.items() if name not in shares.ids}
        found[f"group {shares.group}"] = _share_factor(shares, streams)
    for ids, matrix in blocks(inputs):
        used = [i for i, name in enumerate(ids) if name in streams]
        if len(used) > 1:
            block = _block_factor([ids[i] for i in used], matrix[np.ix_(used, used)], streams)
            found = {name: factor for name, factor in found.items() if name not in ids} | {block.name: block}
    order = {parameter.id: i for i, parameter in enumerate(inputs.parameters.values())}
    return tuple(sorted(found.values(), key=lambda factor: min(order[key] for key in factor.parameters)))


def _stream_factor(name: str, members: Sequence[Parameter]) -> Factor:
    """A parameter, or several that move together perfectly."""
    inverses = {parameter.id: inverse(parameter) for parameter in members}
    label = " + ".join(parameter.label or parameter.id for parameter in members)
    return Factor(name, tuple(inverses), lambda u: {key: law(u[:, 0]) for key, law in inverses.items()}, label=label)


def _share_factor(shares: Shares, streams: Mapping[str, Sequence[Parameter]]) -> Factor:
    """Shares of one whole: one factor of as many uniforms."""
    label = " + ".join(streams[key][0].label or key for key in shares.ids)

    def values(uniforms: Array) -> Mapping[str, Array]:
        return split(shares, list(uniforms.T))

    return Factor(f"group {shares.group}", shares.ids, values, len(shares.ids), label)


def _block_factor(ids: Sequence[str], matrix: Array, streams: Mapping[str, Sequence[Parameter]]) -> Factor:
    """Correlated streams: one factor, because Sobol indices are defined for independent factors only."""
    parts = {name: _stream_factor(name, streams[name]) for name in ids}

    def values(uniforms: Array) -> Mapping[str, Array]:
        together = correlated_uniforms(Block(tuple(ids), matrix), list(uniforms.T))
        columns = [part.values(together[name][:, None]) for name, part in parts.items()]
        return {key: column for part in columns for key, column in part.items()}

    parameters = tuple(key for part in parts.values() for key in part.parameters)
    return Factor(" + ".join(ids), parameters, values, len(ids), " + ".join(part.label for part in parts.values()))


class _Outputs(NamedTuple):
    """Outputs by name, and of which strategies each margin is."""

    values: dict[str, Output]
    margins: dict[str, tuple[str, str]]


class _Totals:
    """Runs a design through the model: discounted cost, QALYs and life-years, (rows, strategies)."""

    def __init__(self, rows: SobolRows, inputs: Inputs, workers: int | None, done: Done | None):
        self.rows, self.inputs, self.done = rows, inputs, done
        self.cost, self.qaly, self.life_years = (np.empty((len(rows), len(inputs.compared))) for _ in range(3))
        evaluate(inputs, following_targets(inputs, rows), sink=self._take, workers=workers)

    def _take(self, start: int, outcomes: Outcomes) -> None:
        rows = slice(start, start + outcomes.runs)
        self.cost[rows], self.qaly[rows], self.life_years[rows] = outcomes.cost, outcomes.qaly, outcomes.life_year
        if self.done is not None:
            self.done(rows.stop, len(self.rows))

    def outputs(self) -> _Outputs:
        """Differences from the reference, and margins where there are three strategies or more."""
        found: dict[str, Output] = {}
        margins: dict[str, tuple[str, str]] = {}
        benefits = {f"{threshold:.10g}": threshold * self.qaly - self.cost for threshold in self.inputs.thresholds}
        kept = {"delta_cost": self.cost, "delta_qaly": self.qaly, "delta_life_years": self.life_years}
        named = {f"net_benefit.{threshold}": benefit for threshold, benefit in benefits.items()} | kept
        for name, values in named.items():
            for i, strategy in enumerate(self.inputs.compared[1:], start=1):
                found[f"{name}.{strategy}"] = Output(values[:, i] - values[:, 0], _size(values))
        if len(self.inputs.compared) > 2:
            for threshold, benefit in benefits.items():
                best, second = self._leading(benefit)
                margins[f"margin.{threshold}"] = self.inputs.compared[best], self.inputs.compared[second]
                found[f"margin.{threshold}"] = Output(benefit[:, best] - benefit[:, second], _size(benefit))
        return _Outputs(found, margins)

    def _leading(self, benefit: Array) -> tuple[int, int]:
        """The strategies of the highest and the second highest mean, over A and B."""
        table = benefit.reshape(-1, self.rows.step, benefit.shape[1])
        order = np.argsort(-(table[:, 0] + table[:, -1]).mean(axis=0), kind="stable")
        return int(order[0]), int(order[1])


def _size(values: Array) -> float:
    """Size of totals, whose difference cannot be known better than their rounding; 0 where one is not a number."""
    largest = float(np.abs(values).max())
    return largest if np.isfinite(largest) else 0.0


def _check(name: str, values: Array, rows: SobolRows) -> None:
    """Every row has a finite output: one that is not would turn all indices into numbers that mean nothing."""
    if values.shape != (len(rows),):
        raise ValueError(f"{name} has shape {values.shape}, but the design has {len(rows)} rows")
    wrong = np.flatnonzero(~np.isfinite(values))
    if wrong.size:
        first = int(wrong[0])
        many = f", and in {wrong.size - 1} more rows" if wrong.size > 1 else ""
        raise ValueError(f"{name} is {values[first]} in row {first} ({rows.where(first)}){many}: no index is computed")

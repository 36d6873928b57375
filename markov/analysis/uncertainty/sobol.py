"""Sobol analysis: how much of the variance of a result each uncertain input explains, alone and with others.

The design that makes the rows also reads their outcomes, so that the two cannot differ. Distributions are those of the
probabilistic analysis, and calibrated rates follow their targets in every row as there. Sobol indices rank what moves a
result; what could change the decision is a question for the value of information, and the two need not agree.

Source: Sobol' 2001, Math Comput Simul 55:271; Saltelli and others 2008, Global Sensitivity Analysis: The Primer.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from markov.analysis.calibration import following_targets
from markov.analysis.sources_of_uncertainty import sources_of_uncertainty
from markov.analysis.uncertainty.active import active_sources
from markov.analysis.uncertainty.explained import explained
from markov.analysis.uncertainty.sample import Done, Sample
from markov.analysis.uncertainty.sobol_design import Factor, SobolRows, problem_of, sobol_rows
from markov.analysis.uncertainty.sobol_indices import Indices, Statement, sobol_indices
from markov.inputs.parameters import Inputs
from markov.model.evaluate import evaluate
from markov.model.outcomes import Outcomes

if TYPE_CHECKING:
    import pandas as pd

POINTS = 1024
RESAMPLES = 1000


@dataclass(frozen=True)
class Sobol:
    """A Sobol analysis: its design, and the indices of each output.

    `margins` says of which strategies each margin is. `idle` names uncertain inputs left out because they change
    nothing under the workbook's settings.
    """

    points: int
    rows: int
    resamples: int
    seed: int
    factors: tuple[Factor, ...]
    indices: tuple[Indices, ...]
    margins: Mapping[str, tuple[str, str]]
    idle: tuple[str, ...] = ()

    @property
    def statements(self) -> tuple[Statement | None, ...]:
        """What can be said of the convergence of each output's indices; None where it does not vary."""
        return tuple(indices.statement for indices in self.indices)

    @property
    def problem(self) -> dict[str, Any]:
        """The design as a SALib problem: `SALib.sample.sobol.sample(problem, points, seed=seed)` are its uniforms."""
        return problem_of(self.factors)

    def of(self, output: str) -> Indices:
        """Indices of one output."""
        return next(indices for indices in self.indices if indices.output == output)

    def to_salib(self, output: str) -> Any:
        """Indices of one output as SALib's own `ResultDict`, with keys S1, ST, S2 and S1_conf …, `to_df` and `plot`.

        Raises ValueError where the output does not vary.

        >>> found = sobol(calgb, 4, resamples=10)
        >>> sorted(found.to_salib("delta_cost.lenalidomide"))
        ['S1', 'S1_conf', 'S2', 'S2_conf', 'ST', 'ST_conf']
        """
        from types import MethodType

        from SALib.analyze.sobol import to_df  # takes a second to import
        from SALib.util import ResultDict

        found = self.of(output)
        if found.total is None:
            raise ValueError(found.reason)
        result = ResultDict(
            S1=found.first, S1_conf=found.first_half_width, ST=found.total, ST_conf=found.total_half_width
        )
        if found.second is not None:
            result |= {"S2": found.second, "S2_conf": found.second_half_width}
        result.problem, result.to_df = self.problem, MethodType(to_df, result)
        return result

    def to_df(self, output: str | None = None) -> "list[pd.DataFrame]":
        """SALib's own tables of one output, the first unless named: total, first and, where asked for, second order.

        >>> total, first = sobol(calgb, 16, second_order=False, resamples=20).to_df()
        >>> total["ST"].idxmax(), list(first.columns)
        ('toxicity.proportion.lenalidomide', ['S1', 'S1_conf'])
        """
        frames: list[pd.DataFrame] = self.to_salib(output or self.indices[0].output).to_df()
        return frames

    def to_frame(self) -> "pd.DataFrame":
        """First and total indices of all outputs as one pandas frame: a row for an output and a factor.

        >>> sobol(calgb, 4, second_order=False, resamples=20).to_frame().columns.tolist()
        ['output', 'factor', 'S1', 'S1_conf', 'ST', 'ST_conf']
        """
        import pandas as pd

        return pd.concat(
            [
                pd.DataFrame(
                    {
                        "output": found.output,
                        "factor": found.factors,
                        "S1": found.first,
                        "S1_conf": found.first_half_width,
                        "ST": found.total,
                        "ST_conf": found.total_half_width,
                    }
                )
                for found in self.indices
            ],
            ignore_index=True,
        )


def sobol(
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

    It costs n(k + 2) runs of the model, n(2k + 2) with second order, n the points (a power of two), k the factors.
    Outputs are those of `explained`.  Raises ValueError as `sobol_rows` and `sobol_indices` do, and where fewer than
    two strategies are compared.

    >>> result = sobol(calgb, 4, second_order=False, resamples=20)
    >>> [indices.output for indices in result.indices][:3]
    ['net_benefit.25000.lenalidomide', 'net_benefit.35000.lenalidomide', 'delta_cost.lenalidomide']
    """
    if len(inputs.compared) < 2:
        raise ValueError("a Sobol analysis explains differences between strategies; only one is compared")
    factors = active_sources(inputs)
    seed = int(inputs.number("settings.seed")) if seed is None else seed
    rows = sobol_rows(factors, points, seed, second_order=second_order)
    place = np.arange(len(rows)) % rows.step
    a_and_b = (place == 0) | (place == rows.step - 1)
    found = explained(_run(inputs, rows, workers, done), inputs.thresholds, a_and_b)
    indices = sobol_indices(rows, found.outputs, resamples=resamples, seed=seed)
    used = {factor.name for factor in factors}
    idle = tuple(source.name for source in sources_of_uncertainty(inputs) if source.name not in used)
    return Sobol(points, len(rows), resamples, seed, factors, indices, found.margins, idle)


def _run(inputs: Inputs, rows: SobolRows, workers: int | None, done: Done | None) -> Sample:
    """The design through the model: discounted cost, QALYs and life-years, (rows, strategies)."""
    cost, qaly, life_years = (np.empty((len(rows), len(inputs.compared))) for _ in range(3))

    def sink(start: int, outcomes: Outcomes) -> None:
        block = slice(start, start + outcomes.runs)
        cost[block], qaly[block], life_years[block] = outcomes.cost, outcomes.qaly, outcomes.life_year
        if done is not None:
            done(block.stop, len(rows))

    evaluate(inputs, following_targets(inputs, rows), sink=sink, workers=workers)
    return Sample(inputs.compared, cost, qaly, life_years, np.zeros(len(rows), dtype=np.intp))

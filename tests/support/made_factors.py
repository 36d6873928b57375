"""Factors of functions whose indices are known: what a design asks of a source of uncertainty, without a workbook."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from markov.analysis.uncertainty.sobol_design import SobolRows, sobol_rows
from markov.analysis.uncertainty.sobol_indices import Indices, Output, sobol_indices
from markov.terms import Array


@dataclass(frozen=True)
class Made:
    """A factor whose `law` takes uniforms (rows, dimensions) to the values of its parameters, by name."""

    name: str
    parameters: tuple[str, ...]
    law: Callable[[Array], Mapping[str, Array]]
    dimensions: int = 1

    @property
    def streams(self) -> tuple[str, ...]:
        return (self.name,) if self.dimensions == 1 else tuple(f"{self.name} {i}" for i in range(self.dimensions))

    def values(self, uniforms: Sequence[Array]) -> Mapping[str, Array]:
        return self.law(np.stack(uniforms, axis=1))


def uniform_factor(name: str, inverse: Callable[[Array], Array]) -> Made:
    """A factor of one parameter of the same name, by its inverse distribution function."""
    return Made(name, (name,), lambda uniforms: {name: inverse(uniforms[:, 0])})


Function = Callable[[Mapping[str, Array]], Array]


def analysed(
    factors: Sequence[Made],
    function: Function,
    points: int,
    *,
    second_order: bool = True,
    resamples: int = 50,
    seed: int = 1,
    scale: float = 0.0,
) -> tuple[SobolRows, Indices]:
    """The design over some factors, and the indices of a function of their parameters."""
    rows = sobol_rows(factors, points, seed, second_order=second_order)
    output = Output(np.asarray(function(rows.columns())), scale)
    (indices,) = sobol_indices(rows, {"y": output}, resamples=resamples, seed=seed)
    return rows, indices

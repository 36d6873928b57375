"""Shares that add up: which rows share one Dirichlet distribution, and how uniforms become their values.

Rows with the distribution `dirichlet` and one name of a group are shares of one whole, each with its mean m_i and
standard error s_i. The size of the sample behind them is n = Σ m_i(1 − m_i) / Σ s_i² − 1, and α_i = n·m_i; what the
means leave to 1 is a last share of its own. Shares come one after the other, each a beta of what the former left,

    x_i = (1 − x_1 − … − x_{i−1})·B_i,  B_i ~ beta(α_i, α_{i+1} + … + α_rest),

so that every share has a uniform of its own and more draws leave the earlier ones as they were.

Source: Briggs, Ades, Price 2003, Med Decis Making 23:341; Devroye 1986, Non-Uniform Random Variate Generation, XI.4.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from scipy.special import betaincinv

from markov.inputs.distributions import EDGE, is_certain
from markov.inputs.parameters import Inputs, Parameter
from markov.inputs.problems import Problem
from markov.terms import Array, Distribution

AGREE = 0.1
"""Share by which a standard error may differ from the one that the group's sample size gives."""


class Shares(NamedTuple):
    """Shares of one whole: the group's name, ids with their α, and the α of what they leave to 1."""

    group: str
    ids: tuple[str, ...]
    alphas: tuple[float, ...]
    rest: float


def share_groups(parameters: Sequence[Parameter]) -> tuple[Shares, ...]:
    """The groups of shares among sampled parameters, in their order.

    >>> from markov.inputs.definitions.schema import match
    >>> shares = [
    ...     Parameter(i, match(i)[0], m, se=s, distribution="dirichlet", group="lines")
    ...     for i, m, s in (("subsequent.share.a.new", 0.5, 0.05), ("subsequent.share.b.new", 0.3, 0.0458258))
    ... ]
    >>> [(group.ids[0], [round(a, 2) for a in group.alphas], round(group.rest, 2)) for group in share_groups(shares)]
    [('subsequent.share.a.new', [49.5, 29.7], 19.8)]
    """
    groups: dict[str, list[Parameter]] = {}
    for parameter in parameters:
        if parameter.distribution == Distribution.DIRICHLET and not is_certain(parameter):
            groups.setdefault(parameter.group or parameter.id, []).append(parameter)
    return tuple(_shares(name, members) for name, members in groups.items())


def split(shares: Shares, uniforms: Sequence[Array]) -> dict[str, Array]:
    """Values of the shares, each (runs,), from as many uniforms.

    >>> group = Shares("lines", ("a", "b"), (1.0, 1.0), 1.0)  # one beta(1, 2), then half of what is left
    >>> {key: x.round(4).tolist() for key, x in split(group, [np.array([0.75]), np.array([0.5])]).items()}
    {'a': [0.5], 'b': [0.25]}
    """
    left, found = np.ones(np.shape(uniforms[0])), {}
    later = math.fsum((*shares.alphas, shares.rest))
    for key, alpha, uniform in zip(shares.ids, shares.alphas, uniforms, strict=True):
        later -= alpha
        part = betaincinv(alpha, later, np.clip(uniform, EDGE, 1.0 - EDGE)) if later > 1e-9 else 1.0
        found[key] = np.asarray(left * part)
        left = left - found[key]
    return found


def following(shares: Shares, means: Mapping[str, float], identifier: str, values: Array) -> dict[str, Array]:
    """Where the other shares are expected to be when one has some values: m_j·(1 − x_i)/(1 − m_i), each (rows,).

    >>> following(Shares("g", ("a", "b"), (5.0, 3.0), 2.0), {"a": 0.5, "b": 0.3}, "a", np.array([0.5, 0.75]))
    {'b': array([0.3 , 0.15])}
    """
    left = (1.0 - values) / (1.0 - means[identifier])
    return {key: means[key] * left for key in shares.ids if key != identifier}


def share_problems(inputs: Inputs) -> Iterator[Problem]:
    """Shares of one group sum to at most 1, stem from one sample, and are not correlated with anything else."""
    rows = [p for p in inputs.parameters.values() if p.distribution == Distribution.DIRICHLET]
    groups: dict[str, list[Parameter]] = {}
    for parameter in rows:
        if not parameter.group:
            rule = f"{parameter.id} has a dirichlet distribution but no group"
            yield Problem(_place(inputs, parameter), rule, remedy="Write one group beside all shares of the whole.")
        elif isinstance(parameter.value, int | float) and parameter.se is not None:
            groups.setdefault(parameter.group, []).append(parameter)
        elif parameter.value is not None:
            rule = f"{parameter.id} has a dirichlet distribution but no standard error"
            yield Problem(_place(inputs, parameter), rule, remedy="Give it: √(m(1 − m)/n) of a share m among n.")
    for name, members in groups.items():
        yield from _whole(inputs, name, members)
    for row in inputs.correlations:
        if {row.first, row.second} & {p.id for p in rows}:
            rule = f"{row.first} and {row.second} are correlated, and one is a share of a dirichlet distribution"
            yield Problem(row.place, rule, f"{row.value:g}", "Clear the row: shares of one whole are correlated by it.")


def _whole(inputs: Inputs, name: str, members: Sequence[Parameter]) -> Iterator[Problem]:
    first, total = members[0], math.fsum(_mean(p) for p in members)
    others = [p for p in inputs.parameters.values() if p.group == name and p.is_sampled and p not in members]
    others = [p for p in others if p.distribution != Distribution.DIRICHLET]
    if others:
        rule = f"group {name} mixes shares of a dirichlet distribution with others"
        yield Problem(_place(inputs, others[0]), rule, others[0].id, "Use another group for one of the two.")
    if total > 1.0 + 1e-9:
        rule = f"the shares of group {name} sum to more than 1"
        yield Problem(_place(inputs, first), rule, f"{total:g}", "They are shares of one whole: mend them.")
        return
    size = _size(members)
    for parameter in members:
        mean, se = _mean(parameter), parameter.se or 0.0
        expected = math.sqrt(mean * (1.0 - mean) / (size + 1.0)) if size > 0.0 else 0.0
        if expected and abs(se / expected - 1.0) > AGREE:
            rule = f"the standard error of {parameter.id} is not that of the group's sample of {size:.0f}"
            remedy = f"Write {expected:.4g}, or correct the others: shares of one whole stem from one sample."
            yield Problem(_place(inputs, parameter), rule, f"{se:g}", remedy, warning=True)


def _shares(name: str, members: Sequence[Parameter]) -> Shares:
    size = _size(members)
    alphas = tuple(size * _mean(p) for p in members)
    rest = max(1.0 - math.fsum(_mean(p) for p in members), 0.0)
    return Shares(name, tuple(p.id for p in members), alphas, size * rest if rest > 1e-9 else 0.0)


def _size(members: Sequence[Parameter]) -> float:
    """n = Σ m(1 − m)/Σ s² − 1."""
    spread = math.fsum((p.se or 0.0) ** 2 for p in members)
    return math.fsum(_mean(p) * (1.0 - _mean(p)) for p in members) / spread - 1.0 if spread > 0.0 else 0.0


def _mean(parameter: Parameter) -> float:
    assert isinstance(parameter.value, int | float), parameter.id
    return float(parameter.value)


def _place(inputs: Inputs, parameter: Parameter) -> str:
    return f"{inputs.name}, {parameter.cell}"

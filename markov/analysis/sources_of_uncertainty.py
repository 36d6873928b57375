"""What is uncertain in a workbook, told once: random draws, one-way bars and Sobol designs all take it from here.

A source of uncertainty is independent of every other. It is one of four:

| source             | uniforms             | how they become values                                                   |
|--------------------|----------------------|--------------------------------------------------------------------------|
| a parameter        | one                  | its inverse distribution                                                 |
| a group            | one, the group's     | each member's inverse distribution: one quantity, or perfect correlation |
| a correlated block | one a stream         | a Gaussian copula, then as above; members of a block may be groups       |
| shares of a whole  | one a share          | split from the whole one after the other (`markov.inputs.dirichlet`)     |

A stream is what one uniform is drawn for. The copula takes the streams' normal scores z to L·z, LLᵀ the correlation
matrix of the block, which is multivariate normal sampling where the distributions are normal or log-normal. Streams
stand in alphabetical order, and the first keeps its own uniform.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import ndtr, ndtri

from markov.inputs.correlations import Block, blocks, stream
from markov.inputs.definitions.schema import match
from markov.inputs.dirichlet import Shares, following, share_groups, split
from markov.inputs.distributions import inverse, is_certain
from markov.inputs.parameters import Inputs, Parameter
from markov.terms import Array


@dataclass(frozen=True)
class Source:
    """A source of uncertainty: the sampled parameters that each stream moves, and what joins several streams.

    A block may have streams of strategies that are not compared: they move nothing, but draws depend on them.
    """

    members: Mapping[str, tuple[Parameter, ...]]
    joint: Block | Shares | None = None

    @property
    def name(self) -> str:
        """The parameter's id, "group NAME", or the streams of a block with plus signs between."""
        return f"group {self.joint.group}" if isinstance(self.joint, Shares) else " + ".join(self.members)

    @property
    def streams(self) -> tuple[str, ...]:
        """What it takes a uniform for, in the order of `values`."""
        return tuple(self.members) if self.joint is None else self.joint.ids

    @property
    def parameters(self) -> tuple[str, ...]:
        """Ids of the parameters that it moves."""
        return tuple(parameter.id for moved in self.members.values() for parameter in moved)

    def values(self, uniforms: Sequence[Array]) -> dict[str, Array]:
        """Values of its parameters by id, each (rows,), in the cell's own unit, from a uniform (rows,) a stream."""
        if isinstance(self.joint, Shares):
            return split(self.joint, uniforms)
        drawn = dict(zip(self.streams, uniforms, strict=True))
        if self.joint is not None:
            drawn = _correlated_uniforms(self.joint, uniforms)
        return {p.id: inverse(p)(drawn[key]) for key, moved in self.members.items() for p in moved}

    def moved(self, key: str, probabilities: Array) -> dict[str, Array]:
        """One stream at some probabilities of its own distribution, the others where they are then expected.

        Correlated ones stand at normal scores z_j = ρ_ij·z_i, and the other shares of a whole share what one leaves.
        """
        values = {parameter.id: inverse(parameter)(probabilities) for parameter in self.members[key]}
        if isinstance(self.joint, Shares):
            means = {other: float(p.value or 0.0) for other, (p,) in self.members.items()}
            return values | following(self.joint, means, key, values[key])
        if self.joint is not None:
            scores, row = ndtri(probabilities), self.joint.matrix[self.joint.ids.index(key)]
            for other, correlation in zip(self.joint.ids, row.tolist(), strict=True):
                if other != key and correlation:
                    for parameter in self.members.get(other, ()):
                        values[parameter.id] = inverse(parameter)(ndtr(correlation * scores))
        return values

    @property
    def without_unused_streams(self) -> "Source":
        """The same without streams that move nothing: of a Gaussian copula, the part of the matrix for the others."""
        if not isinstance(self.joint, Block):
            return self
        used = [i for i, key in enumerate(self.joint.ids) if key in self.members]
        part = Block(tuple(self.members), self.joint.matrix[np.ix_(used, used)])
        return replace(self, joint=part if len(used) > 1 else None)


def sources_of_uncertainty(inputs: Inputs) -> tuple[Source, ...]:
    """The independent sources of uncertainty of a workbook, each standing where its first parameter does.

    >>> [source.parameters for source in sources_of_uncertainty(calgb) if source.name == "group utility_pf"]
    [('utility.maintenance', 'utility.toxicity')]
    """
    varied = sampled(inputs)
    streams: dict[str, list[Parameter]] = {}
    for parameter in varied:
        streams.setdefault(stream(parameter), []).append(parameter)
    joined: tuple[Block | Shares, ...] = (*blocks(inputs), *share_groups(varied))
    found = []
    for joint in joined:
        members = {key: tuple(streams.pop(key)) for key in joint.ids if key in streams}
        found += [Source(members, joint)] if members else []
    found += [Source({key: tuple(members)}) for key, members in streams.items()]
    order = {parameter.id: i for i, parameter in enumerate(varied)}
    return tuple(sorted(found, key=lambda source: min(order[key] for key in source.parameters)))


def sampled(inputs: Inputs) -> tuple[Parameter, ...]:
    """Parameters that probabilistic analysis varies, in the workbook's order.

    They have a value and a distribution other than fixed, belong to no strategy or to one that is compared, are no
    choice of method, and are not certain (`distributions.is_certain`).

    >>> [parameter.id for parameter in sampled(calgb)][:3]
    ['cohort.proportion_female', 'os.median.no_maintenance', 'os.shape.no_maintenance']
    """
    return tuple(parameter for parameter in inputs.parameters.values() if _is_varied(inputs, parameter))


def _is_varied(inputs: Inputs, parameter: Parameter) -> bool:
    if not parameter.is_sampled or parameter.definition.is_method or parameter.value is None:
        return False
    return is_of_compared(inputs, parameter) and not is_certain(parameter)


def is_of_compared(inputs: Inputs, parameter: Parameter) -> bool:
    """Whether a parameter belongs to no strategy, or to one that is compared.

    >>> is_of_compared(calgb, calgb.parameters["os.hazard_ratio.lenalidomide"])
    True
    """
    found = match(parameter.id)
    strategy = found[1].get("strategy") if found else None
    return strategy in (None, *inputs.compared)


def _correlated_uniforms(block: Block, independent: Sequence[Array]) -> dict[str, Array]:
    """Uniforms of a block's streams, each (rows,), with the block's correlations between their normal scores.

    Source: Briggs, Claxton, Sculpher 2006, section 4.4, for the Cholesky decomposition.
    """
    factor, scores = np.linalg.cholesky(block.matrix), [ndtri(uniforms) for uniforms in independent]
    drawn = {block.ids[0]: np.asarray(independent[0])}
    for key, weights in zip(block.ids[1:], factor[1:], strict=True):
        # Term by term: a matrix product rounds differently for other numbers of draws.
        drawn[key] = np.asarray(ndtr(sum(w * z for w, z in zip(weights, scores, strict=True) if w)))
    return drawn

"""Designs: the rows of parameter values that an analysis asks the model to run. Here, random draws.

A draw is one uniform per parameter id, from a stream keyed by seed and id, put through the parameter's inverse
distribution. Nothing else goes in, so adding a parameter, a strategy or more draws leaves every other value as it was,
strategies and scenarios share their random numbers, and rows can be made in any chunks, in any order, anywhere.

Parameters that share a `group` share the uniform of the group's name: they are one uncertain quantity, or move
together perfectly (comonotonic: all at their medians, all at their 90 % points). Weaker correlation, from the sheet
Correlations, goes through a Gaussian copula: the streams' normal scores z become L·z, LLᵀ the correlation matrix of
the block, which is multivariate normal sampling where the distributions are normal or log-normal. Only members of
such a block depend on each other's streams, in alphabetical order: the first keeps its own. Shares of one whole are
split from it one after the other (`markov.inputs.dirichlet`).
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.special import ndtr, ndtri

from markov.inputs.correlations import Block, blocks, stream
from markov.inputs.definitions.schema import match
from markov.inputs.dirichlet import Shares, share_groups, split
from markov.inputs.distributions import inverse, is_certain
from markov.inputs.parameters import Inputs, Parameter
from markov.terms import Array

WORDS = 4  # Philox makes four 64-bit words for each value of its counter


@dataclass(frozen=True)
class Draws:
    """Random rows of parameter values, made when asked for: `Rows` of `markov.model.evaluate`.

    Values are in each cell's own unit. There is no state: a block is the same in any order, thread or process.
    """

    parameters: tuple[Parameter, ...] = field(repr=False)
    runs: int
    seed: int
    correlated: tuple[Block, ...] = field(default=(), repr=False)
    shares: tuple[Shares, ...] = field(default=(), repr=False)

    def __len__(self) -> int:
        """Number of rows."""
        return self.runs

    def block(self, start: int, stop: int) -> Mapping[str, Array]:
        """Values of rows start to stop by parameter id, each (stop − start,); bit for bit those of `columns`.

        Raises IndexError for rows that are not there.
        """
        if not 0 <= start <= stop <= self.runs:
            raise IndexError(f"rows {start} to {stop} of {self.runs}")
        streams = {key: uniforms(self.seed, key, start, stop) for key in dict.fromkeys(map(stream, self.parameters))}
        for block in self.correlated:
            if streams.keys() & set(block.ids):
                streams |= correlated_uniforms(block, [uniforms(self.seed, key, start, stop) for key in block.ids])
        values = {parameter.id: inverse(parameter)(streams[stream(parameter)]) for parameter in self.parameters}
        for shares in self.shares:
            values |= split(shares, [streams[key] for key in shares.ids])
        return values

    def columns(self) -> Mapping[str, Array]:
        """Values of all rows by parameter id, each (runs,)."""
        return self.block(0, self.runs)


def sampled(inputs: Inputs) -> tuple[Parameter, ...]:
    """Parameters that probabilistic analysis varies, in the workbook's order.

    They have a value and a distribution other than fixed, belong to no strategy or to one that is compared, are no
    choice of method, and are not certain (`distributions.is_certain`).

    >>> from markov.inputs.writing.template import shipped
    >>> from markov.inputs.workbook import read_inputs
    >>> inputs = read_inputs(shipped("calgb_100104"))
    >>> [parameter.id for parameter in sampled(inputs)][:3]
    ['cohort.proportion_female', 'os.median.no_maintenance', 'os.shape.no_maintenance']
    """
    return tuple(parameter for parameter in inputs.parameters.values() if _is_varied(inputs, parameter))


def random_draws(inputs: Inputs, runs: int, seed: int | None = None) -> Draws:
    """Rows of random values of the sampled parameters; without a seed, that of `settings.seed`.

    Raises ValueError for less than one run.

    >>> from markov.inputs.writing.template import shipped
    >>> from markov.inputs.workbook import read_inputs
    >>> inputs = read_inputs(shipped("calgb_100104"))
    >>> draws = random_draws(inputs, 1000, seed=1)
    >>> len(draws), draws.block(10, 12)["os.hazard_ratio.lenalidomide"].shape
    (1000, (2,))
    >>> bool(np.all(draws.block(10, 12)["cost.event.death"] == draws.columns()["cost.event.death"][10:12]))
    True
    """
    if runs < 1:
        raise ValueError(f"random draws need at least one run, not {runs}")
    seed = int(inputs.number("settings.seed")) if seed is None else seed
    varied = sampled(inputs)
    return Draws(varied, runs, seed, blocks(inputs), share_groups(varied))


def uniforms(seed: int, key: str, start: int, stop: int) -> Array:
    """Uniforms start to stop of the stream of a key, (stop − start,): u = (⌊w / 2^12⌋ + ½) / 2^52, w a 64-bit word.

    Word i of the stream is word i mod 4 of Philox 4×64-10 at counter ⌊i/4⌋ + 1, under the first 128 bits of the
    SHA-256 of "seed key". NumPy guarantees these words from release to release; of its generators' doubles it
    promises neither that nor that two halves make the whole. The uniforms are the middles of 2^52 equal steps:
    never 0 or 1, and as likely as 1 − u.

    Source: Salmon, Moraes, Dror, Shaw 2011, Parallel random numbers: as easy as 1, 2, 3, SC11.

    >>> bool(np.all(uniforms(1, "os.shape.new", 7, 9) == uniforms(1, "os.shape.new", 0, 10)[7:9]))
    True
    """
    digest = hashlib.sha256(f"{seed} {key}".encode()).digest()
    counter, skipped = divmod(start, WORDS)
    words = np.random.Philox(key=int.from_bytes(digest[:16], "little"), counter=counter)
    drawn = words.random_raw(skipped + stop - start)[skipped:]
    return np.asarray(((drawn >> np.uint64(12)).astype(float) + 0.5) * 2.0**-52)


def correlated_uniforms(block: Block, independent: Sequence[Array]) -> dict[str, Array]:
    """Uniforms of a block's streams, each (runs,), with the block's correlations between their normal scores.

    Source: Briggs, Claxton, Sculpher 2006, section 4.4, for the Cholesky decomposition.

    >>> pair = Block(("a", "b"), np.array([[1.0, 0.6], [0.6, 1.0]]))
    >>> drawn = correlated_uniforms(pair, [np.array([0.5, 0.9]), np.array([0.5, 0.5])])
    >>> drawn["a"].tolist(), drawn["b"].round(4).tolist()  # Φ(0.6·Φ⁻¹(0.9)) = 0.7790
    ([0.5, 0.9], [0.5, 0.779])
    """
    factor, scores = np.linalg.cholesky(block.matrix), [ndtri(stream) for stream in independent]
    drawn = {block.ids[0]: np.asarray(independent[0])}
    for key, weights in zip(block.ids[1:], factor[1:], strict=True):
        # Term by term: a matrix product rounds differently for other numbers of draws.
        drawn[key] = np.asarray(ndtr(sum(w * z for w, z in zip(weights, scores, strict=True) if w)))
    return drawn


def _is_varied(inputs: Inputs, parameter: Parameter) -> bool:
    if not parameter.is_sampled or parameter.definition.is_method or parameter.value is None:
        return False
    found = match(parameter.id)
    strategy = found[1].get("strategy") if found else None
    return strategy in (None, *inputs.compared) and not is_certain(parameter)

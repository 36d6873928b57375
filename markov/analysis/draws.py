"""Random draws: the rows of parameter values that a probabilistic analysis asks the model to run.

A draw is one uniform a stream (`sources_of_uncertainty`), keyed by seed and the stream's name, put through inverse
distributions. Nothing else goes in, so adding a parameter, a strategy or more draws leaves every other value as it
was, strategies and scenarios share their random numbers, and rows can be made in any chunks, in any order, anywhere.
Only members of a correlated block, or shares of one whole, depend on each other's streams.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from markov.analysis.sources_of_uncertainty import Source, sampled, sources_of_uncertainty
from markov.inputs.parameters import Inputs
from markov.terms import Array

if TYPE_CHECKING:
    import pandas as pd

WORDS = 4  # Philox makes four 64-bit words for each value of its counter


@dataclass(frozen=True)
class Draws:
    """Random rows of parameter values, made when asked for: `Rows` of `markov.model.evaluate`.

    Values are in each cell's own unit, in the workbook's order of `parameters`. There is no state: a block is the same
    in any order, thread or process.
    """

    sources: tuple[Source, ...] = field(repr=False)
    parameters: tuple[str, ...] = field(repr=False)
    runs: int
    seed: int

    def __len__(self) -> int:
        """Number of rows."""
        return self.runs

    def block(self, start: int, stop: int) -> Mapping[str, Array]:
        """Values of rows start to stop by parameter id, each (stop − start,); bit for bit those of `columns`.

        Raises IndexError for rows that are not there.
        """
        if not 0 <= start <= stop <= self.runs:
            raise IndexError(f"rows {start} to {stop} of {self.runs}")
        values: dict[str, Array] = {}
        for source in self.sources:
            values |= source.values([uniforms(self.seed, key, start, stop) for key in source.streams])
        return {key: values[key] for key in self.parameters}

    def columns(self) -> Mapping[str, Array]:
        """Values of all rows by parameter id, each (runs,)."""
        return self.block(0, self.runs)

    def to_frame(self) -> "pd.DataFrame":
        """All rows as a pandas frame: a row a draw, numbered from 0, a column a parameter id.

        >>> random_draws(calgb, 3, seed=1).to_frame()["utility.maintenance"].round(3).tolist()
        [0.691, 0.743, 0.722]
        """
        import pandas as pd

        return pd.DataFrame(self.columns()).rename_axis(index="draw")


def random_draws(inputs: Inputs, runs: int, seed: int | None = None) -> Draws:
    """Rows of random values of the sampled parameters; without a seed, that of `settings.seed`.

    Raises ValueError for less than one run.

    >>> draws = random_draws(calgb, 1000, seed=1)
    >>> len(draws), draws.block(10, 12)["os.hazard_ratio.lenalidomide"].shape
    (1000, (2,))
    >>> bool(np.all(draws.block(10, 12)["cost.event.death"] == draws.columns()["cost.event.death"][10:12]))
    True
    """
    if runs < 1:
        raise ValueError(f"random draws need at least one run, not {runs}")
    seed = int(inputs.number("settings.seed")) if seed is None else seed
    return Draws(sources_of_uncertainty(inputs), tuple(p.id for p in sampled(inputs)), runs, seed)


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

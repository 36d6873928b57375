"""The Sobol design: which rows are run so that variance can be shared out among sources of uncertainty.

Two samples A and B, (n, dimensions) each, are the halves of one scrambled Sobol sequence: SALib's sampler draws them.
For every factor j the rows AB_j are those of A with factor j taken from B, and BA_j those of B with factor j from A
(second order only). Per point of the sequence the rows stand in the order A, AB_1 … AB_k, BA_1 … BA_k, B, as in SALib.

A factor is what varies independently of the rest (`sources_of_uncertainty`). It may be one parameter, several that
move together perfectly (one uniform), or several that are correlated (as many uniforms, a group of SALib's). Sobol
indices are defined for independent factors only; a correlated block is one factor, and its index is that of the block.

Source: Saltelli 2002, Comput Phys Commun 145:280; Jacques, Lavergne, Devictor 2006, Reliab Eng Syst Saf 91:1126
(blocks of dependent inputs); Owen 2020, arXiv:2008.08051 (scrambling, powers of two); Iwanaga, Usher, Herman 2022,
Socio-Environ Syst Model 4:18155 (SALib).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from markov.inputs.distributions import EDGE
from markov.terms import Array


class Factor(Protocol):
    """What a design asks of a source of uncertainty: `values` takes a uniform (rows,) for each of its `streams`."""

    @property
    def name(self) -> str:
        """Its name, of which there is no other in a design."""

    @property
    def streams(self) -> tuple[str, ...]:
        """What it takes a uniform for; one stream has the factor's name."""

    @property
    def parameters(self) -> tuple[str, ...]:
        """Ids of the parameters that it moves."""

    def values(self, uniforms: Sequence[Array]) -> Mapping[str, Array]:
        """Values by parameter id, each (rows,)."""


@dataclass(frozen=True)
class SobolRows:
    """Rows of a Sobol design, made when asked for: `Rows` of `markov.model.evaluate`.

    Only the values of A and B are held, two columns of n a parameter; every other row is put together from them.
    """

    points: int
    factors: tuple[Factor, ...]
    second_order: bool
    values: Mapping[str, tuple[int, Array]] = field(repr=False)

    @property
    def step(self) -> int:
        """Rows for each point of the sequence: k + 2, or 2k + 2 with second order."""
        return (2 if self.second_order else 1) * len(self.factors) + 2

    def __len__(self) -> int:
        """Number of rows: n(k + 2), or n(2k + 2)."""
        return self.points * self.step

    def block(self, start: int, stop: int) -> Mapping[str, Array]:
        """Values of rows start to stop by parameter id, each (stop − start,).

        Raises IndexError for rows that are not there.
        """
        if not 0 <= start <= stop <= len(self):
            raise IndexError(f"rows {start} to {stop} of {len(self)}")
        point, place = np.divmod(np.arange(start, stop), self.step)
        return {key: ab[self._takes_b(factor, place), point] for key, (factor, ab) in self.values.items()}

    def columns(self) -> Mapping[str, Array]:
        """Values of all rows by parameter id."""
        return self.block(0, len(self))

    def _takes_b(self, factor: int, place: NDArray[np.intp]) -> NDArray[np.intp]:
        """1 where a row takes the factor from B, 0 where from A."""
        k = len(self.factors)
        takes = (place == factor + 1) | (place == self.step - 1)
        if self.second_order:
            takes |= (place > k) & (place != k + 1 + factor)
        return np.asarray(takes, dtype=np.intp)

    def where(self, row: int) -> str:
        """What a row is, in words.

        >>> from markov.analysis.sources_of_uncertainty import sources_of_uncertainty
        >>> rows = sobol_rows(sources_of_uncertainty(calgb)[:2], 4, seed=1, second_order=False)
        >>> rows.where(1), rows.where(7)
        ('point 1 of sample A with cohort.proportion_female from B', 'point 2 of sample B')
        """
        point, place = divmod(row, self.step)
        k, names = len(self.factors), [factor.name for factor in self.factors]
        if place in (0, self.step - 1):
            return f"point {point + 1} of sample {'A' if place == 0 else 'B'}"
        base, other = ("A", "B") if place <= k else ("B", "A")
        return f"point {point + 1} of sample {base} with {names[(place - 1) % k]} from {other}"


def problem_of(factors: Sequence[Factor]) -> dict[str, Any]:
    """The factors as a SALib problem: a variable from 0 to 1 for each uniform; factors of several are its groups.

    >>> from markov.analysis.sources_of_uncertainty import sources_of_uncertainty
    >>> problem_of(sources_of_uncertainty(calgb)[:1])
    {'num_vars': 1, 'names': ['cohort.proportion_female'], 'bounds': [[0.0, 1.0]]}
    """
    names = [key for factor in factors for key in factor.streams]
    groups = [factor.name for factor in factors for _ in factor.streams]
    problem = {"num_vars": len(names), "names": names, "bounds": [[0.0, 1.0]] * len(names)}
    return problem if groups == names else problem | {"groups": groups}


def sobol_rows(factors: Sequence[Factor], points: int, seed: int, *, second_order: bool = True) -> SobolRows:
    """A Sobol design of `points` (a power of two) over independent factors, the same for the same seed, 0 included.

    Uniforms are kept inside (0, 1), because an inverse normal of 0 is infinite.  Raises ValueError where `points` is
    no power of two above 1, no factor is given, or a name or a parameter comes twice.

    >>> from markov.analysis.sources_of_uncertainty import sources_of_uncertainty
    >>> rows = sobol_rows(sources_of_uncertainty(calgb)[:2], 8, seed=1)
    >>> b = rows.block(0, 6)["os.median.no_maintenance"]  # of the rows A, AB_1, AB_2, BA_1, BA_2, B
    >>> len(rows), (b == b[0]).tolist()
    (48, [True, True, False, False, True, False])
    """
    if points < 2 or points & (points - 1):
        raise ValueError(f"a Sobol design needs a power of two of points, such as 1024; found {points}")
    if not factors:
        raise ValueError("a Sobol design needs at least one factor that varies")
    if len({factor.name for factor in factors}) < len(factors):
        raise ValueError(f"a factor is named twice: {', '.join(factor.name for factor in factors)}")
    named = [key for factor in factors for key in factor.parameters]
    if len(set(named)) < len(named):
        raise ValueError(f"two factors give values to one parameter: {', '.join(named)}")
    a, b = _samples(factors, points, seed)
    values: dict[str, tuple[int, Array]] = {}
    first = 0
    for i, factor in enumerate(factors):
        mine = slice(first, first + len(factor.streams))
        first = mine.stop
        in_a, in_b = factor.values(a[mine]), factor.values(b[mine])
        values |= {key: (i, np.stack([in_a[key], in_b[key]])) for key in factor.parameters}
    return SobolRows(points, tuple(factors), second_order, values)


def _samples(factors: Sequence[Factor], points: int, seed: int) -> tuple[list[Array], list[Array]]:
    """The samples A and B of SALib's design, a uniform (points,) for each stream of the factors.

    SALib puts A first and B last of the rows of a point. It takes a single group for no groups at all, so that their
    number is read off and not counted; the rows between are not kept, whose values are those of A and B.
    """
    from SALib.sample import sobol  # takes a second to import

    problem = problem_of(factors)
    rows = sobol.sample(problem, points, calc_second_order=False, seed=int(seed))
    kept = np.clip(rows.reshape(points, -1, problem["num_vars"])[:, [0, -1]], EDGE, 1.0 - EDGE)
    a, b = ([np.ascontiguousarray(column) for column in kept[:, half].T] for half in (0, 1))
    return a, b

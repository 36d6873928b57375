"""The Sobol design: which rows are run so that variance can be shared out among sources of uncertainty.

Two samples A and B, (n, dimensions) each, are the halves of one scrambled Sobol sequence. For every factor j the rows
AB_j are those of A with factor j taken from B, and BA_j those of B with factor j from A (second order only). Per point
of the sequence the rows stand in the order A, AB_1 … AB_k, BA_1 … BA_k, B, as in SALib, whose uniforms these are.

A factor is what varies independently of the rest. It may be one parameter, several that move together perfectly (one
uniform), or several that are correlated (as many uniforms, put through their joint distribution). Sobol indices are
defined for independent factors only; a correlated block is one factor, and its index is that of the whole block.

Source: Saltelli 2002, Comput Phys Commun 145:280; Jacques, Lavergne, Devictor 2006, Reliab Eng Syst Saf 91:1126
(blocks of dependent inputs); Owen 2020, arXiv:2008.08051 (scrambling, powers of two).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from markov.inputs.distributions import EDGE
from markov.terms import Array


@dataclass(frozen=True)
class Factor:
    """A source of uncertainty, independent of all others: `dimensions` uniforms that become values of parameters.

    `values` takes uniforms (rows, dimensions) in (0, 1) to columns (rows,) of each of the `parameters`.
    """

    name: str
    parameters: tuple[str, ...]
    values: Callable[[Array], Mapping[str, Array]] = field(repr=False)
    dimensions: int = 1
    label: str = ""


def uniform_factor(name: str, inverse: Callable[[Array], Array]) -> Factor:
    """A factor of one parameter of the same name, by its inverse distribution function.

    >>> factor = uniform_factor("price", lambda u: 100.0 + 50.0 * u)
    >>> {key: column.tolist() for key, column in factor.values(np.array([[0.5], [0.9]])).items()}
    {'price': [125.0, 145.0]}
    """
    return Factor(name, (name,), lambda uniforms: {name: inverse(uniforms[:, 0])})


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

        >>> rows = sobol_rows([uniform_factor("a", abs), uniform_factor("b", abs)], 4, seed=1, second_order=False)
        >>> rows.where(2), rows.where(7)
        ('point 1 of sample A with b from B', 'point 2 of sample B')
        """
        point, place = divmod(row, self.step)
        k, names = len(self.factors), [factor.name for factor in self.factors]
        if place in (0, self.step - 1):
            return f"point {point + 1} of sample {'A' if place == 0 else 'B'}"
        base, other = ("A", "B") if place <= k else ("B", "A")
        return f"point {point + 1} of sample {base} with {names[(place - 1) % k]} from {other}"


def sobol_rows(factors: Sequence[Factor], points: int, seed: int, *, second_order: bool = True) -> SobolRows:
    """A Sobol design of `points` (a power of two) over independent factors, the same for the same seed, 0 included.

    Uniforms are kept inside (0, 1), because an inverse normal of 0 is infinite.  Raises ValueError where `points` is
    no power of two above 1, no factor is given, or a name or a parameter comes twice.

    >>> rows = sobol_rows([uniform_factor("a", lambda u: u), uniform_factor("b", lambda u: 10 * u)], 8, seed=1)
    >>> b = rows.block(0, 6)["b"]  # of the rows A, AB_a, AB_b, BA_a, BA_b, B
    >>> len(rows), (b == b[0]).tolist()
    (48, [True, True, False, False, True, False])
    """
    if points < 2 or points & (points - 1):
        raise ValueError(f"a Sobol design needs a power of two of points, such as 1024; found {points}")
    if not factors:
        raise ValueError("a Sobol design needs at least one factor that varies")
    if len({factor.name for factor in factors}) < len(factors):
        raise ValueError(f"a factor is named twice: {', '.join(factor.name for factor in factors)}")
    from scipy.stats import qmc  # scipy.stats takes half a second to import

    dimensions = sum(factor.dimensions for factor in factors)
    # `seed`, not `rng`: SALib's sequence for a seed is the one under that name.
    sequence = qmc.Sobol(d=2 * dimensions, scramble=True, seed=int(seed)).random(points)
    halves = np.clip(sequence, EDGE, 1.0 - EDGE).reshape(points, 2, dimensions)
    named = [key for factor in factors for key in factor.parameters]
    if len(set(named)) < len(named):
        raise ValueError(f"two factors give values to one parameter: {', '.join(named)}")
    values: dict[str, tuple[int, Array]] = {}
    first = 0
    for i, factor in enumerate(factors):
        mine = halves[:, :, first : first + factor.dimensions]
        first += factor.dimensions
        a, b = (factor.values(np.ascontiguousarray(mine[:, half])) for half in (0, 1))
        values |= {key: (i, np.stack([a[key], b[key]])) for key in factor.parameters}
    return SobolRows(points, tuple(factors), second_order, values)

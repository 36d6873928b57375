"""General-population mortality: a life table as cumulative hazards, and a cohort's expected survival."""

from dataclasses import dataclass

import numpy as np

from markov.terms import Array


@dataclass(frozen=True)
class LifeTable:
    """Annual hazards by sex, constant within a year of age; the last one holds beyond the table.

    `ages` (n,) whole years without gaps; `male`, `female` (n,) hazards per year.
    """

    ages: Array
    male: Array
    female: Array

    @classmethod
    def from_probabilities(cls, ages: Array, male: Array, female: Array) -> "LifeTable":
        """A table from annual death probabilities q_x: hazard −ln(1 − q_x).

        >>> import numpy as np
        >>> table = LifeTable.from_probabilities(np.array([60.0, 61.0]), np.array([0.1, 0.2]), np.array([0.05, 0.1]))
        >>> table.male.round(4).tolist()
        [0.1054, 0.2231]
        """
        return cls(ages, -np.log1p(-male), -np.log1p(-female))

    def cumulative(self, hazards: Array, ages: Array) -> Array:
        """Hazard accumulated from the first age of the table to `ages` (any shape)."""
        known = np.concatenate([[0.0], np.cumsum(hazards)])
        edges = np.append(self.ages, self.ages[-1] + 1.0)
        beyond = np.maximum(ages - edges[-1], 0.0) * hazards[-1]
        return np.asarray(np.interp(ages, edges, known) + beyond)

    def survival(self, age: Array, proportion_female: Array, times: Array) -> Array:
        """Survival of a cohort of both sexes, S(t) = f·S_f(t) + (1 − f)·S_m(t): survivors are mixed, never q_x.

        `times` in years from age `age`; arguments broadcast.

        >>> import numpy as np
        >>> table = LifeTable(np.array([50.0, 51.0]), np.array([0.02, 0.03]), np.array([0.01, 0.02]))
        >>> float(table.survival(np.asarray(50.0), np.asarray(1.0), np.asarray(2.0)).round(6))
        0.970446
        """
        female, male = self.survival_by_sex(age, times)
        return proportion_female * female + (1.0 - proportion_female) * male

    def survival_by_sex(self, age: Array, times: Array) -> tuple[Array, Array]:
        """Survival of women and of men."""
        female, male = (
            np.exp(self.cumulative(hazards, age) - self.cumulative(hazards, age + times))
            for hazards in (self.female, self.male)
        )
        return female, male


def background_increments(
    table: LifeTable, age: Array, proportion_female: Array, smr: Array, boundaries: Array
) -> Array:
    """Background hazard accumulated in each cycle, ΔB_k = SMR·(ln S(t_k) − ln S(t_(k+1))).

    `boundaries` (cycles + 1, …) in years; returns (cycles, …).

    >>> import numpy as np
    >>> table = LifeTable(np.array([50.0]), np.array([0.02]), np.array([0.02]))
    >>> years, one = np.arange(3.0), np.asarray(1.0)
    >>> background_increments(table, 50.0 * one, 0.5 * one, one, years).round(9).tolist()
    [0.02, 0.02]
    """
    hazard = -np.log(np.maximum(table.survival(age, proportion_female, boundaries), 1e-300))
    return smr * np.diff(hazard, axis=0)

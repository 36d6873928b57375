"""Discount factors, and the weights that turn occupancy at cycle boundaries into time in state."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from markov.inputs.parameters import Inputs
from markov.terms import Array, Correction, Discounting

Indices = NDArray[np.intp]
Steps = list[tuple[float, float]]

UNDISCOUNTED, COSTS, EFFECTS = range(3)


def discount_factors(
    times: Array, steps: Sequence[tuple[float, float]], method: Discounting = Discounting.EXACT_TIME
) -> Array:
    """v(t) = Π (1 + r_s)^−(years spent under rate r_s by time t).

    `steps` lists (from year, rate), the first from year 0; `whole_years` counts ⌊t⌋ years.

    >>> import numpy as np
    >>> discount_factors(np.array([0.0, 10.0]), [(0.0, 0.035)]).round(6).tolist()
    [1.0, 0.708919]
    >>> discount_factors(np.array([25.0]), [(0.0, 0.025), (20.0, 0.015)]).round(6).tolist()
    [0.56649]
    """
    years = np.floor(times + 1e-9) if method is Discounting.WHOLE_YEARS else np.asarray(times, dtype=float)
    log_factor = np.zeros_like(years)
    ends = [start for start, _ in steps[1:]] + [np.inf]
    for (start, rate), end in zip(steps, ends, strict=True):
        log_factor -= np.log1p(rate) * np.clip(years - start, 0.0, end - start)
    return np.exp(log_factor)


def cycle_weights(correction: Correction, boundaries: Array, factors: Array, middles: Array) -> tuple[Indices, Array]:
    """Discounted time in a state during cycle k as a weighted sum of three occupancies.

    Returns `first` (cycles,), the boundary of the first occupancy, and `weights` (cycles, 3): time in cycle k is
    Σ_m weights[k, m]·x[first[k] + m]. `factors` (cycles + 1,) are v at the boundaries, `middles` (cycles,) at
    mid-cycle. Under `half_cycle` the weights are Δ·v(mid)/2 twice; `simpson` integrates v·x by the parabola
    through three boundaries, (5, 8, −1)/12 on even cycles and (−1, 8, 5)/12 on odd ones, and needs an even
    number of cycles. A constant integrates to the horizon exactly under each. Under `half_cycle`, `start` and
    `end` the third weight is 0, and in the last cycle it points past the last boundary.

    >>> import numpy as np
    >>> t = np.arange(5.0)
    >>> first, w = cycle_weights(Correction.SIMPSON, t, np.ones(5), np.ones(4))
    >>> cubic = t**3
    >>> round(float(sum(w[k] @ cubic[first[k]:first[k] + 3] for k in range(4))), 9)  # the integral is 64
    64.0
    """
    cycles = len(boundaries) - 1
    length = np.diff(boundaries)
    k = np.arange(cycles, dtype=np.intp)
    weights = np.zeros((cycles, 3))
    if correction is Correction.SIMPSON:
        if cycles % 2:
            raise ValueError(f"Simpson's rule needs an even number of cycles, found {cycles}")
        first = k - k % 2
        pattern = np.where((k % 2 == 0)[:, None], [5.0, 8.0, -1.0], [-1.0, 8.0, 5.0]) / 12.0
        window = first[:, None] + np.arange(3)
        return first, np.asarray(length[:, None] * pattern * factors[window])
    if correction is Correction.HALF_CYCLE:
        weights[:, 0] = weights[:, 1] = 0.5 * length * middles
    elif correction is Correction.START:
        weights[:, 0] = length * factors[:-1]
    else:
        weights[:, 1] = length * factors[1:]
    return k, weights


def discount_steps(inputs: Inputs, kind: str) -> Steps:
    """Discount schedule of costs or effects: (from year, rate)."""
    steps = [(0.0, inputs.number(f"settings.discount_rate.{kind}"))]
    if inputs.given("settings.discount_change_years"):
        change = inputs.number("settings.discount_change_years")
        steps.append((change, inputs.number(f"settings.discount_rate_later.{kind}")))
    return steps


@dataclass(frozen=True)
class Schedules:
    """The ways in which a run is discounted: not at all, as costs, as effects; those that coincide are kept once.

    `kept` (n of them) and, for each of the three, its place in `of`; `weights` (n, cycles, 3) of occupancies in the
    time of each cycle, and `middles` (n, cycles) the factors at mid-cycle.
    """

    steps: tuple[Steps, Steps, Steps]
    of: tuple[int, int, int]
    method: Discounting
    by_parabola: bool
    weights: Array
    middles: Array

    @classmethod
    def from_settings(cls, inputs: Inputs, boundaries: Array) -> "Schedules":
        """As the settings say."""
        steps = ([(0.0, 0.0)], discount_steps(inputs, "costs"), discount_steps(inputs, "effects"))
        kept = [i for i, schedule in enumerate(steps) if schedule not in steps[:i]]
        of = [kept.index(steps.index(schedule)) for schedule in steps]
        method = Discounting(inputs.text("settings.discounting"))
        correction = Correction(inputs.text("settings.correction"))
        times = 0.5 * (boundaries[1:] + boundaries[:-1])
        middles = np.stack([discount_factors(times, steps[i], method) for i in kept])
        ends = [discount_factors(boundaries, steps[i], method) for i in kept]
        weights = [cycle_weights(correction, boundaries, e, m)[1] for e, m in zip(ends, middles, strict=True)]
        by_parabola = correction is Correction.SIMPSON
        return cls(steps, (of[0], of[1], of[2]), method, by_parabola, np.stack(weights), middles)

    @property
    def of_effects(self) -> list[int]:
        """Places of the undiscounted schedule and of that of effects."""
        return [self.of[UNDISCOUNTED], self.of[EFFECTS]]

    def factors(self, times: Array) -> Array:
        """Discount factors of all three at some times, (3, …)."""
        return np.stack([discount_factors(times, steps, self.method) for steps in self.steps])

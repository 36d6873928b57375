"""Discount factors, and the weights that turn occupancy at cycle boundaries into time in state."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from markov.terms import Array, Correction, Discounting

Indices = NDArray[np.intp]


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

"""A climb to a maximum likelihood: derivatives by differences, Newton steps in a trust region, the information there.

Functions are minus log-likelihoods of many points at once (points, coordinates), in coordinates of order one.
"""

from collections.abc import Callable
from functools import lru_cache

import numpy as np

from markov.terms import Array

PATIENCE = 10  # steps of a climb without gain
FAR = 20.0  # from the start: the climb has run off
STEP = 1e-4  # of the stencil while climbing


def derivatives(function: Callable[[Array], Array], point: Array, steps: Array) -> tuple[float, Array, Array]:
    """Value, gradient and Hessian at a point by central differences, all from one call of a row-wise function."""
    size, unit = point.size, np.diag(steps)
    i, j = np.triu_indices(size, 1)
    moves = np.vstack([np.zeros((1, size)), unit, -unit, unit[i] + unit[j], -unit[i] - unit[j]])
    values = function(point + moves)
    middle, up, down = values[0], values[1 : size + 1], values[size + 1 : 2 * size + 1]
    both_up, both_down = values[2 * size + 1 :].reshape(2, -1)
    hessian = np.diag((up - 2.0 * middle + down) / steps**2)
    hessian[i, j] = (both_up - up[i] - up[j] + 2.0 * middle - down[i] - down[j] + both_down) / (
        2.0 * steps[i] * steps[j]
    )
    hessian[j, i] = hessian[i, j]
    return float(middle), (up - down) / (2.0 * steps), hessian


def climb(function: Callable[[Array], Array], size: int) -> Array:
    """From the origin to a minimum of a row-wise function, by Newton steps in a trust region."""
    from scipy import optimize  # half a second of start-up time that other commands need not pay

    steps = np.full(size, STEP)
    trail: list[float] = []

    @lru_cache(maxsize=2)
    def at(key: bytes) -> tuple[float, Array, Array]:
        found = derivatives(function, np.frombuffer(key), steps)
        known = all(np.isfinite(part).all() for part in found)
        return found if known else (1e30, np.zeros(size), np.eye(size))  # refused by the trust region

    def value(point: Array) -> float:
        return at(point.tobytes())[0]

    def gradient(point: Array) -> Array:
        return at(point.tobytes())[1]

    def hessian(point: Array) -> Array:
        return at(point.tobytes())[2]

    def stop_where_nothing_is_gained(intermediate_result: optimize.OptimizeResult) -> None:
        trail.append(float(intermediate_result.fun))
        stuck = len(trail) > PATIENCE and trail[-PATIENCE] - trail[-1] < 1e-4
        if stuck or np.abs(intermediate_result.x).max() > FAR:
            raise StopIteration

    result = optimize.minimize(
        value,
        np.zeros(size),
        jac=gradient,
        hess=hessian,
        method="trust-exact",
        callback=stop_where_nothing_is_gained,
        options={"gtol": 1e-6, "maxiter": 200},
    )
    return np.asarray(result.x, dtype=float)


def observed_information(function: Callable[[Array], Array], point: Array) -> tuple[Array, Array, float]:
    """Gradient and Hessian of a minus log-likelihood at two steps, extrapolated, and by how much the two disagree.

    Steps are 1/20 and 1/40 of each coordinate's own standard error; the disagreement is on the scale of correlations.
    """
    _, _, rough = derivatives(function, point, np.full(point.size, STEP))
    steps = 0.05 / np.sqrt(np.maximum(np.diag(rough), 1e-4))
    _, _, wide = derivatives(function, point, steps)
    _, gradient, narrow = derivatives(function, point, 0.5 * steps)
    size = np.sqrt(np.maximum(np.abs(np.diag(narrow)), 1e-300))
    disagreement = float(np.max(np.abs(narrow - wide) / np.outer(size, size)))
    return gradient, (4.0 * narrow - wide) / 3.0, disagreement

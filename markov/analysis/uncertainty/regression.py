"""Smooth regression on parameters: what net benefit is expected to be, once some of its inputs are known.

The expectation is an additive model with interactions,

    g = β₀ + Σ_j (β_j·x_j + f_j(z_j)) + Σ_{j<l} f_jl,

the straight line in an input x_j because costs and utilities enter net benefit as they are. z_j = Φ⁻¹((rank − ½)/n) is
its normal score: a skewed cost and a hazard ratio look alike in it. Each f_j is a cubic spline with a penalty on its
second differences, each f_jl products of the smoothest parts of two splines. A penalised part is a random effect,
b ~ N(0, σ²/λ), and λ is found by restricted maximum likelihood: λ = σ²·(effective degrees of freedom)/‖b‖², repeated.
The inputs that explain most have interactions of curves, the others of straight lines, as many as the draws carry;
inputs that determine each other (a group, a constant) count once.

Where the inputs take few values the mean at each combination is the expectation, and nothing is smoothed.

Source: Strong, Oakley, Brennan 2014, Med Decis Making 34:311; Eilers, Marx 1996, Stat Sci 11:89 (P-splines); Wood,
Fasiolo 2017, Biometrics 73:1071 (the update of λ).
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from markov.terms import Array

DRAWS_PER_VALUE = 5
"""From as many draws on for each combination of values, on average, means replace the regression."""

SEGMENTS, FEWEST_SEGMENTS = 10, 4
DRAWS_PER_SEGMENT = 40
CURVED = 4
"""So many inputs, those that explain most, have interactions of curves; the others of straight lines."""

MARGIN = 4
"""Functions of an input in interactions of curves: the straight line and the smoothest curves."""

NEARLY_NORMAL = 1e-4
"""Share of a normal score's variance beside the straight line that is worth a column."""

DRAWS_PER_COLUMN = 4
"""Draws that a regression needs for each of its columns."""

COLUMNS = 400
"""Columns to which interactions are added at most: time grows with their cube."""

TOGETHER = 50  # refits
RIDGE, LARGEST = 1e-9, 1e9
ITERATIONS, SETTLED, ABSENT = 200, 1e-2, 1e-2  # the latter in degrees of freedom


@dataclass(frozen=True)
class Regression:
    """Expected values of several outputs given some inputs: `fitted` (runs, outputs).

    `method` says how; `degrees` (outputs,) are effective degrees of freedom, `explained` (outputs,) shares of
    variance. Expected values are rows of `columns` (runs, columns) times coefficients, and `errors` (refits, columns,
    outputs) are draws of what the coefficients may be off.
    """

    method: str
    fitted: Array
    degrees: Array
    explained: Array
    columns: Array = field(repr=False)
    errors: Array = field(repr=False)

    def only(self, outputs: slice) -> "Regression":
        """The regression of some of the outputs."""
        own = (self.fitted[:, outputs], self.degrees[outputs], self.explained[outputs])
        return Regression(self.method, *own, self.columns, self.errors[:, :, outputs])

    def refits(self) -> Iterator[Array]:
        """What fits to other data of the same size might have given, in blocks (outputs, runs, refits)."""
        for start in range(0, len(self.errors), TOGETHER):
            some = self.errors[start : start + TOGETHER]
            off = [self.columns @ some[:, :, i].T for i in range(some.shape[2])]
            yield np.stack(off) + self.fitted.T[:, :, None]


@dataclass(frozen=True)
class _Additive:
    """What each input does alone: `lines` (runs, inputs) of unit spread, and by input the penalised columns."""

    lines: Array
    beside: tuple[Array, ...]
    curves: tuple[Array, ...]


@dataclass(frozen=True)
class _Basis:
    """Columns of a regression, centred: `penalty` (columns,) numbers the penalised part of each, −1 for none."""

    inputs: int
    columns: Array
    penalty: NDArray[np.intp]


def regress(inputs: Array, outputs: Array, *, refits: int = 50) -> Regression:
    """Regress outputs (runs, outputs) on inputs (runs, inputs).

    Raises ValueError where runs differ or a number is not finite.

    >>> random = np.random.default_rng(1)
    >>> x = random.normal(size=(2000, 1))
    >>> found = regress(x, np.sin(x) + random.normal(size=(2000, 1)))
    >>> found.method, bool(np.abs(found.fitted - np.sin(x)).mean() < 0.08)
    ('penalised splines of 1 input, 13 columns', True)
    """
    if inputs.ndim != 2 or outputs.ndim != 2 or len(inputs) != len(outputs):
        raise ValueError(f"inputs {inputs.shape} and outputs {outputs.shape} must have the same runs")
    if not (np.isfinite(inputs).all() and np.isfinite(outputs).all()):
        raise ValueError("a regression needs finite inputs and outputs")
    inputs = inputs[:, _distinct(inputs)]
    ranks = np.stack([average_ranks(column) for column in inputs.T] or [np.ones(len(inputs))], axis=1)
    random = np.random.default_rng(1)
    cells = _cells(ranks)
    if cells is not None:
        return _means(cells, outputs, random, refits)
    additive = _additive(inputs, ndtri((ranks - 0.5) / len(ranks)))
    order = _by_importance(additive, outputs) if inputs.shape[1] > CURVED else range(inputs.shape[1])
    return _smooth(_basis(additive, _interactions(additive, order)), outputs, random, refits)


def _distinct(inputs: Array) -> list[int]:
    """Which inputs (runs, inputs) say something of their own: constants, and those another one determines, do not."""
    kept: dict[int, Array] = {}
    for i, column in enumerate(inputs.T):
        ranks = average_ranks(column)
        turned = len(ranks) + 1.0 - ranks
        if np.ptp(ranks) > 0.0 and not any(np.array_equal(seen, r) for seen in kept.values() for r in (ranks, turned)):
            kept[i] = ranks
    return list(kept)


def average_ranks(column: Array) -> Array:
    """Ranks (runs,) from 1; equal values share the mean of their ranks.

    >>> average_ranks(np.array([10.0, 30.0, 10.0])).tolist()
    [1.5, 3.0, 1.5]
    """
    _, which, counts = np.unique(column, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return np.asarray((last - 0.5 * (counts - 1))[which])


def _cells(ranks: Array) -> NDArray[np.intp] | None:
    """The combination of values of each run, numbered; None where there are too many of them for means."""
    most = len(ranks) / DRAWS_PER_VALUE
    if any(len(np.unique(column)) > most for column in ranks.T):
        return None
    combinations_found, cells = np.unique(ranks, axis=0, return_inverse=True)
    return np.asarray(cells.reshape(-1), dtype=np.intp) if len(combinations_found) <= most else None


def _means(cells: NDArray[np.intp], outputs: Array, random: np.random.Generator, refits: int) -> Regression:
    """Means by combination of values; their errors are those of means."""
    counts = np.bincount(cells).astype(float)
    means = np.stack([np.bincount(cells, weights=column) / counts for column in outputs.T], axis=1)
    residual = outputs - means[cells]
    spread = residual.T @ residual / len(residual)
    errors = random.normal(size=(refits, *means.shape)) @ _root(spread).T / np.sqrt(counts)[:, None]
    degrees = np.full(outputs.shape[1], float(len(counts)))
    method = f"means at {len(counts)} combinations of values"
    columns = np.equal.outer(cells, np.arange(len(counts))).astype(float)
    return Regression(method, means[cells], degrees, _explained(outputs, residual), columns, errors)


# ------------------------------------------------------------------------------------------------------- the basis


def _additive(values: Array, scores: Array) -> _Additive:
    """Straight lines and curves of each input alone."""
    lines = (values - values.mean(axis=0)) / values.std(axis=0)
    curves = tuple(_spline(column, _segments(*values.shape)) for column in scores.T)
    beside = tuple(_beside(x, z) for x, z in zip(lines.T, scores.T, strict=True))
    return _Additive(lines, beside, curves)


def _basis(additive: _Additive, interactions: Sequence[Array]) -> _Basis:
    """Straight lines without a penalty; curves and interactions with one each."""
    inputs = additive.lines.shape[1]
    parts = [part for part in (*additive.beside, *additive.curves, *interactions) if part.shape[1]]
    columns = np.concatenate([additive.lines, *parts], axis=1)
    penalty = np.concatenate([np.full(inputs, -1), np.repeat(np.arange(len(parts)), [p.shape[1] for p in parts])])
    return _Basis(inputs, columns - columns.mean(axis=0), penalty.astype(np.intp))


def _interactions(additive: _Additive, order: Sequence[int]) -> list[Array]:
    """Products of curves of the first inputs in an order, of straight lines of more, as many as the runs can carry."""
    lines, curves = additive.lines, additive.curves
    most = min(len(lines) // DRAWS_PER_COLUMN, COLUMNS)
    room = most - lines.shape[1] - sum(part.shape[1] for part in (*additive.beside, *curves))
    parts: list[Array] = []
    curved = order[:CURVED]
    while len(curved) > 1 and MARGIN**2 * len(curved) * (len(curved) - 1) // 2 > room:
        curved = curved[:-1]
    margins = {i: np.column_stack([lines[:, i], curves[i][:, 1 - MARGIN :]]) for i in curved}
    parts += [_product(margins[i], margins[j]) for i, j in combinations(curved, 2)]
    parts += [np.prod(lines[:, list(three)], axis=1)[:, None] for three in combinations(curved, 3)]
    room -= sum(part.shape[1] for part in parts)
    straight = [pair for pair in combinations(order, 2) if not set(pair) <= set(curved)]
    straight.sort(key=lambda pair: order.index(pair[0]) + order.index(pair[1]))
    if chosen := straight[: max(room, 0)]:
        parts.append(np.stack([lines[:, i] * lines[:, j] for i, j in chosen], axis=1))
    return parts


def _beside(line: Array, scores: Array) -> Array:
    """What the score of an input adds to its straight line, (runs, 1); nothing where the input is nearly normal."""
    z = (scores - scores.mean()) / scores.std()
    rest = z - line * np.mean(line * z)
    return np.asarray(rest[:, None] if rest.var() > NEARLY_NORMAL else np.zeros((len(line), 0)))


def _segments(runs: int, inputs: int) -> int:
    return int(np.clip(runs // (DRAWS_PER_SEGMENT * inputs), FEWEST_SEGMENTS, SEGMENTS))


def _spline(scores: Array, segments: int) -> Array:
    """The wiggly part of a cubic P-spline as columns of a random effect, from the wiggliest to the smoothest.

    B·U·D^−½, U and D the eigenvectors and positive eigenvalues of the penalty on second differences: a penalty on
    the squares of their coefficients is the penalty on the spline's second differences.
    """
    bases = _cubic(scores, segments)
    difference = np.diff(np.eye(bases.shape[1]), n=2, axis=0)
    values, vectors = np.linalg.eigh(difference.T @ difference)
    wiggly = values > 1e-10
    columns = bases @ (vectors[:, wiggly] / np.sqrt(values[wiggly]))
    return np.asarray((columns / columns.std(axis=0).max())[:, ::-1])


def _cubic(x: Array, segments: int) -> Array:
    """Cubic B-splines on equal segments over the range of x, (runs, segments + 3)."""
    low, high = float(x.min()), float(x.max())
    place = np.clip((x - low) / (high - low) * segments, 0.0, segments * (1.0 - 1e-12))
    first = place.astype(int)
    t = place - first
    parts = ((1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3)
    bases = np.zeros((len(x), segments + 3))
    for i, part in enumerate(parts):
        bases[np.arange(len(x)), first + i] = part / 6.0
    return bases


def _product(left: Array, right: Array) -> Array:
    """All products of a column of one and a column of the other, of unit spread."""
    columns = (left[:, :, None] * right[:, None, :]).reshape(len(left), -1)
    return np.asarray(columns / columns.std(axis=0).max())


# --------------------------------------------------------------------------------------------------------- the fit


def _smooth(basis: _Basis, outputs: Array, random: np.random.Generator, refits: int) -> Regression:
    """Fit every output, each with its own penalties; errors of outputs are correlated as their residuals are."""
    x, mean = basis.columns, outputs.mean(axis=0)
    cross = x.T @ x
    found = [_fit(basis, cross, column) for column in (outputs - mean).T]
    fitted = mean + x @ np.stack([fit.coefficients for fit in found], axis=1)
    residual = outputs - fitted
    size = np.sqrt(np.maximum((residual**2).sum(axis=0), 1e-300))
    normal = (
        random.normal(size=(refits, x.shape[1], outputs.shape[1])) @ _root((residual / size).T @ (residual / size)).T
    )
    errors = np.stack([normal[:, :, i] @ fit.root.T for i, fit in enumerate(found)], axis=-1)
    degrees = np.array([fit.degrees for fit in found])
    method = f"penalised splines of {basis.inputs} input{'s' * (basis.inputs > 1)}, {x.shape[1]} columns"
    return Regression(method, fitted, degrees, _explained(outputs, residual), x, errors)


def _by_importance(additive: _Additive, outputs: Array) -> list[int]:
    """Inputs by falling share of variance in a fit without interactions, in the output where it is most."""
    basis = _basis(additive, ())
    cross = basis.columns.T @ basis.columns
    owners = np.concatenate(
        [
            np.arange(basis.inputs),
            *(np.full(p.shape[1], i) for p_of in (additive.beside, additive.curves) for i, p in enumerate(p_of)),
        ]
    )
    share = np.zeros(basis.inputs)
    for column in (outputs - outputs.mean(axis=0)).T:
        coefficients = _fit(basis, cross, column).coefficients
        own = [(basis.columns[:, owners == i] @ coefficients[owners == i]).var() for i in range(basis.inputs)]
        share = np.maximum(share, np.array(own) / max(float(column.var()), 1e-300))
    return [int(i) for i in np.argsort(-share, kind="stable")]


@dataclass(frozen=True)
class _Fit:
    """Coefficients of one output, a root of their covariance, and effective degrees of freedom."""

    coefficients: Array
    root: Array
    degrees: float


def _fit(basis: _Basis, cross: Array, y: Array) -> _Fit:
    """Penalties by restricted maximum likelihood, then coefficients; y is centred.

    Each penalty starts at the fitted columns' own size; one that grows without end says that its part is not there.
    """
    x, penalty, runs = basis.columns, basis.penalty, len(y)
    product, square = x.T @ y, float(y @ y)
    parts = [np.flatnonzero(penalty == number) for number in range(int(penalty.max()) + 1)]
    scale = float(np.trace(cross)) / len(cross)
    penalties = np.full(len(parts), scale / runs)
    before = np.inf
    for _ in range(ITERATIONS):
        inverse = _inverse(_penalised(cross, parts, penalties, RIDGE * scale))
        b = inverse @ product
        diagonal = np.diag(inverse)
        free = np.array([len(part) - size * diagonal[part].sum() for part, size in zip(parts, penalties, strict=True)])
        degrees = 1.0 + float((penalty < 0).sum() + free.sum())
        squares = max(square - 2.0 * float(b @ product) + float(b @ cross @ b), 1e-14 * square)
        variance = squares / max(runs - degrees, 1.0)
        lengths = np.array([float(b[part] @ b[part]) for part in parts])
        penalties = np.clip(
            variance * np.maximum(free, 0.0) / np.maximum(lengths, 1e-300), 1e-12 * scale, LARGEST * scale
        )
        penalties[free < ABSENT] = LARGEST * scale  # on its way there in small steps
        if abs(degrees - before) < SETTLED:
            break
        before = degrees
    lower = np.linalg.cholesky(_penalised(cross, parts, penalties, RIDGE * scale))
    root = np.linalg.inv(lower).T  # root·rootᵀ is the inverse
    return _Fit(np.asarray(root @ (root.T @ product)), np.asarray(math.sqrt(variance) * root), degrees)


def _penalised(cross: Array, parts: Sequence[NDArray[np.intp]], penalties: Array, ridge: float) -> Array:
    """XᵀX and penalties, with a ridge that only matters where inputs determine each other nearly."""
    diagonal = np.full(len(cross), ridge)
    for part, size in zip(parts, penalties, strict=True):
        diagonal[part] += size
    return np.asarray(cross + np.diag(diagonal))


def _inverse(matrix: Array) -> Array:
    """Inverse of a positive definite matrix, by its Cholesky factor: half the time of any matrix's."""
    from scipy.linalg import lapack  # a tenth of a second to import

    lower, failed = lapack.dpotrf(matrix, lower=True)
    inverse, also = lapack.dpotri(lower, lower=True)
    if failed or also:
        raise ValueError("the inputs of a regression determine each other so nearly that it has no solution")
    return np.asarray(np.tril(inverse) + np.tril(inverse, -1).T)


def _root(covariance: Array) -> Array:
    """A root of a covariance matrix that may be singular."""
    values, vectors = np.linalg.eigh(covariance)
    return np.asarray(vectors * np.sqrt(np.maximum(values, 0.0)))


def _explained(outputs: Array, residual: Array) -> Array:
    """Share of the variance explained; 0 for an output that does not vary."""
    total = outputs.var(axis=0)
    return np.asarray(1.0 - np.divide(residual.var(axis=0), total, out=np.ones_like(total), where=total > 0.0))

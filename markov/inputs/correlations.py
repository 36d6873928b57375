"""Correlated parameters: which belong together, whether their correlations can all hold, and what is nearest if not."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np

from markov.inputs.evidence import Correlation
from markov.inputs.parameters import Inputs, Parameter
from markov.inputs.problems import Problem
from markov.terms import RATIO_FAMILIES, Array, Distribution, Endpoint

SMALLEST = 1e-8  # smallest eigenvalue that counts as positive: below it a Cholesky factor is rounding error
CONVERGED, ITERATIONS = 1e-12, 20_000
ADVISED_DECIMALS = 4
ADVISED_EIGENVALUES = (1e-3, 3e-3, 1e-2, 3e-2)
SAME = 1e-9


class Block(NamedTuple):
    """Streams that are correlated, directly or through others, in the order of the matrix's rows; 1 on its diagonal.

    A stream is what one uniform is drawn for: a parameter's id, or "group NAME" (see `stream`).
    """

    ids: tuple[str, ...]
    matrix: Array


def stream(parameter: Parameter) -> str:
    """What one uniform is drawn for: the parameter itself, or its group, whose members move together perfectly.

    The shares of a Dirichlet distribution are a group, and each has a uniform of its own.

    >>> from markov.inputs.definitions.schema import match
    >>> definition = match("cost.event.death")[0]
    >>> stream(Parameter("cost.event.death", definition, 1.0)), stream(Parameter("a", definition, 1.0, group="costs"))
    ('cost.event.death', 'group costs')
    """
    together = parameter.group and parameter.distribution != Distribution.DIRICHLET
    return f"group {parameter.group}" if together else parameter.id


def blocks(inputs: Inputs) -> tuple[Block, ...]:
    """Blocks of correlated streams, each with its matrix (streams, streams); pairs that no row names have 0.

    Rows with a fixed parameter are left out. Streams stand in alphabetical order and do not depend on values or on
    which strategies are compared, so that neither the order of rows nor a scenario changes a block.

    >>> from dataclasses import replace
    >>> from markov.inputs.writing.template import shipped
    >>> from markov.inputs.workbook import read_inputs
    >>> pair = Correlation("os.shape.no_maintenance", "os.median.no_maintenance", -0.5)
    >>> for ids, matrix in blocks(replace(read_inputs(shipped("calgb_100104")), correlations=(pair,))):
    ...     print(ids, matrix.tolist())
    ('os.median.no_maintenance', 'os.shape.no_maintenance') [[1.0, -0.5], [-0.5, 1.0]]
    """
    pairs = {key: row.value for key, row in _pairs(inputs).items()}
    return tuple(_block(members, pairs) for members in _connected(pairs))


def _pairs(inputs: Inputs) -> dict[tuple[str, str], Correlation]:
    """The rows between two different streams that are sampled, by their streams in alphabetical order."""
    found: dict[tuple[str, str], Correlation] = {}
    for row in inputs.correlations:
        first, second = (inputs.parameters.get(identifier) for identifier in (row.first, row.second))
        if first is not None and second is not None and first.is_sampled and second.is_sampled:
            a, b = sorted((stream(first), stream(second)))
            if a != b:
                found.setdefault((a, b), row)
    return dict(_of_endpoints(inputs)) | found


def _of_endpoints(inputs: Inputs) -> Iterator[tuple[tuple[str, str], Correlation]]:
    """The two effects of a strategy where both are uncertain ratios; a time ratio rises as a hazard ratio falls."""
    value = inputs.number("settings.endpoint_correlation")
    for strategy in inputs.labels:
        pfs, os_ = (_ratio(inputs, endpoint, strategy) for endpoint in (Endpoint.PFS, Endpoint.OS))
        if pfs is not None and os_ is not None and value and stream(pfs) != stream(os_):
            alike = pfs.id.split(".")[1] == os_.id.split(".")[1]
            a, b = sorted((stream(pfs), stream(os_)))
            setting = inputs.parameters.get("settings.endpoint_correlation")
            place = f"{inputs.name}, {setting.cell if setting else 'settings.endpoint_correlation'}"
            yield (a, b), Correlation(pfs.id, os_.id, value if alike else -value, place=place)


def _ratio(inputs: Inputs, endpoint: str, strategy: str) -> Parameter | None:
    family = inputs.text(f"{endpoint}.family.{strategy}")
    row = inputs.parameters.get(f"{endpoint}.{family}.{strategy}")
    return row if family in RATIO_FAMILIES and row is not None and row.is_sampled else None


def _connected(pairs: Mapping[tuple[str, str], float]) -> list[tuple[str, ...]]:
    """Sets of streams that pairs lead through."""
    sets: list[set[str]] = []
    for pair in pairs:
        touched = [members for members in sets if members & set(pair)]
        sets = [members for members in sets if members not in touched] + [set(pair).union(*touched)]
    return sorted(tuple(sorted(members)) for members in sets)


def _block(members: tuple[str, ...], pairs: Mapping[tuple[str, str], float]) -> Block:
    matrix = np.eye(len(members))
    for (first, second), value in pairs.items():
        if first in members:
            i, j = members.index(first), members.index(second)
            matrix[i, j] = matrix[j, i] = value
    return Block(members, matrix)


# ---------------------------------------------------------------------------------------------------- matrices


def is_positive_definite(matrix: Array) -> bool:
    """Whether a symmetric matrix can be one of correlations that is drawn from: smallest eigenvalue above 1e-8.

    Raises ValueError for a matrix that is not square and symmetric.

    >>> is_positive_definite(np.array([[1.0, 0.9], [0.9, 1.0]])), is_positive_definite(np.ones((2, 2)))
    (True, False)
    """
    return _smallest_eigenvalue(_symmetric(matrix)) > SMALLEST


def nearest_correlation(matrix: Array, smallest_eigenvalue: float = 0.0) -> Array:
    """The correlation matrix (n, n) nearest to a symmetric one, by alternating projections with Dykstra's correction.

    It minimises ‖A − X‖_F over X with a diagonal of 1 and no eigenvalue below `smallest_eigenvalue`. At the default
    of 0 the result lies on the edge, where some combination of the parameters does not vary.
    Raises ValueError for a matrix that is not square and symmetric, or an eigenvalue not in [0, 1).
    Source: Higham 2002, Computing the nearest correlation matrix, IMA Journal of Numerical Analysis 22:329–343.

    >>> nearest_correlation(np.array([[1.0, 1.0, 0.0], [1.0, 1.0, 1.0], [0.0, 1.0, 1.0]])).round(4).tolist()
    [[1.0, 0.7607, 0.1573], [0.7607, 1.0, 0.7607], [0.1573, 0.7607, 1.0]]
    """
    if not 0.0 <= smallest_eigenvalue < 1.0:
        raise ValueError(f"no correlation matrix has all eigenvalues above {smallest_eigenvalue:g}")
    unit_diagonal = _symmetric(matrix).copy()
    correction = np.zeros_like(unit_diagonal)
    for _ in range(ITERATIONS):
        corrected = unit_diagonal - correction
        possible = _with_eigenvalues_above(corrected, smallest_eigenvalue)
        correction = possible - corrected
        unit_diagonal = possible.copy()
        np.fill_diagonal(unit_diagonal, 1.0)
        if np.linalg.norm(unit_diagonal - possible) <= CONVERGED * np.linalg.norm(unit_diagonal):
            break
    return unit_diagonal


def _symmetric(matrix: Array) -> Array:
    found = np.asarray(matrix, dtype=float)
    if found.ndim != 2 or found.shape[0] != found.shape[1] or not np.allclose(found, found.T, atol=1e-12):
        raise ValueError("a matrix of correlations is square and symmetric")
    return found


def _smallest_eigenvalue(matrix: Array) -> float:
    return float(np.linalg.eigvalsh(matrix)[0])


def _with_eigenvalues_above(matrix: Array, lowest: float) -> Array:
    values, vectors = np.linalg.eigh(matrix)
    return np.asarray((vectors * np.maximum(values, lowest)) @ vectors.T)


def advised(matrix: Array) -> Array:
    """The nearest matrix in four decimals that can be drawn from as it is typed, with eigenvalues of 0.001 or more.

    >>> advised(np.array([[1.0, 1.0], [1.0, 1.0]])).tolist()
    [[1.0, 0.999], [0.999, 1.0]]
    """
    for lowest in ADVISED_EIGENVALUES:
        rounded = nearest_correlation(matrix, lowest).round(ADVISED_DECIMALS)
        if is_positive_definite(rounded):
            return np.asarray(rounded)
    return np.eye(len(matrix))


# ------------------------------------------------------------------------------------------------------- rules


def correlation_problems(inputs: Inputs) -> Iterator[Problem]:
    """Correlations are between sampled parameters, agree with groups, and can all hold together."""
    yield from _fixed_members(inputs)
    clashes = list(_against_groups(inputs))
    yield from clashes
    if not clashes:
        yield from _impossible_together(inputs)


def _fixed_members(inputs: Inputs) -> Iterator[Problem]:
    for row in inputs.correlations:
        for identifier in (row.first, row.second):
            parameter = inputs.parameters.get(identifier)
            if parameter is not None and not parameter.is_sampled:
                rule = f"{identifier} is fixed, so that its correlation has no effect"
                remedy = "Give it a distribution, or clear the row."
                yield Problem(row.place, rule, f"{row.value:g}", remedy, warning=True)


def _against_groups(inputs: Inputs) -> Iterator[Problem]:
    """Members of a group are one quantity: 1 among themselves, and one correlation with anything else."""
    told = _pairs(inputs)
    for row in inputs.correlations:
        first, second = (inputs.parameters.get(identifier) for identifier in (row.first, row.second))
        if first is None or second is None or not (first.is_sampled and second.is_sampled):
            continue
        a, b = sorted((stream(first), stream(second)))
        if a == b and abs(row.value - 1.0) > SAME:
            rule = f"{row.first} and {row.second} are of one group, {first.group}, and so have a correlation of 1"
            yield Problem(row.place, rule, f"{row.value:g}", "Clear the row, or the group of both parameters.")
        elif a != b and abs(row.value - told[a, b].value) > SAME:
            other = told[a, b]
            rule = f"{a} and {b} have two correlations: {other.value:g} between {other.first} and {other.second}"
            remedy = "Members of a group are one quantity: write one number, or clear the group."
            yield Problem(row.place, rule, f"{row.value:g}", remedy)


def _impossible_together(inputs: Inputs) -> Iterator[Problem]:
    told = _pairs(inputs)
    for ids, matrix in blocks(inputs):
        if is_positive_definite(matrix):
            continue
        nearest = advised(matrix)
        lowest = _smallest_eigenvalue(matrix)
        rule = f"the correlations of {', '.join(ids)} cannot all hold: their matrix is not positive definite"
        rule += f" (smallest eigenvalue {lowest:.3g})"
        unnamed = _unnamed(ids, nearest, told)
        for (first, second), row in told.items():
            if first in ids:
                value = nearest[ids.index(first), ids.index(second)]
                remedy = f"The nearest matrix that can has {value:g} between {first} and {second}{unnamed}."
                yield Problem(row.place, rule, f"{row.value:g}", remedy)


def _unnamed(ids: tuple[str, ...], nearest: Array, told: Mapping[tuple[str, str], Correlation]) -> str:
    """What the nearest matrix has for pairs without a row, which count as 0."""
    missing = [
        f"{nearest[i, j]:g} between {first} and {ids[j]}"
        for i, first in enumerate(ids)
        for j in range(i + 1, len(ids))
        if (first, ids[j]) not in told and nearest[i, j]
    ]
    return f", and, for pairs without a row, {'; '.join(missing)}" if missing else ""

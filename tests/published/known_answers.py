"""Reads the cases, and compares with each case's own tolerance."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import ArrayLike

from markov.terms import Array, Family
from tests import ROOT

CASES = Path(__file__).parent / "cases"
OUTSIDE = ROOT.parent / "shared" / "validation"
"""Tables of other packages, whose licences forbid copying them here: read where they are, if they are there."""

FAMILIES = {
    "exp": Family.EXPONENTIAL,
    "weibull": Family.WEIBULL,
    "gompertz": Family.GOMPERTZ,
    "lnorm": Family.LOG_NORMAL,
    "llogis": Family.LOG_LOGISTIC,
    "gamma": Family.GAMMA,
    "gengamma": Family.GENERALISED_GAMMA,
}
"""Curve families by the names of R packages."""

Case = dict[str, Any]


def read_case(group: str, name: str) -> Case:
    """One case: inputs, expected, tolerance, source, and where there are any `published` figures and notes."""
    content: Case = json.loads((CASES / group / f"{name}.json").read_text(encoding="utf-8"))
    return content


def names_of(group: str, prefix: str = "") -> list[str]:
    """The cases of a group whose name starts with `prefix`, in alphabetical order."""
    return sorted(path.stem for path in (CASES / group).glob(f"{prefix}*.json"))


def read_table(name: str) -> dict[str, Array]:
    """A CSV table of numbers with a header, as columns."""
    with (CASES / "data" / name).open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return {column: np.array([float(row[column]) for row in rows]) for column in rows[0]}


def outside_table(name: str) -> dict[str, list[str]]:
    """A table that stays outside the repository, as text columns; skips the test where it is absent."""
    path = OUTSIDE / name
    if not path.exists():
        pytest.skip(f"{path.name} is absent: a table of another package, which is not copied into this repository")
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return {column: [row[column] for row in rows] for column in rows[0]}


def assert_agrees(actual: ArrayLike, expected: ArrayLike, case: Case, what: str = "") -> None:
    """Equal within the case's own relative (and, where it gives one, absolute) tolerance."""
    tolerance = case["tolerance"]
    np.testing.assert_allclose(
        np.asarray(actual, dtype=float),
        np.asarray(expected, dtype=float),
        rtol=tolerance["rel"],
        atol=tolerance.get("abs", 0.0),
        err_msg=f"{case['id']} {what}",
    )


def observed_orders(errors: ArrayLike) -> Array:
    """Orders of convergence from the errors at cycle lengths that halve: log2 of each error over the next."""
    size = np.abs(np.asarray(errors, dtype=float))
    orders: Array = np.log2(size[:-1] / size[1:])
    return orders

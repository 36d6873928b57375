"""The ten published generalised-F curves of progression-free survival, at every point that others evaluated."""

import csv

import numpy as np
import pytest

from markov.survival.families import cumulative_hazard
from markov.terms import Family
from tests.published.known_answers import CASES


def rows_of(name: str) -> list[dict[str, str]]:
    with (CASES / "data" / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


ARMS = {(row["study"], row["arm"]): row for row in rows_of("pfs_curve_parameters.csv")}
POINTS = rows_of("pfs_curves.csv")


def test_there_are_ten_arms() -> None:
    assert len(ARMS) == 10
    assert {(row["study"], row["arm"]) for row in POINTS} == set(ARMS)


@pytest.mark.parametrize(("study", "arm"), ARMS)
def test_a_generalised_f_curve_of_the_evidence_is_met_at_every_point(study: str, arm: str) -> None:
    row = ARMS[study, arm]
    parameters = {name.lower(): np.asarray(float(row[f"genf_{name}"])) for name in ("mu", "sigma", "Q", "P")}
    own = [point for point in POINTS if (point["study"], point["arm"]) == (study, arm)]
    months, published = (np.array([float(point[key]) for point in own]) for key in ("month", "survival"))
    survival = np.exp(-cumulative_hazard(Family.GENERALISED_F, parameters, months))
    assert len(own) > 20
    np.testing.assert_allclose(survival, published, rtol=0.0, atol=1e-4)  # printed to four decimals
    half = np.exp(-cumulative_hazard(Family.GENERALISED_F, parameters, np.asarray(float(row["median"]))))
    assert half == pytest.approx(0.5, abs=2e-4)  # the median is printed to two decimals

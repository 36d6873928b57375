"""A small live model, written once."""

from pathlib import Path

import pytest

from markov import Inputs, with_values
from markov.report.live.writer import write_live_workbook

from .switches import with_curve_from_progression


@pytest.fixture(scope="session")
def small(calgb: Inputs) -> Inputs:
    """CALGB at 76 for two years, with stops counted over six months and a curve from progression: few rows."""
    changes = {"settings.horizon_years": 2.0, "toxicity.period.lenalidomide": 6.0, "cohort.age": 76.0}
    return with_values(with_curve_from_progression(calgb), changes)


@pytest.fixture(scope="session")
def workbook(small: Inputs, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its live workbook."""
    return write_live_workbook(small, tmp_path_factory.mktemp("live") / "small.xlsx")

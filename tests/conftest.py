"""Shared by all tests: the two shipped workbooks, read once."""

import pytest

from markov.inputs.parameters import Inputs
from markov.inputs.workbook import read_inputs
from markov.inputs.writing.template import shipped


@pytest.fixture(scope="session")
def calgb() -> Inputs:
    """CALGB 100104 as shipped: lenalidomide, no maintenance."""
    return read_inputs(shipped("calgb_100104"))


@pytest.fixture(scope="session")
def myeloma_ix() -> Inputs:
    """Myeloma IX as shipped: thalidomide, no maintenance."""
    return read_inputs(shipped("myeloma_ix"))


@pytest.fixture(scope="session")
def bases(calgb: Inputs, myeloma_ix: Inputs) -> dict[str, Inputs]:
    """Both, by name."""
    return {"calgb": calgb, "myeloma_ix": myeloma_ix}

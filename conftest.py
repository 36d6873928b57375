"""Shared by all tests: two shipped workbooks, read once; and the names that examples in docstrings may use."""

from typing import Any

import pytest
from hypothesis import settings

from markov.analysis.base_case import base_case
from markov.inputs.parameters import Inputs
from markov.inputs.workbook import read_inputs
from markov.inputs.writing.template import shipped

# An ordinary run tries the same examples every time, so that it never fails by chance. `--hypothesis-profile=random`
# tries others, and prints of one that fails how to try it again.
settings.register_profile("same", derandomize=True)
settings.register_profile("random", print_blob=True)
settings.load_profile("same")


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


@pytest.fixture(scope="session", autouse=True)
def names_in_examples(doctest_namespace: dict[str, Any], calgb: Inputs) -> None:
    """`calgb`: the inputs of CALGB 100104 as shipped; `calgb_base`: its base case."""
    doctest_namespace |= {"calgb": calgb, "calgb_base": base_case(calgb)}

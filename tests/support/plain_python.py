"""Lets the engine run as plain Python, so that a test may replace one of its functions."""

import pytest

from markov.compiling import plain
from markov.model import cohort, counting, declared, evaluate, run, stops, treatment

MODULES = (treatment, cohort, stops, counting, run, declared, evaluate)


def in_plain_python(patch: pytest.MonkeyPatch) -> None:
    """Put what stands in the source in the place of what was compiled from it, until the test ends."""
    for module in MODULES:
        for name, value in list(vars(module).items()):
            if plain(value) is not value:
                patch.setattr(module, name, plain(value))

"""A health-economic decision model of maintenance therapy in multiple myeloma."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from markov.inputs.workbook import read_inputs as read_inputs
    from markov.model.evaluate import evaluate as evaluate

_WHERE = {
    "InputError": "markov.inputs.problems",
    "Inputs": "markov.inputs.parameters",
    "Outcomes": "markov.model.outcomes",
    "evaluate": "markov.model.evaluate",
    "read_inputs": "markov.inputs.workbook",
    "with_values": "markov.inputs.parameters",
}

__all__ = ["__version__", *_WHERE]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, so that the command line starts fast."""
    if name in _WHERE:
        return getattr(import_module(_WHERE[name]), name)
    raise AttributeError(f"module 'markov' has no attribute '{name}'")

"""A health-economic decision model of maintenance therapy in multiple myeloma.

Five calls take a workbook to a report:

    inputs = read_inputs("inputs/calgb_100104.xlsx")     # or InputError: every problem, each with its cell
    values = random_draws(inputs, runs=1000)             # one row a run, one column a parameter id
    outcomes = evaluate(inputs, values)                  # by (run, strategy)
    rows = incremental(outcomes.strategies, outcomes.cost.mean(axis=0), outcomes.qaly.mean(axis=0))
    write_report(base_case(inputs), "reports/calgb_100104.xlsx")
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from markov.analysis.base_case import BaseCase as BaseCase
    from markov.analysis.base_case import base_case as base_case
    from markov.analysis.draws import random_draws as random_draws
    from markov.analysis.incremental import incremental as incremental
    from markov.analysis.incremental import pairwise as pairwise
    from markov.inputs.parameters import Inputs as Inputs
    from markov.inputs.parameters import with_values as with_values
    from markov.inputs.problems import InputError as InputError
    from markov.inputs.workbook import read_inputs as read_inputs
    from markov.model.evaluate import evaluate as evaluate
    from markov.model.outcomes import Outcomes as Outcomes
    from markov.report.reports import write_report as write_report

_WHERE = {
    "BaseCase": "markov.analysis.base_case",
    "InputError": "markov.inputs.problems",
    "Inputs": "markov.inputs.parameters",
    "Outcomes": "markov.model.outcomes",
    "base_case": "markov.analysis.base_case",
    "evaluate": "markov.model.evaluate",
    "incremental": "markov.analysis.incremental",
    "pairwise": "markov.analysis.incremental",
    "random_draws": "markov.analysis.draws",
    "read_inputs": "markov.inputs.workbook",
    "with_values": "markov.inputs.parameters",
    "write_report": "markov.report.reports",
}

__all__ = ["__version__", *_WHERE]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, so that the command line starts fast."""
    if name in _WHERE:
        return getattr(import_module(_WHERE[name]), name)
    raise AttributeError(f"module 'markov' has no attribute '{name}'")

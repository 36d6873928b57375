"""A health-economic decision model of maintenance therapy in multiple myeloma.

From a workbook to a report, and every analysis of the command line as one call (docs/python.md):

    inputs = read_inputs("inputs/calgb_100104.xlsx")     # or InputError: every problem, each with its cell
    result = base_case(inputs)                           # one run, compared and checked
    drawn = probabilistic(inputs, runs=1000)             # drawn.to_frame(): one row a draw and strategy
    write_report(result, "reports/calgb_100104.xlsx", one_way(inputs), drawn)
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.2.0"

if TYPE_CHECKING:
    from markov.analysis.base_case import BaseCase as BaseCase
    from markov.analysis.base_case import base_case as base_case
    from markov.analysis.draws import random_draws as random_draws
    from markov.analysis.incremental import incremental as incremental
    from markov.analysis.incremental import pairwise as pairwise
    from markov.analysis.sensitivity.one_way import one_way as one_way
    from markov.analysis.sensitivity.scenarios import scenarios as scenarios
    from markov.analysis.sensitivity.threshold import threshold as threshold
    from markov.analysis.sensitivity.two_way import two_way as two_way
    from markov.analysis.uncertainty.everything import follow_up as follow_up
    from markov.analysis.uncertainty.probabilistic import probabilistic as probabilistic
    from markov.analysis.uncertainty.sobol import sobol as sobol
    from markov.analysis.uncertainty.value_of_information import value_of_information as value_of_information
    from markov.analysis.walk.walk import walk as walk
    from markov.batches.run import batch as batch
    from markov.inputs.given_values import with_values as with_values
    from markov.inputs.parameters import Inputs as Inputs
    from markov.inputs.problems import InputError as InputError
    from markov.inputs.workbook import read_inputs as read_inputs
    from markov.model.evaluate import evaluate as evaluate
    from markov.model.outcomes import Outcomes as Outcomes
    from markov.report.reports import write_report as write_report

_WHERE = {
    "BaseCase": "analysis.base_case",
    "InputError": "inputs.problems",
    "Inputs": "inputs.parameters",
    "Outcomes": "model.outcomes",
    "base_case": "analysis.base_case",
    "batch": "batches.run",
    "evaluate": "model.evaluate",
    "follow_up": "analysis.uncertainty.everything",
    "incremental": "analysis.incremental",
    "one_way": "analysis.sensitivity.one_way",
    "pairwise": "analysis.incremental",
    "probabilistic": "analysis.uncertainty.probabilistic",
    "random_draws": "analysis.draws",
    "read_inputs": "inputs.workbook",
    "scenarios": "analysis.sensitivity.scenarios",
    "sobol": "analysis.uncertainty.sobol",
    "threshold": "analysis.sensitivity.threshold",
    "two_way": "analysis.sensitivity.two_way",
    "value_of_information": "analysis.uncertainty.value_of_information",
    "walk": "analysis.walk.walk",
    "with_values": "inputs.given_values",
    "write_report": "report.reports",
}

__all__ = ["__version__", *_WHERE]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, so that the command line starts fast."""
    if name in _WHERE:
        return getattr(import_module(f"markov.{_WHERE[name]}"), name)
    raise AttributeError(f"module 'markov' has no attribute '{name}'")

"""Inputs made from shipped ones: stripped to one mechanism, or with a strategy more."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from markov.inputs.definitions.schema import match
from markov.inputs.parameters import Inputs, Parameter, Strategy, Value, with_values
from markov.model.outcomes import Outcomes
from markov.terms import Array

MONTH_DAYS = 365.25 / 12.0


def with_row(inputs: Inputs, row: Parameter) -> Inputs:
    """The same with a row more, first of all rows, or with a row replaced where it stands."""
    return replace(inputs, parameters={row.id: row} | dict(inputs.parameters) | {row.id: row})


def changed(inputs: Inputs, identifier: str, **changes: object) -> Inputs:
    """The same with other fields in one row: its value, spread, distribution, group."""
    return with_row(inputs, replace(inputs.parameters[identifier], **changes))  # type: ignore[arg-type]


def bare(inputs: Inputs, changes: Mapping[str, Value], *, months: int = 60, smr: float = 0.0) -> Inputs:
    """CALGB by months, nobody on drug, no second malignancies, and by default no background mortality."""
    switches: dict[str, Value] = {
        "settings.cycle_days": MONTH_DAYS,
        "settings.horizon_years": months / 12.0,
        "mortality.smr": smr,
        "treatment.share_starting.lenalidomide": 0.0,
        "os.waning_start.lenalidomide": None,
        "os.waning_end.lenalidomide": None,
    }
    for strategy in ("no_maintenance", "lenalidomide"):
        switches |= {f"spm.{name}.{strategy}": 0.0 for name in ("rate", "rate_off_treatment")}
        switches |= {f"os.median.{strategy}": None, f"pfs.mu.{strategy}": None}
    return with_values(inputs, {**switches, **changes})


def survival(outcomes: Outcomes, name: str, strategy: str) -> Array:
    assert outcomes.trace is not None
    return np.asarray(outcomes.trace.curves[name][0, outcomes.strategies.index(strategy)])


def exponential(endpoint: str, strategy: str, median: float) -> dict[str, Value]:
    return {f"{endpoint}.family.{strategy}": "exponential", f"{endpoint}.median.{strategy}": median}


def with_second(inputs: Inputs, strategy: str, second: str = "second") -> Inputs:
    """The same inputs with a copy of one strategy beside it."""
    parameters = dict(inputs.parameters)
    for key, parameter in inputs.parameters.items():
        if key.endswith(f".{strategy}"):
            copied = f"{key.removesuffix(strategy)}{second}"
            assert match(copied) is not None
            parameters[copied] = replace(parameter, id=copied)
    added = Strategy(second, "Second", "")
    return replace(inputs, strategies=(*inputs.strategies, added), parameters=parameters, scenarios=())

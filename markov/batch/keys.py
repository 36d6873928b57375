"""What a result depends on, as one key: of equal content there is one result, whatever the file is called.

The key is the SHA-256 of the content, not of the file: a renamed, moved or re-saved workbook has the keys it had.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from markov.inputs.parameters import Inputs, Parameter, SexTable
from markov.report.provenance import program

PACKAGE = Path(__file__).parents[1]
COMPUTING = ("terms.py", "inputs", "survival", "model", "analysis")
WRITING = ("report",)


class Analysis(StrEnum):
    """What is computed of a workbook under a scenario."""

    BASE = "base"
    PSA = "psa"
    REPORT = "report"


def content_key(inputs: Inputs, analysis: Analysis, draws: int = 0) -> str:
    """The key of a result, 64 hexadecimal digits: of what it depends on, and of the program that computes it.

    A base result depends on values with their units and price years, on the order of strategies, and on the tables by
    age and year; a probabilistic one also on distributions, errors, limits, groups, correlations and the number of
    draws; a report on every cell that it prints.

    >>> from dataclasses import replace
    >>> from markov.inputs.template import shipped
    >>> from markov.inputs.workbook import read_inputs
    >>> inputs = read_inputs(shipped("calgb_100104"))
    >>> renamed = replace(inputs, name="other.xlsx", sha256="0")
    >>> content_key(renamed, Analysis.BASE) == content_key(inputs, Analysis.BASE)
    True
    >>> content_key(inputs, Analysis.PSA, 100) == content_key(inputs, Analysis.PSA, 200)
    False
    """
    parts = COMPUTING + WRITING if analysis is Analysis.REPORT else COMPUTING
    digest = hashlib.sha256(f"{analysis}|{draws}|{program()}|{source_digest(parts)}\n".encode())
    for line in _lines(inputs, analysis):
        digest.update(f"{line}\n".encode())
    return digest.hexdigest()


def program_state() -> str:
    """Version and source of the program, which must be the same wherever a batch is computed.

    >>> program_state().startswith("markov ")
    True
    """
    return f"{program()} ({source_digest(COMPUTING + WRITING)[:12]})"


@lru_cache
def source_digest(parts: tuple[str, ...]) -> str:
    """SHA-256 of the program's own files in some of its folders: a result of other code is no result."""
    digest = hashlib.sha256()
    for part in parts:
        for file in sorted((PACKAGE / part).rglob("*.py")) or [PACKAGE / part]:
            digest.update(file.relative_to(PACKAGE).as_posix().encode() + file.read_bytes())
    return digest.hexdigest()


def _lines(inputs: Inputs, analysis: Analysis) -> Iterator[str]:
    """What counts, line by line, in an order that does not depend on where rows stand."""
    yield "|".join(strategy.id for strategy in inputs.strategies)
    for identifier in sorted(inputs.parameters):
        parameter = inputs.parameters[identifier]
        value = inputs.value(identifier)
        if value is not None:
            yield "|".join([identifier, _text(value), parameter.unit, _text(parameter.price_year)])
        if analysis is Analysis.PSA and parameter.is_sampled:
            yield "|".join(_spread(parameter))
    yield from (_table(table) for table in (inputs.life_table, inputs.population_utility))
    yield from (f"{year}|{_text(index)}" for year, index in sorted(inputs.price_index.items()))
    if analysis is Analysis.PSA:
        yield from sorted(f"{row.first}|{row.second}|{_text(row.value)}" for row in inputs.correlations)
    if analysis is Analysis.REPORT:
        yield _everything(inputs)


def _spread(parameter: Parameter) -> Iterator[str]:
    yield from (parameter.id, parameter.distribution, parameter.group)
    yield from (_text(value) for value in (parameter.se, parameter.low, parameter.high))


def _text(value: object) -> str:
    """A value in full: a number without rounding, equal numbers alike."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return (float(value) + 0.0).hex()
    return "" if value is None else str(value)


def _table(table: SexTable) -> str:
    return "|".join(_text(value) for column in (table.ages, table.male, table.female) for value in column.tolist())


def _everything(part: Any) -> str:
    """All that a report may print, the file's name, fingerprint and cells included."""
    if is_dataclass(part):
        return f"({'|'.join(_everything(getattr(part, f.name)) for f in fields(part))})"
    if isinstance(part, np.ndarray):
        return _everything(part.tolist())
    if isinstance(part, dict):
        return f"{{{'|'.join(f'{key}:{_everything(value)}' for key, value in part.items())}}}"
    if isinstance(part, (tuple, list, set, frozenset)):
        return f"[{'|'.join(map(_everything, part))}]"
    return _text(part)

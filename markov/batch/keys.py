"""What a result depends on, as one key: of equal content there is one result, whatever the file is called.

The key is the SHA-256 of the content, not of the file: a renamed, moved or re-saved workbook has the keys it had.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from markov.inputs.parameters import Inputs
from markov.report.sheets.provenance import program

PACKAGE = Path(__file__).parents[1]
COMPUTING = ("terms.py", "inputs", "survival", "model", "analysis", "batch/tasks.py")
WRITING = ("report",)


WORDS = frozenset(
    [
        *("name", "sha256", "title", "label", "description", "definition", "cell", "place", "base_case"),
        *("source", "page", "status", "comment", "reason", "value_set", "warnings", "changes", "scenarios"),
        *("trial_results", "curve_points", "network", "curve_choices"),
    ]
)
"""Fields of a workbook that no result depends on: words, places, and evidence that values were made from before."""

SPREAD = frozenset(["se", "low", "high", "distribution", "group", "correlations"])
"""Fields that only random draws depend on."""


class Analysis(StrEnum):
    """What is computed of a workbook under a scenario."""

    BASE = "base"
    PSA = "psa"
    REPORT = "report"


class Keys:
    """Keys of one analysis of many inputs, 64 hexadecimal digits: of what it depends on, and of the program.

    A base result depends on values with their units and price years, on the order of strategies, and on the tables by
    age and year; a probabilistic one also on distributions, errors, limits, groups, correlations and the number of
    draws; a report on every cell that it prints. What many inputs have in common is spelled out once.

    >>> from dataclasses import replace
    >>> from markov.inputs.writing.template import shipped
    >>> from markov.inputs.workbook import read_inputs
    >>> inputs = read_inputs(shipped("calgb_100104"))
    >>> keys = Keys(Analysis.BASE)
    >>> keys.of(replace(inputs, name="other.xlsx", sha256="0")) == keys.of(inputs)
    True
    >>> Keys(Analysis.PSA, 100).of(inputs) == Keys(Analysis.PSA, 200).of(inputs)
    False
    """

    def __init__(self, analysis: Analysis, draws: int = 0):
        self.analysis = analysis
        parts = COMPUTING + WRITING if analysis is Analysis.REPORT else COMPUTING
        self.start = f"{analysis}|{draws}|{program()}|{source_digest(parts)}\n".encode()
        self.left_out = {Analysis.BASE: WORDS | SPREAD, Analysis.PSA: WORDS}.get(analysis, frozenset())
        self.spelled: dict[int, tuple[object, str]] = {}

    def of(self, inputs: Inputs) -> str:
        """The key of the result of some inputs."""
        digest = hashlib.sha256(self.start)
        for line in self._lines(inputs):
            digest.update(f"{line}\n".encode())
        return digest.hexdigest()

    def _lines(self, inputs: Inputs) -> Iterator[str]:
        """What counts, line by line, in an order that does not depend on where rows stand; for a report it does."""
        everything = self.analysis is Analysis.REPORT
        for identifier in inputs.parameters if everything else sorted(inputs.parameters):
            parameter, value = inputs.parameters[identifier], inputs.value(identifier)
            if everything:
                yield self._once(parameter, parameter)
            elif value is not None:
                yield self._once(parameter, replace(parameter, value=value))
        for field in fields(inputs):
            if field.name != "parameters" and field.name not in self.left_out:
                part = getattr(inputs, field.name)
                yield self._once(part, part)

    def _once(self, part: object, meant: object) -> str:
        """A part in full, spelled out when it is first met; it is kept, so that no other takes its place in memory."""
        known = self.spelled.get(id(part))
        if known is None:
            known = self.spelled[id(part)] = (part, _canonical(meant, self.left_out))
        return known[1]


@lru_cache
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
            digest.update(file.relative_to(PACKAGE).as_posix().encode() + file.read_bytes().replace(b"\r\n", b"\n"))
    return digest.hexdigest()


def _canonical(part: Any, left_out: frozenset[str]) -> str:
    """A value, table or record in full, without the fields that are left out; equal numbers read alike."""
    if is_dataclass(part):
        kept = (getattr(part, field.name) for field in fields(part) if field.name not in left_out)
        return f"({'|'.join(_canonical(value, left_out) for value in kept)})"
    if isinstance(part, np.ndarray):
        return _canonical(part.tolist(), left_out)
    if isinstance(part, Mapping):
        return f"{{{'|'.join(f'{key}:{_canonical(value, left_out)}' for key, value in part.items())}}}"
    if isinstance(part, tuple | list | set | frozenset):
        return f"[{'|'.join(_canonical(value, left_out) for value in part)}]"
    return _text(part)


def _text(value: object) -> str:
    """A value in full: a number with the 15 digits that Excel shows, which every program keeps."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return f"{float(value) + 0.0:.14e}"
    return "" if value is None else str(value)

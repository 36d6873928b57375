"""A copy of a report for the public: values only, without confidential values and all that depends on them."""

import re
import tempfile
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from markov.inputs.parameters import Inputs, Parameter
from markov.inputs.problems import InputError, Problem
from markov.inputs.rules import between_values
from markov.report.delivered.blank_what_differs import BLANK, Redacted, redact
from markov.report.delivered.secrets_in_words import secrets_of, without_telling_words
from markov.report.files import ReportError
from markov.report.page import CONTENTS, Cell, Column, Page, Table, Text
from markov.report.reports import write_kind

NAME = "Redacted copy"
FACTORS = (0.02, 0.2, 0.5, 1.6, 4.0, 50.0)
MILDER = (0.9, 0.97, 1.02, 1.1)
"""By how much confidential values are changed to see what depends on them; the milder where a model bears no more."""
LEAST = 2  # changed runs without which nothing is redacted

Build = Callable[[Inputs], Sequence[Page]]
"""Makes all pages of a report of some inputs."""


def confidential(inputs: Inputs) -> tuple[str, ...]:
    """Ids of confidential values.

    Raises InputError where none is marked, where another amount is a whole percentage of a marked one and nobody said
    whether it may be shown, and where the name of the file tells one.

    >>> from markov.inputs.writing.template import shipped
    >>> from markov.inputs.workbook import read_inputs
    >>> confidential(read_inputs(shipped("calgb_100104")))
    Traceback (most recent call last):
    ...
    markov.inputs.problems.InputError: calgb_100104.xlsx: no value is marked as confidential. Write yes in the column \
confidential of its row.
    """
    marked = [p for p in inputs.parameters.values() if p.confidential and isinstance(p.value, float)]
    if not marked:
        rule, remedy = "no value is marked as confidential", "Write yes in the column confidential of its row."
        raise InputError([Problem(inputs.name, rule, remedy=remedy)])
    ids = tuple(p.id for p in marked)
    problems = [problem for p in inputs.parameters.values() for problem in _undecided(inputs, p, marked)]
    if secrets_of(inputs, ids).told_by(inputs.name):
        rule, remedy = "the name of the file holds a confidential number", "Rename it: copies carry its name."
        problems.append(Problem(inputs.name, rule, remedy=remedy))
    if problems:
        raise InputError(problems)
    return ids


def _undecided(inputs: Inputs, p: Parameter, marked: Sequence[Parameter]) -> Iterator[Problem]:
    """An amount from which a marked one of its kind follows, such as a generic price of 10 % of a confidential list."""
    if p.confidential or p.shown or not isinstance(p.value, float):
        return
    changes = [c.value for c in inputs.scenarios if c.id == p.id]
    for secret in marked:
        for value in (p.value, p.base_case, p.low, p.high, *changes):
            share = _share(p, value, secret)
            if share is not None:
                rule = f"{p.id} is {share} % of {secret.id}, which is confidential and follows from it"
                remedy = "Write yes in its column confidential, to blank it too, or no if everybody may see it."
                yield Problem(f"{inputs.name}, {p.cell}", rule, f"{value:g}", remedy)
                return


def _share(p: Parameter, value: object, secret: Parameter) -> int | None:
    """The percentage that an amount is of a secret one of its kind: a whole one of prices, 100 of all else, or None."""
    alike = p.id.split(".")[0] == secret.id.split(".")[0] and p.unit == secret.unit
    if not alike or not isinstance(value, (int, float)) or not isinstance(secret.value, float) or not secret.value:
        return None
    share = round(100.0 * value / secret.value) if p.id.startswith("price.") else 100
    rounded = 0.005 if p.id.startswith("price.") else 0.0  # a penny
    near = abs(value - share / 100.0 * secret.value) <= rounded + 1e-9 * abs(value)
    return share if share and near else None


# --------------------------------------------------------------------------------------------- other values


def other_inputs(inputs: Inputs, ids: Sequence[str]) -> Iterator[Inputs]:
    """The same inputs with other confidential values, all of them sound; the milder changes follow where few are."""
    found = 0
    for factors in (FACTORS, MILDER):
        for factor in factors:
            candidate = _changed(inputs, ids, factor)
            if not any(not p.warning for p in between_values.problems(candidate)):
                found += 1
                yield candidate
        if found >= LEAST + 1:
            return


def _changed(inputs: Inputs, ids: Sequence[str], factor: float) -> Inputs:
    """All confidential values times a factor, each by a little more than the one before."""
    parameters = dict(inputs.parameters)
    for i, identifier in enumerate(ids):
        parameters[identifier] = _other(parameters[identifier], factor ** (1.0 + 0.07 * i))
    scenarios = tuple(
        replace(c, value=_times(parameters[c.id], c.value, factor)) if c.id in ids and c.value is not None else c
        for c in inputs.scenarios
    )
    return replace(inputs, parameters=parameters, scenarios=scenarios)


def _other(p: Parameter, factor: float) -> Parameter:
    """A row with another value: times a factor, or divided by it at a limit; one of 0 takes a usual size."""
    if p.value == 0.0:
        usual = min(max(p.definition.quantity.usual_high if p.definition.quantity else 1.0, 1e-3), 1e3)
        value = _times(p, usual, min(factor, 1.0 / factor))
        low, high = (None if limit is None else value for limit in (p.low, p.high))
        return replace(p, value=value, base_case=value if p.base_case == 0.0 else p.base_case, low=low, high=high)
    by = factor if _times(p, p.value, factor) != p.value else 1.0 / factor
    numbers = {name: _times(p, getattr(p, name), by) for name in ("value", "base_case", "low", "high")}
    return replace(p, **numbers, se=None if p.se is None else p.se * by)  # type: ignore[arg-type]


def _times(p: Parameter, value: object, factor: float) -> float | None:
    """A value times a factor, kept inside the limits of its kind."""
    if not isinstance(value, (int, float)):
        return None
    quantity = p.definition.quantity
    changed = float(value) * factor
    if quantity is None:
        return changed
    low = min(quantity.low, float(value)) if not quantity.low_excluded else float("-inf")
    return min(max(changed, low), quantity.high)


# -------------------------------------------------------------------------------------------------- writing


def write_redacted(inputs: Inputs, path: Path, build: Build, kind: str = "xlsx") -> Path:
    """Write the redacted copy of the report that `build` makes.

    A second copy is made from other confidential values, and must be the same file, byte for byte: the copy then
    holds nothing that depends on what they are. Raises InputError where nothing is marked, or what is marked cannot be
    changed, and ReportError where the two copies differ; nothing is then kept.
    """
    ids = confidential(inputs)
    public = without_telling_words(inputs, ids)
    reports = [build(public), *_built(build, other_inputs(public, ids))]
    if len(reports) <= LEAST:
        rule = "confidential values cannot be changed to see what depends on them"
        raise InputError([Problem(inputs.name, rule, ", ".join(ids), "Mark fewer values, or widen what limits them.")])
    copies = [_copy(public, ids, [reports[i], *reports[:i], *reports[i + 1 :]]) for i in range(2)]
    write_kind(copies[0], path, public.title, kind)
    with tempfile.TemporaryDirectory() as folder:
        other = write_kind(copies[1], Path(folder) / path.name, public.title, kind)
        if other.read_bytes() != path.read_bytes():
            path.unlink()
            raise ReportError(f"{path}: copies made from two sets of confidential values differ; none was kept.")
    return path


def _built(build: Build, candidates: Iterator[Inputs]) -> Iterator[Sequence[Page]]:
    """Reports of other inputs, without those that the model refuses once it runs."""
    for candidate in candidates:
        try:
            yield build(candidate)
        except InputError:
            continue


def _copy(public: Inputs, ids: Sequence[str], reports: Sequence[Sequence[Page]]) -> list[Page]:
    """Pages of a copy of the first of some reports, against the others."""
    found = redact(reports[0], reports[1:], ids)
    return [_front(public, ids, found), *map(_with_front, found.pages)]


def _front(inputs: Inputs, ids: Sequence[str], found: Redacted) -> Page:
    """The first page of the copy: what was blanked, and why."""
    values: list[tuple[Cell, ...]] = [(inputs.parameters[i].label or i, i) for i in ids]
    sheets = [(name,) for name, count in found.blanked.items() if count]
    counted = "One value is confidential" if len(ids) == 1 else f"{len(ids)} values are confidential"
    lead = (
        f"{counted}. All cells, texts and charts that depend on what is confidential are blanked: they say “{BLANK}”, "
        "or are left out. They were found by computing the whole report again with other confidential values: whatever "
        "then differed is blanked. All that is left is the same whatever the confidential values are, so that these "
        "cannot be worked out from it."
    )
    return Page(
        NAME,
        f"{NAME}: confidential values and all that depends on them are blanked",
        "For publication. The full report is with those who may see it.",
        (
            Text(lead, "lead"),
            Text(
                "The live model, the inputs in full and the fingerprint of the workbook are left out: each would give "
                "the values away. markov verify therefore checks the full report, and not this copy."
            ),
            Table(
                "Confidential values",
                (Column("What it is", "strong"), Column("Id")),
                tuple(values),
                "marked",
            ),
            Table(
                "Sheets on which something is blanked",
                (Column("Sheet", "link"),),
                tuple(sheets),
                "sheets_blanked",
            ),
        ),
        widths=(50.0, 44.0),
        one_page=True,
    )


def _with_front(page: Page) -> Page:
    """The contents name the first page too."""
    if page.name != CONTENTS:
        return page
    first = (NAME, "What was blanked in this copy, and why.")
    blocks = (
        replace(block, rows=(first, *block.rows)) if isinstance(block, Table) and block.key == "sheets" else block
        for block in page.blocks
    )
    return replace(page, blocks=tuple(blocks))


def public_command(command: str, ids: Collection[str]) -> str:
    """A command without the confidential values that it sets.

    >>> public_command("markov run a.xlsx --set price.x.brand=1890 --base-only", ["price.x.brand"])
    'markov run a.xlsx --set price.x.brand=confidential --base-only'
    """
    for identifier in ids:
        command = re.sub(rf"{re.escape(identifier)}\s*=\s*\S+", f"{identifier}={BLANK}", command)
    return command

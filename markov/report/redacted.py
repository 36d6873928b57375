"""A copy of a report for the public: values only, without confidential values and all that depends on them."""

import re
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from markov.inputs import checks
from markov.inputs.parameters import Inputs, Parameter
from markov.inputs.problems import InputError, Problem
from markov.report.files import ReportError
from markov.report.pages import CONTENTS, Cell, Column, Page, Table, Text
from markov.report.redaction import BLANK, Redacted, redact
from markov.report.reports import write_kind

NAME = "Redacted copy"
FACTORS = (0.02, 0.2, 0.5, 1.6, 4.0, 50.0)
MILDER = (0.9, 0.97, 1.02, 1.1)
"""By how much confidential values are changed to see what depends on them; the milder where a model bears no more."""
LEAST = 2  # changed runs without which nothing is redacted
TELLING = 4  # digits from which on a number in the file can only be the secret itself

Build = Callable[[Inputs], Sequence[Page]]
"""Makes all pages of a report of some inputs."""


def confidential(inputs: Inputs) -> dict[str, str]:
    """Ids of confidential values with the reason: marked, or a whole percentage of a marked amount of their kind.

    >>> from markov.inputs.template import shipped
    >>> from markov.inputs.workbook import read_inputs
    >>> confidential(read_inputs(shipped("calgb_100104")))
    {}
    """
    marked = [p for p in inputs.parameters.values() if p.confidential and isinstance(p.value, float)]
    found = {p.id: "marked in the workbook" for p in marked}
    for p in inputs.parameters.values():
        for secret in marked:
            share = _share(p, secret)
            if p.id not in found and share is not None:
                found[p.id] = f"it is {share} % of {secret.id}, which is marked"
    return found


def _share(p: Parameter, secret: Parameter) -> int | None:
    """The whole percentage that an amount is of a secret one of its kind, rounded to the penny; None if it is none."""
    alike = p.id.split(".")[0] == secret.id.split(".")[0] and p.unit == secret.unit
    if not alike or not isinstance(p.value, float) or not isinstance(secret.value, float) or not p.value:
        return None
    share = round(100.0 * p.value / secret.value) if secret.value else 0
    penny = 0.005 if p.definition.quantity and " per pack" in p.unit else 1e-9 * abs(p.value)
    return share if share and abs(p.value - share / 100.0 * secret.value) <= penny * (1.0 + 1e-9) else None


# --------------------------------------------------------------------------------------------- other values


def other_inputs(inputs: Inputs, ids: Sequence[str]) -> list[Inputs]:
    """The same inputs with other confidential values, all of them sound; raises InputError where there are too few."""
    found = []
    for factors in (FACTORS, MILDER):
        for factor in factors:
            candidate = _changed(inputs, ids, factor)
            if candidate is not None and not any(not p.warning for p in checks.problems(candidate)):
                found.append(candidate)
        if len(found) >= LEAST:
            return found
    rule = "confidential values cannot be changed to see what depends on them"
    raise InputError([Problem(inputs.name, rule, ", ".join(ids), "Mark fewer values, or widen what limits them.")])


def _changed(inputs: Inputs, ids: Sequence[str], factor: float) -> Inputs | None:
    """All confidential values times a factor, each by a little more than the one before; words about them emptied."""
    parameters = dict(inputs.parameters)
    for i, identifier in enumerate(ids):
        p, by = parameters[identifier], factor ** (1.0 + 0.07 * i)
        value = _times(p, p.value, by)
        if value == p.value:
            return None
        changed = {"value": value, "base_case": _times(p, p.base_case, by), "low": _times(p, p.low, by)}
        changed |= {"high": _times(p, p.high, by), "se": None if p.se is None else p.se * by}
        parameters[identifier] = replace(p, **changed, comment="", source="-", page="-")  # type: ignore[arg-type]
    scenarios = tuple(
        replace(c, value=_times(parameters[c.id], c.value, factor), reason="") if c.id in ids else c
        for c in inputs.scenarios
    )
    return replace(inputs, parameters=parameters, scenarios=scenarios, sha256="")


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

    Raises InputError where nothing is marked, or what is marked cannot be changed, and ReportError where a
    confidential value is still found in the file, which is then not kept.
    """
    ids = confidential(inputs)
    if not ids:
        rule, remedy = "no value is marked as confidential", "Write yes in the column confidential of its row."
        raise InputError([Problem(inputs.name, rule, remedy=remedy)])
    secrets = tuple(dict.fromkeys(_forms(inputs, ids)))
    found = redact(build(inputs), [build(other) for other in other_inputs(inputs, list(ids))], secrets, list(ids))
    pages = [_front(inputs, ids, found), *map(_with_front, found.pages)]
    write_kind(pages, path, inputs.title if not _shown(inputs.title, secrets) else BLANK, kind)
    left = _left(path, secrets)
    if left:
        path.unlink()
        raise ReportError(f"{path}: a confidential value is still in {left}; the copy was not kept.")
    return path


def _forms(inputs: Inputs, ids: Mapping[str, str]) -> Iterator[str]:
    """Confidential numbers in the forms in which files and texts show them, those of one or two digits left out."""
    rows = [inputs.parameters[identifier] for identifier in ids]
    values = [value for p in rows for value in (p.value, p.base_case, p.se, p.low, p.high)]
    values += [change.value for change in inputs.scenarios if change.id in ids]
    for value in values:
        if isinstance(value, (int, float)) and len(re.sub(r"\D", "", f"{value:g}".strip("0."))) > 2:
            yield from forms(float(value))


def forms(value: float) -> list[str]:
    """A number as it may be written: plain, with decimals, with thousands, as a percentage.

    >>> forms(1890.5)[:4]
    ['1890.5', '1,890.5', '1890.50', '1,890.50']
    """
    plain = [f"{value:.15g}", f"{value:,.15g}", f"{value:.2f}", f"{value:,.2f}"]
    round_enough = abs(value) >= 1000.0 or value == round(value)
    whole = [f"{value:.0f}", f"{value:,.0f}"] if round_enough else []
    return [*dict.fromkeys([*plain, *whole, repr(value), *([f"{100 * value:.1f}%"] if abs(value) < 1.0 else [])])]


def _shown(text: str, secrets: Sequence[str]) -> bool:
    return any(secret in text for secret in secrets)


def _left(path: Path, secrets: Sequence[str]) -> str:
    """The part of the file in which a telling number of the secrets still stands; empty where there is none."""
    telling = [s.encode() for s in secrets if len(re.sub(r"\D", "", s)) >= TELLING]
    parts = {path.name: path.read_bytes()}
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            parts = {name: archive.read(name) for name in archive.namelist()}
    for name, content in parts.items():
        for words in re.findall(rb">([^<>]+)<", content):
            if any(re.search(rb"(?<![\d.,])" + re.escape(secret) + rb"(?![\d]|[.,]\d)", words) for secret in telling):
                return name
    return ""


def _front(inputs: Inputs, ids: Mapping[str, str], found: Redacted) -> Page:
    """The first page of the copy: what was blanked, and why."""
    values: list[tuple[Cell, ...]] = [(inputs.parameters[i].label or i, i, reason) for i, reason in ids.items()]
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
                (Column("What it is", "strong"), Column("Id"), Column("Why")),
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
        widths=(50.0, 44.0, 60.0),
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


def public_command(command: str, ids: Mapping[str, str]) -> str:
    """A command without the confidential values that it sets.

    >>> public_command("markov run a.xlsx --set price.x.brand=1890 --base-only", {"price.x.brand": ""})
    'markov run a.xlsx --set price.x.brand=confidential --base-only'
    """
    for identifier in ids:
        command = re.sub(rf"{re.escape(identifier)}\s*=\s*\S+", f"{identifier}={BLANK}", command)
    return command

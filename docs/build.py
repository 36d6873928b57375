"""Writes the pages of the documentation that repeat the code or its results: python docs/build.py."""

from collections.abc import Iterator
from pathlib import Path

from markov.analysis.base_case import BaseCase, TrialComparison, base_case
from markov.inputs.definitions.schema import (
    DEFINITIONS,
    PARAMETER_SHEETS,
    SHEET_PURPOSE,
    Definition,
    Sheet,
    columns_of,
    units_of,
)
from markov.inputs.parameters import Inputs
from markov.inputs.workbook import read_inputs
from markov.inputs.writing.template import shipped, worked_names

HERE = Path(__file__).parent
ENDPOINTS = {
    "pfs": "PFS",
    "os": "OS",
    "time_on_treatment": "time on treatment",
    "discontinuation": "stopped for toxicity",
    "spm": "second malignancy",
}


def main() -> None:
    """Write the pages; the conclusions, which take a minute or two, only where results have changed."""
    import conclusions

    (HERE / "reference.md").write_text(reference(), encoding="utf-8")
    (HERE / "published_against_modelled.md").write_text(published_against_modelled(), encoding="utf-8")
    if conclusions.fingerprint() not in conclusions.PAGE.read_text(encoding="utf-8"):
        conclusions.main()


def reference() -> str:
    """Every sheet with its columns, and every id with its unit, choices and default."""
    lines = ["# Reference of sheets and ids", "", "Made from the schema by `python docs/build.py`; do not edit.", ""]
    for sheet in list(Sheet)[1:]:
        lines += [f"## {sheet}", "", f"{SHEET_PURPOSE[sheet]}.", ""]
        if any(definition.sheet is sheet for definition in DEFINITIONS):
            lines += [*_ids(sheet), ""]
        if sheet not in PARAMETER_SHEETS:
            lines += ["| column | what belongs there | needed |", "|---|---|---|"]
            lines += [f"| {c.header} | {c.help} | {'yes' if c.required else ''} |" for c in columns_of(sheet)]
        lines.append("")
    lines += ["## Columns of every sheet of parameters", "", "| column | what belongs there |", "|---|---|"]
    lines += [f"| {c.header} | {c.help} |" for c in columns_of(Sheet.SURVIVAL)]
    return "\n".join(lines).rstrip() + "\n"


def _ids(sheet: Sheet) -> Iterator[str]:
    yield "| id | what it is | unit or choices | default | note |"
    yield "|---|---|---|---|---|"
    for d in DEFINITIONS:
        if d.sheet is sheet:
            default = "" if d.default in (None, "") else str(d.default)
            yield f"| `{d.pattern}` | {d.label} | {_values(d)} | {default} | {d.help} |"


def _values(definition: Definition) -> str:
    if definition.choices:
        return ", ".join(definition.choices)
    units = units_of(definition, "CURRENCY")
    return ", ".join(units) if units else "text"


def published_against_modelled() -> str:
    """For every shipped workbook the figures of its trials beside the model's, with the reason for each difference."""
    lines = [
        "# Published against modelled",
        "",
        "Every published figure that a workbook names, beside the base case of that workbook. Made by "
        "`python docs/build.py`; do not edit. A verdict needs a published interval; without one, judge the difference.",
        "",
    ]
    for name in worked_names():
        result = base_case(read_inputs(shipped(name)))
        lines += [f"## {name}", "", f"{result.inputs.title}.", ""]
        lines += [
            "| strategy | figure | published | modelled | verdict | status | source and reason |",
            "|---|---|---|---|---|---|---|",
        ]
        lines += [_row(result, comparison) for comparison in result.trial]
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def _row(result: BaseCase, c: TrialComparison) -> str:
    told, inputs = c.result, result.inputs
    digits = 1 if told.measure == "median" else 3
    interval = ""
    if told.low is not None or told.high is not None:
        low, high = ("" if v is None else f"{v:.{digits}f}" for v in (told.low, told.high))
        interval = f" ({low} to {high})" if high else f" (from {low})"
    modelled = f"{c.modelled:.{digits}f}" if c.modelled == c.modelled else "not reached"
    verdict = {True: "within", False: "outside", None: ""}[c.within]
    reason = f"{told.source}. {told.comment}".strip(". ")
    cells = (
        inputs.labels[told.strategy],
        _figure(inputs, c),
        f"{told.value:.{digits}f}{interval}",
        modelled,
        verdict,
        told.status,
        reason,
    )
    return "| " + " | ".join(cell.replace("|", "/") for cell in cells) + " |"


def _figure(inputs: Inputs, c: TrialComparison) -> str:
    endpoint = ENDPOINTS.get(c.result.endpoint, c.result.endpoint)
    if c.result.measure == "median":
        return f"{endpoint}, median (months)"
    return f"{endpoint}, share at {c.result.months:g} months"


if __name__ == "__main__":
    main()

"""The commands on workbooks themselves: markov check, parameters, new."""

from pathlib import Path
from typing import Annotated

import typer

from markov.cli.steps import BAD_INPUT, NOT_WRITTEN, Changes, Workbook, read, stop


def check(workbook: Workbook, changes: Changes = None) -> None:
    """Check a workbook without running it: every problem with its cell, the rule and the remedy."""
    inputs = read(workbook, changes)
    for warning in inputs.warnings:
        print(f"warning: {warning}")
    strategies = ", ".join(inputs.labels[s] for s in inputs.compared)
    scenarios = len({change.scenario for change in inputs.scenarios})
    print(f"{workbook.name} is sound: {len(inputs.parameters)} values, {scenarios} scenarios, strategies {strategies}.")


def parameters(
    workbook: Workbook,
    search: Annotated[str, typer.Argument(help="Only ids or labels that contain this.", show_default=False)] = "",
) -> None:
    """List a workbook's parameters: id, value, unit, evidence status and cell."""
    inputs = read(workbook, None)
    found = [p for p in inputs.parameters.values() if search.lower() in f"{p.id} {p.label}".lower()]
    width = max((len(p.id) for p in found), default=0)
    for p in found:
        value = "" if p.value is None else str(p.value)
        print(f"{p.id:<{width}}  {value:>14}  {p.unit:<22}  {p.status:<22}  {p.cell}")
    if not found:
        stop(BAD_INPUT, f'No id or label of {workbook.name} contains "{search}".')


def new(
    workbook: Annotated[Path, typer.Argument(help="Workbook to write.", show_default=False)],
    example: Annotated[
        str | None,
        typer.Option("--from", metavar="NAME", help="Start from a worked decision problem instead of a blank one."),
    ] = None,
    strategies: Annotated[
        str, typer.Option("--strategies", help="Ids of the strategies of a blank workbook, the reference first.")
    ] = "no_maintenance,maintenance",
) -> None:
    """Write a blank workbook, or a copy of a worked one (calgb_100104, myeloma_ix)."""
    from markov.inputs.schema import NAME_PATTERN
    from markov.inputs.template import CoverText, blank_sheets, build, sources_folder, worked_names, write_workbook

    if workbook.suffix.lower() != ".xlsx":
        stop(NOT_WRITTEN, f"{workbook}: a new workbook is an .xlsx file.")
    if workbook.exists():
        stop(NOT_WRITTEN, f"{workbook} exists already and is left as it is: choose another name.")
    names = [name.strip() for name in strategies.split(",")]
    try:
        if example is not None:
            if example not in worked_names():
                stop(BAD_INPUT, f'There is no worked workbook "{example}". There are: {", ".join(worked_names())}.')
            build(sources_folder() / example, workbook)
        else:
            bad = [name for name in names if not NAME_PATTERN.fullmatch(name)]
            if bad or len(set(names)) < len(names):
                stop(BAD_INPUT, f"Strategy ids are different short words of small letters, digits and _: {strategies}")
            purpose = "A new decision problem: fill the cells in the input colour, then run the program on this file."
            write_workbook(workbook, CoverText("New decision problem", purpose), blank_sheets(names))
    except OSError as error:
        stop(NOT_WRITTEN, f"{workbook}: cannot be written ({error.strerror or error}).")
    print(f"Wrote {workbook}. Edit it in Excel, then: markov check {workbook}")

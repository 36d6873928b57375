"""The command that explains how one base case becomes another: markov walk."""

import datetime
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from markov.cli.run import Kind
from markov.cli.shared import (
    BAD_INPUT,
    CHECK_FAILED,
    Clock,
    Json,
    check_new,
    read,
    report_path,
    stop,
    write_text,
)

if TYPE_CHECKING:
    from markov.analysis.walk.walk import Walk
    from markov.analysis.walk.walk_steps import Plan
    from markov.inputs.parameters import Inputs

Side = Annotated[Path, typer.Argument(help="Input workbook to walk from, such as the company's.", show_default=False)]
Other = Annotated[Path, typer.Argument(help="Input workbook to walk to, such as the assessor's.", show_default=False)]


def walk(
    first: Side,
    second: Other,
    steps: Annotated[
        Path | None,
        typer.Option("--steps", help="Workbook with the steps and their order, as --write-steps writes it."),
    ] = None,
    write_steps: Annotated[
        Path | None,
        typer.Option("--write-steps", help="Write the differing inputs with step and order, to edit; run no walk."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Report to write, or the folder for it.", show_default="reports/A_to_B.walk.xlsx"),
    ] = None,
    threshold: Annotated[
        list[float] | None,
        typer.Option(
            "--threshold", min=0.0, help="Amount per QALY; may be repeated.", show_default="those of both workbooks"
        ),
    ] = None,
    kind: Annotated[
        Kind, typer.Option("--format", help="Excel workbook, web page that opens from disk, or Word document.")
    ] = Kind.XLSX,
    json_file: Json = None,
) -> None:
    """Explain how one base case becomes another: every differing input, in steps that add up to the difference.

    Shows cost, QALYs, ratio and net benefit after each step, at brand and generic prices; what each step and each
    input changes alone, in reverse order and on average over all orders. Neither workbook is changed.
    """
    clock = Clock(False)
    with clock.step("Reading the workbooks"):
        sides = _read(first, second)
    from markov.inputs.steps_sheet import read_steps

    plan = read_steps(steps) if steps is not None else None
    if write_steps is not None:
        _write_plan(sides, plan, write_steps)
        return
    from markov.analysis.walk.walk import walk as analyse

    with clock.step("Walking"):
        found = analyse(*sides, plan, sorted(set(threshold)) if threshold else None)
    if json_file:
        from markov.report.json import walk_json

        write_text(json_file, walk_json(found))
    told = [*_left_over(found, plan), *_told(found)]
    if found.steps:
        target = report_path(out, f"{first.stem}_to_{second.stem}.walk.{kind}")
        _write_report(found, target, kind, _command(first, second, steps, threshold), clock)
        told.append(f"Report: {target}")
    if json_file != "-":
        print("\n".join(told))
    if not found.arrives:
        stop(CHECK_FAILED, "The walk does not arrive at the workbooks' own results: an input was missed. Report this.")


def _read(first: Path, second: Path) -> "tuple[Inputs, Inputs]":
    """Both workbooks, with their folders in their names where these are the same."""
    one, other = read(first, None), read(second, None)
    if one.name != other.name:
        return one, other
    named = (replace(side, name=f"{path.parent.name}/{side.name}") for side, path in ((one, first), (other, second)))
    return next(named), next(named)


def _command(first: Path, second: Path, steps: Path | None, threshold: list[float] | None) -> str:
    parts = ["markov walk", first.name, second.name, *([f"--steps {steps.name}"] if steps else [])]
    return " ".join([*parts, *(f"--threshold {amount:g}" for amount in threshold or ())])


def _write_report(found: "Walk", target: Path, kind: str, command: str, clock: Clock) -> None:
    from markov.report.reports import write_kind
    from markov.report.sheets.provenance import pair_provenance_page
    from markov.report.sheets.walk import walk_pages

    with clock.step("Writing the report"):
        now = datetime.datetime.now(datetime.UTC)
        pages = [*walk_pages(found), pair_provenance_page(found.first, found.second, command, clock.elapsed, now)]
        write_kind(pages, target, f"From {found.first.name} to {found.second.name}", kind)


def _left_over(found: "Walk", plan: "Plan | None") -> list[str]:
    """What an analyst's plan names in vain, and what it forgot."""
    if plan is None:
        return []
    differing, planned = [d.id for d in found.found.inputs], [key for ids in plan.values() for key in ids]
    idle = [key for key in planned if key not in differing]
    forgotten = [key for key in differing if key not in planned]
    return [
        *([f"Left out of the steps, because both workbooks have the same: {', '.join(idle)}."] if idle else []),
        *([f"In no step of the sheet, and moved last: {', '.join(forgotten)}."] if forgotten else []),
    ]


def _told(found: "Walk") -> list[str]:
    """The walk in a few lines."""
    from markov.report.sheets.walk import answer

    other = len(found.found.inert) + sum(found.found.described.values()) + sum(found.found.beside.values())
    if not found.steps:
        return [
            f"No input that a base case reads differs between {found.first.name} and {found.second.name}: there is no "
            f"step, and no report. {other} rows differ in what a base case does not read; markov diff lists them."
        ]
    moved = [f"{step.name}: {remark}" for step in found.steps for remark in step.remarks]
    return [
        *found.remarks,
        *moved,
        *answer(found),
        f"{len(found.found.inputs)} inputs differ, in {len(found.steps)} steps that add up to the difference.",
    ]


# --------------------------------------------------------------------------------------------- planning the steps


def _write_plan(sides: "tuple[Inputs, Inputs]", plan: "Plan | None", target: Path) -> None:
    """Write the sheet of steps, and say what to do with it; an existing file is left as it is."""
    from markov.analysis.walk.walk_steps import planned_steps
    from markov.report.sheets.inputs_that_differ import steps_page
    from markov.report.writers.excel import write_pages

    check_new(target, "a sheet of steps")
    found, steps = planned_steps(*sides, plan)
    if not steps:
        stop(BAD_INPUT, "No input that a base case reads differs: there are no steps to plan.")
    write_pages([steps_page(*sides, steps, found)], target, "Steps of the walk")
    print(f"Wrote {target}: {len(found)} inputs in {len(steps)} steps. Edit it, then give it back with --steps.")
